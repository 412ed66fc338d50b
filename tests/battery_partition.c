/* SPDX-License-Identifier: MIT */
/* battery_partition: what every partition strategy must do. */
#include "config.h"

#include <check.h>

#include "battery.h"

static const uint64_t ids[] = { 1, 2, 3, 4, 5, 6, 7 };

static uint32_t judged(struct mock *mock, uint32_t before, uint32_t after,
                       uint32_t left)
{
    struct phub_view *old_view = mock_view_new(mock->world, ids, before);
    struct phub_view *new_view = mock_view_new(mock->world, ids, after);
    struct phub_judge judge = { .size = sizeof judge };
    char error[PHUB__LOADER_ERROR_MAX];
    uint32_t verdict, again;

    judge.old_view = old_view;
    judge.new_view = new_view;
    judge.now_ns = mock->world->now_ns;
    if (before > after) {
        judge.left = ids + after;
        judge.left_count = left;
        judge.lost = ids + after + left;
        judge.lost_count = before - after - left;
    }
    ck_assert_msg(phub__call_judge(mock->strategy, &judge, &verdict, error,
                                   sizeof error) == 0, "%s", error);
    ck_assert_int_eq(phub__call_judge(mock->strategy, &judge, &again, NULL,
                                      0), 0);
    ck_assert_uint_eq(verdict, again);
    mock_view_free(old_view);
    mock_view_free(new_view);
    return verdict;
}

static void ask(struct mock *mock)
{
    uint32_t before, after, left, count;

    for (before = 1; before <= 7; before++)
        for (after = 1; after <= 7; after++)
            for (left = 0; left + after <= before; left++)
                (void)judged(mock, before, after, left);
    for (count = 1; count <= 7; count++) {
        struct phub_view *view = mock_view_new(mock->world, ids, count);
        uint32_t electorate;

        ck_assert_int_eq(phub__call_electorate(mock->strategy, view,
                                               &electorate, NULL, 0), 0);
        ck_assert_uint_ge(electorate, count);
        mock_view_free(view);
    }
    ck_assert_uint_eq(mock->strategy->faults, 0);
}

static struct mock *started(struct mock_world *world)
{
    struct mock *mock;

    mock_world_init(world, 1);
    mock = mock_new(world);
    ck_assert_int_eq(mock_open(mock, PHUB_KIND_PARTITION, battery_name, NULL),
                     0);
    return mock;
}

START_TEST(verdicts_are_known_and_repeat)
{
    struct mock_world world;

    ask(started(&world));
    mock_world_fini(&world);
}
END_TEST

START_TEST(nothing_missing_and_goodbyes_go_on)
{
    struct mock_world world;
    struct mock *mock = started(&world);

    ck_assert_uint_eq(judged(mock, 5, 5, 0), PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(judged(mock, 3, 5, 0), PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(judged(mock, 5, 4, 1), PHUB_VERDICT_CONTINUE);
    mock_world_fini(&world);
}
END_TEST

START_TEST(a_shorter_host_is_stood_or_refused)
{
    battery_truncated(PHUB_KIND_PARTITION, NULL, ask);
}
END_TEST

START_TEST(garbage_is_survived)
{
    struct mock_world world;
    struct mock *mock = started(&world);

    battery_garbage(mock);
    ask(mock);
    mock_world_fini(&world);
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_test(tc, verdicts_are_known_and_repeat);
    tcase_add_test(tc, nothing_missing_and_goodbyes_go_on);
    tcase_add_test(tc, a_shorter_host_is_stood_or_refused);
    tcase_add_test(tc, garbage_is_survived);
}

int main(int argc, char **argv)
{
    static const char *const shipped[] = {
        "divergence", "dynamic_quorum", "keep_oldest", "majority_quorum",
        "static_quorum", NULL };

    return battery_main(argc, argv, "partition", shipped, fill);
}
