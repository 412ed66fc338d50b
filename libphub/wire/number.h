/* SPDX-License-Identifier: MIT */
/* number: the heads of CBOR items, in a few instructions.
 *
 * For what precedes or is nearly every message: the envelope, the probes.
 * All else goes through reader and writer, which say what is wrong; these only
 * say that something is unusual.  RFC 8949, section 3. */
#ifndef PHUB__WIRE_NUMBER_H
#define PHUB__WIRE_NUMBER_H

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PHUB__NUMBER_MAX 9u    /* bytes of the longest head */

/* Write the shortest head, there being room for the longest.  Gives its end. */
static inline uint8_t *phub__number_put(uint8_t *at, unsigned major,
                                        uint64_t value)
{
    unsigned width = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2
                   : value <= UINT32_MAX ? 4 : 8;
    uint64_t bytes = htobe64(value << (64 - 8 * width));

    if (value < 24) {
        *at = (uint8_t)(major << 5 | value);
        return at + 1;
    }
    *at++ = (uint8_t)(major << 5 | (24 + (unsigned)__builtin_ctz(width)));
    memcpy(at, &bytes, sizeof bytes);
    return at + width;
}

/* Read the head at `at` of an item of that major type.  Gives what is behind
 * it; NULL if it is another, of no definite length, or not all there. */
static inline const uint8_t *phub__number_get(const uint8_t *at,
                                              const uint8_t *end,
                                              unsigned major, uint64_t *value)
{
    uint64_t bytes = 0;
    unsigned info;
    size_t width;

    if (at == end || at[0] >> 5 != major)
        return NULL;
    info = at[0] & 0x1fu;
    if (info < 24) {
        *value = info;
        return at + 1;
    }
    width = (size_t)1 << (info - 24);
    if (info > 27 || width >= (size_t)(end - at))
        return NULL;
    if (end - at > (ptrdiff_t)sizeof bytes)
        memcpy(&bytes, at + 1, sizeof bytes);
    else
        memcpy(&bytes, at + 1, width);
    *value = be64toh(bytes) >> (64 - 8 * width);
    return at + 1 + width;
}

/* The same for a number (major type 0) where PHUB__NUMBER_MAX bytes may be read
 * whatever they are: that what was read is there is for the caller to see. */
static inline const uint8_t *phub__number_get_in(const uint8_t *at,
                                                 uint64_t *value)
{
    uint64_t bytes;
    unsigned width;

    if (at[0] < 24) {
        *value = at[0];
        return at + 1;
    }
    if (at[0] > 27)
        return NULL;
    width = 1u << (at[0] - 24);
    memcpy(&bytes, at + 1, sizeof bytes);
    *value = be64toh(bytes) >> (64 - 8 * width);
    return at + 1 + width;
}

#endif
