/* SPDX-License-Identifier: MIT */
/* grant: who may still be running what; see grant.c for the argument. */
#ifndef PHUB__CLUSTER_GRANT_H
#define PHUB__CLUSTER_GRANT_H

#include "cluster/member.h"

/* Members that must agree to the lease of one under divergence. */
#define PHUB__GRANTORS 3u

/* The largest contributions, descending, all above 0: of that version of the
 * members, or of none (0). */
struct phub__largest {
    uint64_t version;
    uint64_t node[PHUB__GRANTORS];
    uint64_t ends[PHUB__GRANTORS];
};

/* What one partition strategy says of whose grants it takes. */
struct phub__rule {
    bool majority;
    uint64_t weight[2];        /* of all voters, in each set */
    struct phub__voter *voters;
    uint32_t voters_count;
    uint64_t version;
    uint64_t generation;       /* versions are of the same history, if equal */
};

/* Which voters a node knows, in each of its rules. */
struct phub__known_voters {
    uint64_t version[2], generation[2];
};

struct phub__grant {
    struct phub__rule rules[2]; /* all count; the second one while the first
                                 * is being replaced by it */
    uint32_t rules_count;
    bool majority;             /* one of them counts majorities */
    uint32_t long_ms;          /* what we ask for instead of lease; 0 = no */
    uint64_t self_until_ns;    /* what we granted ourselves when alone */
    uint64_t company_ns;       /* we are not alone before, whatever we see */
    uint64_t unknown_until_ns; /* everybody counts as granted until then */
    uint64_t deadline_ns;      /* end of our lease */
    uint64_t told_ns;          /* the last that the hub was told */
    struct phub__largest largest;
};

/* From so many live members on pings wait for the second, for the third
 * interval. */
#define PHUB__PACE_SECOND 32u
#define PHUB__PACE_THIRD 64u

/* By how much that wait, and the grant to ask for, are longer than in a small
 * hub. */
uint32_t phub__grant_slack_ms(const struct phub__cluster *c);
/* How long a grant to ask for. */
uint64_t phub__grant_ask_ms(const struct phub__cluster *c);
/* A live member asks for ms: promise, and say how much was promised. */
uint64_t phub__grant_give(struct phub__cluster *c, struct phub__entry *to,
                          uint64_t ms);
/* A member answered the probe that was stamped stamp_ns with a promise of
 * ms; known: its rules, as it told. */
void phub__grant_got(struct phub__cluster *c, struct phub__entry *from,
                     uint64_t stamp_ns, uint64_t ms,
                     const struct phub__known_voters *known);
/* We have just started, or were stopped: anybody may have been granted. */
void phub__grant_stalled(struct phub__cluster *c);
/* A node became a member just now: so it may have, and promised us nothing. */
void phub__grant_joined(struct phub__cluster *c, struct phub__entry *e);
/* Somebody takes us for a member: no granting ourselves for a while. */
void phub__grant_company(struct phub__cluster *c);
/* Count again, and tell the hub. */
void phub__grant_update(struct phub__cluster *c);
/* True if our lease is getting short: hear somebody, soon. */
bool phub__grant_urgent(const struct phub__cluster *c);

#endif
