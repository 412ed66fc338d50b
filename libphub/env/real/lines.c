/* SPDX-License-Identifier: MIT */
/* lines: of a log, to who reads them, or does not.
 *
 * A pager, a terminal that was stopped, a journal that hangs: a write that
 * waits for them stops the hub, and the others take its children.  fd is the
 * program's and shared with others, so it is not made non-blocking.  A pipe that
 * is ready takes PIPE_BUF bytes at least (pipe(7)), and one line is not longer;
 * a socket is asked not to wait; a terminal is ready with less room than a line
 * takes, and is opened once more, as one that does not wait. */
#include "config.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "env/real/lines.h"

static int has_room(int fd)
{
    struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };

    return poll(&poll_fd, 1, 0) == 1 && (poll_fd.revents & POLLOUT) != 0 &&
           (poll_fd.revents & (POLLERR | POLLNVAL)) == 0;
}

/* What to write to instead of fd, if that is a terminal. */
static int terminal_of(struct phub__lines *lines, int fd)
{
    char path[32];

    if (lines->terminal == 0) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        lines->terminal = isatty(fd)
            ? open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC) : -1;
    }
    return lines->terminal > 0 ? lines->terminal : fd;
}

/* Half a line of a terminal that has no more room is one that went out. */
static int write_line(struct phub__lines *lines, int fd, const char *text)
{
    char line[PIPE_BUF];
    size_t size = strlen(text);
    struct stat status;
    ssize_t done;

    fd = terminal_of(lines, fd);
    if (!has_room(fd))
        return -1;
    if (size > sizeof line - 1)
        size = sizeof line - 1;
    memcpy(line, text, size);
    line[size++] = '\n';
    if (fstat(fd, &status) == 0 && S_ISSOCK(status.st_mode))
        done = send(fd, line, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    else
        done = write(fd, line, size);
    return done > 0 ? 0 : -1;
}

void phub__lines_close(struct phub__lines *lines)
{
    if (lines->terminal > 0)
        close(lines->terminal);
    lines->terminal = 0;
}

void phub__lines_write(struct phub__lines *lines, int fd, const char *text)
{
    char lost[80];

    if (lines->dropped != 0) {
        snprintf(lost, sizeof lost, "%llu lines of the log are missing here: "
                 "nobody read it", (unsigned long long)lines->dropped);
        if (write_line(lines, fd, lost) == 0)
            lines->dropped = 0;
    }
    if (lines->dropped != 0 || write_line(lines, fd, text) != 0)
        lines->dropped++;
}
