/* SPDX-License-Identifier: MIT */
/* check_embed: hubs in this process, asked from many threads; real sockets
 * on loopback, real plugins. */
#include "config.h"

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/phub.h>

#define WAIT_MS 20000u

static struct phub_hub *hubs[3];

/* --- behaviours ------------------------------------------------------------ */

/* "+" counts, "?" asks, "!" ends badly, "." ends well, "#" is not answered;
 * each but the last answers the count. */
struct counter {
    int count;
    char name[32];
};

static atomic_int inits, terminates, states_got, states_set;

static int counter_init(void *self, struct phub_actor *actor,
                        const void *argument, size_t size)
{
    struct counter *counter = self;

    ck_assert_str_ne(phub_actor_id(actor), "");
    if (size == 4 && memcmp(argument, "fail", 4) == 0)
        return PHUB_EREFUSED;
    if (size != 0 && size < sizeof counter->name)
        memcpy(counter->name, argument, size);
    atomic_fetch_add(&inits, 1);
    ck_assert_int_eq(phub_actor_publish(actor, "born", "yes"), 0);
    return 0;
}

static void counter_handle(void *self, struct phub_actor *actor,
                           const void *data, size_t size)
{
    struct counter *counter = self;
    char verb = size != 0 ? *(const char *)data : '?';

    if (verb == '#')
        return;
    if (verb == '+')
        counter->count++;
    if (verb == 'n')
        phub_actor_reply(actor, counter->name, strlen(counter->name));
    else
        phub_actor_reply(actor, &counter->count, sizeof counter->count);
    if (verb == '!')
        phub_actor_exit(actor, 3);
    if (verb == '.')
        phub_actor_exit(actor, 0);
}

static int counter_get(void *self, struct phub_actor *actor)
{
    atomic_fetch_add(&states_got, 1);
    return phub_actor_put_state(actor, self, sizeof(struct counter));
}

static int counter_set(void *self, struct phub_actor *actor, const void *state,
                       size_t size)
{
    (void)actor;
    if (size != sizeof(struct counter))
        return PHUB_EPROTO;
    memcpy(self, state, size);
    atomic_fetch_add(&states_set, 1);
    return 0;
}

static void counter_terminate(void *self, struct phub_actor *actor)
{
    (void)self;
    (void)actor;
    atomic_fetch_add(&terminates, 1);
}

static const struct phub_behaviour counter = {
    .size = sizeof counter, .instance_size = sizeof(struct counter),
    .name = "counter", .init = counter_init, .handle = counter_handle,
    .get_state = counter_get, .set_state = counter_set,
    .terminate = counter_terminate
};

/* --- fixture --------------------------------------------------------------- */

static void hub_make(int i, const char *migration)
{
    char name[32], move[64], seeds[PHUB_ENDPOINT_MAX + 32] = "hub.seeds=";
    const char *settings[] = { "hub.id=test", name, seeds, move,
        "hub.listen=tcp://127.0.0.1:0", "members.settle_ms=20",
        "strategies.distribution=consistent_hash", "strategies.sync=pubsub",
        "strategies.redundancy=singularity", "strategies.partition=divergence",
        "hub.log_level=error" };
    char error[512] = "";
    int rc;

    snprintf(name, sizeof name, "hub.name=%c", 'a' + i);
    snprintf(move, sizeof move, "strategies.migration=%s", migration);
    if (i > 0)
        snprintf(seeds, sizeof seeds, "hub.seeds=%s",
                 phub_hub_endpoint(hubs[0]));
    rc = phub_hub_new(NULL, settings, sizeof settings / sizeof settings[0],
                      &hubs[i], error, sizeof error);
    ck_assert_msg(rc == 0, "%d: %s", rc, error);
    ck_assert_int_eq(phub_behaviour_add(hubs[i], &counter), 0);
    rc = phub_hub_start(hubs[i], error, sizeof error);
    ck_assert_msg(rc == 0, "%d: %s", rc, error);
}

static void hubs_make(int count, const char *migration)
{
    int i;

    for (i = 0; i < count; i++)
        hub_make(i, migration);
    for (i = 0; i < count; i++)
        ck_assert_int_eq(phub_hub_wait_members(hubs[i], (uint32_t)count,
                                               WAIT_MS), 0);
}

static void hubs_free(void)
{
    int i;

    for (i = 0; i < 3; i++)
        phub_hub_free(&hubs[i]);
}

static struct phub_child child(const char *id)
{
    return (struct phub_child){ .size = sizeof(struct phub_child), .id = id,
                                .behaviour = "counter" };
}

static struct phub_answer answer_of(const struct phub_future *future, size_t i)
{
    struct phub_answer answer = { .size = sizeof answer };

    ck_assert_int_eq(phub_future_answer(future, i, &answer), 0);
    return answer;
}

static void start_one(struct phub_hub *hub, const char *id)
{
    struct phub_child one = child(id);
    struct phub_future *future = NULL;
    int rc;

    ck_assert_int_eq(phub_start(hub, &one, 1, 0, 0, &future), 0);
    rc = phub_future_wait(future, WAIT_MS);
    ck_assert_msg(rc == 0, "%s: %s", id, answer_of(future, 0).text);
    phub_future_free(&future);
}

static int call(struct phub_hub *hub, const char *id, const char *verb)
{
    size_t size = 0;
    int count = -1;
    int rc = phub_call(hub, id, verb, strlen(verb), &count, sizeof count,
                       &size, WAIT_MS);

    ck_assert_msg(rc == 0, "%s %s: %s", id, verb, phub_strerror(rc));
    ck_assert_uint_eq(size, sizeof count);
    return count;
}

/* Wait for the future, free it, give its result and its first code. */
static int finish(struct phub_future **future, int *code)
{
    int rc = phub_future_wait(*future, WAIT_MS);

    if (code != NULL)
        *code = answer_of(*future, 0).code;
    phub_future_free(future);
    return rc;
}

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
    static char ids[500][8];
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

/* --- actors ------------------------------------------------------------------ */

START_TEST(a_call_reaches_an_actor_on_another_node)
{
    char id[16], name[16] = "";
    struct phub_child one = child(id);
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    size_t size = 0;
    int far = 0;

    hubs_make(2, "hotswap");
    one.argument = "william";
    one.argument_size = 7;
    for (int i = 0; i < 16; i++) {
        snprintf(id, sizeof id, "x%d", i);
        ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
        ck_assert_int_eq(finish(&future, NULL), 0);
        ck_assert_int_eq(phub_lookup(hubs[0], id, &place), 0);
        ck_assert_uint_eq(place.state, 2); /* running */
        far += place.node == phub_hub_node(hubs[1]);
        ck_assert_int_eq(call(hubs[0], id, "+"), 1);
        ck_assert_int_eq(call(hubs[1], id, "+"), 2);
        ck_assert_int_eq(phub_call(hubs[0], id, "n", 1, name, 4, &size,
                                   WAIT_MS), 0);
        ck_assert_uint_eq(size, 7);
        ck_assert_mem_eq(name, "will", 5); /* cut at reply_max */
    }
    ck_assert_int_gt(far, 0);
    ck_assert_int_lt(far, 16);
    hubs_free();
}
END_TEST

START_TEST(what_is_sent_arrives_in_order_and_before_a_later_call)
{
    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    for (int i = 0; i < 300; i++)
        ck_assert_int_eq(phub_send(hubs[0], "x", "+", 1), 0);
    ck_assert_int_eq(call(hubs[0], "x", "?"), 300);
    ck_assert_int_eq(phub_send(hubs[0], "x", "", PHUB_MESSAGE_SIZE_MAX + 1ul),
                     PHUB_ELIMIT);
    hubs_free();
}
END_TEST

START_TEST(a_call_that_is_not_answered_fails_and_does_not_wait)
{
    hubs_make(1, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_call(hubs[0], "x", "#", 1, NULL, 0, NULL, WAIT_MS),
                     PHUB_EFAILED);
    hubs_free();
}
END_TEST

START_TEST(metadata_of_row_and_instance_are_found)
{
    const struct phub_pair pairs[] = { { "colour", "red" }, { "born", "no" } };
    const char *tags[] = { "t1", "t2" };
    struct phub_child one = child("x");
    struct phub_future *future = NULL;
    char value[8];

    hubs_make(2, "hotswap");
    one.metadata = pairs;
    one.metadata_count = 2;
    one.tags = tags;
    one.tags_count = 2;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "colour", value, 4),
                     0);
    ck_assert_str_eq(value, "red");
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "colour", value, 3),
                     PHUB_ELIMIT);
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "shape", value, 8),
                     PHUB_ENOTFOUND);
    /* what the instance publishes is newer */
    ck_assert_int_eq(phub_lookup_metadata(hubs[0], "x", "born", value, 8), 0);
    ck_assert_str_eq(value, "yes");
    hubs_free();
}
END_TEST

struct seen {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int started, ended, failed, moved;
};

static struct seen seen = { .lock = PTHREAD_MUTEX_INITIALIZER,
                            .changed = PTHREAD_COND_INITIALIZER };

static void on_event(void *arg, const struct phub_hook_event *event)
{
    (void)arg;
    pthread_mutex_lock(&seen.lock);
    seen.started += event->hook == PHUB_HOOK_child_started;
    seen.ended += event->hook == PHUB_HOOK_child_ended;
    seen.failed += event->hook == PHUB_HOOK_child_failed;
    seen.moved += event->hook == PHUB_HOOK_migration_completed;
    pthread_cond_broadcast(&seen.changed);
    pthread_mutex_unlock(&seen.lock);
}

static void wait_for(const int *what, int count)
{
    pthread_mutex_lock(&seen.lock);
    while (*what < count)
        pthread_cond_wait(&seen.changed, &seen.lock);
    pthread_mutex_unlock(&seen.lock);
}

START_TEST(an_actor_that_ends_badly_is_started_again)
{
    struct phub_place place = { .size = sizeof place };

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_hook_add(hubs[0], "*", 0, on_event, NULL, NULL), 0);
    start_one(hubs[0], "x");
    ck_assert_int_eq(call(hubs[0], "x", "+"), 1);
    ck_assert_int_eq(call(hubs[0], "x", "!"), 1);
    wait_for(&seen.started, 2);
    ck_assert_int_eq(call(hubs[0], "x", "?"), 0);
    ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
    ck_assert_uint_eq(place.restarts, 1);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), 2);
    ck_assert_int_eq(atomic_load(&terminates), 2);
}
END_TEST

START_TEST(a_transient_actor_that_ends_well_is_over)
{
    struct phub_child one = child("x");
    struct phub_future *future = NULL;

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_hook_add(hubs[0], "child_ended", 0, on_event, NULL,
                                   NULL), 0);
    one.restart = PHUB_RESTART_TRANSIENT;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(call(hubs[0], "x", "."), 0);
    wait_for(&seen.ended, 1);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), 1);
}
END_TEST

START_TEST(a_stopped_actor_is_terminated_and_gone)
{
    const char *ids[] = { "x" };
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    ck_assert_int_eq(phub_stop(hubs[1], ids, 1, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(atomic_load(&terminates), 1);
    ck_assert_int_eq(phub_lookup(hubs[1], "x", &place), PHUB_ENOTFOUND);
    ck_assert_uint_eq(phub_count(hubs[1]), 0);
    start_one(hubs[1], "x"); /* a new incarnation */
    hubs_free();
}
END_TEST

/* --- moves ------------------------------------------------------------------- */

static const char *const migrations[] = { "hotswap", "coldswap" };

START_TEST(an_actor_moves_with_its_state)
{
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    const char *there;
    int rc;

    hubs_make(2, migrations[_i]);
    start_one(hubs[0], "x");
    for (int i = 1; i <= 6; i++) {
        ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
        there = place.node == phub_hub_node(hubs[0]) ? "b" : "a";
        ck_assert_int_eq(call(hubs[0], "x", "+"), i);
        ck_assert_int_eq(phub_move(hubs[1], "x", there, 0, &future), 0);
        rc = phub_future_wait(future, WAIT_MS);
        ck_assert_msg(rc == 0, "%s", answer_of(future, 0).text);
        phub_future_free(&future);
        ck_assert_int_eq(call(hubs[1], "x", "?"), i);
    }
    ck_assert_int_eq(atomic_load(&states_got), 6);
    ck_assert_int_eq(atomic_load(&states_set), 6);
    hubs_free();
    ck_assert_int_eq(atomic_load(&inits), atomic_load(&terminates));
}
END_TEST

START_TEST(a_hub_that_stops_gives_its_actors_to_the_other)
{
    static struct phub_child many[200];
    static char ids[200][8];
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    int of_b = 0;

    hubs_make(2, migrations[_i]);
    for (int i = 0; i < 200; i++) {
        snprintf(ids[i], sizeof ids[i], "c%d", i);
        many[i] = child(ids[i]);
    }
    ck_assert_int_eq(phub_start(hubs[0], many, 200, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(call(hubs[0], ids[i], "+"), 1);
        ck_assert_int_eq(phub_lookup(hubs[0], ids[i], &place), 0);
        of_b += place.node == phub_hub_node(hubs[1]);
    }
    ck_assert_int_gt(of_b, 0);
    ck_assert_int_eq(phub_hub_stop(hubs[1], WAIT_MS), 0);
    ck_assert_int_eq(phub_hub_wait_members(hubs[0], 1, WAIT_MS), 0);
    for (int i = 0; i < 200; i++) {
        ck_assert_int_eq(call(hubs[0], ids[i], "+"), 2);
        ck_assert_int_eq(phub_lookup(hubs[0], ids[i], &place), 0);
        ck_assert_uint_eq(place.node, phub_hub_node(hubs[0]));
    }
    ck_assert_int_eq(atomic_load(&states_set), of_b);
    /* the stopped one still answers look-ups, and refuses the rest */
    ck_assert_int_eq(phub_lookup(hubs[1], ids[0], &place), 0);
    ck_assert_int_eq(phub_send(hubs[1], ids[0], "+", 1), PHUB_ESHUTDOWN);
    ck_assert_int_eq(phub_start(hubs[1], many, 1, 0, 0, NULL),
                     PHUB_ESHUTDOWN);
    ck_assert_int_eq(phub_hub_stop(hubs[1], 0), 0);
    hubs_free();
}
END_TEST

static void *sender(void *arg)
{
    atomic_int *left = arg;
    intptr_t acked = 0;

    while (atomic_fetch_sub(left, 1) > 0) {
        int rc = phub_call(hubs[0], "x", "+", 1, NULL, 0, NULL, WAIT_MS);

        ck_assert_msg(rc == 0, "%s", phub_strerror(rc));
        acked++;
    }
    return (void *)acked;
}

START_TEST(no_acknowledged_call_is_lost_while_an_actor_moves)
{
    atomic_int left = 2000;
    struct phub_place place = { .size = sizeof place };
    struct phub_future *future = NULL;
    const char *there;
    pthread_t threads[2];
    void *acked;
    intptr_t sum = 0;

    hubs_make(2, "hotswap");
    start_one(hubs[0], "x");
    for (int i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, sender, &left);
    for (int moves = 0; moves < 8; moves++) {
        int rc;

        ck_assert_int_eq(phub_lookup(hubs[0], "x", &place), 0);
        there = place.node == phub_hub_node(hubs[0]) ? "b" : "a";
        ck_assert_int_eq(phub_move(hubs[0], "x", there, 0, &future), 0);
        rc = phub_future_wait(future, WAIT_MS);
        ck_assert_msg(rc == 0, "%s", answer_of(future, 0).text);
        phub_future_free(&future);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], &acked);
        sum += (intptr_t)acked;
    }
    ck_assert_int_eq(call(hubs[0], "x", "?"), (int)sum);
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
    static char ids[100][8];
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

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_wrong_setting_is_refused_with_what_is_allowed);
    tcase_add_test(tc, a_strategy_that_is_not_there_is_named);
    tcase_add_test(tc, an_address_in_use_fails_the_start_and_says_so);
    tcase_add_test(tc, a_future_tells_where_each_child_runs);
    tcase_add_test(tc, several_threads_await_one_future);
    tcase_add_test(tc, a_future_may_be_freed_before_it_is_complete);
    tcase_add_test(tc, a_future_of_a_freed_hub_is_answered);
    tcase_add_test(tc, what_is_asked_wrongly_is_refused_at_once);
    tcase_add_test(tc, an_id_of_255_bytes_is_taken_and_one_of_256_is_not);
    tcase_add_test(tc, a_second_start_of_a_name_is_refused);
    tcase_add_test(tc, unknown_ids_and_names_are_not_found);
    tcase_add_test(tc, one_failure_rolls_the_batch_back);
    tcase_add_test(tc, a_behaviour_that_nobody_has_is_named);
    tcase_add_test(tc, a_call_reaches_an_actor_on_another_node);
    tcase_add_test(tc, what_is_sent_arrives_in_order_and_before_a_later_call);
    tcase_add_test(tc, a_call_that_is_not_answered_fails_and_does_not_wait);
    tcase_add_test(tc, metadata_of_row_and_instance_are_found);
    tcase_add_test(tc, an_actor_that_ends_badly_is_started_again);
    tcase_add_test(tc, a_transient_actor_that_ends_well_is_over);
    tcase_add_test(tc, a_stopped_actor_is_terminated_and_gone);
    tcase_add_loop_test(tc, an_actor_moves_with_its_state, 0, 2);
    tcase_add_loop_test(tc, a_hub_that_stops_gives_its_actors_to_the_other, 0,
                        2);
    tcase_add_test(tc, no_acknowledged_call_is_lost_while_an_actor_moves);
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
