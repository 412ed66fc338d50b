/* SPDX-License-Identifier: MIT */
/* print: tables for people and JSON for programs.
 *
 * Columns are as wide as what is in them.  Colour only on a terminal, and not
 * if NO_COLOR is set (no-color.org). */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/tool.h"

static bool colour;

static const char *const paints[] = {
    [PAINT_NONE] = "", [PAINT_GOOD] = "\033[32m", [PAINT_BAD] = "\033[31m",
    [PAINT_WARN] = "\033[33m", [PAINT_FAINT] = "\033[2m",
    [PAINT_BOLD] = "\033[1m" };

void print_open(void)
{
    const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

    colour = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
             (term == NULL || strcmp(term, "dumb") != 0);
}

void print_painted(enum paint paint, const char *text)
{
    if (colour && paint != PAINT_NONE)
        printf("%s%s\033[0m", paints[paint], text);
    else
        fputs(text, stdout);
}

enum paint paint_of_state(const char *state)
{
    static const struct { const char *state; enum paint paint; } table[] = {
        { "running", PAINT_GOOD }, { "alive", PAINT_GOOD },
        { "failed", PAINT_BAD }, { "dead", PAINT_BAD },
        { "lost", PAINT_BAD }, { "starting", PAINT_WARN },
        { "waiting", PAINT_WARN }, { "frozen", PAINT_WARN },
        { "suspect", PAINT_WARN }, { "draining", PAINT_WARN },
        { "left", PAINT_FAINT }, { "away", PAINT_FAINT }, { "gone", PAINT_FAINT } };
    size_t i;

    for (i = 0; i < sizeof table / sizeof table[0]; i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].paint;
    return PAINT_NONE;
}

const char *text_in(const json_t *record, const char *key)
{
    const char *text = json_string_value(json_object_get(record, key));

    return text != NULL ? text : "";
}

uint64_t number_in(const json_t *record, const char *key)
{
    return (uint64_t)json_integer_value(json_object_get(record, key));
}

/* Columns of a terminal, as far as one character is one of them. */
static size_t width_of(const char *text)
{
    size_t width = 0;

    for (; *text != '\0'; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* What a child calls itself must not steer the terminal. */
static void tame(char *text)
{
    for (; *text != '\0'; text++)
        if ((unsigned char)*text < ' ' || *text == 127)
            *text = '?';
}

static void print_cell(const struct column *column, const char *text,
                       enum paint paint, size_t width, bool last)
{
    size_t i, pad = width - width_of(text);

    for (i = 0; column->right && i < pad; i++)
        putchar(' ');
    print_painted(paint, text);
    for (i = 0; !column->right && !last && i < pad; i++)
        putchar(' ');
    fputs(last ? "\n" : "  ", stdout);
}

void print_table(const struct column *columns, size_t count,
                 const json_t *records)
{
    size_t widths[16], i, k;
    const json_t *record;
    char text[CELL_MAX];

    for (k = 0; k < count; k++) {
        widths[k] = strlen(columns[k].title);
        json_array_foreach(records, i, record) {
            columns[k].cell(record, text);
            if (width_of(text) > widths[k])
                widths[k] = width_of(text);
        }
    }
    for (k = 0; k < count; k++)
        print_cell(&columns[k], columns[k].title, PAINT_BOLD, widths[k],
                   k + 1 == count);
    json_array_foreach(records, i, record)
        for (k = 0; k < count; k++) {
            enum paint paint = columns[k].cell(record, text);

            tame(text);
            print_cell(&columns[k], text, paint, widths[k], k + 1 == count);
        }
}

void print_json(json_t *value)
{
    if (json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0 &&
        !ferror(stdout)) /* which is told at the end */
        out_of_memory();
    putchar('\n');
    json_decref(value);
}
