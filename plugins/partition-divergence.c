/* SPDX-License-Identifier: MIT */
/* divergence: each side of a partition goes on.
 *
 * Availability first: whatever is missing, the members that see each other
 * take over its children as soon as its lease has run out, and both sides run
 * them until they meet again; then the higher epoch wins (phub(7)).  The
 * judgement needs no memory, so there is nothing to open but the door. */
#include <phub/plugin.h>

static int divergence_open(void *self, struct phub_ctx *ctx,
                           const struct phub_host *host)
{
    (void)self;
    (void)ctx;
    (void)host;
    return 0;
}

static void divergence_close(void *self)
{
    (void)self;
}

static int divergence_judge(void *self, const struct phub_judge *judge,
                            uint32_t *verdict)
{
    (void)self;
    (void)judge;
    *verdict = PHUB_VERDICT_CONTINUE;
    return 0;
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .open = divergence_open,
    .close = divergence_close,
    .judge = divergence_judge,
};

PHUB_PLUGIN_DEFINE(divergence, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "each side of a partition goes on; the higher epoch wins",
    .ops.partition = &ops);
