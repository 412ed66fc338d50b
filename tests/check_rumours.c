/* SPDX-License-Identifier: MIT */
/* check_rumours: what gossip costs, and when auto begins to gossip. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include <phub/cbor.h>

#include "mock_host.h"

#define NODES MOCK_CROWD
#define FLOODED 6u
#define ASKS 100u
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

/* The ring has no hole, and chance is not needed for it. */
START_TEST(a_rumour_reaches_all_if_all_are_well)
{
    static const char *const params[] = {
        "sync_interval_ms=" LONG_MS, "fanout=1", "rumour_rounds=1", NULL
    };

    cluster("gossip", NODES, params);
    mock_write(world.nodes[17], 1);
    (void)mock_run(&world, 2000);
    ck_assert_uint_eq(knowing(18, 1), NODES);
    ck_assert_uint_eq(most_sent(), 1);
    mock_world_fini(&world);
}
END_TEST

static uint32_t told_all(uint32_t writes)
{
    uint32_t i, all = 0;

    for (i = 0; i < writes; i++) {
        struct mock *author = world.nodes[(i * 5) % NODES];

        while (author->strategy == NULL)
            author = world.nodes[author->id % NODES];
        mock_write(author, 1);
        (void)mock_run(&world, 1500);
        all += knowing(author->id, author->head);
    }
    return all;
}

/* One in eight is dead and still in the views: numbers find who missed it. */
START_TEST(what_the_dead_do_not_pass_on_is_asked_for)
{
    static const char *const numbers[] = {
        "sync_interval_ms=" LONG_MS, "fanout=2", "rumour_rounds=3", NULL
    };
    static const char *const none[] = {
        "sync_interval_ms=" LONG_MS, "fanout=2", "rumour_rounds=1", NULL
    };
    uint32_t i, heard;

    cluster("gossip", NODES, _i == 0 ? numbers : none);
    for (i = 3; i < NODES; i += 8)
        mock_close(world.nodes[i]);
    heard = told_all(40);
    if (_i == 0)
        ck_assert_uint_ge(heard, 40 * (NODES - 8) * 98 / 100);
    else   /* else the test would show nothing */
        ck_assert_uint_lt(heard, 40 * (NODES - 8) * 96 / 100);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_large_rumour_is_sent_to_each_once)
{
    static const char *const params[] = {
        "sync_interval_ms=" LONG_MS, "fanout=4", NULL
    };
    uint64_t received = 0;
    uint32_t i;

    cluster("gossip", NODES, params);
    for (i = 0; i < NODES; i++)
        world.nodes[i]->bytes_received = 0;
    mock_write(world.nodes[0], 1000);   /* 20 KB */
    (void)mock_run(&world, 2000);
    ck_assert_uint_eq(knowing(1, 1000), NODES);
    for (i = 0; i < NODES; i++)
        received += world.nodes[i]->bytes_received;
    ck_assert_uint_le(received, NODES * 20500u);
    mock_world_fini(&world);
}
END_TEST

/* It is the first thing that a new rumour asks chance for. */
static uint64_t number_to_come(void)
{
    uint64_t before = world.random, number = mock_random(&world) | 1;

    world.random = before;
    return number;
}

START_TEST(who_asks_often_gets_it_once)
{
    static const char *const params[] = {
        "sync_interval_ms=" LONG_MS, NULL
    };
    uint8_t asks[ASKS * 10], bytes[ASKS * 10 + 16];
    struct phub_cbor_writer w;
    struct phub_bytes message;
    uint64_t number;
    uint32_t i, before;

    cluster("gossip", 8, params);
    number = number_to_come();
    mock_write(world.nodes[0], 1);
    (void)mock_run(&world, 100);
    before = world.nodes[0]->messages_sent;
    phub_cbor_writer_init(&w, asks, sizeof asks);
    for (i = 0; i < ASKS; i++) {
        phub_cbor_write_array(&w, 1);
        phub_cbor_write_uint(&w, i % 2 == 0 ? number : number + i);
    }
    message = (struct phub_bytes){ asks, w.size };
    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_array(&w, 2);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_bytes(&w, message.data, message.size);
    message = (struct phub_bytes){ bytes, w.size };
    phub__call_received(world.nodes[0]->strategy, 2, &message);
    ck_assert_uint_eq(world.nodes[0]->messages_sent, before + 1);
    (void)mock_run(&world, 1000);   /* not kept any more */
    phub__call_received(world.nodes[0]->strategy, 2, &message);
    ck_assert_uint_eq(world.nodes[0]->messages_sent, before + 1);
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
    /* At once, and then every 100 ms, and what was asked for: not 64 times
     * 6. */
    ck_assert_uint_le(most_sent(), 3 * 12 + 6);
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

/* Whoever hears anything compares again. */
START_TEST(rounds_that_found_no_timer_begin_again)
{
    static const char *const names[] = { "pubsub", "gossip" };
    uint32_t i;

    cluster(names[_i], 2, NULL);
    for (i = 0; i < 2; i++)
        world.nodes[i]->timers += PHUB_PLUGIN_TIMERS_MAX;
    (void)mock_run(&world, 60000);
    for (i = 0; i < 2; i++)
        world.nodes[i]->timers -= PHUB_PLUGIN_TIMERS_MAX;
    ck_assert_uint_eq(world.nodes[0]->timers, 0);
    mock_write(world.nodes[1], 1);
    (void)mock_run(&world, 60000);
    ck_assert_uint_gt(world.nodes[0]->timers, 0);
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
    tcase_add_test(tc, a_rumour_reaches_all_if_all_are_well);
    tcase_add_loop_test(tc, what_the_dead_do_not_pass_on_is_asked_for, 0, 2);
    tcase_add_test(tc, a_large_rumour_is_sent_to_each_once);
    tcase_add_test(tc, who_asks_often_gets_it_once);
    tcase_add_test(tc, rumours_of_all_go_together);
    tcase_add_test(tc, a_flood_is_told_in_the_end);
    tcase_add_loop_test(tc, rounds_that_found_no_timer_begin_again, 0, 2);
    tcase_add_loop_test(tc, auto_tells_all_up_to_direct_members, 0, 2);
    tcase_add_test(tc, one_that_thinks_the_cluster_small_is_understood);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
