/* SPDX-License-Identifier: MIT */
/* seats: members in the order in which they take children.
 *
 * The next child goes where (homes + 1) / capacity is least, as seats of a
 * parliament are given out (D'Hondt): then homes stand to each other as the
 * capacities do.  What an answer takes counts for the next one. */
#include <stdlib.h>
#include <string.h>

#include "balancer/balancer.h"

void balancer_seats_free(struct balancer_seats *seats)
{
    free(seats->seats);
    free(seats->counts);
    memset(seats, 0, sizeof *seats);
}

int balancer_seats_room(struct balancer_seats *seats, uint32_t count)
{
    if (seats->room >= count && seats->seats != NULL)
        return 0;
    balancer_seats_free(seats);
    seats->seats = calloc((size_t)count + 1, sizeof *seats->seats);
    seats->counts = calloc((size_t)count + 1, sizeof *seats->counts);
    if (seats->seats == NULL || seats->counts == NULL) {
        balancer_seats_free(seats);
        return PHUB_ENOMEM;
    }
    seats->room = count;
    return 0;
}

uint64_t balancer_hash(const struct phub_bytes *bytes, uint64_t seed)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325) ^ seed;
    size_t i;

    for (i = 0; i < bytes->size; i++)
        hash = (hash ^ bytes->data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    hash = (hash ^ hash >> 27) * UINT64_C(0x94d049bb133111eb);
    return hash ^ hash >> 31;
}

/* Both factors are below 1 << 32. */
static bool before(const struct balancer_seat *a,
                   const struct balancer_seat *b)
{
    uint64_t left = ((uint64_t)a->homes + 1) * b->capacity;
    uint64_t right = ((uint64_t)b->homes + 1) * a->capacity;

    if (a->last != b->last)
        return a->last < b->last;
    if (left != right)
        return left < right;
    return a->tie != b->tie ? a->tie < b->tie : a->node < b->node;
}

static void swap(struct balancer_seat *a, struct balancer_seat *b)
{
    struct balancer_seat seat = *a;

    *a = *b;
    *b = seat;
}

static void sink(struct balancer_seats *seats, uint32_t at)
{
    struct balancer_seat *s = seats->seats;
    uint32_t child;

    while ((child = 2 * at + 1) < seats->count) {
        if (child + 1 < seats->count && before(&s[child + 1], &s[child]))
            child++;
        if (!before(&s[child], &s[at]))
            break;
        swap(&s[child], &s[at]);
        at = child;
    }
}

void balancer_seats_heap(struct balancer_seats *seats)
{
    uint32_t i, n = 0;

    for (i = 0; i < seats->count; i++)
        if (seats->seats[i].capacity != 0)
            seats->seats[n++] = seats->seats[i];
    seats->count = n;
    for (i = n / 2; i-- > 0;)
        sink(seats, i);
}

struct balancer_seat *balancer_seats_pop(struct balancer_seats *seats)
{
    if (seats->count == 0)
        return NULL;
    seats->count--;
    swap(&seats->seats[0], &seats->seats[seats->count]);
    sink(seats, 0);
    return &seats->seats[seats->count];
}

void balancer_seats_push(struct balancer_seats *seats)
{
    struct balancer_seat *s = seats->seats;
    uint32_t at = seats->count++;

    while (at != 0 && before(&s[at], &s[(at - 1) / 2])) {
        swap(&s[at], &s[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}
