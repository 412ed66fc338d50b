/* SPDX-License-Identifier: MIT */
/* scenario: the scene that every scenario begins with. */
#include "config.h"

#include "scenario.h"

static int all_run(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].wish != SIM_RUN)
            return 0;
    return 1;
}

struct sim_case *sim_scene(uint64_t seed, uint32_t nodes, uint32_t children,
                           const char *migration, int durable)
{
    struct sim_options options;
    struct sim_case *c;

    sim_options_init(&options, seed);
    options.nodes = nodes;
    options.children = children;
    options.strategies[PHUB_KIND_MIGRATION].name = migration;
    options.durable = durable;
    c = sim_case_new(&options);
    sim_boot(c, 0, nodes);
    if (!sim_run_until(c, 5000, sim_members_agree))
        sim_broken(c, 6, "%u nodes found no common view in 5 s", nodes);
    sim_run(c, 1000);
    sim_start(c, 0, 0, children);
    if (!sim_run_until(c, 5000, all_run))
        sim_broken(c, 1, "%u children do not run after 5 s", children);
    sim_clients_start(c);
    sim_run(c, 500);
    return c;
}
