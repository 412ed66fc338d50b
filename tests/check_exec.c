/* SPDX-License-Identifier: MIT */
/* check_exec: the exec runner on a real guard: start, ready, verbs, commands,
 * output, end, and adoption by the next hub. */
#include "config.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "child/guard_proto.h"
#include "exec_fixture.h"


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

START_TEST(last_words_are_kept_while_the_disk_is_slow)
{
    struct hub hub = { 0 };
    struct job job;
    const char *text;
    sem_t gate;

    hub_open(&hub);
    workers_hold(&hub, &gate);
    /* One batch is with a worker, a full one waits, the rest in the pipe. */
    start_shell(&hub, &job, "loud",
                "head -c 129999 /dev/zero | tr '\\0' x; echo; echo last");
    wait_for(&hub, &hub.exited, 1);
    workers_let_go(&gate);
    text = read_tail(&hub, "loud", 200000);
    ck_assert_uint_eq(strlen(text), 130005);
    ck_assert_str_eq(text + 129999, "\nlast\n");
    hub_close(&hub);
    sem_destroy(&gate);
}
END_TEST

static int put_large(struct hub *hub, uint64_t ref)
{
    struct phub__verb_message message = {
        .verb = PHUB__VERB_PUT_STATE, .ref = ref,
        .body = phub__buf_new(3u << 20)
    };
    int rc;

    ck_assert_ptr_nonnull(message.body);
    memset(message.body->data, '1', message.body->size);
    rc = hub->runner->send(hub->runner, 1, &message);
    phub__buf_unref(&message.body);
    return rc;
}

/* The counter refuses it, so it has come there. */
START_TEST(a_large_state_does_not_hold_up_the_hub)
{
    struct hub hub = { 0 };
    struct job job;
    sem_t gate;

    hub_open(&hub);
    start_counter(&hub, &job, 1);
    wait_for(&hub, &hub.hellos, 1);
    workers_hold(&hub, &gate);
    ck_assert_int_eq(put_large(&hub, 5), 0);
    ck_assert_int_eq(put_large(&hub, 6), PHUB_EBUSY);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_CONSENT, 7, NULL), 0);
    wait_for(&hub, &hub.agrees, 1);
    ck_assert_uint_eq(hub.dones, 1);
    workers_let_go(&gate);
    wait_for(&hub, &hub.dones, 2);
    ck_assert_int_eq(hub.rc, PHUB_EINVAL);
    ck_assert(!hub.unsent);
    ck_assert_int_eq(put_large(&hub, 8), 0);
    wait_for(&hub, &hub.dones, 3);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_PUT_STATE, 9, "41"), 0);
    wait_for(&hub, &hub.readies, 1);
    ck_assert_uint_eq(hub.dones, 4);
    hub_close(&hub);
    sem_destroy(&gate);
}
END_TEST

START_TEST(a_large_state_that_nobody_awaits_any_more_is_not_handed_over)
{
    struct hub hub = { 0 };
    struct job job;
    sem_t gate;

    hub_open(&hub);
    start_counter(&hub, &job, 1);
    wait_for(&hub, &hub.hellos, 1);
    workers_hold(&hub, &gate);
    ck_assert_int_eq(put_large(&hub, 5), 0);
    hub.runner->forget(hub.runner, 1, 5);
    ck_assert_int_eq(put_large(&hub, 6), 0);
    if (_i == 1) { /* nor is it to who has ended */
        ck_assert_int_eq(hub.runner->kill(hub.runner, 1, 1), 0);
        wait_for(&hub, &hub.exited, 1);
    }
    workers_let_go(&gate);
    if (_i == 0) {
        wait_for(&hub, &hub.dones, 1);
        ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_PUT_STATE, 9, "41"), 0);
        wait_for(&hub, &hub.readies, 1);
    }
    read_tail(&hub, "counter", 10); /* of the same workers, later */
    ck_assert_uint_eq(hub.dones, _i == 0 ? 2 : 0);
    hub_close(&hub);
    sem_destroy(&gate);
}
END_TEST

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

/* A program that speaks with the shell's printf: hello, then done to refs 5, 6
 * and 7; %s is what it can, as printf has it. */
#define SPEAKS                                                                \
    "printf '\\243\\0\\30\\100\\6\\1\\7\\%s' >&$PHUB_FD;"                    \
    "for ref in 5 6 7; do"                                                    \
    " dd bs=4096 count=1 of=/dev/null <&$PHUB_FD 2>/dev/null;"                \
    " printf '\\243\\0\\30\\102\\1\\'$ref'\\3\\0' >&$PHUB_FD;"               \
    "done; exec sleep 1000"

START_TEST(a_commit_makes_one_ready_that_cannot_have_a_state)
{
    static const char *const can[] = { "1", "3" };
    struct hub hub = { 0 };
    struct job job;
    char script[sizeof SPEAKS];

    hub_open(&hub);
    snprintf(script, sizeof script, SPEAKS, can[_i]);
    job_init(&job, 1, "x");
    job.start.state_expected = 1;
    job_args(&job, &job.spec.argv, "/bin/sh", "-c", script);
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), 0);
    wait_for(&hub, &hub.hellos, 1);
    ck_assert_int_eq(hub.code, can[_i][0] - '0');
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_FREEZE, 5, NULL), 0);
    wait_for(&hub, &hub.dones, 1);
    ck_assert_uint_eq(hub.readies, 0);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_COMMIT, 6, NULL), 0);
    ck_assert_int_eq(ask(&hub, 1, PHUB__VERB_FREEZE, 7, NULL), 0);
    wait_for(&hub, &hub.dones, 3);
    ck_assert_uint_eq(hub.readies, _i == 0);
    hub_close(&hub);
}
END_TEST

/* Not one that the guard keeps open, and in which what it says is lost. */
START_TEST(who_sends_garbage_sees_the_end_of_its_channel)
{
    struct hub hub = { 0 };
    struct job job;

    hub_open(&hub);
    start_shell(&hub, &job, "x", "for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 "
                "16; do printf '\\377' >&$PHUB_FD; done; "
                "dd bs=4096 count=1 <&$PHUB_FD 2>/dev/null | wc -c");
    wait_for(&hub, &hub.exited, 1);
    ck_assert_str_eq(read_tail(&hub, "x", 100), "0\n");
    hub_close(&hub);
}
END_TEST

/* It has a state for all that is known, and cannot be asked for it. */
START_TEST(who_spoke_and_hung_up_is_not_one_that_does_not_speak)
{
    struct hub hub = { 0 };
    struct job job;

    hub_open(&hub);
    start_shell(&hub, &job, "x", _i == 0
                ? "printf '\\243\\0\\30\\100\\6\\1\\7\\3' >&$PHUB_FD;"
                  "eval \"exec $PHUB_FD>&-\"; echo shut; exec sleep 1000"
                : "eval \"exec $PHUB_FD>&-\"; echo shut; exec sleep 1000");
    wait_for(&hub, &hub.hellos, _i == 0);
    while (strcmp(read_tail(&hub, "x", 100), "shut\n") != 0)
        ;
    ck_assert_int_eq(ask(&hub, 1000, PHUB__VERB_TAKE_STATE, 5, NULL),
                     _i == 0 ? PHUB_EFAILED : PHUB_EUNSUPPORTED);
    ck_assert_int_eq(ask(&hub, 1000, PHUB__VERB_TAKE_STATE, 6, NULL),
                     _i == 0 ? PHUB_EFAILED : PHUB_EUNSUPPORTED);
    ck_assert_int_eq(hub.world.logged, _i == 0);
    if (_i == 0)
        ck_assert_ptr_nonnull(strstr(hub.world.text, "has closed its channel"));
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

/* Its HELLO says that it is ready by that; what it awaits it may not have. */
START_TEST(an_adopted_child_is_ready_when_it_has_its_state)
{
    struct hub first = { 0 }, next = { 0 };
    uint32_t given = (uint32_t)_i;
    struct job job;

    hub_open(&first);
    start_counter(&first, &job, 1);
    wait_for(&first, &first.hellos, 1);
    if (given) {
        ck_assert_int_eq(ask(&first, 1, PHUB__VERB_PUT_STATE, 5, "41"), 0);
        wait_for(&first, &first.readies, 1);
    }
    ck_assert_uint_eq(first.readies, given);
    first.runner->detach(first.runner);
    world_close(&first.world);
    memcpy(next.world.dir, first.world.dir, sizeof next.world.dir);
    hub_attach(&next);
    wait_for(&next, &next.attached, 1);
    ck_assert(next.found.awaits);
    wait_for(&next, &next.hellos, 2); /* the second says that this was all */
    ck_assert_uint_eq(next.readies, given);
    if (!given)
        ck_assert_int_eq(ask(&next, next.found.handle, PHUB__VERB_PUT_STATE,
                             5, "41"), 0);
    wait_for(&next, &next.readies, 1);
    ck_assert_int_eq(next.runner->kill(next.runner, next.found.handle, 1), 0);
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

/* By its pid it would come too late, and to whoever has that by then. */
START_TEST(a_commands_output_has_its_limit_before_it_runs)
{
    struct hub hub = { 0 };
    struct answer answer = { .hub = &hub };
    struct phub__list argv;
    struct job job;
    char done[200];

    hub_open(&hub);
    job_init(&job, 1, "x");
    job_args(&job, &argv, "/bin/bash", "-c",
             "ulimit -Sf; ulimit -Hf; : >done");
    ck_assert_int_eq(hub.runner->command(hub.runner, &job.start, &argv, NULL,
                                         10000, on_command, &answer), 0);
    /* The hub hears of it when it has ended. */
    snprintf(done, sizeof done, "%s/children/x/done", hub.world.dir);
    while (access(done, F_OK) != 0)
        continue;
    wait_for(&hub, &hub.commands, 1);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.out, "1048576\n1048576\n");
    command(&hub, &job, &answer, "exec truncate -s 1G /dev/stdout", NULL,
            10000);
    ck_assert_int_eq(answer.rc, PHUB_ELIMIT);
    command(&hub, &job, &answer, "exec truncate -s 2G /dev/stdout", NULL,
            10000);
    ck_assert_int_eq(answer.rc, PHUB_ELIMIT);
    hub_close(&hub);
}
END_TEST

START_TEST(a_quiet_command_may_write_what_it_likes)
{
    struct hub hub = { 0 };
    struct answer answer = { .hub = &hub };
    struct job job;

    hub_open(&hub);
    job_init(&job, 1, "x");
    job.start.quiet = 1;
    command(&hub, &job, &answer, "head -c 100000 /dev/zero && "
            "truncate -s 2G file && ulimit -Sf >&2", NULL, 10000);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.out, "");
    ck_assert_str_eq(answer.text, "unlimited");
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
    tcase_add_test(children, a_large_state_does_not_hold_up_the_hub);
    tcase_add_loop_test(
        children, a_large_state_that_nobody_awaits_any_more_is_not_handed_over,
        0, 2);
    tcase_add_test(children, verbs_reach_a_child_and_its_answers_come_back);
    tcase_add_loop_test(children,
                        a_commit_makes_one_ready_that_cannot_have_a_state, 0,
                        2);
    tcase_add_test(children, who_sends_garbage_sees_the_end_of_its_channel);
    tcase_add_loop_test(children,
                        who_spoke_and_hung_up_is_not_one_that_does_not_speak,
                        0, 2);
    tcase_add_test(children, the_next_hub_adopts_what_runs);
    tcase_add_loop_test(children,
                        an_adopted_child_is_ready_when_it_has_its_state, 0, 2);
    tcase_add_test(children,
                   a_guard_that_dies_takes_its_children_and_is_replaced);
    tcase_add_test(children, a_hub_begins_without_a_guard_and_gets_one_later);
    tcase_add_test(children, a_hub_waits_for_a_guard_that_does_not_answer);
    tcase_add_test(commands, a_command_gets_the_state_and_gives_it);
    tcase_add_test(commands, a_command_that_fails_says_why);
    tcase_add_test(commands, a_command_knows_what_its_child_published);
    tcase_add_test(commands, a_commands_output_has_its_limit_before_it_runs);
    tcase_add_test(commands, a_quiet_command_may_write_what_it_likes);
    suite_add_tcase(suite, children);
    suite_add_tcase(suite, commands);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
