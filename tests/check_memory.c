/* SPDX-License-Identifier: MIT */
/* check_memory: one allocation that fails, whichever it is, costs no child and
 * blocks nothing for ever.
 *
 * Each case lets the Nth allocation of a few moments fail, for each N in turn,
 * and looks at everything when things have calmed down. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub_fixture.h"
#include "wire/memory.h"

static struct hubs hubs;
static struct hubs_result result;
static const char ids[] = "a b c d e f g h";
static const char *const migrations[] = { "hotswap", "coldswap" };

static void begin(uint32_t nodes, const char *migration,
                  const char *partition)
{
    memset(&hubs, 0, sizeof hubs);
    hubs.partition = partition;
    hubs_new(&hubs, nodes, migration, 23);
    hubs_run(&hubs, 1000);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static void starve(int nth, uint64_t ms)
{
    phub__memory_fail((uint64_t)nth);
    hubs_run(&hubs, ms);
    phub__memory_fail(0);
}

static void all_act(int nth, const char *names)
{
    char id[2] = "";

    for (; *names != '\0'; names += names[1] == ' ' ? 2 : 1) {
        id[0] = *names;
        ck_assert_msg(hubs_acting(&hubs, id, NULL) == 1,
                      "allocation %d: %s acts %u times", nth, id,
                      hubs_acting(&hubs, id, NULL));
    }
}

START_TEST(a_node_comes_back)
{
    begin(2, "coldswap", NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d", "sim"), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 20000);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, 5);
    starve(_i, 400);
    hubs_run(&hubs, 60000);
    ck_assert_msg(hubs_agree(&hubs, NULL), "allocation %d: apart", _i);
    all_act(_i, "a b c d");
    end();
}
END_TEST

START_TEST(a_node_is_lost)
{
    begin(2, "coldswap", NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 700);
    starve(_i, 4000);
    hubs_run(&hubs, 60000);
    all_act(_i, ids);
    end();
}
END_TEST

START_TEST(a_majority_begins)
{
    uint32_t i;

    begin(3, "coldswap", "majority_quorum");
    for (i = 0; i < 3; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 5000);
    for (i = 0; i < 3; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_run(&hubs, 5);
    starve(_i, 5000);
    hubs_run(&hubs, 60000);
    for (i = 0; i < 3; i++) {
        const char id[2] = { "abc"[i], '\0' };

        ck_assert_msg(hubs_start(&hubs, i, id, "sim") == 0,
                      "allocation %d: start at %u: %s", _i, i,
                      hubs_last.text);
    }
    end();
}
END_TEST

/* Whatever became of it, it can be moved again and again. */
START_TEST(a_child_moves)
{
    uint32_t home;
    int k;

    begin(3, migrations[_i % 2], NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_move_send(&hubs, home, "a", (home + 1) % 3, &result);
    starve(_i / 2, 40);
    hubs_wait(&hubs, &result);
    hubs_run(&hubs, 20000);
    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "a"));
    for (k = 0; k < 4; k++) {
        (void)hubs_acting(&hubs, "a", &home);
        ck_assert_msg(hubs_move(&hubs, home, "a", (home + 1) % 3) == 0,
                      "allocation %d, move %d: %s", _i / 2, k,
                      hubs_last.text);
        hubs_run(&hubs, 1000);
    }
    end();
}
END_TEST

/* Whatever became of that, the name can be used again. */
START_TEST(a_child_starts)
{
    int rc;

    begin(3, "hotswap", NULL);
    hubs_start_send(&hubs, 0, "a", "sim state freeze", &result);
    starve(_i, 40);
    hubs_wait(&hubs, &result);
    hubs_run(&hubs, 8000);
    rc = hubs_start(&hubs, 1, "a", "sim state freeze");
    ck_assert_msg(rc == 0 || rc == PHUB_EEXIST || rc == PHUB_EREPEATED,
                  "allocation %d: %d, then %s", _i, result.codes[0],
                  hubs_last.text);
    ck_assert(hubs_until(&hubs, 40000, hubs_acts, "a"));
    ck_assert_int_eq(hubs_stop(&hubs, 2, "a"), 0);
    ck_assert_msg(hubs_start(&hubs, 1, "a", "sim state freeze") == 0,
                  "allocation %d: not again: %s", _i, hubs_last.text);
    end();
}
END_TEST

START_TEST(a_child_stops)
{
    int rc;

    begin(3, "hotswap", NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    hubs_stop_send(&hubs, 0, "a", &result);
    starve(_i, 40);
    hubs_wait(&hubs, &result);
    hubs_run(&hubs, 8000);
    rc = hubs_stop(&hubs, 1, "a");
    ck_assert_msg(rc == 0 || rc == PHUB_ENOTFOUND,
                  "allocation %d: %d, then %s", _i, result.codes[0],
                  hubs_last.text);
    ck_assert(hubs_until(&hubs, 20000, hubs_is_gone, "a"));
    hubs_run(&hubs, 20000);
    ck_assert_msg(hubs_start(&hubs, 1, "a", "sim state freeze") == 0,
                  "allocation %d: not again: %s", _i, hubs_last.text);
    end();
}
END_TEST

static int is_stopped(struct hubs *h, const void *id)
{
    struct phub__row_facts row;

    phub__row_facts(hubs_hub(h, 1), hubs_bytes(id), &row);
    return !row.live;
}

/* It must not be run a second time when its node is lost. */
START_TEST(a_child_completes)
{
    begin(3, "hotswap", NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a",
                                "sim temporary exit-after=500"), 0);
    while (hubs_acting(&hubs, "a", NULL) != 0)
        ck_assert(phub__world_step(hubs.world));
    starve(_i, 20);
    ck_assert_msg(hubs_until(&hubs, 60000, is_stopped, "a"),
                  "allocation %d: its row goes on", _i);
    end();
}
END_TEST

static int has_left;

static void left(void *arg)
{
    (void)arg;
    has_left = 1;
}

static void leave(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__hub_stop(hub, 8000, left, NULL);
}

static int is_over(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return has_left;
}

START_TEST(a_node_leaves)
{
    uint32_t home;

    begin(3, "hotswap", NULL);
    has_left = 0;
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    phub__memory_fail((uint64_t)_i);
    hubs_do(&hubs, home, leave, NULL);
    hubs_run(&hubs, 40);
    phub__memory_fail(0);
    ck_assert_msg(hubs_until(&hubs, 60000, is_over, NULL),
                  "allocation %d: it never leaves", _i);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, hubs_acts, "a"));
    ck_assert_msg(hubs_counter(&hubs, "a") == 5,
                  "allocation %d: the state is lost", _i);
    end();
}
END_TEST

/* --- replicas, checkpoints ------------------------------------------- */

START_TEST(a_node_with_replicas_is_lost)
{
    static const char *const params[] = { "factor=2", "mode=active_passive" };
    const char *name;
    char id[2] = "";

    memset(&hubs, 0, sizeof hubs);
    hubs.redundancy = "replication";
    hubs.redundancy_params = params;
    hubs.redundancy_params_count = 2;
    hubs_new(&hubs, 3, "hotswap", 23);
    hubs_run(&hubs, 1000);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim state freeze role"), 0);
    hubs_run(&hubs, 1500);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 700);
    starve(_i, 6000);
    hubs_run(&hubs, 60000);
    all_act(_i, ids);
    for (name = ids; *name != '\0'; name += name[1] == ' ' ? 2 : 1) {
        id[0] = *name;
        ck_assert_msg(hubs_instances(&hubs, id, NULL) == 2,
                      "allocation %d: %s has %u instances", _i, id,
                      hubs_instances(&hubs, id, NULL));
    }
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_checkpoint_is_gone_on_from)
{
    uint32_t home;

    begin(3, "hotswap", NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a",
                                "sim state freeze checkpoint=300"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    hubs_run(&hubs, 1500);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    hubs_run(&hubs, 700);
    starve(_i, 6000);
    ck_assert_msg(hubs_until(&hubs, 60000, hubs_acts, "a"),
                  "allocation %d: it does not run", _i);
    ck_assert_uint_eq(hubs_counter(&hubs, "a"), 5);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tc = tcase_create("memory");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_node_comes_back, 1, 25);
    tcase_add_loop_test(tc, a_node_is_lost, 1, 100);
    tcase_add_loop_test(tc, a_majority_begins, 1, 130);
    tcase_add_loop_test(tc, a_child_moves, 2, 2 * 200);
    tcase_add_loop_test(tc, a_child_starts, 1, 60);
    tcase_add_loop_test(tc, a_child_stops, 1, 80);
    tcase_add_loop_test(tc, a_child_completes, 1, 60);
    tcase_add_loop_test(tc, a_node_leaves, 1, 100);
    tcase_add_loop_test(tc, a_node_with_replicas_is_lost, 1, 400);
    tcase_add_loop_test(tc, a_checkpoint_is_gone_on_from, 1, 250);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
