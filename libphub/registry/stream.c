/* SPDX-License-Identifier: MIT */
/* stream: authors, what of them has been seen, and what of it is live.
 *
 * The hash of an author is the sum of a mix of (sequence, what it carries)
 * over its live entries, so it is the same in whatever order they came, and
 * costs O(1) per change.  Stops and GONE are left out of it: they are dropped
 * at different moments on different nodes.
 *
 * The digest of all is a sum, too, of a part for each author.  Whoever changes
 * one puts it into a list, and when the digest is asked for, the parts of those
 * in the list are found anew: a hub of a thousand has thousands of authors, and
 * few of them write between two questions. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "registry/stream.h"
#include "wire/assert.h"
#include "wire/memory.h"

/* Finalizer of MurmurHash3 (Appleby, public domain). */
static uint64_t mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ x >> 33;
}

/* --- the digest ------------------------------------------------------------- */

/* An author that is none: the end of the list of those that changed. */
static struct phub__author changed_end;

void phub__author_changed(struct phub__authors *authors,
                          struct phub__author *author)
{
    if (author->changed_next != NULL)
        return;
    author->changed_next = authors->changed != NULL ? authors->changed
                                                    : &changed_end;
    authors->changed = author;
}

static void unchanged(struct phub__authors *authors,
                      struct phub__author *author)
{
    struct phub__author **at = &authors->changed;

    if (author->changed_next == NULL)
        return;
    while (*at != author)
        at = &(*at)->changed_next;
    *at = author->changed_next;
    if (authors->changed == &changed_end)
        authors->changed = NULL;
    author->changed_next = NULL;
}

static uint64_t part_of(const struct phub__author *author)
{
    uint64_t words[5] = { author->node, author->boot, author->count,
                          author->hash, 0 };

    if (author->seen.count > 0)
        words[4] = XXH3_64bits(phub__ranges_at(&author->seen),
                               author->seen.count *
                               sizeof(struct phub__range));
    return XXH3_64bits(words, sizeof words);
}

uint64_t phub__authors_digest(struct phub__authors *authors)
{
    struct phub__author *author;

    while ((author = authors->changed) != NULL) {
        bool later = phub__author_later(authors, author->node,
                                        author->boot) != NULL;

        unchanged(authors, author);
        authors->digest -= author->digest;
        author->digest = author->live.live > 0 ||
                         (!later && author->seen.count > 0)
            ? part_of(author) : 0;
        authors->digest += author->digest;
    }
    return authors->digest;
}

/* --- authors --------------------------------------------------------------- */

static void author_free(struct phub__author *author)
{
    phub__ranges_fini(&author->seen);
    phub__ranges_fini(&author->target);
    phub__ranges_fini(&author->previous);
    phub__ranges_fini(&author->collected);
    phub__ranges_fini(&author->stable);
    phub__ranges_fini(&author->settled);
    phub__ranges_fini(&author->kept);
    phub__ranges_fini(&author->keeping);
    phub__series_fini(&author->live);
    phub__series_fini(&author->records);
    phub__free(author);
}

void phub__authors_fini(struct phub__authors *authors)
{
    uint32_t i;

    for (i = 0; i < authors->count; i++)
        author_free(authors->at[i]);
    phub__free(authors->at);
    phub__free(authors->nodes);
    memset(authors, 0, sizeof *authors);
}

/* Index of the first author not before (node, boot).  The boots of a node that
 * something is still known of are few. */
static uint32_t author_from(const struct phub__authors *authors, uint64_t node,
                            uint64_t boot)
{
    uint32_t low = 0, high = authors->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (authors->nodes[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    while (low < authors->count && authors->nodes[low] == node &&
           authors->at[low]->boot < boot)
        low++;
    return low;
}

/* An author comes or goes behind the one at that index: that has a later boot
 * now, or has none any more. */
static void earlier_changed(struct phub__authors *authors, uint32_t at,
                            uint64_t node)
{
    if (at > 0 && authors->nodes[at - 1] == node)
        phub__author_changed(authors, authors->at[at - 1]);
}

/* Room for one more. */
static int authors_grow(struct phub__authors *authors)
{
    uint32_t capacity = authors->capacity == 0 ? 4 : authors->capacity * 2;
    struct phub__author **all;
    uint64_t *nodes;

    if (authors->count < authors->capacity)
        return 0;
    all = phub__realloc(authors->at, capacity * sizeof(*all));
    if (all == NULL)
        return PHUB_ENOMEM;
    authors->at = all;
    nodes = phub__realloc(authors->nodes, capacity * sizeof(*nodes));
    if (nodes == NULL)
        return PHUB_ENOMEM;
    authors->nodes = nodes;
    authors->capacity = capacity;
    return 0;
}

struct phub__author *phub__author_find(const struct phub__authors *authors,
                                       uint64_t node, uint64_t boot)
{
    uint32_t at = author_from(authors, node, boot);

    if (at == authors->count || authors->at[at]->node != node ||
        authors->at[at]->boot != boot)
        return NULL;
    return authors->at[at];
}

struct phub__author *phub__author_later(const struct phub__authors *authors,
                                        uint64_t node, uint64_t boot)
{
    uint32_t at = author_from(authors, node, boot);

    if (at < authors->count && authors->at[at]->node == node &&
        authors->at[at]->boot == boot)
        at++;
    return at < authors->count && authors->at[at]->node == node
        ? authors->at[at] : NULL;
}

bool phub__author_earlier_live(const struct phub__authors *authors,
                               uint64_t node, uint64_t boot)
{
    uint32_t at = author_from(authors, node, 0);

    for (; at < authors->count && authors->nodes[at] == node &&
           authors->at[at]->boot < boot; at++)
        if (authors->at[at]->live.live > 0)
            return true;
    return false;
}

int phub__author_get(struct phub__authors *authors, uint64_t node,
                     uint64_t boot, struct phub__author **author)
{
    uint32_t at = author_from(authors, node, boot);
    struct phub__author *made;

    if (at < authors->count && authors->at[at]->node == node &&
        authors->at[at]->boot == boot) {
        *author = authors->at[at];
        return 0;
    }
    if (authors->count == PHUB__AUTHORS_MAX)
        return PHUB_ELIMIT;
    if (authors_grow(authors) != 0)
        return PHUB_ENOMEM;
    made = phub__calloc(1, sizeof *made);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->node = node;
    made->boot = boot;
    memmove(&authors->at[at + 1], &authors->at[at],
            (authors->count - at) * sizeof(authors->at[0]));
    memmove(&authors->nodes[at + 1], &authors->nodes[at],
            (authors->count - at) * sizeof(authors->nodes[0]));
    earlier_changed(authors, at, node);
    authors->at[at] = made;
    authors->nodes[at] = node;
    authors->count++;
    *author = made;
    return 0;
}

void phub__author_drop(struct phub__authors *authors,
                       struct phub__author *author)
{
    uint32_t at = author_from(authors, author->node, author->boot);

    phub__assert(at < authors->count && authors->at[at] == author);
    phub__assert(author->live.live == 0);
    earlier_changed(authors, at, author->node);
    unchanged(authors, author);
    authors->digest -= author->digest;
    memmove(&authors->at[at], &authors->at[at + 1],
            (authors->count - at - 1) * sizeof(authors->at[0]));
    memmove(&authors->nodes[at], &authors->nodes[at + 1],
            (authors->count - at - 1) * sizeof(authors->nodes[0]));
    authors->count--;
    author_free(author);
}

bool phub__author_idle_at(const struct phub__authors *authors, uint32_t at)
{
    const struct phub__author *author = authors->at[at];

    return author->live.live == 0 &&
           (author->over || (at + 1 < authors->count &&
                             authors->at[at + 1]->node == author->node));
}

bool phub__author_idle(const struct phub__authors *authors,
                       const struct phub__author *author)
{
    return author->live.live == 0 &&
           phub__author_idle_at(authors, author_from(authors, author->node,
                                                     author->boot));
}

/* --- entries ----------------------------------------------------------------- */

#define CARRIES_BITS 3u
#define CARRIES_MASK ((1u << CARRIES_BITS) - 1)

static uint64_t entry_number(const struct phub__entry *entry)
{
    return entry->sequence << PHUB__ENTRY_BITS |
           (uint64_t)entry->records << CARRIES_BITS | entry->carries;
}

bool phub__entry_at(struct phub__author *author, uint32_t at,
                    struct phub__entry *entry)
{
    const struct phub__series_slot *slot = &author->live.slots[at];

    if (slot->ptr == NULL)
        return false;
    *entry = (struct phub__entry){
        .author = author, .sequence = slot->number >> PHUB__ENTRY_BITS,
        .row = slot->ptr, .carries = slot->number & CARRIES_MASK,
        .records = slot->number >> CARRIES_BITS & CARRIES_MASK };
    return true;
}

/* Its slot, and what that says; author->live.count if it is not live. */
static uint32_t entry_slot(struct phub__author *author, uint64_t sequence,
                           struct phub__entry *entry)
{
    uint32_t at = phub__entry_from(author, sequence);

    /* There may be holes of it, left behind when it carried other things. */
    for (; at < author->live.count &&
           phub__entry_sequence(author, at) == sequence; at++)
        if (phub__entry_at(author, at, entry))
            return at;
    return author->live.count;
}

bool phub__entry_find(struct phub__author *author, uint64_t sequence,
                      struct phub__entry *entry)
{
    return entry_slot(author, sequence, entry) != author->live.count;
}

bool phub__record_next(const struct phub__authors *authors,
                       struct phub__dot *cursor, struct phub__entry *entry)
{
    uint32_t i = author_from(authors, cursor->node, cursor->boot);

    for (; i < authors->count; i++) {
        struct phub__author *author = authors->at[i];
        const struct phub__series *records = &author->records;
        uint32_t at;

        if (author->node != cursor->node || author->boot != cursor->boot)
            *cursor = (struct phub__dot){ author->node, author->boot, 0 };
        at = phub__series_from(records, cursor->sequence + 1);
        while (at < records->count && records->slots[at].ptr == NULL)
            at++;
        if (at == records->count)
            continue;
        cursor->sequence = records->slots[at].number;
        phub__assert(phub__entry_find(author, cursor->sequence, entry));
        return true;
    }
    return false;
}

int phub__entry_prepare(struct phub__author *author, bool record)
{
    if (phub__series_reserve(&author->live) != 0 ||
        (record && phub__series_reserve(&author->records) != 0))
        return PHUB_ENOMEM;
    return 0;
}

/* Take what the entry says out of its author's sums (sign -1), or in (1). */
static void account(const struct phub__entry *entry, int sign)
{
    uint8_t counted = (uint8_t)(entry->carries & ~entry->records);
    uint64_t term;

    if (counted == 0)
        return;
    term = mix(entry->sequence << 3 | counted);
    entry->author->hash += sign > 0 ? term : 0 - term;
    entry->author->count += sign > 0 ? 1 : UINT64_MAX;
}

/* It is a record now, or is none any more. */
static void record_update(struct phub__authors *authors,
                          const struct phub__entry *old,
                          const struct phub__entry *next)
{
    struct phub__author *author = next->author;

    if (old->records == 0 && next->records != 0) {
        phub__series_add(&author->records, next->sequence, next->row);
        authors->records++;
    } else if (old->records != 0 && next->records == 0) {
        phub__series_remove(&author->records, next->sequence);
        authors->records--;
    }
}

void phub__entry_commit(struct phub__authors *authors,
                        const struct phub__entry *entry)
{
    struct phub__author *author = entry->author;
    struct phub__entry old = { .author = author }, next = *entry;
    uint32_t at = entry_slot(author, entry->sequence, &old);

    phub__assert(entry->carries != 0);
    phub__assert((entry->records & ~entry->carries) == 0);
    phub__author_changed(authors, author);
    account(&old, -1);
    next.carries |= old.carries;
    next.records |= old.records;
    account(&next, 1);
    record_update(authors, &old, &next);
    if (old.carries != 0) {
        author->live.slots[at].number = entry_number(&next);
        return;
    }
    phub__series_add(&author->live, entry_number(&next), next.row);
    authors->entries++;
}

void phub__entry_strip(struct phub__authors *authors, struct phub__dot dot,
                       uint8_t what)
{
    struct phub__author *author = phub__author_find(authors, dot.node,
                                                    dot.boot);
    struct phub__entry old, next;
    uint32_t at;

    phub__assert(author != NULL);
    at = entry_slot(author, dot.sequence, &old);
    phub__assert(at < author->live.count);
    phub__assert((what & ~old.carries) == 0);
    phub__author_changed(authors, author);
    next = old;
    next.carries = (uint8_t)(old.carries & ~what);
    next.records = (uint8_t)(old.records & ~what);
    account(&old, -1);
    account(&next, 1);
    record_update(authors, &old, &next);
    if (next.carries != 0) {
        author->live.slots[at].number = entry_number(&next);
        return;
    }
    phub__series_remove_at(&author->live, at);
    authors->entries--;
}
