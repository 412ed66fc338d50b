/* SPDX-License-Identifier: MIT */
/* gossip: rumours that go from a few members to a few more.
 *
 * The theory is in sync/rumours.c. */
#include "sync/rumours.h"

static int gossip_open(void *self, struct phub_ctx *ctx,
                      const struct phub_host *host)
{
    return rumours_open(self, ctx, host, NULL);
}

static const struct phub_sync_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct rumours),
    .open = gossip_open,
    .close = rumours_close,
    .changed = rumours_changed,
    .received = rumours_received,
    .view_changed = rumours_view_changed,
    .completed = rumours_completed,
};

static const struct phub_param params[] = {
    RUMOURS_PARAMS
};

PHUB_PLUGIN_DEFINE(gossip, PHUB_KIND_SYNC,
    .flags = PHUB_FLAG_MUST_MATCH,
    .wire_min = 1,
    .wire_max = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "tell a few, who tell a few more; mend by comparing",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.sync = &ops);
