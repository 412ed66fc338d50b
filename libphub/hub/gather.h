/* SPDX-License-Identifier: MIT */
/* gather: what each member has to tell all, by way of one. */
#ifndef PHUB__HUB_GATHER_H
#define PHUB__HUB_GATHER_H

#include "hub/hub.h"
#include "hub/ops.h"

#define PHUB__GATHER_FROM 12u             /* members; fewer tell each other */
#define PHUB__GATHER_ARENA_MAX (1u << 20) /* bytes of a decoded message */

int phub__gather_new(struct phub__hub *hub);
void phub__gather_free(struct phub__hub *hub);
/* Who gathers in that view, first and (second = 1) instead; 0: nobody does. */
uint64_t phub__gatherer(const struct phub_view *view, uint32_t second);
/* Pass this VIEW_SYNC of a member, ourselves too, on to all; sync is body,
 * decoded. */
void phub__gather_told(struct phub__hub *hub, uint64_t node,
                       const struct phub__op_view_sync *sync,
                       struct phub_buf *body);
/* So long it waits for what others have to tell. */
uint64_t phub__gather_wait_ns(const struct phub__hub *hub);
void phub__gather_view_changed(struct phub__hub *hub);
/* Once in a while: what came too early, and nobody after it, is dropped. */
void phub__gather_round(struct phub__hub *hub);
void phub__gather_received(struct phub__hub *hub, struct phub_buf *body);

#endif
