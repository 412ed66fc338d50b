/* SPDX-License-Identifier: MIT */
/* reconcile: makes what runs here equal to what the rows say.
 *
 * Level-triggered: it looks at the row and at the local record as they are,
 * whatever event brought it here, and does the one thing that is missing.
 *
 *   row                         here                 then
 *   stopped, other incarnation  instance             stop it
 *   home elsewhere, newer       instance, not moving stop it
 *   replica here, newer         that was active      stop it, start another
 *   replica here                nothing              start, without a state
 *   home here                   frozen, move over    thaw, new epoch
 *   home here                   nothing              start, with what we hold,
 *                                                    once nothing older runs;
 *                                                    under a new epoch if this
 *                                                    one is of before our start
 *   home here                   gave up              leave it
 *   no row at all               instance             leave it: absence is
 *                                                    never deletion; but end
 *                                                    one that is adopted, when
 *                                                    no member has a row
 *
 * Nothing starts before the runners have told what they hold, the registry is
 * complete for the view once, the lease runs, and the partition strategy's
 * verdict is CONTINUE; nor, but for what came with a move, while another
 * node runs the child or, lost, may run it still. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/handover.h"
#include "hub/local.h"
#include "hub/message.h"
#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/replica.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "hub/synced.h"

static int same(struct phub_epoch a, struct phub_epoch b)
{
    return phub_epoch_cmp(a, b) == 0;
}

static void completed_done(void *arg, struct phub__request *request);

/* A child that ended by itself and is not to be restarted ends its row.  If
 * there is no memory to say so now, local, if there is one, says it later. */
static void tell_completed(struct phub__hub *hub, struct phub_bytes id,
                           struct phub_epoch incarnation, const char *text)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_COMPLETED, 1, 600000);
    struct phub__local *local = phub__local_find(hub, id);
    struct phub_bytes copy = PHUB_BYTES_NONE;

    if (request != NULL)
        copy = phub__request_copy(request, id);
    if (local != NULL)
        local->completed = copy.size != 0 ? (struct phub_epoch){ 0, 0 }
                                          : incarnation;
    if (copy.size == 0) {
        phub__request_drop(request);
        return;
    }
    request->items[0].op.id = copy;
    request->items[0].op.incarnation = incarnation;
    request->items[0].op.text = phub__request_copy(
        request, (struct phub_bytes){ (const uint8_t *)text, strlen(text) });
    phub__request_send(request, completed_done, NULL);
}

/* The row is stopped, or somebody newer owns it; else the keeper could not be
 * reached for so long, and is told anew. */
static void completed_done(void *arg, struct phub__request *request)
{
    const struct phub__request_item *item = &request->items[0];
    struct phub__hub *hub = request->hub;
    struct phub__row_facts row;

    (void)arg;
    if (item->code == 0 || hub->stopping)
        return;
    phub__row_facts(hub, item->op.id, &row);
    if (row.live && row.home == hub->node &&
        same(row.incarnation, item->op.incarnation))
        tell_completed(hub, item->op.id, row.incarnation, "it ended");
}

static void start(struct phub__local *local,
                  const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub__instance_start s = {
        .id = phub__local_id(local), .incarnation = row->incarnation,
        .epoch = row->home_epoch, .owner = local,
    };
    int home = row->home == hub->node;
    struct phub__waiter *waiter;
    char error[256];
    int rc;

    s.spec = phub__buf_copy(row->spec.data, row->spec.size);
    if (s.spec == NULL)
        return;
    s.role = phub__replica_role(hub, s.id, row);
    s.role_told = row->replicas_count != 0 &&
                  phub__replica_told(hub, s.role);
    for (waiter = local->waiters; waiter != NULL; waiter = waiter->next)
        if (waiter->wanted == PHUB__WANT_RUNNING)
            s.first = phub__local_first(local);
    local->kept_code = 0;
    if (home && local->kept == NULL)
        phub__handover_deliver(local, row);
    s.state_code = local->kept_code;
    if (home && local->kept != NULL &&
        same(local->kept_incarnation, row->incarnation))
        s.state = local->kept;
    phub__hub_cause(hub, s.id, "start here: %s by epoch %llu%s",
                    home ? "home" : s.role == PHUB_ROLE_ACTIVE
                        ? "active replica" : "passive replica",
                    (unsigned long long)row->home_epoch.number,
                    s.state != NULL ? ", with its state" : "");
    hub->counters.starts++;
    rc = phub__instance_start(hub->supervisor, &s, &local->instance, error,
                              sizeof error);
    if (rc == 0) {
        phub__row_instance(hub, local->instance, 0, "");
        if (s.state != NULL)
            phub__hub_hook(hub, PHUB_HOOK_handover_delivered, hub->node, s.id,
                           0, 1, "");
        phub__local_keep(local, NULL, row->incarnation);
    } else {
        if (rc != PHUB_ENOMEM) /* a round tries again */
            local->failed_epoch = row->home_epoch;
        phub__hub_cause(hub, s.id, "cannot start: %s", error);
        (void)phub__arrival_give_back(local, row, error);
        phub__local_answer(local, PHUB__WANT_RUNNING, rc, error);
    }
    phub__buf_unref(&s.spec);
}

static void stop(struct phub__local *local, const char *why)
{
    if (phub__instance_phase(local->instance) == PHUB__PHASE_STOPPING)
        return;
    phub__hub_cause(local->hub, phub__local_id(local), "stop here: %s", why);
    local->hub->counters.stops++;
    phub__instance_stop(local->instance, 0, why);
}

/* Somebody else has more right to run it: told once. */
static void stop_told(struct phub__local *local, const char *why,
                      enum phub_hook hook, uint64_t node)
{
    int goes_on =
        phub__instance_phase(local->instance) != PHUB__PHASE_STOPPING;

    stop(local, why);
    if (goes_on)
        phub__hub_hook(local->hub, hook, node, phub__local_id(local), 0, 1,
                       why);
}

static int may_settle(const struct phub__hub *hub)
{
    return hub->attached && !hub->stopping && phub__hub_in_charge(hub);
}

/* An adopted instance may stay, if it is whole: what began as a standby, or
 * with a state to come, may never have got that, and the one who still holds
 * it drops it as soon as this one counts.  A new epoch first: what the target
 * of a move that was cut short holds does not count any more. */
static int settle(struct phub__local *local, const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    struct phub_epoch epoch;
    int64_t pid = 0;
    uint32_t state = phub__row_state_on(hub, id, hub->node, &epoch, &pid);
    uint32_t role;
    int whole, rc;

    whole = phub__instance_whole(
        local->instance, pid == phub__instance_pid(local->instance) &&
        (state == PHUB_INSTANCE_RUNNING || state == PHUB_INSTANCE_FROZEN));
    if (whole < 0)
        stop(local, "it may not have got its state");
    if (whole <= 0)
        return 0;
    role = phub__replica_role(hub, id, row);
    phub__instance_set_role(local->instance, role,
                            phub__replica_told(hub, role));
    epoch = row->home_epoch;
    if (row->home == hub->node) {
        epoch = phub__hub_epoch(hub);
        rc = phub__row_home(hub, id, row->incarnation, hub->node, epoch);
        if (rc != 0)
            return rc;
    }
    phub__instance_set_epoch(local->instance, epoch);
    phub__instance_settle(local->instance);
    phub__row_instance(hub, local->instance, 0, "");
    return 0;
}

/* It is not home, by a newer epoch, but has a seat: it goes on if it has done
 * so as a replica; one that was at home has a state of its own, and begins
 * anew. */
static int stays_as_replica(struct phub__local *local,
                            const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub__instance *instance = local->instance;
    uint32_t role = phub__replica_role(hub, phub__local_id(local), row);

    if (phub__instance_role(instance) != role &&
        role == PHUB_ROLE_PASSIVE)
        return 0;
    if (phub__instance_phase(instance) == PHUB__PHASE_FROZEN ||
        phub__instance_phase(instance) == PHUB__PHASE_STANDBY)
        return 0;
    phub__instance_set_epoch(instance, row->home_epoch);
    phub__instance_set_role(instance, role, phub__replica_told(hub, role));
    phub__row_instance(hub, instance, 0, "");
    return 1;
}

/* There is an instance: does the row still want it here? */
static void check_instance(struct phub__local *local,
                           const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub__instance *instance = local->instance;
    struct phub_epoch epoch = phub__instance_epoch(instance);
    struct phub_bytes id = phub__local_id(local);
    char why[128], name[PHUB_NODE_NAME_MAX + 24];

    if (!row->exists) {
        if (phub__instance_adopted(instance) && phub__synced_complete(hub) &&
            may_settle(hub))
            stop(local, "nobody knows its row any more");
        return;
    }
    if (!same(phub__instance_incarnation(instance), row->incarnation)) {
        if (phub_epoch_cmp(phub__instance_incarnation(instance),
                           row->incarnation) < 0)
            stop_told(local, "a newer start of this name won",
                      PHUB_HOOK_start_overruled, row->incarnation.node);
        return;
    }
    if (!row->live) {
        stop(local, "its row was stopped");
        return;
    }
    if (phub__instance_spec(instance)->runner.size == 0) {
        struct phub_buf *spec = phub__buf_copy(row->spec.data,
                                               row->spec.size);

        if (spec != NULL)
            (void)phub__instance_set_spec(instance, spec);
        phub__buf_unref(&spec);
    }
    /* What an interrupted move left: nobody but the row knows whose it is, and
     * only once all have told what they know; alone, after a start, what the
     * disk has may be older than the child. */
    if (phub__instance_adopted(instance) && phub__synced_complete(hub) &&
        may_settle(hub)) {
        if (row->home != hub->node && !row->replica) {
            stop(local, "its daemon died in a move, and its home is another");
            return;
        }
        if (settle(local, row) == 0)
            return;
    }
    if (phub_epoch_cmp(row->home_epoch, epoch) <= 0)
        return;
    if (row->home == hub->node && hub->stopping && local->replica) {
        stop(local, "the node is leaving"); /* its keeper is told so, too */
        return;
    }
    if (row->home == hub->node &&
        phub__instance_role(instance) == PHUB_ROLE_PASSIVE &&
        phub__handover_waits(hub, id, row)) {
        stop(local, "it is active now, and goes on with the state that waits");
        return;
    }
    if (row->home == hub->node) {
        if (phub__instance_adopted(instance))
            return; /* the row may be older than what froze it: settle() */
        phub__instance_set_epoch(instance, row->home_epoch);
        phub__instance_set_role(instance, PHUB_ROLE_ACTIVE,
                                phub__replica_told(hub, PHUB_ROLE_ACTIVE));
        if (local->move == NULL || !phub__move_holding(local->move))
            phub__instance_thaw(instance);
        phub__row_instance(hub, instance, 0, "");
        return;
    }
    if (local->move != NULL && phub__move_holding(local->move))
        return;
    if (row->replica && stays_as_replica(local, row))
        return;
    phub__hub_node_name(hub, row->home, name, sizeof name);
    snprintf(why, sizeof why, "its home is %s by a newer epoch", name);
    stop_told(local, why, PHUB_HOOK_reconcile_duplicate, row->home);
}

/* A node that is being drained begins nothing new, but what it alone holds
 * the state of, or was given by a decision, runs here until it moves on; or,
 * when the drain is over, until its state has gone ahead (presend.c).  So does
 * a replica: its home awaits it, and moves it on (replica.c); and one whose
 * state waits here, for whoever left it found nobody else (presend.c). */
static int may_start(const struct phub__local *local,
                     const struct phub__row_facts *row)
{
    const struct phub__hub *hub = local->hub;

    if (hub->presend != NULL)
        return 0;
    if (phub__hub_may_run(hub))
        return 1;
    return hub->draining && !hub->stopping && hub->attached &&
           phub__synced_complete(hub) && phub__hub_in_charge(hub) &&
           (local->arrival != NULL || local->kept != NULL ||
            local->came_from != 0 ||
            (hub->on_stopped == NULL &&
             (row->replica ||
              phub__handover_waits(local->hub, phub__local_id(local), row))));
}

/* The state for this home is elsewhere: we were its target, and started anew
 * in the middle.  Never start it without.  1 if it is somebody else's now. */
static int give_to_holder(struct phub__local *local,
                          const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    char name[PHUB_NODE_NAME_MAX + 24];
    uint64_t holder;

    if (local->kept != NULL)
        return 0;
    holder = phub__synced_holder(hub, id, row->incarnation, row->home_epoch);
    if (holder == 0 || holder == hub->node)
        return 0;
    phub__hub_node_name(hub, holder, name, sizeof name);
    phub__hub_cause(hub, id, "given back to %s: it holds the state", name);
    return phub__row_home(hub, id, row->incarnation, holder,
                          phub__hub_epoch(hub)) == 0;
}

/* Whoever wrote this home had made sure that nothing older runs; but if it was
 * not heard of, the one before may have started it again meanwhile.  That one
 * hears of it now, and its end brings us back here. */
static int elder_runs(const struct phub__local *local,
                      const struct phub__row_facts *row)
{
    return local->kept == NULL &&
           phub__row_runs_before(local->hub, phub__local_id(local),
                                 row->incarnation, row->home_epoch);
}

/* An earlier start of this node may have begun to move it away, or a move was
 * given up when nothing could be written, and a target that nobody hears of now
 * may hold what it was: as soon as it runs here anew that is stale, so it runs
 * under a new epoch.  0 or PHUB_E*. */
static int fence(struct phub__local *local, struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    int rc;

    if (!same(local->unfenced, row->home_epoch) &&
        (local->kept != NULL ||
         row->home_epoch.number > hub->lamport_before))
        return 0;
    rc = phub__row_home(hub, id, row->incarnation, hub->node,
                        phub__hub_epoch(hub));
    phub__row_facts(hub, id, row);
    if (local->kept_epoch.number != 0)
        local->kept_epoch = row->home_epoch;
    return rc;
}

/* What runs already needs nobody's word. */
static int may_act(struct phub__local *local, const struct phub__row_facts *row)
{
    return (local->instance != NULL && local->arrival == NULL) ||
           phub__confirm_home(local, row->home_epoch);
}

/* known may be of any earlier moment, and what it borrows gone since. */
static void reconcile_once(struct phub__local *local,
                           const struct phub__row_facts *known)
{
    struct phub__hub *hub = local->hub;
    struct phub__row_facts row = *known;

    if (local->arrival != NULL)
        phub__arrival_row_changed(local);
    if (local->move != NULL)
        phub__move_row_changed(local->move);
    phub__row_facts_again(hub, phub__local_id(local), &row);
    if (local->instance != NULL && local->arrival == NULL)
        check_instance(local, &row);
    phub__row_facts_again(hub, phub__local_id(local), &row);
    local->replica = row.live && row.replica;
    if (!row.live || !same(local->unfenced, row.home_epoch))
        local->unfenced = (struct phub_epoch){ 0, 0 };
    if (local->completed.number != 0) {
        if (row.live && same(local->completed, row.incarnation))
            tell_completed(hub, phub__local_id(local), row.incarnation,
                           "it ended");
        else
            local->completed = (struct phub_epoch){ 0, 0 };
    }
    if (local->kept_epoch.number != 0 &&
        !same(local->kept_epoch, row.home_epoch))
        phub__local_keep(local, NULL, row.incarnation);
    phub__replica_reseat_look(local, &row);
    if (!row.live || (row.home != hub->node && !row.replica))
        phub__confirm_drop(local);
    if (!row.live) {
        phub__local_answer(local, PHUB__WANT_RUNNING, PHUB_ESTOPPED,
                           "stopped meanwhile");
        phub__local_keep(local, NULL, row.incarnation);
        local->failed_epoch = (struct phub_epoch){ 0, 0 };
    } else if (row.home == hub->node && may_start(local, &row) &&
               may_act(local, &row)) {
        if (local->arrival != NULL) {
            if (phub__arrival_activate(local) == 0)
                return;
        }
        if (local->instance == NULL && local->arrival == NULL &&
            local->move == NULL &&
            !same(local->failed_epoch, row.home_epoch) &&
            !elder_runs(local, &row) && !give_to_holder(local, &row) &&
            fence(local, &row) == 0 && may_act(local, &row))
            start(local, &row);
        phub__row_facts_again(hub, phub__local_id(local), &row);
        if (row.home == hub->node)
            phub__replica_upkeep(local, &row);
    } else if (row.home == hub->node && local->instance != NULL) {
        phub__replica_upkeep(local, &row); /* of what a drain has left here */
    } else if (row.replica) {
        if (may_start(local, &row) && local->instance == NULL &&
            local->arrival == NULL && local->move == NULL &&
            !same(local->failed_epoch, row.home_epoch) &&
            may_act(local, &row))
            start(local, &row);
    } else if (row.home != hub->node && local->instance == NULL) {
        phub__local_answer(local, PHUB__WANT_RUNNING, PHUB_EMOVED,
                           "its home is another node now");
        if (local->move == NULL && !phub__arrival_may_return(local, &row))
            phub__local_keep(local, NULL, row.incarnation);
        local->failed_epoch = (struct phub_epoch){ 0, 0 };
    }
    if (local->instance == NULL && local->arrival == NULL)
        phub__local_answer(local, PHUB__WANT_ENDED, 0, "");
}

static void reconcile(struct phub__hub *hub, struct phub_bytes id,
                      struct phub__row_facts *row)
{
    struct phub__local *local = phub__local_find(hub, id);

    phub__handover_row_changed(hub, id);
    if (local == NULL) {
        phub__row_facts_again(hub, id, row);
        if (!row->live || (row->home != hub->node && !row->replica))
            return;
        local = phub__local_get(hub, id);
        if (local == NULL) {
            hub->dirty_lost = 1;
            return;
        }
    }
    if (local->busy) {
        local->again = 1;
        return;
    }
    local->busy = 1;
    do {
        local->again = 0;
        reconcile_once(local, row);
    } while (local->again);
    local->busy = 0;
    phub__mail_child_changed(hub, local);
    phub__local_drop(&local);
}

void phub__reconcile(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__row_facts row;

    phub__row_facts(hub, id, &row);
    reconcile(hub, id, &row);
}

/* In slices: a node may be home to hundreds of thousands. */
void phub__reconcile_home(struct phub__hub *hub)
{
    struct phub__row_view views[PHUB__LOCALS_AHEAD];
    struct phub__row_facts rows[PHUB__LOCALS_AHEAD];
    struct phub_bytes ids[PHUB__LOCALS_AHEAD];
    char copies[PHUB__LOCALS_AHEAD][PHUB_CHILD_ID_MAX];
    uint64_t cursor = 0;
    uint32_t count, i;

    while ((count = phub__rows_seen_of(hub, hub->node, &cursor, views,
                                       PHUB__LOCALS_AHEAD)) != 0) {
        for (i = 0; i < count; i++) {
            phub__row_facts_seen(hub, &views[i], &rows[i]);
            ids[i] = (struct phub_bytes){
                (const uint8_t *)copies[i], views[i].id.size };
            memcpy(copies[i], views[i].id.data, ids[i].size);
        }
        phub__locals_ahead(hub, ids, count);
        for (i = 0; i < count; i++)
            reconcile(hub, ids[i], &rows[i]);
    }
}

/* --- what the supervisor says --------------------------------------------- */

/* Once for each time that it comes to run: not when it publishes, or is
 * thawed. */
static void tell_running(struct phub__local *local,
                         const struct phub__instance *instance)
{
    struct phub__hub *hub = local->hub;
    uint32_t restarts = phub__instance_restarts(instance);
    int again = local->told == instance;

    if (again && local->told_restarts == restarts)
        return;
    local->told = instance;
    local->told_restarts = restarts;
    phub__hub_hook(hub, PHUB_HOOK_child_started, hub->node,
                   phub__local_id(local), 0, 1, "");
    if (again)
        phub__hub_hook(hub, PHUB_HOOK_child_pid_updated, hub->node,
                       phub__local_id(local), 0, restarts, "");
}

static void on_changed(void *arg, struct phub__instance *instance)
{
    struct phub__local *local = phub__instance_owner(instance);
    struct phub__hub *hub = arg;

    if (local == NULL)
        return;
    if (local->instance == NULL)
        return; /* inside its own start; published after it */
    if (phub__instance_adopted(instance)) {
        phub__reconcile(hub, phub__instance_id(instance));
        return; /* published when it is known to be ours */
    }
    phub__row_instance(hub, instance, 0, "");
    if (local->arrival != NULL)
        phub__arrival_instance_changed(local);
    phub__checkpoint_changed(local);
    if (phub__instance_phase(instance) == PHUB__PHASE_RUNNING) {
        local->came_from = 0;
        tell_running(local, instance);
        phub__local_answer(local, PHUB__WANT_RUNNING, 0, "");
    } else if (phub__instance_phase(instance) == PHUB__PHASE_BACKOFF) {
        if (phub__instance_stuck(instance)) {
            phub__hub_cause(hub, phub__local_id(local),
                            "this machine could not begin it");
        } else {
            hub->counters.restarts++;
            phub__hub_cause(hub, phub__local_id(local),
                            "restart %u here: %s",
                            phub__instance_restarts(instance),
                            phub__instance_ended_by(instance));
        }
    }
    phub__mail_child_changed(hub, local);
}

static void gave_up(struct phub__local *local, int rc, const char *text)
{
    struct phub__hub *hub = local->hub;
    struct phub__row_facts row;
    int moved = local->came_from != 0;

    /* What could not begin while this node had no lease has not failed: nobody
     * may undo it either.  It begins again if its home still is here. */
    if (!moved && !phub__hub_in_charge(hub))
        return;
    phub__row_facts(hub, phub__local_id(local), &row);
    /* Who sent it may be gone: then it is ours, and tried again. */
    if (phub__arrival_give_back(local, &row, text) || !moved)
        local->failed_epoch = row.home_epoch;
    phub__hub_hook(hub, PHUB_HOOK_child_failed, hub->node,
                   phub__local_id(local), rc, 1, text);
    phub__local_answer(local, PHUB__WANT_RUNNING, rc, text);
}

/* Not to be started again; and not by us either until its row is stopped. */
static void completed(struct phub__local *local, struct phub_epoch incarnation,
                      const char *text)
{
    struct phub__hub *hub = local->hub;
    struct phub__row_facts row;

    phub__row_facts(hub, phub__local_id(local), &row);
    if (row.live && same(row.incarnation, incarnation))
        local->failed_epoch = row.home_epoch;
    if (row.live && row.replica)
        return; /* the child goes on at home */
    tell_completed(hub, phub__local_id(local), incarnation, text);
}

static void on_ended(void *arg, struct phub__instance *instance,
                     enum phub__ended why, int rc, const char *said)
{
    struct phub__hub *hub = arg;
    struct phub__local *local = phub__instance_owner(instance);
    struct phub_epoch incarnation = phub__instance_incarnation(instance);
    struct phub_epoch epoch = phub__instance_epoch(instance);
    struct phub_bytes id;
    char copy[PHUB_CHILD_ID_MAX], text[256]; /* said may be the instance's */

    if (local == NULL) {
        phub__instance_free(&instance);
        return;
    }
    id = phub__local_id(local);
    memcpy(copy, id.data, id.size);
    id.data = (const uint8_t *)copy;
    snprintf(text, sizeof text, "%s", said);
    phub__hub_cause(hub, id, "ended here: %s", text);
    phub__row_instance(hub, instance,
                       why == PHUB__ENDED_FAILED && local->arrival == NULL &&
                               local->move == NULL
                           ? PHUB_INSTANCE_FAILED : PHUB_INSTANCE_GONE,
                       text);
    local->instance = NULL;
    local->told = NULL;
    phub__checkpoint_changed(local);
    if ((why == PHUB__ENDED_FAILED || why == PHUB__ENDED_DEADLINE) &&
        phub__instance_state(instance) != NULL) /* it never took it */
        phub__local_keep(local, phub__instance_state(instance), incarnation);
    phub__instance_free(&instance);
    phub__hub_hook(hub, PHUB_HOOK_child_ended, hub->node, id, rc, 1, text);
    if (local->arrival != NULL &&
        phub__arrival_instance_ended(local, why, rc, text))
        ;
    else if (local->move != NULL &&
             phub__move_instance_ended(local->move, why, text))
        ;
    else if (why == PHUB__ENDED_COMPLETED)
        completed(local, incarnation, text);
    else if (why == PHUB__ENDED_FAILED)
        gave_up(local, rc, text);
    /* Nobody has a newer one as long as this home was not given to another:
     * it may have been, and back, while this node was away. */
    if (why == PHUB__ENDED_DEADLINE && local->kept != NULL)
        local->kept_epoch = epoch;
    phub__reconcile(hub, id);
}

/* What the first start of a node finds was begun by another, whose name was
 * lost with its disk: the others replace it when that one's lease has passed,
 * and ours must not make it live longer. */
static void on_adopted(void *arg, struct phub__instance *instance)
{
    struct phub__hub *hub = arg;
    struct phub__local *local =
        phub__local_get(hub, phub__instance_id(instance));
    const char *why = hub->boot == 1 ? "its node is another one now"
                                     : "a second one of its name";

    if (local == NULL || local->instance != NULL || hub->boot == 1) {
        phub__hub_cause(hub, phub__instance_id(instance), "stop here: %s",
                        why);
        phub__hub_hook(hub, PHUB_HOOK_reconcile_duplicate, hub->node,
                       phub__instance_id(instance), 0, 1, why);
        phub__instance_stop(instance, 1, why);
        phub__local_drop(&local);
        return;
    }
    local->instance = instance;
    phub__instance_set_owner(instance, local);
    phub__hub_cause(hub, phub__local_id(local),
                    "adopted: pid %lld ran on while the daemon was away",
                    (long long)phub__instance_pid(instance));
}

static void on_holder(void *arg, const char *runner, uint64_t guard_id)
{
    struct phub__hub *hub = arg;

    (void)runner;
    hub->guard_id = guard_id;
}

static void on_attached(void *arg)
{
    struct phub__hub *hub = arg;

    hub->attached = 1;
    phub__strategies_changed(hub);
    phub__redistribution_ready(hub);
}

static int on_may_restart(void *arg)
{
    const struct phub__hub *hub = arg;

    return phub__hub_in_charge(hub) && phub__synced_complete(hub);
}

/* Only who has refused can agree, and that once. */
static void on_agreed(void *arg, struct phub__instance *instance)
{
    struct phub__hub *hub = arg;
    struct phub__local *local = phub__instance_owner(instance);

    if (local == NULL || local->instance != instance || !local->put_off)
        return;
    local->put_off = 0;
    phub__hub_hook(hub, PHUB_HOOK_migration_agreed, hub->node,
                   phub__local_id(local), 0, 1, "");
}

const struct phub__supervisor_events phub__local_events = {
    .changed = on_changed,
    .ended = on_ended,
    .adopted = on_adopted,
    .holder = on_holder,
    .attached = on_attached,
    .agreed = on_agreed,
    .may_restart = on_may_restart,
};
