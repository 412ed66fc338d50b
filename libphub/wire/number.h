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

/* Read the head at `at` of an item of that major type, where PHUB__NUMBER_MAX
 * bytes may be read whatever they are: that what was read is there is for the
 * caller to see.  Gives what is behind it; NULL if it is another, or of no
 * definite length. */
static inline const uint8_t *phub__number_get_in(const uint8_t *at,
                                                 unsigned major,
                                                 uint64_t *value)
{
    unsigned info = at[0] & 0x1fu, width;
    uint64_t bytes;

    if (at[0] >> 5 != major || info > 27)
        return NULL;
    if (info < 24) {
        *value = info;
        return at + 1;
    }
    width = 1u << (info - 24);
    memcpy(&bytes, at + 1, sizeof bytes);
    *value = be64toh(bytes) >> (64 - 8 * width);
    return at + 1 + width;
}

/* The same up to end; NULL, too, if it is not all there. */
static inline const uint8_t *phub__number_get(const uint8_t *at,
                                              const uint8_t *end,
                                              unsigned major, uint64_t *value)
{
    uint8_t padded[PHUB__NUMBER_MAX] = { 0 };
    size_t left = (size_t)(end - at);
    const uint8_t *behind;
    uint64_t got;

    if (left >= sizeof padded)
        return phub__number_get_in(at, major, value);
    if (left == 0)
        return NULL;
    memcpy(padded, at, left);
    behind = phub__number_get_in(padded, major, &got);
    if (behind == NULL || (size_t)(behind - padded) > left)
        return NULL;
    *value = got;
    return at + (behind - padded);
}

#endif
