/* SPDX-License-Identifier: MIT */
/* check_brief: a hash that stands for a summary. */
#include "config.h"

#include "registry_fixture.h"

static bool equal_by_brief(struct phub__registry *a, struct phub__registry *b)
{
    struct phub_buf *brief = NULL;
    bool is = false;

    ck_assert_int_eq(phub__registry_brief(b, &brief), 0);
    ck_assert_uint_le(brief->size, 48);
    ck_assert_int_eq(phub__registry_equal(a, phub__buf_bytes(brief), &is), 0);
    phub__buf_unref(&brief);
    return is;
}

START_TEST(a_brief_says_whether_two_are_equal)
{
    struct phub__registry *a = registry_new(1, UINT64_MAX - 1, NULL, NULL);
    struct phub__registry *b = registry_new(UINT64_MAX, 1, NULL, NULL);
    char id[16];
    int i;

    for (i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "c%d", i);
        ck_assert_int_eq(start(i % 3 == 0 ? b : a, id, next_epoch(a), 1), 0);
        ck_assert(!equal_by_brief(a, b));
        ck_assert(!equal_by_brief(b, a));
        exchange(a, b);
        exchange(b, a);
        ck_assert(equal_by_brief(a, b));
        ck_assert(equal_by_brief(b, a));
    }
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

/* That they are equal is all it takes: a stop goes when all have seen it. */
START_TEST(briefs_let_old_stops_be_dropped)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    int i;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    exchange(a, b);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    exchange(a, b);
    exchange(b, a);
    ck_assert_uint_ne(a->table.count, 0);
    for (i = 0; i < 10; i++) {
        (void)equal_by_brief(a, b);
        (void)equal_by_brief(b, a);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert_uint_eq(a->table.count, 0);
    ck_assert_uint_eq(b->table.count, 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

/* It alone lists its new boot, behind the one before. */
START_TEST(who_starts_again_and_writes_nothing_is_equal)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    int i;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    exchange(a, b);
    phub__registry_free(&a);
    a = registry_new(1, 2, NULL, NULL);
    for (i = 0; i < 3; i++) {
        exchange(a, b);
        exchange(b, a);
    }
    ck_assert(equal_by_brief(a, b));
    ck_assert(equal_by_brief(b, a));
    ck_assert_int_eq(start(a, "y", next_epoch(a), 1), 0);
    ck_assert(!equal_by_brief(a, b));
    ck_assert(!equal_by_brief(b, a));
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(a_brief_is_no_summary)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__builder delta;
    struct phub_buf *brief = NULL;
    bool more, covers = true;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    ck_assert_int_eq(phub__registry_brief(b, &brief), 0);
    phub__builder_init(&delta, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_missing(a, phub__buf_bytes(brief), 4096,
                                            &delta, &more), PHUB_EPROTO);
    ck_assert_int_eq(phub__registry_covers(a, phub__buf_bytes(brief),
                                           &covers), 0);
    ck_assert(!covers);
    phub__builder_fini(&delta);
    phub__buf_unref(&brief);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("brief");
    TCase *tc = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, a_brief_says_whether_two_are_equal);
    tcase_add_test(tc, briefs_let_old_stops_be_dropped);
    tcase_add_test(tc, who_starts_again_and_writes_nothing_is_equal);
    tcase_add_test(tc, a_brief_is_no_summary);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
