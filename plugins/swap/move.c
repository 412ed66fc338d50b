/* SPDX-License-Identifier: MIT */
/* move: where moves live, and how they are found by child and by token. */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define SLOTS_FIRST 64u

/* FNV-1a (Fowler, Noll, Vo), finished by a SplitMix64 step: ids are short. */
static uint64_t child_hash(const struct phub_bytes *child)
{
    uint64_t h = 0xcbf29ce484222325u;
    size_t i;

    for (i = 0; i < child->size; i++)
        h = (h ^ child->data[i]) * 0x100000001b3u;
    h = (h ^ (h >> 30)) * 0xbf58476d1ce4e5b9u;
    return h ^ (h >> 31);
}

static void *grown(void *old, size_t count, size_t size)
{
    return count > SIZE_MAX / size ? NULL : realloc(old, count * size);
}

static void table_fill(struct phub_swap *swap)
{
    uint32_t i;

    memset(swap->table, 0, swap->slots_count * sizeof *swap->table);
    for (i = 0; i < swap->slots_count; i++) {
        struct phub_swap_move *move = swap->slots[i], **head;

        if (move == NULL)
            continue;
        head = &swap->table[move->hash & (swap->slots_count - 1)];
        move->same_hash = *head;
        *head = move;
    }
}

/* Room for more moves.  What has grown stays grown if the rest fails: sizes
 * are only trusted up to slots_count. */
int phub__swap_reserve(struct phub_swap *swap, uint32_t more)
{
    uint32_t wanted = swap->slots_count > 0 ? swap->slots_count : SLOTS_FIRST;
    uint32_t i, old = swap->slots_count;
    void *grew;

    if (more > PHUB_SWAP_MOVES_MAX ||
        swap->moves_count + more > PHUB_SWAP_MOVES_MAX)
        return PHUB_ELIMIT;
    while (wanted < swap->moves_count + more)
        wanted *= 2;
    if (wanted == old)
        return 0;
    if ((grew = grown(swap->slots, wanted, sizeof *swap->slots)) == NULL)
        return PHUB_ENOMEM;
    swap->slots = grew;
    if ((grew = grown(swap->free_slots, wanted,
                      sizeof *swap->free_slots)) == NULL)
        return PHUB_ENOMEM;
    swap->free_slots = grew;
    if ((grew = grown(swap->heap, wanted, sizeof *swap->heap)) == NULL)
        return PHUB_ENOMEM;
    swap->heap = grew;
    if ((grew = grown(swap->table, wanted, sizeof *swap->table)) == NULL)
        return PHUB_ENOMEM;
    swap->table = grew;
    swap->slots_count = wanted;
    for (i = old; i < wanted; i++)
        swap->slots[i] = NULL;
    /* The stack of free slots is [moves_count, slots_count). */
    for (i = old; i < wanted; i++)
        swap->free_slots[i] = i;
    table_fill(swap);
    return 0;
}

struct phub_bytes phub__swap_child(const struct phub_swap_move *move)
{
    return (struct phub_bytes){ move->child, move->child_size };
}

struct phub_swap_move *phub__swap_move_new(struct phub_swap *swap,
                                           const struct phub_plan_item *item)
{
    uint64_t me = swap->host->self(swap->ctx);
    struct phub_swap_move *move;
    uint32_t count = 0, i;

    /* What is worse than staying is not tried. */
    while (count < item->targets_count && count < PHUB_SWAP_TARGETS_MAX &&
           item->targets[count] != me)
        count++;
    move = calloc(1, sizeof *move + count * sizeof *move->targets +
                         item->id.size);
    if (move == NULL)
        return NULL;
    move->targets = (uint64_t *)(move + 1);
    for (i = 0; i < count; i++)
        move->targets[i] = item->targets[i];
    move->targets_count = count;
    move->child = (uint8_t *)(move->targets + count);
    move->child_size = item->id.size;
    memcpy(move->child, item->id.data, item->id.size);
    move->hash = child_hash(&item->id);
    move->cause = item->cause;
    move->due_ns = NEVER;
    move->step_due_ns = NEVER;
    move->still_ns = NEVER;
    move->deadline_ns = NEVER;
    if (item->deadline_ms > 0)
        move->deadline_ns = phub__swap_after(swap, item->deadline_ms);
    return move;
}

/* reserve() has made the room. */
void phub__swap_move_add(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_swap_move **head =
        &swap->table[move->hash & (swap->slots_count - 1)];

    move->slot = swap->free_slots[swap->moves_count++];
    swap->slots[move->slot] = move;
    move->same_hash = *head;
    *head = move;
    move->step = PHUB_SWAP_QUEUED;
    swap->steps[PHUB_SWAP_QUEUED]++;
}

void phub__swap_move_drop(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_swap_move **at =
        &swap->table[move->hash & (swap->slots_count - 1)];

    phub__swap_unqueue(swap, move);
    phub__swap_under_way(swap, move, false);
    phub__swap_due_drop(swap, move);
    while (*at != move)
        at = &(*at)->same_hash;
    *at = move->same_hash;
    swap->slots[move->slot] = NULL;
    swap->free_slots[--swap->moves_count] = move->slot;
    swap->steps[move->step]--;
    free(move->text);
    free(move->said);
    free(move);
}

struct phub_swap_move *phub__swap_find(const struct phub_swap *swap,
                                       const struct phub_bytes *child)
{
    uint64_t hash = child_hash(child);
    struct phub_swap_move *move;

    if (swap->slots_count == 0)
        return NULL;
    for (move = swap->table[hash & (swap->slots_count - 1)]; move != NULL;
         move = move->same_hash)
        if (move->hash == hash && move->child_size == child->size &&
            memcmp(move->child, child->data, child->size) == 0)
            return move;
    return NULL;
}

struct phub_swap_move *phub__swap_by_token(const struct phub_swap *swap,
                                           uint64_t token)
{
    uint32_t slot = (uint32_t)token;

    if (slot >= swap->slots_count || swap->slots[slot] == NULL ||
        swap->slots[slot]->token != token)
        return NULL;
    return swap->slots[slot];
}

uint64_t phub__swap_token_of(struct phub_swap *swap, uint32_t slot)
{
    swap->sequence = (swap->sequence + 1) & (UINT32_MAX >> 1);
    return TOKEN_OURS | (uint64_t)swap->sequence << 32 | slot;
}

uint64_t phub__swap_token(struct phub_swap *swap, struct phub_swap_move *move)
{
    move->token = phub__swap_token_of(swap, move->slot);
    return move->token;
}

void phub__swap_step_set(struct phub_swap *swap, struct phub_swap_move *move,
                         uint32_t step)
{
    swap->steps[move->step]--;
    swap->steps[step]++;
    move->step = step;
    move->token = 0;
}
