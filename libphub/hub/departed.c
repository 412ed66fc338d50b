/* SPDX-License-Identifier: MIT */
/* departed: the last moves that were decided here, and where to; the last seat
 * that this node, as home, gave to a replica counts as one.
 *
 * A keeper may stop a child before it has heard that its home is another: the
 * new home's row is on its way, and a stop makes it void wherever the two
 * meet.  Whom the keeper asks to end the child has moved it away, and is the
 * only one who knows at once where to, so its answer says so (keeper_stop.c).
 * That takes as long as news do, so a ring is enough. */
#include "config.h"

#include <xxhash.h>

#include "hub/departed.h"
#include "hub/hub.h"
#include "wire/memory.h"

struct phub__departed {
    uint32_t next;
    struct entry {
        uint64_t id_hash;
        struct phub_epoch incarnation;
        uint64_t target;               /* 0: none */
    } entries[PHUB__DEPARTED_MAX];
};

static struct entry *find(const struct phub__hub *hub, uint64_t id_hash,
                          struct phub_epoch incarnation)
{
    uint32_t i;

    for (i = 0; i < PHUB__DEPARTED_MAX; i++) {
        struct entry *entry = &hub->departed->entries[i];

        if (entry->target != 0 && entry->id_hash == id_hash &&
            phub_epoch_cmp(entry->incarnation, incarnation) == 0)
            return entry;
    }
    return NULL;
}

void phub__departed_add(struct phub__hub *hub, struct phub_bytes id,
                        struct phub_epoch incarnation, uint64_t target)
{
    uint64_t id_hash = XXH3_64bits(id.data, id.size);
    struct entry *entry;

    if (hub->departed == NULL)
        hub->departed = phub__calloc(1, sizeof *hub->departed);
    if (hub->departed == NULL)
        return;
    entry = find(hub, id_hash, incarnation);
    if (entry == NULL)
        entry = &hub->departed->entries[hub->departed->next++ %
                                        PHUB__DEPARTED_MAX];
    *entry = (struct entry){ id_hash, incarnation, target };
}

uint64_t phub__departed_to(const struct phub__hub *hub, struct phub_bytes id,
                           struct phub_epoch incarnation)
{
    const struct entry *entry = hub->departed == NULL ? NULL
        : find(hub, XXH3_64bits(id.data, id.size), incarnation);

    return entry == NULL ? 0 : entry->target;
}

void phub__departed_free(struct phub__hub *hub)
{
    phub__free(hub->departed);
    hub->departed = NULL;
}
