/* SPDX-License-Identifier: MIT */
/* client: talk to a hub by its control socket, as phub(1) does.
 *
 * A connection carries frames both ways, each a CBOR map of at most
 * PHUB_CLIENT_FRAME_MAX bytes; what they say is in phub-control(7).
 *
 *   open -> send, receive in any order -> close
 *
 * Calls wait, at most as long as they are told.  Thread: one at a time. */
#ifndef PHUB_CLIENT_H
#define PHUB_CLIENT_H

#include <stddef.h>
#include <stdint.h>

#include <phub/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_CLIENT_FRAME_MAX (4u * 1024u * 1024u) /* bytes */
#define PHUB_CLIENT_FOREVER UINT32_MAX             /* as timeout_ms */

struct phub_client;

/* Connect to the hub that listens at path.  Owns: client, until close.
 * Errors: PHUB_ENOHUB if nobody listens there, PHUB_EREFUSED if we may not
 * ask, PHUB_ETIMEDOUT, PHUB_EINVAL (no such path can be), PHUB_ENOMEM. */
int phub_client_open(const char *path, uint32_t timeout_ms,
                     struct phub_client **client);

/* Send one frame.  Errors: PHUB_ELIMIT, PHUB_ETIMEDOUT (the connection cannot
 * be used any more), PHUB_ENOHUB if the hub closed it. */
int phub_client_send(struct phub_client *client, struct phub_bytes body,
                     uint32_t timeout_ms);

/* Receive one frame; body is borrowed until the next receive or close.
 * Errors: PHUB_ETIMEDOUT (ask again), PHUB_ENOHUB if the hub closed the
 * connection, PHUB_EPROTO if the frame is over the limit, PHUB_ENOMEM. */
int phub_client_receive(struct phub_client *client, uint32_t timeout_ms,
                        struct phub_bytes *body);

/* The descriptor, to wait for with others; a frame that has come with an
 * earlier one does not show there: receive until PHUB_ETIMEDOUT first. */
int phub_client_fd(const struct phub_client *client);

/* Disconnect; *client may be NULL and is NULL then. */
void phub_client_close(struct phub_client **client);

#ifdef __cplusplus
}
#endif

#endif
