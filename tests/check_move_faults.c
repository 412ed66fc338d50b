/* SPDX-License-Identifier: MIT */
/* check_move_faults: moves while machines, memory and the network are bad.
 *
 * What a child has acknowledged is held by it afterwards, unless the machine
 * that held it has died. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/local.h"
#include "hub/move.h"
#include "hub/move_private.h"
#include "hub_fixture.h"
#include "wire/memory.h"

static const char *const migrations[] = { "hotswap", "coldswap" };
#define SWAPS 2
#define STEPS 16

static struct hubs hubs;
static struct hubs_result move;
static uint32_t home, target;

/* Three nodes, "c" runs at home and has answered 5 updates. */
static void begin(int i)
{
    hubs_new(&hubs, 3, migrations[i % SWAPS], 40 + (uint64_t)i);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    target = (home + 1) % 3;
    hubs_update(&hubs, "c", 1, 5);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static int well(struct hubs *h, const void *id)
{
    return hubs_agree(h, NULL) && hubs_acts(h, id) &&
           hubs_instances(h, id, NULL) == 1;
}

static void all_well(const char *what, int i)
{
    ck_assert_msg(hubs_until(&hubs, 90000, well, "c"),
                  "%s %d: %u act, %u exist", what, i,
                  hubs_acting(&hubs, "c", NULL),
                  hubs_instances(&hubs, "c", NULL));
    hubs_run(&hubs, 2000);
    ck_assert_msg(well(&hubs, "c"), "%s %d: not for long", what, i);
}

START_TEST(a_frozen_node_delays_a_move_and_loses_nothing)
{
    uint32_t step = (uint32_t)_i / SWAPS % STEPS;
    int origin = _i / SWAPS >= STEPS;
    uint32_t node;

    begin(_i);
    node = origin ? home : target;
    hubs_move_send(&hubs, home, "c", target, &move);
    phub__world_run(hubs.world, phub__world_now(hubs.world) +
                    step * 130 * PHUB__SIM_US);
    phub__sim_node_freeze(hubs_node(&hubs, node));
    hubs_run(&hubs, 700);
    phub__sim_node_thaw(hubs_node(&hubs, node));
    hubs_wait(&hubs, &move);
    all_well("frozen", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(one_that_is_frozen_past_its_lease_never_makes_two)
{
    uint32_t step = (uint32_t)_i / SWAPS % STEPS;
    int origin = _i / SWAPS >= STEPS;
    uint32_t node;

    begin(_i);
    node = origin ? home : target;
    hubs_move_send(&hubs, (home + 2) % 3, "c", target, &move);
    phub__world_run(hubs.world, phub__world_now(hubs.world) +
                    step * 130 * PHUB__SIM_US);
    phub__sim_node_freeze(hubs_node(&hubs, node));
    hubs_run(&hubs, 25000);
    ck_assert_uint_le(hubs_acting(&hubs, "c", NULL), 1);
    phub__sim_node_thaw(hubs_node(&hubs, node));
    hubs_wait(&hubs, &move);
    all_well("frozen long", _i);
    end();
}
END_TEST

START_TEST(the_target_is_restarted_in_the_middle_and_nothing_is_lost)
{
    uint32_t step = (uint32_t)_i / SWAPS;

    begin(_i);
    hubs_move_send(&hubs, home, "c", target, &move);
    phub__world_run(hubs.world, phub__world_now(hubs.world) +
                    step * 130 * PHUB__SIM_US);
    if (hubs_acting(&hubs, "c", NULL) == 1) {
        uint32_t at = 9;

        (void)hubs_acting(&hubs, "c", &at);
        if (at == target) {  /* it has arrived: this is no case of a move */
            hubs_free(&hubs);
            return;
        }
    }
    phub__sim_node_kill(hubs_node(&hubs, target));
    hubs_run(&hubs, 50);
    phub__sim_node_start(hubs_node(&hubs, target));
    hubs_wait(&hubs, &move);
    all_well("restarted target", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(a_bad_network_delays_a_move_and_loses_nothing)
{
    struct phub__sim_net bad = { .latency_ns = 300 * PHUB__SIM_US,
        .tail_ns = 2 * PHUB__SIM_MS, .loss_permille = 100,
        .repeat_permille = 100, .reorder_permille = 200 };
    struct phub__sim_net good = { .latency_ns = 100 * PHUB__SIM_US,
        .tail_ns = 50 * PHUB__SIM_US };

    begin(_i);
    phub__world_net(hubs.world, &bad);
    hubs_move_send(&hubs, home, "c", target, &move);
    hubs_wait(&hubs, &move);
    phub__world_net(hubs.world, &good);
    all_well("bad network", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(without_memory_a_move_fails_or_succeeds_and_loses_nothing)
{
    uint64_t number = 6;
    int i;

    begin(_i);
    for (i = 0; i < 20; i++) {
        (void)hubs_acting(&hubs, "c", &home);
        hubs_move_send(&hubs, home, "c", (home + 1) % 3, &move);
        phub__memory_fail((uint64_t)(_i / SWAPS * 20 + i + 1));
        hubs_run(&hubs, 40);
        phub__memory_fail(0);
        hubs_wait(&hubs, &move);
        all_well("memory", _i / SWAPS * 20 + i + 1);
        ck_assert_msg(hubs_counter(&hubs, "c") == number - 1,
                      "memory %d: the state was lost",
                      _i / SWAPS * 20 + i + 1);
        hubs_update(&hubs, "c", number, number);
        number++;
    }
    end();
}
END_TEST

static int holds_state(void)
{
    struct phub__local *local =
        phub__local_find(hubs_hub(&hubs, target), hubs_bytes("c"));

    return local != NULL && local->arrival != NULL &&
           local->arrival->complete;
}

/* Schedule 11 of the design. */
START_TEST(a_stale_standby_is_never_promoted)
{
    begin(_i);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (!holds_state()) {
        ck_assert(phub__world_step(hubs.world));
        ck_assert_uint_eq(move.done, 0);
    }
    phub__world_cut(hubs.world, target, home, 0);
    phub__world_cut(hubs.world, home, target, 0);
    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_update(&hubs, "c", 6, 9);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    phub__world_heal_all(hubs.world);
    all_well("stale", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    end();
}
END_TEST

/* The origin began anew where the target could not hear of it. */
START_TEST(a_state_of_before_the_origin_began_anew_is_never_promoted)
{
    uint32_t groups[HUBS_MAX] = { 0 };

    begin(_i);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (!holds_state()) {
        ck_assert(phub__world_step(hubs.world));
        ck_assert_uint_eq(move.done, 0);
    }
    groups[target] = 1;
    phub__world_partition(hubs.world, groups, 0);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    phub__sim_node_start(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 3500, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    phub__world_heal_all(hubs.world);
    all_well("healed", _i);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    all_well("died", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    end();
}
END_TEST

/* A third node sees both, so that neither is lost to the other. */
START_TEST(a_state_that_cannot_get_there_does_not_keep_its_child_frozen)
{
    begin(_i);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (hubs_acting(&hubs, "c", NULL) != 0 && !holds_state())
        ck_assert(phub__world_step(hubs.world));
    phub__world_cut(hubs.world, target, home, 0);
    phub__world_cut(hubs.world, home, target, 0);
    ck_assert(hubs_until(&hubs, 8000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    phub__world_heal_all(hubs.world);
    hubs_wait(&hubs, &move);
    all_well("stalled", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

static int is_given_back(struct hubs *h, const void *id)
{
    return hubs_home(h, target, id) == home;
}

/* The target cannot start it and gives it back to one that has just died. */
START_TEST(a_state_that_is_given_back_to_a_dead_origin_is_not_lost)
{
    begin(1);
    phub__sim_node_no_exec(hubs_node(&hubs, target), 1);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (hubs_home(&hubs, target, "c") != target)
        ck_assert(phub__world_step(hubs.world));
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 1000, is_given_back, "c"));
    phub__sim_node_no_exec(hubs_node(&hubs, target), 0);
    all_well("given back", 0);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(a_state_that_is_given_back_is_dropped_when_it_runs_there)
{
    begin(1);
    phub__sim_node_no_exec(hubs_node(&hubs, target), 1);
    ck_assert_int_ne(hubs_move(&hubs, home, "c", target), 0);
    all_well("given back", 1);
    ck_assert_uint_eq(hubs_home(&hubs, target, "c"), home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_ptr_null(phub__local_find(hubs_hub(&hubs, target),
                                        hubs_bytes("c")));
    end();
}
END_TEST

static int begins_with_its_state(void)
{
    struct phub__local *local =
        phub__local_find(hubs_hub(&hubs, target), hubs_bytes("c"));

    return local != NULL && local->instance != NULL &&
           phub__instance_state(local->instance) != NULL;
}

/* The target has the only copy, and stands still past its lease while the child
 * begins there: its guard ends what never took the state. */
START_TEST(a_target_that_stands_still_keeps_the_only_copy)
{
    begin(1);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (!begins_with_its_state())
        ck_assert(phub__world_step(hubs.world));
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 0);
    phub__sim_node_freeze(hubs_node(&hubs, target));
    phub__sim_node_power_off(hubs_node(&hubs, home));
    phub__sim_node_power_off(hubs_node(&hubs, 3 - home - target));
    hubs_run(&hubs, 2500);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 0);
    phub__sim_node_thaw(hubs_node(&hubs, target));
    all_well("stood still", 0);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

static int origin_has_the_only_state(uint32_t node)
{
    const struct phub__local *local =
        phub__local_find(hubs_hub(&hubs, node), hubs_bytes("c"));

    return local != NULL && local->move != NULL && local->move->ended &&
           local->move->state != NULL &&
           local->move->phase < PHUB__MOVE_DECIDED;
}

/* What was kept for a home of before has no say about what is kept later. */
START_TEST(one_that_kept_a_state_once_keeps_the_next_one)
{
    uint32_t other;

    begin(1);
    other = 3 - home - target;
    hubs_move_send(&hubs, home, "c", target, &move);
    while (!begins_with_its_state())
        ck_assert(phub__world_step(hubs.world));
    phub__sim_node_freeze(hubs_node(&hubs, target));
    phub__sim_node_power_off(hubs_node(&hubs, home));
    phub__sim_node_power_off(hubs_node(&hubs, other));
    hubs_run(&hubs, 2500);
    phub__sim_node_thaw(hubs_node(&hubs, target));
    all_well("stood still", 1);
    phub__sim_node_start(hubs_node(&hubs, home));
    phub__sim_node_start(hubs_node(&hubs, other));
    hubs_run(&hubs, 20000);
    all_well("together", 1);
    (void)hubs_acting(&hubs, "c", &home);
    target = (home + 1) % 3;
    hubs_update(&hubs, "c", 6, 8);
    hubs_move_send(&hubs, home, "c", target, &move);
    while (!origin_has_the_only_state(home))
        ck_assert(phub__world_step(hubs.world));
    phub__sim_node_power_off(hubs_node(&hubs, target));
    hubs_run(&hubs, 30000);
    all_well("given up", 1);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 8);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("move_faults");
    TCase *tc = tcase_create("move_faults");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_frozen_node_delays_a_move_and_loses_nothing, 0,
                        2 * STEPS * SWAPS);
    tcase_add_loop_test(tc, one_that_is_frozen_past_its_lease_never_makes_two,
                        0, 2 * STEPS * SWAPS);
    tcase_add_loop_test(tc,
        the_target_is_restarted_in_the_middle_and_nothing_is_lost, 0,
        STEPS * SWAPS);
    tcase_add_loop_test(tc, a_bad_network_delays_a_move_and_loses_nothing, 0,
                        10);
    tcase_add_loop_test(tc,
        without_memory_a_move_fails_or_succeeds_and_loses_nothing, 0,
        6 * SWAPS);
    tcase_add_loop_test(tc, a_stale_standby_is_never_promoted, 0, 2);
    tcase_add_loop_test(tc,
        a_state_of_before_the_origin_began_anew_is_never_promoted, 0, 2);
    tcase_add_loop_test(tc,
        a_state_that_cannot_get_there_does_not_keep_its_child_frozen, 0, 2);
    tcase_add_test(tc,
                   a_state_that_is_given_back_to_a_dead_origin_is_not_lost);
    tcase_add_test(tc, a_state_that_is_given_back_is_dropped_when_it_runs_there);
    tcase_add_test(tc, a_target_that_stands_still_keeps_the_only_copy);
    tcase_add_test(tc, one_that_kept_a_state_once_keeps_the_next_one);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
