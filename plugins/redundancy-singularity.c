/* SPDX-License-Identifier: MIT */
/* singularity: one copy of each child, and it is active. */
#include <phub/plugin.h>

static int singularity_open(void *self, struct phub_ctx *ctx,
                            const struct phub_host *host)
{
    (void)self;
    (void)ctx;
    (void)host;
    return 0;
}

static void singularity_close(void *self)
{
    (void)self;
}

static int singularity_factor(void *self, const struct phub_view *view,
                              uint32_t *factor)
{
    (void)self;
    (void)view;
    *factor = 1;
    return 0;
}

/* A second node can only be one on its way out: the first is the active. */
static int singularity_plan(void *self, const struct phub_view *view,
                            const struct phub_bytes *child,
                            const uint64_t *nodes, uint32_t count,
                            uint32_t *roles)
{
    uint32_t i;

    (void)self;
    (void)view;
    (void)child;
    (void)nodes;
    for (i = 0; i < count; i++)
        roles[i] = i == 0 ? PHUB_ROLE_ACTIVE : PHUB_ROLE_PASSIVE;
    return 0;
}

static const struct phub_redundancy_ops ops = {
    .size = sizeof ops,
    .open = singularity_open,
    .close = singularity_close,
    .factor = singularity_factor,
    .plan = singularity_plan,
};

PHUB_PLUGIN_DEFINE(singularity, PHUB_KIND_REDUNDANCY,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "one copy of each child",
    .ops.redundancy = &ops);
