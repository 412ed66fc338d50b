/* SPDX-License-Identifier: MIT */
/* host_cells: values that a strategy has alike on all nodes.
 *
 * A cell is a row of the registry that is no child's: its id is a byte 1, the
 * strategy's kind and name, "/" and the key; its spec half is the value.  So
 * writes are ordered by a keeper, spread, fence each other, are repaired and
 * kept on disks as those of children are; and since a keeper decides about one
 * id after the other, compare-and-set is a comparison there.
 *
 * The keys that this node has seen are kept in order beside the registry, for
 * those who walk them and for the limit. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/forget.h"
#include "hub/host_private.h"
#include "hub/keeper.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "wire/memory.h"
#include "wire/reader.h"

#define TIMEOUT_MS 10000u
#define KEYS_STEP 64u

struct key {
    uint8_t size;
    uint8_t bytes[];
};

struct keys {
    struct key **at;             /* sorted; each is owned */
    uint32_t count, capacity;
    int watched;
    uint64_t token;
};

struct phub__cells {
    struct keys of[PHUB__SLOTS];
};

int phub__host_cells_new(struct phub__hub *hub)
{
    hub->host->cells = phub__calloc(1, sizeof *hub->host->cells);
    return hub->host->cells != NULL ? 0 : PHUB_ENOMEM;
}

static void keys_free(struct keys *keys)
{
    uint32_t i;

    for (i = 0; i < keys->count; i++)
        phub__free(keys->at[i]);
    phub__free(keys->at);
    *keys = (struct keys){ .at = NULL };
}

void phub__host_cells_free(struct phub__hub *hub)
{
    struct phub__cells *cells = hub->host->cells;
    uint32_t slot;

    if (cells == NULL)
        return;
    for (slot = 0; slot < PHUB__SLOTS; slot++)
        keys_free(&cells->of[slot]);
    phub__free(cells);
    hub->host->cells = NULL;
}

/* --- names ------------------------------------------------------------------- */

/* What stands before a key of this strategy: its kind, its name, "/". */
static struct phub_bytes prefix(const struct phub_ctx *ctx, char *text,
                                size_t text_max)
{
    int size = snprintf(text, text_max, "%u%s/", (unsigned)ctx->kind,
                        ctx->strategy->name);

    return (struct phub_bytes){ (const uint8_t *)text, (size_t)size };
}

/* The id of the row; 0 or PHUB_EINVAL. */
static int id_of(const struct phub_ctx *ctx, const struct phub_bytes *key,
                 uint8_t *bytes /* [PHUB_CHILD_ID_MAX] */,
                 struct phub_bytes *id)
{
    char name[PHUB__CELL_KEY_MAX + 1];
    struct phub_bytes before = prefix(ctx, name, sizeof name);
    size_t i;

    if (key->size == 0 || key->size > PHUB_CELL_KEY_MAX ||
        before.size + key->size > PHUB__CELL_KEY_MAX ||
        !phub__utf8_ok(key->data, key->size))
        return PHUB_EINVAL;
    for (i = 0; i < key->size; i++)
        if (key->data[i] < 0x20 || key->data[i] == 0x7f)
            return PHUB_EINVAL;
    memcpy(name + before.size, key->data, key->size);
    *id = phub__cell_id((struct phub_bytes){ (const uint8_t *)name,
                                             before.size + key->size },
                        bytes);
    return 0;
}

/* Its key, if it is a cell of this strategy. */
static int owns(const struct phub_ctx *ctx, struct phub_bytes id,
                struct phub_bytes *key)
{
    char name[PHUB__CELL_KEY_MAX + 1];
    struct phub_bytes before = prefix(ctx, name, sizeof name);

    if (id.size < before.size + 2 || id.data[0] != 1 ||
        memcmp(id.data + 1, before.data, before.size) != 0)
        return 0;
    key->data = id.data + 1 + before.size;
    key->size = id.size - 1 - before.size;
    return 1;
}

/* Whose it is, and its key; NULL if it is of no strategy that runs here. */
static struct phub_ctx *owner_of(const struct phub__hub *hub,
                                 struct phub_bytes id, struct phub_bytes *key)
{
    uint32_t slot;

    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (hub->host->slots[slot] != NULL &&
            owns(hub->host->slots[slot], id, key))
            return hub->host->slots[slot];
    return NULL;
}

/* --- keys -------------------------------------------------------------------- */

static int key_cmp(const struct key *a, struct phub_bytes b)
{
    size_t size = a->size < b.size ? a->size : b.size;
    int order = memcmp(a->bytes, b.data, size);

    return order != 0 ? order : a->size < b.size ? -1 : a->size > b.size;
}

/* The first that is not below key; *found if it is the key. */
static uint32_t key_find(const struct keys *keys, struct phub_bytes key,
                         int *found)
{
    uint32_t low = 0, high = keys->count;

    *found = 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        int order = key_cmp(keys->at[middle], key);

        if (order == 0) {
            *found = 1;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Without memory it is not walked, and not counted, before it changes. */
static void key_add(struct keys *keys, struct phub_bytes bytes)
{
    struct key *key, **wide;
    uint32_t at;
    int found;

    at = key_find(keys, bytes, &found);
    if (found)
        return;
    if (keys->count == keys->capacity) {
        wide = phub__realloc(keys->at, (keys->capacity + KEYS_STEP) *
                                           sizeof *wide);
        if (wide == NULL)
            return;
        keys->at = wide;
        keys->capacity += KEYS_STEP;
    }
    key = phub__malloc(sizeof *key + bytes.size);
    if (key == NULL)
        return;
    key->size = (uint8_t)bytes.size;
    memcpy(key->bytes, bytes.data, bytes.size);
    memmove(&keys->at[at + 1], &keys->at[at],
            (keys->count - at) * sizeof keys->at[0]);
    keys->at[at] = key;
    keys->count++;
}

static struct keys *keys_of(const struct phub_ctx *ctx)
{
    return &ctx->hub->host->cells->of[ctx->slot];
}

static void changed(struct phub_ctx *ctx, struct phub_bytes id)
{
    struct keys *keys = keys_of(ctx);
    struct phub_bytes bytes;
    char text[PHUB__HOST_TEXT_MAX];

    if (!owns(ctx, id, &bytes))
        return;
    key_add(keys, bytes);
    if (!keys->watched)
        return;
    keys->watched = 0;
    snprintf(text, sizeof text, "%.*s", (int)bytes.size,
             (const char *)bytes.data);
    phub__host_complete(ctx->hub, ctx->who, keys->token, 0, 0, text);
}

void phub__host_cell_changed(struct phub__hub *hub, struct phub_bytes id)
{
    uint32_t slot;

    if (hub->host == NULL || hub->host->cells == NULL)
        return;
    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (hub->host->slots[slot] != NULL)
            changed(hub->host->slots[slot], id);
}

/* A strategy that is opened while the hub runs. */
void phub__host_cells_learn(struct phub_ctx *ctx)
{
    struct phub__query query = { .by = PHUB__BY_DURABLE };
    struct phub__row_view rows[32];
    struct phub_bytes key;
    uint64_t cursor = 0;
    uint32_t count, i;

    do {
        count = phub__registry_query(ctx->hub->registry, &query, &cursor, 256,
                                     rows, 32);
        for (i = 0; i < count; i++)
            if (owns(ctx, rows[i].id, &key))
                key_add(keys_of(ctx), key);
    } while (cursor != 0);
}

void phub__host_cells_close(struct phub_ctx *ctx)
{
    keys_free(keys_of(ctx));
}

/* --- the table's ------------------------------------------------------------- */

int phub__host_cell_get(struct phub_ctx *ctx, const struct phub_bytes *key,
                        struct phub_buf **value, uint64_t *version)
{
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_epoch epoch;
    struct phub_bytes id, found;
    int rc = id_of(ctx, key, bytes, &id);

    if (rc != 0)
        return rc;
    id.data++;
    id.size--;
    rc = phub__registry_cell_get(ctx->hub->registry, id, &found, &epoch);
    if (rc != 0)
        return rc;
    *value = phub__buf_copy(found.data, found.size);
    if (*value == NULL)
        return PHUB_ENOMEM;
    if (version != NULL)
        *version = epoch.number;
    return 0;
}

struct put {
    struct phub__hub *hub;
    uint32_t who;
    uint64_t token;
};

static void put_done(void *arg, struct phub__request *request)
{
    struct put put = *(struct put *)arg;
    const struct phub__request_item *item = &request->items[0];

    phub__free(arg);
    phub__host_complete(put.hub, put.who, put.token, item->code, item->value,
                        item->text != NULL ? item->text : "");
}

static int ask(struct phub_ctx *ctx, const struct phub_bytes *key,
               const struct phub_bytes *value, uint64_t flags,
               uint64_t version, uint64_t token)
{
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub__request *request;
    struct phub_bytes id;
    struct put *put;
    int rc = id_of(ctx, key, bytes, &id);

    if (rc != 0)
        return rc;
    if (value->size > PHUB_CELL_SIZE_MAX)
        return PHUB_ELIMIT;
    put = phub__malloc(sizeof *put);
    request = phub__request_new(ctx->hub, PHUB__OP_CELL, 1, TIMEOUT_MS);
    if (put == NULL || request == NULL) {
        phub__free(put);
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    *put = (struct put){ ctx->hub, ctx->who, token };
    request->items[0].op.id = phub__request_copy(request, id);
    request->items[0].op.spec = phub__request_copy(request, *value);
    request->items[0].op.flags = flags;
    request->items[0].op.epoch.number = version;
    phub__request_send(request, put_done, put);
    return 0;
}

int phub__host_cell_put(struct phub_ctx *ctx, const struct phub_bytes *key,
                        const struct phub_bytes *value, uint64_t token)
{
    return ask(ctx, key, value, 0, 0, token);
}

int phub__host_cell_cas(struct phub_ctx *ctx, const struct phub_bytes *key,
                        const struct phub_bytes *value, uint64_t version,
                        uint64_t token)
{
    return ask(ctx, key, value, PHUB__ITEM_EXPECT, version, token);
}

int phub__host_cell_next(struct phub_ctx *ctx, const struct phub_bytes *after,
                         struct phub_bytes *key)
{
    const struct keys *keys = keys_of(ctx);
    uint32_t at = 0;
    int found = 0;

    if (after->size != 0)
        at = key_find(keys, *after, &found);
    at += found != 0;
    if (at == keys->count)
        return PHUB_EEMPTY;
    *key = (struct phub_bytes){ keys->at[at]->bytes, keys->at[at]->size };
    return 0;
}

int phub__host_cell_watch(struct phub_ctx *ctx, uint64_t token)
{
    struct keys *keys = keys_of(ctx);

    if (keys->watched)
        return PHUB_EBUSY;
    keys->watched = 1;
    keys->token = token;
    return 0;
}

/* --- the keeper's ------------------------------------------------------------ */

struct held {
    struct phub__hub *hub;
    struct phub__reply reply;
    uint64_t version;
    uint8_t id[PHUB_CHILD_ID_MAX];
    size_t id_size;
};

static void answer(struct held *held)
{
    struct phub__op_answer out = { .node = held->hub->node,
                                   .value = held->version };

    phub__reply_full(held->hub, &held->reply, &out);
    phub__free(held);
}

/* One who is silent leaves it to the sync strategy's repair. */
static void hold_done(void *arg, struct phub__request *request)
{
    (void)request;
    answer(arg);
}

static void failed(struct phub__hub *hub, const struct phub__reply *reply,
                   uint64_t version, int rc, const char *text)
{
    struct phub__op_answer out = {
        .node = hub->node, .value = version, .code = rc,
        .text = { (const uint8_t *)text, strlen(text) } };

    phub__reply_full(hub, reply, &out);
}

/* Who asked has it, too, when it is answered; else the next in order. */
static void hold(struct held *held)
{
    struct phub_bytes id = { held->id, held->id_size };
    struct phub__hub *hub = held->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub__request *request;
    int rc;

    if (phub__view_count(view) < 2) {
        answer(held);
        return;
    }
    request = phub__request_one(hub, PHUB__OP_HOLD, id, TIMEOUT_MS);
    rc = request == NULL
        ? PHUB_ENOMEM : phub__rows_delta(hub, &id, 1, &request->rows);
    if (rc != 0) {
        phub__request_drop(request);
        failed(hub, &held->reply, held->version, rc,
               "it is written, but could not be held elsewhere, too");
        phub__free(held);
        return;
    }
    request->items[0].op.target = held->reply.origin != hub->node
        ? held->reply.origin : phub__view_keeper_kth(view, id, 1);
    phub__request_send(request, hold_done, held);
}

static void stored(void *arg, int rc)
{
    struct held *held = arg;

    if (rc == 0 || rc == PHUB_EUNSUPPORTED) { /* there is no disk */
        hold(held);
        return;
    }
    failed(held->hub, &held->reply, held->version, rc, phub_strerror(rc));
    phub__free(held);
}

/* 0, or why it is not written; *version is that which is. */
static int refuse(struct phub__hub *hub, const struct phub__op_item *item,
                  uint64_t *version, const char **text)
{
    struct phub__row_view view;
    struct phub_bytes key;
    struct phub_ctx *ctx;
    int found, rc;

    *version = 0;
    if (phub__forget_is(item->id))
        return phub__forget_may_not(hub, item, text);
    *text = "no cell of a strategy that runs here";
    ctx = owner_of(hub, item->id, &key);
    if (ctx == NULL || item->spec.size > PHUB_CELL_SIZE_MAX)
        return PHUB_EINVAL;
    rc = phub__keeper_may_not(hub, item->id, text);
    if (rc != 0)
        return rc;
    if (phub__registry_get_any(hub->registry, item->id, &view) == 0)
        *version = view.edit.number;
    if ((item->flags & PHUB__ITEM_EXPECT) && *version != item->epoch.number) {
        *text = "its version is another one";
        return PHUB_EREFUSED;
    }
    (void)key_find(keys_of(ctx), key, &found);
    if (!found && keys_of(ctx)->count >= PHUB_CELLS_MAX) {
        *text = "the strategy has as many cells as are allowed";
        return PHUB_ELIMIT;
    }
    return 0;
}

void phub__keeper_cell(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub_bytes key = { item->id.data + 1, item->id.size - 1 };
    struct held *held = phub__calloc(1, sizeof *held);
    const char *text = phub_strerror(PHUB_ENOMEM);
    struct phub_epoch epoch;
    uint64_t version = 0;
    int rc = held != NULL ? refuse(hub, item, &version, &text) : PHUB_ENOMEM;

    if (rc == 0) {
        epoch = phub__hub_epoch(hub);
        version = epoch.number;
        rc = phub__registry_cell_put(hub->registry, key, item->spec, epoch);
        text = phub_strerror(rc);
    }
    if (rc != 0) {
        failed(hub, &reply, version, rc, text);
        phub__free(held);
        return;
    }
    *held = (struct held){ .hub = hub, .reply = reply, .version = version,
                           .id_size = item->id.size };
    memcpy(held->id, item->id.data, item->id.size);
    if (phub__forget_is(item->id)) /* it outlives all machines */
        phub__store_sync(hub, stored, held);
    else
        hold(held);
}
