/* SPDX-License-Identifier: MIT */
/* check_share: equal bytes are kept once, disks give back what was written,
 * however it was cut, and registries what they share. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"
#include "registry_fixture.h"

#define RECORD 180u
#define RECORDS 400u

static struct phub__world *world;
static uint8_t records[RECORDS][RECORD];

static void *begin(void *arg, struct phub__sim_node *node,
                   struct phub_env *env)
{
    (void)arg;
    (void)node;
    return env;
}

static void end(void *arg, struct phub__sim_node *node, void *self)
{
    (void)arg;
    (void)node;
    (void)self;
}

static const struct phub__sim_program program = { begin, end, NULL };

static void setup(void)
{
    struct phub__world_options options;
    struct phub__sim_random random;

    phub__world_options_init(&options, 1);
    world = phub__world_new(&options);
    for (uint32_t i = 0; i < 4; i++) {
        char name[2] = { (char)('a' + i), '\0' };

        phub__sim_node_start(phub__sim_node_add(world, name, &program));
    }
    phub__sim_seed(&random, 1, 0, 0);
    for (uint32_t i = 0; i < RECORDS * RECORD; i++)
        records[i / RECORD][i % RECORD] = (uint8_t)phub__sim_draw(&random);
}

static void teardown(void)
{
    phub__world_free(&world);
}

static void settle(void)
{
    phub__world_run(world, phub__world_now(world) + PHUB__SIM_S);
}

static struct phub_env *env_of(uint32_t node)
{
    return phub__sim_node_env(phub__world_node(world, node));
}

/* Append all records, so many at a time. */
static void write_all(uint32_t node, uint32_t step)
{
    struct phub_env *env = env_of(node);

    for (uint32_t i = 0; i < RECORDS; i += step) {
        uint32_t count = i + step < RECORDS ? step : RECORDS - i;

        ck_assert_int_eq(env->file_do(env, PHUB__FILE_APPEND, "rows",
                                      records[i], (size_t)count * RECORD,
                                      NULL, NULL), 0);
    }
    settle();
}

static uint64_t kept_bytes(void)
{
    uint64_t bytes = 0;

    for (uint32_t i = 0; i <= world->share.mask; i++)
        for (struct phub__sim_shared *shared = world->share.buckets[i];
             shared != NULL; shared = shared->next)
            bytes += shared->size;
    return bytes;
}

START_TEST(what_is_equal_is_one_until_the_last_has_given_it_back)
{
    struct phub__sim_share *share = &world->share;
    struct phub__sim_shared *a = phub__sim_share_get(share, "one", 3);
    struct phub__sim_shared *b = phub__sim_share_get(share, "two", 3);
    struct phub__sim_shared *c = phub__sim_share_get(share, "one", 3);

    ck_assert_ptr_eq(a, c);
    ck_assert_ptr_ne(a, b);
    ck_assert_uint_eq(share->count, 2);
    phub__sim_share_drop(a);
    ck_assert_int_eq(memcmp(c->bytes, "one", 3), 0);
    phub__sim_share_drop(c);
    ck_assert_uint_eq(share->count, 1);
    phub__sim_share_drop(b);
    ck_assert_uint_eq(share->count, 0);
}
END_TEST

START_TEST(many_are_found_again)
{
    struct phub__sim_shared *all[5000];

    for (uint32_t i = 0; i < 5000; i++)
        all[i] = phub__sim_share_get(&world->share, &i, sizeof(i));
    ck_assert_uint_eq(world->share.count, 5000);
    for (uint32_t i = 0; i < 5000; i++) {
        struct phub__sim_shared *again =
            phub__sim_share_get(&world->share, &i, sizeof(i));

        ck_assert_ptr_eq(again, all[i]);
        phub__sim_share_drop(again);
        phub__sim_share_drop(all[i]);
    }
    ck_assert_uint_eq(world->share.count, 0);
}
END_TEST

START_TEST(equal_records_on_all_disks_are_kept_once)
{
    static const uint32_t steps[] = { RECORDS, 1, 7, 64 };
    uint64_t one;

    write_all(0, steps[0]);
    one = kept_bytes();
    ck_assert_uint_ge(one, RECORDS * RECORD);
    for (uint32_t i = 1; i < 4; i++)
        write_all(i, steps[i]);
    /* What lies at the ends of batches is cut there. */
    ck_assert_uint_lt(kept_bytes(), one * 5 / 2);
    for (uint32_t i = 0; i < 4; i++) {
        struct phub_buf *content = NULL;

        ck_assert_int_eq(env_of(i)->file_read(env_of(i), "rows", &content),
                         0);
        ck_assert_uint_eq(content->size, sizeof(records));
        ck_assert_int_eq(memcmp(content->data, records, sizeof(records)), 0);
        phub__buf_unref(&content);
    }
    for (uint32_t i = 0; i < 4; i++) {
        phub__sim_node_power_off(phub__world_node(world, i));
        phub__sim_node_wipe(phub__world_node(world, i));
    }
    ck_assert_uint_eq(world->share.count, 0);
}
END_TEST

/* How much of content is as it was written. */
static size_t intact(const struct phub_buf *content)
{
    const uint8_t *wanted = records[0];
    size_t at = 0;

    while (at < content->size && content->data[at] == wanted[at])
        at++;
    return at;
}

START_TEST(a_crash_leaves_what_was_synced_and_some_of_the_rest)
{
    uint32_t torn = 0, cut = 0;

    for (uint32_t i = 0; i < 64; i++) {
        struct phub__sim_node *node = phub__world_node(world, i % 4);
        struct phub_buf *content = NULL;
        struct phub_env *env;

        phub__sim_node_power_off(node);
        phub__sim_node_wipe(node);
        phub__sim_node_start(node);
        env = phub__sim_node_env(node);
        (void)env->file_do(env, PHUB__FILE_APPEND, "rows", records,
                           (size_t)i * RECORD, NULL, NULL);
        (void)env->file_do(env, PHUB__FILE_SYNC, "rows", NULL, 0, NULL,
                           NULL);
        (void)env->file_do(env, PHUB__FILE_APPEND, "rows", records[i],
                           100 * RECORD, NULL, NULL);
        settle();
        phub__sim_node_power_off(node);
        phub__sim_node_start(node);
        env = phub__sim_node_env(node);
        ck_assert_int_eq(env->file_read(env, "rows", &content), 0);
        ck_assert_uint_ge(intact(content), (size_t)i * RECORD);
        ck_assert_uint_le(content->size, (size_t)(i + 100) * RECORD);
        torn += intact(content) < content->size;
        cut += content->size < (size_t)(i + 100) * RECORD;
        phub__buf_unref(&content);
    }
    ck_assert_uint_gt(torn, 4);
    ck_assert_uint_gt(cut, 40);
}
END_TEST

static struct phub__registry *sharing(uint64_t number)
{
    struct phub__registry_options options = {
        .node = number, .boot = 1, .env = env_of((uint32_t)number) };
    struct phub__registry *registry = NULL;

    ck_assert_int_eq(phub__registry_new(&options, &registry), 0);
    return registry;
}

/* Whatever comes of the rows: what was given is given back as often. */
START_TEST(registries_hold_equal_values_once)
{
    struct phub__registry *a = sharing(1), *b = sharing(2), *c = sharing(3);
    const struct phub__value *x, *y;
    uint32_t i, before;
    char id[16];

    for (i = 0; i < 100; i++) {
        (void)snprintf(id, sizeof(id), "c%u", i);
        ck_assert_int_eq(start(a, id, next_epoch(a), 1 + i % 3), 0);
        ck_assert_int_eq(publish(a, id, PHUB_INSTANCE_RUNNING,
                                 next_epoch(a)), 0);
    }
    before = world->share.count;
    ck_assert_uint_ge(before, 300);
    (void)pull(b, a, DELTA_ROOM);
    (void)pull(c, b, DELTA_ROOM);
    ck_assert(equal(c, a));
    ck_assert_uint_eq(world->share.count, before);
    x = phub__row_value(phub__registry_row(a, text("c7")));
    y = phub__row_value(phub__registry_row(c, text("c7")));
    ck_assert_ptr_eq(x, y);
    for (i = 0; i < 50; i++) {
        (void)snprintf(id, sizeof(id), "c%u", i);
        ck_assert_int_eq(publish(b, id, PHUB_INSTANCE_RUNNING,
                                 next_epoch(b)), 0);
        ck_assert_int_eq(publish(a, id, PHUB_INSTANCE_GONE, next_epoch(a)),
                         0);
    }
    (void)pull(a, b, DELTA_ROOM);
    (void)pull(b, a, DELTA_ROOM);
    ck_assert(equal(a, b));
    phub__registry_free(&a);
    ck_assert_int_eq(phub__registry_node_forget(b, 1), 0);
    phub__registry_free(&b);
    ck_assert_uint_eq(world->share.count, before);
    phub__registry_free(&c);
    ck_assert_uint_eq(world->share.count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("share");
    TCase *tcase = tcase_create("share");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase,
                   what_is_equal_is_one_until_the_last_has_given_it_back);
    tcase_add_test(tcase, many_are_found_again);
    tcase_add_test(tcase, equal_records_on_all_disks_are_kept_once);
    tcase_add_test(tcase, a_crash_leaves_what_was_synced_and_some_of_the_rest);
    tcase_add_test(tcase, registries_hold_equal_values_once);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
