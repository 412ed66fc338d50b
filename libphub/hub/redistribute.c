/* SPDX-License-Identifier: MIT */
/* redistribute: from a change of the view to plans.
 *
 *   view changed -> (settle) -> the partition strategy judges
 *     -> synced in the view -> leases of the lost have run out
 *     -> keepers give the lost nodes' children new homes
 *     -> each node proposes moves of its own children to those that joined
 *
 * Quorum comes first (promise 8): nothing below the verdict happens unless it
 * is CONTINUE for the settled view.  Nothing moves merely because somebody
 * computed: only a join asks again where running children belong. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/peer.h"
#include "hub/place.h"
#include "hub/redistribute.h"
#include "hub/replica.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define PLAN_BATCH 256u
#define WATCH_BUCKETS 1024u

struct watch {
    struct watch *next;
    phub__move_reported *done;
    void *arg;
    uint64_t target;
    uint32_t who;                  /* the strategy that was asked */
    uint32_t id_size;
    char id[PHUB_CHILD_ID_MAX];
};

struct phub__redistribution {
    struct phub__timer *timer;     /* leases of the lost */
    struct watch *watches[WATCH_BUCKETS];  /* by child, newest first */
    int beginning;                 /* the strategy is given moves */
    int watched;                   /* and somebody waits for these */
    int settled;                   /* the current view has been judged */
    int joined;                    /* plan for who came */
    int open;                      /* post_redistribution is to come */
    int scheduled;
};

static void work(void *arg);

const char *phub__cause_name(uint32_t cause)
{
    switch ((enum phub_cause)cause) {
    case PHUB_CAUSE_START: return "a start";
    case PHUB_CAUSE_NODE_LOST: return "its node was lost";
    case PHUB_CAUSE_NODE_LEFT: return "its node left";
    case PHUB_CAUSE_NODE_JOINED: return "a node joined";
    case PHUB_CAUSE_DRAIN: return "its node is being drained";
    case PHUB_CAUSE_OPERATOR: return "an operator asked for it";
    case PHUB_CAUSE_RETRY: return "the first choice did not take it";
    case PHUB_CAUSE_FAILED: return "it failed where it was";
    case PHUB_CAUSE_REBALANCE: return "a strategy asked for it";
    }
    return "unknown";
}

int phub__redistribution_new(struct phub__hub *hub)
{
    struct phub__redistribution *r = phub__calloc(1, sizeof *r);

    if (r == NULL)
        return PHUB_ENOMEM;
    r->timer = hub->env->timer_new(hub->env, work, hub);
    if (r->timer == NULL) {
        phub__free(r);
        return PHUB_ENOMEM;
    }
    hub->redistribution = r;
    return 0;
}

int phub__redistribution_settled(const struct phub__hub *hub)
{
    return hub->redistribution->settled;
}

void phub__redistribution_free(struct phub__hub *hub)
{
    struct phub__redistribution *r = hub->redistribution;
    struct watch *watch;
    uint32_t i;

    if (r == NULL)
        return;
    for (i = 0; i < WATCH_BUCKETS; i++)
        while ((watch = r->watches[i]) != NULL) {
            r->watches[i] = watch->next;
            phub__free(watch);
        }
    hub->env->timer_free(hub->env, &r->timer);
    phub__free(r);
    hub->redistribution = NULL;
}

/* --- reports of moves ---------------------------------------------------------- */

static struct watch **watches_of(struct phub__hub *hub, struct phub_bytes id)
{
    return &hub->redistribution
                ->watches[XXH3_64bits(id.data, id.size) % WATCH_BUCKETS];
}

int phub__redistribution_watch(struct phub__hub *hub, struct phub_bytes id,
                               uint64_t target, uint32_t who,
                               phub__move_reported *done, void *arg)
{
    struct watch *watch = phub__calloc(1, sizeof *watch);
    struct watch **bucket = watches_of(hub, id);

    if (watch == NULL)
        return PHUB_ENOMEM;
    watch->done = done;
    watch->arg = arg;
    watch->target = target;
    watch->who = who;
    watch->id_size = (uint32_t)id.size;
    memcpy(watch->id, id.data, id.size);
    watch->next = *bucket;
    *bucket = watch;
    return 0;
}

/* One that is on its way out ends its moves beside the new one, which may have
 * been asked for another of the same child meanwhile. */
void phub__redistribution_report(struct phub__hub *hub,
                                 const struct phub_ctx *ctx,
                                 struct phub_bytes id, int rc,
                                 const char *text)
{
    struct phub__redistribution *r = hub->redistribution;
    struct watch **p = watches_of(hub, id), *watch, *mine = NULL;
    /* Already on its way: that is news for who asked just now, if anybody
     * did, and not for who waits for the move that is going on.  One whose
     * place is taken: that is news for all others. */
    int refused = r->beginning && rc == PHUB_EBUSY;
    int newest = r->beginning && r->watched && rc == PHUB_ECANCELLED;

    if (refused && !r->watched)
        return;
    while ((watch = *p) != NULL) {
        int same = watch->who == ctx->who && watch->id_size == id.size &&
                   memcmp(watch->id, id.data, id.size) == 0;

        if (!same || newest) {
            newest = newest && !same;
            p = &watch->next;
            continue;
        }
        *p = watch->next;
        watch->next = mine;
        mine = watch;
        if (refused)
            break;
    }
    while ((watch = mine) != NULL) {
        mine = watch->next;
        watch->done(watch->arg, id, watch->target, rc, text);
        phub__free(watch);
    }
}

/* --- plans ----------------------------------------------------------------------- */

int phub__redistribution_begin(struct phub__hub *hub,
                               const struct phub_bytes *ids,
                               const uint64_t *targets, uint32_t count,
                               enum phub_cause cause, uint32_t flags,
                               uint32_t deadline_ms, char *error,
                               size_t error_max)
{
    struct phub_plan_item *items = phub__calloc(count, sizeof *items);
    struct phub_ctx *ctx = hub->strategies[PHUB_KIND_MIGRATION]->ctx;
    uint32_t before, i;
    int rc;

    if (items == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    for (i = 0; i < count; i++) {
        items[i].size = sizeof items[i];
        items[i].cause = (uint32_t)cause;
        items[i].id = ids[i];
        items[i].targets = &targets[i];
        items[i].targets_count = 1;
        items[i].flags = flags;
        items[i].deadline_ms = deadline_ms;
    }
    hub->redistribution->beginning = 1;
    hub->redistribution->watched = cause != PHUB_CAUSE_NODE_JOINED;
    before = ctx->moving;
    ctx->moving += count; /* each is reported once */
    rc = phub__call_begin(ctx->strategy, items, count, error, error_max);
    if (rc != 0)
        ctx->moving = before;
    hub->redistribution->beginning = 0;
    phub__free(items);
    return rc;
}

/* Should this child of ours go?  Running (or, when all have to go, stuck), not
 * bound, not on its way. */
static int movable(struct phub__hub *hub, struct phub_bytes id)
{
    const struct phub__local *local = phub__local_find(hub, id);
    struct phub__row_facts row;

    if (local == NULL || local->instance == NULL || local->move != NULL ||
        local->arrival != NULL)
        return 0;
    phub__row_facts(hub, id, &row);
    return row.live && row.home == hub->node && !row.sticky &&
           (phub__instance_phase(local->instance) == PHUB__PHASE_RUNNING ||
            (hub->drain != NULL && phub__instance_stuck(local->instance)));
}

/* One batch of our children: ask where they belong, plan those that differ.
 * One that is where an active instance may be stays. */
static void plan(struct phub__hub *hub, struct phub_bytes *ids, uint32_t count)
{
    struct phub_view *view = phub__hub_view(hub);
    uint64_t homes[PLAN_BATCH], nodes[PLAN_BATCH];
    struct phub__places p;
    char text[256];
    uint32_t i, n = 0;

    for (i = 0; i < count; i++)
        homes[i] = hub->node;
    if (phub__place(hub, view, ids, homes, NULL, count, PHUB_CAUSE_NODE_JOINED, &p,
                    text, sizeof text) != 0) {
        phub__hub_log(hub, PHUB__LOG_ERROR, "cannot plan %u children: %s",
                      count, text);
        count = 0;
    }
    for (i = 0; i < count; i++) {
        const uint64_t *wanted = p.nodes + (size_t)i * p.factor;
        uint64_t node = phub__place_home(hub, view, ids[i], &p, i);

        if (node == 0)
            continue;
        phub__replica_keep(hub, ids[i], wanted, p.counts[i]);
        if (phub__replica_suits(hub, view, ids[i], wanted, p.counts[i],
                                hub->node))
            continue;
        ids[n] = ids[i];
        nodes[n++] = node;
    }
    phub__places_fini(&p);
    if (n != 0 && phub__redistribution_begin(hub, ids, nodes, n,
                                             PHUB_CAUSE_NODE_JOINED, 0, 0,
                                             text, sizeof text) != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "migration strategy took none of %u children: %s", n,
                      text);
}

void phub__plan_home(struct phub__hub *hub,
                     void (*plan_fn)(struct phub__hub *hub,
                                     struct phub_bytes *ids, uint32_t count))
{
    struct phub_bytes ids[64], batch[PLAN_BATCH];
    char (*copies)[PHUB_CHILD_ID_MAX] =
        phub__calloc(PLAN_BATCH, sizeof *copies);
    uint64_t cursor = 0;
    uint32_t count, n = 0, i;

    if (copies == NULL)
        return;
    while ((count = phub__rows_of(hub, hub->node, &cursor, ids, 64)) != 0) {
        for (i = 0; i < count; i++) {
            if (!movable(hub, ids[i]))
                continue;
            memcpy(copies[n], ids[i].data, ids[i].size);
            batch[n] = (struct phub_bytes){ (const uint8_t *)copies[n],
                                            ids[i].size };
            if (++n == PLAN_BATCH) {
                plan_fn(hub, batch, n);
                n = 0;
            }
        }
    }
    if (n != 0)
        plan_fn(hub, batch, n);
    phub__free(copies);
}

/* --- the work that waits for its conditions ------------------------------------------ */

/* 1 if the lease of a lost node still runs. */
static int replace_lost(struct phub__hub *hub)
{
    struct phub_env *env = hub->env;
    uint64_t now = env->now_ns(env), ready, next = UINT64_MAX;
    uint64_t node = 0;
    int left;

    while ((node = phub__synced_lost(hub, node, &ready, &left)) != 0) {
        if (ready > now) { /* homes, and starts that wait for its instances */
            next = ready < next ? ready : next;
            continue;
        }
        if (phub__registry_home_count(hub->registry, node) == 0)
            continue;
        phub__keeper_rehome(hub, node, left ? PHUB_CAUSE_NODE_LEFT
                                            : PHUB_CAUSE_NODE_LOST);
    }
    if (next != UINT64_MAX)
        env->timer_start(env, hub->redistribution->timer, next);
    return next != UINT64_MAX;
}

/* Children of ours that do not run yet. */
static uint32_t to_start(struct phub__hub *hub)
{
    uint64_t homes = phub__registry_home_count(hub->registry, hub->node);
    const struct phub__local *local;

    for (local = phub__locals_first(hub->locals); local != NULL && homes != 0;
         local = local->next)
        homes -= local->instance != NULL;
    return (uint32_t)homes;
}

/* The first time that this node may start what belongs here. */
static void recover(struct phub__hub *hub)
{
    uint32_t count;

    if (hub->recovered || !phub__hub_may_run(hub))
        return;
    hub->recovered = 1;
    count = to_start(hub);
    if (count != 0)
        phub__hub_hook(hub, PHUB_HOOK_pre_recovery_replay, hub->node,
                       PHUB_BYTES_NONE, 0, count, "");
    phub__reconcile_home(hub);
    phub__hub_hook(hub, PHUB_HOOK_post_recovery_replay, hub->node,
                   PHUB_BYTES_NONE, 0, count, "");
    phub__hub_hook(hub, PHUB_HOOK_recovery_state_changed, hub->node,
                   PHUB_BYTES_NONE, 0, 0, "recovering to normal");
}

static void work(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__redistribution *r = hub->redistribution;
    int waits;

    r->scheduled = 0;
    if (!hub->attached || !phub__synced_complete(hub))
        return;
    phub__rows_retire_own(hub);
    phub__reconcile_adopted(hub);
    recover(hub);
    phub__reconcile_home(hub);
    phub__reconcile_replicas(hub);
    if (!r->settled || hub->verdict != PHUB_VERDICT_CONTINUE)
        return;
    if (hub->stopping)
        return; /* whoever is keeper after us does it */
    if (!phub__hub_in_charge(hub))
        return; /* stopped for long, say: the next lease comes here again */
    waits = replace_lost(hub);
    if (r->joined && phub__hub_may_run(hub) && !hub->draining) {
        r->joined = 0;
        phub__plan_home(hub, plan);
    }
    if (r->open && !waits && (!r->joined || hub->draining)) {
        r->open = 0;
        phub__hub_hook(hub, PHUB_HOOK_post_redistribution, 0,
                       PHUB_BYTES_NONE, 0, 0, "");
    }
}

void phub__redistribution_ready(struct phub__hub *hub)
{
    struct phub__redistribution *r = hub->redistribution;

    if (r->scheduled)
        return;
    if (hub->env->defer(hub->env, work, hub) == 0)
        r->scheduled = 1;
}

void phub__redistribution_plan_again(struct phub__hub *hub)
{
    hub->redistribution->joined = 1;
    phub__redistribution_ready(hub);
}

/* --- the cluster's events -------------------------------------------------------------- */

static void hooks(struct phub__hub *hub, const struct phub__view_change *c,
                  enum phub_hook join, enum phub_hook leave)
{
    uint32_t i;

    for (i = 0; i < c->joined_count; i++)
        phub__hub_hook(hub, join, c->joined[i].node, PHUB_BYTES_NONE, 0, 0,
                       phub__hub_name_of(hub, c->joined[i].node));
    for (i = 0; i < c->lost_count; i++)
        phub__hub_hook(hub, leave, c->lost[i].node, PHUB_BYTES_NONE,
                       PHUB_ENODEDOWN, 0,
                       phub__hub_name_of(hub, c->lost[i].node));
    for (i = 0; i < c->left_count; i++)
        phub__hub_hook(hub, leave, c->left[i].node, PHUB_BYTES_NONE, 0, 0,
                       phub__hub_name_of(hub, c->left[i].node));
}

static void gone(struct phub__hub *hub, uint64_t node)
{
    phub__requests_node_down(hub->requests, node,
                             phub__hub_name_of(hub, node));
    phub__host_node_gone(hub, node);
}

void phub__redistribution_view_changed(struct phub__hub *hub,
                                       const struct phub__view_change *c)
{
    uint32_t i;

    hub->redistribution->settled = 0;
    hooks(hub, c, PHUB_HOOK_pre_node_join, PHUB_HOOK_pre_node_leave);
    phub__peer_view_changed(hub, c);
    phub__synced_view_changed(hub, c);
    for (i = 0; i < c->lost_count; i++)
        gone(hub, c->lost[i].node);
    for (i = 0; i < c->left_count; i++)
        gone(hub, c->left[i].node);
    phub__requests_view_changed(hub->requests);
    phub__arrivals_view_changed(hub);
    for (i = 0; i < PHUB__SLOTS; i++)
        if (hub->host->slots[i] != NULL)
            phub__call_view_changed(hub->host->slots[i]->strategy,
                                    c->new_view);
}

static void ask_verdict(struct phub__hub *hub,
                        struct phub__strategy *strategy,
                        const struct phub_judge *in, uint32_t *verdict)
{
    char text[256];

    if (phub__call_judge(strategy, in, verdict, text, sizeof text) != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "partition strategy gave no verdict, nothing is "
                      "redistributed: %s", text);
}

uint32_t phub__redistribution_verdict(struct phub__hub *hub,
                                      struct phub__strategy *strategy)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub_judge in = { .size = sizeof in, .old_view = view,
                             .new_view = view,
                             .now_ns = hub->env->now_ns(hub->env) };
    uint32_t verdict = PHUB_VERDICT_FREEZE;

    ask_verdict(hub, strategy, &in, &verdict);
    return verdict;
}

/* Of two that count the sterner one. */
static void judge(struct phub__hub *hub, const struct phub__view_change *c)
{
    uint64_t lost[2 * PHUB__MEMBERS_MAX], left[2 * PHUB__MEMBERS_MAX];
    struct phub_judge in = {
        .size = sizeof in, .old_view = c->old_view, .new_view = c->new_view,
        .lost = lost, .left = left, .lost_count = c->lost_count,
        .left_count = c->left_count, .now_ns = hub->env->now_ns(hub->env) };
    const struct phub_ctx *joint = phub__strategies_joint(hub);
    uint32_t verdict = PHUB_VERDICT_FREEZE, also = PHUB_VERDICT_FREEZE, i;

    for (i = 0; i < c->lost_count; i++)
        lost[i] = c->lost[i].node;
    for (i = 0; i < c->left_count; i++)
        left[i] = c->left[i].node;
    ask_verdict(hub, hub->strategies[PHUB_KIND_PARTITION], &in, &verdict);
    if (joint != NULL) { /* whoever looks on sees both */
        joint->strategy->watch = hub->strategies[PHUB_KIND_PARTITION]->watch;
        ask_verdict(hub, joint->strategy, &in, &also);
        verdict = also > verdict ? also : verdict;
    }
    if (hub->forgotten || phub__strategies_lost(hub))
        verdict = PHUB_VERDICT_STOP;
    if ((int)verdict != hub->verdict) {
        phub__hub_cause(hub, PHUB_BYTES_NONE, "verdict of '%s': %s",
                        hub->strategies[PHUB_KIND_PARTITION]->name,
                        verdict == PHUB_VERDICT_CONTINUE ? "continue"
                        : verdict == PHUB_VERDICT_FREEZE ? "freeze" : "stop");
        phub__hub_hook(hub, PHUB_HOOK_partitioned, 0, PHUB_BYTES_NONE,
                       (int)verdict, 0, "");
    }
    hub->verdict = (int)verdict;
    if (verdict == PHUB_VERDICT_STOP)
        phub__locals_end_all(hub, 0, hub->forgotten
                                         ? "its node was forgotten"
                                         : "the partition strategy says stop");
}

void phub__redistribution_first(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__view_change none = { .old_view = view, .new_view = view };

    judge(hub, &none);
    if (hub->verdict != PHUB_VERDICT_CONTINUE)
        hub->verdict = 0;
}

void phub__redistribution_judge_again(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__view_change none = { .old_view = view, .new_view = view };

    phub__hub_lease_mode(hub);
    if (!hub->redistribution->settled && !hub->forgotten)
        return; /* it is about to be asked */
    judge(hub, &none);
    phub__redistribution_ready(hub);
}

int phub__redistribution_reset(struct phub__hub *hub, uint64_t size,
                               char *text, size_t text_max)
{
    struct phub_view *view = phub__hub_view(hub);
    const struct phub_ctx *joint = phub__strategies_joint(hub);
    uint32_t count = phub__view_count(view);
    int rc, also;

    if (!hub->redistribution->settled) {
        snprintf(text, text_max, "nodes come and go just now");
        return PHUB_EAGAIN;
    }
    if (size != count) {
        snprintf(text, text_max, "%u nodes see each other here; name that "
                 "number if there are no others any more", count);
        return PHUB_EINVAL;
    }
    rc = phub__call_reset(hub->strategies[PHUB_KIND_PARTITION], view, text,
                          text_max);
    if (joint != NULL && (rc == 0 || rc == PHUB_EUNSUPPORTED)) {
        also = phub__call_reset(joint->strategy, view, text, text_max);
        rc = rc == 0 && also == PHUB_EUNSUPPORTED ? 0 : also;
    }
    if (rc == 0) {
        snprintf(text, text_max, "%u nodes are counted from now on", count);
        phub__hub_cause(hub, PHUB_BYTES_NONE, "an operator has reset the "
                        "quorum: %s", text);
    }
    return rc;
}

void phub__redistribution_view_settled(struct phub__hub *hub,
                                       const struct phub__view_change *c)
{
    struct phub__redistribution *r = hub->redistribution;

    judge(hub, c);
    phub__hub_hook(hub, PHUB_HOOK_pre_redistribution, 0, PHUB_BYTES_NONE,
                   hub->verdict, 0, c->joined_count == 0 ? "nodes went"
                   : c->lost_count + c->left_count == 0 ? "nodes came"
                                                        : "nodes came and "
                                                          "went");
    r->open = 1;
    r->settled = 1;
    if (c->joined_count != 0)
        r->joined = 1;
    hooks(hub, c, PHUB_HOOK_post_node_join, PHUB_HOOK_post_node_leave);
    phub__strategies_view_settled(hub, c);
    phub__redistribution_ready(hub);
}

/* --- an operator's move ------------------------------------------------------------------- */

struct asked {
    struct phub__hub *hub;
    struct phub__reply reply;
};

static int sticky(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__row_facts row;

    phub__row_facts(hub, id, &row);
    return row.live && row.sticky;
}

static void asked_done(void *arg, struct phub_bytes id, uint64_t target,
                       int rc, const char *text)
{
    struct asked *asked = arg;

    (void)id;
    (void)target;
    phub__reply(asked->hub, &asked->reply, rc, asked->hub->node, 0, text);
    phub__free(asked);
}

/* Not one that is still to come, or waits for its next start. */
static int may_go(const struct phub__local *local)
{
    enum phub__phase phase = local->instance == NULL || local->arrival != NULL
        ? PHUB__PHASE_GONE : phub__instance_phase(local->instance);

    return phase == PHUB__PHASE_STARTING || phase == PHUB__PHASE_RUNNING ||
           phase == PHUB__PHASE_FROZEN;
}

int phub__redistribution_give(struct phub__hub *hub, struct phub_bytes id,
                              uint64_t target, const char *why)
{
    const struct phub__local *local = phub__local_find(hub, id);
    char name[PHUB_NODE_NAME_MAX + 24];
    struct phub__row_facts row;

    if (local == NULL || local->instance == NULL || local->move != NULL ||
        local->arrival != NULL || local->kept != NULL ||
        !phub__instance_stuck(local->instance) ||
        phub__instance_state(local->instance) != NULL)
        return 0;
    phub__row_facts(hub, id, &row);
    if (!row.live || row.home != hub->node || row.replicas_count != 0 ||
        !phub__hub_in_charge(hub) || !phub__synced_complete(hub) ||
        phub__row_home(hub, id, row.incarnation, target,
                       phub__hub_epoch(hub)) != 0)
        return 0;
    phub__hub_node_name(hub, target, name, sizeof name);
    phub__hub_cause(hub, id, "home is %s: this machine cannot begin it, and "
                    "%s", name, why);
    return 1;
}

/* Its home is here; it does not run, and is not on its way: 0, or why.  Where
 * it may run as well, as a replica or by an older row, is of no concern to a
 * move. */
static int not_here(struct phub__hub *hub, struct phub_bytes id, char *text,
                    size_t max)
{
    const struct phub__local *local = phub__local_find(hub, id);

    if (local != NULL && (local->move != NULL || may_go(local)))
        return 0;
    if (local != NULL && local->failed_epoch.number != 0) {
        snprintf(text, max, "it failed here, and does not run");
        return PHUB_EFAILED;
    }
    snprintf(text, max, "it does not run here yet");
    return PHUB_EAGAIN;
}

void phub__redistribution_move(struct phub__hub *hub,
                               const struct phub__op_request *op,
                               const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub_ctx *ctx = hub->strategies[PHUB_KIND_MIGRATION]->ctx;
    const struct phub__local *local;
    struct asked *asked;
    char text[256], name[PHUB_NODE_NAME_MAX + 24];
    uint32_t who = ctx->who;
    int planned = (item->flags & PHUB__ITEM_PLANNED) != 0, rc = 0, joins = 0;

    phub__hub_node_name(hub, item->target, name, sizeof name);
    if (!phub__hub_in_charge(hub) || !phub__synced_complete(hub)) {
        /* Its home may be another by now; whoever asks is told again. */
        snprintf(text, sizeof text, "the node does not know yet whether it "
                 "is still its home");
        rc = phub__hub_why_not(hub);
    } else if (item->target == hub->node) {
        snprintf(text, sizeof text, "it is on %s already", name);
        rc = PHUB_EREPEATED;
    } else if (phub__view_index(phub__hub_view(hub), item->target) ==
               PHUB__VIEW_NONE) {
        snprintf(text, sizeof text, "%s is not a member", name);
        rc = PHUB_ENODEDOWN;
    } else if (planned && sticky(hub, item->id)) {
        snprintf(text, sizeof text, "it stays where it is, by its spec");
        rc = PHUB_EREFUSED;
    } else {
        rc = not_here(hub, item->id, text, sizeof text);
        if (rc == PHUB_EAGAIN && item->epoch.node == 0)
            (void)phub__redistribution_give(hub, item->id, item->target,
                                            "somebody asked for a move");
    }
    if (rc == 0 && item->epoch.node != 0 && item->epoch.node != hub->node) {
        phub__replica_move(hub, item, &reply);
        return;
    }
    local = phub__local_find(hub, item->id);
    if (rc == 0 && local->move != NULL) {
        rc = phub__move_joins(local->move, item->target, &who, text,
                              sizeof text);
        joins = rc == 0;
    }
    asked = rc == 0 ? phub__calloc(1, sizeof *asked) : NULL;
    if (rc == 0 && (asked == NULL || phub__redistribution_watch(
            hub, item->id, item->target, who, asked_done, asked) != 0)) {
        phub__free(asked);
        snprintf(text, sizeof text, "out of memory");
        rc = PHUB_ENOMEM;
    }
    if (rc != 0) {
        phub__reply(hub, &reply, rc, hub->node, 0, text);
        return;
    }
    *asked = (struct asked){ hub, reply };
    if (!joins)
        rc = phub__redistribution_begin(
            hub, &item->id, &item->target, 1,
            planned ? PHUB_CAUSE_REBALANCE : PHUB_CAUSE_OPERATOR,
            !planned || (item->flags & PHUB__ITEM_NO_CONSENT)
                ? PHUB_PLAN_NO_CONSENT : 0,
            (uint32_t)op->timeout_ms, text, sizeof text);
    if (rc != 0)
        phub__redistribution_report(hub, ctx, item->id, rc, text);
}
