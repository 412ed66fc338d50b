/* SPDX-License-Identifier: MIT */
/* strategy: the vtable of a partition strategy on electors. */
#include "quorum/strategy.h"

#define NS_PER_MS 1000000ull

int quorum_open(void *self_, struct phub_ctx *ctx,
                const struct phub_host *host, electors_weigh *plain,
                const char *choice, electors_weigh *chosen)
{
    struct quorum_strategy *self = self_;
    struct electors_options options = { .weigh = plain };
    uint64_t found_ms, change_ms, word;
    int rc;

    if ((rc = PHUB_NEED(host, ctx, param_uint)) != 0
        || (rc = host->param_uint(ctx, "initial_size",
                                  &options.initial_size)) != 0
        || (rc = host->param_uint(ctx, "found_wait_ms", &found_ms)) != 0
        || (rc = host->param_uint(ctx, "change_wait_ms", &change_ms)) != 0
        || (rc = host->param_uint(ctx, "minority", &self->minority)) != 0
        || (rc = host->param_uint(ctx, choice, &word)) != 0)
        return rc;
    if (word != 0)
        options.weigh = chosen;
    options.found_wait_ns = found_ms * NS_PER_MS;
    options.change_wait_ns = change_ms * NS_PER_MS;
    return electors_open(&self->electors, ctx, host, &options);
}

void quorum_close(void *self_)
{
    struct quorum_strategy *self = self_;

    electors_close(&self->electors);
}

int quorum_judge(void *self_, const struct phub_judge *judge,
                 uint32_t *verdict)
{
    struct quorum_strategy *self = self_;

    return electors_judge(&self->electors, judge,
                          self->minority == 0 ? PHUB_VERDICT_STOP
                                              : PHUB_VERDICT_FREEZE,
                          verdict);
}

int quorum_electors(void *self_, const struct phub_view *view,
                    struct phub_elector *electors, uint32_t max,
                    uint32_t *count, uint64_t *version)
{
    struct quorum_strategy *self = self_;

    (void)view;
    return electors_fill(&self->electors, electors, max, count, version);
}

void quorum_completed(void *self_, uint64_t token, int32_t rc,
                      const struct phub_result *result)
{
    struct quorum_strategy *self = self_;

    (void)electors_completed(&self->electors, token, rc, result);
}

void quorum_received(void *self_, uint64_t node,
                     const struct phub_bytes *message)
{
    struct quorum_strategy *self = self_;

    electors_received(&self->electors, node, message);
}

void quorum_view_changed(void *self_, const struct phub_view *view)
{
    struct quorum_strategy *self = self_;

    electors_view(&self->electors, view);
}

int quorum_reset(void *self_, const struct phub_view *view)
{
    struct quorum_strategy *self = self_;

    return electors_reset(&self->electors, view);
}

int quorum_leave(void *self_, uint32_t deadline_ms)
{
    struct quorum_strategy *self = self_;

    (void)deadline_ms;
    return electors_leave(&self->electors);
}

void quorum_forget(void *self_, uint64_t node)
{
    struct quorum_strategy *self = self_;

    electors_left(&self->electors, &node, 1);
}
