/* SPDX-License-Identifier: MIT */
/* check_move: a child and its state go to another node, whatever happens.
 *
 * Every case runs with both swaps; the number of effects after which a node
 * is killed walks over every step of a move. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/local.h"
#include "hub/move.h"
#include "hub_fixture.h"

static const char *const migrations[] = { "hotswap", "coldswap" };
#define SWAPS 2

static struct hubs hubs;
static uint32_t home, target;

/* Three nodes, "c" runs at home and has answered 5 updates. */
static void begin(const char *migration, const char *words)
{
    hubs_new(&hubs, 3, migration, 7);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", words), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    target = (home + 1) % 3;
    hubs_update(&hubs, "c", 1, 5);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static void acts_at(uint32_t node)
{
    uint32_t at = 99;

    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, node);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}

START_TEST(the_state_arrives)
{
    begin(migrations[_i], "sim state freeze");
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    acts_at(target);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_update(&hubs, "c", 6, 9);
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(hubs_home(&hubs, 0, "c"), target);
    ck_assert_uint_eq(hubs_home(&hubs, 2, "c"), target);
    ck_assert_uint_eq(phub__moves_count(hubs_hub(&hubs, home)->moves), 0);
    end();
}
END_TEST

START_TEST(a_large_state_arrives_whole)
{
    begin(migrations[_i], "sim state freeze state-size=3000000");
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    acts_at(target);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(what_cannot_freeze_moves_by_being_ended_and_started)
{
    static const char *const manners[] = { "sim state", "sim",
                                           "sim no-channel" };

    begin(migrations[_i % SWAPS], manners[_i / SWAPS]);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    acts_at(target);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), _i / SWAPS == 0 ? 5 : 0);
    end();
}
END_TEST

START_TEST(what_can_freeze_but_has_no_state_moves_at_once)
{
    begin(migrations[_i], "sim freeze");
    hubs_move_send(&hubs, 0, "c", target, &hubs_last);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(hubs_last.done, 1);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    acts_at(target);
    end();
}
END_TEST

START_TEST(one_that_hung_up_stays_with_its_state_and_whoever_asks_is_told)
{
    begin(migrations[_i], "sim state freeze hang-up=1000");
    hubs_run(&hubs, 1000);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), PHUB_EFAILED);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "the child did not freeze"));
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(it_goes_there_and_back_many_times)
{
    uint64_t number = 6;
    int i;

    begin(migrations[_i], "sim state freeze");
    for (i = 0; i < 6; i++) {
        ck_assert_int_eq(hubs_move(&hubs, 0, "c", (home + 1) % 3), 0);
        ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
        hubs_update(&hubs, "c", number, number + 2);
        number += 3;
    }
    end();
}
END_TEST

START_TEST(a_move_to_where_it_is_changes_nothing)
{
    begin(migrations[_i], "sim state freeze");
    (void)hubs_move(&hubs, 0, "c", home);
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(an_unknown_child_cannot_be_moved)
{
    begin(migrations[_i], "sim state freeze");
    ck_assert_int_eq(hubs_move(&hubs, 0, "nobody", target), PHUB_ENOTFOUND);
    end();
}
END_TEST

START_TEST(a_second_move_is_refused_and_the_first_one_tells_its_own_end)
{
    struct hubs_result second;
    char text[64];

    begin(migrations[_i], "sim state freeze late-state=500");
    hubs_move_send(&hubs, 0, "c", target, &hubs_last);
    hubs_run(&hubs, 50);
    hubs_move_send(&hubs, 0, "c", (home + 2) % 3, &second);
    hubs_wait(&hubs, &second);
    ck_assert_int_eq(second.codes[0], PHUB_EBUSY);
    snprintf(text, sizeof text, "it is being moved to node '%c', since ",
             'a' + (int)target);
    ck_assert_msg(strncmp(second.text, text, strlen(text)) == 0, "%s",
                  second.text);
    ck_assert_ptr_nonnull(strstr(second.text, "; ask again when it is there"));
    ck_assert_uint_eq(hubs_last.done, 0);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    acts_at(target);
    end();
}
END_TEST

START_TEST(two_who_want_it_moved_to_the_same_node_wait_for_one_move)
{
    struct hubs_result second;

    begin(migrations[_i], "sim state freeze late-state=500");
    hubs_move_send(&hubs, 0, "c", target, &hubs_last);
    hubs_run(&hubs, 50);
    hubs_move_send(&hubs, 1, "c", target, &second);
    hubs_run(&hubs, 50);
    ck_assert_uint_eq(hubs_last.done + second.done, 0);
    hubs_wait(&hubs, &second);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    ck_assert_int_eq(second.codes[0], 0);
    ck_assert_uint_eq(hubs_hub(&hubs, home)->counters.moves_started, 1);
    acts_at(target);
    end();
}
END_TEST

/* --- one dies in the middle ----------------------------------------------- */

static int agree_and_act(struct hubs *h, const void *id)
{
    return hubs_agree(h, NULL) && hubs_acts(h, id) &&
           hubs_instances(h, id, NULL) == 1;
}

static void after_a_death(uint32_t dead, uint32_t effects)
{
    ck_assert_msg(hubs_until(&hubs, 60000, agree_and_act, "c"),
                  "%s: node %u dead after %u effects: not well again",
                  hubs.migration, dead, effects);
    hubs_run(&hubs, 3000);
    ck_assert_msg(hubs_acts(&hubs, "c") && hubs.doubled == 0,
                  "%s: node %u dead after %u effects: %u act, %u doubled",
                  hubs.migration, dead, effects,
                  hubs_acting(&hubs, "c", NULL), hubs.doubled);
}

#define STEPS 12

START_TEST(the_target_dies_at_any_step_and_nothing_is_lost)
{
    uint32_t effects = (uint32_t)(_i / SWAPS) * 2 + 1;

    begin(migrations[_i % SWAPS], "sim state freeze");
    phub__sim_node_kill_after(hubs_node(&hubs, target), effects);
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    if (hubs_hub(&hubs, target) != NULL)
        phub__sim_node_kill(hubs_node(&hubs, target));
    after_a_death(target, effects);
    /* If it died with the child's only copy, the child began anew. */
    if (hubs_last.codes[0] != 0)
        ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(the_origin_dies_at_any_step_and_one_runs)
{
    uint32_t effects = (uint32_t)(_i / SWAPS) * 2 + 1;

    begin(migrations[_i % SWAPS], "sim state freeze");
    phub__sim_node_kill_after(hubs_node(&hubs, home), effects);
    hubs_move_send(&hubs, target, "c", target, &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    if (hubs_hub(&hubs, home) != NULL)
        phub__sim_node_kill(hubs_node(&hubs, home));
    after_a_death(home, effects);
    end();
}
END_TEST

START_TEST(a_stop_in_the_middle_leaves_none)
{
    struct hubs_result stop;

    begin(migrations[_i % SWAPS], "sim state freeze");
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    phub__world_run(hubs.world, phub__world_now(hubs.world) +
                    (uint64_t)(_i / SWAPS) * 150 * PHUB__SIM_US);
    hubs_stop_send(&hubs, target, "c", &stop);
    while (stop.done == 0)   /* not a moment later */
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(stop.codes[0], 0);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 0);
    hubs_wait(&hubs, &hubs_last);
    hubs_run(&hubs, 5000);
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert_uint_eq(phub__moves_count(hubs_hub(&hubs, home)->moves), 0);
    end();
}
END_TEST

/* --- a child that spoils it ----------------------------------------------- */

START_TEST(a_child_that_answers_no_verb_stays_and_the_move_says_so)
{
    begin(migrations[_i], "sim state freeze silent");
    ck_assert_int_ne(hubs_move(&hubs, 0, "c", target), 0);
    ck_assert_str_ne(hubs_last.text, "");
    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "c"));
    ck_assert_uint_eq(phub__moves_count(hubs_hub(&hubs, home)->moves), 0);
    end();
}
END_TEST

START_TEST(a_child_that_answers_everything_twice_moves_once)
{
    begin(migrations[_i], "sim state freeze twice");
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    acts_at(target);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(a_state_that_comes_too_late_aborts_and_nothing_is_lost)
{
    begin(migrations[_i], "sim state freeze late-state=8000");
    ck_assert_int_ne(hubs_move(&hubs, 0, "c", target), 0);
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_update(&hubs, "c", 6, 7);
    hubs_run(&hubs, 10000);
    acts_at(home);
    end();
}
END_TEST

static int arriving(struct hubs *h, const void *id)
{
    struct phub__local *local =
        phub__local_find(hubs_hub(h, target), hubs_bytes(id));

    return local != NULL && local->arrival != NULL;
}

static void spoil(struct phub__hub *hub, void *arg)
{
    struct phub__op_state chunk = {
        .id = hubs_bytes("c"), .size = 3, .checksum = 1,
        .data = hubs_bytes("bad") };
    const struct phub__op_state *base = arg;
    uint64_t received = 0;

    chunk.epoch = base->epoch;
    ck_assert_int_eq(phub__arrival_chunk(hub, hubs.ids[home], &chunk,
                                         &received), PHUB_ECHECKSUM);
}

static uint64_t boot_of_home(void)
{
    const struct phub_view_node *node = phub__view_find(
        phub__hub_view(hubs_hub(&hubs, target)), hubs.ids[home]);

    return node != NULL ? node->boot : 0;
}

/* It writes a new epoch, by which that would be dropped, only later. */
START_TEST(what_was_coming_ends_when_its_origin_is_seen_to_begin_anew)
{
    uint64_t boot;

    begin("hotswap", "sim state freeze");
    boot = boot_of_home();
    hubs_move_send(&hubs, target, "c", target, &hubs_last);
    while (!arriving(&hubs, "c"))
        ck_assert(phub__world_step(hubs.world));
    phub__sim_node_kill(hubs_node(&hubs, home));
    phub__sim_node_start(hubs_node(&hubs, home));
    while (boot_of_home() == boot || boot_of_home() == 0) {
        ck_assert(arriving(&hubs, "c"));
        ck_assert(phub__world_step(hubs.world));
    }
    ck_assert(!arriving(&hubs, "c"));
    ck_assert(hubs_until(&hubs, 60000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(a_spoilt_state_is_refused_and_the_child_stays)
{
    struct phub__row_facts row;
    struct phub__op_state chunk = { .size = 0 };

    begin(migrations[_i], "sim state freeze");
    phub__row_facts(hubs_hub(&hubs, target), hubs_bytes("c"), &row);
    chunk.epoch = row.home_epoch;
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    while (!arriving(&hubs, "c"))
        ck_assert(phub__world_step(hubs.world));
    hubs_do(&hubs, target, spoil, &chunk);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_ne(hubs_last.codes[0], 0);
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

/* It is decided, and what was to come is lost: as far as its row says it is the
 * target's, and whose it was is asked to take it back. */
static void go_without_its_state(struct phub__hub *hub, void *none)
{
    struct phub__op_request op = { .origin = hubs.ids[home],
                                   .transaction = 4711 };
    struct phub__op_item item = { .id = hubs_bytes("c"),
                                  .flags = PHUB__ITEM_STATE };
    struct phub__row_facts row;

    (void)none;
    phub__row_facts(hub, item.id, &row);
    item.incarnation = row.incarnation;
    item.epoch = phub__hub_epoch(hub);
    ck_assert_int_eq(phub__registry_home_set(hub->registry, item.id,
                                             row.incarnation, hub->node, NULL,
                                             item.epoch), 0);
    phub__arrival_go(hub, &op, &item);
}

START_TEST(a_target_without_the_state_does_not_begin)
{
    begin("hotswap", "sim state freeze");
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    while (!arriving(&hubs, "c"))
        ck_assert(phub__world_step(hubs.world));
    hubs_do(&hubs, target, go_without_its_state, NULL);
    hubs_run(&hubs, 20000);
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

/* An earlier instance there, of whose end its home has not heard yet. */
static void say_it_runs(struct phub__hub *hub, void *none)
{
    struct phub__half half = { .state = PHUB_INSTANCE_RUNNING, .pid = 4711 };
    struct phub__row_facts row;

    (void)none;
    phub__row_facts(hub, hubs_bytes("c"), &row);
    half.incarnation = row.incarnation;
    half.epoch = row.home_epoch;
    ck_assert_int_eq(phub__registry_instance_put(
        hub->registry, hubs_bytes("c"), &half), 0);
}

START_TEST(a_move_is_not_over_by_what_ran_there_before)
{
    uint32_t at = HUBS_MAX;

    begin("hotswap", "sim state freeze");
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    while (hubs_acting(&hubs, "c", NULL) != 0)
        ck_assert(phub__world_step(hubs.world));
    hubs_do(&hubs, target, say_it_runs, NULL);
    while (!hubs_last.done)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(hubs_last.codes[0], 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, target);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

/* The program is of an older version at the target. */
START_TEST(a_successor_that_refuses_the_state_leaves_it_where_it_was)
{
    uint32_t first;
    char words[64];

    /* The same seed places it on the same node. */
    begin(migrations[_i], "sim state freeze");
    first = target;
    end();
    snprintf(words, sizeof words, "sim state freeze version=3 old-on=%u",
             first + 1);
    begin(migrations[_i], words);
    ck_assert_uint_eq(target, first);
    ck_assert_int_ne(hubs_move(&hubs, 0, "c", target), 0);
    ck_assert_msg(strstr(hubs_last.text, "version 3") != NULL &&
                  strstr(hubs_last.text, "its own is 2") != NULL,
                  "%s", hubs_last.text);
    acts_at(home);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    hubs_update(&hubs, "c", 6, 7);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", (home + 2) % 3), 0);
    acts_at((home + 2) % 3);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 7);
    end();
}
END_TEST

static int no_move(struct hubs *h, const void *none)
{
    (void)none;
    return phub__moves_count(hubs_hub(h, home)->moves) == 0;
}

START_TEST(hotswap_hears_a_refusal_before_it_decides)
{
    struct phub__sim_child_facts before, after;

    begin("hotswap", "sim state freeze");
    end();
    begin("hotswap", target == 0   ? "sim state freeze version=3 old-on=1"
                     : target == 1 ? "sim state freeze version=3 old-on=2"
                                   : "sim state freeze version=3 old-on=3");
    phub__sim_child_facts(hubs_child(&hubs, "c"), &before);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), PHUB_EVERSION);
    ck_assert(hubs_until(&hubs, 20000, no_move, NULL));
    acts_at(home);
    /* Thawed, not started anew. */
    phub__sim_child_facts(hubs_child(&hubs, "c"), &after);
    ck_assert_int_eq(after.pid, before.pid);
    end();
}
END_TEST

START_TEST(a_target_that_is_cut_off_aborts_the_move)
{
    begin(migrations[_i], "sim state freeze");
    phub__world_cut(hubs.world, home, target, 0);
    phub__world_cut(hubs.world, target, home, 0);
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    phub__world_heal_all(hubs.world);
    hubs_settle(&hubs);
    ck_assert(hubs_until(&hubs, 30000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("move");
    TCase *tc = tcase_create("move");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, the_state_arrives, 0, SWAPS);
    tcase_add_loop_test(tc, a_large_state_arrives_whole, 0, SWAPS);
    tcase_add_loop_test(tc,
        what_cannot_freeze_moves_by_being_ended_and_started, 0, 3 * SWAPS);
    tcase_add_loop_test(tc, what_can_freeze_but_has_no_state_moves_at_once, 0,
                        SWAPS);
    tcase_add_loop_test(
        tc, one_that_hung_up_stays_with_its_state_and_whoever_asks_is_told, 0,
        SWAPS);
    tcase_add_loop_test(tc, it_goes_there_and_back_many_times, 0, SWAPS);
    tcase_add_loop_test(tc, a_move_to_where_it_is_changes_nothing, 0, SWAPS);
    tcase_add_loop_test(tc, an_unknown_child_cannot_be_moved, 0, SWAPS);
    tcase_add_loop_test(tc,
        a_second_move_is_refused_and_the_first_one_tells_its_own_end, 0,
        SWAPS);
    tcase_add_loop_test(tc,
        two_who_want_it_moved_to_the_same_node_wait_for_one_move, 0, SWAPS);
    tcase_add_loop_test(tc,
        the_target_dies_at_any_step_and_nothing_is_lost, 0, STEPS * SWAPS);
    tcase_add_loop_test(tc, the_origin_dies_at_any_step_and_one_runs, 0,
                        STEPS * SWAPS);
    tcase_add_loop_test(tc, a_stop_in_the_middle_leaves_none, 0,
                        STEPS * SWAPS);
    tcase_add_loop_test(tc,
        a_child_that_answers_no_verb_stays_and_the_move_says_so, 0, SWAPS);
    tcase_add_loop_test(tc,
        a_child_that_answers_everything_twice_moves_once, 0, SWAPS);
    tcase_add_loop_test(tc,
        a_state_that_comes_too_late_aborts_and_nothing_is_lost, 0, SWAPS);
    tcase_add_test(tc,
                   what_was_coming_ends_when_its_origin_is_seen_to_begin_anew);
    tcase_add_loop_test(tc, a_spoilt_state_is_refused_and_the_child_stays, 0,
                        SWAPS);
    tcase_add_loop_test(tc,
        a_successor_that_refuses_the_state_leaves_it_where_it_was, 0, SWAPS);
    tcase_add_test(tc, a_move_is_not_over_by_what_ran_there_before);
    tcase_add_test(tc, a_target_without_the_state_does_not_begin);
    tcase_add_test(tc, hotswap_hears_a_refusal_before_it_decides);
    tcase_add_loop_test(tc, a_target_that_is_cut_off_aborts_the_move, 0,
                        SWAPS);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
