/* SPDX-License-Identifier: MIT */
/* child: a simulated program, and what the outside sees of it.
 *
 * A child holds one counter per client.  A client numbers its updates; the
 * child applies number n when it holds n - 1, answers what it has already
 * applied again, and tells when a number says that it has forgotten some
 * (a gap: an acknowledged update was lost).  How it behaves is said by its
 * argv (exec) or its argument (actor): words after the first one,
 *
 *   state freeze consent role   what it can (capabilities)
 *   slow-ready=MS    gets ready so late
 *   early-ready      is ready before its state, which it takes late
 *   silent           answers no verb
 *   late-state=MS    answers TAKE_STATE so late
 *   late-freeze=MS   answers FREEZE so late
 *   refuse-freeze    says that it can freeze, and does not
 *   never-state      does not answer TAKE_STATE
 *   twice            answers every verb twice
 *   defer=N          refuses consent N times
 *   ignore-stop      ends on SIGKILL only
 *   slow-stop=MS     ends so late
 *   crash-after=MS   ends by itself, status 1
 *   crash-loop       ends at once, every time
 *   exit-after=MS    ends by itself, status 0
 *   fail-start       cannot be started
 *   slow-exec=MS     its exec takes so long; the lease is asked after that
 *   garbage=MS       says something senseless so often: answers nobody asked
 *                    for, READY and HELLO again, news of no value
 *   flood=N          publishes N times each FLOOD_PERIOD
 *   no-channel       speaks no protocol: acts as soon as it runs
 *   hang-up=MS       closes its channel so long after it began, and goes on
 *   no-ready         speaks, but its spec does not wait for READY
 *   late-identify=MS tells the next daemon so late what it is
 *   state-size=N     bytes of padding in its state
 *   version=N        of its state; it takes no later one
 *   checkpoint=MS    for its spec: a copy of its state so often
 *   old-on=N         version is one less on the Nth node, from 1
 *
 * Commands of hooks are words, too: hook-ok; hook-slow takes a second;
 * hook-fail, hook-flood and hook-hang end as real ones do.
 *
 * It acts (answers clients) when it is ready, not frozen, not a standby
 * before COMMIT, not passive (if it knows roles), and, as an actor, its
 * process runs. */
#ifndef PHUB__ENV_SIM_CHILD_H
#define PHUB__ENV_SIM_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include <phub/types.h>

#define PHUB__SIM_CLIENTS_MAX 8u

struct phub__world;
struct phub__sim_node;
struct phub__sim_child;

enum phub__sim_end {
    PHUB__SIM_END_SELF = 1,   /* exit or crash of its own */
    PHUB__SIM_END_ASKED,      /* stopped or killed by its daemon */
    PHUB__SIM_END_LEASE,      /* the guard's deadline */
    PHUB__SIM_END_HOLDER,     /* its guard or process died */
    PHUB__SIM_END_POWER
};

/* Told as it happens; none may start or end anything from inside. */
struct phub__sim_watch {
    void (*began)(void *arg, const struct phub__sim_child *child);
    /* It acts, or acts no more. */
    void (*acting)(void *arg, const struct phub__sim_child *child, int acts);
    void (*ready)(void *arg, const struct phub__sim_child *child);
    /* PUT_STATE was taken (size) or TAKE_STATE answered. */
    void (*state)(void *arg, const struct phub__sim_child *child, int put,
                  uint64_t size);
    void (*ended)(void *arg, const struct phub__sim_child *child,
                  enum phub__sim_end why);
    /* A message reached it, in this order.  It answers with the same bytes. */
    void (*message)(void *arg, const struct phub__sim_child *child,
                    struct phub_bytes data);
    /* A command of a hook was run, with this on its standard input. */
    void (*hook)(void *arg, struct phub__sim_node *node,
                 struct phub_bytes word, struct phub_bytes input);
    void *arg;
};

/* What a child tells about itself. */
struct phub__sim_child_facts {
    struct phub_bytes id;
    struct phub_epoch epoch;
    struct phub_epoch incarnation;
    struct phub__sim_node *node;
    int64_t pid;
    uint64_t serial;        /* of this instance in this world */
    uint64_t began_ns;
    uint64_t counters[PHUB__SIM_CLIENTS_MAX];
    int standby, state_put, ready, frozen, acts;
    int state_expected;     /* not by one that was committed without */
    int can_state;
    int passive;            /* it was told so, and knows roles */
};

void phub__sim_child_facts(const struct phub__sim_child *child,
                           struct phub__sim_child_facts *facts);
/* By the pid that its row has; NULL if it is gone.  Pids are never reused. */
struct phub__sim_child *phub__sim_child_find(struct phub__sim_node *node,
                                             int64_t pid);
/* All instances of that id that run, oldest first: start with NULL. */
struct phub__sim_child *phub__sim_child_named(const struct phub__world *world,
                                              struct phub_bytes id,
                                              struct phub__sim_child *child);
/* All that run anywhere: start with NULL. */
struct phub__sim_child *phub__sim_child_next(const struct phub__world *world,
                                             struct phub__sim_child *child);

/* Whether it is a word of a manner; all of them, those that take a number
 * with '=' at their end, NULL after the last. */
int phub__sim_manner_knows(const char *word);
const char *phub__sim_manner_word(size_t index);

enum phub__sim_answer {
    PHUB__SIM_ACKED = 1,
    PHUB__SIM_SILENT,      /* it does not act */
    PHUB__SIM_GAP          /* acknowledged updates are missing in it */
};
/* A client's update arrives.  held gets the child's number. */
enum phub__sim_answer phub__sim_child_update(struct phub__sim_child *child,
                                             uint32_t client, uint64_t number,
                                             uint64_t *held);
/* It ends by itself now. */
void phub__sim_child_crash(struct phub__sim_child *child, int status);

#endif
