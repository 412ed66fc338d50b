/* SPDX-License-Identifier: MIT */
/* embed_fixture: hubs in this process, and a behaviour that counts. */
#ifndef PHUB_TESTS_EMBED_FIXTURE_H
#define PHUB_TESTS_EMBED_FIXTURE_H

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
        /* a thread that gets no time is not a node that is lost */
        "members.lease_ms=30000", "members.suspicion_ms=30000",
        "members.suspicion_min_ms=30000",
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

static inline void hubs_make(int count, const char *migration)
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

static inline struct phub_child child(const char *id)
{
    return (struct phub_child){ .size = sizeof(struct phub_child), .id = id,
                                .behaviour = "counter" };
}

static inline struct phub_answer answer_of(const struct phub_future *future, size_t i)
{
    struct phub_answer answer = { .size = sizeof answer };

    ck_assert_int_eq(phub_future_answer(future, i, &answer), 0);
    return answer;
}

static inline void start_one(struct phub_hub *hub, const char *id)
{
    struct phub_child one = child(id);
    struct phub_future *future = NULL;
    int rc;

    ck_assert_int_eq(phub_start(hub, &one, 1, 0, 0, &future), 0);
    rc = phub_future_wait(future, WAIT_MS);
    ck_assert_msg(rc == 0, "%s: %s", id, answer_of(future, 0).text);
    phub_future_free(&future);
}

static inline int call(struct phub_hub *hub, const char *id, const char *verb)
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
static inline int finish(struct phub_future **future, int *code)
{
    int rc = phub_future_wait(*future, WAIT_MS);

    if (code != NULL)
        *code = answer_of(*future, 0).code;
    phub_future_free(future);
    return rc;
}

#endif
