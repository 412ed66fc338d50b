/* SPDX-License-Identifier: MIT */
/* hoarder: a partition strategy that goes on and counts what it is told.
 *
 * For check_host, which calls the host table as if it were this strategy:
 * every completed() is counted under done-TOKEN, with its code negated under
 * rc-TOKEN, its value under value-TOKEN, its count under count-TOKEN and the
 * size of its buffer under size-TOKEN. */
#include <stdio.h>
#include <string.h>

#include <phub/plugin.h>

struct hoarder {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t ask;                /* the last one */
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

static int says(const struct phub_bytes *message, const char *word)
{
    return message->size >= strlen(word) &&
           memcmp(message->data, word, strlen(word)) == 0;
}

/* The member whose name is the option "to", if that is not this one. */
static uint64_t elsewhere(struct hoarder *self, uint64_t ask)
{
    const struct phub_bytes key = { (const uint8_t *)"to", 2 };
    const struct phub_view *view = self->host->view(self->ctx);
    struct phub_view_node node = { .size = sizeof node };
    struct phub_bytes to;
    uint32_t i;

    if (self->host->ask_option(self->ctx, ask, &key, &to) != 0)
        return 0;
    for (i = 0; self->host->view_node(view, i, &node) == 0; i++)
        if (node.name.size == to.size &&
            memcmp(node.name.data, to.data, to.size) == 0 &&
            node.id != self->host->self(self->ctx))
            return node.id;
    return 0;
}

/* "echo": the message; "no": refuses; "pass": by the option; "ring": on to the
 * next member; "huge": as much as may be; "twice": says it twice; what else:
 * silence.  Counts what it did, and undid. */
static void hoarder_asked(void *self_, const struct phub_asked *asked)
{
    static const uint8_t huge[PHUB_REQUEST_MESSAGE_MAX];
    const struct phub_bytes bytes = { huge, sizeof huge };
    const struct phub_view *view;
    struct hoarder *self = self_;
    const struct phub_host *host = self->host;
    struct phub_view_node node = { .size = sizeof node };
    struct phub_ctx *ctx = self->ctx;
    const struct phub_bytes *message = &asked->message;
    uint64_t to = 0;
    uint32_t i;

    self->ask = asked->ask;
    if (asked->flags & PHUB_ASKED_UNDO) {
        host->counter_add(ctx, "undone", 1);
        (void)host->respond(ctx, asked->ask,
                            says(message, "stays") ? PHUB_EBUSY : 0, NULL,
                            NULL);
        return;
    }
    host->counter_add(ctx, "asked", 1);
    if (says(message, "pass"))
        to = elsewhere(self, asked->ask);
    if (says(message, "ring")) {
        view = host->view(ctx);
        for (i = 0; host->view_node(view, i, &node) == 0; i++)
            if (node.id == host->self(ctx))
                break;
        (void)host->view_node(view, (i + 1) % host->view_count(view), &node);
        to = node.id;
    }
    if (to != 0)
        (void)host->ask_forward(ctx, asked->ask, to);
    else if (says(message, "no"))
        (void)host->respond(ctx, asked->ask, PHUB_EREFUSED, NULL, "no");
    else if (says(message, "huge"))
        (void)host->respond(ctx, asked->ask, 0, &bytes, NULL);
    else if (says(message, "echo") || says(message, "pass") ||
             says(message, "stays") || says(message, "twice"))
        (void)host->respond(ctx, asked->ask, 0, message, "yes");
    if (says(message, "twice"))
        host->counter_add(ctx, "second", (uint64_t)-host->respond(
            ctx, asked->ask, 0, message, NULL));
}

static const struct phub_partition_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct hoarder),
    .open = hoarder_open,
    .close = hoarder_close,
    .judge = hoarder_judge,
    .completed = hoarder_completed,
    .asked = hoarder_asked,
};

PHUB_PLUGIN_DEFINE(hoarder, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH,
    .version = "1.0",
    .license = "MIT",
    .summary = "goes on, and counts what it is told",
    .ops.partition = &ops);
