/* SPDX-License-Identifier: MIT */
/* verb_scenario: phub-sim scenario, all variants of each file, in parallel.
 *
 * A job is one variant of one file.  Strategies that the command line names
 * take the places of those in the files. */
#include "config.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/measure.h"
#include "sim/pool.h"
#include "sim/scenario.h"
#include "sim/tool.h"
#include "wire/assert.h"

#define FAILURES_MAX 10u

struct file {
    const char *name;
    struct sim_scenario *scenario;
    uint64_t first, count;
};

struct player {
    struct sim_args args;
    struct sim_range only;             /* variants; last 0 and first 1: all */
    int given[PHUB__KINDS];            /* strategies that win over the file */
    struct file *files;
    uint32_t files_count;
    struct sim_progress progress;
    struct sim_figures figures;
    uint64_t played, broken, mistakes;
    double virtual_s;
};

struct answer {
    enum sim_outcome outcome;
    struct sim_played played;
};

/* Options of "run" that mean something here. */
static const struct shared_option {
    const char *name;
    int value;
} shared_options[] = {
    { "--distribution", 1 }, { "--redundancy", 1 }, { "--sync", 1 },
    { "--migration", 1 }, { "--partition", 1 }, { "--param", 1 },
    { "--plugin", 1 }, { "--path", 1 }, { "--jobs", 1 },
    { "--svg", 1 }, { "--report", 0 }, { "--keep-going", 0 }, { "--progress", 0 }, { "--json", 0 },
    { "--trace", 0 }
};
#define SHARED (sizeof(shared_options) / sizeof(shared_options[0]))

static int usage(FILE *out, int code)
{
    fputs("usage: phub-sim scenario [OPTION...] FILE...\n\n"
          "  --variant N|A..B  play these variants only\n"
          "  --forms           print what a line of a file may be\n", out);
    for (size_t i = 0; i < SHARED; i++)
        fprintf(out, "  %s%s\n", shared_options[i].name,
                shared_options[i].value ? " ..." : "");
    fputs("\nThe last ones are those of \"phub-sim run\"; strategies named "
          "here win over those\nof a file. phub-scenario(5) describes the "
          "files.\n", out);
    return code;
}

/* --- playing -------------------------------------------------------------- */

static const struct file *file_of(const struct player *player, uint64_t job,
                                  uint64_t *variant)
{
    const struct file *file = player->files;

    while (job >= file->count)
        job -= (file++)->count;
    *variant = file->first + job;
    return file;
}

/* One variant, in a process of its own. */
struct part {
    const struct player *player;
    struct sim_slot *slot;
    uint64_t job;
    struct sim_options options;
    struct sim_measure *measure;
};

static int drawn(const struct part *part)
{
    return part->player->args.svg != NULL && part->job == 0;
}

static void adjust(void *arg, struct sim_options *options)
{
    struct part *part = arg;
    const struct sim_args *args = &part->player->args;
    struct sim_options named;

    sim_args_case(args, options->seed, 0, &named);
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++) {
        /* A file knows the parameters of the plugin that it was saved with. */
        if (args->replaced >> kind & 1)
            options->strategies[kind].name = named.strategies[kind].name;
        if (part->player->given[kind] || args->params[kind].count != 0)
            options->strategies[kind] = named.strategies[kind];
    }
    options->plugin_path = named.plugin_path;
    options->calls = &part->slot->calls;
    options->beat_ns = &part->slot->beat_ns;
    if (args->report || drawn(part))
        part->measure = sim_measure_new(options);
    part->options = *options;
}

static void draw(const struct part *part, const char *title)
{
    const char *name = part->player->args.svg;
    FILE *out = fopen(name, "w");

    if (out == NULL || sim_svg_write(part->measure, &part->options, title,
                                     out) != 0)
        fprintf(stderr, "phub-sim scenario: %s: %s\n", name,
                strerror(errno));
    if (out != NULL)
        (void)fclose(out);
}

static void work(void *arg, uint64_t job, struct sim_slot *slot, FILE *out)
{
    const struct player *player = arg;
    struct part part = { .player = player, .slot = slot, .job = job };
    struct sim_play_options how = {
        .trace = player->args.trace ? stdout : NULL,
        .adjust = adjust, .arg = &part };
    uint64_t variant;
    const struct file *file = file_of(player, job, &variant);
    struct answer answer;

    memset(&answer, 0, sizeof(answer));
    answer.outcome = sim_scenario_play(file->scenario, variant, &how,
                                       &answer.played);
    (void)fwrite(&answer, sizeof(answer), 1, out);
    if (player->args.report && part.measure != NULL)
        sim_figures_write(sim_measure_figures(part.measure), out);
    if (drawn(&part) && part.measure != NULL)
        draw(&part, file->name);
    sim_measure_free(&part.measure);
}

/* --- telling -------------------------------------------------------------- */

static void command_of(const struct player *player, const char *file,
                       uint64_t variant, char *text, size_t max)
{
    size_t used = (size_t)snprintf(text, max, "phub-sim scenario --variant %"
                                   PRIu64, variant);

    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++) {
        const struct sim_words *words = &player->args.strategies[kind];
        const struct sim_words *params = &player->args.params[kind];

        if (!player->given[kind] && !(player->args.replaced >> kind & 1)
            && params->count == 0)
            continue;
        if (used < max && words->words[0][0] == '/')
            used += (size_t)snprintf(text + used, max - used, " --plugin %s",
                                     words->words[0]);
        else if (used < max)
            used += (size_t)snprintf(text + used, max - used, " --%s %s",
                                     phub__kind_name(kind), words->words[0]);
        for (uint32_t i = 0; i < params->count && used < max; i++)
            used += (size_t)snprintf(text + used, max - used,
                                     " --param %s.%s", phub__kind_name(kind),
                                     params->words[i]);
    }
    if (used < max)
        (void)snprintf(text + used, max - used, " --trace %s", file);
}

static int told(struct player *player, uint64_t job,
                const struct answer *answer)
{
    char command[SIM_COMMAND_MAX], hash[17];
    uint64_t variant;
    const struct file *file = file_of(player, job, &variant);

    (void)snprintf(hash, sizeof(hash), "%016" PRIx64, answer->played.hash);
    player->played++;
    player->virtual_s += (double)answer->played.virtual_ns / 1e9;
    player->broken += answer->outcome == SIM_BROKEN;
    player->mistakes += answer->outcome == SIM_MISTAKE;
    command_of(player, file->name, variant, command, sizeof(command));
    sim_progress_hide(&player->progress);
    if (player->args.json)
        sim_json_line(json_pack("{s:s s:I s:b s:b s:s s:s s:s s:f s:I}",
            "file", file->name, "variant", (json_int_t)variant,
            "broken", answer->outcome == SIM_BROKEN,
            "mistake", answer->outcome == SIM_MISTAKE,
            "story", answer->played.text, "command", command, "hash", hash,
            "virtual_s", (double)answer->played.virtual_ns / 1e9,
            "updates", (json_int_t)answer->played.updates));
    else if (answer->outcome == SIM_BROKEN)
        printf("%s\n    again: %s\n", answer->played.text, command);
    else if (answer->outcome == SIM_MISTAKE)
        fprintf(stderr, "%s\n", answer->played.text);
    (void)fflush(stdout);
    return player->mistakes != 0
        || (!player->args.keep_going && player->broken >= FAILURES_MAX);
}

static int done(void *arg, uint64_t job, const void *data, size_t size)
{
    struct player *player = arg;
    struct answer answer;

    phub__assert(size >= sizeof(answer));
    memcpy(&answer, data, sizeof(answer));
    if (player->args.report)
        (void)sim_figures_add(&player->figures,
                              (const uint8_t *)data + sizeof(answer),
                              size - sizeof(answer));
    return told(arg, job, &answer);
}

static int died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct player *player = arg;
    struct answer answer = { .outcome = SIM_BROKEN };
    uint64_t variant;
    const struct file *file = file_of(player, slot->job, &variant);

    answer.played.virtual_ns = slot->beat_ns;
    (void)snprintf(answer.played.text, sizeof(answer.played.text),
                   "%s, variant %" PRIu64 ", %.6f s: %s", file->name,
                   variant, (double)slot->beat_ns / 1e9, how);
    return told(player, slot->job, &answer);
}

static void tick(void *arg)
{
    struct player *player = arg;

    sim_progress_show(&player->progress, player->played, player->broken,
                      player->virtual_s);
}

static int play(struct player *player)
{
    struct sim_pool pool = { .work = work, .done = done, .died = died,
                             .tick = tick, .arg = player };

    for (uint32_t i = 0; i < player->files_count; i++)
        pool.jobs += player->files[i].count;
    pool.workers = player->args.trace && player->args.workers > 1
        ? 1 : player->args.workers;
    sim_progress_init(&player->progress, pool.jobs, player->args.progress);
    if (sim_pool_run(&pool) != 0)
        return SIM_EXIT_BROKEN;
    sim_progress_hide(&player->progress);
    if (player->mistakes != 0)
        return SIM_EXIT_USAGE;
    if (!player->args.json)
        printf("%" PRIu64 " variants, %" PRIu64 " broken\n", player->played,
               player->broken);
    if (player->args.report && player->args.json)
        sim_figures_json(&player->figures, "all variants together");
    else if (player->args.report)
        sim_figures_print(&player->figures, "all variants together");
    return player->broken == 0 ? SIM_EXIT_DONE : SIM_EXIT_BROKEN;
}

/* --- the command line ----------------------------------------------------- */

static int forms(void)
{
    for (size_t i = 0; sim_scenario_form(i) != NULL; i++)
        printf("%s\n", sim_scenario_form(i));
    return SIM_EXIT_DONE;
}

static int file_add(struct player *player, const char *name)
{
    struct file *file = &player->files[player->files_count];
    char error[800] = "";
    uint64_t last;

    if (sim_scenario_read(name, &file->scenario, error, sizeof(error)) != 0) {
        fprintf(stderr, "%s\n", error);
        return -1;
    }
    file->name = name;
    sim_scenario_variants(file->scenario, &file->first, &last);
    if (player->only.first <= player->only.last) {
        file->first = player->only.first;
        last = player->only.last;
    }
    file->count = last - file->first + 1;
    player->files_count++;
    return 0;
}

/* Move what "run" knows, too, into shared, and files to the front of argv.
 * Gives how many files there are, or minus one with the exit code in *code. */
static int sort_out(struct player *player, int argc, char **argv,
                    char **shared, int *shared_count, int *code)
{
    int files = 0;

    for (int i = 1; i < argc; i++) {
        size_t k = 0;

        if (strncmp(argv[i], "--", 2) != 0) {
            argv[files++] = argv[i];
            continue;
        }
        if (strcmp(argv[i], "--scenario") == 0)    /* phub-sim run */
            continue;
        if (strcmp(argv[i], "--help") == 0
            || strcmp(argv[i], "--forms") == 0) {
            *code = argv[i][2] == 'h' ? usage(stdout, SIM_EXIT_DONE)
                                      : forms();
            return -1;
        }
        if (strcmp(argv[i], "--variant") == 0 && i + 1 < argc
            && sim_range_read(argv[i + 1], &player->only) == 0) {
            i++;
            continue;
        }
        while (k < SHARED && strcmp(argv[i], shared_options[k].name) != 0)
            k++;
        if (k == SHARED || i + shared_options[k].value >= argc) {
            fprintf(stderr, "phub-sim scenario: found \"%s\"\n", argv[i]);
            *code = usage(stderr, SIM_EXIT_USAGE);
            return -1;
        }
        if (phub__kind_of(argv[i] + 2) != 0)
            player->given[phub__kind_of(argv[i] + 2)] = 1;
        shared[(*shared_count)++] = argv[i];
        if (shared_options[k].value)
            shared[(*shared_count)++] = argv[++i];
    }
    return files;
}

static int play_files(struct player *player, int count, char **names)
{
    int code = SIM_EXIT_DONE;

    player->files = calloc((size_t)count + 1, sizeof(*player->files));
    phub__assert(player->files != NULL);
    for (int i = 0; i < count && code == SIM_EXIT_DONE; i++)
        if (file_add(player, names[i]) != 0)
            code = SIM_EXIT_USAGE;
    if (code == SIM_EXIT_DONE)
        code = sim_sandbox_look(&player->args);
    if (code == SIM_EXIT_DONE)
        code = play(player);
    for (uint32_t i = 0; i < player->files_count; i++)
        sim_scenario_free(&player->files[i].scenario);
    free(player->files);
    sim_figures_fini(&player->figures);
    return code;
}

int sim_verb_scenario(int argc, char **argv)
{
    struct player player = { .only = { 1, 0 } };
    char verb[] = "scenario";
    char **shared = calloc((size_t)argc + 2, sizeof(*shared));
    int shared_count = 1, code = SIM_EXIT_USAGE, files;

    phub__assert(shared != NULL);
    shared[0] = verb;
    files = sort_out(&player, argc, argv, shared, &shared_count, &code);
    if (files == 0)
        code = usage(stderr, SIM_EXIT_USAGE);
    if (files > 0
        && sim_args_read(&player.args, shared_count, shared, &code) == 0) {
        code = play_files(&player, files, argv);
        sim_args_fini(&player.args);
    }
    free(shared);
    return code;
}
