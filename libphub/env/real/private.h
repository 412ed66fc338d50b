/* SPDX-License-Identifier: MIT */
/* private: what the files of the real environment share.
 *
 * Each part keeps its own struct; real.c makes and ends them in order.  Every
 * callback from libuv that may call into the hub ends with
 * phub__real_turn_end(), which runs what was deferred. */
#ifndef PHUB__ENV_REAL_PRIVATE_H
#define PHUB__ENV_REAL_PRIVATE_H

#include <stdbool.h>

#include "env/real/real.h"

#define PHUB__REAL_MAGIC 0x7265616cu

struct phub__real_call {
    void (*fn)(void *arg);
    void *arg;
};

/* A ring of calls; grows by doubling, up to a limit given at each push. */
struct phub__real_calls {
    struct phub__real_call *ring;
    uint32_t size;
    uint32_t first;
    uint32_t count;
};

struct phub__real_loop {
    struct phub__real_calls deferred;
    struct phub__real_calls posted; /* under lock */
    uv_mutex_t lock;
    bool draining;
    uint32_t work_count;
};

struct phub__real_net;
struct phub__real_files;
struct phub__real_reclaim;
struct phub__real_lookup;

struct phub__env_real {
    struct phub_env env;
    uint32_t magic;
    uv_loop_t *loop;
    uv_loop_t own_loop;
    bool loop_is_own;
    bool freed;
    uint32_t handles;  /* open or closing; the struct lives until 0 */
    uint32_t requests; /* running on the worker threads */
    uv_async_t async;
    uv_prepare_t prepare;
    uv_check_t check;
    uv_idle_t idle;
    struct phub__real_loop turn;
    struct phub__real_reclaim *reclaim;
    struct phub__real_net *net;
    struct phub__real_files *files;
    struct phub__real_lookup *lookups;
    struct phub__runner *exec;
    struct phub__runner *runners[PHUB__RUNNERS_MAX];
    uint32_t runner_count;
    void (*log)(void *arg, enum phub__log_level level, const char *text);
    void *log_arg;
    uint32_t control_queue_max;
    uint32_t bulk_queue_max;
    uint32_t logs_kept;
    char *state_dir;
    char *guard_program;
    uint64_t random_pool[32];
    uint32_t random_left;
    uint64_t fds_spare;
    uint32_t fds_asked;
};

static inline struct phub__env_real *phub__real_of(struct phub_env *env)
{
    return (struct phub__env_real *)(void *)env;
}

void phub__real_logf(struct phub__env_real *real, enum phub__log_level level,
                     const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Format into a caller's error buffer and return code. */
int phub__real_fail(char *error, size_t error_max, int code,
                    const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Handles of libuv live in memory of their owner; close gives it back. */
void phub__real_close(struct phub__env_real *real, uv_handle_t *handle,
                      void (*closed)(uv_handle_t *handle));
/* To be called by every close callback, last. */
void phub__real_closed(struct phub__env_real *real);
/* A request on the worker threads begins and ends; last in its callback. */
void phub__real_request_end(struct phub__env_real *real);

/* poll.c: watch fd; owner is not NULL.  free before the fd is closed.  NULL
 * if that failed. */
struct phub__real_poll {
    uv_poll_t uv;
    struct phub__env_real *real;
    void *owner; /* NULL once freed */
    void (*ready)(struct phub__real_poll *poll, int events);
    int events;
};
struct phub__real_poll *
phub__real_poll_new(struct phub__env_real *real, int fd, int events,
                    void *owner,
                    void (*ready)(struct phub__real_poll *poll, int events));
void phub__real_poll_set(struct phub__real_poll *poll, int events);
void phub__real_poll_free(struct phub__real_poll **poll);

/* proc.c: the load, from /proc; any thread. */
int phub__real_load(struct phub_env *env, const int64_t *pids,
                    uint32_t pids_count, struct phub__load *load);

/* loop.c */
int phub__real_loop_init(struct phub__env_real *real);
void phub__real_loop_stop(struct phub__env_real *real);
void phub__real_loop_fini(struct phub__env_real *real);
void phub__real_turn_end(struct phub__env_real *real);
/* Keep the loop awake for one more turn. */
void phub__real_awake(struct phub__env_real *real);

/* reclaim.c */
int phub__real_reclaim_init(struct phub__env_real *real);
void phub__real_reclaim_flush(struct phub__env_real *real);
void phub__real_reclaim_prepare(struct phub__env_real *real);
void phub__real_reclaim_fini(struct phub__env_real *real);

/* net.c */
int phub__real_net_init(struct phub__env_real *real);
void phub__real_net_prepare(struct phub__env_real *real);
void phub__real_net_check(struct phub__env_real *real);
void phub__real_net_stop(struct phub__env_real *real);
void phub__real_net_fini(struct phub__env_real *real);

/* names.c */
int phub__real_resolve(struct phub_env *env, const char *what,
                       void (*done)(void *arg,
                                    const struct phub__resolved *r),
                       void *arg);
/* A number from 1 to 65535, in digits? */
bool phub__real_port_ok(const char *port);
/* No answer is wanted any more: what has not begun does not. */
void phub__real_resolve_stop(struct phub__env_real *real);

/* state_dir.c: open, check and lock; dir_fd and lock_fd set on success. */
int phub__state_dir_open(const char *path, int *dir_fd, int *lock_fd,
                         char *error, size_t error_max);

/* files.c */
int phub__real_files_init(struct phub__env_real *real, char *error,
                          size_t error_max);
void phub__real_files_fini(struct phub__env_real *real);
int phub__real_files_dir(const struct phub__env_real *real);

#endif
