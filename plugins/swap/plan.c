/* SPDX-License-Identifier: MIT */
/* plan: which items become moves, and whose turn it is.
 *
 * Each target has a queue and a fair share of moves_parallel.  The turn goes
 * round the targets, so one that answers slowly fills its own share and no
 * other. */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define CONSENT_MAX 1024u  /* children asked at a time */
#define GROUPS_FIRST 16u

/* --- what to do with an item --------------------------------------------- */

static bool runs_at(const struct phub_swap *swap,
                    const struct phub_bytes *child, uint32_t instances,
                    uint64_t node)
{
    struct phub_instance instance = { .size = sizeof instance };
    uint32_t i;

    if (!PHUB_HAS(swap->host, child_instance))
        return false;
    for (i = 0; i < instances; i++)
        if (swap->host->child_instance(swap->ctx, child, i, &instance) == 0 &&
            instance.node == node &&
            instance.state == PHUB_INSTANCE_RUNNING)
            return true;
    return false;
}

static uint32_t item_class(const struct phub_swap *swap,
                           const struct phub_plan_item *item)
{
    struct phub_child_info info = { .size = sizeof info };
    const struct phub_swap_move *move;
    bool here;

    if (item->id.size == 0 || item->id.size > PHUB_CHILD_ID_MAX)
        return PHUB_SWAP_AWAY;
    move = phub__swap_find(swap, &item->id);
    if (move != NULL && !(phub__swap_waits(move) &&
                          (item->flags & PHUB_PLAN_NO_CONSENT) != 0))
        return PHUB_SWAP_MOVING;
    if (item->targets_count == 0)
        return PHUB_SWAP_NOWHERE;
    if (swap->host->child_info(swap->ctx, &item->id, &info) != 0)
        return PHUB_SWAP_AWAY;
    /* One that has just come is at home already, and begins to act. */
    here = info.local_state == PHUB_INSTANCE_RUNNING ||
           info.local_state == PHUB_INSTANCE_STARTING ||
           info.local_state == PHUB_INSTANCE_FROZEN ||
           (info.local_state == PHUB_INSTANCE_STANDBY &&
            info.home == swap->host->self(swap->ctx));
    if (item->targets[0] == swap->host->self(swap->ctx))
        return here ? PHUB_SWAP_THERE : PHUB_SWAP_AWAY;
    if (here)
        return PHUB_SWAP_FORWARD;
    return runs_at(swap, &item->id, info.instances_count, item->targets[0])
               ? PHUB_SWAP_THERE : PHUB_SWAP_AWAY;
}

void phub_swap_compute_processable(struct phub_swap *swap,
                                   const struct phub_plan_item *items,
                                   uint32_t count, uint32_t stride,
                                   uint32_t *classes)
{
    const uint8_t *at = (const uint8_t *)items;
    uint32_t i;

    for (i = 0; i < count; i++, at += stride)
        classes[i] = item_class(
            swap, (const struct phub_plan_item *)(const void *)at);
}

/* --- queues -------------------------------------------------------------- */

static uint32_t group_index(const struct phub_swap *swap, uint64_t node)
{
    uint32_t low = 0, high = swap->groups_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (swap->groups[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct phub_swap_group *phub__swap_group(struct phub_swap *swap,
                                         uint64_t node)
{
    uint32_t index = group_index(swap, node);

    if (index < swap->groups_count && swap->groups[index].node == node)
        return &swap->groups[index];
    return NULL;
}

static struct phub_swap_group *group_make(struct phub_swap *swap,
                                          uint64_t node)
{
    struct phub_swap_group *group = phub__swap_group(swap, node), *grew;
    uint32_t index = group_index(swap, node);

    if (group != NULL)
        return group;
    if (swap->groups_count == swap->groups_size) {
        uint32_t size = swap->groups_size > 0 ? swap->groups_size * 2
                                              : GROUPS_FIRST;

        grew = realloc(swap->groups, size * sizeof *grew);
        if (grew == NULL)
            return NULL;
        swap->groups = grew;
        swap->groups_size = size;
    }
    group = &swap->groups[index];
    memmove(group + 1, group,
            (swap->groups_count - index) * sizeof *group);
    swap->groups_count++;
    memset(group, 0, sizeof *group);
    group->node = node;
    if (swap->groups_turn > index)
        swap->groups_turn++;
    return group;
}

static void group_drop_if_idle(struct phub_swap *swap,
                               struct phub_swap_group *group)
{
    uint32_t index = (uint32_t)(group - swap->groups);

    if (group->waiting > 0 || group->under_way > 0)
        return;
    swap->groups_count--;
    memmove(group, group + 1, (swap->groups_count - index) * sizeof *group);
    if (swap->groups_turn > index)
        swap->groups_turn--;
}

int phub_swap_group_children_by_node(struct phub_swap *swap,
                                     struct phub_swap_move *move)
{
    struct phub_swap_group *group;

    phub__swap_under_way(swap, move, false);
    group = group_make(swap, move->targets[move->attempt]);
    if (group == NULL)
        return PHUB_ENOMEM;
    phub__swap_step_set(swap, move, PHUB_SWAP_QUEUED);
    move->next = NULL;
    move->prev = group->last;
    if (group->last != NULL)
        group->last->next = move;
    else
        group->first = move;
    group->last = move;
    group->waiting++;
    move->queued = true;
    phub__swap_due(swap, move, NEVER);
    return 0;
}

static void queue_take(struct phub_swap_group *group,
                       struct phub_swap_move *move)
{
    if (move->prev != NULL)
        move->prev->next = move->next;
    else
        group->first = move->next;
    if (move->next != NULL)
        move->next->prev = move->prev;
    else
        group->last = move->prev;
    move->next = move->prev = NULL;
    group->waiting--;
    move->queued = false;
}

void phub__swap_unqueue(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_swap_group *group;

    if (!move->queued)
        return;
    group = phub__swap_group(swap, move->targets[move->attempt]);
    queue_take(group, move);
    group_drop_if_idle(swap, group);
}

void phub__swap_under_way(struct phub_swap *swap, struct phub_swap_move *move,
                          bool under_way)
{
    struct phub_swap_group *group;

    if (move->counted == under_way)
        return;
    group = phub__swap_group(swap, move->targets[move->attempt]);
    move->counted = under_way;
    if (under_way) {
        swap->under_way++;
        group->under_way++;
        return;
    }
    swap->under_way--;
    group->under_way--;
    group_drop_if_idle(swap, group);
}

/* --- turns --------------------------------------------------------------- */

/* May the group's first move go on? */
static bool group_may(const struct phub_swap *swap,
                      const struct phub_swap_group *group, uint32_t asked)
{
    uint32_t share = swap->options.moves_parallel / swap->groups_count;

    if (group->first == NULL)
        return false;
    if (group->first->ask)
        return swap->steps[PHUB_SWAP_CONSENT] + asked < CONSENT_MAX;
    return swap->under_way < swap->options.moves_parallel &&
           group->under_way < (share > 0 ? share : 1);
}

/* One that is to be asked takes no share while the child thinks. */
uint32_t phub_swap_create_migration_requests(struct phub_swap *swap,
                                             struct phub_swap_move **moves,
                                             uint32_t moves_max)
{
    uint32_t count = 0, asked = 0, idle = 0;

    while (count < moves_max && idle < swap->groups_count) {
        struct phub_swap_group *group;
        struct phub_swap_move *move;

        if (swap->groups_turn >= swap->groups_count)
            swap->groups_turn = 0;
        group = &swap->groups[swap->groups_turn++];
        if (!group_may(swap, group, asked)) {
            idle++;
            continue;
        }
        idle = 0;
        move = group->first;
        queue_take(group, move);
        moves[count++] = move;
        if (move->ask) {
            asked++;
            group_drop_if_idle(swap, group);
        } else
            phub__swap_under_way(swap, move, true);
    }
    return count;
}
