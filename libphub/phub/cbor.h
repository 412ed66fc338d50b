/* SPDX-License-Identifier: MIT */
/* cbor: a header-only writer and pull reader of CBOR (RFC 8949).
 *
 * For plugins, children and the guard: nothing is allocated, nothing is linked,
 * nothing is static.  The subset is what phub puts on a wire: integers, byte
 * and text strings, arrays, maps, true, false and null, all of definite length.
 *
 * Writing.  Init a writer over a buffer, write items, ask phub_cbor_writer_ok()
 * once at the end.  Running out of room is remembered; what would have been
 * needed is still counted, so a writer over (NULL, 0) measures.  Each head is in
 * its shortest form, so equal values become equal bytes as long as the caller
 * writes map keys in ascending order.  An array or map is announced with its
 * count and followed by that many items (twice as many for a map).
 *
 * Reading.  Init a reader over bytes, then read what you expect, in order.  The
 * first item that is not what was asked for, does not fit in the bytes, nests
 * deeper than PHUB_CBOR_DEPTH_MAX or has indefinite length sets r->error; every
 * later call returns false and touches nothing, so a decoder may read on and
 * look at the error once.  Strings are borrowed from the buffer.  Tags, floats
 * and other simple values can be skipped, not read.  Heads that are longer than
 * needed are accepted: the peer may be written in any language.
 *
 *     struct phub_cbor_reader r;
 *     uint64_t pairs = 0, key, port = 0;
 *     phub_cbor_reader_init(&r, bytes, size);
 *     for (phub_cbor_read_map(&r, &pairs); !r.error && pairs > 0; pairs--) {
 *         if (!phub_cbor_read_uint(&r, &key))
 *             break;
 *         if (key == 1)
 *             phub_cbor_read_uint(&r, &port);
 *         else
 *             phub_cbor_skip(&r);
 *     }
 *     if (!phub_cbor_read_end(&r))
 *         refuse(phub_cbor_error_text(r.error));
 */
#ifndef PHUB_CBOR_H
#define PHUB_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Arrays, maps and tags inside each other, at most. */
#define PHUB_CBOR_DEPTH_MAX 16

enum phub_cbor_type {
    PHUB_CBOR_END,     /* no bytes left, or reading has failed */
    PHUB_CBOR_UINT,    /* read_uint, read_int */
    PHUB_CBOR_NEGINT,  /* read_int */
    PHUB_CBOR_BYTES,   /* read_bytes */
    PHUB_CBOR_TEXT,    /* read_text */
    PHUB_CBOR_ARRAY,   /* read_array */
    PHUB_CBOR_MAP,     /* read_map */
    PHUB_CBOR_BOOL,    /* read_bool */
    PHUB_CBOR_NULL,    /* read_null */
    PHUB_CBOR_OTHER    /* skip only */
};

enum phub_cbor_error {
    PHUB_CBOR_OK = 0,
    PHUB_CBOR_ETRUNCATED,  /* the bytes end inside an item */
    PHUB_CBOR_ETYPE,       /* another type than asked for */
    PHUB_CBOR_ERANGE,      /* an integer that does not fit the asked type */
    PHUB_CBOR_EDEPTH,      /* deeper than PHUB_CBOR_DEPTH_MAX */
    PHUB_CBOR_EINDEFINITE, /* a length that is not given */
    PHUB_CBOR_EMALFORMED,  /* not CBOR */
    PHUB_CBOR_EUTF8,       /* a text that is not UTF-8 */
    PHUB_CBOR_ETRAILING    /* bytes or announced items are left at the end */
};

struct phub_cbor_writer {
    uint8_t *buf;
    size_t capacity;
    size_t size; /* needed so far; above capacity once it has overflowed */
};

struct phub_cbor_reader {
    const uint8_t *buf;
    size_t size;
    size_t at;
    int error; /* enum phub_cbor_error, the first one */
    uint32_t depth;
    uint64_t left[PHUB_CBOR_DEPTH_MAX]; /* items still to come, per level */
};

/* Writing */

/* Start writing into buf (borrowed until the last write), capacity bytes. */
static inline void
phub_cbor_writer_init(struct phub_cbor_writer *w, void *buf, size_t capacity)
{
    w->buf = (uint8_t *)buf;
    w->capacity = capacity;
    w->size = 0;
}

/* True as long as everything that was written is in the buffer. */
static inline bool
phub_cbor_writer_ok(const struct phub_cbor_writer *w)
{
    return w->size <= w->capacity;
}

/* Append bytes that are CBOR already: one or more whole items. */
static inline void
phub_cbor_write_raw(struct phub_cbor_writer *w, const void *bytes, size_t size)
{
    if (size > SIZE_MAX - w->size) {
        w->size = SIZE_MAX;
        return;
    }
    if (size > 0 && w->size <= w->capacity && size <= w->capacity - w->size)
        memcpy(w->buf + w->size, bytes, size);
    w->size += size;
}

/* Internal: one head, shortest form. */
static inline void
phub_cbor__write_head(struct phub_cbor_writer *w, unsigned major, uint64_t n)
{
    uint8_t head[9];
    unsigned bytes = n < 24 ? 0 : n <= 0xff ? 1 : n <= 0xffff ? 2
                   : n <= 0xffffffffu ? 4 : 8;
    unsigned info = bytes == 0 ? (unsigned)n : bytes == 1 ? 24u
                  : bytes == 2 ? 25u : bytes == 4 ? 26u : 27u;
    uint64_t shifted = bytes == 0 ? 0 : n << (64 - 8 * bytes);

    head[0] = (uint8_t)(major << 5 | info);
    head[1] = (uint8_t)(shifted >> 56);
    head[2] = (uint8_t)(shifted >> 48);
    head[3] = (uint8_t)(shifted >> 40);
    head[4] = (uint8_t)(shifted >> 32);
    head[5] = (uint8_t)(shifted >> 24);
    head[6] = (uint8_t)(shifted >> 16);
    head[7] = (uint8_t)(shifted >> 8);
    head[8] = (uint8_t)shifted;
    if (w->size <= w->capacity && sizeof head <= w->capacity - w->size) {
        memcpy(w->buf + w->size, head, sizeof head);
        w->size += 1 + (size_t)bytes;
    } else {
        phub_cbor_write_raw(w, head, 1 + (size_t)bytes);
    }
}

static inline void
phub_cbor_write_uint(struct phub_cbor_writer *w, uint64_t value)
{
    phub_cbor__write_head(w, 0, value);
}

static inline void
phub_cbor_write_int(struct phub_cbor_writer *w, int64_t value)
{
    if (value >= 0)
        phub_cbor__write_head(w, 0, (uint64_t)value);
    else
        phub_cbor__write_head(w, 1, ~(uint64_t)value);
}

static inline void
phub_cbor_write_bytes(struct phub_cbor_writer *w, const void *bytes,
                      size_t size)
{
    phub_cbor__write_head(w, 2, size);
    phub_cbor_write_raw(w, bytes, size);
}

/* The caller vouches for UTF-8: a reader refuses anything else. */
static inline void
phub_cbor_write_text(struct phub_cbor_writer *w, const char *text, size_t size)
{
    phub_cbor__write_head(w, 3, size);
    phub_cbor_write_raw(w, text, size);
}

static inline void
phub_cbor_write_cstr(struct phub_cbor_writer *w, const char *text)
{
    phub_cbor_write_text(w, text, strlen(text));
}

static inline void
phub_cbor_write_array(struct phub_cbor_writer *w, uint64_t count)
{
    phub_cbor__write_head(w, 4, count);
}

static inline void
phub_cbor_write_map(struct phub_cbor_writer *w, uint64_t pairs)
{
    phub_cbor__write_head(w, 5, pairs);
}

static inline void
phub_cbor_write_bool(struct phub_cbor_writer *w, bool value)
{
    phub_cbor__write_head(w, 7, value ? 21 : 20);
}

static inline void
phub_cbor_write_null(struct phub_cbor_writer *w)
{
    phub_cbor__write_head(w, 7, 22);
}

/* Reading */

/* Start reading bytes (borrowed until the last use of a string from them). */
static inline void
phub_cbor_reader_init(struct phub_cbor_reader *r, const void *bytes,
                      size_t size)
{
    memset(r, 0, sizeof *r);
    r->buf = (const uint8_t *)bytes;
    r->size = size;
}

static inline const char *
phub_cbor_error_text(int error)
{
    switch ((enum phub_cbor_error)error) {
    case PHUB_CBOR_OK: return "no error";
    case PHUB_CBOR_ETRUNCATED: return "bytes end inside an item";
    case PHUB_CBOR_ETYPE: return "item of another type than expected";
    case PHUB_CBOR_ERANGE: return "integer out of range";
    case PHUB_CBOR_EDEPTH: return "nested too deep";
    case PHUB_CBOR_EINDEFINITE: return "indefinite length";
    case PHUB_CBOR_EMALFORMED: return "not CBOR";
    case PHUB_CBOR_EUTF8: return "text is not UTF-8";
    case PHUB_CBOR_ETRAILING: return "bytes after the end";
    }
    return "unknown error";
}

/* Refuse what was read for a reason of the caller's own; the first one stays. */
static inline bool
phub_cbor_fail(struct phub_cbor_reader *r, int error)
{
    if (r->error == PHUB_CBOR_OK)
        r->error = error;
    return false;
}

/* Say what comes next, without reading it. */
static inline enum phub_cbor_type
phub_cbor_peek(const struct phub_cbor_reader *r)
{
    uint8_t first;

    if (r->error != PHUB_CBOR_OK || r->at == r->size)
        return PHUB_CBOR_END;
    first = r->buf[r->at];
    switch (first >> 5) {
    case 0: return PHUB_CBOR_UINT;
    case 1: return PHUB_CBOR_NEGINT;
    case 2: return PHUB_CBOR_BYTES;
    case 3: return PHUB_CBOR_TEXT;
    case 4: return PHUB_CBOR_ARRAY;
    case 5: return PHUB_CBOR_MAP;
    default: break;
    }
    if (first == 0xf4 || first == 0xf5)
        return PHUB_CBOR_BOOL;
    if (first == 0xf6)
        return PHUB_CBOR_NULL;
    return PHUB_CBOR_OTHER;
}

/* Internal: one head; value is its argument, info the low five bits. */
static inline bool
phub_cbor__read_head(struct phub_cbor_reader *r, unsigned *major,
                     unsigned *info, uint64_t *value)
{
    const uint8_t *at;
    unsigned bytes;
    uint64_t v;

    if (r->error != PHUB_CBOR_OK)
        return false;
    if (r->at == r->size)
        return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    *major = r->buf[r->at] >> 5;
    *info = r->buf[r->at] & 0x1fu;
    if (*info >= 28)
        return phub_cbor_fail(r, *info == 31 && *major >= 2 && *major != 6
                              ? PHUB_CBOR_EINDEFINITE : PHUB_CBOR_EMALFORMED);
    bytes = *info < 24 ? 0 : 1u << (*info - 24);
    if (r->size - r->at - 1 < bytes)
        return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    at = r->buf + r->at + 1;
    switch (bytes) {
    case 0:
        v = *info;
        break;
    case 1:
        v = at[0];
        break;
    case 2:
        v = (uint64_t)at[0] << 8 | at[1];
        break;
    default:
        v = (uint64_t)at[0] << 24 | (uint64_t)at[1] << 16 |
            (uint64_t)at[2] << 8 | at[3];
        if (bytes == 8)
            v = v << 32 | (uint64_t)at[4] << 24 | (uint64_t)at[5] << 16 |
                (uint64_t)at[6] << 8 | at[7];
        break;
    }
    if (*major == 7 && *info == 24 && v < 32)
        return phub_cbor_fail(r, PHUB_CBOR_EMALFORMED);
    r->at += 1 + (size_t)bytes;
    *value = v;
    return true;
}

/* Internal: an item is complete, and with it maybe what it was the last of. */
static inline void
phub_cbor__item_done(struct phub_cbor_reader *r)
{
    while (r->depth > 0 && --r->left[r->depth - 1] == 0)
        r->depth--;
}

/* Internal: count items follow; each takes a byte at least. */
static inline bool
phub_cbor__enter(struct phub_cbor_reader *r, uint64_t count)
{
    if (count == 0) {
        phub_cbor__item_done(r);
        return true;
    }
    if (count > r->size - r->at)
        return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    if (r->depth == PHUB_CBOR_DEPTH_MAX)
        return phub_cbor_fail(r, PHUB_CBOR_EDEPTH);
    r->left[r->depth++] = count;
    return true;
}

/* Internal: a head of the one major type that is wanted. */
static inline bool
phub_cbor__expect(struct phub_cbor_reader *r, unsigned wanted, uint64_t *value)
{
    unsigned major, info;
    uint64_t v;

    if (!phub_cbor__read_head(r, &major, &info, &v))
        return false;
    if (major != wanted)
        return phub_cbor_fail(r, PHUB_CBOR_ETYPE);
    *value = v;
    return true;
}

static inline bool
phub_cbor_read_uint(struct phub_cbor_reader *r, uint64_t *value)
{
    if (!phub_cbor__expect(r, 0, value))
        return false;
    phub_cbor__item_done(r);
    return true;
}

/* As read_uint, refusing what is above max. */
static inline bool
phub_cbor_read_uint_max(struct phub_cbor_reader *r, uint64_t max,
                        uint64_t *value)
{
    uint64_t v;

    if (!phub_cbor_read_uint(r, &v))
        return false;
    if (v > max)
        return phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    *value = v;
    return true;
}

static inline bool
phub_cbor_read_int(struct phub_cbor_reader *r, int64_t *value)
{
    unsigned major, info;
    uint64_t v;

    if (!phub_cbor__read_head(r, &major, &info, &v))
        return false;
    if (major > 1)
        return phub_cbor_fail(r, PHUB_CBOR_ETYPE);
    if (v > (uint64_t)INT64_MAX)
        return phub_cbor_fail(r, PHUB_CBOR_ERANGE);
    *value = major == 0 ? (int64_t)v : -1 - (int64_t)v;
    phub_cbor__item_done(r);
    return true;
}

/* Internal: the body of a string of value bytes. */
static inline bool
phub_cbor__take(struct phub_cbor_reader *r, uint64_t value,
                const uint8_t **bytes, size_t *size)
{
    if (value > r->size - r->at)
        return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    *bytes = r->buf + r->at;
    *size = (size_t)value;
    r->at += (size_t)value;
    phub_cbor__item_done(r);
    return true;
}

/* Fills bytes with a pointer into the buffer. */
static inline bool
phub_cbor_read_bytes(struct phub_cbor_reader *r, const uint8_t **bytes,
                     size_t *size)
{
    uint64_t value;

    return phub_cbor__expect(r, 2, &value)
        && phub_cbor__take(r, value, bytes, size);
}

/* True if the bytes are UTF-8: no overlong form, no surrogate, nothing above
 * U+10FFFF (RFC 3629). */
static inline bool
phub_cbor_utf8_ok(const uint8_t *s, size_t size)
{
    size_t i = 0;

    while (i < size) {
        uint8_t c = s[i++];
        uint8_t low = 0x80, high = 0xbf;
        unsigned more;

        if (c < 0x80)
            continue;
        if (c < 0xc2 || c > 0xf4)
            return false;
        more = c < 0xe0 ? 1 : c < 0xf0 ? 2 : 3;
        if (c == 0xe0)
            low = 0xa0;
        else if (c == 0xed)
            high = 0x9f;
        else if (c == 0xf0)
            low = 0x90;
        else if (c == 0xf4)
            high = 0x8f;
        for (; more > 0; more--, i++) {
            if (i == size || s[i] < low || s[i] > high)
                return false;
            low = 0x80;
            high = 0xbf;
        }
    }
    return true;
}

/* Fills text with a pointer into the buffer: size bytes, no zero at the end. */
static inline bool
phub_cbor_read_text(struct phub_cbor_reader *r, const char **text, size_t *size)
{
    const uint8_t *bytes;
    uint64_t value;
    size_t n;

    if (!phub_cbor__expect(r, 3, &value)
        || !phub_cbor__take(r, value, &bytes, &n))
        return false;
    if (!phub_cbor_utf8_ok(bytes, n))
        return phub_cbor_fail(r, PHUB_CBOR_EUTF8);
    *text = (const char *)bytes;
    *size = n;
    return true;
}

/* Enter an array; count items follow.  There are at least as many bytes left,
 * so count is bounded by what has been received. */
static inline bool
phub_cbor_read_array(struct phub_cbor_reader *r, uint64_t *count)
{
    uint64_t n;

    if (!phub_cbor__expect(r, 4, &n) || !phub_cbor__enter(r, n))
        return false;
    *count = n;
    return true;
}

/* Enter a map; pairs times a key and a value follow. */
static inline bool
phub_cbor_read_map(struct phub_cbor_reader *r, uint64_t *pairs)
{
    uint64_t n;

    if (!phub_cbor__expect(r, 5, &n))
        return false;
    if (n > UINT64_MAX / 2)
        return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
    if (!phub_cbor__enter(r, n * 2))
        return false;
    *pairs = n;
    return true;
}

static inline bool
phub_cbor_read_bool(struct phub_cbor_reader *r, bool *value)
{
    unsigned major, info;
    uint64_t v;

    if (!phub_cbor__read_head(r, &major, &info, &v))
        return false;
    if (major != 7 || (info != 20 && info != 21))
        return phub_cbor_fail(r, PHUB_CBOR_ETYPE);
    *value = info == 21;
    phub_cbor__item_done(r);
    return true;
}

static inline bool
phub_cbor_read_null(struct phub_cbor_reader *r)
{
    unsigned major, info;
    uint64_t v;

    if (!phub_cbor__read_head(r, &major, &info, &v))
        return false;
    if (major != 7 || info != 22)
        return phub_cbor_fail(r, PHUB_CBOR_ETYPE);
    phub_cbor__item_done(r);
    return true;
}

/* Internal: one head and, for a string, its body; enters what has items. */
static inline bool
phub_cbor__step(struct phub_cbor_reader *r)
{
    const uint8_t *bytes;
    unsigned major, info;
    uint64_t v;
    size_t size;

    if (!phub_cbor__read_head(r, &major, &info, &v))
        return false;
    switch (major) {
    case 2:
    case 3:
        return phub_cbor__take(r, v, &bytes, &size);
    case 4:
        return phub_cbor__enter(r, v);
    case 5:
        if (v > UINT64_MAX / 2)
            return phub_cbor_fail(r, PHUB_CBOR_ETRUNCATED);
        return phub_cbor__enter(r, v * 2);
    case 6:
        return phub_cbor__enter(r, 1);
    default:
        phub_cbor__item_done(r);
        return true;
    }
}

/* Pass over one item with all that is in it. */
static inline bool
phub_cbor_skip(struct phub_cbor_reader *r)
{
    uint32_t depth = r->depth;

    do {
        if (!phub_cbor__step(r))
            return false;
    } while (r->depth > depth);
    return true;
}

/* As skip; fills bytes with where the item lies in the buffer. */
static inline bool
phub_cbor_read_raw(struct phub_cbor_reader *r, const uint8_t **bytes,
                   size_t *size)
{
    size_t from = r->at;

    if (!phub_cbor_skip(r))
        return false;
    *bytes = r->buf + from;
    *size = r->at - from;
    return true;
}

/* True if nothing failed and every byte has been read. */
static inline bool
phub_cbor_read_end(struct phub_cbor_reader *r)
{
    if (r->error == PHUB_CBOR_OK && r->depth > 0)
        return phub_cbor_fail(r, PHUB_CBOR_ETRAILING);
    if (r->error == PHUB_CBOR_OK && r->at != r->size)
        return phub_cbor_fail(r, PHUB_CBOR_ETRAILING);
    return r->error == PHUB_CBOR_OK;
}

#endif
