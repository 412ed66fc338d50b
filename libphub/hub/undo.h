/* SPDX-License-Identifier: MIT */
/* undo: a start that failed is answered when all know that it is undone; see
 * undo.c. */
#ifndef PHUB__HUB_UNDO_H
#define PHUB__HUB_UNDO_H

#include <phub/types.h>

#include "hub/hub.h"
#include "hub/ops.h"

#define PHUB__UNDO_TOLD_MS 1000u   /* nobody waits longer for a member */

/* The row of id has just been written as stopped, because its start failed:
 * give this answer when the members know.  Texts are copied.
 * 0 or PHUB_ENOMEM: the caller answers. */
int phub__undo_tell(struct phub__hub *hub, const struct phub__reply *reply,
                    struct phub_bytes id,
                    const struct phub__op_answer *answer);
/* Nobody is told any more. */
void phub__undos_free(struct phub__hub *hub);

#endif
