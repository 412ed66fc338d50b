/* SPDX-License-Identifier: MIT */
/* image: what dlopen is asked for: a whole file for this machine, under a path
 * by which this process does not know another one.
 *
 * dlopen maps a file without a look at its size, so one that was cut off ends
 * the process by SIGBUS; and it takes a path that it knows for the file that
 * was there when it was opened first, so one that was replaced since would
 * never be loaded.  Both are known here before it is called. */
#ifndef PHUB__STRATEGY_IMAGE_H
#define PHUB__STRATEGY_IMAGE_H

#include <stddef.h>
#include <sys/stat.h>

/* Is the file whole, and for this machine?  What is no ELF file is left to
 * dlopen, which has a sentence for it.
 * Errors: PHUB_EPLUGIN with the sentence, without prefix. */
int phub__image_check(const char *resolved, char *error, size_t error_max);

/* dlopen what is at resolved now, st its status.  Loaded once in a process,
 * and never unloaded.
 * Errors: PHUB_EPLUGIN with what dlopen says; PHUB_ENOMEM. */
int phub__image_open(const char *resolved, const struct stat *st,
                     void **handle, char *error, size_t error_max);

#endif
