/* SPDX-License-Identifier: MIT */
/* battery_sync: what every synchronisation strategy must do.
 *
 * A cluster of registries (mock_streams) that write, join, part and meet
 * again; whatever happened, some intervals later all are equal, and then it is
 * quiet. */
#include "config.h"

#include <check.h>
#include <stddef.h>
#include <string.h>

#include "battery.h"

#define MINUTE 60000u

static struct mock_world world;

/* Every other one on a host of 1.0, if mixed. */
static void cluster_of(uint32_t nodes, bool mixed)
{
    uint32_t i;

    mock_world_init(&world, nodes);
    for (i = 0; i < nodes; i++) {
        struct mock *mock = mock_new(&world);

        if (mixed && i % 2 == 0)
            mock->host.size = offsetof(struct phub_host, stream_brief);
        ck_assert_int_eq(mock_open(mock, PHUB_KIND_SYNC, battery_name, NULL),
                         0);
    }
    mock_view_all(&world, nodes);
}

static void cluster(uint32_t nodes)
{
    cluster_of(nodes, false);
}

static void equal_are(uint32_t nodes, const char *when)
{
    uint32_t i, author;

    for (i = 0; i < nodes; i++)
        for (author = 1; author <= nodes; author++)
            ck_assert_msg(world.nodes[i]->applied[author] ==
                              world.nodes[author - 1]->head,
                          "%s: node %u has %u of the %u entries of node %u",
                          when, i + 1,
                          (unsigned)world.nodes[i]->applied[author],
                          (unsigned)world.nodes[author - 1]->head, author);
}

START_TEST(what_one_writes_all_get)
{
    uint32_t i, turn;

    cluster((uint32_t)_i);
    for (turn = 0; turn < 20; turn++) {
        for (i = 0; i < world.nodes_count; i++)
            mock_write(world.nodes[i], 1 + (i + turn) % 3);
        (void)mock_run(&world, 5);
    }
    (void)mock_run(&world, 2 * MINUTE);
    equal_are(world.nodes_count, "writing");
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_joiner_gets_everything)
{
    cluster(5);
    mock_write(world.nodes[0], 50000);
    (void)mock_run(&world, 10);
    mock_write(world.nodes[1], 100);
    (void)mock_run(&world, 2 * MINUTE);
    equal_are(5, "before");
    ck_assert_int_eq(mock_open(mock_new(&world), PHUB_KIND_SYNC, battery_name,
                               NULL), 0);
    mock_write(world.nodes[5], 10);
    mock_view_all(&world, 6);
    mock_write(world.nodes[2], 7);
    (void)mock_run(&world, 2 * MINUTE);
    equal_are(6, "joined");
    mock_world_fini(&world);
}
END_TEST

START_TEST(busy_links_lose_nothing_for_long)
{
    uint32_t i, turn;

    cluster(6);
    for (i = 0; i < 6; i++)
        world.nodes[i]->busy_permille = 400;
    for (turn = 0; turn < 50; turn++) {
        mock_write(world.nodes[turn % 6], 3);
        (void)mock_run(&world, 100);
    }
    (void)mock_run(&world, 10 * MINUTE);
    equal_are(6, "busy");
    mock_world_fini(&world);
}
END_TEST

START_TEST(two_sides_meet_again)
{
    static const uint64_t left[] = { 1, 2, 3 }, right[] = { 4, 5 };
    uint32_t i;

    cluster(5);
    mock_write(world.nodes[0], 10);
    (void)mock_run(&world, 10);
    for (i = 0; i < 3; i++)
        mock_view(world.nodes[i], left, 3);
    for (i = 3; i < 5; i++)
        mock_view(world.nodes[i], right, 2);
    mock_write(world.nodes[1], 1000);
    mock_write(world.nodes[4], 2000);
    (void)mock_run(&world, MINUTE);
    ck_assert_uint_eq(world.nodes[3]->applied[2], 0);
    mock_view_all(&world, 5);
    (void)mock_run(&world, 2 * MINUTE);
    equal_are(5, "healed");
    mock_world_fini(&world);
}
END_TEST

START_TEST(views_that_flap_end_in_equal_registries)
{
    uint32_t turn, i;

    cluster(8);
    for (turn = 0; turn < 300; turn++) {
        struct mock *node = world.nodes[mock_random(&world) % 8];
        uint64_t members[8];
        uint32_t count = 0;

        for (i = 0; i < 8; i++)
            if (mock_random(&world) % 2 || i + 1 == node->id)
                members[count++] = i + 1;
        mock_view(node, members, count);
        mock_write(world.nodes[mock_random(&world) % 8], 5);
        (void)mock_run(&world, mock_random(&world) % 300);
    }
    mock_view_all(&world, 8);
    (void)mock_run(&world, 5 * MINUTE);
    equal_are(8, "flapping");
    mock_world_fini(&world);
}
END_TEST

START_TEST(equal_registries_are_quiet)
{
    uint32_t i, messages = 0;
    uint64_t bytes = 0;

    cluster(10);
    mock_write(world.nodes[0], 10000);
    (void)mock_run(&world, 5 * MINUTE);
    equal_are(10, "quiet");
    for (i = 0; i < 10; i++) {
        messages -= world.nodes[i]->messages_sent;
        bytes -= world.nodes[i]->bytes_sent;
    }
    (void)mock_run(&world, 10 * MINUTE);
    for (i = 0; i < 10; i++) {
        messages += world.nodes[i]->messages_sent;
        bytes += world.nodes[i]->bytes_sent;
    }
    /* Two a second and node at most; summaries are 520 bytes. */
    ck_assert_uint_le(messages, 10 * 600 * 2);
    ck_assert_uint_gt(messages, 0);
    if (strcmp(battery_name, "pubsub") == 0 ||
        strcmp(battery_name, "gossip") == 0 ||
        strcmp(battery_name, "auto") == 0)
        ck_assert_uint_le(bytes, messages * UINT64_C(32));
    mock_world_fini(&world);
}
END_TEST

/* Where a hash is not understood a summary answers it. */
START_TEST(hosts_without_briefs_and_with_them_get_everything)
{
    uint32_t i, turn;

    cluster_of(6, true);
    for (i = 0; i < 6; i++)
        world.nodes[i]->busy_permille = 400;
    for (turn = 0; turn < 50; turn++) {
        mock_write(world.nodes[turn % 6], 3);
        (void)mock_run(&world, 100);
    }
    (void)mock_run(&world, 10 * MINUTE);
    equal_are(6, "mixed");
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_crowd_that_joins_at_once_is_not_a_storm)
{
    uint64_t bytes = 0;
    uint32_t i;

    cluster(MOCK_CROWD);
    mock_write(world.nodes[0], 2000);
    (void)mock_run(&world, 3 * MINUTE);
    equal_are(MOCK_CROWD, "crowd");
    for (i = 0; i < MOCK_CROWD; i++)
        bytes += world.nodes[i]->bytes_sent;
    /* Each got 40 KB once or twice, and summaries of 520 bytes. */
    ck_assert_uint_le(bytes, MOCK_CROWD * 1000000ull);
    mock_world_fini(&world);
}
END_TEST

/* Of the first node, for three entries that it writes one after the other. */
static uint32_t messages_for_three(uint32_t nodes)
{
    uint32_t i, before, sent;

    cluster(nodes);
    (void)mock_run(&world, 2 * MINUTE);
    before = world.nodes[0]->messages_sent;
    for (i = 0; i < 3; i++)
        mock_write(world.nodes[0], 1);
    (void)mock_run(&world, 100);
    sent = world.nodes[0]->messages_sent - before;
    equal_are(nodes, "three");
    mock_world_fini(&world);
    return sent;
}

START_TEST(among_many_what_follows_is_told_with_the_first)
{
    if (strcmp(battery_name, "pubsub") != 0)
        return; /* rumours go by rounds */
    ck_assert_uint_ge(messages_for_three(17), 3 * 16);
    /* A comparison may be among them. */
    ck_assert_uint_le(messages_for_three(18), 17 + 4);
    ck_assert_uint_le(messages_for_three(MOCK_CROWD), MOCK_CROWD - 1 + 4);
}
END_TEST

START_TEST(garbage_is_survived)
{
    cluster(3);
    mock_write(world.nodes[0], 10);
    battery_garbage(world.nodes[0]);
    battery_garbage(world.nodes[1]);
    (void)mock_run(&world, 2 * MINUTE);
    equal_are(3, "garbage");
    mock_world_fini(&world);
}
END_TEST

static void exercise(struct mock *mock)
{
    static const uint64_t ids[] = { 1, 2 };

    mock_view(mock, ids, 2);
    mock_write(mock, 3);
    (void)mock_run(mock->world, MINUTE);
}

START_TEST(a_shorter_host_is_stood_or_refused)
{
    battery_truncated(PHUB_KIND_SYNC, NULL, exercise);
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_loop_test(tc, what_one_writes_all_get, 1, 8);
    tcase_add_test(tc, a_joiner_gets_everything);
    tcase_add_test(tc, busy_links_lose_nothing_for_long);
    tcase_add_test(tc, two_sides_meet_again);
    tcase_add_test(tc, views_that_flap_end_in_equal_registries);
    tcase_add_test(tc, equal_registries_are_quiet);
    tcase_add_test(tc, hosts_without_briefs_and_with_them_get_everything);
    tcase_add_test(tc, a_crowd_that_joins_at_once_is_not_a_storm);
    tcase_add_test(tc, among_many_what_follows_is_told_with_the_first);
    tcase_add_test(tc, garbage_is_survived);
    tcase_add_test(tc, a_shorter_host_is_stood_or_refused);
}

int main(int argc, char **argv)
{
    static const char *const shipped[] = {
        "auto", "gossip", "pubsub", NULL
    };

    return battery_main(argc, argv, "sync", shipped, fill);
}
