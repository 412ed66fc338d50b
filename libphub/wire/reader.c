/* SPDX-License-Identifier: MIT */
/* reader: a pull reader on cbor_stream_decode().
 *
 * libcbor decodes one item into a callback; ours write it down as a struct
 * item, and the typed calls look at that.  An item is complete when its last
 * one is: left[] counts down, level by level.
 *
 * Heads of numbers, strings, arrays and maps of a known size are nearly all
 * that messages are made of: those are read here, as RFC 8949 section 3 says,
 * at a fraction of the cost of a callback. */
#include "config.h"

#include <string.h>

#include <cbor.h>

#include <phub/error.h>

#include "wire/number.h"
#include "wire/reader.h"

struct item {
    enum phub__wire_type type;
    bool definite;
    uint64_t value;       /* integer, count, or size of data */
    const uint8_t *data;  /* of strings */
};

/* --- libcbor's callbacks -------- */

#define ON_INTEGER(name, ctype, wire)                                         \
    static void name(void *arg, ctype value)                                  \
    {                                                                         \
        struct item *item = arg;                                              \
                                                                              \
        item->type = wire;                                                    \
        item->value = value;                                                  \
    }

ON_INTEGER(on_uint8, uint8_t, PHUB__WIRE_UINT)
ON_INTEGER(on_uint16, uint16_t, PHUB__WIRE_UINT)
ON_INTEGER(on_uint32, uint32_t, PHUB__WIRE_UINT)
ON_INTEGER(on_uint64, uint64_t, PHUB__WIRE_UINT)
ON_INTEGER(on_negint8, uint8_t, PHUB__WIRE_NEGINT)
ON_INTEGER(on_negint16, uint16_t, PHUB__WIRE_NEGINT)
ON_INTEGER(on_negint32, uint32_t, PHUB__WIRE_NEGINT)
ON_INTEGER(on_negint64, uint64_t, PHUB__WIRE_NEGINT)
ON_INTEGER(on_array, size_t, PHUB__WIRE_ARRAY)
ON_INTEGER(on_map, size_t, PHUB__WIRE_MAP)
ON_INTEGER(on_tag, uint64_t, PHUB__WIRE_TAG)
ON_INTEGER(on_bool, bool, PHUB__WIRE_BOOL)

static void on_bytes(void *arg, cbor_data data, size_t size)
{
    struct item *item = arg;

    item->type = PHUB__WIRE_BYTES;
    item->value = size;
    item->data = data;
}

static void on_text(void *arg, cbor_data data, size_t size)
{
    struct item *item = arg;

    item->type = PHUB__WIRE_TEXT;
    item->value = size;
    item->data = data;
}

static void on_null(void *arg)
{
    ((struct item *)arg)->type = PHUB__WIRE_NULL;
}

static void on_undefined(void *arg)
{
    ((struct item *)arg)->type = PHUB__WIRE_OTHER;
}

static void on_float(void *arg, float value)
{
    (void)value;
    ((struct item *)arg)->type = PHUB__WIRE_OTHER;
}

static void on_double(void *arg, double value)
{
    (void)value;
    ((struct item *)arg)->type = PHUB__WIRE_OTHER;
}

static void on_indefinite(void *arg)
{
    ((struct item *)arg)->definite = false;
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negint8,
    .negint16 = on_negint16,
    .negint32 = on_negint32,
    .negint64 = on_negint64,
    .byte_string = on_bytes,
    .byte_string_start = on_indefinite,
    .string = on_text,
    .string_start = on_indefinite,
    .array_start = on_array,
    .indef_array_start = on_indefinite,
    .map_start = on_map,
    .indef_map_start = on_indefinite,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_undefined,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_indefinite,
};

/* --- the machine -------- */

void phub__reader_init(struct phub__reader *r, struct phub_bytes bytes)
{
    r->data = bytes.data;
    r->size = bytes.size;
    r->at = 0;
    r->error = 0;
    r->depth = 0;
}

bool phub__reader_fail(struct phub__reader *r, int error)
{
    if (r->error == 0)
        r->error = error;
    return false;
}

/* By major type; END: not one that simple() knows. */
static const enum phub__wire_type simple_types[8] = {
    PHUB__WIRE_UINT, PHUB__WIRE_NEGINT, PHUB__WIRE_BYTES, PHUB__WIRE_TEXT,
    PHUB__WIRE_ARRAY, PHUB__WIRE_MAP, PHUB__WIRE_END, PHUB__WIRE_END
};

/* Take an item of a common kind that is all there; false: it is another, or
 * it is wrong. */
static inline bool simple(struct phub__reader *r, struct item *item)
{
    const uint8_t *at = r->data + r->at;
    size_t left = r->size - r->at, size = 1;
    unsigned info = at[0] & 0x1f;
    uint64_t value = info;

    item->type = simple_types[at[0] >> 5];
    if (item->type == PHUB__WIRE_END || info > 27)
        return false;
    if (info >= 24) {
        size_t width = (size_t)1 << (info - 24);

        size += width;
        if (size > left)
            return false;
        value = 0;
        for (size_t i = 1; i <= width; i++)
            value = value << 8 | at[i];
    }
    item->value = value;
    if (item->type == PHUB__WIRE_BYTES || item->type == PHUB__WIRE_TEXT) {
        if (value > left - size)
            return false;
        item->data = at + size;
        size += (size_t)value;
    }
    r->at += size;
    return true;
}

/* Take the next item. */
static bool next(struct phub__reader *r, struct item *item)
{
    struct cbor_decoder_result result;

    if (r->error != 0)
        return false;
    if (r->at == r->size)
        return phub__reader_fail(r, PHUB_EPROTO);
    if (simple(r, item))
        return true;
    item->definite = true;
    result = cbor_stream_decode(r->data + r->at, r->size - r->at, &callbacks,
                                item);
    if (result.status != CBOR_DECODER_FINISHED || !item->definite)
        return phub__reader_fail(r, PHUB_EPROTO);
    r->at += result.read;
    return true;
}

static bool expect(struct phub__reader *r, enum phub__wire_type type,
                   struct item *item)
{
    if (!next(r, item))
        return false;
    if (item->type != type)
        return phub__reader_fail(r, PHUB_EPROTO);
    return true;
}

/* An item is complete, and with it maybe what it was the last of. */
static void item_done(struct phub__reader *r)
{
    while (r->depth > 0 && --r->left[r->depth - 1] == 0)
        r->depth--;
}

/* count items follow; each takes a byte at least. */
static bool enter(struct phub__reader *r, uint64_t count)
{
    if (count == 0) {
        item_done(r);
        return true;
    }
    if (count > r->size - r->at)
        return phub__reader_fail(r, PHUB_EPROTO);
    if (r->depth == PHUB__WIRE_DEPTH_MAX)
        return phub__reader_fail(r, PHUB_ELIMIT);
    r->left[r->depth++] = count;
    return true;
}

enum phub__wire_type phub__reader_peek(const struct phub__reader *r)
{
    struct phub__reader copy;
    struct item item;

    if (r->error != 0 || r->at == r->size)
        return PHUB__WIRE_END;
    copy = *r;
    if (!next(&copy, &item))
        return PHUB__WIRE_OTHER;
    return item.type;
}

bool phub__read_uint(struct phub__reader *r, uint64_t *value)
{
    const uint8_t *behind;
    struct item item;

    if (r->error == 0 && r->at < r->size) {
        behind = phub__number_get(r->data + r->at, r->data + r->size, 0,
                                  value);
        if (behind != NULL) {
            r->at = (size_t)(behind - r->data);
            item_done(r);
            return true;
        }
    }
    if (!expect(r, PHUB__WIRE_UINT, &item))
        return false;
    item_done(r);
    *value = item.value;
    return true;
}

bool phub__read_int(struct phub__reader *r, int64_t *value)
{
    struct item item;

    if (!next(r, &item))
        return false;
    if ((item.type != PHUB__WIRE_UINT && item.type != PHUB__WIRE_NEGINT)
        || item.value > INT64_MAX)
        return phub__reader_fail(r, PHUB_EPROTO);
    item_done(r);
    *value = item.type == PHUB__WIRE_UINT ? (int64_t)item.value
                                          : -1 - (int64_t)item.value;
    return true;
}

bool phub__read_bool(struct phub__reader *r, bool *value)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_BOOL, &item))
        return false;
    item_done(r);
    *value = item.value != 0;
    return true;
}

bool phub__read_null(struct phub__reader *r)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_NULL, &item))
        return false;
    item_done(r);
    return true;
}

bool phub__read_bytes(struct phub__reader *r, struct phub_bytes *bytes)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_BYTES, &item))
        return false;
    item_done(r);
    *bytes = (struct phub_bytes){ item.data, (size_t)item.value };
    return true;
}

bool phub__read_text(struct phub__reader *r, struct phub_bytes *text)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_TEXT, &item))
        return false;
    if (!phub__utf8_ok(item.data, (size_t)item.value))
        return phub__reader_fail(r, PHUB_EPROTO);
    item_done(r);
    *text = (struct phub_bytes){ item.data, (size_t)item.value };
    return true;
}

bool phub__read_array(struct phub__reader *r, uint64_t *count)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_ARRAY, &item) || !enter(r, item.value))
        return false;
    *count = item.value;
    return true;
}

bool phub__read_map(struct phub__reader *r, uint64_t *pairs)
{
    struct item item;

    if (!expect(r, PHUB__WIRE_MAP, &item))
        return false;
    if (item.value > UINT64_MAX / 2)
        return phub__reader_fail(r, PHUB_EPROTO);
    if (!enter(r, item.value * 2))
        return false;
    *pairs = item.value;
    return true;
}

/* Take one item; enter it if it has others in it. */
static bool step(struct phub__reader *r)
{
    struct item item;

    if (!next(r, &item))
        return false;
    switch (item.type) {
    case PHUB__WIRE_ARRAY:
        return enter(r, item.value);
    case PHUB__WIRE_MAP:
        if (item.value > UINT64_MAX / 2)
            return phub__reader_fail(r, PHUB_EPROTO);
        return enter(r, item.value * 2);
    case PHUB__WIRE_TAG:
        return enter(r, 1);
    case PHUB__WIRE_END:
    case PHUB__WIRE_UINT:
    case PHUB__WIRE_NEGINT:
    case PHUB__WIRE_BYTES:
    case PHUB__WIRE_TEXT:
    case PHUB__WIRE_BOOL:
    case PHUB__WIRE_NULL:
    case PHUB__WIRE_OTHER:
        break;
    }
    item_done(r);
    return true;
}

bool phub__read_skip(struct phub__reader *r)
{
    uint32_t depth = r->depth;

    do {
        if (!step(r))
            return false;
    } while (r->depth > depth);
    return true;
}

bool phub__read_raw(struct phub__reader *r, struct phub_bytes *item)
{
    size_t from = r->at;

    if (!phub__read_skip(r))
        return false;
    *item = (struct phub_bytes){ r->data + from, r->at - from };
    return true;
}

bool phub__read_end(struct phub__reader *r)
{
    if (r->error == 0 && (r->depth > 0 || r->at != r->size))
        return phub__reader_fail(r, PHUB_EPROTO);
    return r->error == 0;
}

/* --- UTF-8 -------- */

/* Give the length of the sequence at s, 0 if it is none. */
static size_t utf8_sequence(const uint8_t *s, size_t size)
{
    uint8_t low = 0x80, high = 0xbf;
    size_t length, i;

    if (s[0] < 0x80)
        return 1;
    if (s[0] < 0xc2 || s[0] > 0xf4)
        return 0;
    length = s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : 4;
    if (size < length)
        return 0;
    if (s[0] == 0xe0)
        low = 0xa0; /* shorter forms exist below */
    else if (s[0] == 0xed)
        high = 0x9f; /* surrogates above */
    else if (s[0] == 0xf0)
        low = 0x90;
    else if (s[0] == 0xf4)
        high = 0x8f; /* U+10FFFF is the last */
    if (s[1] < low || s[1] > high)
        return 0;
    for (i = 2; i < length; i++)
        if (s[i] < 0x80 || s[i] > 0xbf)
            return 0;
    return length;
}

bool phub__utf8_ok(const uint8_t *text, size_t size)
{
    size_t at = 0, length;
    uint64_t eight;

    while (at < size) {
        if (size - at >= sizeof eight) {
            memcpy(&eight, text + at, sizeof eight);
            if ((eight & 0x8080808080808080u) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        length = utf8_sequence(text + at, size - at);
        if (length == 0)
            return false;
        at += length;
    }
    return true;
}
