/* SPDX-License-Identifier: MIT */
/* check_room: what finds no room in the guard is told so. */
#include "config.h"

#include <sys/resource.h>

#include "guard_fixture.h"

#define ROOM 8u
#define ALL 16u
#define DAEMONS 4

static void
answered(struct fixture *f, uint64_t handle, size_t number)
{
    const struct seen *s = seen_of(f, handle);
    struct pollfd at = { .fd = phub__guard_fd(f->guard), .events = POLLIN };

    while (!s->started && !s->failed) {
        ck_assert_msg(poll(&at, 1, 10000) == 1,
                      "start %zu of %u is never answered", number, ALL);
        fixture_turn(f);
    }
}

/* They come at once, and there are descriptors for half of them. */
START_TEST(each_start_that_finds_no_room_is_answered)
{
    struct rlimit limit = { 64 + 2 * ROOM, 64 + 2 * ROOM };
    uint64_t handles[ALL];
    struct fixture f;
    size_t i, failed = 0;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    kill(phub__guard_pid(f.guard), SIGSTOP);
    for (i = 0; i < ALL; i++)
        handles[i] = fixture_spawn(&f, "sh", "sleep 1000");
    kill(phub__guard_pid(f.guard), SIGCONT);
    for (i = 0; i < ALL; i++) {
        answered(&f, handles[i], i);
        failed += seen_of(&f, handles[i])->failed;
    }
    ck_assert_uint_gt(failed, 0);
    ck_assert_uint_lt(failed, ALL);
    fixture_end(&f);
}
END_TEST

/* It would be one with the next, and a later guard ended neither child. */
START_TEST(half_a_line_is_taken_back)
{
    char path[128], line[128] = "";
    struct rlimit limit = { 0, RLIM_INFINITY };
    struct fixture f;
    uint64_t handle;
    FILE *list;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    handle = fixture_spawn(&f, "sh", "sleep 1000");
    fixture_wait(&f, seen_of(&f, handle)->started);
    snprintf(path, sizeof path, "%s/%s", state_dir, PHUB__GUARD_CHILDREN);
    list = fopen(path, "r");
    ck_assert_ptr_nonnull(list);
    while (fgets(line, sizeof line, list) != NULL)
        limit.rlim_cur += strlen(line);
    limit.rlim_cur += 3;
    ck_assert_int_eq(prlimit(phub__guard_pid(f.guard), RLIMIT_FSIZE, &limit,
                             NULL), 0);
    handle = fixture_spawn(&f, "sh", "sleep 1000");
    fixture_wait(&f, seen_of(&f, handle)->failed);
    rewind(list);
    while (fgets(line, sizeof line, list) != NULL)
        ck_assert_ptr_nonnull(strchr(line, '\n'));
    fclose(list);
    fixture_end(&f);
}
END_TEST

/* Who asks for it waits for the end of that child. */
START_TEST(a_kill_of_what_is_not_there_is_answered)
{
    struct fixture f;
    uint64_t handle;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    handle = fixture_spawn(&f, "sh", "exit 0");
    fixture_wait(&f, seen_of(&f, handle)->exited);
    seen_of(&f, handle)->failed = false;
    ck_assert_int_eq(phub__guard_signal(f.guard, handle, SIGKILL), 0);
    fixture_wait(&f, seen_of(&f, handle)->failed);
    fixture_end(&f);
}
END_TEST

/* One descriptor is left for the two: what is told of is what there is. */
START_TEST(a_child_whose_descriptors_find_no_room_is_adopted_and_not_ended)
{
    struct rlimit limit;
    struct fixture f;
    struct seen *s;
    int last, next;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    (void)fixture_run(&f, "sleep 1000");
    fixture_drop(&f);
    ck_assert_int_eq(fixture_open(&f, 0), 0);
    next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    for (last = -1; next != last + 1 || next < phub__guard_fd(f.guard);) {
        last = next;
        next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    }
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = (rlim_t)next + 2;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    fixture_wait(&f, f.attached);
    ck_assert_uint_eq(f.count, 1);
    s = &f.seen[0];
    ck_assert(s->adopted);
    ck_assert_int_eq(s->channel, -1);
    ck_assert_int_eq(s->output, -1);
    ck_assert(!s->exited);
    ck_assert_int_eq(phub__guard_signal(f.guard, s->handle, SIGTERM), 0);
    fixture_wait(&f, s->exited);
    ck_assert_int_eq(WTERMSIG(s->status), SIGTERM);
    fixture_end(&f);
}
END_TEST

/* The number of descriptors of a process, which has no gaps between them. */
static rlim_t
fds_of(pid_t pid)
{
    char path[64];
    struct dirent *entry;
    rlim_t count = 0, highest = 0;
    DIR *dir;

    snprintf(path, sizeof path, "/proc/%ld/fd", (long)pid);
    dir = opendir(path);
    ck_assert_ptr_nonnull(dir);
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_name[0] != '.') {
            rlim_t fd = strtoul(entry->d_name, NULL, 10);

            count++;
            highest = fd > highest ? fd : highest;
        }
    closedir(dir);
    ck_assert_uint_eq(count, highest + 1);
    return count;
}

static void
limit_fds(pid_t pid, rlim_t count)
{
    struct rlimit limit;

    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, NULL, &limit), 0);
    limit.rlim_cur = count;
    ck_assert_int_eq(prlimit(pid, RLIMIT_NOFILE, &limit, NULL), 0);
}

START_TEST(a_daemon_is_heard_by_a_guard_that_has_no_descriptor_left)
{
    static struct fixture f[DAEMONS];
    pid_t guard;

    fixture_attach(&f[0]);
    guard = phub__guard_pid(f[0].guard);
    limit_fds(guard, fds_of(guard));
    /* The connection of the one before is still there. */
    for (int i = 1; i < DAEMONS; i++) {
        fixture_attach(&f[i]);
        ck_assert_int_eq(phub__guard_pid(f[i].guard), guard);
        while (!f[i - 1].lost)
            fixture_turn(&f[i - 1]);
        fixture_drop(&f[i - 1]);
    }
    fixture_end(&f[DAEMONS - 1]);
}
END_TEST

static char
state_of(pid_t pid)
{
    char path[64], text[512] = "";
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    file = fopen(path, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    fclose(file);
    return strrchr(text, ')')[2];
}

/* Its limit is lowered, or the whole machine has none left. */
START_TEST(a_guard_that_cannot_accept_a_daemon_waits_and_is_not_busy)
{
    struct fixture f, next;
    pid_t guard;
    rlim_t fds;

    fixture_attach(&f);
    guard = phub__guard_pid(f.guard);
    fds = fds_of(guard);
    limit_fds(guard, 3);
    ck_assert_int_eq(fixture_open(&next, 0), 0);
    /* An answer: it has come past the connection that waits. */
    ck_assert_int_eq(phub__guard_signal(f.guard, 1, SIGKILL), 0);
    fixture_wait(&f, seen_of(&f, 1)->failed);
    while (state_of(guard) != 'S')
        continue;
    limit_fds(guard, fds + 8);
    fixture_wait(&next, next.attached);
    while (!f.lost)
        fixture_turn(&f);
    fixture_drop(&f);
    fixture_end(&next);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("room");
    TCase *tc = tcase_create("room");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, make_state_dir, remove_state_dir);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, each_start_that_finds_no_room_is_answered);
    tcase_add_test(tc, half_a_line_is_taken_back);
    tcase_add_test(tc, a_kill_of_what_is_not_there_is_answered);
    tcase_add_test(tc,
        a_child_whose_descriptors_find_no_room_is_adopted_and_not_ended);
    tcase_add_test(tc,
                   a_daemon_is_heard_by_a_guard_that_has_no_descriptor_left);
    tcase_add_test(tc,
                   a_guard_that_cannot_accept_a_daemon_waits_and_is_not_busy);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
