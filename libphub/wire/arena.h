/* SPDX-License-Identifier: MIT */
/* arena: many small allocations, bounded together, freed together.
 *
 * For what is decoded from a message.  The caller may give the first bytes
 * (a local array), so that small messages need no allocation at all. */
#ifndef PHUB__WIRE_ARENA_H
#define PHUB__WIRE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct phub__arena_chunk;

struct phub__arena {
    uint8_t *at;      /* where the next one goes */
    size_t left;      /* bytes behind at */
    size_t used;      /* bytes given so far */
    size_t size_max;  /* bytes given at most */
    int error;        /* of the last refusal: PHUB_ENOMEM, PHUB_ELIMIT */
    uint8_t *first;   /* the caller's bytes, may be NULL */
    size_t first_size;
    struct phub__arena_chunk *chunks; /* newest first */
};

/* Start.  first (borrowed until fini, aligned for any type, or NULL) is used
 * up before anything is allocated. */
void phub__arena_init(struct phub__arena *arena, void *first,
                      size_t first_size, size_t size_max);

/* Free everything that was given. */
void phub__arena_fini(struct phub__arena *arena);

/* The same, ready for the next message.  One chunk is kept. */
void phub__arena_reset(struct phub__arena *arena);

/* Give count times size bytes, aligned for any type, not initialised; NULL,
 * with arena->error, if out of memory or above size_max. */
void *phub__arena_alloc(struct phub__arena *arena, size_t count, size_t size);

#endif
