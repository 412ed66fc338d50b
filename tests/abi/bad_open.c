/* SPDX-License-Identifier: MIT */
/* bad_open: good in every way, and does not want to. */
#include "bad.h"

static int unwilling_open(void *self, struct phub_ctx *ctx,
                          const struct phub_host *host)
{
    (void)self;
    return host->fail(ctx, PHUB_ECONFIG, "no moon tonight");
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops, .open = unwilling_open, .close = bad_close,
    .assign = bad_assign };

PHUB_PLUGIN_DEFINE(bad_open, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .ops.distribution = &ops);
