/* SPDX-License-Identifier: MIT */
/* stream: authors, what of them has been seen, and what of it is live. */
#ifndef PHUB__REGISTRY_STREAM_H
#define PHUB__REGISTRY_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "registry/ranges.h"
#include "registry/row.h"
#include "registry/series.h"

struct phub__author {
    uint64_t node;
    uint64_t boot;
    struct phub__ranges seen;
    struct phub__series live;   /* struct phub__entry by sequence */
    uint64_t count;             /* live ones that are more than records */
    uint64_t hash;              /* over those */
    uint64_t repair_from;       /* where the next repair goes on */
    bool over;                  /* its node was forgotten */
    uint64_t differed;          /* how the last comparison differed, 0 if not */
    struct phub__ranges collected; /* these seven: stable.c */
    struct phub__ranges target;
    struct phub__ranges previous;
    struct phub__ranges stable;
    struct phub__ranges settled;
    struct phub__ranges kept;
    struct phub__ranges keeping;
};

struct phub__authors {
    struct phub__author **at;   /* by node, boot */
    uint32_t count;
    uint32_t capacity;
    struct phub__series records;  /* entries that are stops or GONE only */
    uint64_t record_last;
    uint64_t entries;           /* live, all authors */
};

void phub__authors_fini(struct phub__authors *authors);

/* NULL if it is not known. */
/* The first one of that node that is of a later boot; NULL: there is none. */
struct phub__author *phub__author_later(const struct phub__authors *authors,
                                        uint64_t node, uint64_t boot);
struct phub__author *phub__author_find(const struct phub__authors *authors,
                                       uint64_t node, uint64_t boot);
/* Find or make.  PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__author_get(struct phub__authors *authors, uint64_t node,
                     uint64_t boot, struct phub__author **author);
/* Nothing of it is live. */
void phub__author_drop(struct phub__authors *authors,
                       struct phub__author *author);
/* Is a later boot of its node known, or was that forgotten, and nothing of it
 * live?  Then nothing can
 * be had from it any more and it is left out of comparisons. */
bool phub__author_idle(const struct phub__authors *authors,
                       const struct phub__author *author);

/* Make room and an entry that carries nothing yet.  PHUB_ENOMEM. */
int phub__entry_prepare(struct phub__authors *authors,
                        struct phub__author *author, uint64_t sequence,
                        struct phub__row *row, struct phub__entry **entry);
/* It carries that now (records: which of it is a stop or GONE), and counts. */
void phub__entry_commit(struct phub__authors *authors,
                        struct phub__entry *entry, uint8_t carries,
                        uint8_t records);
/* It is live already and carries more than was known. */
void phub__entry_extend(struct phub__authors *authors,
                        struct phub__entry *entry, uint8_t carries,
                        uint8_t records);
/* A register of it has been overtaken; frees it when nothing is left. */
void phub__entry_strip(struct phub__authors *authors,
                       struct phub__entry *entry, uint8_t what);

static inline struct phub__dot phub__entry_dot(const struct phub__entry *entry)
{
    return (struct phub__dot){ entry->author->node, entry->author->boot,
                               entry->sequence };
}

#endif
