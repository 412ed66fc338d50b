/* SPDX-License-Identifier: MIT */
/* loader: the search path and the files loaded from it. */
#include "config.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "strategy/file.h"
#include "strategy/loader.h"
#include "strategy/note.h"
#include "strategy/param.h"

#ifndef PHUB_PLUGIN_DIR
#define PHUB_PLUGIN_DIR "/usr/lib/phub/abi1"
#endif

struct phub__loader {
    char *dirs[PHUB__LOADER_DIRS_MAX];
    uint32_t dirs_count;
    struct phub__plugin *plugins;
    void (*loading)(void *arg, const char *path);   /* or NULL */
    void *loading_arg;
};

/* --- the path ------------------------------------------------------------ */

static int dirs_add(struct phub__loader *loader, const char *from,
                    const char *path, char *error, size_t error_max)
{
    const char *at = path;

    for (;;) {
        size_t size = strcspn(at, ":");

        if (size == 0)
            return phub__strategy_error(error, error_max, PHUB_ECONFIG,
                "%s: empty component in '%s'", from, path);
        if (at[0] != '/')
            return phub__strategy_error(error, error_max, PHUB_ECONFIG,
                "%s: '%.*s' is not an absolute path", from, (int)size, at);
        if (loader->dirs_count == PHUB__LOADER_DIRS_MAX)
            return phub__strategy_error(error, error_max, PHUB_ECONFIG,
                "%s: more than %u directories to look in", from,
                PHUB__LOADER_DIRS_MAX);
        loader->dirs[loader->dirs_count] = strndup(at, size);
        if (loader->dirs[loader->dirs_count] == NULL)
            return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                        "out of memory");
        loader->dirs_count++;
        if (at[size] == '\0')
            return 0;
        at += size + 1;
    }
}

int phub__loader_new(const char *path, struct phub__loader **loader,
                     char *error, size_t error_max)
{
    const char *environment = secure_getenv("PHUB_PLUGIN_PATH");
    struct phub__loader *made = calloc(1, sizeof *made);
    int rc = 0;

    if (made == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    if (environment != NULL && environment[0] != '\0')
        rc = dirs_add(made, "PHUB_PLUGIN_PATH", environment, error,
                      error_max);
    if (rc == 0 && path != NULL && path[0] != '\0')
        rc = dirs_add(made, "plugin_path", path, error, error_max);
    if (rc == 0)
        rc = dirs_add(made, "built-in plugin directory", PHUB_PLUGIN_DIR,
                      error, error_max);
    if (rc != 0) {
        phub__loader_free(&made);
        return rc;
    }
    *loader = made;
    return 0;
}

void phub__loader_free(struct phub__loader **loader)
{
    struct phub__loader *l = *loader;
    struct phub__plugin *plugin, *next;
    uint32_t i;

    *loader = NULL;
    if (l == NULL)
        return;
    for (plugin = l->plugins; plugin != NULL; plugin = next) {
        next = plugin->next;
        phub__plugin_unref(&plugin);
    }
    for (i = 0; i < l->dirs_count; i++)
        free(l->dirs[i]);
    free(l);
}

const char *const *phub__loader_dirs(const struct phub__loader *loader,
                                     uint32_t *count)
{
    *count = loader->dirs_count;
    return (const char *const *)loader->dirs;
}

void phub__loader_tell(struct phub__loader *loader,
                       void (*loading)(void *arg, const char *path), void *arg)
{
    loader->loading = loading;
    loader->loading_arg = arg;
}

int phub__loader_add(struct phub__loader *loader,
                     const struct phub_plugin *descriptor)
{
    struct phub__wanted wanted = { 0, NULL, "linked in" };
    struct phub__plugin *plugin;
    int rc;

    rc = phub__plugin_new(&wanted, "", descriptor, &plugin, NULL, 0);
    if (rc != 0)
        return rc;
    plugin->added = 1;
    plugin->next = loader->plugins;
    loader->plugins = plugin;
    return 0;
}

/* --- finding ------------------------------------------------------------- */

static struct phub__plugin *added_find(struct phub__loader *loader,
                                       const struct phub__wanted *wanted)
{
    struct phub__plugin *plugin;

    for (plugin = loader->plugins; plugin != NULL; plugin = plugin->next)
        if (plugin->added && plugin->descriptor.kind == wanted->kind &&
            strcmp(plugin->descriptor.name, wanted->name) == 0)
            return plugin;
    return NULL;
}

/* The file as it was loaded; one that was replaced since is another one. */
static struct phub__plugin *loaded_find(struct phub__loader *loader,
                                        const char *path,
                                        const struct stat *st)
{
    struct phub__plugin *plugin;

    for (plugin = loader->plugins; plugin != NULL; plugin = plugin->next)
        if (!plugin->added && strcmp(plugin->path, path) == 0 &&
            plugin->dev == st->st_dev && plugin->ino == st->st_ino &&
            plugin->mtime.tv_sec == st->st_mtim.tv_sec &&
            plugin->mtime.tv_nsec == st->st_mtim.tv_nsec)
            return plugin;
    return NULL;
}

/* Load the file at path: 0, PHUB_ENOTFOUND without a sentence, or an error. */
static int path_load(struct phub__loader *loader,
                     const struct phub__wanted *wanted, const char *path,
                     struct phub__plugin **plugin, char *error,
                     size_t error_max)
{
    char resolved[PHUB__LOADER_PATH_MAX + 1];
    struct phub__plugin *found;
    struct stat st;
    int rc;

    rc = phub__file_safe(wanted, path, resolved, &st, error, error_max);
    if (rc != 0)
        return rc;
    found = loaded_find(loader, path, &st);
    if (found != NULL) {
        rc = phub__plugin_wanted(wanted, path, &found->descriptor, error,
                                 error_max);
        if (rc == 0)
            *plugin = found;
        return rc;
    }
    if (loader->loading != NULL)
        loader->loading(loader->loading_arg, path);
    rc = phub__plugin_open(wanted, path, resolved, &st, &found, error,
                           error_max);
    if (rc != 0)
        return rc;
    found->dev = st.st_dev;
    found->ino = st.st_ino;
    found->mtime = st.st_mtim;
    found->next = loader->plugins;
    loader->plugins = found;
    *plugin = found;
    return 0;
}

/* A name becomes a file's name: no slash, no dot, nothing odd. */
static bool name_valid(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz"
                               "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-");

    return size > 0 && size <= 63 && name[size] == '\0';
}

static int name_load(struct phub__loader *loader,
                     const struct phub__wanted *wanted,
                     struct phub__plugin **plugin, char *error,
                     size_t error_max)
{
    const char *kind = phub__kind_name(wanted->kind);
    char path[PHUB__LOADER_PATH_MAX + 1], looked[PHUB__LOADER_ERROR_MAX];
    size_t used = 0;
    uint32_t i;
    int rc, size;

    *plugin = added_find(loader, wanted);
    if (*plugin != NULL)
        return 0;
    looked[0] = '\0';
    for (i = 0; i < loader->dirs_count; i++) {
        size = snprintf(path, sizeof path, "%s/%s-%s.so", loader->dirs[i],
                        kind, wanted->name);
        if (size < 0 || (size_t)size >= sizeof path)
            continue;
        rc = path_load(loader, wanted, path, plugin, error, error_max);
        if (rc != PHUB_ENOTFOUND)
            return rc;
        size = snprintf(looked + used, sizeof looked - used, "%s%s",
                        used > 0 ? ", " : "", loader->dirs[i]);
        if (size > 0 && (size_t)size < sizeof looked - used)
            used += (size_t)size;
    }
    return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
        "plugin '%s' (%s-%s.so): not found; looked in %s", wanted->name, kind,
        wanted->name, looked);
}

void phub__loader_shown(const char *path,
                        char shown[PHUB__LOADER_SHOWN_MAX + 1])
{
    const char *base = strrchr(path, '/') + 1;
    size_t size = strlen(base);
    uint32_t kind;

    for (kind = PHUB_KIND_DISTRIBUTION; kind <= PHUB_KIND_PARTITION; kind++) {
        size_t prefix = strlen(phub__kind_name(kind));

        if (size > prefix + 1 && base[prefix] == '-' &&
            memcmp(base, phub__kind_name(kind), prefix) == 0) {
            base += prefix + 1;
            size -= prefix + 1;
            break;
        }
    }
    if (size > 3 && strcmp(base + size - 3, ".so") == 0)
        size -= 3;
    if (size > PHUB__LOADER_SHOWN_MAX)
        size = PHUB__LOADER_SHOWN_MAX;
    (void)snprintf(shown, PHUB__LOADER_SHOWN_MAX + 1, "%.*s", (int)size, base);
}

static int plugin_find(struct phub__loader *loader, uint32_t kind,
                       const char *name, struct phub__plugin **plugin,
                       char *error, size_t error_max)
{
    struct phub__wanted wanted = { kind, name, name };
    char shown[PHUB__LOADER_SHOWN_MAX + 1];
    int rc;

    if (name[0] == '/') {
        phub__loader_shown(name, shown);
        wanted.name = NULL;
        wanted.shown = shown;
        rc = path_load(loader, &wanted, name, plugin, error, error_max);
        if (rc == PHUB_ENOTFOUND)
            return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
                "plugin '%s' (%s): not found; looked in %s", shown, name,
                name);
        return rc;
    }
    if (phub__kind_name(kind) == NULL)
        return phub__strategy_error(error, error_max, PHUB_ECONFIG,
            "plugin '%.64s': kind %u is unknown", name, kind);
    if (!name_valid(name))
        return phub__strategy_error(error, error_max, PHUB_ECONFIG,
            "plugin '%.64s': neither a plain name nor an absolute path",
            name);
    return name_load(loader, &wanted, plugin, error, error_max);
}

/* --- a strategy ---------------------------------------------------------- */

int phub__strategy_load(struct phub__loader *loader, uint32_t kind,
                        const char *name, const char *const *params,
                        size_t params_count, struct phub__strategy **strategy,
                        char *error, size_t error_max)
{
    struct phub__strategy *made;
    struct phub__plugin *plugin = NULL;
    char why[512];
    int rc;

    rc = plugin_find(loader, kind, name, &plugin, error, error_max);
    if (rc != 0)
        return rc;
    made = calloc(1, sizeof *made);
    if (made == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    plugin->refs++;
    made->plugin = plugin;
    made->kind = plugin->descriptor.kind;
    made->wire_min = plugin->descriptor.wire_min;
    made->wire_max = plugin->descriptor.wire_max;
    made->flags = plugin->descriptor.flags;
    made->name = plugin->descriptor.name;
    made->version = plugin->descriptor.version;
    made->path = plugin->path;
    made->ops = plugin->ops;
    made->instance_size = plugin->ops.distribution.instance_size;
    made->values_count = plugin->descriptor.params_count;
    rc = phub__values_new(plugin->params, made->values_count, params,
                          params_count, &made->values, why, sizeof why);
    if (rc == 0) {
        (void)snprintf(why, sizeof why, "out of memory");
        rc = phub__values_digest(made->values, made->values_count,
                                 &made->digest);
    }
    if (rc != 0) {
        (void)phub__strategy_error(error, error_max, rc,
            "plugin '%s' (%s): %s", made->name, made->path, why);
        phub__strategy_free(&made);
        return rc;
    }
    *strategy = made;
    return 0;
}

int phub__strategy_open(struct phub__strategy *strategy, struct phub_ctx *ctx,
                        const struct phub_host *host, char *error,
                        size_t error_max)
{
    size_t size = strategy->instance_size;
    char code[PHUB__CODE_TEXT_MAX];
    int rc;

    if (strategy->self != NULL)
        return phub__strategy_error(error, error_max, PHUB_EREPEATED,
            "plugin '%s' (%s): is open already", strategy->name,
            strategy->path);
    strategy->self = calloc(1, size > 0 ? size : 1);
    if (strategy->self == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    strategy->ctx = ctx;
    strategy->host = host;
    strategy->failed[0] = '\0';
    /* open and close have one place and one type in every kind. */
    strategy->entered++;
    phub__note_begin(strategy->note, strategy->kind, strategy->name, "open");
    rc = strategy->ops.distribution.open(strategy->self, ctx, host);
    phub__note_end(strategy->note);
    strategy->entered--;
    if (rc == 0)
        return 0;
    free(strategy->self);
    strategy->self = NULL;
    strategy->ctx = NULL;
    strategy->host = NULL;
    return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
        "plugin '%s' (%s): refused to start: %s", strategy->name,
        strategy->path,
        strategy->failed[0] != '\0' ? strategy->failed
                                    : phub__strategy_code(rc, code));
}

void phub__strategy_close(struct phub__strategy *strategy)
{
    if (strategy == NULL || strategy->self == NULL)
        return;
    strategy->entered++;
    phub__note_begin(strategy->note, strategy->kind, strategy->name, "close");
    strategy->ops.distribution.close(strategy->self);
    phub__note_end(strategy->note);
    strategy->entered--;
    free(strategy->self);
    strategy->self = NULL;
    strategy->ctx = NULL;
    strategy->host = NULL;
}

void phub__strategy_free(struct phub__strategy **strategy)
{
    struct phub__strategy *s = *strategy;

    *strategy = NULL;
    if (s == NULL)
        return;
    phub__strategy_close(s);
    phub__values_free(&s->values, s->values_count);
    phub__plugin_unref(&s->plugin);
    free(s);
}

int phub__strategy_param_uint(const struct phub__strategy *strategy,
                              const char *name, uint64_t *value)
{
    const struct phub__value *found =
        phub__values_find(strategy->values, strategy->values_count, name);

    if (found == NULL)
        return PHUB_ENOTFOUND;
    if (found->row->type == PHUB_PARAM_TEXT)
        return PHUB_EINVAL;
    *value = found->number;
    return 0;
}

int phub__strategy_param_text(const struct phub__strategy *strategy,
                              const char *name, struct phub_bytes *value)
{
    const struct phub__value *found =
        phub__values_find(strategy->values, strategy->values_count, name);

    if (found == NULL)
        return PHUB_ENOTFOUND;
    value->data = (const uint8_t *)found->text;
    value->size = strlen(found->text);
    return 0;
}

int phub__strategy_fail(struct phub__strategy *strategy, int code,
                        const char *text)
{
    (void)snprintf(strategy->failed, sizeof strategy->failed, "%s", text);
    return code;
}

const struct phub_plugin *
phub__strategy_descriptor(const struct phub__strategy *strategy)
{
    return &strategy->plugin->descriptor;
}

const char *phub__strategy_value(const struct phub__strategy *strategy,
                                 uint32_t index)
{
    return strategy->values[index].text;
}
