/* SPDX-License-Identifier: MIT */
/* guard_fixture: a daemon's side of a real guard, for tests.
 *
 * fixture_wait() turns the loop until a condition holds; a test that would
 * wait for ever is ended by Check's own timeout. */
#ifndef PHUB_TESTS_GUARD_FIXTURE_H
#define PHUB_TESTS_GUARD_FIXTURE_H

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <phub/error.h>

#include "child/guard_client.h"

#define SEEN_MAX 512

struct seen {
    uint64_t handle;
    char id[64], note[64];
    struct phub_epoch epoch;
    pid_t pid;
    int channel, output;
    bool started, adopted, failed, exited;
    int sys_errno, status;
    enum phub__guard_cause cause;
    char text[600];
};

struct fixture {
    struct phub__guard *guard;
    uint64_t guard_id, deadline_ns;
    bool attached, found, lost;
    char why[600];
    struct seen seen[SEEN_MAX];
    size_t count;
};

static char state_dir[64];
static const char *cgroup_dir; /* or NULL */

static inline uint64_t
boot_now(void)
{
    struct timespec at;

    clock_gettime(CLOCK_BOOTTIME, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

#define SECONDS 1000000000ull
#define MILLIS 1000000ull
/* A short lease, though long enough to start a child on a busy machine. */
#define LEASE (1500 * MILLIS)

static inline struct seen *
seen_of(struct fixture *f, uint64_t handle)
{
    for (size_t i = 0; i < f->count; i++)
        if (f->seen[i].handle == handle)
            return &f->seen[i];
    ck_assert_uint_lt(f->count, SEEN_MAX);
    f->seen[f->count].handle = handle;
    f->seen[f->count].channel = f->seen[f->count].output = -1;
    return &f->seen[f->count++];
}

static inline void
on_attached(void *arg, uint64_t guard_id, uint64_t deadline_ns, bool found)
{
    struct fixture *f = arg;

    f->attached = true;
    f->found = found;
    f->guard_id = guard_id;
    f->deadline_ns = deadline_ns;
}

static inline void
remember(struct fixture *f, const struct phub__guard_child *child)
{
    struct seen *s = seen_of(f, child->handle);

    snprintf(s->id, sizeof s->id, "%.*s", (int)child->id.size,
             (const char *)child->id.data);
    snprintf(s->note, sizeof s->note, "%.*s", (int)child->note.size,
             child->note.data ? (const char *)child->note.data : "");
    s->epoch = child->epoch;
    s->pid = child->pid;
    s->channel = child->channel;
    s->output = child->output;
}

static inline void
on_started(void *arg, const struct phub__guard_child *child)
{
    remember(arg, child);
    seen_of(arg, child->handle)->started = true;
}

static inline void
on_adopted(void *arg, const struct phub__guard_child *child)
{
    remember(arg, child);
    seen_of(arg, child->handle)->adopted = true;
}

static inline void
on_failed(void *arg, uint64_t handle, int sys_errno, const char *text)
{
    struct seen *s = seen_of(arg, handle);

    s->failed = true;
    s->sys_errno = sys_errno;
    snprintf(s->text, sizeof s->text, "%s", text);
}

static inline void
on_exited(void *arg, uint64_t handle, int status, enum phub__guard_cause cause)
{
    struct seen *s = seen_of(arg, handle);

    s->exited = true;
    s->status = status;
    s->cause = cause;
}

static inline void
on_lost(void *arg, const char *why)
{
    struct fixture *f = arg;

    f->lost = true;
    snprintf(f->why, sizeof f->why, "%s", why);
}

static const struct phub__guard_calls fixture_calls = {
    .attached = on_attached, .adopted = on_adopted, .started = on_started,
    .failed = on_failed, .exited = on_exited, .lost = on_lost,
};

static inline const char *
guard_program(void)
{
    static char path[4096];
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(path, sizeof path, "%s/tools/phub-guard", build ? build : "build");
    return path;
}

static inline int
fixture_open(struct fixture *f, uint32_t spawner_timeout_ms)
{
    struct phub__guard_config config = {
        .state_dir = state_dir, .program = guard_program(),
        .spawner_timeout_ms = spawner_timeout_ms, .cgroup = cgroup_dir,
    };
    char error[512];

    memset(f, 0, sizeof *f);
    return phub__guard_open(&f->guard, &config, &fixture_calls, f, error,
                            sizeof error);
}

static inline void
fixture_turn(struct fixture *f)
{
    struct pollfd at = { .fd = phub__guard_fd(f->guard), .events = POLLIN };

    if (phub__guard_wants_write(f->guard))
        at.events |= POLLOUT;
    ck_assert_int_ge(poll(&at, 1, -1), 0);
    if (at.revents & POLLOUT)
        phub__guard_writable(f->guard);
    if (at.revents & (POLLIN | POLLHUP | POLLERR))
        phub__guard_readable(f->guard);
}

#define fixture_wait(f, condition) \
    do { \
        while (!(condition)) { \
            ck_assert_msg(!(f)->lost, "guard lost: %s", (f)->why); \
            fixture_turn(f); \
        } \
    } while (0)

static inline void
fixture_attach(struct fixture *f)
{
    ck_assert_int_eq(fixture_open(f, 0), 0);
    fixture_wait(f, f->attached);
}

static inline struct phub_bytes
text_bytes(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

/* Ask for "sh -c SCRIPT", or for PROGRAM alone when script is NULL. */
static inline uint64_t
fixture_spawn(struct fixture *f, const char *program, const char *script)
{
    struct phub_bytes argv[3] = { text_bytes(program) };
    struct phub_bytes env[2] = { text_bytes("PHUB_NODE=forged"),
                                 text_bytes("GIVEN=yes") };
    struct phub__guard_spawn spawn = {
        .id = text_bytes("child-1"), .node_name = "a",
        .epoch = { 7, 9 }, .argv = argv, .argc = 1, .env = env, .envc = 2,
        .note = text_bytes("note"),
    };
    uint64_t handle = 0;

    if (script != NULL) {
        argv[1] = text_bytes("-c");
        argv[2] = text_bytes(script);
        spawn.argc = 3;
    }
    ck_assert_int_eq(phub__guard_spawn(f->guard, &spawn, &handle), 0);
    ck_assert_uint_ne(handle, 0);
    return handle;
}

/* Start a script and wait until it runs. */
static inline struct seen *
fixture_run(struct fixture *f, const char *script)
{
    uint64_t handle = fixture_spawn(f, "sh", script);
    struct seen *s = seen_of(f, handle);

    fixture_wait(f, s->started || s->failed);
    ck_assert_msg(s->started, "%s", s->text);
    return s;
}

/* End everything: the guard exits and nothing of it is left. */
static inline void
fixture_end(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->seen[i].channel >= 0)
            close(f->seen[i].channel);
        if (f->seen[i].output >= 0)
            close(f->seen[i].output);
    }
    if (!f->lost)
        ck_assert_int_eq(phub__guard_quit(f->guard), 0);
    while (!f->lost)
        fixture_turn(f);
    phub__guard_close(&f->guard);
    ck_assert_ptr_null(f->guard);
}

/* Let go of the guard as a daemon that dies does. */
static inline void
fixture_drop(struct fixture *f)
{
    for (size_t i = 0; i < f->count; i++) {
        if (f->seen[i].channel >= 0)
            close(f->seen[i].channel);
        if (f->seen[i].output >= 0)
            close(f->seen[i].output);
    }
    phub__guard_close(&f->guard);
}

static inline int
pidfd_of(pid_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);

    ck_assert_int_ge(fd, 0);
    return fd;
}

/* Wait until the process of a pidfd has ended. */
static inline void
wait_end(int pidfd)
{
    struct pollfd at = { .fd = pidfd, .events = POLLIN };

    ck_assert_int_eq(poll(&at, 1, -1), 1);
    close(pidfd);
}

/* Read a line from a descriptor, non-blocking or not. */
static inline void
read_line(int fd, char *line, size_t max)
{
    size_t size = 0;

    for (;;) {
        struct pollfd at = { .fd = fd, .events = POLLIN };
        ssize_t got;

        ck_assert_int_eq(poll(&at, 1, -1), 1);
        got = read(fd, line + size, 1);
        ck_assert_int_eq(got, 1);
        if (line[size] == '\n')
            break;
        ck_assert_uint_lt(++size, max);
    }
    line[size] = 0;
}

static inline void
make_state_dir(void)
{
    const char *base = getenv("TMPDIR");

    snprintf(state_dir, sizeof state_dir, "%.40s/phub-XXXXXX",
             base ? base : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(state_dir));
}

static inline void
remove_state_dir(void)
{
    DIR *dir = opendir(state_dir);
    struct dirent *entry;

    while (dir && (entry = readdir(dir)))
        unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir)
        closedir(dir);
    rmdir(state_dir);
}

#endif
