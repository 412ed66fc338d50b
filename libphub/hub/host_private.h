/* SPDX-License-Identifier: MIT */
/* host_private: what the groups of the host table share.
 *
 * Each group has a file of its own, host_GROUP.c, and declares here what the
 * table in host.c names. */
#ifndef PHUB__HUB_HOST_PRIVATE_H
#define PHUB__HUB_HOST_PRIVATE_H

#include "hub/host.h"

#define PHUB__HOST_TEXT_MAX 200u

struct phub__host_timer {
    struct phub__host_timer *next;
    struct phub_ctx *ctx;
    uint64_t token;
    struct phub__timer *timer;
};

struct phub_ctx {
    struct phub__hub *hub;
    enum phub_kind kind;
    struct phub__host_timer *timers;
    uint32_t timers_count;
};

/* Something to tell a strategy. */
struct phub__told {
    struct phub__told *next;
    enum phub_kind kind;
    uint64_t token;
    uint64_t value;
    int rc;
    struct phub_buf *buf;
    char text[PHUB__HOST_TEXT_MAX];
};

struct phub__host {
    struct phub_ctx ctx[PHUB__KINDS];
    struct phub__told *first, **last;
    int scheduled;
    int judging;                   /* judge_again() waits for its turn */
};

#endif
