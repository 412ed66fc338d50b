/* SPDX-License-Identifier: MIT */
/* check_session: two sessions over a channel that loses, doubles, delays and
 * reorders, by seed; and each rule alone. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "wire/memory.h"
#include "wire/session.h"

#define MS 1000000ull
#define CHANNEL_MAX 8192u

/* ck_assert() writes a note for its parent each time; this is for loops. */
#define claim(x)                                                              \
    do {                                                                      \
        if (!(x))                                                             \
            ck_abort_msg("%s (seed %llu)", #x, (unsigned long long)seed_now); \
    } while (0)

/* --- the world -------- */

struct flight {
    uint64_t at_ns;
    uint64_t order;
    int to;
    struct phub_buf *frame;
};

struct side {
    struct phub__session *session;
    struct phub__session_config config;
    uint64_t generations;
    uint64_t sent;       /* numbers given to send so far */
    uint64_t got;        /* last number delivered */
    uint64_t got_count;
    uint64_t failed;     /* numbers given back */
    uint64_t emitted;
    bool replies;        /* sends from within deliver */
    unsigned refuses;    /* percent of what is delivered */
};

static struct side sides[2];
static struct flight channel[CHANNEL_MAX];
static size_t channel_count;
static uint64_t now_ns, order, random_state, seed_now;
static unsigned loss, doubling, delay_ms; /* percent, percent, ms at most */

static uint64_t rnd(uint64_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state % below;
}

static int side_of(void *arg)
{
    return (int)((struct side *)arg - sides);
}

static void fly(int to, struct phub_buf *frame)
{
    if (channel_count == CHANNEL_MAX)
        return; /* full: one more way to lose */
    channel[channel_count++] = (struct flight){
        .at_ns = now_ns + (delay_ms > 0 ? rnd(delay_ms * MS) : 0),
        .order = order++, .to = to, .frame = phub__buf_ref(frame),
    };
}

static void on_emit(void *arg, struct phub__envelope *envelope,
                    struct phub_buf *body)
{
    struct side *side = arg;
    struct phub_bytes bytes = phub__buf_bytes(body);
    struct phub_buf *frame;
    uint8_t head[PHUB__ENVELOPE_MAX];
    size_t size;

    side->emitted++;
    envelope->hub = 1;
    envelope->node = (uint64_t)side_of(arg) + 1;
    envelope->boot = side->config.self_boot;
    phub__envelope_write(envelope, head, &size);
    frame = phub__buf_new(size + bytes.size);
    if (frame == NULL)
        return; /* a failed send is as good as a loss */
    memcpy(frame->data, head, size);
    if (bytes.size > 0)
        memcpy(frame->data + size, bytes.data, bytes.size);
    if (rnd(100) >= loss)
        fly(1 - side_of(arg), frame);
    if (rnd(100) < doubling)
        fly(1 - side_of(arg), frame);
    phub__buf_unref(&frame);
}

static int send_number(struct side *side, size_t size)
{
    struct phub_buf *body = phub__buf_new(size < 8 ? 8 : size);
    uint64_t number = side->sent + 1;
    int rc;

    claim(body != NULL);
    memset(body->data, 0, body->size);
    memcpy(body->data, &number, sizeof number);
    rc = phub__session_send(side->session, PHUB__MESSAGE_REQUEST, body,
                            now_ns);
    if (rc == 0)
        side->sent++;
    phub__buf_unref(&body);
    return rc;
}

static int on_deliver(void *arg, const struct phub__envelope *envelope,
                      struct phub_buf *frame, struct phub_bytes body)
{
    struct side *side = arg;
    uint64_t number;

    (void)envelope;
    if (side->refuses != 0 && rnd(100) < side->refuses)
        return PHUB_ENOMEM;
    claim(frame != NULL);
    claim(body.size >= sizeof number);
    memcpy(&number, body.data, sizeof number);
    claim(number > side->got); /* never again, never before */
    if (side->generations == 1 && sides[1 - side_of(side)].generations == 1)
        claim(number == side->got + 1); /* none left out */
    side->got = number;
    side->got_count++;
    if (side->replies)
        (void)send_number(side, 8);
    return 0;
}

static void on_failed(void *arg, unsigned type, struct phub_buf *body, int rc)
{
    struct side *side = arg;

    claim(type == PHUB__MESSAGE_REQUEST);
    claim(body != NULL);
    claim(rc != 0);
    side->failed++;
}

static void side_open(int i, uint64_t boot)
{
    struct side *side = &sides[i];

    side->config = (struct phub__session_config){
        .self_boot = boot,
        .peer = (uint64_t)(1 - i) + 1,
        .peer_boot = sides[1 - i].config.self_boot != 0
            ? sides[1 - i].config.self_boot : 7,
        .lane = PHUB__LANE_CONTROL,
        .generations = &side->generations,
        .io = { side, on_emit, on_deliver, on_failed },
    };
    ck_assert_int_eq(phub__session_new(&side->config, &side->session), 0);
}

static void world_open(uint64_t seed)
{
    memset(sides, 0, sizeof sides);
    channel_count = 0;
    now_ns = 1000 * MS;
    seed_now = seed;
    random_state = seed * 0x9e3779b97f4a7c15u + 1;
    loss = doubling = delay_ms = 0;
    side_open(0, 7);
    side_open(1, 7);
}

static int send_number(struct side *side, size_t size);
static void run_until(uint64_t until_ns);

/* Both sides know each other's session; counting starts anew. */
static void world_introduced(uint64_t seed)
{
    world_open(seed);
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    ck_assert_int_eq(send_number(&sides[1], 8), 0);
    run_until(now_ns + 1000 * MS);
    for (int i = 0; i < 2; i++) {
        ck_assert_uint_eq(sides[i].got, 1);
        sides[i].sent = sides[i].got = 0;
        sides[i].got_count = sides[i].emitted = 0;
    }
}

static void world_close(void)
{
    while (channel_count > 0)
        phub__buf_unref(&channel[--channel_count].frame);
    phub__session_free(&sides[0].session);
    phub__session_free(&sides[1].session);
}

static void receive(struct side *side, struct phub_buf *frame)
{
    struct phub__envelope envelope;
    struct phub_bytes body;

    claim(phub__frame_open(phub__buf_bytes(frame), &envelope, &body) == 0);
    claim(phub__session_received(side->session, &envelope, frame, body,
                                 now_ns) == 0);
}

static void ck_bounded(const struct side *side)
{
    struct phub__session_stats stats;

    phub__session_stats(side->session, &stats);
    claim(stats.window_frames <= PHUB__SESSION_CONTROL_FRAMES_MAX);
    claim(stats.window_bytes <= PHUB__SESSION_CONTROL_BYTES_MAX);
    claim(stats.malformed == 0);
}

/* Let the next thing happen; false if there is none before until. */
static bool step(uint64_t until_ns)
{
    uint64_t at_ns = until_ns;
    size_t first = CHANNEL_MAX;
    struct flight flight;
    uint64_t due[2];
    int next;

    for (size_t i = 0; i < channel_count; i++) {
        if (channel[i].at_ns < at_ns
            || (channel[i].at_ns == at_ns && first < CHANNEL_MAX
                && channel[i].order < channel[first].order)) {
            at_ns = channel[i].at_ns;
            first = i;
        }
    }
    for (int i = 0; i < 2; i++)
        due[i] = phub__session_deadline(sides[i].session);
    next = due[1] < due[0];
    if (due[next] < at_ns) {
        now_ns = due[next] > now_ns ? due[next] : now_ns;
        phub__session_tick(sides[next].session, now_ns);
        claim(phub__session_deadline(sides[next].session) > now_ns);
        return true;
    }
    if (first == CHANNEL_MAX)
        return false;
    now_ns = at_ns > now_ns ? at_ns : now_ns;
    flight = channel[first];
    channel[first] = channel[--channel_count];
    receive(&sides[flight.to], flight.frame);
    phub__buf_unref(&flight.frame);
    ck_bounded(&sides[flight.to]);
    return true;
}

static void run_until(uint64_t until_ns)
{
    while (step(until_ns))
        ;
    now_ns = until_ns;
}

static uint32_t in_window(const struct side *side)
{
    struct phub__session_stats stats;

    phub__session_stats(side->session, &stats);
    return stats.window_frames;
}

/* --- schedules by seed -------- */

START_TEST(every_frame_arrives_once_and_in_order_over_a_bad_channel)
{
    enum { COUNT = 1500 };

    for (uint64_t seed = 1; seed <= 40; seed++) {
        world_open(seed);
        loss = (unsigned)rnd(40);
        doubling = (unsigned)rnd(30);
        delay_ms = (unsigned)rnd(60);
        sides[0].refuses = seed % 2 != 0 ? (unsigned)rnd(30) : 0;
        while (sides[0].got < COUNT || sides[1].got < COUNT) {
            for (int i = 0; i < 2; i++)
                while (sides[i].sent < COUNT && rnd(20) != 0)
                    if (send_number(&sides[i], rnd(100)) != 0)
                        break;
            run_until(now_ns + 1 * MS);
            claim(now_ns < 400000 * MS);
        }
        loss = 0;
        sides[0].refuses = 0;
        run_until(now_ns + 10000 * MS);
        claim(in_window(&sides[0]) == 0);
        claim(in_window(&sides[1]) == 0);
        ck_assert_uint_eq(phub__session_deadline(sides[0].session),
                          UINT64_MAX);
        claim(sides[0].failed + sides[1].failed == 0);
        world_close();
    }
}
END_TEST

START_TEST(lost_sessions_and_boots_never_repeat_or_reorder_and_go_on)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        world_open(seed);
        loss = (unsigned)rnd(30);
        doubling = (unsigned)rnd(30);
        delay_ms = (unsigned)rnd(40);
        for (int round = 0; round < 400; round++) {
            struct side *side = &sides[rnd(2)];

            (void)send_number(side, rnd(50));
            run_until(now_ns + rnd(5) * MS);
            if (rnd(40) != 0)
                continue;
            if (rnd(3) == 0) {
                phub__session_fail(side->session, PHUB_ECANCELLED);
            } else if (rnd(2) == 0) {
                phub__session_free(&side->session);
                side_open(side_of(side), side->config.self_boot);
            } else {
                phub__session_free(&side->session);
                side_open(side_of(side), side->config.self_boot + 1);
                side->got = 0; /* another process */
            }
            (void)send_number(side, 8); /* so that the other one hears of it */
        }
        /* Whatever happened: what is sent now arrives. */
        loss = 0;
        run_until(now_ns + 20000 * MS);
        sides[0].got_count = sides[1].got_count = 0;
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
        ck_assert_int_eq(send_number(&sides[1], 8), 0);
        run_until(now_ns + 20000 * MS);
        if (sides[0].got != sides[1].sent || sides[1].got != sides[0].sent) {
            /* The first one may have been what told of a restart. */
            ck_assert_int_eq(send_number(&sides[0], 8), 0);
            ck_assert_int_eq(send_number(&sides[1], 8), 0);
            run_until(now_ns + 20000 * MS);
        }
        ck_assert_msg(sides[0].got == sides[1].sent
                      && sides[1].got == sides[0].sent, "seed %llu",
                      (unsigned long long)seed);
        world_close();
    }
}
END_TEST

/* --- one rule each -------- */

START_TEST(a_full_window_is_busy_and_drains)
{
    world_introduced(1);
    for (unsigned i = 0; i < PHUB__SESSION_CONTROL_FRAMES_MAX; i++)
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
    ck_assert_int_eq(send_number(&sides[0], 8), PHUB_EBUSY);
    run_until(now_ns + 50 * MS);
    ck_assert_uint_eq(in_window(&sides[0]), 0);
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    world_close();
}
END_TEST

START_TEST(window_bytes_are_bounded)
{
    world_introduced(1);
    ck_assert_int_eq(send_number(&sides[0], PHUB__FRAME_MAX), PHUB_ELIMIT);
    ck_assert_int_eq(send_number(&sides[0], PHUB__FRAME_MAX
                                 - PHUB__ENVELOPE_MAX), 0);
    ck_assert_int_eq(send_number(&sides[0], PHUB__FRAME_MAX
                                 - PHUB__ENVELOPE_MAX), 0);
    ck_assert_int_eq(send_number(&sides[0], 2 * PHUB__ENVELOPE_MAX), 0);
    ck_assert_int_eq(send_number(&sides[0], 8), PHUB_EBUSY);
    run_until(now_ns + 50 * MS);
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    world_close();
}
END_TEST

START_TEST(a_silent_peer_gets_one_frame_at_growing_intervals)
{
    uint64_t before;

    world_introduced(1);
    loss = 100;
    for (int i = 0; i < 500; i++)
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
    before = sides[0].emitted;
    run_until(now_ns + 100 * MS + 1);
    ck_assert_uint_eq(sides[0].emitted, before + 1);
    run_until(now_ns + 10000 * MS);
    /* After 200, 400, 800, 1600, 2000, 2000, ... */
    ck_assert_uint_eq(sides[0].emitted, before + 8);
    loss = 0;
    run_until(now_ns + 2000 * MS);
    ck_assert_uint_eq(sides[1].got, 500);
    world_close();
}
END_TEST

START_TEST(the_third_equal_ack_repeats_without_waiting)
{
    world_introduced(1);
    loss = 100;
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    loss = 0;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
    run_until(now_ns + 1 * MS);
    ck_assert_uint_eq(sides[1].got, 4);
    world_close();
}
END_TEST

START_TEST(one_way_traffic_is_acknowledged_after_a_delay)
{
    world_introduced(1);
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    run_until(now_ns + 1 * MS);
    ck_assert_uint_eq(sides[1].got, 1);
    ck_assert_uint_eq(sides[1].emitted, 0);
    ck_assert_uint_eq(in_window(&sides[0]), 1);
    run_until(now_ns + 10 * MS);
    ck_assert_uint_eq(sides[1].emitted, 1);
    ck_assert_uint_eq(in_window(&sides[0]), 0);
    world_close();
}
END_TEST

START_TEST(answers_carry_the_acknowledgement)
{
    struct phub__session_stats before, stats;

    world_introduced(1);
    sides[1].replies = true;
    phub__session_stats(sides[1].session, &before);
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    run_until(now_ns + 5 * MS);
    ck_assert_uint_eq(sides[0].got, 1);
    ck_assert_uint_eq(in_window(&sides[0]), 0);
    phub__session_stats(sides[1].session, &stats);
    ck_assert_uint_eq(stats.acks_sent, before.acks_sent);
    world_close();
}
END_TEST

START_TEST(early_frames_are_kept_up_to_a_bound)
{
    struct phub__session_stats stats;

    world_introduced(1);
    loss = 100;
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    loss = 0;
    for (int i = 0; i < 200; i++)
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
    loss = 100; /* no acknowledgement gets through */
    run_until(now_ns + 1 * MS);
    phub__session_stats(sides[1].session, &stats);
    ck_assert_uint_eq(stats.early, PHUB__SESSION_EARLY_FRAMES_MAX - 1);
    ck_assert_uint_eq(stats.dropped, 200 - stats.early);
    loss = 0;
    run_until(now_ns + 3000 * MS);
    ck_assert_uint_eq(sides[1].got, 201);
    world_close();
}
END_TEST

START_TEST(early_bytes_are_bounded)
{
    struct phub__session_stats stats;

    world_introduced(1);
    loss = 100;
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    loss = 0;
    ck_assert_int_eq(send_number(&sides[0], PHUB__FRAME_MAX - 4096), 0);
    ck_assert_int_eq(send_number(&sides[0], PHUB__FRAME_MAX - 4096), 0);
    ck_assert_int_eq(send_number(&sides[0], 4096), 0);
    ck_assert_int_eq(send_number(&sides[0], 4080), 0);
    loss = 100;
    run_until(now_ns + 1 * MS);
    phub__session_stats(sides[1].session, &stats);
    ck_assert_uint_eq(stats.early, 3);
    ck_assert_uint_eq(stats.dropped, 1);
    loss = 0;
    run_until(now_ns + 3000 * MS);
    ck_assert_uint_eq(sides[1].got, 5);
    world_close();
}
END_TEST

START_TEST(a_new_boot_of_the_peer_fails_what_was_under_way)
{
    struct phub__session_stats stats;

    world_introduced(1);
    sides[1].replies = true;
    ck_assert_int_eq(send_number(&sides[0], 8), 0);
    run_until(now_ns + 50 * MS);
    loss = 100;
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(send_number(&sides[0], 8), 0);
    loss = 0;
    phub__session_free(&sides[1].session);
    side_open(1, 8);
    sides[1].got = 0;
    sides[1].sent = 100;
    ck_assert_int_eq(send_number(&sides[1], 8), 0);
    run_until(now_ns + 50 * MS);
    ck_assert_uint_eq(sides[0].failed, 3);
    ck_assert_uint_eq(sides[0].got, 101);
    phub__session_stats(sides[0].session, &stats);
    ck_assert_uint_eq(stats.restarts, 1);
    world_close();
}
END_TEST

START_TEST(frames_of_an_older_boot_are_dropped_and_counted)
{
    struct phub__envelope envelope = {
        .type = PHUB__MESSAGE_REQUEST, .node = 2, .boot = 6, .target = 1,
        .target_boot = 7, .lane = PHUB__LANE_CONTROL, .sequence = 2,
        .session = 1, .ack_session = 1,
    };
    struct phub__session_stats stats;
    struct phub_buf *frame = phub__buf_new(8);

    world_introduced(1);
    ck_assert_int_eq(phub__session_received(sides[0].session, &envelope,
                     frame, phub__buf_bytes(frame), now_ns), 0);
    envelope.boot = 7;
    envelope.target_boot = 6; /* meant for an older one of ours */
    ck_assert_int_eq(phub__session_received(sides[0].session, &envelope,
                     frame, phub__buf_bytes(frame), now_ns), 0);
    phub__session_stats(sides[0].session, &stats);
    ck_assert_uint_eq(stats.stale, 2);
    ck_assert_uint_eq(stats.delivered, 1);
    phub__buf_unref(&frame);
    world_close();
}
END_TEST

START_TEST(malformed_envelopes_are_refused_and_counted)
{
    const struct phub__envelope good = {
        .type = PHUB__MESSAGE_REQUEST, .node = 2, .boot = 7, .target = 1,
        .target_boot = 7, .lane = PHUB__LANE_CONTROL, .sequence = 2,
        .session = 1, .ack_session = 1,
    };
    struct phub__envelope bad[6];
    struct phub__session_stats stats;
    struct phub_buf *frame = phub__buf_new(8);

    world_introduced(1);
    for (int i = 0; i < 6; i++)
        bad[i] = good;
    bad[0].node = 3;
    bad[1].lane = PHUB__LANE_BULK;
    bad[2].session = 0;
    bad[3].sequence = 0;
    bad[4].type = PHUB__MESSAGE_SESSION_ACK;
    bad[5].ack = 5; /* that many were not sent */
    for (int i = 0; i < 6; i++)
        ck_assert_int_eq(phub__session_received(sides[0].session, &bad[i],
                         frame, phub__buf_bytes(frame), now_ns), PHUB_EPROTO);
    phub__session_stats(sides[0].session, &stats);
    ck_assert_uint_eq(stats.malformed, 6);
    ck_assert_uint_eq(stats.delivered, 1);
    phub__buf_unref(&frame);
    world_close();
}
END_TEST

START_TEST(failed_allocations_lose_nothing)
{
    for (uint64_t nth = 1; nth < 40; nth++) {
        struct phub_buf *body;
        int rc;

        world_introduced(nth);
        loss = 20;
        delay_ms = 5;
        body = phub__buf_new(8);
        for (uint64_t number = 1, armed = 1; number <= 40;) {
            memcpy(body->data, &number, sizeof number);
            if (number == nth)
                phub__memory_fail(armed);
            armed = 0;
            rc = phub__session_send(sides[0].session, PHUB__MESSAGE_REQUEST,
                                    body, now_ns);
            phub__memory_fail(0);
            ck_assert(rc == 0 || rc == PHUB_ENOMEM);
            if (rc != 0)
                continue;
            number++;
            phub__buf_unref(&body);
            body = phub__buf_new(8);
        }
        loss = 0;
        run_until(now_ns + 5000 * MS);
        ck_assert_uint_eq(sides[1].got, 40);
        phub__buf_unref(&body);
        world_close();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 30);
    tcase_add_test(tc,
        every_frame_arrives_once_and_in_order_over_a_bad_channel);
    tcase_add_test(tc,
        lost_sessions_and_boots_never_repeat_or_reorder_and_go_on);
    tcase_add_test(tc, a_full_window_is_busy_and_drains);
    tcase_add_test(tc, window_bytes_are_bounded);
    tcase_add_test(tc, a_silent_peer_gets_one_frame_at_growing_intervals);
    tcase_add_test(tc, the_third_equal_ack_repeats_without_waiting);
    tcase_add_test(tc, one_way_traffic_is_acknowledged_after_a_delay);
    tcase_add_test(tc, answers_carry_the_acknowledgement);
    tcase_add_test(tc, early_frames_are_kept_up_to_a_bound);
    tcase_add_test(tc, early_bytes_are_bounded);
    tcase_add_test(tc, a_new_boot_of_the_peer_fails_what_was_under_way);
    tcase_add_test(tc, frames_of_an_older_boot_are_dropped_and_counted);
    tcase_add_test(tc, malformed_envelopes_are_refused_and_counted);
    tcase_add_test(tc, failed_allocations_lose_nothing);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
