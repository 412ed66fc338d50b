/* SPDX-License-Identifier: MIT */
/* daemon: phubd as a function, for programs that want to be one. */
#ifndef PHUB_DAEMON_H
#define PHUB_DAEMON_H

#ifdef __cplusplus
extern "C" {
#endif

/* Run one node in the foreground until a signal ends it; phubd(8) has the
 * flags.  The return value is the exit code: 0, 1 if the node failed, 2 if it
 * was told nonsense.  Takes SIGTERM, SIGINT and SIGHUP.  Thread: the main
 * one; once per process at a time. */
int phub_daemon_main(int argc, char **argv);

#ifdef __cplusplus
}
#endif

#endif
