/* SPDX-License-Identifier: MIT */
/* stream: authors, what of them has been seen, and what of it is live.
 *
 * The hash of an author is the sum of a mix of (sequence, what it carries)
 * over its live entries, so it is the same in whatever order they came, and
 * costs O(1) per change.  Stops and GONE are left out of it: they are dropped
 * at different moments on different nodes. */
#include "config.h"

#include <string.h>

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
    phub__free(author);
}

void phub__authors_fini(struct phub__authors *authors)
{
    uint32_t i, j;

    for (i = 0; i < authors->count; i++) {
        struct phub__author *author = authors->at[i];

        for (j = 0; j < author->live.count; j++)
            phub__free(author->live.slots[j].ptr);
        author_free(author);
    }
    phub__free(authors->at);
    phub__series_fini(&authors->records);
    memset(authors, 0, sizeof *authors);
}

/* Index of the first author not before (node, boot). */
static uint32_t author_from(const struct phub__authors *authors, uint64_t node,
                            uint64_t boot)
{
    uint32_t low = 0, high = authors->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        const struct phub__author *author = authors->at[middle];

        if (author->node < node ||
            (author->node == node && author->boot < boot))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
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
    if (authors->count == authors->capacity) {
        uint32_t capacity = authors->capacity == 0 ? 4 : authors->capacity * 2;
        struct phub__author **all =
            phub__realloc(authors->at, capacity * sizeof(*all));

        if (all == NULL)
            return PHUB_ENOMEM;
        authors->at = all;
        authors->capacity = capacity;
    }
    made = phub__calloc(1, sizeof *made);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->node = node;
    made->boot = boot;
    memmove(&authors->at[at + 1], &authors->at[at],
            (authors->count - at) * sizeof(authors->at[0]));
    authors->at[at] = made;
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
    memmove(&authors->at[at], &authors->at[at + 1],
            (authors->count - at - 1) * sizeof(authors->at[0]));
    authors->count--;
    author_free(author);
}

bool phub__author_idle(const struct phub__authors *authors,
                       const struct phub__author *author)
{
    uint32_t at;

    if (author->live.live > 0)
        return false;
    if (author->over)
        return true;
    at = author_from(authors, author->node, author->boot) + 1;
    return at < authors->count && authors->at[at]->node == author->node;
}

/* --- entries ----------------------------------------------------------------- */

int phub__entry_prepare(struct phub__authors *authors,
                        struct phub__author *author, uint64_t sequence,
                        struct phub__row *row, struct phub__entry **entry)
{
    struct phub__entry *made;

    if (phub__series_reserve(&author->live) != 0 ||
        phub__series_reserve(&authors->records) != 0)
        return PHUB_ENOMEM;
    made = phub__calloc(1, sizeof *made);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->author = author;
    made->sequence = sequence;
    made->row = row;
    *entry = made;
    return 0;
}

/* Take what the entry says out of its author's sums (sign -1), or in (1). */
static void account(struct phub__entry *entry, int sign)
{
    uint8_t counted = (uint8_t)(entry->carries & ~entry->records);
    uint64_t term;

    if (counted == 0)
        return;
    term = mix(entry->sequence << 3 | counted);
    entry->author->hash += sign > 0 ? term : 0 - term;
    entry->author->count += sign > 0 ? 1 : UINT64_MAX;
}

void phub__entry_commit(struct phub__authors *authors,
                        struct phub__entry *entry, uint8_t carries,
                        uint8_t records)
{
    phub__assert(carries != 0);
    phub__assert((records & ~carries) == 0);
    entry->carries = carries;
    entry->records = records;
    account(entry, 1);
    if (records != 0) {
        entry->record_number = ++authors->record_last;
        phub__series_add(&authors->records, entry->record_number, entry);
    }
    phub__series_add(&entry->author->live, entry->sequence, entry);
    authors->entries++;
}

void phub__entry_extend(struct phub__authors *authors,
                        struct phub__entry *entry, uint8_t carries,
                        uint8_t records)
{
    phub__assert(entry->carries != 0);
    account(entry, -1);
    entry->carries |= carries;
    entry->records |= records;
    account(entry, 1);
    if (entry->records != 0 && entry->record_number == 0) {
        entry->record_number = ++authors->record_last;
        phub__series_add(&authors->records, entry->record_number, entry);
    }
}

void phub__entry_strip(struct phub__authors *authors,
                       struct phub__entry *entry, uint8_t what)
{
    phub__assert((what & ~entry->carries) == 0);
    account(entry, -1);
    entry->carries = (uint8_t)(entry->carries & ~what);
    entry->records = (uint8_t)(entry->records & ~what);
    if (entry->records == 0 && entry->record_number != 0) {
        phub__series_remove(&authors->records, entry->record_number);
        entry->record_number = 0;
    }
    if (entry->carries != 0) {
        account(entry, 1);
        return;
    }
    phub__series_remove(&entry->author->live, entry->sequence);
    authors->entries--;
    phub__free(entry);
}
