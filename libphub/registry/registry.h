/* SPDX-License-Identifier: MIT */
/* registry: what should run and what does run, equal on all members in the
 * end.
 *
 * Theory.  A delta-state CRDT (Almeida, Shoker, Baquero: Delta State
 * Replicated Data Types, 2018) with dotted version vectors (Preguica et al.:
 * Dotted Version Vectors, 2010).
 *
 * An *author* is (node id, boot number): boot numbers are durable and grow,
 * so each start of a node writes a fresh stream from sequence 1 and a number
 * is never used twice.  An *entry* (author, sequence) carries registers of a
 * row:
 *   life      incarnation, stopped, spec, metadata, tags: the spec half
 *   home      where the child belongs, and which other nodes run a replica,
 *             with its own epoch, so that an edit here and a move there at
 *             the same moment both survive
 *   instance  what runs on one node; one register per (child, node)
 * A register holds the greatest of all values written to it (row.h gives the
 * orders); the join is commutative, associative and idempotent, so entries
 * may arrive in any order, twice, or merged.  An entry whose values have all
 * been overtaken is dead and is never sent again.
 *
 * A vector says which entries of each author have been seen: those up to a
 * *prefix*, and single ones (dots) above.  A piece of a delta is "these are
 * all live entries of author A in (from, to]"; whoever merges it has seen all
 * of (from, to].  Summaries (vector, and count and hash of the live entries
 * of each author) are compared, and only what differs travels.
 *
 * Stops and GONE instances are records like others; they are dropped when
 * every known node has seen them and then, once more, everything that they
 * may have overtaken (stable.h): nothing expires by a clock.
 *
 * Level-triggered: row_changed() says which row is another than before, no
 * more; absence is never deletion.
 *
 * Thread: the hub's, except phub__registry_lookup().  No clock, no
 * randomness, no I/O in here. */
#ifndef PHUB__REGISTRY_REGISTRY_H
#define PHUB__REGISTRY_REGISTRY_H

#include <stdbool.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/plugin.h>
#include <phub/types.h>

#include "wire/arena.h"
#include "wire/buf.h"
#include "wire/codec.h"

#define PHUB__META_PAIRS_MAX 64u       /* of a child or an instance */
#define PHUB__META_KEY_MAX 63u         /* bytes */
#define PHUB__META_VALUE_MAX 1024u     /* bytes */
#define PHUB__TAGS_MAX 32u             /* of a child */
#define PHUB__TAG_MAX 63u              /* bytes */
#define PHUB__REPLICAS_MAX 63u         /* nodes named beside a home */
#define PHUB__ROW_SPEC_MAX 65536u      /* bytes of a spec */
#define PHUB__ROW_TEXT_MAX 511u        /* bytes of an instance's reason */
#define PHUB__ROW_INSTANCES_MAX 1024u  /* instance halves of one row */
#define PHUB__ROWS_MAX 16777216u       /* rows, unless set lower */
#define PHUB__CELL_KEY_MAX 254u        /* bytes */
#define PHUB__NODES_KNOWN_MAX 1024u    /* nodes ever seen, not forgotten */
#define PHUB__NODES_FORGOTTEN_MAX 2048u /* kept by who orders it (hub/forget.h);
                                         * both are nodes of the index */
#define PHUB__AUTHORS_MAX 4096u        /* (node, boot) pairs */
#define PHUB__DOTS_MAX 1024u            /* ranges remembered per author */
#define PHUB__DELTA_ENTRIES_MAX 8192u  /* entries in one delta */
#define PHUB__DELTA_SIZE_MAX (1u << 20)    /* bytes of one delta */
#define PHUB__SUMMARY_SIZE_MAX (1u << 19)  /* bytes of one summary */
#define PHUB__LOOKUP_INSTANCES_MAX 16u /* copied out by a look-up */
#define PHUB__LOOKUP_META_MAX 1024u    /* bytes copied out by a look-up */

struct phub_env;
struct phub__registry;

/* --- rows as they are written --------------------------------------------- */

struct phub__meta_pair {
    struct phub_bytes key;    /* text */
    struct phub_bytes value;  /* text */
};

/* The spec half. */
struct phub__life {
    struct phub_epoch incarnation; /* of the start; a higher one wins */
    struct phub_epoch edit;        /* within it the higher one wins */
    bool stopped;                  /* within it: wins against all edits */
    bool durable;
    bool sticky;
    struct phub_bytes spec;        /* opaque */
    struct phub__list metadata;    /* of struct phub__meta_pair */
    struct phub__list tags;        /* of struct phub_bytes */
    struct phub__list replicas;    /* of uint64_t: beside the home that goes
                                    * with it to spec_put(); not read */
};

/* The instance half, written by the node that it names. */
struct phub__half {
    uint64_t node;
    uint64_t boot;
    uint64_t guard;                /* guard id: whose process it is */
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    uint32_t state;                /* enum phub_instance_state */
    uint32_t role;                 /* enum phub_role */
    int64_t pid;
    uint64_t restarts;
    struct phub__list metadata;    /* of struct phub__meta_pair */
    struct phub_bytes text;        /* reason, for people */
};

/* --- rows as they are read on the hub's thread ----------------------------
 * Everything borrows until the next write, apply or phub__registry_stable(). */

struct phub__row_view {
    struct phub_bytes id;
    uint64_t number;               /* of the row here; grows, for cursors */
    bool exists;                   /* there is a spec half */
    bool live;                     /* and it is not stopped */
    bool durable;
    bool was_durable;              /* now or ever here */
    bool sticky;
    struct phub_epoch incarnation; /* {0, 0} unless exists */
    struct phub_epoch edit;
    uint64_t home;                 /* of this incarnation; 0 = none */
    struct phub_epoch home_epoch;
    const uint64_t *replicas;      /* nodes beside home */
    uint32_t replicas_count;
    struct phub_bytes spec;
    uint32_t tags_count;
    uint32_t instances_count;      /* GONE ones too */
    const void *row;               /* for the calls below */
};

struct phub__half_view {
    uint64_t node;
    uint64_t boot;
    uint64_t guard;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    uint32_t state;
    uint32_t role;
    int64_t pid;
    uint64_t restarts;
    struct phub_bytes text;
    const void *half;              /* for phub__row_half_read() */
};

/* --- life ------------------------------------------------------------------ */

enum phub__row_changed {
    PHUB__CHANGED_LIFE = 1,      /* start, edit, stop */
    PHUB__CHANGED_HOME = 2,
    PHUB__CHANGED_INSTANCE = 4,
    PHUB__CHANGED_DROPPED = 8    /* the row is no more (a stop, forgotten) */
};

struct phub__registry_events {
    /* This node's stream now ends with sequence head.  May be NULL.  Must not
     * call back into the registry's writing calls. */
    void (*changed)(void *arg, uint64_t head);
    /* The row of id changed, by a local write (local = true) or a merge.
     * Called at the end of the call that did it, once per row and call; it
     * may read and write rows (what it writes is told at the end too).  id
     * borrows until return.  May be NULL. */
    void (*row_changed)(void *arg, struct phub_bytes id, uint32_t changed,
                        bool local);
    /* phub__registry_known() is another than before.  At any time; must not
     * call back.  May be NULL. */
    void (*known_changed)(void *arg);
};

struct phub__registry_options {
    uint64_t node;
    uint64_t boot;               /* higher than that of any earlier start */
    uint32_t rows_max;           /* 0 = PHUB__ROWS_MAX */
    /* Free ptr when no look-up may still see it; NULL: at once. */
    void (*retire)(void *arg, void *ptr, void (*free_fn)(void *));
    void *retire_arg;
    struct phub_env *env;        /* whose share() has the values, or NULL */
    const struct phub__registry_events *events;  /* NULL, or outlives it */
    void *events_arg;
};

/* Errors: PHUB_EINVAL, PHUB_ENOMEM. */
int phub__registry_new(const struct phub__registry_options *options,
                       struct phub__registry **registry);
/* No look-up may be running any more.  *registry may be NULL. */
void phub__registry_free(struct phub__registry **registry);

struct phub__registry_counts {
    uint64_t rows;             /* all below, stopped too; no cells */
    uint64_t rows_live;
    uint64_t instances;        /* halves that are not GONE */
    uint64_t authors;
    uint64_t nodes_known;
    uint64_t entries_live;     /* all authors */
    uint64_t records_kept;     /* stops and GONE, not yet dropped */
    uint64_t entries_applied;  /* ever: merged and new */
    uint64_t entries_ignored;  /* ever: seen before */
    uint64_t entries_sent;     /* ever: encoded for peers */
    uint64_t rounds;           /* of stability, completed */
};
void phub__registry_counts(const struct phub__registry *registry,
                           struct phub__registry_counts *counts);

/* Sequence of the last own entry. */
uint64_t phub__registry_head(const struct phub__registry *registry);
/* Does anything still say what an earlier start of this node wrote? */
bool phub__registry_earlier(const struct phub__registry *registry);
/* Highest epoch number ever seen in it (Lamport). */
uint64_t phub__registry_epoch_max(const struct phub__registry *registry);

/* --- local writes ------------------------------------------------------------
 * Each appends one entry to the own stream.  What is given is copied.
 * Errors of all: PHUB_EINVAL (an id or text that is not allowed), PHUB_ELIMIT
 * (a limit above, rows_max), PHUB_ENOMEM; then nothing has changed. */

/* A new incarnation with its home (0 = none yet; home_epoch is
 * life->incarnation then or whatever is given).  life->edit {0, 0} stands for
 * life->incarnation.  PHUB_EEXIST if the row has this incarnation or a higher
 * one. */
int phub__registry_spec_put(struct phub__registry *registry,
                            struct phub_bytes id,
                            const struct phub__life *life, uint64_t home,
                            struct phub_epoch home_epoch);
/* Replace the spec half within life->incarnation.  life->edit must be above
 * that of the row (PHUB_EAGAIN).  PHUB_ENOTFOUND: no such row or another
 * incarnation; PHUB_ESTOPPED. */
int phub__registry_spec_edit(struct phub__registry *registry,
                             struct phub_bytes id,
                             const struct phub__life *life);
/* Move the home within an incarnation; replicas (NULL: none) go along.
 * PHUB_EAGAIN: epoch is not above the row's; PHUB_ENOTFOUND; PHUB_ESTOPPED;
 * PHUB_EINVAL if a replica is home, or twice there; PHUB_ELIMIT. */
int phub__registry_home_set(struct phub__registry *registry,
                            struct phub_bytes id,
                            struct phub_epoch incarnation, uint64_t home,
                            const struct phub__list *replicas,
                            struct phub_epoch epoch);
/* End an incarnation, known here or not (a stop may overtake its start).
 * 0 also if it is ended already; PHUB_EMOVED if a higher one runs. */
int phub__registry_stop(struct phub__registry *registry, struct phub_bytes id,
                        struct phub_epoch incarnation,
                        struct phub_epoch edit);
/* Publish the own instance of id; node and boot are filled in here.
 * GONE for an instance that nobody knows writes nothing. */
int phub__registry_instance_put(struct phub__registry *registry,
                                struct phub_bytes id,
                                const struct phub__half *half);

/* Replicated plugin data: the value with the highest epoch wins; a value of
 * size 0 stands for "none".  Cells are durable, and no rows to any query but
 * by_durable; row_changed() tells of them by phub__cell_id(). */
int phub__registry_cell_put(struct phub__registry *registry,
                            struct phub_bytes key, struct phub_bytes value,
                            struct phub_epoch epoch);
/* The id of the cell's row, in the caller's bytes; size 0: key is too long, or
 * empty. */
struct phub_bytes phub__cell_id(struct phub_bytes key,
                                uint8_t *id /* [PHUB_CHILD_ID_MAX] */);
/* Borrows.  PHUB_ENOTFOUND. */
int phub__registry_cell_get(const struct phub__registry *registry,
                            struct phub_bytes key, struct phub_bytes *value,
                            struct phub_epoch *epoch);

/* --- reading, hub thread ----------------------------------------------------- */

/* PHUB_ENOTFOUND if nothing at all is known of id; view->exists may be false
 * with rc 0 (an instance half came before the spec half). */
int phub__registry_get(const struct phub__registry *registry,
                       struct phub_bytes id, struct phub__row_view *view);
/* The same of a cell's row as well; for the store. */
int phub__registry_get_any(const struct phub__registry *registry,
                           struct phub_bytes id, struct phub__row_view *view);
/* The index-th instance half, by node id; index < view->instances_count. */
void phub__row_half_at(const struct phub__row_view *view, uint32_t index,
                       struct phub__half_view *half);
/* The instance half of node; false if there is none. */
bool phub__row_half_of(const struct phub__row_view *view, uint64_t node,
                       struct phub__half_view *half);
/* Everything of the spec half; lists lie in the arena.
 * Errors: PHUB_ENOTFOUND, PHUB_ENOMEM, PHUB_ELIMIT (of the arena). */
int phub__row_life_read(const struct phub__row_view *view,
                        struct phub__arena *arena, struct phub__life *life);
int phub__row_half_read(const struct phub__half_view *view,
                        struct phub__arena *arena, struct phub__half *half);
/* One value of the metadata, without decoding the rest.  PHUB_ENOTFOUND. */
int phub__row_meta(const struct phub__row_view *view, struct phub_bytes key,
                   struct phub_bytes *value);
int phub__row_half_meta(const struct phub__half_view *half,
                        struct phub_bytes key, struct phub_bytes *value);

/* Walk rows in pieces.  *cursor is 0 before the first call; each call looks
 * at up to budget rows, and fills views with at most views_max of those that
 * fit; *cursor is 0 again once all have been seen.  Gives the number filled
 * (which may be 0 although there is more).  Rows may come and go between two
 * calls: one that fits all the time is given exactly once, if it keeps its
 * place in the index (its home for by_home and so on).  Every budget is at
 * least 1. */
enum phub__query_by {
    PHUB__BY_ALL = 1,     /* stopped ones too */
    PHUB__BY_LIVE,
    PHUB__BY_HOME,        /* live, home == node; indexed */
    PHUB__BY_INSTANCE,    /* an instance half on node that is not GONE;
                           * indexed */
    PHUB__BY_TAG,         /* live, with the tag; indexed */
    PHUB__BY_META,        /* live, metadata key (== value if value.data) */
    PHUB__BY_STATE,       /* live, an instance in that state */
    PHUB__BY_DURABLE      /* durable, stopped ones too */
};
struct phub__query {
    enum phub__query_by by;
    uint64_t node;             /* HOME, INSTANCE */
    uint32_t state;            /* STATE */
    struct phub_bytes key;     /* TAG, META */
    struct phub_bytes value;   /* META; data NULL = any */
};
uint32_t phub__registry_query(const struct phub__registry *registry,
                              const struct phub__query *query,
                              uint64_t *cursor, uint32_t budget,
                              struct phub__row_view *views,
                              uint32_t views_max);
/* Rows that by_home and by_instance would give in all; O(1). */
uint64_t phub__registry_home_count(const struct phub__registry *registry,
                                   uint64_t node);
uint64_t phub__registry_instance_count(const struct phub__registry *registry,
                                       uint64_t node);

/* --- reading, any thread ----------------------------------------------------
 * Between env->read_lock() and env->read_unlock(). */

struct phub__lookup_instance {
    uint64_t node;
    struct phub_epoch epoch;
    uint32_t state;
    uint32_t role;
    uint32_t restarts;
    int64_t pid;
    uint16_t meta_at;          /* of its metadata in meta, as CBOR: an array */
    uint16_t meta_size;        /* of maps {1: key, 2: value}; 0 = none, or it
                                * did not fit */
};

struct phub__lookup {
    struct phub_epoch incarnation;
    struct phub_epoch edit;    /* of the spec half */
    uint64_t home;
    struct phub_epoch home_epoch;
    bool live;
    bool durable;
    uint32_t instances_count;  /* filled; GONE ones are left out */
    uint32_t instances_more;   /* there are so many more */
    uint32_t meta_size;
    struct phub__lookup_instance instances[PHUB__LOOKUP_INSTANCES_MAX];
    uint8_t meta[PHUB__LOOKUP_META_MAX];
};

/* Copy out what is known of id.  PHUB_ENOTFOUND.  Thread: any. */
int phub__registry_lookup(const struct phub__registry *registry,
                          struct phub_bytes id, struct phub__lookup *lookup);
/* One value of an instance's metadata in the copy; borrows from it. */
int phub__lookup_meta(const struct phub__lookup *lookup, uint32_t index,
                      struct phub_bytes key, struct phub_bytes *value);
/* Copy one value of the running instance's metadata, or else of the row's.
 * PHUB_ENOTFOUND, PHUB_ELIMIT.  Thread: any. */
int phub__registry_lookup_meta(const struct phub__registry *registry,
                               struct phub_bytes id, struct phub_bytes key,
                               void *value, size_t value_max, size_t *size);
/* Rows that are live.  Thread: any. */
uint64_t phub__registry_live(const struct phub__registry *registry);

/* --- synchronisation ---------------------------------------------------------
 * Deltas and summaries are CBOR, opaque to the caller.  Builders get them
 * appended; a builder without room for size_max bytes is a caller's error. */

/* What this node has seen and holds; it names the node and its boot.  It is
 * written once after each change.  Errors: PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__registry_summary(struct phub__registry *registry,
                           struct phub__builder *out);
/* The same, to be read only; owned by the caller. */
int phub__registry_summary_buf(struct phub__registry *registry,
                               struct phub_buf **summary);
/* A hash of it instead, some 30 bytes: to phub__registry_equal() and
 * phub__registry_covers() it says whether all is equal, and nothing else. */
int phub__registry_brief(struct phub__registry *registry,
                         struct phub_buf **brief);

/* Grows with each of those writes: at the same number all that was borrowed
 * is as it was. */
uint64_t phub__registry_writes(const struct phub__registry *registry);

/* Equal digests: what the two registries have seen and hold is equal, and so
 * are the nodes they know.  Never 0. */
uint64_t phub__registry_digest(struct phub__registry *registry);
/* Was it ours lately, or is it now?  Then we have seen all that whoever has it
 * has seen: what is seen stays so. */
bool phub__registry_had_digest(struct phub__registry *registry,
                               uint64_t digest);

/* Own entries above from, up to about size_max bytes; *next = where to go on.
 * PHUB_EEMPTY: none; PHUB_ELIMIT: the first one alone is larger. */
int phub__registry_delta(struct phub__registry *registry, uint64_t from,
                         size_t size_max, struct phub__builder *out,
                         uint64_t *next);

/* What the writer of summary lacks, up to about size_max bytes; *more if there
 * is more (ask again with its new summary).  Errors: PHUB_EEMPTY: nothing;
 * PHUB_ELIMIT: the first entry alone is larger; PHUB_EPROTO. */
int phub__registry_missing(struct phub__registry *registry,
                           struct phub_bytes summary, size_t size_max,
                           struct phub__builder *out, bool *more);

/* Are we and the writer of summary equal?  Also notes what it has seen, which
 * is what lets old stops be dropped.  PHUB_EPROTO. */
int phub__registry_equal(struct phub__registry *registry,
                         struct phub_bytes summary, bool *equal);

/* Have we seen all that the writer of summary has?  Notes as well.  (A new
 * keeper's question.)  PHUB_EPROTO. */
int phub__registry_covers(struct phub__registry *registry,
                          struct phub_bytes summary, bool *covers);

/* All live entries about these children, as dots, to travel with a request. */
int phub__registry_rows(struct phub__registry *registry,
                        const struct phub_bytes *ids, uint32_t count,
                        struct phub__builder *out);

/* Merge.  0; PHUB_EAGAIN: merged, but something before it is missing (ask the
 * sender); PHUB_EPROTO, PHUB_ELIMIT, PHUB_ENOMEM: not merged, or only in
 * part, and not noted as seen: the next comparison brings it again. */
int phub__registry_apply(struct phub__registry *registry,
                         struct phub_bytes delta);

/* --- nodes -------------------------------------------------------------------- */

/* Is there a known node of which is_there(arg, node) is false? */
bool phub__registry_knows_other(const struct phub__registry *registry,
                                bool (*is_there)(void *arg, uint64_t node),
                                void *arg);
/* A node was seen in a view: stops are kept until it has seen them.
 * PHUB_ELIMIT at PHUB__NODES_KNOWN_MAX; PHUB_EFORGOTTEN. */
int phub__registry_node_seen(struct phub__registry *registry, uint64_t node);
/* What node_seen() would say. */
int phub__registry_admits(const struct phub__registry *registry,
                          uint64_t node);
/* Drop the node from the known ones, and its instance halves, for good; what
 * it wrote of spec halves stays.  To be told to every member: as long as some
 * have not heard it they repair each other in vain.
 * PHUB_EINVAL for the own one. */
int phub__registry_node_forget(struct phub__registry *registry,
                               uint64_t node);
bool phub__registry_is_known(const struct phub__registry *registry,
                             uint64_t node);
bool phub__registry_is_forgotten(const struct phub__registry *registry,
                                 uint64_t node);
/* The next one above node that is known, or forgotten; 0: there is none. */
uint64_t phub__registry_known_next(const struct phub__registry *registry,
                                   uint64_t node);
uint64_t phub__registry_forgotten_next(const struct phub__registry *registry,
                                       uint64_t node);
uint32_t phub__registry_forgotten_count(const struct phub__registry *registry);
/* Drop records that are stable, at most budget; gives how many. Called at
 * intervals or after phub__registry_equal(); cheap when there is nothing. */
uint32_t phub__registry_stable(struct phub__registry *registry,
                               uint32_t budget);

/* --- the store ------------------------------------------------------------------
 * A durable row survives as a snapshot of its spec half: a delta with the
 * entries that carry life and home, under their author and sequence.  The hub
 * writes it when row_changed() says LIFE or HOME of a durable row (a stopped
 * one too), removes it at DROPPED, and loads all of them with
 * phub__registry_apply() before anything else at its next start.  PHUB_EEMPTY
 * for a row that is not durable; the disk must not keep an older one then. */
int phub__registry_snapshot(struct phub__registry *registry,
                            struct phub_bytes id, struct phub__builder *out);
/* The known nodes, as a delta to be kept beside the rows: who starts again
 * must wait for the same nodes with stops. */
int phub__registry_known(const struct phub__registry *registry,
                         struct phub__builder *out);

/* What has been seen, and would be forgotten by a start from the disk, does
 * not count as seen for the stability of records.  Due: something that
 * belongs on the disk was just written, or merged.  Begin: a write of all of
 * it begins (nothing happens while one is under way); end: it has ended, done
 * or not.  Without these calls all that is seen counts. */
void phub__registry_keep_due(struct phub__registry *registry);
void phub__registry_keep_begin(struct phub__registry *registry);
void phub__registry_keep_end(struct phub__registry *registry, bool done);
/* Is there something that no write has covered? */
bool phub__registry_keep_is_due(const struct phub__registry *registry);

#endif
