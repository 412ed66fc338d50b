/* SPDX-License-Identifier: MIT */
/* index: running children by id, by pid, and by node and handle.
 *
 * Three chained tables of one size over the same children, doubled when
 * there is more than one child per bucket.  Chains are in the order of
 * adding, so that what is found does not depend on their size. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "env/sim/guard.h"

#define BUCKETS_FIRST 64u

static uint64_t key_id(struct phub_bytes id)
{
    return phub__sim_hash(id.data, id.size);
}

static uint64_t mixed(uint64_t a, uint64_t b)
{
    uint64_t key = (a ^ b << 40) * UINT64_C(0x9fb21c651e98df25);

    return key ^ key >> 32;
}

static uint64_t key_handle(const struct phub__sim_node *node,
                           uint64_t handle)
{
    return mixed(handle, node->index + UINT64_C(1));
}

static uint64_t key_of(const struct phub__sim_child *child,
                       enum phub__sim_by by)
{
    switch (by) {
    case PHUB__SIM_BY_ID:
        return key_id((struct phub_bytes){ (const uint8_t *)child->id,
                                           child->id_size });
    case PHUB__SIM_BY_PID:
        return mixed((uint64_t)child->pid, 0);
    case PHUB__SIM_BY_HANDLE:
        return key_handle(child->node, child->handle);
    case PHUB__SIM_BYS:
        break;
    }
    phub__assert(0);
    return 0;
}

static struct phub__sim_child **bucket(const struct phub__world *world,
                                       enum phub__sim_by by, uint64_t key)
{
    return &world->index.buckets[by][key & (world->index.size - 1)];
}

static void chain_in(struct phub__world *world, struct phub__sim_child *child,
                     enum phub__sim_by by)
{
    struct phub__sim_child **at = bucket(world, by, key_of(child, by));

    while (*at != NULL)
        at = &(*at)->chain[by];
    child->chain[by] = NULL;
    *at = child;
}

static void chain_out(struct phub__world *world,
                      struct phub__sim_child *child, enum phub__sim_by by)
{
    struct phub__sim_child **at = bucket(world, by, key_of(child, by));

    while (*at != child) {
        phub__assert(*at != NULL);
        at = &(*at)->chain[by];
    }
    *at = child->chain[by];
    child->chain[by] = NULL;
}

static void grow(struct phub__world *world)
{
    struct phub__sim_index *index = &world->index;
    struct phub__sim_child *child;

    index->size = index->size == 0 ? BUCKETS_FIRST : index->size * 2;
    for (unsigned by = 0; by < PHUB__SIM_BYS; by++) {
        free(index->buckets[by]);
        index->buckets[by] =
            phub__sim_alloc(index->size, sizeof(struct phub__sim_child *));
        for (child = world->children; child != NULL; child = child->next)
            chain_in(world, child, (enum phub__sim_by)by);
    }
}

void phub__sim_index_add(struct phub__sim_child *child)
{
    struct phub__world *world = child->world;

    for (unsigned by = 0; by < PHUB__SIM_BYS && world->index.size != 0; by++)
        chain_in(world, child, (enum phub__sim_by)by);
    if (world->index.count++ >= world->index.size)
        grow(world);
}

void phub__sim_index_remove(struct phub__sim_child *child)
{
    for (unsigned by = 0; by < PHUB__SIM_BYS; by++)
        chain_out(child->world, child, (enum phub__sim_by)by);
    child->world->index.count--;
}

void phub__sim_index_fini(struct phub__world *world)
{
    phub__assert(world->index.count == 0);
    for (unsigned by = 0; by < PHUB__SIM_BYS; by++)
        free(world->index.buckets[by]);
}

void phub__sim_child_rehandle(struct phub__sim_child *child, uint64_t handle)
{
    chain_out(child->world, child, PHUB__SIM_BY_HANDLE);
    child->handle = handle;
    chain_in(child->world, child, PHUB__SIM_BY_HANDLE);
}

/* --- finding -------------------------------------------------------------- */

struct phub__sim_child *phub__sim_child_held(const struct phub__sim_node *node,
                                             uint64_t handle,
                                             const struct phub__sim_process *of)
{
    struct phub__sim_child *child;

    if (node->world->index.size == 0)
        return NULL;
    child = *bucket(node->world, PHUB__SIM_BY_HANDLE,
                    key_handle(node, handle));
    while (child != NULL && (child->handle != handle || child->node != node
                             || child->process != of))
        child = child->chain[PHUB__SIM_BY_HANDLE];
    return child;
}

struct phub__sim_child *phub__sim_child_find(struct phub__sim_node *node,
                                             int64_t pid)
{
    struct phub__sim_child *child;

    if (node->world->index.size == 0)
        return NULL;
    child = *bucket(node->world, PHUB__SIM_BY_PID, mixed((uint64_t)pid, 0));
    while (child != NULL && (child->pid != pid || child->node != node))
        child = child->chain[PHUB__SIM_BY_PID];
    return child;
}

struct phub__sim_child *phub__sim_child_named(const struct phub__world *world,
                                              struct phub_bytes id,
                                              struct phub__sim_child *child)
{
    if (world->index.size == 0)
        return NULL;
    child = child != NULL ? child->chain[PHUB__SIM_BY_ID]
                          : *bucket(world, PHUB__SIM_BY_ID, key_id(id));
    while (child != NULL && (child->id_size != id.size
                             || memcmp(child->id, id.data, id.size) != 0))
        child = child->chain[PHUB__SIM_BY_ID];
    return child;
}
