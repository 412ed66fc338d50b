/* SPDX-License-Identifier: MIT */
/* even: children that run are moved, at a pace, if the leader may.
 *
 * A node's share of the children stands to all as its capacity to all
 * capacities.  It begins when a node is further from its share than `uneven`
 * allows, and goes on until all are within a quarter of that: so measurements
 * that go up and down do not make children do so.  Each move makes it more even
 * than it was; which child goes is chosen at random.  One plan is under way at
 * a time, of no more moves than fit an interval, and the next one waits until
 * the pace has room for it. */
#include <stdlib.h>
#include <string.h>

#include "balancer/balancer.h"

#define MOVES_MAX 1024u      /* of a plan */
#define ROWS_MAX 4096u       /* of a node that are looked at */
#define PIECE 64u

struct move {
    uint64_t from;
    uint64_t to;
    uint64_t chance;         /* the lower, the sooner it goes */
    uint32_t size;           /* of its id; 0: none was found */
    uint8_t id[PHUB_CHILD_ID_MAX + 1];
};

static uint64_t shares_all(const struct balancer_seats *seats, uint64_t *homes)
{
    uint64_t all = 0;
    uint32_t i;

    for (i = 0, *homes = 0; i < seats->count; i++) {
        all += seats->seats[i].capacity;
        *homes += seats->seats[i].homes;
    }
    return all;
}

/* Nodes that stay, and have a share. */
static void keep_able(struct balancer_seats *seats)
{
    uint32_t i, n = 0;

    for (i = 0; i < seats->count; i++)
        if (seats->seats[i].capacity != 0 && !seats->seats[i].last)
            seats->seats[n++] = seats->seats[i];
    seats->count = n;
}

/* Whole children that a node has above (or below) its share, as far as they
 * are more than slack % of it. */
static uint64_t off(const struct balancer_seat *seat, uint64_t all,
                    uint64_t homes, uint64_t slack, bool above)
{
    uint64_t share = homes * seat->capacity / all;
    uint64_t most = share + share * slack / 100 + 1;
    uint64_t least = share - share * (slack < 100 ? slack : 100) / 100;

    if (above)
        return seat->homes > most ? seat->homes - share : 0;
    return seat->homes + 1 < least ? share - seat->homes : 0;
}

static bool any_off(const struct balancer_seats *seats, uint64_t all,
                    uint64_t homes, uint64_t slack)
{
    uint32_t i;

    for (i = 0; i < seats->count; i++)
        if (off(&seats->seats[i], all, homes, slack, true) != 0 ||
            off(&seats->seats[i], all, homes, slack, false) != 0)
            return true;
    return false;
}

/* The fullest and the emptiest, by their capacities. */
static void ends(struct balancer_seats *seats, struct balancer_seat **full,
                 struct balancer_seat **empty)
{
    uint32_t i;

    *full = *empty = &seats->seats[0];
    for (i = 1; i < seats->count; i++) {
        struct balancer_seat *seat = &seats->seats[i];

        if ((uint64_t)seat->homes * (*full)->capacity >
            (uint64_t)(*full)->homes * seat->capacity)
            *full = seat;
        if (((uint64_t)seat->homes + 1) * (*empty)->capacity <
            ((uint64_t)(*empty)->homes + 1) * seat->capacity)
            *empty = seat;
    }
}

/* From whom to whom, at most max moves. */
static uint32_t choose(struct balancer_seats *seats, uint64_t all,
                       uint64_t homes, uint64_t slack, struct move *moves,
                       uint32_t max)
{
    struct balancer_seat *full, *empty;
    uint32_t count = 0;

    while (count < max && any_off(seats, all, homes, slack)) {
        ends(seats, &full, &empty);
        if (full->homes == 0 ||
            ((uint64_t)empty->homes + 1) * full->capacity >=
                (uint64_t)full->homes * empty->capacity)
            break;
        full->homes--;
        empty->homes++;
        moves[count++] = (struct move){ .from = full->node,
                                        .to = empty->node };
    }
    return count;
}

/* --- which children --------------------------------------------------------- */

static void offer(const struct phub_row *row, uint64_t seed, uint64_t from,
                  struct move *moves, uint32_t count)
{
    struct move *worst = NULL;
    uint64_t chance = balancer_hash(&row->id, seed);
    uint32_t i;

    for (i = 0; i < count; i++)
        if (moves[i].from == from &&
            (worst == NULL || moves[i].size == 0 ||
             (worst->size != 0 && moves[i].chance > worst->chance)))
            worst = &moves[i];
    if (worst == NULL || (worst->size != 0 && worst->chance <= chance) ||
        row->id.size > PHUB_CHILD_ID_MAX)
        return;
    worst->chance = chance;
    worst->size = (uint32_t)row->id.size;
    memcpy(worst->id, row->id.data, row->id.size);
}

/* Children of a node for its moves. */
static void find(struct balancer *self, uint64_t from, struct move *moves,
                 uint32_t count)
{
    struct phub_rows_query query = { .size = sizeof query,
                                     .by = PHUB_ROWS_HOME, .node = from };
    struct phub_row rows[PIECE];
    uint64_t cursor = 0, seed = self->host->random(self->ctx);
    uint32_t seen = 0, found, i;

    do {
        if (self->host->rows_next(self->ctx, &query, &cursor, ROWS_MAX, rows,
                                  PIECE, sizeof rows[0], &found) != 0)
            return;
        for (i = 0; i < found; i++)
            if (!(rows[i].flags & PHUB_ROW_STICKY))
                offer(&rows[i], seed, from, moves, count);
        seen += found;
    } while (cursor != 0 && seen < ROWS_MAX);
}

static int submit(struct balancer *self, const struct move *moves,
                  uint32_t count)
{
    struct phub_plan_item *items = calloc((size_t)count + 1, sizeof *items);
    struct phub_pace pace = { .size = sizeof pace,
                              .per_minute = (uint32_t)self->per_minute };
    uint64_t now = self->host->now_ns(self->ctx);
    uint64_t token = ++self->plans << 8 | BALANCER_TOKEN_PLAN;
    uint32_t i, n = 0;
    int rc = PHUB_ENOMEM;

    for (i = 0; items != NULL && i < count; i++)
        if (moves[i].size != 0)
            items[n++] = (struct phub_plan_item){
                .size = sizeof items[0], .cause = PHUB_CAUSE_REBALANCE,
                .id = { moves[i].id, moves[i].size },
                .targets = &moves[i].to, .targets_count = 1 };
    if (n != 0)
        rc = self->host->plan_submit(self->ctx, items, n, sizeof items[0],
                                     &pace, token);
    free(items);
    if (n == 0 || rc != 0)
        return rc;
    self->evening = token;
    self->next_ns = now + n * (NS_PER_MINUTE / self->per_minute);
    return 0;
}

static void plan(struct balancer *self, uint64_t all, uint64_t homes,
                 uint32_t max)
{
    struct move *moves = calloc((size_t)max + 1, sizeof *moves);
    uint32_t count, i, k;

    if (moves == NULL)
        return; /* in the next interval, then */
    count = choose(&self->seats, all, homes, self->uneven / 4, moves, max);
    if (count == 0)
        self->evens = 0;
    for (i = 0; i < count; i++) {
        for (k = 0; k < i && moves[k].from != moves[i].from;)
            k++;
        if (k == i) /* the first of this node */
            find(self, moves[i].from, moves, count);
    }
    if (count != 0)
        (void)submit(self, moves, count);
    free(moves);
}

void balancer_even(struct balancer *self)
{
    uint64_t now = self->host->now_ns(self->ctx), all, homes, max;
    struct balancer_seats *seats = &self->seats;

    if (self->per_minute == 0 || self->evening != 0 || now < self->calm_ns ||
        now < self->next_ns ||
        balancer_seats_fill(self, self->host->view(self->ctx), 0) != 0)
        return;
    keep_able(seats);
    all = shares_all(seats, &homes);
    if (seats->count < 2 ||
        (!self->evens && !any_off(seats, all, homes, self->uneven))) {
        self->evens = 0;
        return;
    }
    self->evens = 1;
    max = self->per_minute * self->interval_ms / 60000 + 1;
    plan(self, all, homes, max < MOVES_MAX ? (uint32_t)max : MOVES_MAX);
}

void balancer_even_done(struct balancer *self, uint64_t token, int rc,
                        const struct phub_result *result)
{
    if (token != self->evening)
        return;
    self->evening = 0;
    if (result != NULL && result->value != 0)
        self->host->counter_add(self->ctx, "moved", result->value);
    if (result != NULL && result->count != 0)
        self->host->counter_add(self->ctx, "not_moved", result->count);
    (void)rc;
}
