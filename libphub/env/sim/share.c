/* SPDX-License-Identifier: MIT */
/* share: equal bytes are kept once, however many simulated nodes hold them. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"
#include "env/sim/share.h"

#define BUCKETS_FIRST 1024u

static void grow(struct phub__sim_share *share)
{
    uint32_t size = share->buckets == NULL ? BUCKETS_FIRST
                                           : (share->mask + 1) * 2;
    struct phub__sim_shared **buckets;

    if (share->buckets != NULL && share->count <= share->mask)
        return;
    buckets = phub__sim_alloc(size, sizeof(struct phub__sim_shared *));
    for (uint32_t i = 0; share->buckets != NULL && i <= share->mask; i++) {
        struct phub__sim_shared *shared = share->buckets[i], *next;

        for (; shared != NULL; shared = next) {
            next = shared->next;
            shared->next = buckets[shared->hash & (size - 1)];
            buckets[shared->hash & (size - 1)] = shared;
        }
    }
    free(share->buckets);
    share->buckets = buckets;
    share->mask = size - 1;
}

struct phub__sim_shared *phub__sim_share_get(struct phub__sim_share *share,
                                             const void *bytes, size_t size)
{
    uint64_t hash = phub__sim_hash(bytes, size);
    struct phub__sim_shared *shared;

    phub__assert(size <= UINT32_MAX);
    grow(share);
    shared = share->buckets[hash & share->mask];
    while (shared != NULL &&
           (shared->hash != hash || shared->size != size ||
            (size != 0 && memcmp(shared->bytes, bytes, size) != 0)))
        shared = shared->next;
    if (shared != NULL) {
        phub__assert(shared->refs < UINT32_MAX);
        shared->refs++;
        return shared;
    }
    shared = phub__sim_alloc(1, sizeof(*shared) + size);
    *shared = (struct phub__sim_shared){
        .next = share->buckets[hash & share->mask], .share = share,
        .hash = hash, .refs = 1, .size = (uint32_t)size };
    if (size != 0)
        memcpy(shared->bytes, bytes, size);
    share->buckets[hash & share->mask] = shared;
    share->count++;
    return shared;
}

void phub__sim_share_drop(struct phub__sim_shared *shared)
{
    struct phub__sim_share *share;
    struct phub__sim_shared **at;

    if (shared == NULL)
        return;
    share = shared->share;
    phub__assert(shared->refs > 0);
    if (--shared->refs != 0)
        return;
    at = &share->buckets[shared->hash & share->mask];
    while (*at != shared)
        at = &(*at)->next;
    *at = shared->next;
    share->count--;
    free(shared);
}

void phub__sim_share_fini(struct phub__sim_share *share)
{
    phub__assert(share->count == 0);
    free(share->buckets);
    memset(share, 0, sizeof(*share));
}
