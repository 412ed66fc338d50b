/* SPDX-License-Identifier: MIT */
/* electors: who is counted is agreed on, and changed by a majority only. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

#define ENOUGH_MS 20000u   /* for any change: two waits of 3 s and messages */

struct set {
    struct phub_elector electors[PHUB_ELECTORS_MAX];
    uint64_t version;
    uint32_t count, is, next;
};

static struct mock_world world;
static struct set set;

static struct mock *node(uint64_t id)
{
    return world.nodes[id - 1];
}

static const struct set *set_of(uint64_t id)
{
    memset(&set, 0, sizeof set);
    ck_assert_int_eq(phub__call_electors(node(id)->strategy, node(id)->view,
                                         set.electors, &set.count,
                                         &set.version, NULL, 0), 0);
    for (uint32_t i = 0; i < set.count; i++) {
        set.is += set.electors[i].weight;
        set.next += set.electors[i].weight_next;
    }
    return &set;
}

static uint32_t verdict_of(uint64_t id, const uint64_t *lost,
                           uint32_t lost_count, const uint64_t *left,
                           uint32_t left_count)
{
    struct phub_judge judge = { .size = sizeof judge, .lost = lost,
                                .lost_count = lost_count, .left = left,
                                .left_count = left_count };
    uint32_t verdict;

    judge.old_view = judge.new_view = node(id)->view;
    judge.now_ns = world.now_ns;
    ck_assert_int_eq(phub__call_judge(node(id)->strategy, &judge, &verdict,
                                      NULL, 0), 0);
    return verdict;
}

static void begin_with(const char *name, const char *const *params,
                       uint32_t count)
{
    mock_world_init(&world, 7);
    for (uint32_t i = 0; i < count; i++)
        ck_assert_int_eq(mock_open(mock_new(&world), PHUB_KIND_PARTITION,
                                   name, params), 0);
}

static void begin(const char *name, const char *initial, uint32_t count)
{
    const char *const params[] = { initial, NULL };

    begin_with(name, params, count);
}

/* Nodes of a mask see each other. */
static void side(uint32_t mask)
{
    uint64_t ids[MOCK_CROWD];
    uint32_t count = 0;

    for (uint32_t i = 0; i < world.nodes_count; i++)
        if (mask & 1u << i)
            ids[count++] = i + 1;
    for (uint32_t i = 0; i < count; i++)
        mock_view(node(ids[i]), ids, count);
}

START_TEST(nobody_has_a_say_before_a_set_is_founded)
{
    begin("majority_quorum", "initial_size=3", 2);
    side(3);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->count, 1);
    ck_assert_uint_gt(set.electors[0].node, 2);
    mock_world_fini(&world);
}
END_TEST

START_TEST(those_that_meet_found_one_set)
{
    begin("majority_quorum", "initial_size=3", 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 1; id <= 3; id++) {
        ck_assert_uint_eq(set_of(id)->count, 3);
        ck_assert_uint_eq(set.version, 1);
        ck_assert_uint_eq(set.is, 3);
        ck_assert_uint_eq(verdict_of(id, NULL, 0, NULL, 0),
                          PHUB_VERDICT_CONTINUE);
    }
    mock_world_fini(&world);
}
END_TEST

START_TEST(foundings_that_share_a_node_are_one)
{
    begin("majority_quorum", "initial_size=3", 5);
    side(1 | 2 | 4);
    mock_run(&world, 1300);      /* proposed, maybe not chosen */
    side(4 | 8 | 16);
    mock_run(&world, ENOUGH_MS);
    side(31);
    mock_run(&world, 2 * ENOUGH_MS);
    for (uint64_t id = 1; id <= 5; id++) {
        ck_assert_uint_eq(set_of(id)->count, 5);
        ck_assert_uint_eq(set.is, 5);
        ck_assert_uint_eq(set.next, 0);
    }
    mock_world_fini(&world);
}
END_TEST

START_TEST(newcomers_pass_through_both_sets)
{
    uint64_t last = 1;
    int both = 0;

    begin("majority_quorum", "initial_size=3", 6);
    side(7);
    mock_run(&world, ENOUGH_MS);
    side(63);
    for (uint32_t i = 0; i < 1000; i++) {
        mock_run(&world, 20);
        ck_assert_uint_ge(set_of(1)->version, last);
        ck_assert_uint_le(set.version, last + 1);
        last = set.version;
        if (set.next != 0) {
            ck_assert_uint_eq(set.is, 3);
            ck_assert_uint_eq(set.next, 6);
            both = 1;
        }
    }
    ck_assert(both);
    ck_assert_uint_eq(set_of(6)->is, 6);
    ck_assert_uint_eq(set.version, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(who_is_lost_stays_and_who_says_goodbye_goes)
{
    static const uint64_t five[] = { 5 }, four[] = { 4 };

    begin("majority_quorum", "initial_size=5", 5);
    side(31);
    mock_run(&world, ENOUGH_MS);
    side(15);
    for (uint64_t id = 1; id <= 4; id++)
        ck_assert_uint_eq(verdict_of(id, five, 1, NULL, 0),
                          PHUB_VERDICT_CONTINUE);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, 5);
    side(7);
    for (uint64_t id = 1; id <= 3; id++)
        ck_assert_uint_eq(verdict_of(id, NULL, 0, four, 1),
                          PHUB_VERDICT_CONTINUE);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, 4);
    mock_world_fini(&world);
}
END_TEST

static int may_leave(uint64_t id)
{
    return phub__call_may_leave(node(id)->strategy, 10000);
}

START_TEST(those_that_leave_at_one_time_are_out_before_they_go)
{
    static const uint64_t gone[] = { 3, 4, 5 };

    begin("majority_quorum", "initial_size=5", 5);
    side(31);
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 3; id <= 5; id++)
        ck_assert(!may_leave(id));
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 3; id <= 5; id++)
        ck_assert(may_leave(id));
    side(3);
    for (uint64_t id = 1; id <= 2; id++) {
        ck_assert_uint_eq(set_of(id)->is, 2);
        ck_assert_uint_eq(verdict_of(id, NULL, 0, gone, 3),
                          PHUB_VERDICT_CONTINUE);
    }
    mock_world_fini(&world);
}
END_TEST

START_TEST(who_leaves_counts_as_long_as_the_others_need_it)
{
    begin("majority_quorum", "initial_size=3", 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2);
    ck_assert(!may_leave(2));
    mock_run(&world, ENOUGH_MS);
    ck_assert(!may_leave(2));
    ck_assert_uint_eq(set_of(1)->is, 3);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(7);
    mock_run(&world, ENOUGH_MS);
    ck_assert(may_leave(2));
    ck_assert_uint_eq(set_of(1)->is, 2);
    mock_world_fini(&world);
}
END_TEST

START_TEST(nobody_waits_where_all_leave_or_nothing_is_agreed_on)
{
    begin("majority_quorum", "initial_size=3", 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    side(4);
    ck_assert(may_leave(3));     /* without a majority */
    side(7);
    (void)may_leave(1);
    (void)may_leave(2);
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 1; id <= 3; id++)
        ck_assert(may_leave(id));
    ck_assert_uint_eq(set_of(1)->is, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(two_that_met_a_third_do_not_outvote_those_before)
{
    static const uint64_t others[] = { 1, 2 }, third[] = { 3 };

    begin("majority_quorum", "initial_size=3", 5);
    side(7);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2);
    side(4 | 8 | 16);            /* 3 has met 4 and 5 just now */
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(verdict_of(3, others, 2, NULL, 0), PHUB_VERDICT_STOP);
    ck_assert_uint_eq(verdict_of(4, others, 2, NULL, 0), PHUB_VERDICT_STOP);
    ck_assert_uint_eq(verdict_of(1, third, 1, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(set_of(3)->is, 3);
    ck_assert_uint_eq(set_of(1)->is, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_set_outlives_a_restart_of_all)
{
    const char *const params[] = { "initial_size=1", NULL };

    begin("majority_quorum", "initial_size=3", 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 1; id <= 3; id++)
        mock_close(node(id));
    for (uint64_t id = 1; id <= 3; id++)
        ck_assert_int_eq(mock_open(node(id), PHUB_KIND_PARTITION,
                                   "majority_quorum", params), 0);
    side(1);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, 3);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0), PHUB_VERDICT_STOP);
    mock_world_fini(&world);
}
END_TEST

/* Those who are there greet who joins; a node that begins with this strategy
 * later than it joined has missed that. */
START_TEST(who_has_no_set_asks_until_somebody_tells_it)
{
    const char *const params[] = { "initial_size=3", NULL };

    begin("majority_quorum", "initial_size=3", 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    mock_close(node(3));
    memset(node(3)->values, 0, sizeof node(3)->values);
    ck_assert_int_eq(mock_open(node(3), PHUB_KIND_PARTITION,
                               "majority_quorum", params), 0);
    node(3)->busy_permille = 1000;
    mock_run(&world, 1000);
    ck_assert_uint_eq(set_of(3)->count, 1);
    node(3)->busy_permille = 0;
    mock_run(&world, 1000);
    ck_assert_uint_eq(set_of(3)->is, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_node_that_cannot_write_does_not_vote)
{
    begin("majority_quorum", "initial_size=3", 3);
    node(2)->store_rc = PHUB_EIO;
    side(7);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_gt(set_of(1)->electors[0].node, 3);
    node(2)->store_rc = 0;
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, 3);
    mock_world_fini(&world);
}
END_TEST

/* What it had promised to itself was not on its disk. */
START_TEST(a_ballot_is_not_begun_again_after_a_crash)
{
    const char *const params[] = { "initial_size=3", NULL };
    struct mock_value promised;

    begin("majority_quorum", params[0], 3);
    node(1)->store_rc = PHUB_EIO;
    side(7);
    while (node(2)->values[0].key_size == 0)
        mock_run(&world, 10);
    promised = node(2)->values[0];
    mock_close(node(1));
    memset(node(1)->values, 0, sizeof node(1)->values);
    world.starts[1] = 1;
    ck_assert_int_eq(mock_open(node(1), PHUB_KIND_PARTITION,
                               "majority_quorum", params), 0);
    side(7);
    mock_run(&world, 1900);    /* one attempt */
    ck_assert(promised.size != node(2)->values[0].size ||
              memcmp(promised.bytes, node(2)->values[0].bytes,
                     promised.size) != 0);
    node(1)->store_rc = 0;
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 1; id <= 3; id++)
        ck_assert_uint_eq(set_of(id)->is, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(of_two_foundings_the_larger_stays)
{
    begin("majority_quorum", "initial_size=2", 5);
    side(1 | 2);
    side(4 | 8 | 16);
    mock_run(&world, ENOUGH_MS);
    side(31);
    mock_run(&world, 2 * ENOUGH_MS);
    for (uint64_t id = 1; id <= 5; id++)
        ck_assert_uint_eq(set_of(id)->is, 5);
    mock_world_fini(&world);
}
END_TEST

/* Each split of five: exactly one side with the oldest, or all but it. */
static int reset(uint64_t id)
{
    return phub__call_reset(node(id)->strategy, node(id)->view, NULL, 0);
}

static void continues(uint64_t id, uint32_t electors)
{
    ck_assert_uint_eq(verdict_of(id, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(set_of(id)->count, electors);
    ck_assert_uint_eq(set.is, electors);
    ck_assert_uint_eq(set.next, 0);
}

START_TEST(after_a_reset_only_those_in_view_count)
{
    begin("majority_quorum", "initial_size=5", 6);
    side(1);
    ck_assert_int_eq(reset(1), PHUB_EAGAIN);
    side(31);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0), PHUB_VERDICT_STOP);
    ck_assert_int_eq(reset(1), 0);
    mock_run(&world, 1000);
    continues(1, 2);
    continues(2, 2);
    /* It lasts, and the two are a majority that can take in a third. */
    mock_close(node(1));
    ck_assert_int_eq(mock_open(node(1), PHUB_KIND_PARTITION,
                               "majority_quorum",
                               (const char *const[]){ "initial_size=5",
                                                      NULL }), 0);
    side(1 | 2 | 32);
    mock_run(&world, ENOUGH_MS);
    continues(6, 3);
    mock_world_fini(&world);
}
END_TEST

/* The others, more of them, were only away: they are newcomers. */
START_TEST(who_comes_back_after_a_reset_is_a_newcomer)
{
    begin("majority_quorum", "initial_size=5", 5);
    side(31);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2);
    side(4 | 8 | 16);
    mock_run(&world, ENOUGH_MS);
    ck_assert_int_eq(reset(2), 0);
    mock_run(&world, 1000);
    side(31);
    mock_run(&world, 500);
    for (uint64_t id = 1; id <= 5; id++)
        ck_assert_uint_eq(set_of(id)->is, 2);
    mock_run(&world, ENOUGH_MS);
    for (uint64_t id = 1; id <= 5; id++)
        continues(id, 5);
    mock_world_fini(&world);
}
END_TEST

START_TEST(two_sides_that_are_both_reset_become_one_again)
{
    begin("majority_quorum", "initial_size=4", 4);
    side(15);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2);
    side(4 | 8);
    mock_run(&world, ENOUGH_MS);
    ck_assert_int_eq(reset(1), 0);
    ck_assert_int_eq(reset(3), 0);
    mock_run(&world, 1000);
    side(15);
    mock_run(&world, 2 * ENOUGH_MS);
    for (uint64_t id = 1; id <= 4; id++)
        continues(id, 4);
    mock_world_fini(&world);
}
END_TEST

START_TEST(one_that_is_forgotten_is_taken_out)
{
    begin("majority_quorum", "initial_size=5", 5);
    side(31);
    mock_run(&world, ENOUGH_MS);
    side(1 | 2 | 4);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, 5);
    for (uint64_t id = 1; id <= 3; id++) {
        phub__call_forget(node(id)->strategy, 4);
        phub__call_forget(node(id)->strategy, 5);
    }
    mock_run(&world, ENOUGH_MS);
    continues(1, 3);
    continues(3, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(of_each_split_in_two_one_side_keeps)
{
    uint64_t lost[5];

    begin("keep_oldest", "initial_size=5", 5);
    side(31);
    mock_run(&world, ENOUGH_MS);
    for (uint32_t mask = 1; mask < 31; mask++) {
        uint32_t keeps = 0;

        side(mask);
        side(31 & ~mask);
        for (uint32_t half = 0; half < 2; half++) {
            uint32_t in = half == 0 ? mask : 31 & ~mask, count = 0;
            uint64_t one = 0;

            for (uint32_t i = 0; i < 5; i++)
                if (in & 1u << i)
                    one = i + 1;
                else
                    lost[count++] = i + 1;
            keeps += verdict_of(one, lost, count, NULL, 0)
                == PHUB_VERDICT_CONTINUE;
        }
        ck_assert_msg(keeps == 1, "split %u: %u sides go on", mask, keeps);
    }
    mock_world_fini(&world);
}
END_TEST

/* Which of two equal halves goes on: none, or that of the oldest elector, which
 * is the same on both sides. */
START_TEST(a_tie_is_broken_by_the_oldest_if_asked)
{
    const char *const params[] = { "initial_size=4", _i == 0
        ? "tie_breaker=none" : "tie_breaker=oldest", NULL };
    uint32_t with_oldest = 0, others = 0, keeps, oldest;
    uint64_t lost[4];

    begin_with("majority_quorum", params, 4);
    side(15);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, _i == 0 ? 4 : 5);
    for (oldest = 0; _i == 1 && set.electors[oldest].weight != 2; oldest++)
        ;
    oldest = (uint32_t)set.electors[oldest].node - 1;
    for (uint32_t mask = 1; mask < 15; mask++) {
        uint32_t count = 0;
        uint64_t one = 0;

        if (__builtin_popcount(mask) != 2)
            continue;
        side(mask);
        for (uint32_t i = 0; i < 4; i++)
            if (mask & 1u << i)
                one = i + 1;
            else
                lost[count++] = i + 1;
        keeps = verdict_of(one, lost, count, NULL, 0) ==
                PHUB_VERDICT_CONTINUE;
        *(mask >> oldest & 1 ? &with_oldest : &others) += keeps;
    }
    ck_assert_uint_eq(with_oldest, _i == 0 ? 0 : 3);
    ck_assert_uint_eq(others, 0);
    mock_world_fini(&world);
}
END_TEST

/* The set is founded found_wait_ms after the start, and changed change_wait_ms
 * after it was. */
START_TEST(sets_are_founded_and_changed_when_it_is_time)
{
    const char *const params[] = { "initial_size=3", "found_wait_ms=9s",
                                   "change_wait_ms=30s", NULL };

    begin_with("majority_quorum", params, 4);
    side(7);
    mock_run(&world, 8900);
    ck_assert_uint_eq(set_of(1)->version, 0);
    mock_run(&world, 2000);
    ck_assert_uint_eq(set_of(1)->version, 1);
    side(15);
    mock_run(&world, 27000);
    ck_assert_uint_eq(set_of(1)->version, 1);
    mock_run(&world, 5000);
    ck_assert_uint_gt(set_of(1)->version, 1);
    mock_world_fini(&world);
}
END_TEST

/* Each part of one to five. */
START_TEST(a_majority_is_more_than_half_of_any_number)
{
    uint32_t count = (uint32_t)_i, all = (1u << count) - 1;
    uint64_t lost[5];
    char initial[24];

    (void)snprintf(initial, sizeof initial, "initial_size=%u", count);
    begin("majority_quorum", initial, count);
    side(all);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(set_of(1)->is, count);
    for (uint32_t mask = 1; mask <= all; mask++) {
        uint32_t gone = 0, here = 0;
        uint64_t one = 0;

        side(mask);
        for (uint32_t i = 0; i < count; i++)
            if (mask & 1u << i) {
                one = i + 1;
                here++;
            } else {
                lost[gone++] = i + 1;
            }
        ck_assert_msg((verdict_of(one, lost, gone, NULL, 0)
                       == PHUB_VERDICT_CONTINUE) == (2 * here > count),
                      "%u of %u", here, count);
    }
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_number_of_nodes_is_needed_and_goodbyes_lower_it)
{
    static const uint64_t three[] = { 3 }, two[] = { 2 };

    begin("static_quorum", "quorum_size=2", 3);
    side(1);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0), PHUB_VERDICT_STOP);
    side(7);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(3);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, three, 1),
                      PHUB_VERDICT_CONTINUE);
    side(1);
    ck_assert_uint_eq(verdict_of(1, two, 1, NULL, 0), PHUB_VERDICT_STOP);
    side(3);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(1);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, two, 1),
                      PHUB_VERDICT_CONTINUE);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_minority_freezes_if_asked_and_stops_else)
{
    static const char *const names[] = { "majority_quorum", "keep_oldest",
                                         "static_quorum", "dynamic_quorum" };
    static const char *const sizes[] = { "initial_size=3", "initial_size=3",
                                         "quorum_size=2",
                                         "quorum_percent=60" };
    static const char *const minorities[] = { "minority=stop",
                                              "minority=freeze" };
    const char *const params[] = { sizes[_i / 2], minorities[_i % 2], NULL };
    uint64_t lost[] = { 1, 2 };
    uint64_t one = 3;

    begin_with(names[_i / 2], params, 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    ck_assert_uint_eq(verdict_of(one, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(4);
    ck_assert_uint_eq(verdict_of(one, lost, 2, NULL, 0),
                      _i % 2 == 0 ? PHUB_VERDICT_STOP : PHUB_VERDICT_FREEZE);
    mock_world_fini(&world);
}
END_TEST

/* The oldest of three is the one whose two followers do not go on without. */
START_TEST(the_oldest_goes_on_alone_if_asked)
{
    const char *const params[] = { "initial_size=3", _i == 0
        ? "alone=stops" : "alone=goes_on", NULL };
    uint32_t alone = 0, pairs = 0;

    begin_with("keep_oldest", params, 3);
    side(7);
    mock_run(&world, ENOUGH_MS);
    for (uint32_t i = 0; i < 3; i++) {
        uint64_t one = i + 1, others[2] = { (i + 1) % 3 + 1, (i + 2) % 3 + 1 };

        side(1u << i);
        side(7u & ~(1u << i));
        alone += verdict_of(one, others, 2, NULL, 0) == PHUB_VERDICT_CONTINUE;
        pairs += verdict_of(others[0], &one, 1, NULL, 0) ==
                 PHUB_VERDICT_CONTINUE;
    }
    ck_assert_uint_eq(alone, _i == 0 ? 0 : 1);
    ck_assert_uint_eq(pairs, _i == 0 ? 3 : 2);
    mock_world_fini(&world);
}
END_TEST

/* With startup_confirm=no who starts first begins alone, until there were enough
 * once. */
START_TEST(whether_enough_must_have_met_before_anything_begins_is_asked)
{
    static const uint64_t two[] = { 2, 3 };
    const char *const params[] = { "quorum_size=2", _i == 0
        ? "startup_confirm=yes" : "startup_confirm=no", NULL };
    uint32_t electors = 0;

    begin_with("static_quorum", params, 3);
    side(1);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      _i == 0 ? PHUB_VERDICT_STOP : PHUB_VERDICT_CONTINUE);
    ck_assert_int_eq(phub__call_electorate(node(1)->strategy, node(1)->view,
                                           &electors, NULL, 0), 0);
    ck_assert_uint_eq(electors, _i == 0 ? 3 : 1);
    side(7);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(1);
    ck_assert_uint_eq(verdict_of(1, two, 2, NULL, 0), PHUB_VERDICT_STOP);
    ck_assert_int_eq(phub__call_electorate(node(1)->strategy, node(1)->view,
                                           &electors, NULL, 0), 0);
    ck_assert_uint_eq(electors, 3);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_hub_may_shrink_slowly_but_not_at_once)
{
    static const uint64_t rest[] = { 2, 3, 4, 5 };
    const char *const params[] = { "quorum_percent=60", "threshold_s=10",
                                   NULL };
    uint32_t masks[] = { 15, 7, 3, 1 };

    mock_world_init(&world, 7);
    for (uint32_t i = 0; i < 5; i++)
        ck_assert_int_eq(mock_open(mock_new(&world), PHUB_KIND_PARTITION,
                                   "dynamic_quorum", params), 0);
    side(31);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(1);
    ck_assert_uint_eq(verdict_of(1, rest, 4, NULL, 0), PHUB_VERDICT_STOP);
    mock_run(&world, 9000);
    ck_assert_uint_eq(node(1)->judge_again, 0);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0), PHUB_VERDICT_STOP);
    mock_run(&world, 1100);
    ck_assert_uint_eq(node(1)->judge_again, 1);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    side(31);
    ck_assert_uint_eq(verdict_of(1, NULL, 0, NULL, 0),
                      PHUB_VERDICT_CONTINUE);
    for (uint32_t i = 0; i < 2; i++) {
        side(masks[i]);
        ck_assert_uint_eq(verdict_of(1, &rest[3 - i], 1, NULL, 0),
                          PHUB_VERDICT_CONTINUE);
        mock_run(&world, 11000);
    }
    mock_world_fini(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("electors");
    TCase *t = tcase_create("electors");
    SRunner *runner;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, nobody_has_a_say_before_a_set_is_founded);
    tcase_add_test(t, those_that_meet_found_one_set);
    tcase_add_test(t, foundings_that_share_a_node_are_one);
    tcase_add_test(t, newcomers_pass_through_both_sets);
    tcase_add_test(t, who_is_lost_stays_and_who_says_goodbye_goes);
    tcase_add_test(t, those_that_leave_at_one_time_are_out_before_they_go);
    tcase_add_test(t, who_leaves_counts_as_long_as_the_others_need_it);
    tcase_add_test(t, nobody_waits_where_all_leave_or_nothing_is_agreed_on);
    tcase_add_test(t, two_that_met_a_third_do_not_outvote_those_before);
    tcase_add_test(t, a_set_outlives_a_restart_of_all);
    tcase_add_test(t, who_has_no_set_asks_until_somebody_tells_it);
    tcase_add_test(t, a_node_that_cannot_write_does_not_vote);
    tcase_add_test(t, a_ballot_is_not_begun_again_after_a_crash);
    tcase_add_test(t, of_two_foundings_the_larger_stays);
    tcase_add_test(t, after_a_reset_only_those_in_view_count);
    tcase_add_test(t, who_comes_back_after_a_reset_is_a_newcomer);
    tcase_add_test(t, two_sides_that_are_both_reset_become_one_again);
    tcase_add_test(t, one_that_is_forgotten_is_taken_out);
    tcase_add_test(t, of_each_split_in_two_one_side_keeps);
    tcase_add_loop_test(t, a_majority_is_more_than_half_of_any_number, 1, 6);
    tcase_add_test(t, sets_are_founded_and_changed_when_it_is_time);
    tcase_add_loop_test(t, a_tie_is_broken_by_the_oldest_if_asked, 0, 2);
    tcase_add_test(t, a_number_of_nodes_is_needed_and_goodbyes_lower_it);
    tcase_add_loop_test(t, a_minority_freezes_if_asked_and_stops_else, 0, 8);
    tcase_add_loop_test(t, the_oldest_goes_on_alone_if_asked, 0, 2);
    tcase_add_loop_test(t,
        whether_enough_must_have_met_before_anything_begins_is_asked, 0, 2);
    tcase_add_test(t, a_hub_may_shrink_slowly_but_not_at_once);
    suite_add_tcase(suite, t);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
