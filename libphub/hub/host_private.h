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

struct phub_ctx {
    struct phub__hub *hub;
    enum phub_kind kind;
    struct phub__host_timer *timers;
    uint32_t timers_count;
};

/* Something to tell a strategy. */
struct phub__told {
    struct phub__told *next;
    enum phub_kind kind;
    uint64_t token;
    uint64_t value;
    int rc;
    struct phub_buf *buf;
    char text[PHUB__HOST_TEXT_MAX];
};

struct phub__host {
    struct phub_ctx ctx[PHUB__KINDS];
    struct phub__told *first, **last;
    int scheduled;
    int judging;                   /* judge_again() waits for its turn */
    struct phub__host_work *works; /* under way */
    struct phub__host_store *stores[PHUB__KINDS];
    struct phub__cells *cells;
};

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
int phub__host_store_open(struct phub__hub *hub, enum phub_kind kind,
                          char *error, size_t error_max);
void phub__host_store_free(struct phub__hub *hub, enum phub_kind kind);
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

/* --- cells (host_cells.c) --------------------------------------------------- */

int phub__host_cells_new(struct phub__hub *hub);
void phub__host_cells_free(struct phub__hub *hub);
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
