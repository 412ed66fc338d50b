/* SPDX-License-Identifier: MIT */
/* rumours: what changed goes from a few to a few more, until it is old.
 *
 * What a node wrote since the last round is a rumour with a random number.  In
 * the first round a node sends the rumour to some members: to the next one by
 * id, the first again behind the last, and to others by chance.  Who hears it
 * for the first time merges it and does the same.  In the later rounds it
 * tells others only the number; who does not know that asks for the rumour.
 * After the last round a rumour is old.
 *
 * Who follows whom by id is a ring: each member has one before it that tells
 * it for certain, so a rumour that is told at all reaches all, and chance makes
 * it quick.  A member gets a rumour as often as the fanout says, whatever the
 * size of the hub.  Where one of the ring is dead or busy, or views differ for
 * a while, chance and numbers do it; what is left comparing mends
 * (sync/repair.c).  Nobody sends more for a larger cluster: a round is as many
 * messages as the fanout, however many rumours there are and whoever wrote
 * them.
 *
 * A rumour of more than LARGE bytes is told by its number at once: it costs
 * two messages more on each step, and each member gets it once.
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
 * Bounds (queue.c).  What a node wrote itself waits for room; what others tell
 * is merged and not passed on if there is none.
 *
 * Wire version 1: [1, rumours], where rumours is a sequence of CBOR arrays:
 * [number, hops, delta] a rumour, [number, hops] what one could tell, [number]
 * what one asks for; and what sync/repair.h has. */
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "sync/rumours.h"

#define TOKEN_TELL REPAIR_TOKEN_OWN
#define TOKEN_GAP (REPAIR_TOKEN_OWN + 1)
#define TOKEN_KEPT (REPAIR_TOKEN_OWN + 2)
#define GAP_NS 250000000ull
#define ASKED_NS 200000000ull   /* before somebody else is asked */
#define ASKS_MAX 512u           /* of one message, each way */
#define LARGE 2048u
#define RUMOUR_ROOM 20u   /* around a delta; less than REPAIR_ROOM */

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
        rc = next > self->pushed ? rumours_add(self, id, 0, &bytes)
                                 : PHUB_EEMPTY;
        host->buf_unref(delta);
        if (rc == 0) {
            self->pushed = next;
            if (id != 0)
                (void)rumours_heard_add(self, id);
        }
    }
}

/* --- telling ------------------------------------------------------------- */

struct targets {
    uint64_t nodes[RUMOURS_FANOUT_MAX];
    uint32_t count;
};

/* The member behind this one, in the order of ids; there is one. */
static uint32_t next_by_id(const struct rumours *self)
{
    uint64_t me = self->repair.host->self(self->repair.ctx);
    uint32_t low = 0, high = self->repair.peers_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (repair_peer_at(&self->repair, middle) < me)
            low = middle + 1;
        else
            high = middle;
    }
    return low % self->repair.peers_count;
}

/* Others than next, by chance. */
static void targets_choose(struct rumours *self, uint32_t next,
                           struct targets *targets)
{
    uint32_t peers = self->repair.peers_count, i;
    uint32_t chosen[RUMOURS_FANOUT_MAX + 1] = { next };

    targets->count = self->fanout > 2 ? (uint32_t)self->fanout - 1 : 1;
    if (targets->count > peers - 1)
        targets->count = peers - 1;
    for (i = 1; i <= targets->count; i++) {
        uint32_t at = repair_random(&self->repair, peers), j = 0;

        while (j < i)   /* another one; there are enough */
            if (chosen[j++] == at) {
                at = (at + 1) % peers;
                j = 0;
            }
        chosen[i] = at;
        targets->nodes[i - 1] = repair_peer_at(&self->repair, at);
    }
}

/* Say what one could tell, or tell it? */
static bool by_number(const struct rumour *rumour)
{
    return rumour->id != 0 && (rumour->told > 0 || rumour->size > LARGE);
}

static void rumour_write(struct phub_cbor_writer *w,
                         const struct rumour *rumour, bool whole)
{
    phub_cbor_write_array(w, whole ? 3 : 2);
    phub_cbor_write_uint(w, rumour->id);
    phub_cbor_write_uint(w, rumour->hops + 1);
    if (whole)
        phub_cbor_write_bytes(w, rumour->bytes, rumour->size);
}

struct picked {
    struct rumour *rumours[RUMOURS_MAX];
    uint32_t count;
    bool asked;        /* for: all of them whole */
};

static size_t room_of(const struct picked *picked, uint32_t i)
{
    const struct rumour *rumour = picked->rumours[i];
    bool whole = picked->asked || !by_number(rumour);

    return RUMOUR_ROOM + (whole ? rumour->size : 0);
}

/* How many from first on go into one message, and its size. */
static uint32_t message_end(const struct rumours *self,
                            const struct picked *picked, uint32_t first,
                            size_t *size)
{
    uint32_t end = first;

    *size = 0;
    while (end < picked->count &&
           (end == first ||
            *size + room_of(picked, end) <= self->repair.piece_size))
        *size += room_of(picked, end++);
    return end;
}

/* targets: nodes; node 0 is all members. */
static void picked_send(struct rumours *self, const struct picked *picked,
                        const struct targets *targets)
{
    uint32_t first, end, i;
    size_t size;

    for (first = 0; first < picked->count; first = end) {
        struct phub_cbor_writer w;
        struct phub_bytes payload;
        uint8_t *bytes;

        end = message_end(self, picked, first, &size);
        bytes = malloc(size);
        if (bytes == NULL)
            return;   /* as if it had been lost */
        phub_cbor_writer_init(&w, bytes, size);
        for (i = first; i < end; i++)
            rumour_write(&w, picked->rumours[i],
                         picked->asked || !by_number(picked->rumours[i]));
        payload.data = bytes;
        payload.size = w.size;
        for (i = 0; i < targets->count; i++)
            (void)repair_send(&self->repair, targets->nodes[i], REPAIR_OWN,
                              payload, -1);
        free(bytes);
    }
}

/* What goes to the same members: to all; what is new, to the next one by id;
 * that and the numbers of what is older, to others. */
enum batch { BATCH_ALL, BATCH_NEXT, BATCH_OTHERS };

static void pick(struct rumours *self, enum batch batch,
                 struct picked *picked)
{
    uint32_t i;

    picked->count = 0;
    picked->asked = false;
    for (i = 0; i < self->count; i++) {
        struct rumour *rumour = &self->queue[i];
        bool goes = rumour->told == 0;

        if (rumours_old(self, rumour))
            continue;
        if (rumour->id == 0 || batch == BATCH_ALL)
            goes = rumour->id == 0 && batch == BATCH_ALL;
        else if (batch == BATCH_OTHERS)
            goes = !goes || self->fanout > 1;
        if (goes)
            picked->rumours[picked->count++] = rumour;
    }
}

static void tell(struct rumours *self)
{
    struct targets targets = { .nodes = { 0 }, .count = 1 };
    uint32_t next = next_by_id(self), i;
    struct picked picked;

    pick(self, BATCH_ALL, &picked);
    picked_send(self, &picked, &targets);
    pick(self, BATCH_NEXT, &picked);
    targets.nodes[0] = repair_peer_at(&self->repair, next);
    picked_send(self, &picked, &targets);
    pick(self, BATCH_OTHERS, &picked);
    targets_choose(self, next, &targets);
    picked_send(self, &picked, &targets);
    for (i = 0; i < self->count; i++)
        if (!rumours_old(self, &self->queue[i]))
            self->queue[i].told++;
}

static void kept_wait(struct rumours *self)
{
    if (self->count > 0 && !self->kept_waits &&
        self->repair.host->timer(self->repair.ctx, RUMOURS_KEPT_NS,
                                 TOKEN_KEPT) == 0)
        self->kept_waits = 1;
}

static void round_tell(struct rumours *self)
{
    const struct phub_host *host = self->repair.host;

    if (self->round_waits)
        return;
    if (self->repair.peers_count == 0) {
        self->pushed = host->stream_head(self->repair.ctx);
        rumours_clear(self);
        return;
    }
    own_collect(self);
    if (!rumours_news(self))
        return;
    tell(self);
    rumours_age(self, rumours_now_ns(self));
    kept_wait(self);
    repair_count(&self->repair, "sync_tells", 1);
    if (host->timer(self->repair.ctx, self->gap_ms * RUMOURS_NS_PER_MS,
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
    int rc = id == 0 || hops >= RUMOURS_HOPS_MAX
                 ? PHUB_EEMPTY : rumours_heard_add(self, id);
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
        rc = rumours_add(self, id, hops, delta);
    if (rc != 0 && rc != PHUB_EEMPTY)
        repair_count(&self->repair, "sync_rumours_dropped", 1);
}

/* Numbers that one message has: of rumours to ask for, and asked for. */
struct numbers {
    uint64_t ids[ASKS_MAX];
    uint32_t count;
};

/* Each once. */
static void numbers_add(struct numbers *numbers, uint64_t id)
{
    uint32_t i;

    if (id == 0 || numbers->count == ASKS_MAX)
        return;
    for (i = 0; i < numbers->count; i++)
        if (numbers->ids[i] == id)
            return;
    numbers->ids[numbers->count++] = id;
}

/* It is to be asked for, if nobody was. */
static void number_heard(struct rumours *self, uint64_t id,
                         struct numbers *wanted)
{
    struct heard *asked = &self->asked[id % RUMOURS_ASKED];
    uint64_t now = rumours_now_ns(self);

    if (id == 0 || wanted->count == ASKS_MAX || rumours_heard_has(self, id) ||
        (asked->id == id && asked->until_ns > now))
        return;
    asked->id = id;
    asked->until_ns = now + ASKED_NS;
    numbers_add(wanted, id);
}

static void ask(struct rumours *self, uint64_t node,
                const struct numbers *wanted)
{
    uint8_t bytes[ASKS_MAX * 10u];
    struct phub_cbor_writer w;
    struct phub_bytes payload;
    uint32_t i;

    if (wanted->count == 0)
        return;
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    for (i = 0; i < wanted->count; i++) {
        phub_cbor_write_array(&w, 1);
        phub_cbor_write_uint(&w, wanted->ids[i]);
    }
    payload.data = bytes;
    payload.size = w.size;
    (void)repair_send(&self->repair, node, REPAIR_OWN, payload, -1);
    repair_count(&self->repair, "sync_asks", 1);
}

/* What is not kept any more comparing brings. */
static void answer(struct rumours *self, uint64_t node,
                   const struct numbers *asked)
{
    struct targets target = { .nodes = { node }, .count = 1 };
    struct picked picked = { .count = 0, .asked = true };
    uint32_t i;

    for (i = 0; i < asked->count; i++) {
        struct rumour *rumour = rumours_find(self, asked->ids[i]);

        if (rumour != NULL)
            picked.rumours[picked.count++] = rumour;
    }
    picked_send(self, &picked, &target);
}

/* One of a message; false: it is none. */
static bool rumour_read(struct rumours *self, uint64_t node,
                        struct phub_cbor_reader *r, struct numbers *wanted,
                        struct numbers *asked)
{
    struct phub_bytes delta;
    const uint8_t *data = NULL;
    uint64_t items = 0, id = 0, hops = 0;
    size_t size = 0;

    if (phub_cbor_read_array(r, &items) && (items == 0 || items > 3))
        phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    phub_cbor_read_uint(r, &id);
    if (items > 1)
        phub_cbor_read_uint(r, &hops);
    if (items > 2)
        phub_cbor_read_bytes(r, &data, &size);
    if (r->error != PHUB_CBOR_OK)
        return false;
    delta.data = data;
    delta.size = size;
    if (items == 3)
        rumour_heard(self, node, id, hops, &delta);
    else if (items == 2)
        number_heard(self, id, wanted);
    else
        numbers_add(asked, id);
    return true;
}

void rumours_received(void *self_, uint64_t node,
                      const struct phub_bytes *message)
{
    struct rumours *self = self_;
    struct numbers wanted = { .count = 0 }, asked = { .count = 0 };
    struct phub_bytes payload;
    struct phub_cbor_reader r;

    if (repair_received(&self->repair, node, message, &payload) != REPAIR_OWN)
        return;
    phub_cbor_reader_init(&r, payload.data, payload.size);
    while (r.at < payload.size)
        if (!rumour_read(self, node, &r, &wanted, &asked)) {
            repair_count(&self->repair, "sync_malformed", 1);
            break;
        }
    ask(self, node, &wanted);
    answer(self, node, &asked);
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
    } else if ((token & 0xff) == TOKEN_KEPT) {
        self->kept_waits = 0;
        rumours_age(self, rumours_now_ns(self));
        kept_wait(self);
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

    rumours_clear(self);
    repair_close(&self->repair);
}
