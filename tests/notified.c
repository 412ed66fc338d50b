/* SPDX-License-Identifier: MIT */
/* notified: run a daemon as systemd does, and print what it tells.
 *
 *   notified SOCKET PROGRAM [ARGUMENT...]
 *
 * Prints the daemon's pid, then each message to NOTIFY_SOCKET; ends with it,
 * and with its exit code. */
#include "config.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 20

int main(int argc, char **argv)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), status = 0;
    struct pollfd look = { fd, POLLIN, 0 };
    char text[256];
    ssize_t size;
    pid_t pid;

    if (argc < 3 || strlen(argv[1]) >= sizeof at.sun_path) {
        fputs("usage: notified SOCKET PROGRAM [ARGUMENT...]\n", stderr);
        return 2;
    }
    memcpy(at.sun_path, argv[1], strlen(argv[1]));
    if (fd < 0 || bind(fd, (const struct sockaddr *)&at, sizeof at) != 0) {
        perror("notified");
        return 1;
    }
    pid = fork();
    if (pid == 0) {
        setenv("NOTIFY_SOCKET", argv[1], 1);
        execv(argv[2], argv + 2);
        _exit(127);
    }
    printf("pid %d\n", (int)pid);
    fflush(stdout);
    while (pid > 0) {
        int over = waitpid(pid, &status, WNOHANG) == pid;

        while (poll(&look, 1, over ? 0 : LOOK_MS) > 0) {
            size = recv(fd, text, sizeof text - 1, 0);
            text[size > 0 ? size : 0] = '\0';
            fputs(text, stdout);
            fflush(stdout);
        }
        if (over)
            break;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}
