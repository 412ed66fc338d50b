/* SPDX-License-Identifier: MIT */
/* embed: life of a hub in a program, and the way from other threads to its
 * thread; see embed.h. */
#include "config.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <phub/error.h>

#include "cluster/view.h"
#include "env/real/real.h"
#include "hub/embed.h"
#include "hub/node.h"
#include "wire/memory.h"

#define WORKERS 1u            /* threads for actors */
#define ASKS_PER_TURN 1024u
#define START_MAX_MS 10000u   /* for the state directory to take a write */
#define STOP_EXTRA_MS 15000u  /* for children to end, after the deadline */
#define NS_PER_MS 1000000ull
#define GUARD_PROGRAM PHUB_LIBEXEC_DIR "/phub-guard"

const char *phub_version(void)
{
    return PHUB_VERSION;
}

static int valid(const struct phub_hub *hub)
{
    return hub != NULL && hub->magic == PHUB__EMBED_MAGIC;
}

/* --- clocks ----------------------------------------------------------------- */

void phub__embed_until(struct timespec *until, uint32_t timeout_ms)
{
    clock_gettime(CLOCK_MONOTONIC, until);
    until->tv_sec += timeout_ms / 1000;
    until->tv_nsec += (long)(timeout_ms % 1000) * 1000000l;
    if (until->tv_nsec >= 1000000000l) {
        until->tv_nsec -= 1000000000l;
        until->tv_sec++;
    }
}

int phub__embed_cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;
    int rc;

    if (pthread_condattr_init(&attr) != 0)
        return PHUB_ENOMEM;
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    rc = pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
    return rc == 0 ? 0 : PHUB_ENOMEM;
}

/* --- asks ------------------------------------------------------------------- */

static void asks_run(void *arg);

/* Lock held. */
static int wake(struct phub_hub *hub)
{
    int rc = 0;

    if (!hub->asks_woken) {
        rc = hub->env->post(hub->env, asks_run, hub);
        hub->asks_woken = rc == 0;
    }
    return rc;
}

static struct phub__ask *ask_take(struct phub_hub *hub)
{
    struct phub__ask *ask = hub->asks_first;

    if (ask != NULL) {
        hub->asks_first = ask->next;
        hub->asks_count--;
        if (hub->asks_first == NULL)
            hub->asks_last = NULL;
        ask->next = NULL;
    }
    return ask;
}

static void asks_run(void *arg)
{
    struct phub_hub *hub = arg;
    struct phub__ask *ask;
    uint32_t left;

    pthread_mutex_lock(&hub->lock);
    hub->asks_woken = 0;
again:
    left = ASKS_PER_TURN;
    while (left-- > 0 && (ask = ask_take(hub)) != NULL) {
        pthread_mutex_unlock(&hub->lock);
        ask->run(hub, ask);
        pthread_mutex_lock(&hub->lock);
    }
    if (hub->asks_first != NULL && wake(hub) != 0)
        goto again; /* nobody else would come for them */
    pthread_mutex_unlock(&hub->lock);
}

/* Lock held. */
static int ask_put(struct phub_hub *hub, struct phub__ask *ask)
{
    struct phub__ask *before = hub->asks_last;
    int rc;

    if (hub->asks_count >= PHUB__ASKS_MAX)
        return PHUB_EBUSY;
    ask->next = NULL;
    if (before != NULL)
        before->next = ask;
    else
        hub->asks_first = ask;
    hub->asks_last = ask;
    hub->asks_count++;
    rc = wake(hub);
    if (rc != 0) {
        hub->asks_last = before;
        hub->asks_count--;
        if (before != NULL)
            before->next = NULL;
        else
            hub->asks_first = NULL;
    }
    return rc;
}

int phub__embed_ask(struct phub_hub *hub, struct phub__ask *ask)
{
    int rc;

    pthread_mutex_lock(&hub->lock);
    rc = hub->state == PHUB__EMBED_RUNNING ? ask_put(hub, ask)
                                           : PHUB_ESHUTDOWN;
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

int phub__embed_inside(struct phub_hub *hub)
{
    int inside;

    pthread_mutex_lock(&hub->lock);
    inside = hub->thread_is && pthread_equal(hub->thread, pthread_self());
    pthread_mutex_unlock(&hub->lock);
    return inside;
}

/* A function that somebody waits for. */
struct waited {
    struct phub__ask ask;
    int (*fn)(struct phub_hub *hub, void *arg);
    void *arg;
    int rc, over;
};

static void waited_over(struct phub_hub *hub, struct waited *waited, int rc)
{
    pthread_mutex_lock(&hub->lock);
    waited->rc = rc;
    waited->over = 1;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

static void waited_run(struct phub_hub *hub, struct phub__ask *ask)
{
    struct waited *waited = (struct waited *)ask;

    waited_over(hub, waited, waited->fn(hub, waited->arg));
}

static void waited_cancel(struct phub_hub *hub, struct phub__ask *ask)
{
    waited_over(hub, (struct waited *)ask, PHUB_ESHUTDOWN);
}

int phub__embed_run(struct phub_hub *hub, int (*fn)(struct phub_hub *, void *),
                    void *arg)
{
    struct waited waited = { .ask = { NULL, waited_run, waited_cancel },
                             .fn = fn, .arg = arg };
    int rc;

    if (phub__embed_inside(hub))
        return fn(hub, arg);
    pthread_mutex_lock(&hub->lock);
    while (hub->thread_is && !hub->started) /* its thread has the parts */
        pthread_cond_wait(&hub->changed, &hub->lock);
    if (hub->state == PHUB__EMBED_NEW) {
        rc = fn(hub, arg);
    } else if (hub->state != PHUB__EMBED_RUNNING) {
        rc = PHUB_ESHUTDOWN;
    } else {
        rc = ask_put(hub, &waited.ask);
        while (rc == 0 && !waited.over)
            pthread_cond_wait(&hub->changed, &hub->lock);
        if (rc == 0)
            rc = waited.rc;
    }
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

/* --- what the hub tells ------------------------------------------------------- */

static void count_members(struct phub_hub *hub)
{
    uint32_t count = phub__view_count(phub__hub_view(hub->hub));

    pthread_mutex_lock(&hub->lock);
    hub->members = count;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

static void on_members(void *arg, const struct phub_hook_event *event)
{
    (void)event;
    count_members(arg);
}

static void on_drained(void *arg, const struct phub_hook_event *event)
{
    struct phub_hub *hub = arg;

    hub->drain_rc = event->code;
}

static int own_hooks(struct phub_hub *hub)
{
    struct phub__hooks *hooks = hub->hub->hooks;
    uint64_t handle;
    int rc;

    rc = phub__hooks_add(hooks, "pre_node_join", INT_MIN, on_members, hub,
                         &handle);
    if (rc == 0)
        rc = phub__hooks_add(hooks, "pre_node_leave", INT_MIN, on_members,
                             hub, &handle);
    if (rc == 0)
        rc = phub__hooks_add(hooks, "drain_completed", INT_MIN, on_drained,
                             hub, &handle);
    return rc;
}

/* --- new ---------------------------------------------------------------------- */

static void log_line(void *arg, enum phub__log_level level, const char *text)
{
    struct phub_hub *hub = arg;
    char line[LINE_MAX];

    if (level > hub->config.hub.log_level)
        return;
    snprintf(line, sizeof line, "phub: node '%s': %s", hub->config.hub.name,
             text);
    phub__lines_write(&hub->log, STDERR_FILENO, line);
}

static void start_over(struct phub_hub *hub, int rc)
{
    pthread_mutex_lock(&hub->lock);
    hub->start_rc = rc;
    hub->started = 1;
    hub->state = rc == 0 ? PHUB__EMBED_RUNNING : PHUB__EMBED_STOPPED;
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

/* The boot number is on the disk, and the first word may be said. */
static void on_ready(void *arg)
{
    struct phub_hub *hub = arg;

    hub->env->timer_stop(hub->env, hub->timer);
    count_members(hub);
    start_over(hub, 0);
}

static void timer_fired(void *arg)
{
    struct phub_hub *hub = arg;

    if (hub->started) {
        hub->drain_rc = PHUB_ETIMEDOUT; /* somebody does not end */
    } else {
        snprintf(hub->start_error, hub->start_error_max,
                 "cannot write 'node' to the state directory");
        start_over(hub, PHUB_EIO);
    }
    phub__env_real_stop(hub->env);
}

static const char *guard_program(void)
{
    const char *path = secure_getenv("PHUB_GUARD");

    if (path == NULL || path[0] == '\0')
        path = GUARD_PROGRAM;
    return access(path, X_OK) == 0 ? path : NULL;
}

static int parts_new(struct phub_hub *hub, char *error, size_t error_max)
{
    struct phub__node_options options = {
        .config = &hub->config, .embedded = 1,
        .guard_program = guard_program(), .log_arg = hub,
        .ready = on_ready, .ready_arg = hub };
    int rc;

    if (phub__embed_given(&hub->config, "hub", "log_level"))
        options.log = log_line;
    rc = phub__node_new(&options, &hub->node, error, error_max);
    if (rc != 0)
        return rc;
    hub->env = phub__node_env(hub->node);
    hub->hub = phub__node_hub(hub->node);
    rc = phub__actors_new(hub->env, WORKERS, &hub->actors);
    if (rc == 0)
        rc = phub__env_real_runner_add(hub->env,
                                       phub__actors_runner(hub->actors));
    if (rc == 0)
        rc = own_hooks(hub);
    if (rc == 0)
        rc = phub__parked_new(hub);
    return rc;
}

int phub_hub_new(const char *config_file, const char *const *settings,
                 size_t settings_count, struct phub_hub **result, char *error,
                 size_t error_max)
{
    struct phub_hub *hub;
    char none[1];
    int rc;

    if (error == NULL || error_max == 0) {
        error = none;
        error_max = sizeof none;
    }
    snprintf(error, error_max, "out of memory");
    if (result == NULL || (settings == NULL && settings_count != 0)) {
        snprintf(error, error_max, "a pointer is NULL");
        return PHUB_EINVAL;
    }
    hub = phub__calloc(1, sizeof *hub);
    if (hub == NULL)
        return PHUB_ENOMEM;
    pthread_mutex_init(&hub->lock, NULL);
    if (phub__embed_cond_init(&hub->changed) != 0) {
        pthread_mutex_destroy(&hub->lock);
        phub__free(hub);
        return PHUB_ENOMEM;
    }
    hub->magic = PHUB__EMBED_MAGIC;
    hub->state = PHUB__EMBED_NEW;
    phub__config_init(&hub->config);
    rc = phub__embed_configure(&hub->config, config_file, settings,
                               settings_count, error, error_max);
    if (rc == 0)
        rc = parts_new(hub, error, error_max);
    if (rc != 0) {
        phub_hub_free(&hub);
        return rc;
    }
    error[0] = '\0';
    *result = hub;
    return 0;
}

/* --- start -------------------------------------------------------------------- */

/* Nobody is left to do what was asked. */
static void give_up(struct phub_hub *hub)
{
    struct phub__ask *ask;

    pthread_mutex_lock(&hub->lock);
    hub->state = PHUB__EMBED_STOPPED;
    while ((ask = ask_take(hub)) != NULL) {
        pthread_mutex_unlock(&hub->lock);
        ask->cancel(hub, ask);
        pthread_mutex_lock(&hub->lock);
    }
    pthread_mutex_unlock(&hub->lock);
    phub__futures_shut(hub);
    pthread_mutex_lock(&hub->lock);
    pthread_cond_broadcast(&hub->changed);
    pthread_mutex_unlock(&hub->lock);
}

static void *hub_thread(void *arg)
{
    struct phub_hub *hub = arg;
    struct phub_env *env = hub->env;
    int rc;

    hub->timer = env->timer_new(env, timer_fired, hub);
    if (hub->timer != NULL)
        env->timer_start(env, hub->timer,
                         env->now_ns(env) + START_MAX_MS * NS_PER_MS);
    rc = hub->timer != NULL ? phub__node_start(hub->node, hub->start_error,
                                               hub->start_error_max)
                            : PHUB_ENOMEM;
    if (rc == 0) {
        phub__node_run(hub->node);
    } else {
        start_over(hub, rc);
    }
    give_up(hub);
    return NULL;
}

int phub_hub_start(struct phub_hub *hub, char *error, size_t error_max)
{
    sigset_t all, before;
    char none[1];
    int rc;

    if (!valid(hub))
        return PHUB_EINVAL;
    if (error == NULL || error_max == 0) {
        error = none;
        error_max = sizeof none;
    }
    error[0] = '\0';
    pthread_mutex_lock(&hub->lock);
    if (hub->state != PHUB__EMBED_NEW || hub->thread_is) {
        pthread_mutex_unlock(&hub->lock);
        snprintf(error, error_max, "the hub has been started before");
        return PHUB_EINVAL;
    }
    hub->start_error = error;
    hub->start_error_max = error_max;
    sigfillset(&all); /* signals are the program's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&hub->thread, NULL, hub_thread, hub);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        snprintf(error, error_max, "cannot start a thread: %s", strerror(rc));
        rc = PHUB_ESYS;
    } else {
        hub->thread_is = 1;
        while (!hub->started)
            pthread_cond_wait(&hub->changed, &hub->lock);
        rc = hub->start_rc;
    }
    pthread_mutex_unlock(&hub->lock);
    if (rc == 0)
        error[0] = '\0';
    return rc;
}

/* --- stop --------------------------------------------------------------------- */

struct stop_ask {
    struct phub__ask ask;
    uint32_t deadline_ms;
    int at_once;
};

static void on_stopped(void *arg)
{
    struct phub_hub *hub = arg;

    phub__env_real_stop(hub->env);
}

static void stop_run(struct phub_hub *hub, struct phub__ask *ask)
{
    struct stop_ask *stop = (struct stop_ask *)ask;
    struct phub_env *env = hub->env;

    if (stop->at_once) {
        phub__env_real_stop(env);
        return;
    }
    hub->drain_rc = 0;
    env->timer_start(env, hub->timer,
                     env->now_ns(env) +
                         ((uint64_t)stop->deadline_ms + STOP_EXTRA_MS) *
                             NS_PER_MS);
    phub__hub_stop(hub->hub, stop->deadline_ms, on_stopped, hub);
}

static void stop_cancel(struct phub_hub *hub, struct phub__ask *ask)
{
    (void)hub;
    (void)ask;
}

/* Lock held.  Several may stop a hub; one joins its thread. */
static void stop_and_join(struct phub_hub *hub, struct stop_ask *stop)
{
    stop->ask = (struct phub__ask){ NULL, stop_run, stop_cancel };
    if (hub->state == PHUB__EMBED_RUNNING ||
        (hub->state == PHUB__EMBED_STOPPING && stop->at_once)) {
        hub->state = PHUB__EMBED_STOPPING;
        while (ask_put(hub, &stop->ask) != 0) { /* full: they drain */
            struct timespec until;

            phub__embed_until(&until, 1);
            pthread_cond_timedwait(&hub->changed, &hub->lock, &until);
        }
    }
    while (hub->state != PHUB__EMBED_STOPPED)
        pthread_cond_wait(&hub->changed, &hub->lock);
    while (hub->joining)
        pthread_cond_wait(&hub->changed, &hub->lock);
    if (!hub->thread_is)
        return;
    hub->joining = 1;
    pthread_mutex_unlock(&hub->lock);
    pthread_join(hub->thread, NULL);
    pthread_mutex_lock(&hub->lock);
    hub->thread_is = 0;
    hub->joining = 0;
    pthread_cond_broadcast(&hub->changed);
}

int phub_hub_stop(struct phub_hub *hub, uint32_t deadline_ms)
{
    struct stop_ask stop = { .deadline_ms = deadline_ms };
    int rc = 0;

    if (!valid(hub) || phub__embed_inside(hub))
        return PHUB_EINVAL;
    pthread_mutex_lock(&hub->lock);
    if (hub->state != PHUB__EMBED_NEW) {
        stop_and_join(hub, &stop);
        rc = hub->drain_rc == PHUB_ETIMEDOUT ? PHUB_ETIMEDOUT : 0;
    }
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

void phub_hub_free(struct phub_hub **result)
{
    struct stop_ask stop = { .at_once = 1 };
    struct phub_hub *hub;

    if (result == NULL || !valid(*result))
        return;
    hub = *result;
    pthread_mutex_lock(&hub->lock);
    if (hub->state != PHUB__EMBED_NEW)
        stop_and_join(hub, &stop);
    pthread_mutex_unlock(&hub->lock);
    phub__parked_free(hub);
    if (hub->timer != NULL)
        hub->env->timer_free(hub->env, &hub->timer);
    phub__node_free(&hub->node);
    phub__futures_drop(hub);
    phub__actors_free(&hub->actors);
    phub__config_fini(&hub->config);
    phub__lines_close(&hub->log);
    pthread_cond_destroy(&hub->changed);
    pthread_mutex_destroy(&hub->lock);
    hub->magic = 0;
    phub__free(hub);
    *result = NULL;
}

/* --- what it is ----------------------------------------------------------------- */

const char *phub_hub_endpoint(const struct phub_hub *hub)
{
    return valid(hub) ? hub->hub->endpoint : "";
}

uint64_t phub_hub_node(const struct phub_hub *hub)
{
    return valid(hub) ? hub->hub->node : 0;
}

int phub_hub_wait_members(struct phub_hub *hub, uint32_t count,
                          uint32_t timeout_ms)
{
    struct timespec until;
    int rc = 0;

    if (!valid(hub) || phub__embed_inside(hub))
        return PHUB_EINVAL;
    phub__embed_until(&until, timeout_ms);
    pthread_mutex_lock(&hub->lock);
    while (hub->members != count && rc == 0) {
        if (hub->state != PHUB__EMBED_RUNNING)
            rc = PHUB_ESHUTDOWN;
        else if (pthread_cond_timedwait(&hub->changed, &hub->lock,
                                        &until) != 0)
            rc = hub->members == count ? 0 : PHUB_ETIMEDOUT;
    }
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

/* --- open and close ------------------------------------------------------------- */

int phub_hub_open(const char *settings,
                  const struct phub_behaviour *behaviours,
                  size_t behaviours_count, struct phub_hub **result,
                  char *error, size_t error_max)
{
    struct phub_hub *hub = NULL;
    struct phub__embed_lines lines;
    char none[1];
    size_t i;
    int rc;

    if (error == NULL || error_max == 0) {
        error = none;
        error_max = sizeof none;
    }
    if (settings == NULL || result == NULL ||
        (behaviours == NULL && behaviours_count != 0)) {
        snprintf(error, error_max, "a pointer is NULL");
        return PHUB_EINVAL;
    }
    rc = phub__embed_lines(settings, &lines, error, error_max);
    if (rc != 0)
        return rc;
    rc = phub_hub_new(NULL, lines.items, lines.count, &hub, error, error_max);
    phub__free(lines.text);
    for (i = 0; i < behaviours_count && rc == 0; i++) {
        rc = phub_behaviour_add(hub, &behaviours[i]);
        if (rc != 0)
            snprintf(error, error_max, "behaviour %zu: %s", i,
                     phub_strerror(rc));
    }
    if (rc == 0)
        rc = phub_hub_start(hub, error, error_max);
    if (rc != 0)
        phub_hub_free(&hub);
    else
        *result = hub;
    return rc;
}

int phub_hub_close(struct phub_hub **hub, uint32_t deadline_ms)
{
    int rc = hub != NULL ? phub_hub_stop(*hub, deadline_ms) : PHUB_EINVAL;

    if (rc != PHUB_EINVAL)
        phub_hub_free(hub);
    return rc;
}

/* --- behaviours and hooks --------------------------------------------------------- */

int phub_behaviour_add(struct phub_hub *hub,
                       const struct phub_behaviour *behaviour)
{
    int rc = PHUB_EINVAL;

    if (!valid(hub) || behaviour == NULL)
        return PHUB_EINVAL;
    pthread_mutex_lock(&hub->lock);
    if (hub->state == PHUB__EMBED_NEW && !hub->thread_is)
        rc = phub__actors_behaviour_add(hub->actors, behaviour);
    pthread_mutex_unlock(&hub->lock);
    return rc;
}

struct hook_ask {
    const char *name;
    int priority;
    phub_hook_fn *fn;
    void *arg;
    uint64_t handle;
};

static int hook_add(struct phub_hub *hub, void *arg)
{
    struct hook_ask *hook = arg;

    return phub__hooks_add(hub->hub->hooks, hook->name, hook->priority,
                           hook->fn, hook->arg, &hook->handle);
}

int phub_hook_add(struct phub_hub *hub, const char *name, int priority,
                  phub_hook_fn *fn, void *arg, uint64_t *handle)
{
    struct hook_ask hook = { name, priority, fn, arg, 0 };
    int rc;

    if (!valid(hub) || name == NULL || fn == NULL)
        return PHUB_EINVAL;
    rc = phub__embed_run(hub, hook_add, &hook);
    if (rc == 0 && handle != NULL)
        *handle = hook.handle;
    return rc;
}

struct alter_ask {
    int priority;
    phub_alter_fn *fn;
    void *arg;
    uint64_t handle;
};

static int alter_add(struct phub_hub *hub, void *arg)
{
    struct alter_ask *ask = arg;

    return phub__hooks_add_alter(hub->hub->hooks, ask->priority, ask->fn,
                                 ask->arg, &ask->handle);
}

int phub_alter_add(struct phub_hub *hub, int priority, phub_alter_fn *fn,
                   void *arg, uint64_t *handle)
{
    struct alter_ask ask = { priority, fn, arg, 0 };
    int rc;

    if (!valid(hub) || fn == NULL)
        return PHUB_EINVAL;
    rc = phub__embed_run(hub, alter_add, &ask);
    if (rc == 0 && handle != NULL)
        *handle = ask.handle;
    return rc;
}

static int hook_cancel(struct phub_hub *hub, void *arg)
{
    return phub__hooks_cancel(hub->hub->hooks, *(uint64_t *)arg);
}

int phub_hook_cancel(struct phub_hub *hub, uint64_t handle)
{
    if (!valid(hub))
        return PHUB_EINVAL;
    return phub__embed_run(hub, hook_cancel, &handle);
}
