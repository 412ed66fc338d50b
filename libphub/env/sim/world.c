/* SPDX-License-Identifier: MIT */
/* world: the clock, its events, and the trace.
 *
 * Events run by (time, number); queue.c.  An event of a process is run as a
 * turn of it: the event, then what it deferred.  A frozen process keeps its
 * events in a list; a dead one's are dropped.
 *
 * A slow process is busy for a while after each turn.  What comes meanwhile
 * waits in the same list, in the order in which it came; only the first of it,
 * the late one, is in the queue, for when the process is free. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "env/sim/private.h"

void *phub__sim_alloc(size_t count, size_t size)
{
    void *memory = calloc(count, size);

    phub__assert(memory != NULL);
    return memory;
}

void *phub__sim_alloc_lines(size_t count, size_t size)
{
    size_t lines = (count * size + PHUB__SIM_LINE - 1) / PHUB__SIM_LINE;
    void *memory = aligned_alloc(PHUB__SIM_LINE, lines * PHUB__SIM_LINE);

    phub__assert(memory != NULL);
    memset(memory, 0, lines * PHUB__SIM_LINE);
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

/* --- events ---------------------------------------------------------------- */

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
    phub__sim_queue_add(&world->queue, event);
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

static void hold_first(struct phub__sim_process *process,
                       struct phub__sim_event *event)
{
    event->next = process->held;
    if (process->held != NULL)
        process->held->prev = event;
    else
        process->held_tail = event;
    process->held = event;
}

/* The first of those that wait is the late one, if there is none. */
static void late_next(struct phub__world *world,
                      struct phub__sim_process *process)
{
    struct phub__sim_event *event = process->held;

    if (event == NULL || process->late != NULL || process->frozen)
        return;
    held_remove(event);
    event->at = process->busy_until > world->now ? process->busy_until
                                                 : world->now;
    process->late = event;
    phub__sim_queue_add(&world->queue, event);
}

/* It was taken out of the queue. */
static void late_gone(struct phub__world *world,
                      const struct phub__sim_event *event)
{
    struct phub__sim_process *process = event->process;

    if (process == NULL || process->late != event)
        return;
    process->late = NULL;
    late_next(world, process);
}

void phub__sim_event_move(struct phub__world *world,
                          struct phub__sim_event *event, uint64_t at)
{
    phub__sim_queue_remove(&world->queue, event);
    late_gone(world, event);
    event->at = at < world->now ? world->now : at;
    event->number = world->numbers++;
    phub__sim_queue_add(&world->queue, event);
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
    if (phub__sim_queue_has(*event)) {
        phub__sim_queue_remove(&world->queue, *event);
        late_gone(world, *event);
    } else {
        held_remove(*event);
    }
    event_free(world, *event);
    *event = NULL;
}

void phub__sim_event_again(struct phub__world *world,
                           struct phub__sim_event *event)
{
    phub__sim_queue_add(&world->queue, event);
}

static void drop(struct phub__world *world, struct phub__sim_event *event)
{
    if (event->drop != NULL)
        event->drop(event->arg);
    event_free(world, event);
}

/* It is not its process' turn, for it is frozen or busy, or others wait. */
static int waits(struct phub__world *world, struct phub__sim_event *event)
{
    struct phub__sim_process *process = event->process;
    int late = process->late == event;

    if (late)
        process->late = NULL;
    if (process->frozen || process->busy_until > world->now
        || process->late != NULL) {
        (late ? hold_first : hold)(process, event);
        late_next(world, process);
        return 1;
    }
    return 0;
}

/* The first of the queue. */
static void step(struct phub__world *world, struct phub__sim_event *event)
{
    struct phub__sim_process *process = event->process;

    phub__assert(event->at >= world->now);
    world->now = event->at;
    phub__sim_queue_remove(&world->queue, event);
    if (process != NULL && process->dead) {
        drop(world, event);
        return;
    }
    if (process != NULL && waits(world, event))
        return;
    world->ran++;
    phub__sim_mix(world, event->at);
    phub__sim_mix(world, ((uint64_t)event->kind << 32)
                  | (process == NULL ? UINT32_MAX : process->node->index));
    phub__sim_mix(world, event->content);
    if (process != NULL)
        phub__sim_turn_begin(process);
    event->run(event->arg);
    if (process != NULL) {
        phub__sim_turn_end(process);
        if (!process->dead)
            late_next(world, process);
    }
    event_free(world, event);
}

int phub__world_step(struct phub__world *world)
{
    struct phub__sim_event *event = phub__sim_queue_first(&world->queue);

    if (event == NULL)
        return 0;
    step(world, event);
    return 1;
}

void phub__world_run(struct phub__world *world, uint64_t until_ns)
{
    struct phub__sim_event *first;

    while ((first = phub__sim_queue_first(&world->queue)) != NULL
           && first->at <= until_ns)
        step(world, first);
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
    world->resolve_ns = PHUB__SIM_MS;
    for (unsigned i = 1; i <= PHUB__SIM_CASE; i++)
        phub__sim_seed(&world->streams[i], options->seed, i, 0);
    phub__sim_mix(world, options->seed);
    return world;
}

void phub__world_free(struct phub__world **where)
{
    struct phub__world *world = *where;
    struct phub__sim_event *event;

    if (world == NULL)
        return;
    *where = NULL;
    for (uint32_t i = 0; i < world->nodes_count; i++)
        phub__sim_node_power_off(world->nodes[i]);
    phub__world_heal_all(world);
    while ((event = phub__sim_queue_first(&world->queue)) != NULL) {
        phub__sim_queue_remove(&world->queue, event);
        drop(world, event);
    }
    for (uint32_t i = 0; i < world->nodes_count; i++) {
        phub__sim_disk_wipe(world->nodes[i]);
        free(world->nodes[i]);
    }
    phub__sim_net_fini(world);
    phub__sim_names_fini(world);
    phub__sim_index_fini(world);
    free(world->nodes);
    while (world->events_free != NULL) {
        event = world->events_free;
        world->events_free = event->next;
        free(event);
    }
    phub__sim_queue_fini(&world->queue);
    phub__sim_share_fini(&world->share);
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
