/* SPDX-License-Identifier: MIT */
/* judge: what a checker of one promise hears, and what all of them share.
 *
 * There is one checker per promise, each in a file of its own.  A checker is a
 * table of what it listens to: what instances did, what people and clients
 * were answered, what a registry published, what a strategy was asked.  It
 * keeps its own small model of what must be true then, and says so with
 * sim_broken_child() or sim_broken() when it is not.  None asks the hub
 * whether the hub is right.
 *
 * What a fault excuses is decided in one place each, with the reason why the
 * design allows it.
 *
 * The events are handed on by the sim_judges_...() functions, which take facts
 * and no live objects, so that a test can make up any event. */
#ifndef PHUB_TOOLS_SIM_JUDGE_H
#define PHUB_TOOLS_SIM_JUDGE_H

#include "sim/case.h"

/* What people were told about one child. */
struct sim_answer {
    enum phub__op op;
    uint32_t asker;             /* index of the node that was asked */
    uint32_t target;            /* of a move */
    uint64_t issued_ns;
    enum sim_wish before;       /* what they had wanted until then */
    int alone;                  /* no other command about it meanwhile */
    int again;                  /* the same was answered before */
    int code;
    uint64_t answered_by;       /* durable node id */
    struct phub_epoch incarnation;
    const char *text;           /* or NULL */
};

/* A child as some registry publishes it. */
struct sim_published {
    uint32_t reader;            /* index of the node whose registry it is */
    uint32_t node;
    int64_t pid;
    uint32_t state;
    struct phub_epoch epoch;
};

typedef const struct phub__sim_child_facts sim_facts;

struct sim_judge {
    const char *name;
    unsigned promise;
    const char *claim;
    int late;
    /* Instances; all but began may come for one that is not remembered. */
    void (*began)(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts);
    void (*acting)(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts);
    void (*taken)(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts);
    void (*ended)(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts,
                  enum phub__sim_end why);
    /* People and clients. */
    void (*answered)(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer);
    /* An instance answers it; it will be heard. */
    void (*acked)(struct sim_case *c, struct sim_child *child,
                  uint32_t client, uint64_t number, uint64_t held);
    /* It holds less than was acknowledged. */
    void (*gap)(struct sim_case *c, struct sim_child *child, uint32_t client,
                uint64_t held, sim_facts *facts);
    /* facts of the instance that is said to run, which exists. */
    void (*published)(struct sim_case *c, struct sim_child *child,
                      const struct sim_published *published,
                      sim_facts *facts);
    /* Daemons and their strategies. */
    void (*gone)(struct sim_case *c, uint32_t node);
    /* The disk of one that does not run is empty now. */
    void (*wiped)(struct sim_case *c, uint32_t node);
    void (*view_changed)(struct sim_case *c, uint32_t node);
    void (*judged)(struct sim_case *c, uint32_t node,
                   const struct phub_judge *judge, uint32_t verdict);
    void (*assigned)(struct sim_case *c, uint32_t node, uint32_t cause);
    void (*begun)(struct sim_case *c, uint32_t node, uint32_t cause);
    /* Every SIM_TICK_NS. */
    void (*ticked)(struct sim_case *c);
    /* Faults are over, and who is away stays away: what may be known there
     * alone is not wanted any more, nor stopped. */
    void (*given_up)(struct sim_case *c);
    /* Faults are over: 1 if all is as it should be; else tells (text may be
     * NULL) and sets *child if it is about one. */
    int (*quiet)(struct sim_case *c, const struct sim_child **child,
                 char *text, size_t text_max);
};

#define SIM_TICK_NS (100 * PHUB__SIM_MS)
/* What a judge that is late waits for, after all others are content: the
 * longest of the hub's own requests, those to run what was re-homed. */
#define SIM_LATE_NS (130 * PHUB__SIM_S)

extern const struct sim_judge sim_judge_lost, sim_judge_doubled,
    sim_judge_state, sim_judge_resurrected, sim_judge_forgotten,
    sim_judge_request, sim_judge_drained, sim_judge_registry, sim_judge_ready,
    sim_judge_quorum, sim_judge_growth, sim_judge_cause;

/* What a judge keeps per node. */
struct sim_node_model {
    int view_open;              /* it changed, and nobody judged it yet */
    uint32_t verdict;           /* the last; 0: none yet */
    uint64_t verdict_ns;
    uint64_t judged_ns;         /* when it was asked for */
    uint64_t stop_over_ns;      /* when the last verdict stop ended */
    uint64_t ended_ns;          /* when its daemon ended last; 0: never */
    uint64_t began_ns;
    uint64_t left_ns;           /* when it said goodbye; 0: it did not */
    uint64_t leave_ms;          /* that it had for that */
    uint64_t disturbed_ns;      /* by a fault of its own */
    uint64_t thawed_ns;         /* when it went on after it was frozen */
    uint64_t forgotten;         /* the id that people were told is; 0: none */
    uint64_t forgotten_ns;
    int draining;               /* people asked for that, of this process */
    uint64_t drained_ns;        /* and were told that it is done; 0: not yet */
};

struct sim_judges {
    struct sim_node_model *nodes;
    uint8_t *apart;             /* nodes squared: cut off since all agreed */
    struct phub_epoch *on_disk; /* children by nodes: the life of the live row
                                 * that it had when it ended; its disk since */
    uint8_t *ended_bad;         /* nodes: once, when it ended, its disk lacked
                                 * what could not be written */
    uint8_t *on_disks_alone;    /* children: nobody who ran had its row when
                                 * the last who had it ended */
    uint64_t tick_ns;           /* the next */
    uint64_t fault_ns;          /* the last fault of any kind */
    uint64_t lost;              /* frames, when last looked */
    int calm;                   /* nothing happens but what people ask for */
};

int sim_judges_new(struct sim_case *c);
void sim_judges_free(struct sim_case *c);
uint32_t sim_judges_count(void);
const struct sim_judge *sim_judges_at(uint32_t index);

/* --- events, from the world, case.c, client.c and operator.c --------------- */
void sim_judges_began(struct sim_case *c, sim_facts *facts);
void sim_judges_acting(struct sim_case *c, sim_facts *facts, int acts);
void sim_judges_taken(struct sim_case *c, sim_facts *facts);
void sim_judges_ended(struct sim_case *c, sim_facts *facts,
                      enum phub__sim_end why);
void sim_judges_answered(struct sim_case *c, struct sim_child *child,
                         const struct sim_answer *answer);
void sim_judges_acked(struct sim_case *c, struct sim_child *child,
                      uint32_t client, uint64_t number, uint64_t held);
void sim_judges_gap(struct sim_case *c, struct sim_child *child,
                    uint32_t client, uint64_t held, sim_facts *facts);
void sim_judges_published(struct sim_case *c, struct sim_child *child,
                          const struct sim_published *published,
                          sim_facts *facts);
/* A drain of node is asked for; done: it was answered so. */
void sim_judges_drain(struct sim_case *c, uint32_t node, uint64_t issued_ns,
                      int done);
/* Its hub is made: its strategies are watched from now on. */
void sim_judges_made(struct sim_case *c, uint32_t node);
void sim_judges_gone(struct sim_case *c, uint32_t node);
void sim_judges_wiped(struct sim_case *c, uint32_t node);
void sim_judges_left(struct sim_case *c, uint32_t node);
/* node UINT32_MAX: the network. */
void sim_judges_disturbed(struct sim_case *c, uint32_t node);
/* Before c->split is set: what is cut now; a and b cannot hear each other (b
 * UINT32_MAX: a and nobody). */
void sim_judges_cut(struct sim_case *c);
void sim_judges_apart(struct sim_case *c, uint32_t a, uint32_t b);
void sim_judges_tick(struct sim_case *c);
void sim_judges_given_up(struct sim_case *c);
extern const struct phub__call_watch sim_judges_calls;

/* --- what checkers share ---------------------------------------------------- */
/* As sim_broken(), and the chain of causes that the hubs noted about child. */
void sim_broken_child(struct sim_case *c, unsigned promise,
                      const struct sim_child *child, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
struct phub_bytes sim_child_bytes(const struct sim_child *child);
/* Is that word in its manner? */
int sim_child_is(const struct sim_child *child, const char *word);
/* It does not give its state in time, however long anybody waits. */
int sim_child_keeps_state(const struct sim_child *child);
struct sim_life *sim_life_find(struct sim_child *child, uint64_t serial);
/* Could these two not hear each other at some time since all agreed? */
int sim_were_apart(const struct sim_case *c, uint32_t a, uint32_t b);
/* Has node been well (up, not frozen, not cut off) for that long? */
int sim_was_well(const struct sim_case *c, uint32_t node, uint64_t ns);
/* Registries of running nodes that hold a live row of it. */
uint32_t sim_rows_live(struct sim_case *c, const struct sim_child *child,
                       struct phub_epoch *incarnation);
/* The newest cause noted on node about child; 0: none. */
uint64_t sim_cause_newest(struct sim_case *c, uint32_t node,
                          const struct sim_child *child);

#endif
