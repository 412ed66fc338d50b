/* SPDX-License-Identifier: MIT */
/* message: the bodies of the cluster's messages, to bytes and back.
 *
 * A body is a CBOR map with small integer keys in ascending order; unknown
 * keys are skipped.  One table says what each key is, another which keys each
 * type has; all types share one struct, and what a type does not have is 0.
 * Nothing is allocated; texts are borrowed from the bytes. */
#ifndef PHUB__CLUSTER_MESSAGE_H
#define PHUB__CLUSTER_MESSAGE_H

#include "cluster/member.h"

#define PHUB__NEWS_MAX 64u                   /* records in a message */
#define PHUB__CLUSTER_BODY_MAX (64u * 1024u) /* bytes */

/* flags */
#define PHUB__SYNC_REPLY 1u  /* SYNC: send me yours */

struct phub__strategy {
    struct phub_bytes kind;
    struct phub_bytes name;
    uint64_t wire_min;
    uint64_t wire_max;
    uint64_t digest;
    uint64_t must_match; /* 0 or 1 */
    uint64_t generation; /* 0: by configuration */
};

struct phub__message {
    enum phub__cluster_type type;
    uint64_t seq;          /* of the probe */
    uint64_t stamp_ns;     /* sender's boot clock when it sent the probe */
    uint64_t lease_ms;     /* asked for, granted, or (JOIN) configured */
    uint64_t voters;       /* version of the granter's voters, */
    uint64_t generation;   /* and of the strategy that says who they are */
    uint64_t voters_also;  /* the same of the one that is to replace it */
    uint64_t generation_also;
    uint64_t node;         /* whom it is about */
    uint64_t boot;
    uint64_t origin;       /* on whose behalf (PING), who answers (ACK); */
    uint64_t origin_boot;  /* 0: the sender itself */
    uint64_t flags;
    uint64_t list;         /* SYNC: hash of the sender's list; 0: here it is */
    uint64_t cookie;       /* JOIN: the asker's, comes back */
    uint64_t nonce;        /* JOIN_ANSWER: the answerer's, comes back */
    uint64_t code;         /* JOIN_ANSWER: 0, or -PHUB_E* */
    uint64_t incarnation;  /* JOIN, ANSWER: above this one you are back */
    uint64_t protocol_min;
    uint64_t protocol_max;
    struct phub_bytes endpoint; /* PING: the sender's; JOIN: as dialled */
    struct phub_bytes text;
    struct phub_bytes hub_id;
    struct phub__news news[PHUB__NEWS_MAX];
    uint32_t news_count;
    struct phub__strategy strategies[PHUB__STRATEGIES_MAX];
    uint32_t strategies_count;
};

/* Empty a message but for its type; lists are not wiped. */
void phub__message_init(struct phub__message *m, enum phub__cluster_type type);
/* Encode into buf.  Errors: PHUB_ELIMIT (it does not fit). */
int phub__message_encode(const struct phub__message *m, uint8_t *buf,
                         size_t capacity, size_t *size);
/* Decode; what the type needs is there, in range, and texts are clean.
 * Errors: PHUB_EPROTO. */
int phub__message_decode(struct phub__message *m, enum phub__cluster_type type,
                         const uint8_t *body, size_t size);

#endif
