/* SPDX-License-Identifier: MIT */
/* check_actor: the runner of in-process children, alone, on an environment
 * of the test's: its clock stands still, its loop is run by hand. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "actor_loop.h"
#include "child/actor_private.h"
#include "child/spec.h"

#define LOG_MAX 4096

/* --- what the runner says, as a line of words -------------------------------------- */

static char said[LOG_MAX];
static uint32_t said_count;  /* exits and answers, where lines are too many */
static int quiet;

__attribute__((format(printf, 1, 2)))
static void say(const char *format, ...)
{
    size_t used = strlen(said);
    va_list args;

    ck_assert_msg(!mini.inside, "an event inside a call");
    said_count++;
    if (quiet)
        return;
    va_start(args, format);
    vsnprintf(said + used, sizeof said - used, format, args);
    va_end(args);
}

static void on_started(void *arg, uint64_t handle, int64_t pid)
{
    (void)arg;
    ck_assert_int_eq(pid, 0);
    say("started %llu;", (unsigned long long)handle);
}

static void on_failed(void *arg, uint64_t handle, int rc, const char *text)
{
    (void)arg;
    say("failed %llu %d %s;", (unsigned long long)handle, rc, text);
}

static void on_received(void *arg, uint64_t handle,
                        const struct phub__verb_message *m)
{
    struct phub_bytes body = phub__buf_bytes(m->body);

    (void)arg;
    switch (m->verb) {
    case PHUB__VERB_HELLO: say("hello %d;", m->code); return;
    case PHUB__VERB_READY: say("ready;"); return;
    case PHUB__VERB_PUBLISH:
        say("publish %.*s=%.*s;", (int)m->text.size, m->text.data,
            (int)body.size, body.size != 0 ? (const char *)body.data : "");
        return;
    case PHUB__VERB_DONE:
        say("%llu:done %llu %d '%.*s';", (unsigned long long)handle,
            (unsigned long long)m->ref, m->code, (int)body.size,
            body.size != 0 ? (const char *)body.data : "");
        return;
    default:
        ck_abort_msg("verb %d", (int)m->verb);
    }
}

static void on_exited(void *arg, uint64_t handle, int status,
                      enum phub__end_cause cause)
{
    (void)arg;
    say("exited %llu %d %s;", (unsigned long long)handle, status,
        cause == PHUB__END_SELF ? "self"
        : cause == PHUB__END_SIGNAL ? "signal" : "deadline");
}

static const struct phub__runner_events events = {
    .started = on_started, .failed = on_failed, .received = on_received,
    .exited = on_exited
};

static int attached;

static void on_attached(void *arg, uint64_t guard_id)
{
    (void)arg;
    ck_assert_uint_eq(guard_id, 0);
    attached++;
}

static void heard(const char *what)
{
    ck_assert_str_eq(said, what);
    said[0] = '\0';
}

/* --- a behaviour that keeps a journal of letters -------------------------------------- */

struct journal {
    char text[64];
    size_t size;
    int steps;
};

static _Atomic int journals, terminated, roles;

static int j_init(void *self, struct phub_actor *actor, const void *argument,
                  size_t size)
{
    struct journal *j = self;

    ck_assert_uint_eq(j->size, 0);
    ck_assert_uint_eq((uintptr_t)self % alignof(max_align_t), 0);
    if (size == 4 && memcmp(argument, "fail", 4) == 0)
        return PHUB_EREFUSED;
    if (size == 4 && memcmp(argument, "exit", 4) == 0)
        phub_actor_exit(actor, 7);
    if (size == 4 && memcmp(argument, "meta", 4) == 0) {
        ck_assert_int_eq(phub_actor_publish(actor, "port", "17"), 0);
        ck_assert_int_eq(phub_actor_publish(actor, "port", NULL), 0);
        ck_assert_int_eq(phub_actor_publish(actor, "", "x"), PHUB_EINVAL);
    }
    ck_assert_int_eq(phub_actor_reply(actor, "x", 1), PHUB_EINVAL);
    ck_assert_int_eq(phub_actor_put_state(actor, "x", 1), PHUB_EINVAL);
    atomic_fetch_add(&journals, 1);
    return 0;
}

static void j_handle(void *self, struct phub_actor *actor, const void *data,
                     size_t size)
{
    struct journal *j = self;
    const char *word = data;

    j->steps++;
    if (size == 1 && word[0] == '!') {
        phub_actor_exit(actor, -3);
        phub_actor_exit(actor, 0); /* the first one counts */
    } else if (size == 1 && word[0] == '#') {
        return;
    } else if (size == 1 && j->size < sizeof j->text) {
        j->text[j->size++] = word[0];
    }
    ck_assert_int_eq(phub_actor_reply(actor, j->text, j->size), 0);
    ck_assert_int_eq(phub_actor_reply(actor, "", 0), PHUB_EREPEATED);
}

static int j_get(void *self, struct phub_actor *actor)
{
    struct journal *j = self;

    if (j->size != 0 && j->text[0] == '-')
        return PHUB_EREFUSED;
    return phub_actor_put_state(actor, j->text, j->size);
}

static int j_set(void *self, struct phub_actor *actor, const void *state,
                 size_t size)
{
    struct journal *j = self;

    (void)actor;
    if (size > sizeof j->text)
        return PHUB_EPROTO;
    memcpy(j->text, state, size);
    j->size = size;
    return 0;
}

static void j_role(void *self, struct phub_actor *actor, int active)
{
    (void)self;
    (void)actor;
    atomic_store(&roles, atomic_load(&roles) * 10 + 1 + active);
}

static void j_terminate(void *self, struct phub_actor *actor)
{
    (void)self;
    ck_assert_str_ne(phub_actor_id(actor), "");
    atomic_fetch_add(&terminated, 1);
}

static const struct phub_behaviour journal = {
    .size = sizeof journal, .instance_size = sizeof(struct journal),
    .name = "journal", .init = j_init, .handle = j_handle,
    .get_state = j_get, .set_state = j_set, .role = j_role,
    .terminate = j_terminate
};

/* --- fixture --------------------------------------------------------------------------- */

static struct phub__actors *actors;
static struct phub__runner *runner;

static void open_runner(uint32_t threads)
{
    char error[128] = "";

    mini_init();
    ck_assert_int_eq(phub__actors_new(&mini.env, threads, &actors), 0);
    runner = phub__actors_runner(actors);
    ck_assert_str_eq(runner->name, "actor");
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &journal), 0);
    ck_assert_int_eq(runner->attach(runner, &events, on_attached, NULL, error,
                                    sizeof error), 0);
    ck_assert_int_eq(attached, 0); /* never inside */
    run();
    ck_assert_int_eq(attached, 1);
}

static void open_inline(void)
{
    open_runner(0);
}

static void close_runner(void)
{
    if (actors == NULL)
        return;
    runner->detach(runner);
    run();
    phub__actors_free(&actors);
    ck_assert_int_eq(atomic_load(&journals), atomic_load(&terminated));
}

static int start_as(uint64_t handle, const char *behaviour,
                    const char *argument, int standby)
{
    struct phub__spec spec = {
        .behaviour = { (const uint8_t *)behaviour, strlen(behaviour) },
        .argument = { (const uint8_t *)argument, strlen(argument) } };
    struct phub__runner_start start = {
        .handle = handle, .id = { (const uint8_t *)"id", 2 }, .spec = &spec,
        .node_name = "a", .standby = standby };
    int rc;

    mini.inside = 1;
    rc = runner->start(runner, &start);
    mini.inside = 0;
    return rc;
}

static int verb(uint64_t handle, enum phub__verb verb, uint64_t ref,
                const char *body)
{
    struct phub_buf *buf = body != NULL ? phub__buf_copy(body, strlen(body))
                                        : NULL;
    struct phub__verb_message message = { .verb = verb, .ref = ref,
                                          .body = buf };
    int rc;

    mini.inside = 1;
    rc = runner->send(runner, handle, &message);
    mini.inside = 0;
    phub__buf_unref(&buf);
    return rc;
}

static int letter(uint64_t handle, uint64_t ref, const char *body)
{
    return verb(handle, PHUB__VERB_MESSAGE, ref, body);
}

static void up(uint64_t handle)
{
    ck_assert_int_eq(start_as(handle, "journal", "", 0), 0);
    run();
    said[0] = '\0';
}

/* --- life --------------------------------------------------------------------------------- */

START_TEST(an_actor_tells_what_it_can_then_that_it_started_and_is_ready)
{
    ck_assert_int_eq(start_as(1, "journal", "", 0), 0);
    heard("");
    run();
    heard("hello 11;started 1;ready;"); /* freeze, state, role */
    ck_assert_uint_eq(phub__actors_count(actors), 1);
}
END_TEST

START_TEST(a_behaviour_without_state_says_so)
{
    struct phub_behaviour plain = { .size = sizeof plain, .name = "plain" };

    ck_assert_int_eq(phub__actors_behaviour_add(actors, &plain), 0);
    ck_assert_int_eq(start_as(1, "plain", "", 0), 0);
    run();
    heard("hello 9;started 1;ready;");
    ck_assert_int_eq(verb(1, PHUB__VERB_TAKE_STATE, 1, NULL), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_PUT_STATE, 2, "s"), 0);
    ck_assert_int_eq(letter(1, 3, "m"), 0);
    run();
    heard("1:done 1 -20 '';1:done 2 -20 '';1:done 3 -20 '';");
}
END_TEST

START_TEST(an_init_that_refuses_fails_the_start_with_its_code)
{
    ck_assert_int_eq(start_as(1, "journal", "fail", 0), 0);
    ck_assert_int_eq(letter(1, 1, "m"), 0);
    run();
    heard("failed 1 -12 behaviour 'journal': init refused: refused;");
    ck_assert_uint_eq(phub__actors_count(actors), 0);
    ck_assert_int_eq(letter(1, 1, "m"), PHUB_ENOTFOUND);
    ck_assert_int_eq(runner->kill(runner, 1, 1), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(an_unknown_behaviour_is_named_and_told_from_the_loop)
{
    ck_assert_int_eq(start_as(1, "nowhere", "", 0), 0);
    heard("");
    run();
    heard("failed 1 -3 node 'a' has no behaviour 'nowhere';");
}
END_TEST

START_TEST(a_handle_that_never_was_is_not_found)
{
    ck_assert_int_eq(letter(77, 1, "m"), PHUB_ENOTFOUND);
    ck_assert_int_eq(runner->kill(runner, 77, 0), PHUB_ENOTFOUND);
    up(1);
    ck_assert_int_eq(verb(1, PHUB__VERB_HELLO, 1, NULL), PHUB_EINVAL);
    ck_assert_int_eq(verb(1, PHUB__VERB_DONE, 1, NULL), PHUB_EINVAL);
}
END_TEST

START_TEST(stop_comes_after_what_was_sent_before_and_kill_does_not)
{
    up(1);
    up(2);
    ck_assert_int_eq(letter(1, 1, "a"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_STOP, 0, NULL), 0);
    ck_assert_int_eq(letter(1, 2, "b"), 0);
    run();
    heard("1:done 1 0 'a';exited 1 0 signal;");
    ck_assert_int_eq(letter(2, 1, "a"), 0);
    ck_assert_int_eq(runner->kill(runner, 2, 1), 0);
    run();
    heard("exited 2 -9 signal;");
    ck_assert_int_eq(atomic_load(&terminated), 2);
}
END_TEST

START_TEST(an_actor_may_end_itself_with_a_status)
{
    up(1);
    ck_assert_int_eq(letter(1, 1, "!"), 0);
    ck_assert_int_eq(letter(1, 2, "a"), 0);
    run();
    heard("1:done 1 0 '';exited 1 3 self;");
    ck_assert_int_eq(start_as(2, "journal", "exit", 0), 0);
    run();
    heard("hello 11;started 2;ready;exited 2 7 self;");
}
END_TEST

START_TEST(what_is_published_travels_and_an_empty_value_removes)
{
    ck_assert_int_eq(start_as(1, "journal", "meta", 0), 0);
    run();
    heard("publish port=17;publish port=;hello 11;started 1;ready;");
}
END_TEST

/* --- messages -------------------------------------------------------------------------------- */

START_TEST(messages_are_handled_in_order_and_answered_if_asked)
{
    up(1);
    ck_assert_int_eq(letter(1, 1, "a"), 0);
    ck_assert_int_eq(letter(1, 0, "b"), 0);
    ck_assert_int_eq(letter(1, 2, "c"), 0);
    ck_assert_int_eq(letter(1, 3, "#"), 0);
    run();
    heard("1:done 1 0 'a';1:done 2 0 'abc';1:done 3 -19 '';");
}
END_TEST

START_TEST(a_mailbox_is_bounded_for_messages_and_open_for_verbs)
{
    quiet = 1;
    up(1);
    up(2);
    for (uint32_t i = 0; i < PHUB__MAILBOX_MAX; i++)
        ck_assert_int_eq(letter(1, 0, "a"), 0);
    ck_assert_int_eq(letter(1, 1, "a"), PHUB_EBUSY);
    ck_assert_int_eq(letter(2, 0, "a"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_FREEZE, 2, NULL), 0);
    run();
    ck_assert_int_eq(letter(1, 0, "a"), 0);
    run();
    /* held ones count too */
    for (uint32_t i = 1; i < PHUB__MAILBOX_MAX; i++)
        ck_assert_int_eq(letter(1, 0, "a"), 0);
    run();
    ck_assert_int_eq(letter(1, 0, "a"), PHUB_EBUSY);
    ck_assert_int_eq(verb(1, PHUB__VERB_THAW, 0, NULL), 0);
    run();
    ck_assert_int_eq(letter(1, 0, "a"), 0);
    quiet = 0;
}
END_TEST

START_TEST(a_busy_actor_lets_another_have_its_turn)
{
    char *late, *early;

    up(1);
    up(2);
    for (uint64_t i = 1; i <= PHUB__ACTOR_TURN_MAX * 2; i++)
        ck_assert_int_eq(letter(1, i, "?"), 0);
    ck_assert_int_eq(letter(2, 500, "b"), 0);
    run();
    early = strstr(said, "2:done 500");
    late = strstr(said, "1:done 64 ");
    ck_assert_ptr_nonnull(early);
    ck_assert_ptr_nonnull(late);
    ck_assert(early < late);
    said[0] = '\0';
}
END_TEST

/* --- moves ------------------------------------------------------------------------------------ */

START_TEST(a_frozen_actor_holds_messages_and_its_state_has_all_before)
{
    up(1);
    ck_assert_int_eq(letter(1, 1, "a"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_FREEZE, 2, NULL), 0);
    ck_assert_int_eq(letter(1, 3, "b"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_TAKE_STATE, 4, NULL), 0);
    run();
    heard("1:done 1 0 'a';1:done 2 0 '';1:done 4 0 'a';");
    ck_assert_int_eq(letter(1, 5, "c"), 0);
    run();
    heard("");
    ck_assert_int_eq(verb(1, PHUB__VERB_THAW, 6, NULL), 0);
    ck_assert_int_eq(letter(1, 7, "d"), 0);
    run();
    heard("1:done 6 0 '';1:done 3 0 'ab';1:done 5 0 'abc';1:done 7 0 'abcd';");
}
END_TEST

START_TEST(a_frozen_actor_can_be_stopped)
{
    up(1);
    ck_assert_int_eq(verb(1, PHUB__VERB_FREEZE, 1, NULL), 0);
    ck_assert_int_eq(letter(1, 2, "b"), 0);
    run();
    ck_assert_int_eq(verb(1, PHUB__VERB_STOP, 0, NULL), 0);
    run();
    heard("1:done 1 0 '';exited 1 0 signal;");
}
END_TEST

START_TEST(a_standby_takes_its_state_and_acts_after_commit)
{
    ck_assert_int_eq(start_as(1, "journal", "", 1), 0);
    run();
    heard("hello 11;started 1;ready;");
    ck_assert_int_eq(atomic_load(&roles), 1);
    ck_assert_int_eq(verb(1, PHUB__VERB_PUT_STATE, 1, "xy"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_COMMIT, 2, NULL), 0);
    ck_assert_int_eq(letter(1, 3, "z"), 0);
    run();
    heard("1:done 1 0 '';1:done 2 0 '';1:done 3 0 'xyz';");
    ck_assert_int_eq(atomic_load(&roles), 12);
}
END_TEST

START_TEST(a_state_that_is_refused_is_told_with_the_code)
{
    char big[80];

    memset(big, 'x', sizeof big);
    big[79] = '\0';
    up(1);
    ck_assert_int_eq(verb(1, PHUB__VERB_PUT_STATE, 1, big), 0);
    ck_assert_int_eq(letter(1, 0, "-"), 0);
    ck_assert_int_eq(verb(1, PHUB__VERB_TAKE_STATE, 2, NULL), 0);
    run();
    heard("1:done 1 -13 '';1:done 2 -12 '';");
}
END_TEST

/* --- the lease ---------------------------------------------------------------------------------- */

START_TEST(no_step_is_done_after_the_deadline)
{
    up(1);
    runner->deadline(runner, atomic_load(&mini.now) + 100);
    ck_assert_int_eq(letter(1, 1, "a"), 0);
    run();
    heard("1:done 1 0 'a';");
    /* the clock passes it, the hub's thread has not noticed yet */
    atomic_fetch_add(&mini.now, 100);
    ck_assert_int_eq(letter(1, 2, "b"), 0);
    run();
    heard("exited 1 -9 deadline;");
    ck_assert_int_eq(atomic_load(&terminated), 1);
}
END_TEST

START_TEST(idle_actors_end_at_the_deadline_too)
{
    up(1);
    up(2);
    runner->deadline(runner, atomic_load(&mini.now) + 100);
    pass_time(60);
    runner->deadline(runner, atomic_load(&mini.now) + 100);
    pass_time(60);
    run();
    heard("");
    pass_time(40);
    run();
    ck_assert_ptr_nonnull(strstr(said, "exited 1 -9 deadline;"));
    ck_assert_ptr_nonnull(strstr(said, "exited 2 -9 deadline;"));
    ck_assert_uint_eq(phub__actors_count(actors), 0);
}
END_TEST

START_TEST(a_renewal_that_comes_too_late_renews_nothing)
{
    up(1);
    runner->deadline(runner, atomic_load(&mini.now) + 100);
    atomic_fetch_add(&mini.now, 200); /* frozen */
    runner->deadline(runner, atomic_load(&mini.now) + 1000);
    run();
    heard("exited 1 -9 deadline;");
    up(2); /* a new one lives under the new one */
    ck_assert_int_eq(letter(2, 1, "a"), 0);
    run();
    heard("2:done 1 0 'a';");
}
END_TEST

START_TEST(a_deadline_only_ever_moves_on)
{
    up(1);
    runner->deadline(runner, atomic_load(&mini.now) + 100);
    runner->deadline(runner, atomic_load(&mini.now) + 50);
    runner->deadline(runner, 0);
    pass_time(60);
    ck_assert_int_eq(letter(1, 1, "a"), 0);
    run();
    heard("1:done 1 0 'a';");
}
END_TEST

/* --- registration ---------------------------------------------------------------------------------- */

START_TEST(behaviours_are_checked_counted_and_copied)
{
    struct phub_behaviour b = journal;
    char name[32] = "copied";

    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), PHUB_EEXIST);
    b.name = NULL;
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), PHUB_EINVAL);
    b.name = name;
    b.size = 8;
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), PHUB_EINVAL);
    b.size = sizeof b;
    b.instance_size = PHUB__ACTOR_SELF_MAX + 1;
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), PHUB_EINVAL);
    b.instance_size = PHUB__ACTOR_SELF_MAX;
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), 0);
    snprintf(name, sizeof name, "changed");
    ck_assert_int_eq(start_as(1, "copied", "", 0), 0);
    run();
    heard("hello 11;started 1;ready;");
    for (uint32_t i = 2; i < PHUB__BEHAVIOURS_MAX; i++) {
        snprintf(name, sizeof name, "b%u", (unsigned)i);
        ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), 0);
    }
    snprintf(name, sizeof name, "one more");
    ck_assert_int_eq(phub__actors_behaviour_add(actors, &b), PHUB_ELIMIT);
}
END_TEST

START_TEST(an_actor_is_lean)
{
    ck_assert_uint_le(sizeof(struct phub_actor), 240);
    ck_assert_uint_le(sizeof(struct phub__letter), 64);
}
END_TEST

/* --- threads ----------------------------------------------------------------------------------------- */

#define ACTORS 200u
#define LETTERS 100u

static void many(uint32_t threads)
{
    uint32_t expected;

    quiet = 1;
    open_runner(threads);
    said_count = 0;
    for (uint64_t h = 1; h <= ACTORS; h++)
        ck_assert_int_eq(start_as(h, "journal", "", 0), 0);
    for (uint32_t i = 0; i < LETTERS; i++)
        for (uint64_t h = 1; h <= ACTORS; h++)
            ck_assert_int_eq(letter(h, i + 1, "?"), 0);
    for (uint64_t h = 1; h <= ACTORS; h++)
        ck_assert_int_eq(h % 2 == 0 ? runner->kill(runner, h, 0)
                                    : letter(h, LETTERS + 1, "!"), 0);
    /* three for the start, the answers, "!" of every other one, the exit */
    expected = ACTORS * (3 + LETTERS + 1) + ACTORS / 2;
    while (said_count < expected)
        ck_assert_int_eq(mini_one(1), 1);
    ck_assert_uint_eq(said_count, expected);
    ck_assert_uint_eq(phub__actors_count(actors), 0);
    ck_assert_int_eq(atomic_load(&terminated), (int)ACTORS);
    close_runner();
}

static const uint32_t threads_of[] = { 0, 1, 4 };

START_TEST(many_actors_on_any_number_of_threads_lose_nothing)
{
    many(threads_of[_i]);
}
END_TEST

START_TEST(detach_ends_all_and_says_nothing_more)
{
    open_runner(2);
    quiet = 1;
    for (uint64_t h = 1; h <= 50; h++) {
        ck_assert_int_eq(start_as(h, "journal", "", 0), 0);
        for (int i = 0; i < 20; i++)
            ck_assert_int_eq(letter(h, 1, "a"), 0);
    }
    close_runner();
    ck_assert_uint_eq(said_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("actor");
    TCase *tc = tcase_create("inline"), *threads = tcase_create("threads");
    SRunner *sr;
    int failed;

    tcase_add_checked_fixture(tc, open_inline, close_runner);
    tcase_add_test(
        tc, an_actor_tells_what_it_can_then_that_it_started_and_is_ready);
    tcase_add_test(tc, a_behaviour_without_state_says_so);
    tcase_add_test(tc, an_init_that_refuses_fails_the_start_with_its_code);
    tcase_add_test(tc, an_unknown_behaviour_is_named_and_told_from_the_loop);
    tcase_add_test(tc, a_handle_that_never_was_is_not_found);
    tcase_add_test(tc, stop_comes_after_what_was_sent_before_and_kill_does_not);
    tcase_add_test(tc, an_actor_may_end_itself_with_a_status);
    tcase_add_test(tc, what_is_published_travels_and_an_empty_value_removes);
    tcase_add_test(tc, messages_are_handled_in_order_and_answered_if_asked);
    tcase_add_test(tc, a_mailbox_is_bounded_for_messages_and_open_for_verbs);
    tcase_add_test(tc, a_busy_actor_lets_another_have_its_turn);
    tcase_add_test(tc, a_frozen_actor_holds_messages_and_its_state_has_all_before);
    tcase_add_test(tc, a_frozen_actor_can_be_stopped);
    tcase_add_test(tc, a_standby_takes_its_state_and_acts_after_commit);
    tcase_add_test(tc, a_state_that_is_refused_is_told_with_the_code);
    tcase_add_test(tc, no_step_is_done_after_the_deadline);
    tcase_add_test(tc, idle_actors_end_at_the_deadline_too);
    tcase_add_test(tc, a_renewal_that_comes_too_late_renews_nothing);
    tcase_add_test(tc, a_deadline_only_ever_moves_on);
    tcase_add_test(tc, behaviours_are_checked_counted_and_copied);
    tcase_add_test(tc, an_actor_is_lean);
    tcase_set_timeout(threads, 60);
    tcase_add_loop_test(threads,
                        many_actors_on_any_number_of_threads_lose_nothing, 0,
                        3);
    tcase_add_test(threads, detach_ends_all_and_says_nothing_more);
    suite_add_tcase(suite, tc);
    suite_add_tcase(suite, threads);
    sr = srunner_create(suite);
    srunner_run_all(sr, CK_ENV);
    failed = srunner_ntests_failed(sr);
    srunner_free(sr);
    return failed == 0 ? 0 : 1;
}
