/* SPDX-License-Identifier: MIT */
/* synced: when a node may decide.
 *
 * After each change of the view every member tells every other: the hash of
 * the view it has adopted, its registry's summary, how long its grants to lost
 * nodes still run, and which states it holds.  A node is *synced in a view*
 * once it has such a message with its own view's hash from each other member
 * and its registry covers each of those summaries.
 *
 * What goes to all is a digest of the summary.  Who has another one asks for
 * the summary, with its own, one member after the other: the answer comes
 * behind the rows that were missing, and mostly the others need not be asked
 * any more (synced_heard.c).  Who was behind tells its new digest to all, before
 * they ask.  In a large hub one member gathers what all tell (gather.c), and
 * there is a pause behind the first answer, for all have learnt by then, and
 * tell so.  Telling and asking wait as long as n * n messages take at a
 * microsecond each, and in a hub that gathers 0.3 ms for each member at most, so
 * that a burst of changes costs a large hub little, and a small one nothing.
 *
 * Why that is enough: a member that says hash V keeps no child any more that
 * V gives to somebody else; whatever it decided as keeper of an earlier view
 * is in the summary that came with V.  So a keeper that is synced in V knows
 * all earlier decisions about its children (the new primary's catch-up of
 * Viewstamped Replication, Oki and Liskov 1988, without a log).
 *
 * A lease that lapsed is as good as a view that changed: the others may have
 * seen this node go and come back, with the same boot number and so the same
 * view hash, and have replaced what it ran.  So it asks everybody anew and
 * decides and starts nothing before the answers cover it.  Those who answer may
 * all have started since, while who replaced it is not in view yet: unless one
 * of them has settled in, or all nodes that it has ever known of are there, it
 * waits as long as one that has just started would (settle.c).  It does alone,
 * too, if it was not run; who was cut off goes on by what it knows.
 *
 * For the same reason a keeper does not follow a lost one before that one's
 * lease has run out: a keeper decides under its lease only.
 *
 * Complete is not *whole*: synced_whole.c.
 *
 * Whoever receives a summary sends what its writer lacks.  Leases: a lost
 * node's children may be replaced once *all* members of the view have said
 * that their grants have run out (hub.h, grant.c). */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/gather.h"
#include "hub/handover.h"
#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "hub/synced_private.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define MISSED_ROUNDS 16u   /* between looks at all known nodes */
#define NS_PER_MS 1000000ull
#define MISSING_SIZE 524288u     /* bytes of one repair piece */
#define SPREAD_NS 1000u          /* for each message between members */
#define SPREAD_NODES_MAX 300u    /* from here on it is linear: one gathers */
#define GATHER_PATIENCE_MS 500u  /* with who gathers, four spreads and two of
                                  * its waits */
#define UNHEARD_FEW 8u           /* who are asked, not told of */

static void tell_fired(void *arg);
static void ask_fired(void *arg);

int phub__synced_new(struct phub__hub *hub)
{
    struct phub__synced *synced = phub__calloc(1, sizeof *synced);

    hub->synced = synced;
    if (synced == NULL)
        return PHUB_ENOMEM;
    synced->recovering = 1;
    synced->partial = PHUB__PARTIAL;
    synced->tell_timer = hub->env->timer_new(hub->env, tell_fired, hub);
    synced->ask_timer = hub->env->timer_new(hub->env, ask_fired, hub);
    return synced->tell_timer == NULL || synced->ask_timer == NULL
        ? PHUB_ENOMEM : 0;
}

void phub__synced_free(struct phub__hub *hub)
{
    uint32_t i;

    if (hub->synced == NULL)
        return;
    for (i = 0; i < hub->synced->heard_count; i++) {
        phub__heard_clear(hub->synced->heard[i]);
        phub__free(hub->synced->heard[i]);
    }
    phub__free(hub->synced->heard);
    if (hub->synced->tell_timer != NULL)
        hub->env->timer_free(hub->env, &hub->synced->tell_timer);
    if (hub->synced->ask_timer != NULL)
        hub->env->timer_free(hub->env, &hub->synced->ask_timer);
    phub__lost_free(hub->synced);
    phub__free(hub->synced);
    hub->synced = NULL;
}

int phub__synced_outvoted(const struct phub__hub *hub)
{
    return phub__hub_majority(hub) &&
           (hub->synced->complete
                ? hub->lease_boot_ns <= hub->env->boot_ns(hub->env)
                : hub->synced->outvoted);
}

int phub__synced_complete(const struct phub__hub *hub)
{
    return hub->synced->complete;
}

int phub__synced_stale(const struct phub__hub *hub)
{
    return hub->synced->stale;
}

void phub__synced_forget(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    uint32_t i, kept = 0;

    if (phub__registry_forgotten_count(hub->registry) == 0)
        return;
    phub__lost_forget(hub);
    for (i = 0; i < synced->heard_count; i++) {
        struct phub__heard *heard = synced->heard[i];

        if (!phub__registry_is_forgotten(hub->registry, heard->node)) {
            synced->heard[kept++] = heard;
            continue;
        }
        phub__heard_clear(heard);
        phub__free(heard);
    }
    synced->heard_count = kept;
}

/* --- telling ------------------------------------------------------------------ */

enum tell {
    TELL_ASK = 1,          /* they shall tell theirs */
    TELL_SUMMARY = 2,
    TELL_UNHEARD = 4,      /* only those that have not told in this view */
    TELL_GATHER = 8        /* who gets it passes it on */
};

static int body_of(struct phub__hub *hub, struct phub__op_view_sync *sync,
                   unsigned how, struct phub_buf **buf)
{
    struct phub__builder summary, body;
    int rc = 0;

    phub__builder_init(&summary, PHUB__SUMMARY_SIZE_MAX);
    phub__builder_init(&body, PHUB__FRAME_MAX / 2);
    if (how & TELL_SUMMARY)
        rc = phub__registry_summary(hub->registry, &summary);
    if (rc == 0) {
        sync->summary = phub__builder_bytes(&summary);
        rc = phub__encode(&phub__op_view_sync_schema, sync, &body);
    }
    while (rc == PHUB_ELIMIT && sync->held.count != 0) {
        sync->held.count /= 2; /* some states may be lost, the hub not */
        phub__builder_reset(&body);
        rc = phub__encode(&phub__op_view_sync_schema, sync, &body);
    }
    if (rc == 0)
        rc = phub__builder_take(&body, buf);
    phub__builder_fini(&summary);
    phub__builder_fini(&body);
    return rc;
}

/* Our next statement; NULL: out of memory. */
static struct phub_buf *statement(struct phub__hub *hub, unsigned how)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__op_view_sync sync = {
        .boot = hub->boot, .number = ++hub->synced->told_number,
        .gather = (how & TELL_GATHER) != 0,
        .view_hash = phub__view_hash(view), .ask = (how & TELL_ASK) != 0,
        .digest = phub__registry_digest(hub->registry),
        .new_here = !phub__hub_settled_in(hub) || hub->synced->stale,
        .recovering = hub->synced->recovering,
        .partial = phub__synced_partial(hub),
        .floor = phub__confirm_floor(hub) };
    uint32_t held_max = phub__moves_held(hub, NULL, PHUB__HELD_MAX);
    struct phub__op_lease *leases = phub__calloc(PHUB__LEASES_MAX, sizeof *leases);
    struct phub__op_held *held = phub__calloc(held_max + 1, sizeof *held);
    struct phub_buf *buf = NULL;

    if (held != NULL && leases != NULL) {
        sync.leases = (struct phub__list){ leases,
                                           phub__lost_leases(hub, leases) };
        sync.held = (struct phub__list){
            held, phub__moves_held(hub, held, held_max) };
        (void)body_of(hub, &sync, how, &buf);
    }
    phub__free(held);
    phub__free(leases);
    return buf;
}

/* To that node, or to all (0). */
static void tell(struct phub__hub *hub, uint64_t only, unsigned how)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub_buf *buf = statement(hub, how);
    uint32_t i;

    for (i = 0; buf != NULL && i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;

        if (node != hub->node && (only == 0 || only == node) &&
            !(how & TELL_UNHEARD && phub__heard_now(hub, node) != NULL))
            (void)phub__peer_send(hub, node, PHUB__MESSAGE_VIEW_SYNC, buf);
    }
    phub__buf_unref(&buf);
}

/* To all, by way of the view's gatherer, if it has one. */
static int tell_gatherer(struct phub__hub *hub, uint32_t second)
{
    struct phub_view *view = phub__hub_view(hub);
    uint64_t gatherer = phub__gatherer(view, second);
    struct phub__op_view_sync sync;
    struct phub_buf *buf;

    if (gatherer == 0)
        return 0;
    buf = statement(hub, TELL_GATHER);
    if (buf != NULL && gatherer != hub->node)
        (void)phub__peer_send(hub, gatherer, PHUB__MESSAGE_VIEW_SYNC, buf);
    else if (buf != NULL && phub__hub_decode(hub, &phub__op_view_sync_schema,
                                             buf, &sync) == 0) {
        phub__gather_told(hub, gatherer, &sync, buf);
        phub__hub_decoded(hub);
    }
    phub__buf_unref(&buf);
    return 1;
}

uint64_t phub__synced_spread_ns(const struct phub__hub *hub)
{
    uint64_t n = phub__view_count(phub__hub_view(hub));

    return n * (n < SPREAD_NODES_MAX ? n : SPREAD_NODES_MAX) * SPREAD_NS;
}

static void tell_later(struct phub__hub *hub, int asks)
{
    struct phub__synced *synced = hub->synced;

    synced->tell_asks |= asks;
    if (synced->tell_due)
        return;
    synced->tell_due = 1;
    hub->env->timer_start(hub->env, synced->tell_timer,
                          hub->env->now_ns(hub->env) + phub__synced_spread_ns(hub));
}

static void tell_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__synced *synced = hub->synced;
    int asks = synced->tell_asks;

    synced->tell_due = synced->tell_asks = 0;
    synced->told_digest = phub__registry_digest(hub->registry);
    synced->told_ns = hub->env->now_ns(hub->env);
    if (asks || !tell_gatherer(hub, 0))
        tell(hub, 0, asks ? TELL_ASK : 0);
}

/* Send what the writer of summary lacks. */
static void repair(struct phub__hub *hub, uint64_t node,
                   struct phub_bytes summary)
{
    struct phub__builder builder;
    struct phub_buf *delta = NULL;
    bool more = false;

    phub__builder_init(&builder, PHUB__DELTA_SIZE_MAX);
    if (phub__registry_missing(hub->registry, summary, MISSING_SIZE, &builder,
                               &more) == 0 &&
        phub__builder_take(&builder, &delta) == 0)
        (void)phub__peer_send(hub, node, PHUB__MESSAGE_DELTA, delta);
    phub__buf_unref(&delta);
    phub__builder_fini(&builder);
}

/* --- complete? ------------------------------------------------------------------ */

static void ask_later(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;

    if (synced->ask_due || synced->asked != 0)
        return;
    synced->ask_due = 1;
    hub->env->timer_start(hub->env, synced->ask_timer,
                          hub->env->now_ns(hub->env) + phub__synced_spread_ns(hub));
}

/* Ask the next member that has told something that we do not cover; each node
 * begins behind itself, so that not all ask the same. */
static void ask_next(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t count = phub__view_count(view), i;
    uint32_t self = phub__view_index(view, hub->node);

    if (synced->complete || synced->asked != 0)
        return;
    for (i = 1; i < count; i++) {
        uint64_t node = phub__view_at(view, (self + i) % count)->id;
        struct phub__heard *heard = phub__heard_now(hub, node);

        if (heard == NULL || heard->stuck || phub__heard_covered(hub, heard))
            continue;
        synced->asked = node;
        synced->asked_digest = phub__registry_digest(hub->registry);
        synced->behind = 1;
        tell(hub, node, TELL_ASK | TELL_SUMMARY);
        return;
    }
}

/* One has answered.  The others have learnt as much meanwhile and tell so by
 * the gatherer, as this one does, before they are asked too; once in a view. */
static int ask_pauses(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    uint64_t now = hub->env->now_ns(hub->env);

    if (synced->complete || synced->paused || synced->direct ||
        phub__gatherer(phub__hub_view(hub), 0) == 0)
        return 0;
    synced->paused = synced->ask_due = 1;
    if (synced->told_digest != phub__registry_digest(hub->registry))
        tell_later(hub, 0);
    hub->env->timer_start(hub->env, synced->ask_timer,
                          now + phub__synced_spread_ns(hub) +
                              2 * phub__gather_wait_ns(hub));
    return 1;
}

static void ask_fired(void *arg)
{
    struct phub__hub *hub = arg;

    hub->synced->ask_due = 0;
    ask_next(hub);
}

/* Of those whom we now know as much as: has one settled in? */
static void company(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    const struct phub__heard *heard;
    uint32_t i;

    if (!hub->lonely)
        return;
    phub__hub_look_around(hub);
    for (i = 0; i < phub__view_count(view) && hub->lonely; i++) {
        heard = phub__heard_now(hub, phub__view_at(view, i)->id);
        if (heard != NULL && !heard->new_here)
            phub__hub_company(hub);
    }
}

/* Under a majority strategy: voters of a majority have forgotten nothing since
 * they were complete, those aside that have never been; or there is no voter
 * that could know more (confirm.c). */
static int recovered(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i, size = phub__view_count(view), count = 0, fresh_count = 0;
    uint64_t *nodes, *members, *fresh;
    int good;

    if (!phub__hub_majority(hub))
        return 1;
    nodes = phub__calloc(3 * (size_t)size, sizeof *nodes);
    if (nodes == NULL)
        return 0;
    members = nodes + size;
    fresh = members + size;
    for (i = 0; i < size; i++) {
        const struct phub_view_node *node = phub__view_at(view, i);
        const struct phub__heard *heard =
            phub__heard_find(synced, node->id);

        members[i] = node->id;
        if (node->id == hub->node ? !synced->recovering
                                  : heard != NULL && !heard->recovering)
            nodes[count++] = node->id;
        else if (node->boot == 1)
            fresh[fresh_count++] = node->id;
    }
    good = phub__cluster_majority_but(hub->cluster, nodes, count, fresh,
                                      fresh_count) ||
           phub__cluster_all_voters(hub->cluster, members, size);
    phub__free(nodes);
    if (good && synced->recovering) {
        synced->recovering = 0;
        tell_later(hub, 0); /* the others may wait for that */
    }
    return good;
}

/* After a lapse: may somebody who is not in view have replaced this node? */
static int deserted(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    const struct phub__heard *heard;
    uint32_t i, count = phub__view_count(view);

    if (!hub->synced->stale || (count == 1 && !hub->overslept) ||
        phub__hub_majority(hub) || phub__hub_away(hub) == 0 ||
        hub->env->now_ns(hub->env) >= hub->synced->lapsed_ns + NS_PER_MS *
            hub->options.cluster.rejoin_interval_max)
        return 0;
    for (i = 0; i < count; i++) {
        heard = phub__heard_now(hub, phub__view_at(view, i)->id);
        if (heard != NULL && !heard->new_here)
            return 0;
    }
    return 1;
}

static void evaluate(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t count = phub__view_count(view);

    if (synced->complete)
        return;
    for (; synced->evaluated < count; synced->evaluated++) {
        uint64_t node = phub__view_at(view, synced->evaluated)->id;
        struct phub__heard *heard;

        if (node == hub->node)
            continue;
        heard = phub__heard_now(hub, node);
        if (heard == NULL)
            return;
        if (!phub__heard_covered(hub, heard)) {
            ask_later(hub);
            return;
        }
    }
    synced->outvoted = !recovered(hub);
    if (synced->outvoted || deserted(hub))
        return;
    if (synced->behind &&
        synced->told_digest != phub__registry_digest(hub->registry))
        tell_later(hub, 0);
    synced->behind = 0;
    synced->complete = 1;
    synced->stale = hub->overslept = 0;
    synced->ever = 1;
    (void)phub__synced_partial(hub);
    company(hub);
    phub__confirm_complete(hub);
    phub__redistribution_ready(hub);
}

/* The partition strategy was changed.  What a complete node has is what there
 * is, and from now on it tells when it may have forgotten some of it. */
void phub__synced_majority_begins(struct phub__hub *hub)
{
    if (!hub->synced->complete)
        return; /* evaluate() has it */
    if (hub->synced->recovering)
        tell_later(hub, 0);
    hub->synced->recovering = 0;
    phub__confirm_complete(hub);
}

void phub__synced_rows_applied(struct phub__hub *hub)
{
    evaluate(hub);
    phub__confirm_rows_applied(hub);
}

/* What those have said is of before: the view may come back and be the same,
 * and they have learnt more meanwhile. */
static void unhear(struct phub__synced *synced,
                   const struct phub__cluster_who *gone, uint32_t count)
{
    struct phub__heard *heard;
    uint32_t i;

    for (i = 0; i < count; i++)
        if ((heard = phub__heard_find(synced, gone[i].node)) != NULL)
            heard->view_hash = 0;
}

void phub__synced_view_changed(struct phub__hub *hub,
                               const struct phub__view_change *change)
{
    uint32_t i;

    unhear(hub->synced, change->lost, change->lost_count);
    unhear(hub->synced, change->left, change->left_count);

    hub->synced->complete = 0;
    hub->synced->evaluated = 0;
    hub->synced->second = hub->synced->direct = hub->synced->paused = 0;
    if (phub__view_index(change->new_view, hub->synced->asked) ==
        PHUB__VIEW_NONE)
        hub->synced->asked = 0;
    for (i = 0; i < change->lost_count; i++)
        if (phub__view_index(change->new_view, change->lost[i].node) ==
            PHUB__VIEW_NONE)
            phub__lost_add(hub, change->lost[i].node, 0);
    for (i = 0; i < change->left_count; i++)
        if (phub__view_index(change->new_view, change->left[i].node) ==
            PHUB__VIEW_NONE)
            phub__lost_add(hub, change->left[i].node, 1);
    for (i = 0; i < change->joined_count; i++) {
        phub__lost_remove(hub->synced, change->joined[i].node);
        (void)phub__registry_node_seen(hub->registry,
                                       change->joined[i].node);
    }
    phub__confirm_view_changed(hub);
    tell_later(hub, 0);
    phub__gather_view_changed(hub);
    phub__hub_round_soon(hub);
    evaluate(hub);
}

void phub__synced_restart(struct phub__hub *hub)
{
    uint32_t i;

    if (hub->synced->ever && !hub->synced->stale) {
        hub->synced->stale = 1;
        hub->synced->lapsed_ns = hub->env->now_ns(hub->env);
    }
    if (!hub->synced->complete)
        return;
    hub->synced->complete = 0;
    hub->synced->evaluated = 0;
    hub->synced->asked = 0;
    for (i = 0; i < hub->synced->heard_count; i++) {
        phub__heard_clear(hub->synced->heard[i]);
        hub->synced->heard[i]->view_hash = 0;
    }
    hub->synced->direct = 1;
    tell_later(hub, 1);
    phub__hub_round_soon(hub);
    evaluate(hub);
}

/* --- hearing --------------------------------------------------------------------- */

void phub__synced_received(struct phub__hub *hub, uint64_t from,
                           struct phub_buf *body)
{
    struct phub__synced *synced = hub->synced;
    struct phub__op_view_sync sync;
    struct phub__heard *heard = phub__heard_find(synced, from);
    int answer;

    if (phub__hub_decode(hub, &phub__op_view_sync_schema, body, &sync) != 0)
        return;
    answer = from == synced->asked && sync.summary.size != 0;
    if (heard == NULL)
        heard = phub__heard_new(synced, from);
    if (heard == NULL)
        goto out;
    (void)phub__heard_take(hub, heard, &sync);
    if (sync.gather)
        phub__gather_told(hub, from, &sync, body);
    if (sync.summary.size != 0)
        repair(hub, from, sync.summary);
    if (sync.ask)
        tell(hub, from, sync.summary.size != 0 ? TELL_SUMMARY : 0);
out:
    phub__hub_decoded(hub);
    if (answer) {
        synced->asked = 0;
        if (heard != NULL && !phub__heard_covered(hub, heard) &&
            synced->asked_digest == phub__registry_digest(hub->registry))
            heard->stuck = 1;
    }
    evaluate(hub);
    if (answer && !ask_pauses(hub))
        ask_next(hub);
}

int phub__synced_passed_on(struct phub__hub *hub, uint64_t of,
                           struct phub_buf *body)
{
    const struct phub_view_node *node =
        phub__view_find(phub__hub_view(hub), of);
    struct phub__op_view_sync sync;
    struct phub__heard *heard = phub__heard_find(hub->synced, of);
    int early, taken = 0;

    if (hub->synced->direct ||
        phub__hub_decode(hub, &phub__op_view_sync_schema, body, &sync) != 0)
        return PHUB_EINVAL;
    early = node == NULL || sync.boot > node->boot;
    if (heard == NULL && !early)
        heard = phub__heard_new(hub->synced, of);
    if (heard != NULL && !early && sync.boot == node->boot)
        taken = phub__heard_take(hub, heard, &sync);
    phub__hub_decoded(hub);
    return early ? PHUB_EAGAIN : taken ? 0 : PHUB_EINVAL;
}

void phub__synced_passed_all(struct phub__hub *hub)
{
    evaluate(hub);
}

/* Members that have told nothing in this view, with this node. */
static uint32_t unheard(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i, count = 0;

    for (i = 0; i < phub__view_count(view); i++)
        count += phub__heard_now(hub, phub__view_at(view, i)->id) == NULL;
    return count;
}

/* Is the gatherer late?  Then the second one is told; 1: wait on. */
static int gatherer_waits(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    struct phub_view *view = phub__hub_view(hub);
    uint64_t until = synced->told_ns + GATHER_PATIENCE_MS * NS_PER_MS +
                     4 * phub__synced_spread_ns(hub) +
                     2 * phub__gather_wait_ns(hub);

    if (phub__gatherer(view, 0) == 0 || synced->direct)
        return 0;
    if (synced->tell_due || hub->env->now_ns(hub->env) < until)
        return 1;
    if (synced->second || unheard(hub) <= UNHEARD_FEW)
        return 0;
    synced->second = 1;
    synced->told_ns = hub->env->now_ns(hub->env);
    return tell_gatherer(hub, 1);
}

/* Whose lease lapsed asks all, again and again, for one may have settled in
 * since; in a large hub, once the view has changed, first those that it has
 * not heard of. */
static unsigned round_tells(struct phub__hub *hub)
{
    int all = hub->synced->stale &&
              (hub->synced->direct || unheard(hub) <= 1 ||
               phub__gatherer(phub__hub_view(hub), 0) == 0);

    return all ? TELL_ASK : TELL_ASK | TELL_UNHEARD;
}

/* There was no memory to note the loss; or the change that told of it was lost,
 * so that all are looked at now and then. */
static void find_missed(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    uint64_t node = 0;

    if (!phub__synced_complete(hub) ||
        (!synced->lost_missed && synced->rounds++ % MISSED_ROUNDS != 0))
        return;
    synced->lost_missed = 0;
    while ((node = phub__registry_known_next(hub->registry, node)) != 0)
        if (phub__registry_home_count(hub->registry, node) != 0 &&
            phub__view_index(phub__hub_view(hub), node) == PHUB__VIEW_NONE &&
            !phub__synced_is_lost(hub, node))
            phub__synced_absent(hub, node);
}

void phub__synced_round(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    uint32_t i;

    find_missed(hub);
    (void)phub__synced_partial(hub);
    phub__synced_forget(hub);
    phub__gather_round(hub);
    if (synced->complete)
        return;
    for (i = 0; i < synced->heard_count; i++)
        synced->heard[i]->stuck = 0;
    synced->asked = 0;
    if (!gatherer_waits(hub))
        tell(hub, 0, round_tells(hub));
    if (!synced->ask_due)
        ask_next(hub);
    evaluate(hub);
}

/* --- asking ------------------------------------------------------------------------ */

uint64_t phub__synced_holder(struct phub__hub *hub, struct phub_bytes id,
                             struct phub_epoch incarnation,
                             struct phub_epoch home_epoch)
{
    uint64_t best, rank, node;
    uint32_t k;

    if (phub__moves_holds(hub, id, incarnation, home_epoch))
        return hub->node;
    best = phub__handover_holds(hub, id, incarnation, home_epoch);
    node = best != 0 ? hub->node : 0;
    for (k = 0; k < hub->synced->heard_count && best != UINT64_MAX; k++) {
        const struct phub__heard *heard = hub->synced->heard[k];

        if (heard->held_count == 0 ||
            phub__view_index(phub__hub_view(hub), heard->node) ==
                PHUB__VIEW_NONE)
            continue;
        rank = phub__held_rank(heard->held, heard->held_count, id,
                               incarnation, home_epoch);
        if (rank > best) {
            best = rank;
            node = heard->node;
        }
    }
    return node;
}
