/* SPDX-License-Identifier: MIT */
/* hub: one node's coordinator, as its own parts see it.
 *
 * Who calls whom (an arrow never runs upwards):
 *
 *   command, embed      people and programs ask
 *   redistribute        what a change of the view means for placement
 *   keeper              orders start, stop and re-homing of a child
 *   reconcile           makes what runs here equal to what the rows say
 *   move, arrival       a child and its state going from here, coming here
 *   request             distributed operations that await answers
 *   peer                links and sessions to other nodes
 *   ------------------- below: registry, cluster, strategy, child, wire, env
 *
 * The rule that all mechanisms rest on: a row's home, with its home epoch,
 * authorises exactly one node to run an active instance of that epoch, and
 * whoever writes a home has made sure that every active instance of an earlier
 * epoch has ended, is frozen, or is past its lease.
 *   - A start (keeper): no instance of an earlier incarnation is left.
 *   - A move (origin): the instance is frozen or ended here.
 *   - A re-homing (keeper): the old home left the view, and all members say
 *     that their grants to it have expired.
 * A redundancy strategy that wants more instances gets replicas: nodes that
 * are written beside the home, under the same epoch and by the same writers,
 * and authorised by them exactly as it is (replica.c).
 *
 * Thread: one, the env's. */
#ifndef PHUB__HUB_HUB_H
#define PHUB__HUB_HUB_H

#include <stdint.h>

#include <phub/error.h>
#include <phub/phub.h>
#include <phub/plugin.h>
#include <phub/types.h>

#include "child/supervisor.h"
#include "cluster/cluster.h"
#include "env/env.h"
#include "hub/cause.h"
#include "hub/hook.h"
#include "hub/ops.h"
#include "hub/tally.h"
#include "registry/registry.h"
#include "strategy/caller.h"
#include "strategy/loader.h"
#include "wire/arena.h"
#include "wire/buf.h"
#include "wire/codec.h"

struct phub__flow;
struct phub__requests;
struct phub__peers;
struct phub__own;
struct phub__locals;
struct phub__redistribution;
struct phub__moves;
struct phub__host;
struct phub__mailroom;
struct phub__order_sent;
struct phub__answers;
struct phub__dirty;
struct phub__store;
struct phub__lingers;
struct phub__undos;
struct phub__departed;
struct phub__synced;
struct phub__drain;
struct phub__seeds;
struct phub__addresses_file;
struct phub__state_out;
struct phub__handover;
struct phub__presend;
struct phub__hook_commands;
struct phub__watches;
struct phub__strategies;
struct phub__subscriptions;

#define PHUB__KINDS 6u  /* strategies by enum phub_kind; [0] unused */

struct phub__strategy_option {
    const char *name;
    const char *const *params;      /* "key=value" */
    uint32_t params_count;
};

/* A program that is run at an event ("*": at all). */
struct phub__hook_option {
    const char *event;
    struct phub__list argv;         /* struct phub_bytes */
};

struct phub__hub_options {
    const char *hub_id;
    const char *name;
    const char *listen;
    const char *advertise;          /* or NULL: what listen became */
    const char *zone;
    const char *labels;
    uint32_t weight;
    const char *const *seeds;
    uint32_t seeds_count;
    const char *plugin_path;        /* or NULL */
    struct phub__strategy_option strategies[PHUB__KINDS];
    struct phub__cluster_params cluster;
    uint64_t drain_timeout_ms;
    uint32_t children_max;          /* rows here; 0 = PHUB__ROWS_MAX */
    const struct phub__hook_option *hooks;
    uint32_t hooks_count;
    uint64_t hook_timeout_ms, hook_queue_max;
};

/* Numbers for phub status; every refusal of bytes from outside is one. */
struct phub__counters {
    uint64_t frames_in, frames_out;
    uint64_t frames_malformed, frames_foreign, frames_stale, frames_unknown;
    uint64_t bodies_malformed, control_malformed;
    uint64_t starts, stops, restarts, rehomed;
    uint64_t moves_started, moves_completed, moves_failed;
    uint64_t states_sent, states_received, state_bytes;
    uint64_t states_presented, checkpoints, checkpoints_failed;
    uint64_t handovers_kept, handovers_delivered, handovers_overtaken;
    uint64_t handovers_expired, handovers_crowded;
    uint64_t messages_sent, messages_dropped;
};

/* Of a view, without those that take no children (place.h). */
struct phub__takers {
    struct phub_view *of;      /* counted, both; NULL: not asked yet */
    struct phub_view *fewer;   /* NULL: all, or nobody */
    uint64_t version;          /* of who takes them, then */
};

struct phub__hub {
    uint32_t magic;
    struct phub_env *env;
    uint64_t node;
    uint64_t boot;
    uint64_t guard_id;
    uint64_t lamport;               /* highest epoch number seen or given */
    uint64_t lamport_reserved;      /* written ahead to the state directory */
    uint64_t lamport_before;        /* all that an earlier start had seen */
    char name[PHUB_NODE_NAME_MAX + 1];
    char hub_id[PHUB_HUB_ID_MAX + 1];
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    uint64_t hub_hash;
    struct phub__hub_options options;  /* texts are copied into arena */
    struct phub__arena arena;

    struct phub__registry *registry;
    struct phub__cluster *cluster;
    struct phub__timer *cluster_timer, *seeds_timer, *round_timer;
    uint64_t cluster_armed_ns;      /* deadline that it runs for, 0: none */
    struct phub__timer *stop_timer;
    struct phub__seeds *seeds;
    struct phub__addresses_file *addresses;
    struct phub__supervisor *supervisor;
    struct phub__loader *loader;
    struct phub__strategy *strategies[PHUB__KINDS]; /* in charge */
    struct phub__strategies *set;
    struct phub__causes *causes;
    struct phub__hooks *hooks;
    struct phub__hook_commands *hook_commands;
    struct phub__watches *watches;
    struct phub__subscriptions *subscriptions; /* NULL: nobody ever did */
    struct phub__requests *requests;
    struct phub__peers *peers;
    struct phub__own *own;           /* messages to ourselves */
    struct phub__locals *locals;
    struct phub__moves *moves;
    struct phub__redistribution *redistribution;
    struct phub__host *host;
    struct phub__mailroom *mailroom;
    struct phub__order_sent *order_sent;
    struct phub__synced *synced;
    struct phub__gather *gather;
    struct phub__confirm *confirm;
    struct phub__store *store;
    struct phub__lingers *lingers;
    struct phub__undos *undos;             /* NULL before the first */
    struct phub__departed *departed;       /* NULL before the first */
    struct phub__drain *drain;
    struct phub__answers *answers;   /* of this turn */
    struct phub__flow *flows;        /* long answers to who asks (report.h) */
    int flows_shut;
    struct phub__dirty *dirty;       /* rows changed in this turn */
    int dirty_lost, head_scheduled;
    struct phub__state_out *streams; /* states on their way out */
    struct phub__handover *handover;  /* states that wait here */
    struct phub__presend *presend;    /* this node leaves */
    uint64_t checkpoint_serial;
    int reserve_owed;        /* lamport_reserved is not on the disk */
    int halves_owed;         /* what runs or ended here was not published */
    uint64_t presend_ms;             /* of a stop under way, for presend */
    uint64_t presend_again_ns;       /* not before that, what came back */
    struct phub__arena decode_arena; /* of the message being handled */
    struct phub__counters counters;
    struct phub__takers takers;
    struct phub__tally tallies[PHUB__KINDS];  /* of the strategies */

    int attached;       /* runners told what they hold */
    int recovered;      /* the first round of starts is over */
    int started, identity_failed;
    uint64_t started_ns;            /* when, now clock */
    uint64_t refused_ns;            /* its name is taken still, so they say */
    uint64_t round_ns;  /* when the next round is due */
    int round_early;    /* its timer fires before that */
    int lonely;         /* others were known before this start; settle.c */
    int forgotten;      /* by the others: nothing runs here any more */
    int redundancy_failing; /* calls of that strategy; see replica.c */
    int forget_due;     /* members may have been forgotten */
    int draining;       /* nothing new starts here: PHUB__DRAIN_* */
    int drained;        /* and nothing was left when that was over */
    int stopping;
    int verdict;        /* enum phub_verdict of the partition strategy;
                         * 0: it has not let anything begin yet */
    int lease_majority; /* the cluster counts one */
    int lease_failed;   /* it goes by what was before */
    int lease_stale;    /* the electorate may be another */
    int overslept;      /* it was not run while its lease lapsed */
    uint64_t lease_boot_ns;
    uint64_t round_lamport;          /* at the last round */
    uint64_t round_head, head_before; /* of own rows, then and a round before */
    uint64_t handed_on;              /* up to there, by who leaves */
    uint64_t handed_on_ns;           /* when it began to */
    int heard_noted;                 /* what was sent until it waited for word */
    uint64_t stop_end_ns; /* what has not ended by then does not */
    int stop_given_up;    /* some have not */
    uint64_t stop_by_ns; /* nobody waits longer for a target that is silent */
    void (*on_stopped)(void *arg);
    void *on_stopped_arg;
    void *owner;
};

#define PHUB__HUB_MAGIC 0x2f6b88c3u

/* --- life (hub.c) --------------------------------------------------------- */

/* Make a hub in env.  Reads its identity from the state directory.
 * Errors: PHUB_ECONFIG, PHUB_EPLUGIN, PHUB_EIO, PHUB_ENOMEM; error says. */
int phub__hub_new(struct phub_env *env, const struct phub__hub_options *o,
                  struct phub__hub **hub, char *error, size_t error_max);
/* Bind, attach the runners, join. */
int phub__hub_start(struct phub__hub *hub, char *error, size_t error_max);
/* Drain within deadline_ms, end what is left, say goodbye; then
 * on_stopped.  0: no moves. */
void phub__hub_stop(struct phub__hub *hub, uint64_t deadline_ms,
                    void (*on_stopped)(void *arg), void *arg);
/* At once; a crash as far as others can see. */
void phub__hub_free(struct phub__hub **hub);

struct phub_view *phub__hub_view(const struct phub__hub *hub);
/* "node 'a'", or "node 1f3c..." if its name is not known. */
void phub__hub_node_name(const struct phub__hub *hub, uint64_t node,
                         char *name, size_t name_max);
/* The plain name, or "" if it is not known. */
const char *phub__hub_name_of(const struct phub__hub *hub, uint64_t node);
uint64_t phub__hub_node_by_name(const struct phub__hub *hub, const char *name);
uint64_t phub__hub_home(const struct phub__hub *hub, struct phub_bytes id);
/* A new epoch, greater than all seen; kept ahead on the disk. */
struct phub_epoch phub__hub_epoch(struct phub__hub *hub);
void phub__hub_epoch_seen(struct phub__hub *hub, uint64_t number);
/* Arm the timer for the cluster's next deadline; after each call into it. */
void phub__hub_arm_cluster(struct phub__hub *hub);
/* The verdict is CONTINUE, the lease runs, and did so without a gap since
 * the registry was complete: what this node decides about its own, counts. */
int phub__hub_in_charge(const struct phub__hub *hub);
/* The partition strategy counts majorities. */
int phub__hub_majority(const struct phub__hub *hub);
/* Ask the partition strategy who must grant this node's lease. */
void phub__hub_lease_mode(struct phub__hub *hub);
/* When it is not: PHUB_EPARTITIONED if the partition strategy says so, else
 * PHUB_EAGAIN, because a lease or the time to settle in will come. */
int phub__hub_why_not(const struct phub__hub *hub);
/* And this node may start children, as far as it knows. */
int phub__hub_settled_in(const struct phub__hub *hub);
/* Look again when it has. */
void phub__hub_settle_in(struct phub__hub *hub);

#define PHUB__ROUND_AGAIN_MS 1000u  /* while the registry is not complete */
/* The look at everything that comes round: in so long. */
void phub__hub_round_in(struct phub__hub *hub, uint32_t ms);
/* The registry is not complete any more: look in PHUB__ROUND_AGAIN_MS whether
 * it is again. */
void phub__hub_round_soon(struct phub__hub *hub);
/* It is complete again, and the round not due: then it waits. */
int phub__hub_round_waits(struct phub__hub *hub);
/* Is it lonely in its view?  At the start, with what was on the disk, and
 * whenever it is synced. */
void phub__hub_look_around(struct phub__hub *hub);
/* A node that was known once and is not in the view; 0: there is none. */
uint64_t phub__hub_away(struct phub__hub *hub);
#define PHUB__NO_SUCH_MAX 160u
/* The answer about a child that no row names, and text for it: PHUB_EAGAIN
 * while this node does not know all rows, as without a lease; there is none,
 * PHUB_ENOTFOUND; or PHUB_EAGAIN, if a node that is away may know of it and
 * may be back soon.  The text names it, with either code. */
int phub__hub_no_such(struct phub__hub *hub, char text[PHUB__NO_SUCH_MAX]);
/* Another node does not let it join. */
void phub__hub_refused(struct phub__hub *hub, int code);
/* Why this node cannot know: "... all rows yet", or that it is not let in. */
void phub__hub_unknowing(const struct phub__hub *hub, char *text, size_t max);
/* It is synced with a node that has settled in. */
void phub__hub_company(struct phub__hub *hub);
int phub__hub_may_run(const struct phub__hub *hub);

/* "running" and so on, of enum phub_instance_state; "waiting" of 0. */
const char *phub__state_name(uint32_t state);
void phub__hub_log(struct phub__hub *hub, enum phub__log_level level,
                   const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void phub__hub_cause(struct phub__hub *hub, struct phub_bytes child,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void phub__hub_hook(struct phub__hub *hub, enum phub_hook hook, uint64_t node,
                    struct phub_bytes child, int code, uint32_t count,
                    const char *text);
/* An event about many; hook_children is worth making only if wanted. */
struct phub__hook_child {
    struct phub_bytes id;
    uint64_t node, from;
    int64_t pid;
    int code;
};
int phub__hub_hook_wanted(const struct phub__hub *hub, enum phub_hook hook);
void phub__hub_hook_children(struct phub__hub *hub, enum phub_hook hook,
                             uint64_t node,
                             const struct phub__hook_child *children,
                             uint32_t count, const char *text);

/* Decode a body; what it points to lives until phub__hub_decoded().  Refusals
 * are counted.  Nested use is not allowed. */
int phub__hub_decode(struct phub__hub *hub, const struct phub__schema *schema,
                     struct phub_buf *body, void *out);
void phub__hub_decoded(struct phub__hub *hub);

/* --- peer.c --------------------------------------------------------------- */

/* Reliable and in order while the node stays in the view; body is borrowed.
 * To this node itself: delivered from the loop.
 * Errors: PHUB_EBUSY, PHUB_ENODEDOWN, PHUB_ENOMEM. */
int phub__peer_send(struct phub__hub *hub, uint64_t node, uint32_t type,
                    struct phub_buf *body);
/* Encode in with schema and send it. */
int phub__peer_send_struct(struct phub__hub *hub, uint64_t node,
                           uint32_t type, const struct phub__schema *schema,
                           const void *in);
void phub__peer_view_changed(struct phub__hub *hub,
                             const struct phub__view_change *change);
/* The cluster is about to write to that member: fetch its link. */
void phub__peer_ahead(void *arg, uint64_t node);
/* The cluster's own messages: once, unreliably. */
void phub__peer_cluster_send(void *arg, const struct phub__cluster_to *to,
                             enum phub__cluster_type type,
                             const uint8_t *body, size_t size);
/* Does control to node wait behind a full window? */
int phub__peer_congested(struct phub__hub *hub, uint64_t node);

/* What this start of the node numbers is above this: an answer to what an
 * earlier one asked, of nodes or of its children, is none to this one, unless
 * that one asked 16 million times.  (The numbers travel: small ones are short.) */
static inline uint64_t phub__hub_numbers(const struct phub__hub *hub)
{
    return hub->boot << 24;
}

/* --- operations (op.c) ---------------------------------------------------- */

/* Where an answer goes. */
struct phub__reply {
    uint64_t origin;
    uint64_t transaction;
    uint64_t index;
};

int phub__answers_new(struct phub__hub *hub);
void phub__answers_free(struct phub__hub *hub);
int phub__hub_send_op(struct phub__hub *hub, uint64_t node,
                      const struct phub__op_request *op);
/* Answer; text is copied.  Sent at the end of the turn, with others. */
void phub__reply(struct phub__hub *hub, const struct phub__reply *reply,
                 int code, uint64_t node, int64_t pid, const char *text);
void phub__reply_full(struct phub__hub *hub, const struct phub__reply *reply,
                      const struct phub__op_answer *answer);
void phub__op_received(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body);
/* Pass an item on; its asker is told where it went. */
void phub__op_forward(struct phub__hub *hub,
                      const struct phub__op_request *op,
                      const struct phub__op_item *item, uint64_t node);
/* A request may not have arrived: 1 if it may be sent twice, else its items
 * have been answered with rc. */
int phub__op_lost(struct phub__hub *hub, struct phub_buf *body, int rc);
void phub__response_received(struct phub__hub *hub, uint64_t from,
                             struct phub_buf *body);

#endif
