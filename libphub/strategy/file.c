/* SPDX-License-Identifier: MIT */
/* file: opening and checking one plugin; the order and the texts of the checks
 * are a promise of phub-strategy(7), tested in tests/check_loader.c. */
#include "config.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "strategy/file.h"
#include "strategy/image.h"
#include "strategy/param.h"

#define SYMBOL_MAJORS_MAX 9u  /* other ABIs that "no symbol" looks for */

/* What ABI 1.0 had; anything smaller was never a descriptor. */
#define DESCRIPTOR_SIZE_MIN \
    (offsetof(struct phub_plugin, ops) + sizeof(union phub_ops))
#define PARAM_SIZE_MIN (offsetof(struct phub_param, local) + sizeof(uint32_t))

struct mandatory {
    uint32_t kind;
    uint32_t offset;
    const char *name;
};

#define MANDATORY(kind, struct_, member)                                      \
    { kind, (uint32_t)offsetof(struct struct_, member), #member }
#define MANDATORY_COMMON(kind, struct_)                                       \
    MANDATORY(kind, struct_, open), MANDATORY(kind, struct_, close)

static const struct mandatory mandatory[] = {
    MANDATORY_COMMON(PHUB_KIND_DISTRIBUTION, phub_distribution_ops),
    MANDATORY(PHUB_KIND_DISTRIBUTION, phub_distribution_ops, assign),
    MANDATORY_COMMON(PHUB_KIND_REDUNDANCY, phub_redundancy_ops),
    MANDATORY(PHUB_KIND_REDUNDANCY, phub_redundancy_ops, factor),
    MANDATORY(PHUB_KIND_REDUNDANCY, phub_redundancy_ops, plan),
    MANDATORY_COMMON(PHUB_KIND_SYNC, phub_sync_ops),
    MANDATORY(PHUB_KIND_SYNC, phub_sync_ops, changed),
    MANDATORY(PHUB_KIND_SYNC, phub_sync_ops, received),
    MANDATORY_COMMON(PHUB_KIND_MIGRATION, phub_migration_ops),
    MANDATORY(PHUB_KIND_MIGRATION, phub_migration_ops, begin),
    MANDATORY(PHUB_KIND_MIGRATION, phub_migration_ops, completed),
    MANDATORY_COMMON(PHUB_KIND_PARTITION, phub_partition_ops),
    MANDATORY(PHUB_KIND_PARTITION, phub_partition_ops, judge),
};

static const char *const kind_names[] = {
    [PHUB_KIND_DISTRIBUTION] = "distribution",
    [PHUB_KIND_REDUNDANCY] = "redundancy",
    [PHUB_KIND_SYNC] = "sync",
    [PHUB_KIND_MIGRATION] = "migration",
    [PHUB_KIND_PARTITION] = "partition",
};

static const uint32_t ops_sizes[] = {
    [PHUB_KIND_DISTRIBUTION] = sizeof(struct phub_distribution_ops),
    [PHUB_KIND_REDUNDANCY] = sizeof(struct phub_redundancy_ops),
    [PHUB_KIND_SYNC] = sizeof(struct phub_sync_ops),
    [PHUB_KIND_MIGRATION] = sizeof(struct phub_migration_ops),
    [PHUB_KIND_PARTITION] = sizeof(struct phub_partition_ops),
};

const char *phub__kind_name(uint32_t kind)
{
    if (kind < PHUB_KIND_DISTRIBUTION || kind > PHUB_KIND_PARTITION)
        return NULL;
    return kind_names[kind];
}

uint32_t phub__kind_of(const char *name)
{
    uint32_t kind;

    for (kind = PHUB_KIND_DISTRIBUTION; kind <= PHUB_KIND_PARTITION; kind++)
        if (strcmp(kind_names[kind], name) == 0)
            return kind;
    return 0;
}

/* Every sentence about a plugin begins alike. */
#define REFUSE(wanted, path, error, error_max, format, ...)                   \
    phub__strategy_error(error, error_max, PHUB_EPLUGIN,                      \
                         "plugin '%s' (%s): " format, (wanted)->shown, path,  \
                         __VA_ARGS__)

/* --- check 1: the file --------------------------------------------------- */

/* May somebody other than root and this user write it? */
static bool mode_open(const struct stat *st)
{
    if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0)
        return false;
    if ((st->st_mode & S_IWOTH) != 0)
        return true;
    return (st->st_mode & S_IWGRP) != 0 && st->st_gid != 0 &&
           st->st_gid != getegid();
}

int phub__file_safe(const struct phub__wanted *wanted, const char *path,
                    char *resolved, struct stat *st, char *error,
                    size_t error_max)
{
    char above[PATH_MAX];
    struct stat dir;
    size_t size;

    if (realpath(path, above) == NULL) {
        if (errno == ENOENT || errno == ENOTDIR)
            return PHUB_ENOTFOUND;
        return REFUSE(wanted, path, error, error_max, "cannot look: %s",
                      strerror(errno));
    }
    if (stat(above, st) != 0)
        return REFUSE(wanted, path, error, error_max, "cannot look: %s",
                      strerror(errno));
    if (!S_ISREG(st->st_mode))
        return REFUSE(wanted, path, error, error_max, "%s",
                      "is not a regular file");
    size = strlen(above);
    memcpy(resolved, above, size + 1);
    if (st->st_uid != 0 && st->st_uid != geteuid())
        return REFUSE(wanted, path, error, error_max,
            "belongs to user %lu; only root and user %lu may own it",
            (unsigned long)st->st_uid, (unsigned long)geteuid());
    if (mode_open(st))
        return REFUSE(wanted, path, error, error_max,
            "may be written by others: mode %04o; chmod go-w it",
            (unsigned)(st->st_mode & 07777));
    while (size > 1) {
        while (size > 1 && above[size - 1] != '/')
            size--;
        if (size > 1)
            size--;
        above[size] = '\0';
        if (stat(above, &dir) == 0 && mode_open(&dir))
            return REFUSE(wanted, path, error, error_max,
                "may be replaced by others: directory %s has mode %04o; "
                "chmod go-w it", above, (unsigned)(dir.st_mode & 07777));
    }
    return 0;
}

/* --- checks 2 and 3: dlopen and the symbol ------------------------------- */

static int symbol_missing(const struct phub__wanted *wanted, const char *path,
                          void *handle, char *error, size_t error_max)
{
    char symbol[32];
    unsigned major;

    for (major = 1; major <= SYMBOL_MAJORS_MAX; major++) {
        (void)snprintf(symbol, sizeof symbol, "phub_plugin_abi%u", major);
        if (dlsym(handle, symbol) != NULL)
            return REFUSE(wanted, path, error, error_max,
                "no symbol phub_plugin_abi%u; it has %s, this libphub "
                "speaks abi%u", PHUB_PLUGIN_ABI_MAJOR, symbol,
                PHUB_PLUGIN_ABI_MAJOR);
    }
    return REFUSE(wanted, path, error, error_max, "%s", "not a phub plugin");
}

int phub__plugin_open(const struct phub__wanted *wanted, const char *path,
                      const char *resolved, const struct stat *st,
                      struct phub__plugin **plugin, char *error,
                      size_t error_max)
{
    const struct phub_plugin *descriptor;
    char why[PHUB__LOADER_ERROR_MAX];
    void *handle;
    int rc;

    if (phub__image_check(resolved, why, sizeof why) != 0)
        return REFUSE(wanted, path, error, error_max, "%s", why);
    rc = phub__image_open(resolved, st, &handle, why, sizeof why);
    if (rc == PHUB_ENOMEM)
        return phub__strategy_error(error, error_max, rc, "%s", why);
    if (rc != 0)
        return REFUSE(wanted, path, error, error_max,
                      "cannot open: %s; check its libraries with ldd", why);
    descriptor = dlsym(handle, "phub_plugin_abi1");
    if (descriptor == NULL)
        return symbol_missing(wanted, path, handle, error, error_max);
    return phub__plugin_new(wanted, path, descriptor, plugin, error,
                            error_max);
}

/* --- checks 4 to 6: the descriptor --------------------------------------- */

static int descriptor_check(const struct phub__wanted *wanted,
                            const char *path, const struct phub_plugin *theirs,
                            char *error, size_t error_max)
{
    uint64_t unknown;
    int bit;

    if (theirs->magic != PHUB_PLUGIN_MAGIC)
        return REFUSE(wanted, path, error, error_max,
            "damaged descriptor: magic %08x, %08x expected", theirs->magic,
            PHUB_PLUGIN_MAGIC);
    if (theirs->size < DESCRIPTOR_SIZE_MIN)
        return REFUSE(wanted, path, error, error_max,
            "damaged descriptor: size %u, at least %zu expected",
            theirs->size, DESCRIPTOR_SIZE_MIN);
    if (theirs->abi_needs > PHUB_PLUGIN_ABI_MINOR)
        return REFUSE(wanted, path, error, error_max,
            "needs plugin ABI %u.%u, this libphub offers %u.%u; upgrade "
            "libphub (built against %u.%u)", PHUB_PLUGIN_ABI_MAJOR,
            theirs->abi_needs, PHUB_PLUGIN_ABI_MAJOR, PHUB_PLUGIN_ABI_MINOR,
            PHUB_PLUGIN_ABI_MAJOR, theirs->abi_built);
    unknown = (theirs->flags & ~PHUB_FLAG_KNOWN) >> 32;
    if (unknown != 0) {
        for (bit = 32; (unknown & 1) == 0; bit++)
            unknown >>= 1;
        return REFUSE(wanted, path, error, error_max,
            "uses feature bit %d unknown to this libphub", bit);
    }
    if (theirs->name == NULL || theirs->version == NULL ||
        theirs->license == NULL || theirs->summary == NULL)
        return REFUSE(wanted, path, error, error_max, "%s",
            "damaged descriptor: name, version, license or summary missing");
    if (theirs->wire_min > theirs->wire_max)
        return REFUSE(wanted, path, error, error_max,
            "damaged descriptor: wire versions %u..%u", theirs->wire_min,
            theirs->wire_max);
    return 0;
}

/* --- check 7: kind and name ---------------------------------------------- */

int phub__plugin_wanted(const struct phub__wanted *wanted, const char *path,
                        const struct phub_plugin *descriptor, char *error,
                        size_t error_max)
{
    const char *kind = phub__kind_name(descriptor->kind);

    if (kind == NULL)
        return REFUSE(wanted, path, error, error_max,
            "is kind %u '%s', unknown to this libphub", descriptor->kind,
            descriptor->name);
    if (wanted->kind != 0 &&
        (wanted->kind != descriptor->kind ||
         (wanted->name != NULL && strcmp(wanted->name, descriptor->name) != 0)))
        return REFUSE(wanted, path, error, error_max,
            "is %s '%s', configured as %s '%s'", kind, descriptor->name,
            phub__kind_name(wanted->kind), wanted->shown);
    return 0;
}

/* --- check 8: the vtable ------------------------------------------------- */

static int ops_copy(const struct phub__wanted *wanted, const char *path,
                    const struct phub_plugin *theirs,
                    struct phub__plugin *plugin, char *error,
                    size_t error_max)
{
    const uint8_t *ops = theirs->ops.any;
    uint32_t size[2] = { 0, 0 };  /* size, instance_size */
    size_t i;

    if (ops != NULL)
        memcpy(size, ops, sizeof size);
    for (i = 0; i < sizeof mandatory / sizeof mandatory[0]; i++) {
        void (*function)(void) = NULL;
        size_t needs = mandatory[i].offset + sizeof function;

        if (mandatory[i].kind != theirs->kind)
            continue;
        if (size[0] >= needs)
            memcpy(&function, ops + mandatory[i].offset, sizeof function);
        if (function == NULL && ops != NULL && size[0] < needs)
            return REFUSE(wanted, path, error, error_max,
                "lacks mandatory function %s: its ops say size %u, %s needs "
                "%zu; write .size = sizeof ops", mandatory[i].name, size[0],
                mandatory[i].name, needs);
        if (function == NULL)
            return REFUSE(wanted, path, error, error_max,
                "lacks mandatory function %s", mandatory[i].name);
    }
    if (size[1] > PHUB__LOADER_INSTANCE_MAX)
        return REFUSE(wanted, path, error, error_max,
            "wants instances of %u bytes, at most %u are given", size[1],
            PHUB__LOADER_INSTANCE_MAX);
    memcpy(&plugin->ops, ops, size[0] < ops_sizes[theirs->kind]
                                  ? size[0] : ops_sizes[theirs->kind]);
    return 0;
}

/* --- check 9, first half: the declared rows ------------------------------ */

static int params_copy(const struct phub__wanted *wanted, const char *path,
                       const struct phub_plugin *theirs,
                       struct phub__plugin *plugin, char *error,
                       size_t error_max)
{
    uint32_t count = theirs->params_count, stride = theirs->params_stride;
    const uint8_t *rows = (const uint8_t *)theirs->params;
    char why[256];
    uint32_t i;

    if (count > PHUB__LOADER_PARAMS_MAX ||
        (count > 0 && (rows == NULL || stride < PARAM_SIZE_MIN)))
        return REFUSE(wanted, path, error, error_max,
            "damaged descriptor: %u parameters of %u bytes, at most %u of "
            "at least %zu expected", count, stride, PHUB__LOADER_PARAMS_MAX,
            PARAM_SIZE_MIN);
    if (count == 0 && rows != NULL)
        return REFUSE(wanted, path, error, error_max, "%s",
            "declares .params, and .params_count is 0; write how many rows "
            "they are");
    plugin->params = calloc(count > 0 ? count : 1, sizeof *plugin->params);
    if (plugin->params == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    for (i = 0; i < count; i++)
        memcpy(&plugin->params[i], rows + (size_t)i * stride,
               stride < sizeof *plugin->params ? stride
                                               : sizeof *plugin->params);
    if (phub__params_check(plugin->params, count, why, sizeof why) != 0)
        return REFUSE(wanted, path, error, error_max, "%s", why);
    return 0;
}

int phub__plugin_new(const struct phub__wanted *wanted, const char *path,
                     const struct phub_plugin *theirs,
                     struct phub__plugin **plugin, char *error,
                     size_t error_max)
{
    struct phub__plugin *made;
    int rc;

    rc = descriptor_check(wanted, path, theirs, error, error_max);
    if (rc == 0)
        rc = phub__plugin_wanted(wanted, path, theirs, error, error_max);
    if (rc != 0)
        return rc;
    made = calloc(1, sizeof *made);
    if (made == NULL || (made->path = strdup(path)) == NULL) {
        free(made);
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    }
    made->refs = 1;
    memcpy(&made->descriptor, theirs,
           theirs->size < sizeof made->descriptor ? theirs->size
                                                  : sizeof made->descriptor);
    rc = ops_copy(wanted, path, theirs, made, error, error_max);
    if (rc == 0)
        rc = params_copy(wanted, path, theirs, made, error, error_max);
    if (rc != 0) {
        phub__plugin_unref(&made);
        return rc;
    }
    made->descriptor.size = sizeof made->descriptor;
    made->descriptor.params = made->params;
    made->descriptor.params_stride = sizeof *made->params;
    *plugin = made;
    return 0;
}

void phub__plugin_unref(struct phub__plugin **plugin)
{
    struct phub__plugin *p = *plugin;

    *plugin = NULL;
    if (p == NULL || --p->refs > 0)
        return;
    free(p->params);
    free(p->path);
    free(p);
}
