/* SPDX-License-Identifier: MIT */
/* swap: what migration strategies are built on (libphubswap).
 *
 * One struct phub_swap belongs to one instance of a strategy; the strategy's
 * vtable functions hand on what they get:
 *
 *     begin        -> phub_swap_begin
 *     completed    -> phub_swap_completed
 *     cancel       -> phub_swap_cancel
 *     view_changed -> phub_swap_handle_contraction
 *     leave        -> phub_swap_handle_shutdown
 *
 * and the strategy says one thing itself, in next(): which step follows which.
 * ColdSwap and HotSwap are two such functions.  What must hold for every
 * order the library keeps: each plan item ends in exactly one move_report();
 * no timer and no cancel ends a move after its decision; late and doubled
 * answers change nothing; at most moves_parallel moves are under way, shared
 * evenly among the targets, so that a slow target delays its own moves only.
 *
 * A move is tried with each of its targets in turn.  A target that is busy is
 * asked again after a pause, PHUB_SWAP_BUSY_MAX times.  A child that says no
 * or nothing when asked for its consent is asked again later, and moved
 * without it after consent_max_defer_ms, or after half of the item's deadline.
 *
 * The library speaks to the hub through struct phub_host alone, has no
 * statics, and needs malloc of the C library.  Link libphubswap.so, or
 * libphubswap_pic.a to stay one file.
 *
 * The function names are those of ProcessHub's SwapMigration, whose work they
 * do, asynchronously.  Manual: phub_swap(3). */
#ifndef PHUB_SWAP_H
#define PHUB_SWAP_H

#include <phub/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHUB_SWAP_MOVES_MAX (1u << 22)  /* of one instance, waiting too */
#define PHUB_SWAP_TARGETS_MAX 16u       /* of one child; more are not tried */
#define PHUB_SWAP_BUSY_MAX 10u          /* times one target may be busy */

struct phub_swap;
struct phub_swap_move;

enum phub_swap_step {
    PHUB_SWAP_QUEUED = 1,    /* waits for its turn */
    PHUB_SWAP_CONSENT = 2,   /* the child is asked */
    PHUB_SWAP_DEFERRED = 3,  /* it said no; waits to be asked again */
    PHUB_SWAP_BUSY = 4,      /* the target said so; waits */
    PHUB_SWAP_PREPARE = 5,   /* the target reserves */
    PHUB_SWAP_STANDBY = 6,   /* the target starts a standby */
    PHUB_SWAP_HOLD = 7,      /* waits for phub_swap_release() */
    PHUB_SWAP_FREEZE = 8,
    PHUB_SWAP_TAKE = 9,      /* its state is taken */
    PHUB_SWAP_END = 10,      /* the instance here ends */
    PHUB_SWAP_STORE = 11,    /* the state goes to the target */
    PHUB_SWAP_DECIDE = 12,   /* no way back by a timer */
    PHUB_SWAP_ABORT = 13     /* it goes on here */
};

/* What happened to a move so far. */
#define PHUB_SWAP_CAN_FREEZE 1u
#define PHUB_SWAP_CAN_STATE 2u
#define PHUB_SWAP_HANDOVER 4u   /* the state shall go along */
#define PHUB_SWAP_FROZEN 8u
#define PHUB_SWAP_TAKEN 16u     /* there is a state */
#define PHUB_SWAP_STORED 32u    /* the target holds it */
#define PHUB_SWAP_ENDED 64u

struct phub_swap_info {
    uint32_t size;
    uint32_t step;            /* enum phub_swap_step */
    struct phub_bytes child;  /* borrowed until return */
    uint64_t target;
    uint32_t flags;
    uint32_t cause;           /* enum phub_cause */
    uint32_t attempt;         /* 0 for the first target */
    int32_t rc;               /* of step: 0 or PHUB_EUNSUPPORTED */
    struct phub_swap_move *move;
    uint64_t state_size;      /* bytes, once taken */
};

struct phub_swap_options {
    uint32_t size;
    uint32_t moves_parallel;
    uint32_t handover;               /* 0: children move without state */
    uint32_t prepare_timeout_ms;
    uint32_t state_query_timeout_ms; /* freeze, take */
    uint32_t state_ttl_ms;           /* from freeze, take or end to decide */
    uint32_t consent_timeout_ms;
    uint32_t consent_retry_ms;
    uint32_t consent_max_defer_ms;
    uint32_t reserved_;
    /* The order.  info->step has ended with info->rc (0; FREEZE and TAKE also
     * with PHUB_EUNSUPPORTED): say which step follows.  QUEUED is followed by
     * PREPARE or STANDBY; HOLD by what next() says when released; before
     * DECIDE the library does STORE if that has not been. */
    uint32_t (*next)(void *arg, const struct phub_swap_info *info);
    void *arg;
};

/* Rows for a strategy's parameters, read by phub_swap_options_read(). */
#define PHUB_SWAP_PARAM_(name_, unit_, default_, min_, max_, help_)           \
    { .name = name_, .unit = unit_, .default_value = default_,                \
      .help = help_, .min = min_, .max = max_, .type = PHUB_PARAM_UINT,       \
      .local = 1 }
#define PHUB_SWAP_PARAMS                                                      \
    { .name = "handover", .unit = "", .default_value = "yes",                 \
      .help = "take the child's state along", .type = PHUB_PARAM_BOOL,        \
      .local = 1 },                                                           \
    PHUB_SWAP_PARAM_("moves_parallel", "moves", "64", 1, 65536,               \
        "moves under way at a time, shared evenly among the targets"),        \
    PHUB_SWAP_PARAM_("prepare_timeout_ms", "ms", "5000", 1, 3600000,          \
        "how long a target may take to get ready"),                           \
    PHUB_SWAP_PARAM_("state_query_timeout_ms", "ms", "5000", 1, 3600000,      \
        "how long a child may take to freeze, and to give its state"),        \
    PHUB_SWAP_PARAM_("state_ttl_ms", "ms", "30000", 1, 86400000,              \
        "how long a child may stand still before its move is given up"),      \
    PHUB_SWAP_PARAM_("consent_timeout_ms", "ms", "5000", 1, 3600000,          \
        "how long a child may think when asked for its consent"),             \
    PHUB_SWAP_PARAM_("consent_retry_ms", "ms", "10000", 1, 86400000,          \
        "when to ask a child again that said no, or nothing"),                \
    PHUB_SWAP_PARAM_("consent_max_defer_ms", "ms", "600000", 0, 604800000,    \
        "how long a child may put off its move")

/* Fill options from the parameters above; next and arg stay as they are.
 * Errors: PHUB_ECONFIG, said through host->fail. */
int phub_swap_options_read(struct phub_ctx *ctx, const struct phub_host *host,
                           struct phub_swap_options *options);

/* Owns: the caller, until free.  options: copied.
 * Errors: PHUB_EUNSUPPORTED if the host lacks something, said through
 * host->fail; PHUB_ENOMEM. */
int phub_swap_new(struct phub_ctx *ctx, const struct phub_host *host,
                  const struct phub_swap_options *options,
                  struct phub_swap **swap);
/* Every item left is reported with PHUB_ESHUTDOWN; the host gives up the moves
 * that are open when it closes a strategy. */
void phub_swap_free(struct phub_swap **swap);

int phub_swap_begin(struct phub_swap *swap,
                    const struct phub_plan_item *items, uint32_t count,
                    uint32_t stride);
/* Returns 1 if the token was one of ours, 0 if it is the strategy's: ours
 * have bit 63 set. */
int phub_swap_completed(struct phub_swap *swap, uint64_t token, int32_t rc,
                        const struct phub_result *result);
/* Give up the move of child, or of all with NULL or an empty one, unless it
 * is decided. */
void phub_swap_cancel(struct phub_swap *swap, const struct phub_bytes *child);
/* Ask next() again for every move that it holds. */
void phub_swap_release(struct phub_swap *swap);
/* Moves in a step (all with 0). */
uint32_t phub_swap_count(const struct phub_swap *swap, uint32_t step);

/* --- the steps, under their names of old ------------------------------------
 * phub_swap_begin() and phub_swap_completed() call all of these; they are here
 * for strategies that want to do a part differently. */

enum phub_swap_class {
    PHUB_SWAP_FORWARD = 1,  /* runs here, belongs there: a move */
    PHUB_SWAP_THERE = 2,    /* its best target runs it already */
    PHUB_SWAP_AWAY = 3,     /* does not run here */
    PHUB_SWAP_NOWHERE = 4,  /* no target: it stays */
    PHUB_SWAP_MOVING = 5    /* is under way already */
};

/* Sort plan items: classes[i] (enum phub_swap_class) for item i. */
void phub_swap_compute_processable(struct phub_swap *swap,
                                   const struct phub_plan_item *items,
                                   uint32_t count, uint32_t stride,
                                   uint32_t *classes);
/* Put a move into its target's queue. */
int phub_swap_group_children_by_node(struct phub_swap *swap,
                                     struct phub_swap_move *move);
/* Take moves whose turn it is out of the queues, moves_max at most. */
uint32_t phub_swap_create_migration_requests(struct phub_swap *swap,
                                             struct phub_swap_move **moves,
                                             uint32_t moves_max);
/* Open the moves and ask their targets to prepare. */
void phub_swap_send_start_requests(struct phub_swap *swap,
                                   struct phub_swap_move **moves,
                                   uint32_t count);
/* Freeze, or take the state (step). */
void phub_swap_collect_states(struct phub_swap *swap,
                              struct phub_swap_move *move, uint32_t step);
/* Bring the state into the target's storage. */
void phub_swap_handle_storage_update(struct phub_swap *swap,
                                     struct phub_swap_move *move);
/* Decide: the target's instance runs, with the state that waits for it. */
void phub_swap_handle_process_startups(struct phub_swap *swap,
                                       struct phub_swap_move *move);
/* The move is over here: tell who waits for it.  move is freed. */
void phub_swap_notify_originating_node(struct phub_swap *swap,
                                       struct phub_swap_move *move, int rc,
                                       const char *text);
/* Say how a batch went: counters moves_done and moves_failed, one notice. */
void phub_swap_dispatch_migration_hook(struct phub_swap *swap, uint32_t moved,
                                       uint32_t failed);
/* The view changed: what goes to a node that left takes its next target. */
void phub_swap_handle_contraction(struct phub_swap *swap,
                                  const struct phub_view *view);
/* This node leaves: nobody is asked for consent any more, what is not decided
 * in deadline_ms (0 = no limit) is given up, and the states of all that still
 * run here go ahead, all at once, to be kept by their next homes until they
 * start there.  Whose state does not come in time costs itself only: its next
 * home is told that it is missing.  Counters states_ahead, states_missing. */
void phub_swap_handle_shutdown(struct phub_swap *swap, uint32_t deadline_ms);

/* --- a strategy in one function ----------------------------------------------
 * PHUB_SWAP_STRATEGY(name, next) makes the table name_ops and the rows
 * name_params of a strategy whose instance is a struct phub_swap_strategy and
 * whose order is next(); PHUB_PLUGIN_DEFINE takes both. */
struct phub_swap_strategy {
    struct phub_swap *swap;
};

#define PHUB_SWAP_STRATEGY(name_, next_)                                      \
    static int name_##_open(void *self_, struct phub_ctx *ctx,                \
                            const struct phub_host *host)                     \
    {                                                                         \
        struct phub_swap_options options = { .next = (next_) };               \
        struct phub_swap_strategy *self = self_;                              \
                                                                              \
        if (phub_swap_options_read(ctx, host, &options) != 0)                 \
            return PHUB_ECONFIG;                                              \
        return phub_swap_new(ctx, host, &options, &self->swap);               \
    }                                                                         \
    static void name_##_close(void *self_)                                    \
    {                                                                         \
        phub_swap_free(&((struct phub_swap_strategy *)self_)->swap);          \
    }                                                                         \
    static int name_##_begin(void *self_, const struct phub_plan_item *items, \
                             uint32_t count, uint32_t stride)                 \
    {                                                                         \
        return phub_swap_begin(((struct phub_swap_strategy *)self_)->swap,    \
                               items, count, stride);                         \
    }                                                                         \
    static void name_##_completed(void *self_, uint64_t token, int32_t rc,    \
                                  const struct phub_result *result)           \
    {                                                                         \
        (void)phub_swap_completed(                                            \
            ((struct phub_swap_strategy *)self_)->swap, token, rc, result);   \
    }                                                                         \
    static void name_##_cancel(void *self_, const struct phub_bytes *child)   \
    {                                                                         \
        phub_swap_cancel(((struct phub_swap_strategy *)self_)->swap, child);  \
    }                                                                         \
    static void name_##_view_changed(void *self_,                             \
                                     const struct phub_view *view)            \
    {                                                                         \
        phub_swap_handle_contraction(                                         \
            ((struct phub_swap_strategy *)self_)->swap, view);                \
    }                                                                         \
    static void name_##_leave(void *self_, uint32_t deadline_ms)              \
    {                                                                         \
        phub_swap_handle_shutdown(                                            \
            ((struct phub_swap_strategy *)self_)->swap, deadline_ms);         \
    }                                                                         \
    static const struct phub_migration_ops name_##_ops = {                    \
        .size = sizeof name_##_ops,                                           \
        .instance_size = sizeof(struct phub_swap_strategy),                   \
        .open = name_##_open, .close = name_##_close,                         \
        .begin = name_##_begin, .completed = name_##_completed,               \
        .cancel = name_##_cancel, .view_changed = name_##_view_changed,       \
        .leave = name_##_leave,                                               \
    };                                                                        \
    static const struct phub_param name_##_params[] = { PHUB_SWAP_PARAMS }

#ifdef __cplusplus
}
#endif

#endif
