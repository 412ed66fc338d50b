/* SPDX-License-Identifier: MIT */
/* phub-guard: holds a node's OS processes and ends them when the lease passes.
 *
 * See guard/guard.h for the whole picture.  The loop looks at the deadline
 * before anything that the daemon sent, so that a renewal which was late stays
 * late. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard/guard.h"
#include "output.h"

#define DAEMON_FD 3
#define USAGE "usage: phub-guard --dir STATE_DIR [--socket PATH]\n" \
    "                  [--cgroup PATH] [--spawner-timeout MS]\n"

/* Say on both ways why there will be no guard, and end. */
__attribute__((format(printf, 2, 3), noreturn)) static void
fatal(int sys_errno, const char *format, ...)
{
    char text[PHUB__GUARD_TEXT_MAX + 1];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    fprintf(stderr, "phub-guard: %s\n", text);
    daemon_fatal(DAEMON_FD, sys_errno, text);
    exit(1);
}

/* How many children the descriptors allow; the soft limit is raised. */
static uint32_t
children_max(struct guard *guard)
{
    struct rlimit limit;
    uint64_t fds;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        fatal(errno, "cannot read RLIMIT_NOFILE: %s", strerror(errno));
    guard->nofile_soft = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        limit.rlim_cur = (rlim_t)guard->nofile_soft;
    fds = limit.rlim_cur;
    if (fds <= GUARD_FDS_RESERVED + GUARD_FDS_PER_CHILD)
        fatal(EMFILE, "RLIMIT_NOFILE of %llu leaves no room for children",
              (unsigned long long)fds);
    fds = (fds - GUARD_FDS_RESERVED) / GUARD_FDS_PER_CHILD;
    return fds < GUARD_CHILDREN_MAX ? (uint32_t)fds : GUARD_CHILDREN_MAX;
}

static void
listen_at(struct guard *guard, const char *path)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    mode_t mask;

    /* A path of any length is reached from inside its directory. */
    if (path == NULL) {
        path = PHUB__GUARD_SOCKET;
        if (fchdir(guard->dir_fd) < 0)
            fatal(errno, "cannot enter \"%s\": %s", guard->dir,
                  strerror(errno));
    }
    if (strlen(path) >= sizeof at.sun_path)
        fatal(ENAMETOOLONG, "socket path \"%s\" is longer than %zu bytes",
              path, sizeof at.sun_path - 1);
    memcpy(at.sun_path, path, strlen(path) + 1);
    guard->listener = socket(AF_UNIX,
                             SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mask = umask(077);
    /* The lock on the directory says that nobody listens there any more. */
    (void)unlink(path);
    if (guard->listener < 0
        || bind(guard->listener, (struct sockaddr *)&at, sizeof at) < 0
        || listen(guard->listener, 4) < 0)
        fatal(errno, "cannot listen on \"%s\": %s", path, strerror(errno));
    umask(mask);
    if (chdir("/") < 0)
        fatal(errno, "cannot enter \"/\": %s", strerror(errno));
}

static void
make_events(struct guard *guard)
{
    sigset_t all;
    int error = 0;

    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    sigemptyset(&all);
    sigaddset(&all, SIGCHLD);
    guard->epoll = epoll_create1(EPOLL_CLOEXEC);
    guard->signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    guard->timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
    if (guard->epoll < 0 || guard->signals < 0 || guard->timer < 0)
        fatal(errno, "cannot make an event descriptor: %s", strerror(errno));
    error = watch(guard, guard->signals, EPOLLIN, EVENT_SIGNALS, 0);
    if (error == 0)
        error = watch(guard, guard->timer, EPOLLIN, EVENT_TIMER, 0);
    if (error == 0)
        error = watch(guard, guard->listener, EPOLLIN, EVENT_LISTENER, 0);
    if (error == 0 && guard->candidate >= 0)
        error = watch(guard, guard->candidate, EPOLLIN, EVENT_CANDIDATE, 0);
    if (error != 0)
        fatal(error, "cannot watch a descriptor: %s", strerror(error));
}

/* Take the daemon's connection if there is one. */
static void
take_daemon(struct guard *guard)
{
    struct stat what;

    guard->candidate = -1;
    if (fstat(DAEMON_FD, &what) < 0 || !S_ISSOCK(what.st_mode))
        return;
    fcntl(DAEMON_FD, F_SETFD, FD_CLOEXEC);
    fcntl(DAEMON_FD, F_SETFL, O_NONBLOCK);
    guard->candidate = DAEMON_FD;
}

/* Only now nothing can go wrong any more that somebody should read. */
static void
go_silent(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0)
        fatal(errno, "cannot open /dev/null: %s", strerror(errno));
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
}

static void
setup(struct guard *guard, const char *socket_path, const char *cgroup)
{
    char text[PHUB__GUARD_TEXT_MAX - 64];
    int error;

    guard->pid = getpid();
    guard->daemon = guard->listener = guard->list_fd = guard->cgroup_fd = -1;
    guard->spawner.fd = -1;
    take_daemon(guard);
    (void)setsid();
    if (getrandom(&guard->id, sizeof guard->id, 0) != sizeof guard->id
        || guard->id == 0)
        guard->id = now_boot_ns();
    guard->dir_fd = open(guard->dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (guard->dir_fd < 0)
        fatal(errno, "cannot open directory \"%s\": %s", guard->dir,
              strerror(errno));
    error = table_init(&guard->table, children_max(guard));
    if (error != 0)
        fatal(error, "no memory for %u children", guard->table.size);
    error = list_open(guard, text, sizeof text);
    if (error != 0)
        fatal(error, "%s", text);
    cgroup_open(guard, cgroup);
    listen_at(guard, socket_path);
    make_events(guard);
    go_silent();
    daemon_keep_fds(guard);
    error = spawner_start(guard);
    if (error == 0)
        error = watch(guard, guard->spawner.fd, 0, EVENT_SPAWNER, 0);
    if (error != 0)
        fatal(error, "cannot start a spawner: %s", strerror(error));
}

static void
dispatch(struct guard *guard, const struct epoll_event *event)
{
    struct signalfd_siginfo info;
    uint64_t ticks;

    switch ((enum event_kind)(event->data.u64 >> 32)) {
    case EVENT_LISTENER:
        daemon_accept(guard);
        break;
    case EVENT_DAEMON:
        daemon_event(guard, event->events, false);
        break;
    case EVENT_CANDIDATE:
        daemon_event(guard, event->events, true);
        break;
    case EVENT_SIGNALS:
        while (read(guard->signals, &info, sizeof info) > 0)
            continue;
        children_reap(guard);
        break;
    case EVENT_TIMER:
        (void)!read(guard->timer, &ticks, sizeof ticks);
        break;
    case EVENT_SPAWNER:
        children_feed_spawner(guard);
        break;
    case EVENT_STATUS:
        child_status_event(guard, (uint32_t)event->data.u64);
        break;
    }
}

static void
check_deadline(struct guard *guard)
{
    if (guard->expired || now_boot_ns() < guard->deadline_ns)
        return;
    guard->expired = true;
    children_end_all(guard, PHUB__GUARD_BY_DEADLINE);
}

/* True when there is nothing left to hold: after QUIT when every child has
 * been reported; without a daemon when there is no child and nothing to tell
 * about one, or nobody may start anything any more. */
static bool
is_over(const struct guard *guard)
{
    if (guard->table.alive > 0)
        return false;
    if (guard->quitting)
        return guard->daemon < 0 || guard->table.tell_head == 0;
    return guard->daemon < 0 && guard->candidate < 0
        && (guard->expired || guard->table.count == 0);
}

static int
wait_ms(const struct guard *guard)
{
    int most = guard->deaf ? GUARD_ACCEPT_AGAIN_MS : -1, left;
    uint64_t quiet_ms;

    if (guard->spawner.sent == 0)
        return most;
    quiet_ms = (now_mono_ns() - guard->spawner.quiet_ns) / 1000000u;
    left = quiet_ms >= guard->spawner.bound_ms ? 0
         : (int)(guard->spawner.bound_ms - quiet_ms) + 1;
    return most >= 0 && most < left ? most : left;
}

static void
run(struct guard *guard)
{
    struct epoll_event events[GUARD_EVENTS_MAX];
    pid_t spawner;

    while (!is_over(guard)) {
        int count = epoll_wait(guard->epoll, events, GUARD_EVENTS_MAX,
                               wait_ms(guard));

        check_deadline(guard);
        daemon_listen(guard, true);
        for (int i = 0; i < count; i++)
            dispatch(guard, &events[i]);
        children_check_spawner(guard);
        daemon_tell(guard);
    }
    spawner = guard->spawner.pid;
    spawner_stop(guard);
    if (spawner > 0)
        (void)waitpid(spawner, NULL, 0);
    cgroup_close(guard);
}

int
main(int argc, char **argv)
{
    static const struct option options[] = {
        { "cgroup", required_argument, NULL, 'c' },
        { "dir", required_argument, NULL, 'd' },
        { "help", no_argument, NULL, 'h' },
        { "socket", required_argument, NULL, 's' },
        { "spawner-timeout", required_argument, NULL, 't' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static struct guard guard;
    const char *socket_path = NULL, *cgroup = NULL;
    int option;

    guard.spawner.bound_ms = GUARD_SPAWNER_BOUND_MS;
    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
        char *end;
        unsigned long value;

        switch (option) {
        case 'c': cgroup = optarg; break;
        case 'd': guard.dir = optarg; break;
        case 's': socket_path = optarg; break;
        case 't':
            value = strtoul(optarg, &end, 10);
            if (*end != 0 || value < 1 || value > 3600000) {
                fprintf(stderr, "phub-guard: --spawner-timeout \"%s\": "
                        "1 to 3600000 milliseconds are allowed\n", optarg);
                return 2;
            }
            guard.spawner.bound_ms = (uint32_t)value;
            break;
        case 'h': fputs(USAGE, stdout); return output_end("phub-guard", 0);
        case 'V':
#ifdef PACKAGE_VERSION
            puts("phub-guard " PACKAGE_VERSION);
#endif
            return output_end("phub-guard", 0);
        default: fputs(USAGE, stderr); return 2;
        }
    }
    if (guard.dir == NULL || optind != argc) {
        fputs(USAGE, stderr);
        return 2;
    }
    setup(&guard, socket_path, cgroup);
    run(&guard);
    return 0;
}
