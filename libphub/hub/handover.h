/* SPDX-License-Identifier: MIT */
/* handover: states that wait here for a child whose home is another node.
 *
 * Two kinds come over the state stream (state.c):
 *   - a pre-sent state: the home is leaving and has ended the child; it is the
 *     last there is;
 *   - a checkpoint: a copy of a child that goes on, taken every checkpoint_ms
 *     of its spec; by giving that, the spec allows a state that is stale.
 * Moves keep theirs with the arrival (move.h), because it belongs to a target
 * that was prepared.
 *
 * Whose state is it?  Each entry has the incarnation and the home epoch it was
 * taken in.  It counts for a start here only if nobody ran the child at a later
 * epoch: the row's home went on from that epoch to this node, and no instance
 * half has a later one.  An entry is dropped when the row says otherwise, when
 * it was delivered, and after its time to live.  After each change of the view
 * a node tells what it holds, and the keeper prefers a holder as the new home;
 * among checkpoints the one with the highest sequence.
 *
 * Bounds: PHUB__HANDOVER_MAX entries, PHUB__HANDOVER_SIZE_MAX bytes.  At the
 * limit what has expired goes first, then the oldest checkpoint; a pre-sent
 * state never goes for another, its sender hears PHUB_ELIMIT.
 * Thread: the hub's. */
#ifndef PHUB__HUB_HANDOVER_H
#define PHUB__HUB_HANDOVER_H

#include "hub/local.h"
#include "hub/rows.h"

#define PHUB__HANDOVER_MAX 16384u              /* entries */
#define PHUB__HANDOVER_SIZE_MAX (UINT64_C(1) << 30)  /* bytes of states */
#define PHUB__HANDOVER_TTL_MS 120000u          /* of a pre-sent state */

enum phub__handover_kind {
    PHUB__HANDOVER_MOVE = 0,       /* not here: an arrival's */
    PHUB__HANDOVER_PRESENT,
    PHUB__HANDOVER_CHECKPOINT
};

int phub__handover_new(struct phub__hub *hub);
void phub__handover_free(struct phub__hub *hub);
uint32_t phub__handover_count(const struct phub__hub *hub);
uint64_t phub__handover_size(const struct phub__hub *hub);

/* The counters, for phub status. */
void phub__handover_tell(struct phub__hub *hub,
                         void (*counter)(void *arg, const char *name,
                                         uint64_t value), void *arg);

/* A chunk of kind PRESENT or CHECKPOINT: 0 or PHUB_E*.  A whole one with a
 * code says that there is no state, and why. */
int phub__handover_chunk(struct phub__hub *hub, uint64_t from,
                         const struct phub__op_state *chunk,
                         uint64_t *received);
/* Keep a whole state, or none with code; a reference is taken.
 * Errors: PHUB_ELIMIT, PHUB_ENOMEM, PHUB_ECANCELLED: there is a later one. */
int phub__handover_keep(struct phub__hub *hub, uint64_t from,
                        const struct phub__op_state *head,
                        struct phub_buf *state);
/* The child is about to start here: what it shall begin with, if anything,
 * goes to local->kept or kept_code. */
void phub__handover_deliver(struct phub__local *local,
                            const struct phub__row_facts *row);
/* Is there a state that the child, home here by that row, goes on with? */
int phub__handover_waits(struct phub__hub *hub, struct phub_bytes id,
                         const struct phub__row_facts *row);
/* What waits for the child: borrowed, of a checkpoint or not.
 * PHUB_ENOTFOUND; PHUB_EEMPTY: that there is none. */
int phub__handover_look(struct phub__hub *hub, struct phub_bytes id,
                        struct phub_buf **state, int *checkpoint);
/* Is there anything of that child? */
int phub__handover_knows(struct phub__hub *hub, struct phub_bytes id);
/* The row changed: drop what it overtakes. */
void phub__handover_row_changed(struct phub__hub *hub, struct phub_bytes id);
/* Drop the whole entry of that child; 1 if there was one. */
int phub__handover_drop(struct phub__hub *hub, struct phub_bytes id);
/* Once in a while: what has expired goes. */
void phub__handover_round(struct phub__hub *hub);

/* Does this node hold a state of that home epoch?  Gives its rank: 0 no,
 * UINT64_MAX the last there is, else the sequence of a checkpoint. */
uint64_t phub__handover_holds(struct phub__hub *hub, struct phub_bytes id,
                              struct phub_epoch incarnation,
                              struct phub_epoch epoch);
/* Fill what is held, at most held_max; held NULL: only count. */
uint32_t phub__handover_held(struct phub__hub *hub,
                             struct phub__op_held *held, uint32_t held_max);

/* What another node says that it holds: a copy, ordered by id, in one piece
 * of memory; NULL if there is none. */
struct phub__op_held *phub__held_copy(const struct phub__op_held *in,
                                      uint32_t count);
/* How good is what such a list has of that home epoch?  As above. */
uint64_t phub__held_rank(const struct phub__op_held *held, uint32_t count,
                         struct phub_bytes id, struct phub_epoch incarnation,
                         struct phub_epoch home_epoch);

/* --- sending (presend.c) --------------------------------------------------- */

/* The instance of local runs, or does not any more. */
void phub__checkpoint_changed(struct phub__local *local);
void phub__checkpoint_free(struct phub__local *local);
/* One that a strategy gives, to be kept on that node; done() once, on a later
 * turn; not if this fails.  PHUB_EREFUSED: the spec asks for none,
 * PHUB_EBUSY: one is under way, PHUB_EMOVED: its home is another. */
int phub__checkpoint_put(struct phub__local *local, uint64_t node,
                         struct phub_buf *state, uint64_t ttl_ms,
                         void (*done)(void *arg, int rc, const char *text),
                         void *arg);
/* How much of a stop's time is for the states of what a drain cannot move. */
uint64_t phub__presend_share(uint64_t deadline_ms);
/* This node leaves: the states of what is left here go to their next homes,
 * all at once, as the migration strategy says in leave(), or all of them.
 * done(hub) when they are there, or at the deadline; at once if that is 0. */
void phub__presend_start(struct phub__hub *hub, uint64_t deadline_ms,
                         void (*done)(struct phub__hub *hub));
/* One of them.  done() once, on a later turn; not if this fails. */
int phub__presend_child(struct phub__hub *hub, struct phub_bytes id,
                        void (*done)(void *arg, int rc, const char *text),
                        void *arg);
void phub__presend_free(struct phub__hub *hub);
/* This node is stopping: 1 while a move is under way, or the state of what came
 * back goes on to its next home. */
int phub__presend_rest(struct phub__hub *hub);
/* Does the state of that life, which came back here, go on? */
int phub__presend_returns(const struct phub__local *local,
                          struct phub_epoch incarnation);

#endif
