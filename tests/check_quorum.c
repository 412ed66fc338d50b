/* SPDX-License-Identifier: MIT */
/* check_quorum: promise 8: the partition strategy is asked before anything
 * is redistributed, and a goodbye is no loss.
 *
 * The strategy is partition-watchful.c: while a node is missing it says
 * FREEZE, or STOP if it is told to. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub_fixture.h"
#include "registry/registry.h"

#define CHILDREN "c1 c2 c3 c4 c5 c6 c7 c8 c9"
#define LONG_MS 30000u   /* leases, settling and all retries are over */

static struct hubs hubs;
static char plugin[512];

static void begin(const char *param)
{
    static const char *params[1];
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-watchful.so",
             build != NULL ? build : ".");
    params[0] = param;
    hubs = (struct hubs){ .partition = plugin, .partition_params = params,
                          .partition_params_count = param != NULL };
    hubs_new(&hubs, 3, "hotswap", 8);
    ck_assert_int_eq(hubs_start(&hubs, 0, CHILDREN, "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
}

static uint64_t homes(uint32_t seen_by, uint32_t node)
{
    return phub__registry_home_count(hubs_hub(&hubs, seen_by)->registry,
                                     hubs.ids[node]);
}

static uint32_t acting(void)
{
    static const char *const ids[] = { "c1", "c2", "c3", "c4", "c5",
                                       "c6", "c7", "c8", "c9" };
    uint32_t i, node, sum = 0;

    for (i = 0; i < 9; i++)
        sum += hubs_acting(&hubs, ids[i], &node);
    return sum;
}

START_TEST(nothing_is_re_homed_before_the_verdict)
{
    uint64_t before;

    begin(NULL);
    before = homes(0, 1);
    ck_assert_uint_gt(before, 0);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_FREEZE);
    ck_assert_int_eq(hubs_hub(&hubs, 2)->verdict, PHUB_VERDICT_FREEZE);
    ck_assert_uint_eq(homes(0, 1), before);
    ck_assert_uint_eq(homes(2, 1), before);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.rehomed, 0);
    ck_assert_uint_eq(hubs_hub(&hubs, 2)->counters.rehomed, 0);
    ck_assert_uint_eq(acting(), 9 - before);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_start_under_freeze_is_refused_as_partitioned)
{
    begin(NULL);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_start(&hubs, 0, "late", "sim"), PHUB_EPARTITIONED);
    hubs_free(&hubs);
}
END_TEST

START_TEST(all_goes_on_when_the_missing_one_is_back)
{
    begin(NULL);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(acting(), 9);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

static void left(void *arg)
{
    (void)arg;
}

static void leave(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 10000, left, arg);
}

START_TEST(a_graceful_leave_is_no_loss)
{
    begin(NULL);
    hubs_do(&hubs, 1, leave, NULL);
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_int_eq(hubs_hub(&hubs, 2)->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(homes(0, 1), 0);
    ck_assert_uint_eq(acting(), 9);
    hubs_free(&hubs);
}
END_TEST

START_TEST(stop_ends_what_runs_here)
{
    begin("stop=yes");
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_STOP);
    ck_assert_uint_eq(acting(), 0);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quorum");
    TCase *tc = tcase_create("quorum");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, nothing_is_re_homed_before_the_verdict);
    tcase_add_test(tc, a_start_under_freeze_is_refused_as_partitioned);
    tcase_add_test(tc, all_goes_on_when_the_missing_one_is_back);
    tcase_add_test(tc, a_graceful_leave_is_no_loss);
    tcase_add_test(tc, stop_ends_what_runs_here);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
