/* SPDX-License-Identifier: MIT */
/* check_queue: events come out by (time, number), however they went in. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"

#define EVENTS 400u
#define TURN (UINT64_C(4096) << 20)  /* ns in one turn of the wheel */

static struct phub__sim_event events[EVENTS];
static struct phub__sim_queue queue;
static struct phub__sim_random chance;
static uint64_t numbers;

static void setup(void)
{
    memset(events, 0, sizeof(events));
    memset(&queue, 0, sizeof(queue));
    phub__sim_seed(&chance, 1, 0, 0);
    numbers = 0;
    for (uint32_t i = 0; i < EVENTS; i++)
        events[i].index = UINT32_MAX;
}

static void teardown(void)
{
    phub__sim_queue_fini(&queue);
}

static struct phub__sim_event *add(uint32_t which, uint64_t at)
{
    events[which].at = at;
    events[which].number = numbers++;
    phub__sim_queue_add(&queue, &events[which]);
    return &events[which];
}

static struct phub__sim_event *take(void)
{
    struct phub__sim_event *event = phub__sim_queue_first(&queue);

    if (event != NULL)
        phub__sim_queue_remove(&queue, event);
    return event;
}

/* The least of those that are in, by looking at all. */
static struct phub__sim_event *least(void)
{
    struct phub__sim_event *found = NULL;

    for (uint32_t i = 0; i < EVENTS; i++) {
        if (!phub__sim_queue_has(&events[i]))
            continue;
        if (found == NULL || events[i].at < found->at ||
            (events[i].at == found->at && events[i].number < found->number))
            found = &events[i];
    }
    return found;
}

START_TEST(an_empty_queue_has_no_first)
{
    ck_assert_ptr_null(phub__sim_queue_first(&queue));
    add(0, 5);
    ck_assert_ptr_eq(take(), &events[0]);
    ck_assert(!phub__sim_queue_has(&events[0]));
    ck_assert_ptr_null(take());
}
END_TEST

START_TEST(equal_times_come_in_the_order_they_were_put_in)
{
    for (uint32_t i = 0; i < 100; i++)
        add(i, 3 * TURN + 7);
    for (uint32_t i = 0; i < 100; i++)
        ck_assert_ptr_eq(take(), &events[i]);
}
END_TEST

START_TEST(the_same_slot_of_a_later_turn_waits_for_its_turn)
{
    add(0, 2 * TURN + 10);
    add(1, TURN + 10);
    add(2, 10);
    add(3, TURN + 9);
    ck_assert_ptr_eq(take(), &events[2]);
    ck_assert_ptr_eq(take(), &events[3]);
    ck_assert_ptr_eq(take(), &events[1]);
    ck_assert_ptr_eq(take(), &events[0]);
}
END_TEST

START_TEST(years_of_nothing_are_skipped)
{
    uint64_t year = UINT64_C(365) * 86400 * 1000000000;

    add(0, 100 * year);
    add(1, 3 * year + 1);
    add(2, 3 * year);
    ck_assert_ptr_eq(take(), &events[2]);
    ck_assert_ptr_eq(take(), &events[1]);
    ck_assert_ptr_eq(take(), &events[0]);
}
END_TEST

START_TEST(what_comes_after_a_look_ahead_may_be_earlier)
{
    add(0, TURN / 2);
    ck_assert_ptr_eq(phub__sim_queue_first(&queue), &events[0]);
    add(1, 1000);                     /* the queue has come further */
    ck_assert_ptr_eq(take(), &events[1]);
    ck_assert_ptr_eq(take(), &events[0]);
}
END_TEST

static uint64_t some_time(uint64_t now)
{
    switch (phub__sim_below(&chance, 4)) {
    case 0:
        return now;
    case 1:
        return now + phub__sim_below(&chance, 1 << 20);
    case 2:
        return now + phub__sim_below(&chance, TURN);
    default:
        return now + phub__sim_below(&chance, 20 * TURN);
    }
}

START_TEST(any_mix_comes_out_as_by_looking_at_all)
{
    uint64_t now = 0;

    for (uint32_t step = 0; step < 20000; step++) {
        uint32_t which = (uint32_t)phub__sim_below(&chance, EVENTS);
        /* It fills for a while, then empties. */
        uint64_t puts = step / 2000 % 2 == 0 ? 6 : 2;

        if (phub__sim_below(&chance, 10) < puts) {
            if (phub__sim_queue_has(&events[which]))
                phub__sim_queue_remove(&queue, &events[which]);
            else
                add(which, some_time(now));
        } else {
            struct phub__sim_event *wanted = least();

            ck_assert_ptr_eq(take(), wanted);
            now = wanted == NULL ? now : wanted->at;
        }
    }
    while (least() != NULL) {
        struct phub__sim_event *wanted = least();

        ck_assert_ptr_eq(take(), wanted);
    }
    ck_assert_ptr_null(phub__sim_queue_first(&queue));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("queue");
    TCase *tcase = tcase_create("queue");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, an_empty_queue_has_no_first);
    tcase_add_test(tcase, equal_times_come_in_the_order_they_were_put_in);
    tcase_add_test(tcase, the_same_slot_of_a_later_turn_waits_for_its_turn);
    tcase_add_test(tcase, years_of_nothing_are_skipped);
    tcase_add_test(tcase, what_comes_after_a_look_ahead_may_be_earlier);
    tcase_add_test(tcase, any_mix_comes_out_as_by_looking_at_all);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
