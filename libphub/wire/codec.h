/* SPDX-License-Identifier: MIT */
/* codec: C structs to CBOR maps and back, by a table.
 *
 * A schema lists the fields of a struct; each has an integer key.  Encoding
 * is canonical: keys ascend, heads are shortest, an optional field that is
 * zero or empty is left out (a struct too, whatever it requires).  So equal
 * values are equal bytes, which may be hashed and compared.  Decoding takes
 * bytes from anywhere: unknown keys are skipped (a newer peer), keys that
 * repeat or do not ascend, missing REQUIRED fields and trailing bytes are
 * refused, and every size and count is checked before anything is allocated.
 *
 *     struct pair { struct phub_bytes name; uint64_t value; };
 *     struct set { uint64_t id; struct phub__list pairs; };
 *
 *     static PHUB__SCHEMA(pair_schema, struct pair,
 *         PHUB__TEXT(1, struct pair, name, 63, PHUB__REQUIRED),
 *         PHUB__U64(2, struct pair, value));
 *     PHUB__SCHEMA(set_schema, struct set,
 *         PHUB__U64(1, struct set, id, PHUB__REQUIRED),
 *         PHUB__LIST(2, struct set, pairs, 1000, &pair_schema));
 *
 *     rc = phub__encode(&set_schema, &set, &builder);
 *     rc = phub__decode(&set_schema, bytes, &set, &arena, &key);
 *
 * Keys are given once and never again for something else.  A field may become
 * optional, never REQUIRED, once a version with it is out. */
#ifndef PHUB__WIRE_CODEC_H
#define PHUB__WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/error.h>
#include <phub/types.h>

#include "wire/arena.h"
#include "wire/buf.h"
#include "wire/reader.h"

#define PHUB__SCHEMA_FIELDS_MAX 64u

struct phub__list {
    void *items;     /* NULL if count is 0 */
    uint32_t count;
};

enum phub__field_type {
    PHUB__FIELD_U64 = 1, /* uint8_t to uint64_t */
    PHUB__FIELD_I64,     /* int8_t to int64_t */
    PHUB__FIELD_BOOL,
    PHUB__FIELD_TEXT,    /* struct phub_bytes, UTF-8 */
    PHUB__FIELD_BYTES,   /* struct phub_bytes */
    PHUB__FIELD_EPOCH,   /* struct phub_epoch as [number, node] */
    PHUB__FIELD_U64S,    /* struct phub__list of uint64_t */
    PHUB__FIELD_TEXTS,   /* struct phub__list of struct phub_bytes, UTF-8 */
    PHUB__FIELD_BLOBS,   /* struct phub__list of struct phub_bytes */
    PHUB__FIELD_LIST,    /* struct phub__list of what sub describes */
    PHUB__FIELD_STRUCT   /* a struct in the struct, as sub describes */
};

#define PHUB__FIELD_REQUIRED 1u /* always written, refused if missing */

struct phub__schema;

struct phub__field {
    enum phub__field_type type;
    uint32_t key;
    uint32_t offset;
    uint16_t width;     /* of an integer member, bytes */
    uint16_t flags;
    uint64_t max;       /* U64: value (0 = any); strings: bytes; lists: items */
    uint32_t item_max;  /* TEXTS, BLOBS: bytes of one item */
    const struct phub__schema *sub;
};

struct phub__schema {
    const char *name;
    const struct phub__field *fields; /* by key, ascending */
    uint32_t count;
    uint32_t size;      /* of the struct */
};

/* Define a schema at file scope; write "static" or nothing in front. */
#define PHUB__SCHEMA(variable, struct_, ...)                                  \
    const struct phub__schema variable = {                                    \
        .name = #variable,                                                    \
        .fields = (const struct phub__field[]){ __VA_ARGS__ },                \
        .count = sizeof((const struct phub__field[]){ __VA_ARGS__ })          \
            / sizeof(struct phub__field),                                     \
        .size = sizeof(struct_)                                               \
    }

/* Last arguments of a field: any of these two, once each. */
#define PHUB__REQUIRED .flags = PHUB__FIELD_REQUIRED
#define PHUB__MAX(n) .max = (n)

/* The fields.  A member of another type does not compile. */
#define PHUB__U64(key_, struct_, member, ...)                                 \
    { .type = PHUB__FIELD_U64, .key = (key_),                                 \
      .offset = _Generic(((struct_ *)0)->member,                              \
                         uint8_t: offsetof(struct_, member),                  \
                         uint16_t: offsetof(struct_, member),                 \
                         uint32_t: offsetof(struct_, member),                 \
                         uint64_t: offsetof(struct_, member)),                \
      .width = sizeof(((struct_ *)0)->member), __VA_ARGS__ }
#define PHUB__I64(key_, struct_, member, ...)                                 \
    { .type = PHUB__FIELD_I64, .key = (key_),                                 \
      .offset = _Generic(((struct_ *)0)->member,                              \
                         int8_t: offsetof(struct_, member),                   \
                         int16_t: offsetof(struct_, member),                  \
                         int32_t: offsetof(struct_, member),                  \
                         int64_t: offsetof(struct_, member)),                 \
      .width = sizeof(((struct_ *)0)->member), __VA_ARGS__ }
#define PHUB__BOOL(key_, struct_, member, ...)                                \
    PHUB__FIELD_(PHUB__FIELD_BOOL, key_, struct_, member, bool, __VA_ARGS__)
#define PHUB__TEXT(key_, struct_, member, size_max, ...)                      \
    PHUB__FIELD_(PHUB__FIELD_TEXT, key_, struct_, member, struct phub_bytes,  \
                 .max = (size_max), __VA_ARGS__)
#define PHUB__BYTES(key_, struct_, member, size_max, ...)                     \
    PHUB__FIELD_(PHUB__FIELD_BYTES, key_, struct_, member, struct phub_bytes, \
                 .max = (size_max), __VA_ARGS__)
#define PHUB__EPOCH(key_, struct_, member, ...)                               \
    PHUB__FIELD_(PHUB__FIELD_EPOCH, key_, struct_, member, struct phub_epoch, \
                 __VA_ARGS__)
#define PHUB__U64S(key_, struct_, member, count_max, ...)                     \
    PHUB__FIELD_(PHUB__FIELD_U64S, key_, struct_, member, struct phub__list,  \
                 .max = (count_max), __VA_ARGS__)
#define PHUB__TEXTS(key_, struct_, member, count_max, size_max, ...)          \
    PHUB__FIELD_(PHUB__FIELD_TEXTS, key_, struct_, member, struct phub__list, \
                 .max = (count_max), .item_max = (size_max), __VA_ARGS__)
#define PHUB__BLOBS(key_, struct_, member, count_max, size_max, ...)          \
    PHUB__FIELD_(PHUB__FIELD_BLOBS, key_, struct_, member, struct phub__list, \
                 .max = (count_max), .item_max = (size_max), __VA_ARGS__)
#define PHUB__LIST(key_, struct_, member, count_max, schema, ...)             \
    PHUB__FIELD_(PHUB__FIELD_LIST, key_, struct_, member, struct phub__list,  \
                 .max = (count_max), .sub = (schema), __VA_ARGS__)
#define PHUB__STRUCT(key_, struct_, member, schema, ...)                      \
    { .type = PHUB__FIELD_STRUCT, .key = (key_),                              \
      .offset = offsetof(struct_, member), .sub = (schema), __VA_ARGS__ }

#define PHUB__FIELD_(type_, key_, struct_, member, ctype, ...)                \
    { .type = type_, .key = (key_),                                           \
      .offset = _Generic(((struct_ *)0)->member,                              \
                         ctype: offsetof(struct_, member)), __VA_ARGS__ }

/* Append the struct at in to the builder as one CBOR map.
 * Errors: PHUB_ELIMIT (a field above its max, or the builder's limit),
 * PHUB_EINVAL (a text that is not UTF-8), PHUB_ENOMEM; also in b->error. */
int phub__encode(const struct phub__schema *schema, const void *in,
                 struct phub__builder *b);

/* Fill the struct at out from bytes, which must be that one map and no more.
 * Texts and bytes borrow from bytes, lists lie in the arena (NULL will do for
 * a schema without lists).  On failure out is all zero.  error_key (may be
 * NULL) is set to the outermost key at fault, 0 if it is none's.
 * Errors: PHUB_EPROTO; PHUB_ELIMIT (a field above its max, the arena's
 * limit); PHUB_ENOMEM. */
int phub__decode(const struct phub__schema *schema, struct phub_bytes bytes,
                 void *out, struct phub__arena *arena, uint32_t *error_key);

/* The same for one map in the middle of a run of items: a list that is too
 * long to be taken into memory at once is read item by item.  False with
 * r->error on failure. */
bool phub__decode_item(const struct phub__schema *schema,
                       struct phub__reader *r, void *out,
                       struct phub__arena *arena, uint32_t *error_key);

/* Say what is wrong with a schema, NULL if nothing is: keys ascend from 1,
 * offsets lie in the struct, limits are given, subs are there.  For tests. */
const char *phub__schema_fault(const struct phub__schema *schema);

#endif
