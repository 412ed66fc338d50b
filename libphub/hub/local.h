/* SPDX-License-Identifier: MIT */
/* local: what this node has to do with a child.
 *
 * One record per child that runs here, comes, goes, or is being decided about
 * here; it exists as long as any of that is so.  phub__reconcile() compares it
 * with the child's row and does what closes the difference; it is called
 * whenever either changes, and may be called at any time (level-triggered).
 * Thread: the hub's. */
#ifndef PHUB__HUB_LOCAL_H
#define PHUB__HUB_LOCAL_H

#include <stdint.h>

#include <phub/types.h>

#include "child/supervisor.h"
#include "hub/hub.h"

struct phub__move;
struct phub__state_out;
struct phub__arrival;
struct phub__mail;
struct phub__order_heard;
struct phub__checkpoint;

enum phub__wanted { PHUB__WANT_RUNNING = 1, PHUB__WANT_ENDED };

/* Somebody who waits for the instance to run or to be gone. */
struct phub__waiter {
    struct phub__waiter *next;
    enum phub__wanted wanted;
    struct phub_epoch incarnation;
    struct phub__reply reply;
};

struct phub__local {
    uint32_t magic;
    uint32_t id_size;
    struct phub__local *bucket_next;
    struct phub__local *prev, *next;
    struct phub__hub *hub;
    struct phub__instance *instance;   /* what acts, acted or will act here */
    struct phub__waiter *waiters;
    struct phub__move *move;           /* it is leaving */
    struct phub__arrival *arrival;     /* it is coming */
    struct phub_buf *kept;             /* a state for the next start here */
    struct phub_epoch kept_incarnation;
    struct phub_epoch kept_epoch;      /* the only home epoch it is for, or 0 */
    int kept_code;                     /* none is left, and this is why */
    struct phub__checkpoint *checkpoint;  /* taken while it runs */
    struct phub_epoch failed_epoch;    /* home epoch at which it gave up */
    struct phub_epoch completed;       /* incarnation whose end is not told */
    struct phub_epoch unfenced;        /* home epoch of which the target of a
                                        * move that ended may have a state */
    struct phub__mail *mail_first, *mail_last;  /* wait for it to run */
    uint32_t mail_count;
    int mail_busy;                     /* tried again in a moment */
    uint64_t mail_origin;              /* its queue comes first; 0 = no more */
    uint64_t mail_origin_boot;
    uint64_t mail_since_ns;            /* waiting for that */
    struct phub__order_heard *heard;   /* who sent what it was given */
    uint64_t came_from;                /* origin to give it back to */
    struct phub_epoch given_back;      /* home epoch that says so; what is
                                        * kept stays until it runs there */
    int replica;                       /* the row has one here */
    struct phub__reseat *reseat;       /* a replica of it moves (home) */
    /* confirm.c: the home epoch that a majority holds, or is asked for */
    struct phub_epoch confirm_epoch;
    struct phub__local *confirm_next, **confirm_link;
    int confirming;
    uint32_t claims;                   /* decisions under way here (keeper) */
    int put_off;                       /* it refused to be moved */
    const struct phub__instance *told; /* hooks know that it runs, */
    uint32_t told_restarts;            /* after so many restarts */
    int busy;                          /* inside reconcile */
    int again;
    char id[];
};

#define PHUB__LOCAL_MAGIC 0x51c0de17u

int phub__locals_new(struct phub__hub *hub, struct phub__locals **locals);
void phub__locals_free(struct phub__locals **locals);
uint32_t phub__locals_count(const struct phub__locals *locals);
/* The supervisor is gone, and all its instances. */
void phub__locals_forget_instances(struct phub__locals *locals);
/* All of them, by next. */
struct phub__local *phub__locals_first(const struct phub__locals *locals);

struct phub__local *phub__local_find(struct phub__hub *hub,
                                     struct phub_bytes id);
/* The first PHUB__LOCALS_AHEAD of these will be looked at soon: have them in
 * the cache by then. */
#define PHUB__LOCALS_AHEAD 64u
void phub__locals_ahead(const struct phub__hub *hub,
                        const struct phub_bytes *ids, uint32_t count);
/* Find or make; NULL if out of memory. */
struct phub__local *phub__local_get(struct phub__hub *hub,
                                    struct phub_bytes id);
/* Free it if nothing holds it any more; nulls *local then. */
void phub__local_drop(struct phub__local **local);
/* The state for the next start here, instead of what was kept; NULL is none.
 * A reference is taken. */
void phub__local_keep(struct phub__local *local, struct phub_buf *state,
                      struct phub_epoch incarnation);
struct phub_bytes phub__local_id(const struct phub__local *local);

/* Wait for that; answered at once if it is so already. */
void phub__local_wait(struct phub__local *local, enum phub__wanted wanted,
                      struct phub_epoch incarnation,
                      const struct phub__reply *reply);
/* Nothing of it is left here; and where we sent it, if we did. */
void phub__reply_ended(struct phub__hub *hub, const struct phub__reply *reply,
                       struct phub_bytes id, struct phub_epoch incarnation);
/* Is its start here to fail, and say so, if it does not come up at once? */
int phub__local_first(const struct phub__local *local);
/* Answer those who wait for the wrong thing too: code for WANT_RUNNING. */
void phub__local_answer(struct phub__local *local, enum phub__wanted wanted,
                        int code, const char *text);

/* Close the difference between row and reality of one child. */
void phub__reconcile(struct phub__hub *hub, struct phub_bytes id);
/* The same for all children whose home is here (lease or verdict changed). */
void phub__reconcile_home(struct phub__hub *hub);
/* All rows. */
void phub__reconcile_all(struct phub__hub *hub);
void phub__reconcile_adopted(struct phub__hub *hub);
/* The same for all that have a replica here. */
void phub__reconcile_replicas(struct phub__hub *hub);
/* End everything here, because the partition strategy said so or we go. */
void phub__locals_end_all(struct phub__hub *hub, int hard, const char *why);

extern const struct phub__supervisor_events phub__local_events;

#endif
