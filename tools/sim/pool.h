/* SPDX-License-Identifier: MIT */
/* pool: jobs in parallel processes, which may crash or spin.
 *
 * Each worker takes the next job that nobody has, and sends what it came to
 * through a pipe of its own.  What it is doing right now stands in a slot of
 * shared memory, so that the parent can tell what was under way when a worker
 * dies, or when it has burnt SIM_POOL_SPIN_S of CPU time without a step ahead
 * (or waited SIM_POOL_HANG_S), and is killed.  A new worker takes its place.
 *
 * Workers die with their parent. */
#ifndef PHUB_TOOLS_SIM_POOL_H
#define PHUB_TOOLS_SIM_POOL_H

#include <stdint.h>
#include <stdio.h>

#include "strategy/note.h"

#define SIM_POOL_WORKERS_MAX 256u
#define SIM_POOL_SPIN_S 10u    /* inside a call into a strategy */
#define SIM_POOL_STILL_S 120u  /* outside of any */
#define SIM_POOL_HANG_S 120u   /* by the clock of the wall */
#define SIM_POOL_ANSWER_MAX (64u << 20)

/* Shared with the parent. */
struct sim_slot {
    volatile uint64_t job;
    volatile int busy;                  /* with that job */
    volatile uint64_t beat_ns;          /* virtual time reached */
    volatile uint64_t seed;
    struct phub__call_note calls;
};

struct sim_pool {
    uint64_t jobs;
    uint32_t workers;                   /* 0: in this process */
    /* In a worker: what is written to answer is what done() gets. */
    void (*work)(void *arg, uint64_t job, struct sim_slot *slot,
                 FILE *answer);
    /* In the parent; not 0: no more jobs are begun. */
    int (*done)(void *arg, uint64_t job, const void *answer, size_t size);
    /* how: "crashed (Segmentation fault) in assign of ..." */
    int (*died)(void *arg, const struct sim_slot *slot, const char *how);
    /* Several times a second; may be NULL. */
    void (*tick)(void *arg);
    void *arg;
};

/* 0, or -1 after a word on stderr: the machine does not give what it takes. */
int sim_pool_run(const struct sim_pool *pool);
/* Cores that this process may use. */
uint32_t sim_pool_cores(void);

#endif
