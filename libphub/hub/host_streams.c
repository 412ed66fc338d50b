/* SPDX-License-Identifier: MIT */
/* host_streams: what this node wrote and others lack, for sync strategies. */
#include "config.h"

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/rows.h"

uint64_t phub__host_stream_head(struct phub_ctx *ctx)
{
    return phub__registry_head(ctx->hub->registry);
}

int phub__host_stream_delta(struct phub_ctx *ctx, uint64_t from,
                            uint32_t size_max, struct phub_buf **delta,
                            uint64_t *next)
{
    struct phub__builder builder;
    int rc;

    phub__builder_init(&builder, PHUB__DELTA_SIZE_MAX * 2);
    rc = phub__registry_delta(ctx->hub->registry, from,
                              size_max < PHUB__DELTA_SIZE_MAX
                                  ? size_max : PHUB__DELTA_SIZE_MAX,
                              &builder, next);
    if (rc == 0)
        rc = phub__builder_take(&builder, delta);
    phub__builder_fini(&builder);
    return rc;
}

int phub__host_stream_summary(struct phub_ctx *ctx,
                              struct phub_buf **summary)
{
    return phub__registry_summary_buf(ctx->hub->registry, summary);
}

int phub__host_stream_missing(struct phub_ctx *ctx,
                              const struct phub_bytes *summary,
                              uint32_t size_max, struct phub_buf **delta,
                              uint32_t *more)
{
    struct phub__builder builder;
    bool rest = false;
    int rc;

    phub__builder_init(&builder, PHUB__DELTA_SIZE_MAX * 2);
    rc = phub__registry_missing(ctx->hub->registry, *summary,
                                size_max < PHUB__DELTA_SIZE_MAX
                                    ? size_max : PHUB__DELTA_SIZE_MAX,
                                &builder, &rest);
    if (rc == 0)
        rc = phub__builder_take(&builder, delta);
    if (rc == 0)
        *more = rest;
    phub__builder_fini(&builder);
    return rc;
}

int phub__host_stream_apply(struct phub_ctx *ctx, uint64_t from,
                            const struct phub_bytes *delta)
{
    return phub__rows_apply(ctx->hub, from, *delta);
}

int phub__host_stream_equal(struct phub_ctx *ctx,
                            const struct phub_bytes *summary)
{
    bool equal = false;

    if (phub__registry_equal(ctx->hub->registry, *summary, &equal) != 0)
        return 0;
    if (equal)
        (void)phub__registry_stable(ctx->hub->registry, 4096);
    return equal;
}

int phub__host_stream_brief(struct phub_ctx *ctx, struct phub_buf **summary)
{
    return phub__registry_brief(ctx->hub->registry, summary);
}
