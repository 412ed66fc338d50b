/* SPDX-License-Identifier: MIT */
/* check_judge_cut: what is owed when the two sides of a cut meet again.
 *
 * Clients are slow here, so that none of them is heard while the cut itself
 * excuses what it finds. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"

static struct sim_case *c;

static int runs(struct sim_case *of)
{
    return of->children[0].wish == SIM_RUN;
}

/* One child, and one client that was answered at least once. */
static void scene(void)
{
    struct sim_options options;

    sim_options_init(&options, 1);
    options.nodes = 4;
    options.children = options.clients = 1;
    options.pace_ms = 20000;
    c = sim_case_new(&options);
    sim_boot(c, 0, 4);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 1000);
    sim_start(c, 0, 0, 1);
    ck_assert(sim_run_until(c, 5000, runs));
    sim_clients_start(c);
    sim_run(c, 65000);
    ck_assert_uint_gt(c->children[0].journals[0].owed, 0);
}

static void facts_of(struct phub__sim_child_facts *facts)
{
    struct phub__sim_child *instance =
        sim_instance_next(c, &c->children[0], NULL);

    ck_assert_ptr_nonnull(instance);
    phub__sim_child_facts(instance, facts);
}

START_TEST(what_the_one_held_that_loses_is_not_owed)
{
    struct phub__sim_child_facts before, after;
    uint32_t groups[4] = { 0, 0, 0, 0 };
    struct sim_journal *journal;

    scene();
    journal = &c->children[0].journals[0];
    facts_of(&before);
    groups[phub__sim_node_index(before.node)] = 1;
    sim_cut(c, groups, 0);
    sim_run(c, 8000);
    journal->acked = journal->sent = before.counters[0] + 1;
    sim_judges_acked(c, &c->children[0], 0, journal->acked, journal->acked);
    ck_assert_uint_eq(journal->owed, journal->acked);
    sim_heal(c);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 2000);
    facts_of(&after);
    ck_assert_int_ne(after.pid, before.pid);
    ck_assert_uint_eq(journal->owed, after.counters[0]);
    sim_run(c, 60000);
    sim_judge_quiet(c);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_case_free(&c);
}
END_TEST

START_TEST(without_a_cut_all_of_it_is)
{
    struct phub__sim_child_facts facts;
    struct sim_child *child;
    struct sim_life *other;
    uint64_t owed;

    scene();
    facts_of(&facts);
    child = &c->children[0];
    owed = child->journals[0].owed;
    other = &child->lives[7];
    *other = *sim_life_find(child, facts.serial);
    other->serial = facts.serial += 1000;
    other->node = (other->node + 1) % 4;
    other->acted_ns--;
    sim_judges_ended(c, &facts, PHUB__SIM_END_ASKED);
    ck_assert_uint_eq(child->journals[0].owed, owed);
    sim_case_free(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge_cut");
    TCase *tcase = tcase_create("judge_cut");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, what_the_one_held_that_loses_is_not_owed);
    tcase_add_test(tcase, without_a_cut_all_of_it_is);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
