/* SPDX-License-Identifier: MIT */
/* keeper: decisions about the children this node keeps; see keeper.c and
 * keeper_stop.c. */
#ifndef PHUB__HUB_KEEPER_H
#define PHUB__HUB_KEEPER_H

#include "hub/hub.h"

#define PHUB__HOLDERS_MAX 64u   /* nodes that may hold instances of a child */

void phub__keeper_start(struct phub__hub *hub,
                        const struct phub__op_request *op,
                        const struct phub__op_item *const *items,
                        uint32_t count);
void phub__keeper_stop(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item);
/* Rows may be missing here, or, before there is a lease, all of them: a node
 * that has just started and has not found the others, or only others like
 * it. */
int phub__keeper_undecided(struct phub__hub *hub);
/* May this node order this start: 0, or PHUB_E*, and why (keeper_may.c). */
int phub__keeper_may_start(struct phub__hub *hub,
                           const struct phub__op_item *item, char *text,
                           size_t max);
/* Change the metadata of a child (edit.c). */
void phub__keeper_edit(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item);
/* Write a strategy's cell. */
void phub__keeper_cell(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item);
/* 0 if this node may decide about id as its keeper now; else why not. */
int phub__keeper_may_not(struct phub__hub *hub, struct phub_bytes id,
                         const char **text);
/* Give new homes to the children of lost that this node keeps. */
void phub__keeper_rehome(struct phub__hub *hub, uint64_t lost,
                         enum phub_cause cause);
/* Ask the strategies for one node each, that of the active instance; homes may
 * be NULL; 0 in nodes where there is none. */
int phub__keeper_place(struct phub__hub *hub, const struct phub_view *view,
                       const struct phub_bytes *ids, const uint64_t *homes,
                       uint32_t count, enum phub_cause cause, uint64_t *nodes,
                       char *error, size_t error_max);
/* The same for factor (at most PHUB__INSTANCES_MAX) nodes each: counts[i] of
 * them, best first, at nodes[i * factor]. */
int phub__keeper_places(struct phub__hub *hub, const struct phub_view *view,
                        const struct phub_bytes *ids, const uint64_t *homes,
                        const struct phub__op_item *const *starts,
                        uint32_t count, uint32_t factor,
                        enum phub_cause cause, uint64_t *nodes,
                        uint32_t *counts, char *error, size_t error_max);
/* The view less one node; NULL if out of memory.  The caller owns it. */
struct phub_view *phub__view_without(struct phub__hub *hub,
                                     const struct phub_view *view,
                                     uint64_t node);
const char *phub__cause_name(uint32_t cause);

#endif
