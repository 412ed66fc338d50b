/* SPDX-License-Identifier: MIT */
/* driver: what a fuzz target is.
 *
 * A target is one file, tests/fuzz/fuzz_NOUN.c, with the entry that libFuzzer
 * looks for and a few seeds of valid input.  It must take any bytes: no
 * crash, no leak, no time that grows faster than the input.  It may abort()
 * when a promise about what it has read does not hold.
 *
 * With --enable-fuzz it is a libFuzzer program; without, driver.c is its
 * main(), which runs the seeds and mutations of them, the same each time:
 *
 *     fuzz_codec [-n MUTATIONS] [-s SEED] [FILE...]
 *
 * Files are run as they are and then mutated as well. */
#ifndef PHUB__FUZZ_DRIVER_H
#define PHUB__FUZZ_DRIVER_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct phub__fuzz_seed {
    const void *data;
    size_t size;
};

/* The target's seeds; count is set. */
const struct phub__fuzz_seed *phub__fuzz_seeds(size_t *count);

/* A seed of a string literal with bytes in it. */
#define PHUB__FUZZ_SEED(literal) { literal, sizeof(literal) - 1 }

#endif
