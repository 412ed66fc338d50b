/* SPDX-License-Identifier: MIT */
/* check_messages: the envelope, frames, and the table. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "wire/messages.h"
#include "wire/writer.h"

static struct phub__envelope longest(void)
{
    struct phub__envelope e;

    memset(&e, 0xff, sizeof e);
    e.version = PHUB__PROTOCOL;
    e.lane = PHUB__LANE_MAX;
    return e;
}

START_TEST(the_longest_envelope_fits_and_survives)
{
    struct phub__envelope in = longest(), out;
    uint8_t frame[PHUB__ENVELOPE_MAX + 4];
    struct phub_bytes body;
    size_t size;

    ck_assert_ptr_null(phub__schema_fault(&phub__envelope_schema));
    in.version = 255; /* the longest; not ours */
    phub__envelope_write(&in, frame, &size);
    ck_assert_uint_le(size, PHUB__ENVELOPE_MAX);
    ck_assert_int_eq(phub__frame_open((struct phub_bytes){ frame, size },
                                      &out, &body), PHUB_EVERSION);
    in.version = PHUB__PROTOCOL;
    phub__envelope_write(&in, frame, &size);
    memcpy(frame + size, "body", 4);
    ck_assert_int_eq(phub__frame_open((struct phub_bytes){ frame, size + 4 },
                                      &out, &body), 0);
    ck_assert(out.hub == in.hub && out.node == in.node);
    ck_assert(out.boot == in.boot && out.target == in.target);
    ck_assert(out.target_boot == in.target_boot);
    ck_assert(out.sequence == in.sequence && out.session == in.session);
    ck_assert(out.ack == in.ack && out.ack_session == in.ack_session);
    ck_assert(out.lamport == in.lamport && out.view == in.view);
    ck_assert(out.type == in.type && out.lane == in.lane);
    ck_assert_uint_eq(body.size, 4);
    ck_assert_mem_eq(body.data, "body", 4);
}
END_TEST

START_TEST(a_frame_without_a_sender_or_too_long_is_refused)
{
    struct phub__envelope e = { .type = 1, .hub = 1, .node = 1 };
    static uint8_t frame[PHUB__FRAME_MAX + 1];
    struct phub_bytes body;
    size_t size;

    phub__envelope_write(&e, frame, &size);
    ck_assert_int_eq(phub__frame_open((struct phub_bytes){ frame, size }, &e,
                                      &body), PHUB_EPROTO);
    e = (struct phub__envelope){ .type = 1, .hub = 1, .node = 1, .boot = 1 };
    phub__envelope_write(&e, frame, &size);
    ck_assert_int_eq(phub__frame_open(
        (struct phub_bytes){ frame, PHUB__FRAME_MAX }, &e, &body), 0);
    ck_assert_uint_eq(e.version, PHUB__PROTOCOL);
    ck_assert_uint_eq(body.size, PHUB__FRAME_MAX - size);
    ck_assert_int_eq(phub__frame_open(
        (struct phub_bytes){ frame, PHUB__FRAME_MAX + 1 }, &e, &body),
        PHUB_ELIMIT);
    ck_assert_int_eq(phub__frame_open((struct phub_bytes){ frame, size - 1 },
                                      &e, &body), PHUB_EPROTO);
    ck_assert_int_eq(phub__frame_open(PHUB_BYTES_NONE, &e, &body),
                     PHUB_EPROTO);
}
END_TEST

START_TEST(an_unknown_lane_is_refused)
{
    /* {1: 1, 2: 1, 3: 1, 4: 1, 5: 1, 8: 3} */
    static const uint8_t frame[] = { 0xa6, 1, 1, 2, 1, 3, 1, 4, 1, 5, 1, 8, 3 };
    struct phub__envelope e;
    struct phub_bytes body;

    ck_assert_int_eq(phub__frame_open(
        (struct phub_bytes){ frame, sizeof frame }, &e, &body), PHUB_ELIMIT);
}
END_TEST

START_TEST(messages_have_names_and_lanes)
{
    ck_assert_str_eq(phub__message_name(PHUB__MESSAGE_PING), "PING");
    ck_assert_str_eq(phub__message_name(64), "SESSION_ACK");
    ck_assert_ptr_null(phub__message_name(0));
    ck_assert_ptr_null(phub__message_name(65535));
    ck_assert_int_eq(phub__message_lane(PHUB__MESSAGE_STATE),
                     PHUB__LANE_BULK);
    ck_assert_int_eq(phub__message_lane(PHUB__MESSAGE_JOIN),
                     PHUB__LANE_PROBE);
    ck_assert_str_eq(phub__lane_name(PHUB__LANE_BULK), "BULK");
    ck_assert_ptr_null(phub__lane_name(3));
}
END_TEST

static uint64_t of_any_width(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return *state >> (*state >> 7) % 64 & (*state & 64 ? UINT64_MAX : 0);
}

static bool same(const struct phub__envelope *a,
                 const struct phub__envelope *b)
{
    return a->hub == b->hub && a->node == b->node && a->boot == b->boot
        && a->target == b->target && a->target_boot == b->target_boot
        && a->sequence == b->sequence && a->session == b->session
        && a->ack == b->ack && a->ack_session == b->ack_session
        && a->lamport == b->lamport && a->view == b->view
        && a->type == b->type && a->version == b->version
        && a->lane == b->lane;
}

/* The long way is taken for a key that is not known. */
START_TEST(an_envelope_is_the_same_by_the_short_way_and_the_long_one)
{
    uint64_t state = 1;

    for (int i = 0; i < 3000; i++) {
        struct phub__envelope in = {
            .version = PHUB__PROTOCOL, .lane = (uint8_t)(state % 3),
            .type = (uint16_t)of_any_width(&state),
            .hub = of_any_width(&state), .node = of_any_width(&state) | 1,
            .boot = of_any_width(&state) | 1, .target = of_any_width(&state),
            .target_boot = of_any_width(&state),
            .sequence = of_any_width(&state),
            .session = of_any_width(&state), .ack = of_any_width(&state),
            .ack_session = of_any_width(&state),
            .lamport = of_any_width(&state), .view = of_any_width(&state) };
        struct phub__envelope near, far;
        uint8_t frame[PHUB__ENVELOPE_MAX + 2];
        struct phub__builder builder;
        struct phub_bytes body;
        size_t size;

        phub__envelope_write(&in, frame, &size);
        phub__builder_init(&builder, PHUB__ENVELOPE_MAX);
        ck_assert_int_eq(phub__encode(&phub__envelope_schema, &in, &builder),
                         0);
        ck_assert_uint_eq(builder.size, size);
        ck_assert_mem_eq(builder.data, frame, size);
        phub__builder_fini(&builder);
        ck_assert_int_eq(phub__frame_open((struct phub_bytes){ frame, size },
                                          &near, &body), 0);
        frame[0]++;
        frame[size] = 15;
        frame[size + 1] = 0;
        ck_assert_int_eq(phub__frame_open(
            (struct phub_bytes){ frame, size + 2 }, &far, &body), 0);
        ck_assert_uint_eq(body.size, 0);
        ck_assert(same(&in, &near) && same(&in, &far));
    }
}
END_TEST

START_TEST(hub_ids_hash_as_they_always_did)
{
    struct phub_bytes empty = PHUB_BYTES_NONE;
    struct phub_bytes demo = { (const uint8_t *)"demo", 4 };

    ck_assert_uint_eq(phub__hub_hash(empty), 0x2d06800538d394c2u);
    ck_assert_uint_ne(phub__hub_hash(demo), phub__hub_hash(empty));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("messages");
    TCase *tc = tcase_create("messages");
    SRunner *runner;
    int failures;

    tcase_add_test(tc, the_longest_envelope_fits_and_survives);
    tcase_add_test(tc, a_frame_without_a_sender_or_too_long_is_refused);
    tcase_add_test(tc, an_unknown_lane_is_refused);
    tcase_add_test(tc, messages_have_names_and_lanes);
    tcase_add_test(tc,
                   an_envelope_is_the_same_by_the_short_way_and_the_long_one);
    tcase_add_test(tc, hub_ids_hash_as_they_always_did);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
