/* SPDX-License-Identifier: MIT */
/* check_row: registers merge alike in any order and any grouping. */
#include "config.h"

#include <stdio.h>

#include "registry_fixture.h"

struct write {
    struct phub__life life;
    struct phub__half half;
    struct phub__home home;
    struct phub__builder life_bytes, half_bytes;
    bool has_life, has_half;
    uint64_t node, boot, sequence;
};

static struct phub_epoch random_epoch(uint64_t *seed)
{
    return epoch(1 + random_below(seed, 3), 1 + random_below(seed, 2));
}

/* Small ranges everywhere, so that ties and near ties are common. */
static void write_random(struct write *w, uint64_t *seed, uint64_t sequence)
{
    memset(w, 0, sizeof *w);
    phub__builder_init(&w->life_bytes, 4096);
    phub__builder_init(&w->half_bytes, 4096);
    w->node = 1 + random_below(seed, 2);
    w->boot = 1 + random_below(seed, 2);
    w->sequence = sequence;
    w->has_life = random_below(seed, 2) == 0;
    w->has_half = random_below(seed, 3) == 0;
    if (w->has_life) {
        w->life.incarnation = random_epoch(seed);
        w->life.edit = random_epoch(seed);
        w->life.stopped = random_below(seed, 4) == 0;
        w->life.spec = text(random_below(seed, 2) ? "one" : "two");
        ck_assert_int_eq(phub__life_encode(&w->life, &w->life_bytes), 0);
    }
    if (w->has_half) {
        w->half.state = 1 + (uint32_t)random_below(seed, 7);
        w->half.epoch = random_epoch(seed);
        ck_assert_int_eq(phub__half_encode(&w->half, &w->half_bytes), 0);
    }
    if (random_below(seed, 2) == 0 || (!w->has_life && !w->has_half)) {
        w->home.incarnation = random_epoch(seed);
        w->home.epoch = random_epoch(seed);
        w->home.node = 1 + random_below(seed, 9);
    }
}

static void write_fini(struct write *w)
{
    phub__builder_fini(&w->life_bytes);
    phub__builder_fini(&w->half_bytes);
}

static void write_apply(struct phub__registry *r, const struct write *w)
{
    struct phub__contents contents;
    struct phub__author *author;
    struct phub__arena arena;

    memset(&contents, 0, sizeof contents);
    phub__arena_init(&arena, NULL, 0, 4096);
    contents.home = w->home;
    if (w->has_life) {
        contents.life_bytes = phub__builder_bytes(&w->life_bytes);
        ck_assert_int_eq(phub__life_decode(contents.life_bytes, &arena,
                                           &contents.life), 0);
    }
    if (w->has_half) {
        contents.half_bytes = phub__builder_bytes(&w->half_bytes);
        ck_assert_int_eq(phub__half_decode(contents.half_bytes, &arena,
                                           &contents.half), 0);
    }
    phub__registry_begin(r);
    ck_assert_int_eq(phub__author_get(&r->authors, w->node, w->boot,
                                      &author), 0);
    ck_assert_int_eq(phub__registry_merge(r, author, w->sequence, text("x"),
                                          &contents, false), 0);
    phub__registry_end(r);
    phub__arena_fini(&arena);
}

/* Rows, and what is live of every author. */
static void assert_same(struct phub__registry *a, struct phub__registry *b)
{
    uint64_t node, boot;

    assert_same_rows(a, b);
    for (node = 1; node <= 2; node++) {
        for (boot = 1; boot <= 2; boot++) {
            const struct phub__author *x =
                phub__author_find(&a->authors, node, boot);
            const struct phub__author *y =
                phub__author_find(&b->authors, node, boot);

            ck_assert_uint_eq(x == NULL ? 0 : x->hash, y == NULL ? 0 : y->hash);
            ck_assert_uint_eq(x == NULL ? 0 : x->live.live,
                              y == NULL ? 0 : y->live.live);
        }
    }
    ck_assert_uint_eq(a->authors.records, b->authors.records);
    ck_assert_uint_eq(a->index.rows_live, b->index.rows_live);
    ck_assert_uint_eq(a->index.halves, b->index.halves);
}

START_TEST(the_join_is_commutative_and_idempotent)
{
    static const int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
                                      { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
    uint64_t seed = 1;
    int round, o, i;

    for (round = 0; round < 5000; round++) {
        struct phub__registry *first = NULL;
        struct write w[3];

        for (i = 0; i < 3; i++)
            write_random(&w[i], &seed, 10 + (uint64_t)i);
        for (o = 0; o < 6; o++) {
            struct phub__registry *r = registry_new(9, 1, NULL, NULL);

            for (i = 0; i < 3; i++) {
                write_apply(r, &w[orders[o][i]]);
                write_apply(r, &w[orders[o][random_below(&seed,
                                                         (uint64_t)i + 1)]]);
            }
            if (first == NULL) {
                first = r;
                continue;
            }
            assert_same(first, r);
            phub__registry_free(&r);
        }
        phub__registry_free(&first);
        for (i = 0; i < 3; i++)
            write_fini(&w[i]);
    }
}
END_TEST

static void rows_give(struct phub__registry *from, struct phub__registry *to)
{
    struct phub_bytes id = text("x");
    struct phub__builder b;
    int rc;

    phub__builder_init(&b, DELTA_ROOM);
    rc = phub__registry_rows(from, &id, 1, &b);
    ck_assert(rc == 0 || rc == PHUB_EEMPTY);
    if (rc == 0)
        ck_assert_int_eq(phub__registry_apply(to, phub__builder_bytes(&b)), 0);
    phub__builder_fini(&b);
}

START_TEST(the_join_is_associative_over_the_wire)
{
    uint64_t seed = 2;
    int round, i;

    for (round = 0; round < 5000; round++) {
        struct phub__registry *left = registry_new(9, 1, NULL, NULL);
        struct phub__registry *right = registry_new(9, 1, NULL, NULL);
        struct phub__registry *pair = registry_new(8, 1, NULL, NULL);
        struct write w[3];

        for (i = 0; i < 3; i++)
            write_random(&w[i], &seed, 10 + (uint64_t)i);
        for (i = 0; i < 3; i++)      /* (a + b) + c */
            write_apply(left, &w[i]);
        write_apply(pair, &w[1]);    /* a + (b + c) */
        write_apply(pair, &w[2]);
        write_apply(right, &w[0]);
        rows_give(pair, right);
        assert_same(left, right);
        for (i = 0; i < 3; i++)
            write_fini(&w[i]);
        phub__registry_free(&left);
        phub__registry_free(&right);
        phub__registry_free(&pair);
    }
}
END_TEST

START_TEST(metadata_and_tags_are_found_in_their_bytes)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    struct phub__meta_pair pairs[2] = { { text("port"), text("80") },
                                        { text("empty"), text("") } };
    struct phub_bytes tags[2] = { text("red"), text("blue") };
    const uint64_t replicas[2] = { 5, 6 };
    struct phub__life life = {
        .incarnation = { 1, 1 }, .spec = text("spec"), .sticky = true,
        .metadata = { pairs, 2 }, .tags = { tags, 2 },
        .replicas = { (void *)(uintptr_t)replicas, 2 },
    }, read;
    struct phub__half half = {
        .state = PHUB_INSTANCE_RUNNING, .pid = -7, .guard = 3,
        .restarts = 9, .metadata = { pairs, 1 }, .text = text("why"),
    }, half_read;
    struct phub__row_view view;
    struct phub__half_view half_view;
    struct phub__arena arena;
    struct phub_bytes value;

    phub__arena_init(&arena, NULL, 0, 65536);
    ck_assert_int_eq(phub__registry_spec_put(r, text("x"), &life, 1,
                                             epoch(1, 1)), 0);
    ck_assert_int_eq(phub__registry_instance_put(r, text("x"), &half), 0);
    ck_assert_int_eq(phub__registry_get(r, text("x"), &view), 0);
    ck_assert(view.sticky && !view.durable);
    ck_assert_uint_eq(view.tags_count, 2);
    ck_assert_int_eq(phub__row_meta(&view, text("port"), &value), 0);
    ck_assert_mem_eq(value.data, "80", 2);
    ck_assert_int_eq(phub__row_meta(&view, text("empty"), &value), 0);
    ck_assert_uint_eq(value.size, 0);
    ck_assert_int_eq(phub__row_meta(&view, text("none"), &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(phub__row_life_read(&view, &arena, &read), 0);
    ck_assert_uint_eq(view.replicas_count, 2);
    ck_assert_uint_eq(view.replicas[1], 6);
    ck_assert(phub__row_half_of(&view, 1, &half_view));
    ck_assert(!phub__row_half_of(&view, 2, &half_view));
    ck_assert(phub__row_half_of(&view, 1, &half_view));
    ck_assert_int_eq(half_view.pid, -7);
    ck_assert_uint_eq(half_view.boot, 1);
    ck_assert_mem_eq(half_view.text.data, "why", 3);
    ck_assert_int_eq(phub__row_half_meta(&half_view, text("port"), &value), 0);
    ck_assert_int_eq(phub__row_half_read(&half_view, &arena, &half_read), 0);
    ck_assert_uint_eq(half_read.restarts, 9);
    ck_assert_uint_eq(half_read.node, 1);
    phub__arena_fini(&arena);
    phub__registry_free(&r);
}
END_TEST

START_TEST(replicas_go_with_the_home_and_are_other_nodes_than_it)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    uint64_t nodes[PHUB__REPLICAS_MAX + 1];
    struct phub__list list = { nodes, 2 };
    struct phub__life life = { .incarnation = { 1, 1 } };
    struct phub__row_view view;
    uint32_t i;

    for (i = 0; i <= PHUB__REPLICAS_MAX; i++)
        nodes[i] = 10 + i;
    ck_assert_int_eq(phub__registry_spec_put(r, text("x"), &life, 1,
                                             epoch(1, 1)), 0);
    ck_assert_int_eq(phub__registry_home_set(r, text("x"), epoch(1, 1), 11,
                                             &list, epoch(2, 1)),
                     PHUB_EINVAL);
    nodes[1] = 10;
    ck_assert_int_eq(phub__registry_home_set(r, text("x"), epoch(1, 1), 1,
                                             &list, epoch(2, 1)),
                     PHUB_EINVAL);
    nodes[1] = 11;
    list.count = PHUB__REPLICAS_MAX + 1;
    ck_assert_int_eq(phub__registry_home_set(r, text("x"), epoch(1, 1), 1,
                                             &list, epoch(2, 1)),
                     PHUB_ELIMIT);
    list.count = PHUB__REPLICAS_MAX;
    ck_assert_int_eq(phub__registry_home_set(r, text("x"), epoch(1, 1), 1,
                                             &list, epoch(2, 1)), 0);
    ck_assert_int_eq(phub__registry_get(r, text("x"), &view), 0);
    ck_assert_uint_eq(view.replicas_count, PHUB__REPLICAS_MAX);
    ck_assert_uint_eq(view.home, 1);
    ck_assert_int_eq(phub__registry_home_set(r, text("x"), epoch(1, 1), 2,
                                             NULL, epoch(3, 1)), 0);
    ck_assert_int_eq(phub__registry_get(r, text("x"), &view), 0);
    ck_assert_uint_eq(view.replicas_count, 0);
    phub__registry_free(&r);
}
END_TEST

/* --- queries ------------------------------------------------------------------- */

static uint32_t query_count(struct phub__registry *r,
                            const struct phub__query *query, uint32_t budget)
{
    struct phub__row_view views[7];
    uint64_t cursor = 0;
    uint32_t total = 0;

    do {
        total += phub__registry_query(r, query, &cursor, budget, views, 7);
    } while (cursor != 0);
    return total;
}

START_TEST(queries_give_what_fits_whatever_the_budget)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    struct phub__meta_pair pair = { text("k"), text("v") };
    struct phub_bytes tag = text("third");
    struct phub__query query = { .node = 2 };
    uint32_t i, budget;
    char id[32];

    for (i = 0; i < 100; i++) {
        struct phub__life life = {
            .incarnation = { i + 1, 1 }, .durable = i % 10 == 0,
        };

        if (i % 3 == 0)
            life.tags = (struct phub__list){ &tag, 1 };
        if (i % 5 == 0)
            life.metadata = (struct phub__list){ &pair, 1 };
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(phub__registry_spec_put(r, text(id), &life,
                                                 1 + i % 2, epoch(i + 1, 1)),
                         0);
        if (i % 4 == 0)
            ck_assert_int_eq(publish(r, id, PHUB_INSTANCE_RUNNING,
                                     epoch(1, 1)), 0);
    }
    ck_assert_int_eq(phub__registry_cell_put(r, text("cell"), text("v"),
                                             epoch(1, 1)), 0);
    ck_assert_int_eq(phub__registry_stop(r, text("c0"), epoch(1, 1),
                                         epoch(200, 1)), 0);
    for (budget = 1; budget < 120; budget += 17) {
        query.by = PHUB__BY_ALL;
        ck_assert_uint_eq(query_count(r, &query, budget), 100);
        query.by = PHUB__BY_LIVE;
        ck_assert_uint_eq(query_count(r, &query, budget), 99);
        query.by = PHUB__BY_HOME;
        ck_assert_uint_eq(query_count(r, &query, budget), 50);
        query.by = PHUB__BY_TAG;
        query.key = text("third");
        ck_assert_uint_eq(query_count(r, &query, budget), 33);
        query.key = text("none");
        ck_assert_uint_eq(query_count(r, &query, budget), 0);
        query.by = PHUB__BY_META;
        query.key = text("k");
        query.value = PHUB_BYTES_NONE;
        ck_assert_uint_eq(query_count(r, &query, budget), 19);
        query.value = text("w");
        ck_assert_uint_eq(query_count(r, &query, budget), 0);
        query.by = PHUB__BY_STATE;
        query.state = PHUB_INSTANCE_RUNNING;
        ck_assert_uint_eq(query_count(r, &query, budget), 24);
        query.by = PHUB__BY_DURABLE;
        ck_assert_uint_eq(query_count(r, &query, budget), 11); /* the cell */
    }
    query.by = PHUB__BY_INSTANCE;
    query.node = 1;
    ck_assert_uint_eq(query_count(r, &query, 3), 25);
    ck_assert_uint_eq(phub__registry_instance_count(r, 1), 25);
    ck_assert_uint_eq(phub__registry_home_count(r, 2), 50);
    ck_assert_uint_eq(phub__registry_home_count(r, 77), 0);
    phub__registry_free(&r);
}
END_TEST

START_TEST(a_walk_survives_changes_between_two_pieces)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    struct phub__query query = { .by = PHUB__BY_HOME, .node = 5 };
    struct phub__row_view view;
    uint64_t cursor = 0;
    uint32_t i, seen = 0;
    char id[32];

    for (i = 0; i < 200; i++) {
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(start(r, id, epoch(i + 1, 1), 5), 0);
    }
    i = 0;
    do {
        struct phub_epoch incarnation;

        if (phub__registry_query(r, &query, &cursor, 1, &view, 1) == 0)
            continue;
        seen++;
        (void)snprintf(id, sizeof id, "%.*s", (int)view.id.size,
                       (const char *)view.id.data);
        incarnation = view.incarnation;
        if (i++ % 2 == 0)  /* each other one moves away, or ends */
            ck_assert_int_eq(phub__registry_home_set(
                r, text(id), incarnation, 6, NULL, next_epoch(r)), 0);
        else
            ck_assert_int_eq(phub__registry_stop(r, text(id), incarnation,
                                                 next_epoch(r)), 0);
    } while (cursor != 0);
    ck_assert_uint_eq(seen, 200);
    ck_assert_uint_eq(phub__registry_home_count(r, 5), 0);
    ck_assert_uint_eq(phub__registry_home_count(r, 6), 100);
    phub__registry_free(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("row");
    TCase *tc = tcase_create("row");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, the_join_is_commutative_and_idempotent);
    tcase_add_test(tc, the_join_is_associative_over_the_wire);
    tcase_add_test(tc, metadata_and_tags_are_found_in_their_bytes);
    tcase_add_test(tc, replicas_go_with_the_home_and_are_other_nodes_than_it);
    tcase_add_test(tc, queries_give_what_fits_whatever_the_budget);
    tcase_add_test(tc, a_walk_survives_changes_between_two_pieces);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
