/* SPDX-License-Identifier: MIT */
/* replica: more than one instance of a child; see replica.c. */
#ifndef PHUB__HUB_REPLICA_H
#define PHUB__HUB_REPLICA_H

#include <stdint.h>

#include <phub/types.h>

#include "hub/local.h"
#include "hub/ops.h"
#include "hub/rows.h"
#include "registry/registry.h"

#define PHUB__INSTANCES_MAX (PHUB__REPLICAS_MAX + 1)  /* of one child */

/* Instances that the redundancy strategy wants of each child in view, among
 * those that take children and home, which may be drained (0: there is none
 * yet). */
uint32_t phub__replica_factor(struct phub__hub *hub,
                              const struct phub_view *view, uint64_t home);
/* Which of these nodes should be home: the first whose role is to be active.
 * Gives 0 if there is none. */
uint64_t phub__replica_pick(struct phub__hub *hub,
                            const struct phub_view *view,
                            struct phub_bytes id, const uint64_t *nodes,
                            uint32_t count);
/* Is home, being one of these nodes, one that should be active? */
int phub__replica_suits(struct phub__hub *hub, const struct phub_view *view,
                        struct phub_bytes id, const uint64_t *nodes,
                        uint32_t count, uint64_t home);
/* enum phub_role of this node by its row. */
uint32_t phub__replica_role(struct phub__hub *hub, struct phub_bytes id,
                            const struct phub__row_facts *row);
/* Do children hear of that role? */
int phub__replica_told(struct phub__hub *hub, uint32_t role);

/* Instances that may run on nodes that have no seat any more. */
uint32_t phub__replica_lingering(struct phub__hub *hub, struct phub_bytes id,
                                 const struct phub__row_facts *row,
                                 uint64_t home);

/* At home: make the row's replicas as many as are wanted, and of members.
 * Does nothing where all is well.  Level-triggered. */
void phub__replica_upkeep(struct phub__local *local,
                          const struct phub__row_facts *row);
/* At home, after a join: of the row's replicas only those stay that are among
 * nodes; upkeep fills the gaps. */
void phub__replica_keep(struct phub__hub *hub, struct phub_bytes id,
                        const uint64_t *nodes, uint32_t count);

/* OP_MOVE of the replica on item->epoch.node: answered when one runs on
 * item->target, or cannot. */
void phub__replica_move(struct phub__hub *hub,
                        const struct phub__op_item *item,
                        const struct phub__reply *reply);
/* The row changed: is such a move over? */
void phub__replica_reseat_look(struct phub__local *local,
                               const struct phub__row_facts *row);
void phub__replica_reseat_free(struct phub__local *local);

static inline int phub__replica_has(const uint64_t *nodes, uint32_t count,
                                    uint64_t node)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (nodes[i] == node)
            return 1;
    return 0;
}

#endif
