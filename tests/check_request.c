/* SPDX-License-Identifier: MIT */
/* check_request: every request ends, and tells the truth. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub_fixture.h"
#include "wire/memory.h"

static struct hubs hubs;
static struct hubs_result result;

static void setup(void)
{
    memset(&result, 0, sizeof result);
    hubs_new(&hubs, 3, "coldswap", 5);
}

static void teardown(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

/* A request of node a to others that they answer at once. */
static struct phub__request *ask(const uint32_t *nodes, uint32_t count,
                                  uint64_t timeout_ms)
{
    struct phub__request *request = phub__request_new(
        hubs_hub(&hubs, 0), PHUB__OP_END, count, timeout_ms);
    uint32_t i;

    ck_assert_ptr_nonnull(request);
    for (i = 0; i < count; i++) {
        request->items[i].op.id = phub__request_copy(request,
                                                     hubs_bytes("x"));
        request->items[i].op.target = hubs.ids[nodes[i]];
    }
    return request;
}

static void send_it(struct phub__hub *hub, void *arg)
{
    (void)hub;
    phub__request_send(arg, hubs_done, &result);
}

static void sent(struct phub__request *request)
{
    hubs_do(&hubs, 0, send_it, request);
}

static char *names(uint32_t count)
{
    char *ids = calloc(count, 8);
    size_t at = 0;
    uint32_t i;

    for (i = 0; i < count; i++)
        at += (size_t)snprintf(ids + at, count * 8 - at,
                               i == 0 ? "n%u" : " n%u", i);
    return ids;
}

/* --- batches -------------------------------------------------------------- */

START_TEST(a_batch_over_a_piece_is_split_and_merged)
{
    char *ids = names(2500);
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim no-channel"), 0);
    ck_assert_uint_eq(hubs_last.count, 2500);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_int_eq(hubs_start(&hubs, 1, ids, "sim no-channel"),
                     PHUB_EEXIST);
    ck_assert_uint_eq(hubs_last.bad, 2500);
    ck_assert_int_eq(hubs_stop(&hubs, 2, ids), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    for (i = 0; i < 2500; i++)
        ck_assert_int_eq(hubs_last.codes[i], 0);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    free(ids);
}
END_TEST

START_TEST(a_batch_at_the_limit_of_a_piece_is_whole)
{
    static const uint32_t counts[] = { PHUB__ITEMS_MAX - 1, PHUB__ITEMS_MAX,
                                       PHUB__ITEMS_MAX + 1 };
    uint32_t count = counts[_i], i;
    char *ids;

    for (i = 1; i < 3; i++)     /* one node is keeper of all */
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 20000);
    ids = names(count);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim no-channel"), 0);
    ck_assert_uint_eq(hubs_last.count, count);
    ck_assert_uint_eq(hubs_last.bad, 0);
    for (i = 0; i < count; i += count - 1)
        ck_assert_uint_eq(hubs_instances(&hubs, i == 0 ? "n0" : strrchr(
                                             ids, ' ') + 1, NULL), 1);
    ck_assert_int_eq(hubs_stop(&hubs, 0, ids), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    free(ids);
}
END_TEST

START_TEST(a_batch_over_a_piece_is_rolled_back_whole)
{
    char *ids = names(2500);
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "n2400", "sim no-channel"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim no-channel rollback"),
                     PHUB_ECANCELLED);
    ck_assert_uint_eq(hubs_last.bad, 2500);
    for (i = 0; i < 2500; i++)
        ck_assert_int_eq(hubs_last.codes[i], i == 2400 ? PHUB_EEXIST
                                                       : PHUB_ECANCELLED);
    ck_assert(hubs_acts(&hubs, "n2400"));
    ck_assert_int_eq(hubs_stop(&hubs, 0, "n2400"), 0);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    free(ids);
}
END_TEST

START_TEST(each_item_has_its_own_answer)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "b", "sim"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "a b c"), PHUB_ENOTFOUND);
    ck_assert_int_eq(hubs_last.codes[1], 0);
    ck_assert_int_eq(hubs_last.codes[2], PHUB_ENOTFOUND);
    ck_assert_uint_eq(hubs_last.count, 3);
}
END_TEST

/* --- nodes that do not answer ------------------------------------------------ */

START_TEST(a_silent_node_is_named_and_only_its_items_fail)
{
    static const uint32_t nodes[] = { 1, 2, 0 };
    struct phub__request *request = ask(nodes, 3, 150);

    phub__sim_node_freeze(hubs_node(&hubs, 1));
    sent(request);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], PHUB_ETIMEDOUT);
    ck_assert_str_eq(result.text, "no answer from node 'b' in 150 ms");
    ck_assert_int_eq(result.codes[1], 0);
    ck_assert_int_eq(result.codes[2], 0);
    phub__sim_node_thaw(hubs_node(&hubs, 1));
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(result.done, 1);
    ck_assert_uint_eq(phub__requests_late(hubs_hub(&hubs, 0)->requests), 1);
    ck_assert_uint_eq(phub__requests_count(hubs_hub(&hubs, 0)->requests), 0);
}
END_TEST

static void send_again(struct phub__hub *hub, void *arg)
{
    static struct hubs_result others[2];
    struct phub__request *const *requests = arg;
    uint32_t i;

    (void)hub;
    for (i = 0; i < 2; i++)
        phub__request_send(requests[i], hubs_done, &others[i]);
}

START_TEST(of_several_those_whose_time_is_over_end)
{
    static const uint32_t nodes[] = { 1 };
    struct phub__requests *all = hubs_hub(&hubs, 0)->requests;
    struct phub__request *longer[2];

    phub__sim_node_freeze(hubs_node(&hubs, 1));
    sent(ask(nodes, 1, 150));
    longer[0] = ask(nodes, 1, 600);
    longer[1] = ask(nodes, 1, 600);
    hubs_do(&hubs, 0, send_again, longer);
    ck_assert_uint_eq(phub__requests_count(all), 3);
    hubs_run(&hubs, 300);
    ck_assert_uint_eq(result.done, 1);
    ck_assert_int_eq(result.codes[0], PHUB_ETIMEDOUT);
    ck_assert_uint_eq(phub__requests_count(all), 2);
    hubs_run(&hubs, 400);
    ck_assert_uint_eq(phub__requests_count(all), 0);
    phub__sim_node_thaw(hubs_node(&hubs, 1));
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(phub__requests_late(all), 3);
    ck_assert_uint_eq(result.done, 1);
}
END_TEST

START_TEST(a_node_that_dies_ends_its_items_at_once)
{
    static const uint32_t nodes[] = { 1, 2 };
    struct phub__request *request = ask(nodes, 2, 600000);

    phub__sim_node_freeze(hubs_node(&hubs, 1));
    sent(request);
    hubs_run(&hubs, 50);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], PHUB_ENODEDOWN);
    ck_assert_str_eq(result.text, "node 'b' left the view before it answered");
    ck_assert_int_eq(result.codes[1], 0);
}
END_TEST

START_TEST(one_that_is_not_in_the_view_is_not_waited_for)
{
    struct phub__request *request =
        phub__request_new(hubs_hub(&hubs, 0), PHUB__OP_END, 2, 600000);

    request->items[0].op.target = 12345;
    request->items[1].op.target = 0;
    sent(request);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(result.done, 1);
    ck_assert_int_eq(result.codes[0], PHUB_ENODEDOWN);
    ck_assert_int_eq(result.codes[1], PHUB_ENODEDOWN);
}
END_TEST

START_TEST(a_hub_that_ends_answers_its_requests_first)
{
    static const uint32_t nodes[] = { 1 };
    struct phub__request *request = ask(nodes, 1, 600000);

    phub__sim_node_freeze(hubs_node(&hubs, 1));
    sent(request);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 10);
    ck_assert_uint_eq(result.done, 1);
    ck_assert_int_eq(result.codes[0], PHUB_ESHUTDOWN);
    ck_assert_str_eq(result.text, "the hub is shutting down");
}
END_TEST

/* --- the wrong node ------------------------------------------------------------ */

struct astray {
    struct phub__request *request;
    uint32_t node, visited;
};

/* As if this node's view had another keeper. */
static void send_astray(struct phub__hub *hub, void *arg)
{
    struct astray *astray = arg;
    struct phub__request *request = astray->request;
    uint64_t visited[3] = { 91, 92, 93 };
    struct phub__op_request op = {
        .transaction = request->transaction, .origin = hub->node,
        .origin_boot = hub->boot, .op = PHUB__OP_STOP, .view_hash = 7,
        .timeout_ms = 5000, .visited = { visited, astray->visited },
        .items = { &request->items[0].op, 1 } };

    request->done = hubs_done;
    request->arg = &result;
    request->items[0].state = PHUB__ITEM_SENT;
    request->items[0].node = hubs.ids[astray->node];
    ck_assert_int_eq(phub__hub_send_op(hub, hubs.ids[astray->node], &op), 0);
}

static struct phub__request *stray(uint32_t visited)
{
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    uint64_t keeper = phub__view_keeper(phub__hub_view(hub), hubs_bytes("x"));
    struct astray astray = { .visited = visited };

    astray.request = phub__request_new(hub, PHUB__OP_STOP, 1, 5000);
    astray.request->items[0].op.id =
        phub__request_copy(astray.request, hubs_bytes("x"));
    astray.node = keeper == hubs.ids[1] ? 2 : 1;
    hubs_do(&hubs, 0, send_astray, &astray);
    return astray.request;
}

START_TEST(a_claim_that_went_astray_is_passed_on_and_answered)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "x", "sim"), 0);
    (void)stray(0);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
    ck_assert(hubs_is_gone(&hubs, "x"));
}
END_TEST

START_TEST(one_that_was_passed_on_too_often_is_asked_again_by_its_origin)
{
    struct phub__request *request;

    ck_assert_int_eq(hubs_start(&hubs, 0, "x", "sim"), 0);
    request = stray(3);
    while (request->items[0].state == PHUB__ITEM_SENT)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(request->items[0].state, PHUB__ITEM_RETRY);
    ck_assert_int_eq(request->items[0].code, PHUB_EVIEW);
    ck_assert_ptr_nonnull(strstr(request->items[0].text,
                                 "the requester 0000000000000007"));
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
}
END_TEST

/* --- answers nobody asked for ----------------------------------------------- */

static void forge(struct phub__hub *hub, void *arg)
{
    struct phub__op_answer answers[] = {
        { .index = 0, .code = 0 }, { .index = 77, .code = 0 },
        { .index = UINT64_MAX, .code = -5 },
    };
    struct phub__op_response response = { .transaction = 424242,
                                          .answers = { answers, 3 } };
    struct phub__request *request = arg;
    uint64_t late = phub__requests_late(hub->requests);

    phub__request_response(hub, &response, 1);
    ck_assert_uint_eq(phub__requests_late(hub->requests), late + 3);
    response.transaction = request->transaction;
    response.answers.items = answers + 1;
    response.answers.count = 2;
    phub__request_response(hub, &response, 1);
    ck_assert_uint_eq(phub__requests_late(hub->requests), late + 5);
    ck_assert_uint_eq(request->pending, 1);
}

START_TEST(answers_to_nothing_are_counted_and_change_nothing)
{
    static const uint32_t nodes[] = { 1 };
    struct phub__request *request = ask(nodes, 1, 1000);

    phub__sim_node_freeze(hubs_node(&hubs, 1));
    sent(request);
    hubs_do(&hubs, 0, forge, request);
    phub__sim_node_thaw(hubs_node(&hubs, 1));
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(result.codes[0], 0);
}
END_TEST

/* --- limits --------------------------------------------------------------- */

START_TEST(requests_under_way_are_limited)
{
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    struct phub__request *first = NULL, *request;
    struct phub__command_child child = { .id = hubs_bytes("c") };
    uint32_t count = phub__requests_count(hub->requests);

    for (; count < PHUB__REQUESTS_MAX; count++) {
        request = phub__request_new(hub, PHUB__OP_END, 1, 1000);
        ck_assert_ptr_nonnull(request);
        if (first == NULL)
            first = request;
    }
    ck_assert_ptr_null(phub__request_new(hub, PHUB__OP_END, 1, 1000));
    ck_assert_int_eq(phub__command_start(hub, &child, 1, 0, 0, hubs_done,
                                         &result), PHUB_EBUSY);
    phub__request_drop(first);
    ck_assert_ptr_nonnull(phub__request_new(hub, PHUB__OP_END, 1, 1000));
}
END_TEST

struct poor {
    struct phub_buf *spec;
    uint64_t nth;
    int rc, failed, rollback;
    char id[16];
};

static void start_poor(struct phub__hub *hub, void *arg)
{
    struct poor *poor = arg;
    struct phub__command_child child = { .id = hubs_bytes(poor->id),
                                         .spec = phub__buf_bytes(poor->spec) };

    phub__memory_fail(poor->nth);
    poor->rc = phub__command_start(hub, &child, 1, poor->rollback, 3000,
                                   hubs_done, &result);
    poor->failed = phub__memory_failed();
    phub__memory_fail(0);
}

START_TEST(without_memory_a_request_is_refused_or_ends)
{
    struct poor poor = { .spec = hubs_spec("sim"), .rollback = _i };

    for (poor.nth = 1, poor.failed = 1; poor.failed; poor.nth++) {
        ck_assert_uint_lt(poor.nth, 100);
        snprintf(poor.id, sizeof poor.id, "c%u", (unsigned)poor.nth);
        memset(&result, 0, sizeof result);
        hubs_do(&hubs, 0, start_poor, &poor);
        if (poor.rc != 0)
            continue;
        hubs_wait(&hubs, &result);
        ck_assert_uint_le(hubs_instances(&hubs, poor.id, NULL), 1);
        if (result.codes[0] == 0)
            ck_assert(hubs_acts(&hubs, poor.id));
    }
    ck_assert_uint_gt(poor.nth, 3);
    ck_assert_int_eq(result.codes[0], 0);
    ck_assert_uint_eq(phub__requests_count(hubs_hub(&hubs, 0)->requests), 0);
    phub__buf_unref(&poor.spec);
}
END_TEST

/* Each allocation of every turn of three hubs, from here to the answer. */
START_TEST(without_memory_anywhere_a_start_still_ends)
{
    char id[16];
    int i;

    for (i = 0; i < 25; i++) {
        snprintf(id, sizeof id, "c%d", i);
        hubs_start_send(&hubs, 0, id, "sim", &result);
        phub__memory_fail((uint64_t)(_i * 25 + i + 1));
        hubs_run(&hubs, 30);
        phub__memory_fail(0);
        hubs_wait(&hubs, &result);
        hubs_run(&hubs, 500);
        ck_assert_uint_le(hubs_instances(&hubs, id, NULL), 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request");
    TCase *tc = tcase_create("request");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_batch_over_a_piece_is_split_and_merged);
    tcase_add_loop_test(tc, a_batch_at_the_limit_of_a_piece_is_whole, 0, 3);
    tcase_add_test(tc, a_batch_over_a_piece_is_rolled_back_whole);
    tcase_add_test(tc, of_several_those_whose_time_is_over_end);
    tcase_add_test(tc, each_item_has_its_own_answer);
    tcase_add_test(tc, a_silent_node_is_named_and_only_its_items_fail);
    tcase_add_test(tc, a_node_that_dies_ends_its_items_at_once);
    tcase_add_test(tc, one_that_is_not_in_the_view_is_not_waited_for);
    tcase_add_test(tc, a_hub_that_ends_answers_its_requests_first);
    tcase_add_test(tc, a_claim_that_went_astray_is_passed_on_and_answered);
    tcase_add_test(tc,
        one_that_was_passed_on_too_often_is_asked_again_by_its_origin);
    tcase_add_test(tc, answers_to_nothing_are_counted_and_change_nothing);
    tcase_add_test(tc, requests_under_way_are_limited);
    tcase_add_loop_test(tc, without_memory_a_request_is_refused_or_ends, 0,
                        2);
    tcase_add_loop_test(tc, without_memory_anywhere_a_start_still_ends, 0, 8);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
