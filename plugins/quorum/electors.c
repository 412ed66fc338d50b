/* SPDX-License-Identifier: MIT */
/* electors: a set of nodes that agree who they are, however they are cut apart.
 *
 * What for.  "More than half" protects only if all sides count over sets whose
 * majorities meet.  A node that merely remembers how many it has seen does not
 * do that: two that have just met a third, on different sides of a cut, can
 * outvote those that were there before.
 *
 * How.  The sets form one numbered history.  Version v + 1 is chosen by a
 * majority of version v, by Paxos (Lamport 1998, 2001), one instance per
 * version: the acceptors are the electors of v, what they promise and accept
 * is on their disks before they say so, so at most one v + 1 is ever chosen.
 * A ballot has the number of its proposer's start in it, so that it is not begun
 * again after a crash, for another set.
 * A set is changed in two versions, joint consensus (Ongaro and Ousterhout
 * 2014, section 6): first one that has the old and the new set, where a
 * majority is one of each, then the new one alone.  So majorities of
 * successive versions meet.  Those further apart need not, therefore
 *  - a grant by a node that knows a later version than the grantee does not
 *    count (the core does that, by the version in electors_fill());
 *  - a node accepts v + 2 no earlier than change_wait, a lease at least, after
 *    it learned v + 1.  Then what it granted before to somebody who still
 *    counts over v is over, and v + 2 is not chosen without a node that has
 *    granted so: a majority of v, which chose v + 1, meets one of v + 1.
 *
 * Who proposes: the elector with the lowest id in view, if its view has a
 * majority: new members are added, those that leave or said goodbye are taken
 * out.  Who leaves says so first and waits until it is out, because several
 * that say goodbye at one time would take the majority with them: what is left
 * could not agree to do without.  Nodes that are merely lost stay.  Two that propose at once only delay.
 * Whoever comes is told the set, and each node asks one other now and then,
 * one without a set more often.
 *
 * Founding.  Without a set there is nobody to ask.  The lowest node of a view
 * of initial_size members proposes these as version 1, and all of them must
 * accept, so that two foundings that share a node are one: who learns of a
 * proposal by another goes on with that one.  Two that share none (initial_size
 * is not more than half of the nodes) make two histories; when they meet, the
 * larger set stays, and the nodes of the other start again as newcomers.
 *
 * Reset.  When a majority is gone for good nothing is chosen any more.  An
 * operator who knows that may say that those who see each other are all there
 * are: they are a new history, whose version has the number of resets in its
 * upper half and wins over any with fewer.  It is the operator's word that
 * nobody else runs anything; two sides that are both told so are two hubs, of
 * which the larger stays when they meet.
 *
 * Memory: two sets of at most PHUB_ELECTORS_MAX ids, three times.  Messages:
 * one round per change, of the proposer with everybody. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electors_private.h"

#define BOOT_BITS 24u   /* of a ballot's number; more starts would be needed for
                         * one to come again than a node has */

/* --- small things -------------------------------------------------------- */

static int ballot_cmp(const struct electors_ballot *a,
                      const struct electors_ballot *b)
{
    if (a->number != b->number)
        return a->number < b->number ? -1 : 1;
    return (a->node > b->node) - (a->node < b->node);
}

bool electors_has(const uint64_t *nodes, uint32_t count, uint64_t node)
{
    for (uint32_t i = 0; i < count; i++)
        if (nodes[i] == node)
            return true;
    return false;
}

static bool is_elector(const struct electors_config *config, uint64_t node)
{
    return electors_has(config->nodes, config->is_count + config->next_count,
                    node);
}

static bool member(const struct electors *self, uint64_t node)
{
    return electors_has(self->members, self->members_count, node);
}

void electors_say(struct electors *self, uint32_t level, const char *what,
                const struct electors_config *config)
{
    char text[160];

    (void)snprintf(text, sizeof text, "%s: version %llu of %u electors%s",
                   what, (unsigned long long)config->version,
                   config->next_count != 0 ? config->next_count
                                           : config->is_count,
                   config->next_count != 0 ? ", being changed" : "");
    self->host->log(self->ctx, level, text);
}

bool electors_half(const struct electors *self, const uint64_t *nodes,
                   uint32_t count, const uint64_t *with, uint32_t with_count)
{
    uint64_t all = 0, sum = 0;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t weight = self->options.weigh(i, count);

        all += weight;
        if (electors_has(with, with_count, nodes[i]))
            sum += weight;
    }
    return 2 * sum > all;
}

static bool quorum(const struct electors *self, const uint64_t *with,
                   uint32_t with_count)
{
    const struct electors_config *c = &self->config;

    return c->history != 0
        && electors_half(self, c->nodes, c->is_count, with, with_count)
        && (c->next_count == 0
            || electors_half(self, c->nodes + c->is_count, c->next_count,
                             with, with_count));
}

bool electors_quorum(const struct electors *self, const struct phub_view *view)
{
    const struct electors_config *c = &self->config;
    uint32_t count = 0, all = c->is_count + c->next_count;
    uint64_t with[2 * PHUB_ELECTORS_MAX];   /* no memory is no minority */

    for (uint32_t i = 0; i < all; i++)
        if (self->host->view_has(view, c->nodes[i]))
            with[count++] = c->nodes[i];
    return quorum(self, with, count);
}

/* --- saying, once it is on the disk -------------------------------------- */

static void deliver(struct electors *self, uint64_t node, const uint8_t *data,
                    size_t size)
{
    struct phub_bytes bytes = { data, size };

    if (node != electors_me(self))
        (void)self->host->peer_send(self->ctx, node, &bytes);
    else
        electors_received(self, node, &bytes);
}

static void send(struct electors *self, uint64_t node,
                 const struct electors_message *message)
{
    uint8_t *bytes;
    size_t size;

    if (electors_encode(message, &bytes, &size) != 0)
        return;
    deliver(self, node, bytes, size);
    free(bytes);
}

/* What this node answers as an acceptor: once its state is on the disk. */
static void answer(struct electors *self, uint64_t node,
                   const struct electors_message *message)
{
    struct electors_answer *late;

    if (self->dirty == 0 && self->save_failed)
        electors_save(self); /* what it says may not be on the disk */
    if (self->dirty == 0 && self->save_failed)
        return;
    if (self->dirty == 0) {
        send(self, node, message);
        return;
    }
    late = calloc(1, sizeof *late);
    if (late == NULL)
        return; /* as if the network had lost it */
    if (electors_encode(message, &late->bytes, &late->size) != 0) {
        free(late);
        return;
    }
    late->node = node;
    *self->answers_last = late;
    self->answers_last = &late->next;
}

void electors_answers_flush(struct electors *self)
{
    struct electors_answer *list = self->answers, *next;

    self->answers = NULL;
    self->answers_last = &self->answers;
    for (; list != NULL; list = next) {
        next = list->next;
        deliver(self, list->node, list->bytes, list->size);
        free(list->bytes);
        free(list);
    }
}

void electors_answers_drop(struct electors *self)
{
    while (self->answers != NULL) {
        struct electors_answer *next = self->answers->next;

        free(self->answers->bytes);
        free(self->answers);
        self->answers = next;
    }
    self->answers_last = &self->answers;
}

/* --- what was chosen ------------------------------------------------------ */

void electors_tell(struct electors *self, uint64_t node)
{
    struct electors_message message = { .kind = ELECTORS_CONFIG,
                                        .config = self->config };

    send(self, node, &message);
}

void electors_ask(struct electors *self, uint64_t node)
{
    struct electors_message message = { .kind = ELECTORS_CONFIG };

    message.config.history = self->config.history;
    message.config.version = self->config.version;
    send(self, node, &message);
}

void electors_say_leaving(struct electors *self, uint64_t node)
{
    struct electors_message message = { .kind = ELECTORS_LEAVING };

    send(self, node, &message);
}

void electors_tell_all(struct electors *self)
{
    for (uint32_t i = 0; i < self->members_count; i++)
        if (self->members[i] != electors_me(self))
            electors_tell(self, self->members[i]);
}

void electors_idle(struct electors *self)
{
    self->phase = ELECTORS_IDLE;
    electors_config_free(&self->target);
    self->answered_count = 0;
}

/* config's nodes become ours. */
void electors_adopt(struct electors *self, struct electors_config *config)
{
    electors_config_free(&self->config);
    self->config = *config;
    config->nodes = NULL;
    electors_config_free(&self->proposal);
    self->promised = self->accepted = (struct electors_ballot){ 0, 0 };
    self->learned_ns = electors_now(self);
    electors_idle(self);
    electors_answers_drop(self);
    electors_save(self);
    electors_say(self, 3, "electors", &self->config);
    if (PHUB_HAS(self->host, counter_add))
        self->host->counter_add(self->ctx, "electors_changes", 1);
    self->host->judge_again(self->ctx);
    electors_tick_arm(self);
}

/* Of two histories that stays which was reset more often, else the larger
 * set's. */
static bool wins(const struct electors_config *theirs,
                 const struct electors_config *ours)
{
    uint64_t their_resets = theirs->version / ELECTORS_RESET;
    uint64_t our_resets = ours->version / ELECTORS_RESET;

    if (their_resets != our_resets)
        return their_resets > our_resets;
    if (theirs->is_count != ours->is_count)
        return theirs->is_count > ours->is_count;
    if (theirs->version != ours->version)
        return theirs->version > ours->version;
    return theirs->history < ours->history;
}

static void on_config(struct electors *self, uint64_t from,
                      struct electors_message *m)
{
    struct electors_config *theirs = &m->config;

    if (theirs->is_count == 0) { /* it asks whether there is a later one */
        if (self->config.history == 0)
            return;
        if (theirs->history != self->config.history
            || theirs->version < self->config.version)
            electors_tell(self, from);
        else if (theirs->version > self->config.version)
            electors_ask(self, from);
        return;
    }
    if (theirs->history == 0)
        return;
    if (self->config.history == 0) {
        electors_adopt(self, theirs);
    } else if (theirs->history != self->config.history) {
        if (!wins(theirs, &self->config)) {
            electors_tell(self, from);
            return;
        }
        electors_say(self, 2, theirs->version / ELECTORS_RESET !=
                                  self->config.version / ELECTORS_RESET
                         ? "an operator has reset the electors"
                         : "another founding was larger; this node's is "
                           "given up", &self->config);
        electors_adopt(self, theirs);
    } else if (theirs->version > self->config.version) {
        electors_adopt(self, theirs);
    } else if (theirs->version < self->config.version) {
        electors_tell(self, from);
    }
}

/* --- acceptors ------------------------------------------------------------ */

/* Is it about the version that comes next, and have we a say in that? */
static bool concerns(struct electors *self, uint64_t from,
                     const struct electors_message *m)
{
    const struct electors_config *c = &self->config;

    if (c->history == 0)
        return m->config.version == 1;
    if (m->config.history != c->history || m->config.version <= c->version) {
        electors_tell(self, from); /* it does not know yet */
        return false;
    }
    return m->config.version == c->version + 1
        && is_elector(c, electors_me(self))
        && electors_now(self) >= self->learned_ns + self->options.change_wait_ns;
}

static void on_prepare(struct electors *self, uint64_t from,
                       const struct electors_message *m)
{
    struct electors_message reply = { .kind = ELECTORS_PROMISE,
                                      .ballot = m->ballot };

    if (!concerns(self, from, m))
        return;
    if (ballot_cmp(&m->ballot, &self->promised) > 0) {
        self->promised = m->ballot;
        electors_save(self);
    }
    reply.promised = self->promised;
    reply.accepted = self->accepted;
    reply.config = self->proposal;
    if (self->accepted.number == 0) {
        reply.config.history = m->config.history;
        reply.config.version = m->config.version;
    }
    answer(self, from, &reply);
}

static void on_accept(struct electors *self, uint64_t from,
                      struct electors_message *m)
{
    struct electors_message reply = { .kind = ELECTORS_ACCEPTED,
                                      .ballot = m->ballot };

    if (m->config.is_count == 0 || !concerns(self, from, m))
        return;
    if (ballot_cmp(&m->ballot, &self->promised) >= 0) {
        self->promised = self->accepted = m->ballot;
        reply.config.history = m->config.history;
        reply.config.version = m->config.version;
        electors_config_free(&self->proposal);
        self->proposal = m->config;
        m->config.nodes = NULL;
        electors_save(self);
    } else {
        reply.config.history = m->config.history;
        reply.config.version = m->config.version;
    }
    reply.promised = self->promised;
    answer(self, from, &reply);
}

/* --- proposers ------------------------------------------------------------ */

/* Those that are asked: the electors; to found a set, its own nodes. */
static const struct electors_config *asked(const struct electors *self)
{
    return electors_founding(self) ? &self->target : &self->config;
}

static bool enough(const struct electors *self)
{
    if (!electors_founding(self))
        return quorum(self, self->answered, self->answered_count);
    for (uint32_t i = 0; i < self->target.is_count; i++)
        if (!electors_has(self->answered, self->answered_count,
                      self->target.nodes[i]))
            return false;
    return true;
}

/* To all that are asked and have not answered, to this node last: it answers
 * before this returns. */
static void ask(struct electors *self)
{
    struct electors_message message = {
        .kind = self->phase == ELECTORS_PREPARING ? ELECTORS_PREPARE
                                                  : ELECTORS_ACCEPT,
        .ballot = self->ballot };
    const struct electors_config *whom = asked(self);
    uint32_t count = whom->is_count + whom->next_count;
    uint64_t *nodes = calloc((size_t)count + 1, sizeof *nodes);
    bool ourselves = false;
    uint8_t *bytes = NULL;
    size_t size = 0;

    if (nodes == NULL)
        return;
    memcpy(nodes, whom->nodes, count * sizeof *nodes);
    message.config = self->target;
    if (self->phase == ELECTORS_PREPARING)
        message.config.is_count = message.config.next_count = 0;
    if (electors_encode(&message, &bytes, &size) != 0)
        count = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (electors_has(self->answered, self->answered_count, nodes[i]) ||
            electors_has(nodes, i, nodes[i]))
            continue;
        if (nodes[i] == electors_me(self))
            ourselves = true;
        else if (member(self, nodes[i]))
            deliver(self, nodes[i], bytes, size);
    }
    if (ourselves)
        deliver(self, electors_me(self), bytes, size);
    free(bytes);
    free(nodes);
}

/* Greater than all heard of, and no earlier start of this node has begun it,
 * whatever of that its disk remembers: the lower bits are the start's. */
static uint64_t ballot_next(const struct electors *self)
{
    uint64_t boot = 0;

    for (uint32_t i = 0; i < self->members_count; i++)
        if (self->members[i] == electors_me(self))
            boot = self->boots[i];
    return ((self->ballot.number >> BOOT_BITS) + 1) << BOOT_BITS
         | (boot & ((UINT64_C(1) << BOOT_BITS) - 1));
}

/* config's nodes become the target's. */
void electors_propose(struct electors *self, struct electors_config *config)
{
    uint64_t *room = calloc(2 * PHUB_ELECTORS_MAX, sizeof *room);

    if (room == NULL) {
        electors_config_free(config);
        return;
    }
    electors_idle(self);
    free(self->answered);
    self->answered = room;
    self->target = *config;
    config->nodes = NULL;
    if (self->promised.number > self->ballot.number)
        self->ballot.number = self->promised.number;
    self->ballot.number = ballot_next(self);
    self->ballot.node = electors_me(self);
    self->best = (struct electors_ballot){ 0, 0 };
    self->began_ns = electors_now(self);
    self->phase = ELECTORS_PREPARING;
    ask(self);
}

static bool answers_us(struct electors *self, uint64_t from,
                       const struct electors_message *m,
                       enum electors_phase phase)
{
    if (self->phase != phase || ballot_cmp(&m->ballot, &self->ballot) != 0
        || m->config.version != self->target.version)
        return false;
    if (m->promised.number > self->ballot.number)
        self->ballot.number = m->promised.number; /* for the next attempt */
    if (ballot_cmp(&m->promised, &m->ballot) != 0) {
        electors_idle(self);
        return false;
    }
    if (self->answered_count < 2 * PHUB_ELECTORS_MAX
        && !electors_has(self->answered, self->answered_count, from))
        self->answered[self->answered_count++] = from;
    return true;
}

static void on_promise(struct electors *self, uint64_t from,
                       struct electors_message *m)
{
    if (!answers_us(self, from, m, ELECTORS_PREPARING))
        return;
    if (m->config.is_count != 0
        && ballot_cmp(&m->accepted, &self->best) > 0) {
        self->best = m->accepted;
        electors_config_free(&self->target);
        self->target = m->config;
        m->config.nodes = NULL;
        if (electors_founding(self))
            ask(self); /* those that only this one names */
    }
    if (self->phase != ELECTORS_PREPARING || !enough(self))
        return;
    self->phase = ELECTORS_ACCEPTING;
    self->answered_count = 0;
    ask(self);
}

static void on_accepted(struct electors *self, uint64_t from,
                        const struct electors_message *m)
{
    struct electors_config chosen;

    if (!answers_us(self, from, m, ELECTORS_ACCEPTING) || !enough(self))
        return;
    chosen = self->target;
    memset(&self->target, 0, sizeof self->target);
    electors_adopt(self, &chosen);
    electors_tell_all(self);
}

static void handle(struct electors *self, uint64_t from,
                   struct electors_message *m)
{
    switch (m->kind) {
    case ELECTORS_CONFIG:
        on_config(self, from, m);
        return;
    case ELECTORS_PREPARE:
        on_prepare(self, from, m);
        return;
    case ELECTORS_PROMISE:
        on_promise(self, from, m);
        return;
    case ELECTORS_ACCEPT:
        on_accept(self, from, m);
        return;
    case ELECTORS_ACCEPTED:
        on_accepted(self, from, m);
        return;
    case ELECTORS_STATE:
        return; /* is for the disk */
    case ELECTORS_LEAVING:
        electors_leaves(self, from);
        return;
    }
}

void electors_received(struct electors *self, uint64_t node,
                       const struct phub_bytes *message)
{
    struct electors_message m;
    int rc = electors_decode(*message, &m);

    if (rc != 0) {
        if (rc != PHUB_ENOMEM && PHUB_HAS(self->host, counter_add))
            self->host->counter_add(self->ctx, "electors_malformed", 1);
        return;
    }
    handle(self, node, &m);
    electors_config_free(&m.config);
    electors_config_free(&m.proposal);
}
