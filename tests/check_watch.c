/* SPDX-License-Identifier: MIT */
/* check_watch: who looks on at one node sees what happens at all of them, as
 * far as it is wanted, and is told what was lost. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/watch.h"
#include "hub_fixture.h"

#define SEEN_MAX 4096u

static struct hubs hubs;
static struct phub__watch *watch;
static uint32_t readied;
static struct seen {
    char event[40], id[32], listed[32], text[32];
    uint64_t node, about, lost, count;
    int code;
} seen[SEEN_MAX];
static uint32_t seen_count;
static struct phub__watch_ask ask;

static void copy(char *to, size_t max, struct phub_bytes from)
{
    snprintf(to, max, "%.*s", (int)from.size,
             from.size != 0 ? (const char *)from.data : "");
}

static void take(struct phub__hub *hub, void *arg)
{
    struct phub__event event;
    uint64_t lost;

    (void)hub;
    (void)arg;
    while (phub__watch_take(watch, &event, &lost) == 0) {
        struct seen *s = &seen[seen_count++];

        ck_assert_uint_lt(seen_count, SEEN_MAX);
        memset(s, 0, sizeof *s);
        copy(s->event, sizeof s->event, event.event);
        copy(s->id, sizeof s->id, event.id);
        copy(s->text, sizeof s->text, event.text);
        if (event.ids.count != 0)
            copy(s->listed, sizeof s->listed,
                 ((struct phub_bytes *)event.ids.items)[0]);
        s->node = event.node;
        s->about = event.about;
        s->lost = lost;
        s->code = (int)event.code;
        s->count = event.count;
    }
}

static void ready(void *arg)
{
    (void)arg;
    readied++;
}

static void open_it(struct phub__hub *hub, void *arg)
{
    *(int *)arg = phub__watch_open(hub, &ask, ready, NULL, NULL, &watch);
}

static void close_it(struct phub__hub *hub, void *arg)
{
    (void)hub;
    (void)arg;
    phub__watch_close(&watch);
}

/* Look on at node a. */
static void begin(uint32_t nodes)
{
    int rc = 1;

    hubs = (struct hubs){ 0 };
    hubs_new(&hubs, nodes, "coldswap", 3);
    seen_count = readied = 0;
    hubs_do(&hubs, 0, open_it, &rc);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 100);
}

static void end(void)
{
    hubs_do(&hubs, 0, close_it, NULL);
    ck_assert_ptr_null(watch);
    hubs_run(&hubs, 100);
    for (uint32_t i = 0; i < hubs.nodes; i++)
        if (hubs_hub(&hubs, i) != NULL)
            ck_assert(!phub__hub_hook_wanted(hubs_hub(&hubs, i),
                                             PHUB_HOOK_scoreboard_updated));
    hubs_free(&hubs);
}

static void look(void)
{
    hubs_run(&hubs, 200);
    hubs_do(&hubs, 0, take, NULL);
}

static uint32_t how_often(const char *event, uint32_t node)
{
    uint32_t i, n = 0;

    for (i = 0; i < seen_count; i++)
        n += strcmp(seen[i].event, event) == 0 &&
             (node == HUBS_MAX || seen[i].node == hubs.ids[node]);
    return n;
}

static void setup(void)
{
    memset(&ask, 0, sizeof ask);
}

START_TEST(events_of_all_nodes_are_seen_at_one)
{
    char id[16];
    uint32_t i, home, elsewhere = 0;

    begin(3);
    for (i = 0; i < 12; i++) {
        snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(hubs_start(&hubs, 1, id, "sim"), 0);
        ck_assert_uint_eq(hubs_acting(&hubs, id, &home), 1);
        elsewhere += home != 0;
    }
    look();
    ck_assert_uint_gt(elsewhere, 0);
    ck_assert_uint_eq(how_often("child_registered", HUBS_MAX), 12);
    ck_assert_uint_eq(how_often("child_started", HUBS_MAX), 12);
    ck_assert_uint_eq(how_often("child_started", 0), 12 - elsewhere);
    ck_assert_uint_gt(readied, 0);
    end();
}
END_TEST

START_TEST(a_node_that_joins_later_is_seen_too)
{
    begin(2);
    ck_assert_uint_eq(hubs_add(&hubs), 2);
    hubs_settle(&hubs);
    hubs_run(&hubs, 7000);
    look();
    ck_assert_uint_gt(how_often("pre_node_join", 1), 0);
    ck_assert_uint_gt(how_often("reconcile_round", 2), 0);
    end();
}
END_TEST

START_TEST(a_filter_lets_through_what_is_named)
{
    struct phub_bytes events[] = { hubs_bytes("child_started"),
                                   hubs_bytes("nothing_known") };
    struct phub_bytes ids[] = { hubs_bytes("b"), hubs_bytes("c") };
    uint32_t i;

    ask.events = (struct phub__list){ events, 2 };
    ask.ids = (struct phub__list){ ids, 2 };
    begin(3);
    ck_assert_int_eq(hubs_start(&hubs, 1, "a b c d", "sim"), 0);
    look();
    ck_assert_uint_eq(seen_count, 2);
    for (i = 0; i < 2; i++) {
        ck_assert_str_eq(seen[i].event, "child_started");
        ck_assert(strcmp(seen[i].id, "b") == 0 ||
                  strcmp(seen[i].id, "c") == 0);
    }
    end();
}
END_TEST

START_TEST(an_event_about_many_lists_those_that_are_wanted)
{
    struct phub_bytes events[] = { hubs_bytes("post_children_start") };
    struct phub_bytes ids[] = { hubs_bytes("d") };

    ask.events = (struct phub__list){ events, 1 };
    ask.ids = (struct phub__list){ ids, 1 };
    begin(3);
    ck_assert_int_eq(hubs_start(&hubs, 1, "a b c d e f", "sim"), 0);
    look();
    ck_assert_uint_eq(seen_count, 1);
    ck_assert_str_eq(seen[0].listed, "d");
    ck_assert_str_eq(seen[0].text, "a start");
    end();
}
END_TEST

START_TEST(a_node_is_where_it_happens)
{
    ask.node = hubs_bytes("b");
    begin(3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    hubs_run(&hubs, 6000);
    look();
    ck_assert_uint_gt(seen_count, 0);
    ck_assert_uint_eq(how_often("child_started", HUBS_MAX),
                      how_often("child_started", 1));
    ck_assert_uint_eq(how_often("reconcile_round", 0), 0);
    ck_assert_uint_gt(how_often("reconcile_round", 1), 0);
    end();
}
END_TEST

static void start_tagged(struct phub__hub *hub, void *arg)
{
    struct phub_buf *spec = arg;
    struct phub_bytes tag = hubs_bytes("web");
    struct phub__command_child children[2] = {
        { .id = hubs_bytes("with"), .spec = phub__buf_bytes(spec),
          .tags = { &tag, 1 } },
        { .id = hubs_bytes("without"), .spec = phub__buf_bytes(spec) } };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hub, children, 2, 0, 0, hubs_done,
                                         &hubs_last), 0);
}

START_TEST(a_tag_is_of_the_child_to_its_end)
{
    struct phub_buf *spec = hubs_spec("sim");
    uint32_t i;

    ask.tag = hubs_bytes("web");
    begin(2);
    hubs_do(&hubs, 0, start_tagged, spec);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_int_eq(hubs_stop(&hubs, 1, "with without"), 0);
    look();
    for (i = 0; i < seen_count; i++)
        ck_assert_str_ne(seen[i].id, "without");
    ck_assert_uint_eq(how_often("child_started", HUBS_MAX), 1);
    ck_assert_uint_eq(how_often("child_unregistered", HUBS_MAX), 1);
    ck_assert_uint_eq(how_often("child_ended", HUBS_MAX), 1);
    phub__buf_unref(&spec);
    end();
}
END_TEST

static void fire(struct phub__hub *hub, void *arg)
{
    uint32_t i, count = *(uint32_t *)arg;

    for (i = 0; i < count; i++)
        phub__hub_hook(hub, PHUB_HOOK_scoreboard_updated, 0, PHUB_BYTES_NONE,
                       0, i, "");
}

static uint64_t counted(uint64_t *lost)
{
    uint64_t n = 0;
    uint32_t i;

    *lost = 0;
    for (i = 0; i < seen_count; i++) {
        n += seen[i].lost == 0;
        *lost += seen[i].lost;
        ck_assert(seen[i].lost == 0 || seen[i].event[0] == '\0');
    }
    return n;
}

START_TEST(one_who_does_not_take_loses_and_is_told_how_many)
{
    struct phub_bytes events[] = { hubs_bytes("scoreboard_updated") };
    uint32_t count = 3000, one = 1;
    uint64_t lost, got;

    ask.events = (struct phub__list){ events, 1 };
    begin(2);
    hubs_do(&hubs, 0, fire, &count);
    hubs_run(&hubs, 1000);
    look();
    got = counted(&lost);
    ck_assert_uint_eq(got, PHUB__WATCH_HELD_MAX);
    ck_assert_uint_eq(got + lost, 3000);
    ck_assert_uint_eq(seen[seen_count - 1].lost, lost);
    ck_assert_uint_eq(readied, 1); /* it did not ask for more meanwhile */
    hubs_do(&hubs, 1, fire, &one);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(readied, 2);
    end();
}
END_TEST

START_TEST(a_flood_at_another_node_is_bounded_there)
{
    struct phub_bytes events[] = { hubs_bytes("scoreboard_updated") };
    uint32_t count = 3000, one = 1;
    uint64_t lost, got;

    ask.events = (struct phub__list){ events, 1 };
    begin(2);
    hubs_do(&hubs, 1, fire, &count);
    hubs_run(&hubs, 2000);
    hubs_do(&hubs, 1, fire, &one);
    hubs_run(&hubs, 1000);
    look();
    got = counted(&lost);
    ck_assert_uint_eq(got + lost, 3001);
    ck_assert_uint_ge(got, PHUB__WATCH_HELD_MAX);
    ck_assert_uint_gt(lost, 0);
    end();
}
END_TEST

/* What is lost with a link is counted like what was too much. */
START_TEST(events_of_a_node_that_was_cut_off_come_again_after_it)
{
    struct phub_bytes events[] = { hubs_bytes("scoreboard_updated") };
    const uint32_t groups[HUBS_MAX] = { 0, 1 };
    uint32_t one = 1;

    ask.events = (struct phub__list){ events, 1 };
    begin(2);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 20000);
    phub__world_heal_all(hubs.world);
    hubs_settle(&hubs);
    hubs_run(&hubs, 6000);
    look();
    seen_count = 0;
    hubs_do(&hubs, 1, fire, &one);
    look();
    ck_assert_uint_eq(how_often("scoreboard_updated", 1), 1);
    end();
}
END_TEST

START_TEST(one_whose_watcher_is_gone_looks_no_more)
{
    begin(2);
    ck_assert(phub__hub_hook_wanted(hubs_hub(&hubs, 1),
                                    PHUB_HOOK_scoreboard_updated));
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    hubs_run(&hubs, 30000);
    ck_assert(!phub__hub_hook_wanted(hubs_hub(&hubs, 1),
                                     PHUB_HOOK_scoreboard_updated));
    hubs_free(&hubs);
}
END_TEST

START_TEST(watches_of_a_node_are_limited)
{
    struct phub__watch *all[PHUB__WATCHES_MAX];
    uint32_t i;
    int rc = 0;

    hubs = (struct hubs){ 0 };
    hubs_new(&hubs, 1, "coldswap", 3);
    for (i = 0; i < PHUB__WATCHES_MAX; i++) {
        hubs_do(&hubs, 0, open_it, &rc);
        ck_assert_int_eq(rc, 0);
        all[i] = watch;
    }
    hubs_do(&hubs, 0, open_it, &rc);
    ck_assert_int_eq(rc, PHUB_EBUSY);
    watch = all[7];
    hubs_do(&hubs, 0, close_it, NULL);
    hubs_do(&hubs, 0, open_it, &rc);
    ck_assert_int_eq(rc, 0);
    hubs_free(&hubs); /* with those that are open */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("watch");
    TCase *tc = tcase_create("watch");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, NULL);
    tcase_add_test(tc, events_of_all_nodes_are_seen_at_one);
    tcase_add_test(tc, a_node_that_joins_later_is_seen_too);
    tcase_add_test(tc, a_filter_lets_through_what_is_named);
    tcase_add_test(tc, an_event_about_many_lists_those_that_are_wanted);
    tcase_add_test(tc, a_node_is_where_it_happens);
    tcase_add_test(tc, a_tag_is_of_the_child_to_its_end);
    tcase_add_test(tc, one_who_does_not_take_loses_and_is_told_how_many);
    tcase_add_test(tc, a_flood_at_another_node_is_bounded_there);
    tcase_add_test(tc, events_of_a_node_that_was_cut_off_come_again_after_it);
    tcase_add_test(tc, one_whose_watcher_is_gone_looks_no_more);
    tcase_add_test(tc, watches_of_a_node_are_limited);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
