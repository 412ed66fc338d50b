/* SPDX-License-Identifier: MIT */
/* watchful: a partition strategy that freezes at a loss, for check_quorum.
 *
 * It thaws when somebody has come and nobody is missing any more that it knew;
 * with stop = yes it ends the children instead, with go_on = yes it lets all
 * go on.  Each question it was asked is counted, and is a cause of the node:
 *
 *   judge VIEW lost NODE,NODE left NODE */
#include <inttypes.h>
#include <stdio.h>

#include <phub/plugin.h>

struct watchful {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t stop, go_on;
    uint32_t members;   /* most seen, less those that said goodbye */
};

static int watchful_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct watchful *self = self_;

    self->ctx = ctx;
    self->host = host;
    host->param_uint(ctx, "stop", &self->stop);
    return host->param_uint(ctx, "go_on", &self->go_on);
}

static void watchful_close(void *self)
{
    (void)self;
}

static size_t list(char *text, size_t max, const char *name,
                   const uint64_t *nodes, uint64_t count)
{
    size_t used = (size_t)snprintf(text, max, " %s ", name);
    uint64_t i;

    for (i = 0; i < count && used < max; i++)
        used += (size_t)snprintf(text + used, max - used, "%s%016" PRIx64,
                                 i != 0 ? "," : "", nodes[i]);
    return used;
}

static void note(struct watchful *self, const struct phub_judge *judge)
{
    const struct phub_bytes node = { NULL, 0 };
    char text[240];
    size_t used = (size_t)snprintf(text, sizeof text, "judge %016" PRIx64,
                                   self->host->view_hash(judge->new_view));

    used += list(text + used, sizeof text - used, "lost", judge->lost,
                 judge->lost_count);
    list(text + used, sizeof text - used, "left", judge->left,
         judge->left_count);
    self->host->cause_note(self->ctx, &node, text);
    self->host->counter_add(self->ctx, "asked", 1);
}

static int watchful_judge(void *self_, const struct phub_judge *judge,
                          uint32_t *verdict)
{
    struct watchful *self = self_;
    uint32_t now = self->host->view_count(judge->new_view);

    self->members -= (uint32_t)judge->left_count < self->members
                         ? (uint32_t)judge->left_count : self->members;
    if (now > self->members)
        self->members = now;
    *verdict = now == self->members || self->go_on != 0
                   ? PHUB_VERDICT_CONTINUE
        : self->stop != 0 ? PHUB_VERDICT_STOP : PHUB_VERDICT_FREEZE;
    note(self, judge);
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
    { .name = "go_on", .unit = "", .default_value = "no",
      .help = "Continue whatever happens.", .max = 1,
      .type = PHUB_PARAM_BOOL },
};

PHUB_PLUGIN_DEFINE(watchful, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "freezes or stops while a node is missing",
    .params = params,
    .params_count = 2,
    .ops.partition = &ops);
