/* SPDX-License-Identifier: MIT */
/* cluster: who is in the hub, and what they promise each other.
 *
 * Membership (SWIM), discovery, views and leases of one node, as a pure state
 * machine: no clock, no I/O, no randomness of its own.  The hub gives it
 * messages, timers and hints; it calls back with messages to send and with
 * events.
 *
 * Time.  Every now_ns here is CLOCK_BOOTTIME in nanoseconds
 * (env->boot_ns()), and so is every deadline.  Leases rest on one rule: the
 * now_ns that goes with a message must be read *after* the message was taken
 * off the socket.  A time that the loop cached before would let us promise
 * less than the sender hears (grant.c).
 *
 * Order of calls: new, start, then receive / tick / hints in any order,
 * maybe leave, free.  After every call ask phub__cluster_deadline() and arm
 * one timer for it:
 *     at = env->now_ns() + (deadline - env->boot_ns())
 *
 * Events come at the end of the call that caused them, in order, never
 * nested.  A handler may ask anything (view, members, grants) and must not
 * call start, receive, tick, link_lost, leave or free; send is called from
 * anywhere in a call and must not call back at all.
 *
 * Which messages to pass in: everything whose type is a cluster type.  JOIN,
 * JOIN_ANSWER and PING must be passed whoever sends them, also with another
 * hub id (the answer names both), a boot or a node that is not known. */
#ifndef PHUB__CLUSTER_CLUSTER_H
#define PHUB__CLUSTER_CLUSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/types.h>

#include "cluster/view.h"

#define PHUB__ZONE_MAX 63u           /* bytes */
#define PHUB__LABELS_MAX 255u        /* bytes: "key=value,key=value" */
#define PHUB__SEEDS_MAX 64u          /* endpoints to join through */
#define PHUB__ADDRESSES_MAX 1024u    /* of nodes known before this start */
#define PHUB__STRATEGIES_MAX 32u     /* strategies that a node offers */
#define PHUB__STRATEGY_NAME_MAX 63u  /* bytes, kind and name each */
#define PHUB__REFUSAL_MAX 512u       /* bytes of a refusal's text, with zero */

struct phub__cluster;

/* --- parameters ------------------------------------------------------------
 * The one table: name, default, smallest, largest, unit, what it is. */
#define PHUB__CLUSTER_PARAMS(X)                                               \
    X(probe_interval, 300, 10, 60000, "ms", "a few members are probed each")  \
    X(probe_timeout, 150, 5, 30000, "ms", "then others are asked to probe")   \
    X(probe_indirect, 3, 0, 16, "", "how many others")                        \
    X(suspicion_min, 600, 20, 600000, "ms",                                   \
      "a suspect is dead after, when others confirm")                         \
    X(suspicion, 900, 20, 600000, "ms", "and when nobody does")               \
    X(gossip_interval, 100, 5, 60000, "ms", "between pushes of news")         \
    X(gossip_fanout, 3, 1, 16, "", "members that each push goes to")          \
    X(sync_interval, 30000, 100, 3600000, "ms",                               \
      "between comparisons of the member list")                                \
    X(join_retry, 250, 10, 60000, "ms", "first wait before a seed again")     \
    X(rejoin_interval, 2000, 50, 600000, "ms",                                \
      "first wait before a lost member is tried again")                       \
    X(rejoin_interval_max, 15000, 50, 3600000, "ms", "and the longest wait")  \
    X(settle, 500, 0, 60000, "ms", "changes of the view are gathered for")    \
    X(lease, 2000, 50, 60000, "ms", "length of a grant")                      \
    X(lease_long_max, 60000, 50, 600000, "ms", "longest grant on request")    \
    X(kill_margin, 300, 0, 60000, "ms", "for a guard to end its children")    \
    X(alone_grace, 500, 0, 60000, "ms",                                       \
      "with seeds: time to find one before we grant ourselves")

struct phub__cluster_params {
#define PHUB__CLUSTER_PARAM_(name, default_, min, max, unit, help)            \
    uint32_t name;
    PHUB__CLUSTER_PARAMS(PHUB__CLUSTER_PARAM_)
#undef PHUB__CLUSTER_PARAM_
};

/* Fill with the defaults of the table. */
void phub__cluster_params_init(struct phub__cluster_params *params);

/* --- who we are -------------------------------------------------------------*/

struct phub__cluster_strategy {
    const char *kind;    /* "distribution" */
    const char *name;    /* "consistent_hash" */
    uint32_t wire_min;
    uint32_t wire_max;
    uint64_t digest;     /* of the parameters that must agree */
    bool must_match;     /* every node needs it, with this digest */
    uint64_t generation; /* 0: by configuration; else chosen on the hub */
};

struct phub__cluster_self {
    uint64_t node;             /* durable id, not 0 */
    uint64_t boot;             /* this start, not 0; only grows */
    uint32_t weight;           /* permille; 0 means 1000 */
    uint32_t protocol_min;
    uint32_t protocol_max;
    const char *hub_id;
    const char *name;
    const char *endpoint;      /* what others connect to */
    const char *zone;          /* may be NULL */
    const char *labels;        /* may be NULL; "rack=3,disk=ssd" */
    const struct phub__cluster_strategy *strategies;
    uint32_t strategies_count;
};

/* --- messages ----------------------------------------------------------------
 * The bodies are opaque to the hub; all go on the probe lane (unreliable).
 * The numbers are the wire's. */
enum phub__cluster_type {
    PHUB__CLUSTER_PING = 1,    /* are you there; grant me a lease */
    PHUB__CLUSTER_ACK,         /* I am; granted */
    PHUB__CLUSTER_PING_REQ,    /* ping that one for me */
    PHUB__CLUSTER_NACK,        /* I did; it is silent (but I am not) */
    PHUB__CLUSTER_GOSSIP,      /* news */
    PHUB__CLUSTER_SYNC,        /* a page of my member list */
    PHUB__CLUSTER_JOIN,        /* may I */
    PHUB__CLUSTER_JOIN_ANSWER, /* welcome, or why not */
    PHUB__CLUSTER_JOIN_CONFIRM,/* heard you: both directions work */
    PHUB__CLUSTER_LEAVE        /* goodbye; nothing of mine runs any more */
};
#define PHUB__CLUSTER_TYPE_MAX PHUB__CLUSTER_LEAVE

/* Where a message goes.  node is 0 for a seed that is not known yet;
 * endpoint is always given (borrowed until return). */
struct phub__cluster_to {
    uint64_t node;
    uint64_t boot;
    const char *endpoint;
};

/* Where a message came from and whom it is for, as its envelope says. */
struct phub__cluster_from {
    uint64_t node;
    uint64_t boot;
    uint64_t target;       /* 0: whoever listens */
    uint64_t target_boot;  /* 0: any */
    uint64_t view;         /* hash of the sender's; 0: not told */
};

/* --- events -------------------------------------------------------------------*/

enum phub__member_state {
    PHUB__MEMBER_ALIVE = 1,
    PHUB__MEMBER_SUSPECT, /* in the view, but silent */
    PHUB__MEMBER_DEAD,    /* lost: no goodbye */
    PHUB__MEMBER_LEFT     /* said goodbye */
};

enum phub__cluster_event_kind {
    /* The view is another: change has what happened since the last one. */
    PHUB__CLUSTER_VIEW_CHANGED = 1,
    /* No change for settle ms (or 4 times that since the first): change has
     * what happened since the last VIEW_SETTLED, old_view is the view of
     * that one.  A node that came and went in between is in lost or left; one
     * that was lost and came back with the same boot is in neither. */
    PHUB__CLUSTER_VIEW_SETTLED,
    /* Nobody ran us for value ns: what our timers would say is stale.  Nobody
     * is declared dead before a fresh round of probes. */
    PHUB__CLUSTER_SELF_STALLED,
    /* A join was refused: text says why, with both values; endpoint is the
     * other side; value is 1 if we refused, 0 if we were refused (and go on
     * trying); code is PHUB_E*. */
    PHUB__CLUSTER_JOIN_REFUSED,
    /* Somebody else runs with our node id and makes us the stale one (a
     * copied state directory, or an older self that lives on): text names
     * both.  The hub should stop. */
    PHUB__CLUSTER_IDENTITY,
    /* A state changed, or whether it takes children, for the log: member, value
     * = old state (0 = new), text = why. */
    PHUB__CLUSTER_MEMBER,
    /* The lease of our own children now ends at value (boot ns), for the
     * guard; 0 = no lease.  Given when it moved by more than a eighth of the
     * lease, or when it went down. */
    PHUB__CLUSTER_LEASE
};

struct phub__cluster_who {
    uint64_t node;
    uint64_t boot;
};

/* A node that restarted faster than it was missed is in lost with its old
 * boot and in joined with its new one. */
struct phub__view_change {
    struct phub_view *old_view;  /* borrowed; take a reference to keep it */
    struct phub_view *new_view;
    const struct phub__cluster_who *joined;
    const struct phub__cluster_who *lost;
    const struct phub__cluster_who *left;
    uint32_t joined_count;
    uint32_t lost_count;
    uint32_t left_count;
};

struct phub__member;

struct phub__cluster_event {
    enum phub__cluster_event_kind kind;
    int code;
    uint64_t value;
    const struct phub__view_change *change; /* VIEW_CHANGED, VIEW_SETTLED */
    const struct phub__member *member;      /* MEMBER */
    const char *endpoint;                   /* JOIN_REFUSED */
    const char *text;                       /* all borrowed until return */
};

/* --- the world -----------------------------------------------------------------*/

struct phub__cluster_io {
    void *arg;
    uint64_t (*random)(void *arg);
    /* Send now or never; may be lost.  body is borrowed until return. */
    void (*send)(void *arg, const struct phub__cluster_to *to,
                 enum phub__cluster_type type, const uint8_t *body,
                 size_t size);
    void (*event)(void *arg, const struct phub__cluster_event *event);
    /* May that node be a member?  0; PHUB_EFORGOTTEN; PHUB_ELIMIT, if it is a
     * new one and no more can be known.  NULL: all may. */
    int (*admits)(void *arg, uint64_t node);
    /* Something will be sent to that member in a moment: what that takes may
     * be fetched into the cache.  NULL: it makes no difference. */
    void (*ahead)(void *arg, uint64_t node);
};

/* --- life -----------------------------------------------------------------------*/

/* Make a cluster of one: the view has us alone.  Copies everything.
 * Errors: PHUB_ENOMEM; PHUB_EINVAL (an id of 0, a text that is too long or
 * missing, too many strategies, params out of range) with text in error. */
int phub__cluster_new(const struct phub__cluster_self *self,
                      const struct phub__cluster_params *params,
                      const struct phub__cluster_io *io, uint64_t now_ns,
                      struct phub__cluster **cluster, char *error,
                      size_t error_max);
/* Nulls *cluster.  Says nothing to anybody: leave first if that is meant. */
void phub__cluster_free(struct phub__cluster **cluster);

/* Offer these from now on.
 * Errors: PHUB_ENOMEM: those before stay. */
int phub__cluster_offer(struct phub__cluster *cluster,
                        const struct phub__cluster_strategy *strategies,
                        uint32_t count);

/* Start looking for others.  seeds are endpoints that the hub has resolved
 * (copied); our own among them does no harm.  Call it again when a name
 * resolves to something else: the list is replaced.  They are probed for
 * ever, with back-off, as long as they are not known as live members.
 * Errors: PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__cluster_start(struct phub__cluster *cluster,
                        const char *const *seeds, uint32_t seeds_count,
                        uint64_t now_ns);
/* Nobody was met: the view of the start settles, which no change does.  Too
 * early, and a strategy ends what was adopted, in a minority of one. */
void phub__cluster_settle_alone(struct phub__cluster *cluster,
                                uint64_t now_ns);

/* Node was a member at that endpoint (copied) before this start: look for it
 * there, too, once started.
 * Errors: PHUB_EINVAL (no such node, none but ourselves, no endpoint),
 * PHUB_ELIMIT, PHUB_ENOMEM. */
int phub__cluster_remember(struct phub__cluster *cluster, uint64_t node,
                           const char *endpoint);
/* The endpoint of the index-th that is still looked for so; NULL if index is
 * not below their count.  Borrowed until the next call that is not an asking
 * one. */
const char *phub__cluster_remembered(const struct phub__cluster *cluster,
                                     uint32_t index, uint64_t *node);

/* Take a message.  Errors: PHUB_EPROTO (malformed: count it), PHUB_EREFUSED
 * (well-formed and not for us, or stale), PHUB_ENOMEM. */
int phub__cluster_receive(struct phub__cluster *cluster,
                          const struct phub__cluster_from *from,
                          enum phub__cluster_type type, const uint8_t *body,
                          size_t size, uint64_t now_ns);

/* When tick() must be called next, in boot ns; the past means now. */
uint64_t phub__cluster_deadline(const struct phub__cluster *cluster);
void phub__cluster_tick(struct phub__cluster *cluster, uint64_t now_ns);

/* The connection to node broke: probe it at once. */
void phub__cluster_link_lost(struct phub__cluster *cluster, uint64_t node,
                             uint64_t now_ns);

/* Say goodbye to everybody: we are LEFT, not lost, and our leases end.  Call
 * it when nothing of ours runs any more.  Afterwards nothing is sent but the
 * goodbye again, to a member that has not heard it. */
void phub__cluster_leave(struct phub__cluster *cluster, uint64_t now_ns);

/* Say whether this node takes children; it does until it says otherwise.  That
 * it does not is told to all, by a higher incarnation. */
void phub__cluster_takes(struct phub__cluster *cluster, bool takes,
                         uint64_t now_ns);

/* io->admits() says PHUB_EFORGOTTEN of that node from now on: it is a member
 * no more, if it was one; its endpoint is not tried again; it leaves the table
 * as soon as nothing has been promised to it. */
void phub__cluster_forget(struct phub__cluster *cluster, uint64_t node,
                          uint64_t now_ns);

/* --- asking -----------------------------------------------------------------------*/

/* Borrow the current view (take a reference to keep it). */
struct phub_view *phub__cluster_view(const struct phub__cluster *cluster);

/* One member as others see it; ourselves included.  Borrowed until the next
 * call that is not an asking one. */
struct phub__member {
    uint64_t node;
    uint64_t boot;
    uint64_t incarnation;   /* SWIM's: grows with each refutation */
    uint64_t since_ns;      /* of this state */
    uint64_t heard_ns;      /* last answer of its own; 0 = never */
    uint64_t rtt_ns;        /* of the last direct probe; 0 = unknown */
    enum phub__member_state state;
    uint32_t weight;        /* permille */
    bool drained;           /* it takes no children */
    uint32_t probes_failed; /* since boot of ours */
    const char *name;       /* all that a MEMBER event has of the texts; */
    const char *endpoint;   /* these are empty there */
    const char *zone;
    const char *labels;
};

uint32_t phub__cluster_member_count(const struct phub__cluster *cluster);
/* By node id, ascending; NULL if index is not below count. */
const struct phub__member *
phub__cluster_member_at(const struct phub__cluster *cluster, uint32_t index);
const struct phub__member *
phub__cluster_member(const struct phub__cluster *cluster, uint64_t node);
/* Grows whenever a member begins to take children, or takes none any more. */
uint64_t phub__cluster_takers_version(const struct phub__cluster *cluster);

/* Why the last join of ours was refused, or "" (and again "" once one has
 * been accepted). */
const char *phub__cluster_refusal(const struct phub__cluster *cluster);

struct phub__cluster_stats {
    uint64_t messages_in;
    uint64_t messages_out;
    uint64_t malformed;      /* PHUB_EPROTO */
    uint64_t refused;        /* PHUB_EREFUSED */
    uint64_t probes;
    uint64_t probes_failed;
    uint32_t probes_open;    /* now */
    uint64_t refutations;    /* we were suspected, and said no */
    uint64_t stalls;
    uint64_t joins_refused;  /* by us or of us */
    uint32_t health;         /* 0 = well; each point slows our judgement */
};
void phub__cluster_stats(const struct phub__cluster *cluster,
                         struct phub__cluster_stats *stats);

/* --- leases (grant.c has the argument) ----------------------------------------------*/

/* A node whose grant counts, and how much: in the set that is, and in the
 * one that it is being changed to. */
struct phub__voter {
    uint64_t node;
    uint64_t weight[2];
};

/* How our own lease is counted.  Without majority, and by default, a few
 * members' grants will do.  With majority it takes grants of more than half
 * of the voters' weight, our own included, in each set that has any weight;
 * without voters every member has weight 1, of electorate.  Grants of a node
 * whose version, of the same generation, is later than ours do not count: it
 * knows of voters that we do not know. */
struct phub__lease_mode {
    bool majority;
    uint32_t electorate;
    const struct phub__voter *voters; /* sorted by node; copied */
    uint32_t voters_count;            /* at most PHUB__MEMBERS_MAX */
    uint64_t version;
    uint64_t generation;              /* of the strategy that says so */
    const struct phub__lease_mode *also; /* NULL, or one that must be fulfilled
                                          * as well; has none itself */
};

/* Errors: PHUB_ENOMEM (nothing changes), PHUB_ELIMIT. */
int phub__cluster_lease_mode(struct phub__cluster *cluster,
                             const struct phub__lease_mode *mode,
                             uint64_t now_ns);

/* What our lease rests on now. */
struct phub__lease_now {
    uint64_t deadline_ns;    /* boot ns; 0 = none */
    uint32_t grants;         /* that run, our own included if it counts */
    uint32_t electorate;     /* that could be */
    uint64_t weight;         /* of those grants, in the set that is */
    uint64_t weight_all;
    uint64_t version;
    bool majority;
};
void phub__cluster_lease_now(const struct phub__cluster *cluster,
                             uint64_t now_ns, struct phub__lease_now *lease);

/* Are those nodes (each once) more than half of the voters' weight, in each
 * set?  Are all voters among them (also if only their number is known)? */
bool phub__cluster_majority(const struct phub__cluster *cluster,
                            const uint64_t *nodes, uint32_t count);
/* The same among the voters that are not one of others. */
bool phub__cluster_majority_but(const struct phub__cluster *cluster,
                                const uint64_t *nodes, uint32_t count,
                                const uint64_t *others,
                                uint32_t others_count);
bool phub__cluster_all_voters(const struct phub__cluster *cluster,
                              const uint64_t *nodes, uint32_t count);

/* How long we must still not help to replace what node ran: the rest of our
 * grant plus the kill margin.  0: it may be replaced as far as we are
 * concerned, and we grant it nothing again before it has joined anew.
 * UINT64_MAX: it is a live member.  Ask about a node of the lost list, or
 * for a peer that asks; before replacing, a majority (divergence: every
 * member of our view) must have answered 0, each at the moment it agrees to
 * the replacement: a 0 that was heard before may be void, because the node has
 * joined anew since.  A node that restarted faster than it was missed is a live
 * member: ask its new self what still runs. */
uint64_t phub__cluster_grant_remaining(const struct phub__cluster *cluster,
                                       uint64_t node, uint64_t now_ns);

/* Ask everybody for a grant of length_ms (at most lease_long_max) before a
 * planned restart; the LEASE event tells when it is there.  It is asked for
 * once, and again with 0 to end asking. */
void phub__cluster_lease_long(struct phub__cluster *cluster,
                              uint32_t length_ms, uint64_t now_ns);

#endif
