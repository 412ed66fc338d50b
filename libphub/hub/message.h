/* SPDX-License-Identifier: MIT */
/* message: what is sent to a child by its name.
 *
 * A message goes to the child's home.  There it is given to the instance if
 * that runs; while the child is frozen, starting or on its way it waits, in
 * order, at the origin; when the child runs elsewhere the queue is forwarded
 * before anything later.  Thread: the hub's. */
#ifndef PHUB__HUB_MESSAGE_H
#define PHUB__HUB_MESSAGE_H

#include "hub/local.h"

#define PHUB__MAIL_WAITING_MAX 65536u  /* messages waiting here, all children */
#define PHUB__MAIL_OF_CHILD_MAX 16384u /* one that does not run leaves room */

typedef void phub__mail_reply(void *arg, int rc, const char *text,
                              struct phub_buf *data);

int phub__mail_new(struct phub__hub *hub);
void phub__mail_free(struct phub__hub *hub);
/* done NULL: no reply is expected.  Errors: PHUB_EBUSY, PHUB_ENOMEM. */
int phub__mail_send(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_bytes data, uint32_t timeout_ms,
                    phub__mail_reply *done, void *arg);
void phub__mail_received(struct phub__hub *hub, uint64_t from,
                         struct phub_buf *body);
void phub__mail_replied(struct phub__hub *hub, uint64_t from,
                        struct phub_buf *body);
/* The child may take messages now, or has gone. */
void phub__mail_child_changed(struct phub__hub *hub,
                              struct phub__local *local);
/* It comes from there, and the messages that wait there come first. */
void phub__mail_comes(struct phub__local *local, uint64_t origin,
                      uint64_t origin_boot);
/* It has gone to target: what waits goes there, and END. */
void phub__mail_moved(struct phub__hub *hub, struct phub__local *local,
                      uint64_t target);

#endif
