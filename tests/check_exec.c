/* SPDX-License-Identifier: MIT */
/* check_exec: the exec runner on a real guard: start, ready, verbs, commands,
 * output, end, and adoption by the next hub. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <phub/error.h>

#include "child/guard_proto.h"
#include "child/runner.h"
#include "child/spec.h"
#include "env/real/exec.h"
#include "env_world.h"
#include "wire/buf.h"

#define LEASE_NS 60000000000u
#define ARGS_MAX 8
#define WORKERS_MAX 64 /* more than the pool has */

struct hub {
    struct world world;
    struct phub__runner *runner;
    char guard[600];
    uint64_t guard_id;
    uint32_t attached, started, failed, exited, adopted, holders;
    uint32_t hellos, readies, dones, publishes, agrees, commands, tails;
    const uint32_t *waited; /* stop the loop once this count */
    uint32_t until;         /* is so much */
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

static void event(struct hub *hub)
{
    if (*hub->waited >= hub->until)
        phub__env_real_stop(hub->world.env);
}

static void on_started(void *arg, uint64_t handle, int64_t pid)
{
    struct hub *hub = arg;

    (void)handle;
    hub->started++;
    hub->pid = pid;
    event(hub);
}

static void on_failed(void *arg, uint64_t handle, int rc, const char *text)
{
    struct hub *hub = arg;

    (void)handle;
    hub->failed++;
    hub->rc = rc;
    snprintf(hub->text, sizeof hub->text, "%s", text);
    event(hub);
}

static void on_received(void *arg, uint64_t handle,
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

static void on_exited(void *arg, uint64_t handle, int status,
                      enum phub__end_cause cause)
{
    struct hub *hub = arg;

    (void)handle;
    hub->exited++;
    hub->status = status;
    hub->cause = cause;
    event(hub);
}

static void on_adopted(void *arg, const struct phub__runner_adopted *child)
{
    struct hub *hub = arg;

    hub->adopted++;
    hub->found = *child;
    snprintf(hub->found_id, sizeof hub->found_id, "%.*s",
             (int)child->id.size, (const char *)child->id.data);
    event(hub);
}

static void on_holder(void *arg, uint64_t guard_id)
{
    struct hub *hub = arg;

    hub->holders++;
    hub->guard_id = guard_id;
    event(hub);
}

static const struct phub__runner_events hub_events = {
    on_started, on_failed, on_received, on_exited, on_adopted, on_holder
};

static void on_attached(void *arg, uint64_t guard_id)
{
    struct hub *hub = arg;

    hub->attached++;
    hub->guard_id = guard_id;
    event(hub);
}

/* Run until so much was counted of what is waited for. */
static void wait_for(struct hub *hub, const uint32_t *count, uint32_t until)
{
    hub->waited = count;
    hub->until = until;
    while (*count < until)
        world_run(&hub->world);
}

static const char *build_dir(void)
{
    static char here[512];
    const char *dir = getenv("PHUB_BUILDDIR");

    if (dir != NULL)
        return dir;
    return getcwd(here, sizeof here) != NULL ? here : ".";
}

/* To the guard that hub->guard names. */
static void hub_attach_named(struct hub *hub)
{
    struct phub__env_real_options options = { 0 };
    char error[TEXT_MAX] = "";

    options.state_dir = hub->world.dir;
    options.guard_program = hub->guard;
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

static void hub_attach(struct hub *hub)
{
    snprintf(hub->guard, sizeof hub->guard, "%s/tools/phub-guard",
             build_dir());
    hub_attach_named(hub);
}

static void hub_open(struct hub *hub)
{
    dir_make(&hub->world);
    hub_attach(hub);
    wait_for(hub, &hub->attached, 1);
    ck_assert_uint_eq(hub->attached, 1);
    ck_assert_uint_ne(hub->guard_id, 0);
}

static void hub_close(struct hub *hub)
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

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static void job_init(struct job *job, uint64_t handle, const char *id)
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

static void job_args(struct job *job, struct phub__list *list,
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

static void start_shell(struct hub *hub, struct job *job, const char *id,
                        const char *script)
{
    job_init(job, 1000 + hub->started, id);
    job_args(job, &job->spec.argv, "/bin/sh", "-c", script);
    ck_assert_int_eq(hub->runner->start(hub->runner, &job->start), 0);
}

static char *tail_text;
static int tail_rc;

static void on_tail(void *arg, int rc, struct phub_bytes text)
{
    struct hub *hub = arg;

    tail_rc = rc;
    free(tail_text);
    tail_text = strndup(text.size > 0 ? (const char *)text.data : "",
                        text.size);
    hub->tails++;
    event(hub);
}

static const char *read_tail(struct hub *hub, const char *id, uint32_t max)
{
    ck_assert_int_eq(phub__exec_log_tail(hub->world.env, bytes_of(id), max,
                                         on_tail, hub), 0);
    wait_for(hub, &hub->tails, hub->tails + 1);
    return tail_text;
}

/* --- children ------------------------------------------------------------ */

START_TEST(a_child_starts_with_its_environment_and_ends)
{
    struct hub hub = { 0 };
    struct job job;
    char expected[600];

    hub_open(&hub);
    start_shell(&hub, &job, "one/child", "echo $PHUB_CHILD_ID $PHUB_NODE"
                " $PHUB_EPOCH $COLOUR; echo $PHUB_CHILD_DIR; pwd; exit 3");
    wait_for(&hub, &hub.exited, 1);
    ck_assert_uint_eq(hub.started, 1);
    ck_assert_int_gt(hub.pid, 0);
    ck_assert_int_eq(hub.status, 3);
    ck_assert_int_eq(hub.cause, PHUB__END_SELF);
    snprintf(expected, sizeof expected, "one/child here 11.7 green\n"
             "%s/children/one%%2Fchild\n%s/children/one%%2Fchild\n",
             hub.world.dir, hub.world.dir);
    ck_assert_str_eq(read_tail(&hub, "one/child", 4096), expected);
    ck_assert_int_eq(hub.runner->kill(hub.runner, 1000, 1), PHUB_ENOTFOUND);
    hub_close(&hub);
}
END_TEST

START_TEST(a_missing_program_fails_and_is_named)
{
    struct hub hub = { 0 };
    struct job job;

    hub_open(&hub);
    job_init(&job, 1, "x");
    job_args(&job, &job.spec.argv, "/nonexistent/program", NULL, NULL);
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), 0);
    wait_for(&hub, &hub.failed, 1);
    ck_assert_int_eq(hub.rc, PHUB_ESPAWN);
    ck_assert_ptr_nonnull(strstr(hub.text, "/nonexistent/program"));
    job.spec.argv.count = 0;
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), PHUB_EINVAL);
    hub_close(&hub);
}
END_TEST

START_TEST(kill_is_soft_then_hard)
{
    struct hub hub = { 0 };
    struct job job;

    hub_open(&hub);
    job_init(&job, 1, "x");
    job.spec.stop_signal = SIGUSR1;
    job_args(&job, &job.spec.argv, "/bin/sh", "-c",
             "trap 'echo soft; exit 5' USR1; echo up;"
             "while :; do sleep 0.05; done");
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), 0);
    while (strcmp(read_tail(&hub, "x", 100), "up\n") != 0)
        ;
    ck_assert_int_eq(hub.runner->kill(hub.runner, 1, 0), 0);
    wait_for(&hub, &hub.exited, 1);
    ck_assert_int_eq(hub.status, 5);
    ck_assert_int_eq(hub.cause, PHUB__END_SIGNAL);
    /* The shell may mention the signal before. */
    ck_assert_ptr_nonnull(strstr(read_tail(&hub, "x", 100), "soft\n"));
    start_shell(&hub, &job, "y", "trap '' TERM; exec sleep 1000");
    wait_for(&hub, &hub.started, 2);
    ck_assert_int_eq(hub.runner->kill(hub.runner, job.start.handle, 1), 0);
    wait_for(&hub, &hub.exited, 2);
    ck_assert_int_eq(hub.status, -SIGKILL);
    hub_close(&hub);
}
END_TEST

START_TEST(output_is_kept_in_whole_lines_and_bounded)
{
    struct hub hub = { 0 };
    struct job job;
    const char *text;
    size_t size;
    char path[128];
    struct stat status;

    hub_open(&hub);
    start_shell(&hub, &job, "loud", "i=0; while [ $i -lt 30000 ]; do"
                " echo \"line $i of many that are written here\";"
                " i=$((i+1)); done; echo last");
    wait_for(&hub, &hub.exited, 1);
    text = read_tail(&hub, "loud", 100000);
    size = strlen(text);
    ck_assert_uint_le(size, 100000);
    ck_assert_uint_gt(size, 99900);
    ck_assert_mem_eq(text, "line ", 5);
    ck_assert_str_eq(text + size - 5, "last\n");
    snprintf(path, sizeof path, "%s/logs/loud.log", hub.world.dir);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_le(status.st_size, PHUB__EXEC_LOG_MAX);
    snprintf(path, sizeof path, "%s/logs/loud.log.1", hub.world.dir);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_le(status.st_size, PHUB__EXEC_LOG_MAX);
    ck_assert_int_gt(status.st_size, PHUB__EXEC_LOG_MAX - 100);
    read_tail(&hub, "never", 100);
    ck_assert_int_eq(tail_rc, PHUB_ENOTFOUND);
    hub_close(&hub);
}
END_TEST

/* A worker of the pool that does nothing until it is let go. */
static void hold(void *arg)
{
    sem_wait(arg);
}

static void on_let_go(void *arg)
{
    (void)arg;
}

START_TEST(last_words_are_kept_while_the_disk_is_slow)
{
    struct hub hub = { 0 };
    struct phub_env *env;
    struct job job;
    const char *text;
    sem_t gate;

    hub_open(&hub);
    env = hub.world.env;
    ck_assert_int_eq(sem_init(&gate, 0, 0), 0);
    for (int i = 0; i < WORKERS_MAX; i++)
        ck_assert_int_eq(env->work(env, hold, on_let_go, on_let_go,
                                   &gate), 0);
    /* One batch is with a worker, a full one waits, the rest in the pipe. */
    start_shell(&hub, &job, "loud",
                "head -c 129999 /dev/zero | tr '\\0' x; echo; echo last");
    wait_for(&hub, &hub.exited, 1);
    for (int i = 0; i < WORKERS_MAX; i++)
        sem_post(&gate);
    text = read_tail(&hub, "loud", 200000);
    ck_assert_uint_eq(strlen(text), 130005);
    ck_assert_str_eq(text + 129999, "\nlast\n");
    hub_close(&hub);
    sem_destroy(&gate);
}
END_TEST

static void start_counter(struct hub *hub, struct job *job, int state)
{
    static char program[600];

    snprintf(program, sizeof program, "%s/tests/counter", build_dir());
    job_init(job, 1, "counter");
    job->spec.ready = 1;
    job->start.state_expected = state;
    job_args(job, &job->spec.argv, program, NULL, NULL);
    ck_assert_int_eq(hub->runner->start(hub->runner, &job->start), 0);
}

static int ask(struct hub *hub, uint64_t handle, enum phub__verb verb,
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

START_TEST(verbs_reach_a_child_and_its_answers_come_back)
{
    struct hub hub = { 0 };
    struct job job;

    hub_open(&hub);
    start_counter(&hub, &job, 1);
    wait_for(&hub, &hub.started, 1);
    /* The state comes before readiness, and HELLO's version is its own. */
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_PUT_STATE, 5, "41"), 0);
    wait_for(&hub, &hub.readies, 1);
    ck_assert_uint_eq(hub.dones, 1);
    ck_assert_int_eq(hub.rc, 0);
    ck_assert_int_eq(hub.code, PHUB__CAN_FREEZE | PHUB__CAN_STATE);
    wait_for(&hub, &hub.publishes, 1);
    ck_assert_mem_eq(hub.published, "port=", 5);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_FREEZE, 6, NULL), 0);
    wait_for(&hub, &hub.dones, 2);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_TAKE_STATE, 7, NULL), 0);
    wait_for(&hub, &hub.dones, 3);
    ck_assert_uint_eq(hub.version, 1);
    ck_assert_uint_eq(hub.body->size, 2);
    ck_assert_mem_eq(hub.body->data, "41", 2);
    ck_assert_uint_eq(hub.agrees, 0);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_CONSENT, 8, NULL), 0);
    wait_for(&hub, &hub.agrees, 1);
    ck_assert_uint_eq(hub.dones, 4);
    ck_assert_int_eq(hub.rc, PHUB_EBUSY);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_READY, 0, NULL), PHUB_EINVAL);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_AGREE, 0, NULL), PHUB_EINVAL);
    ck_assert_int_eq(ask(&hub, 2, PHUB__VERB_THAW, 8, NULL), PHUB_ENOTFOUND);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_STOP, 0, NULL), 0);
    wait_for(&hub, &hub.exited, 1);
    ck_assert_int_eq(hub.status, 0);
    hub_close(&hub);
}
END_TEST

START_TEST(the_next_hub_adopts_what_runs)
{
    struct hub first = { 0 };
    struct hub next = { 0 };
    struct job job;

    hub_open(&first);
    start_counter(&first, &job, 0);
    wait_for(&first, &first.readies, 1);
    first.runner->detach(first.runner);
    world_close(&first.world);
    memcpy(next.world.dir, first.world.dir, sizeof next.world.dir);
    hub_attach(&next);
    wait_for(&next, &next.attached, 1);
    ck_assert_uint_eq(next.adopted, 1);
    ck_assert_uint_eq(next.guard_id, first.guard_id);
    ck_assert_str_eq(next.found_id, "counter");
    ck_assert_int_eq(next.found.pid, first.pid);
    ck_assert_uint_eq(next.found.epoch.number, 11);
    ck_assert_uint_eq(next.found.incarnation.number, 10);
    ck_assert_uint_eq(next.found.incarnation.node, 9);
    ck_assert_uint_ne(next.found.handle, 0);
    wait_for(&next, &next.readies, 1);
    wait_for(&next, &next.hellos, 2);
    ck_assert_uint_eq(next.hellos, 2);
    ck_assert_int_eq(next.runner->kill(next.runner, next.found.handle, 0),
                     0);
    wait_for(&next, &next.exited, 1);
    hub_close(&next);
}
END_TEST

START_TEST(a_guard_that_dies_takes_its_children_and_is_replaced)
{
    struct hub hub = { 0 };
    struct job job;
    struct phub_env *env;

    dir_make(&hub.world);
    hub_attach(&hub);
    wait_for(&hub, &hub.attached, 1);
    env = hub.world.env;
    start_shell(&hub, &job, "x", "exec sleep 1000");
    wait_for(&hub, &hub.started, 1);
    ck_assert_int_eq(kill((pid_t)phub__exec_guard_pid(env), SIGKILL), 0);
    wait_for(&hub, &hub.exited, 1);
    ck_assert_int_eq(hub.status, -SIGKILL);
    wait_for(&hub, &hub.holders, 1);
    ck_assert_uint_ge(hub.world.logged, 1);
    start_shell(&hub, &job, "x", "exit 0");
    wait_for(&hub, &hub.exited, 2);
    ck_assert_int_eq(hub.status, 0);
    hub_close(&hub);
}
END_TEST

START_TEST(a_hub_begins_without_a_guard_and_gets_one_later)
{
    struct hub hub = { 0 };
    struct job job;
    char guard[sizeof hub.guard];

    dir_make(&hub.world);
    snprintf(hub.guard, sizeof hub.guard, "%s/guard", hub.world.dir);
    hub_attach_named(&hub);
    ck_assert_uint_eq(hub.attached, 1);
    ck_assert_uint_eq(hub.guard_id, 0);
    ck_assert_int_eq(hub.world.logged, 1);
    job_init(&job, 1, "x");
    job_args(&job, &job.spec.argv, "/bin/true", NULL, NULL);
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), PHUB_EBUSY);
    snprintf(guard, sizeof guard, "%s/tools/phub-guard", build_dir());
    ck_assert_int_eq(symlink(guard, hub.guard), 0);
    wait_for(&hub, &hub.holders, 1);
    ck_assert_uint_ne(hub.guard_id, 0);
    start_shell(&hub, &job, "x", "exit 0");
    wait_for(&hub, &hub.exited, 1);
    ck_assert_int_eq(hub.status, 0);
    ck_assert_uint_eq(hub.attached, 1);
    unlink(hub.guard);
    hub_close(&hub);
}
END_TEST

/* It may have children, which must not begin a second time. */
START_TEST(a_hub_waits_for_a_guard_that_does_not_answer)
{
    struct hub hub = { 0 };
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int busy, waits[2], i;

    dir_make(&hub.world);
    busy = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    snprintf(at.sun_path, sizeof at.sun_path, "%s/%s", hub.world.dir,
             PHUB__GUARD_SOCKET);
    ck_assert_int_eq(bind(busy, (struct sockaddr *)&at, sizeof at), 0);
    ck_assert_int_eq(listen(busy, 0), 0);
    for (i = 0; i < 2; i++) { /* no room for a third */
        waits[i] = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC |
                          SOCK_NONBLOCK, 0);
        (void)connect(waits[i], (struct sockaddr *)&at, sizeof at);
    }
    hub_attach(&hub);
    ck_assert_int_eq(hub.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(hub.world.text, "does not answer"));
    ck_assert_uint_eq(hub.attached, 0);
    close(busy);
    wait_for(&hub, &hub.attached, 1);
    ck_assert_uint_ne(hub.guard_id, 0);
    for (i = 0; i < 2; i++)
        close(waits[i]);
    hub_close(&hub);
}
END_TEST

/* --- commands ------------------------------------------------------------ */

struct answer {
    struct hub *hub;
    int count;
    int rc;
    int status;
    size_t size;
    char out[TEXT_MAX];
    char text[TEXT_MAX];
};

static void on_command(void *arg, const struct phub__command_result *result)
{
    struct answer *answer = arg;
    struct phub_bytes out = phub__buf_bytes(result->out);

    answer->count++;
    answer->rc = result->rc;
    answer->status = result->status;
    answer->size = out.size;
    snprintf(answer->out, sizeof answer->out, "%.*s",
             (int)(out.size < TEXT_MAX ? out.size : TEXT_MAX - 1),
             out.size > 0 ? (const char *)out.data : "");
    snprintf(answer->text, sizeof answer->text, "%s", result->text);
    answer->hub->commands++;
    event(answer->hub);
}

static void command(struct hub *hub, struct job *job, struct answer *answer,
                    const char *script, struct phub_buf *input,
                    uint32_t timeout_ms)
{
    struct phub__list argv;

    memset(answer, 0, sizeof *answer);
    answer->hub = hub;
    job_args(job, &argv, "/bin/sh", "-c", script);
    ck_assert_int_eq(hub->runner->command(hub->runner, &job->start, &argv,
                                          input, timeout_ms, on_command,
                                          answer), 0);
    wait_for(hub, &hub->commands, hub->commands + 1);
    ck_assert_int_eq(answer->count, 1);
}

START_TEST(a_command_gets_the_state_and_gives_it)
{
    struct hub hub = { 0 };
    struct phub_buf *input = phub__buf_new(3000000);
    struct answer answer;
    struct job job;

    hub_open(&hub);
    job_init(&job, 1, "x");
    memset(input->data, 'q', input->size);
    command(&hub, &job, &answer, "cat", input, 10000);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_uint_eq(answer.size, input->size);
    ck_assert_int_eq(answer.out[0], 'q');
    command(&hub, &job, &answer, "cat; echo $PHUB_CHILD_ID $COLOUR; pwd",
            NULL, 10000);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_mem_eq(answer.out, "x green\n", 8);
    ck_assert_ptr_nonnull(strstr(answer.out, "/children/x\n"));
    phub__buf_unref(&input);
    hub_close(&hub);
}
END_TEST

START_TEST(a_command_that_fails_says_why)
{
    struct hub hub = { 0 };
    struct answer answer;
    struct phub__list argv;
    struct job job;

    hub_open(&hub);
    job_init(&job, 1, "x");
    command(&hub, &job, &answer, "echo first >&2; echo >&2;"
            " echo 'the reason' >&2; exit 9", NULL, 10000);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    ck_assert_int_eq(answer.status, 9);
    ck_assert_str_eq(answer.text, "the reason");
    command(&hub, &job, &answer, "exec sleep 1000", NULL, 50);
    ck_assert_int_eq(answer.rc, PHUB_ETIMEDOUT);
    job_args(&job, &argv, "/nonexistent/command", NULL, NULL);
    memset(&answer, 0, sizeof answer);
    answer.hub = &hub;
    ck_assert_int_eq(hub.runner->command(hub.runner, &job.start, &argv, NULL,
                                         1000, on_command, &answer), 0);
    wait_for(&hub, &hub.commands, hub.commands + 1);
    ck_assert_int_eq(answer.rc, PHUB_ESPAWN);
    ck_assert_ptr_nonnull(strstr(answer.text, "/nonexistent/command"));
    hub_close(&hub);
}
END_TEST

START_TEST(a_command_knows_what_its_child_published)
{
    struct hub hub = { 0 };
    struct answer answer;
    struct job job;
    char expected[TEXT_MAX + 64];

    hub_open(&hub);
    start_counter(&hub, &job, 0);
    wait_for(&hub, &hub.readies, 1);
    wait_for(&hub, &hub.publishes, 1);
    command(&hub, &job, &answer, "echo $PHUB_META_PORT $PHUB_CHILD_PID",
            NULL, 10000);
    snprintf(expected, sizeof expected, "%s %lld\n", hub.published + 5,
             (long long)hub.pid);
    ck_assert_str_eq(answer.out, expected);
    hub.runner->kill(hub.runner, 1, 1);
    wait_for(&hub, &hub.exited, 1);
    hub_close(&hub);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec");
    TCase *children = tcase_create("children");
    TCase *commands = tcase_create("commands");
    SRunner *runner;
    int failed;

    tcase_set_timeout(children, 120);
    tcase_set_timeout(commands, 120);
    tcase_add_test(children, a_child_starts_with_its_environment_and_ends);
    tcase_add_test(children, a_missing_program_fails_and_is_named);
    tcase_add_test(children, kill_is_soft_then_hard);
    tcase_add_test(children, output_is_kept_in_whole_lines_and_bounded);
    tcase_add_test(children, last_words_are_kept_while_the_disk_is_slow);
    tcase_add_test(children, verbs_reach_a_child_and_its_answers_come_back);
    tcase_add_test(children, the_next_hub_adopts_what_runs);
    tcase_add_test(children,
                   a_guard_that_dies_takes_its_children_and_is_replaced);
    tcase_add_test(children, a_hub_begins_without_a_guard_and_gets_one_later);
    tcase_add_test(children, a_hub_waits_for_a_guard_that_does_not_answer);
    tcase_add_test(commands, a_command_gets_the_state_and_gives_it);
    tcase_add_test(commands, a_command_that_fails_says_why);
    tcase_add_test(commands, a_command_knows_what_its_child_published);
    suite_add_tcase(suite, children);
    suite_add_tcase(suite, commands);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
