/* SPDX-License-Identifier: MIT */
/* check_child: the library for children, and a real counter. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include "child_fixture.h"
#include "guard_fixture.h"

/* --- the library, with this program as hub and child ---------------------- */

struct self {
    struct ends ends;
    struct phub_child *child;
    char last[32];
    uint8_t *state;
    size_t state_size;
    uint32_t state_version;
    uint64_t later;
    int rc;
};

static int
self_freeze(void *arg, uint64_t ref)
{
    struct self *self = arg;

    (void)ref;
    snprintf(self->last, sizeof self->last, "freeze");
    return self->rc;
}

static int
self_get_state(void *arg, uint64_t ref)
{
    struct self *self = arg;

    return phub_child_give_state(self->child, ref, 4, self->state,
                                 self->state_size);
}

static int
self_put_state(void *arg, uint64_t ref, const struct phub_child_state *state)
{
    struct self *self = arg;

    (void)ref;
    snprintf(self->last, sizeof self->last, "put %d", state->code);
    self->state_version = state->version;
    self->state_size = state->size;
    self->state = realloc(self->state, state->size + 1);
    memcpy(self->state, state->data, state->size);
    if (self->rc == PHUB_CHILD_LATER)
        self->later = ref;
    return self->rc == PHUB_CHILD_LATER ? PHUB_CHILD_LATER : 0;
}

static int
self_commit(void *arg, uint64_t ref)
{
    struct self *self = arg;

    self->later = ref;
    return self->rc == PHUB_CHILD_LATER ? PHUB_CHILD_LATER : 0;
}

static int
self_consent(void *arg, uint64_t ref)
{
    struct self *self = arg;

    self->later = ref;
    return PHUB_CHILD_LATER;
}

static int
self_role(void *arg, uint64_t ref, int active)
{
    struct self *self = arg;

    (void)ref;
    snprintf(self->last, sizeof self->last, "role %d", active);
    return 0;
}

static int
self_message(void *arg, uint64_t ref, const char *sender, const void *data,
             size_t size)
{
    struct self *self = arg;

    snprintf(self->last, sizeof self->last, "%s:%.*s", sender, (int)size,
             (const char *)data);
    return ref != 0 ? phub_child_give(self->child, ref, "reply", 5) : 0;
}

static int
self_stop(void *arg, uint64_t ref, uint64_t within_ms)
{
    struct self *self = arg;

    (void)ref;
    snprintf(self->last, sizeof self->last, "stop %d", (int)within_ms);
    return 0;
}

static const struct phub_child_calls self_calls = {
    .size = sizeof(struct phub_child_calls),
    .stop = self_stop, .freeze = self_freeze, .get_state = self_get_state,
    .put_state = self_put_state, .role = self_role, .consent = self_consent,
    .message = self_message, .commit = self_commit,
};

static void
open_self(struct self *self, uint32_t capabilities)
{
    char number[16];

    memset(self, 0, sizeof *self);
    open_ends(&self->ends);
    snprintf(number, sizeof number, "%d", self->ends.child);
    setenv("PHUB_FD", number, 1);
    setenv("PHUB_CHILD_ID", "me", 1);
    setenv("PHUB_NODE", "a", 1);
    setenv("PHUB_EPOCH", "7.9", 1);
    setenv("PHUB_STANDBY", "1", 1);
    setenv("PHUB_STATE_EXPECTED", "1", 1);
    ck_assert_int_eq(phub_child_open(&self->child, &self_calls, capabilities,
                                     4, self), 0);
    self->ends.child = -1;
    ck_assert_int_eq(read_channel(&self->ends), 0);
    ck_assert_uint_eq(self->ends.last.verb, PHUB_CHILD_HELLO);
    ck_assert_uint_eq(self->ends.last.capabilities, capabilities);
    ck_assert_uint_eq(self->ends.last.state_version, 4);
    self->ends.count = 0;
}

static void
close_self(struct self *self)
{
    phub_child_close(&self->child);
    close_ends(&self->ends);
    free(self->state);
}

/* Send a message and let the child handle it. */
static void
ask_self(struct self *self, const struct phub__childmsg *m)
{
    self->ends.count = 0;
    ck_assert_int_eq(phub__channel_send(self->ends.channel, m), 0);
    ck_assert_int_eq(phub_child_dispatch(self->child), 1);
    ck_assert_int_eq(phub_child_dispatch(self->child), 0);
    ck_assert_int_eq(read_channel(&self->ends), 0);
}

START_TEST(a_state_that_is_taken_later_makes_it_ready)
{
    struct self self;
    struct phub__childmsg m = { .verb = PHUB_CHILD_PUT_STATE, .ref = 5,
                                .fd = -1,
                                .body = { (const uint8_t *)"abc", 3 } };
    struct phub__childmsg who = { .verb = PHUB_CHILD_IDENTIFY, .ref = 6,
                                  .fd = -1 };

    open_self(&self, 0);
    self.rc = PHUB_CHILD_LATER;
    ask_self(&self, &m);
    ck_assert_int_eq(phub_child_done(self.child, self.later, 0, NULL), 0);
    ck_assert_int_eq(read_channel(&self.ends), 0);
    self.ends.count = 0;
    ask_self(&self, &who);
    ck_assert_uint_eq(self.ends.last.verb, PHUB_CHILD_DONE);
    ck_assert(self.ends.last.value & PHUB_CHILD_IS_READY);
    close_self(&self);
}
END_TEST

START_TEST(a_commit_makes_one_ready_that_cannot_have_a_state)
{
    static const uint32_t can[] = { 0, PHUB_CHILD_CAN_DEFER_READY, 0,
                                    PHUB_CHILD_CAN_STATE };
    struct self self;

    open_self(&self, can[_i]);
    self.rc = _i / 2 ? PHUB_CHILD_LATER : 0;
    ask_self(&self, &samples[4]);
    if (_i / 2) {
        ask_self(&self, &samples[13]);
        ck_assert_uint_eq(self.ends.last.value & PHUB_CHILD_IS_READY, 0);
        ck_assert_int_eq(phub_child_done(self.child, self.later, 0, NULL), 0);
        ck_assert_int_eq(read_channel(&self.ends), 0);
    }
    ck_assert_uint_eq(self.ends.asked, PHUB_CHILD_COMMIT);
    ask_self(&self, &samples[13]);
    ck_assert_uint_eq(self.ends.last.verb, PHUB_CHILD_DONE);
    ck_assert_uint_eq(self.ends.last.value,
                      can[_i] != 0 ? 0 : PHUB_CHILD_IS_READY);
    close_self(&self);
}
END_TEST

START_TEST(a_program_run_by_hand_is_told_so)
{
    struct phub_child *child = NULL;
    struct stat what;

    unsetenv("PHUB_FD");
    ck_assert_int_eq(phub_child_open(&child, &self_calls, 0, 0, NULL),
                     PHUB_ENOTCHILD);
    setenv("PHUB_FD", "", 1);
    ck_assert_int_eq(phub_child_open(&child, &self_calls, 0, 0, NULL),
                     PHUB_ENOTCHILD);
    setenv("PHUB_FD", "2", 1);
    ck_assert_int_eq(phub_child_open(&child, &self_calls, 0, 0, NULL),
                     PHUB_ENOTCHILD);
    setenv("PHUB_FD", "3x", 1);
    ck_assert_int_eq(phub_child_open(&child, &self_calls, 0, 0, NULL),
                     PHUB_ENOTCHILD);
    ck_assert_int_eq(fstat(2, &what), 0);
    ck_assert_ptr_null(child);
    ck_assert_str_eq(phub_child_strerror(PHUB_ENOTCHILD),
                     "not started by phub");
}
END_TEST

START_TEST(each_verb_makes_its_call_and_one_answer)
{
    struct self self;

    open_self(&self, PHUB_CHILD_CAN_FREEZE);
    ck_assert_str_eq(phub_child_id(self.child), "me");
    ck_assert_str_eq(phub_child_epoch(self.child), "7.9");
    ck_assert_int_eq(phub_child_standby(self.child), 1);
    ask_self(&self, &samples[2]);
    ck_assert_uint_eq(self.ends.count, 1);
    ck_assert_uint_eq(self.ends.asked, PHUB_CHILD_FREEZE);
    ck_assert_int_eq(self.ends.last.code, 0);
    ck_assert_int_eq(phub_child_frozen(self.child), 1);
    ask_self(&self, &samples[3]);
    ck_assert_int_eq(phub_child_frozen(self.child), 0);
    self.rc = PHUB_EREFUSED;
    ask_self(&self, &samples[2]);
    ck_assert_int_eq(self.ends.last.code, PHUB_EREFUSED);
    ck_assert_int_eq(phub_child_frozen(self.child), 0);
    ask_self(&self, &samples[4]);
    ck_assert_int_eq(self.ends.last.code, 0);
    ck_assert_int_eq(phub_child_standby(self.child), 0);
    ask_self(&self, &samples[8]);
    ck_assert_str_eq(self.last, "role 1");
    ask_self(&self, &samples[11]);
    ck_assert_str_eq(self.last, "from:m");
    ck_assert_uint_eq(self.ends.count, 1);
    ck_assert_mem_eq(self.ends.body, "reply", 5);
    ask_self(&self, &samples[12]);
    ck_assert_uint_eq(self.ends.count, 0);
    ask_self(&self, &samples[0]);
    ck_assert_str_eq(self.last, "stop 5000");
    ck_assert_uint_eq(self.ends.count, 1);
    close_self(&self);
}
END_TEST

START_TEST(an_answer_may_come_later)
{
    struct self self;

    open_self(&self, PHUB_CHILD_CAN_CONSENT);
    ask_self(&self, &samples[10]);
    ck_assert_uint_eq(self.ends.count, 0);
    ck_assert_int_eq(phub_child_done(self.child, self.later, PHUB_EBUSY,
                                     "busy until four"), 0);
    ck_assert_int_eq(read_channel(&self.ends), 0);
    ck_assert_uint_eq(self.ends.asked, PHUB_CHILD_CONSENT);
    ck_assert_int_eq(self.ends.last.code, PHUB_EBUSY);
    ck_assert_int_eq(phub_child_agree(self.child), 0);
    ck_assert_int_eq(read_channel(&self.ends), 0);
    ck_assert_uint_eq(self.ends.last.verb, PHUB_CHILD_AGREE);
    close_self(&self);
}
END_TEST

START_TEST(unknown_verbs_are_answered_and_garbage_is_not)
{
    struct self self;
    int fd;

    open_self(&self, 0);
    fd = phub__channel_fd(self.ends.channel);
    ck_assert_int_eq(send(fd, "garbage", 7, 0), 7);
    ck_assert_int_eq(phub_child_dispatch(self.child), 1);
    ck_assert_int_eq(read_channel(&self.ends), 0);
    ck_assert_uint_eq(self.ends.count, 0);
    ck_assert_int_eq(send(fd, "\xa2\x00\x18\x3f\x01\x05", 6, 0), 6);
    ck_assert_int_eq(phub_child_dispatch(self.child), 1);
    ck_assert_int_eq(read_channel(&self.ends), 0);
    ck_assert_uint_eq(self.ends.count, 0); /* ref 5 was not awaited */
    ask_self(&self, &samples[13]); /* identify */
    ck_assert_uint_eq(self.ends.last.value, PHUB_CHILD_IS_STANDBY);
    phub__channel_close(&self.ends.channel);
    ck_assert_int_eq(phub_child_dispatch(self.child), PHUB_ESHUTDOWN);
    close_self(&self);
}
END_TEST

START_TEST(a_state_of_any_size_goes_both_ways)
{
    static const size_t sizes[] = { 0, 1, PHUB_CHILD_BODY_MAX,
                                    PHUB_CHILD_BODY_MAX + 1, 3000001 };
    struct self self;
    size_t size = sizes[_i];
    uint8_t *state = malloc(size + 1);
    struct phub__childmsg put = {
        .verb = PHUB_CHILD_PUT_STATE, .ref = 1, .fd = -1, .state_version = 4,
        .body = { state, size },
    };
    struct phub__childmsg take = { .verb = PHUB_CHILD_TAKE_STATE, .ref = 2,
                                   .fd = -1 };

    for (size_t i = 0; i < size; i++)
        state[i] = (uint8_t)(i * 7 + i / 1000);
    open_self(&self, PHUB_CHILD_CAN_STATE);
    ask_self(&self, &put);
    ck_assert_int_eq(self.ends.last.code, 0);
    ck_assert_uint_eq(self.state_size, size);
    ck_assert_uint_eq(self.state_version, 4);
    ck_assert_int_eq(memcmp(self.state, state, size), 0);
    ask_self(&self, &take);
    ck_assert_uint_eq(self.ends.asked, PHUB_CHILD_TAKE_STATE);
    ck_assert_uint_eq(self.ends.last.state_version, 4);
    if (size > PHUB_CHILD_BODY_MAX)
        ck_assert_uint_eq(self.ends.last.fd_size, size);
    else
        ck_assert_uint_eq(self.ends.last.body.size, size);
    close_self(&self);
    free(state);
}
END_TEST

START_TEST(a_missing_state_is_said_to_be_missing)
{
    struct self self;

    open_self(&self, PHUB_CHILD_CAN_STATE);
    ask_self(&self, &samples[7]);
    ck_assert_str_eq(self.last, "put -3");
    close_self(&self);
}
END_TEST

START_TEST(the_next_daemon_hears_again_what_was_published)
{
    struct self self;
    struct phub_bytes key, value, body;
    char text[512];
    size_t at = 0;

    open_self(&self, PHUB_CHILD_CAN_DEFER_READY);
    ck_assert_int_eq(phub_child_publish(self.child, "port", "1"), 0);
    ck_assert_int_eq(phub_child_publish(self.child, "port", "80"), 0);
    ck_assert_int_eq(phub_child_publish(self.child, "gone", "x"), 0);
    ck_assert_int_eq(phub_child_publish(self.child, "gone", ""), 0);
    ck_assert_int_eq(phub_child_publish(self.child, "", "x"), PHUB_EINVAL);
    ck_assert_int_eq(phub_child_publish(self.child, "x", "\xff"), PHUB_EINVAL);
    memset(text, 'k', sizeof text);
    text[PHUB_CHILD_PUBLISH_KEY_MAX + 1] = 0;
    ck_assert_int_eq(phub_child_publish(self.child, text, "x"), PHUB_ELIMIT);
    for (unsigned i = 1; i < PHUB_CHILD_PUBLISH_MAX; i++) {
        snprintf(text, sizeof text, "key%u", i);
        ck_assert_int_eq(phub_child_publish(self.child, text, "x"), 0);
    }
    ck_assert_int_eq(phub_child_publish(self.child, "more", "x"), PHUB_ELIMIT);
    for (unsigned i = 1; i < PHUB_CHILD_PUBLISH_MAX; i++) {
        snprintf(text, sizeof text, "key%u", i);
        ck_assert_int_eq(phub_child_publish(self.child, text, ""), 0);
    }
    ck_assert_int_eq(phub_child_ready(self.child), 0);
    for (int i = 0; i < 4; i++)
        ck_assert_int_eq(read_channel(&self.ends), 0);
    ck_assert_uint_eq(self.ends.last.verb, PHUB_CHILD_READY);
    ask_self(&self, &samples[13]);
    ck_assert_uint_eq(self.ends.count, 4); /* hello, publish, ready, done */
    ck_assert_uint_eq(self.ends.last.value,
                      PHUB_CHILD_IS_READY | PHUB_CHILD_IS_STANDBY);
    body = (struct phub_bytes){ self.ends.body, 9 };
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value), 1);
    ck_bytes(key, text_bytes("port"));
    ck_bytes(value, text_bytes("80"));
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value), 0);
    close_self(&self);
}
END_TEST

/* --- a real counter in a real guard -------------------------------------- */

struct running {
    struct ends ends;
    struct seen *seen;
    int port;
    bool ready;
};

static uint64_t
spawn_counter(struct fixture *f, bool target)
{
    char path[4096];
    const char *build = getenv("PHUB_BUILDDIR");
    struct phub_bytes argv;
    struct phub__guard_spawn spawn = {
        .id = text_bytes("counter"), .node_name = "a", .argv = &argv,
        .argc = 1, .standby = target, .state_expected = target,
    };
    uint64_t handle;

    snprintf(path, sizeof path, "%s/tests/counter", build ? build : "build");
    argv = text_bytes(path);
    ck_assert_int_eq(phub__guard_spawn(f->guard, &spawn, &handle), 0);
    return handle;
}

static void
wait_message(struct running *r, uint32_t verb)
{
    do {
        struct pollfd at = { .fd = phub__channel_fd(r->ends.channel),
                             .events = POLLIN };
        size_t before = r->ends.count;

        ck_assert_int_eq(poll(&at, 1, -1), 1);
        ck_assert_int_eq(read_channel(&r->ends), 0);
        ck_assert_uint_ge(r->ends.count, before);
    } while (r->ends.last.verb != verb);
}

static void
start_counter(struct fixture *f, struct running *r, bool target)
{
    char line[64];

    memset(r, 0, sizeof *r);
    r->ends.child = -1;
    r->seen = seen_of(f, spawn_counter(f, target));
    fixture_wait(f, r->seen->started || r->seen->failed);
    ck_assert_msg(r->seen->started, "%s", r->seen->text);
    ck_assert_int_eq(phub__channel_open(&r->ends.channel, r->seen->channel),
                     0);
    r->seen->channel = -1;
    wait_message(r, PHUB_CHILD_PUBLISH);
    read_line(r->seen->output, line, sizeof line);
    r->port = (int)strtol(line + 5, NULL, 10);
    ck_assert_int_gt(r->port, 0);
}

static void
ask_counter(struct running *r, const struct phub__childmsg *m)
{
    ck_assert_int_eq(phub__channel_send(r->ends.channel, m), 0);
    do
        wait_message(r, PHUB_CHILD_DONE);
    while (r->ends.asked != m->verb);
    ck_assert_int_eq(r->ends.last.code, 0);
}

static int
dial(int port)
{
    struct sockaddr_in at = { .sin_family = AF_INET };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    at.sin_port = htons((uint16_t)port);
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

START_TEST(a_counter_moves_and_no_acknowledged_increment_is_lost)
{
    struct fixture f;
    struct running a, b;
    struct phub__childmsg put = { .verb = PHUB_CHILD_PUT_STATE, .ref = 6,
                                  .fd = -1 };
    struct pollfd silent;
    char line[64];
    int client;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    start_counter(&f, &a, false);
    client = dial(a.port);
    for (int i = 1; i <= 100; i++) {
        ck_assert_int_eq(send(client, "inc\n", 4, 0), 4);
        read_line(client, line, sizeof line);
        ck_assert_int_eq(strtol(line, NULL, 10), i);
    }
    /* Frozen: the next increment is not answered. */
    ask_counter(&a, &samples[2]);
    ck_assert_int_eq(send(client, "inc\n", 4, 0), 4);
    ask_counter(&a, &samples[5]);
    silent = (struct pollfd){ .fd = client, .events = POLLIN };
    ck_assert_int_eq(poll(&silent, 1, 0), 0);
    ck_assert_uint_eq(a.ends.last.body.size, 3);
    ck_assert_mem_eq(a.ends.body, "100", 3);
    put.body = (struct phub_bytes){ a.ends.body, 3 };
    put.state_version = a.ends.last.state_version;
    /* The target gets it before it serves anybody. */
    start_counter(&f, &b, true);
    ask_counter(&b, &put);
    ask_counter(&b, &samples[4]);
    ck_assert_int_eq(phub__channel_send(a.ends.channel, &samples[1]), 0);
    fixture_wait(&f, a.seen->exited);
    ck_assert_int_eq(WEXITSTATUS(a.seen->status), 0);
    ck_assert_int_eq(recv(client, line, 1, 0) > 0, 0);
    close(client);
    client = dial(b.port);
    ck_assert_int_eq(send(client, "get\n", 4, 0), 4);
    read_line(client, line, sizeof line);
    ck_assert_str_eq(line, "100");
    close(client);
    phub__channel_close(&a.ends.channel);
    phub__channel_close(&b.ends.channel);
    fixture_end(&f);
}
END_TEST

START_TEST(a_counter_that_is_thawed_goes_on)
{
    struct fixture f;
    struct running a;
    char line[64];
    int client;

    fixture_attach(&f);
    phub__guard_deadline(f.guard, boot_now() + 60 * SECONDS);
    start_counter(&f, &a, false);
    client = dial(a.port);
    ask_counter(&a, &samples[2]);
    ck_assert_int_eq(send(client, "inc\n", 4, 0), 4);
    ask_counter(&a, &samples[3]);
    read_line(client, line, sizeof line);
    ck_assert_str_eq(line, "1");
    close(client);
    phub__channel_close(&a.ends.channel);
    fixture_end(&f);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("child");
    TCase *tc = tcase_create("child");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, make_state_dir, remove_state_dir);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_program_run_by_hand_is_told_so);
    tcase_add_test(tc, a_state_that_is_taken_later_makes_it_ready);
    tcase_add_loop_test(tc, a_commit_makes_one_ready_that_cannot_have_a_state,
                        0, 4);
    tcase_add_test(tc, each_verb_makes_its_call_and_one_answer);
    tcase_add_test(tc, an_answer_may_come_later);
    tcase_add_test(tc, unknown_verbs_are_answered_and_garbage_is_not);
    tcase_add_loop_test(tc, a_state_of_any_size_goes_both_ways, 0, 5);
    tcase_add_test(tc, a_missing_state_is_said_to_be_missing);
    tcase_add_test(tc, the_next_daemon_hears_again_what_was_published);
    tcase_add_test(tc, a_counter_moves_and_no_acknowledged_increment_is_lost);
    tcase_add_test(tc, a_counter_that_is_thawed_goes_on);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
