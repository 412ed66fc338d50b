/* SPDX-License-Identifier: MIT */
/* phubd: the daemon; see phubd(8).  All of it is in the library. */
#include "config.h"

#include <phub/daemon.h>

#include "output.h"

int main(int argc, char **argv)
{
    return output_end("phubd", phub_daemon_main(argc, argv));
}
