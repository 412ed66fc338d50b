/* SPDX-License-Identifier: MIT */
/* majority_quorum: only a side with more than half of all nodes goes on.
 *
 * Which nodes those are is agreed on, and changed only by more than half of
 * them (quorum/electors.c): whoever joins is added, whoever says goodbye is
 * taken out, whoever is lost stays, so what is left of five does not shrink to
 * a majority of itself. */
#include "quorum/electors.h"

#define NS_PER_MS 1000000ull

struct majority_quorum {
    struct electors electors;
    uint64_t minority;       /* index of the word: stop, freeze */
};

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

static int majority_quorum_open(void *self_, struct phub_ctx *ctx,
                                const struct phub_host *host)
{
    struct majority_quorum *self = self_;
    struct electors_options options = { .weigh = weigh_plain };
    uint64_t initial, found_ms, change_ms, tie_breaker;
    int rc;

    if ((rc = PHUB_NEED(host, ctx, param_uint)) != 0
        || (rc = host->param_uint(ctx, "initial_size", &initial)) != 0
        || (rc = host->param_uint(ctx, "found_wait_ms", &found_ms)) != 0
        || (rc = host->param_uint(ctx, "change_wait_ms", &change_ms)) != 0
        || (rc = host->param_uint(ctx, "minority", &self->minority)) != 0
        || (rc = host->param_uint(ctx, "tie_breaker", &tie_breaker)) != 0)
        return rc;
    if (tie_breaker != 0)
        options.weigh = weigh_oldest;
    options.initial_size = initial;
    options.found_wait_ns = found_ms * NS_PER_MS;
    options.change_wait_ns = change_ms * NS_PER_MS;
    return electors_open(&self->electors, ctx, host, &options);
}

static void majority_quorum_close(void *self_)
{
    struct majority_quorum *self = self_;

    electors_close(&self->electors);
}

static int majority_quorum_judge(void *self_, const struct phub_judge *judge,
                                 uint32_t *verdict)
{
    struct majority_quorum *self = self_;

    return electors_judge(&self->electors, judge,
                          self->minority == 0 ? PHUB_VERDICT_STOP
                                              : PHUB_VERDICT_FREEZE,
                          verdict);
}

static int majority_quorum_electors(void *self_,
    const struct phub_view *view, struct phub_elector *electors, uint32_t max,
    uint32_t *count, uint64_t *version)
{
    struct majority_quorum *self = self_;

    (void)view;
    return electors_fill(&self->electors, electors, max, count, version);
}

static void majority_quorum_completed(void *self_, uint64_t token, int32_t rc,
                                      const struct phub_result *result)
{
    struct majority_quorum *self = self_;

    (void)electors_completed(&self->electors, token, rc, result);
}

static void majority_quorum_received(void *self_, uint64_t node,
                                     const struct phub_bytes *message)
{
    struct majority_quorum *self = self_;

    electors_received(&self->electors, node, message);
}

static void majority_quorum_view_changed(void *self_,
                                         const struct phub_view *view)
{
    struct majority_quorum *self = self_;

    electors_view(&self->electors, view);
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct majority_quorum),
    .open = majority_quorum_open,
    .close = majority_quorum_close,
    .judge = majority_quorum_judge,
    .completed = majority_quorum_completed,
    .electors = majority_quorum_electors,
    .received = majority_quorum_received,
    .view_changed = majority_quorum_view_changed,
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
    .params_count = 5,
    .ops.partition = &ops);
