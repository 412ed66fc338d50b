/* SPDX-License-Identifier: MIT */
/* synced_lost: when may the children of a node that is gone be replaced?
 *
 * Once every member of the view has said that its grants to it have run out:
 * each tells in its VIEW_SYNC how long they still do (grant.c has the
 * argument).  A node that said goodbye runs nothing any more. */
#include "config.h"

#include "hub/synced_private.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define ABSENT_MS 10000u         /* for homes not seen since the start */

static struct phub__lost *lost_find(struct phub__synced *synced, uint64_t node)
{
    struct phub__lost *lost = synced->lost;

    while (lost != NULL && lost->node != node)
        lost = lost->next;
    return lost;
}

static struct phub__lost *lost_new(struct phub__synced *synced, uint64_t node)
{
    struct phub__lost *lost = phub__calloc(1, sizeof *lost);

    if (lost == NULL)
        return NULL;
    lost->node = node;
    lost->next = synced->lost;
    synced->lost = lost;
    return lost;
}

void phub__lost_free(struct phub__synced *synced)
{
    struct phub__lost *lost;

    while ((lost = synced->lost) != NULL) {
        synced->lost = lost->next;
        phub__free(lost);
    }
}

void phub__lost_add(struct phub__hub *hub, uint64_t node, int left)
{
    struct phub__synced *synced = hub->synced;
    struct phub__lost *lost = lost_find(synced, node);
    uint64_t rest, now = hub->env->now_ns(hub->env);
    uint32_t i, k;

    if (lost == NULL)
        lost = lost_new(synced, node);
    if (lost == NULL)
        return;
    rest = phub__cluster_grant_remaining(hub->cluster, node,
                                         hub->env->boot_ns(hub->env));
    lost->left = left;
    if (rest == UINT64_MAX || left)
        rest = 0;
    if (lost->ready_ns < now + rest)
        lost->ready_ns = now + rest;
    /* Who saw it go before us has told already, and does not tell again. */
    for (k = 0; k < synced->heard_count && !left; k++) {
        const struct phub__heard *heard = synced->heard[k];

        for (i = 0; i < heard->leases_count; i++)
            if (heard->leases[i].node == node &&
                lost->ready_ns < heard->leases[i].ready_ns)
                lost->ready_ns = heard->leases[i].ready_ns;
    }
}

/* It gets time to come back, longer than any lease of its could run. */
void phub__synced_absent(struct phub__hub *hub, uint64_t node)
{
    struct phub__lost *lost = lost_find(hub->synced, node);

    if (lost != NULL)
        return;
    lost = lost_new(hub->synced, node);
    if (lost != NULL)
        lost->ready_ns = hub->env->now_ns(hub->env) + ABSENT_MS * NS_PER_MS;
}

void phub__lost_remove(struct phub__synced *synced, uint64_t node)
{
    struct phub__lost **p = &synced->lost, *lost;

    while ((lost = *p) != NULL) {
        if (lost->node != node) {
            p = &lost->next;
            continue;
        }
        *p = lost->next;
        phub__free(lost);
    }
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
    struct phub__lost *lost = hub->synced->lost, *next;

    for (; lost != NULL; lost = next) {
        next = lost->next;
        if (is_over(hub, lost->node))
            phub__lost_remove(hub->synced, lost->node);
    }
}

uint32_t phub__lost_leases(struct phub__hub *hub,
                            struct phub__op_lease *leases)
{
    const struct phub__lost *lost;
    uint32_t count = 0;

    for (lost = hub->synced->lost; lost != NULL && count < PHUB__LEASES_MAX;
         lost = lost->next) {
        uint64_t left = phub__cluster_grant_remaining(
            hub->cluster, lost->node, hub->env->boot_ns(hub->env));

        /* Those whose lease is over, too: who comes after the loss and
         * becomes a keeper has to know whose children need a home. */
        if (left != UINT64_MAX)
            leases[count++] = (struct phub__op_lease){
                lost->node, left == 0 ? 0 : left / NS_PER_MS + 1 };
    }
    return count;
}

void phub__lost_heard(struct phub__hub *hub, struct phub__heard *heard,
                        const struct phub__op_view_sync *sync)
{
    struct phub__synced *synced = hub->synced;
    const struct phub__op_lease *leases = sync->leases.items;
    uint64_t now = hub->env->now_ns(hub->env);
    uint32_t i;

    heard->leases = phub__calloc(sync->leases.count + 1,
                                 sizeof *heard->leases);
    for (i = 0; i < sync->leases.count; i++) {
        struct phub__lost *lost = lost_find(synced, leases[i].node);
        uint64_t ready = now;

        if (leases[i].remaining_ms < 3600000)
            ready += leases[i].remaining_ms * NS_PER_MS;
        if (heard->leases != NULL)
            heard->leases[heard->leases_count++] =
                (struct phub__told_lease){ leases[i].node, ready };
        if (lost == NULL && leases[i].node != hub->node &&
            !is_over(hub, leases[i].node) &&
            phub__view_index(phub__hub_view(hub), leases[i].node) ==
                PHUB__VIEW_NONE)
            lost = lost_new(synced, leases[i].node);
        if (lost != NULL && lost->ready_ns < ready)
            lost->ready_ns = ready;
    }
}

/* --- asking --------------------------------------------------------------- */

int phub__synced_is_lost(const struct phub__hub *hub, uint64_t node)
{
    return lost_find(hub->synced, node) != NULL;
}

int phub__synced_lease_left(struct phub__hub *hub, uint64_t node)
{
    const struct phub__lost *lost = lost_find(hub->synced, node);

    return lost != NULL && hub->env->now_ns(hub->env) < lost->ready_ns;
}

int phub__synced_other_keeper(struct phub__hub *hub, struct phub_bytes id)
{
    const struct phub__lost *lost;
    uint64_t now = hub->env->now_ns(hub->env);

    for (lost = hub->synced->lost; lost != NULL; lost = lost->next)
        if (!lost->left && now < lost->ready_ns &&
            phub__view_prefers(lost->node, hub->node, id))
            return 1;
    return 0;
}

uint64_t phub__synced_lost(struct phub__hub *hub, uint32_t index,
                           uint64_t *ready_ns, int *left)
{
    const struct phub__lost *lost = hub->synced->lost;

    while (lost != NULL && index-- > 0)
        lost = lost->next;
    if (lost == NULL)
        return 0;
    *ready_ns = lost->ready_ns;
    *left = lost->left;
    return lost->node;
}
