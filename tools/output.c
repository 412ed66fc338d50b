/* SPDX-License-Identifier: MIT */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "output.h"

void output_begin(void)
{
    int fd, got;

    for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) >= 0)
            continue;
        /* The other way round, so that it fails as a closed one does. */
        got = open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        if (got >= 0 && got != fd)
            (void)close(got);
    }
}

int output_end(const char *tool, int code)
{
    int lost, why;

    errno = 0;
    lost = fflush(stdout) != 0;
    why = errno;
    if (!lost && !ferror(stdout))
        return code;
    fprintf(stderr, "%s: cannot write to standard output%s%s\n", tool,
            why != 0 ? ": " : "", why != 0 ? strerror(why) : "");
    return code == 0 ? 1 : code;
}
