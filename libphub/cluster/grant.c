/* SPDX-License-Identifier: MIT */
/* grant: leases.
 *
 * What for.  A node N that is cut off or frozen still has children running,
 * and the others want to start them anew.  They may when N's guard has ended
 * them for sure.  So N's children live on a lease that only others can extend,
 * and who extends it remembers so.
 *
 * How.  Every PING of N carries S, N's boot clock *before* the ping was sent,
 * and the length L it asks for.  Who acknowledges ("acker") first notes
 * granted_until(N) = T + L, T being its own boot clock read *after* the ping
 * was taken off the socket, and then sends the ACK with S and L.  N, on the
 * ACK, counts S + L - L/200 as that acker's contribution.  N's deadline is
 * made of contributions alone (below) and goes to the guard as an absolute
 * time.
 *
 * Why a contribution ends before its grant.  The reading of S precedes the
 * sending of the ping, which precedes its arrival, which precedes the reading
 * of T.  So S <= T in real time, wherever either side is frozen in between:
 *  - N frozen between reading S and sending: S is older than needed; N's
 *    deadline is earlier.  N frozen between the arrival of the ACK and its
 *    handling, or a daemon that "decides to renew" and is continued an hour
 *    later (schedule 4): what it writes is S + L, a time that has passed.
 *    There is no "five more seconds" anywhere.
 *  - the acker frozen between reading T and sending: T, hence granted_until,
 *    is not before S + L still; the ACK comes late, and says the same S.
 *  - a T read before the ping arrived (a clock cached by the event loop) would
 *    break it; cluster.h forbids that to the caller.
 *  - ACKs that are delayed, repeated or relayed say the same S.  Who was frozen
 *    and is back acknowledges what was sent to it before: that is over, or
 *    nearly, and says nothing; it is fresh (below) all the same.
 * Two clocks that are each within 0.25 % of true time differ by less than the
 * L/200 that N gives up.  CLOCK_BOOTTIME, so that a suspended machine's
 * children are over when it wakes.
 *
 * Who may replace N's children.  Voters have weights (1 each, if the strategy
 * does not say otherwise), and a majority is more than half of their sum.
 * Under a majority strategy a majority must have said "remaining 0", each
 * asked at the moment it confirms, counting what it promised itself.  N's
 * deadline is the latest time until which a majority grants, N counting itself as a voter that never ends
 * if it is one.  The voters of the replacement and those behind N's deadline
 * share one (it is not N: N does not vote itself away), whose grant ends after
 * N's deadline, so when it says 0 N's guard has acted, and kill_margin is on
 * top.  Schedule 3: B granted at 0, C at 4.9, L is 5.  At 5 B says 0 and C says
 * 4.9 more: one voice of three, not a majority.  With C, at 9.9, A's deadline
 * has passed.
 * Both sides must count over voters whose majorities meet.  The strategy
 * numbers its sets of voters (version), and between two sets it has both, and
 * a majority is one of each (joint consensus: Ongaro and Ousterhout 2014,
 * section 6), so majorities of successive versions meet; those further apart
 * need not.  So an ACK tells its sender's version, and a grant by a node that
 * knows a later one than N does not count for N.
 * While the partition strategy is changed on the running hub, two rules count,
 * in the same way and for the same reason: a node that goes by both has a
 * lease only if each gives it one, and counts a majority only if it is one of
 * each; nobody goes by the new one alone before all go by both, so whoever
 * goes by one alone meets everybody else there (strategies.c).  Versions are
 * compared within a generation, which is one strategy's.
 * Under divergence every member of the replacer's view must have said 0, and
 * N's deadline is the PHUB__GRANTORS-th largest contribution of those that it
 * does not suspect (the smallest, if there are no more; all suspects, if there
 * is nobody else).  One would be enough
 * if only N failed; but when N and its only grantor freeze together, the
 * others would not know of that grant.  So that many less one may fail with N.
 * What else keeps N alive is members that the replacer does not reach, which
 * is a partition, where divergence lets both sides run.
 *
 * What else keeps it true:
 *  - who said 0 grants nothing to N any more before N is a member anew: only
 *    live members get grants, and live members are never 0;
 *  - a node that restarts has forgotten its promises, and one that was stopped
 *    does not know who has come meanwhile, so for the longest that anybody may
 *    have asked for (below) everybody counts as granted after that;
 *  - a contribution counts only as long as its acker is a live member with
 *    the same boot: who died forgets, who is lost is not asked;
 *  - under divergence N grants itself, L from now, renewed by timer, when
 *    there is nobody in its view but suspects, and nobody has pinged it for
 *    half of L.  When it gets company it stops *before* the other side
 *    counts it as a member (it has sent the answer, or holds it), for as long
 *    as the handshake takes.  Who meets N again may not know of that grant,
 *    so it promises L at once when it lets N in.  With seeds N waits
 *    alone_grace first, because a daemon that restarts is about to meet those
 *    who may have replaced it;
 *  - LEFT is said when nothing runs any more: no lease to wait for.
 *
 * How long.  The L above is params.lease, and some slack in a hub where pings
 * are made less often for its size (phub__grant_slack_ms, swim.c): from
 * PHUB__PACE_SECOND live members on one step, from PHUB__PACE_THIRD on two.  A
 * step is probe_interval, or LEASE_STEP of params.lease if that is less, and
 * the wait between two turns of pings grows by what the lease asked for grows,
 * so a node that is well has as much left of its lease when it asks anew as in
 * a small hub: L less one interval, less a round trip.  With the defaults L is
 * 2, 2.3, 2.6 s and what is left 1.69 s; below 1.5 s a lease is urgent, at any
 * size, and all are asked, one interval after the last turn at the earliest.
 * When one of the last three grantors is suspected the turn before counts:
 * then as little as L less two waits is left, 0.8 s, and they are asked at once.
 * Majorities have no slack: there each member is pinged for its own
 * voice, however many they are.
 * L may differ: members disagree about the size for a moment, and
 * probe_interval is each node's own.  What N holds is what N asked for, and who
 * granted it remembers just that.  Who cannot remember counts the longest that
 * anybody asks for in peace, which rests on params.lease alone: join.c sees to
 * it that this is everybody's.  What a node grants itself, and what is promised
 * to one that is let in because it may have, is params.lease at any size.
 * What it costs: the children of a lost node are given new homes after the
 * later of detection (swim.c) + settle, and L + kill_margin.
 *     live members     32     64    100  1,000
 *     detection       1.3    1.5    1.5    1.8  s, mean, confirmed
 *      by all         1.5    1.8    1.9         the mean of 20
 *      + settle       2.0    2.3    2.4
 *     L + margin      2.6    2.9    2.9    2.9
 * So it is the lease that is waited for, and detection may be late by half a
 * second before that costs anything. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/internal.h"

#define LEASE_STEP(lease) ((lease) * 3 / 20)

static uint64_t lease_ns(const struct phub__cluster *c)
{
    return phub__cluster_ms(c->params.lease);
}

uint32_t phub__grant_slack_ms(const struct phub__cluster *c)
{
    uint32_t step = LEASE_STEP(c->params.lease);
    uint32_t live = phub__members_live(&c->members);

    if (c->grant.majority || live < PHUB__PACE_SECOND)
        return 0;
    if (step > c->params.probe_interval)
        step = c->params.probe_interval;
    return live < PHUB__PACE_THIRD ? step : 2 * step;
}

/* What anybody may ask for in peace. */
static uint32_t longest_ms(const struct phub__cluster *c)
{
    return c->params.lease + 2 * LEASE_STEP(c->params.lease);
}

/* And on request. */
static uint32_t most_ms(const struct phub__cluster *c)
{
    uint32_t longest = longest_ms(c);

    return c->params.lease_long_max > longest ? c->params.lease_long_max
                                              : longest;
}

uint64_t phub__grant_ask_ms(const struct phub__cluster *c)
{
    uint32_t ms = c->params.lease + phub__grant_slack_ms(c);

    return c->grant.long_ms > ms ? c->grant.long_ms : ms;
}

uint64_t phub__grant_give(struct phub__cluster *c, struct phub__entry *to,
                          uint64_t ms)
{
    uint64_t until;

    if (!phub__member_live(to) || c->left)
        return 0;
    if (ms > most_ms(c))
        ms = most_ms(c);
    until = c->now_ns + ms * PHUB__NS_PER_MS;
    if (until > to->granted_until_ns)
        to->granted_until_ns = until;
    return ms;
}

/* Its contribution has grown: to its place among the largest. */
static void largest_add(struct phub__cluster *c, const struct phub__entry *e)
{
    struct phub__largest *l = &c->grant.largest;
    uint32_t at = 0;

    if (l->version != c->members.version
        || e->pub.state != PHUB__MEMBER_ALIVE)
        return;
    while (at < PHUB__GRANTORS - 1 && l->node[at] != e->pub.node)
        at++;
    if (l->node[at] != e->pub.node && e->lease_ns <= l->ends[at])
        return;
    for (; at > 0 && l->ends[at - 1] < e->lease_ns; at--) {
        l->node[at] = l->node[at - 1];
        l->ends[at] = l->ends[at - 1];
    }
    l->node[at] = e->pub.node;
    l->ends[at] = e->lease_ns;
}

/* It knows later voters than we do, of one of our rules. */
static bool knows_more(const struct phub__grant *g,
                       const struct phub__known_voters *known)
{
    for (uint32_t i = 0; i < g->rules_count; i++)
        for (int k = 0; k < 2; k++)
            if (g->rules[i].majority
                && known->generation[k] == g->rules[i].generation
                && known->version[k] > g->rules[i].version)
                return true;
    return false;
}

void phub__grant_got(struct phub__cluster *c, struct phub__entry *from,
                     uint64_t stamp_ns, uint64_t ms,
                     const struct phub__known_voters *known)
{
    uint64_t length = ms * PHUB__NS_PER_MS, until;

    /* A stamp that cannot be ours, or more than we would ever ask for. */
    if (stamp_ns > c->now_ns || stamp_ns < c->start_ns
        || ms > most_ms(c))
        return;
    if (!phub__member_live(from) || ms == 0 || stamp_ns < from->joined_ns)
        return;
    if (knows_more(&c->grant, known))
        return;
    until = stamp_ns + length - length / 200;
    if (until > from->lease_ns) {
        from->lease_ns = until;
        largest_add(c, from);
        phub__grant_update(c);
    }
}

/* It may have a lease until then, of which we did not hear. */
static void assume(struct phub__entry *e, uint64_t until_ns)
{
    if (until_ns > e->granted_until_ns)
        e->granted_until_ns = until_ns;
}

void phub__grant_stalled(struct phub__cluster *c)
{
    uint64_t until_ns = c->now_ns + phub__cluster_ms(longest_ms(c));

    c->grant.unknown_until_ns = until_ns;
    for (uint32_t i = 0; i < c->members.count; i++)
        if (phub__member_live(c->members.entries[i]))
            assume(c->members.entries[i], until_ns);
}

void phub__grant_joined(struct phub__cluster *c, struct phub__entry *e)
{
    assume(e, c->now_ns + lease_ns(c));
    e->lease_ns = 0;
    e->joined_ns = c->now_ns;
    c->grant.largest.version = 0;
}

void phub__grant_company(struct phub__cluster *c)
{
    c->grant.company_ns = c->now_ns
        + phub__cluster_ms(c->params.lease + phub__grant_slack_ms(c)) / 2;
}

static int descending(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x > y ? -1 : x < y;
}

/* Who has just come has granted nothing yet, and has promised L when it let
 * us in (phub__grant_joined): until that is over it says nothing about us. */
static bool fresh(const struct phub__cluster *c, const struct phub__entry *e)
{
    return e->lease_ns == 0 && c->now_ns < e->pub.since_ns + lease_ns(c);
}

/* The k-th largest contribution, k from 1, or the smallest if there are
 * fewer; 0 if there is none. */
static uint64_t contribution(struct phub__cluster *c, uint32_t k,
                             bool suspects)
{
    struct phub__largest l = { .version = c->members.version };
    uint32_t count = 0;

    assert(k <= PHUB__GRANTORS);
    if (!suspects && c->grant.largest.version == c->members.version)
        return c->grant.largest.ends[k - 1];
    for (uint32_t i = 0; i < c->members.count; i++) {
        const struct phub__entry *e = c->members.entries[i];
        uint32_t at = count;

        if (e->pub.node == c->node || !phub__member_live(e))
            continue;
        if (!suspects && e->pub.state == PHUB__MEMBER_SUSPECT)
            continue;
        if (fresh(c, e))
            continue;
        if (count < k)
            count++;
        else if (e->lease_ns <= l.ends[--at])
            continue;
        for (; at > 0 && l.ends[at - 1] < e->lease_ns; at--) {
            l.node[at] = l.node[at - 1];
            l.ends[at] = l.ends[at - 1];
        }
        l.node[at] = e->pub.node;
        l.ends[at] = e->lease_ns;
    }
    /* Who is fresh contributes 0, as who is not and has granted nothing. */
    if (!suspects && count == PHUB__GRANTORS && l.ends[count - 1] > 0)
        c->grant.largest = l;
    return count == 0 ? 0 : l.ends[count - 1];
}

/* --- a majority's ---------------------------------------------------------- */

struct vote {
    uint64_t end;     /* first: descending() */
    uint64_t weight;
};

static int by_node(const void *key, const void *item)
{
    uint64_t node = *(const uint64_t *)key;
    uint64_t at = ((const struct phub__voter *)item)->node;

    return node < at ? -1 : node > at;
}

static uint64_t weight_of(const struct phub__rule *g, uint64_t node, int set)
{
    const struct phub__voter *voter;

    if (g->voters_count == 0)
        return set == 0;
    voter = bsearch(&node, g->voters, g->voters_count, sizeof *voter,
                    by_node);
    return voter == NULL ? 0 : voter->weight[set];
}

/* Until when voters of that set grant that are, with us, more than half of
 * its weight; 0 if there are not enough. */
static uint64_t majority_end_of(const struct phub__cluster *c,
                                const struct phub__rule *g, int set)
{
    struct vote votes[PHUB__MEMBERS_MAX];
    uint64_t sum = weight_of(g, c->node, set);
    uint32_t count = 0;

    if (2 * sum > g->weight[set])
        return PHUB__NEVER;
    for (uint32_t i = 0; i < c->members.count; i++) {
        const struct phub__entry *e = c->members.entries[i];

        if (e->pub.node != c->node && phub__member_live(e))
            votes[count++] = (struct vote){ e->lease_ns,
                                            weight_of(g, e->pub.node, set) };
    }
    qsort(votes, count, sizeof *votes, descending);
    for (uint32_t i = 0; i < count; i++) {
        sum += votes[i].weight;
        if (2 * sum > g->weight[set])
            return votes[i].end;
    }
    return 0;
}

static uint64_t majority_end(const struct phub__cluster *c,
                             const struct phub__rule *g)
{
    uint64_t is = majority_end_of(c, g, 0);
    uint64_t next = g->weight[1] == 0 ? PHUB__NEVER
                                      : majority_end_of(c, g, 1);

    return is < next ? is : next; /* PHUB__NEVER: we grant ourselves */
}

static bool is_majority(const struct phub__rule *g, const uint64_t *nodes,
                        uint32_t count);

static bool is_sole(const struct phub__cluster *c, const struct phub__rule *g)
{
    return g->majority ? is_majority(g, &c->node, 1)
                       : c->members.in_state[PHUB__MEMBER_ALIVE] <= 1;
}

/* Grant ourselves, if nobody else could. */
static void grant_self(struct phub__cluster *c)
{
    struct phub__grant *g = &c->grant;
    bool sole = true, counts = true; /* majorities, all of them */
    uint64_t from;

    for (uint32_t i = 0; i < g->rules_count; i++) {
        sole = sole && is_sole(c, &g->rules[i]);
        counts = counts && g->rules[i].majority;
    }
    from = counts ? 0 : g->company_ns; /* nobody outvotes it */
    if (!sole || !c->started || c->left)
        return;
    if (!counts && c->join.seeds_count > 0) {
        uint64_t grace = c->start_ns + phub__cluster_ms(c->params.alone_grace);

        if (grace > from)
            from = grace;
    }
    if (c->now_ns < from) {
        phub__cluster_wake(c, from);
        return;
    }
    if (g->self_until_ns <= c->now_ns + lease_ns(c) * 3 / 4)
        g->self_until_ns = c->now_ns + lease_ns(c);
    phub__cluster_wake(c, g->self_until_ns - lease_ns(c) * 3 / 4);
}

/* The end of our lease as one rule has it; PHUB__NEVER: nobody else has a say
 * in that. */
static uint64_t rule_end(struct phub__cluster *c, const struct phub__rule *g)
{
    uint64_t self = c->grant.self_until_ns, end;
    uint32_t alive = c->members.in_state[PHUB__MEMBER_ALIVE] - 1;

    if (g->majority)
        return majority_end(c, g);
    end = contribution(c, PHUB__GRANTORS, alive == 0);
    return self > end ? self : end;
}

/* When our lease will be short, as things are. */
static uint64_t urgent_ns(const struct phub__cluster *c)
{
    uint64_t rest = lease_ns(c) * (c->grant.majority ? 2 : 3) / 4;

    return c->grant.deadline_ns < rest ? 0
                                       : c->grant.deadline_ns - rest + 1;
}

bool phub__grant_urgent(const struct phub__cluster *c)
{
    return phub__cluster_others(c) > 0 && c->now_ns >= urgent_ns(c);
}

void phub__grant_update(struct phub__cluster *c)
{
    struct phub__grant *g = &c->grant;
    struct phub__event_text *e;
    uint64_t deadline = PHUB__NEVER;

    grant_self(c);
    for (uint32_t i = 0; i < g->rules_count; i++) {
        uint64_t end = rule_end(c, &g->rules[i]);

        deadline = end < deadline ? end : deadline;
    }
    if (deadline == PHUB__NEVER)
        deadline = g->self_until_ns;
    if (c->left)
        deadline = 0;
    g->deadline_ns = deadline;
    phub__swim_hurry(c, urgent_ns(c));
    if (deadline >= g->told_ns && deadline - g->told_ns <= lease_ns(c) / 8)
        return;
    e = phub__cluster_event(c, PHUB__CLUSTER_LEASE, deadline);
    if (e != NULL)
        g->told_ns = deadline;
}

static int rule_set(struct phub__rule *g, const struct phub__lease_mode *mode)
{
    struct phub__voter *voters = NULL;

    if (mode->voters_count > PHUB__MEMBERS_MAX)
        return PHUB_ELIMIT;
    if (mode->voters_count != 0) {
        voters = calloc(mode->voters_count, sizeof *voters);
        if (voters == NULL)
            return PHUB_ENOMEM;
        memcpy(voters, mode->voters, mode->voters_count * sizeof *voters);
    }
    free(g->voters);
    g->voters = voters;
    g->voters_count = mode->voters_count;
    g->weight[0] = voters == NULL ? mode->electorate : 0;
    g->weight[1] = 0;
    for (uint32_t i = 0; i < g->voters_count; i++)
        for (int set = 0; set < 2; set++)
            g->weight[set] += voters[i].weight[set];
    g->majority = mode->majority;
    g->version = mode->version;
    g->generation = mode->generation;
    return 0;
}

int phub__cluster_lease_mode(struct phub__cluster *c,
                             const struct phub__lease_mode *mode,
                             uint64_t now_ns)
{
    struct phub__grant *g = &c->grant;
    struct phub__rule rules[2] = { { .majority = false } };
    int rc = rule_set(&rules[0], mode);

    if (rc == 0 && mode->also != NULL)
        rc = rule_set(&rules[1], mode->also);
    if (rc != 0) {
        free(rules[0].voters);
        return rc;
    }
    for (int i = 0; i < 2; i++) {
        free(g->rules[i].voters);
        g->rules[i] = rules[i];
    }
    g->rules_count = mode->also != NULL ? 2 : 1;
    g->majority = rules[0].majority || rules[1].majority;
    c->now_ns = now_ns;
    phub__grant_update(c);
    phub__change_flush(c);
    return 0;
}

static uint64_t weight_among(const struct phub__rule *g,
                             const uint64_t *nodes, uint32_t count, int set)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < count; i++)
        sum += weight_of(g, nodes[i], set);
    return sum;
}

/* A number of voters does not say who is one: then others count as well. */
static bool is_majority_but(const struct phub__rule *g, const uint64_t *nodes,
                            uint32_t count, const uint64_t *others,
                            uint32_t others_count)
{
    for (int set = 0; set < 2; set++) {
        uint64_t weight = weight_among(g, nodes, count, set);
        uint64_t rest = g->weight[set], but =
            weight_among(g, others, others_count, set);

        if (g->voters_count == 0)
            weight += but;
        else
            rest -= but;
        if (g->weight[set] != 0 && 2 * weight <= rest)
            return false;
    }
    return true;
}

static bool is_majority(const struct phub__rule *g, const uint64_t *nodes,
                        uint32_t count)
{
    return is_majority_but(g, nodes, count, NULL, 0);
}

bool phub__cluster_majority_but(const struct phub__cluster *c,
                                const uint64_t *nodes, uint32_t count,
                                const uint64_t *others, uint32_t others_count)
{
    const struct phub__grant *g = &c->grant;

    for (uint32_t i = 0; i < g->rules_count; i++)
        if (g->rules[i].majority
            && !is_majority_but(&g->rules[i], nodes, count, others,
                                others_count))
            return false;
    return true;
}

bool phub__cluster_majority(const struct phub__cluster *c,
                            const uint64_t *nodes, uint32_t count)
{
    return phub__cluster_majority_but(c, nodes, count, NULL, 0);
}

static bool is_all(const struct phub__rule *g, const uint64_t *nodes,
                   uint32_t count)
{
    if (g->voters_count == 0)
        return true; /* a number has no names to miss */
    for (int set = 0; set < 2; set++)
        if (weight_among(g, nodes, count, set) < g->weight[set])
            return false;
    return true;
}

bool phub__cluster_all_voters(const struct phub__cluster *c,
                              const uint64_t *nodes, uint32_t count)
{
    const struct phub__grant *g = &c->grant;

    for (uint32_t i = 0; i < g->rules_count; i++)
        if (g->rules[i].majority && !is_all(&g->rules[i], nodes, count))
            return false;
    return true;
}

uint64_t phub__cluster_grant_remaining(const struct phub__cluster *c,
                                       uint64_t node, uint64_t now_ns)
{
    const struct phub__entry *e = phub__members_find(&c->members, node);
    uint64_t until = c->grant.unknown_until_ns;

    if (e != NULL && phub__member_live(e))
        return UINT64_MAX;
    if (e != NULL && e->pub.state == PHUB__MEMBER_LEFT)
        return 0;
    if (phub__cluster_stalled(c, now_ns))
        until = now_ns + phub__cluster_ms(longest_ms(c));
    if (e != NULL && e->granted_until_ns > until)
        until = e->granted_until_ns;
    until += phub__cluster_ms(c->params.kill_margin);
    return now_ns < until ? until - now_ns : 0;
}

void phub__cluster_lease_long(struct phub__cluster *c, uint32_t length_ms,
                              uint64_t now_ns)
{
    c->now_ns = now_ns;
    c->grant.long_ms = length_ms > c->params.lease_long_max
                     ? c->params.lease_long_max : length_ms;
    for (uint32_t i = 0; length_ms > 0 && i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (e->pub.node != c->node && phub__member_live(e))
            phub__swim_ping(c, e);
    }
    phub__change_flush(c);
}

void phub__cluster_lease_now(const struct phub__cluster *c, uint64_t now_ns,
                             struct phub__lease_now *lease)
{
    const struct phub__rule *g = &c->grant.rules[0];
    bool own = g->majority || c->grant.self_until_ns > now_ns;

    *lease = (struct phub__lease_now){
        .deadline_ns = c->grant.deadline_ns, .majority = g->majority,
        .grants = own, .weight = own ? weight_of(g, c->node, 0) : 0,
        .version = g->version };
    for (uint32_t i = 0; i < c->members.count; i++) {
        const struct phub__entry *e = c->members.entries[i];

        if (!phub__member_live(e))
            continue;
        lease->electorate++;
        if (e->pub.node == c->node || e->lease_ns <= now_ns)
            continue;
        lease->grants++;
        lease->weight += weight_of(g, e->pub.node, 0);
    }
    lease->weight_all = g->majority ? g->weight[0] : lease->electorate;
    if (g->voters_count != 0)
        lease->electorate = g->voters_count;
    else if (g->majority)
        lease->electorate = (uint32_t)g->weight[0];
}
