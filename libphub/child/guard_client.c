/* SPDX-License-Identifier: MIT */
/* guard_client: talk with a guard.
 *
 * Requests are sent at once when nothing waits; else they wait in a bounded
 * queue.  The deadline is not queued: it is the first to go. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <phub/cbor.h>
#include <phub/error.h>

#include "child/guard_client.h"
#include "child/guard_find.h"

extern char **environ;

struct request {
    struct request *next;
    int fds[PHUB__GUARD_FDS_MAX]; /* owns; -1 */
    size_t size;
    uint8_t bytes[];
};

struct phub__guard {
    const struct phub__guard_calls *calls;
    void *arg;
    int fd;
    pid_t started_pid; /* of a guard that we started, to be reaped */
    pid_t pid;
    bool found, welcome, attached, lost, hello_due;
    uint64_t guard_id, deadline_ns;
    uint64_t deadline_due; /* 0: none */
    uint32_t salt;         /* high half of our handles */
    uint32_t last;
    uint64_t rejected;
    struct request *head, **tail;
    size_t queued, queued_bytes;
    bool *closed; /* set while a callback may close us */
    char why[PHUB__GUARD_TEXT_MAX + 1];
};

static void
free_request(struct request *request)
{
    for (size_t i = 0; i < PHUB__GUARD_FDS_MAX; i++)
        if (request->fds[i] >= 0)
            close(request->fds[i]);
    free(request);
}

static int
send_datagram(int to, const void *bytes, size_t size, const int *fds)
{
    union {
        char bytes[CMSG_SPACE(PHUB__GUARD_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { (void *)(uintptr_t)bytes, size };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };

    if (fds != NULL && fds[0] >= 0) {
        struct cmsghdr *head;

        memset(&control, 0, sizeof control);
        message.msg_control = &control;
        message.msg_controllen = sizeof control.bytes;
        head = CMSG_FIRSTHDR(&message);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(PHUB__GUARD_FDS_MAX * sizeof(int));
        memcpy(CMSG_DATA(head), fds, PHUB__GUARD_FDS_MAX * sizeof(int));
    }
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

static int
send_small(struct phub__guard *guard, const struct phub__guard_message *m)
{
    uint8_t buf[32];
    size_t size;

    (void)phub__guard_encode(m, buf, sizeof buf, &size);
    return send_datagram(guard->fd, buf, size, NULL);
}

/* Send what waits: the greeting, the deadline, the queue.  A broken connection
 * is noticed by reading. */
void
phub__guard_writable(struct phub__guard *guard)
{
    if (guard->hello_due) {
        struct phub__guard_message m = {
            .verb = PHUB__GUARD_HELLO, .version = PHUB__GUARD_VERSION,
        };

        if (send_small(guard, &m) != 0)
            return;
        guard->hello_due = false;
    }
    if (guard->deadline_due != 0) {
        struct phub__guard_message m = {
            .verb = PHUB__GUARD_DEADLINE, .deadline_ns = guard->deadline_due,
        };

        if (send_small(guard, &m) != 0)
            return;
        guard->deadline_due = 0;
    }
    while (guard->head != NULL) {
        struct request *request = guard->head;
        int error = send_datagram(guard->fd, request->bytes, request->size,
                                  request->fds);

        if (error != 0 && error != EMSGSIZE)
            return;
        guard->head = request->next;
        if (guard->head == NULL)
            guard->tail = &guard->head;
        guard->queued--;
        guard->queued_bytes -= request->size;
        if (error != 0)
            guard->rejected++;
        free_request(request);
    }
}

bool
phub__guard_wants_write(const struct phub__guard *guard)
{
    return !guard->lost && (guard->hello_due || guard->deadline_due != 0
                            || guard->head != NULL);
}

int
phub__guard_fd(const struct phub__guard *guard)
{
    return guard->fd;
}

pid_t
phub__guard_pid(const struct phub__guard *guard)
{
    return guard->pid;
}

uint64_t
phub__guard_rejected(const struct phub__guard *guard)
{
    return guard->rejected;
}

/* Opening */

int
phub__guard_open(struct phub__guard **out,
                 const struct phub__guard_config *config,
                 const struct phub__guard_calls *calls, void *arg,
                 char *error, size_t error_max)
{
    struct phub__guard *guard = calloc(1, sizeof *guard);
    struct phub__guard_found found;
    int rc;

    if (guard == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    guard->calls = calls;
    guard->arg = arg;
    guard->tail = &guard->head;
    guard->hello_due = true;
    if (getrandom(&guard->salt, sizeof guard->salt, 0)
        != (ssize_t)sizeof guard->salt)
        guard->salt = (uint32_t)getpid();
    guard->salt |= 1;
    rc = phub__guard_find(config, &found, error, error_max);
    if (rc != 0) {
        free(guard);
        return rc;
    }
    guard->fd = found.fd;
    guard->found = found.alive;
    guard->started_pid = found.started_pid;
    phub__guard_writable(guard);
    *out = guard;
    return 0;
}

/* Collect a guard that we started and that is gone.  Its connection broke a
 * moment before its end, so that is worth a wait, though a bounded one. */
static void
reap(struct phub__guard *guard)
{
    struct pollfd end = { .events = POLLIN };

    if (guard->started_pid <= 0)
        return;
    end.fd = (int)syscall(SYS_pidfd_open, guard->started_pid, 0);
    if (guard->lost && end.fd >= 0)
        (void)poll(&end, 1, PHUB__GUARD_REAP_MS);
    if (end.fd >= 0)
        close(end.fd);
    (void)waitpid(guard->started_pid, NULL, WNOHANG);
}

void
phub__guard_close(struct phub__guard **guard)
{
    struct phub__guard *g = *guard;

    if (g == NULL)
        return;
    *guard = NULL;
    if (g->closed != NULL)
        *g->closed = true;
    if (g->fd >= 0)
        close(g->fd);
    while (g->head != NULL) {
        struct request *request = g->head;

        g->head = request->next;
        free_request(request);
    }
    reap(g);
    free(g);
}

/* Asking */

/* Append a request with room for size bytes; the caller fills it. */
static int
request_new(struct phub__guard *guard, size_t size, struct request **out)
{
    struct request *request;

    if (guard->queued >= PHUB__GUARD_QUEUE_MAX
        || guard->queued_bytes + size > PHUB__GUARD_QUEUE_BYTES_MAX)
        return PHUB_EBUSY;
    request = malloc(sizeof *request + size);
    if (request == NULL)
        return PHUB_ENOMEM;
    request->next = NULL;
    request->size = size;
    for (size_t i = 0; i < PHUB__GUARD_FDS_MAX; i++)
        request->fds[i] = -1;
    *out = request;
    return 0;
}

static void
request_send(struct phub__guard *guard, struct request *request)
{
    *guard->tail = request;
    guard->tail = &request->next;
    guard->queued++;
    guard->queued_bytes += request->size;
    if (guard->head == request)
        phub__guard_writable(guard);
}

static int
ask(struct phub__guard *guard, const struct phub__guard_message *message)
{
    struct request *request;
    size_t size;
    int rc;

    (void)phub__guard_encode(message, NULL, 0, &size);
    rc = request_new(guard, size, &request);
    if (rc != 0)
        return rc;
    (void)phub__guard_encode(message, request->bytes, size, &size);
    request_send(guard, request);
    return 0;
}

int
phub__guard_signal(struct phub__guard *guard, uint64_t handle, int sig)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_SIGNAL, .handle = handle, .signal = (uint32_t)sig,
    };

    return ask(guard, &m);
}

int
phub__guard_quit(struct phub__guard *guard)
{
    struct phub__guard_message m = { .verb = PHUB__GUARD_QUIT };

    return ask(guard, &m);
}

void
phub__guard_deadline(struct phub__guard *guard, uint64_t deadline_ns)
{
    if (deadline_ns > guard->deadline_due)
        guard->deadline_due = deadline_ns;
    phub__guard_writable(guard);
}

/* The names that a child gets from the daemon's own environment. */
static bool
env_is_kept(const char *entry)
{
    static const char *const names[] = {
        "PATH=", "HOME=", "USER=", "LOGNAME=", "SHELL=", "LANG=", "LC_",
        "TZ=", "TMPDIR=",
    };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strncmp(entry, names[i], strlen(names[i])) == 0)
            return true;
    return false;
}

static bool
same_name(const char *entry, const struct phub_bytes *other)
{
    size_t name = strcspn(entry, "=") + 1;

    return other->size >= name && memcmp(entry, other->data, name) == 0;
}

static bool
env_is_given(const struct phub__guard_spawn *spawn, const char *entry)
{
    for (size_t i = 0; i < spawn->envc; i++)
        if (same_name(entry, &spawn->env[i]))
            return true;
    return false;
}

/* Names that begin so are the hub's; getenv(3) would find the first. */
static bool
env_is_reserved(const struct phub_bytes *entry)
{
    return entry->size >= 5 && memcmp(entry->data, "PHUB_", 5) == 0;
}

#define ENV_OWN 6

/* Write the whole environment; twice with the same result. */
static void
write_env(struct phub_cbor_writer *w, const struct phub__guard_spawn *spawn)
{
    char own[ENV_OWN][PHUB_CHILD_ID_MAX + 32];
    uint64_t count = ENV_OWN + spawn->hub_envc;

    for (size_t i = 0; i < spawn->envc; i++)
        count += !env_is_reserved(&spawn->env[i]);
    for (char **entry = environ; *entry != NULL; entry++)
        count += env_is_kept(*entry) && !env_is_given(spawn, *entry);
    phub_cbor_write_array(w, count);
    for (char **entry = environ; *entry != NULL; entry++)
        if (env_is_kept(*entry) && !env_is_given(spawn, *entry))
            phub_cbor_write_bytes(w, *entry, strlen(*entry));
    for (size_t i = 0; i < spawn->envc; i++)
        if (!env_is_reserved(&spawn->env[i]))
            phub_cbor_write_bytes(w, spawn->env[i].data, spawn->env[i].size);
    for (size_t i = 0; i < spawn->hub_envc; i++)
        phub_cbor_write_bytes(w, spawn->hub_env[i].data,
                              spawn->hub_env[i].size);
    snprintf(own[0], sizeof own[0], "PHUB_CHILD_ID=%.*s",
             (int)spawn->id.size, (const char *)spawn->id.data);
    snprintf(own[1], sizeof own[1], "PHUB_NODE=%s",
             spawn->node_name != NULL ? spawn->node_name : "");
    snprintf(own[2], sizeof own[2], "PHUB_EPOCH=%llu.%llu",
             (unsigned long long)spawn->epoch.number,
             (unsigned long long)spawn->epoch.node);
    snprintf(own[3], sizeof own[3], "PHUB_STANDBY=%d", spawn->standby);
    snprintf(own[4], sizeof own[4], "PHUB_STATE_EXPECTED=%d",
             spawn->state_expected);
    snprintf(own[5], sizeof own[5], "PHUB_ROLE=%s",
             spawn->passive ? "passive" : "active");
    for (size_t i = 0; i < ENV_OWN; i++)
        phub_cbor_write_bytes(w, own[i], strlen(own[i]));
}

static int
check_spawn(const struct phub__guard_spawn *spawn)
{
    if (spawn->argc == 0 || spawn->argv[0].size == 0
        || spawn->id.size == 0 || spawn->id.size > PHUB_CHILD_ID_MAX
        || memchr(spawn->id.data, 0, spawn->id.size) != NULL
        || !phub_cbor_utf8_ok(spawn->id.data, spawn->id.size)
        || spawn->note.size > PHUB__GUARD_NOTE_MAX
        || spawn->cwd.size > PHUB__GUARD_PATH_MAX)
        return PHUB_EINVAL;
    for (size_t i = 0; i < spawn->argc; i++)
        if (memchr(spawn->argv[i].data, 0, spawn->argv[i].size) != NULL)
            return PHUB_EINVAL;
    for (size_t i = 0; i < spawn->envc; i++)
        if (memchr(spawn->env[i].data, 0, spawn->env[i].size) != NULL
            || memchr(spawn->env[i].data, '=', spawn->env[i].size) == NULL)
            return PHUB_EINVAL;
    return spawn->argc > PHUB__GUARD_ARGS_MAX
        || spawn->envc > PHUB__GUARD_ARGS_MAX - 64 ? PHUB_ELIMIT : 0;
}

int
phub__guard_spawn(struct phub__guard *guard,
                  const struct phub__guard_spawn *spawn, uint64_t *handle)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_SPAWN,
        .handle = (uint64_t)guard->salt << 32 | (guard->last + 1),
        .child = spawn->id, .epoch = spawn->epoch, .cwd = spawn->cwd,
        .note = spawn->note,
        .flags = spawn->stdio != NULL ? PHUB__GUARD_FLAG_STDIO : 0,
        .file_max = spawn->file_max,
    };
    struct phub_cbor_writer w;
    struct request *request;
    uint8_t *args;
    size_t size, args_size;
    int rc = check_spawn(spawn);

    if (rc != 0)
        return rc;
    args = malloc(PHUB__GUARD_MESSAGE_MAX);
    if (args == NULL)
        return PHUB_ENOMEM;
    phub_cbor_writer_init(&w, args, PHUB__GUARD_MESSAGE_MAX);
    phub_cbor_write_array(&w, spawn->argc);
    for (size_t i = 0; i < spawn->argc; i++)
        phub_cbor_write_bytes(&w, spawn->argv[i].data, spawn->argv[i].size);
    args_size = w.size;
    write_env(&w, spawn);
    m.argv = (struct phub_bytes){ args, args_size };
    m.env = (struct phub_bytes){ args + args_size, w.size - args_size };
    rc = phub_cbor_writer_ok(&w) ? 0 : PHUB_ELIMIT;
    if (rc == 0) {
        (void)phub__guard_encode(&m, NULL, 0, &size);
        rc = size <= PHUB__GUARD_MESSAGE_MAX
           ? request_new(guard, size, &request) : PHUB_ELIMIT;
    }
    if (rc == 0) {
        (void)phub__guard_encode(&m, request->bytes, size, &size);
        if (spawn->stdio != NULL)
            memcpy(request->fds, spawn->stdio, sizeof request->fds);
        guard->last++;
        *handle = m.handle;
        request_send(guard, request);
    }
    free(args);
    return rc;
}

/* Hearing */

static void
lose(struct phub__guard *guard, const char *why)
{
    if (guard->lost)
        return;
    guard->lost = true;
    guard->calls->lost(guard->arg, guard->why[0] != 0 ? guard->why : why);
}

/* A child or command that another daemon asked for. */
static void
hear_foreign(struct phub__guard *guard, const struct phub__guard_child *child,
             uint32_t flags)
{
    /* Whoever wanted to know what a command says is gone. */
    if (flags & PHUB__GUARD_FLAG_STDIO)
        (void)phub__guard_signal(guard, child->handle, SIGKILL);
    else
        guard->calls->adopted(guard->arg, child);
}

static void
hear_child(struct phub__guard *guard, const struct phub__guard_message *m,
           int *fds, size_t count)
{
    struct phub__guard_child child = {
        .handle = m->handle, .id = m->child, .epoch = m->epoch,
        .note = m->note, .pid = (pid_t)m->pid,
        .start_ticks = m->start_ticks, .running = m->running,
        .channel = fds[0], .output = fds[1],
    };
    bool ours = m->handle >> 32 == guard->salt;

    if (!(m->flags & PHUB__GUARD_FLAG_STDIO) && count != 2) {
        /* No descriptors were left to receive them; the one that may have come
         * is closed by who received it.  One that we start cannot be spoken to,
         * so it must not run: EXITED follows.  What ran before goes on. */
        guard->rejected++;
        child.channel = child.output = -1;
        if (ours)
            (void)phub__guard_signal(guard, m->handle, SIGKILL);
    } else {
        fds[0] = fds[1] = -1;
    }
    if (ours)
        guard->calls->started(guard->arg, &child);
    else
        hear_foreign(guard, &child, m->flags);
}

static void
hear_exited(struct phub__guard *guard, const struct phub__guard_message *m)
{
    struct phub__guard_message release = {
        .verb = PHUB__GUARD_RELEASE, .handle = m->handle,
    };

    (void)ask(guard, &release);
    guard->calls->exited(guard->arg, m->handle, (int)m->status,
                         (enum phub__guard_cause)m->cause);
}

static void
hear(struct phub__guard *guard, const struct phub__guard_message *m, int *fds,
     size_t count)
{
    char text[PHUB__GUARD_TEXT_MAX + 1];

    snprintf(text, sizeof text, "%.*s", (int)m->text.size,
             m->text.data != NULL ? (const char *)m->text.data : "");
    switch (m->verb) {
    case PHUB__GUARD_WELCOME:
        guard->welcome = true;
        guard->guard_id = m->guard_id;
        guard->deadline_ns = m->deadline_ns;
        guard->pid = (pid_t)m->pid;
        break;
    case PHUB__GUARD_ALL_TOLD:
        if (!guard->attached && guard->welcome) {
            guard->attached = true;
            guard->calls->attached(guard->arg, guard->guard_id,
                                   guard->deadline_ns, guard->found);
        }
        break;
    case PHUB__GUARD_CHILD:
        hear_child(guard, m, fds, count);
        break;
    case PHUB__GUARD_SPAWN_FAILED:
        guard->calls->failed(guard->arg, m->handle, (int)m->sys_errno, text);
        break;
    case PHUB__GUARD_EXITED:
        hear_exited(guard, m);
        break;
    case PHUB__GUARD_FATAL:
        memcpy(guard->why, text, sizeof text);
        break;
    case PHUB__GUARD_HELLO:
    case PHUB__GUARD_SPAWN:
    case PHUB__GUARD_SIGNAL:
    case PHUB__GUARD_DEADLINE:
    case PHUB__GUARD_RELEASE:
    case PHUB__GUARD_QUIT:
        guard->rejected++;
        break;
    }
}

/* Receive one datagram; -1: none now, 0: the guard is gone. */
static ssize_t
receive(struct phub__guard *guard, uint8_t *buf, size_t capacity, int *fds,
        size_t *count)
{
    union {
        char bytes[CMSG_SPACE(PHUB__GUARD_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { buf, capacity };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *head;
    ssize_t size = recvmsg(guard->fd, &message,
                           MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *count = 0;
    /* A guard that ended before it read all of ours resets the connection;
     * the kernel says so once, before it gives the guard's last words. */
    if (size < 0 && errno == ECONNRESET)
        size = recvmsg(guard->fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET
        && head->cmsg_type == SCM_RIGHTS) {
        *count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *count * sizeof(int));
    }
    return size;
}

void
phub__guard_readable(struct phub__guard *guard)
{
    uint8_t buf[4096];
    bool closed = false;

    guard->closed = &closed;
    for (int turn = 0; turn < PHUB__GUARD_READ_TURN_MAX; turn++) {
        struct phub__guard_message m;
        int fds[PHUB__GUARD_FDS_MAX] = { -1, -1, -1 };
        size_t count = 0;
        ssize_t size;

        if (guard->lost)
            break;
        size = receive(guard, buf, sizeof buf, fds, &count);
        if (size < 0)
            break;
        if (size == 0)
            lose(guard, "the guard is gone");
        else if (phub__guard_decode(buf, (size_t)size, &m) != 0)
            guard->rejected++;
        else
            hear(guard, &m, fds, count);
        for (size_t i = 0; i < count; i++)
            if (fds[i] >= 0)
                close(fds[i]);
        if (closed)
            return;
    }
    guard->closed = NULL;
}
