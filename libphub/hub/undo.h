/* SPDX-License-Identifier: MIT */
/* undo: a start that failed is answered when all know that it is undone; see
 * undo.c. */
#ifndef PHUB__HUB_UNDO_H
#define PHUB__HUB_UNDO_H

#include <phub/types.h>

#include "hub/hub.h"
#include "hub/ops.h"

#define PHUB__UNDO_TOLD_MS 1000u   /* nobody waits longer for a member */

/* Is it too late to undo a start for which home, by epoch, was asked, and that
 * ended with code?  The answer may be lost, and the child runs, or has gone to
 * another home since. */
int phub__undo_late(struct phub__hub *hub, struct phub_bytes id,
                    uint64_t home, struct phub_epoch epoch, int code);
/* The row of id has just been written as stopped, because its start failed:
 * give this answer when the members know.  Texts are copied.
 * 0 or PHUB_ENOMEM: the caller answers. */
int phub__undo_tell(struct phub__hub *hub, const struct phub__reply *reply,
                    struct phub_bytes id,
                    const struct phub__op_answer *answer);
/* Nobody is told any more. */
void phub__undos_free(struct phub__hub *hub);

#endif
