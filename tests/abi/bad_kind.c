/* SPDX-License-Identifier: MIT */
/* bad_kind: a file that is named like another kind and name. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

PHUB_PLUGIN_DEFINE(cold, PHUB_KIND_MIGRATION, BAD_TEXTS, .ops.any = &ops);
