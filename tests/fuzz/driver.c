/* SPDX-License-Identifier: MIT */
/* driver: runs a fuzz target without libFuzzer.
 *
 * Mutations know that the input is mostly CBOR: besides flipped, lost and
 * doubled bytes there are heads that claim too much.  The input lies in an
 * allocation of its exact size, so that a sanitizer or valgrind sees any read
 * beyond it. */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "driver.h"

#define INPUT_MAX 65536u
#define MUTATIONS_DEFAULT 20000u
#define STEPS_MAX 8u /* changes to one input */

static uint64_t state = 1;
static const uint8_t heads[] = {
    0x00, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x3b, 0x40, 0x5b, 0x5f, 0x60,
    0x7b, 0x7f, 0x80, 0x81, 0x9a, 0x9b, 0x9f, 0xa0, 0xa1, 0xba, 0xbb, 0xbf,
    0xc0, 0xd8, 0xf4, 0xf6, 0xf8, 0xf9, 0xfb, 0xff,
};

static size_t random_below(size_t below)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (size_t)(state % below);
}

static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);

    if (copy == NULL)
        abort();
    if (size > 0)
        memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* Move what is behind at by to - from bytes: cut or double a piece. */
static size_t resize(uint8_t *bytes, size_t size, size_t at, size_t cut,
                     size_t add)
{
    if (cut > size - at)
        cut = size - at;
    if (size - cut + add > INPUT_MAX)
        add = 0;
    memmove(bytes + at + add, bytes + at + cut, size - at - cut);
    for (size_t i = 0; i < add; i++)
        bytes[at + i] = (uint8_t)random_below(256);
    return size - cut + add;
}

static size_t mutate(uint8_t *bytes, size_t size)
{
    size_t at;

    if (size == 0)
        return resize(bytes, 0, 0, 0, 1 + random_below(4));
    at = random_below(size);
    switch (random_below(7)) {
    case 0:
        bytes[at] = (uint8_t)(bytes[at] ^ 1u << random_below(8));
        return size;
    case 1:
        bytes[at] = (uint8_t)random_below(256);
        return size;
    case 2:
        bytes[at] = heads[random_below(sizeof heads)];
        return size;
    case 3:
        bytes[at] = (uint8_t)(bytes[at] + (random_below(2) ? 1 : 255));
        return size;
    case 4:
        return resize(bytes, size, at, 1 + random_below(8), 0);
    case 5:
        return resize(bytes, size, at, 0, 1 + random_below(8));
    default:
        return at; /* cut off */
    }
}

static void fuzz(const uint8_t *seed, size_t size, unsigned long mutations)
{
    static uint8_t bytes[INPUT_MAX];

    run(seed, size);
    for (unsigned long i = 0; i < mutations; i++) {
        size_t now = size;

        if (size > 0)
            memcpy(bytes, seed, size);
        for (size_t steps = 1 + random_below(STEPS_MAX); steps > 0; steps--)
            now = mutate(bytes, now);
        run(bytes, now);
    }
}

static int fuzz_file(const char *path, unsigned long mutations)
{
    static uint8_t bytes[INPUT_MAX];
    FILE *file = fopen(path, "rb");
    size_t size;

    if (file == NULL) {
        fprintf(stderr, "fuzz: cannot read '%s': %s\n", path,
                strerror(errno));
        return 1;
    }
    size = fread(bytes, 1, sizeof bytes, file);
    fclose(file);
    fuzz(bytes, size, mutations);
    return 0;
}

int main(int argc, char **argv)
{
    unsigned long mutations = MUTATIONS_DEFAULT;
    const struct phub__fuzz_seed *seeds;
    size_t count, runs;
    int option, failures = 0;

    while ((option = getopt(argc, argv, "n:s:")) != -1) {
        if (option == 'n') {
            mutations = strtoul(optarg, NULL, 10);
        } else if (option == 's') {
            state = strtoul(optarg, NULL, 10) * 0x9e3779b97f4a7c15u + 1;
        } else {
            fprintf(stderr, "usage: %s [-n MUTATIONS] [-s SEED] [FILE...]\n",
                    argv[0]);
            return 2;
        }
    }
    seeds = phub__fuzz_seeds(&count);
    runs = count + (size_t)(argc - optind);
    for (size_t i = 0; i < count; i++)
        fuzz(seeds[i].data, seeds[i].size, mutations / (runs > 0 ? runs : 1));
    for (; optind < argc; optind++)
        failures += fuzz_file(argv[optind],
                              mutations / (runs > 0 ? runs : 1));
    return failures > 0;
}
