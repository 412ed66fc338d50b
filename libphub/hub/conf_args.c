/* SPDX-License-Identifier: MIT */
/* conf_args: every key of phub.conf as a flag of phubd.
 *
 * The file is found first, wherever --config stands; then it is read, then
 * the flags are set over it, in their order. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <phub/error.h>

#include "hub/conf.h"
#include "hub/conf_private.h"

#define DEFAULT_FILE PHUB_SYSCONF_DIR "/phub.conf"

static const char *const own_flags[] = {
    "--config", "--check-config", "--param", "--hook", "--help", "--version", NULL
};

const char *phub__config_flag_of(const struct phub__config_row *row,
                                 char flag[PHUB__CONFIG_FLAG_MAX])
{
    snprintf(flag, PHUB__CONFIG_FLAG_MAX, "--%s", row->key);
    for (char *c = flag; *c; c++) {
        if (*c == '_')
            *c = '-';
    }
    return flag;
}

static const struct phub__config_row *row_of_flag(const char *flag)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    char other[PHUB__CONFIG_FLAG_MAX];

    for (size_t i = 0; i < count; i++) {
        if (strcmp(phub__config_flag_of(&rows[i], other), flag) == 0)
            return &rows[i];
    }
    return NULL;
}

int phub__config_set(struct phub__config *config,
                     const struct phub__config_row *row, const char *value,
                     struct phub__config_errors *errors)
{
    size_t count;
    uint8_t *given = &config->given[row - phub__config_rows(&count)];
    char allowed[160], shown[PHUB__CONFIG_SHOWN_MAX];
    char flag[PHUB__CONFIG_FLAG_MAX];
    int rc;

    phub__config_flag_of(row, flag);
    if (phub__config_is_list(row) && *given != 2)
        phub__config_drop(config, row);
    *given = 2;
    rc = phub__config_keep(config, row, value);
    if (rc == PHUB_ENOMEM) {
        phub__config_error(errors, "%s: out of memory", flag);
    } else if (rc) {
        phub__config_allowed(row, allowed, sizeof allowed);
        phub__config_error(errors, "%s \"%s\": allowed is %s", flag,
                           phub__config_shown(value, shown), allowed);
        rc = PHUB_ECONFIG;
    }
    return rc;
}

/* Cut "KIND.NAME.KEY=VALUE" in place; NAME may be a path with dots. */
static bool cut_param(char *text, char *part[4])
{
    char *sign = strchr(text, '='), *dot;

    if (!sign)
        return false;
    *sign = '\0';
    part[0] = text;
    part[3] = sign + 1;
    dot = strchr(text, '.');
    if (!dot)
        return false;
    *dot = '\0';
    part[1] = dot + 1;
    dot = strrchr(part[1], '.');
    if (!dot || !dot[1])
        return false;
    *dot = '\0';
    part[2] = dot + 1;
    for (size_t i = 0; phub__config_kind(i); i++) {
        if (strcmp(part[0], phub__config_kind(i)) == 0)
            return phub__config_is_plugin(part[1]);
    }
    return false;
}

int phub__config_set_param(struct phub__config *config, const char *text,
                           struct phub__config_errors *errors)
{
    char *copy = strdup(text), *part[4], shown[PHUB__CONFIG_SHOWN_MAX];
    struct phub__config_plugin *plugin;
    int rc = PHUB_ECONFIG;

    if (!copy) {
        phub__config_error(errors, "--param: out of memory");
        return PHUB_ENOMEM;
    }
    if (!cut_param(copy, part)) {
        phub__config_error(errors,
                           "--param \"%s\": allowed is KIND.NAME.KEY=VALUE, "
                           "KIND one of distribution, redundancy, sync, "
                           "migration, partition",
                           phub__config_shown(text, shown));
        goto out;
    }
    plugin = phub__config_plugin_add(config, part[0], part[1], "--param",
                                     errors);
    if (!plugin)
        goto out;
    rc = phub__config_plugin_param(plugin, part[2], part[3], true);
    if (rc)
        phub__config_error(errors, "--param \"%s\": %s",
                           phub__config_shown(text, shown),
                           phub_strerror(rc));
out:
    free(copy);
    return rc;
}

/* --- the command line ----------------------------------------------------- */

struct args {
    int argc;
    char *const *argv;
    int index;
    char flag[64];
    const char *value;  /* of "--flag=value" or the next word */
};

static bool takes_value(const char *flag)
{
    return row_of_flag(flag) || strcmp(flag, "--config") == 0 ||
           strcmp(flag, "--param") == 0 || strcmp(flag, "--hook") == 0;
}

static void unknown_flag(const char *word,
                         struct phub__config_errors *errors)
{
    const char *names[PHUB__CONFIG_ROWS_MAX + 8];
    char flags[PHUB__CONFIG_ROWS_MAX][PHUB__CONFIG_FLAG_MAX];
    size_t count, n = 0;
    const struct phub__config_row *rows = phub__config_rows(&count);
    char shown[PHUB__CONFIG_SHOWN_MAX];

    for (size_t i = 0; own_flags[i]; i++)
        names[n++] = own_flags[i];
    for (size_t i = 0; i < count; i++)
        names[n++] = phub__config_flag_of(&rows[i], flags[i]);
    names[n] = NULL;
    phub__config_error(errors, "unknown flag \"%s\", nearest is %s",
                       phub__config_shown(word, shown),
                       phub__config_nearest(word, names));
}

/* Take the next flag.  Errors: PHUB_EEMPTY at the end, PHUB_EINVAL. */
static int next_flag(struct args *args, struct phub__config_errors *errors)
{
    const char *word, *sign;
    bool own = false;

    if (args->index >= args->argc)
        return PHUB_EEMPTY;
    word = args->argv[args->index++];
    if (strcmp(word, "-h") == 0)
        word = "--help";
    sign = strchr(word, '=');
    snprintf(args->flag, sizeof args->flag, "%.*s",
             (int)(sign ? sign - word : 63), word);
    args->value = sign ? sign + 1 : NULL;
    if (takes_value(args->flag)) {
        if (!args->value && args->index < args->argc)
            args->value = args->argv[args->index++];
        if (args->value)
            return 0;
        phub__config_error(errors, "%s needs a value", args->flag);
        return PHUB_EINVAL;
    }
    for (size_t i = 0; own_flags[i]; i++)
        own = own || strcmp(args->flag, own_flags[i]) == 0;
    if (own && !sign)
        return 0;
    if (own)
        phub__config_error(errors, "%s takes no value", args->flag);
    else
        unknown_flag(args->flag, errors);
    return PHUB_EINVAL;
}

static int scan(int argc, char *const *argv, struct phub__config_cli *cli,
                struct phub__config_errors *errors)
{
    struct args args = { .argc = argc, .argv = argv, .index = 1 };
    int rc;

    while ((rc = next_flag(&args, errors)) == 0) {
        if (strcmp(args.flag, "--config") == 0)
            cli->config = args.value;
        else if (strcmp(args.flag, "--check-config") == 0)
            cli->check = true;
        else if (strcmp(args.flag, "--help") == 0)
            cli->help = true;
        else if (strcmp(args.flag, "--version") == 0)
            cli->version = true;
    }
    return rc == PHUB_EEMPTY ? 0 : rc;
}

static int set_flags(struct phub__config *config, int argc,
                     char *const *argv, struct phub__config_errors *errors)
{
    struct args args = { .argc = argc, .argv = argv, .index = 1 };
    int rc = 0;

    while (next_flag(&args, errors) == 0) {
        const struct phub__config_row *row = row_of_flag(args.flag);
        int rc_one = 0;

        if (row)
            rc_one = phub__config_set(config, row, args.value, errors);
        else if (strcmp(args.flag, "--param") == 0)
            rc_one = phub__config_set_param(config, args.value, errors);
        else if (strcmp(args.flag, "--hook") == 0)
            rc_one = phub__config_set_hook(config, args.value, errors);
        rc = rc ? rc : rc_one;
    }
    return rc;
}

int phub__config_from_args(struct phub__config *config, int argc,
                           char *const *argv, struct phub__config_cli *cli,
                           struct phub__config_errors *errors)
{
    const char *path;
    int rc;

    *cli = (struct phub__config_cli){ NULL, false, false, false };
    rc = scan(argc, argv, cli, errors);
    if (rc || cli->help || cli->version)
        return rc;
    /* Without --config the flags may be the whole configuration. */
    path = cli->config ? cli->config : DEFAULT_FILE;
    if (cli->config || access(path, F_OK) == 0) {
        rc = phub__config_read(config, path, errors);
        if (rc == PHUB_ENOMEM)
            return rc;
    }
    rc = set_flags(config, argc, argv, errors);
    if (rc == PHUB_ENOMEM)
        return rc;
    rc = phub__config_finish(config, path, errors);
    if (rc == 0 && errors->count > 0)
        rc = PHUB_ECONFIG;
    return rc;
}

/* --- help ----------------------------------------------------------------- */

static const char *placeholder(const struct phub__config_row *row)
{
    switch (row->type) {
    case PHUB__CONFIG_UINT:
    case PHUB__CONFIG_UINT32:
        return "N";
    case PHUB__CONFIG_LEVEL:
        return "LEVEL";
    case PHUB__CONFIG_NAME:
    case PHUB__CONFIG_PLUGIN:
        return "NAME";
    case PHUB__CONFIG_ENDPOINT:
        return "ENDPOINT";
    case PHUB__CONFIG_PATH:
    case PHUB__CONFIG_SOCKET:
        return "PATH";
    case PHUB__CONFIG_DIRS:
    case PHUB__CONFIG_SEEDS:
    case PHUB__CONFIG_LABELS:
        return "LIST";
    }
    return "";
}

void phub__config_help(FILE *out)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    const char *section = "";

    fputs("usage: phubd [--config FILE] [FLAG VALUE ...]\n\n"
          "Runs one node of a hub in the foreground.\n\n"
          "  --config FILE          read FILE [" DEFAULT_FILE "]\n"
          "  --check-config         print the configuration in force, or "
          "what is wrong with it\n"
          "  --param K.NAME.KEY=V   an option of a strategy of kind K\n"
          "  --hook EVENT=COMMAND   run COMMAND at each such event\n"
          "  --help, --version\n\n"
          "Each key of phub.conf(5) is a flag too, and wins over the file:\n",
          out);
    for (size_t i = 0; i < count; i++) {
        const struct phub__config_row *row = &rows[i];
        char left[64], flag[PHUB__CONFIG_FLAG_MAX];

        if (strcmp(section, row->section) != 0)
            fprintf(out, "\n[%s]\n", row->section);
        section = row->section;
        snprintf(left, sizeof left, "%s %s", phub__config_flag_of(row, flag),
                 placeholder(row));
        fprintf(out, "  %-30s %s", left, row->help);
        if (!row->fallback)
            fputs(" [required]", out);
        else if (*row->fallback)
            fprintf(out, " [%s%s%s]", row->fallback, *row->unit ? " " : "",
                    row->unit);
        fputc('\n', out);
    }
}
