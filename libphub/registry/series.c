/* SPDX-License-Identifier: MIT */
/* series: pointers under ascending numbers. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "registry/series.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define HOLES_MIN 8u   /* fewer are not worth the copying */
#define SMALL_MAX 512u /* slots; these grow by a quarter, others by half */

void phub__series_fini(struct phub__series *series)
{
    phub__free(series->slots);
    memset(series, 0, sizeof *series);
}

int phub__series_reserve(struct phub__series *series)
{
    uint32_t capacity = series->capacity + 2 +
        series->capacity / (series->capacity <= SMALL_MAX ? 4 : 2);
    struct phub__series_slot *slots;

    if (series->count < series->capacity)
        return 0;
    slots = phub__realloc(series->slots, (size_t)capacity * sizeof *slots);
    if (slots == NULL)
        return PHUB_ENOMEM;
    series->slots = slots;
    series->capacity = capacity;
    return 0;
}

uint32_t phub__series_from(const struct phub__series *series, uint64_t number)
{
    uint32_t low = 0, high = series->count;

    if (high > 0 && series->slots[high - 1].number < number)
        return high;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (series->slots[middle].number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

void phub__series_add(struct phub__series *series, uint64_t number, void *ptr)
{
    uint32_t at = phub__series_from(series, number);

    phub__assert(series->count < series->capacity);
    phub__assert(ptr != NULL);
    if (at < series->count && series->slots[at].number == number) {
        phub__assert(series->slots[at].ptr == NULL);
    } else {
        memmove(&series->slots[at + 1], &series->slots[at],
                (series->count - at) * sizeof *series->slots);
        series->slots[at].number = number;
        series->count++;
    }
    series->slots[at].ptr = ptr;
    series->live++;
}

void *phub__series_find(const struct phub__series *series, uint64_t number)
{
    uint32_t at = phub__series_from(series, number);

    if (at == series->count || series->slots[at].number != number)
        return NULL;
    return series->slots[at].ptr;
}

/* Memory goes back too, when a large series has become a small one. */
static void compact(struct phub__series *series)
{
    struct phub__series_slot *slots;
    uint32_t i, n = 0;

    for (i = 0; i < series->count; i++) {
        if (series->slots[i].ptr != NULL)
            series->slots[n++] = series->slots[i];
    }
    series->count = n;
    if (n == 0) {
        phub__series_fini(series);
        return;
    }
    if (series->capacity - n < n / 2 + HOLES_MIN)
        return;
    n += n / 8 + 1;
    slots = phub__realloc(series->slots, (size_t)n * sizeof *slots);
    if (slots != NULL) {
        series->slots = slots;
        series->capacity = n;
    }
}

void phub__series_remove(struct phub__series *series, uint64_t number)
{
    uint32_t at = phub__series_from(series, number);

    phub__assert(at < series->count && series->slots[at].number == number);
    phub__series_remove_at(series, at);
}

void phub__series_remove_at(struct phub__series *series, uint32_t at)
{
    phub__assert(at < series->count);
    phub__assert(series->slots[at].ptr != NULL);
    series->slots[at].ptr = NULL;
    series->live--;
    if (at == series->count - 1)
        series->count--;
    if (series->live == 0 || (series->count - series->live > HOLES_MIN &&
                              series->live < series->count / 4 * 3))
        compact(series);
}
