/* SPDX-License-Identifier: MIT */
/* departed: where this node has decided that children go; see departed.c. */
#ifndef PHUB__HUB_DEPARTED_H
#define PHUB__HUB_DEPARTED_H

#include <stdint.h>

#include <phub/types.h>

#define PHUB__DEPARTED_MAX 1024u   /* moves remembered, the last ones */

struct phub__hub;

/* It goes to target now, within that incarnation.  Without memory for it
 * nothing is remembered. */
void phub__departed_add(struct phub__hub *hub, struct phub_bytes id,
                        struct phub_epoch incarnation, uint64_t target);
/* Where it went last, 0 if that is not known (any more). */
uint64_t phub__departed_to(const struct phub__hub *hub, struct phub_bytes id,
                           struct phub_epoch incarnation);
void phub__departed_free(struct phub__hub *hub);

#endif
