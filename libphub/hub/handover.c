/* SPDX-License-Identifier: MIT */
/* handover: the store of states that wait for their child; see handover.h.
 *
 * One entry per child: a later epoch, or a later checkpoint of the same epoch,
 * replaces it; a checkpoint that is still coming in lies beside the whole one
 * it will replace.  Entries are found by id, and are in the order in which they
 * came, so that the oldest is at hand. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/handover.h"
#include "wire/memory.h"

#define BUCKETS 1024u
#define NS_PER_MS 1000000ull
#define INSTANCES_LOOKED_AT 64u

struct entry {
    struct entry *bucket_next;
    struct entry *prev, *next;       /* oldest first */
    uint64_t from;
    uint64_t expires_ns;
    uint64_t sequence;
    uint64_t checksum;
    uint64_t received;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    enum phub__handover_kind kind;
    int code;                        /* there is no state, and this is why */
    int complete;
    struct phub_buf *state;
    uint32_t id_size;
    char id[];
};

struct phub__handover {
    struct entry *buckets[BUCKETS];
    struct entry *first, *last;
    uint32_t count;
    uint64_t size;
};

int phub__handover_new(struct phub__hub *hub)
{
    hub->handover = phub__calloc(1, sizeof *hub->handover);
    return hub->handover != NULL ? 0 : PHUB_ENOMEM;
}

uint32_t phub__handover_count(const struct phub__hub *hub)
{
    return hub->handover->count;
}

uint64_t phub__handover_size(const struct phub__hub *hub)
{
    return hub->handover->size;
}

void phub__handover_tell(struct phub__hub *hub,
                         void (*counter)(void *arg, const char *name,
                                         uint64_t value), void *arg)
{
    const struct phub__counters *c = &hub->counters;

#define ONE(name) counter(arg, #name, c->name)
    ONE(states_sent); ONE(states_received); ONE(state_bytes);
    counter(arg, "handovers", hub->handover->count);
    counter(arg, "handover_bytes", hub->handover->size);
    ONE(states_presented); ONE(checkpoints); ONE(checkpoints_failed);
    ONE(handovers_kept); ONE(handovers_delivered); ONE(handovers_overtaken);
    ONE(handovers_expired); ONE(handovers_crowded);
#undef ONE
}

static struct phub_bytes id_of(const struct entry *entry)
{
    return (struct phub_bytes){ (const uint8_t *)entry->id, entry->id_size };
}

static struct entry **bucket(struct phub__handover *h, struct phub_bytes id)
{
    return &h->buckets[XXH3_64bits(id.data, id.size) & (BUCKETS - 1)];
}

static int is_of(const struct entry *entry, struct phub_bytes id)
{
    return entry->id_size == id.size &&
           memcmp(entry->id, id.data, id.size) == 0;
}

/* The whole one of a child, or the one that is coming in. */
static struct entry *find(struct phub__handover *h, struct phub_bytes id,
                          int complete)
{
    struct entry *entry = *bucket(h, id);

    while (entry != NULL &&
           (entry->complete != complete || !is_of(entry, id)))
        entry = entry->bucket_next;
    return entry;
}

static void entry_free(struct phub__handover *h, struct entry *entry)
{
    struct entry **p = bucket(h, id_of(entry));

    while (*p != entry)
        p = &(*p)->bucket_next;
    *p = entry->bucket_next;
    *(entry->prev != NULL ? &entry->prev->next : &h->first) = entry->next;
    *(entry->next != NULL ? &entry->next->prev : &h->last) = entry->prev;
    h->count--;
    if (entry->state != NULL)
        h->size -= entry->state->size;
    phub__buf_unref(&entry->state);
    phub__free(entry);
}

void phub__handover_free(struct phub__hub *hub)
{
    if (hub->handover == NULL)
        return;
    while (hub->handover->first != NULL)
        entry_free(hub->handover, hub->handover->first);
    phub__free(hub->handover);
    hub->handover = NULL;
}

void phub__handover_round(struct phub__hub *hub)
{
    struct phub__handover *h = hub->handover;
    uint64_t now = hub->env->now_ns(hub->env);
    struct entry *entry, *next;

    for (entry = h->first; entry != NULL; entry = next) {
        next = entry->next;
        if (now < entry->expires_ns)
            continue;
        hub->counters.handovers_expired++;
        entry_free(h, entry);
    }
}

/* Make room for one more of size bytes. */
static int room(struct phub__hub *hub, uint64_t size)
{
    struct phub__handover *h = hub->handover;
    struct entry *entry, *next;

    if (size > PHUB__HANDOVER_SIZE_MAX)
        return PHUB_ELIMIT;
    if (h->count < PHUB__HANDOVER_MAX &&
        h->size + size <= PHUB__HANDOVER_SIZE_MAX)
        return 0;
    phub__handover_round(hub);
    for (entry = h->first; entry != NULL; entry = next) {
        if (h->count < PHUB__HANDOVER_MAX &&
            h->size + size <= PHUB__HANDOVER_SIZE_MAX)
            return 0;
        next = entry->next;
        if (entry->kind != PHUB__HANDOVER_CHECKPOINT)
            continue;
        hub->counters.handovers_crowded++;
        entry_free(h, entry);
    }
    return h->count < PHUB__HANDOVER_MAX &&
                   h->size + size <= PHUB__HANDOVER_SIZE_MAX
               ? 0 : PHUB_ELIMIT;
}

/* Is what we have later than, or the same as, what comes? */
static int not_later(const struct phub__op_state *head,
                     const struct entry *entry)
{
    int order = phub_epoch_cmp(head->epoch, entry->epoch);

    if (order != 0)
        return order < 0;
    if (head->kind != (uint64_t)entry->kind)
        return head->kind == PHUB__HANDOVER_CHECKPOINT;
    return head->sequence <= entry->sequence;
}

static struct entry *entry_new(struct phub__hub *hub, uint64_t from,
                               const struct phub__op_state *head,
                               struct phub_buf *state)
{
    struct phub__handover *h = hub->handover;
    struct entry *entry = phub__calloc(1, sizeof *entry + head->id.size + 1);
    struct entry **p;

    if (entry == NULL)
        return NULL;
    entry->from = from;
    entry->kind = (enum phub__handover_kind)head->kind;
    entry->expires_ns = hub->env->now_ns(hub->env) +
                        head->ttl_ms * NS_PER_MS;
    entry->sequence = head->sequence;
    entry->checksum = head->checksum;
    entry->incarnation = head->incarnation;
    entry->epoch = head->epoch;
    entry->code = (int)head->code;
    entry->state = state;
    h->size += state != NULL ? state->size : 0;
    entry->id_size = (uint32_t)head->id.size;
    memcpy(entry->id, head->id.data, head->id.size);
    p = bucket(h, head->id);
    entry->bucket_next = *p;
    *p = entry;
    entry->prev = h->last;
    *(h->last != NULL ? &h->last->next : &h->first) = entry;
    h->last = entry;
    h->count++;
    return entry;
}

/* May it be kept at all? */
static int refuse(struct phub__hub *hub, const struct phub__op_state *head)
{
    const struct entry *whole = find(hub->handover, head->id, 1);
    struct phub__row_facts row;

    if (hub->stopping || hub->on_stopped != NULL)
        return PHUB_ESHUTDOWN;
    phub__row_facts(hub, head->id, &row);
    if (row.exists && !row.live)
        return PHUB_ESTOPPED;
    if (row.exists &&
        (phub_epoch_cmp(row.incarnation, head->incarnation) > 0 ||
         phub_epoch_cmp(row.home_epoch, head->epoch) > 0))
        return PHUB_ECANCELLED;
    return whole != NULL && not_later(head, whole) ? PHUB_ECANCELLED : 0;
}

/* It is whole: it replaces what was there. */
static void completed(struct phub__hub *hub, struct entry *entry)
{
    struct entry *old = find(hub->handover, id_of(entry), 1);

    if (old != NULL)
        entry_free(hub->handover, old);
    entry->complete = 1;
    hub->counters.handovers_kept++;
    if (entry->kind == PHUB__HANDOVER_PRESENT)
        phub__hub_cause(hub, id_of(entry), entry->code != 0
                        ? "its home leaves and could not get its state"
                        : "its home leaves: its state waits here");
}

int phub__handover_look(struct phub__hub *hub, struct phub_bytes id,
                        struct phub_buf **state, int *checkpoint)
{
    const struct entry *entry = find(hub->handover, id, 1);

    if (entry == NULL ||
        hub->env->now_ns(hub->env) >= entry->expires_ns)
        return PHUB_ENOTFOUND;
    if (entry->state == NULL)
        return PHUB_EEMPTY;
    *state = entry->state;
    *checkpoint = entry->kind == PHUB__HANDOVER_CHECKPOINT;
    return 0;
}

int phub__handover_keep(struct phub__hub *hub, uint64_t from,
                        const struct phub__op_state *head,
                        struct phub_buf *state)
{
    struct entry *entry;
    int rc = refuse(hub, head);

    if (rc == 0)
        rc = room(hub, state != NULL ? state->size : 0);
    if (rc != 0)
        return rc;
    entry = entry_new(hub, from, head, phub__buf_ref(state));
    if (entry == NULL) {
        phub__buf_unref(&state);
        return PHUB_ENOMEM;
    }
    completed(hub, entry);
    return 0;
}

static int begin(struct phub__hub *hub, uint64_t from,
                 const struct phub__op_state *chunk, struct entry **out)
{
    struct phub_buf *state;
    int rc = refuse(hub, chunk);

    if (rc == 0)
        rc = room(hub, chunk->size);
    if (rc != 0)
        return rc;
    state = phub__buf_new(chunk->size);
    if (state == NULL)
        return PHUB_ENOMEM;
    state->version = (uint32_t)chunk->version;
    *out = entry_new(hub, from, chunk, state);
    if (*out != NULL)
        return 0;
    phub__buf_unref(&state);
    return PHUB_ENOMEM;
}

static int same_one(const struct entry *entry, uint64_t from,
                    const struct phub__op_state *chunk)
{
    return entry != NULL && entry->from == from &&
           (uint64_t)entry->kind == chunk->kind &&
           entry->sequence == chunk->sequence &&
           entry->checksum == chunk->checksum &&
           phub_epoch_cmp(entry->epoch, chunk->epoch) == 0 &&
           (entry->state != NULL ? entry->state->size : 0) == chunk->size;
}

int phub__handover_chunk(struct phub__hub *hub, uint64_t from,
                         const struct phub__op_state *chunk,
                         uint64_t *received)
{
    struct phub__handover *h = hub->handover;
    struct entry *entry = find(h, chunk->id, 1);
    int rc;

    if (same_one(entry, from, chunk)) {
        *received = chunk->size; /* sent again: its answer was lost */
        return 0;
    }
    if (chunk->kind > PHUB__HANDOVER_CHECKPOINT || chunk->id.size == 0)
        return PHUB_EUNSUPPORTED;
    if (chunk->size > PHUB_STATE_SIZE_MAX ||
        chunk->data.size > chunk->size ||
        chunk->offset > chunk->size - chunk->data.size)
        return PHUB_ELIMIT;
    if (chunk->code != 0)
        return phub__handover_keep(hub, from, chunk, NULL);
    entry = find(h, chunk->id, 0);
    if (entry != NULL && (chunk->offset == 0 ||
                          !same_one(entry, from, chunk))) {
        entry_free(h, entry); /* one at a time comes in */
        entry = NULL;
    }
    if (entry == NULL && chunk->offset != 0)
        return PHUB_EPROTO;
    rc = entry == NULL ? begin(hub, from, chunk, &entry) : 0;
    if (rc != 0)
        return rc;
    if (chunk->offset != entry->received)
        return PHUB_EPROTO;
    if (chunk->data.size != 0)
        memcpy(entry->state->data + chunk->offset, chunk->data.data,
               chunk->data.size);
    entry->received += chunk->data.size;
    hub->counters.state_bytes += chunk->data.size;
    *received = entry->received;
    if (entry->received != chunk->size)
        return 0;
    if (XXH3_64bits(entry->state->data, entry->state->size) !=
        entry->checksum) {
        entry_free(h, entry);
        return PHUB_ECHECKSUM;
    }
    completed(hub, entry);
    return 0;
}

/* --- whose it is -------------------------------------------------------------- */

/* Somebody may have run it after this state was taken.  One that waits has
 * not, whatever its epoch. */
static int overtaken(struct phub__hub *hub, const struct entry *entry)
{
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (phub__registry_get(hub->registry, id_of(entry), &view) != 0)
        return 0;
    if (view.instances_count > INSTANCES_LOOKED_AT)
        return 1;
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (phub_epoch_cmp(half.incarnation, entry->incarnation) == 0 &&
            phub_epoch_cmp(half.epoch, entry->epoch) > 0 &&
            half.role == PHUB_ROLE_ACTIVE)
            return 1;
    }
    return 0;
}

int phub__handover_knows(struct phub__hub *hub, struct phub_bytes id)
{
    return hub->handover != NULL && hub->handover->count != 0 &&
           (find(hub->handover, id, 1) != NULL ||
            find(hub->handover, id, 0) != NULL);
}

static void drop_if_overtaken(struct phub__hub *hub, struct entry *entry)
{
    struct phub__row_facts row;

    phub__row_facts(hub, id_of(entry), &row);
    if (!row.exists || phub_epoch_cmp(row.incarnation,
                                      entry->incarnation) < 0)
        return; /* it has not come here yet */
    if (row.live && phub_epoch_cmp(row.incarnation,
                                   entry->incarnation) == 0 &&
        (phub_epoch_cmp(row.home_epoch, entry->epoch) <= 0 ||
         (row.home == hub->node && !overtaken(hub, entry))))
        return;
    hub->counters.handovers_overtaken++;
    entry_free(hub->handover, entry);
}

void phub__handover_row_changed(struct phub__hub *hub, struct phub_bytes id)
{
    struct entry *entry;
    int complete;

    if (hub->handover->count == 0)
        return;
    for (complete = 0; complete < 2; complete++) {
        entry = find(hub->handover, id, complete);
        if (entry != NULL)
            drop_if_overtaken(hub, entry);
    }
}

int phub__handover_drop(struct phub__hub *hub, struct phub_bytes id)
{
    struct entry *entry = find(hub->handover, id, 1);

    if (entry == NULL)
        return 0;
    entry_free(hub->handover, entry);
    return 1;
}

int phub__handover_waits(struct phub__hub *hub, struct phub_bytes id,
                         const struct phub__row_facts *row)
{
    const struct entry *entry;

    if (hub->handover->count == 0)
        return 0;
    phub__handover_row_changed(hub, id);
    entry = find(hub->handover, id, 1);
    return entry != NULL && entry->code == 0 &&
           phub_epoch_cmp(row->home_epoch, entry->epoch) > 0;
}

void phub__handover_deliver(struct phub__local *local,
                            const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    struct entry *entry;

    if (hub->handover->count == 0)
        return;
    phub__handover_row_changed(hub, id);
    entry = find(hub->handover, id, 1);
    if (entry == NULL || phub_epoch_cmp(row->home_epoch, entry->epoch) <= 0)
        return;
    phub__local_keep(local, entry->state, entry->incarnation);
    local->kept_code = entry->code;
    hub->counters.handovers_delivered++;
    phub__hub_cause(hub, id, entry->code != 0
                    ? "its state is missing: it could not be got"
                    : entry->kind == PHUB__HANDOVER_CHECKPOINT
                    ? "goes on from a checkpoint, which may be stale"
                    : "goes on with the state that its last home left");
    entry_free(hub->handover, entry);
}

uint64_t phub__handover_holds(struct phub__hub *hub, struct phub_bytes id,
                              struct phub_epoch incarnation,
                              struct phub_epoch epoch)
{
    const struct entry *entry = find(hub->handover, id, 1);

    if (entry == NULL ||
        phub_epoch_cmp(entry->incarnation, incarnation) != 0 ||
        phub_epoch_cmp(entry->epoch, epoch) != 0)
        return 0;
    return entry->kind == PHUB__HANDOVER_CHECKPOINT ? entry->sequence
                                                    : UINT64_MAX;
}

uint32_t phub__handover_held(struct phub__hub *hub,
                             struct phub__op_held *held, uint32_t held_max)
{
    const struct entry *entry;
    uint32_t count = 0;

    /* The last there is first: there may be more than can be told. */
    for (entry = hub->handover->first; entry != NULL && count < held_max;
         entry = entry->next) {
        if (!entry->complete || entry->kind != PHUB__HANDOVER_PRESENT)
            continue;
        if (held != NULL)
            held[count] = (struct phub__op_held){
                id_of(entry), entry->incarnation, entry->epoch, 0 };
        count++;
    }
    for (entry = hub->handover->first; entry != NULL && count < held_max;
         entry = entry->next) {
        if (!entry->complete || entry->kind != PHUB__HANDOVER_CHECKPOINT)
            continue;
        if (held != NULL)
            held[count] = (struct phub__op_held){
                id_of(entry), entry->incarnation, entry->epoch,
                entry->sequence };
        count++;
    }
    return count;
}

/* --- what others hold ------------------------------------------------------------- */

static int by_id(const void *a, const void *b)
{
    const struct phub_bytes *x = &((const struct phub__op_held *)a)->id;
    const struct phub_bytes *y = &((const struct phub__op_held *)b)->id;
    size_t size = x->size < y->size ? x->size : y->size;
    int order = memcmp(x->data, y->data, size);

    return order != 0 ? order : x->size < y->size ? -1 : x->size > y->size;
}

struct phub__op_held *phub__held_copy(const struct phub__op_held *in,
                                      uint32_t count)
{
    struct phub__op_held *held;
    size_t size = 0;
    uint8_t *bytes;
    uint32_t i;

    for (i = 0; i < count; i++)
        size += in[i].id.size;
    held = count != 0 ? phub__malloc(count * sizeof *in + size) : NULL;
    if (held == NULL)
        return NULL;
    bytes = (uint8_t *)(held + count);
    for (i = 0; i < count; i++) {
        held[i] = in[i];
        memcpy(bytes, in[i].id.data, in[i].id.size);
        held[i].id.data = bytes;
        bytes += in[i].id.size;
    }
    qsort(held, count, sizeof *held, by_id);
    return held;
}

uint64_t phub__held_rank(const struct phub__op_held *held, uint32_t count,
                         struct phub_bytes id, struct phub_epoch incarnation,
                         struct phub_epoch home_epoch)
{
    const struct phub__op_held key = { .id = id };
    uint32_t low = 0, high = count;
    uint64_t rank = 0;

    while (low < high) { /* the first of that id */
        uint32_t middle = low + (high - low) / 2;

        if (by_id(&held[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < count && by_id(&held[low], &key) == 0; low++) {
        if (phub_epoch_cmp(held[low].incarnation, incarnation) != 0 ||
            phub_epoch_cmp(held[low].epoch, home_epoch) != 0)
            continue;
        if (held[low].sequence == 0)
            return UINT64_MAX;
        if (held[low].sequence > rank)
            rank = held[low].sequence;
    }
    return rank;
}
