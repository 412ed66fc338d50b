/* SPDX-License-Identifier: MIT */
/* conf: reads phub.conf and fills struct phub__config.
 *
 * inih splits the lines.  It cuts lines at 200 bytes and section names at 50
 * without a word, takes an indented line for a continuation, and skips what
 * follows a ']'; so the reader that feeds it looks at each line first, keeps
 * the line's number, knows the section, and hands on only what inih cannot
 * misread. */
#include "config.h"

#include <ctype.h>
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/conf.h"
#include "hub/conf_private.h"

#define SECTION_MAX 128u

enum where { NOWHERE, IN_ROWS, IN_PLUGIN, IN_ERROR };

struct reader {
    struct phub__config *config;
    struct phub__config_errors *errors;
    const char *name;                   /* of the file */
    const char *next, *end;
    unsigned line;
    int rc;
    enum where where;
    const char *section;                /* IN_ROWS */
    struct phub__config_plugin *plugin; /* IN_PLUGIN */
};

void phub__config_error(struct phub__config_errors *errors,
                        const char *format, ...)
{
    size_t room = sizeof errors->text - errors->used;
    va_list args;
    int n;

    if (errors->count++ >= PHUB__CONFIG_ERRORS_MAX || room < 3)
        return;
    va_start(args, format);
    n = vsnprintf(errors->text + errors->used, room - 1, format, args);
    va_end(args);
    if (n < 0)
        return;
    errors->used += (size_t)n < room - 2 ? (size_t)n : room - 2;
    errors->text[errors->used++] = '\n';
    errors->text[errors->used] = '\0';
}

const char *phub__config_shown(const char *found,
                               char text[PHUB__CONFIG_SHOWN_MAX])
{
    size_t n = 0;

    for (; found[n] && n < PHUB__CONFIG_SHOWN_MAX - 4; n++)
        text[n] = iscntrl((unsigned char)found[n]) ? '?' : found[n];
    snprintf(text + n, 4, "%s", found[n] ? "..." : "");
    return text;
}

/* Levenshtein's distance, by one row; long words are far from all. */
static size_t distance(const char *a, const char *b)
{
    size_t row[64], a_size = strlen(a), b_size = strlen(b);

    if (a_size > 63 || b_size > 63)
        return 63;
    for (size_t j = 0; j <= b_size; j++)
        row[j] = j;
    for (size_t i = 1; i <= a_size; i++) {
        size_t diagonal = row[0];

        row[0] = i;
        for (size_t j = 1; j <= b_size; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);

            diagonal = row[j];
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            row[j] = best;
        }
    }
    return row[b_size];
}

const char *phub__config_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = 0;

    for (size_t i = 0; names[i]; i++) {
        size_t d = distance(word, names[i]);

        if (!best || d < best_distance) {
            best = names[i];
            best_distance = d;
        }
    }
    return best;
}

const struct phub__config_row *phub__config_row(const char *section,
                                                const char *key)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);

    for (size_t i = 0; i < count; i++) {
        if ((!section || strcmp(rows[i].section, section) == 0) &&
            strcmp(rows[i].key, key) == 0)
            return &rows[i];
    }
    return NULL;
}

/* --- sections ----------------------------------------------------------- */

static void unknown_section(struct reader *r, const char *section)
{
    const char *names[16];
    size_t n = 0;
    char shown[PHUB__CONFIG_SHOWN_MAX], word[SECTION_MAX];
    const char *nearest;

    for (size_t i = 0; phub__config_section(i); i++)
        names[n++] = phub__config_section(i);
    for (size_t i = 0; phub__config_kind(i); i++)
        names[n++] = phub__config_kind(i);
    names[n] = NULL;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(section, " \t"),
             section);
    nearest = phub__config_nearest(word, names);
    for (n = 0; phub__config_kind(n); n++) {
        if (strcmp(nearest, phub__config_kind(n)) == 0)
            break;
    }
    phub__config_error(r->errors,
                       "%s:%u: [%s]: unknown section, nearest is [%s%s]",
                       r->name, r->line,
                       phub__config_shown(section, shown), nearest,
                       phub__config_kind(n) ? " NAME" : "");
}

static void enter_plugin(struct reader *r, const char *kind,
                         const char *name)
{
    char where[SECTION_MAX], shown[PHUB__CONFIG_SHOWN_MAX];

    if (!phub__config_is_plugin(name)) {
        phub__config_error(r->errors,
                           "%s:%u: [%s %s]: allowed is [%s NAME], one "
                           "section for the strategy that [strategies] names",
                           r->name, r->line, kind,
                           phub__config_shown(name, shown), kind);
        return;
    }
    snprintf(where, sizeof where, "%.96s:%u", r->name, r->line);
    r->plugin = phub__config_plugin_add(r->config, kind, name, where,
                                        r->errors);
    if (r->plugin)
        r->where = IN_PLUGIN;
}

static void enter_section(struct reader *r, char *section)
{
    char *space = section + strcspn(section, " \t");
    size_t word = (size_t)(space - section);

    r->where = IN_ERROR;
    for (size_t i = 0; phub__config_section(i); i++) {
        r->section = phub__config_section(i);
        if (strcmp(r->section, section) == 0) {
            r->where = IN_ROWS;
            return;
        }
    }
    for (size_t i = 0; phub__config_kind(i); i++) {
        const char *kind = phub__config_kind(i);

        if (strlen(kind) == word && strncmp(kind, section, word) == 0) {
            enter_plugin(r, kind, space + strspn(space, " \t"));
            return;
        }
    }
    unknown_section(r, section);
}

/* --- rows --------------------------------------------------------------- */

static void unknown_key(struct reader *r, const char *key)
{
    const char *names[PHUB__CONFIG_ROWS_MAX + 1];
    size_t count, n = 0;
    const struct phub__config_row *rows = phub__config_rows(&count);
    const struct phub__config_row *other = phub__config_row(NULL, key);
    char shown[PHUB__CONFIG_SHOWN_MAX];

    phub__config_shown(key, shown);
    if (other) {
        phub__config_error(r->errors,
                           "%s:%u: [%s] %s: unknown key here, it belongs in "
                           "[%s]", r->name, r->line, r->section, shown,
                           other->section);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(rows[i].section, r->section) == 0)
            names[n++] = rows[i].key;
    }
    names[n] = NULL;
    if (n == 0)
        phub__config_error(r->errors,
                           "%s:%u: [%s] %s: unknown key, this section has "
                           "none yet", r->name, r->line, r->section, shown);
    else
        phub__config_error(r->errors,
                           "%s:%u: [%s] %s: unknown key, nearest is %s",
                           r->name, r->line, r->section, shown,
                           phub__config_nearest(key, names));
}

static void row_of_section(struct reader *r, const char *key,
                           const char *value)
{
    const struct phub__config_row *row = phub__config_row(r->section, key);
    size_t count;
    char allowed[160], shown[PHUB__CONFIG_SHOWN_MAX];
    uint8_t *given;
    int rc;

    if (!row && strcmp(r->section, "hooks") == 0) {
        char where[SECTION_MAX];

        snprintf(where, sizeof where, "%.96s:%u: [hooks]", r->name, r->line);
        if (phub__config_hook(r->config, key, value, where, r->errors) ==
            PHUB_ENOMEM)
            r->rc = PHUB_ENOMEM;
        return;
    }
    if (!row) {
        unknown_key(r, key);
        return;
    }
    given = &r->config->given[row - phub__config_rows(&count)];
    if (*given == 2)
        return;
    if (*given == 1 && !phub__config_is_list(row)) {
        phub__config_error(r->errors,
                           "%s:%u: [%s] %s = \"%s\": given twice, only lists "
                           "may be", r->name, r->line, r->section, key,
                           phub__config_shown(value, shown));
        return;
    }
    if (*given == 3 && phub__config_is_list(row))
        phub__config_drop(r->config, row); /* not beside the defaults' */
    rc = phub__config_keep(r->config, row, value);
    if (rc == PHUB_ENOMEM)
        r->rc = rc;
    if (rc == PHUB_EINVAL) {
        phub__config_allowed(row, allowed, sizeof allowed);
        phub__config_error(r->errors,
                           "%s:%u: [%s] %s = \"%s\": allowed is %s", r->name,
                           r->line, r->section, key,
                           phub__config_shown(value, shown), allowed);
    }
    *given = 1;
}

static void row_of_plugin(struct reader *r, const char *key,
                          const char *value)
{
    struct phub__config_plugin *p = r->plugin;
    char shown[PHUB__CONFIG_SHOWN_MAX];
    int rc = phub__config_plugin_param(p, key, value, false);

    phub__config_shown(key, shown);
    if (rc == PHUB_ENOMEM)
        r->rc = rc;
    else if (rc == PHUB_EEXIST)
        phub__config_error(r->errors, "%s:%u: [%s %s] %s: given twice",
                           r->name, r->line, p->kind, p->name, shown);
    else if (rc)
        phub__config_error(r->errors,
                           "%s:%u: [%s %s] %s: a section has at most %u rows",
                           r->name, r->line, p->kind, p->name, shown,
                           PHUB__CONFIG_PARAMS_MAX);
}

/* inih's handler.  Errors are gathered, so it always goes on. */
static int take_row(void *arg, const char *section, const char *key,
                    const char *value)
{
    struct reader *r = arg;
    char shown[PHUB__CONFIG_SHOWN_MAX];

    (void)section;
    switch (r->where) {
    case NOWHERE:
        phub__config_error(r->errors,
                           "%s:%u: %s: before the first [section]", r->name,
                           r->line, phub__config_shown(key, shown));
        break;
    case IN_ROWS:
        row_of_section(r, key, value);
        break;
    case IN_PLUGIN:
        row_of_plugin(r, key, value);
        break;
    case IN_ERROR:
        break;
    }
    return 1;
}

/* --- lines -------------------------------------------------------------- */

static bool is_comment(const char *text)
{
    return *text == '\0' || *text == ';' || *text == '#';
}

/* "[hub]  ; comment": section is cut out in place. */
static void take_header(struct reader *r, char *line)
{
    char *close = strchr(line, ']');
    char *section = line + 1, *end = close;
    char shown[PHUB__CONFIG_SHOWN_MAX];

    if (!close || !is_comment(close + 1 + strspn(close + 1, " \t\r"))) {
        phub__config_error(r->errors,
                           "%s:%u: \"%s\": allowed is [section] alone on a "
                           "line", r->name, r->line,
                           phub__config_shown(line, shown));
        r->where = IN_ERROR;
        return;
    }
    section += strspn(section, " \t");
    while (end > section && isspace((unsigned char)end[-1]))
        end--;
    *end = '\0';
    enter_section(r, section);
}

/* Look at one line; what inih need not see is emptied. */
static void look_at_line(struct reader *r, char *line)
{
    char shown[PHUB__CONFIG_SHOWN_MAX];
    size_t n;

    if (*line == '[') {
        take_header(r, line);
        *line = '\0';
        return;
    }
    if (is_comment(line)) {
        *line = '\0';
        return;
    }
    /* A comment may end a line: a semicolon after white space. */
    for (n = 0; line[n] && line[n] != '=' && line[n] != ':'; n++) {
        if (n > 0 && line[n] == ';' && isspace((unsigned char)line[n - 1]))
            break;
    }
    if (n == 0 || (line[n] != '=' && line[n] != ':')) {
        phub__config_error(r->errors,
                           "%s:%u: \"%s\": allowed is [section], key = value "
                           "or a comment", r->name, r->line,
                           phub__config_shown(line, shown));
        *line = '\0';
    }
}

/* inih's reader, with the contract of fgets. */
static char *read_line(char *line, int line_max, void *arg)
{
    struct reader *r = arg;
    const char *text = r->next;
    size_t size, room = (size_t)line_max - 2;

    if (r->next == r->end)
        return NULL;
    r->line++;
    size = (size_t)(r->end - text);
    if (memchr(text, '\n', size))
        size = (size_t)((const char *)memchr(text, '\n', size) - text);
    r->next = text + size < r->end ? text + size + 1 : r->end;
    if (r->line == 1 && size >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        text += 3;
        size -= 3;
    }
    while (size > 0 && isspace((unsigned char)*text)) {
        text++;
        size--;
    }
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    line[0] = '\0';
    if (memchr(text, '\0', size)) {
        phub__config_error(r->errors, "%s:%u: a zero byte: this is no text",
                           r->name, r->line);
    } else if (size > room && !is_comment(text)) {
        phub__config_error(r->errors,
                           "%s:%u: the line has %zu bytes, allowed are %zu; "
                           "a list can go on by its key on another line",
                           r->name, r->line, size, room);
    } else if (size <= room) {
        memcpy(line, text, size);
        line[size] = '\0';
        look_at_line(r, line);
    }
    size = strlen(line);
    line[size] = '\n';
    line[size + 1] = '\0';
    return line;
}

int phub__config_parse(struct phub__config *config, const char *name,
                       const char *text, size_t size,
                       struct phub__config_errors *errors)
{
    struct reader r = { .config = config, .errors = errors, .name = name,
                        .next = text, .end = text + size };
    unsigned before = errors->count;
    int rc;

    if (size > PHUB__CONFIG_BYTES_MAX) {
        phub__config_error(errors, "%s: more than %u bytes", name,
                           PHUB__CONFIG_BYTES_MAX);
        return PHUB_ECONFIG;
    }
    rc = ini_parse_stream(read_line, &r, take_row, &r);
    if (r.rc == 0 && rc == -2)
        r.rc = PHUB_ENOMEM;
    if (r.rc) {
        phub__config_error(errors, "%s: out of memory", name);
        return r.rc;
    }
    if (rc && errors->count == before)
        phub__config_error(errors, "%s:%d: cannot be read", name, rc);
    return errors->count == before ? 0 : PHUB_ECONFIG;
}

int phub__config_read(struct phub__config *config, const char *path,
                      struct phub__config_errors *errors)
{
    FILE *file = fopen(path, "re");
    char *text = NULL;
    size_t size;
    int rc = PHUB_ECONFIG;

    if (!file) {
        phub__config_error(errors, "%s: cannot be opened: %s", path,
                           strerror(errno));
        return PHUB_ECONFIG;
    }
    text = malloc(PHUB__CONFIG_BYTES_MAX + 1);
    if (!text) {
        phub__config_error(errors, "%s: out of memory", path);
        rc = PHUB_ENOMEM;
        goto out;
    }
    size = fread(text, 1, PHUB__CONFIG_BYTES_MAX + 1, file);
    if (ferror(file)) {
        phub__config_error(errors, "%s: cannot be read: %s", path,
                           strerror(errno));
        goto out;
    }
    rc = phub__config_parse(config, path, text, size, errors);
out:
    free(text);
    fclose(file);
    return rc;
}
