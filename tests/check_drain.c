/* SPDX-License-Identifier: MIT */
/* check_drain: a node is emptied, and says goodbye, in bounded time. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub_fixture.h"

static struct hubs hubs;

static struct { uint32_t count, moved, left; int rc; } drained;

static void on_drained(void *arg, int rc, uint32_t moved, uint32_t left)
{
    (void)arg;
    drained.count++;
    drained.rc = rc;
    drained.moved = moved;
    drained.left = left;
}

static void begin(const char *migration, uint32_t nodes)
{
    memset(&drained, 0, sizeof drained);
    hubs_new(&hubs, nodes, migration, 31);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static int start_rc;

static void start_drain(struct phub__hub *hub, void *arg)
{
    start_rc = phub__drain_start(hub, *(uint64_t *)arg, on_drained, NULL);
}

static int drain(uint32_t node, uint64_t deadline_ms)
{
    hubs_do(&hubs, node, start_drain, &deadline_ms);
    return start_rc;
}

static int is_drained(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return drained.count != 0;
}

static void wait_drained(uint64_t ms)
{
    ck_assert(hubs_until(&hubs, ms, is_drained, NULL));
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(drained.count, 1);
}

static const char names[] = "c0 c1 c2 c3 c4 c5 c6 c7 c8 c9 d0 d1";

/* How many of names act, and how many of them at node. */
static uint32_t acting(uint32_t node, uint32_t *here)
{
    char id[4] = "";
    uint32_t i, at, sum = 0;

    *here = 0;
    for (i = 0; i < 12; i++) {
        at = 99;
        memcpy(id, names + 3 * i, 2);
        if (hubs_acting(&hubs, id, &at) != 1)
            continue;
        sum++;
        *here += at == node;
    }
    return sum;
}

static const char *const migrations[] = { "hotswap", "coldswap" };

START_TEST(a_drain_moves_everything_with_its_state)
{
    uint32_t here, before;
    char id[4] = "";
    int i;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names, "sim state freeze"), 0);
    ck_assert_uint_eq(acting(0, &before), 12);
    for (i = 0; i < 12; i++) {
        memcpy(id, names + 3 * i, 2);
        hubs_update(&hubs, id, 1, 4);
    }
    ck_assert_uint_gt(before, 0);
    ck_assert_int_eq(drain(0, 20000), 0);
    ck_assert_int_eq(drain(0, 20000), PHUB_EBUSY);
    wait_drained(20000);
    ck_assert_int_eq(drained.rc, 0);
    ck_assert_uint_eq(drained.moved, before);
    ck_assert_uint_eq(drained.left, 0);
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(acting(0, &here), 12);
    ck_assert_uint_eq(here, 0);
    for (i = 0; i < 12; i++) {
        memcpy(id, names + 3 * i, 2);
        ck_assert_uint_eq(hubs_counter(&hubs, id), 4);
    }
    end();
}
END_TEST

START_TEST(nothing_new_starts_on_a_drained_node)
{
    uint32_t here;

    begin(migrations[_i], 3);
    ck_assert_int_eq(drain(0, 20000), 0);
    wait_drained(5000);
    ck_assert_int_eq(hubs_start(&hubs, 1, names, "sim"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_uint_eq(acting(0, &here), 12);
    ck_assert_uint_eq(here, 0);
    end();
}
END_TEST

START_TEST(a_lonely_node_cannot_be_drained)
{
    begin(migrations[_i], 2);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_settle(&hubs);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_int_eq(drain(0, 20000), PHUB_ENOPLACE);
    ck_assert(hubs_acts(&hubs, "c"));
    end();
}
END_TEST

START_TEST(a_child_that_will_not_go_costs_the_deadline_and_only_itself)
{
    uint32_t here = 0;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names, "sim state freeze"), 0);
    (void)acting(0, &here);
    /* One of our own that answers no verb. */
    {
        char id[8];
        uint32_t i, at = 9;

        for (i = 0; at != 0; i++) {
            snprintf(id, sizeof id, "s%u", i);
            ck_assert_int_eq(hubs_start(&hubs, 0, id,
                "sim state freeze late-state=60000"), 0);
            (void)hubs_acting(&hubs, id, &at);
            if (at != 0)
                ck_assert_int_eq(hubs_stop(&hubs, 0, id), 0);
        }
    }
    ck_assert_int_eq(drain(0, 6000), 0);
    wait_drained(9000);
    ck_assert_int_eq(drained.rc, PHUB_ETIMEDOUT);
    ck_assert_uint_eq(drained.moved, here);
    ck_assert_uint_eq(drained.left, 1);
    end();
}
END_TEST

START_TEST(a_target_that_dies_during_a_drain_is_replaced)
{
    uint32_t here;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names, "sim state freeze"), 0);
    ck_assert_int_eq(drain(0, 30000), 0);
    hubs_run(&hubs, 1);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    wait_drained(31000);
    ck_assert_int_eq(drained.rc, 0);
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(acting(2, &here), 12);
    ck_assert_uint_eq(here, 12);
    end();
}
END_TEST

static void on_stopped(void *arg)
{
    phub__sim_node_exit(arg);
}

static void stop_hub(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 20000, on_stopped, arg);
}

static int exited(struct hubs *h, const void *node)
{
    return hubs_hub(h, *(const uint32_t *)node) == NULL;
}

START_TEST(a_graceful_end_loses_nothing_and_is_quick)
{
    uint32_t here, node = 0;
    uint64_t now;
    char id[4] = "";
    int i;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names, "sim state freeze"), 0);
    for (i = 0; i < 12; i++) {
        memcpy(id, names + 3 * i, 2);
        hubs_update(&hubs, id, 1, 4);
    }
    now = phub__world_now(hubs.world);
    hubs_do(&hubs, 0, stop_hub, hubs_node(&hubs, 0));
    ck_assert(hubs_until(&hubs, 25000, exited, &node));
    ck_assert_uint_lt(phub__world_now(hubs.world) - now,
                      5000 * PHUB__SIM_MS);
    hubs_settle(&hubs);
    ck_assert_uint_eq(acting(0, &here), 12);
    ck_assert_uint_eq(here, 0);
    for (i = 0; i < 12; i++) {
        memcpy(id, names + 3 * i, 2);
        ck_assert_uint_eq(hubs_counter(&hubs, id), 4);
    }
    end();
}
END_TEST

START_TEST(all_nodes_may_end_at_once)
{
    uint32_t node;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names, "sim state freeze"), 0);
    for (node = 0; node < 3; node++)
        hubs_do(&hubs, node, stop_hub, hubs_node(&hubs, node));
    for (node = 0; node < 3; node++)
        ck_assert(hubs_until(&hubs, 30000, exited, &node));
    hubs_run(&hubs, 10000);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    end();
}
END_TEST

static void ask_drain(struct phub__hub *hub, void *result)
{
    ck_assert_int_eq(phub__command_drain(hub, hubs.ids[0], 20000, hubs_done,
                                         result), 0);
}

/* Who looks after memory (ASan, valgrind) sees what is left. */
START_TEST(a_daemon_that_dies_in_a_drain_answers_for_it)
{
    struct hubs_result asked[2] = { { .done = 0 } };
    uint32_t here;

    begin(migrations[_i], 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, names,
                                "sim state freeze late-state=60000"), 0);
    (void)acting(0, &here);
    ck_assert_uint_gt(here, 0);
    hubs_do(&hubs, 0, ask_drain, &asked[0]);
    hubs_do(&hubs, 1, ask_drain, &asked[1]);
    hubs_run(&hubs, 500);
    ck_assert_int_eq(asked[0].done, 0);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    ck_assert_int_eq(asked[0].done, 1);
    ck_assert_int_eq(asked[0].codes[0], PHUB_ESHUTDOWN);
    hubs_wait(&hubs, &asked[1]);
    ck_assert_int_ne(asked[1].codes[0], 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("drain");
    TCase *tc = tcase_create("drain");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_drain_moves_everything_with_its_state, 0, 2);
    tcase_add_loop_test(tc, nothing_new_starts_on_a_drained_node, 0, 2);
    tcase_add_loop_test(tc, a_lonely_node_cannot_be_drained, 0, 2);
    tcase_add_loop_test(tc,
        a_child_that_will_not_go_costs_the_deadline_and_only_itself, 0, 2);
    tcase_add_loop_test(tc, a_target_that_dies_during_a_drain_is_replaced, 0,
                        2);
    tcase_add_loop_test(tc, a_graceful_end_loses_nothing_and_is_quick, 0, 2);
    tcase_add_loop_test(tc, all_nodes_may_end_at_once, 0, 2);
    tcase_add_loop_test(tc, a_daemon_that_dies_in_a_drain_answers_for_it, 0,
                        2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
