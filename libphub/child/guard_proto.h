/* SPDX-License-Identifier: MIT */
/* guard_proto: what a daemon and its guard say to each other.
 *
 * One SOCK_SEQPACKET connection; each datagram is one CBOR map with the keys
 * of enum phub__guard_key, at most PHUB__GUARD_MESSAGE_MAX bytes.  Unknown keys
 * are skipped, so that a newer daemon can adopt an older guard; the version in
 * HELLO and WELCOME says what the other side knows.
 *
 * Daemon to guard: HELLO first, then anything.  Handles are chosen by the
 * daemon, are not 0, and stay in use until RELEASE, or until SPAWN_FAILED has
 * been sent.  Guard to daemon: WELCOME, then for each child that the guard
 * still knows CHILD and, if it has ended, EXITED, then ALL_TOLD; and, as they
 * come, one CHILD or SPAWN_FAILED for each SPAWN, one EXITED for each CHILD.
 *
 * CHILD carries two descriptors, in this order: the daemon's end of the child
 * channel and the reading end of its output pipe.  The guard keeps its own
 * copies, so that the next daemon gets them too.
 *
 * Deadlines are nanoseconds of CLOCK_BOOTTIME.  They are only ever compared:
 * the guard keeps the latest one, and what is past stays past. */
#ifndef PHUB_CHILD_GUARD_PROTO_H
#define PHUB_CHILD_GUARD_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <phub/types.h>

#define PHUB__GUARD_VERSION 1u
#define PHUB__GUARD_MESSAGE_MAX (96u * 1024u) /* bytes */
#define PHUB__GUARD_ARGS_MAX 1024u            /* argv; env as well */
#define PHUB__GUARD_TEXT_MAX 511u             /* bytes of an error text */
#define PHUB__GUARD_PATH_MAX 4095u            /* bytes of a directory */
#define PHUB__GUARD_NOTE_MAX 255u             /* bytes */
#define PHUB__GUARD_FDS_MAX 3u                /* descriptors of one datagram */
/* A deadline further ahead than this is a mistake, and refused. */
#define PHUB__GUARD_AHEAD_MAX_NS (24ull * 3600u * 1000000000u)

#define PHUB__GUARD_SOCKET "guard.sock"
#define PHUB__GUARD_CHILDREN "guard.children"
#define PHUB__GUARD_LOCK "guard.lock"

enum phub__guard_verb {
    /* daemon to guard */
    PHUB__GUARD_HELLO = 1,    /* version */
    PHUB__GUARD_SPAWN = 2,    /* handle, child, epoch, argv, env, cwd?, note?,
                                 flags?, file_max? */
    PHUB__GUARD_SIGNAL = 3,   /* handle, signal */
    PHUB__GUARD_DEADLINE = 4, /* deadline */
    PHUB__GUARD_RELEASE = 5,  /* handle: forget it, it has ended */
    PHUB__GUARD_QUIT = 6,     /* end all children, then exit */
    /* guard to daemon */
    PHUB__GUARD_WELCOME = 32,      /* version, guard, deadline, pid */
    PHUB__GUARD_CHILD = 33,        /* handle, child, epoch, pid, start,
                                      running, note?, flags? */
    PHUB__GUARD_SPAWN_FAILED = 34, /* handle, errno, text */
    PHUB__GUARD_EXITED = 35,       /* handle, status, cause */
    PHUB__GUARD_FATAL = 36,        /* errno, text: the guard could not start */
    PHUB__GUARD_ALL_TOLD = 37      /* what was there at HELLO has been told */
};

enum phub__guard_key {
    PHUB__GUARD_KEY_VERB = 0,
    PHUB__GUARD_KEY_VERSION = 1,
    PHUB__GUARD_KEY_HANDLE = 2,
    PHUB__GUARD_KEY_CHILD = 3,        /* text: the child id */
    PHUB__GUARD_KEY_EPOCH_NUMBER = 4,
    PHUB__GUARD_KEY_EPOCH_NODE = 5,
    PHUB__GUARD_KEY_ARGV = 6,         /* array of bytes, one at least */
    PHUB__GUARD_KEY_ENV = 7,          /* array of bytes, NAME=value */
    PHUB__GUARD_KEY_CWD = 8,          /* bytes */
    PHUB__GUARD_KEY_SIGNAL = 9,
    PHUB__GUARD_KEY_DEADLINE = 10,
    PHUB__GUARD_KEY_GUARD = 11,       /* the guard id, random, never 0 */
    PHUB__GUARD_KEY_PID = 12,
    PHUB__GUARD_KEY_START = 13,       /* clock ticks since boot, proc(5) */
    PHUB__GUARD_KEY_RUNNING = 14,     /* bool */
    PHUB__GUARD_KEY_ERRNO = 15,
    PHUB__GUARD_KEY_TEXT = 16,
    PHUB__GUARD_KEY_STATUS = 17,      /* as from wait(2) */
    PHUB__GUARD_KEY_CAUSE = 18,
    PHUB__GUARD_KEY_NOTE = 19,        /* bytes: the daemon's own, given back */
    PHUB__GUARD_KEY_FLAGS = 20,
    PHUB__GUARD_KEY_FILE_MAX = 21,    /* RLIMIT_FSIZE, soft and hard; 0: as the
                                         daemon's */
    PHUB__GUARD_KEYS
};

/* SPAWN brings three descriptors that become 0, 1 and 2 of the program, which
 * gets no channel and no output pipe; its CHILD carries no descriptors. */
#define PHUB__GUARD_FLAG_STDIO 1u

/* Why a child ended. */
enum phub__guard_cause {
    PHUB__GUARD_BY_ITSELF = 0,
    PHUB__GUARD_BY_SIGNAL = 1,  /* a SIGNAL was sent to it before */
    PHUB__GUARD_BY_DEADLINE = 2,
    PHUB__GUARD_BY_QUIT = 3
};

/* One message, decoded or to be encoded.  Strings are borrowed.  argv and env
 * are whole CBOR arrays of byte strings: read with phub__guard_args_next(). */
struct phub__guard_message {
    enum phub__guard_verb verb;
    uint32_t present; /* bit per key; set by decode */
    uint32_t version;
    uint64_t handle;
    struct phub_bytes child;
    struct phub_epoch epoch;
    struct phub_bytes argv;
    struct phub_bytes env;
    struct phub_bytes cwd;
    uint32_t signal;
    uint64_t deadline_ns;
    uint64_t guard_id;
    uint32_t pid;
    uint64_t start_ticks;
    bool running;
    uint32_t sys_errno;
    struct phub_bytes text;
    uint32_t status;
    uint32_t cause;
    struct phub_bytes note;
    uint32_t flags;
    uint64_t file_max;
};

/* Write message into buf with the keys that its verb takes.  size is what it
 * needs, set always.  Errors: PHUB_ELIMIT if that is more than capacity. */
int phub__guard_encode(const struct phub__guard_message *message, void *buf,
                       size_t capacity, size_t *size);

/* Read a datagram; message borrows from it.  Errors: PHUB_EPROTO if it is not
 * a message, PHUB_EUNSUPPORTED if its verb is unknown. */
int phub__guard_decode(const void *bytes, size_t size,
                       struct phub__guard_message *message);

/* Take the next string of an argv or env array; at starts as 0 and is kept by
 * the caller.  False at the end.  The array was checked by decode. */
bool phub__guard_args_next(const struct phub_bytes *array, size_t *at,
                           struct phub_bytes *arg);

#endif
