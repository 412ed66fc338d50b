/* SPDX-License-Identifier: MIT */
/* row: the registers of a child, their orders, and their bytes.
 *
 * Orders (the greater value stays; author and sequence break ties, so that
 * two different writes are never equal):
 *   life      incarnation, stopped, edit, author, sequence
 *   home      incarnation, epoch, author, sequence  (replicas go along)
 *   instance  boot of the author, sequence   (its node is the author's node)
 * A home is void once the life is of a higher incarnation, or stopped in the
 * same; this is a function of the two greatest values, so the join stays a
 * join.
 *
 * Memory.  A row's bookkeeping belongs to the hub's thread.  What readers on
 * any thread see hangs on one atomic pointer, row->value, and never changes
 * once it does: a new value replaces it as a whole and shares the blocks that
 * stayed.  Blocks hold the bytes as they came, and travel on as they are. */
#ifndef PHUB__REGISTRY_ROW_H
#define PHUB__REGISTRY_ROW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "registry/registry.h"

#define PHUB__LIFE_SIZE_MAX 196608u  /* bytes of an encoded spec half */
#define PHUB__HALF_SIZE_MAX 98304u   /* bytes of an encoded instance half */

enum phub__carries {
    PHUB__CARRIES_LIFE = 1,
    PHUB__CARRIES_HOME = 2,
    PHUB__CARRIES_HALF = 4
};

/* Who wrote a register. */
struct phub__dot {
    uint64_t node;
    uint64_t boot;
    uint64_t sequence;
};

/* The other nodes that a home authorises; never changed. */
struct phub__seats {
    uint32_t count;
    uint64_t nodes[];
};

struct phub__home {
    struct phub_epoch incarnation;  /* number 0: there is none */
    struct phub_epoch epoch;
    uint64_t node;
    const struct phub__seats *seats;  /* NULL: no replicas */
};

/* In these, what look-ups read comes first. */
struct phub__life_block {
    struct phub_epoch incarnation;
    struct phub_epoch edit;
    bool stopped, durable, sticky;
    uint8_t tags_count;
    uint32_t size;
    uint32_t spec_at, spec_size;
    uint32_t meta_at, meta_size;  /* as CBOR */
    uint32_t tags_at, tags_size;  /* as CBOR */
    struct phub__dot dot;
    uint8_t bytes[];
};

struct phub__half_block {
    struct phub__dot dot;       /* its node is whose instance it is */
    struct phub_epoch epoch;
    int64_t pid;
    uint32_t restarts;
    uint32_t meta_at, meta_size;
    uint8_t state;
    uint8_t role;
    uint32_t text_at, text_size;
    uint32_t size;
    uint64_t guard;
    struct phub_epoch incarnation;
    uint8_t bytes[];
};

struct phub__value {
    struct phub__dot home_dot;                /* sequence 0: there is none */
    struct phub__home home;
    const struct phub__life_block *life;      /* may be NULL */
    uint32_t count;
    const struct phub__half_block *halves[];  /* by node */
};

struct phub__row {
    _Atomic(const struct phub__value *) value;
    uint64_t number;
    uint64_t home_number;           /* in the index by home; 0 = none */
    union {
        uint64_t one;
        uint64_t *many;
    } alive;                        /* numbers in the index by instance, of
                                     * halves that are not GONE; by node */
    struct phub__row *dirty_next;
    uint16_t alive_count;           /* many, if there are more than one */
    uint8_t dirty;                  /* enum phub__row_changed */
    bool queued;
    bool local;
    bool was_durable;               /* a life of it was */
    uint8_t id_size;
    char id[];
};

static inline struct phub_bytes phub__row_id(const struct phub__row *row)
{
    return (struct phub_bytes){ (const uint8_t *)row->id, row->id_size };
}

/* On the hub's thread. */
static inline const struct phub__value *phub__row_value(const struct phub__row *row)
{
    return atomic_load_explicit(&row->value, memory_order_relaxed);
}

static inline bool phub__value_live(const struct phub__value *value)
{
    return value != NULL && value->life != NULL && !value->life->stopped;
}

/* The home that counts, NULL if none does. */
static inline const struct phub__home *
phub__value_homes(const struct phub__value *value)
{
    if (!phub__value_live(value) ||
        phub_epoch_cmp(value->home.incarnation, value->life->incarnation) != 0)
        return NULL;
    return &value->home;
}

/* Its node, 0 if none does. */
static inline uint64_t phub__value_home(const struct phub__value *value)
{
    const struct phub__home *home = phub__value_homes(value);

    return home == NULL ? 0 : home->node;
}

/* By node, boot and sequence: below, at or above 0. */
int phub__dot_cmp(struct phub__dot a, struct phub__dot b);

static inline bool phub__dot_same(struct phub__dot a, struct phub__dot b)
{
    return a.sequence == b.sequence && a.node == b.node && a.boot == b.boot;
}

static inline bool phub__half_gone(const struct phub__half_block *half)
{
    return half->state == PHUB_INSTANCE_GONE;
}

/* Nodes beside home that are none, home itself or named twice: not ok. */
bool phub__replicas_ok(uint64_t home, const struct phub__list *replicas);

/* Is the row of replicated plugin data? */
static inline bool phub__row_is_cell(const struct phub__row *row)
{
    return row->id[0] == 1;
}

/* 1 to PHUB_CHILD_ID_MAX bytes of UTF-8 without control characters. */
bool phub__child_id_ok(struct phub_bytes id);
/* That, or the key of a cell behind a byte 1. */
bool phub__row_id_ok(struct phub_bytes id);

/* Negative, 0 or positive.  0 only for the same write. */
int phub__life_cmp(const struct phub__life *life, struct phub__dot dot,
                   const struct phub__life_block *block);
int phub__home_cmp(const struct phub__home *a, struct phub__dot a_dot,
                   const struct phub__home *b, struct phub__dot b_dot);
/* Has the life (may be NULL) made the home void? */
bool phub__home_void(const struct phub__home *home, struct phub_epoch life,
                     bool stopped);

/* Find a half by node in a value (may be NULL): its index, or count. */
uint32_t phub__value_find(const struct phub__value *value, uint64_t node,
                          bool *found);

/* Bytes of a half.  Errors: PHUB_ELIMIT, PHUB_EINVAL, PHUB_ENOMEM. */
int phub__life_encode(const struct phub__life *life, struct phub__builder *b);
int phub__half_encode(const struct phub__half *half, struct phub__builder *b);
/* Checked; lists lie in the arena.  Errors: PHUB_EPROTO, PHUB_ELIMIT,
 * PHUB_ENOMEM. */
int phub__life_decode(struct phub_bytes bytes, struct phub__arena *arena,
                      struct phub__life *life);
int phub__half_decode(struct phub_bytes bytes, struct phub__arena *arena,
                      struct phub__half *half);
/* Blocks of bytes that have been decoded.  NULL if out of memory. */
struct phub__life_block *phub__life_block_new(const struct phub__life *life,
                                              struct phub__dot dot,
                                              struct phub_bytes bytes);
struct phub__half_block *phub__half_block_new(const struct phub__half *half,
                                              struct phub__dot dot,
                                              struct phub_bytes bytes);

/* Find a key in metadata as CBOR. */
int phub__meta_find(struct phub_bytes meta, struct phub_bytes key,
                    struct phub_bytes *value);
/* Next tag of tags as CBOR; *at is 0 first; false at the end. */
bool phub__tags_next(const struct phub__life_block *life, uint32_t *at,
                     struct phub_bytes *tag);

static inline bool phub__bytes_equal(struct phub_bytes a, struct phub_bytes b)
{
    return a.size == b.size &&
           (a.size == 0 || __builtin_memcmp(a.data, b.data, a.size) == 0);
}

#endif
