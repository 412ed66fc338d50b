/* SPDX-License-Identifier: MIT */
/* check_hooks: each event of a hub comes, where and when phub_hook_add(3)
 * says, in a simulated hub whose nodes note all of them. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"

#define SEEN_MAX 4096u
#define LISTED_MAX 8u

struct seen {
    enum phub_hook hook;
    uint32_t on, about;          /* nodes; HUBS_MAX: none */
    int code;
    uint32_t count, listed;
    char child[64], text[128];
    struct { char id[32]; uint32_t node, from; int code; int64_t pid; }
        list[LISTED_MAX];
};

static struct hubs hubs;
static struct seen seen[SEEN_MAX];
static uint32_t seen_count;
static uint8_t tested[PHUB_HOOK_COUNT];

static uint32_t index_of(uint64_t node)
{
    uint32_t i = 0;

    while (i < HUBS_MAX && (node == 0 || hubs.ids[i] != node))
        i++;
    return i;
}

static void note(void *arg, const struct phub_hook_event *event)
{
    struct seen *s = &seen[seen_count];
    uint32_t i;

    ck_assert_uint_lt(seen_count, SEEN_MAX);
    ck_assert_uint_eq(event->size, sizeof *event);
    ck_assert_ptr_nonnull(event->text);
    memset(s, 0, sizeof *s);
    s->hook = event->hook;
    s->on = *(const uint32_t *)arg;
    s->about = index_of(event->node);
    s->code = event->code;
    s->count = event->count;
    s->listed = event->children_count;
    snprintf(s->child, sizeof s->child, "%s",
             event->child != NULL ? event->child : "");
    snprintf(s->text, sizeof s->text, "%s", event->text);
    for (i = 0; i < event->children_count && i < LISTED_MAX; i++) {
        const struct phub_hook_child *child = event->children[i];

        snprintf(s->list[i].id, sizeof s->list[i].id, "%s", child->id);
        s->list[i].node = index_of(child->node);
        s->list[i].from = index_of(child->from);
        s->list[i].code = child->code;
        s->list[i].pid = child->pid;
    }
    seen_count++;
}

static void made(struct hubs *h, uint32_t node, struct phub__hub *hub)
{
    static uint32_t names[HUBS_MAX];
    uint64_t handle;

    names[node] = node;
    h->ids[node] = hub->node;
    ck_assert_int_eq(phub__hooks_add(hub->hooks, "*", 0, note, &names[node],
                                     &handle), 0);
}

/* The place of the first event of that kind on that node from place from on,
 * with that child (NULL: any); fails if there is none. */
static uint32_t after(uint32_t from, enum phub_hook hook, uint32_t on,
                      const char *child)
{
    uint32_t i = from;

    tested[hook] = 1;
    while (i < seen_count &&
           (seen[i].hook != hook || seen[i].on != on ||
            (child != NULL && strcmp(seen[i].child, child) != 0)))
        i++;
    ck_assert_msg(i < seen_count, "no %s on node %u after %u",
                  phub_hook_name(hook), on, from);
    return i;
}

static struct seen *first(enum phub_hook hook, uint32_t on, const char *child)
{
    return &seen[after(0, hook, on, child)];
}

static uint32_t how_often(enum phub_hook hook, uint32_t on)
{
    uint32_t i, n = 0;

    for (i = 0; i < seen_count; i++)
        n += seen[i].hook == hook && seen[i].on == on;
    return n;
}

static void forget(void)
{
    seen_count = 0;
}

static void begin(uint32_t nodes, const char *migration, uint64_t seed)
{
    forget();
    hubs = (struct hubs){ .made = made };
    hubs_new(&hubs, nodes, migration, seed);
}

/* An id whose keeper is that node. */
static const char *kept_by(uint32_t node)
{
    static char id[16];
    uint32_t i;

    for (i = 0; i < 1000; i++) {
        snprintf(id, sizeof id, "c%u", i);
        if (phub__view_keeper(phub__hub_view(hubs_hub(&hubs, 0)),
                              hubs_bytes(id)) == hubs.ids[node])
            return id;
    }
    ck_abort_msg("no such id");
    return NULL;
}

/* --- members ----------------------------------------------------------------- */

static void a_join(void)
{
    uint32_t at;

    begin(1, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2 c3 c4 c5 c6", "sim"), 0);
    forget();
    ck_assert_uint_eq(hubs_add(&hubs), 1);
    hubs_settle(&hubs);
    at = after(0, PHUB_HOOK_pre_node_join, 0, NULL);
    ck_assert_uint_eq(seen[at].about, 1);
    ck_assert_str_eq(seen[at].text, "b");
    at = after(at, PHUB_HOOK_pre_redistribution, 0, NULL);
    ck_assert_str_eq(seen[at].text, "nodes came");
    ck_assert_int_eq(seen[at].code, PHUB_VERDICT_CONTINUE);
    at = after(at, PHUB_HOOK_post_node_join, 0, NULL);
    ck_assert_uint_eq(seen[at].about, 1);
    at = after(at, PHUB_HOOK_migration_started, 0, NULL);
    (void)after(at, PHUB_HOOK_post_redistribution, 0, NULL);
    hubs_free(&hubs);
}

START_TEST(a_join_is_told_before_and_after_its_redistribution)
{
    a_join();
}
END_TEST

static void a_loss(void)
{
    uint32_t home, keeper, at, i;

    begin(3, "coldswap", 5);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    forget();
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, hubs_acts, "c"));
    hubs_run(&hubs, 1000);
    keeper = HUBS_MAX;
    for (i = 0; i < seen_count; i++)
        if (seen[i].hook == PHUB_HOOK_pre_children_redistribution)
            keeper = seen[i].on;
    ck_assert_uint_ne(keeper, HUBS_MAX);
    ck_assert_uint_ne(keeper, home);
    at = after(0, PHUB_HOOK_pre_node_leave, keeper, NULL);
    ck_assert_uint_eq(seen[at].about, home);
    ck_assert_int_eq(seen[at].code, PHUB_ENODEDOWN);
    at = after(at, PHUB_HOOK_pre_redistribution, keeper, NULL);
    ck_assert_str_eq(seen[at].text, "nodes went");
    (void)after(at, PHUB_HOOK_post_node_leave, keeper, NULL);
    at = after(at, PHUB_HOOK_pre_children_redistribution, keeper, NULL);
    ck_assert_uint_eq(seen[at].about, home);
    ck_assert_uint_eq(seen[at].count, 1);
    ck_assert_uint_eq(seen[at].listed, 1);
    ck_assert_str_eq(seen[at].list[0].id, "c");
    ck_assert_uint_eq(seen[at].list[0].from, home);
    ck_assert_uint_eq(seen[at].list[0].node, hubs_home(&hubs, keeper, "c"));
    (void)after(at, PHUB_HOOK_post_redistribution, keeper, NULL);
    at = after(at, PHUB_HOOK_post_children_start, keeper, NULL);
    ck_assert_int_eq(seen[at].list[0].code, 0);
    ck_assert_str_eq(seen[at].text, "its node was lost");
    hubs_free(&hubs);
}

START_TEST(a_loss_is_told_with_what_it_moves)
{
    a_loss();
}
END_TEST

static void a_verdict(void)
{
    static const char *const params[] = { "quorum_size=2" };
    const uint32_t groups[HUBS_MAX] = { 0, 0, 1 };

    forget();
    hubs = (struct hubs){ .made = made, .partition = "static_quorum",
                          .partition_params = params,
                          .partition_params_count = 1 };
    hubs_new(&hubs, 3, "coldswap", 7);
    forget();
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 20000);
    ck_assert_int_ne(first(PHUB_HOOK_partitioned, 2, NULL)->code,
                     PHUB_VERDICT_CONTINUE);
    ck_assert_uint_eq(how_often(PHUB_HOOK_partitioned, 0), 0);
    hubs_free(&hubs);
}

START_TEST(a_change_of_the_verdict_is_told_where_it_changed)
{
    a_verdict();
}
END_TEST

/* --- children ------------------------------------------------------------------ */

static void a_start(void)
{
    const char *id;
    uint32_t home, at, started;

    begin(3, "coldswap", 3);
    id = kept_by(1);
    forget();
    ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, id, &home), 1);
    at = after(0, PHUB_HOOK_pre_children_start, 1, NULL);
    ck_assert_uint_eq(seen[at].about, 0); /* who asked */
    ck_assert_uint_eq(seen[at].count, 1);
    ck_assert_str_eq(seen[at].list[0].id, id);
    at = after(at, PHUB_HOOK_child_registered, 1, id);
    ck_assert_uint_eq(seen[at].about, home);
    started = after(at, PHUB_HOOK_child_started, home, id);
    at = after(started, PHUB_HOOK_post_children_start, 1, NULL);
    ck_assert_str_eq(seen[at].list[0].id, id);
    ck_assert_uint_eq(seen[at].list[0].node, home);
    ck_assert_int_ne(seen[at].list[0].pid, 0);
    ck_assert_str_eq(seen[at].text, "a start");
    forget();
    ck_assert_int_eq(hubs_stop(&hubs, 2, id), 0);
    at = after(0, PHUB_HOOK_child_unregistered, 1, id);
    (void)after(at, PHUB_HOOK_child_ended, home, id);
    hubs_free(&hubs);
}

START_TEST(a_start_and_a_stop_are_told_in_order)
{
    a_start();
}
END_TEST

static void a_failure(void)
{
    const char *id;
    uint32_t at, i;

    begin(2, "coldswap", 3);
    id = kept_by(0);
    forget();
    ck_assert_int_ne(hubs_start(&hubs, 0, id, "sim fail-start"), 0);
    at = after(0, PHUB_HOOK_pre_children_start, 0, NULL);
    at = after(at, PHUB_HOOK_post_children_start, 0, NULL);
    ck_assert_int_ne(seen[at].list[0].code, 0);
    for (i = 0; i < seen_count &&
                seen[i].hook != PHUB_HOOK_child_failed; i++)
        ;
    ck_assert_uint_lt(i, seen_count);
    tested[PHUB_HOOK_child_failed] = 1;
    ck_assert_str_eq(seen[i].child, id);
    ck_assert_int_ne(seen[i].code, 0);
    hubs_free(&hubs);
}

START_TEST(a_start_that_fails_is_told_with_its_code)
{
    a_failure();
}
END_TEST

static int runs_again(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return how_often(PHUB_HOOK_child_pid_updated, 0) == 1;
}

static void a_restart(void)
{
    begin(1, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim flood=3"), 0);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(how_often(PHUB_HOOK_child_started, 0), 1);
    ck_assert_uint_eq(how_often(PHUB_HOOK_child_pid_updated, 0), 0);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    ck_assert(hubs_until(&hubs, 20000, runs_again, NULL));
    ck_assert_uint_eq(how_often(PHUB_HOOK_child_started, 0), 2);
    ck_assert_uint_eq(first(PHUB_HOOK_child_pid_updated, 0, "c")->count, 1);
    hubs_free(&hubs);
}

START_TEST(a_restart_in_place_is_told_once_and_publishing_is_not)
{
    a_restart();
}
END_TEST

static void forward(struct phub__hub *hub, void *arg)
{
    struct phub__op_item item = { .id = hubs_bytes(arg) };
    struct phub__op_request op = { .transaction = 4711, .origin = hub->node,
                                   .op = PHUB__OP_STOP, .timeout_ms = 1000,
                                   .items = { &item, 1 } };

    ck_assert_int_eq(phub__hub_send_op(hub, hubs.ids[1], &op), 0);
}

static void a_forward(void)
{
    char id[16];
    struct seen *s;

    begin(3, "coldswap", 3);
    snprintf(id, sizeof id, "%s", kept_by(2));
    forget();
    hubs_do(&hubs, 0, forward, id); /* to one that is not its keeper */
    hubs_run(&hubs, 1000);
    s = first(PHUB_HOOK_children_forwarded, 1, id);
    ck_assert_uint_eq(s->about, 2);
    ck_assert_str_eq(s->text, "stop");
    hubs_free(&hubs);
}

START_TEST(what_is_passed_on_is_told_by_who_does)
{
    a_forward();
}
END_TEST

static void edit(struct phub__hub *hub, void *arg)
{
    struct phub__op_pair pair = { hubs_bytes("colour"), hubs_bytes("red") };
    struct phub__list pairs = { &pair, 1 };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_edit(hub, hubs_bytes(arg), &pairs, 0, 0,
                                        HUBS_TIMEOUT_MS, hubs_done,
                                        &hubs_last), 0);
}

static void an_edit(void)
{
    char id[16];

    begin(3, "coldswap", 3);
    snprintf(id, sizeof id, "%s", kept_by(1));
    ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim"), 0);
    hubs_do(&hubs, 0, edit, id);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    (void)first(PHUB_HOOK_metadata_changed, 1, id);
    hubs_free(&hubs);
}

START_TEST(new_metadata_is_told_by_the_keeper)
{
    an_edit();
}
END_TEST

/* --- moves ----------------------------------------------------------------------- */

static void a_move(void)
{
    uint32_t home, target, at;

    begin(2, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    target = 1 - home;
    hubs_update(&hubs, "c", 1, 3);
    forget();
    ck_assert_int_eq(hubs_move(&hubs, 0, "c", target), 0);
    at = after(0, PHUB_HOOK_migration_started, home, "c");
    ck_assert_uint_eq(seen[at].about, target);
    (void)after(at, PHUB_HOOK_handover_delivered, target, "c");
    at = after(at, PHUB_HOOK_migration_completed, home, "c");
    ck_assert_uint_eq(seen[at].about, target);
    forget();
    phub__sim_node_no_exec(hubs_node(&hubs, home), 1);
    ck_assert_int_ne(hubs_move(&hubs, 0, "c", home), 0);
    at = after(0, PHUB_HOOK_migration_failed, target, "c");
    ck_assert_int_ne(seen[at].code, 0);
    hubs_free(&hubs);
}

START_TEST(a_move_is_told_at_both_ends)
{
    a_move();
}
END_TEST

static int has_deferred(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return how_often(PHUB_HOOK_migration_deferred, 0) != 0;
}

static void a_deferral(void)
{
    begin(1, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2 c3 c4 c5 c6",
                                "sim state freeze consent defer=2 agree=50"),
                     0);
    (void)hubs_add(&hubs);
    ck_assert(hubs_until(&hubs, 60000, has_deferred, NULL));
    ck_assert_int_ne(first(PHUB_HOOK_migration_deferred, 0, NULL)->code, 0);
    ck_assert_str_ne(first(PHUB_HOOK_migration_deferred, 0, NULL)->child,
                     "");
    hubs_run(&hubs, 200);
    ck_assert_str_ne(first(PHUB_HOOK_migration_agreed, 0, NULL)->child, "");
    hubs_free(&hubs);
}

START_TEST(a_child_that_puts_its_move_off_is_told)
{
    a_deferral();
}
END_TEST

static void stopped(void *arg)
{
    *(int *)arg = 1;
}

static void stop_hub(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 10000, stopped, arg);
}

static int is_set(struct hubs *h, const void *arg)
{
    (void)h;
    return *(const int *)arg;
}

static void a_stop(void)
{
    int over = 0;
    uint32_t at;

    begin(2, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2 c3 c4 c5 c6", "sim"), 0);
    forget();
    hubs_do(&hubs, 1, stop_hub, &over);
    ck_assert(hubs_until(&hubs, 30000, is_set, &over));
    at = after(0, PHUB_HOOK_shutdown, 1, NULL);
    at = after(at, PHUB_HOOK_drain_started, 1, NULL);
    ck_assert_uint_gt(seen[at].count, 0);
    ck_assert_uint_eq(seen[after(at, PHUB_HOOK_drain_completed, 1,
                                 NULL)].count, seen[at].count);
    hubs_run(&hubs, 3000);
    at = after(0, PHUB_HOOK_pre_node_leave, 0, NULL);
    ck_assert_int_eq(seen[at].code, 0);
    hubs_free(&hubs);
}

START_TEST(a_stop_is_told_and_its_drain_before_and_after)
{
    a_stop();
}
END_TEST

/* --- recovery ---------------------------------------------------------------------- */

static void a_recovery(void)
{
    uint32_t at;

    begin(1, "coldswap", 3);
    ck_assert_uint_eq(how_often(PHUB_HOOK_pre_recovery_replay, 0), 0);
    (void)first(PHUB_HOOK_recovery_state_changed, 0, NULL);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2 c3", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1000);
    forget();
    phub__sim_node_start(hubs_node(&hubs, 0));
    ck_assert(hubs_until(&hubs, 60000, hubs_acts, "c1"));
    hubs_run(&hubs, 6000);
    at = after(0, PHUB_HOOK_pre_recovery_replay, 0, NULL);
    ck_assert_uint_eq(seen[at].count, 3);
    ck_assert_uint_lt(at, after(0, PHUB_HOOK_child_started, 0, NULL));
    at = after(at, PHUB_HOOK_post_recovery_replay, 0, NULL);
    ck_assert_uint_eq(seen[at].count, 3);
    at = after(at, PHUB_HOOK_recovery_state_changed, 0, NULL);
    at = after(at, PHUB_HOOK_reconcile_round, 0, NULL);
    ck_assert_uint_eq(how_often(PHUB_HOOK_recovery_state_changed, 0), 1);
    hubs_free(&hubs);
}

START_TEST(a_recovery_is_told_around_its_starts)
{
    a_recovery();
}
END_TEST

static void a_wait(void)
{
    begin(2, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c1 c2 c3", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    forget();
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, 3000);
    (void)first(PHUB_HOOK_recovery_parked, 1, NULL);
    ck_assert_uint_eq(how_often(PHUB_HOOK_recovery_state_changed, 1), 0);
    hubs_free(&hubs);
}

START_TEST(one_that_waits_for_those_it_knows_says_so)
{
    a_wait();
}
END_TEST

static void a_full_disk(void)
{
    begin(1, "coldswap", 3);
    phub__sim_node_disk_full(hubs_node(&hubs, 0), 1);
    (void)hubs_start(&hubs, 0, "c", "sim durable");
    hubs_run(&hubs, 3000);
    ck_assert_int_ne(first(PHUB_HOOK_store_failed, 0, NULL)->code, 0);
    hubs_free(&hubs);
}

START_TEST(durable_rows_that_cannot_be_written_are_told)
{
    a_full_disk();
}
END_TEST

/* --- two sides ------------------------------------------------------------------------ */

static void two_sides(void)
{
    const uint32_t groups[HUBS_MAX] = { 0, 1 };
    uint32_t home, i, overruled = 0;

    begin(2, "coldswap", 3);
    ck_assert_int_eq(hubs_start(&hubs, 0, "old", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "old", &home), 1);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(hubs_acting(&hubs, "old", NULL), 2);
    ck_assert_int_eq(hubs_start(&hubs, 0, "new", "sim"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 1, "new", "sim"), 0);
    forget();
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(hubs_acting(&hubs, "new", NULL), 1);
    ck_assert_uint_eq(hubs_acting(&hubs, "old", NULL), 1);
    ck_assert_uint_eq(first(PHUB_HOOK_reconcile_duplicate, home,
                            "old")->about, 1 - home);
    for (i = 0; i < 2; i++)
        overruled += how_often(PHUB_HOOK_start_overruled, i);
    ck_assert_uint_eq(overruled, 1);
    tested[PHUB_HOOK_start_overruled] = 1;
    hubs_free(&hubs);
}

START_TEST(after_a_split_those_that_end_are_told)
{
    two_sides();
}
END_TEST

/* --- strategies ----------------------------------------------------------------- */

static void a_switch(void)
{
    uint32_t i;

    begin(2, "coldswap", 3);
    forget();
    hubs_switch_send(&hubs, 0, PHUB_KIND_SYNC, "gossip", NULL, &hubs_last);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    for (i = 0; i < 2; i++)
        ck_assert_ptr_nonnull(strstr(
            first(PHUB_HOOK_strategy_changed, i, NULL)->text, "'gossip'"));
    hubs_free(&hubs);
}

START_TEST(another_strategy_is_told_on_each_node)
{
    a_switch();
}
END_TEST

static void a_score(void)
{
    forget();
    hubs = (struct hubs){ .made = made, .distribution = "load_balancer" };
    hubs_new(&hubs, 2, "coldswap", 7);
    hubs_run(&hubs, 20000);
    tested[PHUB_HOOK_scoreboard_updated] = 1;
    ck_assert_uint_ge(how_often(PHUB_HOOK_scoreboard_updated, 0) +
                          how_often(PHUB_HOOK_scoreboard_updated, 1), 1);
    hubs_free(&hubs);
}

START_TEST(scores_of_nodes_are_told_by_who_makes_them)
{
    a_score();
}
END_TEST

/* All has been seen above. */
START_TEST(no_event_is_without_a_test)
{
    static void (*const all[])(void) = {
        a_join, a_loss, a_verdict, a_start, a_failure, a_restart, a_forward,
        an_edit, a_move, a_deferral, a_stop, a_recovery, a_wait, a_full_disk,
        two_sides, a_switch, a_score };
    uint32_t i;

    for (i = 0; i < sizeof all / sizeof all[0]; i++)
        all[i]();
    for (i = 0; i < PHUB_HOOK_COUNT; i++)
        ck_assert_msg(tested[i], "%s", phub_hook_name((enum phub_hook)i));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hooks");
    TCase *tc = tcase_create("hooks");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_join_is_told_before_and_after_its_redistribution);
    tcase_add_test(tc, a_loss_is_told_with_what_it_moves);
    tcase_add_test(tc, a_change_of_the_verdict_is_told_where_it_changed);
    tcase_add_test(tc, a_start_and_a_stop_are_told_in_order);
    tcase_add_test(tc, a_start_that_fails_is_told_with_its_code);
    tcase_add_test(tc, a_restart_in_place_is_told_once_and_publishing_is_not);
    tcase_add_test(tc, what_is_passed_on_is_told_by_who_does);
    tcase_add_test(tc, new_metadata_is_told_by_the_keeper);
    tcase_add_test(tc, a_move_is_told_at_both_ends);
    tcase_add_test(tc, a_child_that_puts_its_move_off_is_told);
    tcase_add_test(tc, a_stop_is_told_and_its_drain_before_and_after);
    tcase_add_test(tc, a_recovery_is_told_around_its_starts);
    tcase_add_test(tc, one_that_waits_for_those_it_knows_says_so);
    tcase_add_test(tc, durable_rows_that_cannot_be_written_are_told);
    tcase_add_test(tc, after_a_split_those_that_end_are_told);
    tcase_add_test(tc, another_strategy_is_told_on_each_node);
    tcase_add_test(tc, scores_of_nodes_are_told_by_who_makes_them);
    tcase_add_test(tc, no_event_is_without_a_test);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
