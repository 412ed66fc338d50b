/* SPDX-License-Identifier: MIT */
/* keeper_stop: the order to stop a child, and when it is done.
 *
 * A stop is a write.  Whoever runs the child, or may start it by its row, is
 * told so and asked to end it.  It is acknowledged when nothing of the child
 * runs any more or can begin again:
 *   - who is in the view has answered, and knows the row as stopped; each
 *     says where it has just moved the child to (departed.c), and that one is
 *     asked, too;
 *   - who is lost cannot run it, for its lease has passed (linger.c);
 *   - who was lost, or left the view before it answered, and is back is asked
 *     again: the lease that it holds may never have passed, while its guard
 *     ended the child, so it would start it by the row that it knows. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/linger.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "wire/memory.h"

struct stop {
    struct phub__hub *hub;
    struct phub__reply reply;
    struct phub_epoch incarnation;
    uint64_t timeout_ms, home;
    int durable, code;
    char text[160];
    uint32_t nodes_count;
    struct {
        uint64_t node;
        int told;                  /* it has answered */
    } nodes[PHUB__HOLDERS_MAX];
    uint32_t id_size;
    char id[];
};

static struct phub_bytes stop_id(const struct stop *stop)
{
    return (struct phub_bytes){ (const uint8_t *)stop->id, stop->id_size };
}

static int stop_tell(struct stop *stop);

static void stop_stored(void *arg, int rc)
{
    struct stop *stop = arg;

    if (rc != 0 && stop->code == 0) {
        stop->code = rc;
        snprintf(stop->text, sizeof stop->text, "it has ended, but the disk "
                 "of its keeper did not take that, and a power cut may bring "
                 "it back: %s", phub_strerror(rc));
    }
    phub__reply(stop->hub, &stop->reply, stop->code, stop->home, 0,
                stop->text);
    phub__free(stop);
}

/* It runs nowhere any more, be it on a node that was lost meanwhile; but one
 * that is back, with a lease that never passed, may not have heard of it. */
static void stop_ended(void *arg, int rc)
{
    struct stop *stop = arg;

    if (rc == 0 && stop->code == 0)
        rc = stop_tell(stop);
    if (rc > 0)
        return;
    if (rc != 0) {
        stop->code = rc;
        snprintf(stop->text, sizeof stop->text, "%s", phub_strerror(rc));
    }
    /* No power cut may undo what people were told. */
    if (stop->durable)
        phub__store_sync(stop->hub, stop_stored, stop);
    else
        stop_stored(stop, 0);
}

static void stop_linger(struct stop *stop)
{
    phub__linger_wait(stop->hub, stop_id(stop), stop->home, stop_ended, stop);
}

static void stop_add(struct stop *stop, uint64_t node)
{
    uint32_t i = 0;

    while (i < stop->nodes_count && stop->nodes[i].node != node)
        i++;
    if (node == 0 || i == PHUB__HOLDERS_MAX || i < stop->nodes_count)
        return;
    stop->nodes[stop->nodes_count++].node = node;
}

static void stop_done(void *arg, struct phub__request *request)
{
    struct stop *stop = arg;
    const char *text = "";
    int code = 0;
    uint32_t i;

    for (i = 0; i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];

        if (item->code == PHUB_ENODEDOWN)
            continue;
        stop->nodes[item->op.flags].told = 1;
        if (item->code == 0) {
            stop_add(stop, item->value);
            continue;
        }
        code = item->code;
        text = item->text != NULL ? item->text : phub_strerror(code);
    }
    stop->code = code;
    snprintf(stop->text, sizeof stop->text, "%s", text);
    stop_linger(stop);
}

/* Those in the view that have not answered yet: 1 if there is one, or
 * PHUB_E*. */
static int stop_tell(struct stop *stop)
{
    struct phub__hub *hub = stop->hub;
    struct phub_bytes id = stop_id(stop);
    struct phub__request *request;
    uint64_t holders[PHUB__HOLDERS_MAX];
    uint32_t at[PHUB__HOLDERS_MAX], count, i;

    count = phub__row_holders(hub, id, holders, PHUB__HOLDERS_MAX);
    for (i = 0; i < count; i++)
        stop_add(stop, holders[i]);
    for (i = 0, count = 0; i < stop->nodes_count; i++)
        if (!stop->nodes[i].told &&
            phub__view_index(phub__hub_view(hub), stop->nodes[i].node) !=
                PHUB__VIEW_NONE)
            at[count++] = i;
    if (count == 0)
        return 0;
    request = phub__request_new(hub, PHUB__OP_END, count, stop->timeout_ms);
    if (request == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < count; i++) {
        request->items[i].op.id = phub__request_copy(request, id);
        request->items[i].op.flags = at[i];
        request->items[i].op.incarnation = stop->incarnation;
        request->items[i].op.target = stop->nodes[at[i]].node;
    }
    if (phub__rows_delta(hub, &id, 1, &request->rows) != 0)
        request->rows = NULL;
    phub__request_send(request, stop_done, stop);
    return 1;
}

static int stop_write(struct phub__hub *hub, const struct phub__op_item *item,
                      const struct phub__row_facts *row)
{
    phub__hub_cause(hub, item->id, "stop: %.*s", (int)item->text.size,
                    item->text.size != 0 ? (const char *)item->text.data
                                         : "");
    if (phub__row_stop(hub, item->id, row->incarnation) != 0)
        return PHUB_ENOMEM;
    phub__hub_hook(hub, PHUB_HOOK_child_unregistered, row->home, item->id, 0,
                   1, "");
    return 0;
}

void phub__keeper_stop(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__row_facts row;
    struct stop *stop;
    char text[PHUB__NO_SUCH_MAX];
    uint64_t holder;
    uint32_t i;
    int rc;

    if (phub__keeper_undecided(hub)) {
        phub__reply(hub, &reply, PHUB_EAGAIN, hub->node, 0,
                    "the keeper does not know all rows yet");
        return;
    }
    phub__row_facts(hub, item->id, &row);
    if (!row.exists ||
        (!row.live && phub__row_holders(hub, item->id, &holder, 1) == 0) ||
        (item->incarnation.number != 0 &&
         phub_epoch_cmp(item->incarnation, row.incarnation) != 0)) {
        rc = phub__hub_no_such(hub, text);
        if (item->incarnation.number != 0)
            rc = 0;
        phub__reply(hub, &reply, rc, hub->node, 0,
                    row.exists && rc != PHUB_EAGAIN ? "already stopped"
                                                    : text);
        return;
    }
    stop = phub__calloc(1, sizeof *stop + item->id.size);
    if (stop == NULL) {
        phub__reply(hub, &reply, PHUB_ENOMEM, hub->node, 0, "out of memory");
        return;
    }
    stop->hub = hub;
    stop->reply = reply;
    stop->incarnation = row.incarnation;
    stop->timeout_ms = op->timeout_ms != 0 ? op->timeout_ms : 10000;
    stop->home = row.home;
    stop->durable = row.durable;
    stop->id_size = (uint32_t)item->id.size;
    memcpy(stop->id, item->id.data, item->id.size);
    stop_add(stop, row.home); /* those that may start it yet */
    for (i = 0; i < row.replicas_count; i++)
        stop_add(stop, row.replicas[i]);
    rc = row.live ? stop_write(hub, item, &row) : 0;
    if (rc == 0)
        rc = stop_tell(stop);
    if (rc < 0)
        stop_ended(stop, rc);
    else if (rc == 0)
        stop_linger(stop);
}
