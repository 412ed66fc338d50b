/* SPDX-License-Identifier: MIT */
/* table: the guard's slots, found by handle and by pid in constant time.
 *
 * The slots are one zeroed allocation that the kernel backs page by page as
 * they come into use.  Both hash tables chain through the slots. */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "guard.h"

int
table_init(struct table *table, uint32_t size)
{
    uint32_t buckets = 64;

    while (buckets < size)
        buckets *= 2;
    memset(table, 0, sizeof *table);
    table->slots = calloc((size_t)size + 1, sizeof *table->slots);
    table->handles = calloc(buckets, sizeof *table->handles);
    table->pids = calloc(buckets, sizeof *table->pids);
    if (!table->slots || !table->handles || !table->pids)
        return ENOMEM;
    table->size = size;
    table->mask = buckets - 1;
    return 0;
}

static uint32_t *
handle_bucket(const struct table *table, uint64_t handle)
{
    uint64_t mixed = handle * 0x9e3779b97f4a7c15ull;

    return &table->handles[(uint32_t)(mixed >> 32) & table->mask];
}

static uint32_t *
pid_bucket(const struct table *table, pid_t pid)
{
    return &table->pids[(uint32_t)pid & table->mask];
}

uint32_t
table_new(struct table *table, uint64_t handle)
{
    uint32_t number = table->free_head, *bucket;
    struct slot *slot;

    if (number != 0)
        table->free_head = table->slots[number].next;
    else if (table->used < table->size)
        number = ++table->used;
    else
        return 0;
    slot = &table->slots[number];
    memset(slot, 0, sizeof *slot);
    slot->state = SLOT_QUEUED;
    slot->handle = handle;
    slot->channel = slot->output = slot->status_fd = slot->give_status = -1;
    slot->give[0] = slot->give[1] = -1;
    slot->stdio[0] = slot->stdio[1] = slot->stdio[2] = -1;
    bucket = handle_bucket(table, handle);
    slot->by_handle = *bucket;
    *bucket = number;
    table->count++;
    return number;
}

uint32_t
table_by_handle(const struct table *table, uint64_t handle)
{
    uint32_t number = *handle_bucket(table, handle);

    while (number != 0 && table->slots[number].handle != handle)
        number = table->slots[number].by_handle;
    return number;
}

uint32_t
table_by_pid(const struct table *table, pid_t pid)
{
    uint32_t number = *pid_bucket(table, pid);

    while (number != 0 && table->slots[number].pid != pid)
        number = table->slots[number].by_pid;
    return number;
}

static void
unlink_pid(struct table *table, uint32_t number)
{
    struct slot *slot = &table->slots[number];
    uint32_t *at = pid_bucket(table, slot->pid);

    while (*at != 0 && *at != number)
        at = &table->slots[*at].by_pid;
    if (*at == number)
        *at = slot->by_pid;
    slot->by_pid = 0;
}

/* pid 0: it has been reaped, its number may belong to somebody else. */
void
table_set_pid(struct table *table, uint32_t number, pid_t pid)
{
    struct slot *slot = &table->slots[number];
    uint32_t *bucket;

    if (pid == 0) {
        unlink_pid(table, number);
        return;
    }
    slot->pid = pid;
    bucket = pid_bucket(table, pid);
    slot->by_pid = *bucket;
    *bucket = number;
}

void
table_free(struct table *table, uint32_t number)
{
    struct slot *slot = &table->slots[number];
    uint32_t *at = handle_bucket(table, slot->handle);

    while (*at != number)
        at = &table->slots[*at].by_handle;
    *at = slot->by_handle;
    free(slot->error);
    free(slot->id);
    free(slot->request);
    close_fd(&slot->channel);
    close_fd(&slot->output);
    memset(slot, 0, sizeof *slot);
    slot->next = table->free_head;
    table->free_head = number;
    table->count--;
}

/* Remember that what (TELL_*) is to be told; a slot is in the list once. */
void
table_tell(struct table *table, uint32_t number, uint32_t what)
{
    struct slot *slot = &table->slots[number];

    slot->tell |= what;
    if (slot->listed)
        return;
    slot->listed = true;
    slot->next = 0;
    if (table->tell_tail != 0)
        table->slots[table->tell_tail].next = number;
    else
        table->tell_head = number;
    table->tell_tail = number;
}

/* Take the first slot of the list; 0 if there is none. */
uint32_t
table_tell_pop(struct table *table)
{
    uint32_t number = table->tell_head;
    struct slot *slot = &table->slots[number];

    if (number == 0)
        return 0;
    table->tell_head = slot->next;
    if (table->tell_head == 0)
        table->tell_tail = 0;
    slot->next = 0;
    slot->listed = false;
    return number;
}

void
table_queue_push(struct table *table, uint32_t number)
{
    table->slots[number].queue_next = 0;
    table->slots[number].queued = true;
    if (table->queue_tail != 0)
        table->slots[table->queue_tail].queue_next = number;
    else
        table->queue_head = number;
    table->queue_tail = number;
}

uint32_t
table_queue_pop(struct table *table)
{
    uint32_t number = table->queue_head;

    if (number == 0)
        return 0;
    table->queue_head = table->slots[number].queue_next;
    if (table->queue_head == 0)
        table->queue_tail = 0;
    table->slots[number].queued = false;
    return number;
}

/* Take one out of the middle: only when it is cancelled, so it may look. */
void
table_queue_remove(struct table *table, uint32_t number)
{
    uint32_t before = 0, at = table->queue_head;

    while (at != 0 && at != number) {
        before = at;
        at = table->slots[at].queue_next;
    }
    if (at == 0)
        return;
    if (before == 0) {
        table_queue_pop(table);
        return;
    }
    table->slots[before].queue_next = table->slots[number].queue_next;
    if (table->queue_tail == number)
        table->queue_tail = before;
    table->slots[number].queued = false;
}
