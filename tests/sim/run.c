/* SPDX-License-Identifier: MIT */
/* run: random schedules over a range of seeds.
 *
 *   tests/sim_run [--seeds FIRST..LAST] [--nodes MIN..MAX]
 *
 * Prints seeds per second; for a broken promise the story, and the command
 * that plays it again with its trace.  Without --seeds, as make check runs
 * it, seeds 1 to PHUB_SIM_SEEDS (or a fixed number) are run. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim/case.h"

#define SEEDS_DEFAULT 40u
#define FAILURES_MAX 10u

static int range(const char *text, uint64_t *first, uint64_t *last)
{
    char *end;

    *first = *last = strtoull(text, &end, 10);
    if (strncmp(end, "..", 2) == 0)
        *last = strtoull(end + 2, &end, 10);
    return *end == '\0' && *first <= *last ? 0 : -1;
}

static double now_s(void)
{
    struct timespec ts;

    (void)clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static int usage(void)
{
    fputs("usage: sim_run [--seeds FIRST..LAST] [--nodes MIN..MAX] "
          "[--trace] [--keep-going]\n", stderr);
    return 2;
}

int main(int argc, char **argv)
{
    const char *budget = getenv("PHUB_SIM_SEEDS");
    uint64_t first = 1, last = SEEDS_DEFAULT, nodes_min = 3, nodes_max = 8;
    uint64_t virtual_ns = 0, seeds = 0, failures = 0;
    int trace = 0, keep_going = 0;
    double began = now_s(), took;

    if (budget != NULL)
        last = strtoull(budget, NULL, 10);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            if (range(argv[++i], &first, &last) != 0)
                return usage();
        } else if (strcmp(argv[i], "--nodes") == 0 && i + 1 < argc) {
            if (range(argv[++i], &nodes_min, &nodes_max) != 0
                || nodes_min < 2 || nodes_max > SIM_NODES_MAX)
                return usage();
        } else if (strcmp(argv[i], "--trace") == 0) {
            trace = 1;
        } else if (strcmp(argv[i], "--keep-going") == 0) {
            keep_going = 1;
        } else {
            return usage();
        }
    }
    for (uint64_t seed = first; seed <= last; seed++) {
        struct sim_options options;
        char text[600];

        sim_schedule_options(&options, seed, (uint32_t)nodes_min,
                             (uint32_t)nodes_max);
        if (trace)
            options.trace = stdout;
        seeds++;
        if (sim_schedule(&options, text, sizeof(text), &virtual_ns) == 0)
            continue;
        failures++;
        printf("%s\n    again: tests/sim_run --seeds %llu --nodes %llu..%llu "
               "--trace\n", text, (unsigned long long)seed,
               (unsigned long long)nodes_min, (unsigned long long)nodes_max);
        (void)fflush(stdout);
        if (!keep_going && failures >= FAILURES_MAX)
            break;
    }
    took = now_s() - began;
    printf("%llu seeds, %llu broken, %.1f seeds/s, %.0f times real time\n",
           (unsigned long long)seeds, (unsigned long long)failures,
           (double)seeds / (took + 1e-9),
           (double)virtual_ns / 1e9 / (took + 1e-9));
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
