/* SPDX-License-Identifier: MIT */
/* Tests of libphubswap through the two shipped strategies, and of the library
 * alone (check_third.c has a third one).  Whatever the answers are, each item
 * is reported once, the child ends up in one place, and the mock's judge has
 * nothing to say. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swap_fixture.h"

/* One child to b, all well: what was done, letter by letter. */
static void order_is(const char *swap, uint32_t flags,
                     const char *const *params, const char *trace)
{
    start_with(swap, 1, flags, params);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 60000);
    ck_assert_str_eq(origin->children[0].trace, trace);
    ck_assert_int_eq(origin->children[0].rc, 0);
    ck_assert_str_eq(origin->children[0].text, "moved to b");
    ck_assert_uint_eq(origin->children[0].runs_on, B);
    finish();
}

START_TEST(hotswap_freezes_once_the_standby_is_ready_and_ends_last)
{
    order_is("hotswap", CAN_ALL, NULL, "oPftsdFR");
}
END_TEST

START_TEST(coldswap_ends_the_child_before_its_state_leaves)
{
    order_is("coldswap", CAN_ALL, NULL, "opftesdFR");
}
END_TEST

START_TEST(a_child_that_cannot_freeze_is_moved_cold)
{
    order_is("hotswap", PHUB_CHILD_CAN_STATE, NULL, "optesdFR");
    order_is("coldswap", PHUB_CHILD_CAN_STATE, NULL, "optesdFR");
}
END_TEST

START_TEST(a_child_without_state_is_ended_first)
{
    order_is("hotswap", 0, NULL, "opesdFR");
    order_is("hotswap", PHUB_CHILD_CAN_FREEZE, NULL, "oPfesdFR");
    order_is("coldswap", PHUB_CHILD_CAN_FREEZE, NULL, "opesdFR");
}
END_TEST

START_TEST(handover_no_leaves_the_state_alone)
{
    static const char *const params[] = { "handover=no", NULL };

    order_is("hotswap", CAN_ALL, params, "oPfesdFR");
    order_is("coldswap", CAN_ALL, params, "opesdFR");
}
END_TEST

START_TEST(a_child_that_turns_out_unable_is_moved_cold_and_told_so)
{
    start("hotswap", 2, CAN_ALL);
    origin->script[MOCK_FREEZE] =
        (struct mock_script){ MOCK_FAIL, PHUB_EUNSUPPORTED, 1, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[0].trace, "oPftesdFR");
    ck_assert_str_eq(origin->children[0].note,
                     "cannot freeze: ended here before it starts there");
    origin->script[MOCK_TAKE] =
        (struct mock_script){ MOCK_REFUSE, PHUB_EUNSUPPORTED, 1, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 1, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[1].trace, "oPftesdFR");
    finish();
}
END_TEST

/* --- every failure at every step ----------------------------------------- */

static const struct mock_script wrongs[] = {
    { MOCK_REFUSE, PHUB_EINVAL, 1, 0, 0 },
    { MOCK_REFUSE, PHUB_ENODEDOWN, 1, 0, 0 },
    { MOCK_FAIL, PHUB_EREFUSED, 1, 0, 0 },
    { MOCK_FAIL, PHUB_ENODEDOWN, 1, 0, 0 },
    { MOCK_FAIL, PHUB_EBUSY, 1, 0, 0 },
    { MOCK_FAIL, PHUB_EAGAIN, UINT32_MAX, 0, 0 },
    { MOCK_FAIL, PHUB_ETIMEDOUT, 1, 0, 0 },
    { MOCK_FAIL, PHUB_ESTOPPED, 1, 0, 0 },
    { MOCK_FAIL, PHUB_ENOMEM, UINT32_MAX, 0, 0 },
    { MOCK_FAIL, -9999, 1, 0, 0 },
    { MOCK_FAIL, 7, 1, 0, 0 },
    { MOCK_SILENT, 0, 1, 0, 0 },
    { MOCK_SILENT, 0, UINT32_MAX, B, 0 },
    { MOCK_LATE, 0, 1, 0, 0 },
    { MOCK_LATE, 0, UINT32_MAX, 0, 0 },
    { MOCK_TWICE, 0, UINT32_MAX, 0, 0 },
};

/* These complete by the host's contract whatever happens, and end only so. */
static int always_completes(uint32_t step)
{
    return step == MOCK_DECIDE || step == MOCK_ABORT || step == MOCK_END;
}

static void fails_at(const char *swap, uint32_t step,
                     const struct mock_script *script, uint32_t then_abort)
{
    char what[120];

    (void)snprintf(what, sizeof what, "%s step %u mode %u rc %d times %u%s",
                   swap, step, script->mode, script->rc, script->times,
                   then_abort ? " and abort fails" : "");
    start(swap, 3, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    origin->script[step] = *script;
    if (then_abort && step != MOCK_ABORT)
        origin->script[MOCK_ABORT] =
            (struct mock_script){ MOCK_REFUSE, PHUB_EINVAL, 2, 0, 0 };
    if (step == MOCK_ABORT)
        origin->script[MOCK_PREPARE] =
            (struct mock_script){ MOCK_FAIL, PHUB_EREFUSED, 2, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 3, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 4 * 3600 * 1000);
    settled(3, what);
    finish();
}

START_TEST(no_failure_at_any_step_loses_a_move)
{
    const struct mock_script *script = &wrongs[_i % 16];
    const char *swap = swaps[_i / 16];
    uint32_t step;

    for (step = 0; step < MOCK_STEPS; step++) {
        if (always_completes(step) && script->mode == MOCK_SILENT)
            continue;
        fails_at(swap, step, script, 0);
        fails_at(swap, step, script, 1);
    }
}
END_TEST

START_TEST(chance_loses_no_move)
{
    static const int codes[] = { PHUB_EREFUSED, PHUB_ENODEDOWN, PHUB_EBUSY,
                                 PHUB_ETIMEDOUT, PHUB_EUNSUPPORTED,
                                 PHUB_EEXIST, PHUB_ESTOPPED, PHUB_EIO };
    uint32_t step, i;

    start(swaps[_i % 2], 200, CAN_ALL);
    world.random = (uint64_t)_i * 7919;
    for (i = 0; i < 200; i++)
        origin->children[i].flags = (uint32_t)mock_random(&world) & 7u;
    for (i = 0; i < 20; i++) {
        for (step = 0; step < MOCK_STEPS; step++) {
            uint64_t r = mock_random(&world);

            origin->script[step] = (struct mock_script){
                (enum mock_mode)(r % 6), codes[(r >> 8) % 8],
                (uint32_t)(r >> 16) % 20, (r >> 32) % 3 ? 0 : B,
                (uint32_t)(r >> 40) % 3000 };
            if (always_completes(step) &&
                origin->script[step].mode == MOCK_SILENT)
                origin->script[step].mode = MOCK_LATE;
        }
        ck_assert_int_eq(mock_begin(origin, i * 10, 10, to_b_c, 2, 0,
                                    i % 4 == 0 ? 20000 : 0), 0);
        (void)mock_run(&world, mock_random(&world) % 5000);
    }
    memset(origin->script, 0, sizeof origin->script);
    (void)mock_run(&world, 10 * 3600 * 1000);
    settled(200, "chance");
    finish();
}
END_TEST

START_TEST(the_next_target_is_tried_and_the_report_names_all)
{
    start("hotswap", 2, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_FAIL, PHUB_EREFUSED, 1, B, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[0].trace, "oPaoPftsdFR");
    ck_assert_uint_eq(origin->children[0].runs_on, C);
    origin->script[MOCK_SEND] =
        (struct mock_script){ MOCK_FAIL, PHUB_EIO, 2, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 1, 1, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 1000);
    ck_assert_int_eq(origin->children[1].rc, PHUB_EIO);
    ck_assert_str_eq(origin->children[1].text,
                     "b: input or output failed; c: input or output failed");
    finish();
}
END_TEST

START_TEST(a_busy_target_is_asked_again_with_a_bound)
{
    start("coldswap", 2, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, 3, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 60000);
    ck_assert_str_eq(origin->children[0].trace, "opaopaopaopftesdFR");
    origin->script[MOCK_OPEN] =
        (struct mock_script){ MOCK_REFUSE, PHUB_EBUSY, UINT32_MAX, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 1, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 60000);
    ck_assert_int_eq(origin->children[1].rc, PHUB_EBUSY);
    ck_assert_uint_eq(strlen(origin->children[1].trace),
                      PHUB_SWAP_BUSY_MAX + 2);
    finish();
}
END_TEST

START_TEST(nothing_but_the_answer_ends_a_decided_move)
{
    start("hotswap", 2, CAN_ALL);
    origin->script[MOCK_DECIDE] =
        (struct mock_script){ MOCK_LATE, 0, 1, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b_c, 2, 0, 100), 0);
    (void)mock_run(&world, 1800 * 1000);
    ck_assert_uint_eq(phub__kind_of("migration"), PHUB_KIND_MIGRATION);
    phub__call_cancel(origin->strategy, &PHUB_BYTES_NONE);
    mock_view(origin, (const uint64_t[]){ A, C }, 2);
    (void)mock_run(&world, 1700 * 1000);
    ck_assert_str_eq(origin->children[0].trace, "oPftsd");
    (void)mock_run(&world, 3600 * 1000);
    ck_assert_str_eq(origin->children[0].trace, "oPftsdFR");
    finish();
}
END_TEST

START_TEST(a_child_stands_still_no_longer_than_state_ttl)
{
    static const char *const params[] = { "state_ttl_ms=2s", NULL };
    uint64_t begun;

    start_with("hotswap", 1, CAN_ALL, params);
    origin->script[MOCK_SEND] = (struct mock_script){ MOCK_SILENT, 0, 1, 0, 0 };
    begun = world.now_ns;
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    while (origin->children[0].reports == 0)
        (void)mock_run(&world, 10);
    ck_assert_uint_le(world.now_ns - begun, 2100 * MS);
    ck_assert_str_eq(origin->children[0].text,
                     "b: the child has stood still for state_ttl_ms");
    settled(1, "ttl");
    finish();
}
END_TEST

START_TEST(a_deadline_gives_up_what_is_not_decided)
{
    start("coldswap", 1, CAN_ALL);
    origin->script[MOCK_END] = (struct mock_script){ MOCK_LATE, 0, 1, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b_c, 2, 0, 1000), 0);
    (void)mock_run(&world, 1100);
    ck_assert_str_eq(origin->children[0].trace, "opfteaR");
    ck_assert_int_eq(origin->children[0].rc, PHUB_ETIMEDOUT);
    settled(1, "deadline");
    (void)mock_run(&world, 4000 * 1000);
    finish();
}
END_TEST

/* The host's own limit, which is twice that for a target where a replica has to
 * end first, and a second. */
START_TEST(a_step_takes_as_long_as_its_option_says)
{
    static const char *const params[] = { "prepare_timeout_ms=7s",
                                          "state_query_timeout_ms=3s", NULL };
    const char *before = _i == 0 ? "oP" : "oPft";
    const char *after = _i == 0 ? "oPaR" : "oPftaR";

    start_with("hotswap", 1, CAN_ALL, params);
    origin->script[_i == 0 ? MOCK_PREPARE : MOCK_TAKE] =
        (struct mock_script){ MOCK_SILENT, 0, 1, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, _i == 0 ? 14900 : 3900);
    ck_assert_str_eq(origin->children[0].trace, before);
    (void)mock_run(&world, 300);
    ck_assert_str_eq(origin->children[0].trace, after);
    ck_assert_int_eq(origin->children[0].rc, PHUB_ETIMEDOUT);
    finish();
}
END_TEST

/* --- consent ------------------------------------------------------------- */

START_TEST(a_child_that_says_no_is_asked_again)
{
    start("hotswap", 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    origin->script[MOCK_CONSENT] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, 2, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 9000);
    ck_assert_str_eq(origin->children[0].trace, "c");
    (void)mock_run(&world, 30000);
    ck_assert_str_eq(origin->children[0].trace, "cccoPftsdFR");
    finish();
}
END_TEST

START_TEST(silence_is_no_and_ends_at_max_defer)
{
    static const char *const params[] = {
        "consent_timeout_ms=1s", "consent_retry_ms=2s",
        "consent_max_defer_ms=10s", NULL };

    start_with("hotswap", 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT, params);
    origin->script[MOCK_CONSENT] =
        (struct mock_script){ MOCK_FAIL, PHUB_ETIMEDOUT, UINT32_MAX, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 9900);
    ck_assert_str_eq(origin->children[0].trace, "cccc");
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[0].trace, "ccccoPftsdFR");
    ck_assert_str_eq(origin->children[0].note,
                     "moved without consent: put off too long");
    finish();
}
END_TEST

START_TEST(a_deadline_leaves_half_of_itself_to_the_move)
{
    start("hotswap", 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    origin->script[MOCK_CONSENT] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, UINT32_MAX, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 8000), 0);
    (void)mock_run(&world, 3900);
    ck_assert_str_eq(origin->children[0].trace, "c");
    (void)mock_run(&world, 200);
    ck_assert_str_eq(origin->children[0].trace, "coPftsdFR");
    finish();
}
END_TEST

START_TEST(the_plan_may_forbid_to_ask)
{
    start("hotswap", 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, PHUB_PLAN_NO_CONSENT,
                                0), 0);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[0].trace, "oPftsdFR");
    finish();
}
END_TEST

START_TEST(a_move_that_is_put_off_says_what_is_known_and_gives_way)
{
    start("hotswap", 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    origin->script[MOCK_CONSENT] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, UINT32_MAX, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 12500);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_c, 1, 0, 0), 0);
    ck_assert_str_eq(origin->children[0].text,
                     "it is to be moved to b, since 12 s; times its child put "
                     "that off: 2; it is moved all the same in 587 s");
    ck_assert_int_eq(origin->children[0].rc, PHUB_EBUSY);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_c, 1, PHUB_PLAN_NO_CONSENT,
                                0), 0);
    ck_assert_int_eq(origin->children[0].rc, PHUB_ECANCELLED);
    ck_assert_str_eq(origin->children[0].trace, "ccRRoP");
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, PHUB_PLAN_NO_CONSENT,
                                0), 0);
    ck_assert_str_eq(origin->children[0].text,
                     "it is being moved to c already, since 0 s; ask again "
                     "when it is there");
    (void)mock_run(&world, 3600 * 1000);
    ck_assert_str_eq(origin->children[0].trace, "ccRRoPRftsdFR");
    ck_assert_uint_eq(origin->children[0].runs_on, C);
    finish();
}
END_TEST

/* --- many ---------------------------------------------------------------- */

START_TEST(at_most_moves_parallel_are_under_way)
{
    static const char *const params[] = { "moves_parallel=7", NULL };

    start_with("hotswap", 500, CAN_ALL, params);
    ck_assert_int_eq(mock_begin(origin, 0, 500, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 60000);
    settled(500, "parallel");
    ck_assert_uint_eq(origin->moves_open_max, 7);
    finish();
}
END_TEST

START_TEST(a_slow_target_delays_its_own_moves_only)
{
    uint32_t i;

    start("hotswap", 1000, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_FAIL, PHUB_ETIMEDOUT, UINT32_MAX, B, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 500, to_b, 1, 0, 0), 0);
    ck_assert_int_eq(mock_begin(origin, 500, 500, to_c, 1, 0, 0), 0);
    /* b holds all places until its first 64 have timed out, once. */
    (void)mock_run(&world, 5500);
    for (i = 500; i < 1000; i++)
        ck_assert_msg(origin->children[i].reports == 1, "c%u waits", i);
    (void)mock_run(&world, 500 * 1000);
    settled(1000, "slow");
    finish();
}
END_TEST

START_TEST(a_hundred_thousand_moves_are_linear)
{
    start("coldswap", 100000, CAN_ALL);
    ck_assert_int_eq(mock_begin(origin, 0, 100000, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 3600 * 1000);
    settled(100000, "many");
    finish();
}
END_TEST

/* --- items, cancel, view, close ------------------------------------------ */

START_TEST(items_that_are_no_moves_are_reported_at_once)
{
    static const uint64_t to_self[] = { A, B };

    start("hotswap", 4, CAN_ALL);
    ck_assert_int_eq(mock_begin(origin, 0, 1, NULL, 0, 0, 0), 0);
    ck_assert_int_eq(origin->children[0].rc, PHUB_ENOPLACE);
    origin->children[1].state = 0;
    ck_assert_int_eq(mock_begin(origin, 1, 1, to_b, 1, 0, 0), 0);
    ck_assert_int_eq(origin->children[1].rc, PHUB_ENOTFOUND);
    origin->children[2].state = 0;
    origin->children[2].runs_on = B;
    ck_assert_int_eq(mock_begin(origin, 2, 1, to_b, 1, 0, 0), 0);
    ck_assert_int_eq(origin->children[2].rc, 0);
    ck_assert_str_eq(origin->children[2].text, "it is there already");
    ck_assert_int_eq(mock_begin(origin, 3, 1, to_self, 2, 0, 0), 0);
    ck_assert_int_eq(origin->children[3].rc, 0);
    ck_assert_uint_eq(origin->moves_count, 0);
    finish();
}
END_TEST

START_TEST(a_child_that_is_moving_is_not_moved_twice)
{
    start("hotswap", 1, CAN_ALL);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    ck_assert_int_eq(origin->children[0].rc, PHUB_EBUSY);
    ck_assert_uint_eq(origin->children[0].reports, 1);
    (void)mock_run(&world, 1000);
    ck_assert_uint_eq(origin->children[0].reports, 2);
    ck_assert_str_eq(origin->children[0].trace, "oPRftsdFR");
    finish();
}
END_TEST

START_TEST(cancel_gives_up_at_any_step_but_decide)
{
    struct phub_bytes c0 = { (const uint8_t *)"c0", 2 };

    start(swaps[_i / 10], 1, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    ck_assert_int_eq(mock_begin(origin, 0, 1, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, (uint64_t)_i % 10);
    phub__call_cancel(origin->strategy, _i % 2 ? &c0 : &PHUB_BYTES_NONE);
    (void)mock_run(&world, 1000);
    settled(1, "cancel");
    if (strchr(origin->children[0].trace, 'd') == NULL)
        ck_assert_int_eq(origin->children[0].rc, PHUB_ECANCELLED);
    else
        ck_assert_int_eq(origin->children[0].rc, 0);
    finish();
}
END_TEST

START_TEST(a_target_that_leaves_the_view_is_left_for_the_next)
{
    start("hotswap", 100, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_SILENT, 0, UINT32_MAX, B, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 100, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 10);
    mock_view(origin, (const uint64_t[]){ A, C }, 2);
    (void)mock_run(&world, 1000);
    settled(100, "contraction");
    ck_assert_uint_eq(origin->children[0].runs_on, C);
    ck_assert_uint_eq(origin->children[99].runs_on, C);
    finish();
}
END_TEST

START_TEST(closing_reports_what_is_left)
{
    start(swaps[_i / 10], 100, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    ck_assert_int_eq(mock_begin(origin, 0, 100, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, (uint64_t)_i % 10);
    mock_close(origin);
    ck_assert_uint_eq(origin->children[0].reports, 1);
    ck_assert_uint_eq(origin->children[99].reports, 1);
    ck_assert_int_eq(origin->children[99].rc, PHUB_ESHUTDOWN);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("swap");
    TCase *tc = tcase_create("swap");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc,
                   hotswap_freezes_once_the_standby_is_ready_and_ends_last);
    tcase_add_test(tc, coldswap_ends_the_child_before_its_state_leaves);
    tcase_add_test(tc, a_child_that_cannot_freeze_is_moved_cold);
    tcase_add_test(tc, a_child_without_state_is_ended_first);
    tcase_add_test(tc, handover_no_leaves_the_state_alone);
    tcase_add_test(tc,
                   a_child_that_turns_out_unable_is_moved_cold_and_told_so);
    tcase_add_loop_test(tc, no_failure_at_any_step_loses_a_move, 0, 32);
    tcase_add_loop_test(tc, chance_loses_no_move, 0, 40);
    tcase_add_test(tc, the_next_target_is_tried_and_the_report_names_all);
    tcase_add_test(tc, a_busy_target_is_asked_again_with_a_bound);
    tcase_add_test(tc, nothing_but_the_answer_ends_a_decided_move);
    tcase_add_test(tc, a_child_stands_still_no_longer_than_state_ttl);
    tcase_add_test(tc, a_deadline_gives_up_what_is_not_decided);
    tcase_add_loop_test(tc, a_step_takes_as_long_as_its_option_says, 0, 2);
    tcase_add_test(tc, a_child_that_says_no_is_asked_again);
    tcase_add_test(tc, silence_is_no_and_ends_at_max_defer);
    tcase_add_test(tc, a_deadline_leaves_half_of_itself_to_the_move);
    tcase_add_test(tc, the_plan_may_forbid_to_ask);
    tcase_add_test(tc, a_move_that_is_put_off_says_what_is_known_and_gives_way);
    tcase_add_test(tc, at_most_moves_parallel_are_under_way);
    tcase_add_test(tc, a_slow_target_delays_its_own_moves_only);
    tcase_add_test(tc, a_hundred_thousand_moves_are_linear);
    tcase_add_test(tc, items_that_are_no_moves_are_reported_at_once);
    tcase_add_test(tc, a_child_that_is_moving_is_not_moved_twice);
    tcase_add_loop_test(tc, cancel_gives_up_at_any_step_but_decide, 0, 20);
    tcase_add_test(tc, a_target_that_leaves_the_view_is_left_for_the_next);
    tcase_add_loop_test(tc, closing_reports_what_is_left, 0, 20);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
