/* SPDX-License-Identifier: MIT */
/* files: the state directory's files, in order per file.
 *
 * Each file has a queue.  All that waits in it goes to a worker as one batch,
 * which gives group commit: of several replacements only the last is written,
 * of several syncs only the last is made, and all are answered by it.
 *
 *   REPLACE  write .NAME.tmp, fsync, rename, fsync the directory
 *   APPEND   write at the end; what a full disk left half is cut off again
 *   SYNC     fdatasync, and the directory once
 *
 * A disk that refuses is reported when it starts to and when it stops to, not
 * at each write; each write's own caller gets PHUB_EIO.  Freeing the
 * environment still writes what waits, but answers nobody. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/private.h"
#include "wire/assert.h"
#include "wire/buf.h"
#include "wire/memory.h"

struct op {
    struct op *next;
    enum phub__file_op kind;
    int rc;
    void (*done)(void *arg, int rc);
    void *arg;
    size_t size;
    size_t pending; /* bytes of it that count */
    uint8_t data[];
};

struct file {
    struct file *next;
    struct phub__env_real *real;
    char name[PHUB__FILE_NAME_MAX + 1];
    struct op *first; /* waiting */
    struct op **last;
    struct op *batch; /* with the worker, which owns what is below, too */
    uv_work_t work;
    int fd;           /* for appends, or -1 */
    bool dir_unsynced;
    int sys_errno;    /* of the first failure in the batch */
};

struct phub__real_files {
    struct phub__env_real *real;
    struct file *files;
    int dir_fd;
    int lock_fd;
    size_t pending_bytes;
    bool failing;
};

/* --- on the worker ------------------------------------------------------- */

static int failed(struct file *file)
{
    if (file->sys_errno == 0)
        file->sys_errno = errno != 0 ? errno : EIO;
    return PHUB_EIO;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
    while (size > 0) {
        ssize_t put = write(fd, data, size);

        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return -1;
        data += put;
        size -= (size_t)put;
    }
    return 0;
}

static void close_append(struct file *file)
{
    if (file->fd >= 0)
        close(file->fd);
    file->fd = -1;
}

static int do_replace(struct file *file, int dir, const struct op *op)
{
    char temp[PHUB__FILE_NAME_MAX + 8];
    int fd;

    close_append(file);
    snprintf(temp, sizeof temp, ".%s.tmp", file->name);
    fd = openat(dir, temp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC |
                O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(file);
    if (write_all(fd, op->data, op->size) != 0 || fsync(fd) != 0) {
        failed(file);
        close(fd);
        unlinkat(dir, temp, 0);
        return PHUB_EIO;
    }
    close(fd);
    if (renameat(dir, temp, dir, file->name) != 0 || fsync(dir) != 0)
        return failed(file);
    file->dir_unsynced = false;
    return 0;
}

static int do_append(struct file *file, int dir, const struct op *op)
{
    struct stat status;

    if (file->fd < 0) {
        file->fd = openat(dir, file->name, O_WRONLY | O_CREAT | O_APPEND |
                          O_CLOEXEC | O_NOFOLLOW, 0600);
        if (file->fd < 0)
            return failed(file);
        file->dir_unsynced = true;
    }
    if (fstat(file->fd, &status) != 0)
        return failed(file);
    if (write_all(file->fd, op->data, op->size) != 0) {
        failed(file);
        if (ftruncate(file->fd, status.st_size) != 0)
            close_append(file);
        return PHUB_EIO;
    }
    return 0;
}

static int do_sync(struct file *file, int dir)
{
    if (file->fd >= 0 && fdatasync(file->fd) != 0)
        return failed(file);
    if (file->dir_unsynced && fsync(dir) != 0)
        return failed(file);
    file->dir_unsynced = false;
    return 0;
}

static int do_remove(struct file *file, int dir)
{
    close_append(file);
    if (unlinkat(dir, file->name, 0) != 0 && errno != ENOENT)
        return failed(file);
    return fsync(dir) == 0 ? 0 : failed(file);
}

static int do_op(struct file *file, int dir, const struct op *op)
{
    switch (op->kind) {
    case PHUB__FILE_REPLACE:
        return do_replace(file, dir, op);
    case PHUB__FILE_APPEND:
        return do_append(file, dir, op);
    case PHUB__FILE_SYNC:
        return do_sync(file, dir);
    case PHUB__FILE_REMOVE:
        return do_remove(file, dir);
    }
    return PHUB_EINVAL;
}

/* What is before whole is gone with it; earlier syncs are made by sync. */
static void on_batch(uv_work_t *work)
{
    struct file *file = work->data;
    int dir = file->real->files->dir_fd;
    struct op *whole = NULL;
    struct op *sync = NULL;
    bool past = false;

    for (struct op *op = file->batch; op != NULL; op = op->next) {
        if (op->kind == PHUB__FILE_REPLACE || op->kind == PHUB__FILE_REMOVE)
            whole = op;
        if (op->kind == PHUB__FILE_SYNC)
            sync = op;
    }
    for (struct op *op = file->batch; op != NULL; op = op->next) {
        past = past || whole == NULL || op == whole;
        if (past && (op->kind != PHUB__FILE_SYNC || op == sync))
            op->rc = do_op(file, dir, op);
    }
    past = whole == NULL;
    for (struct op *op = file->batch; op != NULL; op = op->next) {
        past = past || op == whole;
        if (!past)
            op->rc = whole->rc;
        else if (op->kind == PHUB__FILE_SYNC && op->rc == 0)
            op->rc = sync->rc;
    }
}

/* --- on the hub's thread ------------------------------------------------- */

static void file_start(struct file *file);

static void report(struct phub__real_files *files, const struct file *file)
{
    struct phub__env_real *real = files->real;

    if (file->sys_errno != 0 && !files->failing)
        phub__real_logf(real, PHUB__LOG_ERROR,
                        "cannot write \"%s\" in state directory \"%s\": %s",
                        file->name, real->state_dir,
                        strerror(file->sys_errno));
    else if (file->sys_errno == 0 && files->failing)
        phub__real_logf(real, PHUB__LOG_NOTICE,
                        "state directory \"%s\" takes writes again",
                        real->state_dir);
    files->failing = file->sys_errno != 0;
}

static void on_batch_done(uv_work_t *work, int status)
{
    struct file *file = work->data;
    struct phub__env_real *real = file->real;
    struct op *op = file->batch;

    (void)status;
    file->batch = NULL;
    if (!real->freed)
        report(real->files, file);
    if (file->first != NULL)
        file_start(file);
    while (op != NULL) {
        struct op *next = op->next;

        real->files->pending_bytes -= op->pending;
        if (op->done != NULL && !real->freed) {
            op->done(op->arg, op->rc);
            phub__real_turn_end(real);
        }
        phub__free(op);
        op = next;
    }
    phub__real_request_end(real);
}

static void file_start(struct file *file)
{
    struct phub__env_real *real = file->real;

    file->batch = file->first;
    file->first = NULL;
    file->last = &file->first;
    file->sys_errno = 0;
    file->work.data = file;
    real->requests++;
    /* It fails without a callback only, and we give one. */
    phub__assert(uv_queue_work(real->loop, &file->work, on_batch,
                               on_batch_done) == 0);
}

static bool name_is_plain(const char *name)
{
    size_t size = strlen(name);

    return size > 0 && size <= PHUB__FILE_NAME_MAX && name[0] != '.' &&
           strchr(name, '/') == NULL;
}

static struct file *file_of(struct phub__real_files *files, const char *name)
{
    struct file *file;

    for (file = files->files; file != NULL; file = file->next)
        if (strcmp(file->name, name) == 0)
            return file;
    file = phub__calloc(1, sizeof *file);
    if (file == NULL)
        return NULL;
    snprintf(file->name, sizeof file->name, "%s", name);
    file->real = files->real;
    file->last = &file->first;
    file->fd = -1;
    file->next = files->files;
    files->files = file;
    return file;
}

static int file_do(struct phub_env *env, enum phub__file_op kind,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg)
{
    struct phub__real_files *files = phub__real_of(env)->files;
    struct file *file;
    size_t pending;
    struct op *op;

    if (files->dir_fd < 0)
        return PHUB_EUNSUPPORTED;
    if (!name_is_plain(name))
        return PHUB_EINVAL;
    if (size > (kind == PHUB__FILE_REPLACE ? PHUB__FILE_READ_MAX
                                           : PHUB__FILE_PENDING_MAX))
        return PHUB_ELIMIT;
    pending = kind == PHUB__FILE_REPLACE ? 0 : size;
    if (pending > PHUB__FILE_PENDING_MAX - files->pending_bytes)
        return PHUB_EBUSY;
    file = file_of(files, name);
    op = file != NULL ? phub__malloc(sizeof *op + size) : NULL;
    if (op == NULL)
        return PHUB_ENOMEM;
    *op = (struct op){ .kind = kind, .done = done, .arg = arg, .size = size,
                      .pending = pending };
    if (size > 0)
        memcpy(op->data, data, size);
    files->pending_bytes += pending;
    *file->last = op;
    file->last = &op->next;
    if (file->batch == NULL)
        file_start(file);
    return 0;
}

static int read_all(int fd, struct phub_buf *buf)
{
    size_t have = 0;

    while (have < buf->size) {
        ssize_t got = read(fd, buf->data + have, buf->size - have);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return PHUB_EIO;
        if (got == 0)
            break;
        have += (size_t)got;
    }
    buf->size = have;
    return 0;
}

static int file_read(struct phub_env *env, const char *name,
                     struct phub_buf **content)
{
    struct phub__real_files *files = phub__real_of(env)->files;
    struct phub_buf *buf = NULL;
    struct stat status;
    int rc = PHUB_EIO;
    int fd;

    if (files->dir_fd < 0)
        return PHUB_ENOTFOUND;
    if (!name_is_plain(name))
        return PHUB_EINVAL;
    fd = openat(files->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
                O_NONBLOCK);
    if (fd < 0)
        return errno == ENOENT ? PHUB_ENOTFOUND : PHUB_EIO;
    if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode))
        goto out;
    if (status.st_size > (off_t)PHUB__FILE_READ_MAX) {
        rc = PHUB_ELIMIT;
        goto out;
    }
    buf = phub__buf_new((size_t)status.st_size);
    rc = buf != NULL ? read_all(fd, buf) : PHUB_ENOMEM;
out:
    close(fd);
    if (rc != 0)
        phub__buf_unref(&buf);
    else
        *content = buf;
    return rc;
}

/* --- life ---------------------------------------------------------------- */

int phub__real_files_init(struct phub__env_real *real, char *error,
                          size_t error_max)
{
    struct phub__real_files *files = phub__calloc(1, sizeof *files);

    if (files == NULL)
        return phub__real_fail(error, error_max, PHUB_ENOMEM,
                               "out of memory");
    files->real = real;
    files->dir_fd = -1;
    files->lock_fd = -1;
    real->files = files;
    real->env.file_do = file_do;
    real->env.file_read = file_read;
    if (real->state_dir == NULL)
        return 0;
    return phub__state_dir_open(real->state_dir, &files->dir_fd,
                                &files->lock_fd, error, error_max);
}

int phub__real_files_dir(const struct phub__env_real *real)
{
    return real->files->dir_fd;
}

/* No worker has a batch any more. */
void phub__real_files_fini(struct phub__env_real *real)
{
    struct phub__real_files *files = real->files;

    if (files == NULL)
        return;
    while (files->files != NULL) {
        struct file *file = files->files;

        phub__assert(file->batch == NULL && file->first == NULL);
        files->files = file->next;
        close_append(file);
        phub__free(file);
    }
    if (files->lock_fd >= 0)
        close(files->lock_fd);
    if (files->dir_fd >= 0)
        close(files->dir_fd);
    phub__free(files);
    real->files = NULL;
}
