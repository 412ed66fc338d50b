/* SPDX-License-Identifier: MIT */
/* judge_request: promise 5: every request ends, and tells the truth.
 *
 * That each ends in time, once, with one answer per child, operator.c sees.
 * Here each answer is held against what instances did meanwhile:
 *
 *   start  done        an instance of that life has acted
 *   start  EEXIST      some registry has a live row of it
 *   start  failed      no registry has a live row of it
 *   stop   done        nothing of it lives on a node that is well
 *   stop   ENOTFOUND   nothing acts, of what people knew to run
 *   move   done        it acts, or has acted since, where it was sent
 *   any    refused     who refused, and why, is said in words
 *
 * sim_judge_calm() adds an epilogue in which nothing excuses: what is wanted
 * and can be, is done; what is so already, is said to be so.
 *
 * An answer travels while the world goes on: what another command about the
 * same child did at the same time, and what a cut hides from the one who
 * answers, is no lie. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/judge.h"
#include "sim/judge_scene.h"

/* A node to which nothing happened for so long has no excuse. */
#define WELL_NS (12 * PHUB__SIM_S)

static int acted(const struct sim_child *child, struct phub_epoch incarnation)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (child->lives[i].serial != 0 && child->lives[i].acted_ns != 0
            && phub_epoch_cmp(child->lives[i].incarnation, incarnation) == 0)
            return 1;
    return 0;
}

/* It was tried, and did not work: then nothing is left of it. */
static int is_failure(int code)
{
    return code == PHUB_EFAILED || code == PHUB_ENOPLACE
        || code == PHUB_EINVAL || code == PHUB_ESYS;
}

static void start_answered(struct sim_case *c, struct sim_child *child,
                           const struct sim_answer *answer)
{
    struct phub_epoch incarnation;

    if (answer->code == 0 && !acted(child, answer->incarnation)) {
        sim_broken_child(c, 5, child, "start %s is answered as done, and no "
                         "instance of it has acted", child->id);
        return;
    }
    if (is_failure(answer->code) && answer->alone && !sim_was_cut(c)
        && (answer->before == SIM_STOP || answer->before == SIM_NOTHING)
        && sim_rows_live(c, child, &incarnation) != 0
        && (c->disturbed_ns == 0
            || phub__world_now(c->world) > c->disturbed_ns + WELL_NS)) {
        sim_broken_child(c, 5, child, "start %s is answered with '%s', and "
                         "its row is there", child->id,
                         phub_strerror(answer->code));
        return;
    }
    if (answer->code == PHUB_EEXIST && answer->alone && !sim_was_cut(c)
        && (answer->before == SIM_STOP || answer->before == SIM_NOTHING)
        && sim_rows_live(c, child, &incarnation) == 0)
        sim_broken_child(c, 5, child, "start %s is refused as started "
                         "already, and no registry has it", child->id);
}

static void stop_answered(struct sim_case *c, struct sim_child *child,
                          const struct sim_answer *answer)
{
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life->serial == 0 || life->ended_ns != 0 || !answer->alone
            || !sim_was_well(c, life->node, WELL_NS))
            continue;
        if (answer->code == 0)
            sim_broken_child(c, 5, child, "stop %s is answered as done, and "
                             "it %s on n%u/%lld", child->id,
                             life->acts ? "acts" : "still lives", life->node,
                             (long long)life->pid);
        else if (answer->code == PHUB_ENOTFOUND && life->acts
                 && answer->before == SIM_RUN
                 && life->acted_ns < answer->issued_ns)
            sim_broken_child(c, 5, child, "stop %s is answered with 'not "
                             "found', and it acts on n%u/%lld", child->id,
                             life->node, (long long)life->pid);
    }
}

static void move_answered(struct sim_case *c, struct sim_child *child,
                          const struct sim_answer *answer)
{
    if (answer->code == PHUB_ENOTFOUND && answer->alone
        && answer->before == SIM_RUN && child->acting != 0
        && !sim_was_cut(c)) {
        sim_broken_child(c, 5, child, "move %s is answered with 'not found', "
                         "and it runs", child->id);
        return;
    }
    if (answer->code != 0)
        return;
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life->serial != 0 && life->node == answer->target
            && life->acted_ns != 0
            && (life->ended_ns == 0 || life->ended_ns >= answer->issued_ns))
            return;
    }
    sim_broken_child(c, 5, child, "move %s is answered as done, and it has "
                     "not acted on n%u", child->id, answer->target);
}

/* --- when nothing excuses ----------------------------------------------------- */

#define CALM_CHILDREN 6u
#define CALM_MS 9000u
#define LEAVE_MS 30000u

/* Those whose manner may stand in the way of a command. */
static int wilful(const struct sim_child *child)
{
    static const char *const words[] = {
        "crash-", "fail-start", "exit-after", "late-state", "never-state",
        "old-on", "defer", "silent", "garbage"
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (sim_child_is(child, words[i]))
            return 1;
    return 0;
}

static int expected(const struct sim_answer *answer)
{
    int runs = answer->before == SIM_RUN;

    switch (answer->op) {
    case PHUB__OP_START:
        return runs ? PHUB_EEXIST : 0;
    case PHUB__OP_STOP:
        return runs ? 0 : PHUB_ENOTFOUND;
    default:
        return 0;
    }
}

/* What joined last may still get its share, and the same child is moved.  What
 * nobody knows after all had started anew is not said to be unknown, while a
 * node is away for ever: it left, or came back without its disk. */
static int as_good(const struct sim_answer *answer)
{
    if (answer->op == PHUB__OP_STOP)
        return answer->before != SIM_RUN
            && (answer->code == 0
                || (answer->text != NULL
                    && strstr(answer->text, "which is away") != NULL));
    return answer->op == PHUB__OP_MOVE
        && (answer->code == PHUB_EREPEATED || answer->code == PHUB_EBUSY
            || answer->code == PHUB_EMOVED);
}

/* What is done, or was so already, where people do not know which it is. */
static int either(const struct sim_answer *answer)
{
    return answer->before == SIM_UNKNOWN
        && (answer->op == PHUB__OP_MOVE
            || (answer->op == PHUB__OP_START && answer->code == PHUB_EEXIST)
            || (answer->op == PHUB__OP_STOP
                && answer->code == PHUB_ENOTFOUND));
}

static void calm_answered(struct sim_case *c, struct sim_child *child,
                          const struct sim_answer *answer)
{
    int code = answer->before == SIM_UNKNOWN ? 0 : expected(answer);

    if (answer->alone && !wilful(child) && answer->code != code
        && !either(answer) && !as_good(answer))
        sim_broken_child(c, 5, child, "nothing is wrong, and %s %s is "
                         "answered with '%s', not '%s'",
                         phub__op_name(answer->op), child->id,
                         phub_strerror(answer->code),
                         code == 0 ? "done" : phub_strerror(code));
}

/* The next after node that takes children, or node itself. */
static uint32_t next_taker(struct sim_case *c, uint32_t node)
{
    uint32_t next = node;

    do
        next = (next + 1) % c->options.nodes;
    while (next != node
           && (sim_daemon(c, next) == NULL || !c->present[next]
               || c->judges->nodes[next].draining));
    return next;
}

static void calm_ask(struct sim_case *c, uint32_t index, int second)
{
    const struct sim_child *child = &c->children[index];
    uint32_t node = UINT32_MAX, target = sim_where(c, index);

    if (child->wish == SIM_RUN && index % 3 == 0 && target != UINT32_MAX) {
        target = next_taker(c, target);
        if (target != sim_where(c, index))
            sim_move(c, node, index, target);
    } else if ((child->wish == SIM_RUN) == (second || index % 3 == 1)) {
        sim_start(c, node, index, index + 1);
    } else {
        sim_stop(c, node, index, index + 1);
    }
}

/* Nobody is on the way out, somebody is here to stay, and every partition
 * strategy has been asked about the view. */
static int is_calm(struct sim_case *c)
{
    uint32_t staying = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (sim_daemon(c, i) != NULL
            && (!c->present[i] || c->judges->nodes[i].view_open))
            return 0;
        staying += sim_daemon(c, i) != NULL;
    }
    return staying != 0;
}

void sim_judge_calm(struct sim_case *c)
{
    uint32_t count = c->options.children;

    if (!sim_run_until(c, LEAVE_MS, is_calm) || c->broken)
        return;
    sim_judges_given_up(c);
    c->judges->calm = 1;
    for (int round = 0; round < 2 && !c->broken; round++) {
        for (uint32_t i = 0; i < count && i < CALM_CHILDREN; i++)
            if (!wilful(&c->children[i]) && c->children[i].commands == 0)
                calm_ask(c, i, round);
        sim_run(c, CALM_MS);
    }
    sim_judge_quiet(c);
    c->judges->calm = 0;
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
    if (c->judges->calm)
        calm_answered(c, child, answer);
    if (answer->again)
        sim_broken_child(c, 5, child, "%s %s is answered twice",
                         phub__op_name(answer->op), child->id);
    if (answer->code != 0
        && (answer->text == NULL || answer->text[0] == '\0'))
        sim_broken_child(c, 5, child, "%s %s is answered with '%s', and "
                         "nobody says why", phub__op_name(answer->op),
                         child->id, phub_strerror(answer->code));
    if (answer->op == PHUB__OP_START)
        start_answered(c, child, answer);
    else if (answer->op == PHUB__OP_STOP)
        stop_answered(c, child, answer);
    else if (answer->op == PHUB__OP_MOVE)
        move_answered(c, child, answer);
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        if (c->children[i].commands == 0)
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "%u commands about child %s are "
                           "open", c->children[i].commands,
                           c->children[i].id);
        *child_ = &c->children[i];
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_request = {
    .name = "request", .promise = 5,
    .claim = "every request ends, and tells the truth",
    .answered = answered, .quiet = quiet
};
