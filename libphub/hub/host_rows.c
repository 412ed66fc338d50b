/* SPDX-License-Identifier: MIT */
/* host_rows: the registry, as a strategy may read it in pieces.
 *
 * A call looks at as many rows as the strategy says and no more, so that a walk
 * over a million of them never holds up the loop.  What is given borrows from
 * the registry, which changes between two calls into the host at the
 * earliest. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/rows.h"

#define PIECE 64u   /* rows filled at once */

static void fill(const struct phub__row_view *view, struct phub_row *row,
                 uint32_t size)
{
    struct phub_row full = {
        .size = size < sizeof full ? size : (uint32_t)sizeof full,
        .id = view->id, .home = view->home, .home_epoch = view->home_epoch,
        .incarnation = view->incarnation, .version = view->edit.number,
        .replicas_count = view->replicas_count,
        .instances_count = view->instances_count };

    if (view->sticky)
        full.flags |= PHUB_ROW_STICKY;
    if (view->durable)
        full.flags |= PHUB_ROW_DURABLE;
    memcpy(row, &full, full.size);
}

/* 0 or PHUB_EINVAL. */
static int question(const struct phub_rows_query *in, struct phub__query *query)
{
    struct phub_rows_query full = { .size = sizeof full };

    if (in != NULL)
        memcpy(&full, in, in->size < sizeof full ? in->size : sizeof full);
    *query = (struct phub__query){ .by = PHUB__BY_LIVE, .node = full.node,
                                   .key = full.key };
    switch (full.by) {
    case PHUB_ROWS_ALL:
        return 0;
    case PHUB_ROWS_HOME:
        query->by = PHUB__BY_HOME;
        return 0;
    case PHUB_ROWS_INSTANCE:
        query->by = PHUB__BY_INSTANCE;
        return 0;
    case PHUB_ROWS_TAG:
        query->by = PHUB__BY_TAG;
        return full.key.size != 0 ? 0 : PHUB_EINVAL;
    }
    return PHUB_EINVAL;
}

int phub__host_rows_next(struct phub_ctx *ctx,
                         const struct phub_rows_query *query,
                         uint64_t *cursor, uint32_t budget,
                         struct phub_row *rows, uint32_t rows_max,
                         uint32_t stride, uint32_t *count)
{
    struct phub__row_view views[PIECE];
    struct phub__query by;
    uint32_t room, n, i;
    int rc = question(query, &by);

    if (rc != 0)
        return rc;
    if (budget == 0 || budget > PHUB_ROWS_BUDGET_MAX || rows_max == 0 ||
        stride < sizeof rows->size)
        return PHUB_EINVAL;
    room = rows_max < PIECE ? rows_max : PIECE;
    n = phub__registry_query(ctx->hub->registry, &by, cursor, budget, views,
                             room);
    *count = 0;
    for (i = 0; i < n; i++)
        if (views[i].live)
            fill(&views[i], (void *)((uint8_t *)rows +
                                     (size_t)(*count)++ * stride), stride);
    return 0;
}

static int find(struct phub_ctx *ctx, const struct phub_bytes *child,
                struct phub__row_view *view)
{
    int rc = phub__registry_get(ctx->hub->registry, *child, view);

    return rc != 0 || !view->live ? PHUB_ENOTFOUND : 0;
}

int phub__host_row_get(struct phub_ctx *ctx, const struct phub_bytes *child,
                       struct phub_row *row)
{
    struct phub__row_view view;
    int rc = find(ctx, child, &view);

    if (rc == 0)
        fill(&view, row, row->size);
    return rc;
}

int phub__host_row_metadata(struct phub_ctx *ctx,
                            const struct phub_bytes *child,
                            const struct phub_bytes *key,
                            struct phub_bytes *value)
{
    struct phub__row_view view;
    int rc = find(ctx, child, &view);

    return rc == 0 ? phub__row_meta(&view, *key, value) : rc;
}

int phub__host_instances_next(struct phub_ctx *ctx,
                              const struct phub_bytes *child,
                              uint64_t *cursor,
                              struct phub_instance *instances, uint32_t max,
                              uint32_t stride, uint32_t *count)
{
    struct phub_instance full = { .size = sizeof full };
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t n = 0;

    if (max == 0 || stride < sizeof full.size)
        return PHUB_EINVAL;
    if (phub__registry_get(ctx->hub->registry, *child, &view) != 0)
        return PHUB_ENOTFOUND;
    if (stride < sizeof full)
        full.size = stride;
    for (; *cursor < view.instances_count && n < max; (*cursor)++) {
        phub__row_half_at(&view, (uint32_t)*cursor, &half);
        if (half.state == PHUB_INSTANCE_GONE)
            continue;
        full.state = half.state;
        full.node = half.node;
        full.epoch = half.epoch;
        memcpy((uint8_t *)instances + (size_t)n++ * stride, &full, full.size);
    }
    *count = n;
    return n != 0 ? 0 : PHUB_EEMPTY;
}

int phub__host_homes_count(struct phub_ctx *ctx, const struct phub_view *view,
                           uint32_t *counts, uint32_t counts_max,
                           uint64_t *all)
{
    struct phub__registry_counts total;
    uint32_t i, members = phub__view_count(view);

    if (members > counts_max)
        return PHUB_EINVAL;
    for (i = 0; i < members; i++)
        counts[i] = (uint32_t)phub__registry_home_count(
            ctx->hub->registry, phub__view_at(view, i)->id);
    phub__registry_counts(ctx->hub->registry, &total);
    *all = total.rows_live;
    return 0;
}
