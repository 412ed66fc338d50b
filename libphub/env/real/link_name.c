/* SPDX-License-Identifier: MIT */
/* link_name: where the link to a host that has a name is connected to.
 *
 * libzmq looks names up itself, on the one thread that moves the bytes of all
 * sockets: a resolver that takes ten seconds for one of them stops the traffic
 * with all others.  So it gets numbers only.  The name is asked for on a worker
 * thread, and again as long as there is no connection: a host that comes back
 * may have another address, and one that has several may be reached by the
 * next.  What is sent before the first answer is kept, up to a limit. */
#include "config.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include <zmq.h>

#include <phub/error.h>

#include "env/real/link_name.h"
#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define AGAIN_NS UINT64_C(3000000000)   /* as long as connecting may take */
#define HELD_MAX 64u
#define HELD_BYTES_MAX 1048576u
#define HOST_MAX 253u                   /* RFC 1035 */

struct held {
    struct held *next;
    struct phub_buf *body;
    size_t head_size;
    uint8_t head[PHUB__NET_HEAD_MAX];
};

struct phub__link_name {
    struct phub__link_name *next;
    struct phub__real_net *net;
    struct phub__link *link;   /* NULL: it is closed, and an answer due */
    void *dealer;
    struct phub__timer *timer;
    bool connected;
    bool asked;
    struct held *first, **last;
    uint32_t held_count;
    size_t held_bytes;
    char at[PHUB_ENDPOINT_MAX + 1];   /* "": nowhere yet */
    char what[];
};

bool phub__link_is_named(const char *endpoint)
{
    const char *host = endpoint + strlen("tcp://");
    const char *port = strrchr(endpoint, ':');
    char text[PHUB_ENDPOINT_MAX + 1];
    struct in_addr address;

    if (strncmp(endpoint, "tcp://", 6) != 0 || port <= host ||
        host[0] == '[' || (size_t)(port - host) > HOST_MAX ||
        !phub__real_port_ok(port + 1)) /* libzmq says so */
        return false;
    memcpy(text, host, (size_t)(port - host));
    text[port - host] = '\0';
    return inet_pton(AF_INET, text, &address) != 1;
}

static void held_free(struct held *held)
{
    phub__buf_unref(&held->body);
    phub__free(held);
}

static void name_drop(struct phub__link_name *name)
{
    struct phub__link_name **at = &name->net->names;
    struct held *held;

    while (*at != name)
        at = &(*at)->next;
    *at = name->next;
    while ((held = name->first) != NULL) {
        name->first = held->next;
        held_free(held);
    }
    phub__free(name);
}

/* One that it was not reached by is followed by the next; the first is one of
 * version 4, if there is one. */
static const char *pick(const struct phub__link_name *name,
                        const struct phub__resolved *r)
{
    uint32_t i;

    for (i = 0; i < r->count; i++)
        if (strcmp(r->endpoints[i], name->at) == 0)
            return r->endpoints[(i + 1) % r->count];
    for (i = 0; i < r->count; i++)
        if (strchr(r->endpoints[i], '[') == NULL)
            return r->endpoints[i];
    return r->endpoints[0];
}

static void connect_to(struct phub__link_name *name, const char *endpoint)
{
    struct phub_env *env = &name->net->real->env;
    struct held *held;

    if (strcmp(name->at, endpoint) == 0)
        return;
    if (name->at[0] != '\0')
        (void)zmq_disconnect(name->dealer, name->at);
    name->at[0] = '\0';
    phub__net_set(name->dealer, ZMQ_IPV6, strchr(endpoint, '[') != NULL);
    if (zmq_connect(name->dealer, endpoint) != 0)
        return;
    snprintf(name->at, sizeof name->at, "%s", endpoint);
    name->connected = false;
    while ((held = name->first) != NULL) {
        name->first = held->next;
        (void)phub__link_send(env, name->link, held->head, held->head_size,
                              held->body);
        held_free(held);
    }
    name->last = &name->first;
    name->held_count = 0;
    name->held_bytes = 0;
}

static void again(struct phub__link_name *name)
{
    struct phub_env *env = &name->net->real->env;

    env->timer_start(env, name->timer, env->now_ns(env) + AGAIN_NS);
}

static void resolved(void *arg, const struct phub__resolved *r)
{
    struct phub__link_name *name = arg;

    name->asked = false;
    if (name->link == NULL) {
        name_drop(name);
        return;
    }
    if (!name->connected && r->rc == 0 && r->count != 0)
        connect_to(name, pick(name, r));
    again(name);
}

static void ask(void *arg)
{
    struct phub__link_name *name = arg;
    struct phub_env *env = &name->net->real->env;

    phub__assert(!name->asked);
    name->asked = !name->connected &&
                  env->resolve(env, name->what, resolved, name) == 0;
    if (!name->asked)
        again(name);
}

int phub__link_name_new(struct phub__real_net *net, struct phub__link *link,
                        void *dealer, const char *endpoint,
                        struct phub__link_name **result)
{
    struct phub_env *env = &net->real->env;
    size_t size = strlen(endpoint);
    struct phub__link_name *name = phub__calloc(1, sizeof *name + size + 1);

    if (name == NULL)
        return PHUB_ENOMEM;
    name->timer = env->timer_new(env, ask, name);
    if (name->timer == NULL) {
        phub__free(name);
        return PHUB_ENOMEM;
    }
    name->net = net;
    name->link = link;
    name->dealer = dealer;
    name->last = &name->first;
    snprintf(name->what, size + 1, "dns:%s", endpoint + strlen("tcp://"));
    name->next = net->names;
    net->names = name;
    ask(name);
    *result = name;
    return 0;
}

int phub__link_name_hold(struct phub__link_name *name, const uint8_t *head,
                         size_t head_size, struct phub_buf *body)
{
    size_t size = head_size + (body == NULL ? 0 : body->size);
    struct held *held;

    if (name->at[0] != '\0')
        return PHUB_EEXIST;
    if (name->held_count == HELD_MAX ||
        size > HELD_BYTES_MAX - name->held_bytes)
        return PHUB_EBUSY;
    held = phub__calloc(1, sizeof *held);
    if (held == NULL)
        return PHUB_ENOMEM;
    held->head_size = head_size;
    if (head_size != 0)
        memcpy(held->head, head, head_size);
    held->body = body == NULL ? NULL : phub__buf_ref(body);
    *name->last = held;
    name->last = &held->next;
    name->held_count++;
    name->held_bytes += size;
    return 0;
}

void phub__link_name_connected(struct phub__link_name *name, const char *where,
                               bool connected)
{
    if (name != NULL && (!connected || strcmp(where, name->at) == 0))
        name->connected = connected;
}

void phub__link_name_free(struct phub__link_name **where)
{
    struct phub__link_name *name = *where;
    struct phub_env *env;

    if (name == NULL)
        return;
    *where = NULL;
    env = &name->net->real->env;
    env->timer_free(env, &name->timer);
    name->link = NULL;
    if (!name->asked)
        name_drop(name);
}

void phub__link_names_fini(struct phub__real_net *net)
{
    while (net->names != NULL)
        name_drop(net->names);
}
