/* SPDX-License-Identifier: MIT */
/* synced_private: what synced.c (complete?), synced_heard.c (of what the members
 * told), synced_whole.c (is that all?) and synced_lost.c (may they be
 * replaced?) share. */
#ifndef PHUB__HUB_SYNCED_PRIVATE_H
#define PHUB__HUB_SYNCED_PRIVATE_H

#include "hub/ops.h"
#include "hub/synced.h"

#define PHUB__REMAINING_MS_MAX 3600000u  /* of a lease; more is nonsense */
#define PHUB__LOST_MAX 2048u     /* lost nodes, and others told of */
#define PHUB__COVERED_MAX 64u    /* digests of others that are remembered */

/* The newest message of one member. */
struct phub__heard {
    uint64_t node;
    uint64_t boot, number;       /* which statement of whom it is */
    uint64_t view_hash;
    uint64_t digest;
    uint64_t digest_before;      /* of its statement before; 0: covered */
    uint64_t recovering;
    enum phub__partial partial;
    int covered;
    int new_here;
    int stuck;                   /* asked, and that did not help */
    struct phub_buf *summary;    /* NULL: not known, or covered */
    struct phub__op_held *held;  /* ids are owned, behind the array */
    uint32_t held_count;
};

/* A node that is not in the view, and whose children may need a home; or one
 * of which others have told so. */
struct phub__lost {
    uint64_t node;
    uint64_t ready_ns;
    int lost;                    /* 0: only told of */
    int left;
};

struct phub__synced {
    struct phub__heard **heard;        /* by node */
    uint32_t heard_count, heard_room;
    uint64_t covered[PHUB__COVERED_MAX]; /* digests, round and round */
    uint32_t covered_next;
    struct phub__lost *lost;     /* by node */
    uint32_t lost_count, lost_room;
    int lost_missed;
    uint32_t rounds;
    uint64_t unkept_ns;          /* until when leases run that found no room */
    struct phub__timer *tell_timer, *ask_timer;
    int tell_due, tell_asks, ask_due; /* their timers run */
    uint64_t told_number;        /* of our statements */
    uint64_t told_ns;            /* when all were told last */
    int second;                  /* the second gatherer was told, too */
    int direct;                  /* nobody else's word counts */
    uint64_t told_digest;        /* what all have been told */
    uint64_t asked;              /* has not answered yet; 0: nobody */
    uint64_t asked_digest;       /* ours then */
    int behind;                  /* somebody had to be asked */
    int paused;                  /* for once, in this view, before more were */
    uint32_t evaluated;          /* so many of the view are covered */
    int complete, ever, stale;
    int outvoted;                /* not complete for want of a majority */
    uint64_t lapsed_ns;          /* when it became stale */
    uint64_t recovering;         /* 1: it may have forgotten rows (majority) */
    enum phub__partial partial;
};

/* --- synced_heard.c -------------------------------------------------------- */
struct phub__heard *phub__heard_find(const struct phub__synced *synced,
                                     uint64_t node);
/* For one that has none yet; NULL: out of memory. */
struct phub__heard *phub__heard_new(struct phub__synced *synced,
                                    uint64_t node);
void phub__heard_clear(struct phub__heard *heard);
/* Its message of the view that we are in, or NULL. */
struct phub__heard *phub__heard_now(struct phub__hub *hub, uint64_t node);
/* Take over what a member says; 0: it has said something newer, or this. */
int phub__heard_take(struct phub__hub *hub, struct phub__heard *heard,
                     const struct phub__op_view_sync *sync);
/* Have we seen all that it had? */
int phub__heard_covered(struct phub__hub *hub, struct phub__heard *heard);

/* --- synced_lost.c --------------------------------------------------------- */
void phub__lost_free(struct phub__synced *synced);
void phub__lost_add(struct phub__hub *hub, uint64_t node, int left);
void phub__lost_remove(struct phub__synced *synced, uint64_t node);
/* Remove those that were forgotten and whose children have homes. */
void phub__lost_forget(struct phub__hub *hub);
/* Fill with what we tell of the lost, at most PHUB__LEASES_MAX. */
uint32_t phub__lost_leases(struct phub__hub *hub,
                           struct phub__op_lease *leases);
/* What members told of them, as struct phub__op_lease. */
void phub__lost_heard(struct phub__hub *hub, const struct phub__list *told);

#endif
