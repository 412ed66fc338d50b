/* SPDX-License-Identifier: MIT */
/* check_embed_open: hubs from a text of settings over the installed defaults,
 * and children that are many. */
#include "config.h"

#include <stdlib.h>
#include <unistd.h>

#include "embed_fixture.h"

#define ALONE "hub.id=test\nhub.name=a\nhub.listen=tcp://127.0.0.1:0\n"

static char error[1024];

static int open_a(const char *settings)
{
    error[0] = '\0';
    return phub_hub_open(settings, &counter, 1, &hubs[0], error,
                         sizeof error);
}

/* Defaults of this test's own, with that text. */
static void defaults(char path[32], const char *text)
{
    int fd;

    snprintf(path, 32, "/tmp/phub-defaultsXXXXXX");
    fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
    close(fd);
    setenv("PHUB_DEFAULTS", path, 1);
}

/* --- settings ---------------------------------------------------------------- */

START_TEST(strategies_come_from_the_defaults)
{
    ck_assert_int_eq(open_a(ALONE), 0);
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_hub_close(&hubs[0], 0), 0);
    ck_assert_ptr_null(hubs[0]);
}
END_TEST

START_TEST(without_defaults_a_hub_has_no_strategies)
{
    setenv("PHUB_DEFAULTS", "/nonexistent", 1);
    ck_assert_int_eq(open_a(ALONE), PHUB_ECONFIG);
    ck_assert_ptr_null(hubs[0]);
    ck_assert_ptr_nonnull(strstr(error, "[strategies] sync is not set"));
}
END_TEST

START_TEST(a_setting_wins_over_the_defaults)
{
    ck_assert_int_ne(open_a(ALONE "strategies.sync=nowhere\n"), 0);
    ck_assert_ptr_null(hubs[0]);
    ck_assert_ptr_nonnull(strstr(error, "nowhere"));
}
END_TEST

START_TEST(a_file_wins_over_the_defaults)
{
    const char *const settings[] = { "hub.name=a" };
    const char *const shipped = getenv("PHUB_DEFAULTS");
    char path[32], kept[512];

    ck_assert_ptr_nonnull(shipped);
    snprintf(kept, sizeof kept, "%s", shipped);
    defaults(path, "[hub]\nid = test\nlisten = tcp://127.0.0.1:0\n"
             "[strategies]\nsync = elsewhere\n");
    setenv("PHUB_DEFAULTS", kept, 1);
    ck_assert_int_ne(phub_hub_new(path, settings, 1, &hubs[0], error,
                                  sizeof error), 0);
    ck_assert_ptr_nonnull(strstr(error, "elsewhere"));
    unlink(path);
}
END_TEST

START_TEST(a_wrong_default_is_named_with_its_file)
{
    char path[32];

    defaults(path, "[members]\nsettle_ms = soon\n");
    ck_assert_int_eq(open_a(ALONE), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error, path));
    ck_assert_ptr_nonnull(strstr(error, "settle_ms"));
    unlink(path);
}
END_TEST

START_TEST(options_of_strategies_are_no_defaults)
{
    char path[32];

    defaults(path, "[strategies]\nsync = pubsub\n[sync pubsub]\na = b\n");
    ck_assert_int_eq(open_a(ALONE), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(error, "no place among the defaults"));
    unlink(path);
}
END_TEST

START_TEST(lines_may_be_empty_indented_or_comments)
{
    ck_assert_int_eq(open_a("\n# a comment\n  hub.id=test\r\n"
                            "\thub.listen=tcp://127.0.0.1:0  \n\n"
                            "hub.name=a"), 0);
    ck_assert_int_eq(phub_hub_wait_members(hubs[0], 1, WAIT_MS), 0);
    ck_assert_int_eq(phub_hub_close(&hubs[0], 0), 0);
}
END_TEST

START_TEST(a_text_has_at_most_as_many_settings_as_allowed)
{
    static char text[64 + (PHUB_SETTINGS_MAX + 1) * 16];
    size_t used = (size_t)snprintf(text, sizeof text, ALONE);

    for (size_t i = 3; i < PHUB_SETTINGS_MAX; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "hub.name=a\n");
    ck_assert_int_eq(open_a(text), 0);
    ck_assert_int_eq(phub_hub_close(&hubs[0], 0), 0);
    snprintf(text + used, sizeof text - used, "hub.name=a\n");
    ck_assert_int_eq(open_a(text), PHUB_ELIMIT);
    ck_assert_str_eq(error, "more than 1024 settings");
}
END_TEST

START_TEST(what_cannot_be_opened_leaves_nothing)
{
    const struct phub_behaviour two[] = { counter, counter };
    struct phub_hub *none = NULL;

    ck_assert_int_eq(phub_hub_open(ALONE, two, 2, &none, error,
                                   sizeof error), PHUB_EEXIST);
    ck_assert_ptr_null(none);
    ck_assert_ptr_nonnull(strstr(error, "behaviour 1"));
    ck_assert_int_eq(phub_hub_open(NULL, NULL, 0, &none, NULL, 0),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_open(ALONE, NULL, 1, &none, NULL, 0),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_close(&none, 0), PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_close(NULL, 0), PHUB_EINVAL);
}
END_TEST

/* --- many -------------------------------------------------------------------- */

START_TEST(one_pattern_starts_many_and_each_has_its_answer)
{
    struct phub_child mixed[2] = { child("one"), child("w%d-x") };
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;

    ck_assert_int_eq(open_a(ALONE), 0);
    mixed[1].count = 12;
    ck_assert_int_eq(phub_start(hubs[0], mixed, 2, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), 0);
    ck_assert_uint_eq(phub_future_count(future), 13);
    ck_assert_str_eq(answer_of(future, 0).id, "one");
    ck_assert_str_eq(answer_of(future, 1).id, "w1-x");
    ck_assert_str_eq(answer_of(future, 12).id, "w12-x");
    ck_assert_int_eq(phub_future_finish(&future, 0), 0);
    ck_assert_ptr_null(future);
    ck_assert_int_eq(phub_lookup(hubs[0], "w12-x", &place), 0);
    ck_assert_int_eq(phub_lookup(hubs[0], "w13-x", &place), PHUB_ENOTFOUND);
    ck_assert_uint_eq(phub_count(hubs[0]), 13);
    hubs_free();
}
END_TEST

START_TEST(many_need_a_pattern_and_have_a_limit)
{
    struct phub_child one = child("same");

    ck_assert_int_eq(open_a(ALONE), 0);
    one.count = 2;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, NULL), PHUB_EINVAL);
    one.id = "c%d";
    one.count = PHUB_BATCH_MAX + 1;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, NULL), PHUB_ELIMIT);
    one.count = UINT32_MAX;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, NULL), PHUB_ELIMIT);
    one.count = 0; /* a name like others */
    one.id = "%d";
    start_one(hubs[0], "%d");
    hubs_free();
}
END_TEST

START_TEST(a_program_older_than_count_starts_one)
{
    struct phub_child old = child("c%d");
    struct phub_future *future = NULL;
    struct phub_place place = { .size = sizeof place };

    ck_assert_int_eq(open_a(ALONE), 0);
    old.size = offsetof(struct phub_child, durable);
    old.count = 5; /* beyond its size */
    ck_assert_int_eq(phub_start(hubs[0], &old, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_finish(&future, WAIT_MS), 0);
    ck_assert_int_eq(phub_lookup(hubs[0], "c%d", &place), 0);
    hubs_free();
}
END_TEST

START_TEST(a_durable_child_is_marked_so)
{
    struct phub_child one = child("x");
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    char dir[] = "/tmp/phub-openXXXXXX", settings[256], command[64];

    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(settings, sizeof settings, ALONE "hub.state_dir=%s\n", dir);
    ck_assert_int_eq(open_a(settings), 0);
    one.durable = 1;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_finish(&future, WAIT_MS), 0);
    ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
    ck_assert_uint_eq(place.durable, 1);
    start_one(hubs[0], "y");
    ck_assert_int_eq(phub_lookup(hubs[0], "y", &place), 0);
    ck_assert_uint_eq(place.durable, 0);
    hubs_free();
    snprintf(command, sizeof command, "rm -rf %s", dir);
    ck_assert_int_eq(system(command), 0);
}
END_TEST

START_TEST(commands_are_for_programs)
{
    static const char *const get[] = { "cat", "state", NULL };
    struct phub_child one = child("x");

    ck_assert_int_eq(open_a(ALONE), 0);
    one.state_get = get;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, NULL), PHUB_EINVAL);
    hubs_free();
}
END_TEST

static void settings_cases(Suite *suite)
{
    TCase *tc = tcase_create("settings");

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, strategies_come_from_the_defaults);
    tcase_add_test(tc, without_defaults_a_hub_has_no_strategies);
    tcase_add_test(tc, a_setting_wins_over_the_defaults);
    tcase_add_test(tc, a_file_wins_over_the_defaults);
    tcase_add_test(tc, a_wrong_default_is_named_with_its_file);
    tcase_add_test(tc, options_of_strategies_are_no_defaults);
    tcase_add_test(tc, lines_may_be_empty_indented_or_comments);
    tcase_add_test(tc, a_text_has_at_most_as_many_settings_as_allowed);
    tcase_add_test(tc, what_cannot_be_opened_leaves_nothing);
    suite_add_tcase(suite, tc);
}

int main(void)
{
    Suite *suite = suite_create("embed_open");
    TCase *tc = tcase_create("many");
    SRunner *runner;
    int failed;

    settings_cases(suite);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, one_pattern_starts_many_and_each_has_its_answer);
    tcase_add_test(tc, many_need_a_pattern_and_have_a_limit);
    tcase_add_test(tc, a_program_older_than_count_starts_one);
    tcase_add_test(tc, a_durable_child_is_marked_so);
    tcase_add_test(tc, commands_are_for_programs);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
