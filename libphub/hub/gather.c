/* SPDX-License-Identifier: MIT */
/* gather: what each member has to tell all, by way of one.
 *
 * Among few each member sends its VIEW_SYNC to each other.  Among
 * PHUB__GATHER_FROM and more that would be as many messages as there are pairs
 * for every change of the view, so each sends it to one member, the gatherer
 * of that view, which the view's hash names.  It waits for the others, not for
 * long, and passes on in one message what it has: 2 n messages instead of n
 * times n.
 *
 * What is passed on says who said it, in which boot, and in which of its
 * statements, so that an older one never comes behind a newer one whatever way
 * either took (synced.c).  It is as true as it was; that it is older errs to
 * the safe side: the rests of leases are counted from when they arrive.  Whose
 * lease lapsed wants to hear what the others know *since then*: it asks each of
 * them, and believes only themselves until the view changes.
 *
 * What is passed on may come before its subject: a member that this node has
 * not got in its view yet, not in that boot.  It is kept until the view has it,
 * for nobody would say it again; but not for long, because a member that others
 * saw may be gone before we do.
 *
 * The gatherer may be in another view still, and dead or frozen without
 * anybody's knowing.  So it keeps what it was told, the newest of each member,
 * and passes it on once its own view is the one that it was told for; and who
 * has not heard in time tells the second gatherer of the view, and then asks
 * whom it has not heard of (phub__synced_round).  While half of a large hub is
 * being lost, each member has a view of its own for a while, and each of these
 * a gatherer: passing on for all those views would be as many messages as
 * there are pairs again, and nobody waits for what is said in a view that is
 * over. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/gather.h"
#include "hub/message.h"
#include "hub/peer.h"
#include "hub/synced.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define NS_PER_MS 1000000ull
#define PASS_SIZE_MAX 262144u    /* bytes of one message, about */
#define WAIT_MS 10u              /* for others, and for each of them ... */
#define WAIT_EACH_NS 400000u     /* ... so long */
#define ROOM_FIRST 16u
#define EARLY_MAX 64u            /* statements of those not in view yet */
#define EARLY_KEPT_MS 10000u     /* longer than a view takes to go round */

struct told {
    uint64_t node;
    uint64_t view_hash;
    struct phub_buf *body;       /* owned */
    int due;                     /* to be passed on */
};

struct early {
    uint64_t node;
    uint64_t until_ns;
    struct phub_buf *body;       /* owned */
};

struct phub__gather {
    struct told *all;            /* by node */
    uint32_t count, room;
    struct early early[EARLY_MAX]; /* the oldest first */
    uint32_t early_count;
    struct phub__timer *timer;
    int armed;
};

static void pass_fired(void *arg);

static void early_drop(struct phub__gather *gather, uint32_t at)
{
    phub__buf_unref(&gather->early[at].body);
    memmove(&gather->early[at], &gather->early[at + 1],
            (--gather->early_count - at) * sizeof gather->early[0]);
}

int phub__gather_new(struct phub__hub *hub)
{
    struct phub__gather *gather = phub__calloc(1, sizeof *gather);

    hub->gather = gather;
    if (gather == NULL)
        return PHUB_ENOMEM;
    gather->timer = hub->env->timer_new(hub->env, pass_fired, hub);
    return gather->timer == NULL ? PHUB_ENOMEM : 0;
}

void phub__gather_free(struct phub__hub *hub)
{
    struct phub__gather *gather = hub->gather;
    uint32_t i;

    if (gather == NULL)
        return;
    for (i = 0; i < gather->count; i++)
        phub__buf_unref(&gather->all[i].body);
    phub__free(gather->all);
    while (gather->early_count > 0)
        early_drop(gather, 0);
    if (gather->timer != NULL)
        hub->env->timer_free(hub->env, &gather->timer);
    phub__free(gather);
    hub->gather = NULL;
}

uint64_t phub__gatherer(const struct phub_view *view, uint32_t second)
{
    uint32_t count = phub__view_count(view);

    if (count < PHUB__GATHER_FROM)
        return 0;
    return phub__view_at(view, (uint32_t)((phub__view_hash(view) + second) %
                                          count))->id;
}

/* --- what was told -------------------------------------------------------- */

/* The index of the first one that is not below node. */
static uint32_t told_from(const struct phub__gather *gather, uint64_t node)
{
    uint32_t low = 0, high = gather->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (gather->all[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static struct told *told_get(struct phub__gather *gather, uint64_t node)
{
    uint32_t at = told_from(gather, node);

    if (at < gather->count && gather->all[at].node == node)
        return &gather->all[at];
    if (gather->count == gather->room) {
        uint32_t room = gather->room == 0 ? ROOM_FIRST : gather->room * 2;
        struct told *all = phub__realloc(gather->all, room * sizeof *all);

        if (all == NULL)
            return NULL;
        gather->all = all;
        gather->room = room;
    }
    memmove(&gather->all[at + 1], &gather->all[at],
            (gather->count - at) * sizeof gather->all[0]);
    gather->all[at] = (struct told){ .node = node };
    gather->count++;
    return &gather->all[at];
}

/* Has every member told something that is due, in this view? */
static int all_told(struct phub__hub *hub)
{
    const struct phub__gather *gather = hub->gather;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i, count = 0;

    for (i = 0; i < gather->count; i++)
        count += gather->all[i].due &&
                 gather->all[i].view_hash == phub__view_hash(view);
    return count >= phub__view_count(view);
}

uint64_t phub__gather_wait_ns(const struct phub__hub *hub)
{
    return WAIT_MS * NS_PER_MS + WAIT_EACH_NS *
           (uint64_t)phub__view_count(phub__hub_view(hub));
}

static void arm(struct phub__hub *hub)
{
    struct phub__gather *gather = hub->gather;
    uint64_t wait_ns = phub__gather_wait_ns(hub);
    int now = all_told(hub);

    if (gather->armed && !now)
        return;
    gather->armed = 1;
    hub->env->timer_start(hub->env, gather->timer,
                          hub->env->now_ns(hub->env) + (now ? 0 : wait_ns));
}

void phub__gather_told(struct phub__hub *hub, uint64_t node,
                       uint64_t view_hash, struct phub_buf *body)
{
    struct told *told = told_get(hub->gather, node);

    if (told == NULL)
        return; /* who is not heard is asked */
    phub__buf_unref(&told->body);
    told->body = phub__buf_ref(body);
    told->view_hash = view_hash;
    told->due = view_hash == phub__view_hash(phub__hub_view(hub));
    if (told->due)
        arm(hub);
}

/* --- what came too early --------------------------------------------------- */

static void early_keep(struct phub__hub *hub, uint64_t node,
                       struct phub_bytes body)
{
    struct phub__gather *gather = hub->gather;
    uint64_t until = hub->env->now_ns(hub->env) + EARLY_KEPT_MS * NS_PER_MS;
    uint32_t i;

    for (i = 0; i < gather->early_count; i++)
        if (gather->early[i].node == node)
            early_drop(gather, i);
    if (gather->early_count == EARLY_MAX)
        early_drop(gather, 0);
    gather->early[gather->early_count] = (struct early){
        node, until, phub__buf_copy(body.data, body.size) };
    gather->early_count += gather->early[gather->early_count].body != NULL;
}

static void early_again(struct phub__hub *hub)
{
    struct phub__gather *gather = hub->gather;
    uint32_t i = 0;

    while (i < gather->early_count) {
        if (phub__synced_passed_on(hub, gather->early[i].node,
                                   gather->early[i].body) == 0)
            early_drop(gather, i);
        else
            i++;
    }
}

void phub__gather_round(struct phub__hub *hub)
{
    struct phub__gather *gather = hub->gather;
    uint64_t now = hub->env->now_ns(hub->env);

    while (gather->early_count > 0 && gather->early[0].until_ns <= now)
        early_drop(gather, 0);
}

/* Forget who is gone; what was told too early is due now. */
void phub__gather_view_changed(struct phub__hub *hub)
{
    struct phub__gather *gather = hub->gather;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i, kept = 0;
    int due = 0;

    for (i = 0; i < gather->count; i++) {
        struct told *told = &gather->all[i];

        if (phub__view_index(view, told->node) == PHUB__VIEW_NONE) {
            phub__buf_unref(&told->body);
            continue;
        }
        if (told->view_hash == phub__view_hash(view))
            told->due = due = 1;
        gather->all[kept++] = *told;
    }
    gather->count = kept;
    if (due)
        arm(hub);
    early_again(hub);
}

/* --- passing on ------------------------------------------------------------ */

static void pass(struct phub__hub *hub, const struct phub__op_told *all,
                 uint32_t count)
{
    struct phub__op_gathered gathered = {
        .told = { (void *)(uintptr_t)all, count } };
    struct phub_view *view = phub__hub_view(hub);
    struct phub__builder builder;
    struct phub_buf *body = NULL;
    uint32_t i;

    phub__builder_init(&builder, PHUB__FRAME_MAX - PHUB__ENVELOPE_MAX);
    if (phub__encode(&phub__op_gathered_schema, &gathered, &builder) == 0)
        (void)phub__builder_take(&builder, &body);
    phub__builder_fini(&builder);
    for (i = 0; body != NULL && i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;

        if (node != hub->node)
            (void)phub__peer_send(hub, node, PHUB__MESSAGE_GATHERED, body);
    }
    phub__buf_unref(&body);
}

static void pass_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__gather *gather = hub->gather;
    struct phub__op_told *all = phub__calloc(gather->count + 1, sizeof *all);
    uint32_t i, count = 0;
    size_t size = 0;

    gather->armed = 0;
    for (i = 0; all != NULL && i < gather->count; i++) {
        struct told *told = &gather->all[i];

        if (!told->due)
            continue;
        told->due = 0;
        if (count > 0 && size + told->body->size > PASS_SIZE_MAX) {
            pass(hub, all, count);
            count = 0;
            size = 0;
        }
        all[count++] = (struct phub__op_told){
            told->node, phub__buf_bytes(told->body) };
        size += told->body->size;
    }
    if (count > 0)
        pass(hub, all, count);
    phub__free(all);
}

void phub__gather_received(struct phub__hub *hub, struct phub_buf *body)
{
    struct phub__op_gathered gathered;
    struct phub__arena arena;
    uint32_t i;

    phub__arena_init(&arena, NULL, 0, PHUB__GATHER_ARENA_MAX);
    if (phub__decode(&phub__op_gathered_schema, phub__buf_bytes(body),
                     &gathered, &arena, NULL) != 0) {
        hub->counters.frames_malformed++;
        gathered.told.count = 0;
    }
    for (i = 0; i < gathered.told.count; i++) {
        const struct phub__op_told *told =
            &((const struct phub__op_told *)gathered.told.items)[i];
        struct phub_buf *part;

        if (told->node == hub->node)
            continue;
        part = phub__buf_slice(body, (size_t)(told->body.data - body->data),
                               told->body.size);
        if (part != NULL &&
            phub__synced_passed_on(hub, told->node, part) != 0)
            early_keep(hub, told->node, told->body);
        phub__buf_unref(&part);
    }
    phub__arena_fini(&arena);
    phub__synced_passed_all(hub);
}
