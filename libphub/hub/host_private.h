/* SPDX-License-Identifier: MIT */
/* host_private: what the groups of the host table share.
 *
 * Each group has a file of its own, host_GROUP.c, and declares here what the
 * table in host.c names. */
#ifndef PHUB__HUB_HOST_PRIVATE_H
#define PHUB__HUB_HOST_PRIVATE_H

#include "hub/host.h"

#define PHUB__HOST_TEXT_MAX 200u

struct phub__host_timer {
    struct phub__host_timer *next;
    struct phub_ctx *ctx;
    uint64_t token;
    struct phub__timer *timer;
};

/* One strategy that is open here, as the host table sees it.  Several of a
 * kind may be open at a time: while strategies are changed, the one that is
 * coming and those that have work to end (strategies.c). */
struct phub_ctx {
    struct phub__hub *hub;
    enum phub_kind kind;
    uint32_t slot;                 /* where it is in host->slots */
    uint32_t who;                  /* of all that were ever open; not 0 */
    uint64_t generation;           /* of the set that it is for; 0: none */
    uint32_t moving;               /* MIGRATION: given, not reported */
    struct phub__strategy *strategy;
    struct phub__host_timer *timers;
    uint32_t timers_count;
};

/* Something to tell a strategy. */
struct phub__told {
    struct phub__told *next;
    uint32_t who;
    uint64_t token;
    uint64_t value;
    uint32_t count;
    int rc;
    struct phub_buf *buf;
    char text[PHUB__HOST_TEXT_MAX];
};

#define PHUB__SLOTS 16u /* strategies that are open at one time */
#define PHUB__TOLD_SPARE 32u /* told without memory, until the next turn */

struct phub__host {
    struct phub_ctx *slots[PHUB__SLOTS];
    uint8_t kinds[PHUB__SLOTS];    /* theirs, to be found by */
    uint32_t who_last;
    struct phub__told *first, **last;
    struct phub__told *spare;      /* for when there is no memory */
    uint32_t spare_count;
    int scheduled;
    int judging;                   /* judge_again() waits for its turn */
    struct phub__host_work *works; /* under way */
    struct phub__host_store *stores[PHUB__SLOTS];
    struct phub__cells *cells;
    struct phub__loads *loads;
    struct phub__host_plan *plans[PHUB__SLOTS];
    struct phub__host_events *events;
    struct phub__host_asked *asked;    /* put to strategies here */
    uint64_t asked_last;
    uint32_t asked_count[PHUB__SLOTS];
};

/* The strategy of that kind and name that is open here, the next one in
 * after's slot and behind; NULL: none. */
struct phub_ctx *phub__host_find(struct phub__hub *hub, uint64_t kind,
                                 struct phub_bytes name,
                                 const struct phub_ctx *after);

/* Room for answers when there is no memory.  PHUB_ENOMEM. */
int phub__host_spare(struct phub__host *host);

extern const struct phub_host phub__host_table;

/* Strategies of which each is right, and which cannot be together: those in
 * charge, but instead (open; or NULL) for that of its kind.
 * Errors: PHUB_ECONFIG, PHUB_ENOMEM. */
int phub__host_contradiction(const struct phub__hub *hub,
                             struct phub__strategy *instead, char *error,
                             size_t error_max);

/* Open a strategy that has been loaded.  It is the ctx's afterwards, and freed
 * with it; after an error it is the caller's still.
 * Errors: PHUB_EBUSY (no slot), PHUB_EPLUGIN, PHUB_ENOMEM. */
int phub__host_ctx_open(struct phub__hub *hub,
                        struct phub__strategy *strategy,
                        uint64_t generation, struct phub_ctx **result, char *error,
                        size_t error_max);
/* Nothing that it began is under way, so it may be closed. */
int phub__host_ctx_idle(const struct phub_ctx *ctx);
void phub__host_ctx_close(struct phub_ctx **result);
void phub__host_timer_free(struct phub__host_timer *timer);

/* Tell, with two numbers. */
struct phub__told_counts {
    uint64_t value;
    uint32_t count;
};
void phub__host_complete_counts(struct phub__hub *hub, uint32_t who,
                                uint64_t token, int rc,
                                const struct phub__told_counts *counts,
                                const char *text);

/* --- later and elsewhere, the lease (host_work.c) --------------------------- */

int phub__host_defer(struct phub_ctx *ctx, uint64_t token);
int phub__host_work(struct phub_ctx *ctx, phub_work *fn,
                    const struct phub_bytes *input, uint32_t output_max,
                    uint64_t token);
/* The hub ends: what is under way ends for nobody. */
void phub__host_work_forget(struct phub__hub *hub);
int phub__host_lease(struct phub_ctx *ctx, struct phub_lease *lease);

/* --- the store of a strategy (host_store.c) --------------------------------- */

/* Read what an earlier start left. */
int phub__host_store_open(struct phub_ctx *ctx, char *error,
                          size_t error_max);
void phub__host_store_free(struct phub_ctx *ctx);
/* It does not come back: neither does what it kept. */
void phub__host_store_remove(const struct phub_ctx *ctx);
/* Something is on its way to the disk. */
int phub__host_store_busy(const struct phub_ctx *ctx);
int phub__host_store_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                         const struct phub_bytes *value, uint64_t token);
int phub__host_store_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                         struct phub_buf **value);
int phub__host_store_drop(struct phub_ctx *ctx, const struct phub_bytes *key,
                          uint64_t token);
int phub__host_store_sync(struct phub_ctx *ctx, uint64_t token);

/* --- nodes and children (host_peers.c) --------------------------------------- */

int phub__host_view_label(const struct phub_view *view, uint64_t node,
                          const struct phub_bytes *label,
                          struct phub_bytes *value);
int phub__host_peer_send(struct phub_ctx *ctx, uint64_t node,
                         const struct phub_bytes *message);
int phub__host_peer_multicast(struct phub_ctx *ctx, const uint64_t *nodes,
                              uint32_t count,
                              const struct phub_bytes *message,
                              uint32_t *sent);
int phub__host_peer_congested(struct phub_ctx *ctx, uint64_t node);
int phub__host_child_role(struct phub_ctx *ctx, const struct phub_bytes *child,
                          uint32_t role, uint64_t token);
int phub__host_child_stop(struct phub_ctx *ctx, const struct phub_bytes *child,
                          uint32_t timeout_ms, uint64_t token);
int phub__host_child_presend(struct phub_ctx *ctx,
                             const struct phub_bytes *child, uint64_t token);

/* --- streams (host_streams.c) ------------------------------------------------ */

uint64_t phub__host_stream_head(struct phub_ctx *ctx);
int phub__host_stream_delta(struct phub_ctx *ctx, uint64_t from,
                            uint32_t size_max, struct phub_buf **delta,
                            uint64_t *next);
int phub__host_stream_summary(struct phub_ctx *ctx, struct phub_buf **summary);
int phub__host_stream_missing(struct phub_ctx *ctx,
                              const struct phub_bytes *summary,
                              uint32_t size_max, struct phub_buf **delta,
                              uint32_t *more);
int phub__host_stream_apply(struct phub_ctx *ctx, uint64_t from,
                            const struct phub_bytes *delta);
int phub__host_stream_equal(struct phub_ctx *ctx,
                            const struct phub_bytes *summary);
int phub__host_stream_brief(struct phub_ctx *ctx, struct phub_buf **summary);

/* --- load (host_load.c) ------------------------------------------------------ */

int phub__host_loads_new(struct phub__hub *hub);
void phub__host_loads_free(struct phub__hub *hub);
int phub__host_load_publish(struct phub_ctx *ctx, uint32_t interval_ms,
                            const uint64_t *nodes, uint32_t count);
int phub__host_load_of(struct phub_ctx *ctx, uint64_t node,
                       struct phub_load *load);
void phub__host_load_close(struct phub_ctx *ctx);
int phub__host_load_watch(struct phub_ctx *ctx, uint64_t token);

/* --- rows (host_rows.c) ------------------------------------------------------ */

int phub__host_rows_next(struct phub_ctx *ctx,
                         const struct phub_rows_query *query,
                         uint64_t *cursor, uint32_t budget,
                         struct phub_row *rows, uint32_t rows_max,
                         uint32_t stride, uint32_t *count);
int phub__host_row_get(struct phub_ctx *ctx, const struct phub_bytes *child,
                       struct phub_row *row);
int phub__host_row_metadata(struct phub_ctx *ctx,
                            const struct phub_bytes *child,
                            const struct phub_bytes *key,
                            struct phub_bytes *value);
int phub__host_instances_next(struct phub_ctx *ctx,
                              const struct phub_bytes *child,
                              uint64_t *cursor,
                              struct phub_instance *instances, uint32_t max,
                              uint32_t stride, uint32_t *count);

/* --- plans (host_plan.c) ----------------------------------------------------- */

void phub__host_plans_free(struct phub__hub *hub);
void phub__host_plan_close(struct phub_ctx *ctx);
int phub__host_plan_submit(struct phub_ctx *ctx,
                           const struct phub_plan_item *items,
                           uint32_t count, uint32_t stride,
                           const struct phub_pace *pace, uint64_t token);
int phub__host_plan_cancel(struct phub_ctx *ctx);

/* --- hooks (host_hooks.c) ---------------------------------------------------- */

int phub__host_events_new(struct phub__hub *hub);
void phub__host_events_free(struct phub__hub *hub);
/* It hears of nothing any more. */
void phub__host_events_close(struct phub_ctx *ctx);
int phub__host_hook_add(struct phub_ctx *ctx, const char *name,
                        int32_t priority, phub_event_fn *fn, uint64_t token,
                        uint64_t *handle);
int phub__host_hook_cancel(struct phub_ctx *ctx, uint64_t handle);
int phub__host_alter_add(struct phub_ctx *ctx, int32_t priority,
                         phub_strategy_alter_fn *fn, uint64_t token,
                         uint64_t *handle);

/* --- states of children (host_state.c) --------------------------------------- */

int phub__host_child_state(struct phub_ctx *ctx,
                           const struct phub_bytes *child,
                           uint32_t timeout_ms, uint64_t token);
int phub__host_handover_put(struct phub_ctx *ctx, uint64_t node,
                            const struct phub_bytes *child,
                            struct phub_buf *state, uint32_t ttl_ms,
                            uint64_t token);
int phub__host_handover_get(struct phub_ctx *ctx,
                            const struct phub_bytes *child,
                            struct phub_buf **state, uint64_t *version);
int phub__host_handover_drop(struct phub_ctx *ctx,
                             const struct phub_bytes *child);

/* --- requests (host_request.c) ----------------------------------------------- */

/* Nobody is there any more to answer what it was asked. */
void phub__host_asked_close(struct phub_ctx *ctx);
int phub__host_request_new(struct phub_ctx *ctx, uint32_t count,
                           uint32_t timeout_ms, uint32_t flags,
                           uint64_t *result);
int phub__host_request_item(struct phub_ctx *ctx, uint64_t transaction,
                            uint32_t index, uint64_t node,
                            const struct phub_bytes *message);
int phub__host_request_option(struct phub_ctx *ctx, uint64_t transaction,
                              const struct phub_bytes *key,
                              const struct phub_bytes *value);
int phub__host_request_send(struct phub_ctx *ctx, uint64_t transaction,
                            uint64_t token);
int phub__host_request_await(struct phub_ctx *ctx, uint64_t transaction,
                             uint64_t token);
int phub__host_request_answer(struct phub_ctx *ctx, uint64_t transaction,
                              uint32_t index,
                              struct phub_request_answer *answer);
int phub__host_request_cancel(struct phub_ctx *ctx, uint64_t transaction);
int phub__host_respond(struct phub_ctx *ctx, uint64_t ask, int32_t rc,
                       const struct phub_bytes *data, const char *text);
int phub__host_ask_forward(struct phub_ctx *ctx, uint64_t ask, uint64_t node);
int phub__host_ask_option(struct phub_ctx *ctx, uint64_t ask,
                          const struct phub_bytes *key,
                          struct phub_bytes *value);
int phub__host_homes_count(struct phub_ctx *ctx, const struct phub_view *view,
                           uint32_t *counts, uint32_t counts_max,
                           uint64_t *all);

/* --- cells (host_cells.c) --------------------------------------------------- */

int phub__host_cells_new(struct phub__hub *hub);
void phub__host_cells_free(struct phub__hub *hub);
/* Keys that were there before it was opened. */
void phub__host_cells_learn(struct phub_ctx *ctx);
void phub__host_cells_close(struct phub_ctx *ctx);
int phub__host_cell_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                        struct phub_buf **value, uint64_t *version);
int phub__host_cell_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                        const struct phub_bytes *value, uint64_t token);
int phub__host_cell_cas(struct phub_ctx *ctx, const struct phub_bytes *key,
                        const struct phub_bytes *value, uint64_t version,
                        uint64_t token);
int phub__host_cell_next(struct phub_ctx *ctx, const struct phub_bytes *after,
                         struct phub_bytes *key);
int phub__host_cell_watch(struct phub_ctx *ctx, uint64_t token);

#endif
