/* SPDX-License-Identifier: MIT */
/* balancer: the parts of load_balancer; see distribution-load_balancer.c. */
#ifndef BALANCER_BALANCER_H
#define BALANCER_BALANCER_H

#include <stdbool.h>
#include <stdint.h>

#include <phub/plugin.h>

#define BALANCER_HISTORY_MAX 100u
#define BALANCER_CPUS_MAX 4096u          /* of a machine that count */
#define BALANCER_FREE_MIN 100u           /* permille, whatever the score */
#define BALANCER_CAPACITY_MAX (1000u * BALANCER_CPUS_MAX)
#define BALANCER_SCORE_MAX 1000u
#define BALANCER_NODES_MAX 65536u        /* on a board */
#define BALANCER_STALE 6u                /* intervals without news */
#define NS_PER_MS 1000000ull
#define NS_PER_MINUTE 60000000000ull

/* --- the board ------------------------------------------------------------ */

struct balancer_entry {
    uint64_t node;
    uint32_t score;      /* permille, over its history */
    uint32_t samples;    /* in that history */
    uint32_t capacity;   /* free permille of a cpu; 0: it takes nothing */
    uint32_t reserved_;
};

struct balancer_board {
    uint64_t leader;     /* 0: there is none */
    uint64_t view_hash;
    uint64_t serial;     /* grows, of one leader in one view */
    struct balancer_entry *entries;  /* by node, ascending */
    uint32_t count;
    uint32_t mean;       /* capacity of those that have some */
};

void balancer_board_free(struct balancer_board *board);
const struct balancer_entry *
balancer_board_find(const struct balancer_board *board, uint64_t node);
/* Work out board->mean. */
void balancer_board_mean(struct balancer_board *board);
/* CBOR; *bytes is to be freed.  Errors: PHUB_ENOMEM. */
int balancer_board_encode(const struct balancer_board *board,
                          uint8_t **bytes, size_t *size);
/* What came from leader; any bytes.  Errors: PHUB_EINVAL, PHUB_ENOMEM. */
int balancer_board_decode(const struct phub_bytes *message, uint64_t leader,
                          struct balancer_board *board);

/* --- scores ---------------------------------------------------------------- */

struct balancer_weights {
    uint64_t cpu, queue, children, memory;
    uint64_t queue_full;     /* tasks per cpu */
    uint64_t children_full;  /* of a node */
    uint64_t history;        /* samples kept */
    uint64_t decay;          /* %, from a sample to the one before it */
};

/* What the leader remembers of a node. */
struct balancer_history {
    uint64_t node;
    uint64_t boot;
    uint64_t serial;         /* of the last load; 0: none yet */
    uint64_t heard_ns;       /* when that was */
    uint64_t machine;
    uint32_t cpus;
    uint32_t count;          /* samples; 0: nothing is known */
    uint32_t newest;         /* its place in samples */
    uint32_t score;          /* of all of them */
    uint32_t capacity;       /* as on the last board */
    uint32_t leaving;
    uint16_t samples[BALANCER_HISTORY_MAX];
};

/* One measurement, in permille. */
uint32_t balancer_score(const struct balancer_weights *weights,
                        const struct phub_load *load);
void balancer_history_add(struct balancer_history *history,
                          const struct balancer_weights *weights,
                          uint32_t score);
/* As a leader before had it: its score counts as so many samples. */
void balancer_history_inherit(struct balancer_history *history,
                              const struct balancer_weights *weights,
                              const struct balancer_entry *entry);

/* --- seats ----------------------------------------------------------------- */

/* A member, as somebody who places children sees it. */
struct balancer_seat {
    uint64_t node;
    uint32_t capacity;   /* 0: no child goes there */
    uint32_t homes;
    uint32_t last;       /* only if there is nobody else */
    uint32_t tie;
};

struct balancer_seats {
    struct balancer_seat *seats;
    uint32_t *counts;
    uint32_t count;      /* in the heap */
    uint32_t room;
    uint64_t view_hash;
    uint64_t until_ns;   /* as they are they may be used again until then */
};

void balancer_seats_free(struct balancer_seats *seats);
/* Room for so many.  Errors: PHUB_ENOMEM. */
int balancer_seats_room(struct balancer_seats *seats, uint32_t count);
/* The order of a heap; seats without capacity are left out. */
void balancer_seats_heap(struct balancer_seats *seats);
/* The emptiest, by its capacity, to seats[count] behind the heap; NULL: none
 * are left. */
struct balancer_seat *balancer_seats_pop(struct balancer_seats *seats);
/* The same for equal bytes and seeds. */
uint64_t balancer_hash(const struct phub_bytes *bytes, uint64_t seed);
/* seats[count] again belongs to the heap. */
void balancer_seats_push(struct balancer_seats *seats);

/* --- the strategy ---------------------------------------------------------- */

#define BALANCER_AVOID_MAX 64u

struct balancer_avoid {
    uint64_t node;
    uint64_t until_ns;
};

struct balancer {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct balancer_weights weights;
    uint64_t interval_ms;
    uint64_t leader;         /* lowest id in the view */
    uint64_t told;           /* whom loads go to; 0: nobody yet */
    uint64_t taken_ns;       /* when the board came */
    struct balancer_board board;
    struct balancer_board early;  /* of a view that is not ours yet */
    struct balancer_seats seats;
    struct balancer_avoid avoid[BALANCER_AVOID_MAX];
    uint32_t avoid_count;
    uint32_t said;           /* that somebody sends garbage */

    /* Of who leads. */
    struct balancer_history *histories;  /* as in the view */
    uint32_t histories_count;
    uint32_t timed;          /* a board is to come */
    uint64_t histories_hash; /* of that view */
    uint64_t serial;
    uint64_t per_minute;     /* moves; 0: none */
    uint64_t uneven;         /* % from its share that a node may be */
    uint64_t calm_ns;        /* no moves before */
    uint64_t next_ns;        /* nor before this, at the pace */
    uint64_t evening;        /* token of the plan that is under way */
    uint64_t plans;
    uint64_t evens;          /* it was uneven, and is not even yet */
};

/* The low byte of a token. */
enum balancer_token { BALANCER_TOKEN_BOARD = 1, BALANCER_TOKEN_PLAN = 2 };

/* The board, if there is one that is not too old. */
const struct balancer_board *balancer_known(const struct balancer *self);
/* Fill self->seats by a view; no heap yet. */
int balancer_seats_fill(struct balancer *self, const struct phub_view *view,
                        uint64_t seed);

/* leader.c: the view is another, and this node leads; or it does not. */
void balancer_lead(struct balancer *self);
void balancer_lead_no_more(struct balancer *self);
/* The time for a board has come. */
void balancer_lead_turn(struct balancer *self);

/* even.c: move some, if it is uneven and moves are wanted. */
void balancer_even(struct balancer *self);
void balancer_even_done(struct balancer *self, uint64_t token, int rc,
                        const struct phub_result *result);

#endif
