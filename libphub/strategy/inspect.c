/* SPDX-License-Identifier: MIT */
/* inspect: the loader, for programs that look at plugins. */
#include "config.h"

#include <stdlib.h>

#include <phub/inspect.h>

#include "strategy/loader.h"
#include "strategy/param.h"

struct loaded {
    struct phub__strategy *strategy;
    struct loaded *next;
};

struct phub_inspector {
    struct phub__loader *loader;
    struct loaded *loaded;
};

int phub_inspector_new(const char *path, struct phub_inspector **inspector,
                       char *error, size_t error_max)
{
    struct phub_inspector *made = calloc(1, sizeof *made);
    int rc;

    if (made == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    rc = phub__loader_new(path, &made->loader, error, error_max);
    if (rc != 0) {
        free(made);
        return rc;
    }
    *inspector = made;
    return 0;
}

void phub_inspector_free(struct phub_inspector **inspector)
{
    struct phub_inspector *i = *inspector;
    struct loaded *next;

    *inspector = NULL;
    if (i == NULL)
        return;
    for (; i->loaded != NULL; i->loaded = next) {
        next = i->loaded->next;
        phub__strategy_free(&i->loaded->strategy);
        free(i->loaded);
    }
    phub__loader_free(&i->loader);
    free(i);
}

const char *const *
phub_inspector_dirs(const struct phub_inspector *inspector, uint32_t *count)
{
    return phub__loader_dirs(inspector->loader, count);
}

int phub_inspector_load(struct phub_inspector *inspector, uint32_t kind,
                        const char *name,
                        const struct phub_plugin **descriptor,
                        const char **file, char *error, size_t error_max)
{
    struct loaded *made = calloc(1, sizeof *made);
    int rc;

    if (made == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    rc = phub__strategy_load(inspector->loader, kind, name, NULL, 0,
                             &made->strategy, error, error_max);
    if (rc != 0) {
        free(made);
        return rc;
    }
    made->next = inspector->loaded;
    inspector->loaded = made;
    *descriptor = phub__strategy_descriptor(made->strategy);
    *file = made->strategy->path;
    return 0;
}

const char *phub_kind_name(uint32_t kind)
{
    return phub__kind_name(kind);
}

uint32_t phub_kind_of(const char *name)
{
    return phub__kind_of(name);
}
