/* SPDX-License-Identifier: MIT */
/* list: guard.children, and the end of what an earlier guard left behind.
 *
 * The file's first line is "phub-guard 1 BOOT GUARD PID": the kernel's boot
 * id, the guard id in hex, the guard's pid.  Each other line is "PID START" of
 * a process that was about to run a child, START being its start time in clock
 * ticks since boot.  Lines are appended before the child runs and never taken
 * out: one that no longer fits names nobody.  A guard that starts kills what
 * still fits, then begins the file anew.
 *
 * No foreign process is signalled: within one boot a pid with its start time
 * names one process for ever, and the signal goes through a pidfd that was
 * opened before the start time was compared.  Processes that a child left in
 * its group or session when it died have another pid; of those, only such as
 * carry PHUB_GUARD with the earlier guard's id in their environment are
 * taken. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "guard.h"

#define LIST_NEW PHUB__GUARD_CHILDREN ".new"
/* Rewrite the file when it has more lines than this and 4 per child. */
#define LIST_LINES_MIN 1024u

struct old_guard {
    char boot[40];
    char name[64]; /* "PHUB_GUARD=..." */
    pid_t pid;
    pid_t *groups; /* owns; pids of its children */
    size_t count;
};

static int
pidfd_open_(pid_t pid)
{
    return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int
pidfd_kill(int fd)
{
    return (int)syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0);
}

/* Kill through fd and wait for the end, for a bounded time: a process that
 * hangs in the kernel will not run the program again. */
static void
kill_and_wait(int fd)
{
    struct pollfd end = { .fd = fd, .events = POLLIN };

    if (pidfd_kill(fd) == 0)
        (void)poll(&end, 1, GUARD_LEFTOVER_WAIT_MS);
}

/* Kill the process of that pid and start time, with its group. */
static void
kill_leftover(pid_t pid, uint64_t start)
{
    int fd = pidfd_open_(pid);
    uint64_t ticks = 0;

    if (fd < 0)
        return;
    if (process_start_ticks(pid, &ticks, NULL, NULL) && ticks == start) {
        kill(-pid, SIGKILL);
        kill_and_wait(fd);
    }
    close(fd);
}

static bool
environment_has(pid_t pid, const char *entry)
{
    char path[64], *line = NULL;
    size_t capacity = 0;
    bool found = false;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
    file = fopen(path, "re");
    if (file == NULL)
        return false;
    while (!found && getdelim(&line, &capacity, 0, file) > 0)
        found = strcmp(line, entry) == 0;
    free(line);
    fclose(file);
    return found;
}

static bool
in_groups(const struct old_guard *old, pid_t group)
{
    for (size_t i = 0; i < old->count; i++)
        if (old->groups[i] == group)
            return true;
    return false;
}

/* Kill what the earlier guard's children left in their groups. */
static void
kill_orphans(const struct old_guard *old)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;

    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);
        pid_t group = 0, session = 0;
        uint64_t ticks;
        int fd;

        if (pid <= 1 || !process_start_ticks(pid, &ticks, &group, &session)
            || (session != old->pid && !in_groups(old, group)))
            continue;
        fd = pidfd_open_(pid);
        if (fd >= 0 && environment_has(pid, old->name))
            kill_and_wait(fd);
        if (fd >= 0)
            close(fd);
    }
    if (proc != NULL)
        closedir(proc);
}

/* Read the earlier guard's file and end what it names. */
static void
kill_leftovers(struct guard *guard, FILE *file)
{
    struct old_guard old = { 0 };
    char line[160], id[24];
    long guard_pid;
    size_t capacity = 0;

    if (fgets(line, sizeof line, file) == NULL
        || sscanf(line, "phub-guard 1 %39s %16s %ld", old.boot, id,
                  &guard_pid) != 3
        || strcmp(old.boot, guard->boot_id) != 0)
        return;
    old.pid = (pid_t)guard_pid;
    snprintf(old.name, sizeof old.name, "PHUB_GUARD=%s", id);
    while (fgets(line, sizeof line, file) != NULL) {
        unsigned long long start;
        long pid;

        if (sscanf(line, "%ld %llu", &pid, &start) != 2 || pid <= 1)
            continue;
        if (old.count == capacity) {
            pid_t *more = realloc(old.groups, (capacity + 256) * sizeof *more);

            if (more != NULL) {
                old.groups = more;
                capacity += 256;
            }
        }
        if (old.count < capacity)
            old.groups[old.count++] = (pid_t)pid;
        kill_leftover((pid_t)pid, start);
    }
    kill_orphans(&old);
    free(old.groups);
}

/* Write a new file with the living children and make it the file. */
static int
list_rewrite(struct guard *guard)
{
    const struct table *table = &guard->table;
    int fd = openat(guard->dir_fd, LIST_NEW,
                    O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    int error = 0;

    if (fd < 0)
        return errno;
    if (dprintf(fd, "phub-guard 1 %s %016llx %ld\n", guard->boot_id,
                (unsigned long long)guard->id, (long)guard->pid) < 0)
        error = errno;
    guard->list_lines = 1;
    for (uint32_t i = 1; i <= table->used && error == 0; i++) {
        const struct slot *slot = &table->slots[i];

        if (slot->state != SLOT_EXECING && slot->state != SLOT_RUNNING)
            continue;
        if (dprintf(fd, "%ld %llu\n", (long)slot->pid,
                    (unsigned long long)slot->start_ticks) < 0)
            error = errno;
        guard->list_lines++;
    }
    if (error == 0 && renameat(guard->dir_fd, LIST_NEW, guard->dir_fd,
                               PHUB__GUARD_CHILDREN) < 0)
        error = errno;
    if (error != 0) {
        close(fd);
        return error;
    }
    close_fd(&guard->list_fd);
    guard->list_fd = fd;
    return 0;
}

/* Note a process that is about to run a child; errno if that failed. */
int
list_append(struct guard *guard, pid_t pid, uint64_t start_ticks)
{
    char line[64];
    int size;
    ssize_t written;
    off_t at;

    if (guard->list_lines > LIST_LINES_MIN
        && guard->list_lines / 4 > guard->table.alive) {
        int error = list_rewrite(guard);

        if (error != 0)
            return error;
    }
    size = snprintf(line, sizeof line, "%ld %llu\n", (long)pid,
                    (unsigned long long)start_ticks);
    written = write(guard->list_fd, line, (size_t)size);
    if (written == size) {
        guard->list_lines++;
        return 0;
    }
    if (written < 0)
        return errno;
    /* Half a line would be one with what comes next, and name neither. */
    at = lseek(guard->list_fd, 0, SEEK_END) - written;
    if (at < 0 || ftruncate(guard->list_fd, at) < 0
        || lseek(guard->list_fd, at, SEEK_SET) < 0)
        return errno;
    return ENOSPC;
}

/* Take the state directory for this guard, end what an earlier one left, and
 * begin the file.  Errors: an errno, with text. */
int
list_open(struct guard *guard, char *error, size_t error_max)
{
    struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
    FILE *file;
    int fd, code;

    fd = openat(guard->dir_fd, PHUB__GUARD_LOCK,
                O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0) {
        code = errno;
        snprintf(error, error_max, "cannot open \"%s/%s\": %s", guard->dir,
                 PHUB__GUARD_LOCK, strerror(code));
        return code;
    }
    /* Kept open for the guard's life.  Not shared with what it forks. */
    if (fcntl(fd, F_SETLK, &lock) < 0) {
        code = errno;
        fcntl(fd, F_GETLK, &lock);
        snprintf(error, error_max, "another guard (pid %ld) holds \"%s\"",
                 (long)lock.l_pid, guard->dir);
        close(fd);
        return code;
    }
    fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, guard->boot_id, 36) != 36)
        snprintf(guard->boot_id, sizeof guard->boot_id, "unknown");
    close_fd(&fd);
    fd = openat(guard->dir_fd, PHUB__GUARD_CHILDREN, O_RDONLY | O_CLOEXEC);
    if (fd >= 0 && (file = fdopen(fd, "r")) != NULL) {
        kill_leftovers(guard, file);
        fclose(file);
    }
    code = list_rewrite(guard);
    if (code != 0)
        snprintf(error, error_max, "cannot write \"%s/%s\": %s", guard->dir,
                 PHUB__GUARD_CHILDREN, strerror(code));
    return code;
}
