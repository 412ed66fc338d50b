/* SPDX-License-Identifier: MIT */
/* Membership: joins, failures, partitions, leaving, on simulated nodes. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/message.h"
#include "cluster_sim.h"

#define SEEDS 20u

/* All nodes up, joined through node 0, and settled. */
static void settled(struct sim *sim, uint64_t seed, uint32_t count)
{
    ck_assert(sim_join_all(sim, seed, count, 10 * SIM_S));
    sim_run(sim, 5 * SIM_S);
    for (uint32_t i = 0; i < count; i++)
        sim->nodes[i].lost = sim->nodes[i].left = sim->nodes[i].joined = 0;
}

static uint32_t lost_sum(const struct sim *sim)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        sum += sim->nodes[i].lost;
    return sum;
}

START_TEST(nodes_that_start_at_once_find_each_other)
{
    for (uint32_t count = 2; count <= 20; count++) {
        struct sim sim;

        sim_init(&sim, count, count);
        for (uint32_t i = 0; i < count; i++)
            sim_boot(&sim, i, 1);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 20 * SIM_S), 2 * SIM_S);
        ck_assert_uint_eq(lost_sum(&sim), 0);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(two_that_seed_each_other_merge)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        sim_init(&sim, seed, 2);
        sim_boot(&sim, 0, 3);
        sim_run(&sim, sim_below(&sim, 3 * SIM_MS));
        sim_boot(&sim, 1, 3);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 20 * SIM_S), SIM_S);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_seed_that_comes_up_late_is_found)
{
    struct sim sim;

    sim_init(&sim, 1, 2);
    sim_boot(&sim, 0, 2);
    sim_run(&sim, 100 * SIM_S);
    ck_assert(sim_agreed(&sim));
    sim_boot(&sim, 1, 0);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 16 * SIM_S);
    sim_fini(&sim);
}
END_TEST

/* Who has just started counts on that. */
START_TEST(who_is_missed_is_asked_within_the_longest_wait)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        uint64_t sent = 0, asked_ns = 0;
        struct sim sim;

        sim_init(&sim, seed, 2);
        sim_boot(&sim, 0, 2);
        for (int i = 0; i < 4000; i++) {
            if (sim.nodes[0].sent != sent || i == 0)
                asked_ns = sim.now_ns;
            sent = sim.nodes[0].sent;
            sim_run(&sim, 100 * SIM_MS);
            ck_assert_uint_le(sim.now_ns - asked_ns, 15200 * SIM_MS);
        }
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(two_hubs_become_one_through_a_seed)
{
    struct sim sim;

    sim_init(&sim, 1, 6);
    for (uint32_t i = 0; i < 3; i++)
        sim_boot(&sim, i, 1);
    for (uint32_t i = 3; i < 6; i++)
        sim_boot(&sim, i, 8);
    sim_run(&sim, 5 * SIM_S);
    sim_crash(&sim, 5);
    sim_run(&sim, 5 * SIM_S);
    ck_assert(!sim_agreed(&sim));
    sim_boot(&sim, 5, 8 | 1);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 5 * SIM_S);
    sim_fini(&sim);
}
END_TEST

/* Time from now until everybody who runs has dropped node 1. */
static uint64_t detection(struct sim *sim)
{
    uint64_t start = sim->now_ns;

    for (;;) {
        bool known = false;

        for (uint32_t i = 0; i < sim->count; i++)
            known |= i != 1
                  && phub__view_find(
                         phub__cluster_view(sim->nodes[i].cluster),
                         sim->nodes[1].self.node) != NULL;
        if (!known || sim->now_ns > start + 20 * SIM_S)
            return sim->now_ns - start;
        sim_run(sim, 10 * SIM_MS);
    }
}

START_TEST(a_crashed_or_frozen_peer_is_dead_within_two_seconds)
{
    static const uint32_t counts[] = { 2, 3, 5, 20 };
    uint64_t worst = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (size_t k = 0; k < 4; k++) {
            struct sim sim;
            uint64_t took;

            settled(&sim, seed, counts[k]);
            sim_run(&sim, sim_below(&sim, 700 * SIM_MS));
            if (seed % 2 == 0)
                sim_crash(&sim, 1);
            else
                sim_freeze(&sim, 1, 1000 * SIM_S);
            took = detection(&sim);
            ck_assert_uint_le(took, 2000 * SIM_MS);
            worst = took > worst ? took : worst;
            for (uint32_t i = 0; i < sim.count; i++)
                ck_assert(i == 1 || sim.nodes[i].lost == 1);
            sim_fini(&sim);
        }
    }
    ck_assert_uint_gt(worst, 0);
}
END_TEST

START_TEST(a_frozen_peer_knows_it_was_and_comes_back)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 5);
        sim_freeze(&sim, 1, 6 * SIM_S);
        sim_run(&sim, 6 * SIM_S - SIM_MS);
        ck_assert_int_eq((int)sim_state(&sim, 1, 0), PHUB__MEMBER_DEAD);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 20 * SIM_S), 3 * SIM_S);
        ck_assert_uint_eq(sim.nodes[1].stalled, 1);
        /* It declared nobody dead for having been stopped itself. */
        ck_assert_uint_eq(sim.nodes[1].lost, 0);
        sim_run(&sim, 10 * SIM_S);
        ck_assert(sim_agreed(&sim));
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_short_freeze_costs_nobody)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 3);
        sim_freeze(&sim, 1, 400 * SIM_MS);
        sim_run(&sim, 10 * SIM_S);
        ck_assert_uint_eq(lost_sum(&sim), 0);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_restart_faster_than_detection_is_a_loss_and_a_join)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 4);
        sim_crash(&sim, 1);
        sim_run(&sim, 20 * SIM_MS);
        sim_boot(&sim, 1, 1);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 10 * SIM_S), SIM_S);
        sim_run(&sim, 3 * SIM_S);
        for (uint32_t i = 0; i < 4; i++) {
            if (i == 1)
                continue;
            ck_assert_uint_eq(sim.nodes[i].lost, 1);
            ck_assert_uint_eq(sim.nodes[i].joined, 1);
            ck_assert_uint_eq(sim.nodes[i].s_lost, 1);
            ck_assert_uint_eq(sim.nodes[i].s_joined, 1);
        }
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_restart_without_seeds_is_found_by_those_who_miss_it)
{
    struct sim sim;

    settled(&sim, 1, 3);
    sim_crash(&sim, 0);
    sim_run(&sim, 20 * SIM_MS);
    sim_boot(&sim, 0, 0);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 20 * SIM_S), 2 * SIM_S);
    sim_crash(&sim, 0);
    sim_run(&sim, 60 * SIM_S);
    sim_boot(&sim, 0, 0);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 16 * SIM_S);
    sim_fini(&sim);
}
END_TEST

START_TEST(a_partition_heals_by_itself)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;
        uint32_t losses;

        settled(&sim, seed, 5);
        sim_partition(&sim, 7, true);
        sim_run(&sim, (seed % 2 == 0 ? 10 : 300) * SIM_S);
        for (uint32_t i = 0; i < 5; i++)
            ck_assert_uint_eq(
                phub__view_count(phub__cluster_view(sim.nodes[i].cluster)),
                i < 3 ? 3 : 2);
        losses = lost_sum(&sim);
        ck_assert_uint_eq(losses, 3 * 2 + 2 * 3);
        sim_partition(&sim, 7, false);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 20 * SIM_S);
        sim_run(&sim, 5 * SIM_S);
        ck_assert(sim_agreed(&sim));
        /* Each half called the other dead; nobody is lost for that. */
        ck_assert_uint_eq(lost_sum(&sim), losses);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(one_link_that_is_cut_loses_nobody)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 3);
        sim_cut(&sim, 0, 1, true);
        if (seed % 2 == 0)
            sim_cut(&sim, 1, 0, true);
        sim_run(&sim, 60 * SIM_S);
        ck_assert_uint_eq(lost_sum(&sim), 0);
        ck_assert(sim_agreed(&sim));
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_one_way_cut_is_quiet_and_heals)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;
        uint32_t count = seed % 2 == 0 ? 2 : 4, changes = 0;

        settled(&sim, seed, count);
        for (uint32_t i = 1; i < count; i++) {
            sim_cut(&sim, 0, i, seed % 3 != 0);
            sim_cut(&sim, i, 0, seed % 3 == 0);
        }
        sim_run(&sim, 10 * SIM_S);
        for (uint32_t i = 0; i < count; i++)
            changes += sim.nodes[i].views;
        sim_run(&sim, 120 * SIM_S);
        for (uint32_t i = 0; i < count; i++)
            changes -= sim.nodes[i].views;
        ck_assert_uint_eq(changes, 0);
        sim_partition(&sim, 1, false);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 20 * SIM_S);
        sim_fini(&sim);
    }
}
END_TEST

/* All but one, who is away. */
static uint64_t joins_without(const struct sim *sim, uint32_t away)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        sum += i == away ? 0 : sim->nodes[i].joins;
    return sum;
}

/* First after 15 s, in the end every four minutes, by each of the four. */
START_TEST(one_that_left_is_looked_for_more_and_more_seldom)
{
    struct sim sim;
    uint64_t before;

    settled(&sim, 1, 5);
    sim_leave(&sim, 1);
    before = joins_without(&sim, 1);
    sim_run(&sim, 60 * SIM_S);
    ck_assert_uint_ge(joins_without(&sim, 1) - before, 4);
    sim_run(&sim, 3600 * SIM_S);
    before = joins_without(&sim, 1);
    sim_run(&sim, 3600 * SIM_S);
    ck_assert_uint_ge(joins_without(&sim, 1) - before, 4 * 12);
    ck_assert_uint_le(joins_without(&sim, 1) - before, 4 * 20);
    sim_boot(&sim, 1, 0);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 600 * SIM_S), 240 * SIM_S);
    sim_fini(&sim);
}
END_TEST

/* By one that has company; alone it asks as it asks a seed. */
START_TEST(one_that_was_known_before_the_start_is_asked_more_and_more_seldom)
{
    struct sim sim;
    uint64_t before, alone;

    settled(&sim, 1, 2);
    sim_crash(&sim, 0);
    sim.nodes[0].remembers = "sim://gone";
    sim_boot(&sim, 0, 2);
    ck_assert(sim_run_until_agreed(&sim, 30 * SIM_S) != UINT64_MAX);
    sim_run(&sim, 3600 * SIM_S);
    before = sim.nodes[0].joins;
    sim_run(&sim, 3600 * SIM_S);
    ck_assert_uint_ge(sim.nodes[0].joins - before, 12);
    ck_assert_uint_le(sim.nodes[0].joins - before, 20);
    sim_leave(&sim, 1);
    sim_run(&sim, 3600 * SIM_S);
    before = sim.nodes[0].joins;
    sim_run(&sim, 3600 * SIM_S);
    alone = sim.nodes[0].joins - before;
    ck_assert_uint_ge(alone, 3600 / 15);
    sim_fini(&sim);
}
END_TEST

/* For ever within the longest wait, by all: it did not choose to go. */
START_TEST(one_that_was_lost_is_looked_for_within_the_longest_wait_for_ever)
{
    struct sim sim;
    uint64_t before;

    settled(&sim, 1, 5);
    sim_crash(&sim, 1);
    sim_run(&sim, 3600 * SIM_S);
    before = joins_without(&sim, 1);
    sim_run(&sim, 600 * SIM_S);
    ck_assert_uint_ge(joins_without(&sim, 1) - before, 4 * 600 / 15);
    sim_boot(&sim, 1, 0);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 60 * SIM_S), 15 * SIM_S);
    sim_fini(&sim);
}
END_TEST

START_TEST(leaving_is_not_a_loss)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 5);
        sim_leave(&sim, 1);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 5 * SIM_S),
                          50 * SIM_MS);
        sim_run(&sim, 30 * SIM_S);
        ck_assert_uint_eq(lost_sum(&sim), 0);
        for (uint32_t i = 0; i < 5; i++) {
            if (i == 1)
                continue;
            ck_assert_uint_eq(sim.nodes[i].left, 1);
            ck_assert_uint_eq(sim.nodes[i].s_left, 1);
            ck_assert_int_eq((int)sim_state(&sim, 1, i), PHUB__MEMBER_LEFT);
            ck_assert_uint_eq(phub__cluster_grant_remaining(
                                  sim.nodes[i].cluster, 101,
                                  sim_local_ns(&sim.nodes[i])), 0);
        }
        sim_boot(&sim, 1, 1);
        ck_assert_uint_le(sim_run_until_agreed(&sim, 5 * SIM_S), SIM_S);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_goodbye_that_was_lost_is_said_again)
{
    struct sim sim;
    struct sim_node *n = &sim.nodes[1];

    settled(&sim, 1, 2);
    sim_partition(&sim, 1, true);
    phub__cluster_leave(n->cluster, sim_local_ns(n));
    sim_run(&sim, 100 * SIM_MS);
    sim_partition(&sim, 1, false);
    sim_run(&sim, 1000 * SIM_MS);
    ck_assert_uint_eq(sim.nodes[0].left, 1);
    ck_assert_uint_eq(sim.nodes[0].lost, 0);
    sim_fini(&sim);
}
END_TEST

START_TEST(loss_of_a_tenth_loses_nobody)
{
    uint32_t losses = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct sim sim;

        settled(&sim, seed, 5);
        sim.loss_permille = 100;
        sim.delay_max_ns = 20 * SIM_MS;
        sim_run(&sim, 120 * SIM_S);
        losses += lost_sum(&sim);
        sim.loss_permille = 0;
        ck_assert(sim_run_until_agreed(&sim, 60 * SIM_S) != UINT64_MAX);
        sim_fini(&sim);
    }
    /* 20 x 5 x 4 pairs x 120 s; a few are allowed, none is usual. */
    ck_assert_uint_le(losses, 4);
}
END_TEST

START_TEST(messages_are_bounded)
{
    static const uint32_t counts[] = { 2, 5, 20 };

    for (size_t k = 0; k < 3; k++) {
        struct sim sim;
        uint64_t sent = 0, intervals = 100;

        settled(&sim, 1, counts[k]);
        sim_run(&sim, 5 * SIM_S);
        for (uint32_t i = 0; i < sim.count; i++)
            sent -= sim.nodes[i].sent;
        sim_run(&sim, intervals * 300 * SIM_MS);
        for (uint32_t i = 0; i < sim.count; i++)
            sent += sim.nodes[i].sent;
        /* Three pings, if there are so many, and as many answers, and a list
         * now and then. */
        ck_assert_uint_le(sent, sim.count * (intervals * 2 * (k == 0 ? 1 : 3)
                                             + 60));
        sim_fini(&sim);
    }
}
END_TEST

static uint64_t pings(const struct sim_node *n)
{
    struct phub__cluster_stats stats;

    phub__cluster_stats(n->cluster, &stats);
    return stats.probes;
}

/* Three in an interval, in two from 32 members on, in three from 64 on. */
START_TEST(the_more_members_the_longer_each_waits_between_its_pings)
{
    static const struct { uint32_t count, intervals; } hubs[] = {
        { 31, 1 }, { 32, 2 }, { 63, 2 }, { 64, 3 }
    };

    for (size_t k = 0; k < sizeof hubs / sizeof hubs[0]; k++) {
        uint64_t before[SIM_NODES_MAX], turns = 60;
        struct sim sim;

        settled(&sim, 1, hubs[k].count);
        for (uint32_t i = 0; i < sim.count; i++)
            before[i] = pings(&sim.nodes[i]);
        sim_run(&sim, turns * hubs[k].intervals * 300 * SIM_MS);
        for (uint32_t i = 0; i < sim.count; i++) {
            uint64_t made = pings(&sim.nodes[i]) - before[i];

            ck_assert_uint_ge(made, 3 * (turns - 2));
            ck_assert_uint_le(made, 3 * (turns + 1));
        }
        sim_fini(&sim);
    }
}
END_TEST

/* All but one in a thousand: 2.1 s until somebody pings it, 0.3, and 0.9 to
 * 1.35 of suspicion. */
START_TEST(a_silent_one_of_a_hundred_is_dead_within_four_seconds)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct sim sim;

        settled(&sim, seed, 100);
        sim_run(&sim, sim_below(&sim, 900 * SIM_MS));
        sim_freeze(&sim, 1, 1000 * SIM_S);
        ck_assert_uint_le(detection(&sim), 4000 * SIM_MS);
        for (uint32_t i = 0; i < sim.count; i++)
            ck_assert(i == 1 || sim.nodes[i].lost == 1);
        sim_fini(&sim);
    }
}
END_TEST

START_TEST(a_burst_settles_once)
{
    struct sim sim;

    settled(&sim, 1, 3);
    sim_fini(&sim);
    sim_init(&sim, 1, 10);
    for (uint32_t i = 0; i < 3; i++)
        sim_boot(&sim, i, 1);
    sim_run(&sim, 5 * SIM_S);
    sim.nodes[0].settled = sim.nodes[0].views = 0;
    for (uint32_t i = 3; i < 10; i++) {
        sim_boot(&sim, i, 1);
        sim_run(&sim, 100 * SIM_MS);
    }
    sim_run(&sim, 3 * SIM_S);
    ck_assert_uint_eq(sim.nodes[0].settled, 1);
    ck_assert_uint_eq(sim.nodes[0].s_joined, 7);
    ck_assert_uint_ge(sim.nodes[0].views, 2);
    sim_fini(&sim);
}
END_TEST

START_TEST(endless_change_settles_all_the_same)
{
    struct sim sim;

    settled(&sim, 1, 3);
    sim.nodes[0].settled = 0;
    for (uint32_t i = 0; i < 30; i++) {
        if (sim.nodes[2].cluster != NULL)
            sim_leave(&sim, 2);
        else
            sim_boot(&sim, 2, 1);
        sim_run(&sim, 300 * SIM_MS);
    }
    ck_assert_uint_ge(sim.nodes[0].settled, 3);
    ck_assert_uint_le(sim.nodes[0].settled, 6);
    sim_fini(&sim);
}
END_TEST

START_TEST(a_broken_link_speeds_up_detection)
{
    uint64_t with = 0, without = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        for (int hint = 0; hint < 2; hint++) {
            struct sim sim;

            settled(&sim, seed, 5);
            sim_crash(&sim, 1);
            for (uint32_t i = 0; i < 5; i++)
                if (hint == 1 && i != 1)
                    phub__cluster_link_lost(sim.nodes[i].cluster, 101,
                                            sim_local_ns(&sim.nodes[i]));
            *(hint == 1 ? &with : &without) += detection(&sim);
            sim_fini(&sim);
        }
    }
    ck_assert_uint_lt(with, without);
    ck_assert_uint_le(with / SEEDS, 1200 * SIM_MS);
}
END_TEST

/* Between them, by all. */
static uint64_t lists_sent(struct sim *sim, uint64_t for_ns)
{
    uint64_t before = 0, after = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        before += sim->nodes[i].lists;
    sim_run(sim, for_ns);
    for (uint32_t i = 0; i < sim->count; i++)
        after += sim->nodes[i].lists;
    return after - before;
}

START_TEST(answered_probes_wake_nobody)
{
    struct sim sim;

    settled(&sim, 17, 3);
    for (uint32_t i = 0; i < 3; i++)
        sim.nodes[i].ticks = 0;
    sim_run(&sim, 30 * SIM_S);
    for (uint32_t i = 0; i < 3; i++) {
        ck_assert_uint_ge(sim.nodes[i].ticks, 95);   /* 100 intervals, and */
        ck_assert_uint_le(sim.nodes[i].ticks, 115);  /* a few other things */
    }
    sim_fini(&sim);
}
END_TEST

START_TEST(equal_member_lists_are_compared_and_not_sent)
{
    struct sim sim;
    uint64_t sent;

    sim_init(&sim, 11, 12);
    for (uint32_t i = 0; i < 12; i++) {
        sim.nodes[i].params.sync_interval = 200;
        sim_boot(&sim, i, 1);
    }
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    sim_run(&sim, 5 * SIM_S);
    sent = sim.nodes[0].sent;
    ck_assert_uint_eq(lists_sent(&sim, 20 * SIM_S), 0);
    /* A hundred comparisons of its own were among these. */
    ck_assert_uint_gt(sim.nodes[0].sent, sent + 100);
    sim_fini(&sim);
}
END_TEST

START_TEST(member_lists_that_differ_are_exchanged_both_ways)
{
    static struct phub__message m;
    struct phub__cluster_from from = { .target = 0 };
    uint8_t body[256];
    struct sim sim;
    size_t size;

    settled(&sim, 12, 3);
    sim_run(&sim, 5 * SIM_S);
    phub__message_init(&m, PHUB__CLUSTER_SYNC);
    m.list = 12345;
    ck_assert_int_eq(phub__message_encode(&m, body, sizeof body, &size), 0);
    for (uint32_t i = 0; i < 3; i++)
        sim.nodes[i].lists = 0;
    from.node = sim.nodes[1].self.node;
    from.boot = sim.nodes[1].self.boot;
    ck_assert_int_eq(phub__cluster_receive(sim.nodes[0].cluster, &from,
                                           PHUB__CLUSTER_SYNC, body, size,
                                           sim_local_ns(&sim.nodes[0])), 0);
    ck_assert_uint_eq(sim.nodes[0].lists, 1);
    sim_run(&sim, SIM_S);
    ck_assert_uint_eq(sim.nodes[0].lists, 1);
    ck_assert_uint_eq(sim.nodes[1].lists, 1);
    ck_assert_uint_eq(sim.nodes[2].lists, 0);
    sim_fini(&sim);
}
END_TEST

static bool all_see(const struct sim *sim, uint32_t of, bool drained)
{
    for (uint32_t i = 0; i < sim->count; i++)
        if (phub__cluster_member(sim->nodes[i].cluster,
                                 sim->nodes[of].self.node)->drained
            != drained)
            return false;
    return true;
}

START_TEST(all_know_who_takes_no_children_and_its_view_is_the_same)
{
    struct sim sim;
    uint64_t version;
    uint32_t views;

    settled(&sim, 13, 12);
    sim.loss_permille = 100;
    sim_run(&sim, 5 * SIM_S);
    views = sim.nodes[0].views;
    version = phub__cluster_takers_version(sim.nodes[0].cluster);
    phub__cluster_takes(sim.nodes[5].cluster, true,
                        sim_local_ns(&sim.nodes[5]));
    phub__cluster_takes(sim.nodes[5].cluster, false,
                        sim_local_ns(&sim.nodes[5]));
    sim_run(&sim, 3 * SIM_S);
    ck_assert(all_see(&sim, 5, true));
    ck_assert_uint_eq(phub__cluster_takers_version(sim.nodes[0].cluster),
                      version + 1);
    ck_assert_uint_eq(sim.nodes[0].views, views);
    /* Who was cut off hears of it, too, and a refutation says it again. */
    sim_partition(&sim, 1, true);
    sim_run(&sim, 5 * SIM_S);
    phub__cluster_takes(sim.nodes[5].cluster, true,
                        sim_local_ns(&sim.nodes[5]));
    phub__cluster_takes(sim.nodes[7].cluster, false,
                        sim_local_ns(&sim.nodes[7]));
    sim_freeze(&sim, 7, SIM_S);
    sim_run(&sim, 3 * SIM_S);
    sim_partition(&sim, 1, false);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 60 * SIM_S), UINT64_MAX);
    sim_run(&sim, 3 * SIM_S);
    ck_assert(all_see(&sim, 5, false));
    ck_assert(all_see(&sim, 7, true));
    /* A new start is as configured. */
    sim_crash(&sim, 7);
    sim_boot(&sim, 7, 1);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    sim_run(&sim, 3 * SIM_S);
    ck_assert(all_see(&sim, 7, false));
    sim_fini(&sim);
}
END_TEST

START_TEST(the_same_seed_is_the_same_story)
{
    uint64_t sent[2][5];

    for (int run = 0; run < 2; run++) {
        struct sim sim;

        settled(&sim, 7, 5);
        sim.loss_permille = 200;
        sim_run(&sim, 20 * SIM_S);
        for (uint32_t i = 0; i < 5; i++)
            sent[run][i] = sim.nodes[i].sent;
        sim_fini(&sim);
    }
    ck_assert_mem_eq(sent[0], sent[1], sizeof sent[0]);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("swim");
    TCase *t = tcase_create("nodes");

    tcase_set_timeout(t, 60);
    tcase_add_test(t, nodes_that_start_at_once_find_each_other);
    tcase_add_test(t, two_that_seed_each_other_merge);
    tcase_add_test(t, a_seed_that_comes_up_late_is_found);
    tcase_add_test(t, who_is_missed_is_asked_within_the_longest_wait);
    tcase_add_test(t, two_hubs_become_one_through_a_seed);
    tcase_add_test(t, a_crashed_or_frozen_peer_is_dead_within_two_seconds);
    tcase_add_test(t, a_frozen_peer_knows_it_was_and_comes_back);
    tcase_add_test(t, a_short_freeze_costs_nobody);
    tcase_add_test(t, a_restart_faster_than_detection_is_a_loss_and_a_join);
    tcase_add_test(t, a_restart_without_seeds_is_found_by_those_who_miss_it);
    tcase_add_test(t, a_partition_heals_by_itself);
    tcase_add_test(t, one_link_that_is_cut_loses_nobody);
    tcase_add_test(t, a_one_way_cut_is_quiet_and_heals);
    tcase_add_test(t, one_that_left_is_looked_for_more_and_more_seldom);
    tcase_add_test(t,
                   one_that_was_known_before_the_start_is_asked_more_and_more_seldom);
    tcase_add_test(t,
                   one_that_was_lost_is_looked_for_within_the_longest_wait_for_ever);
    tcase_add_test(t, leaving_is_not_a_loss);
    tcase_add_test(t, a_goodbye_that_was_lost_is_said_again);
    tcase_add_test(t, loss_of_a_tenth_loses_nobody);
    tcase_add_test(t, messages_are_bounded);
    tcase_add_test(
        t, the_more_members_the_longer_each_waits_between_its_pings);
    tcase_add_test(t, a_silent_one_of_a_hundred_is_dead_within_four_seconds);
    tcase_add_test(t, a_burst_settles_once);
    tcase_add_test(t, endless_change_settles_all_the_same);
    tcase_add_test(t, a_broken_link_speeds_up_detection);
    tcase_add_test(t, answered_probes_wake_nobody);
    tcase_add_test(t, equal_member_lists_are_compared_and_not_sent);
    tcase_add_test(t, member_lists_that_differ_are_exchanged_both_ways);
    tcase_add_test(t,
        all_know_who_takes_no_children_and_its_view_is_the_same);
    tcase_add_test(t, the_same_seed_is_the_same_story);
    suite_add_tcase(s, t);
    return s;
}

int main(void)
{
    SRunner *r = srunner_create(suite());
    int failed;

    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
