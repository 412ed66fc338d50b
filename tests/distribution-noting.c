/* SPDX-License-Identifier: MIT */
/* noting: a distribution strategy that notes when it is asked, for
 * check_quorum: each question is a cause of the node, "assign VIEW".  A child
 * belongs on the member that the last byte of its id points at. */
#include <inttypes.h>
#include <stdio.h>

#include <phub/plugin.h>

struct noting {
    struct phub_ctx *ctx;
    const struct phub_host *host;
};

static int noting_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct noting *self = self_;

    self->ctx = ctx;
    self->host = host;
    return 0;
}

static void noting_close(void *self)
{
    (void)self;
}

static int noting_assign(void *self_, const struct phub_view *view,
                         const struct phub_assign_item *items, uint32_t count,
                         uint32_t stride, uint32_t factor, uint64_t *nodes,
                         uint32_t *counts)
{
    struct noting *self = self_;
    const struct phub_host *host = self->host;
    const struct phub_bytes none = { NULL, 0 };
    const char *at = (const char *)items;
    uint32_t members = host->view_count(view), i;
    char text[64];

    for (i = 0; i < count; i++, at += stride) {
        const struct phub_assign_item *item = (const void *)at;
        struct phub_view_node node = { .size = sizeof node };

        counts[i] = host->view_node(view, item->id.data[item->id.size - 1] %
                                              members, &node) == 0;
        nodes[i * factor] = node.id;
    }
    snprintf(text, sizeof text, "assign %016" PRIx64, host->view_hash(view));
    host->cause_note(self->ctx, &none, text);
    host->counter_add(self->ctx, "assigned", count);
    return 0;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct noting),
    .open = noting_open,
    .close = noting_close,
    .assign = noting_assign,
};

PHUB_PLUGIN_DEFINE(noting, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE,
    .version = "1.0",
    .license = "MIT",
    .summary = "notes when it is asked",
    .ops.distribution = &ops);
