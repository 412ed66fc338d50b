/* SPDX-License-Identifier: MIT */
/* repair: what the synchronisation strategies have in common; see repair.c. */
#ifndef SYNC_REPAIR_H
#define SYNC_REPAIR_H

#include <stdint.h>

#include <phub/plugin.h>

#define REPAIR_ROOM 64u   /* bytes around the payload, at most */

/* Wire version 1, CBOR: [2, summary, back] OFFER, [3, summary] PULL,
 * [4, delta, more] PIECES, [5, brief] BRIEF; [1, bytes] is the strategy's own.
 * Items behind these are skipped, so that later versions can append some. */
enum repair_message {
    REPAIR_OWN = 1, REPAIR_OFFER = 2, REPAIR_PULL = 3, REPAIR_PIECES = 4,
    REPAIR_BRIEF = 5
};

/* The low byte of a token; above it pulls are numbered, so that one that has
 * fired already cannot end the next.  The strategy's own begin at OWN. */
enum repair_token {
    REPAIR_TOKEN_ROUND = 1, REPAIR_TOKEN_PULL = 2, REPAIR_TOKEN_OWN = 3
};

struct repair_peer;

struct repair {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct repair_peer *peers;  /* the other members, sorted by id */
    uint32_t peers_count;
    uint32_t next;              /* where to look for the next pull */
    uint64_t pulling;           /* node pulled from, 0 = none */
    uint64_t pull_token;        /* of its timer */
    uint32_t pieces;            /* of this pull so far */
    uint32_t peers_stale;       /* 1: no memory for the new ones yet */
    uint32_t armed;             /* 0: no memory for the timer of the round */
    uint64_t interval_ms;
    uint64_t piece_size;
};

/* Rows of parameters for whoever has a struct repair. */
#define REPAIR_PARAMS                                                         \
    { .name = "sync_interval_ms", .type = PHUB_PARAM_UINT, .unit = "ms",      \
      .default_value = "5000", .min = 10, .max = 3600000, .local = 1,         \
      .help = "compare with one random member this often" },                  \
    { .name = "piece_size", .type = PHUB_PARAM_UINT, .unit = "bytes",         \
      .default_value = "262144", .min = 1024,                                 \
      .max = PHUB_PLUGIN_MESSAGE_MAX - REPAIR_ROOM, .local = 1,               \
      .help = "entries per message, in bytes" }

int repair_open(struct repair *self, struct phub_ctx *ctx,
                const struct phub_host *host);
void repair_close(struct repair *self);
void repair_view(struct repair *self, const struct phub_view *view);
/* Returns REPAIR_OWN, with payload, if it is the strategy's; else 0. */
uint32_t repair_received(struct repair *self, uint64_t node,
                         const struct phub_bytes *message,
                         struct phub_bytes *payload);
void repair_completed(struct repair *self, uint64_t token);

/* Pull from node as soon as it is its turn; nothing if it is no member. */
void repair_want(struct repair *self, uint64_t node);
/* Send [type, payload, flag], without the last if flag < 0; node 0: all. */
int repair_send(struct repair *self, uint64_t node, uint32_t type,
                struct phub_bytes payload, int flag);
/* stream_delta() of a piece. */
int repair_delta(struct repair *self, uint64_t from, struct phub_buf **delta,
                 uint64_t *next);
/* at < peers_count. */
uint64_t repair_peer_at(const struct repair *self, uint32_t at);
/* below > 0. */
uint32_t repair_random(struct repair *self, uint32_t below);
void repair_count(struct repair *self, const char *name, uint64_t n);

#endif
