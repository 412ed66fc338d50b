/* SPDX-License-Identifier: MIT */
/* check_stranger: links to who is no member are kept while they are used. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/stranger.h"

#define IDLE_NS 1000u
#define MANY 64u                /* as many as are kept */

/* --- an environment with nothing but a clock, a timer and links ----------- */

struct phub__link {
    int open;
};

struct phub__timer {
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ns;             /* 0: stopped */
};

static struct phub__timer timer;
static struct phub__link links[4 * MANY];
static uint32_t opened;
static uint64_t now;

static uint64_t now_ns(struct phub_env *env)
{
    (void)env;
    return now;
}

static struct phub__timer *timer_new(struct phub_env *env,
                                     void (*fire)(void *arg), void *arg)
{
    (void)env;
    timer = (struct phub__timer){ fire, arg, 0 };
    return &timer;
}

static void timer_start(struct phub_env *env, struct phub__timer *t,
                        uint64_t at_ns)
{
    (void)env;
    t->at_ns = at_ns;
}

static void timer_free(struct phub_env *env, struct phub__timer **t)
{
    (void)env;
    *t = NULL;
}

static int link_open(struct phub_env *env, const char *endpoint,
                     enum phub__link_kind kind, struct phub__link **link)
{
    (void)env;
    (void)endpoint;
    (void)kind;
    ck_assert_uint_lt(opened, 4 * MANY);
    *link = &links[opened++];
    (*link)->open = 1;
    return 0;
}

static void link_close(struct phub_env *env, struct phub__link **link)
{
    (void)env;
    (*link)->open = 0;
    *link = NULL;
}

static struct phub_env env = {
    .now_ns = now_ns, .timer_new = timer_new, .timer_start = timer_start,
    .timer_free = timer_free, .link_open = link_open,
    .link_close = link_close };

static uint32_t open_links(void)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < opened; i++)
        count += (uint32_t)links[i].open;
    return count;
}

static void run_to(uint64_t at)
{
    while (timer.at_ns != 0 && timer.at_ns <= at) {
        now = timer.at_ns;
        timer.at_ns = 0;
        timer.fire(timer.arg);
    }
    now = at;
}

static struct phub__strangers *strangers;

static void setup(void)
{
    opened = 0;
    now = 5;
    strangers = phub__strangers_new(&env, IDLE_NS);
    ck_assert_ptr_nonnull(strangers);
}

static void teardown(void)
{
    phub__strangers_free(&strangers);
    ck_assert_uint_eq(open_links(), 0);
}

static struct phub__link *to(uint32_t number)
{
    char endpoint[32];

    snprintf(endpoint, sizeof endpoint, "tcp://n%u:7000", number);
    return phub__stranger_link(strangers, endpoint);
}

/* --- claims --------------------------------------------------------------- */

START_TEST(a_link_that_nobody_uses_is_closed)
{
    ck_assert_ptr_nonnull(to(1));
    run_to(305);
    ck_assert_ptr_nonnull(to(2));
    run_to(5 + IDLE_NS - 1);
    ck_assert_uint_eq(open_links(), 2);
    run_to(5 + IDLE_NS);
    ck_assert_uint_eq(open_links(), 1);
    run_to(305 + IDLE_NS);
    ck_assert_uint_eq(open_links(), 0);
    ck_assert_uint_eq(timer.at_ns, 0);
    ck_assert_ptr_eq(to(1), &links[2]);
}
END_TEST

START_TEST(a_link_that_is_used_stays)
{
    struct phub__link *link = to(1);

    for (int i = 0; i < 20; i++) {
        run_to(now + IDLE_NS - 1);
        ck_assert_ptr_eq(to(1), link);
    }
    ck_assert_uint_eq(opened, 1);
    ck_assert(link->open);
}
END_TEST

START_TEST(the_one_used_longest_ago_makes_room)
{
    for (uint32_t i = 0; i < MANY; i++)
        ck_assert_ptr_nonnull(to(i));
    ck_assert_ptr_eq(to(0), &links[0]);
    ck_assert_ptr_eq(to(MANY), &links[MANY]);
    ck_assert_uint_eq(open_links(), MANY);
    ck_assert(!links[1].open);
    ck_assert(links[0].open);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stranger");
    TCase *tc = tcase_create("stranger");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_link_that_nobody_uses_is_closed);
    tcase_add_test(tc, a_link_that_is_used_stays);
    tcase_add_test(tc, the_one_used_longest_ago_makes_room);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
