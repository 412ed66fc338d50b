/* SPDX-License-Identifier: MIT */
/* check_alone: of a hub that lost all its power one machine comes back. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/redistribute.h"
#include "hub_fixture.h"

#define CHILDREN 8
#define LEFT 1u     /* who comes back */

static struct hubs hubs;

static void begin(uint32_t nodes, const char *partition)
{
    char id[16];
    int i;

    memset(&hubs, 0, sizeof hubs);
    hubs.partition = partition;
    hubs_new(&hubs, nodes, "coldswap", 17);
    for (i = 0; i < CHILDREN; i++) {
        snprintf(id, sizeof id, "g%d", i);
        ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim durable"), 0);
    }
    hubs_run(&hubs, 30000);
    for (uint32_t node = 0; node < nodes; node++)
        phub__sim_node_power_off(hubs_node(&hubs, node));
    hubs_run(&hubs, 100);
    phub__sim_node_start(hubs_node(&hubs, LEFT));
    hubs_run(&hubs, 60000);
}

static int act(void)
{
    int i, count = 0;
    char id[16];

    for (i = 0; i < CHILDREN; i++) {
        snprintf(id, sizeof id, "g%d", i);
        count += hubs_acting(&hubs, id, NULL) == 1;
    }
    return count;
}

/* It never sees its view change. */
START_TEST(one_that_comes_back_alone_runs_what_was_of_the_others)
{
    begin(_i == 0 ? 2 : 3, NULL);
    ck_assert_int_eq(act(), CHILDREN);
    hubs_free(&hubs);
}
END_TEST

/* Instances that are the same as before: their sum of pids. */
static int64_t pids(void)
{
    struct phub__sim_child *child = NULL;
    struct phub__sim_child_facts facts;
    int64_t sum = 0;

    while ((child = phub__sim_child_next(hubs.world, child)) != NULL) {
        phub__sim_child_facts(child, &facts);
        sum += facts.pid;
    }
    return sum;
}

/* Its guard has its children, and a verdict about it alone would end them. */
START_TEST(one_that_meets_the_others_late_keeps_its_children)
{
    static const struct {
        const char *partition, *param;
    } cases[] = { { "static_quorum", "quorum_size=2" },
                  { "majority_quorum", "initial_size=3" },
                  { "keep_oldest", "initial_size=3" } };
    int64_t before;
    char id[16];
    int i;

    memset(&hubs, 0, sizeof hubs);
    hubs.partition = cases[_i].partition;
    hubs.partition_params = &cases[_i].param;
    hubs.partition_params_count = 1;
    hubs_new(&hubs, 3, "coldswap", 17);
    hubs_run(&hubs, 10000);
    for (i = 0; i < CHILDREN; i++) {
        snprintf(id, sizeof id, "g%d", i);
        ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim state"), 0);
    }
    hubs_run(&hubs, 1000);
    before = pids();
    phub__sim_node_kill(hubs_node(&hubs, LEFT));
    for (uint32_t node = 0; node < 3; node++)
        if (node != LEFT) {
            phub__world_cut(hubs.world, node, LEFT, 0);
            phub__world_cut(hubs.world, LEFT, node, 0);
        }
    hubs_run(&hubs, 50);
    phub__sim_node_start(hubs_node(&hubs, LEFT));
    hubs_run(&hubs, 650);
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(act(), CHILDREN);
    ck_assert_int_eq(pids(), before);
    hubs_free(&hubs);
}
END_TEST

static void reset(struct phub__hub *hub, void *text)
{
    ck_assert_msg(phub__redistribution_reset(hub, 1, text, 256) == 0, "%s",
                  (char *)text);
}

START_TEST(a_quorum_is_reset_where_one_came_back_alone)
{
    char text[256] = "";

    begin(3, "majority_quorum");
    ck_assert_int_eq(act(), 0);
    hubs_do(&hubs, LEFT, reset, text);
    hubs_run(&hubs, 60000);
    ck_assert_int_eq(act(), CHILDREN);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alone");
    TCase *tc = tcase_create("alone");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc,
        one_that_comes_back_alone_runs_what_was_of_the_others, 0, 2);
    tcase_add_loop_test(tc, one_that_meets_the_others_late_keeps_its_children,
                        0, 3);
    tcase_add_test(tc, a_quorum_is_reset_where_one_came_back_alone);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
