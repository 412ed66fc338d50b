/* SPDX-License-Identifier: MIT */
/* bad_texts: says nothing about itself. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

PHUB_PLUGIN_DEFINE(bad_texts, PHUB_KIND_DISTRIBUTION,
    .ops.distribution = &ops);
