/* SPDX-License-Identifier: MIT */
/* world: the clock, the heap of events, and the trace.
 *
 * A heap by (time, number): the number makes the order total, so that
 * nothing depends on the heap's shape.  An event of a process is run as a
 * turn of it: the event, then what it deferred.  A frozen process keeps its
 * events in a list; a dead one's are dropped. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "env/sim/private.h"

#define NOT_IN_HEAP UINT32_MAX
#define ARY 4u              /* children of one place in the heap */

void *phub__sim_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    phub__assert(memory != NULL);
    return memory;
}

void *phub__sim_grow(void *old, size_t count, size_t size)
{
    void *memory = realloc(old, count * size);

    phub__assert(memory != NULL);
    return memory;
}

char *phub__sim_text(const char *text, size_t size)
{
    char *copy = phub__sim_alloc(size + 1, 1);

    if (size != 0)
        memcpy(copy, text, size);
    return copy;
}

uint64_t phub__sim_hash(const void *data, size_t size)
{
    return size == 0 ? 0 : XXH3_64bits(data, size);
}

void phub__sim_mix(struct phub__world *world, uint64_t value)
{
    world->hash = (world->hash ^ value) * UINT64_C(0x9fb21c651e98df25);
    world->hash ^= world->hash >> 32;
}

/* --- the heap ------------------------------------------------------------- */

static inline int before(const struct phub__sim_slot *a,
                         const struct phub__sim_slot *b)
{
    return (a->at < b->at) | ((a->at == b->at) & (a->number < b->number));
}

static inline void put(struct phub__world *world, uint32_t index,
                       struct phub__sim_slot slot)
{
    world->heap[index] = slot;
    slot.event->index = index;
}

static void sift_up(struct phub__world *world, uint32_t index,
                    struct phub__sim_slot slot)
{
    while (index > 0 && before(&slot, &world->heap[(index - 1) / ARY])) {
        put(world, index, world->heap[(index - 1) / ARY]);
        index = (index - 1) / ARY;
    }
    put(world, index, slot);
}

static void sift_down(struct phub__world *world, uint32_t index,
                      struct phub__sim_slot slot)
{
    const struct phub__sim_slot *heap = world->heap;

    for (;;) {
        uint32_t first = ARY * index + 1, least = first;
        uint32_t end = first + ARY < world->heap_count ? first + ARY
                                                       : world->heap_count;

        if (first >= world->heap_count)
            break;
        for (uint32_t child = first + 1; child < end; child++)
            if (before(&heap[child], &heap[least]))
                least = child;
        if (!before(&heap[least], &slot))
            break;
        put(world, index, heap[least]);
        index = least;
    }
    put(world, index, slot);
}

/* To its place from there. */
static void sift(struct phub__world *world, uint32_t index,
                 struct phub__sim_slot slot)
{
    if (index > 0 && before(&slot, &world->heap[(index - 1) / ARY]))
        sift_up(world, index, slot);
    else
        sift_down(world, index, slot);
}

static void heap_add(struct phub__world *world, struct phub__sim_event *event)
{
    if (world->heap_count == world->heap_max) {
        world->heap_max = world->heap_max == 0 ? 256 : world->heap_max * 2;
        world->heap = phub__sim_grow(world->heap, world->heap_max,
                                     sizeof(*world->heap));
    }
    sift_up(world, world->heap_count++,
            (struct phub__sim_slot){ event->at, event->number, event });
}

/* The place is filled from below, and that by the last one, which mostly
 * belongs there: half the comparisons. */
static void heap_remove(struct phub__world *world, uint32_t index)
{
    struct phub__sim_slot last = world->heap[--world->heap_count];
    const struct phub__sim_slot *heap = world->heap;
    uint32_t count = world->heap_count, first;

    heap[index].event->index = NOT_IN_HEAP;
    if (index == count)
        return;
    while ((first = ARY * index + 1) + ARY <= count) {
        uint32_t a = first + (uint32_t)before(&heap[first + 1], &heap[first]);
        uint32_t b = first + 2
            + (uint32_t)before(&heap[first + 3], &heap[first + 2]);
        uint32_t least = before(&heap[b], &heap[a]) ? b : a;

        put(world, index, heap[least]);
        index = least;
    }
    sift(world, index, last);
}

struct phub__sim_event *
phub__sim_event(struct phub__world *world, uint64_t at,
                struct phub__sim_process *process, enum phub__sim_kind kind,
                uint64_t content, void (*run)(void *arg),
                void (*drop)(void *arg), void *arg)
{
    struct phub__sim_event *event = world->events_free;

    if (event == NULL)
        event = phub__sim_alloc(1, sizeof(*event));
    else
        world->events_free = event->next;
    event->prev = event->next = NULL;
    event->at = at < world->now ? world->now : at;
    event->number = world->numbers++;
    event->process = process;
    if (process != NULL)
        process->refs++;
    event->kind = kind;
    event->content = content;
    event->run = run;
    event->drop = drop;
    event->arg = arg;
    heap_add(world, event);
    return event;
}

static void held_remove(struct phub__sim_event *event)
{
    struct phub__sim_process *process = event->process;

    if (event->prev != NULL)
        event->prev->next = event->next;
    else
        process->held = event->next;
    if (event->next != NULL)
        event->next->prev = event->prev;
    else
        process->held_tail = event->prev;
    event->prev = event->next = NULL;
}

void phub__sim_event_move(struct phub__world *world,
                          struct phub__sim_event *event, uint64_t at)
{
    event->at = at < world->now ? world->now : at;
    event->number = world->numbers++;
    sift(world, event->index,
         (struct phub__sim_slot){ event->at, event->number, event });
}

static void event_free(struct phub__world *world,
                       struct phub__sim_event *event)
{
    struct phub__sim_process *process = event->process;

    event->next = world->events_free;
    world->events_free = event;
    if (process != NULL)
        phub__sim_process_unref(process);
}

void phub__sim_event_cancel(struct phub__world *world,
                            struct phub__sim_event **event)
{
    if (*event == NULL)
        return;
    if ((*event)->index != NOT_IN_HEAP)
        heap_remove(world, (*event)->index);
    else
        held_remove(*event);
    event_free(world, *event);
    *event = NULL;
}

static void hold(struct phub__sim_process *process,
                 struct phub__sim_event *event)
{
    event->prev = process->held_tail;
    if (process->held_tail != NULL)
        process->held_tail->next = event;
    else
        process->held = event;
    process->held_tail = event;
}

void phub__sim_event_again(struct phub__world *world,
                           struct phub__sim_event *event)
{
    heap_add(world, event);
}

static void drop(struct phub__world *world, struct phub__sim_event *event)
{
    if (event->drop != NULL)
        event->drop(event->arg);
    event_free(world, event);
}

int phub__world_step(struct phub__world *world)
{
    struct phub__sim_event *event;
    struct phub__sim_process *process;

    if (world->heap_count == 0)
        return 0;
    event = world->heap[0].event;
    process = event->process;
    phub__assert(event->at >= world->now);
    world->now = event->at;
    heap_remove(world, 0);
    if (process != NULL && process->dead) {
        drop(world, event);
        return 1;
    }
    if (process != NULL && process->frozen) {
        hold(process, event);
        return 1;
    }
    if (process != NULL && process->busy_until > world->now) {
        event->at = process->busy_until;
        heap_add(world, event);
        return 1;
    }
    world->ran++;
    phub__sim_mix(world, event->at);
    phub__sim_mix(world, ((uint64_t)event->kind << 32)
                  | (process == NULL ? UINT32_MAX : process->node->index));
    phub__sim_mix(world, event->content);
    if (process != NULL)
        phub__sim_turn_begin(process);
    event->run(event->arg);
    if (process != NULL)
        phub__sim_turn_end(process);
    event_free(world, event);
    return 1;
}

void phub__world_run(struct phub__world *world, uint64_t until_ns)
{
    while (world->heap_count != 0 && world->heap[0].at <= until_ns)
        (void)phub__world_step(world);
    if (world->now < until_ns)
        world->now = until_ns;
}

void phub__world_at(struct phub__world *world, uint64_t at_ns,
                    void (*fn)(void *arg), void *arg)
{
    (void)phub__sim_event(world, at_ns, NULL, PHUB__SIM_SCRIPT, 0, fn, NULL,
                          arg);
}

/* --- the story ------------------------------------------------------------ */

void phub__world_note(struct phub__world *world, struct phub__sim_node *node,
                      const char *format, ...)
{
    char text[512];
    va_list list;
    int size;

    if (world->options.trace == NULL)
        return;
    va_start(list, format);
    size = vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    if (size >= 0)
        fprintf(world->options.trace, "%12.6f %-4s %s\n",
                (double)world->now / 1e9, node == NULL ? "-" : node->name,
                text);
}

/* --- life ----------------------------------------------------------------- */

void phub__world_options_init(struct phub__world_options *options,
                              uint64_t seed)
{
    memset(options, 0, sizeof(*options));
    options->seed = seed;
    options->net.latency_ns = 100 * PHUB__SIM_US;
    options->net.tail_ns = 50 * PHUB__SIM_US;
    options->log_level = PHUB__LOG_DEBUG;
}

struct phub__world *phub__world_new(const struct phub__world_options *options)
{
    struct phub__world *world = phub__sim_alloc(1, sizeof(*world));

    world->options = *options;
    world->now = PHUB__SIM_S;
    for (unsigned i = 1; i <= PHUB__SIM_CASE; i++)
        phub__sim_seed(&world->streams[i], options->seed, i, 0);
    phub__sim_mix(world, options->seed);
    return world;
}

void phub__world_free(struct phub__world **where)
{
    struct phub__world *world = *where;

    if (world == NULL)
        return;
    *where = NULL;
    for (uint32_t i = 0; i < world->nodes_count; i++)
        phub__sim_node_power_off(world->nodes[i]);
    phub__world_heal_all(world);
    while (world->heap_count != 0) {
        struct phub__sim_event *event = world->heap[0].event;

        heap_remove(world, 0);
        drop(world, event);
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        phub__sim_disk_wipe(world->nodes[i]);
        free(world->nodes[i]);
    }
    phub__sim_net_fini(world);
    phub__sim_index_fini(world);
    free(world->nodes);
    while (world->events_free != NULL) {
        struct phub__sim_event *event = world->events_free;

        world->events_free = event->next;
        free(event);
    }
    free(world->heap);
    free(world);
}

uint64_t phub__world_now(const struct phub__world *world)
{
    return world->now;
}

uint64_t phub__world_seed(const struct phub__world *world)
{
    return world->options.seed;
}

uint64_t phub__world_events(const struct phub__world *world)
{
    return world->ran;
}

uint64_t phub__world_hash(const struct phub__world *world)
{
    return world->hash;
}

uint64_t phub__world_random(struct phub__world *world,
                            enum phub__sim_stream stream)
{
    return phub__sim_draw(&world->streams[stream]);
}

uint64_t phub__world_below(struct phub__world *world,
                           enum phub__sim_stream stream, uint64_t count)
{
    return phub__sim_below(&world->streams[stream], count);
}
