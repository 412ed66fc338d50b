/* SPDX-License-Identifier: MIT */
/* move: the origin's side of a move; theory and phases in move.h. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/departed.h"
#include "hub/host_private.h"
#include "hub/keeper.h"
#include "hub/message.h"
#include "hub/move_private.h"
#include "hub/replica.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "wire/memory.h"

#define DISCARD_TIMEOUT_MS 1000u
#define GO_TIMEOUT_MS 60000u     /* then asked again: only an answer counts */
#define BUCKETS 256u

struct phub__moves {
    uint64_t last;
    uint32_t count;
    struct phub__move *buckets[BUCKETS];
};

int phub__moves_new(struct phub__hub *hub, struct phub__moves **moves)
{
    (void)hub;
    *moves = phub__calloc(1, sizeof **moves);
    return *moves != NULL ? 0 : PHUB_ENOMEM;
}

uint32_t phub__moves_count(const struct phub__moves *moves)
{
    return moves->count;
}

static struct phub__move *find(struct phub__hub *hub, uint64_t id)
{
    struct phub__move *move = hub->moves->buckets[id % BUCKETS];

    while (move != NULL && move->id != id)
        move = move->bucket_next;
    return move;
}

static void move_free(struct phub__move *move)
{
    struct phub__moves *moves = move->hub->moves;
    struct phub__move **p = &moves->buckets[move->id % BUCKETS];

    while (*p != move)
        p = &(*p)->bucket_next;
    *p = move->bucket_next;
    moves->count--;
    phub__state_cancel(&move->stream);
    phub__buf_unref(&move->state);
    if (move->local != NULL)
        move->local->move = NULL;
    move->magic = 0;
    phub__free(move);
}

void phub__moves_free(struct phub__moves **moves)
{
    uint32_t i;

    if (*moves == NULL)
        return;
    for (i = 0; i < BUCKETS; i++)
        while ((*moves)->buckets[i] != NULL)
            move_free((*moves)->buckets[i]);
    phub__free(*moves);
    *moves = NULL;
}

/* --- answering the strategy ----------------------------------------------- */

/* The step under way is over; the strategy hears of it from the loop. */
static void complete(struct phub__move *move, int rc, uint64_t value,
                     const char *text)
{
    uint64_t token = move->token;

    if (!move->waiting)
        return;
    move->waiting = 0;
    move->token = 0;
    phub__host_complete(move->hub, move->who, token, rc, value, text);
}

static void wait_for(struct phub__move *move, uint64_t token)
{
    move->waiting = 1;
    move->token = token;
}

int phub__move_open(struct phub_ctx *ctx, const struct phub_bytes *child,
                    uint64_t target, uint32_t cause, uint64_t *out)
{
    struct phub__hub *hub = ctx->hub;
    struct phub_bytes id = *child;
    struct phub__local *local = phub__local_find(hub, id);
    const struct phub_view_node *node;
    struct phub__row_facts row;
    struct phub__move *move;
    char name[PHUB_NODE_NAME_MAX + 24];

    phub__row_facts(hub, id, &row);
    if (!row.exists)
        return PHUB_ENOTFOUND;
    if (!row.live)
        return PHUB_ESTOPPED;
    if (row.home != hub->node || local == NULL || local->instance == NULL)
        return PHUB_EMOVED;
    if (!phub__hub_in_charge(hub))
        return phub__hub_why_not(hub);
    if (target == hub->node)
        return PHUB_EREPEATED;
    node = phub__view_find(phub__hub_view(hub), target);
    if (node == NULL)
        return PHUB_ENODEDOWN;
    if (local->move != NULL || local->arrival != NULL)
        return PHUB_EBUSY;
    if (phub__instance_phase(local->instance) != PHUB__PHASE_RUNNING ||
        phub__instance_adopted(local->instance) ||
        phub__instance_unsure(local->instance))
        return PHUB_EAGAIN;
    if (hub->moves->count >= PHUB__MOVES_MAX)
        return PHUB_ELIMIT;
    move = phub__calloc(1, sizeof *move);
    if (move == NULL)
        return PHUB_ENOMEM;
    move->magic = PHUB__MOVE_MAGIC;
    move->id = ++hub->moves->last;
    move->hub = hub;
    move->who = ctx->who;
    move->strategy = ctx->strategy->name;
    move->local = local;
    move->target = target;
    move->target_boot = node->boot;
    move->begun_ns = hub->env->now_ns(hub->env);
    move->incarnation = row.incarnation;
    move->base = row.home_epoch;
    move->phase = PHUB__MOVE_OPEN;
    move->cause = cause;
    move->bucket_next = hub->moves->buckets[move->id % BUCKETS];
    hub->moves->buckets[move->id % BUCKETS] = move;
    hub->moves->count++;
    hub->counters.moves_started++;
    local->move = move;
    phub__hub_node_name(hub, target, name, sizeof name);
    phub__hub_cause(hub, id, "move to %s: %s", name,
                    phub__cause_name(cause));
    phub__hub_hook(hub, PHUB_HOOK_migration_started, target, id, 0, 1, "");
    *out = move->id;
    return 0;
}

int phub__move_joins(const struct phub__move *move, uint64_t target,
                     uint32_t *who, char *text, size_t max)
{
    struct phub__hub *hub = move->hub;
    uint64_t now = hub->env->now_ns(hub->env);
    char name[PHUB_NODE_NAME_MAX + 24];

    *who = move->who;
    phub__hub_node_name(hub, move->target, name, sizeof name);
    if (move->aborting) {
        snprintf(text, max, "its move to %s is being given up", name);
        return PHUB_EAGAIN;
    }
    if (move->over) { /* nobody who asks now would be told of its end */
        snprintf(text, max, "its move to %s has just ended", name);
        return PHUB_EAGAIN;
    }
    if (move->target == target)
        return 0;
    snprintf(text, max, "it is being moved to %s, since %llu ms; ask again "
             "when it is there", name,
             (unsigned long long)((now - move->begun_ns) / 1000000));
    return PHUB_EBUSY;
}

/* --- prepare --------------------------------------------------------------- */

static struct phub__request *ask_target(struct phub__move *move,
                                        enum phub__op op, uint64_t timeout_ms)
{
    struct phub__request *request =
        phub__request_new(move->hub, op, 1, timeout_ms);
    struct phub_bytes id = phub__local_id(move->local);
    struct phub__op_item *item;

    if (request == NULL)
        return NULL;
    item = &request->items[0].op;
    item->id = phub__request_copy(request, id);
    item->incarnation = move->incarnation;
    item->epoch = move->base;
    item->target = move->target;
    if (phub__rows_delta(move->hub, &id, 1, &request->rows) != 0)
        request->rows = NULL;
    return request;
}

/* A request outlives its move: it carries the move's number. */
struct step {
    struct phub__hub *hub;
    uint64_t move;
};

static struct step *step_new(struct phub__move *move)
{
    struct step *step = phub__calloc(1, sizeof *step);

    if (step != NULL)
        *step = (struct step){ move->hub, move->id };
    return step;
}

static struct phub__move *step_end(void *arg)
{
    struct step step = *(struct step *)arg;

    phub__free(arg);
    return find(step.hub, step.move);
}

static const char *text_of(const struct phub__request *request)
{
    const struct phub__request_item *item = &request->items[0];

    return item->text != NULL ? item->text : phub_strerror(item->code);
}

static void prepared(void *arg, struct phub__request *request)
{
    struct phub__move *move = step_end(arg);
    int rc = request->items[0].code;

    if (move == NULL || move->aborting ||
        move->phase != PHUB__MOVE_PREPARING)
        return; /* what is waited for now is the end of the abort */
    move->phase = rc == 0 ? PHUB__MOVE_PREPARED : PHUB__MOVE_OPEN;
    move->target_knows = 1;
    complete(move, rc, 0, text_of(request));
}

/* A replica that has its seat at the target has to end first, and may be just
 * beginning: there is time for both. */
int phub__move_prepare(struct phub__hub *hub, uint64_t id, uint32_t flags,
                       uint32_t timeout_ms, uint64_t token)
{
    struct phub__move *move = find(hub, id);
    struct phub__request *request;
    struct phub__row_facts row;
    struct step *step;
    int seated;

    if (move == NULL || move->phase != PHUB__MOVE_OPEN || move->waiting)
        return PHUB_EINVAL;
    phub__row_facts(hub, phub__local_id(move->local), &row);
    seated = phub__replica_has(row.replicas, row.replicas_count,
                               move->target);
    request = ask_target(move, PHUB__OP_PREPARE,
                         (uint64_t)timeout_ms << seated);
    step = step_new(move);
    if (request == NULL || step == NULL) {
        phub__free(step);
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    if (flags & PHUB_MOVE_STANDBY)
        request->items[0].op.flags = PHUB__ITEM_STANDBY;
    request->items[0].op.text = phub__request_copy(
        request, (struct phub_bytes){ (const uint8_t *)move->strategy,
                                       strlen(move->strategy) });
    move->phase = PHUB__MOVE_PREPARING;
    wait_for(move, token);
    phub__request_send(request, prepared, step);
    return 0;
}

/* --- freeze, state, end ---------------------------------------------------- */

static void froze(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct phub__move *move = step_end(arg);

    (void)body;
    if (move == NULL || move->aborting)
        return;
    if (rc == 0)
        move->frozen = 1;
    complete(move, rc, 0, text);
}

int phub__move_freeze(struct phub__hub *hub, uint64_t id, uint32_t timeout_ms,
                      uint64_t token)
{
    struct phub__move *move = find(hub, id);
    struct step *step;

    if (move == NULL || move->phase != PHUB__MOVE_PREPARED || move->waiting ||
        move->frozen || move->ended)
        return PHUB_EINVAL;
    if (move->local->instance == NULL)
        return PHUB_EFAILED;
    step = step_new(move);
    if (step == NULL)
        return PHUB_ENOMEM;
    wait_for(move, token);
    move->may_be_frozen = 1;
    phub__instance_freeze(move->local->instance, timeout_ms, froze, step);
    return 0;
}

static void took(void *arg, int rc, const char *text, struct phub_buf *body)
{
    struct phub__move *move = step_end(arg);

    if (move == NULL || move->aborting)
        return;
    if (rc == 0) {
        phub__buf_unref(&move->state);
        move->state = body != NULL ? phub__buf_ref(body)
                                   : phub__buf_copy("", 0);
        if (move->state == NULL)
            rc = PHUB_ENOMEM;
        else if (move->state->size > PHUB_STATE_SIZE_MAX)
            rc = PHUB_ELIMIT;
    }
    complete(move, rc, move->state != NULL ? move->state->size : 0, text);
}

int phub__move_take_state(struct phub__hub *hub, uint64_t id,
                          uint32_t timeout_ms, uint64_t token)
{
    struct phub__move *move = find(hub, id);
    struct step *step;

    if (move == NULL || move->phase != PHUB__MOVE_PREPARED || move->waiting ||
        move->ended)
        return PHUB_EINVAL;
    if (move->local->instance == NULL)
        return PHUB_EFAILED;
    step = step_new(move);
    if (step == NULL)
        return PHUB_ENOMEM;
    wait_for(move, token);
    phub__instance_take_state(move->local->instance, timeout_ms, took, step);
    return 0;
}

int phub__move_end(struct phub__hub *hub, uint64_t id, uint64_t token)
{
    struct phub__move *move = find(hub, id);

    if (move == NULL || move->phase != PHUB__MOVE_PREPARED || move->waiting)
        return PHUB_EINVAL;
    wait_for(move, token);
    if (move->ended || move->local->instance == NULL) {
        move->ended = 1;
        complete(move, 0, 0, "");
        return 0;
    }
    move->ending = 1;
    phub__hub_cause(hub, phub__local_id(move->local), "stop here: it moves");
    phub__instance_stop(move->local->instance, 0, "it moves");
    return 0;
}

/* The instance is over while its move goes on.  Returns 1 if the move takes
 * care of what follows. */
int phub__move_instance_ended(struct phub__move *move, enum phub__ended why,
                              const char *text)
{
    move->ended = 1;
    if (move->phase == PHUB__MOVE_FINISHING) {
        move_free(move);
        return 1;
    }
    if (move->ending) {
        move->ending = 0;
        if (!move->aborting)
            complete(move, 0, 0, "");
        return 1;
    }
    if (move->aborting || move->phase == PHUB__MOVE_DECIDED)
        return 1;
    if (move->frozen && move->state != NULL && why != PHUB__ENDED_STOPPED)
        return 1; /* what it was is safe with us: go on */
    if (!move->waiting && why == PHUB__ENDED_STOPPED)
        (void)phub__move_abort(move->hub, move->id, text, 0);
    else
        complete(move, PHUB_EFAILED, 0, text);
    return 1;
}

/* --- state ----------------------------------------------------------------- */

static void sent(void *arg, int rc, const char *text)
{
    struct phub__move *move = arg;

    move->stream = NULL;
    if (rc == 0)
        move->phase = PHUB__MOVE_SENT;
    complete(move, rc, 0, text);
}

int phub__move_send_state(struct phub__hub *hub, uint64_t id,
                          uint32_t timeout_ms, uint64_t token)
{
    struct phub__move *move = find(hub, id);
    int rc;

    if (move == NULL || move->phase != PHUB__MOVE_PREPARED || move->waiting)
        return PHUB_EINVAL;
    if (move->state == NULL) {
        move->phase = PHUB__MOVE_SENT;
        wait_for(move, token);
        complete(move, 0, 0, "");
        return 0;
    }
    rc = phub__state_send(hub, move->target, phub__local_id(move->local),
                          move->incarnation, move->base, move->state, NULL,
                          timeout_ms, sent, move, &move->stream);
    if (rc != 0)
        return rc;
    wait_for(move, token);
    return 0;
}

/* --- decide ---------------------------------------------------------------- */

/* A decision that did not go well closes the move; the strategy only hears. */
static void close_failed(void *arg)
{
    struct step step = *(struct step *)arg;

    phub__free(arg);
    if (find(step.hub, step.move) != NULL)
        phub__move_finish(step.hub, step.move);
}

static void decided_over(struct phub__move *move, int rc, const char *text)
{
    struct phub__hub *hub = move->hub;
    struct phub_bytes id = phub__local_id(move->local);
    struct step *closing;

    if (move->over)
        return;
    move->over = 1;
    if (rc == 0) {
        hub->counters.moves_completed++;
        phub__hub_cause(hub, id, "moved: it runs there");
        phub__hub_hook(hub, PHUB_HOOK_migration_completed, move->target, id,
                       0, 1, "");
    } else {
        hub->counters.moves_failed++;
        phub__hub_cause(hub, id, "move failed after its decision: %s", text);
        phub__hub_hook(hub, PHUB_HOOK_migration_failed, move->target, id, rc,
                       1, text);
        closing = step_new(move);
        if (closing != NULL &&
            hub->env->defer(hub->env, close_failed, closing) != 0)
            phub__free(closing);
    }
    complete(move, rc, 0, text);
}

/* What acted here does no more, and will not again. */
static int is_over(const struct phub__move *move)
{
    const struct phub__local *local = move->local;

    return move->ended || move->ending || local->instance == NULL ||
           phub__instance_phase(local->instance) == PHUB__PHASE_STOPPING;
}

/* The child is ours again: the row says so, by a newer epoch. */
static void take_back(struct phub__move *move, struct phub_epoch epoch)
{
    struct phub__local *local = move->local;

    if (is_over(move)) {
        if (move->state != NULL)
            phub__local_keep(local, move->state, move->incarnation);
    } else {
        phub__instance_set_epoch(local->instance, epoch);
        if (move->may_be_frozen)
            phub__instance_thaw(local->instance);
    }
    move->may_be_frozen = 0;
    move->frozen = 0;
    move->returned = 1;
}

/* What the target said when it gave the child back: its answer, or, if the
 * row was faster, what its half of the row says. */
static void why_returned(struct phub__move *move)
{
    struct phub__row_view view;
    struct phub__half_view half;
    int told = 0;

    if (move->why[0] != '\0')
        return;
    told = phub__registry_get(move->hub->registry,
                              phub__local_id(move->local), &view) == 0 &&
           phub__row_half_of(&view, move->target, &half) &&
           phub_epoch_cmp(half.epoch, move->epoch) >= 0 &&
           half.text.size != 0;
    snprintf(move->why, sizeof move->why, "it came back home%s%.*s",
             told ? ": " : "", told ? (int)half.text.size : 0,
             told ? (const char *)half.text.data : "");
}

void phub__move_row_changed(struct phub__move *move)
{
    struct phub__row_facts row;
    struct phub_epoch epoch;
    int64_t pid;

    if (move->over || move->aborting || move->phase > PHUB__MOVE_DECIDED)
        return;
    phub__row_facts(move->hub, phub__local_id(move->local), &row);
    if (!row.live || phub_epoch_cmp(row.incarnation, move->incarnation) != 0) {
        if (move->phase == PHUB__MOVE_DECIDED)
            decided_over(move, PHUB_ESTOPPED, "stopped meanwhile");
        else /* whoever stops it waits for what the target holds */
            complete(move, PHUB_ESTOPPED, 0, "stopped meanwhile");
        return;
    }
    if (move->phase != PHUB__MOVE_DECIDED)
        return;
    if (phub_epoch_cmp(row.home_epoch, move->epoch) > 0) {
        if (row.home == move->hub->node) {
            take_back(move, row.home_epoch);
            why_returned(move);
            decided_over(move, PHUB_EREFUSED, move->why);
        } else {
            decided_over(move, row.home == move->target ? 0 : PHUB_EMOVED,
                         "its home moved on");
        }
        return;
    }
    if (phub__row_state_on(move->hub, phub__local_id(move->local),
                           move->target, &epoch, &pid) ==
            PHUB_INSTANCE_RUNNING &&
        phub_epoch_cmp(epoch, move->epoch) >= 0)
        decided_over(move, 0, "");
}

static void ask_go(struct phub__move *move);

static void went(void *arg, struct phub__request *request)
{
    struct phub__move *move = step_end(arg);
    int rc = request->items[0].code;

    if (move == NULL || move->over)
        return;
    if (rc == 0) {
        decided_over(move, 0, "");
        return;
    }
    snprintf(move->why, sizeof move->why, "%s", text_of(request));
    phub__hub_cause(move->hub, phub__local_id(move->local),
                    "the target says: %s", move->why);
    /* A refusal has written the home back; anything else waits for the row. */
    phub__move_row_changed(move);
    if (!move->over && (rc == PHUB_ETIMEDOUT || rc == PHUB_EBUSY))
        ask_go(move);
}

static void ask_go(struct phub__move *move)
{
    struct phub__request *request =
        ask_target(move, PHUB__OP_GO, GO_TIMEOUT_MS);
    struct step *step = step_new(move);

    if (request == NULL || step == NULL) {
        phub__free(step);
        phub__request_drop(request);
        return; /* the row travels by itself; reconcile there does it */
    }
    request->items[0].op.epoch = move->epoch;
    if (move->state != NULL)
        request->items[0].op.flags = PHUB__ITEM_STATE;
    phub__request_send(request, went, step);
}

static int decide(struct phub__hub *hub, uint64_t id, uint64_t token)
{
    struct phub__move *move = find(hub, id);
    const struct phub_view_node *node;
    struct phub__row_facts row;
    int rc;

    if (move == NULL || move->waiting)
        return PHUB_EINVAL;
    if (move->phase != PHUB__MOVE_SENT &&
        (move->phase != PHUB__MOVE_PREPARED || move->state != NULL))
        return PHUB_EINVAL; /* a state that was taken must be there first */
    if (!move->frozen && !move->ended)
        return PHUB_EINVAL; /* it acts here: never two */
    phub__row_facts(hub, phub__local_id(move->local), &row);
    if (!row.live || phub_epoch_cmp(row.incarnation, move->incarnation) != 0)
        return PHUB_ESTOPPED;
    if (phub_epoch_cmp(row.home_epoch, move->base) != 0)
        return PHUB_EMOVED;
    node = phub__view_find(phub__hub_view(hub), move->target);
    if (node == NULL || node->boot != move->target_boot)
        return PHUB_ENODEDOWN; /* one that restarted holds nothing any more */
    if (!phub__hub_in_charge(hub))
        return phub__hub_why_not(hub);
    move->epoch = phub__hub_epoch(hub);
    move->phase = PHUB__MOVE_DECIDED;
    wait_for(move, token);
    rc = phub__row_home(hub, phub__local_id(move->local), move->incarnation,
                        move->target, move->epoch);
    if (rc != 0) {
        move->phase = PHUB__MOVE_SENT;
        move->waiting = 0;
        move->token = 0;
        return rc;
    }
    phub__departed_add(hub, phub__local_id(move->local), move->incarnation,
                       move->target);
    ask_go(move);
    return 0;
}

/* Refused at once is not decided: the move closes itself all the same. */
int phub__move_decide(struct phub__hub *hub, uint64_t id, uint64_t token)
{
    int rc = decide(hub, id, token);

    if (rc != 0)
        (void)phub__move_abort(hub, id, phub_strerror(rc), 0);
    return rc;
}

/* --- abort and finish ------------------------------------------------------ */

/* The target has dropped what it held, or cannot use it any more. */
static void go_on_here(struct phub__move *move)
{
    struct phub__hub *hub = move->hub;
    struct phub__local *local = move->local;
    struct phub_epoch epoch = phub__hub_epoch(hub);
    struct phub__row_facts row;
    char copy[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__local_id(local);

    memcpy(copy, id.data, id.size);
    id.data = (const uint8_t *)copy;
    phub__row_facts(hub, id, &row);
    if (row.live && row.home == hub->node &&
        phub_epoch_cmp(row.home_epoch, move->base) == 0) {
        /* A new epoch first: from now on no copy of the old one counts.  A
         * node that may decide nothing now does so when it may again. */
        if (phub__hub_in_charge(hub)) {
            (void)phub__row_home(hub, id, move->incarnation, hub->node,
                                 epoch);
            take_back(move, epoch);
        } else {
            local->unfenced = move->base;
            if (is_over(move))
                take_back(move, epoch); /* keeps the state, no more */
            else if (move->may_be_frozen)
                phub__instance_unsettle(local->instance);
        }
    }
    hub->counters.moves_failed++;
    phub__hub_hook(hub, PHUB_HOOK_migration_failed, move->target, id,
                   PHUB_ECANCELLED, 1, move->why);
    complete(move, 0, 0, move->why);
    move_free(move);
    phub__reconcile(hub, id);
}

/* Also when it did not answer: the epoch fences it.  But a stop is not done
 * before that one has been asked, too. */
static void discarded(void *arg, struct phub__request *request)
{
    struct phub__move *move = step_end(arg);

    if (move == NULL)
        return;
    if (request->items[0].code != 0)
        phub__departed_add(move->hub, phub__local_id(move->local),
                           move->incarnation, move->target);
    go_on_here(move);
}

int phub__move_abort(struct phub__hub *hub, uint64_t id, const char *why,
                     uint64_t token)
{
    struct phub__move *move = find(hub, id);
    struct phub__request *request = NULL;
    struct step *step;

    if (move == NULL || move->aborting || move->phase >= PHUB__MOVE_DECIDED)
        return PHUB_EINVAL;
    move->aborting = 1;
    move->waiting = 0;
    phub__state_cancel(&move->stream);
    snprintf(move->why, sizeof move->why, "%s", why);
    phub__hub_cause(hub, phub__local_id(move->local), "move given up: %s",
                    why);
    wait_for(move, token);
    step = step_new(move);
    if (move->phase != PHUB__MOVE_OPEN || move->target_knows)
        request = ask_target(move, PHUB__OP_DISCARD, DISCARD_TIMEOUT_MS);
    if (request != NULL && step != NULL) {
        phub__request_send(request, discarded, step);
        return 0;
    }
    phub__free(step);
    go_on_here(move);
    return 0;
}

void phub__move_finish(struct phub__hub *hub, uint64_t id)
{
    struct phub__move *move = find(hub, id);
    struct phub__local *local;
    char copy[PHUB_CHILD_ID_MAX];
    struct phub_bytes child;
    uint64_t home;

    if (move == NULL || move->phase != PHUB__MOVE_DECIDED)
        return;
    local = move->local;
    child = phub__local_id(local);
    memcpy(copy, child.data, child.size);
    child.data = (const uint8_t *)copy;
    home = phub__hub_home(hub, child);
    phub__mail_moved(hub, local, move->returned ? hub->node
                     : home != 0 ? home : move->target);
    if (!move->returned && local->instance != NULL) {
        move->phase = PHUB__MOVE_FINISHING;
        phub__hub_cause(hub, phub__local_id(local),
                        "stop here: it runs elsewhere now");
        phub__instance_stop(local->instance, 0, "it runs elsewhere now");
        return; /* freed when it is gone */
    }
    move_free(move);
    phub__reconcile(hub, child);
}

/* The instance here is the move's business, not the row's. */
int phub__move_holding(const struct phub__move *move)
{
    return move->phase >= PHUB__MOVE_DECIDED && !move->returned;
}
