/* SPDX-License-Identifier: MIT */
/* host: what a hub shows its strategies, and takes from them.
 *
 * Included by <phub/plugin.h>, whose rules hold here: a size first, members
 * only appended, no padding.
 *
 * Manual: phub-strategy(7), phub-host(7). */
#ifndef PHUB_HOST_H
#define PHUB_HOST_H

#include <stdint.h>

#include <phub/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct phub_buf;

/* --- parameters ---------------------------------------------------------- */

enum phub_param_type {
    PHUB_PARAM_UINT = 1,  /* decimal, with the unit's suffix if it has one */
    PHUB_PARAM_BOOL = 2,  /* yes, no */
    PHUB_PARAM_TEXT = 3,
    PHUB_PARAM_CHOICE = 4 /* one of the words in choices, by '|' */
};

/* One row of configuration.  The host parses and checks it, prints it in
 * phub-plugin info and sends its digest to other nodes. */
struct phub_param {
    const char *name;
    const char *unit;           /* "ms", "bytes", "" */
    const char *default_value;
    const char *choices;        /* CHOICE only, else NULL */
    const char *help;           /* one sentence */
    uint64_t min;
    uint64_t max;
    uint32_t type;              /* enum phub_param_type */
    uint32_t local;             /* 1: may differ between nodes */
};

/* --- nodes and children ---------------------------------------------------- */

struct phub_view_node {
    uint32_t size;
    uint32_t weight;          /* permille, 1000 = normal */
    uint64_t id;
    uint64_t boot;
    struct phub_bytes name;   /* borrowed as long as the view */
    struct phub_bytes zone;

    /* --- 1.1 ------------------------------------------------------------- */
    struct phub_bytes labels; /* "rack=3,disk=ssd", by its configuration */
};

/* One running or recorded copy of a child. */
struct phub_instance {
    uint32_t size;
    uint32_t state;           /* enum phub_instance_state */
    uint64_t node;
    struct phub_epoch epoch;
};

enum phub_instance_state {
    PHUB_INSTANCE_STARTING = 1,
    PHUB_INSTANCE_RUNNING = 2,
    PHUB_INSTANCE_FROZEN = 3,
    PHUB_INSTANCE_STOPPING = 4,
    PHUB_INSTANCE_FAILED = 5,
    PHUB_INSTANCE_STANDBY = 6,
    PHUB_INSTANCE_GONE = 7
};

struct phub_child_info {
    uint32_t size;
    uint32_t flags;              /* PHUB_CHILD_* */
    uint64_t home;               /* node, 0 = none yet */
    struct phub_epoch home_epoch;
    struct phub_epoch incarnation;
    uint32_t local_state;        /* enum phub_instance_state or 0 */
    uint32_t instances_count;
};

#define PHUB_CHILD_CAN_FREEZE 1u  /* channel or command */
#define PHUB_CHILD_CAN_STATE 2u
#define PHUB_CHILD_CAN_CONSENT 4u
#define PHUB_CHILD_STICKY 8u      /* stays unless its node goes */
#define PHUB_CHILD_MOVING 16u

/* Why a placement is asked for. */
enum phub_cause {
    PHUB_CAUSE_START = 1,
    PHUB_CAUSE_NODE_LOST = 2,
    PHUB_CAUSE_NODE_LEFT = 3,
    PHUB_CAUSE_NODE_JOINED = 4,
    PHUB_CAUSE_DRAIN = 5,
    PHUB_CAUSE_OPERATOR = 6,
    PHUB_CAUSE_RETRY = 7,
    PHUB_CAUSE_FAILED = 8,    /* too many restarts where it was */
    PHUB_CAUSE_REBALANCE = 9  /* 1.1: plan_submit() */
};

/* What completed() carries; members a call does not use are 0. */
struct phub_result {
    uint32_t size;
    uint32_t count;
    uint64_t value;
    struct phub_epoch epoch;
    struct phub_bytes text;    /* for people */
    struct phub_buf *buf;      /* borrowed until return */
};

/* A function of its input alone, for work(): write at most output_max bytes
 * to output, and how many to *output_size; return 0 or PHUB_E*.
 * Thread: any; it may take its time. */
typedef int phub_work(const struct phub_bytes *input, uint8_t *output,
                      uint32_t output_max, uint32_t *output_size);

/* What lets this node run children. */
struct phub_lease {
    uint32_t size;
    uint32_t flags;              /* PHUB_LEASE_* */
    uint64_t deadline_ns;        /* now clock; 0 = there is none */
    uint32_t grants;             /* members that grant it now, itself too */
    uint32_t electorate;         /* members, or electors, that could */
    uint64_t weight;             /* of those that grant; of the set that is */
    uint64_t weight_all;         /* of all electors */
    uint64_t version;            /* of the electors, 0 = members */
};

#define PHUB_LEASE_MAJORITY 1u   /* it takes more than half of weight_all */
#define PHUB_LEASE_IN_CHARGE 2u  /* this node may decide about its children */

/* What a node and its machine use, as the node measured it. */
struct phub_load {
    uint32_t size;
    uint32_t cpus;               /* of the machine */
    uint64_t host;               /* equal for nodes on one machine, 0 = unknown */
    uint64_t serial;             /* counts the measurements of the node */
    uint64_t age_ns;             /* since it came here, or was measured here */
    uint64_t memory_bytes;       /* of the machine */
    uint64_t memory_free_bytes;  /* that can be had without swapping */
    uint64_t node_memory_bytes;  /* resident: the hub and its programs */
    uint32_t cpu_permille;       /* busy, of all cpus, since the one before */
    uint32_t node_cpu_permille;  /* the hub and its programs, of one cpu */
    uint32_t queue_milli;        /* tasks that want a cpu, mean of a minute */
    uint32_t children;           /* instances that run or start there */
    uint32_t moving;             /* children on their way from there */
    uint32_t interval_ms;        /* at which it is measured */
    uint32_t flags;              /* PHUB_LOAD_* */
    uint32_t reserved_;          /* 0 */
};

#define PHUB_LOAD_LEAVING 1u     /* it takes no children any more */

/* A child, as this node's registry has it. */
struct phub_row {
    uint32_t size;
    uint32_t flags;              /* PHUB_ROW_* */
    struct phub_bytes id;        /* borrowed until the next call into the host */
    uint64_t home;               /* node, 0 = none yet */
    struct phub_epoch home_epoch;
    struct phub_epoch incarnation;
    uint64_t version;            /* of the metadata */
    uint32_t replicas_count;
    uint32_t instances_count;    /* those that are over, too */
};

#define PHUB_ROW_STICKY 1u
#define PHUB_ROW_DURABLE 2u

enum phub_rows_by {
    PHUB_ROWS_ALL = 0,
    PHUB_ROWS_HOME = 1,          /* its home is node */
    PHUB_ROWS_INSTANCE = 2,      /* node has an instance that is not over */
    PHUB_ROWS_TAG = 3            /* it has the tag key */
};

struct phub_rows_query {
    uint32_t size;
    uint32_t by;                 /* enum phub_rows_by */
    uint64_t node;
    struct phub_bytes key;
};

/* One metadata value. */
struct phub_meta {
    struct phub_bytes key;
    struct phub_bytes value;
};

/* How fast a plan goes; 0 stands for the default. */
struct phub_pace {
    uint32_t size;
    uint32_t at_once;            /* moves under way, PHUB_PLAN_AT_ONCE */
    uint32_t per_minute;         /* moves begun; 0: as they come */
    uint32_t timeout_ms;         /* of each, PHUB_PLAN_TIMEOUT_MS */
};

/* Something that happened on this node: <phub/phub.h> has the names. */
struct phub_event {
    uint32_t size;
    int32_t code;
    struct phub_bytes name;      /* "node_lost"; all borrow until return */
    struct phub_bytes child;     /* concerned, or empty */
    struct phub_bytes text;      /* for people, or empty */
    uint64_t node;               /* concerned, or 0 */
    uint32_t count;              /* children concerned, where many are */
    uint32_t lost;               /* events before it that found no room */
};

/* Called as completed() is: from the loop, never from inside a call. */
typedef void phub_event_fn(void *self, uint64_t token,
                           const struct phub_event *event);

/* One answer of a request. */
struct phub_request_answer {
    uint32_t size;
    int32_t code;                /* PHUB_EAGAIN: there is none yet */
    uint64_t node;               /* who answered, or was to */
    struct phub_bytes data;
    struct phub_bytes text;      /* for people */
};

/* A question of the same strategy on another node, or on this one. */
struct phub_asked {
    uint32_t size;
    uint32_t flags;              /* PHUB_ASKED_* */
    uint64_t ask;                /* for respond() and ask_forward() */
    uint64_t node;               /* who asks */
    uint64_t timeout_ms;         /* and waits no longer */
    struct phub_bytes message;   /* from outside: to be checked */
};

#define PHUB_ASKED_UNDO 1u       /* undo what this message had you do; it may
                                  * never have come */

/* Answer with respond(), now or later. */
typedef void phub_asked_fn(void *self, const struct phub_asked *asked);

struct phub_alter;  /* a child about to be started */
typedef int phub_strategy_alter_fn(void *self, uint64_t token,
                                   struct phub_alter *alter);

/* --- limits and flags of the host table ------------------------------------ */

#define PHUB_MOVE_STANDBY 1u          /* move_prepare flag */
#define PHUB_PLUGIN_TIMERS_MAX 65536u /* per instance */
#define PHUB_PLUGIN_MESSAGE_MAX (1u << 20)  /* bytes */
#define PHUB_PLUGIN_WORK_MAX (1u << 26)     /* bytes, input and output each */
#define PHUB_STORE_KEYS_MAX 256u            /* per strategy and node */
#define PHUB_STORE_KEY_MAX 255u             /* bytes */
#define PHUB_STORE_SIZE_MAX 65536u          /* bytes of all keys and values */
#define PHUB_CELLS_MAX 1024u                /* keys per strategy */
#define PHUB_CELL_KEY_MAX 160u              /* bytes */
#define PHUB_CELL_SIZE_MAX 4096u            /* bytes of a value */
#define PHUB_LOAD_INTERVAL_MIN_MS 100u
#define PHUB_LOAD_NODES_MAX 1024u           /* that one node sends to */
#define PHUB_ROWS_BUDGET_MAX 65536u         /* rows looked at in a call */
#define PHUB_PLAN_ITEMS_MAX 65536u
#define PHUB_PLAN_TARGETS_MAX 8u            /* of one item */
#define PHUB_PLAN_AT_ONCE 8u
#define PHUB_PLAN_TIMEOUT_MS 60000u
#define PHUB_EVENTS_MAX 4096u               /* waiting, of one strategy */
#define PHUB_REQUEST_ROLLBACK 1u            /* request_new flag: all or none */
#define PHUB_REQUEST_ITEMS_MAX 65536u
#define PHUB_REQUEST_MESSAGE_MAX 65536u     /* bytes, and of an answer's data */
#define PHUB_REQUEST_KEEP_MS 60000u         /* a result, when it is there */
#define PHUB_HANDOVER_TTL_MAX_MS 604800000u /* a week */
#define PHUB_ASKED_MAX 4096u                /* questions not answered, here */

#ifdef __cplusplus
}
#endif

#endif
