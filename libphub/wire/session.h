/* SPDX-License-Identifier: MIT */
/* session: frames to one peer on one lane, in order and exactly once.
 *
 * ZeroMQ loses what is in flight when it reconnects; a session brings it
 * again.  It is a pure state machine: time comes in as now_ns (of any one
 * monotonic clock), frames go out through emit().  One per (peer, lane) of
 * the lanes CONTROL and BULK; the bodies are shared, the envelope is written
 * anew each time it is sent, so acknowledgements travel for free.
 *
 * - Sending: a sequence from 1, a window bounded by count and bytes
 *   (PHUB_EBUSY when full), cumulative acknowledgement, repetition of the
 *   oldest after 100 ms, doubling to 2 s, or at the third pure
 *   acknowledgement that says the same; then more with each progress.
 * - Receiving: in order, a bounded number waits for what is missing; an
 *   acknowledgement alone after 10 ms or every sixteenth of a window.
 * - Generations.  Each start of a session has a number that grows within our
 *   boot (the owner's counter).  A frame says the sender's generation and the
 *   receiver's that it knows; so a side that has lost its session (the peer
 *   was out of its view for a while) is noticed by the other, which starts
 *   anew too, and no frame of the time before is mistaken for a new one.
 *   What was not acknowledged then comes back through failed() with
 *   PHUB_ENODEDOWN: it may or may not have arrived.  The first frame to a
 *   peer takes a round trip more: until then each has to learn the other's.
 * - Boots.  A newer boot of the peer does the same; frames from an older one,
 *   or for another boot of ours, are dropped and counted.
 *
 * So nothing is delivered twice to one boot, even if sessions are freed and
 * made again; keep one as long as the peer's boot is in the view, since what
 * is not acknowledged goes with it.
 *
 * Callbacks come from within the calls; they may call send, and nothing else
 * of the same session.  After each call ask for the deadline. */
#ifndef PHUB__WIRE_SESSION_H
#define PHUB__WIRE_SESSION_H

#include <stdint.h>

#include <phub/types.h>

#include "wire/buf.h"
#include "wire/messages.h"

#define PHUB__SESSION_CONTROL_FRAMES_MAX 1024u
#define PHUB__SESSION_CONTROL_BYTES_MAX 8388608u
#define PHUB__SESSION_BULK_FRAMES_MAX 256u
#define PHUB__SESSION_BULK_BYTES_MAX 8388608u
#define PHUB__SESSION_EARLY_FRAMES_MAX 64u      /* waiting for a missing one */
#define PHUB__SESSION_EARLY_BYTES_MAX 8388608u
#define PHUB__SESSION_ACK_DELAY_NS 10000000u    /* 10 ms */
#define PHUB__SESSION_RETRY_MIN_NS 100000000u   /* 100 ms */
#define PHUB__SESSION_RETRY_MAX_NS 2000000000u  /* 2 s */
#define PHUB__SESSION_BURST_MAX 256u            /* repeated at once */

struct phub__session;

struct phub__session_io {
    void *arg;
    /* Send now or never.  envelope has type, target, target_boot, lane,
     * sequence, session and acks; the rest is the owner's to fill in.  body
     * is borrowed until return, NULL if there is none.  A failure is as good
     * as a loss: the frame is sent again. */
    void (*emit)(void *arg, struct phub__envelope *envelope,
                 struct phub_buf *body);
    /* A frame's turn has come.  frame and body (a part of it) are borrowed
     * until return.  Not 0: it could not be taken, and nothing was done with
     * it; it comes again, as if the network had lost it. */
    int (*deliver)(void *arg, const struct phub__envelope *envelope,
                   struct phub_buf *frame, struct phub_bytes body);
    /* A frame was given up (rc), delivered or not.  body is borrowed until
     * return.  May be NULL. */
    void (*failed)(void *arg, unsigned type, struct phub_buf *body, int rc);
};

struct phub__session_config {
    uint64_t self_boot;
    uint64_t peer;           /* node */
    uint64_t peer_boot;
    enum phub__lane lane;    /* CONTROL or BULK */
    uint64_t *generations;   /* the owner's counter for all its sessions;
                              * borrowed for the life of the session */
    struct phub__session_io io;
};

struct phub__session_stats {
    uint64_t sent;         /* first time */
    uint64_t repeated;
    uint64_t acks_sent;    /* alone */
    uint64_t delivered;
    uint64_t duplicates;
    uint64_t early;        /* kept for what was missing */
    uint64_t dropped;      /* too early to be kept */
    uint64_t stale;        /* of another boot or generation */
    uint64_t malformed;
    uint64_t restarts;
    uint64_t failed;
    uint32_t window_frames; /* now waiting for acknowledgement */
    uint64_t window_bytes;
};

/* Errors: PHUB_ENOMEM. */
int phub__session_new(const struct phub__session_config *config,
                      struct phub__session **session);
/* Nulls *session; what is not acknowledged is dropped without a word. */
void phub__session_free(struct phub__session **session);

/* Send a body (a reference is taken; may be NULL).
 * Errors: PHUB_EBUSY (the window is full), PHUB_ELIMIT (the body is above
 * PHUB__FRAME_MAX with its envelope), PHUB_ENOMEM. */
int phub__session_send(struct phub__session *session, unsigned type,
                       struct phub_buf *body, uint64_t now_ns);

/* Take a frame whose envelope names our hub, this peer and this lane.  body
 * lies in frame; a reference to frame is kept if it came too early.
 * Errors: PHUB_EPROTO (counted). */
int phub__session_received(struct phub__session *session,
                           const struct phub__envelope *envelope,
                           struct phub_buf *frame, struct phub_bytes body,
                           uint64_t now_ns);

/* Do what is due; when that is.  UINT64_MAX: never. */
void phub__session_tick(struct phub__session *session, uint64_t now_ns);
uint64_t phub__session_deadline(const struct phub__session *session);

/* The number of the next frame that is sent, and of the first that is not
 * acknowledged yet; both begin anew when the session does. */
uint64_t phub__session_next(const struct phub__session *session);
uint64_t phub__session_acked(const struct phub__session *session);

/* Give up everything that is not acknowledged, through failed(), and start
 * anew. */
void phub__session_fail(struct phub__session *session, int rc);

void phub__session_stats(const struct phub__session *session,
                         struct phub__session_stats *stats);

#endif
