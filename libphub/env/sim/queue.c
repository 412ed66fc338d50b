/* SPDX-License-Identifier: MIT */
/* queue: events by (time, number), the least first.
 *
 * A hashed wheel (Varghese and Lauck: Hashed and Hierarchical Timing Wheels,
 * 1987) in front of a heap.  Time is cut into ticks.  Events of the tick that
 * the queue has come to, and of earlier ones, are in a heap of four children a
 * place; it holds a millisecond's events, so it is small and warm.  Later ones
 * lie unsorted in the wheel, at their tick modulo its slots, and go over to
 * the heap when the queue comes to it; those of a later turn of the wheel stay.
 * So what is put in and taken out again before its time, as most timers are,
 * costs two links.
 *
 * The number makes the order total: nothing depends on the heap's shape, nor
 * on the order in a slot. */
#include "config.h"

#include <stdlib.h>

#include "env/sim/private.h"

#define TICK_BITS 20u       /* a tick is 2^20 ns */
#define SLOTS PHUB__SIM_QUEUE_SLOTS
#define ARY 4u              /* children of one place in the heap */
#define NOT_QUEUED UINT32_MAX
#define IN_WHEEL (UINT32_MAX - 1)

static inline uint64_t tick_of(const struct phub__sim_event *event)
{
    return event->at >> TICK_BITS;
}

/* --- the heap ------------------------------------------------------------- */

static inline int before(const struct phub__sim_slot *a,
                         const struct phub__sim_slot *b)
{
    return (a->at < b->at) | ((a->at == b->at) & (a->number < b->number));
}

static inline void put(struct phub__sim_queue *queue, uint32_t index,
                       struct phub__sim_slot slot)
{
    queue->heap[index] = slot;
    slot.event->index = index;
}

static void sift_up(struct phub__sim_queue *queue, uint32_t index,
                    struct phub__sim_slot slot)
{
    while (index > 0 && before(&slot, &queue->heap[(index - 1) / ARY])) {
        put(queue, index, queue->heap[(index - 1) / ARY]);
        index = (index - 1) / ARY;
    }
    put(queue, index, slot);
}

static void heap_add(struct phub__sim_queue *queue,
                     struct phub__sim_event *event)
{
    if (queue->heap_count == queue->heap_max) {
        queue->heap_max = queue->heap_max == 0 ? 64 : queue->heap_max * 2;
        queue->heap = phub__sim_grow(queue->heap, queue->heap_max,
                                     sizeof(*queue->heap));
    }
    sift_up(queue, queue->heap_count++,
            (struct phub__sim_slot){ event->at, event->number, event });
}

/* The place is filled from below, and that by the last one, which mostly
 * belongs there: half the comparisons. */
static void heap_remove(struct phub__sim_queue *queue, uint32_t index)
{
    struct phub__sim_slot last = queue->heap[--queue->heap_count];
    const struct phub__sim_slot *heap = queue->heap;
    uint32_t count = queue->heap_count, first;

    if (index == count)
        return;
    while ((first = ARY * index + 1) < count) {
        uint32_t end = first + ARY < count ? first + ARY : count;
        uint32_t least = first;

        for (uint32_t child = first + 1; child < end; child++)
            if (before(&heap[child], &heap[least]))
                least = child;
        put(queue, index, heap[least]);
        index = least;
    }
    sift_up(queue, index, last);
}

/* --- the wheel ------------------------------------------------------------ */

static void wheel_add(struct phub__sim_queue *queue,
                      struct phub__sim_event *event)
{
    uint32_t slot = (uint32_t)(tick_of(event) % SLOTS);

    event->index = IN_WHEEL;
    event->prev = NULL;
    event->next = queue->wheel[slot];
    if (event->next != NULL)
        event->next->prev = event;
    queue->wheel[slot] = event;
    queue->taken[slot / 64] |= UINT64_C(1) << slot % 64;
    queue->wheel_count++;
}

static void wheel_remove(struct phub__sim_queue *queue,
                         struct phub__sim_event *event)
{
    uint32_t slot = (uint32_t)(tick_of(event) % SLOTS);

    if (event->next != NULL)
        event->next->prev = event->prev;
    if (event->prev != NULL)
        event->prev->next = event->next;
    else
        queue->wheel[slot] = event->next;
    if (queue->wheel[slot] == NULL)
        queue->taken[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    event->prev = event->next = NULL;
    queue->wheel_count--;
}

/* How many ticks from tick on to one whose slot is taken; at least one is. */
static uint32_t distance(const struct phub__sim_queue *queue, uint64_t tick)
{
    uint32_t slot = (uint32_t)(tick % SLOTS), gone = 0;
    uint64_t word = queue->taken[slot / 64] >> slot % 64;

    if (word != 0)
        return (uint32_t)__builtin_ctzll(word);
    gone = 64 - slot % 64;
    while ((word = queue->taken[(slot + gone) % SLOTS / 64]) == 0)
        gone += 64;
    return gone + (uint32_t)__builtin_ctzll(word);
}

/* All events of the queue's tick into the heap. */
static void tick_open(struct phub__sim_queue *queue)
{
    struct phub__sim_event *event = queue->wheel[queue->tick % SLOTS], *next;

    for (; event != NULL; event = next) {
        next = event->next;
        if (tick_of(event) != queue->tick)
            continue;
        wheel_remove(queue, event);
        heap_add(queue, event);
    }
}

/* What comes next was put there long ago: have it in the cache by then, the
 * event first and, a tick later, what it is about. */
static void look_ahead(const struct phub__sim_queue *queue)
{
    const struct phub__sim_event *event;
    uint64_t tick = queue->tick + 1;

    if (queue->wheel_count == 0)
        return;
    tick += distance(queue, tick);
    event = queue->wheel[tick % SLOTS];
    __builtin_prefetch(event->process);
    __builtin_prefetch(event->arg);
    tick += 1 + distance(queue, tick + 1);
    __builtin_prefetch(queue->wheel[tick % SLOTS]);
}

/* None of them comes in this turn of the wheel: the earliest tick. */
static uint64_t earliest(const struct phub__sim_queue *queue)
{
    uint64_t tick = UINT64_MAX;

    for (uint32_t slot = 0; slot < SLOTS; slot++)
        for (const struct phub__sim_event *event = queue->wheel[slot];
             event != NULL; event = event->next)
            tick = tick_of(event) < tick ? tick_of(event) : tick;
    return tick;
}

/* To the next tick that has events; there is one. */
static void turn(struct phub__sim_queue *queue)
{
    uint64_t from = queue->tick;

    while (queue->heap_count == 0) {
        queue->tick += 1;
        queue->tick += distance(queue, queue->tick);
        if (queue->tick - from > SLOTS)
            queue->tick = from = earliest(queue);
        tick_open(queue);
    }
    look_ahead(queue);
}

/* --- what others see ------------------------------------------------------ */

void phub__sim_queue_add(struct phub__sim_queue *queue,
                         struct phub__sim_event *event)
{
    if (tick_of(event) <= queue->tick)
        heap_add(queue, event);
    else
        wheel_add(queue, event);
}

void phub__sim_queue_remove(struct phub__sim_queue *queue,
                            struct phub__sim_event *event)
{
    phub__assert(event->index != NOT_QUEUED);
    if (event->index == IN_WHEEL)
        wheel_remove(queue, event);
    else
        heap_remove(queue, event->index);
    event->index = NOT_QUEUED;
}

int phub__sim_queue_has(const struct phub__sim_event *event)
{
    return event->index != NOT_QUEUED;
}

struct phub__sim_event *phub__sim_queue_first(struct phub__sim_queue *queue)
{
    if (queue->heap_count == 0) {
        if (queue->wheel_count == 0)
            return NULL;
        turn(queue);
    }
    return queue->heap[0].event;
}

void phub__sim_queue_fini(struct phub__sim_queue *queue)
{
    phub__assert(queue->heap_count == 0 && queue->wheel_count == 0);
    free(queue->heap);
}
