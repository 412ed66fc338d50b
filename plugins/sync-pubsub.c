/* SPDX-License-Identifier: MIT */
/* pubsub: whoever writes tells everybody; anti-entropy mends what was missed.
 *
 * Push.  Once a turn the own entries since the last push go to all others as
 * DELTA.  One that finds something before it missing pulls from the author.
 * Among many members what is written soon after a push waits for the next, so
 * that a hundred children that start on a node are not a hundred messages to
 * each of a thousand.
 *
 * Offer and pull.  OFFER says what its writer has (a summary).  The receiver
 * pulls from the writer if the two differ, and offers back if the writer lacks
 * something too; an offer that came back is not answered by another.  PULL is
 * answered by PIECES, with more = 1 until the last, and the next PULL goes out
 * when one has been merged: one piece is in flight at a time.  Pulls run one
 * after the other, so a node that joins a thousand is offered a thousand
 * summaries, takes the registry once, and finds the rest equal.
 *
 * Offers go to a random member every sync_interval_ms, and to joiners at once
 * (to at most JOINERS_MAX of them, chosen at random: a thousand nodes that
 * join at once would offer a million times; and, among more members than
 * OFFERS_FEW, by so few of them, as chance has it: the hub has synchronised
 * who joins, an offer finds what came between).
 *
 * Bounds.  One record per member; one pull at a time, ended by silence of
 * PULL_TIMEOUT_NS or after PULL_PIECES_MAX pieces; a push of at most
 * PUSH_PIECES_MAX pieces per turn.  Whatever is cut off, the next round mends.
 *
 * Wire version 1, CBOR: [1, delta] DELTA, [2, summary, back] OFFER,
 * [3, summary] PULL, [4, delta, more] PIECES.  Items behind these are
 * skipped, so that later versions can append some. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/plugin.h>

#define JOINERS_MAX 8u
#define OFFERS_FEW 8u
#define PULL_PIECES_MAX 4096u
#define PUSH_PIECES_MAX 64u
#define PULL_TIMEOUT_NS 2000000000ull
#define PUSH_AGAIN_NS 1000000ull
#define PUSH_FEW 16u           /* members that are told at once */
#define PUSH_GAP_NS 20000ull   /* between pushes, for each of more members */
#define MESSAGE_ROOM 64u       /* bytes around the payload, at most */
#define NS_PER_MS 1000000ull

/* The low byte of a token; above it pulls are numbered, so that one that has
 * fired already cannot end the next. */
enum token { TOKEN_ROUND = 1, TOKEN_PULL = 2, TOKEN_PUSH = 3 };

enum message { DELTA = 1, OFFER = 2, PULL = 3, PIECES = 4 };

struct peer {
    uint64_t id;
    uint64_t boot;
    uint64_t wanted;   /* 1: pull from it when it is its turn */
};

struct pubsub {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct peer *peers;        /* the other members, sorted by id */
    uint32_t peers_count;
    uint32_t next;             /* where to look for the next pull */
    uint64_t pushed;           /* own entries up to here have gone out */
    uint64_t pulling;          /* node pulled from, 0 = none */
    uint64_t pull_token;       /* of its timer */
    uint32_t pieces;           /* of this pull so far */
    uint32_t push_waits;       /* 1: TOKEN_PUSH is pending */
    uint32_t peers_stale;      /* 1: no memory for the new ones yet */
    uint64_t interval_ms;
    uint64_t piece_size;
};

/* --- peers --------------------------------------------------------------- */

static struct peer *peer_find(struct pubsub *self, uint64_t id)
{
    uint32_t low = 0, high = self->peers_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (self->peers[middle].id == id)
            return &self->peers[middle];
        if (self->peers[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static uint32_t random_below(struct pubsub *self, uint32_t below)
{
    return (uint32_t)(self->host->random(self->ctx) % below);
}

static void count(struct pubsub *self, const char *name, uint64_t n)
{
    if (PHUB_HAS(self->host, counter_add))
        self->host->counter_add(self->ctx, name, n);
}

/* --- sending ------------------------------------------------------------- */

static int message_send(struct pubsub *self, uint64_t node,
                        enum message type, struct phub_bytes payload,
                        int flag)
{
    size_t size = payload.size + MESSAGE_ROOM;
    struct phub_cbor_writer w;
    struct phub_bytes message;
    uint8_t *bytes = malloc(size);
    int rc;

    if (bytes == NULL)
        return PHUB_ENOMEM;
    phub_cbor_writer_init(&w, bytes, size);
    phub_cbor_write_array(&w, flag < 0 ? 2 : 3);
    phub_cbor_write_uint(&w, type);
    phub_cbor_write_bytes(&w, payload.data, payload.size);
    if (flag >= 0)
        phub_cbor_write_bool(&w, flag != 0);
    message.data = bytes;
    message.size = w.size;
    rc = self->host->peer_send(self->ctx, node, &message);
    free(bytes);
    if (rc != 0)
        count(self, "sync_send_failed", 1);
    return rc;
}

static int summary_send(struct pubsub *self, uint64_t node,
                        enum message type, int back)
{
    struct phub_buf *summary;
    int rc = self->host->stream_summary(self->ctx, &summary);

    if (rc != 0)
        return rc;
    rc = message_send(self, node, type, self->host->buf_bytes(summary), back);
    self->host->buf_unref(summary);
    return rc;
}

/* --- push ---------------------------------------------------------------- */

static int delta_next(struct pubsub *self, struct phub_buf **delta,
                      uint64_t *next)
{
    int rc = self->host->stream_delta(self->ctx, self->pushed,
                                      (uint32_t)self->piece_size, delta,
                                      next);

    if (rc == PHUB_ELIMIT)  /* one entry alone is larger than a piece */
        rc = self->host->stream_delta(self->ctx, self->pushed,
                                      PHUB_PLUGIN_MESSAGE_MAX - MESSAGE_ROOM,
                                      delta, next);
    return rc;
}

static void push_later(struct pubsub *self, uint64_t ns)
{
    if (self->host->timer(self->ctx, ns, TOKEN_PUSH) == 0)
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

    if (self->peers_count == 0) {
        self->pushed = self->host->stream_head(self->ctx);
        return;
    }
    for (i = 0; i < PUSH_PIECES_MAX; i++) {
        if (delta_next(self, &delta, &next) != 0)
            break;
        (void)message_send(self, 0, DELTA, self->host->buf_bytes(delta), -1);
        self->host->buf_unref(delta);
        if (next <= self->pushed)
            break;
        self->pushed = next;
    }
    if (i == PUSH_PIECES_MAX &&
        self->pushed < self->host->stream_head(self->ctx))
        push_later(self, PUSH_AGAIN_NS);
    else if (self->pushed > before && self->peers_count > PUSH_FEW)
        push_later(self, self->peers_count * PUSH_GAP_NS);
}

static void pubsub_changed(void *self_, uint64_t head)
{
    struct pubsub *self = self_;

    if (head > self->pushed && !self->push_waits)
        push(self);
}

/* --- pull ---------------------------------------------------------------- */

static int pull_ask(struct pubsub *self)
{
    (void)self->host->timer_cancel(self->ctx, self->pull_token);
    self->pull_token = ((self->pull_token >> 8) + 1) << 8 | TOKEN_PULL;
    if (self->host->timer(self->ctx, PULL_TIMEOUT_NS, self->pull_token) != 0)
        return PHUB_ELIMIT;
    return summary_send(self, self->pulling, PULL, -1);
}

/* Go on with the next peer that is wanted, if no pull is running. */
static void pull_next(struct pubsub *self)
{
    uint32_t left;

    for (left = self->peers_count; left > 0 && self->pulling == 0; left--) {
        struct peer *peer;

        if (self->next >= self->peers_count)
            self->next = 0;
        peer = &self->peers[self->next++];
        if (!peer->wanted)
            continue;
        peer->wanted = 0;
        self->pulling = peer->id;
        self->pieces = 0;
        if (pull_ask(self) != 0)
            self->pulling = 0;
    }
    if (self->pulling == 0)
        (void)self->host->timer_cancel(self->ctx, self->pull_token);
}

static void pull_end(struct pubsub *self)
{
    self->pulling = 0;
    pull_next(self);
}

/* Also from the node that is being pulled from: what it has said since may be
 * behind the summary of that pull. */
static void pull_want(struct pubsub *self, uint64_t node)
{
    struct peer *peer = peer_find(self, node);

    if (peer == NULL)
        return;
    peer->wanted = 1;
    pull_next(self);
}

/* --- receiving ----------------------------------------------------------- */

static int missing_find(struct pubsub *self, const struct phub_bytes *summary,
                        struct phub_buf **delta, uint32_t *more)
{
    int rc = self->host->stream_missing(self->ctx, summary,
                                        (uint32_t)self->piece_size, delta,
                                        more);

    if (rc == PHUB_ELIMIT)
        rc = self->host->stream_missing(self->ctx, summary,
                                        PHUB_PLUGIN_MESSAGE_MAX -
                                            MESSAGE_ROOM, delta, more);
    return rc;
}

static void delta_received(struct pubsub *self, uint64_t node,
                           const struct phub_bytes *delta)
{
    int rc = self->host->stream_apply(self->ctx, node, delta);

    if (rc == PHUB_EAGAIN) {
        count(self, "sync_gaps", 1);
        pull_want(self, node);
    } else if (rc != 0)
        count(self, "sync_refused", 1);
}

static void offer_received(struct pubsub *self, uint64_t node,
                           const struct phub_bytes *summary, bool back)
{
    struct phub_buf *delta;
    uint32_t more;

    if (self->host->stream_equal(self->ctx, summary))
        return;
    pull_want(self, node);
    if (back || missing_find(self, summary, &delta, &more) != 0)
        return;
    self->host->buf_unref(delta);
    (void)summary_send(self, node, OFFER, 1);
}

static void pull_received(struct pubsub *self, uint64_t node,
                          const struct phub_bytes *summary)
{
    struct phub_buf *delta = NULL;
    struct phub_bytes bytes = PHUB_BYTES_NONE;
    uint32_t more = 0;
    int rc = missing_find(self, summary, &delta, &more);

    if (rc == 0)
        bytes = self->host->buf_bytes(delta);
    else if (rc != PHUB_EEMPTY)
        count(self, "sync_refused", 1);
    (void)message_send(self, node, PIECES, bytes, rc == 0 && more);
    if (rc == 0)
        self->host->buf_unref(delta);
}

static void pieces_received(struct pubsub *self, uint64_t node,
                            const struct phub_bytes *delta, bool more)
{
    int rc = 0;

    if (delta->size > 0)
        rc = self->host->stream_apply(self->ctx, node, delta);
    if (rc != 0 && rc != PHUB_EAGAIN) {
        count(self, "sync_refused", 1);
        more = false;
    }
    if (self->pulling != node)
        return;
    if (!more || ++self->pieces >= PULL_PIECES_MAX || pull_ask(self) != 0)
        pull_end(self);
}

static void pubsub_received(void *self_, uint64_t node,
                            const struct phub_bytes *message)
{
    struct pubsub *self = self_;
    struct phub_cbor_reader r;
    const uint8_t *data = NULL;
    struct phub_bytes payload;
    uint64_t items = 0, type = 0;
    size_t size = 0;
    bool flag = false;

    phub_cbor_reader_init(&r, message->data, message->size);
    if (phub_cbor_read_array(&r, &items) && items >= 2)
        phub_cbor_read_uint(&r, &type);
    phub_cbor_read_bytes(&r, &data, &size);
    if (type == OFFER || type == PIECES) {
        if (items < 3)
            phub_cbor_fail(&r, PHUB_CBOR_ETRUNCATED);
        phub_cbor_read_bool(&r, &flag);
    }
    if (r.error != PHUB_CBOR_OK) {
        count(self, "sync_malformed", 1);
        return;
    }
    payload.data = data;
    payload.size = size;
    switch (type) {
    case DELTA:
        delta_received(self, node, &payload);
        break;
    case OFFER:
        offer_received(self, node, &payload, flag);
        break;
    case PULL:
        pull_received(self, node, &payload);
        break;
    case PIECES:
        pieces_received(self, node, &payload, flag);
        break;
    default:
        count(self, "sync_unknown", 1);  /* a later version's */
        break;
    }
}

/* --- rounds -------------------------------------------------------------- */

static void round_arm(struct pubsub *self, uint64_t delay_ms)
{
    if (self->host->timer(self->ctx, delay_ms * NS_PER_MS, TOKEN_ROUND) != 0 &&
        PHUB_HAS(self->host, log))
        self->host->log(self->ctx, 1, "no timer: anti-entropy has ended");
}

/* Offer to those of joiners (reordered) that it is our turn for. */
static void joiners_offer(struct pubsub *self, uint64_t *joiners,
                          uint32_t joiners_count)
{
    uint32_t i;

    for (i = 0; i < joiners_count && i < JOINERS_MAX; i++) {
        uint32_t at = i;

        if (self->peers_count > OFFERS_FEW &&
            random_below(self, self->peers_count) >= OFFERS_FEW)
            continue;

        if (joiners_count > JOINERS_MAX)
            at += random_below(self, joiners_count - i);
        (void)summary_send(self, joiners[at], OFFER, 0);
        joiners[at] = joiners[i];
    }
}

static void pubsub_view_changed(void *self_, const struct phub_view *view)
{
    struct pubsub *self = self_;
    uint32_t members = self->host->view_count(view), joiners_count = 0, i;
    uint64_t me = self->host->self(self->ctx), *joiners;
    struct peer *peers;
    uint32_t peers_count = 0;

    peers = calloc((size_t)members + 1, sizeof *peers);
    joiners = calloc((size_t)members + 1, sizeof *joiners);
    if (peers == NULL || joiners == NULL) {
        free(peers);
        free(joiners);
        self->peers_stale = 1;   /* the next round tries again */
        return;
    }
    self->peers_stale = 0;
    for (i = 0; i < members; i++) {
        struct phub_view_node node = { .size = sizeof node };
        struct peer *old;

        if (self->host->view_node(view, i, &node) != 0 || node.id == me)
            continue;
        old = peer_find(self, node.id);
        peers[peers_count].id = node.id;
        peers[peers_count].boot = node.boot;
        peers[peers_count++].wanted = old != NULL ? old->wanted : 0;
        if (old == NULL || old->boot != node.boot)   /* or came back */
            joiners[joiners_count++] = node.id;
    }
    free(self->peers);
    self->peers = peers;
    self->peers_count = peers_count;
    if (self->pulling != 0 && peer_find(self, self->pulling) == NULL)
        pull_end(self);
    joiners_offer(self, joiners, joiners_count);
    free(joiners);
}

static void round_begin(struct pubsub *self)
{
    if (self->peers_stale)
        pubsub_view_changed(self, self->host->view(self->ctx));
    if (self->peers_count > 0) {
        uint32_t at = random_below(self, self->peers_count);

        (void)summary_send(self, self->peers[at].id, OFFER, 0);
        count(self, "sync_rounds", 1);
    }
    round_arm(self, self->interval_ms);
}

static void pubsub_completed(void *self_, uint64_t token, int32_t rc,
                             const struct phub_result *result)
{
    struct pubsub *self = self_;

    (void)rc;
    (void)result;
    switch ((enum token)(token & 0xff)) {
    case TOKEN_ROUND:
        round_begin(self);
        break;
    case TOKEN_PULL:
        if (self->pulling != 0 && token == self->pull_token) {
            count(self, "sync_timeouts", 1);
            pull_end(self);
        }
        break;
    case TOKEN_PUSH:
        self->push_waits = 0;
        push(self);
        break;
    }
}

/* --- life ---------------------------------------------------------------- */

static int pubsub_open(void *self_, struct phub_ctx *ctx,
                       const struct phub_host *host)
{
    struct pubsub *self = self_;
    struct phub_view *view;

    if (PHUB_NEED(host, ctx, random) || PHUB_NEED(host, ctx, timer) ||
        PHUB_NEED(host, ctx, timer_cancel) ||
        PHUB_NEED(host, ctx, param_uint) || PHUB_NEED(host, ctx, fail) ||
        PHUB_NEED(host, ctx, self) || PHUB_NEED(host, ctx, view) ||
        PHUB_NEED(host, ctx, view_count) ||
        PHUB_NEED(host, ctx, view_node) || PHUB_NEED(host, ctx, buf_unref) ||
        PHUB_NEED(host, ctx, buf_bytes) || PHUB_NEED(host, ctx, peer_send) ||
        PHUB_NEED(host, ctx, stream_head) ||
        PHUB_NEED(host, ctx, stream_delta) ||
        PHUB_NEED(host, ctx, stream_summary) ||
        PHUB_NEED(host, ctx, stream_missing) ||
        PHUB_NEED(host, ctx, stream_apply) ||
        PHUB_NEED(host, ctx, stream_equal))
        return PHUB_EUNSUPPORTED;
    self->ctx = ctx;
    self->host = host;
    if (host->param_uint(ctx, "sync_interval_ms", &self->interval_ms) != 0 ||
        host->param_uint(ctx, "piece_size", &self->piece_size) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    self->pushed = host->stream_head(ctx);
    view = host->view(ctx);
    if (view != NULL)
        pubsub_view_changed(self, view);
    /* Not all nodes at the same moment. */
    round_arm(self, 1 + host->random(ctx) % self->interval_ms);
    return 0;
}

static void pubsub_close(void *self_)
{
    struct pubsub *self = self_;

    free(self->peers);
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

static const struct phub_param params[] = {
    { .name = "sync_interval_ms", .type = PHUB_PARAM_UINT, .unit = "ms",
      .default_value = "5000", .min = 10, .max = 3600000, .local = 1,
      .help = "compare with one random member this often" },
    { .name = "piece_size", .type = PHUB_PARAM_UINT, .unit = "bytes",
      .default_value = "262144", .min = 1024,
      .max = PHUB_PLUGIN_MESSAGE_MAX - MESSAGE_ROOM, .local = 1,
      .help = "entries per message, in bytes" },
};

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
