/* SPDX-License-Identifier: MIT */
/* private: what the parts of the simulated environment share.
 *
 * Ownership: the world owns nodes, events and cuts; a node its disk, guard
 * and (while one runs) process; a process its timers, links, listener and
 * runners.  A process that ended stays as an empty shell until the last event
 * that names it is gone; such events are dropped, not run. */
#ifndef PHUB__ENV_SIM_PRIVATE_H
#define PHUB__ENV_SIM_PRIVATE_H

#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>

#include "child/runner.h"
#include "env/env.h"
#include "env/sim/share.h"
#include "env/sim/world.h"
#include "wire/assert.h"
#include "wire/buf.h"

struct phub__sim_process;
struct phub__sim_file;
struct phub__sim_write;
struct phub__sim_guard;

struct phub__sim_random {
    uint64_t s[4];
};

/* What an event is, for the trace. */
enum phub__sim_kind {
    PHUB__SIM_SCRIPT = 1, PHUB__SIM_TIMER, PHUB__SIM_POST, PHUB__SIM_WORK,
    PHUB__SIM_FRAME, PHUB__SIM_LINK, PHUB__SIM_FILE, PHUB__SIM_NAME,
    PHUB__SIM_RUNNER, PHUB__SIM_CHILD, PHUB__SIM_NOTE
};

struct phub__sim_event {
    uint64_t at;
    uint64_t number;
    struct phub__sim_process *process;  /* whose turn it is; NULL: none */
    void (*run)(void *arg);
    void (*drop)(void *arg);            /* instead of run; may be NULL */
    void *arg;
    uint64_t content;
    enum phub__sim_kind kind;
    uint32_t index;                     /* the queue's: where it is */
    struct phub__sim_event *prev, *next; /* in the wheel, or held by a frozen
                                          * process */
};

/* An event's place in the heap, with its order. */
struct phub__sim_slot {
    uint64_t at, number;
    struct phub__sim_event *event;
};

#define PHUB__SIM_QUEUE_SLOTS 4096u     /* ticks of one turn; a power of 2 */

/* All zero is empty, at time 0. */
struct phub__sim_queue {
    uint64_t tick;                      /* come to; earlier ones are no more */
    struct phub__sim_slot *heap;        /* of it */
    uint32_t heap_count, heap_max;
    uint32_t wheel_count;
    uint64_t taken[PHUB__SIM_QUEUE_SLOTS / 64]; /* slots with events, a bit
                                                 * each */
    struct phub__sim_event *wheel[PHUB__SIM_QUEUE_SLOTS];
};

struct phub__timer {
    struct phub__sim_process *process;
    struct phub__timer *prev, *next;
    struct phub__sim_event *event;      /* NULL: not running */
    void (*fire)(void *arg);
    void *arg;
};

struct phub__sim_deferred {
    void (*fn)(void *arg);
    void *arg;
};

struct phub__sim_runner {
    struct phub__runner runner;
    struct phub__sim_process *process;
    const struct phub__runner_events *events; /* NULL: detached */
    void *arg;
    uint64_t handle_next;
    int actor;
    uint64_t deadline;                  /* of actors; boot clock, 0: none */
    struct phub__sim_event *check;
};

struct phub__sim_process {
    struct phub_env env;
    struct phub__world *world;
    struct phub__sim_node *node;
    uint32_t refs;                      /* events, and the node */
    uint64_t serial;
    void *self;
    int dead;                           /* nothing of it is real any more */
    int dying;                          /* after this turn */
    int frozen;
    uint64_t busy_until;
    uint32_t effects_left;              /* 0: no limit */
    struct phub__sim_random random;
    struct phub__timer *timers;
    struct phub__sim_deferred *deferred;
    uint32_t deferred_count, deferred_max;
    struct phub__sim_event *held, *held_tail; /* it is frozen, or slow */
    struct phub__sim_event *late;    /* of a slow one: its next, queued */
    uint32_t posts, works;
    /* net */
    const struct phub__net_events *net_events;
    void *net_arg;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    struct phub__link *links;
    struct phub__link *connected;       /* links of others to it */
    struct phub__sim_process *listen_next; /* of the same bucket */
    /* children */
    struct phub__sim_runner exec, actor;
};

struct phub__sim_node {
    struct phub__world *world;
    uint32_t index;
    char name[PHUB_NODE_NAME_MAX + 1];
    struct phub__sim_program program;
    struct phub__sim_process *process;
    uint32_t starts;
    uint64_t mono_offset, boot_offset;
    int32_t ppm;
    uint64_t slow_ns;
    struct phub__sim_file *files;
    struct phub__sim_write *writes, *writes_tail; /* under way, in order */
    int disk_full, sync_fails;
    int no_exec;                        /* nothing can be started */
    int guard_busy;                     /* it takes no orders */
    int tear;                           /* the crash halves the last append */
    int dark;                           /* without power: answers nothing */
    struct phub__sim_load load;
    uint64_t load_at, load_busy, load_all, load_own;  /* so far; ns of a cpu */
    struct phub__sim_guard *guard;
};

struct phub__sim_cut {
    uint64_t since;
    int held;
    struct phub__sim_frame *stuck, *stuck_tail; /* wait for it to end */
};

/* One line of the cache: each frame takes another path. */
#define PHUB__SIM_LINE 64u
struct phub__sim_path {
    _Alignas(PHUB__SIM_LINE) struct phub__sim_random random;
    uint64_t free_at;                   /* the wire is taken until then */
    struct phub__sim_net *net;          /* its own, or NULL: the world's */
    struct phub__sim_cut *cut;          /* NULL: there is none */
};

struct phub__sim_name {
    struct phub__sim_name *next;
    char *what;
    char **endpoints;
    uint32_t count;
};

#define PHUB__SIM_LISTENERS 1024u

enum phub__sim_by {
    PHUB__SIM_BY_ID, PHUB__SIM_BY_PID, PHUB__SIM_BY_HANDLE, PHUB__SIM_BYS
};

/* Of the children that run. */
struct phub__sim_index {
    struct phub__sim_child **buckets[PHUB__SIM_BYS];
    uint32_t size, count;               /* size: a power of 2, or 0 */
};

struct phub__world {
    struct phub__world_options options;
    uint64_t now;
    uint64_t numbers;                   /* of events */
    uint64_t ran;
    uint64_t hash;
    uint64_t serials;                   /* processes, links, children */
    struct phub__sim_queue queue;
    struct phub__sim_event *events_free; /* by next */
    struct phub__sim_random streams[PHUB__SIM_CASE + 1];
    struct phub__sim_node **nodes;
    uint32_t nodes_count;
    struct phub__sim_path *paths;       /* nodes_count squared */
    uint32_t paths_side;
    uint32_t paths_own;                 /* those with a net of their own */
    struct phub__sim_name *names;
    uint64_t resolve_ns;
    uint32_t resolving;
    struct phub__sim_traffic traffic;
    struct phub__sim_process *listeners[PHUB__SIM_LISTENERS]; /* hashed */
    struct phub__sim_frame *frames_free; /* by next */
    struct phub_buf *hashed;            /* the last large body ... */
    uint64_t hashed_hash;               /* ... and its hash; owned */
    struct phub_buf *whole;             /* the last frame received; owned */
    size_t whole_max;
    struct phub__sim_child *children;   /* all that run; newest last */
    struct phub__sim_child *children_tail;
    struct phub__sim_index index;
    struct phub__sim_process *turn;     /* whose event is being handled */
    struct phub__sim_share share;       /* bytes that many hold */
};

/* --- world.c -------------------------------------------------------------- */
void *phub__sim_alloc(size_t count, size_t size);
/* The same, from the beginning of a line of the cache on. */
void *phub__sim_alloc_lines(size_t count, size_t size);
void *phub__sim_grow(void *old, size_t count, size_t size);
char *phub__sim_text(const char *text, size_t size);
void phub__sim_mix(struct phub__world *world, uint64_t value);
uint64_t phub__sim_hash(const void *data, size_t size);

/* Put an event in; it borrows process, which may be NULL.  drop may be NULL.
 * It is run in a turn of that process, or dropped if that has ended. */
struct phub__sim_event *
phub__sim_event(struct phub__world *world, uint64_t at,
                struct phub__sim_process *process, enum phub__sim_kind kind,
                uint64_t content, void (*run)(void *arg),
                void (*drop)(void *arg), void *arg);
/* Take it out without running or dropping it. */
void phub__sim_event_cancel(struct phub__world *world,
                            struct phub__sim_event **event);

/* One that waits in the queue is put behind all of that time. */
void phub__sim_event_move(struct phub__world *world,
                          struct phub__sim_event *event, uint64_t at);

/* Put one that was held back in. */
void phub__sim_event_again(struct phub__world *world,
                           struct phub__sim_event *event);

/* --- queue.c -------------------------------------------------------------- */

/* It borrows event, which is in no queue. */
void phub__sim_queue_add(struct phub__sim_queue *queue,
                         struct phub__sim_event *event);
void phub__sim_queue_remove(struct phub__sim_queue *queue,
                            struct phub__sim_event *event);
/* Is it in one? */
int phub__sim_queue_has(const struct phub__sim_event *event);
/* The one with the least (time, number), which stays; NULL: it is empty. */
struct phub__sim_event *phub__sim_queue_first(struct phub__sim_queue *queue);
/* It is empty. */
void phub__sim_queue_fini(struct phub__sim_queue *queue);

/* --- index.c -------------------------------------------------------------- */
void phub__sim_index_fini(struct phub__world *world);

/* --- random.c ------------------------------------------------------------- */
void phub__sim_seed(struct phub__sim_random *random, uint64_t seed,
                    uint64_t a, uint64_t b);
uint64_t phub__sim_draw(struct phub__sim_random *random);
uint64_t phub__sim_below(struct phub__sim_random *random, uint64_t count);
/* Exponential with that mean, at most ten times it. */
uint64_t phub__sim_tail(struct phub__sim_random *random, uint64_t mean);
int phub__sim_chance(struct phub__sim_random *random, uint32_t permille);

/* --- node.c, process.c ---------------------------------------------------- */
uint64_t phub__sim_mono(const struct phub__sim_node *node);
uint64_t phub__sim_boot(const struct phub__sim_node *node);
/* World time at which that local monotonic (or boot) time is reached. */
uint64_t phub__sim_when_mono(const struct phub__sim_node *node, uint64_t at);
uint64_t phub__sim_when_boot(const struct phub__sim_node *node, uint64_t at);
/* Time has passed with so many children. */
void phub__sim_load_passes(struct phub__sim_node *node, uint32_t children);
void phub__sim_process_new(struct phub__sim_node *node);
void phub__sim_process_end(struct phub__sim_process **process);
void phub__sim_process_unref(struct phub__sim_process *process);
/* Around each turn of a process. */
void phub__sim_turn_begin(struct phub__sim_process *process);
void phub__sim_turn_end(struct phub__sim_process *process);
/* What was held goes back into the queue, in order. */
void phub__sim_release(struct phub__sim_process *process);
/* An effect is about to happen; 0: it does not. */
int phub__sim_effect(struct phub__sim_process *process);
static inline struct phub__sim_process *phub__sim_of(struct phub_env *env)
{
    return (struct phub__sim_process *)env;
}

/* --- net.c ---------------------------------------------------------------- */
void phub__sim_names_init(struct phub_env *env);
void phub__sim_names_fini(struct phub__world *world);
void phub__sim_net_init(struct phub_env *env);
/* It listens no more, and who was connected to it may notice. */
void phub__sim_net_end(struct phub__sim_process *process);
uint32_t phub__sim_net_links(const struct phub__sim_process *process);
/* Free the links that are left. */
void phub__sim_net_free(struct phub__sim_process *process);
void phub__sim_net_grow(struct phub__world *world);
void phub__sim_net_fini(struct phub__world *world);

/* --- disk.c --------------------------------------------------------------- */
void phub__sim_disk_init(struct phub_env *env);
/* The process was killed; power: and what was not synced is lost. */
void phub__sim_disk_crash(struct phub__sim_node *node, int power);
void phub__sim_disk_wipe(struct phub__sim_node *node);

/* --- runner.c, guard.c ---------------------------------------------------- */
void phub__sim_runners_init(struct phub__sim_process *process);
void phub__sim_runners_end(struct phub__sim_process *process);
struct phub__runner *phub__sim_runner(struct phub_env *env, const char *name);
/* command.c: runner->command */
int phub__sim_command(struct phub__runner *base,
                      const struct phub__runner_start *start,
                      const struct phub__list *argv, struct phub_buf *input,
                      uint32_t timeout_ms,
                      void (*done)(void *arg,
                                   const struct phub__command_result *result),
                      void *arg);
void phub__sim_guard_power_off(struct phub__sim_node *node);
void phub__sim_guard_recheck(struct phub__sim_node *node);
/* Actors act while their process runs. */
void phub__sim_actors_frozen(struct phub__sim_process *process);
void phub__sim_actors_thawed(struct phub__sim_process *process);

#endif
