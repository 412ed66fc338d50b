/* SPDX-License-Identifier: MIT */
/* check_judge_people: the judges of what people choose, and of what they are
 * told when nothing is wrong, can fail; see check_judge.c. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hub/synced.h"
#include "sim/judge.h"

static struct sim_case *c;

static void scene(void)
{
    struct sim_options options;

    sim_options_init(&options, 1);
    options.children = 1;
    c = sim_case_new(&options);
    sim_boot(c, 0, 3);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 1000);
}

static int says(const char *what)
{
    const struct sim_child *child;
    char text[200] = "";
    int well = sim_judge_registry.quiet(c, &child, text, sizeof(text));

    return what == NULL ? well : !well && strstr(text, what) != NULL;
}

/* --- claims ------------------------------------------------------------------ */

START_TEST(strategies_that_differ_are_told)
{
    struct phub__strategy *sync;

    scene();
    ck_assert(says(NULL));
    sync = sim_daemon(c, 2)->hub->strategies[PHUB_KIND_SYNC];
    sync->digest++;
    ck_assert(says("n2 goes by sync strategy pubsub, not by one with other"));
    sync->digest--;
    ck_assert(says(NULL));
    sim_case_free(&c);
}
END_TEST

START_TEST(a_strategy_that_was_told_as_chosen_and_is_not_is_told)
{
    static const char *const params[] = { "fanout=2" };

    scene();
    sim_switch(c, 1, PHUB_KIND_SYNC, "gossip", params, 1);
    sim_run(c, 3000);
    ck_assert_uint_eq(c->switched, 1);
    ck_assert(c->chosen[PHUB_KIND_SYNC].known);
    ck_assert(says(NULL));
    (void)snprintf(c->chosen[PHUB_KIND_SYNC].name, SIM_STRATEGY_MAX,
                   "another");
    ck_assert(says("n0 goes by sync strategy gossip, not by another"));
    sim_case_free(&c);
}
END_TEST

/* Whoever asked for one and was not told, cannot say which it is. */
START_TEST(a_choice_that_has_no_answer_yet_is_not_judged)
{
    scene();
    sim_switch(c, 1, PHUB_KIND_SYNC, "gossip", NULL, 0);
    sim_run(c, 3000);
    sim_switch(c, 1, PHUB_KIND_SYNC, "pubsub", NULL, 0);
    ck_assert(!c->chosen[PHUB_KIND_SYNC].known);
    sim_case_free(&c);
}
END_TEST

/* --- what people are told ------------------------------------------------------ */

START_TEST(who_lacks_a_majority_says_so)
{
    static const char *const params[] = { "initial_size=3" };
    struct sim_options options;
    char text[256];

    sim_options_init(&options, 3);
    options.strategies[PHUB_KIND_PARTITION] =
        (struct phub__strategy_option){ "majority_quorum", params, 1 };
    c = sim_case_new(&options);
    sim_boot(c, 0, 2);
    sim_run(c, 5000);
    phub__hub_unknowing(sim_daemon(c, 0)->hub, text, sizeof(text));
    ck_assert_str_eq(text, "node 'n0' sees 2 nodes, and these are not yet a "
                     "majority of what partition strategy 'majority_quorum' "
                     "counts");
    sim_boot(c, 2, 3);
    sim_run(c, 8000);
    ck_assert(!phub__synced_outvoted(sim_daemon(c, 0)->hub));
    sim_case_free(&c);
}
END_TEST

START_TEST(of_two_that_count_the_sterner_verdict_is_the_one)
{
    struct phub_judge judge = { .size = sizeof(judge) };
    struct sim_node_model *model;
    struct sim_daemon *daemon;

    scene();
    daemon = sim_daemon(c, 1);
    model = &c->judges->nodes[1];
    judge.old_view = judge.new_view = phub__hub_view(daemon->hub);
    sim_judges_calls.judged(daemon, &judge, PHUB_VERDICT_STOP);
    sim_judges_calls.judged(daemon, &judge, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(model->verdict, PHUB_VERDICT_STOP);
    sim_run(c, 10);
    sim_judges_calls.judged(daemon, &judge, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(model->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(model->stop_over_ns, phub__world_now(c->world));
    sim_case_free(&c);
}
END_TEST

/* --- what is lost with its disks ---------------------------------------------- */

START_TEST(a_durable_child_is_wanted_until_all_disks_that_had_it_are_lost)
{
    struct sim_options options;

    sim_options_init(&options, 2);
    options.children = 1;
    options.durable = 1;
    c = sim_case_new(&options);
    sim_boot(c, 0, 3);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 1000);
    sim_start(c, 0, 0, 1);
    sim_run(c, 3000);
    ck_assert_int_eq(c->children[0].wish, SIM_RUN);
    for (uint32_t i = 0; i < 3; i++)
        sim_power_off(c, i);
    sim_start_node(c, 0, 1);
    sim_start_node(c, 1, 1);
    sim_run(c, 1000);
    ck_assert_int_eq(c->children[0].wish, SIM_RUN);
    sim_start_node(c, 2, _i);
    ck_assert_int_eq(c->children[0].wish, _i ? SIM_UNKNOWN : SIM_RUN);
    sim_run(c, 20000);
    ck_assert_uint_eq(c->children[0].acting, !_i);
    sim_case_free(&c);
}
END_TEST

/* --- what is forgotten -------------------------------------------------------- */

static void forget(uint32_t node)
{
    scene();
    c->forgotten[node] = sim_daemon(c, node)->hub->node;
    sim_run(c, 9000);
    ck_assert_msg(!c->broken, "%s", c->story);
}

START_TEST(a_member_that_was_forgotten_is_told)
{
    forget(2);
    sim_run(c, 2000);
    ck_assert(c->broken);
    ck_assert_uint_eq(c->promise, 4);
    ck_assert_ptr_nonnull(strstr(c->story, "n2 was forgotten, and n0 has it"));
    sim_case_free(&c);
}
END_TEST

START_TEST(a_forgotten_one_that_is_another_now_is_not_told)
{
    scene();
    c->forgotten[2] = sim_daemon(c, 2)->hub->node + 1;
    sim_run(c, 15000);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_case_free(&c);
}
END_TEST

START_TEST(a_fault_gives_time_to_hear_of_it)
{
    forget(2);
    sim_judges_disturbed(c, UINT32_MAX);
    sim_run(c, 9000);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_run(c, 2000);
    ck_assert(c->broken);
    sim_case_free(&c);
}
END_TEST

START_TEST(a_child_that_begins_on_a_forgotten_node_is_told)
{
    struct sim_life life = { .node = 2 };
    struct phub__sim_child_facts facts = { .standby = 0 };

    forget(2);
    sim_judge_forgotten.began(c, &c->children[0], &life, &facts);
    ck_assert_msg(!c->broken, "%s", c->story);
    c->judges->nodes[2].forgotten_ns = 0;
    sim_judge_forgotten.began(c, &c->children[0], &life, &facts);
    ck_assert(c->broken);
    ck_assert_ptr_nonnull(strstr(c->story, "begins on n2, which was forg"));
    sim_case_free(&c);
}
END_TEST

START_TEST(what_is_on_a_drained_node_is_told)
{
    const struct sim_child *child = NULL;
    struct sim_life *life;
    char text[200] = "";

    scene();
    life = &c->children[0].lives[0];
    *life = (struct sim_life){ .serial = 1, .node = 2 };
    c->children[0].lives_count = 1;
    sim_judges_drain(c, 2, phub__world_now(c->world), 0);
    ck_assert(sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    sim_judges_drain(c, 2, phub__world_now(c->world), 1);
    ck_assert(!sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    ck_assert_ptr_eq(child, &c->children[0]);
    ck_assert_ptr_nonnull(strstr(text, "is on n2, of which people were"));
    life->ended_ns = 1;
    ck_assert(sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    life->ended_ns = 0;
    /* It cannot go. */
    snprintf(c->children[0].argv, sizeof(c->children[0].argv),
             "sim state never-state");
    ck_assert(sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    snprintf(c->children[0].argv, sizeof(c->children[0].argv), "sim state");
    ck_assert(!sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    /* Nobody else takes it. */
    sim_judges_drain(c, 0, phub__world_now(c->world), 0);
    sim_judges_drain(c, 1, phub__world_now(c->world), 0);
    ck_assert(sim_judge_drained.quiet(c, &child, text, sizeof(text)));
    sim_case_free(&c);
}
END_TEST

START_TEST(an_answer_about_an_earlier_process_says_nothing_of_this_one)
{
    const struct sim_child *child = NULL;

    scene();
    c->children[0].lives[0] = (struct sim_life){ .serial = 1, .node = 2 };
    c->children[0].lives_count = 1;
    c->judges->nodes[2].began_ns = phub__world_now(c->world);
    sim_judges_drain(c, 2, phub__world_now(c->world) - 1, 1);
    ck_assert(sim_judge_drained.quiet(c, &child, NULL, 0));
    sim_case_free(&c);
}
END_TEST

START_TEST(no_answer_in_a_calm_hub_is_told_whatever_was_before)
{
    static const enum sim_wish before[] = { SIM_UNKNOWN, SIM_STOP };
    struct sim_answer answer = { .op = PHUB__OP_START, .alone = 1,
                                 .code = PHUB_ETIMEDOUT, .text = "waited",
                                 .before = before[_i] };

    scene();
    sim_judges_answered(c, &c->children[0], &answer);
    ck_assert(!c->broken);
    c->judges->calm = 1;
    sim_judges_answered(c, &c->children[0], &answer);
    ck_assert(c->broken);
    ck_assert_uint_eq(c->promise, 5);
    sim_case_free(&c);
}
END_TEST

START_TEST(what_nobody_knows_may_be_so_already)
{
    struct sim_answer answer = { .op = PHUB__OP_STOP, .alone = 1,
                                 .code = PHUB_ENOTFOUND, .text = "unknown",
                                 .before = SIM_UNKNOWN };

    scene();
    c->judges->calm = 1;
    sim_judges_answered(c, &c->children[0], &answer);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_case_free(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("judge_people");
    TCase *t = tcase_create("judge_people");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, strategies_that_differ_are_told);
    tcase_add_test(t, a_strategy_that_was_told_as_chosen_and_is_not_is_told);
    tcase_add_test(t, a_choice_that_has_no_answer_yet_is_not_judged);
    tcase_add_loop_test(t, no_answer_in_a_calm_hub_is_told_whatever_was_before,
                        0, 2);
    tcase_add_test(t, who_lacks_a_majority_says_so);
    tcase_add_test(t, of_two_that_count_the_sterner_verdict_is_the_one);
    tcase_add_loop_test(
        t, a_durable_child_is_wanted_until_all_disks_that_had_it_are_lost, 0,
        2);
    tcase_add_test(t, a_member_that_was_forgotten_is_told);
    tcase_add_test(t, a_forgotten_one_that_is_another_now_is_not_told);
    tcase_add_test(t, a_fault_gives_time_to_hear_of_it);
    tcase_add_test(t, a_child_that_begins_on_a_forgotten_node_is_told);
    tcase_add_test(t, what_is_on_a_drained_node_is_told);
    tcase_add_test(
        t, an_answer_about_an_earlier_process_says_nothing_of_this_one);
    tcase_add_test(t, what_nobody_knows_may_be_so_already);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
