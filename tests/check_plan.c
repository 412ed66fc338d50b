/* SPDX-License-Identifier: MIT */
/* check_plan: moves that a strategy asks for, and events that it hears of. */
#include "config.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub/tally.h"
#include "hub_fixture.h"

static struct hubs hubs;
static char plugin[512], mapped[512];

static void begin(uint32_t count, const char *distribution)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin, .distribution = distribution };
    hubs_new(&hubs, count, "hotswap", 23);
    hubs_run(&hubs, 3000);
}

static const char *by_metadata(void)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(mapped, sizeof mapped, "%s/tests/.libs/distribution-mapped.so",
             build != NULL ? build : ".");
    return mapped;
}

static void end(void)
{
    hubs_free(&hubs);
}

static uint64_t counted(uint32_t node, const char *name)
{
    return phub__tally_get(
        &hubs_hub(&hubs, node)->tallies[PHUB_KIND_PARTITION], name);
}

/* In a turn of a node, as its partition strategy sees the host. */
static const struct phub_host *host;
static struct phub_ctx *ctx;
static uint32_t where;

static void turn(struct phub__hub *hub, void *arg)
{
    void (*const *fn)(void) = arg;

    host = hub->strategies[PHUB_KIND_PARTITION]->host;
    ctx = hub->strategies[PHUB_KIND_PARTITION]->ctx;
    (*fn)();
}

static void as_strategy(uint32_t node, void (*fn)(void))
{
    where = node;
    hubs_do(&hubs, node, turn, &fn);
}

static int rc;

/* --- starting with metadata -------------------------------------------------- */

struct start {
    const char *id, *key, *value, *tag;
    bool sticky;
};

static void start_turn(struct phub__hub *hub, void *arg)
{
    const struct start *start = arg;
    struct phub_buf *spec = hubs_spec("sim");
    struct phub__op_pair pair = { hubs_bytes(start->key),
                                  hubs_bytes(start->value) };
    struct phub_bytes tag = hubs_bytes(start->tag);
    struct phub__command_child child = {
        .id = hubs_bytes(start->id), .spec = phub__buf_bytes(spec),
        .metadata = { &pair, 1 }, .tags = { &tag, 1 },
        .sticky = start->sticky };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hub, &child, 1, 0, HUBS_TIMEOUT_MS,
                                         hubs_done, &hubs_last), 0);
    phub__buf_unref(&spec);
}

static void start(const char *id, const char *value, const char *tag,
                  bool sticky)
{
    struct start s = { id, "on", value, tag, sticky };

    hubs_do(&hubs, 0, start_turn, &s);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
}

/* --- plans ------------------------------------------------------------------- */

static const char *plan_ids = "abcdefgh";
static struct phub_pace pace;
static uint64_t targets[2];
static uint32_t targets_count;

static void submit(void)
{
    struct phub_plan_item items[8] = { { .size = 0 } };
    uint32_t i, count = (uint32_t)strlen(plan_ids);

    for (i = 0; i < count; i++)
        items[i] = (struct phub_plan_item){
            .size = sizeof items[i], .cause = PHUB_CAUSE_REBALANCE,
            .id = { (const uint8_t *)plan_ids + i, 1 }, .targets = targets,
            .targets_count = targets_count };
    rc = host->plan_submit(ctx, items, count, sizeof items[0],
                           pace.size != 0 ? &pace : NULL, 3);
}

static uint32_t on_node(uint32_t node)
{
    uint32_t i, at, n = 0;

    for (i = 0; i < strlen(plan_ids); i++) {
        const char id[2] = { plan_ids[i], '\0' };

        n += hubs_acting(&hubs, id, &at) == 1 && at == node;
    }
    return n;
}

static int is_planned(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return counted(where, "done-3") != 0;
}

static void all_to(uint32_t node, uint32_t from)
{
    pace = (struct phub_pace){ .size = 0 };
    targets[0] = hubs.ids[node];
    targets_count = 1;
    as_strategy(from, submit);
    ck_assert_int_eq(rc, 0);
    ck_assert(hubs_until(&hubs, 60000, is_planned, NULL));
}

START_TEST(a_plan_moves_children_wherever_they_are)
{
    uint32_t before;

    begin(3, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    before = on_node(2);
    ck_assert_uint_lt(before, 8);
    all_to(2, 1);
    ck_assert_uint_eq(counted(1, "rc-3"), 0);
    ck_assert_uint_eq(counted(1, "value-3"), 8);
    ck_assert_uint_eq(counted(1, "count-3"), 0);
    ck_assert_uint_eq(on_node(2), 8);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

START_TEST(a_plan_keeps_its_pace)
{
    uint32_t there;

    begin(3, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    all_to(2, 1);
    pace = (struct phub_pace){ .size = sizeof pace, .at_once = 1,
                               .per_minute = 6 };
    targets[0] = hubs.ids[0];
    as_strategy(0, submit);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(on_node(0), 1);
    hubs_run(&hubs, 20000);
    there = on_node(0);
    ck_assert_uint_eq(there, 3);
    hubs_run(&hubs, 50000);
    ck_assert_uint_eq(on_node(0), 8);
    ck_assert_uint_eq(counted(0, "value-3"), 8);
    end();
}
END_TEST

START_TEST(a_target_that_is_gone_is_passed_over)
{
    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    targets[0] = 12345;
    targets[1] = hubs.ids[1];
    targets_count = 2;
    pace = (struct phub_pace){ .size = 0 };
    as_strategy(0, submit);
    ck_assert(hubs_until(&hubs, 60000, is_planned, NULL));
    ck_assert_uint_eq(counted(0, "rc-3"), 0);
    ck_assert_uint_eq(on_node(1), 8);
    end();
}
END_TEST

START_TEST(who_does_not_go_is_counted)
{
    begin(3, by_metadata());
    start("a", "b", "red", true);
    start("b", "b", "red", false);
    plan_ids = "abc"; /* there is no c */
    pace = (struct phub_pace){ .size = sizeof pace, .timeout_ms = 5000 };
    targets[0] = hubs.ids[2];
    targets_count = 1;
    as_strategy(0, submit);
    ck_assert(hubs_until(&hubs, 60000, is_planned, NULL));
    ck_assert_uint_eq(counted(0, "rc-3"), -PHUB_EFAILED);
    ck_assert_uint_eq(counted(0, "value-3"), 1);
    ck_assert_uint_eq(counted(0, "count-3"), 2);
    plan_ids = "a";
    ck_assert_uint_eq(on_node(1), 1);
    plan_ids = "b";
    ck_assert_uint_eq(on_node(2), 1);
    end();
}
END_TEST

static void misuse_plans(void)
{
    uint64_t nodes[PHUB_PLAN_TARGETS_MAX + 1] = { hubs.ids[0] };
    struct phub_plan_item item = { .size = sizeof item,
                                   .id = hubs_bytes("a"), .targets = nodes };

    ck_assert_int_eq(host->plan_cancel(ctx), PHUB_ENOTFOUND);
    ck_assert_int_eq(host->plan_submit(ctx, &item, 1, sizeof item, NULL, 1),
                     PHUB_EINVAL);
    item.targets_count = PHUB_PLAN_TARGETS_MAX + 1;
    ck_assert_int_eq(host->plan_submit(ctx, &item, 1, sizeof item, NULL, 1),
                     PHUB_ELIMIT);
    item.targets_count = 1;
    item.id.size = PHUB_CHILD_ID_MAX + 1;
    ck_assert_int_eq(host->plan_submit(ctx, &item, 1, sizeof item, NULL, 1),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->plan_submit(ctx, &item, PHUB_PLAN_ITEMS_MAX + 1,
                                       sizeof item, NULL, 1), PHUB_ELIMIT);
    item.id = hubs_bytes("none");
    ck_assert_int_eq(host->plan_submit(ctx, &item, 0, sizeof item, NULL, 2),
                     0);
    ck_assert_int_eq(host->plan_submit(ctx, &item, 1, sizeof item, NULL, 1),
                     PHUB_EBUSY);
}

START_TEST(a_bad_plan_has_its_answer)
{
    begin(1, NULL);
    as_strategy(0, misuse_plans);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(counted(0, "done-1"), 0);
    ck_assert_uint_eq(counted(0, "done-2"), 1);
    ck_assert_uint_eq(counted(0, "rc-2"), 0);
    end();
}
END_TEST

static void cancel(void)
{
    ck_assert_int_eq(host->plan_cancel(ctx), 0);
}

START_TEST(a_cancelled_plan_ends_what_it_began)
{
    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    all_to(0, 1);
    pace = (struct phub_pace){ .size = sizeof pace, .at_once = 1,
                               .per_minute = 60 };
    targets[0] = hubs.ids[1];
    as_strategy(0, submit);
    hubs_run(&hubs, 2500);
    as_strategy(0, cancel);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(counted(0, "done-3"), 1);
    ck_assert_uint_eq(counted(0, "rc-3"), -PHUB_ECANCELLED);
    ck_assert_uint_eq(counted(0, "value-3"), 3);
    ck_assert_uint_eq(on_node(1), 3);
    end();
}
END_TEST

/* The next one was due, and never comes: that is no reason to look again and
 * again while the first is on its way. */
START_TEST(a_cancelled_plan_sleeps_while_its_moves_end)
{
    uint64_t events;

    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    all_to(0, 1);
    pace = (struct phub_pace){ .size = sizeof pace, .per_minute = 60000 };
    targets[0] = hubs.ids[1];
    as_strategy(0, submit);
    as_strategy(0, cancel);
    events = phub__world_events(hubs.world);
    while (counted(0, "done-3") == 0 &&
           phub__world_events(hubs.world) < events + 10000)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_uint_eq(counted(0, "done-3"), 1);
    ck_assert_uint_eq(counted(0, "value-3"), on_node(1));
    ck_assert_uint_lt(on_node(1), 8);
    end();
}
END_TEST

START_TEST(a_hub_ends_in_the_middle_of_a_plan)
{
    begin(2, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d e f g h", "sim"), 0);
    targets[0] = hubs.ids[1];
    targets_count = 1;
    pace = (struct phub_pace){ .size = 0 };
    as_strategy(0, submit);
    hubs_run(&hubs, 3);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(on_node(1), 8);
    end();
}
END_TEST

/* --- hooks ------------------------------------------------------------------- */

static char story[256];
static uint64_t handles[3];
static uint32_t heard_count, heard_lost;

static void heard(void *self, uint64_t token, const struct phub_event *event)
{
    size_t at = strlen(story);

    ck_assert_ptr_nonnull(self);
    ck_assert_uint_eq(event->size, sizeof *event);
    heard_count++;
    heard_lost += event->lost;
    snprintf(story + at, sizeof story - at, "%u:%.*s:%.*s ", (unsigned)token,
             (int)event->name.size, (const char *)event->name.data,
             (int)event->child.size, (const char *)event->child.data);
}

static void listen(void)
{
    ck_assert_int_eq(host->hook_add(ctx, "child_started", 0, heard, 1,
                                    &handles[0]), 0);
    ck_assert_int_eq(host->hook_add(ctx, "child_started", 9, heard, 2,
                                    &handles[1]), 0);
    ck_assert_int_eq(host->hook_add(ctx, "child_started", 0, heard, 3,
                                    &handles[2]), 0);
    ck_assert_int_eq(host->hook_add(ctx, "child_sterted", 0, heard, 1,
                                    &handles[0]), PHUB_ENOTFOUND);
    ck_assert_int_eq(host->hook_add(ctx, "child_started", 0, NULL, 1,
                                    &handles[0]), PHUB_EINVAL);
}

static void cancel_second(void)
{
    ck_assert_int_eq(host->hook_cancel(ctx, handles[1]), 0);
    ck_assert_int_eq(host->hook_cancel(ctx, handles[1]), PHUB_ENOTFOUND);
}

START_TEST(events_come_by_priority_and_then_by_age)
{
    begin(1, NULL);
    story[0] = '\0';
    as_strategy(0, listen);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim"), 0);
    ck_assert_str_eq(story, "2:child_started:a 1:child_started:a "
                            "3:child_started:a ");
    as_strategy(0, cancel_second);
    story[0] = '\0';
    ck_assert_int_eq(hubs_start(&hubs, 0, "b", "sim"), 0);
    ck_assert_str_eq(story, "1:child_started:b 3:child_started:b ");
    end();
}
END_TEST

static void listen_to_all(void)
{
    ck_assert_int_eq(host->hook_add(ctx, "*", 0, heard, 1, &handles[0]), 0);
}

static void make_too_many(struct phub__hub *hub, void *arg)
{
    uint32_t i;

    (void)arg;
    for (i = 0; i < PHUB_EVENTS_MAX + 5; i++)
        phub__hub_hook(hub, PHUB_HOOK_child_started, hub->node,
                       hubs_bytes("x"), 0, 1, "");
}

static void make_one(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__hub_hook(hub, PHUB_HOOK_child_ended, hub->node, PHUB_BYTES_NONE, 0,
                   1, "");
}

START_TEST(events_that_find_no_room_are_counted)
{
    begin(1, NULL);
    heard_count = heard_lost = 0;
    as_strategy(0, listen_to_all);
    hubs_do(&hubs, 0, make_too_many, NULL);
    hubs_run(&hubs, 1);
    ck_assert_uint_eq(heard_count, PHUB_EVENTS_MAX);
    ck_assert_uint_eq(heard_lost, 0);
    hubs_do(&hubs, 0, make_one, NULL);
    hubs_run(&hubs, 1);
    ck_assert_uint_eq(heard_count, PHUB_EVENTS_MAX + 1);
    ck_assert_uint_eq(heard_lost, 5);
    end();
}
END_TEST

/* Cancelled between the event and its telling. */
static void make_and_cancel(void)
{
    phub__hub_hook(hubs_hub(&hubs, 0), PHUB_HOOK_child_ended, 1,
                   PHUB_BYTES_NONE, 0, 1, "");
    ck_assert_int_eq(host->hook_cancel(ctx, handles[0]), 0);
}

START_TEST(no_event_comes_after_a_cancel)
{
    begin(1, NULL);
    heard_count = 0;
    as_strategy(0, listen_to_all);
    as_strategy(0, make_and_cancel);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(heard_count, 0);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    TCase *tcase = tcase_create("plan");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, a_plan_moves_children_wherever_they_are);
    tcase_add_test(tcase, a_plan_keeps_its_pace);
    tcase_add_test(tcase, a_target_that_is_gone_is_passed_over);
    tcase_add_test(tcase, who_does_not_go_is_counted);
    tcase_add_test(tcase, a_bad_plan_has_its_answer);
    tcase_add_test(tcase, a_cancelled_plan_ends_what_it_began);
    tcase_add_test(tcase, a_cancelled_plan_sleeps_while_its_moves_end);
    tcase_add_test(tcase, a_hub_ends_in_the_middle_of_a_plan);
    tcase_add_test(tcase, events_come_by_priority_and_then_by_age);
    tcase_add_test(tcase, events_that_find_no_room_are_counted);
    tcase_add_test(tcase, no_event_comes_after_a_cancel);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
