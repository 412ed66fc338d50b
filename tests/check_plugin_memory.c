/* SPDX-License-Identifier: MIT */
/* Tests of the shipped strategies when memory runs out: each allocation fails
 * once, in turn.  They are linked in, with allocation functions of our own. */
#undef malloc
#undef calloc
#undef realloc

#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

#define ALLOCATIONS_MAX 400u
#define CHILDREN 200u

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *old, size_t size);

extern const struct phub_plugin phub_plugin_abi1_consistent_hash;
extern const struct phub_plugin phub_plugin_abi1_load_balancer;
extern const struct phub_plugin phub_plugin_abi1_pubsub;
extern const struct phub_plugin phub_plugin_abi1_gossip;
extern const struct phub_plugin phub_plugin_abi1_coldswap;
extern const struct phub_plugin phub_plugin_abi1_hotswap;

static uint32_t allocations;   /* so far */
static uint32_t fails_at;      /* this one, counted from 1; 0 = none */

static int out_of_memory(void)
{
    return ++allocations == fails_at;
}

void *failing_malloc(size_t size)
{
    return out_of_memory() ? NULL : malloc(size);
}

void *failing_calloc(size_t count, size_t size)
{
    return out_of_memory() ? NULL : calloc(count, size);
}

void *failing_realloc(void *old, size_t size)
{
    return out_of_memory() ? NULL : realloc(old, size);
}

static struct mock_world world;

static struct mock *node_new(uint32_t nth)
{
    mock_world_init(&world, nth);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_consistent_hash), 0);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_load_balancer), 0);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_pubsub), 0);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_gossip), 0);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_coldswap), 0);
    ck_assert_int_eq(phub__loader_add(world.loader,
                                      &phub_plugin_abi1_hotswap), 0);
    allocations = 0;
    fails_at = nth;
    return mock_new(&world);
}

/* Was the nth allocation reached?  Then there may be a next. */
static int reached(uint32_t nth)
{
    return allocations >= nth;
}

START_TEST(consistent_hash_says_so_and_goes_on)
{
    static const uint64_t ids[] = { 1, 2, 3 };
    struct phub_assign_item item = { .size = sizeof item };
    uint64_t nodes[2];
    uint32_t nth = 0, count, refused = 0;

    item.id = (struct phub_bytes){ (const uint8_t *)"web", 3 };
    do {
        struct mock *mock = node_new(++nth);
        struct phub_view *view = mock_view_new(&world, ids, 3);

        ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION,
                                   "consistent_hash", NULL), 0);
        if (phub__call_assign(mock->strategy, view, &item, 1, 2, nodes,
                              &count, NULL, 0) != 0) {
            refused++;
            ck_assert_str_eq(mock->failed, "no memory for the ring");
        }
        ck_assert_int_eq(phub__call_assign(mock->strategy, view, &item, 1, 2,
                                           nodes, &count, NULL, 0), 0);
        ck_assert_uint_eq(count, 2);
        mock_view_free(view);
        mock_world_fini(&world);
    } while (reached(nth) && nth < ALLOCATIONS_MAX);
    ck_assert_uint_ge(refused, 5);
}
END_TEST

/* Homes alone decide if there is no memory for a board. */
START_TEST(load_balancer_says_so_and_goes_on)
{
    struct phub_assign_item item = { .size = sizeof item };
    uint64_t to, homes[3] = { 3, 3, 1 };
    uint32_t nth = 0, count, i, refused = 0;
    static const char *const params[] = { "rebalance_per_minute=60", NULL };

    item.id = (struct phub_bytes){ (const uint8_t *)"web", 3 };
    do {
        struct mock *mock = node_new(++nth);

        world.homes = homes;
        world.homes_count = 3;
        for (i = 0; i < 3; i++) {
            mock = i == 0 ? mock : mock_new(&world);
            ck_assert_int_eq(mock_open(mock, PHUB_KIND_DISTRIBUTION,
                                       "load_balancer", params), 0);
            mock->load = (struct phub_load){ .size = sizeof mock->load,
                                             .serial = 1, .cpus = 1 };
        }
        mock_view_all(&world, 3);
        (void)mock_run(&world, 30000);
        for (i = 0; i < 2; i++) {
            int rc = phub__call_assign(mock->strategy, mock->view, &item, 1,
                                       1, &to, &count, NULL, 0);

            refused += rc != 0;
            ck_assert(rc == 0 || i == 0);
            ck_assert_uint_eq(rc == 0 ? count : 1, 1);
        }
        (void)mock_run(&world, 60000);
        for (i = 0; i < 3; i++)
            world.nodes[i]->load.serial++;
        mock_view_all(&world, 3);
        mock_world_fini(&world);
    } while (reached(nth) && nth < ALLOCATIONS_MAX);
    ck_assert_uint_ge(refused, 2);
}
END_TEST

START_TEST(registries_converge_all_the_same)
{
    static const char *const names[] = { "gossip", "pubsub" };
    uint32_t nth = 0, i, author;

    do {
        struct mock *mock = node_new(++nth);

        for (i = 0; i < 4; i++) {
            if (i > 0)
                mock = mock_new(&world);
            ck_assert_int_eq(mock_open(mock, PHUB_KIND_SYNC, names[_i],
                                       NULL), 0);
        }
        mock_view_all(&world, 3);
        mock_write(world.nodes[0], 10);
        (void)mock_run(&world, 100);
        mock_view_all(&world, 4);
        mock_write(world.nodes[1], 10);
        (void)mock_run(&world, 100);
        (void)mock_run(&world, 60000);
        for (i = 0; i < 4; i++)
            for (author = 1; author <= 4; author++)
                ck_assert_uint_eq(world.nodes[i]->applied[author],
                                  world.nodes[author - 1]->head);
        mock_world_fini(&world);
    } while (reached(nth) && nth < ALLOCATIONS_MAX);
    ck_assert_uint_gt(nth, 20);
}
END_TEST

START_TEST(swaps_take_none_or_lose_none)
{
    static const uint64_t ids[] = { 1, 2, 3 }, targets[] = { 2, 3 };
    const char *name = _i == 0 ? "coldswap" : "hotswap";
    uint32_t nth = 0, i, none = 0;

    do {
        struct mock *mock = node_new(++nth);
        int opened;

        mock_view(mock, ids, 3);
        mock_children(mock, CHILDREN, 3);
        mock->script[MOCK_PREPARE] =
            (struct mock_script){ MOCK_FAIL, PHUB_EREFUSED, 20, 2, 0 };
        opened = mock_open(mock, PHUB_KIND_MIGRATION, name, NULL);
        if (opened != 0) {
            ck_assert_str_eq(mock->failed, "out of memory");
            ck_assert_int_eq(mock_open(mock, PHUB_KIND_MIGRATION, name, NULL),
                             0);
        }
        if (mock_begin(mock, 0, CHILDREN, targets, 2, 0, 0) != 0) {
            none++;
            for (i = 0; i < CHILDREN; i++)
                ck_assert_uint_eq(mock->children[i].reports, 0);
            ck_assert_int_eq(mock_begin(mock, 0, CHILDREN, targets, 2, 0, 0),
                             0);
        }
        (void)mock_run(&world, 60000);
        for (i = 0; i < CHILDREN; i++) {
            ck_assert_uint_eq(mock->children[i].reports, 1);
            ck_assert((mock->children[i].rc == 0) ==
                      (mock->children[i].runs_on != 1));
        }
        ck_assert_uint_eq(mock->moves_open, 0);
        mock_world_fini(&world);
    } while (reached(nth) && nth < ALLOCATIONS_MAX);
    ck_assert_uint_gt(none, 100);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plugin memory");
    TCase *tc = tcase_create("memory");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, consistent_hash_says_so_and_goes_on);
    tcase_add_test(tc, load_balancer_says_so_and_goes_on);
    tcase_add_loop_test(tc, registries_converge_all_the_same, 0, 2);
    tcase_add_loop_test(tc, swaps_take_none_or_lose_none, 0, 2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
