/* SPDX-License-Identifier: MIT */
/* writer: CBOR items appended to a builder. */
#include "config.h"

#include <cbor.h>

#include "wire/writer.h"

#define HEAD_SIZE_MAX 9u

/* Write one head with an encoder of libcbor's.  Near the builder's limit there
 * may be room for the head but not for the longest one: it goes over a copy.
 * Values below 24 are the head's first byte alone (major: the high bits). */
#define WRITE_HEAD(b, major, encode, value)                                   \
    do {                                                                      \
        uint8_t head_[HEAD_SIZE_MAX];                                         \
        if ((b)->error != 0 || (b)->capacity - (b)->size < HEAD_SIZE_MAX)     \
            (void)phub__builder_append(                                       \
                (b), head_, encode((value), head_, sizeof head_));            \
        else if ((value) < 24)                                                \
            (b)->data[(b)->size++] = (uint8_t)((major) << 5 | (value));       \
        else                                                                  \
            (b)->size += encode((value), (b)->data + (b)->size,               \
                                HEAD_SIZE_MAX);                               \
    } while (0)

void phub__write_uint(struct phub__builder *b, uint64_t value)
{
    WRITE_HEAD(b, 0, cbor_encode_uint, value);
}

void phub__write_int(struct phub__builder *b, int64_t value)
{
    if (value >= 0)
        WRITE_HEAD(b, 0, cbor_encode_uint, (uint64_t)value);
    else
        WRITE_HEAD(b, 1, cbor_encode_negint, ~(uint64_t)value);
}

void phub__write_bool(struct phub__builder *b, bool value)
{
    uint8_t head[1];

    (void)phub__builder_append(b, head,
                               cbor_encode_bool(value, head, sizeof head));
}

void phub__write_null(struct phub__builder *b)
{
    uint8_t head[1];

    (void)phub__builder_append(b, head, cbor_encode_null(head, sizeof head));
}

void phub__write_bytes(struct phub__builder *b, const void *data, size_t size)
{
    WRITE_HEAD(b, 2, cbor_encode_bytestring_start, size);
    (void)phub__builder_append(b, data, size);
}

void phub__write_text(struct phub__builder *b, const void *text, size_t size)
{
    WRITE_HEAD(b, 3, cbor_encode_string_start, size);
    (void)phub__builder_append(b, text, size);
}

void phub__write_array(struct phub__builder *b, uint64_t count)
{
    WRITE_HEAD(b, 4, cbor_encode_array_start, (size_t)count);
}

void phub__write_map(struct phub__builder *b, uint64_t pairs)
{
    WRITE_HEAD(b, 5, cbor_encode_map_start, (size_t)pairs);
}
