/* SPDX-License-Identifier: MIT */
/* runner: what makes an instance exist.
 *
 * A runner turns a spec into a running instance and carries verbs to it.
 * "exec" is an OS process held by the guard, "actor" an in-process behaviour,
 * and the simulator has its own.  The supervisor above decides when to start,
 * restart, freeze and stop; a runner decides nothing.
 *
 * An instance is named by a handle that the supervisor chooses (never 0, never
 * reused).  Life of a handle:
 *
 *   start -> [started] -> verbs and messages -> exited -> (handle is dead)
 *   start -> failed (handle is dead)
 *   adopted (at attach) -> verbs and messages -> exited
 *
 * Thread: the hub's.  Events come from the loop, never inside a call. */
#ifndef PHUB__CHILD_RUNNER_H
#define PHUB__CHILD_RUNNER_H

#include <stdint.h>

#include <phub/types.h>

#define PHUB__RUNNERS_MAX 8u   /* of one environment */

struct phub_buf;
struct phub__list;
struct phub__spec;

/* Verbs of the child channel; the numbers on the wire are those of
 * <phub/child.h>, runners translate. */
enum phub__verb {
    /* to the child; each with a ref is answered by one DONE */
    PHUB__VERB_STOP = 1,   /* end in peace; exit is the answer */
    PHUB__VERB_FREEZE,     /* take no more work; DONE: nothing more is acked */
    PHUB__VERB_THAW,       /* the move was aborted: go on */
    PHUB__VERB_COMMIT,     /* standby: you are the one now */
    PHUB__VERB_TAKE_STATE, /* DONE carries the state in body */
    PHUB__VERB_PUT_STATE,  /* body: the state; before READY */
    PHUB__VERB_ROLE,       /* code: 0 passive, 1 active */
    PHUB__VERB_CONSENT,    /* may you be moved?  DONE code 0 = ready */
    PHUB__VERB_MESSAGE,    /* body; ref != 0: a reply is expected */
    /* from the child */
    PHUB__VERB_HELLO,      /* code: capability bits PHUB__CAN_* */
    PHUB__VERB_READY,
    PHUB__VERB_DONE,       /* ref, code (0 or PHUB_E*), text, body */
    PHUB__VERB_PUBLISH,    /* text: key, body: value (empty: remove) */
    PHUB__VERB_AGREE       /* it refused CONSENT, and may be moved now */
};

#define PHUB__CAN_FREEZE 1u
#define PHUB__CAN_STATE 2u
#define PHUB__CAN_CONSENT 4u
#define PHUB__CAN_ROLE 8u
/* With a second HELLO of an adopted child, when it has told all. */
#define PHUB__IDENTIFIED 0x10000u
#define PHUB__WAS_STANDBY 0x20000u  /* no COMMIT came */
#define PHUB__WAS_FROZEN 0x40000u

struct phub__verb_message {
    enum phub__verb verb;
    uint64_t ref;
    int32_t code;
    struct phub_bytes text;  /* borrowed until return */
    struct phub_buf *body;   /* borrowed until return; may be NULL */
    int unsent;              /* DONE: by the runner, the child was not asked */
    uint32_t version;        /* HELLO: of the states it gives, 0 = none told;
                              * PUT_STATE: of this one, 0: as in HELLO */
};

struct phub__runner_start {
    uint64_t handle;
    struct phub_bytes id;
    uint64_t node;
    struct phub_epoch epoch;
    struct phub_epoch incarnation;
    const struct phub__spec *spec;  /* borrowed until return */
    const char *node_name;
    int standby;         /* runs, but must not act before COMMIT */
    int state_expected;  /* PUT_STATE comes before it may get ready */
    int passive;         /* it begins with that role */
    int quiet;           /* of a command: its standard output is thrown away */
};

struct phub__runner_adopted {
    uint64_t handle;  /* chosen by the runner; it skips handles in use */
    struct phub_bytes id;
    struct phub_epoch epoch;
    struct phub_epoch incarnation;
    int64_t pid;
    int ready;        /* it counts as ready; else READY comes again, if it
                       * was, and a HELLO with PHUB__IDENTIFIED */
    int awaits;       /* it began as a standby, or with a state to come */
};

enum phub__end_cause {
    PHUB__END_SELF,      /* ended by itself */
    PHUB__END_SIGNAL,    /* we asked for it */
    PHUB__END_DEADLINE   /* the lease passed */
};

struct phub__runner_events {
    void (*started)(void *arg, uint64_t handle, int64_t pid);
    void (*failed)(void *arg, uint64_t handle, int rc, const char *text);
    void (*received)(void *arg, uint64_t handle,
                     const struct phub__verb_message *message);
    /* status: exit code, or minus the signal number. */
    void (*exited)(void *arg, uint64_t handle, int status,
                   enum phub__end_cause cause);
    void (*adopted)(void *arg, const struct phub__runner_adopted *child);
    /* The holder of all instances is gone and its instances with it; exited
     * has been reported for each.  A new one has the new guard id. */
    void (*holder)(void *arg, uint64_t guard_id);
};

struct phub__command_result {
    int rc;                 /* 0, PHUB_ETIMEDOUT, PHUB_ESPAWN, PHUB_EFAILED */
    int status;             /* as for exited */
    struct phub_buf *out;   /* standard output; borrowed until return */
    const char *text;       /* last line of standard error, or "" */
};

struct phub__runner {
    const char *name;
    /* Begin; adopted children are reported, then attached(arg) once, maybe
     * before this returns.  guard_id is 0 without a guard: holder() follows if
     * one comes later.  Errors: PHUB_ESYS... with text. */
    int (*attach)(struct phub__runner *runner,
                  const struct phub__runner_events *events,
                  void (*attached)(void *arg, uint64_t guard_id), void *arg,
                  char *error, size_t error_max);
    /* Forget the events.  What is left ends at once; with survives, it goes on
     * until the deadline or the next hub. */
    void (*detach)(struct phub__runner *runner);
    int (*start)(struct phub__runner *runner,
                 const struct phub__runner_start *start);
    /* Errors: PHUB_EBUSY if its queue is full, PHUB_ENOTFOUND, and
     * PHUB_EUNSUPPORTED if the instance has no channel, PHUB_EFAILED if it
     * spoke on one that is closed. */
    int (*send)(struct phub__runner *runner, uint64_t handle,
                const struct phub__verb_message *message);
    /* Nobody waits for the answer to ref any more.  May be NULL. */
    void (*forget)(struct phub__runner *runner, uint64_t handle,
                   uint64_t ref);
    /* hard 0: ask it to end (SIGTERM or the spec's signal); 1: SIGKILL. */
    int (*kill)(struct phub__runner *runner, uint64_t handle, int hard);
    /* Run one of the spec's commands for that instance or child: argv, state
     * on its standard input (may be NULL).  One that writes more than the
     * runner's limit ends with PHUB_ELIMIT.  Not offered by "actor" (NULL). */
    int (*command)(struct phub__runner *runner,
                   const struct phub__runner_start *child,
                   const struct phub__list *argv, /* struct phub_bytes */
                   struct phub_buf *input,
                   uint32_t timeout_ms,
                   void (*done)(void *arg,
                                const struct phub__command_result *result),
                   void *arg);
    /* All instances end when CLOCK_BOOTTIME passes boot_ns (absolute). */
    void (*deadline)(struct phub__runner *runner, uint64_t boot_ns);
    /* Instances survive the hub: a clean restart leaves them to the guard. */
    int survives;
};

#endif
