/* SPDX-License-Identifier: MIT */
/* messages: the envelope and the table of messages.
 *
 * An envelope precedes every body, so the usual one, numbers under known keys,
 * is written and read here by its schema's fields alone; what is anything else
 * goes the long way through the codec, which says what is wrong with it. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "wire/assert.h"
#include "wire/messages.h"
#include "wire/reader.h"

PHUB__SCHEMA(phub__envelope_schema, struct phub__envelope,
    PHUB__U64(1, struct phub__envelope, version, PHUB__REQUIRED),
    PHUB__U64(2, struct phub__envelope, type, PHUB__REQUIRED),
    PHUB__U64(3, struct phub__envelope, hub, PHUB__REQUIRED),
    PHUB__U64(4, struct phub__envelope, node, PHUB__REQUIRED),
    PHUB__U64(5, struct phub__envelope, boot, PHUB__REQUIRED),
    PHUB__U64(6, struct phub__envelope, target),
    PHUB__U64(7, struct phub__envelope, target_boot),
    PHUB__U64(8, struct phub__envelope, lane, PHUB__MAX(PHUB__LANE_MAX)),
    PHUB__U64(9, struct phub__envelope, sequence),
    PHUB__U64(10, struct phub__envelope, session),
    PHUB__U64(11, struct phub__envelope, ack),
    PHUB__U64(12, struct phub__envelope, ack_session),
    PHUB__U64(13, struct phub__envelope, lamport),
    PHUB__U64(14, struct phub__envelope, view));

const char *phub__message_name(unsigned type)
{
    switch (type) {
#define CASE(name, number, lane, text) case (number): return #name;
    PHUB__MESSAGES(CASE)
#undef CASE
    default: return NULL;
    }
}

enum phub__lane phub__message_lane(unsigned type)
{
    switch (type) {
#define CASE(name, number, lane, text)                                        \
    case (number): return PHUB__LANE_##lane;
    PHUB__MESSAGES(CASE)
#undef CASE
    default: return PHUB__LANE_CONTROL;
    }
}

const char *phub__lane_name(unsigned lane)
{
    switch (lane) {
#define CASE(name, number, text) case (number): return #name;
    PHUB__LANES(CASE)
#undef CASE
    default: return NULL;
    }
}

uint64_t phub__hub_hash(struct phub_bytes hub_id)
{
    return XXH3_64bits(hub_id.data, hub_id.size);
}

/* --- the envelope ---------------------------------------------------------- */

static uint64_t load(const struct phub__envelope *envelope,
                     const struct phub__field *field)
{
    const uint8_t *at = (const uint8_t *)envelope + field->offset;
    uint64_t value;
    uint16_t type;

    switch (field->width) {
    case 1:
        return *at;
    case 2:
        memcpy(&type, at, sizeof type);
        return type;
    default:
        phub__assert(field->width == sizeof value);
        memcpy(&value, at, sizeof value);
        return value;
    }
}

static void store(struct phub__envelope *envelope,
                  const struct phub__field *field, uint64_t value)
{
    uint8_t *at = (uint8_t *)envelope + field->offset;
    uint16_t type = (uint16_t)value;

    switch (field->width) {
    case 1:
        *at = (uint8_t)value;
        return;
    case 2:
        memcpy(at, &type, sizeof type);
        return;
    default:
        memcpy(at, &value, sizeof value);
        return;
    }
}

/* An unsigned integer, as RFC 8949 section 3.1 says. */
static uint8_t *number_put(uint8_t *at, uint64_t value)
{
    unsigned width = value < 24 ? 0 : value <= UINT8_MAX ? 1
                   : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;

    *at++ = (uint8_t)(width == 0 ? value : width == 1 ? 24 : width == 2 ? 25
                      : width == 4 ? 26 : 27);
    while (width > 0)
        *at++ = (uint8_t)(value >> (8 * --width));
    return at;
}

static bool number_get(struct phub_bytes frame, size_t *at, uint64_t *value)
{
    size_t left = frame.size - *at;
    const uint8_t *from = frame.data + *at;
    size_t width = 0;

    if (left == 0 || from[0] > 27)
        return false;
    *value = from[0];
    if (from[0] >= 24) {
        width = (size_t)1 << (from[0] - 24);
        if (width >= left)
            return false;
        *value = 0;
        for (size_t i = 1; i <= width; i++)
            *value = *value << 8 | from[i];
    }
    *at += 1 + width;
    return true;
}

void phub__envelope_write(const struct phub__envelope *envelope,
                          uint8_t head[PHUB__ENVELOPE_MAX], size_t *size)
{
    struct phub__envelope copy = *envelope;
    uint8_t *at = head + 1;
    uint8_t pairs = 0;

    if (copy.version == 0)
        copy.version = PHUB__PROTOCOL;
    for (uint32_t i = 0; i < phub__envelope_schema.count; i++) {
        const struct phub__field *field = &phub__envelope_schema.fields[i];
        uint64_t value = load(&copy, field);

        if (value == 0 && !(field->flags & PHUB__FIELD_REQUIRED))
            continue;
        pairs++;
        *at++ = (uint8_t)field->key;
        at = number_put(at, value);
    }
    phub__assert(pairs < 24);
    head[0] = (uint8_t)(0xa0 | pairs);
    *size = (size_t)(at - head);
    phub__assert(*size <= PHUB__ENVELOPE_MAX);
}

/* Read a usual envelope; gives its size, 0 if it is not one. */
static size_t usual_read(struct phub_bytes frame,
                         struct phub__envelope *envelope)
{
    const struct phub__field *field = phub__envelope_schema.fields;
    const struct phub__field *end = field + phub__envelope_schema.count;
    size_t at = 1;

    if (frame.size == 0 || frame.data[0] < 0xa0 || frame.data[0] >= 0xb8)
        return 0;
    memset(envelope, 0, sizeof *envelope);
    for (unsigned pairs = frame.data[0] & 0x1f; pairs > 0; pairs--, field++) {
        uint64_t value;

        if (at == frame.size)
            return 0;
        for (; field < end && field->key != frame.data[at]; field++)
            if (field->flags & PHUB__FIELD_REQUIRED)
                return 0;
        at++;
        if (field == end || !number_get(frame, &at, &value)
            || (field->max != 0 && value > field->max)
            || (field->width < 8 && value >> (8 * field->width) != 0))
            return 0;
        store(envelope, field, value);
    }
    for (; field < end; field++)
        if (field->flags & PHUB__FIELD_REQUIRED)
            return 0;
    return at;
}

int phub__frame_open(struct phub_bytes frame, struct phub__envelope *envelope,
                     struct phub_bytes *body)
{
    struct phub__reader r;
    size_t size;

    if (frame.size > PHUB__FRAME_MAX)
        return PHUB_ELIMIT;
    size = usual_read(frame, envelope);
    if (size == 0) {
        phub__reader_init(&r, frame);
        if (!phub__decode_item(&phub__envelope_schema, &r, envelope, NULL,
                               NULL))
            return r.error;
        size = r.at;
    }
    if (envelope->node == 0 || envelope->boot == 0)
        return PHUB_EPROTO;
    *body = (struct phub_bytes){ frame.data + size, frame.size - size };
    if (envelope->version < PHUB__PROTOCOL_MIN
        || envelope->version > PHUB__PROTOCOL)
        return PHUB_EVERSION;
    return 0;
}
