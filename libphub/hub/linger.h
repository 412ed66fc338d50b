/* SPDX-License-Identifier: MIT */
/* linger: who waits until a lost node cannot run a child any more.
 *
 * A node that is lost may be a daemon that has died: its guard, and what runs
 * there, go on until the lease has passed.  Nothing that says "it has ended"
 * may be said before.  Leases are few and short, so they are looked at again
 * and again rather than counted down. */
#ifndef PHUB__HUB_LINGER_H
#define PHUB__HUB_LINGER_H

#include <stdint.h>

#include <phub/types.h>

struct phub__hub;

int phub__lingers_new(struct phub__hub *hub);
/* The hub is about to go: whoever waits is told PHUB_ESHUTDOWN. */
void phub__lingers_close(struct phub__hub *hub);
/* After close. */
void phub__lingers_free(struct phub__hub *hub);
/* done(arg, 0) once neither home nor a node that published an instance of the
 * child is lost with its lease still running; at once if that is so.  id is
 * copied.  done(arg, PHUB_ENOMEM): it cannot be waited for. */
void phub__linger_wait(struct phub__hub *hub, struct phub_bytes id,
                       uint64_t home, void (*done)(void *arg, int rc),
                       void *arg);

#endif
