/* SPDX-License-Identifier: MIT */
/* check_childmsg: messages of the child protocol, and the daemon's end of
 * the channel with anything at the other. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <sys/stat.h>

#include "child_fixture.h"

START_TEST(every_message_survives_the_wire_and_no_prefix_does)
{
    const struct phub__childmsg *m = &samples[_i];
    struct phub__childmsg back;
    uint8_t buf[256], exact[256];
    size_t size;

    ck_assert_int_eq(phub__childmsg_encode(m, buf, sizeof buf, &size), 0);
    ck_assert_int_eq(phub__childmsg_decode(buf, size, &back), 0);
    ck_assert_uint_eq(back.verb, m->verb);
    ck_assert_uint_eq(back.ref, m->ref);
    ck_assert_int_eq(back.code, m->code);
    ck_assert_uint_eq(back.value, m->value);
    ck_assert_uint_eq(back.version, m->version);
    ck_assert_uint_eq(back.capabilities, m->capabilities);
    ck_assert_uint_eq(back.state_version, m->state_version);
    ck_bytes(back.body, m->body);
    ck_bytes(back.text, m->text);
    for (size_t n = 0; n < size; n++) {
        memcpy(exact, buf, n);
        ck_assert_int_eq(phub__childmsg_decode(exact, n, &back), PHUB_EPROTO);
    }
    /* One byte more is refused as well. */
    buf[size] = 0;
    ck_assert_int_eq(phub__childmsg_decode(buf, size + 1, &back), PHUB_EPROTO);
}
END_TEST

START_TEST(a_message_without_what_its_verb_needs_is_refused)
{
    static const struct { const char *bytes; size_t size; int rc; } rows[] = {
        { "\xa0", 1, PHUB_EPROTO },                    /* no verb */
        { "\xa1\x00\x02", 3, PHUB_EPROTO },            /* freeze, no ref */
        { "\xa2\x00\x02\x01\x00", 5, PHUB_EPROTO },    /* ref 0 */
        { "\xa2\x00\x02\x00\x02", 5, PHUB_EPROTO },    /* twice the verb */
        { "\xa2\x00\x02\x01\x01", 5, 0 },
        { "\xa2\x01\x01\x00\x02", 5, 0 },              /* any order */
        { "\xa3\x00\x02\x01\x01\x18\x63\x80", 8, 0 },  /* unknown key 99 */
        { "\xa2\x00\x02\x61\x61\x01", 6, PHUB_EPROTO }, /* a text key */
        { "\xa3\x00\x02\x01\x01\x02\x40", 7, PHUB_EPROTO }, /* freeze: body */
        { "\xa1\x00\x18\x7f", 4, PHUB_EUNSUPPORTED },
        { "\xa2\x00\x18\x42\x01\x01", 6, PHUB_EPROTO }, /* done, no code */
        { "\xa3\x00\x18\x42\x01\x01\x03\x01", 8, PHUB_EPROTO }, /* code 1 */
        { "\xa3\x00\x18\x42\x01\x01\x03\x20", 8, 0 },
        { "\xa4\x00\x06\x01\x01\x02\x40\x05\x00", 9, PHUB_EPROTO }, /* both */
        { "\xa2\x00\x06\x01\x01", 5, PHUB_EPROTO },    /* neither */
        { "\xbf\x00\x02\x01\x01\xff", 6, PHUB_EPROTO }, /* indefinite */
        { "\x82\x00\x02", 3, PHUB_EPROTO },            /* not a map */
    };

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct phub__childmsg m;

        ck_assert_msg(phub__childmsg_decode(rows[i].bytes, rows[i].size, &m)
                      == rows[i].rc, "row %zu", i);
    }
}
END_TEST

START_TEST(published_entries_are_checked)
{
    uint8_t buf[4096];
    struct phub_bytes body = { buf, 0 }, key, value;
    struct phub_cbor_writer w;
    size_t at = 0;

    phub_cbor_writer_init(&w, buf, sizeof buf);
    phub_cbor_write_map(&w, 2);
    phub_cbor_write_cstr(&w, "port");
    phub_cbor_write_cstr(&w, "8080");
    phub_cbor_write_cstr(&w, "gone");
    phub_cbor_write_cstr(&w, "");
    body.size = w.size;
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value), 1);
    ck_bytes(key, BYTES("port"));
    ck_bytes(value, BYTES("8080"));
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value), 1);
    ck_assert_uint_eq(value.size, 0);
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value), 0);
    /* At and over each limit. */
    for (int over = 0; over < 2; over++) {
        char text[300];

        memset(text, 'x', sizeof text);
        phub_cbor_writer_init(&w, buf, sizeof buf);
        phub_cbor_write_map(&w, 1);
        phub_cbor_write_text(&w, text, PHUB_CHILD_PUBLISH_KEY_MAX
                             + (size_t)over);
        phub_cbor_write_text(&w, text, PHUB_CHILD_PUBLISH_VALUE_MAX);
        body.size = w.size;
        at = 0;
        ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value),
                         over ? PHUB_EPROTO : 1);
        phub_cbor_writer_init(&w, buf, sizeof buf);
        phub_cbor_write_map(&w, PHUB_CHILD_PUBLISH_MAX + (unsigned)over);
        for (unsigned i = 0; i < PHUB_CHILD_PUBLISH_MAX + (unsigned)over; i++) {
            phub_cbor_write_cstr(&w, "k");
            phub_cbor_write_cstr(&w, "v");
        }
        body.size = w.size;
        at = 0;
        ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value),
                         over ? PHUB_EPROTO : 1);
    }
    body = (struct phub_bytes){ (const uint8_t *)"\xa1\x61k\x61\x1b", 5 };
    at = 0;
    ck_assert_int_eq(phub__childmsg_publish_next(&body, &at, &key, &value),
                     PHUB_EPROTO);
}
END_TEST

START_TEST(an_answer_is_taken_once_and_only_if_awaited)
{
    struct ends ends;
    struct phub__channel_counts counts;
    struct phub__childmsg freeze = samples[2];
    struct phub__childmsg done = { .verb = PHUB_CHILD_DONE, .ref = 2,
                                   .fd = -1 };

    open_ends(&ends);
    child_says(&ends, &done);
    ck_assert_int_eq(read_channel(&ends), 0);
    ck_assert_uint_eq(ends.count, 0);
    ck_assert_int_eq(phub__channel_send(ends.channel, &freeze), 0);
    ck_assert_int_eq(phub__channel_send(ends.channel, &freeze), PHUB_EEXIST);
    child_says(&ends, &done);
    child_says(&ends, &done);
    ck_assert_int_eq(read_channel(&ends), 0);
    ck_assert_uint_eq(ends.count, 1);
    ck_assert_uint_eq(ends.asked, PHUB_CHILD_FREEZE);
    /* Given up, then answered: too late. */
    ck_assert_int_eq(phub__channel_send(ends.channel, &freeze), 0);
    phub__channel_forget(ends.channel, 2);
    child_says(&ends, &done);
    ck_assert_int_eq(read_channel(&ends), 0);
    phub__channel_counts(ends.channel, &counts);
    ck_assert_uint_eq(counts.unawaited, 3);
    ck_assert_uint_eq(counts.garbage, 0);
    ck_assert_uint_eq(ends.count, 1);
    close_ends(&ends);
}
END_TEST

START_TEST(garbage_is_counted_and_too_much_ends_the_channel)
{
    struct ends ends;
    struct phub__channel_counts counts;
    struct phub__childmsg stop = samples[1];
    static uint8_t big[PHUB_CHILD_MESSAGE_MAX + 1];

    open_ends(&ends);
    ck_assert_int_eq(send(ends.child, big, sizeof big, 0), sizeof big);
    ck_assert_int_eq(send(ends.child, "\xff\xff", 2, 0), 2);
    child_says(&ends, &stop); /* not for a child to say */
    ck_assert_int_eq(send(ends.child, "\xa1\x00\x18\x7f", 4, 0), 4);
    ck_assert_int_eq(read_channel(&ends), 0);
    phub__channel_counts(ends.channel, &counts);
    ck_assert_uint_eq(counts.garbage, 3);
    ck_assert_uint_eq(counts.unknown, 1);
    for (unsigned i = 3; i < PHUB__CHANNEL_GARBAGE_MAX - 1; i++)
        ck_assert_int_eq(send(ends.child, "x", 1, 0), 1);
    ck_assert_int_eq(read_channel(&ends), 0);
    ck_assert_int_eq(send(ends.child, "x", 1, 0), 1);
    ck_assert_int_eq(read_channel(&ends), PHUB_EPROTO);
    ck_assert_uint_eq(ends.count, 0);
    close_ends(&ends);
}
END_TEST

START_TEST(a_flood_is_read_a_turn_at_a_time)
{
    struct ends ends;
    struct phub__childmsg ready = samples[15];

    open_ends(&ends);
    for (int i = 0; i < 3 * PHUB__CHANNEL_READ_TURN_MAX; i++)
        child_says(&ends, &ready);
    for (size_t turn = 1; turn <= 3; turn++) {
        ck_assert_int_eq(read_channel(&ends), 0);
        ck_assert_uint_eq(ends.count, turn * PHUB__CHANNEL_READ_TURN_MAX);
    }
    ck_assert_int_eq(read_channel(&ends), 0);
    close(ends.child);
    ends.child = -1;
    ck_assert_int_eq(read_channel(&ends), PHUB_ESHUTDOWN);
    close_ends(&ends);
}
END_TEST

START_TEST(a_child_that_does_not_read_fills_a_bounded_queue)
{
    struct ends ends;
    uint8_t *body = calloc(1, PHUB_CHILD_BODY_MAX);
    struct phub__childmsg m = {
        .verb = PHUB_CHILD_MESSAGE, .fd = -1,
        .body = { body, PHUB_CHILD_BODY_MAX },
    };
    static uint8_t buf[PHUB_CHILD_MESSAGE_MAX];
    size_t sent = 0, got = 0;

    open_ends(&ends);
    while (phub__channel_send(ends.channel, &m) == 0)
        sent++;
    ck_assert_int_eq(phub__channel_send(ends.channel, &m), PHUB_EBUSY);
    ck_assert_uint_lt(sent, 64);
    ck_assert(phub__channel_wants_write(ends.channel));
    while (got < sent) {
        struct phub__childmsg in;

        while (phub__childmsg_receive(ends.child, buf, &in) == 1)
            got++;
        ck_assert_int_eq(phub__channel_writable(ends.channel), 0);
    }
    ck_assert(!phub__channel_wants_write(ends.channel));
    m.body.size = 1;
    /* Messages leave room for what the hub asks. */
    m.verb = PHUB_CHILD_MESSAGE;
    for (m.ref = 1; m.ref <= PHUB__CHANNEL_PENDING_MAX -
                             PHUB__CHANNEL_PENDING_OWN; m.ref++)
        ck_assert_int_eq(phub__channel_send(ends.channel, &m), 0);
    ck_assert_int_eq(phub__channel_send(ends.channel, &m), PHUB_EBUSY);
    m.verb = PHUB_CHILD_FREEZE;
    m.body.size = 0;
    for (; m.ref <= PHUB__CHANNEL_PENDING_MAX; m.ref++)
        ck_assert_int_eq(phub__channel_send(ends.channel, &m), 0);
    ck_assert_int_eq(phub__channel_send(ends.channel, &m), PHUB_EBUSY);
    close_ends(&ends);
    free(body);
}
END_TEST

START_TEST(a_channel_may_be_closed_from_within)
{
    struct ends ends;
    struct phub__childmsg ready = samples[15];

    open_ends(&ends);
    ends.close_it = true;
    child_says(&ends, &ready);
    child_says(&ends, &ready);
    ck_assert_int_eq(read_channel(&ends), 0);
    ck_assert_uint_eq(ends.count, 1);
    close_ends(&ends);
}
END_TEST

static int
count_fds(void)
{
    DIR *dir = opendir("/proc/self/fd");
    int count = 0;

    while (readdir(dir) != NULL)
        count++;
    closedir(dir);
    return count;
}

START_TEST(a_size_is_at_most_that_of_a_state)
{
    struct phub__childmsg done = { .verb = PHUB_CHILD_DONE, .ref = 5,
                                   .fd = 0, .fd_size = PHUB_STATE_SIZE_MAX };
    struct phub__childmsg taken;
    uint8_t buf[64];
    size_t size;

    ck_assert_int_eq(phub__childmsg_encode(&done, buf, sizeof buf, &size), 0);
    ck_assert_int_eq(phub__childmsg_decode(buf, size, &taken), 0);
    ck_assert_uint_eq(taken.fd_size, PHUB_STATE_SIZE_MAX);
    done.fd_size++;
    ck_assert_int_eq(phub__childmsg_encode(&done, buf, sizeof buf, &size), 0);
    ck_assert_int_eq(phub__childmsg_decode(buf, size, &taken), PHUB_EPROTO);
}
END_TEST

START_TEST(only_a_sealed_memfd_of_the_right_size_is_taken)
{
    struct ends ends;
    struct phub__channel_counts counts;
    struct phub__childmsg take = samples[5];
    struct phub__childmsg done = { .verb = PHUB_CHILD_DONE, .ref = 5,
                                   .fd_size = 5 };
    int open_memfd = memfd_create("x", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int sealed, file = open("/etc/passwd", O_RDONLY | O_CLOEXEC), before;
    uint8_t buf[64];
    size_t size;

    open_ends(&ends);
    ck_assert_int_eq(write(open_memfd, "hello", 5), 5);
    ck_assert_int_eq(phub__childmsg_memfd("hello", 5, &sealed), 0);
    ck_assert_int_eq(phub__channel_send(ends.channel, &take), 0);
    before = count_fds();
    done.fd = open_memfd;
    child_says(&ends, &done);
    done.fd = file;
    child_says(&ends, &done);
    done.fd = sealed;
    done.fd_size = 6;
    child_says(&ends, &done);
    /* Says SIZE without a descriptor; has a descriptor without SIZE. */
    done.fd_size = 5;
    ck_assert_int_eq(phub__childmsg_encode(&done, buf, sizeof buf, &size), 0);
    ck_assert_int_eq(phub__childmsg_send(ends.child, buf, size, -1, 0), 0);
    ck_assert_int_eq(phub__childmsg_encode(&samples[15], buf, sizeof buf,
                                           &size), 0);
    ck_assert_int_eq(phub__childmsg_send(ends.child, buf, size, sealed, 0), 0);
    ck_assert_int_eq(read_channel(&ends), 0);
    phub__channel_counts(ends.channel, &counts);
    ck_assert_uint_eq(counts.garbage, 5);
    ck_assert_uint_eq(ends.count, 0);
    child_says(&ends, &done);
    ck_assert_int_eq(read_channel(&ends), 0);
    ck_assert_uint_eq(ends.count, 1);
    ck_assert_uint_eq(ends.asked, PHUB_CHILD_TAKE_STATE);
    ck_assert_int_eq(count_fds(), before);
    close(open_memfd);
    close(sealed);
    close(file);
    close_ends(&ends);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("childmsg");
    TCase *tc = tcase_create("childmsg");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 30);
    tcase_add_loop_test(tc, every_message_survives_the_wire_and_no_prefix_does,
                        0, (int)SAMPLES);
    tcase_add_test(tc, a_message_without_what_its_verb_needs_is_refused);
    tcase_add_test(tc, published_entries_are_checked);
    tcase_add_test(tc, an_answer_is_taken_once_and_only_if_awaited);
    tcase_add_test(tc, garbage_is_counted_and_too_much_ends_the_channel);
    tcase_add_test(tc, a_flood_is_read_a_turn_at_a_time);
    tcase_add_test(tc, a_child_that_does_not_read_fills_a_bounded_queue);
    tcase_add_test(tc, a_channel_may_be_closed_from_within);
    tcase_add_test(tc, a_size_is_at_most_that_of_a_state);
    tcase_add_test(tc, only_a_sealed_memfd_of_the_right_size_is_taken);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
