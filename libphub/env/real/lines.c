/* SPDX-License-Identifier: MIT */
/* lines: of a log, to who reads them, or does not.
 *
 * A pager, a terminal that was stopped, a journal that hangs: a write that
 * waits for them stops the hub, and the others take its children.  fd is the
 * program's and shared with others, so it is not made non-blocking; but what is
 * ready for a write takes PIPE_BUF bytes at least (pipe(7)), and one line is not
 * longer. */
#include "config.h"

#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "env/real/lines.h"

static int has_room(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0 &&
           (poll_fd.revents & (POLLERR | POLLNVAL)) == 0;
}

static int write_line(int fd, const char *text)
{
    char line[PIPE_BUF];
    size_t size = strlen(text);

    if (!has_room(fd))
        return -1;
    if (size > sizeof line - 1)
        size = sizeof line - 1;
    memcpy(line, text, size);
    line[size++] = '\n';
    return write(fd, line, size) == (ssize_t)size ? 0 : -1;
}

void phub__lines_write(struct phub__lines *lines, int fd, const char *text)
{
    char lost[80];

    if (lines->dropped != 0) {
        snprintf(lost, sizeof lost, "%llu lines of the log are missing here: "
                 "nobody read it", (unsigned long long)lines->dropped);
        if (write_line(fd, lost) == 0)
            lines->dropped = 0;
    }
    if (lines->dropped != 0 || write_line(fd, text) != 0)
        lines->dropped++;
}
