/* SPDX-License-Identifier: MIT */
/* forget: nodes that are gone for good; see forget.c. */
#ifndef PHUB__HUB_FORGET_H
#define PHUB__HUB_FORGET_H

#include <stdint.h>

#include <phub/types.h>

struct phub__hub;
struct phub__op_item;
struct phub__question;
struct phub__report;
struct phub__request;

/* For struct phub__cluster_io; arg is the hub. */
int phub__forget_admits(void *arg, uint64_t node);
/* A cell changed: if it says that a node was forgotten, forget it. */
void phub__forget_row_changed(struct phub__hub *hub, struct phub_bytes id);
/* Is it the id of a cell that says so? */
int phub__forget_is(struct phub_bytes id);
/* May the keeper write it?  0, or the code, and text says why not. */
int phub__forget_may_not(struct phub__hub *hub,
                         const struct phub__op_item *item, const char **text);
/* The others say that this node was forgotten: what runs here ends. */
void phub__forgotten(struct phub__hub *hub);
/* To the keeper, to be sent: that node, of that name, is gone for good.  NULL:
 * too many requests are under way. */
struct phub__request *phub__forget_request(struct phub__hub *hub,
                                           uint64_t node, const char *name,
                                           uint64_t timeout_ms);
/* The verb. */
void phub__serve_forget(struct phub__report *report,
                        const struct phub__question *q);

#endif
