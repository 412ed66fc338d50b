/* SPDX-License-Identifier: MIT */
/* bad_vtable: leaves out what its kind is for. */
#include "bad.h"

static const struct phub_distribution_ops ops = {
    .size = sizeof ops, .open = bad_open, .close = bad_close };

PHUB_PLUGIN_DEFINE(bad_vtable, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .ops.distribution = &ops);
