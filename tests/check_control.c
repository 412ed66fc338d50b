/* SPDX-License-Identifier: MIT */
/* check_control: the control socket and its client carry frames, and a peer
 * that sends garbage, too much, or does not read ends only itself. */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <phub/client.h>
#include <phub/error.h>

#include "env/real/control.h"
#include "env_world.h"

#define WAIT_MS 10000u
#define FILLERS_MAX 256u

/* A hub that echoes; "close" closes, "flood" sends until it is refused. */
struct echo {
    struct world world;
    struct phub__control *control;
    char path[256];
    uint32_t connected;
    uint32_t received;
    uint32_t closed;
    uint32_t drained;
    uint32_t flood_sent;
    int flood_rc;
    uint32_t closed_wanted;
    uint32_t connected_wanted;
};

static void on_connected(void *arg, struct phub__control_peer *peer)
{
    struct echo *echo = arg;
    pid_t pid;
    uid_t uid;

    phub__control_who(peer, &pid, &uid);
    ck_assert_int_eq(pid, getpid());
    ck_assert_uint_eq(uid, getuid());
    if (++echo->connected == echo->connected_wanted)
        phub__env_real_stop(echo->world.env);
}

static void flood(struct echo *echo, struct phub__control_peer *peer)
{
    static uint8_t big[PHUB__CONTROL_FRAME_MAX];
    struct phub_bytes body = { big, sizeof big };

    do {
        echo->flood_rc = phub__control_send(peer, body);
        echo->flood_sent += echo->flood_rc == 0;
    } while (echo->flood_rc == 0 && echo->flood_sent < 100);
    ck_assert_int_eq(phub__control_send(peer, body), PHUB_EBUSY);
}

static void on_received(void *arg, struct phub__control_peer *peer,
                        struct phub_bytes body)
{
    struct echo *echo = arg;

    echo->received++;
    if (body.size == 5 && memcmp(body.data, "flood", 5) == 0) {
        flood(echo, peer);
        return;
    }
    ck_assert_int_eq(phub__control_send(peer, body), 0);
    if (body.size == 5 && memcmp(body.data, "close", 5) == 0)
        phub__control_close_peer(&peer);
}

static void on_drained(void *arg, struct phub__control_peer *peer)
{
    struct echo *echo = arg;

    ck_assert_uint_eq(phub__control_pending(peer), 0);
    echo->drained++; /* only if the client was slower than the loop */
}

static void on_closed(void *arg, struct phub__control_peer *peer)
{
    struct echo *echo = arg;

    (void)peer;
    if (++echo->closed == echo->closed_wanted)
        phub__env_real_stop(echo->world.env);
}

static const struct phub__control_events echo_events = {
    on_connected, on_received, on_drained, on_closed
};

static void echo_open(struct echo *echo)
{
    char error[TEXT_MAX] = "";

    world_open(&echo->world, NULL);
    dir_make(&echo->world);
    snprintf(echo->path, sizeof echo->path, "%s/control", echo->world.dir);
    ck_assert_msg(phub__control_listen(echo->world.env, echo->path,
                                       &echo_events, echo, &echo->control,
                                       error, sizeof error) == 0, "%s",
                  error);
}

static void echo_close(struct echo *echo)
{
    phub__control_close(&echo->control);
    dir_remove(&echo->world);
    world_close(&echo->world);
}

/* The client waits, so it has a thread of its own. */
static void run_with(struct echo *echo, void *(*client)(void *arg))
{
    pthread_t thread;

    if (echo->closed_wanted == 0)
        echo->closed_wanted = 1;
    ck_assert_int_eq(pthread_create(&thread, NULL, client, echo), 0);
    world_run(&echo->world);
    pthread_join(thread, NULL);
}

static void expect_echo(struct phub_client *client, const void *data,
                        size_t size)
{
    struct phub_bytes body = { data, size };
    struct phub_bytes answer;

    ck_assert_int_eq(phub_client_send(client, body, WAIT_MS), 0);
    ck_assert_int_eq(phub_client_receive(client, WAIT_MS, &answer), 0);
    ck_assert_uint_eq(answer.size, size);
    if (size > 0)
        ck_assert_mem_eq(answer.data, data, size);
}

static struct phub_client *client_open(const struct echo *echo)
{
    struct phub_client *client = NULL;

    ck_assert_int_eq(phub_client_open(echo->path, WAIT_MS, &client), 0);
    return client;
}

static void *talk(void *arg)
{
    struct phub_client *client = client_open(arg);
    struct phub_bytes answer;
    uint8_t *big = calloc(1, PHUB_CLIENT_FRAME_MAX + 1);

    expect_echo(client, "hello", 5);
    expect_echo(client, "", 0);
    big[PHUB_CLIENT_FRAME_MAX - 1] = 7;
    expect_echo(client, big, PHUB_CLIENT_FRAME_MAX);
    ck_assert_int_eq(phub_client_send(client, (struct phub_bytes){
                         big, PHUB_CLIENT_FRAME_MAX + 1 }, WAIT_MS),
                     PHUB_ELIMIT);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(phub_client_send(client, (struct phub_bytes){
                             (const uint8_t *)&i, sizeof i }, WAIT_MS), 0);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(phub_client_receive(client, WAIT_MS, &answer), 0);
        ck_assert_mem_eq(answer.data, &i, sizeof i);
    }
    ck_assert_int_eq(phub_client_receive(client, 1, &answer),
                     PHUB_ETIMEDOUT);
    expect_echo(client, "again", 5);
    phub_client_close(&client);
    ck_assert_ptr_null(client);
    free(big);
    return NULL;
}

START_TEST(frames_go_both_ways_up_to_the_limit)
{
    struct echo echo = { 0 };
    struct stat status;

    echo_open(&echo);
    ck_assert_int_eq(stat(echo.path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0600);
    run_with(&echo, talk);
    ck_assert_uint_eq(echo.received, 104);
    echo_close(&echo);
}
END_TEST

static void *ask_close(void *arg)
{
    struct phub_client *client = client_open(arg);
    struct echo *echo = arg;
    struct phub_client *last;
    struct phub_bytes answer;

    expect_echo(client, "close", 5);
    ck_assert_int_eq(phub_client_receive(client, WAIT_MS, &answer),
                     PHUB_ENOHUB);
    phub_client_close(&client);
    last = client_open(echo);
    phub_client_close(&last);
    return NULL;
}

START_TEST(a_peer_closed_by_the_hub_gets_what_was_sent_before)
{
    struct echo echo = { 0 };

    echo_open(&echo);
    run_with(&echo, ask_close);
    ck_assert_uint_eq(echo.connected, 2);
    ck_assert_uint_eq(echo.closed, 1);
    echo_close(&echo);
}
END_TEST

static int raw_open(const struct echo *echo)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%.100s",
             echo->path);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address,
                             sizeof address), 0);
    return fd;
}

static void *send_oversized(void *arg)
{
    int fd = raw_open(arg);
    char byte;

    ck_assert_int_eq(send(fd, "\x00\x40\x00\x01", 4, MSG_NOSIGNAL), 4);
    ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
    close(fd);
    return NULL;
}

static void *send_garbage(void *arg)
{
    int fd = raw_open(arg);
    char byte;

    ck_assert_int_gt(send(fd, "GET / HTTP/1.1\r\n\r\n", 18, MSG_NOSIGNAL),
                     0);
    ck_assert_int_le(recv(fd, &byte, 1, 0), 0);
    close(fd);
    return NULL;
}

START_TEST(garbage_and_oversized_lengths_close_the_peer)
{
    struct echo echo = { 0 };
    struct phub__control_counters counters;

    echo_open(&echo);
    run_with(&echo, send_oversized);
    echo.closed_wanted = 2;
    run_with(&echo, send_garbage);
    ck_assert_uint_eq(echo.received, 0);
    phub__control_counters(echo.control, &counters);
    ck_assert_uint_eq(counters.refused_size, 2);
    echo_close(&echo);
}
END_TEST

static void *send_in_pieces(void *arg)
{
    static const char frame[] = { 0, 0, 0, 2, 'h', 'i' };
    int fd = raw_open(arg);
    char answer[6];
    size_t have = 0;

    for (size_t i = 0; i < sizeof frame; i++)
        ck_assert_int_eq(send(fd, frame + i, 1, MSG_NOSIGNAL), 1);
    while (have < sizeof answer) {
        ssize_t got = recv(fd, answer + have, sizeof answer - have, 0);

        ck_assert_int_gt(got, 0);
        have += (size_t)got;
    }
    ck_assert_mem_eq(answer, frame, sizeof frame);
    ck_assert_int_eq(send(fd, "\0\0\0\5cut", 7, MSG_NOSIGNAL), 7);
    close(fd);
    return NULL;
}

START_TEST(a_frame_in_pieces_is_whole_and_a_cut_one_is_none)
{
    struct echo echo = { 0 };

    echo_open(&echo);
    run_with(&echo, send_in_pieces);
    ck_assert_uint_eq(echo.received, 1);
    ck_assert_uint_eq(echo.closed, 1);
    echo_close(&echo);
}
END_TEST

static void *read_nothing(void *arg)
{
    int fd = raw_open(arg);
    struct pollfd end = { .fd = fd, .events = POLLRDHUP };
    char buf[4096];

    ck_assert_int_eq(send(fd, "\0\0\0\5flood", 9, MSG_NOSIGNAL), 9);
    ck_assert_int_eq(poll(&end, 1, (int)WAIT_MS), 1);
    /* What is in the socket's buffer still comes, then the end. */
    while (recv(fd, buf, sizeof buf, 0) > 0)
        ;
    close(fd);
    return NULL;
}

START_TEST(a_peer_that_does_not_read_is_closed)
{
    struct echo echo = { 0 };
    struct phub__control_counters counters;

    echo_open(&echo);
    run_with(&echo, read_nothing);
    ck_assert_int_eq(echo.flood_rc, PHUB_EBUSY);
    ck_assert_uint_le(echo.flood_sent, 3);
    phub__control_counters(echo.control, &counters);
    ck_assert_uint_eq(counters.closed_slow, 1);
    echo_close(&echo);
}
END_TEST

START_TEST(peers_over_the_limit_are_refused)
{
    struct echo echo = { .connected_wanted = PHUB__CONTROL_PEERS_MAX };
    struct phub__control_counters counters;
    int fds[PHUB__CONTROL_PEERS_MAX + 1];
    char byte;

    echo_open(&echo);
    for (uint32_t i = 0; i < PHUB__CONTROL_PEERS_MAX; i++)
        fds[i] = raw_open(&echo);
    world_run(&echo.world);
    fds[PHUB__CONTROL_PEERS_MAX] = raw_open(&echo);
    close(fds[0]);
    echo.closed_wanted = 1;
    world_run(&echo.world);
    ck_assert_int_le(recv(fds[PHUB__CONTROL_PEERS_MAX], &byte, 1, 0), 0);
    phub__control_counters(echo.control, &counters);
    ck_assert_uint_eq(counters.connected, PHUB__CONTROL_PEERS_MAX);
    ck_assert_uint_eq(counters.refused_peers, 1);
    for (uint32_t i = 1; i <= PHUB__CONTROL_PEERS_MAX; i++)
        close(fds[i]);
    echo_close(&echo);
}
END_TEST

/* All descriptors are used when it connects, and not any more later. */
static void *refused_and_served(void *arg)
{
    struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const struct echo *echo = arg;
    static int fillers[FILLERS_MAX];
    uint32_t count = 0;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    char byte;

    snprintf(address.sun_path, sizeof address.sun_path, "%.100s",
             echo->path);
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
                                sizeof patience), 0);
    while (count < FILLERS_MAX && (fillers[count] = dup(fd)) >= 0)
        count++;
    ck_assert_uint_lt(count, FILLERS_MAX);
    ck_assert_int_eq(connect(fd, (struct sockaddr *)&address,
                             sizeof address), 0);
    ck_assert_int_eq(recv(fd, &byte, 1, 0), 0);
    while (count-- > 0)
        close(fillers[count]);
    close(fd);
    close(raw_open(echo));
    return NULL;
}

START_TEST(who_comes_when_there_is_no_descriptor_is_refused)
{
    struct rlimit limit = { FILLERS_MAX, FILLERS_MAX };
    struct echo echo = { .connected_wanted = 1 };
    struct phub__control_counters counters;

    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
    echo_open(&echo);
    run_with(&echo, refused_and_served);
    phub__control_counters(echo.control, &counters);
    ck_assert_uint_eq(counters.refused_peers, 1);
    ck_assert_uint_eq(counters.connected, 1);
    echo_close(&echo);
}
END_TEST

START_TEST(a_stale_socket_is_replaced_and_a_live_one_is_not)
{
    struct echo echo = { 0 };
    struct phub__control *second = NULL;
    char error[TEXT_MAX] = "";
    char stale[300];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct phub_env *env;
    FILE *file;

    echo_open(&echo);
    env = echo.world.env;
    ck_assert_int_eq(phub__control_listen(env, echo.path, &echo_events,
                                          &echo, &second, error,
                                          sizeof error), PHUB_EEXIST);
    ck_assert_ptr_nonnull(strstr(error, echo.path));
    snprintf(stale, sizeof stale, "%s/stale", echo.world.dir);
    snprintf(address.sun_path, sizeof address.sun_path, "%.100s", stale);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address),
                     0);
    close(fd);
    ck_assert_int_eq(phub__control_listen(env, stale, &echo_events, &echo,
                                          &second, error, sizeof error), 0);
    phub__control_close(&second);
    ck_assert_int_eq(access(stale, F_OK), -1);
    file = fopen(stale, "w");
    fclose(file);
    ck_assert_int_eq(phub__control_listen(env, stale, &echo_events, &echo,
                                          &second, error, sizeof error),
                     PHUB_EEXIST);
    ck_assert_int_eq(access(stale, F_OK), 0);
    echo_close(&echo);
}
END_TEST

START_TEST(a_path_longer_than_an_address_works)
{
    struct echo echo = { 0 };
    struct phub__control *control = NULL;
    struct phub_client *client = NULL;
    char error[TEXT_MAX] = "";
    char path[256];
    size_t size;

    echo_open(&echo);
    size = (size_t)snprintf(path, sizeof path, "%s/", echo.world.dir);
    memset(path + size, 'd', 120);
    path[size + 120] = '\0';
    ck_assert_int_eq(mkdir(path, 0700), 0);
    snprintf(path + size + 120, sizeof path - size - 120, "/control");
    ck_assert_msg(phub__control_listen(echo.world.env, path, &echo_events,
                                       &echo, &control, error,
                                       sizeof error) == 0, "%s", error);
    ck_assert_int_eq(phub_client_open(path, WAIT_MS, &client), 0);
    phub_client_close(&client);
    phub__control_close(&control);
    ck_assert_int_eq(access(path, F_OK), -1);
    echo_close(&echo);
}
END_TEST

START_TEST(where_nobody_listens_there_is_no_hub)
{
    struct phub_client *client = NULL;
    char longest[600];

    ck_assert_int_eq(phub_client_open("/nonexistent/control", 100, &client),
                     PHUB_ENOHUB);
    ck_assert_int_eq(phub_client_open("/dev/null", 100, &client),
                     PHUB_ENOHUB);
    ck_assert_int_eq(phub_client_open("", 100, &client), PHUB_EINVAL);
    ck_assert_int_eq(phub_client_open(NULL, 100, &client), PHUB_EINVAL);
    memset(longest, 'x', sizeof longest - 1);
    longest[0] = '/';
    longest[sizeof longest - 1] = '\0';
    ck_assert_int_eq(phub_client_open(longest, 100, &client), PHUB_EINVAL);
    ck_assert_ptr_null(client);
    phub_client_close(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("control");
    TCase *tcase = tcase_create("control");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, frames_go_both_ways_up_to_the_limit);
    tcase_add_test(tcase,
                   a_peer_closed_by_the_hub_gets_what_was_sent_before);
    tcase_add_test(tcase, garbage_and_oversized_lengths_close_the_peer);
    tcase_add_test(tcase, a_frame_in_pieces_is_whole_and_a_cut_one_is_none);
    tcase_add_test(tcase, a_peer_that_does_not_read_is_closed);
    tcase_add_test(tcase, peers_over_the_limit_are_refused);
    tcase_add_test(tcase, who_comes_when_there_is_no_descriptor_is_refused);
    tcase_add_test(tcase, a_stale_socket_is_replaced_and_a_live_one_is_not);
    tcase_add_test(tcase, a_path_longer_than_an_address_works);
    tcase_add_test(tcase, where_nobody_listens_there_is_no_hub);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
