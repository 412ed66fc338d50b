/* SPDX-License-Identifier: MIT */
/* fuzz_reader: the pull reader on any bytes, and against <phub/cbor.h>.
 *
 * What this one takes the other takes too (not the other way round: libcbor
 * knows no simple values without a meaning), and both say the same of UTF-8. */
#include "config.h"

#include <stdlib.h>

#include <phub/cbor.h>

#include "driver.h"
#include "wire/reader.h"

static void walk(struct phub__reader *r)
{
    struct phub_bytes bytes;
    int64_t number;
    uint64_t count;
    bool flag;

    while (r->error == 0 && r->at < r->size) {
        switch (phub__reader_peek(r)) {
        case PHUB__WIRE_UINT:
            phub__read_uint(r, &count);
            break;
        case PHUB__WIRE_NEGINT:
            phub__read_int(r, &number);
            break;
        case PHUB__WIRE_BYTES:
            phub__read_bytes(r, &bytes);
            break;
        case PHUB__WIRE_TEXT:
            phub__read_text(r, &bytes);
            break;
        case PHUB__WIRE_ARRAY:
            phub__read_array(r, &count);
            break;
        case PHUB__WIRE_MAP:
            phub__read_map(r, &count);
            break;
        case PHUB__WIRE_BOOL:
            phub__read_bool(r, &flag);
            break;
        case PHUB__WIRE_NULL:
            phub__read_null(r);
            break;
        case PHUB__WIRE_TAG:
        case PHUB__WIRE_OTHER:
        case PHUB__WIRE_END:
            phub__read_skip(r);
            break;
        }
    }
    (void)phub__read_end(r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct phub_bytes bytes = { data, size };
    struct phub_cbor_reader other;
    struct phub__reader r;
    bool whole;

    phub__reader_init(&r, bytes);
    walk(&r);
    phub__reader_init(&r, bytes);
    whole = phub__read_skip(&r) && phub__read_end(&r);
    phub_cbor_reader_init(&other, data, size);
    if (whole && !(phub_cbor_skip(&other) && phub_cbor_read_end(&other)))
        abort();
    if (r.at > size)
        abort();
    if (phub__utf8_ok(data, size) != phub_cbor_utf8_ok(data, size))
        abort();
    return 0;
}

static const struct phub__fuzz_seed seeds[] = {
    PHUB__FUZZ_SEED("\x85\xf5\xf6\x63\xe2\x82\xac\x42\x01\x02\xa1\x1b\xff\xff"
                    "\xff\xff\xff\xff\xff\xff\xf4"),
    PHUB__FUZZ_SEED("\x83\x01\x82\x02\x03\x82\x04\x05"),
    PHUB__FUZZ_SEED("\xc1\xfb\x41\xd4\x52\xd9\xe2\x00\x00\x00"),
    PHUB__FUZZ_SEED("\xf0\x9f\x90\x9d gr\xc3\xbc\xc3\x9f" "e"),
};

const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count)
{
    *count = sizeof seeds / sizeof *seeds;
    return seeds;
}
