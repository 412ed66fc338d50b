/* SPDX-License-Identifier: MIT */
/* replay: a fuzz target as an ordinary test, with any compiler.
 *
 * Feeds the target every file of tests/fuzz/corpus/NAME, then REPLAY_ROUNDS
 * changed copies of them (bytes flipped, cut out, repeated, put in, cut off)
 * made from a fixed seed: the same bytes on every run. NAME is what follows
 * "replay_" in the program's name. It fails by crashing, or by a sanitizer. */
#include "config.h"

#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define REPLAY_ROUNDS 20000u
#define INPUT_MAX 65536u
#define INPUTS_MAX 256u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    uint8_t *data;
    size_t size;
};

static struct input inputs[INPUTS_MAX];
static size_t inputs_count;
static uint64_t seed = 0x9e3779b97f4a7c15u;

/* xorshift64* (Marsaglia 2003, Vigna 2016) */
static uint64_t chance(uint64_t below)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return (seed * 0x2545f4914f6cdd1du >> 11) % below;
}

static void die(const char *what, const char *name)
{
    fprintf(stderr, "replay: %s '%s'\n", what, name);
    exit(EXIT_FAILURE);
}

static void read_input(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct input *input = &inputs[inputs_count];

    if (!file || inputs_count == INPUTS_MAX)
        die("cannot read, or too many:", path);
    input->data = malloc(INPUT_MAX);
    if (!input->data)
        die("out of memory for", path);
    input->size = fread(input->data, 1, INPUT_MAX, file);
    fclose(file);
    inputs_count++;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static void read_corpus(const char *name)
{
    const char *srcdir = getenv("PHUB_SRCDIR");
    char path[4096];
    struct dirent **entries;
    size_t used;
    int n;

    used = (size_t)snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s",
                            srcdir ? srcdir : ".", name);
    n = scandir(path, &entries, NULL, by_name);
    if (n < 0)
        die("no corpus", path);
    for (int i = 0; i < n; i++) {
        if (entries[i]->d_name[0] != '.') {
            snprintf(path + used, sizeof path - used, "/%s",
                     entries[i]->d_name);
            read_input(path);
        }
        free(entries[i]);
    }
    free(entries);
}

/* Change size bytes of data in place; gives the new size. */
static size_t change(uint8_t *data, size_t size)
{
    size_t at = size ? chance(size) : 0;
    size_t n = size ? 1 + chance(size - at < 16 ? size - at : 16) : 0;

    switch (chance(5)) {
    case 0:
        if (size)
            data[at] ^= (uint8_t)(1u << chance(8));
        return size;
    case 1:
        if (size)
            data[at] = (uint8_t)chance(256);
        return size;
    case 2:
        memmove(data + at, data + at + n, size - at - n);
        return size - n;
    case 3:
        if (size + n > INPUT_MAX)
            return size;
        memmove(data + at + n, data + at, size - at);
        return size + n;
    default:
        return at;
    }
}

/* The target gets a block of exactly its size: a sanitizer sees each byte
 * that is read behind it. */
static void feed(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);

    if (!copy)
        die("out of memory", "");
    if (size)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

int main(int argc, char **argv)
{
    const char *name = strstr(argc > 0 ? argv[0] : "", "replay_");
    static uint8_t work[INPUT_MAX];

    if (!name)
        die("no NAME in", argv[0]);
    while (strstr(name + 1, "replay_"))
        name = strstr(name + 1, "replay_");
    read_corpus(name + strlen("replay_"));
    if (inputs_count == 0)
        die("empty corpus of", name);
    feed(work, 0);
    for (size_t i = 0; i < inputs_count; i++)
        feed(inputs[i].data, inputs[i].size);
    for (unsigned i = 0; i < REPLAY_ROUNDS; i++) {
        const struct input *input = &inputs[chance(inputs_count)];
        size_t size = input->size;

        memcpy(work, input->data, size);
        for (uint64_t n = 1 + chance(8); n > 0; n--)
            size = change(work, size);
        feed(work, size);
    }
    printf("%s: %zu inputs, %u changed ones\n", name, inputs_count,
           REPLAY_ROUNDS);
    for (size_t i = 0; i < inputs_count; i++)
        free(inputs[i].data);
    return EXIT_SUCCESS;
}
