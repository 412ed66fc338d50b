/* SPDX-License-Identifier: MIT */
/* channel: the daemon's end of the child protocol.
 *
 * Bounded in every direction: what the child does not read waits in a bounded
 * queue, then send says PHUB_EBUSY; what the child sends is read a few messages
 * at a time, and an owner that has enough of it stops asking, which makes the
 * child wait.  Answers are fitted to what was asked: one that nobody waits for
 * (late, twice, invented) is counted and dropped.  A child that sends garbage
 * is forgiven PHUB__CHANNEL_GARBAGE_MAX times.
 *
 * The descriptor is non-blocking and stays so.  Thread: the loop's. */
#ifndef PHUB_CHILD_CHANNEL_H
#define PHUB_CHILD_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "child/childmsg.h"

#define PHUB__CHANNEL_PENDING_MAX 64u             /* refs awaited, ... */
#define PHUB__CHANNEL_PENDING_OWN 16u /* and of these not by messages */
#define PHUB__CHANNEL_QUEUE_MAX 256u              /* messages */
#define PHUB__CHANNEL_QUEUE_BYTES_MAX (1u << 20)
#define PHUB__CHANNEL_READ_TURN_MAX 16            /* messages per turn */
#define PHUB__CHANNEL_GARBAGE_MAX 16u             /* datagrams, per channel */

struct phub__channel;

struct phub__channel_counts {
    uint64_t received;
    uint64_t garbage;  /* datagrams that were refused */
    uint64_t unknown;  /* of verbs that a later version may have; skipped */
    uint64_t unawaited; /* answers that nobody waited for */
};

/* Make a channel over fd, which is taken on success.  Errors: PHUB_ENOMEM. */
int phub__channel_open(struct phub__channel **out, int fd);
void phub__channel_close(struct phub__channel **channel);

int phub__channel_fd(const struct phub__channel *channel);
bool phub__channel_wants_write(const struct phub__channel *channel);
void phub__channel_counts(const struct phub__channel *channel,
                          struct phub__channel_counts *counts);

/* Send a message; ref, if any, is chosen by the caller and unlike any that is
 * awaited.  A body above PHUB_CHILD_BODY_MAX is copied into a memfd;
 * message->fd, if not -1, is sent as it is, and borrowed.
 * Errors: PHUB_EBUSY, PHUB_ENOMEM, PHUB_ESYS, PHUB_EINVAL, PHUB_EEXIST (ref),
 * PHUB_ESHUTDOWN. */
int phub__channel_send(struct phub__channel *channel,
                       const struct phub__childmsg *message);

/* Send what waits.  Errors: PHUB_ESHUTDOWN. */
int phub__channel_writable(struct phub__channel *channel);

/* No longer await ref: an answer that still comes is counted. */
void phub__channel_forget(struct phub__channel *channel, uint64_t ref);

/* Receive up to PHUB__CHANNEL_READ_TURN_MAX messages.  Only what a child may
 * say arrives, DONE only for a ref that is awaited; asked is the verb it
 * answers, else 0.  message and its fd are borrowed until received returns.
 * received may close the channel.  Returns 0; PHUB_ESHUTDOWN: the child closed
 * it; PHUB_EPROTO: too much garbage. */
int phub__channel_readable(struct phub__channel *channel,
                           void (*received)(void *arg,
                               const struct phub__childmsg *message,
                               uint32_t asked),
                           void *arg);

#endif
