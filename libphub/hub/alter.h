/* SPDX-License-Identifier: MIT */
/* alter: what handlers make of a child that is about to be started. */
#ifndef PHUB__HUB_ALTER_H
#define PHUB__HUB_ALTER_H

#include "hub/hub.h"

/* Give the chain each of count items; those it changes are replaced by copies
 * in arena, those it refuses are answered and taken out.  Gives how many are
 * left. */
uint32_t phub__alter_items(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item **items,
                           uint32_t count, struct phub__arena *arena);

#endif
