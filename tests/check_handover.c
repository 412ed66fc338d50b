/* SPDX-License-Identifier: MIT */
/* check_handover: states that wait for their child on another node. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/cause.h"
#include "hub/drain.h"
#include "hub/handover.h"
#include "hub_fixture.h"
#include "wire/buf.h"

static struct hubs hubs;
static uint32_t home;

static void begin(uint32_t nodes, const char *migration, const char *words)
{
    hubs_new(&hubs, nodes, migration, 5);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", words), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    hubs_update(&hubs, "c", 1, 5);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

/* The node that holds a state, nodes if none does. */
static uint32_t holder(void)
{
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++)
        if (hubs_hub(&hubs, i) != NULL &&
            phub__handover_count(hubs_hub(&hubs, i)) != 0)
            return i;
    return hubs.nodes;
}

static int is_held(struct hubs *h, const void *none)
{
    (void)none;
    return holder() != h->nodes;
}

static int runs_elsewhere(struct hubs *h, const void *id)
{
    uint32_t at = home;

    return hubs_acting(h, id, &at) == 1 && at != home;
}

/* --- checkpoints -------------------------------------------------------------- */

START_TEST(a_survivor_goes_on_from_the_last_checkpoint)
{
    uint32_t at = 9, with;

    begin(3, "hotswap", _i == 0 ? "sim state freeze checkpoint=500"
                                : "sim state checkpoint=500");
    hubs_run(&hubs, 1500);
    with = holder();
    ck_assert_uint_lt(with, hubs.nodes);
    ck_assert_uint_ne(with, home);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, with);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(phub__handover_count(hubs_hub(&hubs, with)), 0);
    ck_assert_uint_eq(
        hubs_hub(&hubs, with)->counters.handovers_delivered, 1);
    end();
}
END_TEST

START_TEST(a_checkpoint_is_kept_where_its_child_does_not_run)
{
    char id[3] = "d1";
    uint32_t there[2] = { 0, 0 }, at = 0;

    begin(2, "hotswap", "sim state checkpoint=500");
    there[1 - home]++;
    ck_assert_int_eq(hubs_start(&hubs, 0, "d1 d2 d3 d4 d5 d6 d7 d8 d9",
                                "sim state checkpoint=500"), 0);
    hubs_run(&hubs, 1500);
    for (; id[1] <= '9'; id[1]++) {
        ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
        there[1 - at]++;
    }
    for (at = 0; at < 2; at++)
        ck_assert_uint_eq(phub__handover_count(hubs_hub(&hubs, at)),
                          there[at]);
    end();
}
END_TEST

START_TEST(a_spec_that_does_not_ask_has_no_checkpoint)
{
    begin(3, "hotswap", "sim state freeze");
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(holder(), hubs.nodes);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    end();
}
END_TEST

START_TEST(a_later_checkpoint_replaces_the_one_before)
{
    uint32_t with;

    begin(3, "hotswap", "sim state freeze checkpoint=500");
    hubs_run(&hubs, 1500);
    hubs_update(&hubs, "c", 6, 9);
    hubs_run(&hubs, 1500);
    with = holder();
    ck_assert_uint_eq(phub__handover_count(hubs_hub(&hubs, with)), 1);
    ck_assert_uint_ge(hubs_hub(&hubs, home)->counters.checkpoints, 3);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 9);
    end();
}
END_TEST

static void take_no_more(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 1);
}

START_TEST(what_a_drain_has_left_has_checkpoints_still)
{
    uint64_t before;

    begin(3, "hotswap", "sim state freeze checkpoint=500");
    hubs_do(&hubs, home, take_no_more, NULL);
    hubs_run(&hubs, 1500);
    before = hubs_hub(&hubs, home)->counters.checkpoints;
    hubs_run(&hubs, 3000);
    ck_assert_uint_gt(hubs_hub(&hubs, home)->counters.checkpoints, before);
    end();
}
END_TEST

/* Empty is what it would be without checkpoints; 5 would be a state older than
 * the one that its home had. */
START_TEST(a_checkpoint_of_an_earlier_home_is_never_used)
{
    uint32_t target, first;

    begin(4, "hotswap", "sim state freeze checkpoint=20000");
    ck_assert(hubs_until(&hubs, 30000, is_held, NULL));
    first = home;
    target = (home + 1) % 4 == holder() ? (home + 2) % 4 : (home + 1) % 4;
    hubs_update(&hubs, "c", 6, 7);
    ck_assert_int_eq(hubs_move(&hubs, first, "c", target), 0);
    hubs_update(&hubs, "c", 8, 8);
    home = target;
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 0);
    ck_assert_uint_eq(holder(), hubs.nodes);
    end();
}
END_TEST

START_TEST(a_stop_drops_the_checkpoint)
{
    begin(3, "hotswap", "sim state freeze checkpoint=300");
    ck_assert(hubs_until(&hubs, 30000, is_held, NULL));
    ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), 0);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(holder(), hubs.nodes);
    end();
}
END_TEST

/* --- leaving ------------------------------------------------------------------ */

static int left;

static void on_left(void *arg)
{
    (void)arg;
    left = 1;
}

static void leave(struct phub__hub *hub, void *arg)
{
    left = 0;
    phub__hub_stop(hub, *(const uint64_t *)arg, on_left, NULL);
}

static int has_left(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return left;
}

/* Node 0 migrates by hotswap, node 1 by coldswap: no move is possible, and a
 * drain does not move anything. */
static void begin_unlike(const char *ids, const char *words)
{
    hubs_new(&hubs, 2, "hotswap", 5);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 20000);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, words), 0);
    hubs.migration = "coldswap";
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_settle(&hubs);
    home = 0;
}

static void one_leaves_within(uint32_t node, uint64_t ms)
{
    hubs_do(&hubs, node, leave, &ms);
    ck_assert(hubs_until(&hubs, ms + 20000, has_left, NULL));
    phub__sim_node_kill(hubs_node(&hubs, node));
}

static void leave_within(uint64_t ms)
{
    one_leaves_within(0, ms);
}

START_TEST(a_drained_node_keeps_the_state_of_one_that_leaves)
{
    uint32_t i;

    begin(3, "hotswap", "sim state freeze");
    for (i = 0; i < 3; i++)
        if (i != home)
            hubs_do(&hubs, i, take_no_more, NULL);
    hubs_run(&hubs, 1000);
    one_leaves_within(home, 8000);
    ck_assert(hubs_until(&hubs, 30000, runs_elsewhere, "c"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    end();
}
END_TEST

START_TEST(what_a_drain_cannot_move_finds_its_state_there)
{
    begin_unlike("c d", _i == 0 ? "sim state freeze" : "sim state");
    hubs_update(&hubs, "c", 1, 5);
    hubs_update(&hubs, "d", 1, 7);
    leave_within(8000);
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "d"));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(hubs_counter(&hubs, "d"), 7);
    ck_assert_uint_eq(holder(), hubs.nodes);
    end();
}
END_TEST

static int told(const char *id, const char *text)
{
    struct phub__cause entries[32];
    uint32_t count = phub__causes_of(hubs_hub(&hubs, 1)->causes,
                                     hubs_bytes(id), entries, 32), i;

    for (i = 0; i < count; i++)
        if (strstr(entries[i].text, text) != NULL)
            return 1;
    return 0;
}

START_TEST(a_silent_child_costs_itself_only_and_its_next_home_is_told)
{
    begin_unlike("s", "sim state freeze never-state");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    if (home != 0)
        ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), 0);
    else
        hubs_update(&hubs, "c", 1, 5);
    leave_within(8000);
    if (home == 0) {
        ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "c"));
        ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    }
    home = 0;
    ck_assert(hubs_until(&hubs, 60000, runs_elsewhere, "s"));
    ck_assert_uint_eq(hubs_counter(&hubs, "s"), 0);
    ck_assert(told("s", "its state is missing"));
    end();
}
END_TEST

/* --- limits and time ---------------------------------------------------------- */

static void free_nothing(void *arg)
{
    (void)arg;
}

static int keep(struct phub__hub *hub, const char *id, uint64_t kind,
                uint64_t sequence, uint64_t size, uint64_t ttl_ms)
{
    static uint8_t byte;
    struct phub__op_state head = {
        .id = hubs_bytes(id), .incarnation = { 1, 1 }, .epoch = { 1, 1 },
        .kind = kind, .sequence = sequence, .ttl_ms = ttl_ms };
    struct phub_buf *state = phub__buf_wrap(&byte, size, free_nothing, NULL);
    int rc = phub__handover_keep(hub, 1, &head, state);

    phub__buf_unref(&state);
    return rc;
}

static void keep_too_many(struct phub__hub *hub, void *arg)
{
    char id[16];
    uint32_t i;

    (void)arg;
    for (i = 0; i < PHUB__HANDOVER_MAX; i++) {
        snprintf(id, sizeof id, "h%u", i);
        ck_assert_int_eq(keep(hub, id, i < 2 ? PHUB__HANDOVER_CHECKPOINT
                                             : PHUB__HANDOVER_PRESENT,
                              1, 1, 60000), 0);
    }
    ck_assert_uint_eq(phub__handover_count(hub), PHUB__HANDOVER_MAX);
    /* The oldest checkpoint goes, then the other one, then nothing. */
    ck_assert_int_eq(keep(hub, "x", PHUB__HANDOVER_PRESENT, 0, 1, 1), 0);
    ck_assert_uint_eq(phub__handover_holds(hub, hubs_bytes("h0"),
        (struct phub_epoch){ 1, 1 }, (struct phub_epoch){ 1, 1 }), 0);
    ck_assert_uint_eq(phub__handover_holds(hub, hubs_bytes("h1"),
        (struct phub_epoch){ 1, 1 }, (struct phub_epoch){ 1, 1 }), 1);
    ck_assert_int_eq(keep(hub, "y", PHUB__HANDOVER_PRESENT, 0, 1, 1), 0);
    ck_assert_int_eq(keep(hub, "z", PHUB__HANDOVER_PRESENT, 0, 1, 1),
                     PHUB_ELIMIT);
    ck_assert_uint_eq(hub->counters.handovers_crowded, 2);
    ck_assert_uint_eq(phub__handover_count(hub), PHUB__HANDOVER_MAX);
}

static void keep_too_much(struct phub__hub *hub, void *arg)
{
    const uint64_t half = PHUB__HANDOVER_SIZE_MAX / 2;

    (void)arg;
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_PRESENT, 0,
                          PHUB__HANDOVER_SIZE_MAX + 1, 60000), PHUB_ELIMIT);
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_CHECKPOINT, 1, half,
                          60000), 0);
    ck_assert_int_eq(keep(hub, "b", PHUB__HANDOVER_PRESENT, 0, half, 60000),
                     0);
    ck_assert_uint_eq(phub__handover_size(hub), PHUB__HANDOVER_SIZE_MAX);
    ck_assert_int_eq(keep(hub, "c", PHUB__HANDOVER_PRESENT, 0, 1, 60000), 0);
    ck_assert_uint_eq(phub__handover_size(hub), half + 1);
    ck_assert_int_eq(keep(hub, "d", PHUB__HANDOVER_PRESENT, 0, half, 60000),
                     PHUB_ELIMIT);
}

static void keep_in_order(struct phub__hub *hub, void *arg)
{
    (void)arg;
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_CHECKPOINT, 5, 1, 60000),
                     0);
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_CHECKPOINT, 4, 1, 60000),
                     PHUB_ECANCELLED);
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_CHECKPOINT, 6, 2, 60000),
                     0);
    ck_assert_uint_eq(phub__handover_count(hub), 1);
    ck_assert_uint_eq(phub__handover_size(hub), 2);
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_PRESENT, 0, 3, 60000), 0);
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_CHECKPOINT, 9, 1, 60000),
                     PHUB_ECANCELLED);
    ck_assert_uint_eq(phub__handover_size(hub), 3);
    ck_assert_int_eq(phub__handover_drop(hub, hubs_bytes("a")), 1);
    ck_assert_int_eq(phub__handover_drop(hub, hubs_bytes("a")), 0);
    ck_assert_uint_eq(phub__handover_size(hub), 0);
}

static void keep_two(struct phub__hub *hub, void *arg)
{
    (void)arg;
    ck_assert_int_eq(keep(hub, "a", PHUB__HANDOVER_PRESENT, 0, 1, 1000), 0);
    ck_assert_int_eq(keep(hub, "b", PHUB__HANDOVER_PRESENT, 0, 1, 600000),
                     0);
}

START_TEST(at_the_limit_a_checkpoint_gives_way_and_nothing_else)
{
    hubs_new(&hubs, 1, "hotswap", 5);
    hubs_do(&hubs, 0, _i == 0 ? keep_too_many : keep_too_much, NULL);
    hubs_free(&hubs);
}
END_TEST

START_TEST(what_comes_later_counts)
{
    hubs_new(&hubs, 1, "hotswap", 5);
    hubs_do(&hubs, 0, keep_in_order, NULL);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_state_is_kept_for_its_time_to_live)
{
    hubs_new(&hubs, 1, "hotswap", 5);
    hubs_do(&hubs, 0, keep_two, NULL);
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(phub__handover_count(hubs_hub(&hubs, 0)), 1);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.handovers_expired, 1);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("handover");
    TCase *tc = tcase_create("handover");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_survivor_goes_on_from_the_last_checkpoint, 0,
                        2);
    tcase_add_test(tc, a_checkpoint_is_kept_where_its_child_does_not_run);
    tcase_add_test(tc, a_spec_that_does_not_ask_has_no_checkpoint);
    tcase_add_test(tc, a_later_checkpoint_replaces_the_one_before);
    tcase_add_test(tc, what_a_drain_has_left_has_checkpoints_still);
    tcase_add_test(tc, a_drained_node_keeps_the_state_of_one_that_leaves);
    tcase_add_test(tc, a_checkpoint_of_an_earlier_home_is_never_used);
    tcase_add_test(tc, a_stop_drops_the_checkpoint);
    tcase_add_loop_test(tc, what_a_drain_cannot_move_finds_its_state_there, 0,
                        2);
    tcase_add_test(tc,
        a_silent_child_costs_itself_only_and_its_next_home_is_told);
    tcase_add_loop_test(tc,
        at_the_limit_a_checkpoint_gives_way_and_nothing_else, 0, 2);
    tcase_add_test(tc, what_comes_later_counts);
    tcase_add_test(tc, a_state_is_kept_for_its_time_to_live);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
