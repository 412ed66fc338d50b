/* SPDX-License-Identifier: MIT */
/* client: the asking half of the control socket.
 *
 * The descriptor is non-blocking and each wait is a poll(2) with what is left
 * of the deadline.  Bytes of a frame that has not come whole stay, so receive
 * may be asked again after a timeout; half a frame sent cannot be taken back,
 * so a send that ran out of time breaks the connection. */
#include "config.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <phub/client.h>
#include <phub/error.h>

#include "control/address.h"
#include "wire/memory.h"

#define READ_MIN 65536u /* bytes asked for at once */
#define RETRY_MS 20     /* when the hub's backlog is full */

_Static_assert(PHUB_CLIENT_FRAME_MAX == PHUB__CONTROL_FRAME_MAX,
               "both halves agree");

struct phub_client {
    int fd;
    int broken;      /* PHUB_E* of all further calls */
    uint8_t *data;   /* received: the frame given last, then what follows */
    size_t capacity;
    size_t size;
    size_t given;    /* bytes of data that receive has given away */
};

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int64_t deadline_of(uint32_t timeout_ms)
{
    return timeout_ms == PHUB_CLIENT_FOREVER ? INT64_MAX
                                             : now_ms() + timeout_ms;
}

/* Wait for events.  Errors: PHUB_ETIMEDOUT. */
static int wait_for(int fd, short events, int64_t deadline)
{
    struct pollfd item = { .fd = fd, .events = events };

    for (;;) {
        int64_t left = deadline == INT64_MAX ? -1 : deadline - now_ms();
        int count;

        if (deadline != INT64_MAX && left < 0)
            left = 0;
        if (left > INT32_MAX)
            left = INT32_MAX;
        count = poll(&item, 1, (int)left);
        if (count > 0)
            return 0;
        if (count < 0 && errno != EINTR)
            return PHUB_ESYS;
        if (count == 0 && left >= 0 && now_ms() >= deadline)
            return PHUB_ETIMEDOUT;
    }
}

/* --- open and close ------------------------------------------------------ */

static int connect_error(int number)
{
    switch (number) {
    case ENOENT:
    case ENOTDIR:
    case ECONNREFUSED:
        return PHUB_ENOHUB;
    case EACCES:
    case EPERM:
        return PHUB_EREFUSED;
    default:
        return PHUB_ESYS;
    }
}

/* A local connect is made or refused at once, or the backlog is full. */
static int connect_to(int fd, const char *path, int64_t deadline)
{
    struct sockaddr_un address;
    socklen_t size;
    int dir_fd;
    int rc = phub__control_address(path, &address, &size, &dir_fd);

    if (rc != 0)
        return rc == PHUB_ENOTFOUND ? PHUB_ENOHUB : rc;
    while (connect(fd, (struct sockaddr *)&address, size) != 0) {
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN) {
            rc = connect_error(errno);
            break;
        }
        if (now_ms() >= deadline) {
            rc = PHUB_ETIMEDOUT;
            break;
        }
        poll(NULL, 0, RETRY_MS);
    }
    if (dir_fd >= 0)
        close(dir_fd);
    return rc;
}

int phub_client_open(const char *path, uint32_t timeout_ms,
                     struct phub_client **result)
{
    struct phub_client *client;
    int rc;

    if (path == NULL || result == NULL)
        return PHUB_EINVAL;
    client = phub__calloc(1, sizeof *client);
    if (client == NULL)
        return PHUB_ENOMEM;
    client->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                        0);
    rc = client->fd < 0 ? PHUB_ESYS
                        : connect_to(client->fd, path,
                                     deadline_of(timeout_ms));
    if (rc != 0) {
        phub_client_close(&client);
        return rc;
    }
    *result = client;
    return 0;
}

void phub_client_close(struct phub_client **client)
{
    if (client == NULL || *client == NULL)
        return;
    if ((*client)->fd >= 0)
        close((*client)->fd);
    phub__free((*client)->data);
    phub__free(*client);
    *client = NULL;
}

int phub_client_fd(const struct phub_client *client)
{
    return client != NULL ? client->fd : -1;
}

/* --- frames -------------------------------------------------------------- */

static int send_bytes(struct phub_client *client, const uint8_t *data,
                      size_t size, int64_t deadline)
{
    while (size > 0) {
        ssize_t put = send(client->fd, data, size, MSG_NOSIGNAL);
        int rc;

        if (put >= 0) {
            data += put;
            size -= (size_t)put;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN)
            return PHUB_ENOHUB;
        rc = wait_for(client->fd, POLLOUT, deadline);
        if (rc != 0)
            return rc;
    }
    return 0;
}

int phub_client_send(struct phub_client *client, struct phub_bytes body,
                     uint32_t timeout_ms)
{
    uint8_t head[PHUB__CONTROL_HEAD];
    int64_t deadline = deadline_of(timeout_ms);

    if (client == NULL || (body.data == NULL && body.size > 0))
        return PHUB_EINVAL;
    if (client->broken != 0)
        return client->broken;
    if (body.size > PHUB__CONTROL_FRAME_MAX)
        return PHUB_ELIMIT;
    phub__control_head_put(head, body.size);
    client->broken = send_bytes(client, head, sizeof head, deadline);
    if (client->broken == 0)
        client->broken = send_bytes(client, body.data, body.size, deadline);
    return client->broken;
}

/* Give the frame at the front if it is whole. */
static int take_frame(struct phub_client *client, struct phub_bytes *body)
{
    size_t size;

    if (client->size < PHUB__CONTROL_HEAD)
        return PHUB_EAGAIN;
    size = phub__control_head_get(client->data);
    if (size > PHUB__CONTROL_FRAME_MAX)
        return PHUB_EPROTO;
    if (client->size - PHUB__CONTROL_HEAD < size)
        return PHUB_EAGAIN;
    body->data = client->data + PHUB__CONTROL_HEAD;
    body->size = size;
    client->given = PHUB__CONTROL_HEAD + size;
    return 0;
}

static int make_room(struct phub_client *client)
{
    size_t capacity = client->capacity * 2;
    uint8_t *data;

    if (client->capacity - client->size >= READ_MIN)
        return 0;
    if (capacity < client->size + READ_MIN)
        capacity = client->size + READ_MIN;
    data = phub__realloc(client->data, capacity);
    if (data == NULL)
        return PHUB_ENOMEM;
    client->data = data;
    client->capacity = capacity;
    return 0;
}

int phub_client_receive(struct phub_client *client, uint32_t timeout_ms,
                        struct phub_bytes *body)
{
    int64_t deadline = deadline_of(timeout_ms);
    int rc;

    if (client == NULL || body == NULL)
        return PHUB_EINVAL;
    client->size -= client->given;
    if (client->given > 0 && client->size > 0)
        memmove(client->data, client->data + client->given, client->size);
    client->given = 0;
    while ((rc = take_frame(client, body)) == PHUB_EAGAIN) {
        ssize_t got;

        if (client->broken == PHUB_ENOHUB)
            return PHUB_ENOHUB;
        rc = make_room(client);
        if (rc != 0)
            return rc;
        got = recv(client->fd, client->data + client->size,
                   client->capacity - client->size, 0);
        if (got > 0) {
            client->size += (size_t)got;
            continue;
        }
        if (got == 0 || (errno != EAGAIN && errno != EINTR)) {
            client->broken = PHUB_ENOHUB;
            continue;
        }
        rc = wait_for(client->fd, POLLIN, deadline);
        if (rc != 0)
            return rc;
    }
    return rc;
}
