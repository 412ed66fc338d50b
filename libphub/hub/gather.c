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
 * All of them tell of the same lost nodes, whose leases make up most of what a
 * statement is when a tenth of a large hub has gone.  So those are taken out of
 * the statements, and of each lost node the longest lease that one of them
 * names is passed on beside them: it is the longest that counts.  What has run
 * out of it here is taken off: passed on again, it is no longer than before.
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

#include "hub/by_node.h"
#include "hub/gather.h"
#include "hub/message.h"
#include "hub/peer.h"
#include "hub/synced.h"
#include "hub/synced_private.h"
#include "wire/assert.h"
#include "wire/memory.h"
#include "wire/messages.h"
#include "wire/reader.h"
#include "wire/writer.h"

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
    struct phub_buf *body;       /* without the leases; owned */
    struct phub__op_lease *leases; /* owned */
    uint32_t leases_count;
    uint64_t told_ns;
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

static void told_clear(struct told *told)
{
    phub__buf_unref(&told->body);
    phub__free(told->leases);
    told->leases = NULL;
    told->leases_count = 0;
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
        told_clear(&gather->all[i]);
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

static struct told *told_get(struct phub__gather *gather, uint64_t node)
{
    uint32_t at = phub__by_node(gather->all, gather->count,
                                sizeof gather->all[0], node);

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

/* The statement but for its leases, keys of later versions too; NULL: out of
 * memory, or it is none. */
static struct phub_buf *without_leases(struct phub_bytes statement)
{
    struct phub__builder builder;
    struct phub__reader r;
    struct phub_buf *buf = NULL;
    uint64_t pairs = 0, i, key;
    size_t at;
    int good;

    phub__reader_init(&r, statement);
    phub__builder_init(&builder, statement.size);
    good = phub__read_map(&r, &pairs) && pairs != 0;
    phub__write_map(&builder, pairs - 1);
    for (i = 0; i < pairs && good; i++) {
        at = r.at;
        good = phub__read_uint(&r, &key) && phub__read_skip(&r);
        if (good && key != PHUB__OP_VIEW_SYNC_LEASES)
            phub__builder_append(&builder, statement.data + at, r.at - at);
    }
    if (good)
        (void)phub__builder_take(&builder, &buf);
    phub__builder_fini(&builder);
    return buf;
}

/* 0: out of memory. */
static int told_set(struct told *told, const struct phub__op_view_sync *sync,
                    struct phub_buf *body)
{
    uint32_t count = sync->leases.count;

    told_clear(told);
    if (count == 0) {
        told->body = phub__buf_ref(body);
        return 1;
    }
    told->leases = phub__calloc(count, sizeof *told->leases);
    told->body = without_leases(phub__buf_bytes(body));
    if (told->leases == NULL || told->body == NULL) {
        told_clear(told);
        return 0;
    }
    memcpy(told->leases, sync->leases.items, count * sizeof *told->leases);
    told->leases_count = count;
    return 1;
}

void phub__gather_told(struct phub__hub *hub, uint64_t node,
                       const struct phub__op_view_sync *sync,
                       struct phub_buf *body)
{
    struct told *told = told_get(hub->gather, node);
    int is_set;

    if (told == NULL)
        return; /* who is not heard is asked */
    is_set = told_set(told, sync, body);
    told->view_hash = is_set ? sync->view_hash : 0;
    told->told_ns = hub->env->now_ns(hub->env);
    told->due = is_set &&
        sync->view_hash == phub__view_hash(phub__hub_view(hub));
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
                                   gather->early[i].body) != PHUB_EAGAIN)
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
            told_clear(told);
            continue;
        }
        if (told->body != NULL && told->view_hash == phub__view_hash(view))
            told->due = due = 1;
        gather->all[kept++] = *told;
    }
    gather->count = kept;
    if (due)
        arm(hub);
    early_again(hub);
}

/* --- passing on ------------------------------------------------------------ */

/* What goes into one message. */
struct passed {
    struct phub__op_told *all;
    uint32_t count;
    size_t size;
    struct phub__op_lease leases[PHUB__LEASES_MAX];  /* by node */
    uint32_t leases_count;
    uint64_t now_ns;
};

/* The longer one of each node, as it is now; 0: there is no room. */
static int leases_join(struct passed *passed, const struct told *told)
{
    uint64_t age_ms = (passed->now_ns - told->told_ns) / NS_PER_MS;
    uint32_t i, at;

    for (i = 0; i < told->leases_count; i++) {
        struct phub__op_lease lease = told->leases[i], *same;

        if (lease.remaining_ms >= PHUB__REMAINING_MS_MAX ||
            lease.remaining_ms < age_ms)
            lease.remaining_ms = 0;
        else
            lease.remaining_ms -= age_ms;
        at = phub__by_node(passed->leases, passed->leases_count, sizeof lease,
                           lease.node);
        same = &passed->leases[at];
        if (at < passed->leases_count && same->node == lease.node) {
            if (same->remaining_ms < lease.remaining_ms)
                same->remaining_ms = lease.remaining_ms;
            continue;
        }
        if (passed->leases_count == PHUB__LEASES_MAX)
            return 0;
        memmove(same + 1, same, (passed->leases_count - at) * sizeof *same);
        *same = lease;
        passed->leases_count++;
    }
    return 1;
}

static void pass(struct phub__hub *hub, struct passed *passed)
{
    struct phub__op_gathered gathered = {
        .told = { passed->all, passed->count },
        .leases = { passed->leases, passed->leases_count } };
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
    passed->count = passed->leases_count = 0;
    passed->size = 0;
}

/* Leases that were joined for one that then goes into the next message do no
 * harm in this one: they hold. */
static void pass_one(struct phub__hub *hub, struct passed *passed,
                     const struct told *told)
{
    if (passed->count > 0 && passed->size + told->body->size > PASS_SIZE_MAX)
        pass(hub, passed);
    if (!leases_join(passed, told)) {
        pass(hub, passed);
        phub__assert(leases_join(passed, told)); /* one alone has room */
    }
    passed->all[passed->count++] = (struct phub__op_told){
        told->node, phub__buf_bytes(told->body) };
    passed->size += told->body->size;
}

static void pass_fired(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__gather *gather = hub->gather;
    struct passed *passed = phub__calloc(1, sizeof *passed);
    struct phub__op_told *all = phub__calloc(gather->count + 1, sizeof *all);
    uint32_t i;

    gather->armed = 0;
    if (passed == NULL || all == NULL)
        goto out; /* who does not hear of it tells the second gatherer */
    passed->all = all;
    passed->now_ns = hub->env->now_ns(hub->env);
    for (i = 0; i < gather->count; i++)
        if (gather->all[i].due) {
            gather->all[i].due = 0;
            pass_one(hub, passed, &gather->all[i]);
        }
    if (passed->count > 0)
        pass(hub, passed);
out:
    phub__free(all);
    phub__free(passed);
}

void phub__gather_received(struct phub__hub *hub, struct phub_buf *body)
{
    struct phub__op_gathered gathered;
    struct phub__arena arena;
    int news = 0, rc;
    uint32_t i;

    phub__arena_init(&arena, NULL, 0, PHUB__GATHER_ARENA_MAX);
    if (phub__decode(&phub__op_gathered_schema, phub__buf_bytes(body),
                     &gathered, &arena, NULL) != 0) {
        hub->counters.frames_malformed++;
        gathered.told.count = gathered.leases.count = 0;
    }
    for (i = 0; i < gathered.told.count; i++) {
        const struct phub__op_told *told =
            &((const struct phub__op_told *)gathered.told.items)[i];
        struct phub_buf *part;

        if (told->node == hub->node)
            continue;
        part = phub__buf_slice(body, (size_t)(told->body.data - body->data),
                               told->body.size);
        rc = part != NULL ? phub__synced_passed_on(hub, told->node, part)
                          : PHUB_ENOMEM;
        if (rc == PHUB_EAGAIN)
            early_keep(hub, told->node, told->body);
        news |= rc == 0 || rc == PHUB_EAGAIN;
        phub__buf_unref(&part);
    }
    if (news)
        phub__lost_heard(hub, &gathered.leases);
    phub__arena_fini(&arena);
    phub__synced_passed_all(hub);
}
