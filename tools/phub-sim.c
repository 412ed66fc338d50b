/* SPDX-License-Identifier: MIT */
/* phub-sim: whole clusters in one process, with faults by seed; phub-sim(1).
 *
 * Here is the table of its verbs; each is in a file under tools/sim. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#ifdef HAVE_MIMALLOC
#include <mimalloc.h>
#endif

#include "sim/tool.h"

static const struct sim_verb verbs[] = {
    { "run", sim_verb_run, "play random schedules over a range of seeds" },
    { "shrink", sim_verb_shrink, "make a failing schedule small" },
    { "scenario", sim_verb_scenario, "play named schedules from files" },
    { "bench", sim_verb_bench, "measure how fast clusters are simulated" },
};

#define VERBS (sizeof(verbs) / sizeof(verbs[0]))

static int usage(FILE *out, int code)
{
    fputs("usage: phub-sim VERB [OPTION...]\n\n", out);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(out, "  %-10s %s\n", verbs[i].name, verbs[i].help);
    fputs("\n\"phub-sim VERB --help\" says more.\n"
          "Exit code: 0 all promises were kept, 1 one was broken or a plugin "
          "failed, 2 usage.\n", out);
    return code;
}

/* A world is walked across all the time, and a large one is more than the
 * processor remembers small pages of.  The environment may say otherwise. */
static void large_pages(void)
{
#ifdef HAVE_MIMALLOC
    mi_option_set_enabled_default(mi_option_large_os_pages, true);
#endif
}

int main(int argc, char **argv)
{
    int code;

    large_pages();
    if (argc < 2)
        return usage(stderr, SIM_EXIT_USAGE);
    if (strcmp(argv[1], "--help") == 0)
        return usage(stdout, SIM_EXIT_DONE);
    if (strcmp(argv[1], "--version") == 0) {
        printf("phub-sim %s\n", PACKAGE_VERSION);
        return SIM_EXIT_DONE;
    }
    for (size_t i = 0; i < VERBS; i++) {
        if (strcmp(argv[1], verbs[i].name) != 0)
            continue;
        code = verbs[i].run(argc - 1, argv + 1);
        if (fflush(stdout) != 0 && code == SIM_EXIT_DONE) {
            fputs("phub-sim: cannot write to standard output\n", stderr);
            code = SIM_EXIT_BROKEN;
        }
        return code;
    }
    fprintf(stderr, "phub-sim: \"%s\" is not a verb; allowed are", argv[1]);
    for (size_t i = 0; i < VERBS; i++)
        fprintf(stderr, "%s %s", i == 0 ? "" : ",", verbs[i].name);
    fputs("\n", stderr);
    return SIM_EXIT_USAGE;
}
