/* SPDX-License-Identifier: MIT */
/* join: finding each other, and letting in or refusing.
 *
 * A node is a hub of its own from its first moment.  It asks every seed, and
 * every endpoint of a lost member, for ever and with back-off: JOIN.  One that
 * said goodbye is asked, too, by a few, first after the longest wait and then
 * more and more seldom: it may be back where none of its seeds is any more, but
 * then it asks us, too, for who was known before this start is asked as well
 * (address.c).  The other compares hub id, protocol, lease length,
 * strategies and identity, and answers welcome, or no with a text that names
 * the thing and both values; both sides report a no.  A welcome is confirmed
 * (JOIN_CONFIRM), and only then does the answerer count the asker as a member:
 * a JOIN that came through a link that is cut the other way would else make a
 * member that cannot hear us, over and over.  The asker counts the answerer as
 * a member on the answer.  Then each sends the other its member list, and two
 * hubs have become one: so two daemons that name each other as seeds and start
 * at once merge, and so splits heal.  When two large halves meet, hundreds of
 * a node's lost ones answer within a second, and all have nearly the same list:
 * it goes to one of them in LIST_GAP_NS, gossip tells the rest, and lists are
 * compared as long as views differ.
 *
 * Nothing is kept between the steps.  The asker's cookie and the answerer's
 * nonce are hashes over a secret, what they are for and the time, good for
 * one to two COOKIE_NS; a stale or invented answer fits neither.
 *
 * Who comes back with the boot it was lost with must raise its incarnation
 * above the one it is held dead at; JOIN and its answer say which that is. */
#include "config.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/internal.h"

#define COOKIE_NS (UINT64_C(8000) * PHUB__NS_PER_MS)
#define STRANGER_NS (UINT64_C(100) * PHUB__NS_PER_MS)
#define LOOKERS 8u      /* for one that left; a few may not know it */
#define LISTS_FEW 32u   /* members: whoever is back gets our list */
#define LIST_GAP_NS (UINT64_C(200) * PHUB__NS_PER_MS)

#define P_(bytes) (int)(bytes).size, (const char *)(bytes).data
#define LLU(n) ((unsigned long long)(n))

/* --- cookies ----------------------------------------------------------------*/

static uint64_t cookie(const struct phub__cluster *c, uint64_t bucket,
                       const char *endpoint)
{
    return XXH3_64bits_withSeed(endpoint, strlen(endpoint),
                                c->join.secret ^ (bucket * 2 + 1));
}

static uint64_t nonce(const struct phub__cluster *c, uint64_t bucket,
                      uint64_t node, uint64_t boot)
{
    uint64_t what[2] = { node, boot };

    return XXH3_64bits_withSeed(what, sizeof what,
                                c->join.secret ^ (bucket * 2));
}

static bool nonce_ok(const struct phub__cluster *c, uint64_t value,
                     uint64_t node, uint64_t boot)
{
    uint64_t bucket = c->now_ns / COOKIE_NS;

    return value == nonce(c, bucket, node, boot)
        || (bucket > 0 && value == nonce(c, bucket - 1, node, boot));
}

static bool cookie_ok(const struct phub__cluster *c, uint64_t value,
                      const char *endpoint)
{
    uint64_t bucket = c->now_ns / COOKIE_NS;

    return value == cookie(c, bucket, endpoint)
        || (bucket > 0 && value == cookie(c, bucket - 1, endpoint));
}

/* --- asking -----------------------------------------------------------------*/

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static void text_of(struct phub_bytes bytes, char out[PHUB_ENDPOINT_MAX + 1])
{
    assert(bytes.size <= PHUB_ENDPOINT_MAX);
    if (bytes.size > 0)
        memcpy(out, bytes.data, bytes.size);
    out[bytes.size] = '\0';
}

static void put_self(struct phub__cluster *c)
{
    phub__member_news(phub__cluster_me(c), true, &c->out.news[0]);
    c->out.news_count = 1;
}

/* Whoever was lost at this endpoint, or NULL. */
static struct phub__entry *lost_at(struct phub__cluster *c,
                                   const char *endpoint)
{
    if (c->members.in_state[PHUB__MEMBER_DEAD] == 0)
        return NULL;
    for (uint32_t i = 0; i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (e->pub.state == PHUB__MEMBER_DEAD
            && strcmp(e->pub.endpoint, endpoint) == 0)
            return e;
    }
    return NULL;
}

void phub__join_ask(struct phub__cluster *c, const char *endpoint)
{
    const struct phub__entry *lost = lost_at(c, endpoint);

    phub__message_init(&c->out, PHUB__CLUSTER_JOIN);
    c->out.hub_id = bytes_of(c->hub_id);
    c->out.protocol_min = c->protocol_min;
    c->out.protocol_max = c->protocol_max;
    c->out.lease_ms = c->params.lease;
    c->out.endpoint = bytes_of(endpoint);
    c->out.cookie = cookie(c, c->now_ns / COOKIE_NS, endpoint);
    if (lost != NULL) {
        c->out.node = lost->pub.node;
        c->out.boot = lost->pub.boot;
        c->out.incarnation = lost->pub.incarnation;
    }
    put_self(c);
    if (c->strategies_count > 0)
        memcpy(c->out.strategies, c->strategies,
               c->strategies_count * sizeof *c->strategies);
    c->out.strategies_count = c->strategies_count;
    phub__cluster_send_to(c, 0, 0, endpoint);
}

uint64_t phub__join_back_off(struct phub__cluster *c, uint64_t *wait_ns,
                             uint32_t times)
{
    uint64_t max = times * phub__cluster_ms(c->params.rejoin_interval_max);
    uint64_t wait = *wait_ns < max ? *wait_ns : max;
    uint64_t longest = wait + wait / 4 < max ? wait + wait / 4 : max;
    uint64_t shortest = wait - wait / 4;

    *wait_ns = wait * 2;
    return shortest + phub__cluster_pick(c, longest - shortest + 1);
}

/* Who is found at its endpoint is asked for by its id from then on, as long as
 * it is there: if it says that it is elsewhere, until it starts again. */
static bool seed_is_in(struct phub__cluster *c, struct phub__seed *s)
{
    const struct phub__entry *e = s->node == 0
        ? NULL : phub__members_find(&c->members, s->node);

    if (e != NULL && phub__member_live(e)
        && (s->alias == e->pub.boot
            || strcmp(e->pub.endpoint, s->endpoint) == 0))
        return true;
    e = phub__members_at(&c->members, s->endpoint);
    if (e == NULL)
        return false;
    s->node = e->pub.node;
    s->alias = 0;
    return true;
}

/* Once all are in, none is looked up again before some member changes. */
static void tick_seeds(struct phub__cluster *c)
{
    uint32_t in = 0;

    if (c->join.seeds_in == c->members.version)
        return;
    for (uint32_t i = 0; i < c->join.seeds_count; i++) {
        struct phub__seed *s = &c->join.seeds[i];

        if (seed_is_in(c, s)) {
            s->wait_ns = phub__cluster_ms(c->params.join_retry);
            s->next_ns = 0;
            in++;
            continue;
        }
        if (c->now_ns >= s->next_ns) {
            phub__join_ask(c, s->endpoint);
            s->next_ns = c->now_ns + phub__join_back_off(c, &s->wait_ns, 1);
        }
        phub__cluster_wake(c, s->next_ns);
    }
    if (in == c->join.seeds_count)
        c->join.seeds_in = c->members.version;
}

/* Its time is set: nobody's comes earlier than lost_ns. */
static void set_due(struct phub__cluster *c, const struct phub__entry *e)
{
    if (e->rejoin_ns < c->join.lost_ns)
        c->join.lost_ns = e->rejoin_ns;
    phub__cluster_wake(c, e->rejoin_ns);
}

/* A lost member that is forgotten, once the time has come. */
static bool dropped(struct phub__cluster *c, struct phub__entry *e)
{
    if (!e->forgotten || c->now_ns < e->rejoin_ns)
        return false;
    phub__members_drop(&c->members, e);
    return true;
}

void phub__join_forget(struct phub__cluster *c, struct phub__entry *e)
{
    e->forgotten = true;
    e->rejoin_ns = e->pub.state == PHUB__MEMBER_LEFT ? 0
                 : e->granted_until_ns
                   + phub__cluster_ms(c->params.kill_margin);
    if (!dropped(c, e))
        set_due(c, e);
}

/* Are we one of the few who look for one that left?  Nobody does at an address
 * that somebody else has by now. */
static bool looks_for(const struct phub__cluster *c,
                      const struct phub__entry *e)
{
    uint64_t mine = XXH3_64bits_withSeed(&c->node, sizeof c->node,
                                         e->pub.node);
    uint32_t before = 0;

    for (uint32_t i = 0; i < c->members.count && before < LOOKERS; i++) {
        const struct phub__entry *m = c->members.entries[i];

        before += phub__member_live(m)
            && XXH3_64bits_withSeed(&m->pub.node, sizeof m->pub.node,
                                    e->pub.node) > mine;
    }
    return before < LOOKERS
        && phub__members_at(&c->members, e->pub.endpoint) == NULL;
}

/* The next time for one that is lost or has left. */
static void put_off(struct phub__cluster *c, struct phub__entry *e)
{
    uint32_t times = e->pub.state == PHUB__MEMBER_LEFT
                   ? PHUB__JOIN_SELDOM : 1;

    e->rejoin_ns = c->now_ns
                 + phub__join_back_off(c, &e->rejoin_wait_ns, times);
}

/* Those whose time has come; then it is known whose is next. */
static void call_lost(struct phub__cluster *c)
{
    c->join.lost_ns = UINT64_MAX;
    for (uint32_t i = c->members.count; i > 0; i--) {
        struct phub__entry *e = c->members.entries[i - 1];

        if ((e->pub.state != PHUB__MEMBER_DEAD
             && e->pub.state != PHUB__MEMBER_LEFT) || dropped(c, e))
            continue;
        if (!e->forgotten && c->now_ns >= e->rejoin_ns) {
            if (e->pub.state == PHUB__MEMBER_DEAD || looks_for(c, e))
                phub__join_ask(c, e->pub.endpoint);
            put_off(c, e);
        }
        set_due(c, e);
    }
}

static void tick_lost(struct phub__cluster *c)
{
    const uint32_t *in = c->members.in_state;

    if (in[PHUB__MEMBER_DEAD] + in[PHUB__MEMBER_LEFT] == 0)
        return;
    if (c->now_ns >= c->join.lost_ns)
        call_lost(c);
    phub__cluster_wake(c, c->join.lost_ns);
}

void phub__join_tick(struct phub__cluster *c)
{
    tick_seeds(c);
    tick_lost(c);
    phub__address_tick(c);
}

/* From now on, first after about so long. */
static void look_for(struct phub__cluster *c, struct phub__entry *e,
                     uint32_t wait_ms)
{
    e->rejoin_wait_ns = phub__cluster_ms(wait_ms);
    put_off(c, e);
    set_due(c, e);
}

void phub__join_lost(struct phub__cluster *c, struct phub__entry *e)
{
    look_for(c, e, c->params.rejoin_interval);
}

void phub__join_left(struct phub__cluster *c, struct phub__entry *e)
{
    look_for(c, e, c->params.rejoin_interval_max);
}

void phub__join_stranger(struct phub__cluster *c, struct phub_bytes endpoint)
{
    char to[PHUB_ENDPOINT_MAX + 1];

    if (endpoint.size == 0 || c->now_ns < c->join.stranger_ns)
        return;
    c->join.stranger_ns = c->now_ns + STRANGER_NS;
    text_of(endpoint, to);
    phub__join_ask(c, to);
}

int phub__cluster_start(struct phub__cluster *c, const char *const *seeds,
                        uint32_t seeds_count, uint64_t now_ns)
{
    struct phub__seed *list;

    if (seeds_count > PHUB__SEEDS_MAX)
        return PHUB_ELIMIT;
    for (uint32_t i = 0; i < seeds_count; i++)
        if (strnlen(seeds[i], PHUB_ENDPOINT_MAX + 1) > PHUB_ENDPOINT_MAX)
            return PHUB_ELIMIT;
    list = calloc(seeds_count + 1, sizeof *list);
    if (list == NULL)
        return PHUB_ENOMEM;
    for (uint32_t i = 0; i < seeds_count; i++) {
        memcpy(list[i].endpoint, seeds[i], strlen(seeds[i]));
        list[i].wait_ns = phub__cluster_ms(c->params.join_retry);
    }
    free(c->join.seeds);
    c->join.seeds = list;
    c->join.seeds_count = seeds_count;
    c->join.seeds_in = 0;
    c->now_ns = now_ns;
    if (!c->started) {
        c->start_ns = now_ns;
        phub__grant_stalled(c);
        phub__address_start(c);
    }
    c->started = true;
    phub__cluster_wake(c, now_ns);
    return 0;
}

void phub__cluster_settle_alone(struct phub__cluster *c, uint64_t now_ns)
{
    if (c->settle.first_ns != 0)
        return;
    c->settle.first_ns = c->settle.last_ns = now_ns;
    phub__cluster_wake(c, now_ns);
}

void phub__join_fini(struct phub__cluster *c)
{
    free(c->join.seeds);
}

/* --- comparing ---------------------------------------------------------------*/

struct refusal {
    int code;
    char text[PHUB__REFUSAL_MAX];
};

__attribute__((format(printf, 3, 4)))
static void refuse(struct refusal *r, int code, const char *format, ...)
{
    va_list args;
    size_t size;

    if (r->code != 0)
        return;
    r->code = code;
    va_start(args, format);
    vsnprintf(r->text, sizeof r->text, format, args);
    va_end(args);
    /* Cut a character that did not fit whole, so that it stays UTF-8. */
    size = strlen(r->text);
    if (size == sizeof r->text - 1)
        while (size > 0 && (uint8_t)r->text[--size] >= 0x80)
            r->text[size] = '\0';
}

static bool same(struct phub_bytes a, struct phub_bytes b)
{
    return a.size == b.size && (a.size == 0
                                || memcmp(a.data, b.data, a.size) == 0);
}

static void check_protocol(const struct phub__cluster *c,
                           const struct phub__message *m, struct refusal *r)
{
    const struct phub__news *n = &m->news[0];
    const char *me = phub__cluster_me(c)->pub.name;

    if (!same(m->hub_id, bytes_of(c->hub_id)))
        refuse(r, PHUB_EMISMATCH, "hub id differs: \"%s\" at \"%s\", "
               "\"%.*s\" at \"%.*s\"", c->hub_id, me, P_(m->hub_id),
               P_(n->name));
    if (m->protocol_min > c->protocol_max
        || m->protocol_max < c->protocol_min)
        refuse(r, PHUB_EVERSION, "no common protocol version: %u to %u at "
               "\"%s\", %llu to %llu at \"%.*s\"", c->protocol_min,
               c->protocol_max, me, LLU(m->protocol_min),
               LLU(m->protocol_max), P_(n->name));
    if (m->lease_ms != c->params.lease)
        refuse(r, PHUB_EMISMATCH, "lease differs: %u ms at \"%s\", %llu ms "
               "at \"%.*s\"", c->params.lease, me, LLU(m->lease_ms),
               P_(n->name));
}

/* The strategy of the same kind and name, else any of the kind in *other. */
static const struct phub__strategy *
find_strategy(const struct phub__strategy *list, uint32_t count,
              const struct phub__strategy *wanted,
              const struct phub__strategy **other)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!same(list[i].kind, wanted->kind))
            continue;
        if (same(list[i].name, wanted->name))
            return &list[i];
        *other = &list[i];
    }
    return NULL;
}

/* What owner has must do for the strategies that reader has. */
static void check_strategy(const struct phub__strategy *s,
                           struct phub_bytes owner,
                           const struct phub__strategy *list, uint32_t count,
                           struct phub_bytes reader, struct refusal *r)
{
    const struct phub__strategy *other = NULL;
    const struct phub__strategy *o = find_strategy(list, count, s, &other);

    if (o != NULL && o->generation != s->generation)
        return; /* one of them is told what the hub has chosen since */
    if (o == NULL && other != NULL && other->generation != s->generation)
        return;
    if (o == NULL && s->must_match != 0 && other != NULL)
        refuse(r, PHUB_EMISMATCH, "%.*s strategy differs: \"%.*s\" at "
               "\"%.*s\", \"%.*s\" at \"%.*s\"", P_(s->kind), P_(s->name),
               P_(owner), P_(other->name), P_(reader));
    else if (o == NULL && s->must_match != 0)
        refuse(r, PHUB_EMISMATCH, "%.*s strategy differs: \"%.*s\" at "
               "\"%.*s\", none at \"%.*s\"", P_(s->kind), P_(s->name),
               P_(owner), P_(reader));
    if (o == NULL)
        return;
    if (o->wire_min > s->wire_max || o->wire_max < s->wire_min)
        refuse(r, PHUB_EVERSION, "no common version of %.*s strategy "
               "\"%.*s\": %llu to %llu at \"%.*s\", %llu to %llu at \"%.*s\"",
               P_(s->kind), P_(s->name), LLU(s->wire_min), LLU(s->wire_max),
               P_(owner), LLU(o->wire_min), LLU(o->wire_max), P_(reader));
    if ((s->must_match != 0 || o->must_match != 0) && s->digest != o->digest)
        refuse(r, PHUB_EMISMATCH, "parameters of %.*s strategy \"%.*s\" "
               "differ: digest %016llx at \"%.*s\", %016llx at \"%.*s\"",
               P_(s->kind), P_(s->name), LLU(s->digest), P_(owner),
               LLU(o->digest), P_(reader));
}

static void check_strategies(const struct phub__cluster *c,
                             const struct phub__message *m, struct refusal *r)
{
    struct phub_bytes me = bytes_of(phub__cluster_me(c)->pub.name);
    struct phub_bytes it = m->news[0].name;

    for (uint32_t i = 0; i < c->strategies_count; i++)
        check_strategy(&c->strategies[i], me, m->strategies,
                       m->strategies_count, it, r);
    for (uint32_t i = 0; i < m->strategies_count; i++)
        check_strategy(&m->strategies[i], it, c->strategies,
                       c->strategies_count, me, r);
}

static void check_identity(struct phub__cluster *c,
                           const struct phub__news *n, struct refusal *r)
{
    const struct phub__entry *e = phub__members_find(&c->members, n->node);
    const struct phub__entry *namesake = phub__members_named(&c->members,
                                                             n->name);
    int may = phub__cluster_admits(c, n->node);

    if (may == PHUB_EFORGOTTEN)
        refuse(r, may, "node \"%.*s\" was forgotten; empty its state "
               "directory, it then joins as new", P_(n->name));
    if (may == PHUB_ELIMIT)
        refuse(r, may, "hub \"%s\" knows as many nodes as it can, \"%.*s\" "
               "would be one more; phub forget drops one that is gone for "
               "good", c->hub_id, P_(n->name));
    if (e != NULL && n->boot < e->pub.boot)
        refuse(r, PHUB_EEXIST, "node id %016llx is in use by a newer start: "
               "boot %llu at \"%s\", boot %llu at \"%.*s\"", LLU(n->node),
               LLU(e->pub.boot), e->pub.endpoint, LLU(n->boot),
               P_(n->endpoint));
    if (e != NULL && n->boot == e->pub.boot
        && !same(n->endpoint, bytes_of(e->pub.endpoint)))
        refuse(r, PHUB_EEXIST, "node id %016llx with boot %llu is in use at "
               "\"%s\" and at \"%.*s\": was a state directory copied",
               LLU(n->node), LLU(n->boot), e->pub.endpoint, P_(n->endpoint));
    if (e != NULL && n->boot == e->pub.boot
        && e->pub.state == PHUB__MEMBER_LEFT)
        refuse(r, PHUB_ESHUTDOWN, "node \"%.*s\" has left with boot %llu "
               "and needs a new start", P_(n->name), LLU(n->boot));
    if (namesake != NULL && namesake->pub.node != n->node)
        refuse(r, PHUB_EEXIST, "node name \"%.*s\" is in use twice: by node "
               "id %016llx at \"%s\" and %016llx at \"%.*s\"", P_(n->name),
               LLU(namesake->pub.node), namesake->pub.endpoint, LLU(n->node),
               P_(n->endpoint));
    if (e == NULL && phub__members_live(&c->members) >= PHUB__MEMBERS_MAX)
        refuse(r, PHUB_ELIMIT, "hub \"%s\" is full: %u members, \"%.*s\" "
               "would be one more", c->hub_id,
               phub__members_live(&c->members), P_(n->name));
}

/* --- answering ----------------------------------------------------------------*/

static void report(struct phub__cluster *c, int code, bool by_us,
                   struct phub_bytes endpoint, const char *text)
{
    struct phub__event_text *e;

    c->stats.joins_refused++;
    e = phub__cluster_event(c, PHUB__CLUSTER_JOIN_REFUSED, by_us ? 1 : 0);
    if (e == NULL)
        return;
    e->event.code = code;
    text_of(endpoint, e->endpoint);
    snprintf(e->text, sizeof e->text, "%s", text);
}

static struct phub__seed *seed_at(struct phub__cluster *c,
                                  struct phub_bytes endpoint)
{
    for (uint32_t i = 0; i < c->join.seeds_count; i++)
        if (same(endpoint, bytes_of(c->join.seeds[i].endpoint)))
            return &c->join.seeds[i];
    return NULL;
}

/* It has answered there, wherever it says that it is. */
static void seed_found(struct phub__cluster *c, struct phub_bytes endpoint,
                       const struct phub__news *n)
{
    struct phub__seed *seed = seed_at(c, endpoint);

    if (seed == NULL)
        return;
    seed->node = n->node;
    seed->alias = same(n->endpoint, endpoint) ? 0 : n->boot;
    c->join.seeds_in = 0;
}

bool phub__join_has_seed(struct phub__cluster *c, const char *endpoint)
{
    return seed_at(c, bytes_of(endpoint)) != NULL;
}

/* We are held dead at this incarnation: be back above it. */
static void come_back(struct phub__cluster *c, const struct phub__message *m)
{
    if (m->node == c->node && m->boot == c->boot
        && m->incarnation >= phub__cluster_me(c)->pub.incarnation)
        phub__gossip_refute(c, m->incarnation);
}

/* A JOIN from our own node id: we dialled ourselves, or somebody copied us. */
static bool from_ourselves(struct phub__cluster *c,
                           const struct phub__message *m)
{
    const struct phub__news *n = &m->news[0];

    if (n->boot != c->boot
        || !same(n->endpoint, bytes_of(phub__cluster_me(c)->pub.endpoint)))
        return false;
    seed_found(c, m->endpoint, n);
    return true;
}

static void welcome(struct phub__cluster *c, const struct phub__news *n)
{
    const struct phub__entry *e = phub__members_find(&c->members, n->node);

    phub__grant_company(c);
    c->out.nonce = nonce(c, c->now_ns / COOKIE_NS, n->node, n->boot);
    if (e != NULL && !phub__member_live(e)) {
        c->out.node = e->pub.node;
        c->out.boot = e->pub.boot;
        c->out.incarnation = e->pub.incarnation;
    }
}

/* Strangers that ask, are welcome, and do not come may not want us: they have
 * forgotten us, say.  They tell who asks them, and nobody else. */
static void knock(struct phub__cluster *c, const struct phub__news *n)
{
    if (phub__members_find(&c->members, n->node) == NULL
        && c->join.welcomed++ > 0)
        phub__join_stranger(c, n->endpoint);
}

int phub__join_in(struct phub__cluster *c,
                  const struct phub__cluster_from *from,
                  const struct phub__message *m)
{
    const struct phub__news *n = &m->news[0];
    struct refusal r = { .code = 0 };
    char endpoint[PHUB_ENDPOINT_MAX + 1];

    if (n->node != from->node || n->boot != from->boot)
        return PHUB_EPROTO;
    if (n->node == c->node && from_ourselves(c, m))
        return 0;
    if (n->node == c->node && n->boot > c->boot)
        return phub__gossip_apply(c, n, from->node);
    check_protocol(c, m, &r);
    check_strategies(c, m, &r);
    check_identity(c, n, &r);
    if (r.code == 0)
        come_back(c, m);
    phub__message_init(&c->out, PHUB__CLUSTER_JOIN_ANSWER);
    c->out.cookie = m->cookie;
    c->out.endpoint = m->endpoint;
    c->out.code = (uint64_t)-r.code;
    c->out.text = bytes_of(r.text);
    put_self(c);
    if (r.code == 0)
        welcome(c, n);
    else
        report(c, r.code, true, n->endpoint, r.text);
    text_of(n->endpoint, endpoint);
    phub__cluster_send_to(c, 0, 0, endpoint);
    if (r.code == 0)
        knock(c, n);
    return r.code == 0 ? 0 : PHUB_EREFUSED;
}

static void refused(struct phub__cluster *c, const struct phub__message *m)
{
    snprintf(c->join.refusal, sizeof c->join.refusal, "%.*s", P_(m->text));
    report(c, -(int)m->code, false, m->news[0].endpoint, c->join.refusal);
}

/* One that is no newcomer: others exchange lists with it, too. */
static bool needs_no_list(struct phub__cluster *c, const struct phub__news *n)
{
    const struct phub__entry *e = phub__members_find(&c->members, n->node);

    if (e == NULL || e->pub.boot != n->boot
        || phub__cluster_others(c) < LISTS_FEW)
        return false;
    if (c->join.listed_ns != 0 && c->now_ns < c->join.listed_ns + LIST_GAP_NS)
        return true;
    c->join.listed_ns = c->now_ns;
    return false;
}

int phub__join_in_answer(struct phub__cluster *c,
                         const struct phub__cluster_from *from,
                         const struct phub__message *m)
{
    const struct phub__news *n = &m->news[0];
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    struct phub__entry *e;
    bool listed;
    int rc;

    if (n->node != from->node || n->boot != from->boot)
        return PHUB_EPROTO;
    text_of(m->endpoint, endpoint);
    if (!cookie_ok(c, m->cookie, endpoint))
        return PHUB_EREFUSED;
    if (m->code != 0) {
        refused(c, m);
        return 0;
    }
    if (n->node == c->node)
        return PHUB_EREFUSED;
    seed_found(c, m->endpoint, n);
    c->join.refusal[0] = '\0';
    come_back(c, m);
    listed = needs_no_list(c, n);
    rc = phub__gossip_apply(c, n, from->node);
    e = phub__members_find(&c->members, n->node);
    if (rc != 0 || e == NULL || !phub__member_live(e))
        return rc;
    phub__message_init(&c->out, PHUB__CLUSTER_JOIN_CONFIRM);
    c->out.nonce = m->nonce;
    put_self(c);
    phub__cluster_send(c, e);
    if (!listed)
        phub__gossip_send_list(c, e, true);
    return 0;
}

int phub__join_in_confirm(struct phub__cluster *c,
                          const struct phub__cluster_from *from,
                          const struct phub__message *m)
{
    const struct phub__news *n = &m->news[0];

    if (n->node != from->node || n->boot != from->boot)
        return PHUB_EPROTO;
    if (n->node == c->node || !nonce_ok(c, m->nonce, n->node, n->boot))
        return PHUB_EREFUSED;
    c->join.welcomed = 0;
    return phub__gossip_apply(c, n, from->node);
}
