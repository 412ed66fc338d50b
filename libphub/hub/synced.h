/* SPDX-License-Identifier: MIT */
/* synced: is this node's registry complete for the view it is in? */
#ifndef PHUB__HUB_SYNCED_H
#define PHUB__HUB_SYNCED_H

#include "hub/hub.h"

int phub__synced_new(struct phub__hub *hub);
void phub__synced_free(struct phub__hub *hub);
/* The view changed: ask everybody anew. */
void phub__synced_view_changed(struct phub__hub *hub,
                               const struct phub__view_change *change);
/* This node's lease lapsed: whatever it knew may be old. */
void phub__synced_restart(struct phub__hub *hub);
/* A node that ordered the decisions about this child before, and that is
 * lost, may still think so: 1 until its lease has run out. */
int phub__synced_other_keeper(struct phub__hub *hub, struct phub_bytes id);
/* Once in a while: what somebody had when he told may have been overtaken
 * since, so that nobody can send it any more; ask all again. */
void phub__synced_round(struct phub__hub *hub);
/* Of those that were forgotten nothing needs to be remembered any more, but
 * whose children still need a home. */
void phub__synced_forget(struct phub__hub *hub);
void phub__synced_received(struct phub__hub *hub, uint64_t from,
                           struct phub_buf *body);
/* The same by way of another member (gather.c).  PHUB_EAGAIN: it is of one who
 * is not in view yet, in that boot.  PHUB_EINVAL: it counts for nothing. */
int phub__synced_passed_on(struct phub__hub *hub, uint64_t of,
                            struct phub_buf *body);
/* That was the last one for now: are all covered? */
void phub__synced_passed_all(struct phub__hub *hub);
/* As long as the messages of all members to all take, less in a large hub. */
uint64_t phub__synced_spread_ns(const struct phub__hub *hub);
/* Majorities count from now on. */
void phub__synced_majority_begins(struct phub__hub *hub);
/* Rows were merged: maybe that was what was missing. */
void phub__synced_rows_applied(struct phub__hub *hub);
/* A row loaded at start names a home that has not been seen yet. */
void phub__synced_absent(struct phub__hub *hub, uint64_t node);
/* This registry covers those of all members of this view. */
int phub__synced_complete(const struct phub__hub *hub);
/* What this node lacks is members that make a majority. */
int phub__synced_outvoted(const struct phub__hub *hub);
/* May a name that is not in this registry be one that somebody runs? */
enum phub__partial {
    PHUB__WHOLE,                /* no node that is away can know of one */
    PHUB__PARTIAL,              /* one may, and is likely to come back */
    PHUB__RESIGNED              /* one may, and was waited for in vain */
};
enum phub__partial phub__synced_partial(struct phub__hub *hub);
/* The lease lapsed, and it has not been complete since. */
int phub__synced_stale(const struct phub__hub *hub);
/* Did that node leave the view, lost or not, and has not come back? */
int phub__synced_is_lost(const struct phub__hub *hub, uint64_t node);
/* A node that is gone may still run what it had: 1 if so. */
int phub__synced_lease_left(struct phub__hub *hub, uint64_t node);
/* Who holds the state of that home epoch, 0 if nobody. */
uint64_t phub__synced_holder(struct phub__hub *hub, struct phub_bytes id,
                             struct phub_epoch incarnation,
                             struct phub_epoch home_epoch);
/* The nodes that left the view and whose children may need a home: the next
 * one, 0 past the end; ready_ns (now clock): from when they may be replaced. */
uint64_t phub__synced_lost(struct phub__hub *hub, uint64_t after,
                           uint64_t *ready_ns, int *left);

#endif
