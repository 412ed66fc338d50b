/* SPDX-License-Identifier: MIT */
/* scenario: a schedule as a text, phub-scenario(5).
 *
 * A file is parsed once and played once for each of its variants: a new
 * world, the settings, the actions in their order, and at the end the judges,
 * who look when all is quiet.  What is said about a mistake names file, line,
 * what was found and what is allowed.
 * Thread: any; a scenario that was parsed is not changed by playing it. */
#ifndef PHUB_TOOLS_SIM_SCENARIO_H
#define PHUB_TOOLS_SIM_SCENARIO_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/case.h"

#define SIM_SCENARIO_SIZE_MAX (1u << 20)
#define SIM_SCENARIO_LINE_MAX 1000u       /* bytes */
#define SIM_SCENARIO_TOKENS_MAX 400u      /* of a line */
#define SIM_SCENARIO_DEPTH_MAX 32u        /* parentheses, and statements */
#define SIM_SCENARIO_NAMES_MAX 32u        /* $v and what let makes */
#define SIM_SCENARIO_VARIANTS_MAX 100000u
#define SIM_SCENARIO_TIME_MAX_S 100000000u

struct sim_scenario;

/* name is for messages.  Errors: PHUB_EINVAL with a sentence in error. */
int sim_scenario_parse(const char *name, const char *text, size_t size,
                       struct sim_scenario **scenario, char *error,
                       size_t error_max);
/* The same from a file; PHUB_EIO if it cannot be read. */
int sim_scenario_read(const char *file, struct sim_scenario **scenario,
                      char *error, size_t error_max);
void sim_scenario_free(struct sim_scenario **scenario);
void sim_scenario_variants(const struct sim_scenario *scenario,
                           uint64_t *first, uint64_t *last);

struct sim_play_options {
    FILE *trace;               /* NULL: none */
    /* Has the last word about the settings; may be NULL. */
    void (*adjust)(void *arg, struct sim_options *options);
    void *arg;
};

enum sim_outcome {
    SIM_KEPT,                  /* as it should be */
    SIM_BROKEN,                /* a promise, or what the file expects */
    SIM_MISTAKE                /* of the file: text names its line */
};

struct sim_played {
    char text[SIM_STORY_MAX + 400]; /* the story, or the mistake; "" if kept */
    uint64_t virtual_ns;
    uint64_t hash;             /* of the world's events */
    uint64_t updates;
};

enum sim_outcome sim_scenario_play(const struct sim_scenario *scenario,
                                   uint64_t variant,
                                   const struct sim_play_options *how,
                                   struct sim_played *played);

/* The forms of statement number index (0 first); NULL after the last. */
const char *sim_scenario_form(size_t index);

#endif
