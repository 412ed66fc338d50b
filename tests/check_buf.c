/* SPDX-License-Identifier: MIT */
/* check_buf: counted bytes, the builder and the arena. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

#include <phub/error.h>

#include "wire/arena.h"
#include "wire/buf.h"
#include "wire/memory.h"

static int freed;

static void count_free(void *arg)
{
    (void)arg;
    freed++;
}

START_TEST(the_last_unref_frees_wrapped_bytes)
{
    static uint8_t bytes[4] = { 1, 2, 3, 4 };
    struct phub_buf *buf, *other, *none = NULL;

    freed = 0;
    buf = phub__buf_wrap(bytes, sizeof bytes, count_free, NULL);
    other = phub__buf_ref(buf);
    phub__buf_unref(&buf);
    ck_assert_ptr_null(buf);
    ck_assert_int_eq(freed, 0);
    ck_assert_uint_eq(other->data[3], 4);
    phub__buf_unref(&other);
    ck_assert_int_eq(freed, 1);
    phub__buf_unref(&none);
    ck_assert_ptr_null(phub__buf_ref(NULL));
    ck_assert_uint_eq(phub__buf_bytes(NULL).size, 0);
}
END_TEST

START_TEST(a_slice_keeps_the_whole_alive)
{
    struct phub_buf *whole = phub__buf_copy("whole", 5);
    struct phub_buf *part = phub__buf_slice(whole, 1, 3);
    struct phub_buf *empty = phub__buf_slice(whole, 5, 0);

    phub__buf_unref(&whole);
    ck_assert_mem_eq(part->data, "hol", 3);
    ck_assert_uint_eq(empty->size, 0);
    phub__buf_unref(&part);
    phub__buf_unref(&empty);
}
END_TEST

static void *ref_and_unref(void *arg)
{
    for (int i = 0; i < 20000; i++) {
        struct phub_buf *buf = phub__buf_ref(arg);

        phub__buf_unref(&buf);
    }
    return NULL;
}

START_TEST(references_may_be_given_back_on_any_thread)
{
    struct phub_buf *buf = phub__buf_copy("x", 1);
    pthread_t threads[4];

    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, ref_and_unref,
                                        buf), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(atomic_load(&buf->refs), 1);
    phub__buf_unref(&buf);
}
END_TEST

START_TEST(sizes_that_overflow_are_out_of_memory)
{
    struct phub__arena arena;

    ck_assert_ptr_null(phub__buf_new(SIZE_MAX));
    ck_assert_ptr_null(phub__buf_new(SIZE_MAX - 8));
    phub__arena_init(&arena, NULL, 0, SIZE_MAX);
    ck_assert_ptr_null(phub__arena_alloc(&arena, SIZE_MAX, 2));
    ck_assert_int_eq(arena.error, PHUB_ELIMIT);
    phub__arena_fini(&arena);
}
END_TEST

START_TEST(a_builder_grows_and_gives_its_bytes_away)
{
    struct phub__builder b;
    struct phub_buf *buf = NULL;

    phub__builder_init(&b, 100000);
    for (int i = 0; i < 10000; i++)
        ck_assert(phub__builder_append(&b, "0123456789", 10) == 0);
    ck_assert_int_eq(phub__builder_take(&b, &buf), 0);
    ck_assert_uint_eq(buf->size, 100000);
    ck_assert_mem_eq(buf->data + 99990, "0123456789", 10);
    ck_assert_uint_eq(b.size, 0);
    phub__buf_unref(&buf);
    ck_assert_int_eq(phub__builder_append(&b, "again", 5), 0);
    ck_assert_int_eq(phub__builder_take(&b, &buf), 0);
    ck_assert_mem_eq(buf->data, "again", 5);
    phub__buf_unref(&buf);
    ck_assert_int_eq(phub__builder_take(&b, &buf), 0); /* nothing is a thing */
    ck_assert_uint_eq(buf->size, 0);
    phub__buf_unref(&buf);
    phub__builder_fini(&b);
}
END_TEST

START_TEST(a_builders_first_failure_stays)
{
    struct phub__builder b;
    struct phub_buf *buf = NULL;

    phub__builder_init(&b, 4);
    ck_assert_int_eq(phub__builder_append(&b, "1234", 4), 0);
    ck_assert_int_eq(phub__builder_append(&b, "5", 1), PHUB_ELIMIT);
    ck_assert_int_eq(phub__builder_append(&b, "", 0), PHUB_ELIMIT);
    ck_assert_int_eq(phub__builder_fail(&b, PHUB_EINVAL), PHUB_ELIMIT);
    ck_assert_int_eq(phub__builder_take(&b, &buf), PHUB_ELIMIT);
    ck_assert_ptr_null(buf);
    phub__builder_reset(&b);
    ck_assert_int_eq(phub__builder_append(&b, "12", 2), 0);
    phub__builder_fini(&b);
}
END_TEST

START_TEST(a_builder_over_fixed_bytes_allocates_nothing)
{
    uint8_t bytes[4];
    struct phub__builder b;
    struct phub_buf *buf = NULL;

    phub__memory_fail(1);
    phub__builder_init_fixed(&b, bytes, sizeof bytes);
    ck_assert_int_eq(phub__builder_append(&b, "1234", 4), 0);
    ck_assert_int_eq(phub__builder_append(&b, "5", 1), PHUB_ELIMIT);
    ck_assert_int_eq(phub__memory_failed(), 0);
    phub__memory_fail(0);
    b.error = 0;
    ck_assert_int_eq(phub__builder_take(&b, &buf), 0);
    ck_assert_mem_eq(buf->data, "1234", 4);
    phub__buf_unref(&buf);
    phub__builder_fini(&b);
}
END_TEST

START_TEST(a_builder_survives_failed_allocations)
{
    for (uint64_t nth = 1; nth <= 4; nth++) {
        struct phub__builder b;
        struct phub_buf *buf = NULL;
        int rc = 0;

        phub__builder_init(&b, 100000);
        phub__memory_fail(nth);
        for (int i = 0; i < 50 && rc == 0; i++)
            rc = phub__builder_append(&b, "0123456789", 10);
        if (rc == 0) {
            rc = phub__builder_take(&b, &buf);
            ck_assert_int_eq(rc, 0); /* shrinking is not needed */
            ck_assert_uint_eq(buf->size, 500);
        } else {
            ck_assert_int_eq(rc, PHUB_ENOMEM);
        }
        phub__memory_fail(0);
        phub__buf_unref(&buf);
        phub__builder_fini(&b);
    }
}
END_TEST

START_TEST(an_arena_gives_up_to_its_limit)
{
    _Alignas(16) uint8_t first[64];
    struct phub__arena arena;
    void *a, *b;

    phub__arena_init(&arena, first, sizeof first, 10000);
    a = phub__arena_alloc(&arena, 3, 8);
    ck_assert_ptr_eq(a, first);
    b = phub__arena_alloc(&arena, 1, 1);
    ck_assert_ptr_eq(b, first + 32);
    ck_assert_ptr_nonnull(phub__arena_alloc(&arena, 0, 8));
    ck_assert_ptr_nonnull(phub__arena_alloc(&arena, 1, 9936));
    ck_assert_uint_eq(arena.used, 10000);
    ck_assert_ptr_null(phub__arena_alloc(&arena, 1, 1));
    ck_assert_int_eq(arena.error, PHUB_ELIMIT);
    phub__arena_reset(&arena);
    phub__memory_fail(1);
    ck_assert_ptr_nonnull(phub__arena_alloc(&arena, 1, 9936)); /* kept */
    ck_assert_int_eq(phub__memory_failed(), 0);
    phub__memory_fail(0);
    phub__arena_fini(&arena);
    phub__memory_fail(1);
    ck_assert_ptr_null(phub__arena_alloc(&arena, 1, 100));
    ck_assert_int_eq(arena.error, PHUB_ENOMEM);
    phub__memory_fail(0);
    phub__arena_fini(&arena);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buf");
    TCase *tc = tcase_create("buf");
    SRunner *runner;
    int failures;

    tcase_add_test(tc, the_last_unref_frees_wrapped_bytes);
    tcase_add_test(tc, a_slice_keeps_the_whole_alive);
    tcase_add_test(tc, references_may_be_given_back_on_any_thread);
    tcase_add_test(tc, sizes_that_overflow_are_out_of_memory);
    tcase_add_test(tc, a_builder_grows_and_gives_its_bytes_away);
    tcase_add_test(tc, a_builders_first_failure_stays);
    tcase_add_test(tc, a_builder_over_fixed_bytes_allocates_nothing);
    tcase_add_test(tc, a_builder_survives_failed_allocations);
    tcase_add_test(tc, an_arena_gives_up_to_its_limit);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
