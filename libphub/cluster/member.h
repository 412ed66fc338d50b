/* SPDX-License-Identifier: MIT */
/* member: the table of every node we have heard of, live or not.
 *
 * Sorted by node id; an entry stays where it is in memory as long as it is in
 * the table.  At PHUB__MEMBERS_MAX the longest gone one makes room; if none
 * is gone the table is full.  Which news wins is decided here alone
 * (phub__member_judge), so that it can be read and tested in one place. */
#ifndef PHUB__CLUSTER_MEMBER_H
#define PHUB__CLUSTER_MEMBER_H

#include "cluster/cluster.h"

#define PHUB__CONFIRM_MAX 3u /* nodes whose suspicion counts */

/* What one node says of another: a record of a message. */
struct phub__news {
    uint64_t node;
    uint64_t boot;
    uint64_t incarnation;
    uint64_t from;             /* who suspects it; 0 = the sender */
    enum phub__member_state state;
    uint32_t weight;           /* and PHUB__WEIGHT_DRAINED */
    bool full;                 /* the texts are there */
    struct phub_bytes name;    /* borrowed */
    struct phub_bytes endpoint;
    struct phub_bytes zone;
    struct phub_bytes labels;
};

/* A bit of the weight in a record: it takes no children. */
#define PHUB__WEIGHT_DRAINED 0x80000000u

/* What each probe looks at comes first. */
struct phub__entry {
    struct phub__member pub;   /* first: the hub sees a pointer to it */
    /* leases */
    uint64_t granted_until_ns; /* what we promised it */
    uint64_t lease_ns;         /* what it promised us: end of our lease */
    uint64_t joined_ns;        /* what we sent before brings no lease */
    /* probing */
    uint32_t probe_round;      /* in which it had its turn last */
    bool probe_now;
    bool differs;              /* its view is another, since: */
    uint64_t differs_since_ns;
    /* suspicion */
    uint32_t confirmers_count;
    uint64_t suspect_since_ns;
    uint64_t suspect_until_ns;
    uint64_t confirmers[PHUB__CONFIRM_MAX];
    /* gossip: how often the record is still sent, and not after */
    uint32_t gossip_left;
    uint64_t gossip_until_ns;
    uint64_t gossip_message;   /* the last one that it went into */
    struct phub__entry *gossip_prev, *gossip_next; /* sent as often */
    /* lost: when to try it again; forgotten: when to drop it */
    bool forgotten;
    uint64_t rejoin_ns;
    uint64_t rejoin_wait_ns;
    uint64_t synced_ns;        /* when we last sent it our list */
    char *texts;               /* those of pub, one behind the other; owned */
};

struct phub__members {
    struct phub__entry **entries;
    uint32_t count;
    uint32_t capacity;
    uint32_t in_state[PHUB__MEMBER_LEFT + 1];
    struct phub__entry **table;  /* the same by a hash of node */
    uint32_t table_size;         /* a power of 2, twice count or more */
    uint64_t version;            /* from 1; grows when who is there changes, or
                                  * what is said of a live one */
};

enum phub__verdict {
    PHUB__NEWS_OLD,      /* we know that, or better */
    PHUB__NEWS_NEW,      /* not known; add it */
    PHUB__NEWS_RESTART,  /* known with a lower boot: that one is over */
    PHUB__NEWS_STALE,    /* of a boot that is over: it should be told */
    PHUB__NEWS_CONFLICT, /* the same boot at another endpoint */
    PHUB__NEWS_ALIVE,    /* refuted, or back */
    PHUB__NEWS_SUSPECT,  /* new suspicion, or one more who suspects */
    PHUB__NEWS_DEAD,
    PHUB__NEWS_LEFT
};

void phub__members_fini(struct phub__members *members);
struct phub__entry *phub__members_find(const struct phub__members *members,
                                       uint64_t node);
/* It will be asked for soon: have in the cache by then what tells where it is;
 * and, a moment later, itself. */
void phub__members_place_ahead(const struct phub__members *members,
                               uint64_t node);
void phub__members_ahead(const struct phub__members *members, uint64_t node);
/* Add a node from full news, as alive.  Fills entry (borrowed).
 * Errors: PHUB_ENOMEM, PHUB_ELIMIT (nobody is gone that we owe nothing). */
int phub__members_add(struct phub__members *members,
                      const struct phub__news *news, uint64_t now_ns,
                      struct phub__entry **entry);
void phub__members_drop(struct phub__members *members,
                        struct phub__entry *entry);
/* Find a live member by name or by endpoint, or NULL. */
struct phub__entry *phub__members_named(const struct phub__members *members,
                                        struct phub_bytes name);
struct phub__entry *phub__members_at(const struct phub__members *members,
                                     const char *endpoint);
void phub__member_set_state(struct phub__members *members,
                            struct phub__entry *entry,
                            enum phub__member_state state, uint64_t now_ns);
/* Take over boot, incarnation, and of full news texts and weight.
 * Errors: PHUB_ENOMEM (nothing changes). */
int phub__member_update(struct phub__entry *entry,
                        const struct phub__news *news);
/* Fill news with what we hold of a member; texts are borrowed from it. */
void phub__member_news(const struct phub__entry *entry, bool full,
                       struct phub__news *news);

/* Say what news means beside what we hold (entry may be NULL). */
enum phub__verdict phub__member_judge(const struct phub__entry *entry,
                                      const struct phub__news *news);

static inline bool phub__member_live(const struct phub__entry *entry)
{
    return entry->pub.state == PHUB__MEMBER_ALIVE
        || entry->pub.state == PHUB__MEMBER_SUSPECT;
}

static inline uint32_t
phub__members_live(const struct phub__members *members)
{
    return members->in_state[PHUB__MEMBER_ALIVE]
         + members->in_state[PHUB__MEMBER_SUSPECT];
}

#endif
