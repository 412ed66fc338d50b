/* SPDX-License-Identifier: MIT */
/* series: pointers under ascending numbers.
 *
 * A sorted array; what is removed leaves a hole until a quarter is holes.
 * Adding at the end is O(1), finding O(log n), and a cursor is a number, so
 * walking it bit by bit survives any change between two bits. */
#ifndef PHUB__REGISTRY_SERIES_H
#define PHUB__REGISTRY_SERIES_H

#include <stdint.h>

struct phub__series_slot {
    uint64_t number;
    void *ptr;           /* NULL: a hole */
};

struct phub__series {
    struct phub__series_slot *slots;
    uint32_t count;      /* holes too */
    uint32_t live;
    uint32_t capacity;
};

void phub__series_fini(struct phub__series *series);
/* Make room, so that the next add cannot fail.  PHUB_ENOMEM. */
int phub__series_reserve(struct phub__series *series);
/* There is room, and no pointer under number yet. */
void phub__series_add(struct phub__series *series, uint64_t number, void *ptr);
/* NULL if there is none. */
void *phub__series_find(const struct phub__series *series, uint64_t number);
/* It is there. */
void phub__series_remove(struct phub__series *series, uint64_t number);
/* The same of a slot that is no hole. */
void phub__series_remove_at(struct phub__series *series, uint32_t at);
/* Index of the first slot (may be a hole) whose number is at least number. */
uint32_t phub__series_from(const struct phub__series *series, uint64_t number);

#endif
