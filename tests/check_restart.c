/* SPDX-License-Identifier: MIT */
/* check_restart: a daemon that is killed and at once started again.
 *
 * Its children ran on in the guard, nobody missed it, and nobody else may
 * start what is its: it has to make out by itself what its earlier start was
 * in the middle of. */
#include "config.h"

#include <check.h>
#include <stdio.h>

#include <phub/error.h>

#include "hub/local.h"
#include "hub/move.h"
#include "hub_fixture.h"

static const char *const migrations[] = { "hotswap", "coldswap" };
#define SWAPS 2
#define STEPS 24

static struct hubs hubs;
static uint32_t home, target;

static void begin(const char *migration, const char *words)
{
    hubs_new(&hubs, 3, migration, 11);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", words), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    target = (home + 1) % 3;
    hubs_update(&hubs, "c", 1, 5);
}

static void again(uint32_t node)
{
    phub__sim_node_start(hubs_node(&hubs, node));
}

static int well(struct hubs *h, const void *id)
{
    return hubs_agree(h, NULL) && hubs_acts(h, id) &&
           hubs_instances(h, id, NULL) == 1;
}

/* Kill node after that many effects of a move, and start it again. */
static void kill_in_move(uint32_t node, uint32_t effects)
{
    uint32_t from = node == home ? target : home;

    phub__sim_node_kill_after(hubs_node(&hubs, node), effects);
    hubs_move_send(&hubs, from, "c", target, &hubs_last);
    while (hubs_hub(&hubs, node) != NULL && hubs_last.done == 0)
        ck_assert(phub__world_step(hubs.world));
    if (hubs_hub(&hubs, node) != NULL)
        phub__sim_node_kill(hubs_node(&hubs, node));
    again(node);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_msg(hubs_until(&hubs, 60000, well, "c"),
                  "%s, %u effects: %u act of %u", hubs.migration, effects,
                  hubs_acting(&hubs, "c", NULL),
                  hubs_instances(&hubs, "c", NULL));
    hubs_run(&hubs, 8000);
    ck_assert(well(&hubs, "c"));
    ck_assert_uint_eq(hubs.doubled, 0);
}

START_TEST(an_idle_node_takes_its_children_back_untouched)
{
    struct phub__sim_child *child;

    begin(migrations[_i], "sim state freeze");
    child = hubs_child(&hubs, "c");
    phub__sim_node_kill(hubs_node(&hubs, home));
    again(home);
    ck_assert(hubs_until(&hubs, 60000, well, "c"));
    hubs_run(&hubs, 8000);
    ck_assert_ptr_eq(hubs_child(&hubs, "c"), child);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_target_that_restarts_at_any_step_loses_nothing)
{
    begin(migrations[_i % SWAPS], "sim state freeze");
    kill_in_move(target, (uint32_t)(_i / SWAPS) + 1);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_origin_that_restarts_at_any_step_loses_nothing)
{
    begin("hotswap", "sim state freeze");
    kill_in_move(home, (uint32_t)_i + 1);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_free(&hubs);
}
END_TEST

/* ColdSwap's state is for a moment in the daemon alone. */
START_TEST(an_origin_that_restarts_in_a_coldswap_leaves_one)
{
    begin("coldswap", "sim state freeze");
    kill_in_move(home, (uint32_t)_i + 1);
    hubs_free(&hubs);
}
END_TEST

/* --- the new home stumbles --------------------------------------------------- */

/* The home loses power after that many effects of a move; whatever begins
 * with a state elsewhere crashes before it has it, if it is to.  What the
 * child counts then. */
static uint64_t counted_after(const char *migration, uint32_t effects,
                              int crash)
{
    struct phub__sim_child *child;
    struct phub__sim_child_facts facts;
    uint64_t until, counted;

    begin(migration, "sim state freeze");
    phub__sim_node_kill_after(hubs_node(&hubs, home), effects);
    hubs_move_send(&hubs, target, "c", target, &hubs_last);
    while (hubs_hub(&hubs, home) != NULL && hubs_last.done == 0)
        ck_assert(phub__world_step(hubs.world));
    phub__sim_node_power_off(hubs_node(&hubs, home));
    until = phub__world_now(hubs.world) + 60 * PHUB__SIM_S;
    while (phub__world_now(hubs.world) < until) {
        ck_assert(phub__world_step(hubs.world));
        for (child = NULL; crash != 0 && (child = phub__sim_child_next(
                               hubs.world, child)) != NULL;) {
            phub__sim_child_facts(child, &facts);
            if (facts.standby || !facts.state_expected || facts.state_put ||
                phub__view_index(phub__hub_view(hubs_hub(&hubs, target)),
                                 hubs.ids[home]) != PHUB__VIEW_NONE)
                continue; /* else it is given back to the dead one */
            phub__sim_child_crash(child, 1);
            crash = 0;
            break;
        }
    }
    ck_assert_msg(hubs_acts(&hubs, "c"), "%s, %u effects: none acts",
                  migration, effects);
    counted = hubs_counter(&hubs, "c");
    hubs_free(&hubs);
    return counted;
}

START_TEST(a_state_survives_a_start_that_fails)
{
    const char *migration = migrations[_i % SWAPS];
    uint32_t effects = (uint32_t)(_i / SWAPS) + 1;

    ck_assert_uint_eq(counted_after(migration, effects, 1),
                      counted_after(migration, effects, 0));
}
END_TEST

/* --- ends ------------------------------------------------------------------ */

static uint64_t starts(void)
{
    uint64_t sum = 0;
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++)
        sum += hubs_hub(&hubs, i)->counters.starts;
    return sum;
}

START_TEST(a_temporary_child_runs_once)
{
    hubs_new(&hubs, 3, "hotswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b d e f",
                                "sim temporary exit-after=300"), 0);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(starts(), 5);
    ck_assert_uint_eq(hubs_home(&hubs, 0, "a"), hubs.nodes);
    hubs_free(&hubs);
}
END_TEST

/* The pid of the instance that runs, as a node's registry has it. */
static int64_t pid_at(uint32_t node)
{
    struct phub__lookup lookup;

    ck_assert_int_eq(phub__registry_lookup(hubs_hub(&hubs, node)->registry,
                                           hubs_bytes("c"), &lookup), 0);
    ck_assert_uint_eq(lookup.instances_count, 1);
    ck_assert_int_eq(lookup.instances[0].state, PHUB_INSTANCE_RUNNING);
    return lookup.instances[0].pid;
}

START_TEST(a_restart_in_place_is_seen_everywhere_with_its_pid)
{
    struct phub__sim_child_facts facts;
    int64_t before;
    uint32_t i;

    begin("hotswap", "sim state freeze");
    hubs_run(&hubs, 1000);
    before = pid_at(0);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    hubs_run(&hubs, 5000);
    phub__sim_child_facts(hubs_child(&hubs, "c"), &facts);
    ck_assert_int_ne(facts.pid, before);
    for (i = 0; i < 3; i++)
        ck_assert_int_eq(pid_at(i), facts.pid);
    hubs_free(&hubs);
}
END_TEST

static uint64_t records_kept(uint32_t node)
{
    struct phub__registry_counts counts;

    phub__registry_counts(hubs_hub(&hubs, node)->registry, &counts);
    return counts.records_kept;
}

/* Stops of daemons that have started again since: who had dropped his got them
 * back from who had not yet, and so on in turn, for ever. */
START_TEST(stops_that_have_been_dropped_do_not_come_back)
{
    uint64_t kept, most[3] = { 0 };
    uint32_t i, second;
    char name[8];

    hubs_new(&hubs, 3, "hotswap", 300 + (uint64_t)_i);
    for (i = 0; i < 30; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_int_eq(hubs_start(&hubs, i % 3, name, "sim durable"), 0);
        ck_assert_int_eq(hubs_stop(&hubs, i % 3, name), 0);
    }
    for (i = 0; i < 3; i++) {
        most[i] = records_kept(i);
        phub__sim_node_kill(hubs_node(&hubs, i));
        again(i);
        hubs_run(&hubs, 1000 + 300 * (uint32_t)_i);
    }
    ck_assert_uint_ne(most[0], 0);
    hubs_settle(&hubs);
    for (i = 0; i < 3; i++)
        most[i] = records_kept(i);
    for (second = 0; second < 600; second++) {
        hubs_run(&hubs, 1000);
        for (i = 0; i < 3; i++) {
            kept = records_kept(i);
            ck_assert_msg(kept <= most[i], "after %u s node %u has %u again, "
                          "it had %u", second, i, (unsigned)kept,
                          (unsigned)most[i]);
            most[i] = kept;
        }
    }
    ck_assert_uint_eq(most[0] + most[1] + most[2], 0);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("restart");
    TCase *tc = tcase_create("restart");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, an_idle_node_takes_its_children_back_untouched,
                        0, SWAPS);
    tcase_add_loop_test(tc, a_target_that_restarts_at_any_step_loses_nothing,
                        0, STEPS * SWAPS);
    tcase_add_loop_test(tc, an_origin_that_restarts_at_any_step_loses_nothing,
                        0, STEPS);
    tcase_add_loop_test(tc, an_origin_that_restarts_in_a_coldswap_leaves_one,
                        0, STEPS);
    tcase_add_loop_test(tc, a_state_survives_a_start_that_fails, 0,
                        STEPS * SWAPS);
    tcase_add_test(tc, a_temporary_child_runs_once);
    tcase_add_loop_test(tc, stops_that_have_been_dropped_do_not_come_back, 0,
                        6);
    tcase_add_test(tc, a_restart_in_place_is_seen_everywhere_with_its_pid);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
