/* SPDX-License-Identifier: MIT */
/* check_instance: what a running instance is asked, and how it answers. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "supervisor_fixture.h"
#include "wire/buf.h"
#include "wire/memory.h"

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

static void standby(struct phub__spec *spec)
{
    ck_assert_int_eq(sup_start(&sup, spec, SUP_STANDBY, NULL), 0);
    sup_started(&sup);
    sup_hello(&sup, SUP_CAN_ALL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
}

/* --- a runner without room ------------------------------------------------ */

/* It is busy, has no memory, or a disk that takes nothing. */
START_TEST(a_runner_that_cannot_just_now_costs_no_restart)
{
    static const enum phub__restart restarts[] = { PHUB__RESTART_PERMANENT,
                                                   PHUB__RESTART_TEMPORARY };
    static const int codes[] = { PHUB_EBUSY, PHUB_ENOMEM, PHUB_EIO };
    struct phub__spec spec = sup_spec();

    spec.restart = restarts[_i % 2];
    spec.restarts_max = 2;
    sup.start_rc = codes[_i / 2];
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_run(&sup, 60000);
    ck_assert_msg(sup.ended == 0, "%d: %s", sup.rc, sup.text);
    sup.start_rc = 0;
    sup_run(&sup, 60000);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
}
END_TEST

START_TEST(one_that_the_runner_refused_can_be_stopped)
{
    struct phub__spec spec = sup_spec();

    sup.start_rc = PHUB_EBUSY;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    phub__instance_stop(sup.instance, _i, "asked");
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.ended, 1);
}
END_TEST

/* Its channel is full, there is no memory, or no descriptor. */
START_TEST(a_state_that_could_not_be_handed_over_is_no_refusal)
{
    struct phub__spec spec = sup_spec();
    uint64_t begun_ns[6];
    uint32_t i;

    spec.restarts_max = 2;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, "state"), 0);
    for (i = 0; i < 6; i++) {
        ck_assert_uint_eq(sup.starts, i + 1);
        begun_ns[i] = sup.started_ns;
        sup.send_rc = _i == 0 ? PHUB_EBUSY : 0;
        sup_started(&sup);
        sup_hello(&sup, SUP_CAN_ALL);
        sup_run(&sup, 1);
        if (_i != 0)
            sup_unsent(&sup, sup.ref, PHUB_ESYS);
        ck_assert_uint_eq(sup.hard, i + 1);
        sup_exit(&sup, -9);
        ck_assert_msg(sup.ended == 0, "%d: %s", sup.rc, sup.text);
        while (sup.starts == i + 1)
            sup_run(&sup, 10);
    }
    ck_assert_uint_gt(begun_ns[5] - begun_ns[4], begun_ns[1] - begun_ns[0]);
    sup.send_rc = 0;
    sup_started(&sup);
    sup_hello(&sup, SUP_CAN_ALL);
    sup_done(&sup, sup.ref, 0, NULL);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_kill_that_found_no_room_is_repeated)
{
    struct phub__spec spec = sup_spec();

    spec.stop_timeout_ms = 700;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_up(&sup, 0);
    sup.kill_rc = PHUB_EBUSY;
    phub__instance_stop(sup.instance, 0, "asked");
    sup_run(&sup, 701);
    ck_assert_uint_eq(sup.hard, 1);
    sup_run(&sup, 1000);
    ck_assert_uint_gt(sup.hard, 1);
    sup.kill_rc = 0;
    sup_run(&sup, 100);
    sup.hard = 0;
    sup_run(&sup, 1000);
    ck_assert_uint_eq(sup.hard, 0);
    /* Nor is one that is hard from the start. */
    sup.kill_rc = PHUB_EBUSY;
    phub__instance_stop(sup.instance, 1, "now");
    sup.kill_rc = 0;
    sup_run(&sup, 1000);
    ck_assert_uint_eq(sup.hard, 2);
}
END_TEST

/* --- freeze, state, thaw -------------------------------------------------- */

START_TEST(an_answer_that_was_given_up_is_not_awaited)
{
    uint64_t ref;

    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ref = sup.ref;
    sup_run(&sup, 999);
    ck_assert_uint_eq(sup.forgotten, 0);
    sup_run(&sup, 1);
    ck_assert_int_eq(answer.rc, PHUB_ETIMEDOUT);
    ck_assert_uint_eq(sup.forgotten, ref);
}
END_TEST

START_TEST(a_late_or_second_answer_changes_nothing)
{
    uint64_t ref;

    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ref = sup.ref;
    sup_run(&sup, 1000);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_ETIMEDOUT);
    ck_assert_str_eq(answer.text, "the child did not answer in time");
    ck_assert_uint_eq(phub__supervisor_answers_late(sup.supervisor), 0);
    sup_done(&sup, ref, 0, NULL);
    ck_assert_uint_eq(phub__supervisor_answers_late(sup.supervisor), 1);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ref = sup.ref;
    sup_done(&sup, ref, 0, NULL);
    sup_done(&sup, ref, PHUB_EFAILED, NULL);
    ck_assert_uint_eq(phub__supervisor_answers_late(sup.supervisor), 2);
    ck_assert_uint_eq(answer.count, 2);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_FROZEN);
}
END_TEST

START_TEST(an_answer_to_nothing_is_ignored)
{
    sup_running(&sup, SUP_CAN_ALL);
    sup_done(&sup, 0, 0, "x");
    sup_done(&sup, 99999, PHUB_EFAILED, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(the_state_is_what_the_child_gives)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    ck_assert_int_eq(sup.verb, PHUB__VERB_TAKE_STATE);
    sup_done(&sup, sup.ref, 0, "forty");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.body, "forty");
}
END_TEST

START_TEST(one_that_cannot_says_so_from_the_loop)
{
    sup_running(&sup, 0);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ck_assert_uint_eq(answer.count, 0);
    sup_run(&sup, 0);
    ck_assert_int_eq(answer.rc, PHUB_EUNSUPPORTED);
    ck_assert_str_eq(answer.text, "it cannot freeze");
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    sup_run(&sup, 0);
    ck_assert_int_eq(answer.rc, PHUB_EUNSUPPORTED);
    ck_assert_str_eq(answer.text, "it has no state to take");
    ck_assert_uint_eq(answer.count, 2);
}
END_TEST

START_TEST(the_childs_end_answers_what_it_was_asked)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    sup_exit(&sup, -11);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    ck_assert_str_eq(answer.text, "ended by signal 11");
    sup_run(&sup, 2000);
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(a_frozen_one_that_dies_is_not_restarted_behind_its_owners_back)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    sup_done(&sup, sup.ref, 0, NULL);
    sup_exit(&sup, 1);
    ck_assert_uint_eq(sup.ended, 1);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.starts, 1);
}
END_TEST

START_TEST(a_full_runner_answers_every_verb)
{
    sup_running(&sup, SUP_CAN_ALL);
    sup.send_rc = PHUB_EBUSY;
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ck_assert_uint_eq(answer.count, 0);
    sup_run(&sup, 0);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_EBUSY);
    sup_run(&sup, 2000);
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(unanswered_verbs_are_limited)
{
    uint32_t i;

    sup_running(&sup, SUP_CAN_ALL);
    for (i = 0; i < PHUB__INSTANCE_CALLS_MAX; i++)
        phub__instance_message(sup.instance, NULL, 1000, sup_answered,
                               &answer);
    sup_run(&sup, 0);
    ck_assert_uint_eq(answer.count, 0);
    phub__instance_message(sup.instance, NULL, 1000, sup_answered, &answer);
    sup_run(&sup, 0);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_EBUSY);
    sup_run(&sup, 1000);
    ck_assert_uint_eq(answer.count, PHUB__INSTANCE_CALLS_MAX + 1);
}
END_TEST

START_TEST(without_memory_a_verb_is_still_answered)
{
    uint64_t nth;

    sup_running(&sup, SUP_CAN_ALL);
    for (nth = 1; nth < 10; nth++) {
        memset(&answer, 0, sizeof answer);
        phub__memory_fail(nth);
        phub__instance_freeze(sup.instance, 50, sup_answered, &answer);
        phub__memory_fail(0);
        sup_run(&sup, 100);
        ck_assert_uint_eq(answer.count, 1);
        ck_assert_int_ne(answer.rc, 0);
    }
    ck_assert_int_eq(answer.rc, PHUB_ETIMEDOUT);
}
END_TEST

START_TEST(one_that_agrees_by_itself_is_told_of)
{
    sup_running(&sup, PHUB__CAN_CONSENT);
    ck_assert_uint_eq(sup.agreed, 0);
    sup_agree(&sup);
    ck_assert_uint_eq(sup.agreed, 1);
}
END_TEST

START_TEST(who_was_not_asked_consents)
{
    sup_running(&sup, 0);
    phub__instance_consent(sup.instance, 1000, sup_answered, &answer);
    sup_run(&sup, 0);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

/* --- commands ------------------------------------------------------------- */

START_TEST(commands_stand_in_for_a_channel)
{
    static struct phub_bytes freeze, thaw, get;
    struct phub__spec spec = sup_spec();

    freeze = sup_text("pause");
    thaw = sup_text("unpause");
    get = sup_text("dump");
    spec.ready = 0;
    spec.cmd_freeze = (struct phub__list){ &freeze, 1 };
    spec.cmd_thaw = (struct phub__list){ &thaw, 1 };
    spec.cmd_state_get = (struct phub__list){ &get, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    ck_assert_uint_eq(phub__instance_can(sup.instance),
                      PHUB__CAN_FREEZE | PHUB__CAN_STATE);
    phub__instance_freeze(sup.instance, 1000, sup_answered, &answer);
    ck_assert_mem_eq(sup.command_word.data, "pause", 5);
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_FROZEN);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    sup_command_done(&sup, 0, "", "dumped");
    ck_assert_str_eq(answer.body, "dumped");
    phub__instance_thaw(sup.instance);
    ck_assert_mem_eq(sup.command_word.data, "unpause", 7);
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(sup.sends, 0);
}
END_TEST

START_TEST(a_command_that_outlives_its_instance_is_forgotten)
{
    static struct phub_bytes get;
    struct phub__spec spec = sup_spec();

    get = sup_text("dump");
    spec.ready = 0;
    spec.restart = PHUB__RESTART_TEMPORARY;
    spec.cmd_state_get = (struct phub__list){ &get, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    phub__instance_take_state(sup.instance, 1000, sup_answered, &answer);
    sup_exit(&sup, 1);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    sup_command_done(&sup, 0, "", "late");
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(a_program_that_is_not_healthy_is_not_running)
{
    static struct phub_bytes health;
    struct phub__spec spec = sup_spec();

    health = sup_text("ping");
    spec.ready = 0;
    spec.cmd_health = (struct phub__list){ &health, 1 };
    spec.health_interval_ms = 100;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    sup_run(&sup, 10);
    ck_assert_uint_eq(sup.commands, 1);
    sup_command_done(&sup, PHUB_EFAILED, "no", NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_run(&sup, 100);
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(one_that_fails_its_health_check_three_times_in_a_row_is_killed)
{
    static struct phub_bytes health;
    struct phub__spec spec = sup_spec();
    int i;

    health = sup_text("ping");
    spec.ready = 0;
    spec.cmd_health = (struct phub__list){ &health, 1 };
    spec.health_interval_ms = 100;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    sup_run(&sup, 10);
    sup_command_done(&sup, 0, "", NULL);
    for (i = 0; i < 2; i++) {
        sup_run(&sup, 100);
        sup_command_done(&sup, PHUB_EFAILED, "no", NULL);
    }
    sup_run(&sup, 100);
    sup_command_done(&sup, 0, "", NULL);
    for (i = 0; i < 3; i++) {
        ck_assert_uint_eq(sup.hard, 0);
        sup_run(&sup, 100);
        sup_command_done(&sup, PHUB_EFAILED, "no", NULL);
    }
    ck_assert_uint_eq(sup.hard, 1);
    sup_exit(&sup, -9);
    ck_assert_str_eq(phub__instance_ended_by(sup.instance),
                     "its health check failed 3 times: no");
    sup_run(&sup, 0);
    ck_assert_uint_eq(sup.starts, 2);
    sup_started(&sup);
    sup_exit(&sup, 1);
    ck_assert_str_eq(phub__instance_ended_by(sup.instance),
                     "it ended by itself");
}
END_TEST

/* Too many commands run on this machine, or it has no memory. */
START_TEST(a_health_check_that_cannot_begin_is_not_the_childs_failure)
{
    static const int codes[] = { PHUB_EBUSY, PHUB_ENOMEM, PHUB_ESYS };
    static struct phub_bytes health;
    struct phub__spec spec = sup_spec();

    health = sup_text("ping");
    spec.ready = 0;
    spec.cmd_health = (struct phub__list){ &health, 1 };
    spec.health_interval_ms = 10000;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), 0);
    sup_started(&sup);
    sup_run(&sup, 1000);
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    if (_i < 3)
        sup.command_rc = codes[_i];
    sup_run(&sup, 10000);
    if (_i >= 3) /* it seemed to begin */
        sup_command_done(&sup, codes[_i - 3], "cannot fork", NULL);
    sup.command_rc = 0;
    sup_run(&sup, 200);
    ck_assert_uint_eq(sup.commands, _i < 3 ? 2 : 3);
    sup.command_rc = PHUB_EBUSY;
    sup_command_done(&sup, PHUB_ESYS, "cannot fork", NULL);
    sup_run(&sup, 100000);
    ck_assert_uint_eq(sup.hard, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

/* --- standby -------------------------------------------------------------- */

START_TEST(a_standby_takes_over_with_the_state)
{
    struct phub__spec spec = sup_spec();
    struct phub_buf *state = phub__buf_copy("nine", 4);

    standby(&spec);
    ck_assert(sup.standby);
    ck_assert(sup.state_expected);
    sup_run(&sup, 3600000);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
    phub__instance_commit(sup.instance, state, sup_answered, &answer);
    phub__buf_unref(&state);
    ck_assert_int_eq(sup.verb, PHUB__VERB_PUT_STATE);
    ck_assert_str_eq(sup.body, "nine");
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup.verb, PHUB__VERB_COMMIT);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, 0);
}
END_TEST

START_TEST(a_standby_that_is_loaded_is_not_given_its_state_again)
{
    struct phub__spec spec = sup_spec();
    struct phub_buf *state = phub__buf_copy("nine", 4);
    struct sup_answer loaded = { 0 };

    standby(&spec);
    ck_assert_int_eq(phub__instance_load(sup.instance, state, sup_answered,
                                         &loaded), 0);
    ck_assert_int_eq(sup.verb, PHUB__VERB_PUT_STATE);
    ck_assert_int_eq(phub__instance_load(sup.instance, state, sup_answered,
                                         &loaded), PHUB_EUNSUPPORTED);
    if (_i == 0)
        sup_done(&sup, sup.ref, 0, NULL);
    phub__instance_commit(sup.instance, state, sup_answered, &answer);
    if (_i == 1) { /* committed before it had answered */
        ck_assert_int_eq(sup.verb, PHUB__VERB_PUT_STATE);
        sup_done(&sup, sup.ref, 0, NULL);
    }
    ck_assert_uint_eq(loaded.count, 1);
    ck_assert_int_eq(loaded.rc, 0);
    ck_assert_int_eq(sup.verb, PHUB__VERB_COMMIT);
    sup_ready(&sup);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    phub__buf_unref(&state);
}
END_TEST

START_TEST(a_standby_may_refuse_a_state_and_stays_one)
{
    struct phub__spec spec = sup_spec();
    struct phub_buf *state = phub__buf_copy("nine", 4);
    struct sup_answer loaded = { 0 };

    standby(&spec);
    state->version = 9;
    ck_assert_int_eq(phub__instance_load(sup.instance, state, sup_answered,
                                         &loaded), 0);
    sup_done(&sup, sup.ref, PHUB_EVERSION, NULL);
    ck_assert_uint_eq(loaded.count, 1);
    ck_assert_int_eq(loaded.rc, PHUB_EVERSION);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
    phub__buf_unref(&state);
}
END_TEST

START_TEST(a_standby_without_state_takes_over_by_commit_alone)
{
    struct phub__spec spec = sup_spec();

    standby(&spec);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    ck_assert_int_eq(sup.verb, PHUB__VERB_COMMIT);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_standby_that_takes_over_once_restarts_like_any)
{
    struct phub__spec spec = sup_spec();

    standby(&spec);
    sup_ready(&sup);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    sup_done(&sup, sup.ref, 0, NULL);
    sup_exit(&sup, 1);
    sup_run(&sup, 0);
    ck_assert_uint_eq(sup.starts, 2);
    ck_assert(!sup.standby);
    ck_assert(!sup.state_expected);
    sup_up(&sup, SUP_CAN_ALL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_standby_that_dies_is_not_restarted)
{
    struct phub__spec spec = sup_spec();

    standby(&spec);
    sup_exit(&sup, 1);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.starts, 1);
}
END_TEST

START_TEST(a_commit_that_the_childs_end_overtakes_is_answered)
{
    struct phub__spec spec = sup_spec();

    standby(&spec);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    sup_exit(&sup, 1);
    ck_assert_uint_eq(answer.count, 1);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
}
END_TEST

START_TEST(a_standby_that_never_answers_commit_is_refused)
{
    struct phub__spec spec = sup_spec();

    spec.ready_timeout_ms = 400;
    standby(&spec);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    sup_run(&sup, 400);
    ck_assert_uint_eq(sup.hard, 1);
    sup_exit(&sup, -9);
    ck_assert_int_eq(sup.rc, PHUB_ETIMEDOUT);
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

START_TEST(a_standby_that_is_slow_to_speak_still_gets_its_commit)
{
    struct phub__spec spec = sup_spec();

    spec.ready = 0;
    ck_assert_int_eq(sup_start(&sup, &spec, SUP_STANDBY, NULL), 0);
    sup_started(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    sup_hello(&sup, SUP_CAN_ALL);
    ck_assert_int_eq(sup.verb, PHUB__VERB_COMMIT);
}
END_TEST

START_TEST(only_a_standby_can_be_committed)
{
    sup_running(&sup, SUP_CAN_ALL);
    phub__instance_commit(sup.instance, NULL, sup_answered, &answer);
    sup_run(&sup, 0);
    ck_assert_int_eq(answer.rc, PHUB_EFAILED);
    ck_assert_str_eq(answer.text, "it is no standby");
}
END_TEST

START_TEST(a_standby_whose_state_goes_by_command_is_only_reserved)
{
    static struct phub_bytes word;
    struct phub__spec spec = sup_spec();
    struct phub_buf *state = phub__buf_copy("nine", 4);

    word = sup_text("load");
    spec.cmd_state_put = (struct phub__list){ &word, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, SUP_STANDBY, NULL), 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STANDBY);
    ck_assert_uint_eq(sup.starts, 0);
    phub__instance_commit(sup.instance, state, sup_answered, &answer);
    phub__buf_unref(&state);
    ck_assert_str_eq(sup.command_input, "nine");
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_uint_eq(sup.starts, 1);
    ck_assert(!sup.standby);
    sup_up(&sup, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_uint_eq(answer.count, 1);
}
END_TEST

/* --- what it publishes ---------------------------------------------------- */

START_TEST(what_a_child_publishes_replaces_and_empty_removes)
{
    const struct phub__pair *pairs;
    uint32_t count;

    sup_running(&sup, SUP_CAN_ALL);
    sup_publish(&sup, "port", "80");
    sup_publish(&sup, "proto", "http");
    sup_publish(&sup, "port", "8080");
    pairs = phub__instance_metadata(sup.instance, &count);
    ck_assert_uint_eq(count, 2);
    ck_assert_mem_eq(pairs[0].value.data, "8080", 4);
    sup_publish(&sup, "port", "");
    pairs = phub__instance_metadata(sup.instance, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_mem_eq(pairs[0].key.data, "proto", 5);
    sup_publish(&sup, "nothing", "");
    (void)phub__instance_metadata(sup.instance, &count);
    ck_assert_uint_eq(count, 1);
}
END_TEST

START_TEST(what_it_publishes_is_limited)
{
    char key[80], value[1100];
    uint32_t i, count, changed;

    sup_running(&sup, SUP_CAN_ALL);
    for (i = 0; i < PHUB__INSTANCE_METADATA_MAX + 5; i++) {
        snprintf(key, sizeof key, "k%u", i);
        sup_publish(&sup, key, "v");
    }
    (void)phub__instance_metadata(sup.instance, &count);
    ck_assert_uint_eq(count, PHUB__INSTANCE_METADATA_MAX);
    changed = sup.changed;
    memset(key, 'k', sizeof key);
    key[64] = '\0';
    sup_publish(&sup, key, "v");
    memset(value, 'v', sizeof value);
    value[1025] = '\0';
    sup_publish(&sup, "k1", value);
    sup_publish(&sup, "", "v");
    ck_assert_uint_eq(sup.changed, changed);
    value[1024] = '\0';
    sup_publish(&sup, "k1", value);
    ck_assert_uint_eq(sup.changed, changed + 1);
}
END_TEST

START_TEST(saying_the_same_again_and_again_changes_nothing)
{
    uint32_t i, changed;

    sup_running(&sup, SUP_CAN_ALL);
    sup_publish(&sup, "port", "80");
    changed = sup.changed;
    for (i = 0; i < 1000; i++)
        sup_publish(&sup, "port", "80");
    ck_assert_uint_eq(sup.changed, changed);
}
END_TEST

START_TEST(what_a_dead_process_published_is_gone)
{
    uint32_t count;

    sup_running(&sup, SUP_CAN_ALL);
    sup_publish(&sup, "port", "80");
    sup_exit(&sup, 1);
    (void)phub__instance_metadata(sup.instance, &count);
    ck_assert_uint_eq(count, 0);
}
END_TEST

static void add_standby(TCase *tc)
{
    tcase_add_test(tc, a_standby_takes_over_with_the_state);
    tcase_add_loop_test(tc,
        a_standby_that_is_loaded_is_not_given_its_state_again, 0, 2);
    tcase_add_test(tc, a_standby_may_refuse_a_state_and_stays_one);
    tcase_add_test(tc, a_standby_without_state_takes_over_by_commit_alone);
    tcase_add_test(tc, a_standby_that_takes_over_once_restarts_like_any);
    tcase_add_test(tc, a_standby_that_dies_is_not_restarted);
    tcase_add_test(tc, a_commit_that_the_childs_end_overtakes_is_answered);
    tcase_add_test(tc, a_standby_that_never_answers_commit_is_refused);
    tcase_add_test(tc, a_standby_that_is_slow_to_speak_still_gets_its_commit);
    tcase_add_test(tc, only_a_standby_can_be_committed);
    tcase_add_test(tc, a_standby_whose_state_goes_by_command_is_only_reserved);
    tcase_add_test(tc, what_a_child_publishes_replaces_and_empty_removes);
    tcase_add_test(tc, what_it_publishes_is_limited);
    tcase_add_test(tc, saying_the_same_again_and_again_changes_nothing);
    tcase_add_test(tc, what_a_dead_process_published_is_gone);
}

int main(void)
{
    Suite *suite = suite_create("instance");
    TCase *tc = tcase_create("instance");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc,
                        a_runner_that_cannot_just_now_costs_no_restart, 0, 6);
    tcase_add_loop_test(tc, one_that_the_runner_refused_can_be_stopped, 0, 2);
    tcase_add_loop_test(tc,
        a_state_that_could_not_be_handed_over_is_no_refusal, 0, 2);
    tcase_add_test(tc, a_kill_that_found_no_room_is_repeated);
    tcase_add_test(tc, an_answer_that_was_given_up_is_not_awaited);
    tcase_add_test(tc, a_late_or_second_answer_changes_nothing);
    tcase_add_test(tc, an_answer_to_nothing_is_ignored);
    tcase_add_test(tc, the_state_is_what_the_child_gives);
    tcase_add_test(tc, one_that_cannot_says_so_from_the_loop);
    tcase_add_test(tc, the_childs_end_answers_what_it_was_asked);
    tcase_add_test(tc,
        a_frozen_one_that_dies_is_not_restarted_behind_its_owners_back);
    tcase_add_test(tc, a_full_runner_answers_every_verb);
    tcase_add_test(tc, unanswered_verbs_are_limited);
    tcase_add_test(tc, without_memory_a_verb_is_still_answered);
    tcase_add_test(tc, who_was_not_asked_consents);
    tcase_add_test(tc, one_that_agrees_by_itself_is_told_of);
    tcase_add_test(tc, commands_stand_in_for_a_channel);
    tcase_add_test(tc, a_command_that_outlives_its_instance_is_forgotten);
    tcase_add_test(tc, a_program_that_is_not_healthy_is_not_running);
    tcase_add_test(tc,
        one_that_fails_its_health_check_three_times_in_a_row_is_killed);
    tcase_add_loop_test(tc,
        a_health_check_that_cannot_begin_is_not_the_childs_failure, 0, 6);
    add_standby(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
