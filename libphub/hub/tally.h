/* SPDX-License-Identifier: MIT */
/* tally: what a strategy counts, by name, for phub status.  Thread: the
 * hub's. */
#ifndef PHUB__HUB_TALLY_H
#define PHUB__HUB_TALLY_H

#include <stdint.h>

#define PHUB__TALLY_MAX 64u        /* names of one strategy */
#define PHUB__TALLY_NAME_MAX 47u   /* bytes, printable ASCII */

struct phub__tally {
    uint32_t count;
    struct phub__tally_entry {
        char name[PHUB__TALLY_NAME_MAX + 1];
        uint64_t value;
    } entries[PHUB__TALLY_MAX];
};

/* Add n to name.  A name that is not allowed, or one too many, counts
 * nothing. */
void phub__tally_add(struct phub__tally *tally, const char *name, uint64_t n);
/* 0 if it was never added to. */
uint64_t phub__tally_get(const struct phub__tally *tally, const char *name);

#endif
