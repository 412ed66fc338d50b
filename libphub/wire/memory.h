/* SPDX-License-Identifier: MIT */
/* memory: the one place where the library asks for memory.
 *
 * malloc(3) and its kin, behind a seam at which a test can make the Nth
 * allocation fail.  What is allocated here is freed here.  Thread: any. */
#ifndef PHUB__WIRE_MEMORY_H
#define PHUB__WIRE_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* As malloc, calloc and realloc; NULL if out of memory. */
void *phub__malloc(size_t size);
void *phub__calloc(size_t count, size_t size);
void *phub__realloc(void *ptr, size_t size);
void phub__free(void *ptr);

/* Copy a text.  NULL if out of memory; owned by the caller. */
char *phub__strdup(const char *text);

/* For tests: let the nth allocation from now on fail, once; 0 ends that.
 * Run a case with nth = 1, 2, ... until phub__memory_failed() says 0: then
 * every allocation of the case has failed once. */
void phub__memory_fail(uint64_t nth);
/* 1 if an allocation has been failed since phub__memory_fail(). */
int phub__memory_failed(void);

#endif
