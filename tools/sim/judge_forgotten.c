/* SPDX-License-Identifier: MIT */
/* judge_forgotten: promise 4: a forgotten node stays away.
 *
 * Once people were told that a node is forgotten, no member has it in its view,
 * and no child begins there.  Whoever has just started, was cut off or frozen,
 * or has lost frames, has HEARD_NS to hear of it; the machine may come back as
 * another node, which has another id. */
#include "config.h"

#include "cluster/view.h"
#include "sim/judge.h"

#define HEARD_NS (10 * PHUB__SIM_S)

/* Has all been calm since long before now, and since people were told? */
static int heard(const struct sim_case *c, uint32_t node, uint64_t since_ns)
{
    uint64_t now = phub__world_now(c->world);

    return c->present[node] && sim_was_well(c, node, HEARD_NS)
        && now > c->judges->fault_ns + HEARD_NS && now > since_ns + HEARD_NS;
}

/* The model of the node that had that id when it was forgotten, or NULL. */
static const struct sim_node_model *forgotten(const struct sim_case *c,
                                              uint64_t id)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->judges->nodes[i].forgotten == id && id != 0)
            return &c->judges->nodes[i];
    return NULL;
}

static void look(struct sim_case *c, uint32_t node)
{
    const struct sim_daemon *daemon = sim_daemon(c, node);

    if (daemon == NULL || forgotten(c, daemon->hub->node) != NULL)
        return;
    for (uint32_t i = 0; i < c->options.nodes && !c->broken; i++) {
        const struct sim_node_model *model = &c->judges->nodes[i];

        if (model->forgotten != 0 && heard(c, node, model->forgotten_ns)
            && phub__view_index(phub__hub_view(daemon->hub),
                                model->forgotten) != PHUB__VIEW_NONE)
            sim_broken(c, 4, "node n%u was forgotten, and n%u has it in its "
                       "view", i, node);
    }
}

static void ticked(struct sim_case *c)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_node_model *model = &c->judges->nodes[i];

        count += c->forgotten[i] != 0;
        if (model->forgotten == c->forgotten[i])
            continue;
        model->forgotten = c->forgotten[i];
        model->forgotten_ns = phub__world_now(c->world);
    }
    for (uint32_t i = 0; i < c->options.nodes && count > 0; i++)
        look(c, i);
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    const struct sim_daemon *daemon = sim_daemon(c, life->node);
    const struct sim_node_model *model =
        daemon != NULL ? forgotten(c, daemon->hub->node) : NULL;

    (void)facts;
    if (model != NULL && heard(c, life->node, model->forgotten_ns))
        sim_broken_child(c, 4, child, "child %s begins on n%u, which was "
                         "forgotten", child->id, life->node);
}

const struct sim_judge sim_judge_forgotten = {
    .name = "forgotten", .promise = 4,
    .claim = "a forgotten node stays away",
    .began = began, .ticked = ticked
};
