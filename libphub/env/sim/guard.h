/* SPDX-License-Identifier: MIT */
/* guard: private declarations of simulated children and what holds them.
 *
 * An exec child belongs to its node's guard and outlives the daemon until the
 * guard's deadline; an actor belongs to its process.  What an exec child does
 * happens in nobody's turn; what an actor does, in a turn of its process, so
 * a frozen process freezes its actors. */
#ifndef PHUB__ENV_SIM_GUARD_H
#define PHUB__ENV_SIM_GUARD_H

#include "child/spec.h"
#include "env/sim/private.h"

/* How it behaves, from its words. */
struct phub__sim_manner {
    uint32_t can;
    uint64_t slow_ready_ns, late_state_ns, late_freeze_ns, slow_stop_ns;
    uint64_t crash_after_ns, exit_after_ns, defer, agree_ns, state_size, version,
        old_on, checkpoint_ms;
    uint64_t slow_exec_ns, garbage_ns, flood, late_identify_ns, hang_up_ns;
    int never_state, early_ready, refuse_freeze, no_ready;
    int silent, twice, ignore_stop, crash_loop, fail_start, no_channel;
};

struct phub__sim_child {
    struct phub__sim_child *prev, *next;    /* of the world */
    struct phub__sim_child *chain[PHUB__SIM_BYS];
    struct phub__world *world;
    struct phub__sim_node *node;
    struct phub__sim_process *process;      /* an actor's; NULL: exec */
    struct phub__sim_manner manner;
    uint64_t handle;
    uint64_t serial;
    int64_t pid;
    struct phub_epoch epoch, incarnation;
    uint64_t began_ns;
    uint64_t counters[PHUB__SIM_CLIENTS_MAX];
    uint32_t refs;                          /* the world, and events */
    uint32_t deferred;
    int standby, committed, state_expected, state_put, introduced;
    int ready, readying, frozen, stopped, acts, dead;
    int passive;                            /* and it knows */
    uint32_t id_size;
    char id[];
};

struct phub__sim_put {
    struct phub__sim_put *next;
    struct phub_buf *state;
    uint32_t id_size;
    char id[];
};

struct phub__sim_guard {
    uint64_t id;
    uint64_t deadline;                      /* boot clock; 0: never given */
    struct phub__sim_event *check;
    struct phub__sim_runner *runner;        /* of the daemon; NULL: away */
    struct phub__sim_put *puts;             /* states for the next start */
    uint32_t spawning;                      /* started, not begun yet */
};

/* --- index.c -------------------------------------------------------------- */
/* It is in the world's list already, and still is when it is removed. */
void phub__sim_index_add(struct phub__sim_child *child);
void phub__sim_index_remove(struct phub__sim_child *child);
void phub__sim_child_rehandle(struct phub__sim_child *child, uint64_t handle);
/* Of an exec runner: of is NULL. */
struct phub__sim_child *
phub__sim_child_held(const struct phub__sim_node *node, uint64_t handle,
                     const struct phub__sim_process *of);

/* --- child.c -------------------------------------------------------------- */
void phub__sim_manner(struct phub__sim_manner *manner,
                      const struct phub__spec *spec, int actor);
/* Make it; it begins at once. */
struct phub__sim_child *
phub__sim_child_new(struct phub__sim_node *node,
                    struct phub__sim_process *process,
                    const struct phub__sim_child *like);
void phub__sim_child_begin(struct phub__sim_child *child);
/* A verb arrived at it. */
void phub__sim_child_verb(struct phub__sim_child *child, enum phub__verb verb,
                          uint64_t ref, int32_t code, struct phub_buf *body);
/* Another daemon adopted it: it tells all again. */
void phub__sim_child_identify(struct phub__sim_child *child);
/* It has closed its channel. */
int phub__sim_child_hung_up(const struct phub__sim_child *child);
/* A signal, after a moment. */
void phub__sim_child_signal(struct phub__sim_child *child, int hard);
void phub__sim_child_end(struct phub__sim_child *child, int status,
                         enum phub__sim_end why);
void phub__sim_child_unref(struct phub__sim_child *child);
/* Work out whether it acts, and tell if that changed. */
void phub__sim_child_judge(struct phub__sim_child *child);
struct phub_buf *phub__sim_child_state(const struct phub__sim_child *child);
int phub__sim_child_load(struct phub__sim_child *child,
                         const struct phub_buf *state);

/* --- runner.c: what its daemon hears -------------------------------------- */
void phub__sim_tell_started(struct phub__sim_child *child);
void phub__sim_tell_exited(struct phub__sim_child *child, int status,
                           enum phub__end_cause cause);
/* body may be NULL; a reference is taken. */
void phub__sim_tell(struct phub__sim_child *child, enum phub__verb verb,
                    uint64_t ref, int32_t code, struct phub_buf *body);

/* key is borrowed for ever. */
void phub__sim_tell_news(struct phub__sim_child *child, const char *key,
                         struct phub_buf *value);

#endif
