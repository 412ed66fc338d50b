/* SPDX-License-Identifier: MIT */
/* check_cause: the ring of reasons is bounded and tells a child's own. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/cause.h"
#include "wire/memory.h"

static struct phub__causes *causes;

static struct phub_bytes bytes(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static void setup(void)
{
    ck_assert_int_eq(phub__causes_new(&causes), 0);
}

static void teardown(void)
{
    phub__causes_free(&causes);
    ck_assert_ptr_null(causes);
    phub__causes_free(&causes);
}

START_TEST(a_new_ring_knows_no_reason)
{
    struct phub__cause out[2];

    ck_assert_uint_eq(phub__causes_of(causes, PHUB_BYTES_NONE, out, 2), 0);
    ck_assert_uint_eq(phub__causes_noted(causes), 0);
}
END_TEST

START_TEST(reasons_of_a_child_come_oldest_first)
{
    struct phub__cause out[8];

    phub__causes_note(causes, 1, bytes("a"), "first");
    phub__causes_note(causes, 2, bytes("b"), "another");
    phub__causes_note(causes, 3, bytes("a"), "second");
    phub__causes_note(causes, 4, PHUB_BYTES_NONE, "the node");
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 8), 2);
    ck_assert_str_eq(out[0].text, "first");
    ck_assert_str_eq(out[1].text, "second");
    ck_assert_uint_eq(out[0].sequence, 1);
    ck_assert_uint_eq(out[1].sequence, 3);
    ck_assert_uint_eq(out[1].wall_ms, 3);
    ck_assert_uint_eq(phub__causes_of(causes, PHUB_BYTES_NONE, out, 8), 4);
    ck_assert_uint_eq(out[3].child.size, 0);
    ck_assert_mem_eq(out[1].child.data, "b", 1);
}
END_TEST

START_TEST(only_the_newest_are_given_when_there_is_little_room)
{
    struct phub__cause out[2];

    phub__causes_note(causes, 1, bytes("a"), "first");
    phub__causes_note(causes, 2, bytes("a"), "second");
    phub__causes_note(causes, 3, bytes("a"), "third");
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 2), 2);
    ck_assert_str_eq(out[0].text, "second");
    ck_assert_str_eq(out[1].text, "third");
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 0), 0);
}
END_TEST

START_TEST(a_name_that_begins_like_another_is_another)
{
    struct phub__cause out[2];

    phub__causes_note(causes, 1, bytes("ab"), "x");
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 2), 0);
    ck_assert_uint_eq(phub__causes_of(causes, bytes("abc"), out, 2), 0);
}
END_TEST

START_TEST(the_oldest_go_when_the_ring_is_full)
{
    struct phub__cause out[4];
    char text[32];
    uint32_t i;

    phub__causes_note(causes, 0, bytes("old"), "gone");
    for (i = 0; i < PHUB__CAUSES_MAX - 1; i++)
        phub__causes_note(causes, i, bytes("c"), "x");
    ck_assert_uint_eq(phub__causes_of(causes, bytes("old"), out, 4), 1);
    for (i = 0; i < PHUB__CAUSES_MAX + 3; i++) {
        snprintf(text, sizeof text, "n%u", i);
        phub__causes_note(causes, i, bytes("c"), text);
    }
    ck_assert_uint_eq(phub__causes_of(causes, bytes("old"), out, 4), 0);
    ck_assert_uint_eq(phub__causes_noted(causes), 2 * PHUB__CAUSES_MAX + 3);
    ck_assert_uint_eq(phub__causes_of(causes, bytes("c"), out, 1), 1);
    snprintf(text, sizeof text, "n%u", PHUB__CAUSES_MAX + 2);
    ck_assert_str_eq(out[0].text, text);
}
END_TEST

START_TEST(a_long_sentence_is_cut_at_its_limit)
{
    char text[PHUB__CAUSE_TEXT_MAX + 50];
    struct phub__cause out[1];

    memset(text, 'y', sizeof text);
    text[sizeof text - 1] = '\0';
    phub__causes_note(causes, 0, bytes("a"), text);
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 1), 1);
    ck_assert_uint_eq(strlen(out[0].text), PHUB__CAUSE_TEXT_MAX);
}
END_TEST

START_TEST(what_is_lost_for_lack_of_memory_is_counted)
{
    struct phub__causes *none = NULL;
    struct phub__cause out[2];

    phub__memory_fail(1);
    ck_assert_int_eq(phub__causes_new(&none), PHUB_ENOMEM);
    phub__causes_note(causes, 0, bytes("a"), "kept");
    phub__memory_fail(1);
    phub__causes_note(causes, 0, bytes("a"), "lost");
    phub__memory_fail(0);
    ck_assert_uint_eq(phub__causes_lost(causes), 1);
    ck_assert_uint_eq(phub__causes_of(causes, bytes("a"), out, 2), 1);
    ck_assert_str_eq(out[0].text, "kept");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cause");
    TCase *tc = tcase_create("cause");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_new_ring_knows_no_reason);
    tcase_add_test(tc, reasons_of_a_child_come_oldest_first);
    tcase_add_test(tc, only_the_newest_are_given_when_there_is_little_room);
    tcase_add_test(tc, a_name_that_begins_like_another_is_another);
    tcase_add_test(tc, the_oldest_go_when_the_ring_is_full);
    tcase_add_test(tc, a_long_sentence_is_cut_at_its_limit);
    tcase_add_test(tc, what_is_lost_for_lack_of_memory_is_counted);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
