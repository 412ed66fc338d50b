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

PHUB_SWAP_STRATEGY(hotswap, hotswap_next);

PHUB_PLUGIN_DEFINE(hotswap, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "start a standby there, freeze here, hand over, switch",
    .params = hotswap_params,
    .params_count = sizeof hotswap_params / sizeof hotswap_params[0],
    .ops.migration = &hotswap_ops);
