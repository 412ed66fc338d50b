/* SPDX-License-Identifier: MIT */
/* mapped: a distribution strategy that puts a child on the node that its
 * metadata name under "on", else on the first; for check_groups.  It counts the
 * tags that it sees. */
#include <string.h>

#include <phub/plugin.h>

struct mapped {
    struct phub_ctx *ctx;
    const struct phub_host *host;
};

static int mapped_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct mapped *self = self_;

    self->ctx = ctx;
    self->host = host;
    return 0;
}

static void mapped_close(void *self)
{
    (void)self;
}

static int equal(const struct phub_bytes *a, const struct phub_bytes *b)
{
    return a->size == b->size && memcmp(a->data, b->data, a->size) == 0;
}

static uint64_t place(const struct phub_host *host,
                      const struct phub_view *view,
                      const struct phub_assign_item *item)
{
    const struct phub_bytes on = { (const uint8_t *)"on", 2 };
    struct phub_view_node node = { .size = sizeof node };
    uint32_t i;
    uint64_t k;

    for (k = 0; k < item->metadata_count; k++)
        for (i = 0; equal(&item->metadata[k].key, &on) &&
                    host->view_node(view, i, &node) == 0; i++)
            if (equal(&item->metadata[k].value, &node.name))
                return node.id;
    return host->view_node(view, 0, &node) == 0 ? node.id : 0;
}

static int mapped_assign(void *self_, const struct phub_view *view,
                         const struct phub_assign_item *items, uint32_t count,
                         uint32_t stride, uint32_t factor, uint64_t *nodes,
                         uint32_t *counts)
{
    struct mapped *self = self_;
    const char *at = (const char *)items;
    uint32_t i;

    for (i = 0; i < count; i++, at += stride) {
        const struct phub_assign_item *item = (const void *)at;

        nodes[(size_t)i * factor] = place(self->host, view, item);
        counts[i] = 1;
        self->host->counter_add(self->ctx, "tags", item->tags_count);
    }
    return 0;
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct mapped),
    .open = mapped_open,
    .close = mapped_close,
    .assign = mapped_assign,
};

PHUB_PLUGIN_DEFINE(mapped, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_METADATA,
    .abi_needs = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "goes by a child's metadata",
    .ops.distribution = &ops);
