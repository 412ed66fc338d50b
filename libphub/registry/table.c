/* SPDX-License-Identifier: MIT */
/* table: rows by child id; one writer, readers on any thread without locks. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "registry/table.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define SLOTS_MIN 64u
#define STEP 64u       /* slots moved by each put */

struct slot {
    _Atomic uint64_t hash;
    _Atomic(struct phub__row *) row;  /* NULL: empty */
};

struct array {
    uint32_t mask;
    uint32_t used;     /* rows and removed ones; the writer's */
    struct slot slots[];
};

/* Immutable once published. */
struct phub__table_arrays {
    struct array *first;
    struct array *second;  /* NULL unless it is growing */
};

/* A row that is none: the mark of a removed one. */
static const struct phub__row removed_mark;
#define REMOVED ((struct phub__row *)(uintptr_t)&removed_mark)

uint64_t phub__table_hash(struct phub_bytes id)
{
    return XXH3_64bits(id.data, id.size);
}

static struct array *array_new(uint32_t slots)
{
    struct array *array = phub__calloc(1, sizeof *array +
                                       (size_t)slots * sizeof(struct slot));

    if (array != NULL)
        array->mask = slots - 1;
    return array;
}

static struct phub__table_arrays *arrays_new(struct array *first,
                                             struct array *second)
{
    struct phub__table_arrays *arrays = phub__malloc(sizeof *arrays);

    if (arrays != NULL) {
        arrays->first = first;
        arrays->second = second;
    }
    return arrays;
}

static struct phub__table_arrays *arrays_of(const struct phub__table *table)
{
    return atomic_load_explicit(&table->arrays, memory_order_relaxed);
}

int phub__table_init(struct phub__table *table,
                     void (*retire)(void *arg, void *ptr,
                                    void (*free_fn)(void *)),
                     void *retire_arg)
{
    struct array *first = array_new(SLOTS_MIN);
    struct phub__table_arrays *arrays = arrays_new(first, NULL);

    memset(table, 0, sizeof *table);
    if (first == NULL || arrays == NULL) {
        phub__free(first);
        phub__free(arrays);
        return PHUB_ENOMEM;
    }
    table->retire = retire;
    table->retire_arg = retire_arg;
    atomic_store_explicit(&table->arrays, arrays, memory_order_release);
    return 0;
}

void phub__table_fini(struct phub__table *table)
{
    struct phub__table_arrays *arrays = arrays_of(table);

    if (arrays == NULL)
        return;
    phub__free(arrays->first);
    phub__free(arrays->second);
    phub__free(arrays);
    atomic_store_explicit(&table->arrays, NULL, memory_order_relaxed);
}

/* --- one array ------------------------------------------------------------ */

/* The first row of that hash from *at (the hash at first) on, and where it is;
 * NULL: there is none.  The row is not looked at. */
static struct phub__row *array_next(const struct array *array, uint64_t hash,
                                    uint32_t *at)
{
    for (;; ++*at) {
        const struct slot *slot = &array->slots[*at & array->mask];
        struct phub__row *row = atomic_load_explicit(&slot->row,
                                                     memory_order_acquire);

        if (row == NULL || (row != REMOVED &&
                atomic_load_explicit(&slot->hash,
                                     memory_order_relaxed) == hash))
            return row;
    }
}

static struct slot *array_find(struct array *array, uint64_t hash,
                               struct phub_bytes id)
{
    uint32_t at = (uint32_t)hash;
    const struct phub__row *row;

    for (; (row = array_next(array, hash, &at)) != NULL; at++)
        if (row->id_size == id.size && memcmp(row->id, id.data, id.size) == 0)
            return &array->slots[at & array->mask];
    return NULL;
}

static void array_put(struct array *array, uint64_t hash,
                      struct phub__row *row)
{
    uint32_t at = (uint32_t)hash & array->mask;

    phub__assert(array->used < array->mask);
    while (atomic_load_explicit(&array->slots[at].row,
                                memory_order_relaxed) != NULL)
        at = (at + 1) & array->mask;
    atomic_store_explicit(&array->slots[at].hash, hash, memory_order_relaxed);
    atomic_store_explicit(&array->slots[at].row, row, memory_order_release);
    array->used++;
}

static void array_remove(struct array *array, uint64_t hash,
                         struct phub__row *row)
{
    struct slot *slot = array_find(array, hash, phub__row_id(row));

    if (slot != NULL)
        atomic_store_explicit(&slot->row, REMOVED, memory_order_release);
}

/* --- growth ------------------------------------------------------------------- */

static bool is_full(const struct array *array)
{
    return array->used >= (array->mask + 1) / 4 * 3;
}

/* Publish other arrays; cannot fail because next was made before. */
static void publish(struct phub__table *table, struct phub__table_arrays *next)
{
    struct phub__table_arrays *old = arrays_of(table);

    atomic_store_explicit(&table->arrays, next, memory_order_release);
    table->retire(table->retire_arg, old, phub__free);
}

/* Move some slots to the second array; end growing when all are over.  If
 * there is no memory for the last step it is tried again by the next put. */
static void step(struct phub__table *table)
{
    struct phub__table_arrays *arrays = arrays_of(table), *next;
    struct array *first = arrays->first;
    uint32_t left = STEP;

    if (arrays->second == NULL)
        return;
    for (; left > 0 && table->moved <= first->mask; left--, table->moved++) {
        struct slot *slot = &first->slots[table->moved];
        struct phub__row *row = atomic_load_explicit(&slot->row,
                                                     memory_order_relaxed);

        if (row != NULL && row != REMOVED)
            array_put(arrays->second,
                      atomic_load_explicit(&slot->hash, memory_order_relaxed),
                      row);
    }
    if (table->moved <= first->mask)
        return;
    next = arrays_new(arrays->second, NULL);
    if (next == NULL)
        return;
    publish(table, next);
    table->retire(table->retire_arg, first, phub__free);
}

static int begin_growth(struct phub__table *table)
{
    struct phub__table_arrays *arrays = arrays_of(table), *next;
    struct array *second;
    uint32_t slots = SLOTS_MIN;

    while (slots / 2 <= table->count)
        slots *= 2;
    second = array_new(slots);
    next = arrays_new(arrays->first, second);
    if (second == NULL || next == NULL) {
        phub__free(second);
        phub__free(next);
        return PHUB_ENOMEM;
    }
    table->moved = 0;
    publish(table, next);
    return 0;
}

/* The second array has at least 2 slots per row, and each row that comes while
 * it fills moves 64 slots, so it never fills before that ends. */
int phub__table_reserve(struct phub__table *table)
{
    struct phub__table_arrays *arrays = arrays_of(table);

    step(table);
    arrays = arrays_of(table);
    if (arrays->second != NULL) {
        if (arrays->second->used + 1 >= arrays->second->mask)
            return PHUB_ENOMEM;
        return 0;
    }
    if (!is_full(arrays->first))
        return 0;
    if (begin_growth(table) == 0)
        return 0;
    return arrays->first->used + 1 >= arrays->first->mask ? PHUB_ENOMEM : 0;
}

/* --- rows -------------------------------------------------------------------- */

/* Each pass finds what the one before has asked for. */
void phub__table_ahead(const struct phub__table *table,
                       const uint64_t *hashes, uint32_t count)
{
    const struct phub__table_arrays *arrays = arrays_of(table);
    const struct array *array = arrays->second != NULL ? arrays->second
                                                       : arrays->first;
    const struct phub__row *row;
    uint32_t i, at;

    for (i = 0; i < count; i++)
        __builtin_prefetch(&array->slots[hashes[i] & array->mask]);
    for (i = 0; i < count; i++) {
        at = (uint32_t)hashes[i];
        __builtin_prefetch(array_next(array, hashes[i], &at));
    }
    for (i = 0; i < count; i++) {
        at = (uint32_t)hashes[i];
        row = array_next(array, hashes[i], &at);
        if (row != NULL)
            __builtin_prefetch(phub__row_value(row));
    }
}

struct phub__row *phub__table_find(const struct phub__table *table,
                                   uint64_t hash, struct phub_bytes id)
{
    struct phub__table_arrays *arrays =
        atomic_load_explicit(&table->arrays, memory_order_acquire);
    struct array *array = arrays->first;

    for (; array != NULL;
         array = array == arrays->first ? arrays->second : NULL) {
        struct slot *slot = array_find(array, hash, id);
        struct phub__row *row;

        if (slot == NULL)
            continue;
        row = atomic_load_explicit(&slot->row, memory_order_acquire);
        if (row != REMOVED)
            return row;
    }
    return NULL;
}

void phub__table_put(struct phub__table *table, uint64_t hash,
                     struct phub__row *row)
{
    struct phub__table_arrays *arrays = arrays_of(table);

    array_put(arrays->second != NULL ? arrays->second : arrays->first, hash,
              row);
    table->count++;
}

void phub__table_remove(struct phub__table *table, struct phub__row *row)
{
    struct phub__table_arrays *arrays = arrays_of(table);
    uint64_t hash = phub__table_hash(phub__row_id(row));

    array_remove(arrays->first, hash, row);
    if (arrays->second != NULL)
        array_remove(arrays->second, hash, row);
    table->count--;
}
