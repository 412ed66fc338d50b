/* SPDX-License-Identifier: MIT */
/* synced_lost: when may the children of a node that is gone be replaced?
 *
 * Once every member of the view has said that its grants to it have run out:
 * each tells in its VIEW_SYNC how long they still do (grant.c has the
 * argument).  A node that said goodbye runs nothing any more.
 *
 * Who saw a node go before us has told already, and does not tell again.  So
 * what is told of a node that is in view here is kept beside the lost, until
 * it is over.  One list by node has both: half of a hub may be lost to each
 * member of the other half, and each tells of all of it.
 *
 * Where there is no room for what is told, no lost node is replaced before
 * that is over: late, rather than twice. */
#include "config.h"

#include <string.h>

#include "hub/by_node.h"
#include "hub/synced_private.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define ABSENT_MS 10000u         /* for homes not seen since the start */
#define ROOM_FIRST 4u

/* The index of the first one that is not below node. */
static uint32_t lost_from(const struct phub__synced *synced, uint64_t node)
{
    return phub__by_node(synced->lost, synced->lost_count,
                         sizeof synced->lost[0], node);
}

/* Lost, or only told of. */
static struct phub__lost *entry_find(const struct phub__synced *synced,
                                     uint64_t node)
{
    uint32_t at = lost_from(synced, node);

    return at < synced->lost_count && synced->lost[at].node == node
        ? &synced->lost[at] : NULL;
}

static struct phub__lost *lost_find(const struct phub__synced *synced,
                                    uint64_t node)
{
    struct phub__lost *lost = entry_find(synced, node);

    return lost != NULL && lost->lost ? lost : NULL;
}

/* Room for one more, first of what is over. */
static int room(struct phub__synced *synced, uint64_t now)
{
    uint32_t wide = synced->lost_room == 0 ? ROOM_FIRST
                                           : synced->lost_room * 2;
    struct phub__lost *all;
    uint32_t i, kept = 0;

    if (synced->lost_count < synced->lost_room)
        return 1;
    for (i = 0; i < synced->lost_count; i++)
        if (synced->lost[i].lost || synced->lost[i].ready_ns > now)
            synced->lost[kept++] = synced->lost[i];
    synced->lost_count = kept;
    if (kept < synced->lost_room)
        return 1;
    if (kept == PHUB__LOST_MAX)
        return 0;
    all = phub__realloc(synced->lost, wide * sizeof *all);
    if (all == NULL)
        return 0;
    synced->lost = all;
    synced->lost_room = wide;
    return 1;
}

/* For one that has none; NULL: there is no room. */
static struct phub__lost *entry_new(struct phub__hub *hub, uint64_t node)
{
    struct phub__synced *synced = hub->synced;
    struct phub__lost *lost;
    uint32_t at;

    if (!room(synced, hub->env->now_ns(hub->env))) {
        synced->lost_missed = 1; /* a round looks who it was */
        return NULL;
    }
    at = lost_from(synced, node);
    lost = &synced->lost[at];
    memmove(lost + 1, lost, (synced->lost_count - at) * sizeof *lost);
    *lost = (struct phub__lost){ .node = node };
    synced->lost_count++;
    return lost;
}

void phub__lost_free(struct phub__synced *synced)
{
    phub__free(synced->lost);
    synced->lost = NULL;
    synced->lost_count = synced->lost_room = 0;
}

void phub__lost_add(struct phub__hub *hub, uint64_t node, int left)
{
    struct phub__lost *lost = entry_find(hub->synced, node);
    uint64_t rest, now = hub->env->now_ns(hub->env);

    if (lost == NULL)
        lost = entry_new(hub, node);
    if (lost == NULL)
        return;
    rest = phub__cluster_grant_remaining(hub->cluster, node,
                                         hub->env->boot_ns(hub->env));
    if (!lost->lost && left)
        lost->ready_ns = 0; /* what was told is of before */
    lost->lost = 1;
    lost->left = left;
    if (rest == UINT64_MAX || left)
        rest = 0;
    if (lost->ready_ns < now + rest)
        lost->ready_ns = now + rest;
}

/* It gets time to come back, longer than any lease of its could run. */
void phub__synced_absent(struct phub__hub *hub, uint64_t node)
{
    struct phub__lost *lost = entry_find(hub->synced, node);
    uint64_t until = hub->env->now_ns(hub->env) + ABSENT_MS * NS_PER_MS;
    uint64_t rest = phub__cluster_grant_remaining(
        hub->cluster, node, hub->env->boot_ns(hub->env));

    if (rest != UINT64_MAX && rest > ABSENT_MS * NS_PER_MS)
        until += rest - ABSENT_MS * NS_PER_MS;
    if (lost != NULL && lost->lost)
        return;
    if (lost == NULL)
        lost = entry_new(hub, node);
    if (lost == NULL)
        return;
    lost->lost = 1;
    if (lost->ready_ns < until)
        lost->ready_ns = until;
}

void phub__lost_remove(struct phub__synced *synced, uint64_t node)
{
    struct phub__lost *lost = lost_find(synced, node);

    if (lost != NULL)
        lost->lost = lost->left = 0;
}

/* It was forgotten, may be replaced, and nothing is left to be re-homed. */
static int is_over(struct phub__hub *hub, uint64_t node)
{
    return phub__registry_is_forgotten(hub->registry, node) &&
           phub__registry_home_count(hub->registry, node) == 0 &&
           !phub__synced_lease_left(hub, node);
}

void phub__lost_forget(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    uint32_t i;

    for (i = 0; i < synced->lost_count; i++)
        if (synced->lost[i].lost && is_over(hub, synced->lost[i].node))
            phub__lost_remove(synced, synced->lost[i].node);
}

uint32_t phub__lost_leases(struct phub__hub *hub,
                            struct phub__op_lease *leases)
{
    const struct phub__synced *synced = hub->synced;
    uint64_t now_ns = hub->env->boot_ns(hub->env);
    uint32_t i, count = 0;

    for (i = 0; i < synced->lost_count && count < PHUB__LEASES_MAX; i++) {
        const struct phub__lost *lost = &synced->lost[i];
        uint64_t left = lost->lost
            ? phub__cluster_grant_remaining(hub->cluster, lost->node, now_ns)
            : UINT64_MAX;

        /* Those whose lease is over, too: who comes after the loss and
         * becomes a keeper has to know whose children need a home. */
        if (left != UINT64_MAX)
            leases[count++] = (struct phub__op_lease){
                lost->node, left == 0 ? 0 : left / NS_PER_MS + 1 };
    }
    return count;
}

/* A member told of one that is not among the lost here.  NULL: nothing has to
 * be remembered, or there is no room. */
static struct phub__lost *told_new(struct phub__hub *hub,
                                   const struct phub__op_lease *lease,
                                   uint64_t ready_ns)
{
    struct phub__synced *synced = hub->synced;
    struct phub__lost *lost = entry_find(synced, lease->node);
    int away = phub__view_index(phub__hub_view(hub), lease->node) ==
                   PHUB__VIEW_NONE && !is_over(hub, lease->node);

    if (lease->node == hub->node || (!away && lease->remaining_ms == 0))
        return NULL;
    if (lost == NULL)
        lost = entry_new(hub, lease->node);
    if (lost != NULL && away)
        lost->lost = 1;
    if (lost == NULL && synced->unkept_ns < ready_ns)
        synced->unkept_ns = ready_ns;
    return lost;
}

void phub__lost_heard(struct phub__hub *hub, const struct phub__list *told)
{
    const struct phub__op_lease *leases = told->items;
    uint64_t now = hub->env->now_ns(hub->env);
    uint32_t i;

    for (i = 0; i < told->count; i++) {
        struct phub__lost *lost = lost_find(hub->synced, leases[i].node);
        uint64_t ready = now;

        if (leases[i].remaining_ms < PHUB__REMAINING_MS_MAX)
            ready += leases[i].remaining_ms * NS_PER_MS;
        if (lost == NULL)
            lost = told_new(hub, &leases[i], ready);
        if (lost != NULL && lost->ready_ns < ready)
            lost->ready_ns = ready;
    }
}

/* --- asking --------------------------------------------------------------- */

static uint64_t ready_ns_of(const struct phub__synced *synced,
                            const struct phub__lost *lost)
{
    return lost->ready_ns > synced->unkept_ns ? lost->ready_ns
                                              : synced->unkept_ns;
}

int phub__synced_is_lost(const struct phub__hub *hub, uint64_t node)
{
    return lost_find(hub->synced, node) != NULL;
}

int phub__synced_lease_left(struct phub__hub *hub, uint64_t node)
{
    const struct phub__lost *lost = lost_find(hub->synced, node);

    return lost != NULL &&
           hub->env->now_ns(hub->env) < ready_ns_of(hub->synced, lost);
}

int phub__synced_other_keeper(struct phub__hub *hub, struct phub_bytes id)
{
    const struct phub__synced *synced = hub->synced;
    uint64_t now = hub->env->now_ns(hub->env);
    uint32_t i;

    for (i = 0; i < synced->lost_count; i++) {
        const struct phub__lost *lost = &synced->lost[i];

        if (lost->lost && !lost->left && now < ready_ns_of(synced, lost) &&
            phub__view_prefers(lost->node, hub->node, id))
            return 1;
    }
    return 0;
}

uint64_t phub__synced_lost(struct phub__hub *hub, uint64_t after,
                           uint64_t *ready_ns, int *left)
{
    const struct phub__synced *synced = hub->synced;
    uint32_t at = after == UINT64_MAX ? synced->lost_count
                                      : lost_from(synced, after + 1);

    while (at < synced->lost_count && !synced->lost[at].lost)
        at++;
    if (at == synced->lost_count)
        return 0;
    *ready_ns = ready_ns_of(synced, &synced->lost[at]);
    *left = synced->lost[at].left;
    return synced->lost[at].node;
}
