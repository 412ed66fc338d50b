/* SPDX-License-Identifier: MIT */
/* exec_left: what children have left behind, in a bounded number.
 *
 * A child that is not here any more has left its log and its directory.  A hub
 * whose children have other names each time would fill its disk with them, so
 * of those that are not here the newest stay, logs_kept of them.  Of the others
 * the log goes, and the directory if it is empty: what is in there is not ours.
 *
 * One look is:
 *   scan    a worker reads both directories;
 *   choose  the hub's thread, which knows who is here, leaves out those, who
 *           was here a moment ago and may wait to be begun again, and the
 *           newest of the rest;
 *   remove  a worker does, BATCH at a time, the oldest first.  A child of such a
 *           name that is to begin meanwhile is refused as busy (removes), so
 *           nothing that is made or written after its begin is removed.
 *
 * The time of a log is that of its child's end (exec_log.c). */
#include "config.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/exec_private.h"

#define BATCH 16u
#define EACH_NS (600 * UINT64_C(1000000000)) /* to look again */
#define YOUNG_NS (600 * INT64_C(1000000000)) /* may be begun again */

struct trace {
    char *name;
    int64_t ns;                /* of the newest of its files */
};

struct phub__exec_left {
    struct phub__exec *exec;
    struct phub__timer *timer;
    bool busy;                 /* as what follows; with a worker, or between */
    int64_t young_ns;          /* ended since: wall clock */
    struct trace *traces;
    uint32_t count, room;
    char *batch[BATCH];        /* names: being removed */
    uint32_t batch_count;
};

static void traces_free(struct phub__exec_left *left)
{
    while (left->count > 0)
        phub__free(left->traces[--left->count].name);
}

/* --- on the worker ------------------------------------------------------- */

static int add(struct phub__exec_left *left, const char *name, size_t size,
               int64_t ns)
{
    uint32_t room = left->room == 0 ? 256 : left->room * 2;
    struct trace *traces = left->traces;

    if (left->count == left->room) {
        traces = phub__realloc(left->traces, room * sizeof *traces);
        if (traces == NULL)
            return PHUB_ENOMEM;
        left->traces = traces;
        left->room = room;
    }
    traces[left->count].name = phub__malloc(size + 1);
    if (traces[left->count].name == NULL)
        return PHUB_ENOMEM;
    memcpy(traces[left->count].name, name, size);
    traces[left->count].name[size] = '\0';
    traces[left->count++].ns = ns;
    return 0;
}

/* The size of the child's name in that of a file; 0: it is none of ours. */
static size_t name_size(const char *file, const char *const *suffixes)
{
    size_t size = strlen(file), end;

    for (; *suffixes != NULL; suffixes++) {
        end = strlen(*suffixes);
        if (size > end && strcmp(file + size - end, *suffixes) == 0)
            return size - end;
    }
    return 0;
}

/* What cannot be read is not there. */
static int scan(struct phub__exec_left *left, int parent,
                const char *const *suffixes)
{
    int fd = openat(parent, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;
    int rc = 0;

    if (dir == NULL && fd >= 0)
        close(fd);
    while (dir != NULL && rc == 0 && (entry = readdir(dir)) != NULL) {
        size_t size = name_size(entry->d_name, suffixes);
        struct stat status;

        if (size != 0 && size <= PHUB__EXEC_NAME_MAX &&
            entry->d_name[0] != '.' &&
            fstatat(parent, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0)
            rc = add(left, entry->d_name, size,
                     status.st_mtim.tv_sec * INT64_C(1000000000) +
                     status.st_mtim.tv_nsec);
    }
    if (dir != NULL)
        closedir(dir);
    return rc;
}

static int by_name(const void *a_, const void *b_)
{
    const struct trace *a = a_, *b = b_;

    return strcmp(a->name, b->name);
}

static int newest_first(const void *a_, const void *b_)
{
    const struct trace *a = a_, *b = b_;

    return a->ns != b->ns ? a->ns < b->ns ? 1 : -1 : strcmp(a->name, b->name);
}

static void sort(struct phub__exec_left *left)
{
    uint32_t kept = 0;

    if (left->count == 0)
        return;
    qsort(left->traces, left->count, sizeof left->traces[0], by_name);
    for (uint32_t i = 1; i < left->count; i++) {
        struct trace *last = &left->traces[kept];

        if (strcmp(last->name, left->traces[i].name) != 0) {
            left->traces[++kept] = left->traces[i];
            continue;
        }
        if (last->ns < left->traces[i].ns)
            last->ns = left->traces[i].ns;
        phub__free(left->traces[i].name);
    }
    left->count = kept + 1;
    qsort(left->traces, left->count, sizeof left->traces[0], newest_first);
}

static void scan_both(void *arg)
{
    static const char *const logs[] = { ".log.1", ".log", NULL };
    static const char *const directories[] = { "", NULL };
    struct phub__exec_left *left = arg;

    /* Half of them, for want of memory: more would seem to be the oldest. */
    if (scan(left, left->exec->logs_fd, logs) != 0 ||
        scan(left, left->exec->children_fd, directories) != 0)
        traces_free(left);
    sort(left);
}

static void remove_batch(void *arg)
{
    const struct phub__exec_left *left = arg;
    char file[PHUB__EXEC_NAME_MAX + 8];

    for (uint32_t i = 0; i < left->batch_count; i++) {
        snprintf(file, sizeof file, "%s.log.1", left->batch[i]);
        (void)unlinkat(left->exec->logs_fd, file, 0);
        snprintf(file, sizeof file, "%s.log", left->batch[i]);
        (void)unlinkat(left->exec->logs_fd, file, 0);
        (void)unlinkat(left->exec->children_fd, left->batch[i],
                       AT_REMOVEDIR);
    }
}

/* --- on the hub's thread ------------------------------------------------- */

static void batch_free(struct phub__exec_left *left)
{
    while (left->batch_count > 0)
        phub__free(left->batch[--left->batch_count]);
}

static void end(void *arg)
{
    struct phub__exec_left *left = arg;

    batch_free(left);
    traces_free(left);
    phub__free(left->traces);
    left->traces = NULL;
    left->room = 0;
    left->busy = false;
}

static void work(struct phub__exec_left *left, void (*fn)(void *arg),
                 void (*done)(void *arg))
{
    struct phub_env *env = &left->exec->real->env;

    if (env->work(env, fn, done, end, left) != 0)
        end(left);
}

/* What runs is known: not once the daemon has let go of it, nor before the next
 * one has adopted it. */
static bool knows(const struct phub__exec_left *left)
{
    const struct phub__exec *exec = left->exec;

    return exec->events != NULL && exec->was_attached;
}

static void on_removed(void *arg);

/* The oldest come first, but for those that are back. */
static void remove_some(struct phub__exec_left *left)
{
    while (left->count > 0 && left->batch_count < BATCH) {
        char *name = left->traces[--left->count].name;

        if (phub__exec_log_is_open(left->exec, name))
            phub__free(name);
        else
            left->batch[left->batch_count++] = name;
    }
    if (left->batch_count > 0)
        work(left, remove_batch, on_removed);
    else
        end(left);
}

static void on_removed(void *arg)
{
    struct phub__exec_left *left = arg;

    batch_free(left);
    if (knows(left))
        remove_some(left);
    else
        end(left);
}

/* Those that are here stay, and of the others the newest. */
static void choose(struct phub__exec_left *left)
{
    uint32_t kept = 0, n = 0;

    for (uint32_t i = 0; i < left->count; i++) {
        int here = phub__exec_log_is_open(left->exec, left->traces[i].name);

        if (here || kept < left->exec->real->logs_kept ||
            left->traces[i].ns > left->young_ns) {
            kept += !here;
            phub__free(left->traces[i].name);
        } else {
            left->traces[n++] = left->traces[i];
        }
    }
    left->count = n;
}

static void on_scanned(void *arg)
{
    struct phub__exec_left *left = arg;

    if (knows(left)) {
        choose(left);
        remove_some(left);
    } else {
        end(left);
    }
}

void phub__exec_left_look(struct phub__exec *exec)
{
    struct phub__exec_left *left = exec->left;
    struct phub_env *env = &exec->real->env;

    if (left->busy)
        return;
    left->young_ns = (int64_t)env->wall_ms(env) * 1000000 - YOUNG_NS;
    left->busy = true;
    work(left, scan_both, on_scanned);
}

static void arm(struct phub__exec_left *left)
{
    struct phub_env *env = &left->exec->real->env;

    env->timer_start(env, left->timer, env->now_ns(env) + EACH_NS);
}

static void on_time(void *arg)
{
    struct phub__exec_left *left = arg;

    if (knows(left))
        phub__exec_left_look(left->exec);
    arm(left);
}

int phub__exec_left_start(struct phub__exec *exec)
{
    struct phub_env *env = &exec->real->env;

    if (exec->left != NULL)
        return 0;
    exec->left = phub__calloc(1, sizeof *exec->left);
    if (exec->left == NULL)
        return PHUB_ENOMEM;
    exec->left->exec = exec;
    exec->left->timer = env->timer_new(env, on_time, exec->left);
    if (exec->left->timer == NULL) {
        phub__free(exec->left);
        exec->left = NULL;
        return PHUB_ENOMEM;
    }
    arm(exec->left);
    return 0;
}

bool phub__exec_left_removes(const struct phub__exec *exec,
                             struct phub_bytes id)
{
    const struct phub__exec_left *left = exec->left;
    char name[PHUB__EXEC_NAME_MAX + 1];

    if (left == NULL || left->batch_count == 0)
        return false;
    phub__exec_name(id, name);
    for (uint32_t i = 0; i < left->batch_count; i++)
        if (strcmp(left->batch[i], name) == 0)
            return true;
    return false;
}

void phub__exec_left_stop(struct phub__exec *exec)
{
    struct phub_env *env = &exec->real->env;

    if (exec->left != NULL)
        env->timer_free(env, &exec->left->timer);
}

void phub__exec_left_free(struct phub__exec *exec)
{
    phub__assert(exec->left == NULL || !exec->left->busy);
    phub__free(exec->left);
    exec->left = NULL;
}
