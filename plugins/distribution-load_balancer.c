/* SPDX-License-Identifier: MIT */
/* load_balancer: children go where most is free.
 *
 * The member with the lowest id leads: every node computes that from its view,
 * and asks nobody.  Nodes measure what they and their machines use and send it
 * to the leader, which makes scores of it and gives all members a board: how
 * much each node can take, its capacity (balancer/score.c, balancer/leader.c).
 *
 * A keeper that places a child gives it to the member whose homes are fewest
 * for its capacity.  Homes are counted in the registry at that moment, so what
 * was placed since the board counts, by whomever it was placed.  Without a
 * board, or for a node that is not on it, capacities are the same: then homes
 * alone decide.  There is always an answer, unless all members have weight 0.
 *
 * An answer is a decision that stays: it is written into the child's row, and
 * who asks where a child belongs that has a home hears that home.  Children
 * move when their node goes or is drained, or if the leader may even things
 * out, at a pace (balancer/even.c).
 *
 * Boards cannot mix: one counts only if it comes from the leader of this view,
 * was made in this view, and is newer than the last.  One of another view is
 * kept until that view is ours.  The last good one is used while there is no
 * newer one, for some intervals. */
#include <stdlib.h>
#include <string.h>

#include "balancer/balancer.h"

#define DRAIN_NS (100 * NS_PER_MS)  /* a round of a drain asks in batches */

/* --- who is to be avoided --------------------------------------------------- */

/* It did not take a child: it is leaving, or cannot begin a program. */
static void avoid(struct balancer *self, uint64_t node)
{
    uint64_t now = self->host->now_ns(self->ctx);
    struct balancer_avoid *at = &self->avoid[0];
    uint32_t i;

    for (i = 0; i < self->avoid_count; i++) {
        if (self->avoid[i].node == node) {
            at = &self->avoid[i];
            break;
        }
        if (self->avoid[i].until_ns < at->until_ns)
            at = &self->avoid[i];
    }
    if (i == self->avoid_count && self->avoid_count < BALANCER_AVOID_MAX)
        at = &self->avoid[self->avoid_count++];
    *at = (struct balancer_avoid){
        .node = node, .until_ns = now + 2 * self->interval_ms * NS_PER_MS };
}

static bool avoided(const struct balancer *self, uint64_t node, uint64_t now)
{
    uint32_t i;

    for (i = 0; i < self->avoid_count; i++)
        if (self->avoid[i].node == node)
            return self->avoid[i].until_ns > now;
    return false;
}

/* --- placing ---------------------------------------------------------------- */

int balancer_seats_fill(struct balancer *self, const struct phub_view *view,
                        uint64_t seed)
{
    const struct phub_host *host = self->host;
    const struct balancer_board *board = balancer_known(self);
    uint32_t count = host->view_count(view), i;
    uint64_t all, now = host->now_ns(self->ctx);
    struct balancer_seats *seats = &self->seats;
    int rc = balancer_seats_room(seats, count);

    if (rc == 0)
        rc = host->homes_count(self->ctx, view, seats->counts, count, &all);
    for (i = 0; rc == 0 && i < count; i++) {
        struct phub_view_node node = { .size = sizeof node };
        const struct balancer_entry *entry = NULL;
        uint64_t capacity = board != NULL && board->mean != 0 ? board->mean
                                                              : 1000;

        rc = host->view_node(view, i, &node);
        if (board != NULL)
            entry = balancer_board_find(board, node.id);
        if (entry != NULL && entry->capacity != 0)
            capacity = entry->capacity;
        capacity = capacity * node.weight / 1000;
        if (capacity == 0 && node.weight != 0)
            capacity = 1;
        seats->seats[i] = (struct balancer_seat){
            .node = node.id, .homes = seats->counts[i],
            .capacity = capacity < UINT32_MAX ? (uint32_t)capacity
                                              : UINT32_MAX,
            .last = avoided(self, node.id, now) ||
                    (entry != NULL && entry->capacity == 0),
            .tie = (uint32_t)balancer_hash(&(struct phub_bytes){
                (const uint8_t *)&node.id, sizeof node.id }, seed) };
    }
    seats->count = rc == 0 ? count : 0;
    seats->view_hash = host->view_hash(view);
    seats->until_ns = 0;
    return rc;
}

/* Members in the order in which they take the child: its home first or, if it
 * must go from there, last. */
static uint32_t place(struct balancer *self, const struct phub_view *view,
                      const struct phub_assign_item *item, uint32_t factor,
                      uint64_t *nodes)
{
    struct balancer_seats *seats = &self->seats;
    struct balancer_seat *seat, *first = NULL;
    uint32_t all = seats->count, count = 0;
    uint64_t home = item->home;
    bool stays = item->cause == PHUB_CAUSE_NODE_JOINED && home != 0 &&
                 self->host->view_has(view, home) == 1;

    if (stays)
        nodes[count++] = home;
    while (count < factor && (seat = balancer_seats_pop(seats)) != NULL) {
        if (seat->node == home)
            continue;
        if (first == NULL)
            first = seat;
        nodes[count++] = seat->node;
    }
    if (count == 0 && all != 0) { /* there is nobody else */
        first = &seats->seats[seats->count];
        nodes[count++] = first->node;
    }
    if (!stays && first != NULL && first->homes < UINT32_MAX - 1)
        first->homes++;
    while (seats->count < all)
        balancer_seats_push(seats);
    return count;
}

/* Batches of one round of a drain see what the ones before were given, since
 * that is in no row yet. */
static int prepare(struct balancer *self, const struct phub_view *view,
                   const struct phub_assign_item *item)
{
    uint64_t now = self->host->now_ns(self->ctx);
    int rc;

    if (item->cause == PHUB_CAUSE_DRAIN && now < self->seats.until_ns &&
        self->seats.view_hash == self->host->view_hash(view))
        return 0;
    rc = balancer_seats_fill(self, view, balancer_hash(&item->id, 0));
    if (rc != 0)
        return rc;
    balancer_seats_heap(&self->seats);
    if (item->cause == PHUB_CAUSE_DRAIN)
        self->seats.until_ns = now + DRAIN_NS;
    return 0;
}

static int balancer_assign(void *self_, const struct phub_view *view,
                           const struct phub_assign_item *items,
                           uint32_t count, uint32_t stride, uint32_t factor,
                           uint64_t *nodes, uint32_t *counts)
{
    struct balancer *self = self_;
    const uint8_t *at = (const uint8_t *)items;
    uint32_t i;

    for (i = 0; i < count; i++, at += stride, nodes += factor) {
        const struct phub_assign_item *item =
            (const struct phub_assign_item *)(const void *)at;

        if (item->cause == PHUB_CAUSE_RETRY && item->home != 0)
            avoid(self, item->home);
        if (i == 0 && prepare(self, view, item) != 0)
            return self->host->fail(self->ctx, PHUB_ENOMEM,
                                    "no memory to count the homes of nodes");
        counts[i] = place(self, view, item, factor, nodes);
    }
    return 0;
}

/* --- boards ----------------------------------------------------------------- */

static void take(struct balancer *self, struct balancer_board *board)
{
    balancer_board_free(&self->board);
    self->board = *board;
    memset(board, 0, sizeof *board);
    self->taken_ns = self->host->now_ns(self->ctx);
    self->host->counter_add(self->ctx, "boards_taken", 1);
}

static void refuse(struct balancer *self, const char *why)
{
    self->host->counter_add(self->ctx, "boards_refused", 1);
    if (!self->said)
        self->host->log(self->ctx, 2, why);
    self->said = 1;
}

static void balancer_received(void *self_, uint64_t node,
                              const struct phub_bytes *message)
{
    struct balancer *self = self_;
    struct balancer_board board;
    int rc = balancer_board_decode(message, node, &board);

    if (rc != 0) {
        if (rc == PHUB_EINVAL)
            refuse(self, "load_balancer: what came from a node is no board");
        return;
    }
    if (board.view_hash !=
        self->host->view_hash(self->host->view(self->ctx))) {
        balancer_board_free(&self->early);
        self->early = board;
        return;
    }
    if (node != self->leader)
        refuse(self, "load_balancer: a node sends boards that does not lead");
    else if (self->board.leader != node ||
             self->board.view_hash != board.view_hash ||
             board.serial > self->board.serial)
        take(self, &board);
    balancer_board_free(&board);
}

/* --- life ------------------------------------------------------------------- */

/* Loads go to who leads; the leader measures itself, too. */
static void tell_loads(struct balancer *self)
{
    if (self->told != self->leader &&
        self->host->load_publish(self->ctx, (uint32_t)self->interval_ms,
                                 &self->leader, 1) == 0)
        self->told = self->leader;
}

static void balancer_view_changed(void *self_, const struct phub_view *view)
{
    struct balancer *self = self_;
    struct phub_view_node lowest = { .size = sizeof lowest };
    uint64_t before = self->leader, own = self->host->self(self->ctx);

    if (self->host->view_node(view, 0, &lowest) != 0)
        return; /* no member at all */
    self->leader = lowest.id;
    tell_loads(self);
    if (self->early.leader == self->leader &&
        self->early.view_hash == self->host->view_hash(view))
        take(self, &self->early);
    balancer_board_free(&self->early);
    if (self->leader == own)
        balancer_lead(self);
    else if (before == own)
        balancer_lead_no_more(self);
}

static void balancer_completed(void *self_, uint64_t token, int32_t rc,
                               const struct phub_result *result)
{
    struct balancer *self = self_;

    if (token == BALANCER_TOKEN_BOARD && self->timed)
        balancer_lead_turn(self);
    else if ((token & 0xff) == BALANCER_TOKEN_PLAN)
        balancer_even_done(self, token, rc, result);
}

static int params_read(struct balancer *self)
{
    const struct {
        const char *name;
        uint64_t *value;
    } rows[] = {
        { "interval_ms", &self->interval_ms },
        { "history", &self->weights.history },
        { "decay_percent", &self->weights.decay },
        { "weight_cpu", &self->weights.cpu },
        { "weight_queue", &self->weights.queue },
        { "weight_children", &self->weights.children },
        { "weight_memory", &self->weights.memory },
        { "queue_full", &self->weights.queue_full },
        { "children_full", &self->weights.children_full },
        { "rebalance_per_minute", &self->per_minute },
        { "rebalance_percent", &self->uneven },
    };
    size_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (self->host->param_uint(self->ctx, rows[i].name,
                                   rows[i].value) != 0)
            return self->host->fail(self->ctx, PHUB_ECONFIG,
                                    "parameters are missing");
    if (self->weights.cpu + self->weights.queue + self->weights.children +
            self->weights.memory == 0)
        return self->host->fail(self->ctx, PHUB_ECONFIG,
                                "all weights are 0: one of weight_cpu, "
                                "weight_queue, weight_children and "
                                "weight_memory must count");
    return 0;
}

static int balancer_open(void *self_, struct phub_ctx *ctx,
                         const struct phub_host *host)
{
    struct balancer *self = self_;
    int rc;

    if (PHUB_NEED(host, ctx, now_ns) || PHUB_NEED(host, ctx, random) ||
        PHUB_NEED(host, ctx, timer) || PHUB_NEED(host, ctx, timer_cancel) ||
        PHUB_NEED(host, ctx, param_uint) || PHUB_NEED(host, ctx, log) ||
        PHUB_NEED(host, ctx, fail) || PHUB_NEED(host, ctx, counter_add) ||
        PHUB_NEED(host, ctx, self) || PHUB_NEED(host, ctx, view) ||
        PHUB_NEED(host, ctx, view_hash) || PHUB_NEED(host, ctx, view_count) ||
        PHUB_NEED(host, ctx, view_node) || PHUB_NEED(host, ctx, view_has) ||
        PHUB_NEED(host, ctx, peer_send) ||
        PHUB_NEED(host, ctx, load_publish) || PHUB_NEED(host, ctx, load_of) ||
        PHUB_NEED(host, ctx, rows_next) || PHUB_NEED(host, ctx, plan_submit) ||
        PHUB_NEED(host, ctx, plan_cancel) || PHUB_NEED(host, ctx, homes_count))
        return PHUB_EUNSUPPORTED;
    self->ctx = ctx;
    self->host = host;
    rc = params_read(self);
    if (rc == 0)
        balancer_view_changed(self, host->view(ctx));
    return rc;
}

static void balancer_close(void *self_)
{
    struct balancer *self = self_;

    balancer_board_free(&self->board);
    balancer_board_free(&self->early);
    balancer_seats_free(&self->seats);
    free(self->histories);
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct balancer),
    .open = balancer_open,
    .close = balancer_close,
    .assign = balancer_assign,
    .view_changed = balancer_view_changed,
    .completed = balancer_completed,
    .received = balancer_received,
};

#define WEIGHT(name_, default_, help_)                                        \
    { .name = "weight_" name_, .type = PHUB_PARAM_UINT, .unit = "parts",      \
      .default_value = default_, .min = 0, .max = 1000, .help = help_ }

static const struct phub_param params[] = {
    { .name = "interval_ms", .type = PHUB_PARAM_UINT, .unit = "ms",
      .default_value = "10000", .min = PHUB_LOAD_INTERVAL_MIN_MS,
      .max = 3600000,
      .help = "nodes tell the leader what they use, and the leader all nodes "
              "their scores, this often" },
    { .name = "history", .type = PHUB_PARAM_UINT, .unit = "measurements",
      .default_value = "30", .min = 1, .max = BALANCER_HISTORY_MAX,
      .help = "measurements of a node that its score is the mean of" },
    { .name = "decay_percent", .type = PHUB_PARAM_UINT, .unit = "%",
      .default_value = "90", .min = 0, .max = 100,
      .help = "how much a measurement counts against the one after it" },
    WEIGHT("cpu", "40", "part of the machine's busy cpus in a score"),
    WEIGHT("queue", "30", "part of tasks that want a cpu in a score"),
    WEIGHT("children", "20", "part of the node's children in a score"),
    WEIGHT("memory", "10", "part of the machine's used memory in a score"),
    { .name = "queue_full", .type = PHUB_PARAM_UINT, .unit = "tasks",
      .default_value = "4", .min = 1, .max = 10000,
      .help = "tasks for each cpu of the machine that are as many as it "
              "should have" },
    { .name = "children_full", .type = PHUB_PARAM_UINT, .unit = "children",
      .default_value = "10000", .min = 1, .max = 10000000,
      .help = "children that are as many as a node should have" },
    { .name = "rebalance_per_minute", .type = PHUB_PARAM_UINT,
      .unit = "moves", .default_value = "0", .min = 0, .max = 6000,
      .help = "children that are moved at most to even nodes out; 0: none" },
    { .name = "rebalance_percent", .type = PHUB_PARAM_UINT, .unit = "%",
      .default_value = "20", .min = 1, .max = 1000,
      .help = "how far from its share of children a node may be before some "
              "are moved" },
};

PHUB_PLUGIN_DEFINE(load_balancer, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_SINGLE,
    .abi_needs = 1,
    .wire_min = 1,
    .wire_max = 1,
    .version = "1.0",
    .license = "MIT",
    .summary = "children go where most is free; a leader knows where that is",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
