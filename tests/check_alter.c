/* SPDX-License-Identifier: MIT */
/* check_alter: what hooks of child_data_alter make of a start. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"

static struct hubs hubs;

static int add_colour(void *arg, struct phub_alter *alter)
{
    const char *before = phub_alter_metadata(alter, "colour");
    char text[64];

    snprintf(text, sizeof text, "%s%s", before != NULL ? before : "",
             (const char *)arg);
    return phub_alter_set_metadata(alter, "colour", text);
}

static int refuse_some(void *arg, struct phub_alter *alter)
{
    (void)arg;
    if (strcmp(phub_alter_id(alter), "no") == 0)
        return phub_alter_refuse(alter, "not on Saturdays");
    ck_assert_uint_ne(phub_alter_origin(alter), 0);
    ck_assert_int_eq(phub_alter_add_tag(alter, "seen"), 0);
    ck_assert_int_eq(phub_alter_add_tag(alter, "seen"), 0);
    ck_assert(phub_alter_has_tag(alter, "seen"));
    ck_assert(!phub_alter_has_tag(alter, "see"));
    ck_assert_int_eq(phub_alter_set_env(alter, "COLOUR", "red"), 0);
    ck_assert_int_eq(phub_alter_set_env(alter, "COLOUR", "blue"), 0);
    ck_assert_int_eq(phub_alter_set_env(alter, "GONE", "x"), 0);
    ck_assert_int_eq(phub_alter_set_env(alter, "GONE", NULL), 0);
    return 0;
}

static int at_the_limits(void *arg, struct phub_alter *alter)
{
    char key[80], long_text[2000];
    uint32_t i;
    int rc = 0;

    (void)arg;
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    ck_assert_int_eq(phub_alter_set_metadata(alter, "k", long_text),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_alter_set_metadata(alter, long_text, "v"),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_alter_add_tag(alter, ""), PHUB_EINVAL);
    ck_assert_int_eq(phub_alter_set_env(alter, "A=B", "c"), PHUB_EINVAL);
    for (i = 0; i <= PHUB_METADATA_MAX && rc == 0; i++) {
        snprintf(key, sizeof key, "k%u", i);
        rc = phub_alter_set_metadata(alter, key, "v");
    }
    ck_assert_int_eq(rc, PHUB_ELIMIT);
    ck_assert_uint_eq(i, PHUB_METADATA_MAX + 1);
    ck_assert_int_eq(phub_alter_set_metadata(alter, "k0", ""), 0);
    ck_assert_int_eq(phub_alter_set_metadata(alter, "none", ""), 0);
    for (i = 0, rc = 0; i <= PHUB_TAGS_MAX && rc == 0; i++) {
        snprintf(key, sizeof key, "t%u", i);
        rc = phub_alter_add_tag(alter, key);
    }
    ck_assert_int_eq(rc, PHUB_ELIMIT);
    return 0;
}

static uint64_t chain(phub_alter_fn *fn, int priority, const char *arg)
{
    uint64_t handle = 0;
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++)
        ck_assert_int_eq(phub__hooks_add_alter(hubs_hub(&hubs, i)->hooks,
                                               priority, fn,
                                               (void *)(uintptr_t)arg,
                                               &handle), 0);
    return handle;
}

/* What node sees in the row of id. */
static void read_life(uint32_t node, const char *id, struct phub__arena *arena,
                      struct phub__life *life)
{
    struct phub__row_view view;

    ck_assert_int_eq(phub__registry_get(hubs_hub(&hubs, node)->registry,
                                        hubs_bytes(id), &view), 0);
    ck_assert_int_eq(phub__row_life_read(&view, arena, life), 0);
}

START_TEST(alter_hooks_form_a_chain_by_priority_and_order)
{
    struct phub__arena arena;
    struct phub__life life;
    const struct phub__meta_pair *pairs;
    uint64_t handle;
    uint32_t i;

    hubs_new(&hubs, 2, "coldswap", 3);
    chain(add_colour, 0, "b");
    chain(add_colour, 0, "c");
    chain(add_colour, 5, "a");
    handle = chain(add_colour, 9, "x");
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(phub__hooks_cancel(hubs_hub(&hubs, i)->hooks,
                                            handle), 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    hubs_run(&hubs, 1000);
    for (i = 0; i < 2; i++) {
        phub__arena_init(&arena, NULL, 0, 1u << 20);
        read_life(i, "c", &arena, &life);
        pairs = life.metadata.items;
        ck_assert_uint_eq(life.metadata.count, 1);
        ck_assert_uint_eq(pairs[0].value.size, 3);
        ck_assert_mem_eq(pairs[0].value.data, "abc", 3);
        phub__arena_fini(&arena);
    }
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_alter_hook_changes_what_starts_and_refuses_one_alone)
{
    struct phub__arena arena;
    struct phub__life life;
    struct phub__spec spec;
    char error[128];

    hubs_new(&hubs, 2, "coldswap", 3);
    chain(refuse_some, 0, NULL);
    hubs_start_send(&hubs, 0, "no c", "sim", &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_uint_eq(hubs_last.bad, 1);
    ck_assert_int_eq(hubs_last.codes[0], PHUB_EREFUSED);
    ck_assert_str_eq(hubs_last.text, "not on Saturdays");
    ck_assert(hubs_acts(&hubs, "c"));
    ck_assert(hubs_is_gone(&hubs, "no"));
    phub__arena_init(&arena, NULL, 0, 1u << 20);
    read_life(0, "c", &arena, &life);
    ck_assert_uint_eq(life.tags.count, 1);
    ck_assert_int_eq(phub__spec_decode(life.spec, &spec, &arena, error,
                                       sizeof error), 0);
    ck_assert_uint_eq(spec.env.count, 1);
    ck_assert_uint_eq(((struct phub_bytes *)spec.env.items)[0].size, 11);
    ck_assert_mem_eq(((struct phub_bytes *)spec.env.items)[0].data,
                     "COLOUR=blue", 11);
    phub__arena_fini(&arena);
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_alter_hook_is_held_to_the_limits_of_a_row)
{
    struct phub__arena arena;
    struct phub__life life;

    hubs_new(&hubs, 1, "coldswap", 3);
    chain(at_the_limits, 0, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    phub__arena_init(&arena, NULL, 0, 1u << 20);
    read_life(0, "c", &arena, &life);
    ck_assert_uint_eq(life.metadata.count, PHUB_METADATA_MAX - 1);
    ck_assert_uint_eq(life.tags.count, PHUB_TAGS_MAX);
    phub__arena_fini(&arena);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("alter");
    TCase *tc = tcase_create("alter");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, alter_hooks_form_a_chain_by_priority_and_order);
    tcase_add_test(tc,
                   an_alter_hook_changes_what_starts_and_refuses_one_alone);
    tcase_add_test(tc, an_alter_hook_is_held_to_the_limits_of_a_row);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
