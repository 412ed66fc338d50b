/* SPDX-License-Identifier: MIT */
/* util: clocks, descriptors and /proc, for the guard. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

static uint64_t
now_ns(clockid_t clock)
{
    struct timespec at;

    clock_gettime(clock, &at);
    return (uint64_t)at.tv_sec * 1000000000u + (uint64_t)at.tv_nsec;
}

uint64_t
now_boot_ns(void)
{
    return now_ns(CLOCK_BOOTTIME);
}

uint64_t
now_mono_ns(void)
{
    return now_ns(CLOCK_MONOTONIC);
}

void
close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Fill what /proc/PID/stat says; group and session may be NULL.  False if
 * there is no such process. */
bool
process_start_ticks(pid_t pid, uint64_t *ticks, pid_t *group, pid_t *session)
{
    char path[64], text[1024], *at;
    ssize_t size;
    int fd;

    snprintf(path, sizeof path, "/proc/%ld/stat", (long)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    size = read(fd, text, sizeof text - 1);
    close(fd);
    if (size <= 0)
        return false;
    text[size] = 0;
    /* The second field is the name in brackets, and may hold anything. */
    at = strrchr(text, ')');
    if (at == NULL)
        return false;
    for (int field = 2; field < 22 && at != NULL; field++) {
        at = strchr(at, ' ');
        if (at != NULL)
            at++;
        if (at != NULL && field + 1 == 5 && group != NULL)
            *group = (pid_t)strtol(at, NULL, 10);
        if (at != NULL && field + 1 == 6 && session != NULL)
            *session = (pid_t)strtol(at, NULL, 10);
    }
    if (at == NULL)
        return false;
    *ticks = strtoull(at, NULL, 10);
    return true;
}

static int
watch_op(struct guard *guard, int op, int fd, uint32_t events,
         enum event_kind kind, uint32_t slot)
{
    struct epoll_event event = {
        .events = events,
        .data.u64 = (uint64_t)kind << 32 | slot,
    };

    return epoll_ctl(guard->epoll, op, fd, &event) == 0 ? 0 : errno;
}

int
watch(struct guard *guard, int fd, uint32_t events, enum event_kind kind,
      uint32_t slot)
{
    return watch_op(guard, EPOLL_CTL_ADD, fd, events, kind, slot);
}

int
rewatch(struct guard *guard, int fd, uint32_t events, enum event_kind kind,
        uint32_t slot)
{
    return watch_op(guard, EPOLL_CTL_MOD, fd, events, kind, slot);
}
