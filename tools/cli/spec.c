/* SPDX-License-Identifier: MIT */
/* spec: what "phub start" starts, from its options or from a file.
 *
 * Options are put together to the object that a file would hold, so there is
 * one way from such an object to the hub's words, and one set of errors.  The
 * hub checks ranges; here are names and types, and that nothing is 0 for which
 * the hub would take its default. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/control.h>
#include <phub/phub.h>

#include "cli/tool.h"

const struct field spec_fields[] = {
    { "id", FIELD_TEXT, 0, NULL, "the child's name", 0, 0 },
    { "argv", FIELD_LIST, PHUB_SPEC_ARGV, NULL, "program and arguments", 0, 0 },
    { "count", FIELD_NUMBER, 0, NULL, "how many; %d in id is the number",
      0, 0 },
    { "tags", FIELD_LIST, 0, NULL, "words to find it by", 0, 0 },
    { "metadata", FIELD_PAIRS, 0, "meta",
      "KEY=VALUE of the child's row, repeatedly", 0, 0 },
    { "env", FIELD_PAIRS, PHUB_SPEC_ENV, "env",
      "a variable of its environment, repeatedly", 0, 0 },
    { "cwd", FIELD_TEXT, PHUB_SPEC_CWD, "cwd",
      "its working directory, else one of its own", 0, 0 },
    { "restart", FIELD_RESTART, PHUB_SPEC_RESTART, "restart",
      "permanent (the default), transient or temporary", 0, 0 },
    { "restarts_max", FIELD_NUMBER, PHUB_SPEC_RESTARTS_MAX, "restarts-max",
      "restarts within the window before it is failed", 1, 1000000 },
    { "restart_window_ms", FIELD_MS, PHUB_SPEC_RESTART_WINDOW_MS,
      "restart-window", "the window; a healthy run as long forgets",
      100, 86400000 },
    { "backoff_ms", FIELD_MS, PHUB_SPEC_BACKOFF_MS, "backoff",
      "wait before the first restart; doubles", 1, 3600000 },
    { "backoff_max_ms", FIELD_MS, PHUB_SPEC_BACKOFF_MAX_MS, "backoff-max",
      "the longest such wait", 1, 86400000 },
    { "ready", FIELD_BOOL, PHUB_SPEC_READY, "ready",
      "it says when it is ready, phub-child(7)", 0, 0 },
    { "ready_timeout_ms", FIELD_MS, PHUB_SPEC_READY_TIMEOUT_MS,
      "ready-timeout", "how long that may take", 10, 3600000 },
    { "stop_timeout_ms", FIELD_MS, PHUB_SPEC_STOP_TIMEOUT_MS, "stop-timeout",
      "how long it may take to end, then SIGKILL", 10, 3600000 },
    { "stop_signal", FIELD_SIGNAL, PHUB_SPEC_STOP_SIGNAL, "stop-signal",
      "what asks it to end, else TERM", 0, 0 },
    { "state_timeout_ms", FIELD_MS, PHUB_SPEC_STATE_TIMEOUT_MS,
      "state-timeout", "how long freezing and giving its state may take",
      10, 3600000 },
    { "state_get", FIELD_COMMAND, PHUB_SPEC_STATE_GET, "state-get",
      "prints its state, for a move", 0, 0 },
    { "state_put", FIELD_COMMAND, PHUB_SPEC_STATE_PUT, "state-put",
      "reads a state, before the program is started", 0, 0 },
    { "freeze", FIELD_COMMAND, PHUB_SPEC_FREEZE, "freeze",
      "makes it take no more work", 0, 0 },
    { "thaw", FIELD_COMMAND, PHUB_SPEC_THAW, "thaw", "undoes that", 0, 0 },
    { "health", FIELD_COMMAND, PHUB_SPEC_HEALTH, "health",
      "fails when the child is not well", 0, 0 },
    { "health_interval_ms", FIELD_MS, PHUB_SPEC_HEALTH_INTERVAL_MS,
      "health-interval", "time between two looks", 10, 3600000 },
    { "checkpoint_ms", FIELD_MS, PHUB_SPEC_CHECKPOINT_MS, "checkpoint",
      "keep a copy of its state elsewhere, for a crash", 0, 0 },
    { "durable", FIELD_BOOL, 0, "durable",
      "started is said when its row is on the disk", 0, 0 },
    { "sticky", FIELD_BOOL, 0, "sticky", "stays where it is, if it can", 0, 0 },
    { NULL, FIELD_TEXT, 0, NULL, NULL, 0, 0 },
};

/* Where we are, for messages. */
struct place {
    const struct args *args;
    const char *file;      /* NULL: options */
    size_t index;
    const char *id;
};

static int wrong(const struct place *at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int wrong(const struct place *at, const char *format, ...)
{
    char text[512];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (at->file == NULL)
        return fail(at->args, EXIT_USAGE, PHUB_EINVAL, "%s", text);
    if (at->id != NULL)
        return fail(at->args, EXIT_USAGE, PHUB_EINVAL, "%s: child '%s': %s",
                    at->file, at->id, text);
    return fail(at->args, EXIT_USAGE, PHUB_EINVAL, "%s: child number %zu: %s",
                at->file, at->index + 1, text);
}

/* --- types -------------------------------------------------------------- */

static int type_wrong(const struct place *at, const struct field *field,
                      const json_t *value)
{
    static const char *const wanted[] = {
        [FIELD_BOOL] = "true or false", [FIELD_NUMBER] = "a number",
        [FIELD_MS] = "a number of milliseconds", [FIELD_TEXT] = "a text",
        [FIELD_LIST] = "a list of texts",
        [FIELD_PAIRS] = "an object of texts",
        [FIELD_COMMAND] = "a text for sh -c, or a list of texts",
        [FIELD_RESTART] = "a text", [FIELD_SIGNAL] = "a signal" };
    char *shown = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
    int rc = wrong(at, "%s = %.80s: %s is needed", field->key,
                   shown != NULL ? shown : "?", wanted[field->kind]);

    free(shown);
    return rc;
}

static bool texts_only(const json_t *list)
{
    const json_t *item;
    size_t i;

    if (!json_is_array(list))
        return false;
    json_array_foreach(list, i, item)
        if (!json_is_string(item))
            return false;
    return true;
}

static bool type_right(const struct field *field, json_t *value)
{
    const char *key;
    json_t *item;

    switch (field->kind) {
    case FIELD_BOOL:
        return json_is_boolean(value);
    case FIELD_NUMBER:
    case FIELD_MS:
        return json_is_integer(value) && json_integer_value(value) >= 0;
    case FIELD_TEXT:
    case FIELD_RESTART:
        return json_is_string(value);
    case FIELD_LIST:
        return texts_only(value);
    case FIELD_PAIRS:
        if (!json_is_object(value))
            return false;
        json_object_foreach(value, key, item)
            if (!json_is_string(item))
                return false;
        return true;
    case FIELD_COMMAND:
        return json_is_string(value) || texts_only(value);
    case FIELD_SIGNAL:
        return json_is_string(value) || json_is_integer(value);
    }
    return false;
}

static int add(const struct place *at, struct spec_batch *batch,
               const char *id, json_t *child)
{
    struct spec_child *to;
    char error[256];

    if (batch->count == batch->capacity) {
        batch->capacity = batch->capacity != 0 ? 2 * batch->capacity : 16;
        batch->children = realloc(batch->children, batch->capacity *
                                                   sizeof *batch->children);
        if (batch->children == NULL)
            out_of_memory();
    }
    to = &batch->children[batch->count];
    if (!spec_encode(child, id, &to->cbor, &to->size, error, sizeof error))
        return wrong(at, "%s", error);
    to->id = strdup(id);
    if (to->id == NULL)
        out_of_memory();
    batch->count++;
    return 0;
}

/* --- one object --------------------------------------------------------- */

static const struct field *field_of(const char *key)
{
    const struct field *field;

    for (field = spec_fields; field->key != NULL; field++)
        if (strcmp(field->key, key) == 0)
            return field;
    return NULL;
}

/* 0 is left out of what the hub is asked, and would mean the default. */
static int zero_wrong(const struct place *at, const struct field *field)
{
    const char *unit = field->kind == FIELD_MS ? "ms" : "";

    if (at->file != NULL)
        return wrong(at, "%s = 0: %llu to %llu are allowed", field->key,
                     (unsigned long long)field->min,
                     (unsigned long long)field->max);
    return wrong(at, "--%s 0%s: %llu%s to %llu%s are allowed", field->option,
                 unit, (unsigned long long)field->min, unit,
                 (unsigned long long)field->max, unit);
}

static int check_fields(const struct place *at, json_t *child)
{
    const char *key;
    json_t *value;

    json_object_foreach(child, key, value) {
        const struct field *field = field_of(key);

        if (field == NULL)
            return wrong(at, "\"%s\" is not a word of a spec; phub(1) has "
                         "them", key);
        if (!type_right(field, value))
            return type_wrong(at, field, value);
        if (field->min != 0 && json_integer_value(value) == 0)
            return zero_wrong(at, field);
    }
    return 0;
}

/* Put number for %d; NULL if the pattern is none. */
static char *expand(const char *pattern, uint64_t number)
{
    const char *at = strstr(pattern, "%d");
    size_t size = strlen(pattern) + 24;
    char *text = malloc(size);

    if (text == NULL)
        out_of_memory();
    snprintf(text, size, "%.*s%llu%s", (int)(at - pattern), pattern,
             (unsigned long long)number, at + 2);
    return text;
}

static int add_object(struct place *at, struct spec_batch *batch,
                      json_t *child)
{
    json_t *count = json_object_get(child, "count");
    uint64_t i, n;
    int rc;

    at->id = NULL;
    if (!json_is_object(child))
        return wrong(at, "an object is needed");
    at->id = json_string_value(json_object_get(child, "id"));
    if (at->id == NULL)
        return wrong(at, "it has no \"id\"");
    rc = check_fields(at, child);
    if (rc == 0 && json_array_size(json_object_get(child, "argv")) == 0)
        return wrong(at, "\"argv\" is empty: a program is needed");
    if (rc != 0)
        return rc;
    if (count == NULL)
        return add(at, batch, at->id, child);
    n = (uint64_t)json_integer_value(count);
    if (strstr(at->id, "%d") == NULL)
        return wrong(at, "id '%s' of %llu children needs a %%d for the "
                     "number", at->id, (unsigned long long)n);
    if (n == 0 || n > PHUB_BATCH_MAX)
        return wrong(at, "count = %llu: 1 to %u are allowed",
                     (unsigned long long)n, PHUB_BATCH_MAX);
    for (i = 1; i <= n && rc == 0; i++) {
        char *id = expand(at->id, i);

        rc = add(at, batch, id, child);
        free(id);
    }
    return rc;
}

/* --- options and files -------------------------------------------------- */

static json_t *object_of_options(const struct args *args)
{
    json_t *child = checked(json_object());
    const struct field *field;
    json_t *value;

    json_object_set(child, "id", json_array_get(args->operands, 0));
    if (args->program != NULL)
        json_object_set(child, "argv", args->program);
    for (field = spec_fields; field->key != NULL; field++) {
        if (field->option == NULL)
            continue;
        value = json_object_get(args->given, field->option);
        if (value != NULL)
            json_object_set(child, field->key, value);
    }
    value = json_object_get(args->given, "tag");
    if (value != NULL)
        json_object_set(child, "tags", value);
    value = json_object_get(args->given, "count");
    if (value != NULL)
        json_object_set(child, "count", value);
    return child;
}

/* What the file holds; NULL after having said why there is nothing. */
static json_t *load(const struct place *at, const char *name)
{
    bool standard = strcmp(name, "-") == 0;
    FILE *file = standard ? stdin : fopen(name, "r");
    json_error_t error;
    json_t *root;

    if (file == NULL) {
        fail(at->args, EXIT_USAGE, PHUB_EINVAL, "cannot open '%s': %s; --file "
             "takes a file of children, or - for standard input", name,
             strerror(errno));
        return NULL;
    }
    errno = 0;
    root = json_loadf(file, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL && ferror(file))
        fail(at->args, EXIT_USAGE, PHUB_EINVAL, "cannot read %s: %s",
             at->file, strerror(errno));
    else if (root == NULL)
        fail(at->args, EXIT_USAGE, PHUB_EINVAL, "%s:%d:%d: %s", at->file,
             error.line, error.column, error.text);
    if (!standard)
        fclose(file);
    return root;
}

/* Beside "children" nothing has a meaning. */
static int check_root(const struct place *at, json_t *root)
{
    const char *key;
    json_t *value;

    json_object_foreach(root, key, value)
        if (strcmp(key, "children") != 0)
            return fail(at->args, EXIT_USAGE, PHUB_EINVAL, "%s: \"%s\" has no "
                        "meaning beside \"children\": write it at each child "
                        "that it is for", at->file, key);
    return 0;
}

static int read_file(const struct args *args, const char *name,
                     struct spec_batch *batch)
{
    struct place at = { args, strcmp(name, "-") == 0 ? "standard input" : name,
                        0, NULL };
    json_t *root = load(&at, name), *list, *child;
    int rc = 0;

    if (root == NULL)
        return EXIT_USAGE;
    list = json_is_array(root) ? root : json_object_get(root, "children");
    if (list != NULL)
        rc = check_root(&at, root);
    if (list == NULL) {
        rc = add_object(&at, batch, root);
    } else if (rc == 0 && json_array_size(list) == 0) {
        rc = fail(args, EXIT_USAGE, PHUB_EEMPTY, "%s: it has no children",
                  at.file);
    } else {
        json_array_foreach(list, at.index, child) {
            if (rc == 0)
                rc = add_object(&at, batch, child);
        }
    }
    json_decref(root);
    return rc;
}

/* The option that describes a child, and its key in a file; NULL: none. */
static const char *option_given(const struct args *args, const char **key)
{
    static const char *const others[][2] = { { "tag", "tags" },
                                             { "count", "count" } };
    const struct field *field;
    size_t i;

    for (i = 0; i < sizeof others / sizeof others[0]; i++)
        if (json_object_get(args->given, others[i][0]) != NULL) {
            *key = others[i][1];
            return others[i][0];
        }
    for (field = spec_fields; field->key != NULL; field++)
        if (field->option != NULL &&
            json_object_get(args->given, field->option) != NULL) {
            *key = field->key;
            return field->option;
        }
    return NULL;
}

int spec_read(const struct args *args, struct spec_batch *batch)
{
    const char *file = args_text(args, "file");
    struct place at = { args, NULL, 0, NULL };
    const char *key = NULL, *option = option_given(args, &key);
    json_t *child;
    int rc;

    memset(batch, 0, sizeof *batch);
    if (file != NULL && (args->program != NULL ||
                         json_array_size(args->operands) != 0))
        return wrong(&at, "--file names the children: no ID and no program "
                     "beside it");
    if (file != NULL && option != NULL)
        return wrong(&at, "--%s belongs into the file: write \"%s\" there, at "
                     "each child in '%s' that it is for", option, key, file);
    if (file != NULL)
        return read_file(args, file, batch);
    if (json_array_size(args->operands) != 1)
        return wrong(&at, "name the child: phub start ID -- PROGRAM "
                     "[ARGUMENT...], or --file FILE");
    if (json_array_size(args->program) == 0)
        return wrong(&at, "what is '%s' to run?  phub start %s -- PROGRAM "
                     "[ARGUMENT...]", args_operand(args, 0),
                     args_operand(args, 0));
    child = object_of_options(args);
    rc = add_object(&at, batch, child);
    json_decref(child);
    return rc;
}

void spec_fini(struct spec_batch *batch)
{
    size_t i;

    for (i = 0; i < batch->count; i++) {
        free(batch->children[i].cbor);
        free(batch->children[i].id);
    }
    free(batch->children);
    memset(batch, 0, sizeof *batch);
}
