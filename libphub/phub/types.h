/* SPDX-License-Identifier: MIT */
/* types: the few types that cross every boundary of phub.
 *
 * Words (phub(7)): a node is named by its durable 64-bit id, never 0; each
 * start of it by a boot number that only grows.  A child is named by text of
 * 1 to PHUB_CHILD_ID_MAX bytes without control characters. */
#ifndef PHUB_TYPES_H
#define PHUB_TYPES_H

#include <stddef.h>
#include <stdint.h>

#define PHUB_STATE_SIZE_MAX (UINT64_C(1) << 32)  /* bytes of a child's state */

#define PHUB_CHILD_ID_MAX 255u  /* bytes */
#define PHUB_NODE_NAME_MAX 63u  /* bytes */
#define PHUB_HUB_ID_MAX 63u     /* bytes */
#define PHUB_ENDPOINT_MAX 255u  /* bytes */

/* Borrowed bytes: valid as long as the giver says, never freed through. */
struct phub_bytes {
    const uint8_t *data;
    size_t size;
};

#define PHUB_BYTES_NONE ((struct phub_bytes){ NULL, 0 })

/* A position in the order of decisions: Lamport number, then node id
 * (Lamport 1978).  {0, 0} is before everything. */
struct phub_epoch {
    uint64_t number;
    uint64_t node;
};

static inline int phub_epoch_cmp(struct phub_epoch a, struct phub_epoch b)
{
    if (a.number != b.number)
        return a.number < b.number ? -1 : 1;
    if (a.node != b.node)
        return a.node < b.node ? -1 : 1;
    return 0;
}

#endif
