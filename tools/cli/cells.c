/* SPDX-License-Identifier: MIT */
/* cells: the columns of phub's tables, and what all verbs do alike. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "cli/tool.h"

#define TEXT_CELL(name, key)                                                  \
    enum paint name(const json_t *record, char *text)                         \
    {                                                                         \
        snprintf(text, CELL_MAX, "%s", text_in(record, key));                 \
        return PAINT_NONE;                                                    \
    }
#define NUMBER_CELL(name, key)                                                \
    enum paint name(const json_t *record, char *text)                         \
    {                                                                         \
        snprintf(text, CELL_MAX, "%llu",                                      \
                 (unsigned long long)number_in(record, key));                 \
        return number_in(record, key) == 0 ? PAINT_FAINT : PAINT_NONE;        \
    }

TEXT_CELL(cell_id, "id")
TEXT_CELL(cell_zone, "zone")
TEXT_CELL(cell_text, "text")
TEXT_CELL(cell_name, "node")
NUMBER_CELL(cell_restarts, "restarts")
NUMBER_CELL(cell_value, "value")
NUMBER_CELL(cell_weight, "weight")

enum paint cell_state(const json_t *record, char *text)
{
    snprintf(text, CELL_MAX, "%s", text_in(record, "state"));
    return paint_of_state(text);
}

/* Where it runs; its home if it does not. */
enum paint cell_node(const json_t *record, char *text)
{
    const char *node = text_in(record, "node");
    const char *home = text_in(record, "home");

    snprintf(text, CELL_MAX, "%s", node[0] != '\0' ? node : home);
    return node[0] != '\0' ? PAINT_NONE : PAINT_FAINT;
}

enum paint cell_pid(const json_t *record, char *text)
{
    if (number_in(record, "pid") == 0)
        snprintf(text, CELL_MAX, "-");
    else
        snprintf(text, CELL_MAX, "%lld",
                 (long long)number_in(record, "pid"));
    return PAINT_NONE;
}

enum paint cell_rtt(const json_t *record, char *text)
{
    uint64_t us = number_in(record, "rtt_us");

    if (us == 0)
        snprintf(text, CELL_MAX, "-");
    else if (us < 10000)
        snprintf(text, CELL_MAX, "%llu us", (unsigned long long)us);
    else
        snprintf(text, CELL_MAX, "%llu ms", (unsigned long long)us / 1000);
    return PAINT_NONE;
}

enum paint cell_tags(const json_t *record, char *text)
{
    const json_t *tag;
    size_t i, n = 0;

    text[0] = '\0';
    json_array_foreach(json_object_get(record, "tags"), i, tag)
        if (n < CELL_MAX)
            n += (size_t)snprintf(text + n, CELL_MAX - n, "%s%s",
                                  i != 0 ? "," : "", json_string_value(tag));
    return PAINT_NONE;
}

void pairs_text(json_t *pairs, char *text)
{
    const char *key;
    json_t *value;
    size_t n = 0;

    text[0] = '\0';
    json_object_foreach(pairs, key, value)
        if (n < CELL_MAX)
            n += (size_t)snprintf(text + n, CELL_MAX - n, "%s%s=%s",
                                  n != 0 ? " " : "", key,
                                  json_string_value(value));
}

enum paint cell_published(const json_t *record, char *text)
{
    pairs_text(json_object_get(record, "published"), text);
    return PAINT_NONE;
}

enum paint cell_metadata(const json_t *record, char *text)
{
    pairs_text(json_object_get(record, "metadata"), text);
    return PAINT_NONE;
}

bool is_done(int64_t code)
{
    return code == 0 || code == PHUB_EREPEATED;
}

enum paint cell_outcome(const json_t *record, char *text)
{
    int64_t code = (int64_t)number_in(record, "code");

    snprintf(text, CELL_MAX, "%s",
             code == 0 ? "ok" : phub_strerror((int)code));
    return is_done(code) ? PAINT_GOOD : PAINT_BAD;
}

/* --- common ------------------------------------------------------------- */

/* The hub refused the whole. */
int refused(const struct args *args, const struct answer *answer)
{
    const char *why = phub_strerror(answer->code);

    if (answer->text == NULL || answer->text[0] == '\0')
        return fail(args, EXIT_FAILED, answer->code, "%s: %s",
                    args->verb->name, why);
    return fail(args, EXIT_FAILED, answer->code, "%s: %s", args->verb->name,
                answer->text);
}

static int by_id(const void *left, const void *right)
{
    const json_t *const *a = left, *const *b = right;
    const char *key = json_object_get(*a, "id") != NULL ? "id" : "node";

    return strverscmp(text_in(*a, key), text_in(*b, key));
}

/* "web-2" before "web-10". */
json_t *sorted(const json_t *records)
{
    size_t count = json_array_size(records), i;
    json_t **items = calloc(count + 1, sizeof *items);
    json_t *list = checked(json_array());

    if (items == NULL)
        out_of_memory();
    for (i = 0; i < count; i++)
        items[i] = json_array_get(records, i);
    qsort(items, count, sizeof *items, by_id);
    for (i = 0; i < count; i++)
        json_array_append(list, items[i]);
    free(items);
    return list;
}
