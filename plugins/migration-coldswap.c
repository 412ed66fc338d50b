/* SPDX-License-Identifier: MIT */
/* coldswap: end the child here, then start it there with its state.
 *
 * For everything that must not run twice, not even as a standby.  The order:
 * the target reserves; a child that can freeze is frozen, so that what it
 * answers last is in its state; the state is taken; the child ends; the state
 * goes over; the move is decided.  What the child cannot do is left out. */
#include <phub/swap.h>

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

PHUB_SWAP_STRATEGY(coldswap, coldswap_next);

PHUB_PLUGIN_DEFINE(coldswap, PHUB_KIND_MIGRATION,
    .version = "1.0",
    .license = "MIT",
    .summary = "end a child here, then start it there with its state",
    .params = coldswap_params,
    .params_count = sizeof coldswap_params / sizeof coldswap_params[0],
    .ops.migration = &coldswap_ops);
