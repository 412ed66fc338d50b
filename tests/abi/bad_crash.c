/* SPDX-License-Identifier: MIT */
/* bad_crash: does not survive being opened. */
#include <signal.h>

#include "bad.h"

static void __attribute__((constructor)) crash(void)
{
    (void)raise(SIGSEGV);
}

static const struct phub_distribution_ops ops = BAD_OPS;

PHUB_PLUGIN_DEFINE(bad_crash, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .ops.distribution = &ops);
