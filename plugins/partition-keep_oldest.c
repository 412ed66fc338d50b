/* SPDX-License-Identifier: MIT */
/* keep_oldest: the side with the oldest node goes on.
 *
 * In whatever way the nodes are cut apart, one side keeps its children: the
 * one with the node that has been an elector for longest.  If that one is all
 * alone, the others go on instead (unless alone = goes_on), so its loss stops
 * nothing.  Both rules are weights, and which nodes have one is agreed on
 * (quorum/electors.c). */
#include "quorum/strategy.h"

/* The oldest with anybody, or all but the oldest. */
static uint32_t weigh_plain(uint32_t index, uint32_t count)
{
    if (count < 3)
        return index == 0 ? 2 : 1;
    return index == 0 ? count - 2 : 1;
}

/* More than all others. */
static uint32_t weigh_always(uint32_t index, uint32_t count)
{
    return index == 0 ? count : 1;
}

static int keep_oldest_open(void *self, struct phub_ctx *ctx,
                            const struct phub_host *host)
{
    return quorum_open(self, ctx, host, weigh_plain, "alone",
                       weigh_always);
}

static const struct phub_partition_ops ops = QUORUM_OPS(keep_oldest_open);

static const struct phub_param params[] = {
    QUORUM_PARAMS,
    { .name = "alone", .unit = "", .default_value = "stops",
      .choices = "stops|goes_on", .type = PHUB_PARAM_CHOICE,
      .help = "What the oldest node does without any other: of three or more "
              "it stops and the others go on, or it goes on and they never "
              "do." },
};

PHUB_PLUGIN_DEFINE(keep_oldest, PHUB_KIND_PARTITION,
    .abi_needs = 1,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_MAJORITY,
    .version = "1.0",
    .license = "MIT",
    .summary = "the side with the oldest node goes on",
    .wire_min = 1,
    .wire_max = 1,
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.partition = &ops);
