/* SPDX-License-Identifier: MIT */
/* subscribe: code that hears of changes of rows, as this node sees them.
 *
 * Told after the turn in which a row changed, with what changed; what it is
 * now is to be looked up.  A change may be told twice, and changes of one
 * child in one turn together; none is kept back for ever.  When more changed
 * in a turn than can be remembered, all are told so (id empty).
 * Thread: the hub's. */
#ifndef PHUB__HUB_SUBSCRIBE_H
#define PHUB__HUB_SUBSCRIBE_H

#include "hub/hub.h"

#define PHUB__SUBSCRIPTIONS_MAX 1024u      /* PHUB_ELIMIT */
#define PHUB__SUBSCRIBED_BYTES_MAX (1u << 20)  /* changed ids of a turn */

/* what: PHUB_CHANGE_*. */
typedef void phub__changed_fn(void *arg, struct phub_bytes id, uint32_t what);

/* id and tag may be empty: any child.  drop(arg), unless NULL, follows the
 * last call.  Errors: PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__subscribe(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_bytes tag, phub__changed_fn *fn,
                    void (*drop)(void *arg), void *arg, uint64_t *handle);
/* No call follows.  PHUB_ENOTFOUND. */
int phub__unsubscribe(struct phub__hub *hub, uint64_t handle);
void phub__subscriptions_free(struct phub__hub *hub);
/* A row is another than before; changed as the registry says it. */
void phub__subscribe_row_changed(struct phub__hub *hub, struct phub_bytes id,
                                 uint32_t changed);

#endif
