/* SPDX-License-Identifier: MIT */
/* address: a path as the address of a stream socket. */
#include "config.h"

#include <fcntl.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <phub/error.h>

#include "control/address.h"
#include "wire/memory.h"

static int open_parent(const char *path, size_t size)
{
    char *parent = phub__strdup(path);
    int fd;

    if (parent == NULL)
        return -1;
    parent[size] = '\0';
    fd = open(size > 0 ? parent : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    phub__free(parent);
    return fd;
}

int phub__control_address(const char *path, struct sockaddr_un *address,
                          socklen_t *size, int *dir_fd)
{
    const char *name = strrchr(path, '/');
    int count;

    memset(address, 0, sizeof *address);
    address->sun_family = AF_UNIX;
    *dir_fd = -1;
    *size = sizeof *address;
    if (path[0] == '\0')
        return PHUB_EINVAL;
    if (strlen(path) < sizeof address->sun_path) {
        memcpy(address->sun_path, path, strlen(path));
        return 0;
    }
    if (name == NULL)
        return PHUB_EINVAL;
    *dir_fd = open_parent(path, (size_t)(name - path));
    if (*dir_fd < 0)
        return PHUB_ENOTFOUND;
    count = snprintf(address->sun_path, sizeof address->sun_path,
                     "/proc/self/fd/%d%s", *dir_fd, name);
    if (count < 0 || (size_t)count >= sizeof address->sun_path) {
        close(*dir_fd);
        *dir_fd = -1;
        return PHUB_EINVAL;
    }
    return 0;
}
