/* SPDX-License-Identifier: MIT */
/* check_env_files: the state directory survives, has one owner, and says what
 * is wrong with it. */
#include "config.h"

#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/lines.h"
#include "env_world.h"
#include "wire/buf.h"

struct writes {
    struct world world;
    uint32_t done;
    uint32_t wanted;
    int rc;
};

static void on_written(void *arg, int rc)
{
    struct writes *writes = arg;

    writes->done++;
    if (rc != 0)
        writes->rc = rc;
    if (writes->done == writes->wanted)
        phub__env_real_stop(writes->world.env);
}

static void files_open(struct writes *writes)
{
    struct phub__env_real_options options = {
        .state_dir = writes->world.dir
    };

    world_open(&writes->world, &options);
}

static void expect_content(struct phub_env *env, const char *name,
                           const char *expected)
{
    struct phub_buf *content = NULL;

    ck_assert_int_eq(env->file_read(env, name, &content), 0);
    ck_assert_uint_eq(content->size, strlen(expected));
    ck_assert_mem_eq(content->data, expected, content->size);
    phub__buf_unref(&content);
}

START_TEST(what_is_written_is_there_after_a_restart)
{
    struct writes writes = { .wanted = 6 };
    struct phub_env *env;
    struct phub_buf *content = NULL;

    dir_make(&writes.world);
    files_open(&writes);
    env = writes.world.env;
    env->file_do(env, PHUB__FILE_REPLACE, "a", "one", 3, on_written, &writes);
    env->file_do(env, PHUB__FILE_REPLACE, "a", "two", 3, on_written, &writes);
    env->file_do(env, PHUB__FILE_APPEND, "b", "x", 1, on_written, &writes);
    env->file_do(env, PHUB__FILE_APPEND, "b", "yz", 2, on_written, &writes);
    env->file_do(env, PHUB__FILE_SYNC, "b", NULL, 0, on_written, &writes);
    env->file_do(env, PHUB__FILE_REMOVE, "c", NULL, 0, on_written, &writes);
    world_run(&writes.world);
    ck_assert_int_eq(writes.rc, 0);
    /* What waits when the environment is freed is written, too. */
    env->file_do(env, PHUB__FILE_REPLACE, "d", "1", 1, NULL, NULL);
    env->file_do(env, PHUB__FILE_REPLACE, "d", "last", 4, NULL, NULL);
    world_close(&writes.world);
    files_open(&writes);
    env = writes.world.env;
    expect_content(env, "a", "two");
    expect_content(env, "b", "xyz");
    expect_content(env, "d", "last");
    ck_assert_int_eq(env->file_read(env, "c", &content), PHUB_ENOTFOUND);
    world_close(&writes.world);
    dir_remove(&writes.world);
}
END_TEST

START_TEST(names_that_leave_the_directory_are_refused)
{
    static const char *const names[] = { "", ".", "..", "../x", "/etc/x",
                                         "a/b", ".hidden" };
    struct writes writes = { 0 };
    struct phub_env *env;
    char longest[PHUB__FILE_NAME_MAX + 2] = "";

    dir_make(&writes.world);
    files_open(&writes);
    env = writes.world.env;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        ck_assert_int_eq(env->file_do(env, PHUB__FILE_APPEND, names[i], "x",
                                      1, NULL, NULL), PHUB_EINVAL);
    memset(longest, 'n', sizeof longest - 1);
    ck_assert_int_eq(env->file_do(env, PHUB__FILE_APPEND, longest, "x", 1,
                                  NULL, NULL), PHUB_EINVAL);
    longest[sizeof longest - 2] = '\0';
    ck_assert_int_eq(env->file_do(env, PHUB__FILE_APPEND, longest, "x", 1,
                                  NULL, NULL), 0);
    world_close(&writes.world);
    dir_remove(&writes.world);
}
END_TEST

START_TEST(a_second_owner_of_the_directory_is_refused_by_pid)
{
    struct writes writes = { 0 };
    struct phub__env_real_options options;
    struct phub_env *second = NULL;
    char error[TEXT_MAX] = "";
    char pid[32];

    dir_make(&writes.world);
    files_open(&writes);
    options = (struct phub__env_real_options){
        .state_dir = writes.world.dir
    };
    ck_assert_int_eq(phub__env_real_new(&options, &second, error,
                                        sizeof error), PHUB_EEXIST);
    ck_assert_ptr_null(second);
    snprintf(pid, sizeof pid, "process %ld", (long)getpid());
    ck_assert_ptr_nonnull(strstr(error, pid));
    ck_assert_ptr_nonnull(strstr(error, writes.world.dir));
    world_close(&writes.world);
    files_open(&writes);
    world_close(&writes.world);
    dir_remove(&writes.world);
}
END_TEST

START_TEST(a_directory_that_cannot_be_used_is_named)
{
    static const char *const paths[] = { "/proc", "/dev/null",
                                         "/nonexistent/state" };
    struct phub__env_real_options options = { 0 };
    struct phub_env *env = NULL;
    char error[TEXT_MAX];

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        options.state_dir = paths[i];
        error[0] = '\0';
        ck_assert_int_ne(phub__env_real_new(&options, &env, error,
                                            sizeof error), 0);
        ck_assert_ptr_null(env);
        ck_assert_ptr_nonnull(strstr(error, paths[i]));
    }
}
END_TEST

START_TEST(a_directory_that_others_may_write_is_refused)
{
    struct writes writes = { 0 };
    struct phub__env_real_options options = { 0 };
    struct phub_env *env = NULL;
    char error[TEXT_MAX] = "";

    dir_make(&writes.world);
    ck_assert_int_eq(chmod(writes.world.dir, 0770), 0);
    options.state_dir = writes.world.dir;
    ck_assert_int_eq(phub__env_real_new(&options, &env, error, sizeof error),
                     PHUB_EREFUSED);
    ck_assert_ptr_nonnull(strstr(error, "770"));
    dir_remove(&writes.world);
}
END_TEST

START_TEST(a_disk_that_refuses_is_reported_once)
{
    struct writes writes = { .wanted = 1 };
    struct phub_env *env;
    char path[128];

    dir_make(&writes.world);
    files_open(&writes);
    env = writes.world.env;
    /* A directory in its place refuses a file in every way. */
    snprintf(path, sizeof path, "%s/taken", writes.world.dir);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    for (int i = 0; i < 3; i++) {
        writes.done = 0;
        writes.rc = 0;
        env->file_do(env, i == 1 ? PHUB__FILE_APPEND : PHUB__FILE_REPLACE,
                     "taken", "x", 1, on_written, &writes);
        world_run(&writes.world);
        ck_assert_int_eq(writes.rc, PHUB_EIO);
    }
    ck_assert_int_eq(writes.world.logged, 1);
    ck_assert_ptr_nonnull(strstr(writes.world.text, "\"taken\""));
    writes.done = 0;
    env->file_do(env, PHUB__FILE_REPLACE, "free", "x", 1, on_written,
                 &writes);
    world_run(&writes.world);
    ck_assert_int_eq(writes.world.logged, 2);
    world_close(&writes.world);
    dir_remove(&writes.world);
}
END_TEST

START_TEST(without_a_directory_files_are_answered_and_not_written)
{
    struct world world = { 0 };
    struct phub_buf *content = NULL;

    world_open(&world, NULL);
    ck_assert_int_eq(world.env->file_read(world.env, "a", &content),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(world.env->file_do(world.env, PHUB__FILE_APPEND, "a",
                                        "x", 1, NULL, NULL),
                     PHUB_EUNSUPPORTED);
    ck_assert_ptr_null(world.env->runner(world.env, "exec"));
    world_close(&world);
}
END_TEST

/* It would wait here for ever, and the hub with it. */
START_TEST(a_log_that_nobody_reads_stops_nobody)
{
    static char read_back[1 << 20];
    static const char fill[4096];
    struct phub__lines lines = { 0 };
    ssize_t size;
    int fds[2];

    ck_assert_int_eq(pipe(fds), 0);
    phub__lines_write(&lines, fds[1], "first");
    ck_assert_int_eq(read(fds[0], read_back, sizeof read_back), 6);
    ck_assert_int_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
    while (write(fds[1], fill, sizeof fill) > 0)
        ;
    ck_assert_int_eq(fcntl(fds[1], F_SETFL, 0), 0);
    for (int i = 0; i < 3; i++)
        phub__lines_write(&lines, fds[1], "dropped");
    ck_assert_uint_eq(lines.dropped, 3);
    ck_assert_int_gt(read(fds[0], read_back, sizeof read_back), 4096);
    phub__lines_write(&lines, fds[1], "last");
    ck_assert_uint_eq(lines.dropped, 0);
    size = read(fds[0], read_back, sizeof read_back);
    ck_assert_int_gt(size, 5);
    read_back[size] = '\0';
    ck_assert_ptr_nonnull(strstr(read_back, "3 lines of the log are missing"));
    ck_assert_str_eq(read_back + size - 5, "last\n");
    close(fds[0]);
    close(fds[1]);
}
END_TEST

/* It is ready for a write that would wait all the same.  How much it takes
 * before that is the kernel's affair, and differs between them. */
START_TEST(a_terminal_that_nobody_reads_stops_nobody)
{
    struct phub__lines lines = { 0 };
    char text[200];
    int master, fd, written = 0;

    master = posix_openpt(O_RDWR | O_NOCTTY);
    ck_assert_int_ge(master, 0);
    ck_assert_int_eq(grantpt(master), 0);
    ck_assert_int_eq(unlockpt(master), 0);
    fd = open(ptsname(master), O_RDWR | O_NOCTTY);
    ck_assert_int_ge(fd, 0);
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    while (lines.dropped < 500 && written < 1000000) {
        phub__lines_write(&lines, fd, text);
        written++;
    }
    ck_assert_uint_eq(lines.dropped, 500);
    ck_assert_int_gt(written, 500);
    phub__lines_close(&lines);
    close(fd);
    close(master);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("env_files");
    TCase *files = tcase_create("files");
    SRunner *runner;
    int failed;

    tcase_add_test(files, what_is_written_is_there_after_a_restart);
    tcase_add_test(files, names_that_leave_the_directory_are_refused);
    tcase_add_test(files, a_second_owner_of_the_directory_is_refused_by_pid);
    tcase_add_test(files, a_directory_that_cannot_be_used_is_named);
    tcase_add_test(files, a_directory_that_others_may_write_is_refused);
    tcase_add_test(files, a_disk_that_refuses_is_reported_once);
    tcase_add_test(files,
                   without_a_directory_files_are_answered_and_not_written);
    tcase_add_test(files, a_log_that_nobody_reads_stops_nobody);
    tcase_add_test(files, a_terminal_that_nobody_reads_stops_nobody);
    suite_add_tcase(suite, files);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
