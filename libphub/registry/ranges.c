/* SPDX-License-Identifier: MIT */
/* ranges: a set of numbers as sorted ranges that do not touch.
 *
 * What is seen of a stream is one range from 1, nearly always; messages that
 * overtake each other make a few more, which melt together again.  An author
 * that died with a part of its stream leaves gaps for ever, which cost 16
 * bytes each. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "registry/ranges.h"
#include "wire/assert.h"
#include "wire/memory.h"

void phub__ranges_fini(struct phub__ranges *set)
{
    phub__free(set->at);
    memset(set, 0, sizeof *set);
}

/* Index of the first range whose hi is at least number. */
static uint32_t find(const struct phub__ranges *set, uint64_t number)
{
    uint32_t low = 0, high = set->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (set->at[middle].hi < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool phub__ranges_has(const struct phub__ranges *set, uint64_t number)
{
    uint32_t i = find(set, number);

    return i < set->count && set->at[i].lo <= number;
}

static int grow(struct phub__ranges *set)
{
    uint32_t capacity = set->capacity == 0 ? 1 : set->capacity * 2;
    struct phub__range *at;

    if (set->count < set->capacity)
        return 0;
    at = phub__realloc(set->at, (size_t)capacity * sizeof *at);
    if (at == NULL)
        return PHUB_ENOMEM;
    set->at = at;
    set->capacity = capacity;
    return 0;
}

int phub__ranges_add(struct phub__ranges *set, uint64_t lo, uint64_t hi,
                     uint32_t count_max)
{
    uint32_t first, last;

    phub__assert(lo >= 1);
    phub__assert(lo <= hi);
    first = find(set, lo - 1);
    last = first;
    while (last < set->count && set->at[last].lo - 1 <= hi)
        last++;
    if (first == last) {
        if (set->count >= count_max)
            return PHUB_ELIMIT;
        if (grow(set) != 0)
            return PHUB_ENOMEM;
        memmove(&set->at[first + 1], &set->at[first],
                (set->count - first) * sizeof *set->at);
        set->at[first].lo = lo;
        set->at[first].hi = hi;
        set->count++;
        return 0;
    }
    if (set->at[first].lo < lo)
        lo = set->at[first].lo;
    if (set->at[last - 1].hi > hi)
        hi = set->at[last - 1].hi;
    set->at[first].lo = lo;
    set->at[first].hi = hi;
    memmove(&set->at[first + 1], &set->at[last],
            (set->count - last) * sizeof *set->at);
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
            memcmp(a->at, b->at, a->count * sizeof *a->at) == 0);
}

int phub__ranges_unite(struct phub__ranges *set,
                       const struct phub__ranges *other)
{
    uint32_t i;
    int rc;

    for (i = 0; i < other->count; i++) {
        rc = phub__ranges_add(set, other->at[i].lo, other->at[i].hi,
                              UINT32_MAX);
        if (rc != 0)
            return rc;
    }
    return 0;
}

bool phub__ranges_missing(const struct phub__ranges *set,
                          const struct phub__ranges *other, uint64_t after,
                          struct phub__range *missing)
{
    uint64_t at = after + 1;
    uint32_t i, j;

    for (i = find(set, at); i < set->count; i++) {
        if (at < set->at[i].lo)
            at = set->at[i].lo;
        for (j = find(other, at); j < other->count; j++) {
            if (other->at[j].lo > at)
                break;
            at = other->at[j].hi + 1;
        }
        if (at > set->at[i].hi || at == 0)
            continue;
        missing->lo = at;
        missing->hi = set->at[i].hi;
        if (j < other->count && other->at[j].lo <= missing->hi)
            missing->hi = other->at[j].lo - 1;
        return true;
    }
    return false;
}

uint64_t phub__ranges_max(const struct phub__ranges *set)
{
    return set->count == 0 ? 0 : set->at[set->count - 1].hi;
}

uint64_t phub__ranges_prefix(const struct phub__ranges *set)
{
    return set->count == 0 || set->at[0].lo != 1 ? 0 : set->at[0].hi;
}
