/* SPDX-License-Identifier: MIT */
/* supervisor: life of the instances of this node; theory in supervisor.h.
 *
 * This file holds the state machine: start, readiness, restart, end.  The
 * verbs that a running instance answers (freeze, state, messages) are in
 * instance.c, what an earlier daemon started in adopted.c; they share
 * supervisor_private.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "child/supervisor_private.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define HEALTH_FAILURES_MAX 3u
#define HEALTH_AGAIN_MS 100u       /* when a check could not begin */
#define KILL_AGAIN_MS 50u          /* a hard one that found no room */
#define RESTART_AGAIN_MS 50u       /* while the node may not run children */

static void spawn(struct phub__instance *instance);

void phub__instance_set_phase(struct phub__instance *instance,
                              enum phub__phase phase)
{
    if (instance->phase == phase)
        return;
    instance->phase = phase;
    instance->supervisor->events->changed(instance->supervisor->arg,
                                          instance);
}

static void timer_in(struct phub__instance *instance, uint64_t ms)
{
    struct phub_env *env = instance->supervisor->env;

    env->timer_start(env, instance->timer, env->now_ns(env) + ms * NS_PER_MS);
}

static void timer_off(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;

    env->timer_stop(env, instance->timer);
}

/* --- the end -------------------------------------------------------------- */

void phub__instance_end(struct phub__instance *instance,
                        enum phub__ended why, int rc, const char *text)
{
    struct phub__supervisor *supervisor = instance->supervisor;
    enum phub__phase last = why == PHUB__ENDED_FAILED ? PHUB__PHASE_FAILED
                                                      : PHUB__PHASE_GONE;
    phub__verb_done *commit_done = instance->commit_done;

    if (instance->ended)
        return;
    instance->ended = 1;
    instance->handle = 0;
    instance->pid = 0;
    timer_off(instance);
    phub__instance_fail_calls(instance, PHUB_EFAILED, text);
    instance->commit_done = NULL;
    if (commit_done != NULL)
        commit_done(instance->commit_arg, rc != 0 ? rc : PHUB_EFAILED, text,
                    NULL);
    instance->phase = last;
    supervisor->events->ended(supervisor->arg, instance, why, rc, text);
}

void phub__instance_kill(struct phub__instance *instance, int hard)
{
    int rc = instance->runner->kill(instance->runner, instance->handle, hard);

    instance->kill_owed = rc == 0 ? 0 : hard ? 2 : 1;
    /* Who has not started is killed when it does. */
    if (rc != 0 && hard && instance->started)
        timer_in(instance, KILL_AGAIN_MS);
}

void phub__instance_stop(struct phub__instance *instance, int hard,
                         const char *why)
{
    struct phub__verb_message stop = { .verb = PHUB__VERB_STOP };

    if (instance->ended)
        return;
    snprintf(instance->why, sizeof instance->why, "%s", why);
    if (instance->handle == 0 || instance->spawn_rc != 0) {
        /* Nothing runs: waiting to start, or a standby not started yet, or
         * the runner refused it a moment ago.  A state command may still be
         * under way; its end is ignored. */
        phub__instance_end(instance, PHUB__ENDED_STOPPED, 0, instance->why);
        return;
    }
    if (instance->phase == PHUB__PHASE_STOPPING && !hard)
        return;
    phub__instance_set_phase(instance, PHUB__PHASE_STOPPING);
    if (hard) {
        timer_off(instance);
        phub__instance_kill(instance, 1);
        return;
    }
    if (instance->spec.stop_signal != 0 ||
        instance->runner->send(instance->runner, instance->handle,
                               &stop) != 0 ||
        instance->capabilities_known == 0)
        phub__instance_kill(instance, 0);
    timer_in(instance, instance->spec.stop_timeout_ms);
}

/* --- restart -------------------------------------------------------------- */

static uint64_t delay_after(const struct phub__spec *spec, uint32_t times)
{
    uint64_t delay = spec->backoff_ms;
    uint32_t i;

    for (i = 1; i < times && delay < spec->backoff_max_ms; i++)
        delay *= 2;
    if (delay > spec->backoff_max_ms)
        delay = spec->backoff_max_ms;
    return times == 0 ? 0 : delay;
}

/* The machine could not begin it (no process, no memory, no guard), which is
 * no fault of the child's: it is tried until it can. */
static void machine_could_not(struct phub__instance *instance)
{
    timer_in(instance, delay_after(&instance->spec, ++instance->not_begun));
    phub__instance_set_phase(instance, PHUB__PHASE_BACKOFF);
}

static void back_off(struct phub__instance *instance, const char *text)
{
    const struct phub__spec *spec = &instance->spec;
    struct phub_env *env = instance->supervisor->env;
    uint64_t now = env->now_ns(env);
    char why[256];

    if (instance->running_since != 0 &&
        now - instance->running_since >=
            spec->restart_window_ms * NS_PER_MS)
        instance->restarts_row = 0;
    instance->running_since = 0;
    if (instance->restarts_row >= spec->restarts_max) {
        snprintf(why, sizeof why,
                 "%s; %u restarts without a healthy %llu ms, the limit is "
                 "%llu", text, instance->restarts_row,
                 (unsigned long long)spec->restart_window_ms,
                 (unsigned long long)spec->restarts_max);
        phub__instance_end(instance, PHUB__ENDED_FAILED, PHUB_EFAILED, why);
        return;
    }
    timer_in(instance, delay_after(spec, instance->restarts_row++));
    instance->restarts++;
    phub__instance_set_phase(instance, PHUB__PHASE_BACKOFF);
}

/* The process is over, or could not be made. */
static void over(struct phub__instance *instance, int status,
                 enum phub__end_cause cause, int rc, const char *text)
{
    enum phub__phase phase = instance->phase;

    if (instance->undelivered) {
        rc = PHUB_ESYS;
        text = "this machine could not give it its state";
    }
    instance->undelivered = 0;
    instance->handle = 0;
    instance->pid = 0;
    instance->started = 0;
    instance->ready = 0;
    instance->loaded = 0;
    instance->loading = instance->load_owed = 0;
    instance->commit_owed = instance->committing = 0;
    instance->kill_owed = 0;
    phub__instance_unpublish(instance);
    timer_off(instance);
    phub__instance_fail_calls(instance, PHUB_EFAILED, text);
    phub__instance_thaw_forget(instance);
    if (phase == PHUB__PHASE_STOPPING && instance->refuse_rc != 0) {
        phub__instance_end(instance, PHUB__ENDED_FAILED, instance->refuse_rc,
                           instance->why);
    } else if (phase == PHUB__PHASE_STOPPING) {
        phub__instance_end(instance, PHUB__ENDED_STOPPED, 0, instance->why);
    } else if (cause == PHUB__END_DEADLINE) {
        phub__instance_end(instance, PHUB__ENDED_DEADLINE, PHUB_EFAILED,
                           "its node's lease passed");
    } else if (rc == PHUB_EAGAIN && !instance->standby &&
               instance->state == NULL) {
        /* Nothing was tried: the node's lease did not reach that far. */
        timer_in(instance, RESTART_AGAIN_MS);
        phub__instance_set_phase(instance, PHUB__PHASE_BACKOFF);
    } else if (phase == PHUB__PHASE_STANDBY || instance->standby ||
               phase == PHUB__PHASE_FROZEN ||
               (instance->first && !instance->ever_ran)) {
        /* A start that somebody waits for, or a frozen one whose state is
         * going elsewhere: the owner decides. */
        phub__instance_end(instance, PHUB__ENDED_FAILED, rc, text);
    } else if (rc == PHUB_ESYS) {
        machine_could_not(instance);
    } else if (instance->state == NULL && /* or it never ran here: again */
               (instance->spec.restart == PHUB__RESTART_TEMPORARY ||
                (instance->spec.restart == PHUB__RESTART_TRANSIENT &&
                 status == 0 && rc == PHUB_EFAILED))) {
        phub__instance_end(instance, PHUB__ENDED_COMPLETED, 0, text);
    } else {
        back_off(instance, text);
    }
}

/* --- readiness ------------------------------------------------------------ */

/* Soon, and not all of them at once: others want that room, too. */
static void health_again(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;
    uint64_t wait_ms = HEALTH_AGAIN_MS / 2 +
                       env->random(env) % HEALTH_AGAIN_MS;

    if (wait_ms > instance->spec.health_interval_ms)
        wait_ms = instance->spec.health_interval_ms;
    env->timer_start(env, instance->health_timer,
                     env->now_ns(env) + wait_ms * NS_PER_MS);
}

static void health_done(void *arg, int rc, const char *text,
                        struct phub_buf *body)
{
    struct phub__instance *instance = arg;

    (void)body;
    if (instance->ended || instance->handle == 0)
        return; /* the answer is its end */
    if (rc == PHUB_EBUSY || rc == PHUB_ENOMEM || rc == PHUB_ESYS) {
        health_again(instance); /* the machine's fault, not the child's */
    } else if (instance->phase == PHUB__PHASE_STARTING) {
        if (rc == 0)
            instance->healthy = 1;
        phub__instance_check_ready(instance);
    } else if (instance->phase == PHUB__PHASE_RUNNING) {
        instance->unhealthy = rc == 0 ? 0 : instance->unhealthy + 1;
        if (instance->unhealthy >= HEALTH_FAILURES_MAX) {
            instance->unhealthy = 0;
            snprintf(instance->ill, sizeof instance->ill,
                     "its health check failed %u times: %.100s",
                     HEALTH_FAILURES_MAX,
                     text[0] != '\0' ? text : phub_strerror(rc));
            phub__instance_kill(instance, 1);
        }
    }
}

static void health_fire(void *arg)
{
    struct phub__instance *instance = arg;
    struct phub_env *env = instance->supervisor->env;

    if (instance->handle == 0)
        return;
    if (instance->phase == PHUB__PHASE_STARTING ||
        instance->phase == PHUB__PHASE_RUNNING)
        phub__instance_command(instance, &instance->spec.cmd_health, NULL,
                               (uint32_t)instance->spec.health_interval_ms,
                               health_done, instance);
    env->timer_start(env, instance->health_timer,
                     env->now_ns(env) +
                         instance->spec.health_interval_ms * NS_PER_MS);
}

/* Running when started, told ready if it says so, healthy if it is asked,
 * and holding its state if there is one: never before (promise 7). */
void phub__instance_check_ready(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;
    phub__verb_done *done = instance->commit_done;
    void *arg = instance->commit_arg;

    if (instance->phase != PHUB__PHASE_STARTING || !instance->started ||
        instance->adopted)
        return;
    if (instance->spec.ready && !instance->ready)
        return;
    if (instance->spec.cmd_health.count != 0 && !instance->healthy)
        return;
    if ((instance->state != NULL || instance->state_code != 0) &&
        !instance->loaded)
        return;
    if (instance->committing)
        return;
    timer_off(instance);
    phub__buf_unref(&instance->state);
    instance->state_code = 0;
    instance->not_begun = 0;
    instance->ever_ran = 1;
    instance->standby = 0;
    instance->running_since = env->now_ns(env);
    instance->commit_done = NULL;
    phub__instance_set_phase(instance, PHUB__PHASE_RUNNING);
    if (done != NULL)
        done(arg, 0, "", NULL);
}

static void put_state_done(void *arg, int rc, const char *text,
                           struct phub_buf *body)
{
    struct phub__instance *instance = arg;
    char why[256];

    (void)body;
    if (instance->ended || instance->handle == 0)
        return;
    if (instance->answered_late &&
        (rc == PHUB_EBUSY || rc == PHUB_ENOMEM || rc == PHUB_ESYS)) {
        /* It was not handed over: the machine's fault, not the child's. */
        instance->undelivered = 1;
        phub__instance_kill(instance, 1);
        return;
    }
    if (rc != 0) {
        phub__instance_state_refused(instance, rc, text, why, sizeof why);
        phub__instance_refuse(instance, rc, why);
        return;
    }
    instance->loaded = 1;
    if (instance->committing)
        phub__instance_send_commit(instance);
    phub__instance_check_ready(instance);
}

/* It begins empty; one that cannot is as one that refuses its state, and one
 * that has no states was not asked. */
static void told_missing(void *arg, int rc, const char *text,
                         struct phub_buf *body)
{
    struct phub__instance *instance = arg;

    if (rc == PHUB_EUNSUPPORTED)
        rc = 0;
    put_state_done(instance, rc, text, body);
}

/* End an instance that cannot become what it should; the owner hears of it
 * when the process is really gone, so that nobody starts a second one early. */
void phub__instance_refuse(struct phub__instance *instance, int rc,
                           const char *why)
{
    snprintf(instance->why, sizeof instance->why, "%s", why);
    instance->refuse_rc = rc;
    if (instance->handle == 0) {
        phub__instance_end(instance, PHUB__ENDED_FAILED, rc, instance->why);
        return;
    }
    timer_off(instance);
    phub__instance_set_phase(instance, PHUB__PHASE_STOPPING);
    phub__instance_kill(instance, 1);
}

void phub__instance_put_state(struct phub__instance *instance)
{
    if (instance->spec.cmd_state_put.count != 0 || instance->loaded)
        return;
    if (instance->state_code != 0) {
        phub__instance_call_code(instance, PHUB__VERB_PUT_STATE,
                                 instance->state_code, NULL,
                                 (uint32_t)instance->spec.ready_timeout_ms,
                                 told_missing, instance);
        return;
    }
    if (instance->state == NULL)
        return;
    phub__instance_call(instance, PHUB__VERB_PUT_STATE, instance->state,
                        (uint32_t)instance->spec.ready_timeout_ms,
                        put_state_done, instance);
}

/* --- start ---------------------------------------------------------------- */

void phub__instance_describe(struct phub__instance *instance,
                             struct phub__runner_start *start)
{
    memset(start, 0, sizeof *start);
    start->handle = instance->handle;
    start->id = phub__instance_id(instance);
    start->node = instance->supervisor->node;
    start->node_name = instance->supervisor->node_name;
    start->epoch = instance->epoch;
    start->incarnation = instance->incarnation;
    start->spec = &instance->spec;
    start->standby = instance->standby;
    start->state_expected = instance->standby || instance->state != NULL ||
                            instance->state_code != 0;
    start->passive = instance->role_told &&
                     instance->role == PHUB_ROLE_PASSIVE;
}

static void state_command_done(void *arg, int rc, const char *text,
                               struct phub_buf *body)
{
    struct phub__instance *instance = arg;
    char why[256];

    (void)body;
    if (instance->ended)
        return;
    if (rc != 0) {
        snprintf(why, sizeof why, "state_put failed: %s",
                 text[0] != '\0' ? text : phub_strerror(rc));
        over(instance, 1, PHUB__END_SELF, rc, why);
        return;
    }
    instance->loaded = 1;
    spawn(instance);
}

/* Begin with the state command if there is a state for it, else spawn. */
void phub__instance_begin(struct phub__instance *instance)
{
    if (instance->state != NULL && !instance->loaded &&
        instance->spec.cmd_state_put.count != 0) {
        phub__instance_set_phase(instance, PHUB__PHASE_PREPARING);
        phub__instance_command(instance, &instance->spec.cmd_state_put,
                               instance->state,
                               (uint32_t)instance->spec.state_timeout_ms,
                               state_command_done, instance);
        return;
    }
    spawn(instance);
}

static void spawn(struct phub__instance *instance)
{
    struct phub__supervisor *supervisor = instance->supervisor;
    struct phub_env *env = supervisor->env;
    struct phub__runner_start start;
    int rc;

    instance->handle = ++supervisor->last_handle;
    instance->healthy = 0;
    instance->unhealthy = 0;
    instance->ill[0] = '\0';
    instance->capabilities = 0;
    instance->capabilities_known = 0;
    instance->adopted_ns = 0;
    phub__instance_describe(instance, &start);
    phub__supervisor_index(supervisor, instance);
    instance->phase = PHUB__PHASE_STARTING;
    rc = instance->runner->start(instance->runner, &start);
    if (rc != 0) {
        /* No guard, memory, descriptor or disk: the machine's, not its own. */
        instance->spawn_rc = rc == PHUB_EBUSY || rc == PHUB_ENOMEM ||
                             rc == PHUB_EIO ? PHUB_ESYS : rc;
        timer_in(instance, 0);
    } else {
        instance->spawn_rc = 0;
        timer_in(instance, instance->spec.ready_timeout_ms);
    }
    supervisor->events->changed(supervisor->arg, instance);
    if (instance->spec.cmd_health.count != 0)
        env->timer_start(env, instance->health_timer,
                         env->now_ns(env) +
                             instance->spec.health_interval_ms * NS_PER_MS /
                                 10);
}

/* One timer serves the phase that the instance is in. */
void phub__instance_timer_fired(void *arg)
{
    struct phub__instance *instance = arg;
    struct phub__supervisor *supervisor = instance->supervisor;
    char why[256];

    switch (instance->phase) {
    case PHUB__PHASE_STARTING:
        if (instance->spawn_rc != 0) {
            over(instance, 0, PHUB__END_SELF, instance->spawn_rc,
                 phub_strerror(instance->spawn_rc));
            return;
        }
        if (instance->adopted) {
            if (!instance->ready || !instance->identified)
                phub__instance_stop(instance, 1, "it was not ready when its "
                                    "daemon died");
            return;
        }
        snprintf(why, sizeof why, "not ready after %llu ms",
                 (unsigned long long)instance->spec.ready_timeout_ms);
        if ((instance->first && !instance->ever_ran) || instance->standby) {
            phub__instance_refuse(instance, PHUB_ETIMEDOUT, why);
            return;
        }
        phub__instance_kill(instance, 1);
        return;
    case PHUB__PHASE_BACKOFF:
        /* A node whose lease has passed, say: others may run it by now. */
        if (supervisor->events->may_restart != NULL &&
            !supervisor->events->may_restart(supervisor->arg))
            timer_in(instance, RESTART_AGAIN_MS);
        else
            phub__instance_begin(instance); /* with its state, if it waits */
        return;
    case PHUB__PHASE_STOPPING:
        phub__instance_kill(instance, 1);
        return;
    case PHUB__PHASE_PREPARING:
    case PHUB__PHASE_STANDBY:
    case PHUB__PHASE_RUNNING:
    case PHUB__PHASE_FROZEN:
    case PHUB__PHASE_FAILED:
    case PHUB__PHASE_GONE:
        return;
    }
}

void phub__instance_health_fired(void *arg)
{
    health_fire(arg);
}

/* --- events of the runners ------------------------------------------------ */

static void on_started(void *arg, uint64_t handle, int64_t pid)
{
    struct phub__instance *instance = phub__supervisor_find(arg, handle);

    if (instance == NULL)
        return;
    instance->pid = pid;
    instance->started = 1;
    if (instance->state == NULL) /* which is to be handed over yet */
        instance->not_begun = 0;
    if (instance->phase == PHUB__PHASE_STOPPING && instance->kill_owed)
        phub__instance_kill(instance, instance->kill_owed == 2);
    if (instance->phase != PHUB__PHASE_STARTING)
        return;
    if (instance->standby && instance->commit_done == NULL &&
        !instance->spec.ready) {
        timer_off(instance);
        phub__instance_set_phase(instance, PHUB__PHASE_STANDBY);
        return;
    }
    if (!instance->standby)
        phub__instance_put_state(instance);
    phub__instance_check_ready(instance);
}

static void on_failed(void *arg, uint64_t handle, int rc, const char *text)
{
    struct phub__instance *instance = phub__supervisor_find(arg, handle);

    if (instance != NULL)
        over(instance, 1, PHUB__END_SELF, rc, text); /* not ended well */
}

static void on_exited(void *arg, uint64_t handle, int status,
                      enum phub__end_cause cause)
{
    struct phub__instance *instance = phub__supervisor_find(arg, handle);
    char text[256];

    if (instance == NULL)
        return;
    if (instance->ill[0] != '\0')
        snprintf(text, sizeof text, "killed: %s", instance->ill);
    else if (status < 0)
        snprintf(text, sizeof text, "ended by signal %d%s", -status,
                 instance->ever_ran ? "" : " before it was ready");
    else
        snprintf(text, sizeof text, "exited with status %d%s", status,
                 instance->ever_ran ? "" : " before it was ready");
    over(instance, status, cause, PHUB_EFAILED, text);
}

static void on_hello(struct phub__instance *instance,
                     const struct phub__verb_message *message)
{
    uint32_t capabilities = (uint32_t)message->code;
    int identified = (capabilities & PHUB__IDENTIFIED) != 0;

    if (message->version != 0)
        instance->own_version = message->version;
    if (identified) {
        instance->identified = 1;
        instance->was_standby = (capabilities & PHUB__WAS_STANDBY) != 0;
        instance->was_frozen = (capabilities & PHUB__WAS_FROZEN) != 0;
        capabilities &= PHUB__IDENTIFIED - 1;
    }
    instance->capabilities = capabilities;
    instance->capabilities_known = 1;
    if (instance->role_owed ||
        (instance->role_told && instance->role == PHUB_ROLE_PASSIVE))
        phub__instance_send_role(instance);
    if (instance->standby && instance->phase == PHUB__PHASE_STARTING &&
        instance->commit_done == NULL) {
        timer_off(instance);
        phub__instance_set_phase(instance, PHUB__PHASE_STANDBY);
    } else if (instance->commit_owed) {
        /* It was committed before it spoke, and waits to be told. */
        instance->commit_owed = 0;
        instance->committing = instance->phase == PHUB__PHASE_STARTING;
        if (instance->state == NULL || instance->loaded)
            phub__instance_send_commit(instance);
    }
    phub__instance_adopted_told(instance, identified);
}

static void on_received(void *arg, uint64_t handle,
                        const struct phub__verb_message *message)
{
    struct phub__instance *instance = phub__supervisor_find(arg, handle);

    if (instance == NULL)
        return;
    switch (message->verb) {
    case PHUB__VERB_HELLO:
        on_hello(instance, message);
        return;
    case PHUB__VERB_READY:
        instance->ready = 1;
        phub__instance_check_ready(instance);
        phub__instance_adopted_told(instance, 0);
        return;
    case PHUB__VERB_DONE:
        phub__instance_answered(instance, message);
        return;
    case PHUB__VERB_PUBLISH:
        phub__instance_publish(instance, message);
        return;
    case PHUB__VERB_AGREE:
        instance->supervisor->events->agreed(instance->supervisor->arg,
                                             instance);
        return;
    case PHUB__VERB_STOP:
    case PHUB__VERB_FREEZE:
    case PHUB__VERB_THAW:
    case PHUB__VERB_COMMIT:
    case PHUB__VERB_TAKE_STATE:
    case PHUB__VERB_PUT_STATE:
    case PHUB__VERB_ROLE:
    case PHUB__VERB_CONSENT:
    case PHUB__VERB_MESSAGE:
        return; /* not a child's to say; the channel counts it */
    }
}

static void on_holder(void *arg, uint64_t guard_id)
{
    struct phub__supervisor *supervisor = arg;

    supervisor->events->holder(supervisor->arg, "", guard_id);
}

const struct phub__runner_events phub__supervisor_runner_events = {
    .started = on_started,
    .failed = on_failed,
    .received = on_received,
    .exited = on_exited,
    .adopted = phub__supervisor_adopt,
    .holder = on_holder,
};
