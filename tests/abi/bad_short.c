/* SPDX-License-Identifier: MIT */
/* bad_short: a vtable that ends before what its kind is for. */
#include "bad.h"

static const struct phub_distribution_ops ops = {
    .size = offsetof(struct phub_distribution_ops, assign),
    .open = bad_open, .close = bad_close, .assign = bad_assign };

PHUB_PLUGIN_DEFINE(bad_short, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .ops.distribution = &ops);
