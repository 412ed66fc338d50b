/* SPDX-License-Identifier: MIT */
/* order: messages of one sender to one child arrive in the order of sending,
 * whatever way each of them takes; see order.c.  Thread: the hub's. */
#ifndef PHUB__HUB_ORDER_H
#define PHUB__HUB_ORDER_H

#include "hub/local.h"
#include "hub/ops.h"

#define PHUB__ORDER_HOLD_MS 5000u   /* a message waits so long for another */
#define PHUB__ORDER_SENT_MAX 65536u /* (sender, child) pairs remembered */
#define PHUB__ORDER_SENT_MS 60000u  /* and so long */

struct phub__order_sent;  /* what this node sent or passed on, and where to */
struct phub__order_heard; /* what a child was given, by sender */

/* What becomes of a message now. */
enum phub__order {
    PHUB__ORDER_NOW = 1,
    PHUB__ORDER_WAIT,     /* one that was sent before is on its way */
    PHUB__ORDER_LATE      /* one that was sent later has been given */
};

/* Before a message goes to target: say in its mark which one went another
 * way before.  mark->number is set; mark->after may be. */
void phub__order_link(struct phub__hub *hub, uint64_t origin,
                      const struct phub__row_view *row, uint64_t target,
                      struct phub__mark *mark);
/* It has gone there.  Without memory it is not remembered, and the next one
 * that goes another way does not wait for it. */
void phub__order_sent(struct phub__hub *hub, uint64_t origin,
                      const struct phub__row_view *row, uint64_t target,
                      const struct phub__mark *mark);
void phub__order_sent_free(struct phub__order_sent **sent);

/* since_ns: when it came here. */
enum phub__order phub__order_judge(const struct phub__local *local,
                                   uint64_t origin,
                                   const struct phub__mark *mark,
                                   uint64_t since_ns);
/* The child has it, or will never get it. */
void phub__order_given(struct phub__local *local, uint64_t origin,
                       const struct phub__mark *mark);
/* It begins to wait here.  1: behind all of its sender that wait; 0: it was
 * sent before some of them, and has to find its place. */
int phub__order_queued(struct phub__local *local, uint64_t origin,
                       struct phub__mark *mark);
/* The one with that number waits here before it. */
void phub__order_behind(const struct phub__hub *hub, uint64_t number,
                        struct phub__mark *mark);
/* What the child was given here, for its next home: heard has room for
 * PHUB__MEMBERS_MAX.  Gives their number. */
uint32_t phub__order_heard(struct phub__local *local,
                           struct phub__op_heard *heard);
/* What it was given at a home before. */
void phub__order_told(struct phub__local *local,
                      const struct phub__op_heard *heard, uint32_t count);
void phub__order_forget(struct phub__local *local);

#endif
