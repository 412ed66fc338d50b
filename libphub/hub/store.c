/* SPDX-License-Identifier: MIT */
/* store: the file of durable rows; see store.h. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/hub.h"
#include "hub/store.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define FILE_NAME "rows"
#define HEAD_SIZE 12u               /* u32 size, u64 checksum, little-endian */
#define REWRITE_MIN 1048576u        /* bytes before a rewrite is worth it */
#define PENDING_KEPT 16384u         /* bytes of room kept for the next turn */
#define SYNC_MS 100u                /* at most so long unsynced */
#define STORE_MAX (1u << 30)        /* bytes of the file in memory */
#define LARGE (16u << 20)           /* bytes: rewrites that fail wait longer */
#define AGAIN_NS 1000000000ull
#define AGAIN_MAX_NS 20000000000ull
#define KNOWN_ID "known nodes"      /* of their record, behind a byte 1 */

struct record {
    struct phub_bytes id;
    struct phub_bytes delta;        /* empty: the row is no more */
};

static PHUB__SCHEMA(record_schema, struct record,
    PHUB__TEXT(1, struct record, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__BYTES(2, struct record, delta, PHUB__DELTA_SIZE_MAX));

struct waiter {
    struct waiter *next;
    void (*done)(void *arg, int rc);
    void *arg;
};

/* A sync under way, and who waits for it. */
struct sync {
    struct sync *next;
    struct waiter *waiters;
};

struct phub__store {
    struct phub__builder pending;   /* records of this turn */
    struct waiter *waiters;         /* for the next sync */
    struct sync *syncs;             /* under way, oldest first */
    int closed;                     /* nobody may wait any more */
    uint64_t file_size;
    uint64_t live_size;             /* when it was written anew, or read */
    struct phub__timer *timer;      /* what nobody waits for is synced, too */
    int scheduled, failed, armed, syncing, absent, rewriting;
    int known_due;                  /* the known nodes are others */
    uint64_t failures;              /* writes that failed, */
    uint64_t failures_seen;         /* before the rewrite under way began */
    uint64_t gathered, overtaken;   /* bytes that it has, and leaves out */
    uint64_t again_ns, again_wait_ns; /* a large one that failed */
};

static void appended(void *arg, int rc);

/* --- syncs that nobody waits for --------------------------------------------- */

/* Moves and stops reach the disk soon all the same, and then count as kept. */
static void sync_arm(struct phub__hub *hub)
{
    if (hub->store->armed)
        return;
    hub->store->armed = 1;
    hub->env->timer_start(hub->env, hub->store->timer,
                          hub->env->now_ns(hub->env) + SYNC_MS * 1000000ull);
}

static void sync_over(struct phub__hub *hub, int rc)
{
    int done = rc == 0 && !hub->store->failed;

    phub__registry_keep_end(hub->registry, done);
    /* If not, a rewrite comes first. */
    if (done && phub__registry_keep_is_due(hub->registry))
        sync_arm(hub);
}

static void synced_late(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    hub->store->syncing = 0;
    appended(hub, rc);
    sync_over(hub, rc);
}

static void sync_late(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__store *store = hub->store;
    int rc;

    store->armed = 0;
    if (store->scheduled) {
        sync_arm(hub); /* after the flush */
        return;
    }
    if (store->syncing)
        return; /* its end looks again */
    phub__registry_keep_begin(hub->registry);
    store->syncing = 1;
    rc = hub->env->file_do(hub->env, PHUB__FILE_SYNC, FILE_NAME, NULL, 0,
                           synced_late, hub);
    if (rc != 0)
        synced_late(hub, rc);
}

int phub__store_new(struct phub__hub *hub)
{
    hub->store = phub__calloc(1, sizeof *hub->store);
    if (hub->store == NULL)
        return PHUB_ENOMEM;
    phub__builder_init(&hub->store->pending, STORE_MAX);
    hub->store->timer = hub->env->timer_new(hub->env, sync_late, hub);
    return hub->store->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__store_free(struct phub__hub *hub)
{
    if (hub->store == NULL)
        return;
    if (hub->store->timer != NULL)
        hub->env->timer_free(hub->env, &hub->store->timer);
    phub__builder_fini(&hub->store->pending);
    phub__free(hub->store);
    hub->store = NULL;
}

static void put_le(uint8_t *at, uint64_t value, unsigned bytes)
{
    while (bytes-- > 0) {
        *at++ = (uint8_t)value;
        value >>= 8;
    }
}

static uint64_t get_le(const uint8_t *at, unsigned bytes)
{
    uint64_t value = 0;

    while (bytes-- > 0)
        value = value << 8 | at[bytes];
    return value;
}

static int append(struct phub__builder *out, const struct record *record)
{
    uint8_t head[HEAD_SIZE] = { 0 };
    size_t at = out->size, size;
    uint64_t sum;

    (void)phub__builder_append(out, head, sizeof head);
    if (phub__encode(&record_schema, record, out) != 0)
        return out->error;
    size = out->size - at - HEAD_SIZE;
    sum = XXH3_64bits(out->data + at + HEAD_SIZE, size);
    put_le(out->data + at, size, 4);
    put_le(out->data + at + 4, sum, 8);
    return 0;
}

/* --- writing ------------------------------------------------------------------- */

static void answer(struct waiter *waiter, int rc)
{
    struct waiter *next;

    for (; waiter != NULL; waiter = next) {
        next = waiter->next;
        waiter->done(waiter->arg, rc);
        phub__free(waiter);
    }
}

/* The oldest sync under way is over: they end in the order of their start.  A
 * disk that is full syncs what it has: without a row that was not appended.  And
 * what one sync could not write the next one may know nothing of (Linux drops
 * the pages): a rewrite has to follow. */
static void synced(void *arg, int rc)
{
    struct phub__hub *hub = arg;
    struct sync *sync = hub->store->syncs;
    struct waiter *waiters;

    if (sync == NULL)
        return;
    hub->store->syncs = sync->next;
    waiters = sync->waiters;
    phub__free(sync);
    if (rc != PHUB_ESHUTDOWN)
        appended(hub, rc);
    answer(waiters, rc == 0 && hub->store->failed ? PHUB_EIO : rc);
}

/* Begin a sync for those who wait. */
static int sync_start(struct phub__hub *hub, struct waiter *waiters)
{
    struct sync *sync = phub__calloc(1, sizeof *sync), **last;
    int rc;

    if (sync == NULL)
        return PHUB_ENOMEM;
    rc = hub->env->file_do(hub->env, PHUB__FILE_SYNC, FILE_NAME, NULL, 0,
                           synced, hub);
    if (rc != 0) {
        phub__free(sync);
        return rc;
    }
    sync->waiters = waiters;
    for (last = &hub->store->syncs; *last != NULL; last = &(*last)->next)
        ;
    *last = sync;
    return 0;
}

void phub__store_close(struct phub__hub *hub)
{
    struct phub__store *store = hub->store;
    struct waiter *waiters;

    if (store == NULL)
        return;
    store->closed = 1;
    while (store->syncs != NULL)
        synced(hub, PHUB_ESHUTDOWN);
    waiters = store->waiters;
    store->waiters = NULL;
    answer(waiters, PHUB_ESHUTDOWN);
}

/* What was to be appended is lost; only a rewrite makes the file whole. */
static void appended(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    if (rc == 0)
        return;
    if (!hub->store->failed)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "cannot write durable rows to the state directory: %s; "
                      "they live in memory only until this works again",
                      phub_strerror(rc));
    hub->store->failed = 1;
    hub->store->failures++;
    phub__hub_hook(hub, PHUB_HOOK_store_failed, hub->node, PHUB_BYTES_NONE,
                   rc, 0, phub_strerror(rc));
}

/* To gather many rows costs the hub's time, on a disk that has no room for
 * hours, say.  What is durable is refused meanwhile. */
static void rewrite_failed(struct phub__hub *hub)
{
    struct phub__store *store = hub->store;
    uint64_t wait = store->again_wait_ns * 2;

    if (store->gathered < LARGE)
        return;
    store->again_wait_ns = wait == 0 ? AGAIN_NS
                           : wait < AGAIN_MAX_NS ? wait : AGAIN_MAX_NS;
    store->again_ns = hub->env->now_ns(hub->env) + store->again_wait_ns;
}

static void rewritten(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    hub->store->rewriting = 0;
    if (rc != 0) {
        hub->store->file_size += hub->store->overtaken; /* it is as it was */
        hub->store->live_size = hub->store->file_size;
        rewrite_failed(hub);
        appended(hub, rc);
        return;
    }
    hub->store->again_wait_ns = 0;
    if (hub->store->failures != hub->store->failures_seen)
        return; /* of what came after those rows were gathered */
    hub->store->failed = 0;
    if (phub__registry_keep_is_due(hub->registry))
        sync_arm(hub);
}

static int append_known(struct phub__hub *hub, struct phub__builder *out)
{
    struct record record = {
        .id = { (const uint8_t *)"\1" KNOWN_ID, sizeof KNOWN_ID } };
    struct phub__builder delta;
    int rc;

    phub__builder_init(&delta, PHUB__DELTA_SIZE_MAX);
    rc = phub__registry_known(hub->registry, &delta);
    record.delta = phub__builder_bytes(&delta);
    if (rc == 0)
        rc = append(out, &record);
    phub__builder_fini(&delta);
    return rc;
}

static void rewrite(struct phub__hub *hub)
{
    struct phub__query query = { .by = PHUB__BY_DURABLE };
    struct phub__row_view views[64];
    struct phub__builder out, delta;
    uint64_t cursor = 0;
    uint32_t count, i;
    int rc;

    if (hub->store->rewriting ||
        hub->env->now_ns(hub->env) < hub->store->again_ns)
        return;
    phub__builder_init(&out, STORE_MAX);
    phub__builder_init(&delta, PHUB__DELTA_SIZE_MAX);
    hub->store->failures_seen = hub->store->failures;
    rc = append_known(hub, &out);
    do {
        count = phub__registry_query(hub->registry, &query, &cursor, 4096,
                                     views, 64);
        for (i = 0; rc == 0 && i < count; i++) {
            struct record record = { .id = views[i].id };

            phub__builder_reset(&delta);
            rc = phub__registry_snapshot(hub->registry, views[i].id, &delta);
            record.delta = phub__builder_bytes(&delta);
            if (rc == 0)
                rc = append(&out, &record);
            else if (rc == PHUB_EEMPTY)
                rc = 0; /* nothing of it is for a disk */
        }
    } while (rc == 0 && cursor != 0);
    hub->store->gathered = out.size;
    if (rc == 0)
        rc = hub->env->file_do(hub->env, PHUB__FILE_REPLACE, FILE_NAME,
                               out.data, out.size, rewritten, hub);
    if (rc == 0) {
        hub->store->overtaken = hub->store->file_size > out.size
                                    ? hub->store->file_size - out.size : 0;
        hub->store->file_size = out.size;
        hub->store->rewriting = 1;
    }
    /* What could not be is not tried again at each flush. */
    hub->store->live_size = hub->store->file_size;
    if (rc != 0)
        rewrite_failed(hub);
    phub__builder_fini(&out);
    phub__builder_fini(&delta);
}

/* Has more than half of the file been overtaken; or is it hardly to be read any
 * more, and a part of it overtaken? */
static int worth_it(const struct phub__store *store)
{
    uint64_t size = store->file_size, live = store->live_size;

    return size > REWRITE_MIN &&
           (size > 2 * live ||
            (size > STORE_MAX / 8 * 7 && size > live + live / 8));
}

static int write_out(struct phub__hub *hub, const struct phub__builder *out)
{
    struct phub__store *store = hub->store;
    struct phub_env *env = hub->env;
    int rc = out->error;

    if (rc == 0 && store->file_size + out->size > STORE_MAX)
        rc = PHUB_ELIMIT; /* a daemon could not read it */
    if (rc == 0)
        rc = env->file_do(env, PHUB__FILE_APPEND, FILE_NAME, out->data,
                          out->size, appended, hub);
    if (rc == 0) {
        store->file_size += out->size;
        sync_arm(hub);
    } else if (rc == PHUB_EUNSUPPORTED) {
        store->absent = 1; /* nothing comes back from a disk */
        phub__registry_keep_begin(hub->registry);
        phub__registry_keep_end(hub->registry, true);
    } else {
        appended(hub, rc);
    }
    return rc;
}

/* The known nodes first: no row may be kept whose holders are not. */
static int write_known(struct phub__hub *hub)
{
    struct phub__builder out;
    int rc;

    phub__builder_init(&out, STORE_MAX);
    rc = append_known(hub, &out);
    if (rc == 0)
        rc = write_out(hub, &out);
    if (rc == 0)
        hub->store->known_due = 0;
    phub__builder_fini(&out);
    return rc;
}

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__store *store = hub->store;
    struct waiter *waiters = store->waiters;
    int rc = 0, known = 0;

    store->scheduled = 0;
    store->waiters = NULL;
    if (store->known_due && !store->absent)
        known = write_known(hub);
    if (waiters != NULL && store->failed)
        rewrite(hub); /* what could not be appended may be theirs */
    if (store->pending.size != 0 || store->pending.error != 0)
        rc = write_out(hub, &store->pending);
    if (rc == 0)
        rc = known;
    if (store->pending.capacity > PENDING_KEPT)
        phub__builder_fini(&store->pending);
    phub__builder_reset(&store->pending);
    if (waiters != NULL && rc == 0)
        rc = sync_start(hub, waiters);
    if (waiters != NULL && rc != 0)
        answer(waiters, rc);
    if (worth_it(store))
        rewrite(hub);
}

void phub__store_round(struct phub__hub *hub)
{
    if (!hub->started)
        return;
    if (hub->store->failed)
        rewrite(hub);
    else if (phub__registry_keep_is_due(hub->registry))
        sync_arm(hub);
}

static void schedule(struct phub__hub *hub)
{
    if (!hub->store->scheduled &&
        hub->env->defer(hub->env, flush, hub) == 0)
        hub->store->scheduled = 1;
}

void phub__store_row(struct phub__hub *hub, struct phub_bytes id, int dropped)
{
    struct record record = { .id = id };
    struct phub__row_view view;
    struct phub__builder delta;
    int rc;

    if (hub->store == NULL || !hub->started)
        return;
    phub__builder_init(&delta, PHUB__DELTA_SIZE_MAX);
    if (!dropped) {
        if (phub__registry_get_any(hub->registry, id, &view) != 0 ||
            !view.was_durable)
            goto out;
        /* What has become one that is not must not come back as it was. */
        rc = view.durable ? phub__registry_snapshot(hub->registry, id, &delta)
                          : 0;
        if (rc != 0) {
            appended(hub, rc != PHUB_EEMPTY ? rc : 0);
            goto out;
        }
        record.delta = phub__builder_bytes(&delta);
        if (!hub->store->absent)
            phub__registry_keep_due(hub->registry);
    }
    (void)append(&hub->store->pending, &record);
    schedule(hub);
out:
    phub__builder_fini(&delta);
}

void phub__store_known(struct phub__hub *hub)
{
    if (hub->store == NULL)
        return;
    hub->store->known_due = 1;
    if (!hub->started || hub->store->absent)
        return;
    phub__registry_keep_due(hub->registry);
    schedule(hub);
}

void phub__store_sync(struct phub__hub *hub, void (*done)(void *arg, int rc),
                      void *arg)
{
    struct waiter *waiter;

    if (hub->store->closed) {
        done(arg, PHUB_ESHUTDOWN);
        return;
    }
    waiter = phub__calloc(1, sizeof *waiter);
    if (waiter == NULL) {
        done(arg, PHUB_ENOMEM);
        return;
    }
    *waiter = (struct waiter){ hub->store->waiters, done, arg };
    hub->store->waiters = waiter;
    schedule(hub);
}

/* --- loading --------------------------------------------------------------------- */

struct place {
    struct record record;
    uint64_t number;
    uint64_t size;                  /* in the file */
};

static int place_cmp(const void *a, const void *b)
{
    const struct place *x = a, *y = b;
    size_t size = x->record.id.size < y->record.id.size ? x->record.id.size
                                                        : y->record.id.size;
    int order = memcmp(x->record.id.data, y->record.id.data, size);

    if (order != 0)
        return order;
    if (x->record.id.size != y->record.id.size)
        return x->record.id.size < y->record.id.size ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static int same_id(const struct place *a, const struct place *b)
{
    return a->record.id.size == b->record.id.size &&
           memcmp(a->record.id.data, b->record.id.data,
                  a->record.id.size) == 0;
}

/* The homes of what was loaded may never come back. */
static void remember_homes(struct phub__hub *hub)
{
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view views[64];
    uint64_t cursor = 0;
    uint32_t count, i;

    do {
        count = phub__registry_query(hub->registry, &query, &cursor, 4096,
                                     views, 64);
        for (i = 0; i < count; i++)
            if (views[i].home != 0 && views[i].home != hub->node)
                phub__synced_absent(hub, views[i].home);
    } while (cursor != 0);
}

int phub__store_load(struct phub__hub *hub, char *error, size_t error_max)
{
    struct phub_buf *file = NULL;
    struct place *places = NULL;
    size_t at = 0, count = 0, capacity = 0, i;
    int rc = hub->env->file_read(hub->env, FILE_NAME, &file);

    if (rc == PHUB_ENOTFOUND)
        return 0;
    if (rc != 0) {
        snprintf(error, error_max, "cannot read the durable rows: %s",
                 phub_strerror(rc));
        return rc;
    }
    while (file->size - at >= HEAD_SIZE) {
        uint64_t size = get_le(file->data + at, 4);
        const uint8_t *bytes = file->data + at + HEAD_SIZE;
        struct record record;

        if (size > file->size - at - HEAD_SIZE ||
            XXH3_64bits(bytes, size) != get_le(file->data + at + 4, 8) ||
            phub__decode(&record_schema, (struct phub_bytes){ bytes, size },
                         &record, NULL, NULL) != 0)
            break; /* a torn tail: what was not synced was not promised */
        if (count == capacity) {
            struct place *wide;

            capacity = capacity != 0 ? capacity * 2 : 256;
            wide = phub__realloc(places, capacity * sizeof *wide);
            if (wide == NULL) {
                rc = PHUB_ENOMEM;
                goto out;
            }
            places = wide;
        }
        places[count] = (struct place){ record, count, HEAD_SIZE + size };
        count++;
        at += HEAD_SIZE + size;
    }
    if (at != file->size)
        phub__hub_log(hub, PHUB__LOG_WARNING,
                      "dropping %zu bytes of a torn tail of the durable rows",
                      file->size - at);
    if (count != 0)
        qsort(places, count, sizeof *places, place_cmp);
    for (i = 0; i < count; i++)
        if ((i + 1 == count || !same_id(&places[i], &places[i + 1])) &&
            places[i].record.delta.size != 0) {
            hub->store->live_size += places[i].size;
            (void)phub__registry_apply(hub->registry,
                                       places[i].record.delta);
        }
    phub__hub_epoch_seen(hub, phub__registry_epoch_max(hub->registry));
    hub->store->file_size = file->size;
    remember_homes(hub);
    if (at != file->size || worth_it(hub->store))
        rewrite(hub);
out:
    phub__free(places);
    phub__buf_unref(&file);
    if (rc != 0)
        snprintf(error, error_max, "cannot load the durable rows: %s",
                 phub_strerror(rc));
    return rc;
}
