/* SPDX-License-Identifier: MIT */
/* drain: move everything away from this node. */
#ifndef PHUB__HUB_DRAIN_H
#define PHUB__HUB_DRAIN_H

#include "hub/hub.h"

/* moved and left: children that went, and that are still here. */
typedef void phub__drained(void *arg, int rc, uint32_t moved, uint32_t left);

/* From now on nothing new starts here; done once nothing movable is left, or
 * at the deadline.  PHUB_EBUSY: a drain is under way, and this is not the
 * node's stop, which takes it over; PHUB_ENOPLACE: there is no other node;
 * PHUB_EPARTITIONED, also as its end: the verdict is against it.  A stop waits
 * for a better one, unless that has ended the children already. */
int phub__drain_start(struct phub__hub *hub, uint64_t deadline_ms,
                      phub__drained *done, void *arg);
/* Why a node is drained: bits of hub->draining. */
#define PHUB__DRAIN_ASKED 1      /* people want it, or it stops */
#define PHUB__DRAIN_STRATEGY 2   /* it lacks one that the hub has chosen */
/* Take no children because of why, or not because of that, and tell the
 * others. */
void phub__drain_set(struct phub__hub *hub, int why, int draining);
/* What a drained node has become home to goes to others. */
void phub__drain_round(struct phub__hub *hub);
/* The hub is over: whoever asked for a drain is told. */
void phub__drain_close(struct phub__hub *hub);
/* OP_DRAIN. */
void phub__drain_asked(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item);

#endif
