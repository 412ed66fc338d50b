/* SPDX-License-Identifier: MIT */
/* steps: what a move asks of the host, one function per step.
 *
 * Each sets the step, takes a token and sends the request.  A request that is
 * refused at once is a step that has ended badly, no more. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

/* Begin a step that may take timeout_ms (0: no limit of its own). */
static uint64_t step_begin(struct phub_swap *swap,
                           struct phub_swap_move *move, uint32_t step,
                           uint64_t timeout_ms)
{
    phub__swap_step_set(swap, move, step);
    phub__swap_due(swap, move, timeout_ms == 0 ? NEVER
        : phub__swap_after(swap, timeout_ms + WATCHDOG_MS));
    return phub__swap_token(swap, move);
}

static void step_sent(struct phub_swap *swap, struct phub_swap_move *move,
                      int rc)
{
    if (rc != 0)
        phub__swap_ended(swap, move, rc, NULL);
}

/* From here on the child serves nobody: not for longer than state_ttl_ms. */
static void stands_still(struct phub_swap *swap, struct phub_swap_move *move)
{
    if (move->still_ns == NEVER)
        move->still_ns = phub__swap_after(swap, swap->options.state_ttl_ms);
}

/* --- consent ------------------------------------------------------------- */

static void consent_ask(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_bytes child = phub__swap_child(move);
    uint32_t timeout_ms = swap->options.consent_timeout_ms;
    uint64_t token = step_begin(swap, move, PHUB_SWAP_CONSENT, timeout_ms);

    step_sent(swap, move, swap->host->child_consent(swap->ctx, &child,
                                                    timeout_ms, token));
}

/* --- prepare ------------------------------------------------------------- */

static void info_fill(const struct phub_swap_move *move, uint32_t step,
                      int32_t rc, struct phub_swap_info *info)
{
    memset(info, 0, sizeof *info);
    info->size = sizeof *info;
    info->step = step;
    info->child = phub__swap_child(move);
    info->target = move->targets[move->attempt];
    info->flags = move->flags;
    info->cause = move->cause;
    info->attempt = move->attempt;
    info->rc = rc;
    info->state_size = move->state_size;
}

/* What the child can do is asked for anew each time: it may have restarted
 * with another spec while it waited. */
static int abilities_read(struct phub_swap *swap, struct phub_swap_move *move)
{
    struct phub_child_info info = { .size = sizeof info };
    struct phub_bytes child = phub__swap_child(move);
    int rc = swap->host->child_info(swap->ctx, &child, &info);

    if (rc != 0)
        return rc;
    move->flags = 0;
    if ((info.flags & PHUB_CHILD_CAN_FREEZE) != 0)
        move->flags |= PHUB_SWAP_CAN_FREEZE;
    if ((info.flags & PHUB_CHILD_CAN_STATE) != 0)
        move->flags |= PHUB_SWAP_CAN_STATE;
    if (swap->options.handover)
        move->flags |= PHUB_SWAP_HANDOVER;
    return 0;
}

static void prepare_send(struct phub_swap *swap, struct phub_swap_move *move)
{
    uint32_t timeout_ms = swap->options.prepare_timeout_ms, step;
    struct phub_bytes child = phub__swap_child(move);
    uint64_t target = move->targets[move->attempt], token;
    struct phub_swap_info info;
    int rc;

    rc = abilities_read(swap, move);
    if (rc == 0 &&
        !swap->host->view_has(swap->host->view(swap->ctx), target))
        rc = PHUB_ENODEDOWN;
    if (rc != 0) {
        phub__swap_fail(swap, move, rc, phub__swap_why(rc), false);
        return;
    }
    info_fill(move, PHUB_SWAP_QUEUED, 0, &info);
    info.move = move;
    step = swap->options.next(swap->options.arg, &info);
    if (step != PHUB_SWAP_PREPARE && step != PHUB_SWAP_STANDBY) {
        phub__swap_fail(swap, move, PHUB_EINVAL,
                        "the strategy did not begin with prepare", true);
        return;
    }
    rc = swap->host->move_open(swap->ctx, &child, target, move->cause,
                               &move->move);
    if (rc != 0) {
        move->move = 0;
        phub__swap_fail(swap, move, rc, phub__swap_why(rc), false);
        return;
    }
    /* The host gives as long again where a replica has to end first. */
    token = step_begin(swap, move, step, (uint64_t)timeout_ms * 2);
    step_sent(swap, move, swap->host->move_prepare(
        swap->ctx, move->move,
        step == PHUB_SWAP_STANDBY ? PHUB_MOVE_STANDBY : 0, timeout_ms,
        token));
}

void phub_swap_send_start_requests(struct phub_swap *swap,
                                   struct phub_swap_move **moves,
                                   uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        if (moves[i]->ask)
            consent_ask(swap, moves[i]);
        else
            prepare_send(swap, moves[i]);
    }
}

/* --- state --------------------------------------------------------------- */

void phub_swap_collect_states(struct phub_swap *swap,
                              struct phub_swap_move *move, uint32_t step)
{
    uint32_t timeout_ms = swap->options.state_query_timeout_ms;
    uint64_t token;
    int rc;

    if (step == PHUB_SWAP_FREEZE)
        stands_still(swap, move);
    token = step_begin(swap, move, step, timeout_ms);
    if (step == PHUB_SWAP_FREEZE)
        rc = swap->host->move_freeze(swap->ctx, move->move, timeout_ms,
                                     token);
    else
        rc = swap->host->move_take_state(swap->ctx, move->move, timeout_ms,
                                         token);
    step_sent(swap, move, rc);
}

/* A child may take as long to end as its spec allows: the host bounds that. */
static void end_here(struct phub_swap *swap, struct phub_swap_move *move)
{
    uint64_t token;

    stands_still(swap, move);
    token = step_begin(swap, move, PHUB_SWAP_END, 0);
    step_sent(swap, move,
              swap->host->move_end(swap->ctx, move->move, token));
}

void phub_swap_handle_storage_update(struct phub_swap *swap,
                                     struct phub_swap_move *move)
{
    uint32_t timeout_ms = swap->options.state_ttl_ms;
    uint64_t token = step_begin(swap, move, PHUB_SWAP_STORE, timeout_ms);

    step_sent(swap, move, swap->host->move_send_state(swap->ctx, move->move,
                                                      timeout_ms, token));
}

/* --- decide -------------------------------------------------------------- */

void phub_swap_handle_process_startups(struct phub_swap *swap,
                                       struct phub_swap_move *move)
{
    uint64_t token = step_begin(swap, move, PHUB_SWAP_DECIDE, 0);
    int rc = swap->host->move_decide(swap->ctx, move->move, token);

    if (rc == 0)
        return;
    /* Not decided: this may still be taken back. */
    phub__swap_step_set(swap, move, PHUB_SWAP_STORE);
    phub__swap_fail(swap, move, rc, phub__swap_why(rc), false);
}

/* --- the next one -------------------------------------------------------- */

/* Nothing is decided while the child here still answers, whatever order a
 * strategy thinks of. */
static bool step_allowed(const struct phub_swap_move *move, uint32_t step)
{
    if (step == PHUB_SWAP_STORE || step == PHUB_SWAP_DECIDE)
        return (move->flags & (PHUB_SWAP_FROZEN | PHUB_SWAP_ENDED)) != 0;
    if (step == PHUB_SWAP_FREEZE || step == PHUB_SWAP_TAKE)
        return (move->flags & PHUB_SWAP_ENDED) == 0;
    return step == PHUB_SWAP_END || step == PHUB_SWAP_HOLD;
}

void phub__swap_next(struct phub_swap *swap, struct phub_swap_move *move,
                     uint32_t ended, int32_t rc)
{
    struct phub_swap_info info;
    uint32_t step;

    info_fill(move, ended, rc, &info);
    info.move = move;
    step = swap->options.next(swap->options.arg, &info);
    /* What was taken, or that there is nothing, comes before the decision. */
    if (step == PHUB_SWAP_DECIDE && (move->flags & PHUB_SWAP_STORED) == 0)
        step = PHUB_SWAP_STORE;
    if (!step_allowed(move, step)) {
        phub__swap_fail(swap, move, PHUB_EINVAL,
                        "the strategy asked for a step out of order", true);
        return;
    }
    switch (step) {
    case PHUB_SWAP_FREEZE:
    case PHUB_SWAP_TAKE:
        phub_swap_collect_states(swap, move, step);
        break;
    case PHUB_SWAP_END:
        end_here(swap, move);
        break;
    case PHUB_SWAP_STORE:
        phub_swap_handle_storage_update(swap, move);
        break;
    case PHUB_SWAP_DECIDE:
        phub_swap_handle_process_startups(swap, move);
        break;
    default:
        phub__swap_step_set(swap, move, PHUB_SWAP_HOLD);
        phub__swap_due(swap, move, NEVER);
        break;
    }
}
