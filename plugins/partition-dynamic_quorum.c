/* SPDX-License-Identifier: MIT */
/* dynamic_quorum: a side goes on that has a part of the nodes of late.
 *
 * Lost nodes are remembered for a while (threshold).  A side goes on as long as
 * its members are at least quorum_percent of the members and of those that were
 * lost within the threshold: the hub may shrink slowly, node after node, to any
 * size, but not at once.  That is its point and its weakness: a partition that
 * comes in slices, or lasts longer than the threshold, may leave two sides that
 * both go on; phub-partition-dynamic_quorum(7) says so.
 *
 * Who said goodbye is not counted.  A member that comes back is not missing any
 * more.  When an entry grows old the verdict may change without any event, so a
 * timer asks for it to be judged again. */
#include <stdlib.h>
#include <string.h>

#include <phub/plugin.h>

#define LOST_MAX 1024u
#define NS_PER_S 1000000000ull
#define TOKEN_OLD 1u

struct lost {
    uint64_t node;
    uint64_t at_ns;
};

struct dynamic_quorum {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t percent;
    uint64_t threshold_ns;
    uint64_t minority;        /* index of the word: stop, freeze */
    struct lost *lost;        /* oldest first */
    uint32_t lost_count;
    uint32_t waits;           /* 1: the timer runs */
};

static int dynamic_quorum_open(void *self_, struct phub_ctx *ctx,
                               const struct phub_host *host)
{
    struct dynamic_quorum *self = self_;
    uint64_t threshold_s;
    int rc;

    self->ctx = ctx;
    self->host = host;
    if ((rc = PHUB_NEED(host, ctx, now_ns)) != 0
        || (rc = PHUB_NEED(host, ctx, timer)) != 0
        || (rc = PHUB_NEED(host, ctx, view_count)) != 0
        || (rc = PHUB_NEED(host, ctx, view_has)) != 0
        || (rc = PHUB_NEED(host, ctx, judge_again)) != 0
        || (rc = host->param_uint(ctx, "quorum_percent",
                                  &self->percent)) != 0
        || (rc = host->param_uint(ctx, "threshold_s", &threshold_s)) != 0
        || (rc = host->param_uint(ctx, "minority", &self->minority)) != 0)
        return rc;
    self->threshold_ns = threshold_s * NS_PER_S;
    self->lost = calloc(LOST_MAX, sizeof *self->lost);
    return self->lost == NULL ? PHUB_ENOMEM : 0;
}

static void dynamic_quorum_close(void *self_)
{
    struct dynamic_quorum *self = self_;

    free(self->lost);
}

/* Take out who is back or was lost long ago. */
static void forget(struct dynamic_quorum *self, const struct phub_view *view)
{
    uint64_t now = self->host->now_ns(self->ctx);
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->lost_count; i++)
        if (!self->host->view_has(view, self->lost[i].node)
            && now < self->lost[i].at_ns + self->threshold_ns)
            self->lost[kept++] = self->lost[i];
    self->lost_count = kept;
}

static void drop(struct dynamic_quorum *self, uint32_t index)
{
    self->lost_count--;
    memmove(&self->lost[index], &self->lost[index + 1],
            (self->lost_count - index) * sizeof *self->lost);
}

/* Of more than fit the oldest goes. */
static void remember(struct dynamic_quorum *self, uint64_t node)
{
    for (uint32_t i = 0; i < self->lost_count; i++)
        if (self->lost[i].node == node)
            return; /* it was judged before */
    if (self->lost_count == LOST_MAX)
        drop(self, 0);
    self->lost[self->lost_count++] =
        (struct lost){ node, self->host->now_ns(self->ctx) };
}

static void wait_for_oldest(struct dynamic_quorum *self)
{
    uint64_t now = self->host->now_ns(self->ctx), at;

    if (self->waits || self->lost_count == 0)
        return;
    at = self->lost[0].at_ns + self->threshold_ns;
    if (self->host->timer(self->ctx, at > now ? at - now : 0, TOKEN_OLD) == 0)
        self->waits = 1;
}

/* Rounded up: a part of a node is a node. */
static uint32_t needed(const struct dynamic_quorum *self, uint32_t members)
{
    uint64_t all = (uint64_t)members + self->lost_count;

    return (uint32_t)((all * self->percent + 99) / 100);
}

static int dynamic_quorum_judge(void *self_, const struct phub_judge *judge,
                                uint32_t *verdict)
{
    struct dynamic_quorum *self = self_;
    uint32_t members = self->host->view_count(judge->new_view);

    for (uint32_t i = 0; i < judge->lost_count; i++)
        remember(self, judge->lost[i]);
    for (uint64_t i = 0; i < judge->left_count; i++)
        for (uint32_t k = 0; k < self->lost_count; k++)
            if (self->lost[k].node == judge->left[i]) {
                drop(self, k);
                break;
            }
    forget(self, judge->new_view);
    wait_for_oldest(self);
    *verdict = members >= needed(self, members) ? PHUB_VERDICT_CONTINUE
             : self->minority == 0 ? PHUB_VERDICT_STOP
                                   : PHUB_VERDICT_FREEZE;
    return 0;
}

/* A lease takes as many grants as a side needs nodes. */
static int dynamic_quorum_electorate(void *self_, const struct phub_view *view,
                                     uint32_t *count)
{
    struct dynamic_quorum *self = self_;
    uint32_t members = self->host->view_count(view);
    uint32_t need = needed(self, members);

    *count = need == 0 ? members : 2 * need - 1;
    return 0;
}

static void dynamic_quorum_completed(void *self_, uint64_t token, int32_t rc,
                                     const struct phub_result *result)
{
    struct dynamic_quorum *self = self_;

    (void)rc;
    (void)result;
    if (token != TOKEN_OLD || !self->waits)
        return;
    self->waits = 0;
    self->host->judge_again(self->ctx); /* which waits for the next */
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct dynamic_quorum),
    .open = dynamic_quorum_open,
    .close = dynamic_quorum_close,
    .judge = dynamic_quorum_judge,
    .electorate = dynamic_quorum_electorate,
    .completed = dynamic_quorum_completed,
};

static const struct phub_param params[] = {
    { .name = "quorum_percent", .unit = "%", .default_value = "51",
      .min = 1, .max = 100, .type = PHUB_PARAM_UINT,
      .help = "Part of the members and of those lost of late that a side "
              "needs to go on." },
    { .name = "threshold_s", .unit = "s", .default_value = "30", .min = 1,
      .max = 86400, .type = PHUB_PARAM_UINT,
      .help = "How long a lost node is counted." },
    { .name = "minority", .unit = "", .default_value = "stop",
      .choices = "stop|freeze", .type = PHUB_PARAM_CHOICE,
      .help = "What a smaller side does at once with its children; those "
              "that are frozen end with their lease." },
};

PHUB_PLUGIN_DEFINE(dynamic_quorum, PHUB_KIND_PARTITION,
    .abi_needs = 1,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_MAJORITY,
    .version = "1.0",
    .license = "MIT",
    .summary = "a side goes on that has a part of the nodes seen of late",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.partition = &ops);
