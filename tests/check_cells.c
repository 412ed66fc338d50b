/* SPDX-License-Identifier: MIT */
/* check_cells: values that a strategy has alike on all nodes. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/tally.h"
#include "hub_fixture.h"
#include "wire/buf.h"

static struct hubs hubs;
static char plugin[512];

static void begin(uint32_t count)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin };
    hubs_new(&hubs, count, "hotswap", 21);
    hubs_run(&hubs, 3000);
}

static void end(void)
{
    hubs_free(&hubs);
}

/* In a turn of a node, as its partition strategy sees the host. */
struct call {
    const char *key, *value;
    uint64_t version, token;
    int cas, rc;
    struct phub_buf *found;
};

static const struct phub_host *host;
static struct phub_ctx *ctx;

static void as_strategy(struct phub__hub *hub)
{
    host = hub->strategies[PHUB_KIND_PARTITION]->host;
    ctx = hub->strategies[PHUB_KIND_PARTITION]->ctx;
}

static void write_turn(struct phub__hub *hub, void *arg)
{
    struct call *call = arg;
    struct phub_bytes key = hubs_bytes(call->key);
    struct phub_bytes value = hubs_bytes(call->value);

    as_strategy(hub);
    call->rc = call->cas
        ? host->cell_cas(ctx, &key, &value, call->version, call->token)
        : host->cell_put(ctx, &key, &value, call->token);
}

static void read_turn(struct phub__hub *hub, void *arg)
{
    struct call *call = arg;
    struct phub_bytes key = hubs_bytes(call->key);

    as_strategy(hub);
    call->rc = host->cell_get(ctx, &key, &call->found, &call->version);
}

static uint64_t counted(uint32_t node, const char *name, uint64_t token)
{
    char text[40];

    snprintf(text, sizeof text, "%s-%u", name, (unsigned)token);
    return phub__tally_get(
        &hubs_hub(&hubs, node)->tallies[PHUB_KIND_PARTITION], text);
}

/* Gives the code that the answer carried. */
static int put(uint32_t node, const char *key, const char *value,
               uint64_t token)
{
    struct call call = { .key = key, .value = value, .token = token };

    hubs_do(&hubs, node, write_turn, &call);
    if (call.rc != 0)
        return call.rc;
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(counted(node, "done", token), 1);
    return -(int)counted(node, "rc", token);
}

static int cas(uint32_t node, const char *key, const char *value,
               uint64_t version, uint64_t token)
{
    struct call call = { .key = key, .value = value, .token = token,
                         .version = version, .cas = 1 };

    hubs_do(&hubs, node, write_turn, &call);
    ck_assert_int_eq(call.rc, 0);
    hubs_run(&hubs, 15000);
    return -(int)counted(node, "rc", token);
}

static int holds(uint32_t node, const char *key, const char *value)
{
    struct call call = { .key = key };
    int same;

    hubs_do(&hubs, node, read_turn, &call);
    if (call.rc != 0)
        return value == NULL && call.rc == PHUB_ENOTFOUND;
    same = value != NULL && call.found->size == strlen(value) &&
           memcmp(call.found->data, value, call.found->size) == 0;
    phub__buf_unref(&call.found);
    return same;
}

START_TEST(what_one_node_puts_all_have)
{
    uint32_t i;

    begin(3);
    ck_assert_int_eq(put(0, "quota", "7", 1), 0);
    for (i = 0; i < 3; i++) {
        ck_assert(holds(i, "quota", "7"));
        ck_assert(holds(i, "other", NULL));
    }
    ck_assert_int_eq(put(2, "quota", "", 2), 0);
    for (i = 0; i < 3; i++)
        ck_assert(holds(i, "quota", NULL));
    end();
}
END_TEST

START_TEST(a_cell_is_no_child)
{
    struct phub__registry_counts counts;
    struct phub__query query = { .by = PHUB__BY_ALL };
    struct phub__row_view view;
    uint64_t cursor = 0;

    begin(2);
    ck_assert_int_eq(put(0, "k", "v", 1), 0);
    phub__registry_counts(hubs_hub(&hubs, 1)->registry, &counts);
    ck_assert_uint_eq(counts.rows, 0);
    ck_assert_uint_eq(counts.rows_live, 0);
    do
        ck_assert_uint_eq(phub__registry_query(hubs_hub(&hubs, 1)->registry,
                                               &query, &cursor, 64, &view, 1),
                          0);
    while (cursor != 0);
    end();
}
END_TEST

START_TEST(only_one_of_two_who_compare_wins)
{
    struct call a = { .key = "leader", .value = "a", .token = 1, .cas = 1 };
    struct call b = { .key = "leader", .value = "b", .token = 2, .cas = 1 };
    uint64_t version;

    begin(3);
    hubs_do(&hubs, 0, write_turn, &a);
    hubs_do(&hubs, 1, write_turn, &b);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq((counted(0, "rc", 1) == 0) + (counted(1, "rc", 2) == 0),
                      1);
    ck_assert_uint_eq(counted(0, "rc", 1) + counted(1, "rc", 2),
                      -PHUB_EREFUSED);
    version = counted(0, "value", 1);
    ck_assert_uint_eq(version, counted(1, "value", 2));
    ck_assert_int_eq(cas(2, "leader", "c", version + 1, 3), PHUB_EREFUSED);
    ck_assert_int_eq(cas(2, "leader", "c", version, 4), 0);
    ck_assert(holds(0, "leader", "c"));
    end();
}
END_TEST

static void watch_turn(struct phub__hub *hub, void *arg)
{
    as_strategy(hub);
    *(int *)arg = host->cell_watch(ctx, 9);
}

START_TEST(who_watches_hears_once)
{
    int rc;

    begin(2);
    hubs_do(&hubs, 1, watch_turn, &rc);
    ck_assert_int_eq(rc, 0);
    hubs_do(&hubs, 1, watch_turn, &rc);
    ck_assert_int_eq(rc, PHUB_EBUSY);
    ck_assert_int_eq(put(0, "k", "1", 1), 0);
    ck_assert_int_eq(put(0, "k", "2", 2), 0);
    ck_assert_uint_eq(counted(1, "done", 9), 1);
    hubs_do(&hubs, 1, watch_turn, &rc);
    ck_assert_int_eq(rc, 0);
    end();
}
END_TEST

static uint32_t walked;
static char seen[64];

static void walk_turn(struct phub__hub *hub, void *arg)
{
    struct phub_bytes key = PHUB_BYTES_NONE;

    (void)arg;
    as_strategy(hub);
    walked = 0;
    seen[0] = '\0';
    while (host->cell_next(ctx, &key, &key) == 0) {
        walked++;
        if (strlen(seen) < 40)
            snprintf(seen + strlen(seen), sizeof seen - strlen(seen), "%.*s ",
                     (int)key.size, (const char *)key.data);
    }
}

START_TEST(keys_are_walked_in_order)
{
    begin(2);
    ck_assert_int_eq(put(0, "b", "1", 1), 0);
    ck_assert_int_eq(put(1, "a", "1", 2), 0);
    ck_assert_int_eq(put(0, "ab", "1", 3), 0);
    hubs_do(&hubs, 1, walk_turn, NULL);
    ck_assert_str_eq(seen, "a ab b ");
    end();
}
END_TEST

static void fill_turn(struct phub__hub *hub, void *arg)
{
    struct phub_bytes value = hubs_bytes("v");
    char text[16];
    uint32_t i;

    (void)arg;
    as_strategy(hub);
    for (i = 0; i < PHUB_CELLS_MAX; i++) {
        struct phub_bytes key = { (const uint8_t *)text, 0 };

        key.size = (size_t)snprintf(text, sizeof text, "key%u", i);
        ck_assert_int_eq(host->cell_put(ctx, &key, &value, 5), 0);
    }
}

START_TEST(limits_are_answered)
{
    static char long_key[PHUB_CELL_KEY_MAX + 2];
    static char large[PHUB_CELL_SIZE_MAX + 2];

    begin(1);
    memset(long_key, 'k', PHUB_CELL_KEY_MAX + 1);
    memset(large, 'v', PHUB_CELL_SIZE_MAX + 1);
    ck_assert_int_eq(put(0, long_key, "v", 1), PHUB_EINVAL);
    ck_assert_int_eq(put(0, "", "v", 1), PHUB_EINVAL);
    ck_assert_int_eq(put(0, "a\nb", "v", 1), PHUB_EINVAL);
    ck_assert_int_eq(put(0, "\xff", "v", 1), PHUB_EINVAL);
    ck_assert_int_eq(put(0, "k", large, 1), PHUB_ELIMIT);
    long_key[PHUB_CELL_KEY_MAX] = large[PHUB_CELL_SIZE_MAX] = '\0';
    ck_assert_int_eq(put(0, long_key, large, 1), 0);
    hubs_do(&hubs, 0, fill_turn, NULL);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(counted(0, "done", 5), PHUB_CELLS_MAX);
    ck_assert_uint_eq(counted(0, "rc", 5), -PHUB_ELIMIT); /* one too many */
    hubs_do(&hubs, 0, walk_turn, NULL);
    ck_assert_uint_eq(walked, PHUB_CELLS_MAX);
    ck_assert_int_eq(put(0, "key0", "w", 6), 0);
    end();
}
END_TEST

START_TEST(cells_survive_a_loss_and_a_restart_of_all)
{
    uint32_t i;

    begin(3);
    ck_assert_int_eq(put(0, "k", "kept", 1), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    hubs_run(&hubs, 10000);
    ck_assert(holds(1, "k", "kept"));
    ck_assert(holds(2, "k", "kept"));
    for (i = 1; i < 3; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 1000);
    for (i = 0; i < 3; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_run(&hubs, 20000);
    for (i = 0; i < 3; i++)
        ck_assert(holds(i, "k", "kept"));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cells");
    TCase *tc = tcase_create("cells");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, what_one_node_puts_all_have);
    tcase_add_test(tc, a_cell_is_no_child);
    tcase_add_test(tc, only_one_of_two_who_compare_wins);
    tcase_add_test(tc, who_watches_hears_once);
    tcase_add_test(tc, keys_are_walked_in_order);
    tcase_add_test(tc, limits_are_answered);
    tcase_add_test(tc, cells_survive_a_loss_and_a_restart_of_all);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
