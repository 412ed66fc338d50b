/* SPDX-License-Identifier: MIT */
/* world: a cluster's surroundings, simulated from one seed.
 *
 * One virtual clock, one queue of events ordered by (time, number), one seed.
 * Nodes are machines with a clock, a disk and a guard; a process is one start
 * of a daemon on a node and is what gives the struct phub_env that a hub runs
 * on.  Whatever happens is an event; nothing else moves time.  All chance
 * comes from the seed through one stream per purpose (and per pair of nodes),
 * so that one draw more in one place shifts nothing elsewhere.  The trace
 * hash covers every event with what it carried: equal seeds and programs give
 * equal hashes.
 *
 * Faults: a process may be killed (its machine, guard and page cache live
 * on), a machine may lose power (nothing lives on, unsynced bytes are lost),
 * a process may be stopped and continued (its events wait, and come all at
 * once), links may delay, lose, repeat, reorder, be cut one way and be half
 * open.  A kill may be set to hit between any two effects (a send, a file operation, a verb
 * to a child) of one turn.
 *
 * Out of memory ends the program: this is a tool.
 * Thread: one per world; worlds share nothing. */
#ifndef PHUB__ENV_SIM_WORLD_H
#define PHUB__ENV_SIM_WORLD_H

#include <stdint.h>
#include <stdio.h>

#include "env/env.h"
#include "env/sim/child.h"

#define PHUB__SIM_US UINT64_C(1000)
#define PHUB__SIM_MS UINT64_C(1000000)
#define PHUB__SIM_S UINT64_C(1000000000)
#define PHUB__SIM_NODES_MAX 1024u
#define PHUB__SIM_LINK_FRAMES_MAX 8192u  /* sent and not handled: EBUSY */
#define PHUB__SIM_WORK_MAX 1024u

struct phub__world;
struct phub__sim_node;

enum phub__sim_stream {
    PHUB__SIM_CLOCK = 1, PHUB__SIM_NET, PHUB__SIM_DISK, PHUB__SIM_GUARD,
    PHUB__SIM_CLIENT, PHUB__SIM_OPERATOR, PHUB__SIM_FAULT, PHUB__SIM_CASE
};

/* How frames travel; permille of 1000. */
struct phub__sim_net {
    uint64_t latency_ns;        /* at least */
    uint64_t tail_ns;           /* mean of the exponential rest */
    uint64_t bytes_per_s;       /* 0: no limit */
    uint32_t loss_permille;
    uint32_t repeat_permille;
    uint32_t reorder_permille;  /* these take up to ten times the tail */
};

/* A daemon, as the world sees it. */
struct phub__sim_program {
    /* A process began on node; give what end() gets.  NULL: it failed and
     * ends at once. */
    void *(*start)(void *arg, struct phub__sim_node *node,
                   struct phub_env *env);
    /* The process is dead: free what it held.  No effect of it reaches the
     * world any more. */
    void (*end)(void *arg, struct phub__sim_node *node, void *self);
    void *arg;
};

struct phub__world_options {
    uint64_t seed;
    struct phub__sim_net net;
    FILE *trace;                /* NULL: none */
    enum phub__log_level log_level; /* of the nodes, into the trace */
    /* What instances did; may be NULL. */
    const struct phub__sim_watch *watch;
    /* Where the hubs note calls into strategies; may be NULL. */
    struct phub__call_note *calls;
};

/* Fill with a quiet network: 100 us and a tail of 50 us, nothing lost. */
void phub__world_options_init(struct phub__world_options *options,
                              uint64_t seed);
struct phub__world *phub__world_new(const struct phub__world_options *options);
void phub__world_free(struct phub__world **world);

/* --- time and chance ------------------------------------------------------ */
uint64_t phub__world_now(const struct phub__world *world);
uint64_t phub__world_seed(const struct phub__world *world);
/* Events run so far, and the hash over them. */
uint64_t phub__world_events(const struct phub__world *world);
uint64_t phub__world_hash(const struct phub__world *world);
uint64_t phub__world_random(struct phub__world *world,
                            enum phub__sim_stream stream);
/* Below count, which is not 0. */
uint64_t phub__world_below(struct phub__world *world,
                           enum phub__sim_stream stream, uint64_t count);
/* Run fn(arg) at that time, before nothing and after what is there. */
void phub__world_at(struct phub__world *world, uint64_t at_ns,
                    void (*fn)(void *arg), void *arg);
/* Run one event; 0 if there is none. */
int phub__world_step(struct phub__world *world);
void phub__world_run(struct phub__world *world, uint64_t until_ns);
/* A line of the story, for the trace: not written if there is none, and no
 * part of the hash. */
void phub__world_note(struct phub__world *world, struct phub__sim_node *node,
                      const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- nodes ---------------------------------------------------------------- */
struct phub__sim_node *phub__sim_node_add(struct phub__world *world,
                                    const char *name,
                                    const struct phub__sim_program *program);
uint32_t phub__world_nodes(const struct phub__world *world);
struct phub__sim_node *phub__world_node(const struct phub__world *world,
                                        uint32_t index);
const char *phub__sim_node_name(const struct phub__sim_node *node);
uint32_t phub__sim_node_index(const struct phub__sim_node *node);
/* What start() gave, NULL if no process runs. */
void *phub__sim_node_self(const struct phub__sim_node *node);
int phub__sim_node_runs(const struct phub__sim_node *node);
int phub__sim_node_frozen(const struct phub__sim_node *node);
struct phub_env *phub__sim_node_env(const struct phub__sim_node *node);
struct phub__world *phub__sim_node_world(const struct phub__sim_node *node);
/* What the process that runs now has taken from its env; zeros if none. */
struct phub__sim_counts {
    uint32_t timers, links, deferred, posts, works;
};
void phub__sim_node_counts(const struct phub__sim_node *node,
                           struct phub__sim_counts *counts);

/* Run fn(arg) in a turn of the process that runs now; drop(arg) instead if it
 * has ended by then, or none runs.  drop may be NULL. */
void phub__sim_node_at(struct phub__sim_node *node, uint64_t at_ns,
                       void (*fn)(void *arg), void (*drop)(void *arg),
                       void *arg);

/* Start a process; nothing if one runs. */
void phub__sim_node_start(struct phub__sim_node *node);
/* SIGKILL of the process.  Inside a turn of its own: after the turn, whose
 * further effects are dropped. */
void phub__sim_node_kill(struct phub__sim_node *node);
/* The same after that many more effects (0: never). */
void phub__sim_node_kill_after(struct phub__sim_node *node, uint32_t effects);
/* The process ends by itself, after the turn. */
void phub__sim_node_exit(struct phub__sim_node *node);
/* The machine loses power: process, guard, children, unsynced bytes. */
void phub__sim_node_power_off(struct phub__sim_node *node);
/* The same, and what is lost is exact: of each file the half of what was
 * appended last, if it was not synced. */
void phub__sim_node_power_off_torn(struct phub__sim_node *node);
/* SIGSTOP and SIGCONT. */
void phub__sim_node_freeze(struct phub__sim_node *node);
void phub__sim_node_thaw(struct phub__sim_node *node);
/* Only the guard dies, its children with it. */
void phub__sim_node_kill_guard(struct phub__sim_node *node);
/* All events of it take that much longer to be handled. */
void phub__sim_node_slow(struct phub__sim_node *node, uint64_t ns);
void phub__sim_node_skew(struct phub__sim_node *node, int32_t ppm);
/* The machine slept for that long: its boot clock jumps. */
void phub__sim_node_boot_jump(struct phub__sim_node *node, uint64_t ns);
/* Empty the state directory (no process may run). */
void phub__sim_node_wipe(struct phub__sim_node *node);
/* All writes fail from now on; 0 ends that. */
void phub__sim_node_disk_full(struct phub__sim_node *node, int full);
/* All syncs fail from now on, and replacements, which are synced; 0 ends that,
 * and brings nothing back. */
void phub__sim_node_sync_fails(struct phub__sim_node *node, int fails);
int phub__sim_node_cannot_sync(const struct phub__sim_node *node);
/* Some file of it lacks what could not be written. */
int phub__sim_node_disk_is_bad(const struct phub__sim_node *node);
/* No program can be started from now on; 0 ends that. */
void phub__sim_node_no_exec(struct phub__sim_node *node, int fails);
int phub__sim_node_cannot_exec(const struct phub__sim_node *node);
/* The queue of its guard is full from now on (starts, signals and commands are
 * PHUB_EBUSY; deadlines are not queued); 0 ends that. */
void phub__sim_node_guard_busy(struct phub__sim_node *node, int busy);
int phub__sim_node_guard_is_busy(const struct phub__sim_node *node);

/* What a machine's load is: as set, and a little for each program that runs
 * there for the hub. */
struct phub__sim_load {
    uint64_t host;               /* 0: a machine of its own */
    uint64_t memory_bytes;
    uint64_t memory_used_bytes;  /* without the children */
    uint64_t child_memory_bytes; /* of each */
    uint32_t cpus;
    uint32_t cpu_permille;       /* of all cpus, without the children */
    uint32_t child_permille;     /* of one cpu, each */
    uint32_t queue_milli;
};
/* Fill with 4 cpus and 8 GiB, of which a child takes 10 permille, 1 MiB. */
void phub__sim_load_init(struct phub__sim_load *load);
void phub__sim_node_load(struct phub__sim_node *node,
                         const struct phub__sim_load *load);

/* --- network -------------------------------------------------------------- */
void phub__world_net(struct phub__world *world,
                     const struct phub__sim_net *net);
/* The same for one way between two nodes; NULL: as for all. */
void phub__world_path(struct phub__world *world, uint32_t from, uint32_t to,
                      const struct phub__sim_net *net);
/* Nothing goes from a to b any more (one way); held: what is sent meanwhile
 * arrives when the cut ends, else it is lost. */
void phub__world_cut(struct phub__world *world, uint32_t from, uint32_t to,
                     int held);
void phub__world_heal(struct phub__world *world, uint32_t from, uint32_t to);
/* The connections that from has to to now are forgotten by to: what is sent
 * on them vanishes, and from notices after so long. */
void phub__world_half_open(struct phub__world *world, uint32_t from,
                           uint32_t to, uint64_t ns);
/* As long as the real one believes in a peer that does not answer. */
#define PHUB__SIM_HALF_OPEN_NS (15 * PHUB__SIM_S)
/* Cut all pairs between nodes with another group number, both ways, and heal
 * the others. */
void phub__world_partition(struct phub__world *world, const uint32_t *groups,
                           int held);
void phub__world_heal_all(struct phub__world *world);
int phub__world_is_cut(const struct phub__world *world, uint32_t from,
                       uint32_t to);
/* What env->resolve answers for that text ("dns:hub:7000"). */
void phub__world_name(struct phub__world *world, const char *what,
                      const char *const *endpoints, uint32_t count);
/* And after how long; else after a millisecond. */
void phub__world_resolver(struct phub__world *world, uint64_t ns);
/* Questions that wait for their answer. */
uint32_t phub__world_resolving(const struct phub__world *world);

struct phub__sim_traffic {
    uint64_t frames, bytes, lost, repeated, refused;
};
void phub__world_traffic(const struct phub__world *world,
                         struct phub__sim_traffic *traffic);

#endif
