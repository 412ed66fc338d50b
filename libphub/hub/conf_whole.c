/* SPDX-License-Identifier: MIT */
/* conf_whole: a configuration as a whole: made, completed, judged, printed. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/conf.h"
#include "hub/conf_private.h"
#include "strategy/loader.h"

void phub__config_init(struct phub__config *config)
{
    memset(config, 0, sizeof *config);
}

void phub__config_fini(struct phub__config *config)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);

    for (size_t i = 0; i < count; i++)
        phub__config_drop(config, &rows[i]);
    phub__config_hooks_fini(config);
    for (size_t i = 0; i < config->plugins_count; i++) {
        struct phub__config_plugin *p = &config->plugins[i];

        for (size_t j = 0; j < p->params_count; j++)
            free(p->params[j]);
        free(p->params);
        free(p->kind);
        free(p->name);
        free(p->where);
    }
    phub__config_init(config);
}

/* --- sections of strategies --------------------------------------------- */

const struct phub__config_plugin *
phub__config_plugin(const struct phub__config *config, const char *kind,
                    const char *name)
{
    for (size_t i = 0; i < config->plugins_count; i++) {
        const struct phub__config_plugin *p = &config->plugins[i];

        if (strcmp(p->kind, kind) == 0 && strcmp(p->name, name) == 0)
            return p;
    }
    return NULL;
}

/* The strategy that [strategies] names for a kind, or NULL. */
static const char *strategy_of(const struct phub__config *config,
                               const char *kind)
{
    const struct phub__config_row *row = phub__config_row("strategies", kind);

    return *(char *const *)(const void *)((const char *)config + row->offset);
}

/* What the section of a strategy is called that has none by its path. */
static const char *section_name(const char *used,
                                char shown[PHUB__LOADER_SHOWN_MAX + 1])
{
    if (used[0] != '/')
        return used;
    phub__loader_shown(used, shown);
    return phub__config_is_plugin(shown) ? shown : used;
}

const struct phub__config_plugin *
phub__config_plugin_used(const struct phub__config *config, const char *kind)
{
    const char *used = strategy_of(config, kind);
    const struct phub__config_plugin *found;
    char shown[PHUB__LOADER_SHOWN_MAX + 1];

    if (!used)
        return NULL;
    found = phub__config_plugin(config, kind, used);
    if (found)
        return found;
    return phub__config_plugin(config, kind, section_name(used, shown));
}

struct phub__config_plugin *
phub__config_plugin_add(struct phub__config *config, const char *kind,
                        const char *name, const char *where,
                        struct phub__config_errors *errors)
{
    const struct phub__config_plugin *old =
        phub__config_plugin(config, kind, name);
    struct phub__config_plugin *p;

    if (old)
        return &config->plugins[old - config->plugins];
    if (config->plugins_count == PHUB__CONFIG_PLUGINS_MAX) {
        phub__config_error(errors,
                           "%s: [%s %s]: at most %u sections of strategies",
                           where, kind, name, PHUB__CONFIG_PLUGINS_MAX);
        return NULL;
    }
    p = &config->plugins[config->plugins_count];
    p->kind = strdup(kind);
    p->name = strdup(name);
    p->where = strdup(where);
    if (!p->kind || !p->name || !p->where) {
        free(p->kind);
        free(p->name);
        free(p->where);
        memset(p, 0, sizeof *p);
        phub__config_error(errors, "%s: out of memory", where);
        return NULL;
    }
    config->plugins_count++;
    return p;
}

int phub__config_plugin_param(struct phub__config_plugin *plugin,
                              const char *key, const char *value,
                              bool replace)
{
    size_t key_size = strlen(key), size = key_size + strlen(value) + 2;
    size_t at = 0;
    char *text, **params;

    for (; at < plugin->params_count; at++) {
        if (strncmp(plugin->params[at], key, key_size) == 0 &&
            plugin->params[at][key_size] == '=')
            break;
    }
    if (at < plugin->params_count && !replace)
        return PHUB_EEXIST;
    if (at == PHUB__CONFIG_PARAMS_MAX)
        return PHUB_ELIMIT;
    text = malloc(size);
    if (!text)
        return PHUB_ENOMEM;
    snprintf(text, size, "%s=%s", key, value);
    if (at < plugin->params_count) {
        free(plugin->params[at]);
        plugin->params[at] = text;
        return 0;
    }
    params = realloc(plugin->params, (at + 1) * sizeof *params);
    if (!params) {
        free(text);
        return PHUB_ENOMEM;
    }
    params[at] = text;
    plugin->params = params;
    plugin->params_count++;
    return 0;
}

/* --- judged -------------------------------------------------------------- */

static void not_given(const struct phub__config_row *row, const char *name,
                      struct phub__config_errors *errors)
{
    if (row->type == PHUB__CONFIG_PLUGIN)
        phub__config_error(errors,
                           "%s: [%s] %s is not set (%s): phub has no strategy "
                           "of its own; name an installed one (phub-plugin "
                           "list), or begin with " PHUB_SYSCONF_DIR
                           "/phub.conf.example", name, row->section,
                           row->key, row->help);
    else
        phub__config_error(errors, "%s: [%s] %s is not set (%s)", name,
                           row->section, row->key, row->help);
}

/* Options that nobody reads are a typing error more often than not. */
static void check_plugins(const struct phub__config *config,
                          struct phub__config_errors *errors)
{
    for (size_t i = 0; i < config->plugins_count; i++) {
        const struct phub__config_plugin *p = &config->plugins[i];
        const struct phub__config_plugin *read =
            phub__config_plugin_used(config, p->kind);
        const char *used = strategy_of(config, p->kind);
        char shown[PHUB__LOADER_SHOWN_MAX + 1];

        if (!used || p == read)
            continue;
        if (used[0] != '/')
            phub__config_error(errors,
                               "%s: [%s %s]: nothing reads this section, "
                               "[strategies] %s is \"%s\"", p->where, p->kind,
                               p->name, p->kind, used);
        else
            phub__config_error(errors,
                               "%s: [%s %s]: nothing reads this section, "
                               "[strategies] %s is \"%s\", whose section is "
                               "[%s %s]", p->where, p->kind, p->name, p->kind,
                               used, p->kind,
                               read ? read->name : section_name(used, shown));
    }
}

static void check_together(const struct phub__config *config,
                           const char *name,
                           struct phub__config_errors *errors)
{
    const struct phub__cluster_params *params = &config->members.params;
    const char *advertise = config->hub.advertise;
    size_t size = strlen(advertise);

    if (params->probe_timeout >= params->probe_interval)
        phub__config_error(errors,
                           "%s: [members] probe_timeout_ms = %u is not below "
                           "probe_interval_ms = %u", name,
                           (unsigned)params->probe_timeout,
                           (unsigned)params->probe_interval);
    if (phub__endpoint_is_any(advertise) ||
        (size > 2 && strcmp(advertise + size - 2, ":0") == 0))
        phub__config_error(errors,
                           "%s: [hub] advertise = \"%s\": other nodes cannot "
                           "connect to that; give a host they can resolve and "
                           "a port", name, advertise);
}

int phub__config_finish(struct phub__config *config, const char *name,
                        struct phub__config_errors *errors)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    unsigned before = errors->count;

    for (size_t i = 0; i < count; i++) {
        int rc;

        if (config->given[i])
            continue;
        if (!rows[i].fallback) {
            not_given(&rows[i], name, errors);
            continue;
        }
        rc = phub__config_keep(config, &rows[i], rows[i].fallback);
        if (rc == PHUB_ENOMEM) {
            phub__config_error(errors, "%s: out of memory", name);
            return rc;
        }
        if (rc)
            phub__config_error(errors,
                               "[%s] %s: the default \"%s\" is not allowed "
                               "on this machine; set it", rows[i].section,
                               rows[i].key, rows[i].fallback);
    }
    /* Keys that were refused are not there to be compared. */
    if (errors->count == 0) {
        check_plugins(config, errors);
        check_together(config, name, errors);
    }
    return errors->count == before ? 0 : PHUB_ECONFIG;
}

/* --- printed -------------------------------------------------------------- */

static void print_row(const struct phub__config *config,
                      const struct phub__config_row *row, FILE *out)
{
    const void *at = (const char *)config + row->offset;
    const struct phub__config_list *list = at;
    const char *text = "";

    switch (row->type) {
    case PHUB__CONFIG_UINT:
        fprintf(out, "%s = %llu\n", row->key,
                (unsigned long long)*(const uint64_t *)at);
        return;
    case PHUB__CONFIG_UINT32:
        fprintf(out, "%s = %u\n", row->key,
                (unsigned)*(const uint32_t *)at);
        return;
    case PHUB__CONFIG_SEEDS:
        for (size_t i = 0; i < list->count; i++)
            fprintf(out, "%s = %s\n", row->key, list->items[i]);
        return;
    case PHUB__CONFIG_LEVEL:
        text = phub__config_level_name(*(const uint64_t *)at);
        break;
    case PHUB__CONFIG_NAME:
    case PHUB__CONFIG_ENDPOINT:
    case PHUB__CONFIG_PATH:
    case PHUB__CONFIG_SOCKET:
    case PHUB__CONFIG_PLUGIN:
    case PHUB__CONFIG_DIRS:
    case PHUB__CONFIG_LABELS:
        text = *(char *const *)at;
        break;
    }
    if (text && *text)
        fprintf(out, "%s = %s\n", row->key, text);
}

void phub__config_print(const struct phub__config *config, FILE *out)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    const char *section = "";

    for (size_t i = 0; i < count; i++) {
        if (strcmp(section, rows[i].section) != 0) {
            fprintf(out, "%s[%s]\n", i ? "\n" : "", rows[i].section);
            section = rows[i].section;
        }
        print_row(config, &rows[i], out);
    }
    phub__config_hooks_print(config, out); /* [hooks] is the last of them */
    for (size_t i = 0; i < config->plugins_count; i++) {
        const struct phub__config_plugin *p = &config->plugins[i];

        fprintf(out, "\n[%s %s]\n", p->kind, p->name);
        for (size_t j = 0; j < p->params_count; j++) {
            int key = (int)strcspn(p->params[j], "=");

            fprintf(out, "%.*s = %s\n", key, p->params[j],
                    p->params[j] + key + 1);
        }
    }
}
