/* SPDX-License-Identifier: MIT */
/* check_exec_left: what children that are gone leave, and for how long. */
#include "config.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>

#include "env/real/exec_private.h"
#include "exec_fixture.h"

#define KEPT 3u
#define OLD 9u

/* --- files --------------------------------------------------------------- */

static const char *path_of(const struct hub *hub, const char *directory,
                           const char *name, const char *suffix)
{
    static char path[600];

    snprintf(path, sizeof path, "%s/%s/%s%s", hub->world.dir, directory, name,
             suffix);
    return path;
}

static int is_there(const struct hub *hub, const char *directory,
                    const char *name, const char *suffix)
{
    struct stat status;

    return lstat(path_of(hub, directory, name, suffix), &status) == 0;
}

/* Changed that many seconds after the beginning of time. */
static void age(const char *path, int seconds)
{
    const struct timespec times[2] = { { seconds, 0 }, { seconds, 0 } };

    ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
}

static void file(const char *path, int seconds)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "said\n", 5), 5);
    close(fd);
    age(path, seconds);
}

/* What a child that was here has left: a log, its predecessor, a directory. */
static void leave(const struct hub *hub, const char *name, int seconds)
{
    file(path_of(hub, "logs", name, ".log"), seconds);
    file(path_of(hub, "logs", name, ".log.1"), seconds - 1);
    ck_assert_int_eq(mkdir(path_of(hub, "children", name, ""), 0700), 0);
    age(path_of(hub, "children", name, ""), seconds - 2);
}

/* old-0 is the oldest. */
static void leave_some(struct hub *hub)
{
    char name[16];

    dir_make(&hub->world);
    ck_assert_int_eq(mkdir(path_of(hub, "", "logs", ""), 0700), 0);
    ck_assert_int_eq(mkdir(path_of(hub, "", "children", ""), 0700), 0);
    for (uint32_t i = 0; i < OLD; i++) {
        snprintf(name, sizeof name, "old-%u", i);
        leave(hub, name, 1000 + (int)i * 10);
    }
}

static struct phub__exec *exec_of(const struct hub *hub)
{
    return (void *)hub->runner;
}

/* As it is done now and then. */
static void attach_and_look(struct hub *hub)
{
    hub_attach(hub);
    wait_for(hub, &hub->attached, 1);
    phub__exec_left_look(exec_of(hub));
}

/* Until its log is gone, and so those of all that are older. */
static void until_gone(struct hub *hub, const char *name)
{
    while (is_there(hub, "logs", name, ".log"))
        read_tail(hub, "nobody", 10);
}

/* --- claims -------------------------------------------------------------- */

START_TEST(of_those_that_are_gone_the_newest_logs_stay)
{
    struct hub hub = { .logs_kept = KEPT };
    char name[16];

    leave_some(&hub);
    attach_and_look(&hub);
    until_gone(&hub, "old-5");
    for (uint32_t i = 0; i < OLD; i++) {
        snprintf(name, sizeof name, "old-%u", i);
        ck_assert_int_eq(is_there(&hub, "logs", name, ".log"), i >= OLD - KEPT);
        ck_assert_int_eq(is_there(&hub, "logs", name, ".log.1"),
                         i >= OLD - KEPT);
        ck_assert_int_eq(is_there(&hub, "children", name, ""),
                         i >= OLD - KEPT);
    }
    hub_close(&hub);
}
END_TEST

START_TEST(what_a_child_has_put_into_its_directory_stays)
{
    struct hub hub = { .logs_kept = KEPT };

    leave_some(&hub);
    file(path_of(&hub, "children", "old-1", "/data"), 1000);
    age(path_of(&hub, "children", "old-1", ""), 1000);
    attach_and_look(&hub);
    until_gone(&hub, "old-5");
    ck_assert(is_there(&hub, "children", "old-1", "/data"));
    ck_assert(!is_there(&hub, "logs", "old-1", ".log"));
    ck_assert(!is_there(&hub, "children", "old-2", ""));
    hub_close(&hub);
}
END_TEST

START_TEST(what_is_no_log_stays)
{
    struct hub hub = { .logs_kept = 1 };

    leave_some(&hub);
    file(path_of(&hub, "logs", "notes", ""), 10);
    file(path_of(&hub, "logs", ".log", ""), 10);
    file(path_of(&hub, "logs", ".hidden.log", ""), 10);
    ck_assert_int_eq(mkdir(path_of(&hub, "logs", "d", ".log"), 0700), 0);
    age(path_of(&hub, "logs", "d", ".log"), 10);
    attach_and_look(&hub);
    until_gone(&hub, "old-7");
    ck_assert(!is_there(&hub, "logs", "old-0", ".log"));
    ck_assert(is_there(&hub, "logs", "notes", ""));
    ck_assert(is_there(&hub, "logs", ".log", ""));
    ck_assert(is_there(&hub, "logs", ".hidden.log", ""));
    ck_assert(is_there(&hub, "logs", "d", ".log"));
    hub_close(&hub);
}
END_TEST

/* However long it has not written anything. */
START_TEST(what_an_adopted_child_wrote_stays)
{
    struct hub first = { 0 }, hub = { .logs_kept = KEPT };
    struct job job;

    leave_some(&first);
    hub_attach(&first);
    wait_for(&first, &first.attached, 1);
    start_shell(&first, &job, "old-0", "echo once; exec sleep 1000");
    wait_for(&first, &first.started, 1);
    while (strstr(read_tail(&first, "old-0", 100), "once") == NULL)
        ;
    first.runner->detach(first.runner);
    world_close(&first.world);
    age(path_of(&first, "logs", "old-0", ".log"), 10);
    memcpy(hub.world.dir, first.world.dir, sizeof hub.world.dir);
    attach_and_look(&hub);
    ck_assert_uint_eq(hub.adopted, 1);
    until_gone(&hub, "old-5");
    ck_assert(is_there(&hub, "logs", "old-0", ".log"));
    ck_assert(is_there(&hub, "children", "old-0", ""));
    ck_assert(!is_there(&hub, "logs", "old-1", ".log"));
    ck_assert_int_eq(hub.runner->kill(hub.runner, hub.found.handle, 1), 0);
    wait_for(&hub, &hub.exited, 1);
    hub_close(&hub);
}
END_TEST

/* Children go on without their daemon, and nobody knows then who is here. */
START_TEST(a_daemon_that_lets_go_removes_nothing_more)
{
    struct hub hub = { .logs_kept = KEPT };
    char name[16];

    leave_some(&hub);
    attach_and_look(&hub);
    hub.runner->detach(hub.runner);
    for (uint32_t i = 0; i < 100; i++)
        read_tail(&hub, "nobody", 10);
    for (uint32_t i = 0; i < OLD; i++) {
        snprintf(name, sizeof name, "old-%u", i);
        ck_assert(is_there(&hub, "logs", name, ".log"));
        ck_assert(is_there(&hub, "children", name, ""));
    }
    hub_close(&hub);
}
END_TEST

static void step(struct hub *hub)
{
    struct pollfd poll_fd = { .fd = phub__env_real_fd(hub->world.env),
                              .events = POLLIN };

    (void)poll(&poll_fd, 1, phub__env_real_wait_ms(hub->world.env));
    phub__env_real_step(hub->world.env);
}

static int removes(const struct hub *hub, const char *name)
{
    return phub__exec_left_removes(exec_of(hub), bytes_of(name));
}

/* Its directory would be removed under it. */
START_TEST(nothing_begins_while_what_it_had_left_is_removed)
{
    struct hub hub = { .logs_kept = KEPT };
    struct job job;
    sem_t gate;

    leave_some(&hub);
    attach_and_look(&hub);
    workers_hold(&hub, &gate);
    while (!removes(&hub, "old-0")) /* the scan came before those */
        step(&hub);
    job_init(&job, 1, "old-0");
    job_args(&job, &job.spec.argv, "/bin/pwd", NULL, NULL);
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), PHUB_EBUSY);
    workers_let_go(&gate);
    until_gone(&hub, "old-5");
    while (removes(&hub, "old-0"))
        step(&hub);
    ck_assert(!is_there(&hub, "children", "old-0", ""));
    ck_assert_int_eq(hub.runner->start(hub.runner, &job.start), 0);
    wait_for(&hub, &hub.exited, 1);
    ck_assert_int_eq(hub.status, 0);
    ck_assert(is_there(&hub, "children", "old-0", ""));
    hub_close(&hub);
    sem_destroy(&gate);
}
END_TEST

/* It may be about to be begun again, however long it had written nothing. */
START_TEST(what_has_ended_a_moment_ago_stays)
{
    struct hub hub = { .logs_kept = KEPT };
    struct stat status;
    struct job job;

    leave_some(&hub);
    hub_attach(&hub);
    wait_for(&hub, &hub.attached, 1);
    start_shell(&hub, &job, "old-0", "exit 0");
    wait_for(&hub, &hub.exited, 1);
    do {
        read_tail(&hub, "old-0", 10);
        ck_assert_int_eq(stat(path_of(&hub, "logs", "old-0", ".log"),
                              &status), 0);
    } while (status.st_mtim.tv_sec == 1000);
    phub__exec_left_look(exec_of(&hub));
    until_gone(&hub, "old-6"); /* one more of them counts as kept */
    ck_assert(is_there(&hub, "logs", "old-0", ".log"));
    ck_assert(is_there(&hub, "logs", "old-7", ".log"));
    hub_close(&hub);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec_left");
    TCase *left = tcase_create("left");
    SRunner *runner;
    int failed;

    tcase_set_timeout(left, 120);
    tcase_add_test(left, of_those_that_are_gone_the_newest_logs_stay);
    tcase_add_test(left, what_a_child_has_put_into_its_directory_stays);
    tcase_add_test(left, what_is_no_log_stays);
    tcase_add_test(left, what_an_adopted_child_wrote_stays);
    tcase_add_test(left, a_daemon_that_lets_go_removes_nothing_more);
    tcase_add_test(left, nothing_begins_while_what_it_had_left_is_removed);
    tcase_add_test(left, what_has_ended_a_moment_ago_stays);
    suite_add_tcase(suite, left);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
