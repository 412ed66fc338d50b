/* SPDX-License-Identifier: MIT */
/* bad_needs: needs a later minor than there is. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

BAD_DEFINE("bad_needs",
           PHUB_PLUGIN_MAGIC, sizeof(struct phub_plugin), 107, 109);
