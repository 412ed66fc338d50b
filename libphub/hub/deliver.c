/* SPDX-License-Identifier: MIT */
/* deliver: whom a message is for, by its type; and the way that a node's
 * messages to itself take.
 *
 * Those wait for the loop, as any other message would: who sends is not called
 * before it has returned. */
#include "config.h"

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/deliver.h"
#include "hub/gather.h"
#include "hub/host.h"
#include "hub/message.h"
#include "hub/move.h"
#include "hub/peer.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "hub/watch.h"
#include "wire/memory.h"

struct own {
    struct own *next;
    struct phub_buf *body;
    unsigned type;
};

struct phub__own {
    struct own *first, **last;
    int scheduled;
};

void phub__deliver(struct phub__hub *hub, uint64_t from, unsigned type,
                   struct phub_buf *body)
{
    switch ((enum phub__message)type) {
    case PHUB__MESSAGE_REQUEST:
        phub__op_received(hub, from, body);
        return;
    case PHUB__MESSAGE_RESPONSE:
        phub__response_received(hub, from, body);
        return;
    case PHUB__MESSAGE_VIEW_SYNC:
        phub__synced_received(hub, from, body);
        return;
    case PHUB__MESSAGE_GATHERED:
        phub__gather_received(hub, body);
        return;
    case PHUB__MESSAGE_COVER:
        phub__confirm_received(hub, from, body);
        return;
    case PHUB__MESSAGE_COVERED:
        phub__confirm_answered(hub, from, body);
        return;
    case PHUB__MESSAGE_WATCH:
        phub__watch_asked(hub, from, body);
        return;
    case PHUB__MESSAGE_EVENTS:
        phub__watch_told(hub, from, body);
        return;
    case PHUB__MESSAGE_DELTA:
        (void)phub__rows_apply(hub, from, phub__buf_bytes(body));
        phub__synced_rows_applied(hub);
        return;
    case PHUB__MESSAGE_PEER:
        phub__host_received(hub, from, body);
        return;
    case PHUB__MESSAGE_LOAD:
        phub__host_load_received(hub, from, body);
        return;
    case PHUB__MESSAGE_STATE:
        phub__state_received(hub, from, body);
        return;
    case PHUB__MESSAGE_STATE_ACK:
        phub__state_acked(hub, from, body);
        return;
    case PHUB__MESSAGE_CHILD_MESSAGE:
        phub__mail_received(hub, from, body);
        return;
    case PHUB__MESSAGE_CHILD_REPLY:
        phub__mail_replied(hub, from, body);
        return;
    case PHUB__MESSAGE_PING:
    case PHUB__MESSAGE_ACK:
    case PHUB__MESSAGE_PING_REQ:
    case PHUB__MESSAGE_NACK:
    case PHUB__MESSAGE_GOSSIP:
    case PHUB__MESSAGE_SYNC:
    case PHUB__MESSAGE_JOIN:
    case PHUB__MESSAGE_JOIN_ANSWER:
    case PHUB__MESSAGE_JOIN_CONFIRM:
    case PHUB__MESSAGE_LEAVE:
    case PHUB__MESSAGE_VECTOR:
    case PHUB__MESSAGE_ROWS_ASK:
    case PHUB__MESSAGE_SESSION_ACK:
        break;
    }
    hub->counters.frames_unknown++;
}

/* --- to ourselves --------------------------------------------------------- */

static void own_flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__own *queue = hub->own;
    struct own *own = queue->first, *next;

    queue->first = NULL;
    queue->last = &queue->first;
    queue->scheduled = 0;
    for (; own != NULL; own = next) {
        next = own->next;
        phub__deliver(hub, hub->node, own->type, own->body);
        phub__buf_unref(&own->body);
        phub__free(own);
    }
}

int phub__own_send(struct phub__hub *hub, unsigned type,
                   struct phub_buf *body)
{
    struct phub__own *queue = hub->own;
    struct own *own = phub__calloc(1, sizeof *own);

    if (own == NULL)
        return PHUB_ENOMEM;
    own->type = type;
    own->body = phub__buf_ref(body);
    *queue->last = own;
    queue->last = &own->next;
    if (!queue->scheduled &&
        hub->env->defer(hub->env, own_flush, hub) == 0)
        queue->scheduled = 1;
    return 0;
}

int phub__own_new(struct phub__hub *hub)
{
    struct phub__own *queue = phub__calloc(1, sizeof *queue);

    if (queue == NULL)
        return PHUB_ENOMEM;
    queue->last = &queue->first;
    hub->own = queue;
    return 0;
}

void phub__own_free(struct phub__hub *hub)
{
    struct phub__own *queue = hub->own;
    struct own *own;

    hub->own = NULL;
    while (queue != NULL && (own = queue->first) != NULL) {
        queue->first = own->next;
        phub__buf_unref(&own->body);
        phub__free(own);
    }
    phub__free(queue);
}
