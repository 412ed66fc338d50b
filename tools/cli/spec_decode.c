/* SPDX-License-Identifier: MIT */
/* spec_decode: a spec in the hub's words as a file would say it, so that what
 * dump prints can be started again.
 *
 * What a file cannot say (an actor's behaviour) has keys of its own; "start"
 * refuses them by name. */
#include "config.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/control.h>

#include "cli/tool.h"

static json_t *read_texts(struct phub_cbor_reader *r)
{
    json_t *list = checked(json_array());
    uint64_t count = 0;
    const char *text = NULL;
    size_t size = 0;

    for (phub_cbor_read_array(r, &count); count > 0; count--) {
        if (!phub_cbor_read_text(r, &text, &size))
            break;
        json_array_append_new(list, text_new((const uint8_t *)text, size));
    }
    return list;
}

/* "NAME=value" each. */
static json_t *read_env(struct phub_cbor_reader *r)
{
    json_t *list = read_texts(r), *object = checked(json_object()), *item;
    size_t i;

    json_array_foreach(list, i, item) {
        const char *text = json_string_value(item);
        const char *sign = strchr(text, '=');
        char *name = strndup(text, sign != NULL ? (size_t)(sign - text)
                                                : strlen(text));

        if (name == NULL)
            out_of_memory();
        json_object_set_new(object, name,
                            checked(json_string(sign != NULL ? sign + 1
                                                             : "")));
        free(name);
    }
    json_decref(list);
    return object;
}

static json_t *signal_name(uint64_t number)
{
    const char *name = number < 32 ? sigabbrev_np((int)number) : NULL;

    return checked(name != NULL ? json_string(name)
                                : json_integer((json_int_t)number));
}

static json_t *restart_name(uint64_t number)
{
    static const char *const restarts[] = { "permanent", "transient",
                                            "temporary" };

    return number < 3 ? checked(json_string(restarts[number])) : NULL;
}

static json_t *read_number(struct phub_cbor_reader *r, enum field_kind kind)
{
    uint64_t number = 0;

    if (!phub_cbor_read_uint(r, &number))
        return NULL;
    if (kind == FIELD_BOOL)
        return json_boolean(number != 0);
    if (kind == FIELD_SIGNAL)
        return signal_name(number);
    if (kind == FIELD_RESTART)
        return restart_name(number);
    return checked(json_integer((json_int_t)number));
}

static json_t *read_text(struct phub_cbor_reader *r)
{
    const char *text = NULL;
    size_t size = 0;

    if (!phub_cbor_read_text(r, &text, &size))
        return NULL;
    return text_new((const uint8_t *)text, size);
}

static json_t *read_field(struct phub_cbor_reader *r,
                          const struct field *field)
{
    switch (field->kind) {
    case FIELD_TEXT:
        return read_text(r);
    case FIELD_LIST:
    case FIELD_COMMAND:
        return read_texts(r);
    case FIELD_PAIRS:
        return read_env(r);
    case FIELD_BOOL:
    case FIELD_NUMBER:
    case FIELD_MS:
    case FIELD_RESTART:
    case FIELD_SIGNAL:
        return read_number(r, field->kind);
    }
    return NULL;
}

static json_t *read_hex(struct phub_cbor_reader *r)
{
    const uint8_t *bytes = NULL;
    size_t size = 0, i;
    json_t *text;
    char *hex;

    if (!phub_cbor_read_bytes(r, &bytes, &size))
        return NULL;
    hex = malloc(2 * size + 1);
    if (hex == NULL)
        out_of_memory();
    hex[0] = '\0';
    for (i = 0; i < size; i++)
        snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
    text = checked(json_string(hex));
    free(hex);
    return text;
}

static void read_pair(struct phub_cbor_reader *r, uint64_t key, json_t *spec)
{
    const struct field *field = spec_fields;
    json_t *value;

    while (field->key != NULL &&
           (field->spec_key == 0 || field->spec_key != key))
        field++;
    if (field->key != NULL) {
        json_object_set_new(spec, field->key, read_field(r, field));
    } else if (key == PHUB_SPEC_RUNNER) {
        value = read_text(r);
        if (value != NULL && strcmp(json_string_value(value), "exec") != 0)
            json_object_set(spec, "runner", value);
        json_decref(value);
    } else if (key == PHUB_SPEC_BEHAVIOUR) {
        json_object_set_new(spec, "behaviour", read_text(r));
    } else if (key == PHUB_SPEC_ARGUMENT) {
        json_object_set_new(spec, "argument_hex", read_hex(r));
    } else {
        phub_cbor_skip(r);
    }
}

json_t *spec_decode(const uint8_t *cbor, size_t size)
{
    struct phub_cbor_reader r;
    json_t *spec = checked(json_object());
    uint64_t pairs = 0, key = 0;

    phub_cbor_reader_init(&r, cbor, size);
    for (phub_cbor_read_map(&r, &pairs); pairs > 0 && r.error == 0; pairs--)
        if (phub_cbor_read_uint(&r, &key))
            read_pair(&r, key, spec);
    if (phub_cbor_read_end(&r))
        return spec;
    json_decref(spec);
    return NULL;
}
