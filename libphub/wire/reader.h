/* SPDX-License-Identifier: MIT */
/* reader: a pull reader of CBOR bytes from anywhere.
 *
 * On libcbor's cbor_stream_decode(): nothing is allocated.  Init over bytes,
 * then read what is expected, in order.  The first item that is something
 * else, does not fit in the bytes, nests deeper than PHUB__WIRE_DEPTH_MAX or
 * has an indefinite length sets r->error (PHUB_EPROTO, or PHUB_ELIMIT for a
 * named limit); every later call gives false and fills nothing, so a decoder
 * reads on and looks once.  Strings borrow from the bytes.  Heads that are
 * longer than needed are accepted: the peer may be in any language.  Tags,
 * floats and other simple values can be skipped, not read. */
#ifndef PHUB__WIRE_READER_H
#define PHUB__WIRE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/types.h>

#define PHUB__WIRE_DEPTH_MAX 16u /* arrays, maps, tags inside each other */

enum phub__wire_type {
    PHUB__WIRE_END,    /* no bytes left, or reading has failed */
    PHUB__WIRE_UINT,   /* read_uint, read_int */
    PHUB__WIRE_NEGINT, /* read_int */
    PHUB__WIRE_BYTES,
    PHUB__WIRE_TEXT,
    PHUB__WIRE_ARRAY,
    PHUB__WIRE_MAP,
    PHUB__WIRE_BOOL,
    PHUB__WIRE_NULL,
    PHUB__WIRE_TAG,
    PHUB__WIRE_OTHER
};

struct phub__reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    int error;       /* 0, PHUB_EPROTO or PHUB_ELIMIT: the first one */
    uint32_t depth;
    uint64_t left[PHUB__WIRE_DEPTH_MAX]; /* items still to come, per level */
};

/* Start reading bytes, borrowed until the last use of a string from them. */
void phub__reader_init(struct phub__reader *r, struct phub_bytes bytes);

/* Refuse for a reason of the caller's own; the first one stays.  False. */
bool phub__reader_fail(struct phub__reader *r, int error);

/* Say what comes next without reading it. */
enum phub__wire_type phub__reader_peek(const struct phub__reader *r);

bool phub__read_uint(struct phub__reader *r, uint64_t *value);
bool phub__read_int(struct phub__reader *r, int64_t *value);
bool phub__read_bool(struct phub__reader *r, bool *value);
bool phub__read_null(struct phub__reader *r);
bool phub__read_bytes(struct phub__reader *r, struct phub_bytes *bytes);
/* UTF-8 by RFC 3629, or refused. */
bool phub__read_text(struct phub__reader *r, struct phub_bytes *text);

/* Enter an array or a map.  There are at least as many bytes left as items
 * are claimed, so count is bounded by what has been received. */
bool phub__read_array(struct phub__reader *r, uint64_t *count);
bool phub__read_map(struct phub__reader *r, uint64_t *pairs);

/* Pass over one item with all that is in it; raw also fills where it lies. */
bool phub__read_skip(struct phub__reader *r);
bool phub__read_raw(struct phub__reader *r, struct phub_bytes *item);

/* True if nothing failed and every byte has been read. */
bool phub__read_end(struct phub__reader *r);

/* True if the bytes are UTF-8 by RFC 3629. */
bool phub__utf8_ok(const uint8_t *text, size_t size);

#endif
