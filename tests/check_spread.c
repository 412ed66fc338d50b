/* SPDX-License-Identifier: MIT */
/* check_spread: what a change, and peace, cost each node of a larger hub.
 *
 * The strategies alone, over registries of one number per author, on a network
 * where a message takes 1 ms.  What is claimed is the shape: what a node does
 * for a change does not depend on how many there are.
 *
 * PHUB_NODES="10 100 1000" tests/check_spread prints the table for as many
 * nodes; it is of payloads, a frame of the hub adds some 60 bytes to each. */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "mock_host.h"

#define ENTRIES 4u          /* of a change: some 100 bytes */
#define CHANGES 20u         /* one after the other, of nodes by chance */
#define APART_MS 300u       /* none is told any more when the next comes */
#define BUSY_MS 500u        /* each node writes every 100 ms */
#define INTERVAL_MS 5000u   /* of comparing */

/* Per node: on average, and of the one that has most. */
struct share {
    double messages, bytes;
    uint64_t messages_most, bytes_most;
};

struct cost {
    struct share sent, received;   /* for a change */
    double busy_sent, busy_bytes;  /* for a change, when all write */
    double peace_sent, peace_bytes;  /* each interval of comparing */
    uint32_t ms_most;              /* until all knew of a change */
    uint32_t missed;               /* did not hear of it, all changes */
};

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
    (void)mock_run(&world, 2000);   /* greetings */
}

static void counted_anew(void)
{
    uint32_t i;

    for (i = 0; i < world.nodes_count; i++) {
        world.nodes[i]->messages_sent = world.nodes[i]->messages_received = 0;
        world.nodes[i]->bytes_sent = world.nodes[i]->bytes_received = 0;
    }
}

static void share_add(struct share *share, uint64_t messages, uint64_t bytes,
                      double times)
{
    share->messages += (double)messages / times;
    share->bytes += (double)bytes / times;
    if (messages > share->messages_most)
        share->messages_most = messages;
    if (bytes > share->bytes_most)
        share->bytes_most = bytes;
}

static uint32_t lacking(uint64_t author, uint64_t head)
{
    uint32_t i, count = 0;

    for (i = 0; i < world.nodes_count; i++)
        count += world.nodes[i]->applied[author] < head;
    return count;
}

static void one_change(struct cost *cost)
{
    struct mock *author = world.nodes[mock_random(&world) %
                                      world.nodes_count];
    double times = (double)world.nodes_count * CHANGES;
    uint32_t ms = 0, i;

    counted_anew();
    mock_write(author, ENTRIES);
    while (ms < APART_MS && lacking(author->id, author->head) > 0) {
        (void)mock_run(&world, 1);
        ms++;
    }
    (void)mock_run(&world, APART_MS - ms);
    if (lacking(author->id, author->head) > 0)
        cost->missed += lacking(author->id, author->head);
    else if (ms > cost->ms_most)
        cost->ms_most = ms;
    for (i = 0; i < world.nodes_count; i++) {
        struct mock *node = world.nodes[i];

        share_add(&cost->sent, node->messages_sent, node->bytes_sent, times);
        share_add(&cost->received, node->messages_received,
                  node->bytes_received, times);
    }
}

static void all_write(struct cost *cost)
{
    uint32_t ms, i;
    double times = (double)world.nodes_count * BUSY_MS / 100 *
                   world.nodes_count;

    counted_anew();
    for (ms = 0; ms < BUSY_MS; ms++) {
        for (i = ms % 100; i < world.nodes_count; i += 100)
            mock_write(world.nodes[i], ENTRIES);
        (void)mock_run(&world, 1);
    }
    (void)mock_run(&world, APART_MS);
    for (i = 0; i < world.nodes_count; i++) {
        cost->busy_sent += (double)world.nodes[i]->messages_sent / times;
        cost->busy_bytes += (double)world.nodes[i]->bytes_sent / times;
    }
}

static void peace(struct cost *cost)
{
    double times = (double)world.nodes_count * 2;
    uint32_t i;

    counted_anew();
    (void)mock_run(&world, 2 * INTERVAL_MS);
    for (i = 0; i < world.nodes_count; i++) {
        cost->peace_sent += (double)world.nodes[i]->messages_sent / times;
        cost->peace_bytes += (double)world.nodes[i]->bytes_sent / times;
    }
}

/* No comparing while changes are counted, and nothing else after them. */
static struct cost cost_of(const char *name, uint32_t nodes, bool busy)
{
    static const char *const seldom[] = { "sync_interval_ms=3600000", NULL };
    static const char *const often[] = { "sync_interval_ms=5000", NULL };
    struct cost cost = { .missed = 0 };
    uint32_t i;

    cluster(name, nodes, seldom);
    for (i = 0; i < CHANGES; i++)
        one_change(&cost);
    if (busy)
        all_write(&cost);
    mock_world_fini(&world);
    cluster(name, nodes, often);
    peace(&cost);
    mock_world_fini(&world);
    return cost;
}

/* --- claims --------------------------------------------------------------- */

#define FANOUT 2u
#define ROUNDS 3u

START_TEST(a_change_costs_a_node_the_same_however_many_there_are)
{
    struct cost small = cost_of("gossip", 20, true);
    struct cost large = cost_of("gossip", 160, true);

    ck_assert_uint_le(large.sent.messages_most, FANOUT * ROUNDS);
    ck_assert(large.sent.bytes < small.sent.bytes * 1.1);
    ck_assert(large.received.bytes < small.received.bytes * 1.1);
    ck_assert(large.busy_bytes < small.busy_bytes * 1.1);
    ck_assert(large.busy_sent < small.busy_sent * 1.1);
}
END_TEST

/* A summary is a number per node; one goes out in an interval. */
START_TEST(peace_costs_a_node_one_summary_an_interval)
{
    static const char *const names[] = { "pubsub", "gossip", "auto" };
    struct cost cost = cost_of(names[_i], 100, false);

    ck_assert(cost.peace_sent < 1.001);
    ck_assert(cost.peace_bytes <= 101 * 8 + 64);
}
END_TEST

START_TEST(table)
{
    static const char *const names[] = { "pubsub", "gossip", "auto" };
    const char *sizes = getenv("PHUB_NODES");
    char *end;
    uint32_t i;

    printf("%-13s | %20s | %20s | %15s | %13s |\n%-7s %5s | %20s | %20s | "
           "%15s | %13s | %3s %s\n", "", "sent for a change", "received",
           "when all write", "peace", "", "nodes", "mean B msgs (most)",
           "mean B msgs (most)", "B msgs", "B msgs", "ms", "missed");
    for (; *sizes != '\0'; sizes = end) {
        uint32_t nodes = (uint32_t)strtoul(sizes, &end, 10);

        if (end == sizes || nodes < 2 || nodes > MOCK_NODES_MAX)
            break;
        for (i = 0; i < 3; i++) {
            struct cost c = cost_of(names[i], nodes, true);

            printf("%-7s %5u | %7.0f %5.2f (%4" PRIu64 ") | %7.0f %5.2f (%4"
                   PRIu64 ") | %7.0f %7.3f | %7.0f %5.2f | %3u %u\n",
                   names[i], nodes, c.sent.bytes, c.sent.messages,
                   c.sent.messages_most, c.received.bytes,
                   c.received.messages, c.received.messages_most,
                   c.busy_bytes, c.busy_sent, c.peace_bytes, c.peace_sent,
                   c.ms_most, c.missed);
            (void)fflush(stdout);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spread");
    TCase *tc = tcase_create("spread");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, getenv("PHUB_NODES") != NULL ? 3600 : 120);
    if (getenv("PHUB_NODES") != NULL)
        tcase_add_test(tc, table);
    tcase_add_test(tc, a_change_costs_a_node_the_same_however_many_there_are);
    tcase_add_loop_test(tc, peace_costs_a_node_one_summary_an_interval, 0, 3);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
