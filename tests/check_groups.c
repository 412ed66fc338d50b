/* SPDX-License-Identifier: MIT */
/* check_groups: load, rows and metadata, as a strategy uses them and as it may
 * misuse them. */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/rows.h"
#include "hub/tally.h"
#include "hub_fixture.h"

static struct hubs hubs;
static char plugin[512], mapped[512];

static void begin(uint32_t count, const char *distribution)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin, .distribution = distribution };
    hubs_new(&hubs, count, "hotswap", 23);
    hubs_run(&hubs, 3000);
}

static const char *by_metadata(void)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(mapped, sizeof mapped, "%s/tests/.libs/distribution-mapped.so",
             build != NULL ? build : ".");
    return mapped;
}

static void end(void)
{
    hubs_free(&hubs);
}

static uint64_t counted(uint32_t node, const char *name)
{
    return phub__tally_get(
        &hubs_hub(&hubs, node)->tallies[PHUB_KIND_PARTITION], name);
}

/* In a turn of a node, as its partition strategy sees the host. */
static const struct phub_host *host;
static struct phub_ctx *ctx;

static void turn(struct phub__hub *hub, void *arg)
{
    void (*const *fn)(void) = arg;

    host = hub->strategies[PHUB_KIND_PARTITION]->host;
    ctx = hub->strategies[PHUB_KIND_PARTITION]->ctx;
    (*fn)();
}

static void as_strategy(uint32_t node, void (*fn)(void))
{
    hubs_do(&hubs, node, turn, &fn);
}

/* --- load -------------------------------------------------------------------- */

static uint64_t about;       /* node */
static struct phub_load load;
static int rc;

static void look(void)
{
    load = (struct phub_load){ .size = sizeof load };
    rc = host->load_of(ctx, about, &load);
}

/* What node knows of another; the code of the call. */
static int load_of(uint32_t node, uint32_t of)
{
    about = hubs.ids[of];
    as_strategy(node, look);
    return rc;
}

static void publish_to_first(void)
{
    ck_assert_int_eq(host->load_publish(ctx, 1000, &hubs.ids[0], 1), 0);
}

static void publish_to_all(void)
{
    const uint64_t all = 0;

    ck_assert_int_eq(host->load_publish(ctx, 500, &all, 1), 0);
}

static void publish_no_more(void)
{
    ck_assert_int_eq(host->load_publish(ctx, 0, NULL, 0), 0);
}

START_TEST(nobody_measures_unless_asked)
{
    begin(2, NULL);
    hubs_run(&hubs, 20000);
    ck_assert_int_eq(load_of(0, 0), PHUB_ENOTFOUND);
    ck_assert_int_eq(load_of(0, 1), PHUB_ENOTFOUND);
    end();
}
END_TEST

START_TEST(a_load_comes_to_whom_it_is_sent)
{
    struct phub__sim_load set;
    uint64_t serial;

    begin(3, NULL);
    phub__sim_load_init(&set);
    set.cpu_permille = 300;
    set.child_permille = 0;
    set.memory_used_bytes = 1u << 30;
    set.queue_milli = 1500;
    set.host = 77;
    phub__sim_node_load(hubs_node(&hubs, 1), &set);
    as_strategy(1, publish_to_first);
    hubs_run(&hubs, 2500);
    ck_assert_int_eq(load_of(2, 1), PHUB_ENOTFOUND);
    ck_assert_int_eq(load_of(0, 1), 0);
    ck_assert_uint_eq(load.cpus, 4);
    ck_assert_uint_eq(load.host, 77);
    ck_assert_uint_ge(load.cpu_permille, 298);
    ck_assert_uint_le(load.cpu_permille, 300);
    ck_assert_uint_eq(load.memory_bytes, UINT64_C(8) << 30);
    ck_assert_uint_eq(load.memory_free_bytes, UINT64_C(7) << 30);
    ck_assert_uint_eq(load.queue_milli, 1500);
    ck_assert_uint_eq(load.interval_ms, 1000);
    ck_assert_uint_eq(load.children, 0);
    ck_assert_uint_lt(load.age_ns, 1100 * PHUB__SIM_MS);
    serial = load.serial;
    ck_assert_int_eq(load_of(1, 1), 0);
    ck_assert_uint_eq(load.serial, serial);
    end();
}
END_TEST

START_TEST(children_are_in_the_load_of_their_node)
{
    uint32_t node, before;

    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "a", &node), 1);
    as_strategy(node, publish_to_all);
    hubs_run(&hubs, 1500);
    ck_assert_int_eq(load_of(1 - node, node), 0);
    ck_assert_uint_eq(load.children, 1);
    ck_assert_uint_ge(load.node_cpu_permille, 9);
    before = load.node_cpu_permille;
    ck_assert_uint_le(before, 10);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "a"), 0);
    hubs_run(&hubs, 1500);
    ck_assert_int_eq(load_of(1 - node, node), 0);
    ck_assert_uint_eq(load.children, 0);
    ck_assert_uint_eq(load.node_cpu_permille, 0);
    end();
}
END_TEST

START_TEST(what_is_not_measured_any_more_gets_older)
{
    uint64_t serial;

    begin(2, NULL);
    as_strategy(1, publish_to_first);
    hubs_run(&hubs, 2500);
    as_strategy(1, publish_no_more);
    hubs_run(&hubs, 100);
    ck_assert_int_eq(load_of(0, 1), 0);
    serial = load.serial;
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(load_of(0, 1), 0);
    ck_assert_uint_eq(load.serial, serial);
    ck_assert_uint_gt(load.age_ns, 9 * PHUB__SIM_S);
    as_strategy(1, publish_to_all);
    hubs_run(&hubs, 1500);
    ck_assert_int_eq(load_of(0, 1), 0);
    ck_assert_uint_gt(load.serial, serial);
    end();
}
END_TEST

static void drained(void *arg, int code, uint32_t moved, uint32_t left)
{
    (void)code;
    (void)moved;
    (void)left;
    *(int *)arg = 1;
}

static void drain(struct phub__hub *hub, void *arg)
{
    ck_assert_int_eq(phub__drain_start(hub, 10000, drained, arg), 0);
}

START_TEST(a_load_says_that_its_node_takes_nothing_any_more)
{
    int done = 0;

    begin(2, NULL);
    as_strategy(1, publish_to_first);
    hubs_run(&hubs, 2500);
    ck_assert_int_eq(load_of(0, 1), 0);
    ck_assert_uint_eq(load.flags, 0);
    hubs_do(&hubs, 1, drain, &done);
    hubs_run(&hubs, 2500);
    ck_assert_int_eq(done, 1);
    ck_assert_int_eq(load_of(0, 1), 0);
    ck_assert_uint_eq(load.flags, PHUB_LOAD_LEAVING);
    end();
}
END_TEST

START_TEST(the_load_of_a_node_that_is_gone_is_forgotten)
{
    begin(3, NULL);
    as_strategy(1, publish_to_first);
    hubs_run(&hubs, 2500);
    ck_assert_int_eq(load_of(0, 1), 0);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, 5000);
    ck_assert_int_eq(load_of(0, 1), PHUB_ENOTFOUND);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_settle(&hubs);
    ck_assert_int_eq(load_of(0, 1), PHUB_ENOTFOUND);
    end();
}
END_TEST

static void misuse_load(void)
{
    static uint64_t many[PHUB_LOAD_NODES_MAX + 1];
    struct { uint32_t size, cpus; } old = { sizeof old, 0 };

    ck_assert_int_eq(host->load_publish(ctx, PHUB_LOAD_INTERVAL_MIN_MS - 1,
                                        many, 1), PHUB_EINVAL);
    ck_assert_int_eq(host->load_publish(ctx, 1000, many,
                                        PHUB_LOAD_NODES_MAX + 1),
                     PHUB_ELIMIT);
    ck_assert_int_eq(host->load_publish(ctx, PHUB_LOAD_INTERVAL_MIN_MS, many,
                                        PHUB_LOAD_NODES_MAX), 0);
    ck_assert_int_eq(host->load_publish(ctx, 1000, NULL, 0), 0);
    ck_assert_int_eq(host->load_watch(ctx, 4), 0);
    ck_assert_int_eq(host->load_watch(ctx, 5), PHUB_EBUSY);
    ck_assert_int_eq(host->load_of(ctx, 12345, (void *)&old),
                     PHUB_ENOTFOUND);
}

static void look_old(void)
{
    struct { uint32_t size, cpus, guard; } old = { 8, 0, 99 };

    ck_assert_int_eq(host->load_of(ctx, hubs.ids[0], (void *)&old), 0);
    ck_assert_uint_eq(old.size, 8);
    ck_assert_uint_eq(old.cpus, 4);
    ck_assert_uint_eq(old.guard, 99);
}

START_TEST(load_has_limits_and_is_watched_once)
{
    begin(1, NULL);
    as_strategy(0, misuse_load);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(counted(0, "done-4"), 1);
    ck_assert_uint_eq(counted(0, "value-4"), hubs.ids[0]);
    ck_assert_uint_eq(counted(0, "done-5"), 0);
    as_strategy(0, look_old);
    end();
}
END_TEST

/* A reading that is under way when its hub ends tells nobody. */
START_TEST(a_hub_ends_while_it_measures)
{
    begin(1, NULL);
    as_strategy(0, publish_to_all);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 3000);
    end();
}
END_TEST

/* --- starting with metadata -------------------------------------------------- */

struct start {
    const char *id, *key, *value, *tag;
    bool sticky;
};

static void start_turn(struct phub__hub *hub, void *arg)
{
    const struct start *start = arg;
    struct phub_buf *spec = hubs_spec("sim");
    struct phub__op_pair pair = { hubs_bytes(start->key),
                                  hubs_bytes(start->value) };
    struct phub_bytes tag = hubs_bytes(start->tag);
    struct phub__command_child child = {
        .id = hubs_bytes(start->id), .spec = phub__buf_bytes(spec),
        .metadata = { &pair, 1 }, .tags = { &tag, 1 },
        .sticky = start->sticky };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hub, &child, 1, 0, HUBS_TIMEOUT_MS,
                                         hubs_done, &hubs_last), 0);
    phub__buf_unref(&spec);
}

static void start(const char *id, const char *value, const char *tag,
                  bool sticky)
{
    struct start s = { id, "on", value, tag, sticky };

    hubs_do(&hubs, 0, start_turn, &s);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
}

START_TEST(a_distribution_goes_by_metadata_at_a_start_and_later)
{
    uint32_t node, tags = 0, i;

    begin(3, by_metadata());
    start("x", "b", "red", false);
    ck_assert_uint_eq(hubs_acting(&hubs, "x", &node), 1);
    ck_assert_uint_eq(node, 1);
    start("y", "c", "red", false);
    ck_assert_uint_eq(hubs_acting(&hubs, "y", &node), 1);
    ck_assert_uint_eq(node, 2);
    for (i = 0; i < 3; i++)
        tags += (uint32_t)phub__tally_get(
            &hubs_hub(&hubs, i)->tallies[PHUB_KIND_DISTRIBUTION], "tags");
    ck_assert_uint_ge(tags, 2);
    /* Its row knows where it belongs when its node comes back. */
    phub__sim_node_kill(hubs_node(&hubs, 2));
    hubs_run(&hubs, 8000);
    ck_assert_uint_eq(hubs_acting(&hubs, "y", &node), 1);
    ck_assert_uint_ne(node, 2);
    phub__sim_node_start(hubs_node(&hubs, 2));
    hubs_settle(&hubs);
    hubs_run(&hubs, 8000);
    ck_assert_uint_eq(hubs_acting(&hubs, "y", &node), 1);
    ck_assert_uint_eq(node, 2);
    end();
}
END_TEST

/* --- rows -------------------------------------------------------------------- */

static uint32_t calls, seen[32], seen_all, looked_max;
static struct phub_rows_query query;

static void walk(void)
{
    struct phub_row rows[3];
    uint64_t cursor = 0;
    uint32_t count, i;

    calls = seen_all = 0;
    memset(seen, 0, sizeof seen);
    do {
        ck_assert_int_eq(host->rows_next(ctx, query.size != 0 ? &query : NULL,
                                         &cursor, looked_max, rows, 3,
                                         sizeof rows[0], &count), 0);
        ck_assert_uint_le(count, looked_max);
        for (i = 0; i < count; i++) {
            ck_assert_uint_eq(rows[i].size, sizeof rows[i]);
            ck_assert_uint_eq(rows[i].id.size, 1);
            seen[rows[i].id.data[0] - 'a']++;
            seen_all++;
        }
        ck_assert_uint_lt(++calls, 1000);
    } while (cursor != 0);
}

static void misuse_rows(void)
{
    struct phub_rows_query bad = { .size = sizeof bad, .by = 99 };
    struct phub_rows_query empty = { .size = sizeof empty,
                                     .by = PHUB_ROWS_TAG };
    struct phub_bytes none = hubs_bytes("none"), a = hubs_bytes("a"), value;
    struct phub_instance instance;
    struct phub_row row = { .size = sizeof row };
    uint64_t cursor = 0;
    uint32_t count = 7;

    ck_assert_int_eq(host->rows_next(ctx, &bad, &cursor, 1, &row, 1,
                                     sizeof row, &count), PHUB_EINVAL);
    ck_assert_int_eq(host->rows_next(ctx, &empty, &cursor, 1, &row, 1,
                                     sizeof row, &count), PHUB_EINVAL);
    ck_assert_int_eq(host->rows_next(ctx, NULL, &cursor, 0, &row, 1,
                                     sizeof row, &count), PHUB_EINVAL);
    ck_assert_int_eq(host->rows_next(ctx, NULL, &cursor,
                                     PHUB_ROWS_BUDGET_MAX + 1, &row, 1,
                                     sizeof row, &count), PHUB_EINVAL);
    ck_assert_int_eq(host->rows_next(ctx, NULL, &cursor, 1, &row, 0,
                                     sizeof row, &count), PHUB_EINVAL);
    ck_assert_int_eq(host->rows_next(ctx, NULL, &cursor, 1, &row, 1, 2,
                                     &count), PHUB_EINVAL);
    ck_assert_uint_eq(count, 7);
    ck_assert_int_eq(host->row_get(ctx, &none, &row), PHUB_ENOTFOUND);
    ck_assert_int_eq(host->row_metadata(ctx, &none, &none, &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->row_metadata(ctx, &a, &none, &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->instances_next(ctx, &none, &cursor, &instance, 1,
                                          sizeof instance, &count),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->instances_next(ctx, &a, &cursor, &instance, 0,
                                          sizeof instance, &count),
                     PHUB_EINVAL);
}

START_TEST(a_walk_gives_each_row_once_within_its_budget)
{
    uint32_t i;

    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "h"), 0);
    hubs_settle(&hubs);
    for (looked_max = 1; looked_max <= 3; looked_max++) {
        as_strategy(1, walk);
        for (i = 0; i < 7; i++)
            ck_assert_uint_eq(seen[i], 1);
        ck_assert_uint_eq(seen[7], 0);
        ck_assert_uint_eq(seen_all, 7);
        ck_assert_uint_ge(calls, 7 / looked_max);
    }
    as_strategy(0, misuse_rows);
    end();
}
END_TEST

static void look_at_row(void)
{
    struct phub_bytes x = hubs_bytes("x"), on = hubs_bytes("on"), value;
    struct phub_row row = { .size = sizeof row };
    struct { uint32_t size, flags; uint64_t guard; } old = { 8, 0, 99 };
    struct phub_instance instances[2];
    uint64_t cursor = 0;
    uint32_t count;

    ck_assert_int_eq(host->row_get(ctx, &x, &row), 0);
    ck_assert_uint_eq(row.home, hubs.ids[1]);
    ck_assert_uint_eq(row.flags, PHUB_ROW_STICKY);
    ck_assert_uint_gt(row.incarnation.number, 0);
    ck_assert_uint_eq(row.instances_count, 1);
    ck_assert_int_eq(host->row_get(ctx, &x, (void *)&old), 0);
    ck_assert_uint_eq(old.flags, PHUB_ROW_STICKY);
    ck_assert_uint_eq(old.guard, 99);
    ck_assert_int_eq(host->row_metadata(ctx, &x, &on, &value), 0);
    ck_assert_uint_eq(value.size, 1);
    ck_assert_int_eq(value.data[0], 'b');
    ck_assert_int_eq(host->instances_next(ctx, &x, &cursor, instances, 2,
                                          sizeof instances[0], &count), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(instances[0].node, hubs.ids[1]);
    ck_assert_uint_eq(instances[0].state, PHUB_INSTANCE_RUNNING);
    ck_assert_int_eq(host->instances_next(ctx, &x, &cursor, instances, 2,
                                          sizeof instances[0], &count),
                     PHUB_EEMPTY);
}

START_TEST(rows_are_found_by_home_instance_and_tag)
{
    begin(3, by_metadata());
    start("x", "b", "red", true);
    start("y", "c", "red", false);
    start("z", "c", "blue", false);
    hubs_settle(&hubs);
    as_strategy(0, look_at_row);
    looked_max = 2;
    query = (struct phub_rows_query){ .size = sizeof query,
                                      .by = PHUB_ROWS_HOME,
                                      .node = hubs.ids[2] };
    as_strategy(0, walk);
    ck_assert_uint_eq(seen_all, 2);
    ck_assert_uint_eq(seen['y' - 'a'] + seen['z' - 'a'], 2);
    query.by = PHUB_ROWS_INSTANCE;
    query.node = hubs.ids[1];
    as_strategy(0, walk);
    ck_assert_uint_eq(seen_all, 1);
    ck_assert_uint_eq(seen['x' - 'a'], 1);
    query.by = PHUB_ROWS_TAG;
    query.key = hubs_bytes("red");
    as_strategy(0, walk);
    ck_assert_uint_eq(seen_all, 2);
    ck_assert_uint_eq(seen['z' - 'a'], 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("groups");
    TCase *tcase = tcase_create("groups");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, nobody_measures_unless_asked);
    tcase_add_test(tcase, a_load_comes_to_whom_it_is_sent);
    tcase_add_test(tcase, children_are_in_the_load_of_their_node);
    tcase_add_test(tcase, what_is_not_measured_any_more_gets_older);
    tcase_add_test(tcase, a_load_says_that_its_node_takes_nothing_any_more);
    tcase_add_test(tcase, the_load_of_a_node_that_is_gone_is_forgotten);
    tcase_add_test(tcase, load_has_limits_and_is_watched_once);
    tcase_add_test(tcase, a_hub_ends_while_it_measures);
    tcase_add_test(tcase, a_distribution_goes_by_metadata_at_a_start_and_later);
    tcase_add_test(tcase, a_walk_gives_each_row_once_within_its_budget);
    tcase_add_test(tcase, rows_are_found_by_home_instance_and_tag);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
