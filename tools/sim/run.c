/* SPDX-License-Identifier: MIT */
/* run: random schedules over a range of seeds, in parallel.
 *
 * A job is one seed, or with --matrix one seed with one combination of
 * strategies.  What is broken is told as it comes; the last line counts. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/measure.h"
#include "sim/pool.h"
#include "sim/record.h"
#include "sim/tool.h"
#include "wire/assert.h"

#define FAILURES_MAX 10u

struct run {
    struct sim_args args;
    uint32_t combinations;
    struct sim_progress progress;
    uint64_t cases, broken;
    double virtual_s;
    struct sim_figures *figures;       /* of each combination, or NULL */
};

static void job_case(const struct run *run, uint64_t job,
                     struct sim_options *options)
{
    sim_args_case(&run->args, run->args.seeds.first
                  + job / run->combinations,
                  (uint32_t)(job % run->combinations), options);
}

/* "consistent_hash singularity pubsub hotswap divergence" */
static void title_of(const struct sim_options *options, char *text,
                     size_t text_max)
{
    size_t used = 0;

    text[0] = '\0';
    for (uint32_t kind = 1; kind < PHUB__KINDS && used < text_max; kind++) {
        const char *name = options->strategies[kind].name;
        const char *slash = strrchr(name, '/');

        used += (size_t)snprintf(text + used, text_max - used, "%s%s",
                                 kind == 1 ? "" : ", ",
                                 slash == NULL ? name : slash + 1);
    }
}

static void draw(const struct run *run, const struct sim_measure *measure,
                 const struct sim_options *options)
{
    FILE *file = fopen(run->args.svg, "w");
    char title[512];

    title_of(options, title, sizeof(title));
    if (file == NULL
        || sim_svg_write(measure, options, title, file) != 0)
        fprintf(stderr, "phub-sim run: %s: %s\n", run->args.svg,
                strerror(errno));
    if (file != NULL)
        (void)fclose(file);
}

static void save(const struct run *run, const struct sim_options *options,
                 const struct sim_result *result)
{
    FILE *file = fopen(run->args.save, "w");
    char why[SIM_COMMAND_MAX + SIM_STORY_MAX + 16], command[SIM_COMMAND_MAX];
    struct sim_subset all;

    sim_args_command(&run->args, options, command, sizeof(command));
    (void)snprintf(why, sizeof(why), "%s%sFrom: %s", result->story,
                   result->broken ? "\n" : "", command);
    sim_subset_all(options->record, options, &all);
    if (file != NULL && !options->record->full)
        sim_record_write(options->record, &all, options, why, file);
    if (options->record->full)
        errno = EFBIG;
    if (file == NULL || options->record->full || ferror(file)
        || fflush(file) != 0)
        fprintf(stderr, "phub-sim run: %s: %s\n", run->args.save,
                strerror(errno));
    if (file != NULL)
        (void)fclose(file);
    sim_subset_fini(&all);
}

static void work(void *arg, uint64_t job, struct sim_slot *slot,
                 FILE *answer)
{
    const struct run *run = arg;
    struct sim_measure *measure = NULL;
    struct sim_options options;
    struct sim_result result;

    job_case(run, job, &options);
    options.calls = &slot->calls;
    options.beat_ns = &slot->beat_ns;
    if (run->args.trace)
        options.trace = run->args.json ? sim_trace_json() : stdout;
    if (run->args.save != NULL)
        options.record = sim_record_new();
    if (run->figures != NULL || (run->args.svg != NULL && job == 0))
        measure = sim_measure_new(&options);
    (void)sim_schedule(&options, &result);
    if (run->args.trace && run->args.json)
        (void)fclose(options.trace);
    (void)fwrite(&result, sizeof(result), 1, answer);
    if (measure != NULL)
        sim_figures_write(sim_measure_figures(measure), answer);
    if (run->args.svg != NULL && job == 0)
        draw(run, measure, &options);
    if (options.record != NULL)
        save(run, &options, &result);
    sim_record_free(&options.record);
    sim_measure_free(&measure);
}

/* --- telling -------------------------------------------------------------- */

static void told_json(const struct sim_options *options,
                      const struct sim_result *result, const char *command)
{
    const struct phub__strategy_option *s = options->strategies;
    char hash[17];

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, result->hash);
    sim_json_line(json_pack("{s:I s:b s:s s:s s:i s:i s:b s:s s:s s:s s:s s:s "
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

    phub__assert(size >= sizeof(result));
    memcpy(&result, answer, sizeof(result));
    job_case(run, job, &options);
    if (run->figures != NULL)
        (void)sim_figures_add(&run->figures[job % run->combinations],
                              (const uint8_t *)answer + sizeof(result),
                              size - sizeof(result));
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
        sim_json_line(json_pack("{s:I s:I s:f s:f}",
            "cases", (json_int_t)run->cases,
            "broken_cases", (json_int_t)run->broken, "seconds", took,
            "times_real_time", run->virtual_s / took));
    else
        printf("%" PRIu64 " cases, %" PRIu64 " broken, %.1f cases/s, %.0f "
               "times real time\n", run->cases, run->broken,
               (double)run->cases / took, run->virtual_s / took);
}

static void report(struct run *run)
{
    for (uint32_t i = 0; i < run->combinations && run->figures != NULL; i++) {
        struct sim_options options;
        char title[512];

        sim_args_case(&run->args, run->args.seeds.first, i, &options);
        title_of(&options, title, sizeof(title));
        if (!run->args.matrix && run->args.seeds.first
                != run->args.seeds.last)
            (void)snprintf(title, sizeof(title), "all strategies together");
        if (run->args.json)
            sim_figures_json(&run->figures[i], title);
        else
            sim_figures_print(&run->figures[i], title);
        sim_figures_fini(&run->figures[i]);
    }
    free(run->figures);
    run->figures = NULL;
}

static int play(struct run *run)
{
    struct sim_pool pool = { .work = work, .done = done, .died = died,
                             .tick = tick, .arg = run };

    pool.jobs = (run->args.seeds.last - run->args.seeds.first + 1)
        * run->combinations;
    pool.workers = run->args.trace && run->args.workers > 1
        ? 1 : run->args.workers;
    if (run->args.report) {
        run->figures = calloc(run->combinations, sizeof(*run->figures));
        phub__assert(run->figures != NULL);
    }
    sim_progress_init(&run->progress, pool.jobs, run->args.progress);
    if (sim_pool_run(&pool) != 0)
        return SIM_EXIT_BROKEN;
    summary(run);
    report(run);
    return run->broken != 0 ? SIM_EXIT_BROKEN : SIM_EXIT_DONE;
}

int sim_verb_run(int argc, char **argv)
{
    struct run run = { .cases = 0 };
    int code;

    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], "--scenario") == 0)
            return sim_verb_scenario(argc, argv);
    if (sim_args_read(&run.args, argc, argv, &code) != 0)
        return code;
    run.combinations = sim_args_combinations(&run.args);
    code = sim_limits_look(&run.args);
    if (code == SIM_EXIT_DONE && run.args.save != NULL
        && (run.combinations != 1
            || run.args.seeds.first != run.args.seeds.last)) {
        fputs("phub-sim run: --save is for one seed and no --matrix\n",
              stderr);
        code = SIM_EXIT_USAGE;
    }
    if (code == SIM_EXIT_DONE)
        code = sim_sandbox_look(&run.args);
    if (code == SIM_EXIT_DONE)
        code = play(&run);
    sim_args_fini(&run.args);
    return code;
}
