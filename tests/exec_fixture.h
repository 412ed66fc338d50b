/* SPDX-License-Identifier: MIT */
/* exec_fixture: a hub's side of the exec runner on a real guard, for tests. */
#ifndef PHUB_TESTS_EXEC_FIXTURE_H
#define PHUB_TESTS_EXEC_FIXTURE_H

#include <check.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <phub/error.h>

#include "child/runner.h"
#include "child/spec.h"
#include "env/real/exec.h"
#include "env_world.h"
#include "wire/buf.h"

#define LEASE_NS 60000000000u
#define ARGS_MAX 8

struct hub {
    struct world world;
    struct phub__runner *runner;
    char guard[600];
    uint64_t guard_id;
    uint32_t attached, started, failed, exited, adopted, holders;
    uint32_t hellos, readies, dones, publishes, agrees, commands, tails;
    const uint32_t *waited; /* stop the loop once this count */
    uint32_t until;         /* is so much */
    uint32_t logs_kept;
    int unsent;
    int64_t pid;
    int status;
    int rc;
    enum phub__end_cause cause;
    int32_t code;
    uint32_t version;
    struct phub__runner_adopted found;
    char found_id[64];
    char text[TEXT_MAX];
    char published[TEXT_MAX];
    struct phub_buf *body;
};

static inline void event(struct hub *hub)
{
    if (*hub->waited >= hub->until)
        phub__env_real_stop(hub->world.env);
}

static inline void on_started(void *arg, uint64_t handle, int64_t pid)
{
    struct hub *hub = arg;

    (void)handle;
    hub->started++;
    hub->pid = pid;
    event(hub);
}

static inline void on_failed(void *arg, uint64_t handle, int rc,
                             const char *text)
{
    struct hub *hub = arg;

    (void)handle;
    hub->failed++;
    hub->rc = rc;
    snprintf(hub->text, sizeof hub->text, "%s", text);
    event(hub);
}

static inline void on_received(void *arg, uint64_t handle,
                               const struct phub__verb_message *message)
{
    struct hub *hub = arg;
    struct phub_bytes body = phub__buf_bytes(message->body);

    (void)handle;
    switch (message->verb) {
    case PHUB__VERB_HELLO:
        hub->hellos++;
        hub->code = message->code;
        break;
    case PHUB__VERB_READY:
        hub->readies++;
        break;
    case PHUB__VERB_DONE:
        hub->dones++;
        hub->rc = message->code;
        hub->unsent = message->unsent;
        hub->version = message->body != NULL ? message->body->version : 0;
        phub__buf_unref(&hub->body);
        hub->body = phub__buf_ref(message->body);
        break;
    case PHUB__VERB_PUBLISH:
        snprintf(hub->published, sizeof hub->published, "%.*s=%.*s",
                 (int)message->text.size, (const char *)message->text.data,
                 (int)body.size, (const char *)body.data);
        hub->publishes++;
        break;
    case PHUB__VERB_AGREE:
        hub->agrees++;
        break;
    default:
        ck_abort_msg("a child does not say %d", (int)message->verb);
    }
    event(hub);
}

static inline void on_exited(void *arg, uint64_t handle, int status,
                             enum phub__end_cause cause)
{
    struct hub *hub = arg;

    (void)handle;
    hub->exited++;
    hub->status = status;
    hub->cause = cause;
    event(hub);
}

static inline void on_adopted(void *arg,
                              const struct phub__runner_adopted *child)
{
    struct hub *hub = arg;

    hub->adopted++;
    hub->found = *child;
    snprintf(hub->found_id, sizeof hub->found_id, "%.*s",
             (int)child->id.size, (const char *)child->id.data);
    event(hub);
}

static inline void on_holder(void *arg, uint64_t guard_id)
{
    struct hub *hub = arg;

    hub->holders++;
    hub->guard_id = guard_id;
    event(hub);
}

static const struct phub__runner_events hub_events = {
    on_started, on_failed, on_received, on_exited, on_adopted, on_holder
};

static inline void on_attached(void *arg, uint64_t guard_id)
{
    struct hub *hub = arg;

    hub->attached++;
    hub->guard_id = guard_id;
    event(hub);
}

/* Run until so much was counted of what is waited for. */
static inline void wait_for(struct hub *hub, const uint32_t *count,
                            uint32_t until)
{
    hub->waited = count;
    hub->until = until;
    while (*count < until)
        world_run(&hub->world);
}

static inline const char *build_dir(void)
{
    static char here[512];
    const char *dir = getenv("PHUB_BUILDDIR");

    if (dir != NULL)
        return dir;
    return getcwd(here, sizeof here) != NULL ? here : ".";
}

/* To the guard that hub->guard names. */
static inline void hub_attach_named(struct hub *hub)
{
    struct phub__env_real_options options = { 0 };
    char error[TEXT_MAX] = "";

    options.state_dir = hub->world.dir;
    options.guard_program = hub->guard;
    options.logs_kept = hub->logs_kept;
    world_open(&hub->world, &options);
    hub->waited = &hub->attached;
    hub->until = UINT32_MAX;
    hub->runner = hub->world.env->runner(hub->world.env, "exec");
    ck_assert_ptr_nonnull(hub->runner);
    ck_assert_msg(hub->runner->attach(hub->runner, &hub_events, on_attached,
                                      hub, error, sizeof error) == 0, "%s",
                  error);
    hub->runner->deadline(hub->runner, hub->world.env->boot_ns(
                              hub->world.env) + LEASE_NS);
}

static inline void hub_attach(struct hub *hub)
{
    snprintf(hub->guard, sizeof hub->guard, "%s/tools/phub-guard",
             build_dir());
    hub_attach_named(hub);
}

static inline void hub_open(struct hub *hub)
{
    dir_make(&hub->world);
    hub_attach(hub);
    wait_for(hub, &hub->attached, 1);
    ck_assert_uint_eq(hub->attached, 1);
    ck_assert_uint_ne(hub->guard_id, 0);
}

static inline void hub_close(struct hub *hub)
{
    hub->runner->detach(hub->runner);
    phub__buf_unref(&hub->body);
    world_close(&hub->world);
    dir_remove(&hub->world);
}

/* --- specs --------------------------------------------------------------- */

struct job {
    struct phub__spec spec;
    struct phub__runner_start start;
    struct phub_bytes argv[ARGS_MAX];
    struct phub_bytes env[1];
};

static inline struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static inline void job_init(struct job *job, uint64_t handle, const char *id)
{
    memset(job, 0, sizeof *job);
    job->spec.env.items = job->env;
    job->env[0] = bytes_of("COLOUR=green");
    job->spec.env.count = 1;
    job->start.handle = handle;
    job->start.id = bytes_of(id);
    job->start.node = 7;
    job->start.node_name = "here";
    job->start.epoch = (struct phub_epoch){ 11, 7 };
    job->start.incarnation = (struct phub_epoch){ 10, 9 };
    job->start.spec = &job->spec;
}

static inline void job_args(struct job *job, struct phub__list *list,
                            const char *first, const char *second,
                            const char *third)
{
    uint32_t count = 0;

    job->argv[count++] = bytes_of(first);
    if (second != NULL)
        job->argv[count++] = bytes_of(second);
    if (third != NULL)
        job->argv[count++] = bytes_of(third);
    list->items = job->argv;
    list->count = count;
}

static inline void start_shell(struct hub *hub, struct job *job,
                               const char *id, const char *script)
{
    job_init(job, 1000 + hub->started, id);
    job_args(job, &job->spec.argv, "/bin/sh", "-c", script);
    ck_assert_int_eq(hub->runner->start(hub->runner, &job->start), 0);
}

static char *tail_text;
static int tail_rc;

static inline void on_tail(void *arg, int rc, struct phub_bytes text)
{
    struct hub *hub = arg;

    tail_rc = rc;
    free(tail_text);
    tail_text = strndup(text.size > 0 ? (const char *)text.data : "",
                        text.size);
    hub->tails++;
    event(hub);
}

static inline const char *read_tail(struct hub *hub, const char *id,
                                    uint32_t max)
{
    ck_assert_int_eq(phub__exec_log_tail(hub->world.env, bytes_of(id), max,
                                         on_tail, hub), 0);
    wait_for(hub, &hub->tails, hub->tails + 1);
    return tail_text;
}

/* --- workers --------------------------------------------------------------- */

#define WORKERS_MAX 128 /* of libuv's pool; more than it has do no harm */

/* A worker of the pool that does nothing until it is let go. */
static inline void hold(void *arg)
{
    sem_wait(arg);
}

static inline void on_let_go(void *arg)
{
    (void)arg;
}

/* What is queued from now on waits. */
static inline void workers_hold(struct hub *hub, sem_t *gate)
{
    struct phub_env *env = hub->world.env;

    ck_assert_int_eq(sem_init(gate, 0, 0), 0);
    for (int i = 0; i < WORKERS_MAX; i++)
        ck_assert_int_eq(env->work(env, hold, on_let_go, on_let_go, gate), 0);
}

static inline void workers_let_go(sem_t *gate)
{
    for (int i = 0; i < WORKERS_MAX; i++)
        sem_post(gate);
}

static inline void start_counter(struct hub *hub, struct job *job,
                                 int state)
{
    static char program[600];

    snprintf(program, sizeof program, "%s/tests/counter", build_dir());
    job_init(job, 1, "counter");
    job->spec.ready = 1;
    job->start.state_expected = state;
    job_args(job, &job->spec.argv, program, NULL, NULL);
    ck_assert_int_eq(hub->runner->start(hub->runner, &job->start), 0);
}

static inline int ask(struct hub *hub, uint64_t handle, enum phub__verb verb,
                      uint64_t ref, const char *body)
{
    struct phub__verb_message message = { .verb = verb, .ref = ref };
    int rc;

    if (body != NULL)
        message.body = phub__buf_copy(body, strlen(body));
    rc = hub->runner->send(hub->runner, handle, &message);
    phub__buf_unref(&message.body);
    return rc;
}

#endif
