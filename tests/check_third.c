/* SPDX-License-Identifier: MIT */
/* Tests of what others can build on libphubswap: a third swap, a plugin of its
 * own with nothing but the installed headers (migration-together.c), and each
 * step of the library alone, under its name. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "swap_fixture.h"

/* --- a third swap -------------------------------------------------------- */

/* Start standbys everywhere first, then switch all at once. */
static uint32_t third_next(void *arg, const struct phub_swap_info *info)
{
    (void)arg;
    switch (info->step) {
    case PHUB_SWAP_QUEUED: return PHUB_SWAP_STANDBY;
    case PHUB_SWAP_STANDBY: return PHUB_SWAP_HOLD;
    case PHUB_SWAP_HOLD: return PHUB_SWAP_FREEZE;
    case PHUB_SWAP_FREEZE: return PHUB_SWAP_TAKE;
    case PHUB_SWAP_TAKE: return PHUB_SWAP_STORE;
    case PHUB_SWAP_STORE: return PHUB_SWAP_DECIDE;
    default: return 0;
    }
}

static void third_completed(void *arg, uint64_t token, int32_t rc,
                            const struct phub_result *result)
{
    ck_assert_int_eq(phub_swap_completed(arg, token, rc, result), 1);
}

static struct phub_swap *third_start(uint32_t children, uint32_t parallel,
                                     uint32_t (*next)(void *,
                                         const struct phub_swap_info *))
{
    struct phub_swap_options options = {
        .size = sizeof options, .moves_parallel = parallel, .handover = 1,
        .prepare_timeout_ms = 1000, .state_query_timeout_ms = 1000,
        .state_ttl_ms = 10000, .consent_timeout_ms = 1000,
        .consent_retry_ms = 1000, .consent_max_defer_ms = 10000,
        .next = next };
    struct phub_swap *swap;

    mock_world_init(&world, 1);
    origin = mock_new(&world);
    mock_view(origin, (const uint64_t[]){ A, B, C }, 3);
    mock_children(origin, children, CAN_ALL | PHUB_CHILD_CAN_CONSENT);
    ck_assert_int_eq(phub_swap_new((struct phub_ctx *)(void *)origin,
                                   &origin->host, &options, &swap), 0);
    origin->completed = third_completed;
    origin->completed_arg = swap;
    return swap;
}

static int third_begin(struct phub_swap *swap, const char *id, uint32_t flags)
{
    struct phub_plan_item item = { .size = sizeof item, .flags = flags };

    item.id = (struct phub_bytes){ (const uint8_t *)id, strlen(id) };
    item.targets = to_b;
    item.targets_count = 1;
    return phub_swap_begin(swap, &item, 1, sizeof item);
}

static const char *together(void)
{
    const char *build = getenv("PHUB_BUILDDIR");
    static char path[512];

    (void)snprintf(path, sizeof path, "%s/tests/.libs/migration-together.so",
                   build != NULL ? build : ".");
    return path;
}

/* One target is slow: all the others, ready for long, wait for it. */
START_TEST(outsiders_can_build_a_third_swap)
{
    start(together(), 20, CAN_ALL);
    origin->children[3].flags = PHUB_CHILD_CAN_STATE;
    origin->script[MOCK_PREPARE] = (struct mock_script){ MOCK_OK, 0, 1, 0, 500 };
    ck_assert_int_eq(mock_begin(origin, 0, 20, to_b, 1, 0, 0), 0);
    (void)mock_run(&world, 490);
    ck_assert_str_eq(origin->children[1].trace, "oP");
    ck_assert_str_eq(origin->children[3].trace, "op");
    ck_assert_str_eq(origin->children[19].trace, "oP");
    (void)mock_run(&world, 11);
    ck_assert_ptr_nonnull(strchr(origin->children[0].trace, 'f'));
    ck_assert_ptr_nonnull(strchr(origin->children[3].trace, 't'));
    ck_assert_ptr_nonnull(strchr(origin->children[19].trace, 'f'));
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[3].trace, "optesdFR");
    ck_assert_str_eq(origin->children[19].trace, "oPftsdFR");
    settled(20, "together");
    finish();
}
END_TEST

/* One that fails, or that leaves, does not hold up the others for good. */
START_TEST(who_gets_ready_late_or_never_makes_up_the_next_round)
{
    start(together(), 20, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, 5, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 20, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 15);
    ck_assert_str_eq(origin->children[0].trace, "oPa");
    ck_assert_str_eq(origin->children[19].trace, "oPftsdFR");
    (void)mock_run(&world, 10000);
    ck_assert_str_eq(origin->children[0].trace, "oPaoPftsdFR");
    settled(20, "together");
    finish();
    start(together(), 20, CAN_ALL);
    origin->script[MOCK_PREPARE] =
        (struct mock_script){ MOCK_SILENT, 0, 20, B, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, 20, to_b_c, 2, 0, 0), 0);
    (void)mock_run(&world, 2000);
    mock_view(origin, (const uint64_t[]){ A, C }, 2);
    (void)mock_run(&world, 2000);
    ck_assert_uint_eq(origin->children[19].runs_on, C);
    settled(20, "together");
    finish();
}
END_TEST

START_TEST(a_move_is_held_until_its_release)
{
    struct phub_swap *swap = third_start(3, 10, third_next);

    ck_assert_int_eq(third_begin(swap, "c0", PHUB_PLAN_NO_CONSENT), 0);
    ck_assert_int_eq(third_begin(swap, "c1", PHUB_PLAN_NO_CONSENT), 0);
    ck_assert_int_eq(third_begin(swap, "c2", PHUB_PLAN_NO_CONSENT), 0);
    (void)mock_run(&world, 60000);
    ck_assert_uint_eq(phub_swap_count(swap, PHUB_SWAP_HOLD), 3);
    ck_assert_str_eq(origin->children[2].trace, "oP");
    phub_swap_release(swap);
    (void)mock_run(&world, 1000);
    ck_assert_uint_eq(phub_swap_count(swap, 0), 0);
    ck_assert_str_eq(origin->children[2].trace, "oPftsdFR");
    settled(3, "third");
    phub_swap_free(&swap);
    finish();
}
END_TEST

static uint32_t careless_next(void *arg, const struct phub_swap_info *info)
{
    (void)arg;
    switch (info->step) {
    case PHUB_SWAP_QUEUED: return PHUB_SWAP_PREPARE;
    case PHUB_SWAP_PREPARE: return PHUB_SWAP_TAKE;
    default: return PHUB_SWAP_DECIDE;   /* and the state? */
    }
}

START_TEST(a_careless_order_cannot_lose_a_state)
{
    struct phub_swap *swap = third_start(1, 10, careless_next);

    ck_assert_int_eq(third_begin(swap, "c0", PHUB_PLAN_NO_CONSENT), 0);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[0].trace, "optaR");
    ck_assert_str_eq(origin->children[0].text,
                     "b: the strategy asked for a step out of order");
    settled(1, "careless");
    phub_swap_free(&swap);
    finish();
}
END_TEST

/* --- the node leaves ----------------------------------------------------- */

START_TEST(shutdown_asks_nobody_and_sends_all_states_ahead_at_once)
{
    struct phub_swap *swap = third_start(200, 10, third_next);

    origin->script[MOCK_CONSENT] =
        (struct mock_script){ MOCK_FAIL, PHUB_EBUSY, UINT32_MAX, 0, 0 };
    ck_assert_int_eq(third_begin(swap, "c7", 0), 0);
    ck_assert_int_eq(third_begin(swap, "c8", PHUB_PLAN_NO_CONSENT), 0);
    (void)mock_run(&world, 100);
    ck_assert_str_eq(origin->children[7].trace, "c");
    ck_assert_str_eq(origin->children[8].trace, "oP");
    origin->children[6].flags = 0;   /* it has no state */
    origin->script[MOCK_PRESEND] =   /* one answers too late */
        (struct mock_script){ MOCK_FAIL, PHUB_ETIMEDOUT, 1, 0, 500 };
    phub_swap_handle_shutdown(swap, 60000);
    ck_assert_str_eq(origin->children[199].trace, "h");
    ck_assert_str_eq(origin->children[7].trace, "coP");
    ck_assert_str_eq(origin->children[8].trace, "oP");
    ck_assert_str_eq(origin->children[6].trace, "");
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->log, "states sent ahead=196 missing=1");
    phub_swap_release(swap);
    (void)mock_run(&world, 1000);
    ck_assert_str_eq(origin->children[7].trace, "coPftsdFR");
    ck_assert_str_eq(origin->children[8].trace, "oPftsdFR");
    phub_swap_free(&swap);
    finish();
}
END_TEST

START_TEST(a_shutdown_gives_up_what_is_not_decided_in_time)
{
    struct phub_swap *swap = third_start(1, 10, third_next);

    ck_assert_int_eq(third_begin(swap, "c0", PHUB_PLAN_NO_CONSENT), 0);
    (void)mock_run(&world, 100);
    phub_swap_handle_shutdown(swap, 2000);
    (void)mock_run(&world, 5000);
    ck_assert_str_eq(origin->children[0].trace, "oPaRh");
    ck_assert_int_eq(origin->children[0].rc, PHUB_ETIMEDOUT);
    phub_swap_free(&swap);
    finish();
}
END_TEST

START_TEST(without_handover_no_state_goes_ahead)
{
    static const char *const params[] = { "handover=no", NULL };
    uint32_t i;

    for (i = 0; i < 2; i++) {
        start_with(swaps[i], 3, CAN_ALL, params);
        ck_assert_int_eq(phub__call_leave(origin->strategy, 1000), 1);
        (void)mock_run(&world, 2000);
        ck_assert_str_eq(origin->children[0].trace, "");
        finish();
        start_with(swaps[i], 3, CAN_ALL, NULL);
        ck_assert_int_eq(phub__call_leave(origin->strategy, 1000), 1);
        ck_assert_str_eq(origin->children[2].trace, "h");
        finish();
    }
}
END_TEST

/* --- by name ------------------------------------------------------------- */

static struct phub_swap_move *driven;

/* Standby, and then nothing by itself. */
static uint32_t by_hand_next(void *arg, const struct phub_swap_info *info)
{
    (void)arg;
    driven = info->move;
    return info->step == PHUB_SWAP_QUEUED ? PHUB_SWAP_STANDBY
                                          : PHUB_SWAP_HOLD;
}

/* Every function of the page that libphubswap comes from, called as somebody
 * would who wants to do a part differently. */
START_TEST(each_step_can_be_driven_by_its_name)
{
    struct phub_plan_item items[2] = { { .size = sizeof items[0] } };
    struct phub_swap *swap = third_start(3, 1, by_hand_next);
    struct phub_swap_move *moves[2];
    struct phub_view *fewer;
    uint32_t classes[2];

    items[0].id = (struct phub_bytes){ (const uint8_t *)"c0", 2 };
    items[0].targets = to_b;
    items[0].targets_count = 1;
    items[1] = items[0];
    items[1].id = (struct phub_bytes){ (const uint8_t *)"none", 4 };
    phub_swap_compute_processable(swap, items, 2, sizeof items[0], classes);
    ck_assert_uint_eq(classes[0], PHUB_SWAP_FORWARD);
    ck_assert_uint_eq(classes[1], PHUB_SWAP_AWAY);
    ck_assert_int_eq(third_begin(swap, "c0", PHUB_PLAN_NO_CONSENT), 0);
    ck_assert_int_eq(third_begin(swap, "c1", PHUB_PLAN_NO_CONSENT), 0);
    (void)mock_run(&world, 100);
    ck_assert_str_eq(origin->children[0].trace, "oP");
    ck_assert_str_eq(origin->children[1].trace, "");
    phub_swap_collect_states(swap, driven, PHUB_SWAP_FREEZE);
    (void)mock_run(&world, 100);
    phub_swap_collect_states(swap, driven, PHUB_SWAP_TAKE);
    (void)mock_run(&world, 100);
    phub_swap_handle_storage_update(swap, driven);
    (void)mock_run(&world, 100);
    ck_assert_str_eq(origin->children[0].trace, "oPfts");
    phub_swap_handle_process_startups(swap, driven);
    /* Its answer lets the next one have its turn, unless we take that. */
    ck_assert_uint_eq(phub_swap_create_migration_requests(swap, moves, 2), 0);
    (void)mock_run(&world, 100);
    ck_assert_str_eq(origin->children[0].trace, "oPftsdFR");
    ck_assert_str_eq(origin->children[1].trace, "oP");
    ck_assert_int_eq(third_begin(swap, "c2", PHUB_PLAN_NO_CONSENT), 0);
    phub_swap_notify_originating_node(swap, driven, PHUB_ECANCELLED, "enough");
    ck_assert_str_eq(origin->children[1].text, "enough");
    ck_assert_uint_eq(phub_swap_create_migration_requests(swap, moves, 2), 1);
    ck_assert_uint_eq(phub_swap_create_migration_requests(swap, moves + 1, 1),
                      0);
    ck_assert_int_eq(phub_swap_group_children_by_node(swap, moves[0]), 0);
    ck_assert_uint_eq(phub_swap_count(swap, PHUB_SWAP_QUEUED), 1);
    ck_assert_uint_eq(phub_swap_create_migration_requests(swap, moves, 2), 1);
    phub_swap_send_start_requests(swap, moves, 1);
    ck_assert_str_eq(origin->children[2].trace, "oP");
    fewer = mock_view_new(&world, (const uint64_t[]){ A, C }, 2);
    phub_swap_handle_contraction(swap, fewer);
    mock_view_free(fewer);
    (void)mock_run(&world, 100);
    ck_assert_int_eq(origin->children[2].rc, PHUB_ENODEDOWN);
    phub_swap_dispatch_migration_hook(swap, 2, 1);
    ck_assert_str_eq(origin->log, "migration completed moved=2 stayed=1");
    phub_swap_free(&swap);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("third");
    TCase *tc = tcase_create("third");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, outsiders_can_build_a_third_swap);
    tcase_add_test(tc,
                   who_gets_ready_late_or_never_makes_up_the_next_round);
    tcase_add_test(tc, a_move_is_held_until_its_release);
    tcase_add_test(tc, a_careless_order_cannot_lose_a_state);
    tcase_add_test(tc,
                   shutdown_asks_nobody_and_sends_all_states_ahead_at_once);
    tcase_add_test(tc, a_shutdown_gives_up_what_is_not_decided_in_time);
    tcase_add_test(tc, without_handover_no_state_goes_ahead);
    tcase_add_test(tc, each_step_can_be_driven_by_its_name);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
