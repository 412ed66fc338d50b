/* SPDX-License-Identifier: MIT */
/* scenario_row: schedules 7, 8 and 9 of the design: rows, and what was said
 * about them.  (12, a stop and an edit at one moment, is the registry's.) */
#include "config.h"

#include "scenario.h"

/* 7. A store loses its tail; the node reuses a sequence number that peers
 * already hold. */
static struct sim_case *store_loses_its_tail(uint32_t variant)
{
    struct sim_case *c;

    if (variant >= 12)
        return NULL;
    c = sim_scene(700 + variant, 3, 8, "hotswap", 1);
    if (c->broken)
        return c;
    for (uint32_t i = 0; i < 3 && !c->broken; i++) {
        sim_stop(c, variant % 3, 2 * i, 2 * i + 1);
        phub__world_run(c->world, phub__world_now(c->world)
                        + variant * 500 * PHUB__SIM_US);
        sim_power_off(c, variant % 3);
        sim_run(c, 20 + 1500 * (variant & 1));
        sim_start_node(c, variant % 3);
        sim_run(c, 6000);
    }
    sim_judge_quiet(c);
    return c;
}

static int first_runs(struct sim_case *c)
{
    return c->children[0].wish != SIM_UNKNOWN;
}

/* 8. A start is acknowledged, and its author dies before anybody else has the
 * row: each node in turn is killed at the moment of the acknowledgement. */
static struct sim_case *author_dies(uint32_t variant)
{
    struct sim_options options;
    struct sim_case *c;

    if (variant >= 12)
        return NULL;
    sim_options_init(&options, 800 + variant / 3);
    options.nodes = 3;
    options.children = 1;
    c = sim_case_new(&options);
    sim_boot(c, 0, 3);
    sim_run(c, 3000);
    sim_start(c, variant % 2, 0, 1);
    while (!c->broken && !first_runs(c) && phub__world_step(c->world))
        ;
    sim_power_off(c, variant % 3);
    sim_judge_quiet(c);
    return c;
}

/* 9. A stop overtakes a start: they are asked for at two nodes at once, in a
 * network that reorders. */
static struct sim_case *stop_overtakes_start(uint32_t variant)
{
    struct phub__sim_net rough = { PHUB__SIM_MS, 2 * PHUB__SIM_MS, 0, 20, 20,
                                   300 };
    struct sim_options options;
    struct sim_case *c;

    if (variant >= 12)
        return NULL;
    sim_options_init(&options, 950 + variant);
    options.nodes = 4;
    options.children = 6;
    c = sim_case_new(&options);
    sim_boot(c, 0, 4);
    sim_run(c, 3000);
    phub__world_net(c->world, &rough);
    sim_start(c, 0, 0, 6);
    phub__world_run(c->world, phub__world_now(c->world)
                    + variant * PHUB__SIM_MS);
    sim_stop(c, 1, 0, 6);
    sim_judge_quiet(c);
    return c;
}

const struct sim_scenario sim_scenarios_row[] = {
    { "7_store_loses_its_tail", store_loses_its_tail },
    { "8_author_dies", author_dies },
    { "9_stop_overtakes_start", stop_overtakes_start },
    { NULL, NULL }
};
