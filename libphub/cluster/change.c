/* SPDX-License-Identifier: MIT */
/* change: from what happened to members to views and events.
 *
 * During a call changes are only noted.  At its end, if any was, one new view
 * is made and VIEW_CHANGED given out with all of them; they also go into the
 * list that waits to settle.  A burst (a switch that reboots, a rolling
 * restart) thus costs the hub one redistribution: VIEW_SETTLED comes when
 * nothing has changed for settle ms, or 4 times that after the first change.
 *
 * A view costs what it has members, in each of them.  Among more than VIEW_FEW
 * goodbyes and newcomers soon after a view wait for the next, VIEW_GAP_NS for
 * each member later: a hundred of a thousand that leave within two seconds are
 * ten views for each of the others instead of a hundred, and what comes alone
 * waits for nothing.  Nothing of those runs any more, or yet, and nobody waits
 * for a lease of theirs.  Of those who are lost somebody does: that, and their
 * coming back, is a view at once, for who replaces them goes by views.
 *
 * In a list a node that came and went is lost or left; one that was lost and
 * came back with the same boot is in none, since nothing of it has ended. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/internal.h"

#define SETTLE_TIMES_MAX 4u
#define VIEW_FEW 32u             /* members: each change is a view at once */
#define VIEW_GAP_NS 200000ull    /* between views, for each of more members */

static bool list_has(const struct phub__who_list *list, uint64_t node,
                     uint64_t boot)
{
    for (uint32_t i = 0; i < list->count; i++)
        if (list->who[i].node == node && list->who[i].boot == boot)
            return true;
    return false;
}

static bool list_drop(struct phub__who_list *list, uint64_t node,
                      uint64_t boot)
{
    for (uint32_t i = 0; i < list->count; i++) {
        if (list->who[i].node != node || list->who[i].boot != boot)
            continue;
        list->who[i] = list->who[--list->count];
        return true;
    }
    return false;
}

/* The lists hold what a table of PHUB__MEMBERS_MAX can do in a settle time; a
 * storm beyond that only shortens what is told: the views themselves are
 * right. */
static int list_put(struct phub__who_list *list, uint64_t node, uint64_t boot)
{
    struct phub__cluster_who *who;
    uint32_t capacity;

    if (list->count == list->capacity) {
        capacity = list->capacity == 0 ? 8 : list->capacity * 2;
        if (capacity > 2 * PHUB__MEMBERS_MAX)
            return PHUB_ELIMIT;
        who = realloc(list->who, capacity * sizeof *who);
        if (who == NULL)
            return PHUB_ENOMEM;
        list->who = who;
        list->capacity = capacity;
    }
    list->who[list->count++] = (struct phub__cluster_who){ node, boot };
    return 0;
}

static void note_joined(struct phub__changes *l, uint64_t node, uint64_t boot)
{
    if (!list_drop(&l->lost, node, boot) && !list_drop(&l->left, node, boot))
        l->cut |= list_put(&l->joined, node, boot) == PHUB_ENOMEM;
}

static void note_gone(struct phub__changes *l, uint64_t node, uint64_t boot,
                      bool left)
{
    list_drop(&l->joined, node, boot);
    l->cut |= list_put(left ? &l->left : &l->lost, node, boot) == PHUB_ENOMEM;
}

static bool in_view(const struct phub_view *view, uint64_t node, uint64_t boot)
{
    const struct phub_view_node *n = phub__view_find(view, node);

    return n != NULL && n->boot == boot;
}

static int mend_gone(const struct phub__cluster *c, struct phub__changes *l,
                     uint64_t node, uint64_t boot)
{
    const struct phub__entry *e = phub__members_find(&c->members, node);

    if (list_has(&l->lost, node, boot) || list_has(&l->left, node, boot))
        return 0;
    return list_put(e != NULL && e->pub.boot == boot
                        && e->pub.state == PHUB__MEMBER_LEFT ? &l->left
                                                             : &l->lost,
                    node, boot);
}

/* Whom there was no memory to note is seen by the views, except who came and
 * went between them.  PHUB_ENOMEM: there is none yet. */
static int mend(const struct phub__cluster *c, struct phub__changes *l,
                const struct phub_view *old_view,
                const struct phub_view *new_view)
{
    const struct phub_view_node *n;
    int rc = 0;

    if (!l->cut)
        return 0;
    for (uint32_t i = 0; rc != PHUB_ENOMEM
                         && i < phub__view_count(old_view); i++) {
        n = phub__view_at(old_view, i);
        if (!in_view(new_view, n->id, n->boot))
            rc = mend_gone(c, l, n->id, n->boot);
    }
    for (uint32_t i = 0; rc != PHUB_ENOMEM
                         && i < phub__view_count(new_view); i++) {
        n = phub__view_at(new_view, i);
        if (in_view(old_view, n->id, n->boot)) /* its loss was not noted */
            list_drop(&l->joined, n->id, n->boot);
        else if (!list_has(&l->joined, n->id, n->boot))
            rc = list_put(&l->joined, n->id, n->boot);
    }
    l->cut = rc == PHUB_ENOMEM;
    return l->cut ? PHUB_ENOMEM : 0;
}

void phub__change_joined(struct phub__cluster *c, uint64_t node, uint64_t boot,
                         bool was_lost)
{
    note_joined(&c->now, node, boot);
    note_joined(&c->settling, node, boot);
    c->view_dirty = true;
    c->view_urgent |= was_lost;
}

void phub__change_gone(struct phub__cluster *c, uint64_t node, uint64_t boot,
                       bool left)
{
    note_gone(&c->now, node, boot, left);
    note_gone(&c->settling, node, boot, left);
    c->view_dirty = true;
    c->view_urgent |= !left;
}

static void clear(struct phub__changes *l)
{
    l->joined.count = l->lost.count = l->left.count = 0;
}

static void fill(const struct phub__changes *l, struct phub_view *old_view,
                 struct phub_view *new_view, struct phub__view_change *change)
{
    *change = (struct phub__view_change){
        .old_view = old_view, .new_view = new_view,
        .joined = l->joined.who, .joined_count = l->joined.count,
        .lost = l->lost.who, .lost_count = l->lost.count,
        .left = l->left.who, .left_count = l->left.count,
    };
}

static struct phub_view *make_view(struct phub__cluster *c)
{
    uint32_t live = phub__members_live(&c->members), count = 0;
    struct phub_view_node *nodes = calloc(live + 1, sizeof *nodes);
    struct phub_view *view;

    if (nodes == NULL)
        return NULL;
    for (uint32_t i = 0; i < c->members.count; i++) {
        const struct phub__entry *e = c->members.entries[i];
        struct phub_view_node *n = &nodes[count];

        if (!phub__member_live(e))
            continue;
        n->id = e->pub.node;
        n->boot = e->pub.boot;
        n->weight = e->pub.weight;
        n->name.data = (const uint8_t *)e->pub.name;
        n->name.size = strlen(e->pub.name);
        n->zone.data = (const uint8_t *)e->pub.zone;
        n->zone.size = strlen(e->pub.zone);
        n->labels.data = (const uint8_t *)e->pub.labels;
        n->labels.size = strlen(e->pub.labels);
        count++;
    }
    assert(count == live);
    view = phub__view_new(nodes, count);
    free(nodes);
    return view;
}

int phub__change_init(struct phub__cluster *c)
{
    c->view = make_view(c);
    if (c->view == NULL)
        return PHUB_ENOMEM;
    c->settle.old_view = phub__view_ref(c->view);
    return 0;
}

void phub__change_fini(struct phub__cluster *c)
{
    struct phub__changes *lists[] = { &c->now, &c->settling };

    phub__view_unref(&c->view);
    phub__view_unref(&c->settle.old_view);
    for (size_t i = 0; i < 2; i++) {
        free(lists[i]->joined.who);
        free(lists[i]->lost.who);
        free(lists[i]->left.who);
    }
}

static void give(struct phub__cluster *c, const struct phub__cluster_event *e)
{
    assert(!c->in_event);
    c->in_event = true;
    c->io.event(c->io.arg, e);
    c->in_event = false;
}

static uint64_t settles_at(const struct phub__cluster *c)
{
    uint64_t settle = phub__cluster_ms(c->params.settle);
    uint64_t quiet = c->settle.last_ns + settle;
    uint64_t latest = c->settle.first_ns + settle * SETTLE_TIMES_MAX;

    return quiet < latest ? quiet : latest;
}

/* Nothing is lost when memory is: the view stays dirty until there is some. */
static void change_view(struct phub__cluster *c)
{
    struct phub__view_change change;
    struct phub__cluster_event event = { .kind = PHUB__CLUSTER_VIEW_CHANGED };
    struct phub_view *old_view = c->view, *view = make_view(c);

    if (view == NULL || mend(c, &c->now, old_view, view) != 0) {
        phub__view_unref(&view);
        phub__cluster_wake(c, c->now_ns + phub__cluster_ms(c->params.settle));
        return;
    }
    c->view_dirty = c->view_urgent = false;
    c->view = view;
    if (c->settle.first_ns == 0)
        c->settle.first_ns = c->now_ns;
    c->settle.last_ns = c->now_ns;
    phub__cluster_wake(c, settles_at(c));
    fill(&c->now, old_view, view, &change);
    event.change = &change;
    give(c, &event);
    clear(&c->now);
    phub__view_unref(&old_view);
}

void phub__change_tick(struct phub__cluster *c)
{
    struct phub__view_change change;
    struct phub__cluster_event event = { .kind = PHUB__CLUSTER_VIEW_SETTLED };

    if (c->settle.first_ns == 0 || c->view_dirty)
        return;
    if (c->now_ns < settles_at(c)) {
        phub__cluster_wake(c, settles_at(c));
        return;
    }
    if (mend(c, &c->settling, c->settle.old_view, c->view) != 0) {
        phub__cluster_wake(c, c->now_ns + phub__cluster_ms(c->params.settle));
        return;
    }
    c->settle.first_ns = 0;
    fill(&c->settling, c->settle.old_view, c->view, &change);
    event.change = &change;
    give(c, &event);
    clear(&c->settling);
    phub__view_unref(&c->settle.old_view);
    c->settle.old_view = phub__view_ref(c->view);
}

static uint64_t next_view_ns(const struct phub__cluster *c)
{
    uint32_t live = phub__members_live(&c->members);

    return live <= VIEW_FEW || c->view_urgent
        ? 0 : c->settle.last_ns + live * VIEW_GAP_NS;
}

void phub__change_flush(struct phub__cluster *c)
{
    if (c->view_dirty) {
        phub__grant_update(c);
        if (c->now_ns < next_view_ns(c))
            phub__cluster_wake(c, next_view_ns(c));
        else
            change_view(c);
    }
    for (uint32_t i = 0; i < c->events_count; i++)
        give(c, &c->events[i].event);
    c->events_count = 0;
}

struct phub_view *phub__cluster_view(const struct phub__cluster *c)
{
    return c->view;
}
