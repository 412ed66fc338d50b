/* SPDX-License-Identifier: MIT */
/* Tests of consistent_hash's bounded load: nodes join and leave at random, all
 * homes ask as hubs do, and what moves is held against what must move:
 *
 *     a node leaves    the children it had
 *     a node joins     its share, all children / nodes, rounded down
 *
 *     PHUB_CHANGES=10000 tests/check_bounded
 *
 * plays so many changes of 3 to 1,000 nodes and prints the table, and
 *
 *     PHUB_PLACEMENTS=10000000 tests/check_bounded
 *
 * places so many children, in batches of 256, and prints how many a second. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "mock_host.h"

#define NODES_MAX 1000u
#define CHILDREN 50000u
#define BATCH 256u
#define FAIR_MIN 20u   /* children per node from which the bound is exact */

static struct mock_world world;
static struct mock *mock;
static struct phub_view *view;
static uint64_t ids[NODES_MAX];              /* of members, ascending */
static uint32_t nodes, children;
static char names[CHILDREN][12];
static uint64_t homes[CHILDREN];             /* 0: none */

/* What is told of a group of changes. */
struct row {
    uint32_t low, high, changes;
    uint64_t moves, least;
    double worst, fullest;
};
static struct row rows[] = { { .low = 3, .high = 10 },
                             { .low = 11, .high = 100 },
                             { .low = 101, .high = 1000 } };

static struct phub_bytes name(uint32_t child)
{
    return (struct phub_bytes){ (const uint8_t *)names[child],
                                strlen(names[child]) };
}

/* Members are few: children of each are found by one walk over all. */
static uint32_t counts_of[NODES_MAX];
static uint32_t first_of[NODES_MAX + 1];
static uint32_t sorted[CHILDREN];

static uint32_t index_of(uint64_t id)
{
    uint32_t low = 0, high = nodes;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < nodes && ids[low] == id ? low : nodes;
}

static void recount(void)
{
    uint32_t at[NODES_MAX], i, sum = 0;

    memset(counts_of, 0, sizeof counts_of);
    for (i = 0; i < children; i++)
        if (index_of(homes[i]) < nodes)
            counts_of[index_of(homes[i])]++;
    for (i = 0; i < nodes; i++) {
        first_of[i] = at[i] = sum;
        sum += counts_of[i];
    }
    first_of[nodes] = sum;
    for (i = 0; i < children; i++)
        if (index_of(homes[i]) < nodes)
            sorted[at[index_of(homes[i])]++] = i;
}

static int homes_count(struct phub_ctx *ctx, const struct phub_view *in,
                       uint32_t *counts, uint32_t counts_max, uint64_t *all)
{
    uint32_t i;

    (void)ctx;
    ck_assert_uint_eq(mock->host.view_count(in), nodes);
    ck_assert_uint_le(nodes, counts_max);
    for (*all = 0, i = 0; i < nodes; i++)
        counts[i] = counts_of[i];
    for (i = 0; i < children; i++)
        *all += homes[i] != 0;
    return 0;
}

static int children_of(struct phub_ctx *ctx, uint64_t node, uint64_t *cursor,
                       struct phub_bytes *out, uint32_t out_max,
                       uint32_t *count)
{
    uint32_t index = index_of(node);

    (void)ctx;
    for (*count = 0; *count < out_max && *cursor < counts_of[index];)
        out[(*count)++] = name(sorted[first_of[index] + (*cursor)++]);
    return *count != 0 ? 0 : PHUB_EEMPTY;
}

static void setup_with(const char *param)
{
    const char *const params[] = { param, NULL };
    uint32_t i;

    mock_world_init(&world, 1);
    mock = mock_new(&world);
    mock->host.homes_count = homes_count;
    mock->host.children_of = children_of;
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION,
                               "consistent_hash",
                               param != NULL ? params : NULL), 0);
    for (i = 0; i < CHILDREN; i++)
        (void)snprintf(names[i], sizeof names[i], "c%u", i);
    memset(homes, 0, sizeof homes);
    nodes = 0;
    view = NULL;
}

static void setup(void)
{
    setup_with(NULL);
}

static void teardown(void)
{
    if (view != NULL)
        mock_view_free(view);
    mock_world_fini(&world);
}

static void members_changed(void)
{
    if (view != NULL)
        mock_view_free(view);
    view = mock_view_new(&world, ids, nodes);
    recount();
}

/* Ask for these children, and write down the answers in to. */
static void ask(const uint32_t *which, uint32_t count, uint32_t cause,
                uint64_t *to)
{
    struct phub_assign_item items[BATCH];
    uint64_t answers[BATCH];
    uint32_t found[BATCH], i, n, at;

    for (at = 0; at < count; at += n) {
        n = count - at < BATCH ? count - at : BATCH;
        memset(items, 0, sizeof items);
        for (i = 0; i < n; i++) {
            items[i].size = sizeof items[i];
            items[i].cause = cause;
            items[i].id = name(which[at + i]);
            items[i].home = homes[which[at + i]];
        }
        ck_assert_int_eq(mock->strategy->ops.distribution.assign(
                             mock->strategy->self, view, items, n,
                             sizeof items[0], 1, answers, found), 0);
        for (i = 0; i < n; i++) {
            ck_assert_uint_eq(found[i], 1);
            to[which[at + i]] = answers[i];
        }
        if (cause == PHUB_CAUSE_NODE_JOINED)
            continue;   /* moves take their time; homes are written at once */
        for (i = 0; i < n; i++) {
            homes[which[at + i]] = answers[i];
            counts_of[index_of(answers[i])]++;
        }
    }
}

static void start_all(uint32_t count)
{
    static uint32_t which[CHILDREN];
    static uint64_t to[CHILDREN];
    uint32_t i;

    children = count;
    for (i = 0; i < count; i++)
        which[i] = i;
    ask(which, count, PHUB_CAUSE_START, to);
    recount();
}

/* A node joins: every home asks about its own.  Gives how many moved. */
static uint32_t join(uint64_t id)
{
    static uint64_t to[CHILDREN];
    uint32_t i, moved = 0;

    for (i = nodes++; i > 0 && ids[i - 1] > id; i--)
        ids[i] = ids[i - 1];
    ids[i] = id;
    members_changed();
    for (i = 0; i < nodes; i++)
        ask(&sorted[first_of[i]], counts_of[i], PHUB_CAUSE_NODE_JOINED, to);
    for (i = 0; i < children; i++) {
        ck_assert(homes[i] == to[i] || to[i] == id);
        moved += homes[i] != to[i];
        homes[i] = to[i];
    }
    recount();
    return moved;
}

/* A node is gone: its children, and nobody else, get new homes. */
static uint32_t leave(uint32_t index)
{
    static uint32_t which[CHILDREN];
    static uint64_t to[CHILDREN];
    uint64_t id = ids[index];
    uint32_t i, count = 0;

    memmove(&ids[index], &ids[index + 1],
            (--nodes - index) * sizeof ids[0]);
    members_changed();
    for (i = 0; i < children; i++)
        if (homes[i] == id)
            which[count++] = i;
    ask(which, count, PHUB_CAUSE_NODE_LOST, to);
    recount();
    return count;
}

static double fullest(void)
{
    uint32_t i, most = 0;

    for (i = 0; i < nodes; i++)
        most = counts_of[i] > most ? counts_of[i] : most;
    return (double)most * nodes / children;
}

static void note(uint32_t moved, uint32_t least)
{
    uint32_t i;

    for (i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct row *row = &rows[i];
        double ratio = least == 0 ? 1.0 : (double)moved / least;

        if (nodes < row->low || nodes > row->high)
            continue;
        row->changes++;
        row->moves += moved;
        row->least += least;
        row->worst = ratio > row->worst ? ratio : row->worst;
        row->fullest = fullest() > row->fullest ? fullest() : row->fullest;
    }
    ck_assert_msg(moved * 10 <= least * 11 + 10, "%u nodes: %u moved, %u had "
                  "to", nodes, moved, least);
    if (children / nodes >= FAIR_MIN)
        ck_assert_msg(fullest() <= 1.05 + 1e-9, "%u nodes: the fullest has "
                      "%f times the mean", nodes, fullest());
}

/* A walk over sizes: each leg goes to another one, all scales alike. */
static void play(uint32_t changes, uint32_t nodes_max)
{
    uint64_t next = 1;
    uint32_t i, target = 3;

    for (i = 0; i < 3; i++)
        ids[nodes++] = mock_random(&world) | 1;
    for (i = 0; i < 3; i++)
        for (next = 2; next > 0; next--)
            if (ids[next - 1] > ids[next]) {
                uint64_t swap = ids[next];

                ids[next] = ids[next - 1];
                ids[next - 1] = swap;
            }
    members_changed();
    start_all(children);
    for (i = 0; i < changes; i++) {
        int grows = mock_random(&world) % 10 < 6;
        uint32_t least;

        if (nodes == target)
            target = (uint32_t)(3 + mock_random(&world) % (nodes_max - 2));
        if (nodes > target)
            grows = !grows;
        if (grows && nodes < nodes_max) {
            least = children / (nodes + 1);
            note(join(mock_random(&world) | 1), least);
        } else if (nodes > 3) {
            uint32_t index = (uint32_t)(mock_random(&world) % nodes);

            least = counts_of[index];
            note(leave(index), least);
        }
    }
}

START_TEST(joins_and_leaves_move_what_must_and_keep_the_bound)
{
    const char *long_run = getenv("PHUB_CHANGES");
    uint32_t i;

    children = long_run != NULL ? CHILDREN : 2000;
    play(long_run != NULL ? (uint32_t)strtoul(long_run, NULL, 10) : 150,
         long_run != NULL ? NODES_MAX : 40);
    if (long_run == NULL)
        return;
    printf("nodes       changes  moves/least  worst  fullest/mean\n");
    for (i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rows[i].changes != 0)
            printf("%4u..%-4u  %8u  %11.4f  %5.3f  %12.4f\n", rows[i].low,
                   rows[i].high, rows[i].changes,
                   (double)rows[i].moves / (double)rows[i].least,
                   rows[i].worst, rows[i].fullest);
}
END_TEST

START_TEST(without_a_bound_the_ring_decides)
{
    uint64_t to[1];
    uint32_t child = 0, i;

    teardown();
    setup_with("bound_percent=0");
    for (i = 0; i < 5; i++)
        ids[nodes++] = i + 1;
    members_changed();
    start_all(2000);
    ck_assert(fullest() > 1.05);
    homes[0] = homes[0] % 5 + 1;
    ask(&child, 1, PHUB_CAUSE_NODE_JOINED, to);
    ck_assert_uint_ne(to[0], homes[0]);   /* it goes back */
}
END_TEST

START_TEST(weights_are_shares_under_a_bound)
{
    uint32_t i;

    world.weight[2] = 3000;
    world.weight[4] = UINT32_MAX;   /* none */
    for (i = 0; i < 4; i++)
        ids[nodes++] = i + 1;
    members_changed();
    start_all(5000);
    ck_assert_uint_le(counts_of[0], 1050);
    ck_assert_uint_le(counts_of[1], 3150);
    ck_assert_uint_le(counts_of[2], 1050);
    ck_assert_uint_eq(counts_of[3], 0);
    (void)join(5);
    ck_assert_uint_eq(counts_of[4], 5000 / 6);
    ck_assert_uint_eq(counts_of[3], 0);
}
END_TEST

/* The bound counts homes, and a replica has none: the circle alone decides
 * about all instances of a child that has some, full nodes or not. */
START_TEST(children_with_replicas_follow_the_ring_alone)
{
    uint64_t answers[BATCH * 3], before[BATCH * 3];
    uint32_t load[11] = { 0 }, found[BATCH], i, k, at, most = 0;
    struct phub_assign_item items[BATCH];

    for (i = 0; i < 10; i++)
        ids[nodes++] = i + 1;
    members_changed();
    children = 39 * BATCH;
    for (at = 0; at < children; at += BATCH) {
        for (k = 0; k < 2; k++) {
            memset(items, 0, sizeof items);
            for (i = 0; i < BATCH; i++) {
                items[i].size = sizeof items[i];
                items[i].cause = PHUB_CAUSE_START;
                items[i].id = name(at + i);
            }
            memcpy(before, answers, sizeof before);
            counts_of[3] = k == 0 ? 0 : 1000000;   /* one is full */
            ck_assert_int_eq(mock->strategy->ops.distribution.assign(
                                 mock->strategy->self, view, items, BATCH,
                                 sizeof items[0], 3, answers, found), 0);
        }
        ck_assert_mem_eq(before, answers, sizeof before);
        for (i = 0; i < BATCH * 3; i++)
            load[answers[i]]++;
    }
    for (i = 1; i <= 10; i++)
        most = load[i] > most ? load[i] : most;
    /* As even as the manual says: a tenth, or a little more. */
    ck_assert_uint_le(most, children * 3 / 10 * 115 / 100);
}
END_TEST

/* Two zones: with replicas in three nodes, both are among them if asked. */
START_TEST(zones_are_looked_at_only_if_asked)
{
    struct phub_assign_item item = { .size = sizeof item,
                                     .cause = PHUB_CAUSE_START };
    uint64_t answers[3];
    uint32_t found, i, k, zones, one_zone = 0;

    teardown();
    setup_with(_i == 0 ? "zones=yes" : "zones=no");
    for (i = 0; i < 10; i++) {
        ids[nodes++] = i + 1;
        (void)snprintf(world.zone[i + 1], sizeof world.zone[0], "%s",
                       i < 5 ? "east" : "west");
    }
    members_changed();
    for (k = 0; k < 200; k++) {
        item.id = name(k);
        ck_assert_int_eq(mock->strategy->ops.distribution.assign(
                             mock->strategy->self, view, &item, 1,
                             sizeof item, 3, answers, &found), 0);
        ck_assert_uint_eq(found, 3);
        for (zones = 0, i = 0; i < 3; i++)
            zones |= answers[i] <= 5 ? 1u : 2u;
        one_zone += zones != 3;
    }
    if (_i == 0)
        ck_assert_uint_eq(one_zone, 0);
    else
        ck_assert_uint_gt(one_zone, 200 / 10);   /* one in six, about */
}
END_TEST

/* A hub keeps these numbers; counting them here anew would be measured. */
static int homes_counted(struct phub_ctx *ctx, const struct phub_view *in,
                         uint32_t *counts, uint32_t counts_max, uint64_t *all)
{
    (void)ctx;
    (void)in;
    (void)counts_max;
    memcpy(counts, counts_of, nodes * sizeof *counts);
    *all = children;
    return 0;
}

static double cpu_s(void)
{
    struct timespec ts = { 0, 0 };

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Of children that nobody has placed yet: the bound is asked about each. */
static double placements_per_s(uint64_t wanted, uint32_t factor)
{
    static uint64_t answers[BATCH * 3];
    static uint32_t found[BATCH];
    struct phub_assign_item items[BATCH];
    double began_s = cpu_s();
    uint64_t done;

    for (done = 0; done < wanted; done += BATCH) {
        memset(items, 0, sizeof items);
        for (uint32_t i = 0; i < BATCH; i++) {
            items[i].size = sizeof items[i];
            items[i].cause = PHUB_CAUSE_START;
            items[i].id = name((uint32_t)((done + i) % CHILDREN));
        }
        ck_assert_int_eq(mock->strategy->ops.distribution.assign(
                             mock->strategy->self, view, items, BATCH,
                             sizeof items[0], factor, answers, found), 0);
    }
    return (double)done / (cpu_s() - began_s + 1e-9);
}

START_TEST(placements_in_a_second)
{
    static const uint32_t sizes[] = { 3, 10, 100, 1000 };
    static const char *const bounds[] = { "bound_percent=5",
                                          "bound_percent=0" };
    uint64_t wanted = strtoull(getenv("PHUB_PLACEMENTS"), NULL, 10);

    printf("nodes  bounded  ring alone  three owners  (million/s of CPU)\n");
    for (uint32_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        double rates[3];

        for (uint32_t k = 0; k < 2; k++) {
            teardown();
            setup_with(bounds[k]);
            for (nodes = 0; nodes < sizes[i]; nodes++)
                ids[nodes] = nodes + 1;
            members_changed();
            start_all(CHILDREN);
            mock->host.homes_count = homes_counted;
            rates[k] = placements_per_s(wanted, 1);
        }
        rates[2] = placements_per_s(wanted, 3);
        printf("%5u  %7.1f  %10.1f  %12.1f\n", sizes[i], rates[0] / 1e6,
               rates[1] / 1e6, rates[2] / 1e6);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bounded");
    TCase *tc = tcase_create("bounded");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, getenv("PHUB_CHANGES") != NULL ? 36000 : 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    if (getenv("PHUB_PLACEMENTS") != NULL)
        tcase_add_test(tc, placements_in_a_second);
    tcase_add_test(tc, joins_and_leaves_move_what_must_and_keep_the_bound);
    tcase_add_test(tc, without_a_bound_the_ring_decides);
    tcase_add_test(tc, weights_are_shares_under_a_bound);
    tcase_add_test(tc, children_with_replicas_follow_the_ring_alone);
    tcase_add_loop_test(tc, zones_are_looked_at_only_if_asked, 0, 2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
