/* SPDX-License-Identifier: MIT */
/* actor_private: what actor.c (steps, on workers) and actors.c (the runner,
 * on the hub's thread) share. */
#ifndef PHUB__CHILD_ACTOR_PRIVATE_H
#define PHUB__CHILD_ACTOR_PRIVATE_H

#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>

#include "child/actor.h"
#include "wire/buf.h"

#define PHUB__ACTOR_MAGIC 0x4a17c0d3u
#define PHUB__VERB_START 0  /* a letter that is no verb: call init */

enum phub__result {
    PHUB__RESULT_STARTED = 1,
    PHUB__RESULT_FAILED,    /* init refused: code, text */
    PHUB__RESULT_DONE,      /* ref, code, text, body */
    PHUB__RESULT_PUBLISH,   /* text, body */
    PHUB__RESULT_EXITED     /* code: status; cause */
};

/* Something to do for an actor, and, once done, what came of it: the same
 * memory travels back, so no result is lost for want of memory. */
struct phub__letter {
    struct phub__letter *next;
    struct phub_actor *actor;
    uint64_t ref;
    struct phub_buf *body;
    const char *text;          /* static, or the letter's own text_owned */
    char *text_owned;
    int32_t code;
    uint16_t verb;             /* enum phub__verb, or PHUB__VERB_START */
    uint8_t result;            /* enum phub__result */
    uint8_t cause;             /* enum phub__end_cause */
};

struct phub__letters {
    struct phub__letter *first, *last;
};

struct phub__behaviour {
    struct phub__behaviour *next;
    struct phub_behaviour is;
};

struct phub_actor {
    uint32_t magic;
    atomic_uchar killed;       /* by the hub's thread: end before any step */
    atomic_uchar expired;      /* the same, because the lease passed */
    uint8_t queued;            /* lock: in the run queue, or on a worker */
    uint8_t closed;            /* lock: takes no letters any more */
    uint8_t live;              /* worker: init was called and gave 0 */
    uint8_t frozen;            /* worker */
    uint8_t exiting;           /* worker: phub_actor_exit */
    uint8_t standby;
    uint8_t passive;           /* its role when it begins */
    uint32_t waiting;          /* lock: messages in mailbox and held */
    int exit_code;
    struct phub__actors *actors;
    const struct phub__behaviour *behaviour;
    uint64_t handle;
    struct phub_actor *bucket_next;    /* hub's thread */
    struct phub_actor *run_next;       /* lock */
    struct phub__letters mailbox;      /* lock */
    struct phub__letters held;         /* worker: while frozen */
    struct phub__step *step;           /* worker: the one going on */
    struct phub__letter last;          /* the result EXITED */
    char *id;                          /* behind self */
    alignas(max_align_t) unsigned char self[];
};

struct phub__actors {
    struct phub__runner runner;        /* first */
    struct phub_env *env;
    uint32_t threads_count;
    uint32_t behaviours_count;
    struct phub__behaviour *behaviours;
    const struct phub__runner_events *events;
    void *events_arg;
    void (*attached)(void *arg, uint64_t guard_id);
    void *attached_arg;
    int is_attached;
    struct phub__timer *timer;         /* of the deadline */
    struct phub_actor **buckets;
    uint32_t buckets_count, count;
    struct phub__letters draining;     /* hub's thread */
    _Atomic uint64_t deadline;         /* boot_ns; 0: none yet */
    atomic_uint results;               /* publications not drained */

    pthread_mutex_t lock;
    pthread_cond_t work;
    struct phub_actor *run_first, *run_last;
    struct phub__letters outbox;
    uint32_t waiting;                  /* messages in all mailboxes */
    int draining_asked;                /* drain is posted, or runs */
    int ask_owed;                      /* it could not be posted */
    int inline_asked;
    int quit;
    uint32_t threads_running;
    pthread_t threads[PHUB__ACTOR_THREADS_MAX];
};

static inline void phub__letters_append(struct phub__letters *list,
                                        struct phub__letter *letter)
{
    letter->next = NULL;
    if (list->last != NULL)
        list->last->next = letter;
    else
        list->first = letter;
    list->last = letter;
}

static inline struct phub__letter *
phub__letters_take(struct phub__letters *list)
{
    struct phub__letter *letter = list->first;

    if (letter != NULL) {
        list->first = letter->next;
        if (list->first == NULL)
            list->last = NULL;
        letter->next = NULL;
    }
    return letter;
}

/* Move all of from behind what to has. */
static inline void phub__letters_join(struct phub__letters *to,
                                      struct phub__letters *from)
{
    if (from->first == NULL)
        return;
    if (to->last != NULL)
        to->last->next = from->first;
    else
        to->first = from->first;
    to->last = from->last;
    from->first = from->last = NULL;
}

void phub__letter_free(struct phub__letter *letter);
void phub__letters_free(struct phub__letters *list);

/* Do one turn of an actor that was taken from the run queue; the lock is held
 * at call and return. */
void phub__actor_turn(struct phub_actor *actor);
/* Put it into the run queue unless it is there; lock held.  1: wake a
 * worker. */
int phub__actor_queue(struct phub_actor *actor);
/* Have the outbox drained on the hub's thread; lock held, draining_asked is
 * set.  Tried again by the workers if the env is too busy. */
void phub__actors_ask(struct phub__actors *actors);
/* Take the next one from the run queue; lock held. */
struct phub_actor *phub__actors_next(struct phub__actors *actors);
/* End an actor that no worker has: terminate, if it lives. */
void phub__actor_terminate(struct phub_actor *actor);

#endif
