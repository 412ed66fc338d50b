/* SPDX-License-Identifier: MIT */
/* arena: a bump allocator over a list of chunks. */
#include "config.h"

#include <stdalign.h>
#include <stddef.h>
#include <string.h>

#include <phub/error.h>

#include "wire/arena.h"
#include "wire/memory.h"

#define CHUNK_SIZE_MIN 4096u
#define ALIGN alignof(max_align_t)

struct phub__arena_chunk {
    struct phub__arena_chunk *next;
    size_t size;
    max_align_t bytes[];
};

void phub__arena_init(struct phub__arena *arena, void *first,
                      size_t first_size, size_t size_max)
{
    memset(arena, 0, sizeof *arena);
    arena->first = first;
    arena->first_size = first != NULL ? first_size : 0;
    arena->at = arena->first;
    arena->left = arena->first_size;
    arena->size_max = size_max;
}

static void chunks_free(struct phub__arena_chunk *chunk)
{
    while (chunk != NULL) {
        struct phub__arena_chunk *next = chunk->next;

        phub__free(chunk);
        chunk = next;
    }
}

void phub__arena_fini(struct phub__arena *arena)
{
    chunks_free(arena->chunks);
    phub__arena_init(arena, arena->first, arena->first_size,
                     arena->size_max);
}

void phub__arena_reset(struct phub__arena *arena)
{
    struct phub__arena_chunk *kept = arena->chunks;

    if (kept != NULL) {
        chunks_free(kept->next);
        kept->next = NULL;
    }
    phub__arena_init(arena, arena->first, arena->first_size,
                     arena->size_max);
    arena->chunks = kept;
    if (kept != NULL && kept->size > arena->left) {
        arena->at = (uint8_t *)kept->bytes;
        arena->left = kept->size;
    }
}

static void *refuse(struct phub__arena *arena, int error)
{
    arena->error = error;
    return NULL;
}

static int chunk_add(struct phub__arena *arena, size_t size)
{
    struct phub__arena_chunk *chunk;

    if (size < CHUNK_SIZE_MIN)
        size = CHUNK_SIZE_MIN;
    if (size < arena->used)
        size = arena->used; /* double: few chunks however much there is */
    chunk = phub__malloc(sizeof *chunk + size);
    if (chunk == NULL)
        return PHUB_ENOMEM;
    chunk->next = arena->chunks;
    chunk->size = size;
    arena->chunks = chunk;
    arena->at = (uint8_t *)chunk->bytes;
    arena->left = size;
    return 0;
}

void *phub__arena_alloc(struct phub__arena *arena, size_t count, size_t size)
{
    size_t bytes;
    void *given;

    if (size != 0 && count > (SIZE_MAX / 2) / size)
        return refuse(arena, PHUB_ELIMIT);
    bytes = (count * size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
    if (bytes == 0)
        bytes = ALIGN;
    if (arena->used > arena->size_max
        || bytes > arena->size_max - arena->used)
        return refuse(arena, PHUB_ELIMIT);
    if (bytes > arena->left && chunk_add(arena, bytes) != 0)
        return refuse(arena, PHUB_ENOMEM);
    given = arena->at;
    arena->at += bytes;
    arena->left -= bytes;
    arena->used += bytes;
    return given;
}
