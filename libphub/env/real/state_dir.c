/* SPDX-License-Identifier: MIT */
/* state_dir: the directory that one node keeps its things in.
 *
 * It is made with mode 0700, must belong to us and be writable by nobody else,
 * and is held with flock(2) on "hub.lock" for as long as the environment
 * lives.  The lock belongs to the open file, so it also keeps two hubs of one
 * process apart, and it ends with its holder however that ends; the pid in the
 * file is for the message only. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/private.h"

#define LOCK_NAME "hub.lock"

static int open_dir(const char *path, int *dir_fd, char *error,
                    size_t error_max)
{
    struct stat status;
    int fd;

    if (mkdir(path, 0700) != 0 && errno != EEXIST)
        return phub__real_fail(error, error_max, PHUB_ESYS,
                               "cannot make state directory \"%s\": %s", path,
                               strerror(errno));
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &status) != 0) {
        phub__real_fail(error, error_max, PHUB_ESYS,
                        "cannot open state directory \"%s\": %s", path,
                        strerror(errno));
        if (fd >= 0)
            close(fd);
        return PHUB_ESYS;
    }
    if (status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
        close(fd);
        return phub__real_fail(error, error_max, PHUB_EREFUSED,
                               "state directory \"%s\" has owner %u and mode"
                               " %03o, must have owner %u and be writable by"
                               " nobody else",
                               path, (unsigned)status.st_uid,
                               (unsigned)status.st_mode & 0777,
                               (unsigned)geteuid());
    }
    *dir_fd = fd;
    return 0;
}

static int refuse_second(int lock_fd, const char *path, char *error,
                         size_t error_max)
{
    char holder[32] = "";
    ssize_t got = pread(lock_fd, holder, sizeof holder - 1, 0);

    if (got > 0)
        holder[strcspn(holder, "\n")] = '\0';
    return phub__real_fail(error, error_max, PHUB_EEXIST,
                           "state directory \"%s\" is in use by process %s",
                           path, holder[0] != '\0' ? holder : "(unknown)");
}

static int write_pid(int lock_fd)
{
    char pid[32];
    int size = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());

    if (ftruncate(lock_fd, 0) != 0)
        return -1;
    return pwrite(lock_fd, pid, (size_t)size, 0) == size ? 0 : -1;
}

int phub__state_dir_open(const char *path, int *dir_fd, int *lock_fd,
                         char *error, size_t error_max)
{
    int dir = -1;
    int lock;
    int rc = open_dir(path, &dir, error, error_max);

    if (rc != 0)
        return rc;
    lock = openat(dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW,
                  0600);
    if (lock < 0) {
        rc = phub__real_fail(error, error_max, PHUB_ESYS,
                             "cannot write in state directory \"%s\": %s",
                             path, strerror(errno));
    } else if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
        rc = errno == EWOULDBLOCK
            ? refuse_second(lock, path, error, error_max)
            : phub__real_fail(error, error_max, PHUB_ESYS,
                              "cannot lock state directory \"%s\": %s", path,
                              strerror(errno));
    } else if (write_pid(lock) != 0) {
        rc = phub__real_fail(error, error_max, PHUB_ESYS,
                             "cannot write in state directory \"%s\": %s",
                             path, strerror(errno));
    }
    if (rc != 0) {
        if (lock >= 0)
            close(lock);
        close(dir);
        return rc;
    }
    *dir_fd = dir;
    *lock_fd = lock;
    return 0;
}
