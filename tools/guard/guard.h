/* SPDX-License-Identifier: MIT */
/* guard: the small program that holds a node's OS processes.
 *
 * One thread, one epoll, no call that may wait.  What may hang (exec on a dead
 * file system) is done by grandchildren that a spawner process makes with
 * CLONE_PARENT, so that they are the guard's own children.
 *
 *     daemon ---- connection ---- guard ==== spawner
 *                                   |  (clone with CLONE_PARENT)
 *                                   +-- child   channel, output: copies kept
 *                                   +-- child
 *
 * Life of a child's slot:
 *
 *     QUEUED --> SENT --> EXECING --> RUNNING --> EXITED --> FREE
 *        |         |         |                  (RELEASE)
 *        +---------+---------+--> FAILED --> FREE (once told)
 *
 * QUEUED: its request waits for room in the spawner's socket.  SENT: the new
 * process is to report its pid on the status socket.  EXECING: it is noted in
 * guard.children and was told to go on.  RUNNING: the status socket closed,
 * which exec does.  An error comes back on the status socket instead.
 *
 * Nothing is queued for the daemon: each slot remembers what is still to be
 * told (tell), so a daemon that does not read costs nothing. */
#ifndef PHUB_GUARD_H
#define PHUB_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "child/guard_proto.h"

#define GUARD_DAEMON_TURN_MAX 64   /* datagrams read per turn */
#define GUARD_EVENTS_MAX 64        /* epoll events per turn */
#define GUARD_CHILDREN_MAX 65536u  /* whatever the descriptors allow */
#define GUARD_FDS_RESERVED 64u     /* descriptors not meant for children */
#define GUARD_FDS_PER_CHILD 2u     /* channel and output */
#define GUARD_FDS_STARTING_MAX 256u /* children between SPAWN and exec */
#define GUARD_QUEUED_BYTES_MAX (16u * 1024u * 1024u)
#define GUARD_SPAWNER_BOUND_MS 5000u
#define GUARD_LEFTOVER_WAIT_MS 2000
#define GUARD_CONNECTIONS 3        /* that have a descriptor kept for them */
#define GUARD_ACCEPT_AGAIN_MS 100  /* after no descriptor was to be had */

enum slot_state {
    SLOT_FREE,
    SLOT_QUEUED,
    SLOT_SENT,
    SLOT_EXECING,
    SLOT_RUNNING,
    SLOT_EXITED,
    SLOT_FAILED
};

#define TELL_CHILD 1u
#define TELL_FAILED 2u
#define TELL_EXITED 4u

struct slot {
    enum slot_state state;
    uint32_t tell;          /* TELL_* not sent yet */
    bool listed;            /* in the tell list */
    bool queued;            /* in the queue for the spawner */
    bool signalled;
    uint64_t handle;
    struct phub_epoch epoch;
    pid_t pid;
    uint64_t start_ticks;
    int channel, output;    /* the daemon's ends; -1 when closed */
    int status_fd;          /* guard's end of the status socket, or -1 */
    int stdio[3];           /* flags & STDIO, until sent; else -1 */
    int give[2];            /* child's ends until sent: channel, output */
    int give_status;
    uint32_t flags;
    uint32_t wait_status;
    uint32_t cause;         /* enum phub__guard_cause */
    int sys_errno;
    char *error;            /* owns; FAILED */
    char *id;               /* owns; id, then note */
    uint32_t id_size, note_size;
    uint8_t *request;       /* owns; QUEUED: the datagram for the spawner */
    uint32_t request_size;
    uint32_t next;          /* tell list, queue or free list; 0 ends */
    uint32_t queue_next;
    uint32_t by_handle, by_pid; /* hash chains; 0 ends */
};

/* Slots are named by number; 0 is none. */
struct table {
    struct slot *slots;
    uint32_t size;          /* slots[1..size] */
    uint32_t used;          /* slots ever handed out */
    uint32_t count;         /* not FREE */
    uint32_t alive;         /* QUEUED to RUNNING */
    uint32_t starting;      /* QUEUED to EXECING */
    uint32_t free_head;
    uint32_t tell_head, tell_tail;
    uint32_t queue_head, queue_tail;
    uint32_t *handles, *pids;
    uint32_t mask;
};

struct spawner {
    int fd;
    pid_t pid;
    uint32_t sent;          /* requests it has not shown a process for */
    uint64_t quiet_ns;      /* monotonic: last progress, while sent > 0 */
    uint32_t bound_ms;
};

struct guard {
    const char *dir;
    int dir_fd;
    uint64_t id;
    pid_t pid;
    int epoll, listener, signals, timer;
    int daemon;             /* the connection, or -1 */
    bool welcome_due, all_told_due;
    bool wants_write;
    int candidate;          /* a connection that has not said HELLO, or -1 */
    int kept[GUARD_CONNECTIONS]; /* descriptors, given up to accept one */
    int kept_count;
    bool deaf;              /* the listener is not watched for a moment */
    uint64_t deadline_ns;   /* 0: never given */
    bool expired;
    bool quitting;
    uint64_t queued_bytes;
    struct table table;
    struct spawner spawner;
    /* guard.children */
    int list_fd;
    uint32_t list_lines;
    char boot_id[40];
    /* cgroup for the children, or -1 */
    int cgroup_fd;
    char cgroup_dir[PHUB__GUARD_PATH_MAX + 64];
    uint64_t rejected;      /* datagrams that were refused */
    uint64_t nofile_soft;   /* RLIMIT_NOFILE as it was, for the children */
};

/* What an epoll event is about: kind in the high half, slot in the low. */
enum event_kind {
    EVENT_LISTENER,
    EVENT_DAEMON,
    EVENT_CANDIDATE,
    EVENT_SIGNALS,
    EVENT_TIMER,
    EVENT_SPAWNER,
    EVENT_STATUS
};

/* What the new process says on its status socket, and the answer. */
struct status_report {
    int32_t stage;          /* STAGE_* */
    int32_t value;          /* its pid, or an errno */
};
#define STAGE_PID 0
#define STAGE_CWD 1
#define STAGE_EXEC 2
#define STAGE_SETUP 3
#define STAGE_DEADLINE 4
#define STAGE_CLONE 5

struct status_go {
    uint64_t deadline_ns;
};

/* util: small helpers */
uint64_t now_boot_ns(void);
uint64_t now_mono_ns(void);
void close_fd(int *fd);
bool process_start_ticks(pid_t pid, uint64_t *ticks, pid_t *group,
                         pid_t *session);
int watch(struct guard *guard, int fd, uint32_t events, enum event_kind kind,
          uint32_t slot);
int rewatch(struct guard *guard, int fd, uint32_t events,
            enum event_kind kind, uint32_t slot);

/* table.c */
int table_init(struct table *table, uint32_t size);
uint32_t table_new(struct table *table, uint64_t handle);
uint32_t table_by_handle(const struct table *table, uint64_t handle);
uint32_t table_by_pid(const struct table *table, pid_t pid);
void table_set_pid(struct table *table, uint32_t number, pid_t pid);
void table_free(struct table *table, uint32_t number);
void table_tell(struct table *table, uint32_t number, uint32_t what);
uint32_t table_tell_pop(struct table *table);
void table_queue_push(struct table *table, uint32_t number);
uint32_t table_queue_pop(struct table *table);
void table_queue_remove(struct table *table, uint32_t number);

/* spawner.c */
int spawner_start(struct guard *guard);
void spawner_stop(struct guard *guard);

/* children.c */
void child_spawn(struct guard *guard, const struct phub__guard_message *m,
                 const void *datagram, size_t size, int *fds, size_t count);
void child_signal(struct guard *guard, uint64_t handle, int signal);
void child_release(struct guard *guard, uint64_t handle);
void child_status_event(struct guard *guard, uint32_t number);
void children_reap(struct guard *guard);
void children_feed_spawner(struct guard *guard);
void children_end_all(struct guard *guard, enum phub__guard_cause cause);
void children_check_spawner(struct guard *guard);

/* list.c: guard.children, and what an earlier guard left behind */
int list_open(struct guard *guard, char *error, size_t error_max);
int list_append(struct guard *guard, pid_t pid, uint64_t start_ticks);

/* cgroup.c */
#define CGROUP_NAME_MAX 24
void cgroup_open(struct guard *guard, const char *path);
void cgroup_name(uint64_t handle, char *name, size_t name_max);
void cgroup_child_new(const struct guard *guard, uint64_t handle);
void cgroup_child_kill(const struct guard *guard, uint64_t handle);
void cgroup_child_remove(const struct guard *guard, uint64_t handle);
void cgroup_kill_all(struct guard *guard);
void cgroup_close(struct guard *guard);

/* daemon.c: the connection to the daemon */
void daemon_accept(struct guard *guard);
void daemon_keep_fds(struct guard *guard);
void daemon_listen(struct guard *guard, bool listen);
void daemon_event(struct guard *guard, uint32_t events, bool candidate);
void daemon_tell(struct guard *guard);
void daemon_fatal(int fd, int sys_errno, const char *text);
void daemon_refuse(struct guard *guard, uint64_t handle, int sys_errno,
                   const char *text);

#endif
