/* SPDX-License-Identifier: MIT */
/* synced: when a node may decide.
 *
 * After each change of the view every member tells every other: the hash of
 * the view it has adopted, its registry's summary, how long its grants to lost
 * nodes still run, and which states it holds.  A node is *synced in a view*
 * once it has such a message with its own view's hash from each other member
 * and its registry covers each of those summaries.
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
 * decides and starts nothing before the answers cover it.
 *
 * For the same reason a keeper does not follow a lost one before that one's
 * lease has run out: a keeper decides under its lease only.
 *
 * Whoever receives a summary sends what its writer lacks, so nobody has to
 * ask.  Leases: a lost node's children may be replaced once *all* members of
 * the view have said that their grants have run out (hub.h, grant.c). */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define NS_PER_MS 1000000ull
#define MISSING_SIZE 524288u     /* bytes of one repair piece */
#define LEASES_MAX 1024u         /* lost nodes told of in one message */
#define ABSENT_MS 10000u         /* for homes not seen since the start */

/* The newest message of one member. */
struct heard {
    struct heard *next;
    uint64_t node;
    uint64_t view_hash;
    struct phub_buf *summary;    /* NULL once it is covered */
    struct phub__op_held *held;  /* ids are owned, behind the array */
    uint32_t held_count;
    uint32_t leases_count;
    struct told_lease {
        uint64_t node;
        uint64_t ready_ns;
    } *leases;                   /* of nodes that are lost to it */
};

struct lost {
    struct lost *next;
    uint64_t node;
    uint64_t ready_ns;
    int left;
};

struct phub__synced {
    struct heard *heard;
    struct lost *lost;
    int complete, ever, stale;
};

int phub__synced_new(struct phub__hub *hub)
{
    hub->synced = phub__calloc(1, sizeof *hub->synced);
    if (hub->synced == NULL)
        return PHUB_ENOMEM;
    return 0;
}

static void heard_clear(struct heard *heard)
{
    phub__buf_unref(&heard->summary);
    phub__free(heard->held);
    heard->held = NULL;
    heard->held_count = 0;
    phub__free(heard->leases);
    heard->leases = NULL;
    heard->leases_count = 0;
}

void phub__synced_free(struct phub__hub *hub)
{
    struct heard *heard;
    struct lost *lost;

    if (hub->synced == NULL)
        return;
    while ((heard = hub->synced->heard) != NULL) {
        hub->synced->heard = heard->next;
        heard_clear(heard);
        phub__free(heard);
    }
    while ((lost = hub->synced->lost) != NULL) {
        hub->synced->lost = lost->next;
        phub__free(lost);
    }
    phub__free(hub->synced);
    hub->synced = NULL;
}

int phub__synced_complete(const struct phub__hub *hub)
{
    return hub->synced->complete;
}

int phub__synced_stale(const struct phub__hub *hub)
{
    return hub->synced->stale;
}

/* --- telling ------------------------------------------------------------------ */

static struct lost *lost_find(struct phub__synced *synced, uint64_t node)
{
    struct lost *lost = synced->lost;

    while (lost != NULL && lost->node != node)
        lost = lost->next;
    return lost;
}

static int tell(struct phub__hub *hub, uint64_t only, int ask)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__op_view_sync sync = { .view_hash = phub__view_hash(view),
                                       .ask = ask != 0 };
    struct phub__op_lease *leases = phub__calloc(LEASES_MAX, sizeof *leases);
    struct phub__op_held *held =
        phub__calloc(PHUB__HELD_MAX, sizeof *held);
    struct phub__builder summary, body;
    struct phub_buf *buf = NULL;
    struct lost *lost;
    uint32_t i, count = 0;
    int rc = PHUB_ENOMEM;

    phub__builder_init(&summary, PHUB__SUMMARY_SIZE_MAX);
    phub__builder_init(&body, PHUB__FRAME_MAX / 2);
    if (held == NULL || leases == NULL)
        goto out;
    for (lost = hub->synced->lost; lost != NULL && count < LEASES_MAX;
         lost = lost->next) {
        uint64_t left = phub__cluster_grant_remaining(
            hub->cluster, lost->node, hub->env->boot_ns(hub->env));

        /* Those whose lease is over, too: who comes after the loss and
         * becomes a keeper has to know whose children need a home. */
        if (left != UINT64_MAX)
            leases[count++] = (struct phub__op_lease){
                lost->node, left == 0 ? 0 : left / NS_PER_MS + 1 };
    }
    sync.leases = (struct phub__list){ leases, count };
    sync.held = (struct phub__list){
        held, phub__moves_held(hub, held, PHUB__HELD_MAX) };
    rc = phub__registry_summary(hub->registry, &summary);
    if (rc != 0)
        goto out;
    sync.summary = phub__builder_bytes(&summary);
    rc = phub__encode(&phub__op_view_sync_schema, &sync, &body);
    while (rc == PHUB_ELIMIT && sync.held.count != 0) {
        sync.held.count /= 2; /* some states may be lost, the hub not */
        phub__builder_reset(&body);
        rc = phub__encode(&phub__op_view_sync_schema, &sync, &body);
    }
    if (rc == 0)
        rc = phub__builder_take(&body, &buf);
    for (i = 0; rc == 0 && i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;

        if (node != hub->node && (only == 0 || only == node))
            (void)phub__peer_send(hub, node, PHUB__MESSAGE_VIEW_SYNC, buf);
    }
out:
    phub__buf_unref(&buf);
    phub__builder_fini(&summary);
    phub__builder_fini(&body);
    phub__free(held);
    phub__free(leases);
    return rc;
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

static struct heard *heard_find(struct phub__synced *synced, uint64_t node)
{
    struct heard *heard = synced->heard;

    while (heard != NULL && heard->node != node)
        heard = heard->next;
    return heard;
}

static int covered(struct phub__hub *hub, struct heard *heard)
{
    bool covers = false;

    if (heard->summary == NULL)
        return 1;
    if (phub__registry_covers(hub->registry,
                              phub__buf_bytes(heard->summary), &covers) != 0 ||
        !covers)
        return 0;
    phub__buf_unref(&heard->summary);
    return 1;
}

static void evaluate(struct phub__hub *hub)
{
    struct phub__synced *synced = hub->synced;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i;

    if (synced->complete)
        return;
    for (i = 0; i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;
        struct heard *heard;

        if (node == hub->node)
            continue;
        heard = heard_find(synced, node);
        if (heard == NULL || heard->view_hash != phub__view_hash(view) ||
            !covered(hub, heard))
            return;
    }
    synced->complete = 1;
    synced->stale = 0;
    synced->ever = 1;
    phub__redistribution_ready(hub);
}

void phub__synced_rows_applied(struct phub__hub *hub)
{
    evaluate(hub);
}

static struct lost *lost_new(struct phub__synced *synced, uint64_t node)
{
    struct lost *lost = phub__calloc(1, sizeof *lost);

    if (lost == NULL)
        return NULL;
    lost->node = node;
    lost->next = synced->lost;
    synced->lost = lost;
    return lost;
}

static void lost_add(struct phub__hub *hub, uint64_t node, int left)
{
    struct phub__synced *synced = hub->synced;
    struct lost *lost = lost_find(synced, node);
    uint64_t rest, now = hub->env->now_ns(hub->env);
    const struct heard *heard;
    uint32_t i;

    if (lost == NULL)
        lost = lost_new(synced, node);
    if (lost == NULL)
        return;
    rest = phub__cluster_grant_remaining(hub->cluster, node,
                                         hub->env->boot_ns(hub->env));
    lost->left = left;
    if (rest == UINT64_MAX || left)
        rest = 0;
    if (lost->ready_ns < now + rest)
        lost->ready_ns = now + rest;
    /* Who saw it go before us has told already, and does not tell again. */
    for (heard = synced->heard; heard != NULL && !left; heard = heard->next)
        for (i = 0; i < heard->leases_count; i++)
            if (heard->leases[i].node == node &&
                lost->ready_ns < heard->leases[i].ready_ns)
                lost->ready_ns = heard->leases[i].ready_ns;
}

/* It gets time to come back, longer than any lease of its could run. */
void phub__synced_absent(struct phub__hub *hub, uint64_t node)
{
    struct lost *lost = lost_find(hub->synced, node);

    if (lost != NULL)
        return;
    lost = lost_new(hub->synced, node);
    if (lost != NULL)
        lost->ready_ns = hub->env->now_ns(hub->env) + ABSENT_MS * NS_PER_MS;
}

static void lost_remove(struct phub__synced *synced, uint64_t node)
{
    struct lost **p = &synced->lost, *lost;

    while ((lost = *p) != NULL) {
        if (lost->node != node) {
            p = &lost->next;
            continue;
        }
        *p = lost->next;
        phub__free(lost);
    }
}

void phub__synced_view_changed(struct phub__hub *hub,
                               const struct phub__view_change *change)
{
    uint32_t i;

    hub->synced->complete = 0;
    for (i = 0; i < change->lost_count; i++)
        if (phub__view_index(change->new_view, change->lost[i].node) ==
            PHUB__VIEW_NONE)
            lost_add(hub, change->lost[i].node, 0);
    for (i = 0; i < change->left_count; i++)
        if (phub__view_index(change->new_view, change->left[i].node) ==
            PHUB__VIEW_NONE)
            lost_add(hub, change->left[i].node, 1);
    if (phub__view_count(change->new_view) > 1)
        phub__hub_company(hub);
    for (i = 0; i < change->joined_count; i++) {
        lost_remove(hub->synced, change->joined[i].node);
        (void)phub__registry_node_seen(hub->registry,
                                       change->joined[i].node);
    }
    (void)tell(hub, 0, 0);
    evaluate(hub);
}

void phub__synced_restart(struct phub__hub *hub)
{
    struct heard *heard;

    hub->synced->stale = hub->synced->ever;
    if (!hub->synced->complete)
        return;
    hub->synced->complete = 0;
    for (heard = hub->synced->heard; heard != NULL; heard = heard->next) {
        heard_clear(heard);
        heard->view_hash = 0;
    }
    (void)tell(hub, 0, 1);
    evaluate(hub);
}

/* --- hearing --------------------------------------------------------------------- */

static void keep_held(struct heard *heard,
                      const struct phub__op_view_sync *sync)
{
    const struct phub__op_held *in = sync->held.items;
    size_t size = 0;
    uint32_t i, count = sync->held.count;
    uint8_t *bytes;

    if (count == 0)
        return;
    for (i = 0; i < count; i++)
        size += in[i].id.size;
    heard->held = phub__malloc(count * sizeof *in + size);
    if (heard->held == NULL)
        return;
    bytes = (uint8_t *)(heard->held + count);
    for (i = 0; i < count; i++) {
        heard->held[i] = in[i];
        memcpy(bytes, in[i].id.data, in[i].id.size);
        heard->held[i].id.data = bytes;
        bytes += in[i].id.size;
    }
    heard->held_count = count;
}

static void hear_leases(struct phub__hub *hub, struct heard *heard,
                        const struct phub__op_view_sync *sync)
{
    struct phub__synced *synced = hub->synced;
    const struct phub__op_lease *leases = sync->leases.items;
    uint64_t now = hub->env->now_ns(hub->env);
    uint32_t i;

    heard->leases = phub__calloc(sync->leases.count + 1,
                                 sizeof *heard->leases);
    for (i = 0; i < sync->leases.count; i++) {
        struct lost *lost = lost_find(synced, leases[i].node);
        uint64_t ready = now;

        if (leases[i].remaining_ms < 3600000)
            ready += leases[i].remaining_ms * NS_PER_MS;
        if (heard->leases != NULL)
            heard->leases[heard->leases_count++] =
                (struct told_lease){ leases[i].node, ready };
        if (lost == NULL && leases[i].node != hub->node &&
            phub__view_index(phub__hub_view(hub), leases[i].node) ==
                PHUB__VIEW_NONE)
            lost = lost_new(synced, leases[i].node);
        if (lost != NULL && lost->ready_ns < ready)
            lost->ready_ns = ready;
    }
}

void phub__synced_received(struct phub__hub *hub, uint64_t from,
                           struct phub_buf *body)
{
    struct phub__synced *synced = hub->synced;
    struct phub__op_view_sync sync;
    struct heard *heard = heard_find(synced, from);

    if (phub__hub_decode(hub, &phub__op_view_sync_schema, body, &sync) != 0)
        return;
    if (heard == NULL) {
        heard = phub__calloc(1, sizeof *heard);
        if (heard == NULL)
            goto out;
        heard->node = from;
        heard->next = synced->heard;
        synced->heard = heard;
    }
    heard_clear(heard);
    heard->view_hash = sync.view_hash;
    heard->summary = phub__buf_copy(sync.summary.data, sync.summary.size);
    keep_held(heard, &sync);
    hear_leases(hub, heard, &sync);
    repair(hub, from, sync.summary);
    if (sync.ask)
        (void)tell(hub, from, 0);
out:
    phub__hub_decoded(hub);
    evaluate(hub);
}

void phub__synced_round(struct phub__hub *hub)
{
    if (!hub->synced->complete)
        (void)tell(hub, 0, 1);
}

/* --- asking ------------------------------------------------------------------------ */

int phub__synced_lease_left(struct phub__hub *hub, uint64_t node)
{
    const struct lost *lost = lost_find(hub->synced, node);

    return lost != NULL && hub->env->now_ns(hub->env) < lost->ready_ns;
}

int phub__synced_other_keeper(struct phub__hub *hub, struct phub_bytes id)
{
    const struct lost *lost;
    uint64_t now = hub->env->now_ns(hub->env);

    for (lost = hub->synced->lost; lost != NULL; lost = lost->next)
        if (!lost->left && now < lost->ready_ns &&
            phub__view_prefers(lost->node, hub->node, id))
            return 1;
    return 0;
}

uint64_t phub__synced_holder(struct phub__hub *hub, struct phub_bytes id,
                             struct phub_epoch incarnation,
                             struct phub_epoch home_epoch)
{
    struct heard *heard;
    uint32_t i;

    if (phub__moves_holds(hub, id, incarnation, home_epoch))
        return hub->node;
    for (heard = hub->synced->heard; heard != NULL; heard = heard->next) {
        if (phub__view_index(phub__hub_view(hub), heard->node) ==
            PHUB__VIEW_NONE)
            continue;
        for (i = 0; i < heard->held_count; i++) {
            const struct phub__op_held *held = &heard->held[i];

            if (held->id.size == id.size &&
                memcmp(held->id.data, id.data, id.size) == 0 &&
                phub_epoch_cmp(held->incarnation, incarnation) == 0 &&
                phub_epoch_cmp(held->epoch, home_epoch) == 0)
                return heard->node;
        }
    }
    return 0;
}

uint64_t phub__synced_lost(struct phub__hub *hub, uint32_t index,
                           uint64_t *ready_ns, int *left)
{
    const struct lost *lost = hub->synced->lost;

    while (lost != NULL && index-- > 0)
        lost = lost->next;
    if (lost == NULL)
        return 0;
    *ready_ns = lost->ready_ns;
    *left = lost->left;
    return lost->node;
}
