/* SPDX-License-Identifier: MIT */
/* actor: the runner of children that are functions of this program.
 *
 * A behaviour is a set of functions; an instance is a struct phub_actor with
 * a mailbox.  An actor with something to do stands in the run queue once;
 * a worker takes it, does at most ACTOR_TURN_MAX steps of it and puts it back
 * at the end, so an actor runs on one thread at a time and a busy one cannot
 * starve another.  An actor costs its struct and its own bytes: no thread, no
 * timer, no descriptor.
 *
 * A step is one letter: the start, a verb, a message.  Letters of an actor
 * are done in the order in which they came; FREEZE is one of them, so all
 * that was accepted before it is in the state.  Messages that come to a
 * frozen actor wait for THAW.
 *
 * Lease: before each step the worker compares the boot-time clock with the
 * deadline.  When it has passed the actor ends instead (terminate is called,
 * nothing else), whatever the hub's thread is doing.  Actors without letters
 * are ended by the hub's thread at the deadline, or at the first renewal that
 * comes too late.
 *
 * With no threads ("inline") the steps run from env->defer on the hub's own
 * thread, which is how the simulator has actors.
 *
 * Threads: functions here are for the hub's thread; results of workers go
 * back to it through env->post.  An actor that never returns from a function
 * cannot be ended: it stays "stopping", and detach waits for it. */
#ifndef PHUB__CHILD_ACTOR_H
#define PHUB__CHILD_ACTOR_H

#include <stdint.h>

#include <phub/phub.h>

#include "child/runner.h"
#include "env/env.h"

#define PHUB__BEHAVIOURS_MAX 1024u
#define PHUB__BEHAVIOUR_NAME_MAX 63u  /* bytes, as in a spec */
#define PHUB__ACTOR_SELF_MAX (16u * 1024u * 1024u)  /* instance_size */
#define PHUB__MAILBOX_MAX 4096u       /* messages waiting; PHUB_EBUSY */
#define PHUB__MAILBOXES_MAX 1048576u  /* the same, of all actors together */
#define PHUB__ACTOR_RESULTS_MAX 65536u /* publications on their way */
#define PHUB__ACTOR_TURN_MAX 32u      /* steps before another has its turn */
#define PHUB__ACTOR_THREADS_MAX 64u

struct phub__actors;

/* threads 0: inline.  Errors: PHUB_EINVAL, PHUB_ENOMEM. */
int phub__actors_new(struct phub_env *env, uint32_t threads,
                     struct phub__actors **actors);
/* After the env has forgotten it. */
void phub__actors_free(struct phub__actors **actors);
/* The runner "actor"; borrowed for the life of actors. */
struct phub__runner *phub__actors_runner(struct phub__actors *actors);
/* Copies; before attach.  Errors: PHUB_EEXIST, PHUB_EINVAL, PHUB_ELIMIT,
 * PHUB_ENOMEM. */
int phub__actors_behaviour_add(struct phub__actors *actors,
                               const struct phub_behaviour *behaviour);
/* Actors that are not freed yet. */
uint32_t phub__actors_count(const struct phub__actors *actors);

#endif
