/* SPDX-License-Identifier: MIT */
/* daemon: the guard's side of the connection to its daemon.
 *
 * There is one daemon; the state directory's lock sees to that.  A connection
 * counts from its HELLO on, and then replaces the one before: that of a daemon
 * which has died, or is about to.  Only processes of the same user, or root,
 * are listened to. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <phub/cbor.h>

#include "guard.h"

static bool
peer_is_ours(int fd)
{
    struct ucred peer;
    socklen_t size = sizeof peer;

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0
        && (peer.uid == 0 || peer.uid == geteuid());
}

/* The daemon, a candidate and whoever comes next have a descriptor each, in use
 * or kept for them, whatever the children need. */
void
daemon_keep_fds(struct guard *guard)
{
    int want = GUARD_CONNECTIONS - (guard->daemon >= 0)
             - (guard->candidate >= 0);

    while (guard->kept_count < want) {
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        if (fd < 0)
            break;
        guard->kept[guard->kept_count++] = fd;
    }
}

/* Who cannot be accepted all the same (the whole machine has no more) would
 * wake the guard again and again: it waits until there may be room. */
void
daemon_listen(struct guard *guard, bool listen)
{
    if (guard->deaf == !listen)
        return;
    guard->deaf = !listen;
    rewatch(guard, guard->listener, listen ? EPOLLIN : 0, EVENT_LISTENER, 0);
}

void
daemon_accept(struct guard *guard)
{
    int fd;

    if (guard->kept_count > 0)
        close_fd(&guard->kept[--guard->kept_count]);
    fd = accept4(guard->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        if (errno == EMFILE || errno == ENFILE || errno == ENOMEM
            || errno == ENOBUFS)
            daemon_listen(guard, false);
    } else if (!peer_is_ours(fd)) {
        guard->rejected++;
        close(fd);
    } else {
        close_fd(&guard->candidate);
        guard->candidate = fd;
        if (watch(guard, fd, EPOLLIN, EVENT_CANDIDATE, 0) != 0)
            close_fd(&guard->candidate);
    }
    daemon_keep_fds(guard);
}

/* Send a message with descriptors; 0 or an errno. */
static int
send_message(int to, const struct phub__guard_message *message,
             const int *fds, size_t count)
{
    static uint8_t buf[PHUB__GUARD_TEXT_MAX + PHUB_CHILD_ID_MAX
                       + PHUB__GUARD_NOTE_MAX + 256];
    union {
        char bytes[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = { buf, 0 };
    struct msghdr out = { .msg_iov = &part, .msg_iovlen = 1 };

    if (phub__guard_encode(message, buf, sizeof buf, &part.iov_len) != 0)
        return EMSGSIZE;
    if (count > 0) {
        struct cmsghdr *head;

        memset(&control, 0, sizeof control);
        out.msg_control = &control;
        out.msg_controllen = CMSG_SPACE(count * sizeof(int));
        head = CMSG_FIRSTHDR(&out);
        head->cmsg_level = SOL_SOCKET;
        head->cmsg_type = SCM_RIGHTS;
        head->cmsg_len = CMSG_LEN(count * sizeof(int));
        memcpy(CMSG_DATA(head), fds, count * sizeof(int));
    }
    return sendmsg(to, &out, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? errno : 0;
}

static struct phub_bytes
bytes_of(const void *data, size_t size)
{
    return (struct phub_bytes){ data, size };
}

/* Say why this guard does not start, on the first connection. */
void
daemon_fatal(int fd, int sys_errno, const char *text)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_FATAL,
        .sys_errno = (uint32_t)sys_errno,
        .text = bytes_of(text, strlen(text)),
    };

    (void)send_message(fd, &m, NULL, 0);
}

/* Answer a start that has no slot, or the end of what is not known.  What the
 * daemon does not take now is lost to it, and counted. */
void
daemon_refuse(struct guard *guard, uint64_t handle, int sys_errno,
              const char *text)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_SPAWN_FAILED,
        .handle = handle,
        .sys_errno = (uint32_t)sys_errno,
        .text = bytes_of(text, strlen(text)),
    };

    if (guard->daemon < 0 || send_message(guard->daemon, &m, NULL, 0) != 0)
        guard->rejected++;
}

static int
tell_welcome(const struct guard *guard)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_WELCOME,
        .version = PHUB__GUARD_VERSION,
        .guard_id = guard->id,
        .deadline_ns = guard->deadline_ns,
        .pid = (uint32_t)guard->pid,
    };

    return send_message(guard->daemon, &m, NULL, 0);
}

static int
tell_child(const struct guard *guard, const struct slot *slot)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_CHILD,
        .handle = slot->handle,
        .child = bytes_of(slot->id, slot->id_size),
        .epoch = slot->epoch,
        .pid = (uint32_t)slot->pid,
        .start_ticks = slot->start_ticks,
        .running = slot->state == SLOT_RUNNING,
        .note = bytes_of(slot->id + slot->id_size, slot->note_size),
        .flags = slot->flags,
    };
    int fds[2] = { slot->channel, slot->output };

    return send_message(guard->daemon, &m, fds,
                        slot->flags & PHUB__GUARD_FLAG_STDIO ? 0 : 2);
}

static int
tell_failed(const struct guard *guard, const struct slot *slot)
{
    const char *text = slot->error != NULL ? slot->error : "out of memory";
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_SPAWN_FAILED,
        .handle = slot->handle,
        .sys_errno = (uint32_t)slot->sys_errno,
        .text = bytes_of(text, strlen(text)),
    };

    /* Its name may be in any encoding. */
    if (!phub_cbor_utf8_ok(m.text.data, m.text.size))
        m.text = bytes_of("the program cannot be started", 29);
    return send_message(guard->daemon, &m, NULL, 0);
}

static int
tell_exited(const struct guard *guard, const struct slot *slot)
{
    struct phub__guard_message m = {
        .verb = PHUB__GUARD_EXITED,
        .handle = slot->handle,
        .status = slot->wait_status,
        .cause = slot->cause,
    };

    return send_message(guard->daemon, &m, NULL, 0);
}

/* Tell what a slot has to tell; 0 if all of it was sent. */
static int
tell_slot(const struct guard *guard, struct slot *slot)
{
    int error = 0;

    if (slot->tell & TELL_CHILD) {
        error = tell_child(guard, slot);
        if (error != 0)
            return error;
        slot->tell &= ~TELL_CHILD;
    }
    if (slot->tell & TELL_FAILED) {
        error = tell_failed(guard, slot);
        if (error != 0)
            return error;
        slot->tell &= ~TELL_FAILED;
    }
    if (slot->tell & TELL_EXITED) {
        error = tell_exited(guard, slot);
        if (error == 0)
            slot->tell &= ~TELL_EXITED;
    }
    return error;
}

static void
daemon_lost(struct guard *guard)
{
    close_fd(&guard->daemon);
    guard->welcome_due = guard->all_told_due = false;
    guard->wants_write = false;
    daemon_keep_fds(guard);
}

static void
candidate_lost(struct guard *guard)
{
    close_fd(&guard->candidate);
    daemon_keep_fds(guard);
}

/* Send what is due, as far as the daemon takes it. */
void
daemon_tell(struct guard *guard)
{
    struct table *table = &guard->table;
    int error = 0;

    if (guard->daemon < 0)
        return;
    if (guard->welcome_due) {
        error = tell_welcome(guard);
        guard->welcome_due = error != 0;
    }
    while (error == 0 && table->tell_head != 0) {
        uint32_t number = table_tell_pop(table);
        struct slot *slot = &table->slots[number];

        error = tell_slot(guard, slot);
        if (error != 0)
            table_tell(table, number, 0);
        else if (slot->state == SLOT_FAILED)
            table_free(table, number);
    }
    if (error == 0 && guard->all_told_due) {
        struct phub__guard_message m = { .verb = PHUB__GUARD_ALL_TOLD };

        error = send_message(guard->daemon, &m, NULL, 0);
        guard->all_told_due = error != 0;
    }
    if (error == EPIPE || error == ECONNRESET) {
        daemon_lost(guard);
        return;
    }
    if ((error != 0) != guard->wants_write) {
        guard->wants_write = error != 0;
        rewatch(guard, guard->daemon,
                EPOLLIN | (guard->wants_write ? EPOLLOUT : 0u), EVENT_DAEMON,
                0);
    }
}

/* A candidate said HELLO: it is the daemon now and hears of every child. */
static void
daemon_adopt(struct guard *guard)
{
    struct table *table = &guard->table;

    daemon_lost(guard);
    guard->daemon = guard->candidate;
    guard->candidate = -1;
    guard->welcome_due = guard->all_told_due = true;
    rewatch(guard, guard->daemon, EPOLLIN, EVENT_DAEMON, 0);
    for (uint32_t i = 1; i <= table->used; i++) {
        struct slot *slot = &table->slots[i];

        if (slot->state == SLOT_RUNNING)
            table_tell(table, i, TELL_CHILD);
        else if (slot->state == SLOT_EXITED)
            table_tell(table, i, TELL_CHILD | TELL_EXITED);
    }
}

/* A deadline is only ever compared: the latest counts, and one that has passed
 * has passed. */
static void
take_deadline(struct guard *guard, uint64_t deadline_ns)
{
    struct itimerspec at = { 0 };
    uint64_t now = now_boot_ns();

    if (deadline_ns <= guard->deadline_ns || deadline_ns <= now)
        return;
    if (deadline_ns - now > PHUB__GUARD_AHEAD_MAX_NS) {
        guard->rejected++;
        return;
    }
    guard->deadline_ns = deadline_ns;
    guard->expired = false;
    at.it_value.tv_sec = (time_t)(deadline_ns / 1000000000u);
    at.it_value.tv_nsec = (long)(deadline_ns % 1000000000u);
    timerfd_settime(guard->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void
handle(struct guard *guard, const struct phub__guard_message *m,
       const void *datagram, size_t size, int *fds, size_t count)
{
    switch (m->verb) {
    case PHUB__GUARD_SPAWN:
        child_spawn(guard, m, datagram, size, fds, count);
        break;
    case PHUB__GUARD_SIGNAL:
        child_signal(guard, m->handle, (int)m->signal);
        break;
    case PHUB__GUARD_DEADLINE:
        take_deadline(guard, m->deadline_ns);
        break;
    case PHUB__GUARD_RELEASE:
        child_release(guard, m->handle);
        break;
    case PHUB__GUARD_QUIT:
        guard->quitting = true;
        children_end_all(guard, PHUB__GUARD_BY_QUIT);
        break;
    case PHUB__GUARD_HELLO:
    case PHUB__GUARD_WELCOME:
    case PHUB__GUARD_CHILD:
    case PHUB__GUARD_SPAWN_FAILED:
    case PHUB__GUARD_EXITED:
    case PHUB__GUARD_FATAL:
    case PHUB__GUARD_ALL_TOLD:
        guard->rejected++;
        break;
    }
}

/* Receive one datagram; -1: none now, 0: the connection is over. */
static ssize_t
receive(int from, uint8_t *buf, size_t capacity, int *fds, size_t *count)
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
    ssize_t size = recvmsg(from, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    *count = 0;
    if (size < 0)
        return errno == EAGAIN || errno == EINTR ? -1 : 0;
    head = CMSG_FIRSTHDR(&message);
    if (head != NULL && head->cmsg_level == SOL_SOCKET
        && head->cmsg_type == SCM_RIGHTS) {
        *count = (head->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        memcpy(fds, CMSG_DATA(head), *count * sizeof(int));
    }
    if (size > 0 && message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
        return 1; /* one byte is no message: refused and counted */
    return size;
}

/* Read from the daemon, or from a candidate until its HELLO. */
void
daemon_event(struct guard *guard, uint32_t events, bool candidate)
{
    static uint8_t buf[PHUB__GUARD_MESSAGE_MAX];

    if (events & EPOLLOUT)
        daemon_tell(guard);
    for (int turn = 0; turn < GUARD_DAEMON_TURN_MAX; turn++) {
        struct phub__guard_message m;
        int fds[PHUB__GUARD_FDS_MAX] = { -1, -1, -1 };
        int *from = candidate ? &guard->candidate : &guard->daemon;
        size_t count;
        ssize_t size;

        if (*from < 0)
            return;
        size = receive(*from, buf, sizeof buf, fds, &count);
        if (size < 0)
            return;
        if (size == 0 && candidate)
            candidate_lost(guard);
        else if (size == 0)
            daemon_lost(guard);
        else if (phub__guard_decode(buf, (size_t)size, &m) != 0)
            guard->rejected++;
        else if (!candidate)
            handle(guard, &m, buf, (size_t)size, fds, count);
        else if (m.verb != PHUB__GUARD_HELLO)
            candidate_lost(guard);
        else {
            daemon_adopt(guard);
            candidate = false;
        }
        for (size_t i = 0; i < count; i++)
            close_fd(&fds[i]);
    }
}
