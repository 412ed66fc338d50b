/* SPDX-License-Identifier: MIT */
/* memory: malloc with a seam for tests.
 *
 * countdown is 0 unless a test has armed it, so that the cost in production
 * is one relaxed load. */
#include "config.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "wire/memory.h"

static _Atomic uint64_t countdown;
static atomic_int failed;

static int refuse(void)
{
    if (atomic_load_explicit(&countdown, memory_order_relaxed) == 0)
        return 0;
    if (atomic_fetch_sub(&countdown, 1) != 1)
        return 0;
    atomic_store(&failed, 1);
    return 1;
}

void *phub__malloc(size_t size)
{
    return refuse() ? NULL : malloc(size);
}

void *phub__calloc(size_t count, size_t size)
{
    return refuse() ? NULL : calloc(count, size);
}

void *phub__realloc(void *ptr, size_t size)
{
    return refuse() ? NULL : realloc(ptr, size);
}

void phub__free(void *ptr)
{
    free(ptr);
}

char *phub__strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = phub__malloc(size);

    if (copy != NULL)
        memcpy(copy, text, size);
    return copy;
}

void phub__memory_fail(uint64_t nth)
{
    atomic_store(&failed, 0);
    atomic_store(&countdown, nth);
}

int phub__memory_failed(void)
{
    return atomic_load(&failed);
}
