/* SPDX-License-Identifier: MIT */
/* control: what is said on a hub's control socket.
 *
 * The client sends one request map and gets one or more answer maps with the
 * request's reference; the last has no MORE.  Lists are as long as there are
 * children; they come as fast as they are read.  All maps have integer keys in
 * ascending order, shortest forms, definite lengths; keys that are 0, empty or
 * false are left out, unknown keys are skipped.  phub-control(7) has this as
 * CDDL.  Numbers are appended, never changed. */
#ifndef PHUB_CONTROL_H
#define PHUB_CONTROL_H

/* Request. */
#define PHUB_CONTROL_REFERENCE 1   /* uint, chosen by the client */
#define PHUB_CONTROL_VERB 2        /* text, see below */
#define PHUB_CONTROL_IDS 3         /* [* text]: children */
#define PHUB_CONTROL_CHILDREN 4    /* [* child]: start */
#define PHUB_CONTROL_NODE 5        /* text: a node's name; forget: or id */
#define PHUB_CONTROL_TAG 6         /* text: ls */
#define PHUB_CONTROL_STATE 7       /* text: ls; "running" ... */
#define PHUB_CONTROL_TIMEOUT_MS 8  /* uint; 0 = 10000 */
#define PHUB_CONTROL_ROLLBACK 9    /* bool: start */
#define PHUB_CONTROL_NO_WAIT 10    /* bool: answer at once */
#define PHUB_CONTROL_COUNT 11      /* uint: causes, lines, nodes of quorum */
#define PHUB_CONTROL_VERSION 12    /* uint: set; 0 = whichever */
#define PHUB_CONTROL_REPLICA 13    /* text: move: not the active instance, but
                                    * the one on this node */
#define PHUB_CONTROL_EVENTS 14     /* [* text]: watch; names of events */
#define PHUB_CONTROL_META 15       /* [* text]: ls; "key" or "key=value", all
                                    * of them */
#define PHUB_CONTROL_LOCAL 16      /* bool: ls; with an instance here */

/* Child, in CHILDREN. */
#define PHUB_CONTROL_CHILD_ID 1        /* text */
#define PHUB_CONTROL_CHILD_SPEC 2      /* bytes: a spec map, spec keys below */
#define PHUB_CONTROL_CHILD_METADATA 3  /* [* {1: key, 2: value}] */
#define PHUB_CONTROL_CHILD_TAGS 4      /* [* text] */
#define PHUB_CONTROL_CHILD_DURABLE 5   /* bool */
#define PHUB_CONTROL_CHILD_STICKY 6    /* bool */

/* Answer. */
#define PHUB_CONTROL_CODE 2        /* int: 0 or PHUB_E* for the whole */
#define PHUB_CONTROL_TEXT 3        /* text: for people */
#define PHUB_CONTROL_MORE 4        /* bool: further answers follow */
#define PHUB_CONTROL_RECORDS 5     /* [* record] */

/* Record: a child, a node, an answer for one child, a cause, a counter. */
#define PHUB_CONTROL_R_ID 1            /* text: child */
#define PHUB_CONTROL_R_CODE 2          /* int */
#define PHUB_CONTROL_R_NODE 3          /* text: node name */
#define PHUB_CONTROL_R_STATE 4         /* text */
#define PHUB_CONTROL_R_PID 5           /* int */
#define PHUB_CONTROL_R_RESTARTS 6      /* uint */
#define PHUB_CONTROL_R_TEXT 7          /* text: reason, cause, endpoint */
#define PHUB_CONTROL_R_TAGS 8          /* [* text] */
#define PHUB_CONTROL_R_METADATA 9      /* [* {1: key, 2: value}]: the row's */
#define PHUB_CONTROL_R_PUBLISHED 10    /* the same: the instance's */
#define PHUB_CONTROL_R_EPOCH 11        /* uint: epoch number of the home */
#define PHUB_CONTROL_R_INCARNATION 12  /* uint: its number */
#define PHUB_CONTROL_R_VALUE 13        /* uint: a counter, a number */
#define PHUB_CONTROL_R_TIME_MS 14      /* uint: wall clock, for people */
#define PHUB_CONTROL_R_NODE_ID 15      /* uint */
#define PHUB_CONTROL_R_BOOT 16         /* uint */
#define PHUB_CONTROL_R_WEIGHT 17       /* uint: permille */
#define PHUB_CONTROL_R_ZONE 18         /* text */
#define PHUB_CONTROL_R_RTT_US 19       /* uint: microseconds */
#define PHUB_CONTROL_R_DURABLE 20      /* bool */
#define PHUB_CONTROL_R_KEEPER 21       /* text: node name */
#define PHUB_CONTROL_R_HOME 22         /* text: node name */
#define PHUB_CONTROL_R_VERSION 23      /* uint: of the metadata */
#define PHUB_CONTROL_R_ROLE 24         /* text: active or passive */
#define PHUB_CONTROL_R_REPLICAS 25     /* uint: nodes that run it beside home */
#define PHUB_CONTROL_R_EVENT 26        /* text: its name */
#define PHUB_CONTROL_R_ABOUT 27        /* text: node that an event is about */
#define PHUB_CONTROL_R_LOST 28         /* uint: events that did not come */
#define PHUB_CONTROL_R_CHILDREN 29     /* [* text]: some of an event's */
#define PHUB_CONTROL_R_SPEC 30         /* bytes: a spec map, spec keys below */
#define PHUB_CONTROL_R_REPLICA_NODES 31 /* [* text]: beside home, names */
#define PHUB_CONTROL_R_STICKY 32       /* bool */

/* Spec keys (phub-child(7), phub(1) give defaults and ranges). */
#define PHUB_SPEC_RUNNER 1             /* text: "exec" or "actor" */
#define PHUB_SPEC_ARGV 2               /* [* text] */
#define PHUB_SPEC_ENV 3                /* [* text]: "NAME=value" */
#define PHUB_SPEC_CWD 4                /* text */
#define PHUB_SPEC_BEHAVIOUR 5          /* text */
#define PHUB_SPEC_ARGUMENT 6           /* bytes */
#define PHUB_SPEC_RESTART 7            /* uint: 0 permanent 1 transient 2 temporary */
#define PHUB_SPEC_RESTARTS_MAX 8
#define PHUB_SPEC_RESTART_WINDOW_MS 9
#define PHUB_SPEC_BACKOFF_MS 10
#define PHUB_SPEC_BACKOFF_MAX_MS 11
#define PHUB_SPEC_READY 12             /* uint: 1 = wait for READY */
#define PHUB_SPEC_READY_TIMEOUT_MS 13
#define PHUB_SPEC_STOP_TIMEOUT_MS 14
#define PHUB_SPEC_STOP_SIGNAL 15
#define PHUB_SPEC_STATE_TIMEOUT_MS 16
#define PHUB_SPEC_STATE_GET 19         /* [* text]: command */
#define PHUB_SPEC_STATE_PUT 20
#define PHUB_SPEC_FREEZE 21
#define PHUB_SPEC_THAW 22
#define PHUB_SPEC_HEALTH 23
#define PHUB_SPEC_HEALTH_INTERVAL_MS 24
#define PHUB_SPEC_CHECKPOINT_MS 25

/* Verbs: name, what it answers.
 * start   one record per child: id, code, node, pid, text
 * stop    one record per id: id, code, node, text
 * ls      one record per child: id, home, node, state, pid, restarts, tags,
 *         published, role, replicas; with IDS only those, without a look at
 *         the others; with LOCAL the instance is that of the asked node
 * dump    one record per child: id, home, replica nodes, epoch, incarnation,
 *         version, durable, sticky, tags, metadata, spec; after it one per
 *         instance that is not gone: id, node, node id, boot, state, role,
 *         pid, restarts, epoch, incarnation, published, text
 * show    the child as in ls with metadata, keeper, epoch, incarnation; then
 *         one record per other instance, with its role; then causes of all members: time,
 *         node, text
 * nodes   one record per member: node, node id, boot, state, text (endpoint),
 *         weight, zone, rtt, value (children whose home it is)
 * status  first a record of this node as in nodes; then counters: id (its
 *         name), value
 * logs    records with text: lines of the child's output on this node
 * move    one record per id
 * drain   one record: node, value (moved), pid (left)
 * set     CHILDREN is one child with metadata to put over its own, STATE sticky
 *         or free: one record, id, code, text, value (the new version)
 * quorum  COUNT nodes are all there are from now on: text
 * forget  NODE, by name or by id, is gone for good: text
 * strategy  with IDS (kind, name, "key=value" ...): the hub goes by it from now
 *         on: text; without: a record for each that is open at this node: id
 *         (its kind), text (its name), state (used, loaded, ending, offered),
 *         metadata (its parameters), value (the generation of the set that
 *         chose it, 0: the configuration), node
 * causes  of the id at all members, or of this node itself: records with
 *         time, node or id, text
 * watch   of NODE, TAG, IDS, EVENTS: an answer with no record, then one for
 *         each event of any member, with one record: event, time, node (where
 *         it happened), about, id, code, text, value (children concerned),
 *         children; or lost alone.  Without an end: all have MORE */
#define PHUB_CONTROL_VERBS \
    "start stop ls show nodes status logs move drain causes set quorum watch " \
    "dump forget strategy"

#endif
