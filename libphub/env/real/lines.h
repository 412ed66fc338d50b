/* SPDX-License-Identifier: MIT */
/* lines: of a log, to who reads them, or does not. */
#ifndef PHUB__ENV_LINES_H
#define PHUB__ENV_LINES_H

#include <stdint.h>

struct phub__lines {
    uint64_t dropped;   /* since the last one that went out */
    int terminal;       /* of its own, not blocking; 0: none yet, -1: none */
};

/* Write text and a newline to fd, cut to 4096 bytes; never waits.  What nobody
 * makes room for is dropped, and counted in the line that goes out next.
 * Thread: one at a time. */
void phub__lines_write(struct phub__lines *lines, int fd, const char *text);
void phub__lines_close(struct phub__lines *lines);

#endif
