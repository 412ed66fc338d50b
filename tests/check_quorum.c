/* SPDX-License-Identifier: MIT */
/* check_quorum: promise 8: the partition strategy is asked before anything
 * is redistributed, and a goodbye is no loss.
 *
 * The strategy is partition-watchful.c: while a node is missing it says
 * FREEZE, or STOP or CONTINUE if it is told to.  It and
 * distribution-noting.c note each question among the causes of their node,
 * which is where these tests read what was asked, and in which order. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/drain.h"
#include "hub/redistribute.h"
#include "hub_fixture.h"
#include "registry/registry.h"

#define CHILDREN "c1 c2 c3 c4 c5 c6 c7 c8 c9"
#define LONG_MS 30000u   /* leases, settling and all retries are over */

static struct hubs hubs;
static char plugin[512], noting[512];

static void begin_with(uint32_t count, const char *param)
{
    static const char *params[1];
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-watchful.so",
             build != NULL ? build : ".");
    snprintf(noting, sizeof noting, "%s/tests/.libs/distribution-noting.so",
             build != NULL ? build : ".");
    params[0] = param;
    hubs = (struct hubs){ .partition = plugin, .partition_params = params,
                          .partition_params_count = param != NULL,
                          .distribution = noting };
    hubs_new(&hubs, count, "hotswap", 8);
    ck_assert_int_eq(hubs_start(&hubs, 0, CHILDREN, "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
}

static void begin(const char *param)
{
    begin_with(3, param);
}

/* --- what was asked ---------------------------------------------------------- */

struct asked {
    uint32_t count, with_lost, with_left;
    uint32_t lost[HUBS_MAX], left[HUBS_MAX];  /* times, by node */
};

static void count_nodes(const char *text, uint32_t *times, uint32_t *any)
{
    char name[24];
    uint32_t i;

    *any += text[0] == ' ' && text[1] != ' ' && text[1] != '\0';
    for (i = 0; i < hubs.nodes; i++) {
        snprintf(name, sizeof name, "%016llx",
                 (unsigned long long)hubs.ids[i]);
        times[i] += strstr(text, name) != NULL;
    }
}

/* What the partition strategy of that node was asked since it started. */
static struct asked asked(uint32_t node)
{
    static struct phub__cause causes[PHUB__CAUSES_MAX];
    struct phub__hub *hub = hubs_hub(&hubs, node);
    uint32_t count = phub__causes_of(hub->causes, PHUB_BYTES_NONE, causes,
                                     PHUB__CAUSES_MAX), i;
    struct asked all = { 0 };
    char lost[256];

    for (i = 0; i < count; i++) {
        const char *at = causes[i].text, *left;

        if (strncmp(at, "judge ", 6) != 0)
            continue;
        all.count++;
        at = strstr(at, " lost") + 5;
        left = strstr(at, " left");
        snprintf(lost, sizeof lost, "%.*s", (int)(left - at), at);
        count_nodes(lost, all.lost, &all.with_lost);
        count_nodes(left + 5, all.left, &all.with_left);
    }
    ck_assert_uint_eq(phub__tally_get(&hub->tallies[PHUB_KIND_PARTITION],
                                      "asked"), all.count);
    return all;
}

/* Each time the distribution strategy of that node was asked about a view,
 * the partition strategy had been asked about it before; gives how often. */
static uint32_t assigned_after_judged(uint32_t node)
{
    static struct phub__cause causes[PHUB__CAUSES_MAX];
    uint32_t count = phub__causes_of(hubs_hub(&hubs, node)->causes,
                                     PHUB_BYTES_NONE, causes,
                                     PHUB__CAUSES_MAX), i, k, assigns = 0;

    for (i = 0; i < count; i++) {
        if (strncmp(causes[i].text, "assign ", 7) != 0)
            continue;
        assigns++;
        for (k = 0; k < i; k++)
            if (strncmp(causes[k].text, "judge ", 6) == 0 &&
                strncmp(causes[k].text + 6, causes[i].text + 7, 16) == 0)
                break;
        ck_assert_msg(k < i, "node %u: %s before a verdict", node,
                      causes[i].text);
    }
    return assigns;
}

static uint32_t settled[HUBS_MAX];

static void on_settled(void *arg, const struct phub_hook_event *event)
{
    (void)event;
    ++*(uint32_t *)arg;
}

/* Count the views that settle from now on. */
static void watch(uint32_t node)
{
    uint64_t handle;

    settled[node] = 0;
    ck_assert_int_eq(phub__hooks_add(hubs_hub(&hubs, node)->hooks,
                                     "pre_redistribution", 0, on_settled,
                                     &settled[node], &handle), 0);
}

/* --- where children are ------------------------------------------------------ */

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

/* The same loss, when the strategy lets it go on: so it is the verdict that
 * held the children back above. */
START_TEST(under_continue_the_lost_nodes_children_act_elsewhere)
{
    uint64_t before;

    begin("go_on=yes");
    before = homes(0, 1);
    ck_assert_uint_gt(before, 0);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(homes(0, 1), 0);
    ck_assert_uint_eq(homes(2, 1), 0);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.rehomed +
                          hubs_hub(&hubs, 2)->counters.rehomed, before);
    ck_assert_uint_eq(acting(), 9);
    ck_assert_uint_eq(hubs.doubled, 0);
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

static uint32_t left_calls;

static void left(void *arg)
{
    (void)arg;
    left_calls++;
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

/* --- how it is asked --------------------------------------------------------- */

START_TEST(each_settled_view_is_judged_once)
{
    struct asked before;

    begin("go_on=yes");
    watch(0);
    before = asked(0);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(settled[0], 1);
    ck_assert_uint_eq(asked(0).count - before.count, settled[0]);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    (void)hubs_add(&hubs);
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_ge(settled[0], 3);
    ck_assert_uint_eq(asked(0).count - before.count, settled[0]);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_view_is_judged_before_anything_is_placed_in_it)
{
    uint32_t node, assigns = 0;

    begin("go_on=yes");
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    hubs_do(&hubs, 2, leave, NULL);
    hubs_run(&hubs, LONG_MS);
    for (node = 0; node < 2; node++)
        assigns += assigned_after_judged(node);
    ck_assert_uint_gt(assigns, 0);
    ck_assert_uint_eq(acting(), 9);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_killed_node_is_lost_and_nothing_else)
{
    struct asked all;

    begin(NULL);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    for (uint32_t node = 0; node < 3; node += 2) {
        all = asked(node);
        ck_assert_uint_eq(all.lost[1], 1);
        ck_assert_uint_eq(all.with_lost, 1);
        ck_assert_uint_eq(all.with_left, 0);
    }
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_node_that_says_goodbye_has_left_and_is_not_lost)
{
    struct asked all;

    begin(NULL);
    hubs_do(&hubs, 1, leave, NULL);
    hubs_run(&hubs, LONG_MS);
    for (uint32_t node = 0; node < 3; node += 2) {
        all = asked(node);
        ck_assert_uint_eq(all.left[1], 1);
        ck_assert_uint_eq(all.with_left, 1);
        ck_assert_uint_eq(all.with_lost, 0);
    }
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_join_is_asked_about_with_empty_lists)
{
    struct asked before, after;

    begin(NULL);
    before = asked(0);
    (void)hubs_add(&hubs);
    hubs_run(&hubs, LONG_MS);
    after = asked(0);
    ck_assert_uint_eq(after.count - before.count, 1);
    ck_assert_uint_eq(after.with_lost, 0);
    ck_assert_uint_eq(after.with_left, 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(two_nodes_lost_at_once_are_each_told_once)
{
    struct asked all;

    begin_with(5, NULL);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    phub__sim_node_kill(hubs_node(&hubs, 3));
    hubs_run(&hubs, LONG_MS);
    for (uint32_t node = 0; node < 5; node += 2) {
        all = asked(node);
        ck_assert_uint_eq(all.lost[1], 1);
        ck_assert_uint_eq(all.lost[3], 1);
        ck_assert_uint_eq(all.lost[0] + all.lost[2] + all.lost[4], 0);
        ck_assert_uint_eq(all.with_left, 0);
    }
    hubs_free(&hubs);
}
END_TEST

START_TEST(both_sides_of_a_cut_lose_each_other_and_a_heal_is_a_join)
{
    static const uint32_t groups[] = { 0, 0, 1 };
    struct asked all, healed;
    uint32_t node;

    begin(NULL);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, LONG_MS);
    all = asked(0);
    ck_assert_uint_eq(all.lost[2], 1);
    ck_assert_uint_eq(all.lost[1], 0);
    all = asked(2);
    ck_assert_uint_eq(all.lost[0], 1);
    ck_assert_uint_eq(all.lost[1], 1);
    ck_assert_int_eq(hubs_hub(&hubs, 0)->verdict, PHUB_VERDICT_FREEZE);
    ck_assert_int_eq(hubs_hub(&hubs, 2)->verdict, PHUB_VERDICT_FREEZE);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.rehomed, 0);
    ck_assert_uint_eq(hubs_hub(&hubs, 2)->counters.rehomed, 0);
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, LONG_MS);
    for (node = 0; node < 3; node++) {
        healed = asked(node);
        ck_assert_uint_eq(healed.with_left, 0);
        ck_assert_uint_le(healed.lost[0], 1);
        ck_assert_uint_le(healed.lost[1], 1);
        ck_assert_uint_le(healed.lost[2], 1);
        ck_assert_int_eq(hubs_hub(&hubs, node)->verdict,
                         PHUB_VERDICT_CONTINUE);
    }
    ck_assert_uint_gt(healed.count, all.count);
    ck_assert_uint_eq(acting(), 9);
    hubs_free(&hubs);
}
END_TEST

static void asked_cases(Suite *suite)
{
    TCase *tc = tcase_create("asked");

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, each_settled_view_is_judged_once);
    tcase_add_test(tc, a_view_is_judged_before_anything_is_placed_in_it);
    tcase_add_test(tc, a_killed_node_is_lost_and_nothing_else);
    tcase_add_test(tc, a_node_that_says_goodbye_has_left_and_is_not_lost);
    tcase_add_test(tc, a_join_is_asked_about_with_empty_lists);
    tcase_add_test(tc, two_nodes_lost_at_once_are_each_told_once);
    tcase_add_test(
        tc, both_sides_of_a_cut_lose_each_other_and_a_heal_is_a_join);
    suite_add_tcase(suite, tc);
}

/* --- a drain of who may not place anything --------------------------------------- */

static int drained_calls, drained_rc;

static void on_drained(void *arg, int rc, uint32_t moved, uint32_t here)
{
    (void)arg;
    (void)moved;
    (void)here;
    drained_rc = rc;
    drained_calls++;
}

static void drain(struct phub__hub *hub, void *arg)
{
    *(int *)arg = phub__drain_start(hub, 20000, on_drained, NULL);
}

START_TEST(a_drain_under_freeze_or_stop_is_refused_and_moves_nothing)
{
    uint32_t before;
    int rc = 0;

    begin(_i == 0 ? NULL : "stop=yes");
    drained_calls = 0;
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    before = acting();
    hubs_do(&hubs, 0, drain, &rc);
    ck_assert_int_eq(rc, PHUB_EPARTITIONED);
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(drained_calls, 0);
    ck_assert_uint_eq(acting(), before);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 9);
    hubs_free(&hubs);
}
END_TEST

/* One that gives no state is still being moved when the verdict comes. */
START_TEST(a_drain_that_is_overtaken_by_a_freeze_ends)
{
    uint32_t at = 9, i;
    char id[16];
    int rc = 1;

    begin(NULL);
    for (i = 0; at != 0; i++) {
        snprintf(id, sizeof id, "s%u", i);
        ck_assert_int_eq(hubs_start(&hubs, 0, id,
                                    "sim state freeze late-state=60000"), 0);
        ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
    }
    drained_calls = 0;
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_do(&hubs, 0, drain, &rc);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(drained_calls, 1);
    ck_assert_int_eq(drained_rc, PHUB_EPARTITIONED);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 9);
    ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
    ck_assert(phub__hub_may_run(hubs_hub(&hubs, 0)));
    hubs_free(&hubs);
}
END_TEST

static void stop_hub(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 30000, left, arg);
}

START_TEST(who_may_run_nothing_does_not_wait_for_its_drain_to_stop)
{
    begin("stop=yes");
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    hubs_do(&hubs, 0, stop_hub, NULL);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(left_calls, 1);
    hubs_free(&hubs);
}
END_TEST

/* --- when a majority is gone for good ------------------------------------------- */

struct reset {
    uint64_t size;
    int rc;
    char text[256];
};

static void do_reset(struct phub__hub *hub, void *arg)
{
    struct reset *reset = arg;

    reset->rc = phub__redistribution_reset(hub, reset->size, reset->text,
                                           sizeof reset->text);
}

static int reset_to(uint64_t size)
{
    static struct reset reset;

    reset.size = size;
    hubs_do(&hubs, 1, do_reset, &reset);
    ck_assert_str_ne(reset.text, "");
    return reset.rc;
}

static void begin_majority(void)
{
    static const char *const params[] = { "initial_size=5" };

    hubs = (struct hubs){ .partition = "majority_quorum",
                          .partition_params = params,
                          .partition_params_count = 1 };
    hubs_new(&hubs, 5, "hotswap", 8);
    hubs_run(&hubs, LONG_MS);
    ck_assert_int_eq(hubs_start(&hubs, 0, CHILDREN, "sim state freeze"), 0);
    ck_assert_uint_eq(acting(), 9);
}

START_TEST(after_a_reset_the_rest_runs_all_and_takes_the_others_in_again)
{
    uint32_t i;

    begin_majority();
    for (i = 2; i < 5; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 0);
    ck_assert_int_eq(reset_to(3), PHUB_EINVAL);
    ck_assert_int_eq(reset_to(0), PHUB_EINVAL);
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 0);
    ck_assert_int_eq(reset_to(2), 0);
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 9);
    for (i = 2; i < 5; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_run(&hubs, 2 * LONG_MS);
    ck_assert_uint_eq(acting(), 9);
    /* All count again: without two of five the others go on. */
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, LONG_MS);
    ck_assert_uint_eq(acting(), 9);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_strategy_that_remembers_nothing_says_so)
{
    hubs = (struct hubs){ .partition = "divergence" };
    hubs_new(&hubs, 2, "hotswap", 8);
    ck_assert_int_eq(reset_to(2), PHUB_EUNSUPPORTED);
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
    tcase_add_test(tc, under_continue_the_lost_nodes_children_act_elsewhere);
    tcase_add_test(tc, a_start_under_freeze_is_refused_as_partitioned);
    tcase_add_test(tc, all_goes_on_when_the_missing_one_is_back);
    tcase_add_test(tc, a_graceful_leave_is_no_loss);
    tcase_add_test(tc, stop_ends_what_runs_here);
    tcase_add_test(
        tc, after_a_reset_the_rest_runs_all_and_takes_the_others_in_again);
    tcase_add_test(tc, a_strategy_that_remembers_nothing_says_so);
    tcase_add_loop_test(
        tc, a_drain_under_freeze_or_stop_is_refused_and_moves_nothing, 0, 2);
    tcase_add_test(tc, a_drain_that_is_overtaken_by_a_freeze_ends);
    tcase_add_test(tc, who_may_run_nothing_does_not_wait_for_its_drain_to_stop);
    suite_add_tcase(suite, tc);
    asked_cases(suite);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
