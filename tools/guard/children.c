/* SPDX-License-Identifier: MIT */
/* children: what happens to a child from SPAWN to RELEASE.
 *
 * The guard is the parent of every child and the only one that waits for it,
 * so a pid in a slot cannot belong to anybody else until it has been reaped;
 * signals by pid are safe without pidfds, which saves a descriptor per child.
 * When a child ends, what is left of its process group is killed before the
 * pid is given back. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "guard.h"

static void
close_gifts(struct slot *slot)
{
    close_fd(&slot->give[0]);
    close_fd(&slot->give[1]);
    close_fd(&slot->give_status);
    for (int i = 0; i < 3; i++)
        close_fd(&slot->stdio[i]);
}

static void
drop_request(struct guard *guard, struct slot *slot)
{
    if (slot->request != NULL)
        guard->queued_bytes -= slot->request_size;
    free(slot->request);
    slot->request = NULL;
}

/* The child did not start.  A process of it that waits for the answer on its
 * status socket ends when that closes. */
__attribute__((format(printf, 4, 5))) static void
fail(struct guard *guard, uint32_t number, int sys_errno, const char *format,
     ...)
{
    struct table *table = &guard->table;
    struct slot *slot = &table->slots[number];
    char text[PHUB__GUARD_TEXT_MAX + 1];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (slot->state == SLOT_SENT && guard->spawner.sent > 0)
        guard->spawner.sent--;
    if (slot->queued)
        table_queue_remove(table, number);
    drop_request(guard, slot);
    close_gifts(slot);
    close_fd(&slot->status_fd);
    close_fd(&slot->channel);
    close_fd(&slot->output);
    cgroup_child_kill(guard, slot->handle);
    if (slot->pid > 0)
        table_set_pid(table, number, 0);
    slot->pid = 0;
    slot->state = SLOT_FAILED;
    slot->sys_errno = sys_errno;
    slot->error = strdup(text);
    table->alive--;
    table->starting--;
    slot->tell = 0;
    table_tell(table, number, TELL_FAILED);
}

/* The program's name for an error text, from the request of a slot. */
static const char *
program_of(const struct slot *slot)
{
    return slot->id + slot->id_size + slot->note_size;
}

/* Make the two ends of everything that the child gets. */
static int
make_gifts(struct slot *slot)
{
    int pair[2];

    if (!(slot->flags & PHUB__GUARD_FLAG_STDIO)) {
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
            return errno;
        slot->channel = pair[0];
        slot->give[0] = pair[1];
        if (pipe2(pair, O_CLOEXEC) < 0)
            return errno;
        slot->output = pair[0];
        slot->give[1] = pair[1];
        /* The reading ends are the daemon's, which never waits. */
        if (fcntl(slot->channel, F_SETFL, O_NONBLOCK) < 0
            || fcntl(slot->output, F_SETFL, O_NONBLOCK) < 0)
            return errno;
    }
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return errno;
    slot->status_fd = pair[0];
    slot->give_status = pair[1];
    return fcntl(slot->status_fd, F_SETFL, O_NONBLOCK) < 0 ? errno : 0;
}

static int
send_request(struct guard *guard, struct slot *slot)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { slot->request, slot->request_size };
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1,
        .msg_control = &control,
    };
    struct cmsghdr *head;
    int fds[4];
    size_t count = 0;

    fds[count++] = slot->give_status;
    if (slot->flags & PHUB__GUARD_FLAG_STDIO) {
        for (int i = 0; i < 3; i++)
            fds[count++] = slot->stdio[i];
    } else {
        fds[count++] = slot->give[0];
        fds[count++] = slot->give[1];
    }
    memset(&control, 0, sizeof control);
    message.msg_controllen = CMSG_SPACE(count * sizeof(int));
    head = CMSG_FIRSTHDR(&message);
    head->cmsg_level = SOL_SOCKET;
    head->cmsg_type = SCM_RIGHTS;
    head->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    if (sendmsg(guard->spawner.fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return errno;
    return 0;
}

/* Start a spawner if there is none.  False if that is impossible now. */
static bool
have_spawner(struct guard *guard, int *error)
{
    if (guard->spawner.fd >= 0)
        return true;
    *error = spawner_start(guard);
    if (*error == 0)
        *error = watch(guard, guard->spawner.fd, 0, EVENT_SPAWNER, 0);
    return *error == 0;
}

/* The spawner is gone or is taken to be: nothing that it had in hand can
 * start any more. */
static void
spawner_lost(struct guard *guard, const char *why)
{
    struct table *table = &guard->table;

    spawner_stop(guard);
    for (uint32_t i = 1; i <= table->used; i++)
        if (table->slots[i].state == SLOT_SENT)
            fail(guard, i, ETIMEDOUT, "cannot start \"%s\": %s",
                 program_of(&table->slots[i]), why);
    guard->spawner.sent = 0;
}

/* Hand waiting requests to the spawner as long as it takes them. */
void
children_feed_spawner(struct guard *guard)
{
    struct table *table = &guard->table;
    uint32_t wants = 0;
    int error = 0, retries = 1;

    while (table->queue_head != 0
           && guard->spawner.sent < GUARD_FDS_STARTING_MAX) {
        uint32_t number = table->queue_head;
        struct slot *slot = &table->slots[number];

        if (!have_spawner(guard, &error)) {
            fail(guard, number, error, "cannot start a spawner: %s",
                 strerror(error));
            continue;
        }
        error = slot->give_status < 0 ? make_gifts(slot) : 0;
        if (error == 0)
            error = watch(guard, slot->status_fd, EPOLLIN, EVENT_STATUS,
                          number);
        if (error == EEXIST)
            error = 0;
        cgroup_child_new(guard, slot->handle);
        if (error == 0)
            error = send_request(guard, slot);
        if (error == EAGAIN || error == ETOOMANYREFS) {
            wants = EPOLLOUT;
            break;
        }
        if ((error == EPIPE || error == ECONNRESET) && retries-- > 0) {
            spawner_lost(guard, "the spawner ended");
            continue;
        }
        table_queue_pop(table);
        if (error != 0) {
            fail(guard, number, error, "cannot start \"%s\": %s",
                 program_of(slot), strerror(error));
            continue;
        }
        drop_request(guard, slot);
        close_gifts(slot);
        slot->state = SLOT_SENT;
        if (guard->spawner.sent++ == 0)
            guard->spawner.quiet_ns = now_mono_ns();
    }
    if (guard->spawner.fd >= 0)
        rewatch(guard, guard->spawner.fd, wants, EVENT_SPAWNER, 0);
}

/* Copy what the slot must remember: id, note, and the program's name. */
static int
remember(struct slot *slot, const struct phub__guard_message *m)
{
    struct phub_bytes program = PHUB_BYTES_NONE;
    size_t at = 0;

    phub__guard_args_next(&m->argv, &at, &program);
    if (program.size > 256)
        program.size = 256;
    slot->id = malloc(m->child.size + m->note.size + program.size + 1);
    if (slot->id == NULL)
        return ENOMEM;
    slot->id_size = (uint32_t)m->child.size;
    slot->note_size = (uint32_t)m->note.size;
    memcpy(slot->id, m->child.data, m->child.size);
    if (m->note.size > 0)
        memcpy(slot->id + m->child.size, m->note.data, m->note.size);
    memcpy(slot->id + m->child.size + m->note.size, program.data,
           program.size);
    slot->id[m->child.size + m->note.size + program.size] = 0;
    slot->epoch = m->epoch;
    slot->flags = m->flags;
    return 0;
}

/* A slot for a start; 0: it is answered, if it can be.  One that failed has its
 * slot until the daemon was told. */
static uint32_t
slot_for(struct guard *guard, uint64_t handle)
{
    uint32_t number = table_new(&guard->table, handle);

    if (number != 0)
        return number;
    daemon_tell(guard);
    number = table_new(&guard->table, handle);
    if (number == 0)
        daemon_refuse(guard, handle, EMFILE, "the guard's table is full");
    return number;
}

/* Take SPAWN with its descriptors (fds are taken).  A handle in use is a
 * mistake that cannot be answered: counted, no more. */
void
child_spawn(struct guard *guard, const struct phub__guard_message *m,
            const void *datagram, size_t size, int *fds, size_t count)
{
    struct table *table = &guard->table;
    bool stdio = m->flags & PHUB__GUARD_FLAG_STDIO;
    struct slot *slot;
    uint32_t number;

    number = table_by_handle(table, m->handle) != 0
           || count != (stdio ? 3u : 0u) ? UINT32_MAX
           : slot_for(guard, m->handle);
    if (number == 0 || number == UINT32_MAX) {
        guard->rejected += number != 0;
        for (size_t i = 0; i < count; i++)
            close_fd(&fds[i]);
        return;
    }
    slot = &table->slots[number];
    table->alive++;
    table->starting++;
    for (size_t i = 0; i < count; i++) {
        slot->stdio[i] = fds[i];
        fds[i] = -1;
    }
    if (remember(slot, m) != 0) {
        fail(guard, number, ENOMEM, "out of memory");
    } else if (guard->quitting || now_boot_ns() >= guard->deadline_ns) {
        fail(guard, number, ETIME, "cannot start \"%s\": %s",
             program_of(slot), guard->deadline_ns == 0
             ? "no lease yet" : "the lease has passed");
    } else if (table->count >= table->size) {
        fail(guard, number, EMFILE, "cannot start \"%s\": %u children are "
             "what %s allows", program_of(slot), table->size - 1,
             "RLIMIT_NOFILE");
    } else if (guard->queued_bytes + size > GUARD_QUEUED_BYTES_MAX) {
        fail(guard, number, EAGAIN, "cannot start \"%s\": too many starts "
             "are waiting", program_of(slot));
    } else if ((slot->request = malloc(size)) == NULL) {
        fail(guard, number, ENOMEM, "out of memory");
    } else {
        memcpy(slot->request, datagram, size);
        slot->request_size = (uint32_t)size;
        guard->queued_bytes += size;
        table_queue_push(table, number);
        children_feed_spawner(guard);
    }
}

/* A new process reports: note it in the list, then let it go on. */
static void
child_go(struct guard *guard, uint32_t number, pid_t pid)
{
    struct slot *slot = &guard->table.slots[number];
    struct status_go go = { guard->deadline_ns };
    int error;

    if (guard->spawner.sent > 0)
        guard->spawner.sent--;
    guard->spawner.quiet_ns = now_mono_ns();
    slot->state = SLOT_EXECING;
    table_set_pid(&guard->table, number, pid);
    if (now_boot_ns() >= guard->deadline_ns) {
        fail(guard, number, ETIME, "cannot start \"%s\": the lease has passed",
             program_of(slot));
        return;
    }
    if (!process_start_ticks(pid, &slot->start_ticks, NULL, NULL)) {
        fail(guard, number, ESRCH, "cannot start \"%s\": its process is gone",
             program_of(slot));
        return;
    }
    error = list_append(guard, pid, slot->start_ticks);
    if (error != 0) {
        fail(guard, number, error, "cannot note \"%s\" in \"%s/%s\": %s",
             program_of(slot), guard->dir, PHUB__GUARD_CHILDREN,
             strerror(error));
        return;
    }
    if (send(slot->status_fd, &go, sizeof go, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        fail(guard, number, errno, "cannot start \"%s\": %s",
             program_of(slot), strerror(errno));
}

static void
child_running(struct guard *guard, uint32_t number)
{
    struct slot *slot = &guard->table.slots[number];

    close_fd(&slot->status_fd);
    slot->state = SLOT_RUNNING;
    guard->table.starting--;
    table_tell(&guard->table, number, TELL_CHILD);
}

static void
child_start_error(struct guard *guard, uint32_t number,
                  const struct status_report *r)
{
    const char *program = program_of(&guard->table.slots[number]);

    switch (r->stage) {
    case STAGE_CWD:
        fail(guard, number, r->value,
             "cannot start \"%s\": cannot enter its directory: %s", program,
             strerror(r->value));
        break;
    case STAGE_DEADLINE:
        fail(guard, number, r->value,
             "cannot start \"%s\": the lease has passed", program);
        break;
    case STAGE_SETUP:
    case STAGE_CLONE:
        fail(guard, number, r->value,
             "cannot make a process for \"%s\": %s", program,
             strerror(r->value));
        break;
    default:
        fail(guard, number, r->value, "cannot start \"%s\": %s", program,
             strerror(r->value));
        break;
    }
}

/* Read what a status socket says; spurious calls are harmless. */
void
child_status_event(struct guard *guard, uint32_t number)
{
    struct slot *slot = &guard->table.slots[number];
    struct status_report r;
    ssize_t size;

    if (slot->status_fd < 0
        || (slot->state != SLOT_SENT && slot->state != SLOT_EXECING))
        return;
    size = recv(slot->status_fd, &r, sizeof r, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (size == sizeof r && r.stage == STAGE_PID && slot->state == SLOT_SENT)
        child_go(guard, number, (pid_t)r.value);
    else if (size == sizeof r)
        child_start_error(guard, number, &r);
    else if (slot->state == SLOT_EXECING)
        child_running(guard, number);
    else
        fail(guard, number, ECHILD, "cannot start \"%s\": its process ended "
             "before it could start", program_of(slot));
    children_feed_spawner(guard);
}

/* Signal a child and its group; a child may have left its group. */
static void
kill_child(const struct slot *slot, int signal)
{
    if (kill(-slot->pid, signal) < 0 || signal == SIGKILL)
        kill(slot->pid, signal);
}

void
child_signal(struct guard *guard, uint64_t handle, int signal)
{
    uint32_t number = table_by_handle(&guard->table, handle);
    struct slot *slot = &guard->table.slots[number];

    if (number == 0 && signal == SIGKILL) {
        /* Who wants its end waits for that: there is nothing to end. */
        daemon_refuse(guard, handle, ESRCH, "it is not known here");
        return;
    }
    if (number == 0 || signal < 1 || signal >= NSIG) {
        guard->rejected++;
        return;
    }
    switch (slot->state) {
    case SLOT_QUEUED:
    case SLOT_SENT:
        if (signal == SIGKILL)
            fail(guard, number, ECANCELED, "cancelled before it started");
        break;
    case SLOT_EXECING:
    case SLOT_RUNNING:
        slot->signalled = true;
        kill_child(slot, signal);
        break;
    case SLOT_EXITED:
    case SLOT_FAILED:
    case SLOT_FREE:
        break;
    }
}

void
child_release(struct guard *guard, uint64_t handle)
{
    uint32_t number = table_by_handle(&guard->table, handle);
    struct slot *slot = &guard->table.slots[number];

    if (number == 0 || slot->state != SLOT_EXITED || slot->listed)
        guard->rejected++;
    else {
        cgroup_child_remove(guard, handle);
        table_free(&guard->table, number);
    }
}

static void
child_exited(struct guard *guard, uint32_t number, int status)
{
    struct slot *slot = &guard->table.slots[number];

    /* What it said last decides whether it ever ran. */
    if (slot->state == SLOT_EXECING)
        child_status_event(guard, number);
    if (slot->state == SLOT_EXECING)
        child_running(guard, number);
    table_set_pid(&guard->table, number, 0);
    if (slot->state != SLOT_RUNNING)
        return;
    cgroup_child_kill(guard, slot->handle);
    slot->state = SLOT_EXITED;
    slot->wait_status = (uint32_t)status;
    if (slot->cause == PHUB__GUARD_BY_ITSELF && slot->signalled)
        slot->cause = PHUB__GUARD_BY_SIGNAL;
    guard->table.alive--;
    table_tell(&guard->table, number, TELL_EXITED);
}

/* Replace a spawner that has shown no process for too long. */
void
children_check_spawner(struct guard *guard)
{
    uint64_t bound_ns = guard->spawner.bound_ms * 1000000ull;

    if (guard->spawner.sent > 0
        && now_mono_ns() - guard->spawner.quiet_ns >= bound_ns) {
        spawner_lost(guard, "the spawner did not answer");
        children_feed_spawner(guard);
    }
}

void
children_reap(struct guard *guard)
{
    for (;;) {
        siginfo_t info = { 0 };
        uint32_t number;
        int status = 0;

        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0
            || info.si_pid == 0)
            return;
        number = table_by_pid(&guard->table, info.si_pid);
        /* While it is a zombie its group's number cannot be taken. */
        if (info.si_pid != guard->spawner.pid)
            kill(-info.si_pid, SIGKILL);
        waitpid(info.si_pid, &status, 0);
        if (info.si_pid == guard->spawner.pid) {
            guard->spawner.pid = 0;
            spawner_lost(guard, "the spawner ended");
            children_feed_spawner(guard);
        } else if (number != 0) {
            child_exited(guard, number, status);
        }
    }
}

/* End every child at once.  They are reported as they are reaped. */
void
children_end_all(struct guard *guard, enum phub__guard_cause cause)
{
    struct table *table = &guard->table;

    /* Those that run first: every microsecond of them counts. */
    for (uint32_t i = 1; i <= table->used; i++) {
        struct slot *slot = &table->slots[i];

        if (slot->state == SLOT_EXECING || slot->state == SLOT_RUNNING) {
            slot->cause = cause;
            kill_child(slot, SIGKILL);
        }
    }
    cgroup_kill_all(guard);
    for (uint32_t i = 1; i <= table->used; i++) {
        struct slot *slot = &table->slots[i];

        if (slot->state == SLOT_QUEUED || slot->state == SLOT_SENT)
            fail(guard, i, ETIME, "cannot start \"%s\": the lease has passed",
                 program_of(slot));
    }
}
