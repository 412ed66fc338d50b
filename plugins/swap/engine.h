/* SPDX-License-Identifier: MIT */
/* engine: the inside of libphubswap.
 *
 * A move lives in a slot; slots are found by token (slot and sequence), by
 * child (a hash table) and by time (a heap over due_ns, one host timer for the
 * first).  A token is bit 63, 31 bits of sequence, 32 bits of slot: every
 * request to the host takes a new sequence, so an answer that comes late or
 * twice fits no move any more.  The timer is the last slot, and states that go
 * ahead are the one before. */
#ifndef PHUB_SWAP_ENGINE_H
#define PHUB_SWAP_ENGINE_H

#include <stdbool.h>

#include <phub/swap.h>

#define NS_PER_MS 1000000ull
#define NEVER UINT64_MAX
#define TOKEN_OURS (1ull << 63)
#define TOKEN_TIMER_SLOT UINT32_MAX
#define TOKEN_AHEAD_SLOT (UINT32_MAX - 1)
#define WATCHDOG_MS 1000u       /* beyond the host's own timeout */
#define BUSY_FIRST_MS 20u       /* pause, doubled each time */
#define BUSY_LAST_MS 1000u
#define TEXT_MAX 200u
#define OWNERS_MAX 64u          /* of a child with replicas that are asked for */

struct phub_swap_move {
    const char *why;            /* ABORT: its sentence; static, or said */
    char *said;                 /* owns; what the host said last, or NULL */
    char *text;                 /* owns; how its targets failed, or NULL */
    uint64_t *targets;          /* behind the struct, as is child */
    uint8_t *child;
    size_t child_size;
    struct phub_swap_move *same_hash;
    struct phub_swap_move *next;      /* in its group's queue */
    struct phub_swap_move *prev;
    struct phub_swap_batch *batch;
    uint64_t hash;
    uint64_t token;             /* the answer it waits for, 0 = none */
    uint64_t move;              /* the host's number, 0 = not open */
    uint64_t due_ns;            /* NEVER: not in the heap */
    uint64_t step_due_ns;       /* of the step alone */
    uint64_t deadline_ns;       /* of the item; NEVER */
    uint64_t still_ns;          /* give up a child that stands still; NEVER */
    uint64_t begun_ns;
    uint64_t force_ns;          /* move without consent from here on */
    uint64_t state_size;
    uint32_t targets_count;
    uint32_t attempt;           /* index in targets */
    uint32_t busy;              /* times this target was */
    uint32_t put_off;           /* times the child refused */
    uint32_t step;              /* enum phub_swap_step */
    uint32_t flags;
    uint32_t cause;
    uint32_t slot;
    uint32_t heap_index;
    int failed_rc;              /* ABORT: why */
    bool queued;                /* in its group's queue */
    bool counted;               /* in its group's under_way */
    bool ask;                   /* for consent */
    bool agreed;                /* the child has said so by itself */
    bool last;                  /* ABORT: no further target */
};

/* What one begin() brought. */
struct phub_swap_batch {
    uint32_t left;
    uint32_t moved;
    uint32_t failed;
};

/* The moves to one target. */
struct phub_swap_group {
    uint64_t node;
    struct phub_swap_move *first, *last;
    uint32_t waiting;
    uint32_t under_way;
};

struct phub_swap {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct phub_swap_options options;
    struct phub_swap_move **slots;
    uint32_t *free_slots;        /* a stack */
    struct phub_swap_move **table;
    struct phub_swap_move **heap;
    struct phub_swap_group *groups;  /* sorted by node */
    uint64_t timer_ns;           /* what the host's timer is set to */
    uint64_t timer_token;
    uint32_t slots_count;        /* allocated, a power of two, as the table */
    uint32_t moves_count;
    uint32_t heap_count;
    uint32_t groups_count;
    uint32_t groups_size;        /* allocated */
    uint32_t groups_turn;        /* where the next turn begins */
    uint32_t under_way;
    uint32_t sequence;
    uint32_t ahead;              /* states on their way, without a move */
    uint32_t ahead_there;
    uint32_t ahead_missing;
    uint32_t steps[PHUB_SWAP_ABORT + 1];  /* moves in each step */
    uint64_t agreed;             /* handle of that event, or 0 */
    bool leaving;                /* nobody is asked for consent */
};

/* --- moves (move.c) ------------------------------------------------------ */
int phub__swap_reserve(struct phub_swap *swap, uint32_t more);
struct phub_swap_move *phub__swap_move_new(struct phub_swap *swap,
                                           const struct phub_plan_item *item);
void phub__swap_move_add(struct phub_swap *swap, struct phub_swap_move *move);
void phub__swap_move_drop(struct phub_swap *swap, struct phub_swap_move *move);
struct phub_swap_move *phub__swap_find(const struct phub_swap *swap,
                                       const struct phub_bytes *child);
struct phub_swap_move *phub__swap_by_token(const struct phub_swap *swap,
                                           uint64_t token);
uint64_t phub__swap_token_of(struct phub_swap *swap, uint32_t slot);
uint64_t phub__swap_token(struct phub_swap *swap, struct phub_swap_move *move);
void phub__swap_step_set(struct phub_swap *swap, struct phub_swap_move *move,
                         uint32_t step);
struct phub_bytes phub__swap_child(const struct phub_swap_move *move);

/* --- time (timer.c) ------------------------------------------------------ */
/* The step must have ended at step_due_ns (NEVER: no limit of its own). */
void phub__swap_due(struct phub_swap *swap, struct phub_swap_move *move,
                    uint64_t step_due_ns);
void phub__swap_due_drop(struct phub_swap *swap, struct phub_swap_move *move);
struct phub_swap_move *phub__swap_due_first(struct phub_swap *swap,
                                            uint64_t now_ns);
/* Set the host's timer for the first of the heap. */
void phub__swap_arm(struct phub_swap *swap);
uint64_t phub__swap_now(const struct phub_swap *swap);
uint64_t phub__swap_after(const struct phub_swap *swap, uint64_t ms);

/* A child that was put off may be moved now; token is the swap. */
void phub__swap_agreed(void *self, uint64_t token,
                       const struct phub_event *event);

/* --- queues (plan.c) ----------------------------------------------------- */
struct phub_swap_group *phub__swap_group(struct phub_swap *swap,
                                         uint64_t node);
void phub__swap_under_way(struct phub_swap *swap, struct phub_swap_move *move,
                          bool under_way);
void phub__swap_unqueue(struct phub_swap *swap, struct phub_swap_move *move);

/* --- steps (steps.c) ----------------------------------------------------- */
/* Step ended has ended with rc: begin the one that the strategy names. */
void phub__swap_next(struct phub_swap *swap, struct phub_swap_move *move,
                     uint32_t ended, int32_t rc);

/* --- the machine (swap.c) ------------------------------------------------ */
const char *phub__swap_why(int rc);
/* The node's name for people, or its number. */
void phub__swap_node_name(struct phub_swap *swap, uint64_t id, char *name,
                          size_t name_max);
/* For the child's consent; nothing has been done yet. */
bool phub__swap_waits(const struct phub_swap_move *move);
/* The step that move is in has ended. */
void phub__swap_ended(struct phub_swap *swap, struct phub_swap_move *move,
                      int rc, const struct phub_result *result);
/* Give up this attempt for why (static); last: no other target. */
void phub__swap_fail(struct phub_swap *swap, struct phub_swap_move *move,
                     int rc, const char *why, bool last);
/* A state that was sent ahead is there, or missing. */
void phub__swap_ahead_ended(struct phub_swap *swap, int rc);
/* Its state goes ahead to where it will be at home, or the news that there is
 * none. */
void phub__swap_send_ahead(struct phub_swap *swap,
                           const struct phub_bytes *child);
void phub__swap_counter_add(struct phub_swap *swap, const char *name,
                            uint64_t n);
void phub__swap_log(struct phub_swap *swap, uint32_t level, const char *text);
/* Start what may start. */
void phub__swap_pump(struct phub_swap *swap);
void phub__swap_note(struct phub_swap *swap,
                     const struct phub_swap_move *move, const char *text);

#endif
