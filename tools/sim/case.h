/* SPDX-License-Identifier: MIT */
/* case: one whole cluster in a simulated world, with people and judges.
 *
 * A case is a world, nodes that run the hub with the real plugins, children,
 * clients who update them, operators who start, stop, move and drain, and
 * judges who know only what was acknowledged and what instances did.  The
 * first broken promise is told as one line and ends the case. */
#ifndef PHUB_TOOLS_SIM_CASE_H
#define PHUB_TOOLS_SIM_CASE_H

#include <stdint.h>
#include <stdio.h>

#include "env/sim/world.h"
#include "hub/hub.h"
#include "strategy/note.h"

#define SIM_CHILDREN_MAX 100000u
#define SIM_NODES_MAX PHUB__SIM_NODES_MAX
#define SIM_ID_MAX 15u
#define SIM_STORY_MAX 2048u
#define SIM_LIVES_MAX 24u     /* instances remembered per child */
#define SIM_STRATEGY_MAX 64u  /* bytes of a name */
#define SIM_SWITCH_PARAMS_MAX 4u

#define SIM_WEIGHT 1000u      /* of a node, if nobody says */

#define SIM_GAP_MS 3500u

/* When faults end and views agree, this much later all must be well. */
#define SIM_QUIET_NS (40 * PHUB__SIM_S)
/* A cut explains two instances until so long after views agree again. */
#define SIM_MERGE_NS (10 * PHUB__SIM_S)

struct sim_case;
struct sim_record;

/* Looks at a case after every 10 ms, and before it is freed. */
struct sim_watcher {
    void (*step)(void *arg, struct sim_case *c);
    void (*over)(void *arg, struct sim_case *c);
    void *arg;
};

struct sim_options {
    uint64_t seed;
    uint32_t nodes;
    uint32_t children;
    uint32_t clients;          /* per child, at most PHUB__SIM_CLIENTS_MAX */
    uint64_t pace_ms;          /* between a client's updates; 0: 60 */
    /* By kind, as a configuration names them. */
    struct phub__strategy_option strategies[PHUB__KINDS];
    const char *plugin_path;   /* directories by ':', or NULL */
    int durable;               /* rows are kept on disks */
    uint32_t faults;           /* 1 << enum sim_fault, of a schedule */
    uint64_t duration_ms;      /* of its faults; 0: 3 to 10 rounds */
    uint64_t gap_ms;           /* from one to the next, at least */
    uint64_t linger_ms;        /* goes on so long when all is judged */
    const char *manner;        /* of all children; NULL: by chance */
    int operators;             /* people start, stop and move at random */
    /* For who watches this process: calls into strategies, and the time as
     * it passes; may be NULL. */
    struct phub__call_note *calls;
    volatile uint64_t *beat_ns;
    struct sim_watcher watcher; /* functions may be NULL */
    struct sim_record *record; /* of a schedule's actions, or NULL */
    FILE *trace;
    enum phub__log_level log_level;
};

struct sim_daemon {
    struct sim_case *c;
    struct phub__sim_node *node;
    struct phub__hub *hub;
    struct phub__call_watch calls;  /* what its strategies are asked */
};

/* What people want of a child, from their acknowledged commands. */
enum sim_wish {
    SIM_NOTHING,      /* never asked for */
    SIM_UNKNOWN,      /* a command is open, or its end is not known */
    SIM_RUN,
    SIM_STOP
};

struct sim_journal {
    uint64_t acked;            /* last update that was answered */
    uint64_t sending;          /* 0: none is under way */
    uint64_t sent;             /* the highest ever, in this life */
    uint64_t owed;             /* what no fault excuses: acked or less */
};

/* An instance, as its child's judges remember it. */
struct sim_life {
    uint64_t serial;           /* 0: none */
    uint32_t node;
    uint64_t node_id;          /* of its durable identity then */
    int64_t pid;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;   /* highest it was published with */
    struct phub_epoch known;   /* highest of a home anywhere, at begin */
    uint64_t began_ns, acted_ns, ended_ns; /* 0: not yet */
    int acts;
    int passive;               /* when it began */
    int shared;                /* others were to act under the same epoch */
    int cut;                   /* it began while a cut explained it */
    int state_taken;           /* and these were its counters then */
    uint64_t taken[PHUB__SIM_CLIENTS_MAX];
    uint64_t cause;            /* the first of its own, on its node */
    uint64_t cause_last;       /* the newest when it began, or ended */
};

/* A node that knew that a child is stopped. */
struct sim_knower {
    uint64_t id;               /* 0: none */
    uint64_t boot;
};
#define SIM_KNOWERS_MAX 8u     /* that are remembered */

struct sim_child {
    char id[SIM_ID_MAX + 1];
    char argv[96];             /* its manner, words by blanks */
    enum sim_wish wish;
    uint32_t commands;         /* open */
    uint64_t wished_ns;        /* when the last command was answered */
    uint32_t acting;           /* instances that act now */
    struct phub_epoch incarnation;   /* the newest that began */
    struct phub_epoch stopped; /* this and older ones were acknowledged */
    struct sim_knower knowers[SIM_KNOWERS_MAX];  /* when it was */
    struct sim_life lives[SIM_LIVES_MAX]; /* a ring */
    uint32_t lives_next;
    uint32_t lives_count;      /* none was ever behind these */
    uint32_t last_node;        /* index, of the last instance that began */
    struct sim_journal journals[PHUB__SIM_CLIENTS_MAX];
    int asked_to_start;        /* ever */
    int told;                  /* the code of the last answer */
    int told_in_cut;           /* by either side of one */
};

/* What people chose of one kind of strategies, while the hub runs. */
struct sim_chosen {
    uint32_t open;             /* changes without an answer */
    int known;                 /* the last one is done, and nobody chose since */
    char name[SIM_STRATEGY_MAX];
};

/* What becomes of a process that says goodbye. */
enum sim_leaving {
    SIM_STAYS,        /* it does not */
    SIM_LEAVES,
    SIM_RETURNS,      /* when it has ended */
    SIM_RETURNS_EMPTY
};

struct sim_owned;
struct sim_sender;

struct sim_case {
    struct sim_options options;
    struct sim_owned *owned;
    struct phub__world *world;
    struct phub__sim_watch watch;
    struct sim_daemon *daemons;          /* by index of node, owned */
    uint64_t *node_ids;                /* as last known, owned */
    int *present;                      /* should run when all is quiet */
    uint64_t *dropped;                 /* ids people asked to forget, owned */
    uint64_t *forgotten;               /* and that they were told is so, */
    uint64_t *told;                    /* by whom, owned */
    char plugin_path[512];
    struct sim_child *children;        /* owned */
    uint32_t cuts;                     /* pairs that are cut now */
    int split;                         /* since a cut, until views agree */
    int stranger;                      /* one side of it knew nothing */
    int majority;                      /* a cut explains no second instance */
    struct sim_chosen chosen[PHUB__KINDS];
    uint64_t split_ns;
    uint64_t half_open_ns;             /* no link is any more from then on */
    uint64_t healed_ns;                /* when they did; 0: none yet */
    uint64_t disturbed_ns;             /* of the last fault */
    int *stray;                        /* away when a cut ended, owned */
    enum sim_leaving *leaving;         /* owned */
    uint32_t *weights;                 /* of nodes, owned */
    struct sim_judges *judges;
    int clients_on;
    struct sim_sender *senders;
    int senders_on;
    uint64_t letters;                  /* that arrived */
    uint64_t updates, starts, stops, moves, failures, blind, switched;
    int broken;
    unsigned promise;                  /* the one that broke */
    char story[SIM_STORY_MAX];
};

/* --- case.c --------------------------------------------------------------- */
void sim_options_init(struct sim_options *options, uint64_t seed);
/* Where plugins are: those directories, or, where PHUB_PLUGIN_PATH names none,
 * those of a build tree, or "". */
void sim_plugin_path(const char *path, char *text, size_t text_max);
struct sim_case *sim_case_new(const struct sim_options *options);
void sim_case_free(struct sim_case **c);

/* Memory for what waits in the world's events, which may never come: zeroed,
 * and freed with the case if nobody gives it back before. */
void *sim_own(struct sim_case *c, size_t size);
void sim_disown(void *memory);
/* Start nodes first to last - 1; the first three are everybody's seeds. */
void sim_boot(struct sim_case *c, uint32_t first, uint32_t last);
void sim_run(struct sim_case *c, uint64_t ms);
void sim_run_to(struct sim_case *c, uint64_t until_ns);
/* After events: the beat, and whether all agree again after a cut. */
void sim_look(struct sim_case *c);
/* Until fn says 1, at most that long; gives what it said last. */
int sim_run_until(struct sim_case *c, uint64_t ms,
                  int (*fn)(struct sim_case *c));
int sim_members_agree(struct sim_case *c);
struct phub__sim_node *sim_node(struct sim_case *c, uint32_t index);
struct sim_daemon *sim_daemon(struct sim_case *c, uint32_t index);
struct sim_child *sim_child_by_id(struct sim_case *c, struct phub_bytes id);
/* The instances of it that run, oldest first: start with NULL. */
struct phub__sim_child *sim_instance_next(struct sim_case *c,
                                          const struct sim_child *child,
                                          struct phub__sim_child *instance);
/* The index of the node that has this durable id, or UINT32_MAX. */
uint32_t sim_node_by_id(struct sim_case *c, uint64_t node);
/* Anything that runs and is not frozen, by chance; NULL if nothing does. */
struct sim_daemon *sim_any(struct sim_case *c, enum phub__sim_stream stream);
uint64_t sim_below(struct sim_case *c, enum phub__sim_stream stream,
                   uint64_t count);
void sim_cut(struct sim_case *c, const uint32_t *groups, int held);
void sim_cut_one_way(struct sim_case *c, uint32_t from, uint32_t to,
                     int held);
/* What from has to to now vanishes for so long. */
void sim_half_open(struct sim_case *c, uint32_t from, uint32_t to,
                   uint64_t ns);
void sim_heal_one_way(struct sim_case *c, uint32_t from, uint32_t to);
void sim_heal(struct sim_case *c);
/* Kill, power off: with what the judges must know. */
void sim_kill(struct sim_case *c, uint32_t index);
void sim_kill_after(struct sim_case *c, uint32_t index, uint32_t effects);
void sim_power_off(struct sim_case *c, uint32_t index);
void sim_power_off_torn(struct sim_case *c, uint32_t index);
/* It slept for so long, as its boot clock says. */
void sim_jump(struct sim_case *c, uint32_t index, uint64_t ns);
void sim_kill_guard(struct sim_case *c, uint32_t index);
/* The network, or what no call below names, changed. */
void sim_disturbed(struct sim_case *c);
void sim_freeze(struct sim_case *c, uint32_t index);
void sim_thaw(struct sim_case *c, uint32_t index);
/* With an empty disk if asked.  One that is leaving is started when its process
 * has ended, unless its machine goes dark or it is told to leave again; one
 * that runs goes on. */
void sim_start_node(struct sim_case *c, uint32_t index, int empty);
/* Drain, goodbye, exit. */
void sim_leave(struct sim_case *c, uint32_t index, uint64_t deadline_ms);

/* --- operator.c ----------------------------------------------------------- */
#define SIM_OP_TIMEOUT_MS 20000u
/* Ask node index (UINT32_MAX: any) for it; the case's children first to
 * last - 1 in one request. */
void sim_start(struct sim_case *c, uint32_t node, uint32_t first,
               uint32_t last);
void sim_stop(struct sim_case *c, uint32_t node, uint32_t first,
              uint32_t last);
void sim_move(struct sim_case *c, uint32_t node, uint32_t child,
              uint32_t target);
/* Change the metadata of a child. */
void sim_edit(struct sim_case *c, uint32_t node, uint32_t child);
/* Everything away from target. */
void sim_drain(struct sim_case *c, uint32_t node, uint32_t target);
/* The target is gone for good, as far as it is known by its id now. */
void sim_forget(struct sim_case *c, uint32_t node, uint32_t target);
/* One random command. */
void sim_operate(struct sim_case *c);

/* --- switch.c ------------------------------------------------------------- */
/* Another strategy for the whole hub; asked of node (UINT32_MAX: any). */
void sim_switch(struct sim_case *c, uint32_t node, enum phub_kind kind,
                const char *name, const char *const *params, uint32_t count);
/* One of those that do as well. */
void sim_switch_any(struct sim_case *c);

/* --- client.c ------------------------------------------------------------- */
void sim_clients_start(struct sim_case *c);
void sim_clients_stop(struct sim_case *c);

/* --- sender.c ------------------------------------------------------------- */
void sim_senders_init(struct sim_case *c);
/* Every node sends to these children, that often on the mean.  strict: where
 * there is no fault no message may be lost (and nobody stops the child). */
void sim_senders_start(struct sim_case *c, uint32_t first, uint32_t last,
                       uint64_t pace_ns, int strict);
void sim_senders_stop(struct sim_case *c);

/* --- judge.c, with more in judge.h ---------------------------------------- */
/* The first one is kept; promise by its number in the design. */
void sim_broken(struct sim_case *c, unsigned promise, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What a story's first line says, without what differs from one schedule to
 * the next: the promise, and the words with all numbers as '#'. */
#define SIM_KIND_MAX 640u
void sim_story_kind(const char *story, char kind[SIM_KIND_MAX]);
/* A cut, or what it did to the views, may explain what is seen now. */
int sim_was_cut(const struct sim_case *c);
/* Faults are over: wait, and look at everything. */
void sim_judge_quiet(struct sim_case *c);
int sim_all_well(struct sim_case *c);

/* How many instances of it there should be, and how many of them act. */
void sim_asked(struct sim_case *c, const struct sim_child *child,
               uint32_t *count, uint32_t *acts);
/* How many may act while some of their nodes, all of which are counted, are
 * lost and their leases have not run out. */
uint32_t sim_may_act(struct sim_case *c, const struct sim_child *child);

/* The node on which it acts, UINT32_MAX if it does nowhere. */
uint32_t sim_where(struct sim_case *c, uint32_t child);

/* --- schedule.c ----------------------------------------------------------- */
enum sim_fault {
    SIM_FAULT_CRASH, SIM_FAULT_CRASH_IN_TURN, SIM_FAULT_POWER,
    SIM_FAULT_FREEZE, SIM_FAULT_LEAVE, SIM_FAULT_PARTITION,
    SIM_FAULT_ONE_WAY, SIM_FAULT_LOSS, SIM_FAULT_SLOW, SIM_FAULT_GUARD,
    SIM_FAULT_CHILD, SIM_FAULT_SKEW, SIM_FAULT_JOIN, SIM_FAULT_DISK,
    SIM_FAULT_BLACKOUT, SIM_FAULT_TORN, SIM_FAULT_HALF_OPEN,
    SIM_FAULT_JUMP, SIM_FAULT_BURST, SIM_FAULT_EXEC, SIM_FAULT_BUSY,
    SIM_FAULT_SYNC,
    SIM_FAULTS
};
#define SIM_FAULTS_ALL ((UINT32_C(1) << SIM_FAULTS) - 1)

/* What a schedule came to. */
struct sim_result {
    int broken;
    char story[SIM_STORY_MAX];
    uint64_t hash, events, virtual_ns;
    uint64_t updates, starts, stops, moves;
    uint64_t frames, bytes;
};

/* "crash-in-turn" ... and what it does, for people. */
const char *sim_fault_name(enum sim_fault fault);
const char *sim_fault_help(enum sim_fault fault);
/* A whole random case from one seed.  Gives result->broken. */
int sim_schedule(const struct sim_options *options,
                 struct sim_result *result);

#endif
