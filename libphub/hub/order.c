/* SPDX-License-Identifier: MIT */
/* order: messages of one sender to one child arrive in the order of sending.
 *
 * A way between two nodes keeps its order (wire/session.h), but a child moves,
 * and its senders and those who pass messages on hear of that at different
 * times: two messages may take two ways, and no node between sees both.  So
 * the ends see to it (Saltzer, Reed and Clark, End-to-End Arguments in System
 * Design, 1984):
 *
 * - A hub numbers what it sends, over all children; a number and the boot of
 *   its hub are the mark of a message.
 * - Who sends or passes on a message of a sender to a child remembers the
 *   number and the node it went to.  If the next one goes to another node, its
 *   mark says so: "after number N, which went by way of node V".  The later of
 *   two such words is kept, as it implies the earlier.
 * - The child's home remembers the last number given to the child, by sender;
 *   that table goes with the child, in the END of a move.  A message waits if
 *   its mark names one that was not given, until V leaves the view or
 *   PHUB__ORDER_HOLD_MS is over: what was lost is not waited for longer.
 * - What comes with a number that is not above the last one is dropped: order
 *   is never given up, and nothing is given twice.
 *
 * As long as the home stays, marks name nothing and no message waits.  A home
 * that lost the table, because the old one died, waits for nothing that went
 * there: V is gone.
 *
 * Limits: a sender that sends nothing to a child for PHUB__ORDER_SENT_MS, or
 * that sends to more than PHUB__ORDER_SENT_MAX, forgets where it sent last; so
 * order between two ways is kept for what is younger than that. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "cluster/view.h"
#include "hub/message.h"
#include "hub/order.h"
#include "registry/table.h"
#include "wire/memory.h"

#define SENT_BUCKETS 4096u
#define AWAY_MAX 64u
#define NS_PER_MS 1000000ull

/* The last message of a sender to a child that went from here. */
struct sent {
    struct sent *bucket_next;
    struct sent *newer, *older;
    uint64_t hash, origin, number;
    uint64_t target, target_boot;
    struct phub_epoch incarnation;
    uint64_t at_ns;
    uint32_t id_size;
    uint8_t id[];
};

struct phub__order_sent {
    struct sent *newest, *oldest;
    uint32_t count;
    struct sent *buckets[SENT_BUCKETS];
};

/* A sender. */
struct heard {
    struct phub__op_heard last;  /* given; number 0: none */
    uint64_t queued_boot, queued;  /* the highest that ever waited here */
};

struct phub__order_heard {
    uint32_t count, room;
    struct heard at[];           /* by node, ascending */
};

/* --- what went from here ----------------------------------------------------- */

static void unlink_age(struct phub__order_sent *all, struct sent *s)
{
    *(s->newer != NULL ? &s->newer->older : &all->newest) = s->older;
    *(s->older != NULL ? &s->older->newer : &all->oldest) = s->newer;
}

static void link_age(struct phub__order_sent *all, struct sent *s)
{
    s->newer = NULL;
    s->older = all->newest;
    *(s->older != NULL ? &s->older->newer : &all->oldest) = s;
    all->newest = s;
}

static void sent_free(struct phub__order_sent *all, struct sent *s)
{
    struct sent **p = &all->buckets[s->hash % SENT_BUCKETS];

    while (*p != s)
        p = &(*p)->bucket_next;
    *p = s->bucket_next;
    unlink_age(all, s);
    all->count--;
    phub__free(s);
}

static uint64_t sent_hash(uint64_t origin, struct phub_bytes id)
{
    return phub__table_hash(id) ^ origin * 0x9e3779b97f4a7c15ull;
}

static struct sent *sent_find(const struct phub__order_sent *all,
                              uint64_t origin, struct phub_bytes id)
{
    uint64_t hash = sent_hash(origin, id);
    struct sent *s = all != NULL ? all->buckets[hash % SENT_BUCKETS] : NULL;

    while (s != NULL && (s->hash != hash || s->origin != origin ||
                         s->id_size != id.size ||
                         memcmp(s->id, id.data, id.size) != 0))
        s = s->bucket_next;
    return s;
}

static struct sent *sent_new(struct phub__order_sent *all, uint64_t origin,
                             struct phub_bytes id)
{
    struct sent *s = phub__calloc(1, sizeof *s + id.size);

    if (s == NULL)
        return NULL;
    if (all->count == PHUB__ORDER_SENT_MAX)
        sent_free(all, all->oldest);
    s->hash = sent_hash(origin, id);
    s->origin = origin;
    s->id_size = (uint32_t)id.size;
    memcpy(s->id, id.data, id.size);
    s->bucket_next = all->buckets[s->hash % SENT_BUCKETS];
    all->buckets[s->hash % SENT_BUCKETS] = s;
    link_age(all, s);
    all->count++;
    return s;
}

void phub__order_link(struct phub__hub *hub, uint64_t origin,
                      const struct phub__row_view *row, uint64_t target,
                      struct phub__mark *mark)
{
    const struct sent *s = sent_find(hub->order_sent, origin, row->id);

    if (s == NULL || s->target == target || s->number <= mark->after ||
        s->number >= mark->number ||
        s->incarnation.number != row->incarnation.number ||
        s->incarnation.node != row->incarnation.node)
        return;
    mark->after = s->number;
    mark->via = s->target;
    mark->via_boot = s->target_boot;
}

void phub__order_sent(struct phub__hub *hub, uint64_t origin,
                      const struct phub__row_view *row, uint64_t target,
                      const struct phub__mark *mark)
{
    struct phub__order_sent *all = hub->order_sent;
    const struct phub_view_node *node =
        phub__view_find(phub__hub_view(hub), target);
    uint64_t now = hub->env->now_ns(hub->env);
    struct sent *s;

    if (all == NULL)
        all = hub->order_sent = phub__calloc(1, sizeof *all);
    if (all == NULL)
        return;
    while (all->oldest != NULL &&
           now - all->oldest->at_ns >= PHUB__ORDER_SENT_MS * NS_PER_MS)
        sent_free(all, all->oldest);
    s = sent_find(all, origin, row->id);
    if (s == NULL)
        s = sent_new(all, origin, row->id);
    if (s == NULL)
        return;
    unlink_age(all, s);
    link_age(all, s);
    s->number = mark->number;
    s->target = target;
    s->target_boot = node != NULL ? node->boot : 0;
    s->incarnation = row->incarnation;
    s->at_ns = now;
}

void phub__order_sent_free(struct phub__order_sent **sent)
{
    while (*sent != NULL && (*sent)->oldest != NULL)
        sent_free(*sent, (*sent)->oldest);
    phub__free(*sent);
    *sent = NULL;
}

/* --- what the child was given ------------------------------------------------- */

static int by_node(const void *a, const void *b)
{
    const struct heard *x = a, *y = b;

    return x->last.node < y->last.node ? -1 : x->last.node > y->last.node;
}

static struct heard *heard_find(const struct phub__local *local, uint64_t node)
{
    struct heard key = { .last = { .node = node } };

    return local->heard == NULL ? NULL
        : bsearch(&key, local->heard->at, local->heard->count, sizeof key,
                  by_node);
}

/* Many senders that are gone make room; a few may only have been away. */
static void heard_sweep(struct phub__local *local)
{
    const struct phub_view *view = phub__hub_view(local->hub);
    struct phub__order_heard *heard = local->heard;
    uint32_t i, kept = 0;

    if (heard->count < AWAY_MAX + phub__view_count(view))
        return;
    for (i = 0; i < heard->count; i++)
        if (phub__view_find(view, heard->at[i].last.node) != NULL)
            heard->at[kept++] = heard->at[i];
    heard->count = kept;
}

/* Find or make; NULL if out of memory. */
static struct heard *heard_get(struct phub__local *local, uint64_t node)
{
    struct phub__order_heard *heard = local->heard;
    struct heard *h = heard_find(local, node);
    uint32_t i, room = 4;

    if (h != NULL)
        return h;
    if (heard != NULL && heard->count == heard->room)
        heard_sweep(local);
    if (heard == NULL || heard->count == heard->room) {
        if (heard != NULL)
            room = 2 * heard->room;
        heard = phub__realloc(heard, sizeof *heard + room * sizeof *h);
        if (heard == NULL)
            return NULL;
        if (local->heard == NULL)
            heard->count = 0;
        heard->room = room;
        local->heard = heard;
    }
    for (i = heard->count++; i > 0 && heard->at[i - 1].last.node > node; i--)
        heard->at[i] = heard->at[i - 1];
    heard->at[i] = (struct heard){ .last = { .node = node } };
    return &heard->at[i];
}

static void heard_put(struct phub__local *local,
                      const struct phub__op_heard *last)
{
    struct heard *h = heard_get(local, last->node);

    if (h != NULL && (last->boot > h->last.boot ||
                      (last->boot == h->last.boot &&
                       last->number > h->last.number)))
        h->last = *last;
}

enum phub__order phub__order_judge(const struct phub__local *local,
                                   uint64_t origin,
                                   const struct phub__mark *mark,
                                   uint64_t since_ns)
{
    const struct heard *h = heard_find(local, origin);
    struct phub_env *env = local->hub->env;
    const struct phub_view_node *via;
    uint64_t last = h != NULL && h->last.boot == mark->boot ? h->last.number
                                                            : 0;

    if (mark->number == 0)
        return PHUB__ORDER_NOW;
    if (last >= mark->number || (h != NULL && h->last.boot > mark->boot))
        return PHUB__ORDER_LATE;
    if (last >= mark->after)
        return PHUB__ORDER_NOW;
    via = phub__view_find(phub__hub_view(local->hub), mark->via);
    return via != NULL && via->boot == mark->via_boot &&
                   env->now_ns(env) - since_ns <
                       PHUB__ORDER_HOLD_MS * NS_PER_MS
               ? PHUB__ORDER_WAIT : PHUB__ORDER_NOW;
}

void phub__order_given(struct phub__local *local, uint64_t origin,
                       const struct phub__mark *mark)
{
    struct phub__op_heard last = { origin, mark->boot, mark->number };

    if (mark->number != 0)
        heard_put(local, &last);
}

int phub__order_queued(struct phub__local *local, uint64_t origin,
                       struct phub__mark *mark)
{
    struct heard *h = mark->number != 0 ? heard_get(local, origin) : NULL;

    if (h == NULL)
        return 1;
    if (h->queued_boot == mark->boot && h->queued >= mark->number)
        return 0;
    if (h->queued_boot == mark->boot)
        phub__order_behind(local->hub, h->queued, mark);
    h->queued_boot = mark->boot;
    h->queued = mark->number;
    return 1;
}

void phub__order_behind(const struct phub__hub *hub, uint64_t number,
                        struct phub__mark *mark)
{
    if (number <= mark->after)
        return;
    mark->after = number;
    mark->via = hub->node;
    mark->via_boot = hub->boot;
}

uint32_t phub__order_heard(struct phub__local *local,
                           struct phub__op_heard *heard)
{
    uint32_t i, count = 0;

    for (i = 0; local->heard != NULL && i < local->heard->count; i++)
        if (local->heard->at[i].last.number != 0 &&
            count < PHUB__MEMBERS_MAX)
            heard[count++] = local->heard->at[i].last;
    return count;
}

void phub__order_told(struct phub__local *local,
                      const struct phub__op_heard *heard, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        heard_put(local, &heard[i]);
}

void phub__order_forget(struct phub__local *local)
{
    phub__free(local->heard);
    local->heard = NULL;
}
