/* SPDX-License-Identifier: MIT */
/* table: rows by child id; one writer, readers on any thread without locks.
 *
 * Open addressing with linear probing.  A slot goes from empty to a row, and
 * from a row to "removed", never back: a reader that stops at an empty slot
 * has seen all that there was.  When three quarters are used a second array is
 * begun, into which every write moves STEP slots; meanwhile new rows go to
 * the second only, removals to both, and readers look into both.  Which two
 * arrays there are is one immutable struct behind one atomic pointer, so a
 * reader never sees half a change.  What readers may still see is retired.
 *
 * Thread: put and remove the hub's; find any, inside a read section. */
#ifndef PHUB__REGISTRY_TABLE_H
#define PHUB__REGISTRY_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

#include <phub/types.h>

#include "registry/row.h"

struct phub__table_arrays;

struct phub__table {
    _Atomic(struct phub__table_arrays *) arrays;
    uint32_t count;      /* rows */
    uint32_t moved;      /* slots of the first array gone over so far */
    void (*retire)(void *arg, void *ptr, void (*free_fn)(void *));
    void *retire_arg;
};

uint64_t phub__table_hash(struct phub_bytes id);

int phub__table_init(struct phub__table *table,
                     void (*retire)(void *arg, void *ptr,
                                    void (*free_fn)(void *)),
                     void *retire_arg);
/* The rows are the caller's. */
void phub__table_fini(struct phub__table *table);

/* Ids of these hashes will be looked for: have them in the cache by then. */
void phub__table_ahead(const struct phub__table *table,
                       const uint64_t *hashes, uint32_t count);
/* NULL if there is none. */
struct phub__row *phub__table_find(const struct phub__table *table,
                                   uint64_t hash, struct phub_bytes id);
/* Make room so that the next put cannot fail.  PHUB_ENOMEM. */
int phub__table_reserve(struct phub__table *table);
/* Its id, of that hash, is not in it yet. */
void phub__table_put(struct phub__table *table, uint64_t hash,
                     struct phub__row *row);
/* It is in it.  The caller retires the row. */
void phub__table_remove(struct phub__table *table, struct phub__row *row);

#endif
