/* SPDX-License-Identifier: MIT */
/* static_quorum: a side goes on that has so many nodes.
 *
 * The number is the operator's.  If it is more than half of all nodes no two
 * sides can have it; at half or below both may go on, and that is documented
 * as weaker than a majority (phub-partition-static_quorum(7)).
 *
 * Goodbyes are no loss: when all that are left of a side that was allowed to
 * go on have been told, they go on, but each of them is needed then (floor),
 * so that two halves of what is left cannot both. */
#include <phub/plugin.h>

struct static_quorum {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t quorum_size;
    uint64_t startup_confirm;
    uint64_t minority;        /* index of the word: stop, freeze */
    uint32_t floor;           /* what is needed now, at most quorum_size */
    uint32_t confirmed;       /* 1: there were enough once */
    uint32_t goes_on;         /* 1: the last verdict */
};

static int static_quorum_open(void *self_, struct phub_ctx *ctx,
                              const struct phub_host *host)
{
    struct static_quorum *self = self_;
    int rc;

    self->ctx = ctx;
    self->host = host;
    if ((rc = PHUB_NEED(host, ctx, view_count)) != 0
        || (rc = host->param_uint(ctx, "quorum_size",
                                  &self->quorum_size)) != 0
        || (rc = host->param_uint(ctx, "startup_confirm",
                                  &self->startup_confirm)) != 0
        || (rc = host->param_uint(ctx, "minority", &self->minority)) != 0)
        return rc;
    self->floor = (uint32_t)self->quorum_size;
    self->goes_on = self->startup_confirm == 0;
    return 0;
}

static void static_quorum_close(void *self)
{
    (void)self;
}

/* What it takes with that many members, if all that is missing said goodbye:
 * all of those that are left, at most what was asked for. */
static uint32_t floor_of(const struct static_quorum *self, uint32_t members)
{
    return members < self->quorum_size ? members
                                       : (uint32_t)self->quorum_size;
}

static int static_quorum_judge(void *self_, const struct phub_judge *judge,
                               uint32_t *verdict)
{
    struct static_quorum *self = self_;
    uint32_t members = self->host->view_count(judge->new_view);

    if (members >= self->quorum_size)
        self->confirmed = 1;
    if (self->goes_on && judge->lost_count == 0)
        self->floor = judge->left_count != 0 || members > self->floor
                          ? floor_of(self, members) : self->floor;
    self->goes_on = members >= self->floor
        || (!self->confirmed && self->startup_confirm == 0);
    *verdict = self->goes_on ? PHUB_VERDICT_CONTINUE
             : self->minority == 0 ? PHUB_VERDICT_STOP
                                   : PHUB_VERDICT_FREEZE;
    return 0;
}

/* A lease takes grants of as many nodes as are needed: more than half of twice
 * that, less one. */
static int static_quorum_electorate(void *self_, const struct phub_view *view,
                                    uint32_t *count)
{
    struct static_quorum *self = self_;
    uint32_t members = self->host->view_count(view);

    *count = !self->confirmed && self->startup_confirm == 0
                 ? members : 2 * self->floor - 1;
    return 0;
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct static_quorum),
    .open = static_quorum_open,
    .close = static_quorum_close,
    .judge = static_quorum_judge,
    .electorate = static_quorum_electorate,
};

static const struct phub_param params[] = {
    { .name = "quorum_size", .unit = "", .default_value = "2", .min = 1,
      .max = 1024, .type = PHUB_PARAM_UINT,
      .help = "Nodes that a side needs to go on; more than half of all is "
              "what keeps two sides from it." },
    { .name = "startup_confirm", .unit = "", .default_value = "yes",
      .max = 1, .type = PHUB_PARAM_BOOL,
      .help = "Whether so many must have met once before anything starts." },
    { .name = "minority", .unit = "", .default_value = "stop",
      .choices = "stop|freeze", .type = PHUB_PARAM_CHOICE,
      .help = "What a smaller side does at once with its children; those "
              "that are frozen end with their lease." },
};

PHUB_PLUGIN_DEFINE(static_quorum, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_MAJORITY,
    .version = "1.0",
    .license = "MIT",
    .summary = "a side goes on that has a number of nodes",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.partition = &ops);
