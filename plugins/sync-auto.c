/* SPDX-License-Identifier: MIT */
/* auto: the author tells few members, rumours reach many.
 *
 * The theory is in sync/rumours.c. */
#include "sync/rumours.h"

static int auto_open(void *self, struct phub_ctx *ctx,
                    const struct phub_host *host)
{
    return rumours_open(self, ctx, host, "direct_members");
}

static const struct phub_sync_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct rumours),
    .open = auto_open,
    .close = rumours_close,
    .changed = rumours_changed,
    .received = rumours_received,
    .view_changed = rumours_view_changed,
    .completed = rumours_completed,
};

static const struct phub_param params[] = {
    { .name = "direct_members", .type = PHUB_PARAM_UINT, .unit = "members",
      .default_value = "64", .min = 0, .max = 4096, .local = 1,
      .help = "up to so many others are told directly, more by gossip" },
    RUMOURS_PARAMS
};

PHUB_PLUGIN_DEFINE(auto, PHUB_KIND_SYNC,
    .flags = PHUB_FLAG_MUST_MATCH,
    .wire_min = 1,
    .wire_max = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "as pubsub among few members, as gossip among many",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.sync = &ops);
