/* SPDX-License-Identifier: MIT */
/* crash: what a daemon says when a strategy takes it down. */
#ifndef PHUB__HUB_CRASH_H
#define PHUB__HUB_CRASH_H

#include "strategy/note.h"

/* From now on a signal that ends the process in the middle of a call into a
 * strategy is told on standard error, with the strategy and the call, and ends
 * it all the same.  Signals that somebody else handles are left to that one.
 * note: where the calls are noted; once per process.
 * Thread: the hub's. */
void phub__crash_watch(const struct phub__call_note *note, int syslog);

#endif
