/* SPDX-License-Identifier: MIT */
/* check_reader: reader and writer against RFC 8949 appendix A, against each
 * other, and against bytes that mean harm. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "wire/reader.h"
#include "wire/writer.h"

static uint8_t bytes[1024];

static struct phub_bytes unhex(const char *hex)
{
    size_t size = strlen(hex) / 2;

    for (size_t i = 0; i < size; i++) {
        char two[3] = { hex[2 * i], hex[2 * i + 1], 0 };
        bytes[i] = (uint8_t)strtoul(two, NULL, 16);
    }
    return (struct phub_bytes){ bytes, size };
}

static struct phub__reader reader(const char *hex)
{
    struct phub__reader r;

    phub__reader_init(&r, unhex(hex));
    return r;
}

static void ck_written(struct phub__builder *b, const char *hex)
{
    struct phub_bytes want = unhex(hex);

    ck_assert_int_eq(b->error, 0);
    ck_assert_uint_eq(b->size, want.size);
    ck_assert_mem_eq(b->data, want.data, want.size);
    phub__builder_reset(b);
}

START_TEST(integers_are_written_shortest_and_read)
{
    static const struct { int64_t value; const char *hex; } rows[] = {
        { 0, "00" }, { 23, "17" }, { 24, "1818" }, { 255, "18ff" },
        { 256, "190100" }, { 65535, "19ffff" }, { 65536, "1a00010000" },
        { 4294967295, "1affffffff" }, { 4294967296, "1b0000000100000000" },
        { INT64_MAX, "1b7fffffffffffffff" }, { -1, "20" }, { -24, "37" },
        { -25, "3818" }, { -256, "38ff" }, { -257, "390100" },
        { -65537, "3a00010000" }, { INT64_MIN, "3b7fffffffffffffff" },
    };
    struct phub__builder b;
    int64_t value;

    phub__builder_init(&b, 100);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__reader r = reader(rows[i].hex);

        ck_assert(phub__read_int(&r, &value) && phub__read_end(&r));
        ck_assert_int_eq(value, rows[i].value);
        phub__write_int(&b, rows[i].value);
        ck_written(&b, rows[i].hex);
    }
    phub__builder_fini(&b);
}
END_TEST

START_TEST(other_items_are_written_and_read)
{
    struct phub__builder b;
    struct phub__reader r;
    struct phub_bytes text, data;
    uint64_t count, pairs, value;
    bool flag;

    phub__builder_init(&b, 100);
    phub__write_array(&b, 5);
    phub__write_bool(&b, true);
    phub__write_null(&b);
    phub__write_text(&b, "\xe2\x82\xac", 3);
    phub__write_bytes(&b, "\x01\x02", 2);
    phub__write_map(&b, 1);
    phub__write_uint(&b, UINT64_MAX);
    phub__write_bool(&b, false);
    ck_written(&b, "85f5f663e282ac420102a11bfffffffffffffffff4");
    phub__reader_init(&r, phub__builder_bytes(&b));
    r = reader("85f5f663e282ac420102a11bfffffffffffffffff4");
    ck_assert_int_eq(phub__reader_peek(&r), PHUB__WIRE_ARRAY);
    ck_assert(phub__read_array(&r, &count) && count == 5);
    ck_assert(phub__read_bool(&r, &flag) && flag);
    ck_assert_int_eq(phub__reader_peek(&r), PHUB__WIRE_NULL);
    ck_assert(phub__read_null(&r));
    ck_assert(phub__read_text(&r, &text) && text.size == 3);
    ck_assert(phub__read_bytes(&r, &data) && data.data[1] == 2);
    ck_assert(phub__read_map(&r, &pairs) && pairs == 1);
    ck_assert(phub__read_uint(&r, &value) && value == UINT64_MAX);
    ck_assert(!phub__read_end(&(struct phub__reader){ r.data, r.size, r.at,
                                                      r.error, r.depth,
                                                      { r.left[0] } }));
    ck_assert(phub__read_bool(&r, &flag) && !flag);
    ck_assert_int_eq(phub__reader_peek(&r), PHUB__WIRE_END);
    ck_assert(phub__read_end(&r));
    phub__builder_fini(&b);
}
END_TEST

START_TEST(anything_well_formed_can_be_skipped)
{
    static const char *const rows[] = {
        "00", "3bffffffffffffffff", "f90000", "fa47c35000",
        "fb3ff199999999999a", "f4", "f6", "f7",
        "c074323031332d30332d32315432303a30343a30305a", "d818456449455446",
        "4401020304", "80", "83010203", "8301820203820405", "a0",
        "a26161016162820203", "826161a161626163", "c1fb41d452d9e2000000",
    };
    struct phub_bytes item;

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__reader r = reader(rows[i]);

        ck_assert_msg(phub__read_raw(&r, &item) && phub__read_end(&r)
                      && item.size == strlen(rows[i]) / 2, "%s", rows[i]);
    }
}
END_TEST

START_TEST(malformed_and_indefinite_items_are_refused)
{
    static const char *const rows[] = {
        "", "18", "19ff", "1c", "1f", "3d", "40ff", "5fff", "7f6161ff",
        "9fff", "bfff", "8101ff", "ff", "dfff", "fc", "f801", "f8ff",
        "4402", "9affffffff", "9bffffffffffffffff", "bbffffffffffffffff",
        "5bffffffffffffffff", "7bffffffffffffffff", "a101", "c1", "8201",
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__reader r = reader(rows[i]);

        (void)phub__read_skip(&r);
        ck_assert_msg(!phub__read_end(&r) && r.error == PHUB_EPROTO, "%s",
                      rows[i]);
    }
}
END_TEST

START_TEST(the_first_error_stays_and_nothing_is_filled)
{
    struct phub__reader r = reader("0102");
    struct phub_bytes text = { NULL, 77 };
    uint64_t value = 77;

    ck_assert(!phub__read_text(&r, &text));
    ck_assert_uint_eq(text.size, 77);
    ck_assert(!phub__read_uint(&r, &value));
    ck_assert_uint_eq(value, 77);
    ck_assert(!phub__reader_fail(&r, PHUB_ENOMEM));
    ck_assert_int_eq(r.error, PHUB_EPROTO);
}
END_TEST

START_TEST(nesting_is_limited)
{
    struct phub__reader r;

    memset(bytes, 0x81, sizeof bytes);
    bytes[PHUB__WIRE_DEPTH_MAX] = 0;
    phub__reader_init(&r, (struct phub_bytes){ bytes,
                                               PHUB__WIRE_DEPTH_MAX + 1 });
    ck_assert(phub__read_skip(&r) && phub__read_end(&r));
    bytes[PHUB__WIRE_DEPTH_MAX] = 0x81;
    bytes[PHUB__WIRE_DEPTH_MAX + 1] = 0;
    phub__reader_init(&r, (struct phub_bytes){ bytes,
                                               PHUB__WIRE_DEPTH_MAX + 2 });
    ck_assert(!phub__read_skip(&r));
    ck_assert_int_eq(r.error, PHUB_ELIMIT);
}
END_TEST

START_TEST(integers_outside_of_int64_are_not_read_as_such)
{
    struct phub__reader r = reader("1b8000000000000000");
    int64_t value;

    ck_assert(!phub__read_int(&r, &value));
    r = reader("3b8000000000000000");
    ck_assert(!phub__read_int(&r, &value));
}
END_TEST

START_TEST(text_is_utf8)
{
    static const struct { const char *text; bool ok; } rows[] = {
        { "", true }, { "plain ascii, longer than eight", true },
        { "\xc3\xbc", true }, { "\xe2\x82\xac", true },
        { "\xf0\x9f\x90\x9d", true }, { "12345678\xc3\xbc", true },
        { "\xed\x9f\xbf", true }, { "\xf4\x8f\xbf\xbf", true },
        { "\x80", false }, { "\xc3", false }, { "\xc0\x80", false },
        { "\xc1\xbf", false }, { "\xe0\x9f\xbf", false },
        { "\xed\xa0\x80", false }, { "\xf0\x8f\xbf\xbf", false },
        { "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false },
        { "\xe2\x82", false }, { "1234567\xc3", false },
        { "12345678\xff", false }, { "\xe2\x28\xa1", false },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        ck_assert_msg(phub__utf8_ok((const uint8_t *)rows[i].text,
                                    strlen(rows[i].text)) == rows[i].ok,
                      "row %zu", i);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("reader");
    TCase *tc = tcase_create("reader");
    SRunner *runner;
    int failures;

    tcase_add_test(tc, integers_are_written_shortest_and_read);
    tcase_add_test(tc, other_items_are_written_and_read);
    tcase_add_test(tc, anything_well_formed_can_be_skipped);
    tcase_add_test(tc, malformed_and_indefinite_items_are_refused);
    tcase_add_test(tc, the_first_error_stays_and_nothing_is_filled);
    tcase_add_test(tc, nesting_is_limited);
    tcase_add_test(tc, integers_outside_of_int64_are_not_read_as_such);
    tcase_add_test(tc, text_is_utf8);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
