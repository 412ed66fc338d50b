/* SPDX-License-Identifier: MIT */
/* bad_params: a default outside its own range. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

static const struct phub_param params[] = {
    { .name = "vnodes", .type = PHUB_PARAM_UINT, .unit = "",
      .default_value = "0", .min = 1, .max = 65536, .help = "points" },
};

PHUB_PLUGIN_DEFINE(bad_params, PHUB_KIND_DISTRIBUTION,
    BAD_TEXTS, .params = params, .params_count = 1,
    .ops.distribution = &ops);
