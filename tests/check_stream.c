/* SPDX-License-Identifier: MIT */
/* check_stream: ranges, series, the sums over what is live, and where walks
 * end. */
#include "config.h"

#include "registry/delta.h"
#include "registry_fixture.h"

#define BITS 200u

static void ranges_check(const struct phub__ranges *set, const bool *bits)
{
    uint64_t i, prefix = 0, max = 0;
    uint32_t r;

    for (i = 1; i < BITS; i++) {
        ck_assert_int_eq(phub__ranges_has(set, i), bits[i]);
        if (bits[i])
            max = i;
        if (bits[i] && prefix == i - 1)
            prefix = i;
    }
    ck_assert_uint_eq(phub__ranges_max(set), max);
    ck_assert_uint_eq(phub__ranges_prefix(set), prefix);
    for (r = 1; r < set->count; r++)  /* they do not touch */
        ck_assert_uint_gt(phub__ranges_at(set)[r].lo,
                          phub__ranges_at(set)[r - 1].hi + 1);
}

START_TEST(ranges_hold_what_was_added)
{
    uint64_t seed = 1;
    int round, step;

    for (round = 0; round < 300; round++) {
        struct phub__ranges a = { .count = 0 }, b = { .count = 0 };
        bool in_a[BITS] = { false }, in_b[BITS] = { false };
        struct phub__range missing;
        uint64_t after = 0, i;
        bool covers = true;

        for (step = 0; step < 12; step++) {
            struct phub__ranges *set = step % 2 ? &a : &b;
            bool *bits = step % 2 ? in_a : in_b;
            uint64_t lo = 1 + random_below(&seed, BITS - 12);
            uint64_t hi = lo + random_below(&seed, 11);

            ck_assert_int_eq(phub__ranges_add(set, lo, hi, UINT32_MAX), 0);
            for (i = lo; i <= hi; i++)
                bits[i] = true;
            ranges_check(set, bits);
        }
        for (i = 1; i < BITS; i++)
            covers = covers && (!in_b[i] || in_a[i]);
        ck_assert_int_eq(phub__ranges_covers(&a, &b), covers);
        while (phub__ranges_missing(&b, &a, after, &missing)) {
            for (i = after + 1; i < missing.lo; i++)
                ck_assert(!in_b[i] || in_a[i]);
            for (i = missing.lo; i <= missing.hi; i++)
                ck_assert(in_b[i] && !in_a[i]);
            after = missing.hi;
        }
        for (i = after + 1; i < BITS; i++)
            ck_assert(!in_b[i] || in_a[i]);
        ck_assert_int_eq(phub__ranges_unite(&a, &b), 0);
        ck_assert(phub__ranges_covers(&a, &b));
        phub__ranges_fini(&a);
        phub__ranges_fini(&b);
    }
}
END_TEST

START_TEST(ranges_have_a_limit)
{
    struct phub__ranges set = { .count = 0 };
    uint64_t i;

    for (i = 1; i <= PHUB__DOTS_MAX; i++)
        ck_assert_int_eq(phub__ranges_add(&set, 2 * i, 2 * i,
                                          PHUB__DOTS_MAX), 0);
    ck_assert_int_eq(phub__ranges_add(&set, 2 * i, 2 * i, PHUB__DOTS_MAX),
                     PHUB_ELIMIT);
    ck_assert_int_eq(phub__ranges_add(&set, 1, 3, PHUB__DOTS_MAX), 0);
    ck_assert_int_eq(phub__ranges_add(&set, 2 * i, 2 * i, PHUB__DOTS_MAX), 0);
    phub__ranges_fini(&set);
}
END_TEST

START_TEST(a_series_finds_what_is_in_it)
{
    struct phub__series series = { .slots = NULL };
    bool there[500] = { false };
    uint64_t seed = 2, i;
    int step, live = 0;
    int value;

    for (step = 0; step < 20000; step++) {
        /* Mostly full, then mostly empty. */
        bool add = random_below(&seed, 3) < (step / 2000 % 2 ? 1u : 2u);

        i = 1 + random_below(&seed, 499);
        if (add && !there[i]) {
            ck_assert_int_eq(phub__series_reserve(&series), 0);
            phub__series_add(&series, i, &value);
            there[i] = true;
            live++;
        } else if (!add && there[i]) {
            phub__series_remove(&series, i);
            there[i] = false;
            live--;
        }
        i = 1 + random_below(&seed, 499);
        ck_assert_ptr_eq(phub__series_find(&series, i),
                         there[i] ? &value : NULL);
        ck_assert_int_eq((int)series.live, live);
    }
    phub__series_fini(&series);
}
END_TEST

static void entry_put(struct phub__authors *authors,
                      struct phub__author *author, uint64_t sequence,
                      uint8_t carries, uint8_t records)
{
    static struct phub__row row;
    struct phub__entry entry = { .author = author, .sequence = sequence,
                                 .row = &row, .carries = carries,
                                 .records = records };

    ck_assert_int_eq(phub__entry_prepare(author, records != 0), 0);
    phub__entry_commit(authors, &entry);
}

static struct phub__dot dot_of(const struct phub__author *author,
                               uint64_t sequence)
{
    return (struct phub__dot){ author->node, author->boot, sequence };
}

START_TEST(sums_are_the_same_whatever_way_the_live_entries_came_about)
{
    struct phub__authors a = { .at = NULL }, b = { .at = NULL };
    struct phub__author *x, *y;
    uint64_t i;

    ck_assert_int_eq(phub__author_get(&a, 1, 1, &x), 0);
    ck_assert_int_eq(phub__author_get(&b, 1, 1, &y), 0);
    for (i = 1; i <= 100; i++)
        entry_put(&a, x, i, PHUB__CARRIES_LIFE | PHUB__CARRIES_HOME, 0);
    for (i = 1; i <= 100; i++) {
        if (i % 3 == 0)
            phub__entry_strip(&a, dot_of(x, i), PHUB__CARRIES_HOME);
        if (i % 2 == 0)
            phub__entry_strip(&a, dot_of(x, i), PHUB__CARRIES_LIFE);
    }
    for (i = 100; i > 0; i--) {
        uint8_t carries = (uint8_t)((i % 3 == 0 ? 0 : PHUB__CARRIES_HOME) |
                                    (i % 2 == 0 ? 0 : PHUB__CARRIES_LIFE));

        if (carries != 0)
            entry_put(&b, y, i, carries, 0);
    }
    ck_assert_uint_eq(x->hash, y->hash);
    ck_assert_uint_eq(x->count, y->count);
    ck_assert_uint_eq(a.entries, b.entries);
    /* A record is in no sum. */
    entry_put(&b, y, 500, PHUB__CARRIES_HALF, PHUB__CARRIES_HALF);
    ck_assert_uint_eq(x->hash, y->hash);
    ck_assert_uint_eq(b.records, 1);
    phub__entry_strip(&b, dot_of(y, 500), PHUB__CARRIES_HALF);
    ck_assert_uint_eq(b.records, 0);
    phub__authors_fini(&a);
    phub__authors_fini(&b);
}
END_TEST

static void see(struct phub__authors *authors, struct phub__author *author,
                uint64_t lo, uint64_t hi)
{
    ck_assert_int_eq(phub__ranges_add(&author->seen, lo, hi, 64), 0);
    phub__author_changed(authors, author);
}

/* The same authors, made at once; what a digest is that was never asked. */
static uint64_t digest_anew(const struct phub__authors *authors)
{
    struct phub__authors copy = { .at = NULL };
    uint64_t digest;

    for (uint32_t i = authors->count; i > 0; i--) {
        struct phub__author *of = authors->at[i - 1], *made;
        struct phub__entry entry;

        ck_assert_int_eq(phub__author_get(&copy, of->node, of->boot, &made),
                         0);
        for (uint32_t k = 0; k < of->live.count; k++)
            if (phub__entry_at(of, k, &entry))
                entry_put(&copy, made, entry.sequence, entry.carries,
                          entry.records);
        for (uint32_t k = 0; k < of->seen.count; k++)
            see(&copy, made, phub__ranges_at(&of->seen)[k].lo,
                phub__ranges_at(&of->seen)[k].hi);
    }
    digest = phub__authors_digest(&copy);
    phub__authors_fini(&copy);
    return digest;
}

/* Sixteen nodes with up to four boots each write, are seen, fall idle and are
 * dropped, and now and then somebody asks. */
START_TEST(a_digest_is_as_if_it_had_never_been_asked_for)
{
    struct phub__authors authors = { .at = NULL };
    uint64_t seed = 6, next = 1, last = 0, changes = 0;

    for (uint32_t i = 0; i < 6000; i++) {
        uint64_t node = 1 + random_below(&seed, 16);
        struct phub__author *author;
        struct phub__entry entry;

        ck_assert_int_eq(phub__author_get(&authors, node,
                                          1 + random_below(&seed, 4),
                                          &author), 0);
        switch (random_below(&seed, 5)) {
        case 0:
            entry_put(&authors, author, next++, PHUB__CARRIES_LIFE, 0);
            break;
        case 1:
            entry_put(&authors, author, next++, PHUB__CARRIES_HALF,
                      PHUB__CARRIES_HALF);
            break;
        case 2:
            see(&authors, author, 1, next++);
            break;
        case 3:
            for (uint32_t k = author->live.count; k > 0; k--)
                if (phub__entry_at(author, k - 1, &entry))
                    phub__entry_strip(&authors, phub__entry_dot(&entry),
                                      entry.carries);
            break;
        default:
            if (author->live.live == 0)
                phub__author_drop(&authors, author);
            break;
        }
        if (random_below(&seed, 7) != 0)
            continue;
        ck_assert_uint_eq(phub__authors_digest(&authors),
                          digest_anew(&authors));
        changes += phub__authors_digest(&authors) != last;
        last = phub__authors_digest(&authors);
    }
    ck_assert_uint_gt(changes, 500);
    phub__authors_fini(&authors);
}
END_TEST

START_TEST(an_entry_says_what_was_put_and_not_taken)
{
    struct phub__authors authors = { .at = NULL };
    struct phub__entry entry;
    struct phub__author *author;
    uint8_t said[64] = { 0 };
    uint64_t seed = 4, i, live, entries = 0;

    ck_assert_int_eq(phub__author_get(&authors, 1, 1, &author), 0);
    for (i = 0; i < 20000; i++) {
        uint64_t at = random_below(&seed, 64);
        uint8_t what = (uint8_t)(1 + random_below(&seed, 7));
        uint8_t records = (uint8_t)(what & PHUB__CARRIES_HALF);

        if ((said[at] & what) == 0) {
            entry_put(&authors, author, at + 1, what, records);
            said[at] |= what;
        } else {
            what &= said[at];
            phub__entry_strip(&authors, dot_of(author, at + 1), what);
            said[at] &= (uint8_t)~what;
        }
        ck_assert_int_eq(phub__entry_find(author, at + 1, &entry),
                         said[at] != 0);
        if (said[at] == 0)
            continue;
        ck_assert_uint_eq(entry.carries, said[at]);
        ck_assert_uint_eq(entry.records, said[at] & PHUB__CARRIES_HALF);
    }
    for (i = live = 0; i < author->live.count; i++)
        live += phub__entry_at(author, (uint32_t)i, &entry);
    for (i = 0; i < 64; i++)
        entries += said[i] != 0;
    ck_assert_uint_eq(live, entries);
    ck_assert_uint_eq(authors.entries, entries);
    phub__authors_fini(&authors);
}
END_TEST

START_TEST(records_are_walked_once_each_through_all_authors)
{
    struct phub__authors authors = { .at = NULL };
    struct phub__dot cursor = { 0, 0, 0 };
    struct phub__entry entry;
    uint64_t node, i;
    uint32_t count = 0;

    ck_assert(!phub__record_next(&authors, &cursor, &entry));
    for (node = 1; node <= 20; node++) {
        struct phub__author *author;

        ck_assert_int_eq(phub__author_get(&authors, node, 1, &author), 0);
        for (i = 1; i <= node % 4 * 3; i++)
            entry_put(&authors, author, i, PHUB__CARRIES_HALF,
                      i % 3 == 0 ? PHUB__CARRIES_HALF : 0);
    }
    /* Taking down what the cursor stands on loses nothing. */
    while (phub__record_next(&authors, &cursor, &entry)) {
        ck_assert_uint_eq(entry.sequence % 3, 0);
        ck_assert_uint_eq(entry.records, PHUB__CARRIES_HALF);
        phub__entry_strip(&authors, phub__entry_dot(&entry),
                          PHUB__CARRIES_HALF);
        count++;
    }
    ck_assert_uint_eq(count, 5 * (1 + 2 + 3));
    ck_assert_uint_eq(authors.records, 0);
    phub__authors_fini(&authors);
}
END_TEST

START_TEST(authors_have_a_limit_and_an_order)
{
    struct phub__authors authors = { .at = NULL };
    struct phub__author *author, *early;
    uint64_t boot;

    for (boot = PHUB__AUTHORS_MAX; boot > 0; boot--)
        ck_assert_int_eq(phub__author_get(&authors, 1, boot, &author), 0);
    ck_assert_int_eq(phub__author_get(&authors, 2, 1, &author), PHUB_ELIMIT);
    early = phub__author_find(&authors, 1, 1);
    ck_assert_ptr_eq(authors.at[0], early);
    ck_assert(phub__author_idle(&authors, early));
    ck_assert(!phub__author_idle(&authors, phub__author_find(
        &authors, 1, PHUB__AUTHORS_MAX)));
    phub__author_drop(&authors, early);
    ck_assert_ptr_null(phub__author_find(&authors, 1, 1));
    ck_assert_int_eq(phub__author_get(&authors, 2, 1, &author), 0);
    phub__authors_fini(&authors);
}
END_TEST

/* Of what node 3 wrote: an instance of x under the first number, and y under the
 * last one; or a repair, from one who knows that the first one is dead. */
static int apply_last(struct phub__registry *r, bool repair)
{
    uint64_t stable[2] = { 1, 1 };
    struct phub__life life = { .incarnation = epoch(1, 3) };
    struct phub__half half = { .state = PHUB_INSTANCE_RUNNING,
                               .epoch = epoch(1, 3),
                               .incarnation = epoch(1, 3) };
    struct phub__wire_entry entries[2] = {
        { .sequence = 1, .id = text("x") },
        { .sequence = PHUB__SEQUENCE_MAX, .id = text("y") } };
    struct phub__wire_piece piece = { .node = 3, .boot = 1,
                                      .entries = { entries, 2 } };
    struct phub__wire_delta delta = { .pieces = { &piece, 1 } };
    struct phub__builder x, y, out;
    int rc;

    phub__builder_init(&x, DELTA_ROOM);
    phub__builder_init(&y, DELTA_ROOM);
    phub__builder_init(&out, DELTA_ROOM);
    ck_assert_int_eq(phub__half_encode(&half, &x), 0);
    ck_assert_int_eq(phub__life_encode(&life, &y), 0);
    entries[0].half = phub__builder_bytes(&x);
    entries[1].life = phub__builder_bytes(&y);
    if (repair)
        piece = (struct phub__wire_piece){ .node = 3, .boot = 1,
                                           .to = PHUB__SEQUENCE_MAX,
                                           .stable = { stable, 2 },
                                           .repair = true };
    ck_assert_int_eq(phub__encode(&phub__delta_schema, &delta, &out), 0);
    rc = phub__registry_apply(r, phub__builder_bytes(&out));
    phub__builder_fini(&x);
    phub__builder_fini(&y);
    phub__builder_fini(&out);
    return rc;
}

START_TEST(a_walk_ends_behind_the_last_number)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);

    ck_assert_int_eq(apply_last(a, false), 0);
    ck_assert_uint_eq(phub__registry_instance_count(a, 3), 1);
    ck_assert_int_eq(apply_last(a, true), 0);
    ck_assert_uint_eq(phub__registry_instance_count(a, 3), 0);
    ck_assert_int_eq(apply_last(b, false), 0);
    ck_assert_int_eq(phub__registry_node_forget(b, 3), 0);
    ck_assert_uint_eq(phub__registry_instance_count(b, 3), 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *tc = tcase_create("stream");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, ranges_hold_what_was_added);
    tcase_add_test(tc, ranges_have_a_limit);
    tcase_add_test(tc, a_series_finds_what_is_in_it);
    tcase_add_test(tc,
                   sums_are_the_same_whatever_way_the_live_entries_came_about);
    tcase_add_test(tc, a_digest_is_as_if_it_had_never_been_asked_for);
    tcase_add_test(tc, an_entry_says_what_was_put_and_not_taken);
    tcase_add_test(tc, records_are_walked_once_each_through_all_authors);
    tcase_add_test(tc, authors_have_a_limit_and_an_order);
    tcase_add_test(tc, a_walk_ends_behind_the_last_number);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
