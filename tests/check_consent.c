/* SPDX-License-Identifier: MIT */
/* check_consent: children that say when they may be moved, and what becomes
 * of a move that waits for one. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/keeper.h"
#include "hub_fixture.h"

#define CHILDREN 16u

static struct hubs hubs;
static uint32_t deferred[CHILDREN], agreed;

static void name(char *id, uint32_t i)
{
    snprintf(id, 8, "c%02u", i);
}

static void on_deferred(void *arg, const struct phub_hook_event *event)
{
    char id[8];

    (void)arg;
    for (uint32_t i = 0; i < CHILDREN; i++) {
        name(id, i);
        deferred[i] += strcmp(event->child, id) == 0;
    }
}

static void on_agreed(void *arg, const struct phub_hook_event *event)
{
    (void)arg;
    (void)event;
    agreed++;
}

static void made(struct hubs *h, uint32_t node, struct phub__hub *hub)
{
    uint64_t handle;

    (void)h;
    (void)node;
    ck_assert_int_eq(phub__hooks_add(hub->hooks, "migration_deferred", 0,
                                     on_deferred, NULL, &handle), 0);
    ck_assert_int_eq(phub__hooks_add(hub->hooks, "migration_agreed", 0,
                                     on_agreed, NULL, &handle), 0);
}

static void begin(const char *const *params, const char *migration,
                  uint32_t nodes, const char *words)
{
    char ids[CHILDREN * 8] = "", id[8];

    memset(deferred, 0, sizeof deferred);
    agreed = 0;
    hubs = (struct hubs){ .made = made, .distribution_params = params,
                          .distribution_params_count = params != NULL };
    hubs_new(&hubs, nodes, migration, 41);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        name(id, i);
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s",
                 i == 0 ? "" : " ", id);
    }
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, words), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static uint32_t all_deferred(void)
{
    uint32_t sum = 0;

    for (uint32_t i = 0; i < CHILDREN; i++)
        sum += deferred[i];
    return sum;
}

struct where {
    char id[8];
    uint64_t node;
};

static void place(struct phub__hub *hub, void *arg)
{
    struct where *where = arg;
    struct phub_bytes id = hubs_bytes(where->id);
    char text[256];

    ck_assert_int_eq(phub__keeper_place(hub, phub__hub_view(hub), &id, NULL,
                                        1, PHUB_CAUSE_NODE_JOINED,
                                        &where->node, text, sizeof text), 0);
}

/* Children that act on another node than the one they belong on. */
static uint32_t misplaced(void)
{
    struct where where;
    uint32_t at = 9, count = 0;

    for (uint32_t i = 0; i < CHILDREN; i++) {
        name(where.id, i);
        hubs_do(&hubs, 0, place, &where);
        ck_assert_uint_eq(hubs_acting(&hubs, where.id, &at), 1);
        count += hubs.ids[at] != where.node;
    }
    return count;
}

/* The circle alone decides, so it is known where each belongs. */
START_TEST(a_move_that_was_put_off_goes_where_its_child_belongs_then)
{
    static const char *const params[] = { "bound_percent=0" };

    begin(params, "hotswap", 1, "sim state freeze consent defer=2");
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    ck_assert_uint_gt(all_deferred(), 0);
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    hubs_run(&hubs, 90000);
    ck_assert_uint_eq(misplaced(), 0);
    end();
}
END_TEST

static uint64_t pending(uint32_t node)
{
    return hubs_hub(&hubs, node)
        ->strategies[PHUB_KIND_MIGRATION]->ctx->moving;
}

START_TEST(who_ends_while_its_move_is_put_off_is_not_asked_again)
{
    char ids[CHILDREN * 8] = "", id[8];
    uint32_t asked;

    begin(NULL, "coldswap", 1, "sim state freeze consent defer=1000000");
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    asked = all_deferred();
    ck_assert_uint_gt(asked, 0);
    ck_assert_uint_eq(pending(0), asked);
    for (uint32_t i = 0; i < CHILDREN; i++) {
        name(id, i);
        snprintf(ids + strlen(ids), sizeof ids - strlen(ids), "%s%s",
                 i == 0 ? "" : " ", id);
    }
    ck_assert_int_eq(hubs_stop(&hubs, 1, ids), 0);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(all_deferred(), asked);
    ck_assert_uint_eq(pending(0), 0);
    /* Who has the same name is another, and is not moved for the first. */
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim state freeze"), 0);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(all_deferred(), asked);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.moves_completed, 0);
    end();
}
END_TEST

/* It is asked again after 10 s, and not before. */
START_TEST(one_that_agrees_is_moved_at_once)
{
    static const char *const words[] = {
        "sim state freeze consent defer=1000000 agree=700",
        "sim state freeze consent defer=1000000" };
    static const char *const swaps[] = { "hotswap", "coldswap" };
    uint32_t asked;

    begin(NULL, swaps[_i % 2], 1, words[_i / 2]);
    (void)hubs_add(&hubs);
    ck_assert(hubs_until(&hubs, 20000, hubs_agree, NULL));
    while (all_deferred() == 0)
        hubs_run(&hubs, 10);
    hubs_run(&hubs, 300);
    asked = all_deferred();
    ck_assert_uint_eq(pending(0), asked);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.moves_completed, 0);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(all_deferred(), asked);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.moves_completed,
                      _i < 2 ? asked : 0);
    ck_assert_uint_eq(pending(0), _i < 2 ? 0 : asked);
    end();
}
END_TEST

/* The second time it consents, and cannot start there: what it says after that
 * is about nothing. */
START_TEST(who_agrees_and_has_not_refused_is_not_heard)
{
    begin(NULL, "hotswap", 1, "sim state freeze consent defer=1 agree=15000");
    (void)hubs_add(&hubs);
    phub__sim_node_no_exec(hubs_node(&hubs, 1), 1);
    hubs_settle(&hubs);
    hubs_run(&hubs, 12000);
    ck_assert_uint_gt(all_deferred(), 0);
    ck_assert_uint_eq(pending(0), 0);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(agreed, 0);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.moves_completed, 0);
    end();
}
END_TEST

/* Of those that put it off. */
static void one_of_them(char *id)
{
    for (uint32_t i = 0; i < CHILDREN; i++)
        if (deferred[i] > 0) {
            name(id, i);
            return;
        }
    ck_abort_msg("no child put its move off");
}

/* People do not ask the child, and need not wait until somebody else has. */
START_TEST(an_operators_move_takes_the_place_of_one_that_was_put_off)
{
    static const char *const swaps[] = { "hotswap", "coldswap" };
    uint32_t to = 1 + (uint32_t)_i / 2, at = 9;
    uint64_t waiting;
    char id[8];

    begin(NULL, swaps[_i % 2], 1, "sim state freeze consent defer=1000000");
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    one_of_them(id);
    if (to == 2)
        (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    waiting = pending(0);
    ck_assert_int_eq(hubs_move(&hubs, 1, id, to), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
    ck_assert_uint_eq(at, to);
    ck_assert_uint_eq(pending(0), waiting - 1);
    ck_assert_uint_eq(hubs_hub(&hubs, 0)->counters.moves_completed, 1);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
    ck_assert_uint_eq(at, to);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("consent");
    TCase *tc = tcase_create("consent");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc,
                   a_move_that_was_put_off_goes_where_its_child_belongs_then);
    tcase_add_test(tc, who_ends_while_its_move_is_put_off_is_not_asked_again);
    tcase_add_loop_test(tc, one_that_agrees_is_moved_at_once, 0, 4);
    tcase_add_test(tc, who_agrees_and_has_not_refused_is_not_heard);
    tcase_add_loop_test(tc,
        an_operators_move_takes_the_place_of_one_that_was_put_off, 0, 4);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
