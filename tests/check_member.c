/* SPDX-License-Identifier: MIT */
/* Members: which news wins, who is let in and who is refused, hostile bytes. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/member.h"
#include "cluster/message.h"
#include "cluster_sim.h"

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct phub__news news_of(uint64_t node, uint64_t boot,
                                 uint64_t incarnation,
                                 enum phub__member_state state)
{
    return (struct phub__news){
        .node = node, .boot = boot, .incarnation = incarnation,
        .state = state, .weight = 1000, .full = true,
        .name = bytes_of("n"), .endpoint = bytes_of("sim://x"),
    };
}

/* --- the table -------------------------------------------------------------*/

START_TEST(boot_then_incarnation_then_the_worse_state_wins)
{
    static const struct {
        enum phub__member_state held, state;
        uint64_t boot, incarnation;   /* held: boot 5, incarnation 5 */
        enum phub__verdict verdict;
    } rows[] = {
        { 1, 1, 5, 5, PHUB__NEWS_OLD }, { 1, 1, 5, 6, PHUB__NEWS_ALIVE },
        { 1, 2, 5, 4, PHUB__NEWS_OLD }, { 1, 2, 5, 5, PHUB__NEWS_SUSPECT },
        { 1, 3, 5, 5, PHUB__NEWS_DEAD }, { 1, 4, 5, 5, PHUB__NEWS_LEFT },
        { 2, 1, 5, 5, PHUB__NEWS_OLD }, { 2, 1, 5, 6, PHUB__NEWS_ALIVE },
        { 2, 2, 5, 5, PHUB__NEWS_SUSPECT }, { 2, 3, 5, 5, PHUB__NEWS_DEAD },
        { 3, 1, 5, 5, PHUB__NEWS_OLD }, { 3, 1, 5, 6, PHUB__NEWS_ALIVE },
        { 3, 2, 5, 5, PHUB__NEWS_OLD }, { 3, 2, 5, 6, PHUB__NEWS_SUSPECT },
        { 3, 3, 5, 6, PHUB__NEWS_OLD }, { 3, 4, 5, 5, PHUB__NEWS_LEFT },
        { 4, 1, 5, 9, PHUB__NEWS_OLD }, { 4, 3, 5, 9, PHUB__NEWS_OLD },
        { 1, 1, 4, 9, PHUB__NEWS_STALE }, { 1, 3, 4, 9, PHUB__NEWS_OLD },
        { 4, 1, 4, 9, PHUB__NEWS_STALE }, { 4, 1, 6, 0, PHUB__NEWS_RESTART },
        { 1, 1, 6, 0, PHUB__NEWS_RESTART }, { 1, 3, 6, 0, PHUB__NEWS_OLD },
        { 1, 4, 6, 0, PHUB__NEWS_LEFT }, { 4, 4, 6, 0, PHUB__NEWS_OLD },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__members members = { .count = 0 };
        struct phub__news held = news_of(1, 5, 5, PHUB__MEMBER_ALIVE);
        struct phub__news news = news_of(1, rows[i].boot, rows[i].incarnation,
                                         rows[i].state);
        struct phub__entry *e;

        ck_assert_int_eq(phub__members_add(&members, &held, 1, &e), 0);
        phub__member_set_state(&members, e, rows[i].held, 2);
        ck_assert_msg(phub__member_judge(e, &news) == rows[i].verdict,
                      "row %zu", i);
        phub__members_fini(&members);
    }
}
END_TEST

START_TEST(the_same_boot_at_another_endpoint_is_a_conflict)
{
    struct phub__members members = { .count = 0 };
    struct phub__news held = news_of(1, 5, 5, PHUB__MEMBER_ALIVE);
    struct phub__news news = news_of(1, 5, 9, PHUB__MEMBER_ALIVE);
    struct phub__entry *e;

    ck_assert_int_eq(phub__members_add(&members, &held, 1, &e), 0);
    news.endpoint = bytes_of("sim://y");
    ck_assert_int_eq((int)phub__member_judge(e, &news), PHUB__NEWS_CONFLICT);
    phub__members_fini(&members);
}
END_TEST

START_TEST(a_full_table_gives_up_who_is_gone_and_owed_nothing)
{
    struct phub__members members = { .count = 0 };
    struct phub__entry *e, *gone = NULL, *owed = NULL;
    struct phub__news news;

    for (uint64_t i = 1; i <= PHUB__MEMBERS_MAX; i++) {
        news = news_of(i * 3, 1, 0, PHUB__MEMBER_ALIVE);
        ck_assert_int_eq(phub__members_add(&members, &news, 1, &e), 0);
        if (i == 7)
            owed = e;
        if (i == 8)
            gone = e;
    }
    news = news_of(1, 1, 0, PHUB__MEMBER_ALIVE);
    ck_assert_int_eq(phub__members_add(&members, &news, 5, &e), PHUB_ELIMIT);
    phub__member_set_state(&members, owed, PHUB__MEMBER_DEAD, 2);
    owed->granted_until_ns = 100;
    ck_assert_int_eq(phub__members_add(&members, &news, 5, &e), PHUB_ELIMIT);
    phub__member_set_state(&members, gone, PHUB__MEMBER_DEAD, 3);
    ck_assert_int_eq(phub__members_add(&members, &news, 5, &e), 0);
    ck_assert_uint_eq(members.count, PHUB__MEMBERS_MAX);
    ck_assert_ptr_nonnull(phub__members_find(&members, 7 * 3));
    ck_assert_ptr_null(phub__members_find(&members, 8 * 3));
    ck_assert_ptr_nonnull(phub__members_find(&members, 1));
    phub__members_fini(&members);
}
END_TEST

/* --- who is let in -----------------------------------------------------------*/

static void two(struct sim *sim)
{
    sim_init(sim, 1, 3);
}

/* Node 1 tries through node 0 and is refused; both say the same, with both
 * values in it. */
static void refused(struct sim *sim, const char *one, const char *other)
{
    sim_boot(sim, 0, 0);
    sim_boot(sim, 1, 1);
    sim_run(sim, 10 * SIM_S);
    for (uint32_t i = 0; i < 2; i++) {
        ck_assert_uint_gt(sim->nodes[i].refused, 1);
        ck_assert_msg(strstr(sim->nodes[i].refusal, one) != NULL, "%s",
                      sim->nodes[i].refusal);
        ck_assert_msg(strstr(sim->nodes[i].refusal, other) != NULL, "%s",
                      sim->nodes[i].refusal);
        ck_assert_uint_eq(
            phub__view_count(phub__cluster_view(sim->nodes[i].cluster)), 1);
    }
    ck_assert_str_eq(phub__cluster_refusal(sim->nodes[1].cluster),
                     sim->nodes[1].refusal);
    ck_assert_str_eq(phub__cluster_refusal(sim->nodes[0].cluster), "");
    sim_fini(sim);
}

START_TEST(another_hub_is_refused)
{
    struct sim sim;

    two(&sim);
    sim.nodes[1].self.hub_id = "other";
    refused(&sim, "\"h\"", "\"other\"");
}
END_TEST

START_TEST(another_protocol_is_refused)
{
    struct sim sim;

    two(&sim);
    sim.nodes[1].self.protocol_min = 3;
    sim.nodes[1].self.protocol_max = 4;
    refused(&sim, "1 to 1 at \"n0\"", "3 to 4 at \"n1\"");
}
END_TEST

START_TEST(another_lease_is_refused)
{
    struct sim sim;

    two(&sim);
    sim.nodes[1].params.lease = 3000;
    refused(&sim, "2000 ms at \"n0\"", "3000 ms at \"n1\"");
}
END_TEST

START_TEST(other_strategies_are_refused)
{
    struct phub__cluster_strategy ring[] = {
        { "distribution", "consistent_hash", 1, 2, 0xabc, true, 0 },
        { "sync", "pubsub", 1, 1, 1, false, 0 },
    };
    struct phub__cluster_strategy guided[] = {
        { "distribution", "guided", 1, 2, 0xabc, true, 0 },
    };
    struct phub__cluster_strategy other[] = {
        { "distribution", "consistent_hash", 1, 2, 0xdef, true, 0 },
    };
    struct phub__cluster_strategy newer[] = {
        { "distribution", "consistent_hash", 3, 4, 0xabc, true, 0 },
    };
    struct { struct phub__cluster_strategy *list; uint32_t count;
             const char *one, *two; } rows[] = {
        { guided, 1, "\"consistent_hash\" at \"n0\"", "\"guided\" at \"n1\"" },
        { other, 1, "0000000000000abc at \"n0\"", "0000000000000def at \"n1\""},
        { newer, 1, "1 to 2 at \"n0\"", "3 to 4 at \"n1\"" },
        { NULL, 0, "\"consistent_hash\" at \"n0\"", "none at \"n1\"" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        for (uint32_t side = 0; side < 2; side++) {
            struct sim sim;

            two(&sim);
            sim.nodes[side].self.strategies = ring;
            sim.nodes[side].self.strategies_count = 2;
            sim.nodes[1 - side].self.strategies = rows[i].list;
            sim.nodes[1 - side].self.strategies_count = rows[i].count;
            if (side == 0)
                refused(&sim, rows[i].one, rows[i].two);
            else
                refused(&sim, "\"n0\"", "\"n1\"");
        }
    }
}
END_TEST

START_TEST(a_strategy_that_need_not_match_is_no_obstacle)
{
    struct phub__cluster_strategy list[] = {
        { "sync", "pubsub", 1, 1, 1, false, 0 },
    };
    struct sim sim;

    two(&sim);
    sim.nodes[0].self.strategies = list;
    sim.nodes[0].self.strategies_count = 1;
    sim_boot(&sim, 0, 0);
    sim_boot(&sim, 1, 1);
    ck_assert_uint_le(sim_run_until_agreed(&sim, 5 * SIM_S), SIM_S);
    sim_fini(&sim);
}
END_TEST

START_TEST(a_name_that_is_taken_is_refused_with_both_ids)
{
    struct sim sim;

    two(&sim);
    sim.nodes[1].self.name = "n0";
    refused(&sim, "0000000000000064", "0000000000000065");
}
END_TEST

START_TEST(a_name_is_free_again_when_its_node_is_lost)
{
    struct sim sim;

    two(&sim);
    sim.nodes[2].self.name = "n1";
    sim_boot(&sim, 0, 0);
    sim_boot(&sim, 1, 1);
    ck_assert(sim_run_until_agreed(&sim, 5 * SIM_S) != UINT64_MAX);
    sim_crash(&sim, 1);
    sim_boot(&sim, 2, 1);
    ck_assert(sim_run_until_agreed(&sim, 20 * SIM_S) != UINT64_MAX);
    ck_assert_uint_gt(sim.nodes[2].refused, 0);
    ck_assert_str_eq(phub__cluster_refusal(sim.nodes[2].cluster), "");
    sim_fini(&sim);
}
END_TEST

START_TEST(a_copied_state_directory_is_refused_with_both_endpoints)
{
    struct sim sim;

    two(&sim);
    sim.nodes[2].self.node = 101;
    sim.nodes[2].self.name = "n1";
    sim_boot(&sim, 0, 0);
    sim_boot(&sim, 1, 1);
    sim_run(&sim, SIM_S);
    sim_boot(&sim, 2, 1);
    sim_run(&sim, 5 * SIM_S);
    ck_assert_uint_gt(sim.nodes[2].refused, 0);
    ck_assert_ptr_nonnull(strstr(sim.nodes[2].refusal, "sim://1"));
    ck_assert_ptr_nonnull(strstr(sim.nodes[2].refusal, "sim://2"));
    ck_assert_uint_eq(sim.nodes[0].lost, 0);
    sim_fini(&sim);
}
END_TEST

START_TEST(an_older_self_is_told_of_the_newer)
{
    struct sim sim;

    two(&sim);
    sim.nodes[2].self.node = 101;
    sim.nodes[2].self.name = "n1";
    sim.nodes[2].self.boot = 7;
    sim_boot(&sim, 0, 0);
    sim_boot(&sim, 1, 1);
    sim_run(&sim, 3 * SIM_S);
    sim_boot(&sim, 2, 1);
    sim_run(&sim, 3 * SIM_S);
    ck_assert_uint_gt(sim.nodes[1].identity, 0);
    ck_assert_uint_eq(sim.nodes[2].identity, 0);
    ck_assert_ptr_nonnull(strstr(sim.nodes[1].identity_text, "boot 8"));
    ck_assert_ptr_nonnull(strstr(sim.nodes[1].identity_text, "boot 1"));
    ck_assert_uint_eq(phub__cluster_member(sim.nodes[0].cluster, 101)->boot,
                      8);
    sim_fini(&sim);
}
END_TEST

START_TEST(bad_settings_are_named)
{
    struct phub__cluster_io io = { NULL, NULL, NULL, NULL, NULL, NULL };
    struct phub__cluster_params params;
    struct phub__cluster *cluster;
    struct phub__cluster_self self = {
        .node = 1, .boot = 1, .hub_id = "h", .name = "n",
        .endpoint = "e", .protocol_min = 1, .protocol_max = 1,
    };
    char error[128];

    phub__cluster_params_init(&params);
    params.lease = 1;
    ck_assert_int_eq(phub__cluster_new(&self, &params, &io, 1, &cluster,
                                       error, sizeof error), PHUB_EINVAL);
    ck_assert_str_eq(error, "lease is 1, allowed are 50 to 60000");
    phub__cluster_params_init(&params);
    self.name = "a\nb";
    ck_assert_int_eq(phub__cluster_new(&self, &params, &io, 1, &cluster,
                                       error, sizeof error), PHUB_EINVAL);
    self.name = "n";
    self.node = 0;
    ck_assert_int_eq(phub__cluster_new(&self, &params, &io, 1, &cluster,
                                       error, sizeof error), PHUB_EINVAL);
}
END_TEST

/* --- bytes ---------------------------------------------------------------------*/

START_TEST(messages_come_back_as_they_went)
{
    static struct phub__message m, back;
    static uint8_t body[PHUB__CLUSTER_BODY_MAX];
    size_t size;

    phub__message_init(&m, PHUB__CLUSTER_PING);
    m.seq = UINT64_MAX;
    m.stamp_ns = 5;
    m.lease_ms = 2000;
    m.endpoint = bytes_of("tcp://host:1");
    for (; m.news_count < PHUB__NEWS_MAX; m.news_count++)
        m.news[m.news_count] = news_of(m.news_count + 1, 2, 3,
                                       PHUB__MEMBER_SUSPECT);
    m.news[3].full = false;
    ck_assert_int_eq(phub__message_encode(&m, body, sizeof body, &size), 0);
    ck_assert_int_eq(phub__message_decode(&back, PHUB__CLUSTER_PING, body,
                                          size), 0);
    ck_assert_uint_eq(back.seq, UINT64_MAX);
    ck_assert_uint_eq(back.lease_ms, 2000);
    ck_assert_uint_eq(back.news_count, PHUB__NEWS_MAX);
    ck_assert(!back.news[3].full && back.news[4].full);
    ck_assert_mem_eq(back.endpoint.data, "tcp://host:1", 12);
    for (size_t cut = 0; cut < size; cut++)
        ck_assert_int_eq(phub__message_decode(&back, PHUB__CLUSTER_PING, body,
                                              cut), PHUB_EPROTO);
    ck_assert_int_eq(phub__message_encode(&m, body, size - 1, &size),
                     PHUB_ELIMIT);
}
END_TEST

/* A key that is not known takes the long way. */
START_TEST(a_probe_is_the_same_by_the_short_way_and_the_long_one)
{
    static struct phub__message m, back;
    static uint8_t body[PHUB__CLUSTER_BODY_MAX], small[512];
    size_t size, small_size;

    for (unsigned shift = 0; shift < 64; shift++) {
        phub__message_init(&m, PHUB__CLUSTER_PING);
        m.seq = UINT64_MAX >> shift;
        m.stamp_ns = UINT64_C(1) << shift;
        m.origin = (UINT64_C(1) << shift) - 1;
        m.endpoint = bytes_of("tcp://host.example:1");
        ck_assert_int_eq(phub__message_encode(&m, body, sizeof body, &size),
                         0);
        ck_assert_int_eq(phub__message_encode(&m, small, sizeof small,
                                              &small_size), 0);
        ck_assert_uint_eq(small_size, size);
        ck_assert_mem_eq(small, body, size);
        for (int longer = 0; longer < 2; longer++) {
            ck_assert_int_eq(phub__message_decode(&back, PHUB__CLUSTER_PING,
                                                  body, size), 0);
            ck_assert(back.seq == m.seq && back.stamp_ns == m.stamp_ns);
            ck_assert(back.origin == m.origin && back.lease_ms == 0);
            ck_assert_uint_eq(back.endpoint.size, m.endpoint.size);
            ck_assert_mem_eq(back.endpoint.data, m.endpoint.data,
                             m.endpoint.size);
            body[0]++;
            body[size++] = 23;
            body[size++] = 0;
        }
    }
}
END_TEST

START_TEST(a_text_with_a_control_character_is_refused_wherever_it_is)
{
    static const char plain[] = "tcp://abcdefghijklmnop:12";
    static struct phub__message m, back;
    static const uint8_t bad[] = { 0, 9, 0x1f, 0x7f };
    uint8_t body[1024];
    char text[sizeof plain];
    size_t size;

    for (size_t length = 1; length < sizeof plain; length++)
        for (size_t i = 0; i < length * (sizeof bad + 1); i++) {
            bool is_bad = i / length < sizeof bad;

            memcpy(text, plain, sizeof plain);
            if (is_bad)
                text[i % length] = (char)bad[i / length];
            phub__message_init(&m, PHUB__CLUSTER_PING);
            m.seq = m.stamp_ns = 1;
            m.endpoint = (struct phub_bytes){ (uint8_t *)text, length };
            ck_assert_int_eq(phub__message_encode(&m, body, sizeof body,
                                                  &size), 0);
            ck_assert_int_eq(phub__message_decode(&back, PHUB__CLUSTER_PING,
                                                  body, size),
                             is_bad ? PHUB_EPROTO : 0);
        }
    m.endpoint = bytes_of("tcp://\xc3\xb6sterreich ~:1");
    ck_assert_int_eq(phub__message_encode(&m, body, sizeof body, &size), 0);
    ck_assert_int_eq(phub__message_decode(&back, PHUB__CLUSTER_PING, body,
                                          size), 0);
}
END_TEST

START_TEST(the_largest_list_page_fits)
{
    static struct phub__message m;
    static uint8_t body[PHUB__CLUSTER_BODY_MAX];
    static char longest[PHUB_ENDPOINT_MAX + 1];
    size_t size;

    memset(longest, 'x', PHUB_ENDPOINT_MAX);
    phub__message_init(&m, PHUB__CLUSTER_SYNC);
    for (; m.news_count < PHUB__NEWS_MAX; m.news_count++) {
        struct phub__news *n = &m.news[m.news_count];

        *n = news_of(UINT64_MAX, UINT64_MAX, UINT64_MAX - 1,
                     PHUB__MEMBER_ALIVE);
        n->from = UINT64_MAX;
        n->weight = UINT32_MAX;
        n->name = (struct phub_bytes){ (uint8_t *)longest,
                                       PHUB_NODE_NAME_MAX };
        n->endpoint = bytes_of(longest);
        n->zone = (struct phub_bytes){ (uint8_t *)longest, PHUB__ZONE_MAX };
        n->labels = bytes_of(longest);
    }
    ck_assert_int_eq(phub__message_encode(&m, body, sizeof body, &size), 0);
    ck_assert_int_eq(phub__message_decode(&m, PHUB__CLUSTER_SYNC, body, size),
                     0);
}
END_TEST

START_TEST(hostile_bytes_are_refused_and_counted)
{
    struct phub__cluster_from from = { .node = 100, .boot = 1 };
    struct phub__cluster_stats stats;
    struct sim sim;
    uint64_t now;

    two(&sim);
    sim_boot(&sim, 0, 0);
    sim_boot(&sim, 1, 1);
    ck_assert(sim_run_until_agreed(&sim, 5 * SIM_S) != UINT64_MAX);
    from.target = sim.nodes[1].self.node;
    from.target_boot = sim.nodes[1].self.boot;
    now = sim_local_ns(&sim.nodes[1]);
    for (uint32_t i = 0; i < 100000; i++) {
        uint8_t body[64];
        size_t size = sim_below(&sim, sizeof body);

        for (size_t k = 0; k < size; k++)
            body[k] = (uint8_t)sim_random(&sim);
        if (size > 0)
            body[0] = (uint8_t)(0xa0 + sim_below(&sim, 12));
        phub__cluster_receive(sim.nodes[1].cluster, &from,
                              (enum phub__cluster_type)sim_below(&sim, 14),
                              body, size, now);
    }
    phub__cluster_stats(sim.nodes[1].cluster, &stats);
    ck_assert_uint_gt(stats.malformed, 50000);
    sim_run(&sim, 5 * SIM_S);
    ck_assert(sim_agreed(&sim));
    sim_fini(&sim);
}
END_TEST

/* --- from changes to views ------------------------------------------------- */

/* Nobody has one in its view that it has lost; goodbyes may wait. */
static void lost_at_once(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->count; i++) {
        const struct phub__cluster *c = sim->nodes[i].cluster;

        for (uint32_t k = 0;
             c != NULL && k < phub__cluster_member_count(c); k++) {
            const struct phub__member *m = phub__cluster_member_at(c, k);

            if (m->state == PHUB__MEMBER_DEAD)
                ck_assert_ptr_null(phub__view_find(phub__cluster_view(c),
                                                   m->node));
        }
    }
}

/* That many, of whom ten leave within 45 ms; returns the views that this is
 * for the first. */
static uint32_t views_of_goodbyes(uint32_t count, bool with_a_loss)
{
    struct sim sim;
    uint32_t before;

    ck_assert(sim_join_all(&sim, count, count, 20 * SIM_S));
    sim_run(&sim, 5 * SIM_S);
    sim.check = lost_at_once;
    before = sim.nodes[0].views;
    sim.nodes[0].left = 0;
    if (with_a_loss) {
        sim_crash(&sim, count - 1);
        sim_run(&sim, 1000 * SIM_MS); /* about when it is given up */
    }
    for (uint32_t i = 1; i <= 10; i++) {
        sim_leave(&sim, i);
        sim_run(&sim, (with_a_loss ? 100 : 5) * SIM_MS);
    }
    ck_assert(sim_run_until_agreed(&sim, 20 * SIM_S) != UINT64_MAX);
    ck_assert_uint_eq(sim.nodes[0].left, 10);
    before = sim.nodes[0].views - before;
    sim_fini(&sim);
    return before;
}

START_TEST(of_few_each_goodbye_is_a_view_and_many_share_one)
{
    ck_assert_uint_eq(views_of_goodbyes(32, false), 10);
    ck_assert_uint_le(views_of_goodbyes(60, false), 7);
}
END_TEST

/* Their daemons run on for a while. */
START_TEST(two_that_leave_at_once_do_not_answer_each_others_goodbyes)
{
    struct sim sim;
    uint64_t before;

    ck_assert(sim_join_all(&sim, 3, 3, 20 * SIM_S));
    before = sim.nodes[1].sent + sim.nodes[2].sent;
    for (uint32_t i = 1; i < 3; i++)
        phub__cluster_leave(sim.nodes[i].cluster,
                            sim_local_ns(&sim.nodes[i]));
    sim_run(&sim, 10 * SIM_S);
    ck_assert_uint_ge(sim.nodes[1].sent + sim.nodes[2].sent - before, 4);
    ck_assert_uint_le(sim.nodes[1].sent + sim.nodes[2].sent - before, 12);
    sim_fini(&sim);
}
END_TEST

START_TEST(a_loss_is_a_view_at_once_however_many_say_goodbye)
{
    ck_assert_uint_ge(views_of_goodbyes(99, true), 2);
}
END_TEST

static uint64_t list_pages(const struct sim *sim)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < sim->count; i++)
        sum += sim->nodes[i].lists;
    return sum;
}

static void halves(struct sim *sim, bool cut)
{
    for (uint32_t i = 0; i < sim->count / 2; i++)
        for (uint32_t k = sim->count / 2; k < sim->count; k++) {
            sim_cut(sim, i, k, cut);
            sim_cut(sim, k, i, cut);
        }
}

/* 2,025 pairs, which ask each other. */
START_TEST(large_halves_that_meet_do_not_exchange_a_list_for_each_pair)
{
    struct sim sim;
    uint64_t before;

    ck_assert(sim_join_all(&sim, 5, 90, 20 * SIM_S));
    halves(&sim, true);
    sim_run(&sim, 10 * SIM_S);
    before = list_pages(&sim);
    halves(&sim, false);
    ck_assert(sim_run_until_agreed(&sim, 30 * SIM_S) != UINT64_MAX);
    ck_assert_uint_gt(list_pages(&sim), before);
    ck_assert_uint_le(list_pages(&sim) - before, 1100); /* else 1,736 */
    sim_fini(&sim);
}
END_TEST

/* What all that run say of their lists. */
static uint64_t said_of_lists(struct sim *sim)
{
    uint64_t list = 0;

    ck_assert(sim_run_until_agreed(sim, 20 * SIM_S) != UINT64_MAX);
    sim_run(sim, 5 * SIM_S);
    for (uint32_t i = 0; i < sim->count; i++) {
        if (sim->nodes[i].cluster == NULL)
            continue;
        ck_assert(list == 0 || list == sim->nodes[i].list);
        list = sim->nodes[i].list;
    }
    return list;
}

START_TEST(a_member_list_that_has_changed_has_another_hash)
{
    uint64_t said[6];
    struct sim sim;

    sim_init(&sim, 21, 4);
    for (uint32_t i = 0; i < 4; i++) {
        sim.nodes[i].params.sync_interval = 200;
        sim_boot(&sim, i, 1);
    }
    said[0] = said_of_lists(&sim);
    for (uint32_t i = 1; i < 3; i++) {
        phub__cluster_takes(sim.nodes[1].cluster, i == 2,
                            sim_local_ns(&sim.nodes[1]));
        said[i] = said_of_lists(&sim);
    }
    sim_crash(&sim, 3);
    said[3] = said_of_lists(&sim);
    sim_boot(&sim, 3, 1);
    said[4] = said_of_lists(&sim);
    sim_leave(&sim, 2);
    said[5] = said_of_lists(&sim);
    for (uint32_t i = 0; i < 6; i++)
        for (uint32_t k = 0; k < i; k++)
            ck_assert_uint_ne(said[i], said[k]);
    sim_fini(&sim);
}
END_TEST

static void move_to(struct sim *sim, uint32_t i, const char *endpoint)
{
    snprintf(sim->nodes[i].endpoint, sizeof sim->nodes[i].endpoint, "%s",
             endpoint);
}

/* By the first, which has asked it there (_i), or has only seen it there. */
START_TEST(a_seed_is_asked_again_when_who_was_there_is_elsewhere)
{
    struct sim sim;

    sim_init(&sim, 22, 3);
    sim_boot(&sim, _i == 0 ? 0 : 1, _i == 0 ? 2 : 0);
    sim_run(&sim, 10 * SIM_MS);
    sim_boot(&sim, _i == 0 ? 1 : 0, _i == 0 ? 1 : 2);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    sim_run(&sim, 5 * SIM_S);
    sim_crash(&sim, 1);
    move_to(&sim, 1, "sim://9");
    sim_boot(&sim, 1, 1);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    move_to(&sim, 2, "sim://1");
    sim_boot(&sim, 2, 0);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 60 * SIM_S), UINT64_MAX);
    sim_fini(&sim);
}
END_TEST

/* A name for the first, and, when that is elsewhere, for another one that
 * knows nobody. */
START_TEST(a_name_is_asked_again_when_who_had_it_is_elsewhere)
{
    struct sim sim;
    uint64_t joins;

    sim_init(&sim, 23, 3);
    sim.nodes[1].alias = "sim://name";
    sim_boot(&sim, 1, 0);
    sim_boot(&sim, 0, 2);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    sim_run(&sim, 5 * SIM_S);
    joins = sim.nodes[0].joins;
    sim_run(&sim, 60 * SIM_S);
    ck_assert_uint_eq(sim.nodes[0].joins, joins);
    sim_crash(&sim, 1);
    sim.nodes[1].alias = NULL;
    move_to(&sim, 1, "sim://9");
    sim_boot(&sim, 1, 1);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 20 * SIM_S), UINT64_MAX);
    sim.nodes[2].alias = "sim://name";
    sim_boot(&sim, 2, 0);
    ck_assert_uint_ne(sim_run_until_agreed(&sim, 60 * SIM_S), UINT64_MAX);
    sim_run(&sim, 5 * SIM_S);
    joins = sim.nodes[0].joins;
    sim_run(&sim, 60 * SIM_S);
    ck_assert_uint_eq(sim.nodes[0].joins, joins);
    sim_fini(&sim);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("member");
    TCase *t = tcase_create("member");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_test(t, boot_then_incarnation_then_the_worse_state_wins);
    tcase_add_test(t, the_same_boot_at_another_endpoint_is_a_conflict);
    tcase_add_test(t, a_full_table_gives_up_who_is_gone_and_owed_nothing);
    tcase_add_test(t, another_hub_is_refused);
    tcase_add_test(t, another_protocol_is_refused);
    tcase_add_test(t, another_lease_is_refused);
    tcase_add_test(t, other_strategies_are_refused);
    tcase_add_test(t, a_strategy_that_need_not_match_is_no_obstacle);
    tcase_add_test(t, a_name_that_is_taken_is_refused_with_both_ids);
    tcase_add_test(t, a_name_is_free_again_when_its_node_is_lost);
    tcase_add_test(t, a_copied_state_directory_is_refused_with_both_endpoints);
    tcase_add_test(t, an_older_self_is_told_of_the_newer);
    tcase_add_test(t, bad_settings_are_named);
    tcase_add_test(t, messages_come_back_as_they_went);
    tcase_add_test(t, a_probe_is_the_same_by_the_short_way_and_the_long_one);
    tcase_add_test(t,
                   a_text_with_a_control_character_is_refused_wherever_it_is);
    tcase_add_test(t, the_largest_list_page_fits);
    tcase_add_test(t, hostile_bytes_are_refused_and_counted);
    tcase_add_test(t, of_few_each_goodbye_is_a_view_and_many_share_one);
    tcase_add_test(t, a_loss_is_a_view_at_once_however_many_say_goodbye);
    tcase_add_test(t,
                   large_halves_that_meet_do_not_exchange_a_list_for_each_pair);
    tcase_add_test(t, a_member_list_that_has_changed_has_another_hash);
    tcase_add_loop_test(t,
                        a_seed_is_asked_again_when_who_was_there_is_elsewhere,
                        0, 2);
    tcase_add_test(t, a_name_is_asked_again_when_who_had_it_is_elsewhere);
    tcase_add_test(t, two_that_leave_at_once_do_not_answer_each_others_goodbyes);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
