/* SPDX-License-Identifier: MIT */
/* check_order: messages of one sender arrive in order over any way.
 *
 * Marks are made by hand and sent from node to node, as those would come that
 * took other ways.  Whole moves: check_message, and the scenarios
 * 10_messages_overtake and messages_through_a_chain. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/order.h"
#include "hub_fixture.h"
#include "wire/messages.h"

#define SENDER 77u

static struct hubs hubs;
static char seen[64];           /* what the child was given, a letter each */
static uint32_t home, other;

static void on_message(void *arg, const struct phub__sim_child *child,
                       struct phub_bytes data)
{
    size_t size = strlen(seen);

    (void)arg;
    (void)child;
    ck_assert_uint_eq(data.size, 1);
    ck_assert_uint_lt(size + 1, sizeof seen);
    seen[size] = (char)data.data[0];
    seen[size + 1] = '\0';
}

static void setup(void)
{
    seen[0] = '\0';
    hubs_new(&hubs, 3, "hotswap", 5);
    hubs.watch.message = on_message;
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    hubs_run(&hubs, 100);
    (void)hubs_acting(&hubs, "c", &home);
    other = (home + 1) % 3;
}

static void teardown(void)
{
    hubs_free(&hubs);
}

struct letter {
    uint64_t target;
    struct phub__op_message message;
};

static void post(struct phub__hub *hub, void *arg)
{
    const struct letter *letter = arg;

    ck_assert_int_eq(phub__peer_send_struct(hub, letter->target,
                                            PHUB__MESSAGE_CHILD_MESSAGE,
                                            &phub__op_message_schema,
                                            &letter->message), 0);
}

/* As from a sender of that boot, by way of the node beside the home. */
static void give(const char *letter, uint64_t boot, uint64_t number,
                 uint64_t after)
{
    struct phub__hub *hub = hubs_hub(&hubs, other);
    struct letter l = { hubs_hub(&hubs, home)->node,
        { .origin = SENDER, .id = hubs_bytes("c"), .data = hubs_bytes(letter),
          .mark = { .boot = boot, .number = number, .after = after,
                    .via = hub->node, .via_boot = hub->boot } } };

    hubs_do(&hubs, other, post, &l);
    hubs_run(&hubs, 20);
}

static uint64_t dropped(void)
{
    return hubs_hub(&hubs, home)->counters.messages_dropped;
}

START_TEST(one_that_names_another_waits_for_it)
{
    give("a", 1, 10, 0);
    give("c", 1, 30, 20);
    give("e", 1, 50, 0);
    ck_assert_str_eq(seen, "a");
    give("d", 1, 40, 30);
    give("b", 1, 20, 10);
    ck_assert_str_eq(seen, "abcde");
    give("f", 1, 60, 50);
    ck_assert_str_eq(seen, "abcdef");
    ck_assert_uint_eq(dropped(), 0);
}
END_TEST

START_TEST(one_that_is_late_or_comes_twice_is_dropped)
{
    give("b", 1, 20, 0);
    give("a", 1, 10, 0);
    give("b", 1, 20, 0);
    ck_assert_str_eq(seen, "b");
    ck_assert_uint_eq(dropped(), 2);
    /* The sender's next life begins anew, and its last one is over. */
    give("c", 2, 1, 0);
    give("x", 1, 30, 0);
    ck_assert_str_eq(seen, "bc");
    /* No number: no order. */
    give("d", 0, 0, 0);
    ck_assert_str_eq(seen, "bcd");
}
END_TEST

START_TEST(nobody_waits_longer_than_the_limit)
{
    give("b", 1, 20, 10);
    give("c", 1, 30, 0);
    hubs_run(&hubs, PHUB__ORDER_HOLD_MS - 200);
    ck_assert_str_eq(seen, "");
    hubs_run(&hubs, 400);
    ck_assert_str_eq(seen, "bc");
    give("a", 1, 10, 0);
    ck_assert_str_eq(seen, "bc");
    ck_assert_uint_eq(dropped(), 1);
}
END_TEST

START_TEST(nobody_waits_for_what_a_dead_node_has)
{
    give("b", 1, 20, 10);
    ck_assert_str_eq(seen, "");
    phub__sim_node_kill(hubs_node(&hubs, other));
    hubs_run(&hubs, 4000);
    ck_assert_str_eq(seen, "b");
}
END_TEST

START_TEST(senders_do_not_wait_for_each_other)
{
    struct letter l = { hubs_hub(&hubs, home)->node,
        { .origin = SENDER + 1, .id = hubs_bytes("c"),
          .data = hubs_bytes("x"), .mark = { .boot = 1, .number = 5 } } };

    give("b", 1, 20, 10);
    hubs_do(&hubs, other, post, &l);
    hubs_run(&hubs, 20);
    ck_assert_str_eq(seen, "x");
    give("a", 1, 10, 0);
    ck_assert_str_eq(seen, "xab");
}
END_TEST

START_TEST(what_was_given_goes_with_the_child)
{
    give("b", 1, 20, 0);
    ck_assert_int_eq(hubs_move(&hubs, home, "c", (home + 2) % 3), 0);
    hubs_run(&hubs, 1000);
    home = (home + 2) % 3;
    give("a", 1, 10, 0);
    ck_assert_str_eq(seen, "b");
    give("c", 1, 30, 20);
    ck_assert_str_eq(seen, "bc");
}
END_TEST

/* The home had it not yet when it passed 10 on to where the child was. */
static void pass_on(struct phub__hub *hub, void *arg)
{
    struct phub__mark mark = { .boot = 1, .number = 10 };
    struct phub__row_view row;

    ck_assert_int_eq(phub__registry_get(hub->registry, hubs_bytes("c"), &row),
                     0);
    phub__order_sent(hub, SENDER, &row, *(uint64_t *)arg, &mark);
}

START_TEST(what_the_home_passed_on_before_it_was_one_comes_first)
{
    hubs_do(&hubs, home, pass_on, &hubs_hub(&hubs, other)->node);
    give("b", 1, 20, 0);
    ck_assert_str_eq(seen, "");
    give("a", 1, 10, 0);
    ck_assert_str_eq(seen, "ab");
}
END_TEST

/* --- marks -------------------------------------------------------------------- */

static struct phub__row_view row_of(const char *id, uint64_t incarnation)
{
    return (struct phub__row_view){ .id = hubs_bytes(id),
                                    .incarnation = { incarnation, 1 } };
}

static struct phub__mark sent(struct phub__hub *hub, const char *id,
                              uint64_t incarnation, uint64_t number,
                              uint64_t target)
{
    struct phub__row_view row = row_of(id, incarnation);
    struct phub__mark mark = { .boot = 1, .number = number };

    phub__order_link(hub, SENDER, &row, target, &mark);
    phub__order_sent(hub, SENDER, &row, target, &mark);
    return mark;
}

START_TEST(a_mark_names_what_went_another_way)
{
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    uint64_t a = hubs_hub(&hubs, 1)->node, b = hubs_hub(&hubs, 2)->node;
    struct phub__mark mark;

    ck_assert_uint_eq(sent(hub, "x", 1, 10, a).after, 0);
    ck_assert_uint_eq(sent(hub, "x", 1, 20, a).after, 0);
    mark = sent(hub, "x", 1, 30, b);
    ck_assert_uint_eq(mark.after, 20);
    ck_assert_uint_eq(mark.via, a);
    ck_assert_uint_eq(mark.via_boot, hubs_hub(&hubs, 1)->boot);
    ck_assert_uint_eq(sent(hub, "x", 1, 40, b).after, 0);
    ck_assert_uint_eq(sent(hub, "y", 1, 50, a).after, 0);
    /* Another incarnation has none of those before. */
    ck_assert_uint_eq(sent(hub, "x", 2, 60, a).after, 0);
    /* What is passed on keeps the later word of the two. */
    mark = (struct phub__mark){ .boot = 1, .number = 80, .after = 70,
                                .via = b };
    phub__order_link(hub, SENDER, &(struct phub__row_view){
                         .id = hubs_bytes("x"), .incarnation = { 2, 1 } },
                     b, &mark);
    ck_assert_uint_eq(mark.after, 70);
}
END_TEST

START_TEST(where_it_went_is_forgotten_after_a_minute)
{
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    uint64_t a = hubs_hub(&hubs, 1)->node, b = hubs_hub(&hubs, 2)->node;

    (void)sent(hub, "x", 1, 10, a);
    hubs_run(&hubs, PHUB__ORDER_SENT_MS - 1000);
    (void)sent(hub, "y", 1, 20, a);
    ck_assert_uint_eq(sent(hub, "x", 1, 30, b).after, 10);
    hubs_run(&hubs, PHUB__ORDER_SENT_MS + 1000);
    (void)sent(hub, "z", 1, 40, a);
    ck_assert_uint_eq(sent(hub, "x", 1, 50, a).after, 0);
}
END_TEST

START_TEST(the_oldest_of_too_many_is_forgotten)
{
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    uint64_t a = hubs_hub(&hubs, 1)->node, b = hubs_hub(&hubs, 2)->node;
    char id[32];
    uint32_t i;

    for (i = 0; i <= PHUB__ORDER_SENT_MAX; i++) {
        snprintf(id, sizeof id, "x%u", i);
        (void)sent(hub, id, 1, i + 1, a);
    }
    ck_assert_uint_eq(sent(hub, "x1", 1, i + 2, b).after, 2);
    ck_assert_uint_eq(sent(hub, "x0", 1, i + 3, b).after, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("order");
    TCase *tc = tcase_create("order");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, one_that_names_another_waits_for_it);
    tcase_add_test(tc, one_that_is_late_or_comes_twice_is_dropped);
    tcase_add_test(tc, nobody_waits_longer_than_the_limit);
    tcase_add_test(tc, nobody_waits_for_what_a_dead_node_has);
    tcase_add_test(tc, senders_do_not_wait_for_each_other);
    tcase_add_test(tc, what_was_given_goes_with_the_child);
    tcase_add_test(tc, what_the_home_passed_on_before_it_was_one_comes_first);
    tcase_add_test(tc, a_mark_names_what_went_another_way);
    tcase_add_test(tc, where_it_went_is_forgotten_after_a_minute);
    tcase_add_test(tc, the_oldest_of_too_many_is_forgotten);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
