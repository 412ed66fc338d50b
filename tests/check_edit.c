/* SPDX-License-Identifier: MIT */
/* check_edit: metadata that changes while a child lives, and a stop that
 * comes at the same moment (schedule 12 of those that broke earlier drafts). */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "hub_fixture.h"
#include "registry/registry.h"

static struct hubs hubs;

struct edit {
    const char *id, *key, *value;
    uint64_t version;
    struct hubs_result *result;
};

static void give(struct phub__hub *hub, void *arg)
{
    const struct edit *edit = arg;
    struct phub__op_pair pair = { hubs_bytes(edit->key),
                                  hubs_bytes(edit->value) };
    struct phub__list pairs = { &pair, 1 };

    memset(edit->result, 0, sizeof *edit->result);
    ck_assert_int_eq(phub__command_edit(hub, hubs_bytes(edit->id), &pairs, 0,
                                        edit->version, HUBS_TIMEOUT_MS,
                                        hubs_done, edit->result), 0);
}

static void edit_send(uint32_t node, const char *id, const char *key,
                      const char *value, uint64_t version,
                      struct hubs_result *result)
{
    struct edit edit = { id, key, value, version, result };

    hubs_do(&hubs, node, give, &edit);
}

/* Gives the code; *version is the new one. */
static int edit(uint32_t node, const char *id, const char *key,
                const char *value, uint64_t *version)
{
    edit_send(node, id, key, value, *version, &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    if (hubs_last.codes[0] == 0)
        *version = hubs_last.value;
    return hubs_last.codes[0];
}

/* The value that node sees, "" if none. */
static const char *seen(uint32_t node, const char *id, const char *key)
{
    static char text[PHUB__META_VALUE_MAX + 1];
    struct phub__row_view view;
    struct phub_bytes value = { NULL, 0 };

    if (phub__registry_get(hubs_hub(&hubs, node)->registry, hubs_bytes(id),
                           &view) != 0 || !view.live ||
        phub__row_meta(&view, hubs_bytes(key), &value) != 0)
        return "";
    snprintf(text, sizeof text, "%.*s", (int)value.size,
             (const char *)value.data);
    return text;
}

static int live(uint32_t node, const char *id)
{
    struct phub__row_view view;

    return phub__registry_get(hubs_hub(&hubs, node)->registry, hubs_bytes(id),
                              &view) == 0 && view.live;
}

static void begin(uint64_t seed)
{
    hubs = (struct hubs){ 0 };
    hubs_new(&hubs, 3, "hotswap", seed);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
}

START_TEST(an_edit_given_anywhere_is_seen_everywhere)
{
    uint64_t version = 0;
    struct phub__row_view before, after;

    begin(1);
    ck_assert_int_eq(phub__registry_get(hubs_hub(&hubs, 0)->registry,
                                        hubs_bytes("c"), &before), 0);
    hubs_update(&hubs, "c", 1, 3);
    ck_assert_int_eq(edit(1, "c", "colour", "red", &version), 0);
    ck_assert_int_eq(edit(2, "c", "shape", "round", &version), 0);
    hubs_run(&hubs, 2000);
    for (uint32_t node = 0; node < 3; node++) {
        ck_assert_str_eq(seen(node, "c", "colour"), "red");
        ck_assert_str_eq(seen(node, "c", "shape"), "round");
    }
    ck_assert_int_eq(phub__registry_get(hubs_hub(&hubs, 0)->registry,
                                        hubs_bytes("c"), &after), 0);
    ck_assert_int_eq(phub_epoch_cmp(before.incarnation, after.incarnation),
                     0);
    ck_assert_uint_eq(after.edit.number, version);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 3); /* it runs on */
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_value_is_replaced_and_an_empty_one_takes_it_away)
{
    uint64_t version = 0;

    begin(2);
    ck_assert_int_eq(edit(0, "c", "a", "1", &version), 0);
    version = 0;
    ck_assert_int_eq(edit(0, "c", "b", "2", &version), 0);
    version = 0;
    ck_assert_int_eq(edit(0, "c", "a", "3", &version), 0);
    version = 0;
    ck_assert_int_eq(edit(0, "c", "b", "", &version), 0);
    version = 0;
    ck_assert_int_eq(edit(0, "c", "never", "", &version), 0);
    hubs_run(&hubs, 2000);
    ck_assert_str_eq(seen(1, "c", "a"), "3");
    ck_assert_str_eq(seen(1, "c", "b"), "");
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_edit_of_another_version_is_refused)
{
    uint64_t first = 0, second, old;

    begin(3);
    ck_assert_int_eq(edit(0, "c", "n", "1", &first), 0);
    second = old = first;
    ck_assert_int_eq(edit(1, "c", "n", "2", &second), 0);
    ck_assert_uint_gt(second, first);
    ck_assert_int_eq(edit(2, "c", "n", "3", &old), PHUB_EREFUSED);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "its version is"));
    hubs_run(&hubs, 2000);
    ck_assert_str_eq(seen(2, "c", "n"), "2");
    hubs_free(&hubs);
}
END_TEST

START_TEST(of_two_edits_of_one_version_one_wins)
{
    static struct hubs_result one, two;
    uint64_t version = 0;

    begin(100 + (uint64_t)_i);
    ck_assert_int_eq(edit(0, "c", "n", "0", &version), 0);
    edit_send(1, "c", "n", "one", version, &one);
    edit_send(2, "c", "n", "two", version, &two);
    hubs_wait(&hubs, &one);
    hubs_wait(&hubs, &two);
    ck_assert_int_eq((one.codes[0] == 0) + (two.codes[0] == 0), 1);
    ck_assert_int_eq((one.codes[0] == PHUB_EREFUSED) +
                         (two.codes[0] == PHUB_EREFUSED), 1);
    hubs_run(&hubs, 2000);
    for (uint32_t node = 0; node < 3; node++)
        ck_assert_str_eq(seen(node, "c", "n"),
                         one.codes[0] == 0 ? "one" : "two");
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_child_has_at_most_64_values)
{
    uint64_t version = 0;
    char key[16];

    begin(4);
    for (int i = 0; i < (int)PHUB__META_PAIRS_MAX; i++) {
        snprintf(key, sizeof key, "k%d", i);
        version = 0;
        ck_assert_int_eq(edit(0, "c", key, "v", &version), 0);
    }
    version = 0;
    ck_assert_int_eq(edit(0, "c", "more", "v", &version), PHUB_ELIMIT);
    ck_assert_int_eq(edit(0, "c", "k0", "w", &version), 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_is_not_there_is_not_edited)
{
    uint64_t version = 0;

    begin(5);
    ck_assert_int_eq(edit(0, "nobody", "a", "b", &version), PHUB_ENOTFOUND);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), 0);
    ck_assert_int_eq(edit(0, "c", "a", "b", &version), PHUB_ENOTFOUND);
    hubs_free(&hubs);
}
END_TEST

START_TEST(an_edit_of_a_durable_child_outlives_all_nodes)
{
    uint64_t version = 0;
    uint32_t node;

    begin(6);
    ck_assert_int_eq(hubs_start(&hubs, 0, "d", "sim durable"), 0);
    ck_assert_int_eq(edit(1, "d", "a", "b", &version), 0);
    for (node = 0; node < 3; node++)
        phub__sim_node_power_off(hubs_node(&hubs, node));
    for (node = 0; node < 3; node++)
        phub__sim_node_start(hubs_node(&hubs, node));
    hubs_run(&hubs, 60000);
    for (node = 0; node < 3; node++)
        ck_assert_str_eq(seen(node, "d", "a"), "b");
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_keeper_that_cannot_decide_yet_is_asked_again)
{
    uint64_t version = 0;
    uint32_t node;

    begin(7);
    node = hubs_add(&hubs);
    for (int i = 0; i < 8; i++) { /* some are kept by the new one */
        char id[2] = { (char)('p' + i), '\0' };

        version = 0;
        ck_assert_int_eq(edit(node, id, "a", "b", &version), PHUB_ENOTFOUND);
    }
    hubs_free(&hubs);
}
END_TEST

/* --- schedule 12 ------------------------------------------------------------- */

static void nobody_is_back(void)
{
    for (uint32_t node = 0; node < 3; node++) {
        ck_assert_int_eq(live(node, "c"), 0);
        ck_assert_str_eq(seen(node, "c", "a"), "");
    }
    ck_assert_int_eq(hubs_is_gone(&hubs, "c"), 1);
}

START_TEST(a_stop_and_an_edit_at_the_same_moment_leave_it_stopped)
{
    static struct hubs_result stop, change;

    begin(200 + (uint64_t)_i);
    if (_i % 2 == 0)
        hubs_stop_send(&hubs, 0, "c", &stop);
    edit_send(1, "c", "a", "b", 0, &change);
    if (_i % 2 != 0)
        hubs_stop_send(&hubs, 0, "c", &stop);
    hubs_wait(&hubs, &stop);
    hubs_wait(&hubs, &change);
    ck_assert_int_eq(stop.codes[0], 0);
    ck_assert(change.codes[0] == 0 || change.codes[0] == PHUB_ENOTFOUND);
    hubs_run(&hubs, 5000);
    nobody_is_back();
    hubs_free(&hubs);
}
END_TEST

/* Both sides have a keeper of their own: the edit has the higher epoch. */
START_TEST(a_stop_on_one_side_of_a_cut_wins_over_later_edits_on_the_other)
{
    static const uint32_t groups[] = { 0, 1, 1 };
    uint32_t side = (uint32_t)_i % 2;
    uint64_t version = 0;

    begin(300 + (uint64_t)_i);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 30000);
    ck_assert_int_eq(hubs_stop(&hubs, side, "c"), 0);
    for (int i = 0; i < 5; i++) {
        version = 0;
        ck_assert_int_eq(edit(1 - side, "c", "a", i % 2 ? "b" : "c",
                              &version), 0);
    }
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 60000);
    nobody_is_back();
    hubs_free(&hubs);
}
END_TEST

static void bind(struct phub__hub *hub, void *arg)
{
    const uint64_t *flags = arg;
    struct phub__list none = { NULL, 0 };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_edit(hub, hubs_bytes("c"), &none, *flags,
                                        0, HUBS_TIMEOUT_MS, hubs_done,
                                        &hubs_last), 0);
}

static int bound(uint32_t node, uint64_t flags)
{
    struct phub__row_view view;

    hubs_do(&hubs, node, bind, &flags);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    ck_assert_int_eq(phub__registry_get(hubs_hub(&hubs, node)->registry,
                                        hubs_bytes("c"), &view), 0);
    return view.sticky;
}

/* Whoever asked sees it; the metadata stay as they are. */
START_TEST(a_child_is_bound_to_its_node_and_let_go)
{
    uint64_t version = 0;

    hubs_new(&hubs, 2, "hotswap", 5);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
    ck_assert_int_eq(edit(0, "c", "colour", "red", &version), 0);
    ck_assert(bound(0, PHUB__ITEM_STICKY));
    ck_assert(bound(1, PHUB__ITEM_STICKY));
    ck_assert_str_eq(seen(1, "c", "colour"), "red");
    ck_assert(!bound(1, PHUB__ITEM_FREE));
    ck_assert_str_eq(seen(0, "c", "colour"), "red");
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edit");
    TCase *tc = tcase_create("edit");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_child_is_bound_to_its_node_and_let_go);
    tcase_add_test(tc, an_edit_given_anywhere_is_seen_everywhere);
    tcase_add_test(tc, a_value_is_replaced_and_an_empty_one_takes_it_away);
    tcase_add_test(tc, an_edit_of_another_version_is_refused);
    tcase_add_loop_test(tc, of_two_edits_of_one_version_one_wins, 0, 20);
    tcase_add_test(tc, a_child_has_at_most_64_values);
    tcase_add_test(tc, who_is_not_there_is_not_edited);
    tcase_add_test(tc, a_keeper_that_cannot_decide_yet_is_asked_again);
    tcase_add_test(tc, an_edit_of_a_durable_child_outlives_all_nodes);
    tcase_add_loop_test(
        tc, a_stop_and_an_edit_at_the_same_moment_leave_it_stopped, 0, 40);
    tcase_add_loop_test(
        tc, a_stop_on_one_side_of_a_cut_wins_over_later_edits_on_the_other, 0,
        4);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
