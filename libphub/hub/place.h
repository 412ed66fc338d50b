/* SPDX-License-Identifier: MIT */
/* place: where children belong; see place.c. */
#ifndef PHUB__HUB_PLACE_H
#define PHUB__HUB_PLACE_H

#include "hub/hub.h"
#include "hub/rows.h"

/* Does node take children?  A drained one does not. */
int phub__place_takes(const struct phub__hub *hub, uint64_t node);
/* Those of view that do, and home (0: none), to be given to phub__view_unref();
 * NULL: all of them, or nobody, or out of memory.  Kept for the hub's view. */
struct phub_view *phub__place_takers(struct phub__hub *hub,
                                     const struct phub_view *view,
                                     uint64_t home);
void phub__place_takers_fini(struct phub__hub *hub);

/* Where the instances of many children belong. */
struct phub__places {
    uint32_t factor;
    uint64_t *nodes;    /* owned; factor for each */
    uint32_t *counts;   /* owned */
};

/* In view, less those that take no children, unless there is nobody else.
 * starts: what is about to become rows, NULL for rows that are.  To be followed
 * by phub__places_fini(), also if it fails. */
int phub__place(struct phub__hub *hub, const struct phub_view *view,
                const struct phub_bytes *ids, const uint64_t *homes,
                const struct phub__op_item *const *starts, uint32_t count,
                enum phub_cause cause, struct phub__places *p,
                char *error, size_t error_max);
void phub__places_fini(struct phub__places *p);
/* The node of the i-th child's active instance; 0 if there is none. */
uint64_t phub__place_home(struct phub__hub *hub, const struct phub_view *view,
                          struct phub_bytes id, const struct phub__places *p,
                          uint32_t i);
/* The others; replicas has PHUB__INSTANCES_MAX places. */
uint32_t phub__place_replicas(const struct phub__places *p, uint32_t i,
                              uint64_t home, uint64_t *replicas);
/* Who is home now that the row's home is lost, and who has a replica (seats,
 * as above).  A replica that runs is promoted where it is, and a lost one
 * keeps its seat until its lease has run out; *home may be given. */
uint32_t phub__place_seats(struct phub__hub *hub,
                           const struct phub_view *view, struct phub_bytes id,
                           const struct phub__row_facts *row,
                           const struct phub__places *p, uint32_t index,
                           uint64_t *home, uint64_t *seats);

#endif
