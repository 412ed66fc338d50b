/* SPDX-License-Identifier: MIT */
/* cluster: who is in the hub, and what they promise each other.
 *
 * This file is the outside of it: life, the one timer, messages in and out,
 * events.  The theory is in the parts: swim.c (failure detection), gossip.c
 * (what news does), join.c (discovery), grant.c (leases), change.c (views).
 *
 * Having been stopped.  deadline() is when we asked to be called.  If we are
 * called later than that by more than STALL_INTERVALS probe intervals, nobody
 * ran us, and every timer that is due now says something about us and nothing
 * about the others; so probes are dropped, suspicions start anew, and the hub
 * is told.  If we are late by less, open probes and suspicions wait that
 * much longer. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "cluster/internal.h"

#define CLUSTER_MAGIC 0x636c7573u
#define STALL_INTERVALS 4u  /* of probe_interval */
#define LATE_PART 2u        /* of probe_timeout: not worth a thought */

void phub__cluster_params_init(struct phub__cluster_params *params)
{
    *params = (struct phub__cluster_params){
#define PARAM_DEFAULT_(name, default_, min, max, unit, help) .name = default_,
        PHUB__CLUSTER_PARAMS(PARAM_DEFAULT_)
#undef PARAM_DEFAULT_
    };
}

/* --- new and free ---------------------------------------------------------*/

static int check_params(const struct phub__cluster_params *p, char *error,
                        size_t error_max)
{
    const struct { const char *name; uint32_t value, min, max; } rows[] = {
#define PARAM_ROW_(name, default_, min, max, unit, help)                      \
        { #name, p->name, min, max },
        PHUB__CLUSTER_PARAMS(PARAM_ROW_)
#undef PARAM_ROW_
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (rows[i].value >= rows[i].min && rows[i].value <= rows[i].max)
            continue;
        snprintf(error, error_max, "%s is %u, allowed are %u to %u",
                 rows[i].name, rows[i].value, rows[i].min, rows[i].max);
        return PHUB_EINVAL;
    }
    return 0;
}

/* A text that may travel: present, not too long, UTF-8, no control. */
static bool text_ok(const char *text, size_t min, size_t max)
{
    size_t size = text == NULL ? 0 : strnlen(text, max + 1);

    if (size < min || size > max)
        return false;
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)text[i] < 0x20 || text[i] == 0x7f)
            return false;
    return size == 0 || phub_cbor_utf8_ok((const uint8_t *)text, size);
}

static int check_self(const struct phub__cluster_self *s, char *error,
                      size_t error_max)
{
    const char *bad = NULL;

    if (s->node == 0 || s->boot == 0)
        bad = "node id or boot number is 0";
    else if (!text_ok(s->hub_id, 1, PHUB_HUB_ID_MAX))
        bad = "hub id is empty, too long or not clean text";
    else if (!text_ok(s->name, 1, PHUB_NODE_NAME_MAX))
        bad = "node name is empty, too long or not clean text";
    else if (!text_ok(s->endpoint, 1, PHUB_ENDPOINT_MAX))
        bad = "endpoint is empty, too long or not clean text";
    else if (!text_ok(s->zone, 0, PHUB__ZONE_MAX))
        bad = "zone is too long or not clean text";
    else if (!text_ok(s->labels, 0, PHUB__LABELS_MAX))
        bad = "labels are too long or not clean text";
    else if (s->protocol_min > s->protocol_max)
        bad = "protocol range is empty";
    else if (s->strategies_count > PHUB__STRATEGIES_MAX)
        bad = "too many strategies";
    for (uint32_t i = 0; bad == NULL && i < s->strategies_count; i++)
        if (!text_ok(s->strategies[i].kind, 1, PHUB__STRATEGY_NAME_MAX)
            || !text_ok(s->strategies[i].name, 1, PHUB__STRATEGY_NAME_MAX))
            bad = "strategy name is empty, too long or not clean text";
    if (bad == NULL)
        return 0;
    snprintf(error, error_max, "%s", bad);
    return PHUB_EINVAL;
}

static char *put_text(struct phub_bytes *out, const char *text, char *at)
{
    size_t size = strlen(text);

    memcpy(at, text, size);
    *out = (struct phub_bytes){ (const uint8_t *)at, size };
    return at + size;
}

int phub__cluster_offer(struct phub__cluster *c,
                        const struct phub__cluster_strategy *strategies,
                        uint32_t count)
{
    size_t size = count * sizeof *c->strategies, texts = 0;
    struct phub__strategy *list;
    char *at;

    for (uint32_t i = 0; i < count; i++)
        texts += strlen(strategies[i].kind) + strlen(strategies[i].name);
    list = malloc(size + texts + 1);
    if (list == NULL)
        return PHUB_ENOMEM;
    at = (char *)list + size;
    for (uint32_t i = 0; i < count; i++) {
        const struct phub__cluster_strategy *s = &strategies[i];

        list[i].wire_min = s->wire_min;
        list[i].wire_max = s->wire_max;
        list[i].digest = s->digest;
        list[i].generation = s->generation;
        list[i].must_match = s->must_match;
        at = put_text(&list[i].kind, s->kind, at);
        at = put_text(&list[i].name, s->name, at);
    }
    free(c->strategies);
    c->strategies = list;
    c->strategies_count = count;
    return 0;
}

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text,
                                text == NULL ? 0 : strlen(text) };
}

static int add_self(struct phub__cluster *c,
                    const struct phub__cluster_self *self)
{
    struct phub__news news = {
        .node = self->node, .boot = self->boot, .full = true,
        .state = PHUB__MEMBER_ALIVE,
        .weight = self->weight == 0 ? 1000 : self->weight,
        .name = bytes_of(self->name), .endpoint = bytes_of(self->endpoint),
        .zone = bytes_of(self->zone), .labels = bytes_of(self->labels),
    };

    return phub__members_add(&c->members, &news, c->now_ns, &c->me);
}

int phub__cluster_new(const struct phub__cluster_self *self,
                      const struct phub__cluster_params *params,
                      const struct phub__cluster_io *io, uint64_t now_ns,
                      struct phub__cluster **cluster, char *error,
                      size_t error_max)
{
    struct phub__cluster *c;
    int rc = check_self(self, error, error_max);

    if (rc == 0)
        rc = check_params(params, error, error_max);
    if (rc != 0)
        return rc;
    c = calloc(1, sizeof *c);
    if (c == NULL)
        return PHUB_ENOMEM;
    c->magic = CLUSTER_MAGIC;
    c->params = *params;
    c->io = *io;
    c->node = self->node;
    c->boot = self->boot;
    c->protocol_min = self->protocol_min;
    c->protocol_max = self->protocol_max;
    memcpy(c->hub_id, self->hub_id, strlen(self->hub_id));
    c->now_ns = c->start_ns = now_ns;
    c->due_ns = PHUB__NEVER;
    c->gossip.next_ns = c->swim.hurry_ns = PHUB__NEVER;
    c->grant.rules_count = 1;
    phub__grant_stalled(c);
    c->join.secret = phub__cluster_random(c);
    c->swim.seq = (phub__cluster_random(c) >> 1 << 1) + 2;
    c->events = calloc(PHUB__EVENTS_MAX, sizeof *c->events);
    c->body = malloc(PHUB__CLUSTER_BODY_MAX);
    rc = c->events == NULL || c->body == NULL ? PHUB_ENOMEM
                                              : phub__cluster_offer(c, self->strategies,
                                                                    self->strategies_count);
    if (rc == 0)
        rc = add_self(c, self);
    if (rc == 0)
        rc = phub__change_init(c);
    if (rc != 0)
        phub__cluster_free(&c);
    else
        *cluster = c;
    return rc;
}

void phub__cluster_free(struct phub__cluster **cluster)
{
    struct phub__cluster *c = *cluster;

    *cluster = NULL;
    if (c == NULL)
        return;
    assert(c->magic == CLUSTER_MAGIC && !c->in_event);
    c->magic = 0;
    phub__change_fini(c);
    phub__join_fini(c);
    phub__address_fini(c);
    phub__members_fini(&c->members);
    free(c->grant.rules[0].voters);
    free(c->grant.rules[1].voters);
    free(c->strategies);
    free(c->events);
    free(c->body);
    free(c);
}

/* --- for the parts -----------------------------------------------------------*/

struct phub__entry *phub__cluster_me(const struct phub__cluster *c)
{
    return c->me;
}

void phub__cluster_wake(struct phub__cluster *c, uint64_t at_ns)
{
    if (at_ns < c->due_ns)
        c->due_ns = at_ns;
}

uint64_t phub__cluster_random(struct phub__cluster *c)
{
    return c->io.random(c->io.arg);
}

uint64_t phub__cluster_pick(struct phub__cluster *c, uint64_t n)
{
    return n <= 1 ? 0 : phub__cluster_random(c) % n;
}

void phub__cluster_send_to(struct phub__cluster *c, uint64_t node,
                           uint64_t boot, const char *endpoint)
{
    struct phub__cluster_to to = { node, boot, endpoint };
    size_t size;

    if (phub__message_encode(&c->out, c->body, PHUB__CLUSTER_BODY_MAX,
                             &size) != 0)
        return;
    c->stats.messages_out++;
    c->io.send(c->io.arg, &to, c->out.type, c->body, size);
}

void phub__cluster_ahead(const struct phub__cluster *c, uint64_t node)
{
    phub__members_ahead(&c->members, node);
    if (c->io.ahead != NULL)
        c->io.ahead(c->io.arg, node);
}

void phub__cluster_send(struct phub__cluster *c, const struct phub__entry *to)
{
    phub__cluster_send_to(c, to->pub.node, to->pub.boot, to->pub.endpoint);
}

struct phub__event_text *
phub__cluster_event(struct phub__cluster *c,
                    enum phub__cluster_event_kind kind, uint64_t value)
{
    struct phub__event_text *e;

    /* A lease that goes down must be told: the last slot is for it. */
    if (c->events_count == PHUB__EVENTS_MAX
        || (c->events_count == PHUB__EVENTS_MAX - 1
            && kind != PHUB__CLUSTER_LEASE))
        return NULL;
    e = &c->events[c->events_count++];
    memset(&e->event, 0, sizeof e->event);
    e->event.kind = kind;
    e->event.value = value;
    e->endpoint[0] = e->text[0] = '\0';
    e->event.endpoint = e->endpoint;
    e->event.text = e->text;
    return e;
}

void phub__cluster_note(struct phub__cluster *c, const struct phub__entry *m,
                        enum phub__member_state before, const char *why)
{
    struct phub__event_text *e;

    e = phub__cluster_event(c, PHUB__CLUSTER_MEMBER, (uint64_t)before);
    if (e == NULL)
        return;
    e->member = m->pub;
    memcpy(e->name, m->pub.name, strlen(m->pub.name) + 1);
    e->member.name = e->name;
    e->member.endpoint = e->member.zone = e->member.labels = "";
    e->event.member = &e->member;
    snprintf(e->text, sizeof e->text, "%s", why);
}

int phub__cluster_admits(const struct phub__cluster *c, uint64_t node)
{
    return c->io.admits == NULL || node == c->node
        ? 0 : c->io.admits(c->io.arg, node);
}

/* --- calls ---------------------------------------------------------------------*/

static uint64_t late_ns(const struct phub__cluster *c, uint64_t now_ns)
{
    uint64_t due_ns = phub__cluster_deadline(c);

    if (!c->started || c->left || now_ns <= due_ns)
        return 0;
    return now_ns - due_ns;
}

bool phub__cluster_stalled(const struct phub__cluster *c, uint64_t now_ns)
{
    return late_ns(c, now_ns) > STALL_INTERVALS
                              * phub__cluster_ms(c->params.probe_interval);
}

static void check_stall(struct phub__cluster *c)
{
    uint64_t late = late_ns(c, c->now_ns);

    if (late <= phub__cluster_ms(c->params.probe_timeout) / LATE_PART)
        return;
    if (phub__cluster_stalled(c, c->now_ns)) {
        c->stats.stalls++;
        phub__cluster_event(c, PHUB__CLUSTER_SELF_STALLED, late);
        phub__swim_stalled(c);
        phub__grant_stalled(c);
    } else {
        phub__swim_late(c, late);
    }
    c->due_ns = c->swim.probes_due_ns = c->now_ns;
    if (c->swim.hurry_ns < c->now_ns)
        c->swim.hurry_ns = c->now_ns;
}

static void enter(struct phub__cluster *c, uint64_t now_ns)
{
    assert(c->magic == CLUSTER_MAGIC);
    assert(!c->in_event);
    if (now_ns > c->now_ns)
        c->now_ns = now_ns;
    check_stall(c);
}

/* Things a call made due at once are done at the next tick, not in it. */
static void run(struct phub__cluster *c)
{
    c->due_ns = PHUB__NEVER;
    if (!c->started || c->left)
        return;
    phub__swim_tick(c);
    phub__join_tick(c);
    phub__gossip_tick(c);
    phub__grant_update(c);
}

uint64_t phub__cluster_deadline(const struct phub__cluster *c)
{
    uint64_t due_ns = c->due_ns;

    if (c->left)
        return due_ns;
    if (c->swim.hurry_ns < due_ns)
        due_ns = c->swim.hurry_ns;
    if (c->swim.probes_open > 0 && c->swim.probes_due_ns < due_ns)
        due_ns = c->swim.probes_due_ns;
    return due_ns;
}

void phub__cluster_tick(struct phub__cluster *c, uint64_t now_ns)
{
    enter(c, now_ns);
    run(c);
    phub__change_flush(c);
    phub__change_tick(c);
}

static int take(struct phub__cluster *c, const struct phub__cluster_from *from,
                enum phub__cluster_type type, const struct phub__message *m)
{
    struct phub__entry *e = phub__members_find(&c->members, from->node);

    if (type != PHUB__CLUSTER_JOIN
        && phub__cluster_admits(c, from->node) == PHUB_EFORGOTTEN)
        return PHUB_EREFUSED;
    switch (type) {
    case PHUB__CLUSTER_PING:
        return phub__swim_in_ping(c, from, m);
    case PHUB__CLUSTER_ACK:
        return phub__swim_in_ack(c, from, m);
    case PHUB__CLUSTER_JOIN:
        return phub__join_in(c, from, m);
    case PHUB__CLUSTER_JOIN_ANSWER:
        return phub__join_in_answer(c, from, m);
    case PHUB__CLUSTER_JOIN_CONFIRM:
        return phub__join_in_confirm(c, from, m);
    case PHUB__CLUSTER_PING_REQ:
    case PHUB__CLUSTER_NACK:
    case PHUB__CLUSTER_GOSSIP:
    case PHUB__CLUSTER_SYNC:
    case PHUB__CLUSTER_LEAVE:
        break;
    }
    if (e == NULL || e->pub.boot != from->boot) {
        /* The only thing to hear from a stranger: there is a newer us. */
        if (type == PHUB__CLUSTER_GOSSIP)
            phub__gossip_take(c, from->node, m);
        return PHUB_EREFUSED;
    }
    if (type == PHUB__CLUSTER_LEAVE) {
        if (m->boot == e->pub.boot && e->pub.state != PHUB__MEMBER_LEFT)
            phub__gossip_left(c, e);
        return 0;
    }
    phub__gossip_take(c, from->node, m);
    if (!phub__member_live(e))
        return PHUB_EREFUSED;
    if (type == PHUB__CLUSTER_PING_REQ)
        return phub__swim_in_ping_req(c, e, m);
    if (type == PHUB__CLUSTER_NACK)
        return phub__swim_in_nack(c, e, m);
    if (type == PHUB__CLUSTER_SYNC)
        phub__gossip_in_sync(c, e, m);
    return 0;
}

static void send_leave(struct phub__cluster *c, const struct phub__entry *e)
{
    phub__message_init(&c->out, PHUB__CLUSTER_LEAVE);
    c->out.boot = c->boot;
    phub__cluster_send(c, e);
}

/* The goodbye was lost.  Who says one too need not know: two that leave at
 * once would answer each other to their end. */
static int say_goodbye_again(struct phub__cluster *c,
                             const struct phub__cluster_from *from,
                             enum phub__cluster_type type)
{
    const struct phub__entry *e = phub__members_find(&c->members, from->node);

    if (type != PHUB__CLUSTER_LEAVE && e != NULL && e->pub.node != c->node
        && e->pub.boot == from->boot && phub__member_live(e))
        send_leave(c, e);
    return PHUB_EREFUSED;
}

int phub__cluster_receive(struct phub__cluster *c,
                          const struct phub__cluster_from *from,
                          enum phub__cluster_type type, const uint8_t *body,
                          size_t size, uint64_t now_ns)
{
    struct phub__message m;
    int rc;

    phub__members_place_ahead(&c->members, from->node);
    enter(c, now_ns);
    c->stats.messages_in++;
    if (c->left)
        rc = say_goodbye_again(c, from, type);
    else if (!c->started || from->node == 0)
        rc = PHUB_EREFUSED;
    else if (from->node == c->node && type != PHUB__CLUSTER_JOIN
             && type != PHUB__CLUSTER_JOIN_ANSWER)
        rc = PHUB_EREFUSED;
    else
        rc = phub__message_decode(&m, type, body, size);
    if (rc == 0 && type == PHUB__CLUSTER_PING)
        phub__cluster_ahead(c, from->node);
    if (rc == 0)
        rc = take(c, from, type, &m);
    if (rc == PHUB_EPROTO)
        c->stats.malformed++;
    else if (rc == PHUB_EREFUSED)
        c->stats.refused++;
    phub__change_flush(c);
    return rc;
}

void phub__cluster_forget(struct phub__cluster *c, uint64_t node,
                          uint64_t now_ns)
{
    struct phub__entry *e;

    enter(c, now_ns);
    e = phub__members_find(&c->members, node);
    if (e != NULL && !e->forgotten && node != c->node) {
        phub__gossip_forget(c, e);
        phub__join_forget(c, e);
    }
    phub__change_flush(c);
}

void phub__cluster_leave(struct phub__cluster *c, uint64_t now_ns)
{
    struct phub__entry *me = phub__cluster_me(c);

    enter(c, now_ns);
    if (c->left)
        return;
    for (uint32_t i = 0; i < c->members.count; i++) {
        struct phub__entry *e = c->members.entries[i];

        if (e != me && phub__member_live(e))
            send_leave(c, e);
    }
    c->left = true;
    c->due_ns = PHUB__NEVER;
    phub__grant_update(c);
    phub__change_flush(c);
}

void phub__cluster_takes(struct phub__cluster *c, bool takes, uint64_t now_ns)
{
    enter(c, now_ns);
    phub__gossip_takes(c, takes);
    phub__change_flush(c);
}

/* --- asking ----------------------------------------------------------------------*/

uint64_t phub__cluster_takers_version(const struct phub__cluster *c)
{
    return c->takers_version;
}

uint32_t phub__cluster_member_count(const struct phub__cluster *c)
{
    return c->members.count;
}

const struct phub__member *
phub__cluster_member_at(const struct phub__cluster *c, uint32_t index)
{
    return index < c->members.count ? &c->members.entries[index]->pub : NULL;
}

const struct phub__member *phub__cluster_member(const struct phub__cluster *c,
                                                uint64_t node)
{
    const struct phub__entry *e = phub__members_find(&c->members, node);

    return e == NULL ? NULL : &e->pub;
}

const char *phub__cluster_refusal(const struct phub__cluster *c)
{
    return c->join.refusal;
}

void phub__cluster_stats(const struct phub__cluster *c,
                         struct phub__cluster_stats *stats)
{
    *stats = c->stats;
    stats->health = c->swim.health;
    stats->probes_open = c->swim.probes_open;
}
