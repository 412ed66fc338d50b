/* SPDX-License-Identifier: MIT */
/* Views: sorted, immutable, hashed alike everywhere; keepers move least. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/view.h"

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

/* Nodes 1000, 993, ... in descending order, boot 1. */
static struct phub_view *make(uint32_t count)
{
    static struct phub_view_node nodes[PHUB__MEMBERS_MAX];
    struct phub_view *view;

    for (uint32_t i = 0; i < count; i++) {
        memset(&nodes[i], 0, sizeof nodes[i]);
        nodes[i].id = UINT64_C(100000) - i * 7;
        nodes[i].boot = 1;
        nodes[i].weight = 1000;
        nodes[i].name = bytes_of("name");
        nodes[i].zone = bytes_of(i % 2 == 0 ? "" : "zone");
    }
    view = phub__view_new(nodes, count);
    ck_assert_ptr_nonnull(view);
    return view;
}

START_TEST(nodes_are_sorted_and_found)
{
    struct phub_view *view = make(PHUB__MEMBERS_MAX);

    ck_assert_uint_eq(phub__view_count(view), PHUB__MEMBERS_MAX);
    for (uint32_t i = 0; i < PHUB__MEMBERS_MAX; i++) {
        const struct phub_view_node *n = phub__view_at(view, i);

        ck_assert_uint_eq(phub__view_index(view, n->id), i);
        ck_assert_ptr_eq(phub__view_find(view, n->id), n);
        ck_assert_uint_eq(phub__view_index(view, n->id + 1), PHUB__VIEW_NONE);
        ck_assert_mem_eq(n->name.data, "name", 4);
        ck_assert(i == 0 || phub__view_at(view, i - 1)->id < n->id);
    }
    phub__view_unref(&view);
    ck_assert_ptr_null(view);
}
END_TEST

START_TEST(an_empty_view_has_nobody)
{
    struct phub_view *view = phub__view_new(NULL, 0);

    ck_assert_uint_eq(phub__view_count(view), 0);
    ck_assert_uint_eq(phub__view_index(view, 1), PHUB__VIEW_NONE);
    ck_assert_uint_eq(phub__view_keeper(view, bytes_of("c")), 0);
    phub__view_unref(&view);
    phub__view_unref(&view);
}
END_TEST

START_TEST(references_keep_it)
{
    struct phub_view *view = make(3), *other = phub__view_ref(view);

    phub__view_unref(&view);
    ck_assert_uint_eq(phub__view_count(other), 3);
    phub__view_unref(&other);
}
END_TEST

START_TEST(the_hash_is_of_nodes_and_boots_and_is_the_same_everywhere)
{
    struct phub_view_node nodes[2] = {
        { .id = 2, .boot = 5, .weight = 1 }, { .id = 1, .boot = 9 },
    };
    struct phub_view_node turned[2] = { nodes[1], nodes[0] };
    struct phub_view *a, *b, *c;

    turned[0].weight = 77;
    turned[0].name = bytes_of("x");
    a = phub__view_new(nodes, 2);
    b = phub__view_new(turned, 2);
    nodes[0].boot++;
    c = phub__view_new(nodes, 2);
    ck_assert_uint_eq(phub__view_hash(a), phub__view_hash(b));
    ck_assert_uint_ne(phub__view_hash(a), phub__view_hash(c));
    /* XXH3-64 of 01 00.. 09 00.. 02 00.. 05 00.. */
    ck_assert_uint_eq(phub__view_hash(a), UINT64_C(0xa4d130506089db64));
    phub__view_unref(&a);
    phub__view_unref(&b);
    phub__view_unref(&c);
}
END_TEST

START_TEST(keepers_are_spread_and_ranked)
{
    struct phub_view *view = make(5);
    uint32_t kept[5] = { 0 };
    char id[32];

    for (int i = 0; i < 10000; i++) {
        uint64_t ranks[5];

        snprintf(id, sizeof id, "child-%d", i);
        for (uint32_t k = 0; k < 5; k++) {
            ranks[k] = phub__view_keeper_kth(view, bytes_of(id), k);
            ck_assert_uint_ne(ranks[k], 0);
            for (uint32_t j = 0; j < k; j++)
                ck_assert_uint_ne(ranks[j], ranks[k]);
        }
        ck_assert_uint_eq(phub__view_keeper(view, bytes_of(id)), ranks[0]);
        kept[phub__view_index(view, ranks[0])]++;
    }
    ck_assert_uint_eq(phub__view_keeper_kth(view, bytes_of("c"), 5), 0);
    for (uint32_t i = 0; i < 5; i++) {
        ck_assert_uint_gt(kept[i], 1800);
        ck_assert_uint_lt(kept[i], 2200);
    }
    phub__view_unref(&view);
}
END_TEST

START_TEST(only_the_lost_nodes_children_get_another_keeper)
{
    struct phub_view *before = make(6), *after = make(5);
    uint64_t gone = UINT64_C(100000) - 5 * 7;
    char id[32];

    for (int i = 0; i < 1000; i++) {
        uint64_t was, is;

        snprintf(id, sizeof id, "child-%d", i);
        was = phub__view_keeper(before, bytes_of(id));
        is = phub__view_keeper(after, bytes_of(id));
        if (was == gone)
            was = phub__view_keeper_kth(before, bytes_of(id), 1);
        ck_assert_uint_eq(was, is);
    }
    phub__view_unref(&before);
    phub__view_unref(&after);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("view");
    TCase *t = tcase_create("view");
    SRunner *r;
    int failed;

    tcase_add_test(t, nodes_are_sorted_and_found);
    tcase_add_test(t, an_empty_view_has_nobody);
    tcase_add_test(t, references_keep_it);
    tcase_add_test(t,
        the_hash_is_of_nodes_and_boots_and_is_the_same_everywhere);
    tcase_add_test(t, keepers_are_spread_and_ranked);
    tcase_add_test(t, only_the_lost_nodes_children_get_another_keeper);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
