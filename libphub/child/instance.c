/* SPDX-License-Identifier: MIT */
/* instance: one copy of a child: what it is asked and how it answers.
 *
 * Each verb with an answer is a struct phub__instance_call with a timer of its
 * own and ends in exactly one done(): the child's answer, its timeout, or the
 * child's end.  A late or second answer finds no call: it is counted and
 * dropped.  Where a
 * child does not speak the channel, the spec's command of the same name does
 * the work. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "child/supervisor_private.h"
#include "wire/memory.h"

#define NS_PER_MS 1000000ull
#define THAW_AGAIN_MS 100u
#define THAW_DOUBLE 6u         /* times, to 6.4 s */
#define THAW_TRIES 3u          /* of a command that fails */

static void call_free(struct phub__instance_call *call, struct phub_env *env)
{
    if (call->timer != NULL)
        env->timer_free(env, &call->timer);
    phub__free(call);
}

static void call_unlink(struct phub__instance_call *call)
{
    struct phub__instance *instance = call->instance;
    struct phub__instance_call **p;

    for (p = &instance->calls; *p != call; p = &(*p)->next)
        ;
    *p = call->next;
    instance->calls_count--;
}

static void call_timed_out(void *arg)
{
    struct phub__instance_call *call = arg;
    struct phub_env *env = call->instance->supervisor->env;
    struct phub__runner *runner = call->instance->runner;
    phub__verb_done *done = call->done;
    void *done_arg = call->arg;

    if (runner->forget != NULL)
        runner->forget(runner, call->instance->handle, call->ref);
    call->instance->answered_late = 0;
    call_unlink(call);
    call_free(call, env);
    if (done != NULL)
        done(done_arg, PHUB_ETIMEDOUT, "the child did not answer in time",
             NULL);
}

static struct phub__instance_call *
call_new(struct phub__instance *instance, uint32_t timeout_ms,
         phub__verb_done *done, void *arg)
{
    struct phub_env *env = instance->supervisor->env;
    struct phub__instance_call *call;

    if (instance->calls_count >= PHUB__INSTANCE_CALLS_MAX)
        return NULL;
    call = phub__calloc(1, sizeof *call);
    if (call == NULL)
        return NULL;
    if (timeout_ms != 0) {
        call->timer = env->timer_new(env, call_timed_out, call);
        if (call->timer == NULL) {
            phub__free(call);
            return NULL;
        }
        env->timer_start(env, call->timer,
                         env->now_ns(env) + timeout_ms * NS_PER_MS);
    }
    call->instance = instance;
    call->ref = ++instance->supervisor->last_ref;
    call->done = done;
    call->arg = arg;
    call->next = instance->calls;
    instance->calls = call;
    instance->calls_count++;
    return call;
}

/* A call that failed before it began is answered from the loop as well, so
 * that no done() comes before its request returns; or by the instance's end,
 * if that comes first. */
static void late_fire(void *arg)
{
    struct phub__instance_call late = *(struct phub__instance_call *)arg;

    call_unlink(arg);
    call_free(arg, late.instance->supervisor->env);
    late.instance->answered_late = 1;
    late.done(late.arg, late.late_rc, late.late_text, NULL);
}

static void answer_late(struct phub__instance *instance, int rc,
                        const char *text, phub__verb_done *done, void *arg)
{
    struct phub_env *env = instance->supervisor->env;
    struct phub__instance_call *late;

    if (done == NULL)
        return;
    late = phub__calloc(1, sizeof *late);
    if (late != NULL)
        late->timer = env->timer_new(env, late_fire, late);
    if (late == NULL || late->timer == NULL) {
        phub__free(late);
        instance->answered_late = 1;
        done(arg, PHUB_ENOMEM, "out of memory", NULL);
        return;
    }
    late->instance = instance;
    late->ref = ++instance->supervisor->last_ref;
    late->done = done;
    late->arg = arg;
    late->late_rc = rc;
    late->late_text = text;
    late->next = instance->calls;
    instance->calls = late;
    instance->calls_count++;
    env->timer_start(env, late->timer, env->now_ns(env));
}

static void call_verb(struct phub__instance *instance,
                      struct phub__verb_message message, uint32_t timeout_ms,
                      phub__verb_done *done, void *arg)
{
    struct phub_env *env = instance->supervisor->env;
    struct phub__instance_call *call;
    int rc;

    if (instance->handle == 0) {
        answer_late(instance, PHUB_EFAILED, "it does not run", done, arg);
        return;
    }
    call = call_new(instance, timeout_ms, done, arg);
    if (call == NULL) {
        answer_late(instance, PHUB_EBUSY, "too many unanswered requests",
                    done, arg);
        return;
    }
    message.ref = call->ref;
    if (message.body != NULL)
        message.version = message.body->version;
    rc = instance->runner->send(instance->runner, instance->handle, &message);
    if (rc != 0) {
        call_unlink(call);
        call_free(call, env);
        answer_late(instance, rc, phub_strerror(rc), done, arg);
    }
}

void phub__instance_call(struct phub__instance *instance, enum phub__verb verb,
                         struct phub_buf *body, uint32_t timeout_ms,
                         phub__verb_done *done, void *arg)
{
    struct phub__verb_message message = { .verb = verb, .body = body };

    call_verb(instance, message, timeout_ms, done, arg);
}

void phub__instance_call_code(struct phub__instance *instance,
                              enum phub__verb verb, int code,
                              struct phub_buf *body, uint32_t timeout_ms,
                              phub__verb_done *done, void *arg)
{
    struct phub__verb_message message = { .verb = verb, .body = body,
                                          .code = code };

    call_verb(instance, message, timeout_ms, done, arg);
}

static void command_done(void *arg, const struct phub__command_result *result)
{
    struct phub__instance_call *call = arg;
    phub__verb_done *done = call->done;
    void *done_arg = call->arg;

    if (call->instance == NULL) {
        phub__free(call);
        return;
    }
    call->instance->answered_late = 0;
    call_unlink(call);
    phub__free(call);
    if (done != NULL)
        done(done_arg, result->rc, result->text, result->out);
}

void phub__instance_command(struct phub__instance *instance,
                            const struct phub__list *argv,
                            struct phub_buf *input, uint32_t timeout_ms,
                            phub__verb_done *done, void *arg)
{
    struct phub__runner_start start;
    struct phub__instance_call *call;
    int rc;

    if (instance->runner->command == NULL) {
        answer_late(instance, PHUB_EUNSUPPORTED,
                    "its runner has no commands", done, arg);
        return;
    }
    call = call_new(instance, 0, done, arg);
    if (call == NULL) {
        answer_late(instance, PHUB_EBUSY, "too many unanswered requests",
                    done, arg);
        return;
    }
    call->command = 1;
    phub__instance_describe(instance, &start);
    rc = instance->runner->command(instance->runner, &start, argv, input,
                                   timeout_ms, command_done, call);
    if (rc != 0) {
        call_unlink(call);
        phub__free(call);
        answer_late(instance, rc, phub_strerror(rc), done, arg);
    }
}

void phub__instance_answered(struct phub__instance *instance,
                             const struct phub__verb_message *message)
{
    struct phub_env *env = instance->supervisor->env;
    struct phub__instance_call *call;
    phub__verb_done *done;
    void *arg;
    char text[200];

    for (call = instance->calls; call != NULL; call = call->next)
        if (call->ref == message->ref && !call->command)
            break;
    if (call == NULL) {
        instance->supervisor->answers_late++;
        return;
    }
    done = call->done;
    arg = call->arg;
    call_unlink(call);
    call_free(call, env);
    instance->answered_late = message->unsent;
    if (done == NULL)
        return;
    snprintf(text, sizeof text, "%.*s", (int)message->text.size,
             message->text.size != 0 ? (const char *)message->text.data : "");
    done(arg, message->code, text, message->body);
}

/* Answer everything: the instance has ended.  A command goes on by itself and
 * is forgotten. */
void phub__instance_fail_calls(struct phub__instance *instance, int rc,
                               const char *text)
{
    struct phub_env *env = instance->supervisor->env;
    struct phub__instance_call *calls = instance->calls, *call;

    instance->calls = NULL;
    instance->calls_count = 0;
    while (calls != NULL) {
        phub__verb_done *done = calls->done;
        void *arg = calls->arg;

        call = calls;
        calls = call->next;
        if (call->command)
            call->instance = NULL;
        else
            call_free(call, env);
        if (done != NULL)
            done(arg, rc, text, NULL);
    }
}

void phub__instance_publish(struct phub__instance *instance,
                            const struct phub__verb_message *message)
{
    struct phub_bytes value = PHUB_BYTES_NONE;
    struct phub__pair *pair = NULL;
    uint8_t *copy;
    uint32_t i;

    if (message->body != NULL)
        value = phub__buf_bytes(message->body);
    if (message->text.size == 0 || message->text.size > 63 ||
        value.size > 1024)
        return;
    for (i = 0; i < instance->metadata_count; i++)
        if (instance->metadata[i].key.size == message->text.size &&
            memcmp(instance->metadata[i].key.data, message->text.data,
                   message->text.size) == 0)
            pair = &instance->metadata[i];
    if (pair == NULL && (value.size == 0 || instance->metadata_count >=
                                                PHUB__INSTANCE_METADATA_MAX))
        return;
    if (pair != NULL && pair->value.size == value.size && value.size != 0 &&
        memcmp(pair->value.data, value.data, value.size) == 0)
        return; /* nothing new: a child that repeats itself costs no write */
    copy = phub__malloc(message->text.size + value.size + 1);
    if (copy == NULL)
        return;
    memcpy(copy, message->text.data, message->text.size);
    if (value.size != 0)
        memcpy(copy + message->text.size, value.data, value.size);
    if (pair == NULL)
        pair = &instance->metadata[instance->metadata_count++];
    else
        phub__free((void *)(uintptr_t)pair->key.data);
    pair->key = (struct phub_bytes){ copy, message->text.size };
    pair->value = (struct phub_bytes){ copy + message->text.size, value.size };
    if (value.size == 0) {
        phub__free(copy);
        *pair = instance->metadata[--instance->metadata_count];
    }
    instance->supervisor->events->changed(instance->supervisor->arg,
                                          instance);
}

void phub__instance_unpublish(struct phub__instance *instance)
{
    while (instance->metadata_count != 0)
        phub__free((void *)(uintptr_t)
                       instance->metadata[--instance->metadata_count]
                           .key.data);
}

/* --- verbs ---------------------------------------------------------------- */

struct froze {
    struct phub__instance *instance;
    phub__verb_done *done;
    void *arg;
};

static void freeze_done(void *arg, int rc, const char *text,
                        struct phub_buf *body)
{
    struct froze froze = *(struct froze *)arg;

    phub__free(arg);
    froze.instance->freezing--;
    if (froze.instance->thaw_owed)
        phub__instance_thaw(froze.instance);
    else if (rc == 0 && froze.instance->phase == PHUB__PHASE_RUNNING)
        phub__instance_set_phase(froze.instance, PHUB__PHASE_FROZEN);
    froze.done(froze.arg, rc, text, body);
}

/* Who asks has a limit, and the child's spec has one: the shorter holds. */
static uint32_t within(const struct phub__instance *instance,
                       uint32_t timeout_ms)
{
    uint64_t limit = instance->spec.state_timeout_ms;

    if (limit == 0 || (timeout_ms != 0 && timeout_ms <= limit))
        return timeout_ms;
    return (uint32_t)limit;
}

void phub__instance_freeze(struct phub__instance *instance,
                           uint32_t timeout_ms, phub__verb_done *done,
                           void *arg)
{
    struct froze *froze;

    if (instance->phase != PHUB__PHASE_RUNNING) {
        answer_late(instance, PHUB_EFAILED, "it is not running", done, arg);
        return;
    }
    if (!(phub__instance_can(instance) & PHUB__CAN_FREEZE)) {
        answer_late(instance, PHUB_EUNSUPPORTED, "it cannot freeze", done,
                    arg);
        return;
    }
    froze = phub__calloc(1, sizeof *froze);
    if (froze == NULL) {
        answer_late(instance, PHUB_ENOMEM, "out of memory", done, arg);
        return;
    }
    *froze = (struct froze){ instance, done, arg };
    timeout_ms = within(instance, timeout_ms);
    instance->freezing++;
    instance->thaw_owed = 0;
    phub__instance_thaw_forget(instance);
    if (instance->capabilities & PHUB__CAN_FREEZE)
        phub__instance_call(instance, PHUB__VERB_FREEZE, NULL, timeout_ms,
                            freeze_done, froze);
    else
        phub__instance_command(instance, &instance->spec.cmd_freeze, NULL,
                               timeout_ms, freeze_done, froze);
}

void phub__instance_thaw_forget(struct phub__instance *instance)
{
    struct phub_env *env = instance->supervisor->env;

    instance->thaws_failed = instance->thaws_again = 0;
    env->timer_stop(env, instance->thaw_timer);
}

void phub__instance_thaw_fired(void *arg)
{
    phub__instance_thaw(arg);
}

/* A verb that was sent is read some day.  What could not be sent would leave
 * the child frozen, and nobody would know: it is sent again.  So is a command
 * that failed, a few times: it may be an error to thaw what is not frozen. */
static void thaw_done(void *arg, int rc, const char *text,
                      struct phub_buf *body)
{
    struct phub__instance *instance = arg;
    struct phub_env *env = instance->supervisor->env;
    int verb = (instance->capabilities & PHUB__CAN_FREEZE) != 0;
    int begun = verb ? !instance->answered_late
                     : rc != PHUB_EBUSY && rc != PHUB_ENOMEM && rc != PHUB_ESYS;
    uint64_t wait_ms = THAW_AGAIN_MS;

    (void)text;
    (void)body;
    if (rc == 0 || (verb && begun) || instance->freezing != 0 ||
        (instance->phase != PHUB__PHASE_RUNNING && !instance->thawing))
        return; /* or it is to be frozen again */
    if (begun && ++instance->thaws_failed > THAW_TRIES)
        return;
    wait_ms <<= instance->thaws_again < THAW_DOUBLE ? instance->thaws_again++
                                                    : THAW_DOUBLE;
    env->timer_start(env, instance->thaw_timer,
                     env->now_ns(env) + wait_ms * NS_PER_MS);
}

/* Also after a freeze whose answer never came: the child may have frozen. */
void phub__instance_thaw(struct phub__instance *instance)
{
    /* What is being ended must not answer anybody any more. */
    if (instance->handle == 0 || instance->ended ||
        instance->phase == PHUB__PHASE_STOPPING)
        return;
    /* In order: the freeze that is under way would else come after it. */
    instance->thaw_owed = instance->freezing != 0;
    if (instance->freezing != 0)
        return;
    instance->thawing = 1;
    if (instance->capabilities & PHUB__CAN_FREEZE)
        phub__instance_call(instance, PHUB__VERB_THAW, NULL,
                            (uint32_t)instance->spec.state_timeout_ms,
                            thaw_done, instance);
    else if (instance->spec.cmd_thaw.count != 0)
        phub__instance_command(instance, &instance->spec.cmd_thaw, NULL,
                               (uint32_t)instance->spec.state_timeout_ms,
                               thaw_done, instance);
    instance->thawing = 0;
    if (instance->phase == PHUB__PHASE_FROZEN)
        phub__instance_set_phase(instance, PHUB__PHASE_RUNNING);
}

void phub__instance_take_state(struct phub__instance *instance,
                               uint32_t timeout_ms, phub__verb_done *done,
                               void *arg)
{
    timeout_ms = within(instance, timeout_ms);
    if (instance->capabilities & PHUB__CAN_STATE)
        phub__instance_call(instance, PHUB__VERB_TAKE_STATE, NULL, timeout_ms,
                            done, arg);
    else if (instance->spec.cmd_state_get.count != 0)
        phub__instance_command(instance, &instance->spec.cmd_state_get, NULL,
                               timeout_ms, done, arg);
    else
        answer_late(instance, PHUB_EUNSUPPORTED, "it has no state to take",
                    done, arg);
}

/* --- a state for a standby ------------------------------------------------- */

struct load {
    struct phub__instance *instance;
    phub__verb_done *done;
    void *arg;
};

static void load_done(void *arg, int rc, const char *text,
                      struct phub_buf *body)
{
    struct load load = *(struct load *)arg;
    struct phub__instance *instance = load.instance;
    char why[256];

    (void)body;
    phub__free(arg);
    instance->loading = 0;
    if (instance->ended || instance->handle == 0) {
        instance->load_owed = 0; /* its end tells more */
    } else if (rc != 0 && instance->load_owed) {
        /* Committed meanwhile: it does not matter any more who asked. */
        instance->load_owed = 0;
        phub__instance_state_refused(instance, rc, text, why, sizeof why);
        phub__instance_refuse(instance, rc, why);
    } else if (rc == 0) {
        instance->loaded = 1;
        if (instance->load_owed)
            phub__instance_send_commit(instance);
        instance->load_owed = 0;
    }
    if (load.done == NULL)
        return;
    why[0] = '\0';
    if (rc != 0)
        phub__instance_state_refused(instance, rc, text, why, sizeof why);
    load.done(load.arg, rc, why, NULL);
}

void phub__instance_state_refused(const struct phub__instance *instance,
                                  int rc, const char *text, char *why,
                                  size_t why_max)
{
    const char *cause = text[0] != '\0' ? text : phub_strerror(rc);
    uint32_t given = instance->state != NULL ? instance->state->version : 0;

    if (given == 0 && instance->own_version == 0)
        snprintf(why, why_max, "it did not take its state: %s", cause);
    else
        snprintf(why, why_max, "it did not take its state of version %u, "
                 "its own is %u: %s", given, instance->own_version, cause);
}

int phub__instance_load(struct phub__instance *instance,
                        struct phub_buf *state, phub__verb_done *done,
                        void *arg)
{
    struct load *load;

    if (instance->ended || !instance->standby || instance->handle == 0 ||
        instance->phase != PHUB__PHASE_STANDBY || instance->loading ||
        instance->state != NULL || instance->spec.cmd_state_put.count != 0 ||
        !(instance->capabilities & PHUB__CAN_STATE))
        return PHUB_EUNSUPPORTED;
    load = phub__calloc(1, sizeof *load);
    if (load == NULL)
        return PHUB_ENOMEM;
    *load = (struct load){ instance, done, arg };
    instance->state = phub__buf_ref(state);
    instance->loading = 1;
    phub__instance_call(instance, PHUB__VERB_PUT_STATE, state,
                        (uint32_t)instance->spec.ready_timeout_ms, load_done,
                        load);
    return 0;
}

static void commit_answered(void *arg, int rc, const char *text,
                            struct phub_buf *body)
{
    struct phub__instance *instance = arg;

    (void)body;
    if (instance->ended || instance->handle == 0)
        return;
    if (rc != 0) {
        phub__instance_refuse(instance, rc, text);
        return;
    }
    instance->committing = 0;
    phub__instance_check_ready(instance);
}

void phub__instance_send_commit(struct phub__instance *instance)
{
    phub__instance_call(instance, PHUB__VERB_COMMIT, NULL,
                        (uint32_t)instance->spec.ready_timeout_ms,
                        commit_answered, instance);
}

void phub__instance_commit(struct phub__instance *instance,
                           struct phub_buf *state, phub__verb_done *done,
                           void *arg)
{
    struct phub_env *env = instance->supervisor->env;

    if (instance->ended || !instance->standby ||
        instance->commit_done != NULL) {
        answer_late(instance, PHUB_EFAILED, "it is no standby", done, arg);
        return;
    }
    instance->commit_done = done;
    instance->commit_arg = arg;
    if (instance->state == NULL) /* it may have been loaded before */
        instance->state = state != NULL ? phub__buf_ref(state) : NULL;
    if (instance->handle == 0) {
        /* Reserved only: its state command must come before the program. */
        instance->standby = 0;
        phub__instance_begin(instance);
        return;
    }
    instance->phase = PHUB__PHASE_STARTING;
    env->timer_start(env, instance->timer,
                     env->now_ns(env) +
                         instance->spec.ready_timeout_ms * NS_PER_MS);
    if (!instance->capabilities_known) {
        /* It said no HELLO: a program that knows nothing of phub runs
         * already; one that speaks late still gets its state and COMMIT. */
        instance->commit_owed = 1;
        phub__instance_put_state(instance);
        phub__instance_check_ready(instance);
        return;
    }
    instance->committing = 1;
    if (instance->loading)
        instance->load_owed = 1;
    else if (instance->state != NULL && !instance->loaded)
        phub__instance_put_state(instance);
    else
        phub__instance_send_commit(instance);
}

void phub__instance_consent(struct phub__instance *instance,
                            uint32_t timeout_ms, phub__verb_done *done,
                            void *arg)
{
    if (instance->capabilities & PHUB__CAN_CONSENT)
        phub__instance_call(instance, PHUB__VERB_CONSENT, NULL, timeout_ms,
                            done, arg);
    else
        answer_late(instance, 0, "", done, arg);
}

/* --- roles ---------------------------------------------------------------- */

void phub__instance_tell_role(struct phub__instance *instance, uint32_t role,
                              phub__verb_done *done, void *arg)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_ROLE,
                                          .code = (int32_t)role };

    if (instance->capabilities & PHUB__CAN_ROLE)
        call_verb(instance, message,
                  (uint32_t)instance->spec.state_timeout_ms, done, arg);
    else
        answer_late(instance, PHUB_EUNSUPPORTED, "it has no roles", done,
                    arg);
}

/* One that goes on as what it was would be a second one, or none. */
static void role_answered(void *arg, int rc, const char *text,
                          struct phub_buf *body)
{
    struct phub__instance *instance = arg;
    char why[128];

    (void)body;
    if (rc == 0 || instance->ended || instance->handle == 0)
        return;
    snprintf(why, sizeof why, "it did not take its role: %s", text);
    phub__instance_stop(instance, 0, why);
}

void phub__instance_send_role(struct phub__instance *instance)
{
    int changed = instance->role_owed > 1;

    instance->role_owed = 0;
    if (instance->capabilities & PHUB__CAN_ROLE)
        phub__instance_tell_role(instance, instance->role,
                                 changed ? role_answered : NULL, instance);
}

void phub__instance_set_role(struct phub__instance *instance, uint32_t role,
                             int tell)
{
    if (instance->role_known && instance->role == role)
        return;
    instance->role_owed = tell ? 1 + instance->role_known : 0;
    instance->role = role;
    instance->role_told = tell || instance->role_told;
    instance->role_known = 1;
    if (instance->role_owed != 0 && instance->capabilities_known &&
        instance->handle != 0)
        phub__instance_send_role(instance);
}

uint32_t phub__instance_role(const struct phub__instance *instance)
{
    return instance->role_known ? instance->role : PHUB_ROLE_ACTIVE;
}

int phub__instance_message(struct phub__instance *instance,
                           struct phub_buf *body, uint32_t timeout_ms,
                           phub__verb_done *done, void *arg)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_MESSAGE,
                                          .body = body };

    if (done != NULL)
        phub__instance_call(instance, PHUB__VERB_MESSAGE, body, timeout_ms,
                            done, arg);
    else if (instance->handle != 0)
        return instance->runner->send(instance->runner, instance->handle,
                                      &message);
    return 0;
}

/* --- what it is ----------------------------------------------------------- */

struct phub_buf *phub__instance_state(const struct phub__instance *instance)
{
    return instance->state;
}

uint32_t phub__instance_can(const struct phub__instance *instance)
{
    uint32_t can = instance->capabilities;

    if (instance->spec.cmd_freeze.count != 0)
        can |= PHUB__CAN_FREEZE;
    if (instance->spec.cmd_state_get.count != 0)
        can |= PHUB__CAN_STATE;
    return can;
}

struct phub_bytes phub__instance_id(const struct phub__instance *instance)
{
    return (struct phub_bytes){ (const uint8_t *)instance->id,
                                instance->id_size };
}

enum phub__phase phub__instance_phase(const struct phub__instance *instance)
{
    return instance->phase;
}

struct phub_epoch phub__instance_epoch(const struct phub__instance *instance)
{
    return instance->epoch;
}

struct phub_epoch
phub__instance_incarnation(const struct phub__instance *instance)
{
    return instance->incarnation;
}

void phub__instance_set_epoch(struct phub__instance *instance,
                              struct phub_epoch epoch)
{
    instance->epoch = epoch;
}

int64_t phub__instance_pid(const struct phub__instance *instance)
{
    return instance->pid;
}

int phub__instance_stuck(const struct phub__instance *instance)
{
    return instance->phase == PHUB__PHASE_BACKOFF && instance->not_begun != 0;
}

uint32_t phub__instance_restarts(const struct phub__instance *instance)
{
    return instance->restarts;
}

const struct phub__pair *
phub__instance_metadata(const struct phub__instance *instance,
                        uint32_t *count)
{
    *count = instance->metadata_count;
    return instance->metadata;
}

void *phub__instance_owner(const struct phub__instance *instance)
{
    return instance->owner;
}

void phub__instance_set_owner(struct phub__instance *instance, void *owner)
{
    instance->owner = owner;
}

const struct phub__spec *
phub__instance_spec(const struct phub__instance *instance)
{
    return &instance->spec;
}
