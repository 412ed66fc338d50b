/* SPDX-License-Identifier: MIT */
/* check_hook_command: programs at events: what they get, and that one which
 * hangs, fails or is slow costs only itself. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/hook_command.h"
#include "hub_fixture.h"

#define LINES_MAX 512u

static struct hubs hubs;
static struct line { uint32_t node; char word[16], text[2048]; } lines[LINES_MAX];
static uint32_t lines_count;

static void on_hook(void *arg, struct phub__sim_node *node,
                    struct phub_bytes word, struct phub_bytes input)
{
    struct line *line = &lines[lines_count];

    (void)arg;
    ck_assert_uint_lt(lines_count, LINES_MAX);
    line->node = phub__sim_node_index(node);
    snprintf(line->word, sizeof line->word, "%.*s", (int)word.size,
             (const char *)word.data);
    snprintf(line->text, sizeof line->text, "%.*s", (int)input.size,
             (const char *)input.data);
    lines_count++;
}

static struct phub_bytes words[2];

static void begin(const char *event, const char *word, uint32_t nodes,
                  uint64_t queue_max)
{
    static struct phub__hook_option option;

    words[0] = hubs_bytes(word);
    option.event = event;
    option.argv = (struct phub__list){ words, 1 };
    hubs = (struct hubs){ .hooks = &option, .hooks_count = 1,
                          .hook_queue_max = queue_max, .hook = on_hook };
    lines_count = 0;
    hubs_new(&hubs, nodes, "coldswap", 3);
    hubs_run(&hubs, 3000);
}

static uint64_t wanted;

static void compare(void *arg, const char *name, uint64_t value)
{
    if (strcmp(name, arg) == 0)
        wanted = value;
}

static uint64_t counter(const char *name)
{
    wanted = UINT64_MAX;
    phub__hook_commands_tell(hubs_hub(&hubs, 0), compare,
                             (void *)(uintptr_t)name);
    ck_assert_uint_ne(wanted, UINT64_MAX);
    return wanted;
}

START_TEST(a_command_gets_the_event_as_a_line_of_json)
{
    const char *text;
    uint32_t i, found = 0;

    begin("child_started", "hook-ok", 2, 16);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c\"1", "sim"), 0);
    hubs_run(&hubs, 1000);
    for (i = 0; i < lines_count; i++) {
        text = lines[i].text;
        found++;
        ck_assert_ptr_nonnull(strstr(text, "{\"event\":\"child_started\","
                                     "\"hub\":\"check\",\"node\":\""));
        ck_assert_ptr_nonnull(strstr(text, ",\"id\":\"c\\\"1\","));
        ck_assert_str_eq(text + strlen(text) - 2, "}\n");
        ck_assert_ptr_eq(strchr(text, '\n'), text + strlen(text) - 1);
    }
    ck_assert_uint_eq(found, 1);
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_event_about_many_lists_them)
{
    begin("post_children_start", "hook-ok", 1, 16);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2", "sim"), 0);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(lines_count, 1);
    ck_assert_ptr_nonnull(strstr(lines[0].text, "\"value\":2,"));
    ck_assert_ptr_nonnull(strstr(lines[0].text,
                                 "\"children\":[{\"id\":\"c1\",\"node\":\"a\""));
    ck_assert_ptr_nonnull(strstr(lines[0].text, ",{\"id\":\"c2\","));
    hubs_free(&hubs);
}
END_TEST

static void fire(struct phub__hub *hub, void *arg)
{
    uint32_t i, count = *(uint32_t *)arg;
    char id[16];

    for (i = 0; i < count; i++) {
        snprintf(id, sizeof id, "e%u", i);
        phub__hub_hook(hub, PHUB_HOOK_scoreboard_updated, 0, hubs_bytes(id),
                       0, i, "");
    }
}

static int is_idle(struct hubs *h, const void *none)
{
    (void)none;
    return !phub__hook_commands_busy(hubs_hub(h, 0));
}

START_TEST(events_of_a_slow_command_wait_in_order_and_those_too_many_are_lost)
{
    uint32_t count = 10, i;
    char id[32];

    begin("scoreboard_updated", "hook-slow", 1, 4);
    hubs_do(&hubs, 0, fire, &count);
    ck_assert_uint_eq(counter("hook_events_dropped"), 5);
    ck_assert(hubs_until(&hubs, 60000, is_idle, NULL));
    ck_assert_uint_eq(lines_count, 5);
    for (i = 0; i < 5; i++) {
        snprintf(id, sizeof id, "\"id\":\"e%u\"", i);
        ck_assert_ptr_nonnull(strstr(lines[i].text, id));
        ck_assert_ptr_null(strstr(lines[i].text, "\"lost\""));
    }
    count = 1;
    hubs_do(&hubs, 0, fire, &count);
    ck_assert(hubs_until(&hubs, 60000, is_idle, NULL));
    ck_assert_uint_eq(lines_count, 6);
    ck_assert_ptr_nonnull(strstr(lines[5].text, "\"lost\":5}"));
    ck_assert_uint_eq(counter("hook_commands_run"), 6);
    ck_assert_uint_eq(counter("hook_commands_failed"), 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(one_that_hangs_is_killed_and_the_hub_goes_on)
{
    uint32_t count = 2;

    begin("scoreboard_updated", "hook-hang", 1, 4);
    hubs_do(&hubs, 0, fire, &count);
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(lines_count, 1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(counter("hook_commands_timed_out"), 0);
    ck_assert(hubs_until(&hubs, 20000, is_idle, NULL));
    ck_assert_uint_eq(lines_count, 2);
    ck_assert_uint_eq(counter("hook_commands_timed_out"), 2);
    ck_assert_uint_eq(counter("hook_commands_failed"), 2);
    hubs_free(&hubs);
}
END_TEST

START_TEST(one_that_fails_is_counted)
{
    uint32_t count = 3;

    begin("scoreboard_updated", "hook-fail", 1, 4);
    hubs_do(&hubs, 0, fire, &count);
    ck_assert(hubs_until(&hubs, 20000, is_idle, NULL));
    ck_assert_uint_eq(counter("hook_commands_failed"), 3);
    hubs_free(&hubs);
}
END_TEST

static void stopped(void *arg)
{
    *(int *)arg = 1;
}

static void stop_hub(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 0, stopped, arg);
}

static int is_set(struct hubs *h, const void *arg)
{
    (void)h;
    return *(const int *)arg;
}

START_TEST(a_stop_waits_for_what_was_told_but_not_for_ever)
{
    int over = 0;

    begin("shutdown", "hook-slow", 1, 4);
    hubs_do(&hubs, 0, stop_hub, &over);
    hubs_run(&hubs, 900);
    ck_assert(!over);
    ck_assert(hubs_until(&hubs, 2000, is_set, &over));
    ck_assert_uint_eq(counter("hook_commands_run"), 1);
    hubs_free(&hubs);
    over = 0;
    begin("*", "hook-hang", 1, 64);
    hubs_do(&hubs, 0, stop_hub, &over);
    ck_assert(hubs_until(&hubs, 6000, is_set, &over));
    hubs_free(&hubs);
}
END_TEST

/* What a child says may be no text at all. */
START_TEST(every_line_is_json_whatever_was_said)
{
    struct phub_hook_event event = {
        .size = sizeof event, .hook = PHUB_HOOK_child_ended,
        .code = PHUB_EFAILED,
        .text = "a\tb\"\\\x7f \xc3\xa4 \xff \xe2\x82 \xed\xa0\x80" };
    struct phub__builder out;

    begin("shutdown", "hook-ok", 1, 4);
    phub__builder_init(&out, 4096);
    ck_assert_int_eq(phub__hook_json(hubs_hub(&hubs, 0), &event, 0, &out), 0);
    ck_assert_int_eq(phub__builder_append(&out, "", 1), 0);
    ck_assert_ptr_nonnull(strstr(
        (const char *)out.data,
        "\"text\":\"a\\u0009b\\\"\\\\\\u007f \xc3\xa4 \\ufffd \\ufffd\\ufffd "
        "\\ufffd\\ufffd\\ufffd\"}"));
    ck_assert_ptr_nonnull(strstr((const char *)out.data,
                                 "\"name\":\"PHUB_EFAILED\""));
    phub__builder_fini(&out);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook_command");
    TCase *tc = tcase_create("hook_command");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_command_gets_the_event_as_a_line_of_json);
    tcase_add_test(tc, an_event_about_many_lists_them);
    tcase_add_test(tc,
        events_of_a_slow_command_wait_in_order_and_those_too_many_are_lost);
    tcase_add_test(tc, one_that_hangs_is_killed_and_the_hub_goes_on);
    tcase_add_test(tc, one_that_fails_is_counted);
    tcase_add_test(tc, a_stop_waits_for_what_was_told_but_not_for_ever);
    tcase_add_test(tc, every_line_is_json_whatever_was_said);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
