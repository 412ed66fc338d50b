/* SPDX-License-Identifier: MIT */
/* electors_life: when electors look at their view, and what they keep.
 *
 * Ticks come fast while something is to be done: an attempt is under way,
 * there is no set yet, or the proposer's view is not what the set says; else
 * slowly, to ask another whether something was missed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "electors_private.h"

#define TOKEN_TICK (ELECTORS_TOKEN | 1)
#define TOKEN_SAVED (ELECTORS_TOKEN | 2)
#define TICK_NS 250000000ull
#define SLOW_TICK_NS 5000000000ull
#define ATTEMPT_NS 1000000000ull   /* and as much again, by chance */

/* --- the disk -------------------------------------------------------------- */

static const struct phub_bytes key = { (const uint8_t *)"electors", 8 };

/* What waits to be said is not: nobody counts on a promise that a power cut
 * would undo. */
static void save_failed(struct electors *self, int rc)
{
    char text[120];

    electors_answers_drop(self);
    self->dirty = self->saving = 0;
    if (self->save_failed)
        return;
    self->save_failed = 1;
    (void)snprintf(text, sizeof text, "the set of electors cannot be written "
                   "(error %d): this node does not vote", rc);
    self->host->log(self->ctx, 1, text);
}

/* One write at a time; what changes meanwhile is in the next. */
static void write_state(struct electors *self)
{
    struct electors_message state = {
        .kind = ELECTORS_STATE, .ballot = self->ballot,
        .promised = self->promised, .accepted = self->accepted,
        .config = self->config, .proposal = self->proposal };
    struct phub_bytes value;
    uint8_t *bytes;
    int rc = electors_encode(&state, &bytes, &value.size);

    if (rc == 0) {
        value.data = bytes;
        rc = self->host->store_put(self->ctx, &key, &value, TOKEN_SAVED);
        free(bytes);
    }
    if (rc == 0)
        self->saving = self->dirty;
    else
        save_failed(self, rc);
}

void electors_save(struct electors *self)
{
    if (!PHUB_HAS(self->host, store_put))
        return; /* in memory only */
    self->dirty++;
    if (self->saving == 0)
        write_state(self);
}

static void saved(struct electors *self, int32_t rc)
{
    uint64_t number = self->saving;

    self->saving = 0;
    if (rc != 0) {
        save_failed(self, rc);
        return;
    }
    self->save_failed = 0;
    if (self->dirty != number) {
        write_state(self);
        return;
    }
    self->dirty = 0;
    electors_answers_flush(self);
}

static int load(struct electors *self)
{
    struct electors_message state;
    struct phub_buf *value;
    int rc;

    if (!PHUB_HAS(self->host, store_get))
        return 0;
    rc = self->host->store_get(self->ctx, &key, &value);
    if (rc == PHUB_ENOTFOUND)
        return 0;
    if (rc != 0)
        return rc;
    rc = electors_decode(self->host->buf_bytes(value), &state);
    self->host->buf_unref(value);
    if (rc == PHUB_ENOMEM)
        return self->host->fail(self->ctx, rc, "out of memory");
    if (rc != 0)
        return self->host->fail(self->ctx, rc, "the stored set of electors "
                                "cannot be read; with an empty state "
                                "directory this node begins as a new one");
    self->ballot = state.ballot;
    self->promised = state.promised;
    self->accepted = state.accepted;
    self->config = state.config;
    self->proposal = state.proposal;
    return 0;
}

/* --- who proposes what ----------------------------------------------------- */

/* The lowest elector in view; of founders, the lowest member. */
static bool in_charge(const struct electors *self)
{
    const struct electors_config *c = &self->config;
    uint64_t lowest = UINT64_MAX;

    for (uint32_t i = 0; i < c->is_count + c->next_count; i++)
        if (c->nodes[i] < lowest
            && electors_has(self->members, self->members_count, c->nodes[i]))
            lowest = c->nodes[i];
    if (electors_founding(self) && self->members_count > 0)
        lowest = self->members[0];
    return lowest == electors_me(self);
}

static bool is_leaving(const struct electors *self, uint64_t node)
{
    for (uint32_t i = 0; i < self->members_count; i++)
        if (self->members[i] == node)
            return self->leaving[i];
    return false;
}

/* Those that are there in their order, without who said goodbye, and whoever
 * else is a member; those that leave only if they are kept. */
static uint32_t list(const struct electors *self, uint64_t *nodes, bool kept)
{
    const struct electors_config *c = &self->config;
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->is_count; i++)
        if (!electors_has(self->gone, self->gone_count, c->nodes[i])
            && (kept || !is_leaving(self, c->nodes[i])))
            nodes[count++] = c->nodes[i];
    for (uint32_t i = 0;
         i < self->members_count && count < PHUB_ELECTORS_MAX; i++)
        if (!self->leaving[i]
            && !electors_has(nodes, count, self->members[i]))
            nodes[count++] = self->members[i];
    return count;
}

/* What the set should be.  Who leaves is needed as long as those that stay and
 * are here would be no majority without it. */
static uint32_t wanted(const struct electors *self, uint64_t *nodes)
{
    uint64_t *stay = calloc((size_t)self->members_count + 1, sizeof *stay);
    uint32_t staying = 0, count = list(self, nodes, false);
    bool enough;

    for (uint32_t i = 0; stay != NULL && i < self->members_count; i++)
        if (!self->leaving[i])
            stay[staying++] = self->members[i];
    enough = stay != NULL
        && electors_half(self, nodes, count, stay, staying);
    free(stay);
    return enough ? count : list(self, nodes, true);
}

/* The next version; is_count 0: there is nothing to change. */
static int next_version(const struct electors *self,
                        struct electors_config *next)
{
    const struct electors_config *c = &self->config;
    uint64_t *nodes = calloc(2 * PHUB_ELECTORS_MAX + 1, sizeof *nodes);
    uint32_t count;

    memset(next, 0, sizeof *next);
    if (nodes == NULL)
        return PHUB_ENOMEM;
    next->nodes = nodes;
    next->history = c->history;
    next->version = c->version + 1;
    if (electors_founding(self)) {
        next->history = self->host->random(self->ctx) | 1;
        next->is_count = wanted(self, nodes);
        return 0;
    }
    if (c->next_count != 0) {
        memcpy(nodes, c->nodes + c->is_count,
               c->next_count * sizeof *nodes);
        next->is_count = c->next_count;
        return 0;
    }
    memcpy(nodes, c->nodes, c->is_count * sizeof *nodes);
    count = wanted(self, nodes + c->is_count);
    if (count == 0 ||
        (count == c->is_count &&
         memcmp(nodes, nodes + count, count * sizeof *nodes) == 0))
        return 0;
    next->is_count = c->is_count;
    next->next_count = count;
    return 0;
}

static bool may_begin(const struct electors *self)
{
    uint64_t now = electors_now(self);

    if (electors_founding(self))
        return self->members_count >= self->options.initial_size
            && now >= self->opened_ns + self->options.found_wait_ns;
    return now >= self->learned_ns + self->options.change_wait_ns;
}

/* One of the others, all as likely. */
static void ask_one(struct electors *self)
{
    uint64_t node;

    if (self->members_count < 2)
        return;
    node = self->members[1 + self->host->random(self->ctx)
                             % (self->members_count - 1)];
    if (node == electors_me(self))
        node = self->members[0];
    electors_ask(self, node);
    if (self->leaves)
        electors_say_leaving(self, node); /* it may not have known us */
}

static void tick(struct electors *self)
{
    struct phub_view *view = self->host->view(self->ctx);
    struct electors_config next;

    ask_one(self);

    if (self->phase != ELECTORS_IDLE) {
        if (electors_now(self) < self->began_ns + ATTEMPT_NS
                + self->host->random(self->ctx) % ATTEMPT_NS) {
            electors_tick_arm(self);
            return;
        }
        electors_idle(self);
    }
    if (!in_charge(self)) {
        if (electors_founding(self))
            electors_tick_arm(self); /* who greets was too early for it */
        return; /* a change of the view comes here again */
    }
    if (!electors_founding(self) && !electors_quorum(self, view))
        return;
    if (next_version(self, &next) == 0 && next.is_count == 0) {
        electors_config_free(&next);
        return;
    }
    if (next.nodes != NULL && may_begin(self))
        electors_propose(self, &next);
    electors_config_free(&next);
    electors_tick_arm(self);
}

void electors_tick_arm(struct electors *self)
{
    if (self->ticking && PHUB_HAS(self->host, timer_cancel))
        (void)self->host->timer_cancel(self->ctx, TOKEN_TICK);
    self->ticking = self->host->timer(self->ctx, TICK_NS, TOKEN_TICK) == 0;
}

int electors_completed(struct electors *self, uint64_t token, int32_t rc,
                       const struct phub_result *result)
{
    (void)result;
    if ((token & ELECTORS_TOKEN) == 0)
        return 0;
    if (token == TOKEN_SAVED) {
        saved(self, rc);
    } else if (token == TOKEN_TICK) {
        self->ticking = 0;
        tick(self);
        if (!self->ticking
            && self->host->timer(self->ctx, SLOW_TICK_NS, TOKEN_TICK) == 0)
            self->ticking = 1;
    }
    return 1;
}

/* --- the view -------------------------------------------------------------- */

static void gone_forget(struct electors *self)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < self->gone_count; i++)
        if (!electors_has(self->members, self->members_count, self->gone[i]))
            self->gone[kept++] = self->gone[i];
    self->gone_count = kept;
}

void electors_left(struct electors *self, const uint64_t *nodes,
                   uint64_t count)
{
    uint64_t *grown = realloc(self->gone, (self->gone_count + count + 1)
                                              * sizeof *grown);

    if (grown == NULL)
        return; /* they stay electors */
    self->gone = grown;
    for (uint64_t i = 0; i < count; i++)
        if (!electors_has(grown, self->gone_count, nodes[i])
            && electors_has(self->config.nodes, self->config.is_count
                            + self->config.next_count, nodes[i]))
            grown[self->gone_count++] = nodes[i];
    electors_tick_arm(self);
}

void electors_leaves(struct electors *self, uint64_t node)
{
    for (uint32_t i = 0; i < self->members_count; i++)
        if (self->members[i] == node && !self->leaving[i]) {
            self->leaving[i] = true;
            electors_tick_arm(self);
        }
}

/* With whom none stays nothing is agreed on; nor without a majority. */
int electors_leave(struct electors *self)
{
    const struct electors_config *c = &self->config;
    bool stays = false;

    if (!self->leaves) {
        self->leaves = true;
        electors_leaves(self, electors_me(self));
        for (uint32_t i = 0; i < self->members_count; i++)
            if (self->members[i] != electors_me(self))
                electors_say_leaving(self, self->members[i]);
    }
    for (uint32_t i = 0; i < self->members_count; i++)
        stays = stays || !self->leaving[i];
    return stays && electors_has(c->nodes, c->is_count + c->next_count,
                                 electors_me(self))
                   && electors_quorum(self, self->host->view(self->ctx))
               ? PHUB_EAGAIN : 0;
}

int electors_reset(struct electors *self, const struct phub_view *view)
{
    struct electors_config set = { .history = self->config.history };

    if (electors_founding(self))
        return self->host->fail(self->ctx, PHUB_EAGAIN,
                                "no set of electors has been founded yet");
    electors_view(self, view);
    if (self->members_count > PHUB_ELECTORS_MAX)
        return self->host->fail(self->ctx, PHUB_ELIMIT,
                                "more nodes than can be electors");
    set.nodes = calloc(2 * PHUB_ELECTORS_MAX + 1, sizeof *set.nodes);
    if (set.nodes == NULL)
        return self->host->fail(self->ctx, PHUB_ENOMEM, "out of memory");
    while (set.history == self->config.history)
        set.history = self->host->random(self->ctx) | 1;
    set.version = (self->config.version / ELECTORS_RESET + 1)
                  * ELECTORS_RESET;
    /* In their order, then whoever was none. */
    for (uint32_t i = 0; i < self->config.is_count; i++)
        if (electors_has(self->members, self->members_count,
                         self->config.nodes[i]))
            set.nodes[set.is_count++] = self->config.nodes[i];
    for (uint32_t i = 0; i < self->members_count; i++)
        if (!electors_has(set.nodes, set.is_count, self->members[i]))
            set.nodes[set.is_count++] = self->members[i];
    electors_adopt(self, &set);
    electors_tell_all(self);
    return 0;
}

/* A view as it was. */
struct seen {
    uint64_t *members, *boots;
    bool *leaving;
    uint32_t count;
};

static bool was_leaving(const struct seen *seen, uint64_t node, uint64_t boot)
{
    for (uint32_t i = 0; i < seen->count; i++)
        if (seen->members[i] == node)
            return seen->boots[i] == boot && seen->leaving[i];
    return false;
}

static bool knew(const struct seen *seen, uint64_t node, uint64_t boot)
{
    for (uint32_t i = 0; i < seen->count; i++)
        if (seen->members[i] == node)
            return seen->boots[i] == boot;
    return false;
}

/* Of the electors that have been there before, the lowest tells newcomers,
 * among them electors that have started again and forgotten. */
static bool greets(const struct electors *self, const struct seen *old)
{
    const struct electors_config *c = &self->config;

    for (uint32_t i = 0; i < self->members_count; i++) {
        uint64_t node = self->members[i];

        if (electors_has(c->nodes, c->is_count + c->next_count, node)
            && knew(old, node, self->boots[i]))
            return node == electors_me(self);
    }
    return true; /* nobody else has */
}

void electors_view(struct electors *self, const struct phub_view *view)
{
    struct seen old = { self->members, self->boots, self->leaving,
                        self->members_count };
    uint32_t count = self->host->view_count(view);
    uint64_t *members = calloc((size_t)count + 1, sizeof *members);
    uint64_t *boots = calloc((size_t)count + 1, sizeof *boots);
    bool *leaving = calloc((size_t)count + 1, sizeof *leaving);
    bool was, all;

    if (members == NULL || boots == NULL || leaving == NULL) {
        free(members);
        free(boots);
        free(leaving);
        return; /* the next view, or the judgement about this one */
    }
    for (uint32_t i = 0; i < count; i++) {
        struct phub_view_node node = { .size = sizeof node };

        (void)self->host->view_node(view, i, &node);
        members[i] = node.id;
        boots[i] = node.boot;
        leaving[i] = was_leaving(&old, node.id, node.boot);
    }
    was = in_charge(self);
    self->members = members;
    self->boots = boots;
    self->leaving = leaving;
    self->members_count = count;
    /* Who comes, or everybody if another one told them so far. */
    all = !was && in_charge(self);
    for (uint32_t i = 0; i < count && !electors_founding(self)
                         && (all || greets(self, &old)); i++)
        if (members[i] != electors_me(self)
            && (all || !knew(&old, members[i], boots[i])))
            electors_tell(self, members[i]);
    for (uint32_t i = 0; i < count && self->leaves; i++)
        if (members[i] != electors_me(self)
            && !knew(&old, members[i], boots[i]))
            electors_say_leaving(self, members[i]);
    free(old.members);
    free(old.boots);
    free(old.leaving);
    gone_forget(self);
    electors_tick_arm(self);
}

/* --- life ------------------------------------------------------------------ */

int electors_open(struct electors *self, struct phub_ctx *ctx,
                  const struct phub_host *host,
                  const struct electors_options *options)
{
    int rc = 0;

    self->ctx = ctx;
    self->host = host;
    self->options = *options;
    self->answers_last = &self->answers;
    if ((rc = PHUB_NEED(host, ctx, now_ns)) != 0
        || (rc = PHUB_NEED(host, ctx, random)) != 0
        || (rc = PHUB_NEED(host, ctx, timer)) != 0
        || (rc = PHUB_NEED(host, ctx, log)) != 0
        || (rc = PHUB_NEED(host, ctx, fail)) != 0
        || (rc = PHUB_NEED(host, ctx, self)) != 0
        || (rc = PHUB_NEED(host, ctx, view)) != 0
        || (rc = PHUB_NEED(host, ctx, view_count)) != 0
        || (rc = PHUB_NEED(host, ctx, view_node)) != 0
        || (rc = PHUB_NEED(host, ctx, view_has)) != 0
        || (rc = PHUB_NEED(host, ctx, peer_send)) != 0
        || (rc = PHUB_NEED(host, ctx, judge_again)) != 0)
        return rc;
    self->opened_ns = self->learned_ns = electors_now(self);
    rc = load(self);
    if (rc == 0)
        electors_view(self, host->view(ctx));
    return rc;
}

void electors_close(struct electors *self)
{
    electors_answers_drop(self);
    electors_config_free(&self->config);
    electors_config_free(&self->proposal);
    electors_config_free(&self->target);
    free(self->answered);
    free(self->members);
    free(self->boots);
    free(self->leaving);
    free(self->gone);
}

int electors_judge(struct electors *self, const struct phub_judge *judge,
                   uint32_t minority, uint32_t *verdict)
{
    electors_view(self, judge->new_view);
    electors_left(self, judge->left, judge->left_count);
    if (electors_founding(self)) /* without a set nothing has a lease */
        *verdict = judge->lost_count == 0 ? PHUB_VERDICT_CONTINUE
                                          : PHUB_VERDICT_FREEZE;
    else
        *verdict = electors_quorum(self, judge->new_view)
                       ? PHUB_VERDICT_CONTINUE : minority;
    return 0;
}

static int elector_cmp(const void *a, const void *b)
{
    uint64_t x = ((const struct phub_elector *)a)->node;
    uint64_t y = ((const struct phub_elector *)b)->node;

    return (x > y) - (x < y);
}

int electors_fill(const struct electors *self, struct phub_elector *electors,
                  uint32_t max, uint32_t *count, uint64_t *version)
{
    const struct electors_config *c = &self->config;
    uint32_t used = 0;

    for (uint32_t i = 0; i < c->is_count + c->next_count; i++) {
        bool is = i < c->is_count;
        uint32_t at = 0;

        while (at < used && electors[at].node != c->nodes[i])
            at++;
        if (at == max)
            return PHUB_ELIMIT;
        if (at == used)
            electors[used++] = (struct phub_elector){
                .size = sizeof *electors, .node = c->nodes[i] };
        if (is)
            electors[at].weight = self->options.weigh(i, c->is_count);
        else
            electors[at].weight_next = self->options.weigh(i - c->is_count,
                                                           c->next_count);
    }
    if (used == 0)
        electors[used++] = (struct phub_elector){
            .size = sizeof *electors, .node = UINT64_MAX, .weight = 1 };
    qsort(electors, used, sizeof *electors, elector_cmp);
    *count = used;
    *version = c->version;
    return 0;
}
