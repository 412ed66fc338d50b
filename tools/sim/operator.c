/* SPDX-License-Identifier: MIT */
/* operator: people who start, stop and move children, at any node.
 *
 * A command is a request of the hub at that node, issued in a turn of it, as
 * the control socket does.  What is known of its end is what was answered:
 * after PHUB_ETIMEDOUT, or when the node died, the outcome is not known until
 * a later command is answered. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"
#include "sim/record.h"
#include "child/spec.h"
#include "hub/forget.h"
#include "hub/request.h"
#include "wire/assert.h"

#define MARGIN_NS (3 * PHUB__SIM_S)
#define MISTAKEN 92     /* of 100: above, they ask for what is so already */

struct command {
    struct sim_case *c;
    struct phub__sim_node *node;
    enum phub__op op;
    uint32_t first, last;
    uint32_t target;
    uint64_t issued_ns;
    uint64_t frozen_ns;
    int issued, done;
    int refs;           /* the watch, and the request */
    enum sim_wish before[];
};

static void unref(struct command *command)
{
    if (--command->refs == 0)
        sim_disown(command);
}

/* --- what is known after an answer ---------------------------------------- */

/* Who says that it is started already, when people were told that it is
 * stopped, does not know of that: who does may come back. */
static enum sim_wish after_start(int code, enum sim_wish before)
{
    switch (code) {
    case 0:
        return SIM_RUN;
    case PHUB_EEXIST:
        return before == SIM_STOP ? SIM_UNKNOWN : SIM_RUN;
    default:
        return SIM_UNKNOWN;
    }
}

/* That no member knows it, and one who is away may, is no knowledge. */
static enum sim_wish after_stop(int code, const char *text)
{
    switch (code) {
    case 0:
        return SIM_STOP;
    case PHUB_ENOTFOUND:
        return text != NULL && strstr(text, "which is away") != NULL
            ? SIM_UNKNOWN : SIM_STOP;
    default:
        return SIM_UNKNOWN;
    }
}

/* Commands that overlap may take effect in any order. */
static void learned(struct command *command, uint32_t index, int code,
                    const char *text)
{
    struct sim_case *c = command->c;
    struct sim_child *child = &c->children[index];
    enum sim_wish wish = command->op == PHUB__OP_START
        ? after_start(code, command->before[index - command->first])
        : after_stop(code, text);

    child->commands--;
    child->told = code;
    if (code != 0)
        c->failures++;
    if (child->commands != 0 || child->wished_ns > command->issued_ns)
        wish = SIM_UNKNOWN;
    /* EEXIST and ENOTFOUND of a node that is cut off mean its side only. */
    if (code != 0 && sim_was_cut(c))
        wish = SIM_UNKNOWN;
    /* Two sides may have been told two things; the newer life wins. */
    if (sim_was_cut(c) && child->wished_ns >= c->split_ns)
        wish = SIM_UNKNOWN;
    child->told_in_cut |= sim_was_cut(c);
    child->wish = wish;
    child->wished_ns = phub__world_now(c->world);
    phub__world_note(c->world, command->node, "%s %s: %s",
                     phub__op_name(command->op), child->id,
                     code == 0 ? "done" : phub_strerror(code));
}

/* What the judges are told; before anybody has learned of it. */
static void tell(struct command *command, uint32_t index,
                 const struct phub__request_item *item)
{
    struct sim_child *child = &command->c->children[command->first + index];
    uint32_t own = command->op == PHUB__OP_MOVE ? 0 : 1;
    struct sim_answer answer = {
        .op = command->op, .target = command->target,
        .asker = phub__sim_node_index(command->node),
        .issued_ns = command->issued_ns, .before = command->before[index],
        .alone = child->commands == own
            && child->wished_ns < command->issued_ns,
        .again = item->state != PHUB__ITEM_DONE, .code = item->code,
        .answered_by = item->answered_by, .incarnation = item->incarnation,
        .text = item->text };

    sim_judges_answered(command->c, child, &answer);
}

static void lost(struct command *command)
{
    for (uint32_t i = command->first; i < command->last; i++) {
        struct sim_child *child = &command->c->children[i];

        if (command->op != PHUB__OP_START && command->op != PHUB__OP_STOP)
            continue;
        child->commands--;
        child->wish = SIM_UNKNOWN;
        child->wished_ns = phub__world_now(command->c->world);
    }
}

static void answered(void *arg, struct phub__request *request)
{
    struct command *command = arg;
    struct sim_case *c = command->c;

    if (command->done)
        sim_broken(c, 5, "node %s: %s ended twice",
                   phub__sim_node_name(command->node),
                   phub__op_name(command->op));
    command->done = 1;
    if (!phub__sim_node_runs(command->node)) {
        lost(command);      /* it died; nobody heard this */
        unref(command);
        return;
    }
    if (request->pending != 0)
        sim_broken(c, 5, "node %s: %s ended with %u of %u answers missing",
                   phub__sim_node_name(command->node),
                   phub__op_name(command->op), request->pending,
                   request->count);
    if (command->op == PHUB__OP_CELL && request->items[0].code == 0) {
        c->forgotten[command->target] = c->dropped[command->target];
        c->told[command->target] =
            c->node_ids[phub__sim_node_index(command->node)];
    }
    if (command->op == PHUB__OP_DRAIN && request->items[0].code == 0)
        sim_judges_drain(c, command->target, command->issued_ns, 1);
    for (uint32_t i = 0; i < request->count; i++) {
        if (command->op != PHUB__OP_DRAIN && command->op != PHUB__OP_CELL)
            tell(command, i, &request->items[i]);
        if (command->op == PHUB__OP_START || command->op == PHUB__OP_STOP)
            learned(command, command->first + i, request->items[i].code,
                    request->items[i].text);
        else
            phub__world_note(c->world, command->node, "%s: %s %s",
                             phub__op_name(command->op),
                             request->items[i].code == 0
                                 ? "done"
                                 : phub_strerror(request->items[i].code),
                             request->items[i].text == NULL
                                 ? "" : request->items[i].text);
    }
    unref(command);
}

/* --- issuing -------------------------------------------------------------- */

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static void spec_bytes(const struct sim_child *child,
                       struct phub__builder *builder)
{
    struct phub_bytes words[16];
    char text[sizeof(child->argv)];
    struct phub__spec spec;
    char *rest = text;
    char *word;
    uint32_t count = 0;
    int rc;

    memset(&spec, 0, sizeof(spec));
    memcpy(text, child->argv, sizeof(text));
    while ((word = strtok_r(rest, " ", &rest)) != NULL && count < 16)
        words[count++] = bytes_of(word);
    if (strncmp(child->argv, "actor", 5) == 0) {
        spec.runner = bytes_of("actor");
        spec.behaviour = bytes_of("sim");
        spec.argument = bytes_of(child->argv);
    } else {
        spec.runner = bytes_of("exec");
        spec.argv = (struct phub__list){ words, count };
    }
    spec.ready = strstr(child->argv, "no-channel") == NULL
        && strstr(child->argv, "no-ready") == NULL;
    spec.ready_timeout_ms = 5000;
    spec.stop_timeout_ms = 2000;
    spec.state_timeout_ms = 3000;
    if (strstr(child->argv, "checkpoint=") != NULL)
        spec.checkpoint_ms = strtoull(
            strstr(child->argv, "checkpoint=") + strlen("checkpoint="), NULL,
            10);
    rc = phub__encode(&phub__spec_schema, &spec, builder);
    phub__assert(rc == 0);
}

/* "at" is when it was asked for. */
static void metadata(struct phub__request *request,
                     struct phub__op_item *item, uint64_t now_ns)
{
    struct phub__op_pair *pair =
        phub__arena_alloc(&request->arena, 1, sizeof(*pair));
    char text[24];

    phub__assert(pair != NULL);
    (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)now_ns);
    pair->key = bytes_of("at");
    pair->value = phub__request_copy(request, bytes_of(text));
    item->metadata = (struct phub__list){ pair, 1 };
}

static void fill(struct command *command, struct phub__request *request)
{
    struct sim_case *c = command->c;

    for (uint32_t i = command->first; i < command->last; i++) {
        struct phub__op_item *item = &request->items[i - command->first].op;
        struct phub__builder builder;

        if (command->op == PHUB__OP_DRAIN) {
            item->target = c->node_ids[command->target];
            return;
        }
        item->id = phub__request_copy(request,
                                      bytes_of(c->children[i].id));
        if (command->op == PHUB__OP_START) {
            item->flags = c->options.durable ? PHUB__ITEM_DURABLE : 0;
            phub__builder_init(&builder, 65536);
            spec_bytes(&c->children[i], &builder);
            item->spec = phub__request_copy(request,
                                            phub__builder_bytes(&builder));
            phub__builder_fini(&builder);
        }
        if (command->op == PHUB__OP_EDIT)
            metadata(request, item, command->issued_ns);
        if (command->op == PHUB__OP_MOVE)
            item->target = c->node_ids[command->target];
    }
}

static void issue(void *arg)
{
    struct command *command = arg;
    struct sim_daemon *daemon = phub__sim_node_self(command->node);
    struct phub__request *request;

    command->issued = 1;
    if (command->op == PHUB__OP_CELL)
        request = phub__forget_request(
            daemon->hub, command->c->node_ids[command->target],
            phub__sim_node_name(sim_node(command->c, command->target)),
            SIM_OP_TIMEOUT_MS);
    else
        request = phub__request_new(daemon->hub, command->op,
                                    command->last - command->first,
                                    SIM_OP_TIMEOUT_MS);
    phub__assert(request != NULL);
    if (command->op != PHUB__OP_CELL)
        fill(command, request);
    phub__request_send(request, answered, command);
}

static void not_issued(void *arg)
{
    struct command *command = arg;

    command->done = 1;
    lost(command);
    unref(command);
}

/* Promise 5: it ended in time, unless its node was not run meanwhile. */
static void watch(void *arg)
{
    struct command *command = arg;

    if (!command->done && command->issued
        && phub__sim_node_runs(command->node)
        && !phub__sim_node_frozen(command->node)) {
        if (command->frozen_ns == 0)
            sim_broken(command->c, 5, "node %s: %s %s has no end after %u ms",
                       phub__sim_node_name(command->node),
                       phub__op_name(command->op),
                       command->c->children[command->first].id,
                       SIM_OP_TIMEOUT_MS);
    } else if (!command->done && phub__sim_node_runs(command->node)) {
        command->frozen_ns = phub__world_now(command->c->world);
    }
    unref(command);
}

static void recorded(struct sim_case *c, enum phub__op op, uint32_t node,
                     uint32_t first, uint32_t last, uint32_t target)
{
    char tail[64];

    if (op == PHUB__OP_MOVE)
        (void)snprintf(tail, sizeof(tail), " to n%u at n%u", target, node);
    else
        (void)snprintf(tail, sizeof(tail), " at n%u", node);
    sim_record_children(c, node, op == PHUB__OP_MOVE ? target : SIM_NOBODY,
                        first, last, phub__op_name(op), tail);
}

static void ask(struct sim_case *c, enum phub__op op, uint32_t node,
                uint32_t first, uint32_t last, uint32_t target)
{
    struct sim_daemon *daemon = node == UINT32_MAX
        ? sim_any(c, PHUB__SIM_OPERATOR) : sim_daemon(c, node);
    uint64_t now = phub__world_now(c->world);
    struct command *command;

    if (daemon == NULL)
        return;
    if (op == PHUB__OP_DRAIN)
        sim_judges_drain(c, target, now, 0);
    else if (op != PHUB__OP_CELL)
        recorded(c, op, phub__sim_node_index(daemon->node), first, last, target);
    command = sim_own(c, sizeof(*command)
                      + (last - first) * sizeof(command->before[0]));
    command->c = c;
    command->node = daemon->node;
    command->op = op;
    command->first = first;
    command->last = last;
    command->target = target;
    command->issued_ns = now;
    command->refs = 2;
    for (uint32_t i = first; i < last; i++) {
        struct sim_child *child = &c->children[i];

        if (op == PHUB__OP_DRAIN || op == PHUB__OP_CELL)
            phub__world_note(c->world, daemon->node, "people: %s n%u",
                             op == PHUB__OP_DRAIN ? "drain" : "forget",
                             target);
        else
            phub__world_note(c->world, daemon->node, "people: %s %s",
                             phub__op_name(op), child->id);
        command->before[i - first] = child->wish;
        if (op != PHUB__OP_START && op != PHUB__OP_STOP)
            continue;
        child->commands++;
        child->wish = SIM_UNKNOWN;
        child->asked_to_start |= op == PHUB__OP_START;
    }
    phub__world_at(c->world, now + SIM_OP_TIMEOUT_MS * PHUB__SIM_MS
                   + MARGIN_NS, watch, command);
    phub__sim_node_at(daemon->node, now, issue, not_issued, command);
}

void sim_start(struct sim_case *c, uint32_t node, uint32_t first,
               uint32_t last)
{
    c->starts += last - first;
    ask(c, PHUB__OP_START, node, first, last, 0);
}

void sim_stop(struct sim_case *c, uint32_t node, uint32_t first,
              uint32_t last)
{
    c->stops += last - first;
    ask(c, PHUB__OP_STOP, node, first, last, 0);
}

void sim_move(struct sim_case *c, uint32_t node, uint32_t child,
              uint32_t target)
{
    c->moves++;
    ask(c, PHUB__OP_MOVE, node, child, child + 1, target);
}

void sim_edit(struct sim_case *c, uint32_t node, uint32_t child)
{
    ask(c, PHUB__OP_EDIT, node, child, child + 1, 0);
}

void sim_drain(struct sim_case *c, uint32_t node, uint32_t target)
{
    ask(c, PHUB__OP_DRAIN, node, 0, 1, target);
}

void sim_forget(struct sim_case *c, uint32_t node, uint32_t target)
{
    c->dropped[target] = c->node_ids[target];
    ask(c, PHUB__OP_CELL, node, 0, 1, target);
}

void sim_operate(struct sim_case *c)
{
    uint32_t child = (uint32_t)sim_below(c, PHUB__SIM_OPERATOR,
                                         c->options.children);
    uint64_t dice = sim_below(c, PHUB__SIM_OPERATOR, 100);
    uint32_t target = (uint32_t)sim_below(c, PHUB__SIM_OPERATOR,
                                          c->options.nodes);

    if (c->children[child].commands != 0 && dice < 90)
        return;
    if (dice < 40)
        sim_move(c, UINT32_MAX, child, target);
    else if (dice < 45)
        sim_edit(c, UINT32_MAX, child);
    else if ((c->children[child].wish == SIM_RUN) == (dice < MISTAKEN))
        sim_stop(c, UINT32_MAX, child, child + 1);
    else
        sim_start(c, UINT32_MAX, child, child + 1);
}
