/* SPDX-License-Identifier: MIT */
/* autonomous: end the child here, start it there anew; ask nobody.
 *
 * For children that keep nothing: no consent is asked for, nobody is frozen,
 * no state is taken or sent ahead, so a move costs the child its stop and its
 * start and the hub two messages each way.  Every home moves its own children
 * by what the distribution strategy answers there, without a word to others.
 *
 * In ProcessHub a strategy of this name starts a child where it belongs even
 * while it runs elsewhere.  Here the target reserves before the child ends,
 * and it starts when the new home is recorded: never two (phub(7), promise 1),
 * and never none, since a target that refuses leaves the child where it is. */
#include <stdlib.h>
#include <string.h>

#include <phub/swap.h>

/* A move that does not go on in that time is given up, from the child's end
 * to the decision; nothing has to be carried meanwhile. */
#define TTL_MS 30000u

struct autonomous {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct phub_swap *swap;
};

static uint32_t autonomous_next(void *arg, const struct phub_swap_info *info)
{
    (void)arg;
    switch ((enum phub_swap_step)info->step) {
    case PHUB_SWAP_QUEUED:
        return PHUB_SWAP_PREPARE;
    case PHUB_SWAP_PREPARE:
        return PHUB_SWAP_END;
    case PHUB_SWAP_END:
        return PHUB_SWAP_STORE;
    case PHUB_SWAP_STORE:
        return PHUB_SWAP_DECIDE;
    case PHUB_SWAP_CONSENT:
    case PHUB_SWAP_DEFERRED:
    case PHUB_SWAP_BUSY:
    case PHUB_SWAP_STANDBY:
    case PHUB_SWAP_HOLD:
    case PHUB_SWAP_FREEZE:
    case PHUB_SWAP_TAKE:
    case PHUB_SWAP_DECIDE:
    case PHUB_SWAP_ABORT:
        break;
    }
    return 0;
}

static int autonomous_open(void *self_, struct phub_ctx *ctx,
                           const struct phub_host *host)
{
    struct autonomous *self = self_;
    struct phub_swap_options options = {
        .size = sizeof options, .handover = 0,
        .state_query_timeout_ms = TTL_MS, .state_ttl_ms = TTL_MS,
        .consent_timeout_ms = 1, .consent_retry_ms = 1,
        .next = autonomous_next };
    uint64_t parallel, prepare_ms;

    if (PHUB_NEED(host, ctx, param_uint) || PHUB_NEED(host, ctx, fail))
        return PHUB_EUNSUPPORTED;
    if (host->param_uint(ctx, "moves_parallel", &parallel) != 0 ||
        host->param_uint(ctx, "prepare_timeout_ms", &prepare_ms) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    options.moves_parallel = (uint32_t)parallel;
    options.prepare_timeout_ms = (uint32_t)prepare_ms;
    self->ctx = ctx;
    self->host = host;
    return phub_swap_new(ctx, host, &options, &self->swap);
}

static void autonomous_close(void *self_)
{
    phub_swap_free(&((struct autonomous *)self_)->swap);
}

/* The items, without their consent. */
static int autonomous_begin(void *self_, const struct phub_plan_item *items,
                            uint32_t count, uint32_t stride)
{
    struct autonomous *self = self_;
    const uint8_t *at = (const uint8_t *)items;
    struct phub_plan_item *mine = calloc(count + 1u, sizeof *mine);
    uint32_t i;
    int rc;

    if (mine == NULL)
        return self->host->fail(self->ctx, PHUB_ENOMEM, "out of memory");
    for (i = 0; i < count; i++, at += stride) {
        memcpy(&mine[i], at, stride < sizeof *mine ? stride : sizeof *mine);
        mine[i].size = sizeof *mine;
        mine[i].flags |= PHUB_PLAN_NO_CONSENT;
    }
    rc = phub_swap_begin(self->swap, mine, count, sizeof *mine);
    free(mine);
    return rc;
}

static void autonomous_completed(void *self_, uint64_t token, int32_t rc,
                                 const struct phub_result *result)
{
    (void)phub_swap_completed(((struct autonomous *)self_)->swap, token, rc,
                              result);
}

static void autonomous_cancel(void *self_, const struct phub_bytes *child)
{
    phub_swap_cancel(((struct autonomous *)self_)->swap, child);
}

static void autonomous_view_changed(void *self_, const struct phub_view *view)
{
    phub_swap_handle_contraction(((struct autonomous *)self_)->swap, view);
}

static void autonomous_leave(void *self_, uint32_t deadline_ms)
{
    phub_swap_handle_shutdown(((struct autonomous *)self_)->swap,
                              deadline_ms);
}

static const struct phub_migration_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct autonomous),
    .open = autonomous_open, .close = autonomous_close,
    .begin = autonomous_begin, .completed = autonomous_completed,
    .cancel = autonomous_cancel, .view_changed = autonomous_view_changed,
    .leave = autonomous_leave,
};

static const struct phub_param params[] = {
    PHUB_SWAP_PARAM_("moves_parallel", "moves", "64", 1, 65536,
        "moves under way at a time, shared evenly among the targets"),
    PHUB_SWAP_PARAM_("prepare_timeout_ms", "ms", "5000", 1, 3600000,
        "how long a target may take to get ready"),
};

PHUB_PLUGIN_DEFINE(autonomous, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "end a child here, start it there anew; asks nobody",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.migration = &ops);
