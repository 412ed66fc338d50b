/* SPDX-License-Identifier: MIT */
/* judge_drained: promise 5: a drained node is empty, and stays so.
 *
 * Once people were told that a node is drained, no instance is there in the
 * end, active or not, until its daemon is started anew.  Two things excuse:
 * that nobody else would take the children, because all others were to be
 * drained as well; and that a child does not give its state, so that it cannot
 * move: a replica of it may have been promoted there. */
#include "config.h"

#include <stdio.h>

#include "sim/judge.h"

static int somebody_takes(struct sim_case *c, uint32_t drained)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (i != drained && c->present[i] && sim_daemon(c, i) != NULL
            && !c->judges->nodes[i].draining)
            return 1;
    return 0;
}

static int lives_on(const struct sim_child *child, uint32_t node)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (child->lives[i].serial != 0 && child->lives[i].ended_ns == 0
            && child->lives[i].node == node)
            return 1;
    return 0;
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (c->judges->nodes[i].drained_ns == 0 || sim_daemon(c, i) == NULL
            || !c->present[i] || !somebody_takes(c, i))
            continue;
        for (uint32_t k = 0; k < c->options.children; k++) {
            if (!lives_on(&c->children[k], i)
                || sim_child_keeps_state(&c->children[k]))
                continue;
            if (text != NULL)
                (void)snprintf(text, text_max, "child %s is on n%u, of "
                               "which people were told at %.3f s that it is "
                               "drained", c->children[k].id, i,
                               (double)c->judges->nodes[i].drained_ns / 1e9);
            *child_ = &c->children[k];
            return 0;
        }
    }
    return 1;
}

void sim_judges_drain(struct sim_case *c, uint32_t node, uint64_t issued_ns,
                      int done)
{
    struct sim_node_model *model = &c->judges->nodes[node];

    if (model->began_ns > issued_ns)
        return; /* another process than the one that was asked */
    model->draining = 1;
    if (done)
        model->drained_ns = phub__world_now(c->world);
}

const struct sim_judge sim_judge_drained = {
    .name = "drained", .promise = 5,
    .claim = "a drained node is empty, and stays so",
    .quiet = quiet
};
