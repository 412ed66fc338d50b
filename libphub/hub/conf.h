/* SPDX-License-Identifier: MIT */
/* conf: what phubd is told, from phub.conf and from its flags.
 *
 * One table (conf_table.c) names every key with its section, type, unit,
 * default, range, help and flag.  Parsing, flags, phubd --help, the printed
 * configuration and the check of the manual pages all read that table.
 *
 * Members of struct phub__config are called as in the file: [hub] state_dir
 * is config.hub.state_dir; the clocks of [members] are the cluster's own.  One section per strategy, "[migration hotswap]",
 * has free rows; they go to the loader as they are, which knows what the
 * plugin takes.  No strategy has a default: which one a hub runs is written
 * in its configuration, never in code.
 *
 * Legal order: init, then parse and set in any order (later wins), finish,
 * fini; or init, from_args, fini.  Errors are gathered, so that one run names
 * them all:
 *
 *   phub.conf:12: [members] settle_ms = "fast": allowed is an integer of 0
 *   to 60000 (ms)
 *
 * (The file is not config.h: that name is autoconf's.)
 * Thread: any, one at a time per struct. */
#ifndef PHUB__HUB_CONF_H
#define PHUB__HUB_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "cluster/cluster.h"
#include "hub/hub.h"

#define PHUB__CONFIG_BYTES_MAX (1u << 20)  /* of a file */
#define PHUB__CONFIG_PLUGINS_MAX 16u       /* sections of strategies */
#define PHUB__CONFIG_PARAMS_MAX 256u       /* rows of one such section */
#define PHUB__CONFIG_ROWS_MAX 64u
#define PHUB__CONFIG_ERRORS_MAX 20u        /* told; the rest is counted */
#define PHUB__CONFIG_ERRORS_BYTES 8192u
#define PHUB__CONFIG_KINDS 5u
#define PHUB__CONFIG_COMMANDS_MAX 32u      /* of hooks */
#define PHUB__CONFIG_WORDS_MAX 32u         /* of one of them */

enum phub__config_type {
    PHUB__CONFIG_UINT = 1,  /* uint64_t */
    PHUB__CONFIG_UINT32,    /* uint32_t */
    PHUB__CONFIG_LEVEL,     /* uint64_t, enum phub__log_level */
    PHUB__CONFIG_NAME,      /* char *, a word; these seven are "" if not set */
    PHUB__CONFIG_ENDPOINT,
    PHUB__CONFIG_PATH,      /* absolute */
    PHUB__CONFIG_SOCKET,    /* the same, and short enough to bind */
    PHUB__CONFIG_PLUGIN,    /* a strategy's name, or its absolute path */
    PHUB__CONFIG_DIRS,      /* absolute directories by ':' */
    PHUB__CONFIG_LABELS,    /* "key=value,key=value"; a list, as the next */
    PHUB__CONFIG_SEEDS      /* struct phub__config_list */
};

struct phub__config_list {
    char **items;
    size_t count;
};

/* A section of a strategy. */
struct phub__config_plugin {
    char *kind;
    char *name;
    char **params;       /* "key=value", as strategy_load takes them */
    size_t params_count;
    char *where;         /* "phub.conf:31", for messages about it */
};

struct phub__config {
    struct {
        char *id, *name, *listen, *advertise, *state_dir, *control;
        struct phub__config_list seeds;
        uint64_t drain_timeout_ms, log_level;
    } hub;
    struct {
        char *distribution, *redundancy, *sync, *migration, *partition;
        char *plugin_path;
    } strategies;
    struct {
        uint32_t weight;  /* permille */
        char *zone, *labels;
        struct phub__cluster_params params; /* settle_ms is params.settle */
    } members;
    struct {
        uint64_t children_max, logs_kept;
    } limits;
    struct {
        uint64_t hook_timeout_ms, hook_queue_max;
    } hooks;
    struct phub__hook_option commands[PHUB__CONFIG_COMMANDS_MAX]; /* owned */
    size_t commands_count;
    struct phub__config_plugin plugins[PHUB__CONFIG_PLUGINS_MAX];
    size_t plugins_count;
    /* by row: 0, 1 file, 2 flag, 3 defaults (embed_conf.c) */
    uint8_t given[PHUB__CONFIG_ROWS_MAX];
};

struct phub__config_row {
    const char *section;
    const char *key;       /* unique; the flag of settle_ms is --settle-ms */
    enum phub__config_type type;
    const char *unit;      /* "ms", "bytes" or "" */
    const char *fallback;  /* as it would be written; NULL: must be given */
    uint64_t min, max;     /* integers */
    size_t offset;         /* in struct phub__config */
    const char *help;
};

struct phub__config_errors {
    char text[PHUB__CONFIG_ERRORS_BYTES]; /* lines, each ended by \n */
    size_t used;
    unsigned count;                       /* all, told or not */
};

/* What the command line asks beside the keys. */
struct phub__config_cli {
    const char *config;  /* --config, or NULL; borrows argv */
    bool check, help, version;
};

/* The table.  fills count. */
const struct phub__config_row *phub__config_rows(size_t *count);
/* Sections and strategy kinds by index; NULL after the last. */
const char *phub__config_section(size_t index);
const char *phub__config_kind(size_t index);

/* All addresses of a machine, and so none that others could connect to? */
bool phub__endpoint_is_any(const char *endpoint);

void phub__config_init(struct phub__config *config);
void phub__config_fini(struct phub__config *config);

/* Read the text of a file; name is for messages.
 * Errors: PHUB_ECONFIG, PHUB_ENOMEM; all of them are in errors. */
int phub__config_parse(struct phub__config *config, const char *name,
                       const char *text, size_t size,
                       struct phub__config_errors *errors);
/* The same from the file itself. */
int phub__config_read(struct phub__config *config, const char *path,
                      struct phub__config_errors *errors);
/* Set one key as a flag does: it wins over the file, and a list of flags
 * replaces the file's list. */
int phub__config_set(struct phub__config *config,
                     const struct phub__config_row *row, const char *value,
                     struct phub__config_errors *errors);
/* Set a row of a strategy, "KIND.NAME.KEY=VALUE", as a flag does. */
int phub__config_set_param(struct phub__config *config, const char *text,
                           struct phub__config_errors *errors);
/* Run a command at an event, "EVENT=COMMAND", as a flag does: beside those of
 * the file. */
int phub__config_set_hook(struct phub__config *config, const char *text,
                          struct phub__config_errors *errors);
/* Fill defaults in and check that the whole makes sense; name as in parse. */
int phub__config_finish(struct phub__config *config, const char *name,
                        struct phub__config_errors *errors);

/* phubd's whole start: flags, file, flags over it, finish.  Returns early
 * with 0 for --help and --version.
 * Errors: PHUB_EINVAL (usage), PHUB_ECONFIG, PHUB_ENOMEM. */
int phub__config_from_args(struct phub__config *config, int argc,
                           char *const *argv, struct phub__config_cli *cli,
                           struct phub__config_errors *errors);

/* The section of a strategy, or NULL.  Borrows from config. */
const struct phub__config_plugin *
phub__config_plugin(const struct phub__config *config, const char *kind,
                    const char *name);

/* The section that the strategy in force for a kind reads, or NULL; of one that
 * is named by a path, [kind PATH] or, without that, [kind NAME] of the file
 * KIND-NAME.so.  Borrows from config. */
const struct phub__config_plugin *
phub__config_plugin_used(const struct phub__config *config, const char *kind);

/* Print phubd's flags; print a configuration so that it can be read again. */
void phub__config_help(FILE *out);
void phub__config_print(const struct phub__config *config, FILE *out);

/* Write a row's flag, "--settle-ms".  fills flag. */
#define PHUB__CONFIG_FLAG_MAX 48u
const char *phub__config_flag_of(const struct phub__config_row *row,
                                 char flag[PHUB__CONFIG_FLAG_MAX]);
/* Say what a row allows: "an integer of 0 to 60000 (ms)".  fills text. */
void phub__config_allowed(const struct phub__config_row *row, char *text,
                          size_t text_max);
/* Append one line to errors. */
__attribute__((format(printf, 2, 3)))
void phub__config_error(struct phub__config_errors *errors,
                        const char *format, ...);
/* The name of names (NULL-terminated) that is nearest to word, by edits. */
const char *phub__config_nearest(const char *word, const char *const *names);

#endif
