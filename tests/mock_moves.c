/* SPDX-License-Identifier: MIT */
/* mock_moves: children and moves as the core keeps them, with scripted
 * answers, and the judge of what a migration strategy may ask for. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

#define LATE_MS 3600000u
#define STATE_SIZE 1000u

static const char *const names[MOCK_STEPS] = {
    "consent", "open", "prepare", "freeze", "take", "end", "send", "decide",
    "abort", "presend"
};

/* --- children ------------------------------------------------------------ */

void mock_children(struct mock *mock, uint32_t count, uint32_t flags)
{
    uint32_t i;

    mock->children = calloc(count, sizeof *mock->children);
    ck_assert_ptr_nonnull(mock->children);
    mock->children_count = count;
    for (i = 0; i < count; i++) {
        mock->children[i].flags = flags;
        mock->children[i].state = PHUB_INSTANCE_RUNNING;
        mock->children[i].runs_on = mock->id;
    }
}

struct mock_child *mock_child(const struct mock *mock,
                              const struct phub_bytes *id)
{
    char number[16];
    unsigned long index;

    if (id->size < 2 || id->size > 12 || id->data[0] != 'c')
        return NULL;
    memcpy(number, id->data + 1, id->size - 1);
    number[id->size - 1] = '\0';
    index = strtoul(number, NULL, 10);
    return index < mock->children_count ? &mock->children[index] : NULL;
}

static void trace(struct mock_child *child, char letter)
{
    if (child->trace_size + 1 < sizeof child->trace)
        child->trace[child->trace_size++] = letter;
}

int mock_begin(struct mock *mock, uint32_t first, uint32_t count,
               const uint64_t *targets, uint32_t targets_count,
               uint32_t flags, uint32_t deadline_ms)
{
    struct phub_plan_item *items = calloc(count, sizeof *items);
    char (*ids)[16] = calloc(count, sizeof *ids);
    char error[PHUB__LOADER_ERROR_MAX];
    uint32_t i;
    int rc;

    ck_assert_ptr_nonnull(items);
    ck_assert_ptr_nonnull(ids);
    for (i = 0; i < count; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "c%u", first + i);
        items[i].size = sizeof items[i];
        items[i].cause = PHUB_CAUSE_NODE_JOINED;
        items[i].id.data = (const uint8_t *)ids[i];
        items[i].id.size = strlen(ids[i]);
        items[i].targets = targets;
        items[i].targets_count = targets_count;
        items[i].flags = flags;
        items[i].deadline_ms = deadline_ms;
    }
    rc = phub__call_begin(mock->strategy, items, count, error, sizeof error);
    free(items);
    free(ids);
    return rc;
}

static int host_child_info(struct phub_ctx *ctx, const struct phub_bytes *id,
                           struct phub_child_info *info)
{
    struct mock *mock = mock_of(ctx);
    struct mock_child *child = mock_child(mock, id);
    struct phub_child_info full = { 0 };

    if (child == NULL)
        return PHUB_ENOTFOUND;
    full.size = info->size;
    full.flags = child->flags;
    full.home = mock->id;
    full.local_state = child->state;
    full.instances_count = 1;
    memcpy(info, &full, info->size < sizeof full ? info->size : sizeof full);
    return 0;
}

static int host_child_instance(struct phub_ctx *ctx,
                               const struct phub_bytes *id, uint32_t index,
                               struct phub_instance *instance)
{
    struct mock_child *child = mock_child(mock_of(ctx), id);

    if (child == NULL || index > 0)
        return PHUB_ENOTFOUND;
    instance->state = PHUB_INSTANCE_RUNNING;
    instance->node = child->runs_on;
    return 0;
}

static int host_children_of(struct phub_ctx *ctx, uint64_t node,
                            uint64_t *cursor, struct phub_bytes *ids,
                            uint32_t ids_max, uint32_t *count)
{
    static char texts[64][16];   /* borrowed until the next call */
    struct mock *mock = mock_of(ctx);

    for (*count = 0; *count < ids_max && *count < 64 &&
                     *cursor < mock->children_count; ++*cursor) {
        char *text = texts[*count];

        if (mock->children[*cursor].runs_on != node)
            continue;
        (void)snprintf(text, sizeof texts[0], "c%u", (unsigned)*cursor);
        ids[*count].data = (const uint8_t *)text;
        ids[(*count)++].size = strlen(text);
    }
    return 0;
}

static int host_assign_for(struct phub_ctx *ctx, const struct phub_bytes *id,
                           uint32_t cause, uint64_t *nodes,
                           uint32_t nodes_max, uint32_t *count)
{
    struct mock *mock = mock_of(ctx);
    struct phub_view_node node = { .size = sizeof node };
    uint32_t i;

    (void)id;
    (void)cause;
    for (*count = 0, i = 0; mock->host.view_node(mock->view, i, &node) == 0 &&
                            *count < nodes_max; i++)
        if (node.id != mock->id)
            nodes[(*count)++] = node.id;
    return *count > 0 ? 0 : PHUB_ENOPLACE;
}

/* --- steps --------------------------------------------------------------- */

/* Answer by the script; complete after the fact changes (moves_done). */
static int answer(struct mock *mock, enum mock_step step, uint64_t target,
                  uint32_t timeout_ms, uint64_t token, uint64_t move,
                  uint64_t value)
{
    struct mock_script *script = &mock->script[step];
    enum mock_mode mode = MOCK_OK;
    uint32_t delay_ms = 1;
    int rc = 0;

    if (script->times > 0 &&
        (script->target == 0 || script->target == target)) {
        script->times--;
        mode = script->mode;
        if (script->delay_ms > 0)
            delay_ms = script->delay_ms;
    }
    switch (mode) {
    case MOCK_REFUSE:
        return script->rc;
    case MOCK_SILENT:
        return 0;
    case MOCK_FAIL:
        rc = script->rc;
        if (rc == PHUB_ETIMEDOUT && timeout_ms > 0)
            delay_ms = timeout_ms;
        break;
    case MOCK_LATE:
        mock_complete(mock, LATE_MS, token, 0, value, move, step);
        return 0;
    case MOCK_TWICE:
        mock_complete(mock, delay_ms + 1, token, 0, value, 0, MOCK_STEPS);
        break;
    case MOCK_OK:
        break;
    }
    mock_complete(mock, delay_ms, token, rc, value, move, step);
    return 0;
}

static struct mock_move *move_find(struct mock *mock, uint64_t number,
                                   const char *what)
{
    if (number == 0 || number > mock->moves_count ||
        mock->moves[number - 1].closed) {
        mock_violate(mock->world, "%s of a move that is not open", what);
        return NULL;
    }
    return &mock->moves[number - 1];
}

static int order_wrong(struct mock *mock, const struct mock_move *move,
                       const char *what)
{
    mock_violate(mock->world, "%s of c%u out of order, after '%s'", what,
                 move->child, mock->children[move->child].trace);
    return PHUB_EINVAL;
}

static int move_step(struct mock *mock, uint64_t number, enum mock_step step,
                     char letter, uint32_t timeout_ms, uint64_t token)
{
    struct mock_move *move = move_find(mock, number, names[step]);
    int rc;

    if (move == NULL)
        return PHUB_EINVAL;
    trace(&mock->children[move->child], letter);
    rc = answer(mock, step, move->target, timeout_ms, token, number,
                step == MOCK_TAKE ? STATE_SIZE : 0);
    if (rc != 0 && step == MOCK_DECIDE)
        move->deciding = 0;   /* nothing has been decided */
    else if (rc != 0)         /* as if it had completed so */
        mock_moves_done(mock, number, step, rc);
    return rc;
}

static int host_child_consent(struct phub_ctx *ctx,
                              const struct phub_bytes *id,
                              uint32_t timeout_ms, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_child *child = mock_child(mock, id);

    if (child == NULL)
        return PHUB_ENOTFOUND;
    trace(child, 'c');
    return answer(mock, MOCK_CONSENT, 0, timeout_ms, token, 0, 0);
}

static int host_child_presend(struct phub_ctx *ctx,
                              const struct phub_bytes *id, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_child *child = mock_child(mock, id);

    if (child == NULL || (child->flags & PHUB_CHILD_CAN_STATE) == 0)
        return PHUB_ENOTFOUND;
    if (child->state != PHUB_INSTANCE_RUNNING)
        mock_violate(mock->world, "a state of one that does not run here");
    trace(child, 'h');
    return answer(mock, MOCK_PRESEND, 0, 0, token, 0, 0);
}

static int host_move_open(struct phub_ctx *ctx, const struct phub_bytes *id,
                          uint64_t target, uint32_t cause, uint64_t *number)
{
    struct mock *mock = mock_of(ctx);
    struct mock_child *child = mock_child(mock, id);
    struct mock_script *script = &mock->script[MOCK_OPEN];
    struct mock_move *move;

    (void)cause;
    if (child == NULL)
        return PHUB_ENOTFOUND;
    if (!mock->host.view_has(mock->view, target))
        mock_violate(mock->world, "open to a node that is no member");
    if (target == mock->id)
        mock_violate(mock->world, "open to itself");
    if (child->state != PHUB_INSTANCE_RUNNING)
        mock_violate(mock->world, "open of a child that does not run");
    trace(child, 'o');
    if (script->times > 0 &&
        (script->target == 0 || script->target == target)) {
        script->times--;
        if (script->mode == MOCK_REFUSE)
            return script->rc;
    }
    if (mock->moves_count == mock->moves_size) {
        mock->moves_size = mock->moves_size * 2 + 64;
        mock->moves = realloc(mock->moves,
                              mock->moves_size * sizeof *mock->moves);
        ck_assert_ptr_nonnull(mock->moves);
    }
    move = &mock->moves[mock->moves_count++];
    memset(move, 0, sizeof *move);
    move->child = (uint32_t)(child - mock->children);
    move->target = target;
    if (++mock->moves_open > mock->moves_open_max)
        mock->moves_open_max = mock->moves_open;
    *number = mock->moves_count;
    return 0;
}

static int host_move_prepare(struct phub_ctx *ctx, uint64_t number,
                             uint32_t flags, uint32_t timeout_ms,
                             uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "prepare");

    if (move == NULL)
        return PHUB_EINVAL;
    if (move->prepared)
        return order_wrong(mock, move, "prepare");
    move->standby = (flags & PHUB_MOVE_STANDBY) != 0;
    return move_step(mock, number, MOCK_PREPARE, move->standby ? 'P' : 'p',
                     timeout_ms, token);
}

static int host_move_freeze(struct phub_ctx *ctx, uint64_t number,
                            uint32_t timeout_ms, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "freeze");

    if (move == NULL)
        return PHUB_EINVAL;
    if (!move->prepared || move->frozen || move->ended || move->deciding)
        return order_wrong(mock, move, "freeze");
    if ((mock->children[move->child].flags & PHUB_CHILD_CAN_FREEZE) == 0) {
        trace(&mock->children[move->child], 'f');
        return PHUB_EUNSUPPORTED;
    }
    return move_step(mock, number, MOCK_FREEZE, 'f', timeout_ms, token);
}

static int host_move_take_state(struct phub_ctx *ctx, uint64_t number,
                                uint32_t timeout_ms, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "take");

    if (move == NULL)
        return PHUB_EINVAL;
    if (!move->prepared || move->ended || move->taken || move->deciding)
        return order_wrong(mock, move, "take");
    return move_step(mock, number, MOCK_TAKE, 't', timeout_ms, token);
}

static int host_move_end(struct phub_ctx *ctx, uint64_t number,
                         uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "end");

    if (move == NULL)
        return PHUB_EINVAL;
    if (!move->prepared || move->ended || move->deciding)
        return order_wrong(mock, move, "end");
    return move_step(mock, number, MOCK_END, 'e', 0, token);
}

static int host_move_send_state(struct phub_ctx *ctx, uint64_t number,
                                uint32_t timeout_ms, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "send");

    if (move == NULL)
        return PHUB_EINVAL;
    if (!move->prepared || move->sent || move->deciding)
        return order_wrong(mock, move, "send");
    return move_step(mock, number, MOCK_SEND, 's', timeout_ms, token);
}

/* Deciding is right when nobody answers for the child here any more and what
 * was taken is there. */
static int host_move_decide(struct phub_ctx *ctx, uint64_t number,
                            uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "decide");

    if (move == NULL)
        return PHUB_EINVAL;
    if (!move->prepared || move->deciding || !move->sent ||
        (!move->ended && !move->frozen) || move->aborting)
        return order_wrong(mock, move, "decide");
    move->deciding = 1;
    return move_step(mock, number, MOCK_DECIDE, 'd', 0, token);
}

static int host_move_abort(struct phub_ctx *ctx, uint64_t number,
                           const char *why, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "abort");

    if (move == NULL)
        return PHUB_EINVAL;
    if (move->deciding || move->aborting)
        return order_wrong(mock, move, "abort");
    if (why == NULL || why[0] == '\0')
        mock_violate(mock->world, "abort without a reason");
    move->aborting = 1;
    return move_step(mock, number, MOCK_ABORT, 'a', 0, token);
}

static void host_move_finish(struct phub_ctx *ctx, uint64_t number)
{
    struct mock *mock = mock_of(ctx);
    struct mock_move *move = move_find(mock, number, "finish");

    if (move == NULL)
        return;
    trace(&mock->children[move->child], 'F');
    if (!move->decided && !move->returned)
        (void)order_wrong(mock, move, "finish");
    move->closed = 1;
    mock->moves_open--;
}

static void host_move_report(struct phub_ctx *ctx, const struct phub_bytes *id,
                             int rc, const char *text)
{
    struct mock *mock = mock_of(ctx);
    struct mock_child *child = mock_child(mock, id);

    if (text == NULL || text[0] == '\0')
        mock_violate(mock->world, "report without a text");
    if (child == NULL)
        return;
    trace(child, 'R');
    child->reports++;
    child->rc = rc;
    (void)snprintf(child->text, sizeof child->text, "%s", text);
}

/* The fact behind a completion, at the moment it is told. */
void mock_moves_done(struct mock *mock, uint64_t number, uint32_t step,
                     int rc)
{
    struct mock_move *move;
    struct mock_child *child;

    if (number == 0 || number > mock->moves_count)
        return;
    move = &mock->moves[number - 1];
    child = &mock->children[move->child];
    if (move->closed || (move->aborting && step != MOCK_ABORT))
        return;
    if (step == MOCK_ABORT) {
        move->closed = 1;
        mock->moves_open--;
    }
    if (step == MOCK_ABORT || (step == MOCK_DECIDE && rc != 0 &&
                               rc != PHUB_EEXIST)) {
        move->returned = 1;
        child->state = PHUB_INSTANCE_RUNNING;
        child->runs_on = mock->id;
        return;
    }
    if (rc == PHUB_EEXIST && step == MOCK_DECIDE)
        rc = 0;
    if (rc != 0)
        return;
    switch (step) {
    case MOCK_PREPARE:
        move->prepared = 1;
        break;
    case MOCK_FREEZE:
        move->frozen = 1;
        child->state = PHUB_INSTANCE_FROZEN;
        break;
    case MOCK_TAKE:
        move->taken = 1;
        break;
    case MOCK_END:
        move->ended = 1;
        child->state = 0;
        child->runs_on = 0;
        break;
    case MOCK_SEND:
        move->sent = 1;
        break;
    case MOCK_DECIDE:
        move->decided = 1;
        child->state = 0;
        child->runs_on = move->target;
        break;
    default:
        break;
    }
}

void mock_moves_host(struct phub_host *host)
{
    host->child_info = host_child_info;
    host->child_instance = host_child_instance;
    host->children_of = host_children_of;
    host->assign_for = host_assign_for;
    host->child_consent = host_child_consent;
    host->child_presend = host_child_presend;
    host->move_open = host_move_open;
    host->move_prepare = host_move_prepare;
    host->move_freeze = host_move_freeze;
    host->move_take_state = host_move_take_state;
    host->move_end = host_move_end;
    host->move_send_state = host_move_send_state;
    host->move_decide = host_move_decide;
    host->move_abort = host_move_abort;
    host->move_finish = host_move_finish;
    host->move_report = host_move_report;
}
