/* SPDX-License-Identifier: MIT */
/* scenario: the schedules of section 15 of the design, by number. */
#ifndef PHUB_TESTS_SIM_SCENARIO_H
#define PHUB_TESTS_SIM_SCENARIO_H

#include "sim/case.h"

/* Each builds its case, plays, and gives it back with what was broken. */
struct sim_scenario {
    const char *name;
    /* variant counts from 0; NULL: there is no such variant. */
    struct sim_case *(*play)(uint32_t variant);
};
extern const struct sim_scenario sim_scenarios_move[];
extern const struct sim_scenario sim_scenarios_lease[];
extern const struct sim_scenario sim_scenarios_row[];
/* A cluster of that many nodes, all children started, clients at work. */
struct sim_case *sim_scene(uint64_t seed, uint32_t nodes, uint32_t children,
                           const char *migration, int durable);

#endif
