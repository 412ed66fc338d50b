/* SPDX-License-Identifier: MIT */
/* verb_scenario: phub-sim scenario, all variants of each file. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/scenario.h"
#include "sim/tool.h"

struct player {
    const char *only;          /* "FIRST..LAST", or NULL */
    int trace;
    uint64_t played, broken, mistakes;
};

static int usage(FILE *out, int code)
{
    fputs("usage: phub-sim scenario [--variant FIRST[..LAST]] [--trace] "
          "FILE...\n\n"
          "  --variant N|A..B  play these variants only\n"
          "  --trace           tell the whole story\n"
          "  --forms           print what a line of a file may be\n\n"
          "phub-scenario(5) describes the files.\n", out);
    return code;
}

static void play_variant(struct player *player,
                         const struct sim_scenario *scenario, const char *file,
                         uint64_t variant)
{
    struct sim_play_options how = { .trace = player->trace ? stdout : NULL };
    struct sim_played played;

    player->played++;
    switch (sim_scenario_play(scenario, variant, &how, &played)) {
    case SIM_KEPT:
        return;
    case SIM_BROKEN:
        player->broken++;
        printf("%s\n    again: phub-sim scenario --variant %" PRIu64
               " --trace %s\n", played.text, variant, file);
        return;
    case SIM_MISTAKE:
        player->mistakes++;
        fprintf(stderr, "%s\n", played.text);
        return;
    }
}

static void play_file(struct player *player, const char *file)
{
    struct sim_scenario *scenario = NULL;
    struct sim_range range;
    char error[800] = "";

    if (sim_scenario_read(file, &scenario, error, sizeof(error)) != 0) {
        fprintf(stderr, "%s\n", error);
        player->mistakes++;
        return;
    }
    sim_scenario_variants(scenario, &range.first, &range.last);
    if (player->only != NULL)
        (void)sim_range_read(player->only, &range);
    for (uint64_t v = range.first; v <= range.last && player->mistakes == 0;
         v++)
        play_variant(player, scenario, file, v);
    sim_scenario_free(&scenario);
}

static int forms(void)
{
    for (size_t i = 0; sim_scenario_form(i) != NULL; i++)
        printf("%s\n", sim_scenario_form(i));
    return SIM_EXIT_DONE;
}

int sim_verb_scenario(int argc, char **argv)
{
    struct player player = { .played = 0 };
    struct sim_range range;
    int i;

    for (i = 1; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strcmp(argv[i], "--help") == 0)
            return usage(stdout, SIM_EXIT_DONE);
        if (strcmp(argv[i], "--forms") == 0)
            return forms();
        if (strcmp(argv[i], "--trace") == 0) {
            player.trace = 1;
        } else if (strcmp(argv[i], "--variant") == 0 && i + 1 < argc
                   && sim_range_read(argv[i + 1], &range) == 0) {
            player.only = argv[++i];
        } else {
            fprintf(stderr, "phub-sim scenario: found \"%s\"\n", argv[i]);
            return usage(stderr, SIM_EXIT_USAGE);
        }
    }
    if (i == argc)
        return usage(stderr, SIM_EXIT_USAGE);
    for (; i < argc; i++)
        play_file(&player, argv[i]);
    if (player.mistakes != 0)
        return SIM_EXIT_USAGE;
    printf("%" PRIu64 " variants, %" PRIu64 " broken\n", player.played,
           player.broken);
    return player.broken == 0 ? SIM_EXIT_DONE : SIM_EXIT_BROKEN;
}
