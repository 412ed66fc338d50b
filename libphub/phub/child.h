/* SPDX-License-Identifier: MIT */
/* child: the protocol between a hub and its OS processes, and a small library
 * for the side of the process.
 *
 * The library needs no other; whoever writes a child in another language finds
 * the same in phub-child(7), which is written from what follows.
 *
 * The channel.  PHUB_FD is the number of an open descriptor: one end of a
 * socketpair(AF_UNIX, SOCK_SEQPACKET).  Each datagram is one message: one CBOR
 * map (RFC 8949, definite lengths) of at most PHUB_CHILD_MESSAGE_MAX bytes,
 * whose keys are those of enum phub_child_key.  Unknown keys are skipped.  An
 * empty datagram closes the channel.
 *
 * Answers.  A message with a ref is answered by exactly one DONE with the same
 * ref; code is 0 or a negative number of <phub/error.h>.  A verb that is not
 * known is answered with PHUB_EUNSUPPORTED.  Answers may come in any order and
 * late; one whose ref is not awaited is counted and dropped.
 *
 * Bodies.  A body of up to PHUB_CHILD_BODY_MAX bytes is in the message.  A
 * larger one is in a memfd that comes with the message (SCM_RIGHTS): key SIZE
 * instead of BODY says how many bytes of it, from offset 0.  It must carry the
 * seals F_SEAL_SHRINK and F_SEAL_WRITE, or is refused; so the receiver may map
 * it.
 *
 * The environment.  PHUB_CHILD_ID; PHUB_NODE, the name of the node; PHUB_EPOCH
 * "NUMBER.NODE", greater for each later instance of the child (compare NUMBER,
 * then NODE): a fence for what the child writes elsewhere; PHUB_FD; PHUB_STANDBY
 * and PHUB_STATE_EXPECTED, 0 or 1; PHUB_ROLE, "active" or "passive", until
 * ROLE says another.
 *
 * The life of an instance:
 *
 *     started -> HELLO -> [PUT_STATE] -> READY -> [COMMIT] -> working
 *     working -> FREEZE -> frozen -> TAKE_STATE ... -> THAW -> working
 *                                                   \-> STOP -> exit
 *
 * - HELLO is the first message.  Without PHUB_CHILD_CAN_DEFER_READY in its
 *   capabilities the child is ready as soon as it has said HELLO and answered
 *   PUT_STATE, where that is expected; with it, when it says READY.
 * - PHUB_STATE_EXPECTED=1: PUT_STATE will come, and the child must not be ready
 *   before it has taken it.  A PUT_STATE with a code other than 0 says that
 *   there is no state and why; the child then begins empty or exits.
 * - PHUB_STANDBY=1: the child does everything but act on the world (no client
 *   is served, nothing acknowledged) until COMMIT.
 * - FREEZE: take no more work; DONE only when every effect that was or will be
 *   acknowledged is in the state.  Nothing is acknowledged from then on.
 * - THAW: the move was given up; go on as if nothing had been.
 * - STOP: exit, within VALUE milliseconds.  A child that is frozen loses nothing
 *   by exiting: its successor has the state.
 * - CONSENT: may you be moved now?  code 0: yes.  PHUB_EBUSY: not now; the child
 *   says AGREE when it may, or is asked again.
 * - IDENTIFY: another daemon took over; the child says again HELLO, PUBLISH with
 *   all it has published and, if it is ready, READY, then DONE with its
 *   PHUB_CHILD_IS_* bits in VALUE.
 *
 * The library.  One thread; nothing but sending waits, and that only when the
 * hub has stopped reading.
 *
 *     rc = phub_child_open(&child, &calls, capabilities, version, arg);
 *     if (rc == PHUB_ENOTCHILD)
 *         ... run by hand: no hub, no channel
 *     poll phub_child_fd(child); when readable:
 *         rc = phub_child_dispatch(child);
 *         1: a message was handled;  0: none there;  negative: the hub is gone
 */
#ifndef PHUB_CHILD_H
#define PHUB_CHILD_H

#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_CHILD_VERSION 1u
#define PHUB_CHILD_MESSAGE_MAX 65536u     /* bytes of a datagram */
#define PHUB_CHILD_BODY_MAX 61440u        /* bytes of a body in a datagram */
#define PHUB_CHILD_TEXT_MAX 1023u         /* bytes of a text */
#define PHUB_CHILD_PUBLISH_MAX 16u        /* entries */
#define PHUB_CHILD_PUBLISH_KEY_MAX 63u    /* bytes */
#define PHUB_CHILD_PUBLISH_VALUE_MAX 255u /* bytes */

enum phub_child_verb {
    /* to the child */
    PHUB_CHILD_STOP = 1,       /* ref?, value? */
    PHUB_CHILD_FREEZE = 2,     /* ref */
    PHUB_CHILD_THAW = 3,       /* ref */
    PHUB_CHILD_COMMIT = 4,     /* ref */
    PHUB_CHILD_TAKE_STATE = 5, /* ref; DONE has body or size, state version */
    PHUB_CHILD_PUT_STATE = 6,  /* ref, body or size, state version?, code? */
    PHUB_CHILD_ROLE = 7,       /* ref, value: 0 passive, 1 active */
    PHUB_CHILD_CONSENT = 8,    /* ref */
    PHUB_CHILD_MESSAGE = 9,    /* ref?, body or size, text?: the sender */
    PHUB_CHILD_IDENTIFY = 10,  /* ref */
    /* from the child */
    PHUB_CHILD_HELLO = 64,     /* version, capabilities, state version? */
    PHUB_CHILD_READY = 65,
    PHUB_CHILD_DONE = 66,      /* ref, code, text?, body or size?, value?,
                                  state version? */
    PHUB_CHILD_PUBLISH = 67,   /* body: CBOR map of text to text; an entry
                                  replaces, an empty value removes */
    PHUB_CHILD_AGREE = 68
};

enum phub_child_key {
    PHUB_CHILD_KEY_VERB = 0,          /* uint */
    PHUB_CHILD_KEY_REF = 1,           /* uint, not 0 */
    PHUB_CHILD_KEY_BODY = 2,          /* bytes */
    PHUB_CHILD_KEY_CODE = 3,          /* int, 0 or negative */
    PHUB_CHILD_KEY_TEXT = 4,          /* text, for people */
    PHUB_CHILD_KEY_SIZE = 5,          /* uint: bytes in the memfd */
    PHUB_CHILD_KEY_VERSION = 6,       /* uint: of this protocol */
    PHUB_CHILD_KEY_CAPABILITIES = 7,  /* uint: PHUB_CHILD_CAN_* */
    PHUB_CHILD_KEY_STATE_VERSION = 8, /* uint: the child's own numbering */
    PHUB_CHILD_KEY_VALUE = 9          /* uint */
};

#define PHUB_CHILD_CAN_FREEZE 1u      /* FREEZE, THAW */
#define PHUB_CHILD_CAN_STATE 2u       /* TAKE_STATE, PUT_STATE */
#define PHUB_CHILD_CAN_CONSENT 4u     /* CONSENT */
#define PHUB_CHILD_CAN_ROLE 8u        /* ROLE */
#define PHUB_CHILD_CAN_DEFER_READY 16u /* it says READY itself */

#define PHUB_CHILD_IS_READY 1u
#define PHUB_CHILD_IS_FROZEN 2u
#define PHUB_CHILD_IS_STANDBY 4u      /* no COMMIT yet */

/* A state that was handed to the child.  Borrowed until the call returns. */
struct phub_child_state {
    const void *data;       /* never NULL */
    size_t size;
    uint32_t version;       /* as its giver said in HELLO or with the state */
    int code;               /* not 0: there is none, and this is why */
};

struct phub_child;

/* What a hub asks of a child.  Each answers by what it returns: 0 done, or a
 * negative PHUB_E*; or PHUB_CHILD_LATER, and then the child calls
 * phub_child_done() or phub_child_give_...() with that ref, once, from
 * anywhere.  A call that is NULL is answered with PHUB_EUNSUPPORTED, except
 * that stop exits the program with 0, and commit and thaw succeed. */
#define PHUB_CHILD_LATER 1

struct phub_child_calls {
    size_t size;            /* sizeof(struct phub_child_calls) */
    int (*stop)(void *arg, uint64_t ref, uint64_t within_ms);
    int (*freeze)(void *arg, uint64_t ref);
    int (*thaw)(void *arg, uint64_t ref);
    int (*commit)(void *arg, uint64_t ref);
    /* Answers with phub_child_give_state(), then returns 0. */
    int (*get_state)(void *arg, uint64_t ref);
    int (*put_state)(void *arg, uint64_t ref,
                     const struct phub_child_state *state);
    int (*role)(void *arg, uint64_t ref, int active);
    int (*consent)(void *arg, uint64_t ref);
    /* ref 0: no reply is expected.  sender may be "".  Replies with
     * phub_child_give(), then returns 0. */
    int (*message)(void *arg, uint64_t ref, const char *sender,
                   const void *data, size_t size);
};

/* Take the channel of the environment and say HELLO.  child owns; calls and
 * arg borrows for its life.  capabilities: PHUB_CHILD_CAN_*.
 * Errors: PHUB_ENOTCHILD if this program was not started by a hub; PHUB_ENOMEM;
 * PHUB_ESHUTDOWN. */
int phub_child_open(struct phub_child **child,
                    const struct phub_child_calls *calls,
                    uint32_t capabilities, uint32_t state_version, void *arg);
void phub_child_close(struct phub_child **child);

/* To poll for reading; never read from it. */
int phub_child_fd(const struct phub_child *child);

/* Handle one message, if one is there.  1: handled or refused; 0: none there;
 * PHUB_ESHUTDOWN: the channel is closed. */
int phub_child_dispatch(struct phub_child *child);

/* What the environment says; the texts live as long as child. */
const char *phub_child_id(const struct phub_child *child);
const char *phub_child_node(const struct phub_child *child);
const char *phub_child_epoch(const struct phub_child *child);
int phub_child_standby(const struct phub_child *child); /* 0 after COMMIT */
int phub_child_state_expected(const struct phub_child *child);
int phub_child_frozen(const struct phub_child *child);

/* Say that the child can work; needed with PHUB_CHILD_CAN_DEFER_READY only. */
int phub_child_ready(struct phub_child *child);

/* Say that it may be moved now, after consent was refused. */
int phub_child_agree(struct phub_child *child);

/* Set an entry of the child's metadata, which every node can look up: "port",
 * "8080".  An empty value removes it.  Copies.  Errors: PHUB_ELIMIT,
 * PHUB_EINVAL for text that is not UTF-8. */
int phub_child_publish(struct phub_child *child, const char *key,
                       const char *value);

/* Answer a ref.  text may be NULL.  Errors: PHUB_EINVAL if ref is 0. */
int phub_child_done(struct phub_child *child, uint64_t ref, int code,
                    const char *text);

/* Answer with bytes; copies.  Bytes above PHUB_CHILD_BODY_MAX go as a memfd.
 * Errors: PHUB_ESYS, PHUB_ENOMEM, PHUB_ESHUTDOWN. */
int phub_child_give(struct phub_child *child, uint64_t ref, const void *data,
                    size_t size);
int phub_child_give_state(struct phub_child *child, uint64_t ref,
                          uint32_t state_version, const void *data,
                          size_t size);

/* As give_state, with a memfd that the child wrote; it is sealed, and taken on
 * success.  It must not be mapped for writing. */
int phub_child_give_state_fd(struct phub_child *child, uint64_t ref,
                             uint32_t state_version, int fd, size_t size);

/* The text of a code, as phub_strerror() of libphub. */
const char *phub_child_strerror(int code);

#ifdef __cplusplus
}
#endif

#endif
