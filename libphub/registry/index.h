/* SPDX-License-Identifier: MIT */
/* index: rows by home, by the nodes of their instances, and by tag.
 *
 * Kept in step with the value of each row.  A change is announced first
 * (reserve, which may fail and then has changed nothing that counts), and
 * then made (update, which cannot). */
#ifndef PHUB__REGISTRY_INDEX_H
#define PHUB__REGISTRY_INDEX_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/row.h"
#include "registry/series.h"

#define PHUB__INDEX_NODES_MAX 4096u /* nodes that rows name */

struct phub__index_node {
    uint64_t node;
    bool known;                /* stable.h: stops wait for it */
    bool reported;
    bool forgotten;            /* its halves are void */
    struct phub__series home;  /* rows by row->home_number */
    struct phub__series halves; /* rows by half->number */
};

struct phub__index_tag;

struct phub__index {
    struct phub__index_node **nodes; /* by node */
    uint64_t *ids;             /* of these, to be searched */
    uint32_t nodes_count;
    uint32_t nodes_capacity;
    uint32_t known_count;
    uint32_t forgotten_count;
    struct phub__index_tag **tags;   /* chains */
    uint32_t tags_count;
    uint32_t tags_size;
    uint64_t number;           /* last given */
    uint64_t *spare;           /* reserved for row->alive.many */
    uint64_t rows;             /* with a spec half; no cells */
    _Atomic uint64_t rows_live;  /* read by any thread */
    uint64_t halves;           /* that are not GONE */
};

void phub__index_fini(struct phub__index *index);

/* Where the first one is that is not below node. */
uint32_t phub__index_from(const struct phub__index *index, uint64_t node);
struct phub__index_node *phub__index_node(const struct phub__index *index,
                                          uint64_t node);
int phub__index_node_get(struct phub__index *index, uint64_t node,
                         struct phub__index_node **entry);
/* NULL if no live row has it. */
const struct phub__series *phub__index_tag(const struct phub__index *index,
                                           struct phub_bytes tag);

int phub__index_reserve(struct phub__index *index, const struct phub__row *row,
                        const struct phub__value *old,
                        const struct phub__value *next);
void phub__index_update(struct phub__index *index, struct phub__row *row,
                        const struct phub__value *old,
                        const struct phub__value *next);

#endif
