/* SPDX-License-Identifier: MIT */
/* rows: the registry as the hub's mechanisms read and write it.
 *
 * Thin on registry/registry.h: it gives the few facts of a row that decide
 * something, writes halves with fresh epochs, and turns changes into
 * reconciliation of the child concerned.  Thread: the hub's. */
#ifndef PHUB__HUB_ROWS_H
#define PHUB__HUB_ROWS_H

#include <stdint.h>

#include <phub/plugin.h>
#include <phub/types.h>

#include "hub/ops.h"
#include "registry/registry.h"

struct phub__hub;
struct phub__instance;
struct phub_buf;

struct phub__row_facts {
    int exists;                    /* there is a spec half */
    int live;                      /* and it is not stopped */
    struct phub_epoch incarnation;
    uint64_t home;
    struct phub_epoch home_epoch;
    const uint64_t *replicas;      /* nodes; borrowed until the next write */
    uint32_t replicas_count;
    int replica;                   /* this node is one of them */
    struct phub_bytes spec;        /* borrowed until the next write */
    int durable;
    int sticky;
    uint32_t tags_count;
    uint64_t writes;               /* of the registry, when they were read */
};

/* facts->exists 0 if nothing is known. */
void phub__row_facts(struct phub__hub *hub, struct phub_bytes id,
                     struct phub__row_facts *facts);
/* What a view says that was got just now. */
void phub__row_facts_seen(struct phub__hub *hub,
                          const struct phub__row_view *view,
                          struct phub__row_facts *facts);
/* Those of the same id again, if something was written since. */
void phub__row_facts_again(struct phub__hub *hub, struct phub_bytes id,
                           struct phub__row_facts *facts);

/* A new incarnation with its home and replicas; the caller is the keeper. */
int phub__row_start(struct phub__hub *hub, const struct phub__op_item *item,
                    struct phub_epoch incarnation, uint64_t home,
                    const uint64_t *replicas, uint32_t replicas_count);
/* End the incarnation. */
int phub__row_stop(struct phub__hub *hub, struct phub_bytes id,
                   struct phub_epoch incarnation);
/* Authorise home by epoch (see hub.h for who may), and those that have
 * replicas already, but for home. */
int phub__row_home(struct phub__hub *hub, struct phub_bytes id,
                   struct phub_epoch incarnation, uint64_t home,
                   struct phub_epoch epoch);
/* Authorise home and these replicas. */
int phub__row_seats(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_epoch incarnation, uint64_t home,
                    const uint64_t *replicas, uint32_t replicas_count,
                    struct phub_epoch epoch);
/* Publish what runs here; phase GONE ends it. */
void phub__row_instance(struct phub__hub *hub, struct phub__instance *instance,
                        uint32_t state, const char *text);
/* Retire what an earlier start of this node published and is not here. */
void phub__row_instance_gone(struct phub__hub *hub, struct phub_bytes id);

/* The same for all of them, whenever this node is synced: one that started
 * alone hears of them later. */
void phub__rows_retire_own(struct phub__hub *hub);

/* Instances that may still exist, of any incarnation: nodes in the view with
 * one that is not GONE.  Fills at most nodes_max. */
uint32_t phub__row_holders(struct phub__hub *hub, struct phub_bytes id,
                           uint64_t *nodes, uint32_t nodes_max);
/* 1 if an instance of this incarnation, of an epoch before that, still runs
 * on another member, or may on a lost one: its home was moved where nobody
 * there heard of it. */
int phub__row_runs_before(struct phub__hub *hub, struct phub_bytes id,
                          struct phub_epoch incarnation,
                          struct phub_epoch epoch);
/* 1 if a lost node whose lease still runs may have an instance of it. */
int phub__row_may_linger(struct phub__hub *hub, struct phub_bytes id);
/* State of the instance on node (enum phub_instance_state), 0 if none. */
uint32_t phub__row_state_on(struct phub__hub *hub, struct phub_bytes id,
                            uint64_t node, struct phub_epoch *epoch,
                            int64_t *pid);

extern const struct phub__registry_events phub__rows_events;
int phub__rows_new(struct phub__hub *hub);
void phub__rows_free(struct phub__hub *hub);
/* Before a goodbye.  0: rows are on their way, call again; 1: all is told, or
 * some member has not answered for HEARD_MS. */
int phub__rows_hand_on(struct phub__hub *hub);

/* Entries about these children, to travel with a request. */
int phub__rows_delta(struct phub__hub *hub, const struct phub_bytes *ids,
                     uint32_t count, struct phub_buf **delta);
int phub__rows_apply(struct phub__hub *hub, uint64_t from,
                     struct phub_bytes delta);

/* Children whose home is node, from *cursor (0 first); ids and views borrow
 * until the next write.  Gives how many; 0 at the end. */
uint32_t phub__rows_seen_of(struct phub__hub *hub, uint64_t node,
                            uint64_t *cursor, struct phub__row_view *views,
                            uint32_t views_max);
uint32_t phub__rows_of(struct phub__hub *hub, uint64_t node, uint64_t *cursor,
                       struct phub_bytes *ids, uint32_t ids_max);

#endif
