/* SPDX-License-Identifier: MIT */
/* ranges: a set of numbers as sorted ranges that do not touch.
 *
 * What is seen of a stream is one range from 1, nearly always, and lies in the
 * set itself; messages that overtake each other make a few more, which melt
 * together again.  An author that died with a part of its stream leaves gaps
 * for ever, which cost 16 bytes each. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "registry/ranges.h"
#include "wire/assert.h"
#include "wire/memory.h"

void phub__ranges_fini(struct phub__ranges *set)
{
    if (set->capacity != 0)
        phub__free(set->in.many);
    memset(set, 0, sizeof *set);
}

/* Index of the first range whose hi is at least number. */
static uint32_t find(const struct phub__ranges *set, uint64_t number)
{
    const struct phub__range *ranges = phub__ranges_at(set);
    uint32_t low = 0, high = set->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ranges[middle].hi < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool phub__ranges_has(const struct phub__ranges *set, uint64_t number)
{
    uint32_t i = find(set, number);

    return i < set->count && phub__ranges_at(set)[i].lo <= number;
}

static struct phub__range *ranges_of(struct phub__ranges *set)
{
    return set->capacity == 0 ? &set->in.one : set->in.many;
}

static int grow(struct phub__ranges *set)
{
    uint32_t capacity = set->capacity == 0 ? 1 : set->capacity;
    struct phub__range *many;

    if (set->count < capacity)
        return 0;
    many = phub__malloc((size_t)capacity * 2 * sizeof *many);
    if (many == NULL)
        return PHUB_ENOMEM;
    memcpy(many, ranges_of(set), set->count * sizeof *many);
    if (set->capacity != 0)
        phub__free(set->in.many);
    set->in.many = many;
    set->capacity = capacity * 2;
    return 0;
}

int phub__ranges_add(struct phub__ranges *set, uint64_t lo, uint64_t hi,
                     uint32_t count_max)
{
    struct phub__range *at = ranges_of(set);
    uint32_t first, last;

    phub__assert(lo >= 1);
    phub__assert(lo <= hi);
    first = find(set, lo - 1);
    last = first;
    while (last < set->count && at[last].lo - 1 <= hi)
        last++;
    if (first == last) {
        if (set->count >= count_max)
            return PHUB_ELIMIT;
        if (grow(set) != 0)
            return PHUB_ENOMEM;
        at = ranges_of(set);
        memmove(&at[first + 1], &at[first],
                (set->count - first) * sizeof *at);
        at[first].lo = lo;
        at[first].hi = hi;
        set->count++;
        return 0;
    }
    if (at[first].lo < lo)
        lo = at[first].lo;
    if (at[last - 1].hi > hi)
        hi = at[last - 1].hi;
    at[first].lo = lo;
    at[first].hi = hi;
    memmove(&at[first + 1], &at[last],
            (set->count - last) * sizeof *at);
    set->count -= last - first - 1;
    return 0;
}

bool phub__ranges_covers(const struct phub__ranges *set,
                         const struct phub__ranges *part)
{
    struct phub__range missing;

    return !phub__ranges_missing(part, set, 0, &missing);
}

bool phub__ranges_equal(const struct phub__ranges *a,
                        const struct phub__ranges *b)
{
    return a->count == b->count &&
           (a->count == 0 ||
            memcmp(phub__ranges_at(a), phub__ranges_at(b),
                   a->count * sizeof(struct phub__range)) == 0);
}

int phub__ranges_unite(struct phub__ranges *set,
                       const struct phub__ranges *other)
{
    const struct phub__range *at = phub__ranges_at(other);
    uint32_t i;
    int rc;

    for (i = 0; i < other->count; i++) {
        rc = phub__ranges_add(set, at[i].lo, at[i].hi, UINT32_MAX);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool phub__ranges_missing(const struct phub__ranges *set,
                          const struct phub__ranges *other, uint64_t after,
                          struct phub__range *missing)
{
    const struct phub__range *ours = phub__ranges_at(set);
    const struct phub__range *theirs = phub__ranges_at(other);
    uint64_t at = after + 1;
    uint32_t i, j;

    for (i = find(set, at); i < set->count; i++) {
        if (at < ours[i].lo)
            at = ours[i].lo;
        for (j = find(other, at); j < other->count; j++) {
            if (theirs[j].lo > at)
                break;
            at = theirs[j].hi + 1;
        }
        if (at > ours[i].hi || at == 0)
            continue;
        missing->lo = at;
        missing->hi = ours[i].hi;
        if (j < other->count && theirs[j].lo <= missing->hi)
            missing->hi = theirs[j].lo - 1;
        return true;
    }
    return false;
}

uint64_t phub__ranges_max(const struct phub__ranges *set)
{
    return set->count == 0 ? 0 : phub__ranges_at(set)[set->count - 1].hi;
}

uint64_t phub__ranges_prefix(const struct phub__ranges *set)
{
    const struct phub__range *first = phub__ranges_at(set);

    return set->count == 0 || first->lo != 1 ? 0 : first->hi;
}
