/* SPDX-License-Identifier: MIT */
/* ops: the bodies of hub messages as C structs.
 *
 * REQUEST carries one piece of a distributed operation to one node, RESPONSE
 * answers some of its items; a piece may be forwarded, and answers always go
 * to the node that began the operation.  Keys are in ops.c beside the schema
 * tables, and in phub-protocol(7). */
#ifndef PHUB__HUB_OPS_H
#define PHUB__HUB_OPS_H

#include <stdint.h>

#include <phub/types.h>

#include "wire/codec.h"

#define PHUB__ITEMS_MAX 1000u        /* items in one piece */
#define PHUB__PIECE_SIZE_MAX 524288u /* bytes of one piece, about */
#define PHUB__HOPS_MAX 3u            /* nodes that may pass a piece on */
#define PHUB__CAUSES_ASKED 16u       /* sentences of one node about a child */
#define PHUB__HELD_MAX 16384u        /* states offered in one view sync */

enum phub__op {
    PHUB__OP_START = 1,  /* to the keeper: claim the id, place, run */
    PHUB__OP_RUN,        /* keeper to home: run this row; done when it runs */
    PHUB__OP_HOLD,       /* keeper to another: hold these rows */
    PHUB__OP_STOP,       /* to the keeper: end the incarnation */
    PHUB__OP_END,        /* keeper to holder: end the instance */
    PHUB__OP_MOVE,       /* to the home: move it to target */
    PHUB__OP_PREPARE,    /* origin to target */
    PHUB__OP_GO,         /* origin to target: it is yours */
    PHUB__OP_DISCARD,    /* origin to target: aborted */
    PHUB__OP_DRAIN,      /* to a node: move everything away */
    PHUB__OP_COMPLETED,  /* home to keeper: it ended by itself, stop the row */
    PHUB__OP_CAUSES,     /* to a node: what it noted about this child */
    PHUB__OP_EDIT,       /* to the keeper: change the metadata */
    PHUB__OP_CELL,       /* to the keeper: write a strategy's cell */
    PHUB__OP_ASK,        /* to a node: a strategy asks its like */
    PHUB__OP_SWITCH,     /* to the keeper: the hub goes by another strategy */
    PHUB__OP_LOAD        /* keeper to a member: enum phub__load_step */
};

const char *phub__op_name(enum phub__op op);

#define PHUB__ITEM_DURABLE 1u
#define PHUB__ITEM_STICKY 2u
#define PHUB__ITEM_STANDBY 4u
#define PHUB__ITEM_STATE 8u    /* GO: the target holds a state for it */
#define PHUB__ITEM_PLANNED 32u /* MOVE: a strategy asks for it */
#define PHUB__ITEM_NO_CONSENT 64u  /* and the child is not asked */
#define PHUB__ITEM_FREE 128u       /* EDIT: not sticky any more */
#define PHUB__ASK_KIND 7u      /* ASK has flags of its own: whose it is, */
#define PHUB__ASK_UNDO 8u      /* and that it shall be undone */
#define PHUB__OPTIONS_MAX 16u  /* of a request */
#define PHUB__ITEM_EXPECT 16u  /* CELL: only if its version is epoch's number */

struct phub__op_item {
    uint64_t index;                 /* of the requester */
    struct phub_bytes id;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    struct phub_bytes spec;
    struct phub__list metadata;     /* struct phub__op_pair */
    struct phub__list tags;         /* struct phub_bytes */
    uint64_t flags;
    uint64_t target;                /* node */
    struct phub_bytes text;         /* a strategy's name, a reason */
};

struct phub__op_pair {
    struct phub_bytes key;
    struct phub_bytes value;
};

struct phub__op_request {
    uint64_t transaction;           /* of origin */
    uint64_t origin;                /* node */
    uint64_t origin_boot;
    uint64_t op;                    /* enum phub__op */
    uint64_t view_hash;
    uint64_t timeout_ms;
    uint64_t flags;
    struct phub__list visited;      /* uint64_t nodes */
    struct phub__list items;        /* struct phub__op_item */
    struct phub_bytes rows;         /* registry entries the piece rests on */
    struct phub__list options;      /* struct phub__op_pair, for whoever acts */
};

struct phub__op_answer {
    uint64_t index;
    int64_t code;
    uint64_t node;
    int64_t pid;
    struct phub_bytes text;
    struct phub_epoch incarnation;
    uint64_t value;
    uint64_t forwarded;             /* to this node; no answer yet */
    struct phub_bytes data;         /* of ASK */
};

struct phub__op_response {
    uint64_t transaction;
    struct phub__list answers;      /* struct phub__op_answer */
};

/* After each change of the view, to every member. */
#define PHUB__LEASES_MAX 1024u      /* lost nodes told of in one message */

struct phub__op_lease {
    uint64_t node;                  /* lost */
    uint64_t remaining_ms;          /* that the sender must not replace it */
};

struct phub__op_held {
    struct phub_bytes id;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;        /* home epoch the state belongs to */
    uint64_t sequence;              /* of a checkpoint; 0: the last there is */
};

#define PHUB__OP_VIEW_SYNC_LEASES 3  /* its key */

struct phub__op_view_sync {
    uint64_t view_hash;
    struct phub_bytes summary;
    struct phub__list leases;       /* struct phub__op_lease */
    struct phub__list held;         /* struct phub__op_held */
    uint64_t ask;                   /* 1: tell me yours again */
    uint64_t digest;                /* of what summary would say */
    uint64_t new_here;              /* 1: has not settled in itself */
    uint64_t recovering;            /* 1: the sender may have forgotten rows */
    uint64_t partial;               /* enum phub__partial, of the sender */
    uint64_t floor;                 /* epochs are reserved up to here */
    uint64_t boot;                  /* of the sender, and which of its ... */
    uint64_t number;                /* ... statements; only grows */
    uint64_t gather;                /* 1: pass it on to all */
};

/* What members told, passed on by who gathers it. */
struct phub__op_told {
    uint64_t node;
    struct phub_bytes body;         /* a view sync */
};

struct phub__op_gathered {
    struct phub__list told;         /* struct phub__op_told */
    struct phub__list leases;       /* struct phub__op_lease: theirs, the
                                     * longest of each node; they have none */
};

/* COVER: tell me when you have all this, and remember floor.  COVERED: I have;
 * the round alone. */
struct phub__op_cover {
    uint64_t round;
    uint64_t floor;                 /* the sender gives out epochs below it */
    struct phub_bytes summary;
};

/* One chunk of a state on its way; offset 0 comes with the sizes. */
struct phub__op_state {
    struct phub_bytes id;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;        /* home epoch when it was taken */
    uint64_t size;
    uint64_t offset;
    uint64_t checksum;              /* XXH3-64 of all of it */
    struct phub_bytes data;
    uint64_t version;               /* the child's own; 0 = none */
    uint64_t kind;                  /* enum phub__handover_kind */
    uint64_t sequence;              /* of a checkpoint, from 1 */
    uint64_t ttl_ms;                /* how long to keep it */
    int64_t code;                   /* there is no state, and this is why */
};

struct phub__op_state_ack {
    struct phub_bytes id;
    struct phub_epoch epoch;
    uint64_t received;
    int64_t code;
    struct phub_bytes text;         /* why not */
    uint64_t kind;
};

/* The place of a message among those of its sender (hub/order.c). */
struct phub__mark {
    uint64_t boot;                  /* of the origin */
    uint64_t number;                /* grows; 0: in no order */
    uint64_t after;                 /* 0, or one that comes first, and */
    uint64_t via, via_boot;         /* the node it went to */
};

/* The last message of a node that a child was given. */
struct phub__op_heard {
    uint64_t node, boot, number;
};

/* A message to a child, or its reply. */
struct phub__op_message {
    uint64_t origin;
    uint64_t reference;             /* 0: no reply is expected */
    uint64_t hops;
    int64_t code;                   /* replies */
    uint64_t timeout_ms;
    struct phub_bytes id;
    struct phub_bytes data;
    uint64_t end;                   /* 1: the origin's queue ends here */
    struct phub__mark mark;
    struct phub__list heard;        /* struct phub__op_heard, with end */
};

struct phub__op_plugin {
    uint64_t kind;
    struct phub_bytes name;
    struct phub_bytes data;
};

/* What a node uses: struct phub_load of <phub/plugin.h>. */
struct phub__op_load {
    uint64_t serial, host, cpus;
    uint64_t memory_bytes, memory_free_bytes, node_memory_bytes;
    uint64_t cpu_permille, node_cpu_permille, queue_milli;
    uint64_t children, moving, interval_ms, flags;
};

extern const struct phub__schema phub__op_request_schema;
extern const struct phub__schema phub__op_response_schema;
extern const struct phub__schema phub__op_view_sync_schema;
extern const struct phub__schema phub__op_gathered_schema;
extern const struct phub__schema phub__op_cover_schema;
extern const struct phub__schema phub__op_state_schema;
extern const struct phub__schema phub__op_state_ack_schema;
extern const struct phub__schema phub__op_message_schema;
extern const struct phub__schema phub__op_plugin_schema;
extern const struct phub__schema phub__op_load_schema;

#endif
