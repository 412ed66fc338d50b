/* SPDX-License-Identifier: MIT */
/* actor_loop: an environment whose clock stands still and whose loop is run by
 * hand; only post() may come from other threads. */
#ifndef PHUB_TESTS_ACTOR_LOOP_H
#define PHUB_TESTS_ACTOR_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "env/env.h"

struct call {
    struct call *next;
    void (*fn)(void *arg);
    void *arg;
};

struct phub__timer {
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ns;           /* 0: off */
};

struct mini {
    struct phub_env env;      /* first */
    _Atomic uint64_t now;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct call *first, *last;
    struct phub__timer *timer;
    int inside;               /* a call of the runner's is going on */
};

static struct mini mini;

static uint64_t mini_now(struct phub_env *env)
{
    (void)env;
    return atomic_load(&mini.now);
}

static int mini_post(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct call *call = malloc(sizeof *call);

    (void)env;
    *call = (struct call){ NULL, fn, arg };
    pthread_mutex_lock(&mini.lock);
    if (mini.last != NULL)
        mini.last->next = call;
    else
        mini.first = call;
    mini.last = call;
    pthread_cond_signal(&mini.changed);
    pthread_mutex_unlock(&mini.lock);
    return 0;
}

static struct phub__timer *mini_timer_new(struct phub_env *env,
                                          void (*fire)(void *arg), void *arg)
{
    (void)env;
    mini.timer = calloc(1, sizeof *mini.timer);
    mini.timer->fire = fire;
    mini.timer->arg = arg;
    return mini.timer;
}

static void mini_timer_start(struct phub_env *env, struct phub__timer *timer,
                             uint64_t at_ns)
{
    (void)env;
    timer->at_ns = at_ns;
}

static void mini_timer_free(struct phub_env *env, struct phub__timer **timer)
{
    (void)env;
    free(*timer);
    *timer = mini.timer = NULL;
}

/* Run one call; wait for it if wait is set.  0: there was none. */
static int mini_one(int wait)
{
    struct call *call;

    pthread_mutex_lock(&mini.lock);
    while (wait && mini.first == NULL)
        pthread_cond_wait(&mini.changed, &mini.lock);
    call = mini.first;
    if (call != NULL) {
        mini.first = call->next;
        if (mini.first == NULL)
            mini.last = NULL;
    }
    pthread_mutex_unlock(&mini.lock);
    if (call == NULL)
        return 0;
    call->fn(call->arg);
    free(call);
    return 1;
}

static void run(void)
{
    while (mini_one(0))
        ;
}

static void pass_time(uint64_t ns)
{
    atomic_fetch_add(&mini.now, ns);
    if (mini.timer != NULL && mini.timer->at_ns != 0 &&
        mini.timer->at_ns <= atomic_load(&mini.now)) {
        mini.timer->at_ns = 0;
        mini.timer->fire(mini.timer->arg);
    }
}

static inline void mini_init(void)
{
    memset(&mini, 0, sizeof mini);
    pthread_mutex_init(&mini.lock, NULL);
    pthread_cond_init(&mini.changed, NULL);
    atomic_store(&mini.now, 1000);
    mini.env.now_ns = mini_now;
    mini.env.boot_ns = mini_now;
    mini.env.post = mini_post;
    mini.env.defer = mini_post;
    mini.env.timer_new = mini_timer_new;
    mini.env.timer_start = mini_timer_start;
    mini.env.timer_free = mini_timer_free;
}

#endif
