/* SPDX-License-Identifier: MIT */
/* mock_host: a struct phub_host for tests of strategies, in virtual time.
 *
 * A world has nodes; each node is one struct mock with one strategy, loaded
 * from its .so as a hub would.  Nothing happens but in mock_run(), which hands
 * out events in order of time and of asking; the same seed gives the same run.
 *
 * The mock judges while it answers: what a hub would refuse, or what would
 * break a promise, is counted in world->violations and told in
 * world->violation.  Each child keeps a trace of what was done about it, one
 * letter per call:
 *
 *   c consent  o open  p prepare  P prepare a standby  f freeze  t take state
 *   e end      s send state      d decide   a abort    F finish  R report
 *   h its state goes ahead
 *
 * Answers are scripted per step: failures, silence, lateness, repetition. */
#ifndef MOCK_HOST_H
#define MOCK_HOST_H

#include <stdbool.h>

#include <phub/plugin.h>

#include "strategy/caller.h"

#define MOCK_NODES_MAX 1000
#define MOCK_CROWD 64        /* of most tests: many, and quick */
#define MOCK_AUTHORS_MAX MOCK_NODES_MAX
#define MS 1000000ull

enum mock_step {
    MOCK_CONSENT, MOCK_OPEN, MOCK_PREPARE, MOCK_FREEZE, MOCK_TAKE, MOCK_END,
    MOCK_SEND, MOCK_DECIDE, MOCK_ABORT, MOCK_PRESEND, MOCK_STEPS
};

enum mock_mode {
    MOCK_OK,         /* completes well after delay_ms */
    MOCK_REFUSE,     /* the call itself returns rc */
    MOCK_FAIL,       /* completes with rc after delay_ms */
    MOCK_SILENT,     /* never completes */
    MOCK_LATE,       /* completes well, an hour later */
    MOCK_TWICE       /* completes well, twice */
};

struct mock_script {
    enum mock_mode mode;
    int rc;
    uint32_t times;      /* how often; then MOCK_OK */
    uint64_t target;     /* only moves to this node; 0 = all */
    uint32_t delay_ms;   /* 0 = 1 */
};

struct mock_child {
    uint32_t flags;            /* PHUB_CHILD_CAN_* */
    uint32_t state;            /* enum phub_instance_state, here */
    uint64_t runs_on;          /* node that runs it after a move */
    uint32_t reports;
    uint32_t trace_size;
    int rc;                    /* of the last report */
    char trace[120];
    char text[240];
    char note[240];
};

struct mock_move {
    uint32_t child;
    uint32_t prepared : 1, standby : 1, frozen : 1, taken : 1, ended : 1,
        sent : 1, decided : 1, closed : 1, deciding : 1, aborting : 1,
        returned : 1;
    uint64_t target;
};

#define MOCK_VALUES_MAX 16

struct mock_value {
    size_t key_size;           /* 0: free */
    size_t size;
    uint8_t key[PHUB_STORE_KEY_MAX];
    uint8_t bytes[1024];
};

struct mock_world;

struct mock {
    struct phub_host host;     /* a copy that a test may cut short */
    struct mock_world *world;
    struct phub__strategy *strategy;
    /* Set to take completions instead of a strategy (libraries' tests). */
    void (*completed)(void *arg, uint64_t token, int32_t rc,
                      const struct phub_result *result);
    void *completed_arg;
    uint64_t id;
    struct phub_view *view;
    struct mock_script script[MOCK_STEPS];
    struct mock_child *children;   /* "c0" ... */
    uint32_t children_count;
    struct mock_move *moves;
    uint32_t moves_count, moves_size, moves_open, moves_open_max;
    uint64_t head;                 /* own stream */
    uint64_t applied[MOCK_AUTHORS_MAX + 1];
    uint32_t messages_sent, messages_received;
    uint64_t bytes_sent, bytes_received;
    uint32_t timers;
    uint32_t judge_again;          /* calls */
    uint32_t busy_permille;        /* of peer_send calls */
    struct phub_lease lease;       /* what lease() tells */
    int store_rc;                  /* of writes to the store */
    struct mock_value values[MOCK_VALUES_MAX];  /* outlive the strategy */
    int cell_watched;
    uint64_t cell_token;
    struct phub_load load;         /* what load_of() tells; serial 0: nothing */
    uint32_t load_interval_ms;
    uint32_t planned;              /* a plan is under way */
    uint64_t load_to;              /* whom it is sent to */
    uint32_t plans, plans_cancelled, plan_moves, plan_pace;
    char failed[200];
    char log[200];
};

struct mock_event;

struct mock_world {
    uint64_t now_ns;
    uint64_t random;
    uint64_t order;
    struct phub__loader *loader;
    struct mock *nodes[MOCK_NODES_MAX];
    uint32_t nodes_count;
    struct mock_value cells[MOCK_VALUES_MAX];   /* of all nodes */
    uint64_t cell_versions[MOCK_VALUES_MAX];
    struct mock_event *heap;
    uint32_t heap_count, heap_size;
    uint32_t weight[MOCK_NODES_MAX + 1];   /* by id; 0 = normal */
    uint32_t starts[MOCK_NODES_MAX + 1];   /* by id, besides the first */
    char zone[MOCK_NODES_MAX + 1][16];
    char labels[MOCK_NODES_MAX + 1][32];   /* "disk=ssd,rack=3" */
    uint64_t *homes;               /* of children, 0: none; the test's */
    uint32_t homes_count;
    uint32_t sticky;               /* so many of the first are */
    int32_t bufs;                  /* not given back */
    int32_t views;
    uint32_t violations;
    char violation[240];
};

void mock_world_init(struct mock_world *world, uint64_t seed);
void mock_world_fini(struct mock_world *world);
uint64_t mock_random(struct mock_world *world);
void mock_violate(struct mock_world *world, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A node with id world->nodes_count + 1, alone in its view. */
struct mock *mock_new(struct mock_world *world);
/* Load and open; name or absolute path; params end with NULL.  Returns what
 * phub__strategy_open returned; loading must go well. */
int mock_open(struct mock *mock, uint32_t kind, const char *name,
              const char *const *params);
void mock_close(struct mock *mock);
/* Give node a view of these ids (sorted here) and tell its strategy. */
void mock_view(struct mock *mock, const uint64_t *ids, uint32_t count);
/* The same view of nodes 1 .. count for nodes 1 .. count. */
void mock_view_all(struct mock_world *world, uint32_t count);
struct phub_view *mock_view_new(struct mock_world *world, const uint64_t *ids,
                                uint32_t count);
void mock_view_free(struct phub_view *view);

/* Hand out events up to now + ms; returns how many. */
uint64_t mock_run(struct mock_world *world, uint64_t ms);

/* moves.c: children "c0" ... "c<count-1>" run here. */
void mock_children(struct mock *mock, uint32_t count, uint32_t flags);
struct mock_child *mock_child(const struct mock *mock,
                              const struct phub_bytes *id);
/* Begin a move of children [first, first + count) to targets. */
int mock_begin(struct mock *mock, uint32_t first, uint32_t count,
               const uint64_t *targets, uint32_t targets_count,
               uint32_t flags, uint32_t deadline_ms);
void mock_moves_host(struct phub_host *host);
void mock_moves_done(struct mock *mock, uint64_t move, uint32_t step,
                     int rc);

/* streams.c: node i's stream has entries 1 .. head. */
void mock_streams_host(struct phub_host *host);
void mock_write(struct mock *mock, uint32_t entries);

/* store.c: later, elsewhere, lease and store. */
void mock_store_host(struct phub_host *host);

/* load.c: loads, homes and plans. */
void mock_load_host(struct phub_host *host);

/* For moves.c, streams.c and store.c. */
struct mock *mock_of(struct phub_ctx *ctx);
struct phub_buf *mock_buf(struct mock_world *world, const void *data,
                          size_t size);
void mock_complete(struct mock *mock, uint64_t delay_ms, uint64_t token,
                   int rc, uint64_t value, uint64_t move, uint32_t step);
void mock_complete_buf(struct mock *mock, uint64_t delay_ms, uint64_t token,
                       int rc, const void *data, size_t size);

#endif
