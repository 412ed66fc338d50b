/* SPDX-License-Identifier: MIT */
/* coldswap: end the child here, then start it there with its state.
 *
 * For everything that must not run twice, not even as a standby.  The order:
 * the target reserves; a child that can freeze is frozen, so that what it
 * answers last is in its state; the state is taken; the child ends; the state
 * goes over; the move is decided.  What the child cannot do is left out. */
#include <phub/swap.h>

struct coldswap {
    struct phub_swap *swap;
};

static uint32_t coldswap_next(void *arg, const struct phub_swap_info *info)
{
    const uint32_t handover = PHUB_SWAP_HANDOVER | PHUB_SWAP_CAN_STATE;

    (void)arg;
    switch ((enum phub_swap_step)info->step) {
    case PHUB_SWAP_QUEUED:
        return PHUB_SWAP_PREPARE;
    case PHUB_SWAP_PREPARE:
        if ((info->flags & handover) != handover)
            return PHUB_SWAP_END;
        return (info->flags & PHUB_SWAP_CAN_FREEZE) != 0 ? PHUB_SWAP_FREEZE
                                                         : PHUB_SWAP_TAKE;
    case PHUB_SWAP_FREEZE:
        return PHUB_SWAP_TAKE;
    case PHUB_SWAP_TAKE:
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
    case PHUB_SWAP_DECIDE:
    case PHUB_SWAP_ABORT:
        break;
    }
    return 0;
}

static int coldswap_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct phub_swap_options options = { .next = coldswap_next };
    struct coldswap *self = self_;

    if (phub_swap_options_read(ctx, host, &options) != 0)
        return PHUB_ECONFIG;
    return phub_swap_new(ctx, host, &options, &self->swap);
}

static void coldswap_close(void *self_)
{
    struct coldswap *self = self_;

    phub_swap_free(&self->swap);
}

static int coldswap_begin(void *self_, const struct phub_plan_item *items,
                          uint32_t count, uint32_t stride)
{
    struct coldswap *self = self_;

    return phub_swap_begin(self->swap, items, count, stride);
}

static void coldswap_completed(void *self_, uint64_t token, int32_t rc,
                               const struct phub_result *result)
{
    struct coldswap *self = self_;

    (void)phub_swap_completed(self->swap, token, rc, result);
}

static void coldswap_cancel(void *self_, const struct phub_bytes *child)
{
    struct coldswap *self = self_;

    phub_swap_cancel(self->swap, child);
}

static void coldswap_view_changed(void *self_, const struct phub_view *view)
{
    struct coldswap *self = self_;

    phub_swap_handle_contraction(self->swap, view);
}

static const struct phub_migration_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct coldswap),
    .open = coldswap_open,
    .close = coldswap_close,
    .begin = coldswap_begin,
    .completed = coldswap_completed,
    .cancel = coldswap_cancel,
    .view_changed = coldswap_view_changed,
};

static const struct phub_param params[] = { PHUB_SWAP_PARAMS };

PHUB_PLUGIN_DEFINE(coldswap, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "end a child here, then start it there with its state",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.migration = &ops);
