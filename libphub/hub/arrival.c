/* SPDX-License-Identifier: MIT */
/* arrival: the target's side of a move; theory in move.h.
 *
 * An arrival begins with PREPARE, may get a standby and a state, and ends by
 * GO (or the row that says the same), by DISCARD, or by a row that has gone
 * another way.  What it holds acts on nothing before the row says that the
 * child is ours. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/message.h"
#include "hub/move_private.h"
#include "hub/rows.h"
#include "wire/memory.h"
#include "wire/messages.h"

int phub__arrival_complete(const struct phub__arrival *arrival)
{
    return arrival->complete;
}

struct phub_epoch
phub__arrival_incarnation(const struct phub__arrival *arrival)
{
    return arrival->incarnation;
}

struct phub_epoch phub__arrival_base(const struct phub__arrival *arrival)
{
    return arrival->base;
}

static void prepare_answer(struct phub__arrival *arrival, int code,
                           const char *text)
{
    struct phub__hub *hub = arrival->local->hub;

    if (arrival->prepare.transaction == 0)
        return;
    phub__reply(hub, &arrival->prepare, code, hub->node, 0, text);
    arrival->prepare.transaction = 0;
}

void phub__arrival_free(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;

    if (arrival == NULL)
        return;
    prepare_answer(arrival, PHUB_ECANCELLED, "the move was given up");
    local->arrival = NULL;
    phub__buf_unref(&arrival->state);
    arrival->magic = 0;
    phub__free(arrival);
}

void phub__arrival_forget(struct phub__local *local)
{
    if (local->arrival == NULL)
        return;
    local->arrival->prepare.transaction = 0;
    phub__arrival_free(local);
}

/* Forget it, with its standby.  One that has no process yet ends at once, and
 * nothing else may hold the record then: the caller still needs it. */
static void drop(struct phub__local *local, const char *why)
{
    phub__arrival_free(local);
    local->claims++;
    if (local->instance != NULL) {
        phub__hub_cause(local->hub, phub__local_id(local), "stop here: %s",
                        why);
        phub__instance_stop(local->instance, 1, why);
    }
    local->claims--;
}

/* An origin that began anew knows of no move.  What is complete may be all that
 * is left of the state and stays; whoever becomes home takes or drops it. */
void phub__arrivals_view_changed(struct phub__hub *hub)
{
    struct phub__local *local, *next;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = next) {
        const struct phub__arrival *arrival = local->arrival;
        const struct phub_view_node *origin;

        next = local->next;
        if (arrival == NULL || arrival->activated || arrival->complete)
            continue;
        origin = phub__view_find(phub__hub_view(hub), arrival->origin);
        if (origin == NULL || origin->boot == arrival->origin_boot)
            continue;
        drop(local, "the origin began anew");
        phub__local_drop(&local);
    }
}

/* --- prepare --------------------------------------------------------------- */

/* 0, or why this node does not take it, in text. */
static int refuse(struct phub__hub *hub, const struct phub__op_request *op,
                  const struct phub__op_item *item,
                  const struct phub__row_facts *row, char *text, size_t max)
{
    const struct phub__strategy *s = hub->strategies[PHUB_KIND_MIGRATION];
    const struct phub__local *local = phub__local_find(hub, item->id);
    char home[PHUB_NODE_NAME_MAX + 24];

    if (hub->draining || hub->stopping) {
        snprintf(text, max, "node '%s' is drained or leaving, and takes no "
                 "children", hub->name);
        return PHUB_ESHUTDOWN;
    }
    if (!hub->attached || !phub__hub_in_charge(hub)) {
        snprintf(text, max, "node '%s' may not start children now",
                 hub->name);
        return phub__hub_why_not(hub);
    }
    if (phub__host_find(hub, PHUB_KIND_MIGRATION, item->text, NULL) == NULL) {
        snprintf(text, max,
                 "node '%s' migrates by '%s', the origin by '%.*s'",
                 hub->name, s->name, (int)item->text.size,
                 (const char *)item->text.data);
        return PHUB_EMISMATCH;
    }
    if (!row->live) {
        snprintf(text, max, "stopped meanwhile");
        return PHUB_ESTOPPED;
    }
    if (row->home != op->origin ||
        phub_epoch_cmp(row->home_epoch, item->epoch) != 0 ||
        phub_epoch_cmp(row->incarnation, item->incarnation) != 0) {
        phub__hub_node_name(hub, row->home, home, sizeof home);
        snprintf(text, max, "its home is %s as far as node '%s' knows", home,
                 hub->name);
        return PHUB_EVIEW;
    }
    if (local != NULL && ((local->instance != NULL && !local->replica) ||
                          local->move != NULL)) {
        snprintf(text, max, "an instance of it is still on node '%s'",
                 hub->name);
        return PHUB_EBUSY;
    }
    return 0;
}

static int start_standby(struct phub__local *local,
                         const struct phub__row_facts *row, char *error,
                         size_t error_max)
{
    struct phub__hub *hub = local->hub;
    struct phub__instance_start s = {
        .id = phub__local_id(local), .incarnation = row->incarnation,
        .epoch = row->home_epoch, .standby = 1, .first = 1, .owner = local,
    };
    char name[PHUB_NODE_NAME_MAX + 24];
    int rc;

    s.spec = phub__buf_copy(row->spec.data, row->spec.size);
    if (s.spec == NULL)
        return PHUB_ENOMEM;
    phub__hub_node_name(hub, local->arrival->origin, name, sizeof name);
    phub__hub_cause(hub, s.id, "standby here: it comes from %s", name);
    rc = phub__instance_start(hub->supervisor, &s, &local->instance, error,
                              error_max);
    phub__buf_unref(&s.spec);
    if (rc == 0) {
        phub__row_instance(hub, local->instance, 0, "");
        phub__arrival_instance_changed(local);
    }
    return rc;
}

/* Nothing is in the way: reserve, or start the standby. */
static int arrival_begin(struct phub__local *local,
                         const struct phub__row_facts *row, char *error,
                         size_t error_max)
{
    if (local->arrival->standby)
        return start_standby(local, row, error, error_max);
    prepare_answer(local->arrival, 0, "");
    return 0;
}

void phub__arrival_prepare(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__local *local = phub__local_get(hub, item->id);
    struct phub__arrival *arrival;
    struct phub__row_facts row;
    char text[256] = "out of memory";
    int rc = PHUB_ENOMEM;

    if (local == NULL)
        goto refused;
    if (local->arrival != NULL && !local->arrival->activated &&
        local->arrival->origin == op->origin)
        drop(local, "the origin began anew");
    phub__row_facts(hub, item->id, &row);
    rc = refuse(hub, op, item, &row, text, sizeof text);
    if (rc != 0)
        goto refused;
    arrival = phub__calloc(1, sizeof *arrival);
    if (arrival == NULL) {
        rc = PHUB_ENOMEM;
        goto refused;
    }
    arrival->magic = PHUB__ARRIVAL_MAGIC;
    arrival->local = local;
    arrival->origin = op->origin;
    arrival->origin_boot = op->origin_boot;
    arrival->incarnation = item->incarnation;
    arrival->base = item->epoch;
    arrival->standby = (item->flags & PHUB__ITEM_STANDBY) != 0;
    arrival->prepare = reply;
    local->arrival = arrival;
    if (local->instance != NULL) {
        arrival->clearing = 1;
        phub__hub_cause(hub, item->id, "stop here: the active one is coming");
        phub__instance_stop(local->instance, 0,
                            "the active one is coming here");
        return;
    }
    rc = arrival_begin(local, &row, text, sizeof text);
    if (rc == 0)
        return;
    arrival->prepare.transaction = 0;
    phub__arrival_free(local);
refused:
    phub__reply(hub, &reply, rc, hub->node, 0, text);
    phub__local_drop(&local);
}

/* --- the state -------------------------------------------------------------- */

/* A standby is given its state before it is decided that it will run. */
struct load {
    struct phub__hub *hub;
    uint64_t origin;
    struct phub_epoch base;
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

static void loaded(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct load load = *(struct load *)arg;
    struct phub__hub *hub = load.hub;
    struct phub__op_state_ack ack = {
        .id = { (const uint8_t *)load.id, load.id_size }, .epoch = load.base,
        .code = rc };
    struct phub__local *local;
    char why[256], name[PHUB_NODE_NAME_MAX + 24];

    (void)body;
    phub__free(arg);
    if (rc == PHUB_ECANCELLED)
        return; /* the hub ends, or nobody waits any more */
    local = phub__local_find(hub, ack.id);
    if (local == NULL || local->arrival == NULL ||
        local->arrival->origin != load.origin ||
        phub_epoch_cmp(local->arrival->base, load.base) != 0)
        return;
    local->arrival->loading = 0;
    if (rc == 0) {
        ack.received = local->arrival->state->size;
    } else if (!local->arrival->activated) {
        phub__hub_node_name(hub, hub->node, name, sizeof name);
        snprintf(why, sizeof why, "the successor on %s refused: %s", name,
                 text);
        ack.text = (struct phub_bytes){ (const uint8_t *)why, strlen(why) };
        phub__hub_cause(hub, ack.id, "its standby refused: %s", text);
        phub__buf_unref(&local->arrival->state);
        local->arrival->complete = 0;
        local->arrival->received = 0;
    }
    (void)phub__peer_send_struct(hub, load.origin, PHUB__MESSAGE_STATE_ACK,
                                 &phub__op_state_ack_schema, &ack);
}

/* PHUB_EAGAIN: it is asked; 0: it cannot be asked before it runs. */
static int ask_standby(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;
    struct load *load;
    int rc;

    if (local->instance == NULL)
        return 0;
    load = phub__calloc(1, sizeof *load);
    if (load == NULL)
        return 0;
    load->hub = local->hub;
    load->origin = arrival->origin;
    load->base = arrival->base;
    load->id_size = local->id_size;
    memcpy(load->id, local->id, local->id_size);
    rc = phub__instance_load(local->instance, arrival->state, loaded, load);
    if (rc != 0) {
        phub__free(load);
        return 0;
    }
    arrival->loading = 1;
    return PHUB_EAGAIN;
}

int phub__arrival_chunk(struct phub__hub *hub, uint64_t from,
                        const struct phub__op_state *chunk,
                        uint64_t *received)
{
    struct phub__local *local = phub__local_find(hub, chunk->id);
    struct phub__arrival *arrival = local != NULL ? local->arrival : NULL;

    if (arrival == NULL || arrival->origin != from || arrival->activated ||
        phub_epoch_cmp(arrival->base, chunk->epoch) != 0)
        return PHUB_ECANCELLED;
    if (arrival->complete && chunk->size == arrival->state->size &&
        chunk->checksum == arrival->checksum) {
        *received = chunk->size; /* sent again: its answer was lost */
        return arrival->loading ? PHUB_EAGAIN : 0;
    }
    if (chunk->size > PHUB_STATE_SIZE_MAX ||
        chunk->data.size > chunk->size ||
        chunk->offset > chunk->size - chunk->data.size)
        return PHUB_ELIMIT;
    if (arrival->state == NULL || (chunk->offset == 0 && !arrival->complete &&
                                   arrival->received != 0)) {
        phub__buf_unref(&arrival->state);
        arrival->state = phub__buf_new(chunk->size);
        if (arrival->state == NULL)
            return PHUB_ENOMEM;
        arrival->received = 0;
        arrival->checksum = chunk->checksum;
        arrival->state->version = (uint32_t)chunk->version;
    }
    if (chunk->size != arrival->state->size ||
        chunk->offset != arrival->received)
        return PHUB_EPROTO;
    if (chunk->data.size != 0)
        memcpy(arrival->state->data + chunk->offset, chunk->data.data,
               chunk->data.size);
    arrival->received += chunk->data.size;
    hub->counters.state_bytes += chunk->data.size;
    if (arrival->received == chunk->size) {
        if (XXH3_64bits(arrival->state->data, arrival->state->size) !=
            arrival->checksum) {
            arrival->received = 0;
            return PHUB_ECHECKSUM;
        }
        arrival->complete = 1;
        hub->counters.states_received++;
    }
    *received = arrival->received;
    return arrival->complete ? ask_standby(local) : 0;
}

/* --- go --------------------------------------------------------------------- */

static void committed(void *arg, int rc, const char *text,
                      struct phub_buf *body)
{
    (void)arg;
    (void)rc;
    (void)text;
    (void)body; /* the phase, or the end, has told already */
}

static void commit(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;

    phub__hub_cause(local->hub, phub__local_id(local),
                    "go: the standby takes over%s",
                    arrival->complete ? " with the state" : "");
    phub__instance_commit(local->instance,
                          arrival->complete ? arrival->state : NULL,
                          committed, NULL);
}

/* 0 if the arrival does what is to be done; else it is gone and the caller
 * starts the child, with local->kept if there was a state. */
int phub__arrival_activate(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;
    struct phub__row_facts row;

    phub__row_facts(local->hub, phub__local_id(local), &row);
    if (arrival->activated)
        return 0;
    arrival->activated = 1;
    phub__mail_comes(local, arrival->origin, arrival->origin_boot);
    prepare_answer(arrival, 0, "");
    if (local->instance != NULL) {
        phub__instance_set_epoch(local->instance, row.home_epoch);
        if (phub__instance_phase(local->instance) == PHUB__PHASE_STANDBY)
            commit(local);
        return 0;
    }
    if (arrival->complete)
        phub__local_keep(local, arrival->state, arrival->incarnation);
    phub__arrival_free(local);
    return 1;
}

void phub__arrival_instance_changed(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;
    enum phub__phase phase = phub__instance_phase(local->instance);
    struct phub__hub *hub = local->hub;

    if (phase == PHUB__PHASE_STANDBY) {
        prepare_answer(arrival, 0, "");
        if (arrival->activated)
            commit(local);
    } else if (phase == PHUB__PHASE_RUNNING && arrival->activated) {
        if (arrival->complete)
            phub__hub_hook(hub, PHUB_HOOK_handover_delivered, arrival->origin,
                           phub__local_id(local), 0, 1, "");
        phub__arrival_free(local);
    }
}

int phub__arrival_instance_ended(struct phub__local *local,
                                 enum phub__ended why, int rc,
                                 const char *text)
{
    struct phub__arrival *arrival = local->arrival;
    struct phub__row_facts row;
    char error[256] = "out of memory";
    int begun;

    (void)why;
    if (arrival->clearing && !arrival->activated) {
        arrival->clearing = 0;
        phub__row_facts(local->hub, phub__local_id(local), &row);
        begun = arrival_begin(local, &row, error, sizeof error);
        if (begun == 0)
            return 1;
        prepare_answer(arrival, begun, error);
        phub__arrival_free(local);
    } else if (arrival->prepare.transaction != 0) {
        prepare_answer(arrival, rc != 0 ? rc : PHUB_EFAILED, text);
        phub__arrival_free(local);
    } else if (arrival->activated) {
        /* The standby failed us; a plain start with the state may not. */
        if (arrival->complete)
            phub__local_keep(local, arrival->state, arrival->incarnation);
        phub__arrival_free(local);
    }
    return 1;
}

void phub__arrival_row_changed(struct phub__local *local)
{
    struct phub__arrival *arrival = local->arrival;
    struct phub__row_facts row;

    phub__row_facts(local->hub, phub__local_id(local), &row);
    if (!row.exists)
        return;
    if (!row.live ||
        phub_epoch_cmp(row.incarnation, arrival->incarnation) != 0)
        drop(local, "its row was stopped");
    else if (phub_epoch_cmp(row.home_epoch, arrival->base) > 0 &&
             row.home != local->hub->node)
        drop(local, "the move was given up");
}

int phub__arrival_give_back(struct phub__local *local,
                             const struct phub__row_facts *row,
                             const char *why)
{
    struct phub__hub *hub = local->hub;
    uint64_t origin = local->came_from;
    char name[PHUB_NODE_NAME_MAX + 24];

    local->came_from = 0;
    if (origin == 0 || !row->live || row->home != hub->node ||
        phub__view_index(phub__hub_view(hub), origin) == PHUB__VIEW_NONE)
        return 0;
    phub__hub_node_name(hub, origin, name, sizeof name);
    phub__hub_cause(hub, phub__local_id(local), "given back to %s: %s", name,
                    why);
    local->given_back = phub__hub_epoch(hub);
    local->kept_epoch = (struct phub_epoch){ 0, 0 };
    return phub__row_home(hub, phub__local_id(local), row->incarnation,
                          origin, local->given_back) == 0;
}

int phub__arrival_may_return(const struct phub__local *local,
                             const struct phub__row_facts *row)
{
    struct phub_epoch epoch;
    int64_t pid;

    return local->kept != NULL && row->live &&
           phub_epoch_cmp(local->kept_incarnation, row->incarnation) == 0 &&
           phub_epoch_cmp(local->given_back, row->home_epoch) == 0 &&
           phub__row_state_on(local->hub, phub__local_id(local), row->home,
                              &epoch, &pid) != PHUB_INSTANCE_RUNNING;
}

void phub__arrival_go(struct phub__hub *hub, const struct phub__op_request *op,
                      const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__local *local = phub__local_get(hub, item->id);
    struct phub__row_facts row;
    int runs, has_state;

    phub__row_facts(hub, item->id, &row);
    if (local == NULL || !row.live ||
        phub_epoch_cmp(row.incarnation, item->incarnation) != 0) {
        phub__reply(hub, &reply, local == NULL ? PHUB_ENOMEM : PHUB_ESTOPPED,
                    hub->node, 0, "stopped meanwhile");
        phub__local_drop(&local);
        return;
    }
    runs = local->instance != NULL &&
           (local->arrival == NULL || local->arrival->activated);
    has_state = local->kept != NULL ||
                (local->arrival != NULL && local->arrival->complete);
    local->came_from = op->origin;
    if (hub->stopping && !runs) {
        (void)phub__arrival_give_back(local, &row, "the node is leaving");
        phub__reply(hub, &reply, PHUB_ESHUTDOWN, hub->node, 0,
                    "the target is leaving");
        drop(local, "the node is leaving");
        phub__local_drop(&local);
        return;
    }
    if ((item->flags & PHUB__ITEM_STATE) && !runs && !has_state) {
        (void)phub__arrival_give_back(local, &row, "its state did not arrive");
        phub__reply(hub, &reply, PHUB_ECHECKSUM, hub->node, 0,
                    "the target does not hold its state");
        drop(local, "its state did not arrive");
        phub__local_drop(&local);
        return;
    }
    phub__local_wait(local, PHUB__WANT_RUNNING, item->incarnation, &reply);
    phub__reconcile(hub, item->id);
}

/* A standby that ends already: the stop of its row came before the origin. */
static int ends_here(const struct phub__local *local)
{
    return local != NULL && local->arrival == NULL &&
           local->instance != NULL &&
           phub__instance_phase(local->instance) == PHUB__PHASE_STOPPING;
}

void phub__arrival_discard(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__local *local = phub__local_find(hub, item->id);

    if (ends_here(local)) {
        phub__local_wait(local, PHUB__WANT_ENDED, item->incarnation, &reply);
        return;
    }
    if (local == NULL || local->arrival == NULL ||
        local->arrival->origin != op->origin || local->arrival->activated) {
        phub__reply(hub, &reply, 0, hub->node, 0, "");
        return;
    }
    drop(local, "the origin gave the move up");
    phub__local_wait(local, PHUB__WANT_ENDED, item->incarnation, &reply);
    phub__local_drop(&local);
}
