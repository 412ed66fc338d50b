/* SPDX-License-Identifier: MIT */
/* check_cbor: <phub/cbor.h> against the vectors of RFC 8949 appendix A, and
 * against every prefix of what it wrote itself. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <check.h>
#include <stdlib.h>

#include <phub/cbor.h>

static size_t
unhex(const char *hex, uint8_t *out)
{
    size_t n = strlen(hex) / 2;

    for (size_t i = 0; i < n; i++) {
        char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
        out[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return n;
}

static void
ck_hex(const struct phub_cbor_writer *w, const char *hex)
{
    uint8_t want[256];
    size_t n = unhex(hex, want);

    ck_assert(phub_cbor_writer_ok(w));
    ck_assert_uint_eq(w->size, n);
    ck_assert_mem_eq(w->buf, want, n);
}

START_TEST(integers_are_written_and_read_in_shortest_form)
{
    static const struct { int64_t value; const char *hex; } rows[] = {
        { 0, "00" }, { 1, "01" }, { 10, "0a" }, { 23, "17" }, { 24, "1818" },
        { 25, "1819" }, { 100, "1864" }, { 255, "18ff" }, { 256, "190100" },
        { 1000, "1903e8" }, { 65535, "19ffff" }, { 65536, "1a00010000" },
        { 1000000, "1a000f4240" }, { 4294967295, "1affffffff" },
        { 4294967296, "1b0000000100000000" },
        { 1000000000000, "1b000000e8d4a51000" },
        { INT64_MAX, "1b7fffffffffffffff" }, { -1, "20" }, { -10, "29" },
        { -24, "37" }, { -25, "3818" }, { -100, "3863" }, { -256, "38ff" },
        { -1000, "3903e7" }, { INT64_MIN, "3b7fffffffffffffff" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub_cbor_writer w;
        struct phub_cbor_reader r;
        uint8_t buf[16];
        int64_t value = 7;
        uint64_t natural;

        phub_cbor_writer_init(&w, buf, sizeof buf);
        phub_cbor_write_int(&w, rows[i].value);
        ck_hex(&w, rows[i].hex);
        phub_cbor_reader_init(&r, buf, w.size);
        ck_assert(phub_cbor_read_int(&r, &value));
        ck_assert(phub_cbor_read_end(&r));
        ck_assert_int_eq(value, rows[i].value);
        phub_cbor_reader_init(&r, buf, w.size);
        ck_assert(phub_cbor_read_uint(&r, &natural) == (rows[i].value >= 0));
        ck_assert_int_eq(r.error, rows[i].value >= 0 ? PHUB_CBOR_OK
                         : PHUB_CBOR_ETYPE);
    }
}
END_TEST

START_TEST(an_integer_that_does_not_fit_is_refused)
{
    static const char *const bad[] = { "1b8000000000000000",
                                       "3b8000000000000000",
                                       "3bffffffffffffffff" };
    struct phub_cbor_reader r;
    uint8_t buf[16];
    uint64_t natural;
    int64_t value = 5;

    for (size_t i = 0; i < 3; i++) {
        phub_cbor_reader_init(&r, buf, unhex(bad[i], buf));
        ck_assert(!phub_cbor_read_int(&r, &value));
        ck_assert_int_eq(r.error, PHUB_CBOR_ERANGE);
        ck_assert_int_eq(value, 5);
    }
    phub_cbor_reader_init(&r, buf, unhex("1bffffffffffffffff", buf));
    ck_assert(phub_cbor_read_uint(&r, &natural));
    ck_assert(natural == UINT64_MAX);
    phub_cbor_reader_init(&r, buf, unhex("1818", buf));
    ck_assert(phub_cbor_read_uint_max(&r, 24, &natural));
    phub_cbor_reader_init(&r, buf, unhex("1819", buf));
    ck_assert(!phub_cbor_read_uint_max(&r, 24, &natural));
    ck_assert_int_eq(r.error, PHUB_CBOR_ERANGE);
    ck_assert_uint_eq(natural, 24);
}
END_TEST

START_TEST(composed_vectors_of_the_rfc_are_met)
{
    struct phub_cbor_writer w;
    uint8_t buf[64];

    phub_cbor_writer_init(&w, buf, sizeof buf);
    phub_cbor_write_array(&w, 0);
    phub_cbor_write_map(&w, 0);
    phub_cbor_write_bool(&w, false);
    phub_cbor_write_bool(&w, true);
    phub_cbor_write_null(&w);
    phub_cbor_write_bytes(&w, "", 0);
    phub_cbor_write_bytes(&w, "\1\2\3\4", 4);
    phub_cbor_write_cstr(&w, "");
    phub_cbor_write_cstr(&w, "IETF");
    phub_cbor_write_cstr(&w, "\xc3\xbc");
    ck_hex(&w, "80a0f4f5f64044010203046064494554466" "2c3bc");

    phub_cbor_writer_init(&w, buf, sizeof buf);
    phub_cbor_write_array(&w, 3);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_array(&w, 2);
    phub_cbor_write_uint(&w, 2);
    phub_cbor_write_uint(&w, 3);
    phub_cbor_write_map(&w, 1);
    phub_cbor_write_cstr(&w, "a");
    phub_cbor_write_cstr(&w, "A");
    ck_hex(&w, "8301820203a161616141");
}
END_TEST

/* A value with everything in it; returns its size. */
static size_t
write_all_kinds(uint8_t *buf, size_t capacity)
{
    struct phub_cbor_writer w;

    phub_cbor_writer_init(&w, buf, capacity);
    phub_cbor_write_map(&w, 4);
    phub_cbor_write_uint(&w, 0);
    phub_cbor_write_bytes(&w, "abcdefghijklmnopqrstuvwxyz", 26);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_array(&w, 3);
    phub_cbor_write_bool(&w, true);
    phub_cbor_write_null(&w);
    phub_cbor_write_int(&w, -70000);
    phub_cbor_write_uint(&w, 2);
    phub_cbor_write_cstr(&w, "text");
    phub_cbor_write_uint(&w, 300);
    phub_cbor_write_uint(&w, UINT64_MAX);
    return w.size;
}

static bool
read_all_kinds(const uint8_t *buf, size_t size)
{
    struct phub_cbor_reader r;
    const uint8_t *bytes;
    const char *text;
    uint64_t n, key;
    int64_t value;
    size_t length;
    bool flag;

    phub_cbor_reader_init(&r, buf, size);
    phub_cbor_read_map(&r, &n);
    phub_cbor_read_uint(&r, &key);
    phub_cbor_read_bytes(&r, &bytes, &length);
    phub_cbor_read_uint(&r, &key);
    phub_cbor_read_array(&r, &n);
    phub_cbor_read_bool(&r, &flag);
    phub_cbor_read_null(&r);
    phub_cbor_read_int(&r, &value);
    phub_cbor_read_uint(&r, &key);
    phub_cbor_read_text(&r, &text, &length);
    phub_cbor_read_uint(&r, &key);
    phub_cbor_read_uint(&r, &n);
    return phub_cbor_read_end(&r);
}

START_TEST(every_proper_prefix_is_refused)
{
    uint8_t buf[128];
    size_t size = write_all_kinds(buf, sizeof buf);

    ck_assert(read_all_kinds(buf, size));
    for (size_t n = 0; n < size; n++) {
        uint8_t *exact = malloc(n + 1);
        struct phub_cbor_reader r;

        ck_assert_ptr_nonnull(exact);
        memcpy(exact, buf, n);
        ck_assert(!read_all_kinds(exact, n));
        phub_cbor_reader_init(&r, exact, n);
        ck_assert(!phub_cbor_skip(&r));
        ck_assert_int_eq(r.error, PHUB_CBOR_ETRUNCATED);
        free(exact);
    }
}
END_TEST

START_TEST(every_changed_byte_is_read_without_harm)
{
    uint8_t buf[128];
    size_t size = write_all_kinds(buf, sizeof buf);

    for (size_t i = 0; i < size; i++) {
        uint8_t kept = buf[i];

        for (unsigned value = 0; value < 256; value++) {
            struct phub_cbor_reader r;

            buf[i] = (uint8_t)value;
            (void)read_all_kinds(buf, size);
            phub_cbor_reader_init(&r, buf, size);
            (void)phub_cbor_skip(&r);
            ck_assert_uint_le(r.at, size);
            ck_assert_uint_le(r.depth, PHUB_CBOR_DEPTH_MAX);
        }
        buf[i] = kept;
    }
}
END_TEST

START_TEST(a_full_writer_counts_what_it_would_have_needed)
{
    uint8_t whole[128], part[129];
    size_t size = write_all_kinds(whole, sizeof whole);

    ck_assert_uint_eq(write_all_kinds(NULL, 0), size);
    for (size_t capacity = 0; capacity < size; capacity++) {
        memset(part, 0xee, sizeof part);
        ck_assert_uint_eq(write_all_kinds(part, capacity), size);
        ck_assert_uint_eq(part[capacity], 0xee);
    }
}
END_TEST

START_TEST(overflow_stays_even_if_later_items_would_fit)
{
    struct phub_cbor_writer w;
    uint8_t buf[4];

    phub_cbor_writer_init(&w, buf, sizeof buf);
    phub_cbor_write_bytes(&w, "12345678", 8);
    ck_assert(!phub_cbor_writer_ok(&w));
    phub_cbor_write_uint(&w, 1);
    ck_assert(!phub_cbor_writer_ok(&w));
    ck_assert_uint_eq(w.size, 10);
    w.size = SIZE_MAX - 1;
    phub_cbor_write_raw(&w, "xyz", 3);
    ck_assert_uint_eq(w.size, SIZE_MAX);
    phub_cbor_write_uint(&w, 1);
    ck_assert_uint_eq(w.size, SIZE_MAX);
}
END_TEST

START_TEST(depth_is_limited_and_the_limit_is_allowed)
{
    uint8_t buf[PHUB_CBOR_DEPTH_MAX + 2];
    struct phub_cbor_reader r;
    uint64_t count, value;

    memset(buf, 0x81, sizeof buf);
    buf[PHUB_CBOR_DEPTH_MAX] = 0x05;
    phub_cbor_reader_init(&r, buf, PHUB_CBOR_DEPTH_MAX + 1);
    for (int i = 0; i < PHUB_CBOR_DEPTH_MAX; i++)
        ck_assert(phub_cbor_read_array(&r, &count));
    ck_assert(phub_cbor_read_uint(&r, &value));
    ck_assert_uint_eq(value, 5);
    ck_assert_uint_eq(r.depth, 0);
    ck_assert(phub_cbor_read_end(&r));
    phub_cbor_reader_init(&r, buf, PHUB_CBOR_DEPTH_MAX + 1);
    ck_assert(phub_cbor_skip(&r));

    buf[PHUB_CBOR_DEPTH_MAX] = 0x81;
    buf[PHUB_CBOR_DEPTH_MAX + 1] = 0x05;
    phub_cbor_reader_init(&r, buf, sizeof buf);
    ck_assert(!phub_cbor_skip(&r));
    ck_assert_int_eq(r.error, PHUB_CBOR_EDEPTH);
    memset(buf, 0xc1, sizeof buf);
    phub_cbor_reader_init(&r, buf, sizeof buf);
    ck_assert(!phub_cbor_skip(&r));
    ck_assert_int_eq(r.error, PHUB_CBOR_EDEPTH);
}
END_TEST

START_TEST(bad_bytes_are_refused_by_their_name)
{
    static const struct { const char *hex; int error; } rows[] = {
        { "", PHUB_CBOR_ETRUNCATED },
        { "5f4101ff", PHUB_CBOR_EINDEFINITE },
        { "7f6161ff", PHUB_CBOR_EINDEFINITE },
        { "9f01ff", PHUB_CBOR_EINDEFINITE },
        { "bf6101ff", PHUB_CBOR_EINDEFINITE },
        { "ff", PHUB_CBOR_EINDEFINITE },
        { "1c", PHUB_CBOR_EMALFORMED },
        { "1f", PHUB_CBOR_EMALFORMED },
        { "3e", PHUB_CBOR_EMALFORMED },
        { "df", PHUB_CBOR_EMALFORMED },
        { "f814", PHUB_CBOR_EMALFORMED },
        { "1903", PHUB_CBOR_ETRUNCATED },
        { "5bffffffffffffffff00", PHUB_CBOR_ETRUNCATED },
        { "9bffffffffffffffff00", PHUB_CBOR_ETRUNCATED },
        { "bbffffffffffffffff00", PHUB_CBOR_ETRUNCATED },
        { "bb7fffffffffffffff00", PHUB_CBOR_ETRUNCATED },
        { "8201", PHUB_CBOR_ETRUNCATED },
        { "a1616100", PHUB_CBOR_OK },
        { "c249010000000000000000", PHUB_CBOR_OK },
        { "f97e00", PHUB_CBOR_OK },
        { "fb3ff199999999999a", PHUB_CBOR_OK },
        { "f7", PHUB_CBOR_OK },
        { "f8ff", PHUB_CBOR_OK },
        { "1b0000000000000001", PHUB_CBOR_OK },
        { "82c10182818080", PHUB_CBOR_OK },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub_cbor_reader r;
        uint8_t buf[64];

        phub_cbor_reader_init(&r, buf, unhex(rows[i].hex, buf));
        (void)phub_cbor_skip(&r);
        (void)phub_cbor_read_end(&r);
        ck_assert_msg(r.error == rows[i].error, "%s: %s", rows[i].hex,
                      phub_cbor_error_text(r.error));
    }
}
END_TEST

START_TEST(text_must_be_utf8_and_bytes_need_not)
{
    static const char *const bad[] = {
        "80", "c0af", "c1bf", "c3", "e0809f", "e28",  "eda080", "f08080af",
        "f4908080", "f5808080", "ff", "e282", "f0908d", "c328",
    };
    static const char *const good[] = {
        "24", "c2a2", "e282ac", "ed9fbf", "ee8080", "f0908d88", "f48fbfbf", "",
    };
    struct phub_cbor_reader r;
    struct phub_cbor_writer w;
    uint8_t raw[16], buf[16];
    const uint8_t *bytes;
    const char *text;
    size_t n, size;

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        n = unhex(bad[i], raw);
        phub_cbor_writer_init(&w, buf, sizeof buf);
        phub_cbor_write_text(&w, (const char *)raw, n);
        phub_cbor_reader_init(&r, buf, w.size);
        ck_assert_msg(!phub_cbor_read_text(&r, &text, &size), "%s", bad[i]);
        ck_assert_int_eq(r.error, PHUB_CBOR_EUTF8);
        phub_cbor_writer_init(&w, buf, sizeof buf);
        phub_cbor_write_bytes(&w, raw, n);
        phub_cbor_reader_init(&r, buf, w.size);
        ck_assert(phub_cbor_read_bytes(&r, &bytes, &size));
        ck_assert_mem_eq(bytes, raw, n);
    }
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        n = unhex(good[i], raw);
        ck_assert_msg(phub_cbor_utf8_ok(raw, n), "%s", good[i]);
    }
}
END_TEST

START_TEST(the_first_error_stays_and_nothing_is_filled_after_it)
{
    static const uint8_t bytes[] = { 0x01, 0x61, 'x', 0x02 };
    struct phub_cbor_reader r;
    uint64_t a = 0, b = 99, c = 98;

    phub_cbor_reader_init(&r, bytes, sizeof bytes);
    ck_assert(phub_cbor_read_uint(&r, &a));
    ck_assert(!phub_cbor_read_uint(&r, &b));
    ck_assert(!phub_cbor_read_uint(&r, &c));
    ck_assert(!phub_cbor_read_array(&r, &c));
    ck_assert_int_eq(phub_cbor_peek(&r), PHUB_CBOR_END);
    ck_assert_uint_eq(a, 1);
    ck_assert_uint_eq(b, 99);
    ck_assert_uint_eq(c, 98);
    ck_assert_int_eq(r.error, PHUB_CBOR_ETYPE);
    ck_assert(!phub_cbor_fail(&r, PHUB_CBOR_ERANGE));
    ck_assert_int_eq(r.error, PHUB_CBOR_ETYPE);
}
END_TEST

START_TEST(bytes_or_items_left_over_are_noticed)
{
    static const uint8_t two[] = { 0x01, 0x02 };
    static const uint8_t pair[] = { 0x82, 0x01, 0x02 };
    struct phub_cbor_reader r;
    uint64_t n;

    phub_cbor_reader_init(&r, two, sizeof two);
    ck_assert(phub_cbor_read_uint(&r, &n));
    ck_assert(!phub_cbor_read_end(&r));
    ck_assert_int_eq(r.error, PHUB_CBOR_ETRAILING);
    phub_cbor_reader_init(&r, pair, sizeof pair);
    ck_assert(phub_cbor_read_array(&r, &n));
    ck_assert(phub_cbor_read_uint(&r, &n));
    ck_assert(!phub_cbor_read_end(&r));
}
END_TEST

START_TEST(peek_names_each_kind_and_raw_gives_the_item)
{
    static const uint8_t bytes[] = { 0x01, 0x20, 0x41, 'b', 0x61, 't', 0x82,
        0x01, 0x81, 0x02, 0xa0, 0xf4, 0xf6, 0xc1, 0x00 };
    static const enum phub_cbor_type kinds[] = { PHUB_CBOR_UINT,
        PHUB_CBOR_NEGINT, PHUB_CBOR_BYTES, PHUB_CBOR_TEXT, PHUB_CBOR_ARRAY,
        PHUB_CBOR_MAP, PHUB_CBOR_BOOL, PHUB_CBOR_NULL, PHUB_CBOR_OTHER };
    static const size_t sizes[] = { 1, 1, 2, 2, 4, 1, 1, 1, 2 };
    struct phub_cbor_reader r;
    const uint8_t *raw;
    size_t size;

    phub_cbor_reader_init(&r, bytes, sizeof bytes);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        ck_assert_int_eq(phub_cbor_peek(&r), kinds[i]);
        ck_assert(phub_cbor_read_raw(&r, &raw, &size));
        ck_assert_uint_eq(size, sizes[i]);
        ck_assert_ptr_eq(raw + size, bytes + r.at);
    }
    ck_assert_int_eq(phub_cbor_peek(&r), PHUB_CBOR_END);
    ck_assert(phub_cbor_read_end(&r));
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("cbor");
    TCase *tc = tcase_create("cbor");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, integers_are_written_and_read_in_shortest_form);
    tcase_add_test(tc, an_integer_that_does_not_fit_is_refused);
    tcase_add_test(tc, composed_vectors_of_the_rfc_are_met);
    tcase_add_test(tc, every_proper_prefix_is_refused);
    tcase_add_test(tc, every_changed_byte_is_read_without_harm);
    tcase_add_test(tc, a_full_writer_counts_what_it_would_have_needed);
    tcase_add_test(tc, overflow_stays_even_if_later_items_would_fit);
    tcase_add_test(tc, depth_is_limited_and_the_limit_is_allowed);
    tcase_add_test(tc, bad_bytes_are_refused_by_their_name);
    tcase_add_test(tc, text_must_be_utf8_and_bytes_need_not);
    tcase_add_test(tc, the_first_error_stays_and_nothing_is_filled_after_it);
    tcase_add_test(tc, bytes_or_items_left_over_are_noticed);
    tcase_add_test(tc, peek_names_each_kind_and_raw_gives_the_item);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
