/* SPDX-License-Identifier: MIT */
/* env: everything a hub needs from the world.
 *
 * A hub is a deterministic state machine on one thread.  It never reads a
 * clock, draws a number, opens a socket, touches a file or starts a process
 * by itself: it asks the struct phub_env it was given.  The real one
 * (env/real) stands on libuv, libzmq and the state directory; the simulated
 * one (env/sim) on a virtual clock and a seed.  Both keep this contract:
 *
 * - all calls come from the hub's thread, except post();
 * - no call blocks, and none calls back into the hub before it returns:
 *   every callback is made later, from the loop, one at a time;
 * - handles are made by ..._new/open and given back by ..._free/close, after
 *   which no callback of theirs arrives any more.
 *
 * An implementation puts struct phub_env first in its own struct. */
#ifndef PHUB__ENV_ENV_H
#define PHUB__ENV_ENV_H

#include <stdint.h>

#include <phub/types.h>

struct phub__call_note;
struct phub_buf;
struct phub__runner;
struct phub__timer;
struct phub__link;

enum phub__log_level {
    PHUB__LOG_ERROR = 1,  /* somebody must act */
    PHUB__LOG_WARNING,    /* we went on, and say so */
    PHUB__LOG_NOTICE,     /* membership or ownership changed */
    PHUB__LOG_DEBUG
};

/* One DEALER each: a bulk transfer never delays control. */
enum phub__link_kind { PHUB__LINK_CONTROL, PHUB__LINK_BULK };

struct phub__net_events {
    /* A frame arrived at our listener.  frame is borrowed until return; keep
     * it with phub__buf_ref(). */
    void (*received)(void *arg, struct phub_buf *frame);
    /* A connection broke: a hint for the failure detector, no more. */
    void (*link_lost)(void *arg, struct phub__link *link);
};

struct phub__resolved {
    int rc;                      /* 0 or PHUB_E* */
    uint32_t count;
    const char *const *endpoints; /* borrowed until return */
};

#define PHUB__LINK_HEAD_MAX 256u /* bytes of link_send()'s head */

enum phub__file_op {
    PHUB__FILE_REPLACE,  /* whole content, atomically, synced before done */
    PHUB__FILE_APPEND,   /* at the end; not synced */
    PHUB__FILE_SYNC,     /* all that was appended before is on the disk; what
                          * could not be is not, and that is no error here */
    PHUB__FILE_REMOVE
};

/* What the machine and the programs of a hub use; counts only grow. */
struct phub__load {
    uint64_t host;          /* equal on one machine; 0: unknown */
    uint64_t cpu_busy;      /* of all cpus together, in some unit, ... */
    uint64_t cpu_all;       /* ... and what it is of */
    uint64_t node_cpu_ns;   /* the hub's process and its programs */
    uint64_t memory_bytes;
    uint64_t memory_free_bytes;
    uint64_t node_memory_bytes;
    uint32_t cpus;
    uint32_t queue_milli;   /* tasks that want a cpu, mean of a minute */
};

struct phub_env {
    /* --- time and chance ------------------------------------------------ */
    uint64_t (*now_ns)(struct phub_env *env);   /* CLOCK_MONOTONIC */
    uint64_t (*boot_ns)(struct phub_env *env);  /* CLOCK_BOOTTIME: leases */
    uint64_t (*wall_ms)(struct phub_env *env);  /* for people only */
    uint64_t (*random)(struct phub_env *env);

    /* --- the loop ------------------------------------------------------- */
    /* NULL if out of memory. */
    struct phub__timer *(*timer_new)(struct phub_env *env,
                                     void (*fire)(void *arg), void *arg);
    /* Fire once at at_ns (now_ns clock; the past means soon); restarts. */
    void (*timer_start)(struct phub_env *env, struct phub__timer *timer,
                        uint64_t at_ns);
    void (*timer_stop)(struct phub_env *env, struct phub__timer *timer);
    void (*timer_free)(struct phub_env *env, struct phub__timer **timer);
    /* Call fn(arg) at the end of this turn, after the event being handled. */
    int (*defer)(struct phub_env *env, void (*fn)(void *arg), void *arg);
    /* The same from any thread, at a later turn; the only thread-safe call.
     * Errors: PHUB_EBUSY at PHUB__POST_MAX waiting calls, PHUB_ENOMEM. */
    int (*post)(struct phub_env *env, void (*fn)(void *arg), void *arg);
    /* Run work(arg) on a worker thread (simulated: after a delay), then
     * done(arg) on the hub's; or, if the env is freed before that, only
     * drop(arg), which must do no more than free. */
    int (*work)(struct phub_env *env, void (*work)(void *arg),
                void (*done)(void *arg), void (*drop)(void *arg), void *arg);
    /* Fill *load; pids are those of the hub's programs.  Only from inside a
     * work(), since it reads files.  Errors: PHUB_ESYS, PHUB_EUNSUPPORTED. */
    int (*load)(struct phub_env *env, const int64_t *pids,
                uint32_t pids_count, struct phub__load *load);
    /* Free ptr once no reader on another thread may still see it. */
    void (*retire)(struct phub_env *env, void *ptr, void (*free_fn)(void *));
    /* What lies at ptr (of phub__malloc) will never change: take it, and give
     * where its bytes are from now on, for unshare() to be given back as often
     * as it was got.  So that many hubs in one process keep equal values once;
     * NULL, both of them: each keeps its own, for phub__free(). */
    const void *(*share)(struct phub_env *env, void *ptr, size_t size);
    void (*unshare)(void *ptr);
    void (*read_lock)(struct phub_env *env);    /* any thread */
    void (*read_unlock)(struct phub_env *env);  /* any thread */

    /* --- network -------------------------------------------------------- */
    /* Bind the listener; actual gets the endpoint with the port chosen, and
     * this machine's address if it listens on all of them.
     * Errors: PHUB_ESYS with text in error. */
    int (*net_listen)(struct phub_env *env, const char *endpoint,
                      const struct phub__net_events *events, void *arg,
                      char *actual, size_t actual_max, char *error,
                      size_t error_max);
    void (*net_close)(struct phub_env *env);
    int (*link_open)(struct phub_env *env, const char *endpoint,
                     enum phub__link_kind kind, struct phub__link **link);
    /* Send head (copied, PHUB__LINK_HEAD_MAX at most) and behind it body (may
     * be NULL; borrowed, a reference is taken) as one frame.  Never blocks, may
     * be lost.  Errors: PHUB_EBUSY when the link's queue is full. */
    int (*link_send)(struct phub_env *env, struct phub__link *link,
                     const uint8_t *head, size_t head_size,
                     struct phub_buf *body);
    void (*link_close)(struct phub_env *env, struct phub__link **link);
    /* Resolve "dns:NAME:PORT" or "file:PATH" to endpoints. */
    int (*resolve)(struct phub_env *env, const char *what,
                   void (*done)(void *arg, const struct phub__resolved *r),
                   void *arg);

    /* --- the state directory; names are plain, without a slash ---------- */
    /* At start only, may block.  PHUB_ENOTFOUND if there is none; in owns. */
    int (*file_read)(struct phub_env *env, const char *name,
                     struct phub_buf **content);
    /* Start an operation; done may be NULL.  Operations on one file happen in
     * order.  data is copied. */
    int (*file_do)(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg);

    /* --- children --------------------------------------------------------*/
    /* The runner of that name ("exec", "actor"), or NULL; see child/runner.h.
     * Borrowed for the life of the env. */
    struct phub__runner *(*runner)(struct phub_env *env, const char *name);

    /* --- people --------------------------------------------------------- */
    void (*log)(struct phub_env *env, enum phub__log_level level,
                const char *text);
    /* Bits 1 << level: lines that nobody hears need not be written. */
    uint32_t deaf;

    /* NULL, or where calls into strategies are noted: strategy/note.h. */
    struct phub__call_note *calls;
};

#define PHUB__POST_MAX 65536u  /* calls waiting from other threads */

#endif
