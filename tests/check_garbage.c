/* SPDX-License-Identifier: MIT */
/* check_garbage: frames from anybody on a real daemon's node port and control
 * socket: refused, counted, and the daemon goes on serving.
 *
 * The frames that are changed a little are real: the test listens where the
 * daemon looks for a seed, and is asked to let it in. */
#include "config.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <zmq.h>

#include <phub/cbor.h>
#include <phub/control.h>
#include <phub/error.h>

#include "daemon_fixture.h"
#include "env/real/real.h"
#include "wire/messages.h"

#define FRAME_MAX 65536
#define MUTANTS 3000
#define ROUNDS 200
#define SEND_MS 10000

static uint64_t seed;

/* xorshift64*: the same bytes in each run. */
static uint64_t dice(uint64_t below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return seed * UINT64_C(2685821657736338717) % below;
}

static void fill(uint8_t *bytes, size_t size)
{
    size_t i;

    for (i = 0; i < size; i++)
        bytes[i] = (uint8_t)dice(256);
}

/* Change, cut or repeat a few bytes of a frame. */
static size_t mutate(uint8_t *bytes, size_t size)
{
    uint64_t times = 1 + dice(4);

    if (size == 0)
        return 0;
    while (times-- > 0)
        bytes[dice(size)] = (uint8_t)(dice(2) ? dice(256)
                                            : 1u << dice(8));
    return dice(8) == 0 ? (size_t)dice(size) : size;
}

/* --- the node port ------------------------------------------------------------------ */

struct port {
    void *context, *socket;
};

static void port_open(struct port *port, int type)
{
    int limit = SEND_MS;

    port->context = zmq_ctx_new();
    port->socket = zmq_socket(port->context, type);
    ck_assert_ptr_nonnull(port->socket);
    zmq_setsockopt(port->socket, ZMQ_LINGER, &limit, sizeof limit);
    zmq_setsockopt(port->socket, ZMQ_SNDTIMEO, &limit, sizeof limit);
    zmq_setsockopt(port->socket, ZMQ_RCVTIMEO, &limit, sizeof limit);
}

static void port_close(struct port *port)
{
    zmq_close(port->socket);
    zmq_ctx_term(port->context);
}

static void throw(struct port *port, const void *bytes, size_t size)
{
    ck_assert_int_eq(zmq_send(port->socket, bytes, size, 0), (int)size);
}

/* Frames arrive in order: when these, which are refused as such, are counted,
 * all before them have been looked at. */
static void throw_parts(struct port *port, int count)
{
    int i;

    for (i = 1; i < count; i++)
        ck_assert_int_eq(zmq_send(port->socket, "part", 4, ZMQ_SNDMORE), 4);
    throw(port, "last", 4);
}

static void looked_at(struct port *port, const struct daemon *d)
{
    uint64_t before = counter_of(d, "net_refused_parts");

    throw_parts(port, 5);
    await(SOON, counter_of(d, "net_refused_parts") == before + 1);
}

/* What a daemon sends to a seed, taken as one frame. */
static size_t catch_join(struct port *port, uint8_t *frame)
{
    size_t size = 0;
    uint8_t id[256];
    int got, more = 1;
    size_t more_size = sizeof more;

    ck_assert_int_gt(zmq_recv(port->socket, id, sizeof id, 0), 0);
    while (more) {
        got = zmq_recv(port->socket, frame + size, FRAME_MAX - size, 0);
        ck_assert_int_ge(got, 0);
        size += (size_t)got;
        ck_assert_uint_le(size, FRAME_MAX);
        zmq_getsockopt(port->socket, ZMQ_RCVMORE, &more, &more_size);
    }
    return size;
}

/* An envelope that would do, and then anything. */
static size_t forge(uint8_t *frame, unsigned type, uint64_t node)
{
    struct phub__envelope e = {
        .node = 4711, .boot = 1, .target = node, .lamport = dice(1000),
        .type = (uint16_t)type, .lane = (uint8_t)dice(3),
    };
    size_t size, body = (size_t)dice(400);

    e.hub = phub__hub_hash((struct phub_bytes){ (const uint8_t *)"demo", 4 });
    e.sequence = e.lane == PHUB__LANE_PROBE ? 0 : dice(4);
    phub__envelope_write(&e, frame, &size);
    fill(frame + size, body);
    return size + body;
}

static void serves(const struct daemon *d, int64_t *count)
{
    claim(counter_say(d, "witness", "inc") == ++*count,
          "the witness does not say %lld", (long long)*count);
    ck_assert(members(d, 1));
}

START_TEST(frames_that_are_none_are_refused_and_counted)
{
    static uint8_t frame[FRAME_MAX];
    struct daemon *a;
    struct port port;
    int64_t count = 0;
    size_t i;

    hub_start(1);
    a = &world.daemons[0];
    counter_start(a, "witness");
    seed = 88172645463325252u;
    port_open(&port, ZMQ_DEALER);
    ck_assert_int_eq(zmq_connect(port.socket, a->endpoint), 0);
    throw(&port, "", 0);
    for (i = 0; i < ROUNDS; i++) {
        size_t size = 1 + (size_t)dice(FRAME_MAX - 1);

        fill(frame, size);
        throw(&port, frame, size);
    }
    looked_at(&port, a);
    ck_assert_uint_gt(counter_of(a, "frames_malformed"), ROUNDS / 2);
    serves(a, &count);
    for (i = 0; i < 72 * 10; i++)
        throw(&port, frame, forge(frame, (unsigned)(i / 10), 0));
    looked_at(&port, a);
    ck_assert_uint_gt(counter_of(a, "cluster_malformed")
                          + counter_of(a, "frames_stale"), 0);
    serves(a, &count);
    must_phub(a, "status", NULL);
    ck_assert_ptr_nonnull(strstr(phub_said, "frames_malformed"));
    port_close(&port);
}
END_TEST

START_TEST(a_frame_over_the_limit_is_refused_and_a_huge_one_ends_its_connection)
{
    static uint8_t large[PHUB__NET_FRAME_MAX + 1];
    struct port port, other;
    struct daemon *a;
    uint64_t refused;
    int64_t count = 0;

    hub_start(1);
    a = &world.daemons[0];
    counter_start(a, "witness");
    port_open(&port, ZMQ_DEALER);
    port_open(&other, ZMQ_DEALER);
    ck_assert_int_eq(zmq_connect(port.socket, a->endpoint), 0);
    ck_assert_int_eq(zmq_connect(other.socket, a->endpoint), 0);
    throw(&port, large, sizeof large); /* never gets out of libzmq */
    looked_at(&other, a);
    throw(&other, large, PHUB__FRAME_MAX);
    throw(&other, large, PHUB__FRAME_MAX + 1);
    looked_at(&other, a);
    ck_assert_uint_eq(counter_of(a, "frames_malformed"), 2);
    ck_assert_int_eq(zmq_send(other.socket, large, sizeof large / 2 + 1,
                              ZMQ_SNDMORE), (int)(sizeof large / 2 + 1));
    throw(&other, large, sizeof large / 2 + 1);
    looked_at(&other, a);
    ck_assert_uint_eq(counter_of(a, "net_refused_size"), 1);
    serves(a, &count);
    refused = counter_of(a, "net_refused_parts");
    await(SOON, (throw_parts(&port, 5), /* it has connected again */
                 counter_of(a, "net_refused_parts") > refused));
    port_close(&port);
    port_close(&other);
}
END_TEST

START_TEST(real_frames_that_are_cut_or_changed_harm_nobody)
{
    static uint8_t real[FRAME_MAX], frame[FRAME_MAX];
    struct daemon *a = daemon_new("a");
    struct port trap, port;
    char endpoint[128];
    size_t size = sizeof endpoint, i;
    int64_t count = 0;

    port_open(&trap, ZMQ_ROUTER);
    ck_assert_int_eq(zmq_bind(trap.socket, "tcp://127.0.0.1:*"), 0);
    ck_assert_int_eq(zmq_getsockopt(trap.socket, ZMQ_LAST_ENDPOINT, endpoint,
                                    &size), 0);
    daemon_start_wait(a, "--seeds", endpoint, NULL);
    size = catch_join(&trap, real);
    counter_start(a, "witness");
    seed = 2463534242u;
    port_open(&port, ZMQ_DEALER);
    ck_assert_int_eq(zmq_connect(port.socket, a->endpoint), 0);
    for (i = 0; i <= size; i++)
        throw(&port, real, i);
    looked_at(&port, a);
    serves(a, &count);
    for (i = 0; i < MUTANTS; i++) {
        memcpy(frame, real, size);
        throw(&port, frame, mutate(frame, size));
    }
    looked_at(&port, a);
    ck_assert_uint_gt(counter_of(a, "frames_malformed")
                          + counter_of(a, "cluster_malformed"), size / 2);
    serves(a, &count);
    port_close(&port);
    port_close(&trap);
}
END_TEST

/* --- the control socket ---------------------------------------------------------------- */

static int control_open(const struct daemon *d)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(at.sun_path, sizeof at.sun_path, "%.107s", d->sock);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

static void control_send(int fd, const void *bytes, size_t size)
{
    (void)send(fd, bytes, size, MSG_NOSIGNAL);
}

START_TEST(a_control_frame_over_the_limit_closes_its_connection)
{
    static const uint8_t huge[4] = { 0xff, 0xff, 0xff, 0xff };
    struct daemon *a;
    int64_t count = 0;
    char byte;
    int fd;

    hub_start(1);
    a = &world.daemons[0];
    counter_start(a, "witness");
    fd = control_open(a);
    control_send(fd, huge, sizeof huge);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    close(fd);
    ck_assert_uint_eq(counter_of(a, "control_refused_size"), 1);
    serves(a, &count);
}
END_TEST

START_TEST(a_control_frame_that_is_cut_short_waits_for_nobody)
{
    static const uint8_t half[6] = { 0, 0, 1, 0, 0xa2, 1 };
    struct daemon *a;
    int64_t count = 0;
    int fds[8], i;

    hub_start(1);
    a = &world.daemons[0];
    counter_start(a, "witness");
    for (i = 0; i < 8; i++) {
        fds[i] = control_open(a);
        control_send(fds[i], half, sizeof half - (size_t)i % 6);
    }
    serves(a, &count);
    for (i = 0; i < 8; i++)
        close(fds[i]);
    serves(a, &count);
}
END_TEST

START_TEST(connections_over_the_limit_are_closed_and_the_others_served)
{
    static struct reply reply;
    struct daemon *a;
    int fds[80], i;

    hub_start(1);
    a = &world.daemons[0];
    for (i = 0; i < 80; i++)
        fds[i] = control_open(a);
    ask(a, &reply, "status", NULL);
    ck_assert_int_ne(reply.rc, 0);
    for (i = 0; i < 80; i++)
        close(fds[i]);
    await(SOON, (ask(a, &reply, "status", NULL), reply.rc == 0));
    ck_assert_uint_gt(counter_of(a, "control_refused_peers"), 0);
}
END_TEST

START_TEST(requests_that_are_garbage_are_answered_and_counted)
{
    static struct reply reply;
    uint8_t request[128], bytes[128];
    struct phub_cbor_writer w;
    struct daemon *a;
    int64_t count = 0;
    uint64_t refused;
    int i;

    hub_start(1);
    a = &world.daemons[0];
    counter_start(a, "witness");
    seed = 123456789;
    for (i = 0; i < ROUNDS; i++) {
        fill(bytes, sizeof bytes);
        bytes[0] |= 0xc0; /* a tag, a float: no map */
        ask_bytes(a, &reply, (struct phub_bytes){ bytes, sizeof bytes });
        ck_assert_int_eq(reply.rc, 0);
        ck_assert_int_eq(reply.code, PHUB_EPROTO);
    }
    ck_assert_uint_eq(counter_of(a, "control_malformed"), ROUNDS);
    phub_cbor_writer_init(&w, request, sizeof request);
    phub_cbor_write_map(&w, 4);
    phub_cbor_write_uint(&w, PHUB_CONTROL_REFERENCE);
    phub_cbor_write_uint(&w, 1);
    phub_cbor_write_uint(&w, PHUB_CONTROL_VERB);
    phub_cbor_write_cstr(&w, "show");
    phub_cbor_write_uint(&w, PHUB_CONTROL_IDS);
    phub_cbor_write_array(&w, 1);
    phub_cbor_write_cstr(&w, "witness");
    phub_cbor_write_uint(&w, PHUB_CONTROL_TIMEOUT_MS);
    phub_cbor_write_uint(&w, 100);
    for (i = 0; i < ROUNDS * 2; i++) {
        size_t size = w.size;

        memcpy(bytes, request, size);
        size = mutate(bytes, size);
        ask_bytes(a, &reply, (struct phub_bytes){ bytes, size });
        ck_assert_int_eq(reply.rc, 0);
    }
    refused = counter_of(a, "control_malformed");
    ck_assert_uint_gt(refused, ROUNDS);
    serves(a, &count);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("garbage");
    TCase *tcase = world_case(suite, "garbage", 60);

    tcase_add_test(tcase, frames_that_are_none_are_refused_and_counted);
    tcase_add_test(
        tcase,
        a_frame_over_the_limit_is_refused_and_a_huge_one_ends_its_connection);
    tcase_add_test(tcase, real_frames_that_are_cut_or_changed_harm_nobody);
    tcase_add_test(tcase, a_control_frame_over_the_limit_closes_its_connection);
    tcase_add_test(tcase, a_control_frame_that_is_cut_short_waits_for_nobody);
    tcase_add_test(tcase,
                   connections_over_the_limit_are_closed_and_the_others_served);
    tcase_add_test(tcase, requests_that_are_garbage_are_answered_and_counted);
    return world_run(suite);
}
