/* SPDX-License-Identifier: MIT */
/* check_adopted: what an earlier daemon of this node started. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "supervisor_fixture.h"
#include "wire/buf.h"

static struct sup sup;
static int awaits; /* it began as a standby, or with a state to come */

/* It was started before; ready: its spec does not wait until it says so. */
static void adopt(int ready, const struct phub__spec *spec)
{
    static struct phub__runner_adopted held;
    struct phub_buf *bytes = sup_bytes(spec);

    held = (struct phub__runner_adopted){
        .handle = 1, .id = sup_text("c"), .incarnation = { 1, 1 },
        .epoch = { 1, 1 }, .pid = 42, .ready = ready, .awaits = awaits };
    sup_init(&sup, &held);
    ck_assert_int_eq(phub__instance_set_spec(sup.instance, bytes), 0);
    phub__buf_unref(&bytes);
    phub__instance_settle(sup.instance);
}

static void teardown(void)
{
    awaits = 0;
    sup_fini(&sup);
}

START_TEST(one_that_is_busy_gets_the_time_of_its_spec_to_say_that_it_is_ready)
{
    static const uint64_t given[] = { 500, 5000, 20000 };
    struct phub__spec spec = sup_spec();
    uint64_t has = given[_i] > 5000 ? given[_i] : 5000;

    spec.ready_timeout_ms = given[_i];
    adopt(0, &spec);
    sup_run(&sup, has - 1);
    ck_assert_uint_eq(sup.hard, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.hard, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STOPPING);
}
END_TEST

START_TEST(one_that_says_late_that_it_is_ready_runs_on)
{
    struct phub__spec spec = sup_spec();

    spec.ready_timeout_ms = 20000;
    adopt(0, &spec);
    sup_run(&sup, 19000);
    sup_hello(&sup, SUP_CAN_ALL);
    sup_ready(&sup);
    sup_hello(&sup, SUP_CAN_ALL | PHUB__IDENTIFIED);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.hard, 0);
}
END_TEST

/* It was seen running, so it had its state; it need not say so. */
START_TEST(one_that_ran_with_its_state_is_ready)
{
    struct phub__spec spec = sup_spec();
    int ran = _i;

    awaits = 1;
    spec.ready_timeout_ms = 20000;
    adopt(0, &spec);
    ck_assert_int_eq(phub__instance_whole(sup.instance, ran), ran);
    sup_hello(&sup, SUP_CAN_ALL);
    sup_hello(&sup, SUP_CAN_ALL | PHUB__IDENTIFIED);
    ck_assert_int_eq(phub__instance_whole(sup.instance, ran), ran);
    ck_assert_int_eq(sup_phase(&sup), ran ? PHUB__PHASE_RUNNING
                                          : PHUB__PHASE_STARTING);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.hard, !ran);
}
END_TEST

START_TEST(one_that_has_not_spoken_may_have_a_state)
{
    struct phub__spec spec = sup_spec();

    spec.ready = 0;
    adopt(1, &spec);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    sup_run(&sup, 4999);
    ck_assert(phub__instance_unsure(sup.instance));
    if (_i == 0) {
        sup_hello(&sup, 0);
    } else if (_i == 1) {
        sup_run(&sup, 1); /* it is one that does not speak */
    } else {
        sup_exit(&sup, 1);
        ck_assert(!phub__instance_unsure(sup.instance));
        sup_run(&sup, 0);
        sup_started(&sup);
        ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    }
    ck_assert(!phub__instance_unsure(sup.instance));
}
END_TEST

START_TEST(one_whose_state_is_taken_by_a_command_need_not_speak)
{
    struct phub__spec spec = sup_spec();
    struct phub_bytes word = sup_text("save");

    spec.ready = 0;
    spec.cmd_state_get = (struct phub__list){ &word, 1 };
    adopt(1, &spec);
    ck_assert(!phub__instance_unsure(sup.instance));
}
END_TEST

/* By the daemon that started it, only, it was not asked any more. */
START_TEST(one_that_is_not_healthy_any_more_is_killed)
{
    static struct phub_bytes health;
    struct phub__spec spec = sup_spec();

    health = sup_text("ping");
    spec.ready = 0;
    spec.cmd_health = (struct phub__list){ &health, 1 };
    spec.health_interval_ms = 100;
    adopt(1, &spec);
    for (int i = 0; i < 3; i++) {
        ck_assert_uint_eq(sup.hard, 0);
        sup_run(&sup, 100);
        ck_assert_uint_eq(sup.commands, (uint32_t)i + 1);
        sup_command_done(&sup, PHUB_EFAILED, "no", NULL);
    }
    ck_assert_uint_eq(sup.hard, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adopted");
    TCase *tc = tcase_create("adopted");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_loop_test(
        tc, one_that_is_busy_gets_the_time_of_its_spec_to_say_that_it_is_ready,
        0, 3);
    tcase_add_test(tc, one_that_says_late_that_it_is_ready_runs_on);
    tcase_add_loop_test(tc, one_that_ran_with_its_state_is_ready, 0, 2);
    tcase_add_loop_test(tc, one_that_has_not_spoken_may_have_a_state, 0, 3);
    tcase_add_test(tc, one_whose_state_is_taken_by_a_command_need_not_speak);
    tcase_add_test(tc, one_that_is_not_healthy_any_more_is_killed);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
