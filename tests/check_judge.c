/* SPDX-License-Identifier: MIT */
/* check_judge: each judge can fail: something is really wrong, and it says so
 * with the number of its promise.
 *
 * A scene of three nodes in which all is well; then one event is made up, or
 * a hub is damaged behind its back. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/guard.h"
#include "hub/message.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "sim/judge.h"
#include "sim/judge_scene.h"
#include "judge_cluster.h"

static struct sim_case *c;

static int all_run(struct sim_case *of)
{
    for (uint32_t i = 0; i < of->options.children; i++)
        if (of->children[i].wish != SIM_RUN)
            return 0;
    return 1;
}

static void scene_of(uint32_t nodes, uint32_t children)
{
    struct sim_options options;

    sim_options_init(&options, 1);
    options.nodes = nodes;
    options.children = children;
    c = sim_case_new(&options);
    sim_boot(c, 0, nodes);
    ck_assert(sim_run_until(c, 5000, sim_members_agree));
    sim_run(c, 1000);
    sim_start(c, 0, 0, children);
    ck_assert(sim_run_until(c, 5000, all_run));
    sim_clients_start(c);
    sim_run(c, 2000);
    sim_judge_quiet(c);
    ck_assert_msg(!c->broken, "%s", c->story);
}

static void scene(void)
{
    scene_of(3, 4);
    c->children[0].lives_count = 8; /* some are made up below */
}

static void end(unsigned promise)
{
    unsigned said = c->promise, broken = (unsigned)c->broken;
    char story[SIM_STORY_MAX];

    memcpy(story, c->story, sizeof(story));
    sim_case_free(&c);
    ck_assert_msg(broken || promise == 0, "nobody said anything");
    ck_assert_msg(said == promise, "%s", story);
}

/* The facts of the instance of child that acts. */
static void facts_of(uint32_t child, struct phub__sim_child_facts *facts)
{
    struct phub__sim_child *instance = NULL;

    while ((instance = sim_instance_next(c, &c->children[child], instance))
           != NULL) {
        phub__sim_child_facts(instance, facts);
        if (facts->acts)
            return;
    }
    ck_abort_msg("it does not act");
}

static struct phub__hub *hub(uint32_t node)
{
    return sim_daemon(c, node)->hub;
}

/* --- 1 ---------------------------------------------------------------------- */

static void forget_row(void *arg)
{
    struct phub__row_facts row;
    struct phub_bytes id = sim_child_bytes(&c->children[0]);

    (void)arg;
    phub__row_facts(hub(0), id, &row);
    (void)phub__row_stop(hub(0), id, row.incarnation);
}

START_TEST(a_child_that_is_wanted_and_stopped_behind_backs_is_lost)
{
    scene();
    phub__sim_node_at(sim_node(c, 0), phub__world_now(c->world), forget_row,
                      NULL, NULL);
    sim_run(c, 3000);
    sim_judge_quiet(c);
    end(1);
}
END_TEST

START_TEST(a_start_that_no_second_node_has_is_told)
{
    struct sim_answer answer = { .op = PHUB__OP_START, .alone = 1 };

    scene();
    sim_run(c, 20000);
    (void)snprintf(c->children[0].id, sizeof(c->children[0].id), "none");
    sim_judge_lost.answered(c, &c->children[0], &answer);
    end(1);
}
END_TEST

/* --- 2 ---------------------------------------------------------------------- */

START_TEST(a_second_one_that_acts_is_doubled)
{
    struct phub__sim_child_facts facts;

    scene();
    facts_of(0, &facts);
    facts.node = sim_node(c, (phub__sim_node_index(facts.node) + 1) % 3);
    facts.serial += 1000;
    sim_judge_doubled.began(c, &c->children[0], &c->children[0].lives[7],
                            &facts);
    c->children[0].lives[7].serial = facts.serial;
    c->children[0].lives[7].node = phub__sim_node_index(facts.node);
    sim_judges_acting(c, &facts, 1);
    end(2);
}
END_TEST

START_TEST(a_cut_excuses_only_those_it_cut_off)
{
    struct sim_life *life;
    struct phub__sim_child_facts facts;
    uint32_t groups[3] = { 0, 0, 0 }, here;

    scene();
    facts_of(0, &facts);
    here = phub__sim_node_index(facts.node);
    groups[(here + 2) % 3] = 1;
    sim_cut(c, groups, 0);
    life = &c->children[0].lives[7];
    life->serial = facts.serial += 1000;
    life->node = (here + 1) % 3;
    sim_judges_acting(c, &facts, 1);
    end(2);
}
END_TEST

START_TEST(a_later_one_without_a_greater_epoch_is_told)
{
    struct sim_life *earlier;
    struct phub__sim_child_facts facts;
    struct sim_published p = { .state = PHUB_INSTANCE_RUNNING };

    scene();
    facts_of(0, &facts);
    earlier = &c->children[0].lives[7];
    *earlier = *sim_life_find(&c->children[0], facts.serial);
    earlier->serial += 1000;
    earlier->node = (earlier->node + 1) % 3;
    earlier->began_ns--;
    earlier->acted_ns--;
    earlier->acts = 0;
    earlier->shared = _i / 2; /* then the same one is as it should be */
    earlier->ended_ns = earlier->acted_ns;
    earlier->epoch.number += 5 * ((unsigned)_i % 2);
    sim_life_find(&c->children[0], facts.serial)->known = earlier->epoch;
    p.epoch = facts.epoch;
    sim_judges_published(c, &c->children[0], &p, &facts);
    end(_i == 2 ? 0 : 2);
}
END_TEST

/* --- 3 ---------------------------------------------------------------------- */

START_TEST(an_update_that_is_missing_is_told_by_the_client)
{
    scene();
    c->children[1].journals[0].acked += 5;
    c->children[1].journals[0].owed += 5;
    c->children[1].journals[0].sent += 5;
    sim_run(c, 1000);
    end(3);
}
END_TEST

START_TEST(an_update_that_is_missing_is_told_in_the_end)
{
    scene();
    sim_clients_stop(c);
    sim_run(c, 1000);
    c->children[1].journals[0].owed += 5;
    sim_judge_quiet(c);
    end(3);
}
END_TEST

START_TEST(a_fault_excuses_what_went_before_and_nothing_after)
{
    struct phub__sim_child_facts facts;
    uint64_t owed;

    scene();
    facts_of(1, &facts);
    owed = c->children[1].journals[0].owed;
    ck_assert_uint_gt(owed, 0);
    sim_judges_ended(c, &facts, PHUB__SIM_END_SELF);
    ck_assert_uint_eq(c->children[1].journals[0].owed, 0);
    sim_judges_acked(c, &c->children[1], 0, owed + 1, owed + 1);
    ck_assert_uint_eq(c->children[1].journals[0].owed, owed + 1);
    sim_judges_gap(c, &c->children[1], 0, owed, &facts);
    end(3);
}
END_TEST

START_TEST(a_message_that_does_not_arrive_is_told)
{
    struct phub__sim_child_facts facts;

    scene();
    facts_of(0, &facts);
    phub__sim_child_find(facts.node, facts.pid)->manner.silent = 1;
    sim_senders_start(c, 0, 1, 50 * PHUB__SIM_MS, 1);
    sim_run(c, 200);
    sim_senders_stop(c);
    sim_run(c, 4000);
    end(3);
}
END_TEST

START_TEST(an_update_that_nobody_sent_is_told)
{
    scene();
    sim_judges_acked(c, &c->children[1], 0, 1, 1000000);
    end(3);
}
END_TEST

/* --- 4 ---------------------------------------------------------------------- */

START_TEST(what_people_stopped_and_runs_is_resurrected)
{
    scene();
    c->children[2].wish = SIM_STOP;
    sim_judge_quiet(c);
    end(4);
}
END_TEST

/* A standby may begin, and may not act. */
START_TEST(what_begins_after_its_stop_is_told_at_once)
{
    const struct sim_judge *judge = &sim_judge_resurrected;
    struct phub__sim_child_facts facts;
    struct sim_child *child;

    scene();
    child = &c->children[2];
    facts_of(2, &facts);
    child->wish = SIM_STOP;
    child->stopped = child->incarnation;
    facts.standby = _i;
    judge->began(c, child, sim_life_find(child, facts.serial), &facts);
    ck_assert_int_ne(c->broken, _i);
    if (_i)
        judge->acting(c, child, sim_life_find(child, facts.serial), &facts, 1);
    end(4);
}
END_TEST

/* --- 5 ---------------------------------------------------------------------- */

static struct sim_answer answer(enum phub__op op, int code)
{
    return (struct sim_answer){ .op = op, .code = code, .alone = 1,
                                .before = SIM_RUN, .text = "said",
                                .issued_ns = phub__world_now(c->world) };
}

static void told(enum phub__op op, int code)
{
    struct sim_answer a = answer(op, code);

    sim_judges_answered(c, &c->children[0], &a);
}

START_TEST(a_start_that_is_done_and_never_acted_is_a_lie)
{
    scene();
    told(PHUB__OP_START, 0); /* of a life that was never seen */
    end(5);
}
END_TEST

START_TEST(exists_for_what_no_registry_has_is_a_lie)
{
    struct sim_answer a;

    scene();
    a = answer(PHUB__OP_START, PHUB_EEXIST);
    a.before = SIM_STOP;
    (void)snprintf(c->children[0].id, sizeof(c->children[0].id), "none");
    sim_judges_answered(c, &c->children[0], &a);
    end(5);
}
END_TEST

START_TEST(a_stop_of_what_acts_that_is_done_or_not_found_is_a_lie)
{
    scene();
    sim_run(c, 20000);
    told(PHUB__OP_STOP, _i ? PHUB_ENOTFOUND : 0);
    end(5);
}
END_TEST

START_TEST(a_move_that_is_done_and_did_not_arrive_is_a_lie)
{
    struct sim_answer a;

    scene();
    a = answer(PHUB__OP_MOVE, 0);
    a.target = (sim_where(c, 0) + 1) % 3;
    sim_judges_answered(c, &c->children[0], &a);
    end(5);
}
END_TEST

START_TEST(an_answer_without_a_word_is_told)
{
    struct sim_answer a;

    scene();
    a = answer(PHUB__OP_MOVE, PHUB_EREFUSED);
    a.text = "";
    sim_judges_answered(c, &c->children[0], &a);
    end(5);
}
END_TEST

START_TEST(a_command_that_does_not_end_is_told)
{
    scene();
    c->children[0].commands++;
    sim_judge_quiet(c);
    end(5);
}
END_TEST

/* --- 6 ---------------------------------------------------------------------- */

START_TEST(members_that_do_not_meet_are_told)
{
    uint32_t groups[3] = { 0, 0, 1 };

    scene();
    sim_cut(c, groups, 0);
    sim_run(c, 8000);
    sim_judge_quiet(c);
    end(6);
}
END_TEST

START_TEST(registries_that_differ_are_told)
{
    uint32_t groups[3] = { 0, 0, 1 };
    const struct sim_child *child;
    char text[200] = "";

    scene();
    ck_assert(sim_judge_registry.quiet(c, &child, text, sizeof(text)));
    sim_cut(c, groups, 0);
    sim_run(c, 8000);
    ck_assert(!sim_judge_registry.quiet(c, &child, text, sizeof(text)));
    ck_assert_ptr_nonnull(strstr(text, "the registries differ: n0"));
    sim_case_free(&c);
}
END_TEST

static void stop_two(struct sim_case *of)
{
    sim_stop(of, 0, 0, 2);
}

static const uint32_t sizes[] = { 10, 250 };

/* By a formula in which the size of the registry does not occur. */
START_TEST(the_repair_of_two_rows_is_small)
{
    scene_of(4, sizes[_i]);
    sim_clients_stop(c);
    sim_judge_repair(c, 3, 4000, stop_two);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_case_free(&c);
}
END_TEST

static void flood(void *arg)
{
    static uint8_t noise[100000];

    (void)arg;
    for (uint32_t i = 0; i < 4 * c->options.children; i++)
        (void)phub__mail_send(hub(0), sim_child_bytes(&c->children[i / 4]),
                              (struct phub_bytes){ noise, sizeof(noise) }, 0,
                              NULL, NULL);
}

static void flood_later(struct sim_case *of)
{
    phub__sim_node_at(sim_node(of, 0), phub__world_now(of->world)
                      + 6000 * PHUB__SIM_MS, flood, NULL, NULL);
}

START_TEST(a_repair_that_is_too_much_is_told)
{
    scene_of(4, 10);
    sim_clients_stop(c);
    sim_judge_repair(c, 3, 4000, flood_later);
    end(6);
}
END_TEST

/* --- 7 ---------------------------------------------------------------------- */

START_TEST(what_is_published_and_not_ready_is_told)
{
    struct phub__sim_child_facts facts;
    struct sim_published p = { .state = PHUB_INSTANCE_RUNNING };

    scene();
    facts_of(0, &facts);
    facts.ready = 0;
    sim_judges_published(c, &c->children[0], &p, &facts);
    end(7);
}
END_TEST

START_TEST(what_acts_without_its_state_is_told)
{
    struct phub__sim_child_facts facts;

    scene();
    facts_of(0, &facts);
    facts.state_expected = 1;
    facts.state_put = 0;
    sim_judge_ready.acting(c, &c->children[0],
                           sim_life_find(&c->children[0], facts.serial),
                           &facts, 1);
    end(7);
}
END_TEST

static void told_as_started(void *arg)
{
    struct phub_hook_event event = {
        .size = sizeof(event), .hook = PHUB_HOOK_child_started,
        .node = hub(*(uint32_t *)arg)->node, .child = c->children[0].id,
        .text = "", .count = 1 };

    phub__hooks_run(hub(*(uint32_t *)arg)->hooks, &event);
}

/* Its hub said so, and nobody else has looked yet. */
START_TEST(a_standby_that_its_hub_says_to_run_is_told)
{
    struct phub__sim_child_facts facts;
    struct phub__sim_child *instance;
    uint32_t node;

    scene();
    sim_clients_stop(c);
    facts_of(0, &facts);
    node = phub__sim_node_index(facts.node);
    instance = phub__sim_child_find(facts.node, facts.pid);
    instance->standby = 1;
    instance->committed = 0;
    phub__sim_node_at(facts.node, phub__world_now(c->world), told_as_started,
                      NULL, &node);
    sim_run(c, 1);
    end(7);
}
END_TEST

/* --- 8 ---------------------------------------------------------------------- */

static void asked(uint32_t node, uint32_t cause)
{
    struct sim_daemon *daemon = sim_daemon(c, node);
    struct phub_assign_item item = { .size = sizeof(item), .cause = cause };

    daemon->calls.assigned(daemon->calls.arg, &item, 1);
}

START_TEST(placing_what_was_lost_before_the_verdict_is_told)
{
    scene();
    sim_daemon(c, 1)->calls.view_changed(sim_daemon(c, 1)->calls.arg, NULL);
    asked(1, PHUB_CAUSE_START);
    ck_assert(!c->broken);
    asked(1, PHUB_CAUSE_NODE_LOST);
    end(8);
}
END_TEST

START_TEST(placing_against_the_verdict_is_told)
{
    struct phub_judge judge = { .size = sizeof(judge) };

    scene();
    sim_daemon(c, 1)->calls.judged(sim_daemon(c, 1)->calls.arg, &judge,
                                   PHUB_VERDICT_FREEZE);
    asked(1, PHUB_CAUSE_START);
    end(8);
}
END_TEST

START_TEST(a_goodbye_that_counts_as_a_loss_is_told)
{
    struct phub_judge judge = { .size = sizeof(judge), .lost_count = 1 };
    uint64_t lost;

    scene();
    sim_run(c, 25000);
    lost = c->node_ids[2];
    judge.lost = &lost;
    sim_leave(c, 2, 10000);
    sim_run(c, 8000);
    ck_assert(sim_daemon(c, 2) == NULL);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_daemon(c, 1)->calls.judged(sim_daemon(c, 1)->calls.arg, &judge,
                                   PHUB_VERDICT_CONTINUE);
    end(8);
}
END_TEST

START_TEST(what_runs_on_after_the_verdict_stop_is_told)
{
    struct phub_judge judge = { .size = sizeof(judge) };
    uint32_t node;

    scene();
    node = sim_where(c, 0);
    sim_daemon(c, node)->calls.judged(sim_daemon(c, node)->calls.arg, &judge,
                                      PHUB_VERDICT_STOP);
    sim_run(c, 30000);
    end(8);
}
END_TEST

/* --- 9 ---------------------------------------------------------------------- */

static void ignore(void *arg)
{
    (void)arg;
}

static void take_timers(uint32_t node, uint32_t count)
{
    struct phub_env *env = phub__sim_node_env(sim_node(c, node));

    while (count-- > 0)
        (void)env->timer_new(env, ignore, NULL);
}

START_TEST(timers_that_nobody_gives_back_are_told)
{
    scene();
    take_timers(1, 100);
    sim_judge_quiet(c);
    end(9);
}
END_TEST

START_TEST(probes_that_stay_open_are_told)
{
    scene();
    judge_cluster_probes(hub(0)->cluster, 3);
    sim_judge_quiet(c);
    end(9);
}
END_TEST

START_TEST(a_request_that_stays_is_told)
{
    scene();
    ck_assert_ptr_nonnull(phub__request_new(hub(1), PHUB__OP_RUN, 1, 1000));
    sim_judge_quiet(c);
    end(9);
}
END_TEST

START_TEST(a_steady_life_takes_nothing)
{
    scene();
    sim_judge_steady(c, 60000, NULL);
    ck_assert_msg(!c->broken, "%s", c->story);
    sim_case_free(&c);
}
END_TEST

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void leak(struct sim_case *of)
{
    (void)sim_own(of, 10000);
}

START_TEST(memory_that_grows_is_told)
{
    scene();
    sim_judge_steady(c, 60000, leak);
    end(9);
}
END_TEST
#endif

/* --- 10 --------------------------------------------------------------------- */

static const enum sim_sick sicknesses[] = { SIM_SICK_FROZEN, SIM_SICK_SLOW,
                                            SIM_SICK_FLOODING };

START_TEST(a_sick_peer_delays_no_call_of_others)
{
    struct sim_calls before, during;

    scene_of(4, 12);
    sim_judge_delay(c, 3, sicknesses[_i], &before, &during);
    ck_assert_msg(!c->broken, "%s", c->story);
    ck_assert_uint_eq(during.failed, 0);
    ck_assert_uint_gt(during.p99_ns, 0);
    sim_case_free(&c);
}
END_TEST

START_TEST(calls_that_take_longer_are_told)
{
    struct sim_calls before = { 100, 0, 300000, 500000, 600000 };
    struct sim_calls during = { 100, 0, 300000, 1100000, 1200000 };

    scene();
    sim_judge_calls(c, &before, &during);
    end(10);
}
END_TEST

/* One of those that count as well is slow, too. */
START_TEST(a_slow_node_is_seen_in_the_calls)
{
    struct sim_calls before, during;

    scene_of(4, 12);
    sim_measure_calls(c, 3, 200, &before);
    phub__sim_node_slow(sim_node(c, 1), 5 * PHUB__SIM_MS);
    sim_measure_calls(c, 3, 200, &during);
    sim_judge_calls(c, &before, &during);
    end(10);
}
END_TEST

/* --- 11 --------------------------------------------------------------------- */

START_TEST(a_begin_that_nobody_noted_is_told)
{
    struct phub__sim_child_facts facts;

    scene();
    facts_of(0, &facts);
    facts.serial += 1000;
    sim_judges_began(c, &facts);
    end(11);
}
END_TEST

START_TEST(an_end_that_nobody_noted_is_told)
{
    struct phub__sim_child_facts facts;

    scene();
    facts_of(0, &facts);
    sim_judges_ended(c, &facts, PHUB__SIM_END_ASKED);
    end(11);
}
END_TEST

START_TEST(a_refusal_that_nobody_noted_is_told)
{
    scene();
    told(PHUB__OP_MOVE, PHUB_EREFUSED);
    end(11);
}
END_TEST

START_TEST(the_story_has_the_chain_of_causes)
{
    scene();
    sim_broken_child(c, 3, &c->children[0], "made up");
    ck_assert_ptr_nonnull(strstr(c->story, "promise 3: made up"));
    ck_assert_ptr_nonnull(strstr(c->story, "c0: start asked for: placed on"));
    ck_assert_ptr_nonnull(strstr(c->story, "c0: start here: home by epoch"));
    sim_case_free(&c);
}
END_TEST

START_TEST(every_judge_has_a_name_a_promise_and_a_claim)
{
    unsigned seen = 0;

    for (uint32_t i = 0; i < sim_judges_count(); i++) {
        const struct sim_judge *judge = sim_judges_at(i);

        ck_assert_ptr_nonnull(judge->name);
        ck_assert_ptr_nonnull(judge->claim);
        ck_assert(judge->promise >= 1 && judge->promise <= 11);
        seen |= 1u << judge->promise;
    }
    ck_assert_uint_eq(seen, 0xbfe); /* 1 to 11, but 10, which is a scene */
}
END_TEST

static void add_first(TCase *t)
{
    tcase_add_test(t, a_child_that_is_wanted_and_stopped_behind_backs_is_lost);
    tcase_add_test(t, a_start_that_no_second_node_has_is_told);
    tcase_add_test(t, a_second_one_that_acts_is_doubled);
    tcase_add_test(t, a_cut_excuses_only_those_it_cut_off);
    tcase_add_loop_test(t, a_later_one_without_a_greater_epoch_is_told, 0, 4);
    tcase_add_test(t, an_update_that_is_missing_is_told_by_the_client);
    tcase_add_test(t, an_update_that_is_missing_is_told_in_the_end);
    tcase_add_test(t, a_fault_excuses_what_went_before_and_nothing_after);
    tcase_add_test(t, a_message_that_does_not_arrive_is_told);
    tcase_add_test(t, an_update_that_nobody_sent_is_told);
    tcase_add_test(t, what_people_stopped_and_runs_is_resurrected);
    tcase_add_loop_test(t, what_begins_after_its_stop_is_told_at_once, 0, 2);
    tcase_add_test(t, a_start_that_is_done_and_never_acted_is_a_lie);
    tcase_add_test(t, exists_for_what_no_registry_has_is_a_lie);
    tcase_add_loop_test(
        t, a_stop_of_what_acts_that_is_done_or_not_found_is_a_lie, 0, 2);
    tcase_add_test(t, a_move_that_is_done_and_did_not_arrive_is_a_lie);
    tcase_add_test(t, an_answer_without_a_word_is_told);
    tcase_add_test(t, a_command_that_does_not_end_is_told);
}

static void add_rest(TCase *t)
{
    tcase_add_test(t, members_that_do_not_meet_are_told);
    tcase_add_test(t, registries_that_differ_are_told);
    tcase_add_loop_test(t, the_repair_of_two_rows_is_small, 0, 2);
    tcase_add_test(t, a_repair_that_is_too_much_is_told);
    tcase_add_test(t, what_is_published_and_not_ready_is_told);
    tcase_add_test(t, a_standby_that_its_hub_says_to_run_is_told);
    tcase_add_test(t, what_acts_without_its_state_is_told);
    tcase_add_test(t, placing_what_was_lost_before_the_verdict_is_told);
    tcase_add_test(t, placing_against_the_verdict_is_told);
    tcase_add_test(t, a_goodbye_that_counts_as_a_loss_is_told);
    tcase_add_test(t, what_runs_on_after_the_verdict_stop_is_told);
    tcase_add_test(t, timers_that_nobody_gives_back_are_told);
    tcase_add_test(t, probes_that_stay_open_are_told);
    tcase_add_test(t, a_request_that_stays_is_told);
    tcase_add_test(t, a_steady_life_takes_nothing);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    /* mallinfo2() knows nothing of another allocator's memory. */
    tcase_add_test(t, memory_that_grows_is_told);
#endif
    tcase_add_loop_test(t, a_sick_peer_delays_no_call_of_others, 0, 3);
    tcase_add_test(t, calls_that_take_longer_are_told);
    tcase_add_test(t, a_slow_node_is_seen_in_the_calls);
    tcase_add_test(t, a_begin_that_nobody_noted_is_told);
    tcase_add_test(t, an_end_that_nobody_noted_is_told);
    tcase_add_test(t, a_refusal_that_nobody_noted_is_told);
    tcase_add_test(t, the_story_has_the_chain_of_causes);
    tcase_add_test(t, every_judge_has_a_name_a_promise_and_a_claim);
}

int main(void)
{
    Suite *suite = suite_create("judge");
    TCase *t = tcase_create("judge");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    add_first(t);
    add_rest(t);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
