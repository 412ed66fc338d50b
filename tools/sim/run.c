/* SPDX-License-Identifier: MIT */
/* run: random schedules over a range of seeds, in parallel.
 *
 * A job is one seed, or with --matrix one seed with one combination of
 * strategies.  What is broken is told as it comes; the last line counts. */
#include "config.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "sim/pool.h"
#include "sim/tool.h"
#include "wire/assert.h"

#define FAILURES_MAX 10u

struct run {
    struct sim_args args;
    uint32_t combinations;
    struct sim_progress progress;
    uint64_t cases, broken;
    double virtual_s;
};

static void job_case(const struct run *run, uint64_t job,
                     struct sim_options *options)
{
    sim_args_case(&run->args, run->args.seeds.first
                  + job / run->combinations,
                  (uint32_t)(job % run->combinations), options);
}

static void work(void *arg, uint64_t job, struct sim_slot *slot,
                 FILE *answer)
{
    const struct run *run = arg;
    struct sim_options options;
    struct sim_result result;

    job_case(run, job, &options);
    options.calls = &slot->calls;
    options.beat_ns = &slot->beat_ns;
    if (run->args.trace)
        options.trace = stdout;
    (void)sim_schedule(&options, &result);
    (void)fwrite(&result, sizeof(result), 1, answer);
}

/* --- telling -------------------------------------------------------------- */

static void json_line(json_t *object)
{
    phub__assert(object != NULL);
    (void)json_dumpf(object, stdout, JSON_COMPACT | JSON_PRESERVE_ORDER);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

static void told_json(const struct sim_options *options,
                      const struct sim_result *result, const char *command)
{
    const struct phub__strategy_option *s = options->strategies;
    char hash[17];

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, result->hash);
    json_line(json_pack("{s:I s:b s:s s:s s:i s:i s:b s:s s:s s:s s:s s:s "
        "s:s s:I s:f s:I s:I s:I s:I s:I s:I}",
        "seed", (json_int_t)options->seed, "broken", result->broken,
        "story", result->story, "command", command,
        "nodes", (int)options->nodes, "children", (int)options->children,
        "durable", options->durable,
        "distribution", s[PHUB_KIND_DISTRIBUTION].name,
        "redundancy", s[PHUB_KIND_REDUNDANCY].name,
        "sync", s[PHUB_KIND_SYNC].name,
        "migration", s[PHUB_KIND_MIGRATION].name,
        "partition", s[PHUB_KIND_PARTITION].name, "hash", hash,
        "events", (json_int_t)result->events,
        "virtual_s", (double)result->virtual_ns / 1e9,
        "updates", (json_int_t)result->updates,
        "starts", (json_int_t)result->starts,
        "stops", (json_int_t)result->stops,
        "moves", (json_int_t)result->moves,
        "messages", (json_int_t)result->frames,
        "bytes", (json_int_t)result->bytes));
}

static void told(struct run *run, const struct sim_options *options,
                 const struct sim_result *result)
{
    char command[SIM_COMMAND_MAX];
    const char *red = run->progress.colour ? "\033[31m" : "";

    run->cases++;
    run->broken += result->broken != 0;
    run->virtual_s += (double)result->virtual_ns / 1e9;
    sim_args_command(&run->args, options, command, sizeof(command));
    sim_progress_hide(&run->progress);
    if (run->args.json) {
        told_json(options, result, command);
        return;
    }
    if (run->args.trace)
        printf("seed %" PRIu64 ": hash %016" PRIx64 ", %" PRIu64 " events, "
               "%.3f s, %" PRIu64 " updates\n", options->seed, result->hash,
               result->events, (double)result->virtual_ns / 1e9,
               result->updates);
    if (result->broken)
        printf("%s%s%s\n    again: %s\n", red, result->story,
               red[0] == '\0' ? "" : "\033[m", command);
    (void)fflush(stdout);
}

static int over(const struct run *run)
{
    return !run->args.keep_going && run->broken >= FAILURES_MAX;
}

static int done(void *arg, uint64_t job, const void *answer, size_t size)
{
    struct run *run = arg;
    struct sim_options options;
    struct sim_result result;

    phub__assert(size == sizeof(result));
    memcpy(&result, answer, size);
    job_case(run, job, &options);
    told(run, &options, &result);
    return over(run);
}

static int died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct run *run = arg;
    struct sim_options options;
    struct sim_result result = { .broken = 1,
                                 .virtual_ns = slot->beat_ns };

    job_case(run, slot->job, &options);
    (void)snprintf(result.story, sizeof(result.story), "seed %" PRIu64
                   ", %.6f s: %s", options.seed,
                   (double)slot->beat_ns / 1e9, how);
    told(run, &options, &result);
    return over(run);
}

static void tick(void *arg)
{
    struct run *run = arg;

    sim_progress_show(&run->progress, run->cases, run->broken,
                      run->virtual_s);
}

static void summary(struct run *run)
{
    double took = sim_now_s() - run->progress.began_s + 1e-9;

    sim_progress_hide(&run->progress);
    if (run->args.json)
        json_line(json_pack("{s:I s:I s:f s:f}",
            "cases", (json_int_t)run->cases,
            "broken_cases", (json_int_t)run->broken, "seconds", took,
            "times_real_time", run->virtual_s / took));
    else
        printf("%" PRIu64 " cases, %" PRIu64 " broken, %.1f cases/s, %.0f "
               "times real time\n", run->cases, run->broken,
               (double)run->cases / took, run->virtual_s / took);
}

int sim_verb_run(int argc, char **argv)
{
    struct run run = { .cases = 0 };
    struct sim_pool pool = { .work = work, .done = done, .died = died,
                             .tick = tick, .arg = &run };
    int code;

    if (sim_args_read(&run.args, argc, argv, &code) != 0)
        return code;
    code = sim_sandbox_look(&run.args);
    if (code == SIM_EXIT_DONE) {
        run.combinations = sim_args_combinations(&run.args);
        pool.jobs = (run.args.seeds.last - run.args.seeds.first + 1)
            * run.combinations;
        pool.workers = run.args.trace && run.args.workers > 1
            ? 1 : run.args.workers;
        sim_progress_init(&run.progress, pool.jobs, run.args.progress);
        if (sim_pool_run(&pool) != 0)
            code = SIM_EXIT_BROKEN;
        else
            summary(&run);
    }
    sim_args_fini(&run.args);
    return run.broken != 0 ? SIM_EXIT_BROKEN : code;
}
