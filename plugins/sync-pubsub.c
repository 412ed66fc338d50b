/* SPDX-License-Identifier: MIT */
/* pubsub: whoever writes tells everybody; anti-entropy mends what was missed.
 *
 * Push.  Once a turn the own entries since the last push go to all others as
 * DELTA.  One that finds something before it missing pulls from the author.
 * Among many members what is written soon after a push waits for the next, so
 * that a hundred children that start on a node are not a hundred messages to
 * each of a thousand.  And the first of them waits too, for what follows from
 * it: a child that begins, is ready and has its home is one message, and of
 * what was written over meanwhile there is none.  It waits for half as long as
 * the hub waits before it compares what all have (a microsecond for each pair
 * of them, and from 300 on 0.3 ms for each) or less, so that nobody asks for
 * what is about to come.
 *
 * Comparing, offers and pulls: sync/repair.c.
 *
 * Bounds.  A push of at most PUSH_PIECES_MAX pieces per turn.  Whatever is cut
 * off, the next round mends.
 *
 * Wire version 1, CBOR: [1, delta] DELTA, and what sync/repair.h has. */
#include <phub/plugin.h>

#include "sync/repair.h"

#define PUSH_PIECES_MAX 64u
#define PUSH_AGAIN_NS 1000000ull
#define PUSH_FEW 16u           /* members that are told at once */
#define PUSH_GAP_NS 100000ull  /* between pushes, for each of more members */
#define PUSH_WAIT_FULL 200u    /* members: the first waits as long as a gap */

#define TOKEN_PUSH REPAIR_TOKEN_OWN

struct pubsub {
    struct repair repair;
    uint64_t pushed;           /* own entries up to here have gone out */
    uint32_t push_waits;       /* 1: TOKEN_PUSH is pending */
};

/* --- push ---------------------------------------------------------------- */

static uint64_t gap_ns(const struct pubsub *self)
{
    return self->repair.peers_count * PUSH_GAP_NS;
}

/* n * n microseconds / 2, at most the gap. */
static uint64_t wait_ns(const struct pubsub *self)
{
    uint64_t n = self->repair.peers_count;

    return n < PUSH_WAIT_FULL ? gap_ns(self) * n / PUSH_WAIT_FULL
                              : gap_ns(self);
}

static void push_later(struct pubsub *self, uint64_t ns)
{
    if (self->repair.host->timer(self->repair.ctx, ns, TOKEN_PUSH) == 0)
        self->push_waits = 1;
}

/* A push that a member does not get (busy, new, gone) is not repeated for all:
 * the gap makes that member pull, at the next entry or the next round. */
static void push(struct pubsub *self)
{
    struct phub_buf *delta;
    uint64_t next;
    uint64_t before = self->pushed;
    uint32_t i;

    if (self->repair.peers_count == 0) {
        self->pushed = self->repair.host->stream_head(self->repair.ctx);
        return;
    }
    for (i = 0; i < PUSH_PIECES_MAX; i++) {
        if (repair_delta(&self->repair, self->pushed, &delta, &next) != 0)
            break;
        (void)repair_send(&self->repair, 0, REPAIR_OWN,
                          self->repair.host->buf_bytes(delta), -1);
        self->repair.host->buf_unref(delta);
        if (next <= self->pushed)
            break;
        self->pushed = next;
    }
    if (i == PUSH_PIECES_MAX &&
        self->pushed < self->repair.host->stream_head(self->repair.ctx))
        push_later(self, PUSH_AGAIN_NS);
    else if (self->pushed > before && self->repair.peers_count > PUSH_FEW)
        push_later(self, gap_ns(self));
}

static void pubsub_changed(void *self_, uint64_t head)
{
    struct pubsub *self = self_;

    if (head <= self->pushed || self->push_waits)
        return;
    if (self->repair.peers_count > PUSH_FEW)
        push_later(self, wait_ns(self));
    if (!self->push_waits)
        push(self);
}

/* --- events -------------------------------------------------------------- */

static void pubsub_received(void *self_, uint64_t node,
                            const struct phub_bytes *message)
{
    struct pubsub *self = self_;
    struct phub_bytes delta;
    int rc;

    if (repair_received(&self->repair, node, message, &delta) != REPAIR_OWN)
        return;
    rc = self->repair.host->stream_apply(self->repair.ctx, node, &delta);
    if (rc == PHUB_EAGAIN) {
        repair_count(&self->repair, "sync_gaps", 1);
        repair_want(&self->repair, node);
    } else if (rc != 0)
        repair_count(&self->repair, "sync_refused", 1);
}

static void pubsub_view_changed(void *self_, const struct phub_view *view)
{
    struct pubsub *self = self_;

    repair_view(&self->repair, view);
}

static void pubsub_completed(void *self_, uint64_t token, int32_t rc,
                             const struct phub_result *result)
{
    struct pubsub *self = self_;

    (void)rc;
    (void)result;
    if ((token & 0xff) == TOKEN_PUSH) {
        self->push_waits = 0;
        push(self);
    } else
        repair_completed(&self->repair, token);
}

static int pubsub_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct pubsub *self = self_;
    int rc = repair_open(&self->repair, ctx, host);

    if (rc == 0)
        self->pushed = host->stream_head(ctx);
    return rc;
}

static void pubsub_close(void *self_)
{
    struct pubsub *self = self_;

    repair_close(&self->repair);
}

static const struct phub_sync_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct pubsub),
    .open = pubsub_open,
    .close = pubsub_close,
    .changed = pubsub_changed,
    .received = pubsub_received,
    .view_changed = pubsub_view_changed,
    .completed = pubsub_completed,
};

static const struct phub_param params[] = { REPAIR_PARAMS };

PHUB_PLUGIN_DEFINE(pubsub, PHUB_KIND_SYNC,
    .flags = PHUB_FLAG_MUST_MATCH,
    .wire_min = 1,
    .wire_max = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "tell everybody at once; mend by comparing at intervals",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.sync = &ops);
