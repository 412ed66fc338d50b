/* SPDX-License-Identifier: MIT */
/* check_disk: what a disk did not take, says so late, or takes in part only,
 * is written again before anybody is told that it is kept. */
#include "config.h"

#include <check.h>
#include <stdio.h>
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
    int holds, held, held_rc; /* the next rewrite is not told of yet */
    struct told rewrite;
    int refuses;              /* appends, as with too much pending */
    size_t whole_max;         /* of a rewrite; 0: no limit */
    uint32_t rewrites, refused;
} disk;

static void rewrite_done(void *arg, int rc)
{
    (void)arg;
    disk.held = 1;
    disk.held_rc = rc;
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

struct written {
    const char *text;
    int rc;
};

static void add_rc(void *arg, int rc)
{
    ((struct written *)arg)->rc += rc;
}

static void write_and_sync(struct phub__hub *hub, void *arg)
{
    struct written *written = arg;

    (void)hub->env->file_do(hub->env, PHUB__FILE_APPEND, "log", written->text,
                            strlen(written->text), add_rc, written);
    (void)hub->env->file_do(hub->env, PHUB__FILE_SYNC, "log", NULL, 0, add_rc,
                            written);
}

static int writes(const char *text)
{
    struct written written = { .text = text };

    hubs_do(&hubs, 0, write_and_sync, &written);
    hubs_run(&hubs, 20);
    return written.rc;
}

static void read_log(struct phub__hub *hub, void *arg)
{
    struct phub_buf *log = NULL;

    ck_assert_int_eq(hub->env->file_read(hub->env, "log", &log), 0);
    ck_assert_uint_eq(log->size, 12);
    memcpy(arg, log->data, 12);
    phub__buf_unref(&log);
}

/* The simulator's disk, as Linux: pages that could not be written are clean, and
 * there until the power goes. */
START_TEST(what_a_failed_sync_lost_no_other_brings_back)
{
    char log[13] = "";

    begin(1);
    ck_assert_int_eq(writes("one "), 0);
    phub__sim_node_sync_fails(hubs_node(&hubs, 0), 1);
    ck_assert_int_eq(writes("two "), PHUB_EIO);
    phub__sim_node_sync_fails(hubs_node(&hubs, 0), 0);
    ck_assert_int_eq(writes("four"), 0);
    hubs_do(&hubs, 0, read_log, log);
    ck_assert_str_eq(log, "one two four");
    restart(0);
    hubs_do(&hubs, 0, read_log, log);
    ck_assert_int_eq(memcmp(log, "one ", 4), 0);
    ck_assert_int_ne(memcmp(log + 4, "two ", 4), 0);
    ck_assert_int_eq(memcmp(log + 8, "four", 4), 0);
}
END_TEST

START_TEST(what_is_synced_after_a_sync_that_failed_is_kept)
{
    begin(1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim durable"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_sync_fails(hubs_node(&hubs, 0), 1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), PHUB_EIO);
    phub__sim_node_sync_fails(hubs_node(&hubs, 0), 0);
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
    tcase_add_test(tc, what_a_failed_sync_lost_no_other_brings_back);
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
