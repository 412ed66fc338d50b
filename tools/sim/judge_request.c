/* SPDX-License-Identifier: MIT */
/* judge_request: promise 5: every request ends, and tells the truth.
 *
 * That each ends in time, once, with one answer per child, operator.c sees.
 * Here each answer is held against what instances did meanwhile:
 *
 *   start  done        an instance of that life has acted
 *   start  EEXIST      some registry has a live row of it
 *   stop   done        nothing acts on a node that is well
 *   stop   ENOTFOUND   nothing acts, of what people knew to run
 *   move   done        it acts, or has acted since, where it was sent
 *   any    refused     who refused, and why, is said in words
 *
 * An answer travels while the world goes on: what another command about the
 * same child did at the same time, and what a cut hides from the one who
 * answers, is no lie. */
#include "config.h"

#include <stdio.h>

#include "sim/judge.h"

/* A node to which nothing happened for so long has no excuse. */
#define WELL_NS (12 * PHUB__SIM_S)

static int acted(const struct sim_child *child, struct phub_epoch incarnation)
{
    for (uint32_t i = 0; i < SIM_LIVES_MAX; i++)
        if (child->lives[i].serial != 0 && child->lives[i].acted_ns != 0
            && phub_epoch_cmp(child->lives[i].incarnation, incarnation) == 0)
            return 1;
    return 0;
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
    if (answer->code == PHUB_EEXIST && answer->alone && !sim_was_cut(c)
        && (answer->before == SIM_STOP || answer->before == SIM_NOTHING)
        && sim_rows_live(c, child, &incarnation) == 0)
        sim_broken_child(c, 5, child, "start %s is refused as started "
                         "already, and no registry has it", child->id);
}

static void stop_answered(struct sim_case *c, struct sim_child *child,
                          const struct sim_answer *answer)
{
    for (uint32_t i = 0; i < SIM_LIVES_MAX; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life->serial == 0 || !life->acts || !answer->alone
            || !sim_was_well(c, life->node, WELL_NS))
            continue;
        if (answer->code == 0)
            sim_broken_child(c, 5, child, "stop %s is answered as done, and "
                             "it acts on n%u/%lld", child->id, life->node,
                             (long long)life->pid);
        else if (answer->code == PHUB_ENOTFOUND
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
    for (uint32_t i = 0; i < SIM_LIVES_MAX; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life->serial != 0 && life->node == answer->target
            && life->acted_ns != 0
            && (life->ended_ns == 0 || life->ended_ns >= answer->issued_ns))
            return;
    }
    sim_broken_child(c, 5, child, "move %s is answered as done, and it has "
                     "not acted on n%u", child->id, answer->target);
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
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
