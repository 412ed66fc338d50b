/* SPDX-License-Identifier: MIT */
/* lowest: every child belongs on the members with the lowest ids.
 *
 * Of no use but as a start for your own: it has each part that a strategy
 * has.  phub-strategy(7) says what may be done where. */
#include <phub/plugin.h>

struct lowest {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t skip;   /* this many of the lowest get nothing */
};

static int lowest_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct lowest *self = self_;

    if (PHUB_NEED(host, ctx, param_uint) || PHUB_NEED(host, ctx, view_count) ||
        PHUB_NEED(host, ctx, view_node))
        return PHUB_EUNSUPPORTED;
    self->ctx = ctx;
    self->host = host;
    return host->param_uint(ctx, "skip", &self->skip);
}

static void lowest_close(void *self)
{
    (void)self;   /* the host frees it */
}

static int lowest_assign(void *self_, const struct phub_view *view,
                         const struct phub_assign_item *items, uint32_t count,
                         uint32_t stride, uint32_t factor, uint64_t *nodes,
                         uint32_t *counts)
{
    struct lowest *self = self_;
    uint32_t members = self->host->view_count(view), i, j;

    (void)items;    /* every child is treated alike; else step by stride */
    (void)stride;
    for (i = 0; i < count; i++) {
        counts[i] = 0;
        for (j = (uint32_t)self->skip; j < members && counts[i] < factor;
             j++) {
            struct phub_view_node node = { .size = sizeof node };
            int rc = self->host->view_node(view, j, &node);

            if (rc != 0)
                return rc;
            nodes[i * factor + counts[i]++] = node.id;
        }
    }
    return 0;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct lowest),
    .open = lowest_open,
    .close = lowest_close,
    .assign = lowest_assign,
};

static const struct phub_param params[] = {
    { .name = "skip", .type = PHUB_PARAM_UINT, .unit = "nodes",
      .default_value = "0", .min = 0, .max = 1000,
      .help = "nodes, from the lowest id on, that get no children" },
};

PHUB_PLUGIN_DEFINE(lowest, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE,
    .version = "0.1",
    .license = "MIT",
    .summary = "every child on the lowest node ids",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
