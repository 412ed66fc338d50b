/* SPDX-License-Identifier: MIT */
/* tool: what the verbs of phub-sim(1) share.
 *
 * A verb is one function in a file of its own and one row of the table in
 * tools/phub-sim.c.  Options of those that play schedules are read by
 * options.c: each is a list or a range, and a seed chooses from it, so that a
 * seed and a command line name one case. */
#ifndef PHUB_TOOLS_SIM_TOOL_H
#define PHUB_TOOLS_SIM_TOOL_H

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/case.h"

#define SIM_EXIT_DONE 0
#define SIM_EXIT_BROKEN 1      /* a promise, a plugin, or the machine */
#define SIM_EXIT_USAGE 2

#define SIM_WORDS_MAX 32u
#define SIM_COMMAND_MAX 4096u

struct sim_verb {
    const char *name;
    /* argv[0] is the verb.  Gives the exit code. */
    int (*run)(int argc, char **argv);
    const char *help;
};

struct sim_words {
    const char *words[SIM_WORDS_MAX];
    uint32_t count;
};

struct sim_range {
    uint64_t first, last;
};

struct sim_args {
    const char *verb;
    struct sim_range seeds, nodes, children, clients;
    uint32_t faults;
    uint64_t duration_ms, gap_ms;
    int operators;
    int durable;                       /* -1: as the seed says */
    struct sim_words strategies[PHUB__KINDS];
    struct sim_words params[PHUB__KINDS];
    struct sim_words plugins;          /* files: absolute paths */
    uint32_t replaced;                 /* kinds that one of them took */
    const char *manner;                /* of all children, or NULL */
    const char *path;                  /* of plugins, or NULL */
    uint32_t workers;
    int matrix, trace, json, keep_going, progress, report, any;
    const char *svg, *save;            /* files, or NULL */
};

/* --- options.c ------------------------------------------------------------ */
/* Read argv[1...] of the verb argv[0]; says what is wrong on stderr.
 * Gives 0, or -1 with the exit code in *code (--help is 0). */
int sim_args_read(struct sim_args *args, int argc, char **argv, int *code);
void sim_args_fini(struct sim_args *args);
/* Cases per seed: 1, or with --matrix all combinations. */
uint32_t sim_args_combinations(const struct sim_args *args);
/* The case that a seed names. */
void sim_args_case(const struct sim_args *args, uint64_t seed,
                   uint32_t combination, struct sim_options *options);
/* The command line that plays this case alone, with its trace. */
void sim_args_command(const struct sim_args *args,
                      const struct sim_options *options, char *text,
                      size_t text_max);
/* A file takes the place of its kind's strategies, or stands beside other
 * files. */
void sim_args_plugin(struct sim_args *args, uint32_t kind, const char *file);
/* A --plugin; 0, or -1 after a word on stderr. */
int sim_args_file(struct sim_args *args, const char *file);
/* "5" or "5..7"; 0, or -1. */
int sim_range_read(const char *text, struct sim_range *range);

/* --- sandbox.c ------------------------------------------------------------ */
/* Load every strategy that is asked for, in another process; files of
 * --plugin take their places in args.  Gives the exit code, 0 if all is well;
 * else it has been said. */
int sim_sandbox_look(struct sim_args *args);

/* --- limits.c ------------------------------------------------------------- */
/* Fewer cases at a time, or none, if the memory would not do: said on stderr.
 * Gives the exit code. */
int sim_limits_look(struct sim_args *args);
/* What so many take after their start. */
uint64_t sim_limits_bytes(uint64_t nodes, uint64_t children);
/* What can be had without swapping; UINT64_MAX where nobody says. */
uint64_t sim_limits_free(void);

/* --- progress.c ----------------------------------------------------------- */
struct sim_progress {
    int on, tty, colour, line;
    uint64_t total;
    double began_s, shown_s;
};

double sim_now_s(void);
/* wanted: also where standard error is no terminal. */
void sim_progress_init(struct sim_progress *progress, uint64_t total,
                       int wanted);
void sim_progress_show(struct sim_progress *progress, uint64_t done,
                       uint64_t broken, double virtual_s);
/* Before anything else is printed. */
void sim_progress_hide(struct sim_progress *progress);

/* --- trace.c -------------------------------------------------------------- */
/* Print it on a line; takes it, out of memory ends the program. */
void sim_json_line(json_t *object);
/* A stream for a case's trace: each line becomes an object on standard
 * output.  Owns: the caller, until fclose. */
FILE *sim_trace_json(void);

/* --- the verbs ------------------------------------------------------------ */
int sim_verb_run(int argc, char **argv);
int sim_verb_shrink(int argc, char **argv);
int sim_verb_scenario(int argc, char **argv);
int sim_verb_bench(int argc, char **argv);

#endif
