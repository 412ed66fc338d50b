/* SPDX-License-Identifier: MIT */
/* check_exec_short: the exec runner on a machine that is short of something. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "child/guard_proto.h"
#include "exec_fixture.h"

#define CHILDREN 12u

/* --- descriptors --------------------------------------------------------- */

/* The first hub of a directory starts some, and leaves them to the next. */
static void leave_some(struct hub *next)
{
    struct hub first = { 0 };
    struct job job;
    char id[16];

    hub_open(&first);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        snprintf(id, sizeof id, "c-%u", i);
        start_shell(&first, &job, id, "exec sleep 1000");
        wait_for(&first, &first.started, i + 1);
    }
    first.runner->detach(first.runner);
    world_close(&first.world);
    memcpy(next->world.dir, first.world.dir, sizeof next->world.dir);
}

/* The lowest number that no descriptor has; those below it are all in use. */
static int fill_gaps(void)
{
    int last = open("/dev/null", O_RDONLY | O_CLOEXEC);
    int highest = 0;
    char path[64];

    for (int fd = 0; fd < 1024; fd++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        if (access(path, F_OK) == 0)
            highest = fd;
    }
    while (last < highest)
        last = fcntl(last, F_DUPFD_CLOEXEC, 0);
    return last + 1;
}

/* The next hub of the directory, with so many descriptors more than it has when
 * it is connected. */
static void adopt_with(struct hub *next, uint32_t spare)
{
    struct rlimit limit;

    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    hub_attach(next);
    limit.rlim_cur = (rlim_t)fill_gaps() + spare;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    wait_for(next, &next->attached, 1);
    ck_assert_uint_eq(next->adopted, CHILDREN);
}

static void end_all(struct hub *hub)
{
    ck_assert_uint_eq(hub->exited, 0);
    for (uint32_t i = 1; i <= CHILDREN; i++)
        ck_assert_int_eq(hub->runner->kill(hub->runner, i, 1), 0);
    wait_for(hub, &hub->exited, CHILDREN);
    ck_assert_int_eq(hub->cause, PHUB__END_SIGNAL);
}

START_TEST(children_are_adopted_when_there_is_one_descriptor_of_their_two)
{
    struct hub next = { 0 };

    leave_some(&next);
    adopt_with(&next, 1);
    ck_assert_int_eq(next.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(next.world.text, "12 children"));
    ck_assert_int_eq(next.found.ready, 1);
    end_all(&next);
    hub_close(&next);
}
END_TEST

/* Rows must be written and questions be answered. */
START_TEST(who_adopts_keeps_descriptors_for_the_rest)
{
    struct hub next = { 0 };
    struct rlimit limit;
    int free_fds = 0;

    leave_some(&next);
    adopt_with(&next, PHUB__FDS_RESERVE + CHILDREN);
    ck_assert_int_eq(next.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(next.world.text, " children go on"));
    ck_assert_uint_lt(strtoul(next.world.text, NULL, 10), CHILDREN);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    for (int fd = 0; fd < (int)limit.rlim_cur; fd++)
        free_fds += fcntl(fd, F_GETFD) < 0;
    ck_assert_int_ge(free_fds, PHUB__FDS_RESERVE);
    end_all(&next);
    hub_close(&next);
}
END_TEST

/* It cannot be asked whether it was; it must not be ended for that. */
START_TEST(who_says_when_it_is_ready_is_adopted_without_descriptors)
{
    struct hub first = { 0 }, next = { 0 };
    struct rlimit limit;
    struct job job;

    hub_open(&first);
    start_counter(&first, &job, 0);
    wait_for(&first, &first.readies, 1);
    first.runner->detach(first.runner);
    world_close(&first.world);
    memcpy(next.world.dir, first.world.dir, sizeof next.world.dir);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    hub_attach(&next);
    limit.rlim_cur = (rlim_t)fill_gaps();
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    wait_for(&next, &next.attached, 1);
    ck_assert_uint_eq(next.adopted, 1);
    ck_assert_int_eq(next.found.ready, 1);
    ck_assert_int_eq(ask(&next, next.found.handle, PHUB__VERB_FREEZE, 1,
                         NULL), PHUB_EUNSUPPORTED);
    ck_assert_int_eq(next.runner->kill(next.runner, next.found.handle, 0),
                     0);
    wait_for(&next, &next.exited, 1);
    hub_close(&next);
}
END_TEST

/* --- the disk ------------------------------------------------------------ */

START_TEST(a_log_that_cannot_be_turned_is_emptied_and_goes_on)
{
    struct hub hub = { 0 };
    struct stat status;
    struct job job;
    const char *text;
    char path[128];
    size_t size;

    hub_open(&hub);
    snprintf(path, sizeof path, "%s/logs/loud.log.1", hub.world.dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    start_shell(&hub, &job, "loud", "i=0; while [ $i -lt 30000 ]; do"
                " echo \"line $i of many that are written here\";"
                " i=$((i+1)); done; echo last");
    wait_for(&hub, &hub.exited, 1);
    text = read_tail(&hub, "loud", 1000);
    ck_assert_int_eq(tail_rc, 0);
    size = strlen(text);
    ck_assert_uint_gt(size, 900);
    ck_assert_mem_eq(text, "line ", 5);
    ck_assert_str_eq(text + size - 5, "last\n");
    snprintf(path, sizeof path, "%s/logs/loud.log", hub.world.dir);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_le(status.st_size, PHUB__EXEC_LOG_MAX);
    /* Four times, and said once. */
    ck_assert_int_eq(hub.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(hub.world.text, "loud.log.1"));
    hub_close(&hub);
}
END_TEST

/* It has no room, say: here the directory of all is gone. */
START_TEST(a_directory_that_cannot_be_made_is_no_fault_of_the_child)
{
    struct hub hub = { 0 };
    struct job job;
    char path[128];

    hub_open(&hub);
    snprintf(path, sizeof path, "%s/children", hub.world.dir);
    ck_assert_int_eq(rmdir(path), 0);
    job_init(&job, 1, "x");
    job_args(&job, &job.spec.argv, "/bin/true", NULL, NULL);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(hub.runner->start(hub.runner, &job.start),
                         PHUB_EIO);
    ck_assert_int_eq(hub.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(hub.world.text, "/children/x\""));
    ck_assert_ptr_nonnull(strstr(hub.world.text, strerror(ENOENT)));
    hub_close(&hub);
}
END_TEST

START_TEST(a_list_that_the_guard_cannot_write_is_no_fault_of_the_child)
{
    struct hub hub = { 0 };
    struct rlimit limit;
    struct stat status;
    struct job job;
    char path[128];

    hub_open(&hub);
    snprintf(path, sizeof path, "%s/%s", hub.world.dir, PHUB__GUARD_CHILDREN);
    ck_assert_int_eq(stat(path, &status), 0);
    limit.rlim_cur = limit.rlim_max = (rlim_t)status.st_size;
    ck_assert_int_eq(prlimit((pid_t)phub__exec_guard_pid(hub.world.env),
                             RLIMIT_FSIZE, &limit, NULL), 0);
    start_shell(&hub, &job, "x", "exit 0");
    wait_for(&hub, &hub.failed, 1);
    ck_assert_ptr_nonnull(strstr(hub.text, "cannot note"));
    ck_assert_int_eq(hub.rc, PHUB_ESYS);
    hub_close(&hub);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exec_short");
    TCase *tc = tcase_create("exec_short");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc,
        children_are_adopted_when_there_is_one_descriptor_of_their_two);
    tcase_add_test(tc, who_adopts_keeps_descriptors_for_the_rest);
    tcase_add_test(tc,
                   who_says_when_it_is_ready_is_adopted_without_descriptors);
    tcase_add_test(tc, a_log_that_cannot_be_turned_is_emptied_and_goes_on);
    tcase_add_test(tc,
                   a_directory_that_cannot_be_made_is_no_fault_of_the_child);
    tcase_add_test(tc,
                   a_list_that_the_guard_cannot_write_is_no_fault_of_the_child);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
