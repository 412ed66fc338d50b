/* SPDX-License-Identifier: MIT */
/* loop: timers, deferred and posted calls, and work of the real environment.
 *
 * libuv turns like this: timers, idle, prepare, poll, check, closing.  What an
 * event defers runs right after that event (turn_end); what is deferred
 * outside of an event, by an embedder or before run, runs in prepare, so the
 * loop never sleeps over a call that waits.  A turn runs at most
 * TURN_CALLS_MAX of them; with more the idle handle keeps the loop awake.
 *
 * A timer of libuv counts milliseconds on a clock that is cached per turn.  A
 * timer that comes early by that is started again for the rest, so that fire
 * never sees now_ns() before the time asked for. */
#include "config.h"


#include <string.h>

#include <phub/error.h>

#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define TURN_CALLS_MAX 4096u
#define NS_PER_MS 1000000u

struct phub__timer {
    uv_timer_t uv;
    struct phub__env_real *real;
    void (*fire)(void *arg);
    void *arg;
    uint64_t at_ns;
};

/* --- rings of calls ------------------------------------------------------ */

static int calls_push(struct phub__real_calls *calls, uint32_t max,
                      void (*fn)(void *arg), void *arg)
{
    if (calls->count >= max)
        return PHUB_EBUSY;
    if (calls->count == calls->size) {
        uint32_t size = calls->size > 0 ? calls->size * 2 : 64;
        struct phub__real_call *ring = phub__malloc(size * sizeof *ring);

        if (ring == NULL)
            return PHUB_ENOMEM;
        for (uint32_t i = 0; i < calls->count; i++)
            ring[i] = calls->ring[(calls->first + i) % calls->size];
        phub__free(calls->ring);
        calls->ring = ring;
        calls->size = size;
        calls->first = 0;
    }
    calls->ring[(calls->first + calls->count) % calls->size] =
        (struct phub__real_call){ fn, arg };
    calls->count++;
    return 0;
}

static struct phub__real_call calls_pop(struct phub__real_calls *calls)
{
    struct phub__real_call call;

    phub__assert(calls->count > 0);
    call = calls->ring[calls->first];
    calls->first = (calls->first + 1) % calls->size;
    calls->count--;
    return call;
}

/* --- deferred ------------------------------------------------------------ */

static void on_idle(uv_idle_t *idle)
{
    uv_idle_stop(idle);
}

void phub__real_awake(struct phub__env_real *real)
{
    if (!real->freed)
        uv_idle_start(&real->idle, on_idle);
}

void phub__real_turn_end(struct phub__env_real *real)
{
    struct phub__real_loop *turn = &real->turn;
    uint32_t left = TURN_CALLS_MAX;

    if (turn->draining)
        return;
    turn->draining = true;
    while (turn->deferred.count > 0 && left > 0) {
        struct phub__real_call call = calls_pop(&turn->deferred);

        call.fn(call.arg);
        left--;
    }
    turn->draining = false;
    if (turn->deferred.count > 0)
        phub__real_awake(real);
    phub__real_reclaim_flush(real);
}

static int defer(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct phub__env_real *real = phub__real_of(env);

    return calls_push(&real->turn.deferred, PHUB__DEFER_MAX, fn, arg);
}

/* --- posted -------------------------------------------------------------- */

static int post(struct phub_env *env, void (*fn)(void *arg), void *arg)
{
    struct phub__env_real *real = phub__real_of(env);
    int rc;

    uv_mutex_lock(&real->turn.lock);
    rc = calls_push(&real->turn.posted, PHUB__POST_MAX, fn, arg);
    uv_mutex_unlock(&real->turn.lock);
    if (rc == 0)
        uv_async_send(&real->async);
    return rc;
}

static bool posted_pop(struct phub__env_real *real,
                       struct phub__real_call *call)
{
    bool some;

    uv_mutex_lock(&real->turn.lock);
    some = real->turn.posted.count > 0;
    if (some)
        *call = calls_pop(&real->turn.posted);
    uv_mutex_unlock(&real->turn.lock);
    return some;
}

static void on_async(uv_async_t *async)
{
    struct phub__env_real *real = async->data;
    struct phub__real_call call;
    uint32_t left = TURN_CALLS_MAX;

    /* One wake-up stands for many posts. */
    while (!real->freed && posted_pop(real, &call)) {
        call.fn(call.arg);
        phub__real_turn_end(real);
        if (--left == 0) {
            uv_async_send(async);
            break;
        }
    }
}

/* --- timers -------------------------------------------------------------- */

static void on_timer(uv_timer_t *uv);

static void timer_arm(struct phub__timer *timer)
{
    uint64_t at_ms = timer->at_ns / NS_PER_MS + 1;
    uint64_t now_ms;

    uv_update_time(timer->real->loop);
    now_ms = uv_now(timer->real->loop);
    uv_timer_start(&timer->uv, on_timer, at_ms > now_ms ? at_ms - now_ms : 0,
                   0);
}

static void on_timer(uv_timer_t *uv)
{
    struct phub__timer *timer = uv->data;
    struct phub__env_real *real = timer->real;

    if (real->env.now_ns(&real->env) < timer->at_ns) {
        timer_arm(timer);
        return;
    }
    timer->fire(timer->arg); /* may free the timer */
    phub__real_turn_end(real);
}

static struct phub__timer *timer_new(struct phub_env *env,
                                     void (*fire)(void *arg), void *arg)
{
    struct phub__env_real *real = phub__real_of(env);
    struct phub__timer *timer = phub__calloc(1, sizeof *timer);

    phub__assert(fire != NULL);
    if (timer == NULL)
        return NULL;
    timer->real = real;
    timer->fire = fire;
    timer->arg = arg;
    uv_timer_init(real->loop, &timer->uv);
    timer->uv.data = timer;
    real->handles++;
    return timer;
}

static void timer_start(struct phub_env *env, struct phub__timer *timer,
                        uint64_t at_ns)
{
    (void)env;
    timer->at_ns = at_ns;
    timer_arm(timer);
}

static void timer_stop(struct phub_env *env, struct phub__timer *timer)
{
    (void)env;
    uv_timer_stop(&timer->uv);
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct phub__timer *timer = handle->data;
    struct phub__env_real *real = timer->real;

    phub__free(timer);
    phub__real_closed(real);
}

static void timer_free(struct phub_env *env, struct phub__timer **timer)
{
    if (*timer == NULL)
        return;
    phub__real_close(phub__real_of(env), (uv_handle_t *)&(*timer)->uv,
                     on_timer_closed);
    *timer = NULL;
}

/* --- work ---------------------------------------------------------------- */

struct work {
    uv_work_t uv;
    struct phub__env_real *real;
    void (*work)(void *arg);
    void (*done)(void *arg);
    void (*drop)(void *arg);
    void *arg;
};

static void on_work(uv_work_t *uv)
{
    struct work *work = uv->data;

    work->work(work->arg);
}

static void on_work_done(uv_work_t *uv, int status)
{
    struct work *work = uv->data;
    struct phub__env_real *real = work->real;

    (void)status;
    real->turn.work_count--;
    if (!real->freed) {
        work->done(work->arg);
        phub__real_turn_end(real);
    } else {
        work->drop(work->arg);
    }
    phub__free(work);
    phub__real_request_end(real);
}

static int work_start(struct phub_env *env, void (*fn)(void *arg),
                      void (*done)(void *arg), void (*drop)(void *arg),
                      void *arg)
{
    struct phub__env_real *real = phub__real_of(env);
    struct work *work;

    if (real->turn.work_count >= PHUB__WORK_MAX)
        return PHUB_EBUSY;
    work = phub__malloc(sizeof *work);
    if (work == NULL)
        return PHUB_ENOMEM;
    *work = (struct work){ .real = real, .work = fn, .done = done,
                           .drop = drop, .arg = arg };
    work->uv.data = work;
    if (uv_queue_work(real->loop, &work->uv, on_work, on_work_done) != 0) {
        phub__free(work);
        return PHUB_ESYS;
    }
    real->turn.work_count++;
    real->requests++;
    return 0;
}

/* --- the turn itself ----------------------------------------------------- */

static void on_prepare(uv_prepare_t *prepare)
{
    struct phub__env_real *real = prepare->data;

    phub__real_turn_end(real);
    phub__real_reclaim_prepare(real);
    phub__real_net_prepare(real);
}

static void on_check(uv_check_t *check)
{
    struct phub__env_real *real = check->data;

    phub__real_net_check(real);
    phub__real_turn_end(real);
}

int phub__real_loop_init(struct phub__env_real *real)
{
    struct phub_env *env = &real->env;

    if (uv_mutex_init(&real->turn.lock) != 0)
        return PHUB_ENOMEM;
    if (uv_async_init(real->loop, &real->async, on_async) != 0) {
        uv_mutex_destroy(&real->turn.lock);
        return PHUB_ESYS;
    }
    uv_prepare_init(real->loop, &real->prepare);
    uv_check_init(real->loop, &real->check);
    uv_idle_init(real->loop, &real->idle);
    real->async.data = real;
    real->prepare.data = real;
    real->check.data = real;
    real->idle.data = real;
    real->handles += 4;
    uv_prepare_start(&real->prepare, on_prepare);
    uv_check_start(&real->check, on_check);
    env->timer_new = timer_new;
    env->timer_start = timer_start;
    env->timer_stop = timer_stop;
    env->timer_free = timer_free;
    env->defer = defer;
    env->post = post;
    env->work = work_start;
    return 0;
}

static void on_closed(uv_handle_t *handle)
{
    phub__real_closed(handle->data);
}

void phub__real_loop_stop(struct phub__env_real *real)
{
    phub__real_close(real, (uv_handle_t *)&real->async, on_closed);
    phub__real_close(real, (uv_handle_t *)&real->prepare, on_closed);
    phub__real_close(real, (uv_handle_t *)&real->check, on_closed);
    phub__real_close(real, (uv_handle_t *)&real->idle, on_closed);
}

void phub__real_loop_fini(struct phub__env_real *real)
{
    phub__free(real->turn.deferred.ring);
    phub__free(real->turn.posted.ring);
    uv_mutex_destroy(&real->turn.lock);
}
