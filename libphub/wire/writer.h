/* SPDX-License-Identifier: MIT */
/* writer: CBOR items appended to a builder.
 *
 * On libcbor's cbor_encode_*: shortest heads, definite lengths.  A failure
 * (no memory, over the builder's limit) stays in builder->error, so that a
 * run of writes is looked at once, at the end.  Whoever writes a map writes
 * its keys in ascending order: then equal values are equal bytes. */
#ifndef PHUB__WIRE_WRITER_H
#define PHUB__WIRE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/buf.h"

void phub__write_uint(struct phub__builder *b, uint64_t value);
void phub__write_int(struct phub__builder *b, int64_t value);
void phub__write_bool(struct phub__builder *b, bool value);
void phub__write_null(struct phub__builder *b);
void phub__write_bytes(struct phub__builder *b, const void *data, size_t size);
/* The caller vouches for UTF-8: a reader refuses anything else. */
void phub__write_text(struct phub__builder *b, const void *text, size_t size);
void phub__write_array(struct phub__builder *b, uint64_t count);
void phub__write_map(struct phub__builder *b, uint64_t pairs);

#endif
