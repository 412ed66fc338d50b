/* SPDX-License-Identifier: MIT */
/* fuzz_codec: the decoder with schemas of every kind of field, and frames.
 *
 * What is decoded must encode, and the bytes of that must decode to the same
 * bytes again: the canonical form is a fixed point. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "driver.h"
#include "wire/codec.h"
#include "wire/messages.h"

#define ARENA_MAX 65536u

struct leaf {
    struct phub_bytes name;
    uint64_t value;
};

struct branch {
    int16_t number;
    struct leaf leaf;
    struct phub__list leaves;
};

struct tree {
    uint64_t id;
    uint8_t small;
    int64_t number;
    bool flag;
    struct phub_bytes text;
    struct phub_bytes bytes;
    struct phub_epoch epoch;
    struct phub__list numbers;
    struct phub__list texts;
    struct phub__list blobs;
    struct phub__list branches;
};

static PHUB__SCHEMA(leaf_schema, struct leaf,
    PHUB__TEXT(1, struct leaf, name, 16, PHUB__REQUIRED),
    PHUB__U64(2, struct leaf, value));

static PHUB__SCHEMA(branch_schema, struct branch,
    PHUB__I64(1, struct branch, number),
    PHUB__STRUCT(2, struct branch, leaf, &leaf_schema),
    PHUB__LIST(3, struct branch, leaves, 100, &leaf_schema));

static PHUB__SCHEMA(tree_schema, struct tree,
    PHUB__U64(1, struct tree, id, PHUB__REQUIRED),
    PHUB__U64(2, struct tree, small, PHUB__MAX(99)),
    PHUB__I64(3, struct tree, number),
    PHUB__BOOL(4, struct tree, flag),
    PHUB__TEXT(5, struct tree, text, 64),
    PHUB__BYTES(6, struct tree, bytes, 64),
    PHUB__EPOCH(7, struct tree, epoch),
    PHUB__U64S(8, struct tree, numbers, 1000),
    PHUB__TEXTS(9, struct tree, texts, 10, 32),
    PHUB__BLOBS(10, struct tree, blobs, 10, 32),
    PHUB__LIST(11, struct tree, branches, 1000, &branch_schema));

static void demand(bool ok)
{
    if (!ok)
        abort();
}

static void there_and_back(const struct phub__schema *schema,
                           struct phub_bytes bytes, void *out)
{
    struct phub__arena arena;
    struct phub__builder first, second;
    uint32_t key;

    phub__arena_init(&arena, NULL, 0, ARENA_MAX);
    phub__builder_init(&first, SIZE_MAX);
    phub__builder_init(&second, SIZE_MAX);
    if (phub__decode(schema, bytes, out, &arena, &key) == 0) {
        demand(phub__encode(schema, out, &first) == 0);
        demand(first.size <= bytes.size || bytes.size == 0);
        demand(phub__decode(schema, phub__builder_bytes(&first), out, &arena,
                            &key) == 0 || arena.error != 0);
        if (arena.error == 0) {
            demand(phub__encode(schema, out, &second) == 0);
            demand(first.size == second.size
                   && memcmp(first.data, second.data, first.size) == 0);
        }
    }
    demand(arena.used <= ARENA_MAX);
    phub__builder_fini(&first);
    phub__builder_fini(&second);
    phub__arena_fini(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phub_bytes bytes = { data, size }, body;
    struct phub__envelope envelope;
    struct tree tree;
    struct branch branch;

    there_and_back(&tree_schema, bytes, &tree);
    there_and_back(&branch_schema, bytes, &branch);
    there_and_back(&phub__envelope_schema, bytes, &envelope);
    if (phub__frame_open(bytes, &envelope, &body) == 0) {
        uint8_t head[PHUB__ENVELOPE_MAX];
        size_t head_size;

        demand(body.size < size && body.data + body.size == data + size);
        phub__envelope_write(&envelope, head, &head_size);
    }
    return 0;
}

static const struct phub__fuzz_seed seeds[] = {
    PHUB__FUZZ_SEED("\xab\x01\x19\x01\x00\x02\x07\x03\x39\x01\x00\x04\xf5"
                    "\x05\x63\xe2\x82\xac\x06\x42\x01\x02\x07\x82\x09\x1a\x00"
                    "\x01\x00\x00\x08\x83\x01\x00\x18\x20\x09\x82\x61" "a\x60"
                    "\x0a\x81\x41\xff\x0b\x82\xa3\x01\x20\x02\xa1\x01\x61x"
                    "\x03\x81\xa2\x01\x61y\x02\x05\xa0"),
    PHUB__FUZZ_SEED("\xa3\x01\x20\x02\xa1\x01\x61x\x03\x82\xa2\x01\x61y\x02"
                    "\x05\xa1\x01\x60"),
    PHUB__FUZZ_SEED("\xae\x01\x01\x02\x18\x21\x03\x1a\x12\x34\x56\x78\x04\x01"
                    "\x05\x02\x06\x03\x07\x04\x08\x01\x09\x05\x0a\x06\x0b\x07"
                    "\x0c\x08\x0d\x19\x01\x00\x0e\x09\xa1\x01\x02"),
};

const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    *count = sizeof seeds / sizeof *seeds;
    return seeds;
}
