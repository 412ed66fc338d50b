/* SPDX-License-Identifier: MIT */
/* check_redistribute: nodes come and go, children follow, and no more.
 *
 * Whoever leaves in peace, or takes its share, takes states along; a machine
 * that dies takes only what ran on it. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"

#define CHILDREN 30u

static const char *const migrations[] = { "hotswap", "coldswap" };
static struct hubs hubs;
static uint64_t acked[CHILDREN];

static void name(char *id, uint32_t i)
{
    snprintf(id, 8, "c%02u", i);
}

static void begin(const char *migration, uint32_t nodes, uint64_t seed)
{
    char ids[CHILDREN * 8 + 1] = "", id[8];
    size_t size = 0;
    uint32_t i;

    hubs_new(&hubs, nodes, migration, seed);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        size += (size_t)snprintf(ids + size, sizeof ids - size, "%s%s",
                                 i == 0 ? "" : " ", id);
        acked[i] = 3;
    }
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        hubs_update(&hubs, id, 1, acked[i]);
    }
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static uint32_t acting(uint32_t *by_node)
{
    uint32_t i, at, sum = 0;
    char id[8];

    memset(by_node, 0, HUBS_MAX * sizeof *by_node);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        if (hubs_acting(&hubs, id, &at) != 1)
            continue;
        by_node[at]++;
        sum++;
    }
    return sum;
}

static int all_act(struct hubs *h, const void *none)
{
    uint32_t by_node[HUBS_MAX];

    return hubs_agree(h, none) && acting(by_node) == CHILDREN;
}

static void settle(void)
{
    uint32_t by_node[HUBS_MAX];

    if (!hubs_until(&hubs, 60000, all_act, NULL))
        ck_abort_msg("%s: %u of %u act", hubs.migration, acting(by_node),
                     CHILDREN);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(acting(by_node), CHILDREN);
}

static uint64_t moves(void)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++)
        if (hubs_hub(&hubs, i) != NULL)
            sum += hubs_hub(&hubs, i)->counters.moves_started;
    return sum;
}

static void states_kept(void)
{
    char id[8];
    uint32_t i;

    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        ck_assert_uint_eq(hubs_counter(&hubs, id), acked[i]);
    }
}

START_TEST(one_that_joins_gets_its_share_and_others_swap_nothing)
{
    uint32_t before[HUBS_MAX], after[HUBS_MAX], i;
    uint64_t moved;

    begin(migrations[_i], 3, 51);
    ck_assert_uint_eq(acting(before), CHILDREN);
    (void)hubs_add(&hubs);
    settle();
    ck_assert_uint_eq(acting(after), CHILDREN);
    ck_assert_uint_gt(after[3], 0);
    for (i = 0; i < 3; i++)
        ck_assert_uint_le(after[i], before[i]);
    states_kept();
    moved = moves();
    ck_assert_uint_eq(moved, after[3]);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(moves(), moved);
    end();
}
END_TEST

START_TEST(what_keeps_nothing_follows_the_nodes_too)
{
    uint32_t before[HUBS_MAX], after[HUBS_MAX];
    char id[8];

    begin("autonomous", 3, 54);
    ck_assert_uint_eq(acting(before), CHILDREN);
    (void)hubs_add(&hubs);
    settle();
    ck_assert_uint_eq(acting(after), CHILDREN);
    ck_assert_uint_gt(after[3], 0);
    ck_assert_uint_eq(moves(), after[3]);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        uint32_t at;

        name(id, i);
        (void)hubs_acting(&hubs, id, &at);
        ck_assert_uint_eq(hubs_counter(&hubs, id), at == 3 ? 0 : 3);
    }
    phub__sim_node_power_off(hubs_node(&hubs, 3));
    settle();
    ck_assert_uint_eq(acting(after), CHILDREN);
    ck_assert_uint_eq(after[3], 0);
    end();
}
END_TEST

START_TEST(nothing_moves_without_a_reason)
{
    begin(migrations[_i], 3, 52);
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(moves(), 0);
    states_kept();
    end();
}
END_TEST

START_TEST(one_that_dies_takes_along_only_what_ran_there)
{
    uint32_t at[CHILDREN], i, by_node[HUBS_MAX];
    char id[8];

    begin(migrations[_i], 3, 53);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        (void)hubs_acting(&hubs, id, &at[i]);
        if (at[i] == 1)
            acked[i] = 0;
    }
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    settle();
    states_kept();
    ck_assert_uint_eq(moves(), 0);
    phub__sim_node_start(hubs_node(&hubs, 1));
    settle();
    states_kept();
    ck_assert_uint_eq(acting(by_node), CHILDREN);
    ck_assert_uint_gt(by_node[1], 0);
    end();
}
END_TEST

/* Schedule 14 of the design. */
START_TEST(two_join_and_one_leaves_while_children_move)
{
    uint32_t i, at;
    char id[8];

    begin(migrations[_i % 2], 4, 60 + (uint64_t)_i);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        if (hubs_acting(&hubs, id, &at) == 1 && at == 2)
            acked[i] = UINT64_MAX;
    }
    (void)hubs_add(&hubs);
    hubs_run(&hubs, 200);
    (void)hubs_add(&hubs);
    hubs_run(&hubs, 100u * (uint32_t)(_i / 2));
    phub__sim_node_power_off(hubs_node(&hubs, 2));
    settle();
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        if (acked[i] != UINT64_MAX)
            ck_assert_uint_eq(hubs_counter(&hubs, id), acked[i]);
    }
    end();
}
END_TEST

START_TEST(a_partition_that_heals_leaves_one_of_each)
{
    static const uint32_t groups[] = { 0, 0, 1, 1 };
    uint32_t by_node[HUBS_MAX];

    begin(migrations[_i % 2], 4, 70 + (uint64_t)_i);
    phub__world_partition(hubs.world, groups, _i / 2 % 2);
    hubs_run(&hubs, 3000u + 4000u * (uint32_t)(_i / 4));
    phub__world_heal_all(hubs.world);
    settle();
    ck_assert_uint_eq(acting(by_node), CHILDREN);
    hubs_free(&hubs); /* on two sides there may have been two */
}
END_TEST

static void on_stopped(void *arg)
{
    phub__sim_node_exit(arg);
}

static void stop_hub(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 20000, on_stopped, arg);
}

START_TEST(a_rolling_restart_loses_no_state)
{
    uint32_t node;

    begin(migrations[_i], 3, 80);
    for (node = 0; node < 3; node++) {
        hubs_do(&hubs, node, stop_hub, hubs_node(&hubs, node));
        while (hubs_hub(&hubs, node) != NULL)
            ck_assert(phub__world_step(hubs.world));
        hubs_run(&hubs, 300);
        phub__sim_node_start(hubs_node(&hubs, node));
        settle();
        states_kept();
    }
    end();
}
END_TEST

START_TEST(a_node_that_flaps_costs_nobody_else)
{
    uint32_t i, at;
    char id[8];

    begin(migrations[_i], 3, 81);
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        if (hubs_acting(&hubs, id, &at) == 1 && at == 2)
            acked[i] = UINT64_MAX;
    }
    for (i = 0; i < 5; i++) {
        phub__sim_node_kill(hubs_node(&hubs, 2));
        hubs_run(&hubs, 300);
        phub__sim_node_start(hubs_node(&hubs, 2));
        hubs_run(&hubs, 700);
    }
    settle();
    for (i = 0; i < CHILDREN; i++) {
        name(id, i);
        if (acked[i] != UINT64_MAX)
            ck_assert_uint_eq(hubs_counter(&hubs, id), acked[i]);
    }
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("redistribute");
    TCase *tc = tcase_create("redistribute");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc,
        one_that_joins_gets_its_share_and_others_swap_nothing, 0, 2);
    tcase_add_test(tc, what_keeps_nothing_follows_the_nodes_too);
    tcase_add_loop_test(tc, nothing_moves_without_a_reason, 0, 2);
    tcase_add_loop_test(tc, one_that_dies_takes_along_only_what_ran_there, 0,
                        2);
    tcase_add_loop_test(tc, two_join_and_one_leaves_while_children_move, 0,
                        12);
    tcase_add_loop_test(tc, a_partition_that_heals_leaves_one_of_each, 0, 12);
    tcase_add_loop_test(tc, a_rolling_restart_loses_no_state, 0, 2);
    tcase_add_loop_test(tc, a_node_that_flaps_costs_nobody_else, 0, 2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
