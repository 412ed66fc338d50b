/* SPDX-License-Identifier: MIT */
/* check_rumours: what gossip costs, and when auto begins to gossip. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "mock_host.h"

#define NODES MOCK_NODES_MAX
#define FLOODED 6u
#define LONG_MS "3600000"   /* no comparing in the time of a test */

static struct mock_world world;

static void cluster(const char *name, uint32_t nodes,
                    const char *const *params)
{
    uint32_t i;

    mock_world_init(&world, 1);
    for (i = 0; i < nodes; i++)
        ck_assert_int_eq(mock_open(mock_new(&world), PHUB_KIND_SYNC, name,
                                   params), 0);
    mock_view_all(&world, nodes);
    (void)mock_run(&world, 10000);   /* greetings */
    for (i = 0; i < nodes; i++)
        world.nodes[i]->messages_sent = 0;
}

static uint32_t most_sent(void)
{
    uint32_t i, most = 0;

    for (i = 0; i < NODES; i++)
        if (world.nodes[i]->messages_sent > most)
            most = world.nodes[i]->messages_sent;
    return most;
}

static uint32_t knowing(uint64_t author, uint64_t head)
{
    uint32_t i, count = 0;

    for (i = 0; i < world.nodes_count; i++)
        count += world.nodes[i]->applied[author] == head;
    return count;
}

START_TEST(nobody_tells_more_than_fanout_times_rounds)
{
    static const char *const params[] = {
        "sync_interval_ms=" LONG_MS, "fanout=4", "rumour_rounds=3", NULL
    };

    cluster("gossip", NODES, params);
    mock_write(world.nodes[0], 1);
    (void)mock_run(&world, 2000);
    ck_assert_uint_eq(knowing(1, 1), NODES);
    ck_assert_uint_le(most_sent(), 4 * 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(rumours_of_all_go_together)
{
    static const char *const params[] = {
        "sync_interval_ms=" LONG_MS, "fanout=3", "rumour_gap_ms=100",
        NULL
    };
    uint32_t i;

    cluster("gossip", NODES, params);
    for (i = 0; i < NODES; i++)
        mock_write(world.nodes[i], 1);
    (void)mock_run(&world, 1000);
    /* At once, and then every 100 ms: not 64 times 6. */
    ck_assert_uint_le(most_sent(), 3 * 12);
    for (i = 0; i < NODES; i++)
        ck_assert_uint_ge(knowing(i + 1, 1), NODES * 9 / 10);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_flood_is_told_in_the_end)
{
    static const char *const params[] = {
        "piece_size=1024", "sync_interval_ms=1000", NULL
    };

    /* 20 bytes each: more than RUMOURS_MAX pieces. */
    cluster("gossip", FLOODED, params);
    mock_write(world.nodes[0], 60000);
    (void)mock_run(&world, 20000);
    ck_assert_uint_eq(knowing(1, 60000), FLOODED);
    mock_world_fini(&world);
}
END_TEST

START_TEST(auto_tells_all_up_to_direct_members)
{
    static const char *const direct[] = {
        "sync_interval_ms=" LONG_MS, "direct_members=63", NULL
    };
    static const char *const gossip[] = {
        "sync_interval_ms=" LONG_MS, "direct_members=62", NULL
    };

    cluster("auto", NODES, _i == 0 ? direct : gossip);
    mock_write(world.nodes[0], 1);
    (void)mock_run(&world, 2000);
    if (_i == 0) {
        ck_assert_uint_eq(knowing(1, 1), NODES);
        ck_assert_uint_ge(world.nodes[0]->messages_sent, 1);
        ck_assert_uint_eq(world.nodes[1]->messages_sent, 0);
    } else {
        ck_assert_uint_ge(knowing(1, 1), NODES * 9 / 10);
        ck_assert_uint_le(most_sent(), 3 * 2);
        ck_assert_uint_gt(world.nodes[1]->messages_sent +
                          world.nodes[2]->messages_sent +
                          world.nodes[3]->messages_sent, 0);
    }
    mock_world_fini(&world);
}
END_TEST

START_TEST(one_that_thinks_the_cluster_small_is_understood)
{
    static const char *const params[] = {
        "sync_interval_ms=1000", "direct_members=8", NULL
    };
    static const uint64_t some[] = { 1, 2, 3, 4 };

    cluster("auto", NODES, params);
    mock_view(world.nodes[0], some, 4);
    mock_write(world.nodes[0], 1);
    mock_write(world.nodes[40], 1);
    (void)mock_run(&world, 20000);
    ck_assert_uint_eq(knowing(1, 1), NODES);
    ck_assert_uint_eq(knowing(41, 1), NODES);
    mock_world_fini(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rumours");
    TCase *tc = tcase_create("rumours");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, nobody_tells_more_than_fanout_times_rounds);
    tcase_add_test(tc, rumours_of_all_go_together);
    tcase_add_test(tc, a_flood_is_told_in_the_end);
    tcase_add_loop_test(tc, auto_tells_all_up_to_direct_members, 0, 2);
    tcase_add_test(tc, one_that_thinks_the_cluster_small_is_understood);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
