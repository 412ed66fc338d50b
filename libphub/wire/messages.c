/* SPDX-License-Identifier: MIT */
/* messages: the envelope and the table of messages. */
#include "config.h"

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

void phub__envelope_write(const struct phub__envelope *envelope,
                          uint8_t head[PHUB__ENVELOPE_MAX], size_t *size)
{
    struct phub__envelope copy = *envelope;
    struct phub__builder b;
    int rc;

    if (copy.version == 0)
        copy.version = PHUB__PROTOCOL;
    phub__builder_init_fixed(&b, head, PHUB__ENVELOPE_MAX);
    rc = phub__encode(&phub__envelope_schema, &copy, &b);
    phub__assert(rc == 0); /* the longest one fits: check_messages */
    *size = b.size;
}

int phub__frame_open(struct phub_bytes frame, struct phub__envelope *envelope,
                     struct phub_bytes *body)
{
    struct phub__reader r;

    if (frame.size > PHUB__FRAME_MAX)
        return PHUB_ELIMIT;
    phub__reader_init(&r, frame);
    if (!phub__decode_item(&phub__envelope_schema, &r, envelope, NULL, NULL))
        return r.error;
    if (envelope->node == 0 || envelope->boot == 0)
        return PHUB_EPROTO;
    *body = (struct phub_bytes){ frame.data + r.at, frame.size - r.at };
    if (envelope->version < PHUB__PROTOCOL_MIN
        || envelope->version > PHUB__PROTOCOL)
        return PHUB_EVERSION;
    return 0;
}
