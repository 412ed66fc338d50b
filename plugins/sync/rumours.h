/* SPDX-License-Identifier: MIT */
/* rumours: what changed goes from a few to a few more; see rumours.c. */
#ifndef SYNC_RUMOURS_H
#define SYNC_RUMOURS_H

#include <stdbool.h>

#include "sync/repair.h"

#define RUMOURS_MAX 1024u          /* that are being told at a time */
#define RUMOURS_BYTES_MAX 4194304u /* of all of them */
#define RUMOURS_SETS 2048u         /* of what has been heard */
#define RUMOURS_WAYS 8u            /* remembered per set */
#define RUMOURS_ASKED 512u         /* that were asked for of late */
#define RUMOURS_FANOUT_MAX 16u
#define RUMOURS_HOPS_MAX 64u
#define RUMOURS_KEPT_NS 500000000ull /* old ones, for those who ask */
#define RUMOURS_NS_PER_MS 1000000ull

struct rumour {
    uint64_t id;       /* 0: for all, and not to be passed on */
    uint8_t *bytes;    /* owned */
    size_t size;
    uint64_t told;     /* rounds */
    uint64_t hops;     /* how far it has come */
    uint64_t until_ns; /* kept for those who ask */
};

struct heard {
    uint64_t id;       /* 0 = free */
    uint64_t until_ns; /* forgotten then */
};

struct rumours {
    struct repair repair;      /* first: what a strategy has, it is */
    uint64_t direct_members;   /* up to so many others are told directly */
    uint64_t fanout;
    uint64_t rounds;
    uint64_t gap_ms;
    uint64_t pushed;           /* own entries up to here are rumours */
    uint64_t gap_node;         /* whom to pull from */
    uint32_t round_waits;      /* 1: TOKEN_ROUND is pending */
    uint32_t gap_waits;        /* 1: TOKEN_GAP is pending */
    uint32_t kept_waits;       /* 1: TOKEN_KEPT is pending */
    uint32_t count;
    uint32_t bytes;
    struct rumour queue[RUMOURS_MAX];
    struct heard heard[RUMOURS_SETS][RUMOURS_WAYS];
    struct heard asked[RUMOURS_ASKED];
};

#define RUMOURS_PARAMS                                                        \
    { .name = "fanout", .type = PHUB_PARAM_UINT, .unit = "members",           \
      .default_value = "2", .min = 1, .max = RUMOURS_FANOUT_MAX, .local = 1,  \
      .help = "members told in a round" },                             \
    { .name = "rumour_rounds", .type = PHUB_PARAM_UINT, .unit = "rounds",     \
      .default_value = "3", .min = 1, .max = 16, .local = 1,                  \
      .help = "a rumour is old after so many rounds" },                       \
    { .name = "rumour_gap_ms", .type = PHUB_PARAM_UINT, .unit = "ms",         \
      .default_value = "10", .min = 1, .max = 10000, .local = 1,              \
      .help = "between rounds; what changed meanwhile goes together" },       \
    REPAIR_PARAMS

/* direct_members: parameter's name, or NULL for none. */
int rumours_open(struct rumours *self, struct phub_ctx *ctx,
                 const struct phub_host *host, const char *direct_members);

/* For the vtable: self is a struct rumours. */
void rumours_close(void *self);
void rumours_changed(void *self, uint64_t head);
void rumours_received(void *self, uint64_t node,
                      const struct phub_bytes *message);
void rumours_view_changed(void *self, const struct phub_view *view);
void rumours_completed(void *self, uint64_t token, int32_t rc,
                       const struct phub_result *result);

/* --- queue.c ------------------------------------------------------------- */

uint64_t rumours_now_ns(const struct rumours *self);
bool rumours_heard_has(const struct rumours *self, uint64_t id);
/* Errors: PHUB_EEXIST: heard before; PHUB_ELIMIT: no room. */
int rumours_heard_add(struct rumours *self, uint64_t id);
/* It is not told any more. */
bool rumours_old(const struct rumours *self, const struct rumour *rumour);
/* Errors: PHUB_ELIMIT, PHUB_ENOMEM. */
int rumours_add(struct rumours *self, uint64_t id, uint64_t hops,
                const struct phub_bytes *delta);
/* NULL: not there, or not any more. */
struct rumour *rumours_find(struct rumours *self, uint64_t id);
/* Is there one to be told still? */
bool rumours_news(const struct rumours *self);
/* Forget those that are old and not kept any more at now; all others keep
 * their order. */
void rumours_age(struct rumours *self, uint64_t now);
void rumours_clear(struct rumours *self);

#endif
