/* SPDX-License-Identifier: MIT */
/* internal: the registry's own parts, shared between its files. */
#ifndef PHUB__REGISTRY_INTERNAL_H
#define PHUB__REGISTRY_INTERNAL_H

#include "registry/index.h"
#include "registry/registry.h"
#include "registry/row.h"
#include "registry/series.h"
#include "registry/stream.h"
#include "registry/table.h"

#define PHUB__REGISTRY_MAGIC 0x7e915732u
#define PHUB__DIGESTS_MAX 64u
#define PHUB__DELTA_ARENA_MAX (8u << 20) /* bytes of a decoded delta */
#define PHUB__DELTA_PIECES_MAX 2048u     /* in one delta */

struct phub__registry {
    uint32_t magic;
    uint32_t rows_max;
    uint64_t node;
    uint64_t boot;
    struct phub__author *self;
    struct phub__table table;
    struct phub__authors authors;
    struct phub__index index;
    struct phub__series rows;      /* all, cells too, by row->number */
    uint64_t row_last;
    uint64_t epoch_max;
    void (*retire)(void *arg, void *ptr, void (*free_fn)(void *));
    void *retire_arg;
    struct phub_env *env;          /* NULL, or it shares */
    void (*give)(void *ptr);       /* back what was shared, or made */
    const struct phub__registry_events *events;
    void *events_arg;
    struct phub__row *dirty_first;
    struct phub__row *dirty_last;
    uint64_t head_told;
    uint32_t depth;                /* of calls that write */
    uint64_t known_digest;         /* the sum of the nodes that are known */
    uint64_t writes;               /* such calls so far */
    uint64_t digest;               /* 0: something was written since */
    bool covers;                   /* its targets; false: see own_covers */
    uint64_t digests[PHUB__DIGESTS_MAX]; /* that it had, round and round */
    uint32_t digests_next;
    struct phub_buf *summary;      /* NULL: the same; owned */
    struct phub_buf *brief;        /* of it, alike */
    /* stable.c */
    uint64_t rounds;
    bool authors_idle;          /* some are, and may be pruned */
    struct phub__dot record_cursor; /* records up to here have been looked
                                     * at */
    bool records_due;              /* a round has ended since */
    uint8_t unkept;                /* enum phub__unkept */
    uint64_t entries_applied;
    uint64_t entries_ignored;
    uint64_t entries_sent;
};

/* What was seen and is not on the disk. */
enum phub__unkept {
    PHUB__UNKEPT_DUE = 1,          /* no write has begun */
    PHUB__UNKEPT_BEGUN = 2         /* one is under way */
};

/* What an entry says, checked.  At least one of the three is there. */
struct phub__contents {
    struct phub_bytes life_bytes;   /* size 0: no life */
    struct phub_bytes half_bytes;   /* size 0: no half */
    struct phub__life life;
    struct phub__half half;
    struct phub__home home;         /* incarnation.number 0: none; no seats */
    struct phub__list replicas;     /* of uint64_t, beside the home */
};

/* --- merge.c ------------------------------------------------------------------ */

/* Join contents into the row of id.  0 also if all of it has been overtaken.
 * Errors: PHUB_ELIMIT, PHUB_ENOMEM; nothing has changed then. */
int phub__registry_merge(struct phub__registry *registry,
                         struct phub__author *author, uint64_t sequence,
                         struct phub_bytes id,
                         const struct phub__contents *contents, bool local);
/* Take from the row what the entry carries of `what`.  The row may be freed by
 * it.  PHUB_ENOMEM. */
int phub__registry_drop(struct phub__registry *registry,
                        const struct phub__entry *entry, uint8_t what);
struct phub__row *phub__registry_row(const struct phub__registry *registry,
                                     struct phub_bytes id);
void phub__registry_epoch_seen(struct phub__registry *registry,
                               struct phub_epoch epoch);

/* --- registry.c ------------------------------------------------------------------ */

/* Give back a value, or a block of one; NULL is allowed. */
void phub__registry_unshare(const struct phub__registry *registry,
                            const void *ptr);
/* Around every call that writes: events go out at the outermost end. */
void phub__registry_begin(struct phub__registry *registry);
/* What digest and summary say is over. */
void phub__registry_touched(struct phub__registry *registry);
void phub__registry_end(struct phub__registry *registry);
void phub__registry_mark(struct phub__registry *registry,
                         struct phub__row *row, uint8_t changed, bool local);

/* --- summary.c --------------------------------------------------------------- */

/* What a summary says of one author. */
struct phub__summary_author {
    uint64_t node;
    uint64_t boot;
    struct phub__list ranges;    /* of uint64_t: lo, hi, lo, hi, ... */
    uint64_t count;
    uint64_t hash;
    uint64_t live;               /* entries, records too */
    struct phub__list kept_ranges;  /* if behind */
    bool behind;                 /* not all of it is on the disk */
    struct phub__ranges seen;    /* the same as ranges; borrows */
    struct phub__ranges kept;    /* the same as kept_ranges; borrows */
};

struct phub__summary {
    uint64_t node;
    uint64_t boot;
    struct phub__list authors;   /* of struct phub__summary_author, sorted */
    struct phub__list known;     /* of uint64_t: nodes */
    uint64_t digest;             /* not 0: a brief, with nothing of that */
};

#define PHUB__SUMMARY_ARENA_MAX (8u << 20) /* bytes of a decoded summary */

int phub__summary_decode(struct phub_bytes bytes, struct phub__arena *arena,
                         struct phub__summary *summary);

/* Own authors and theirs side by side, by node and boot; all but the first two
 * begin as 0. */
struct phub__pairs {
    const struct phub__registry *registry;
    const struct phub__summary *summary;
    uint32_t own_next, their_next;
    struct phub__author *author;                /* NULL: only they have it */
    const struct phub__summary_author *theirs;  /* NULL: only we do */
    bool skips;      /* there is nothing of it that they may lack or hold
                      * differently; only if author is not NULL */
};

/* False: that was the last one. */
bool phub__pairs_next(struct phub__pairs *pairs);

struct phub__comparison {
    bool we_miss;    /* its writer has seen something that we have not */
    bool they_miss;
    bool differs;    /* neither, but what is live is not the same */
};
void phub__summary_compare(const struct phub__registry *registry,
                           const struct phub__summary *summary,
                           struct phub__comparison *comparison);
bool phub__summary_same(const struct phub__author *author,
                        const struct phub__summary_author *theirs);

/* --- stable.c ----------------------------------------------------------------- */

/* Note what the writer of the summary has seen: what we have seen, in every
 * particular (same). */
void phub__stable_note_same(struct phub__registry *registry, uint64_t node,
                            uint64_t boot);
/* Note what the writer of the summary has seen. */
void phub__stable_note(struct phub__registry *registry,
                       const struct phub__summary *summary);
/* Others know these (of uint64_t).  PHUB_EINVAL, PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__registry_nodes_heard(struct phub__registry *registry,
                               const struct phub__list *nodes);
/* All known ones; the caller frees.  PHUB_ENOMEM. */
int phub__registry_nodes_known(const struct phub__registry *registry,
                               uint64_t **nodes, uint32_t *count);

#endif
