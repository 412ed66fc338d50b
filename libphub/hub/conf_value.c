/* SPDX-License-Identifier: MIT */
/* conf_value: what each type of key allows, and how it is kept.
 *
 * Texts and lists are own copies; a value is checked whole before anything
 * of it is kept. */
#include "config.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include <phub/error.h>
#include <phub/types.h>

#include "env/env.h"
#include "hub/conf.h"
#include "hub/conf_private.h"

#define PLUGIN_NAME_MAX 63u
#define LIST_SEPARATORS " \t,"

static const char *const levels[] = { "error", "warning", "notice", "debug",
                                      NULL };
static_assert(PHUB__LOG_ERROR == 1 && PHUB__LOG_DEBUG == 4,
              "levels are in the order of enum phub__log_level");

static bool is_name(const char *text, size_t size, size_t size_max)
{
    if (size == 0 || size > size_max || !isalnum((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!isalnum((unsigned char)text[i]) && !strchr("._-", text[i]))
            return false;
    }
    return true;
}

/* Decimal digits only: no sign, no space, no overflow. */
static bool read_uint(const char *text, size_t size, uint64_t *value)
{
    uint64_t v = 0;

    if (size == 0)
        return false;
    for (size_t i = 0; i < size; i++) {
        unsigned digit = (unsigned)(unsigned char)text[i] - '0';

        if (digit > 9 || v > (UINT64_MAX - digit) / 10)
            return false;
        v = v * 10 + digit;
    }
    *value = v;
    return true;
}

static bool is_host_port(const char *text, size_t size)
{
    const char *colon = memrchr(text, ':', size);
    uint64_t port;

    if (!colon || colon == text)
        return false;
    if (!read_uint(colon + 1, (size_t)(text + size - colon - 1), &port) ||
        port > 65535)
        return false;
    size = (size_t)(colon - text);
    if (text[0] == '[')
        return size > 2 && text[size - 1] == ']' &&
               strspn(text + 1, "0123456789abcdefABCDEF:.%") == size - 2;
    if (size == 1 && text[0] == '*')
        return true;
    return is_name(text, size, 253);
}

static bool starts(const char **text, size_t *size, const char *prefix)
{
    size_t n = strlen(prefix);

    if (*size < n || memcmp(*text, prefix, n) != 0)
        return false;
    *text += n;
    *size -= n;
    return true;
}

static bool is_path(const char *text, size_t size)
{
    return size > 0 && size <= 4095 && text[0] == '/';
}

static bool is_endpoint(const char *text, size_t size)
{
    if (size > PHUB_ENDPOINT_MAX)
        return false;
    if (starts(&text, &size, "tcp://"))
        return is_host_port(text, size);
    if (starts(&text, &size, "ipc://"))
        return is_path(text, size);
    return false;
}

bool phub__endpoint_is_any(const char *endpoint)
{
    static const char *const any[] = { "tcp://*:", "tcp://0.0.0.0:",
                                       "tcp://[::]:" };
    size_t i;

    for (i = 0; i < sizeof any / sizeof any[0]; i++)
        if (strncmp(endpoint, any[i], strlen(any[i])) == 0)
            return true;
    return false;
}

static bool is_seed(const char *text, size_t size)
{
    /* One can listen on *, but not connect to it. */
    if (size > PHUB_ENDPOINT_MAX || memchr(text, '*', size))
        return false;
    if (starts(&text, &size, "dns:"))
        return is_host_port(text, size);
    if (starts(&text, &size, "file:"))
        return is_path(text, size);
    return is_endpoint(text, size);
}

static bool is_label(const char *text, size_t size)
{
    const char *sign = memchr(text, '=', size);

    return sign && is_name(text, (size_t)(sign - text), 63) &&
           is_name(sign + 1, (size_t)(text + size - sign - 1), 63);
}

static bool is_plugin(const char *text, size_t size)
{
    if (size > 0 && text[0] == '/')
        return is_path(text, size);
    if (size == 0 || size > PLUGIN_NAME_MAX ||
        !islower((unsigned char)text[0]))
        return false;
    for (size_t i = 0; i < size; i++) {
        if (!islower((unsigned char)text[i]) &&
            !isdigit((unsigned char)text[i]) && text[i] != '_')
            return false;
    }
    return true;
}

static bool is_dirs(const char *text)
{
    for (;;) {
        size_t n = strcspn(text, ":");

        if (!is_path(text, n))
            return false;
        if (!text[n])
            return true;
        text += n + 1;
    }
}

void phub__config_allowed(const struct phub__config_row *row, char *text,
                          size_t text_max)
{
    const char *what = "";

    switch (row->type) {
    case PHUB__CONFIG_UINT:
    case PHUB__CONFIG_UINT32:
        snprintf(text, text_max, "an integer of %llu to %llu%s%s%s",
                 (unsigned long long)row->min, (unsigned long long)row->max,
                 *row->unit ? " (" : "", row->unit, *row->unit ? ")" : "");
        return;
    case PHUB__CONFIG_LEVEL:
        what = "error, warning, notice or debug";
        break;
    case PHUB__CONFIG_NAME:
        what = "1 to 63 letters, digits, '.', '_' and '-', the first a "
               "letter or digit";
        break;
    case PHUB__CONFIG_ENDPOINT:
        what = "tcp://HOST:PORT or ipc:///PATH, at most 255 bytes";
        break;
    case PHUB__CONFIG_PATH:
        what = "an absolute path";
        break;
    case PHUB__CONFIG_SOCKET:
        snprintf(text, text_max, "an absolute path of at most %zu bytes",
                 sizeof(((struct sockaddr_un *)0)->sun_path) - 1);
        return;
    case PHUB__CONFIG_PLUGIN:
        what = "the name of an installed strategy (phub-plugin list) or the "
               "absolute path of its .so";
        break;
    case PHUB__CONFIG_DIRS:
        what = "absolute directories separated by ':'";
        break;
    case PHUB__CONFIG_SEEDS:
        snprintf(text, text_max,
                 "a list of tcp://HOST:PORT, ipc:///PATH, dns:NAME:PORT and "
                 "file:/PATH, at most %u", PHUB__SEEDS_MAX);
        return;
    case PHUB__CONFIG_LABELS:
        snprintf(text, text_max,
                 "a list of KEY=VALUE, of letters, digits, '.', '_' and '-', "
                 "at most %u bytes", PHUB__LABELS_MAX);
        return;
    }
    snprintf(text, text_max, "%s", what);
}

static int keep_text(char **to, const char *value)
{
    char *copy = strdup(value);

    if (!copy)
        return PHUB_ENOMEM;
    free(*to);
    *to = copy;
    return 0;
}

void phub__config_list_fini(struct phub__config_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct phub__config_list){ NULL, 0 };
}

int phub__config_list_add(struct phub__config_list *list, const char *text,
                          size_t size)
{
    char **items = realloc(list->items, (list->count + 1) * sizeof *items);

    if (!items)
        return PHUB_ENOMEM;
    list->items = items;
    items[list->count] = strndup(text, size);
    if (!items[list->count])
        return PHUB_ENOMEM;
    list->count++;
    return 0;
}

/* The next item of a list, or NULL; at goes on behind it. */
static const char *next_item(const char **at, size_t *size)
{
    const char *item = *at + strspn(*at, LIST_SEPARATORS);

    *size = strcspn(item, LIST_SEPARATORS);
    *at = item + *size;
    return *size ? item : NULL;
}

static int keep_seeds(struct phub__config_list *list, const char *value)
{
    const char *at = value, *item;
    size_t size, count = list->count;

    while ((item = next_item(&at, &size))) {
        if (!is_seed(item, size) || ++count > PHUB__SEEDS_MAX)
            return PHUB_EINVAL;
    }
    at = value;
    while ((item = next_item(&at, &size))) {
        int rc = phub__config_list_add(list, item, size);

        if (rc)
            return rc;
    }
    return 0;
}

static int keep_labels(char **to, const char *value)
{
    char text[PHUB__LABELS_MAX + 1];
    size_t used = *to ? strlen(*to) : 0, size;
    const char *item;

    if (used)
        memcpy(text, *to, used);
    while ((item = next_item(&value, &size))) {
        size_t comma = used ? 1 : 0;

        if (!is_label(item, size) || used + comma + size > PHUB__LABELS_MAX)
            return PHUB_EINVAL;
        if (comma)
            text[used] = ',';
        memcpy(text + used + comma, item, size);
        used += comma + size;
    }
    text[used] = '\0';
    return keep_text(to, text);
}

static int keep_uint(uint64_t *to, const struct phub__config_row *row,
                     const char *value)
{
    uint64_t v;

    if (!read_uint(value, strlen(value), &v) || v < row->min || v > row->max)
        return PHUB_EINVAL;
    *to = v;
    return 0;
}

static int keep_level(uint64_t *to, const char *value)
{
    for (size_t i = 0; levels[i]; i++) {
        if (strcmp(value, levels[i]) == 0) {
            *to = i + PHUB__LOG_ERROR;
            return 0;
        }
    }
    return PHUB_EINVAL;
}

static bool is_text(const struct phub__config_row *row, const char *value)
{
    size_t size = strlen(value);

    switch (row->type) {
    case PHUB__CONFIG_NAME:
        return is_name(value, size, PHUB_NODE_NAME_MAX);
    case PHUB__CONFIG_ENDPOINT:
        return is_endpoint(value, size);
    case PHUB__CONFIG_PATH:
        return is_path(value, size);
    case PHUB__CONFIG_SOCKET:
        return is_path(value, size) &&
               size < sizeof(((struct sockaddr_un *)0)->sun_path);
    case PHUB__CONFIG_PLUGIN:
        return is_plugin(value, size);
    case PHUB__CONFIG_DIRS:
        return is_dirs(value);
    case PHUB__CONFIG_UINT:
    case PHUB__CONFIG_UINT32:
    case PHUB__CONFIG_LEVEL:
    case PHUB__CONFIG_LABELS:
    case PHUB__CONFIG_SEEDS:
        break;
    }
    return false;
}

bool phub__config_is_list(const struct phub__config_row *row)
{
    return row->type >= PHUB__CONFIG_LABELS;
}

int phub__config_keep(struct phub__config *config,
                      const struct phub__config_row *row, const char *value)
{
    void *at = (char *)config + row->offset;
    uint64_t number;
    int rc;

    switch (row->type) {
    case PHUB__CONFIG_UINT:
        return keep_uint(at, row, value);
    case PHUB__CONFIG_UINT32:
        rc = keep_uint(&number, row, value);
        if (rc == 0)
            *(uint32_t *)at = (uint32_t)number;
        return rc;
    case PHUB__CONFIG_LEVEL:
        return keep_level(at, value);
    case PHUB__CONFIG_SEEDS:
        return keep_seeds(at, value);
    case PHUB__CONFIG_LABELS:
        return keep_labels(at, value);
    case PHUB__CONFIG_NAME:
    case PHUB__CONFIG_ENDPOINT:
    case PHUB__CONFIG_PATH:
    case PHUB__CONFIG_SOCKET:
    case PHUB__CONFIG_PLUGIN:
    case PHUB__CONFIG_DIRS:
        break;
    }
    /* An empty text means "not set", where a key may be that. */
    if (!(*value == '\0' && row->fallback && *row->fallback == '\0') &&
        !is_text(row, value))
        return PHUB_EINVAL;
    return keep_text(at, value);
}

void phub__config_drop(struct phub__config *config,
                       const struct phub__config_row *row)
{
    char *at = (char *)config + row->offset;
    char **text = (char **)(void *)at;

    switch (row->type) {
    case PHUB__CONFIG_UINT:
    case PHUB__CONFIG_UINT32:
    case PHUB__CONFIG_LEVEL:
        return;
    case PHUB__CONFIG_SEEDS:
        phub__config_list_fini((struct phub__config_list *)(void *)at);
        return;
    case PHUB__CONFIG_NAME:
    case PHUB__CONFIG_ENDPOINT:
    case PHUB__CONFIG_PATH:
    case PHUB__CONFIG_SOCKET:
    case PHUB__CONFIG_PLUGIN:
    case PHUB__CONFIG_DIRS:
    case PHUB__CONFIG_LABELS:
        break;
    }
    free(*text);
    *text = NULL;
}

bool phub__config_is_plugin(const char *text)
{
    return is_plugin(text, strlen(text));
}

const char *phub__config_level_name(uint64_t level)
{
    return level >= PHUB__LOG_ERROR && level <= PHUB__LOG_DEBUG
               ? levels[level - PHUB__LOG_ERROR] : "";
}
