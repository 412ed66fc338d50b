/* SPDX-License-Identifier: MIT */
/* check_return: a node that comes back to others who went on without it. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub/synced.h"
#include "hub_fixture.h"

#define HUBS_OF_A_TEST 3u
#define STEPS 40

static struct hubs hubs;
static uint32_t home;

static void setup(void)
{
    hubs_new(&hubs, HUBS_OF_A_TEST, "coldswap", 23);
}

static void teardown(void)
{
    hubs_free(&hubs);
}

/* Cut node off, or (HUBS_OF_A_TEST) nobody. */
static void cut_off(uint32_t node)
{
    uint32_t groups[HUBS_MAX] = { 0 };

    if (node == HUBS_OF_A_TEST) {
        phub__world_heal_all(hubs.world);
        return;
    }
    groups[node] = 1;
    phub__world_partition(hubs.world, groups, 0);
}

static void restart(uint32_t node)
{
    phub__sim_node_power_off(hubs_node(&hubs, node));
    hubs_run(&hubs, 100);
    phub__sim_node_start(hubs_node(&hubs, node));
}

struct no_such {
    int code;
    char text[PHUB__NO_SUCH_MAX];
};

static void ask_no_such(struct phub__hub *hub, void *arg)
{
    struct no_such *said = arg;

    said->code = phub__hub_no_such(hub, said->text);
}

/* As long as the others hold what it was before for alive. */
START_TEST(one_without_its_disk_is_not_let_in_and_says_so)
{
    struct no_such said;

    phub__sim_node_power_off(hubs_node(&hubs, 2));
    phub__sim_node_wipe(hubs_node(&hubs, 2));
    phub__sim_node_start(hubs_node(&hubs, 2));
    hubs_run(&hubs, 600); /* more than alone_grace */
    hubs_do(&hubs, 2, ask_no_such, &said);
    ck_assert_int_eq(said.code, PHUB_EAGAIN);
    ck_assert_ptr_nonnull(strstr(said.text, "its name is in use"));
    ck_assert_int_eq(hubs_start(&hubs, 2, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    hubs_settle(&hubs);
    hubs_do(&hubs, 2, ask_no_such, &said);
    ck_assert_ptr_null(strstr(said.text, "its name is in use"));
}
END_TEST

/* On its own side the home was moved; on the other the child ran on. */
START_TEST(a_newer_home_waits_until_the_older_instance_has_ended)
{
    uint32_t other, doubled;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c",
                                "sim durable slow-stop=800"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    other = (home + 1) % HUBS_OF_A_TEST;
    phub__sim_node_power_off(hubs_node(&hubs,
                                       (home + 2) % HUBS_OF_A_TEST));
    hubs_settle(&hubs);
    hubs_run(&hubs, 5000);
    cut_off(home);
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(hubs_home(&hubs, other, "c"), other);
    phub__sim_node_power_off(hubs_node(&hubs, other));
    hubs_run(&hubs, 100);
    cut_off(HUBS_OF_A_TEST);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    doubled = hubs.doubled;
    phub__sim_node_start(hubs_node(&hubs, other));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs.doubled, doubled);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(one_that_has_met_nobody_yet_does_not_say_not_found)
{
    struct hubs_result result;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    home = (home + 1) % HUBS_OF_A_TEST;
    cut_off(home);
    restart(home);
    hubs_run(&hubs, 3000);
    hubs_stop_send(&hubs, home, "c", &result);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(result.done, 0);
    cut_off(HUBS_OF_A_TEST);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
}
END_TEST

static int has_met_one(struct hubs *h, const void *none)
{
    struct phub__hub *hub = hubs_hub(h, home);

    (void)none;
    return hub != NULL && hub->started &&
           phub__view_count(phub__hub_view(hub)) > 1;
}

/* Those whom it met are gone some steps later, mostly before it has heard all
 * that they know. */
START_TEST(one_that_has_but_met_others_does_not_say_not_found)
{
    struct hubs_result result;
    int i, synced;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    home = (home + 1) % HUBS_OF_A_TEST;
    phub__sim_node_power_off(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    phub__sim_node_start(hubs_node(&hubs, home));
    while (!has_met_one(&hubs, NULL))
        ck_assert(phub__world_step(hubs.world));
    for (i = 0; i < _i; i++)
        ck_assert(phub__world_step(hubs.world));
    synced = phub__synced_complete(hubs_hub(&hubs, home));
    cut_off(home);
    hubs_run(&hubs, 4000);
    hubs_stop_send(&hubs, home, "c", &result);
    hubs_run(&hubs, 3000);
    ck_assert(synced || result.done == 0);
    cut_off(HUBS_OF_A_TEST);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
}
END_TEST

/* Both sides of a cut go on; when they meet, each may know what the other does
 * not. */
START_TEST(who_has_not_heard_from_all_may_run_nothing)
{
    const struct phub__hub *hub;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    cut_off(1);
    hubs_run(&hubs, 20000);
    hub = hubs_hub(&hubs, 0);
    ck_assert(phub__hub_may_run(hub));
    cut_off(HUBS_OF_A_TEST);
    while (phub__view_count(phub__hub_view(hub)) < HUBS_OF_A_TEST)
        ck_assert(phub__world_step(hubs.world));
    ck_assert(!phub__synced_complete(hub));
    while (!phub__synced_complete(hub)) {
        ck_assert(!phub__hub_may_run(hub));
        ck_assert(phub__world_step(hubs.world));
    }
    ck_assert(phub__hub_may_run(hub));
}
END_TEST

START_TEST(one_that_has_met_nobody_yet_leaves_its_rows_to_those_who_may_be)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    cut_off(home);
    phub__sim_node_start(hubs_node(&hubs, home));
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    cut_off(HUBS_OF_A_TEST);
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    ck_assert_uint_eq(hubs.doubled, 0);
}
END_TEST

START_TEST(those_who_are_new_are_no_company_for_each_other)
{
    uint32_t truth, doubled;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    truth = (home + 1) % HUBS_OF_A_TEST;
    phub__sim_node_power_off(hubs_node(&hubs, home));
    phub__sim_node_power_off(hubs_node(&hubs,
                                       (home + 2) % HUBS_OF_A_TEST));
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(hubs_home(&hubs, truth, "c"), truth);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    doubled = hubs.doubled;
    cut_off(truth);
    phub__sim_node_start(hubs_node(&hubs, home));
    phub__sim_node_start(hubs_node(&hubs, (home + 2) % HUBS_OF_A_TEST));
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    cut_off(HUBS_OF_A_TEST);
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    ck_assert_uint_eq(hubs.doubled, doubled);
}
END_TEST

/* For ever is too long to wait for those who may be dead. */
START_TEST(one_that_is_left_alone_runs_its_own_in_the_end)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    for (uint32_t i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 1000);
    phub__sim_node_start(hubs_node(&hubs, home));
    hubs_run(&hubs, 14000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 0);
    hubs_run(&hubs, 6000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(what_runs_goes_on_while_its_daemon_waits_for_company)
{
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        if (i != home)
            phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 5000);
    phub__sim_node_kill(hubs_node(&hubs, home));
    phub__sim_node_start(hubs_node(&hubs, home));
    for (i = 0; i < 200; i++) {
        hubs_run(&hubs, 100);
        ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    }
}
END_TEST

static void holders(struct phub__hub *hub, void *arg)
{
    uint64_t nodes[HUBS_MAX];

    *(uint32_t *)arg = phub__row_holders(hub, hubs_bytes("c"), nodes,
                                         HUBS_MAX);
}

START_TEST(what_ran_before_a_lonely_start_is_taken_back_when_it_is_heard_of)
{
    uint32_t count = 99;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    cut_off(home);
    restart(home);
    hubs_run(&hubs, 5000);
    cut_off(HUBS_OF_A_TEST);
    ck_assert(hubs_until(&hubs, 30000, hubs_agree, NULL));
    hubs_run(&hubs, 50);  /* before it is moved back */
    ck_assert_uint_ne(hubs_home(&hubs, 0, "c"), home);
    hubs_do(&hubs, (home + 1) % HUBS_OF_A_TEST, holders, &count);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
}
END_TEST

static void restart_all_daemons(void)
{
    uint32_t i;

    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_kill(hubs_node(&hubs, i));
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
}

START_TEST(what_runs_on_is_ended_when_nobody_knows_its_row_any_more)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "d", &home), 1);
    hubs_run(&hubs, 1000);
    restart_all_daemons();
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(one_that_slept_past_its_lease_passes_a_move_on)
{
    struct hubs_result result;
    uint32_t now;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    phub__sim_node_freeze(hubs_node(&hubs, home));
    hubs_run(&hubs, 8000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &now), 1);
    ck_assert_uint_ne(now, home);
    phub__sim_node_thaw(hubs_node(&hubs, home));
    hubs_move_send(&hubs, home, "c", 3 - home - now, &result);
    hubs_wait(&hubs, &result);
    ck_assert_msg(result.codes[0] == 0, "%s", result.text);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &now), 1);
}
END_TEST

/* Its guard goes on for as long as the lease, and so does the child. */
START_TEST(a_stop_is_done_when_a_lost_node_cannot_run_it_any_more)
{
    uint32_t other;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    other = (home + 1) % HUBS_OF_A_TEST;
    phub__sim_node_kill(hubs_node(&hubs, home));
    if (_i > 0)
        hubs_run(&hubs, (uint64_t)_i * 300);
    ck_assert_int_eq(hubs_stop(&hubs, other, "c"), 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
    hubs_run(&hubs, 10000);
    ck_assert(hubs_is_gone(&hubs, "c"));
}
END_TEST

static int sees_home(struct hubs *h, const void *other)
{
    return phub__view_index(phub__hub_view(hubs_hub(h,
                                *(const uint32_t *)other)),
                            h->ids[home]) != PHUB__VIEW_NONE;
}

static int misses_home(struct hubs *h, const void *other)
{
    return !sees_home(h, other);
}

/* It was lost and is back, but its lease never passed, and it stands still
 * again before it hears of the stop. */
START_TEST(a_stop_is_done_when_who_comes_back_has_heard_of_it)
{
    struct hubs_result stop;
    uint32_t other;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    other = (home + 1 + (uint32_t)_i) % HUBS_OF_A_TEST;
    phub__sim_node_freeze(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 10000, misses_home, &other));
    hubs_stop_send(&hubs, other, "c", &stop);
    hubs_run(&hubs, 20);
    ck_assert_uint_eq(stop.done, 0);
    phub__sim_node_thaw(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 1000, sees_home, &other));
    phub__sim_node_freeze(hubs_node(&hubs, home));
    while (stop.done == 0)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(stop.codes[0], 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
    phub__sim_node_thaw(hubs_node(&hubs, home));
    hubs_run(&hubs, 10000);
    ck_assert(hubs_is_gone(&hubs, "c"));
}
END_TEST

START_TEST(company_ends_the_wait_at_once)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    for (uint32_t i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 1000);
    for (uint32_t i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_settle(&hubs);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
}
END_TEST

/* Is node 0 in a view with all, and sure that it knows all their rows? */
static int is_complete(struct hubs *of, const void *none)
{
    struct phub__hub *hub = hubs_hub(of, 0);

    (void)none;
    return phub__view_count(phub__hub_view(hub)) == HUBS_OF_A_TEST &&
           phub__synced_complete(hub);
}

static int is_without_the_last(struct hubs *of, const void *none)
{
    (void)none;
    return phub__view_count(phub__hub_view(hubs_hub(of, 0))) ==
               HUBS_OF_A_TEST - 1 &&
           phub__view_count(phub__hub_view(hubs_hub(
               of, HUBS_OF_A_TEST - 1))) == 1;
}

/* The view is as it was before the cut, and what was said in it then is old. */
START_TEST(what_one_said_before_it_was_cut_off_does_not_count_after_it)
{
    const uint32_t last = HUBS_OF_A_TEST - 1;

    cut_off(last);
    ck_assert(hubs_until(&hubs, 20000, is_without_the_last, NULL));
    ck_assert_int_eq(hubs_start(&hubs, last, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_home(&hubs, 0, "c"), hubs.nodes);
    cut_off(HUBS_OF_A_TEST);
    ck_assert(hubs_until(&hubs, 60000, is_complete, NULL));
    ck_assert_uint_eq(hubs_home(&hubs, 0, "c"), last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("return");
    TCase *tc = tcase_create("return");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_without_its_disk_is_not_let_in_and_says_so);
    tcase_add_test(tc, a_newer_home_waits_until_the_older_instance_has_ended);
    tcase_add_test(tc, one_that_has_met_nobody_yet_does_not_say_not_found);
    tcase_add_loop_test(tc,
        one_that_has_but_met_others_does_not_say_not_found, 0, STEPS);
    tcase_add_test(tc, who_has_not_heard_from_all_may_run_nothing);
    tcase_add_test(tc,
        one_that_has_met_nobody_yet_leaves_its_rows_to_those_who_may_be);
    tcase_add_test(tc, those_who_are_new_are_no_company_for_each_other);
    tcase_add_test(tc, one_that_is_left_alone_runs_its_own_in_the_end);
    tcase_add_test(tc, what_runs_goes_on_while_its_daemon_waits_for_company);
    tcase_add_test(tc,
        what_ran_before_a_lonely_start_is_taken_back_when_it_is_heard_of);
    tcase_add_test(tc,
        what_runs_on_is_ended_when_nobody_knows_its_row_any_more);
    tcase_add_test(tc, one_that_slept_past_its_lease_passes_a_move_on);
    tcase_add_loop_test(tc,
        a_stop_is_done_when_a_lost_node_cannot_run_it_any_more, 0, 8);
    tcase_add_loop_test(tc,
        a_stop_is_done_when_who_comes_back_has_heard_of_it, 0, 2);
    tcase_add_test(tc, company_ends_the_wait_at_once);
    tcase_add_test(
        tc, what_one_said_before_it_was_cut_off_does_not_count_after_it);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
