/* SPDX-License-Identifier: MIT */
/* fuzz_child: any bytes on a child's channel, between daemon and guard, and in
 * the reader of <phub/cbor.h>.  What was accepted is written and read again
 * with the same result. */
#include "config.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "child/childmsg.h"
#include "child/guard_proto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t again[2 * PHUB__GUARD_MESSAGE_MAX];

static void must(int condition)
{
    if (!condition)
        abort();
}

static int same(struct phub_bytes a, struct phub_bytes b)
{
    return a.size == b.size
        && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static void try_cbor(const uint8_t *data, size_t size)
{
    struct phub_cbor_reader r;
    const uint8_t *raw;
    size_t raw_size, total = 0;

    phub_cbor_reader_init(&r, data, size);
    while (r.at < size && phub_cbor_read_raw(&r, &raw, &raw_size)) {
        must(raw_size > 0 && r.depth == 0);
        total += raw_size;
        must(total == r.at);
    }
}

static void try_childmsg(const uint8_t *data, size_t size)
{
    struct phub__childmsg m, back;
    struct phub_bytes key, value;
    size_t used, at = 0;

    if (size > PHUB_CHILD_MESSAGE_MAX
        || phub__childmsg_decode(data, size, &m) != 0)
        return;
    if (m.verb == PHUB_CHILD_PUBLISH)
        while (phub__childmsg_publish_next(&m.body, &at, &key, &value) == 1)
            must(at <= m.body.size);
    m.fd = PHUB__CHILDMSG_HAS(&m, SIZE) ? 0 : -1;
    must(phub__childmsg_encode(&m, again, sizeof again, &used) == 0);
    must(phub__childmsg_decode(again, used, &back) == 0);
    /* A key that the verb does not take is dropped. */
    must(m.verb == back.verb);
    if (PHUB__CHILDMSG_HAS(&back, CODE))
        must(m.code == back.code);
    if (PHUB__CHILDMSG_HAS(&back, REF))
        must(m.ref == back.ref);
    if (PHUB__CHILDMSG_HAS(&back, SIZE))
        must(m.fd_size == back.fd_size);
    must(same(m.body, back.body));
}

static void try_guard(const uint8_t *data, size_t size)
{
    struct phub__guard_message m, back;
    struct phub_bytes arg;
    size_t used, at = 0;

    if (size > PHUB__GUARD_MESSAGE_MAX
        || phub__guard_decode(data, size, &m) != 0)
        return;
    if (m.verb == PHUB__GUARD_SPAWN) {
        while (phub__guard_args_next(&m.argv, &at, &arg))
            must(arg.data >= data && arg.data + arg.size <= data + size);
        must(at == m.argv.size);
    }
    must(phub__guard_encode(&m, again, sizeof again, &used) == 0);
    must(phub__guard_decode(again, used, &back) == 0);
    must(m.verb == back.verb);
    if (m.verb == PHUB__GUARD_SPAWN)
        must(same(m.argv, back.argv) && same(m.env, back.env)
             && same(m.child, back.child) && same(m.cwd, back.cwd)
             && same(m.note, back.note) && m.file_max == back.file_max);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    try_cbor(data, size);
    try_childmsg(data, size);
    try_guard(data, size);
    return 0;
}
