/* SPDX-License-Identifier: MIT */
/* replica: more than one instance of a child.
 *
 * A row's home names the node of the active instance, its replicas name the
 * nodes of the others; one epoch covers both, and whoever may write the home
 * writes them together (hub.h): the keeper at the start and when the home is
 * lost, the home at any other time.  So there is never more than one writer,
 * and every rule about homes holds for replicas.
 *
 *   start      keeper: the distribution's first `factor` nodes; home is the
 *              first that the redundancy strategy makes active
 *   lost home  keeper: the same choice among the replicas that are left, so a
 *              passive instance that runs is promoted where it is
 *   lost replica, too few, too many   home (upkeep)
 *   a join     home: replicas that no longer belong are cut, upkeep fills
 *   a move     the target leaves the replicas as it becomes home
 *   a replica is to be on another node   home: its seat is given up at once,
 *              and upkeep prefers that node when it fills the gap
 *
 * Never more than asked for: a replica is added only once the instances that
 * were cut are gone, and a lost one is replaced once its lease has run out.  A
 * seat without an instance may have one before its node hears that it was cut,
 * so it is not cut before that one is there, or has failed.
 *
 * Roles.  The instance at home is active.  The others are what the strategy's
 * plan makes of them if it wants several active ones, else passive: who is
 * home is recorded, and not for a function of the view to change. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/departed.h"
#include "hub/keeper.h"
#include "hub/place.h"
#include "hub/redistribute.h"
#include "hub/replica.h"
#include "hub/synced.h"
#include "wire/memory.h"

enum { FACTOR = 1, PLAN = 2 };

/* Asked for each child: said once, until it works again. */
static void say(struct phub__hub *hub, int call, int rc, const char *text,
                const char *instead)
{
    int was = hub->redundancy_failing & call;

    if (rc == 0) {
        hub->redundancy_failing &= ~call;
        return;
    }
    hub->redundancy_failing |= call;
    if (!was)
        phub__hub_log(hub, PHUB__LOG_ERROR, "%s; %s", text, instead);
}

uint32_t phub__replica_factor(struct phub__hub *hub,
                              const struct phub_view *view, uint64_t home)
{
    struct phub_view *takers = phub__place_takers(hub, view, home);
    uint32_t factor = 1;
    char text[256];
    int rc = phub__call_factor(hub->strategies[PHUB_KIND_REDUNDANCY],
                               takers != NULL ? takers : view, &factor, text,
                               sizeof text);

    if (rc != 0)
        factor = 1;
    say(hub, FACTOR, rc, text, "children have one instance");
    phub__view_unref(&takers);
    return factor < PHUB__INSTANCES_MAX ? factor : PHUB__INSTANCES_MAX;
}

/* roles has count places; all but the first passive if there is no answer. */
static uint32_t roles_of(struct phub__hub *hub, const struct phub_view *view,
                         struct phub_bytes id, const uint64_t *nodes,
                         uint32_t count, uint32_t *roles)
{
    uint32_t i, active = 0;
    char text[256];
    int rc = phub__call_plan(hub->strategies[PHUB_KIND_REDUNDANCY], view, &id,
                             nodes, count, roles, text, sizeof text);

    if (rc != 0)
        for (i = 0; i < count; i++)
            roles[i] = i == 0 ? PHUB_ROLE_ACTIVE : PHUB_ROLE_PASSIVE;
    say(hub, PLAN, rc, text, "the first instance of a child is active");
    for (i = 0; i < count; i++)
        active += roles[i] == PHUB_ROLE_ACTIVE;
    return active;
}

uint64_t phub__replica_pick(struct phub__hub *hub,
                            const struct phub_view *view,
                            struct phub_bytes id, const uint64_t *nodes,
                            uint32_t count)
{
    uint32_t roles[PHUB__INSTANCES_MAX], i;

    if (count < 2)
        return count == 0 ? 0 : nodes[0];
    (void)roles_of(hub, view, id, nodes, count, roles);
    for (i = 0; roles[i] != PHUB_ROLE_ACTIVE; i++)
        ;
    return nodes[i];
}

int phub__replica_suits(struct phub__hub *hub, const struct phub_view *view,
                        struct phub_bytes id, const uint64_t *nodes,
                        uint32_t count, uint64_t home)
{
    uint32_t roles[PHUB__INSTANCES_MAX], i;

    if (count < 2)
        return count == 1 && nodes[0] == home;
    (void)roles_of(hub, view, id, nodes, count, roles);
    for (i = 0; i < count; i++)
        if (nodes[i] == home)
            return roles[i] == PHUB_ROLE_ACTIVE;
    return 0;
}

uint32_t phub__replica_role(struct phub__hub *hub, struct phub_bytes id,
                            const struct phub__row_facts *row)
{
    uint64_t nodes[PHUB__INSTANCES_MAX];
    uint32_t roles[PHUB__INSTANCES_MAX], i;

    if (row->home == hub->node)
        return PHUB_ROLE_ACTIVE;
    nodes[0] = row->home;
    memcpy(nodes + 1, row->replicas, row->replicas_count * sizeof nodes[0]);
    if (roles_of(hub, phub__hub_view(hub), id, nodes, row->replicas_count + 1,
                 roles) < 2)
        return PHUB_ROLE_PASSIVE;
    for (i = 1; nodes[i] != hub->node; i++)
        ;
    return roles[i];
}

int phub__replica_told(struct phub__hub *hub, uint32_t role)
{
    return (phub__call_signals(hub->strategies[PHUB_KIND_REDUNDANCY]) >>
            role) & 1;
}

/* --- at home ------------------------------------------------------------------ */

/* A keeper that has not heard of a new one may stop the child: it is told of
 * it, of the last, as it is of a move. */
static void write_seats(struct phub__hub *hub, struct phub_bytes id,
                        const struct phub__row_facts *row,
                        const uint64_t *nodes, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (!phub__replica_has(row->replicas, row->replicas_count, nodes[i]))
            phub__departed_add(hub, id, row->incarnation, nodes[i]);
    phub__hub_cause(hub, id, "%u replicas of %u stay, %u in all",
                    count < row->replicas_count ? count : row->replicas_count,
                    row->replicas_count, count);
    (void)phub__row_seats(hub, id, row->incarnation, hub->node, nodes, count,
                          phub__hub_epoch(hub));
}

/* May this node, as home, change who has a replica?  One that was drained and
 * stays does it for what could not go. */
static int may_decide(const struct phub__hub *hub,
                      const struct phub__local *local)
{
    return local->move == NULL && local->arrival == NULL &&
           local->instance != NULL &&
           phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING &&
           (!hub->draining ||
            (hub->drain == NULL && hub->on_stopped == NULL)) &&
           !hub->stopping &&
           hub->verdict == PHUB_VERDICT_CONTINUE &&
           phub__redistribution_settled(hub) && phub__synced_complete(hub) &&
           phub__hub_in_charge(hub);
}

uint32_t phub__replica_lingering(struct phub__hub *hub, struct phub_bytes id,
                                 const struct phub__row_facts *row,
                                 uint64_t home)
{
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i, count = 0;

    if (phub__registry_get(hub->registry, id, &view) != 0)
        return 0;
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.state == PHUB_INSTANCE_GONE ||
            half.state == PHUB_INSTANCE_FAILED || half.node == home ||
            phub__replica_has(row->replicas, row->replicas_count, half.node))
            continue;
        count += phub__view_index(phub__hub_view(hub), half.node) !=
                     PHUB__VIEW_NONE ||
                 phub__synced_lease_left(hub, half.node);
    }
    return count;
}

/* Its node is here and has the right to begin one at any moment. */
static int awaited(struct phub__hub *hub, struct phub_bytes id, uint64_t node)
{
    struct phub_epoch epoch;
    int64_t pid;
    uint32_t state = phub__row_state_on(hub, id, node, &epoch, &pid);

    return state == 0 &&
           phub__view_index(phub__hub_view(hub), node) != PHUB__VIEW_NONE;
}

/* --- a replica that moves ------------------------------------------------------ */

struct phub__reseat {
    uint64_t to;
    struct phub__reply reply;
};

static void reseat_end(struct phub__local *local, int rc, const char *text)
{
    struct phub__reseat *reseat = local->reseat;

    local->reseat = NULL;
    phub__reply(local->hub, &reseat->reply, rc, reseat->to, 0, text);
    phub__free(reseat);
}

void phub__replica_reseat_free(struct phub__local *local)
{
    phub__free(local->reseat);
    local->reseat = NULL;
}

void phub__replica_reseat_look(struct phub__local *local,
                               const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    struct phub_epoch epoch;
    int64_t pid;
    uint32_t state;
    uint64_t to;

    if (local->reseat == NULL)
        return;
    to = local->reseat->to;
    state = phub__row_state_on(hub, phub__local_id(local), to, &epoch, &pid);
    if (!row->live)
        reseat_end(local, PHUB_ESTOPPED, "stopped meanwhile");
    else if (row->home != hub->node)
        reseat_end(local, PHUB_EMOVED, "its home is another node now");
    else if (phub__view_index(phub__hub_view(hub), to) == PHUB__VIEW_NONE)
        reseat_end(local, PHUB_ENODEDOWN, "the node is not there any more");
    else if (phub__replica_has(row->replicas, row->replicas_count, to) &&
             state == PHUB_INSTANCE_RUNNING)
        reseat_end(local, 0, "moved");
    else if (phub__replica_has(row->replicas, row->replicas_count, to) &&
             state == PHUB_INSTANCE_FAILED)
        reseat_end(local, PHUB_EFAILED, "it does not start there");
}

void phub__replica_move(struct phub__hub *hub,
                        const struct phub__op_item *item,
                        const struct phub__reply *reply)
{
    struct phub__local *local = phub__local_find(hub, item->id);
    uint64_t nodes[PHUB__INSTANCES_MAX], from = item->epoch.node;
    struct phub__row_facts row;
    uint32_t i, count = 0;
    const char *text = NULL;
    int rc = 0;

    phub__row_facts(hub, item->id, &row);
    for (i = 0; i < row.replicas_count; i++)
        if (row.replicas[i] != from)
            nodes[count++] = row.replicas[i];
    if (local == NULL || !row.live || row.home != hub->node ||
        !may_decide(hub, local)) {
        rc = PHUB_EAGAIN;
        text = "its home cannot decide about replicas now";
    } else if (count == row.replicas_count) {
        rc = PHUB_ENOTFOUND;
        text = "that node has no replica of it";
    } else if (awaited(hub, item->id, from)) {
        rc = PHUB_EAGAIN;
        text = "it does not run there yet";
    } else if (item->target == from) {
        rc = PHUB_EREPEATED;
        text = "it is there already";
    } else if (phub__replica_has(nodes, count, item->target)) {
        rc = PHUB_EEXIST;
        text = "the node has another replica of it";
    } else if (!phub__place_takes(hub, item->target)) {
        rc = PHUB_ESHUTDOWN;
        text = "the node is drained, and takes no children";
    } else if (local->reseat != NULL) {
        rc = PHUB_EBUSY;
        text = "another replica of it moves";
    } else if ((local->reseat = phub__calloc(1, sizeof *local->reseat)) ==
               NULL) {
        rc = PHUB_ENOMEM;
        text = phub_strerror(rc);
    }
    if (rc != 0) {
        phub__reply(hub, reply, rc, hub->node, 0, text);
        return;
    }
    *local->reseat = (struct phub__reseat){ item->target, *reply };
    write_seats(hub, item->id, &row, nodes, count);
}

/* --- upkeep -------------------------------------------------------------------- */

/* Append to nodes, up to max of them: the one that a replica is to move to,
 * then from where the child belongs. */
static uint32_t fill(const struct phub__local *local, uint64_t *nodes,
                     uint32_t count, uint32_t max, uint32_t factor)
{
    struct phub__hub *hub = local->hub;
    struct phub_bytes id = phub__local_id(local);
    uint64_t places[PHUB__INSTANCES_MAX];
    uint32_t i, n = 0;

    if (local->reseat != NULL && count < max &&
        !phub__replica_has(nodes, count, local->reseat->to))
        nodes[count++] = local->reseat->to;
    if (phub__keeper_places(hub, phub__hub_view(hub), &id, &hub->node, NULL,
                            1, factor, PHUB_CAUSE_RETRY, places, &n, NULL,
                            0) != 0)
        return count;
    for (i = 0; i < n && count < max; i++)
        if (places[i] != hub->node &&
            !phub__replica_has(nodes, count, places[i]))
            nodes[count++] = places[i];
    return count;
}

/* Append those seats whose node is there, or may be, of the nodes that take
 * children, or of those that do not. */
static uint32_t keep_seats(struct phub__hub *hub,
                           const struct phub__row_facts *row, int taking,
                           uint64_t *nodes, uint32_t count, uint32_t max)
{
    uint32_t i;

    for (i = 0; i < row->replicas_count && count < max; i++)
        if (phub__place_takes(hub, row->replicas[i]) == taking &&
            (phub__view_index(phub__hub_view(hub), row->replicas[i]) !=
                 PHUB__VIEW_NONE ||
             phub__synced_lease_left(hub, row->replicas[i])))
            nodes[count++] = row->replicas[i];
    return count;
}

/* All seats are kept.  One on a drained node is given up, if there is another
 * place for it; when its instance is gone, that is filled. */
static uint32_t leave_drained(const struct phub__local *local,
                              uint64_t *nodes, uint32_t count,
                              uint32_t factor)
{
    struct phub__hub *hub = local->hub;
    uint32_t i = 0;

    while (i < count && (phub__place_takes(hub, nodes[i]) ||
                         awaited(hub, phub__local_id(local), nodes[i])))
        i++;
    if (i == count || fill(local, nodes, count, count + 1, factor) == count)
        return count;
    memmove(nodes + i, nodes + i + 1, (count - i - 1) * sizeof nodes[0]);
    return count - 1;
}

void phub__replica_upkeep(struct phub__local *local,
                          const struct phub__row_facts *row)
{
    struct phub__hub *hub = local->hub;
    uint64_t nodes[PHUB__INSTANCES_MAX];
    uint32_t factor = phub__replica_factor(hub, phub__hub_view(hub),
                                           hub->node);
    uint32_t kept = 0, count, old;

    if ((factor == 1 && row->replicas_count == 0) || !may_decide(hub, local))
        return;
    kept = keep_seats(hub, row, 1, nodes, kept, factor - 1);
    kept = keep_seats(hub, row, 0, nodes, kept, factor - 1);
    count = kept;
    if (kept + 1 < factor) {
        /* What was cut may still run, and those just left out as well. */
        old = phub__replica_lingering(hub, phub__local_id(local), row,
                                      hub->node);
        if (kept + 1 + old < factor)
            count = fill(local, nodes, kept, factor - 1 - old, factor);
    } else if (kept == row->replicas_count) {
        count = kept = leave_drained(local, nodes, kept, factor);
    }
    if (count != row->replicas_count || kept != row->replicas_count)
        write_seats(hub, phub__local_id(local), row, nodes, count);
}

void phub__replica_keep(struct phub__hub *hub, struct phub_bytes id,
                        const uint64_t *nodes, uint32_t count)
{
    const struct phub__local *local = phub__local_find(hub, id);
    uint64_t kept[PHUB__INSTANCES_MAX];
    struct phub__row_facts row;
    uint32_t i, n = 0;

    phub__row_facts(hub, id, &row);
    if (local == NULL || !row.live || row.home != hub->node ||
        row.replicas_count == 0 || !may_decide(hub, local))
        return;
    for (i = 0; i < row.replicas_count; i++)
        if (phub__replica_has(nodes, count, row.replicas[i]) ||
            awaited(hub, id, row.replicas[i]))
            kept[n++] = row.replicas[i];
    if (n != row.replicas_count)
        write_seats(hub, id, &row, kept, n);
}
