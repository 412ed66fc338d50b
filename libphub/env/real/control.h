/* SPDX-License-Identifier: MIT */
/* control: the socket that phub(1) asks a hub by.
 *
 * A stream socket at a path of mode 0600.  Frames go both ways, four bytes of
 * size, big-endian, and a body of at most PHUB__CONTROL_FRAME_MAX; what they
 * say is the hub's affair.
 *
 *   listen -> connected -> received ... -> closed -> close
 *
 * A peer that sends a size over the limit is closed.  So is one that does not
 * read: when more than PHUB__CONTROL_OUTPUT_MAX bytes wait for it, or when
 * some have waited PHUB__CONTROL_STALL_MS without any of them going.  Who has
 * much to say sends while pending is small, and goes on in drained.
 *
 * Thread: the hub's.  Peers may be closed in any callback. */
#ifndef PHUB__ENV_REAL_CONTROL_H
#define PHUB__ENV_REAL_CONTROL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "control/address.h"
#include "env/env.h"

#define PHUB__CONTROL_PEERS_MAX 64u /* more are closed at once */
#define PHUB__CONTROL_OUTPUT_MAX (8u * 1024u * 1024u) /* bytes of one peer */
#define PHUB__CONTROL_STALL_MS 30000u
#define PHUB__CONTROL_READ_TURN_MAX 65536u /* bytes of one peer in a turn */

struct phub__control;
struct phub__control_peer;

struct phub__control_events {
    void (*connected)(void *arg, struct phub__control_peer *peer);
    /* body is borrowed until return. */
    void (*received)(void *arg, struct phub__control_peer *peer,
                     struct phub_bytes body);
    /* All that was sent is gone; may be NULL. */
    void (*drained)(void *arg, struct phub__control_peer *peer);
    /* It is gone, and not by close_peer; the pointer is dead. */
    void (*closed)(void *arg, struct phub__control_peer *peer);
};

struct phub__control_counters {
    uint64_t connected;
    uint64_t refused_peers; /* over PHUB__CONTROL_PEERS_MAX, or descriptors */
    uint64_t refused_size;  /* frames over PHUB__CONTROL_FRAME_MAX */
    uint64_t closed_slow;
    uint64_t received;
    uint64_t sent;
};

/* Listen at path.  A socket that is there and that nobody answers at is
 * replaced.  env is a real one; events are borrowed until close.
 * Errors: PHUB_EEXIST if somebody listens there, PHUB_ESYS, PHUB_EINVAL. */
int phub__control_listen(struct phub_env *env, const char *path,
                         const struct phub__control_events *events, void *arg,
                         struct phub__control **control, char *error,
                         size_t error_max);

/* Close all peers, without closed, and the socket; the path is removed. */
void phub__control_close(struct phub__control **control);

/* Send a frame; the bytes are copied.  Errors: PHUB_ELIMIT if it is too large,
 * PHUB_ENOMEM; PHUB_EBUSY if the peer is too slow: it is closed, and closed
 * follows. */
int phub__control_send(struct phub__control_peer *peer,
                       struct phub_bytes body);

/* Bytes that wait to be read by the peer. */
size_t phub__control_pending(const struct phub__control_peer *peer);

/* End it once what waits has been read, or stalls. */
void phub__control_close_peer(struct phub__control_peer **peer);

/* A place for the hub's own pointer. */
void **phub__control_data(struct phub__control_peer *peer);

/* Who is there: pid and uid at the time of connecting. */
void phub__control_who(const struct phub__control_peer *peer, pid_t *pid,
                       uid_t *uid);

void phub__control_counters(const struct phub__control *control,
                            struct phub__control_counters *counters);

#endif
