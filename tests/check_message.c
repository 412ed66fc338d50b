/* SPDX-License-Identifier: MIT */
/* check_message: what is sent to a child by its name.
 *
 * A simulated child answers a message with its own bytes. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/message.h"
#include "hub_fixture.h"

#define LETTERS_MAX 600u

struct letter {
    uint32_t answers;
    int rc;
    char text[64], data[32];
    uint32_t arrivals;       /* at the child */
    uint32_t rank;           /* among those of its sender */
};

struct sender {
    uint32_t node, sent, arrived;
    struct letter letters[LETTERS_MAX];
};

static struct hubs hubs;
static struct sender senders[3];

/* "b17": the 18th of node b. */
static void on_message(void *arg, const struct phub__sim_child *child,
                       struct phub_bytes data)
{
    struct sender *sender;
    struct letter *letter;
    char text[32];

    (void)arg;
    (void)child;
    if (data.size == 0 || data.size >= sizeof text || data.data[0] == 0)
        return;
    memcpy(text, data.data, data.size);
    text[data.size] = '\0';
    sender = &senders[text[0] - 'a'];
    letter = &sender->letters[strtoul(text + 1, NULL, 10)];
    letter->arrivals++;
    letter->rank = sender->arrived++;
}

static void begin(const char *migration, uint64_t seed)
{
    uint32_t i;

    memset(senders, 0, sizeof senders);
    for (i = 0; i < 3; i++)
        senders[i].node = i;
    hubs_new(&hubs, 3, migration, seed);
    hubs.watch.message = on_message;
}

static void setup(void)
{
    begin("hotswap", 21);
}

static void teardown(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static void on_reply(void *arg, int rc, const char *text,
                     struct phub_buf *data)
{
    struct letter *letter = arg;
    struct phub_bytes bytes = phub__buf_bytes(data);

    letter->answers++;
    letter->rc = rc;
    snprintf(letter->text, sizeof letter->text, "%s", text);
    snprintf(letter->data, sizeof letter->data, "%.*s", (int)bytes.size,
             bytes.size != 0 ? (const char *)bytes.data : "");
}

struct mail {
    struct sender *sender;
    const char *id;
    uint32_t timeout_ms;
    int rc;
};

static void post(struct phub__hub *hub, void *arg)
{
    struct mail *mail = arg;
    struct sender *sender = mail->sender;
    char text[32];

    snprintf(text, sizeof text, "%c%u", 'a' + (int)sender->node,
             sender->sent);
    mail->rc = phub__mail_send(hub, hubs_bytes(mail->id), hubs_bytes(text),
                               mail->timeout_ms, on_reply,
                               &sender->letters[sender->sent]);
    if (mail->rc == 0)
        sender->sent++;
}

static int send_to(const char *id, uint32_t node, uint32_t timeout_ms)
{
    struct mail mail = { &senders[node], id, timeout_ms, 0 };

    hubs_do(&hubs, node, post, &mail);
    return mail.rc;
}

static void all_answered(uint32_t node, int in_order)
{
    const struct sender *sender = &senders[node];
    char text[32];
    uint32_t i;

    for (i = 0; i < sender->sent; i++) {
        const struct letter *letter = &sender->letters[i];

        snprintf(text, sizeof text, "%c%u", 'a' + (int)node, i);
        ck_assert_msg(letter->answers == 1 && letter->rc == 0 &&
                      letter->arrivals == 1,
                      "%s: node %u: message %u: arrived %u times, %u answers, "
                      "the last %d %s", hubs.migration, node, i,
                      letter->arrivals, letter->answers, letter->rc,
                      letter->text);
        ck_assert_str_eq(letter->data, text);
        ck_assert_msg(!in_order || letter->rank == i,
                      "%s: node %u: message %u came as number %u",
                      hubs.migration, node, i, letter->rank);
    }
}

START_TEST(a_message_reaches_its_child_from_any_node)
{
    uint32_t i, n;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    hubs_run(&hubs, 100);
    for (n = 0; n < 10; n++)
        for (i = 0; i < 3; i++)
            ck_assert_int_eq(send_to("c", i, 1000), 0);
    hubs_run(&hubs, 500);
    for (i = 0; i < 3; i++)
        all_answered(i, 1);
}
END_TEST

START_TEST(nobody_is_named_and_large_is_limited)
{
    char *large = calloc(1, PHUB_MESSAGE_SIZE_MAX + 1);
    struct phub__hub *hub = hubs_hub(&hubs, 0);
    struct phub_bytes bytes = { (uint8_t *)large, PHUB_MESSAGE_SIZE_MAX + 1 };

    ck_assert_int_eq(send_to("nobody", 0, 1000), PHUB_ENOTFOUND);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert_int_eq(phub__mail_send(hub, hubs_bytes("c"), bytes, 1000,
                                     on_reply, &senders[0].letters[0]),
                     PHUB_ELIMIT);
    bytes.size--;
    ck_assert_int_eq(phub__mail_send(hub, hubs_bytes("c"), bytes, 1000,
                                     on_reply, &senders[0].letters[0]), 0);
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(senders[0].letters[0].answers, 1);
    ck_assert_int_eq(senders[0].letters[0].rc, 0);
    free(large);
}
END_TEST

START_TEST(a_silent_child_costs_its_timeout)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim silent"), 0);
    hubs_run(&hubs, 100);
    ck_assert_int_eq(send_to("c", 1, 300), 0);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(senders[1].letters[0].answers, 1);
    ck_assert_int_eq(senders[1].letters[0].rc, PHUB_ETIMEDOUT);
}
END_TEST

START_TEST(a_child_that_answers_twice_is_heard_once)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim twice"), 0);
    hubs_run(&hubs, 100);
    ck_assert_int_eq(send_to("c", 1, 300), 0);
    hubs_run(&hubs, 1000);
    all_answered(1, 1);
}
END_TEST

START_TEST(a_message_waits_for_a_child_that_is_restarted)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim slow-ready=100"), 0);
    hubs_run(&hubs, 100);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    hubs_run(&hubs, 5);
    ck_assert_int_eq(send_to("c", 1, 5000), 0);
    ck_assert_int_eq(send_to("c", 1, 5000), 0);
    hubs_run(&hubs, 1000);
    all_answered(1, 1);
}
END_TEST

START_TEST(what_waits_for_a_child_that_is_stopped_is_told)
{
    uint32_t home = 9;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim slow-ready=1000"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    hubs_run(&hubs, 5);
    ck_assert_int_eq(send_to("c", (home + 1) % 3, 5000), 0);
    hubs_run(&hubs, 5);
    ck_assert_int_eq(hubs_stop(&hubs, home, "c"), 0);
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(senders[(home + 1) % 3].letters[0].answers, 1);
    ck_assert_int_eq(senders[(home + 1) % 3].letters[0].rc, PHUB_ESTOPPED);
}
END_TEST

START_TEST(messages_wait_during_a_move_and_arrive_once_in_order)
{
    static const char *const migrations[] = { "hotswap", "coldswap" };
    struct hubs_result move;
    uint32_t home = 9, i, n;

    hubs_free(&hubs);
    begin(migrations[_i % 2], (uint64_t)_i);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim state freeze"), 0);
    hubs_run(&hubs, 100);
    (void)hubs_acting(&hubs, "c", &home);
    for (n = 0; n < 150; n++) {
        if (n == 20)
            hubs_move_send(&hubs, home, "c", (home + 1) % 3, &move);
        for (i = 0; i < 3; i++)
            ck_assert_int_eq(send_to("c", i, 10000), 0);
        phub__world_run(hubs.world, phub__world_now(hubs.world) +
                        100 * PHUB__SIM_US);
    }
    hubs_wait(&hubs, &move);
    ck_assert_int_eq(move.codes[0], 0);
    hubs_run(&hubs, 12000);
    for (i = 0; i < 3; i++)
        all_answered(i, 1);
}
END_TEST

START_TEST(messages_during_a_move_that_is_given_up_arrive_in_order)
{
    struct hubs_result move;
    uint32_t home = 9, n;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c",
                                "sim state freeze late-state=5000"), 0);
    hubs_run(&hubs, 100);
    (void)hubs_acting(&hubs, "c", &home);
    hubs_move_send(&hubs, home, "c", (home + 1) % 3, &move);
    for (n = 0; n < 50; n++) {
        ck_assert_int_eq(send_to("c", (home + 2) % 3, 20000), 0);
        phub__world_run(hubs.world, phub__world_now(hubs.world) +
                        PHUB__SIM_MS);
    }
    hubs_wait(&hubs, &move);
    ck_assert_int_ne(move.codes[0], 0);
    hubs_run(&hubs, 10000);
    all_answered((home + 2) % 3, 1);
}
END_TEST

START_TEST(a_node_that_dies_costs_its_messages_their_timeout_only)
{
    uint32_t home = 9, other;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    hubs_run(&hubs, 100);
    (void)hubs_acting(&hubs, "c", &home);
    other = (home + 1) % 3;
    phub__sim_node_kill(hubs_node(&hubs, home));
    ck_assert_int_eq(send_to("c", other, 500), 0);
    hubs_run(&hubs, 1500);
    ck_assert_uint_eq(senders[other].letters[0].answers, 1);
    ck_assert_int_ne(senders[other].letters[0].rc, 0);
    ck_assert(hubs_until(&hubs, 30000, hubs_acts, "c"));
    hubs_settle(&hubs);
    senders[other].sent = 1;
    ck_assert_int_eq(send_to("c", other, 500), 0);
    hubs_run(&hubs, 1000);
    ck_assert_int_eq(senders[other].letters[1].rc, 0);
    ck_assert_str_eq(senders[other].letters[1].data,
                     other == 0 ? "a1" : other == 1 ? "b1" : "c1");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message");
    TCase *tc = tcase_create("message");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_message_reaches_its_child_from_any_node);
    tcase_add_test(tc, nobody_is_named_and_large_is_limited);
    tcase_add_test(tc, a_silent_child_costs_its_timeout);
    tcase_add_test(tc, a_child_that_answers_twice_is_heard_once);
    tcase_add_test(tc, a_message_waits_for_a_child_that_is_restarted);
    tcase_add_test(tc, what_waits_for_a_child_that_is_stopped_is_told);
    tcase_add_loop_test(tc,
        messages_wait_during_a_move_and_arrive_once_in_order, 0, 6);
    tcase_add_test(tc, messages_during_a_move_that_is_given_up_arrive_in_order);
    tcase_add_test(tc, a_node_that_dies_costs_its_messages_their_timeout_only);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
