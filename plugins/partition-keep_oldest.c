/* SPDX-License-Identifier: MIT */
/* keep_oldest: the side with the oldest node goes on.
 *
 * In whatever way the nodes are cut apart, one side keeps its children: the
 * one with the node that has been an elector for longest.  If that one is all
 * alone, the others go on instead (unless alone = goes_on), so its loss stops
 * nothing.  Both rules are weights, and which nodes have one is agreed on
 * (quorum/electors.c). */
#include "quorum/electors.h"

#define NS_PER_MS 1000000ull

struct keep_oldest {
    struct electors electors;
    uint64_t minority;       /* index of the word: stop, freeze */
};

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

static int keep_oldest_open(void *self_, struct phub_ctx *ctx,
                            const struct phub_host *host)
{
    struct keep_oldest *self = self_;
    struct electors_options options = { .weigh = weigh_plain };
    uint64_t initial, found_ms, change_ms, alone;
    int rc;

    if ((rc = PHUB_NEED(host, ctx, param_uint)) != 0
        || (rc = host->param_uint(ctx, "initial_size", &initial)) != 0
        || (rc = host->param_uint(ctx, "found_wait_ms", &found_ms)) != 0
        || (rc = host->param_uint(ctx, "change_wait_ms", &change_ms)) != 0
        || (rc = host->param_uint(ctx, "minority", &self->minority)) != 0
        || (rc = host->param_uint(ctx, "alone", &alone)) != 0)
        return rc;
    if (alone != 0)
        options.weigh = weigh_always;
    options.initial_size = initial;
    options.found_wait_ns = found_ms * NS_PER_MS;
    options.change_wait_ns = change_ms * NS_PER_MS;
    return electors_open(&self->electors, ctx, host, &options);
}

static void keep_oldest_close(void *self_)
{
    struct keep_oldest *self = self_;

    electors_close(&self->electors);
}

static int keep_oldest_judge(void *self_, const struct phub_judge *judge,
                             uint32_t *verdict)
{
    struct keep_oldest *self = self_;

    return electors_judge(&self->electors, judge,
                          self->minority == 0 ? PHUB_VERDICT_STOP
                                              : PHUB_VERDICT_FREEZE,
                          verdict);
}

static int keep_oldest_electors(void *self_,
    const struct phub_view *view, struct phub_elector *electors, uint32_t max,
    uint32_t *count, uint64_t *version)
{
    struct keep_oldest *self = self_;

    (void)view;
    return electors_fill(&self->electors, electors, max, count, version);
}

static void keep_oldest_completed(void *self_, uint64_t token, int32_t rc,
                                  const struct phub_result *result)
{
    struct keep_oldest *self = self_;

    (void)electors_completed(&self->electors, token, rc, result);
}

static void keep_oldest_received(void *self_, uint64_t node,
                                 const struct phub_bytes *message)
{
    struct keep_oldest *self = self_;

    electors_received(&self->electors, node, message);
}

static void keep_oldest_view_changed(void *self_,
                                     const struct phub_view *view)
{
    struct keep_oldest *self = self_;

    electors_view(&self->electors, view);
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct keep_oldest),
    .open = keep_oldest_open,
    .close = keep_oldest_close,
    .judge = keep_oldest_judge,
    .completed = keep_oldest_completed,
    .electors = keep_oldest_electors,
    .received = keep_oldest_received,
    .view_changed = keep_oldest_view_changed,
};

static const struct phub_param params[] = {
    { .name = "initial_size", .unit = "", .default_value = "1", .min = 1,
      .max = PHUB_ELECTORS_MAX, .type = PHUB_PARAM_UINT,
      .help = "Found the set of electors when so many nodes see each other; "
              "more than half of those that are started at first keeps two "
              "sides from founding one each." },
    { .name = "found_wait_ms", .unit = "ms", .default_value = "1000",
      .min = 0, .max = 3600000, .type = PHUB_PARAM_UINT,
      .help = "And not before so long after this node's start." },
    { .name = "change_wait_ms", .unit = "ms", .default_value = "3000",
      .min = 100, .max = 3600000, .type = PHUB_PARAM_UINT,
      .help = "From one change of the electors to the next; longer than a "
              "lease." },
    { .name = "minority", .unit = "", .default_value = "stop",
      .choices = "stop|freeze", .type = PHUB_PARAM_CHOICE,
      .help = "What a side without a majority does at once with its "
              "children; those that are frozen end with their lease." },
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
    .params_count = 5,
    .ops.partition = &ops);
