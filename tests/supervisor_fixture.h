/* SPDX-License-Identifier: MIT */
/* supervisor_fixture: a supervisor on a clock and a runner of the test's.
 *
 * Time stands still until sup_run().  The runner records what it is asked;
 * the test says what the child does.  An instance is freed when it has
 * ended, as the hub does. */
#ifndef PHUB_TESTS_SUPERVISOR_FIXTURE_H
#define PHUB_TESTS_SUPERVISOR_FIXTURE_H

#include <stdint.h>

#include "child/supervisor.h"
#include "env/env.h"

struct sup_timer;
struct sup_later;

struct sup {
    struct phub_env env;
    struct phub__runner runner;
    uint64_t now_ns, random;
    struct sup_timer *timers;
    struct sup_later *later, **later_end;
    struct phub__supervisor *supervisor;
    const struct phub__runner_events *events;
    void *events_arg;
    /* what the runner was asked */
    int start_rc, send_rc, command_rc, kill_rc; /* what it answers */
    uint64_t handle;                        /* of the last start */
    uint32_t starts, sends, soft, hard, commands, detached;
    uint64_t started_ns;                    /* of the last start */
    int standby, state_expected;
    enum phub__verb verb;                   /* of the last send */
    uint64_t ref, forgotten;
    char body[64];
    struct phub_bytes command_word;         /* first of its argv */
    char command_input[64];
    void (*command_done)(void *arg, const struct phub__command_result *r);
    void *command_arg;
    /* what the supervisor told */
    uint32_t changed, ended, adopted, attached, agreed;
    enum phub__ended why;
    int rc;
    char text[256];
    uint64_t guard_id;
    struct phub__instance *instance;        /* NULL once it ended */
    const struct phub__runner_adopted *held;
    int may_not;                            /* the node may not restart */
};

/* Runner "exec" is there; attached.  It has held child, if that is not NULL,
 * since before. */
void sup_init(struct sup *sup, const struct phub__runner_adopted *child);
void sup_fini(struct sup *sup);
/* Run what is due in the next ms milliseconds, in order. */
void sup_run(struct sup *sup, uint64_t ms);

/* An exec spec that waits for READY; the caller changes it. */
struct phub__spec sup_spec(void);
struct phub_buf *sup_bytes(const struct phub__spec *spec);
struct phub_bytes sup_text(const char *text);

#define SUP_FIRST 1u
#define SUP_STANDBY 2u
/* Start one "c"; state may be NULL.  What phub__instance_start gives. */
int sup_start(struct sup *sup, const struct phub__spec *spec, unsigned flags,
              const char *state);
/* The child was made; said HELLO; is ready; answered; ended. */
void sup_started(struct sup *sup);
void sup_hello(struct sup *sup, int32_t can);
void sup_ready(struct sup *sup);
void sup_agree(struct sup *sup);
void sup_done(struct sup *sup, uint64_t ref, int32_t code, const char *body);
/* The runner could not send it after all. */
void sup_unsent(struct sup *sup, uint64_t ref, int32_t code);
void sup_exit(struct sup *sup, int status);
void sup_publish(struct sup *sup, const char *key, const char *value);
void sup_command_done(struct sup *sup, int rc, const char *text,
                      const char *out);
/* Started, HELLO with can, READY. */
void sup_up(struct sup *sup, int32_t can);
#define SUP_CAN_ALL                                                           \
    (PHUB__CAN_FREEZE | PHUB__CAN_STATE | PHUB__CAN_CONSENT | PHUB__CAN_ROLE)
/* One of sup_spec() is started, and comes up. */
void sup_running(struct sup *sup, int32_t can);
enum phub__phase sup_phase(const struct sup *sup);

/* One answer of a verb. */
struct sup_answer {
    uint32_t count;
    int rc;
    char text[200];
    char body[64];
};
void sup_answered(void *arg, int rc, const char *text, struct phub_buf *body);

#endif
