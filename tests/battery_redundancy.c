/* SPDX-License-Identifier: MIT */
/* battery_redundancy: what every redundancy strategy must do. */
#include "config.h"

#include <check.h>

#include "battery.h"

static const uint64_t ids[] = { 3, 1, 7, 2, 5, 6, 4, 8 };
static const struct phub_bytes child = { (const uint8_t *)"child", 5 };

static void ask(struct mock *mock)
{
    uint32_t members, factor, again, count, roles[8], roles_again[8], i;
    char error[PHUB__LOADER_ERROR_MAX];

    for (members = 0; members <= 8; members++) {
        struct phub_view *view = mock_view_new(mock->world, ids, members);

        ck_assert_msg(phub__call_factor(mock->strategy, view, &factor, error,
                                        sizeof error) == 0, "%s", error);
        ck_assert_int_eq(phub__call_factor(mock->strategy, view, &again, NULL,
                                           0), 0);
        ck_assert_uint_eq(factor, again);
        for (count = 1; count <= members; count++) {
            ck_assert_msg(phub__call_plan(mock->strategy, view, &child, ids,
                                          count, roles, error,
                                          sizeof error) == 0, "%s", error);
            ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child,
                                             ids, count, roles_again, NULL,
                                             0), 0);
            for (i = 0; i < count; i++)
                ck_assert_uint_eq(roles[i], roles_again[i]);
        }
        mock_view_free(view);
    }
    ck_assert_uint_eq(mock->strategy->faults, 0);
}

START_TEST(factors_and_roles_are_possible_and_repeat)
{
    struct mock_world world;
    struct mock *mock;

    mock_world_init(&world, 1);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_REDUNDANCY, battery_name,
                               NULL), 0);
    ask(mock);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_shorter_host_is_stood_or_refused)
{
    battery_truncated(PHUB_KIND_REDUNDANCY, NULL, ask);
}
END_TEST

/* Nodes in another order, and without one that is not active. */
static void ask_active(struct mock *mock, uint32_t *active)
{
    struct phub_view *view = mock_view_new(mock->world, ids, 8);
    uint32_t roles[8], fewer[8], i, k, n;
    uint64_t left[8];

    ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, ids, 8,
                                     roles, NULL, 0), 0);
    *active = 0;
    for (i = 0; i < 8; i++) {
        *active += roles[i] == PHUB_ROLE_ACTIVE;
        if (roles[i] == PHUB_ROLE_ACTIVE && *active != 1)
            continue;
        for (k = n = 0; k < 8; k++)
            if (k != i || roles[i] == PHUB_ROLE_ACTIVE)
                left[n++] = ids[k];
        ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, left,
                                         n, fewer, NULL, 0), 0);
        for (k = n = 0; k < 8; k++)
            if (k != i || roles[i] == PHUB_ROLE_ACTIVE)
                ck_assert_uint_eq(fewer[n++], roles[k]);
    }
    mock_view_free(view);
}

START_TEST(the_active_one_stays_when_another_goes)
{
    struct mock_world world;
    struct mock *mock;
    uint32_t active;

    mock_world_init(&world, 1);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_REDUNDANCY, battery_name,
                               NULL), 0);
    ask_active(mock, &active);
    ck_assert_uint_ge(active, 1);
    mock_world_fini(&world);
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_test(tc, factors_and_roles_are_possible_and_repeat);
    tcase_add_test(tc, the_active_one_stays_when_another_goes);
    tcase_add_test(tc, a_shorter_host_is_stood_or_refused);
}

int main(int argc, char **argv)
{
    static const char *const shipped[] = {
        "replication", "singularity", NULL };

    return battery_main(argc, argv, "redundancy", shipped, fill);
}
