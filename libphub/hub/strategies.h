/* SPDX-License-Identifier: MIT */
/* strategies: which strategies the hub goes by; strategies.c has how they are
 * changed.
 *
 * Thread: the hub's. */
#ifndef PHUB__HUB_STRATEGIES_H
#define PHUB__HUB_STRATEGIES_H

#include "hub/host_private.h"

#define PHUB__SET_SIZE_MAX 32768u   /* bytes of the row */
#define PHUB__SET_PARAMS_MAX 64u    /* of one strategy */

/* One strategy with its parameters, as it was chosen for the whole hub. */
struct phub__choice {
    uint64_t kind;
    uint64_t generation;            /* of the set that it came with */
    struct phub_bytes name;
    struct phub__list params;       /* struct phub_bytes, "key=value" */
};

/* The row: what was chosen on the running hub, kind by kind; where nothing
 * was, nodes go by their configuration. */
struct phub__set {
    uint64_t generation;            /* 0: nothing was chosen yet */
    struct phub__list choices;      /* struct phub__choice */
    struct phub__list next;         /* one at most: nodes go by it as well */
};

/* What the nodes are asked in a change (flags of LOAD). */
enum phub__load_step {
    PHUB__LOAD_BESIDE = 1,  /* load it, but do not go by it */
    PHUB__LOAD_TAKE,        /* the row says so now */
    PHUB__LOAD_OFFER,       /* does your configuration say so, too */
    PHUB__LOAD_BOTH         /* the row says to go by both */
};

struct going {
    struct going *next;
    struct phub_ctx *ctx;
    uint64_t until_ns;     /* it is not closed before */
};

struct phub__change;

struct phub__strategies {
    struct phub__hub *hub;
    struct phub__arena arena;       /* of set */
    struct phub__set set;
    struct phub__strategy_option chosen[PHUB__KINDS]; /* at the start */
    struct phub__strategy_option last[PHUB__KINDS]; /* configured, as far as
                                                     * it was taken */
    uint64_t generations[PHUB__KINDS]; /* of what is in charge */
    struct phub_ctx *beside[PHUB__KINDS];
    uint64_t beside_generation[PHUB__KINDS];
    uint64_t beside_ns[PHUB__KINDS];
    int offered[PHUB__KINDS];       /* the configuration says another one */
    struct going *going;            /* end what they began */
    struct phub__change *change;    /* that this node is keeper of */
    struct phub__timer *timer;
    int looking, asking;
    uint32_t failed;                /* bits: kinds that cannot be had here */
    int failed_next;                /* nor what is to count as well */
    int drained;                    /* that is why it drains */
    uint32_t offer_last;            /* kind that was asked for last */
    int both;                       /* the partition strategy beside counts */
};

/* The partition strategy that counts beside the one in charge, or NULL. */
struct phub_ctx *phub__strategies_joint(const struct phub__hub *hub);
/* Would all this node sees be enough for a lease by it (lease.c)? */
int phub__lease_could(struct phub__hub *hub, const struct phub_ctx *ctx);

/* --- strategies_file.c ---------------------------------------------------- */

/* As an option whose texts live in the arena, and back, borrowing texts. */
struct phub__strategy_option phub__choice_option(const struct phub__choice *c,
                                                 struct phub__arena *arena);
struct phub__choice phub__option_choice(const struct phub__strategy_option *o,
                                        uint32_t kind,
                                        struct phub__arena *arena);
/* That of the kind, or NULL. */
const struct phub__choice *phub__choice_in(const struct phub__list *list,
                                           uint32_t kind);
/* Copy it: it is what this node goes by.  Errors: PHUB_ENOMEM, PHUB_ELIMIT. */
int phub__strategies_keep(struct phub__strategies *s,
                          const struct phub__set *set);
void phub__strategies_save(struct phub__hub *hub);

/* --- strategies.c --------------------------------------------------------- */

#define PHUB__LOOK_MS 1000u         /* between looks at what is to end */

void phub__strategies_tick(void *arg);
int phub__set_ok(const struct phub__set *set);

extern const struct phub__schema phub__choice_schema;
extern const struct phub__schema phub__set_schema;

/* Read what was kept, before strategies are loaded.
 * Errors: PHUB_ECONFIG, PHUB_ENOMEM; error says. */
/* Load what was being changed to; after the others are open. */
void phub__strategies_open(struct phub__hub *hub);
/* What the hub has chosen cannot be loaded: 1 if the configuration's can be
 * tried. */
int phub__strategies_fall_back(struct phub__hub *hub, uint32_t kind,
                               const char *why);
/* The partition strategy cannot be had here: nothing may run. */
int phub__strategies_lost(const struct phub__hub *hub);
/* A choice as it may come from outside. */
int phub__choice_ok(const struct phub__choice *choice);
int phub__strategies_new(struct phub__hub *hub, char *error,
                         size_t error_max);
void phub__strategies_free(struct phub__hub *hub);
/* The hub speaks from now on: keep what the configuration says. */
void phub__strategies_started(struct phub__hub *hub);
/* What this node goes by, kind by kind: PHUB__KINDS - 1. */
void phub__strategies_offers(const struct phub__hub *hub,
                             struct phub__cluster_strategy *offered);
/* Is it the id of the row? */
int phub__strategies_is_row(struct phub_bytes id);
struct phub_bytes phub__strategies_id(uint8_t bytes[PHUB_CHILD_ID_MAX]);
/* The row is another one; it is looked at from the loop. */
void phub__strategies_changed(struct phub__hub *hub);
/* Look at it now. */
void phub__strategies_look(struct phub__hub *hub);
/* Who came may not have the row. */
void phub__strategies_view_settled(struct phub__hub *hub,
                                   const struct phub__view_change *change);
void phub__strategies_round(struct phub__hub *hub);
/* A change of the partition strategy, if this node keeps the row. */
void phub__strategies_go_on(struct phub__hub *hub);
/* Items of SWITCH, at the keeper, and of LOAD. */
void phub__strategies_switch(struct phub__hub *hub,
                             const struct phub__op_request *op,
                             const struct phub__op_item *item);
void phub__strategies_load(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item);
/* Load it beside the one that is in charge, and open it.
 * Errors: as phub__strategy_load, phub__host_ctx_open; PHUB_ECONFIG if it
 * does not go with the others. */
int phub__strategies_beside(struct phub__hub *hub,
                            const struct phub__choice *choice, char *error,
                            size_t error_max);
void phub__strategies_drop(struct phub__hub *hub, uint32_t kind);
/* The one of that kind that the configuration names. */
int phub__strategies_configured(struct phub__hub *hub,
                                const struct phub__choice *choice);
/* "migration 'coldswap'". */
void phub__choice_text(const struct phub__choice *choice, char *text,
                       size_t text_max);

#endif
