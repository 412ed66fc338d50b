/* SPDX-License-Identifier: MIT */
/* disk: the state directory of a simulated machine.
 *
 * Operations on one file happen in order, each after a delay of its own.  A
 * killed process leaves what had been done, and of the first operation under
 * way on a file nothing, a part or all; a machine that loses power loses a
 * part of what was appended and not synced, and what is left of it may be
 * torn: garbage at its end, or, if that is asked for, just the half of the last
 * append.  REPLACE and REMOVE are atomic and synced.
 *
 * A sync that fails does what Linux does: what it did not write counts as
 * written from then on, the next one has nothing to do with it, and whoever
 * reads the file finds it until the machine loses power.  (Rebello et al.: Can
 * Applications Recover from fsync Failures?, 2020.)
 *
 * What is in a file is cut into pieces where the bytes say so, so that equal
 * records are equal pieces wherever they lie, and those are kept once for all
 * disks (share.h): all nodes of a hub write the same rows.  (Muthitacharoen,
 * Chen, Mazieres: A Low-Bandwidth Network File System, 2001.) */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"
#include "env/sim/share.h"

#define QUICK (40 * PHUB__SIM_US)
#define SYNC (200 * PHUB__SIM_US)

#define PIECE_MIN 48u       /* bytes; the next 96 end one, in the mean */
#define PIECE_MAX 1024u
#define PIECE_ENDS 7u       /* bits of the sum that are 0 where one ends */

#define LOST_MAX 8u         /* more are one with the last */

struct range {
    size_t first, end;
};

struct phub__sim_file {
    struct phub__sim_file *next;
    char *name;
    struct phub__sim_shared **pieces;
    uint32_t count, room;
    size_t size;
    size_t synced;
    size_t last;        /* where the last append began */
    struct range lost[LOST_MAX];    /* syncs that failed did not write these */
    uint32_t lost_count;
    int bad;            /* a write failed; until it is replaced */
    uint64_t free_at;   /* operations before are done by then */
    int exists;
    int touched;        /* while a crash is worked out */
    int torn;           /* so is its last append */
};

struct phub__sim_write {
    struct phub__sim_write *prev, *next;
    struct phub__sim_process *process;
    struct phub__sim_file *file;    /* NULL: its process is dead */
    enum phub__file_op op;
    uint8_t *data;
    size_t size;
    void (*done)(void *arg, int rc);
    void *arg;
};

static struct phub__sim_file *file_of(struct phub__sim_node *node,
                                      const char *name, int make)
{
    struct phub__sim_file *file = node->files;

    while (file != NULL && strcmp(file->name, name) != 0)
        file = file->next;
    if (file != NULL || !make)
        return file;
    file = phub__sim_alloc(1, sizeof(*file));
    file->name = phub__sim_text(name, strlen(name));
    file->next = node->files;
    node->files = file;
    return file;
}

static struct phub__sim_random *chance(struct phub__sim_node *node)
{
    return &node->world->streams[PHUB__SIM_DISK];
}

/* --- what is in a file ---------------------------------------------------- */

/* Bytes of the first piece: up to where a sum over the last 32 says so. */
static size_t piece_size(const uint8_t *data, size_t size)
{
    uint32_t sum = 0;
    size_t at;

    if (size > PIECE_MAX)
        size = PIECE_MAX;
    for (at = size < PIECE_MIN ? size : PIECE_MIN - 32; at < size; at++) {
        sum = (sum << 1) + (data[at] + 1u) * UINT32_C(0x9e3779b1);
        if (at >= PIECE_MIN && sum >> (32 - PIECE_ENDS) == 0)
            return at + 1;
    }
    return size;
}

static void append(struct phub__sim_node *node, struct phub__sim_file *file,
                   const uint8_t *data, size_t size)
{
    file->exists = 1;
    file->size += size;
    while (size != 0) {
        size_t part = piece_size(data, size);

        if (file->count == file->room) {
            file->room += file->room / 4 + 4;
            file->pieces = phub__sim_grow(file->pieces, file->room,
                                          sizeof(struct phub__sim_shared *));
        }
        file->pieces[file->count++] =
            phub__sim_share_get(&node->world->share, data, part);
        data += part;
        size -= part;
    }
}

/* Nothing after that many bytes. */
static void cut(struct phub__sim_node *node, struct phub__sim_file *file,
                size_t size)
{
    while (file->size > size) {
        struct phub__sim_shared *last = file->pieces[--file->count];

        file->size -= last->size;
        if (file->size < size)
            append(node, file, last->bytes, size - file->size);
        phub__sim_share_drop(last);
    }
    while (file->lost_count != 0
           && file->lost[file->lost_count - 1].first >= size)
        file->lost_count--;
    if (file->lost_count != 0 && file->lost[file->lost_count - 1].end > size)
        file->lost[file->lost_count - 1].end = size;
    if (size != 0)
        return;
    free(file->pieces);
    file->pieces = NULL;
    file->room = 0;
}

static struct phub_buf *file_copy(const struct phub__sim_file *file)
{
    struct phub_buf *content = phub__buf_new(file->size);
    size_t at = 0;

    for (uint32_t i = 0; content != NULL && i < file->count; i++) {
        memcpy(content->data + at, file->pieces[i]->bytes,
               file->pieces[i]->size);
        at += file->pieces[i]->size;
    }
    return content;
}

/* --- operations ----------------------------------------------------------- */

/* Do it; part: of an append, these bytes only. */
static void apply(struct phub__sim_write *write, size_t part)
{
    struct phub__sim_node *node = write->process->node;
    struct phub__sim_file *file = write->file;

    switch (write->op) {
    case PHUB__FILE_REPLACE:
        cut(node, file, 0);
        file->last = 0;
        append(node, file, write->data, write->size);
        file->synced = file->size;
        break;
    case PHUB__FILE_APPEND:
        file->last = file->size;
        append(node, file, write->data, part);
        break;
    case PHUB__FILE_SYNC:
        file->synced = file->size;
        break;
    case PHUB__FILE_REMOVE:
        cut(node, file, 0);
        file->synced = file->last = 0;
        file->exists = 0;
        break;
    }
}

static void write_free(struct phub__sim_write *write)
{
    struct phub__sim_node *node = write->process->node;

    if (write->prev != NULL)
        write->prev->next = write->next;
    else
        node->writes = write->next;
    if (write->next != NULL)
        write->next->prev = write->prev;
    else
        node->writes_tail = write->prev;
    phub__sim_process_unref(write->process);
    free(write->data);
    free(write);
}

/* What it should have written is gone, and nobody will say so again. */
static void sync_failed(struct phub__sim_file *file)
{
    struct range *last;

    if (file->synced == file->size)
        return;
    if (file->lost_count < LOST_MAX)
        file->lost[file->lost_count++].first = file->synced;
    last = &file->lost[file->lost_count - 1];
    last->end = file->synced = file->size;
}

static int outcome(const struct phub__sim_node *node, enum phub__file_op op)
{
    switch (op) {
    case PHUB__FILE_REPLACE:
        return node->disk_full || node->sync_fails ? PHUB_EIO : 0;
    case PHUB__FILE_APPEND:
        return node->disk_full ? PHUB_EIO : 0;
    case PHUB__FILE_SYNC:
        return node->sync_fails ? PHUB_EIO : 0;
    case PHUB__FILE_REMOVE:
        return 0;
    }
    return 0;
}

static void written(void *arg)
{
    struct phub__sim_write *write = arg;
    struct phub__sim_node *node = write->process->node;
    void (*done)(void *, int) = write->done;
    void *done_arg = write->arg;
    int rc = outcome(node, write->op);

    if (rc == 0)
        apply(write, write->size);
    else if (write->op == PHUB__FILE_SYNC)
        sync_failed(write->file);
    if (write->op == PHUB__FILE_REPLACE || write->op == PHUB__FILE_REMOVE
        || rc != 0)
        write->file->bad = rc != 0;
    write_free(write);
    if (done != NULL)
        done(done_arg, rc);
}

/* Its event was dropped after the crash had been worked out. */
static void write_dropped(void *arg)
{
    write_free(arg);
}

static int file_do(struct phub_env *env, enum phub__file_op op,
                   const char *name, const void *data, size_t size,
                   void (*done)(void *arg, int rc), void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);
    struct phub__sim_node *node = process->node;
    uint64_t mean = op == PHUB__FILE_APPEND ? QUICK : SYNC;
    struct phub__sim_write *write;
    uint64_t at;

    if (strchr(name, '/') != NULL)
        return PHUB_EINVAL;
    if (!phub__sim_effect(process))
        return 0;
    write = phub__sim_alloc(1, sizeof(*write));
    write->process = process;
    process->refs++;
    write->file = file_of(node, name, 1);
    write->op = op;
    write->data = (uint8_t *)phub__sim_text(data, size);
    write->size = size;
    write->done = done;
    write->arg = arg;
    write->prev = node->writes_tail;
    if (write->prev != NULL)
        write->prev->next = write;
    else
        node->writes = write;
    node->writes_tail = write;
    at = write->file->free_at > node->world->now
        ? write->file->free_at : node->world->now;
    at += mean / 2 + phub__sim_tail(chance(node), mean);
    write->file->free_at = at;
    (void)phub__sim_event(node->world, at, process, PHUB__SIM_FILE,
                          ((uint64_t)op << 56)
                              ^ phub__sim_hash(data, size),
                          written, write_dropped, write);
    return 0;
}

static int file_read(struct phub_env *env, const char *name,
                     struct phub_buf **content)
{
    struct phub__sim_node *node = phub__sim_of(env)->node;
    const struct phub__sim_file *file = file_of(node, name, 0);

    if (file == NULL || !file->exists)
        return PHUB_ENOTFOUND;
    *content = file_copy(file);
    return *content == NULL ? PHUB_ENOMEM : 0;
}

void phub__sim_disk_init(struct phub_env *env)
{
    env->file_read = file_read;
    env->file_do = file_do;
}

/* Of what no sync wrote there is something else; what follows it may be there. */
static void lose_unwritten(struct phub__sim_node *node,
                           struct phub__sim_file *file)
{
    int zero = phub__sim_chance(chance(node), 500);
    struct phub_buf *content = file_copy(file);

    phub__assert(content != NULL);
    for (uint32_t i = 0; i < file->lost_count; i++)
        for (size_t at = file->lost[i].first; at < file->lost[i].end; at++)
            content->data[at] = zero ? 0
                              : (uint8_t)phub__sim_draw(chance(node));
    cut(node, file, 0);
    append(node, file, content->data, content->size);
    phub__buf_unref(&content);
}

static void lose_unsynced(struct phub__sim_node *node,
                          struct phub__sim_file *file)
{
    struct phub__sim_random *random = chance(node);
    size_t unsynced = file->size - file->synced;
    size_t kept;

    if (unsynced == 0)
        return;
    if (node->tear) {
        if (file->last >= file->synced && !file->torn)
            cut(node, file, file->last + (file->size - file->last) / 2);
        file->synced = file->size;
        return;
    }
    kept = (size_t)phub__sim_below(random, unsynced + 1);
    cut(node, file, file->synced + kept);
    if (kept != 0 && phub__sim_chance(random, 250)) {
        size_t torn = 1 + (size_t)phub__sim_below(random, kept);
        uint8_t *garbage = phub__sim_alloc(torn, 1);

        for (size_t i = 0; i < torn; i++)
            garbage[i] = (uint8_t)phub__sim_draw(random);
        cut(node, file, file->size - torn);
        append(node, file, garbage, torn);
        free(garbage);
    }
    file->synced = file->size;
}

void phub__sim_disk_crash(struct phub__sim_node *node, int power)
{
    struct phub__sim_write *write;
    struct phub__sim_file *file;

    for (file = node->files; file != NULL; file = file->next)
        file->touched = 0;
    for (write = node->writes; write != NULL; write = write->next) {
        file = write->file;
        write->file = NULL;     /* its event will be dropped */
        if (file == NULL || file->touched)
            continue;
        file->touched = 1;
        file->free_at = node->world->now;
        if (node->tear && write->op == PHUB__FILE_APPEND
            && !node->disk_full) {
            write->file = file;
            apply(write, write->size / 2);
            write->file = NULL;
            file->torn = 1;
        }
        if (node->tear)
            continue;
        if (!phub__sim_chance(chance(node), 500)
            || outcome(node, write->op) != 0)
            continue;
        write->file = file;
        apply(write, (size_t)phub__sim_below(chance(node), write->size + 1));
        write->file = NULL;
    }
    if (!power)
        return;
    for (file = node->files; file != NULL; file = file->next) {
        if (file->lost_count != 0)
            lose_unwritten(node, file);
        lose_unsynced(node, file);
        file->torn = 0;
    }
}

int phub__sim_node_disk_is_bad(const struct phub__sim_node *node)
{
    int bad = 0;

    for (const struct phub__sim_file *file = node->files; file != NULL;
         file = file->next)
        bad |= file->bad;
    return bad;
}

void phub__sim_disk_wipe(struct phub__sim_node *node)
{
    while (node->files != NULL) {
        struct phub__sim_file *file = node->files;

        node->files = file->next;
        cut(node, file, 0);
        free(file->name);
        free(file);
    }
}
