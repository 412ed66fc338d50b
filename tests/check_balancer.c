/* SPDX-License-Identifier: MIT */
/* Tests of load_balancer, in virtual time: who leads, where children go, whose
 * boards count, what moves. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "balancer/balancer.h"
#include "mock_host.h"

#define NODES 6u
#define CHILDREN 4000u
#define GIB (UINT64_C(1) << 30)

static struct mock_world world;
static uint64_t homes[CHILDREN];
static const char *params[16];
static uint32_t params_count;

static const struct balancer *self(uint32_t node)
{
    return world.nodes[node - 1]->strategy->self;
}

static const struct balancer_board *board(uint32_t node)
{
    return &self(node)->board;
}

/* What node n uses from now on; a new measurement each interval. */
static void use(uint32_t n, uint32_t cpus, uint32_t cpu, uint32_t queue_milli,
                uint64_t memory)
{
    struct phub_load *load = &world.nodes[n - 1]->load;

    *load = (struct phub_load){
        .size = sizeof *load, .cpus = cpus, .cpu_permille = cpu,
        .queue_milli = queue_milli, .memory_bytes = 8 * GIB,
        .memory_free_bytes = 8 * GIB - memory, .host = n, .flags = load->flags,
        .serial = load->serial + 1 };
}

/* So many intervals, with new measurements. */
static void intervals(uint32_t count)
{
    uint32_t i;

    for (; count > 0; count--) {
        for (i = 0; i < world.nodes_count; i++)
            if (world.nodes[i]->load.serial != 0)
                world.nodes[i]->load.serial++;
        (void)mock_run(&world, 10000);
        for (i = 0; i < world.nodes_count; i++)
            world.nodes[i]->planned = 0;
    }
}

static void begin(uint32_t count)
{
    uint32_t i;

    mock_world_init(&world, 1);
    memset(homes, 0, sizeof homes);
    world.homes = homes;
    params[params_count] = NULL;
    for (i = 0; i < count; i++)
        ck_assert_int_eq(mock_open(mock_new(&world), PHUB_KIND_DISTRIBUTION,
                                   "load_balancer",
                                   params_count != 0 ? params : NULL), 0);
    params_count = 0;
    mock_view_all(&world, count);
}

static void end(void)
{
    mock_world_fini(&world);
}

/* Ask node where one more child goes, and have it go there. */
static uint64_t start(uint32_t node)
{
    struct mock *mock = world.nodes[node - 1];
    struct phub_assign_item item = { .size = sizeof item,
                                     .cause = PHUB_CAUSE_START };
    char id[16], error[PHUB__LOADER_ERROR_MAX];
    uint32_t count;
    uint64_t home;

    (void)snprintf(id, sizeof id, "k%u", world.homes_count);
    item.id = (struct phub_bytes){ (const uint8_t *)id, strlen(id) };
    ck_assert_msg(phub__call_assign(mock->strategy, mock->view, &item, 1, 1,
                                    &home, &count, error, sizeof error) == 0,
                  "%s", error);
    ck_assert_uint_eq(count, 1);
    homes[world.homes_count++] = home;
    return home;
}

static uint32_t homes_of(uint64_t node)
{
    uint32_t i, count = 0;

    for (i = 0; i < world.homes_count; i++)
        count += homes[i] == node;
    return count;
}

static uint64_t asked(uint32_t node, uint32_t cause, uint64_t home,
                      const char *id)
{
    struct mock *mock = world.nodes[node - 1];
    struct phub_assign_item item = { .size = sizeof item, .cause = cause,
                                     .home = home };
    uint32_t count;
    uint64_t to;

    item.id = (struct phub_bytes){ (const uint8_t *)id, strlen(id) };
    ck_assert_int_eq(phub__call_assign(mock->strategy, mock->view, &item, 1,
                                       1, &to, &count, NULL, 0), 0);
    ck_assert_uint_eq(count, 1);
    return to;
}

/* --- who leads -------------------------------------------------------------- */

START_TEST(the_lowest_id_leads_and_all_know_it)
{
    static const uint64_t rest[] = { 2, 3, 4 };
    uint32_t i;

    begin(4);
    for (i = 1; i <= 4; i++) {
        ck_assert_uint_eq(self(i)->leader, 1);
        ck_assert_uint_eq(world.nodes[i - 1]->load_to, 1);
        ck_assert_uint_eq(world.nodes[i - 1]->load_interval_ms, 10000);
        use(i, 4, 100 * i, 0, 0);
    }
    intervals(1);
    for (i = 1; i <= 4; i++) {
        ck_assert_uint_eq(board(i)->leader, 1);
        ck_assert_uint_eq(board(i)->count, 4);
        ck_assert_uint_eq(board(i)->serial, board(1)->serial);
    }
    for (i = 2; i <= 4; i++)
        mock_view(world.nodes[i - 1], rest, 3);
    for (i = 2; i <= 4; i++) {
        ck_assert_uint_eq(self(i)->leader, 2);
        ck_assert_uint_eq(world.nodes[i - 1]->load_to, 2);
    }
    end();
}
END_TEST

START_TEST(a_new_leader_begins_with_what_the_last_one_knew)
{
    static const uint64_t rest[] = { 2, 3 };
    uint32_t i, before;

    begin(3);
    use(1, 4, 0, 0, 0);
    use(2, 4, 0, 0, 0);
    use(3, 4, 1000, 4000 * 4, 8 * GIB);
    intervals(20);
    before = balancer_board_find(board(2), 3)->score;
    ck_assert_uint_eq(before, 800);  /* no children */
    use(3, 4, 0, 0, 0);             /* that moment it is idle */
    for (i = 2; i <= 3; i++)
        mock_view(world.nodes[i - 1], rest, 2);
    (void)mock_run(&world, 1000);    /* a board at once */
    ck_assert_uint_eq(board(3)->leader, 2);
    ck_assert_uint_eq(board(3)->count, 2);
    ck_assert_uint_lt(balancer_board_find(board(3), 3)->score, before);
    ck_assert_uint_gt(balancer_board_find(board(3), 3)->score, before * 8 / 10);
    ck_assert_uint_eq(balancer_board_find(board(3), 3)->samples, 21);
    end();
}
END_TEST

START_TEST(a_leader_that_hears_nothing_new_keeps_what_it_inherited_for_a_while)
{
    static const uint64_t rest[] = { 2, 3 };

    begin(3);
    use(1, 4, 0, 0, 0);
    use(3, 2, 600, 0, 0);
    intervals(5);
    world.nodes[2]->load.serial = 0; /* it sends none any more */
    mock_view(world.nodes[1], rest, 2);
    mock_view(world.nodes[2], rest, 2);
    (void)mock_run(&world, 1000);
    ck_assert_uint_eq(balancer_board_find(board(2), 3)->score, 240);
    ck_assert_uint_eq(balancer_board_find(board(2), 3)->capacity, 1520);
    (void)mock_run(&world, 70000);
    ck_assert_uint_eq(self(2)->histories[1].count, 0);
    (void)start(2);
    end();
}
END_TEST

START_TEST(on_each_side_of_a_cut_somebody_leads)
{
    static const uint64_t one[] = { 1, 2 }, other[] = { 3, 4 };
    uint32_t i;

    begin(4);
    for (i = 1; i <= 4; i++)
        use(i, 4, 100, 0, 0);
    intervals(3);
    for (i = 0; i < 2; i++) {
        mock_view(world.nodes[i], one, 2);
        mock_view(world.nodes[2 + i], other, 2);
    }
    intervals(2);
    ck_assert_uint_eq(board(2)->leader, 1);
    ck_assert_uint_eq(board(4)->leader, 3);
    ck_assert_uint_eq(board(2)->count, 2);
    ck_assert_uint_eq(board(4)->count, 2);
    mock_view_all(&world, 4);
    intervals(2);
    for (i = 1; i <= 4; i++) {
        ck_assert_uint_eq(board(i)->leader, 1);
        ck_assert_uint_eq(board(i)->count, 4);
    }
    ck_assert_uint_eq(self(3)->timed, 0); /* it leads no more */
    ck_assert_ptr_null(self(3)->histories);
    end();
}
END_TEST

START_TEST(without_metrics_homes_are_counted)
{
    uint32_t i;

    begin(5);
    for (i = 0; i < 1000; i++)
        (void)start(1 + i % 5);
    for (i = 1; i <= 5; i++)
        ck_assert_uint_eq(homes_of(i), 200);
    ck_assert_uint_eq(board(1)->count, 0);
    end();
}
END_TEST

START_TEST(weights_that_are_all_0_are_refused)
{
    static const char *const none[] = { "weight_cpu=0", "weight_queue=0",
                                        "weight_children=0",
                                        "weight_memory=0", NULL };
    struct mock *mock;

    mock_world_init(&world, 1);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION, "load_balancer",
                               none), PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(mock->failed, "all weights are 0"));
    end();
}
END_TEST

static uint32_t score_of_1(void)
{
    return balancer_board_find(board(2), 1)->score;
}

/* check_board has the sums. */
START_TEST(what_counts_as_full_and_for_how_long_is_asked)
{
    params[params_count++] = "weight_queue=0";
    params[params_count++] = "weight_children=0";
    params[params_count++] = "weight_memory=0";
    params[params_count++] = "history=2";
    params[params_count++] = "decay_percent=50";
    begin(2);
    use(1, 4, 800, 0, 0);
    use(2, 4, 0, 0, 0);
    (void)mock_run(&world, 10000);
    ck_assert_uint_eq(score_of_1(), 800);
    use(1, 4, 200, 0, 0);
    (void)mock_run(&world, 10000);
    ck_assert_uint_eq(score_of_1(), 400);
    use(1, 4, 0, 0, 0);
    (void)mock_run(&world, 10000);
    ck_assert_uint_eq(score_of_1(), 66);   /* 800 is forgotten */
    end();
    params[params_count++] = "weight_cpu=0";
    params[params_count++] = _i == 0 ? "weight_children=0" : "weight_queue=0";
    params[params_count++] = "weight_memory=0";
    params[params_count++] = "queue_full=10";
    params[params_count++] = "children_full=8";
    begin(2);
    use(1, 1, 0, 5000, 0);
    use(2, 1, 0, 0, 0);
    world.nodes[0]->load.children = 2;
    (void)mock_run(&world, 10000);
    ck_assert_uint_eq(score_of_1(), _i == 0 ? 500 : 250);
    end();
}
END_TEST

/* --- where children go ------------------------------------------------------ */

/* Nodes of 1 to 16 cpus, some busy, two on one machine: a node's children are
 * its part of what is free. */
START_TEST(a_thousand_starts_stand_in_proportion_to_what_is_free)
{
    static const uint32_t cpus[] = { 1, 2, 4, 8, 16, 16 };
    static const uint32_t busy[] = { 0, 500, 250, 1000, 500, 500 };
    uint64_t all = 0;
    double worst = 0;
    uint32_t i;

    params[params_count++] = "weight_queue=0";
    params[params_count++] = "weight_children=0";
    params[params_count++] = "weight_memory=0";
    begin(NODES);
    for (i = 0; i < NODES; i++)
        use(i + 1, cpus[i], busy[i], 0, 0);
    world.nodes[5]->load.host = 5; /* with node 5 */
    intervals(3);
    ck_assert_uint_eq(balancer_board_find(board(2), 1)->capacity, 1000);
    ck_assert_uint_eq(balancer_board_find(board(2), 4)->capacity, 800);
    ck_assert_uint_eq(balancer_board_find(board(2), 5)->capacity, 4000);
    for (i = 0; i < 1000; i++)
        (void)start(1 + i % NODES);
    for (i = 0; i < NODES; i++)
        all += board(2)->entries[i].capacity;
    for (i = 0; i < NODES; i++) {
        double fair = 1000.0 * board(2)->entries[i].capacity / (double)all;

        ck_assert_uint_ne(homes_of(i + 1), 0);
        if (homes_of(i + 1) / fair > worst)
            worst = homes_of(i + 1) / fair;
    }
    ck_assert_msg(worst < 1.03, "the fullest has %.3f of its share", worst);
    end();
}
END_TEST

START_TEST(weights_of_nodes_count_and_none_is_nothing)
{
    uint32_t i;

    mock_world_init(&world, 1);
    end();
    begin(3);
    world.weight[2] = 3000;
    world.weight[3] = UINT32_MAX; /* none */
    mock_view_all(&world, 3);
    for (i = 0; i < 400; i++)
        (void)start(1);
    ck_assert_uint_eq(homes_of(1), 100);
    ck_assert_uint_eq(homes_of(2), 300);
    ck_assert_uint_eq(homes_of(3), 0);
    end();
}
END_TEST

START_TEST(a_batch_sees_what_it_has_given)
{
    static char ids[900][8];
    static struct phub_assign_item items[900];
    static uint64_t nodes[900];
    static uint32_t counts[900];
    uint32_t i, n[4] = { 0 };

    begin(3);
    for (i = 0; i < 900; i++) {
        (void)snprintf(ids[i], sizeof ids[i], "b%u", i);
        items[i] = (struct phub_assign_item){
            .size = sizeof items[i], .cause = PHUB_CAUSE_DRAIN,
            .id = { (const uint8_t *)ids[i], strlen(ids[i]) }, .home = 9 };
    }
    for (i = 0; i < 900; i += 300) /* as a drain asks, in batches */
        ck_assert_int_eq(phub__call_assign(
            world.nodes[0]->strategy, world.nodes[0]->view, &items[i], 300,
            1, &nodes[i], &counts[i], NULL, 0), 0);
    for (i = 0; i < 900; i++)
        n[nodes[i]]++;
    for (i = 1; i <= 3; i++)
        ck_assert_uint_eq(n[i], 300);
    end();
}
END_TEST

START_TEST(a_home_is_a_decision_that_stays)
{
    uint32_t i;
    char id[8];

    begin(3);
    use(1, 4, 900, 0, 0);
    use(2, 4, 0, 0, 0);
    use(3, 4, 0, 0, 0);
    intervals(2);
    for (i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof id, "s%u", i);
        ck_assert_uint_eq(asked(1 + i % 3, PHUB_CAUSE_NODE_JOINED, 1, id), 1);
        ck_assert_uint_ne(asked(1 + i % 3, PHUB_CAUSE_NODE_LOST, 5, id), 0);
        ck_assert_uint_ne(asked(1 + i % 3, PHUB_CAUSE_FAILED, 1, id), 1);
    }
    end();
}
END_TEST

START_TEST(who_joins_gets_the_new_ones_and_nobody_moves)
{
    uint32_t i;

    begin(4);
    for (i = 1; i <= 4; i++)
        use(i, 4, 100, 0, 0);
    mock_view_all(&world, 3);
    intervals(2);
    for (i = 0; i < 300; i++)
        (void)start(1);
    mock_view_all(&world, 4);
    intervals(2);
    for (i = 0; i < 90; i++)
        ck_assert_uint_eq(start(1 + i % 4), 4);
    intervals(20);
    ck_assert_uint_eq(homes_of(1), 100);
    ck_assert_uint_eq(homes_of(2), 100);
    ck_assert_uint_eq(homes_of(3), 100);
    for (i = 1; i <= 4; i++)
        ck_assert_uint_eq(world.nodes[i - 1]->plans, 0);
    end();
}
END_TEST

START_TEST(who_refused_is_asked_last)
{
    uint64_t to;

    begin(3);
    world.homes_count = 20; /* none on 1 and 2 */
    for (uint32_t i = 0; i < 20; i++)
        homes[i] = 3;
    to = asked(1, PHUB_CAUSE_RETRY, 1, "x");
    ck_assert_uint_eq(to, 2);
    ck_assert_uint_eq(asked(1, PHUB_CAUSE_RETRY, 2, "x"), 3);
    ck_assert_uint_eq(asked(1, PHUB_CAUSE_START, 0, "y"), 3);
    (void)mock_run(&world, 30000);
    ck_assert_uint_ne(asked(1, PHUB_CAUSE_START, 0, "y"), 3);
    end();
}
END_TEST

START_TEST(who_is_leaving_takes_nothing_while_others_can)
{
    static const uint64_t last[] = { 2 };
    uint32_t i;

    begin(3);
    for (i = 1; i <= 3; i++)
        use(i, 4, 100, 0, 0);
    world.nodes[1]->load.flags = PHUB_LOAD_LEAVING;
    intervals(1);
    ck_assert_uint_eq(balancer_board_find(board(3), 2)->capacity, 0);
    for (i = 0; i < 50; i++)
        ck_assert_uint_ne(start(1 + i % 3), 2);
    mock_view(world.nodes[1], last, 1);
    ck_assert_uint_eq(start(2), 2); /* there is nobody else: not nowhere */
    end();
}
END_TEST

/* --- boards that are not right ---------------------------------------------- */

static void send(uint32_t to, uint64_t from, struct balancer_board *what)
{
    struct phub_bytes message;
    uint8_t *bytes;

    ck_assert_int_eq(balancer_board_encode(what, &bytes, &message.size), 0);
    message.data = bytes;
    phub__call_received(world.nodes[to - 1]->strategy, from, &message);
    free(bytes);
}

static uint64_t hash_of(uint32_t node)
{
    return world.nodes[0]->host.view_hash(world.nodes[node - 1]->view);
}

START_TEST(a_board_counts_from_the_leader_in_this_view_and_in_order)
{
    static const uint64_t next[] = { 1, 2 };
    struct balancer_entry entries[] = { { .node = 2, .samples = 1,
                                          .capacity = 77 } };
    struct balancer_board b = { .serial = 10, .entries = entries,
                                .count = 1 };

    begin(3);
    b.view_hash = hash_of(2);
    send(2, 3, &b);                       /* 3 does not lead */
    ck_assert_uint_eq(board(2)->count, 0);
    ck_assert_ptr_nonnull(strstr(world.nodes[1]->log, "does not lead"));
    send(2, 1, &b);
    ck_assert_uint_eq(board(2)->mean, 77);
    entries[0].capacity = 78;
    send(2, 1, &b);                       /* it came twice */
    b.serial = 9;
    send(2, 1, &b);                       /* it was overtaken */
    ck_assert_uint_eq(board(2)->mean, 77);
    b.serial = 11;
    b.view_hash++;
    send(2, 1, &b);                       /* another view */
    ck_assert_uint_eq(board(2)->mean, 77);
    b.view_hash = (1 * UINT64_C(0x100000001b3) ^ 2) * UINT64_C(0x100000001b3);
    b.serial = 1;
    send(2, 1, &b);                       /* the next one, early */
    ck_assert_uint_eq(board(2)->mean, 77);
    mock_view(world.nodes[1], next, 2);
    ck_assert_uint_eq(board(2)->mean, 78);
    end();
}
END_TEST

START_TEST(an_early_board_of_somebody_else_is_dropped)
{
    static const uint64_t next[] = { 1, 2 };
    struct balancer_entry entry = { .node = 2, .samples = 1, .capacity = 7 };
    struct balancer_board b = { .serial = 1, .entries = &entry, .count = 1 };

    begin(3);
    b.view_hash = (1 * UINT64_C(0x100000001b3) ^ 2) * UINT64_C(0x100000001b3);
    send(2, 3, &b);
    mock_view(world.nodes[1], next, 2);
    ck_assert_uint_eq(hash_of(2), b.view_hash);
    ck_assert_uint_eq(board(2)->count, 0);
    end();
}
END_TEST

START_TEST(garbage_changes_no_answer)
{
    uint8_t bytes[48];
    uint32_t i, j;

    begin(3);
    for (i = 1; i <= 3; i++)
        use(i, i == 3 ? 8 : 4, 100, 0, 0);
    intervals(2);
    for (i = 0; i < 3000; i++) {
        struct phub_bytes message = { bytes, i % sizeof bytes };

        for (j = 0; j < sizeof bytes; j++)
            bytes[j] = (uint8_t)mock_random(&world);
        bytes[0] = 0x84;
        bytes[1] = 1;
        phub__call_received(world.nodes[1]->strategy, 1, &message);
    }
    ck_assert_uint_eq(board(2)->serial, board(1)->serial);
    for (i = 0; i < 400; i++)
        (void)start(2);
    ck_assert_uint_eq(homes_of(3), 200);
    end();
}
END_TEST

START_TEST(a_board_that_is_too_old_counts_no_more)
{
    uint32_t i;

    begin(2);
    use(1, 4, 0, 0, 0);
    use(2, 12, 0, 0, 0);
    intervals(1);
    ck_assert_uint_eq(balancer_known(self(2))->count, 2);
    mock_close(world.nodes[0]);      /* silent, and still a member */
    (void)mock_run(&world, 70000);
    ck_assert_ptr_null(balancer_known(self(2)));
    for (i = 0; i < 100; i++)
        (void)start(2);
    ck_assert_uint_eq(homes_of(1), 50);
    end();
}
END_TEST

/* --- moves ------------------------------------------------------------------ */

static void crowd(uint32_t node, uint32_t count)
{
    while (count-- > 0)
        homes[world.homes_count++] = node;
}

static void begin_even(const char *per_minute)
{
    uint32_t i;

    params[params_count++] = per_minute;
    begin(4);
    for (i = 1; i <= 4; i++)
        use(i, 4, 100, 0, 0);
}

START_TEST(moves_keep_the_pace_and_end_when_it_is_even)
{
    uint32_t i;

    begin_even("rebalance_per_minute=12");
    crowd(1, 100);
    crowd(2, 100);
    crowd(3, 100);
    intervals(13);                   /* a minute and some after the calm */
    ck_assert_uint_eq(world.nodes[0]->plan_pace, 12);
    ck_assert_uint_ge(world.nodes[0]->plan_moves, 12);
    ck_assert_uint_le(world.nodes[0]->plan_moves, 26);
    ck_assert_uint_eq(homes_of(4), world.nodes[0]->plan_moves);
    intervals(60);
    for (i = 1; i <= 4; i++) {
        ck_assert_uint_ge(homes_of(i), 69);
        ck_assert_uint_le(homes_of(i), 81);
    }
    i = world.nodes[0]->plan_moves;
    ck_assert_uint_le(i, 75);        /* nobody moved twice */
    intervals(30);
    ck_assert_uint_eq(world.nodes[0]->plan_moves, i);
    for (i = 2; i <= 4; i++)
        ck_assert_uint_eq(world.nodes[i - 1]->plans, 0);
    end();
}
END_TEST

/* Of four, one has a third more than its share. */
START_TEST(who_is_a_little_above_its_share_keeps_it_as_far_as_asked)
{
    uint32_t i;

    params[params_count++] = _i == 0 ? "rebalance_percent=10"
                                     : "rebalance_percent=60";
    begin_even("rebalance_per_minute=6000");
    crowd(1, 120);
    for (i = 2; i <= 4; i++)
        crowd(i, 80);
    intervals(60);
    if (_i == 0)
        ck_assert_uint_gt(world.nodes[0]->plan_moves, 0);
    else
        ck_assert_uint_eq(world.nodes[0]->plan_moves, 0);
    end();
}
END_TEST

/* One has more than its share, and no other has room for a whole one. */
START_TEST(what_no_move_makes_more_even_stays)
{
    uint32_t i;

    params[params_count++] = "rebalance_per_minute=6000";
    begin(6);
    use(1, 60, 100, 0, 0);
    for (i = 2; i <= 6; i++)
        use(i, 6, 100, 0, 0);
    crowd(1, 5);
    intervals(60);
    ck_assert_uint_eq(world.nodes[0]->plan_moves, 0);
    ck_assert_uint_eq(homes_of(1), 5);
    end();
}
END_TEST

START_TEST(one_move_a_minute_is_one_a_minute)
{
    begin_even("rebalance_per_minute=1");
    crowd(1, 40);
    intervals(66);                   /* eleven minutes */
    ck_assert_uint_ge(world.nodes[0]->plan_moves, 9);
    ck_assert_uint_le(world.nodes[0]->plan_moves, 10);
    end();
}
END_TEST

/* Loads that go up and down by a tenth move nobody. */
START_TEST(what_swings_a_little_moves_nobody)
{
    uint32_t i, k;

    begin_even("rebalance_per_minute=6000");
    for (i = 1; i <= 4; i++)
        crowd(i, 100);
    for (k = 0; k < 100; k++) {
        for (i = 1; i <= 4; i++)
            use(i, 4, 100 + (uint32_t)mock_random(&world) % 100, 0, 0);
        intervals(1);
    }
    ck_assert_uint_eq(world.nodes[0]->plans, 0);
    end();
}
END_TEST

START_TEST(sticky_children_and_homes_of_the_leaving_stay)
{
    uint32_t i;

    begin_even("rebalance_per_minute=6000");
    world.sticky = 60;
    crowd(1, 100);
    crowd(2, 8);
    world.nodes[1]->load.flags = PHUB_LOAD_LEAVING;
    intervals(40);
    for (i = 0; i < 60; i++)
        ck_assert_uint_eq(homes[i], 1);
    ck_assert_uint_eq(homes_of(2), 8);
    ck_assert_uint_gt(homes_of(3), 15);
    ck_assert_uint_gt(homes_of(4), 15);
    end();
}
END_TEST

START_TEST(who_leads_no_more_ends_its_plan)
{
    begin_even("rebalance_per_minute=6000");
    mock_close(world.nodes[0]);
    mock_view(world.nodes[1], (const uint64_t[]){ 2, 3, 4 }, 3);
    crowd(3, 100);
    world.nodes[2]->load_to = world.nodes[3]->load_to = 2;
    while (!world.nodes[1]->planned) {
        world.nodes[3]->load.serial++;
        ck_assert_uint_lt(world.now_ns, 60000 * MS);
        (void)mock_run(&world, 100);
    }
    mock_view_all(&world, 4);
    ck_assert_uint_eq(world.nodes[1]->plans_cancelled, 1);
    end();
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_test(tc, the_lowest_id_leads_and_all_know_it);
    tcase_add_test(tc, a_new_leader_begins_with_what_the_last_one_knew);
    tcase_add_test(tc,
        a_leader_that_hears_nothing_new_keeps_what_it_inherited_for_a_while);
    tcase_add_test(tc, on_each_side_of_a_cut_somebody_leads);
    tcase_add_test(tc, without_metrics_homes_are_counted);
    tcase_add_test(tc, weights_that_are_all_0_are_refused);
    tcase_add_test(tc, a_thousand_starts_stand_in_proportion_to_what_is_free);
    tcase_add_loop_test(tc, what_counts_as_full_and_for_how_long_is_asked, 0,
                        2);
    tcase_add_test(tc, weights_of_nodes_count_and_none_is_nothing);
    tcase_add_test(tc, a_batch_sees_what_it_has_given);
    tcase_add_test(tc, a_home_is_a_decision_that_stays);
    tcase_add_test(tc, who_joins_gets_the_new_ones_and_nobody_moves);
    tcase_add_test(tc, who_refused_is_asked_last);
    tcase_add_test(tc, who_is_leaving_takes_nothing_while_others_can);
    tcase_add_test(tc, a_board_counts_from_the_leader_in_this_view_and_in_order);
    tcase_add_test(tc, an_early_board_of_somebody_else_is_dropped);
    tcase_add_test(tc, garbage_changes_no_answer);
    tcase_add_test(tc, a_board_that_is_too_old_counts_no_more);
    tcase_add_test(tc, moves_keep_the_pace_and_end_when_it_is_even);
    tcase_add_test(tc, what_no_move_makes_more_even_stays);
    tcase_add_test(tc, one_move_a_minute_is_one_a_minute);
    tcase_add_loop_test(tc,
        who_is_a_little_above_its_share_keeps_it_as_far_as_asked, 0, 2);
    tcase_add_test(tc, what_swings_a_little_moves_nobody);
    tcase_add_test(tc, sticky_children_and_homes_of_the_leaving_stay);
    tcase_add_test(tc, who_leads_no_more_ends_its_plan);
}

int main(void)
{
    Suite *suite = suite_create("balancer");
    TCase *tc = tcase_create("balancer");
    SRunner *runner;
    int failed;

    fill(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
