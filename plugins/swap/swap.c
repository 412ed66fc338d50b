/* SPDX-License-Identifier: MIT */
/* swap: the state machine of a move.
 *
 *   QUEUED -> [CONSENT <-> DEFERRED] -> QUEUED -> PREPARE | STANDBY
 *     -> the strategy's order of FREEZE, TAKE, END, STORE, HOLD
 *     -> DECIDE -> reported
 *
 * Anything that goes wrong before DECIDE leads to ABORT, if a move is open at
 * the host, and from there to the same target again (it was busy), to the next
 * target, or to the report.  DECIDE ends by its answer alone; if that says the
 * child is back home, the next target follows as after ABORT. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define PUMP_MOVES 64u

/* --- words --------------------------------------------------------------- */

const char *phub__swap_why(int rc)
{
    switch (rc) {
#define ERROR_TEXT(name, number, text) case -(number): return text;
        PHUB_ERRORS(ERROR_TEXT)
#undef ERROR_TEXT
    default:
        return "unknown error";
    }
}

void phub__swap_note(struct phub_swap *swap,
                     const struct phub_swap_move *move, const char *text)
{
    struct phub_bytes child = phub__swap_child(move);

    if (PHUB_HAS(swap->host, cause_note))
        swap->host->cause_note(swap->ctx, &child, text);
}

/* Why a request failed: in the host's words, if it has any. */
static const char *why_of(struct phub_swap_move *move, int rc,
                          const struct phub_result *result)
{
    size_t size = result != NULL ? result->text.size : 0;
    char *said;

    if (size == 0)
        return phub__swap_why(rc);
    if (size >= TEXT_MAX)
        size = TEXT_MAX - 1;
    said = malloc(size + 1);
    if (said == NULL)
        return phub__swap_why(rc);
    memcpy(said, result->text.data, size);
    said[size] = '\0';
    free(move->said);
    move->said = said;
    return said;
}

void phub__swap_counter_add(struct phub_swap *swap, const char *name,
                            uint64_t n)
{
    if (PHUB_HAS(swap->host, counter_add) && n > 0)
        swap->host->counter_add(swap->ctx, name, n);
}

void phub__swap_log(struct phub_swap *swap, uint32_t level, const char *text)
{
    if (PHUB_HAS(swap->host, log))
        swap->host->log(swap->ctx, level, text);
}

void phub__swap_node_name(struct phub_swap *swap, uint64_t id, char *name,
                          size_t name_max)
{
    const struct phub_view *view = swap->host->view(swap->ctx);
    uint32_t low = 0, high = swap->host->view_count(view);

    (void)snprintf(name, name_max, "node %016llx", (unsigned long long)id);
    while (low < high) {
        struct phub_view_node node = { .size = sizeof node };
        uint32_t middle = low + (high - low) / 2;

        if (swap->host->view_node(view, middle, &node) != 0)
            return;
        if (node.id == id) {
            (void)snprintf(name, name_max, "%.*s", (int)node.name.size,
                           (const char *)node.name.data);
            return;
        }
        if (node.id < id)
            low = middle + 1;
        else
            high = middle;
    }
}

bool phub__swap_waits(const struct phub_swap_move *move)
{
    return move->ask && move->move == 0;
}

/* --- the end of a move --------------------------------------------------- */

void phub_swap_dispatch_migration_hook(struct phub_swap *swap, uint32_t moved,
                                       uint32_t failed)
{
    char text[96];

    if (moved + failed == 0)
        return;
    phub__swap_counter_add(swap, "moves_done", moved);
    phub__swap_counter_add(swap, "moves_failed", failed);
    (void)snprintf(text, sizeof text, "migration completed moved=%u stayed=%u",
                   moved, failed);
    phub__swap_log(swap, failed > 0 ? 2 : 3, text);
}

static void batch_count(struct phub_swap *swap, struct phub_swap_batch *batch,
                        int rc)
{
    if (rc == 0)
        batch->moved++;
    else
        batch->failed++;
    if (--batch->left > 0)
        return;
    phub_swap_dispatch_migration_hook(swap, batch->moved, batch->failed);
    free(batch);
}

void phub_swap_notify_originating_node(struct phub_swap *swap,
                                       struct phub_swap_move *move, int rc,
                                       const char *text)
{
    struct phub_bytes child = phub__swap_child(move);
    struct phub_swap_batch *batch = move->batch;
    char copy[PHUB_CHILD_ID_MAX];

    memcpy(copy, child.data, child.size);
    child.data = (const uint8_t *)copy;
    swap->host->move_report(swap->ctx, &child, rc, text);
    phub__swap_move_drop(swap, move);
    batch_count(swap, batch, rc);
    if (rc != 0 && swap->leaving && swap->options.handover)
        phub__swap_send_ahead(swap, &child); /* it did not take it along */
}

static void move_done(struct phub_swap *swap, struct phub_swap_move *move)
{
    char name[PHUB_NODE_NAME_MAX + 1], text[TEXT_MAX];

    phub__swap_node_name(swap, move->targets[move->attempt], name,
                         sizeof name);
    (void)snprintf(text, sizeof text, "moved to %s", name);
    phub_swap_notify_originating_node(swap, move, 0, text);
}

/* --- failure ------------------------------------------------------------- */

/* Codes that no other target can mend. */
static bool rc_final(int rc)
{
    return rc == PHUB_ENOTFOUND || rc == PHUB_ESTOPPED || rc == PHUB_EMOVED ||
           rc == PHUB_EFAILED || rc == PHUB_EEXIST ||
           rc == PHUB_ECANCELLED ||
           rc == PHUB_EINVAL || rc == PHUB_ESHUTDOWN ||
           rc == PHUB_EPARTITIONED;
}

static void failure_add(struct phub_swap *swap, struct phub_swap_move *move,
                        const char *why)
{
    char name[PHUB_NODE_NAME_MAX + 1];
    size_t used;

    if (move->text == NULL)
        move->text = calloc(1, TEXT_MAX);
    if (move->text == NULL)
        return;
    used = strlen(move->text);
    phub__swap_node_name(swap, move->targets[move->attempt], name,
                         sizeof name);
    (void)snprintf(move->text + used, TEXT_MAX - used, "%s%s: %s",
                   used > 0 ? "; " : "", name, why);
}

static const char *failure_text(const struct phub_swap_move *move)
{
    return move->text != NULL ? move->text : move->why;
}

static void requeue(struct phub_swap *swap, struct phub_swap_move *move)
{
    if (phub_swap_group_children_by_node(swap, move) != 0)
        phub_swap_notify_originating_node(swap, move, PHUB_ENOMEM,
                                          "out of memory");
}

/* Nothing is open at the host any more: again, elsewhere, or stay. */
static void attempt_over(struct phub_swap *swap, struct phub_swap_move *move)
{
    int rc = move->failed_rc;

    move->move = 0;
    move->flags = 0;
    move->state_size = 0;
    move->still_ns = NEVER;
    phub__swap_unqueue(swap, move);
    phub__swap_under_way(swap, move, false);
    if ((rc == PHUB_EBUSY || rc == PHUB_EAGAIN) && !move->last &&
        move->busy < PHUB_SWAP_BUSY_MAX) {
        uint64_t pause_ms = (uint64_t)BUSY_FIRST_MS << move->busy++;

        phub__swap_step_set(swap, move, PHUB_SWAP_BUSY);
        phub__swap_due(swap, move, phub__swap_after(
            swap, pause_ms < BUSY_LAST_MS ? pause_ms : BUSY_LAST_MS));
        return;
    }
    failure_add(swap, move, move->why);
    if (move->last || rc_final(rc) ||
        move->attempt + 1 >= move->targets_count) {
        phub_swap_notify_originating_node(swap, move, rc, failure_text(move));
        return;
    }
    phub__swap_note(swap, move, failure_text(move));
    move->attempt++;
    move->busy = 0;
    requeue(swap, move);
}

void phub__swap_fail(struct phub_swap *swap, struct phub_swap_move *move,
                     int rc, const char *why, bool last)
{
    uint64_t token;

    if (move->step == PHUB_SWAP_DECIDE)
        return;
    if (move->step == PHUB_SWAP_ABORT) {
        move->last = move->last || last;
        return;
    }
    move->failed_rc = rc;
    move->last = last;
    move->why = why;
    if (move->move == 0) {
        move->token = 0;
        attempt_over(swap, move);
        return;
    }
    phub__swap_step_set(swap, move, PHUB_SWAP_ABORT);
    phub__swap_due(swap, move, NEVER);
    token = phub__swap_token(swap, move);
    if (swap->host->move_abort(swap->ctx, move->move, why, token) != 0) {
        move->token = 0;
        attempt_over(swap, move);
    }
}

/* --- a step has ended ---------------------------------------------------- */

/* While it was put off, nodes came and went: the move is now to where its child
 * belongs by now.  PHUB_ECANCELLED: that is here; PHUB_EAGAIN: nobody knows. */
static int retarget(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_child_info info = { .size = sizeof info };
    struct phub_bytes child = phub__swap_child(move);
    uint64_t nodes[OWNERS_MAX];
    uint32_t count = 0, owners = 1, i;
    int rc;

    if (move->put_off == 0 || move->cause != PHUB_CAUSE_NODE_JOINED ||
        !PHUB_HAS(swap->host, assign_for))
        return 0;
    if (swap->host->child_info(swap->ctx, &child, &info) == 0 &&
        info.instances_count > 1)
        owners = info.instances_count < OWNERS_MAX ? info.instances_count
                                                   : OWNERS_MAX;
    rc = swap->host->assign_for(swap->ctx, &child, move->cause, nodes, owners,
                                &count);
    if (rc == PHUB_EAGAIN)
        return rc;
    if (rc != 0 || count == 0)
        return 0;
    for (i = 0; i < count; i++)
        if (nodes[i] == swap->host->self(swap->ctx))
            return PHUB_ECANCELLED;
    for (i = 0; i < count; i++)
        if (nodes[i] == move->targets[move->attempt])
            return 0;
    move->targets[0] = nodes[0];
    move->targets_count = 1;
    move->attempt = 0;
    return 0;
}

/* The child agrees, or is not asked any more. */
static void consented(struct phub_swap *swap, struct phub_swap_move *move)
{
    int rc = retarget(swap, move);

    move->ask = false;
    if (rc == 0) {
        requeue(swap, move);
    } else if (rc == PHUB_EAGAIN) {
        phub__swap_step_set(swap, move, PHUB_SWAP_DEFERRED);
        phub__swap_due(swap, move, phub__swap_after(swap, BUSY_LAST_MS));
    } else {
        phub__swap_fail(swap, move, rc, "it belongs here by now", true);
    }
}

static void consent_ended(struct phub_swap *swap, struct phub_swap_move *move,
                          int rc)
{
    if (rc_final(rc)) {
        phub__swap_fail(swap, move, rc, phub__swap_why(rc), true);
        return;
    }
    if (rc != 0 && rc != PHUB_EUNSUPPORTED && !move->agreed) {
        if (phub__swap_now(swap) < move->force_ns) {  /* "no", or silence */
            uint64_t due = phub__swap_after(swap,
                                            swap->options.consent_retry_ms);

            phub__swap_step_set(swap, move, PHUB_SWAP_DEFERRED);
            phub__swap_due(swap, move,
                           due < move->force_ns ? due : move->force_ns);
            phub__swap_note(swap, move, rc == PHUB_EBUSY
                ? "move deferred: the child is not ready"
                : "move deferred: the child does not answer");
            move->put_off++;
            return;
        }
        phub__swap_note(swap, move, "moved without consent: put off too long");
        phub__swap_counter_add(swap, "moves_forced", 1);
    }
    consented(swap, move);
}

static void deferred_ended(struct phub_swap *swap,
                           struct phub_swap_move *move)
{
    if (!move->ask) {
        consented(swap, move);
        return;
    }
    if (phub__swap_now(swap) >= move->force_ns) {
        phub__swap_note(swap, move, "moved without consent: put off too long");
        phub__swap_counter_add(swap, "moves_forced", 1);
        consented(swap, move);
        return;
    }
    requeue(swap, move);
}

/* The event migration_agreed.  Its answer may still be on its way to us. */
void phub__swap_agreed(void *self, uint64_t token,
                       const struct phub_event *event)
{
    struct phub_swap *swap = (struct phub_swap *)(uintptr_t)token;
    struct phub_swap_move *move = phub__swap_find(swap, &event->child);

    (void)self;
    if (move == NULL || !move->ask)
        return;
    if (move->step == PHUB_SWAP_DEFERRED)
        consented(swap, move);
    else
        move->agreed = true;
    phub__swap_pump(swap);
}

/* Freeze and take: what a child cannot do changes the order, what it does not
 * answer ends the move; another target would not help. */
static void state_ended(struct phub_swap *swap, struct phub_swap_move *move,
                        int rc, const struct phub_result *result)
{
    uint32_t step = move->step;

    if (rc != 0 && rc != PHUB_EUNSUPPORTED) {
        phub__swap_fail(swap, move, rc, step == PHUB_SWAP_FREEZE
            ? "the child did not freeze" : "the child did not give its state",
            rc != PHUB_ENODEDOWN);
        return;
    }
    if (step == PHUB_SWAP_FREEZE && rc == 0)
        move->flags |= PHUB_SWAP_FROZEN;
    else if (step == PHUB_SWAP_FREEZE) {
        move->flags &= ~PHUB_SWAP_CAN_FREEZE;
        phub__swap_note(swap, move,
                        "cannot freeze: ended here before it starts there");
        phub__swap_log(swap, 3, "a child cannot freeze: moved in ColdSwap order");
    } else if (rc == 0) {
        move->flags |= PHUB_SWAP_TAKEN;
        move->state_size = result != NULL ? result->value : 0;
    } else {
        move->flags &= ~PHUB_SWAP_CAN_STATE;
        phub__swap_note(swap, move, "has no state to take along");
    }
    phub__swap_next(swap, move, step, rc);
}

static void decide_ended(struct phub_swap *swap, struct phub_swap_move *move,
                         int rc, const struct phub_result *result)
{
    swap->host->move_finish(swap->ctx, move->move);
    if (rc == 0 || rc == PHUB_EEXIST) {  /* that it runs there is all we want */
        move_done(swap, move);
        return;
    }
    move->failed_rc = rc;
    move->last = false;
    move->why = why_of(move, rc, result);
    attempt_over(swap, move);
}

void phub__swap_ended(struct phub_swap *swap, struct phub_swap_move *move,
                      int rc, const struct phub_result *result)
{
    uint32_t step = move->step;

    move->token = 0;
    switch ((enum phub_swap_step)step) {
    case PHUB_SWAP_CONSENT:
        consent_ended(swap, move, rc);
        return;
    case PHUB_SWAP_DEFERRED:
        deferred_ended(swap, move);
        return;
    case PHUB_SWAP_BUSY:
        requeue(swap, move);
        return;
    case PHUB_SWAP_FREEZE:
    case PHUB_SWAP_TAKE:
        state_ended(swap, move, rc, result);
        return;
    case PHUB_SWAP_DECIDE:
        decide_ended(swap, move, rc, result);
        return;
    case PHUB_SWAP_ABORT:
        attempt_over(swap, move);
        return;
    case PHUB_SWAP_PREPARE:
    case PHUB_SWAP_STANDBY:
        break;
    case PHUB_SWAP_END:
        if (rc == 0)
            move->flags |= PHUB_SWAP_ENDED;
        break;
    case PHUB_SWAP_STORE:
        if (rc == 0)
            move->flags |= PHUB_SWAP_STORED;
        break;
    case PHUB_SWAP_QUEUED:
    case PHUB_SWAP_HOLD:
        return;
    }
    if (rc != 0)
        phub__swap_fail(swap, move, rc, why_of(move, rc, result), false);
    else
        phub__swap_next(swap, move, step, 0);
}

/* --- time ---------------------------------------------------------------- */

static void due_fired(struct phub_swap *swap, struct phub_swap_move *move,
                      uint64_t now_ns)
{
    if (now_ns >= move->deadline_ns) {
        phub__swap_fail(swap, move, PHUB_ETIMEDOUT,
                        "the deadline of the move has passed", true);
        return;
    }
    if (now_ns >= move->still_ns) {
        phub__swap_fail(swap, move, PHUB_ETIMEDOUT,
                        "the child has stood still for state_ttl_ms", false);
        return;
    }
    if (move->step == PHUB_SWAP_DEFERRED || move->step == PHUB_SWAP_BUSY) {
        phub__swap_due_drop(swap, move);
        phub__swap_ended(swap, move, 0, NULL);
        return;
    }
    phub__swap_due_drop(swap, move);
    phub__swap_ended(swap, move, PHUB_ETIMEDOUT, NULL);
}

void phub__swap_pump(struct phub_swap *swap)
{
    struct phub_swap_move *moves[PUMP_MOVES];
    uint32_t count;

    do {
        count = phub_swap_create_migration_requests(swap, moves, PUMP_MOVES);
        phub_swap_send_start_requests(swap, moves, count);
    } while (count > 0);
    phub__swap_arm(swap);
}

int phub_swap_completed(struct phub_swap *swap, uint64_t token, int32_t rc,
                        const struct phub_result *result)
{
    struct phub_swap_move *move;
    uint64_t now_ns;

    if ((token & TOKEN_OURS) == 0)
        return 0;
    if ((uint32_t)token == TOKEN_TIMER_SLOT) {
        if (token != swap->timer_token)
            return 1;   /* had fired before it was cancelled */
        swap->timer_ns = NEVER;
        now_ns = phub__swap_now(swap);
        while ((move = phub__swap_due_first(swap, now_ns)) != NULL)
            due_fired(swap, move, now_ns);
    } else if ((uint32_t)token == TOKEN_AHEAD_SLOT)
        phub__swap_ahead_ended(swap, rc);
    else if ((move = phub__swap_by_token(swap, token)) != NULL)
        phub__swap_ended(swap, move, rc, result);
    else
        phub__swap_counter_add(swap, "moves_late_answers", 1);
    phub__swap_pump(swap);
    return 1;
}
