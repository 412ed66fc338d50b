/* SPDX-License-Identifier: MIT */
/* exec_log: what children write, kept in a bounded file each.
 *
 * Bytes gather in memory and are written by a worker, one batch of a log at a
 * time, so a slow disk holds up nobody but the children that write a lot: with
 * LOG_WAITING_MAX bytes waiting their pipes are not read.  What is in the pipe
 * of a child that has ended is taken even then.  A file that is full
 * becomes .log.1 at the end of a line, and its predecessor goes; where it cannot
 * it is emptied.  A disk that takes nothing loses lines; files.c is who complains
 * about that.
 *
 * A log lives as long as a child has it open, bytes wait, or a reader does.  When
 * its child ends it is touched, so that its time says when that was. */
#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/exec_private.h"

#define LOG_LINE_MAX 4096u /* a longer one may be cut when the file turns */
#define WAITING_LAST_MAX (PHUB__EXEC_LOG_WAITING_MAX + PHUB__EXEC_LOG_LAST_MAX)
#define FILE_NAME_MAX (PHUB__EXEC_NAME_MAX + 8)

struct tail {
    struct tail *next;
    uint32_t bytes_max;
    void (*done)(void *arg, int rc, struct phub_bytes text);
    void *arg;
};

struct phub__exec_log {
    struct phub__exec_log *next; /* in its bucket */
    struct phub__exec *exec;
    uint32_t hash;
    uint32_t refs;
    bool busy;       /* with the worker */
    bool ended;      /* its child has: to be touched */
    bool touch;      /* likewise, with the worker */
    struct phub__builder waiting;
    struct phub__builder writing; /* the worker's while busy, as what follows */
    bool line_open;  /* the file does not end with a line's end */
    int turn_errno;  /* why it was emptied; 0: it was not */
    struct tail *tails;
    struct tail *tail; /* being read */
    int tail_rc;
    uint8_t *text;
    size_t text_size;
    uv_work_t work;
    void (*room)(void *arg);
    void *room_arg;
    char name[PHUB__EXEC_NAME_MAX + 1];
};

/* --- on the worker ------------------------------------------------------- */

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

static int open_log(const struct phub__exec_log *log, size_t *size)
{
    char name[FILE_NAME_MAX];
    struct stat status;
    int fd;

    snprintf(name, sizeof name, "%s.log", log->name);
    fd = openat(log->exec->logs_fd, name, O_WRONLY | O_CREAT | O_APPEND |
                O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0 || fstat(fd, &status) != 0) {
        if (fd >= 0)
            close(fd);
        return -1;
    }
    *size = (size_t)status.st_size;
    return fd;
}

/* 0 or an errno. */
static int turn_log(const struct phub__exec_log *log)
{
    char name[FILE_NAME_MAX];
    char old[FILE_NAME_MAX];

    snprintf(name, sizeof name, "%s.log", log->name);
    snprintf(old, sizeof old, "%s.log.1", log->name);
    return renameat(log->exec->logs_fd, name, log->exec->logs_fd, old) != 0
           ? errno : 0;
}

/* A file that was turned and is there all the same would be turned for ever:
 * its lines go, or else those that are to be written. */
static int empty_log(struct phub__exec_log *log, int fd, int error)
{
    log->turn_errno = error;
    return ftruncate(fd, 0);
}

/* How much of data belongs into a file of that size before it turns. */
static size_t part_of(const struct phub__exec_log *log, size_t size,
                      const uint8_t *data, size_t left)
{
    size_t room = size < PHUB__EXEC_LOG_MAX ? PHUB__EXEC_LOG_MAX - size : 0;
    const uint8_t *end;

    if (left <= room)
        return left;
    end = room > 0 ? memrchr(data, '\n', room) : NULL;
    if (end != NULL)
        return (size_t)(end - data) + 1;
    if (!log->line_open && size > 0)
        return 0;
    /* One line over the limit: up to its end, or for so long. */
    if (left > room + LOG_LINE_MAX)
        left = room + LOG_LINE_MAX;
    end = memchr(data, '\n', left);
    return end != NULL ? (size_t)(end - data) + 1 : left;
}

static void write_waiting(struct phub__exec_log *log)
{
    struct phub_bytes bytes = phub__builder_bytes(&log->writing);
    size_t at = 0;
    bool turned = false;
    int error = 0;

    while (at < bytes.size) {
        size_t size = 0;
        size_t part;
        int fd = open_log(log, &size);
        bool fits;

        if (fd < 0)
            return;
        if (turned && size > 0) {
            if (empty_log(log, fd, error) != 0) {
                close(fd);
                return;
            }
            size = 0;
        }
        part = part_of(log, size, bytes.data + at, bytes.size - at);
        fits = part == bytes.size - at && size + part <= PHUB__EXEC_LOG_MAX;
        if (write_all(fd, bytes.data + at, part) != 0) {
            close(fd);
            return;
        }
        close(fd);
        at += part;
        if (part > 0)
            log->line_open = bytes.data[at - 1] != '\n';
        turned = !fits;
        if (turned) {
            error = turn_log(log);
            log->line_open = false;
        }
    }
}

/* Append the last max bytes of a file to text. */
static void read_end(struct phub__exec_log *log, const char *suffix,
                     size_t max)
{
    char name[FILE_NAME_MAX];
    struct stat status;
    off_t at;
    ssize_t got;
    int fd;

    snprintf(name, sizeof name, "%s.%s", log->name, suffix);
    fd = openat(log->exec->logs_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
                O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT)
            log->tail_rc = PHUB_EIO;
        return;
    }
    if (fstat(fd, &status) == 0 && max > 0) {
        at = (size_t)status.st_size > max ? status.st_size - (off_t)max : 0;
        do {
            got = pread(fd, log->text + log->text_size, max, at);
            if (got > 0) {
                log->text_size += (size_t)got;
                max -= (size_t)got;
                at += got;
            }
        } while (got > 0 && max > 0);
    }
    if (log->tail_rc == PHUB_ENOTFOUND)
        log->tail_rc = 0;
    close(fd);
}

static size_t size_of(const struct phub__exec_log *log)
{
    char name[FILE_NAME_MAX];
    struct stat status;

    snprintf(name, sizeof name, "%s.log", log->name);
    if (fstatat(log->exec->logs_fd, name, &status, AT_SYMLINK_NOFOLLOW) != 0)
        return 0;
    return (size_t)status.st_size;
}

static void read_tail(struct phub__exec_log *log)
{
    size_t max = log->tail->bytes_max;
    size_t newest = size_of(log);

    log->tail_rc = PHUB_ENOTFOUND;
    log->text_size = 0;
    log->text = phub__malloc(max + 1);
    if (log->text == NULL) {
        log->tail_rc = PHUB_ENOMEM;
        return;
    }
    if (newest < max)
        read_end(log, "log.1", max - newest);
    read_end(log, "log", max - log->text_size);
}

static void on_work(uv_work_t *work)
{
    struct phub__exec_log *log = work->data;

    if (log->writing.size > 0)
        write_waiting(log);
    if (log->tail != NULL)
        read_tail(log);
    if (log->touch) {
        char name[FILE_NAME_MAX];

        snprintf(name, sizeof name, "%s.log", log->name);
        (void)utimensat(log->exec->logs_fd, name, NULL, AT_SYMLINK_NOFOLLOW);
    }
}

/* --- on the hub's thread ------------------------------------------------- */

static void log_work(struct phub__exec_log *log);

static void log_release(struct phub__exec_log *log)
{
    struct phub__exec_log **at =
        &log->exec->logs[log->hash % PHUB__EXEC_BUCKETS];

    if (log->refs > 0 || log->busy || log->waiting.size > 0 ||
        log->tails != NULL || log->ended)
        return;
    while (*at != log)
        at = &(*at)->next;
    *at = log->next;
    phub__builder_fini(&log->waiting);
    phub__builder_fini(&log->writing);
    phub__free(log);
}

/* It is said of the first: where it is not one child's log it is all of them,
 * and again and again. */
static void say_emptied(struct phub__exec_log *log)
{
    struct phub__exec *exec = log->exec;

    if (log->turn_errno != 0 && exec->logs_emptied++ == 0)
        phub__real_logf(exec->real, PHUB__LOG_ERROR,
                        "cannot make \"%s/logs/%s.log\" its \"%s.log.1\", so"
                        " it is emptied: %s", exec->dir, log->name, log->name,
                        strerror(log->turn_errno));
    log->turn_errno = 0;
}

/* Cut the line that the tail begins within. */
static struct phub_bytes whole_lines(const struct phub__exec_log *log)
{
    struct phub_bytes text = { log->text, log->text_size };
    const uint8_t *end;

    if (text.size < log->tail->bytes_max)
        return text;
    end = memchr(text.data, '\n', text.size);
    if (end == NULL)
        return text;
    text.size -= (size_t)(end - text.data) + 1;
    text.data = end + 1;
    return text;
}

static void answer_tail(struct phub__exec_log *log)
{
    struct tail *tail = log->tail;

    if (tail == NULL)
        return;
    if (!log->exec->real->freed)
        tail->done(tail->arg, log->tail_rc,
                   log->tail_rc == 0 ? whole_lines(log) : PHUB_BYTES_NONE);
    phub__free(log->text);
    log->text = NULL;
    log->tail = NULL;
    phub__free(tail);
}

static struct phub__exec_log *log_find(const struct phub__exec *exec,
                                       const char *name)
{
    struct phub__exec_log *log =
        exec->logs[phub__exec_hash(name) % PHUB__EXEC_BUCKETS];

    while (log != NULL && strcmp(log->name, name) != 0)
        log = log->next;
    return log;
}

static void on_work_done(uv_work_t *work, int status)
{
    struct phub__exec_log *log = work->data;
    struct phub__env_real *real = log->exec->real;

    (void)status;
    if (log->writing.size > PHUB__EXEC_LOG_WAITING_MAX) {
        phub__builder_fini(&log->writing);
        phub__builder_init(&log->writing, WAITING_LAST_MAX);
    }
    phub__builder_reset(&log->writing);
    if (!real->freed)
        say_emptied(log);
    answer_tail(log); /* the log is still busy, so it stays */
    if (log->room != NULL && !real->freed)
        log->room(log->room_arg);
    log->busy = false;
    if (log->waiting.size > 0 || log->tails != NULL || log->ended)
        log_work(log);
    else
        log_release(log);
    if (!real->freed)
        phub__real_turn_end(real);
    phub__real_request_end(real);
}

static void log_work(struct phub__exec_log *log)
{
    struct phub__builder empty = log->writing;
    struct phub__env_real *real = log->exec->real;

    if (log->busy)
        return;
    log->writing = log->waiting;
    log->waiting = empty;
    log->tail = log->tails;
    if (log->tail != NULL)
        log->tails = log->tail->next;
    log->busy = true;
    log->touch = log->ended;
    log->ended = false;
    log->work.data = log;
    real->requests++;
    phub__assert(uv_queue_work(real->loop, &log->work, on_work,
                               on_work_done) == 0);
}

bool phub__exec_log_is_open(const struct phub__exec *exec, const char *name)
{
    return log_find(exec, name) != NULL;
}

struct phub__exec_log *phub__exec_log_open(struct phub__exec *exec,
                                           struct phub_bytes id)
{
    char name[PHUB__EXEC_NAME_MAX + 1];
    struct phub__exec_log *log;

    phub__exec_name(id, name);
    log = log_find(exec, name);
    if (log != NULL) {
        log->refs++;
        return log;
    }
    log = phub__calloc(1, sizeof *log);
    if (log == NULL)
        return NULL;
    log->exec = exec;
    log->hash = phub__exec_hash(name);
    log->refs = 1;
    memcpy(log->name, name, sizeof name);
    phub__builder_init(&log->waiting, WAITING_LAST_MAX);
    phub__builder_init(&log->writing, WAITING_LAST_MAX);
    log->next = exec->logs[log->hash % PHUB__EXEC_BUCKETS];
    exec->logs[log->hash % PHUB__EXEC_BUCKETS] = log;
    return log;
}

void phub__exec_log_close(struct phub__exec_log **log_ptr)
{
    struct phub__exec_log *log = *log_ptr;

    if (log == NULL)
        return;
    *log_ptr = NULL;
    phub__assert(log->refs > 0);
    log->refs--;
    log_release(log);
}

void phub__exec_log_ended(struct phub__exec_log *log)
{
    log->ended = true;
    log_work(log);
}

size_t phub__exec_log_room(const struct phub__exec_log *log, bool last)
{
    size_t max = last ? WAITING_LAST_MAX : PHUB__EXEC_LOG_WAITING_MAX;

    return log->waiting.size < max ? max - log->waiting.size : 0;
}

void phub__exec_log_write(struct phub__exec_log *log, const uint8_t *data,
                          size_t size)
{
    /* Without memory the lines are lost, and the next may go in again. */
    if (phub__builder_append(&log->waiting, data, size) != 0)
        log->waiting.error = 0;
    if (log->waiting.size > 0)
        log_work(log);
}

void phub__exec_log_notify(struct phub__exec_log *log,
                           void (*room)(void *arg), void *arg)
{
    log->room = room;
    log->room_arg = arg;
}

void phub__exec_log_forget(struct phub__exec_log *log, const void *arg)
{
    if (log->room_arg == arg)
        phub__exec_log_notify(log, NULL, NULL);
}

int phub__exec_log_tail(struct phub_env *env, struct phub_bytes id,
                        uint32_t bytes_max,
                        void (*done)(void *arg, int rc,
                                     struct phub_bytes text),
                        void *arg)
{
    struct phub__env_real *real = phub__real_of(env);
    struct phub__exec *exec = (struct phub__exec *)(void *)real->exec;
    struct phub__exec_log *log;
    struct tail **last;
    struct tail *tail;
    uint32_t count = 0;

    if (exec == NULL || exec->dir == NULL)
        return PHUB_EUNSUPPORTED;
    log = phub__exec_log_open(exec, id);
    tail = log != NULL ? phub__malloc(sizeof *tail) : NULL;
    if (tail == NULL) {
        phub__exec_log_close(&log);
        return PHUB_ENOMEM;
    }
    for (last = &log->tails; *last != NULL; last = &(*last)->next)
        count++;
    if (count >= 64) {
        phub__free(tail);
        phub__exec_log_close(&log);
        return PHUB_EBUSY;
    }
    if (bytes_max > PHUB__EXEC_LOG_TAIL_MAX)
        bytes_max = PHUB__EXEC_LOG_TAIL_MAX;
    *tail = (struct tail){ NULL, bytes_max, done, arg };
    *last = tail;
    log_work(log);
    phub__exec_log_close(&log);
    return 0;
}

/* Nothing is with a worker any more. */
void phub__exec_logs_fini(struct phub__exec *exec)
{
    for (uint32_t i = 0; i < PHUB__EXEC_BUCKETS; i++) {
        while (exec->logs[i] != NULL) {
            struct phub__exec_log *log = exec->logs[i];

            phub__assert(!log->busy);
            while (log->tails != NULL) {
                struct tail *tail = log->tails;

                log->tails = tail->next;
                phub__free(tail);
            }
            exec->logs[i] = log->next;
            phub__builder_fini(&log->waiting);
            phub__builder_fini(&log->writing);
            phub__free(log);
        }
    }
}
