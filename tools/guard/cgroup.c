/* SPDX-License-Identifier: MIT */
/* cgroup: what a child's processes cannot leave, where there is such a thing.
 *
 * A process group is left by setsid(); a cgroup is not.  Below the version 2
 * cgroup that was given the guard makes one, named after the state directory,
 * and in that one for each child, named after its handle.  The child's is
 * killed when the child has ended, all of them when the lease passes and when
 * a guard starts.  Whatever fails here is no error: the process groups, the
 * parent-death signal and the list remain. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "guard.h"

void
cgroup_name(uint64_t handle, char *name, size_t name_max)
{
    snprintf(name, name_max, "%016llx", (unsigned long long)handle);
}

static void
write_one(int dir, const char *path)
{
    int fd = openat(dir, path, O_WRONLY | O_CLOEXEC);

    if (fd >= 0)
        (void)!write(fd, "1", 1);
    close_fd(&fd);
}

/* Remove the cgroups of children that have no process any more. */
static void
remove_empty(struct guard *guard)
{
    int fd = openat(guard->cgroup_fd, ".", O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
    struct dirent *entry;

    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strlen(entry->d_name) == 16)
            (void)unlinkat(guard->cgroup_fd, entry->d_name, AT_REMOVEDIR);
    if (dir != NULL)
        closedir(dir);
    else
        close_fd(&fd);
}

/* Make the guard's cgroup below path, and kill what is in it. */
void
cgroup_open(struct guard *guard, const char *path)
{
    struct stat dir;

    if (path == NULL || fstat(guard->dir_fd, &dir) < 0)
        return;
    snprintf(guard->cgroup_dir, sizeof guard->cgroup_dir,
             "%.4000s/phub-%llx-%llx", path, (unsigned long long)dir.st_dev,
             (unsigned long long)dir.st_ino);
    if (mkdir(guard->cgroup_dir, 0755) < 0 && errno != EEXIST)
        return;
    guard->cgroup_fd = open(guard->cgroup_dir,
                            O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    if (guard->cgroup_fd >= 0
        && faccessat(guard->cgroup_fd, "cgroup.kill", W_OK, 0) < 0) {
        cgroup_close(guard);
        return;
    }
    cgroup_kill_all(guard);
    if (guard->cgroup_fd >= 0)
        remove_empty(guard);
}

/* Make the cgroup of a child that is about to be spawned. */
void
cgroup_child_new(const struct guard *guard, uint64_t handle)
{
    char name[CGROUP_NAME_MAX];

    if (guard->cgroup_fd < 0)
        return;
    cgroup_name(handle, name, sizeof name);
    (void)mkdirat(guard->cgroup_fd, name, 0755);
}

/* Kill what is left of a child. */
void
cgroup_child_kill(const struct guard *guard, uint64_t handle)
{
    char path[CGROUP_NAME_MAX + 16], name[CGROUP_NAME_MAX];

    if (guard->cgroup_fd < 0)
        return;
    cgroup_name(handle, name, sizeof name);
    snprintf(path, sizeof path, "%s/cgroup.kill", name);
    write_one(guard->cgroup_fd, path);
    cgroup_child_remove(guard, handle);
}

/* Remove it; again later if something in it is still dying. */
void
cgroup_child_remove(const struct guard *guard, uint64_t handle)
{
    char name[CGROUP_NAME_MAX];

    if (guard->cgroup_fd < 0)
        return;
    cgroup_name(handle, name, sizeof name);
    (void)unlinkat(guard->cgroup_fd, name, AT_REMOVEDIR);
}

void
cgroup_kill_all(struct guard *guard)
{
    if (guard->cgroup_fd >= 0)
        write_one(guard->cgroup_fd, "cgroup.kill");
}

void
cgroup_close(struct guard *guard)
{
    if (guard->cgroup_fd < 0)
        return;
    remove_empty(guard);
    (void)rmdir(guard->cgroup_dir);
    close_fd(&guard->cgroup_fd);
}
