/* SPDX-License-Identifier: MIT */
/* net: what the listener and the links share. */
#ifndef PHUB__ENV_REAL_NET_H
#define PHUB__ENV_REAL_NET_H

#include <stdatomic.h>

#include "env/real/private.h"

struct phub__real_net {
    struct phub__env_real *real;
    void *context;
    void *router;
    struct phub__real_poll *poll; /* of the router */
    bool look;                   /* the router may have something */
    struct phub__net_events events;
    void *arg;
    struct phub__link *links;
    struct phub__link_name *names;
    uint64_t monitor_next;
    struct phub__net_counters counters;
};

/* The context, made when first asked for.  NULL if that failed. */
void *phub__net_context(struct phub__real_net *net);

/* Set an int option; an option that libzmq does not know is left alone. */
void phub__net_set(void *socket, int option, int value);

/* Ask ZMQ_EVENTS, which re-arms ZMQ_FD if there is nothing. */
bool phub__net_has_input(void *socket);

/* Watch ZMQ_FD of a socket.  NULL if that failed. */
struct phub__real_poll *
phub__net_poll_new(struct phub__env_real *real, void *socket, void *owner,
                   void (*ready)(struct phub__real_poll *poll, int events));

/* link.c */
int phub__link_open(struct phub_env *env, const char *endpoint,
                    enum phub__link_kind kind, struct phub__link **link);
int phub__link_send(struct phub_env *env, struct phub__link *link,
                    const uint8_t *head, size_t head_size,
                    struct phub_buf *body);
void phub__link_close(struct phub_env *env, struct phub__link **link);

#endif
