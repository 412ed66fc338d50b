/* SPDX-License-Identifier: MIT */
/* caller: one typed and checked call per question to a strategy.
 *
 * The hub never touches a vtable.  A caller leaves out what an older plugin
 * does not have, and checks what a plugin answers: an answer that cannot be
 * true is PHUB_EPLUGIN with a sentence that names plugin, child and node, is
 * counted in strategy->faults, and nothing of it may be used - the previous
 * answer stands.  error may be NULL.
 *
 * Thread: the hub's.  None may be called while another call into the same
 * strategy is on the stack. */
#ifndef PHUB__STRATEGY_CALLER_H
#define PHUB__STRATEGY_CALLER_H

#include "strategy/loader.h"

/* Distribution.  nodes has count * factor places, counts has count; item i's
 * answer is nodes[i * factor ...], counts[i] of them, best first: different
 * members of view.  counts[i] == 0: no node may hold it (PHUB_ENOPLACE is the
 * caller's to report). */
int phub__call_assign(struct phub__strategy *strategy,
                      const struct phub_view *view,
                      const struct phub_assign_item *items, uint32_t count,
                      uint32_t factor, uint64_t *nodes, uint32_t *counts,
                      char *error, size_t error_max);

/* Redundancy.  Copies per child, 1 .. members of view (1 in an empty one). */
int phub__call_factor(struct phub__strategy *strategy,
                      const struct phub_view *view, uint32_t *factor,
                      char *error, size_t error_max);
/* roles[i] (enum phub_role) for nodes[i]; at least one is active. */
int phub__call_plan(struct phub__strategy *strategy,
                    const struct phub_view *view,
                    const struct phub_bytes *child, const uint64_t *nodes,
                    uint32_t count, uint32_t *roles, char *error,
                    size_t error_max);

/* Roles that children hear of, as bits 1 << enum phub_role: all without an
 * answer. */
uint32_t phub__call_signals(struct phub__strategy *strategy);

/* Partition. */
int phub__call_judge(struct phub__strategy *strategy,
                     const struct phub_judge *judge, uint32_t *verdict,
                     char *error, size_t error_max);
/* How many nodes a majority is counted over: the plugin's answer, at least
 * the members of view; without an answer the members of view. */
int phub__call_electorate(struct phub__strategy *strategy,
                          const struct phub_view *view, uint32_t *count,
                          char *error, size_t error_max);
/* Who has a say: electors has PHUB_ELECTORS_MAX places; *count = 0 without an
 * answer. */
int phub__call_electors(struct phub__strategy *strategy,
                        const struct phub_view *view,
                        struct phub_elector *electors, uint32_t *count,
                        uint64_t *version, char *error, size_t error_max);

/* Sync. */
void phub__call_changed(struct phub__strategy *strategy, uint64_t head);

/* Migration.  Every item ends in one host->move_report(); if this fails the
 * plugin has taken none of them. */
int phub__call_begin(struct phub__strategy *strategy,
                     const struct phub_plan_item *items, uint32_t count,
                     char *error, size_t error_max);
void phub__call_cancel(struct phub__strategy *strategy,
                       const struct phub_bytes *child);

/* Every kind; nothing happens where a kind or a plugin does not have it. */
/* The nodes of view are all there are.  PHUB_EUNSUPPORTED, with its words. */
int phub__call_reset(struct phub__strategy *strategy,
                     const struct phub_view *view, char *error,
                     size_t error_max);
void phub__call_forget(struct phub__strategy *strategy, uint64_t node);
/* Does the partition strategy let this node leave now? */
int phub__call_may_leave(struct phub__strategy *strategy,
                         uint32_t deadline_ms);
/* 0: it has nothing to say about that. */
int phub__call_leave(struct phub__strategy *strategy, uint32_t deadline_ms);
void phub__call_view_changed(struct phub__strategy *strategy,
                             const struct phub_view *view);
void phub__call_event(struct phub__strategy *strategy, phub_event_fn *fn,
                      uint64_t token, const struct phub_event *event);
/* 0, or why the start is refused. */
int phub__call_alter(struct phub__strategy *strategy,
                     phub_strategy_alter_fn *fn, uint64_t token,
                     struct phub_alter *alter);
/* Does it have asked()? */
int phub__strategy_answers(const struct phub__strategy *strategy);
void phub__call_asked(struct phub__strategy *strategy,
                      const struct phub_asked *asked);
void phub__call_completed(struct phub__strategy *strategy, uint64_t token,
                          int32_t rc, const struct phub_result *result);
void phub__call_received(struct phub__strategy *strategy, uint64_t node,
                         const struct phub_bytes *message);

#endif
