/* SPDX-License-Identifier: MIT */
/* hoarder: a partition strategy that goes on and counts what it is told.
 *
 * For check_host, which calls the host table as if it were this strategy:
 * every completed() is counted under done-TOKEN, with its code negated under
 * rc-TOKEN, its value under value-TOKEN, its count under count-TOKEN and the
 * size of its buffer under size-TOKEN. */
#include <stdio.h>

#include <phub/plugin.h>

struct hoarder {
    struct phub_ctx *ctx;
    const struct phub_host *host;
};

static int hoarder_open(void *self_, struct phub_ctx *ctx,
                        const struct phub_host *host)
{
    struct hoarder *self = self_;

    self->ctx = ctx;
    self->host = host;
    return 0;
}

static void hoarder_close(void *self)
{
    (void)self;
}

static int hoarder_judge(void *self, const struct phub_judge *judge,
                         uint32_t *verdict)
{
    (void)self;
    (void)judge;
    *verdict = PHUB_VERDICT_CONTINUE;
    return 0;
}

static void count(struct hoarder *self, const char *what, uint64_t token,
                  uint64_t n)
{
    char name[40];

    snprintf(name, sizeof name, "%s-%u", what, (unsigned)token);
    self->host->counter_add(self->ctx, name, n);
}

static void hoarder_completed(void *self_, uint64_t token, int32_t rc,
                              const struct phub_result *result)
{
    struct hoarder *self = self_;

    count(self, "done", token, 1);
    count(self, "rc", token, (uint64_t)-rc);
    count(self, "value", token, result->value);
    count(self, "count", token, result->count);
    if (result->buf != NULL)
        count(self, "size", token, self->host->buf_bytes(result->buf).size);
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct hoarder),
    .open = hoarder_open,
    .close = hoarder_close,
    .judge = hoarder_judge,
    .completed = hoarder_completed,
};

PHUB_PLUGIN_DEFINE(hoarder, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "goes on, and counts what it is told",
    .ops.partition = &ops);
