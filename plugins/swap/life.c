/* SPDX-License-Identifier: MIT */
/* life: making and ending a swap, and what reaches it from outside: batches,
 * cancels, views, the end of the node. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

#define PAGE 16u   /* children read at a time when the node leaves */

/* --- options ------------------------------------------------------------- */

int phub_swap_options_read(struct phub_ctx *ctx, const struct phub_host *host,
                           struct phub_swap_options *options)
{
    struct {
        const char *name;
        uint32_t *value;
    } rows[] = {
        { "handover", &options->handover },
        { "moves_parallel", &options->moves_parallel },
        { "prepare_timeout_ms", &options->prepare_timeout_ms },
        { "state_query_timeout_ms", &options->state_query_timeout_ms },
        { "state_ttl_ms", &options->state_ttl_ms },
        { "consent_timeout_ms", &options->consent_timeout_ms },
        { "consent_retry_ms", &options->consent_retry_ms },
        { "consent_max_defer_ms", &options->consent_max_defer_ms },
    };
    uint64_t value;
    size_t i;

    if (PHUB_NEED(host, ctx, fail) || PHUB_NEED(host, ctx, param_uint))
        return PHUB_EUNSUPPORTED;
    options->size = sizeof *options;
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (host->param_uint(ctx, rows[i].name, &value) != 0 ||
            value > UINT32_MAX)
            return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
        *rows[i].value = (uint32_t)value;
    }
    return 0;
}

int phub_swap_new(struct phub_ctx *ctx, const struct phub_host *host,
                  const struct phub_swap_options *options,
                  struct phub_swap **swap)
{
    struct phub_swap *made;

    if (PHUB_NEED(host, ctx, fail) || PHUB_NEED(host, ctx, now_ns) ||
        PHUB_NEED(host, ctx, timer) || PHUB_NEED(host, ctx, timer_cancel) ||
        PHUB_NEED(host, ctx, self) || PHUB_NEED(host, ctx, view) ||
        PHUB_NEED(host, ctx, view_count) ||
        PHUB_NEED(host, ctx, view_node) || PHUB_NEED(host, ctx, view_has) ||
        PHUB_NEED(host, ctx, child_info) ||
        PHUB_NEED(host, ctx, child_consent) ||
        PHUB_NEED(host, ctx, move_open) ||
        PHUB_NEED(host, ctx, move_prepare) ||
        PHUB_NEED(host, ctx, move_freeze) ||
        PHUB_NEED(host, ctx, move_take_state) ||
        PHUB_NEED(host, ctx, move_end) ||
        PHUB_NEED(host, ctx, move_send_state) ||
        PHUB_NEED(host, ctx, move_decide) ||
        PHUB_NEED(host, ctx, move_abort) ||
        PHUB_NEED(host, ctx, move_finish) ||
        PHUB_NEED(host, ctx, move_report))
        return PHUB_EUNSUPPORTED;
    if (options->size < sizeof *options || options->next == NULL ||
        options->moves_parallel == 0)
        return host->fail(ctx, PHUB_EINVAL, "swap: options are incomplete");
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return host->fail(ctx, PHUB_ENOMEM, "out of memory");
    made->ctx = ctx;
    made->host = host;
    made->options = *options;
    made->timer_ns = NEVER;
    /* Without it a child that was put off is only asked again. */
    if (PHUB_HAS(host, hook_add) &&
        host->hook_add(ctx, "migration_agreed", 0, phub__swap_agreed,
                       (uint64_t)(uintptr_t)made, &made->agreed) != 0)
        made->agreed = 0;
    *swap = made;
    return 0;
}

void phub_swap_free(struct phub_swap **swap)
{
    struct phub_swap *s = *swap;
    uint32_t i;

    *swap = NULL;
    if (s == NULL)
        return;
    if (s->agreed != 0)
        (void)s->host->hook_cancel(s->ctx, s->agreed);
    for (i = 0; i < s->slots_count; i++) {
        struct phub_swap_move *move = s->slots[i];
        bool decided;

        if (move == NULL)
            continue;
        decided = move->step == PHUB_SWAP_DECIDE;
        phub_swap_notify_originating_node(s, move, PHUB_ESHUTDOWN,
            decided ? "shutting down: decided, the target has the last word"
                    : "shutting down");
    }
    if (s->timer_ns != NEVER)
        (void)s->host->timer_cancel(s->ctx, s->timer_token);
    free(s->slots);
    free(s->free_slots);
    free(s->table);
    free(s->heap);
    free(s->groups);
    free(s);
}

/* --- a batch ------------------------------------------------------------- */

static bool consent_wanted(const struct phub_swap *swap,
                           const struct phub_plan_item *item)
{
    struct phub_child_info info = { .size = sizeof info };

    if (swap->leaving || (item->flags & PHUB_PLAN_NO_CONSENT) != 0)
        return false;
    return swap->host->child_info(swap->ctx, &item->id, &info) == 0 &&
           (info.flags & PHUB_CHILD_CAN_CONSENT) != 0;
}

/* A move for an item, not yet under way. */
static struct phub_swap_move *move_make(struct phub_swap *swap,
                                        const struct phub_plan_item *item)
{
    struct phub_swap_move *move = phub__swap_move_new(swap, item);
    uint64_t now_ns = phub__swap_now(swap);

    if (move == NULL)
        return NULL;
    move->ask = consent_wanted(swap, item);
    move->begun_ns = now_ns;
    move->force_ns = now_ns +
                     swap->options.consent_max_defer_ms * NS_PER_MS;
    if (move->deadline_ns != NEVER &&
        now_ns + (move->deadline_ns - now_ns) / 2 < move->force_ns)
        move->force_ns = now_ns + (move->deadline_ns - now_ns) / 2;
    return move;
}

static unsigned long long seconds(uint64_t from_ns, uint64_t to_ns)
{
    return from_ns < to_ns ? (to_ns - from_ns) / (1000 * NS_PER_MS) : 0;
}

/* Whereto, since when, how often put off, and when it will wait no longer. */
static void moving_text(struct phub_swap *swap,
                        const struct phub_swap_move *move, char *text,
                        size_t text_max)
{
    char name[PHUB_NODE_NAME_MAX + 1];
    uint64_t now_ns = phub__swap_now(swap);

    if (move == NULL) {
        (void)snprintf(text, text_max, "it is being moved already");
        return;
    }
    phub__swap_node_name(swap, move->targets[move->attempt], name,
                         sizeof name);
    if (phub__swap_waits(move) && move->put_off > 0)
        (void)snprintf(text, text_max, "it is to be moved to %s, since %llu s; "
                       "times its child put that off: %u; it is moved all the "
                       "same in %llu s", name,
                       seconds(move->begun_ns, now_ns), move->put_off,
                       seconds(now_ns, move->force_ns));
    else
        (void)snprintf(text, text_max, "it is being moved to %s already, since "
                       "%llu s; ask again when it is there", name,
                       seconds(move->begun_ns, now_ns));
}

static void item_refuse(struct phub_swap *swap,
                        const struct phub_plan_item *item, uint32_t class)
{
    char moving[TEXT_MAX];
    int rc = PHUB_ENOTFOUND;
    const char *text = "it does not run here";

    if (class == PHUB_SWAP_THERE) {
        rc = 0;
        text = "it is there already";
    } else if (class == PHUB_SWAP_NOWHERE) {
        rc = PHUB_ENOPLACE;
        text = "no node may hold the child; it stays";
    } else if (class == PHUB_SWAP_MOVING) {
        rc = PHUB_EBUSY;
        moving_text(swap, phub__swap_find(swap, &item->id), moving,
                    sizeof moving);
        text = moving;
    }
    swap->host->move_report(swap->ctx, &item->id, rc, text);
}

static void moves_free(struct phub_swap_move **moves, uint32_t count)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        free(moves[i]);
}

/* Everything that can fail is done before anything is begun. */
static int moves_make(struct phub_swap *swap,
                      const struct phub_plan_item *items, uint32_t count,
                      uint32_t stride, const uint32_t *classes,
                      struct phub_swap_move **moves)
{
    uint32_t i, forward = 0;
    int rc;

    for (i = 0; i < count; i++)
        forward += classes[i] == PHUB_SWAP_FORWARD;
    rc = phub__swap_reserve(swap, forward);
    for (i = 0; i < count && rc == 0; i++) {
        if (classes[i] != PHUB_SWAP_FORWARD)
            continue;
        moves[i] = move_make(swap, (const struct phub_plan_item *)
            (const void *)((const uint8_t *)items + (size_t)i * stride));
        if (moves[i] == NULL)
            rc = PHUB_ENOMEM;
    }
    if (rc != 0)
        moves_free(moves, count);
    return rc;
}

static void move_start(struct phub_swap *swap, struct phub_swap_move *move,
                       struct phub_swap_batch *batch)
{
    struct phub_bytes child = phub__swap_child(move);
    struct phub_swap_move *before = phub__swap_find(swap, &child);

    if (before != NULL && phub__swap_waits(before) && !move->ask) {
        phub_swap_notify_originating_node(swap, before, PHUB_ECANCELLED,
                                          "a move that asks nobody took its "
                                          "place");
        before = NULL;
    }
    if (before != NULL) {  /* twice in one batch */
        swap->host->move_report(swap->ctx, &child, PHUB_EBUSY,
                                "it is being moved already");
        free(move);
        return;
    }
    move->batch = batch;
    batch->left++;
    phub__swap_move_add(swap, move);
    if (phub_swap_group_children_by_node(swap, move) != 0)
        phub_swap_notify_originating_node(swap, move, PHUB_ENOMEM,
                                          "out of memory");
}

int phub_swap_begin(struct phub_swap *swap,
                    const struct phub_plan_item *items, uint32_t count,
                    uint32_t stride)
{
    struct phub_swap_move **moves;
    struct phub_swap_batch *batch;
    uint32_t *classes, i;
    int rc = PHUB_ENOMEM;

    moves = calloc((size_t)count + 1, sizeof *moves);
    classes = calloc((size_t)count + 1, sizeof *classes);
    batch = calloc(1, sizeof *batch);
    if (moves == NULL || classes == NULL || batch == NULL)
        goto out;
    phub_swap_compute_processable(swap, items, count, stride, classes);
    rc = moves_make(swap, items, count, stride, classes, moves);
    if (rc != 0)
        goto out;
    batch->left = 1;   /* ours, until all are in */
    for (i = 0; i < count; i++) {
        if (moves[i] != NULL)
            move_start(swap, moves[i], batch);
        else
            item_refuse(swap, (const struct phub_plan_item *)(const void *)
                ((const uint8_t *)items + (size_t)i * stride), classes[i]);
    }
    phub__swap_pump(swap);
    if (--batch->left > 0)
        batch = NULL;  /* its last move frees it */
    else
        phub_swap_dispatch_migration_hook(swap, batch->moved, batch->failed);
out:
    free(batch);
    free(classes);
    free(moves);
    return rc;
}

/* --- from outside -------------------------------------------------------- */

void phub_swap_cancel(struct phub_swap *swap, const struct phub_bytes *child)
{
    struct phub_swap_move *move;
    uint32_t i;

    if (child != NULL && child->size > 0) {
        move = phub__swap_find(swap, child);
        if (move != NULL)
            phub__swap_fail(swap, move, PHUB_ECANCELLED, "cancelled", true);
    } else {
        for (i = 0; i < swap->slots_count; i++)
            if (swap->slots[i] != NULL)
                phub__swap_fail(swap, swap->slots[i], PHUB_ECANCELLED,
                                "cancelled", true);
    }
    phub__swap_pump(swap);
}

void phub_swap_release(struct phub_swap *swap)
{
    uint32_t i;

    for (i = 0; i < swap->slots_count; i++) {
        struct phub_swap_move *move = swap->slots[i];

        if (move != NULL && move->step == PHUB_SWAP_HOLD)
            phub__swap_next(swap, move, PHUB_SWAP_HOLD, 0);
    }
    phub__swap_pump(swap);
}

uint32_t phub_swap_count(const struct phub_swap *swap, uint32_t step)
{
    if (step == 0)
        return swap->moves_count;
    return step <= PHUB_SWAP_ABORT ? swap->steps[step] : 0;
}

/* What is asked for consent or waits looks at the view when its turn comes. */
void phub_swap_handle_contraction(struct phub_swap *swap,
                                  const struct phub_view *view)
{
    uint32_t i;

    for (i = 0; i < swap->slots_count; i++) {
        struct phub_swap_move *move = swap->slots[i];

        if (move == NULL || move->step == PHUB_SWAP_CONSENT ||
            move->step == PHUB_SWAP_DEFERRED ||
            move->step == PHUB_SWAP_BUSY ||
            swap->host->view_has(view, move->targets[move->attempt]))
            continue;
        phub__swap_fail(swap, move, PHUB_ENODEDOWN,
                        phub__swap_why(PHUB_ENODEDOWN), false);
    }
    phub__swap_pump(swap);
}

/* --- the end of the node ------------------------------------------------- */

static void ahead_tell(struct phub_swap *swap)
{
    char text[96];

    phub__swap_counter_add(swap, "states_ahead", swap->ahead_there);
    phub__swap_counter_add(swap, "states_missing", swap->ahead_missing);
    (void)snprintf(text, sizeof text, "states sent ahead=%u missing=%u",
                   swap->ahead_there, swap->ahead_missing);
    phub__swap_log(swap, swap->ahead_missing > 0 ? 2 : 3, text);
    swap->ahead_there = swap->ahead_missing = 0;
}

void phub__swap_ahead_ended(struct phub_swap *swap, int rc)
{
    if (swap->ahead == 0)
        return;   /* told twice */
    if (rc == 0)
        swap->ahead_there++;
    else
        swap->ahead_missing++;
    if (--swap->ahead == 0)
        ahead_tell(swap);
}

void phub__swap_send_ahead(struct phub_swap *swap,
                           const struct phub_bytes *child)
{
    int rc;

    if (!PHUB_HAS(swap->host, child_presend) ||
        phub__swap_find(swap, child) != NULL)
        return;   /* its move takes it along */
    rc = swap->host->child_presend(swap->ctx, child, phub__swap_token_of(
                                       swap, TOKEN_AHEAD_SLOT));
    if (rc == 0)
        swap->ahead++;
    else if (rc != PHUB_ENOTFOUND)
        swap->ahead_missing++;
}

static void states_send_ahead(struct phub_swap *swap)
{
    struct phub_bytes ids[PAGE];
    uint8_t copies[PAGE * PHUB_CHILD_ID_MAX];  /* no memory is no reason */
    uint64_t me = swap->host->self(swap->ctx), cursor = 0;
    uint32_t count, i;

    if (!PHUB_HAS(swap->host, children_of) ||
        !PHUB_HAS(swap->host, child_presend))
        return;
    for (;;) {
        if (swap->host->children_of(swap->ctx, me, &cursor, ids, PAGE,
                                    &count) != 0 || count == 0)
            break;
        for (i = 0; i < count; i++) {   /* ids end with the next call */
            uint8_t *copy = copies + (size_t)i * PHUB_CHILD_ID_MAX;

            if (ids[i].size > PHUB_CHILD_ID_MAX)
                ids[i].size = PHUB_CHILD_ID_MAX;
            memcpy(copy, ids[i].data, ids[i].size);
            ids[i].data = copy;
        }
        for (i = 0; i < count; i++)
            phub__swap_send_ahead(swap, &ids[i]);
    }
    if (swap->ahead == 0 && swap->ahead_missing > 0)
        ahead_tell(swap);
}

void phub_swap_handle_shutdown(struct phub_swap *swap, uint32_t deadline_ms)
{
    uint64_t deadline_ns = NEVER;
    uint32_t i;

    swap->leaving = true;
    if (deadline_ms > 0)
        deadline_ns = phub__swap_after(swap, deadline_ms);
    for (i = 0; i < swap->slots_count; i++) {
        struct phub_swap_move *move = swap->slots[i];

        if (move == NULL)
            continue;
        move->ask = false;
        if (deadline_ns < move->deadline_ns)
            move->deadline_ns = deadline_ns;
        if (move->step == PHUB_SWAP_CONSENT ||
            move->step == PHUB_SWAP_DEFERRED) {
            move->token = 0;
            if (phub_swap_group_children_by_node(swap, move) != 0)
                phub_swap_notify_originating_node(swap, move, PHUB_ENOMEM,
                                                  "out of memory");
            continue;
        }
        phub__swap_due(swap, move, move->step_due_ns);
    }
    if (swap->options.handover)
        states_send_ahead(swap);
    phub__swap_pump(swap);
}
