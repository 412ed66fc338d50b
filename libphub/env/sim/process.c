/* SPDX-License-Identifier: MIT */
/* process: one start of a daemon, and the struct phub_env that it has. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"
#include "wire/memory.h"

#define POST_DELAY (20 * PHUB__SIM_US)
#define WORK_DELAY (200 * PHUB__SIM_US)
#define TURN_DEFERS_MAX 1048576u

/* --- time and chance ------------------------------------------------------ */

static uint64_t now_ns(struct phub_env *env)
{
    return phub__sim_mono(phub__sim_of(env)->node);
}

static uint64_t boot_ns(struct phub_env *env)
{
    return phub__sim_boot(phub__sim_of(env)->node);
}

static uint64_t wall_ms(struct phub_env *env)
{
    return UINT64_C(1800000000000)
        + phub__sim_of(env)->world->now / PHUB__SIM_MS;
}

static uint64_t random_draw(struct phub_env *env)
{
    return phub__sim_draw(&phub__sim_of(env)->random);
}

/* --- timers --------------------------------------------------------------- */

static struct phub__timer *timer_new(struct phub_env *env,
                                     void (*fire)(void *arg), void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);
    struct phub__timer *timer = phub__sim_alloc(1, sizeof(*timer));

    timer->process = process;
    timer->fire = fire;
    timer->arg = arg;
    timer->next = process->timers;
    if (timer->next != NULL)
        timer->next->prev = timer;
    process->timers = timer;
    return timer;
}

static void timer_fired(void *arg)
{
    struct phub__timer *timer = arg;

    timer->event = NULL;
    timer->fire(timer->arg);
}

static void timer_stop(struct phub_env *env, struct phub__timer *timer)
{
    phub__sim_event_cancel(phub__sim_of(env)->world, &timer->event);
}

static void timer_start(struct phub_env *env, struct phub__timer *timer,
                        uint64_t at_ns)
{
    struct phub__sim_process *process = phub__sim_of(env);

    if (timer->event != NULL && phub__sim_queue_has(timer->event)
        && !process->dead) {
        phub__sim_event_move(process->world, timer->event,
                             phub__sim_when_mono(process->node, at_ns));
        return;
    }
    timer_stop(env, timer);
    if (process->dead)
        return;
    timer->event = phub__sim_event(process->world,
                                   phub__sim_when_mono(process->node, at_ns),
                                   process, PHUB__SIM_TIMER, 0, timer_fired,
                                   NULL, timer);
}

static void timer_free(struct phub_env *env, struct phub__timer **where)
{
    struct phub__timer *timer = *where;

    if (timer == NULL)
        return;
    *where = NULL;
    timer_stop(env, timer);
    if (timer->prev != NULL)
        timer->prev->next = timer->next;
    else
        timer->process->timers = timer->next;
    if (timer->next != NULL)
        timer->next->prev = timer->prev;
    free(timer);
}

/* --- turns ---------------------------------------------------------------- */

static int defer(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);

    if (process->deferred_count == process->deferred_max) {
        process->deferred_max = process->deferred_max == 0
            ? 16 : process->deferred_max * 2;
        process->deferred = phub__sim_grow(process->deferred,
                                           process->deferred_max,
                                           sizeof(*process->deferred));
    }
    process->deferred[process->deferred_count++] =
        (struct phub__sim_deferred){ fn, arg };
    return 0;
}

void phub__sim_turn_begin(struct phub__sim_process *process)
{
    phub__assert(process->world->turn == NULL);
    process->world->turn = process;
}

void phub__sim_turn_end(struct phub__sim_process *process)
{
    struct phub__world *world = process->world;
    struct phub__sim_node *node = process->node;

    for (uint32_t i = 0; i < process->deferred_count; i++) {
        struct phub__sim_deferred call = process->deferred[i];

        phub__assert(i < TURN_DEFERS_MAX);
        call.fn(call.arg);
    }
    process->deferred_count = 0;
    world->turn = NULL;
    if (node->slow_ns != 0)
        process->busy_until = world->now + node->slow_ns;
    if (process->dying && node->process == process)
        phub__sim_process_end(&node->process);
}

int phub__sim_effect(struct phub__sim_process *process)
{
    if (process->dead || process->dying)
        return 0;
    if (process->effects_left != 0 && --process->effects_left == 0) {
        phub__world_note(process->world, process->node,
                         "is killed in the middle of a turn");
        process->dying = 1;
        return 0;
    }
    return 1;
}

/* A call that waits for its turn. */
struct call {
    struct phub__sim_process *process;
    void (*fn)(void *arg);
    void (*done)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

static struct call *call_new(struct phub__sim_process *process,
                             void (*fn)(void *arg), void (*done)(void *arg),
                             void *arg)
{
    struct call *call = phub__sim_alloc(1, sizeof(*call));

    call->process = process;
    call->fn = fn;
    call->done = done;
    call->arg = arg;
    return call;
}

static void posted(void *arg)
{
    struct call call = *(struct call *)arg;

    free(arg);
    call.process->posts--;
    call.fn(call.arg);
}

static int post(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);

    if (process->posts == PHUB__POST_MAX)
        return PHUB_EBUSY;
    process->posts++;
    (void)phub__sim_event(process->world, process->world->now + POST_DELAY,
                          process, PHUB__SIM_POST, 0, posted, free,
                          call_new(process, fn, NULL, arg));
    return 0;
}

static void worked(void *arg)
{
    struct call call = *(struct call *)arg;

    free(arg);
    call.process->works--;
    call.fn(call.arg);
    call.done(call.arg);
}

static void work_dropped(void *arg)
{
    struct call *call = arg;

    call->drop(call->arg);
    free(call);
}

static int work(struct phub_env *env, void (*fn)(void *arg),
                void (*done)(void *arg), void (*drop)(void *arg), void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);
    struct call *call;
    struct phub__world *world = process->world;

    if (process->works == PHUB__SIM_WORK_MAX)
        return PHUB_EBUSY;
    process->works++;
    call = call_new(process, fn, done, arg);
    call->drop = drop;
    (void)phub__sim_event(world, world->now + WORK_DELAY
                          + phub__sim_tail(&world->streams[PHUB__SIM_CLOCK],
                                           WORK_DELAY),
                          process, PHUB__SIM_WORK, 0, worked, work_dropped,
                          call);
    return 0;
}

static int load(struct phub_env *env, const int64_t *pids,
                uint32_t pids_count, struct phub__load *out)
{
    struct phub__sim_node *node = phub__sim_of(env)->node;
    const struct phub__sim_load *set = &node->load;
    uint64_t used = set->memory_used_bytes
        + pids_count * set->child_memory_bytes;

    (void)pids;
    phub__sim_load_passes(node, pids_count);
    *out = (struct phub__load){
        .host = set->host != 0 ? set->host : node->index + 1,
        .cpus = set->cpus, .cpu_busy = node->load_busy,
        .cpu_all = node->load_all, .node_cpu_ns = node->load_own,
        .memory_bytes = set->memory_bytes,
        .memory_free_bytes = used < set->memory_bytes
                                 ? set->memory_bytes - used : 0,
        .node_memory_bytes = pids_count * set->child_memory_bytes,
        .queue_milli = set->queue_milli,
    };
    return 0;
}

static void retire(struct phub_env *env, void *ptr, void (*free_fn)(void *))
{
    (void)env;
    free_fn(ptr);
}

static const void *share(struct phub_env *env, void *ptr, size_t size)
{
    struct phub__sim_shared *shared =
        phub__sim_share_get(&phub__sim_of(env)->world->share, ptr, size);

    phub__free(ptr);
    return shared->bytes;
}

static void unshare(void *ptr)
{
    uint8_t *bytes = ptr;

    phub__sim_share_drop((struct phub__sim_shared *)(void *)
        (bytes - offsetof(struct phub__sim_shared, bytes)));
}

static void read_nothing(struct phub_env *env)
{
    (void)env;
}

static void log_text(struct phub_env *env, enum phub__log_level level,
                     const char *text)
{
    static const char *const names[] = { "", "error", "warning", "notice",
                                         "debug" };
    struct phub__sim_process *process = phub__sim_of(env);

    if (!process->dead)
        phub__world_note(process->world, process->node, "%s: %s",
                         names[level], text);
}

/* --- life ----------------------------------------------------------------- */

void phub__sim_process_new(struct phub__sim_node *node)
{
    static const struct phub_env functions = {
        .now_ns = now_ns, .boot_ns = boot_ns, .wall_ms = wall_ms,
        .random = random_draw, .timer_new = timer_new,
        .timer_start = timer_start, .timer_stop = timer_stop,
        .timer_free = timer_free, .defer = defer, .post = post, .work = work,
        .load = load, .retire = retire, .share = share,
        .unshare = unshare, .read_lock = read_nothing,
        .read_unlock = read_nothing, .runner = phub__sim_runner,
        .log = log_text
    };
    struct phub__sim_process *process = phub__sim_alloc(1, sizeof(*process));

    process->env = functions;
    phub__sim_net_init(&process->env);
    phub__sim_names_init(&process->env);
    phub__sim_disk_init(&process->env);
    process->world = node->world;
    for (unsigned level = PHUB__LOG_ERROR; level <= PHUB__LOG_DEBUG; level++)
        if (node->world->options.trace == NULL
            || level > (unsigned)node->world->options.log_level)
            process->env.deaf |= UINT32_C(1) << level;
    process->env.calls = node->world->options.calls;
    process->node = node;
    process->refs = 2;  /* the node, and this call */
    process->serial = ++node->world->serials;
    phub__sim_seed(&process->random, node->world->options.seed,
                   1000 + node->index, node->starts);
    phub__sim_runners_init(process);
    node->process = process;
    phub__sim_turn_begin(process);
    process->self = node->program.start(node->program.arg, node,
                                        &process->env);
    if (process->self == NULL) {
        process->deferred_count = 0; /* nobody is left to be called */
        process->dying = 1;
    }
    phub__sim_turn_end(process);
    phub__sim_process_unref(process);
}

void phub__sim_process_end(struct phub__sim_process **where)
{
    struct phub__sim_process *process = *where;
    struct phub__sim_node *node = process->node;

    *where = NULL;
    process->dead = 1;
    phub__sim_disk_crash(node, 0);
    phub__sim_net_end(process);
    phub__sim_runners_end(process);
    if (process->self != NULL)
        node->program.end(node->program.arg, node, process->self);
    process->self = NULL;
    while (process->timers != NULL) {
        struct phub__timer *timer = process->timers;

        timer_free(&process->env, &timer);
    }
    phub__sim_net_free(process);
    free(process->deferred);
    process->deferred = NULL;
    process->deferred_count = process->deferred_max = 0;
    phub__sim_release(process);
    phub__sim_process_unref(process);
}

void phub__sim_release(struct phub__sim_process *process)
{
    struct phub__sim_event *event = process->held;

    process->held = process->held_tail = NULL;
    while (event != NULL) {
        struct phub__sim_event *next = event->next;

        event->prev = event->next = NULL;
        event->at = process->world->now;
        phub__sim_event_again(process->world, event);
        event = next;
    }
}

void phub__sim_process_unref(struct phub__sim_process *process)
{
    phub__assert(process->refs > 0);
    if (--process->refs == 0)
        free(process);
}
