/* SPDX-License-Identifier: MIT */
/* internal: struct phub__cluster and what its files ask of each other.
 *
 * cluster.c owns the whole, makes views and hands out events; gossip.c
 * decides what news does to the table and spreads it; swim.c probes; join.c
 * finds and lets in; grant.c keeps the promises.  Entries may leave the table
 * whenever one is added, so nobody keeps a pointer to one but to our own: node
 * ids are kept.
 *
 * Timers.  Each part has a tick that does what is due and calls
 * phub__cluster_wake() for what comes next; nothing else arms the timer. */
#ifndef PHUB__CLUSTER_INTERNAL_H
#define PHUB__CLUSTER_INTERNAL_H

#include "cluster/cluster.h"
#include "cluster/grant.h"
#include "cluster/member.h"
#include "cluster/message.h"

#define PHUB__NS_PER_MS UINT64_C(1000000)
#define PHUB__NEVER UINT64_MAX

#define PHUB__PROBES_MAX 128u      /* of our own, unanswered */
#define PHUB__PROBES_TURN_MAX 64u  /* started in one interval */
#define PHUB__RELAYS_MAX 64u       /* probes for others, unanswered */
#define PHUB__PIGGYBACK_MAX 8u     /* records on a probe */
#define PHUB__GOSSIP_NEWS_MAX 32u  /* records in a push */
#define PHUB__HEALTH_MAX 4u
#define PHUB__GOSSIP_LEFT_MAX 33u  /* times a record is sent, at most */
#define PHUB__EVENTS_MAX 64u       /* waiting for the end of the call */

struct phub__probe {
    uint64_t seq;             /* 0 = the slot is free */
    uint64_t node;
    uint64_t sent_ns;
    uint64_t indirect_ns;     /* when to ask others; NEVER once done */
    uint64_t fail_ns;
    uint32_t asked;           /* others */
    uint32_t nacks;           /* of them that said: silent */
};

struct phub__relay {
    uint64_t seq;             /* ours to the target; 0 = free */
    uint64_t origin;
    uint64_t origin_seq;
    uint64_t origin_stamp_ns;
    uint64_t nack_ns;         /* NEVER once said */
    uint64_t expires_ns;
};

struct phub__swim {
    uint64_t next_ns;         /* turn of pings; 0 = none without others */
    uint64_t slack_ns;        /* until then, beyond one interval */
    uint64_t hurry_ns;        /* a turn before next_ns, or PHUB__NEVER */
    uint64_t seq;
    uint32_t round;
    uint32_t order_count;     /* of this round, shuffled ... */
    uint32_t order_at;        /* ... and who is next */
    uint64_t order[PHUB__MEMBERS_MAX];
    uint32_t health;
    bool hints;               /* some entry has probe_now */
    uint32_t probes_open;
    uint64_t probes_due_ns;   /* none of them is due before; if one is open */
    uint32_t relays_open;
    struct phub__probe probes[PHUB__PROBES_MAX];
    struct phub__relay relays[PHUB__RELAYS_MAX];
};

struct phub__gossip {
    uint64_t next_ns;
    uint64_t sync_ns;         /* next exchange of lists; 0 = nobody there */
    uint32_t pending;         /* entries with gossip_left > 0 */
    uint64_t messages;        /* that news were put into */
    uint64_t list;            /* hash of the list ... */
    uint64_t list_version;    /* ... at that version of the members */
    struct phub__entry *left[PHUB__GOSSIP_LEFT_MAX + 1]; /* by gossip_left */
};

struct phub__seed {
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    uint64_t node;            /* who answered or was there last; 0 = nobody */
    uint64_t alias;           /* its boot then, if that said that it is at
                               * another endpoint; else 0 */
    uint64_t next_ns;
    uint64_t wait_ns;
};

struct phub__join {
    struct phub__seed *seeds;
    uint32_t seeds_count;
    uint64_t seeds_in;        /* all were, at that version of the members */
    uint64_t lost_ns;         /* no lost member is tried before */
    uint64_t secret;          /* of our cookies and nonces */
    uint64_t listed_ns;       /* when one that was back got our list; 0: none */
    uint64_t stranger_ns;     /* when a stranger's ping may be answered */
    uint32_t welcomed;        /* strangers, since one of them came */
    char refusal[PHUB__REFUSAL_MAX];
};

struct phub__address;

/* Those known before this start that are in no list of today. */
struct phub__addresses {
    struct phub__address **list;
    uint32_t count;
    uint64_t next_ns;         /* none is asked before */
};

struct phub__settle {
    uint64_t first_ns;        /* 0 = nothing to settle */
    uint64_t last_ns;
    struct phub_view *old_view;
};

/* What happened to nodes: since the last view, and since the last settled. */
struct phub__who_list {
    struct phub__cluster_who *who;
    uint32_t count;
    uint32_t capacity;
};

struct phub__changes {
    struct phub__who_list joined;
    struct phub__who_list lost;
    struct phub__who_list left;
    bool cut;               /* something is missing: there was no memory */
};

struct phub__event_text {
    struct phub__cluster_event event;
    struct phub__member member;
    char name[PHUB_NODE_NAME_MAX + 1];
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    char text[PHUB__REFUSAL_MAX];
};

struct phub__cluster {
    uint32_t magic;
    bool started;
    bool left;
    bool view_dirty;
    bool view_urgent;         /* one was lost, or is back from that */
    bool in_event;
    struct phub__cluster_params params;
    struct phub__cluster_io io;
    uint64_t node;
    uint64_t boot;
    char hub_id[PHUB_HUB_ID_MAX + 1];
    uint32_t protocol_min;
    uint32_t protocol_max;
    struct phub__strategy *strategies;   /* texts in one block behind */
    uint32_t strategies_count;
    uint64_t now_ns;                     /* of the call being handled */
    uint64_t start_ns;
    uint64_t due_ns;                     /* but for open probes */
    struct phub__members members;
    struct phub__entry *me;              /* of them; never dropped: we live */
    uint64_t takers_version;
    struct phub_view *view;
    struct phub__changes now;
    struct phub__changes settling;
    struct phub__settle settle;
    struct phub__swim swim;
    struct phub__gossip gossip;
    struct phub__join join;
    struct phub__addresses addresses;
    struct phub__grant grant;
    struct phub__cluster_stats stats;
    struct phub__event_text *events;     /* PHUB__EVENTS_MAX */
    uint32_t events_count;
    struct phub__message out;
    uint8_t *body;                       /* PHUB__CLUSTER_BODY_MAX */
};

/* --- cluster.c: the whole --- */
void phub__cluster_wake(struct phub__cluster *c, uint64_t at_ns);
struct phub__entry *phub__cluster_me(const struct phub__cluster *c);
/* Send c->out; to a member, or (node 0 and boot 0) to an endpoint. */
void phub__cluster_send(struct phub__cluster *c,
                        const struct phub__entry *to);
void phub__cluster_send_to(struct phub__cluster *c, uint64_t node,
                           uint64_t boot, const char *endpoint);
/* That member is about to be looked at, and written to. */
void phub__cluster_ahead(const struct phub__cluster *c, uint64_t node);
/* Queue an event for the end of the call; NULL once the queue is full. */
struct phub__event_text *
phub__cluster_event(struct phub__cluster *c,
                    enum phub__cluster_event_kind kind, uint64_t value);
void phub__cluster_note(struct phub__cluster *c, const struct phub__entry *e,
                        enum phub__member_state before, const char *why);
uint64_t phub__cluster_random(struct phub__cluster *c);
/* What io->admits() says. */
int phub__cluster_admits(const struct phub__cluster *c, uint64_t node);
/* A random number below n (n > 0). */
uint64_t phub__cluster_pick(struct phub__cluster *c, uint64_t n);
/* True if nobody ran us for so long that our timers say nothing any more. */
bool phub__cluster_stalled(const struct phub__cluster *c, uint64_t now_ns);
/* How many live members there are beside us. */
static inline uint32_t phub__cluster_others(const struct phub__cluster *c)
{
    uint32_t live = phub__members_live(&c->members);

    return live > 0 ? live - 1 : 0;
}
static inline uint64_t phub__cluster_ms(uint32_t ms)
{
    return ms * PHUB__NS_PER_MS;
}

/* --- change.c: from changes to views and events --- */
void phub__change_joined(struct phub__cluster *c, uint64_t node,
                         uint64_t boot, bool was_lost);
void phub__change_gone(struct phub__cluster *c, uint64_t node, uint64_t boot,
                       bool left);
int phub__change_init(struct phub__cluster *c);
void phub__change_fini(struct phub__cluster *c);
void phub__change_tick(struct phub__cluster *c);
/* Make the new view, give out the events that wait. */
void phub__change_flush(struct phub__cluster *c);

/* --- gossip.c: news --- */
/* Let news change the table.  Errors: PHUB_EREFUSED (stale; told), PHUB_ENOMEM,
 * PHUB_ELIMIT. */
int phub__gossip_apply(struct phub__cluster *c, const struct phub__news *news,
                       uint64_t sender);
void phub__gossip_spread(struct phub__cluster *c, struct phub__entry *e);
/* Append what is news to c->out, at most max records; about first (may be
 * NULL) in any case. */
void phub__gossip_piggyback(struct phub__cluster *c, struct phub__entry *about,
                            uint32_t max);
void phub__gossip_tick(struct phub__cluster *c);
void phub__gossip_suspect(struct phub__cluster *c, struct phub__entry *e,
                          uint64_t from, const char *why);
void phub__gossip_dead(struct phub__cluster *c, struct phub__entry *e);
void phub__gossip_left(struct phub__cluster *c, struct phub__entry *e);
/* It is out, whatever it was, and no news. */
void phub__gossip_forget(struct phub__cluster *c, struct phub__entry *e);
/* Whether we take children, to be told to all. */
void phub__gossip_takes(struct phub__cluster *c, bool takes);
/* Say that we live, above the incarnation that is said of us. */
void phub__gossip_refute(struct phub__cluster *c, uint64_t incarnation);
/* Take the news of a message: all of it from a live member, only what it
 * says of itself from one that is lost. */
void phub__gossip_take(struct phub__cluster *c, uint64_t from,
                       const struct phub__message *m);
/* Tell an old self, or a copy, at an endpoint that there is a newer one. */
void phub__gossip_tell_stale(struct phub__cluster *c,
                             const struct phub__entry *e,
                             struct phub_bytes endpoint);
/* Send our whole list to a member, in pages. */
void phub__gossip_send_list(struct phub__cluster *c, struct phub__entry *to,
                            bool reply);
void phub__gossip_in_sync(struct phub__cluster *c, struct phub__entry *from,
                          const struct phub__message *m);
/* Its view hash came along with a probe. */
void phub__gossip_saw_view(struct phub__cluster *c, struct phub__entry *from,
                           uint64_t view);

/* --- swim.c: probes --- */
void phub__swim_tick(struct phub__cluster *c);
void phub__swim_stalled(struct phub__cluster *c);
void phub__swim_late(struct phub__cluster *c, uint64_t by_ns);
void phub__swim_hint(struct phub__cluster *c, struct phub__entry *e);
void phub__swim_health(struct phub__cluster *c, int by);
/* It came, or came back: it gets its turn in this round. */
void phub__swim_joined(struct phub__cluster *c, uint64_t node);
/* When a suspicion with so many confirmations ends, from its start. */
uint64_t phub__swim_suspicion_ns(const struct phub__cluster *c,
                                 uint32_t confirmers);
/* Our lease gets short then, as things are. */
void phub__swim_hurry(struct phub__cluster *c, uint64_t short_ns);
void phub__swim_ping(struct phub__cluster *c, struct phub__entry *to);
int phub__swim_in_ping(struct phub__cluster *c,
                       const struct phub__cluster_from *from,
                       const struct phub__message *m);
int phub__swim_in_ack(struct phub__cluster *c,
                      const struct phub__cluster_from *from,
                      const struct phub__message *m);
int phub__swim_in_ping_req(struct phub__cluster *c, struct phub__entry *from,
                           const struct phub__message *m);
int phub__swim_in_nack(struct phub__cluster *c, struct phub__entry *from,
                       const struct phub__message *m);

/* --- join.c: finding and letting in --- */
void phub__join_tick(struct phub__cluster *c);
void phub__join_fini(struct phub__cluster *c);
/* A lost member: try its endpoint again later. */
void phub__join_lost(struct phub__cluster *c, struct phub__entry *e);
/* One that said goodbye: the same, with the longest wait, if we are one of the
 * few who do. */
void phub__join_left(struct phub__cluster *c, struct phub__entry *e);
/* Drop a member that is forgotten and not live, now or when our promises to it
 * are over. */
void phub__join_forget(struct phub__cluster *c, struct phub__entry *e);
/* Ask there: may I. */
void phub__join_ask(struct phub__cluster *c, const char *endpoint);
/* The next wait, doubled up to so many times the longest, and a quarter more or
 * less; but never above that, for who was lost and has just started counts on
 * being asked within the longest wait by all who lost it (hub/settle.c). */
uint64_t phub__join_back_off(struct phub__cluster *c, uint64_t *wait_ns,
                             uint32_t times);
/* Of who need not be there: it will ask us, too. */
#define PHUB__JOIN_SELDOM 16u
bool phub__join_has_seed(struct phub__cluster *c, const char *endpoint);
/* Somebody we do not know talks to us as to a member. */
void phub__join_stranger(struct phub__cluster *c, struct phub_bytes endpoint);
int phub__join_in(struct phub__cluster *c,
                  const struct phub__cluster_from *from,
                  const struct phub__message *m);
int phub__join_in_answer(struct phub__cluster *c,
                         const struct phub__cluster_from *from,
                         const struct phub__message *m);
int phub__join_in_confirm(struct phub__cluster *c,
                          const struct phub__cluster_from *from,
                          const struct phub__message *m);

/* --- address.c: those known before this start --- */
void phub__address_start(struct phub__cluster *c);
void phub__address_tick(struct phub__cluster *c);
void phub__address_fini(struct phub__cluster *c);

#endif
