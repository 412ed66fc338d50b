/* SPDX-License-Identifier: MIT */
/* exec_private: what the files of the exec runner share. */
#ifndef PHUB__ENV_REAL_EXEC_PRIVATE_H
#define PHUB__ENV_REAL_EXEC_PRIVATE_H

#include "child/channel.h"
#include "child/guard_client.h"
#include "child/spec.h"
#include "env/real/exec.h"
#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

#define PHUB__EXEC_NAME_MAX 200u /* bytes of an escaped id */
#define PHUB__EXEC_BUCKETS 1024u

struct phub__exec_log;
struct phub__exec_command;
struct phub__exec_left;
struct phub__exec_put;

struct phub__exec_child {
    struct phub__exec_child *next_handle; /* in its bucket */
    struct phub__exec_child *next_guard;
    struct phub__exec *exec;
    uint64_t handle; /* the supervisor's */
    uint64_t guard_handle;
    int64_t pid;     /* 0 before started */
    int stop_signal;
    bool state_expected;
    bool ready_by_hello; /* said HELLO, and not that it says READY */
    bool ready_given;
    bool hello;
    bool closed_told; /* that its channel is closed */
    uint32_t state_version;    /* of HELLO */
    uint32_t capabilities;     /* likewise, PHUB__CAN_* */
    uint64_t state_ref;        /* PUT_STATE that waits for HELLO */
    int32_t state_code;
    struct phub_buf *state;
    bool state_waits;
    struct phub__exec_put *put; /* a large state is with a worker, or NULL */
    struct phub__channel *channel;
    struct phub__real_poll *channel_poll;
    int output;      /* or -1 */
    struct phub__real_poll *output_poll;
    struct phub__exec_log *log;
    char *meta[PHUB__EXEC_META_MAX]; /* PHUB_META_KEY=value */
    uint32_t meta_count;
    size_t id_size;
    char id[];
};

struct phub__exec {
    struct phub__runner runner;
    struct phub__env_real *real;
    const struct phub__runner_events *events; /* NULL while detached */
    void (*attached)(void *arg, uint64_t guard_id);
    void *arg;
    struct phub__guard *guard;
    struct phub__real_poll *guard_poll;
    struct phub__timer *retry;
    uint32_t retry_ms;
    bool was_attached;
    uint64_t deadline_ns;
    uint64_t adopted_last;
    char *dir;       /* absolute; NULL before attach */
    int children_fd; /* dir/children */
    int dir_errno;   /* why there is none for a child; said once */
    int logs_fd;
    uint32_t child_count;
    uint32_t unheard; /* adopted without their descriptors */
    struct phub__exec_child *by_handle[PHUB__EXEC_BUCKETS];
    struct phub__exec_child *by_guard[PHUB__EXEC_BUCKETS];
    struct phub__exec_command *commands;
    uint32_t command_count;
    struct phub__exec_log *logs[PHUB__EXEC_BUCKETS];
    uint64_t logs_emptied; /* batches, because a file could not be turned */
    struct phub__exec_left *left; /* NULL before the first attach */
};

/* exec_path.c */
/* Write the escaped id into name, PHUB__EXEC_NAME_MAX + 1 bytes. */
void phub__exec_name(struct phub_bytes id, char *name);
uint32_t phub__exec_hash(const char *name);
/* Make the child's directory and give its path; owned.  NULL if that fails. */
char *phub__exec_child_dir(struct phub__exec *exec, struct phub_bytes id);

/* The hub's variables of a child or command: its directory, what it published,
 * and its pid if it has one.  Borrows from the child. */
struct phub__exec_env {
    struct phub_bytes items[PHUB__EXEC_META_MAX + 2];
    size_t count;
    char *dir; /* borrowed by an item, and by cwd */
    struct phub_bytes cwd;
    char pid[48];
};
int phub__exec_env_init(struct phub__exec_env *env, struct phub__exec *exec,
                        const struct phub__runner_start *start,
                        const struct phub__exec_child *child);
void phub__exec_env_fini(struct phub__exec_env *env);

/* exec.c */
struct phub__exec_child *phub__exec_find(struct phub__exec *exec,
                                         uint64_t handle);
void phub__exec_guard_watch(struct phub__exec *exec);

/* exec_child.c: the channel and the output of one child */
struct phub__exec_child *phub__exec_child_new(struct phub__exec *exec,
                                              uint64_t handle,
                                              struct phub_bytes id);
/* Takes both descriptors, either may be -1. */
void phub__exec_child_open(struct phub__exec_child *child, int channel,
                           int output);
/* Hand over what it said and wrote before its end. */
void phub__exec_child_drain(struct phub__exec_child *child);
void phub__exec_child_free(struct phub__exec_child **child);
int phub__exec_child_send(struct phub__exec_child *child,
                          const struct phub__verb_message *message);
/* Nobody awaits the answer to ref any more. */
void phub__exec_child_forget(struct phub__exec_child *child, uint64_t ref);
/* Ask an adopted child who it is. */
void phub__exec_child_identify(struct phub__exec_child *child);

/* exec_command.c */
int phub__exec_command(struct phub__runner *runner,
                       const struct phub__runner_start *child,
                       const struct phub__list *argv, struct phub_buf *input,
                       uint32_t timeout_ms,
                       void (*done)(void *arg,
                                    const struct phub__command_result *r),
                       void *arg);
/* True if the guard's handle was a command's. */
bool phub__exec_command_started(struct phub__exec *exec, uint64_t handle);
bool phub__exec_command_failed(struct phub__exec *exec, uint64_t handle,
                               const char *text);
bool phub__exec_command_exited(struct phub__exec *exec, uint64_t handle,
                               int wait_status);
/* End all, answered with rc; 0: not answered at all. */
void phub__exec_commands_end(struct phub__exec *exec, int rc,
                             const char *text);
int phub__exec_status(int wait_status);

/* exec_log.c */
/* Take a reference to the log of that id.  NULL if out of memory. */
struct phub__exec_log *phub__exec_log_open(struct phub__exec *exec,
                                           struct phub_bytes id);
void phub__exec_log_close(struct phub__exec_log **log);
/* Room for more bytes, and take them.  There is more for the last words of a
 * child, since it can no longer wait.  room is called from the loop when there
 * is some again after there was none. */
size_t phub__exec_log_room(const struct phub__exec_log *log, bool last);
void phub__exec_log_write(struct phub__exec_log *log, const uint8_t *data,
                          size_t size);
void phub__exec_log_notify(struct phub__exec_log *log,
                           void (*room)(void *arg), void *arg);
/* No longer call room for arg. */
void phub__exec_log_forget(struct phub__exec_log *log, const void *arg);
/* A child, a command or a reader has the log of that name, or it is written:
 * something of that name is here. */
bool phub__exec_log_is_open(const struct phub__exec *exec, const char *name);
/* Its child has ended: let the file's time say so. */
void phub__exec_log_ended(struct phub__exec_log *log);
void phub__exec_logs_fini(struct phub__exec *exec);

/* exec_left.c */
/* All that runs is known: look now and then.  Errors: PHUB_ENOMEM. */
int phub__exec_left_start(struct phub__exec *exec);
/* Look for what is to be removed now. */
void phub__exec_left_look(struct phub__exec *exec);
/* What a child of that id has left is being removed: it cannot begin now. */
bool phub__exec_left_removes(const struct phub__exec *exec,
                             struct phub_bytes id);
void phub__exec_left_stop(struct phub__exec *exec);
/* Nothing is with a worker any more. */
void phub__exec_left_free(struct phub__exec *exec);

#endif
