/* SPDX-License-Identifier: MIT */
/* electors: a set of nodes that agree who they are, however they are cut apart.
 *
 * For partition strategies that count more than half of something: which
 * nodes are counted is itself decided by more than half of them, so that two
 * sides can never both be in the majority.  See electors.c.
 *
 * Thread: the hub's, as everything in a plugin. */
#ifndef PHUB_QUORUM_ELECTORS_H
#define PHUB_QUORUM_ELECTORS_H

#include <stdbool.h>

#include <phub/plugin.h>

/* Tokens of timers and of the store that belong to the electors have this bit;
 * a strategy's own have not. */
#define ELECTORS_TOKEN 0x8000000000000000ull
/* A reset goes on with the next multiple as version, so that it is later than
 * all that may have been chosen meanwhile. */
#define ELECTORS_RESET (UINT64_C(1) << 32)
#define ELECTORS_MESSAGE_MAX 65536u /* two lists of PHUB_ELECTORS_MAX ids */

/* The weight of the index-th oldest of count electors: 1 or more. */
typedef uint32_t electors_weigh(uint32_t index, uint32_t count);

/* A set, oldest elector first, and the one that it is being changed to. */
struct electors_config {
    uint64_t history;      /* which founding it comes from; 0: no set yet */
    uint64_t version;      /* ELECTORS_RESET and more: after so many resets */
    uint64_t *nodes;       /* is_count of the one, then next_count */
    uint32_t is_count;
    uint32_t next_count;   /* 0: it is not being changed */
};

struct electors_options {
    electors_weigh *weigh;
    uint64_t initial_size;       /* found a set when so many see each other */
    uint64_t found_wait_ns;      /* and not before, after the start */
    uint64_t change_wait_ns;     /* from version to version: at least a lease */
};

struct electors_ballot {
    uint64_t number;       /* 0: none */
    uint64_t node;
};

enum electors_phase { ELECTORS_IDLE, ELECTORS_PREPARING, ELECTORS_ACCEPTING };

struct electors_answer;

struct electors {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct electors_options options;
    struct electors_config config;       /* what was chosen last */
    uint64_t opened_ns;
    uint64_t learned_ns;                 /* when this node came to know it */
    /* Paxos about version config.version + 1: what this node has promised */
    struct electors_ballot promised, accepted;
    struct electors_config proposal;     /* accepted with accepted */
    /* and what it tries to get chosen */
    enum electors_phase phase;
    struct electors_ballot ballot, best; /* best: greatest accepted heard of */
    struct electors_config target;
    uint64_t began_ns;
    uint64_t *answered;
    uint32_t answered_count;
    /* the view, as of the last call */
    uint64_t *members;                   /* sorted */
    uint64_t *boots;
    bool *leaving;                       /* they have said so */
    uint32_t members_count;
    bool leaves;                         /* this node does */
    uint64_t *gone;                      /* electors that said goodbye */
    uint32_t gone_count;
    /* what must be on the disk before it is said */
    struct electors_answer *answers, **answers_last;
    uint64_t dirty, saving;              /* numbers of states; 0: none */
    int ticking, save_failed;
};

/* In the strategy's open(): which host functions are needed is checked. */
int electors_open(struct electors *self, struct phub_ctx *ctx,
                  const struct phub_host *host,
                  const struct electors_options *options);
void electors_close(struct electors *self);

/* The view changed (view_changed, judge). */
void electors_view(struct electors *self, const struct phub_view *view);
/* These said goodbye: they are taken out of the set. */
void electors_left(struct electors *self, const uint64_t *nodes,
                   uint64_t count);
/* This node leaves.  PHUB_EAGAIN as long as it counts, others that stay can
 * change that, and they are not done. */
int electors_leave(struct electors *self);
/* An operator says: the nodes of view are all there are.  They begin a new
 * history, which wins over the one that was.
 * Errors: PHUB_EAGAIN before there is a set; PHUB_ELIMIT, PHUB_ENOMEM. */
int electors_reset(struct electors *self, const struct phub_view *view);
void electors_received(struct electors *self, uint64_t node,
                       const struct phub_bytes *message);
/* 1 if the token was one of the electors'. */
int electors_completed(struct electors *self, uint64_t token, int32_t rc,
                       const struct phub_result *result);
/* For the strategy's electors().  Before there is a set: nobody but a node 0
 * that does not exist, so that nothing has a lease. */
int electors_fill(const struct electors *self, struct phub_elector *electors,
                  uint32_t max, uint32_t *count, uint64_t *version);
/* The verdict: CONTINUE for a majority, else minority (enum phub_verdict). */
int electors_judge(struct electors *self, const struct phub_judge *judge,
                   uint32_t minority, uint32_t *verdict);
/* Are more than half of the weight in view, in both sets if there are two? */
bool electors_quorum(const struct electors *self,
                     const struct phub_view *view);

/* --- electors_wire.c ------------------------------------------------------- */

enum electors_kind {
    ELECTORS_CONFIG = 1,   /* chosen: history, version, sets; empty sets: is
                            * there a later one? */
    ELECTORS_PREPARE,      /* history, version, ballot */
    ELECTORS_PROMISE,      /* ..., ballot, promised, accepted, its proposal */
    ELECTORS_ACCEPT,       /* ..., ballot, proposal */
    ELECTORS_ACCEPTED,     /* ..., ballot, promised */
    ELECTORS_STATE,        /* on the disk: config, promised, accepted, ... */
    ELECTORS_LEAVING       /* take me out */
};

struct electors_message {
    enum electors_kind kind;
    struct electors_ballot ballot, promised, accepted;
    struct electors_config config;    /* what it is about; PREPARE: no nodes */
    struct electors_config proposal;  /* STATE */
};

/* Errors: PHUB_ENOMEM; *bytes is to be freed. */
int electors_encode(const struct electors_message *message, uint8_t **bytes,
                    size_t *size);
/* Errors: PHUB_EPROTO, PHUB_ENOMEM.  The configs are to be freed. */
int electors_decode(struct phub_bytes bytes, struct electors_message *message);
void electors_config_free(struct electors_config *config);
/* Errors: PHUB_ENOMEM; to must be empty. */
int electors_config_copy(const struct electors_config *from,
                         struct electors_config *to);

#endif
