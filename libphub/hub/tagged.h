/* SPDX-License-Identifier: MIT */
/* tagged: which children have, or had, a tag; see tagged.c. */
#ifndef PHUB__HUB_TAGGED_H
#define PHUB__HUB_TAGGED_H

#include "hub/hub.h"

#define PHUB__TAGGED_MAX 65536u   /* children remembered */

struct phub__tagged {
    uint64_t *slots;        /* hashes of ids; 0: free */
    uint32_t size, count;   /* size: a power of 2 */
};

/* Does its row say so now? */
int phub__row_has_tag(struct phub__hub *hub, struct phub_bytes id,
                      struct phub_bytes tag);
/* Remember all that have it now. */
void phub__tagged_init(struct phub__hub *hub, struct phub_bytes tag,
                       struct phub__tagged *tagged);
void phub__tagged_fini(struct phub__tagged *tagged);
/* Its row has changed. */
void phub__tagged_row_changed(struct phub__hub *hub, struct phub_bytes tag,
                              struct phub__tagged *tagged,
                              struct phub_bytes id);
int phub__tagged_has(const struct phub__tagged *tagged, struct phub_bytes id);

#endif
