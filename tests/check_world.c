/* SPDX-License-Identifier: MIT */
/* check_world: the simulated environment alone, with stub daemons.
 *
 * The stub sends a numbered ping to every other node each 10 ms, answers
 * pings, appends a line per pong to a file, and runs one exec child. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "child/runner.h"
#include "child/spec.h"
#include "env/sim/world.h"
#include "wire/buf.h"

#define NODES_MAX 8

struct stub {
    struct phub__sim_node *node;
    struct phub_env *env;
    struct phub__timer *timer;
    struct phub__link *links[NODES_MAX];
    struct phub__runner *runner;
    uint32_t nodes;
    uint64_t pings, pongs, lost, last, backwards;
    uint64_t exited, adopted, guard_id, started_pid;
    uint64_t failed, said, news, answers;
    int status;
    enum phub__end_cause cause;
    int verbs;
    char read_back[64];
};

static struct stub stubs[NODES_MAX];    /* what is left after the end */
static const char *manner = "state";    /* of the children; one more word */

static void got_frame(void *arg, struct phub_buf *frame)
{
    struct stub *stub = arg;
    uint64_t number;
    uint8_t head[10] = { 1 };

    ck_assert_uint_eq(frame->size, 10);
    memcpy(&number, frame->data + 2, sizeof(number));
    if (frame->data[0] == 1) {
        stub->pongs++;
        stub->backwards += number < stub->last;
        stub->last = number;
        (void)stub->env->file_do(stub->env, PHUB__FILE_APPEND, "pongs", "x\n",
                                 2, NULL, NULL);
        return;
    }
    head[1] = (uint8_t)phub__sim_node_index(stub->node);
    memcpy(head + 2, &number, sizeof(number));
    (void)stub->env->link_send(stub->env, stub->links[frame->data[1]], head,
                               sizeof(head), NULL);
}

static void lost_link(void *arg, struct phub__link *link)
{
    struct stub *stub = arg;

    (void)link;
    stub->lost++;
}

static void tick(void *arg)
{
    struct stub *stub = arg;
    struct phub_env *env = stub->env;
    uint8_t head[10] = { 0 };

    head[1] = (uint8_t)phub__sim_node_index(stub->node);
    stub->pings++;
    memcpy(head + 2, &stub->pings, sizeof(stub->pings));
    for (uint32_t i = 0; i < stub->nodes; i++)
        if (i != phub__sim_node_index(stub->node))
            (void)env->link_send(env, stub->links[i], head, sizeof(head),
                                 NULL);
    env->timer_start(env, stub->timer, env->now_ns(env) + 10 * PHUB__SIM_MS
                     + env->random(env) % PHUB__SIM_MS);
}

static void on_started(void *arg, uint64_t handle, int64_t pid)
{
    struct stub *stub = arg;

    (void)handle;
    stub->started_pid = (uint64_t)pid;
}

static void on_failed(void *arg, uint64_t handle, int rc, const char *text)
{
    struct stub *stub = arg;

    stub->failed++;
    (void)handle;
    (void)rc;
    (void)text;
}

static void on_received(void *arg, uint64_t handle,
                        const struct phub__verb_message *message)
{
    struct stub *stub = arg;

    (void)handle;
    stub->verbs |= 1 << message->verb;
    stub->said++;
    stub->news += message->verb == PHUB__VERB_PUBLISH;
    stub->answers += message->verb == PHUB__VERB_DONE;
}

static void on_exited(void *arg, uint64_t handle, int status,
                      enum phub__end_cause cause)
{
    struct stub *stub = arg;

    (void)handle;
    stub->exited++;
    stub->status = status;
    stub->cause = cause;
}

static void on_adopted(void *arg, const struct phub__runner_adopted *child)
{
    struct stub *stub = arg;

    ck_assert(!child->ready);   /* it says so again */
    stub->adopted++;
    stub->started_pid = (uint64_t)child->pid;
}

static void on_holder(void *arg, uint64_t guard_id)
{
    struct stub *stub = arg;

    stub->guard_id = guard_id;
}

static const struct phub__runner_events runner_events = {
    on_started, on_failed, on_received, on_exited, on_adopted, on_holder
};

static void run_child(struct stub *stub)
{
    const char *words[] = { "sim", "state", "freeze", manner };
    struct phub_bytes argv[4];
    struct phub__spec spec = { .argv = { argv, 4 } };
    struct phub__runner_start start = {
        .handle = 7, .id = { (const uint8_t *)"c", 1 }, .spec = &spec,
        .epoch = { 1, 1 }, .node_name = "n" };

    for (int i = 0; i < 4; i++)
        argv[i] = (struct phub_bytes){ (const uint8_t *)words[i],
                                       strlen(words[i]) };
    ck_assert_int_eq(stub->runner->start(stub->runner, &start), 0);
}

static void attached(void *arg, uint64_t guard_id)
{
    struct stub *stub = arg;

    stub->guard_id = guard_id;
    stub->runner->deadline(stub->runner, stub->env->boot_ns(stub->env)
                           + 500 * PHUB__SIM_MS);
    if (stub->adopted == 0)
        run_child(stub);
}

static const struct phub__net_events net_events = { got_frame, lost_link };

static void *stub_start(void *arg, struct phub__sim_node *node,
                        struct phub_env *env)
{
    uint32_t index = phub__sim_node_index(node);
    struct stub *stub = &stubs[index];
    struct phub_buf *content = NULL;
    char endpoint[64];
    char text[256];

    memset(stub, 0, sizeof(*stub));
    stub->node = node;
    stub->env = env;
    stub->nodes = *(const uint32_t *)arg;
    if (env->file_read(env, "identity", &content) == 0)
        (void)snprintf(stub->read_back, sizeof(stub->read_back), "%.*s",
                       (int)content->size, (const char *)content->data);
    phub__buf_unref(&content);
    (void)env->file_do(env, PHUB__FILE_REPLACE, "identity", "me", 2, NULL,
                       NULL);
    (void)snprintf(endpoint, sizeof(endpoint), "tcp://%s:0",
                   phub__sim_node_name(node));
    ck_assert_int_eq(env->net_listen(env, endpoint, &net_events, stub, text,
                                     sizeof(text), text, sizeof(text)), 0);
    for (uint32_t i = 0; i < stub->nodes; i++) {
        (void)snprintf(endpoint, sizeof(endpoint), "tcp://n%u:7000", i);
        ck_assert_int_eq(env->link_open(env, endpoint, PHUB__LINK_CONTROL,
                                        &stub->links[i]), 0);
    }
    stub->runner = env->runner(env, "exec");
    ck_assert_int_eq(stub->runner->attach(stub->runner, &runner_events,
                                          attached, stub, text,
                                          sizeof(text)), 0);
    stub->timer = env->timer_new(env, tick, stub);
    env->timer_start(env, stub->timer, 0);
    return stub;
}

static void stub_end(void *arg, struct phub__sim_node *node, void *self)
{
    struct stub *stub = self;

    (void)arg;
    (void)node;
    stub->env->timer_free(stub->env, &stub->timer);
    for (uint32_t i = 0; i < stub->nodes; i++)
        stub->env->link_close(stub->env, &stub->links[i]);
    stub->runner->detach(stub->runner);
}

static uint32_t stub_nodes = 3;
static const struct phub__sim_program stub_program = { stub_start, stub_end,
                                                       &stub_nodes };

static struct phub__world *world_of(uint64_t seed, uint32_t nodes)
{
    struct phub__world_options options;
    struct phub__world *world;
    char name[16];

    phub__world_options_init(&options, seed);
    if (getenv("PHUB_SIM_TRACE") != NULL)
        options.trace = stderr;
    world = phub__world_new(&options);
    stub_nodes = nodes;
    for (uint32_t i = 0; i < nodes; i++) {
        (void)snprintf(name, sizeof(name), "n%u", i);
        (void)phub__sim_node_add(world, name, &stub_program);
    }
    for (uint32_t i = 0; i < nodes; i++)
        phub__sim_node_start(phub__world_node(world, i));
    return world;
}

static void run_for(struct phub__world *world, uint64_t ms)
{
    phub__world_run(world, phub__world_now(world) + ms * PHUB__SIM_MS);
}

static uint64_t storm(uint64_t seed)
{
    struct phub__world *world = world_of(seed, 5);
    struct phub__sim_net net = { 200 * PHUB__SIM_US, 300 * PHUB__SIM_US,
                                 10000000, 20, 20, 50 };
    const uint32_t groups[5] = { 0, 0, 1, 1, 1 };
    uint64_t hash;

    phub__world_net(world, &net);
    run_for(world, 200);
    phub__sim_node_freeze(phub__world_node(world, 1));
    phub__world_partition(world, groups, 1);
    phub__sim_node_skew(phub__world_node(world, 2), -400);
    run_for(world, 200);
    phub__sim_node_kill_after(phub__world_node(world, 3), 3);
    phub__sim_node_power_off(phub__world_node(world, 4));
    run_for(world, 100);
    phub__world_heal_all(world);
    phub__sim_node_thaw(phub__world_node(world, 1));
    phub__sim_node_start(phub__world_node(world, 3));
    phub__sim_node_start(phub__world_node(world, 4));
    run_for(world, 300);
    hash = phub__world_hash(world);
    phub__world_free(&world);
    return hash;
}

START_TEST(a_seed_replays_bit_for_bit)
{
    for (uint64_t seed = 1; seed <= 20; seed++)
        ck_assert_uint_eq(storm(seed), storm(seed));
    ck_assert_uint_ne(storm(1), storm(2));
}
END_TEST

START_TEST(quiet_links_deliver_all_in_order)
{
    struct phub__world *world = world_of(1, 3);

    run_for(world, 1000);
    ck_assert_uint_gt(stubs[0].pings, 90);
    ck_assert_uint_ge(stubs[0].pongs, 2 * (stubs[0].pings - 5));
    ck_assert_uint_eq(stubs[0].lost, 0);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_cut_stops_one_direction_only)
{
    struct phub__world *world = world_of(2, 2);
    uint64_t pongs;

    run_for(world, 200);
    phub__world_cut(world, 0, 1, 0);
    run_for(world, 10);
    pongs = stubs[0].pongs;
    run_for(world, 200);
    ck_assert_uint_eq(stubs[0].pongs, pongs);
    phub__world_heal(world, 0, 1);
    run_for(world, 200);
    ck_assert_uint_gt(stubs[0].pongs, pongs);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_held_cut_delivers_late_and_loses_nothing)
{
    struct phub__world *world = world_of(3, 2);

    run_for(world, 200);
    phub__world_cut(world, 0, 1, 1);
    run_for(world, 200);
    phub__world_heal_all(world);
    run_for(world, 50);
    ck_assert_uint_ge(stubs[0].pongs, stubs[0].pings - 4);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_killed_peer_is_hinted_and_connected_again)
{
    struct phub__world *world = world_of(4, 2);
    uint64_t pongs;

    run_for(world, 200);
    phub__sim_node_kill(phub__world_node(world, 1));
    run_for(world, 100);
    ck_assert_uint_ge(stubs[0].lost, 1);
    pongs = stubs[0].pongs;
    phub__sim_node_start(phub__world_node(world, 1));
    run_for(world, 2000);
    ck_assert_uint_gt(stubs[0].pongs, pongs + 50);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_full_link_says_busy)
{
    struct phub__world *world = world_of(5, 2);
    struct phub_env *env = stubs[0].env;
    int rc = 0;
    uint32_t sent = 0;

    run_for(world, 100);
    phub__world_cut(world, 0, 1, 1);
    while (rc == 0 && sent <= PHUB__SIM_LINK_FRAMES_MAX) {
        rc = env->link_send(env, stubs[0].links[1],
                            (const uint8_t *)"\1\0abcdefgh", 10, NULL);
        sent += rc == 0;
    }
    ck_assert_int_eq(rc, PHUB_EBUSY);
    ck_assert_uint_gt(sent, PHUB__SIM_LINK_FRAMES_MAX - 50);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_frozen_process_is_silent_then_late)
{
    struct phub__world *world = world_of(6, 2);
    uint64_t pings, pongs;

    run_for(world, 200);
    phub__sim_node_freeze(phub__world_node(world, 1));
    pings = stubs[1].pings;
    pongs = stubs[0].pongs;
    run_for(world, 300);
    ck_assert_uint_eq(stubs[1].pings, pings);
    ck_assert_uint_le(stubs[0].pongs, pongs + 1);
    phub__sim_node_thaw(phub__world_node(world, 1));
    run_for(world, 5);
    ck_assert_uint_gt(stubs[0].pongs, pongs + 20);
    ck_assert_uint_le(stubs[1].pings, pings + 2);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_slow_process_does_all_in_the_order_in_which_it_came)
{
    struct phub__world *world = world_of(6, 2);
    struct phub__sim_node *slow = phub__world_node(world, 1);
    uint64_t events, pongs, pings = stubs[0].pings;

    phub__sim_node_slow(slow, 12 * PHUB__SIM_MS); /* a ping each 10 ms */
    run_for(world, 900);
    events = phub__world_events(world);
    pongs = stubs[0].pongs;
    run_for(world, 100);
    ck_assert_uint_le(stubs[0].pongs, pongs + 20);
    ck_assert_uint_lt(stubs[0].pongs, stubs[0].pings - 20);
    ck_assert_uint_le(phub__world_events(world), events + 60);
    phub__sim_node_freeze(slow);
    run_for(world, 50);
    phub__sim_node_thaw(slow);
    run_for(world, 200);
    phub__sim_node_slow(slow, 0);
    run_for(world, 10);
    ck_assert_uint_ge(stubs[0].pongs, stubs[0].pings - 3);
    ck_assert_uint_gt(stubs[0].pings, pings + 100);
    ck_assert_uint_eq(stubs[0].backwards, 0);
    phub__world_free(&world);
}
END_TEST

START_TEST(replaced_files_survive_and_appended_ones_lose_a_tail)
{
    uint64_t lost = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct phub__world *world = world_of(seed, 2);
        struct phub_buf *content = NULL;
        uint64_t pongs;

        run_for(world, 500);
        pongs = stubs[0].pongs;
        phub__sim_node_power_off(phub__world_node(world, 0));
        phub__sim_node_start(phub__world_node(world, 0));
        ck_assert_str_eq(stubs[0].read_back, "me");
        if (stubs[0].env->file_read(stubs[0].env, "pongs", &content) == 0)
            lost += content->size < 2 * pongs - 8;
        else
            lost++;
        phub__buf_unref(&content);
        phub__world_free(&world);
    }
    ck_assert_uint_gt(lost, 10);
}
END_TEST

START_TEST(children_get_ready_and_end_at_the_deadline)
{
    struct phub__world *world = world_of(7, 2);

    run_for(world, 100);
    ck_assert_int_ne(stubs[0].verbs & (1 << PHUB__VERB_HELLO), 0);
    ck_assert_int_ne(stubs[0].verbs & (1 << PHUB__VERB_READY), 0);
    run_for(world, 500);
    ck_assert_uint_eq(stubs[0].exited, 1);
    ck_assert_int_eq((int)stubs[0].cause, PHUB__END_DEADLINE);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_daemon_back_within_the_lease_adopts)
{
    struct phub__world *world = world_of(8, 2);
    struct phub__sim_node *node = phub__world_node(world, 0);
    uint64_t guard, pid;

    run_for(world, 100);
    guard = stubs[0].guard_id;
    pid = stubs[0].started_pid;
    phub__sim_node_kill(node);
    run_for(world, 100);
    ck_assert_ptr_nonnull(phub__sim_child_find(node, (int64_t)pid));
    phub__sim_node_start(node);
    run_for(world, 50);
    ck_assert_uint_eq(stubs[0].adopted, 1);
    ck_assert_uint_eq(stubs[0].guard_id, guard);
    ck_assert_uint_eq(stubs[0].started_pid, pid);
    phub__sim_node_kill(node);
    run_for(world, 1000);
    ck_assert_ptr_null(phub__sim_child_find(node, (int64_t)pid));
    phub__sim_node_start(node);
    run_for(world, 50);
    ck_assert_uint_eq(stubs[0].adopted, 0);
    ck_assert_uint_ne(stubs[0].guard_id, guard);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_frozen_daemon_keeps_no_child_beyond_the_lease)
{
    struct phub__world *world = world_of(9, 2);
    struct phub__sim_node *node = phub__world_node(world, 0);

    run_for(world, 100);
    phub__sim_node_freeze(node);
    run_for(world, 1000);
    ck_assert_ptr_null(phub__sim_child_find(node,
                                            (int64_t)stubs[0].started_pid));
    ck_assert_uint_eq(stubs[0].exited, 0);
    phub__sim_node_thaw(node);
    run_for(world, 5);
    ck_assert_uint_eq(stubs[0].exited, 1);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_child_says_when_updates_are_missing)
{
    struct phub__world *world = world_of(10, 2);
    struct phub__sim_child *child;
    uint64_t held = 0;

    run_for(world, 100);
    child = phub__sim_child_find(phub__world_node(world, 0),
                                 (int64_t)stubs[0].started_pid);
    ck_assert_int_eq((int)phub__sim_child_update(child, 0, 1, &held),
                     PHUB__SIM_ACKED);
    ck_assert_int_eq((int)phub__sim_child_update(child, 0, 1, &held),
                     PHUB__SIM_ACKED);
    ck_assert_int_eq((int)phub__sim_child_update(child, 0, 3, &held),
                     PHUB__SIM_GAP);
    ck_assert_uint_eq(held, 1);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_half_open_link_loses_until_its_owner_notices)
{
    struct phub__world *world = world_of(11, 2);
    uint64_t answered, heard;

    run_for(world, 200);
    answered = stubs[0].pongs;
    phub__world_half_open(world, 0, 1, 400 * PHUB__SIM_MS);
    run_for(world, 5);
    heard = stubs[1].pongs;
    run_for(world, 390);
    ck_assert_uint_le(stubs[0].pongs, answered + 1);
    ck_assert_uint_eq(stubs[1].pongs, heard);   /* its pongs go that way */
    ck_assert_uint_eq(stubs[0].lost, 0);
    run_for(world, 200);
    ck_assert_uint_eq(stubs[0].lost, 1);
    ck_assert_uint_gt(stubs[0].pongs, answered + 5);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_half_open_link_does_not_notice_that_its_peer_died)
{
    struct phub__world *world = world_of(12, 2);

    run_for(world, 200);
    phub__world_half_open(world, 0, 1, 400 * PHUB__SIM_MS);
    phub__sim_node_kill(phub__world_node(world, 1));
    run_for(world, 390);
    ck_assert_uint_eq(stubs[0].lost, 0);
    phub__sim_node_start(phub__world_node(world, 1));
    run_for(world, 500);
    ck_assert_uint_eq(stubs[0].lost, 1);
    ck_assert_uint_gt(stubs[1].pongs, 5);
    phub__world_free(&world);
}
END_TEST

/* Appends of five bytes; only the last may be half. */
START_TEST(a_torn_write_is_the_half_of_the_last_one)
{
    uint32_t torn = 0;

    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct phub__world *world = world_of(seed, 1);
        struct phub_env *env = stubs[0].env;
        struct phub_buf *content = NULL;

        for (int i = 0; i < 10; i++)
            (void)env->file_do(env, PHUB__FILE_APPEND, "log", "abcd\n", 5,
                               NULL, NULL);
        phub__world_run(world, phub__world_now(world)
                        + seed * 40 * PHUB__SIM_US);
        phub__sim_node_power_off_torn(phub__world_node(world, 0));
        phub__sim_node_start(phub__world_node(world, 0));
        env = stubs[0].env;
        if (env->file_read(env, "log", &content) == 0) {
            ck_assert_uint_eq(content->size % 5, 2);
            ck_assert_int_eq(memcmp(content->data + content->size - 2, "ab",
                                    2), 0);
            torn++;
        }
        phub__buf_unref(&content);
        phub__world_free(&world);
    }
    ck_assert_uint_gt(torn, 15);
}
END_TEST

static struct phub__world *world_with(const char *word)
{
    struct phub__world *world;

    manner = word;
    world = world_of(13, 1);
    run_for(world, 400);
    manner = "state";
    return world;
}

START_TEST(a_flooding_child_says_so_much)
{
    struct phub__world *world = world_with("flood=50");

    ck_assert_uint_ge(stubs[0].news, 100);
    ck_assert_uint_eq(stubs[0].news % 50, 0);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_child_that_talks_nonsense_answers_what_nobody_asked)
{
    struct phub__world *world = world_with("garbage=2");

    ck_assert_uint_gt(stubs[0].answers, 20);
    ck_assert_uint_gt(stubs[0].news, 5);
    ck_assert_uint_gt(stubs[0].said, 100);
    phub__world_free(&world);
}
END_TEST

static void ask_for_state(void)
{
    struct phub__verb_message message = { .verb = PHUB__VERB_TAKE_STATE,
                                          .ref = 9 };

    ck_assert_int_eq(stubs[0].runner->send(stubs[0].runner, 7, &message), 0);
}

START_TEST(a_child_gives_its_state_once_or_twice_or_never)
{
    static const char *const words[] = { "state", "twice", "never-state" };
    static const uint64_t answers[] = { 1, 2, 0 };

    for (int i = 0; i < 3; i++) {
        struct phub__world *world = world_with(words[i]);

        ask_for_state();
        run_for(world, 50);
        ck_assert_uint_eq(stubs[0].answers, answers[i]);
        phub__world_free(&world);
    }
}
END_TEST

START_TEST(an_exec_that_hangs_past_the_lease_starts_nothing)
{
    struct phub__world *world = world_with("slow-exec=600");

    ck_assert_uint_eq(stubs[0].started_pid, 0);
    ck_assert_uint_eq(stubs[0].failed, 0);
    run_for(world, 400);
    ck_assert_uint_eq(stubs[0].failed, 1);
    ck_assert_uint_eq(stubs[0].started_pid, 0);
    phub__world_free(&world);
}
END_TEST

START_TEST(one_way_between_two_nodes_can_be_slower_than_the_rest)
{
    struct phub__world *world = world_of(16, 3);
    struct phub__sim_net far = { 300 * PHUB__SIM_MS, 0, 0, 0, 0, 0 };
    uint64_t near;

    run_for(world, 100);
    phub__world_path(world, 0, 1, &far);
    run_for(world, 10);
    stubs[0].pongs = stubs[1].pongs = stubs[2].pongs = 0;
    run_for(world, 250);
    near = stubs[2].pongs;
    ck_assert_uint_le(stubs[0].pongs, near / 2 + 2);    /* of c alone */
    ck_assert_uint_le(stubs[1].pongs, near / 2 + 2);
    run_for(world, 300);
    ck_assert_uint_gt(stubs[0].pongs, near / 2 + 20);   /* late */
    phub__world_path(world, 0, 1, NULL);
    run_for(world, 400);
    stubs[0].pongs = stubs[2].pongs = 0;
    run_for(world, 250);
    ck_assert_uint_ge(stubs[0].pongs + 3, stubs[2].pongs);
    phub__world_free(&world);
}
END_TEST

START_TEST(a_machine_that_cannot_fork_says_so)
{
    struct phub__world *world = world_of(15, 1);

    run_for(world, 100);
    ck_assert_uint_eq(stubs[0].failed, 0);
    phub__sim_node_no_exec(phub__world_node(world, 0), 1);
    run_child(&stubs[0]);
    run_for(world, 10);
    ck_assert_uint_eq(stubs[0].failed, 1);
    phub__sim_node_no_exec(phub__world_node(world, 0), 0);
    run_child(&stubs[0]);
    run_for(world, 10);
    ck_assert_uint_eq(stubs[0].failed, 1);
    phub__world_free(&world);
}
END_TEST

START_TEST(what_a_dead_daemon_had_ordered_begins_and_is_adopted)
{
    struct phub__world *world;

    manner = "slow-exec=100";
    world = world_of(14, 1);
    run_for(world, 50);
    phub__sim_node_kill(phub__world_node(world, 0));
    run_for(world, 100);
    ck_assert_ptr_nonnull(phub__sim_child_next(world, NULL));
    phub__sim_node_start(phub__world_node(world, 0));
    run_for(world, 50);
    manner = "state";
    ck_assert_uint_eq(stubs[0].adopted, 1);
    phub__world_free(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("world");
    TCase *tcase = tcase_create("world");
    SRunner *runner;
    int failed;

    tcase_add_test(tcase, a_seed_replays_bit_for_bit);
    tcase_add_test(tcase, quiet_links_deliver_all_in_order);
    tcase_add_test(tcase, a_cut_stops_one_direction_only);
    tcase_add_test(tcase, a_held_cut_delivers_late_and_loses_nothing);
    tcase_add_test(tcase, a_killed_peer_is_hinted_and_connected_again);
    tcase_add_test(tcase, a_full_link_says_busy);
    tcase_add_test(tcase, a_frozen_process_is_silent_then_late);
    tcase_add_test(tcase,
                   a_slow_process_does_all_in_the_order_in_which_it_came);
    tcase_add_test(tcase,
                   replaced_files_survive_and_appended_ones_lose_a_tail);
    tcase_add_test(tcase, children_get_ready_and_end_at_the_deadline);
    tcase_add_test(tcase, a_daemon_back_within_the_lease_adopts);
    tcase_add_test(tcase, a_frozen_daemon_keeps_no_child_beyond_the_lease);
    tcase_add_test(tcase, a_child_says_when_updates_are_missing);
    tcase_add_test(tcase, a_half_open_link_loses_until_its_owner_notices);
    tcase_add_test(tcase,
                   a_half_open_link_does_not_notice_that_its_peer_died);
    tcase_add_test(tcase, a_torn_write_is_the_half_of_the_last_one);
    tcase_add_test(tcase, a_flooding_child_says_so_much);
    tcase_add_test(tcase,
                   a_child_that_talks_nonsense_answers_what_nobody_asked);
    tcase_add_test(tcase, a_child_gives_its_state_once_or_twice_or_never);
    tcase_add_test(tcase, an_exec_that_hangs_past_the_lease_starts_nothing);
    tcase_add_test(tcase,
                   one_way_between_two_nodes_can_be_slower_than_the_rest);
    tcase_add_test(tcase, a_machine_that_cannot_fork_says_so);
    tcase_add_test(tcase,
                   what_a_dead_daemon_had_ordered_begins_and_is_adopted);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
