/* SPDX-License-Identifier: MIT */
/* check_replica: more than one instance of a child, in a simulated hub. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/redistribute.h"
#include "hub/replica.h"
#include "hub_fixture.h"

#define MANNER "sim state freeze role"

static struct hubs hubs;

static void begin(uint32_t nodes, const char *factor, const char *mode)
{
    static const char *params[2];

    params[0] = factor;
    params[1] = mode;
    hubs.redundancy = "replication";
    hubs.redundancy_params = params;
    hubs.redundancy_params_count = 2;
    hubs_new(&hubs, nodes, "hotswap", 7);
}

static void end(void)
{
    hubs_free(&hubs);
    hubs.redundancy = NULL;
    hubs.redundancy_params_count = 0;
}

struct wanted {
    uint32_t instances, acting;
};

static int has(struct hubs *h, const void *arg)
{
    const struct wanted *wanted = arg;

    return hubs_agree(h, NULL) &&
           hubs_instances(h, "c", NULL) == wanted->instances &&
           hubs_acting(h, "c", NULL) == wanted->acting;
}

static void becomes(uint32_t instances, uint32_t acting)
{
    struct wanted wanted = { instances, acting };

    ck_assert_msg(hubs_until(&hubs, 60000, has, &wanted),
                  "%u instances, %u act; %u and %u expected",
                  hubs_instances(&hubs, "c", NULL),
                  hubs_acting(&hubs, "c", NULL), instances, acting);
    hubs_run(&hubs, 5000);
    ck_assert(has(&hubs, &wanted));
}

/* Whether node runs an instance of c that does not act; serial of it. */
static int waits_on(uint32_t node, uint64_t *serial)
{
    struct phub__sim_child *child = NULL;
    struct phub__sim_child_facts facts;

    while ((child = phub__sim_child_next(hubs.world, child)) != NULL) {
        phub__sim_child_facts(child, &facts);
        if (facts.id.size != 1 || facts.id.data[0] != 'c' || facts.acts ||
            phub__sim_node_index(facts.node) != node)
            continue;
        *serial = facts.serial;
        return 1;
    }
    return 0;
}

static uint32_t waiting_node(uint64_t *serial)
{
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++)
        if (waits_on(i, serial))
            return i;
    ck_abort_msg("no instance waits");
}

static uint64_t acting_serial(uint32_t *node)
{
    struct phub__sim_child_facts facts;

    phub__sim_child_facts(hubs_child(&hubs, "c"), &facts);
    *node = phub__sim_node_index(facts.node);
    return facts.serial;
}

START_TEST(as_many_run_as_asked_for_and_one_is_active)
{
    begin(4, "factor=3", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 1);
    ck_assert_int_eq(hubs_stop(&hubs, 1, "c"), 0);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 0);
    end();
}
END_TEST

START_TEST(all_act_if_all_are_active)
{
    begin(4, "factor=3", "mode=active_active");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 3);
    end();
}
END_TEST

static int no_factor(void *self, const struct phub_view *view,
                     uint32_t *factor)
{
    (void)self;
    (void)view;
    *factor = 0;
    return 0;
}

START_TEST(a_strategy_that_fails_is_told_of_until_it_works_again)
{
    struct phub__strategy *strategy;
    int (*factor)(void *self, const struct phub_view *view, uint32_t *factor);
    struct phub__hub *hub;

    begin(3, "factor=2", "mode=active_passive");
    hub = hubs_hub(&hubs, 0);
    strategy = hub->strategies[PHUB_KIND_REDUNDANCY];
    factor = strategy->ops.redundancy.factor;
    strategy->ops.redundancy.factor = no_factor;
    ck_assert_uint_eq(phub__replica_factor(hub, phub__hub_view(hub), 0), 1);
    ck_assert_int_ne(hub->redundancy_failing, 0);
    strategy->ops.redundancy.factor = factor;
    ck_assert_uint_eq(phub__replica_factor(hub, phub__hub_view(hub), 0), 2);
    ck_assert_int_eq(hub->redundancy_failing, 0);
    end();
}
END_TEST

START_TEST(no_more_run_than_there_are_nodes)
{
    begin(2, "factor=5", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    (void)hubs_add(&hubs);
    becomes(3, 1);
    end();
}
END_TEST

START_TEST(one_that_waits_is_promoted_where_it_is_when_the_active_is_lost)
{
    uint64_t serial;
    uint32_t waiting, active, after;

    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    waiting = waiting_node(&serial);
    (void)acting_serial(&active);
    phub__sim_node_power_off(hubs_node(&hubs, active));
    becomes(2, 1);
    ck_assert_uint_eq(acting_serial(&after), serial);
    ck_assert_uint_eq(after, waiting);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

START_TEST(one_that_waits_is_replaced_and_the_active_one_goes_on)
{
    uint64_t serial, active;
    uint32_t waiting, at, after;

    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    active = acting_serial(&at);
    waiting = waiting_node(&serial);
    phub__sim_node_power_off(hubs_node(&hubs, waiting));
    becomes(2, 1);
    ck_assert_uint_eq(acting_serial(&after), active);
    ck_assert_uint_ne(waiting_node(&serial), waiting);
    end();
}
END_TEST

START_TEST(a_move_to_where_one_waits_takes_the_state_along)
{
    uint64_t serial;
    uint32_t waiting, at;

    begin(3, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    hubs_update(&hubs, "c", 1, 5);
    waiting = waiting_node(&serial);
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", waiting), 0);
    becomes(2, 1);
    (void)acting_serial(&at);
    ck_assert_uint_eq(at, waiting);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

/* --- one that waits moves ------------------------------------------------------- */

static int move_replica(uint32_t from, uint32_t to)
{
    hubs_replica = hubs.ids[from];
    hubs_move(&hubs, (from + 1) % hubs.nodes, "c", to);
    hubs_replica = 0;
    return hubs_last.codes[0];
}

START_TEST(one_that_waits_can_be_moved_by_its_node)
{
    uint64_t serial, active;
    uint32_t from, home, to = 0;

    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    active = acting_serial(&home);
    from = waiting_node(&serial);
    while (to == home || to == from)
        to++;
    ck_assert_int_eq(move_replica(from, to), 0);
    ck_assert(waits_on(to, &serial));
    becomes(2, 1);
    ck_assert_uint_eq(waiting_node(&serial), to);
    ck_assert_uint_eq(acting_serial(&home), active);
    ck_assert_int_eq(move_replica(from, to), PHUB_ENOTFOUND);
    ck_assert_int_eq(move_replica(to, home), PHUB_EREPEATED);
    ck_assert_int_eq(move_replica(to, to), PHUB_EREPEATED);
    becomes(2, 1);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    becomes(2, 1);
    (void)acting_serial(&home);
    ck_assert_uint_eq(home, to);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

START_TEST(one_that_waits_moves_although_its_target_dies)
{
    struct hubs_result result;
    uint64_t serial;
    uint32_t from, home, to = 0;

    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    (void)acting_serial(&home);
    from = waiting_node(&serial);
    while (to == home || to == from)
        to++;
    hubs_replica = hubs.ids[from];
    hubs_move_send(&hubs, home, "c", to, &result);
    hubs_replica = 0;
    hubs_run(&hubs, 4 * (uint64_t)_i);
    phub__sim_node_power_off(hubs_node(&hubs, to));
    hubs_wait(&hubs, &result);
    ck_assert_int_ne(result.codes[0], PHUB_ETIMEDOUT);
    becomes(2, 1);
    end();
}
END_TEST

/* --- handover ----------------------------------------------------------------- */

static int left;

static void on_left(void *arg)
{
    (void)arg;
    left = 1;
}

static void leave(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__hub_stop(hub, 8000, on_left, NULL);
}

static int has_left(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return left;
}

/* The active one's node ends in peace. */
static void active_leaves(void)
{
    uint32_t active;

    (void)acting_serial(&active);
    left = 0;
    hubs_do(&hubs, active, leave, NULL);
    ck_assert(hubs_until(&hubs, 60000, has_left, NULL));
    phub__sim_node_kill(hubs_node(&hubs, active));
}

START_TEST(the_state_of_one_whose_node_leaves_goes_to_the_new_active_one)
{
    uint32_t i;

    begin(4, "factor=3", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 1);
    for (i = 0; i < 3; i++) {
        hubs_update(&hubs, "c", 5 * i + 1, 5 * i + 5);
        active_leaves();
        becomes(i == 0 ? 3 : 3 - i, 1);
        ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5 * i + 5);
    }
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

/* No move is possible: the other nodes migrate by another strategy. */
START_TEST(a_state_that_goes_ahead_reaches_the_one_that_is_promoted)
{
    uint32_t nodes = _i == 0 ? 2 : 4, i;

    begin(nodes, _i == 0 ? "factor=2" : "factor=3", "mode=active_passive");
    for (i = 1; i < nodes; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 20000);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    hubs.migration = "coldswap";
    for (i = 1; i < nodes; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_settle(&hubs);
    becomes(_i == 0 ? 2 : 3, 1);
    hubs_update(&hubs, "c", 1, 5);
    active_leaves();
    becomes(_i == 0 ? 1 : 3, 1);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

START_TEST(there_is_one_on_each_node_as_nodes_come_and_go)
{
    uint32_t i;

    begin(3, "factor=cluster_size", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 1);
    for (i = 0; i < 2; i++)
        (void)hubs_add(&hubs);
    becomes(5, 1);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    becomes(4, 1);
    ck_assert_uint_eq(hubs.doubled, 0);
    end();
}
END_TEST

/* Those children act unless they are told to wait, and wait until they are told
 * to act: what they do says what they heard. */
START_TEST(only_those_roles_are_told_that_are_asked_for)
{
    static const struct {
        const char *signals;
        uint32_t acting, then;   /* then: the active one was lost */
    } cases[] = {
        { "signals=none", 2, 2 }, { "signals=active", 2, 2 },
        { "signals=passive", 1, 0 }, { "signals=all", 1, 1 },
    };
    uint32_t active;

    begin(3, cases[_i].signals, "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, cases[_i].acting);
    (void)hubs_acting(&hubs, "c", &active);
    phub__sim_node_power_off(hubs_node(&hubs, active));
    becomes(2, cases[_i].then);
    end();
}
END_TEST

START_TEST(one_that_does_not_take_its_role_is_started_anew)
{
    uint64_t serial;
    uint32_t active, after;

    begin(3, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim role silent"), 0);
    becomes(2, 1);
    (void)waiting_node(&serial);
    (void)acting_serial(&active);
    phub__sim_node_power_off(hubs_node(&hubs, active));
    becomes(2, 1);
    ck_assert_uint_ne(acting_serial(&after), serial);
    end();
}
END_TEST

START_TEST(every_node_knows_which_one_is_active)
{
    struct phub__lookup lookup;
    uint32_t i, k, active, at;

    begin(4, "factor=3", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 1);
    (void)acting_serial(&at);
    for (i = 0; i < hubs.nodes; i++) {
        ck_assert_int_eq(phub__registry_lookup(hubs_hub(&hubs, i)->registry,
                                               hubs_bytes("c"), &lookup), 0);
        ck_assert_uint_eq(lookup.instances_count, 3);
        ck_assert_uint_eq(lookup.home, hubs.ids[at]);
        for (k = active = 0; k < 3; k++) {
            if (lookup.instances[k].role != PHUB_ROLE_ACTIVE)
                continue;
            active++;
            ck_assert_uint_eq(lookup.instances[k].node, hubs.ids[at]);
        }
        ck_assert_uint_eq(active, 1);
    }
    end();
}
END_TEST

static void drain(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 1);
}

START_TEST(a_drained_node_gives_up_the_ones_that_wait_there)
{
    uint32_t node, i;
    uint64_t serial;

    begin(5, "factor=3", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(3, 1);
    node = waiting_node(&serial);
    hubs_do(&hubs, node, drain, NULL);
    hubs_run(&hubs, 8000);
    becomes(3, 1);
    ck_assert_int_eq(waits_on(node, &serial), 0);
    /* There is no room for as many as were asked for. */
    for (i = 0; i < 2; i++) {
        uint32_t next = waiting_node(&serial);

        hubs_do(&hubs, next, drain, NULL);
        hubs_run(&hubs, 8000);
        becomes(i == 0 ? 3 : 2, 1);
        ck_assert_int_eq(waits_on(next, &serial), 0);
    }
    ck_assert_int_eq(waits_on(node, &serial), 0);
    end();
}
END_TEST

static int over;

static void drained(void *arg, int rc, uint32_t moved, uint32_t rest)
{
    (void)arg;
    (void)moved;
    ck_assert_int_eq(rc, PHUB_ETIMEDOUT);
    ck_assert_uint_eq(rest, 1);
    over = 1;
}

static void drain_for(struct phub__hub *hub, void *arg)
{
    ck_assert_int_eq(phub__drain_start(hub, *(uint64_t *)arg, drained, NULL),
                     0);
}

static int is_over(struct hubs *h, const void *arg)
{
    (void)h;
    (void)arg;
    return over;
}

START_TEST(what_a_drain_could_not_move_keeps_its_replicas)
{
    uint64_t serial, ms = 4000;
    uint32_t node;

    over = 0;
    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER " late-state=60000"),
                     0);
    becomes(2, 1);
    (void)acting_serial(&node);
    hubs_do(&hubs, node, drain_for, &ms);
    ck_assert(hubs_until(&hubs, 10000, is_over, NULL));
    becomes(2, 1);
    phub__sim_node_kill(hubs_node(&hubs, waiting_node(&serial)));
    becomes(2, 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &node), 1);
    ck_assert_int_eq(waits_on(node, &serial), 0);
    end();
}
END_TEST

START_TEST(none_is_moved_to_a_drained_node)
{
    uint32_t node, i;
    uint64_t serial;

    begin(4, "factor=2", "mode=active_passive");
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", MANNER), 0);
    becomes(2, 1);
    node = waiting_node(&serial);
    for (i = 0; i == node || i == hubs_home(&hubs, 0, "c");)
        i++;
    hubs_do(&hubs, i, drain, NULL);
    hubs_run(&hubs, 2000);
    hubs_replica = hubs.ids[node];
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", i), PHUB_ESHUTDOWN);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "takes no children"));
    hubs_replica = 0;
    becomes(2, 1);
    end();
}
END_TEST

START_TEST(masters_and_waiters_spread_over_the_nodes)
{
    char ids[300] = "", id[8];
    uint32_t i, at, by_node[4] = { 0 };
    size_t size = 0;

    begin(4, "factor=2", "mode=active_passive");
    for (i = 0; i < 40; i++)
        size += (size_t)snprintf(ids + size, sizeof ids - size, "%sk%u",
                                 i == 0 ? "" : " ", i);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, MANNER), 0);
    hubs_run(&hubs, 3000);
    for (i = 0; i < 40; i++) {
        snprintf(id, sizeof id, "k%u", i);
        ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
        ck_assert_uint_eq(hubs_instances(&hubs, id, NULL), 2);
        by_node[at]++;
    }
    for (i = 0; i < 4; i++)
        ck_assert_uint_ge(by_node[i], 3);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("replica");
    TCase *tc = tcase_create("replica");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, as_many_run_as_asked_for_and_one_is_active);
    tcase_add_test(tc, all_act_if_all_are_active);
    tcase_add_test(tc, a_strategy_that_fails_is_told_of_until_it_works_again);
    tcase_add_test(tc, no_more_run_than_there_are_nodes);
    tcase_add_test(
        tc, one_that_waits_is_promoted_where_it_is_when_the_active_is_lost);
    tcase_add_test(tc, one_that_waits_is_replaced_and_the_active_one_goes_on);
    tcase_add_test(tc, a_move_to_where_one_waits_takes_the_state_along);
    tcase_add_test(tc, one_that_waits_can_be_moved_by_its_node);
    tcase_add_loop_test(tc, one_that_waits_moves_although_its_target_dies, 0,
                        10);
    tcase_add_test(
        tc, the_state_of_one_whose_node_leaves_goes_to_the_new_active_one);
    tcase_add_loop_test(
        tc, a_state_that_goes_ahead_reaches_the_one_that_is_promoted, 0, 2);
    tcase_add_test(tc, there_is_one_on_each_node_as_nodes_come_and_go);
    tcase_add_test(tc, one_that_does_not_take_its_role_is_started_anew);
    tcase_add_loop_test(tc, only_those_roles_are_told_that_are_asked_for, 0,
                        4);
    tcase_add_test(tc, every_node_knows_which_one_is_active);
    tcase_add_test(tc, a_drained_node_gives_up_the_ones_that_wait_there);
    tcase_add_test(tc, what_a_drain_could_not_move_keeps_its_replicas);
    tcase_add_test(tc, none_is_moved_to_a_drained_node);
    tcase_add_test(tc, masters_and_waiters_spread_over_the_nodes);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
