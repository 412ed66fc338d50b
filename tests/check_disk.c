/* SPDX-License-Identifier: MIT */
/* check_disk: what a disk did not take, says so late, or takes in part only,
 * is written again before anybody is told that it is kept. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub_fixture.h"
#include "wire/buf.h"

#define STARTS 6

static struct hubs hubs;

struct told {
    void (*done)(void *arg, int rc);
    void *arg;
};

/* Between the hub of a node and its rows. */
static struct disk {
    int (*file_do)(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg);
    int loses;                /* what is appended; the next sync says so */
    int holds, held, held_rc; /* the next rewrite is not told of yet */
    struct told rewrite;
    int refuses;              /* appends, as with too much pending */
    size_t whole_max;         /* of a rewrite; 0: no limit */
    uint32_t rewrites, refused;
} disk;

static void tell_eio(void *arg, int rc)
{
    struct told told = *(struct told *)arg;

    (void)rc;
    free(arg);
    told.done(told.arg, PHUB_EIO);
}

static void rewrite_done(void *arg, int rc)
{
    (void)arg;
    disk.held = 1;
    disk.held_rc = rc;
}

/* The kernel drops the pages that it could not write, and says so once. */
static int lose(struct phub_env *env, enum phub__file_op op, const char *name,
                size_t size, void (*done)(void *arg, int rc), void *arg)
{
    struct told *told;
    void *zeros;
    int rc;

    if (op == PHUB__FILE_APPEND) {
        zeros = calloc(1, size);
        rc = disk.file_do(env, op, name, zeros, size, done, arg);
        free(zeros);
        return rc;
    }
    disk.loses = 0;
    told = malloc(sizeof *told);
    *told = (struct told){ done, arg };
    return disk.file_do(env, op, name, NULL, 0, tell_eio, told);
}

static int file_do(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg)
{
    if (strcmp(name, "rows") != 0)
        return disk.file_do(env, op, name, data, size, done, arg);
    if (op == PHUB__FILE_APPEND && disk.refuses) {
        disk.refused++;
        return PHUB_EBUSY;
    }
    if (disk.loses && (op == PHUB__FILE_APPEND || op == PHUB__FILE_SYNC))
        return lose(env, op, name, size, done, arg);
    if (op != PHUB__FILE_REPLACE)
        return disk.file_do(env, op, name, data, size, done, arg);
    disk.rewrites++;
    if (disk.whole_max != 0 && size > disk.whole_max)
        return PHUB_ELIMIT;
    if (!disk.holds)
        return disk.file_do(env, op, name, data, size, done, arg);
    disk.holds = 0;
    disk.refuses = 1;
    disk.rewrite = (struct told){ done, arg };
    return disk.file_do(env, op, name, data, size, rewrite_done, NULL);
}

static void watch_disk(struct phub__hub *hub, void *arg)
{
    (void)arg;
    disk = (struct disk){ .file_do = hub->env->file_do };
    hub->env->file_do = file_do;
}

static void tell_of_the_rewrite(struct phub__hub *hub, void *arg)
{
    (void)hub;
    (void)arg;
    disk.refuses = 0;
    disk.rewrite.done(disk.rewrite.arg, disk.held_rc);
}

static void begin(uint32_t nodes)
{
    hubs_new(&hubs, nodes, "coldswap", 17);
    hubs_do(&hubs, nodes - 1, watch_disk, NULL);
}

static void restart(uint32_t node)
{
    phub__sim_node_power_off(hubs_node(&hubs, node));
    hubs_run(&hubs, 100);
    phub__sim_node_start(hubs_node(&hubs, node));
    hubs_run(&hubs, 60000);
}

static void teardown(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

START_TEST(what_is_synced_after_a_sync_that_failed_is_kept)
{
    begin(1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    disk.loses = 1;
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), PHUB_EIO);
    ck_assert_int_eq(disk.loses, 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "e", "sim durable"), 0);
    restart(0);
    ck_assert_uint_eq(hubs_acting(&hubs, "a", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "e", NULL), 1);
}
END_TEST

/* A rewrite has the rows of when it began. */
START_TEST(what_was_refused_while_the_file_was_rewritten_is_kept)
{
    int started[STARTS], i, count = 0;
    char id[16];

    begin(2);
    phub__sim_node_disk_full(hubs_node(&hubs, 1), 1);
    (void)hubs_start(&hubs, 0, "q0 q1 q2 q3", "sim durable");
    phub__sim_node_disk_full(hubs_node(&hubs, 1), 0);
    disk.holds = 1;
    while (!disk.held)
        hubs_run(&hubs, 10);
    for (i = 0; i < STARTS; i++) {
        snprintf(id, sizeof id, "e%d", i);
        started[i] = hubs_start(&hubs, 0, id, "sim durable") == 0;
        count += started[i];
    }
    ck_assert_int_gt(count, 0);
    ck_assert_uint_gt(disk.refused, 0);
    hubs_do(&hubs, 1, tell_of_the_rewrite, NULL);
    hubs_run(&hubs, 60000);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    restart(1);
    for (i = 0; i < STARTS; i++) {
        snprintf(id, sizeof id, "e%d", i);
        ck_assert_msg(!started[i] || hubs_acting(&hubs, id, NULL) == 1,
                      "%s was on the disk of the other node only", id);
    }
}
END_TEST

START_TEST(a_rewrite_that_is_refused_is_not_tried_at_each_write)
{
    static char words[30000];
    int i;

    memset(words, 'x', sizeof words - 1);
    memcpy(words, "sim durable ", 12);
    begin(1);
    disk.whole_max = 1000;
    for (i = 0; i < 100; i++) {
        ck_assert_int_eq(hubs_start(&hubs, 0, "z", words), 0);
        ck_assert_int_eq(hubs_stop(&hubs, 0, "z"), 0);
    }
    ck_assert_uint_gt(disk.rewrites, 0);
    ck_assert_uint_lt(disk.rewrites, 10);
}
END_TEST

static void hear_of_far_epochs(struct phub__hub *hub, void *arg)
{
    phub__hub_epoch_seen(hub, *(uint64_t *)arg);
}

START_TEST(epochs_grow_over_a_restart_after_a_full_disk)
{
    uint64_t far = UINT64_C(50) << 20, before;
    struct phub__row_facts row;

    begin(1);
    phub__sim_node_disk_full(hubs_node(&hubs, 0), 1);
    hubs_do(&hubs, 0, hear_of_far_epochs, &far);
    hubs_run(&hubs, 1000);
    phub__sim_node_disk_full(hubs_node(&hubs, 0), 0);
    hubs_run(&hubs, 60000);
    ck_assert_int_eq(hubs_start(&hubs, 0, "t", "sim"), 0);
    phub__row_facts(hubs_hub(&hubs, 0), hubs_bytes("t"), &row);
    before = row.home_epoch.number;
    restart(0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "t", "sim"), 0);
    phub__row_facts(hubs_hub(&hubs, 0), hubs_bytes("t"), &row);
    ck_assert_uint_gt(row.home_epoch.number, before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("disk");
    TCase *tc = tcase_create("disk");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, NULL, teardown);
    tcase_add_test(tc, what_is_synced_after_a_sync_that_failed_is_kept);
    tcase_add_test(tc, what_was_refused_while_the_file_was_rewritten_is_kept);
    tcase_add_test(tc, a_rewrite_that_is_refused_is_not_tried_at_each_write);
    tcase_add_test(tc, epochs_grow_over_a_restart_after_a_full_disk);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
