/* SPDX-License-Identifier: MIT */
/* guard_find: reach the guard of a state directory, or start one. */
#ifndef PHUB_CHILD_GUARD_FIND_H
#define PHUB_CHILD_GUARD_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct phub__guard_config;

struct phub__guard_found {
    int fd;            /* given to the caller */
    bool alive;        /* it was there before */
    pid_t started_pid; /* else: our child, to be reaped; or 0 */
};

/* Errors: as phub__guard_open(), with text. */
int phub__guard_find(const struct phub__guard_config *config,
                     struct phub__guard_found *found, char *text,
                     size_t text_max);

#endif
