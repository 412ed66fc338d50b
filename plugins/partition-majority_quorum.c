/* SPDX-License-Identifier: MIT */
/* majority_quorum: only a side with more than half of all nodes goes on.
 *
 * Which nodes those are is agreed on, and changed only by more than half of
 * them (quorum/electors.c): whoever joins is added, whoever leaves is taken
 * out before it goes, whoever is lost stays, so what is left of five does not shrink to
 * a majority of itself. */
#include "quorum/strategy.h"

static uint32_t weigh_plain(uint32_t index, uint32_t count)
{
    (void)index;
    (void)count;
    return 1;
}

/* Of an even number the half with the oldest has more. */
static uint32_t weigh_oldest(uint32_t index, uint32_t count)
{
    return index == 0 && count % 2 == 0 ? 2 : 1;
}

static int majority_quorum_open(void *self, struct phub_ctx *ctx,
                                const struct phub_host *host)
{
    return quorum_open(self, ctx, host, weigh_plain, "tie_breaker",
                       weigh_oldest);
}

static const struct phub_partition_ops ops = QUORUM_OPS(majority_quorum_open);

static const struct phub_param params[] = {
    QUORUM_PARAMS,
    { .name = "tie_breaker", .unit = "", .default_value = "none",
      .choices = "none|oldest", .type = PHUB_PARAM_CHOICE,
      .help = "Which half of an even number goes on: none, or the one with "
              "the node that has been an elector for longest." },
};

PHUB_PLUGIN_DEFINE(majority_quorum, PHUB_KIND_PARTITION,
    .abi_needs = 1,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_MAJORITY,
    .version = "1.0",
    .license = "MIT",
    .summary = "a side goes on that has more than half of all nodes",
    .wire_min = 1,
    .wire_max = 1,
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.partition = &ops);
