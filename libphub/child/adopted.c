/* SPDX-License-Identifier: MIT */
/* adopted: children that an earlier daemon of this node started.
 *
 * The runner knows that it runs, its row whose it is and what it should be
 * like, and the child what it is: it tells when it is asked, at its own pace.
 * It is settled once the owner says that it may stay. */
#include "config.h"

#include "child/supervisor_private.h"

#define NS_PER_MS 1000000ull
#define ADOPTED_READY_MS 5000u  /* or what its spec gives it, if that is more */
#define ADOPTED_SURE_MS 5000u   /* then it is one that does not speak */

static void timer_at(struct phub__instance *instance, uint64_t from_ns,
                     uint64_t ms)
{
    struct phub_env *env = instance->supervisor->env;

    env->timer_start(env, instance->timer, from_ns + ms * NS_PER_MS);
}

int phub__instance_adopted(const struct phub__instance *instance)
{
    return instance->adopted && !instance->settle_owed;
}

int phub__instance_unsure(const struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;

    return instance->adopted_ns != 0 && instance->handle != 0 &&
           !instance->capabilities_known &&
           !(phub__instance_can(instance) & PHUB__CAN_STATE) &&
           env->now_ns(env) <
               instance->adopted_ns + ADOPTED_SURE_MS * NS_PER_MS;
}

void phub__instance_adopted_spec(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;

    if (instance->adopted && instance->spec.cmd_health.count != 0)
        env->timer_start(env, instance->health_timer, env->now_ns(env) +
                         instance->spec.health_interval_ms * NS_PER_MS);
    if (instance->adopted && instance->phase == PHUB__PHASE_STARTING &&
        instance->spec.ready_timeout_ms > ADOPTED_READY_MS)
        timer_at(instance, instance->adopted_ns,
                 instance->spec.ready_timeout_ms);
}

void phub__instance_unsettle(struct phub__instance *instance)
{
    instance->adopted = 1;
    instance->identified = 1;
    instance->was_frozen = 1;
    instance->was_standby = 0;
    instance->settle_owed = 0;
}

/* One that does not answer is started anew. */
static void settled_commit(void *arg, int rc, const char *text,
                           struct phub_buf *body)
{
    struct phub__instance *instance = arg;

    (void)text;
    (void)body;
    if (instance->ended || instance->handle == 0)
        return;
    instance->committing = 0;
    if (rc != 0)
        phub__instance_kill(instance, 1);
    else
        phub__instance_check_ready(instance);
}

/* An adopted standby has its state; it runs once it has heard COMMIT. */
static void settle_standby(struct phub__instance *instance)
{
    uint32_t timeout_ms = (uint32_t)instance->spec.ready_timeout_ms;
    struct phub_env *env = instance->supervisor->env;

    instance->adopted = 0;
    instance->committing = 1;
    instance->phase = PHUB__PHASE_STARTING;
    timer_at(instance, env->now_ns(env), timeout_ms);
    phub__instance_call(instance, PHUB__VERB_COMMIT, NULL, timeout_ms,
                        settled_commit, instance);
}

void phub__instance_settle(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;

    if (!instance->adopted || instance->ended)
        return;
    instance->settle_owed = 1;
    if (instance->phase == PHUB__PHASE_STARTING && instance->identified &&
        instance->was_standby && !instance->ready) {
        phub__instance_stop(instance, 1, "a standby whose state never came");
        return;
    }
    if (instance->phase == PHUB__PHASE_STARTING &&
        (!instance->identified || !instance->ready))
        return; /* the timer decides */
    if (instance->phase != PHUB__PHASE_STARTING &&
        instance->phase != PHUB__PHASE_RUNNING &&
        instance->phase != PHUB__PHASE_FROZEN)
        return;
    if (instance->was_standby) {
        settle_standby(instance);
        return;
    }
    if (instance->was_frozen || instance->spec.cmd_thaw.count != 0)
        phub__instance_thaw(instance);
    instance->adopted = 0;
    if (instance->phase == PHUB__PHASE_RUNNING)
        return;
    env->timer_stop(env, instance->timer);
    instance->running_since = env->now_ns(env);
    phub__instance_set_phase(instance, PHUB__PHASE_RUNNING);
}

/* One that does not say READY runs on as soon as its row is found.  That it
 * was frozen it may say later; it is thawed unless it is to freeze again. */
static void identified_late(struct phub__instance *instance)
{
    if (instance->settle_owed && !instance->adopted &&
        instance->was_frozen && instance->freezing == 0 &&
        instance->phase == PHUB__PHASE_RUNNING)
        phub__instance_thaw(instance);
}

/* An adopted child said more of itself. */
void phub__instance_adopted_told(struct phub__instance *instance,
                                 int identified)
{
    if (identified)
        identified_late(instance);
    if (instance->settle_owed)
        phub__instance_settle(instance);
    else if (instance->adopted)
        instance->supervisor->events->changed(instance->supervisor->arg,
                                              instance);
}

void phub__supervisor_adopt(void *arg,
                            const struct phub__runner_adopted *child)
{
    struct phub__supervisor *supervisor = arg;
    struct phub__instance *instance;

    instance = phub__instance_new(supervisor, child->id, child->incarnation,
                                  child->epoch);
    if (instance == NULL) { /* nobody would know of it, and it would act */
        (void)supervisor->attaching->kill(supervisor->attaching,
                                          child->handle, 1);
        return;
    }
    instance->runner = supervisor->attaching;
    instance->handle = child->handle;
    if (child->handle > supervisor->last_handle)
        supervisor->last_handle = child->handle;
    instance->pid = child->pid;
    instance->started = 1;
    instance->ready = child->ready;
    instance->ever_ran = 1;
    instance->adopted = 1;
    instance->adopted_ns = supervisor->env->now_ns(supervisor->env);
    instance->awaits = child->awaits;
    /* The row brings the spec, HELLO what it can do.  One that had not been
     * ready, or has to say so again, gets some time for that. */
    phub__supervisor_index(supervisor, instance);
    instance->phase = child->ready ? PHUB__PHASE_RUNNING
                                   : PHUB__PHASE_STARTING;
    if (!child->ready) {
        instance->spec.ready = 1;
        instance->spec.ready_timeout_ms = ADOPTED_READY_MS;
        timer_at(instance, instance->adopted_ns, ADOPTED_READY_MS);
    }
    supervisor->events->adopted(supervisor->arg, instance);
}
