/* SPDX-License-Identifier: MIT */
/* check_codec: structs to bytes and back, and what is refused on the way. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "wire/codec.h"
#include "wire/memory.h"
#include "wire/writer.h"

struct pair {
    struct phub_bytes name;
    uint64_t value;
};

struct inner {
    uint32_t a;
    bool b;
};

struct whole {
    uint64_t u64;
    uint8_t u8;
    int64_t i64;
    int32_t i32;
    bool flag;
    struct phub_bytes text;
    struct phub_bytes bytes;
    struct phub_epoch epoch;
    struct phub__list numbers;
    struct phub__list texts;
    struct phub__list blobs;
    struct phub__list pairs;
    struct inner inner;
    uint64_t small;
};

static PHUB__SCHEMA(pair_schema, struct pair,
    PHUB__TEXT(1, struct pair, name, 8, PHUB__REQUIRED),
    PHUB__U64(2, struct pair, value));

static PHUB__SCHEMA(inner_schema, struct inner,
    PHUB__U64(1, struct inner, a),
    PHUB__BOOL(2, struct inner, b));

static PHUB__SCHEMA(whole_schema, struct whole,
    PHUB__U64(1, struct whole, u64, PHUB__REQUIRED),
    PHUB__U64(2, struct whole, u8),
    PHUB__I64(3, struct whole, i64),
    PHUB__I64(4, struct whole, i32),
    PHUB__BOOL(5, struct whole, flag),
    PHUB__TEXT(6, struct whole, text, 300),
    PHUB__BYTES(7, struct whole, bytes, 10),
    PHUB__EPOCH(8, struct whole, epoch),
    PHUB__U64S(9, struct whole, numbers, 4),
    PHUB__TEXTS(10, struct whole, texts, 3, 5),
    PHUB__BLOBS(11, struct whole, blobs, 3, 5),
    PHUB__LIST(12, struct whole, pairs, 1000, &pair_schema),
    PHUB__STRUCT(24, struct whole, inner, &inner_schema),
    PHUB__U64(30, struct whole, small, PHUB__MAX(7)));

struct holder {
    struct pair pair;
    uint64_t value;
};

static PHUB__SCHEMA(holder_schema, struct holder,
    PHUB__STRUCT(1, struct holder, pair, &pair_schema),
    PHUB__U64(2, struct holder, value));

static struct phub_bytes text(const char *s)
{
    return (struct phub_bytes){ (const uint8_t *)s, strlen(s) };
}

static uint64_t numbers[] = { 1, 0, UINT64_MAX };
static struct phub_bytes texts[2];
static struct pair pairs[2];

static struct whole full(void)
{
    struct whole w = {
        .u64 = UINT64_MAX, .u8 = 255, .i64 = INT64_MIN, .i32 = -7,
        .flag = true, .text = text("grüße €"), .bytes = text("\x01\xff"),
        .epoch = { 9, 0x1234567890 }, .numbers = { numbers, 3 },
        .texts = { texts, 2 }, .blobs = { texts, 1 }, .pairs = { pairs, 2 },
        .inner = { 5, true }, .small = 7,
    };

    texts[0] = text("one");
    texts[1] = text("");
    pairs[0] = (struct pair){ text("x"), 1 };
    pairs[1] = (struct pair){ text("y"), 0 };
    return w;
}

/* Bytes of the last encode; freed by the next. */
static struct phub__builder out;

static struct phub_bytes encode(const struct whole *w)
{
    phub__builder_fini(&out);
    phub__builder_init(&out, 1 << 20);
    ck_assert_int_eq(phub__encode(&whole_schema, w, &out), 0);
    return phub__builder_bytes(&out);
}

static int decode(struct phub_bytes bytes, struct whole *w,
                  struct phub__arena *arena, uint32_t *key)
{
    /* A copy of exact size, so that a sanitizer sees any read beyond. */
    static uint8_t *copy;

    free(copy);
    copy = malloc(bytes.size > 0 ? bytes.size : 1);
    if (bytes.size > 0)
        memcpy(copy, bytes.data, bytes.size);
    return phub__decode(&whole_schema, (struct phub_bytes){ copy, bytes.size },
                        w, arena, key);
}

static int refused(const char *hex, uint32_t *key)
{
    uint8_t bytes[512];
    size_t size = strlen(hex) / 2;
    struct phub__arena arena;
    struct whole w;
    static const struct whole zero;
    int rc;

    for (size_t i = 0; i < size; i++) {
        char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
        bytes[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    phub__arena_init(&arena, NULL, 0, 1 << 16);
    rc = decode((struct phub_bytes){ bytes, size }, &w, &arena, key);
    if (rc != 0)
        ck_assert_mem_eq(&w, &zero, sizeof w);
    phub__arena_fini(&arena);
    return rc;
}

START_TEST(schemas_are_sound)
{
    ck_assert_ptr_null(phub__schema_fault(&pair_schema));
    ck_assert_ptr_null(phub__schema_fault(&inner_schema));
    ck_assert_ptr_null(phub__schema_fault(&whole_schema));
}
END_TEST

START_TEST(every_field_survives_the_round_trip)
{
    struct whole in = full(), got;
    struct phub__arena arena;
    uint32_t key = 99;

    phub__arena_init(&arena, NULL, 0, 1 << 16);
    ck_assert_int_eq(decode(encode(&in), &got, &arena, &key), 0);
    ck_assert_uint_eq(key, 0);
    ck_assert(got.u64 == in.u64 && got.u8 == in.u8 && got.i64 == in.i64);
    ck_assert(got.i32 == -7 && got.flag && got.small == 7);
    ck_assert_uint_eq(got.text.size, in.text.size);
    ck_assert_mem_eq(got.text.data, in.text.data, in.text.size);
    ck_assert_mem_eq(got.bytes.data, "\x01\xff", 2);
    ck_assert_int_eq(phub_epoch_cmp(got.epoch, in.epoch), 0);
    ck_assert_uint_eq(got.numbers.count, 3);
    ck_assert_mem_eq(got.numbers.items, numbers, sizeof numbers);
    ck_assert_uint_eq(got.texts.count, 2);
    ck_assert_mem_eq(((struct phub_bytes *)got.texts.items)[0].data, "one", 3);
    ck_assert_uint_eq(got.blobs.count, 1);
    ck_assert_uint_eq(got.pairs.count, 2);
    ck_assert_mem_eq(((struct pair *)got.pairs.items)[1].name.data, "y", 1);
    ck_assert_uint_eq(((struct pair *)got.pairs.items)[0].value, 1);
    ck_assert(got.inner.a == 5 && got.inner.b);
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(zero_and_empty_fields_are_left_out)
{
    struct whole w = { .u64 = 0 };
    struct phub_bytes bytes = encode(&w);

    ck_assert_uint_eq(bytes.size, 3);
    ck_assert_mem_eq(bytes.data, "\xa1\x01\x00", 3);
}
END_TEST

START_TEST(an_empty_struct_is_left_out_whatever_it_requires)
{
    struct holder holder = { .value = 3 };
    struct phub__builder b;

    phub__builder_init(&b, 100);
    ck_assert_int_eq(phub__encode(&holder_schema, &holder, &b), 0);
    ck_assert_uint_eq(b.size, 3);
    ck_assert_mem_eq(b.data, "\xa1\x02\x03", 3);
    phub__builder_reset(&b);
    holder.pair.value = 1;
    ck_assert_int_eq(phub__encode(&holder_schema, &holder, &b), 0);
    ck_assert_mem_eq(b.data, "\xa2\x01\xa2\x01\x60\x02\x01\x02\x03", 9);
    phub__builder_fini(&b);
}
END_TEST

START_TEST(decoded_and_encoded_again_gives_the_same_bytes)
{
    struct whole in = full(), got;
    struct phub__arena arena;
    struct phub__builder again;

    phub__arena_init(&arena, NULL, 0, 1 << 16);
    phub__builder_init(&again, 1 << 16);
    ck_assert_int_eq(decode(encode(&in), &got, &arena, NULL), 0);
    ck_assert_int_eq(phub__encode(&whole_schema, &got, &again), 0);
    ck_assert_uint_eq(again.size, out.size);
    ck_assert_mem_eq(again.data, out.data, out.size);
    phub__builder_fini(&again);
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(unknown_keys_are_skipped)
{
    /* {1: 3, 13: [{"a": 1.5}, tag(undefined)], 99: null} */
    ck_assert_int_eq(refused("a301030d82a16161f93e00c1f71863f6", NULL), 0);
}
END_TEST

START_TEST(wrong_maps_are_refused_with_the_key_at_fault)
{
    static const struct { const char *hex; int rc; uint32_t key; } rows[] = {
        { "", PHUB_EPROTO, 0 },
        { "a0", PHUB_EPROTO, 1 },                 /* REQUIRED is missing */
        { "a10201", PHUB_EPROTO, 1 },
        { "a201000100", PHUB_EPROTO, 1 },         /* twice */
        { "a3010003000200", PHUB_EPROTO, 2 },     /* descending */
        { "a20000" "0100", PHUB_EPROTO, 0 },      /* key 0 */
        { "a22000" "0100", PHUB_EPROTO, 0 },      /* key -1 */
        { "a10100" "00", PHUB_EPROTO, 0 },        /* trailing */
        { "a201000219" "0100", PHUB_EPROTO, 2 },  /* 256 in uint8 */
        { "a20100041a80000000", PHUB_EPROTO, 4 }, /* 2^31 in int32 */
        { "a20100043a80000000", PHUB_EPROTO, 4 }, /* -2^31-1 in int32 */
        { "a20100031b8000000000000000", PHUB_EPROTO, 3 },
        { "a201000501", PHUB_EPROTO, 5 },         /* not a bool */
        { "a201000661ff", PHUB_EPROTO, 6 },       /* not UTF-8 */
        { "a201000641" "61", PHUB_EPROTO, 6 },    /* bytes for text */
        { "a20100074b0000000000000000000000", PHUB_ELIMIT, 7 },
        { "a20100088101", PHUB_EPROTO, 8 },       /* [1] for an epoch */
        { "a2010008830101" "01", PHUB_EPROTO, 8 },
        { "a20100098501010101" "01", PHUB_ELIMIT, 9 },
        { "a201000a8166616161616161", PHUB_ELIMIT, 10 },
        { "a201000c81a0", PHUB_EPROTO, 12 },      /* REQUIRED inside */
        { "a201000c9903e9", PHUB_EPROTO, 12 },    /* more than bytes left */
        { "a201000c9bffffffffffffffff", PHUB_EPROTO, 12 },
        { "a20100181e08", PHUB_ELIMIT, 30 },      /* above PHUB__MAX */
        { "bf0100ff", PHUB_EPROTO, 0 },           /* indefinite */
        { "a20100099f01ff", PHUB_EPROTO, 9 },
        { "a201000d5b7fffffffffffffff", PHUB_EPROTO, 13 },
        { "bbffffffffffffffff", PHUB_EPROTO, 0 },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        uint32_t key = 77;

        ck_assert_msg(refused(rows[i].hex, &key) == rows[i].rc, "%s",
                      rows[i].hex);
        ck_assert_msg(key == rows[i].key, "%s: key %u", rows[i].hex, key);
    }
}
END_TEST

START_TEST(every_prefix_is_refused)
{
    struct whole in = full(), got;
    struct phub_bytes bytes = encode(&in);
    struct phub__arena arena;

    phub__arena_init(&arena, NULL, 0, 1 << 16);
    for (size_t size = 0; size < bytes.size; size++) {
        struct phub_bytes part = { bytes.data, size };

        ck_assert_int_ne(decode(part, &got, &arena, NULL), 0);
        phub__arena_reset(&arena);
    }
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(values_above_their_limit_are_not_encoded)
{
    struct whole rows[] = {
        { .bytes = text("12345678901") }, { .numbers = { numbers, 5 } },
        { .small = 8 }, { .text = text("\xc3") }, { .texts = { texts, 1 } },
        { .texts = { texts, 4 } },
    };
    static const int want[] = { PHUB_ELIMIT, PHUB_ELIMIT, PHUB_ELIMIT,
                                PHUB_EINVAL, PHUB_ELIMIT, PHUB_ELIMIT };

    texts[0] = text("sixsix");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__builder b;

        phub__builder_init(&b, 1 << 16);
        ck_assert_int_eq(phub__encode(&whole_schema, &rows[i], &b), want[i]);
        phub__builder_fini(&b);
    }
}
END_TEST

START_TEST(values_at_their_limit_are_encoded_and_decoded)
{
    static uint64_t four[4] = { 1, 2, 3, 4 };
    struct whole in = { .bytes = text("1234567890"), .small = 7,
                        .numbers = { four, 4 } }, got;
    struct phub__arena arena;

    phub__arena_init(&arena, NULL, 0, 1 << 16);
    ck_assert_int_eq(decode(encode(&in), &got, &arena, NULL), 0);
    ck_assert_uint_eq(got.numbers.count, 4);
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(memory_of_a_hostile_list_is_bounded_by_the_arena)
{
    static struct pair many[1000];
    struct whole in = { .pairs = { many, 1000 } }, got;
    struct phub__arena arena;
    size_t needed = sizeof many;

    phub__arena_init(&arena, NULL, 0, needed);
    ck_assert_int_eq(decode(encode(&in), &got, &arena, NULL), 0);
    phub__arena_fini(&arena);
    phub__arena_init(&arena, NULL, 0, needed - 1);
    ck_assert_int_eq(decode(encode(&in), &got, &arena, NULL), PHUB_ELIMIT);
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(a_builder_at_its_limit_takes_exactly_what_fits)
{
    struct whole in = full();
    size_t size = encode(&in).size;

    for (size_t max = 0; max <= size; max++) {
        struct phub__builder b;
        int rc;

        phub__builder_init(&b, max);
        rc = phub__encode(&whole_schema, &in, &b);
        ck_assert_int_eq(rc, max < size ? PHUB_ELIMIT : 0);
        ck_assert_uint_le(b.size, max);
        phub__builder_fini(&b);
    }
}
END_TEST

START_TEST(failure_of_every_allocation_is_reported)
{
    struct whole in = full(), got;
    uint64_t nth;

    for (nth = 1;; nth++) {
        struct phub__builder b;
        struct phub__arena arena;
        int rc;

        phub__builder_init(&b, 1 << 16);
        phub__arena_init(&arena, NULL, 0, 1 << 16);
        phub__memory_fail(nth);
        rc = phub__encode(&whole_schema, &in, &b);
        if (rc == 0)
            rc = phub__decode(&whole_schema, phub__builder_bytes(&b), &got,
                              &arena, NULL);
        ck_assert_int_eq(rc, phub__memory_failed() ? PHUB_ENOMEM : 0);
        phub__builder_fini(&b);
        phub__arena_fini(&arena);
        if (!phub__memory_failed())
            break;
    }
    phub__memory_fail(0);
    ck_assert_uint_gt(nth, 2);
}
END_TEST

START_TEST(items_of_a_long_run_are_read_one_by_one)
{
    struct pair in = { text("n"), 4 }, got;
    struct phub__builder b;
    struct phub__reader r;
    uint64_t count;

    phub__builder_init(&b, 1 << 16);
    phub__write_array(&b, 3);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(phub__encode(&pair_schema, &in, &b), 0);
    phub__reader_init(&r, phub__builder_bytes(&b));
    ck_assert(phub__read_array(&r, &count));
    for (; count > 0; count--) {
        ck_assert(phub__decode_item(&pair_schema, &r, &got, NULL, NULL));
        ck_assert_uint_eq(got.value, 4);
    }
    ck_assert(phub__read_end(&r));
    phub__builder_fini(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("codec");
    TCase *tc = tcase_create("codec");
    SRunner *runner;
    int failures;

    tcase_add_test(tc, schemas_are_sound);
    tcase_add_test(tc, every_field_survives_the_round_trip);
    tcase_add_test(tc, zero_and_empty_fields_are_left_out);
    tcase_add_test(tc, an_empty_struct_is_left_out_whatever_it_requires);
    tcase_add_test(tc, decoded_and_encoded_again_gives_the_same_bytes);
    tcase_add_test(tc, unknown_keys_are_skipped);
    tcase_add_test(tc, wrong_maps_are_refused_with_the_key_at_fault);
    tcase_add_test(tc, every_prefix_is_refused);
    tcase_add_test(tc, values_above_their_limit_are_not_encoded);
    tcase_add_test(tc, values_at_their_limit_are_encoded_and_decoded);
    tcase_add_test(tc, memory_of_a_hostile_list_is_bounded_by_the_arena);
    tcase_add_test(tc, a_builder_at_its_limit_takes_exactly_what_fits);
    tcase_add_test(tc, failure_of_every_allocation_is_reported);
    tcase_add_test(tc, items_of_a_long_run_are_read_one_by_one);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
