/* SPDX-License-Identifier: MIT */
/* supervisor: the instances that this node runs.
 *
 * One struct phub__instance is one copy of one child on this node.  It is a
 * state machine over a runner; it restarts what ends by the spec's rules and
 * knows nothing of other nodes, rows or moves.
 *
 *   PREPARING -> STARTING -> [STANDBY ->] RUNNING <-> FROZEN
 *        \          |  \________ BACKOFF <___/
 *         \         v                |
 *          +----> STOPPING -> GONE   +-> FAILED
 *
 * PREPARING runs the spec's state_put command; STARTING waits for readiness
 * (and, with a state, for the child to have taken it: promise 7); STANDBY
 * holds a ready instance that must not act yet.  Every instance ends in
 * exactly one ended() event, after which the owner frees it.
 *
 * Back-off doubles from backoff_ms to backoff_max_ms and forgets after one
 * healthy restart_window_ms; one crashing child never touches another.  A
 * machine that cannot begin a process (PHUB_ESYS) is backed off from as well,
 * but costs the child none of its restarts.
 *
 * Thread: the hub's.  Callbacks may call back in, but for free. */
#ifndef PHUB__CHILD_SUPERVISOR_H
#define PHUB__CHILD_SUPERVISOR_H

#include <stdint.h>

#include <phub/plugin.h>
#include <phub/types.h>

#include "child/runner.h"
#include "child/spec.h"
#include "env/env.h"

#define PHUB__INSTANCE_METADATA_MAX 32u
#define PHUB__INSTANCE_CALLS_MAX 1024u    /* unanswered verbs per child */

enum phub__phase {
    PHUB__PHASE_PREPARING = 1,
    PHUB__PHASE_STARTING,
    PHUB__PHASE_STANDBY,
    PHUB__PHASE_RUNNING,
    PHUB__PHASE_FROZEN,
    PHUB__PHASE_BACKOFF,
    PHUB__PHASE_STOPPING,
    PHUB__PHASE_FAILED,
    PHUB__PHASE_GONE
};

enum phub__ended {
    PHUB__ENDED_STOPPED = 1,  /* we asked for it */
    PHUB__ENDED_COMPLETED,    /* by itself, and its restart type says so */
    PHUB__ENDED_FAILED,       /* never got ready, or too many restarts */
    PHUB__ENDED_DEADLINE      /* the lease passed */
};

struct phub__supervisor;
struct phub__instance;

struct phub__pair {
    struct phub_bytes key;
    struct phub_bytes value;
};

typedef void phub__verb_done(void *arg, int rc, const char *text,
                             struct phub_buf *body);

struct phub__supervisor_events {
    /* Phase, pid, restarts or metadata changed. */
    void (*changed)(void *arg, struct phub__instance *instance);
    /* Over for good; text says why for people. */
    void (*ended)(void *arg, struct phub__instance *instance,
                  enum phub__ended why, int rc, const char *text);
    /* A child that an earlier daemon of this node started. */
    void (*adopted)(void *arg, struct phub__instance *instance);
    /* The holder of a runner's instances has this id now. */
    void (*holder)(void *arg, const char *runner, uint64_t guard_id);
    /* attach of every runner is complete. */
    void (*attached)(void *arg);
    /* It may be moved now, it says. */
    void (*agreed)(void *arg, struct phub__instance *instance);
    /* May what ended by itself be started again now?  It is asked for anew
     * while not.  NULL: always. */
    int (*may_restart)(void *arg);
};

struct phub__instance_start {
    struct phub_bytes id;
    struct phub_epoch incarnation;
    struct phub_epoch epoch;
    struct phub_buf *spec;    /* canonical bytes; a reference is taken */
    struct phub_buf *state;   /* or NULL; a reference is taken */
    int state_code;           /* not 0: there is none, and this is why */
    int standby;              /* the state comes with commit */
    int first;                /* report a failing first start at once */
    uint32_t role;            /* enum phub_role */
    int role_told;            /* the child hears of its role */
    void *owner;
};

/* What it asks children has refs above refs: other ones than what an earlier
 * daemon asked those that are adopted. */
int phub__supervisor_new(struct phub_env *env, uint64_t node,
                         const char *node_name, uint64_t refs,
                         const struct phub__supervisor_events *events,
                         void *arg, struct phub__supervisor **supervisor);
/* End everything at once; no events follow. */
void phub__supervisor_free(struct phub__supervisor **supervisor);
/* Answers of children that nobody waited for any more, or that came twice. */
uint64_t phub__supervisor_answers_late(const struct phub__supervisor *s);
/* Attach the named runners; adopted(), then attached() follow. */
int phub__supervisor_attach(struct phub__supervisor *supervisor,
                            const char *const *runners, uint32_t count,
                            char *error, size_t error_max);
void phub__supervisor_deadline(struct phub__supervisor *supervisor,
                               uint64_t boot_ns);

/* Errors: PHUB_EUNSUPPORTED (no such runner here), PHUB_EPROTO or EINVAL (the
 * spec), PHUB_ENOMEM; error names the thing. */
int phub__instance_start(struct phub__supervisor *supervisor,
                         const struct phub__instance_start *start,
                         struct phub__instance **instance, char *error,
                         size_t error_max);
/* Somebody waits for its first start now: as if first had been given. */
void phub__instance_awaited(struct phub__instance *instance);
/* Give an adopted instance the spec its row holds. */
int phub__instance_set_spec(struct phub__instance *instance,
                            struct phub_buf *spec);
/* It was adopted, and nobody has said yet that it may stay. */
int phub__instance_adopted(const struct phub__instance *instance);
/* It was adopted a moment ago, and has not said yet what it can: it may have a
 * state that nobody here knows of. */
int phub__instance_unsure(const struct phub__instance *instance);
/* The state that it was given, borrowed, until it runs with it; or NULL. */
struct phub_buf *phub__instance_given(const struct phub__instance *instance);
/* Has an adopted one its state?  1, 0 (it may tell yet: changed() follows),
 * -1 (nobody knows).  ran: this very process was seen running, so it had its
 * state and was ready. */
int phub__instance_whole(struct phub__instance *instance, int ran);
/* It may: what an interrupted move left frozen or as a standby goes on; what
 * never gets ready ends. */
void phub__instance_settle(struct phub__instance *instance);
/* It is frozen, and somebody will say later whether it may go on. */
void phub__instance_unsettle(struct phub__instance *instance);
/* Ask it to end; SIGKILL after stop_timeout_ms; ended() follows.  hard: at
 * once.  Repeated calls change nothing. */
void phub__instance_stop(struct phub__instance *instance, int hard,
                         const char *why);
/* Frees; only after ended(), or all with the supervisor. */
void phub__instance_free(struct phub__instance **instance);

/* Each ends in one done(). */
void phub__instance_freeze(struct phub__instance *instance,
                           uint32_t timeout_ms, phub__verb_done *done,
                           void *arg);
void phub__instance_thaw(struct phub__instance *instance);
void phub__instance_take_state(struct phub__instance *instance,
                               uint32_t timeout_ms, phub__verb_done *done,
                               void *arg);
/* Give a standby its state before it is decided that it will run: it may
 * refuse, and text says the versions.  commit() does not give it again.
 * Errors: PHUB_EUNSUPPORTED: it cannot be asked now; commit() will. */
int phub__instance_load(struct phub__instance *instance,
                        struct phub_buf *state, phub__verb_done *done,
                        void *arg);
/* A standby gets its state (or NULL) and becomes the one that runs; done rc 0
 * when it is RUNNING. */
void phub__instance_commit(struct phub__instance *instance,
                           struct phub_buf *state, phub__verb_done *done,
                           void *arg);
void phub__instance_consent(struct phub__instance *instance,
                            uint32_t timeout_ms, phub__verb_done *done,
                            void *arg);
/* done NULL: one way, and PHUB_EBUSY says that the child takes no more for the
 * moment. */
int phub__instance_message(struct phub__instance *instance,
                           struct phub_buf *body, uint32_t timeout_ms,
                           phub__verb_done *done, void *arg);
/* The role it has from now on; with tell the child hears of it, now or when it
 * says HELLO.  One that was told another role before and does not take this
 * one ends, and its owner starts it anew. */
void phub__instance_set_role(struct phub__instance *instance, uint32_t role,
                             int tell);
uint32_t phub__instance_role(const struct phub__instance *instance);
/* Tell it that role now, whatever it has; ends in one done(). */
void phub__instance_tell_role(struct phub__instance *instance, uint32_t role,
                              phub__verb_done *done, void *arg);
void phub__instance_set_epoch(struct phub__instance *instance,
                              struct phub_epoch epoch);

struct phub_bytes phub__instance_id(const struct phub__instance *instance);
enum phub__phase phub__instance_phase(const struct phub__instance *instance);
struct phub_epoch phub__instance_epoch(const struct phub__instance *instance);
struct phub_epoch
phub__instance_incarnation(const struct phub__instance *instance);
int64_t phub__instance_pid(const struct phub__instance *instance);
uint32_t phub__instance_restarts(const struct phub__instance *instance);
/* Why it is begun again, in words. */
const char *phub__instance_ended_by(const struct phub__instance *instance);
/* It waits for a machine that could not begin it the last time. */
int phub__instance_stuck(const struct phub__instance *instance);
/* The state that it was given and did not take, or NULL; borrowed. */
struct phub_buf *phub__instance_state(const struct phub__instance *instance);
/* PHUB__CAN_* of the channel and of the spec's commands together. */
uint32_t phub__instance_can(const struct phub__instance *instance);
const struct phub__pair *
phub__instance_metadata(const struct phub__instance *instance,
                        uint32_t *count);
void *phub__instance_owner(const struct phub__instance *instance);
void phub__instance_set_owner(struct phub__instance *instance, void *owner);
const struct phub__spec *
phub__instance_spec(const struct phub__instance *instance);

#endif
