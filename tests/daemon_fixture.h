/* SPDX-License-Identifier: MIT */
/* daemon_fixture: real daemons with real guards and children, for tests.
 *
 *   world_case(suite, "name", seconds)   a test case whose tests have a world
 *   daemon_new -> daemon_start -> ask, phub, await -> (the world ends)
 *   return world_run(suite)
 *
 * All of a world lies in a directory of its own; ports are the kernel's.
 * Daemons die with the test that started them, however it ends, their guards
 * and children are ended after it, and then the directory goes.  Nothing here
 * sleeps for a time that is thought to be enough: await() looks again and again
 * until a condition holds, and a limit makes the test fail, with the daemons'
 * logs.  If one of these says that it was not run, which the test did not make
 * it, and the test was not run either, then the machine stood still, and all is
 * tried again, twice at most; not if one aborted. */
#ifndef PHUB_TESTS_DAEMON_FIXTURE_H
#define PHUB_TESTS_DAEMON_FIXTURE_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include <phub/types.h>

#define DAEMONS_MAX 6
#define ROWS_MAX 128     /* records of an answer that are looked at */
#define FLAGS_MAX 24     /* further flags of a daemon */
#define LEASE_MS 2000    /* the default of [members] lease_ms */
#define MARGIN_MS 2300   /* kill_margin_ms and what a busy machine may take */
#define SOON 10          /* seconds: for what takes much less */

struct daemon {
    char name[32], dir[128], state[160], sock[160], log[160];
    char endpoint[64];   /* of its last start */
    pid_t pid;           /* 0: it does not run */
    bool stopped;        /* by the test, once */
};

struct world {
    char dir[96];
    struct daemon daemons[DAEMONS_MAX];
    size_t count;
};

struct row {
    char id[300], node[64], home[64], state[16], text[600], port[16];
    int64_t code, pid;
    uint64_t restarts, value, boot, epoch;
};

struct reply {
    int rc;              /* 0, or of <phub/client.h> */
    int64_t code;
    char text[1024];
    size_t count;
    struct row rows[ROWS_MAX];
};

extern struct world world;

/* A test case; each of its tests begins with an empty world. */
TCase *world_case(Suite *suite, const char *name, int seconds);
/* Run all: what main() returns. */
int world_run(Suite *suite);

/* --- daemons --- */

struct daemon *daemon_new(const char *name);
/* Start it; flags are words up to NULL, over the defaults.  _wait returns when
 * it answers on its control socket, with its endpoint known. */
void daemon_start(struct daemon *d, ...) __attribute__((sentinel));
void daemon_start_wait(struct daemon *d, ...) __attribute__((sentinel));
/* Send a signal; after SIGKILL it is reaped and pid is 0. */
void daemon_signal(struct daemon *d, int sig);
/* Wait until it ends; gives its wait status. */
int daemon_end(struct daemon *d, int seconds);
bool daemon_says(const struct daemon *d, const char *text); /* in its log */
/* Start count daemons "a", "b" ...; all are members when it returns. */
void hub_start(size_t count);

/* --- asking --- */

void ask(const struct daemon *d, struct reply *reply, const char *verb,
         const char *id);
void ask_bytes(const struct daemon *d, struct reply *reply,
               struct phub_bytes body);
uint64_t counter_of(const struct daemon *d, const char *name); /* of status */
bool members(const struct daemon *d, size_t count); /* that are alive */
bool row_of(const struct daemon *d, const char *id, struct row *row);
bool running(const struct daemon *d, size_t count); /* so many, none else */
bool runs_on(const struct daemon *d, const char *id, const char *node);
/* Wait until all daemons that run agree: so many run, and nothing moves. */
void settle(size_t count);

/* Run phub(1) on a daemon: words up to NULL.  Gives its exit code; what it
 * printed is in phub_said. */
extern char phub_said[16384];
int phub(const struct daemon *d, ...) __attribute__((sentinel));
void must_phub(const struct daemon *d, ...) __attribute__((sentinel));

/* --- processes --- */

int process_open(pid_t pid);             /* a pidfd */
bool process_ends(int pidfd, int ms);    /* within that; closes it if so */
pid_t parent_of(pid_t pid);              /* 0: no such process */
pid_t guard_of(const struct daemon *d);  /* by its own state directory */
const char *helper(const char *name);    /* path of tests/NAME; static, 4 of */

/* --- counters, tests/counter.c --- */

/* Start one and wait until its port is known: it says that after READY. */
void counter_start(const struct daemon *d, const char *id);
/* Connect to it; -1: not now.  Thread: any. */
int counter_open(const struct daemon *d, const char *id);
/* Say "inc" or "get"; the number it answers, or -1. */
int64_t counter_say(const struct daemon *d, const char *id, const char *word);

/* --- waiting --- */

uint64_t now_ms(void);
void pause_ms(int ms);
void tell_logs(void);

#define await(seconds, condition)                                             \
    do {                                                                      \
        uint64_t end_ = now_ms() + (uint64_t)(seconds) * 1000;                \
        while (!(condition)) {                                                \
            if (now_ms() >= end_) {                                           \
                tell_logs();                                                  \
                ck_abort_msg("not within %d s: %s", (int)(seconds),           \
                             #condition);                                     \
            }                                                                 \
            pause_ms(10);                                                     \
        }                                                                     \
    } while (0)

#define claim(condition, ...)                                                 \
    do {                                                                      \
        if (!(condition)) {                                                   \
            tell_logs();                                                      \
            ck_abort_msg(__VA_ARGS__);                                        \
        }                                                                     \
    } while (0)

#endif
