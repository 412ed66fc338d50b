/* SPDX-License-Identifier: MIT */
/* judge_resurrected: promise 4: no stopped child comes back.
 *
 * Nothing begins that nobody asked for.  Once a stop was acknowledged, no
 * instance of that life begins any more, unless a cut separates it from those
 * who know, or its spawner was at work already.  A standby may begin, because
 * the word of a move that ended with the stop travels still, but never acts.
 * In the end none runs, whoever was away. */
#include "config.h"

#include <stdio.h>

#include "sim/judge.h"

#define SPAWN_NS (5 * PHUB__SIM_MS)  /* a spawn takes that long at most */

static void judge(struct sim_case *c, const struct sim_child *child,
                  const struct sim_life *life, const char *does)
{
    if (phub_epoch_cmp(life->incarnation, child->stopped) <= 0
        && child->wish == SIM_STOP && !sim_was_cut(c)
        && phub__world_now(c->world) > child->wished_ns + SPAWN_NS)
        sim_broken_child(c, 4, child, "child %s %s on n%u, and its stop "
                         "was acknowledged", child->id, does, life->node);
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    if (!child->asked_to_start)
        sim_broken_child(c, 4, child, "child %s begins on n%u, and nobody "
                         "asked for it", child->id, life->node);
    if (!facts->standby)
        judge(c, child, life, "begins");
}

static void acting(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts)
{
    (void)facts;
    if (acts)
        judge(c, child, life, "acts");
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
    (void)c;
    if (answer->op == PHUB__OP_STOP && answer->code == 0 && answer->alone)
        child->stopped = child->incarnation;
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        const struct sim_child *child = &c->children[i];
        uint32_t alive = 0;

        for (uint32_t k = 0; k < SIM_LIVES_MAX; k++)
            alive += child->lives[k].serial != 0
                && child->lives[k].ended_ns == 0;
        if (alive == 0
            || (child->wish != SIM_STOP && child->wish != SIM_NOTHING))
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "child %s runs, and people "
                           "stopped it", child->id);
        *child_ = child;
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_resurrected = {
    .name = "resurrected", .promise = 4,
    .claim = "no stopped child comes back",
    .began = began, .acting = acting, .answered = answered, .quiet = quiet
};
