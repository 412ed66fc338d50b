/* SPDX-License-Identifier: MIT */
/* check_freeze: one that was told to freeze is frozen, and is thawed again
 * whatever came between. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "supervisor_fixture.h"
#include "wire/buf.h"

static struct sup sup;
static struct sup_answer answer;

static void setup(void)
{
    memset(&answer, 0, sizeof answer);
    sup_init(&sup, NULL);
}

static void teardown(void)
{
    sup_fini(&sup);
}

START_TEST(freeze_is_over_when_the_child_says_so)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    ck_assert_uint_eq(answer.count, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_FROZEN);
    phub__instance_thaw(sup.instance);
    ck_assert_int_eq(sup.verb, PHUB__VERB_THAW);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_thaw_that_comes_before_the_freeze_is_answered_follows_it)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    phub__instance_thaw(sup.instance);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(sup.verb, PHUB__VERB_THAW);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(only_a_running_instance_freezes)
{
    struct phub__spec spec = sup_spec();

    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_run(&sup, 0);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    ck_assert_str_eq(answer.text, "it is not running");
}
END_TEST

START_TEST(a_freeze_that_a_stop_overtakes_does_not_undo_it)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_done(&sup, sup.ref + 5, 0, NULL);
    {
        uint64_t ref = sup.ref;

        phub__instance_stop(sup.instance, 0, "asked");
        sup_done(&sup, ref, 0, NULL);
    }
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STOPPING);
    sup_exit(&sup, 0);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
}
END_TEST

/* The target of its first move was lost before it had frozen, and that of the
 * second one too. */
START_TEST(one_that_is_frozen_again_while_it_freezes_is_thawed)
{
    uint64_t first, second;

    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 10000, sup_answered, &answer);
    first = sup.ref;
    phub__instance_thaw(sup.instance);
    phub__instance_freeze(sup.instance, 10000, sup_answered, &answer);
    second = sup.ref;
    sup_done(&sup, first, 0, NULL);
    phub__instance_thaw(sup.instance);
    sup_done(&sup, second, 0, NULL);
    sup_run(&sup, 60000);
    ck_assert_int_eq(sup.verb, PHUB__VERB_THAW);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

/* A child that is busy reads FREEZE late, and its channel is full then. */
START_TEST(a_thaw_that_finds_no_room_is_repeated)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_run(&sup, 1000);
    ck_assert_int_eq(answer.rc, PHUB_ETIMEDOUT);
    sup.send_rc = PHUB_EBUSY;
    phub__instance_thaw(sup.instance);
    sup_run(&sup, 500);
    sup.send_rc = 0;
    sup.verb = PHUB__VERB_HELLO;
    sup_run(&sup, 500);
    ck_assert_int_eq(sup.verb, PHUB__VERB_THAW);
    sup.verb = PHUB__VERB_HELLO;
    sup_run(&sup, 60000);
    ck_assert_int_eq(sup.verb, PHUB__VERB_HELLO);
}
END_TEST

/* Else it would act while its state is on its way. */
START_TEST(a_thaw_that_is_owed_does_not_thaw_the_next_freeze)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_run(&sup, 1000);
    sup.send_rc = PHUB_EBUSY;
    phub__instance_thaw(sup.instance);
    if (_i != 0)
        sup_run(&sup, 10); /* it has been said that there was no room */
    sup.send_rc = 0;
    phub__instance_freeze(sup.instance, 100000, sup_answered, &answer);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    sup_run(&sup, 2000);
    sup_done(&sup, sup.ref, 0, NULL);
    sup_run(&sup, 60000);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_FROZEN);
}
END_TEST

/* It was killed before the child had answered, and what it asked had the number
 * of what this one asks. */
START_TEST(an_answer_to_an_earlier_daemon_is_none_to_this_one)
{
    static const struct phub__runner_adopted held = {
        .handle = 1, .id = { (const uint8_t *)"c", 1 },
        .incarnation = { 1, 1 }, .epoch = { 1, 1 }, .pid = 42, .ready = 1 };
    struct phub__spec spec = sup_spec();
    struct phub_buf *bytes;
    uint64_t before;

    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    before = sup.ref;
    sup_fini(&sup);
    memset(&answer, 0, sizeof answer);
    sup_init(&sup, &held);
    bytes = sup_bytes(&spec);
    ck_assert_int_eq(phub__instance_set_spec(sup.instance, bytes), 0);
    phub__buf_unref(&bytes);
    sup.handle = 1;
    sup_hello(&sup, SUP_CAN_ALL | PHUB__IDENTIFIED);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    sup_done(&sup, before, 0, "stale");
    ck_assert_uint_eq(answer.count, 0);
}
END_TEST

/* It was being frozen when its daemon died, does not say when it is ready, and
 * is busy: it tells what it is after its row was found. */
static void adopt_busy(void)
{
    static const struct phub__runner_adopted held = {
        .handle = 1, .id = { (const uint8_t *)"c", 1 },
        .incarnation = { 1, 1 }, .epoch = { 1, 1 }, .pid = 42, .ready = 1 };
    struct phub__spec spec = sup_spec();
    struct phub_buf *bytes;

    spec.ready = 0;
    sup_fini(&sup);
    sup_init(&sup, &held);
    bytes = sup_bytes(&spec);
    ck_assert_int_eq(phub__instance_set_spec(sup.instance, bytes), 0);
    phub__buf_unref(&bytes);
    phub__instance_settle(sup.instance);
    sup_run(&sup, 100);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(sup.sends, 0);
    sup_hello(&sup, SUP_CAN_ALL);
    ck_assert_uint_eq(sup.sends, 0);
}

START_TEST(one_that_says_late_that_it_is_frozen_is_thawed)
{
    adopt_busy();
    sup_hello(&sup, SUP_CAN_ALL | PHUB__IDENTIFIED |
                        (_i ? PHUB__WAS_FROZEN : 0));
    ck_assert_uint_eq(sup.sends, _i);
    ck_assert_int_eq(sup.verb, _i ? PHUB__VERB_THAW : 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    sup_hello(&sup, SUP_CAN_ALL);
    sup_ready(&sup);
    ck_assert_uint_eq(sup.sends, _i);
}
END_TEST

START_TEST(what_it_says_late_does_not_undo_the_next_freeze)
{
    adopt_busy();
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    if (_i)
        sup_done(&sup, sup.ref, 0, NULL);
    sup_hello(&sup, SUP_CAN_ALL | PHUB__IDENTIFIED | PHUB__WAS_FROZEN);
    ck_assert_int_eq(sup.verb, PHUB__VERB_FREEZE);
    if (!_i)
        sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_FROZEN);
}
END_TEST

static void commanded(struct phub_bytes *freeze, struct phub_bytes *thaw)
{
    struct phub__spec spec = sup_spec();

    *freeze = sup_text("pause");
    *thaw = sup_text("unpause");
    spec.ready = 0;
    spec.cmd_freeze = (struct phub__list){ freeze, 1 };
    spec.cmd_thaw = (struct phub__list){ thaw, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
}

/* To unpause what is not paused is an error of some tools. */
START_TEST(a_thaw_command_that_fails_is_tried_a_few_times)
{
    struct phub_bytes freeze, thaw;
    uint32_t i, before;

    commanded(&freeze, &thaw);
    sup_command_done(&sup, PHUB_EFAILED, "no such container", NULL);
    before = sup.commands;
    phub__instance_thaw(sup.instance);
    for (i = 0; i < 600; i++) {
        if (sup.command_done != NULL)
            sup_command_done(&sup, PHUB_EFAILED, "is not paused", NULL);
        sup.command_done = NULL;
        sup_run(&sup, 100);
    }
    ck_assert_uint_gt(sup.commands - before, 1);
    ck_assert_uint_lt(sup.commands - before, 6);
}
END_TEST

START_TEST(a_child_that_answers_a_thaw_is_not_asked_again)
{
    uint32_t before;

    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_done(&sup, sup.ref, 0, NULL);
    phub__instance_thaw(sup.instance);
    ck_assert_int_eq(sup.verb, PHUB__VERB_THAW);
    before = sup.sends;
    sup_done(&sup, sup.ref, PHUB_EBUSY, NULL);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.sends, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("freeze");
    TCase *tc = tcase_create("freeze");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, freeze_is_over_when_the_child_says_so);
    tcase_add_test(tc,
        a_thaw_that_comes_before_the_freeze_is_answered_follows_it);
    tcase_add_test(tc, only_a_running_instance_freezes);
    tcase_add_test(tc, a_freeze_that_a_stop_overtakes_does_not_undo_it);
    tcase_add_test(tc, one_that_is_frozen_again_while_it_freezes_is_thawed);
    tcase_add_test(tc, a_thaw_that_finds_no_room_is_repeated);
    tcase_add_loop_test(tc,
        a_thaw_that_is_owed_does_not_thaw_the_next_freeze, 0, 2);
    tcase_add_test(tc, an_answer_to_an_earlier_daemon_is_none_to_this_one);
    tcase_add_loop_test(tc, one_that_says_late_that_it_is_frozen_is_thawed, 0,
                        2);
    tcase_add_loop_test(tc, what_it_says_late_does_not_undo_the_next_freeze, 0,
                        2);
    tcase_add_test(tc, a_thaw_command_that_fails_is_tried_a_few_times);
    tcase_add_test(tc, a_child_that_answers_a_thaw_is_not_asked_again);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
