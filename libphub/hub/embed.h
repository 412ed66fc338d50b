/* SPDX-License-Identifier: MIT */
/* embed: a hub inside a program, as <phub/phub.h> offers it.
 *
 * A struct phub_hub is a configuration, a node made of it, the runner of
 * actors, and a thread that runs the node's loop from start to stop.  What
 * other threads ask for goes through one queue of struct phub__ask to that
 * thread, in order; env->post only wakes it.  Look-ups go past the queue: they
 * read the published registry.
 *
 *   embed.c       life, the queue of asks, behaviours, hooks
 *   embed_conf.c  from settings to configuration to the hub's options
 *   future.c      start, stop, move, and awaiting them
 *   lookup.c      finding one
 *   listing.c     finding many, and hearing of changes
 *   talk.c        send and call
 *
 * The parts of a hub stay until phub_hub_free, so that a look-up on another
 * thread never meets a hub that is half gone. */
#ifndef PHUB__HUB_EMBED_H
#define PHUB__HUB_EMBED_H

#include <pthread.h>
#include <stdatomic.h>

#include "child/actor.h"
#include "env/real/lines.h"
#include "hub/conf.h"
#include "hub/hub.h"

#define PHUB__EMBED_MAGIC 0x68b1d2e7u
#define PHUB__ASKS_MAX 65536u   /* waiting for the hub's thread; PHUB_EBUSY */

enum phub__embed_state {
    PHUB__EMBED_NEW = 1,
    PHUB__EMBED_RUNNING,
    PHUB__EMBED_STOPPING,
    PHUB__EMBED_STOPPED
};

/* Something for the hub's thread; part of a larger struct.  Either run or
 * cancel (the hub is over; on whatever thread) is called, once. */
struct phub__ask {
    struct phub__ask *next;
    void (*run)(struct phub_hub *hub, struct phub__ask *ask);
    void (*cancel)(struct phub_hub *hub, struct phub__ask *ask);
};

struct phub_hub {
    uint32_t magic;
    struct phub__config config;
    struct phub__lines log;          /* the node's thread's */
    struct phub__node *node;
    struct phub_env *env;            /* the node's, as the next */
    struct phub__hub *hub;
    struct phub__actors *actors;
    struct phub__parked *parked;     /* messages that wait (talk.c) */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;          /* any of what follows; lock */
    enum phub__embed_state state;
    int thread_is;                   /* thread is to be joined */
    int started;                     /* start_rc and endpoint are valid */
    int start_rc;
    int drain_rc;
    int joining;
    char *start_error;
    size_t start_error_max;
    struct phub__ask *asks_first, *asks_last;
    uint32_t asks_count;
    int asks_woken;
    uint32_t members;
    struct phub_future *futures;     /* those the hub still works on */
    struct phub__timer *timer;       /* hub's thread */
};

/* Queue it.  Errors: PHUB_EBUSY, PHUB_ESHUTDOWN (not running); neither run
 * nor cancel is called then. */
int phub__embed_ask(struct phub_hub *hub, struct phub__ask *ask);
/* Run fn(hub, arg) on the hub's thread and wait for its result; at once if
 * this is that thread, or if the hub has not been started. */
int phub__embed_run(struct phub_hub *hub, int (*fn)(struct phub_hub *, void *),
                    void *arg);
/* True on the hub's own thread. */
int phub__embed_inside(struct phub_hub *hub);

/* CLOCK_MONOTONIC in timeout_ms from now. */
void phub__embed_until(struct timespec *until, uint32_t timeout_ms);
int phub__embed_cond_init(pthread_cond_t *cond);

/* embed_conf.c */
struct phub__embed_lines {
    char *text;                  /* what items point to; owned */
    const char *items[PHUB_SETTINGS_MAX];
    size_t count;
};
/* Split a text into its settings.  The caller frees lines->text.
 * Errors: PHUB_ELIMIT, PHUB_ENOMEM; error says. */
int phub__embed_lines(const char *text, struct phub__embed_lines *lines,
                      char *error, size_t error_max);
int phub__embed_configure(struct phub__config *config, const char *file,
                          const char *const *settings, size_t count,
                          char *error, size_t error_max);
int phub__embed_given(const struct phub__config *config, const char *section,
                      const char *key);

/* future.c: answer what is still open; the hub is over. */
void phub__futures_shut(struct phub_hub *hub);
/* The hub is freed: let go of what it never answered. */
void phub__futures_drop(struct phub_hub *hub);
/* lookup.c: of the one that acts; place is filled whole.  PHUB_ENOTFOUND. */
int phub__embed_place(struct phub_hub *hub, struct phub_bytes id,
                      struct phub_place *place);
/* talk.c */
int phub__parked_new(struct phub_hub *hub);
void phub__parked_free(struct phub_hub *hub);

#endif
