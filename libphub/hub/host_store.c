/* SPDX-License-Identifier: MIT */
/* host_store: a few values that a strategy finds again after a restart.
 *
 * All of them are in memory and in one file, which is replaced as a whole at
 * the end of the turn that changed something: they are few and small, and a
 * replacement is atomic, so a crash leaves the old values or the new ones.
 * Whoever waits is told when the file that holds his change is on the disk; a
 * file that could not be written is written again with the next change, and
 * those who waited are told PHUB_EIO or whatever it was. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "wire/memory.h"

#define HEAD_SIZE 8u     /* XXH3-64 of the rest, little-endian */
#define FILE_MAX (PHUB_STORE_SIZE_MAX + PHUB_STORE_KEYS_MAX * 16u + 64u)

struct value {
    struct phub_bytes key;       /* both in one piece of memory */
    struct phub_bytes value;
};

struct values {
    struct phub__list list;      /* struct value */
};

static PHUB__SCHEMA(value_schema, struct value,
    PHUB__BYTES(1, struct value, key, PHUB_STORE_KEY_MAX, PHUB__REQUIRED),
    PHUB__BYTES(2, struct value, value, PHUB_STORE_SIZE_MAX));

static PHUB__SCHEMA(values_schema, struct values,
    PHUB__LIST(1, struct values, list, PHUB_STORE_KEYS_MAX, &value_schema));

struct waiter {
    struct waiter *next;
    uint64_t token;
};

/* A file on its way to the disk, and who waits for it. */
struct writing {
    struct writing *next;
    struct waiter *waiters;
};

struct phub__host_store {
    struct phub__hub *hub;
    const struct phub_ctx *ctx;
    uint32_t count;
    size_t size;                 /* bytes of keys and values */
    struct value values[PHUB_STORE_KEYS_MAX];  /* sorted by key */
    struct waiter *waiters;      /* for the next writing */
    struct writing *writings;    /* under way, oldest first */
    int scheduled, dead;         /* dead: flush() frees it */
    char file[128];
};

/* --- the values --------------------------------------------------------------- */

static int key_cmp(struct phub_bytes a, struct phub_bytes b)
{
    size_t size = a.size < b.size ? a.size : b.size;
    int order = memcmp(a.data, b.data, size);

    return order != 0 ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* Where key is (1), or belongs. */
static int find(const struct phub__host_store *store, struct phub_bytes key,
                uint32_t *at)
{
    uint32_t low = 0, high = store->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = key_cmp(store->values[middle].key, key);

        if (order == 0) {
            *at = middle;
            return 1;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *at = low;
    return 0;
}

static void value_free(struct phub__host_store *store, uint32_t at)
{
    struct value *value = &store->values[at];

    store->size -= value->key.size + value->value.size;
    phub__free((void *)(uintptr_t)value->key.data);
}

static int set(struct phub__host_store *store, struct phub_bytes key,
               struct phub_bytes bytes)
{
    uint32_t at;
    int there = find(store, key, &at);
    size_t size = store->size + bytes.size +
                  (there ? 0 : key.size) -
                  (there ? store->values[at].value.size : 0);
    uint8_t *copy;

    if ((!there && store->count == PHUB_STORE_KEYS_MAX) ||
        bytes.size > PHUB_STORE_SIZE_MAX || size > PHUB_STORE_SIZE_MAX)
        return PHUB_ELIMIT;
    copy = phub__malloc(key.size + bytes.size);
    if (copy == NULL)
        return PHUB_ENOMEM;
    memcpy(copy, key.data, key.size);
    if (bytes.size != 0)
        memcpy(copy + key.size, bytes.data, bytes.size);
    if (there) {
        value_free(store, at);
    } else {
        memmove(&store->values[at + 1], &store->values[at],
                (store->count - at) * sizeof store->values[0]);
        store->count++;
    }
    store->values[at] = (struct value){ { copy, key.size },
                                        { copy + key.size, bytes.size } };
    store->size += key.size + bytes.size;
    return 0;
}

static void unset(struct phub__host_store *store, uint32_t at)
{
    value_free(store, at);
    store->count--;
    memmove(&store->values[at], &store->values[at + 1],
            (store->count - at) * sizeof store->values[0]);
}

/* --- the file ----------------------------------------------------------------- */

static void answer(struct phub__host_store *store, struct waiter *waiter,
                   int rc)
{
    struct waiter *next;

    for (; waiter != NULL; waiter = next) {
        next = waiter->next;
        phub__host_complete(store->hub, store->ctx->who, waiter->token, rc, 0,
                            rc != 0 ? phub_strerror(rc) : "");
        phub__free(waiter);
    }
}

/* The oldest is on the disk: operations on one file end in order. */
static void written(void *arg, int rc)
{
    struct phub__host_store *store = arg;
    struct writing *writing = store->writings;

    if (rc != 0)
        phub__hub_log(store->hub, PHUB__LOG_ERROR,
                      "cannot write '%s' in the state directory: %s; the %s "
                      "strategy will forget what it wanted to keep",
                      store->file, phub_strerror(rc),
                      phub__kind_name(store->ctx->kind));
    store->writings = writing->next;
    answer(store, writing->waiters, rc);
    phub__free(writing);
}

static int encode(struct phub__host_store *store,
                  struct phub__builder *out)
{
    const struct values values = { { store->values, store->count } };
    uint8_t head[HEAD_SIZE] = { 0 };
    uint64_t sum;
    unsigned i;

    (void)phub__builder_append(out, head, sizeof head);
    (void)phub__encode(&values_schema, &values, out);
    if (out->error != 0)
        return out->error;
    sum = XXH3_64bits(out->data + HEAD_SIZE, out->size - HEAD_SIZE);
    for (i = 0; i < HEAD_SIZE; i++)
        out->data[i] = (uint8_t)(sum >> 8 * i);
    return 0;
}

static void flush(void *arg)
{
    struct phub__host_store *store = arg;
    struct phub_env *env = store->hub->env;
    struct writing *writing, **last;
    struct waiter *waiters = store->waiters;
    struct phub__builder out;
    int rc = PHUB_ENOMEM;

    if (store->dead) {
        phub__free(store);
        return;
    }
    writing = phub__calloc(1, sizeof *writing);
    store->scheduled = 0;
    store->waiters = NULL;
    phub__builder_init(&out, FILE_MAX);
    if (writing != NULL)
        rc = encode(store, &out);
    if (rc == 0)
        rc = env->file_do(env, PHUB__FILE_REPLACE, store->file, out.data,
                          out.size, written, store);
    phub__builder_fini(&out);
    if (rc != 0) {
        phub__free(writing);
        answer(store, waiters, rc);
        return;
    }
    writing->waiters = waiters;
    for (last = &store->writings; *last != NULL; last = &(*last)->next)
        ;
    *last = writing;
}

/* Write soon, and tell token then. */
static int schedule(struct phub__host_store *store, struct waiter *waiter,
                    uint64_t token)
{
    struct phub_env *env = store->hub->env;
    struct waiter **last;
    int rc = 0;

    if (!store->scheduled)
        rc = env->defer(env, flush, store);
    if (rc != 0) {
        phub__free(waiter);
        return rc;
    }
    store->scheduled = 1;
    waiter->token = token;
    for (last = &store->waiters; *last != NULL; last = &(*last)->next)
        ;
    *last = waiter;
    return 0;
}

static int load(struct phub__host_store *store, struct phub_buf *file)
{
    struct phub__arena arena;
    struct values values;
    const struct value *items;
    uint64_t sum = 0;
    size_t i;
    int rc = PHUB_ECHECKSUM;

    if (file->size < HEAD_SIZE || file->size > FILE_MAX)
        return PHUB_ECHECKSUM;
    for (i = HEAD_SIZE; i-- > 0;)
        sum = sum << 8 | file->data[i];
    if (XXH3_64bits(file->data + HEAD_SIZE, file->size - HEAD_SIZE) != sum)
        return PHUB_ECHECKSUM;
    phub__arena_init(&arena, NULL, 0, FILE_MAX);
    rc = phub__decode(&values_schema,
                      (struct phub_bytes){ file->data + HEAD_SIZE,
                                           file->size - HEAD_SIZE },
                      &values, &arena, NULL);
    for (i = 0, items = values.list.items; rc == 0 && i < values.list.count;
         i++)
        rc = set(store, items[i].key, items[i].value);
    phub__arena_fini(&arena);
    return rc;
}

int phub__host_store_open(struct phub_ctx *ctx, char *error,
                          size_t error_max)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__host_store *store = phub__calloc(1, sizeof *store);
    struct phub_buf *file = NULL;
    int rc, size;

    snprintf(error, error_max, "out of memory");
    if (store == NULL)
        return PHUB_ENOMEM;
    hub->host->stores[ctx->slot] = store;
    store->hub = hub;
    store->ctx = ctx;
    size = snprintf(store->file, sizeof store->file, "strategy-%s-%s",
                    phub__kind_name(ctx->kind), ctx->strategy->name);
    if (ctx->generation != 0)
        snprintf(store->file + size, sizeof store->file - (size_t)size,
                 "-%llu", (unsigned long long)ctx->generation);
    if (hub->started) /* it begins; and this is no time to wait for disks */
        return 0;
    rc = hub->env->file_read(hub->env, store->file, &file);
    if (rc == PHUB_ENOTFOUND)
        return 0;
    if (rc == 0)
        rc = load(store, file);
    phub__buf_unref(&file);
    if (rc != 0)
        snprintf(error, error_max,
                 "cannot read '%s' in the state directory: %s; without it "
                 "the %s strategy has forgotten what it kept: remove the "
                 "file if that may be", store->file, phub_strerror(rc),
                 phub__kind_name(ctx->kind));
    return rc;
}

void phub__host_store_free(struct phub_ctx *ctx)
{
    struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct writing *writing;
    struct waiter *waiter;

    if (store == NULL)
        return;
    while ((writing = store->writings) != NULL) {
        store->writings = writing->next;
        while ((waiter = writing->waiters) != NULL) {
            writing->waiters = waiter->next;
            phub__free(waiter);
        }
        phub__free(writing);
    }
    while ((waiter = store->waiters) != NULL) {
        store->waiters = waiter->next;
        phub__free(waiter);
    }
    while (store->count != 0)
        unset(store, store->count - 1);
    ctx->hub->host->stores[ctx->slot] = NULL;
    store->dead = store->scheduled && !ctx->hub->stopping;
    if (!store->dead)
        phub__free(store);
}

void phub__host_store_remove(const struct phub_ctx *ctx)
{
    const struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct phub_env *env = ctx->hub->env;
    uint32_t slot;

    for (slot = 0; store != NULL && slot < PHUB__SLOTS; slot++) {
        const struct phub__host_store *other = ctx->hub->host->stores[slot];

        if (other != NULL && other != store &&
            strcmp(other->file, store->file) == 0)
            return; /* it is its now */
    }
    if (store != NULL)
        (void)env->file_do(env, PHUB__FILE_REMOVE, store->file, NULL, 0,
                           NULL, NULL);
}

int phub__host_store_busy(const struct phub_ctx *ctx)
{
    const struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];

    return store != NULL && (store->scheduled || store->writings != NULL);
}

/* --- the host table ----------------------------------------------------------- */

static int key_ok(const struct phub_bytes *key)
{
    return key->size >= 1 && key->size <= PHUB_STORE_KEY_MAX;
}

int phub__host_store_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                         const struct phub_bytes *value, uint64_t token)
{
    struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct waiter *waiter;
    int rc;

    if (!key_ok(key))
        return PHUB_EINVAL;
    waiter = phub__calloc(1, sizeof *waiter);
    if (waiter == NULL)
        return PHUB_ENOMEM;
    rc = set(store, *key, *value);
    if (rc != 0) {
        phub__free(waiter);
        return rc;
    }
    return schedule(store, waiter, token);
}

int phub__host_store_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                         struct phub_buf **value)
{
    struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct phub_buf *copy;
    uint32_t at;

    if (!key_ok(key))
        return PHUB_EINVAL;
    if (!find(store, *key, &at))
        return PHUB_ENOTFOUND;
    copy = phub__buf_copy(store->values[at].value.data,
                          store->values[at].value.size);
    if (copy == NULL)
        return PHUB_ENOMEM;
    *value = copy;
    return 0;
}

int phub__host_store_drop(struct phub_ctx *ctx, const struct phub_bytes *key,
                          uint64_t token)
{
    struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct waiter *waiter;
    uint32_t at;

    if (!key_ok(key))
        return PHUB_EINVAL;
    waiter = phub__calloc(1, sizeof *waiter);
    if (waiter == NULL)
        return PHUB_ENOMEM;
    if (find(store, *key, &at))
        unset(store, at);
    return schedule(store, waiter, token);
}

int phub__host_store_sync(struct phub_ctx *ctx, uint64_t token)
{
    struct phub__host_store *store = ctx->hub->host->stores[ctx->slot];
    struct waiter *waiter = phub__calloc(1, sizeof *waiter);

    return waiter != NULL ? schedule(store, waiter, token) : PHUB_ENOMEM;
}
