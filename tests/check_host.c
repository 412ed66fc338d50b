/* SPDX-License-Identifier: MIT */
/* check_host: what a strategy may ask of its hub, and how it is answered. */
#include "config.h"

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/tally.h"
#include "hub_fixture.h"
#include "wire/buf.h"

static struct hubs hubs;
static char plugin[512];

static void begin(uint32_t count)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin };
    hubs_new(&hubs, count, "hotswap", 21);
    hubs_run(&hubs, 2000);
}

static uint64_t counted(const char *name)
{
    return phub__tally_get(
        &hubs_hub(&hubs, 0)->tallies[PHUB_KIND_PARTITION], name);
}

/* In a turn of node 0, as its partition strategy sees the host. */
static const struct phub_host *host;
static struct phub_ctx *ctx;

static void turn(struct phub__hub *hub, void *arg)
{
    void (*const *fn)(void) = arg;

    host = hub->strategies[PHUB_KIND_PARTITION]->host;
    ctx = hub->strategies[PHUB_KIND_PARTITION]->ctx;
    (*fn)();
}

static void as_strategy(void (*fn)(void))
{
    hubs_do(&hubs, 0, turn, &fn);
}

/* --- later and elsewhere ---------------------------------------------------- */

static void defer_two(void)
{
    ck_assert_int_eq(host->defer(ctx, 1), 0);
    ck_assert_int_eq(host->defer(ctx, 2), 0);
    ck_assert_uint_eq(counted("done-1"), 0);
}

START_TEST(what_is_deferred_comes_once_after_the_turn)
{
    begin(1);
    as_strategy(defer_two);
    hubs_run(&hubs, 10);
    ck_assert_uint_eq(counted("done-1"), 1);
    ck_assert_uint_eq(counted("done-2"), 1);
    ck_assert_uint_eq(counted("rc-1"), 0);
    hubs_free(&hubs);
}
END_TEST

static uint32_t worked;

static int double_it(const struct phub_bytes *input, uint8_t *output,
                     uint32_t output_max, uint32_t *output_size)
{
    worked++;
    if (input->size * 2 > output_max)
        return PHUB_ENOPLACE;
    memcpy(output, input->data, input->size);
    memcpy(output + input->size, input->data, input->size);
    *output_size = (uint32_t)input->size * 2;
    return 0;
}

static int boast(const struct phub_bytes *input, uint8_t *output,
                 uint32_t output_max, uint32_t *output_size)
{
    (void)input;
    (void)output;
    *output_size = output_max + 1;
    return 0;
}

static void work_three(void)
{
    struct phub_bytes input = hubs_bytes("abc");

    ck_assert_int_eq(host->work(ctx, double_it, &input, 6, 1), 0);
    ck_assert_int_eq(host->work(ctx, double_it, &input, 5, 2), 0);
    ck_assert_int_eq(host->work(ctx, boast, &input, 5, 3), 0);
    ck_assert_int_eq(host->work(ctx, NULL, &input, 5, 4), PHUB_EINVAL);
    ck_assert_int_eq(host->work(ctx, double_it, &input,
                                PHUB_PLUGIN_WORK_MAX + 1, 4), PHUB_ELIMIT);
    input.size = PHUB_PLUGIN_WORK_MAX + 1;
    ck_assert_int_eq(host->work(ctx, double_it, &input, 1, 4), PHUB_ELIMIT);
    ck_assert_uint_eq(worked, 0);
}

START_TEST(work_is_answered_with_what_the_function_wrote)
{
    begin(1);
    as_strategy(work_three);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(worked, 2);
    ck_assert_uint_eq(counted("done-1"), 1);
    ck_assert_uint_eq(counted("rc-1"), 0);
    ck_assert_uint_eq(counted("size-1"), 6);
    ck_assert_uint_eq(counted("rc-2"), -PHUB_ENOPLACE);
    ck_assert_uint_eq(counted("size-2"), 0);
    ck_assert_uint_eq(counted("rc-3"), -PHUB_ELIMIT);
    ck_assert_uint_eq(counted("done-4"), 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(work_under_way_is_dropped_with_its_hub)
{
    begin(2);
    as_strategy(work_three);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(worked, 0);
    hubs_free(&hubs);
}
END_TEST

/* --- the lease -------------------------------------------------------------- */

static struct phub_lease lease;

static void look_at_lease(void)
{
    memset(&lease, 0xee, sizeof lease);
    lease.size = sizeof lease;
    ck_assert_int_eq(host->lease(ctx, &lease), 0);
    if (lease.deadline_ns != 0)
        ck_assert_uint_gt(lease.deadline_ns, host->now_ns(ctx));
}

START_TEST(the_lease_tells_who_grants_it)
{
    begin(3);
    as_strategy(look_at_lease);
    ck_assert_uint_eq(lease.size, sizeof lease);
    ck_assert_uint_eq(lease.flags, PHUB_LEASE_IN_CHARGE);
    ck_assert_uint_ne(lease.deadline_ns, 0);
    ck_assert_uint_eq(lease.electorate, 3);
    ck_assert_uint_eq(lease.grants, 2);
    ck_assert_uint_eq(lease.weight, 2);
    ck_assert_uint_eq(lease.weight_all, 3);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    phub__sim_node_kill(hubs_node(&hubs, 2));
    hubs_run(&hubs, 20000);
    as_strategy(look_at_lease);
    ck_assert_uint_eq(lease.electorate, 1);
    ck_assert_uint_eq(lease.grants, 1);
    ck_assert_uint_eq(lease.flags, PHUB_LEASE_IN_CHARGE);
    hubs_free(&hubs);
}
END_TEST

static void look_shortly(void)
{
    memset(&lease, 0xee, sizeof lease);
    lease.size = offsetof(struct phub_lease, grants);
    ck_assert_int_eq(host->lease(ctx, &lease), 0);
    ck_assert_uint_eq(lease.size, offsetof(struct phub_lease, grants));
    ck_assert_uint_eq(lease.grants, 0xeeeeeeeeu);
}

START_TEST(an_older_struct_is_filled_as_far_as_it_goes)
{
    begin(1);
    as_strategy(look_shortly);
    hubs_free(&hubs);
}
END_TEST

/* --- the store -------------------------------------------------------------- */

static int put(const char *key, const char *value, uint64_t token)
{
    struct phub_bytes k = hubs_bytes(key), v = hubs_bytes(value);

    return host->store_put(ctx, &k, &v, token);
}

static void holds(const char *key, const char *value)
{
    struct phub_bytes k = hubs_bytes(key);
    struct phub_buf *buf = NULL;

    if (value == NULL) {
        ck_assert_int_eq(host->store_get(ctx, &k, &buf), PHUB_ENOTFOUND);
        return;
    }
    ck_assert_int_eq(host->store_get(ctx, &k, &buf), 0);
    ck_assert_mem_eq(host->buf_bytes(buf).data, value, strlen(value));
    ck_assert_uint_eq(host->buf_bytes(buf).size, strlen(value));
    host->buf_unref(buf);
}

static void put_three(void)
{
    struct phub_bytes drop = hubs_bytes("c");

    ck_assert_int_eq(put("b", "two", 1), 0);
    ck_assert_int_eq(put("a", "one", 2), 0);
    ck_assert_int_eq(put("c", "three", 3), 0);
    holds("b", "two");
    ck_assert_int_eq(put("b", "zwei", 4), 0);
    ck_assert_int_eq(put("d", "", 5), 0);
    ck_assert_int_eq(host->store_drop(ctx, &drop, 6), 0);
    ck_assert_int_eq(host->store_sync(ctx, 7), 0);
    ck_assert_uint_eq(counted("done-1"), 0);
}

static void holds_three(void)
{
    holds("a", "one");
    holds("b", "zwei");
    holds("c", NULL);
    holds("d", "");
}

START_TEST(what_was_put_is_there_after_a_power_cut)
{
    char name[24];
    int i;

    begin(1);
    as_strategy(put_three);
    as_strategy(holds_three);
    hubs_run(&hubs, 1000);
    for (i = 1; i <= 7; i++) {
        snprintf(name, sizeof name, "done-%d", i);
        ck_assert_uint_eq(counted(name), 1);
        snprintf(name, sizeof name, "rc-%d", i);
        ck_assert_uint_eq(counted(name), 0);
    }
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_start(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1000);
    as_strategy(holds_three);
    hubs_free(&hubs);
}
END_TEST

static void put_one(void)
{
    ck_assert_int_eq(put("a", "one", 1), 0);
}

static void put_again(void)
{
    holds("a", "one");
    ck_assert_int_eq(host->store_sync(ctx, 2), 0);
}

START_TEST(a_full_disk_is_told_and_the_next_write_takes_all)
{
    begin(1);
    phub__sim_node_disk_full(hubs_node(&hubs, 0), 1);
    as_strategy(put_one);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(counted("done-1"), 1);
    ck_assert_uint_ne(counted("rc-1"), 0);
    phub__sim_node_disk_full(hubs_node(&hubs, 0), 0);
    as_strategy(put_again);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(counted("done-2"), 1);
    ck_assert_uint_eq(counted("rc-2"), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_start(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1000);
    as_strategy(put_again);
    hubs_free(&hubs);
}
END_TEST

static void put_too_much(void)
{
    static uint8_t bytes[PHUB_STORE_SIZE_MAX + 1];
    struct phub_bytes key = { (const uint8_t *)"k", 1 };
    struct phub_bytes value = { bytes, PHUB_STORE_SIZE_MAX };
    char name[16];
    uint32_t i;

    ck_assert_int_eq(host->store_put(ctx, &key, &value, 1), PHUB_ELIMIT);
    value.size = PHUB_STORE_SIZE_MAX - 1;
    ck_assert_int_eq(host->store_put(ctx, &key, &value, 1), 0);
    ck_assert_int_eq(host->store_put(ctx, &key, &value, 1), 0);
    ck_assert_int_eq(put("l", "", 1), PHUB_ELIMIT);
    value.size = 0;
    ck_assert_int_eq(host->store_put(ctx, &key, &value, 1), 0);
    for (i = 1; i < PHUB_STORE_KEYS_MAX; i++) {
        snprintf(name, sizeof name, "key%u", i);
        ck_assert_int_eq(put(name, "x", 1), 0);
    }
    ck_assert_int_eq(put("one more", "x", 1), PHUB_ELIMIT);
    ck_assert_int_eq(put("key1", "y", 1), 0);
    holds("key1", "y");
    holds("one more", NULL);
    ck_assert_int_eq(put("", "x", 1), PHUB_EINVAL);
    key = (struct phub_bytes){ bytes, PHUB_STORE_KEY_MAX + 1 };
    ck_assert_int_eq(host->store_put(ctx, &key, &value, 1), PHUB_EINVAL);
}

START_TEST(the_store_says_no_at_its_limits)
{
    begin(1);
    as_strategy(put_too_much);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(counted("rc-1"), 0);
    hubs_free(&hubs);
}
END_TEST

static void spoil(struct phub__hub *hub, void *arg)
{
    (void)arg;
    ck_assert_int_eq(hub->env->file_do(hub->env, PHUB__FILE_REPLACE,
                                       "strategy-partition-hoarder",
                                       "not what was written", 20, NULL,
                                       NULL), 0);
}

/* The fixture gives up when a hub does not start. */
START_TEST(a_damaged_store_stops_the_start)
{
    begin(2);
    hubs_do(&hubs, 0, spoil, NULL);
    hubs_run(&hubs, 100);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    phub__sim_node_start(hubs_node(&hubs, 0));
}
END_TEST

/* --- nodes and children ------------------------------------------------------ */

static void look_at_labels(void)
{
    struct phub_bytes rack = hubs_bytes("rack"), ra = hubs_bytes("ra");
    struct phub_bytes disk = hubs_bytes("disk"), value;
    struct phub_view *view = host->view(ctx);
    struct phub_view_node node = { .size = sizeof node };

    ck_assert_int_eq(host->view_label(view, hubs.ids[0], &disk, &value), 0);
    ck_assert_uint_eq(value.size, 3);
    ck_assert_mem_eq(value.data, "ssd", 3);
    ck_assert_int_eq(host->view_label(view, hubs.ids[1], &rack, &value), 0);
    ck_assert_mem_eq(value.data, "2", 1);
    ck_assert_int_eq(host->view_label(view, hubs.ids[1], &disk, &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->view_label(view, hubs.ids[1], &ra, &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->view_label(view, 12345, &rack, &value),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->view_node(view, 0, &node), 0);
    ck_assert_uint_ne(node.labels.size, 0);
}

START_TEST(labels_of_all_members_are_in_the_view)
{
    begin(2);
    as_strategy(look_at_labels);
    hubs_free(&hubs);
}
END_TEST

static void send_to_some(void)
{
    struct phub_bytes message = hubs_bytes("hello");
    uint64_t nodes[3] = { hubs.ids[1], 12345, hubs.ids[2] };
    uint32_t sent = 9;

    ck_assert_int_eq(host->peer_multicast(ctx, nodes, 3, &message, &sent),
                     PHUB_ENODEDOWN);
    ck_assert_uint_eq(sent, 2);
    ck_assert_int_eq(host->peer_multicast(ctx, nodes, 1, &message, NULL), 0);
    ck_assert_int_eq(host->peer_congested(ctx, hubs.ids[1]), 0);
    message.size = PHUB_PLUGIN_MESSAGE_MAX + 1;
    ck_assert_int_eq(host->peer_multicast(ctx, nodes, 1, &message, &sent),
                     PHUB_ELIMIT);
    ck_assert_uint_eq(sent, 0);
}

START_TEST(a_message_goes_to_those_who_are_named)
{
    begin(3);
    as_strategy(send_to_some);
    hubs_free(&hubs);
}
END_TEST

static void passive_then_stop(void)
{
    struct phub_bytes child = hubs_bytes("c"), none = hubs_bytes("none");

    ck_assert_int_eq(host->child_role(ctx, &child, PHUB_ROLE_PASSIVE, 1), 0);
    ck_assert_int_eq(host->child_role(ctx, &child, 2, 9), PHUB_EINVAL);
    ck_assert_int_eq(host->child_role(ctx, &none, PHUB_ROLE_PASSIVE, 9),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->child_stop(ctx, &none, 5000, 2), 0);
}

static void stop_it(void)
{
    struct phub_bytes child = hubs_bytes("c");

    ck_assert_int_eq(host->child_stop(ctx, &child, 5000, 3), 0);
}

START_TEST(a_child_hears_its_role_and_is_stopped)
{
    begin(1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim role"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    as_strategy(passive_then_stop);
    hubs_run(&hubs, 6000);
    ck_assert_uint_eq(counted("done-1"), 1);
    ck_assert_uint_eq(counted("rc-1"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 0);
    ck_assert_uint_eq(counted("rc-2"), -PHUB_ENOTFOUND);
    as_strategy(stop_it);
    hubs_run(&hubs, 6000);
    ck_assert_uint_eq(counted("done-3"), 1);
    ck_assert_uint_eq(counted("rc-3"), 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
    hubs_free(&hubs);
}
END_TEST

static void say_nothing(void)
{
    static const struct phub_bytes child = { (const uint8_t *)"c", 1 };
    struct phub_bytes text;
    uint64_t value;

    host->log(ctx, PHUB__LOG_DEBUG, NULL);
    host->cause_note(ctx, &child, NULL);
    host->move_report(ctx, &child, 0, NULL);
    host->counter_add(ctx, NULL, 1);
    ck_assert_int_eq(host->move_abort(ctx, 1, NULL, 1), PHUB_EINVAL);
    ck_assert_int_eq((host->fail)(ctx, PHUB_EPLUGIN, NULL), PHUB_EPLUGIN);
    ck_assert_int_ne(host->param_uint(ctx, NULL, &value), 0);
    ck_assert_int_ne(host->param_text(ctx, NULL, &text), 0);
}

START_TEST(a_text_may_be_null)
{
    begin(1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    as_strategy(say_nothing);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    hubs_free(&hubs);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("host");
    TCase *tc = tcase_create("later");

    tcase_add_test(tc, what_is_deferred_comes_once_after_the_turn);
    tcase_add_test(tc, work_is_answered_with_what_the_function_wrote);
    tcase_add_test(tc, work_under_way_is_dropped_with_its_hub);
    suite_add_tcase(s, tc);
    tc = tcase_create("lease");
    tcase_add_test(tc, the_lease_tells_who_grants_it);
    tcase_add_test(tc, an_older_struct_is_filled_as_far_as_it_goes);
    suite_add_tcase(s, tc);
    tc = tcase_create("store");
    tcase_add_test(tc, what_was_put_is_there_after_a_power_cut);
    tcase_add_test(tc, a_full_disk_is_told_and_the_next_write_takes_all);
    tcase_add_test(tc, the_store_says_no_at_its_limits);
    tcase_add_test_raise_signal(tc, a_damaged_store_stops_the_start, SIGABRT);
    suite_add_tcase(s, tc);
    tc = tcase_create("peers");
    tcase_add_test(tc, labels_of_all_members_are_in_the_view);
    tcase_add_test(tc, a_message_goes_to_those_who_are_named);
    tcase_add_test(tc, a_child_hears_its_role_and_is_stopped);
    tcase_add_test(tc, a_text_may_be_null);
    suite_add_tcase(s, tc);
    return s;
}

int main(void)
{
    SRunner *runner = srunner_create(suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
