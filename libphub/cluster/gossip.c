/* SPDX-License-Identifier: MIT */
/* gossip: what news does to the member table, and how it spreads.
 *
 * News spreads twice: on the back of probes (Das 2002), and, while there is
 * any, in pushes to a few random members every gossip_interval, because a
 * join should be known in less than a probe round.  A record is sent
 * ceil(log2(n + 1)) * 3 times, the least sent first, and not after a while:
 * what could not be told during a partition is not told when it heals.
 *
 * Nobody dies here without having been a suspect here first.  A death that
 * somebody reports makes a suspect that is confirmed already; so a node that
 * is well, and was only cut off from the reporter, has suspicion_min ms to say
 * so.  The same goes for the member lists that two halves of a healed
 * partition exchange: each calls the other dead, and nobody is lost for it.
 *
 * Who is suspected hears of it first (Lifeguard's buddy system: a probe or an
 * answer to a suspect always carries the suspicion), and refutes by raising
 * its incarnation.
 *
 * Every sync_interval the hash of the member list goes to one random member; if
 * that one's is another, the two exchange their lists.  So do they when the view
 * hash of one has been another for a while.  A thousand members that agree tell
 * each other a number, not a thousand records. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/internal.h"

#define RETRANSMIT_TIMES 3u
#define GOSSIP_AGE_INTERVALS 20u   /* of gossip_interval */
#define DIFFERS_INTERVALS 3u       /* of probe_interval, until lists are sent */
#define LOOKERS 8u                 /* who probe a newcomer or suspect at once */

static uint32_t log2_ceil(uint32_t n)
{
    uint32_t bits = 0;

    while ((UINT64_C(1) << bits) < n)
        bits++;
    return bits;
}

/* Into the list of those that are sent so often still; 0: into none. */
static void set_left(struct phub__cluster *c, struct phub__entry *e,
                     uint32_t left)
{
    struct phub__gossip *g = &c->gossip;

    assert(left <= PHUB__GOSSIP_LEFT_MAX);
    if (e->gossip_left > 0) {
        if (e->gossip_prev != NULL)
            e->gossip_prev->gossip_next = e->gossip_next;
        else
            g->left[e->gossip_left] = e->gossip_next;
        if (e->gossip_next != NULL)
            e->gossip_next->gossip_prev = e->gossip_prev;
        g->pending--;
    }
    e->gossip_left = left;
    if (left == 0)
        return;
    e->gossip_prev = NULL;
    e->gossip_next = g->left[left];
    if (e->gossip_next != NULL)
        e->gossip_next->gossip_prev = e;
    g->left[left] = e;
    g->pending++;
}

void phub__gossip_spread(struct phub__cluster *c, struct phub__entry *e)
{
    uint32_t live = phub__members_live(&c->members);

    set_left(c, e, log2_ceil(live + 1) * RETRANSMIT_TIMES);
    e->gossip_until_ns = c->now_ns + GOSSIP_AGE_INTERVALS
                       * phub__cluster_ms(c->params.gossip_interval);
    if (c->gossip.next_ns == PHUB__NEVER || c->gossip.next_ns == 0) {
        c->gossip.next_ns = c->now_ns;
        phub__cluster_wake(c, c->now_ns);
    }
}

/* --- states -------------------------------------------------------------- */

/* Back among the living: refuted, joined again, or new. */
static void alive(struct phub__cluster *c, struct phub__entry *e,
                  const char *why)
{
    enum phub__member_state before = e->pub.state;

    e->confirmers_count = 0;
    e->rejoin_ns = e->rejoin_wait_ns = 0;
    if (!phub__member_live(e)) {
        phub__change_joined(c, e->pub.node, e->pub.boot,
                            before != PHUB__MEMBER_LEFT);
        phub__grant_joined(c, e);
        phub__swim_joined(c, e->pub.node);
    }
    phub__member_set_state(&c->members, e, PHUB__MEMBER_ALIVE, c->now_ns);
    if (before != PHUB__MEMBER_ALIVE)
        phub__cluster_note(c, e, before, why);
    phub__gossip_spread(c, e);
}

static bool add_confirmer(struct phub__entry *e, uint64_t from)
{
    for (uint32_t i = 0; i < e->confirmers_count; i++)
        if (e->confirmers[i] == from)
            return false;
    if (e->confirmers_count == PHUB__CONFIRM_MAX)
        return false;
    e->confirmers[e->confirmers_count++] = from;
    return true;
}

static void set_suspect_end(struct phub__cluster *c, struct phub__entry *e)
{
    e->suspect_until_ns = e->suspect_since_ns
        + phub__swim_suspicion_ns(c, e->confirmers_count);
    phub__cluster_wake(c, e->suspect_until_ns);
}

void phub__gossip_suspect(struct phub__cluster *c, struct phub__entry *e,
                          uint64_t from, const char *why)
{
    if (e->pub.state == PHUB__MEMBER_SUSPECT) {
        if (add_confirmer(e, from)) {
            set_suspect_end(c, e);
            phub__gossip_spread(c, e);
        }
        return;
    }
    assert(e->pub.state == PHUB__MEMBER_ALIVE);
    e->confirmers_count = 0;
    add_confirmer(e, from);
    e->suspect_since_ns = c->now_ns;
    set_suspect_end(c, e);
    phub__member_set_state(&c->members, e, PHUB__MEMBER_SUSPECT, c->now_ns);
    phub__cluster_note(c, e, PHUB__MEMBER_ALIVE, why);
    phub__gossip_spread(c, e);
    /* Again with the suspicion on it, so that it can refute; and when others
     * suspect it, some of us look for themselves. */
    if (from == c->node
        || phub__cluster_pick(c, phub__cluster_others(c)) < LOOKERS)
        phub__swim_hint(c, e);
}

void phub__gossip_dead(struct phub__cluster *c, struct phub__entry *e)
{
    enum phub__member_state before = e->pub.state;

    assert(phub__member_live(e) && e->pub.node != c->node);
    phub__change_gone(c, e->pub.node, e->pub.boot, false);
    phub__member_set_state(&c->members, e, PHUB__MEMBER_DEAD, c->now_ns);
    phub__cluster_note(c, e, before, "silent");
    phub__gossip_spread(c, e);
    phub__join_lost(c, e);
}

void phub__gossip_left(struct phub__cluster *c, struct phub__entry *e)
{
    enum phub__member_state before = e->pub.state;

    if (phub__member_live(e))
        phub__change_gone(c, e->pub.node, e->pub.boot, true);
    phub__member_set_state(&c->members, e, PHUB__MEMBER_LEFT, c->now_ns);
    phub__cluster_note(c, e, before, "said goodbye");
    phub__gossip_spread(c, e);
    phub__join_left(c, e);
}

void phub__gossip_forget(struct phub__cluster *c, struct phub__entry *e)
{
    enum phub__member_state before = e->pub.state;

    if (phub__member_live(e)) {
        phub__change_gone(c, e->pub.node, e->pub.boot, false);
        phub__member_set_state(&c->members, e, PHUB__MEMBER_DEAD, c->now_ns);
        phub__cluster_note(c, e, before, "forgotten");
    }
    set_left(c, e, 0);
}

/* --- news about us ------------------------------------------------------- */

static void identity(struct phub__cluster *c, const struct phub__news *news)
{
    struct phub__entry *me = phub__cluster_me(c);
    struct phub__event_text *e;

    e = phub__cluster_event(c, PHUB__CLUSTER_IDENTITY, news->boot);
    if (e == NULL)
        return;
    snprintf(e->text, sizeof e->text,
             "node id %016llx is in use twice: boot %llu at \"%.*s\", "
             "boot %llu here at \"%s\"", (unsigned long long)c->node,
             (unsigned long long)news->boot, (int)news->endpoint.size,
             news->endpoint.size > 0 ? (const char *)news->endpoint.data : "",
             (unsigned long long)c->boot, me->pub.endpoint);
}

void phub__gossip_refute(struct phub__cluster *c, uint64_t incarnation)
{
    struct phub__entry *me = phub__cluster_me(c);

    me->pub.incarnation = incarnation + 1;
    c->members.version++;
    phub__gossip_spread(c, me);
}

void phub__gossip_takes(struct phub__cluster *c, bool takes)
{
    struct phub__entry *me = phub__cluster_me(c);

    if (c->left || me->pub.drained == !takes)
        return;
    me->pub.drained = !takes;
    c->takers_version++;
    phub__gossip_refute(c, me->pub.incarnation);
}

static int about_us(struct phub__cluster *c, const struct phub__news *news)
{
    struct phub__entry *me = phub__cluster_me(c);

    if (news->boot > c->boot) {
        identity(c, news);
        return PHUB_EREFUSED;
    }
    if (news->boot < c->boot || c->left)
        return 0;
    switch (news->state) {
    case PHUB__MEMBER_ALIVE:
        if (phub__member_judge(me, news) == PHUB__NEWS_CONFLICT)
            identity(c, news);
        else if (news->incarnation > me->pub.incarnation)
            phub__gossip_refute(c, news->incarnation);
        break;
    case PHUB__MEMBER_SUSPECT:
    case PHUB__MEMBER_DEAD:
        if (news->incarnation < me->pub.incarnation)
            break;
        c->stats.refutations++;
        phub__swim_health(c, 1);
        phub__gossip_refute(c, news->incarnation);
        break;
    case PHUB__MEMBER_LEFT:
        break;
    }
    return 0;
}

/* --- news about others --------------------------------------------------- */

static int added(struct phub__cluster *c, const struct phub__news *news)
{
    struct phub__entry *e;
    int rc = phub__members_add(&c->members, news, c->now_ns, &e);

    if (rc != 0)
        return rc;
    phub__change_joined(c, e->pub.node, e->pub.boot, false);
    phub__grant_joined(c, e);
    phub__swim_joined(c, e->pub.node);
    phub__cluster_note(c, e, (enum phub__member_state)0, "joined");
    phub__gossip_spread(c, e);
    if (news->state == PHUB__MEMBER_SUSPECT)
        phub__gossip_suspect(c, e, news->from, "suspected by others");
    else if (phub__cluster_pick(c, phub__cluster_others(c)) < LOOKERS)
        phub__swim_hint(c, e);
    return 0;
}

/* A drained node lives and has its place in the view; only what is placed
 * goes by this. */
static int update(struct phub__cluster *c, struct phub__entry *e,
                  const struct phub__news *news)
{
    bool before = e->pub.drained, same = e->pub.boot == news->boot;
    int rc = phub__member_update(e, news);

    c->members.version++;
    if (rc != 0 || e->pub.drained == before)
        return rc;
    c->takers_version++;
    if (same)
        phub__cluster_note(c, e, e->pub.state,
                           before ? "takes children again" : "drained");
    return 0;
}

static int restarted(struct phub__cluster *c, struct phub__entry *e,
                     const struct phub__news *news)
{
    enum phub__member_state before = e->pub.state;
    uint64_t old_boot = e->pub.boot;
    int rc = update(c, e, news);

    if (rc != 0)
        return rc;
    if (phub__member_live(e)) {
        phub__change_gone(c, e->pub.node, old_boot, false);
        phub__member_set_state(&c->members, e, PHUB__MEMBER_DEAD, c->now_ns);
    }
    e->differs = false;
    alive(c, e, before == PHUB__MEMBER_LEFT ? "joined" : "restarted");
    return 0;
}

/* Dead, says somebody: a suspect that enough others confirm. */
static void reported_dead(struct phub__cluster *c, struct phub__entry *e,
                          uint64_t sender)
{
    if (e->pub.state == PHUB__MEMBER_ALIVE)
        phub__gossip_suspect(c, e, sender, "reported dead");
    while (e->confirmers_count < PHUB__CONFIRM_MAX)
        e->confirmers[e->confirmers_count++] = 0;
    set_suspect_end(c, e);
}

void phub__gossip_tell_stale(struct phub__cluster *c,
                             const struct phub__entry *e,
                             struct phub_bytes endpoint)
{
    char to[PHUB_ENDPOINT_MAX + 1];

    if (endpoint.size == 0)
        return;
    memcpy(to, endpoint.data, endpoint.size);
    to[endpoint.size] = '\0';
    phub__message_init(&c->out, PHUB__CLUSTER_GOSSIP);
    phub__member_news(e, true, &c->out.news[0]);
    c->out.news_count = 1;
    phub__cluster_send_to(c, 0, 0, to);
}

int phub__gossip_apply(struct phub__cluster *c, const struct phub__news *news,
                       uint64_t sender)
{
    struct phub__entry *e;
    int rc;

    if (news->node == c->node)
        return about_us(c, news);
    if (phub__cluster_admits(c, news->node) == PHUB_EFORGOTTEN)
        return PHUB_EREFUSED;
    e = phub__members_find(&c->members, news->node);
    switch (phub__member_judge(e, news)) {
    case PHUB__NEWS_OLD:
        return 0;
    case PHUB__NEWS_NEW:
        return added(c, news);
    case PHUB__NEWS_RESTART:
        return restarted(c, e, news);
    case PHUB__NEWS_STALE:
        if (sender == news->node)
            phub__gossip_tell_stale(c, e, news->endpoint);
        return PHUB_EREFUSED;
    case PHUB__NEWS_CONFLICT:
        return PHUB_EREFUSED;
    case PHUB__NEWS_ALIVE:
        rc = update(c, e, news);
        if (rc == 0)
            alive(c, e, e->pub.state == PHUB__MEMBER_DEAD ? "back"
                                                          : "refuted");
        return rc;
    case PHUB__NEWS_SUSPECT:
        if (news->incarnation > e->pub.incarnation) {
            rc = update(c, e, news);
            if (rc != 0)
                return rc;
            alive(c, e, "back");
        }
        phub__gossip_suspect(c, e, news->from != 0 ? news->from : sender,
                             "suspected by others");
        return 0;
    case PHUB__NEWS_DEAD:
        if (news->incarnation > e->pub.incarnation) {
            e->pub.incarnation = news->incarnation;
            c->members.version++;
        }
        reported_dead(c, e, sender);
        return 0;
    case PHUB__NEWS_LEFT:
        phub__gossip_left(c, e);
        e->pub.boot = news->boot;
        e->pub.incarnation = news->incarnation;
        return 0;
    }
    return 0;
}

/* A large hub has more members than a cache holds: have all in it that the
 * message tells of, rather than wait for one after the other. */
static void news_ahead(const struct phub__cluster *c,
                       const struct phub__message *m)
{
    for (uint32_t i = 0; i < m->news_count; i++)
        phub__members_place_ahead(&c->members, m->news[i].node);
    for (uint32_t i = 0; i < m->news_count; i++)
        phub__members_ahead(&c->members, m->news[i].node);
}

void phub__gossip_take(struct phub__cluster *c, uint64_t from,
                       const struct phub__message *m)
{
    struct phub__entry *e;

    if (m->news_count == 0)
        return;
    news_ahead(c, m);
    e = phub__members_find(&c->members, from);
    for (uint32_t i = 0; i < m->news_count; i++)
        if (m->news[i].node == c->node
            || (m->news[i].node == from && e != NULL
                && m->news[i].boot == e->pub.boot))
            phub__gossip_apply(c, &m->news[i], from);
    for (uint32_t i = 0; i < m->news_count; i++) {
        e = phub__members_find(&c->members, from);

        if (e == NULL || !phub__member_live(e))
            return;
        if (m->news[i].node != from && m->news[i].node != c->node)
            phub__gossip_apply(c, &m->news[i], from);
    }
}

/* --- spreading ------------------------------------------------------------ */

static void append(struct phub__cluster *c, const struct phub__entry *e)
{
    phub__member_news(e, phub__member_live(e),
                      &c->out.news[c->out.news_count++]);
}

/* The one that was sent least, is not in the message yet, and is not old. */
static struct phub__entry *next_news(struct phub__cluster *c)
{
    struct phub__gossip *g = &c->gossip;

    for (uint32_t left = PHUB__GOSSIP_LEFT_MAX; left > 0; left--) {
        struct phub__entry *e = g->left[left], *next;

        for (; e != NULL; e = next) {
            next = e->gossip_next;
            if (c->now_ns >= e->gossip_until_ns)
                set_left(c, e, 0);
            else if (e->gossip_message != g->messages)
                return e;
        }
    }
    return NULL;
}

void phub__gossip_piggyback(struct phub__cluster *c, struct phub__entry *about,
                            uint32_t max)
{
    struct phub__gossip *g = &c->gossip;

    assert(max <= PHUB__NEWS_MAX && c->out.news_count == 0);
    g->messages++;
    if (about != NULL && max > 0) {
        about->gossip_message = g->messages;
        append(c, about);
    }
    while (g->pending > 0 && c->out.news_count < max) {
        struct phub__entry *e = next_news(c);

        if (e == NULL)
            return;
        e->gossip_message = g->messages;
        append(c, e);
        set_left(c, e, e->gossip_left - 1);
    }
}

/* The next live member that is not us, going round from a place; there is
 * one. */
static struct phub__entry *next_member(struct phub__cluster *c, uint32_t *at)
{
    for (;;) {
        struct phub__entry *e = c->members.entries[*at];

        *at = (*at + 1) % c->members.count;
        if (e->pub.node != c->node && phub__member_live(e))
            return e;
    }
}

static void push(struct phub__cluster *c)
{
    uint32_t others = phub__cluster_others(c);
    uint32_t count = others < c->params.gossip_fanout
                   ? others : c->params.gossip_fanout;
    uint32_t at = (uint32_t)phub__cluster_pick(c, c->members.count);

    /* Neighbours from a random place on: different ones. */
    for (uint32_t i = 0; i < count; i++) {
        struct phub__entry *e = next_member(c, &at);

        phub__message_init(&c->out, PHUB__CLUSTER_GOSSIP);
        phub__gossip_piggyback(
            c, e->pub.state == PHUB__MEMBER_SUSPECT ? e : NULL,
            PHUB__GOSSIP_NEWS_MAX);
        if (c->out.news_count == 0)
            return;
        phub__cluster_send(c, e);
    }
}

/* Of what is said of those who live, in whatever order; never 0.  The dead are
 * forgotten at different moments. */
static uint64_t list_hash(struct phub__cluster *c)
{
    struct phub__gossip *g = &c->gossip;

    if (g->list_version == c->members.version)
        return g->list;
    g->list_version = c->members.version;
    g->list = 0;
    for (uint32_t i = 0; i < c->members.count; i++) {
        const struct phub__entry *e = c->members.entries[i];
        const uint64_t said[] = { e->pub.node, e->pub.boot,
                                  e->pub.incarnation, e->pub.weight,
                                  e->pub.drained, (uint64_t)e->pub.state };

        if (phub__member_live(e))
            g->list += XXH3_64bits(said, sizeof said);
    }
    g->list += g->list == 0;
    return g->list;
}

static void compare_lists(struct phub__cluster *c, struct phub__entry *with)
{
    phub__message_init(&c->out, PHUB__CLUSTER_SYNC);
    c->out.list = list_hash(c);
    phub__cluster_send(c, with);
}

static void tick_lists(struct phub__cluster *c)
{
    struct phub__gossip *g = &c->gossip;
    uint64_t interval = phub__cluster_ms(c->params.sync_interval);
    uint32_t at;

    if (phub__cluster_others(c) == 0) {
        g->sync_ns = 0;
        return;
    }
    if (g->sync_ns == 0)
        g->sync_ns = c->now_ns + interval / 2
                   + phub__cluster_pick(c, interval);
    if (c->now_ns >= g->sync_ns) {
        at = (uint32_t)phub__cluster_pick(c, c->members.count);
        compare_lists(c, next_member(c, &at));
        g->sync_ns = c->now_ns + interval;
    }
    phub__cluster_wake(c, g->sync_ns);
}

void phub__gossip_tick(struct phub__cluster *c)
{
    struct phub__gossip *g = &c->gossip;

    tick_lists(c);
    if (g->pending == 0) {
        g->next_ns = PHUB__NEVER;
        return;
    }
    if (c->now_ns >= g->next_ns) {
        push(c);
        /* Nobody to tell: it is not kept for later. */
        for (uint32_t i = 0; phub__cluster_others(c) == 0
                 && i < c->members.count; i++)
            set_left(c, c->members.entries[i], 0);
        g->next_ns = g->pending == 0 ? PHUB__NEVER
            : c->now_ns + phub__cluster_ms(c->params.gossip_interval);
    }
    phub__cluster_wake(c, g->next_ns);
}

/* --- lists ------------------------------------------------------------------ */

void phub__gossip_send_list(struct phub__cluster *c, struct phub__entry *to,
                            bool reply)
{
    uint32_t i = 0;

    to->synced_ns = c->now_ns;
    do {
        phub__message_init(&c->out, PHUB__CLUSTER_SYNC);
        for (; i < c->members.count && c->out.news_count < PHUB__NEWS_MAX; i++)
            phub__member_news(c->members.entries[i], true,
                              &c->out.news[c->out.news_count++]);
        if (i == c->members.count && reply)
            c->out.flags = PHUB__SYNC_REPLY;
        phub__cluster_send(c, to);
    } while (i < c->members.count);
}

void phub__gossip_in_sync(struct phub__cluster *c, struct phub__entry *from,
                          const struct phub__message *m)
{
    uint64_t spare = phub__cluster_ms(c->params.gossip_interval);

    bool differs = m->list != 0 && m->list != list_hash(c);

    if ((m->flags & PHUB__SYNC_REPLY) == 0 && !differs)
        return;
    if (from->synced_ns != 0 && c->now_ns < from->synced_ns + spare)
        return;
    phub__gossip_send_list(c, from, differs);
}

void phub__gossip_saw_view(struct phub__cluster *c, struct phub__entry *from,
                           uint64_t view)
{
    uint64_t wait = DIFFERS_INTERVALS
                  * phub__cluster_ms(c->params.probe_interval);

    if (view == 0 || view == phub__view_hash(c->view)) {
        from->differs = false;
        return;
    }
    if (!from->differs)
        from->differs_since_ns = c->now_ns;
    from->differs = true;
    if (c->now_ns >= from->differs_since_ns + wait
        && (from->synced_ns == 0 || c->now_ns >= from->synced_ns + wait))
        phub__gossip_send_list(c, from, true);
}
