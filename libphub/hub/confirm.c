/* SPDX-License-Identifier: MIT */
/* confirm: does a majority know what this node is about to act on?
 *
 * What for.  Under a majority strategy a child must never be started by what
 * only a minority knows, and what a minority wrote must lose against what a
 * later majority decides.  So
 *  - the home of a child acts on a row only when voters of a majority hold it;
 *  - a node gives out epochs (Lamport 1978) only up to a number that voters of
 *    a majority remember (floor), and a node that has become complete for its
 *    view (synced.c) begins above the floors of all members.
 * Any two majorities share a voter, so each later majority knows the home, and
 * its epochs are above all that a node of an earlier one can give out still:
 * each instance's epoch is greater than any earlier one's.
 *
 * How.  One round at a time: COVER goes to all members with this node's
 * summary; each answers COVERED when its registry covers that, at once or when
 * the sync strategy has brought what it lacked.  What begins to wait during a
 * round is in the next.  So the cost is one message and one answer per member
 * and round, however many children wait.  What we had when we asked may have
 * been overtaken since, so that nobody can get it any more: we ask again with
 * what we have now.
 *
 * A voter that has started again has forgotten rows that are not durable.  It
 * says that it is recovering until it is complete in a view whose voters that
 * are not recovering are a majority, or that has all voters (the recovery of
 * Viewstamped Replication, Liskov and Cowling 2012); synced.c.
 *
 * So does one at its first start.  It has forgotten nothing, but the voters
 * after it came may have a majority without one that knows what a majority of
 * those before had: of three, two know it, and then there are five.  What it
 * needs to be as good as they is what a majority of the voters without such new
 * ones has, so these are left out on both sides of the sum; else the three,
 * one of whom is lost while the fourth comes, would wait for that one.  It is
 * what a server of Raft gets before it counts (Ongaro and Ousterhout 2014,
 * section 6: the log up to its configuration). */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/confirm.h"
#include "hub/redistribute.h"
#include "hub/synced.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define AGAIN_NS 1000000000ull
#define EPOCHS 1048576u        /* reserved at a time */

/* A member that waits to hear that we hold what it has: its newest question. */
struct asker {
    struct asker *next;
    uint64_t node;
    uint64_t round;
    struct phub_buf *summary;
};

struct phub__confirm {
    struct phub__local *now, *next; /* wait for this round, for the next one */
    uint64_t last;                 /* round that was begun last */
    uint64_t open;                 /* round under way, 0: none */
    uint64_t *held;                /* nodes that answered, we among them */
    uint32_t held_count, held_max;
    uint64_t floor;                /* the greatest that anybody reserved */
    uint64_t asked;                /* what the round under way reserves */
    uint64_t reserved;             /* we may give out epochs up to here */
    int renew;                     /* the next round reserves more */
    int scheduled;
    struct phub__timer *timer;     /* to ask again */
    struct asker *askers;
};

static void again(void *arg);

int phub__confirm_new(struct phub__hub *hub)
{
    struct phub__confirm *confirm = phub__calloc(1, sizeof *confirm);

    if (confirm == NULL)
        return PHUB_ENOMEM;
    confirm->timer = hub->env->timer_new(hub->env, again, hub);
    if (confirm->timer == NULL) {
        phub__free(confirm);
        return PHUB_ENOMEM;
    }
    confirm->last = phub__hub_numbers(hub);
    hub->confirm = confirm;
    return 0;
}

static void asker_free(struct asker **where)
{
    struct asker *asker = *where;

    *where = asker->next;
    phub__buf_unref(&asker->summary);
    phub__free(asker);
}

void phub__confirm_free(struct phub__hub *hub)
{
    if (hub->confirm == NULL)
        return;
    while (hub->confirm->askers != NULL)
        asker_free(&hub->confirm->askers);
    hub->env->timer_free(hub->env, &hub->confirm->timer);
    phub__free(hub->confirm->held);
    phub__free(hub->confirm);
    hub->confirm = NULL;
}

/* --- asking -------------------------------------------------------------- */

static void begin(void *arg);

static void schedule(struct phub__hub *hub)
{
    struct phub__confirm *confirm = hub->confirm;

    if (confirm->scheduled || confirm->open != 0 ||
        (confirm->next == NULL && !confirm->renew))
        return;
    if (hub->env->defer(hub->env, begin, hub) == 0)
        confirm->scheduled = 1;
}

static void put(struct phub__local **list, struct phub__local *local)
{
    local->confirm_next = *list;
    local->confirm_link = list;
    if (local->confirm_next != NULL)
        local->confirm_next->confirm_link = &local->confirm_next;
    *list = local;
}

static void take(struct phub__local *local)
{
    *local->confirm_link = local->confirm_next;
    if (local->confirm_next != NULL)
        local->confirm_next->confirm_link = local->confirm_link;
}

static void pass(struct phub__local **from, struct phub__local **to)
{
    struct phub__local *local;

    while ((local = *from) != NULL) {
        take(local);
        put(to, local);
    }
}

void phub__confirm_drop(struct phub__local *local)
{
    local->confirm_epoch = (struct phub_epoch){ 0, 0 };
    if (local->confirming)
        take(local);
    local->confirming = 0;
}

/* Those of this round go on; they may wait anew, for the next. */
static void finish(struct phub__hub *hub)
{
    struct phub__confirm *confirm = hub->confirm;
    struct phub__local *local;
    int could = phub__confirm_epochs(hub);

    confirm->open = 0;
    if (confirm->reserved < confirm->asked)
        confirm->reserved = confirm->asked;
    if (!phub__confirm_epochs(hub))
        confirm->renew = 1; /* greater ones were seen meanwhile */
    else if (!could) /* else it looked already, and may have asked this */
        phub__redistribution_ready(hub);
    while ((local = confirm->now) != NULL) {
        take(local);
        local->confirming = 0;
        phub__reconcile(hub, phub__local_id(local));
    }
    schedule(hub);
}

static int hold(struct phub__confirm *confirm, uint64_t node)
{
    uint64_t *grown;
    uint32_t i;

    for (i = 0; i < confirm->held_count; i++)
        if (confirm->held[i] == node)
            return 0;
    if (confirm->held_count == confirm->held_max) {
        grown = phub__realloc(confirm->held,
                              (confirm->held_max * 2 + 8) * sizeof *grown);
        if (grown == NULL)
            return PHUB_ENOMEM;
        confirm->held = grown;
        confirm->held_max = confirm->held_max * 2 + 8;
    }
    confirm->held[confirm->held_count++] = node;
    return 0;
}

static void check(struct phub__hub *hub)
{
    struct phub__confirm *confirm = hub->confirm;

    if (confirm->open != 0 &&
        phub__cluster_majority(hub->cluster, confirm->held,
                               confirm->held_count))
        finish(hub);
}

static int ask(struct phub__hub *hub)
{
    struct phub__op_cover cover = { .round = hub->confirm->open,
                                    .floor = hub->confirm->asked };
    struct phub_view *view = phub__hub_view(hub);
    struct phub__builder summary, body;
    struct phub_buf *buf = NULL;
    uint32_t i;
    int rc;

    phub__builder_init(&summary, PHUB__SUMMARY_SIZE_MAX);
    phub__builder_init(&body, PHUB__FRAME_MAX / 2);
    rc = phub__registry_summary(hub->registry, &summary);
    cover.summary = phub__builder_bytes(&summary);
    if (rc == 0)
        rc = phub__encode(&phub__op_cover_schema, &cover, &body);
    if (rc == 0)
        rc = phub__builder_take(&body, &buf);
    for (i = 0; rc == 0 && i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;

        if (node != hub->node)
            (void)phub__peer_send(hub, node, PHUB__MESSAGE_COVER, buf);
    }
    phub__buf_unref(&buf);
    phub__builder_fini(&summary);
    phub__builder_fini(&body);
    return rc;
}

static void again_later(struct phub__hub *hub)
{
    hub->env->timer_start(hub->env, hub->confirm->timer,
                          hub->env->now_ns(hub->env) + AGAIN_NS);
}

static void again(void *arg)
{
    struct phub__hub *hub = arg;

    if (hub->confirm->open == 0) {
        schedule(hub);
        return;
    }
    (void)ask(hub);
    again_later(hub);
}

static void begin(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__confirm *confirm = hub->confirm;
    int renew = confirm->renew;

    confirm->scheduled = 0;
    if (confirm->open != 0 || (confirm->next == NULL && !renew))
        return;
    confirm->open = ++confirm->last;
    pass(&confirm->next, &confirm->now);
    confirm->renew = 0;
    confirm->asked = hub->lamport + EPOCHS;
    phub__confirm_floor_seen(hub, confirm->asked);
    confirm->held_count = 0;
    if (hold(confirm, hub->node) != 0 || ask(hub) != 0) {
        confirm->open = 0; /* no memory: it is asked later */
        confirm->renew = renew;
        pass(&confirm->now, &confirm->next);
    }
    again_later(hub);
    check(hub);
}

/* --- epochs -------------------------------------------------------------- */

int phub__confirm_epochs(const struct phub__hub *hub)
{
    return hub->lamport < hub->confirm->reserved || !phub__hub_majority(hub);
}

void phub__confirm_epoch_used(struct phub__hub *hub)
{
    if (!phub__hub_majority(hub) || !phub__synced_complete(hub) ||
        hub->lamport + EPOCHS / 2 <= hub->confirm->reserved)
        return;
    hub->confirm->renew = 1;
    schedule(hub);
}

uint64_t phub__confirm_floor(const struct phub__hub *hub)
{
    return hub->confirm->floor;
}

void phub__confirm_floor_seen(struct phub__hub *hub, uint64_t floor)
{
    if (hub->confirm->floor < floor)
        hub->confirm->floor = floor;
}

void phub__confirm_complete(struct phub__hub *hub)
{
    if (!phub__hub_majority(hub))
        return;
    phub__hub_epoch_seen(hub, hub->confirm->floor);
    hub->confirm->renew = 1;
    schedule(hub);
}

/* --- homes --------------------------------------------------------------- */

int phub__confirm_home(struct phub__local *local, struct phub_epoch home_epoch)
{
    struct phub__confirm *confirm = local->hub->confirm;

    if (!phub__hub_majority(local->hub))
        return 1;
    if (phub_epoch_cmp(local->confirm_epoch, home_epoch) == 0) {
        if (!local->confirming)
            return 1;
        schedule(local->hub);
        return 0;
    }
    local->confirm_epoch = home_epoch;
    if (local->confirming)
        take(local);
    local->confirming = 1;
    put(&confirm->next, local); /* the round under way does not know */
    schedule(local->hub);
    return 0;
}

void phub__confirm_view_changed(struct phub__hub *hub)
{
    struct asker **p = &hub->confirm->askers;

    while (*p != NULL)
        if (phub__view_index(phub__hub_view(hub), (*p)->node) ==
            PHUB__VIEW_NONE)
            asker_free(p);
        else
            p = &(*p)->next;
    if (hub->confirm->open != 0) {
        hub->confirm->open = 0;
        hub->confirm->renew = 1;
        pass(&hub->confirm->now, &hub->confirm->next);
    }
    schedule(hub);
}

void phub__confirm_voters_changed(struct phub__hub *hub)
{
    check(hub);
}

void phub__confirm_answered(struct phub__hub *hub, uint64_t from,
                            struct phub_buf *body)
{
    struct phub__op_cover cover;

    if (phub__hub_decode(hub, &phub__op_cover_schema, body, &cover) != 0)
        return;
    if (cover.round == hub->confirm->open && cover.round != 0)
        (void)hold(hub->confirm, from);
    phub__hub_decoded(hub);
    check(hub);
}

/* --- answering ----------------------------------------------------------- */

static void answer(struct phub__hub *hub, const struct asker *asker)
{
    struct phub__op_cover cover = { .round = asker->round };
    struct phub__builder body;
    struct phub_buf *buf = NULL;

    phub__builder_init(&body, PHUB__FRAME_MAX / 2);
    if (phub__encode(&phub__op_cover_schema, &cover, &body) == 0 &&
        phub__builder_take(&body, &buf) == 0)
        (void)phub__peer_send(hub, asker->node, PHUB__MESSAGE_COVERED, buf);
    phub__buf_unref(&buf);
    phub__builder_fini(&body);
}

void phub__confirm_rows_applied(struct phub__hub *hub)
{
    struct asker **p = &hub->confirm->askers;

    while (*p != NULL) {
        bool covers = false;

        if (phub__registry_covers(hub->registry,
                                  phub__buf_bytes((*p)->summary),
                                  &covers) == 0 && !covers) {
            p = &(*p)->next;
            continue;
        }
        if (covers)
            answer(hub, *p);
        asker_free(p);
    }
}

void phub__confirm_received(struct phub__hub *hub, uint64_t from,
                            struct phub_buf *body)
{
    struct asker *asker = hub->confirm->askers;
    struct phub__op_cover cover;

    if (phub__hub_decode(hub, &phub__op_cover_schema, body, &cover) != 0)
        return;
    while (asker != NULL && asker->node != from)
        asker = asker->next;
    if (asker == NULL) {
        asker = phub__calloc(1, sizeof *asker);
        if (asker == NULL)
            goto out;
        asker->node = from;
        asker->next = hub->confirm->askers;
        hub->confirm->askers = asker;
    }
    phub__buf_unref(&asker->summary);
    phub__confirm_floor_seen(hub, cover.floor);
    asker->round = cover.round;
    asker->summary = phub__buf_copy(cover.summary.data, cover.summary.size);
out:
    phub__hub_decoded(hub);
    phub__confirm_rows_applied(hub);
}
