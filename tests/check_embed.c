/* SPDX-License-Identifier: MIT */
/* check_embed: hubs in this process, asked from many threads; real sockets
 * on loopback, real plugins. */
#include "config.h"

#include "embed_fixture.h"

/* --- configuration ----------------------------------------------------------- */

START_TEST(a_wrong_setting_is_refused_with_what_is_allowed)
{
    const char *settings[] = { "hub.id=test", "members.settle_ms=soon",
                               "hub.nonsense=1", "justaword",
                               "distribution consistent_hash.vnodes=x" };
    struct phub_hub *hub = NULL;
    char error[1024] = "";

    ck_assert_int_eq(phub_hub_new(NULL, settings, 5, &hub, error,
                                  sizeof error), PHUB_ECONFIG);
    ck_assert_ptr_null(hub);
    ck_assert_ptr_nonnull(strstr(error, "members.settle_ms=soon"));
    ck_assert_ptr_nonnull(strstr(error, "0 to 60000"));
    ck_assert_ptr_nonnull(strstr(error, "hub.nonsense"));
    ck_assert_ptr_nonnull(strstr(error, "justaword"));
}
END_TEST

START_TEST(a_strategy_that_is_not_there_is_named)
{
    const char *settings[] = { "hub.id=test", "hub.name=a",
        "hub.listen=tcp://127.0.0.1:0", "strategies.distribution=nowhere",
        "strategies.sync=pubsub", "strategies.redundancy=singularity",
        "strategies.migration=hotswap", "strategies.partition=divergence" };
    struct phub_hub *hub = NULL;
    char error[1024] = "";

    ck_assert_int_ne(phub_hub_new(NULL, settings, 8, &hub, error,
                                  sizeof error), 0);
    ck_assert_ptr_null(hub);
    ck_assert_ptr_nonnull(strstr(error, "nowhere"));
}
END_TEST

START_TEST(an_address_in_use_fails_the_start_and_says_so)
{
    char listen[PHUB_ENDPOINT_MAX + 32];
    const char *settings[] = { "hub.id=test", "hub.name=z", listen,
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.migration=hotswap",
        "strategies.partition=divergence" };
    char error[1024] = "";

    hubs_make(1, "coldswap");
    snprintf(listen, sizeof listen, "hub.listen=%s",
             phub_hub_endpoint(hubs[0]));
    ck_assert_int_eq(phub_hub_new(NULL, settings, 8, &hubs[1], error,
                                  sizeof error), 0);
    ck_assert_int_ne(phub_hub_start(hubs[1], error, sizeof error), 0);
    ck_assert_ptr_nonnull(strstr(error, "127.0.0.1"));
    ck_assert_int_eq(phub_start(hubs[1], NULL, 0, 0, 0, NULL), PHUB_EEMPTY);
    ck_assert_int_eq(phub_send(hubs[1], "x", "", 0), PHUB_ESHUTDOWN);
    hubs_free();
}
END_TEST

START_TEST(a_start_beyond_children_max_is_refused)
{
    const char *settings[] = { "hub.id=test", "hub.name=a",
        "hub.listen=tcp://127.0.0.1:0", "limits.children_max=2",
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.migration=hotswap",
        "strategies.partition=divergence" };
    struct phub_child three[3] = { child("x"), child("y"), child("z") };
    struct phub_answer answer = { .size = sizeof answer };
    struct phub_future *future = NULL;
    char error[512] = "";

    ck_assert_int_eq(phub_hub_new(NULL, settings, 9, &hubs[0], error,
                                  sizeof error), 0);
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &counter), 0);
    ck_assert_int_eq(phub_hub_start(hubs[0], error, sizeof error), 0);
    ck_assert_int_eq(phub_start(hubs[0], three, 3, 0, WAIT_MS, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(phub_future_answer(future, 2, &answer), 0);
    ck_assert_int_eq(answer.code, PHUB_ELIMIT);
    ck_assert_uint_eq(phub_count(hubs[0]), 2);
    phub_future_free(&future);
    hubs_free();
}
END_TEST

/* And the others of the batch are started. */
START_TEST(what_cannot_be_told_to_another_node_is_named_at_once)
{
    static const char *const said[] = { "metadata 'k' of 1025 bytes",
        "a tag of 64 bytes", "metadata 'k' of 1 bytes", "an id of 1 bytes" };
    static const int codes[] = { PHUB_ELIMIT, PHUB_ELIMIT, PHUB_EINVAL,
                                 PHUB_EINVAL };
    struct phub_child two[2] = { child("x"), child("y") };
    struct phub_answer answer = { .size = sizeof answer };
    struct phub_future *future = NULL;
    char value[1026] = "", tag[65] = "";
    struct phub_pair pair = { "k", value };
    const char *tags[1] = { tag };

    memset(value, 'v', _i == 0 ? 1025 : 0);
    memset(tag, 't', 64);
    if (_i == 2)
        memcpy(value, "\377", 2);
    if (_i == 1) {
        two[0].tags = tags;
        two[0].tags_count = 1;
    } else if (_i == 3) {
        two[0].id = "\377";
    } else {
        two[0].metadata = &pair;
        two[0].metadata_count = 1;
    }
    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], two, 2, 0, 3600000, &future), 0);
    (void)phub_future_wait(future, WAIT_MS);
    ck_assert_int_eq(phub_future_answer(future, 0, &answer), 0);
    ck_assert_int_eq(answer.code, codes[_i]);
    ck_assert_ptr_nonnull(strstr(answer.text, said[_i]));
    ck_assert_int_eq(phub_future_answer(future, 1, &answer), 0);
    ck_assert_int_eq(answer.code, 0);
    phub_future_free(&future);
    hubs_free();
}
END_TEST

/* --- futures --------------------------------------------------------------- */

START_TEST(a_future_tells_where_each_child_runs)
{
    struct phub_future *future = NULL;
    struct phub_child two[2] = { child("x"), child("y") };
    struct phub_answer answer = { .size = sizeof answer };
    struct phub_place place = { .size = sizeof place };

    hubs_make(2, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], two, 2, 0, 0, &future), 0);
    ck_assert_uint_eq(phub_future_count(future), 2);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), 0);
    /* again, after completion */
    ck_assert_int_eq(phub_future_wait(future, 0), 0);
    for (size_t i = 0; i < 2; i++) {
        answer = answer_of(future, i);
        ck_assert_str_eq(answer.id, i == 0 ? "x" : "y");
        ck_assert_int_eq(answer.code, 0);
        ck_assert(answer.node == phub_hub_node(hubs[0]) ||
                  answer.node == phub_hub_node(hubs[1]));
        ck_assert_str_eq(answer.node_name,
                         answer.node == phub_hub_node(hubs[0]) ? "a" : "b");
        ck_assert_int_eq(phub_lookup(hubs[0], answer.id, &place), 0);
        ck_assert_uint_eq(place.node, answer.node);
    }
    ck_assert_int_eq(phub_future_answer(future, 2, &answer), PHUB_ENOTFOUND);
    phub_future_free(&future);
    ck_assert_ptr_null(future);
    ck_assert_uint_eq(phub_count(hubs[0]), 2);
    hubs_free();
}
END_TEST

static void *await(void *arg)
{
    return phub_future_wait(arg, WAIT_MS) == 0 ? arg : NULL;
}

START_TEST(several_threads_await_one_future)
{
    struct phub_future *future = NULL;
    struct phub_child one = child("x");
    pthread_t threads[4];
    void *result;

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, await, future);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], &result);
        ck_assert_ptr_eq(result, future);
    }
    phub_future_free(&future);
    hubs_free();
}
END_TEST

START_TEST(what_is_no_future_cannot_be_awaited)
{
    struct phub_answer answer = { .size = sizeof answer };
    struct phub_future *none = NULL, *future = NULL;
    struct phub_child one = child("x");

    ck_assert_int_eq(phub_future_wait(NULL, WAIT_MS), PHUB_EINVAL);
    ck_assert_int_eq(phub_future_finish(NULL, WAIT_MS), PHUB_EINVAL);
    ck_assert_int_eq(phub_future_finish(&none, WAIT_MS), PHUB_EINVAL);
    ck_assert_int_eq(phub_future_answer(NULL, 0, &answer), PHUB_EINVAL);
    ck_assert_uint_eq(phub_future_count(NULL), 0);
    phub_future_free(NULL);
    phub_future_free(&none);
    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_answer(future, 0, NULL), PHUB_EINVAL);
    answer.size = 1;
    ck_assert_int_eq(phub_future_answer(future, 0, &answer), PHUB_EINVAL);
    ck_assert_int_eq(phub_future_finish(&future, WAIT_MS), 0);
    ck_assert_ptr_null(future);
    hubs_free();
}
END_TEST

/* The start is held up in init until the gate opens. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;

static int gate_init(void *self, struct phub_actor *actor,
                     const void *argument, size_t size)
{
    (void)self;
    (void)actor;
    (void)argument;
    (void)size;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
    return 0;
}

START_TEST(a_wait_of_no_time_says_whether_it_is_complete)
{
    static const struct phub_behaviour gated = {
        .size = sizeof gated, .instance_size = 1, .name = "gated",
        .init = gate_init, .handle = counter_handle };
    struct phub_answer answer = { .size = sizeof answer };
    struct phub_future *future = NULL;
    struct phub_child one = child("x");
    char error[512] = "";

    ck_assert_msg(phub_hub_open("hub.id=test\nhub.listen=tcp://127.0.0.1:0\n"
                                "strategies.distribution=consistent_hash\n"
                                "strategies.redundancy=singularity\n"
                                "strategies.sync=pubsub\n"
                                "strategies.migration=hotswap\n"
                                "strategies.partition=divergence\n",
                                &gated, 1, &hubs[0], error, sizeof error)
                  == 0, "%s", error);
    one.behaviour = "gated";
    pthread_mutex_lock(&gate);
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, WAIT_MS, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, 0), PHUB_ETIMEDOUT);
    ck_assert_int_eq(phub_future_wait(future, 1), PHUB_ETIMEDOUT);
    ck_assert_uint_eq(phub_future_count(future), 1);
    ck_assert_int_eq(phub_future_answer(future, 0, &answer), PHUB_EAGAIN);
    ck_assert_int_eq(phub_future_answer(future, 1, &answer), PHUB_ENOTFOUND);
    pthread_mutex_unlock(&gate);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), 0);
    ck_assert_int_eq(phub_future_wait(future, 0), 0);
    ck_assert_int_eq(answer_of(future, 0).code, 0);
    phub_future_free(&future);
    hubs_free();
}
END_TEST

START_TEST(a_future_may_be_freed_before_it_is_complete)
{
    struct phub_future *future = NULL;
    struct phub_child one = child("x");

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    phub_future_free(&future);
    phub_future_free(&future);
    one.id = "y";
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, NULL), 0);
    start_one(hubs[0], "z"); /* behind the others */
    hubs_free();
}
END_TEST

START_TEST(a_future_of_a_freed_hub_is_answered)
{
    static struct phub_child many[500];
    static char ids[500][16];
    struct phub_future *future = NULL;
    struct phub_answer answer;
    int rc;

    hubs_make(1, "hotswap");
    for (int i = 0; i < 500; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = child(ids[i]);
    }
    ck_assert_int_eq(phub_start(hubs[0], many, 500, 0, 0, &future), 0);
    phub_hub_free(&hubs[0]);
    rc = phub_future_wait(future, 0);
    ck_assert_msg(rc == 0 || rc == PHUB_EFAILED, "%d", rc);
    answer = answer_of(future, 499);
    ck_assert(answer.code == 0 || answer.code == PHUB_ESHUTDOWN);
    phub_future_free(&future);
}
END_TEST

START_TEST(what_is_asked_wrongly_is_refused_at_once)
{
    struct phub_future *future = NULL;
    struct phub_child one = child("x");
    const char *ids[1] = { NULL };
    const char *argv[] = { "/bin/true", NULL };

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_start(hubs[0], NULL, 0, 0, 0, &future),
                     PHUB_EEMPTY);
    ck_assert_int_eq(phub_stop(hubs[0], ids, 0, 0, &future), PHUB_EEMPTY);
    ck_assert_int_eq(phub_start(hubs[0], NULL, 1, 0, 0, &future),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_start(hubs[0], &one, PHUB_BATCH_MAX + 1ul, 0, 0,
                                &future), PHUB_ELIMIT);
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 128, 0, &future),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_start(NULL, &one, 1, 0, 0, &future), PHUB_EINVAL);
    ck_assert_int_eq(phub_stop(hubs[0], ids, 1, 0, &future), PHUB_EINVAL);
    ck_assert_int_eq(phub_move(hubs[0], "x", NULL, 0, &future), PHUB_EINVAL);
    one.argv = argv;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future),
                     PHUB_EINVAL);
    one.argv = NULL;
    one.behaviour = NULL;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future),
                     PHUB_EINVAL);
    one = child(NULL);
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future),
                     PHUB_EINVAL);
    one = child("x");
    one.restart = 3;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future),
                     PHUB_EINVAL);
    one = child("x");
    one.size = 7;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future),
                     PHUB_EINVAL);
    ck_assert_ptr_null(future);
    ck_assert_uint_eq(phub_count(hubs[0]), 0);
    hubs_free();
}
END_TEST

START_TEST(an_id_of_255_bytes_is_taken_and_one_of_256_is_not)
{
    char id[257];
    struct phub_child one = child(id);
    struct phub_future *future = NULL;
    int code = 0;

    hubs_make(1, "hotswap");
    memset(id, 'x', sizeof id);
    id[255] = '\0';
    start_one(hubs[0], id);
    ck_assert_int_eq(call(hubs[0], id, "+"), 1);
    id[255] = 'x';
    id[256] = '\0';
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(answer_of(future, 0).code, PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(answer_of(future, 0).text, "256 bytes"));
    phub_future_free(&future);
    ck_assert_int_eq(phub_send(hubs[0], id, "+", 1), PHUB_EINVAL);
    id[0] = '\0';
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, &code), PHUB_EFAILED);
    ck_assert_int_eq(code, PHUB_EINVAL);
    hubs_free();
}
END_TEST

START_TEST(a_second_start_of_a_name_is_refused)
{
    struct phub_child one = child("x");
    struct phub_future *future = NULL;
    int code = 0;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_start(hubs[1], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, &code), PHUB_EFAILED);
    ck_assert_int_eq(code, PHUB_EEXIST);
    ck_assert_int_eq(call(hubs[1], "x", "+"), 1);
    hubs_free();
}
END_TEST

START_TEST(unknown_ids_and_names_are_not_found)
{
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    const char *ids[] = { "nobody" };
    char value[8];
    int code = 0;

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_lookup(hubs[0], "nobody", &place), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_lookup(hubs[0], "", &place), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "nobody", "k", value, 8),
                     PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_call(hubs[0], "nobody", "+", 1, NULL, 0, NULL,
                               WAIT_MS), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_stop(hubs[0], ids, 1, 0, &future), 0);
    ck_assert_int_eq(finish(&future, &code), PHUB_EFAILED);
    ck_assert_int_eq(code, PHUB_ENOTFOUND);
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_move(hubs[0], "x", "nowhere", 0, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(answer_of(future, 0).code, PHUB_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(answer_of(future, 0).text, "nowhere"));
    phub_future_free(&future);
    hubs_free();
}
END_TEST

START_TEST(one_failure_rolls_the_batch_back)
{
    struct phub_child three[3] = { child("x"), child("y"), child("z") };
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;

    hubs_make(2, "hotswap");
    three[1].argument = "fail";
    three[1].argument_size = 4;
    ck_assert_int_eq(phub_start(hubs[0], three, 3, PHUB_START_ROLLBACK, 0,
                                &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(answer_of(future, 0).code, PHUB_ECANCELLED);
    ck_assert_int_eq(answer_of(future, 1).code, PHUB_EREFUSED);
    ck_assert_int_eq(answer_of(future, 2).code, PHUB_ECANCELLED);
    phub_future_free(&future);
    ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_lookup(hubs[0], "z", &place), PHUB_ENOTFOUND);
    ck_assert_int_eq(atomic_load(&inits), atomic_load(&terminates));
    hubs_free();
}
END_TEST

START_TEST(a_durable_start_without_a_directory_is_no_success)
{
    struct phub_child one = child("x");
    struct phub_future *future = NULL;

    hubs_make(1, "hotswap");
    one.durable = 1;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(answer_of(future, 0).code, PHUB_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(answer_of(future, 0).text,
                                 "could not be written"));
    phub_future_free(&future);
    start_one(hubs[0], "y");
    hubs_free();
}
END_TEST

START_TEST(a_behaviour_that_nobody_has_is_named)
{
    struct phub_child one = child("x");
    struct phub_future *future = NULL;

    hubs_make(1, "hotswap");
    one.behaviour = "gone";
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(phub_future_wait(future, WAIT_MS), PHUB_EFAILED);
    ck_assert_int_eq(answer_of(future, 0).code, PHUB_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(answer_of(future, 0).text, "'gone'"));
    phub_future_free(&future);
    hubs_free();
}
END_TEST

/* --- hooks ------------------------------------------------------------------- */

static int order[4], ordered;

static void note(void *arg, const struct phub_hook_event *event)
{
    (void)event;
    if (ordered < 4)
        order[ordered++] = *(int *)arg;
}

static void add_inside(void *arg, const struct phub_hook_event *event)
{
    (void)event;
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_ended", 0, note, arg,
                                   NULL), 0);
    ck_assert_int_eq(phub_hook_cancel(hubs[0], 4711), PHUB_ENOTFOUND);
    /* these would wait for this very thread */
    ck_assert_int_eq(phub_call(hubs[0], "x", "+", 1, NULL, 0, NULL, WAIT_MS),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_stop(hubs[0], 0), PHUB_EINVAL);
}

START_TEST(hooks_run_by_priority_and_may_be_added_and_cancelled_at_any_time)
{
    const char *ids[] = { "x" };
    struct phub_future *future = NULL;
    int one = 1, two = 2, three = 3;
    uint64_t handle = 0, gone = 0;

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_hook_add(hubs[0], "no_such", 0, note, &one,
                                   &handle), PHUB_ENOTFOUND);
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_started", 1, note, &one,
                                   &handle), 0);
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_started", 9, note, &two,
                                   &handle), 0);
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_started", 5, note, &three,
                                   &gone), 0);
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_started", 0, add_inside,
                                   &three, &handle), 0);
    ck_assert_int_eq(phub_hook_cancel(hubs[0], gone), 0);
    ck_assert_int_eq(phub_hook_cancel(hubs[0], gone), PHUB_ENOTFOUND);
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_stop(hubs[0], ids, 1, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(phub_hub_stop(hubs[0], 0), 0);
    ck_assert_int_eq(ordered, 3);
    ck_assert_int_eq(order[0], 2);
    ck_assert_int_eq(order[1], 1);
    ck_assert_int_eq(order[2], 3);
    ck_assert_int_eq(phub_hook_add(hubs[0], "shutdown", 0, note, &one,
                                   &handle), PHUB_ESHUTDOWN);
    hubs_free();
}
END_TEST

START_TEST(a_behaviour_is_added_once_and_before_the_start)
{
    const char *settings[] = { "hub.id=test", "hub.name=z",
        "hub.listen=tcp://127.0.0.1:0",
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.migration=hotswap",
        "strategies.partition=divergence" };
    struct phub_behaviour bad = counter;
    char error[256];

    ck_assert_int_eq(phub_hub_new(NULL, settings, 8, &hubs[0], error,
                                  sizeof error), 0);
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &counter), 0);
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &counter), PHUB_EEXIST);
    bad.name = "bad";
    bad.get_state = NULL;
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &bad), PHUB_EINVAL);
    bad = counter;
    bad.name = "";
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &bad), PHUB_EINVAL);
    bad.name = "late";
    ck_assert_int_eq(phub_hub_wait_members(hubs[0], 1, 0), PHUB_ESHUTDOWN);
    ck_assert_int_eq(phub_hub_start(hubs[0], error, sizeof error), 0);
    ck_assert_int_eq(phub_behaviour_add(hubs[0], &bad), PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_start(hubs[0], error, sizeof error),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_hub_wait_members(hubs[0], 2, 1), PHUB_ETIMEDOUT);
    hubs_free();
    hubs_free();
}
END_TEST

/* --- many threads ------------------------------------------------------------- */

static atomic_int looking;

static void *looker(void *arg)
{
    struct phub_place place = { .size = sizeof place };
    char value[8];
    char id[8];

    (void)arg;
    for (int i = 0; atomic_load(&looking); i++) {
        snprintf(id, sizeof id, "c%d", i % 100);
        (void)phub_lookup(hubs[1], id, &place);
        (void)phub_lookup_metadata(hubs[1], id, "born", value, sizeof value);
        (void)phub_count(hubs[1]);
    }
    return NULL;
}

START_TEST(look_ups_go_on_while_children_come_and_go)
{
    static struct phub_child many[100];
    static char ids[100][16];
    const char *names[100];
    struct phub_future *future = NULL;
    pthread_t threads[2];

    hubs_make(2, "hotswap");
    for (int i = 0; i < 100; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = child(ids[i]);
        names[i] = ids[i];
    }
    atomic_store(&looking, 1);
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, looker, NULL);
    for (int i = 0; i < 5; i++) {
        ck_assert_int_eq(phub_start(hubs[0], many, 100, 0, 0, &future), 0);
        ck_assert_int_eq(finish(&future, NULL), 0);
        ck_assert_int_eq(phub_stop(hubs[0], names, 100, 0, &future), 0);
        ck_assert_int_eq(finish(&future, NULL), 0);
    }
    atomic_store(&looking, 0);
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    hubs_free();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("embed");
    TCase *tc = tcase_create("embed");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_wrong_setting_is_refused_with_what_is_allowed);
    tcase_add_test(tc, a_strategy_that_is_not_there_is_named);
    tcase_add_test(tc, a_start_beyond_children_max_is_refused);
    tcase_add_loop_test(
        tc, what_cannot_be_told_to_another_node_is_named_at_once, 0, 4);
    tcase_add_test(tc, an_address_in_use_fails_the_start_and_says_so);
    tcase_add_test(tc, a_future_tells_where_each_child_runs);
    tcase_add_test(tc, several_threads_await_one_future);
    tcase_add_test(tc, what_is_no_future_cannot_be_awaited);
    tcase_add_test(tc, a_wait_of_no_time_says_whether_it_is_complete);
    tcase_add_test(tc, a_future_may_be_freed_before_it_is_complete);
    tcase_add_test(tc, a_future_of_a_freed_hub_is_answered);
    tcase_add_test(tc, what_is_asked_wrongly_is_refused_at_once);
    tcase_add_test(tc, an_id_of_255_bytes_is_taken_and_one_of_256_is_not);
    tcase_add_test(tc, a_second_start_of_a_name_is_refused);
    tcase_add_test(tc, unknown_ids_and_names_are_not_found);
    tcase_add_test(tc, one_failure_rolls_the_batch_back);
    tcase_add_test(tc, a_durable_start_without_a_directory_is_no_success);
    tcase_add_test(tc, a_behaviour_that_nobody_has_is_named);
    tcase_add_test(
        tc, hooks_run_by_priority_and_may_be_added_and_cancelled_at_any_time);
    tcase_add_test(tc, a_behaviour_is_added_once_and_before_the_start);
    tcase_add_test(tc, look_ups_go_on_while_children_come_and_go);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
