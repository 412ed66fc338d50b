/* SPDX-License-Identifier: MIT */
/* bad_flags: a feature that must be understood; a hint that need not. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

PHUB_PLUGIN_DEFINE(bad_flags, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .flags = 1ull << 33 | 1ull << 31, .ops.distribution = &ops);
