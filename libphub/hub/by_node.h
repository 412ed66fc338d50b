/* SPDX-License-Identifier: MIT */
/* by_node: where one belongs in an array that is sorted by node. */
#ifndef PHUB__HUB_BY_NODE_H
#define PHUB__HUB_BY_NODE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* The index of the first of count structs, of size bytes, each of which begins
 * with its uint64_t node, that is not below node; count: there is none. */
static inline uint32_t phub__by_node(const void *all, uint32_t count,
                                     size_t size, uint64_t node)
{
    const unsigned char *bytes = all;
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        uint64_t one;

        memcpy(&one, bytes + middle * size, sizeof one);
        if (one < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

#endif
