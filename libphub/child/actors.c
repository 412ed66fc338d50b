/* SPDX-License-Identifier: MIT */
/* actors: the runner "actor": behaviours, instances by handle, workers, and
 * the way of results back to the hub; theory in actor.h.
 *
 * One lock guards the run queue, all mailboxes and the outbox; a worker holds
 * it twice per turn, the hub's thread once per letter.  Results are gathered
 * in the outbox and drained by one posted call, RESULTS_PER_TURN at a time. */
#include "config.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <phub/error.h>

#include "child/actor_private.h"
#include "child/spec.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define BUCKETS_MIN 64u
#define RESULTS_PER_TURN 1024u
#define INLINE_TURNS 64u
#define ASK_AGAIN_NS 5000000l

static void drain(void *arg);

/* --- behaviours ----------------------------------------------------------- */

static const struct phub__behaviour *
behaviour_find(const struct phub__actors *actors, struct phub_bytes name)
{
    const struct phub__behaviour *b;

    for (b = actors->behaviours; b != NULL; b = b->next)
        if (strlen(b->is.name) == name.size &&
            memcmp(b->is.name, name.data, name.size) == 0)
            return b;
    return NULL;
}

int phub__actors_behaviour_add(struct phub__actors *actors,
                               const struct phub_behaviour *behaviour)
{
    struct phub__behaviour *b;
    size_t size;

    if (behaviour->size < offsetof(struct phub_behaviour, get_state) ||
        behaviour->name == NULL || behaviour->name[0] == '\0' ||
        strlen(behaviour->name) > PHUB__BEHAVIOUR_NAME_MAX)
        return PHUB_EINVAL;
    if (behaviour_find(actors, (struct phub_bytes){
            (const uint8_t *)behaviour->name,
            strlen(behaviour->name) }) != NULL)
        return PHUB_EEXIST;
    if (actors->behaviours_count == PHUB__BEHAVIOURS_MAX)
        return PHUB_ELIMIT;
    b = phub__calloc(1, sizeof *b);
    if (b == NULL)
        return PHUB_ENOMEM;
    size = behaviour->size < sizeof b->is ? behaviour->size : sizeof b->is;
    memcpy(&b->is, behaviour, size);
    b->is.size = sizeof b->is;
    if ((b->is.get_state == NULL) != (b->is.set_state == NULL) ||
        b->is.instance_size > PHUB__ACTOR_SELF_MAX) {
        phub__free(b);
        return PHUB_EINVAL;
    }
    b->is.name = phub__strdup(behaviour->name);
    if (b->is.name == NULL) {
        phub__free(b);
        return PHUB_ENOMEM;
    }
    b->next = actors->behaviours;
    actors->behaviours = b;
    actors->behaviours_count++;
    return 0;
}

/* --- by handle ------------------------------------------------------------ */

static struct phub_actor **bucket(const struct phub__actors *actors,
                                  uint64_t handle)
{
    return &actors->buckets[handle & (actors->buckets_count - 1)];
}

static struct phub_actor *find(const struct phub__actors *actors,
                               uint64_t handle)
{
    struct phub_actor *actor = *bucket(actors, handle);

    while (actor != NULL && actor->handle != handle)
        actor = actor->bucket_next;
    return actor;
}

static void grow(struct phub__actors *actors)
{
    uint32_t old_count = actors->buckets_count, i;
    struct phub_actor **old = actors->buckets, *actor, **to;
    struct phub_actor **wide = phub__calloc(old_count * 2u, sizeof *wide);

    if (wide == NULL)
        return; /* longer chains, no more */
    actors->buckets = wide;
    actors->buckets_count = old_count * 2u;
    for (i = 0; i < old_count; i++)
        while ((actor = old[i]) != NULL) {
            old[i] = actor->bucket_next;
            to = bucket(actors, actor->handle);
            actor->bucket_next = *to;
            *to = actor;
        }
    phub__free(old);
}

static void insert(struct phub__actors *actors, struct phub_actor *actor)
{
    struct phub_actor **to;

    if (actors->count >= actors->buckets_count)
        grow(actors);
    to = bucket(actors, actor->handle);
    actor->bucket_next = *to;
    *to = actor;
    actors->count++;
}

static void remove_free(struct phub__actors *actors, struct phub_actor *actor)
{
    struct phub_actor **p = bucket(actors, actor->handle);

    while (*p != actor)
        p = &(*p)->bucket_next;
    *p = actor->bucket_next;
    actors->count--;
    actor->magic = 0;
    phub__free(actor);
}

/* --- results -------------------------------------------------------------- */

/* Lock held, draining_asked set. */
void phub__actors_ask(struct phub__actors *actors)
{
    actors->ask_owed = actors->env->post(actors->env, drain, actors) != 0;
    if (actors->ask_owed) { /* a worker tries again */
        actors->draining_asked = 0;
        pthread_cond_signal(&actors->work);
    }
}

static void started(struct phub__actors *actors, struct phub_actor *actor)
{
    const struct phub_behaviour *b = &actor->behaviour->is;
    struct phub__verb_message message = { .verb = PHUB__VERB_HELLO };
    uint64_t handle = actor->handle;

    message.code = (int32_t)(PHUB__CAN_FREEZE | PHUB__CAN_ROLE |
                             (b->get_state != NULL ? PHUB__CAN_STATE : 0u));
    actors->events->received(actors->events_arg, handle, &message);
    if (actors->is_attached)
        actors->events->started(actors->events_arg, handle, 0);
    message.verb = PHUB__VERB_READY;
    message.code = 0;
    if (actors->is_attached)
        actors->events->received(actors->events_arg, handle, &message);
}

static void tell(struct phub__actors *actors, struct phub__letter *letter)
{
    struct phub_actor *actor = letter->actor;
    const struct phub__runner_events *events = actors->events;
    uint64_t handle = actor->handle;
    struct phub__verb_message message = { .ref = letter->ref,
                                          .code = letter->code,
                                          .body = letter->body };
    char text[PHUB_CHILD_ID_MAX + 64];

    if (letter->text != NULL)
        message.text = (struct phub_bytes){ (const uint8_t *)letter->text,
                                            strlen(letter->text) };
    switch ((enum phub__result)letter->result) {
    case PHUB__RESULT_STARTED:
        started(actors, actor);
        break;
    case PHUB__RESULT_FAILED:
        snprintf(text, sizeof text, "behaviour '%s': %s: %s",
                 actor->behaviour->is.name, letter->text,
                 phub_strerror(letter->code));
        remove_free(actors, actor);
        events->failed(actors->events_arg, handle, letter->code, text);
        break;
    case PHUB__RESULT_DONE:
        message.verb = PHUB__VERB_DONE;
        events->received(actors->events_arg, handle, &message);
        break;
    case PHUB__RESULT_PUBLISH:
        atomic_fetch_sub(&actors->results, 1);
        message.verb = PHUB__VERB_PUBLISH;
        events->received(actors->events_arg, handle, &message);
        break;
    case PHUB__RESULT_EXITED: {
        int status = letter->code;
        enum phub__end_cause cause = letter->cause;

        remove_free(actors, actor); /* the letter with it */
        events->exited(actors->events_arg, handle, status, cause);
        return;
    }
    }
    phub__letter_free(letter);
}

/* Posted or deferred; also after detach, when nobody wants to hear it. */
static void drain(void *arg)
{
    struct phub__actors *actors = arg;
    struct phub__letter *letter;
    uint32_t left = RESULTS_PER_TURN;

    pthread_mutex_lock(&actors->lock);
    actors->draining_asked = 0;
    phub__letters_join(&actors->draining, &actors->outbox);
    pthread_mutex_unlock(&actors->lock);
    while (actors->is_attached && left-- > 0 &&
           (letter = phub__letters_take(&actors->draining)) != NULL)
        tell(actors, letter);
    pthread_mutex_lock(&actors->lock);
    if (actors->draining.first != NULL && !actors->draining_asked) {
        actors->draining_asked = 1;
        phub__actors_ask(actors);
    }
    pthread_mutex_unlock(&actors->lock);
}

/* --- running -------------------------------------------------------------- */

static void *worker(void *arg)
{
    struct phub__actors *actors = arg;
    struct phub_actor *actor;
    struct timespec until;

    pthread_mutex_lock(&actors->lock);
    while (!actors->quit) {
        actor = phub__actors_next(actors);
        if (actor != NULL) {
            phub__actor_turn(actor);
            continue;
        }
        if ((actors->outbox.first == NULL && !actors->ask_owed) ||
            actors->draining_asked) {
            pthread_cond_wait(&actors->work, &actors->lock);
            continue;
        }
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += ASK_AGAIN_NS;
        if (until.tv_nsec >= 1000000000l) {
            until.tv_nsec -= 1000000000l;
            until.tv_sec++;
        }
        pthread_cond_timedwait(&actors->work, &actors->lock, &until);
        if ((actors->outbox.first != NULL || actors->ask_owed) &&
            !actors->draining_asked) {
            actors->draining_asked = 1;
            phub__actors_ask(actors);
        }
    }
    pthread_mutex_unlock(&actors->lock);
    return NULL;
}

static void run_inline(void *arg)
{
    struct phub__actors *actors = arg;
    struct phub_actor *actor;
    uint32_t left = INLINE_TURNS;

    pthread_mutex_lock(&actors->lock);
    actors->inline_asked = 0;
    while (!actors->quit && left-- > 0 &&
           (actor = phub__actors_next(actors)) != NULL)
        phub__actor_turn(actor);
    if (actors->run_first != NULL && !actors->quit)
        actors->inline_asked =
            actors->env->defer(actors->env, run_inline, actors) == 0;
    pthread_mutex_unlock(&actors->lock);
    drain(actors);
}

/* Somebody has work; lock held. */
static void wake(struct phub__actors *actors)
{
    if (actors->threads_count != 0)
        pthread_cond_signal(&actors->work);
    else if (!actors->inline_asked)
        actors->inline_asked =
            actors->env->defer(actors->env, run_inline, actors) == 0;
}

static void queue(struct phub_actor *actor)
{
    struct phub__actors *actors = actor->actors;

    pthread_mutex_lock(&actors->lock);
    if (phub__actor_queue(actor))
        wake(actors);
    pthread_mutex_unlock(&actors->lock);
}

static int put(struct phub_actor *actor, struct phub__letter *letter)
{
    struct phub__actors *actors = actor->actors;
    int rc = 0, message = letter->verb == PHUB__VERB_MESSAGE;

    pthread_mutex_lock(&actors->lock);
    if (actor->closed)
        rc = PHUB_ENOTFOUND;
    else if (message && (actor->waiting >= PHUB__MAILBOX_MAX ||
                         actors->waiting >= PHUB__MAILBOXES_MAX))
        rc = PHUB_EBUSY;
    if (rc == 0) {
        actor->waiting += (uint32_t)message;
        actors->waiting += (uint32_t)message;
        phub__letters_append(&actor->mailbox, letter);
        if (phub__actor_queue(actor))
            wake(actors);
    }
    pthread_mutex_unlock(&actors->lock);
    return rc;
}

/* --- the runner ----------------------------------------------------------- */

static struct phub__actors *actors_of(struct phub__runner *runner)
{
    return (struct phub__actors *)runner;
}

static void say_attached(void *arg)
{
    struct phub__actors *actors = arg;

    if (actors->is_attached)
        actors->attached(actors->attached_arg, 0);
}

static void threads_end(struct phub__actors *actors)
{
    pthread_mutex_lock(&actors->lock);
    actors->quit = 1;
    pthread_cond_broadcast(&actors->work);
    pthread_mutex_unlock(&actors->lock);
    while (actors->threads_running > 0)
        pthread_join(actors->threads[--actors->threads_running], NULL);
}

/* Workers take no signals: those are the program's. */
static int threads_begin(struct phub__actors *actors)
{
    sigset_t all, before;
    int rc = 0;

    actors->quit = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    while (rc == 0 && actors->threads_running < actors->threads_count) {
        rc = pthread_create(&actors->threads[actors->threads_running], NULL,
                            worker, actors);
        actors->threads_running += rc == 0;
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0)
        threads_end(actors);
    return rc;
}

static void expire_all(struct phub__actors *actors)
{
    struct phub_actor *actor;
    uint32_t i;

    for (i = 0; i < actors->buckets_count; i++)
        for (actor = actors->buckets[i]; actor != NULL;
             actor = actor->bucket_next) {
            atomic_store(&actor->expired, 1);
            queue(actor);
        }
}

static void timer_fired(void *arg)
{
    struct phub__actors *actors = arg;
    struct phub_env *env = actors->env;
    uint64_t deadline = atomic_load(&actors->deadline);
    uint64_t boot = env->boot_ns(env);

    if (boot >= deadline)
        expire_all(actors);
    else
        env->timer_start(env, actors->timer,
                         env->now_ns(env) + (deadline - boot));
}

static int attach(struct phub__runner *runner,
                  const struct phub__runner_events *events,
                  void (*attached)(void *arg, uint64_t guard_id), void *arg,
                  char *error, size_t error_max)
{
    struct phub__actors *actors = actors_of(runner);
    int rc;

    actors->events = events;
    actors->events_arg = arg;
    actors->attached = attached;
    actors->attached_arg = arg;
    actors->timer = actors->env->timer_new(actors->env, timer_fired, actors);
    if (actors->timer == NULL ||
        actors->env->defer(actors->env, say_attached, actors) != 0) {
        snprintf(error, error_max, "runner 'actor': out of memory");
        return PHUB_ENOMEM;
    }
    rc = threads_begin(actors);
    if (rc != 0) {
        snprintf(error, error_max, "runner 'actor': cannot start a thread: "
                 "%s", strerror(rc));
        return PHUB_ESYS;
    }
    actors->is_attached = 1;
    return 0;
}

static void detach(struct phub__runner *runner)
{
    struct phub__actors *actors = actors_of(runner);
    struct phub_actor *actor;
    uint32_t i;

    actors->is_attached = 0;
    threads_end(actors);
    phub__letters_free(&actors->draining);
    phub__letters_free(&actors->outbox);
    for (i = 0; i < actors->buckets_count; i++)
        while ((actor = actors->buckets[i]) != NULL) {
            phub__actor_terminate(actor);
            phub__letters_free(&actor->mailbox);
            phub__letters_free(&actor->held);
            remove_free(actors, actor);
        }
    actors->run_first = actors->run_last = NULL;
    actors->waiting = 0;
    atomic_store(&actors->results, 0);
    if (actors->timer != NULL)
        actors->env->timer_free(actors->env, &actors->timer);
}

/* A refusal that is told from the loop, as the contract wants it. */
struct refusal {
    struct phub__actors *actors;
    uint64_t handle;
    char text[PHUB_CHILD_ID_MAX + 128];
};

static void refuse_fire(void *arg)
{
    struct refusal *refusal = arg;
    struct phub__actors *actors = refusal->actors;

    if (actors->is_attached)
        actors->events->failed(actors->events_arg, refusal->handle,
                               PHUB_ENOTFOUND, refusal->text);
    phub__free(refusal);
}

static int refuse(struct phub__actors *actors,
                  const struct phub__runner_start *start)
{
    struct refusal *refusal = phub__calloc(1, sizeof *refusal);
    struct phub_bytes name = start->spec->behaviour;
    int size = name.size < 128 ? (int)name.size : 128;

    if (refusal == NULL)
        return PHUB_ENOMEM;
    refusal->actors = actors;
    refusal->handle = start->handle;
    snprintf(refusal->text, sizeof refusal->text,
             "node '%s' has no behaviour '%.*s'", start->node_name, size,
             size != 0 ? (const char *)name.data : "");
    if (actors->env->defer(actors->env, refuse_fire, refusal) != 0) {
        phub__free(refusal);
        return PHUB_ENOMEM;
    }
    return 0;
}

static int start(struct phub__runner *runner,
                 const struct phub__runner_start *start)
{
    struct phub__actors *actors = actors_of(runner);
    const struct phub__behaviour *behaviour =
        behaviour_find(actors, start->spec->behaviour);
    struct phub_bytes argument = start->spec->argument;
    struct phub__letter *letter;
    struct phub_actor *actor;
    size_t self_size;

    phub__assert(start->handle != 0);
    if (behaviour == NULL)
        return refuse(actors, start);
    self_size = behaviour->is.instance_size;
    actor = phub__calloc(1, sizeof *actor + self_size + start->id.size + 1);
    letter = phub__calloc(1, sizeof *letter);
    if (letter != NULL && argument.size != 0) {
        letter->body = phub__buf_copy(argument.data, argument.size);
        if (letter->body == NULL) {
            phub__free(letter);
            letter = NULL;
        }
    }
    if (actor == NULL || letter == NULL) {
        if (letter != NULL)
            phub__letter_free(letter);
        phub__free(actor);
        return PHUB_ENOMEM;
    }
    actor->magic = PHUB__ACTOR_MAGIC;
    actor->actors = actors;
    actor->behaviour = behaviour;
    actor->handle = start->handle;
    actor->standby = (uint8_t)(start->standby != 0);
    actor->passive = (uint8_t)(start->passive != 0);
    actor->id = (char *)actor->self + self_size;
    memcpy(actor->id, start->id.data, start->id.size);
    letter->actor = actor;
    letter->verb = PHUB__VERB_START;
    insert(actors, actor);
    (void)put(actor, letter); /* a new mailbox takes it */
    return 0;
}

static int send(struct phub__runner *runner, uint64_t handle,
                const struct phub__verb_message *message)
{
    struct phub_actor *actor = find(actors_of(runner), handle);
    struct phub__letter *letter;
    int rc;

    if (actor == NULL)
        return PHUB_ENOTFOUND;
    if (message->verb < PHUB__VERB_STOP || message->verb > PHUB__VERB_MESSAGE)
        return PHUB_EINVAL;
    letter = phub__calloc(1, sizeof *letter);
    if (letter == NULL)
        return PHUB_ENOMEM;
    letter->actor = actor;
    letter->verb = (uint16_t)message->verb;
    letter->ref = message->ref;
    letter->code = message->code;
    if (message->body != NULL)
        letter->body = phub__buf_ref(message->body);
    rc = put(actor, letter);
    if (rc != 0)
        phub__letter_free(letter);
    return rc;
}

static int actor_kill(struct phub__runner *runner, uint64_t handle, int hard)
{
    const struct phub__verb_message stop = { .verb = PHUB__VERB_STOP };
    struct phub_actor *actor = find(actors_of(runner), handle);

    if (actor == NULL)
        return PHUB_ENOTFOUND;
    if (!hard)
        return send(runner, handle, &stop);
    atomic_store(&actor->killed, 1);
    queue(actor);
    return 0;
}

/* As the guard has it: the latest counts, and one that has passed counts for
 * nothing.  A renewal that comes after the deadline renews nothing either. */
static void set_deadline(struct phub__runner *runner, uint64_t boot_ns)
{
    struct phub__actors *actors = actors_of(runner);
    struct phub_env *env = actors->env;
    uint64_t old = atomic_load(&actors->deadline);
    uint64_t boot = env->boot_ns(env);

    if (boot_ns <= old || boot_ns <= boot)
        return;
    if (old != 0 && boot >= old)
        expire_all(actors);
    atomic_store(&actors->deadline, boot_ns);
    env->timer_start(env, actors->timer, env->now_ns(env) + (boot_ns - boot));
}

/* --- life ----------------------------------------------------------------- */

int phub__actors_new(struct phub_env *env, uint32_t threads,
                     struct phub__actors **result)
{
    struct phub__actors *actors;
    pthread_condattr_t attr;

    if (threads > PHUB__ACTOR_THREADS_MAX)
        return PHUB_EINVAL;
    actors = phub__calloc(1, sizeof *actors);
    if (actors == NULL)
        return PHUB_ENOMEM;
    actors->buckets = phub__calloc(BUCKETS_MIN, sizeof *actors->buckets);
    if (actors->buckets == NULL) {
        phub__free(actors);
        return PHUB_ENOMEM;
    }
    actors->buckets_count = BUCKETS_MIN;
    actors->env = env;
    actors->threads_count = threads;
    actors->runner = (struct phub__runner){
        .name = "actor", .attach = attach, .detach = detach, .start = start,
        .send = send, .kill = actor_kill, .deadline = set_deadline };
    pthread_mutex_init(&actors->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&actors->work, &attr);
    pthread_condattr_destroy(&attr);
    *result = actors;
    return 0;
}

void phub__actors_free(struct phub__actors **result)
{
    struct phub__actors *actors = *result;
    struct phub__behaviour *b;

    if (actors == NULL)
        return;
    phub__assert(!actors->is_attached);
    while ((b = actors->behaviours) != NULL) {
        actors->behaviours = b->next;
        phub__free((void *)(uintptr_t)b->is.name);
        phub__free(b);
    }
    pthread_cond_destroy(&actors->work);
    pthread_mutex_destroy(&actors->lock);
    phub__free(actors->buckets);
    phub__free(actors);
    *result = NULL;
}

struct phub__runner *phub__actors_runner(struct phub__actors *actors)
{
    return &actors->runner;
}

uint32_t phub__actors_count(const struct phub__actors *actors)
{
    return actors->count;
}
