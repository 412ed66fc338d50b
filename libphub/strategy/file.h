/* SPDX-License-Identifier: MIT */
/* file: one loaded plugin, checked, with our own copies of what it declares.
 *
 * A file is data until every check has passed: nothing of the plugin runs but
 * what dlopen itself runs.  After that only the copies here are used, so a
 * plugin built against a smaller or a larger ABI 1 looks like one of ours. */
#ifndef PHUB__STRATEGY_FILE_H
#define PHUB__STRATEGY_FILE_H

#include <sys/stat.h>

#include "strategy/loader.h"

struct phub__plugin {
    uint32_t refs;
    uint32_t added;                 /* 1: linked in, not a file */
    struct phub_plugin descriptor;  /* params points to ours, ops to none */
    struct phub_param *params;
    union phub__ops ops;
    char *path;
    dev_t dev;                      /* which file it was when loaded */
    ino_t ino;
    struct timespec mtime;
    struct phub__plugin *next;      /* in the loader */
};

/* What the operator asked for: kind 0 and name NULL mean any. */
struct phub__wanted {
    uint32_t kind;
    const char *name;
    const char *shown;   /* how messages call it */
};

/* Is path, and every directory above it, safe from being written by others?
 * resolved gets PHUB__LOADER_PATH_MAX + 1 bytes; st the file's status.
 * Errors: PHUB_ENOTFOUND (no sentence), PHUB_EPLUGIN. */
int phub__file_safe(const struct phub__wanted *wanted, const char *path,
                    char *resolved, struct stat *st, char *error,
                    size_t error_max);

/* Open resolved (shown as path), whose status is st, and check it.
 * Owns: the caller, one reference. */
int phub__plugin_open(const struct phub__wanted *wanted, const char *path,
                      const char *resolved, const struct stat *st,
                      struct phub__plugin **plugin, char *error,
                      size_t error_max);
/* The same for a descriptor in memory. */
int phub__plugin_new(const struct phub__wanted *wanted, const char *path,
                     const struct phub_plugin *descriptor,
                     struct phub__plugin **plugin, char *error,
                     size_t error_max);
/* Check kind and name alone: a cached file, asked for again. */
int phub__plugin_wanted(const struct phub__wanted *wanted, const char *path,
                        const struct phub_plugin *descriptor, char *error,
                        size_t error_max);
void phub__plugin_unref(struct phub__plugin **plugin);

#endif
