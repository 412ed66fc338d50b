/* SPDX-License-Identifier: MIT */
/* check_link_name: looking up the name of one host delays no other link. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "env_world.h"
#include "wire/buf.h"

/* Who is sent to, and what came last. */
static struct {
    struct world world;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    uint32_t received, wanted;
    struct phub_buf *last;
} b;

/* What the resolver was asked; it answers when it is told to. */
static struct {
    char what[64];
    uint32_t asked;
    void (*done)(void *arg, const struct phub__resolved *r);
    void *arg;
} resolver;

static struct world a;
static struct phub__link *named;
static uv_loop_t loop;

static void on_frame(void *arg, struct phub_buf *frame)
{
    (void)arg;
    phub__buf_unref(&b.last);
    b.last = phub__buf_ref(frame);
    if (++b.received == b.wanted)
        phub__env_real_stop(b.world.env);
}

static void on_lost(void *arg, struct phub__link *link)
{
    (void)arg;
    (void)link;
}

static int ask(struct phub_env *env, const char *what,
               void (*done)(void *arg, const struct phub__resolved *r),
               void *arg)
{
    (void)env;
    snprintf(resolver.what, sizeof resolver.what, "%s", what);
    resolver.done = done;
    resolver.arg = arg;
    resolver.asked++;
    return 0;
}

static void answer(const char *first, const char *second)
{
    const char *const endpoints[] = { first, second };
    const struct phub__resolved r = { 0, second == NULL ? 1 : 2, endpoints };

    resolver.done(resolver.arg, &r);
}

static void setup(void)
{
    static const struct phub__net_events events = { on_frame, on_lost };
    struct phub__env_real_options options = { .loop = &loop };
    char endpoint[64], error[TEXT_MAX] = "";

    memset(&resolver, 0, sizeof resolver);
    memset(&b, 0, sizeof b);
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    world_open(&a, &options);
    world_open(&b.world, &options);
    ck_assert_msg(b.world.env->net_listen(b.world.env, "tcp://127.0.0.1:*",
                                          &events, NULL, b.endpoint,
                                          sizeof b.endpoint, error,
                                          sizeof error) == 0, "%s", error);
    a.env->resolve = ask;
    snprintf(endpoint, sizeof endpoint, "tcp://b.example:%s",
             strrchr(b.endpoint, ':') + 1);
    ck_assert_int_eq(a.env->link_open(a.env, endpoint, PHUB__LINK_CONTROL,
                                      &named), 0);
    ck_assert_int_eq(strncmp(resolver.what, "dns:b.example:", 14), 0);
}

static void teardown(void)
{
    if (named != NULL)
        a.env->link_close(a.env, &named);
    phub__buf_unref(&b.last);
    world_close(&a);
    world_close(&b.world);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}

static void wait_for(uint32_t frames)
{
    b.wanted = frames;
    world_run(&b.world);
}

START_TEST(a_name_that_takes_long_delays_no_other_link)
{
    struct phub__link *link;

    ck_assert_int_eq(a.env->link_open(a.env, b.endpoint, PHUB__LINK_CONTROL,
                                      &link), 0);
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_int_eq(a.env->link_send(a.env, named, &i, 1, NULL), 0);
    ck_assert_int_eq(a.env->link_send(a.env, link, (const uint8_t *)"now", 3,
                                      NULL), 0);
    wait_for(1);
    ck_assert_uint_eq(b.last->size, 3);
    answer(b.endpoint, NULL);
    wait_for(4);
    ck_assert_uint_eq(b.last->data[0], 2);
    a.env->link_close(a.env, &link);
}
END_TEST

START_TEST(what_waits_for_a_name_has_a_limit)
{
    uint32_t sent = 0;
    int rc = 0;

    while (rc == 0 && sent < 1000) {
        rc = a.env->link_send(a.env, named, (const uint8_t *)"b", 1, NULL);
        sent += rc == 0;
    }
    ck_assert_int_eq(rc, PHUB_EBUSY);
    ck_assert_uint_gt(sent, 10);
    answer(b.endpoint, NULL);
    wait_for(sent);
}
END_TEST

/* Of two addresses the first is not reached; then the name has another one. */
START_TEST(a_name_without_a_connection_is_asked_for_again)
{
    answer("tcp://127.0.0.1:1", "tcp://127.0.0.1:2");
    while (resolver.asked == 1)
        phub__env_real_step(a.env);
    answer("tcp://127.0.0.1:1", "tcp://127.0.0.1:2");
    while (resolver.asked == 2)
        phub__env_real_step(a.env);
    answer(b.endpoint, NULL);
    ck_assert_int_eq(a.env->link_send(a.env, named, (const uint8_t *)"b", 1,
                                      NULL), 0);
    wait_for(1);
}
END_TEST

/* What was sent to the first is lost with it, as with any connection. */
START_TEST(a_bulk_link_finds_the_second_address_too)
{
    struct phub__link *bulk;

    a.env->link_close(a.env, &named);
    ck_assert_int_eq(a.env->link_open(a.env, "tcp://b.example:7440",
                                      PHUB__LINK_BULK, &bulk), 0);
    answer("tcp://127.0.0.1:1", b.endpoint);
    while (resolver.asked == 2)
        phub__env_real_step(a.env);
    answer("tcp://127.0.0.1:1", b.endpoint);
    ck_assert_int_eq(a.env->link_send(a.env, bulk, (const uint8_t *)"b", 1,
                                      NULL), 0);
    wait_for(1);
    a.env->link_close(a.env, &bulk);
}
END_TEST

START_TEST(what_waits_for_a_name_is_no_more_than_a_megabyte)
{
    struct phub_buf *body = phub__buf_new(300000);
    uint32_t sent = 0;

    memset(body->data, 7, body->size);
    while (a.env->link_send(a.env, named, NULL, 0, body) == 0)
        sent++;
    phub__buf_unref(&body);
    ck_assert_uint_eq(sent, 3);
    answer(b.endpoint, NULL);
    wait_for(sent);
}
END_TEST

/* The answer comes when nobody waits for it any more. */
START_TEST(a_link_may_be_closed_before_its_name_is_known)
{
    a.env->link_close(a.env, &named);
    if (_i == 0)
        answer(b.endpoint, NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_name");
    TCase *tc = tcase_create("link_name");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_name_that_takes_long_delays_no_other_link);
    tcase_add_test(tc, what_waits_for_a_name_has_a_limit);
    tcase_add_test(tc, a_name_without_a_connection_is_asked_for_again);
    tcase_add_test(tc, a_bulk_link_finds_the_second_address_too);
    tcase_add_test(tc, what_waits_for_a_name_is_no_more_than_a_megabyte);
    tcase_add_loop_test(tc, a_link_may_be_closed_before_its_name_is_known, 0,
                        2);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
