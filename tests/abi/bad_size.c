/* SPDX-License-Identifier: MIT */
/* bad_size: a descriptor that ends too early. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

BAD_DEFINE("bad_size", PHUB_PLUGIN_MAGIC, 24, 0, 0);
