/* SPDX-License-Identifier: MIT */
/* row: the registers of a child, their orders, and their bytes. */
#include "config.h"

#include <string.h>

#include <phub/cbor.h>

#include "registry/row.h"
#include "wire/memory.h"
#include "wire/reader.h"

/* --- bytes ----------------------------------------------------------------- */

enum life_key {
    LIFE_INCARNATION = 1, LIFE_EDIT, LIFE_STOPPED, LIFE_DURABLE, LIFE_STICKY,
    LIFE_SPEC, LIFE_METADATA, LIFE_TAGS
};

enum half_key {
    HALF_GUARD = 1, HALF_INCARNATION, HALF_EPOCH, HALF_STATE, HALF_ROLE,
    HALF_PID, HALF_RESTARTS, HALF_METADATA, HALF_TEXT
};

enum pair_key { PAIR_KEY = 1, PAIR_VALUE };

static PHUB__SCHEMA(pair_schema, struct phub__meta_pair,
    PHUB__TEXT(PAIR_KEY, struct phub__meta_pair, key, PHUB__META_KEY_MAX,
               PHUB__REQUIRED),
    PHUB__TEXT(PAIR_VALUE, struct phub__meta_pair, value,
               PHUB__META_VALUE_MAX));

static PHUB__SCHEMA(life_schema, struct phub__life,
    PHUB__EPOCH(LIFE_INCARNATION, struct phub__life, incarnation,
                PHUB__REQUIRED),
    PHUB__EPOCH(LIFE_EDIT, struct phub__life, edit),
    PHUB__BOOL(LIFE_STOPPED, struct phub__life, stopped),
    PHUB__BOOL(LIFE_DURABLE, struct phub__life, durable),
    PHUB__BOOL(LIFE_STICKY, struct phub__life, sticky),
    PHUB__BYTES(LIFE_SPEC, struct phub__life, spec, PHUB__ROW_SPEC_MAX),
    PHUB__LIST(LIFE_METADATA, struct phub__life, metadata,
               PHUB__META_PAIRS_MAX, &pair_schema),
    PHUB__TEXTS(LIFE_TAGS, struct phub__life, tags, PHUB__TAGS_MAX,
                PHUB__TAG_MAX));

static PHUB__SCHEMA(half_schema, struct phub__half,
    PHUB__U64(HALF_GUARD, struct phub__half, guard),
    PHUB__EPOCH(HALF_INCARNATION, struct phub__half, incarnation),
    PHUB__EPOCH(HALF_EPOCH, struct phub__half, epoch),
    PHUB__U64(HALF_STATE, struct phub__half, state, PHUB__REQUIRED,
              PHUB__MAX(255)),
    PHUB__U64(HALF_ROLE, struct phub__half, role, PHUB__MAX(255)),
    PHUB__I64(HALF_PID, struct phub__half, pid),
    PHUB__U64(HALF_RESTARTS, struct phub__half, restarts,
              PHUB__MAX(UINT32_MAX)),
    PHUB__LIST(HALF_METADATA, struct phub__half, metadata,
               PHUB__META_PAIRS_MAX, &pair_schema),
    PHUB__TEXT(HALF_TEXT, struct phub__half, text, PHUB__ROW_TEXT_MAX));

int phub__life_encode(const struct phub__life *life, struct phub__builder *b)
{
    return phub__encode(&life_schema, life, b);
}

int phub__half_encode(const struct phub__half *half, struct phub__builder *b)
{
    return phub__encode(&half_schema, half, b);
}

static bool metadata_ok(const struct phub__list *metadata)
{
    const struct phub__meta_pair *pairs = metadata->items;
    uint32_t i;

    for (i = 0; i < metadata->count; i++) {
        if (pairs[i].key.size == 0)
            return false;
    }
    return true;
}

int phub__life_decode(struct phub_bytes bytes, struct phub__arena *arena,
                      struct phub__life *life)
{
    int rc;

    if (bytes.size > PHUB__LIFE_SIZE_MAX)
        return PHUB_ELIMIT;
    rc = phub__decode(&life_schema, bytes, life, arena, NULL);
    if (rc != 0)
        return rc;
    if (life->incarnation.number == 0 || !metadata_ok(&life->metadata))
        return PHUB_EPROTO;
    return 0;
}

int phub__half_decode(struct phub_bytes bytes, struct phub__arena *arena,
                      struct phub__half *half)
{
    int rc;

    if (bytes.size > PHUB__HALF_SIZE_MAX)
        return PHUB_ELIMIT;
    rc = phub__decode(&half_schema, bytes, half, arena, NULL);
    if (rc != 0)
        return rc;
    if (half->state == 0 || !metadata_ok(&half->metadata))
        return PHUB_EPROTO;
    return 0;
}

/* Where in the map of bytes the value of key lies; size 0 if there is none. */
static void field_find(struct phub_bytes bytes, uint64_t wanted, uint32_t *at,
                       uint32_t *size)
{
    struct phub_cbor_reader r;
    uint64_t pairs = 0, key;

    *at = 0;
    *size = 0;
    phub_cbor_reader_init(&r, bytes.data, bytes.size);
    for (phub_cbor_read_map(&r, &pairs); !r.error && pairs > 0; pairs--) {
        const uint8_t *item;
        size_t item_size;

        if (!phub_cbor_read_uint(&r, &key) ||
            !phub_cbor_read_raw(&r, &item, &item_size))
            return;
        if (key == wanted) {
            *at = (uint32_t)(item - bytes.data);
            *size = (uint32_t)item_size;
            return;
        }
    }
}

/* Where a string that was borrowed from bytes lies in them. */
static uint32_t offset_of(struct phub_bytes bytes, struct phub_bytes part)
{
    return part.size == 0 ? 0 : (uint32_t)(part.data - bytes.data);
}

struct phub__life_block *phub__life_block_new(const struct phub__life *life,
                                              struct phub__dot dot,
                                              struct phub_bytes bytes)
{
    struct phub__life_block *block = phub__malloc(sizeof *block + bytes.size);

    if (block == NULL)
        return NULL;
    memset(block, 0, sizeof *block);
    block->dot = dot;
    block->incarnation = life->incarnation;
    block->edit = life->edit;
    block->stopped = life->stopped;
    block->durable = life->durable;
    block->sticky = life->sticky;
    block->spec_at = offset_of(bytes, life->spec);
    block->spec_size = (uint32_t)life->spec.size;
    if (life->metadata.count > 0)
        field_find(bytes, LIFE_METADATA, &block->meta_at, &block->meta_size);
    if (life->tags.count > 0)
        field_find(bytes, LIFE_TAGS, &block->tags_at, &block->tags_size);
    block->tags_count = (uint8_t)life->tags.count;
    block->size = (uint32_t)bytes.size;
    memcpy(block->bytes, bytes.data, bytes.size);
    return block;
}

struct phub__half_block *phub__half_block_new(const struct phub__half *half,
                                              struct phub__dot dot,
                                              struct phub_bytes bytes)
{
    struct phub__half_block *block = phub__malloc(sizeof *block + bytes.size);

    if (block == NULL)
        return NULL;
    memset(block, 0, sizeof *block);
    block->dot = dot;
    block->guard = half->guard;
    block->incarnation = half->incarnation;
    block->epoch = half->epoch;
    block->pid = half->pid;
    block->restarts = (uint32_t)half->restarts;
    block->state = (uint8_t)half->state;
    block->role = (uint8_t)half->role;
    block->text_at = offset_of(bytes, half->text);
    block->text_size = (uint32_t)half->text.size;
    if (half->metadata.count > 0)
        field_find(bytes, HALF_METADATA, &block->meta_at, &block->meta_size);
    block->size = (uint32_t)bytes.size;
    memcpy(block->bytes, bytes.data, bytes.size);
    return block;
}

static bool text_read(struct phub_cbor_reader *r, struct phub_bytes *bytes)
{
    const char *start;
    size_t size;

    if (!phub_cbor_read_text(r, &start, &size))
        return false;
    *bytes = (struct phub_bytes){ (const uint8_t *)start, size };
    return true;
}

int phub__meta_find(struct phub_bytes meta, struct phub_bytes key,
                    struct phub_bytes *value)
{
    struct phub_cbor_reader r;
    uint64_t count = 0, fields;

    phub_cbor_reader_init(&r, meta.data, meta.size);
    if (meta.size == 0 || !phub_cbor_read_array(&r, &count))
        return PHUB_ENOTFOUND;
    for (; count > 0; count--) {
        struct phub_bytes k = PHUB_BYTES_NONE, v = PHUB_BYTES_NONE;

        if (!phub_cbor_read_map(&r, &fields))
            return PHUB_ENOTFOUND;
        for (; fields > 0; fields--) {
            struct phub_bytes text = PHUB_BYTES_NONE;
            uint64_t number;

            if (!phub_cbor_read_uint(&r, &number))
                return PHUB_ENOTFOUND;
            if (number != PAIR_KEY && number != PAIR_VALUE) {
                if (!phub_cbor_skip(&r))
                    return PHUB_ENOTFOUND;
                continue;
            }
            if (!text_read(&r, &text))
                return PHUB_ENOTFOUND;
            if (number == PAIR_KEY)
                k = text;
            else
                v = text;
        }
        if (phub__bytes_equal(k, key)) {
            *value = v;
            return 0;
        }
    }
    return PHUB_ENOTFOUND;
}

bool phub__tags_next(const struct phub__life_block *life, uint32_t *at,
                     struct phub_bytes *tag)
{
    struct phub_cbor_reader r;
    uint64_t count;

    if (life == NULL || life->tags_size == 0)
        return false;
    phub_cbor_reader_init(&r, life->bytes + life->tags_at, life->tags_size);
    if (*at == 0) {
        if (!phub_cbor_read_array(&r, &count))
            return false;
        *at = (uint32_t)r.at;
    }
    if (*at >= life->tags_size)
        return false;
    phub_cbor_reader_init(&r, life->bytes + life->tags_at + *at,
                          life->tags_size - *at);
    if (!text_read(&r, tag))
        return false;
    *at += (uint32_t)r.at;
    return true;
}

/* --- ids ---------------------------------------------------------------------- */

bool phub__child_id_ok(struct phub_bytes id)
{
    size_t i;

    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX || id.data == NULL)
        return false;
    for (i = 0; i < id.size; i++) {
        if (id.data[i] < 0x20 || id.data[i] == 0x7f)
            return false;
    }
    return phub__utf8_ok(id.data, id.size);
}

bool phub__row_id_ok(struct phub_bytes id)
{
    if (id.data != NULL && id.size >= 2 && id.data[0] == 1)
        return id.size <= PHUB_CHILD_ID_MAX;
    return phub__child_id_ok(id);
}

bool phub__replicas_ok(uint64_t home, const struct phub__list *replicas)
{
    const uint64_t *nodes = replicas->items;
    uint32_t i, k;

    if (replicas->count == 0)
        return true;
    if (home == 0 || replicas->count > PHUB__REPLICAS_MAX)
        return false;
    for (i = 0; i < replicas->count; i++) {
        if (nodes[i] == 0 || nodes[i] == home)
            return false;
        for (k = 0; k < i; k++) {
            if (nodes[k] == nodes[i])
                return false;
        }
    }
    return true;
}

/* --- orders ------------------------------------------------------------------- */

static int number_cmp(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int phub__dot_cmp(struct phub__dot a, struct phub__dot b)
{
    if (a.node != b.node)
        return number_cmp(a.node, b.node);
    if (a.boot != b.boot)
        return number_cmp(a.boot, b.boot);
    return number_cmp(a.sequence, b.sequence);
}

int phub__life_cmp(const struct phub__life *life, struct phub__dot dot,
                   const struct phub__life_block *block)
{
    int cmp = phub_epoch_cmp(life->incarnation, block->incarnation);

    if (cmp != 0)
        return cmp;
    if (life->stopped != block->stopped)
        return life->stopped ? 1 : -1;
    cmp = phub_epoch_cmp(life->edit, block->edit);
    return cmp != 0 ? cmp : phub__dot_cmp(dot, block->dot);
}

int phub__home_cmp(const struct phub__home *a, struct phub__dot a_dot,
                   const struct phub__home *b, struct phub__dot b_dot)
{
    int cmp = phub_epoch_cmp(a->incarnation, b->incarnation);

    if (cmp == 0)
        cmp = phub_epoch_cmp(a->epoch, b->epoch);
    return cmp != 0 ? cmp : phub__dot_cmp(a_dot, b_dot);
}

bool phub__home_void(const struct phub__home *home, struct phub_epoch life,
                     bool stopped)
{
    int cmp = phub_epoch_cmp(home->incarnation, life);

    return cmp < 0 || (cmp == 0 && stopped);
}

uint32_t phub__value_find(const struct phub__value *value, uint64_t node,
                          bool *found)
{
    uint32_t low = 0, high = value == NULL ? 0 : value->count;

    *found = false;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (value->halves[middle]->dot.node == node) {
            *found = true;
            return middle;
        }
        if (value->halves[middle]->dot.node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}
