/* SPDX-License-Identifier: MIT */
/* net: the listener, one ROUTER that only ever receives.
 *
 * Answers go by the peer's own listener, so no routing id is ever used: each
 * connection keeps the one libzmq gives it, which cannot clash and cannot be
 * claimed by somebody else; who speaks is said in the envelope.
 *
 * ZMQ_FD is edge-triggered and says only "ask for ZMQ_EVENTS".  So its poll
 * only sets look; prepare asks before each sleep and keeps the loop awake if
 * there is something; check, after the poll, receives.  A turn handles a
 * bounded number of frames and bytes, so that a flood delays no timer.
 *
 * A frame is one part, or two: head and body.  What arrives is one buffer: a
 * small part is copied, a large one shared with libzmq, two are joined.  A
 * part above PHUB__NET_FRAME_MAX ends the connection inside libzmq. */
#include "config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <unistd.h>

#include <zmq.h>

#include <phub/error.h>

#include "env/real/link_name.h"
#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define COPY_MAX 16384u    /* bytes; larger parts are shared */
#define RECEIVE_HWM 1024   /* frames of one connection inside libzmq */
#define BACKLOG 1024
#define HANDSHAKE_MS 5000
#define LISTEN_FDS 4u
#define SOCKETS_MAX 65536

void *phub__net_context(struct phub__real_net *net)
{
    if (net->context == NULL) {
        net->context = zmq_ctx_new();
        if (net->context != NULL) {
            zmq_ctx_set(net->context, ZMQ_BLOCKY, 0);
            zmq_ctx_set(net->context, ZMQ_MAX_SOCKETS, SOCKETS_MAX);
        }
    }
    return net->context;
}

void phub__net_set(void *socket, int option, int value)
{
    zmq_setsockopt(socket, option, &value, sizeof value);
}

struct phub__real_poll *
phub__net_poll_new(struct phub__env_real *real, void *socket, void *owner,
                   void (*ready)(struct phub__real_poll *poll, int events))
{
    int fd = -1;
    size_t size = sizeof fd;

    if (zmq_getsockopt(socket, ZMQ_FD, &fd, &size) != 0)
        return NULL;
    return phub__real_poll_new(real, fd, UV_READABLE, owner, ready);
}

/* --- receiving ----------------------------------------------------------- */

static void free_message(void *arg)
{
    zmq_msg_close(arg);
    phub__free(arg);
}

/* Take the part: shared if it is large. */
static struct phub_buf *buf_of_part(zmq_msg_t *part)
{
    size_t size = zmq_msg_size(part);
    struct phub_buf *buf;
    zmq_msg_t *kept;

    if (size <= COPY_MAX)
        return phub__buf_copy(zmq_msg_data(part), size);
    kept = phub__malloc(sizeof *kept);
    if (kept == NULL)
        return NULL;
    zmq_msg_init(kept);
    zmq_msg_move(kept, part);
    buf = phub__buf_wrap(zmq_msg_data(kept), size, free_message, kept);
    if (buf == NULL)
        free_message(kept);
    return buf;
}

static struct phub_buf *buf_of_parts(zmq_msg_t *head, zmq_msg_t *body)
{
    size_t head_size = zmq_msg_size(head);
    size_t body_size = zmq_msg_size(body);
    struct phub_buf *buf = phub__buf_new(head_size + body_size);

    if (buf == NULL)
        return NULL;
    memcpy(buf->data, zmq_msg_data(head), head_size);
    memcpy(buf->data + head_size, zmq_msg_data(body), body_size);
    return buf;
}

/* Receive one part; 1 if there is more, 0 if it was the last, -1 if none. */
static int receive_part(void *router, zmq_msg_t *part)
{
    int rc;

    do
        rc = zmq_msg_recv(part, router, ZMQ_DONTWAIT);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return -1;
    return zmq_msg_more(part) ? 1 : 0;
}

/* Take a whole message off the socket.  False if there is none.  frame stays
 * NULL if it was refused. */
static bool receive_frame(struct phub__real_net *net, struct phub_buf **frame)
{
    zmq_msg_t parts[3]; /* routing id, head, body */
    uint32_t count = 0;
    uint64_t *refused = NULL;
    int more = 1;

    for (uint32_t i = 0; i < 3; i++)
        zmq_msg_init(&parts[i]);
    while (more == 1 && count < 3) {
        more = receive_part(net->router, &parts[count]);
        if (more >= 0)
            count++;
    }
    if (more == 1) {
        refused = &net->counters.refused_parts;
        while (more == 1)
            more = receive_part(net->router, &parts[2]);
    } else if (count == 2) {
        *frame = buf_of_part(&parts[1]);
        refused = *frame == NULL ? &net->counters.refused_memory : NULL;
    } else if (count == 3 && zmq_msg_size(&parts[1]) +
               zmq_msg_size(&parts[2]) > PHUB__NET_FRAME_MAX) {
        refused = &net->counters.refused_size;
    } else if (count == 3) {
        *frame = buf_of_parts(&parts[1], &parts[2]);
        refused = *frame == NULL ? &net->counters.refused_memory : NULL;
    } else if (count == 1) {
        refused = &net->counters.refused_parts;
    }
    for (uint32_t i = 0; i < 3; i++)
        zmq_msg_close(&parts[i]);
    if (refused != NULL)
        (*refused)++;
    return count > 0;
}

bool phub__net_has_input(void *socket)
{
    int events = 0;
    size_t size = sizeof events;

    return zmq_getsockopt(socket, ZMQ_EVENTS, &events, &size) == 0 &&
           (events & ZMQ_POLLIN) != 0;
}

void phub__real_net_check(struct phub__env_real *real)
{
    struct phub__real_net *net = real->net;
    uint32_t frames = PHUB__NET_TURN_FRAMES_MAX;
    size_t bytes = PHUB__NET_TURN_BYTES_MAX;

    if (!net->look)
        return;
    net->look = false;
    /* The hub may close the listener while it handles a frame. */
    while (net->router != NULL && frames > 0 && bytes > 0) {
        struct phub_buf *frame = NULL;

        if (!receive_frame(net, &frame))
            return;
        frames--;
        if (frame == NULL)
            continue;
        bytes -= frame->size < bytes ? frame->size : bytes;
        net->counters.received++;
        net->counters.received_bytes += frame->size;
        net->events.received(net->arg, frame);
        phub__buf_unref(&frame);
        phub__real_turn_end(real);
    }
}

void phub__real_net_prepare(struct phub__env_real *real)
{
    struct phub__real_net *net = real->net;

    if (net->router != NULL && phub__net_has_input(net->router)) {
        net->look = true;
        phub__real_awake(real);
    }
}

static void on_router(struct phub__real_poll *poll, int events)
{
    struct phub__real_net *net = poll->owner;

    (void)events;
    net->look = true;
}

/* --- listening ----------------------------------------------------------- */

static int listen_fail(const char *endpoint, char *error, size_t error_max)
{
    return phub__real_fail(error, error_max, PHUB_ESYS,
                           "cannot listen on \"%s\": %s", endpoint,
                           zmq_strerror(zmq_errno()));
}

/* libzmq makes way for its socket, whatever is there. */
static bool is_other_file(const char *endpoint)
{
    struct stat status;

    return strncmp(endpoint, "ipc://", 6) == 0 && endpoint[6] == '/' &&
           lstat(endpoint + 6, &status) == 0 && !S_ISSOCK(status.st_mode);
}

static void net_close(struct phub_env *env)
{
    struct phub__real_net *net = phub__real_of(env)->net;

    phub__real_poll_free(&net->poll);
    if (net->router != NULL)
        zmq_close(net->router);
    net->router = NULL;
    net->look = false;
}

/* The address that packets to others leave from, "[...]" around it if it is of
 * version 6.  Nothing is sent: connecting a datagram socket asks for the route
 * alone (the addresses are those of RFC 5737 and RFC 3849). */
static bool own_address(bool six, char *text, size_t text_max)
{
    struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
    struct sockaddr_in6 to6 = { .sin6_family = AF_INET6,
                                .sin6_port = htons(9) };
    const struct sockaddr *address = six ? (struct sockaddr *)&to6
                                         : (struct sockaddr *)&to;
    socklen_t size = six ? sizeof to6 : sizeof to;
    char number[INET6_ADDRSTRLEN];
    int fd = socket(six ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool known;

    inet_pton(AF_INET, "192.0.2.1", &to.sin_addr);
    inet_pton(AF_INET6, "2001:db8::1", &to6.sin6_addr);
    known = fd >= 0 && connect(fd, address, size) == 0 &&
            getsockname(fd, six ? (struct sockaddr *)&to6
                                : (struct sockaddr *)&to, &size) == 0 &&
            inet_ntop(six ? AF_INET6 : AF_INET,
                      six ? (const void *)&to6.sin6_addr
                          : (const void *)&to.sin_addr,
                      number, sizeof number) != NULL;
    if (fd >= 0)
        close(fd);
    if (known)
        snprintf(text, text_max, six ? "[%s]" : "%s", number);
    return known;
}

/* Nobody can connect to "everywhere": say where this machine is. */
static void make_reachable(char *actual, size_t actual_max)
{
    bool six = strncmp(actual, "tcp://[::]:", 11) == 0;
    char address[INET6_ADDRSTRLEN + 2], port[8];

    if ((!six && strncmp(actual, "tcp://0.0.0.0:", 14) != 0) ||
        (!own_address(six, address, sizeof address) &&
         !(six && own_address(false, address, sizeof address))))
        return;
    snprintf(port, sizeof port, "%s", strrchr(actual, ':') + 1);
    snprintf(actual, actual_max, "tcp://%s:%s", address, port);
}

static int net_listen(struct phub_env *env, const char *endpoint,
                      const struct phub__net_events *events, void *arg,
                      char *actual, size_t actual_max, char *error,
                      size_t error_max)
{
    struct phub__real_net *net = phub__real_of(env)->net;
    int64_t part_max = PHUB__NET_FRAME_MAX;
    size_t actual_size = actual_max;

    if (net->router != NULL)
        return phub__real_fail(error, error_max, PHUB_EINVAL,
                               "already listening");
    if (!phub__env_real_fds_spare(env, LISTEN_FDS))
        return phub__real_fail(error, error_max, PHUB_ESYS,
                               "cannot listen on \"%s\": too few file"
                               " descriptors are allowed", endpoint);
    if (is_other_file(endpoint))
        return phub__real_fail(error, error_max, PHUB_EEXIST,
                               "cannot listen on \"%s\": the file is there "
                               "and is no socket", endpoint);
    if (phub__net_context(net) != NULL)
        net->router = zmq_socket(net->context, ZMQ_ROUTER);
    if (net->router == NULL)
        return listen_fail(endpoint, error, error_max);
    phub__net_set(net->router, ZMQ_LINGER, 0);
    phub__net_set(net->router, ZMQ_RCVHWM, RECEIVE_HWM);
    phub__net_set(net->router, ZMQ_SNDHWM, 1);
    phub__net_set(net->router, ZMQ_BACKLOG, BACKLOG);
    phub__net_set(net->router, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    phub__net_set(net->router, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    zmq_setsockopt(net->router, ZMQ_MAXMSGSIZE, &part_max, sizeof part_max);
    net->events = *events;
    net->arg = arg;
    if (zmq_bind(net->router, endpoint) != 0 ||
        zmq_getsockopt(net->router, ZMQ_LAST_ENDPOINT, actual,
                       &actual_max) != 0) {
        listen_fail(endpoint, error, error_max);
        net_close(env);
        return PHUB_ESYS;
    }
    make_reachable(actual, actual_size);
    net->poll = phub__net_poll_new(net->real, net->router, net, on_router);
    if (net->poll == NULL) {
        listen_fail(endpoint, error, error_max);
        net_close(env);
        return PHUB_ESYS;
    }
    net->look = true;
    return 0;
}

/* --- life ---------------------------------------------------------------- */

int phub__real_net_init(struct phub__env_real *real)
{
    struct phub__real_net *net = phub__calloc(1, sizeof *net);

    if (net == NULL)
        return PHUB_ENOMEM;
    net->real = real;
    real->net = net;
    real->env.net_listen = net_listen;
    real->env.net_close = net_close;
    real->env.link_open = phub__link_open;
    real->env.link_send = phub__link_send;
    real->env.link_close = phub__link_close;
    return 0;
}

void phub__real_net_stop(struct phub__env_real *real)
{
    struct phub__real_net *net = real->net;

    while (net->links != NULL) {
        struct phub__link *link = net->links;

        phub__link_close(&real->env, &link);
    }
    net_close(&real->env);
}

/* All sockets are closed without linger, so the term does not wait. */
void phub__real_net_fini(struct phub__env_real *real)
{
    struct phub__real_net *net = real->net;

    if (net == NULL)
        return;
    if (net->context != NULL)
        zmq_ctx_term(net->context);
    phub__link_names_fini(net);
    phub__free(net);
    real->net = NULL;
}

void phub__env_real_net_counters(const struct phub_env *env,
                                 struct phub__net_counters *counters)
{
    const struct phub__env_real *real = (const void *)env;

    *counters = real->net->counters;
}
