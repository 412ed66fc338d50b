/* SPDX-License-Identifier: MIT */
/* check_store: durable rows outlive every daemon; what is stopped does not. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub/store.h"
#include "hub_fixture.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define HUBS_OF_A_TEST 2u

static struct hubs hubs;

static void setup(void)
{
    hubs_new(&hubs, HUBS_OF_A_TEST, "coldswap", 17);
}

static void teardown(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

/* All machines lose power and come back. */
static void power_cut(void)
{
    uint32_t i;

    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 100);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
}

static int live(uint32_t node, const char *id)
{
    struct phub__row_facts row;

    phub__row_facts(hubs_hub(&hubs, node), hubs_bytes(id), &row);
    return row.live;
}

START_TEST(a_durable_child_runs_again_after_all_lost_power)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "t", "sim"), 0);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    ck_assert(hubs_is_gone(&hubs, "t"));
    ck_assert(live(0, "d") && live(1, "d"));
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
}
END_TEST

START_TEST(the_acknowledgement_of_a_durable_start_is_worth_a_power_cut)
{
    struct hubs_result result;

    hubs_start_send(&hubs, 0, "d e f", "sim durable", &result);
    while (result.done == 0)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_uint_eq(result.bad, 0);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "e", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "f", NULL), 1);
}
END_TEST

START_TEST(a_stopped_durable_child_stays_stopped)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    ck_assert_int_eq(hubs_stop(&hubs, 1, "d"), 0);
    hubs_run(&hubs, 2000);
    power_cut();
    ck_assert(hubs_is_gone(&hubs, "d"));
    ck_assert(!live(0, "d"));
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim"), 0);
}
END_TEST

START_TEST(the_acknowledgement_of_a_durable_stop_is_worth_a_power_cut)
{
    struct hubs_result result;

    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    hubs_stop_send(&hubs, 1, "d", &result);
    while (result.done == 0)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(result.codes[0], 0);
    power_cut();
    ck_assert(hubs_is_gone(&hubs, "d"));
    ck_assert(!live(0, "d"));
}
END_TEST

START_TEST(one_that_was_started_again_runs_once_with_its_last_spec)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "d"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 1, "d", "sim state durable"), 0);
    power_cut();
    ck_assert_uint_eq(hubs_instances(&hubs, "d", NULL), 1);
    {
        struct phub__sim_child_facts facts;

        phub__sim_child_facts(hubs_child(&hubs, "d"), &facts);
        ck_assert(facts.can_state);
    }
}
END_TEST

/* --- the file --------------------------------------------------------------- */

static int written;

static void on_written(void *arg, int rc)
{
    (void)arg;
    written = rc == 0 ? 1 : -1;
}

struct tail {
    const void *data;
    size_t size;
    enum phub__file_op op;
};

static void write_tail(struct phub__hub *hub, void *arg)
{
    const struct tail *tail = arg;

    written = 0;
    ck_assert_int_eq(hub->env->file_do(hub->env, tail->op, "rows", tail->data,
                                       tail->size, NULL, NULL), 0);
    ck_assert_int_eq(hub->env->file_do(hub->env, PHUB__FILE_SYNC, "rows",
                                       NULL, 0, on_written, NULL), 0);
}

static void spoil(uint32_t node, enum phub__file_op op, const void *data,
                  size_t size)
{
    struct tail tail = { data, size, op };

    hubs_do(&hubs, node, write_tail, &tail);
    while (written == 0)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(written, 1);
}

START_TEST(a_torn_tail_is_dropped_and_the_rest_is_kept)
{
    static const char *const tails[] = {
        "x", "\x10\0\0\0", "\xff\xff\xff\xff" "12345678" "rest",
        "\x04\0\0\0" "12345678" "torn",
        "\0\0\0\0\0\0\0\0\0\0\0" };
    static const size_t sizes[] = { 1, 4, 16, 16, 12 };
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        spoil(i, PHUB__FILE_APPEND, tails[_i], sizes[_i]);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    /* What comes after a dropped tail is read again. */
    ck_assert_int_eq(hubs_start(&hubs, 0, "e", "sim durable"), 0);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "e", NULL), 1);
}
END_TEST

START_TEST(a_file_of_garbage_is_no_reason_not_to_start)
{
    char junk[5000];
    uint32_t i;

    for (i = 0; i < sizeof junk; i++)
        junk[i] = (char)(i * 2654435761u >> 13);
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        spoil(i, PHUB__FILE_REPLACE, junk, sizeof junk);
    power_cut();
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
}
END_TEST

static void size_of_file(struct phub__hub *hub, void *arg)
{
    struct phub_buf *file = NULL;

    ck_assert_int_eq(hub->env->file_read(hub->env, "rows", &file), 0);
    *(size_t *)arg = file->size;
    phub__buf_unref(&file);
}

START_TEST(the_file_is_rewritten_before_it_grows_without_end)
{
    char words[220], id[8];
    size_t size = 0, largest = 0;
    int i;

    memset(words, 'x', sizeof words);
    memcpy(words, "sim durable ", 12);
    words[sizeof words - 1] = '\0';
    for (i = 0; i < 600; i++) {
        snprintf(id, sizeof id, "d%d", i % 3);
        ck_assert_int_eq(hubs_start(&hubs, 0, id, words), 0);
        ck_assert_int_eq(hubs_stop(&hubs, 0, id), 0);
        if (i % 20 != 0)
            continue;
        hubs_do(&hubs, 0, size_of_file, &size);
        largest = size > largest ? size : largest;
    }
    ck_assert_uint_lt(largest, 2u << 20);
    ck_assert_int_eq(hubs_start(&hubs, 0, "d0", "sim durable"), 0);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d0", NULL), 1);
    ck_assert(hubs_is_gone(&hubs, "d1"));
    ck_assert(hubs_is_gone(&hubs, "d2"));
}
END_TEST

START_TEST(a_large_file_that_is_mostly_live_is_not_rewritten_at_a_start)
{
    size_t before = 0, after = 0;
    char words[30000], id[16];

    memset(words, 'x', sizeof words);
    memcpy(words, "sim durable ", 12);
    words[sizeof words - 1] = '\0';
    for (int i = 0; i < 60; i++) {
        snprintf(id, sizeof id, "d%d", i);
        ck_assert_int_eq(hubs_start(&hubs, 0, id, words), 0);
    }
    ck_assert_int_eq(hubs_stop(&hubs, 0, "d0"), 0);
    hubs_run(&hubs, 1000);
    hubs_do(&hubs, 0, size_of_file, &before);
    ck_assert_uint_gt(before, 1u << 20);
    for (uint32_t i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    phub__sim_node_start(hubs_node(&hubs, 0));
    hubs_run(&hubs, 200);
    hubs_do(&hubs, 0, size_of_file, &after);
    ck_assert_uint_ge(after, before);
}
END_TEST

START_TEST(a_full_disk_is_told_to_whoever_starts_something_durable)
{
    uint32_t i;

    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_disk_full(hubs_node(&hubs, i), 1);
    ck_assert_int_ne(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_str_ne(hubs_last.text, "");
    ck_assert_int_eq(hubs_start(&hubs, 0, "t", "sim"), 0);
}
END_TEST

START_TEST(a_full_disk_is_told_to_whoever_stops_something_durable)
{
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    for (i = 0; i < HUBS_OF_A_TEST; i++)
        phub__sim_node_disk_full(hubs_node(&hubs, i), 1);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "d"), PHUB_EIO);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "it has ended"));
    ck_assert(hubs_is_gone(&hubs, "d"));
}
END_TEST

/* --- what is asked of the disk -------------------------------------------------- */

/* Between the hub of a node and its disk: counts, and lets syncs hang. */
static struct disk {
    int (*file_do)(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg);
    uint32_t writes, syncs, hanging;
    uint64_t hangs_ns;
} disk;

struct hung {
    struct phub__sim_node *node;
    void (*done)(void *arg, int rc);
    void *arg;
};

static void hung_ends(void *arg)
{
    struct hung *hung = arg;

    disk.hanging--;
    hung->done(hung->arg, 0);
    free(hung);
}

static void hung_late(void *arg, int rc)
{
    struct hung *hung = arg;

    ck_assert_int_eq(rc, 0);
    disk.hanging++;
    phub__sim_node_at(hung->node,
                      phub__world_now(hubs.world) + disk.hangs_ns, hung_ends,
                      free, hung);
}

static int file_do(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg)
{
    struct hung *hung;

    if (strcmp(name, "rows") == 0) {
        disk.syncs += op == PHUB__FILE_SYNC;
        disk.writes += op != PHUB__FILE_SYNC;
    }
    if (disk.hangs_ns == 0 || op != PHUB__FILE_SYNC || done == NULL)
        return disk.file_do(env, op, name, data, size, done, arg);
    hung = malloc(sizeof *hung);
    *hung = (struct hung){ hubs_node(&hubs, 0), done, arg };
    return disk.file_do(env, op, name, data, size, hung_late, hung);
}

static void watch_disk(struct phub__hub *hub, void *arg)
{
    (void)arg;
    disk = (struct disk){ .file_do = hub->env->file_do };
    hub->env->file_do = file_do;
}

/* One node, which is the keeper of all. */
static void alone(void)
{
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 20000);
    hubs_do(&hubs, 0, watch_disk, NULL);
}

START_TEST(what_is_not_durable_costs_no_disk)
{
    char ids[] = "t0 t1 t2 t3 t4 t5 t6 t7";

    alone();
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim"), 0);
    hubs_run(&hubs, 5000);
    ck_assert_int_eq(hubs_stop(&hubs, 0, ids), 0);
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(disk.writes, 0);
    ck_assert_uint_eq(disk.syncs, 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_uint_gt(disk.writes, 0);
    ck_assert_uint_gt(disk.syncs, 0);
}
END_TEST

/* What several moments ask of a real disk is put together by its thread. */
START_TEST(durable_starts_of_one_moment_share_a_write)
{
    char ids[60 * 4] = "";
    uint32_t i;

    for (i = 0; i < 60; i++)
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%sd%u",
                 i == 0 ? "" : " ", i);
    alone();
    hubs_start_send(&hubs, 0, ids, "sim durable", &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_uint_eq(hubs_last.count, 60);
    ck_assert_uint_gt(disk.syncs, 0);
    ck_assert_uint_le(disk.syncs, 2);
    ck_assert_uint_le(disk.writes, 3);
    power_cut();
    ck_assert_uint_eq(hubs_acting(&hubs, "d0", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "d59", NULL), 1);
}
END_TEST

START_TEST(a_disk_that_hangs_holds_up_what_is_durable_only)
{
    struct hubs_result durable;

    alone();
    disk.hangs_ns = 10 * PHUB__SIM_S;
    hubs_start_send(&hubs, 0, "d", "sim durable", &durable);
    hubs_run(&hubs, 500);
    ck_assert_uint_gt(disk.hanging, 0);
    hubs_start_send(&hubs, 0, "t", "sim state", &hubs_last);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(hubs_last.done, 1);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    hubs_stop_send(&hubs, 0, "t", &hubs_last);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(hubs_last.done, 1);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    ck_assert(live(0, "d"));
    ck_assert_uint_eq(durable.done, 0);
    hubs_wait(&hubs, &durable);
    ck_assert_int_eq(durable.codes[0], 0);
}
END_TEST

START_TEST(each_child_of_a_batch_in_pieces_is_durable)
{
    enum { COUNT = 1500 };
    char *ids = calloc(COUNT, 8), id[8];
    size_t at = 0;
    uint32_t i;

    for (i = 0; i < COUNT; i++)
        at += (size_t)snprintf(ids + at, COUNT * 8 - at,
                               i == 0 ? "n%u" : " n%u", i);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim no-channel durable"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    power_cut();
    for (i = 0; i < COUNT; i++) {
        snprintf(id, sizeof id, "n%u", i);
        ck_assert_msg(live(0, id), "%s is not there again", id);
    }
    ck_assert_uint_eq(hubs_acting(&hubs, "n1499", NULL), 1);
    free(ids);
}
END_TEST

START_TEST(a_node_that_comes_back_later_brings_its_children_once)
{
    uint32_t home = 9, other;

    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    (void)hubs_acting(&hubs, "d", &home);
    other = 1 - home;
    phub__sim_node_power_off(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(hubs_acting(&hubs, "d", NULL), 1);
    ck_assert_int_eq(hubs_stop(&hubs, other, "d"), 0);
    ck_assert_int_eq(hubs_start(&hubs, other, "e", "sim durable"), 0);
    phub__sim_node_start(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert(hubs_is_gone(&hubs, "d"));
    ck_assert_uint_eq(hubs_instances(&hubs, "e", NULL), 1);
}
END_TEST

START_TEST(a_stop_that_a_full_disk_did_not_take_is_not_forgotten)
{
    int stopped[6], i, count = 0;
    char id[16];

    for (i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "d%d", i);
        ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim durable"), 0);
    }
    hubs_run(&hubs, 1000);
    phub__sim_node_disk_full(hubs_node(&hubs, 1), 1);
    for (i = 0; i < 6; i++) {  /* one whose keeper has that disk cannot be */
        snprintf(id, sizeof id, "d%d", i);
        stopped[i] = hubs_stop(&hubs, 0, id) == 0;
        count += stopped[i];
    }
    ck_assert_int_gt(count, 0);
    hubs_run(&hubs, 120000);
    for (i = 0; i < (int)HUBS_OF_A_TEST; i++)
        phub__sim_node_power_off(hubs_node(&hubs, (uint32_t)i));
    phub__sim_node_disk_full(hubs_node(&hubs, 1), 0);
    power_cut();
    for (i = 0; i < 6; i++) {
        snprintf(id, sizeof id, "d%d", i);
        ck_assert(!stopped[i] || hubs_is_gone(&hubs, id));
        ck_assert(!stopped[i] || !live(0, id));
    }
}
END_TEST

static void records(struct phub__hub *hub, void *arg)
{
    struct phub__registry_counts counts;

    phub__registry_counts(hub->registry, &counts);
    *(uint64_t *)arg = counts.records_kept;
}

START_TEST(a_stop_that_is_on_all_disks_is_forgotten)
{
    uint64_t kept = 9;
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "d"), 0);
    hubs_run(&hubs, 120000);
    for (i = 0; i < HUBS_OF_A_TEST; i++) {
        hubs_do(&hubs, i, records, &kept);
        ck_assert_uint_eq(kept, 0);
    }
}
END_TEST

START_TEST(one_that_starts_alone_keeps_a_stop_for_the_other)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "d"), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    hubs_run(&hubs, 100);
    phub__sim_node_start(hubs_node(&hubs, 0));
    hubs_settle(&hubs);
    hubs_run(&hubs, 120000);
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert(hubs_is_gone(&hubs, "d"));
    ck_assert(!live(0, "d") && !live(1, "d"));
}
END_TEST

static void row_without_memory(struct phub__hub *hub, void *rc)
{
    phub__memory_fail(1);
    phub__store_row(hub, hubs_bytes("d"), 0);
    ck_assert(phub__memory_failed());
    phub__memory_fail(0);
    phub__store_sync(hub, on_written, rc);
}

START_TEST(a_row_that_there_was_no_memory_for_is_written_anew)
{
    uint32_t writes;

    alone();
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    writes = disk.writes;
    written = 0;
    hubs_do(&hubs, 0, row_without_memory, NULL);
    hubs_run(&hubs, 100);
    ck_assert_int_eq(written, 1);
    ck_assert_uint_gt(disk.writes, writes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store");
    TCase *tc = tcase_create("store");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_durable_child_runs_again_after_all_lost_power);
    tcase_add_test(tc,
        the_acknowledgement_of_a_durable_start_is_worth_a_power_cut);
    tcase_add_test(tc, a_stopped_durable_child_stays_stopped);
    tcase_add_test(tc,
        the_acknowledgement_of_a_durable_stop_is_worth_a_power_cut);
    tcase_add_test(tc, one_that_was_started_again_runs_once_with_its_last_spec);
    tcase_add_loop_test(tc, a_torn_tail_is_dropped_and_the_rest_is_kept, 0,
                        5);
    tcase_add_test(tc, a_file_of_garbage_is_no_reason_not_to_start);
    tcase_add_test(tc, the_file_is_rewritten_before_it_grows_without_end);
    tcase_add_test(
        tc, a_large_file_that_is_mostly_live_is_not_rewritten_at_a_start);
    tcase_add_test(tc,
        a_full_disk_is_told_to_whoever_starts_something_durable);
    tcase_add_test(tc, a_full_disk_is_told_to_whoever_stops_something_durable);
    tcase_add_test(tc, what_is_not_durable_costs_no_disk);
    tcase_add_test(tc, durable_starts_of_one_moment_share_a_write);
    tcase_add_test(tc, a_disk_that_hangs_holds_up_what_is_durable_only);
    tcase_add_test(tc, each_child_of_a_batch_in_pieces_is_durable);
    tcase_add_test(tc, a_node_that_comes_back_later_brings_its_children_once);
    tcase_add_test(tc, a_stop_that_a_full_disk_did_not_take_is_not_forgotten);
    tcase_add_test(tc, a_stop_that_is_on_all_disks_is_forgotten);
    tcase_add_test(tc, one_that_starts_alone_keeps_a_stop_for_the_other);
    tcase_add_test(tc, a_row_that_there_was_no_memory_for_is_written_anew);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
