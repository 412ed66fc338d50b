/* SPDX-License-Identifier: MIT */
/* messages: what goes between nodes.
 *
 * A frame is two CBOR items, one behind the other (RFC 8742): the envelope,
 * a map that is written anew for each peer, and the body, which is encoded
 * once and shared by all peers it goes to.  A body is a map whose schema
 * lies with its owner (cluster, registry, hub); it may be absent.
 *
 * Version.  A node sends PHUB__PROTOCOL and understands it and the one
 * before.  Key 1 of the envelope is the version for ever. */
#ifndef PHUB__WIRE_MESSAGES_H
#define PHUB__WIRE_MESSAGES_H

#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/types.h>

#include "wire/buf.h"
#include "wire/codec.h"

#define PHUB__PROTOCOL 1u
#define PHUB__PROTOCOL_MIN 1u
#define PHUB__FRAME_MAX 4194304u  /* bytes of a frame, envelope and body */
#define PHUB__PIECE_MAX 1048576u  /* bytes of a body on the control lane */
#define PHUB__ENVELOPE_MAX 160u   /* bytes of an envelope */

/* Lanes: name, number, what it gives. */
#define PHUB__LANES(X)                                                        \
    X(PROBE, 0, "sent once; may be lost, doubled or late")                    \
    X(CONTROL, 1, "in order, exactly once, small")                            \
    X(BULK, 2, "in order, exactly once, on a connection of its own")

/* All messages: name, number, usual lane, what it is.  Numbers are the
 * wire's: appended, never used again.  1 to 15 cluster, 16 to 31 registry,
 * 32 to 63 hub, 64 and above wire. */
#define PHUB__MESSAGES(X)                                                     \
    X(PING, 1, PROBE, "are you there; grant me a lease")                      \
    X(ACK, 2, PROBE, "I am; granted")                                         \
    X(PING_REQ, 3, PROBE, "ping that one for me")                             \
    X(NACK, 4, PROBE, "I did; it is silent")                                  \
    X(GOSSIP, 5, PROBE, "news of members")                                    \
    X(SYNC, 6, PROBE, "a page of my member list")                             \
    X(JOIN, 7, PROBE, "may I join")                                           \
    X(JOIN_ANSWER, 8, PROBE, "welcome, or why not")                           \
    X(JOIN_CONFIRM, 9, PROBE, "I heard you")                                  \
    X(LEAVE, 10, PROBE, "goodbye")                                            \
    X(VECTOR, 16, PROBE, "how far I have each author's stream")               \
    X(DELTA, 17, CONTROL, "pieces of streams")                                \
    X(ROWS_ASK, 18, CONTROL, "send me an author's rows")                      \
    X(VIEW_SYNC, 32, CONTROL, "my view, for who has another")                 \
    X(REQUEST, 33, CONTROL, "a piece of a distributed operation")             \
    X(RESPONSE, 34, CONTROL, "answers to some of its items")                  \
    X(PEER, 35, CONTROL, "from a strategy to its like")                       \
    X(CHILD_MESSAGE, 36, CONTROL, "to a child")                               \
    X(CHILD_REPLY, 37, CONTROL, "a child's answer to a call")                 \
    X(COVER, 38, CONTROL, "tell me when you have all that I have")            \
    X(COVERED, 39, CONTROL, "now I have")                                     \
    X(LOAD, 40, CONTROL, "what the sender's machine uses")                    \
    X(WATCH, 41, CONTROL, "tell me of events")                                \
    X(EVENTS, 42, CONTROL, "what happened here")                              \
    X(GATHERED, 43, CONTROL, "what members told me of their views")           \
    X(STATE, 48, BULK, "a chunk of a child's state")                          \
    X(STATE_ACK, 49, CONTROL, "credit for more chunks")                       \
    X(SESSION_ACK, 64, CONTROL, "an envelope's acknowledgement alone")

enum phub__lane {
#define PHUB__LANE_ENUM_(name, number, text) PHUB__LANE_##name = (number),
    PHUB__LANES(PHUB__LANE_ENUM_)
#undef PHUB__LANE_ENUM_
};
#define PHUB__LANE_MAX PHUB__LANE_BULK

enum phub__message {
#define PHUB__MESSAGE_ENUM_(name, number, lane, text)                         \
    PHUB__MESSAGE_##name = (number),
    PHUB__MESSAGES(PHUB__MESSAGE_ENUM_)
#undef PHUB__MESSAGE_ENUM_
};

/* What precedes every body.  sequence, session and the acks belong to the
 * session of the lane (session.h) and are 0 on the probe lane. */
struct phub__envelope {
    uint64_t hub;          /* phub__hub_hash() of the hub id */
    uint64_t node;         /* sender */
    uint64_t boot;         /* of the sender */
    uint64_t target;       /* node; 0 = whoever listens there (a seed) */
    uint64_t target_boot;  /* 0 = any */
    uint64_t sequence;     /* 0 = outside of the session's order */
    uint64_t session;      /* generation of the sender's session */
    uint64_t ack;          /* all up to this arrived */
    uint64_t ack_session;  /* generation of the receiver's that ack is for */
    uint64_t lamport;
    uint64_t view;         /* hash of the sender's view */
    uint16_t type;         /* enum phub__message, maybe a newer one */
    uint8_t version;
    uint8_t lane;
};

extern const struct phub__schema phub__envelope_schema;

/* Give "REQUEST", or NULL for a number that is not in the table. */
const char *phub__message_name(unsigned type);
/* Give the usual lane, PHUB__LANE_CONTROL for an unknown number. */
enum phub__lane phub__message_lane(unsigned type);
/* Give "CONTROL", or NULL. */
const char *phub__lane_name(unsigned lane);

/* Hash the text of a hub id as the envelope carries it. */
uint64_t phub__hub_hash(struct phub_bytes hub_id);

/* Write the envelope into head; size is set to its length.  version is
 * PHUB__PROTOCOL if it is 0. */
void phub__envelope_write(const struct phub__envelope *envelope,
                          uint8_t head[PHUB__ENVELOPE_MAX], size_t *size);

/* Take a frame apart; body borrows from it (size 0 if absent) and is not
 * looked into.
 * Errors: PHUB_EPROTO; PHUB_ELIMIT (above PHUB__FRAME_MAX, an unknown lane);
 * PHUB_EVERSION, with envelope and body filled as far as we understand them:
 * what is about joining is answered all the same. */
int phub__frame_open(struct phub_bytes frame, struct phub__envelope *envelope,
                     struct phub_bytes *body);

#endif
