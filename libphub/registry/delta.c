/* SPDX-License-Identifier: MIT */
/* delta: entries on their way from one registry to another.
 *
 * A delta is a list of pieces.  A piece (author, from, to, entries) says: of
 * what this author wrote in (from, to] these entries are live where I am, and
 * all else has been overtaken.  Merging it therefore lets the receiver see the
 * whole range.  A piece with from = to = 0 says nothing about a range: its
 * entries are single dots.  A *repair* lists a range that both have seen and
 * hold differently, see summary.c. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "registry/delta.h"
#include "registry/internal.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define ENTRY_OVERHEAD 64u /* bytes of an entry beside id and halves, about */
#define PIECE_OVERHEAD 48u

static PHUB__SCHEMA(entry_schema, struct phub__wire_entry,
    PHUB__U64(1, struct phub__wire_entry, sequence, PHUB__REQUIRED),
    PHUB__BYTES(2, struct phub__wire_entry, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__BYTES(3, struct phub__wire_entry, life, PHUB__LIFE_SIZE_MAX),
    PHUB__BYTES(4, struct phub__wire_entry, half, PHUB__HALF_SIZE_MAX),
    PHUB__EPOCH(5, struct phub__wire_entry, home.incarnation),
    PHUB__EPOCH(6, struct phub__wire_entry, home.epoch),
    PHUB__U64(7, struct phub__wire_entry, home.node),
    PHUB__U64S(8, struct phub__wire_entry, replicas, PHUB__REPLICAS_MAX));

static PHUB__SCHEMA(piece_schema, struct phub__wire_piece,
    PHUB__U64(1, struct phub__wire_piece, node, PHUB__REQUIRED),
    PHUB__U64(2, struct phub__wire_piece, boot, PHUB__REQUIRED),
    PHUB__U64(3, struct phub__wire_piece, from),
    PHUB__U64(4, struct phub__wire_piece, to),
    PHUB__LIST(5, struct phub__wire_piece, entries, PHUB__DELTA_ENTRIES_MAX,
               &entry_schema),
    PHUB__U64S(6, struct phub__wire_piece, stable, PHUB__DOTS_MAX * 2),
    PHUB__BOOL(7, struct phub__wire_piece, repair));

PHUB__SCHEMA(phub__delta_schema, struct phub__wire_delta,
    PHUB__LIST(1, struct phub__wire_delta, pieces, PHUB__DELTA_PIECES_MAX,
               &piece_schema),
    PHUB__U64S(2, struct phub__wire_delta, known, PHUB__NODES_KNOWN_MAX));

/* --- collecting ------------------------------------------------------------- */

struct collector {
    size_t size;
    size_t size_max;
    struct phub__wire_entry *entries;
    uint32_t entries_count, entries_capacity;
    struct phub__wire_piece *pieces;  /* entries.items is set at the end */
    uint32_t pieces_count, pieces_capacity;
    bool full;
    int rc;
};

static void *grown(void *items, uint32_t *capacity, size_t size)
{
    uint32_t more = *capacity == 0 ? 8 : *capacity * 2;
    void *grown_items = phub__realloc(items, more * size);

    if (grown_items != NULL)
        *capacity = more;
    return grown_items;
}

/* What an entry says, or what a row has of it. */
struct said {
    struct phub__dot dot;
    const struct phub__row *row;
    uint8_t carries;
};

static void wire_entry_fill(const struct said *said,
                            struct phub__wire_entry *wire)
{
    const struct phub__value *value = phub__row_value(said->row);
    uint8_t carries = said->carries;
    bool found;

    memset(wire, 0, sizeof *wire);
    wire->sequence = said->dot.sequence;
    wire->id = phub__row_id(said->row);
    if (carries & PHUB__CARRIES_LIFE)
        wire->life = (struct phub_bytes){ value->life->bytes,
                                          value->life->size };
    if (carries & PHUB__CARRIES_HOME) {
        const struct phub__seats *seats = value->home.seats;

        wire->home = value->home;
        if (seats != NULL)
            wire->replicas = (struct phub__list){
                (void *)(uintptr_t)seats->nodes, seats->count };
    }
    if (carries & PHUB__CARRIES_HALF) {
        uint32_t at = phub__value_find(value, said->dot.node, &found);

        phub__assert(found && phub__dot_same(value->halves[at]->dot,
                                             said->dot));
        wire->half = (struct phub_bytes){ value->halves[at]->bytes,
                                          value->halves[at]->size };
    }
}

/* Begin a piece; false if it does not fit. */
static bool piece_add(struct collector *c, uint64_t node, uint64_t boot,
                      uint64_t from, uint64_t to)
{
    struct phub__wire_piece *piece;

    if (c->pieces_count == PHUB__DELTA_PIECES_MAX) {
        c->full = true;
        return false;
    }
    if (c->pieces_count == c->pieces_capacity) {
        struct phub__wire_piece *pieces = grown(c->pieces, &c->pieces_capacity,
                                          sizeof *pieces);

        if (pieces == NULL) {
            c->rc = PHUB_ENOMEM;
            return false;
        }
        c->pieces = pieces;
    }
    piece = &c->pieces[c->pieces_count++];
    memset(piece, 0, sizeof *piece);
    piece->node = node;
    piece->boot = boot;
    piece->from = from;
    piece->to = to;
    c->size += PIECE_OVERHEAD;
    return true;
}

/* Append an entry to the last piece; false if it does not fit. */
static bool entry_add(struct collector *c, const struct said *said)
{
    struct phub__wire_entry wire;
    size_t size;

    wire_entry_fill(said, &wire);
    size = ENTRY_OVERHEAD + wire.id.size + wire.life.size + wire.half.size +
           wire.replicas.count * sizeof(uint64_t);
    if (size > c->size_max || c->size > c->size_max - size ||
        c->entries_count == PHUB__DELTA_ENTRIES_MAX) {
        c->full = true;
        if (c->entries_count == 0)
            c->rc = PHUB_ELIMIT;
        return false;
    }
    if (c->entries_count == c->entries_capacity) {
        struct phub__wire_entry *entries = grown(c->entries, &c->entries_capacity,
                                           sizeof *entries);

        if (entries == NULL) {
            c->rc = PHUB_ENOMEM;
            return false;
        }
        c->entries = entries;
    }
    c->entries[c->entries_count++] = wire;
    c->pieces[c->pieces_count - 1].entries.count++;
    c->size += size;
    return true;
}

/* Append [lo, hi] of an author as one piece, or what fits of it; gives the
 * last sequence that is covered, 0 if none. */
static uint64_t range_add(struct collector *c,
                          struct phub__author *author, uint64_t lo,
                          uint64_t hi)
{
    struct phub__wire_piece *piece;
    struct phub__entry entry;
    uint32_t at;

    if (c->size > 0 && c->size + PIECE_OVERHEAD > c->size_max) {
        c->full = true;
        return 0;
    }
    if (!piece_add(c, author->node, author->boot, lo - 1, hi))
        return 0;
    piece = &c->pieces[c->pieces_count - 1];
    for (at = phub__entry_from(author, lo);
         at < author->live.count && phub__entry_sequence(author, at) <= hi;
         at++) {
        struct said said;

        if (!phub__entry_at(author, at, &entry))
            continue;
        said = (struct said){ phub__entry_dot(&entry), entry.row,
                              entry.carries };
        if (entry_add(c, &said))
            continue;
        /* All below this one is covered, be it live or not. */
        piece->to = entry.sequence - 1;
        if (piece->to < lo) {
            c->pieces_count--;
            c->size -= PIECE_OVERHEAD;
            return 0;
        }
        break;
    }
    return piece->to;
}

static int collector_end(struct phub__registry *registry, struct collector *c,
                         struct phub__builder *out)
{
    struct phub__wire_delta delta = { .pieces = { c->pieces, c->pieces_count } };
    uint32_t i, at = 0;
    int rc = c->rc;

    if (c->pieces_count > 0 && rc == PHUB_ELIMIT)
        rc = 0;
    if (rc == 0 && c->pieces_count == 0)
        rc = PHUB_EEMPTY;
    for (i = 0; i < c->pieces_count; i++) {
        if (c->pieces[i].entries.count > 0)
            c->pieces[i].entries.items = &c->entries[at];
        at += c->pieces[i].entries.count;
    }
    if (rc == 0)
        rc = phub__encode(&phub__delta_schema, &delta, out);
    if (rc == 0)
        registry->entries_sent += c->entries_count;
    phub__free(c->pieces);
    phub__free(c->entries);
    return rc;
}

/* --- what is asked for ------------------------------------------------------------ */

int phub__registry_delta(struct phub__registry *registry, uint64_t from,
                         size_t size_max, struct phub__builder *out,
                         uint64_t *next)
{
    uint64_t head = phub__registry_head(registry), reached;
    struct collector c = { .size_max = size_max };
    int rc;

    if (from >= head)
        return PHUB_EEMPTY;
    reached = range_add(&c, registry->self, from + 1, head);
    rc = collector_end(registry, &c, out);
    if (rc == 0)
        *next = reached;
    return rc;
}

/* All that we have seen of the author and they have not; true if all fitted. */
static bool missing_add(struct collector *c, struct phub__author *author,
                        const struct phub__ranges *theirs)
{
    struct phub__range missing;
    uint64_t after = 0;

    while (phub__ranges_missing(&author->seen, theirs, after, &missing)) {
        after = range_add(c, author, missing.lo, missing.hi);
        if (c->full || c->rc != 0)
            return false;
    }
    return true;
}

/* Do we and they hold different things of what both have seen of the author?
 * That may be because one lacks what another author has overtaken it with; but
 * not if nothing is missing (for_certain), and hardly if it was just so the
 * last time. */
static bool is_broken(struct phub__author *author,
                      const struct phub__summary_author *theirs,
                      bool for_certain)
{
    uint64_t before = author->differed;

    author->differed = 0;
    if (theirs == NULL || phub__summary_same(author, theirs) ||
        !phub__ranges_equal(&author->seen, &theirs->seen))
        return false;
    author->differed = (author->hash ^ theirs->hash * 31) | 1;
    return for_certain || author->differed == before;
}

/* Send some of what is live of authors that differ, going on where the last
 * such repair ended.  See summary.c. */
static void repair_add(struct phub__registry *registry, struct collector *c,
                       const struct phub__summary *summary, bool for_certain)
{
    static const struct phub__ranges none;
    struct phub__pairs p = { .registry = registry, .summary = summary };

    while (phub__pairs_next(&p)) {
        struct phub__author *author = p.author;
        struct phub__wire_piece *piece;
        struct phub__range range;

        if (author == NULL || p.skips ||
            !is_broken(author, p.theirs, for_certain) || c->full || c->rc != 0)
            continue;
        if (!phub__ranges_missing(&author->seen, &none, author->repair_from,
                                  &range) &&
            !phub__ranges_missing(&author->seen, &none, 0, &range))
            continue;
        author->repair_from = range_add(c, author, range.lo, range.hi);
        if (author->repair_from == 0)
            continue;
        piece = &c->pieces[c->pieces_count - 1];
        piece->repair = true;
        if (author->stable.count > 0 && author->stable.count <= PHUB__DOTS_MAX)
            piece->stable = (struct phub__list){
                (void *)(uintptr_t)phub__ranges_at(&author->stable),
                author->stable.count * 2 };
    }
}

int phub__registry_missing(struct phub__registry *registry,
                           struct phub_bytes bytes, size_t size_max,
                           struct phub__builder *out, bool *more)
{
    static const struct phub__ranges none;
    struct collector c = { .size_max = size_max };
    struct phub__comparison comparison = { .differs = false };
    struct phub__summary summary;
    struct phub__pairs p = { .registry = registry, .summary = &summary };
    struct phub__arena arena;
    int rc;

    phub__arena_init(&arena, NULL, 0, PHUB__SUMMARY_ARENA_MAX);
    rc = phub__summary_decode(bytes, &arena, &summary);
    if (rc != 0) {
        phub__arena_fini(&arena);
        return rc;
    }
    phub__stable_note(registry, &summary);
    while (phub__pairs_next(&p))
        if (p.author != NULL && !p.skips &&
            !missing_add(&c, p.author,
                         p.theirs == NULL ? &none : &p.theirs->seen))
            break;
    *more = c.full && c.pieces_count > 0;
    if (c.pieces_count == 0) /* else they miss something */
        phub__summary_compare(registry, &summary, &comparison);
    if (!c.full && c.rc == 0)
        repair_add(registry, &c, &summary, comparison.differs);
    phub__arena_fini(&arena);
    return collector_end(registry, &c, out);
}

/* --- rows ------------------------------------------------------------------------------ */

static int said_order(const void *a_, const void *b_)
{
    const struct said *a = a_, *b = b_;

    return phub__dot_cmp(a->dot, b->dot);
}

/* Count, or fill if all is not NULL.  An entry carries what of its row has its
 * dot, so its author need not be asked: that would be three misses of the cache
 * for each. */
static uint32_t row_said(const struct phub__row *row, uint8_t what,
                         struct said *all)
{
    const struct phub__value *value = phub__row_value(row);
    uint32_t n = 0, i;

    if (value->life != NULL && (what & PHUB__CARRIES_LIFE)) {
        if (all != NULL)
            all[n] = (struct said){ value->life->dot, row,
                                    PHUB__CARRIES_LIFE };
        n++;
    }
    if (value->home_dot.sequence != 0 && (what & PHUB__CARRIES_HOME)) {
        if (all != NULL)
            all[n] = (struct said){ value->home_dot, row,
                                    PHUB__CARRIES_HOME };
        n++;
    }
    for (i = 0; i < value->count && (what & PHUB__CARRIES_HALF); i++) {
        if (all != NULL)
            all[n] = (struct said){ value->halves[i]->dot, row,
                                    PHUB__CARRIES_HALF };
        n++;
    }
    return n;
}

/* What has the same dot is one entry. */
static uint32_t said_join(struct said *all, uint32_t count)
{
    uint32_t i, n = 0;

    qsort(all, count, sizeof(all[0]), said_order);
    for (i = 0; i < count; i++) {
        if (n > 0 && said_order(&all[i], &all[n - 1]) == 0)
            all[n - 1].carries |= all[i].carries;
        else
            all[n++] = all[i];
    }
    return n;
}

static void said_add(struct collector *c, struct said *all, uint32_t count)
{
    uint32_t i;

    count = said_join(all, count);
    for (i = 0; i < count && c->rc == 0 && !c->full; i++) {
        const struct phub__dot *dot = &all[i].dot;

        if ((i == 0 || dot->node != all[i - 1].dot.node ||
             dot->boot != all[i - 1].dot.boot) &&
            !piece_add(c, dot->node, dot->boot, 0, 0))
            return;
        (void)entry_add(c, &all[i]);
    }
}

static int rows_delta(struct phub__registry *registry,
                      const struct phub_bytes *ids, uint32_t count,
                      uint8_t what, struct phub__builder *out)
{
    struct collector c = { .size_max = PHUB__DELTA_SIZE_MAX };
    struct said *all;
    uint32_t i, n = 0;

    for (i = 0; i < count; i++) {
        const struct phub__row *row = phub__registry_row(registry, ids[i]);

        n += row == NULL ? 0 : row_said(row, what, NULL);
    }
    if (n == 0)
        return PHUB_EEMPTY;
    all = phub__malloc(n * sizeof(all[0]));
    if (all == NULL)
        return PHUB_ENOMEM;
    for (i = n = 0; i < count; i++) {
        const struct phub__row *row = phub__registry_row(registry, ids[i]);

        n += row == NULL ? 0 : row_said(row, what, &all[n]);
    }
    said_add(&c, all, n);
    phub__free(all);
    if (c.full && c.rc == 0)
        c.rc = PHUB_ELIMIT;
    if (c.rc != 0)
        c.pieces_count = 0;
    return collector_end(registry, &c, out);
}

int phub__registry_rows(struct phub__registry *registry,
                        const struct phub_bytes *ids, uint32_t count,
                        struct phub__builder *out)
{
    return rows_delta(registry, ids, count, UINT8_MAX, out);
}

int phub__registry_snapshot(struct phub__registry *registry,
                            struct phub_bytes id, struct phub__builder *out)
{
    struct phub__row_view view;

    if (phub__registry_get_any(registry, id, &view) != 0 || !view.durable)
        return PHUB_EEMPTY;
    return rows_delta(registry, &id, 1,
                      PHUB__CARRIES_LIFE | PHUB__CARRIES_HOME, out);
}

int phub__registry_known(const struct phub__registry *registry,
                         struct phub__builder *out)
{
    struct phub__wire_delta delta = { .pieces = { NULL, 0 } };
    uint64_t *known = NULL;
    int rc = phub__registry_nodes_known(registry, &known, &delta.known.count);

    if (rc != 0)
        return rc;
    delta.known.items = known;
    rc = phub__encode(&phub__delta_schema, &delta, out);
    phub__free(known);
    return rc;
}
