/* SPDX-License-Identifier: MIT */
/* exclusive: a child that must never run twice, and shows it when it does.
 *
 *   exclusive DIR
 *
 * It holds a lock on DIR/ID.lock for as long as it lives.  One that does not
 * get it at once adds a line to DIR/doubles and exits with 3. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    const char *id = getenv("PHUB_CHILD_ID"), *node = getenv("PHUB_NODE");
    char path[4096], line[512];
    int fd, size;

    if (argc != 2 || id == NULL || node == NULL) {
        fputs("usage: phub start ID -- exclusive DIR\n", stderr);
        return 2;
    }
    snprintf(path, sizeof path, "%s/%s.lock", argv[1], id);
    fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0) {
        for (;;)
            pause();
    }
    size = snprintf(line, sizeof line, "%s on %s\n", id, node);
    snprintf(path, sizeof path, "%s/doubles", argv[1]);
    fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, line, (size_t)size) != size)
        perror(path);
    return 3;
}
