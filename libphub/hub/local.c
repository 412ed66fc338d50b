/* SPDX-License-Identifier: MIT */
/* local: the records of children that this node has to do with, and who
 * waits for them; see local.h.  What follows from a row is in reconcile.c. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/departed.h"
#include "hub/handover.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/order.h"
#include "hub/replica.h"
#include "hub/rows.h"
#include "wire/memory.h"

#define BUCKETS_MIN 256u
#define CACHE_LINE 64u

struct phub__locals {
    struct phub__local **buckets;
    struct phub__local *first;
    uint32_t buckets_count;
    uint32_t count;
};

int phub__locals_new(struct phub__hub *hub, struct phub__locals **locals)
{
    struct phub__locals *l = phub__calloc(1, sizeof *l);

    (void)hub;
    if (l == NULL)
        return PHUB_ENOMEM;
    l->buckets = phub__calloc(BUCKETS_MIN, sizeof *l->buckets);
    if (l->buckets == NULL) {
        phub__free(l);
        return PHUB_ENOMEM;
    }
    l->buckets_count = BUCKETS_MIN;
    *locals = l;
    return 0;
}

uint32_t phub__locals_count(const struct phub__locals *locals)
{
    return locals->count;
}

struct phub__local *phub__locals_first(const struct phub__locals *locals)
{
    return locals->first;
}

void phub__locals_forget_instances(struct phub__locals *locals)
{
    struct phub__local *local;

    for (local = locals->first; local != NULL; local = local->next)
        local->instance = NULL;
}

struct phub_bytes phub__local_id(const struct phub__local *local)
{
    return (struct phub_bytes){ (const uint8_t *)local->id, local->id_size };
}

static struct phub__local **bucket(const struct phub__locals *l,
                                   struct phub_bytes id)
{
    uint64_t hash = XXH3_64bits(id.data, id.size);

    return &l->buckets[hash & (l->buckets_count - 1)];
}

struct phub__local *phub__local_find(struct phub__hub *hub,
                                     struct phub_bytes id)
{
    struct phub__local *local = *bucket(hub->locals, id);

    while (local != NULL && (local->id_size != id.size ||
                             memcmp(local->id, id.data, id.size) != 0))
        local = local->bucket_next;
    return local;
}

void phub__locals_ahead(const struct phub__hub *hub,
                        const struct phub_bytes *ids, uint32_t count)
{
    struct phub__local **heads[PHUB__LOCALS_AHEAD];
    uint32_t i;
    size_t at;

    count = count < PHUB__LOCALS_AHEAD ? count : PHUB__LOCALS_AHEAD;
    for (i = 0; i < count; i++) {
        heads[i] = bucket(hub->locals, ids[i]);
        __builtin_prefetch(heads[i]);
    }
    for (i = 0; i < count; i++) {
        const char *local = (const char *)*heads[i];

        for (at = 0; local != NULL && at < sizeof(struct phub__local);
             at += CACHE_LINE)
            __builtin_prefetch(local + at);
    }
    for (i = 0; i < count; i++)
        if (*heads[i] != NULL)
            __builtin_prefetch((*heads[i])->instance);
}

static void grow(struct phub__locals *l)
{
    uint32_t count = l->buckets_count * 2;
    struct phub__local **wide = phub__calloc(count, sizeof *wide);
    struct phub__local **old = l->buckets, *local, **p;

    if (wide == NULL)
        return; /* longer chains, no more */
    l->buckets = wide;
    l->buckets_count = count;
    for (local = l->first; local != NULL; local = local->next) {
        p = bucket(l, phub__local_id(local));
        local->bucket_next = *p;
        *p = local;
    }
    phub__free(old);
}

struct phub__local *phub__local_get(struct phub__hub *hub,
                                    struct phub_bytes id)
{
    struct phub__locals *l = hub->locals;
    struct phub__local *local = phub__local_find(hub, id), **p;

    if (local != NULL || id.size == 0 || id.size > PHUB_CHILD_ID_MAX)
        return local;
    local = phub__calloc(1, sizeof *local + id.size + 1);
    if (local == NULL)
        return NULL;
    if (l->count >= l->buckets_count)
        grow(l);
    local->magic = PHUB__LOCAL_MAGIC;
    local->hub = hub;
    local->id_size = (uint32_t)id.size;
    memcpy(local->id, id.data, id.size);
    p = bucket(l, id);
    local->bucket_next = *p;
    *p = local;
    local->next = l->first;
    if (l->first != NULL)
        l->first->prev = local;
    l->first = local;
    l->count++;
    return local;
}

static void local_free(struct phub__local *local)
{
    struct phub__locals *l = local->hub->locals;
    struct phub__waiter *waiter;
    struct phub__local **p = bucket(l, phub__local_id(local));

    while (*p != local)
        p = &(*p)->bucket_next;
    *p = local->bucket_next;
    if (local->prev != NULL)
        local->prev->next = local->next;
    else
        l->first = local->next;
    if (local->next != NULL)
        local->next->prev = local->prev;
    l->count--;
    while ((waiter = local->waiters) != NULL) {
        local->waiters = waiter->next;
        phub__free(waiter);
    }
    phub__arrival_forget(local);
    phub__checkpoint_free(local);
    phub__replica_reseat_free(local);
    phub__order_forget(local);
    phub__buf_unref(&local->kept);
    local->magic = 0;
    phub__free(local);
}

void phub__local_keep(struct phub__local *local, struct phub_buf *state,
                      struct phub_epoch incarnation)
{
    struct phub_buf *before = local->kept;

    local->kept = phub__buf_ref(state);
    local->kept_incarnation = incarnation;
    local->kept_epoch = (struct phub_epoch){ 0, 0 };
    phub__buf_unref(&before);
}

void phub__local_drop(struct phub__local **local)
{
    struct phub__local *l = *local;

    if (l == NULL || l->instance != NULL || l->waiters != NULL ||
        l->move != NULL || l->arrival != NULL || l->kept != NULL ||
        l->mail_first != NULL || l->confirming ||
        l->claims != 0 || l->busy || l->replica ||
        l->failed_epoch.number != 0 || l->unfenced.number != 0 ||
        l->completed.number != 0)
        return;
    if (l->heard != NULL &&
        phub__hub_home(l->hub, phub__local_id(l)) == l->hub->node)
        return; /* its next start here gets nothing twice */
    local_free(l);
    *local = NULL;
}

/* The supervisor, moves and keeper are gone already. */
void phub__locals_free(struct phub__locals **locals)
{
    struct phub__local *local;

    if (*locals == NULL)
        return;
    while ((local = (*locals)->first) != NULL)
        local_free(local);
    phub__free((*locals)->buckets);
    phub__free(*locals);
    *locals = NULL;
}

/* --- waiting -------------------------------------------------------------- */

static void answer(struct phub__local *local, struct phub__waiter *waiter,
                   int code, const char *text)
{
    struct phub__hub *hub = local->hub;
    int64_t pid = 0;

    if (code == 0 && local->instance != NULL)
        pid = phub__instance_pid(local->instance);
    if (waiter->wanted == PHUB__WANT_ENDED)
        phub__reply_ended(hub, &waiter->reply, phub__local_id(local),
                          waiter->incarnation);
    else
        phub__reply(hub, &waiter->reply, code, hub->node, pid, text);
    phub__free(waiter);
}

void phub__reply_ended(struct phub__hub *hub, const struct phub__reply *reply,
                       struct phub_bytes id, struct phub_epoch incarnation)
{
    struct phub__op_answer answer = {
        .node = hub->node, .value = phub__departed_to(hub, id, incarnation) };

    phub__reply_full(hub, reply, &answer);
}

static int holds(const struct phub__local *local, enum phub__wanted wanted,
                 struct phub_epoch incarnation)
{
    const struct phub__instance *instance = local->instance;

    /* The target of a move may hold a standby until it has heard DISCARD. */
    if (wanted == PHUB__WANT_ENDED)
        return instance == NULL && local->arrival == NULL &&
               local->move == NULL;
    return instance != NULL &&
           phub__instance_phase(instance) == PHUB__PHASE_RUNNING &&
           phub_epoch_cmp(phub__instance_incarnation(instance),
                          incarnation) == 0;
}

/* The first start of an incarnation is undone if it fails, and one that came
 * by a move goes back; any other is tried again and again, for the child has
 * been promised. */
int phub__local_first(const struct phub__local *local)
{
    struct phub__row_facts row;

    phub__row_facts(local->hub, phub__local_id(local), &row);
    return local->came_from != 0 ||
           phub_epoch_cmp(row.home_epoch, row.incarnation) == 0;
}

void phub__local_wait(struct phub__local *local, enum phub__wanted wanted,
                      struct phub_epoch incarnation,
                      const struct phub__reply *reply)
{
    struct phub__waiter *waiter = phub__calloc(1, sizeof *waiter);

    if (waiter == NULL) {
        phub__reply(local->hub, reply, PHUB_ENOMEM, local->hub->node, 0,
                    "out of memory");
        return;
    }
    waiter->wanted = wanted;
    waiter->incarnation = incarnation;
    waiter->reply = *reply;
    if (holds(local, wanted, incarnation)) {
        answer(local, waiter, 0, "");
        return;
    }
    /* The row may have come before the request: it is started already. */
    if (wanted == PHUB__WANT_RUNNING && local->instance != NULL &&
        phub__local_first(local))
        phub__instance_awaited(local->instance);
    waiter->next = local->waiters;
    local->waiters = waiter;
}

void phub__local_answer(struct phub__local *local, enum phub__wanted wanted,
                        int code, const char *text)
{
    struct phub__waiter **p = &local->waiters, *waiter;

    while ((waiter = *p) != NULL) {
        if (waiter->wanted != wanted ||
            (code == 0 && !holds(local, wanted, waiter->incarnation))) {
            p = &waiter->next;
            continue;
        }
        *p = waiter->next;
        answer(local, waiter, code, text);
    }
}
