/* SPDX-License-Identifier: MIT */
/* battery_distribution: what every distribution strategy must do; for those in
 * even_ones also what makes a ring worth its name: balance, weights, zones,
 * little movement. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "battery.h"

#define KEYS 10000u
#define FACTOR_MAX 5u

static struct mock_world world;
static struct mock *mock;
static uint64_t ids[MOCK_CROWD];
static char keys[KEYS][16];
static struct phub_assign_item items[KEYS];

/* What a strategy needs to answer for a child that says nothing of itself, and
 * to answer alike whatever else there is (check_bounded has the other). */
static const char *const *params_of(const char *name)
{
    static const char *const guided[] = { "fallback=hash", NULL };
    static const char *const ring[] = { "bound_percent=0", NULL };

    return strcmp(name, "guided") == 0 ? guided
           : strcmp(name, "consistent_hash") == 0 ? ring : NULL;
}

static void items_make(void)
{
    uint32_t i;

    for (i = 0; i < KEYS; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "key%u", i);
        memset(&items[i], 0, sizeof items[i]);
        items[i].size = sizeof items[i];
        items[i].cause = PHUB_CAUSE_START;
        items[i].id.data = (const uint8_t *)keys[i];
        items[i].id.size = strlen(keys[i]);
    }
    for (i = 0; i < MOCK_CROWD; i++)
        ids[i] = i + 1;
}

static void setup(void)
{
    items_make();
    mock_world_init(&world, 1);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION, battery_name,
                               params_of(battery_name)), 0);
}

static void teardown(void)
{
    mock_world_fini(&world);
}

static void assign(struct mock *at, const struct phub_view *view,
                   const struct phub_assign_item *what, uint32_t count,
                   uint32_t factor, uint64_t *nodes, uint32_t *counts)
{
    char error[PHUB__LOADER_ERROR_MAX];

    ck_assert_msg(phub__call_assign(at->strategy, view, what, count, factor,
                                    nodes, counts, error,
                                    sizeof error) == 0, "%s", error);
}

static int pure(void)
{
    return (mock->strategy->flags & PHUB_FLAG_PURE) != 0;
}

static int even(void)
{
    static const char *const even_ones[] = { "consistent_hash" };
    size_t i;

    for (i = 0; i < sizeof even_ones / sizeof even_ones[0]; i++)
        if (strcmp(mock->strategy->name, even_ones[i]) == 0)
            return 1;
    return 0;
}

/* That they are different members the caller has checked. */
START_TEST(owners_are_different_members_as_many_as_asked_for)
{
    static uint64_t nodes[200 * FACTOR_MAX];
    static uint32_t counts[200];
    uint32_t members, factor, i;

    for (members = 1; members <= 30; members++) {
        struct phub_view *view = mock_view_new(&world, ids, members);

        for (factor = 1; factor <= FACTOR_MAX; factor++) {
            assign(mock, view, items, 200, factor, nodes, counts);
            for (i = 0; i < 200 && even(); i++)
                ck_assert_uint_eq(counts[i],
                                  factor < members ? factor : members);
        }
        mock_view_free(view);
    }
    ck_assert_uint_eq(mock->strategy->faults, 0);
}
END_TEST

START_TEST(an_empty_view_holds_nothing)
{
    struct phub_view *view = mock_view_new(&world, ids, 0);
    uint32_t count = 7;
    uint64_t node;

    assign(mock, view, items, 1, 1, &node, &count);
    ck_assert_uint_eq(count, 0);
    mock_view_free(view);
}
END_TEST

START_TEST(any_id_is_an_id)
{
    struct phub_view *view = mock_view_new(&world, ids, 3);
    struct phub_assign_item item = { .size = sizeof item };
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    uint64_t nodes[2];
    uint32_t count, size;

    for (size = 1; size <= sizeof bytes; size++) {
        memset(bytes, (int)(256 - size), sizeof bytes);
        item.id.data = bytes;
        item.id.size = size;
        assign(mock, view, &item, 1, 2, nodes, &count);
    }
    mock_view_free(view);
}
END_TEST

START_TEST(a_pure_answer_is_the_same_on_every_node_and_in_any_batch)
{
    struct phub_view *view = mock_view_new(&world, ids, 9);
    struct phub_view *between = mock_view_new(&world, ids + 3, 5);
    struct phub_view *same = mock_view_new(&world, ids, 9);
    struct mock *other = mock_new(&world);
    static uint64_t nodes[500 * 3];
    static uint32_t counts[500];
    uint64_t alone[3];
    uint32_t count, i;

    ck_assert_int_eq(mock_open(other, PHUB_KIND_DISTRIBUTION, battery_name,
                               params_of(battery_name)), 0);
    assign(mock, view, items, 500, 3, nodes, counts);
    for (i = 500; pure() && i-- > 0;) {
        assign(other, between, &items[i], 1, 1, alone, &count);
        assign(other, same, &items[i], 1, 3, alone, &count);
        ck_assert_uint_eq(count, counts[i]);
        ck_assert_mem_eq(alone, nodes + 3 * i, sizeof alone);
    }
    mock_view_free(view);
    mock_view_free(between);
    mock_view_free(same);
}
END_TEST

static void spread(uint32_t members, uint32_t *load)
{
    struct phub_view *view = mock_view_new(&world, ids, members);
    static uint64_t nodes[KEYS];
    static uint32_t counts[KEYS];
    uint32_t i;

    assign(mock, view, items, KEYS, 1, nodes, counts);
    memset(load, 0, (MOCK_CROWD + 1) * sizeof *load);
    for (i = 0; i < KEYS; i++)
        load[nodes[i]]++;
    mock_view_free(view);
}

START_TEST(an_even_one_spreads_evenly)
{
    uint32_t load[MOCK_CROWD + 1], members, i;

    for (members = 2; even() && members <= 20; members += 3) {
        spread(members, load);
        for (i = 1; i <= members; i++) {
            ck_assert_uint_le(load[i], KEYS * 5 / members / 4);
            ck_assert_uint_ge(load[i], KEYS * 3 / members / 4);
        }
    }
}
END_TEST

START_TEST(weights_are_shares_and_none_is_nothing)
{
    uint32_t load[MOCK_CROWD + 1];

    world.weight[1] = 3000;
    world.weight[2] = UINT32_MAX;   /* none */
    if (!even())
        return;
    spread(4, load);
    ck_assert_uint_eq(load[2], 0);
    ck_assert_uint_ge(load[1], KEYS * 5 / 10);
    ck_assert_uint_le(load[1], KEYS * 7 / 10);
}
END_TEST

START_TEST(a_join_moves_to_the_joiner_only)
{
    static uint64_t before[KEYS * 2], after[KEYS * 2];
    static uint32_t counts[KEYS];
    uint32_t members, i, moved;

    for (members = 2; even() && members <= 20; members += 3) {
        struct phub_view *old_view = mock_view_new(&world, ids, members);
        struct phub_view *new_view = mock_view_new(&world, ids, members + 1);

        assign(mock, old_view, items, KEYS, 1, before, counts);
        assign(mock, new_view, items, KEYS, 1, after, counts);
        for (i = 0, moved = 0; i < KEYS; i++)
            if (before[i] != after[i]) {
                moved++;
                ck_assert_uint_eq(after[i], members + 1);
            }
        ck_assert_uint_le(moved, KEYS * 5 / (members + 1) / 4);
        mock_view_free(old_view);
        mock_view_free(new_view);
    }
}
END_TEST

START_TEST(replicas_stand_in_different_zones)
{
    static uint64_t nodes[KEYS * 3], alone[KEYS];
    static uint32_t counts[KEYS];
    struct phub_view *view;
    uint32_t i;

    for (i = 1; i <= 9; i++)
        (void)snprintf(world.zone[i], sizeof world.zone[i], "zone%u", i % 3);
    view = mock_view_new(&world, ids, 9);
    assign(mock, view, items, KEYS, 3, nodes, counts);
    for (i = 0; even() && i < KEYS; i++) {
        ck_assert_uint_ne(nodes[3 * i] % 3, nodes[3 * i + 1] % 3);
        ck_assert_uint_ne(nodes[3 * i] % 3, nodes[3 * i + 2] % 3);
        ck_assert_uint_ne(nodes[3 * i + 1] % 3, nodes[3 * i + 2] % 3);
    }
    assign(mock, view, items, KEYS, 1, alone, counts);
    for (i = 0; even() && i < KEYS; i++)
        ck_assert_uint_eq(alone[i], nodes[3 * i]);
    mock_view_free(view);
}
END_TEST

START_TEST(view_changes_are_taken_at_any_pace)
{
    uint64_t nodes[10];
    uint32_t counts[10], i;

    for (i = 0; i < 200; i++) {
        uint32_t first = (uint32_t)mock_random(&world) % 40;
        uint32_t count = 1 + (uint32_t)mock_random(&world) % 20;

        mock_view(mock, ids + first, count);
        if (i % 3 == 0)
            assign(mock, mock->view, items, 10, 1, nodes, counts);
    }
}
END_TEST

START_TEST(garbage_is_survived)
{
    battery_garbage(mock);
}
END_TEST

static void exercise(struct mock *at)
{
    struct phub_view *view = mock_view_new(at->world, ids, 3);
    uint64_t nodes[2];
    uint32_t count;

    items_make();
    assign(at, view, items, 1, 2, nodes, &count);
    mock_view_free(view);
}

START_TEST(a_shorter_host_is_stood_or_refused)
{
    items_make();
    battery_truncated(PHUB_KIND_DISTRIBUTION, params_of(battery_name),
                      exercise);
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, owners_are_different_members_as_many_as_asked_for);
    tcase_add_test(tc, an_empty_view_holds_nothing);
    tcase_add_test(tc, any_id_is_an_id);
    tcase_add_test(tc,
        a_pure_answer_is_the_same_on_every_node_and_in_any_batch);
    tcase_add_test(tc, an_even_one_spreads_evenly);
    tcase_add_test(tc, weights_are_shares_and_none_is_nothing);
    tcase_add_test(tc, a_join_moves_to_the_joiner_only);
    tcase_add_test(tc, replicas_stand_in_different_zones);
    tcase_add_test(tc, view_changes_are_taken_at_any_pace);
    tcase_add_test(tc, garbage_is_survived);
    tcase_add_test(tc, a_shorter_host_is_stood_or_refused);
}

int main(int argc, char **argv)
{
    static const char *const shipped[] = { "consistent_hash", "guided",
                                           "load_balancer", NULL };

    return battery_main(argc, argv, "distribution", shipped, fill);
}
