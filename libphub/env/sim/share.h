/* SPDX-License-Identifier: MIT */
/* share: equal bytes are kept once, however many simulated nodes hold them.
 *
 * A thousand nodes write the same records to a thousand disks, and hold the
 * same values in a thousand registries.  What never changes once it is made
 * is counted here by content: who gives bytes gets those that are kept, and
 * gives them back as often as it got them. */
#ifndef PHUB__ENV_SIM_SHARE_H
#define PHUB__ENV_SIM_SHARE_H

#include <stddef.h>
#include <stdint.h>

struct phub__sim_shared {
    struct phub__sim_shared *next;      /* of the same bucket */
    struct phub__sim_share *share;
    uint64_t hash;
    uint32_t refs;
    uint32_t size;
    _Alignas(16) uint8_t bytes[];
};

struct phub__sim_share {
    struct phub__sim_shared **buckets;
    uint32_t mask;                      /* buckets - 1, a power of 2 */
    uint32_t count;
};

/* Copies; counted.  size is at most UINT32_MAX. */
struct phub__sim_shared *phub__sim_share_get(struct phub__sim_share *share,
                                             const void *bytes, size_t size);
void phub__sim_share_drop(struct phub__sim_shared *shared);
/* All have been given back. */
void phub__sim_share_fini(struct phub__sim_share *share);

#endif
