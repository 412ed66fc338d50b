/* SPDX-License-Identifier: MIT */
/* move_private: what move.c and arrival.c keep of a move. */
#ifndef PHUB__HUB_MOVE_PRIVATE_H
#define PHUB__HUB_MOVE_PRIVATE_H

#include "hub/move.h"

#define PHUB__MOVE_MAGIC 0x3d90af61u
#define PHUB__ARRIVAL_MAGIC 0x1b7744e2u

/* The order counts: from DECIDED on nothing is taken back from here. */
enum phub__move_phase {
    PHUB__MOVE_OPEN = 1,
    PHUB__MOVE_PREPARING,
    PHUB__MOVE_PREPARED,
    PHUB__MOVE_SENT,
    PHUB__MOVE_DECIDED,
    PHUB__MOVE_FINISHING
};

struct phub__move {
    uint32_t magic;
    uint32_t cause;
    uint64_t id;
    struct phub__move *bucket_next;
    struct phub__hub *hub;
    uint32_t who;                 /* of the strategy that carries it out */
    const char *strategy;         /* its name */
    struct phub__local *local;
    uint64_t target, target_boot;
    uint64_t begun_ns;
    struct phub_epoch incarnation;
    struct phub_epoch base;       /* home epoch when it began */
    struct phub_epoch epoch;      /* of the decision */
    enum phub__move_phase phase;
    uint64_t token;               /* of the step under way */
    struct phub_buf *state;
    struct phub__state_out *stream;
    int waiting, target_knows, may_be_frozen, frozen, ending, ended, aborting;
    int over, returned;
    char why[160];
};

struct phub__arrival {
    uint32_t magic;
    uint32_t standby;             /* asked for one */
    struct phub__local *local;
    uint64_t origin, origin_boot;
    struct phub_epoch incarnation;
    struct phub_epoch base;       /* home epoch that it is good for */
    struct phub__reply prepare;   /* to be answered, if transaction != 0 */
    struct phub_buf *state;       /* being filled, then complete */
    uint64_t received;
    uint64_t checksum;
    int complete;
    int loading;                  /* its standby is asked to take it */
    int activated;                /* the row said it is ours */
    int clearing;                 /* a replica here has to end first */
};

int phub__arrival_complete(const struct phub__arrival *arrival);
struct phub_epoch
phub__arrival_incarnation(const struct phub__arrival *arrival);
struct phub_epoch phub__arrival_base(const struct phub__arrival *arrival);

#endif
