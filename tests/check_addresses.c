/* SPDX-License-Identifier: MIT */
/* check_addresses: nodes that were known before a start are looked for where
 * they were, also when no seed is left. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"
#include "wire/buf.h"

#define MS UINT64_C(1000000)
#define FILE_NAME "addresses"

/* --- one cluster, whose messages go nowhere ---------------------------------- */

#define ASKED_MAX 4096u
#define ME 1u

static struct {
    struct phub__cluster *cluster;
    struct phub__cluster_params params;
    uint64_t now_ns, random;
    uint64_t forgotten;
    uint32_t count;
    struct {
        char endpoint[24];
        uint64_t at_ns;
    } asked[ASKED_MAX];
} one;

static uint64_t on_random(void *arg)
{
    (void)arg;
    one.random = one.random * UINT64_C(6364136223846793005) + 1;
    return one.random >> 11;
}

static void on_send(void *arg, const struct phub__cluster_to *to,
                    enum phub__cluster_type type, const uint8_t *body,
                    size_t size)
{
    (void)arg;
    (void)body;
    (void)size;
    ck_assert_int_eq((int)type, PHUB__CLUSTER_JOIN);
    ck_assert_uint_lt(one.count, ASKED_MAX);
    snprintf(one.asked[one.count].endpoint, sizeof one.asked[0].endpoint, "%s",
             to->endpoint);
    one.asked[one.count++].at_ns = one.now_ns;
}

static void on_event(void *arg, const struct phub__cluster_event *event)
{
    (void)arg;
    (void)event;
}

static int on_admits(void *arg, uint64_t node)
{
    (void)arg;
    return node == one.forgotten ? PHUB_EFORGOTTEN : 0;
}

static void cluster_setup(void)
{
    struct phub__cluster_self self = {
        .node = ME, .boot = 2, .protocol_min = 1, .protocol_max = 1,
        .hub_id = "h", .name = "me", .endpoint = "sim://me" };
    struct phub__cluster_io io = { NULL, on_random, on_send, on_event,
                                   on_admits, NULL };
    char error[128];

    memset(&one, 0, sizeof one);
    one.now_ns = 1000 * 1000 * MS;
    phub__cluster_params_init(&one.params);
    ck_assert_int_eq(phub__cluster_new(&self, &one.params, &io, one.now_ns,
                                       &one.cluster, error, sizeof error), 0);
}

static void cluster_teardown(void)
{
    phub__cluster_free(&one.cluster);
}

static void cluster_run(uint64_t ms)
{
    uint64_t until_ns = one.now_ns + ms * MS;
    uint64_t due_ns;

    while ((due_ns = phub__cluster_deadline(one.cluster)) <= until_ns) {
        one.now_ns = due_ns > one.now_ns ? due_ns : one.now_ns;
        phub__cluster_tick(one.cluster, one.now_ns);
    }
    one.now_ns = until_ns;
}

static uint32_t times_asked(const char *endpoint)
{
    uint32_t count = 0, i;

    for (i = 0; i < one.count; i++)
        count += strcmp(one.asked[i].endpoint, endpoint) == 0;
    return count;
}

static void start(const char *seed)
{
    ck_assert_int_eq(phub__cluster_start(one.cluster, &seed, seed != NULL,
                                         one.now_ns), 0);
}

static uint32_t remembered(void)
{
    uint32_t count = 0;
    uint64_t node;

    while (phub__cluster_remembered(one.cluster, count, &node) != NULL)
        count++;
    return count;
}

START_TEST(known_nodes_are_asked_soon_and_for_ever_with_longer_waits)
{
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 7, "sim://x"), 0);
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 8, "sim://y"), 0);
    start(NULL);
    cluster_run(100);
    ck_assert_uint_eq(times_asked("sim://x"), 1);
    ck_assert_uint_eq(times_asked("sim://y"), 1);
    cluster_run(10 * one.params.rejoin_interval_max);
    ck_assert_uint_ge(times_asked("sim://x"), 10);
    ck_assert_uint_le(times_asked("sim://x"), 20);
    ck_assert_uint_eq(remembered(), 2);
}
END_TEST

START_TEST(one_that_is_at_a_seed_is_asked_as_a_seed_only)
{
    uint32_t as_seed;

    start("sim://x");
    cluster_run(60000);
    as_seed = times_asked("sim://x");
    cluster_teardown();
    cluster_setup();
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 7, "sim://x"), 0);
    start("sim://x");
    cluster_run(60000);
    ck_assert_uint_ge(as_seed, 6);
    ck_assert_uint_le(times_asked("sim://x"), as_seed + 1);
}
END_TEST

START_TEST(one_that_is_forgotten_is_asked_no_more)
{
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 7, "sim://x"), 0);
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 8, "sim://y"), 0);
    one.forgotten = 7;
    start(NULL);
    cluster_run(60000);
    ck_assert_uint_eq(times_asked("sim://x"), 0);
    ck_assert_uint_ne(times_asked("sim://y"), 0);
    ck_assert_uint_eq(remembered(), 1);
}
END_TEST

START_TEST(who_is_no_other_node_or_nowhere_is_refused)
{
    char longer[PHUB_ENDPOINT_MAX + 2];

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 0, "sim://x"),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub__cluster_remember(one.cluster, ME, "sim://x"),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 7, ""), PHUB_EINVAL);
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 7, longer),
                     PHUB_EINVAL);
    ck_assert_uint_eq(remembered(), 0);
}
END_TEST

/* As many as may wait for a link at a time are not asked in one moment. */
START_TEST(as_many_as_can_be_known_are_asked_a_few_at_a_time)
{
    char endpoint[24];
    uint32_t i, k = 0, most = 0;

    for (i = 0; i < PHUB__ADDRESSES_MAX; i++) {
        snprintf(endpoint, sizeof endpoint, "sim://%u", i);
        ck_assert_int_eq(phub__cluster_remember(one.cluster, 100 + i,
                                                endpoint), 0);
    }
    ck_assert_int_eq(phub__cluster_remember(one.cluster, 99, "sim://x"),
                     PHUB_ELIMIT);
    start(NULL);
    cluster_run(one.params.rejoin_interval_max / 2);
    for (i = 0; i < PHUB__ADDRESSES_MAX; i++) {
        snprintf(endpoint, sizeof endpoint, "sim://%u", i);
        ck_assert_uint_ge(times_asked(endpoint), 1);
    }
    for (i = 0; i < one.count; i++) {
        while (one.asked[k].at_ns + 100 * MS < one.asked[i].at_ns)
            k++;
        most = i - k + 1 > most ? i - k + 1 : most;
    }
    ck_assert_uint_le(most, 48);
}
END_TEST

/* --- hubs whose seeds are a and b --------------------------------------------- */

enum { NODE_A, NODE_B, NODE_C, NODE_D, NODES };

static struct hubs hubs;

static void hubs_setup(void)
{
    hubs_new(&hubs, 2, "coldswap", 23);
    ck_assert_uint_eq(hubs_add(&hubs), NODE_C);
    ck_assert_uint_eq(hubs_add(&hubs), NODE_D);
    hubs_settle(&hubs);
    hubs_run(&hubs, 2000);
}

static void hubs_teardown(void)
{
    hubs_free(&hubs);
}

static void all_off(void)
{
    uint32_t i;

    for (i = 0; i < NODES; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 100);
}

static void on(uint32_t node)
{
    phub__sim_node_start(hubs_node(&hubs, node));
}

static int two_together(struct hubs *all, const void *none)
{
    (void)none;
    return phub__view_count(phub__hub_view(hubs_hub(all, NODE_C))) == 2 &&
           phub__view_count(phub__hub_view(hubs_hub(all, NODE_D))) == 2;
}

static int find_each_other(uint64_t ms)
{
    on(NODE_C);
    on(NODE_D);
    return hubs_until(&hubs, ms, two_together, NULL);
}

struct content {
    const char *bytes;
    size_t size;
};

static void write_file(struct phub__hub *hub, void *arg)
{
    const struct content *content = arg;

    ck_assert_int_eq(hub->env->file_do(hub->env, PHUB__FILE_REPLACE, FILE_NAME,
                                       (const uint8_t *)content->bytes,
                                       content->size, NULL, hub), 0);
}

START_TEST(two_whose_seeds_are_no_more_find_each_other_at_once)
{
    all_off();
    ck_assert(find_each_other(200));
}
END_TEST

START_TEST(one_that_has_met_nobody_since_does_not_lose_what_it_knew)
{
    all_off();
    on(NODE_C);
    hubs_run(&hubs, 5000);
    phub__sim_node_power_off(hubs_node(&hubs, NODE_C));
    hubs_run(&hubs, 100);
    ck_assert(find_each_other(200));
}
END_TEST

/* Taken over from another hub, or torn. */
START_TEST(what_cannot_be_used_is_ignored_and_written_anew)
{
    static const struct content contents[] = {
        { "\377garbage", 8 },
        { "", 0 },
        /* {1: 7, 2: [{1: 8, 2: "tcp://d:7000"}]} */
        { "\242\001\007\002\201\242\001\010\002\154tcp://d:7000", 22 },
    };

    hubs_do(&hubs, NODE_C, write_file, (void *)&contents[_i]);
    hubs_do(&hubs, NODE_D, write_file, (void *)&contents[_i]);
    hubs_run(&hubs, 100);
    all_off();
    ck_assert(!find_each_other(20000));
    on(NODE_A);
    hubs_settle(&hubs);
    hubs_run(&hubs, 2000);  /* it is written anew */
    all_off();
    ck_assert(find_each_other(200));
}
END_TEST

static void read_size(struct phub__hub *hub, void *arg)
{
    struct phub_buf *file = NULL;

    ck_assert_int_eq(hub->env->file_read(hub->env, FILE_NAME, &file), 0);
    *(size_t *)arg = file->size;
    phub__buf_unref(&file);
}

START_TEST(it_is_written_when_an_address_is_new_and_not_before)
{
    static const struct content mark = { "\377", 1 };
    size_t size;

    hubs_do(&hubs, NODE_C, write_file, (void *)&mark);
    phub__sim_node_power_off(hubs_node(&hubs, NODE_D));
    hubs_settle(&hubs);
    on(NODE_D);
    hubs_settle(&hubs);
    hubs_run(&hubs, 3000);
    hubs_do(&hubs, NODE_C, read_size, &size);
    ck_assert_uint_eq(size, mark.size);
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    hubs_run(&hubs, 3000);
    hubs_do(&hubs, NODE_C, read_size, &size);
    ck_assert_uint_gt(size, 4 * strlen("tcp://a:7000"));
}
END_TEST

/* --- hubs whose seed is a name ------------------------------------------------- */

static const char *const name[] = { "dns:hub:7000" };
static const char *const behind[] = { "tcp://a:7000", "tcp://b:7000" };

static void names_setup(void)
{
    hubs.seeds = name;
    hubs.seeds_count = 1;
    hubs_new(&hubs, 0, "coldswap", 23);
}

static void names_teardown(void)
{
    hubs_free(&hubs);
    hubs.seeds = NULL;
}

static int two_see_each_other(struct hubs *all, const void *none)
{
    (void)none;
    return phub__view_count(phub__hub_view(hubs_hub(all, NODE_A))) == 2 &&
           phub__view_count(phub__hub_view(hubs_hub(all, NODE_B))) == 2;
}

START_TEST(a_name_that_nobody_knows_is_asked_for_again)
{
    (void)hubs_add(&hubs);
    (void)hubs_add(&hubs);
    ck_assert(!hubs_until(&hubs, 15000, two_see_each_other, NULL));
    phub__world_name(hubs.world, name[0], behind, 2);
    ck_assert(hubs_until(&hubs, 11000, two_see_each_other, NULL));
}
END_TEST

START_TEST(a_slow_resolver_has_one_question_of_each)
{
    phub__world_name(hubs.world, name[0], behind, 2);
    phub__world_resolver(hubs.world, 25000 * MS);
    (void)hubs_add(&hubs);
    (void)hubs_add(&hubs);
    for (uint32_t i = 0; i < 24; i++) {
        hubs_run(&hubs, 1000);
        ck_assert_uint_eq(phub__world_resolving(hubs.world), 2);
    }
    ck_assert(hubs_until(&hubs, 5000, two_see_each_other, NULL));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("addresses");
    TCase *tc = tcase_create("cluster");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, cluster_setup, cluster_teardown);
    tcase_add_test(tc,
        known_nodes_are_asked_soon_and_for_ever_with_longer_waits);
    tcase_add_test(tc, one_that_is_at_a_seed_is_asked_as_a_seed_only);
    tcase_add_test(tc, one_that_is_forgotten_is_asked_no_more);
    tcase_add_test(tc, who_is_no_other_node_or_nowhere_is_refused);
    tcase_add_test(tc, as_many_as_can_be_known_are_asked_a_few_at_a_time);
    suite_add_tcase(suite, tc);
    tc = tcase_create("hubs");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, hubs_setup, hubs_teardown);
    tcase_add_test(tc,
        two_whose_seeds_are_no_more_find_each_other_at_once);
    tcase_add_test(tc,
        one_that_has_met_nobody_since_does_not_lose_what_it_knew);
    tcase_add_loop_test(tc, what_cannot_be_used_is_ignored_and_written_anew,
                        0, 3);
    tcase_add_test(tc, it_is_written_when_an_address_is_new_and_not_before);
    suite_add_tcase(suite, tc);
    tc = tcase_create("names");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, names_setup, names_teardown);
    tcase_add_test(tc, a_name_that_nobody_knows_is_asked_for_again);
    tcase_add_test(tc, a_slow_resolver_has_one_question_of_each);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
