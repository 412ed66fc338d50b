/* SPDX-License-Identifier: MIT */
/* judge_scene: promises that are measured in a scene of their own, on a case
 * in which all is well. */
#ifndef PHUB_TOOLS_SIM_JUDGE_SCENE_H
#define PHUB_TOOLS_SIM_JUDGE_SCENE_H

#include "sim/case.h"

/* Have all registries equal rows?  text may be NULL. */
int sim_registries_equal(struct sim_case *c, char *text, size_t text_max);

/* Promise 6: cut node off for twice away_ms, with change() in the middle; heal,
 * and weigh what the repair took against the rows that differed. */
void sim_judge_repair(struct sim_case *c, uint32_t node, uint64_t away_ms,
                      void (*change)(struct sim_case *c));

/* Promise 5: all is well and nothing happens any more: people start, stop and
 * move some children once again, and get exactly what they ask for. */
void sim_judge_calm(struct sim_case *c);

/* Promise 9: a steady life for twice ms, that of churn() every second; tables
 * and memory are the same after its first half and after its second. */
void sim_judge_steady(struct sim_case *c, uint64_t ms,
                      void (*churn)(struct sim_case *c));

enum sim_sick { SIM_SICK_FROZEN, SIM_SICK_SLOW, SIM_SICK_FLOODING };

struct sim_calls {
    uint32_t calls, failed;
    uint64_t p50_ns, p99_ns, max_ns;
};

/* Calls by name between all nodes but sick, to children that run there. */
void sim_measure_calls(struct sim_case *c, uint32_t sick, uint32_t count,
                       struct sim_calls *calls);
/* Promise 10: what they take while node sick is as told, against before. */
void sim_judge_delay(struct sim_case *c, uint32_t sick, enum sim_sick how,
                     struct sim_calls *before, struct sim_calls *during);
/* Just the comparison. */
void sim_judge_calls(struct sim_case *c, const struct sim_calls *before,
                     const struct sim_calls *during);

#endif
