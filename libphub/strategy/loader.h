/* SPDX-License-Identifier: MIT */
/* loader: finds strategies' files, checks them and makes instances of them.
 *
 * A loader is a search path and the files it has loaded; each file is opened
 * and checked once, however many hubs share the loader, and never unloaded.
 * A struct phub__strategy is one instance: a file, its parameters' values and
 * the zeroed memory that the plugin asked for as self.
 *
 * Legal order: loader_new, strategy_load (checks 1 to 9 of phub-strategy(7)),
 * strategy_open (check 10), the callers of strategy/caller.h, strategy_close,
 * strategy_free, loader_free.  A strategy may outlive its loader.
 *
 * Finding, by name only: an absolute path is taken as it is; a name is looked
 * for as <kind>-<name>.so in PHUB_PLUGIN_PATH, in the configured path, in
 * the built-in directory.  Relative or empty components are errors, and a
 * file that others may write is refused.
 *
 * Errors leave two ways: the code, and a sentence in error (error_max bytes,
 * PHUB__LOADER_ERROR_MAX is enough) that names plugin, file and both values. */
#ifndef PHUB__STRATEGY_LOADER_H
#define PHUB__STRATEGY_LOADER_H

#include <stddef.h>
#include <stdint.h>

#include <phub/plugin.h>

#define PHUB__LOADER_ERROR_MAX 1024u       /* bytes */
#define PHUB__LOADER_PATH_MAX 4095u        /* bytes of one file's path */
#define PHUB__LOADER_DIRS_MAX 64u
#define PHUB__LOADER_PARAMS_MAX 256u       /* rows of one plugin */
#define PHUB__LOADER_TEXT_MAX 4095u        /* bytes of one value */
#define PHUB__LOADER_SHOWN_MAX 64u         /* bytes of a file's short name */
#define PHUB__LOADER_INSTANCE_MAX (1u << 24) /* bytes of self */

struct phub__loader;
struct phub__plugin;   /* a loaded file: counted, shared by instances */
struct phub__value;    /* one parameter's value */
struct phub__call_note;
struct phub__call_watch;

/* Our copies of the plugin's vtable: members it is too old for are NULL. */
union phub__ops {
    struct phub_distribution_ops distribution;
    struct phub_redundancy_ops redundancy;
    struct phub_sync_ops sync;
    struct phub_migration_ops migration;
    struct phub_partition_ops partition;
};

/* Read freely; written by strategy/ only. */
struct phub__strategy {
    uint32_t kind;              /* enum phub_kind */
    uint32_t wire_min;
    uint32_t wire_max;
    uint32_t instance_size;
    uint64_t flags;             /* PHUB_FLAG_* */
    uint64_t digest;            /* of all parameters that are not local */
    const char *name;           /* texts borrow until strategy_free */
    const char *version;
    const char *path;           /* "" for a linked-in one */
    union phub__ops ops;
    void *self;                 /* NULL unless open */
    struct phub_ctx *ctx;
    const struct phub_host *host;
    uint64_t faults;            /* answers that were refused */
    uint32_t entered;           /* a call into the plugin is on the stack */
    const struct phub__call_watch *watch;  /* NULL: nobody watches */
    struct phub__call_note *note;   /* of calls; NULL: nobody watches */
    uint32_t values_count;
    struct phub__value *values;
    struct phub__plugin *plugin;
    char failed[256];           /* what it told host->fail last */
};

/* Make a loader.  path: directories by ':' from the configuration, or NULL.
 * PHUB_PLUGIN_PATH is read here (secure_getenv).
 * Errors: PHUB_ECONFIG, PHUB_ENOMEM. */
int phub__loader_new(const char *path, struct phub__loader **loader,
                     char *error, size_t error_max);
void phub__loader_free(struct phub__loader **loader);

/* Have loading called before a file is opened that is not loaded yet: its
 * constructors run, and may be the last thing that this process does. */
void phub__loader_tell(struct phub__loader *loader,
                       void (*loading)(void *arg, const char *path),
                       void *arg);

/* Offer a linked-in plugin (PHUB_PLUGIN_STATIC) under its own kind and name;
 * found before any file.  descriptor borrows for ever. */
int phub__loader_add(struct phub__loader *loader,
                     const struct phub_plugin *descriptor);

/* "distribution" ... or NULL; 0 for an unknown word. */
const char *phub__kind_name(uint32_t kind);
uint32_t phub__kind_of(const char *name);

/* What messages, and sections of phub.conf, call the file at an absolute
 * path: "/x/distribution-ring.so" is 'ring'. */
void phub__loader_shown(const char *path,
                        char shown[PHUB__LOADER_SHOWN_MAX + 1]);

/* Find, open and check a plugin and its parameters.  name: a name or an
 * absolute path (then the plugin's own name counts).  params: params_count
 * texts "key=value"; what is not given has its default.
 * Owns: the caller, until strategy_free.
 * Errors: PHUB_EPLUGIN, PHUB_ECONFIG (parameters), PHUB_ENOMEM. */
int phub__strategy_load(struct phub__loader *loader, uint32_t kind,
                        const char *name, const char *const *params,
                        size_t params_count, struct phub__strategy **strategy,
                        char *error, size_t error_max);

/* Start it.  ctx is handed to every host function; host is kept and must be
 * valid until close returns; an own table may be shorter (its size counts).
 * Errors: PHUB_EPLUGIN with "refused to start: ..."; PHUB_ENOMEM. */
int phub__strategy_open(struct phub__strategy *strategy, struct phub_ctx *ctx,
                        const struct phub_host *host, char *error,
                        size_t error_max);
/* No callback reaches the plugin any more; idempotent. */
void phub__strategy_close(struct phub__strategy *strategy);
void phub__strategy_free(struct phub__strategy **strategy);

/* What the host table's param_uint, param_text and fail do.  A BOOL is a uint
 * of 0 or 1, a CHOICE a text and a uint (its index).  Texts end in NUL and
 * borrow until strategy_free.
 * Errors: PHUB_ENOTFOUND; PHUB_EINVAL if it is of the other type. */
int phub__strategy_param_uint(const struct phub__strategy *strategy,
                              const char *name, uint64_t *value);
int phub__strategy_param_text(const struct phub__strategy *strategy,
                              const char *name, struct phub_bytes *value);
int phub__strategy_fail(struct phub__strategy *strategy, int code,
                        const char *text);

/* --- for phub-plugin and messages ---------------------------------------- */

/* The checked copy of its descriptor; params are our copies, stride is ours. */
const struct phub_plugin *
phub__strategy_descriptor(const struct phub__strategy *strategy);

/* The directories in the order of looking, *count of them; borrows. */
const char *const *phub__loader_dirs(const struct phub__loader *loader,
                                     uint32_t *count);

/* The value at index (0 .. values_count-1) as a canonical text; borrows. */
const char *phub__strategy_value(const struct phub__strategy *strategy,
                                 uint32_t index);

#endif
