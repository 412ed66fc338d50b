/* SPDX-License-Identifier: MIT */
/* bad_future: not bad: built against an ABI 1 that has grown everywhere. */
#include "bad.h"

static const struct {
    struct phub_distribution_ops ops;
    int (*later)(void *self, int what);
} ops = { .ops = { .size = sizeof ops, .instance_size = 100,
                   .open = bad_open, .close = bad_close,
                   .assign = bad_assign } };

static const struct {
    struct phub_param row;
    const char *later;
} params[] = {
    { { .name = "one", .type = PHUB_PARAM_UINT, .unit = "ms",
        .default_value = "10", .min = 1, .max = 100000, .help = "first" },
      "x" },
    { { .name = "two", .type = PHUB_PARAM_BOOL, .unit = "",
        .default_value = "yes", .help = "second" }, "x" },
    { { .name = "three", .type = PHUB_PARAM_CHOICE, .unit = "",
        .default_value = "b", .choices = "a|b|c", .help = "third" }, "x" },
    { { .name = "four", .type = PHUB_PARAM_TEXT, .unit = "",
        .default_value = "", .max = 8, .help = "fourth", .local = 1 }, "x" },
};

extern PHUB_PLUGIN_EXPORT const struct future phub_plugin_abi1;
const struct future {
    struct phub_plugin plugin;
    const void *later[4];
} phub_plugin_abi1 = { .plugin = {
    .magic = PHUB_PLUGIN_MAGIC, .size = sizeof phub_plugin_abi1,
    .abi_built = 109, .kind = PHUB_KIND_DISTRIBUTION, .name = "bad_future",
    .version = "9.8.70", .license = "MIT", .summary = "bad",
    .flags = 1ull << 30, .wire_min = 1, .wire_max = 7,
    .params = &params[0].row, .params_count = 4,
    .params_stride = sizeof params[0], .ops.distribution = &ops.ops } };
