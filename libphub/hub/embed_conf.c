/* SPDX-License-Identifier: MIT */
/* embed_conf: from "section.key=value" to a configuration, and from that to
 * the options of a hub.
 *
 * Settings are rows of phub.conf(5) in one line each; they win over the file,
 * and that over the defaults, which are a file as well: phub has no strategy
 * of its own, so that a program need not name five, the installed defaults.conf
 * does.  What a daemon needs and a program rarely wants has no default here: without
 * hub.state_dir a hub keeps nothing, without hub.log_level it says nothing. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <phub/error.h>

#include "hub/conf_private.h"
#include "hub/embed.h"
#include "wire/memory.h"

#define DEFAULTS PHUB_DATA_DIR "/defaults.conf"
#define DEFAULT 3   /* in config->given: neither file nor setting */

int phub__embed_lines(const char *text, struct phub__embed_lines *lines,
                      char *error, size_t error_max)
{
    size_t size = strlen(text) + 1;
    char *line, *next;

    lines->count = 0;
    lines->text = phub__calloc(1, size);
    if (lines->text == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    memcpy(lines->text, text, size);
    next = lines->text;
    while ((line = strsep(&next, "\n")) != NULL) {
        char *end = line + strlen(line);

        line += strspn(line, " \t\r");
        while (end > line && strchr(" \t\r", end[-1]) != NULL)
            *--end = '\0';
        if (line[0] == '\0' || line[0] == '#')
            continue;
        if (lines->count == PHUB_SETTINGS_MAX) {
            snprintf(error, error_max, "more than %u settings",
                     PHUB_SETTINGS_MAX);
            phub__free(lines->text);
            return PHUB_ELIMIT;
        }
        lines->items[lines->count++] = line;
    }
    return 0;
}

int phub__embed_given(const struct phub__config *config, const char *section,
                      const char *key)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    const struct phub__config_row *row = phub__config_row(section, key);

    return row != NULL && config->given[row - rows];
}

static void set_row(struct phub__config *config, const char *setting,
                    const struct phub__config_row *row, const char *value,
                    struct phub__config_errors *errors)
{
    size_t count;
    uint8_t *given = &config->given[row - phub__config_rows(&count)];
    char allowed[160], shown[PHUB__CONFIG_SHOWN_MAX];
    int rc;

    if (phub__config_is_list(row) && *given != 2)
        phub__config_drop(config, row); /* not beside the file's */
    *given = 2;
    rc = phub__config_keep(config, row, value);
    if (rc == 0)
        return;
    phub__config_allowed(row, allowed, sizeof allowed);
    if (rc == PHUB_ENOMEM)
        phub__config_error(errors, "out of memory");
    else
        phub__config_error(errors, "setting \"%s\": allowed is %s",
                           phub__config_shown(setting, shown), allowed);
}

/* "distribution consistent_hash" */
static int is_kind(const char *section)
{
    const char *space = strchr(section, ' ');
    size_t i, size;

    if (space == NULL || space[1] == '\0')
        return 0;
    size = (size_t)(space - section);
    for (i = 0; phub__config_kind(i) != NULL; i++)
        if (strlen(phub__config_kind(i)) == size &&
            memcmp(phub__config_kind(i), section, size) == 0)
            return 1;
    return 0;
}

static void set_param(struct phub__config *config, char *section,
                      const char *key, const char *value,
                      struct phub__config_errors *errors)
{
    struct phub__config_plugin *plugin;
    char *space = strchr(section, ' ');
    int rc;

    *space = '\0';
    plugin = phub__config_plugin_add(config, section, space + 1, "setting",
                                     errors);
    if (plugin == NULL)
        return;
    rc = phub__config_plugin_param(plugin, key, value, true);
    if (rc != 0)
        phub__config_error(errors, "setting \"%s %s.%s\": %s", section,
                           space + 1, key, phub_strerror(rc));
}

static void set(struct phub__config *config, const char *setting,
                struct phub__config_errors *errors)
{
    const struct phub__config_row *row;
    char shown[PHUB__CONFIG_SHOWN_MAX];
    char *copy = strdup(setting), *sign, *dot;

    if (copy == NULL) {
        phub__config_error(errors, "out of memory");
        return;
    }
    sign = strchr(copy, '=');
    if (sign != NULL)
        *sign = '\0';
    dot = sign != NULL ? strrchr(copy, '.') : NULL;
    if (dot == NULL || dot[1] == '\0') {
        phub__config_error(errors, "setting \"%s\": allowed is "
                           "section.key=value, as in phub.conf(5)",
                           phub__config_shown(setting, shown));
        free(copy);
        return;
    }
    *dot = '\0';
    row = phub__config_row(copy, dot + 1);
    if (row != NULL)
        set_row(config, setting, row, sign + 1, errors);
    else if (strcmp(copy, "hooks") == 0)
        (void)phub__config_hook(config, dot + 1, sign + 1, "setting hooks",
                                errors);
    else if (is_kind(copy))
        set_param(config, copy, dot + 1, sign + 1, errors);
    else
        phub__config_error(errors, "setting \"%s\": there is no such section "
                           "or key; phub.conf(5) lists them",
                           phub__config_shown(setting, shown));
    free(copy);
}

static int name_of_host(struct phub__config *config,
                        struct phub__config_errors *errors)
{
    const struct phub__config_row *row = phub__config_row("hub", "name");
    char name[PHUB_NODE_NAME_MAX + 1];

    if (config->hub.name == NULL || config->hub.name[0] != '\0')
        return 0;
    if (gethostname(name, sizeof name) != 0)
        name[0] = '\0';
    name[sizeof name - 1] = '\0';
    phub__config_drop(config, row);
    if (phub__config_keep(config, row, name) == 0 && name[0] != '\0')
        return 0;
    phub__config_error(errors, "the host's name \"%s\" is no name for a node; "
                       "set hub.name", name);
    return PHUB_ECONFIG;
}

/* Where there are none, the settings have to say it all. */
static int read_defaults(struct phub__config *config,
                         struct phub__config_errors *errors)
{
    const char *path = secure_getenv("PHUB_DEFAULTS");
    size_t i;
    int rc;

    if (path == NULL || path[0] == '\0')
        path = DEFAULTS;
    if (access(path, F_OK) != 0)
        return 0;
    rc = phub__config_read(config, path, errors);
    if (config->plugins_count != 0)
        phub__config_error(errors, "%s: options of strategies have no place "
                           "among the defaults", path);
    for (i = 0; i < PHUB__CONFIG_ROWS_MAX; i++)
        if (config->given[i] != 0)
            config->given[i] = DEFAULT;
    return rc;
}

int phub__embed_configure(struct phub__config *config, const char *file,
                          const char *const *settings, size_t count,
                          char *error, size_t error_max)
{
    struct phub__config_errors *errors = calloc(1, sizeof *errors);
    size_t i;
    int rc = 0;

    if (errors == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    rc = read_defaults(config, errors);
    if (rc == 0 && file != NULL)
        rc = phub__config_read(config, file, errors);
    for (i = 0; i < count; i++)
        set(config, settings[i], errors);
    if (rc == 0 && errors->count == 0)
        rc = phub__config_finish(config, file != NULL ? file : "settings",
                                 errors);
    if (rc == 0 && errors->count == 0)
        rc = name_of_host(config, errors);
    if (rc == 0 && errors->count != 0)
        rc = PHUB_ECONFIG;
    if (rc != 0) {
        if (errors->used != 0 && errors->text[errors->used - 1] == '\n')
            errors->text[errors->used - 1] = '\0';
        snprintf(error, error_max, "%s", errors->text);
    }
    free(errors);
    return rc;
}
