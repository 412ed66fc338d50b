/* SPDX-License-Identifier: MIT */
/* guard_client: the daemon's hold on its guard.
 *
 * phub__guard_open() finds the guard of a state directory, or starts one, and
 * returns at once; nothing here ever waits.  The owner watches phub__guard_fd()
 * for reading, and for writing while phub__guard_wants_write(); it then calls
 * phub__guard_readable() and phub__guard_writable().  All callbacks come from
 * phub__guard_readable(), in this order:
 *
 *     adopted, exited ...  what an earlier daemon left, if the guard was found
 *     attached             once
 *     started | failed     once for each spawn
 *     exited               once for each started or adopted; then the handle
 *                          is forgotten by the guard too
 *     lost                 once, last: the guard is gone and, by its promise,
 *                          every child with it; close, and open another
 *
 * spawn and the other calls may be made before attached.  deadline must have
 * been given before a spawn can succeed.
 *
 * Thread: the loop's.  A guard client may be closed from any callback but must
 * not be used after that. */
#ifndef PHUB_CHILD_GUARD_CLIENT_H
#define PHUB_CHILD_GUARD_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <phub/types.h>

#include "child/guard_proto.h"

#define PHUB__GUARD_QUEUE_MAX 4096u                   /* requests */
#define PHUB__GUARD_QUEUE_BYTES_MAX (8u * 1024 * 1024) /* of requests */
#define PHUB__GUARD_READ_TURN_MAX 64                  /* datagrams */
#define PHUB__GUARD_REAP_MS 100

struct phub__guard;

struct phub__guard_config {
    const char *state_dir;
    const char *program;    /* of phub-guard, absolute */
    const char *cgroup;     /* or NULL */
    uint32_t spawner_timeout_ms; /* 0: the guard's own default */
};

struct phub__guard_child {
    uint64_t handle;
    struct phub_bytes id;   /* borrowed until return */
    struct phub_epoch epoch;
    struct phub_bytes note; /* borrowed until return: as given to spawn */
    pid_t pid;
    uint64_t start_ticks;
    bool running;
    int channel;            /* given to the callee, which closes it */
    int output;             /* the same; both -1 for a command, and when there
                             * were no descriptors to receive them */
};

struct phub__guard_calls {
    void (*attached)(void *arg, uint64_t guard_id, uint64_t deadline_ns,
                     bool found);
    void (*adopted)(void *arg, const struct phub__guard_child *child);
    void (*started)(void *arg, const struct phub__guard_child *child);
    void (*failed)(void *arg, uint64_t handle, int sys_errno,
                   const char *text);
    /* wait_status as from wait(2). */
    void (*exited)(void *arg, uint64_t handle, int wait_status,
                   enum phub__guard_cause cause);
    void (*lost)(void *arg, const char *why);
};

struct phub__guard_spawn {
    struct phub_bytes id;
    const char *node_name;
    struct phub_epoch epoch;
    const struct phub_bytes *argv; /* argc, one at least */
    size_t argc;
    const struct phub_bytes *env;  /* envc times NAME=value, over the rest */
    size_t envc;
    const struct phub_bytes *hub_env; /* the same of the hub's own, PHUB_... */
    size_t hub_envc;
    struct phub_bytes cwd;         /* or empty: "/" */
    struct phub_bytes note;        /* PHUB__GUARD_NOTE_MAX at most */
    bool standby;
    bool state_expected;
    bool passive;
    uint64_t file_max; /* bytes of a file that it writes; 0: no such limit */
    const int *stdio; /* NULL, or three descriptors, taken on success: a
                       * command without channel and output */
};

/* Find or start the guard of a state directory.  out owns.  calls borrows for
 * the life of out.  Errors: PHUB_ESPAWN, PHUB_ESYS, PHUB_EBUSY (a guard that
 * does not accept), PHUB_ENOMEM; with text. */
int phub__guard_open(struct phub__guard **out,
                     const struct phub__guard_config *config,
                     const struct phub__guard_calls *calls, void *arg,
                     char *error, size_t error_max);

/* Let go: the guard goes on, until the deadline or the next daemon. */
void phub__guard_close(struct phub__guard **guard);

int phub__guard_fd(const struct phub__guard *guard);
bool phub__guard_wants_write(const struct phub__guard *guard);
void phub__guard_readable(struct phub__guard *guard);
void phub__guard_writable(struct phub__guard *guard);

/* The guard's pid, 0 before attached. */
pid_t phub__guard_pid(const struct phub__guard *guard);

/* Ask for a child.  handle is chosen here, unlike any that another daemon of
 * this guard has used.  The environment is a few names of the daemon's own
 * (phub-child(7)), then spawn->env, in which names that begin with PHUB_ are
 * passed over, then the PHUB_ names.
 * Errors: PHUB_EBUSY, PHUB_ELIMIT, PHUB_EINVAL, PHUB_ENOMEM. */
int phub__guard_spawn(struct phub__guard *guard,
                      const struct phub__guard_spawn *spawn,
                      uint64_t *handle);

/* Errors of both: PHUB_EBUSY, PHUB_ENOMEM. */
int phub__guard_signal(struct phub__guard *guard, uint64_t handle, int sig);
int phub__guard_quit(struct phub__guard *guard);

/* All children end when CLOCK_BOOTTIME reaches deadline_ns.  Never fails: what
 * cannot be sent at once is sent first, and only the latest. */
void phub__guard_deadline(struct phub__guard *guard, uint64_t deadline_ns);

/* Datagrams that were refused. */
uint64_t phub__guard_rejected(const struct phub__guard *guard);

#endif
