/* SPDX-License-Identifier: MIT */
/* address: a path as the address of a stream socket, however long it is. */
#ifndef PHUB__CONTROL_ADDRESS_H
#define PHUB__CONTROL_ADDRESS_H

#include <sys/socket.h>
#include <sys/un.h>

/* sun_path holds 107 bytes.  A longer path is reached by its directory, as
 * /proc/self/fd/N/NAME; dir_fd is that N then, else -1, and is closed by the
 * caller after bind or connect.
 * Errors: PHUB_EINVAL (NAME too long, or empty), PHUB_ENOTFOUND (no such
 * directory).  Thread: any. */
int phub__control_address(const char *path, struct sockaddr_un *address,
                          socklen_t *size, int *dir_fd);

#define PHUB__CONTROL_FRAME_MAX (4u * 1024u * 1024u) /* bytes of a body */
#define PHUB__CONTROL_HEAD 4u /* bytes before it: its size, big-endian */

static inline void phub__control_head_put(unsigned char *head, size_t size)
{
    head[0] = (unsigned char)(size >> 24);
    head[1] = (unsigned char)(size >> 16);
    head[2] = (unsigned char)(size >> 8);
    head[3] = (unsigned char)size;
}

static inline size_t phub__control_head_get(const unsigned char *head)
{
    return (size_t)head[0] << 24 | (size_t)head[1] << 16 |
           (size_t)head[2] << 8 | (size_t)head[3];
}

#endif
