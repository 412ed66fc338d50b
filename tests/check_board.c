/* SPDX-License-Identifier: MIT */
/* Tests of load_balancer's scores and of the bytes of its boards. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <phub/cbor.h>

#include "balancer/balancer.h"

#define GIB (UINT64_C(1) << 30)

START_TEST(a_score_is_the_mean_of_four_shares_by_their_weights)
{
    struct balancer_weights w = { .cpu = 40, .queue = 30, .children = 20,
                                  .memory = 10, .queue_full = 4,
                                  .children_full = 1000, .history = 30,
                                  .decay = 90 };
    struct phub_load load = { .size = sizeof load, .cpus = 2,
                              .cpu_permille = 500, .queue_milli = 2000,
                              .children = 100, .memory_bytes = 8 * GIB,
                              .memory_free_bytes = 2 * GIB };

    /* 0.4 * 0.5 + 0.3 * 2/8 + 0.2 * 0.1 + 0.1 * 0.75 */
    ck_assert_uint_eq(balancer_score(&w, &load), 370);
    w.cpu = w.queue = w.children = 0;
    ck_assert_uint_eq(balancer_score(&w, &load), 750);
    w.memory = 0;
    w.children = 1;
    ck_assert_uint_eq(balancer_score(&w, &load), 100);
    w.cpu = 1;
    ck_assert_uint_eq(balancer_score(&w, &load), 300);
}
END_TEST

START_TEST(no_measurement_is_worth_more_than_all)
{
    struct balancer_weights w = { .cpu = 1, .queue = 1000, .children = 1,
                                  .memory = 1, .queue_full = 10000,
                                  .children_full = 1, .history = 1 };
    struct phub_load load = { .size = sizeof load, .cpus = UINT32_MAX,
                              .cpu_permille = UINT32_MAX,
                              .queue_milli = UINT32_MAX,
                              .children = UINT32_MAX,
                              .memory_bytes = UINT64_MAX };

    w.queue = 1;
    ck_assert_uint_eq(balancer_score(&w, &load), 750);
    load.cpus = 0;
    w.queue_full = 1;
    ck_assert_uint_eq(balancer_score(&w, &load), BALANCER_SCORE_MAX);
    load.memory_free_bytes = UINT64_MAX;
    load.memory_bytes = 0; /* more free than there is */
    ck_assert_uint_eq(balancer_score(&w, &load), 750);
}
END_TEST

START_TEST(older_measurements_count_less_and_the_first_as_it_is)
{
    struct balancer_weights w = { .history = 3, .decay = 50 };
    struct balancer_history history = { .node = 1 };
    uint32_t i;

    balancer_history_add(&history, &w, 800);
    ck_assert_uint_eq(history.score, 800);
    balancer_history_add(&history, &w, 200); /* (200 + 400) / 1.5 */
    ck_assert_uint_eq(history.score, 400);
    balancer_history_add(&history, &w, 0);   /* (0 + 100 + 200) / 1.75 */
    ck_assert_uint_eq(history.score, 171);
    balancer_history_add(&history, &w, 0);   /* 800 is forgotten */
    ck_assert_uint_eq(history.score, 28);
    ck_assert_uint_eq(history.count, 3);
    w.decay = 0;
    balancer_history_add(&history, &w, 999);
    ck_assert_uint_eq(history.score, 999);
    w.decay = 100;
    for (i = 1; i <= 3; i++)
        balancer_history_add(&history, &w, 100 * i);
    ck_assert_uint_eq(history.score, 200);
}
END_TEST

/* --- boards ----------------------------------------------------------------- */

static int decoded(const struct phub_bytes *bytes)
{
    struct balancer_board b;
    int rc = balancer_board_decode(bytes, 1, &b);

    if (rc != 0)
        ck_assert_ptr_null(b.entries);
    balancer_board_free(&b);
    return rc;
}

START_TEST(a_board_that_cannot_be_is_refused)
{
    static const struct balancer_entry wrong[][2] = {
        { { .node = 0 }, { .node = 1 } },
        { { .node = 2 }, { .node = 2 } },
        { { .node = 2 }, { .node = 1 } },
        { { .node = 1, .score = BALANCER_SCORE_MAX + 1 }, { .node = 2 } },
        { { .node = 1 }, { .node = 2, .samples = BALANCER_HISTORY_MAX + 1 } },
        { { .node = 1 }, { .node = 2, .capacity = BALANCER_CAPACITY_MAX + 1 } },
    };
    struct balancer_entry right[2] = {
        { .node = 1, .score = BALANCER_SCORE_MAX,
          .samples = BALANCER_HISTORY_MAX },
        { .node = UINT64_MAX, .capacity = BALANCER_CAPACITY_MAX } };
    struct balancer_board b = { .entries = right, .count = 2,
                                .view_hash = UINT64_MAX,
                                .serial = UINT64_MAX };
    struct phub_bytes bytes;
    uint8_t *copy;
    size_t i;

    ck_assert_int_eq(balancer_board_encode(&b, &copy, &bytes.size), 0);
    bytes.data = copy;
    ck_assert_int_eq(decoded(&bytes), 0);
    for (i = bytes.size; i-- > 0;) {
        bytes.size = i;
        ck_assert_int_eq(decoded(&bytes), PHUB_EINVAL);
    }
    free(copy);
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        memcpy(right, wrong[i], sizeof right);
        ck_assert_int_eq(balancer_board_encode(&b, &copy, &bytes.size), 0);
        bytes.data = copy;
        ck_assert_int_eq(decoded(&bytes), PHUB_EINVAL);
        free(copy);
    }
}
END_TEST

/* A list that says that it is long, and more items than this version has. */
START_TEST(a_board_is_as_long_as_it_is)
{
    uint8_t bytes[64];
    struct phub_cbor_writer w;
    struct phub_bytes message = { bytes, 0 };
    uint32_t i;

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_array(&w, 4);
    for (i = 1; i <= 3; i++)
        phub_cbor_write_uint(&w, i == 1 ? 1 : 7);
    phub_cbor_write_array(&w, 4ull * BALANCER_NODES_MAX);
    message.size = w.size;
    ck_assert_int_eq(decoded(&message), PHUB_EINVAL);
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_array(&w, 5);
    for (i = 1; i <= 3; i++)
        phub_cbor_write_uint(&w, i == 1 ? 1 : 7);
    phub_cbor_write_array(&w, 4);
    for (i = 1; i <= 4; i++)
        phub_cbor_write_uint(&w, i);
    phub_cbor_write_text(&w, "later", 5);
    message.size = w.size;
    ck_assert_int_eq(decoded(&message), 0);
    message.size++;
    bytes[w.size] = 0;
    ck_assert_int_eq(decoded(&message), PHUB_EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("board");
    TCase *tc = tcase_create("board");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, a_score_is_the_mean_of_four_shares_by_their_weights);
    tcase_add_test(tc, no_measurement_is_worth_more_than_all);
    tcase_add_test(tc, older_measurements_count_less_and_the_first_as_it_is);
    tcase_add_test(tc, a_board_that_cannot_be_is_refused);
    tcase_add_test(tc, a_board_is_as_long_as_it_is);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
