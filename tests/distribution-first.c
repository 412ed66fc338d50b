/* SPDX-License-Identifier: MIT */
/* first: a distribution strategy that chooses one node for each child. */
#include <phub/plugin.h>

struct first {
    const struct phub_host *host;
};

static int first_open(void *self_, struct phub_ctx *ctx,
                      const struct phub_host *host)
{
    struct first *self = self_;

    (void)ctx;
    self->host = host;
    return 0;
}

static void first_close(void *self)
{
    (void)self;
}

static int first_assign(void *self_, const struct phub_view *view,
                        const struct phub_assign_item *items, uint32_t count,
                        uint32_t stride, uint32_t factor, uint64_t *nodes,
                        uint32_t *counts)
{
    struct first *self = self_;
    struct phub_view_node node = { .size = sizeof node };
    uint32_t i;

    (void)items;
    (void)stride;
    for (i = 0; i < count; i++) {
        counts[i] = self->host->view_node(view, 0, &node) == 0;
        nodes[(uint64_t)i * factor] = node.id;
    }
    return 0;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct first),
    .open = first_open,
    .close = first_close,
    .assign = first_assign,
};

PHUB_PLUGIN_DEFINE(first, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE | PHUB_FLAG_SINGLE,
    .version = "1.0",
    .license = "MIT",
    .summary = "everything on the first node",
    .ops.distribution = &ops);
