/* SPDX-License-Identifier: MIT */
/* check_registry: what should run and what does run, equal in the end. */
#include "config.h"

#include <stdio.h>

#include "registry/delta.h"
#include "registry_fixture.h"
#include "wire/memory.h"

/* --- stories ------------------------------------------------------------------- */

START_TEST(a_stop_is_honoured_by_a_node_that_was_away)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);
    int i;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    exchange(a, b);
    exchange(a, c);
    ck_assert_int_eq(phub__registry_stop(b, text("x"), epoch(1, 1),
                                         next_epoch(b)), 0);
    for (i = 0; i < 10; i++) {  /* c is away: the stop must be kept */
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert(is_live(c, "x"));
    exchange(c, a);
    ck_assert(!is_live(a, "x"));
    ck_assert(!is_live(c, "x"));
    for (i = 0; i < 10; i++) {  /* now all have seen it */
        exchange(a, b);
        exchange(b, c);
        exchange(c, a);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
        (void)phub__registry_stable(c, 100);
    }
    ck_assert_uint_eq(a->authors.records, 0);
    ck_assert_uint_eq(c->authors.records, 0);
    ck_assert_uint_eq(a->table.count, 0);
    ck_assert(equal(a, c));
    phub__registry_free(&a);
    phub__registry_free(&b);
    phub__registry_free(&c);
}
END_TEST

START_TEST(a_late_start_of_a_dropped_stop_does_not_come_back)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__builder late;
    struct phub_bytes id = text("x");
    int i;

    phub__builder_init(&late, DELTA_ROOM);
    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    ck_assert_int_eq(phub__registry_rows(a, &id, 1, &late), 0);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    for (i = 0; i < 6; i++) {
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert_uint_eq(b->table.count, 0);
    ck_assert_int_eq(phub__registry_apply(b, phub__builder_bytes(&late)), 0);
    ck_assert(!is_live(b, "x"));
    /* A node that has started again, empty, does believe it; until it has
     * met one who knows better. */
    phub__registry_free(&b);
    b = registry_new(2, 2, NULL, NULL);
    ck_assert_int_eq(phub__registry_apply(b, phub__builder_bytes(&late)), 0);
    ck_assert(is_live(b, "x"));
    for (i = 0; i < 3; i++) {
        exchange(a, b);
        (void)equal(a, b);
        (void)equal(b, a);
    }
    ck_assert(!is_live(a, "x"));
    ck_assert(!is_live(b, "x"));
    ck_assert(equal(a, b));
    phub__builder_fini(&late);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(an_entry_whose_author_died_reaches_everybody)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);
    struct phub__builder rows;
    struct phub_bytes id = text("acknowledged");

    ck_assert_int_eq(start(a, "lost", next_epoch(a), 1), 0);
    ck_assert_int_eq(start(a, "acknowledged", next_epoch(a), 1), 0);
    phub__builder_init(&rows, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_rows(a, &id, 1, &rows), 0);
    ck_assert_int_eq(phub__registry_apply(b, phub__builder_bytes(&rows)), 0);
    phub__registry_free(&a);
    ck_assert(is_live(b, "acknowledged"));
    exchange(b, c);
    ck_assert(is_live(c, "acknowledged"));
    ck_assert(equal(b, c));
    ck_assert_uint_eq(pull(c, b, 1u << 16), 0);
    a = registry_new(1, 2, NULL, NULL);
    exchange(c, a);
    ck_assert(is_live(a, "acknowledged"));
    ck_assert(equal(a, c));
    phub__builder_fini(&rows);
    phub__registry_free(&a);
    phub__registry_free(&b);
    phub__registry_free(&c);
}
END_TEST

START_TEST(what_a_dying_sender_had_overtaken_comes_back_from_others)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);
    struct phub__registry *d = registry_new(4, 1, NULL, NULL);
    struct phub__life life = {
        .incarnation = { 1, 1 }, .edit = { 2, 3 }, .spec = text("edited"),
    };
    struct phub__builder summary, delta;
    bool more;
    int i;

    phub__builder_init(&delta, DELTA_ROOM);
    ck_assert_int_eq(start(a, "x", epoch(1, 1), 0), 0);
    ck_assert_int_eq(start(a, "y", epoch(1, 1), 0), 0);
    exchange(a, c);
    ck_assert_int_eq(phub__registry_spec_edit(c, text("x"), &life), 0);
    summary = summary_of(d);
    ck_assert_int_eq(phub__registry_missing(c, phub__builder_bytes(&summary),
                                            180, &delta, &more), 0);
    phub__builder_fini(&summary);
    ck_assert(more);
    ck_assert_int_eq(phub__registry_apply(d, phub__builder_bytes(&delta)), 0);
    phub__registry_free(&c);  /* with its edit, which nobody else has */
    ck_assert(is_live(d, "y"));
    ck_assert(!is_live(d, "x"));
    for (i = 0; i < 3; i++) {  /* there is always news, too */
        ck_assert_int_eq(publish(a, "z", PHUB_INSTANCE_RUNNING,
                                 next_epoch(a)), 0);
        summary = summary_of(d);
        phub__builder_reset(&delta);
        ck_assert_int_eq(
            phub__registry_missing(a, phub__builder_bytes(&summary), 4096,
                                   &delta, &more), 0);
        ck_assert_int_eq(phub__registry_apply(d, phub__builder_bytes(&delta)),
                         0);
        phub__builder_fini(&summary);
    }
    exchange(a, d);
    ck_assert(is_live(d, "x"));
    ck_assert(equal(a, d));
    phub__builder_fini(&delta);
    phub__registry_free(&a);
    phub__registry_free(&d);
}
END_TEST

START_TEST(a_stop_wins_against_a_concurrent_edit)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__life life = {
        .incarnation = { 1, 1 }, .edit = { 99, 2 }, .spec = text("edited"),
    };

    ck_assert_int_eq(start(a, "x", epoch(1, 1), 1), 0);
    exchange(a, b);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         epoch(2, 1)), 0);
    ck_assert_int_eq(phub__registry_spec_edit(b, text("x"), &life), 0);
    exchange(a, b);
    ck_assert(!is_live(a, "x"));
    ck_assert(!is_live(b, "x"));
    ck_assert(equal(a, b));
    ck_assert_int_eq(phub__registry_spec_edit(b, text("x"), &life),
                     PHUB_ESTOPPED);
    ck_assert_int_eq(start(b, "x", epoch(100, 2), 2), 0);
    exchange(a, b);
    ck_assert(is_live(a, "x"));
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(an_edit_and_a_move_at_the_same_moment_both_survive)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__life life = {
        .incarnation = { 1, 1 }, .edit = { 2, 2 }, .spec = text("edited"),
    };
    struct phub__row_view view;

    ck_assert_int_eq(start(a, "x", epoch(1, 1), 1), 0);
    exchange(a, b);
    ck_assert_int_eq(phub__registry_home_set(a, text("x"), epoch(1, 1), 7, NULL,
                                             epoch(2, 1)), 0);
    ck_assert_int_eq(phub__registry_spec_edit(b, text("x"), &life), 0);
    exchange(a, b);
    ck_assert(equal(a, b));
    assert_same_rows(a, b);
    ck_assert_int_eq(phub__registry_get(b, text("x"), &view), 0);
    ck_assert_uint_eq(view.home, 7);
    ck_assert_uint_eq(view.edit.number, 2);
    ck_assert_uint_eq(view.spec.size, 6);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(repair_ships_what_differs_and_no_more)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    char id[32];
    int i;
    uint64_t before;

    for (i = 0; i < 5000; i++) {
        (void)snprintf(id, sizeof id, "child-%d", i);
        ck_assert_int_eq(start(a, id, next_epoch(a), 1), 0);
    }
    (void)pull(b, a, 1u << 16);
    ck_assert(equal(a, b));
    before = a->entries_sent + b->entries_sent;
    ck_assert_uint_eq(before, 5000);
    for (i = 0; i < 7; i++) {
        (void)snprintf(id, sizeof id, "child-%d", i * 300);
        ck_assert_int_eq(phub__registry_home_set(
            b, text(id), epoch((uint64_t)i * 300 + 1, 1), 2, NULL,
            next_epoch(b)), 0);
    }
    exchange(a, b);
    ck_assert(equal(a, b));
    ck_assert_uint_eq(a->entries_sent + b->entries_sent - before, 7);
    /* One that starts again empty gets each live row once. */
    before = a->entries_sent;
    phub__registry_free(&b);
    b = registry_new(2, 2, NULL, NULL);
    exchange(b, a);
    ck_assert(equal(a, b));
    ck_assert_uint_eq(a->entries_sent - before, 5007);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(a_durable_row_survives_a_restart_of_everybody)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__life life = {
        .incarnation = { 5, 1 }, .spec = text("spec"), .durable = true,
    };
    struct phub__builder disk;
    struct phub__row_view view;

    phub__builder_init(&disk, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_snapshot(a, text("x"), &disk),
                     PHUB_EEMPTY);
    ck_assert_int_eq(phub__registry_spec_put(a, text("x"), &life, 1,
                                             epoch(5, 1)), 0);
    ck_assert_int_eq(publish(a, "x", PHUB_INSTANCE_RUNNING, epoch(5, 1)), 0);
    ck_assert_int_eq(phub__registry_snapshot(a, text("x"), &disk), 0);
    phub__registry_free(&a);
    a = registry_new(1, 2, NULL, NULL);
    ck_assert_int_eq(phub__registry_apply(a, phub__builder_bytes(&disk)), 0);
    ck_assert_int_eq(phub__registry_get(a, text("x"), &view), 0);
    ck_assert(view.live && view.durable);
    ck_assert_uint_eq(view.home, 1);
    ck_assert_uint_eq(view.instances_count, 0);
    ck_assert_uint_eq(phub__registry_epoch_max(a), 5);
    phub__builder_fini(&disk);
    phub__registry_free(&a);
}
END_TEST

/* Whoever writes after having seen it writes above it. */
START_TEST(the_epoch_of_a_home_is_seen_where_no_instance_is)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);

    ck_assert_int_eq(start(a, "x", epoch(5, 1), 1), 0);
    ck_assert_int_eq(phub__registry_home_set(a, text("x"), epoch(5, 1), 3,
                                             NULL, epoch(9, 1)), 0);
    exchange(a, b);
    ck_assert_uint_eq(phub__registry_epoch_max(b), 9);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

/* What came before it is missing: who takes it has to ask. */
START_TEST(a_piece_that_begins_too_late_says_so)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    uint64_t first;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    first = phub__registry_head(a);
    ck_assert_int_eq(start(a, "y", next_epoch(a), 1), 0);
    ck_assert_int_eq(push(a, b, first), PHUB_EAGAIN);
    ck_assert(is_live(b, "y") && !is_live(b, "x"));
    ck_assert_int_eq(push(a, b, 0), 0);
    ck_assert(is_live(b, "x"));
    ck_assert_int_eq(start(a, "z", next_epoch(a), 1), 0);
    ck_assert_int_eq(push(a, b, first + 1), 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(a_forgotten_node_no_longer_holds_up_stops)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);
    int i;

    ck_assert_int_eq(start(a, "x", next_epoch(a), 1), 0);
    ck_assert_int_eq(publish(c, "x", PHUB_INSTANCE_RUNNING, epoch(1, 1)), 0);
    exchange(a, b);
    exchange(a, c);
    exchange(b, c);
    phub__registry_free(&c);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    ck_assert_int_eq(phub__registry_node_forget(a, 1), PHUB_EINVAL);
    ck_assert_int_eq(phub__registry_node_forget(a, 3), 0);
    for (i = 0; i < 6; i++) {
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert_uint_eq(a->table.count, 0);
    ck_assert_int_eq(phub__registry_node_forget(b, 3), 0);
    for (i = 0; i < 6; i++) {
        exchange(a, b);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert_uint_eq(b->table.count, 0);
    ck_assert(equal(a, b));
    ck_assert_uint_eq(a->authors.count, 2); /* c wrote nothing that lives */
    ck_assert_uint_eq(b->authors.count, 2);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(a_forgotten_node_stays_forgotten)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);

    ck_assert_int_eq(start(b, "x", next_epoch(b), 1), 0);
    ck_assert_int_eq(start(c, "y", next_epoch(c), 3), 0);
    ck_assert_int_eq(publish(c, "y", PHUB_INSTANCE_RUNNING,
                             epoch(1, 3)), 0);
    exchange(b, c);
    ck_assert_int_eq(phub__registry_node_forget(a, 3), 0);
    ck_assert_int_eq(phub__registry_node_forget(a, 3), 0);
    ck_assert_uint_eq(phub__registry_forgotten_count(a), 1);
    ck_assert_uint_eq(phub__registry_forgotten_next(a, 0), 3);
    ck_assert_uint_eq(phub__registry_forgotten_next(a, 3), 0);
    ck_assert_int_eq(phub__registry_admits(a, 3), PHUB_EFORGOTTEN);
    ck_assert_int_eq(phub__registry_node_seen(a, 3), PHUB_EFORGOTTEN);
    /* b knows it, and tells what it wrote */
    exchange(a, b);
    ck_assert(!phub__registry_is_known(a, 3));
    ck_assert(phub__registry_is_known(b, 3));
    ck_assert_uint_eq(phub__registry_instance_count(a, 3), 0);
    ck_assert_uint_eq(phub__registry_instance_count(b, 3), 1);
    ck_assert_int_eq(phub__registry_node_forget(b, 3), 0);
    exchange(a, b);
    ck_assert(equal(a, b));
    ck_assert_uint_eq(a->index.rows_live, 2);
    phub__registry_free(&a);
    phub__registry_free(&b);
    phub__registry_free(&c);
}
END_TEST

/* Nobody sends what nothing lives of, and nobody waits for it. */
START_TEST(who_joins_later_lacks_nothing_of_a_forgotten_node)
{
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__registry *c = registry_new(3, 1, NULL, NULL);
    struct phub__registry *joins = registry_new(4, 1, NULL, NULL);
    struct phub__builder summary;
    bool covers = false;

    ck_assert_int_eq(start(c, "y", epoch(1, 3), 3), 0);
    exchange(b, c);
    ck_assert_int_eq(phub__registry_stop(b, text("y"), epoch(1, 3),
                                         next_epoch(b)), 0);
    ck_assert_int_eq(phub__registry_node_forget(b, 3), 0);
    (void)pull(joins, b, 1u << 16);
    ck_assert_int_eq(phub__registry_node_forget(joins, 3), 0);
    summary = summary_of(b);
    ck_assert_int_eq(phub__registry_covers(joins,
                                           phub__builder_bytes(&summary),
                                           &covers), 0);
    ck_assert(covers);
    ck_assert(equal(joins, b));
    phub__builder_fini(&summary);
    phub__registry_free(&b);
    phub__registry_free(&c);
    phub__registry_free(&joins);
}
END_TEST

START_TEST(earlier_boots_are_pruned_when_nothing_of_them_is_live)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    uint64_t boot;
    int i;

    for (boot = 2; boot < 8; boot++) {
        ck_assert_int_eq(publish(b, "x", PHUB_INSTANCE_RUNNING,
                                 next_epoch(b)), 0);
        exchange(a, b);
        phub__registry_free(&b);
        b = registry_new(2, boot, NULL, NULL);
        exchange(a, b);
    }
    ck_assert_int_eq(publish(b, "x", PHUB_INSTANCE_GONE, next_epoch(b)), 0);
    for (i = 0; i < 8; i++) {
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
        (void)phub__registry_stable(b, 100);
    }
    ck_assert_uint_eq(a->table.count, 0);
    ck_assert_uint_le(a->authors.count, 2);
    ck_assert_uint_le(b->authors.count, 2);
    ck_assert(equal(a, b));
    ck_assert(equal(b, a));
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

/* --- events ---------------------------------------------------------------------- */

struct told {
    struct phub__registry *registry;
    char log[1024];
    uint64_t head;
    bool answer;
};

static void told_head(void *arg, uint64_t head)
{
    ((struct told *)arg)->head = head;
}

static void told_row(void *arg, struct phub_bytes id, uint32_t changed,
                     bool local)
{
    struct told *told = arg;
    size_t at = strlen(told->log);

    (void)snprintf(told->log + at, sizeof told->log - at, "%.*s:%u%s ",
                   (int)id.size, (const char *)id.data, changed,
                   local ? "l" : "");
    if (told->answer) {
        told->answer = false;
        ck_assert_int_eq(publish(told->registry, "x", PHUB_INSTANCE_STARTING,
                                 next_epoch(told->registry)), 0);
    }
}

static const struct phub__registry_events told_events = {
    .changed = told_head, .row_changed = told_row,
};

START_TEST(each_change_of_a_row_is_told_and_may_be_answered)
{
    struct told told = { .answer = true };
    struct phub__registry *a = registry_new(1, 1, &told_events, &told);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    int i;

    told.registry = a;
    ck_assert_int_eq(start(a, "x", epoch(1, 1), 1), 0);
    ck_assert_str_eq(told.log, "x:3l x:4l ");
    ck_assert_uint_eq(told.head, 2);
    told.log[0] = '\0';
    exchange(a, b);
    ck_assert_str_eq(told.log, "");
    ck_assert_int_eq(phub__registry_home_set(b, text("x"), epoch(1, 1), 2, NULL,
                                             next_epoch(b)), 0);
    exchange(a, b);
    ck_assert_str_eq(told.log, "x:2 ");
    told.log[0] = '\0';
    ck_assert_int_eq(publish(a, "x", PHUB_INSTANCE_GONE, next_epoch(a)), 0);
    ck_assert_int_eq(phub__registry_stop(a, text("x"), epoch(1, 1),
                                         next_epoch(a)), 0);
    ck_assert_str_eq(told.log, "x:4l x:3l ");
    told.log[0] = '\0';
    for (i = 0; i < 8; i++) {
        exchange(a, b);
        (void)phub__registry_stable(a, 100);
    }
    ck_assert_ptr_nonnull(strstr(told.log, "x:"));
    ck_assert_uint_eq(a->table.count, 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

/* --- limits and failures ------------------------------------------------------------- */

START_TEST(rows_above_the_limit_are_refused_and_come_later)
{
    struct phub__registry_options options = {
        .node = 2, .boot = 1, .rows_max = 2,
    };
    struct phub__registry *a = registry_new(1, 1, NULL, NULL), *b = NULL;

    ck_assert_int_eq(phub__registry_new(&options, &b), 0);
    ck_assert_int_eq(start(b, "1", next_epoch(b), 1), 0);
    ck_assert_int_eq(start(b, "2", next_epoch(b), 1), 0);
    ck_assert_int_eq(start(b, "3", next_epoch(b), 1), PHUB_ELIMIT);
    ck_assert_uint_eq(phub__registry_head(b), 2);
    ck_assert_int_eq(start(a, "3", next_epoch(a), 1), 0);
    ck_assert_int_eq(start(a, "4", next_epoch(a), 1), 0);
    ck_assert_int_eq(push(a, b, 0), PHUB_ELIMIT);
    ck_assert(!equal(a, b));
    ck_assert_int_eq(push(b, a, 0), 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(what_is_not_allowed_is_refused_and_limits_are_exact)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub_bytes tags[PHUB__TAGS_MAX + 1];
    static uint8_t big[PHUB__ROW_SPEC_MAX + 1];
    char id[PHUB_CHILD_ID_MAX + 2];
    struct phub__life life = { .incarnation = { 1, 1 } };
    uint32_t i;

    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    ck_assert_int_eq(start(a, id, epoch(1, 1), 0), PHUB_EINVAL);
    id[sizeof id - 2] = '\0';
    ck_assert_int_eq(start(a, id, epoch(1, 1), 0), 0);
    ck_assert_int_eq(start(a, id, epoch(1, 1), 0), PHUB_EEXIST);
    ck_assert_int_eq(start(a, "", epoch(1, 1), 0), PHUB_EINVAL);
    ck_assert_int_eq(start(a, "a\nb", epoch(1, 1), 0), PHUB_EINVAL);
    ck_assert_int_eq(start(a, "\xff", epoch(1, 1), 0), PHUB_EINVAL);
    ck_assert_int_eq(start(a, "zero", epoch(0, 1), 0), PHUB_EINVAL);
    for (i = 0; i < PHUB__TAGS_MAX + 1; i++)
        tags[i] = text("tag");
    life.tags = (struct phub__list){ tags, PHUB__TAGS_MAX + 1 };
    ck_assert_int_eq(phub__registry_spec_put(a, text("t"), &life, 0,
                                             epoch(1, 1)), PHUB_ELIMIT);
    life.tags.count--;
    life.spec = (struct phub_bytes){ big, sizeof big };
    ck_assert_int_eq(phub__registry_spec_put(a, text("t"), &life, 0,
                                             epoch(1, 1)), PHUB_ELIMIT);
    life.spec.size--;
    ck_assert_int_eq(phub__registry_spec_put(a, text("t"), &life, 0,
                                             epoch(1, 1)), 0);
    ck_assert_uint_eq(phub__registry_head(a), 2);
    phub__registry_free(&a);
}
END_TEST

START_TEST(known_nodes_have_a_limit)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL), *b;
    uint64_t node;

    for (node = 2; node <= PHUB__NODES_KNOWN_MAX; node++)
        ck_assert_int_eq(phub__registry_node_seen(a, node), 0);
    ck_assert_int_eq(phub__registry_node_seen(a, node), PHUB_ELIMIT);
    ck_assert_int_eq(phub__registry_node_seen(a, 2), 0);
    b = registry_new(99999, 1, NULL, NULL);
    ck_assert_int_eq(start(b, "x", epoch(1, 1), 0), 0);
    ck_assert_int_eq(push(b, a, 0), PHUB_ELIMIT);
    ck_assert_int_eq(phub__registry_node_forget(a, 2), 0);
    ck_assert_int_eq(push(b, a, 0), 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

static int scenario(void)
{
    static const struct phub__registry_options one = { .node = 1, .boot = 1 };
    static const struct phub__registry_options two = { .node = 2, .boot = 1 };
    struct phub__registry *a = NULL, *b = NULL;
    struct phub_bytes tags[2] = { text("red"), text("blue") };
    struct phub__life life = {
        .incarnation = { 1, 1 }, .tags = { tags, 2 }, .spec = text("s"),
    };
    struct phub__half half = { .state = PHUB_INSTANCE_RUNNING };
    struct phub__builder s, delta;
    bool more = false;
    int rc;

    phub__builder_init(&s, DELTA_ROOM);
    phub__builder_init(&delta, DELTA_ROOM);
    rc = phub__registry_new(&one, &a);
    if (rc == 0)
        rc = phub__registry_new(&two, &b);
    if (rc == 0)
        rc = phub__registry_spec_put(a, text("x"), &life, 2, epoch(1, 1));
    if (rc == 0)
        rc = phub__registry_instance_put(a, text("x"), &half);
    if (rc == 0)
        rc = phub__registry_home_set(a, text("x"), epoch(1, 1), 3, NULL,
                                     epoch(2, 1));
    if (rc == 0)
        rc = phub__registry_summary(b, &s);
    if (rc == 0)
        rc = phub__registry_missing(a, phub__builder_bytes(&s), 1u << 16,
                                    &delta, &more);
    if (rc == 0)
        rc = phub__registry_apply(b, phub__builder_bytes(&delta));
    if (rc == 0)
        rc = phub__registry_stop(b, text("x"), epoch(1, 1), epoch(3, 2));
    if (rc == 0)
        rc = push(b, a, 0);
    if (rc == 0 && is_live(a, "x"))
        rc = PHUB_EFAILED;
    phub__builder_fini(&s);
    phub__builder_fini(&delta);
    phub__registry_free(&a);
    phub__registry_free(&b);
    return rc;
}

START_TEST(failure_of_every_allocation_is_reported_and_changes_nothing)
{
    uint64_t nth;

    ck_assert_int_eq(scenario(), 0);
    for (nth = 1; nth < 1000; nth++) {
        int rc;

        phub__memory_fail(nth);
        rc = scenario();
        if (!phub__memory_failed())
            break;
        phub__memory_fail(0);
        ck_assert_msg(rc == 0 || rc == PHUB_ENOMEM, "nth %d: %d", (int)nth,
                      rc);
    }
    phub__memory_fail(0);
    ck_assert_uint_gt(nth, 20);
    ck_assert_uint_lt(nth, 1000);
}
END_TEST

START_TEST(malformed_deltas_are_refused)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub__builder delta;
    uint64_t next, seed = 7;
    int i;

    ck_assert_int_eq(start(a, "x", epoch(1, 1), 1), 0);
    ck_assert_int_eq(publish(a, "x", PHUB_INSTANCE_RUNNING, epoch(1, 1)), 0);
    phub__builder_init(&delta, DELTA_ROOM);
    ck_assert_int_eq(phub__registry_delta(a, 0, 1u << 16, &delta, &next), 0);
    for (i = 0; i < (int)delta.size; i++)
        ck_assert_int_ne(phub__registry_apply(
            b, (struct phub_bytes){ delta.data, (size_t)i }), 0);
    for (i = 0; i < 20000; i++) {
        uint8_t copy[4096];

        memcpy(copy, delta.data, delta.size);
        copy[random_below(&seed, delta.size)] ^=
            (uint8_t)(1 + random_below(&seed, 255));
        (void)phub__registry_apply(b,
                                   (struct phub_bytes){ copy, delta.size });
    }
    /* Its own stream is known to itself alone. */
    phub__registry_free(&b);
    b = registry_new(1, 1, NULL, NULL);
    ck_assert_int_eq(phub__registry_apply(b, phub__builder_bytes(&delta)),
                     PHUB_EPROTO);
    phub__builder_fini(&delta);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

START_TEST(cells_keep_the_value_with_the_highest_epoch)
{
    struct phub__registry *a = registry_new(1, 1, NULL, NULL);
    struct phub__registry *b = registry_new(2, 1, NULL, NULL);
    struct phub_bytes value;
    struct phub_epoch at;

    ck_assert_int_eq(phub__registry_cell_get(a, text("k"), &value, &at),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(phub__registry_cell_put(a, text("k"), text("one"),
                                             epoch(5, 1)), 0);
    ck_assert_int_eq(phub__registry_cell_put(b, text("k"), text("two"),
                                             epoch(4, 2)), 0);
    exchange(a, b);
    ck_assert_int_eq(phub__registry_cell_get(b, text("k"), &value, &at), 0);
    ck_assert_uint_eq(value.size, 3);
    ck_assert_mem_eq(value.data, "one", 3);
    ck_assert_uint_eq(at.number, 5);
    ck_assert_uint_eq(b->index.rows, 0);
    phub__registry_free(&a);
    phub__registry_free(&b);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("registry");
    TCase *tc = tcase_create("registry");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_stop_is_honoured_by_a_node_that_was_away);
    tcase_add_test(tc, a_late_start_of_a_dropped_stop_does_not_come_back);
    tcase_add_test(tc, an_entry_whose_author_died_reaches_everybody);
    tcase_add_test(tc,
                   what_a_dying_sender_had_overtaken_comes_back_from_others);
    tcase_add_test(tc, a_stop_wins_against_a_concurrent_edit);
    tcase_add_test(tc, an_edit_and_a_move_at_the_same_moment_both_survive);
    tcase_add_test(tc, repair_ships_what_differs_and_no_more);
    tcase_add_test(tc, a_durable_row_survives_a_restart_of_everybody);
    tcase_add_test(tc, the_epoch_of_a_home_is_seen_where_no_instance_is);
    tcase_add_test(tc, a_piece_that_begins_too_late_says_so);
    tcase_add_test(tc, a_forgotten_node_no_longer_holds_up_stops);
    tcase_add_test(tc, a_forgotten_node_stays_forgotten);
    tcase_add_test(tc, who_joins_later_lacks_nothing_of_a_forgotten_node);
    tcase_add_test(tc, earlier_boots_are_pruned_when_nothing_of_them_is_live);
    tcase_add_test(tc, each_change_of_a_row_is_told_and_may_be_answered);
    tcase_add_test(tc, rows_above_the_limit_are_refused_and_come_later);
    tcase_add_test(tc, what_is_not_allowed_is_refused_and_limits_are_exact);
    tcase_add_test(tc, known_nodes_have_a_limit);
    tcase_add_test(tc,
                   failure_of_every_allocation_is_reported_and_changes_nothing);
    tcase_add_test(tc, malformed_deltas_are_refused);
    tcase_add_test(tc, cells_keep_the_value_with_the_highest_epoch);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
