/* SPDX-License-Identifier: MIT */
/* bad_magic: a symbol that is something else. */
#include "bad.h"

static const struct phub_distribution_ops ops = BAD_OPS;

BAD_DEFINE("bad_magic", 0x12345678, sizeof(struct phub_plugin), 0, 0);
