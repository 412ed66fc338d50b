/* SPDX-License-Identifier: MIT */
/* cluster_sim: a few clusters in one process, for the tests of libphub/cluster.
 *
 * Virtual time, one seed, messages that are delayed, lost and cut; nodes that
 * freeze (what is sent to them waits; what they were about to send waits, too),
 * crash and restart; clocks with an offset and a rate.  Each node has a guard
 * that outlives its daemon and knows one thing: the deadline it was told. */
#ifndef CLUSTER_SIM_H
#define CLUSTER_SIM_H

#include "cluster/cluster.h"

#define SIM_NODES_MAX 100
#define SIM_MS UINT64_C(1000000)
#define SIM_S (1000 * SIM_MS)

struct sim_node {
    struct sim *sim;
    struct phub__cluster *cluster;  /* NULL: not running */
    struct phub__cluster_params params;
    struct phub__cluster_self self;
    char name[32];
    char endpoint[64];
    uint32_t index;
    uint64_t thaw_ns;      /* frozen until; 0 = it runs */
    uint64_t offset_ns;    /* of its clock */
    int64_t rate_ppm;      /* of its clock */
    uint64_t guard_ns;     /* deadline, own clock */
    uint64_t lapsed_ns;    /* when its guard last let nothing run */
    bool said_free[SIM_NODES_MAX];     /* since they were last in view */
    uint64_t member_ns[SIM_NODES_MAX]; /* when it last had the others in view */
    /* what it was told */
    uint32_t views, settled, stalled, refused, identity;
    uint32_t joined, lost, left;          /* sums of VIEW_CHANGED */
    uint32_t s_joined, s_lost, s_left;    /* of the last VIEW_SETTLED */
    uint64_t sent;
    uint64_t lists;        /* of these, pages of a member list */
    uint64_t list;         /* the last hash of a member list among these */
    uint64_t joins;        /* and those that ask to join */
    const char *alias;     /* NULL, or the endpoint that others know it by */
    const char *remembers; /* NULL, or where it knew another */
    uint32_t ticks;              /* of its timer */
    char refusal[PHUB__REFUSAL_MAX];
    char identity_text[PHUB__REFUSAL_MAX];
};

struct sim_message;

struct sim {
    uint64_t now_ns;
    uint64_t seed;
    uint32_t count;
    uint32_t loss_permille;
    uint64_t delay_min_ns, delay_max_ns;
    bool cut[SIM_NODES_MAX][SIM_NODES_MAX];  /* from, to */
    struct sim_node nodes[SIM_NODES_MAX];
    struct sim_message **queue;              /* heap by time, then order */
    uint32_t queued, capacity;
    uint64_t order;
    bool trace;
    /* called after each step; may be NULL */
    void (*check)(struct sim *sim);
};

void sim_init(struct sim *sim, uint64_t seed, uint32_t count);
void sim_fini(struct sim *sim);
/* Init, and start all, through the first; do they agree within that time? */
bool sim_join_all(struct sim *sim, uint64_t seed, uint32_t count,
                  uint64_t at_most_ns);
uint64_t sim_random(struct sim *sim);
uint64_t sim_below(struct sim *sim, uint64_t n);
/* Start node i with a new boot number, naming seed nodes in a mask; of more
 * than 32 nodes each 32nd behind one of them is named as well. */
void sim_boot(struct sim *sim, uint32_t i, uint32_t seeds_mask);
void sim_crash(struct sim *sim, uint32_t i);
void sim_freeze(struct sim *sim, uint32_t i, uint64_t for_ns);
void sim_leave(struct sim *sim, uint32_t i);
void sim_cut(struct sim *sim, uint32_t from, uint32_t to, bool cut);
void sim_partition(struct sim *sim, uint32_t mask, bool cut);
/* Run for so long. */
void sim_run(struct sim *sim, uint64_t for_ns);
/* Run until every running node's view is the running nodes, or give up;
 * returns the time it took, or UINT64_MAX. */
uint64_t sim_run_until_agreed(struct sim *sim, uint64_t at_most_ns);
bool sim_agreed(struct sim *sim);
uint64_t sim_local_ns(const struct sim_node *node);
enum phub__member_state sim_state(struct sim *sim, uint32_t of, uint32_t at);

#endif
