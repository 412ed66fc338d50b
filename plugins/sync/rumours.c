/* SPDX-License-Identifier: MIT */
/* rumours: what changed goes from a few to a few more, until it is old.
 *
 * What a node wrote since the last round is a rumour with a random number.  In
 * a round a node tells its rumours, all in one message, to some random
 * members; who hears one for the first time merges it and tells it too.  After
 * some rounds a rumour is old and forgotten.  Nobody sends more for a larger
 * cluster: a round is as many messages as the fanout, however many rumours
 * there are and whoever wrote them.  With 3 members and 2 rounds one in 400
 * misses a rumour (e^-6); comparing (sync/repair.c) mends that.
 *
 * The first round is at once; the next ones are a gap apart.
 *
 * Rumours of one author may overtake each other.  So something missing is no
 * reason to pull at once: GAP_NS later it is, from whoever told.
 *
 * Few members are told by the author, all of them, and do not pass it on
 * (number 0).  Who does that and who does not understand each other, so it
 * does not matter that views of the size differ for a while.
 *
 * Bounds.  RUMOURS_MAX and RUMOURS_BYTES_MAX: own entries wait, what others
 * tell is merged and not passed on.  What has been heard is remembered until
 * it can no longer come again: a rumour ends after HOPS_MAX nodes, each of
 * which has it for some rounds, so that takes rounds * gap * HOPS_MAX and what
 * the network takes (HEARD_NS).  Nothing is forgotten earlier to make room:
 * two rumours that push each other out would be news for ever.  One for which
 * there is no room is merged and not passed on.  So each node tells a rumour
 * at most rounds times, whatever comes.
 *
 * Wire version 1: [1, rumours], where rumours is a sequence of CBOR arrays
 * [number, hops, delta]; and what sync/repair.h has. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "sync/rumours.h"

#define TOKEN_TELL REPAIR_TOKEN_OWN
#define TOKEN_GAP (REPAIR_TOKEN_OWN + 1)
#define GAP_NS 250000000ull
#define NS_PER_MS 1000000ull
#define HOPS_MAX 32u
#define HEARD_NS 5000000000ull
#define RUMOUR_ROOM 20u   /* around a delta; less than REPAIR_ROOM */

/* --- the queue ----------------------------------------------------------- */

/* Errors: PHUB_EEXIST: heard before; PHUB_ELIMIT: no room. */
static int heard_add(struct rumours *self, uint64_t id)
{
    struct heard *set = self->heard[(id >> 32) % RUMOURS_SETS], *slot = NULL;
    uint64_t now = self->repair.host->now_ns(self->repair.ctx);
    uint32_t i;

    for (i = 0; i < RUMOURS_WAYS; i++) {
        if (set[i].id == id && set[i].until_ns > now)
            return PHUB_EEXIST;
        if (set[i].until_ns <= now)
            slot = &set[i];
    }
    if (slot == NULL)
        return PHUB_ELIMIT;
    slot->id = id;
    slot->until_ns = now + HEARD_NS +
                     self->rounds * self->gap_ms * NS_PER_MS * HOPS_MAX;
    return 0;
}

/* Errors: PHUB_ELIMIT, PHUB_ENOMEM. */
static int queue_add(struct rumours *self, uint64_t id, uint64_t hops,
                     const struct phub_bytes *delta)
{
    struct rumour *rumour = &self->queue[self->count];

    if (self->count == RUMOURS_MAX ||
        delta->size > RUMOURS_BYTES_MAX - self->bytes)
        return PHUB_ELIMIT;
    rumour->bytes = malloc(delta->size + 1);
    if (rumour->bytes == NULL)
        return PHUB_ENOMEM;
    if (delta->size > 0)
        memcpy(rumour->bytes, delta->data, delta->size);
    rumour->id = id;
    rumour->size = delta->size;
    rumour->told = 0;
    rumour->hops = hops;
    self->bytes += (uint32_t)delta->size;
    self->count++;
    return 0;
}

/* Forget those that are old; all others keep their order. */
static void queue_age(struct rumours *self, uint64_t rounds)
{
    uint32_t i, kept = 0;

    for (i = 0; i < self->count; i++) {
        struct rumour *rumour = &self->queue[i];

        if (rumour->told < rounds && (rumour->id != 0 || !rumour->told)) {
            self->queue[kept++] = *rumour;
            continue;
        }
        self->bytes -= (uint32_t)rumour->size;
        free(rumour->bytes);
    }
    self->count = kept;
}

static bool few(const struct rumours *self)
{
    return self->repair.peers_count <= self->direct_members ||
           self->repair.peers_count <= self->fanout;
}

/* Make rumours of what this node wrote. */
static void own_collect(struct rumours *self)
{
    const struct phub_host *host = self->repair.host;
    struct phub_buf *delta;
    struct phub_bytes bytes;
    uint64_t next, id;
    int rc = 0;

    while (rc == 0 &&
           repair_delta(&self->repair, self->pushed, &delta, &next) == 0) {
        id = few(self) ? 0 : host->random(self->repair.ctx) | 1;
        bytes = host->buf_bytes(delta);
        rc = next > self->pushed ? queue_add(self, id, 0, &bytes) : PHUB_EEMPTY;
        host->buf_unref(delta);
        if (rc == 0) {
            self->pushed = next;
            if (id != 0)
                (void)heard_add(self, id);
        }
    }
}

/* --- telling ------------------------------------------------------------- */

struct targets {
    uint64_t nodes[RUMOURS_FANOUT_MAX];
    uint32_t count;
};

static void targets_choose(struct rumours *self, struct targets *targets)
{
    uint32_t peers = self->repair.peers_count;
    uint32_t chosen[RUMOURS_FANOUT_MAX], i;

    targets->count = peers < self->fanout ? peers : (uint32_t)self->fanout;
    for (i = 0; i < targets->count; i++) {
        uint32_t at = repair_random(&self->repair, peers), j = 0;

        while (j < i)   /* another one; there are enough */
            if (chosen[j++] == at) {
                at = (at + 1) % peers;
                j = 0;
            }
        chosen[i] = at;
        targets->nodes[i] = repair_peer_at(&self->repair, at);
    }
}

/* How many rumours from first on go into one message, and its size. */
static uint32_t batch_end(const struct rumours *self, uint32_t first, bool all,
                          size_t *size)
{
    uint32_t i;

    *size = 0;
    for (i = first; i < self->count; i++) {
        size_t more = self->queue[i].size + RUMOUR_ROOM;

        if ((self->queue[i].id == 0) != all)
            continue;
        if (*size > 0 && *size + more > self->repair.piece_size)
            break;
        *size += more;
    }
    return i;
}

static void batch_send(struct rumours *self, uint32_t first, uint32_t end,
                       size_t size, const struct targets *targets)
{
    uint8_t *bytes = malloc(size);
    struct phub_cbor_writer w;
    struct phub_bytes payload;
    uint32_t i;

    if (bytes == NULL)
        return;   /* as if it had been lost */
    phub_cbor_writer_init(&w, bytes, size);
    for (i = first; i < end; i++) {
        struct rumour *rumour = &self->queue[i];

        if ((rumour->id == 0) != (targets == NULL))
            continue;
        phub_cbor_write_array(&w, 3);
        phub_cbor_write_uint(&w, rumour->id);
        phub_cbor_write_uint(&w, rumour->hops + 1);
        phub_cbor_write_bytes(&w, rumour->bytes, rumour->size);
        rumour->told++;
    }
    payload.data = bytes;
    payload.size = w.size;
    if (targets == NULL)
        (void)repair_send(&self->repair, 0, REPAIR_OWN, payload, -1);
    for (i = 0; targets != NULL && i < targets->count; i++)
        (void)repair_send(&self->repair, targets->nodes[i], REPAIR_OWN,
                          payload, -1);
    free(bytes);
}

/* targets: NULL = all members, what is for all of them. */
static void tell(struct rumours *self, const struct targets *targets)
{
    uint32_t first, end;
    size_t size;

    for (first = 0; first < self->count; first = end) {
        end = batch_end(self, first, targets == NULL, &size);
        if (size > 0)
            batch_send(self, first, end, size, targets);
    }
}

static void round_tell(struct rumours *self)
{
    const struct phub_host *host = self->repair.host;
    struct targets targets;

    if (self->round_waits)
        return;
    if (self->repair.peers_count == 0) {
        self->pushed = host->stream_head(self->repair.ctx);
        queue_age(self, 0);
        return;
    }
    own_collect(self);
    if (self->count == 0)
        return;
    targets_choose(self, &targets);
    tell(self, NULL);
    tell(self, &targets);
    queue_age(self, self->rounds);
    repair_count(&self->repair, "sync_tells", 1);
    if (host->timer(self->repair.ctx, self->gap_ms * NS_PER_MS,
                    TOKEN_TELL) == 0)
        self->round_waits = 1;
}

void rumours_changed(void *self_, uint64_t head)
{
    struct rumours *self = self_;

    if (head > self->pushed)
        round_tell(self);
}

/* --- hearing ------------------------------------------------------------- */

static void gap_note(struct rumours *self, uint64_t node)
{
    repair_count(&self->repair, "sync_gaps", 1);
    self->gap_node = node;
    if (!self->gap_waits &&
        self->repair.host->timer(self->repair.ctx, GAP_NS, TOKEN_GAP) == 0)
        self->gap_waits = 1;
}

static void rumour_heard(struct rumours *self, uint64_t node, uint64_t id,
                         uint64_t hops, const struct phub_bytes *delta)
{
    int rc = id == 0 || hops >= HOPS_MAX ? PHUB_EEMPTY : heard_add(self, id);
    int applied;

    if (rc == PHUB_EEXIST)
        return;
    applied = self->repair.host->stream_apply(self->repair.ctx, node, delta);
    if (applied == PHUB_EAGAIN)
        gap_note(self, node);
    else if (applied != 0) {
        repair_count(&self->repair, "sync_refused", 1);
        return;
    }
    if (rc == 0)
        rc = queue_add(self, id, hops, delta);
    if (rc != 0 && rc != PHUB_EEMPTY)
        repair_count(&self->repair, "sync_rumours_dropped", 1);
}

void rumours_received(void *self_, uint64_t node,
                      const struct phub_bytes *message)
{
    struct rumours *self = self_;
    struct phub_bytes payload, delta;
    struct phub_cbor_reader r;

    if (repair_received(&self->repair, node, message, &payload) != REPAIR_OWN)
        return;
    phub_cbor_reader_init(&r, payload.data, payload.size);
    while (r.at < payload.size) {
        const uint8_t *data = NULL;
        uint64_t items = 0, id = 0, hops = 0;
        size_t size = 0;

        if (phub_cbor_read_array(&r, &items) && items != 3)
            phub_cbor_fail(&r, PHUB_CBOR_ETRUNCATED);
        phub_cbor_read_uint(&r, &id);
        phub_cbor_read_uint(&r, &hops);
        phub_cbor_read_bytes(&r, &data, &size);
        if (r.error != PHUB_CBOR_OK) {
            repair_count(&self->repair, "sync_malformed", 1);
            break;
        }
        delta.data = data;
        delta.size = size;
        rumour_heard(self, node, id, hops, &delta);
    }
    if (self->count > 0)
        round_tell(self);
}

/* --- life ---------------------------------------------------------------- */

void rumours_view_changed(void *self_, const struct phub_view *view)
{
    struct rumours *self = self_;

    repair_view(&self->repair, view);
}

void rumours_completed(void *self_, uint64_t token, int32_t rc,
                       const struct phub_result *result)
{
    struct rumours *self = self_;

    (void)rc;
    (void)result;
    if ((token & 0xff) == TOKEN_TELL) {
        self->round_waits = 0;
        round_tell(self);
    } else if ((token & 0xff) == TOKEN_GAP) {
        self->gap_waits = 0;
        repair_want(&self->repair, self->gap_node);
    } else
        repair_completed(&self->repair, token);
}

int rumours_open(struct rumours *self, struct phub_ctx *ctx,
                 const struct phub_host *host, const char *direct_members)
{
    int rc = repair_open(&self->repair, ctx, host);

    if (rc != 0)
        return rc;
    if ((direct_members != NULL &&
         host->param_uint(ctx, direct_members, &self->direct_members) != 0) ||
        host->param_uint(ctx, "fanout", &self->fanout) != 0 ||
        host->param_uint(ctx, "rumour_rounds", &self->rounds) != 0 ||
        host->param_uint(ctx, "rumour_gap_ms", &self->gap_ms) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    self->pushed = host->stream_head(ctx);
    return 0;
}

void rumours_close(void *self_)
{
    struct rumours *self = self_;

    queue_age(self, 0);
    repair_close(&self->repair);
}
