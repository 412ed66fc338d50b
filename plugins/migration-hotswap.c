/* SPDX-License-Identifier: MIT */
/* hotswap: a standby is ready before the child stands still.
 *
 * What users feel is the time from freeze to running, so everything slow is
 * done before: the target starts a standby; then the child freezes, its state
 * is taken and goes over, and the move is decided; the child here ends last.
 * A child that cannot freeze would answer clients while its state is on the
 * way, and one without state that goes on running would run twice: both are
 * moved in the order of coldswap, which ends it first. */
#include <phub/swap.h>

struct hotswap {
    struct phub_swap *swap;
};

static uint32_t hotswap_next(void *arg, const struct phub_swap_info *info)
{
    const uint32_t handover = PHUB_SWAP_HANDOVER | PHUB_SWAP_CAN_STATE;
    const int state = (info->flags & handover) == handover;
    const int frozen = (info->flags & PHUB_SWAP_FROZEN) != 0;

    (void)arg;
    switch ((enum phub_swap_step)info->step) {
    case PHUB_SWAP_QUEUED:
        return (info->flags & PHUB_SWAP_CAN_FREEZE) != 0 ? PHUB_SWAP_STANDBY
                                                         : PHUB_SWAP_PREPARE;
    case PHUB_SWAP_STANDBY:
        return PHUB_SWAP_FREEZE;
    case PHUB_SWAP_PREPARE:
    case PHUB_SWAP_FREEZE:
        return state ? PHUB_SWAP_TAKE : PHUB_SWAP_END;
    case PHUB_SWAP_TAKE:
        if (frozen && (info->flags & PHUB_SWAP_TAKEN) != 0)
            return PHUB_SWAP_STORE;
        return PHUB_SWAP_END;
    case PHUB_SWAP_END:
        return PHUB_SWAP_STORE;
    case PHUB_SWAP_STORE:
        return PHUB_SWAP_DECIDE;
    case PHUB_SWAP_CONSENT:
    case PHUB_SWAP_DEFERRED:
    case PHUB_SWAP_BUSY:
    case PHUB_SWAP_HOLD:
    case PHUB_SWAP_DECIDE:
    case PHUB_SWAP_ABORT:
        break;
    }
    return 0;
}

static int hotswap_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct phub_swap_options options = { .next = hotswap_next };
    struct hotswap *self = self_;

    if (phub_swap_options_read(ctx, host, &options) != 0)
        return PHUB_ECONFIG;
    return phub_swap_new(ctx, host, &options, &self->swap);
}

static void hotswap_close(void *self_)
{
    struct hotswap *self = self_;

    phub_swap_free(&self->swap);
}

static int hotswap_begin(void *self_, const struct phub_plan_item *items,
                          uint32_t count, uint32_t stride)
{
    struct hotswap *self = self_;

    return phub_swap_begin(self->swap, items, count, stride);
}

static void hotswap_completed(void *self_, uint64_t token, int32_t rc,
                               const struct phub_result *result)
{
    struct hotswap *self = self_;

    (void)phub_swap_completed(self->swap, token, rc, result);
}

static void hotswap_cancel(void *self_, const struct phub_bytes *child)
{
    struct hotswap *self = self_;

    phub_swap_cancel(self->swap, child);
}

static void hotswap_view_changed(void *self_, const struct phub_view *view)
{
    struct hotswap *self = self_;

    phub_swap_handle_contraction(self->swap, view);
}

static const struct phub_migration_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct hotswap),
    .open = hotswap_open,
    .close = hotswap_close,
    .begin = hotswap_begin,
    .completed = hotswap_completed,
    .cancel = hotswap_cancel,
    .view_changed = hotswap_view_changed,
};

static const struct phub_param params[] = { PHUB_SWAP_PARAMS };

PHUB_PLUGIN_DEFINE(hotswap, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "start a standby there, freeze here, hand over, switch",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.migration = &ops);
