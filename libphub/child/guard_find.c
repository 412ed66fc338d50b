/* SPDX-License-Identifier: MIT */
/* guard_find: reach the guard of a state directory, or start one.
 *
 * A guard is started with posix_spawn: the daemon holds a ZeroMQ context and
 * must not fork.  Its socket is reached by way of /proc/self/fd, so that the
 * length of the state directory's name does not matter. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <phub/error.h>

#include "child/guard_client.h"
#include "child/guard_find.h"

#define GUARD_FD 3 /* of a new guard: its end of the first connection */

extern char **environ;

/* Connect to a guard that lives; ENOENT or ECONNREFUSED if there is none. */
static int
connect_to(const char *state_dir, int *out)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int dir, fd, error = 0;

    dir = open(state_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0)
        return errno;
    snprintf(at.sun_path, sizeof at.sun_path, "/proc/self/fd/%d/%s", dir,
             PHUB__GUARD_SOCKET);
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        error = errno;
    close(dir);
    if (error != 0 && fd >= 0)
        close(fd);
    else if (error == 0)
        *out = fd;
    return error;
}

static int
spawn_program(const char *const *argv, int fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, all;
    int error;

    sigemptyset(&none);
    sigfillset(&all);
    error = posix_spawn_file_actions_init(&actions);
    if (error != 0)
        return error;
    error = posix_spawnattr_init(&attr);
    if (error != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &all);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK
                             | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
    error = posix_spawn_file_actions_adddup2(&actions, fd, GUARD_FD);
    if (error == 0)
        error = posix_spawn_file_actions_addclosefrom_np(&actions,
                                                         GUARD_FD + 1);
    if (error == 0)
        error = posix_spawn(pid, argv[0], &actions, &attr,
                            (char *const *)(uintptr_t)argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return error;
}

static int
start_program(const struct phub__guard_config *config, int *out, pid_t *pid)
{
    char timeout[16];
    const char *argv[8];
    size_t argc = 0;
    int pair[2], error;

    argv[argc++] = config->program;
    argv[argc++] = "--dir";
    argv[argc++] = config->state_dir;
    if (config->cgroup != NULL) {
        argv[argc++] = "--cgroup";
        argv[argc++] = config->cgroup;
    }
    if (config->spawner_timeout_ms != 0) {
        snprintf(timeout, sizeof timeout, "%u", config->spawner_timeout_ms);
        argv[argc++] = "--spawner-timeout";
        argv[argc++] = timeout;
    }
    argv[argc] = NULL;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
                   pair) < 0)
        return errno;
    error = spawn_program(argv, pair[1], pid);
    close(pair[1]);
    if (error != 0)
        close(pair[0]);
    else
        *out = pair[0];
    return error;
}

int
phub__guard_find(const struct phub__guard_config *config,
                 struct phub__guard_found *found, char *text, size_t text_max)
{
    int size = 2 * (int)PHUB__GUARD_MESSAGE_MAX;
    int error = connect_to(config->state_dir, &found->fd);

    found->alive = error == 0;
    found->started_pid = 0;
    if (error == EAGAIN) {
        snprintf(text, text_max, "the guard of \"%s\" does not answer",
                 config->state_dir);
        return PHUB_EBUSY;
    }
    if (error == ECONNREFUSED || error == ENOENT) {
        error = start_program(config, &found->fd, &found->started_pid);
        if (error != 0) {
            snprintf(text, text_max, "cannot start guard \"%s\": %s",
                     config->program, strerror(error));
            return PHUB_ESPAWN;
        }
    }
    if (error != 0) {
        snprintf(text, text_max, "cannot reach the guard in \"%s\": %s",
                 config->state_dir, strerror(error));
        return PHUB_ESYS;
    }
    (void)setsockopt(found->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return 0;
}
