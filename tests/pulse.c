/* SPDX-License-Identifier: MIT */
/* pulse: a child that shows when it ran.
 *
 *   pulse FILE
 *
 * As long as it lives it adds a line to FILE every 50 ms: a time in ms that all
 * processes of a machine share, its id, its node, its process.  A line is one
 * write of less than a page, so that the lines of many are never mixed.  Who
 * reads the file knows of each instance when it began, when it last acted, and
 * whether another one acted in between. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define BEAT_MS 50

int main(int argc, char **argv)
{
    const char *id = getenv("PHUB_CHILD_ID"), *node = getenv("PHUB_NODE");
    struct timespec now;
    char line[512];
    int fd, size;

    if (argc != 2 || id == NULL || node == NULL) {
        fputs("usage: phub start ID -- pulse FILE\n", stderr);
        return 2;
    }
    fd = open(argv[1], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    for (;;) {
        clock_gettime(CLOCK_MONOTONIC, &now);
        size = snprintf(line, sizeof line, "%lld %s %s %ld\n",
                        (long long)now.tv_sec * 1000 + now.tv_nsec / 1000000,
                        id, node, (long)getpid());
        if (write(fd, line, (size_t)size) != size)
            return 1;
        (void)poll(NULL, 0, BEAT_MS);
    }
}
