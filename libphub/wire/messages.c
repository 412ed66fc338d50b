/* SPDX-License-Identifier: MIT */
/* messages: the envelope and the table of messages.
 *
 * An envelope precedes every body, so the usual one, numbers under known keys
 * in their order, is written and read here field by field; what is anything
 * else goes the long way through the codec, which says what is wrong with it.
 * Tests hold the two against each other. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include <xxhash.h>

#include "wire/assert.h"
#include "wire/messages.h"
#include "wire/number.h"
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

static uint8_t *field_put(uint8_t *at, uint8_t key, uint64_t value,
                          unsigned *pairs)
{
    if (value == 0)
        return at;
    ++*pairs;
    *at = key;
    return phub__number_put(at + 1, 0, value);
}

void phub__envelope_write(const struct phub__envelope *e,
                          uint8_t head[PHUB__ENVELOPE_MAX], size_t *size)
{
    unsigned pairs = 5;
    uint8_t *at = head + 1;

    *at++ = 1;
    at = phub__number_put(at, 0, e->version == 0 ? PHUB__PROTOCOL
                                                 : e->version);
    *at++ = 2;
    at = phub__number_put(at, 0, e->type);
    *at++ = 3;
    at = phub__number_put(at, 0, e->hub);
    *at++ = 4;
    at = phub__number_put(at, 0, e->node);
    *at++ = 5;
    at = phub__number_put(at, 0, e->boot);
    at = field_put(at, 6, e->target, &pairs);
    at = field_put(at, 7, e->target_boot, &pairs);
    at = field_put(at, 8, e->lane, &pairs);
    at = field_put(at, 9, e->sequence, &pairs);
    at = field_put(at, 10, e->session, &pairs);
    at = field_put(at, 11, e->ack, &pairs);
    at = field_put(at, 12, e->ack_session, &pairs);
    at = field_put(at, 13, e->lamport, &pairs);
    at = field_put(at, 14, e->view, &pairs);
    head[0] = (uint8_t)(0xa0 | pairs);
    *size = (size_t)(at - head);
    phub__assert(*size <= PHUB__ENVELOPE_MAX);
}

#define KEYS 15u               /* and 0, which none has */
#define REQUIRED 0x3eu         /* keys 1 to 5 */
#define USUAL_MAX (1 + (KEYS - 1) * (1 + PHUB__NUMBER_MAX))

static_assert(USUAL_MAX <= PHUB__ENVELOPE_MAX, "keys are single bytes");

/* Read a usual envelope; gives its size, 0 if it is not one.  Each pair is of a
 * key of its own, so all of them lie within USUAL_MAX bytes. */
static size_t usual_read(struct phub_bytes frame, struct phub__envelope *e)
{
    uint8_t padded[USUAL_MAX];
    const uint8_t *from = frame.data, *at;
    uint64_t value[KEYS] = { 0 };
    unsigned key = 0, seen = 0, pairs;

    if (frame.size < USUAL_MAX) {
        memset(padded, 0, sizeof padded);
        if (frame.size > 0)
            memcpy(padded, frame.data, frame.size);
        from = padded;
    }
    at = from + 1;
    if (from[0] >> 5 != 5 || (from[0] & 0x1f) >= KEYS)
        return 0;
    for (pairs = from[0] & 0x1f; pairs > 0; pairs--) {
        if (*at <= key || *at >= KEYS)
            return 0;
        key = *at;
        seen |= 1u << key;
        at = phub__number_get_in(at + 1, 0, &value[key]);
        if (at == NULL)
            return 0;
    }
    if ((seen & REQUIRED) != REQUIRED || value[1] > UINT8_MAX
        || value[2] > UINT16_MAX || value[8] > PHUB__LANE_MAX
        || (size_t)(at - from) > frame.size)
        return 0;
    *e = (struct phub__envelope){
        .version = (uint8_t)value[1], .type = (uint16_t)value[2],
        .hub = value[3], .node = value[4], .boot = value[5],
        .target = value[6], .target_boot = value[7],
        .lane = (uint8_t)value[8], .sequence = value[9],
        .session = value[10], .ack = value[11], .ack_session = value[12],
        .lamport = value[13], .view = value[14] };
    return (size_t)(at - from);
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
