/* SPDX-License-Identifier: MIT */
/* watchful: a partition strategy that freezes at a loss, for check_quorum.
 *
 * It thaws when somebody has come and nobody is missing any more that it knew;
 * with stop = yes it ends the children instead.  Each question it was asked is
 * a line in the log. */
#include <stdio.h>

#include <phub/plugin.h>

struct watchful {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t stop;
    uint32_t members;   /* most seen, less those that said goodbye */
};

static int watchful_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct watchful *self = self_;

    self->ctx = ctx;
    self->host = host;
    return host->param_uint(ctx, "stop", &self->stop);
}

static void watchful_close(void *self)
{
    (void)self;
}

static int watchful_judge(void *self_, const struct phub_judge *judge,
                          uint32_t *verdict)
{
    struct watchful *self = self_;
    uint32_t now = self->host->view_count(judge->new_view);
    char text[96];

    self->members -= (uint32_t)judge->left_count < self->members
                         ? (uint32_t)judge->left_count : self->members;
    if (now > self->members)
        self->members = now;
    *verdict = now == self->members ? PHUB_VERDICT_CONTINUE
        : self->stop != 0 ? PHUB_VERDICT_STOP : PHUB_VERDICT_FREEZE;
    snprintf(text, sizeof text, "asked: lost %u, left %u", judge->lost_count,
             (unsigned)judge->left_count);
    self->host->log(self->ctx, 4, text);
    return 0;
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct watchful),
    .open = watchful_open,
    .close = watchful_close,
    .judge = watchful_judge,
};

static const struct phub_param params[] = {
    { .name = "stop", .unit = "", .default_value = "no",
      .help = "End the children instead of freezing.", .max = 1,
      .type = PHUB_PARAM_BOOL },
};

PHUB_PLUGIN_DEFINE(watchful, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "freezes or stops while a node is missing",
    .params = params,
    .params_count = 1,
    .ops.partition = &ops);
