/* SPDX-License-Identifier: MIT */
/* real: the environment of a hub that runs in the world.
 *
 * One struct phub_env on a libuv loop, ZeroMQ sockets, a state directory and
 * the worker threads of libuv.  Order of calls:
 *
 *   new -> (hub is made on it) -> run, or step whenever fd is readable or
 *   wait_ms has passed -> stop -> (hub is freed) -> free
 *
 * Thread: the one that calls new; only env->post and
 * env->read_lock/read_unlock are for others.  Freeing waits for work that has
 * begun, and forgets what has not. */
#ifndef PHUB__ENV_REAL_REAL_H
#define PHUB__ENV_REAL_REAL_H

#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "child/runner.h"
#include "env/env.h"

/* Answers at the limits: PHUB_EBUSY, unless another is given. */
#define PHUB__NET_FRAME_MAX (16u * 1024u * 1024u) /* bytes; PHUB_ELIMIT */
#define PHUB__NET_HEAD_MAX 4096u         /* bytes; PHUB_ELIMIT */
#define PHUB__NET_CONTROL_QUEUE_MAX 8192u /* frames waiting on a link */
#define PHUB__NET_BULK_QUEUE_MAX 64u
#define PHUB__NET_LINK_BYTES_MAX (64u * 1024u * 1024u) /* large bodies */
#define PHUB__NET_TURN_FRAMES_MAX 256u   /* handled before timers look in */
#define PHUB__NET_TURN_BYTES_MAX (4u * 1024u * 1024u)
#define PHUB__RESOLVED_MAX 256u          /* endpoints; the rest is ignored */
#define PHUB__FILE_NAME_MAX 127u         /* bytes; PHUB_EINVAL */
#define PHUB__FILE_READ_MAX (1024u * 1024u * 1024u) /* bytes; PHUB_ELIMIT */
#define PHUB__FILE_PENDING_MAX (64u * 1024u * 1024u) /* bytes not written, but
                                                      * for whole files */
#define PHUB__WORK_MAX 1024u             /* calls of work not done */
#define PHUB__DEFER_MAX 1048576u
#define PHUB__FDS_RESERVE 64u            /* kept for libzmq and the files */
#define PHUB__LOGS_KEPT 1000u            /* of children that are not here */

struct phub__env_real_options {
    /* The state directory; made if its parent exists.  NULL: none, then files
     * answer PHUB_EUNSUPPORTED and there is no "exec" runner. */
    const char *state_dir;
    const char *guard_program;  /* NULL: no "exec" runner */
    uv_loop_t *loop;            /* NULL: its own */
    void (*log)(void *arg, enum phub__log_level level, const char *text);
    void *log_arg;
    /* 0: the limits above. */
    uint32_t control_queue_max;
    uint32_t bulk_queue_max;
    uint32_t logs_kept;
};

/* Make an environment; raises RLIMIT_NOFILE to its hard limit, opens
 * /dev/null on those of the descriptors 0 to 2 that are closed, and ignores
 * SIGPIPE if nobody handles it.  The options are copied.
 * Errors: PHUB_EEXIST if another process holds the state directory,
 * PHUB_ESYS, PHUB_ENOMEM; error says what and why. */
int phub__env_real_new(const struct phub__env_real_options *options,
                       struct phub_env **env, char *error, size_t error_max);

/* Run the loop until stop. */
void phub__env_real_run(struct phub_env *env);
void phub__env_real_stop(struct phub_env *env);

/* For embedders: poll fd for reading, wait_ms at most (-1: for ever), then
 * step, which handles what is there without waiting. */
int phub__env_real_fd(const struct phub_env *env);
int phub__env_real_wait_ms(const struct phub_env *env);
void phub__env_real_step(struct phub_env *env);

/* Free it; with a loop of its own at once, with a borrowed loop by the time
 * that the loop has closed the handles (it must be run on). */
void phub__env_real_free(struct phub_env **env);

/* The loop, for the tools' own handles.  Borrowed. */
uv_loop_t *phub__env_real_loop(struct phub_env *env);

/* Whether count more descriptors can be opened without going below the
 * reserve; asked before sockets are made, because libzmq aborts without. */
int phub__env_real_fds_spare(struct phub_env *env, uint32_t count);

/* Offer a runner under its name; borrowed until free.  At most
 * PHUB__RUNNERS_MAX, PHUB_ELIMIT. */
int phub__env_real_runner_add(struct phub_env *env,
                              struct phub__runner *runner);

/* Counters of what the network refused; fills. */
struct phub__net_counters {
    uint64_t received;
    uint64_t received_bytes;
    uint64_t refused_parts;     /* more than two parts */
    uint64_t refused_size;      /* over PHUB__NET_FRAME_MAX together */
    uint64_t refused_memory;
    uint64_t sent;
    uint64_t sent_bytes;
    uint64_t sent_busy;
};
void phub__env_real_net_counters(const struct phub_env *env,
                                 struct phub__net_counters *counters);

#endif
