/* SPDX-License-Identifier: MIT */
/* spec_encode: a child of a file in the hub's words, <phub/control.h>.
 *
 * Types have been checked.  Keys are written in ascending order and what is 0,
 * empty or false is left out, so equal specs are equal bytes. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/control.h>

#include "cli/tool.h"

#define SPEC_BYTES_MAX 65536u

struct encoder {
    struct phub_cbor_writer w;
    char *error;
    size_t error_max;
    bool failed;
};

static void wrong(struct encoder *e, const char *what, const char *found,
                  const char *allowed)
{
    if (!e->failed)
        snprintf(e->error, e->error_max, "%s = \"%.40s\": %s allowed", what,
                 found, allowed);
    e->failed = true;
}

/* --- values ------------------------------------------------------------- */

static uint64_t restart_of(struct encoder *e, const char *text)
{
    static const char *const restarts[] = { "permanent", "transient",
                                            "temporary" };
    uint64_t i;

    for (i = 0; i < 3; i++)
        if (strcmp(restarts[i], text) == 0)
            return i;
    wrong(e, "restart", text, "permanent, transient and temporary are");
    return 0;
}

static uint64_t signal_of(struct encoder *e, const json_t *value)
{
    const char *text = json_string_value(value);
    const char *name = text != NULL && strncmp(text, "SIG", 3) == 0
                           ? text + 3 : text;
    char number[32];
    int i;

    for (i = 1; name != NULL && i < 32; i++)
        if (sigabbrev_np(i) != NULL && strcmp(sigabbrev_np(i), name) == 0)
            return (uint64_t)i;
    snprintf(number, sizeof number, "%lld",
             (long long)json_integer_value(value));
    if (name != NULL) {
        i = (int)strtoul(name, NULL, 10); /* an option has only texts */
        snprintf(number, sizeof number, "%d", i);
        if (strcmp(number, name) != 0)
            i = 0;
    } else {
        i = json_integer_value(value) <= 64 ? (int)json_integer_value(value)
                                            : 0;
    }
    if (i < 1 || i > 64)
        wrong(e, "stop_signal", text != NULL ? text : number,
              "a name like TERM, or 1 to 64, is");
    return (uint64_t)i;
}

/* --- to CBOR ------------------------------------------------------------ */

static void put_texts(struct phub_cbor_writer *w, const json_t *list)
{
    const json_t *item;
    size_t i;

    phub_cbor_write_array(w, json_array_size(list));
    json_array_foreach(list, i, item)
        phub_cbor_write_text(w, json_string_value(item),
                             json_string_length(item));
}

static void put_env(struct phub_cbor_writer *w, json_t *pairs)
{
    const char *key;
    json_t *value;

    phub_cbor_write_array(w, json_object_size(pairs));
    json_object_foreach(pairs, key, value) {
        size_t size = strlen(key) + json_string_length(value) + 2;
        char *text = malloc(size);

        if (text == NULL)
            out_of_memory();
        snprintf(text, size, "%s=%s", key, json_string_value(value));
        phub_cbor_write_cstr(w, text);
        free(text);
    }
}

static void put_metadata(struct phub_cbor_writer *w, json_t *pairs)
{
    const char *key;
    json_t *value;

    phub_cbor_write_array(w, json_object_size(pairs));
    json_object_foreach(pairs, key, value) {
        bool empty = json_string_length(value) == 0;

        phub_cbor_write_map(w, empty ? 1 : 2);
        phub_cbor_write_uint(w, 1);
        phub_cbor_write_cstr(w, key);
        if (!empty) {
            phub_cbor_write_uint(w, 2);
            phub_cbor_write_cstr(w, json_string_value(value));
        }
    }
}

static void put_command(struct phub_cbor_writer *w, const json_t *value)
{
    if (!json_is_string(value)) {
        put_texts(w, value);
        return;
    }
    phub_cbor_write_array(w, 3);
    phub_cbor_write_cstr(w, "/bin/sh");
    phub_cbor_write_cstr(w, "-c");
    phub_cbor_write_cstr(w, json_string_value(value));
}

static bool is_empty(const json_t *value)
{
    return json_is_string(value) ? json_string_length(value) == 0
        : json_is_array(value) ? json_array_size(value) == 0
        : json_is_object(value) && json_object_size(value) == 0;
}

/* Key and value of one field; how many pairs that were, 0 or 1. */
static uint64_t put_field(struct encoder *e, const struct field *field,
                          json_t *value)
{
    uint64_t number = 0;

    if (is_empty(value))
        return 0;
    switch (field->kind) {
    case FIELD_BOOL:
        number = json_is_true(value);
        break;
    case FIELD_NUMBER:
    case FIELD_MS:
        number = (uint64_t)json_integer_value(value);
        break;
    case FIELD_RESTART:
        number = restart_of(e, json_string_value(value));
        break;
    case FIELD_SIGNAL:
        number = signal_of(e, value);
        break;
    case FIELD_TEXT:
        phub_cbor_write_uint(&e->w, field->spec_key);
        phub_cbor_write_cstr(&e->w, json_string_value(value));
        return 1;
    case FIELD_PAIRS:
        phub_cbor_write_uint(&e->w, field->spec_key);
        put_env(&e->w, value);
        return 1;
    case FIELD_LIST:
    case FIELD_COMMAND:
        phub_cbor_write_uint(&e->w, field->spec_key);
        put_command(&e->w, value);
        return 1;
    }
    if (number == 0)
        return 0;
    phub_cbor_write_uint(&e->w, field->spec_key);
    phub_cbor_write_uint(&e->w, number);
    return 1;
}

/* The pairs of a spec, by their numbers; how many. */
static uint64_t put_spec(struct encoder *e, json_t *child)
{
    const struct field *field;
    uint64_t pairs = 1;
    uint32_t key;

    phub_cbor_write_uint(&e->w, PHUB_SPEC_RUNNER);
    phub_cbor_write_cstr(&e->w, "exec");
    for (key = PHUB_SPEC_RUNNER + 1; key <= PHUB_SPEC_CHECKPOINT_MS;
         key++)
        for (field = spec_fields; field->key != NULL; field++) {
            json_t *value = json_object_get(child, field->key);

            if (field->spec_key == key && value != NULL)
                pairs += put_field(e, field, value);
        }
    return pairs;
}

static void put_child(struct phub_cbor_writer *w, const char *id,
                      const uint8_t *spec, size_t spec_size, json_t *child)
{
    json_t *metadata = json_object_get(child, "metadata");
    json_t *tags = json_object_get(child, "tags");
    bool durable = json_is_true(json_object_get(child, "durable"));
    bool sticky = json_is_true(json_object_get(child, "sticky"));

    phub_cbor_write_map(w, 2u + (json_object_size(metadata) > 0) +
                               (json_array_size(tags) > 0) + durable + sticky);
    phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_ID);
    phub_cbor_write_cstr(w, id);
    phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_SPEC);
    phub_cbor_write_bytes(w, spec, spec_size);
    if (json_object_size(metadata) > 0) {
        phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_METADATA);
        put_metadata(w, metadata);
    }
    if (json_array_size(tags) > 0) {
        phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_TAGS);
        put_texts(w, tags);
    }
    if (durable) {
        phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_DURABLE);
        phub_cbor_write_bool(w, true);
    }
    if (sticky) {
        phub_cbor_write_uint(w, PHUB_CONTROL_CHILD_STICKY);
        phub_cbor_write_bool(w, true);
    }
}

bool spec_encode(json_t *child, const char *id, uint8_t **cbor, size_t *size,
                 char *error, size_t error_max)
{
    static uint8_t pairs[SPEC_BYTES_MAX], spec[SPEC_BYTES_MAX];
    struct encoder e = { .error = error, .error_max = error_max };
    struct phub_cbor_writer w;
    char bytes[24];
    uint64_t count;
    size_t spec_size;

    phub_cbor_writer_init(&e.w, pairs, sizeof pairs);
    count = put_spec(&e, child);
    phub_cbor_writer_init(&w, spec, sizeof spec);
    phub_cbor_write_map(&w, count);
    if (phub_cbor_writer_ok(&e.w))
        phub_cbor_write_raw(&w, pairs, e.w.size);
    if (!phub_cbor_writer_ok(&e.w) || !phub_cbor_writer_ok(&w)) {
        snprintf(bytes, sizeof bytes, "%zu", e.w.size);
        wrong(&e, "size", bytes, "65536 bytes of spec are");
    }
    if (e.failed)
        return false;
    spec_size = w.size;
    phub_cbor_writer_init(&w, NULL, 0);
    put_child(&w, id, spec, spec_size, child);
    *size = w.size;
    *cbor = malloc(*size);
    if (*cbor == NULL)
        out_of_memory();
    phub_cbor_writer_init(&w, *cbor, *size);
    put_child(&w, id, spec, spec_size, child);
    return true;
}
