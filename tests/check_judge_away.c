/* SPDX-License-Identifier: MIT */
/* check_judge_away: what is owed of what only those know who are away. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "hub/rows.h"
#include "sim/judge.h"
#include "sim/judge_scene.h"

#define LONG_MS 60000u   /* until nobody is waited for any more */

static struct sim_case *c;

static int runs(struct sim_case *of)
{
    return of->children[0].wish == SIM_RUN;
}

static int stopped(struct sim_case *of)
{
    return of->children[0].wish == SIM_STOP;
}

static void power_off(uint32_t a, uint32_t b)
{
    sim_power_off(c, a);
    sim_power_off(c, b);
    sim_run(c, 5000);
}

static void power_on(uint32_t a, uint32_t b)
{
    sim_start_node(c, a, 0);
    sim_start_node(c, b, 0);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
}

/* Four nodes, and one durable child that nobody has asked for yet. */
static void setup(void)
{
    struct sim_options options;

    sim_options_init(&options, 1);
    options.nodes = 4;
    options.children = 1;
    options.clients = 0;
    options.durable = 1;
    c = sim_case_new(&options);
    sim_boot(c, 0, 4);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 1000);
}

static void teardown(void)
{
    sim_case_free(&c);
}

static void start(void)
{
    sim_start(c, 0, 0, 1);
    ck_assert(sim_run_until(c, 5000, runs));
    sim_run(c, 2000);
}

/* Two start a child, and are away when the others are back. */
static void known_to_two_who_go(void)
{
    power_off(2, 3);
    start();
    power_off(0, 1);
    power_on(2, 3);
    sim_run(c, LONG_MS);
    ck_assert_uint_eq(c->children[0].acting, 0);
}

static void is_quiet(void)
{
    sim_judge_quiet(c);
    ck_assert_msg(!c->broken, "%s", c->story);
}

/* One of those who knew comes back, and so many act. */
static void one_returns(uint32_t acting)
{
    sim_start_node(c, 1, 0);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    is_quiet();
    ck_assert_uint_eq(c->children[0].acting, acting);
}

START_TEST(a_child_waits_for_those_who_have_its_row)
{
    known_to_two_who_go();
    is_quiet();
    ck_assert_int_eq(c->children[0].wish, SIM_RUN);
    one_returns(1);
}
END_TEST

START_TEST(nobody_owes_what_those_have_who_stay_away)
{
    known_to_two_who_go();
    sim_judge_calm(c);
    ck_assert_msg(!c->broken, "%s", c->story);
}
END_TEST

static void forget_row(void *arg)
{
    struct phub__hub *hub = sim_daemon(c, 1)->hub;
    struct phub_bytes id = sim_child_bytes(&c->children[0]);
    struct phub__row_facts row;

    (void)arg;
    phub__row_facts(hub, id, &row);
    (void)phub__row_stop(hub, id, row.incarnation);
}

/* The disk of the one that is away has it; but another had it, and ran. */
START_TEST(one_that_runs_must_not_forget_it)
{
    power_off(2, 3);
    start();
    sim_power_off(c, 0);
    sim_run(c, 5000);
    ck_assert_uint_eq(c->children[0].acting, 1);
    phub__sim_node_at(sim_node(c, 1), phub__world_now(c->world), forget_row,
                      NULL, NULL);
    sim_run(c, 3000);
    sim_judge_quiet(c);
    ck_assert_int_ne(c->broken, 0);
    ck_assert_uint_eq(c->promise, 1);
}
END_TEST

/* Two hear of a stop, and are away when the others are back; these go on. */
START_TEST(a_stop_that_those_know_who_stay_away_does_not_hold)
{
    start();
    power_off(2, 3);
    sim_stop(c, 0, 0, 1);
    ck_assert(sim_run_until(c, 5000, stopped));
    sim_run(c, 2000);
    power_off(0, 1);
    power_on(2, 3);
    sim_run(c, LONG_MS);
    ck_assert_uint_eq(c->children[0].acting, 1);
    is_quiet();
    one_returns(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge_away");
    TCase *tcase = tcase_create("judge_away");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_child_waits_for_those_who_have_its_row);
    tcase_add_test(tcase, nobody_owes_what_those_have_who_stay_away);
    tcase_add_test(tcase, one_that_runs_must_not_forget_it);
    tcase_add_test(tcase, a_stop_that_those_know_who_stay_away_does_not_hold);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
