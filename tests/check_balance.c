/* SPDX-License-Identifier: MIT */
/* Tests of whole hubs with load_balancer: machines differ, nodes come and go. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/rows.h"
#include "hub/tally.h"
#include "hub_fixture.h"

#define MANY 300u

static struct hubs hubs;
static char ids[MANY * 6];

static void begin(uint32_t nodes, const char *more)
{
    static const char *params[2];

    params[0] = "interval_ms=500";
    params[1] = more;
    memset(&hubs, 0, sizeof hubs);
    hubs.distribution = "load_balancer";
    hubs.distribution_params = params;
    hubs.distribution_params_count = more != NULL ? 2 : 1;
    hubs_new(&hubs, nodes, "hotswap", 41);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static void loaded(uint32_t node, uint32_t cpus, uint32_t cpu_permille)
{
    struct phub__sim_load load;

    phub__sim_load_init(&load);
    load.cpus = cpus;
    load.cpu_permille = cpu_permille;
    load.child_permille = 0;
    phub__sim_node_load(hubs_node(&hubs, node), &load);
}

/* Children c<first> ... in one request of node. */
static void start(uint32_t node, uint32_t first, uint32_t count)
{
    size_t at = 0;
    uint32_t i;

    for (i = first; i < first + count; i++)
        at += (size_t)snprintf(ids + at, sizeof ids - at, "c%u ", i);
    ids[at - 1] = '\0';
    ck_assert_int_eq(hubs_start(&hubs, node, ids, "sim"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
}

static uint32_t homes(uint32_t seen_by, uint32_t node)
{
    return (uint32_t)phub__registry_home_count(
        hubs_hub(&hubs, seen_by)->registry, hubs.ids[node]);
}

static uint64_t counted(uint32_t node, const char *name)
{
    return phub__tally_get(
        &hubs_hub(&hubs, node)->tallies[PHUB_KIND_DISTRIBUTION], name);
}

static uint32_t leader(void)
{
    uint32_t i, lowest = hubs.nodes;

    for (i = 0; i < hubs.nodes; i++)
        if (hubs_hub(&hubs, i) != NULL &&
            (lowest == hubs.nodes || hubs.ids[i] < hubs.ids[lowest]))
            lowest = i;
    return lowest;
}

START_TEST(children_go_where_machines_are_larger_and_less_busy)
{
    begin(3, NULL);
    loaded(0, 2, 0);
    loaded(1, 8, 0);
    loaded(2, 8, 1000);
    hubs_run(&hubs, 20000);          /* the scores before are forgotten */
    start(0, 0, MANY);
    /* 2 : 8 : 8 * 0.6 by the default weights */
    ck_assert_uint_ge(homes(0, 0), 36);
    ck_assert_uint_le(homes(0, 0), 44);
    ck_assert_uint_ge(homes(0, 1), 150);
    ck_assert_uint_le(homes(0, 1), 170);
    ck_assert_uint_ge(homes(0, 2), 90);
    ck_assert_uint_le(homes(0, 2), 110);
    end();
}
END_TEST

START_TEST(a_lost_leader_is_followed_and_only_its_children_get_new_homes)
{
    uint32_t was[MANY], lost, i, now;
    char id[8];

    begin(4, NULL);
    for (i = 0; i < 4; i++)
        loaded(i, i == 3 ? 8 : 4, 0);
    hubs_run(&hubs, 5000);
    start(0, 0, 200);
    for (i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        was[i] = hubs_home(&hubs, 0, id);
    }
    lost = leader();
    phub__sim_node_kill(hubs_node(&hubs, lost));
    hubs_run(&hubs, 15000);
    ck_assert_uint_ge(counted(leader(), "boards_made"), 1);
    for (i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert(hubs_acts(&hubs, id));
        now = hubs_home(&hubs, leader(), id);
        ck_assert_uint_ne(now, lost);
        if (was[i] != lost)
            ck_assert_uint_eq(now, was[i]);
    }
    end();
}
END_TEST

START_TEST(who_joins_gets_the_new_ones_and_nothing_moves)
{
    uint32_t i, before[3], joined;

    begin(3, NULL);
    hubs_run(&hubs, 3000);
    start(0, 0, 90);
    for (i = 0; i < 3; i++)
        before[i] = homes(0, i);
    joined = hubs_add(&hubs);
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    for (i = 0; i < 3; i++)
        ck_assert_uint_eq(homes(0, i), before[i]);
    start(1, 90, 28);
    ck_assert_uint_ge(homes(0, joined), 27);
    end();
}
END_TEST

START_TEST(children_are_evened_out_at_the_pace_that_is_set)
{
    uint32_t joined, moved, i;

    begin(3, "rebalance_per_minute=60");
    hubs_run(&hubs, 3000);
    start(0, 0, 120);
    joined = hubs_add(&hubs);
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    moved = homes(0, joined);
    ck_assert_uint_ge(moved, 5);
    ck_assert_uint_le(moved, 12);
    hubs_run(&hubs, 60000);
    for (i = 0; i < 4; i++) {
        ck_assert_uint_ge(homes(0, i), 27);
        ck_assert_uint_le(homes(0, i), 33);
    }
    moved = homes(0, joined);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(homes(0, joined), moved);
    end();
}
END_TEST

static void drained(void *arg, int rc, uint32_t moved, uint32_t left)
{
    (void)rc;
    (void)rc;
    (void)moved;
    *(uint32_t *)arg = 1 + left;
}

static void drain(struct phub__hub *hub, void *arg)
{
    ck_assert_int_eq(phub__drain_start(hub, 20000, drained, arg), 0);
}

/* Empty as they are they look best; with more of them than a claim tries, a
 * child would be nowhere. */
START_TEST(drained_nodes_take_no_children)
{
    uint32_t i, done[5] = { 0 };

    begin(7, "rebalance_per_minute=600");
    hubs_run(&hubs, 3000);
    start(0, 0, 70);
    for (i = 0; i < 5; i++)
        hubs_do(&hubs, i, drain, &done[i]);
    hubs_run(&hubs, 10000);
    for (i = 0; i < 5; i++) {
        ck_assert_uint_eq(done[i], 1);
        ck_assert_uint_eq(homes(6, i), 0);
    }
    for (i = 0; i < 10; i++)
        start(6, 100 + 3 * i, 3);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(homes(6, 5) + homes(6, 6), 100);
    ck_assert_uint_ge(homes(6, 5), 44);
    ck_assert_uint_ge(homes(6, 6), 44);
    end();
}
END_TEST

START_TEST(each_side_of_a_cut_goes_on_and_they_agree_again)
{
    uint32_t i, k;
    char id[8];

    begin(4, NULL);
    hubs_run(&hubs, 3000);
    start(0, 0, 20);
    for (i = 0; i < 2; i++)
        for (k = 2; k < 4; k++) {
            phub__world_cut(hubs.world, i, k, 0);
            phub__world_cut(hubs.world, k, i, 0);
        }
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(homes(0, 0) + homes(0, 1), 20);
    ck_assert_uint_eq(homes(2, 2) + homes(2, 3), 20);
    hubs.doubled = 0;                /* as divergence has it */
    for (i = 0; i < 2; i++)
        for (k = 2; k < 4; k++) {
            phub__world_heal(hubs.world, i, k);
            phub__world_heal(hubs.world, k, i);
        }
    hubs_run(&hubs, 60000);
    hubs.doubled = 0;
    for (i = 0; i < 20; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert(hubs_acts(&hubs, id));
    }
    for (i = 0; i < 4; i++)
        ck_assert_uint_eq(homes(0, i), homes(3, i));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("balance");
    TCase *tc = tcase_create("balance");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, children_go_where_machines_are_larger_and_less_busy);
    tcase_add_test(tc,
        a_lost_leader_is_followed_and_only_its_children_get_new_homes);
    tcase_add_test(tc, who_joins_gets_the_new_ones_and_nothing_moves);
    tcase_add_test(tc, children_are_evened_out_at_the_pace_that_is_set);
    tcase_add_test(tc, drained_nodes_take_no_children);
    tcase_add_test(tc, each_side_of_a_cut_goes_on_and_they_agree_again);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
