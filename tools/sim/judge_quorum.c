/* SPDX-License-Identifier: MIT */
/* judge_quorum: promise 8: the partition strategy is asked before anything is
 * redistributed, and a graceful leave is not a loss.
 *
 * Watched on each node: between a change of the view and the verdict about it
 * nothing is placed or moved because of it, and after a verdict other than
 * CONTINUE nothing is placed at all.  After STOP what runs there ends.  What
 * an operator or a drain asked for is no redistribution; it needs the verdict
 * in force, not a new one.
 *
 * A node that said goodbye is named as left.  Excused: a goodbye that a fault
 * (of that node or of who heard it) may have swallowed. */
#include "config.h"

#include <stdio.h>

#include "sim/judge.h"

#define STOPPED_NS (15 * PHUB__SIM_S)
#define CALM_NS (20 * PHUB__SIM_S)

static int by_the_view(uint32_t cause)
{
    return cause == PHUB_CAUSE_NODE_LOST || cause == PHUB_CAUSE_NODE_LEFT
        || cause == PHUB_CAUSE_NODE_JOINED;
}

static void used(struct sim_case *c, uint32_t node, uint32_t cause,
                 const char *what)
{
    const struct sim_node_model *model = &c->judges->nodes[node];

    if (model->view_open && by_the_view(cause))
        sim_broken(c, 8, "n%u %s children (cause %u) before its partition "
                   "strategy was asked about the view", node, what, cause);
    else if (model->verdict != 0 && model->verdict != PHUB_VERDICT_CONTINUE)
        sim_broken(c, 8, "n%u %s children (cause %u), and its partition "
                   "strategy said %s", node, what, cause,
                   model->verdict == PHUB_VERDICT_STOP ? "stop" : "freeze");
    else if (model->verdict == 0)
        sim_broken(c, 8, "n%u %s children (cause %u), and its partition "
                   "strategy was never asked", node, what, cause);
}

static void assigned(struct sim_case *c, uint32_t node, uint32_t cause)
{
    used(c, node, cause, "places");
}

/* A drain takes away what the verdict would not let stay either. */
static void begun(struct sim_case *c, uint32_t node, uint32_t cause)
{
    if (by_the_view(cause))
        used(c, node, cause, "moves");
}

static void judged(struct sim_case *c, uint32_t node,
                   const struct phub_judge *judge, uint32_t verdict)
{
    (void)verdict;
    for (uint32_t i = 0; i < judge->lost_count; i++) {
        uint32_t lost = sim_node_by_id(c, judge->lost[i]);
        const struct sim_node_model *model;

        if (lost == UINT32_MAX)
            continue;
        model = &c->judges->nodes[lost];
        if (model->left_ns != 0 && model->left_ns >= model->disturbed_ns
            && model->ended_ns + PHUB__SIM_S >= model->left_ns
            && model->left_ns > model->disturbed_ns + CALM_NS
            && sim_was_well(c, node, CALM_NS)
            && c->judges->fault_ns + CALM_NS < model->left_ns)
            sim_broken(c, 8, "n%u said goodbye, and n%u judges it as lost",
                       lost, node);
    }
}

static void ticked(struct sim_case *c)
{
    uint64_t now = phub__world_now(c->world);
    uint32_t i, stopped = 0;

    for (i = 0; i < c->options.nodes; i++)
        stopped += c->judges->nodes[i].verdict == PHUB_VERDICT_STOP;
    for (i = 0; stopped != 0 && i < c->options.children; i++)
        for (uint32_t k = 0; k < c->children[i].lives_count; k++) {
            const struct sim_life *life = &c->children[i].lives[k];
            const struct sim_node_model *model =
                &c->judges->nodes[life->node];

            if (life->serial != 0 && life->acts
                && model->verdict == PHUB_VERDICT_STOP
                && model->verdict_ns + STOPPED_NS < now
                && sim_was_well(c, life->node, STOPPED_NS))
                sim_broken_child(c, 8, &c->children[i], "child %s acts on "
                                 "n%u %u s after the verdict 'stop'",
                                 c->children[i].id, life->node,
                                 (unsigned)(STOPPED_NS / PHUB__SIM_S));
        }
}

const struct sim_judge sim_judge_quorum = {
    .name = "quorum", .promise = 8,
    .claim = "the partition strategy is asked first",
    .assigned = assigned, .begun = begun, .judged = judged, .ticked = ticked
};
