/* SPDX-License-Identifier: MIT */
/* apply: merging a delta.
 *
 * Everything in it comes from outside: what does not hold is refused.  A range
 * is noted as seen only after all its entries have been merged, so whatever
 * goes wrong on the way is brought again by the next comparison; merging twice
 * does no harm. */
#include "config.h"

#include <string.h>

#include "registry/delta.h"
#include "registry/internal.h"

#define AHEAD 16u   /* entries whose rows are fetched at once */

static int contents_decode(const struct phub__wire_entry *wire,
                           struct phub__arena *arena,
                           struct phub__contents *contents)
{
    int rc = 0;

    memset(contents, 0, sizeof *contents);
    if (!phub__row_id_ok(wire->id))
        return PHUB_EPROTO;
    contents->life_bytes = wire->life;
    contents->half_bytes = wire->half;
    contents->home = wire->home;
    contents->home.seats = NULL;
    contents->replicas = wire->replicas;
    if (wire->life.size > 0)
        rc = phub__life_decode(wire->life, arena, &contents->life);
    if (rc == 0 && wire->half.size > 0)
        rc = phub__half_decode(wire->half, arena, &contents->half);
    if (rc != 0)
        return rc;
    if (wire->id.data[0] == 1 &&
        (wire->half.size > 0 || wire->home.incarnation.number != 0 ||
         contents->life.stopped))
        return PHUB_EPROTO;
    if (!phub__replicas_ok(wire->home.node, &wire->replicas))
        return PHUB_EPROTO;
    if (wire->life.size == 0 && wire->half.size == 0 &&
        wire->home.incarnation.number == 0)
        return PHUB_EPROTO;
    return 0;
}

static bool stable_ok(const struct phub__wire_piece *piece)
{
    const uint64_t *numbers = piece->stable.items;
    uint32_t i;

    if (piece->stable.count % 2 != 0)
        return false;
    for (i = 0; i < piece->stable.count; i++) {
        if (numbers[i] == 0 || numbers[i] > PHUB__SEQUENCE_MAX ||
            (i > 0 && numbers[i] < numbers[i - 1]))
            return false;
    }
    return true;
}

/* Numbers ascend, and lie in the range if there is one. */
static bool piece_ok(const struct phub__registry *registry,
                     const struct phub__wire_piece *piece)
{
    const struct phub__wire_entry *entries = piece->entries.items;
    uint64_t last = piece->from;
    uint64_t hi = piece->to == 0 ? PHUB__SEQUENCE_MAX : piece->to;
    uint32_t i;

    if (piece->node == 0 || piece->boot == 0 ||
        piece->to > PHUB__SEQUENCE_MAX ||
        (piece->to == 0 ? piece->from != 0 : piece->from >= piece->to) ||
        !stable_ok(piece))
        return false;
    for (i = 0; i < piece->entries.count; i++) {
        if (entries[i].sequence <= last || entries[i].sequence > hi)
            return false;
        last = entries[i].sequence;
    }
    if (piece->node != registry->node || piece->boot < registry->boot)
        return true;
    /* Nobody knows more of our own stream than we do. */
    return piece->boot == registry->boot &&
           last <= phub__registry_head(registry) &&
           piece->to <= phub__registry_head(registry);
}

/* In a repair, does the sender know for certain that what it does not list of
 * this number is dead? */
static bool piece_stable(const struct phub__wire_piece *piece,
                         uint64_t sequence)
{
    struct phub__ranges stable =
        phub__ranges_borrow(piece->stable.items, piece->stable.count / 2);

    return phub__ranges_has(&stable, sequence);
}

static uint8_t wire_carries(const struct phub__wire_entry *wire)
{
    return (uint8_t)((wire->life.size > 0 ? PHUB__CARRIES_LIFE : 0) |
                     (wire->home.incarnation.number != 0
                          ? PHUB__CARRIES_HOME : 0) |
                     (wire->half.size > 0 ? PHUB__CARRIES_HALF : 0));
}

/* Drop what is live here, not there, and known there to be dead. */
static int repair_drop(struct phub__registry *registry,
                       struct phub__author *author,
                       const struct phub__wire_piece *piece)
{
    const struct phub__wire_entry *entries = piece->entries.items;
    uint64_t sequence = piece->from;
    uint32_t i = 0;
    int rc = 0;

    while (rc == 0) {
        uint32_t at = phub__entry_from(author, sequence + 1);
        struct phub__entry entry;
        uint8_t dead;

        if (at == author->live.count ||
            phub__entry_sequence(author, at) > piece->to)
            break;
        sequence = phub__entry_sequence(author, at);
        while (i < piece->entries.count && entries[i].sequence < sequence)
            i++;
        if (!phub__entry_find(author, sequence, &entry) ||
            !piece_stable(piece, sequence))
            continue;
        dead = entry.carries;
        if (i < piece->entries.count && entries[i].sequence == sequence)
            dead &= (uint8_t)~wire_carries(&entries[i]);
        if (dead != 0)
            rc = phub__registry_drop(registry, &entry, dead);
    }
    return rc;
}

static int entry_apply(struct phub__registry *registry,
                       struct phub__author *author,
                       const struct phub__wire_entry *wire, bool repair,
                       struct phub__arena *arena)
{
    /* Seen and not live is dead; in a repair only if that is certain. */
    const struct phub__ranges *known = repair ? &author->stable
                                              : &author->seen;
    struct phub__contents contents;
    int rc;

    if (phub__ranges_has(known, wire->sequence)) {
        registry->entries_ignored++;
        return 0;
    }
    phub__arena_reset(arena);
    rc = contents_decode(wire, arena, &contents);
    if (rc == 0 && wire->half.size > 0 && author->over)
        contents.half_bytes = PHUB_BYTES_NONE;
    if (rc == 0)
        rc = phub__registry_merge(registry, author, wire->sequence, wire->id,
                                  &contents, false);
    if (rc == 0)
        registry->entries_applied++;
    return rc;
}

static int seen_add(struct phub__author *author,
                    const struct phub__wire_piece *piece)
{
    const struct phub__wire_entry *entries = piece->entries.items;
    int rc = 0;
    uint32_t i;

    if (piece->to != 0)
        return phub__ranges_add(&author->seen, piece->from + 1, piece->to,
                                PHUB__DOTS_MAX);
    for (i = 0; i < piece->entries.count && rc == 0; i++)
        rc = phub__ranges_add(&author->seen, entries[i].sequence,
                              entries[i].sequence, PHUB__DOTS_MAX);
    return rc;
}

static int author_for(struct phub__registry *registry,
                      const struct phub__wire_piece *piece,
                      struct phub__author **author)
{
    int rc = 0;

    *author = phub__author_find(&registry->authors, piece->node, piece->boot);
    if (*author != NULL)
        return 0;
    if (phub__index_node(&registry->index, piece->node) == NULL)
        rc = phub__registry_node_seen(registry, piece->node);
    if (rc == 0)
        rc = phub__author_get(&registry->authors, piece->node, piece->boot,
                              author);
    if (rc == 0)
        (*author)->over = phub__registry_is_forgotten(registry, piece->node);
    return rc;
}

/* A registry is larger than any cache, and entries come in bundles. */
static void look_ahead(const struct phub__registry *registry,
                       const struct phub__wire_entry *entries, uint32_t count)
{
    uint64_t hashes[AHEAD];
    uint32_t i;

    count = count < AHEAD ? count : AHEAD;
    for (i = 0; i < count; i++)
        hashes[i] = phub__table_hash(entries[i].id);
    phub__table_ahead(&registry->table, hashes, count);
}

static int piece_apply(struct phub__registry *registry,
                       const struct phub__wire_piece *piece,
                       struct phub__arena *arena, bool *gap)
{
    const struct phub__wire_entry *entries = piece->entries.items;
    struct phub__author *author;
    uint32_t i;
    int rc;

    if (!piece_ok(registry, piece))
        return PHUB_EPROTO;
    rc = author_for(registry, piece, &author);
    if (rc != 0)
        return rc;
    for (i = 0; i < piece->entries.count; i++) {
        int one;

        if (i % AHEAD == 0 && i + 1 < piece->entries.count)
            look_ahead(registry, &entries[i], piece->entries.count - i);
        one = entry_apply(registry, author, &entries[i],
                          piece->repair, arena);

        if (one == PHUB_EPROTO || one == PHUB_ENOMEM)
            return one;
        if (one != 0)
            rc = one;  /* no room for this row; others may be known here */
    }
    if (rc != 0)
        return rc;
    if (piece->repair)
        rc = repair_drop(registry, author, piece);
    if (rc != 0)
        return rc;
    if (piece->from != 0 && !phub__ranges_has(&author->seen, piece->from))
        *gap = true;
    phub__author_changed(&registry->authors, author);
    return seen_add(author, piece);
}

int phub__registry_apply(struct phub__registry *registry,
                         struct phub_bytes bytes)
{
    uint64_t first[512];
    struct phub__arena arena, scratch;
    struct phub__wire_delta delta;
    const struct phub__wire_piece *pieces;
    bool gap = false;
    uint32_t i;
    int rc, failed = 0;

    phub__arena_init(&arena, NULL, 0, PHUB__DELTA_ARENA_MAX);
    rc = phub__decode(&phub__delta_schema, bytes, &delta, &arena, NULL);
    if (rc != 0) {
        phub__arena_fini(&arena);
        return rc;
    }
    phub__arena_init(&scratch, first, sizeof first, PHUB__LIFE_SIZE_MAX);
    phub__registry_begin(registry);
    if (phub__registry_nodes_heard(registry, &delta.known) != 0)
        failed = PHUB_EPROTO;
    pieces = delta.pieces.items;
    for (i = 0; i < delta.pieces.count; i++) {
        rc = piece_apply(registry, &pieces[i], &scratch, &gap);
        if (rc != 0)
            failed = rc;
        if (rc == PHUB_EPROTO || rc == PHUB_ENOMEM)
            break;
    }
    phub__registry_end(registry);
    phub__arena_fini(&scratch);
    phub__arena_fini(&arena);
    if (failed != 0)
        return failed;
    return gap ? PHUB_EAGAIN : 0;
}
