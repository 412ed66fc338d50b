/* SPDX-License-Identifier: MIT */
/* move: a child and its state going from this node to another.
 *
 * The origin decides.  Before the decision everything can be taken back, and
 * a timer may do so; the decision is one write, home = target with a new
 * epoch; after it only an answer counts, or the row (the target gave it back,
 * or the keeper re-homed it because the target died).  Phases:
 *
 *   OPEN -> PREPARED -> (FROZEN or ENDED, state taken) -> SENT -> DECIDED
 *     \________\____________\___________________________\-> ABORTING -> over
 *
 * DECIDED ends when the target answers, or its instance is seen running at
 * our epoch (an answer may be lost, a row may not), or the row's home moves on
 * to a still higher epoch: to us - we thaw or start again with the state -, or
 * to somebody else - our copy is dropped.
 *
 * The arrival is the same at the target: it reserves, or holds a standby, and
 * collects the state.  It is good only while the row's home epoch is the one
 * it was made for: an origin that aborts writes a new home epoch before it
 * thaws, so that a stale copy can never be promoted (Lamport numbers as
 * fencing tokens).
 * Thread: the hub's. */
#ifndef PHUB__HUB_MOVE_H
#define PHUB__HUB_MOVE_H

#include <stdint.h>

#include <phub/plugin.h>
#include <phub/types.h>

#include "hub/local.h"
#include "hub/rows.h"

#define PHUB__MOVES_MAX 65536u   /* open here at one time */

int phub__moves_new(struct phub__hub *hub, struct phub__moves **moves);
void phub__moves_free(struct phub__moves **moves);
uint32_t phub__moves_count(const struct phub__moves *moves);

/* The host table's steps; see <phub/plugin.h>. */
int phub__move_open(struct phub_ctx *ctx, const struct phub_bytes *child,
                    uint64_t target, uint32_t cause, uint64_t *move);
int phub__move_prepare(struct phub__hub *hub, uint64_t move, uint32_t flags,
                       uint32_t timeout_ms, uint64_t token);
int phub__move_freeze(struct phub__hub *hub, uint64_t move,
                      uint32_t timeout_ms, uint64_t token);
int phub__move_take_state(struct phub__hub *hub, uint64_t move,
                          uint32_t timeout_ms, uint64_t token);
int phub__move_end(struct phub__hub *hub, uint64_t move, uint64_t token);
int phub__move_send_state(struct phub__hub *hub, uint64_t move,
                          uint32_t timeout_ms, uint64_t token);
int phub__move_decide(struct phub__hub *hub, uint64_t move, uint64_t token);
int phub__move_abort(struct phub__hub *hub, uint64_t move, const char *why,
                     uint64_t token);
void phub__move_finish(struct phub__hub *hub, uint64_t move);

/* --- what others tell a move ---------------------------------------------- */

/* The instance here is over; 1 if the move takes care of what follows. */
int phub__move_instance_ended(struct phub__move *move, enum phub__ended why,
                              const char *text);
/* The row changed; looks whether a decided move is over. */
void phub__move_row_changed(struct phub__move *move);
int phub__move_holding(const struct phub__move *move);
/* 0 if it goes to target too, so that who wants that may wait for its end,
 * which the strategy that who is of tells; else PHUB_E*, and text says where
 * it goes. */
int phub__move_joins(const struct phub__move *move, uint64_t target,
                     uint32_t *who, char *text, size_t max);

/* --- arrivals ------------------------------------------------------------- */

void phub__arrival_prepare(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item);
void phub__arrival_go(struct phub__hub *hub, const struct phub__op_request *op,
                      const struct phub__op_item *item);
void phub__arrival_discard(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item);
/* A member may have started anew: what it was sending will not come. */
void phub__arrivals_view_changed(struct phub__hub *hub);
/* Its standby changed phase, or ended (1: the arrival took care). */
void phub__arrival_instance_changed(struct phub__local *local);
int phub__arrival_instance_ended(struct phub__local *local,
                                 enum phub__ended why, int rc,
                                 const char *text);
/* The row says that the child is ours now: use what we hold. */
int phub__arrival_activate(struct phub__local *local);
/* The row has gone another way. */
void phub__arrival_row_changed(struct phub__local *local);
void phub__arrival_free(struct phub__local *local);
/* The same at the hub's end: nobody is answered. */
void phub__arrival_forget(struct phub__local *local);
/* It cannot run here: make it its origin's again, who still holds it.  0: it
 * came from nobody who is there. */
int phub__arrival_give_back(struct phub__local *local,
                            const struct phub__row_facts *row,
                            const char *why);

/* Was it given back, with a state that we still keep, and does not run there?
 * Its origin may have died before it heard of that. */
int phub__arrival_may_return(const struct phub__local *local,
                             const struct phub__row_facts *row);

/* States that this node could go on with if their origin or target is gone:
 * fills held (NULL: none), gives the count. */
uint32_t phub__moves_held(struct phub__hub *hub, struct phub__op_held *held,
                          uint32_t held_max);

/* Does this node hold the state of that home epoch? */
int phub__moves_holds(struct phub__hub *hub, struct phub_bytes id,
                      struct phub_epoch incarnation, struct phub_epoch epoch);

/* --- the bulk stream (state.c) -------------------------------------------- */

typedef void phub__state_sent(void *arg, int rc, const char *text);

/* Stream state to target; done(arg) once it has all of it, checked.  as: kind,
 * sequence, ttl_ms and code of one for the handover store; NULL: a move's. */
int phub__state_send(struct phub__hub *hub, uint64_t target,
                     struct phub_bytes id, struct phub_epoch incarnation,
                     struct phub_epoch epoch, struct phub_buf *state,
                     const struct phub__op_state *as, uint32_t timeout_ms,
                     phub__state_sent *done, void *arg,
                     struct phub__state_out **out);
void phub__state_cancel(struct phub__state_out **out);
void phub__state_lost(struct phub__hub *hub, uint64_t node);
void phub__state_received(struct phub__hub *hub, uint64_t from,
                          struct phub_buf *body);
void phub__state_acked(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body);
/* Chunks for an arrival: 0 or PHUB_E*; PHUB_EAGAIN: its standby is asked, and
 * the origin is answered when that has said whether it takes it. */
int phub__arrival_chunk(struct phub__hub *hub, uint64_t from,
                        const struct phub__op_state *chunk,
                        uint64_t *received);

#endif
