/* SPDX-License-Identifier: MIT */
/* bad: a good distribution strategy, for one thing at a time to be wrong. */
#ifndef BAD_H
#define BAD_H

#include <phub/plugin.h>

static inline int bad_open(void *self, struct phub_ctx *ctx,
                           const struct phub_host *host)
{
    (void)self;
    (void)ctx;
    (void)host;
    return 0;
}

static inline void bad_close(void *self)
{
    (void)self;
}

static inline int bad_assign(void *self, const struct phub_view *view,
                             const struct phub_assign_item *items,
                             uint32_t count, uint32_t stride, uint32_t factor,
                             uint64_t *nodes, uint32_t *counts)
{
    uint32_t i;

    (void)self;
    (void)view;
    (void)items;
    (void)stride;
    (void)factor;
    (void)nodes;
    for (i = 0; i < count; i++)
        counts[i] = 0;
    return 0;
}

#define BAD_OPS                                                               \
    { .size = sizeof(struct phub_distribution_ops), .open = bad_open,         \
      .close = bad_close, .assign = bad_assign }
#define BAD_TEXTS .version = "1", .license = "MIT", .summary = "bad"

/* A descriptor without the help of PHUB_PLUGIN_DEFINE. */
#define BAD_DEFINE(name_, magic_, size_, needs_, built_)                      \
    extern PHUB_PLUGIN_EXPORT const struct phub_plugin phub_plugin_abi1;      \
    const struct phub_plugin phub_plugin_abi1 = {                             \
        .magic = (magic_), .size = (size_), .abi_needs = (needs_),            \
        .abi_built = (built_), .kind = PHUB_KIND_DISTRIBUTION,                \
        .name = name_, BAD_TEXTS, .ops.distribution = &ops }

#endif
