/* SPDX-License-Identifier: MIT */
/* check_ask: a strategy asks its like on other nodes; each clause of what a
 * request promises, and each way to use one wrongly. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/tally.h"
#include "hub_fixture.h"

static struct hubs hubs;
static char plugin[512];

static void begin(uint32_t count)
{
    const char *build = getenv("PHUB_BUILDDIR");

    snprintf(plugin, sizeof plugin, "%s/tests/.libs/partition-hoarder.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .partition = plugin };
    hubs_new(&hubs, count, "hotswap", 29);
    hubs_run(&hubs, 3000);
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

/* In a turn of node 0, as a strategy of that kind sees the host. */
static const struct phub_host *host;
static struct phub_ctx *ctx;
static enum phub_kind kind = PHUB_KIND_PARTITION;

static void turn(struct phub__hub *hub, void *arg)
{
    void (*const *fn)(void) = arg;

    host = hub->strategies[kind]->host;
    ctx = hub->strategies[kind]->ctx;
    (*fn)();
}

static void as_strategy(void (*fn)(void))
{
    hubs_do(&hubs, 0, turn, &fn);
}

/* --- one request ------------------------------------------------------------- */

#define ITEMS_MAX 5000u

static uint64_t request;
static uint32_t items, timeout_ms = 5000, flags;
static uint64_t to[ITEMS_MAX];
static const char *words[ITEMS_MAX];
static const char *option_to;

static void ask(void)
{
    struct phub_bytes message, key = hubs_bytes("to"), value;
    uint32_t i;

    ck_assert_int_eq(host->request_new(ctx, items, timeout_ms, flags,
                                       &request), 0);
    for (i = 0; i < items; i++) {
        message = hubs_bytes(words[i]);
        ck_assert_int_eq(host->request_item(ctx, request, i, to[i], &message),
                         0);
    }
    if (option_to != NULL) {
        value = hubs_bytes(option_to);
        ck_assert_int_eq(host->request_option(ctx, request, &key, &value), 0);
    }
    ck_assert_int_eq(host->request_send(ctx, request, 1), 0);
}

static struct phub_request_answer answers[ITEMS_MAX];
static char texts[ITEMS_MAX][64];
static size_t sizes[ITEMS_MAX];

static void read_answers(void)
{
    uint32_t i;

    for (i = 0; i < items; i++) {
        answers[i] = (struct phub_request_answer){ .size = sizeof answers[i] };
        ck_assert_int_eq(host->request_answer(ctx, request, i, &answers[i]),
                         0);
        snprintf(texts[i], sizeof texts[i], "%.*s", (int)answers[i].text.size,
                 (const char *)answers[i].text.data);
        sizes[i] = answers[i].data.size;
    }
}

static int is_over(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return counted(0, "done-1") != 0;
}

static void ask_and_wait(void)
{
    as_strategy(ask);
    ck_assert(hubs_until(&hubs, 60000, is_over, NULL));
    as_strategy(read_answers);
}

static void item(const char *word, uint32_t node)
{
    words[items] = word;
    to[items++] = hubs.ids[node];
}

START_TEST(each_answer_has_its_place)
{
    begin(3);
    item("echo 1", 1);
    item("no", 2);
    item("echo 22", 0);
    item("echo 333", 1);
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "rc-1"), -PHUB_EFAILED);
    ck_assert_uint_eq(counted(0, "value-1"), 3);
    ck_assert_uint_eq(counted(0, "count-1"), 1);
    ck_assert_int_eq(answers[0].code, 0);
    ck_assert_uint_eq(answers[0].node, hubs.ids[1]);
    ck_assert_uint_eq(sizes[0], 6);
    ck_assert_str_eq(texts[0], "yes");
    ck_assert_int_eq(answers[1].code, PHUB_EREFUSED);
    ck_assert_str_eq(texts[1], "no");
    ck_assert_uint_eq(answers[2].node, hubs.ids[0]);
    ck_assert_uint_eq(sizes[2], 7);
    ck_assert_uint_eq(sizes[3], 8);
    end();
}
END_TEST

START_TEST(a_batch_of_any_size_is_split_and_merged)
{
    static char many[ITEMS_MAX][16];
    uint32_t i;

    begin(3);
    for (i = 0; i < ITEMS_MAX; i++) {
        snprintf(many[i], sizeof many[i], "echo %*u", (int)(i % 5), i % 7);
        item(many[i], 1 + i % 2);
    }
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "value-1"), ITEMS_MAX);
    for (i = 0; i < ITEMS_MAX; i++) {
        ck_assert_int_eq(answers[i].code, 0);
        ck_assert_uint_eq(sizes[i], strlen(many[i]));
        ck_assert_uint_eq(answers[i].node, hubs.ids[1 + i % 2]);
    }
    end();
}
END_TEST

/* 40 answers of 64 KiB are more than a frame holds. */
START_TEST(large_answers_come_in_pieces)
{
    uint32_t i;

    begin(2);
    for (i = 0; i < 40; i++)
        item("huge", 1);
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "value-1"), 40);
    for (i = 0; i < 40; i++)
        ck_assert_uint_eq(sizes[i], PHUB_REQUEST_MESSAGE_MAX);
    end();
}
END_TEST

/* --- who does not answer ------------------------------------------------------ */

static void await_more(void)
{
    uint32_t i;

    for (i = 2; i <= PHUB__AWAITERS_MAX; i++)
        ck_assert_int_eq(host->request_await(ctx, request, 2), 0);
    ck_assert_int_eq(host->request_await(ctx, request, 99), PHUB_ELIMIT);
}

static void await_late(void)
{
    ck_assert_int_eq(host->request_await(ctx, request, 100), 0);
}

static void await_too_late(void)
{
    struct phub_request_answer answer = { .size = sizeof answer };

    ck_assert_int_eq(host->request_await(ctx, request, 101), PHUB_ENOTFOUND);
    ck_assert_int_eq(host->request_answer(ctx, request, 0, &answer),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->request_cancel(ctx, request), PHUB_ENOTFOUND);
}

START_TEST(all_who_wait_are_answered_when_time_is_up_and_after)
{
    begin(2);
    item("silence", 1);
    item("echo", 1);
    as_strategy(ask);
    as_strategy(await_more);
    hubs_run(&hubs, 4000);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_EAGAIN);
    ck_assert_int_eq(answers[1].code, 0);
    ck_assert_uint_eq(counted(0, "done-1"), 0);
    hubs_run(&hubs, 1500);
    ck_assert_uint_eq(counted(0, "done-1"), 1);
    ck_assert_uint_eq(counted(0, "done-2"), PHUB__AWAITERS_MAX - 1);
    ck_assert_uint_eq(counted(0, "count-2"), PHUB__AWAITERS_MAX - 1);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(texts[0], "no answer from node 'b'"));
    /* The result stays, for who comes now, and then it goes; nothing is
     * under way. */
    ck_assert_uint_eq(
        phub__requests_count(hubs_hub(&hubs, 0)->requests), 0);
    ck_assert_uint_eq(
        phub__requests_retained(hubs_hub(&hubs, 0)->requests), 1);
    hubs_run(&hubs, 30000);
    as_strategy(await_late);
    hubs_run(&hubs, 10);
    ck_assert_uint_eq(counted(0, "rc-100"), -PHUB_EFAILED);
    hubs_run(&hubs, 31000);
    as_strategy(await_too_late);
    end();
}
END_TEST

START_TEST(a_node_that_dies_ends_its_part_at_once)
{
    begin(3);
    timeout_ms = 60000;
    item("silence", 1);
    item("echo", 2);
    as_strategy(ask);
    hubs_run(&hubs, 100);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(counted(0, "done-1"), 1);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_ENODEDOWN);
    ck_assert_int_eq(answers[1].code, 0);
    end();
}
END_TEST

START_TEST(a_node_that_is_cut_off_ends_its_part)
{
    const uint32_t groups[2] = { 0, 1 };

    begin(2);
    timeout_ms = 60000;
    phub__world_partition(hubs.world, groups, 0);
    item("echo", 1);
    as_strategy(ask);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(counted(0, "done-1"), 1);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_ENODEDOWN);
    end();
}
END_TEST

START_TEST(one_that_nobody_knows_is_named)
{
    begin(1);
    item("echo", 0);
    to[0] = 12345;
    ask_and_wait();
    ck_assert_int_eq(answers[0].code, PHUB_ENODEDOWN);
    end();
}
END_TEST

START_TEST(a_strategy_that_does_not_answer_says_so)
{
    begin(2);
    kind = PHUB_KIND_DISTRIBUTION;
    item("echo", 1);
    as_strategy(ask);
    hubs_run(&hubs, 1000);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_EUNSUPPORTED);
    end();
}
END_TEST

/* --- passing on ---------------------------------------------------------------- */

START_TEST(what_is_passed_on_reports_back_and_options_travel)
{
    begin(3);
    option_to = "c";
    item("pass", 1);
    item("pass", 2);
    item("pass", 0);
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "rc-1"), 0);
    ck_assert_uint_eq(answers[0].node, hubs.ids[2]);
    ck_assert_uint_eq(answers[1].node, hubs.ids[2]);
    ck_assert_uint_eq(answers[2].node, hubs.ids[2]);
    ck_assert_uint_eq(counted(2, "asked"), 3);
    end();
}
END_TEST

START_TEST(what_is_passed_in_a_ring_ends)
{
    begin(3);
    item("ring", 1);
    ask_and_wait();
    ck_assert_int_eq(answers[0].code, PHUB_EVIEW);
    ck_assert_uint_eq(counted(0, "asked") + counted(1, "asked") +
                      counted(2, "asked"), 3);
    end();
}
END_TEST

START_TEST(a_node_that_it_was_passed_on_to_dies)
{
    begin(3);
    timeout_ms = 60000;
    option_to = "c";
    phub__sim_node_freeze(hubs_node(&hubs, 2));
    item("pass", 1);
    as_strategy(ask);
    hubs_run(&hubs, 200);
    phub__sim_node_kill(hubs_node(&hubs, 2));
    hubs_run(&hubs, 6000);
    ck_assert_uint_eq(counted(0, "done-1"), 1);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_ENODEDOWN);
    ck_assert_uint_eq(answers[0].node, hubs.ids[2]);
    end();
}
END_TEST

/* --- all or none ---------------------------------------------------------------- */

START_TEST(one_failure_undoes_all_that_may_have_been_done)
{
    begin(3);
    flags = PHUB_REQUEST_ROLLBACK;
    option_to = "c";
    item("echo", 0);
    item("pass", 1);      /* c does it */
    item("silence", 1);   /* b may have done it */
    item("no", 2);
    item("stays", 2);     /* cannot be undone */
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "value-1"), 0);
    ck_assert_uint_eq(counted(0, "count-1"), 5);
    ck_assert_int_eq(answers[0].code, PHUB_ECANCELLED);
    ck_assert_int_eq(answers[1].code, PHUB_ECANCELLED);
    ck_assert_int_eq(answers[2].code, PHUB_ETIMEDOUT);
    ck_assert_int_eq(answers[3].code, PHUB_EREFUSED);
    ck_assert_int_eq(answers[4].code, PHUB_EBUSY);
    ck_assert_ptr_nonnull(strstr(texts[4], "could not be undone"));
    ck_assert_uint_eq(counted(0, "undone"), 1);
    ck_assert_uint_eq(counted(1, "undone"), 1);
    ck_assert_uint_eq(counted(2, "undone"), 2);
    end();
}
END_TEST

START_TEST(nothing_is_undone_when_all_went_well)
{
    begin(2);
    flags = PHUB_REQUEST_ROLLBACK;
    item("echo", 0);
    item("echo", 1);
    ask_and_wait();
    ck_assert_uint_eq(counted(0, "rc-1"), 0);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(counted(0, "undone") + counted(1, "undone"), 0);
    end();
}
END_TEST

/* --- late, double, cancelled ----------------------------------------------------- */

START_TEST(a_second_answer_is_refused)
{
    begin(2);
    item("twice", 1);
    ask_and_wait();
    ck_assert_int_eq(answers[0].code, 0);
    ck_assert_uint_eq(counted(1, "second"), -PHUB_ENOTFOUND);
    ck_assert_uint_eq(phub__requests_late(hubs_hub(&hubs, 0)->requests), 0);
    end();
}
END_TEST

static void cancel(void)
{
    ck_assert_int_eq(host->request_cancel(ctx, request), 0);
}

START_TEST(a_late_answer_is_counted_and_changes_nothing)
{
    begin(2);
    phub__sim_node_slow(hubs_node(&hubs, 1), 200 * PHUB__SIM_MS);
    item("echo", 1);
    as_strategy(ask);
    as_strategy(cancel);
    hubs_run(&hubs, 50);
    ck_assert_uint_eq(counted(0, "rc-1"), -PHUB_EFAILED);
    hubs_run(&hubs, 3000);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, PHUB_ECANCELLED);
    ck_assert_uint_eq(counted(0, "done-1"), 1);
    ck_assert_uint_ge(phub__requests_late(hubs_hub(&hubs, 0)->requests), 1);
    as_strategy(cancel);
    as_strategy(await_too_late);
    end();
}
END_TEST

START_TEST(questions_that_nobody_answers_are_limited)
{
    uint32_t i;

    begin(2);
    for (i = 0; i < PHUB_ASKED_MAX; i++)
        item("silence", 1);
    item("echo", 1);
    ask_and_wait();
    for (i = 0; i < PHUB_ASKED_MAX; i++)
        ck_assert_int_eq(answers[i].code, PHUB_ETIMEDOUT);
    ck_assert_int_eq(answers[PHUB_ASKED_MAX].code, PHUB_EBUSY);
    /* Nobody waits for them any more: there is room again. */
    hubs_run(&hubs, 100);
    items = 0;
    item("echo", 1);
    as_strategy(ask);
    hubs_run(&hubs, 1000);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, 0);
    end();
}
END_TEST

START_TEST(a_hub_ends_with_questions_on_both_sides)
{
    begin(2);
    item("silence", 1);
    item("silence", 0);
    as_strategy(ask);
    hubs_run(&hubs, 100);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 10000);
    end();
}
END_TEST

/* --- used wrongly ----------------------------------------------------------------- */

static void misuse(void)
{
    static const uint8_t huge[PHUB_REQUEST_MESSAGE_MAX + 1];
    struct phub_bytes large = { huge, sizeof huge }, m = hubs_bytes("echo");
    struct phub_bytes key = hubs_bytes("k"), bad = hubs_bytes("\xff");
    struct phub_request_answer answer = { .size = sizeof answer };
    uint64_t r = 0;
    uint32_t i;

    ck_assert_int_eq(host->request_new(ctx, 0, 1000, 0, &r), PHUB_EINVAL);
    ck_assert_int_eq(host->request_new(ctx, 1, 0, 0, &r), PHUB_EINVAL);
    ck_assert_int_eq(host->request_new(ctx, 1, 1000, 8, &r), PHUB_EINVAL);
    ck_assert_int_eq(host->request_new(ctx, PHUB_REQUEST_ITEMS_MAX + 1, 1000,
                                       0, &r), PHUB_ELIMIT);
    ck_assert_int_eq(host->request_new(ctx, 2, 1000, 0, &r), 0);
    ck_assert_int_eq(host->request_item(ctx, r + 1, 0, hubs.ids[0], &m),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->request_item(ctx, r, 2, hubs.ids[0], &m),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->request_item(ctx, r, 0, 0, &m), PHUB_EINVAL);
    ck_assert_int_eq(host->request_item(ctx, r, 0, hubs.ids[0], &large),
                     PHUB_ELIMIT);
    ck_assert_int_eq(host->request_item(ctx, r, 0, hubs.ids[0], &m), 0);
    ck_assert_int_eq(host->request_item(ctx, r, 0, hubs.ids[0], &m),
                     PHUB_EEXIST);
    ck_assert_int_eq(host->request_send(ctx, r, 1), PHUB_EINVAL);
    ck_assert_int_eq(host->request_item(ctx, r, 1, hubs.ids[0], &m), 0);
    ck_assert_int_eq(host->request_option(ctx, r, &bad, &key), PHUB_EINVAL);
    for (i = 0; i < PHUB__OPTIONS_MAX; i++)
        ck_assert_int_eq(host->request_option(ctx, r, &key, &key), 0);
    ck_assert_int_eq(host->request_option(ctx, r, &key, &key), PHUB_ELIMIT);
    ck_assert_int_eq(host->request_answer(ctx, r, 2, &answer),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->request_send(ctx, r, 1), 0);
    ck_assert_int_eq(host->request_send(ctx, r, 2), PHUB_EINVAL);
    ck_assert_int_eq(host->request_item(ctx, r, 0, hubs.ids[0], &m),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->request_option(ctx, r, &key, &key), PHUB_EINVAL);
    ck_assert_int_eq(host->respond(ctx, 999, 0, NULL, NULL), PHUB_ENOTFOUND);
    ck_assert_int_eq(host->ask_forward(ctx, 999, hubs.ids[0]),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(host->ask_option(ctx, 999, &key, &m), PHUB_ENOTFOUND);
    request = r;
}

static void foreign(void)
{
    ck_assert_int_eq(host->request_await(ctx, request, 1), PHUB_ENOTFOUND);
}

/* The last question that was put to the strategy here waits for these. */
static void answer_wrongly(void)
{
    static const uint8_t huge[PHUB_REQUEST_MESSAGE_MAX + 1];
    const struct phub_bytes large = { huge, sizeof huge };
    const uint64_t last = 1;

    ck_assert_int_eq(host->respond(ctx, last, 1, NULL, NULL), PHUB_EINVAL);
    ck_assert_int_eq(host->respond(ctx, last, PHUB_EAGAIN, NULL, NULL),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->respond(ctx, last, -100000, NULL, NULL),
                     PHUB_EINVAL);
    ck_assert_int_eq(host->respond(ctx, last, 0, &large, NULL), PHUB_ELIMIT);
    ck_assert_int_eq(host->ask_forward(ctx, last, hubs.ids[0]),
                     PHUB_ENODEDOWN);
    ck_assert_int_eq(host->ask_forward(ctx, last, 12345), PHUB_ENODEDOWN);
    ck_assert_int_eq(host->respond(ctx, last, 0, NULL, NULL), 0);
}

START_TEST(a_request_in_the_wrong_order_has_its_answer)
{
    begin(1);
    as_strategy(misuse);
    kind = PHUB_KIND_DISTRIBUTION;
    as_strategy(foreign);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(counted(0, "value-1"), 2);
    end();
}
END_TEST

START_TEST(a_wrong_answer_is_refused_and_the_question_stays)
{
    begin(1);
    item("silence", 0);
    as_strategy(ask);
    hubs_run(&hubs, 100);
    as_strategy(answer_wrongly);
    hubs_run(&hubs, 100);
    as_strategy(read_answers);
    ck_assert_int_eq(answers[0].code, 0);
    end();
}
END_TEST

/* --- the chain of what starts ------------------------------------------------------ */

static uint64_t handles[2];

static int mark(void *self, uint64_t token, struct phub_alter *alter)
{
    const char *had = host->alter_metadata(alter, "mark");
    char value[32];

    ck_assert_ptr_nonnull(self);
    if (strcmp(host->alter_id(alter), "bad") == 0)
        return host->alter_refuse(alter, "no such names");
    snprintf(value, sizeof value, "%s%u", had != NULL ? had : "",
             (unsigned)token);
    return host->alter_set_metadata(alter, "mark", value);
}

static void add_marks(void)
{
    ck_assert_int_eq(host->alter_add(ctx, 1, mark, 1, &handles[0]), 0);
    ck_assert_int_eq(host->alter_add(ctx, 9, mark, 2, &handles[1]), 0);
    ck_assert_int_eq(host->alter_add(ctx, 0, NULL, 3, &handles[0]),
                     PHUB_EINVAL);
}

static void drop_mark(void)
{
    ck_assert_int_eq(host->hook_cancel(ctx, handles[1]), 0);
    ck_assert_int_eq(host->hook_cancel(ctx, handles[1]), PHUB_ENOTFOUND);
}

static const char *child, *marked;

static void look_at_mark(void)
{
    struct phub_bytes id = hubs_bytes(child), key = hubs_bytes("mark"), value;

    ck_assert_int_eq(host->row_metadata(ctx, &id, &key, &value), 0);
    ck_assert_uint_eq(value.size, strlen(marked));
    ck_assert_mem_eq(value.data, marked, value.size);
}

START_TEST(a_strategy_alters_what_starts)
{
    begin(1);
    as_strategy(add_marks);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim"), 0);
    child = "a";
    marked = "21";
    as_strategy(look_at_mark);
    ck_assert_int_eq(hubs_start(&hubs, 0, "bad", "sim"), PHUB_EREFUSED);
    as_strategy(drop_mark);
    ck_assert_int_eq(hubs_start(&hubs, 0, "b", "sim"), 0);
    child = "b";
    marked = "1";
    as_strategy(look_at_mark);
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("ask");
    TCase *tcase = tcase_create("ask");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 0);
    tcase_add_test(tcase, each_answer_has_its_place);
    tcase_add_test(tcase, a_batch_of_any_size_is_split_and_merged);
    tcase_add_test(tcase, large_answers_come_in_pieces);
    tcase_add_test(tcase, all_who_wait_are_answered_when_time_is_up_and_after);
    tcase_add_test(tcase, a_node_that_dies_ends_its_part_at_once);
    tcase_add_test(tcase, a_node_that_is_cut_off_ends_its_part);
    tcase_add_test(tcase, one_that_nobody_knows_is_named);
    tcase_add_test(tcase, a_strategy_that_does_not_answer_says_so);
    tcase_add_test(tcase, what_is_passed_on_reports_back_and_options_travel);
    tcase_add_test(tcase, what_is_passed_in_a_ring_ends);
    tcase_add_test(tcase, a_node_that_it_was_passed_on_to_dies);
    tcase_add_test(tcase, one_failure_undoes_all_that_may_have_been_done);
    tcase_add_test(tcase, nothing_is_undone_when_all_went_well);
    tcase_add_test(tcase, a_second_answer_is_refused);
    tcase_add_test(tcase, a_late_answer_is_counted_and_changes_nothing);
    tcase_add_test(tcase, questions_that_nobody_answers_are_limited);
    tcase_add_test(tcase, a_hub_ends_with_questions_on_both_sides);
    tcase_add_test(tcase, a_request_in_the_wrong_order_has_its_answer);
    tcase_add_test(tcase, a_wrong_answer_is_refused_and_the_question_stays);
    tcase_add_test(tcase, a_strategy_alters_what_starts);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
