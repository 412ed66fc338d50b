/* SPDX-License-Identifier: MIT */
/* run: random schedules over a range of seeds. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "sim/tool.h"

#define FAILURES_MAX 10u

static double now_s(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

struct run {
    struct sim_args args;
    uint64_t cases, broken;
    double virtual_s, began_s;
};

static void told(struct run *run, const struct sim_options *options,
                 const struct sim_result *result)
{
    char command[SIM_COMMAND_MAX];

    run->cases++;
    run->virtual_s += (double)result->virtual_ns / 1e9;
    if (run->args.trace)
        printf("seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, "
               "%.3f s\n", options->seed, result->hash, result->events,
               (double)result->virtual_ns / 1e9);
    if (!result->broken)
        return;
    run->broken++;
    sim_args_command(&run->args, options, command, sizeof(command));
    printf("%s\n    again: %s\n", result->story, command);
    (void)fflush(stdout);
}

static void play(struct run *run, uint64_t seed)
{
    uint32_t combinations = sim_args_combinations(&run->args);

    for (uint32_t i = 0; i < combinations; i++) {
        struct sim_options options;
        struct sim_result result;

        sim_args_case(&run->args, seed, i, &options);
        if (run->args.trace)
            options.trace = stdout;
        (void)sim_schedule(&options, &result);
        told(run, &options, &result);
    }
}

int sim_verb_run(int argc, char **argv)
{
    struct run run = { .cases = 0 };
    double took;
    int code;

    if (sim_args_read(&run.args, argc, argv, &code) != 0)
        return code;
    if (run.args.path != NULL)
        (void)setenv("PHUB_PLUGIN_PATH", run.args.path, 1);
    run.began_s = now_s();
    for (uint64_t seed = run.args.seeds.first;
         seed <= run.args.seeds.last
             && (run.args.keep_going || run.broken < FAILURES_MAX); seed++)
        play(&run, seed);
    took = now_s() - run.began_s + 1e-9;
    printf("%" PRIu64 " cases, %" PRIu64 " broken, %.1f cases/s, %.0f times "
           "real time\n", run.cases, run.broken, (double)run.cases / took,
           run.virtual_s / took);
    sim_args_fini(&run.args);
    return run.broken == 0 ? SIM_EXIT_DONE : SIM_EXIT_BROKEN;
}
