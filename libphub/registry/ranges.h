/* SPDX-License-Identifier: MIT */
/* ranges: a set of numbers as sorted ranges that do not touch. */
#ifndef PHUB__REGISTRY_RANGES_H
#define PHUB__REGISTRY_RANGES_H

#include <stdbool.h>
#include <stdint.h>

struct phub__range {
    uint64_t lo;
    uint64_t hi;    /* in it */
};

/* All zero is empty. */
struct phub__ranges {
    union {
        struct phub__range one;
        struct phub__range *many;
    } in;
    uint32_t count;
    uint32_t capacity;   /* of many; 0: one */
};

static inline const struct phub__range *
phub__ranges_at(const struct phub__ranges *set)
{
    return set->capacity == 0 ? &set->in.one : set->in.many;
}

/* A set that borrows count ranges, not to be changed. */
static inline struct phub__ranges phub__ranges_borrow(void *ranges,
                                                      uint32_t count)
{
    return (struct phub__ranges){ .in = { .many = ranges }, .count = count,
                                  .capacity = count };
}

void phub__ranges_fini(struct phub__ranges *set);
bool phub__ranges_has(const struct phub__ranges *set, uint64_t number);
/* Add lo to hi.  PHUB_ELIMIT if there would be more than count_max ranges;
 * PHUB_ENOMEM; nothing has changed then. */
int phub__ranges_add(struct phub__ranges *set, uint64_t lo, uint64_t hi,
                     uint32_t count_max);
/* Is every number of part in set? */
bool phub__ranges_covers(const struct phub__ranges *set,
                         const struct phub__ranges *part);
bool phub__ranges_equal(const struct phub__ranges *a,
                        const struct phub__ranges *b);
/* Add all of other.  PHUB_ENOMEM: some of it has been added. */
int phub__ranges_unite(struct phub__ranges *set,
                       const struct phub__ranges *other);
/* The first range above after that is in set and not in other: false if there
 * is none. */
bool phub__ranges_missing(const struct phub__ranges *set,
                          const struct phub__ranges *other, uint64_t after,
                          struct phub__range *missing);
/* The highest number, 0 if empty. */
uint64_t phub__ranges_max(const struct phub__ranges *set);
/* All numbers from 1 to this are in it. */
uint64_t phub__ranges_prefix(const struct phub__ranges *set);

#endif
