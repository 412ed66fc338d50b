/* SPDX-License-Identifier: MIT */
/* spec: what to run and how.
 *
 * The registry carries a spec as canonical CBOR (equal specs are equal
 * bytes); this is its decoded form.  Texts borrow from the bytes it was
 * decoded from.  0 in a number means "the default" of the table in spec.c. */
#ifndef PHUB__CHILD_SPEC_H
#define PHUB__CHILD_SPEC_H

#include <stdint.h>

#include <phub/types.h>

#include "wire/codec.h"

enum phub__restart {
    PHUB__RESTART_PERMANENT = 0,  /* always (the default) */
    PHUB__RESTART_TRANSIENT,      /* unless it exits 0 */
    PHUB__RESTART_TEMPORARY       /* never */
};

struct phub__spec {
    struct phub_bytes runner;     /* "exec" or "actor" */
    struct phub__list argv;       /* exec: of struct phub_bytes */
    struct phub__list env;        /* exec: "NAME=value" */
    struct phub_bytes cwd;        /* exec: absolute; "" = the child's own
                                   * directory below the state directory */
    struct phub_bytes behaviour;  /* actor: registered name */
    struct phub_bytes argument;   /* actor: bytes for init */
    uint64_t restart;             /* enum phub__restart */
    uint64_t restarts_max;        /* in restart_window_ms; then FAILED */
    uint64_t restart_window_ms;
    uint64_t backoff_ms;          /* first delay; doubles to backoff_max_ms */
    uint64_t backoff_max_ms;
    uint64_t ready;               /* 1: wait for READY on the channel */
    uint64_t ready_timeout_ms;
    uint64_t stop_timeout_ms;     /* then SIGKILL */
    uint64_t stop_signal;         /* 0: SIGTERM */
    uint64_t state_timeout_ms;    /* freeze and take_state, each */
    /* Commands for programs that do not speak the channel (exec only).
     * state_put runs before the program is started on the new node. */
    struct phub__list cmd_state_get;
    struct phub__list cmd_state_put;
    struct phub__list cmd_freeze;
    struct phub__list cmd_thaw;
    struct phub__list cmd_health;
    uint64_t health_interval_ms;
    uint64_t checkpoint_ms;       /* a copy of its state goes to another node
                                   * so often, and it may begin with one, which
                                   * may be stale; 0: never */
};

#define PHUB__SPEC_SIZE_MAX 65536u    /* bytes of CBOR */
#define PHUB__SPEC_ARENA_MAX 65536u   /* bytes of decoded lists */

extern const struct phub__schema phub__spec_schema;

/* Decode bytes and fill in defaults.  spec borrows from bytes and arena.
 * Errors: PHUB_EPROTO, PHUB_EINVAL with text naming the field, its value and
 * what is allowed.  Thread: any. */
int phub__spec_decode(struct phub_bytes bytes, struct phub__spec *spec,
                      struct phub__arena *arena, char *error,
                      size_t error_max);

#endif
