/* SPDX-License-Identifier: MIT */
/* end: a second thread, which ends the children in time if the first hangs.
 *
 * The first one writes guard.children, and a write to a dying disk or a network
 * file system that is gone may take for ever.  The lease runs on: others begin
 * the children elsewhere when it is over.  So what ends them must not wait for
 * any file.  This thread does nothing but that: it reads a timer, and if the
 * first one has not ended them END_LATE_NS after the deadline it kills.
 *
 * It knows pids, and a pid is its child's until the first thread has reaped it;
 * so it kills, and that one reaps, under one mutex, which nobody holds while
 * anything waits.  A process that has not been told to go on has the deadline
 * with it, and looks at it before its exec. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

#define END_LATE_NS 20000000u
#define END_STACK 65536u

static struct {
    pthread_mutex_t mutex;
    int timer;
    uint64_t deadline_ns;   /* 0: none, or it has been seen to */
    pid_t *pids;            /* by slot; 0: none */
    uint32_t size;
} end = { .mutex = PTHREAD_MUTEX_INITIALIZER, .timer = -1 };

static void
end_all(struct guard *guard)
{
    for (uint32_t i = 1; i <= end.size; i++)
        if (end.pids[i] > 0) {
            kill(-end.pids[i], SIGKILL);
            kill(end.pids[i], SIGKILL);
        }
    cgroup_kill_all(guard);
}

static void *
watch_deadline(void *arg)
{
    struct guard *guard = arg;
    uint64_t ticks;

    for (;;) {
        if (read(end.timer, &ticks, sizeof ticks) < 0 && errno != EINTR
            && errno != ECANCELED)
            return NULL;
        pthread_mutex_lock(&end.mutex);
        if (end.deadline_ns != 0
            && now_boot_ns() >= end.deadline_ns + END_LATE_NS) {
            end_all(guard);
            end.deadline_ns = 0;
        }
        pthread_mutex_unlock(&end.mutex);
    }
}

int
end_start(struct guard *guard)
{
    pthread_attr_t attributes;
    pthread_t thread;
    int error;

    end.size = guard->table.size;
    end.pids = calloc((size_t)end.size + 1, sizeof *end.pids);
    end.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC);
    if (end.pids == NULL || end.timer < 0)
        return end.pids == NULL ? ENOMEM : errno;
    error = pthread_attr_init(&attributes);
    if (error != 0)
        return error;
    (void)pthread_attr_setstacksize(&attributes, END_STACK);
    (void)pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    error = pthread_create(&thread, &attributes, watch_deadline, guard);
    pthread_attr_destroy(&attributes);
    return error;
}

/* 0: what runs has been ended, or nothing runs any more. */
void
end_at(uint64_t deadline_ns)
{
    struct itimerspec at = { 0 };

    pthread_mutex_lock(&end.mutex);
    end.deadline_ns = deadline_ns;
    pthread_mutex_unlock(&end.mutex);
    if (deadline_ns == 0)
        return;
    deadline_ns += END_LATE_NS;
    at.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
    at.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
    timerfd_settime(end.timer, TFD_TIMER_ABSTIME, &at, NULL);
}

void
end_knows(uint32_t number, pid_t pid)
{
    pthread_mutex_lock(&end.mutex);
    end.pids[number] = pid;
    pthread_mutex_unlock(&end.mutex);
}

pid_t
end_reap(uint32_t number, pid_t pid, int *status)
{
    pthread_mutex_lock(&end.mutex);
    pid = waitpid(pid, status, 0);
    if (number != 0)
        end.pids[number] = 0;
    pthread_mutex_unlock(&end.mutex);
    return pid;
}
