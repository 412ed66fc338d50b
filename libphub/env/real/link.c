/* SPDX-License-Identifier: MIT */
/* link: one DEALER that only ever sends, to one peer.
 *
 * Nobody waits for it to become writable: a full link answers PHUB_EBUSY and
 * the session above tries again, so it needs no poll.  Small frames are copied
 * into one part; a large body is a part of its own that shares the buffer with
 * libzmq, whose threads give the reference back.  The queue is bounded in
 * frames (high-water mark) and in the bytes of shared bodies (account).
 *
 * A control link, and one to a name, has a monitor, a PAIR that tells of
 * connections made and broken; its events may be lost, they are hints.  The
 * number of descriptors of a link is asked for before its sockets are made:
 * libzmq aborts when it gets none. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include <phub/error.h>

#include "env/real/link_name.h"
#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define JOIN_MAX 4096u /* bytes; larger frames have a part for the body */
#define LINK_FDS 5u    /* dealer, connection, monitor twice, one in reserve */
#define RECONNECT_MS 50
/* Well below alone_grace: a node that comes back must be heard from those who
 * run its children before it thinks that it is alone. */
#define RECONNECT_MAX_MS 200
#define CONNECT_MS 3000
#define HANDSHAKE_MS 5000
#define UNACKED_MS 10000 /* control: TCP gives up, then connects again */
#define HEARTBEAT_MS 5000
#define HEARTBEAT_TIMEOUT_MS 15000
#define INCOMING_MAX 64  /* bytes; peers send nothing on this socket */

/* Outlives the link until libzmq has given back the last body. */
struct account {
    atomic_uint refs;
    atomic_size_t bytes;
};

struct shared_body {
    struct phub_buf *buf;
    struct account *account;
};

struct phub__link {
    struct phub__link *next;
    struct phub__link *prev;
    struct phub__real_net *net;
    enum phub__link_kind kind;
    void *dealer;
    void *monitor;
    struct phub__real_poll *poll; /* of the monitor */
    struct account *account;
    struct phub__link_name *name; /* NULL: the endpoint is a number */
};

/* --- shared bodies ------------------------------------------------------- */

static void account_unref(struct account *account)
{
    if (atomic_fetch_sub(&account->refs, 1) == 1)
        phub__free(account);
}

/* Thread: any; libzmq's as a rule. */
static void on_body_sent(void *data, void *hint)
{
    struct shared_body *shared = hint;

    (void)data;
    atomic_fetch_sub(&shared->account->bytes, shared->buf->size);
    account_unref(shared->account);
    phub__buf_unref(&shared->buf);
    phub__free(shared);
}

static int share_body(struct phub__link *link, struct phub_buf *body,
                      zmq_msg_t *part)
{
    struct account *account = link->account;
    struct shared_body *shared;

    if (atomic_load(&account->bytes) + body->size > PHUB__NET_LINK_BYTES_MAX)
        return PHUB_EBUSY;
    shared = phub__malloc(sizeof *shared);
    if (shared == NULL)
        return PHUB_ENOMEM;
    shared->buf = phub__buf_ref(body);
    shared->account = account;
    atomic_fetch_add(&account->refs, 1);
    atomic_fetch_add(&account->bytes, body->size);
    if (zmq_msg_init_data(part, body->data, body->size, on_body_sent,
                          shared) != 0) {
        on_body_sent(NULL, shared);
        return PHUB_ENOMEM;
    }
    return 0;
}

/* --- sending ------------------------------------------------------------- */

/* Takes the part, also on failure. */
static int send_part(struct phub__link *link, zmq_msg_t *part, int flags)
{
    int rc;

    do
        rc = zmq_msg_send(part, link->dealer, ZMQ_DONTWAIT | flags);
    while (rc < 0 && errno == EINTR);
    if (rc >= 0)
        return 0;
    rc = errno == EAGAIN ? PHUB_EBUSY : PHUB_ESYS;
    zmq_msg_close(part);
    return rc;
}

static int send_joined(struct phub__link *link, const uint8_t *head,
                       size_t head_size, const struct phub_buf *body)
{
    size_t body_size = body != NULL ? body->size : 0;
    zmq_msg_t part;

    if (zmq_msg_init_size(&part, head_size + body_size) != 0)
        return PHUB_ENOMEM;
    if (head_size > 0)
        memcpy(zmq_msg_data(&part), head, head_size);
    if (body_size > 0)
        memcpy((uint8_t *)zmq_msg_data(&part) + head_size, body->data,
               body_size);
    return send_part(link, &part, 0);
}

static int send_shared(struct phub__link *link, const uint8_t *head,
                       size_t head_size, struct phub_buf *body)
{
    zmq_msg_t first;
    zmq_msg_t second;
    int rc = share_body(link, body, &second);

    if (rc != 0)
        return rc;
    if (head_size > 0) {
        if (zmq_msg_init_size(&first, head_size) != 0) {
            zmq_msg_close(&second);
            return PHUB_ENOMEM;
        }
        memcpy(zmq_msg_data(&first), head, head_size);
        rc = send_part(link, &first, ZMQ_SNDMORE);
        if (rc != 0) {
            zmq_msg_close(&second);
            return rc;
        }
    }
    /* If the connection goes between the two, libzmq drops both. */
    return send_part(link, &second, 0);
}

int phub__link_send(struct phub_env *env, struct phub__link *link,
                    const uint8_t *head, size_t head_size,
                    struct phub_buf *body)
{
    struct phub__net_counters *counters = &link->net->counters;
    size_t body_size = body != NULL ? body->size : 0;
    int rc;

    (void)env;
    if (head_size > PHUB__NET_HEAD_MAX ||
        body_size > PHUB__NET_FRAME_MAX - head_size)
        return PHUB_ELIMIT;
    if (link->name != NULL) {
        rc = phub__link_name_hold(link->name, head, head_size, body);
        if (rc != PHUB_EEXIST)
            return rc;
    }
    if (head_size + body_size <= JOIN_MAX)
        rc = send_joined(link, head, head_size, body);
    else
        rc = send_shared(link, head, head_size, body);
    if (rc == 0) {
        counters->sent++;
        counters->sent_bytes += head_size + body_size;
    } else if (rc == PHUB_EBUSY)
        counters->sent_busy++;
    return rc;
}

/* --- the monitor --------------------------------------------------------- */

/* Read one event and where it is: its number, 0 if it is malformed, -1 if there
 * is none. */
static int monitor_next(void *monitor, char where[PHUB_ENDPOINT_MAX + 1])
{
    zmq_msg_t part;
    uint16_t number = 0;
    int event = -1;
    size_t size;
    int more;

    where[0] = '\0';
    do {
        zmq_msg_init(&part);
        if (zmq_msg_recv(&part, monitor, ZMQ_DONTWAIT) < 0) {
            zmq_msg_close(&part);
            return event;
        }
        if (event < 0) {
            if (zmq_msg_size(&part) >= sizeof number)
                memcpy(&number, zmq_msg_data(&part), sizeof number);
            event = number;
        } else {
            size = zmq_msg_size(&part);
            size = size < PHUB_ENDPOINT_MAX ? size : PHUB_ENDPOINT_MAX;
            memcpy(where, zmq_msg_data(&part), size);
            where[size] = '\0';
        }
        more = zmq_msg_more(&part);
        zmq_msg_close(&part);
    } while (more);
    return event;
}

static void on_monitor(struct phub__real_poll *poll, int events)
{
    struct phub__link *link = poll->owner;
    char where[PHUB_ENDPOINT_MAX + 1];
    bool lost = false;
    int event;

    (void)events;
    while ((event = monitor_next(link->monitor, where)) >= 0) {
        lost = lost || event == ZMQ_EVENT_DISCONNECTED;
        phub__link_name_connected(link->name, where,
                                  event == ZMQ_EVENT_CONNECTED);
    }
    /* Links may be used without a listener, which has the events. */
    if (lost && link->kind == PHUB__LINK_CONTROL &&
        link->net->events.link_lost != NULL)
        link->net->events.link_lost(link->net->arg, link);
}

static int monitor_start(struct phub__link *link, int events)
{
    struct phub__real_net *net = link->net;
    char address[64];

    snprintf(address, sizeof address, "inproc://monitor-%llu",
             (unsigned long long)++net->monitor_next);
    if (zmq_socket_monitor(link->dealer, address, events) != 0)
        return PHUB_ESYS;
    link->monitor = zmq_socket(net->context, ZMQ_PAIR);
    if (link->monitor == NULL)
        return PHUB_ESYS;
    phub__net_set(link->monitor, ZMQ_LINGER, 0);
    /* Its writer wakes a reader only after that has found nothing once. */
    if (zmq_connect(link->monitor, address) != 0 ||
        phub__net_has_input(link->monitor))
        return PHUB_ESYS;
    link->poll = phub__net_poll_new(net->real, link->monitor, link,
                                    on_monitor);
    return link->poll != NULL ? 0 : PHUB_ESYS;
}

/* --- life ---------------------------------------------------------------- */

static void set_options(struct phub__link *link, const char *endpoint)
{
    const struct phub__env_real *real = link->net->real;
    int64_t incoming_max = INCOMING_MAX;
    void *dealer = link->dealer;

    phub__net_set(dealer, ZMQ_LINGER, 0);
    phub__net_set(dealer, ZMQ_RCVHWM, 1);
    phub__net_set(dealer, ZMQ_RECONNECT_IVL, RECONNECT_MS);
    phub__net_set(dealer, ZMQ_RECONNECT_IVL_MAX, RECONNECT_MAX_MS);
    phub__net_set(dealer, ZMQ_CONNECT_TIMEOUT, CONNECT_MS);
    phub__net_set(dealer, ZMQ_HANDSHAKE_IVL, HANDSHAKE_MS);
    phub__net_set(dealer, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    zmq_setsockopt(dealer, ZMQ_MAXMSGSIZE, &incoming_max,
                   sizeof incoming_max);
    switch (link->kind) {
    case PHUB__LINK_CONTROL:
        phub__net_set(dealer, ZMQ_SNDHWM, (int)real->control_queue_max);
        phub__net_set(dealer, ZMQ_TCP_MAXRT, UNACKED_MS);
        break;
    case PHUB__LINK_BULK:
        phub__net_set(dealer, ZMQ_SNDHWM, (int)real->bulk_queue_max);
        phub__net_set(dealer, ZMQ_HEARTBEAT_IVL, HEARTBEAT_MS);
        phub__net_set(dealer, ZMQ_HEARTBEAT_TIMEOUT, HEARTBEAT_TIMEOUT_MS);
        break;
    }
}

int phub__link_open(struct phub_env *env, const char *endpoint,
                    enum phub__link_kind kind, struct phub__link **result)
{
    struct phub__real_net *net = phub__real_of(env)->net;
    bool named = phub__link_is_named(endpoint);
    struct phub__link *link;
    int rc = PHUB_ENOMEM;

    if (!phub__env_real_fds_spare(env, LINK_FDS))
        return PHUB_EBUSY;
    if (phub__net_context(net) == NULL)
        return PHUB_ENOMEM;
    link = phub__calloc(1, sizeof *link);
    if (link == NULL)
        return PHUB_ENOMEM;
    link->net = net;
    link->kind = kind;
    link->next = net->links;
    if (link->next != NULL)
        link->next->prev = link;
    net->links = link;
    link->account = phub__calloc(1, sizeof *link->account);
    if (link->account == NULL)
        goto fail;
    atomic_init(&link->account->refs, 1);
    rc = PHUB_ESYS;
    link->dealer = zmq_socket(net->context, ZMQ_DEALER);
    if (link->dealer == NULL)
        goto fail;
    set_options(link, endpoint);
    if (kind == PHUB__LINK_CONTROL || named) {
        rc = monitor_start(link, ZMQ_EVENT_DISCONNECTED |
                                 (named ? ZMQ_EVENT_CONNECTED : 0));
        if (rc != 0)
            goto fail;
    }
    rc = 0;
    if (named)
        rc = phub__link_name_new(net, link, link->dealer, endpoint,
                                 &link->name);
    else if (zmq_connect(link->dealer, endpoint) != 0)
        rc = PHUB_EINVAL;
    if (rc != 0)
        goto fail;
    *result = link;
    return 0;
fail:
    phub__link_close(env, &link);
    return rc;
}

void phub__link_close(struct phub_env *env, struct phub__link **link_ptr)
{
    struct phub__link *link = *link_ptr;
    struct phub__real_net *net = phub__real_of(env)->net;

    if (link == NULL)
        return;
    *link_ptr = NULL;
    if (link->next != NULL)
        link->next->prev = link->prev;
    if (link->prev != NULL)
        link->prev->next = link->next;
    else
        net->links = link->next;
    phub__real_poll_free(&link->poll);
    phub__link_name_free(&link->name);
    if (link->dealer != NULL) {
        zmq_socket_monitor(link->dealer, NULL, 0);
        zmq_close(link->dealer);
    }
    if (link->monitor != NULL)
        zmq_close(link->monitor);
    if (link->account != NULL)
        account_unref(link->account);
    phub__free(link);
}
