/* SPDX-License-Identifier: MIT */
/* check_state: states of children, as a strategy reads and keeps them. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/local.h"
#include "hub/tally.h"
#include "hub_fixture.h"
#include "wire/buf.h"

static struct hubs hubs;
static char plugin[512];
static uint32_t home, other;

static void begin(const char *words)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin };
    hubs_new(&hubs, 2, "hotswap", 31);
    hubs_run(&hubs, 3000);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", words), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &home), 1);
    other = 1 - home;
}

static uint64_t counted(uint32_t node, const char *name)
{
    return phub__tally_get(
        &hubs_hub(&hubs, node)->tallies[PHUB_KIND_PARTITION], name);
}

/* In a turn of a node, as its partition strategy sees the host. */
static const struct phub_host *host;
static struct phub_ctx *ctx;

static void turn(struct phub__hub *hub, void *arg)
{
    void (*const *fn)(void) = arg;

    host = hub->strategies[PHUB_KIND_PARTITION]->host;
    ctx = hub->strategies[PHUB_KIND_PARTITION]->ctx;
    (*fn)();
}

static void as_strategy(uint32_t node, void (*fn)(void))
{
    hubs_do(&hubs, node, turn, &fn);
}

/* --- reading ----------------------------------------------------------------- */

static int rc;

static void read_state(void)
{
    struct phub_bytes child = hubs_bytes("c"), none = hubs_bytes("none");

    ck_assert_int_eq(host->child_state(ctx, &none, 1000, 9), PHUB_ENOTFOUND);
    rc = host->child_state(ctx, &child, 0, 9);
    if (rc == PHUB_EINVAL)
        rc = host->child_state(ctx, &child, 1000, 1);
}

START_TEST(a_state_is_read_while_the_child_goes_on)
{
    begin("sim state freeze");
    hubs_update(&hubs, "c", 1, 7);
    as_strategy(home, read_state);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(counted(home, "done-1"), 1);
    ck_assert_uint_eq(counted(home, "rc-1"), 0);
    ck_assert_uint_gt(counted(home, "size-1"), 0);
    hubs_update(&hubs, "c", 8, 9);
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 9);
    as_strategy(other, read_state);
    ck_assert_int_eq(rc, PHUB_ENOTFOUND);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_child_without_a_state_says_so)
{
    begin("sim");
    as_strategy(home, read_state);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(counted(home, "rc-1"), -PHUB_EUNSUPPORTED);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_child_on_its_way_is_not_asked)
{
    struct hubs_result moved;

    begin("sim state freeze");
    hubs_move_send(&hubs, home, "c", other, &moved);
    as_strategy(home, read_state);
    ck_assert_int_eq(rc, PHUB_EBUSY);
    hubs_wait(&hubs, &moved);
    ck_assert_int_eq(moved.codes[0], 0);
    hubs_free(&hubs);
}
END_TEST

/* --- keeping ------------------------------------------------------------------ */

static uint64_t where;
static uint32_t ttl_ms;

/* A state of the simulated child, as it would give it: what is read first. */
static struct phub_buf *mine;

static void take(void *arg, int code, const char *text, struct phub_buf *body)
{
    (void)arg;
    (void)text;
    ck_assert_int_eq(code, 0);
    mine = phub__buf_ref(body);
}

static void take_turn(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__instance_take_state(
        phub__local_find(hub, hubs_bytes("c"))->instance, 1000, take, NULL);
}

static void put(void)
{
    struct phub_bytes child = hubs_bytes("c");

    rc = host->handover_put(ctx, where, &child, mine, ttl_ms, 2);
}

static void look(void)
{
    struct phub_bytes child = hubs_bytes("c");
    struct phub_buf *state = NULL;
    uint64_t version = 99;

    rc = host->handover_get(ctx, &child, &state, &version);
    if (rc != 0)
        return;
    ck_assert_uint_eq(state->size, mine->size);
    ck_assert_mem_eq(state->data, mine->data, mine->size);
    ck_assert_uint_eq(version, mine->version);
    host->buf_unref(state);
}

static void drop(void)
{
    struct phub_bytes child = hubs_bytes("c");

    rc = host->handover_drop(ctx, &child);
}

static void keep(const char *words)
{
    begin(words);
    hubs_update(&hubs, "c", 1, 5);
    hubs_do(&hubs, home, take_turn, NULL);
    hubs_run(&hubs, 300);
    ck_assert_ptr_nonnull(mine);
    where = hubs.ids[other];
    ttl_ms = 60000;
    as_strategy(home, put);
}

static int runs_there(struct hubs *h, const void *none)
{
    uint32_t at;

    (void)none;
    return hubs_acting(h, "c", &at) == 1 && at == other;
}

START_TEST(a_state_that_was_kept_is_what_a_survivor_begins_with)
{
    keep("sim state freeze checkpoint=600000");
    ck_assert_int_eq(rc, 0);
    as_strategy(home, put);
    ck_assert_int_eq(rc, PHUB_EBUSY);
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(counted(home, "done-2"), 1);
    ck_assert_uint_eq(counted(home, "rc-2"), 0);
    as_strategy(other, look);
    ck_assert_int_eq(rc, 0);
    as_strategy(home, look);
    ck_assert_int_eq(rc, PHUB_ENOTFOUND);
    hubs_update(&hubs, "c", 6, 8);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    ck_assert(hubs_until(&hubs, 60000, runs_there, NULL));
    ck_assert_uint_eq(hubs_counter(&hubs, "c"), 5);
    phub__buf_unref(&mine);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_kept_state_is_dropped_or_expires)
{
    keep("sim state freeze checkpoint=600000");
    hubs_run(&hubs, 500);
    as_strategy(other, drop);
    ck_assert_int_eq(rc, 0);
    as_strategy(other, look);
    ck_assert_int_eq(rc, PHUB_ENOTFOUND);
    as_strategy(other, drop);
    ck_assert_int_eq(rc, PHUB_ENOTFOUND);
    ttl_ms = 2000;
    as_strategy(home, put);
    hubs_run(&hubs, 500);
    as_strategy(other, look);
    ck_assert_int_eq(rc, 0);
    hubs_run(&hubs, 2000);
    as_strategy(other, look);
    ck_assert_int_eq(rc, PHUB_ENOTFOUND);
    phub__buf_unref(&mine);
    hubs_free(&hubs);
}
END_TEST

static void misuse(void)
{
    struct phub_bytes child = hubs_bytes("c"), none = hubs_bytes("none");

    ck_assert_int_eq(host->handover_put(ctx, where, &child, NULL, 1000, 9),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->handover_put(ctx, where, &child, mine, 0, 9),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->handover_put(ctx, where, &child, mine,
                                        PHUB_HANDOVER_TTL_MAX_MS + 1, 9),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->handover_put(ctx, hubs.ids[home], &child, mine,
                                        1000, 9), PHUB_ENODEDOWN);
    ck_assert_int_eq(host->handover_put(ctx, 12345, &child, mine, 1000, 9),
                     PHUB_ENODEDOWN);
    ck_assert_int_eq(host->handover_put(ctx, where, &none, mine, 1000, 9),
                     PHUB_ENOTFOUND);
}

START_TEST(a_spec_that_takes_nothing_stale_has_nothing_kept)
{
    keep("sim state freeze");
    ck_assert_int_eq(rc, PHUB_EREFUSED);
    as_strategy(home, misuse);
    phub__buf_unref(&mine);
    hubs_free(&hubs);
}
END_TEST

/* Whoever gave it hears that nobody will keep it. */
START_TEST(a_child_that_ends_tells_who_kept_its_state)
{
    keep("sim state freeze checkpoint=600000");
    ck_assert_int_eq(rc, 0);
    ck_assert_int_eq(hubs_stop(&hubs, home, "c"), 0);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(counted(home, "done-2"), 1);
    phub__buf_unref(&mine);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("state");
    TCase *tcase = tcase_create("state");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, a_state_is_read_while_the_child_goes_on);
    tcase_add_test(tcase, a_child_without_a_state_says_so);
    tcase_add_test(tcase, a_child_on_its_way_is_not_asked);
    tcase_add_test(tcase,
                   a_state_that_was_kept_is_what_a_survivor_begins_with);
    tcase_add_test(tcase, a_kept_state_is_dropped_or_expires);
    tcase_add_test(tcase, a_spec_that_takes_nothing_stale_has_nothing_kept);
    tcase_add_test(tcase, a_child_that_ends_tells_who_kept_its_state);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
