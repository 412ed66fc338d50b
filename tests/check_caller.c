/* SPDX-License-Identifier: MIT */
/* Tests of the callers: a strategy that answers what cannot be true is told
 * from one that can, with plugin, child and node named, and nothing that it
 * said is used.  The liars here are linked in (PHUB_PLUGIN_STATIC). */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define PHUB_PLUGIN_STATIC
#include "mock_host.h"

static uint64_t says_nodes[40];
static uint32_t says_count, says_value;
static int says_rc;
static uint32_t calls;

static struct mock_world world;
static struct mock *mock;
static struct phub_view *view;
static char error[PHUB__LOADER_ERROR_MAX];

/* --- liars --------------------------------------------------------------- */

static int liar_open(void *self, struct phub_ctx *ctx,
                     const struct phub_host *host)
{
    *(const struct phub_host **)self = host;
    (void)ctx;
    return 0;
}

static void liar_close(void *self)
{
    (void)self;
}

static int liar_return(void *self)
{
    const struct phub_host *host = *(const struct phub_host **)self;

    calls++;
    if (says_rc == PHUB_EIO)
        return (host->fail)((struct phub_ctx *)(void *)mock, PHUB_EIO,
                          "the dice are gone");
    return says_rc;
}

static int liar_assign(void *self, const struct phub_view *seen,
                       const struct phub_assign_item *items, uint32_t count,
                       uint32_t stride, uint32_t factor, uint64_t *nodes,
                       uint32_t *counts)
{
    uint32_t i;

    (void)seen;
    (void)items;
    ck_assert_uint_eq(stride, sizeof *items);
    for (i = 0; i < count; i++) {
        counts[i] = says_count;
        memcpy(nodes + (size_t)i * factor, says_nodes,
               (says_count < factor ? says_count : factor) * sizeof *nodes);
    }
    return liar_return(self);
}

static int liar_factor(void *self, const struct phub_view *seen,
                       uint32_t *factor)
{
    (void)seen;
    *factor = says_value;
    return liar_return(self);
}

static int liar_plan(void *self, const struct phub_view *seen,
                     const struct phub_bytes *child, const uint64_t *nodes,
                     uint32_t count, uint32_t *roles)
{
    uint32_t i;

    (void)seen;
    (void)child;
    (void)nodes;
    for (i = 0; i < count && i < says_count; i++)
        roles[i] = says_value;
    return liar_return(self);
}

static int liar_judge(void *self, const struct phub_judge *judge,
                      uint32_t *verdict)
{
    (void)judge;
    *verdict = says_value;
    return liar_return(self);
}

static int liar_electorate(void *self, const struct phub_view *seen,
                           uint32_t *count)
{
    (void)seen;
    *count = says_value;
    return liar_return(self);
}

static const struct phub_distribution_ops distribution_ops = {
    .size = sizeof distribution_ops, .instance_size = sizeof(void *),
    .open = liar_open, .close = liar_close, .assign = liar_assign };
static const struct phub_redundancy_ops redundancy_ops = {
    .size = sizeof redundancy_ops, .instance_size = sizeof(void *),
    .open = liar_open, .close = liar_close, .factor = liar_factor,
    .plan = liar_plan };
static const struct phub_partition_ops partition_ops = {
    .size = sizeof partition_ops, .instance_size = sizeof(void *),
    .open = liar_open, .close = liar_close, .judge = liar_judge,
    .electorate = liar_electorate };

#define LIAR .version = "1", .license = "MIT", .summary = "lies"
PHUB_PLUGIN_DEFINE(dice, PHUB_KIND_DISTRIBUTION, LIAR,
                   .ops.distribution = &distribution_ops);
PHUB_PLUGIN_DEFINE(many, PHUB_KIND_REDUNDANCY, LIAR,
                   .ops.redundancy = &redundancy_ops);
PHUB_PLUGIN_DEFINE(mood, PHUB_KIND_PARTITION, LIAR,
                   .ops.partition = &partition_ops);

static void start(uint32_t kind, const char *name)
{
    static const uint64_t ids[] = { 1, 2, 3 };

    mock_world_init(&world, 1);
    ck_assert_int_eq(phub__loader_add(world.loader, &phub_plugin_abi1_dice),
                     0);
    ck_assert_int_eq(phub__loader_add(world.loader, &phub_plugin_abi1_many),
                     0);
    ck_assert_int_eq(phub__loader_add(world.loader, &phub_plugin_abi1_mood),
                     0);
    mock = mock_new(&world);
    ck_assert_int_eq(mock_open(mock, kind, name, NULL), 0);
    view = mock_view_new(&world, ids, 3);
    memset(says_nodes, 0, sizeof says_nodes);
    says_count = says_value = calls = 0;
    says_rc = 0;
}

static void finish(void)
{
    mock_view_free(view);
    mock_world_fini(&world);
}

/* --- distribution -------------------------------------------------------- */

static int assign(uint32_t factor)
{
    struct phub_assign_item item = { .size = sizeof item };
    uint64_t nodes[40];
    uint32_t count;

    item.id = (struct phub_bytes){ (const uint8_t *)"web", 3 };
    error[0] = '\0';
    return phub__call_assign(mock->strategy, view, &item, 1, factor, nodes,
                             &count, error, sizeof error);
}

START_TEST(a_true_answer_passes_and_none_is_one)
{
    start(PHUB_KIND_DISTRIBUTION, "dice");
    ck_assert_int_eq(assign(2), 0);
    says_count = 2;
    says_nodes[0] = 3;
    says_nodes[1] = 1;
    ck_assert_int_eq(assign(2), 0);
    ck_assert_uint_eq(mock->strategy->faults, 0);
    ck_assert_int_eq(phub__call_assign(mock->strategy, view, NULL, 0, 1, NULL,
                                       NULL, NULL, 0), 0);
    ck_assert_uint_eq(calls, 2);
    finish();
}
END_TEST

START_TEST(too_many_unknown_and_doubled_nodes_are_named)
{
    uint32_t i;

    start(PHUB_KIND_DISTRIBUTION, "dice");
    says_count = 3;
    ck_assert_int_eq(assign(2), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'dice' gave child 'web' 3 nodes, 2 asked "
                            "for");
    says_count = 2;
    says_nodes[0] = 1;
    says_nodes[1] = 0xbad;
    ck_assert_int_eq(assign(2), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'dice' gave child 'web' to node "
                            "0000000000000bad, which is not in the view");
    says_nodes[1] = 1;
    ck_assert_int_eq(assign(2), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'dice' gave child 'web' to node "
                            "0000000000000001 twice");
    for (i = 0; i < 40; i++)
        says_nodes[i] = 1 + i % 3;
    says_count = 40;
    ck_assert_int_eq(assign(40), PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(error, " twice"));
    ck_assert_uint_eq(mock->strategy->faults, 4);
    finish();
}
END_TEST

START_TEST(a_refusal_is_passed_on_in_its_own_words)
{
    start(PHUB_KIND_DISTRIBUTION, "dice");
    says_rc = PHUB_EIO;
    ck_assert_int_eq(assign(1), PHUB_EIO);
    ck_assert_str_eq(error, "plugin 'dice': assign: the dice are gone");
    says_rc = PHUB_EBUSY;
    ck_assert_int_eq(assign(1), PHUB_EBUSY);
    ck_assert_str_eq(error, "plugin 'dice': assign: busy, a limit is reached "
                            "for the moment");
    says_rc = 17;   /* no code of ours */
    ck_assert_int_eq(assign(1), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'dice': assign: returned 17, which is no "
                            "code of <phub/error.h>");
    finish();
}
END_TEST

/* --- redundancy ---------------------------------------------------------- */

START_TEST(a_factor_is_one_to_the_members)
{
    uint32_t factor = 77;

    start(PHUB_KIND_REDUNDANCY, "many");
    ck_assert_int_eq(phub__call_factor(mock->strategy, view, &factor, error,
                                       sizeof error), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'many' wants 0 copies, at least 1 is "
                            "needed");
    ck_assert_uint_eq(factor, 77);
    says_value = 1000;
    ck_assert_int_eq(phub__call_factor(mock->strategy, view, &factor, NULL,
                                       0), 0);
    ck_assert_uint_eq(factor, 3);
    finish();
}
END_TEST

START_TEST(roles_are_known_all_given_and_one_is_active)
{
    static const uint64_t nodes[] = { 1, 2 };
    struct phub_bytes child = { (const uint8_t *)"web", 3 };
    uint32_t roles[2];

    start(PHUB_KIND_REDUNDANCY, "many");
    says_count = 2;
    says_value = PHUB_ROLE_ACTIVE;
    ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, nodes, 2,
                                     roles, error, sizeof error), 0);
    says_value = PHUB_ROLE_PASSIVE;
    ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, nodes, 2,
                                     roles, error, sizeof error),
                     PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'many' made no instance of child 'web' "
                            "active");
    says_value = 5;
    ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, nodes, 2,
                                     roles, error, sizeof error),
                     PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'many' gave child 'web' on node "
                            "0000000000000001 role 5, 0 or 1 expected");
    says_value = PHUB_ROLE_ACTIVE;
    says_count = 1;   /* the second is forgotten */
    ck_assert_int_eq(phub__call_plan(mock->strategy, view, &child, nodes, 2,
                                     roles, error, sizeof error),
                     PHUB_EPLUGIN);
    finish();
}
END_TEST

/* --- partition ----------------------------------------------------------- */

START_TEST(a_verdict_is_known)
{
    struct phub_judge judge = { .size = sizeof judge };
    uint32_t verdict = 9;

    start(PHUB_KIND_PARTITION, "mood");
    judge.old_view = judge.new_view = view;
    says_value = 4;
    ck_assert_int_eq(phub__call_judge(mock->strategy, &judge, &verdict, error,
                                      sizeof error), PHUB_EPLUGIN);
    ck_assert_str_eq(error, "plugin 'mood' gave verdict 4, 1..3 expected");
    ck_assert_uint_eq(verdict, 9);
    says_value = PHUB_VERDICT_FREEZE;
    ck_assert_int_eq(phub__call_judge(mock->strategy, &judge, &verdict, error,
                                      sizeof error), 0);
    ck_assert_uint_eq(verdict, PHUB_VERDICT_FREEZE);
    finish();
}
END_TEST

START_TEST(an_electorate_is_no_smaller_than_the_view)
{
    uint32_t count = 0;

    start(PHUB_KIND_PARTITION, "mood");
    says_value = 1;
    ck_assert_int_eq(phub__call_electorate(mock->strategy, view, &count, NULL,
                                           0), 0);
    ck_assert_uint_eq(count, 3);
    says_value = 5;
    ck_assert_int_eq(phub__call_electorate(mock->strategy, view, &count, NULL,
                                           0), 0);
    ck_assert_uint_eq(count, 5);
    finish();
}
END_TEST

START_TEST(what_a_kind_does_not_have_is_left_out)
{
    struct phub_bytes message = { (const uint8_t *)"x", 1 };

    start(PHUB_KIND_REDUNDANCY, "many");
    phub__call_view_changed(mock->strategy, view);
    phub__call_completed(mock->strategy, 1, 0, NULL);
    phub__call_received(mock->strategy, 2, &message);
    finish();
    start(PHUB_KIND_DISTRIBUTION, "dice");
    phub__call_view_changed(mock->strategy, view);
    phub__call_completed(mock->strategy, 1, 0, NULL);
    phub__call_received(mock->strategy, 2, &message);
    ck_assert_uint_eq(calls, 0);
    finish();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("caller");
    TCase *tc = tcase_create("caller");
    SRunner *runner;
    int failed;

    tcase_add_test(tc, a_true_answer_passes_and_none_is_one);
    tcase_add_test(tc, too_many_unknown_and_doubled_nodes_are_named);
    tcase_add_test(tc, a_refusal_is_passed_on_in_its_own_words);
    tcase_add_test(tc, a_factor_is_one_to_the_members);
    tcase_add_test(tc, roles_are_known_all_given_and_one_is_active);
    tcase_add_test(tc, a_verdict_is_known);
    tcase_add_test(tc, an_electorate_is_no_smaller_than_the_view);
    tcase_add_test(tc, what_a_kind_does_not_have_is_left_out);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
