/* SPDX-License-Identifier: MIT */
/* swim: probing, after SWIM (Das, Gupta, Motivala: SWIM: Scalable
 * Weakly-consistent Infection-style Process Group Membership Protocol, 2002)
 * with the local health awareness of Lifeguard (Dadgar, Phillips, Currey:
 * Lifeguard: Local Health Awareness for More Accurate Failure Detection,
 * 2018).
 *
 * In each turn, every probe_interval, the next three of a shuffled round are
 * pinged.  Without an answer in probe_timeout, probe_indirect others are asked
 * to ping it for us; without an answer in probe_interval it is suspected, and
 * pinged again with the suspicion on it.  A suspicion becomes a death after a time
 * that grows with log10 of the members and shrinks, from suspicion to
 * suspicion_min, with each other node that suspects the same.
 *
 * Health.  We may be the sick one.  Each of us who is asked to ping and gets
 * nothing says so (NACK); a helper that does not even say that, a suspicion of
 * ourselves, or having been stopped, counts against us.  The points stretch
 * our timeouts and suspicions, not the pace of our pings, which our lease
 * lives on (grant.c); nor the timeouts when the lease gets short.  Each
 * answered probe takes a point away.
 *
 * Numbers: for a frozen peer among few members, up to one round until its
 * turn, one interval, one suspicion: 2 members 0.3 + 0.3 + 0.9 s at most.
 *
 * Pace.  It is the first ping of anybody that finds who is gone, and each
 * member hears 10 in a second, however many there are: 3n in 0.3 s, for n.  All
 * of them together make as many messages as there are members.  So the wait
 * between turns has some slack in larger hubs: one more interval from 32 live
 * members on, two from 64 (not for majorities; phub__grant_slack_ms), and our
 * lease is that much longer.  Then each member hears 5, and 3.3, and is first
 * missed later by a little, while all that comes after is as before:
 *     live members                 31     32     64    100  1,000
 *     pinged, s: mean             0.1    0.2    0.3    0.3    0.3
 *       all but one in 1,000      0.7    1.4    2.1    2.1    2.1
 *     until suspected, s          0.3    0.3    0.3    0.3    0.3
 *     until dead, s: confirmed    0.8    0.8    0.9    0.9    1.2
 *       if nobody confirms        1.2    1.2    1.4    1.4    1.8
 * A suspect, a link that broke, and who has just come are pinged at once; and a
 * lease that gets short (a member of the last turn is silent, say) brings the
 * next turn forward, to one interval after the last.
 *
 * A probe is open until its answer or its end; one per member at a time, and
 * pinging that member again meanwhile repeats the same number.  Numbers of our
 * own probes are even, of those for others odd, so that a late answer is not
 * taken for one to us. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include "cluster/internal.h"

#define RELAY_INTERVALS 5u /* of probe_interval, that a relay is kept */

static struct phub__probe *probe_of(struct phub__cluster *c, uint64_t node)
{
    uint32_t left = c->swim.probes_open;

    for (struct phub__probe *p = c->swim.probes;
         left > 0 && p < c->swim.probes + PHUB__PROBES_MAX; p++) {
        if (p->seq == 0)
            continue;
        if (p->node == node)
            return p;
        left--;
    }
    return NULL;
}

static struct phub__probe *probe_free(struct phub__cluster *c)
{
    for (uint32_t i = 0; i < PHUB__PROBES_MAX; i++)
        if (c->swim.probes[i].seq == 0)
            return &c->swim.probes[i];
    return NULL;
}

static void probe_close(struct phub__cluster *c, struct phub__probe *p)
{
    p->seq = 0;
    c->swim.probes_open--;
}

void phub__swim_health(struct phub__cluster *c, int by)
{
    if (by < 0 && c->swim.health > 0)
        c->swim.health--;
    else if (by > 0 && c->swim.health < PHUB__HEALTH_MAX)
        c->swim.health++;
}

/* --- suspicion -------------------------------------------------------------*/

/* (1 + log10(n)) / 2 in permille, by steps: a factor, not a science. */
static uint64_t size_permille(uint32_t n)
{
    static const struct { uint32_t n; uint64_t permille; } steps[] = {
        { 10, 1000 }, { 20, 1151 }, { 50, 1349 }, { 100, 1500 },
        { 200, 1651 }, { 500, 1849 }, { 1000, 2000 },
    };
    size_t i = 0;

    while (i + 1 < sizeof steps / sizeof *steps && n > steps[i].n)
        i++;
    return steps[i].permille;
}

/* The first suspicion is no confirmation.  How much of the way from the
 * longest to the shortest time c of k confirmations go: log(c+1)/log(k+1). */
uint64_t phub__swim_suspicion_ns(const struct phub__cluster *c,
                                 uint32_t confirmers)
{
    static const uint32_t way_permille[3][3] = {
        { 0, 0, 0 }, { 0, 1000, 1000 }, { 0, 631, 1000 },
    };
    uint32_t live = phub__members_live(&c->members);
    uint32_t k = live <= 2 ? 0 : live == 3 ? 1 : 2;
    uint32_t confirmed = confirmers > 3 ? 2 : confirmers == 0
                       ? 0 : confirmers - 1;
    uint64_t longest = phub__cluster_ms(c->params.suspicion);
    uint64_t shortest = phub__cluster_ms(c->params.suspicion_min);
    uint64_t ns;

    if (shortest > longest)
        shortest = longest;
    ns = longest - (longest - shortest) / 1000 * way_permille[k][confirmed];
    ns = ns / 1000 * size_permille(live);
    return ns * (4 + c->swim.health) / 4;
}

static void tick_suspects(struct phub__cluster *c)
{
    for (uint32_t i = 0; c->members.in_state[PHUB__MEMBER_SUSPECT] > 0
             && i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (e->pub.state != PHUB__MEMBER_SUSPECT)
            continue;
        if (c->now_ns >= e->suspect_until_ns)
            phub__gossip_dead(c, e);
        else
            phub__cluster_wake(c, e->suspect_until_ns);
    }
}

/* --- pings -----------------------------------------------------------------*/

static struct phub_bytes own_endpoint(const struct phub__cluster *c)
{
    const struct phub__entry *me = phub__cluster_me(c);

    return (struct phub_bytes){ (const uint8_t *)me->pub.endpoint,
                                strlen(me->pub.endpoint) };
}

static struct phub__entry *unless_alive(struct phub__entry *e)
{
    return e->pub.state == PHUB__MEMBER_ALIVE ? NULL : e;
}

static void send_ping(struct phub__cluster *c, struct phub__entry *to,
                      uint64_t seq)
{
    phub__message_init(&c->out, PHUB__CLUSTER_PING);
    c->out.seq = seq;
    c->out.stamp_ns = c->now_ns;
    c->out.lease_ms = phub__grant_ask_ms(c);
    c->out.endpoint = own_endpoint(c);
    phub__gossip_piggyback(c, unless_alive(to), PHUB__PIGGYBACK_MAX);
    phub__cluster_send(c, to);
}

/* When the last one that is open is answered nobody needs to be woken. */
static void probe_wake(struct phub__swim *s, const struct phub__probe *p)
{
    uint64_t at = p->indirect_ns < p->fail_ns ? p->indirect_ns : p->fail_ns;

    if (s->probes_open == 1 || at < s->probes_due_ns)
        s->probes_due_ns = at;
}

void phub__swim_ping(struct phub__cluster *c, struct phub__entry *to)
{
    struct phub__swim *s = &c->swim;
    struct phub__probe *p = probe_of(c, to->pub.node);
    uint64_t slow = phub__grant_urgent(c) ? 1 : 1 + s->health;

    assert(to->pub.node != c->node);
    if (p == NULL) {
        p = probe_free(c);
        if (p == NULL)
            return;
        s->seq += 2;
        s->probes_open++;
        c->stats.probes++;
        *p = (struct phub__probe){
            .seq = s->seq, .node = to->pub.node, .sent_ns = c->now_ns,
            .indirect_ns = c->now_ns
                + slow * phub__cluster_ms(c->params.probe_timeout),
            .fail_ns = c->now_ns
                + slow * phub__cluster_ms(c->params.probe_interval),
        };
        probe_wake(s, p);
    }
    send_ping(c, to, p->seq);
}

/* Ask neighbours from a random place on: different ones, one pass. */
static void ask_others(struct phub__cluster *c, struct phub__probe *p)
{
    const struct phub__entry *target = phub__members_find(&c->members,
                                                          p->node);
    uint32_t others = phub__cluster_others(c), start;

    p->indirect_ns = PHUB__NEVER;
    if (target == NULL || others < 2)
        return;
    start = (uint32_t)phub__cluster_pick(c, c->members.count);
    for (uint32_t i = 0; i < c->members.count; i++) {
        struct phub__entry *e =
            c->members.entries[(start + i) % c->members.count];

        if (p->asked == c->params.probe_indirect || p->asked == others - 1)
            return;
        if (e->pub.node == c->node || !phub__member_live(e) || e == target)
            continue;
        p->asked++;
        phub__message_init(&c->out, PHUB__CLUSTER_PING_REQ);
        c->out.seq = p->seq;
        c->out.stamp_ns = c->now_ns;
        c->out.lease_ms = phub__grant_ask_ms(c);
        c->out.node = target->pub.node;
        c->out.boot = target->pub.boot;
        phub__gossip_piggyback(c, unless_alive(e), PHUB__PIGGYBACK_MAX);
        phub__cluster_send(c, e);
    }
}

static void probe_failed(struct phub__cluster *c, struct phub__probe *p)
{
    struct phub__entry *e = phub__members_find(&c->members, p->node);

    if (p->asked > 0 && p->nacks * 2 < p->asked)
        phub__swim_health(c, 1);
    probe_close(c, p);
    c->stats.probes_failed++;
    if (e == NULL || !phub__member_live(e))
        return;
    e->pub.probes_failed++;
    phub__gossip_suspect(c, e, c->node, "no answer");
}

static void tick_probes(struct phub__cluster *c)
{
    uint32_t left = c->swim.probes_open;

    c->swim.probes_due_ns = PHUB__NEVER;
    for (struct phub__probe *p = c->swim.probes;
         left > 0 && p < c->swim.probes + PHUB__PROBES_MAX; p++) {
        if (p->seq == 0)
            continue;
        left--;
        if (c->now_ns >= p->fail_ns) {
            probe_failed(c, p);
            continue;
        }
        if (c->now_ns >= p->indirect_ns)
            ask_others(c, p);
        probe_wake(&c->swim, p);
    }
}

/* --- rounds ----------------------------------------------------------------*/

/* Everybody else, in an order of chance. */
static void round_begin(struct phub__cluster *c)
{
    struct phub__swim *s = &c->swim;

    s->round++;
    s->order_at = s->order_count = 0;
    for (uint32_t i = 0; i < c->members.count; i++)
        if (c->members.entries[i]->pub.node != c->node
            && phub__member_live(c->members.entries[i]))
            phub__swim_joined(c, c->members.entries[i]->pub.node);
}

void phub__swim_joined(struct phub__cluster *c, uint64_t node)
{
    struct phub__swim *s = &c->swim;
    uint32_t at;

    if (s->order_count == PHUB__MEMBERS_MAX)
        return; /* in the next round */
    at = s->order_at
        + (uint32_t)phub__cluster_pick(c, s->order_count - s->order_at + 1);
    s->order[s->order_count++] = s->order[at];
    s->order[at] = node;
}

static bool pinged_now(struct phub__cluster *c, uint64_t node)
{
    const struct phub__probe *p = probe_of(c, node);

    return p != NULL && p->sent_ns == c->now_ns;
}

/* A turn that ends one round and begins the next must not ping the same one
 * for both: of three answers it would get two.  That one comes later. */
static void round_defer(struct phub__cluster *c)
{
    struct phub__swim *s = &c->swim;
    uint64_t node = s->order[s->order_at];
    uint32_t at = s->order_at;

    while (at < s->order_count && pinged_now(c, s->order[at]))
        at++;
    if (at == s->order_count)
        return;
    s->order[s->order_at] = s->order[at];
    s->order[at] = node;
}

/* The next live one of this round that has not had its turn, or NULL. */
static struct phub__entry *round_next(struct phub__cluster *c)
{
    struct phub__swim *s = &c->swim;

    while (s->order_at < s->order_count) {
        struct phub__entry *e;

        round_defer(c);
        e = phub__members_find(&c->members, s->order[s->order_at++]);
        if (e != NULL && phub__member_live(e) && e->probe_round != s->round)
            return e;
    }
    return NULL;
}

static void probe_next(struct phub__cluster *c)
{
    struct phub__entry *e = round_next(c);

    if (e == NULL) {
        round_begin(c);
        e = round_next(c);
    }
    if (e == NULL)
        return;
    e->probe_round = c->swim.round;
    phub__swim_ping(c, e);
}

/* How many to ping in a turn: as many as must renew our lease (to find
 * failures one would do, three find them sooner).  Under a majority each
 * member, three times in its length.  If it gets short all the same,
 * everybody. */
static uint32_t pings_per_turn(const struct phub__cluster *c)
{
    uint64_t others = phub__cluster_others(c);
    uint64_t count = PHUB__GRANTORS;

    if (c->grant.majority
        && others * 3 * c->params.probe_interval > count * c->params.lease)
        count = (others * 3 * c->params.probe_interval + c->params.lease - 1)
              / c->params.lease;
    if (phub__grant_urgent(c))
        count = others;
    count = count < others ? count : others;
    return count > PHUB__PROBES_TURN_MAX ? PHUB__PROBES_TURN_MAX
                                         : (uint32_t)count;
}

static void look_ahead(const struct phub__cluster *c, uint32_t count)
{
    const struct phub__swim *s = &c->swim;

    for (uint32_t at = s->order_at;
         count > 0 && at < s->order_count; at++, count--)
        phub__cluster_ahead(c, s->order[at]);
}

static void tick_hints(struct phub__cluster *c)
{
    for (uint32_t i = 0; c->swim.hints && i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (!e->probe_now)
            continue;
        e->probe_now = false;
        if (e->pub.node != c->node && phub__member_live(e))
            phub__swim_ping(c, e);
    }
    c->swim.hints = false;
}

static void tick_round(struct phub__cluster *c)
{
    struct phub__swim *s = &c->swim;
    uint64_t interval = phub__cluster_ms(c->params.probe_interval);

    if (phub__cluster_others(c) == 0) {
        s->next_ns = s->slack_ns = 0;
        return;
    }
    if (s->next_ns == 0)
        s->next_ns = c->now_ns + phub__cluster_pick(c, interval);
    if (c->now_ns >= s->next_ns || c->now_ns >= s->hurry_ns) {
        uint32_t count = pings_per_turn(c);

        look_ahead(c, count);
        for (uint32_t i = 0; i < count; i++)
            probe_next(c);
        s->slack_ns = phub__cluster_ms(phub__grant_slack_ms(c));
        s->next_ns = c->now_ns + interval + s->slack_ns;
    }
    phub__cluster_wake(c, s->next_ns);
}

/* Then not a whole wait after the turn before: one interval. */
void phub__swim_hurry(struct phub__cluster *c, uint64_t short_ns)
{
    struct phub__swim *s = &c->swim;
    uint64_t at = s->next_ns - s->slack_ns;

    at = at > short_ns ? at : short_ns;
    at = at > c->now_ns ? at : c->now_ns;
    s->hurry_ns = at < s->next_ns ? at : PHUB__NEVER;
}

static void tick_relays(struct phub__cluster *c)
{
    for (uint32_t i = 0; c->swim.relays_open > 0 && i < PHUB__RELAYS_MAX;
         i++) {
        struct phub__relay *r = &c->swim.relays[i];
        struct phub__entry *e;

        if (r->seq == 0)
            continue;
        e = phub__members_find(&c->members, r->origin);
        if (c->now_ns >= r->expires_ns || e == NULL) {
            r->seq = 0;
            c->swim.relays_open--;
            continue;
        }
        if (c->now_ns >= r->nack_ns) {
            r->nack_ns = PHUB__NEVER;
            phub__message_init(&c->out, PHUB__CLUSTER_NACK);
            c->out.seq = r->origin_seq;
            phub__cluster_send(c, e);
        }
        phub__cluster_wake(c, r->nack_ns);
        phub__cluster_wake(c, r->expires_ns);
    }
}

void phub__swim_tick(struct phub__cluster *c)
{
    tick_probes(c);
    tick_relays(c);
    tick_suspects(c);
    tick_hints(c);
    tick_round(c);
}

void phub__swim_hint(struct phub__cluster *c, struct phub__entry *e)
{
    e->probe_now = true;
    c->swim.hints = true;
    phub__cluster_wake(c, c->now_ns);
}

/* We were stopped: what our probes and suspicions would conclude is about us,
 * not about the others.  Start over, with a full suspicion for each suspect. */
void phub__swim_stalled(struct phub__cluster *c)
{
    struct phub__swim *s = &c->swim;

    memset(s->probes, 0, sizeof s->probes);
    memset(s->relays, 0, sizeof s->relays);
    s->probes_open = s->relays_open = 0;
    s->health = PHUB__HEALTH_MAX;
    s->next_ns = c->now_ns;
    for (uint32_t i = 0; i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (e->pub.state != PHUB__MEMBER_SUSPECT)
            continue;
        e->suspect_since_ns = c->now_ns;
        e->confirmers_count = 1;
        e->suspect_until_ns = c->now_ns + phub__swim_suspicion_ns(c, 1);
        phub__swim_hint(c, e);
    }
}

/* We were late, not stopped: what would have been read meanwhile is unread,
 * so everything that waits for an answer waits that much longer. */
void phub__swim_late(struct phub__cluster *c, uint64_t by_ns)
{
    for (uint32_t i = 0; c->swim.probes_open > 0 && i < PHUB__PROBES_MAX;
         i++) {
        struct phub__probe *p = &c->swim.probes[i];

        p->fail_ns += by_ns;
        if (p->indirect_ns != PHUB__NEVER)
            p->indirect_ns += by_ns;
    }
    for (uint32_t i = 0; c->members.in_state[PHUB__MEMBER_SUSPECT] > 0
             && i < c->members.count; i++)
        c->members.entries[i]->suspect_until_ns += by_ns;
}

/* --- answers ---------------------------------------------------------------*/

/* Not to us as we are now.  Who means our older self has us in its view and
 * may be found again. */
static int wrong_target(struct phub__cluster *c,
                        const struct phub__cluster_from *from,
                        const struct phub__message *m)
{
    if (from->target == c->node && from->target_boot < c->boot)
        phub__join_stranger(c, m->endpoint);
    return PHUB_EREFUSED;
}

int phub__swim_in_ping(struct phub__cluster *c,
                       const struct phub__cluster_from *from,
                       const struct phub__message *m)
{
    struct phub__entry *e = phub__members_find(&c->members, from->node);
    struct phub__entry *grantee = e;
    uint64_t lease_ms = 0;

    if (from->target != c->node || from->target_boot != c->boot)
        return wrong_target(c, from, m);
    phub__grant_company(c);
    if (e == NULL || e->pub.boot < from->boot) {
        phub__join_stranger(c, m->endpoint);
        return PHUB_EREFUSED;
    }
    if (e->pub.boot > from->boot) {
        phub__gossip_tell_stale(c, e, m->endpoint);
        return PHUB_EREFUSED;
    }
    if (e->pub.state == PHUB__MEMBER_LEFT)
        return PHUB_EREFUSED;
    phub__gossip_take(c, from->node, m);
    phub__gossip_saw_view(c, e, from->view);
    if (m->origin != 0)
        grantee = phub__members_find(&c->members, m->origin);
    if (grantee != NULL
        && (m->origin == 0 || grantee->pub.boot == m->origin_boot))
        lease_ms = phub__grant_give(c, grantee, m->lease_ms);
    phub__message_init(&c->out, PHUB__CLUSTER_ACK);
    c->out.seq = m->seq;
    c->out.stamp_ns = m->stamp_ns;
    c->out.lease_ms = lease_ms;
    c->out.voters = c->grant.rules[0].version;
    c->out.generation = c->grant.rules[0].generation;
    if (c->grant.rules_count > 1) {
        c->out.voters_also = c->grant.rules[1].version;
        c->out.generation_also = c->grant.rules[1].generation;
    }
    phub__gossip_piggyback(c, unless_alive(e), PHUB__PIGGYBACK_MAX);
    phub__cluster_send(c, e);
    return 0;
}

static void relay_ack(struct phub__cluster *c,
                      const struct phub__cluster_from *from,
                      const struct phub__message *m)
{
    struct phub__relay *r = NULL;
    struct phub__entry *e;

    for (uint32_t i = 0; i < PHUB__RELAYS_MAX; i++)
        if (c->swim.relays[i].seq == m->seq)
            r = &c->swim.relays[i];
    if (r == NULL)
        return;
    e = phub__members_find(&c->members, r->origin);
    if (e != NULL) {
        phub__message_init(&c->out, PHUB__CLUSTER_ACK);
        c->out.seq = r->origin_seq;
        c->out.stamp_ns = r->origin_stamp_ns;
        c->out.lease_ms = m->stamp_ns == r->origin_stamp_ns ? m->lease_ms : 0;
        c->out.voters = m->voters;
        c->out.generation = m->generation;
        c->out.voters_also = m->voters_also;
        c->out.generation_also = m->generation_also;
        c->out.origin = from->node;
        c->out.origin_boot = from->boot;
        phub__cluster_send(c, e);
    }
    r->seq = 0;
    c->swim.relays_open--;
}

int phub__swim_in_ack(struct phub__cluster *c,
                      const struct phub__cluster_from *from,
                      const struct phub__message *m)
{
    struct phub__known_voters known;
    struct phub__entry *e = phub__members_find(&c->members, from->node);
    struct phub__probe *p;
    uint64_t boot = from->boot;

    if (e == NULL || e->pub.boot != boot)
        return PHUB_EREFUSED;
    phub__gossip_take(c, from->node, m);
    if (m->seq % 2 != 0) {
        relay_ack(c, from, m);
        return 0;
    }
    if (m->origin != 0) {
        e = phub__members_find(&c->members, m->origin);
        boot = m->origin_boot;
    }
    if (e == NULL || e->pub.boot != boot
        || !phub__member_live(e) || m->stamp_ns > c->now_ns)
        return PHUB_EREFUSED;
    e->pub.heard_ns = c->now_ns;
    p = probe_of(c, e->pub.node);
    if (p != NULL && p->seq == m->seq) {
        probe_close(c, p);
        phub__swim_health(c, -1);
    }
    if (e->pub.node == from->node) {
        e->pub.rtt_ns = c->now_ns - m->stamp_ns;
        phub__gossip_saw_view(c, e, from->view);
    }
    known = (struct phub__known_voters){
        { m->voters, m->voters_also },
        { m->generation, m->generation_also } };
    phub__grant_got(c, e, m->stamp_ns, m->lease_ms, &known);
    return 0;
}

static void send_nack(struct phub__cluster *c, struct phub__entry *to,
                      uint64_t seq)
{
    phub__message_init(&c->out, PHUB__CLUSTER_NACK);
    c->out.seq = seq;
    phub__cluster_send(c, to);
}

int phub__swim_in_ping_req(struct phub__cluster *c, struct phub__entry *from,
                           const struct phub__message *m)
{
    struct phub__entry *to;
    struct phub__relay *r = NULL;

    phub__gossip_take(c, from->pub.node, m);
    to = phub__members_find(&c->members, m->node);
    for (uint32_t i = 0; i < PHUB__RELAYS_MAX && r == NULL; i++)
        if (c->swim.relays[i].seq == 0)
            r = &c->swim.relays[i];
    if (r == NULL || to == NULL || to->pub.node == c->node
        || to->pub.boot != m->boot || !phub__member_live(to)) {
        send_nack(c, from, m->seq);
        return 0;
    }
    c->swim.seq += 2;
    c->swim.relays_open++;
    *r = (struct phub__relay){
        .seq = c->swim.seq | 1, .origin = from->pub.node,
        .origin_seq = m->seq, .origin_stamp_ns = m->stamp_ns,
        .nack_ns = c->now_ns
            + phub__cluster_ms(c->params.probe_timeout) * 2 / 3,
        .expires_ns = c->now_ns
            + RELAY_INTERVALS * phub__cluster_ms(c->params.probe_interval),
    };
    phub__cluster_wake(c, r->nack_ns);
    phub__message_init(&c->out, PHUB__CLUSTER_PING);
    c->out.seq = r->seq;
    c->out.stamp_ns = m->stamp_ns;
    c->out.lease_ms = m->lease_ms;
    c->out.origin = from->pub.node;
    c->out.origin_boot = from->pub.boot;
    c->out.endpoint = own_endpoint(c);
    phub__gossip_piggyback(c, unless_alive(to), PHUB__PIGGYBACK_MAX);
    phub__cluster_send(c, to);
    return 0;
}

int phub__swim_in_nack(struct phub__cluster *c, struct phub__entry *from,
                       const struct phub__message *m)
{
    phub__gossip_take(c, from->pub.node, m);
    for (uint32_t i = 0; i < PHUB__PROBES_MAX; i++) {
        struct phub__probe *p = &c->swim.probes[i];

        if (p->seq != 0 && p->seq == m->seq && p->nacks < p->asked)
            p->nacks++;
    }
    return 0;
}

void phub__cluster_link_lost(struct phub__cluster *c, uint64_t node,
                             uint64_t now_ns)
{
    struct phub__entry *e = phub__members_find(&c->members, node);

    c->now_ns = now_ns;
    if (e != NULL && node != c->node && phub__member_live(e))
        phub__swim_hint(c, e);
}
