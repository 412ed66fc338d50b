/* SPDX-License-Identifier: MIT */
/* drain: a move of everything in parallel, in rounds, with a deadline.
 *
 * Each round asks the distribution strategy, in a view without this node,
 * where the children still here belong, and hands them to the migration
 * strategy; a move that fails is tried again in the next round, and a node that
 * says that it is leaving, too, is not asked again: two that are drained at one
 * time would offer each other their children until the deadline.  A child that
 * cannot go (it is not running, or nobody takes it) is left; whoever drains in
 * order to stop ends it here, and its keeper gives it a new home after the
 * goodbye.  Under another verdict than CONTINUE nothing can go, and a drain
 * says so instead of waiting for its deadline.  Who drains in order to stop
 * also waits, within the same deadline, until its partition strategy says that
 * the others can do without it. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/handover.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/place.h"
#include "hub/redistribute.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define ROUND_MS 250u
#define LEAVING_MAX 64u   /* nodes; with more of them drains take longer */
#define NS_PER_MS 1000000ull

struct phub__drain {
    struct phub__timer *timer;
    struct phub_view *others;
    uint64_t deadline_ns;
    uint32_t moving;       /* handed to the strategy, not reported */
    uint32_t moved;
    int before;            /* it was drained already: nobody undoes that */
    uint32_t leaving_count;
    uint64_t leaving[LEAVING_MAX];  /* nodes that take nothing any more */
    phub__drained *done;
    void *arg;
};

static void announce(void *arg)
{
    struct phub__hub *hub = arg;
    const struct phub__member *self =
        phub__cluster_member(hub->cluster, hub->node);

    if (self->drained == (hub->draining != 0))
        return;
    phub__cluster_takes(hub->cluster, !hub->draining,
                        hub->env->boot_ns(hub->env));
    phub__hub_arm_cluster(hub);
}

/* Whoever stops is gone soon: the others need not ask again where everything
 * belongs, for the moment. */
void phub__drain_set(struct phub__hub *hub, int why, int draining)
{
    hub->draining = draining ? hub->draining | why : hub->draining & ~why;
    if (hub->on_stopped == NULL)
        (void)hub->env->defer(hub->env, announce, hub); /* or a round */
}

static void drain_free(struct phub__hub *hub)
{
    hub->env->timer_free(hub->env, &hub->drain->timer);
    phub__view_unref(&hub->drain->others);
    phub__free(hub->drain);
    hub->drain = NULL;
}

/* Prepared before the drain was asked for: whoever sends it may still make us
 * its home. */
static uint32_t on_their_way(struct phub__hub *hub)
{
    const struct phub__local *local;
    struct phub__row_facts row;
    uint32_t count = 0;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next) {
        if (local->arrival == NULL)
            continue;
        phub__row_facts(hub, phub__local_id(local), &row);
        count += row.live && row.home != hub->node;
    }
    return count;
}

/* Whoever stops waits for nobody: the sender keeps the child. */
static uint32_t left_here(struct phub__hub *hub)
{
    uint32_t count =
        (uint32_t)phub__registry_home_count(hub->registry, hub->node);

    return hub->on_stopped != NULL ? count : count + on_their_way(hub);
}

/* While nobody takes anything it is as before. */
static void end_as(struct phub__hub *hub, int rc, int before)
{
    int nobody = rc == PHUB_ENOPLACE || rc == PHUB_EPARTITIONED;

    if (!nobody || !before)
        hub->drained = rc == 0;
    if (nobody && !before && hub->on_stopped == NULL)
        phub__drain_set(hub, PHUB__DRAIN_ASKED, 0);
}

static void finish(struct phub__hub *hub, int rc)
{
    phub__drained *done = hub->drain->done;
    void *arg = hub->drain->arg;
    uint32_t moved = hub->drain->moved, left = left_here(hub);
    int before = hub->drain->before;

    drain_free(hub);
    end_as(hub, rc, before);
    phub__hub_cause(hub, PHUB_BYTES_NONE, "drained: %u moved, %u left", moved,
                    left);
    phub__hub_hook(hub, PHUB_HOOK_drain_completed, hub->node, PHUB_BYTES_NONE,
                   rc, moved, "");
    done(arg, rc, moved, left);
}

/* Where it was to go is leaving. */
static void target_leaves(struct phub__drain *drain, uint64_t node)
{
    uint32_t i;

    if (drain->leaving_count == LEAVING_MAX)
        return;
    for (i = 0; i < drain->leaving_count; i++)
        if (drain->leaving[i] == node)
            return;
    drain->leaving[drain->leaving_count++] = node;
}

static void reported(void *arg, struct phub_bytes id, uint64_t target,
                     int rc, const char *text)
{
    struct phub__hub *hub = arg;

    (void)id;
    (void)text;
    if (hub->drain == NULL)
        return;
    if (hub->drain->moving != 0) /* of an earlier drain, it may be */
        hub->drain->moving--;
    if (rc == 0)
        hub->drain->moved++;
    else if (rc == PHUB_ESHUTDOWN)
        target_leaves(hub->drain, target);
    /* What failed waits for its round; the last that went is the end. */
    if (hub->drain->moving == 0 && rc == 0)
        hub->env->timer_start(hub->env, hub->drain->timer,
                              hub->env->now_ns(hub->env));
}

/* Who may take the children; NULL if out of memory. */
static struct phub_view *takers(struct phub__hub *hub)
{
    struct phub__drain *drain = hub->drain;
    struct phub_view *view =
        phub__view_without(hub, phub__hub_view(hub), hub->node);
    uint32_t i;

    for (i = 0; view != NULL && i < drain->leaving_count; i++) {
        struct phub_view *fewer =
            phub__view_without(hub, view, drain->leaving[i]);

        phub__view_unref(&view);
        view = fewer;
    }
    return view;
}

static void plan(struct phub__hub *hub, struct phub_bytes *ids, uint32_t count)
{
    struct phub_ctx *ctx = hub->strategies[PHUB_KIND_MIGRATION]->ctx;
    struct phub__drain *drain = hub->drain;
    uint64_t nodes[256], now = hub->env->now_ns(hub->env);
    uint32_t i, n = 0;
    char text[256];

    if (phub__keeper_place(hub, drain->others, ids, NULL, count,
                           PHUB_CAUSE_DRAIN, nodes, text, sizeof text) != 0) {
        phub__hub_log(hub, PHUB__LOG_ERROR, "cannot place %u children: %s",
                      count, text);
        return;
    }
    for (i = 0; i < count; i++) {
        if (nodes[i] == 0 ||
            phub__redistribution_give(hub, ids[i], nodes[i],
                                      "the node is drained") ||
            phub__redistribution_watch(hub, ids[i], nodes[i], ctx->who,
                                       reported, hub) != 0)
            continue;
        ids[n] = ids[i];
        nodes[n++] = nodes[i];
    }
    drain->moving += n;
    if (n != 0 && phub__redistribution_begin(
                      hub, ids, nodes, n, PHUB_CAUSE_DRAIN,
                      PHUB_PLAN_NO_CONSENT,
                      (uint32_t)((drain->deadline_ns - now) / NS_PER_MS + 1),
                      text, sizeof text) != 0)
        for (i = 0; i < n; i++)
            phub__redistribution_report(hub, ctx, ids[i], PHUB_EPLUGIN, text);
}

/* Nothing may be placed, or will be: whoever stops can wait for a better
 * verdict, but not when that has ended its children already. */
static int forbidden(const struct phub__hub *hub)
{
    return hub->verdict == PHUB_VERDICT_STOP ||
           (hub->verdict == PHUB_VERDICT_FREEZE && hub->on_stopped == NULL);
}

/* A node that stays drained leaves nobody. */
static int may_leave(struct phub__hub *hub, uint64_t now)
{
    uint64_t by = hub->drain->deadline_ns;

    if (hub->on_stopped == NULL || now >= by)
        return 1;
    if (phub__strategies_joint(hub) != NULL &&
        !phub__call_may_leave(phub__strategies_joint(hub)->strategy,
                              (uint32_t)((by - now) / NS_PER_MS)))
        return 0;
    return phub__call_may_leave(hub->strategies[PHUB_KIND_PARTITION],
                                (uint32_t)((by - now) / NS_PER_MS));
}

static void round_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__drain *drain = hub->drain;
    struct phub_env *env = hub->env;
    uint64_t now = env->now_ns(env);
    int may = may_leave(hub, now);

    if (left_here(hub) == 0 && drain->moving == 0 && may) {
        finish(hub, 0);
        return;
    }
    if (now >= drain->deadline_ns) {
        finish(hub, PHUB_ETIMEDOUT);
        return;
    }
    if (forbidden(hub)) {
        finish(hub, PHUB_EPARTITIONED);
        return;
    }
    phub__view_unref(&drain->others);
    drain->others = takers(hub);
    if (drain->others != NULL && phub__view_count(drain->others) == 0) {
        finish(hub, PHUB_ENOPLACE);
        return;
    }
    if (drain->others != NULL && drain->moving == 0 &&
        hub->verdict == PHUB_VERDICT_CONTINUE)
        phub__plan_home(hub, plan);
    env->timer_start(env, drain->timer,
                     now + ROUND_MS * NS_PER_MS < drain->deadline_ns
                         ? now + ROUND_MS * NS_PER_MS : drain->deadline_ns);
}

/* The node is to stop in the middle of a drain: what is on its way goes on. */
static void take_over(struct phub__hub *hub, uint64_t deadline_ms,
                      phub__drained *done, void *arg)
{
    struct phub__drain *drain = hub->drain;
    struct phub_env *env = hub->env;
    phub__drained *first = drain->done;
    void *first_arg = drain->arg;
    uint64_t now = env->now_ns(env);

    drain->done = done;
    drain->arg = arg;
    drain->deadline_ns = now + deadline_ms * NS_PER_MS;
    env->timer_start(env, drain->timer, now);
    first(first_arg, PHUB_ESHUTDOWN, drain->moved, left_here(hub));
}

static void again_done(void *arg, int rc, uint32_t moved, uint32_t left);

int phub__drain_start(struct phub__hub *hub, uint64_t deadline_ms,
                      phub__drained *done, void *arg)
{
    struct phub__drain *drain;
    struct phub_env *env = hub->env;

    if (hub->drain != NULL && hub->on_stopped == NULL &&
        hub->drain->done != again_done)
        return PHUB_EBUSY;
    if (hub->drain != NULL) {
        take_over(hub, deadline_ms, done, arg);
        return 0;
    }
    if (phub__view_count(phub__hub_view(hub)) < 2)
        return PHUB_ENOPLACE;
    if (forbidden(hub))
        return PHUB_EPARTITIONED;
    drain = phub__calloc(1, sizeof *drain);
    if (drain == NULL)
        return PHUB_ENOMEM;
    drain->timer = env->timer_new(env, round_fired, hub);
    if (drain->timer == NULL) {
        phub__free(drain);
        return PHUB_ENOMEM;
    }
    drain->deadline_ns = env->now_ns(env) + deadline_ms * NS_PER_MS;
    drain->done = done;
    drain->arg = arg;
    drain->before = (hub->draining & PHUB__DRAIN_ASKED) != 0;
    hub->drain = drain;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 1);
    phub__hub_cause(hub, PHUB_BYTES_NONE, done == again_done
                        ? "drained again: %u children are back"
                        : "drain of %u children asked for", left_here(hub));
    phub__hub_hook(hub, PHUB_HOOK_drain_started, hub->node, PHUB_BYTES_NONE,
                   0, left_here(hub), "");
    env->timer_start(env, drain->timer, env->now_ns(env));
    return 0;
}

/* Nothing of it is here, and it was given to us one round ago or earlier. */
static int not_ours(struct phub__hub *hub, struct phub_bytes id)
{
    const struct phub__local *local = phub__local_find(hub, id);
    struct phub__row_facts row;

    phub__row_facts(hub, id, &row);
    return row.live && row.home_epoch.number <= hub->round_lamport &&
           !phub__handover_waits(hub, id, &row) &&
           (local == NULL ||
            (local->instance == NULL && local->move == NULL &&
             local->arrival == NULL && local->kept == NULL &&
             local->failed_epoch.number == 0));
}

/* A drained node that stays is asked for by keepers that do not know, and one
 * of them may die before it hears that we do not take it. */
static void pass_on(struct phub__hub *hub)
{
    struct phub_view *others;
    struct phub_bytes ids[64];
    char copies[64][PHUB_CHILD_ID_MAX], text[256];
    uint64_t cursor = 0, nodes[64];
    struct phub__row_facts row;
    uint32_t count, i, n;

    others = phub__view_without(hub, phub__hub_view(hub), hub->node);
    while (others != NULL && phub__view_count(others) != 0 &&
           (count = phub__rows_of(hub, hub->node, &cursor, ids, 64)) != 0) {
        for (i = n = 0; i < count; i++) {
            if (!not_ours(hub, ids[i]))
                continue;
            memcpy(copies[n], ids[i].data, ids[i].size);
            ids[n].size = ids[i].size;
            ids[n].data = (const uint8_t *)copies[n];
            n++;
        }
        if (n == 0 || phub__keeper_place(hub, others, ids, NULL, n,
                                         PHUB_CAUSE_DRAIN, nodes, text,
                                         sizeof text) != 0)
            continue;
        for (i = 0; i < n; i++) {
            phub__row_facts(hub, ids[i], &row);
            phub__hub_cause(hub, ids[i], "passed on: node '%s' is drained",
                            hub->name);
            if (nodes[i] != 0)
                (void)phub__row_home(hub, ids[i], row.incarnation, nodes[i],
                                     phub__hub_epoch(hub));
        }
    }
    phub__view_unref(&others);
}

#define AGAIN_MS 30000u

static void again_done(void *arg, int rc, uint32_t moved, uint32_t left)
{
    (void)arg;
    (void)rc;
    (void)moved;
    (void)left;
}

static int somebody_takes(const struct phub__hub *hub)
{
    const struct phub_view *view = phub__hub_view(hub);
    uint32_t i;

    for (i = 0; i < phub__view_count(view); i++)
        if (phub__view_at(view, i)->id != hub->node &&
            phub__place_takes(hub, phub__view_at(view, i)->id))
            return 1;
    return 0;
}

/* It was empty, and is home to something again: a replica was promoted here, or
 * what had gone came back.  That goes, too; what cannot go stays then. */
static void again(struct phub__hub *hub)
{
    const struct phub__local *local;
    struct phub__row_facts row;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next) {
        if (local->instance == NULL)
            continue;
        phub__row_facts(hub, phub__local_id(local), &row);
        if (!row.live || row.home != hub->node)
            continue;
        (void)phub__drain_start(hub, AGAIN_MS, again_done, hub);
        return;
    }
}

void phub__drain_round(struct phub__hub *hub)
{
    if (hub->on_stopped != NULL)
        return;
    announce(hub); /* what could not be deferred */
    if (!hub->draining || !phub__synced_complete(hub) ||
        !phub__hub_in_charge(hub) ||
        (hub->drain != NULL && hub->drain->done != again_done))
        return;
    if (!somebody_takes(hub))
        return; /* it waits, or stays */
    pass_on(hub);
    if (hub->drained && hub->drain == NULL)
        again(hub);
}

struct asked {
    struct phub__hub *hub;
    struct phub__reply reply;
};

static void asked_done(void *arg, int rc, uint32_t moved, uint32_t left)
{
    struct asked *asked = arg;
    struct phub__op_answer answer = { .code = rc, .node = asked->hub->node,
                                      .value = moved, .pid = left };
    char text[96];

    snprintf(text, sizeof text, "%u moved, %u left", moved, left);
    answer.text = (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
    phub__reply_full(asked->hub, &asked->reply, &answer);
    phub__free(asked);
}

void phub__drain_close(struct phub__hub *hub)
{
    const struct phub__drain *drain = hub->drain;

    if (drain == NULL)
        return;
    if (drain->done == asked_done)
        asked_done(drain->arg, PHUB_ESHUTDOWN, drain->moved, left_here(hub));
    drain_free(hub);
}

void phub__drain_asked(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct asked *asked = phub__calloc(1, sizeof *asked);
    uint64_t deadline_ms = op->timeout_ms > 500 ? op->timeout_ms - 250
                                                : op->timeout_ms;
    int rc = PHUB_ENOMEM;

    if (asked != NULL) {
        *asked = (struct asked){ hub, reply };
        rc = phub__drain_start(hub, deadline_ms, asked_done, asked);
    }
    if (rc == 0)
        return;
    phub__free(asked);
    phub__reply(hub, &reply, rc, hub->node, 0,
                rc == PHUB_ENOPLACE ? "there is no other node"
                                    : phub_strerror(rc));
}
