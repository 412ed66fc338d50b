/* SPDX-License-Identifier: MIT */
/* redistribute: what a change of the view means for who runs what. */
#ifndef PHUB__HUB_REDISTRIBUTE_H
#define PHUB__HUB_REDISTRIBUTE_H

#include "hub/hub.h"

int phub__redistribution_new(struct phub__hub *hub);
void phub__redistribution_free(struct phub__hub *hub);
/* The cluster's events. */
void phub__redistribution_view_changed(struct phub__hub *hub,
                                       const struct phub__view_change *c);
void phub__redistribution_view_settled(struct phub__hub *hub,
                                       const struct phub__view_change *c);
/* The node begins, and sees only itself: ask the partition strategy about
 * that.  Anything but "continue" means "not yet". */
void phub__redistribution_first(struct phub__hub *hub);
/* The partition strategy has changed its mind: ask it for voters and verdict
 * once more. */
void phub__redistribution_judge_again(struct phub__hub *hub);
/* The current view has been judged. */
/* An operator says that the size members of the view are all nodes there are.
 * text: what was done, or why not. */
/* What a partition strategy says of the view as it is. */
uint32_t phub__redistribution_verdict(struct phub__hub *hub,
                                      struct phub__strategy *strategy);
/* Placement may give other answers now: plan as if somebody had come. */
void phub__redistribution_plan_again(struct phub__hub *hub);
int phub__redistribution_reset(struct phub__hub *hub, uint64_t size,
                               char *text, size_t text_max);
int phub__redistribution_settled(const struct phub__hub *hub);
/* Something that plans wait for came true: runners attached, registry
 * complete, lease or verdict changed. */
void phub__redistribution_ready(struct phub__hub *hub);

/* Somebody waits for the move of id to target, by the strategy that who is
 * of: done(), once. */
typedef void phub__move_reported(void *arg, struct phub_bytes id,
                                 uint64_t target, int rc,
                                 const char *text);
int phub__redistribution_watch(struct phub__hub *hub, struct phub_bytes id,
                               uint64_t target, uint32_t who,
                               phub__move_reported *done, void *arg);
/* ctx: the strategy that was asked. */
void phub__redistribution_report(struct phub__hub *hub,
                                 const struct phub_ctx *ctx,
                                 struct phub_bytes id, int rc,
                                 const char *text);
/* Give this node's movable children to plan_fn in batches (at most 256 each,
 * ids borrowed). */
void phub__plan_home(struct phub__hub *hub,
                     void (*plan_fn)(struct phub__hub *hub,
                                     struct phub_bytes *ids, uint32_t count));
/* OP_MOVE: the operator asks for one. */
void phub__redistribution_move(struct phub__hub *hub,
                               const struct phub__op_request *op,
                               const struct phub__op_item *item);
/* One that this machine cannot begin has nothing here that could move: its home
 * is the target from now on, which starts it.  1: that is so. */
int phub__redistribution_give(struct phub__hub *hub, struct phub_bytes id,
                              uint64_t target, const char *why);
/* Hand children with these first targets to the migration strategy. */
int phub__redistribution_begin(struct phub__hub *hub,
                               const struct phub_bytes *ids,
                               const uint64_t *targets, uint32_t count,
                               enum phub_cause cause, uint32_t flags,
                               uint32_t deadline_ms, char *error,
                               size_t error_max);

#endif
