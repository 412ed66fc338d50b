/* SPDX-License-Identifier: MIT */
/* Tests of the guided distribution: what a mapping means, and what is said
 * when it cannot be followed. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

#define NODES 6u

static struct mock_world world;
static struct mock *mock;
static struct phub_view *view;
static uint64_t nodes[NODES];
static uint32_t count;
static char error[PHUB__LOADER_ERROR_MAX];

static void open_with(const char *const *params)
{
    uint64_t ids[NODES];
    uint32_t i;

    for (i = 0; i < NODES; i++)
        ids[i] = i + 1;
    mock_world_init(&world, 1);
    for (i = 1; i <= NODES; i++)
        (void)snprintf(world.labels[i], sizeof world.labels[0],
                       "disk=%s,rack=r%u", i % 2 == 0 ? "ssd" : "hdd", i);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION, "guided",
                               params), 0);
    view = mock_view_new(&world, ids, NODES);
}

static void setup(void)
{
    open_with(NULL);
}

static void teardown(void)
{
    mock_view_free(view);
    mock_world_fini(&world);
}

static struct phub_bytes text(const char *words)
{
    return (struct phub_bytes){ (const uint8_t *)words, strlen(words) };
}

/* Where child belongs, by mapping (NULL: it has none). */
static int place(const struct phub_view *in, const char *child,
                 const char *mapping, uint32_t factor)
{
    struct phub_meta meta[] = { { text("colour"), text("b") },
                                { text("nodes"), text("") } };
    struct phub_assign_item item = {
        .size = sizeof item, .cause = PHUB_CAUSE_START, .id = text(child),
        .metadata = meta, .metadata_count = 1 };

    if (mapping != NULL) {
        meta[1].value = text(mapping);
        item.metadata_count = 2;
    }
    return phub__call_assign(mock->strategy, in, &item, 1, factor, nodes,
                             &count, error, sizeof error);
}

/* In these tests' children "colour" is b, which is a node's name. */
START_TEST(the_mapping_has_the_key_that_is_asked_for)
{
    static const char *const params[] = { "key=colour", NULL };

    ck_assert_int_eq(place(view, "c1", "c", 1), 0);
    ck_assert_uint_eq(nodes[0], 3);
    teardown();
    open_with(params);
    ck_assert_int_eq(place(view, "c1", "c", 1), 0);
    ck_assert_uint_eq(nodes[0], 2);
}
END_TEST

static void refused(const char *mapping, uint32_t factor, int code,
                    const char *word)
{
    ck_assert_int_eq(place(view, "c7", mapping, factor), code);
    ck_assert_msg(strstr(error, "child 'c7'") != NULL, "%s", error);
    ck_assert_msg(strstr(error, word) != NULL, "%s", error);
}

START_TEST(a_child_is_where_its_mapping_says)
{
    ck_assert_int_eq(place(view, "c1", "c", 1), 0);
    ck_assert_uint_eq(count, 1);
    ck_assert_uint_eq(nodes[0], 3);
    ck_assert_int_eq(place(view, "c1", "b,f", 2), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_uint_eq(nodes[0], 2);
    ck_assert_uint_eq(nodes[1], 6);
}
END_TEST

START_TEST(a_seat_takes_its_first_choice_that_is_there)
{
    ck_assert_int_eq(place(view, "c1", "zz|disk=tape|d|a", 1), 0);
    ck_assert_uint_eq(nodes[0], 4);
    ck_assert_int_eq(place(view, "c1", "d|a,d|a", 2), 0);
    ck_assert_uint_eq(nodes[0], 4);
    ck_assert_uint_eq(nodes[1], 1);
}
END_TEST

START_TEST(labels_name_members_that_take_turns)
{
    uint32_t i, seen[NODES + 1] = { 0 };
    char id[16];

    for (i = 0; i < 300; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(place(view, id, "disk=ssd,disk=ssd", 2), 0);
        ck_assert_uint_eq(count, 2);
        ck_assert_uint_ne(nodes[0], nodes[1]);
        ck_assert_uint_eq(nodes[0] % 2 + nodes[1] % 2, 0);
        seen[nodes[0]]++;
    }
    ck_assert_uint_ge(seen[2], 60);
    ck_assert_uint_ge(seen[4], 60);
    ck_assert_uint_ge(seen[6], 60);
}
END_TEST

START_TEST(four_things_are_refused_in_words)
{
    static const char *const wrong[] = { "", ",", "a,", ",a", "a||b", "a|",
                                         "|a", "=ssd", "a,,b" };
    size_t i;

    refused(NULL, 1, PHUB_EINVAL, "no mapping");
    for (i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        refused(wrong[i], 1, PHUB_EINVAL, "cannot be read");
    refused("a", 2, PHUB_EINVAL, "another number");
    refused("a,b", 1, PHUB_EINVAL, "another number");
    refused("x|disk=tape", 1, PHUB_ENOPLACE, "none of which is a member");
    ck_assert_uint_eq(mock->strategy->faults, 0);
}
END_TEST

START_TEST(more_seats_than_members_wait_for_them)
{
    uint64_t two[] = { 1, 2 };
    struct phub_view *small = mock_view_new(&world, two, 2);

    ck_assert_int_eq(place(small, "c1", "c,b,a", 2), 0);
    ck_assert_uint_eq(count, 1);      /* c is away, a is the third seat */
    ck_assert_uint_eq(nodes[0], 2);
    mock_view_free(small);
}
END_TEST

START_TEST(a_fallback_places_who_has_no_node)
{
    static const char *const hash[] = { "fallback=hash", NULL };
    uint32_t seen[NODES + 1] = { 0 }, i;
    char id[16];

    teardown();
    open_with(hash);
    for (i = 0; i < 600; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(place(view, id, i % 2 == 0 ? NULL : "gone", 1), 0);
        ck_assert_uint_eq(count, 1);
        seen[nodes[0]]++;
    }
    for (i = 1; i <= NODES; i++)
        ck_assert_uint_ge(seen[i], 50);
    ck_assert_int_eq(place(view, "c1", "gone,b", 2), 0);
    ck_assert_uint_eq(count, 2);
    refused("a,", 1, PHUB_EINVAL, "cannot be read");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("guided");
    TCase *tc = tcase_create("guided");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, the_mapping_has_the_key_that_is_asked_for);
    tcase_add_test(tc, a_child_is_where_its_mapping_says);
    tcase_add_test(tc, a_seat_takes_its_first_choice_that_is_there);
    tcase_add_test(tc, labels_name_members_that_take_turns);
    tcase_add_test(tc, four_things_are_refused_in_words);
    tcase_add_test(tc, more_seats_than_members_wait_for_them);
    tcase_add_test(tc, a_fallback_places_who_has_no_node);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
