/* SPDX-License-Identifier: MIT */
/* queue: the rumours that a node tells or keeps, and the numbers of those it
 * has heard.
 *
 * RUMOURS_MAX and RUMOURS_BYTES_MAX bound what is told.  An old rumour stays
 * KEPT_NS for those who ask, if nobody else needs its room.  What has been
 * heard is remembered until it can hardly come again: a rumour ends after
 * RUMOURS_HOPS_MAX nodes, each of which has it for some rounds, so that takes
 * rounds * gap * RUMOURS_HOPS_MAX and what the network takes (HEARD_NS).
 * Nothing is forgotten earlier to make room: two rumours that push each other
 * out would be news for ever.  One for which there is no room is merged and
 * not passed on.  So each node tells a rumour at most rounds times, whatever
 * comes. */
#include <stdlib.h>
#include <string.h>

#include "sync/rumours.h"

#define HEARD_NS 5000000000ull

uint64_t rumours_now_ns(const struct rumours *self)
{
    return self->repair.host->now_ns(self->repair.ctx);
}

static uint64_t rounds_ns(const struct rumours *self)
{
    return self->rounds * self->gap_ms * RUMOURS_NS_PER_MS;
}

bool rumours_heard_has(const struct rumours *self, uint64_t id)
{
    const struct heard *set = self->heard[(id >> 32) % RUMOURS_SETS];
    uint64_t now = rumours_now_ns(self);
    uint32_t i;

    for (i = 0; i < RUMOURS_WAYS; i++)
        if (set[i].id == id && set[i].until_ns > now)
            return true;
    return false;
}

int rumours_heard_add(struct rumours *self, uint64_t id)
{
    struct heard *set = self->heard[(id >> 32) % RUMOURS_SETS], *slot = NULL;
    uint64_t now = rumours_now_ns(self);
    uint32_t i;

    for (i = 0; i < RUMOURS_WAYS; i++) {
        if (set[i].id == id && set[i].until_ns > now)
            return PHUB_EEXIST;
        if (set[i].until_ns <= now)
            slot = &set[i];
    }
    if (slot == NULL)
        return PHUB_ELIMIT;
    slot->id = id;
    slot->until_ns = now + HEARD_NS + rounds_ns(self) * RUMOURS_HOPS_MAX;
    return 0;
}

bool rumours_old(const struct rumours *self, const struct rumour *rumour)
{
    return rumour->told >= self->rounds || (rumour->id == 0 && rumour->told);
}

void rumours_age(struct rumours *self, uint64_t now)
{
    uint32_t i, kept = 0;

    for (i = 0; i < self->count; i++) {
        struct rumour *rumour = &self->queue[i];

        if (!rumours_old(self, rumour) ||
            (rumour->id != 0 && rumour->until_ns > now)) {
            self->queue[kept++] = *rumour;
            continue;
        }
        self->bytes -= (uint32_t)rumour->size;
        free(rumour->bytes);
    }
    self->count = kept;
}

void rumours_clear(struct rumours *self)
{
    while (self->count > 0)
        free(self->queue[--self->count].bytes);
    self->bytes = 0;
}

static bool queue_has_room(const struct rumours *self, size_t size)
{
    return self->count < RUMOURS_MAX &&
           size <= RUMOURS_BYTES_MAX - self->bytes;
}

int rumours_add(struct rumours *self, uint64_t id, uint64_t hops,
                     const struct phub_bytes *delta)
{
    struct rumour *rumour;

    if (!queue_has_room(self, delta->size))
        rumours_age(self, UINT64_MAX);
    if (!queue_has_room(self, delta->size))
        return PHUB_ELIMIT;
    rumour = &self->queue[self->count];
    rumour->bytes = malloc(delta->size + 1);
    if (rumour->bytes == NULL)
        return PHUB_ENOMEM;
    if (delta->size > 0)
        memcpy(rumour->bytes, delta->data, delta->size);
    rumour->id = id;
    rumour->size = delta->size;
    rumour->told = 0;
    rumour->hops = hops;
    rumour->until_ns = rumours_now_ns(self) + RUMOURS_KEPT_NS +
                       rounds_ns(self);
    self->bytes += (uint32_t)delta->size;
    self->count++;
    return 0;
}

struct rumour *rumours_find(struct rumours *self, uint64_t id)
{
    uint32_t i;

    for (i = 0; i < self->count; i++)
        if (self->queue[i].id == id)
            return &self->queue[i];
    return NULL;
}

bool rumours_news(const struct rumours *self)
{
    uint32_t i;

    for (i = self->count; i > 0; i--)
        if (!rumours_old(self, &self->queue[i - 1]))
            return true;
    return false;
}
