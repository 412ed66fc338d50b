/* SPDX-License-Identifier: MIT */
/* leader: what the member with the lowest id does for all.
 *
 * Once an interval it takes the loads that have come, adds each to its node's
 * history, and gives everybody a board.  A new leader begins with the scores of
 * the last board, and a node that nobody has heard of for a while is not on
 * it.  Capacity is what is free of the machine's cpus, in equal parts for the
 * nodes that stand on it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/balancer.h"

#define TEXT_MAX 240u     /* bytes of scores for people */

#define SOON_NS (200 * NS_PER_MS)  /* a board after a change of the view */

static void arm(struct balancer *self, uint64_t delay_ns)
{
    if (self->timed)
        (void)self->host->timer_cancel(self->ctx, BALANCER_TOKEN_BOARD);
    self->timed = self->host->timer(self->ctx, delay_ns,
                                    BALANCER_TOKEN_BOARD) == 0;
}

void balancer_lead(struct balancer *self)
{
    uint64_t wait = self->interval_ms * NS_PER_MS;

    if (self->per_minute != 0 && wait < NS_PER_MINUTE / self->per_minute)
        wait = NS_PER_MINUTE / self->per_minute;
    self->calm_ns = self->host->now_ns(self->ctx) + wait;
    arm(self, SOON_NS);
}

void balancer_lead_no_more(struct balancer *self)
{
    if (self->timed)
        (void)self->host->timer_cancel(self->ctx, BALANCER_TOKEN_BOARD);
    self->timed = 0;
    if (self->evening != 0)
        (void)self->host->plan_cancel(self->ctx);
    free(self->histories);
    self->histories = NULL;
    self->histories_count = 0;
    self->histories_hash = 0;
    self->evens = 0;
}

/* --- histories -------------------------------------------------------------- */

/* What is remembered of a member from before, or on the last board. */
static void remember(struct balancer *self, struct balancer_history *to,
                     const struct phub_view_node *node, uint32_t *at,
                     uint64_t now)
{
    const struct balancer_entry *entry;

    while (*at < self->histories_count &&
           self->histories[*at].node < node->id)
        ++*at;
    to->node = node->id;
    to->boot = node->boot;
    if (*at < self->histories_count && self->histories[*at].node == node->id) {
        if (self->histories[*at].boot == node->boot)
            *to = self->histories[*at];
        return;
    }
    entry = self->histories == NULL && balancer_known(self) != NULL
                ? balancer_board_find(&self->board, node->id) : NULL;
    if (entry == NULL)
        return;
    balancer_history_inherit(to, &self->weights, entry);
    to->heard_ns = now;
}

/* One for each member. */
static int renew(struct balancer *self, const struct phub_view *view)
{
    uint32_t count = self->host->view_count(view), i, at = 0;
    uint64_t hash = self->host->view_hash(view);
    struct balancer_history *histories;

    if (self->histories != NULL && self->histories_hash == hash)
        return 0;
    histories = calloc((size_t)count + 1, sizeof *histories);
    if (histories == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < count; i++) {
        struct phub_view_node node = { .size = sizeof node };

        if (self->host->view_node(view, i, &node) == 0)
            remember(self, &histories[i], &node, &at,
                     self->host->now_ns(self->ctx));
    }
    free(self->histories);
    self->histories = histories;
    self->histories_count = count;
    self->histories_hash = hash;
    return 0;
}

static void take_loads(struct balancer *self)
{
    uint64_t now = self->host->now_ns(self->ctx);
    uint32_t i;

    for (i = 0; i < self->histories_count; i++) {
        struct balancer_history *history = &self->histories[i];
        struct phub_load load = { .size = sizeof load };

        if (self->host->load_of(self->ctx, history->node, &load) != 0 ||
            load.serial == history->serial) {
            if (now - history->heard_ns >
                BALANCER_STALE * self->interval_ms * NS_PER_MS)
                history->count = 0;
            continue;
        }
        history->serial = load.serial;
        history->leaving = (load.flags & PHUB_LOAD_LEAVING) != 0;
        history->heard_ns = now;
        history->machine = load.host;
        history->cpus = load.cpus < BALANCER_CPUS_MAX ? load.cpus
                                                      : BALANCER_CPUS_MAX;
        balancer_history_add(history, &self->weights,
                             balancer_score(&self->weights, &load));
    }
}

/* --- the board -------------------------------------------------------------- */

static int machine_cmp(const void *a, const void *b)
{
    const struct balancer_history *left =
        *(const struct balancer_history *const *)a;
    const struct balancer_history *right =
        *(const struct balancer_history *const *)b;

    return (left->machine > right->machine) -
           (left->machine < right->machine);
}

/* Who was inherited, and not heard since, keeps the capacity it had. */
static void capacity_set(struct balancer_history *history, uint32_t sharing)
{
    uint32_t free_of = 1000 - history->score, cpus = history->cpus;

    if (history->serial == 0)
        return;
    if (free_of < BALANCER_FREE_MIN)
        free_of = BALANCER_FREE_MIN;
    history->capacity = free_of * (cpus != 0 ? cpus : 1) / sharing;
    if (history->capacity == 0)
        history->capacity = 1;
}

static int capacities(struct balancer *self)
{
    uint32_t count = self->histories_count, i, k;
    struct balancer_history **by = calloc((size_t)count + 1, sizeof *by);

    if (by == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < count; i++)
        by[i] = &self->histories[i];
    qsort(by, count, sizeof *by, machine_cmp);
    for (i = 0; i < count; i = k) {
        for (k = i + 1; k < count && by[i]->machine != 0 &&
                        by[k]->machine == by[i]->machine;)
            k++;
        for (uint32_t n = i; n < k; n++)
            capacity_set(by[n], k - i);
    }
    free(by);
    return 0;
}

static int board_make(struct balancer *self, struct balancer_board *board)
{
    uint64_t now = self->host->now_ns(self->ctx);
    uint32_t i;

    *board = (struct balancer_board){ .leader = self->leader,
                                      .view_hash = self->histories_hash };
    board->entries = calloc((size_t)self->histories_count + 1,
                            sizeof *board->entries);
    if (board->entries == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < self->histories_count &&
                board->count < BALANCER_NODES_MAX; i++) {
        const struct balancer_history *history = &self->histories[i];

        if (history->count != 0)
            board->entries[board->count++] = (struct balancer_entry){
                .node = history->node, .score = history->score,
                .samples = history->count,
                .capacity = history->leaving ? 0 : history->capacity };
    }
    balancer_board_mean(board);
    /* A later one of the same view, whoever of us made the one before. */
    self->serial = now > self->serial ? now : self->serial + 1;
    board->serial = self->serial;
    return 0;
}

static void tell(struct balancer *self, const struct balancer_board *board)
{
    struct phub_bytes message;
    uint8_t *bytes;

    if (balancer_board_encode(board, &bytes, &message.size) != 0)
        return;
    message.data = bytes;
    /* Who does not get it now gets the next. */
    if (message.size <= PHUB_PLUGIN_MESSAGE_MAX &&
        self->host->view_count(self->host->view(self->ctx)) > 1)
        (void)self->host->peer_send(self->ctx, 0, &message);
    free(bytes);
}

/* "a=120 b=340": for people; those that fit. */
static void show(struct balancer *self)
{
    struct phub_view *view = self->host->view(self->ctx);
    struct phub_view_node node = { .size = sizeof node };
    const struct balancer_entry *entry;
    char text[TEXT_MAX] = "";
    size_t used = 0;
    uint32_t i;
    int size;

    if (!PHUB_HAS(self->host, scored))
        return;
    for (i = 0; self->host->view_node(view, i, &node) == 0; i++) {
        entry = balancer_board_find(&self->board, node.id);
        if (entry == NULL)
            continue;
        size = snprintf(text + used, sizeof text - used, "%s%.*s=%u",
                        used != 0 ? " " : "", (int)node.name.size,
                        (const char *)node.name.data, entry->score);
        if (size < 0 || (size_t)size >= sizeof text - used) {
            text[used] = '\0';
            break;
        }
        used += (size_t)size;
    }
    self->host->scored(self->ctx, self->board.count, text);
}

void balancer_lead_turn(struct balancer *self)
{
    struct balancer_board board = { .leader = 0 };

    self->timed = 0;
    if (renew(self, self->host->view(self->ctx)) == 0) {
        take_loads(self);
        if (capacities(self) == 0 && board_make(self, &board) == 0 &&
            board.count != 0) {
            tell(self, &board);
            balancer_board_free(&self->board);
            self->board = board;
            self->taken_ns = self->host->now_ns(self->ctx);
            board.entries = NULL;
            self->host->counter_add(self->ctx, "boards_made", 1);
            show(self);
        }
        balancer_board_free(&board);
        balancer_even(self);
    }
    arm(self, self->interval_ms * NS_PER_MS);
}
