/* SPDX-License-Identifier: MIT */
/* codec: C structs to CBOR maps and back, by a table.
 *
 * Fields are in ascending order of their keys, and so are the keys on the
 * wire: decoding is a merge of both, without any search. */
#include "config.h"

#include <string.h>

#include "wire/assert.h"
#include "wire/codec.h"
#include "wire/writer.h"

static uint64_t load_unsigned(const void *at, unsigned width)
{
    uint64_t u64;
    uint32_t u32;
    uint16_t u16;

    switch (width) {
    case 1:
        return *(const uint8_t *)at;
    case 2:
        memcpy(&u16, at, sizeof u16);
        return u16;
    case 4:
        memcpy(&u32, at, sizeof u32);
        return u32;
    default:
        memcpy(&u64, at, sizeof u64);
        return u64;
    }
}

static int64_t load_signed(const void *at, unsigned width)
{
    uint64_t value = load_unsigned(at, width);
    unsigned shift = 64 - 8 * width;

    return (int64_t)(value << shift) >> shift;
}

static void store(void *at, unsigned width, uint64_t value)
{
    uint32_t u32 = (uint32_t)value;
    uint16_t u16 = (uint16_t)value;

    switch (width) {
    case 1:
        *(uint8_t *)at = (uint8_t)value;
        break;
    case 2:
        memcpy(at, &u16, sizeof u16);
        break;
    case 4:
        memcpy(at, &u32, sizeof u32);
        break;
    default:
        memcpy(at, &value, sizeof value);
        break;
    }
}

/* --- encoding -------- */

/* True if the field is neither zero nor empty. */
static bool has_value(const struct phub__field *field, const uint8_t *in)
{
    const void *at = in + field->offset;
    const struct phub_epoch *epoch = at;

    switch (field->type) {
    case PHUB__FIELD_U64:
    case PHUB__FIELD_I64:
        return load_unsigned(at, field->width) != 0;
    case PHUB__FIELD_BOOL:
        return *(const bool *)at;
    case PHUB__FIELD_TEXT:
    case PHUB__FIELD_BYTES:
        return ((const struct phub_bytes *)at)->size > 0;
    case PHUB__FIELD_EPOCH:
        return epoch->number != 0 || epoch->node != 0;
    case PHUB__FIELD_U64S:
    case PHUB__FIELD_TEXTS:
    case PHUB__FIELD_BLOBS:
    case PHUB__FIELD_LIST:
        return ((const struct phub__list *)at)->count > 0;
    case PHUB__FIELD_STRUCT:
        for (uint32_t i = 0; i < field->sub->count; i++)
            if (has_value(&field->sub->fields[i], at))
                return true;
        return false;
    }
    phub__assert(false); /* a type that is not in the table */
    return false;
}

static void encode_string(const struct phub_bytes *bytes, bool text,
                          uint64_t max, struct phub__builder *b)
{
    if (bytes->size > max) {
        phub__builder_fail(b, PHUB_ELIMIT);
    } else if (!text) {
        phub__write_bytes(b, bytes->data, bytes->size);
    } else if (!phub__utf8_ok(bytes->data, bytes->size)) {
        phub__builder_fail(b, PHUB_EINVAL);
    } else {
        phub__write_text(b, bytes->data, bytes->size);
    }
}

static void encode_list(const struct phub__field *field,
                        const struct phub__list *list,
                        struct phub__builder *b)
{
    const struct phub_bytes *strings = list->items;
    const uint64_t *numbers = list->items;
    const uint8_t *structs = list->items;

    if (list->count > field->max) {
        phub__builder_fail(b, PHUB_ELIMIT);
        return;
    }
    phub__write_array(b, list->count);
    for (uint32_t i = 0; i < list->count && b->error == 0; i++) {
        if (field->type == PHUB__FIELD_U64S)
            phub__write_uint(b, numbers[i]);
        else if (field->type == PHUB__FIELD_LIST)
            phub__encode(field->sub, structs + (size_t)i * field->sub->size,
                         b);
        else
            encode_string(&strings[i], field->type == PHUB__FIELD_TEXTS,
                          field->item_max, b);
    }
}

static void encode_field(const struct phub__field *field, const uint8_t *in,
                         struct phub__builder *b)
{
    const void *at = in + field->offset;
    const struct phub_epoch *epoch = at;
    uint64_t value;

    phub__write_uint(b, field->key);
    switch (field->type) {
    case PHUB__FIELD_U64:
        value = load_unsigned(at, field->width);
        if (field->max != 0 && value > field->max)
            phub__builder_fail(b, PHUB_ELIMIT);
        else
            phub__write_uint(b, value);
        break;
    case PHUB__FIELD_I64:
        phub__write_int(b, load_signed(at, field->width));
        break;
    case PHUB__FIELD_BOOL:
        phub__write_bool(b, *(const bool *)at);
        break;
    case PHUB__FIELD_TEXT:
    case PHUB__FIELD_BYTES:
        encode_string(at, field->type == PHUB__FIELD_TEXT, field->max, b);
        break;
    case PHUB__FIELD_EPOCH:
        phub__write_array(b, 2);
        phub__write_uint(b, epoch->number);
        phub__write_uint(b, epoch->node);
        break;
    case PHUB__FIELD_U64S:
    case PHUB__FIELD_TEXTS:
    case PHUB__FIELD_BLOBS:
    case PHUB__FIELD_LIST:
        encode_list(field, at, b);
        break;
    case PHUB__FIELD_STRUCT:
        phub__encode(field->sub, at, b);
        break;
    }
}

int phub__encode(const struct phub__schema *schema, const void *in,
                 struct phub__builder *b)
{
    uint64_t mask = 0;
    uint32_t pairs = 0;

    phub__assert(schema->count <= PHUB__SCHEMA_FIELDS_MAX);
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct phub__field *field = &schema->fields[i];

        if ((field->flags & PHUB__FIELD_REQUIRED) || has_value(field, in)) {
            mask |= 1ull << i;
            pairs++;
        }
    }
    phub__write_map(b, pairs);
    for (uint32_t i = 0; mask != 0 && b->error == 0; i++, mask >>= 1)
        if (mask & 1)
            encode_field(&schema->fields[i], in, b);
    return b->error;
}

/* --- decoding -------- */

static bool decode_map(const struct phub__schema *schema,
                       struct phub__reader *r, uint8_t *out,
                       struct phub__arena *arena, uint32_t *error_key);

static bool decode_string(struct phub__reader *r, bool text, uint64_t max,
                          struct phub_bytes *bytes)
{
    struct phub_bytes got;

    if (!(text ? phub__read_text(r, &got) : phub__read_bytes(r, &got)))
        return false;
    if (got.size > max)
        return phub__reader_fail(r, PHUB_ELIMIT);
    *bytes = got;
    return true;
}

static bool decode_list(const struct phub__field *field,
                        struct phub__reader *r, struct phub__list *list,
                        struct phub__arena *arena)
{
    size_t size = field->type == PHUB__FIELD_U64S ? sizeof(uint64_t)
                : field->type == PHUB__FIELD_LIST ? field->sub->size
                : sizeof(struct phub_bytes);
    uint64_t count;
    uint8_t *items;

    if (!phub__read_array(r, &count))
        return false;
    if (count > field->max)
        return phub__reader_fail(r, PHUB_ELIMIT);
    if (count == 0)
        return true;
    phub__assert(arena != NULL);
    items = phub__arena_alloc(arena, (size_t)count, size);
    if (items == NULL)
        return phub__reader_fail(r, arena->error);
    for (uint64_t i = 0; i < count; i++) {
        void *at = items + i * size;
        bool ok;

        if (field->type == PHUB__FIELD_U64S)
            ok = phub__read_uint(r, at);
        else if (field->type == PHUB__FIELD_LIST)
            ok = decode_map(field->sub, r, at, arena, NULL);
        else
            ok = decode_string(r, field->type == PHUB__FIELD_TEXTS,
                               field->item_max, at);
        if (!ok)
            return false;
    }
    list->items = items;
    list->count = (uint32_t)count;
    return true;
}

static bool decode_unsigned(const struct phub__field *field,
                            struct phub__reader *r, void *at)
{
    uint64_t value;

    if (!phub__read_uint(r, &value))
        return false;
    if (field->max != 0 && value > field->max)
        return phub__reader_fail(r, PHUB_ELIMIT);
    if (field->width < 8 && value >> (8 * field->width) != 0)
        return phub__reader_fail(r, PHUB_EPROTO);
    store(at, field->width, value);
    return true;
}

static bool decode_signed(const struct phub__field *field,
                          struct phub__reader *r, void *at)
{
    int64_t value;

    if (!phub__read_int(r, &value))
        return false;
    store(at, field->width, (uint64_t)value);
    if (load_signed(at, field->width) != value)
        return phub__reader_fail(r, PHUB_EPROTO);
    return true;
}

static bool decode_epoch(struct phub__reader *r, struct phub_epoch *epoch)
{
    uint64_t count;

    if (!phub__read_array(r, &count))
        return false;
    if (count != 2)
        return phub__reader_fail(r, PHUB_EPROTO);
    return phub__read_uint(r, &epoch->number)
        && phub__read_uint(r, &epoch->node);
}

static bool decode_field(const struct phub__field *field,
                         struct phub__reader *r, uint8_t *out,
                         struct phub__arena *arena)
{
    void *at = out + field->offset;

    switch (field->type) {
    case PHUB__FIELD_U64:
        return decode_unsigned(field, r, at);
    case PHUB__FIELD_I64:
        return decode_signed(field, r, at);
    case PHUB__FIELD_BOOL:
        return phub__read_bool(r, at);
    case PHUB__FIELD_TEXT:
    case PHUB__FIELD_BYTES:
        return decode_string(r, field->type == PHUB__FIELD_TEXT, field->max,
                             at);
    case PHUB__FIELD_EPOCH:
        return decode_epoch(r, at);
    case PHUB__FIELD_U64S:
    case PHUB__FIELD_TEXTS:
    case PHUB__FIELD_BLOBS:
    case PHUB__FIELD_LIST:
        return decode_list(field, r, at, arena);
    case PHUB__FIELD_STRUCT:
        return decode_map(field->sub, r, at, arena, NULL);
    }
    phub__assert(false); /* a type that is not in the table */
    return false;
}

/* Note who is at fault, for the outermost map only. */
static bool at_fault(uint32_t *error_key, uint64_t key)
{
    if (error_key != NULL)
        *error_key = key <= UINT32_MAX ? (uint32_t)key : 0;
    return false;
}

static bool decode_map(const struct phub__schema *schema,
                       struct phub__reader *r, uint8_t *out,
                       struct phub__arena *arena, uint32_t *error_key)
{
    const struct phub__field *field = schema->fields;
    const struct phub__field *end = field + schema->count;
    uint64_t pairs, key, after = 0; /* keys start at 1 */

    memset(out, 0, schema->size);
    if (!phub__read_map(r, &pairs))
        return at_fault(error_key, 0);
    for (; pairs > 0; pairs--, after = key) {
        if (!phub__read_uint(r, &key))
            return at_fault(error_key, 0);
        if (key <= after) {
            phub__reader_fail(r, PHUB_EPROTO);
            return at_fault(error_key, key);
        }
        for (; field < end && field->key < key; field++) {
            if (field->flags & PHUB__FIELD_REQUIRED) {
                phub__reader_fail(r, PHUB_EPROTO);
                return at_fault(error_key, field->key);
            }
        }
        if (field < end && field->key == key) {
            if (!decode_field(field++, r, out, arena))
                return at_fault(error_key, key);
        } else if (!phub__read_skip(r)) {
            return at_fault(error_key, key);
        }
    }
    for (; field < end; field++) {
        if (field->flags & PHUB__FIELD_REQUIRED) {
            phub__reader_fail(r, PHUB_EPROTO);
            return at_fault(error_key, field->key);
        }
    }
    return true;
}

bool phub__decode_item(const struct phub__schema *schema,
                       struct phub__reader *r, void *out,
                       struct phub__arena *arena, uint32_t *error_key)
{
    if (error_key != NULL)
        *error_key = 0;
    if (decode_map(schema, r, out, arena, error_key))
        return true;
    memset(out, 0, schema->size);
    return false;
}

int phub__decode(const struct phub__schema *schema, struct phub_bytes bytes,
                 void *out, struct phub__arena *arena, uint32_t *error_key)
{
    struct phub__reader r;

    phub__reader_init(&r, bytes);
    if (phub__decode_item(schema, &r, out, arena, error_key)
        && !phub__read_end(&r))
        memset(out, 0, schema->size);
    return r.error;
}

/* --- schemas -------- */

static size_t field_size(const struct phub__field *field)
{
    switch (field->type) {
    case PHUB__FIELD_U64:
    case PHUB__FIELD_I64:
        return field->width;
    case PHUB__FIELD_BOOL:
        return sizeof(bool);
    case PHUB__FIELD_TEXT:
    case PHUB__FIELD_BYTES:
        return sizeof(struct phub_bytes);
    case PHUB__FIELD_EPOCH:
        return sizeof(struct phub_epoch);
    case PHUB__FIELD_U64S:
    case PHUB__FIELD_TEXTS:
    case PHUB__FIELD_BLOBS:
    case PHUB__FIELD_LIST:
        return sizeof(struct phub__list);
    case PHUB__FIELD_STRUCT:
        return field->sub != NULL ? field->sub->size : 0;
    }
    return 0;
}

const char *phub__schema_fault(const struct phub__schema *schema)
{
    uint32_t key = 0;

    if (schema->count > PHUB__SCHEMA_FIELDS_MAX)
        return "more fields than PHUB__SCHEMA_FIELDS_MAX";
    for (uint32_t i = 0; i < schema->count; i++) {
        const struct phub__field *field = &schema->fields[i];
        size_t size = field_size(field);
        bool has_sub = field->type == PHUB__FIELD_LIST
                    || field->type == PHUB__FIELD_STRUCT;

        if (field->key <= key)
            return "keys do not ascend from 1";
        key = field->key;
        if (has_sub && (field->sub == NULL || field->sub->size == 0))
            return "a list or struct without a schema";
        if (size == 0 || field->offset > schema->size
            || size > schema->size - field->offset)
            return "a field outside of the struct";
        if (field->type >= PHUB__FIELD_TEXT && field->max == 0
            && field->type != PHUB__FIELD_EPOCH
            && field->type != PHUB__FIELD_STRUCT)
            return "a string or list without a limit";
        if (field->max > UINT32_MAX && field->type != PHUB__FIELD_U64)
            return "a limit above 32 bits";
    }
    return NULL;
}
