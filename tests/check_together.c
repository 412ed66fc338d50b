/* SPDX-License-Identifier: MIT */
/* Tests of a third swap on libphubswap (migration-together.c) in real hubs: it
 * keeps what the two shipped ones keep.  Its order is tested in check_swap.c. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"

#define CHILDREN 12u

static struct hubs hubs;
static char plugin[512];
static uint32_t newcomer;

static void begin(uint32_t nodes, uint64_t seed)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/migration-together.so",
             build != NULL ? build : ".");
    hubs_new(&hubs, nodes, plugin, seed);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static const char *name(uint32_t child)
{
    static char text[8];

    snprintf(text, sizeof text, "c%u", child);
    return text;
}

static void children_start(const char *words)
{
    char ids[128] = "";
    uint32_t i;

    for (i = 0; i < CHILDREN; i++)
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s",
                 i == 0 ? "" : " ", name(i));
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, words), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    for (i = 0; i < CHILDREN; i++)
        hubs_update(&hubs, name(i), 1, 100 + i);
}

static void all_have_their_state(void)
{
    uint32_t i;

    for (i = 0; i < CHILDREN; i++) {
        ck_assert_msg(hubs_acting(&hubs, name(i), NULL) == 1,
                      "%s acts %u times", name(i),
                      hubs_acting(&hubs, name(i), NULL));
        ck_assert_uint_eq(hubs_counter(&hubs, name(i)), 100 + i);
    }
}

static int acts_on_newcomer(struct hubs *h, uint32_t child)
{
    uint32_t node;

    return hubs_acting(h, name(child), &node) == 1 && node == newcomer;
}

static int first_switched(struct hubs *h, const void *none)
{
    uint32_t i;

    (void)none;
    for (i = 0; i < CHILDREN; i++)
        if (acts_on_newcomer(h, i))
            return 1;
    return 0;
}

START_TEST(a_node_that_joins_gets_its_share_with_all_states)
{
    uint32_t i, moved = 0;

    begin(1, 4);
    children_start("sim state freeze");
    newcomer = hubs_add(&hubs);
    ck_assert(hubs_until(&hubs, 60000, first_switched, NULL));
    hubs_run(&hubs, 20000);
    for (i = 0; i < CHILDREN; i++)
        moved += (uint32_t)acts_on_newcomer(&hubs, i);
    ck_assert_uint_ge(moved, 3);
    all_have_their_state();
    end();
}
END_TEST

START_TEST(what_cannot_freeze_goes_with_the_others)
{
    begin(1, 4);
    children_start(_i == 0 ? "sim state" : "sim");
    newcomer = hubs_add(&hubs);
    ck_assert(hubs_until(&hubs, 60000, first_switched, NULL));
    hubs_run(&hubs, 20000);
    if (_i == 0)
        all_have_their_state();
    end();
}
END_TEST

static void on_left(void *arg)
{
    *(int *)arg = 1;
}

static int left;

static void leave(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__hub_stop(hub, 20000, on_left, &left);
}

static int has_left(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return left;
}

START_TEST(a_graceful_end_hands_everything_over)
{
    begin(3, 6);
    children_start("sim state freeze");
    left = 0;
    hubs_do(&hubs, 0, leave, NULL);
    ck_assert(hubs_until(&hubs, 60000, has_left, NULL));
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 20000);
    all_have_their_state();
    end();
}
END_TEST

/* The origin, or the target, dies a little later in each round. */
START_TEST(nobody_is_lost_or_doubled_if_a_node_dies_on_the_way)
{
    uint32_t i;

    begin(3, 20 + (uint64_t)_i);
    children_start("sim state freeze");
    newcomer = hubs_add(&hubs);
    hubs_run(&hubs, 300 + 80 * (uint64_t)(_i / 2));
    phub__sim_node_power_off(hubs_node(&hubs, _i % 2 == 0 ? newcomer : 1));
    hubs_run(&hubs, 30000);
    for (i = 0; i < CHILDREN; i++)
        ck_assert_msg(hubs_acting(&hubs, name(i), NULL) == 1,
                      "%s acts %u times", name(i),
                      hubs_acting(&hubs, name(i), NULL));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("together");
    TCase *tc = tcase_create("together");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_node_that_joins_gets_its_share_with_all_states);
    tcase_add_loop_test(tc, what_cannot_freeze_goes_with_the_others, 0, 2);
    tcase_add_test(tc, a_graceful_end_hands_everything_over);
    tcase_add_loop_test(tc, nobody_is_lost_or_doubled_if_a_node_dies_on_the_way,
                        0, 24);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
