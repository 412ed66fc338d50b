/* SPDX-License-Identifier: MIT */
/* repair: members compare what they have, and pull what they lack.
 *
 * Offer and pull.  OFFER says what its writer has (a summary).  The receiver
 * pulls from the writer if the two differ, and offers back if the writer lacks
 * something too; an offer that came back is not answered by another.  PULL is
 * answered by PIECES, with more = 1 until the last, and the next PULL goes out
 * when one has been merged: one piece is in flight at a time.  Pulls run one
 * after the other, so a node that joins a thousand is offered a thousand
 * summaries, takes the registry once, and finds the rest equal.
 *
 * A random member gets one every sync_interval_ms, whoever that is: no member
 * leads.  In peace the two are equal, so that one begins with BRIEF, a hash of
 * the summary (host 1.1), and who has another one answers with an offer.  Who
 * is without briefs offers, and answers each with an offer; the others' summary
 * it hears only where it lacks something, so nothing is missed, but old stops
 * stay with it.
 * Offers go to joiners at once (to at most JOINERS_MAX of them, chosen
 * at random: a thousand nodes that join at once would offer a million times;
 * and, among more members than OFFERS_FEW, by so few of them, as chance has
 * it: the hub has synchronised who joins, an offer finds what came between).
 *
 * Bounds.  One record per member; one pull at a time, ended by silence of
 * PULL_TIMEOUT_NS or after PULL_PIECES_MAX pieces.  Whatever is cut off, the
 * next round mends. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "sync/repair.h"

#define JOINERS_MAX 8u
#define OFFERS_FEW 8u
#define PULL_PIECES_MAX 4096u
#define PULL_TIMEOUT_NS 2000000000ull
#define NS_PER_MS 1000000ull

struct repair_peer {
    uint64_t id;
    uint64_t boot;
    uint64_t wanted;   /* 1: pull from it when it is its turn */
};

/* --- peers --------------------------------------------------------------- */

static struct repair_peer *peer_find(struct repair *self, uint64_t id)
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

uint32_t repair_random(struct repair *self, uint32_t below)
{
    return (uint32_t)(self->host->random(self->ctx) % below);
}

void repair_count(struct repair *self, const char *name, uint64_t n)
{
    if (PHUB_HAS(self->host, counter_add))
        self->host->counter_add(self->ctx, name, n);
}

/* --- sending ------------------------------------------------------------- */

int repair_send(struct repair *self, uint64_t node,
                        uint32_t type, struct phub_bytes payload,
                        int flag)
{
    size_t size = payload.size + REPAIR_ROOM;
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
        repair_count(self, "sync_send_failed", 1);
    return rc;
}

static int summary_send(struct repair *self, uint64_t node,
                        uint32_t type, int back)
{
    struct phub_buf *summary;
    int rc = type == REPAIR_BRIEF
           ? self->host->stream_brief(self->ctx, &summary)
           : self->host->stream_summary(self->ctx, &summary);

    if (rc != 0)
        return rc;
    rc = repair_send(self, node, type, self->host->buf_bytes(summary), back);
    self->host->buf_unref(summary);
    return rc;
}

/* --- pull ---------------------------------------------------------------- */

static int pull_ask(struct repair *self)
{
    (void)self->host->timer_cancel(self->ctx, self->pull_token);
    self->pull_token = ((self->pull_token >> 8) + 1) << 8 | REPAIR_TOKEN_PULL;
    if (self->host->timer(self->ctx, PULL_TIMEOUT_NS, self->pull_token) != 0)
        return PHUB_ELIMIT;
    return summary_send(self, self->pulling, REPAIR_PULL, -1);
}

/* Go on with the next peer that is wanted, if no pull is running. */
static void pull_next(struct repair *self)
{
    uint32_t left;

    for (left = self->peers_count; left > 0 && self->pulling == 0; left--) {
        struct repair_peer *peer;

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

static void pull_end(struct repair *self)
{
    self->pulling = 0;
    pull_next(self);
}

/* Also from the node that is being pulled from: what it has said since may be
 * behind the summary of that pull. */
void repair_want(struct repair *self, uint64_t node)
{
    struct repair_peer *peer = peer_find(self, node);

    if (peer == NULL)
        return;
    peer->wanted = 1;
    pull_next(self);
}

/* --- receiving ----------------------------------------------------------- */

static int missing_find(struct repair *self, const struct phub_bytes *summary,
                        struct phub_buf **delta, uint32_t *more)
{
    int rc = self->host->stream_missing(self->ctx, summary,
                                        (uint32_t)self->piece_size, delta,
                                        more);

    if (rc == PHUB_ELIMIT)
        rc = self->host->stream_missing(self->ctx, summary,
                                        PHUB_PLUGIN_MESSAGE_MAX -
                                            REPAIR_ROOM, delta, more);
    return rc;
}

/* Does its writer lack something?  What that is, is found when it asks. */
static bool is_behind(struct repair *self, const struct phub_bytes *summary)
{
    struct phub_buf *delta = NULL;
    uint32_t more;
    int rc = self->host->stream_missing(self->ctx, summary, 1, &delta, &more);

    if (rc == 0)
        self->host->buf_unref(delta);
    return rc == 0 || rc == PHUB_ELIMIT;
}

static void offer_received(struct repair *self, uint64_t node,
                           const struct phub_bytes *summary, bool back)
{
    if (self->host->stream_equal(self->ctx, summary))
        return;
    repair_want(self, node);
    if (!back && is_behind(self, summary))
        (void)summary_send(self, node, REPAIR_OFFER, 1);
}

/* A host without briefs would read it as the summary of one who has nothing. */
static void brief_received(struct repair *self, uint64_t node,
                           const struct phub_bytes *brief)
{
    if (!PHUB_HAS(self->host, stream_brief) ||
        !self->host->stream_equal(self->ctx, brief))
        (void)summary_send(self, node, REPAIR_OFFER, 0);
}

static void pull_received(struct repair *self, uint64_t node,
                          const struct phub_bytes *summary)
{
    struct phub_buf *delta = NULL;
    struct phub_bytes bytes = PHUB_BYTES_NONE;
    uint32_t more = 0;
    int rc = missing_find(self, summary, &delta, &more);

    if (rc == 0)
        bytes = self->host->buf_bytes(delta);
    else if (rc != PHUB_EEMPTY)
        repair_count(self, "sync_refused", 1);
    (void)repair_send(self, node, REPAIR_PIECES, bytes, rc == 0 && more);
    if (rc == 0)
        self->host->buf_unref(delta);
}

static void pieces_received(struct repair *self, uint64_t node,
                            const struct phub_bytes *delta, bool more)
{
    int rc = 0;

    if (delta->size > 0)
        rc = self->host->stream_apply(self->ctx, node, delta);
    if (rc != 0 && rc != PHUB_EAGAIN) {
        repair_count(self, "sync_refused", 1);
        more = false;
    }
    if (self->pulling != node)
        return;
    if (!more || ++self->pieces >= PULL_PIECES_MAX || pull_ask(self) != 0)
        pull_end(self);
}

/* Read message: its type and payload.  Returns 0 if there is none. */
static int message_read(const struct phub_bytes *message, uint64_t *type,
                        struct phub_bytes *payload, bool *flag)
{
    struct phub_cbor_reader r;
    const uint8_t *data = NULL;
    uint64_t items = 0;
    size_t size = 0;

    *type = 0;
    *flag = false;
    phub_cbor_reader_init(&r, message->data, message->size);
    if (phub_cbor_read_array(&r, &items) && items >= 2)
        phub_cbor_read_uint(&r, type);
    phub_cbor_read_bytes(&r, &data, &size);
    if (*type == REPAIR_OFFER || *type == REPAIR_PIECES) {
        if (items < 3)
            phub_cbor_fail(&r, PHUB_CBOR_ETRUNCATED);
        phub_cbor_read_bool(&r, flag);
    }
    payload->data = data;
    payload->size = size;
    return r.error == PHUB_CBOR_OK;
}

static void round_arm(struct repair *self, uint64_t delay_ms)
{
    self->armed = self->host->timer(self->ctx, delay_ms * NS_PER_MS,
                                    REPAIR_TOKEN_ROUND) == 0;
}

uint32_t repair_received(struct repair *self, uint64_t node,
                         const struct phub_bytes *message,
                         struct phub_bytes *payload)
{
    uint64_t type;
    bool flag;

    if (!self->armed) /* there was no memory for it; others go on */
        round_arm(self, self->interval_ms);
    if (!message_read(message, &type, payload, &flag)) {
        repair_count(self, "sync_malformed", 1);
        return 0;
    }
    switch (type) {
    case REPAIR_OFFER:
        offer_received(self, node, payload, flag);
        return 0;
    case REPAIR_PULL:
        pull_received(self, node, payload);
        return 0;
    case REPAIR_PIECES:
        pieces_received(self, node, payload, flag);
        return 0;
    case REPAIR_BRIEF:
        brief_received(self, node, payload);
        return 0;
    case REPAIR_OWN:
        return REPAIR_OWN;
    default:
        repair_count(self, "sync_unknown", 1);  /* a later version's */
        return 0;
    }
}

/* --- rounds -------------------------------------------------------------- */

/* Offer to those of joiners (reordered) that it is our turn for. */
static void joiners_offer(struct repair *self, uint64_t *joiners,
                          uint32_t joiners_count)
{
    uint32_t i;

    for (i = 0; i < joiners_count && i < JOINERS_MAX; i++) {
        uint32_t at = i;

        if (self->peers_count > OFFERS_FEW &&
            repair_random(self, self->peers_count) >= OFFERS_FEW)
            continue;

        if (joiners_count > JOINERS_MAX)
            at += repair_random(self, joiners_count - i);
        (void)summary_send(self, joiners[at], REPAIR_OFFER, 0);
        joiners[at] = joiners[i];
    }
}

void repair_view(struct repair *self, const struct phub_view *view)
{
    uint32_t members = self->host->view_count(view), joiners_count = 0, i;
    uint64_t me = self->host->self(self->ctx), *joiners;
    struct repair_peer *peers;
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
        struct repair_peer *old;

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

static void round_begin(struct repair *self)
{
    if (self->peers_stale)
        repair_view(self, self->host->view(self->ctx));
    if (self->peers_count > 0) {
        uint32_t at = repair_random(self, self->peers_count);
        int brief = PHUB_HAS(self->host, stream_brief);

        (void)summary_send(self, self->peers[at].id,
                           brief ? REPAIR_BRIEF : REPAIR_OFFER,
                           brief ? -1 : 0);
        repair_count(self, "sync_rounds", 1);
    }
    round_arm(self, self->interval_ms);
}

void repair_completed(struct repair *self, uint64_t token)
{
    if ((token & 0xff) == REPAIR_TOKEN_ROUND)
        round_begin(self);
    else if ((token & 0xff) == REPAIR_TOKEN_PULL && self->pulling != 0 &&
             token == self->pull_token) {
        repair_count(self, "sync_timeouts", 1);
        pull_end(self);
    }
}

/* --- life ---------------------------------------------------------------- */

int repair_open(struct repair *self, struct phub_ctx *ctx,
                const struct phub_host *host)
{
    struct phub_view *view;

    if (PHUB_NEED(host, ctx, now_ns) || PHUB_NEED(host, ctx, random) ||
        PHUB_NEED(host, ctx, timer) ||
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
    view = host->view(ctx);
    if (view != NULL)
        repair_view(self, view);
    /* Not all nodes at the same moment. */
    round_arm(self, 1 + host->random(ctx) % self->interval_ms);
    return 0;
}

void repair_close(struct repair *self)
{
    free(self->peers);
}

uint64_t repair_peer_at(const struct repair *self, uint32_t at)
{
    return self->peers[at].id;
}

int repair_delta(struct repair *self, uint64_t from, struct phub_buf **delta,
                 uint64_t *next)
{
    int rc = self->host->stream_delta(self->ctx, from,
                                      (uint32_t)self->piece_size, delta,
                                      next);

    if (rc == PHUB_ELIMIT)  /* one entry alone is larger than a piece */
        rc = self->host->stream_delta(self->ctx, from,
                                      PHUB_PLUGIN_MESSAGE_MAX - REPAIR_ROOM,
                                      delta, next);
    return rc;
}
