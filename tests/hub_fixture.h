/* SPDX-License-Identifier: MIT */
/* hub_fixture: a few hubs with the real strategies in a simulated world.
 *
 * Nodes are named a, b, c, ...; children speak as env/sim/child.h has it.
 * Everything is virtual time: hubs_run(ms), hubs_until(condition).  Commands
 * are given inside a turn of their node, so that a kill can be set to hit
 * between any two of their effects. */
#ifndef PHUB_TESTS_HUB_FIXTURE_H
#define PHUB_TESTS_HUB_FIXTURE_H

#include <stdint.h>

#include "env/sim/world.h"
#include "hub/command.h"
#include "hub/hub.h"
#include "hub/request.h"

#define HUBS_MAX 16u
#define HUBS_RESULTS_MAX 4096u

struct hubs {
    struct phub__world *world;
    struct phub__sim_watch watch;
    const char *migration;
    const char *const *params;
    uint32_t params_count;
    const char *distribution;    /* NULL: consistent_hash; kept, as the next */
    const char *const *distribution_params;
    uint32_t distribution_params_count;
    const char *partition;       /* NULL: divergence; kept by hubs_new */
    const char *const *partition_params;
    uint32_t partition_params_count;
    const char *sync;            /* NULL: pubsub; kept by hubs_new */
    const char *redundancy;      /* NULL: singularity; kept by hubs_new */
    const char *const *redundancy_params;
    uint32_t redundancy_params_count;
    const char *const *seeds;    /* NULL: a and b; kept by hubs_new */
    uint32_t seeds_count;
    const struct phub__hook_option *hooks;  /* commands; kept by hubs_new */
    uint32_t hooks_count;
    uint64_t hook_queue_max;
    /* NULL, or told of what commands of hooks got; kept by hubs_new */
    void (*hook)(void *hubs, struct phub__sim_node *node,
                 struct phub_bytes word, struct phub_bytes input);
    /* NULL, or told of each hub before it starts; kept by hubs_new */
    void (*made)(struct hubs *hubs, uint32_t node, struct phub__hub *hub);
    int may_refuse;              /* a hub may not start; kept by hubs_new */
    char refused[512];           /* what the last one said that did not */
    uint32_t nodes;              /* added */
    uint32_t doubled;            /* times a second one began to act */
    int stopped[HUBS_MAX];       /* phub__hub_stop is through */
    uint64_t ids[HUBS_MAX];      /* durable, as last seen */
    char path[512];
};

/* What one request answered. */
struct hubs_result {
    uint32_t done;               /* times done() was called */
    uint32_t count, bad;
    int codes[HUBS_RESULTS_MAX];
    char text[256];              /* of the first bad one, or the first */
    uint64_t node;               /* that answered the first */
    int64_t pid;
    uint64_t value;
};

/* Make count nodes and run them until their views agree. */
void hubs_new(struct hubs *hubs, uint32_t count, const char *migration,
              uint64_t seed);
void hubs_free(struct hubs *hubs);
/* One more; runs it; gives its index. */
uint32_t hubs_add(struct hubs *hubs);
struct phub__hub *hubs_hub(struct hubs *hubs, uint32_t node);
struct phub__sim_node *hubs_node(struct hubs *hubs, uint32_t node);
void hubs_run(struct hubs *hubs, uint64_t ms);
/* 1 as soon as is(hubs, arg) says so, 0 if it did not within ms. */
int hubs_until(struct hubs *hubs, uint64_t ms,
               int (*is)(struct hubs *hubs, const void *arg),
               const void *arg);
/* All that run see all that run, and know all rows. */
int hubs_agree(struct hubs *hubs, const void *none);
void hubs_settle(struct hubs *hubs);
/* fn(hub, arg) in a turn of node. */
void hubs_do(struct hubs *hubs, uint32_t node,
             void (*fn)(struct phub__hub *hub, void *arg), void *arg);

/* --- children ------------------------------------------------------------- */

struct phub_bytes hubs_bytes(const char *text);
/* A spec of runner exec whose argv is words by blanks, ready unless it says
 * no-channel or no-ready; "checkpoint=MS" is for its spec. */
struct phub_buf *hubs_spec(const char *words);
/* Give a command; *result fills as the world runs.  ids by blanks. */
void hubs_start_send(struct hubs *hubs, uint32_t node, const char *ids,
                     const char *words, struct hubs_result *result);
void hubs_stop_send(struct hubs *hubs, uint32_t node, const char *ids,
                    struct hubs_result *result);
void hubs_move_send(struct hubs *hubs, uint32_t node, const char *ids,
                    uint32_t target, struct hubs_result *result);
/* The same, and run until it is answered; gives the first code. */
int hubs_start(struct hubs *hubs, uint32_t node, const char *ids,
               const char *words);
int hubs_stop(struct hubs *hubs, uint32_t node, const char *ids);
/* Durable id of the node whose replica hubs_move() moves; 0: the active. */
extern uint64_t hubs_replica;
int hubs_move(struct hubs *hubs, uint32_t node, const char *ids,
              uint32_t target);
/* Another strategy for all of them; param may be NULL. */
void hubs_switch_send(struct hubs *hubs, uint32_t node, uint32_t kind,
                      const char *name, const char *param,
                      struct hubs_result *result);
void hubs_wait(struct hubs *hubs, const struct hubs_result *result);
void hubs_done(void *arg, struct phub__request *request);
extern struct hubs_result hubs_last;    /* of the three above */
#define HUBS_TIMEOUT_MS 20000u

/* Instances of id that act, or that exist at all; *node is of the last. */
uint32_t hubs_acting(struct hubs *hubs, const char *id, uint32_t *node);
uint32_t hubs_instances(struct hubs *hubs, const char *id, uint32_t *node);
/* The one that acts; fails the test if there is not exactly one. */
struct phub__sim_child *hubs_child(struct hubs *hubs, const char *id);
/* Its home as node sees it; nodes if none, or not known. */
uint32_t hubs_home(struct hubs *hubs, uint32_t node, const char *id);
/* Exactly one instance acts, for hubs_until; arg is the id. */
int hubs_acts(struct hubs *hubs, const void *id);
/* No instance exists. */
int hubs_is_gone(struct hubs *hubs, const void *id);
/* Updates number first to last of client 0 are acknowledged. */
void hubs_update(struct hubs *hubs, const char *id, uint64_t first,
                 uint64_t last);
uint64_t hubs_counter(struct hubs *hubs, const char *id);

#endif
