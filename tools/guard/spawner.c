/* SPDX-License-Identifier: MIT */
/* spawner: the process that makes the guard's children.
 *
 * It holds no state: it reads a SPAWN datagram with its descriptors, clones,
 * closes them, reads the next.  CLONE_PARENT makes the new process a child of
 * the guard, so that the guard waits for it and its parent-death signal means
 * the guard.  The new process reports its pid on the status socket and runs
 * on only when the guard, having noted it, answers with the deadline.  So a
 * spawner that is killed or stopped anywhere leaves nothing running: the guard
 * closes the status socket, and the new process ends.
 *
 * The new process has: 0 /dev/null, 1 and 2 the output pipe, 3 the channel
 * (PHUB_FD); or 0, 1 and 2 as given by the daemon. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "guard.h"

#define CHILD_CHANNEL_FD 3
#define CHILD_STATUS_FD 4

/* The spawner's working memory; each clone gets a copy. */
struct work {
    uint8_t datagram[PHUB__GUARD_MESSAGE_MAX];
    char strings[2 * PHUB__GUARD_MESSAGE_MAX];
    char path[PHUB__GUARD_PATH_MAX + PHUB__GUARD_MESSAGE_MAX];
    char *argv[PHUB__GUARD_ARGS_MAX + 1];
    char *env[PHUB__GUARD_ARGS_MAX + 3];
    char *cwd;
    uint64_t handle;
    uint64_t file_max;
    char guard_name[32];
    char channel_name[32];
};

static void
report(int fd, int stage, int value)
{
    struct status_report r = { stage, value };

    /* If the guard is gone there is nobody to tell. */
    (void)!send(fd, &r, sizeof r, MSG_NOSIGNAL);
}

/* Copy the strings of an array into the work memory as pointers. */
static char *
copy_args(const struct phub_bytes *array, char **out, char *at)
{
    struct phub_bytes arg;
    size_t position = 0, count = 0;

    while (count < PHUB__GUARD_ARGS_MAX
           && phub__guard_args_next(array, &position, &arg)) {
        memcpy(at, arg.data, arg.size);
        at[arg.size] = 0;
        out[count++] = at;
        at += arg.size + 1;
    }
    out[count] = NULL;
    return at;
}

static void
prepare(struct work *work, const struct phub__guard_message *m)
{
    char *at = copy_args(&m->argv, work->argv, work->strings);
    size_t count = 0;

    at = copy_args(&m->env, work->env, at);
    while (work->env[count] != NULL)
        count++;
    work->env[count++] = work->guard_name;
    if (!(m->flags & PHUB__GUARD_FLAG_STDIO))
        work->env[count++] = work->channel_name;
    work->env[count] = NULL;
    work->handle = m->handle;
    work->file_max = m->file_max;
    work->cwd = NULL;
    if (m->cwd.size > 0) {
        memcpy(at, m->cwd.data, m->cwd.size);
        at[m->cwd.size] = 0;
        work->cwd = at;
    }
}

/* Execute argv[0], looked for in the PATH of the new environment. */
static int
exec_by_path(struct work *work)
{
    const char *name = work->argv[0], *path = "/usr/local/bin:/usr/bin:/bin";
    int result = ENOENT;

    if (strchr(name, '/') != NULL) {
        execve(name, work->argv, work->env);
        return errno;
    }
    for (char **env = work->env; *env != NULL; env++)
        if (strncmp(*env, "PATH=", 5) == 0)
            path = *env + 5;
    for (;;) {
        const char *end = strchrnul(path, ':');
        int length = snprintf(work->path, sizeof work->path, "%.*s%s%s",
                              (int)(end - path), path,
                              end == path ? "./" : "/", name);

        if (length > 0 && (size_t)length < sizeof work->path) {
            execve(work->path, work->argv, work->env);
            if (errno == EACCES)
                result = EACCES;
            else if (errno != ENOENT && errno != ENOTDIR)
                return errno;
        }
        if (*end == 0)
            return result;
        path = end + 1;
    }
}

/* Move fd out of the way of the numbers that the child uses. */
static int
lift(int fd)
{
    return fcntl(fd, F_DUPFD_CLOEXEC, 16);
}

/* Give the process its descriptors, and close every other. */
static int
arrange(int *fds, size_t count, int status)
{
    int high[4];

    high[3] = lift(status);
    for (size_t i = 0; i < count; i++)
        high[i] = lift(fds[i]);
    for (size_t i = 0; i < count; i++)
        if (high[i] < 0)
            return -1;
    if (high[3] < 0 || dup3(high[3], CHILD_STATUS_FD, O_CLOEXEC) < 0)
        return -1;
    if (count == 3) {
        for (int i = 0; i < 3; i++)
            if (dup2(high[i], i) < 0)
                return -1;
        close(CHILD_CHANNEL_FD);
    } else if (dup2(high[1], 1) < 0 || dup2(high[1], 2) < 0
               || dup2(high[0], CHILD_CHANNEL_FD) < 0) {
        return -1;
    }
    /* 0 of the spawner is /dev/null already. */
    return close_range(CHILD_STATUS_FD + 1, ~0u, 0);
}

static void
enter_cgroup(const struct guard *guard, uint64_t handle)
{
    char path[CGROUP_NAME_MAX + 16], name[CGROUP_NAME_MAX];
    int fd;

    if (guard->cgroup_fd < 0)
        return;
    cgroup_name(handle, name, sizeof name);
    snprintf(path, sizeof path, "%s/cgroup.procs", name);
    fd = openat(guard->cgroup_fd, path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0)
        (void)!write(fd, "0", 1);
    close_fd(&fd);
}

/* The child's limits; false if one that must be there is not. */
static bool
limit(const struct guard *guard, uint64_t file_max)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = (rlim_t)guard->nofile_soft;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
    if (file_max == 0)
        return true;
    if (getrlimit(RLIMIT_FSIZE, &limit) < 0)
        return false;
    if (limit.rlim_max > file_max)
        limit.rlim_max = (rlim_t)file_max;
    if (limit.rlim_cur > limit.rlim_max)
        limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_FSIZE, &limit) == 0;
}

/* The life of the new process until exec; never returns. */
static void
run_child(const struct guard *guard, struct work *work, int *fds, size_t count,
          int status)
{
    struct status_go go;
    ssize_t size;

    /* Ask for the signal, then see whether it was too late to ask. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != guard->pid)
        _exit(127);
    if (setpgid(0, 0) < 0) {
        report(status, STAGE_SETUP, errno);
        _exit(127);
    }
    enter_cgroup(guard, work->handle);
    if (arrange(fds, count, status) < 0) {
        report(status, STAGE_SETUP, errno);
        _exit(127);
    }
    status = CHILD_STATUS_FD;
    prctl(PR_SET_NAME, "phub-child");
    report(status, STAGE_PID, (int)getpid());
    do
        size = recv(status, &go, sizeof go, 0);
    while (size < 0 && errno == EINTR);
    if (size != sizeof go)
        _exit(127);
    if (!limit(guard, work->file_max)) {
        report(status, STAGE_SETUP, errno);
        _exit(127);
    }
    if (work->cwd != NULL && chdir(work->cwd) < 0) {
        report(status, STAGE_CWD, errno);
        _exit(127);
    }
    if (now_boot_ns() >= go.deadline_ns) {
        report(status, STAGE_DEADLINE, ETIME);
        _exit(127);
    }
    report(status, STAGE_EXEC, exec_by_path(work));
    _exit(127);
}

/* Receive one request; count is set to the descriptors that came. */
static ssize_t
receive(int fd, struct work *work, int *fds, size_t *count)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { work->datagram, sizeof work->datagram };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *head;
    ssize_t size;

    do
        size = recvmsg(fd, &message, MSG_CMSG_CLOEXEC);
    while (size < 0 && errno == EINTR);
    *count = 0;
    if (size <= 0)
        return size;
    head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_type == SCM_RIGHTS) {
        *count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *count * sizeof(int));
    }
    return size;
}

/* The spawner's loop; never returns. */
static void
spawner_run(const struct guard *guard, int fd)
{
    static struct work work;
    struct phub__guard_message m;
    int fds[4];
    size_t count;

    snprintf(work.guard_name, sizeof work.guard_name,
             "PHUB_GUARD=%016llx", (unsigned long long)guard->id);
    snprintf(work.channel_name, sizeof work.channel_name, "PHUB_FD=%d",
             CHILD_CHANNEL_FD);
    for (;;) {
        ssize_t size = receive(fd, &work, fds, &count);

        if (size <= 0)
            _exit(0);
        if (count >= 3
            && phub__guard_decode(work.datagram, (size_t)size, &m) == 0) {
            pid_t pid;

            prepare(&work, &m);
            pid = (pid_t)syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL,
                                 NULL, NULL);
            if (pid == 0)
                run_child(guard, &work, fds + 1, count - 1, fds[0]);
            if (pid < 0)
                report(fds[0], STAGE_CLONE, errno);
        }
        for (size_t i = 0; i < count; i++)
            close(fds[i]);
    }
}

/* Make the spawner's side of the world: signals as a new program expects
 * them, no descriptor of the guard. */
static void
spawner_enter(struct guard *guard, int fd)
{
    struct sigaction plain = { .sa_handler = SIG_DFL };
    sigset_t none;
    int cgroup = -1;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != guard->pid)
        _exit(127);
    prctl(PR_SET_NAME, "phub-spawner");
    for (int i = 1; i < NSIG; i++)
        sigaction(i, &plain, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (guard->cgroup_fd >= 0)
        cgroup = lift(guard->cgroup_fd);
    fd = lift(fd);
    if (fd < 0 || dup3(fd, 3, O_CLOEXEC) < 0
        || (cgroup >= 0 && dup3(cgroup, 4, O_CLOEXEC) < 0))
        _exit(127);
    guard->cgroup_fd = cgroup >= 0 ? 4 : -1;
    close_range(cgroup >= 0 ? 5 : 4, ~0u, 0);
    spawner_run(guard, 3);
}

int
spawner_start(struct guard *guard)
{
    int pair[2], size = 2 * (int)PHUB__GUARD_MESSAGE_MAX, error;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return errno;
    /* The guard never waits for its end. */
    if (fcntl(pair[0], F_SETFL, O_NONBLOCK) < 0)
        goto failed;
    (void)setsockopt(pair[0], SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    pid = fork();
    if (pid < 0)
        goto failed;
    if (pid == 0)
        spawner_enter(guard, pair[1]);
    close(pair[1]);
    guard->spawner.fd = pair[0];
    guard->spawner.pid = pid;
    guard->spawner.sent = 0;
    return 0;

failed:
    error = errno;
    close(pair[0]);
    close(pair[1]);
    return error;
}

/* Kill the spawner; what it had in hand cannot start any more once the status
 * sockets are closed.  children_reap() collects it. */
void
spawner_stop(struct guard *guard)
{
    if (guard->spawner.pid > 0)
        kill(guard->spawner.pid, SIGKILL);
    close_fd(&guard->spawner.fd);
    guard->spawner.pid = 0;
}
