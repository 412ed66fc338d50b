/* SPDX-License-Identifier: MIT */
/* check_hook: handlers run in their order, and may change the order. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "hub/hook.h"
#include "wire/memory.h"

static struct phub__hooks *hooks;
static char order[64];

struct note {
    char letter;
    uint64_t cancels;       /* that handle, when it runs */
    const char *adds;       /* attaches late to that event */
    uint32_t runs_again;    /* runs that many events from inside */
};

static void note(void *arg, const struct phub_hook_event *event);

static struct note late = { .letter = 'L' };

static void note(void *arg, const struct phub_hook_event *event)
{
    struct note *n = arg;
    size_t size = strlen(order);
    uint64_t handle;

    if (size + 1 < sizeof order)
        order[size] = n->letter;
    if (n->cancels != 0)
        (void)phub__hooks_cancel(hooks, n->cancels);
    if (n->adds != NULL)
        ck_assert_int_eq(phub__hooks_add(hooks, n->adds, 0, note, &late,
                                         &handle), 0);
    n->adds = NULL;
    if (n->runs_again != 0) {
        n->runs_again--;
        phub__hooks_run(hooks, event);
    }
}

static void setup(void)
{
    memset(order, 0, sizeof order);
    ck_assert_int_eq(phub__hooks_new(&hooks), 0);
}

static void teardown(void)
{
    phub__hooks_free(&hooks);
    ck_assert_ptr_null(hooks);
}

static uint64_t add(const char *name, int priority, struct note *n)
{
    uint64_t handle = 0;

    ck_assert_int_eq(phub__hooks_add(hooks, name, priority, note, n, &handle),
                     0);
    ck_assert_uint_ne(handle, 0);
    return handle;
}

static void run(enum phub_hook hook)
{
    struct phub_hook_event event = { .size = sizeof event, .hook = hook };

    memset(order, 0, sizeof order);
    phub__hooks_run(hooks, &event);
}

START_TEST(higher_priority_first_then_order_of_adding)
{
    struct note a = { .letter = 'a' }, b = { .letter = 'b' };
    struct note c = { .letter = 'c' }, d = { .letter = 'd' };

    add("child_started", 0, &a);
    add("child_started", 5, &b);
    add("*", 0, &c);
    add("child_started", 5, &d);
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "bdac");
}
END_TEST

START_TEST(one_that_is_added_twice_runs_twice_and_has_two_handles)
{
    struct note a = { .letter = 'a' };
    uint64_t first = add("shutdown", 0, &a), second = add("shutdown", 0, &a);

    ck_assert_uint_ne(first, second);
    run(PHUB_HOOK_shutdown);
    ck_assert_str_eq(order, "aa");
    ck_assert_int_eq(phub__hooks_cancel(hooks, first), 0);
    ck_assert_int_eq(phub__hooks_cancel(hooks, first), PHUB_ENOTFOUND);
    run(PHUB_HOOK_shutdown);
    ck_assert_str_eq(order, "a");
}
END_TEST

START_TEST(an_event_reaches_its_own_handlers_and_wildcards_only)
{
    struct note a = { .letter = 'a' }, b = { .letter = 'b' };

    add("child_started", 0, &a);
    add("*", 0, &b);
    run(PHUB_HOOK_shutdown);
    ck_assert_str_eq(order, "b");
}
END_TEST

START_TEST(every_event_has_a_name_that_can_be_attached_to)
{
    struct note a = { .letter = 'a' };
    int i;

    for (i = 0; i < PHUB_HOOK_COUNT; i++) {
        ck_assert_ptr_nonnull(phub_hook_name((enum phub_hook)i));
        add(phub_hook_name((enum phub_hook)i), 0, &a);
        run((enum phub_hook)i);
        ck_assert_str_eq(order, "a");
    }
    ck_assert_ptr_null(phub_hook_name(PHUB_HOOK_COUNT));
}
END_TEST

START_TEST(unknown_events_are_refused)
{
    uint64_t handle = 7;

    ck_assert_int_eq(phub__hooks_add(hooks, "child_strated", 0, note, NULL,
                                     &handle), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub__hooks_add(hooks, "", 0, note, NULL, &handle),
                     PHUB_ENOTFOUND);
    ck_assert_uint_eq(handle, 7);
}
END_TEST

START_TEST(what_nobody_wants_is_not_wanted)
{
    struct note a = { .letter = 'a' };
    uint64_t one, all;

    ck_assert(!phub__hooks_wanted(hooks, PHUB_HOOK_child_ended));
    one = add("child_ended", 0, &a);
    ck_assert(phub__hooks_wanted(hooks, PHUB_HOOK_child_ended));
    ck_assert(!phub__hooks_wanted(hooks, PHUB_HOOK_child_failed));
    all = add("*", 0, &a);
    ck_assert(phub__hooks_wanted(hooks, PHUB_HOOK_child_failed));
    ck_assert_int_eq(phub__hooks_cancel(hooks, one), 0);
    ck_assert(phub__hooks_wanted(hooks, PHUB_HOOK_child_ended));
    ck_assert_int_eq(phub__hooks_cancel(hooks, all), 0);
    ck_assert(!phub__hooks_wanted(hooks, PHUB_HOOK_child_ended));
    ck_assert_int_eq(phub__hooks_cancel(hooks, all), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(one_that_is_cancelled_while_its_event_runs_is_not_called)
{
    struct note a = { .letter = 'a' }, b = { .letter = 'b' };
    struct note c = { .letter = 'c' };

    add("child_started", 2, &a);
    a.cancels = add("child_started", 1, &b);
    add("child_started", 0, &c);
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "ac");
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "ac");
}
END_TEST

START_TEST(a_handler_may_cancel_itself)
{
    struct note a = { .letter = 'a' }, b = { .letter = 'b' };

    a.cancels = add("child_started", 2, &a);
    add("child_started", 0, &b);
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "ab");
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "b");
}
END_TEST

START_TEST(one_that_is_added_while_its_event_runs_waits_for_the_next)
{
    struct note a = { .letter = 'a', .adds = "child_started" };

    add("child_started", 2, &a);
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "a");
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "aL");
}
END_TEST

START_TEST(events_may_run_inside_events)
{
    struct note a = { .letter = 'a', .runs_again = 1 };
    struct note b = { .letter = 'b' };

    add("child_started", 2, &a);
    a.cancels = add("child_started", 1, &b);
    run(PHUB_HOOK_child_started);
    ck_assert_str_eq(order, "aa");
}
END_TEST

START_TEST(handlers_are_limited_and_cancelling_makes_room)
{
    struct note a = { .letter = 'a' };
    uint64_t handle = 0, last = 0;
    uint32_t i;

    for (i = 0; i < PHUB_HOOK_HANDLERS_MAX; i++)
        last = add("*", 0, &a);
    ck_assert_int_eq(phub__hooks_add(hooks, "*", 0, note, &a, &handle),
                     PHUB_ELIMIT);
    ck_assert_int_eq(phub__hooks_cancel(hooks, last), 0);
    add("*", 0, &a);
}
END_TEST

START_TEST(without_memory_nothing_is_attached)
{
    struct note a = { .letter = 'a' };
    struct phub__hooks *none = NULL;
    uint64_t handle = 0;

    phub__memory_fail(1);
    ck_assert_int_eq(phub__hooks_new(&none), PHUB_ENOMEM);
    ck_assert_ptr_null(none);
    phub__memory_fail(1);
    ck_assert_int_eq(phub__hooks_add(hooks, "*", 0, note, &a, &handle),
                     PHUB_ENOMEM);
    phub__memory_fail(0);
    ck_assert(!phub__hooks_wanted(hooks, PHUB_HOOK_shutdown));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hook");
    TCase *tc = tcase_create("hook");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, higher_priority_first_then_order_of_adding);
    tcase_add_test(tc, an_event_reaches_its_own_handlers_and_wildcards_only);
    tcase_add_test(tc, one_that_is_added_twice_runs_twice_and_has_two_handles);
    tcase_add_test(tc, every_event_has_a_name_that_can_be_attached_to);
    tcase_add_test(tc, unknown_events_are_refused);
    tcase_add_test(tc, what_nobody_wants_is_not_wanted);
    tcase_add_test(tc,
                   one_that_is_cancelled_while_its_event_runs_is_not_called);
    tcase_add_test(tc, a_handler_may_cancel_itself);
    tcase_add_test(tc, one_that_is_added_while_its_event_runs_waits_for_the_next);
    tcase_add_test(tc, events_may_run_inside_events);
    tcase_add_test(tc, handlers_are_limited_and_cancelling_makes_room);
    tcase_add_test(tc, without_memory_nothing_is_attached);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
