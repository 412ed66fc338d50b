/* SPDX-License-Identifier: MIT */
/* counter: a child that serves its own clients and can be moved while it does.
 *
 * It listens on a loopback port of its own, which it publishes as "port".
 * Each line "inc" is answered with the new count, each "get" with the count.
 * The promise that makes it movable: an increment that a client saw answered is
 * in the state.  All is one thread, so when FREEZE is answered, every answer
 * that was ever sent is counted in; and from then on nothing is read from a
 * client, so nothing is answered, until THAW.  Clients of a frozen counter wait
 * until it ends, then look its name up again.
 *
 * "counter 3" gives states of version 3, and refuses later ones.  Run by hand it
 * prints its port and serves. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <phub/child.h>

#define CLIENTS_MAX 128
#define LINE_MAX_ 64

struct client {
    int fd; /* 0: free */
    size_t size;
    char line[LINE_MAX_];
};

struct counter {
    struct phub_child *child; /* NULL when run by hand */
    unsigned long long count;
    uint32_t version; /* of the states it gives */
    int listener;
    bool serving;
    bool stopping;
    struct client clients[CLIENTS_MAX];
};

static int
on_stop(void *arg, uint64_t ref, uint64_t within_ms)
{
    struct counter *counter = arg;

    (void)ref;
    (void)within_ms;
    counter->stopping = true;
    return 0;
}

static int
on_freeze(void *arg, uint64_t ref)
{
    struct counter *counter = arg;

    (void)ref;
    counter->serving = false;
    return 0;
}

static int
on_thaw(void *arg, uint64_t ref)
{
    struct counter *counter = arg;

    (void)ref;
    counter->serving = !phub_child_standby(counter->child);
    return 0;
}

static int
on_commit(void *arg, uint64_t ref)
{
    struct counter *counter = arg;

    (void)ref;
    counter->serving = true;
    return 0;
}

static int
on_get_state(void *arg, uint64_t ref)
{
    struct counter *counter = arg;
    char text[32];
    int size = snprintf(text, sizeof text, "%llu", counter->count);

    return phub_child_give_state(counter->child, ref, counter->version, text,
                                 (size_t)size);
}

static int
on_put_state(void *arg, uint64_t ref, const struct phub_child_state *state)
{
    struct counter *counter = arg;
    char text[32], *end;

    (void)ref;
    counter->serving = !phub_child_standby(counter->child);
    if (state->code != 0)
        return 0; /* there is none: begin at 0 */
    if (state->version > counter->version)
        return PHUB_EVERSION;
    if (state->size == 0 || state->size >= sizeof text)
        return PHUB_EINVAL;
    memcpy(text, state->data, state->size);
    text[state->size] = 0;
    counter->count = strtoull(text, &end, 10);
    return *end == 0 ? 0 : PHUB_EINVAL;
}

static int
on_message(void *arg, uint64_t ref, const char *sender, const void *data,
           size_t size)
{
    struct counter *counter = arg;
    char text[32];
    int length;

    (void)sender;
    if (size == 3 && memcmp(data, "inc", 3) == 0)
        counter->count++;
    length = snprintf(text, sizeof text, "%llu", counter->count);
    if (ref == 0)
        return 0;
    return phub_child_give(counter->child, ref, text, (size_t)length);
}

/* It does not ask to be asked; if it is all the same, it thinks again. */
static int
on_consent(void *arg, uint64_t ref)
{
    struct counter *counter = arg;
    int rc = phub_child_done(counter->child, ref, PHUB_EBUSY, NULL);

    return rc != 0 ? rc : phub_child_agree(counter->child);
}

static const struct phub_child_calls calls = {
    .size = sizeof(struct phub_child_calls),
    .stop = on_stop, .freeze = on_freeze, .thaw = on_thaw,
    .commit = on_commit, .get_state = on_get_state,
    .put_state = on_put_state, .message = on_message,
    .consent = on_consent,
};

static void
hang_up(struct client *client)
{
    close(client->fd);
    client->fd = 0;
    client->size = 0;
}

/* Answer one line; a client that does not read its answers is hung up. */
static void
answer(struct counter *counter, struct client *client, const char *line)
{
    char text[32];
    int size;

    if (strcmp(line, "inc") == 0)
        counter->count++;
    else if (strcmp(line, "get") != 0)
        return;
    size = snprintf(text, sizeof text, "%llu\n", counter->count);
    if (send(client->fd, text, (size_t)size, MSG_DONTWAIT | MSG_NOSIGNAL)
        != size)
        hang_up(client);
}

static void
serve(struct counter *counter, struct client *client)
{
    ssize_t got = recv(client->fd, client->line + client->size,
                       sizeof client->line - 1 - client->size, MSG_DONTWAIT);
    char *end;

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got <= 0) {
        hang_up(client);
        return;
    }
    client->size += (size_t)got;
    client->line[client->size] = 0;
    while (client->fd > 0
           && (end = memchr(client->line, '\n', client->size)) != NULL) {
        *end = 0;
        answer(counter, client, client->line);
        client->size -= (size_t)(end + 1 - client->line);
        memmove(client->line, end + 1, client->size + 1);
    }
    if (client->fd > 0 && client->size == sizeof client->line - 1)
        hang_up(client);
}

static void
take_client(struct counter *counter)
{
    int fd = accept4(counter->listener, NULL, NULL, SOCK_CLOEXEC);

    for (size_t i = 0; i < CLIENTS_MAX && fd > 0; i++)
        if (counter->clients[i].fd == 0) {
            counter->clients[i].fd = fd;
            return;
        }
    if (fd > 0)
        close(fd);
}

static int
listen_somewhere(struct counter *counter, char *port, size_t port_max)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    socklen_t size = sizeof at;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    counter->listener = socket(AF_INET,
                               SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (counter->listener < 0
        || bind(counter->listener, (struct sockaddr *)&at, sizeof at) < 0
        || listen(counter->listener, 64) < 0
        || getsockname(counter->listener, (struct sockaddr *)&at, &size) < 0) {
        perror("counter: cannot listen");
        return -1;
    }
    snprintf(port, port_max, "%u", ntohs(at.sin_port));
    return 0;
}

/* One turn: the channel first, then clients if they are served now. */
static int
turn(struct counter *counter)
{
    struct pollfd at[CLIENTS_MAX + 2];
    int rc = 1;

    at[0] = (struct pollfd){ -1, POLLIN, 0 };
    if (counter->child != NULL)
        at[0].fd = phub_child_fd(counter->child);
    at[1] = (struct pollfd){ counter->listener, POLLIN, 0 };
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        at[i + 2] = (struct pollfd){
            counter->clients[i].fd > 0 ? counter->clients[i].fd : -1,
            POLLIN, 0 };
    if (poll(at, counter->serving ? CLIENTS_MAX + 2 : 1, -1) < 0)
        return errno == EINTR ? 0 : -1;
    if (at[0].revents != 0)
        while (!counter->stopping
               && (rc = phub_child_dispatch(counter->child)) == 1)
            continue;
    if (rc < 0)
        return -1; /* the hub is gone, and so are we */
    if (!counter->serving || counter->stopping)
        return 0;
    if (at[1].revents != 0)
        take_client(counter);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (at[i + 2].fd > 0 && at[i + 2].revents != 0)
            serve(counter, &counter->clients[i]);
    return 0;
}

int
main(int argc, char **argv)
{
    static struct counter counter;
    char port[16];
    int rc;

    signal(SIGPIPE, SIG_IGN);
    counter.version = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1;
    if (listen_somewhere(&counter, port, sizeof port) < 0)
        return 1;
    rc = phub_child_open(&counter.child, &calls,
                         PHUB_CHILD_CAN_FREEZE | PHUB_CHILD_CAN_STATE,
                         counter.version, &counter);
    if (rc == 0) {
        rc = phub_child_publish(counter.child, "port", port);
        counter.serving = !phub_child_standby(counter.child)
                       && !phub_child_state_expected(counter.child);
    } else if (rc == PHUB_ENOTCHILD) {
        rc = 0;
        counter.serving = true;
    }
    if (rc != 0) {
        fprintf(stderr, "counter: %s\n", phub_child_strerror(rc));
        return 1;
    }
    printf("port %s\n", port);
    fflush(stdout);
    while (!counter.stopping)
        if (turn(&counter) < 0)
            return 1;
    return 0;
}
