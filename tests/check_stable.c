/* SPDX-License-Identifier: MIT */
/* check_stable: when stops may be forgotten, and by whom. */
#include "config.h"

#include "registry_fixture.h"

/* Both drop what they may, again and again. */
static void settle(struct phub__registry *a, struct phub__registry *b)
{
    int i;

    for (i = 0; i < 12; i++) {
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
}

static int start_durable(struct phub__registry *r, const char *id)
{
    struct phub_epoch incarnation = next_epoch(r);
    struct phub__life life = { .incarnation = incarnation,
                               .spec = text("spec"), .durable = true };

    return phub__registry_spec_put(r, text(id), &life, 1, incarnation);
}

/* What is on the disk of a registry that holds x, and its known nodes. */
struct disk {
    struct phub__builder row;
    struct phub__builder known;
};

static void disk_write(struct disk *disk, struct phub__registry *r)
{
    phub__builder_init(&disk->row, DELTA_ROOM);
    phub__builder_init(&disk->known, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_snapshot(r, text("x"), &disk->row), 0);
    ck_assert_int_eq(phub__registry_known(r, &disk->known), 0);
}

static struct phub__registry *disk_start(const struct disk *disk,
                                         uint64_t node, uint64_t boot)
{
    struct phub__registry *r = registry_new(node, boot, NULL, NULL);

    ck_assert_int_eq(phub__registry_apply(
        r, phub__builder_bytes(&disk->known)), 0);
    ck_assert_int_eq(phub__registry_apply(
        r, phub__builder_bytes(&disk->row)), 0);
    return r;
}

static void disk_fini(struct disk *disk)
{
    phub__builder_fini(&disk->row);
    phub__builder_fini(&disk->known);
}

START_TEST(one_that_says_just_what_is_here_has_reported)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub_buf *of_a = NULL, *of_b = NULL;
    uint64_t rounds;
    bool same = false;

    ck_assert_int_eq(start_durable(a, "x"), 0);
    exchange(a, b);
    exchange(b, a);
    ck_assert_int_eq(phub__registry_summary_buf(a, &of_a), 0);
    ck_assert_int_eq(phub__registry_summary_buf(b, &of_b), 0);
    ck_assert_uint_eq(of_a->size, of_b->size);
    rounds = a->rounds;
    ck_assert_int_eq(phub__registry_equal(a, phub__buf_bytes(of_b), &same),
                     0);
    ck_assert(same);
    ck_assert_uint_eq(a->rounds, rounds + 1);
    ck_assert_int_eq(phub__registry_stop(b, text("x"), epoch(1, 1),
                                         next_epoch(b)), 0);
    phub__buf_unref(&of_b);
    ck_assert_int_eq(phub__registry_summary_buf(b, &of_b), 0);
    ck_assert_int_eq(phub__registry_equal(a, phub__buf_bytes(of_b), &same),
                     0);
    ck_assert(!same);
    phub__buf_unref(&of_a);
    phub__buf_unref(&of_b);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(one_that_starts_empty_keeps_stops_for_whom_it_has_not_met)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *d = registry_new(4, 1, NULL, NULL);
    struct disk disk;

    ck_assert_int_eq(start_durable(a, "x"), 0);
    exchange(a, b);
    exchange(a, d);
    exchange(b, d);
    disk_write(&disk, d);
    phub__registry_free(&d);
    ck_assert_int_eq(phub__registry_stop(b, text("x"), epoch(1, 1),
                                         next_epoch(b)), 0);
    phub__registry_free(&a);
    a = registry_new(1, 2, NULL, NULL);
    settle(a, b);
    ck_assert_uint_eq(a->authors.records, 1);
    ck_assert_uint_eq(b->authors.records, 1);
    phub__registry_free(&b);  /* it alone has met d */
    d = disk_start(&disk, 4, 2);
    ck_assert(is_live(d, "x"));
    settle(a, d);
    ck_assert(!is_live(a, "x"));
    ck_assert(!is_live(d, "x"));
    ck_assert(equal(a, d));
    disk_fini(&disk);
    phub__registry_free(&a);
    phub__registry_free(&d);
}
END_TEST

START_TEST(one_that_starts_alone_keeps_stops_for_all_it_once_knew)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *d = registry_new(4, 1, NULL, NULL);
    struct disk disk_a, disk_d;
    int i;

    ck_assert_int_eq(start_durable(a, "x"), 0);
    exchange(a, d);
    disk_write(&disk_d, d);
    phub__registry_free(&d);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    disk_write(&disk_a, a);
    phub__registry_free(&a);
    a = disk_start(&disk_a, 1, 2);
    for (i = 0; i < 6; i++)
        ck_assert_uint_eq(phub__registry_stable(a, 100), 0);
    d = disk_start(&disk_d, 4, 2);
    settle(a, d);
    ck_assert(!is_live(d, "x"));
    ck_assert_uint_eq(d->table.count, 0);
    ck_assert(equal(a, d));
    disk_fini(&disk_a);
    disk_fini(&disk_d);
    phub__registry_free(&a);
    phub__registry_free(&d);
}
END_TEST

START_TEST(what_has_not_reached_the_disk_counts_for_no_stop)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *d = registry_new(4, 1, NULL, NULL);
    struct disk disk;

    ck_assert_int_eq(start_durable(a, "x"), 0);
    exchange(a, d);
    disk_write(&disk, d);
    phub__registry_keep_due(d);
    phub__registry_keep_begin(d);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    exchange(a, d);
    phub__registry_keep_due(d);
    phub__registry_keep_end(d, true);  /* of before the stop */
    ck_assert(phub__registry_keep_is_due(d));
    settle(a, d);
    phub__registry_keep_begin(d);
    phub__registry_keep_end(d, false); /* the disk is full */
    settle(a, d);
    ck_assert(phub__registry_keep_is_due(d));
    ck_assert_uint_eq(a->authors.records, 1);
    ck_assert_uint_eq(d->authors.records, 1);
    phub__registry_free(&d);           /* it loses power */
    d = disk_start(&disk, 4, 2);
    ck_assert(is_live(d, "x"));
    settle(a, d);
    ck_assert(!is_live(d, "x"));
    ck_assert_uint_eq(a->table.count, 0);
    ck_assert_uint_eq(d->table.count, 0);
    ck_assert(equal(a, d));
    disk_fini(&disk);
    phub__registry_free(&a);
    phub__registry_free(&d);
}
END_TEST

START_TEST(what_is_kept_lets_stops_go)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *d = registry_new(4, 1, NULL, NULL);

    ck_assert_int_eq(start_durable(a, "x"), 0);
    exchange(a, d);
    ck_assert_int_eq(phub__registry_stop(d, text("x"), epoch(1, 1),
                                         next_epoch(d)), 0);
    phub__registry_keep_due(a);
    phub__registry_keep_due(d);
    settle(a, d);
    ck_assert_uint_eq(a->authors.records, 1);
    phub__registry_keep_begin(a);
    phub__registry_keep_begin(d);
    ck_assert_int_eq(start_durable(a, "y"), 0);
    phub__registry_keep_due(a);        /* for the next one */
    phub__registry_keep_end(a, true);
    phub__registry_keep_end(d, true);
    ck_assert(phub__registry_keep_is_due(a));
    ck_assert(!phub__registry_keep_is_due(d));
    phub__registry_keep_begin(a);
    phub__registry_keep_end(a, true);
    settle(a, d);
    ck_assert_uint_eq(a->authors.records, 0);
    ck_assert_uint_eq(d->authors.records, 0);
    phub__registry_free(&a);
    phub__registry_free(&d);
}
END_TEST

START_TEST(who_has_dropped_a_record_knows_all_that_it_overtook)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    int i;

    ck_assert_int_eq(phub__registry_stop(b, text("x"), epoch(1, 1),
                                         next_epoch(b)), 0);
    (void)equal(b, a);  /* the stop is aimed at, its start is not */
    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    for (i = 0; b->authors.records > 0; i++) {
        ck_assert_int_lt(i, 12);
        exchange(a, b);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert(phub__ranges_has(
        &phub__author_find(&b->authors, 1, 1)->stable, 1));
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

static struct phub__registry *three[3];

/* All have what two of them wrote, and have met all. */
static void three_new(void)
{
    int i, k;

    for (i = 0; i < 3; i++)
        three[i] = registry_new((uint64_t)i + 1, 1, NULL, NULL);
    ck_assert_int_eq(start_durable(three[0], "x"), 0);
    ck_assert_int_eq(start_durable(three[1], "y"), 0);
    for (i = 0; i < 9; i++)
        for (k = 0; k < 3; k++)
            exchange(three[k], three[(k + 1) % 3]);
    ck_assert(equal(three[0], three[1]) && equal(three[0], three[2]));
}

/* The first hears the others; does a round of its end? */
static bool three_round(void)
{
    uint64_t rounds = three[0]->rounds;

    (void)equal(three[0], three[1]);
    (void)equal(three[0], three[2]);
    return three[0]->rounds != rounds;
}

static void three_free(void)
{
    int i;

    for (i = 0; i < 3; i++)
        phub__registry_free(&three[i]);
}

START_TEST(a_round_waits_for_what_was_not_seen_here)
{
    int i;

    three_new();
    ck_assert(three_round());
    ck_assert_int_eq(start_durable(three[1], "z"), 0);
    for (i = 0; three_round(); i++)   /* the last one aims at z */
        ck_assert_int_lt(i, 3);
    for (i = 0; i < 3; i++)
        ck_assert(!three_round());
    exchange(three[0], three[1]);
    exchange(three[0], three[2]);
    ck_assert(three_round());
    three_free();
}
END_TEST

START_TEST(a_round_waits_for_what_is_not_kept_here)
{
    three_new();
    ck_assert(three_round());
    ck_assert(three_round());
    phub__registry_keep_due(three[0]);
    ck_assert(!three_round());
    ck_assert(!three_round());
    phub__registry_keep_begin(three[0]);
    phub__registry_keep_end(three[0], true);
    (void)phub__registry_stable(three[0], 100);
    ck_assert(three_round());
    three_free();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stable");
    TCase *tc = tcase_create("stable");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, one_that_says_just_what_is_here_has_reported);
    tcase_add_test(tc,
                   one_that_starts_empty_keeps_stops_for_whom_it_has_not_met);
    tcase_add_test(tc,
                   one_that_starts_alone_keeps_stops_for_all_it_once_knew);
    tcase_add_test(tc, what_has_not_reached_the_disk_counts_for_no_stop);
    tcase_add_test(tc, what_is_kept_lets_stops_go);
    tcase_add_test(tc, who_has_dropped_a_record_knows_all_that_it_overtook);
    tcase_add_test(tc, a_round_waits_for_what_was_not_seen_here);
    tcase_add_test(tc, a_round_waits_for_what_is_not_kept_here);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
