/* SPDX-License-Identifier: MIT */
/* check_leave: nodes that are drained, and go, while something is open. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/place.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub_fixture.h"

static struct hubs hubs;
static uint32_t home, target;
static int left;

static void begin(const char *migration, const char *words)
{
    hubs_new(&hubs, 3, migration, 5);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", words), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    target = (home + 1) % 3;
    hubs_update(&hubs, "c", 1, 5);
    left = 0;
}

/* It acts elsewhere, with all that was acknowledged. */
static void ends_not_on(uint32_t node)
{
    uint32_t at = 99;

    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_ne(at, node);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static void on_left(void *arg)
{
    (void)arg;
    left = 1;
}

static void leave(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, *(const uint64_t *)arg, on_left, NULL);
}

static int has_left(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return left;
}

static void drain(struct phub__hub *hub, void *arg)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_DRAIN, 1, 60000);

    request->items[0].op.target = hub->node;
    phub__request_send(request, hubs_done, arg);
}

START_TEST(a_stop_in_the_middle_of_a_drain_takes_it_over)
{
    struct hubs_result result = { .done = 0 };
    uint64_t ms = 30000;

    /* Slow enough that the drain is still on when the stop comes. */
    begin("hotswap", "sim state freeze late-state=1500");
    hubs_do(&hubs, home, drain, &result);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(result.done, 0);
    hubs_do(&hubs, home, leave, &ms);
    ck_assert(hubs_until(&hubs, 60000, has_left, NULL));
    ck_assert_uint_eq(result.done, 1);
    phub__sim_node_kill(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 30000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

/* The target is frozen in the middle, for long. */
START_TEST(a_stop_ends_although_a_target_is_silent)
{
    uint64_t ms = 5000;

    begin(_i % 2 ? "hotswap" : "coldswap", "sim state freeze");
    phub__sim_node_kill_after(hubs_node(&hubs, target),
                              (uint32_t)_i / 2 + 1);
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    hubs_do(&hubs, home, leave, &ms);
    ck_assert_msg(hubs_until(&hubs, 40000, has_left, NULL),
                  "%d: it never left", _i);
    phub__sim_node_kill(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

/* Its guard takes no orders; nobody is told that it left, for it may run. */
START_TEST(a_stop_ends_although_a_child_does_not)
{
    uint64_t ms = 0;
    uint32_t at = 99;

    begin("coldswap", "sim ignore-stop");
    phub__sim_node_guard_busy(hubs_node(&hubs, home), 1);
    hubs_do(&hubs, home, leave, &ms);
    ck_assert(!hubs_until(&hubs, 10000, has_left, NULL));
    ck_assert(hubs_until(&hubs, 6000, has_left, NULL));
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, home);
    phub__sim_node_kill(hubs_node(&hubs, home));
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, home);
    ck_assert(hubs_until(&hubs, 30000, hubs_acts, "c"));
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_ne(at, home);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

static void give_home(struct phub__hub *hub, void *arg)
{
    const uint64_t *to = arg;
    struct phub__row_facts row;

    phub__row_facts(hub, hubs_bytes("c"), &row);
    ck_assert_int_eq(phub__row_home(hub, hubs_bytes("c"), row.incarnation,
                                    *to, phub__hub_epoch(hub)), 0);
}

START_TEST(what_a_drained_node_is_made_home_of_goes_on)
{
    struct hubs_result result = { .done = 0 };
    uint64_t node;

    begin("hotswap", "sim state freeze");
    node = hubs.ids[target];
    hubs_do(&hubs, target, drain, &result);
    hubs_wait(&hubs, &result);
    hubs_do(&hubs, home, give_home, &node);
    hubs_run(&hubs, 15000);
    ck_assert(hubs_acts(&hubs, "c"));
    ck_assert_uint_ne(hubs_home(&hubs, home, "c"), target);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

static int is_prepared(struct hubs *h, const void *arg)
{
    const struct phub__local *local =
        phub__local_find(hubs_hub(h, target), hubs_bytes(arg));

    return local != NULL && local->arrival != NULL;
}

static void take_again(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 0);
}

static void take_no_more(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 1);
}

/* As when a replica there is promoted. */
START_TEST(what_comes_back_to_a_drained_node_and_runs_goes_on)
{
    struct hubs_result result = { .done = 0 };
    uint32_t at = 99;

    begin("coldswap", "sim state freeze");
    hubs_do(&hubs, home, drain, &result);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_ne(at, home);
    hubs_do(&hubs, home, take_again, NULL);
    ck_assert_int_eq(hubs_move(&hubs, at, "c", home), 0);
    hubs_do(&hubs, home, take_no_more, NULL);
    hubs_run(&hubs, 12000);
    ends_not_on(home);
}
END_TEST

static int drains_again(struct hubs *h, const void *arg)
{
    const struct phub__hub *hub = hubs_hub(h, home);

    (void)arg;
    return hub->drain != NULL;
}

static int is_alone(struct hubs *h, const void *arg)
{
    (void)arg;
    return phub__view_count(phub__hub_view(hubs_hub(h, home))) == 1 &&
           hubs_hub(h, home)->drain == NULL;
}

static void goes_home_again(void)
{
    hubs_do(&hubs, home, take_again, NULL);
    ck_assert_int_eq(hubs_move(&hubs, hubs_home(&hubs, home, "c"), "c", home),
                     0);
    hubs_do(&hubs, home, take_no_more, NULL);
}

START_TEST(what_comes_back_goes_on_although_nobody_was_there_for_a_while)
{
    static const uint32_t groups[] = { 0, 1, 1, 0 };
    struct hubs_result result = { .done = 0 };
    uint32_t apart[3], i, at = 99;

    begin("coldswap", "sim state freeze late-state=1500");
    hubs_do(&hubs, home, drain, &result);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    goes_home_again();
    ck_assert(hubs_until(&hubs, 12000, drains_again, NULL));
    for (i = 0; i < 3; i++)
        apart[i] = groups[i == home ? 0 : 1];
    phub__world_partition(hubs.world, apart, 0);
    ck_assert(hubs_until(&hubs, 60000, is_alone, NULL));
    ck_assert_int_ne(hubs_hub(&hubs, home)->draining, 0);
    phub__world_heal_all(hubs.world);
    hubs_settle(&hubs);
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_ne(at, home);
    hubs_free(&hubs);
}
END_TEST

/* The others are silent in the middle of the second drain. */
START_TEST(a_drain_in_vain_does_not_undo_an_earlier_one)
{
    struct hubs_result result = { .done = 0 };
    struct phub__hub *hub;

    begin("coldswap", "sim state freeze late-state=1500");
    hubs_do(&hubs, home, drain, &result);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    goes_home_again();
    memset(&result, 0, sizeof result);
    hubs_do(&hubs, home, drain, &result);
    for (uint32_t i = 0; i < 3; i++)
        if (i != home)
            phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], PHUB_ENOPLACE);
    hub = hubs_hub(&hubs, home);
    ck_assert_int_ne(hub->draining, 0);
    ck_assert_int_ne(hub->drained, 0);
    hubs_free(&hubs);
}
END_TEST

static void lacks(struct phub__hub *hub, void *arg)
{
    phub__drain_set(hub, PHUB__DRAIN_STRATEGY, *(const int *)arg);
}

/* Who drains itself meanwhile takes children again only if people have not
 * said anything; and goes on not to, if they have and it was in vain. */
START_TEST(a_drain_and_a_lack_of_strategies_are_two_things)
{
    struct hubs_result result = { .done = 0 };
    int yes = 1, no = 0;

    begin("coldswap", "sim state freeze");
    hubs_do(&hubs, target, lacks, &yes);
    hubs_do(&hubs, target, drain, &result);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    hubs_do(&hubs, target, lacks, &no);
    hubs_run(&hubs, 1000);
    ck_assert_int_ne(hubs_hub(&hubs, target)->draining, 0);
    ck_assert(!phub__place_takes(hubs_hub(&hubs, home), hubs.ids[target]));
    hubs_do(&hubs, home, lacks, &yes);
    hubs_do(&hubs, home, take_no_more, NULL);
    hubs_do(&hubs, home, take_again, NULL);
    hubs_run(&hubs, 1000);
    ck_assert_int_ne(hubs_hub(&hubs, home)->draining, 0);
    ck_assert(!phub__place_takes(hubs_hub(&hubs, target), hubs.ids[home]));
    hubs_do(&hubs, home, lacks, &no);
    hubs_run(&hubs, 1000);
    ck_assert_int_eq(hubs_hub(&hubs, home)->draining, 0);
    ck_assert(phub__place_takes(hubs_hub(&hubs, target), hubs.ids[home]));
    hubs_free(&hubs);
}
END_TEST

/* Others come meanwhile, and hear of it as one that takes none. */
START_TEST(who_takes_children_again_gets_as_many_as_before)
{
    int yes = 1, no = 0;
    uint32_t at;

    begin("coldswap", "sim state freeze");
    hubs_do(&hubs, target, lacks, &yes);
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    for (at = 0; at < 4; at++) {
        struct phub__hub *hub = hubs_hub(&hubs, at);
        struct phub_view *view = phub__hub_view(hub);
        uint32_t index = phub__view_index(view, hubs.ids[target]);

        ck_assert_uint_ne(index, PHUB__VIEW_NONE);
        ck_assert_uint_eq(phub__view_at(view, index)->weight, 1000);
        ck_assert(!phub__place_takes(hub, hubs.ids[target]));
    }
    hubs_do(&hubs, target, lacks, &no);
    hubs_run(&hubs, 2000);
    for (uint32_t i = 0; i < 20; i++) {
        char id[8];

        snprintf(id, sizeof id, "d%u", i);
        hubs_start_send(&hubs, home, id, "sim", &hubs_last);
        hubs_wait(&hubs, &hubs_last);
    }
    ck_assert_uint_ne(hubs_hub(&hubs, target)->counters.starts, 0);
    hubs_free(&hubs);
}
END_TEST

/* It waits, and is not passed on from one to the other for ever. */
START_TEST(a_child_of_drained_nodes_alone_waits_for_one_that_takes_it)
{
    struct phub__row_facts before, after;
    uint32_t i, other = home;

    begin("coldswap", "sim state freeze");
    for (i = 0; i < 3; i++)
        if (i != home) {
            hubs_do(&hubs, i, take_no_more, NULL);
            other = i;
        }
    hubs_run(&hubs, 1000);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    hubs_run(&hubs, 30000);
    phub__row_facts(hubs_hub(&hubs, other), hubs_bytes("c"), &before);
    ck_assert_uint_ne(before.home, hubs.ids[home]);
    hubs_run(&hubs, 30000);
    phub__row_facts(hubs_hub(&hubs, other), hubs_bytes("c"), &after);
    ck_assert_uint_eq(after.home_epoch.number, before.home_epoch.number);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 0);
    phub__sim_node_start(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    ck_assert(hubs_until(&hubs, 20000, hubs_acts, "c"));
    ck_assert_uint_eq(hubs_home(&hubs, other, "c"), home);
    hubs_free(&hubs);
}
END_TEST

START_TEST(nothing_is_placed_on_a_drained_node_by_those_who_know)
{
    struct hubs_result result = { .done = 0 };
    uint32_t i;

    begin("hotswap", "sim state freeze");
    hubs_do(&hubs, target, drain, &result);
    hubs_wait(&hubs, &result);
    hubs_run(&hubs, 2000);
    for (i = 0; i < 3; i++) {
        struct phub__hub *hub = hubs_hub(&hubs, i);
        struct phub_view *view = phub__hub_view(hub);
        struct phub_view *takers = phub__place_takers(hub, view, 0);

        ck_assert_uint_eq(phub__view_count(view), 3);
        ck_assert_uint_eq(phub__view_count(takers), 2);
        ck_assert_uint_eq(phub__view_index(takers, hubs.ids[target]),
                          PHUB__VIEW_NONE);
        phub__view_unref(&takers);
    }
    for (i = 0; i < 20; i++) {
        char id[8];

        snprintf(id, sizeof id, "d%u", i);
        hubs_start_send(&hubs, home, id, "sim", &hubs_last);
        hubs_wait(&hubs, &hubs_last);
        ck_assert_uint_ne(hubs_home(&hubs, home, id), target);
    }
    ck_assert_uint_eq(hubs_hub(&hubs, target)->counters.starts, 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(what_is_on_its_way_to_a_node_is_drained_too)
{
    struct hubs_result result = { .done = 0 };
    uint32_t at = 99;

    begin(_i % 2 ? "hotswap" : "coldswap",
          "sim state freeze late-state=300");
    hubs_move_send(&hubs, home, "c", target, &hubs_last);
    ck_assert(hubs_until(&hubs, 2000, is_prepared, "c"));
    hubs_do(&hubs, target, drain, &result);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    ck_assert_int_eq(is_prepared(&hubs, "c"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_ne(at, target);
    hubs_run(&hubs, 5000);
    ends_not_on(target);
}
END_TEST

static uint32_t unheard;   /* a node that hears nothing from home for a while */

static int knows_of_goodbye(struct hubs *h, const void *arg)
{
    (void)arg;
    return phub__view_index(phub__hub_view(hubs_hub(h, unheard)),
                            hubs.ids[home]) == PHUB__VIEW_NONE;
}

static uint64_t digest_at(uint32_t node)
{
    return phub__registry_digest(hubs_hub(&hubs, node)->registry);
}

/* What it wrote last is lost on its way to one of them at first: not to one of
 * the next two by id, which are given it by all means. */
START_TEST(who_says_goodbye_has_been_heard_by_all)
{
    const struct phub_view *view;
    uint64_t ms = 0, id;
    uint32_t next = 0;

    begin("coldswap", "sim state");
    (void)hubs_add(&hubs);
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    view = phub__hub_view(hubs_hub(&hubs, home));
    id = phub__view_at(view, (phub__view_index(view, hubs.ids[home]) + 3) % 5)
             ->id;
    for (uint32_t i = 0; i < 5; i++) {
        if (hubs.ids[i] == id)
            unheard = i;
        else if (i != home)
            next = i;
    }
    phub__world_cut(hubs.world, home, unheard, 0);
    hubs_do(&hubs, home, leave, &ms);
    hubs_run(&hubs, 200);
    ck_assert(!left);
    phub__world_heal(hubs.world, home, unheard);
    ck_assert(hubs_until(&hubs, 1000, knows_of_goodbye, NULL));
    ck_assert_uint_eq(digest_at(unheard), digest_at(home));
    ck_assert_uint_eq(digest_at(unheard), digest_at(next));
    hubs_free(&hubs);
}
END_TEST

static void writes(struct phub__hub *hub, void *arg)
{
    (void)arg;
    (void)phub__registry_cell_put(hub->registry, hubs_bytes("k"),
                                  hubs_bytes("v"), phub__hub_epoch(hub));
}

/* Nor does it for what it writes meanwhile. */
START_TEST(who_goes_on_writing_says_goodbye_as_soon)
{
    uint64_t ms = 0;

    begin("coldswap", "sim state");
    phub__world_cut(hubs.world, home, (home + 1) % 3, 0);
    hubs_do(&hubs, home, leave, &ms);
    for (uint32_t i = 0; i < 10 && !left; i++) {
        hubs_run(&hubs, 100);
        if (!left)
            hubs_do(&hubs, home, writes, NULL);
    }
    ck_assert(left);
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_is_heard_at_once_says_goodbye_at_once)
{
    uint64_t ms = 0;

    begin("coldswap", "sim state");
    hubs_do(&hubs, home, leave, &ms);
    ck_assert(hubs_until(&hubs, 350, has_left, NULL));
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_says_goodbye_does_not_wait_for_one_that_is_silent)
{
    uint64_t ms = 0;

    begin("coldswap", "sim state");
    phub__world_cut(hubs.world, home, (home + 1) % 3, 0);
    hubs_do(&hubs, home, leave, &ms);
    ck_assert(hubs_until(&hubs, 1000, has_left, NULL));
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("leave");
    TCase *tc = tcase_create("leave");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_stop_in_the_middle_of_a_drain_takes_it_over);
    tcase_add_test(tc, what_comes_back_to_a_drained_node_and_runs_goes_on);
    tcase_add_test(
        tc, what_comes_back_goes_on_although_nobody_was_there_for_a_while);
    tcase_add_test(tc, a_drain_in_vain_does_not_undo_an_earlier_one);
    tcase_add_test(tc, a_drain_and_a_lack_of_strategies_are_two_things);
    tcase_add_test(tc, who_takes_children_again_gets_as_many_as_before);
    tcase_add_test(
        tc, a_child_of_drained_nodes_alone_waits_for_one_that_takes_it);
    tcase_add_test(tc, nothing_is_placed_on_a_drained_node_by_those_who_know);
    tcase_add_test(tc, what_a_drained_node_is_made_home_of_goes_on);
    tcase_add_loop_test(tc, what_is_on_its_way_to_a_node_is_drained_too, 0,
                        2);
    tcase_add_test(tc, who_says_goodbye_has_been_heard_by_all);
    tcase_add_test(tc, who_says_goodbye_does_not_wait_for_one_that_is_silent);
    tcase_add_test(tc, who_goes_on_writing_says_goodbye_as_soon);
    tcase_add_test(tc, who_is_heard_at_once_says_goodbye_at_once);
    tcase_add_loop_test(tc, a_stop_ends_although_a_target_is_silent, 0, 24);
    tcase_add_test(tc, a_stop_ends_although_a_child_does_not);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
