/* SPDX-License-Identifier: MIT */
/* addresses: where known nodes could be reached last, on the disk. */
#ifndef PHUB__HUB_ADDRESSES_H
#define PHUB__HUB_ADDRESSES_H

#include "hub/hub.h"

int phub__addresses_new(struct phub__hub *hub);
void phub__addresses_free(struct phub__hub *hub);
/* Tell the cluster whom to look for. */
void phub__addresses_load(struct phub__hub *hub);
/* That member may be a new one, or elsewhere. */
void phub__addresses_changed(struct phub__hub *hub, uint64_t node);

#endif
