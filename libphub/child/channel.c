/* SPDX-License-Identifier: MIT */
/* channel: the daemon's end of the child protocol, bounded everywhere. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "child/channel.h"

struct waiting {
    struct waiting *next;
    int fd; /* owns; -1 */
    size_t size;
    uint8_t bytes[];
};

struct pending {
    uint64_t ref; /* 0: free */
    uint32_t verb;
};

struct phub__channel {
    int fd;
    struct phub__channel_counts counts;
    struct pending pending[PHUB__CHANNEL_PENDING_MAX];
    struct waiting *head, **tail;
    size_t queued, queued_bytes;
    bool *closed; /* set while received() may close us */
};

int
phub__channel_open(struct phub__channel **out, int fd)
{
    struct phub__channel *channel = calloc(1, sizeof *channel);

    if (channel == NULL)
        return PHUB_ENOMEM;
    channel->fd = fd;
    channel->tail = &channel->head;
    *out = channel;
    return 0;
}

static void
free_waiting(struct waiting *waiting)
{
    if (waiting->fd >= 0)
        close(waiting->fd);
    free(waiting);
}

void
phub__channel_close(struct phub__channel **channel)
{
    struct phub__channel *c = *channel;

    if (c == NULL)
        return;
    *channel = NULL;
    if (c->closed != NULL)
        *c->closed = true;
    close(c->fd);
    while (c->head != NULL) {
        struct waiting *waiting = c->head;

        c->head = waiting->next;
        free_waiting(waiting);
    }
    free(c);
}

int
phub__channel_fd(const struct phub__channel *channel)
{
    return channel->fd;
}

bool
phub__channel_wants_write(const struct phub__channel *channel)
{
    return channel->head != NULL;
}

void
phub__channel_counts(const struct phub__channel *channel,
                     struct phub__channel_counts *counts)
{
    *counts = channel->counts;
}

static struct pending *
find_pending(struct phub__channel *channel, uint64_t ref)
{
    for (size_t i = 0; i < PHUB__CHANNEL_PENDING_MAX; i++)
        if (channel->pending[i].ref == ref)
            return &channel->pending[i];
    return NULL;
}

void
phub__channel_forget(struct phub__channel *channel, uint64_t ref)
{
    struct pending *pending = ref != 0 ? find_pending(channel, ref) : NULL;

    if (pending != NULL)
        pending->ref = 0;
}

int
phub__channel_writable(struct phub__channel *channel)
{
    while (channel->head != NULL) {
        struct waiting *waiting = channel->head;
        int rc = phub__childmsg_send(channel->fd, waiting->bytes,
                                     waiting->size, waiting->fd, MSG_DONTWAIT);

        if (rc == PHUB_EBUSY)
            return 0;
        if (rc != 0)
            return rc;
        channel->head = waiting->next;
        if (channel->head == NULL)
            channel->tail = &channel->head;
        channel->queued--;
        channel->queued_bytes -= waiting->size;
        free_waiting(waiting);
    }
    return 0;
}

/* Queue an encoded copy of message; its fd is duplicated. */
static int
enqueue(struct phub__channel *channel, const struct phub__childmsg *message)
{
    struct waiting *waiting;
    size_t size;
    int rc = phub__childmsg_encode(message, NULL, 0, &size);

    if (rc == PHUB_EINVAL)
        return rc;
    if (size > PHUB_CHILD_MESSAGE_MAX)
        return PHUB_ELIMIT;
    if (channel->queued >= PHUB__CHANNEL_QUEUE_MAX
        || channel->queued_bytes + size > PHUB__CHANNEL_QUEUE_BYTES_MAX)
        return PHUB_EBUSY;
    waiting = malloc(sizeof *waiting + size);
    if (waiting == NULL)
        return PHUB_ENOMEM;
    waiting->next = NULL;
    waiting->size = size;
    waiting->fd = -1;
    (void)phub__childmsg_encode(message, waiting->bytes, size, &size);
    if (message->fd >= 0) {
        waiting->fd = fcntl(message->fd, F_DUPFD_CLOEXEC, 0);
        if (waiting->fd < 0) {
            free(waiting);
            return PHUB_ESYS;
        }
    }
    *channel->tail = waiting;
    channel->tail = &waiting->next;
    channel->queued++;
    channel->queued_bytes += size;
    return 0;
}

int
phub__channel_send(struct phub__channel *channel,
                   const struct phub__childmsg *message)
{
    struct phub__childmsg m = *message;
    struct pending *pending = NULL;
    size_t room = PHUB__CHANNEL_PENDING_MAX;
    int own = -1, rc = 0;

    if (m.ref != 0) {
        if (find_pending(channel, m.ref) != NULL)
            return PHUB_EEXIST;
        pending = find_pending(channel, 0);
        /* A child that many call can still be frozen, and moved. */
        if (m.verb == PHUB_CHILD_MESSAGE)
            room -= PHUB__CHANNEL_PENDING_OWN;
        if (pending == NULL || pending >= channel->pending + room)
            return PHUB_EBUSY;
    }
    if (m.fd < 0 && m.body.size > PHUB_CHILD_BODY_MAX) {
        rc = phub__childmsg_memfd(m.body.data, m.body.size, &own);
        if (rc != 0)
            return rc;
        m.fd = own;
        m.fd_size = m.body.size;
    }
    rc = enqueue(channel, &m);
    if (own >= 0)
        close(own);
    if (rc != 0)
        return rc;
    if (pending != NULL) {
        pending->ref = m.ref;
        pending->verb = m.verb;
    }
    return phub__channel_writable(channel);
}

/* True if the message may be handed on; asked is set for an answer. */
static bool
admit(struct phub__channel *channel, const struct phub__childmsg *message,
      uint32_t *asked)
{
    struct pending *pending;

    *asked = 0;
    if (message->verb < PHUB_CHILD_HELLO) {
        channel->counts.garbage++;
        return false;
    }
    if (message->verb != PHUB_CHILD_DONE)
        return true;
    pending = find_pending(channel, message->ref);
    if (pending == NULL) {
        channel->counts.unawaited++;
        return false;
    }
    *asked = pending->verb;
    pending->ref = 0;
    return true;
}

int
phub__channel_readable(struct phub__channel *channel,
                       void (*received)(void *arg,
                           const struct phub__childmsg *message,
                           uint32_t asked),
                       void *arg)
{
    uint8_t buf[PHUB_CHILD_MESSAGE_MAX];
    bool closed = false;

    channel->closed = &closed;
    for (int turn = 0; turn < PHUB__CHANNEL_READ_TURN_MAX; turn++) {
        struct phub__childmsg m = { .fd = -1 };
        uint32_t asked;
        int rc = phub__childmsg_receive(channel->fd, buf, &m);

        if (rc == 0)
            break;
        if (rc == PHUB_ESHUTDOWN) {
            channel->closed = NULL;
            return rc;
        }
        channel->counts.received++;
        if (rc == PHUB_EUNSUPPORTED)
            channel->counts.unknown++;
        else if (rc < 0)
            channel->counts.garbage++;
        else if (admit(channel, &m, &asked))
            received(arg, &m, asked);
        if (m.fd >= 0)
            close(m.fd);
        if (closed)
            return 0;
        if (channel->counts.garbage >= PHUB__CHANNEL_GARBAGE_MAX) {
            channel->closed = NULL;
            return PHUB_EPROTO;
        }
    }
    channel->closed = NULL;
    return 0;
}
