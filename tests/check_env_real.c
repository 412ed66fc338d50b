/* SPDX-License-Identifier: MIT */
/* check_env_real: the real environment keeps the contract of env/env.h:
 * its loop, its network and its names.
 *
 * Its files have their own tests, check_env_files. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "env_world.h"
#include "wire/buf.h"

/* --- timers and calls ---------------------------------------------------- */

struct ticks {
    struct world world;
    struct phub__timer *timer[3];
    uint64_t at_ns[3];
    char order[16];
    uint32_t fired;
};

static void tick(struct ticks *ticks, uint32_t index)
{
    struct phub_env *env = ticks->world.env;

    ck_assert_uint_ge(env->now_ns(env), ticks->at_ns[index]);
    ticks->order[ticks->fired++] = (char)('a' + index);
    if (ticks->fired == 2)
        phub__env_real_stop(env);
}

static void tick_a(void *arg)
{
    tick(arg, 0);
}

static void tick_b(void *arg)
{
    tick(arg, 1);
}

static void tick_c(void *arg)
{
    tick(arg, 2);
}

START_TEST(timers_fire_in_order_and_never_early)
{
    struct ticks t = { 0 };
    void (*const fire[3])(void *) = { tick_a, tick_b, tick_c };
    struct phub_env *env;
    uint64_t now;

    world_open(&t.world, NULL);
    env = t.world.env;
    now = env->now_ns(env);
    for (int i = 0; i < 3; i++) {
        t.timer[i] = env->timer_new(env, fire[i], &t);
        t.at_ns[i] = now + (uint64_t)(30 - i * 10) * MILLISECOND_NS + 777;
        env->timer_start(env, t.timer[i], t.at_ns[i]);
    }
    env->timer_stop(env, t.timer[1]);
    world_run(&t.world);
    ck_assert_str_eq(t.order, "ca");
    for (int i = 0; i < 3; i++)
        env->timer_free(env, &t.timer[i]);
    world_close(&t.world);
}
END_TEST

static void defer_third(void *arg)
{
    struct ticks *t = arg;

    t->order[t->fired++] = '3';
    phub__env_real_stop(t->world.env);
}

static void defer_first(void *arg)
{
    struct ticks *t = arg;

    t->order[t->fired++] = '1';
    t->world.env->defer(t->world.env, defer_third, t);
}

static void defer_second(void *arg)
{
    struct ticks *t = arg;

    t->order[t->fired++] = '2';
}

static void defer_from_timer(void *arg)
{
    struct ticks *t = arg;
    struct phub_env *env = t->world.env;

    ck_assert_int_eq(env->defer(env, defer_first, t), 0);
    ck_assert_int_eq(env->defer(env, defer_second, t), 0);
    t->order[t->fired++] = '0';
}

START_TEST(deferred_calls_run_after_the_event_in_order)
{
    struct ticks t = { 0 };
    struct phub_env *env;

    world_open(&t.world, NULL);
    env = t.world.env;
    t.timer[0] = env->timer_new(env, defer_from_timer, &t);
    env->timer_start(env, t.timer[0], 0);
    world_run(&t.world);
    ck_assert_str_eq(t.order, "0123");
    env->timer_free(env, &t.timer[0]);
    world_close(&t.world);
}
END_TEST

START_TEST(what_is_deferred_before_run_is_not_slept_over)
{
    struct ticks t = { 0 };

    world_open(&t.world, NULL);
    t.world.env->defer(t.world.env, defer_first, &t);
    world_run(&t.world);
    ck_assert_str_eq(t.order, "13");
    world_close(&t.world);
}
END_TEST

#define POSTS 20000

struct posts {
    struct world world;
    uint32_t count;
    pthread_t hub_thread;
    uint32_t dropped;
};

static void on_post(void *arg)
{
    struct posts *posts = arg;

    ck_assert(pthread_equal(pthread_self(), posts->hub_thread));
    if (++posts->count == POSTS)
        phub__env_real_stop(posts->world.env);
}

static void *post_many(void *arg)
{
    struct posts *posts = arg;
    struct phub_env *env = posts->world.env;

    for (int i = 0; i < POSTS; i++)
        while (env->post(env, on_post, posts) != 0)
            ;
    return NULL;
}

START_TEST(posts_of_another_thread_all_run_on_the_hubs)
{
    struct posts posts = { 0 };
    pthread_t thread;

    posts.hub_thread = pthread_self();
    world_open(&posts.world, NULL);
    ck_assert_int_eq(pthread_create(&thread, NULL, post_many, &posts), 0);
    world_run(&posts.world);
    pthread_join(thread, NULL);
    ck_assert_uint_eq(posts.count, POSTS);
    world_close(&posts.world);
}
END_TEST

START_TEST(posts_over_the_limit_are_refused)
{
    struct posts posts = { 0 };
    struct phub_env *env;

    world_open(&posts.world, NULL);
    env = posts.world.env;
    for (uint32_t i = 0; i < PHUB__POST_MAX; i++)
        ck_assert_int_eq(env->post(env, on_post, &posts), 0);
    ck_assert_int_eq(env->post(env, on_post, &posts), PHUB_EBUSY);
    world_close(&posts.world);
}
END_TEST

static void work_on_it(void *arg)
{
    struct posts *posts = arg;

    ck_assert(!pthread_equal(pthread_self(), posts->hub_thread));
    posts->count = 1;
}

static void work_done(void *arg)
{
    struct posts *posts = arg;

    ck_assert(pthread_equal(pthread_self(), posts->hub_thread));
    ck_assert_uint_eq(posts->count, 1);
    phub__env_real_stop(posts->world.env);
}

static void work_dropped(void *arg)
{
    struct posts *posts = arg;

    posts->dropped++;
}

START_TEST(work_runs_elsewhere_and_is_done_here)
{
    struct posts posts = { 0 };

    posts.hub_thread = pthread_self();
    world_open(&posts.world, NULL);
    ck_assert_int_eq(posts.world.env->work(posts.world.env, work_on_it,
                                           work_done, work_dropped, &posts),
                     0);
    world_run(&posts.world);
    world_close(&posts.world);
}
END_TEST

START_TEST(work_whose_env_is_freed_is_dropped)
{
    struct posts posts = { 0 };

    posts.hub_thread = pthread_self();
    world_open(&posts.world, NULL);
    ck_assert_int_eq(posts.world.env->work(posts.world.env, work_on_it,
                                           work_done, work_dropped, &posts),
                     0);
    world_close(&posts.world);
    ck_assert_uint_eq(posts.dropped, 1);
}
END_TEST

struct reading {
    struct world world;
    struct phub__load load;
    int64_t pids[2];
    int rc;
};

static void read_load(void *arg)
{
    struct reading *reading = arg;

    reading->rc = reading->world.env->load(reading->world.env, reading->pids,
                                           2, &reading->load);
}

static void load_is_read(void *arg)
{
    struct reading *reading = arg;

    phub__env_real_stop(reading->world.env);
}

START_TEST(the_load_is_that_of_this_machine)
{
    struct reading reading = { .pids = { getppid(), 0x7fffffff } };
    const struct phub__load *load = &reading.load;

    world_open(&reading.world, NULL);
    ck_assert_int_eq(reading.world.env->work(reading.world.env, read_load,
                                             load_is_read, load_is_read,
                                             &reading), 0);
    world_run(&reading.world);
    ck_assert_int_eq(reading.rc, 0);
    ck_assert_uint_ge(load->cpus, 1);
    ck_assert_uint_le(load->cpu_busy, load->cpu_all);
    ck_assert_uint_gt(load->cpu_all, 0);
    ck_assert_uint_gt(load->memory_bytes, load->memory_free_bytes);
    ck_assert_uint_gt(load->memory_free_bytes, 0);
    ck_assert_uint_gt(load->node_memory_bytes, 100000);
    ck_assert_uint_lt(load->node_memory_bytes, UINT64_C(1) << 50);
    ck_assert_uint_gt(load->node_cpu_ns, 0);
    world_close(&reading.world);
}
END_TEST

static uint32_t retired;
static struct world *retired_stops;

static void on_retired(void *ptr)
{
    free(ptr);
    retired++;
    if (retired_stops != NULL && retired == 1000)
        phub__env_real_stop(retired_stops->env);
}

START_TEST(what_is_retired_is_freed_after_the_readers)
{
    struct world world = { 0 };

    retired = 0;
    retired_stops = &world;
    world_open(&world, NULL);
    world.env->read_lock(world.env);
    world.env->read_unlock(world.env);
    for (int i = 0; i < 1000; i++)
        world.env->retire(world.env, malloc(8), on_retired);
    ck_assert_uint_eq(retired, 0);
    world_run(&world);
    retired_stops = NULL;
    world.env->retire(world.env, malloc(8), on_retired);
    world_close(&world);
    ck_assert_uint_eq(retired, 1001);
}
END_TEST

START_TEST(an_embedder_steps_a_borrowed_loop)
{
    uv_loop_t loop;
    struct phub__env_real_options options = { .loop = &loop };
    struct posts posts = { 0 };
    struct phub_env *env;

    posts.hub_thread = pthread_self();
    ck_assert_int_eq(uv_loop_init(&loop), 0);
    world_open(&posts.world, &options);
    env = posts.world.env;
    ck_assert_int_ge(phub__env_real_fd(env), 0);
    posts.count = POSTS - 1;
    ck_assert_int_eq(env->post(env, on_post, &posts), 0);
    while (posts.count != POSTS)
        phub__env_real_step(env);
    world_close(&posts.world);
    uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
}
END_TEST

/* --- frames -------------------------------------------------------------- */

struct peer {
    struct world world;
    char endpoint[PHUB_ENDPOINT_MAX + 1];
    struct phub__link *link;
    uint32_t received;
    uint32_t wanted;
    uint64_t bytes;
    int lost;
    struct phub_buf *last;
};

static void on_frame(void *arg, struct phub_buf *frame)
{
    struct peer *peer = arg;

    peer->received++;
    peer->bytes += frame->size;
    phub__buf_unref(&peer->last);
    peer->last = phub__buf_ref(frame);
    if (peer->received == peer->wanted)
        phub__env_real_stop(peer->world.env);
}

static void on_lost(void *arg, struct phub__link *link)
{
    struct peer *peer = arg;

    ck_assert_ptr_eq(link, peer->link);
    peer->lost++;
    phub__env_real_stop(peer->world.env);
}

static const struct phub__net_events peer_events = { on_frame, on_lost };

static void peer_listen(struct peer *peer, const char *endpoint)
{
    char error[TEXT_MAX] = "";
    struct phub_env *env = peer->world.env;

    ck_assert_msg(env->net_listen(env, endpoint, &peer_events, peer,
                                  peer->endpoint, sizeof peer->endpoint,
                                  error, sizeof error) == 0, "%s", error);
}

/* Both live on one loop, as two hubs of one process may. */
static void peers_open(struct peer *a, struct peer *b, uv_loop_t *loop,
                       const char *endpoint)
{
    struct phub__env_real_options options = { .loop = loop };

    ck_assert_int_eq(uv_loop_init(loop), 0);
    world_open(&a->world, &options);
    world_open(&b->world, &options);
    peer_listen(a, "tcp://127.0.0.1:*");
    peer_listen(b, endpoint);
    ck_assert_int_eq(a->world.env->link_open(a->world.env, b->endpoint,
                                             PHUB__LINK_CONTROL, &a->link),
                     0);
}

static void peers_close(struct peer *a, struct peer *b, uv_loop_t *loop)
{
    phub__buf_unref(&a->last);
    phub__buf_unref(&b->last);
    if (a->world.env != NULL)
        world_close(&a->world);
    if (b->world.env != NULL)
        world_close(&b->world);
    uv_run(loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(loop), 0);
}

static const char *const endpoints[] = { "tcp://127.0.0.1:*", "ipc://*",
                                         "tcp://127.0.0.1:0" };

START_TEST(frames_of_all_sizes_arrive_whole)
{
    static const size_t sizes[] = { 0, 1, 4090, 4091, 16384, 16385, 1048576,
                                    PHUB__NET_FRAME_MAX - 5 };
    struct peer a = { 0 }, b = { 0 };
    uv_loop_t loop;

    peers_open(&a, &b, &loop, endpoints[_i]);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct phub_buf *body = phub__buf_new(sizes[i]);

        memset(body->data, (int)i + 1, sizes[i]);
        b.wanted = b.received + 1;
        ck_assert_int_eq(a.world.env->link_send(a.world.env, a.link,
                                                (const uint8_t *)"head:", 5,
                                                body), 0);
        phub__buf_unref(&body);
        world_run(&b.world);
        ck_assert_uint_eq(b.last->size, sizes[i] + 5);
        ck_assert_mem_eq(b.last->data, "head:", 5);
        for (size_t at = 5; at < b.last->size; at++)
            if (b.last->data[at] != i + 1)
                ck_abort_msg("byte %zu differs", at);
    }
    peers_close(&a, &b, &loop);
}
END_TEST

#define SMALL_FRAMES 10000u

struct flood {
    struct peer *to;
    struct peer *from;
    struct phub__timer *timer;
    uint32_t sent;
};

static void send_more(void *arg)
{
    struct flood *flood = arg;
    struct phub_env *env = flood->from->world.env;
    uint8_t head[200] = { 0 };

    while (flood->sent < SMALL_FRAMES) {
        memcpy(head, &flood->sent, sizeof flood->sent);
        if (env->link_send(env, flood->from->link, head, sizeof head,
                           NULL) != 0)
            break;
        flood->sent++;
    }
    if (flood->sent < SMALL_FRAMES)
        env->timer_start(env, flood->timer, env->now_ns(env));
}

START_TEST(ten_thousand_small_frames_arrive_in_order)
{
    struct peer a = { 0 }, b = { 0 };
    struct flood flood = { .to = &b, .from = &a };
    uint32_t last;
    uv_loop_t loop;

    peers_open(&a, &b, &loop, endpoints[_i]);
    flood.timer = a.world.env->timer_new(a.world.env, send_more, &flood);
    b.wanted = SMALL_FRAMES;
    send_more(&flood);
    world_run(&b.world);
    memcpy(&last, b.last->data, sizeof last);
    ck_assert_uint_eq(last, SMALL_FRAMES - 1);
    ck_assert_uint_eq(b.bytes, SMALL_FRAMES * 200u);
    a.world.env->timer_free(a.world.env, &flood.timer);
    peers_close(&a, &b, &loop);
}
END_TEST

START_TEST(a_peer_that_goes_is_noticed_and_one_that_comes_back_is_heard)
{
    struct peer a = { 0 }, b = { 0 }, again = { 0 };
    struct phub__env_real_options options = { 0 };
    uv_loop_t loop;
    struct phub_env *env;

    peers_open(&a, &b, &loop, "tcp://127.0.0.1:*");
    env = a.world.env;
    b.wanted = 1;
    env->link_send(env, a.link, (const uint8_t *)"1", 1, NULL);
    world_run(&b.world);
    b.world.env->net_close(b.world.env);
    world_run(&a.world);
    ck_assert_int_eq(a.lost, 1);
    options.loop = &loop;
    world_open(&again.world, &options);
    peer_listen(&again, b.endpoint);
    again.wanted = 1;
    ck_assert_int_eq(env->link_send(env, a.link, (const uint8_t *)"2", 1,
                                    NULL), 0);
    world_run(&again.world);
    ck_assert_mem_eq(again.last->data, "2", 1);
    phub__buf_unref(&again.last);
    world_close(&again.world);
    peers_close(&a, &b, &loop);
}
END_TEST

START_TEST(a_full_link_is_busy_and_blocks_nobody)
{
    struct phub__env_real_options options = { .control_queue_max = 10 };
    struct phub__net_counters counters;
    struct world world = { 0 };
    struct phub__link *link;
    int rc = 0;
    int sent = 0;

    world_open(&world, &options);
    ck_assert_int_eq(world.env->link_open(world.env, "ipc:///tmp/nobody-here",
                                          PHUB__LINK_CONTROL, &link), 0);
    while (rc == 0 && sent < 100) {
        rc = world.env->link_send(world.env, link, (const uint8_t *)"x", 1,
                                  NULL);
        sent += rc == 0;
    }
    ck_assert_int_eq(rc, PHUB_EBUSY);
    ck_assert_int_eq(sent, 10);
    phub__env_real_net_counters(world.env, &counters);
    ck_assert_uint_eq(counters.sent_busy, 1);
    world.env->link_close(world.env, &link);
    ck_assert_ptr_null(link);
    world_close(&world);
}
END_TEST

START_TEST(large_bodies_waiting_on_a_link_are_bounded_in_bytes)
{
    struct world world = { 0 };
    struct phub_buf *body = phub__buf_new(1048576);
    struct phub__link *link;
    int rc = 0;
    uint32_t sent = 0;

    world_open(&world, NULL);
    memset(body->data, 0, body->size);
    ck_assert_int_eq(world.env->link_open(world.env, "ipc:///tmp/nobody-here",
                                          PHUB__LINK_CONTROL, &link), 0);
    while (rc == 0 && sent < 100) {
        rc = world.env->link_send(world.env, link, (const uint8_t *)"x", 1,
                                  body);
        sent += rc == 0;
    }
    ck_assert_int_eq(rc, PHUB_EBUSY);
    ck_assert_uint_eq(sent, PHUB__NET_LINK_BYTES_MAX / 1048576u);
    phub__buf_unref(&body);
    world_close(&world);
}
END_TEST

START_TEST(an_oversized_frame_is_refused_on_both_sides)
{
    struct peer a = { 0 }, b = { 0 };
    struct phub_buf *body = phub__buf_new(PHUB__NET_FRAME_MAX);
    uint8_t head[PHUB__NET_HEAD_MAX + 1] = { 0 };
    uv_loop_t loop;
    struct phub_env *env;

    peers_open(&a, &b, &loop, "tcp://127.0.0.1:*");
    env = a.world.env;
    ck_assert_int_eq(env->link_send(env, a.link, head, 1, body),
                     PHUB_ELIMIT);
    ck_assert_int_eq(env->link_send(env, a.link, head, sizeof head, NULL),
                     PHUB_ELIMIT);
    ck_assert_int_eq(env->link_send(env, a.link, head, sizeof head - 1,
                                    NULL), 0);
    b.wanted = 1;
    world_run(&b.world);
    ck_assert_uint_eq(b.last->size, PHUB__NET_HEAD_MAX);
    phub__buf_unref(&body);
    peers_close(&a, &b, &loop);
}
END_TEST

START_TEST(a_file_that_is_no_socket_is_not_listened_on)
{
    struct world world = { 0 };
    char actual[PHUB_ENDPOINT_MAX + 1], error[TEXT_MAX] = "";
    char endpoint[128], text[8] = "";
    FILE *file;

    dir_make(&world);
    snprintf(endpoint, sizeof endpoint, "ipc://%s/precious", world.dir);
    file = fopen(endpoint + 6, "w");
    ck_assert_ptr_nonnull(file);
    fputs("data", file);
    ck_assert_int_eq(fclose(file), 0);
    world_open(&world, NULL);
    ck_assert_int_eq(world.env->net_listen(world.env, endpoint, &peer_events,
                                           NULL, actual, sizeof actual, error,
                                           sizeof error), PHUB_EEXIST);
    ck_assert_ptr_nonnull(strstr(error, "precious"));
    file = fopen(endpoint + 6, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof text, file));
    ck_assert_str_eq(text, "data");
    fclose(file);
    world_close(&world);
    dir_remove(&world);
}
END_TEST

START_TEST(an_endpoint_that_cannot_be_had_is_an_error_with_its_name)
{
    struct world world = { 0 };
    char actual[PHUB_ENDPOINT_MAX + 1];
    char error[TEXT_MAX] = "";
    struct phub__link *link = NULL;

    world_open(&world, NULL);
    ck_assert_int_eq(world.env->net_listen(world.env, "tcp://192.0.2.1:7000",
                                           &peer_events, NULL, actual,
                                           sizeof actual, error,
                                           sizeof error), PHUB_ESYS);
    ck_assert_ptr_nonnull(strstr(error, "\"tcp://192.0.2.1:7000\""));
    ck_assert_int_eq(world.env->link_open(world.env, "smoke:signals",
                                          PHUB__LINK_CONTROL, &link),
                     PHUB_EINVAL);
    ck_assert_ptr_null(link);
    world_close(&world);
}
END_TEST

/* --- names --------------------------------------------------------------- */

struct answer {
    struct world world;
    int rc;
    uint32_t count;
    char first[PHUB_ENDPOINT_MAX + 1];
};

static void on_resolved(void *arg, const struct phub__resolved *r)
{
    struct answer *answer = arg;

    answer->rc = r->rc;
    answer->count = r->count;
    if (r->count > 0)
        snprintf(answer->first, sizeof answer->first, "%s", r->endpoints[0]);
    phub__env_real_stop(answer->world.env);
}

static void resolve(struct answer *answer, const char *what)
{
    struct phub_env *env = answer->world.env;

    ck_assert_int_eq(env->resolve(env, what, on_resolved, answer), 0);
    world_run(&answer->world);
}

START_TEST(names_and_lists_become_endpoints)
{
    struct answer answer = { 0 };
    char path[128];
    char what[160];
    FILE *file;
    struct phub_env *env;

    world_open(&answer.world, NULL);
    env = answer.world.env;
    dir_make(&answer.world);
    resolve(&answer, "tcp://10.0.0.1:7000");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.first, "tcp://10.0.0.1:7000");
    resolve(&answer, "dns:127.0.0.1:7000");
    ck_assert_int_eq(answer.rc, 0);
    ck_assert_str_eq(answer.first, "tcp://127.0.0.1:7000");
    resolve(&answer, "dns:[::1]:7000");
    ck_assert_str_eq(answer.first, "tcp://[::1]:7000");
    snprintf(path, sizeof path, "%s/seeds", answer.world.dir);
    file = fopen(path, "w");
    fputs("# ours\n tcp://10.0.0.2:1 # first\n\ntcp://10.0.0.3:1\n"
          "tcp://10.0.0.2:1\n", file);
    fclose(file);
    snprintf(what, sizeof what, "file:%s", path);
    resolve(&answer, what);
    ck_assert_uint_eq(answer.count, 2);
    ck_assert_str_eq(answer.first, "tcp://10.0.0.2:1");
    resolve(&answer, "file:/nonexistent/seeds");
    ck_assert_int_eq(answer.rc, PHUB_ENOTFOUND);
    ck_assert_int_eq(env->resolve(env, "dns:name", on_resolved, NULL),
                     PHUB_EINVAL);
    ck_assert_int_eq(env->resolve(env, "dns:name:70000", on_resolved, NULL),
                     PHUB_EINVAL);
    dir_remove(&answer.world);
    world_close(&answer.world);
}
END_TEST

/* --- descriptors --------------------------------------------------------- */

START_TEST(descriptors_are_refused_before_they_run_out)
{
    struct world world = { 0 };
    uint32_t more = 1;

    world_open(&world, NULL);
    while (more < (1u << 31) && phub__env_real_fds_spare(world.env, more))
        more *= 2;
    ck_assert_int_eq(phub__env_real_fds_spare(world.env, more), 0);
    world_close(&world);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("env_real");
    TCase *calls = tcase_create("calls");
    TCase *net = tcase_create("net");
    SRunner *runner;
    int failed;

    tcase_set_timeout(net, 120);
    tcase_add_test(calls, timers_fire_in_order_and_never_early);
    tcase_add_test(calls, deferred_calls_run_after_the_event_in_order);
    tcase_add_test(calls, what_is_deferred_before_run_is_not_slept_over);
    tcase_add_test(calls, posts_of_another_thread_all_run_on_the_hubs);
    tcase_add_test(calls, posts_over_the_limit_are_refused);
    tcase_add_test(calls, work_runs_elsewhere_and_is_done_here);
    tcase_add_test(calls, work_whose_env_is_freed_is_dropped);
    tcase_add_test(calls, the_load_is_that_of_this_machine);
    tcase_add_test(calls, what_is_retired_is_freed_after_the_readers);
    tcase_add_test(calls, an_embedder_steps_a_borrowed_loop);
    tcase_add_test(calls, descriptors_are_refused_before_they_run_out);
    tcase_add_loop_test(net, frames_of_all_sizes_arrive_whole, 0, 3);
    tcase_add_loop_test(net, ten_thousand_small_frames_arrive_in_order, 0, 2);
    tcase_add_test(net,
        a_peer_that_goes_is_noticed_and_one_that_comes_back_is_heard);
    tcase_add_test(net, a_full_link_is_busy_and_blocks_nobody);
    tcase_add_test(net,
                   large_bodies_waiting_on_a_link_are_bounded_in_bytes);
    tcase_add_test(net, an_oversized_frame_is_refused_on_both_sides);
    tcase_add_test(net,
                   an_endpoint_that_cannot_be_had_is_an_error_with_its_name);
    tcase_add_test(net,
                   a_file_that_is_no_socket_is_not_listened_on);
    tcase_add_test(net, names_and_lists_become_endpoints);
    suite_add_tcase(suite, calls);
    suite_add_tcase(suite, net);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
