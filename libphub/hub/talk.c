/* SPDX-License-Identifier: MIT */
/* talk: send to a child, and call it, from any thread.
 *
 * A message that cannot go now, because its way is full or its home is being
 * decided, is parked and tried again, in order per child: one child that
 * cannot be reached never delays another (promise 10).  At most LETTERS_MAX are
 * asked or parked; beyond, send says so, and what it has taken has a place.  A
 * message that finds no way for PARKED_AGE_MS is counted as dropped.
 * A call is not parked: its caller asks again until its time is up. */
#include "config.h"

#include <string.h>
#include <time.h>

#include <phub/error.h>

#include "hub/embed.h"
#include "hub/message.h"
#include "wire/memory.h"

#define LETTERS_MAX 16384u   /* taken and not sent; PHUB_EBUSY */
#define PARKED_AGE_MS 10000u
#define PARKED_RETRY_MS 5u
#define LANES 1024u          /* children that wait, by hash */
#define ROUND_TRIES 1024u    /* children in a round, */
#define ROUND_OF_CHILD 64u   /* and letters of each */
#define AGAIN_MS 10u
#define TIMEOUT_DEFAULT_MS 10000u
#define NS_PER_MS 1000000ull

struct letter {
    struct phub__ask ask;
    struct letter *next;      /* of the same child */
    struct letter *last, *chain; /* of the first: its last, the next child */
    uint64_t born_ns;
    uint32_t lane;
    struct phub_bytes id, data;
    uint8_t bytes[];
};

struct phub__parked {
    atomic_uint count;        /* letters there are, parked or not yet */
    struct letter *lanes[LANES]; /* parked: the first of each child */
    uint32_t waits;           /* there are some */
    uint32_t from;            /* the lane whose turn it is */
    struct phub__timer *timer;
};

static int valid(const struct phub_hub *hub)
{
    return hub != NULL && hub->magic == PHUB__EMBED_MAGIC;
}

/* Full, not decided, not heard of yet: it may go later. */
static int passing(int rc)
{
    return rc == PHUB_EBUSY || rc == PHUB_EAGAIN || rc == PHUB_ENOTFOUND ||
           rc == PHUB_ENODEDOWN;
}

static int try(struct phub_hub *hub, struct letter *letter)
{
    return phub__mail_send(hub->hub, letter->id, letter->data, 0, NULL, NULL);
}

static void letter_free(struct phub_hub *hub, struct letter *letter)
{
    atomic_fetch_sub(&hub->parked->count, 1);
    phub__free(letter);
}

/* --- the park -------------------------------------------------------------------- */

/* What waits for the child of the letter; in *lane's chain. */
static struct letter **find(struct phub__parked *parked,
                            const struct letter *letter)
{
    struct letter **p = &parked->lanes[letter->lane];

    while (*p != NULL && ((*p)->id.size != letter->id.size ||
                          memcmp((*p)->id.data, letter->id.data,
                                 letter->id.size) != 0))
        p = &(*p)->chain;
    return p;
}

/* Send what can go of one child's; gives what is first then. */
static struct letter *send_some(struct phub_hub *hub, struct letter *first,
                                uint64_t now)
{
    struct letter *letter = first, *last = first->last, *next;
    struct letter *chain = first->chain;
    uint32_t left = ROUND_OF_CHILD;

    while (letter != NULL) {
        int old = now - letter->born_ns >= PARKED_AGE_MS * NS_PER_MS;
        int rc = left == 0 ? PHUB_EAGAIN : try(hub, letter);

        if (left == 0 || (passing(rc) && !old)) {
            letter->last = last;
            letter->chain = chain;
            return letter;
        }
        if (rc != 0)
            hub->hub->counters.messages_dropped++;
        next = letter->next;
        letter_free(hub, letter);
        letter = next;
        left--;
    }
    return NULL;
}

static void round_fired(void *arg)
{
    struct phub_hub *hub = arg;
    struct phub__parked *parked = hub->parked;
    struct phub_env *env = hub->env;
    uint64_t now = env->now_ns(env);
    uint32_t i, tried = 0, waits = 0;

    for (i = 0; i < LANES && tried < ROUND_TRIES; i++) {
        struct letter **p = &parked->lanes[(parked->from + i) % LANES];

        while (*p != NULL) {
            struct letter *chain = (*p)->chain;

            tried++;
            *p = send_some(hub, *p, now);
            if (*p == NULL) {
                *p = chain;
                continue;
            }
            p = &(*p)->chain;
            waits = 1;
        }
    }
    parked->waits = waits || i < LANES;
    /* Who was not reached is first in the next; else it is another's turn. */
    parked->from = (parked->from + (i < LANES ? i : 1)) % LANES;
    if (parked->waits)
        env->timer_start(env, parked->timer,
                         env->now_ns(env) + PARKED_RETRY_MS * NS_PER_MS);
}

static void park(struct phub_hub *hub, struct letter *letter)
{
    struct phub__parked *parked = hub->parked;
    struct phub_env *env = hub->env;
    struct letter **p = find(parked, letter);

    letter->next = letter->chain = NULL;
    letter->born_ns = env->now_ns(env);
    if (*p != NULL) {
        (*p)->last->next = letter;
        (*p)->last = letter;
    } else {
        letter->last = letter;
        *p = letter;
    }
    if (!parked->waits)
        env->timer_start(env, parked->timer,
                         letter->born_ns + PARKED_RETRY_MS * NS_PER_MS);
    parked->waits = 1;
}

int phub__parked_new(struct phub_hub *hub)
{
    struct phub__parked *parked = phub__calloc(1, sizeof *parked);

    if (parked == NULL)
        return PHUB_ENOMEM;
    hub->parked = parked;
    parked->timer = hub->env->timer_new(hub->env, round_fired, hub);
    return parked->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__parked_free(struct phub_hub *hub)
{
    struct phub__parked *parked = hub->parked;
    struct letter *letter;
    uint32_t i;

    if (parked == NULL)
        return;
    for (i = 0; i < LANES; i++)
        while ((letter = parked->lanes[i]) != NULL) {
            parked->lanes[i] = letter->next != NULL ? letter->next
                                                    : letter->chain;
            if (letter->next != NULL)
                letter->next->chain = letter->chain;
            phub__free(letter);
        }
    if (parked->timer != NULL)
        hub->env->timer_free(hub->env, &parked->timer);
    phub__free(parked);
    hub->parked = NULL;
}

/* --- send -------------------------------------------------------------------------- */

static void letter_run(struct phub_hub *hub, struct phub__ask *ask)
{
    struct letter *letter = (struct letter *)ask;
    int rc = *find(hub->parked, letter) != NULL ? PHUB_EBUSY
                                                : try(hub, letter);

    if (passing(rc)) {
        park(hub, letter);
        return;
    }
    if (rc != 0)
        hub->hub->counters.messages_dropped++;
    letter_free(hub, letter);
}

static void letter_cancel(struct phub_hub *hub, struct phub__ask *ask)
{
    letter_free(hub, (struct letter *)ask);
}

static uint32_t lane_of(struct phub_bytes id)
{
    uint32_t hash = 2166136261u; /* FNV-1a: any spread will do here */
    size_t i;

    for (i = 0; i < id.size; i++)
        hash = (hash ^ id.data[i]) * 16777619u;
    return hash % LANES;
}

static struct letter *letter_new(const char *id, const void *data, size_t size)
{
    size_t id_size = strlen(id);
    struct letter *letter =
        phub__malloc(sizeof *letter + id_size + size);

    if (letter == NULL)
        return NULL;
    memset(letter, 0, sizeof *letter);
    memcpy(letter->bytes, id, id_size);
    if (size != 0)
        memcpy(letter->bytes + id_size, data, size);
    letter->id = (struct phub_bytes){ letter->bytes, id_size };
    letter->data = (struct phub_bytes){ letter->bytes + id_size, size };
    letter->lane = lane_of(letter->id);
    letter->ask.run = letter_run;
    letter->ask.cancel = letter_cancel;
    return letter;
}

static int check(const struct phub_hub *hub, const char *id, const void *data,
                 size_t size)
{
    if (!valid(hub) || id == NULL || id[0] == '\0' ||
        strlen(id) > PHUB_CHILD_ID_MAX || (data == NULL && size != 0))
        return PHUB_EINVAL;
    return size > PHUB_MESSAGE_SIZE_MAX ? PHUB_ELIMIT : 0;
}

int phub_send(struct phub_hub *hub, const char *id, const void *data,
              size_t size)
{
    struct letter *letter = NULL;
    int rc = check(hub, id, data, size);

    if (rc != 0)
        return rc;
    rc = PHUB_EBUSY;
    if (atomic_fetch_add(&hub->parked->count, 1) < LETTERS_MAX) {
        letter = letter_new(id, data, size);
        rc = letter != NULL ? phub__embed_ask(hub, &letter->ask)
                            : PHUB_ENOMEM;
    }
    if (rc != 0)
        letter_free(hub, letter);
    return rc;
}

/* --- call -------------------------------------------------------------------------- */

/* Two hold it: who waits, and the hub, which may answer later. */
struct call {
    struct phub__ask ask;
    pthread_mutex_t lock;
    pthread_cond_t over;
    int refs, rc;
    enum { CALL_ASKED, CALL_AGAIN, CALL_OVER } state;
    uint32_t timeout_ms;
    struct phub_buf *reply;
    struct letter *letter;
};

static void call_unref(struct call *call)
{
    int refs;

    pthread_mutex_lock(&call->lock);
    refs = --call->refs;
    pthread_mutex_unlock(&call->lock);
    if (refs != 0)
        return;
    phub__buf_unref(&call->reply);
    phub__free(call->letter);
    pthread_cond_destroy(&call->over);
    pthread_mutex_destroy(&call->lock);
    phub__free(call);
}

/* The hub has answered, and drops its hold. */
static void call_over(struct call *call, int state, int rc,
                      struct phub_buf *reply)
{
    pthread_mutex_lock(&call->lock);
    call->state = state;
    call->rc = rc;
    call->reply = reply != NULL ? phub__buf_ref(reply) : NULL;
    pthread_cond_signal(&call->over);
    pthread_mutex_unlock(&call->lock);
    call_unref(call);
}

static void call_replied(void *arg, int rc, const char *text,
                         struct phub_buf *data)
{
    (void)text;
    call_over(arg, CALL_OVER, rc, data);
}

static void call_run(struct phub_hub *hub, struct phub__ask *ask)
{
    struct call *call = (struct call *)ask;
    int rc = *find(hub->parked, call->letter) != NULL
                 ? PHUB_EAGAIN /* behind what was sent before */
                 : phub__mail_send(hub->hub, call->letter->id,
                                   call->letter->data, call->timeout_ms,
                                   call_replied, call);

    if (rc == PHUB_ENOTFOUND)
        call_over(call, CALL_OVER, rc, NULL);
    else if (rc != 0)
        call_over(call, passing(rc) ? CALL_AGAIN : CALL_OVER, rc, NULL);
}

static void call_cancel(struct phub_hub *hub, struct phub__ask *ask)
{
    (void)hub;
    call_over((struct call *)ask, CALL_OVER, PHUB_ESHUTDOWN, NULL);
}

static struct call *call_new(const char *id, const void *data, size_t size)
{
    struct call *call = phub__calloc(1, sizeof *call);

    if (call == NULL)
        return NULL;
    call->letter = letter_new(id, data, size);
    if (call->letter == NULL || phub__embed_cond_init(&call->over) != 0) {
        phub__free(call->letter);
        phub__free(call);
        return NULL;
    }
    pthread_mutex_init(&call->lock, NULL);
    call->ask.run = call_run;
    call->ask.cancel = call_cancel;
    call->refs = 1;
    return call;
}

static uint32_t left_ms(const struct timespec *until)
{
    struct timespec now;
    int64_t ms;

    clock_gettime(CLOCK_MONOTONIC, &now);
    ms = (int64_t)(until->tv_sec - now.tv_sec) * 1000 +
         (until->tv_nsec - now.tv_nsec) / 1000000;
    return ms > 0 ? (uint32_t)ms : 0;
}

/* One try; PHUB_EAGAIN with *again: nothing was sent. */
static int call_once(struct phub_hub *hub, struct call *call,
                     const struct timespec *until, int *again)
{
    struct timespec pause;
    int rc;

    *again = 0;
    call->state = CALL_ASKED;
    call->timeout_ms = left_ms(until);
    if (call->timeout_ms == 0)
        return PHUB_ETIMEDOUT;
    pthread_mutex_lock(&call->lock);
    call->refs++;
    pthread_mutex_unlock(&call->lock);
    rc = phub__embed_ask(hub, &call->ask);
    if (rc != 0) {
        call_unref(call);
        return rc;
    }
    pthread_mutex_lock(&call->lock);
    while (call->state == CALL_ASKED && rc == 0)
        rc = pthread_cond_timedwait(&call->over, &call->lock, until);
    if (call->state == CALL_ASKED)
        rc = PHUB_ETIMEDOUT;
    else
        rc = call->rc;
    if (call->state == CALL_AGAIN) {
        *again = 1;
        phub__embed_until(&pause, AGAIN_MS);
        while (pthread_cond_timedwait(&call->over, &call->lock, &pause) == 0)
            ; /* nobody signals it now */
    }
    pthread_mutex_unlock(&call->lock);
    return rc;
}

int phub_call(struct phub_hub *hub, const char *id, const void *data,
              size_t size, void *reply, size_t reply_max, size_t *reply_size,
              uint32_t timeout_ms)
{
    struct timespec until;
    struct phub_bytes bytes;
    struct call *call;
    int again = 1, rc = check(hub, id, data, size);

    if (rc == 0 && ((reply == NULL && reply_max != 0) ||
                    phub__embed_inside(hub)))
        rc = PHUB_EINVAL;
    if (rc != 0)
        return rc;
    call = call_new(id, data, size);
    if (call == NULL)
        return PHUB_ENOMEM;
    phub__embed_until(&until, timeout_ms != 0 ? timeout_ms
                                              : TIMEOUT_DEFAULT_MS);
    while (again)
        rc = call_once(hub, call, &until, &again);
    if (rc == 0) {
        bytes = phub__buf_bytes(call->reply);
        if (reply_size != NULL)
            *reply_size = bytes.size;
        if (bytes.size > reply_max)
            bytes.size = reply_max;
        if (bytes.size != 0)
            memcpy(reply, bytes.data, bytes.size);
    }
    call_unref(call);
    return rc;
}
