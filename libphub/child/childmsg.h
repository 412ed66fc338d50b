/* SPDX-License-Identifier: MIT */
/* childmsg: one message of the child protocol, as bytes and as a struct.
 *
 * Used on both sides; allocates nothing.  What arrives is checked here against
 * the table of verbs, so that neither side sees a message without what its verb
 * needs. */
#ifndef PHUB_CHILD_CHILDMSG_H
#define PHUB_CHILD_CHILDMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/child.h>
#include <phub/types.h>

struct phub__childmsg {
    uint32_t verb;          /* enum phub_child_verb */
    uint32_t present;       /* bit per key; set by decode */
    uint64_t ref;           /* 0: none */
    struct phub_bytes body; /* borrowed */
    int32_t code;
    struct phub_bytes text; /* borrowed */
    int fd;                 /* of the memfd, or -1 */
    uint64_t fd_size;
    uint32_t version;
    uint32_t capabilities;
    uint32_t state_version;
    uint64_t value;
};

#define PHUB__CHILDMSG_HAS(m, key) ((m)->present >> PHUB_CHILD_KEY_##key & 1u)

/* Write message into buf.  A message with fd >= 0 says SIZE, else BODY where
 * its verb takes one.  Errors: PHUB_EINVAL for a verb that does not exist,
 * PHUB_ELIMIT if it does not fit. */
int phub__childmsg_encode(const struct phub__childmsg *message, void *buf,
                          size_t capacity, size_t *size);

/* Read a datagram; message borrows from it and gets fd -1.  Errors: PHUB_EPROTO;
 * PHUB_EUNSUPPORTED for an unknown verb, with message->ref set. */
int phub__childmsg_decode(const void *bytes, size_t size,
                          struct phub__childmsg *message);

/* Send an encoded message, with fd if that is not -1 (borrowed).  flags as for
 * send(2).  Errors: PHUB_EBUSY (would block), PHUB_ESHUTDOWN, PHUB_ESYS. */
int phub__childmsg_send(int to, const void *bytes, size_t size, int fd,
                        int flags);

/* Receive a message without waiting.  buf takes PHUB_CHILD_MESSAGE_MAX bytes;
 * message borrows from it and owns its fd, a sealed memfd of fd_size bytes.
 * 1: a message.  0: none there.  Errors: PHUB_ESHUTDOWN: closed; PHUB_EPROTO:
 * refused; PHUB_EUNSUPPORTED: of a verb that is not known here, and message->ref,
 * if not 0, awaits an answer. */
int phub__childmsg_receive(int from, void *buf, struct phub__childmsg *message);

/* Put bytes into a new sealed memfd.  Errors: PHUB_ESYS. */
int phub__childmsg_memfd(const void *data, size_t size, int *fd);

/* Seal a memfd against every change.  Errors: PHUB_ESYS. */
int phub__childmsg_seal(int fd);

/* Map the body of a received message, wherever it is; unmap gives it back. */
int phub__childmsg_map(const struct phub__childmsg *message,
                       struct phub_bytes *body);
void phub__childmsg_unmap(const struct phub__childmsg *message,
                          const struct phub_bytes *body);

/* Take the next entry of PUBLISH's body; at starts as 0.  1: an entry, 0: the
 * end, PHUB_EPROTO: not a map of text to text within the limits. */
int phub__childmsg_publish_next(const struct phub_bytes *body, size_t *at,
                                struct phub_bytes *key,
                                struct phub_bytes *value);

#endif
