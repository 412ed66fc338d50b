/* SPDX-License-Identifier: MIT */
/* exec: the runner of OS processes, on the guard.
 *
 * The guard knows children by its own handles, the supervisor by its own;
 * struct phub__exec_child is where both meet.  What a later daemon must know
 * to adopt a child goes with it through the guard as a note: the incarnation,
 * the signal that stops it, whether it says READY.
 *
 * A guard that is gone took its children with it: each is reported as ended,
 * and another guard is opened, with growing patience, also if there was none
 * when the hub began.  Should the old one be there after all, what it holds is
 * ended, for it was reported so. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/exec_private.h"

#define NOTE_VERSION 1u
#define NOTE_SIZE 20u
#define NS_PER_MS 1000000u
#define ERROR_MAX 512u
#define ADOPTED_FDS 2u

/* --- the table ----------------------------------------------------------- */

struct phub__exec_child *phub__exec_find(struct phub__exec *exec,
                                         uint64_t handle)
{
    struct phub__exec_child *child =
        exec->by_handle[handle % PHUB__EXEC_BUCKETS];

    while (child != NULL && child->handle != handle)
        child = child->next_handle;
    return child;
}

static struct phub__exec_child *find_guard(struct phub__exec *exec,
                                           uint64_t handle)
{
    struct phub__exec_child *child =
        exec->by_guard[handle % PHUB__EXEC_BUCKETS];

    while (child != NULL && child->guard_handle != handle)
        child = child->next_guard;
    return child;
}

static void table_add(struct phub__exec_child *child)
{
    struct phub__exec *exec = child->exec;
    size_t at = child->handle % PHUB__EXEC_BUCKETS;

    child->next_handle = exec->by_handle[at];
    exec->by_handle[at] = child;
    at = child->guard_handle % PHUB__EXEC_BUCKETS;
    child->next_guard = exec->by_guard[at];
    exec->by_guard[at] = child;
    exec->child_count++;
}

static void table_remove(struct phub__exec_child *child)
{
    struct phub__exec *exec = child->exec;
    struct phub__exec_child **at =
        &exec->by_handle[child->handle % PHUB__EXEC_BUCKETS];

    while (*at != child)
        at = &(*at)->next_handle;
    *at = child->next_handle;
    at = &exec->by_guard[child->guard_handle % PHUB__EXEC_BUCKETS];
    while (*at != child)
        at = &(*at)->next_guard;
    *at = child->next_guard;
    exec->child_count--;
}

/* Any child, or NULL; at is where to look on, 0 at first. */
static struct phub__exec_child *table_any(struct phub__exec *exec,
                                          uint32_t *at)
{
    while (*at < PHUB__EXEC_BUCKETS && exec->by_handle[*at] == NULL)
        (*at)++;
    return *at < PHUB__EXEC_BUCKETS ? exec->by_handle[*at] : NULL;
}

/* --- the note ------------------------------------------------------------ */

static void put_u64(uint8_t *to, uint64_t value)
{
    for (int i = 0; i < 8; i++)
        to[i] = (uint8_t)(value >> (56 - 8 * i));
}

static uint64_t get_u64(const uint8_t *from)
{
    uint64_t value = 0;

    for (int i = 0; i < 8; i++)
        value = value << 8 | from[i];
    return value;
}

static void note_put(uint8_t *note, struct phub_epoch incarnation, int signal,
                     bool says_ready, bool awaits)
{
    note[0] = NOTE_VERSION;
    note[1] = (uint8_t)signal;
    note[2] = says_ready;
    note[3] = awaits;
    put_u64(note + 4, incarnation.number);
    put_u64(note + 12, incarnation.node);
}

static bool note_get(struct phub_bytes note, struct phub_epoch *incarnation,
                     int *signal, bool *says_ready, int *awaits)
{
    if (note.size < NOTE_SIZE || note.data[0] != NOTE_VERSION)
        return false;
    *signal = note.data[1];
    *says_ready = note.data[2] != 0;
    *awaits = note.data[3] != 0;
    incarnation->number = get_u64(note.data + 4);
    incarnation->node = get_u64(note.data + 12);
    return true;
}

/* --- from the guard ------------------------------------------------------ */

static void close_both(const struct phub__guard_child *child)
{
    if (child->channel >= 0)
        close(child->channel);
    if (child->output >= 0)
        close(child->output);
}

static void on_attached(void *arg, uint64_t guard_id, uint64_t deadline_ns,
                        bool found)
{
    struct phub__exec *exec = arg;

    (void)deadline_ns;
    (void)found;
    exec->retry_ms = PHUB__EXEC_RETRY_MS;
    if (exec->was_attached) {
        exec->events->holder(exec->arg, guard_id);
        return;
    }
    exec->was_attached = true;
    if (exec->unheard > 0)
        phub__real_logf(exec->real, PHUB__LOG_ERROR,
                        "%u children go on without a channel and with nobody"
                        " to read their output: there are too few descriptors"
                        " (RLIMIT_NOFILE)", exec->unheard);
    if (phub__exec_left_start(exec) != 0)
        phub__real_logf(exec->real, PHUB__LOG_ERROR,
                        "what children leave is not removed: out of memory");
    exec->attached(exec->arg, guard_id);
}

/* Its descriptors, if the daemon has enough for the rest of its work then: it
 * must still write its rows and be asked.  A child without them goes on, and
 * the guard says when it ends. */
static bool take_both(struct phub__exec *exec,
                      const struct phub__guard_child *found)
{
    if (found->channel >= 0 &&
        phub__env_real_fds_spare(&exec->real->env, ADOPTED_FDS))
        return true;
    close_both(found);
    exec->unheard++;
    return false;
}

static void on_adopted(void *arg, const struct phub__guard_child *found)
{
    struct phub__exec *exec = arg;
    struct phub__runner_adopted adopted = { .id = found->id,
                                            .epoch = found->epoch,
                                            .pid = found->pid };
    struct phub__exec_child *child = NULL;
    bool says_ready = false;
    int signal = 0;

    if (!exec->was_attached && note_get(found->note, &adopted.incarnation,
                                        &signal, &says_ready,
                                        &adopted.awaits)) {
        do
            adopted.handle = ++exec->adopted_last;
        while (phub__exec_find(exec, adopted.handle) != NULL);
        child = phub__exec_child_new(exec, adopted.handle, found->id);
    }
    if (child == NULL) {
        close_both(found);
        phub__guard_signal(exec->guard, found->handle, SIGKILL);
        return;
    }
    child->guard_handle = found->handle;
    child->pid = found->pid;
    child->stop_signal = signal;
    child->state_expected = adopted.awaits; /* it says if it has come */
    table_add(child);
    if (take_both(exec, found)) {
        phub__exec_child_open(child, found->channel, found->output);
        adopted.ready = !says_ready;
    } else { /* it cannot be asked; only a standby must not be taken for more */
        adopted.ready = !says_ready || !adopted.awaits;
    }
    exec->events->adopted(exec->arg, &adopted);
    child = phub__exec_find(exec, adopted.handle);
    if (child != NULL)
        phub__exec_child_identify(child);
}

static void on_started(void *arg, const struct phub__guard_child *started)
{
    struct phub__exec *exec = arg;
    struct phub__exec_child *child;

    if (phub__exec_command_started(exec, started->handle)) {
        close_both(started);
        return;
    }
    child = find_guard(exec, started->handle);
    if (child == NULL) {
        close_both(started);
        return;
    }
    child->pid = started->pid;
    phub__exec_child_open(child, started->channel, started->output);
    exec->events->started(exec->arg, child->handle, started->pid);
}

/* Who is to blame: the program, the machine, or the clock. */
static int failure_of(int sys_errno)
{
    switch (sys_errno) {
    case ETIME: /* the lease ended on the way, or had not yet come there */
        return PHUB_EAGAIN;
    case EAGAIN:
    case ENOMEM:
    case EMFILE:
    case ENFILE:
    case ENOSPC: /* of the guard's list, as what follows */
    case EDQUOT:
    case EFBIG:
    case EROFS:
    case EIO:
        return PHUB_ESYS;
    default:
        return PHUB_ESPAWN;
    }
}

static void on_failed(void *arg, uint64_t handle, int sys_errno,
                      const char *text)
{
    struct phub__exec *exec = arg;
    struct phub__exec_child *child;
    uint64_t ours;

    if (phub__exec_command_failed(exec, handle, text))
        return;
    child = find_guard(exec, handle);
    if (child == NULL)
        return;
    ours = child->handle;
    table_remove(child);
    phub__exec_child_free(&child);
    exec->events->failed(exec->arg, ours, failure_of(sys_errno), text);
}

static enum phub__end_cause cause_of(enum phub__guard_cause cause)
{
    switch (cause) {
    case PHUB__GUARD_BY_ITSELF:
        return PHUB__END_SELF;
    case PHUB__GUARD_BY_SIGNAL:
    case PHUB__GUARD_BY_QUIT:
        return PHUB__END_SIGNAL;
    case PHUB__GUARD_BY_DEADLINE:
        return PHUB__END_DEADLINE;
    }
    return PHUB__END_SELF;
}

static void on_exited(void *arg, uint64_t handle, int wait_status,
                      enum phub__guard_cause cause)
{
    struct phub__exec *exec = arg;
    struct phub__exec_child *child;
    uint64_t ours;

    if (phub__exec_command_exited(exec, handle, wait_status))
        return;
    child = find_guard(exec, handle);
    if (child == NULL)
        return;
    phub__exec_child_drain(child); /* may detach us */
    child = find_guard(exec, handle);
    if (child == NULL)
        return;
    ours = child->handle;
    table_remove(child);
    phub__exec_child_free(&child);
    exec->events->exited(exec->arg, ours, phub__exec_status(wait_status),
                         cause_of(cause));
}

static void guard_drop(struct phub__exec *exec)
{
    phub__real_poll_free(&exec->guard_poll);
    phub__guard_close(&exec->guard);
}

static void retry_later(struct phub__exec *exec)
{
    struct phub_env *env = &exec->real->env;

    env->timer_start(env, exec->retry, env->now_ns(env) +
                     (uint64_t)exec->retry_ms * NS_PER_MS);
    exec->retry_ms *= 2;
    if (exec->retry_ms > PHUB__EXEC_RETRY_MAX_MS)
        exec->retry_ms = PHUB__EXEC_RETRY_MAX_MS;
}

static void on_lost(void *arg, const char *why)
{
    struct phub__exec *exec = arg;
    struct phub__exec_child *child;
    uint32_t at = 0;

    phub__real_logf(exec->real, PHUB__LOG_ERROR,
                    "lost the guard and %u children with it: %s",
                    exec->child_count, why);
    guard_drop(exec);
    retry_later(exec);
    phub__exec_commands_end(exec, PHUB_EFAILED, "the guard is gone");
    while ((child = table_any(exec, &at)) != NULL) {
        uint64_t handle = child->handle;
        bool started = child->pid != 0;

        phub__exec_child_drain(child); /* may detach us */
        child = phub__exec_find(exec, handle);
        if (child == NULL)
            continue;
        table_remove(child);
        phub__exec_child_free(&child);
        if (exec->events == NULL)
            continue;
        if (started)
            exec->events->exited(exec->arg, handle, -SIGKILL, PHUB__END_SELF);
        else
            exec->events->failed(exec->arg, handle, PHUB_ESYS,
                                 "the guard is gone");
    }
}

static const struct phub__guard_calls guard_calls = {
    .attached = on_attached,
    .adopted = on_adopted,
    .started = on_started,
    .failed = on_failed,
    .exited = on_exited,
    .lost = on_lost,
};

/* --- the guard ----------------------------------------------------------- */

void phub__exec_guard_watch(struct phub__exec *exec)
{
    if (exec->guard_poll != NULL)
        phub__real_poll_set(exec->guard_poll,
                            phub__guard_wants_write(exec->guard)
                            ? UV_READABLE | UV_WRITABLE : UV_READABLE);
}

static void on_guard(struct phub__real_poll *poll, int events)
{
    struct phub__exec *exec = poll->owner;

    if ((events & UV_WRITABLE) != 0)
        phub__guard_writable(exec->guard);
    if ((events & UV_READABLE) != 0)
        phub__guard_readable(exec->guard);
    if (poll->owner != NULL)
        phub__exec_guard_watch(exec);
}

static int guard_open(struct phub__exec *exec, char *error, size_t error_max)
{
    struct phub__env_real *real = exec->real;
    struct phub__guard_config config = {
        .state_dir = exec->dir, .program = real->guard_program,
    };
    int rc = phub__guard_open(&exec->guard, &config, &guard_calls, exec,
                              error, error_max);

    if (rc != 0)
        return rc;
    exec->guard_poll = phub__real_poll_new(real, phub__guard_fd(exec->guard),
                                           UV_READABLE, exec, on_guard);
    if (exec->guard_poll == NULL) {
        guard_drop(exec);
        return phub__real_fail(error, error_max, PHUB_ENOMEM,
                               "cannot watch the guard");
    }
    if (exec->deadline_ns > 0)
        phub__guard_deadline(exec->guard, exec->deadline_ns);
    phub__exec_guard_watch(exec);
    return 0;
}

/* If there is none and none can be started, nothing runs: the hub goes on, and
 * its starts are busy.  One that does not answer may have children: the hub
 * waits for it, or would begin them a second time. */
static void guard_try(struct phub__exec *exec)
{
    char error[ERROR_MAX] = "";
    int rc = guard_open(exec, error, sizeof error);

    if (rc == 0)
        return;
    phub__real_logf(exec->real, PHUB__LOG_ERROR, "%s, retrying in %u ms",
                    error, exec->retry_ms);
    retry_later(exec);
    if (rc != PHUB_ESPAWN || exec->was_attached)
        return;
    exec->was_attached = true;
    exec->attached(exec->arg, 0);
}

static void on_retry(void *arg)
{
    struct phub__exec *exec = arg;

    if (exec->events != NULL && exec->guard == NULL)
        guard_try(exec);
}

/* --- the runner ---------------------------------------------------------- */

static struct phub__exec *exec_of(struct phub__runner *runner)
{
    return (struct phub__exec *)(void *)runner;
}

static int open_dir(int parent, const char *name)
{
    if (mkdirat(parent, name, 0700) != 0 && errno != EEXIST)
        return -1;
    return openat(parent, name,
                  O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
}

static int open_dirs(struct phub__exec *exec, char *error, size_t error_max)
{
    char path[PATH_MAX];
    int parent = phub__real_files_dir(exec->real);

    if (exec->dir != NULL)
        return 0;
    if (realpath(exec->real->state_dir, path) != NULL)
        exec->dir = phub__strdup(path);
    exec->children_fd = open_dir(parent, "children");
    exec->logs_fd = open_dir(parent, "logs");
    if (exec->dir != NULL && exec->children_fd >= 0 && exec->logs_fd >= 0)
        return 0;
    phub__real_fail(error, error_max, PHUB_ESYS,
                    "cannot make \"children\" and \"logs\" in state directory"
                    " \"%s\": %s", exec->real->state_dir, strerror(errno));
    phub__free(exec->dir);
    exec->dir = NULL;
    return PHUB_ESYS;
}

static int exec_attach(struct phub__runner *runner,
                       const struct phub__runner_events *events,
                       void (*attached)(void *arg, uint64_t guard_id),
                       void *arg, char *error, size_t error_max)
{
    struct phub__exec *exec = exec_of(runner);
    struct phub_env *env = &exec->real->env;
    int rc;

    if (exec->events != NULL)
        return phub__real_fail(error, error_max, PHUB_EINVAL,
                               "the runner \"exec\" is in use");
    rc = open_dirs(exec, error, error_max);
    if (rc != 0)
        return rc;
    if (exec->retry == NULL)
        exec->retry = env->timer_new(env, on_retry, exec);
    if (exec->retry == NULL)
        return phub__real_fail(error, error_max, PHUB_ENOMEM,
                               "out of memory");
    exec->retry_ms = PHUB__EXEC_RETRY_MS;
    exec->was_attached = false;
    exec->unheard = 0;
    exec->events = events;
    exec->attached = attached;
    exec->arg = arg;
    guard_try(exec);
    return 0;
}

/* What runs is left to the guard, until the deadline or the next hub; a guard
 * that holds nothing goes. */
static void exec_detach(struct phub__runner *runner)
{
    struct phub__exec *exec = exec_of(runner);
    struct phub_env *env = &exec->real->env;
    struct phub__exec_child *child;
    uint32_t at = 0;

    if (exec->events == NULL)
        return;
    exec->events = NULL;
    if (exec->guard != NULL && exec->child_count == 0)
        phub__guard_quit(exec->guard);
    guard_drop(exec);
    env->timer_stop(env, exec->retry);
    phub__exec_commands_end(exec, 0, NULL);
    while ((child = table_any(exec, &at)) != NULL) {
        table_remove(child);
        phub__exec_child_free(&child);
    }
}

static int exec_spawn(struct phub__exec_child *child,
                      const struct phub__runner_start *start)
{
    struct phub__exec *exec = child->exec;
    const struct phub__spec *spec = start->spec;
    struct phub__exec_env env;
    uint8_t note[NOTE_SIZE];
    struct phub__guard_spawn spawn = {
        .id = start->id, .node_name = start->node_name,
        .epoch = start->epoch, .argv = spec->argv.items,
        .argc = spec->argv.count, .env = spec->env.items,
        .envc = spec->env.count, .note = { note, sizeof note },
        .standby = start->standby != 0,
        .state_expected = start->state_expected != 0,
        .passive = start->passive != 0,
    };
    int rc = phub__exec_env_init(&env, exec, start, NULL);

    if (rc != 0)
        return rc;
    note_put(note, start->incarnation, child->stop_signal, spec->ready != 0,
             start->standby || start->state_expected);
    spawn.hub_env = env.items;
    spawn.hub_envc = env.count;
    spawn.cwd = env.cwd;
    rc = phub__guard_spawn(exec->guard, &spawn, &child->guard_handle);
    phub__exec_env_fini(&env);
    phub__exec_guard_watch(exec);
    return rc;
}

static int exec_start(struct phub__runner *runner,
                      const struct phub__runner_start *start)
{
    struct phub__exec *exec = exec_of(runner);
    uint64_t signal = start->spec->stop_signal;
    struct phub__exec_child *child;
    int rc;

    if (start->spec->argv.count == 0 || signal > (uint64_t)SIGRTMAX ||
        start->id.size == 0 || start->id.size > PHUB_CHILD_ID_MAX ||
        phub__exec_find(exec, start->handle) != NULL)
        return PHUB_EINVAL;
    if (exec->guard == NULL ||
        !phub__env_real_fds_spare(&exec->real->env, PHUB__EXEC_FDS_PER_CHILD))
        return PHUB_EBUSY;
    child = phub__exec_child_new(exec, start->handle, start->id);
    if (child == NULL)
        return PHUB_ENOMEM;
    child->stop_signal = signal != 0 ? (int)signal : SIGTERM;
    child->state_expected = start->state_expected != 0;
    rc = exec_spawn(child, start);
    if (rc != 0)
        phub__exec_child_free(&child);
    else
        table_add(child);
    return rc;
}

static int exec_send(struct phub__runner *runner, uint64_t handle,
                     const struct phub__verb_message *message)
{
    struct phub__exec_child *child = phub__exec_find(exec_of(runner), handle);

    if (child == NULL)
        return PHUB_ENOTFOUND;
    return phub__exec_child_send(child, message);
}

static void exec_forget(struct phub__runner *runner, uint64_t handle,
                        uint64_t ref)
{
    struct phub__exec_child *child = phub__exec_find(exec_of(runner), handle);

    if (child != NULL)
        phub__exec_child_forget(child, ref);
}

static int exec_kill(struct phub__runner *runner, uint64_t handle, int hard)
{
    struct phub__exec *exec = exec_of(runner);
    struct phub__exec_child *child = phub__exec_find(exec, handle);
    int rc;

    if (child == NULL || exec->guard == NULL)
        return PHUB_ENOTFOUND;
    rc = phub__guard_signal(exec->guard, child->guard_handle,
                            hard ? SIGKILL : child->stop_signal);
    phub__exec_guard_watch(exec);
    return rc;
}

static void exec_deadline(struct phub__runner *runner, uint64_t boot_ns)
{
    struct phub__exec *exec = exec_of(runner);

    if (boot_ns > exec->deadline_ns)
        exec->deadline_ns = boot_ns;
    if (exec->guard == NULL)
        return;
    phub__guard_deadline(exec->guard, exec->deadline_ns);
    phub__exec_guard_watch(exec);
}

/* --- life ---------------------------------------------------------------- */

struct phub__runner *phub__exec_new(struct phub__env_real *real)
{
    struct phub__exec *exec = phub__calloc(1, sizeof *exec);

    if (exec == NULL)
        return NULL;
    exec->real = real;
    exec->children_fd = -1;
    exec->logs_fd = -1;
    exec->runner = (struct phub__runner){
        .name = "exec",
        .attach = exec_attach,
        .detach = exec_detach,
        .start = exec_start,
        .send = exec_send,
        .forget = exec_forget,
        .kill = exec_kill,
        .command = phub__exec_command,
        .deadline = exec_deadline,
        .survives = 1,
    };
    return &exec->runner;
}

void phub__exec_stop(struct phub__runner *runner)
{
    struct phub__exec *exec = exec_of(runner);
    struct phub_env *env = &exec->real->env;

    exec_detach(runner);
    phub__exec_left_stop(exec);
    env->timer_free(env, &exec->retry);
}

void phub__exec_free(struct phub__runner **runner)
{
    struct phub__exec *exec;

    if (*runner == NULL)
        return;
    exec = exec_of(*runner);
    *runner = NULL;
    phub__exec_logs_fini(exec);
    phub__exec_left_free(exec);
    if (exec->children_fd >= 0)
        close(exec->children_fd);
    if (exec->logs_fd >= 0)
        close(exec->logs_fd);
    phub__free(exec->dir);
    phub__free(exec);
}

int64_t phub__exec_guard_pid(struct phub_env *env)
{
    struct phub__env_real *real = phub__real_of(env);

    if (real->exec == NULL || exec_of(real->exec)->guard == NULL)
        return 0;
    return phub__guard_pid(exec_of(real->exec)->guard);
}
