/* SPDX-License-Identifier: MIT */
/* migration-together: a third swap, by somebody who has the installed headers
 * and libphubswap and nothing else: start all standbys first, then switch all
 * at once.
 *
 * Each move is held once its target is ready.  When nobody gets ready any
 * more, all that are held go on together; those whose target failed, was busy
 * or had no turn yet make up the next round. */
#include <phub/swap.h>

struct together {
    struct phub_swap *swap;
};

static uint32_t together_next(void *arg, const struct phub_swap_info *info)
{
    const uint32_t flags = info->flags;
    const int state = (flags & PHUB_SWAP_HANDOVER) != 0 &&
                      (flags & PHUB_SWAP_CAN_STATE) != 0;

    (void)arg;
    switch ((enum phub_swap_step)info->step) {
    case PHUB_SWAP_QUEUED:
        return (flags & PHUB_SWAP_CAN_FREEZE) != 0 ? PHUB_SWAP_STANDBY
                                                   : PHUB_SWAP_PREPARE;
    case PHUB_SWAP_PREPARE:
    case PHUB_SWAP_STANDBY:
        return PHUB_SWAP_HOLD;
    case PHUB_SWAP_HOLD:
        if ((flags & PHUB_SWAP_CAN_FREEZE) != 0)
            return PHUB_SWAP_FREEZE;
        return state ? PHUB_SWAP_TAKE : PHUB_SWAP_END;
    case PHUB_SWAP_FREEZE:
        return state ? PHUB_SWAP_TAKE : PHUB_SWAP_END;
    case PHUB_SWAP_TAKE:
        return (flags & PHUB_SWAP_FROZEN) != 0 &&
                       (flags & PHUB_SWAP_TAKEN) != 0
                   ? PHUB_SWAP_STORE : PHUB_SWAP_END;
    case PHUB_SWAP_END:
        return PHUB_SWAP_STORE;
    case PHUB_SWAP_STORE:
        return PHUB_SWAP_DECIDE;
    case PHUB_SWAP_CONSENT:
    case PHUB_SWAP_DEFERRED:
    case PHUB_SWAP_BUSY:
    case PHUB_SWAP_DECIDE:
    case PHUB_SWAP_ABORT:
        break;
    }
    return 0;
}

static void switch_all(struct together *self)
{
    if (phub_swap_count(self->swap, PHUB_SWAP_HOLD) > 0 &&
        phub_swap_count(self->swap, PHUB_SWAP_STANDBY) == 0 &&
        phub_swap_count(self->swap, PHUB_SWAP_PREPARE) == 0)
        phub_swap_release(self->swap);
}

static int together_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct phub_swap_options options = { .next = together_next };
    struct together *self = self_;
    int rc = phub_swap_options_read(ctx, host, &options);

    return rc != 0 ? rc : phub_swap_new(ctx, host, &options, &self->swap);
}

static void together_close(void *self_)
{
    phub_swap_free(&((struct together *)self_)->swap);
}

static int together_begin(void *self_, const struct phub_plan_item *items,
                          uint32_t count, uint32_t stride)
{
    struct together *self = self_;

    return phub_swap_begin(self->swap, items, count, stride);
}

static void together_completed(void *self_, uint64_t token, int32_t rc,
                               const struct phub_result *result)
{
    struct together *self = self_;

    (void)phub_swap_completed(self->swap, token, rc, result);
    switch_all(self);
}

static void together_cancel(void *self_, const struct phub_bytes *child)
{
    struct together *self = self_;

    phub_swap_cancel(self->swap, child);
    switch_all(self);
}

static void together_view_changed(void *self_, const struct phub_view *view)
{
    struct together *self = self_;

    phub_swap_handle_contraction(self->swap, view);
    switch_all(self);
}

static void together_leave(void *self_, uint32_t deadline_ms)
{
    phub_swap_handle_shutdown(((struct together *)self_)->swap, deadline_ms);
}

static const struct phub_migration_ops together_ops = {
    .size = sizeof together_ops,
    .instance_size = sizeof(struct together),
    .open = together_open, .close = together_close,
    .begin = together_begin, .completed = together_completed,
    .cancel = together_cancel, .view_changed = together_view_changed,
    .leave = together_leave,
};

static const struct phub_param together_params[] = { PHUB_SWAP_PARAMS };

PHUB_PLUGIN_DEFINE(together, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "start every standby first, then switch all at once",
    .params = together_params,
    .params_count = sizeof together_params / sizeof together_params[0],
    .ops.migration = &together_ops);
