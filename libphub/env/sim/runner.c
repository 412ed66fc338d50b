/* SPDX-License-Identifier: MIT */
/* runner: the simulated runners "exec" and "actor", and the guard.
 *
 * The guard is not a process of the world: it is never frozen and does what
 * it is told after a moment, also when the daemon that told it has died since.
 * Its deadline only grows, and one that has passed is ignored, as with the
 * real one; the message with it waits while the daemon is frozen. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/guard.h"

#define CHANNEL_DELAY (20 * PHUB__SIM_US)
#define SPAWN_DELAY (400 * PHUB__SIM_US)
#define GUARD_LATE_MAX (200 * PHUB__SIM_MS) /* after the deadline */
#define ATTACH_DELAY (500 * PHUB__SIM_US)
#define END_DELAY (1 * PHUB__SIM_MS)

static uint64_t moment(struct phub__world *world, uint64_t mean)
{
    return mean / 2 + phub__sim_tail(&world->streams[PHUB__SIM_GUARD], mean);
}

static struct phub__sim_runner *self_of(struct phub__runner *runner)
{
    return (struct phub__sim_runner *)runner;
}

/* Who hears of the child: the runner of the process that holds it, or of the
 * daemon that its guard knows now. */
static struct phub__sim_runner *hears(const struct phub__sim_child *child)
{
    if (child->process != NULL)
        return child->process->dead ? NULL : &child->process->actor;
    return child->node->guard == NULL ? NULL : child->node->guard->runner;
}

static int is_busy(const struct phub__sim_runner *runner)
{
    return !runner->actor && runner->process->node->guard_busy;
}

static struct phub__sim_child *find(struct phub__sim_runner *runner,
                                    uint64_t handle)
{
    return phub__sim_child_held(runner->process->node, handle,
                                runner->actor ? runner->process : NULL);
}

/* --- what its daemon hears ------------------------------------------------ */

enum news { NEWS_STARTED, NEWS_FAILED, NEWS_EXITED, NEWS_RECEIVED };

struct tale {
    struct phub__sim_runner *runner;
    enum news news;
    uint64_t handle;
    int64_t pid;
    int status;
    enum phub__end_cause cause;
    const char *text;
    struct phub__verb_message message;
};

static void tale_free(void *arg)
{
    struct tale *tale = arg;

    phub__buf_unref(&tale->message.body);
    free(tale);
}

static void tale_told(void *arg)
{
    struct tale *tale = arg;
    struct phub__sim_runner *runner = tale->runner;

    if (runner->events != NULL) {
        switch (tale->news) {
        case NEWS_STARTED:
            runner->events->started(runner->arg, tale->handle, tale->pid);
            break;
        case NEWS_FAILED:
            runner->events->failed(runner->arg, tale->handle, tale->status,
                                   tale->text);
            break;
        case NEWS_EXITED:
            runner->events->exited(runner->arg, tale->handle, tale->status,
                                   tale->cause);
            break;
        case NEWS_RECEIVED:
            runner->events->received(runner->arg, tale->handle,
                                     &tale->message);
            break;
        }
    }
    tale_free(tale);
}

/* In order: each tale of a runner comes CHANNEL_DELAY later. */
static void tell(struct phub__sim_runner *runner, const struct tale *like)
{
    struct tale *tale;
    struct phub__sim_process *process;

    if (runner == NULL || runner->events == NULL || runner->process->dead)
        return;
    process = runner->process;
    tale = phub__sim_alloc(1, sizeof(*tale));
    *tale = *like;
    tale->runner = runner;
    (void)phub__buf_ref(tale->message.body);
    (void)phub__sim_event(process->world, process->world->now + CHANNEL_DELAY,
                          process, PHUB__SIM_RUNNER,
                          ((uint64_t)tale->news << 32) ^ tale->handle,
                          tale_told, tale_free, tale);
}

void phub__sim_tell_started(struct phub__sim_child *child)
{
    tell(hears(child), &(struct tale){ .news = NEWS_STARTED,
         .handle = child->handle, .pid = child->pid });
}

void phub__sim_tell_exited(struct phub__sim_child *child, int status,
                           enum phub__end_cause cause)
{
    tell(hears(child), &(struct tale){ .news = NEWS_EXITED,
         .handle = child->handle, .status = status, .cause = cause });
}

void phub__sim_tell(struct phub__sim_child *child, enum phub__verb verb,
                    uint64_t ref, int32_t code, struct phub_buf *body)
{
    if (phub__sim_child_hung_up(child))
        return;
    tell(hears(child), &(struct tale){ .news = NEWS_RECEIVED,
         .handle = child->handle,
         .message = { .verb = verb, .ref = ref, .code = code,
                      .version = verb == PHUB__VERB_HELLO
                                     ? (uint32_t)child->manner.version : 0,
                      .body = body } });
}

void phub__sim_tell_news(struct phub__sim_child *child, const char *key,
                         struct phub_buf *value)
{
    if (phub__sim_child_hung_up(child))
        return;
    tell(hears(child), &(struct tale){ .news = NEWS_RECEIVED,
         .handle = child->handle,
         .message = { .verb = PHUB__VERB_PUBLISH, .body = value,
                      .text = { (const uint8_t *)key, strlen(key) } } });
}

/* --- the guard ------------------------------------------------------------ */

static void guard_new(struct phub__sim_node *node)
{
    struct phub__sim_guard *guard = phub__sim_alloc(1, sizeof(*guard));

    guard->id = phub__world_random(node->world, PHUB__SIM_GUARD) | 1;
    node->guard = guard;
}

static void guard_free(struct phub__sim_node *node)
{
    struct phub__sim_guard *guard = node->guard;

    if (guard == NULL)
        return;
    node->guard = NULL;
    phub__sim_event_cancel(node->world, &guard->check);
    while (guard->puts != NULL) {
        struct phub__sim_put *put = guard->puts;

        guard->puts = put->next;
        phub__buf_unref(&put->state);
        free(put);
    }
    free(guard);
}

/* End every exec child of the node, or every actor of the process. */
static uint32_t end_all(struct phub__sim_node *node,
                        const struct phub__sim_process *process, int status,
                        enum phub__sim_end why)
{
    struct phub__sim_child *child = node->world->children;
    uint32_t count = 0;

    while (child != NULL) {
        struct phub__sim_child *next = child->next;

        if (child->node == node && child->process == process) {
            phub__sim_child_end(child, status, why);
            count++;
        }
        child = next;
    }
    return count;
}

static void guard_check(void *arg);
static void actors_arm(struct phub__sim_runner *runner, uint64_t delay);

/* Look then instead of when it was said before. */
static void arm(struct phub__world *world, struct phub__sim_event **check,
                uint64_t at, unsigned content, void (*fn)(void *arg),
                void *arg)
{
    if (*check != NULL)
        phub__sim_event_move(world, *check, at);
    else
        *check = phub__sim_event(world, at, NULL, PHUB__SIM_RUNNER, content,
                                 fn, NULL, arg);
}

/* On a slow machine its children end late, if within the kill margin. */
static uint64_t guard_late(const struct phub__sim_node *node)
{
    return node->slow_ns < GUARD_LATE_MAX ? node->slow_ns : GUARD_LATE_MAX;
}

static void guard_arm(struct phub__sim_node *node, uint64_t delay)
{
    struct phub__sim_guard *guard = node->guard;

    arm(node->world, &guard->check,
        phub__sim_when_boot(node, guard->deadline) + guard_late(node) + delay,
        1, guard_check, node);
}

static void guard_check(void *arg)
{
    struct phub__sim_node *node = arg;
    struct phub__sim_guard *guard = node->guard;

    guard->check = NULL;
    if (phub__sim_boot(node) < guard->deadline + guard_late(node)) {
        guard_arm(node, 1000);
        return;
    }
    if (end_all(node, NULL, -9, PHUB__SIM_END_LEASE) != 0)
        phub__world_note(node->world, node, "guard: the lease has passed");
    if (guard->runner == NULL)
        guard_free(node);
}

void phub__sim_guard_recheck(struct phub__sim_node *node)
{
    if (node->guard != NULL && node->guard->deadline != 0)
        guard_arm(node, 0);
    if (node->process != NULL && node->process->actor.deadline != 0)
        actors_arm(&node->process->actor, 0);
}

void phub__sim_guard_power_off(struct phub__sim_node *node)
{
    guard_free(node);
    (void)end_all(node, NULL, -9, PHUB__SIM_END_POWER);
}

static void holder_told(void *arg)
{
    struct phub__sim_runner *runner = arg;

    if (runner->events != NULL && runner->process->node->guard != NULL)
        runner->events->holder(runner->arg, runner->process->node->guard->id);
}

void phub__sim_node_kill_guard(struct phub__sim_node *node)
{
    struct phub__sim_runner *runner;

    if (node->guard == NULL)
        return;
    phub__world_note(node->world, node, "guard is killed");
    (void)end_all(node, NULL, -9, PHUB__SIM_END_HOLDER);
    runner = node->guard->runner;
    guard_free(node);
    if (runner == NULL)
        return;
    guard_new(node);
    node->guard->runner = runner;
    (void)phub__sim_event(node->world, node->world->now + ATTACH_DELAY,
                          runner->process, PHUB__SIM_RUNNER, 2, holder_told,
                          NULL, runner);
}

/* --- starting ------------------------------------------------------------- */

struct spawn {
    struct phub__sim_runner *runner;
    struct phub__sim_process *process;  /* owns a reference */
    struct phub__sim_child *like;
    uint64_t guard;                     /* who was told; 0: an actor */
};

/* The guard that was told, if it still lives. */
static struct phub__sim_guard *told(const struct spawn *spawn)
{
    struct phub__sim_guard *guard = spawn->process->node->guard;

    return guard != NULL && guard->id == spawn->guard ? guard : NULL;
}

static void spawn_free(void *arg)
{
    struct spawn *spawn = arg;

    if (told(spawn) != NULL)
        told(spawn)->spawning--;

    phub__sim_process_unref(spawn->process);
    free(spawn->like);
    free(spawn);
}

static void take_put(struct phub__sim_child *child)
{
    struct phub__sim_guard *guard = child->node->guard;
    struct phub__sim_put **where = guard == NULL ? NULL : &guard->puts;

    for (; where != NULL && *where != NULL; where = &(*where)->next) {
        struct phub__sim_put *put = *where;

        if (put->id_size != child->id_size
            || memcmp(put->id, child->id, put->id_size) != 0)
            continue;
        child->state_put = phub__sim_child_load(child, put->state) == 0;
        *where = put->next;
        phub__buf_unref(&put->state);
        free(put);
        return;
    }
}

static void spawned(void *arg)
{
    struct spawn *spawn = arg;
    struct phub__sim_process *process = spawn->process;
    struct phub__sim_node *node = process->node;
    struct phub__sim_child *like = spawn->like;
    struct phub__sim_guard *guard = told(spawn);
    const char *fails = like->manner.fail_start ? "no such program"
        : node->no_exec && !spawn->runner->actor ? "cannot fork" : NULL;
    int late = guard != NULL && guard->deadline != 0
        && phub__sim_boot(node) >= guard->deadline;
    struct phub__sim_child *child;

    /* What a dead daemon had ordered begins, unless the next one is there:
     * that has been told of all children already. */
    if (process->dead && (guard == NULL || guard->runner != NULL || late
                          || fails != NULL)) {
        spawn_free(spawn);
        return;
    }
    if (fails != NULL || late
        || (guard == NULL && !spawn->runner->actor)) {
        tell(spawn->runner, &(struct tale){ .news = NEWS_FAILED,
             .handle = like->handle, .status = like->manner.fail_start ? PHUB_ESPAWN
                 : late ? PHUB_EAGAIN : PHUB_ESYS,
             .text = fails != NULL ? fails : "the lease has passed" });
        spawn_free(spawn);
        return;
    }
    child = phub__sim_child_new(node, spawn->runner->actor ? process : NULL,
                                like);
    if (!spawn->runner->actor)
        take_put(child);
    phub__sim_tell_started(child);
    phub__sim_child_begin(child);
    spawn_free(spawn);
}

static int runner_start(struct phub__runner *base,
                        const struct phub__runner_start *start)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__sim_process *process = runner->process;
    struct phub__sim_child *like;
    struct spawn *spawn;

    if (!phub__sim_effect(process))
        return 0;
    if (is_busy(runner))
        return PHUB_EBUSY;
    like = phub__sim_alloc(1, sizeof(*like) + start->id.size + 1);
    memcpy(like->id, start->id.data, start->id.size);
    like->id_size = (uint32_t)start->id.size;
    like->handle = start->handle;
    like->epoch = start->epoch;
    like->incarnation = start->incarnation;
    like->standby = start->standby;
    like->state_expected = start->state_expected;
    phub__sim_manner(&like->manner, start->spec, runner->actor);
    if (like->manner.old_on == process->node->index + 1u)
        like->manner.version--;
    like->passive = start->passive &&
                    (like->manner.can & PHUB__CAN_ROLE) != 0;
    spawn = phub__sim_alloc(1, sizeof(*spawn));
    spawn->runner = runner;
    spawn->process = process;
    process->refs++;
    spawn->like = like;
    if (!runner->actor && process->node->guard != NULL) {
        spawn->guard = process->node->guard->id;
        process->node->guard->spawning++;
    }
    (void)phub__sim_event(process->world, process->world->now
                          + like->manner.slow_exec_ns
                          + (runner->actor ? CHANNEL_DELAY
                             : moment(process->world, SPAWN_DELAY)),
                          runner->actor ? process : NULL, PHUB__SIM_RUNNER,
                          like->handle, spawned, spawn_free, spawn);
    return 0;
}

/* --- verbs, signals ------------------------------------------------------ */

struct order {
    struct phub__sim_child *child;
    enum phub__verb verb;               /* 0: a signal */
    uint64_t ref;
    int32_t code;
    struct phub_buf *body;
};

static void order_free(void *arg)
{
    struct order *order = arg;

    phub__buf_unref(&order->body);
    phub__sim_child_unref(order->child);
    free(order);
}

static void order_arrived(void *arg)
{
    struct order *order = arg;

    if (order->verb == 0)
        phub__sim_child_signal(order->child, order->code);
    else
        phub__sim_child_verb(order->child, order->verb, order->ref,
                             order->code, order->body);
    order_free(order);
}

static void order_send(struct phub__sim_child *child, enum phub__verb verb,
                       uint64_t ref, int32_t code, struct phub_buf *body)
{
    struct order *order = phub__sim_alloc(1, sizeof(*order));

    order->child = child;
    child->refs++;
    order->verb = verb;
    order->ref = ref;
    order->code = code;
    order->body = phub__buf_ref(body);
    (void)phub__sim_event(child->world, child->world->now + CHANNEL_DELAY,
                          child->process, PHUB__SIM_CHILD,
                          ((uint64_t)verb << 56) ^ child->serial,
                          order_arrived, order_free, order);
}

static int runner_send(struct phub__runner *base, uint64_t handle,
                       const struct phub__verb_message *message)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__sim_child *child = find(runner, handle);

    if (!phub__sim_effect(runner->process))
        return 0;
    if (child == NULL)
        return PHUB_ENOTFOUND;
    if (child->manner.no_channel)
        return PHUB_EUNSUPPORTED;
    if (phub__sim_child_hung_up(child))
        return PHUB_EFAILED;
    order_send(child, message->verb, message->ref, message->code,
               message->body);
    return 0;
}

static int runner_kill(struct phub__runner *base, uint64_t handle, int hard)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__sim_child *child = find(runner, handle);

    if (!phub__sim_effect(runner->process))
        return 0;
    if (child == NULL)
        return PHUB_ENOTFOUND;
    if (is_busy(runner))
        return PHUB_EBUSY;
    order_send(child, 0, 0, hard, NULL);
    return 0;
}

/* --- attach, detach, lease ------------------------------------------------ */

struct attach {
    struct phub__sim_runner *runner;
    void (*attached)(void *arg, uint64_t guard_id);
    void *arg;
};

static void attach_ran(void *arg)
{
    struct attach attach = *(struct attach *)arg;
    struct phub__sim_runner *runner = attach.runner;
    struct phub__sim_node *node = runner->process->node;
    struct phub__sim_child *first = runner->actor ? NULL
                                                  : node->world->children;
    struct phub__sim_child *child;

    free(arg);
    if (runner->events == NULL)
        return;
    if (!runner->actor && node->guard == NULL)
        guard_new(node);
    if (!runner->actor)
        node->guard->runner = runner;
    /* All before the first is told of: an order for it would else reach who
     * has still the same handle from the daemon before. */
    for (child = first; child != NULL; child = child->next)
        if (child->node == node && child->process == NULL)
            phub__sim_child_rehandle(child, ++runner->handle_next);
    for (child = first; child != NULL; child = child->next) {
        struct phub__runner_adopted adopted;

        if (child->node != node || child->process != NULL)
            continue;
        adopted = (struct phub__runner_adopted){
            .handle = child->handle,
            .id = { (const uint8_t *)child->id, child->id_size },
            .epoch = child->epoch, .incarnation = child->incarnation,
            .pid = child->pid,
            .ready = child->manner.no_channel || child->manner.no_ready,
            .awaits = child->standby || child->state_expected };
        runner->events->adopted(runner->arg, &adopted);
        phub__sim_child_identify(child);
    }
    attach.attached(attach.arg, runner->actor ? 0 : node->guard->id);
}

static int runner_attach(struct phub__runner *base,
                         const struct phub__runner_events *events,
                         void (*attached)(void *arg, uint64_t guard_id),
                         void *arg, char *error, size_t error_max)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__world *world = runner->process->world;
    struct attach *attach = phub__sim_alloc(1, sizeof(*attach));

    (void)error;
    (void)error_max;
    runner->events = events;
    runner->arg = arg;
    *attach = (struct attach){ runner, attached, arg };
    (void)phub__sim_event(world, world->now + ATTACH_DELAY, runner->process,
                          PHUB__SIM_RUNNER, 4, attach_ran, free, attach);
    return 0;
}

static void runner_detach(struct phub__runner *base)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__sim_node *node = runner->process->node;

    if (runner->events == NULL)
        return;
    runner->events = NULL;
    if (runner->process->dead || runner->process->dying)
        return;
    if (!runner->actor && node->guard != NULL
        && node->guard->runner == runner)
        guard_free(node);
    (void)end_all(node, runner->actor ? runner->process : NULL, -9,
                  PHUB__SIM_END_ASKED);
}

struct lease {
    struct phub__sim_runner *runner;
    uint64_t boot_ns;
};

static void actors_check(void *arg);

static void actors_arm(struct phub__sim_runner *runner, uint64_t delay)
{
    struct phub__sim_node *node = runner->process->node;

    arm(node->world, &runner->check,
        phub__sim_when_boot(node, runner->deadline) + guard_late(node) + delay,
        6, actors_check, runner);
}

/* Their workers look at the deadline before each step, however much waits for
 * the daemon's own thread; while the daemon is frozen they are, too. */
static void actors_check(void *arg)
{
    struct phub__sim_runner *runner = arg;
    struct phub__sim_node *node = runner->process->node;

    runner->check = NULL;
    if (runner->process->frozen)
        return; /* when it goes on */
    if (phub__sim_boot(node) < runner->deadline + guard_late(node))
        actors_arm(runner, 1000);
    else
        (void)end_all(node, runner->process, -9, PHUB__SIM_END_LEASE);
}

/* A renewal that comes after the deadline renews nothing. */
static void actors_deadline(struct phub__sim_runner *runner, uint64_t boot_ns)
{
    struct phub__sim_node *node = runner->process->node;

    if (boot_ns <= runner->deadline)
        return;
    if (runner->deadline != 0 && phub__sim_boot(node) >= runner->deadline)
        (void)end_all(node, runner->process, -9, PHUB__SIM_END_LEASE);
    runner->deadline = boot_ns;
    actors_arm(runner, 0);
}

static void lease_taken(void *arg)
{
    struct lease lease = *(struct lease *)arg;
    struct phub__sim_node *node = lease.runner->process->node;
    struct phub__sim_guard *guard = node->guard;

    free(arg);
    if (guard == NULL || guard->runner != lease.runner
        || lease.boot_ns <= guard->deadline
        || lease.boot_ns <= phub__sim_boot(node))
        return;
    guard->deadline = lease.boot_ns;
    guard_arm(node, moment(node->world, END_DELAY));
}

/* For actors it is a word in memory.  Else it is a message to the guard like
 * others: it waits while the daemon is frozen between deciding and writing. */
static void runner_deadline(struct phub__runner *base, uint64_t boot_ns)
{
    struct phub__sim_runner *runner = self_of(base);
    struct phub__world *world = runner->process->world;
    struct lease *lease;

    if (!phub__sim_effect(runner->process))
        return;
    if (runner->actor) {
        actors_deadline(runner, boot_ns);
        return;
    }
    lease = phub__sim_alloc(1, sizeof(*lease));
    *lease = (struct lease){ runner, boot_ns };
    (void)phub__sim_event(world, world->now + CHANNEL_DELAY, runner->process,
                          PHUB__SIM_RUNNER, 5, lease_taken, free, lease);
}

/* --- life ----------------------------------------------------------------- */

void phub__sim_runners_init(struct phub__sim_process *process)
{
    static const struct phub__runner functions = {
        .attach = runner_attach, .detach = runner_detach,
        .start = runner_start, .send = runner_send, .kill = runner_kill,
        .command = phub__sim_command, .deadline = runner_deadline
    };

    process->exec.runner = process->actor.runner = functions;
    process->exec.runner.name = "exec";
    process->exec.runner.survives = 1;
    process->actor.runner.name = "actor";
    process->actor.runner.command = NULL;
    process->actor.actor = 1;
    process->exec.process = process->actor.process = process;
    process->exec.handle_next = 1;
}

struct phub__runner *phub__sim_runner(struct phub_env *env, const char *name)
{
    struct phub__sim_process *process = phub__sim_of(env);

    if (strcmp(name, "exec") == 0)
        return &process->exec.runner;
    if (strcmp(name, "actor") == 0)
        return &process->actor.runner;
    return NULL;
}

void phub__sim_runners_end(struct phub__sim_process *process)
{
    struct phub__sim_node *node = process->node;
    struct phub__sim_child *child;

    (void)end_all(node, process, -9, PHUB__SIM_END_HOLDER);
    phub__sim_event_cancel(node->world, &process->actor.check);
    child = node->world->children;
    if (node->guard == NULL || node->guard->runner != &process->exec)
        return;
    node->guard->runner = NULL;
    while (child != NULL && (child->node != node || child->process != NULL))
        child = child->next;
    if (child == NULL && node->guard->spawning == 0)
        guard_free(node);
}

static void actors_judge(struct phub__sim_process *process)
{
    struct phub__sim_child *child = process->world->children;

    for (; child != NULL; child = child->next)
        if (child->process == process)
            phub__sim_child_judge(child);
}

void phub__sim_actors_frozen(struct phub__sim_process *process)
{
    actors_judge(process);
}

void phub__sim_actors_thawed(struct phub__sim_process *process)
{
    struct phub__sim_runner *runner = &process->actor;

    if (runner->deadline != 0
        && phub__sim_boot(process->node) >= runner->deadline)
        (void)end_all(process->node, process, -9, PHUB__SIM_END_LEASE);
    actors_judge(process);
}
