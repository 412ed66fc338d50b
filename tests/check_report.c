/* SPDX-License-Identifier: MIT */
/* check_report: long answers, to who reads them, reads late, or goes. */
#include "config.h"

#include "serve_fixture.h"

#define MANY 1300u /* more than one turn tells */

static struct phub_buf *many_spec;
static struct phub__command_child many[MANY];
static char many_ids[MANY][8];

/* Children c0, c1 and so on. */
static struct question many_question(void)
{
    struct question q = { .verb = hubs_bytes("start"),
                          .children = { many, MANY } };
    uint32_t i;

    many_spec = hubs_spec("sim no-channel");
    for (i = 0; i < MANY; i++) {
        snprintf(many_ids[i], sizeof many_ids[i], "c%u", i);
        many[i].id = hubs_bytes(many_ids[i]);
        many[i].spec = phub__buf_bytes(many_spec);
    }
    return q;
}

static void start_many(void)
{
    struct question q = many_question();

    ck_assert_int_eq(asked(&q), 0);
    ck_assert_uint_eq(client.records, MANY);
    ck_assert_uint_ge(client.frames, 3);
    hubs_run(&hubs, 1000);
    phub__buf_unref(&many_spec);
}

static void drain(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__asker_drained(hub, &client.asker);
}

static void leave(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__asker_gone(hub, &client.asker);
}

/* Read what waits, again and again. */
static void read_to_the_end(void)
{
    int i;

    for (i = 0; i < 1000 && !client.last; i++) {
        client.unread = 0;
        hubs_do(&hubs, 0, drain, NULL);
        ck_assert_uint_le(client.unread, client.unread_max + 511);
        hubs_run(&hubs, 1);
    }
    ck_assert_uint_eq(client.last, 1);
    ck_assert_uint_eq(client.asker.refs, 0);
    ck_assert_uint_eq(client.asker.flows, 0);
}

START_TEST(a_long_list_comes_in_pieces)
{
    start_many();
    ck_assert_int_eq(ask("ls", "", ""), 0);
    ck_assert_uint_eq(client.records, MANY);
    ck_assert_uint_ge(client.frames, 3);
}
END_TEST

START_TEST(a_list_goes_no_faster_than_it_is_read)
{
    struct question q = { .verb = hubs_bytes("ls") };
    struct phub_bytes names[MANY];
    uint8_t seen[MANY] = { 0 };
    uint32_t i;

    start_many();
    if (_i == 1) {
        for (i = 0; i < MANY; i++)
            names[i] = hubs_bytes(many_ids[i]);
        q.ids = (struct phub__list){ names, MANY };
    }
    new_client();
    client.unread_max = 100;
    client.seen = seen;
    pose(&q);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(client.last, 0);
    ck_assert_uint_ge(client.unread, 100);
    ck_assert_uint_lt(client.unread, 200);
    read_to_the_end();
    ck_assert_int_eq(client.code, 0);
    ck_assert_uint_eq(client.records, MANY);
    for (i = 0; i < MANY; i++)
        ck_assert_uint_eq(seen[i], 1);
}
END_TEST

START_TEST(who_stays_is_listed_once_whoever_comes_and_goes)
{
    struct question ls = { .verb = hubs_bytes("ls") };
    struct phub_bytes some[200];
    struct question stop = { .verb = hubs_bytes("stop"),
                             .ids = { some, 200 }, .no_wait = true };
    struct question again = { .verb = hubs_bytes("start"),
                              .children = { many, 100 }, .no_wait = true };
    struct client reader;
    uint8_t seen[MANY] = { 0 };
    uint32_t i;

    start_many();
    for (i = 0; i < 200; i++)
        some[i] = hubs_bytes(many_ids[i]);
    new_client();
    client.unread_max = 600;
    client.seen = seen;
    pose(&ls);
    ck_assert_uint_eq(client.last, 0);
    reader = client;
    ck_assert_int_eq(asked(&stop), 0);
    hubs_run(&hubs, 500);
    (void)many_question();
    ck_assert_int_eq(asked(&again), 0);
    hubs_run(&hubs, 500);
    phub__buf_unref(&many_spec);
    client = reader;
    read_to_the_end();
    ck_assert_int_eq(client.code, 0);
    for (i = 0; i < MANY; i++) {
        ck_assert_uint_le(seen[i], 2);
        if (i >= 200)
            ck_assert_uint_eq(seen[i], 1);
    }
}
END_TEST

START_TEST(what_a_batch_came_to_goes_no_faster_than_it_is_read)
{
    struct question q = many_question();
    uint8_t seen[MANY] = { 0 };
    uint32_t i;

    new_client();
    client.unread_max = 100;
    client.seen = seen;
    pose(&q);
    hubs_run(&hubs, 3000);
    ck_assert_uint_eq(client.last, 0);
    ck_assert_uint_eq(client.unread, 512);
    read_to_the_end();
    ck_assert_int_eq(client.code, 0);
    for (i = 0; i < MANY; i++)
        ck_assert_uint_eq(seen[i], 1);
    phub__buf_unref(&many_spec);
}
END_TEST

START_TEST(a_list_ends_with_who_asked)
{
    struct question q = { .verb = hubs_bytes("ls") };
    uint32_t frames;

    start_many();
    new_client();
    client.unread_max = 100;
    pose(&q);
    frames = client.frames;
    hubs_do(&hubs, 0, leave, NULL);
    ck_assert_uint_eq(client.released, 1);
    ck_assert_uint_eq(client.asker.refs, 0);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(client.frames, frames);
}
END_TEST

START_TEST(a_list_ends_with_the_hub)
{
    struct question q = { .verb = hubs_bytes("ls") };

    start_many();
    new_client();
    client.unread_max = 100;
    pose(&q);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, PHUB_ESHUTDOWN);
    ck_assert_uint_eq(client.asker.refs, 0);
}
END_TEST

START_TEST(a_batch_is_answered_when_the_hub_ends_however_slow_the_reader)
{
    struct question q = many_question();

    new_client();
    client.unread_max = 1;
    pose(&q);
    if (_i == 1)
        hubs_run(&hubs, 3000); /* it is done, and told in part */
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, _i == 0 ? PHUB_EFAILED : PHUB_ESHUTDOWN);
    ck_assert_uint_eq(client.asker.refs, 0);
    phub__buf_unref(&many_spec);
}
END_TEST

START_TEST(lists_that_nobody_reads_are_limited)
{
    struct question q = { .verb = hubs_bytes("ls") };
    uint32_t i;

    start_many();
    new_client();
    client.lasts_max = PHUB__ASKER_FLOWS_MAX;
    client.unread_max = 1;
    for (i = 0; i < PHUB__ASKER_FLOWS_MAX; i++)
        pose(&q);
    ck_assert_uint_eq(client.asker.flows, PHUB__ASKER_FLOWS_MAX);
    ck_assert_uint_eq(client.last, 0);
    pose(&q);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, PHUB_EBUSY);
    client.unread_max = 0;
    for (i = 0; i < 1000 && client.asker.flows != 0; i++) {
        hubs_do(&hubs, 0, drain, NULL);
        hubs_run(&hubs, 1);
    }
    ck_assert_uint_eq(client.lasts, PHUB__ASKER_FLOWS_MAX + 1);
    ck_assert_uint_eq(client.asker.refs, 0);
    ck_assert_uint_eq(client.records, MANY * PHUB__ASKER_FLOWS_MAX);
}
END_TEST

static uint8_t text[PHUB__FRAME_MAX];

/* Records of that much text, in one piece. */
static void tell_much(struct phub__hub *hub, void *arg)
{
    size_t size = *(size_t *)arg;
    struct phub__report *report = phub__report_new(hub, &client.asker, 7);
    uint32_t i;

    for (i = 0; i < 100; i++)
        phub__report_record(report)->text =
            (struct phub_bytes){ text, i == 50 ? size : size / 10 };
    phub__report_end(report, 0, "");
}

START_TEST(a_piece_over_the_limit_of_a_frame_goes_in_parts)
{
    size_t size = PHUB__FRAME_MAX - 100;

    memset(text, 'x', sizeof text);
    new_client();
    hubs_do(&hubs, 0, tell_much, &size);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, 0);
    ck_assert_uint_eq(client.records, 100);
    ck_assert_uint_gt(client.frames, 11);
    size = PHUB__FRAME_MAX; /* this one alone is too much */
    new_client();
    hubs_do(&hubs, 0, tell_much, &size);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, PHUB_ELIMIT);
    ck_assert_str_eq(client.text, "the answer is too large");
    ck_assert_uint_eq(client.records, 99);
}
END_TEST

START_TEST(without_memory_a_long_list_is_answered_once)
{
    struct question q = { .reference = 1, .verb = hubs_bytes("ls") };
    struct phub__builder builder;
    struct poor poor = { .failed = 1 };

    start_many();
    encode(&q, &builder);
    poor.frame = phub__builder_bytes(&builder);
    for (poor.nth = 1; poor.failed; poor.nth++) {
        ck_assert_uint_lt(poor.nth, 500);
        new_client();
        hubs_do(&hubs, 0, give_poor, &poor);
        hubs_run(&hubs, 5);
        ck_assert_uint_eq(client.asker.refs, 0);
        ck_assert_uint_eq(client.last, 1);
        ck_assert(client.code == PHUB_ENOMEM || client.records == MANY);
    }
    ck_assert_uint_gt(poor.nth, 8);
    phub__builder_fini(&builder);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("report");
    TCase *tc = tcase_create("report");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_long_list_comes_in_pieces);
    tcase_add_loop_test(tc, a_list_goes_no_faster_than_it_is_read, 0, 2);
    tcase_add_test(tc, who_stays_is_listed_once_whoever_comes_and_goes);
    tcase_add_test(tc,
                   what_a_batch_came_to_goes_no_faster_than_it_is_read);
    tcase_add_test(tc, a_list_ends_with_who_asked);
    tcase_add_test(tc, a_list_ends_with_the_hub);
    tcase_add_loop_test(
        tc, a_batch_is_answered_when_the_hub_ends_however_slow_the_reader, 0,
        2);
    tcase_add_test(tc, lists_that_nobody_reads_are_limited);
    tcase_add_test(tc, a_piece_over_the_limit_of_a_frame_goes_in_parts);
    tcase_add_test(tc, without_memory_a_long_list_is_answered_once);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
