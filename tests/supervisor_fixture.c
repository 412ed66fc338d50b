/* SPDX-License-Identifier: MIT */
/* supervisor_fixture: see supervisor_fixture.h. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "supervisor_fixture.h"
#include "wire/buf.h"
#include "wire/memory.h"

struct sup_timer {
    struct sup_timer *next;
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ns;      /* UINT64_MAX: off */
};

struct sup_later {
    struct sup_later *next;
    void (*fn)(void *arg);
    void *arg;
};

/* --- the env -------------------------------------------------------------- */

static uint64_t now_ns(struct phub_env *env)
{
    return ((struct sup *)env)->now_ns;
}

static uint64_t random_number(struct phub_env *env)
{
    struct sup *sup = (struct sup *)env;

    sup->random = sup->random * UINT64_C(6364136223846793005) + 1;
    return sup->random >> 32;
}

static struct phub__timer *timer_new(struct phub_env *env,
                                     void (*fire)(void *arg), void *arg)
{
    struct sup *sup = (struct sup *)env;
    struct sup_timer *timer = phub__calloc(1, sizeof *timer);

    if (timer == NULL)
        return NULL;
    timer->fire = fire;
    timer->arg = arg;
    timer->at_ns = UINT64_MAX;
    timer->next = sup->timers;
    sup->timers = timer;
    return (struct phub__timer *)timer;
}

static void timer_start(struct phub_env *env, struct phub__timer *timer,
                        uint64_t at_ns)
{
    (void)env;
    ((struct sup_timer *)timer)->at_ns = at_ns;
}

static void timer_stop(struct phub_env *env, struct phub__timer *timer)
{
    (void)env;
    ((struct sup_timer *)timer)->at_ns = UINT64_MAX;
}

static void timer_free(struct phub_env *env, struct phub__timer **timer)
{
    struct sup *sup = (struct sup *)env;
    struct sup_timer **p = &sup->timers, *dead = (struct sup_timer *)*timer;

    while (*p != dead)
        p = &(*p)->next;
    *p = dead->next;
    phub__free(dead);
    *timer = NULL;
}

static int defer(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct sup *sup = (struct sup *)env;
    struct sup_later *later = phub__calloc(1, sizeof *later);

    if (later == NULL)
        return PHUB_ENOMEM;
    later->fn = fn;
    later->arg = arg;
    *sup->later_end = later;
    sup->later_end = &later->next;
    return 0;
}

static struct phub__runner *runner_of(struct phub_env *env, const char *name)
{
    struct sup *sup = (struct sup *)env;

    return strcmp(name, "exec") == 0 ? &sup->runner : NULL;
}

static void log_line(struct phub_env *env, enum phub__log_level level,
                     const char *text)
{
    (void)env;
    (void)level;
    (void)text;
}

static int run_later(struct sup *sup)
{
    struct sup_later *later = sup->later;

    if (later == NULL)
        return 0;
    sup->later = later->next;
    if (sup->later == NULL)
        sup->later_end = &sup->later;
    later->fn(later->arg);
    phub__free(later);
    return 1;
}

void sup_run(struct sup *sup, uint64_t ms)
{
    uint64_t until = sup->now_ns + ms * 1000000u;
    struct sup_timer *timer, *first;

    for (;;) {
        while (run_later(sup))
            ;
        first = NULL;
        for (timer = sup->timers; timer != NULL; timer = timer->next)
            if (timer->at_ns <= until &&
                (first == NULL || timer->at_ns < first->at_ns))
                first = timer;
        if (first == NULL)
            break;
        if (first->at_ns > sup->now_ns)
            sup->now_ns = first->at_ns;
        first->at_ns = UINT64_MAX;
        first->fire(first->arg);
    }
    sup->now_ns = until;
}

/* --- the runner ----------------------------------------------------------- */

static struct sup *sup_of(struct phub__runner *runner)
{
    return (struct sup *)(void *)((char *)runner -
                                  offsetof(struct sup, runner));
}

static int runner_attach(struct phub__runner *runner,
                         const struct phub__runner_events *runner_events,
                         void (*attached)(void *arg, uint64_t guard_id),
                         void *arg, char *error, size_t error_max)
{
    struct sup *sup = sup_of(runner);

    (void)error;
    (void)error_max;
    sup->events = runner_events;
    sup->events_arg = arg;
    if (sup->held != NULL) {
        runner_events->adopted(arg, sup->held);
        sup->handle = sup->held->handle;
    }
    attached(arg, 77);
    return 0;
}

static void runner_detach(struct phub__runner *runner)
{
    sup_of(runner)->detached++;
}

static int runner_start(struct phub__runner *runner,
                        const struct phub__runner_start *start)
{
    struct sup *sup = sup_of(runner);

    sup->starts++;
    sup->started_ns = sup->now_ns;
    ck_assert_uint_gt(start->handle, sup->handle);
    sup->handle = start->handle;
    sup->standby = start->standby;
    sup->state_expected = start->state_expected;
    return sup->start_rc;
}

static void keep(char *place, size_t max, const struct phub_buf *buf)
{
    struct phub_bytes bytes = phub__buf_bytes(buf);

    snprintf(place, max, "%.*s", (int)bytes.size,
             bytes.size != 0 ? (const char *)bytes.data : "");
}

static int runner_send(struct phub__runner *runner, uint64_t handle,
                       const struct phub__verb_message *message)
{
    struct sup *sup = sup_of(runner);

    ck_assert_uint_eq(handle, sup->handle);
    if (sup->send_rc != 0)
        return sup->send_rc;
    sup->sends++;
    sup->verb = message->verb;
    sup->ref = message->ref;
    keep(sup->body, sizeof sup->body, message->body);
    return 0;
}

static void runner_forget(struct phub__runner *runner, uint64_t handle,
                          uint64_t ref)
{
    ck_assert_uint_eq(handle, sup_of(runner)->handle);
    sup_of(runner)->forgotten = ref;
}

static int runner_kill(struct phub__runner *runner, uint64_t handle, int hard)
{
    struct sup *sup = sup_of(runner);

    ck_assert_uint_eq(handle, sup->handle);
    if (hard)
        sup->hard++;
    else
        sup->soft++;
    return sup->kill_rc;
}

static int runner_command(struct phub__runner *runner,
                          const struct phub__runner_start *child,
                          const struct phub__list *argv,
                          struct phub_buf *input, uint32_t timeout_ms,
                          void (*done)(void *arg,
                              const struct phub__command_result *result),
                          void *arg)
{
    struct sup *sup = sup_of(runner);

    (void)child;
    (void)timeout_ms;
    if (sup->command_rc != 0)
        return sup->command_rc;
    sup->commands++;
    sup->command_word = ((const struct phub_bytes *)argv->items)[0];
    keep(sup->command_input, sizeof sup->command_input, input);
    sup->command_done = done;
    sup->command_arg = arg;
    return 0;
}

static void runner_deadline(struct phub__runner *runner, uint64_t boot_ns)
{
    (void)runner;
    (void)boot_ns;
}

/* --- what the supervisor tells -------------------------------------------- */

static void on_changed(void *arg, struct phub__instance *instance)
{
    (void)instance;
    ((struct sup *)arg)->changed++;
}

static void on_ended(void *arg, struct phub__instance *instance,
                     enum phub__ended why, int rc, const char *text)
{
    struct sup *sup = arg;

    sup->ended++;
    sup->why = why;
    sup->rc = rc;
    snprintf(sup->text, sizeof sup->text, "%s", text);
    if (sup->instance == instance)
        sup->instance = NULL;
    phub__instance_free(&instance);
}

static void on_adopted(void *arg, struct phub__instance *instance)
{
    struct sup *sup = arg;

    sup->adopted++;
    sup->instance = instance;
}

static void on_holder(void *arg, const char *runner, uint64_t guard_id)
{
    (void)runner;
    ((struct sup *)arg)->guard_id = guard_id;
}

static void on_attached(void *arg)
{
    ((struct sup *)arg)->attached++;
}

static int on_may_restart(void *arg)
{
    return !((const struct sup *)arg)->may_not;
}

static void on_agreed(void *arg, struct phub__instance *instance)
{
    (void)instance;
    ((struct sup *)arg)->agreed++;
}

static const struct phub__supervisor_events events = {
    .changed = on_changed, .ended = on_ended, .adopted = on_adopted,
    .holder = on_holder, .attached = on_attached, .agreed = on_agreed,
    .may_restart = on_may_restart,
};

/* --- life ----------------------------------------------------------------- */

void sup_init(struct sup *sup, const struct phub__runner_adopted *child)
{
    static const char *const runners[] = { "exec", "actor" };
    static uint64_t refs;
    char error[128];

    memset(sup, 0, sizeof *sup);
    sup->later_end = &sup->later;
    sup->now_ns = 1000000000u;
    sup->held = child;
    sup->env.now_ns = now_ns;
    sup->env.random = random_number;
    sup->env.timer_new = timer_new;
    sup->env.timer_start = timer_start;
    sup->env.timer_stop = timer_stop;
    sup->env.timer_free = timer_free;
    sup->env.defer = defer;
    sup->env.runner = runner_of;
    sup->env.log = log_line;
    sup->runner.name = "exec";
    sup->runner.attach = runner_attach;
    sup->runner.detach = runner_detach;
    sup->runner.start = runner_start;
    sup->runner.send = runner_send;
    sup->runner.forget = runner_forget;
    sup->runner.kill = runner_kill;
    sup->runner.command = runner_command;
    sup->runner.deadline = runner_deadline;
    refs += UINT64_C(1) << 40; /* each daemon has its own */
    ck_assert_int_eq(phub__supervisor_new(&sup->env, 1, "a", refs, &events,
                                          sup, &sup->supervisor), 0);
    ck_assert_int_eq(phub__supervisor_attach(sup->supervisor, runners, 2,
                                             error, sizeof error), 0);
    sup_run(sup, 0);
    ck_assert_uint_eq(sup->attached, 1);
    ck_assert_uint_eq(sup->guard_id, 77);
}

void sup_fini(struct sup *sup)
{
    phub__supervisor_free(&sup->supervisor);
    ck_assert_uint_eq(sup->detached, 1);
    while (run_later(sup))
        ;
    ck_assert_ptr_null(sup->timers);
}

struct phub_bytes sup_text(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

struct phub__spec sup_spec(void)
{
    static struct phub_bytes word;
    struct phub__spec spec = { .runner = sup_text("exec"), .ready = 1 };

    word = sup_text("prog");
    spec.argv = (struct phub__list){ &word, 1 };
    return spec;
}

struct phub_buf *sup_bytes(const struct phub__spec *spec)
{
    struct phub__builder builder;
    struct phub_buf *buf = NULL;

    phub__builder_init(&builder, PHUB__SPEC_SIZE_MAX);
    ck_assert_int_eq(phub__encode(&phub__spec_schema, spec, &builder), 0);
    ck_assert_int_eq(phub__builder_take(&builder, &buf), 0);
    phub__builder_fini(&builder);
    return buf;
}

int sup_start(struct sup *sup, const struct phub__spec *spec, unsigned flags,
              const char *state)
{
    struct phub__instance_start start = {
        .id = sup_text("c"), .incarnation = { 1, 1 }, .epoch = { 2, 1 },
        .spec = sup_bytes(spec), .standby = (flags & SUP_STANDBY) != 0,
        .first = (flags & SUP_FIRST) != 0 };
    int rc;

    if (state != NULL)
        start.state = phub__buf_copy(state, strlen(state));
    rc = phub__instance_start(sup->supervisor, &start, &sup->instance,
                              sup->text, sizeof sup->text);
    phub__buf_unref(&start.spec);
    phub__buf_unref(&start.state);
    return rc;
}

void sup_started(struct sup *sup)
{
    sup->events->started(sup->events_arg, sup->handle, 4711);
}

static void receive(struct sup *sup, const struct phub__verb_message *message)
{
    sup->events->received(sup->events_arg, sup->handle, message);
}

void sup_hello(struct sup *sup, int32_t can)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_HELLO,
                                          .code = can };

    receive(sup, &message);
}

void sup_ready(struct sup *sup)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_READY };

    receive(sup, &message);
}

void sup_agree(struct sup *sup)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_AGREE };

    receive(sup, &message);
}

void sup_done(struct sup *sup, uint64_t ref, int32_t code, const char *body)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_DONE,
                                          .ref = ref, .code = code };

    if (body != NULL)
        message.body = phub__buf_copy(body, strlen(body));
    receive(sup, &message);
    phub__buf_unref(&message.body);
}

void sup_unsent(struct sup *sup, uint64_t ref, int32_t code)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_DONE,
                                          .ref = ref, .code = code,
                                          .unsent = 1 };

    receive(sup, &message);
}

void sup_publish(struct sup *sup, const char *key, const char *value)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_PUBLISH,
                                          .text = sup_text(key) };

    message.body = phub__buf_copy(value, strlen(value));
    receive(sup, &message);
    phub__buf_unref(&message.body);
}

void sup_exit(struct sup *sup, int status)
{
    sup->events->exited(sup->events_arg, sup->handle, status, PHUB__END_SELF);
}

void sup_command_done(struct sup *sup, int rc, const char *text,
                      const char *out)
{
    struct phub__command_result result = { .rc = rc, .text = text };

    if (out != NULL)
        result.out = phub__buf_copy(out, strlen(out));
    sup->command_done(sup->command_arg, &result);
    phub__buf_unref(&result.out);
}

void sup_up(struct sup *sup, int32_t can)
{
    sup_started(sup);
    sup_hello(sup, can);
    sup_ready(sup);
}

void sup_running(struct sup *sup, int32_t can)
{
    struct phub__spec spec = sup_spec();

    ck_assert_int_eq(sup_start(sup, &spec, 0, NULL), 0);
    sup_up(sup, can);
    ck_assert_int_eq(sup_phase(sup), PHUB__PHASE_RUNNING);
}

enum phub__phase sup_phase(const struct sup *sup)
{
    return sup->instance != NULL ? phub__instance_phase(sup->instance)
                                 : PHUB__PHASE_GONE;
}

void sup_answered(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct sup_answer *answer = arg;

    answer->count++;
    answer->rc = rc;
    snprintf(answer->text, sizeof answer->text, "%s", text);
    keep(answer->body, sizeof answer->body, body);
}
