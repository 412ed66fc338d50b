/* SPDX-License-Identifier: MIT */
/* synced_heard: what the members told, and which of it this node covers.
 *
 * A statement names what its writer has seen by a digest, and has a summary
 * only if it was asked for.  It is covered if the digest is one that this
 * registry has had, or if that was found out by a summary.  What one has seen
 * it has seen for the rest of its boot, so who covers a statement covers the
 * earlier ones of the same boot too, and with each its digest, whoever else
 * tells it: when two halves of a hub meet, each node asks one member of the
 * other half, and not all of them. */
#include "config.h"

#include <string.h>

#include "hub/confirm.h"
#include "hub/handover.h"
#include "hub/synced_private.h"
#include "wire/memory.h"

/* --- one of each member ---------------------------------------------------- */

/* The index of the first one that is not below node. */
static uint32_t heard_from(const struct phub__synced *synced, uint64_t node)
{
    uint32_t low = 0, high = synced->heard_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (synced->heard[middle]->node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct phub__heard *phub__heard_find(const struct phub__synced *synced,
                                     uint64_t node)
{
    uint32_t at = heard_from(synced, node);

    return at < synced->heard_count && synced->heard[at]->node == node
        ? synced->heard[at] : NULL;
}

struct phub__heard *phub__heard_new(struct phub__synced *synced, uint64_t node)
{
    uint32_t at = heard_from(synced, node);
    struct phub__heard *heard;

    if (synced->heard_count == synced->heard_room) {
        uint32_t room = synced->heard_room == 0 ? 8 : synced->heard_room * 2;
        struct phub__heard **all = phub__realloc(synced->heard,
                                           room * sizeof(struct phub__heard *));

        if (all == NULL)
            return NULL;
        synced->heard = all;
        synced->heard_room = room;
    }
    heard = phub__calloc(1, sizeof *heard);
    if (heard == NULL)
        return NULL;
    heard->node = node;
    memmove(synced->heard + at + 1, synced->heard + at,
            (synced->heard_count - at) * sizeof(struct phub__heard *));
    synced->heard[at] = heard;
    synced->heard_count++;
    return heard;
}

void phub__heard_clear(struct phub__heard *heard)
{
    heard->covered = heard->stuck = 0;
    phub__buf_unref(&heard->summary);
    phub__free(heard->held);
    heard->held = NULL;
    heard->held_count = 0;
}

struct phub__heard *phub__heard_now(struct phub__hub *hub, uint64_t node)
{
    struct phub__heard *heard = phub__heard_find(hub->synced, node);

    return heard != NULL &&
           heard->view_hash == phub__view_hash(phub__hub_view(hub))
        ? heard : NULL;
}

/* --- covered? --------------------------------------------------------------- */

static int digest_covered(const struct phub__hub *hub, uint64_t digest)
{
    const struct phub__synced *synced = hub->synced;
    uint32_t i;

    if (phub__registry_had_digest(hub->registry, digest))
        return 1;
    for (i = 0; i < PHUB__COVERED_MAX && digest != 0; i++)
        if (synced->covered[i] == digest)
            return 1;
    return 0;
}

static void digest_cover(struct phub__hub *hub, uint64_t digest)
{
    struct phub__synced *synced = hub->synced;

    if (digest != 0 && !digest_covered(hub, digest))
        synced->covered[synced->covered_next++ % PHUB__COVERED_MAX] = digest;
}

int phub__heard_covered(struct phub__hub *hub, struct phub__heard *heard)
{
    bool covers = heard->covered || digest_covered(hub, heard->digest);

    if (!covers && heard->summary != NULL)
        (void)phub__registry_covers(hub->registry,
                                    phub__buf_bytes(heard->summary), &covers);
    if (!covers)
        return 0;
    if (!heard->covered) {
        digest_cover(hub, heard->digest);
        digest_cover(hub, heard->digest_before);
    }
    heard->covered = 1;
    phub__buf_unref(&heard->summary);
    return 1;
}

/* --- hearing ----------------------------------------------------------------- */

static void keep_held(struct phub__heard *heard,
                      const struct phub__op_view_sync *sync)
{
    heard->held = phub__held_copy(sync->held.items, sync->held.count);
    if (heard->held != NULL)
        heard->held_count = sync->held.count;
}

/* What it had when it told something that is not covered. */
static uint64_t before(const struct phub__heard *heard,
                       const struct phub__op_view_sync *sync)
{
    if (sync->boot == 0 || sync->boot != heard->boot || heard->covered)
        return 0;
    return heard->digest;
}

int phub__heard_take(struct phub__hub *hub, struct phub__heard *heard,
                     const struct phub__op_view_sync *sync)
{
    struct phub__synced *synced = hub->synced;
    uint32_t at = phub__view_index(phub__hub_view(hub), heard->node);

    if (sync->boot != 0 && (sync->boot < heard->boot ||
        (sync->boot == heard->boot && sync->number <= heard->number))) {
        if (sync->boot == heard->boot && heard->covered)
            digest_cover(hub, sync->digest);
        return 0;
    }
    heard->digest_before = before(heard, sync);
    phub__heard_clear(heard);
    heard->boot = sync->boot;
    heard->number = sync->number;
    heard->view_hash = sync->view_hash;
    heard->digest = sync->digest;
    heard->new_here = sync->new_here != 0;
    heard->recovering = sync->recovering;
    heard->partial = (enum phub__partial)sync->partial;
    phub__confirm_floor_seen(hub, sync->floor);
    if (at < synced->evaluated)
        synced->evaluated = at;
    if (sync->summary.size != 0)
        heard->summary = phub__buf_copy(sync->summary.data,
                                        sync->summary.size);
    keep_held(heard, sync);
    phub__lost_heard(hub, &sync->leases);
    return 1;
}
