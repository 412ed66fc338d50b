/* SPDX-License-Identifier: MIT */
/* param: declared rows and given values of a strategy's parameters. */
#include "config.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "strategy/param.h"

struct unit {
    const char *of;      /* the row's unit */
    const char *suffix;
    uint64_t factor;
};

static const struct unit units[] = {
    { "ms", "ms", 1 },
    { "ms", "s", 1000 },
    { "ms", "m", 60000 },
    { "ms", "h", 3600000 },
    { "bytes", "B", 1 },
    { "bytes", "KiB", 1u << 10 },
    { "bytes", "MiB", 1u << 20 },
    { "bytes", "GiB", 1u << 30 },
};

int phub__strategy_error(char *error, size_t error_max, int code,
                         const char *format, ...)
{
    va_list args;

    if (error == NULL || error_max == 0)
        return code;
    va_start(args, format);
    (void)vsnprintf(error, error_max, format, args);
    va_end(args);
    return code;
}

const char *phub__strategy_code(int rc, char text[PHUB__CODE_TEXT_MAX])
{
    if (phub_errname(rc) != NULL)
        return phub_strerror(rc);
    (void)snprintf(text, PHUB__CODE_TEXT_MAX,
                   "returned %d, which is no code of <phub/error.h>", rc);
    return text;
}

/* --- parsing ------------------------------------------------------------- */

static bool number_parse(const char *text, const char *unit, uint64_t *number)
{
    uint64_t n = 0, factor = 0;
    const char *at = text;
    size_t i;

    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++) {
        uint64_t digit = (uint64_t)(*at - '0');

        if (n > (UINT64_MAX - digit) / 10)
            return false;
        n = n * 10 + digit;
    }
    while (*at == ' ')
        at++;
    if (*at == '\0' || strcmp(at, unit) == 0)
        factor = 1;
    for (i = 0; i < sizeof units / sizeof units[0] && factor == 0; i++)
        if (strcmp(units[i].of, unit) == 0 && strcmp(units[i].suffix, at) == 0)
            factor = units[i].factor;
    if (factor == 0 || n > UINT64_MAX / factor)
        return false;
    *number = n * factor;
    return true;
}

/* Index of word among choices ("a|b|c"), or false. */
static bool choice_find(const char *choices, const char *word,
                        uint64_t *index)
{
    size_t size = strlen(word);
    const char *at = choices;
    uint64_t i;

    for (i = 0; size > 0; i++) {
        size_t length = strcspn(at, "|");

        if (length == size && memcmp(at, word, size) == 0) {
            *index = i;
            return true;
        }
        if (at[length] == '\0')
            return false;
        at += length + 1;
    }
    return false;
}

/* Parse text by row into number and, for UINT, canonical (32 bytes). */
static int value_parse(const struct phub_param *row, const char *text,
                       uint64_t *number, int code, char *error,
                       size_t error_max)
{
    switch ((enum phub_param_type)row->type) {
    case PHUB_PARAM_UINT:
        if (!number_parse(text, row->unit, number))
            return phub__strategy_error(error, error_max, code,
                "parameter '%s' = '%s' is not a number%s%s", row->name, text,
                row->unit[0] != '\0' ? " of " : "", row->unit);
        if (*number < row->min || *number > row->max)
            return phub__strategy_error(error, error_max, code,
                "parameter '%s' = %" PRIu64 " is outside %" PRIu64
                "..%" PRIu64, row->name, *number, row->min, row->max);
        return 0;
    case PHUB_PARAM_BOOL:
        *number = strcmp(text, "yes") == 0;
        if (*number == 0 && strcmp(text, "no") != 0)
            return phub__strategy_error(error, error_max, code,
                "parameter '%s' = '%s' is neither yes nor no", row->name,
                text);
        return 0;
    case PHUB_PARAM_TEXT:
        *number = 0;
        if (strlen(text) > PHUB__LOADER_TEXT_MAX ||
            (row->max > 0 && strlen(text) > row->max))
            return phub__strategy_error(error, error_max, code,
                "parameter '%s' is longer than %" PRIu64 " bytes", row->name,
                row->max > 0 ? row->max : (uint64_t)PHUB__LOADER_TEXT_MAX);
        return 0;
    case PHUB_PARAM_CHOICE:
        if (!choice_find(row->choices, text, number))
            return phub__strategy_error(error, error_max, code,
                "parameter '%s' = '%s' is not one of %s", row->name, text,
                row->choices);
        return 0;
    }
    return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
        "parameter '%s' has type %u unknown to this libphub", row->name,
        row->type);
}

static bool name_valid(const char *name)
{
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789_");

    return size > 0 && size <= 63 && name[size] == '\0';
}

/* The member of a row that has to be there and is not, or NULL. */
static const char *text_missing(const struct phub_param *row)
{
    if (row->name == NULL)
        return "name";
    if (row->unit == NULL)
        return "unit";
    if (row->help == NULL)
        return "help";
    if (row->default_value == NULL)
        return "default_value";
    if (row->type == PHUB_PARAM_CHOICE && row->choices == NULL)
        return "choices";
    return NULL;
}

int phub__params_check(const struct phub_param *rows, uint32_t count,
                       char *error, size_t error_max)
{
    uint64_t number;
    uint32_t i, j;
    int rc;

    for (i = 0; i < count; i++) {
        const struct phub_param *row = &rows[i];

        const char *missing = text_missing(row);

        if (missing != NULL)
            return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
                "parameter %u '%.63s' is declared without .%s, which is a "
                "text in every row", i, row->name != NULL ? row->name : "",
                missing);
        if (!name_valid(row->name))
            return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
                "parameter %u has a name outside a-z, 0-9 and _", i);
        for (j = 0; j < i; j++)
            if (strcmp(rows[j].name, row->name) == 0)
                return phub__strategy_error(error, error_max, PHUB_EPLUGIN,
                    "parameter '%s' is declared twice", row->name);
        rc = value_parse(row, row->default_value, &number, PHUB_EPLUGIN,
                         error, error_max);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* --- nearest name -------------------------------------------------------- */

/* Edit distance (Levenshtein 1966) of two short names. */
static size_t name_distance(const char *a, size_t a_size, const char *b)
{
    size_t row[66], i, j, b_size = strlen(b);

    if (a_size > 64 || b_size > 64)
        return SIZE_MAX;
    for (j = 0; j <= b_size; j++)
        row[j] = j;
    for (i = 0; i < a_size; i++) {
        size_t before = row[0];

        row[0] = i + 1;
        for (j = 0; j < b_size; j++) {
            size_t swap = before + (a[i] != b[j]);

            before = row[j + 1];
            if (row[j + 1] + 1 < swap)
                swap = row[j + 1] + 1;
            if (row[j] + 1 < swap)
                swap = row[j] + 1;
            row[j + 1] = swap;
        }
    }
    return row[b_size];
}

static int param_unknown(const struct phub_param *rows, uint32_t count,
                         const char *key, size_t key_size, char *error,
                         size_t error_max)
{
    size_t best = SIZE_MAX;
    uint32_t i, nearest = 0;

    for (i = 0; i < count; i++) {
        size_t distance = name_distance(key, key_size, rows[i].name);

        if (distance < best) {
            best = distance;
            nearest = i;
        }
    }
    if (best == SIZE_MAX)
        return phub__strategy_error(error, error_max, PHUB_ECONFIG,
            count == 0 ? "unknown parameter '%.*s'; it has none"
                       : "unknown parameter '%.*s'",
            (int)(key_size < 64 ? key_size : 64), key);
    return phub__strategy_error(error, error_max, PHUB_ECONFIG,
        "unknown parameter '%.*s'; the nearest is '%s'", (int)key_size, key,
        rows[nearest].name);
}

/* --- values -------------------------------------------------------------- */

static int value_set(struct phub__value *value, const char *text, char *error,
                     size_t error_max)
{
    char canonical[32], *copy;
    int rc;

    rc = value_parse(value->row, text, &value->number, PHUB_ECONFIG, error,
                     error_max);
    if (rc != 0)
        return rc;
    if (value->row->type == PHUB_PARAM_UINT) {
        (void)snprintf(canonical, sizeof canonical, "%" PRIu64,
                       value->number);
        text = canonical;
    }
    copy = strdup(text);
    if (copy == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    free(value->text);
    value->text = copy;
    return 0;
}

static int value_give(const struct phub_param *rows, uint32_t count,
                      struct phub__value *values, const char *param,
                      char *error, size_t error_max)
{
    const char *equals = strchr(param, '=');
    size_t key_size;
    uint32_t i;
    int rc;

    if (equals == NULL)
        return phub__strategy_error(error, error_max, PHUB_ECONFIG,
            "parameter '%.64s' has no value; write key=value", param);
    key_size = (size_t)(equals - param);
    for (i = 0; i < count; i++)
        if (strlen(rows[i].name) == key_size &&
            memcmp(rows[i].name, param, key_size) == 0)
            break;
    if (i == count)
        return param_unknown(rows, count, param, key_size, error, error_max);
    if (values[i].given)
        return phub__strategy_error(error, error_max, PHUB_ECONFIG,
            "parameter '%s' is given twice", rows[i].name);
    rc = value_set(&values[i], equals + 1, error, error_max);
    values[i].given = 1;
    return rc;
}

int phub__values_new(const struct phub_param *rows, uint32_t count,
                     const char *const *params, size_t params_count,
                     struct phub__value **values, char *error,
                     size_t error_max)
{
    struct phub__value *made;
    size_t i;
    int rc = 0;

    made = calloc(count > 0 ? count : 1, sizeof *made);
    if (made == NULL)
        return phub__strategy_error(error, error_max, PHUB_ENOMEM,
                                    "out of memory");
    for (i = 0; i < count && rc == 0; i++) {
        made[i].row = &rows[i];
        rc = value_set(&made[i], rows[i].default_value, error, error_max);
    }
    for (i = 0; i < params_count && rc == 0; i++)
        rc = value_give(rows, count, made, params[i], error, error_max);
    if (rc != 0) {
        phub__values_free(&made, count);
        return rc;
    }
    *values = made;
    return 0;
}

void phub__values_free(struct phub__value **values, uint32_t count)
{
    uint32_t i;

    if (*values == NULL)
        return;
    for (i = 0; i < count; i++)
        free((*values)[i].text);
    free(*values);
    *values = NULL;
}

const struct phub__value *phub__values_find(const struct phub__value *values,
                                            uint32_t count, const char *name)
{
    uint32_t i;

    for (i = 0; i < count; i++)
        if (strcmp(values[i].row->name, name) == 0)
            return &values[i];
    return NULL;
}

/* --- digest -------------------------------------------------------------- */

static int value_cmp(const void *a, const void *b)
{
    const struct phub__value *const *left = a, *const *right = b;

    return strcmp((*left)->row->name, (*right)->row->name);
}

int phub__values_digest(const struct phub__value *values, uint32_t count,
                        uint64_t *digest)
{
    const struct phub__value **sorted;
    XXH3_state_t *state;
    uint32_t i, used = 0;
    int rc = PHUB_ENOMEM;

    sorted = calloc(count > 0 ? count : 1, sizeof *sorted);
    state = XXH3_createState();
    if (sorted == NULL || state == NULL)
        goto out;
    for (i = 0; i < count; i++)
        if (!values[i].row->local)
            sorted[used++] = &values[i];
    qsort(sorted, used, sizeof *sorted, value_cmp);
    (void)XXH3_64bits_reset(state);
    for (i = 0; i < used; i++) {
        const char *name = sorted[i]->row->name, *text = sorted[i]->text;

        (void)XXH3_64bits_update(state, name, strlen(name));
        (void)XXH3_64bits_update(state, "=", 1);
        (void)XXH3_64bits_update(state, text, strlen(text));
        (void)XXH3_64bits_update(state, "\n", 1);
    }
    *digest = XXH3_64bits_digest(state);
    rc = 0;
out:
    XXH3_freeState(state);
    free(sorted);
    return rc;
}
