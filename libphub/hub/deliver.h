/* SPDX-License-Identifier: MIT */
/* deliver: messages given to whoever owns their type (see deliver.c). */
#ifndef PHUB__HUB_DELIVER_H
#define PHUB__HUB_DELIVER_H

#include <stdint.h>

#include "hub/hub.h"

/* A body whose turn has come, from a member or from this node itself. */
void phub__deliver(struct phub__hub *hub, uint64_t from, unsigned type,
                   struct phub_buf *body);

/* What this node sends to itself.  Errors: PHUB_ENOMEM. */
int phub__own_new(struct phub__hub *hub);
void phub__own_free(struct phub__hub *hub);
/* It is delivered in a later turn, in order. */
int phub__own_send(struct phub__hub *hub, unsigned type,
                   struct phub_buf *body);

#endif
