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
    struct phub__series live;   /* rows, by entry; see below */
    struct phub__series records; /* rows, by sequence of stops and GONE */
    uint64_t count;             /* live ones that are more than records */
    uint64_t hash;              /* over those */
    uint64_t repair_from;       /* where the next repair goes on */
    uint64_t digest;            /* its part of the sum; see authors_digest */
    struct phub__author *changed_next; /* NULL: that is right */
    bool over;                  /* its node was forgotten */
    uint64_t differed;          /* how the last comparison differed, 0 if not */
    uint64_t idle_from;         /* since that round, plus 1, nobody that was
                                 * heard has anything of it; 0: we have */
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
    uint64_t *nodes;            /* theirs, to be found by */
    uint32_t count;
    uint32_t capacity;
    uint64_t entries;           /* live, all authors */
    uint64_t records;           /* of these: stops and GONE */
    struct phub__author *changed; /* whose part of the sum is to be found */
    uint64_t digest;            /* the sum of all parts */
};

void phub__authors_fini(struct phub__authors *authors);

/* NULL if it is not known. */
struct phub__author *phub__author_find(const struct phub__authors *authors,
                                       uint64_t node, uint64_t boot);
/* The first one of that node that is of a later boot; NULL: there is none. */
struct phub__author *phub__author_later(const struct phub__authors *authors,
                                        uint64_t node, uint64_t boot);
/* Is anything live of that node's boots before that one? */
bool phub__author_earlier_live(const struct phub__authors *authors,
                               uint64_t node, uint64_t boot);
/* Find or make.  PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__author_get(struct phub__authors *authors, uint64_t node,
                     uint64_t boot, struct phub__author **author);
/* Nothing of it is live. */
void phub__author_drop(struct phub__authors *authors,
                       struct phub__author *author);
/* Is a later boot of its node known, or was that forgotten, and nothing of it
 * live?  Then nothing can be had from it any more and it is left out of
 * comparisons. */
bool phub__author_idle(const struct phub__authors *authors,
                       const struct phub__author *author);
/* What is seen of it, or live, is not what it was. */
void phub__author_changed(struct phub__authors *authors,
                          struct phub__author *author);
/* Of what is seen and live of all, in whatever order it came, without what is
 * left out of comparisons.  Costs what has changed since the last time. */
uint64_t phub__authors_digest(struct phub__authors *authors);
/* The same of the one at that index. */
bool phub__author_idle_at(const struct phub__authors *authors, uint32_t at);

/* --- entries ------------------------------------------------------------------
 * What an (author, sequence) still says of a row.  A slot of author->live is
 * all that is kept of one: its number is the sequence with what it carries,
 * and what of that is a record, in the lowest bits. */

#define PHUB__ENTRY_BITS 6u

/* The one behind it has room beside those bits, too: walks go on from there. */
#define PHUB__SEQUENCE_MAX ((UINT64_MAX >> PHUB__ENTRY_BITS) - 1)

struct phub__entry {
    struct phub__author *author;
    uint64_t sequence;
    struct phub__row *row;
    uint8_t carries;         /* enum phub__carries */
    uint8_t records;         /* of these: a stop, a GONE */
};

static inline uint64_t phub__entry_sequence(const struct phub__author *author,
                                            uint32_t at)
{
    return author->live.slots[at].number >> PHUB__ENTRY_BITS;
}

/* Index of the first slot (may be a hole) whose sequence is at least that. */
static inline uint32_t phub__entry_from(const struct phub__author *author,
                                        uint64_t sequence)
{
    return phub__series_from(&author->live, sequence << PHUB__ENTRY_BITS);
}

/* Fill in what a slot says; false: it is a hole. */
bool phub__entry_at(struct phub__author *author, uint32_t at,
                    struct phub__entry *entry);
/* False if it is not live. */
bool phub__entry_find(struct phub__author *author, uint64_t sequence,
                      struct phub__entry *entry);
/* The next record behind cursor (all zero at first), which moves to it; false
 * if there is none. */
bool phub__record_next(const struct phub__authors *authors,
                       struct phub__dot *cursor, struct phub__entry *entry);

/* Make room, so that the next commit (of a record, or of none) cannot fail.
 * PHUB_ENOMEM. */
int phub__entry_prepare(struct phub__author *author, bool record);
/* It carries that of row now, beside what it may carry already (records:
 * which of it is a stop or GONE), and counts. */
void phub__entry_commit(struct phub__authors *authors,
                        const struct phub__entry *entry);
/* A register of it has been overtaken; it is live no more when nothing is
 * left. */
void phub__entry_strip(struct phub__authors *authors, struct phub__dot dot,
                       uint8_t what);

static inline struct phub__dot phub__entry_dot(const struct phub__entry *entry)
{
    return (struct phub__dot){ entry->author->node, entry->author->boot,
                               entry->sequence };
}

#endif
