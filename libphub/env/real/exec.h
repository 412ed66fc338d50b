/* SPDX-License-Identifier: MIT */
/* exec: the runner of OS processes, on the guard.
 *
 * struct phub__runner of child/runner.h; made by the environment when it has
 * a state directory and the guard's program.  Below the state directory are
 *
 *   children/NAME/        the child's own directory (PHUB_CHILD_DIR, and its
 *                         working directory unless the spec says another)
 *   logs/NAME.log, .log.1 what it wrote on standard output and error
 *
 * where NAME is the child's id with all but letters, digits, "-", "_" and "."
 * written as %XX, or the beginning of that and a hash if it is long. */
#ifndef PHUB__ENV_REAL_EXEC_H
#define PHUB__ENV_REAL_EXEC_H

#include "child/runner.h"
#include "env/env.h"

#define PHUB__EXEC_LOG_MAX 262144u  /* bytes of a log file before it turns */
#define PHUB__EXEC_LOG_TAIL_MAX (2u * PHUB__EXEC_LOG_MAX)
#define PHUB__EXEC_LOG_WAITING_MAX 65536u /* bytes not written; then the pipe
                                           * is not read, the child waits */
#define PHUB__EXEC_LOG_LAST_MAX (1024u * 1024u) /* bytes more at a child's end:
                                                 * the largest of pipes */
#define PHUB__EXEC_COMMANDS_MAX 256u      /* running; PHUB_EBUSY */
#define PHUB__EXEC_COMMAND_OUTPUT_MAX (1024u * 1024u * 1024u) /* bytes */
#define PHUB__EXEC_COMMAND_TEXT_MAX 255u  /* bytes of the last line */
#define PHUB__EXEC_META_MAX 32u           /* published keys of a child */
#define PHUB__EXEC_FDS_PER_CHILD 4u
#define PHUB__EXEC_RETRY_MS 200u          /* to open a guard, doubling to */
#define PHUB__EXEC_RETRY_MAX_MS 5000u

struct phub__env_real;

/* Make it; nothing is started before attach.  NULL if out of memory. */
struct phub__runner *phub__exec_new(struct phub__env_real *real);
/* Detach, and free what the loop must still close. */
void phub__exec_stop(struct phub__runner *runner);
/* Nothing is with a worker any more. */
void phub__exec_free(struct phub__runner **runner);

/* Read the last bytes_max bytes at most of what the child of that id wrote on
 * this node, beginning with a whole line; text borrows until done returns, and
 * is empty if there is nothing.  rc: 0, PHUB_ENOTFOUND, PHUB_EIO.
 * Errors: PHUB_EUNSUPPORTED without an exec runner, PHUB_EBUSY, PHUB_ENOMEM.
 * Thread: the hub's. */
int phub__exec_log_tail(struct phub_env *env, struct phub_bytes id,
                        uint32_t bytes_max,
                        void (*done)(void *arg, int rc,
                                     struct phub_bytes text),
                        void *arg);

/* The guard's pid, 0 if there is none now. */
int64_t phub__exec_guard_pid(struct phub_env *env);

#endif
