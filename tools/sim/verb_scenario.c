/* SPDX-License-Identifier: MIT */
/* verb_scenario: phub-sim scenario, all variants of each file. */
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

struct file {
    const char *name;
    struct sim_scenario *scenario;
    uint64_t first, count;     /* variants */
};

struct player {
    const char *only;          /* "FIRST..LAST", or NULL */
    int trace, report;
    const char *svg;           /* file, of the first variant, or NULL */
    struct sim_args args;      /* plugins, jobs */
    struct file *files;
    uint32_t files_count;
    struct sim_figures figures;
    uint64_t played, broken, mistakes;
};

/* One variant, in a process of its own. */
struct part {
    const struct player *player;
    struct sim_slot *slot;
    uint64_t job;
    struct sim_options options;
    struct sim_measure *measure;
};

struct answer {
    enum sim_outcome outcome;
    char text[SIM_STORY_MAX + 400];
};

static int usage(FILE *out, int code)
{
    fputs("usage: phub-sim scenario [OPTION...] FILE...\n\n"
          "  --variant N|A..B  play these variants only\n"
          "  --plugin FILE     a strategy's file takes the place of its kind\n"
          "  --report          print balance, moves, traffic, blackouts\n"
          "  --svg FILE        draw the first variant\n"
          "  --trace           tell the whole story\n"
          "  --forms           print what a line of a file may be\n\n"
          "phub-scenario(5) describes the files.\n", out);
    return code;
}

/* --- playing one ---------------------------------------------------------- */

static const struct file *file_of(const struct player *player, uint64_t job,
                                  uint64_t *variant)
{
    const struct file *file = player->files;

    while (job >= file->count)
        job -= file++->count;
    *variant = file->first + job;
    return file;
}

static void adjust(void *arg, struct sim_options *options)
{
    struct part *part = arg;
    const struct player *player = part->player;

    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++)
        if (player->args.strategies[kind].count != 0)
            options->strategies[kind].name =
                player->args.strategies[kind].words[0];
    options->calls = &part->slot->calls;
    options->beat_ns = &part->slot->beat_ns;
    if (player->report || (player->svg != NULL && part->job == 0))
        part->measure = sim_measure_new(options);
    part->options = *options;
}

static void draw(const struct part *part, const char *title)
{
    const char *name = part->player->svg;
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
    struct sim_play_options how = { .trace = player->trace ? stdout : NULL,
                                    .adjust = adjust, .arg = &part };
    struct sim_played played;
    struct answer answer;
    uint64_t variant;
    const struct file *file = file_of(player, job, &variant);

    memset(&answer, 0, sizeof(answer));
    answer.outcome = sim_scenario_play(file->scenario, variant, &how,
                                       &played);
    (void)snprintf(answer.text, sizeof(answer.text), "%s", played.text);
    (void)fwrite(&answer, sizeof(answer), 1, out);
    if (player->report && part.measure != NULL)
        sim_figures_write(sim_measure_figures(part.measure), out);
    if (player->svg != NULL && job == 0 && part.measure != NULL)
        draw(&part, file->name);
    sim_measure_free(&part.measure);
}

/* --- telling -------------------------------------------------------------- */

static void told_broken(struct player *player, uint64_t job,
                        const char *story)
{
    uint64_t variant;
    const struct file *file = file_of(player, job, &variant);

    player->broken++;
    printf("%s\n    again: phub-sim scenario", story);
    for (uint32_t i = 0; i < player->args.plugins.count; i++)
        printf(" --plugin %s", player->args.plugins.words[i]);
    printf(" --variant %" PRIu64 " --trace %s\n", variant, file->name);
    (void)fflush(stdout);
}

static int done(void *arg, uint64_t job, const void *data, size_t size)
{
    struct player *player = arg;
    struct answer answer;

    phub__assert(size >= sizeof(answer));
    memcpy(&answer, data, sizeof(answer));
    player->played++;
    if (player->report)
        (void)sim_figures_add(&player->figures,
                              (const uint8_t *)data + sizeof(answer),
                              size - sizeof(answer));
    switch (answer.outcome) {
    case SIM_KEPT:
        return 0;
    case SIM_BROKEN:
        told_broken(player, job, answer.text);
        return 0;
    case SIM_MISTAKE:
        player->mistakes++;
        fprintf(stderr, "%s\n", answer.text);
        return 1;
    }
    return 0;
}

static int died(void *arg, const struct sim_slot *slot, const char *how)
{
    struct player *player = arg;
    char story[512];
    uint64_t variant;
    const struct file *file = file_of(player, slot->job, &variant);

    player->played++;
    (void)snprintf(story, sizeof(story), "%.200s, variant %" PRIu64
                   ", %.6f s: %s", file->name, variant,
                   (double)slot->beat_ns / 1e9, how);
    told_broken(player, slot->job, story);
    return 0;
}

static int forms(void)
{
    for (size_t i = 0; sim_scenario_form(i) != NULL; i++)
        printf("%s\n", sim_scenario_form(i));
    return SIM_EXIT_DONE;
}

/* One option; how many words it took, or -1. */
static int option(struct player *player, char **argv, int left)
{
    const char *value = left > 1 ? argv[1] : NULL;
    struct sim_range range;

    if (strcmp(argv[0], "--trace") == 0 || strcmp(argv[0], "--report") == 0) {
        *(argv[0][2] == 't' ? &player->trace : &player->report) = 1;
        return 1;
    }
    if (value != NULL && strcmp(argv[0], "--svg") == 0) {
        player->svg = value;
        return 2;
    }
    if (value != NULL && strcmp(argv[0], "--plugin") == 0)
        return sim_args_file(&player->args, value) == 0 ? 2 : -1;
    if (value != NULL && strcmp(argv[0], "--variant") == 0
        && sim_range_read(value, &range) == 0) {
        player->only = value;
        return 2;
    }
    fprintf(stderr, "phub-sim scenario: found \"%s\"\n", argv[0]);
    (void)usage(stderr, SIM_EXIT_USAGE);
    return -1;
}

static int file_read(struct player *player, const char *name)
{
    struct file *file = &player->files[player->files_count];
    struct sim_range range;
    char error[800] = "";

    file->name = name;
    if (sim_scenario_read(name, &file->scenario, error, sizeof(error)) != 0) {
        fprintf(stderr, "%s\n", error);
        return -1;
    }
    player->files_count++;
    sim_scenario_variants(file->scenario, &range.first, &range.last);
    if (player->only != NULL)
        (void)sim_range_read(player->only, &range);
    file->first = range.first;
    file->count = range.last - range.first + 1;
    return 0;
}

static int play_all(struct player *player)
{
    struct sim_pool pool = { .work = work, .done = done, .died = died,
                             .arg = player };
    int code = sim_sandbox_look(&player->args);

    if (code != SIM_EXIT_DONE)
        return code;
    for (uint32_t i = 0; i < player->files_count; i++)
        pool.jobs += player->files[i].count;
    pool.workers = player->trace ? 1 : sim_pool_cores();
    if (sim_pool_run(&pool) != 0)
        return SIM_EXIT_BROKEN;
    if (player->mistakes != 0)
        return SIM_EXIT_USAGE;
    printf("%" PRIu64 " variants, %" PRIu64 " broken\n", player->played,
           player->broken);
    if (player->report)
        sim_figures_print(&player->figures, "all variants together");
    return player->broken == 0 ? SIM_EXIT_DONE : SIM_EXIT_BROKEN;
}

int sim_verb_scenario(int argc, char **argv)
{
    struct player player = { .args = { .verb = argv[0] } };
    int code = SIM_EXIT_USAGE, i = 1, rc = 0;

    while (i < argc && strncmp(argv[i], "--", 2) == 0 && rc >= 0) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, SIM_EXIT_DONE);
        if (strcmp(argv[i], "--forms") == 0)
            return forms();
        rc = option(&player, argv + i, argc - i);
        i += rc;
    }
    if (rc >= 0 && i == argc)
        rc = -usage(stderr, SIM_EXIT_USAGE);
    player.files = calloc((size_t)argc + 1, sizeof(*player.files));
    phub__assert(player.files != NULL);
    for (; rc >= 0 && i < argc; i++)
        rc = file_read(&player, argv[i]);
    if (rc >= 0)
        code = play_all(&player);
    for (uint32_t k = 0; k < player.files_count; k++)
        sim_scenario_free(&player.files[k].scenario);
    free(player.files);
    sim_figures_fini(&player.figures);
    sim_args_fini(&player.args);
    return code;
}
