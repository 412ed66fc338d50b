/* SPDX-License-Identifier: MIT */
/* exec_command: a command of a spec, for a child that cannot do it itself.
 *
 * A process of the guard, like a child, but with its own descriptors: standard
 * input is a memfd that holds the state (or /dev/null), standard output a
 * memfd that is mapped when the command has ended, standard error a pipe of
 * which the last line is kept for people.  The output is bounded by
 * RLIMIT_FSIZE, and by its size at the end.  A command that takes too long is
 * killed, and answered when it is gone. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/exec_private.h"

#define COMMAND_FDS 8u
#define ERR_TURN_MAX 4096u
#define ERR_DRAIN_MAX 64
#define KILL_RETRY_MS 100u
#define NS_PER_MS 1000000u

struct phub__exec_command {
    struct phub__exec_command *next;
    struct phub__exec *exec;
    uint64_t guard_handle;
    struct phub__exec_log *log; /* of the child: its directory is in use */
    int out;       /* -1: nobody wants it */
    int err;
    struct phub__real_poll *err_poll;
    struct phub__timer *timer;
    bool timed_out;
    void (*done)(void *arg, const struct phub__command_result *result);
    void *arg;
    uint32_t line_size;
    char line[PHUB__EXEC_COMMAND_TEXT_MAX + 1]; /* being read */
    char text[PHUB__EXEC_COMMAND_TEXT_MAX + 1]; /* the last whole one */
};

int phub__exec_status(int wait_status)
{
    if (WIFSIGNALED(wait_status))
        return -WTERMSIG(wait_status);
    return WEXITSTATUS(wait_status);
}

/* --- standard error ------------------------------------------------------ */

static void line_end(struct phub__exec_command *command)
{
    if (command->line_size > 0) {
        command->line[command->line_size] = '\0';
        memcpy(command->text, command->line, command->line_size + 1);
    }
    command->line_size = 0;
}

/* False at the end, or if there is nothing (now). */
static bool err_read(struct phub__exec_command *command, bool *ended)
{
    char data[ERR_TURN_MAX];
    ssize_t got = read(command->err, data, sizeof data);

    *ended = got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR);
    for (ssize_t i = 0; i < got; i++) {
        if (data[i] == '\n')
            line_end(command);
        else if (command->line_size < PHUB__EXEC_COMMAND_TEXT_MAX)
            command->line[command->line_size++] =
                data[i] < ' ' && data[i] >= 0 ? ' ' : data[i];
    }
    return got > 0;
}

static void on_err(struct phub__real_poll *poll, int events)
{
    struct phub__exec_command *command = poll->owner;
    bool ended;

    (void)events;
    err_read(command, &ended);
    if (ended)
        phub__real_poll_free(&command->err_poll);
}

/* --- the result ---------------------------------------------------------- */

struct mapping {
    void *data;
    size_t size;
};

static void unmap(void *arg)
{
    struct mapping *mapping = arg;

    munmap(mapping->data, mapping->size);
    phub__free(mapping);
}

static int copy_out(int fd, size_t size, struct phub_buf **out)
{
    struct phub_buf *buf = phub__buf_new(size);
    size_t have = 0;

    if (buf == NULL)
        return PHUB_ENOMEM;
    while (have < size) {
        ssize_t got = pread(fd, buf->data + have, size - have, (off_t)have);

        if (got <= 0)
            break;
        have += (size_t)got;
    }
    buf->size = have;
    *out = buf;
    return 0;
}

static int map_out(int fd, size_t size, struct phub_buf **out)
{
    struct mapping *mapping = phub__malloc(sizeof *mapping);

    if (mapping == NULL)
        return PHUB_ENOMEM;
    mapping->size = size;
    mapping->data = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    if (mapping->data == MAP_FAILED) {
        phub__free(mapping);
        return PHUB_ENOMEM;
    }
    *out = phub__buf_wrap(mapping->data, size, unmap, mapping);
    if (*out == NULL)
        unmap(mapping);
    return *out != NULL ? 0 : PHUB_ENOMEM;
}

/* What was written on standard output.  It is mapped only if nobody, such as
 * a process that the command left behind, can change it any more. */
static int take_out(const struct phub__exec_command *command,
                    struct phub_buf **out)
{
    struct stat status;
    size_t size;

    if (command->out < 0)
        return 0;
    if (fstat(command->out, &status) != 0)
        return PHUB_EIO;
    size = (size_t)status.st_size;
    if (size >= PHUB__EXEC_COMMAND_OUTPUT_MAX)
        return PHUB_ELIMIT;
    if (size > 0 && phub__childmsg_seal(command->out) == 0)
        return map_out(command->out, size, out);
    return copy_out(command->out, size, out);
}

static void command_unlink(struct phub__exec_command *command)
{
    struct phub__exec *exec = command->exec;
    struct phub__exec_command **at = &exec->commands;

    while (*at != command)
        at = &(*at)->next;
    *at = command->next;
    exec->command_count--;
}

static void command_free(struct phub__exec_command *command)
{
    struct phub_env *env = &command->exec->real->env;

    phub__real_poll_free(&command->err_poll);
    phub__exec_log_close(&command->log);
    env->timer_free(env, &command->timer);
    if (command->out >= 0)
        close(command->out);
    if (command->err >= 0)
        close(command->err);
    phub__free(command);
}

/* Answer and free it. */
static void command_end(struct phub__exec_command *command, int rc,
                        int status, const char *text)
{
    struct phub__command_result result = { .rc = rc, .status = status };
    bool ended = false;

    command_unlink(command);
    for (int i = 0; i < ERR_DRAIN_MAX && !ended; i++)
        if (!err_read(command, &ended))
            break;
    line_end(command);
    if (result.rc == 0)
        result.rc = take_out(command, &result.out);
    result.text = text != NULL ? text : command->text;
    command->done(command->arg, &result);
    phub__buf_unref(&result.out);
    command_free(command);
}

static struct phub__exec_command *command_of(struct phub__exec *exec,
                                             uint64_t handle)
{
    struct phub__exec_command *command = exec->commands;

    while (command != NULL && command->guard_handle != handle)
        command = command->next;
    return command;
}

bool phub__exec_command_started(struct phub__exec *exec, uint64_t handle)
{
    return command_of(exec, handle) != NULL;
}

bool phub__exec_command_failed(struct phub__exec *exec, uint64_t handle,
                               const char *text)
{
    struct phub__exec_command *command = command_of(exec, handle);

    if (command == NULL)
        return false;
    command_end(command, PHUB_ESPAWN, 0, text);
    return true;
}

bool phub__exec_command_exited(struct phub__exec *exec, uint64_t handle,
                               int wait_status)
{
    struct phub__exec_command *command = command_of(exec, handle);
    int status = phub__exec_status(wait_status);

    if (command == NULL)
        return false;
    if (command->timed_out)
        command_end(command, PHUB_ETIMEDOUT, status,
                    "the command took too long");
    else if (status == -SIGXFSZ)
        command_end(command, PHUB_ELIMIT, status,
                    "the command's output is too large");
    else
        command_end(command, status == 0 ? 0 : PHUB_EFAILED, status, NULL);
    return true;
}

void phub__exec_commands_end(struct phub__exec *exec, int rc, const char *text)
{
    while (exec->commands != NULL) {
        struct phub__exec_command *command = exec->commands;

        if (rc != 0) {
            command_end(command, rc, 0, text);
            continue;
        }
        command_unlink(command);
        command_free(command);
    }
}

/* --- beginning ----------------------------------------------------------- */

static void on_timeout(void *arg)
{
    struct phub__exec_command *command = arg;
    struct phub__exec *exec = command->exec;
    struct phub_env *env = &exec->real->env;

    command->timed_out = true;
    if (exec->guard != NULL &&
        phub__guard_signal(exec->guard, command->guard_handle, SIGKILL) == 0)
        phub__exec_guard_watch(exec);
    else
        env->timer_start(env, command->timer,
                         env->now_ns(env) + KILL_RETRY_MS * NS_PER_MS);
}

static int open_input(const struct phub_buf *input, int *fd)
{
    struct phub_bytes bytes = phub__buf_bytes(input);
    size_t done = 0;

    if (input == NULL) {
        *fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
        return *fd >= 0 ? 0 : PHUB_ESYS;
    }
    *fd = memfd_create("phub-input", MFD_CLOEXEC);
    if (*fd < 0)
        return PHUB_ESYS;
    while (done < bytes.size) {
        ssize_t put = write(*fd, bytes.data + done, bytes.size - done);

        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return PHUB_ESYS;
        done += (size_t)put;
    }
    return lseek(*fd, 0, SEEK_SET) == 0 ? 0 : PHUB_ESYS;
}

static int open_output(struct phub__exec_command *command, int quiet,
                       int *fd)
{
    if (quiet) {
        *fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
        return *fd >= 0 ? 0 : PHUB_ESYS;
    }
    command->out = memfd_create("phub-output",
                                MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (command->out < 0)
        return PHUB_ESYS;
    *fd = fcntl(command->out, F_DUPFD_CLOEXEC, 0);
    return *fd >= 0 ? 0 : PHUB_ESYS;
}

/* stdio gets the command's ends, the struct the other ones. */
static int open_stdio(struct phub__exec_command *command, int quiet,
                      const struct phub_buf *input, int *stdio)
{
    struct phub__env_real *real = command->exec->real;
    int pair[2];

    if (open_input(input, &stdio[0]) != 0)
        return PHUB_ESYS;
    if (open_output(command, quiet, &stdio[1]) != 0 ||
        pipe2(pair, O_CLOEXEC) != 0)
        return PHUB_ESYS;
    command->err = pair[0];
    stdio[2] = pair[1];
    if (fcntl(command->err, F_SETFL, O_NONBLOCK) != 0)
        return PHUB_ESYS;
    command->err_poll = phub__real_poll_new(real, command->err, UV_READABLE,
                                            command, on_err);
    return command->err_poll != NULL ? 0 : PHUB_ENOMEM;
}

static int command_spawn(struct phub__exec_command *command,
                         const struct phub__runner_start *start,
                         const struct phub__list *argv, const int *stdio)
{
    struct phub__exec *exec = command->exec;
    struct phub__exec_env env;
    struct phub__guard_spawn spawn = {
        .id = start->id, .node_name = start->node_name,
        .epoch = start->epoch, .argv = argv->items, .argc = argv->count,
        .env = start->spec->env.items, .envc = start->spec->env.count,
        .standby = start->standby != 0,
        .state_expected = start->state_expected != 0,
        .passive = start->passive != 0,
        .file_max = start->quiet ? 0 : PHUB__EXEC_COMMAND_OUTPUT_MAX,
        .stdio = stdio,
    };
    int rc = phub__exec_env_init(&env, exec, start,
                                 phub__exec_find(exec, start->handle));

    if (rc != 0)
        return rc;
    spawn.hub_env = env.items;
    spawn.hub_envc = env.count;
    spawn.cwd = env.cwd;
    rc = phub__guard_spawn(exec->guard, &spawn, &command->guard_handle);
    phub__exec_env_fini(&env);
    phub__exec_guard_watch(exec);
    return rc;
}

int phub__exec_command(struct phub__runner *runner,
                       const struct phub__runner_start *start,
                       const struct phub__list *argv, struct phub_buf *input,
                       uint32_t timeout_ms,
                       void (*done)(void *arg,
                                    const struct phub__command_result *r),
                       void *arg)
{
    struct phub__exec *exec = (struct phub__exec *)(void *)runner;
    struct phub_env *env = &exec->real->env;
    struct phub__exec_command *command;
    int stdio[3] = { -1, -1, -1 };
    int rc = PHUB_ENOMEM;

    if (argv->count == 0)
        return PHUB_EINVAL;
    if (exec->guard == NULL ||
        exec->command_count >= PHUB__EXEC_COMMANDS_MAX ||
        !phub__env_real_fds_spare(env, COMMAND_FDS))
        return PHUB_EBUSY;
    command = phub__calloc(1, sizeof *command);
    if (command == NULL)
        return PHUB_ENOMEM;
    command->exec = exec;
    command->out = -1;
    command->err = -1;
    command->done = done;
    command->arg = arg;
    command->timer = env->timer_new(env, on_timeout, command);
    command->log = phub__exec_log_open(exec, start->id);
    if (command->timer != NULL && command->log != NULL)
        rc = open_stdio(command, start->quiet, input, stdio);
    if (rc == 0)
        rc = command_spawn(command, start, argv, stdio);
    if (rc != 0) {
        for (int i = 0; i < 3; i++)
            if (stdio[i] >= 0)
                close(stdio[i]);
        command_free(command);
        return rc;
    }
    if (timeout_ms > 0)
        env->timer_start(env, command->timer, env->now_ns(env) +
                         (uint64_t)timeout_ms * NS_PER_MS);
    command->next = exec->commands;
    exec->commands = command;
    exec->command_count++;
    return 0;
}
