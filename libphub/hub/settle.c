/* SPDX-License-Identifier: MIT */
/* settle: when may a node that has just started be believed?
 *
 * It may have found others like it first, and not yet those who know; so with
 * seeds it decides nothing for alone_grace.  If it knew others before it
 * started (registry/stable.c: known nodes are on its disk) it is *lonely*
 * until it is synced in a view (synced.h) with all of them, or with one that
 * has settled in itself.  Those whom it does not reach may have taken over
 * what was its, and may know what it does not: as long as it is lonely it
 * starts nothing, and answers "again" rather than "not found".
 *
 * It cannot wait for ever, for they may be dead.  Whoever lives and has lost
 * it tries to reach it every rejoin_interval_max at the latest, and it tries
 * to reach all that it knew (addresses.c), for those to whom it said goodbye
 * look for it but seldom; when that has passed too, it is alone as far as
 * anybody can tell: a partition, for which there is a strategy.  That there is
 * no such child it does not claim as long (synced.c: partial).
 *
 * A machine that has lost its disk is a new node under an old name.  Until the
 * others have noticed that the old one is no more they do not let it in.  It
 * knows then that there is a hub, and waits as long for it.  One that hears so
 * later is a hub of its own already, with a name that is used twice, which is
 * for people to see to. */
#include "config.h"

#include <stdio.h>

#include <phub/error.h>

#include "hub/forget.h"
#include "hub/hub.h"
#include "hub/keeper.h"
#include "hub/synced.h"

#define NS_PER_MS 1000000ull

/* --- the round ------------------------------------------------------------ */

static void round_at(struct phub__hub *hub, uint64_t at_ns)
{
    hub->round_ns = at_ns;
    hub->round_early = 0;
    hub->env->timer_start(hub->env, hub->round_timer, at_ns);
}

void phub__hub_round_in(struct phub__hub *hub, uint32_t ms)
{
    round_at(hub, hub->env->now_ns(hub->env) + ms * NS_PER_MS);
}

void phub__hub_round_soon(struct phub__hub *hub)
{
    uint64_t at = hub->env->now_ns(hub->env) +
                  PHUB__ROUND_AGAIN_MS * NS_PER_MS;

    if (hub->started && hub->round_ns > at && !hub->round_early) {
        hub->round_early = 1;
        hub->env->timer_start(hub->env, hub->round_timer, at);
    }
}

int phub__hub_round_waits(struct phub__hub *hub)
{
    int early = hub->round_early;

    hub->round_early = 0;
    if (!early || !phub__synced_complete(hub) ||
        hub->env->now_ns(hub->env) >= hub->round_ns)
        return 0;
    hub->env->timer_start(hub->env, hub->round_timer, hub->round_ns);
    return 1;
}

/* --- settling in ---------------------------------------------------------- */

static int waits_to_be_let_in(const struct phub__hub *hub)
{
    return hub->refused_ns != 0 &&
           phub__view_count(phub__hub_view(hub)) == 1;
}

void phub__hub_unknowing(const struct phub__hub *hub, char *text, size_t max)
{
    if (waits_to_be_let_in(hub))
        snprintf(text, max, "the others do not let node '%s' in yet: its name "
                 "is in use", hub->name);
    else if (phub__synced_outvoted(hub))
        snprintf(text, max, "node '%s' sees %u nodes, and these are not yet a "
                 "majority of what partition strategy '%s' counts", hub->name,
                 phub__view_count(phub__hub_view(hub)),
                 hub->strategies[PHUB_KIND_PARTITION]->name);
    else
        snprintf(text, max, "node '%s' does not know all rows yet",
                 hub->name);
}

static uint64_t settled_in_ns(const struct phub__hub *hub)
{
    const struct phub__cluster_params *params = &hub->options.cluster;
    uint64_t ms = hub->options.seeds_count == 0 ? 0 : params->alone_grace;
    uint64_t at, waits;

    if (hub->lonely)
        ms += params->rejoin_interval_max;
    at = hub->started_ns + ms * NS_PER_MS;
    waits = hub->refused_ns + params->rejoin_interval_max * NS_PER_MS;
    return waits_to_be_let_in(hub) && waits > at ? waits : at;
}

int phub__hub_settled_in(const struct phub__hub *hub)
{
    return hub->started && hub->env->now_ns(hub->env) >= settled_in_ns(hub);
}

void phub__hub_settle_in(struct phub__hub *hub)
{
    uint64_t now = hub->env->now_ns(hub->env), at = settled_in_ns(hub);

    round_at(hub, (at > now ? at : now) + NS_PER_MS);
}

void phub__hub_refused(struct phub__hub *hub, int code)
{
    if (code == PHUB_EFORGOTTEN)
        phub__forgotten(hub);
    if (code != PHUB_EEXIST || phub__hub_settled_in(hub))
        return;
    hub->refused_ns = hub->env->now_ns(hub->env);
    phub__hub_settle_in(hub);
}

struct around {
    struct phub__hub *hub;
    uint64_t away;
};

static bool is_in_view(void *arg, uint64_t node)
{
    struct around *around = arg;

    around->away = node;
    return phub__view_index(phub__hub_view(around->hub), node) !=
           PHUB__VIEW_NONE;
}

uint64_t phub__hub_away(struct phub__hub *hub)
{
    struct around around = { .hub = hub };

    return phub__registry_knows_other(hub->registry, is_in_view, &around)
        ? around.away : 0;
}

int phub__hub_no_such(struct phub__hub *hub, char text[PHUB__NO_SUCH_MAX])
{
    char name[PHUB_NODE_NAME_MAX + 24];
    enum phub__partial partial;
    uint64_t away;

    if (phub__keeper_undecided(hub)) {
        phub__hub_unknowing(hub, text, PHUB__NO_SUCH_MAX);
        return PHUB_EAGAIN;
    }
    snprintf(text, PHUB__NO_SUCH_MAX, "no such child");
    partial = phub__synced_partial(hub);
    if (partial == PHUB__WHOLE)
        return PHUB_ENOTFOUND;
    away = phub__hub_away(hub);
    if (away != 0)
        phub__hub_node_name(hub, away, name, sizeof name);
    snprintf(text, PHUB__NO_SUCH_MAX, "no member knows it, and %s, which is "
             "away, may", away != 0 ? name : "another node");
    return partial == PHUB__PARTIAL ? PHUB_EAGAIN : PHUB_ENOTFOUND;
}

void phub__hub_look_around(struct phub__hub *hub)
{
    if (phub__hub_away(hub) == 0) {
        phub__hub_company(hub);
        return;
    }
    if (!hub->lonely)
        phub__hub_hook(hub, PHUB_HOOK_recovery_parked, hub->node,
                       PHUB_BYTES_NONE, PHUB_EAGAIN, 0,
                       "others were known before this start");
    hub->lonely = 1;
}

void phub__hub_company(struct phub__hub *hub)
{
    if (!hub->lonely)
        return;
    hub->lonely = 0;
    if (hub->started)
        phub__hub_settle_in(hub);
}
