/* SPDX-License-Identifier: MIT */
/* battery_migration: what every migration strategy must do: report each item
 * once and say the truth, ask for steps in an order that the core accepts, and
 * leave each child in one place, whatever is answered. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "battery.h"

#define CHILDREN 100u
#define CAN_FREEZE_STATE (PHUB_CHILD_CAN_FREEZE | PHUB_CHILD_CAN_STATE)

static struct mock_world world;
static struct mock *origin;
static const uint64_t view_ids[] = { 1, 2, 3 };
static const uint64_t targets[] = { 2, 3 };

static void setup(void)
{
    mock_world_init(&world, 1);
    origin = mock_new(&world);
    mock_view(origin, view_ids, 3);
    mock_children(origin, CHILDREN, CAN_FREEZE_STATE);
    ck_assert_int_eq(mock_open(origin, PHUB_KIND_MIGRATION, battery_name,
                               NULL), 0);
}

static void teardown(void)
{
    mock_world_fini(&world);
}

static void settled(void)
{
    uint32_t i;

    for (i = 0; i < CHILDREN; i++) {
        struct mock_child *child = &origin->children[i];

        ck_assert_msg(child->reports == 1, "c%u: %u reports: %s", i,
                      child->reports, child->trace);
        ck_assert_msg(child->runs_on != 0, "c%u is lost: %s", i,
                      child->trace);
        ck_assert_msg((child->rc == 0) == (child->runs_on != 1),
                      "c%u: reported %d, runs on %u: %s", i, child->rc,
                      (unsigned)child->runs_on, child->trace);
    }
    ck_assert_uint_eq(origin->moves_open, 0);
}

START_TEST(all_that_can_be_moved_is_moved)
{
    uint32_t i;

    for (i = 0; i < CHILDREN; i++)
        origin->children[i].flags = i % 8;
    ck_assert_int_eq(mock_begin(origin, 0, CHILDREN, targets, 2, 0, 0), 0);
    (void)mock_run(&world, 3600 * 1000);
    settled();
    for (i = 0; i < CHILDREN; i++)
        ck_assert_uint_eq(origin->children[i].runs_on, 2);
}
END_TEST

START_TEST(each_step_may_fail)
{
    static const int codes[] = { PHUB_EREFUSED, PHUB_ENODEDOWN, PHUB_EBUSY,
                                 PHUB_ETIMEDOUT, PHUB_ESTOPPED, PHUB_EIO };
    enum mock_mode mode = _i % 2 ? MOCK_FAIL : MOCK_REFUSE;
    uint32_t step = (uint32_t)_i / 2 % MOCK_STEPS;

    origin->script[step] = (struct mock_script){
        mode, codes[(uint32_t)_i / 2 / MOCK_STEPS], 50, 0, 0 };
    ck_assert_int_eq(mock_begin(origin, 0, CHILDREN, targets, 2, 0, 0), 0);
    (void)mock_run(&world, 3600 * 1000);
    settled();
}
END_TEST

START_TEST(chance_loses_nothing)
{
    uint32_t step, i;

    world.random = (uint64_t)_i;
    for (i = 0; i < CHILDREN; i += 10) {
        for (step = 0; step < MOCK_STEPS; step++) {
            uint64_t r = mock_random(&world);

            origin->script[step] = (struct mock_script){
                (enum mock_mode)(r % 3), PHUB_EREFUSED,
                (uint32_t)(r >> 8) % 8, 0, (uint32_t)(r >> 16) % 2000 };
        }
        ck_assert_int_eq(mock_begin(origin, i, 10, targets, 2, 0,
                                    i % 20 ? 0 : 5000), 0);
        (void)mock_run(&world, mock_random(&world) % 3000);
        if (i == 50) {
            mock_view(origin, (const uint64_t[]){ 1, 3 }, 2);
            (void)mock_run(&world, 500);
            mock_view(origin, view_ids, 3);
        }
    }
    memset(origin->script, 0, sizeof origin->script);
    (void)mock_run(&world, 3600 * 1000);
    settled();
}
END_TEST

START_TEST(cancel_leaves_decided_moves_alone)
{
    ck_assert_int_eq(mock_begin(origin, 0, CHILDREN, targets, 2, 0, 0), 0);
    (void)mock_run(&world, (uint64_t)_i);
    phub__call_cancel(origin->strategy, &PHUB_BYTES_NONE);
    (void)mock_run(&world, 3600 * 1000);
    if (origin->strategy->ops.migration.cancel != NULL)
        settled();
}
END_TEST

START_TEST(closing_with_moves_under_way_is_clean)
{
    ck_assert_int_eq(mock_begin(origin, 0, CHILDREN, targets, 2, 0, 0), 0);
    (void)mock_run(&world, (uint64_t)_i);
    mock_close(origin);
}
END_TEST

START_TEST(garbage_is_survived)
{
    ck_assert_int_eq(mock_begin(origin, 0, CHILDREN, targets, 2, 0, 0), 0);
    battery_garbage(origin);
    (void)mock_run(&world, 3600 * 1000);
    settled();
}
END_TEST

static void exercise(struct mock *mock)
{
    mock_view(mock, view_ids, 3);
    mock_children(mock, 10, CAN_FREEZE_STATE | PHUB_CHILD_CAN_CONSENT);
    ck_assert_int_eq(mock_begin(mock, 0, 10, targets, 2, 0, 0), 0);
    (void)mock_run(mock->world, 1000);
    ck_assert_uint_eq(mock->children[9].reports, 1);
    ck_assert_int_eq(mock->children[9].rc, 0);
}

START_TEST(a_shorter_host_is_stood_or_refused)
{
    battery_truncated(PHUB_KIND_MIGRATION, NULL, exercise);
}
END_TEST

static void fill(TCase *tc)
{
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, all_that_can_be_moved_is_moved);
    tcase_add_loop_test(tc, each_step_may_fail, 0, 2 * MOCK_STEPS * 6);
    tcase_add_loop_test(tc, chance_loses_nothing, 0, 20);
    tcase_add_loop_test(tc, cancel_leaves_decided_moves_alone, 0, 12);
    tcase_add_loop_test(tc, closing_with_moves_under_way_is_clean, 0, 12);
    tcase_add_test(tc, garbage_is_survived);
    tcase_add_test(tc, a_shorter_host_is_stood_or_refused);
}

int main(int argc, char **argv)
{
    static const char *const shipped[] = {
        "autonomous", "coldswap", "hotswap", NULL
    };

    return battery_main(argc, argv, "migration", shipped, fill);
}
