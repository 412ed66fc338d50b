/* SPDX-License-Identifier: MIT */
/* check_supervisor: start, readiness, restart and end of an instance. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "supervisor_fixture.h"
#include "wire/buf.h"
#include "wire/memory.h"

static struct sup sup;

static void setup(void)
{
    sup_init(&sup, NULL);
}

static void teardown(void)
{
    sup_fini(&sup);
}

static void begin(const struct phub__spec *spec, unsigned flags)
{
    ck_assert_int_eq(sup_start(&sup, spec, flags, NULL), 0);
}

/* --- readiness ------------------------------------------------------------ */

START_TEST(it_runs_when_started_and_told_ready)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_started(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    ck_assert_int_eq((int)phub__instance_pid(sup.instance), 4711);
    sup_hello(&sup, 0);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    sup_run(&sup, 100000);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(ready_before_started_counts_once_it_is_started)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_started(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(without_ready_in_its_spec_started_is_enough)
{
    struct phub__spec spec = sup_spec();

    spec.ready = 0;
    begin(&spec, 0);
    sup_started(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_first_start_that_is_never_ready_fails_after_its_process_is_gone)
{
    struct phub__spec spec = sup_spec();

    spec.ready_timeout_ms = 500;
    begin(&spec, SUP_FIRST);
    sup_started(&sup);
    sup_run(&sup, 499);
    ck_assert_uint_eq(sup.hard, 0);
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.hard, 1);
    ck_assert_uint_eq(sup.ended, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STOPPING);
    sup_exit(&sup, -9);
    ck_assert_uint_eq(sup.ended, 1);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_int_eq(sup.rc, PHUB_ETIMEDOUT);
    ck_assert_str_eq(sup.text, "not ready after 500 ms");
}
END_TEST

START_TEST(a_first_start_that_ends_before_ready_fails_and_says_how)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, SUP_FIRST);
    sup_started(&sup);
    sup_exit(&sup, 3);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_str_eq(sup.text, "exited with status 3 before it was ready");
    begin(&spec, SUP_FIRST);
    sup_started(&sup);
    sup_exit(&sup, -11);
    ck_assert_str_eq(sup.text, "ended by signal 11 before it was ready");
}
END_TEST

START_TEST(a_start_that_is_awaited_later_fails_by_its_next_end)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_started(&sup);
    sup_exit(&sup, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_BACKOFF);
    phub__instance_awaited(sup.instance);
    sup_run(&sup, 0);
    sup_started(&sup);
    sup_exit(&sup, 1);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
}
END_TEST

START_TEST(a_program_that_cannot_be_made_fails_the_first_start)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, SUP_FIRST);
    sup.events->failed(sup.events_arg, sup.handle, PHUB_ESPAWN,
                       "cannot execute 'prog'");
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_int_eq(sup.rc, PHUB_ESPAWN);
    ck_assert_str_eq(sup.text, "cannot execute 'prog'");
}
END_TEST

static void cannot_fork(uint32_t times)
{
    while (times-- > 0) {
        sup.events->failed(sup.events_arg, sup.handle, PHUB_ESYS,
                           "cannot fork");
        sup_run(&sup, 10000);
    }
}

START_TEST(a_machine_that_cannot_begin_it_costs_the_child_no_restart)
{
    struct phub__spec spec = sup_spec();

    spec.restart = _i ? PHUB__RESTART_TEMPORARY : PHUB__RESTART_PERMANENT;
    spec.restarts_max = 1;
    begin(&spec, 0);
    ck_assert(!phub__instance_stuck(sup.instance));
    sup.events->failed(sup.events_arg, sup.handle, PHUB_ESYS, "cannot fork");
    ck_assert(phub__instance_stuck(sup.instance));
    sup_run(&sup, 10000);
    cannot_fork(19);
    ck_assert_uint_eq(sup.ended, 0);
    ck_assert_uint_eq(sup.starts, 21);
    ck_assert(!phub__instance_stuck(sup.instance));
    sup_up(&sup, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(phub__instance_restarts(sup.instance), 0);
}
END_TEST

START_TEST(a_machine_that_cannot_begin_it_is_backed_off_from)
{
    struct phub__spec spec = sup_spec();

    spec.backoff_ms = 100;
    spec.backoff_max_ms = 10000;
    begin(&spec, 0);
    cannot_fork(20);
    sup.events->failed(sup.events_arg, sup.handle, PHUB_ESYS, "cannot fork");
    sup_run(&sup, spec.backoff_max_ms - 1);
    ck_assert_uint_eq(sup.starts, 21);
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.starts, 22);
    sup_up(&sup, 0);
    sup_exit(&sup, 1);
    sup_run(&sup, 0);
    ck_assert_uint_eq(sup.starts, 23);
    sup.events->failed(sup.events_arg, sup.handle, PHUB_ESYS, "cannot fork");
    sup_run(&sup, spec.backoff_ms);
    ck_assert_uint_eq(sup.starts, 24);
}
END_TEST

START_TEST(a_machine_that_cannot_begin_it_fails_a_start_that_is_awaited)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, SUP_FIRST);
    cannot_fork(1);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_int_eq(sup.rc, PHUB_ESYS);
}
END_TEST

START_TEST(a_runner_that_refuses_is_told_from_the_loop)
{
    struct phub__spec spec = sup_spec();

    sup.start_rc = PHUB_EBUSY;
    begin(&spec, SUP_FIRST);
    ck_assert_uint_eq(sup.ended, 0);
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.ended, 1);
    ck_assert_int_eq(sup.rc, PHUB_ESYS); /* the machine's fault */
}
END_TEST

START_TEST(a_restart_that_is_never_ready_is_killed_and_tried_again)
{
    struct phub__spec spec = sup_spec();

    spec.ready_timeout_ms = 500;
    begin(&spec, SUP_FIRST);
    sup_up(&sup, 0);
    sup_exit(&sup, 1);
    sup_run(&sup, 0);
    sup_started(&sup);
    sup_run(&sup, 500);
    ck_assert_uint_eq(sup.hard, 1);
    ck_assert_uint_eq(sup.ended, 0);
    sup_exit(&sup, -9);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_BACKOFF);
    sup_run(&sup, 1000);
    ck_assert_uint_eq(sup.starts, 3);
}
END_TEST

/* --- a state -------------------------------------------------------------- */

START_TEST(it_is_not_running_before_it_has_its_state)
{
    struct phub__spec spec = sup_spec();

    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    ck_assert(sup.state_expected);
    sup_started(&sup);
    ck_assert_int_eq(sup.verb, PHUB__VERB_PUT_STATE);
    ck_assert_str_eq(sup.body, "seven");
    sup_hello(&sup, PHUB__CAN_STATE);
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
    sup_done(&sup, sup.ref, 0, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
}
END_TEST

START_TEST(a_child_that_refuses_its_state_never_runs)
{
    struct phub__spec spec = sup_spec();

    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    sup_up(&sup, PHUB__CAN_STATE);
    sup_done(&sup, sup.ref, PHUB_EVERSION, NULL);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STOPPING);
    ck_assert_uint_eq(sup.ended, 0);
    sup_exit(&sup, -9);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_int_eq(sup.rc, PHUB_EVERSION);
    ck_assert_str_eq(sup.text, "it did not take its state: no common "
                               "version");
}
END_TEST

START_TEST(one_with_a_state_that_dies_before_it_runs_is_not_restarted_empty)
{
    struct phub__spec spec = sup_spec();

    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    sup_started(&sup);
    sup_exit(&sup, 1);
    ck_assert_uint_eq(sup.ended, 0);
    sup_run(&sup, 100);
    ck_assert_uint_eq(sup.starts, 2);
    sup_started(&sup);
    ck_assert_int_eq(sup.verb, PHUB__VERB_PUT_STATE);
    ck_assert_str_eq(sup.body, "seven");
}
END_TEST

START_TEST(a_state_command_runs_before_the_program)
{
    static struct phub_bytes word;
    struct phub__spec spec = sup_spec();

    word = sup_text("load");
    spec.cmd_state_put = (struct phub__list){ &word, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_PREPARING);
    ck_assert_uint_eq(sup.starts, 0);
    ck_assert_str_eq(sup.command_input, "seven");
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_uint_eq(sup.starts, 1);
    sup_up(&sup, 0);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(sup.sends, 0);
}
END_TEST

START_TEST(a_state_command_that_fails_is_tried_again_and_never_goes_without)
{
    static struct phub_bytes word;
    struct phub__spec spec = sup_spec();

    word = sup_text("load");
    spec.cmd_state_put = (struct phub__list){ &word, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    sup_command_done(&sup, PHUB_EFAILED, "no such file", NULL);
    ck_assert_uint_eq(sup.starts, 0);
    ck_assert_uint_eq(sup.ended, 0);
    sup_run(&sup, 100);
    ck_assert_uint_eq(sup.commands, 2);
    ck_assert_str_eq(sup.command_input, "seven");
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_uint_eq(sup.starts, 1);
}
END_TEST

START_TEST(a_stop_during_the_state_command_ends_it_and_nothing_follows)
{
    static struct phub_bytes word;
    struct phub__spec spec = sup_spec();

    word = sup_text("load");
    spec.cmd_state_put = (struct phub__list){ &word, 1 };
    ck_assert_int_eq(sup_start(&sup, &spec, 0, "seven"), 0);
    phub__instance_stop(sup.instance, 0, "asked");
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
    sup_command_done(&sup, 0, "", NULL);
    ck_assert_uint_eq(sup.starts, 0);
    ck_assert_uint_eq(sup.ended, 1);
}
END_TEST

/* --- restart -------------------------------------------------------------- */

START_TEST(restart_types_decide_what_follows_an_end)
{
    static const struct {
        uint64_t restart;
        int status, restarts;
    } cases[] = {
        { PHUB__RESTART_PERMANENT, 0, 1 }, { PHUB__RESTART_PERMANENT, 1, 1 },
        { PHUB__RESTART_TRANSIENT, 0, 0 }, { PHUB__RESTART_TRANSIENT, 1, 1 },
        { PHUB__RESTART_TRANSIENT, -9, 1 }, { PHUB__RESTART_TEMPORARY, 0, 0 },
        { PHUB__RESTART_TEMPORARY, 1, 0 },
    };
    struct phub__spec spec = sup_spec();

    spec.restart = cases[_i].restart;
    begin(&spec, SUP_FIRST);
    sup_up(&sup, 0);
    sup_exit(&sup, cases[_i].status);
    sup_run(&sup, 1000);
    if (cases[_i].restarts) {
        ck_assert_uint_eq(sup.starts, 2);
        ck_assert_uint_eq(phub__instance_restarts(sup.instance), 1);
    } else {
        ck_assert_uint_eq(sup.starts, 1);
        ck_assert_int_eq(sup.why, PHUB__ENDED_COMPLETED);
    }
}
END_TEST

static uint64_t crash(void)
{
    uint64_t at_ns = sup.now_ns;
    uint32_t starts = sup.starts;

    sup_exit(&sup, 1);
    while (sup.starts == starts && sup.ended == 0)
        sup_run(&sup, 1);
    return (sup.started_ns - at_ns) / 1000000;
}

START_TEST(back_off_starts_at_once_and_doubles_to_its_limit)
{
    struct phub__spec spec = sup_spec();

    spec.backoff_ms = 50;
    spec.backoff_max_ms = 300;
    begin(&spec, 0);
    sup_up(&sup, 0);
    ck_assert_uint_eq(crash(), 0);
    ck_assert_uint_eq(crash(), 50);
    ck_assert_uint_eq(crash(), 100);
    ck_assert_uint_eq(crash(), 200);
    ck_assert_uint_eq(crash(), 300);
    ck_assert_uint_eq(crash(), 300);
}
END_TEST

START_TEST(nothing_is_restarted_while_its_node_may_not_run_children)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_up(&sup, 0);
    sup.may_not = 1;
    sup_exit(&sup, 1);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.starts, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_BACKOFF);
    sup.may_not = 0;
    sup_run(&sup, 100);
    ck_assert_uint_eq(sup.starts, 2);
}
END_TEST

START_TEST(too_many_restarts_without_a_healthy_run_give_up)
{
    struct phub__spec spec = sup_spec();
    int i;

    spec.restarts_max = 3;
    spec.restart_window_ms = 60000;
    begin(&spec, 0);
    for (i = 0; i < 3; i++) {
        sup_up(&sup, 0);
        (void)crash();
        ck_assert_uint_eq(sup.ended, 0);
    }
    sup_up(&sup, 0);
    sup_exit(&sup, 1);
    ck_assert_uint_eq(sup.ended, 1);
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
    ck_assert_str_eq(sup.text, "exited with status 1; 3 restarts without a "
                     "healthy 60000 ms, the limit is 3");
    ck_assert_uint_eq(sup.starts, 4);
}
END_TEST

START_TEST(a_healthy_run_is_forgiven)
{
    struct phub__spec spec = sup_spec();
    int i;

    spec.restarts_max = 2;
    spec.backoff_ms = 50;
    spec.restart_window_ms = 1000;
    begin(&spec, 0);
    sup_up(&sup, 0);
    for (i = 0; i < 5; i++) {
        ck_assert_uint_eq(crash(), 0);
        sup_up(&sup, 0);
        ck_assert_uint_eq(crash(), 50);
        sup_up(&sup, 0);
        sup_run(&sup, 1000);
    }
    ck_assert_uint_eq(sup.ended, 0);
    ck_assert_uint_eq(phub__instance_restarts(sup.instance), 10);
}
END_TEST

START_TEST(a_run_just_short_of_healthy_is_not_forgiven)
{
    struct phub__spec spec = sup_spec();

    spec.restarts_max = 1;
    spec.restart_window_ms = 1000;
    begin(&spec, 0);
    sup_up(&sup, 0);
    (void)crash();
    sup_up(&sup, 0);
    sup_run(&sup, 999);
    (void)crash();
    ck_assert_int_eq(sup.why, PHUB__ENDED_FAILED);
}
END_TEST

/* --- stop ----------------------------------------------------------------- */

START_TEST(a_child_that_speaks_is_asked_by_its_channel)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_up(&sup, 0);
    phub__instance_stop(sup.instance, 0, "asked");
    ck_assert_int_eq(sup.verb, PHUB__VERB_STOP);
    ck_assert_uint_eq(sup.soft, 0);
    ck_assert_uint_eq(sup.ended, 0);
    sup_exit(&sup, 0);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
    ck_assert_str_eq(sup.text, "asked");
}
END_TEST

START_TEST(one_that_does_not_speak_or_has_a_signal_gets_the_signal)
{
    struct phub__spec spec = sup_spec();

    spec.ready = 0;
    begin(&spec, 0);
    sup_started(&sup);
    phub__instance_stop(sup.instance, 0, "asked");
    ck_assert_uint_eq(sup.soft, 1);
    sup_exit(&sup, -15);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
    spec.stop_signal = 2;
    begin(&spec, 0);
    sup_up(&sup, 0);
    phub__instance_stop(sup.instance, 0, "asked");
    ck_assert_uint_eq(sup.soft, 2);
    sup_exit(&sup, -2);
}
END_TEST

START_TEST(one_that_ignores_stop_is_killed_after_its_timeout)
{
    struct phub__spec spec = sup_spec();

    spec.stop_timeout_ms = 700;
    begin(&spec, 0);
    sup_up(&sup, 0);
    phub__instance_stop(sup.instance, 0, "asked");
    phub__instance_stop(sup.instance, 0, "again");
    sup_run(&sup, 699);
    ck_assert_uint_eq(sup.hard, 0);
    sup_run(&sup, 1);
    ck_assert_uint_eq(sup.hard, 1);
    ck_assert_uint_eq(sup.ended, 0);
    sup_exit(&sup, -9);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
}
END_TEST

START_TEST(a_hard_stop_kills_at_once_even_one_that_is_stopping)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_up(&sup, 0);
    phub__instance_stop(sup.instance, 0, "asked");
    phub__instance_stop(sup.instance, 1, "now");
    ck_assert_uint_eq(sup.hard, 1);
    sup_exit(&sup, -9);
    ck_assert_str_eq(sup.text, "now");
}
END_TEST

START_TEST(a_stop_during_back_off_ends_it_at_once)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_up(&sup, 0);
    sup_exit(&sup, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_BACKOFF);
    phub__instance_stop(sup.instance, 0, "asked");
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
    sup_run(&sup, 60000);
    ck_assert_uint_eq(sup.starts, 1);
    ck_assert_uint_eq(sup.ended, 1);
}
END_TEST

START_TEST(a_stop_before_it_is_ready_is_a_stop_and_no_failure)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, SUP_FIRST);
    sup_started(&sup);
    phub__instance_stop(sup.instance, 0, "asked");
    sup_ready(&sup);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STOPPING);
    sup_exit(&sup, 0);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
}
END_TEST

static void stop_early(int hard)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup.kill_rc = PHUB_ENOTFOUND;
    phub__instance_stop(sup.instance, hard, "asked");
    sup.kill_rc = 0;
    sup.hard = sup.soft = 0;
    sup_started(&sup);
    ck_assert_uint_eq(sup.hard, hard);
    ck_assert_uint_eq(sup.soft, !hard);
    sup_exit(&sup, -9);
    ck_assert_int_eq(sup.why, PHUB__ENDED_STOPPED);
}

START_TEST(a_stop_before_the_process_is_made_ends_it_once_it_is)
{
    stop_early(0);
    stop_early(1);
}
END_TEST

START_TEST(the_leases_end_is_no_crash)
{
    struct phub__spec spec = sup_spec();

    begin(&spec, 0);
    sup_up(&sup, 0);
    sup.events->exited(sup.events_arg, sup.handle, -9, PHUB__END_DEADLINE);
    ck_assert_int_eq(sup.why, PHUB__ENDED_DEADLINE);
    ck_assert_str_eq(sup.text, "its node's lease passed");
}
END_TEST

START_TEST(events_of_a_handle_that_is_dead_are_ignored)
{
    struct phub__spec spec = sup_spec();
    uint64_t old;

    begin(&spec, 0);
    sup_up(&sup, 0);
    old = sup.handle;
    sup_exit(&sup, 1);
    sup_run(&sup, 0);
    sup_up(&sup, 0);
    sup.events->exited(sup.events_arg, old, 1, PHUB__END_SELF);
    sup.events->failed(sup.events_arg, old, PHUB_ESPAWN, "x");
    sup.events->started(sup.events_arg, 12345, 1);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_uint_eq(sup.ended, 0);
}
END_TEST

/* --- refused, adopted ----------------------------------------------------- */

START_TEST(a_runner_that_the_node_lacks_is_named)
{
    struct phub__spec spec = { .runner = sup_text("actor"),
                               .behaviour = sup_text("x") };

    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), PHUB_EUNSUPPORTED);
    ck_assert_str_eq(sup.text, "runner 'actor' is not offered by node 'a'");
    ck_assert_ptr_null(sup.timers);
}
END_TEST

START_TEST(a_bad_spec_leaves_nothing)
{
    struct phub__spec spec = sup_spec();

    spec.argv.count = 0;
    ck_assert_int_eq(sup_start(&sup, &spec, 0, NULL), PHUB_EINVAL);
    ck_assert_ptr_null(sup.timers);
}
END_TEST

START_TEST(an_adopted_child_runs_on_and_is_restarted_like_any)
{
    struct phub__runner_adopted child = {
        .handle = 900, .id = sup_text("c"), .epoch = { 5, 1 },
        .incarnation = { 4, 1 }, .pid = 99, .ready = 1 };
    struct phub__spec spec = sup_spec();
    struct phub_buf *bytes = sup_bytes(&spec);

    sup_fini(&sup);
    sup_init(&sup, &child);
    ck_assert_uint_eq(sup.adopted, 1);
    ck_assert_int_eq(phub__instance_set_spec(sup.instance, bytes), 0);
    phub__buf_unref(&bytes);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_RUNNING);
    ck_assert_int_eq((int)phub__instance_pid(sup.instance), 99);
    ck_assert_uint_eq(phub__instance_epoch(sup.instance).number, 5);
    sup_exit(&sup, 1);
    sup_run(&sup, 0);
    ck_assert_uint_eq(sup.starts, 1);
    ck_assert_uint_gt(sup.handle, 900);
    ck_assert_uint_eq(sup.ended, 0);
}
END_TEST

START_TEST(failing_any_allocation_of_a_start_leaves_nothing_behind)
{
    struct phub__spec spec = sup_spec();
    struct phub__instance_start start = {
        .id = sup_text("c"), .incarnation = { 1, 1 }, .epoch = { 2, 1 } };
    char error[128] = "";
    uint64_t nth;
    int rc = -1;

    start.spec = sup_bytes(&spec);
    start.state = phub__buf_copy("seven", 5);
    for (nth = 1; rc != 0; nth++) {
        ck_assert_uint_lt(nth, 50);
        phub__memory_fail(nth);
        rc = phub__instance_start(sup.supervisor, &start, &sup.instance,
                                  error, sizeof error);
        phub__memory_fail(0);
        if (rc == 0)
            break;
        ck_assert_int_eq(rc, PHUB_ENOMEM);
        ck_assert_str_ne(error, "");
        ck_assert_ptr_null(sup.timers);
    }
    ck_assert_uint_gt(nth, 3);
    phub__buf_unref(&start.spec);
    phub__buf_unref(&start.state);
}
END_TEST

START_TEST(a_thousand_instances_are_told_apart)
{
    struct phub__spec spec = sup_spec();
    struct phub__instance *first = NULL;
    uint64_t handle = 0;
    uint32_t i;

    for (i = 0; i < 1000; i++) {
        begin(&spec, 0);
        if (i == 500) {
            first = sup.instance;
            handle = sup.handle;
        }
    }
    sup.handle = handle;
    sup_up(&sup, 0);
    ck_assert_int_eq(phub__instance_phase(first), PHUB__PHASE_RUNNING);
    ck_assert_int_eq(sup_phase(&sup), PHUB__PHASE_STARTING);
}
END_TEST

static void add_ends(TCase *tc)
{
    tcase_add_loop_test(tc, restart_types_decide_what_follows_an_end, 0, 7);
    tcase_add_test(tc, back_off_starts_at_once_and_doubles_to_its_limit);
    tcase_add_test(tc,
        nothing_is_restarted_while_its_node_may_not_run_children);
    tcase_add_test(tc, too_many_restarts_without_a_healthy_run_give_up);
    tcase_add_test(tc, a_healthy_run_is_forgiven);
    tcase_add_test(tc, a_run_just_short_of_healthy_is_not_forgiven);
    tcase_add_test(tc, a_child_that_speaks_is_asked_by_its_channel);
    tcase_add_test(tc, one_that_does_not_speak_or_has_a_signal_gets_the_signal);
    tcase_add_test(tc, one_that_ignores_stop_is_killed_after_its_timeout);
    tcase_add_test(tc, a_hard_stop_kills_at_once_even_one_that_is_stopping);
    tcase_add_test(tc, a_stop_during_back_off_ends_it_at_once);
    tcase_add_test(tc, a_stop_before_it_is_ready_is_a_stop_and_no_failure);
    tcase_add_test(tc, a_stop_before_the_process_is_made_ends_it_once_it_is);
    tcase_add_test(tc, the_leases_end_is_no_crash);
    tcase_add_test(tc, events_of_a_handle_that_is_dead_are_ignored);
    tcase_add_test(tc, a_runner_that_the_node_lacks_is_named);
    tcase_add_test(tc, a_bad_spec_leaves_nothing);
    tcase_add_test(tc, an_adopted_child_runs_on_and_is_restarted_like_any);
    tcase_add_test(tc,
                   failing_any_allocation_of_a_start_leaves_nothing_behind);
    tcase_add_test(tc, a_thousand_instances_are_told_apart);
}

int main(void)
{
    Suite *suite = suite_create("supervisor");
    TCase *tc = tcase_create("supervisor");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, it_runs_when_started_and_told_ready);
    tcase_add_test(tc, ready_before_started_counts_once_it_is_started);
    tcase_add_test(tc, without_ready_in_its_spec_started_is_enough);
    tcase_add_test(tc,
        a_first_start_that_is_never_ready_fails_after_its_process_is_gone);
    tcase_add_test(tc, a_first_start_that_ends_before_ready_fails_and_says_how);
    tcase_add_test(tc, a_start_that_is_awaited_later_fails_by_its_next_end);
    tcase_add_test(tc, a_program_that_cannot_be_made_fails_the_first_start);
    tcase_add_loop_test(
        tc, a_machine_that_cannot_begin_it_costs_the_child_no_restart, 0, 2);
    tcase_add_test(tc, a_machine_that_cannot_begin_it_is_backed_off_from);
    tcase_add_test(tc,
                   a_machine_that_cannot_begin_it_fails_a_start_that_is_awaited);
    tcase_add_test(tc, a_runner_that_refuses_is_told_from_the_loop);
    tcase_add_test(tc, a_restart_that_is_never_ready_is_killed_and_tried_again);
    tcase_add_test(tc, it_is_not_running_before_it_has_its_state);
    tcase_add_test(tc, a_child_that_refuses_its_state_never_runs);
    tcase_add_test(tc,
        one_with_a_state_that_dies_before_it_runs_is_not_restarted_empty);
    tcase_add_test(tc, a_state_command_runs_before_the_program);
    tcase_add_test(tc,
        a_state_command_that_fails_is_tried_again_and_never_goes_without);
    tcase_add_test(tc,
        a_stop_during_the_state_command_ends_it_and_nothing_follows);
    add_ends(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
