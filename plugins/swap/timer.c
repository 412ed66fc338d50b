/* SPDX-License-Identifier: MIT */
/* timer: one host timer for all moves, set for the first of a binary heap. */
#include "engine.h"

uint64_t phub__swap_now(const struct phub_swap *swap)
{
    return swap->host->now_ns(swap->ctx);
}

uint64_t phub__swap_after(const struct phub_swap *swap, uint64_t ms)
{
    return phub__swap_now(swap) + ms * NS_PER_MS;
}

static void heap_put(struct phub_swap *swap, uint32_t index,
                     struct phub_swap_move *move)
{
    swap->heap[index] = move;
    move->heap_index = index;
}

static void heap_up(struct phub_swap *swap, struct phub_swap_move *move)
{
    uint32_t at = move->heap_index;

    while (at > 0 && swap->heap[(at - 1) / 2]->due_ns > move->due_ns) {
        heap_put(swap, at, swap->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    heap_put(swap, at, move);
}

static void heap_down(struct phub_swap *swap, struct phub_swap_move *move)
{
    uint32_t at = move->heap_index;

    for (;;) {
        uint32_t child = 2 * at + 1;

        if (child >= swap->heap_count)
            break;
        if (child + 1 < swap->heap_count &&
            swap->heap[child + 1]->due_ns < swap->heap[child]->due_ns)
            child++;
        if (swap->heap[child]->due_ns >= move->due_ns)
            break;
        heap_put(swap, at, swap->heap[child]);
        at = child;
    }
    heap_put(swap, at, move);
}

void phub__swap_due_drop(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_swap_move *last;

    if (move->due_ns == NEVER)
        return;
    move->due_ns = NEVER;
    last = swap->heap[--swap->heap_count];
    if (last == move)
        return;
    heap_put(swap, move->heap_index, last);
    heap_up(swap, last);
    heap_down(swap, last);
}

void phub__swap_due(struct phub_swap *swap, struct phub_swap_move *move,
                    uint64_t step_due_ns)
{
    uint64_t due = step_due_ns;

    phub__swap_due_drop(swap, move);
    move->step_due_ns = step_due_ns;
    /* No timer ends a decided move, nor hurries a child's way home. */
    if (move->step == PHUB_SWAP_DECIDE || move->step == PHUB_SWAP_ABORT)
        return;
    if (move->deadline_ns < due)
        due = move->deadline_ns;
    if (move->still_ns < due)
        due = move->still_ns;
    if (due == NEVER)
        return;
    move->due_ns = due;
    move->heap_index = swap->heap_count++;
    heap_up(swap, move);
}

struct phub_swap_move *phub__swap_due_first(struct phub_swap *swap,
                                            uint64_t now_ns)
{
    if (swap->heap_count == 0 || swap->heap[0]->due_ns > now_ns)
        return NULL;
    return swap->heap[0];
}

void phub__swap_arm(struct phub_swap *swap)
{
    uint64_t first = NEVER, now = phub__swap_now(swap);

    if (swap->heap_count > 0)
        first = swap->heap[0]->due_ns;
    if (first == swap->timer_ns)
        return;
    if (swap->timer_ns != NEVER)
        (void)swap->host->timer_cancel(swap->ctx, swap->timer_token);
    swap->timer_ns = NEVER;
    if (first == NEVER)
        return;
    swap->timer_token = phub__swap_token_of(swap, TOKEN_TIMER_SLOT);
    if (swap->host->timer(swap->ctx, first > now ? first - now : 0,
                          swap->timer_token) == 0)
        swap->timer_ns = first;
}
