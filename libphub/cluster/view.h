/* SPDX-License-Identifier: MIT */
/* view: the sorted list of live members at one moment, counted.
 *
 * A view never changes after phub__view_new(); a new one is made for each
 * change of the membership.  Suspected members are in it, dead ones and those
 * that left are not.  Its hash is XXH3-64 over the (node, boot) pairs, as
 * little-endian bytes, in order of node id: equal views have equal hashes on
 * every machine.  Thread: loop. */
#ifndef PHUB__CLUSTER_VIEW_H
#define PHUB__CLUSTER_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/plugin.h>
#include <phub/types.h>

#define PHUB__MEMBERS_MAX 1024u /* nodes in a member table, live or not */

#define PHUB__VIEW_NONE UINT32_MAX /* no such index */

/* Make a view of count nodes, in any order, each node id once; fields and
 * texts are copied.  NULL if out of memory.  The caller owns one reference. */
struct phub_view *phub__view_new(const struct phub_view_node *nodes,
                                 uint32_t count);
struct phub_view *phub__view_ref(struct phub_view *view);
/* Nulls *view; NULL inside is fine. */
void phub__view_unref(struct phub_view **view);

uint64_t phub__view_hash(const struct phub_view *view);
uint32_t phub__view_count(const struct phub_view *view);

/* Borrow the node at index (by node id, ascending); index must be below
 * count.  Valid as long as the view. */
const struct phub_view_node *phub__view_at(const struct phub_view *view,
                                           uint32_t index);
/* Find a node's index, or PHUB__VIEW_NONE.  O(log n). */
uint32_t phub__view_index(const struct phub_view *view, uint64_t node);
/* Borrow a node's entry, or NULL. */
const struct phub_view_node *phub__view_find(const struct phub_view *view,
                                             uint64_t node);

/* The node that orders the decisions about a child: the one with the highest
 * XXH3-64(child id, seed = node id); the higher node id wins a tie.  0 if the
 * view is empty.  O(n).  Source: rendezvous hashing (Thaler and Ravishankar,
 * A Name-Based Mapping Scheme for Rendezvous, 1998). */
uint64_t phub__view_keeper(const struct phub_view *view,
                           struct phub_bytes child);
/* Would node be the keeper rather than other, were both in a view? */
bool phub__view_prefers(uint64_t node, uint64_t other,
                        struct phub_bytes child);
/* The k-th best (0 = the keeper), or 0 if k is not below count. */
uint64_t phub__view_keeper_kth(const struct phub_view *view,
                               struct phub_bytes child, uint32_t k);

#endif
