/* SPDX-License-Identifier: MIT */
/* report: figures of many cases, added up and printed. */
#include "config.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/measure.h"
#include "sim/tool.h"
#include "wire/assert.h"

#define MAGIC UINT64_C(0x7068756273696d31)
#define SUMS 12u
#define LISTS 4u

/* --- samples -------------------------------------------------------------- */

void sim_samples_add(struct sim_samples *samples, uint64_t value)
{
    if (samples->count == SIM_SAMPLES_MAX)
        return;
    if (samples->count == samples->max) {
        samples->max = samples->max == 0 ? 64 : samples->max * 2;
        samples->values = realloc(samples->values, samples->max
                                  * sizeof(*samples->values));
        phub__assert(samples->values != NULL);
    }
    samples->values[samples->count++] = value;
}

static int u64_cmp(const void *a, const void *b)
{
    uint64_t left, right;

    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return (left > right) - (left < right);
}

uint64_t sim_samples_at(struct sim_samples *samples, uint32_t permille)
{
    if (samples->count == 0)
        return 0;
    if (samples->count > 1)
        qsort(samples->values, samples->count, sizeof(*samples->values),
              u64_cmp);
    return samples->values[(uint64_t)(samples->count - 1) * permille / 1000];
}

/* --- through a pipe ------------------------------------------------------- */

static void parts(struct sim_figures *f, uint64_t **sums,
                  struct sim_samples **lists)
{
    uint64_t *numbers[SUMS] = {
        &f->cases, &f->nodes, &f->children, &f->virtual_ns, &f->node_ns,
        &f->frames, &f->bytes, &f->changes, &f->unsettled, &f->moves,
        &f->losses, &f->least };
    struct sim_samples *samples[LISTS] = { &f->balance, &f->settle_ns,
                                           &f->blackout_ns, &f->outage_ns };

    memcpy(sums, numbers, sizeof(numbers));
    memcpy(lists, samples, sizeof(samples));
}

void sim_figures_fini(struct sim_figures *figures)
{
    uint64_t *sums[SUMS];
    struct sim_samples *lists[LISTS];

    parts(figures, sums, lists);
    for (uint32_t i = 0; i < LISTS; i++)
        free(lists[i]->values);
    memset(figures, 0, sizeof(*figures));
}

static void number_write(uint64_t number, FILE *out)
{
    (void)fwrite(&number, sizeof(number), 1, out);
}

void sim_figures_write(const struct sim_figures *figures, FILE *out)
{
    struct sim_figures copy = *figures;
    uint64_t *sums[SUMS];
    struct sim_samples *lists[LISTS];

    parts(&copy, sums, lists);
    number_write(MAGIC, out);
    for (uint32_t i = 0; i < SUMS; i++)
        number_write(*sums[i], out);
    for (uint32_t i = 0; i < LISTS; i++) {
        number_write(lists[i]->count, out);
        if (lists[i]->count != 0)
            (void)fwrite(lists[i]->values, sizeof(uint64_t), lists[i]->count,
                         out);
    }
}

struct input {
    const uint8_t *at;
    size_t left;
};

static int number_read(struct input *in, uint64_t *number)
{
    if (in->left < sizeof(*number))
        return -1;
    memcpy(number, in->at, sizeof(*number));
    in->at += sizeof(*number);
    in->left -= sizeof(*number);
    return 0;
}

int sim_figures_add(struct sim_figures *figures, const void *data,
                    size_t size)
{
    struct input in = { data, size };
    uint64_t *sums[SUMS];
    struct sim_samples *lists[LISTS];
    uint64_t number;

    parts(figures, sums, lists);
    if (number_read(&in, &number) != 0 || number != MAGIC)
        return -1;
    for (uint32_t i = 0; i < SUMS; i++) {
        if (number_read(&in, &number) != 0)
            return -1;
        *sums[i] += number;
    }
    for (uint32_t i = 0; i < LISTS; i++) {
        uint64_t count;

        if (number_read(&in, &count) != 0)
            return -1;
        for (uint64_t k = 0; k < count; k++) {
            if (number_read(&in, &number) != 0)
                return -1;
            sim_samples_add(lists[i], number);
        }
    }
    return 0;
}

/* --- telling -------------------------------------------------------------- */

struct row {
    const char *name;
    const char *key;
    struct sim_samples *samples;
    double scale;
    int digits;
};

#define ROWS 4u

static void rows_of(struct sim_figures *f, struct row *rows)
{
    const struct row all[ROWS] = {
        { "balance, max/mean children of a node", "balance", &f->balance,
          1e3, 2 },
        { "time to settle after a change, s", "settle_s", &f->settle_ns,
          1e9, 3 },
        { "blackout of a planned move, ms", "blackout_ms", &f->blackout_ns,
          1e6, 2 },
        { "outage after a loss, s", "outage_s", &f->outage_ns, 1e9, 3 },
    };

    memcpy(rows, all, sizeof(all));
}

static double per(uint64_t what, uint64_t count)
{
    return count == 0 ? 0 : (double)what / (double)count;
}

void sim_figures_print(struct sim_figures *f, const char *title)
{
    struct row rows[ROWS];
    double node_s = (double)f->node_ns / 1e9 + 1e-9;

    rows_of(f, rows);
    printf("\n%s\n%" PRIu64 " cases, %.1f nodes and %.1f children each, "
           "%.0f s of virtual time\n\n", title, f->cases,
           per(f->nodes, f->cases), per(f->children, f->cases),
           (double)f->virtual_ns / 1e9);
    printf("%-38s %9s %9s %9s %9s %7s\n", "", "p50", "p90", "p99", "max",
           "count");
    for (uint32_t i = 0; i < ROWS; i++) {
        printf("%-38s", rows[i].name);
        for (uint32_t k = 0; k < 4; k++) {
            static const uint32_t permille[] = { 500, 900, 990, 1000 };

            printf(" %9.*f", rows[i].digits,
                   (double)sim_samples_at(rows[i].samples, permille[k])
                       / rows[i].scale);
        }
        printf(" %7u\n", rows[i].samples->count);
    }
    printf("%-38s %9" PRIu64 " planned, %" PRIu64 " after losses; least "
           "possible %" PRIu64 "\n", "moves", f->moves, f->losses, f->least);
    printf("%-38s %9" PRIu64 ", %" PRIu64 " cases ended before it was "
           "settled\n", "changes of membership", f->changes, f->unsettled);
    printf("%-38s %9.1f per node and second\n", "messages",
           (double)f->frames / node_s);
    printf("%-38s %9.0f per node and second\n", "bytes",
           (double)f->bytes / node_s);
}

void sim_figures_json(struct sim_figures *f, const char *title)
{
    struct row rows[ROWS];
    double node_s = (double)f->node_ns / 1e9 + 1e-9;
    json_t *object = json_pack("{s:s s:I s:f s:f s:f s:I s:I s:I s:I s:f "
        "s:f}",
        "report", title, "cases", (json_int_t)f->cases,
        "nodes", per(f->nodes, f->cases),
        "children", per(f->children, f->cases),
        "virtual_s", (double)f->virtual_ns / 1e9,
        "moves_planned", (json_int_t)f->moves,
        "moves_after_losses", (json_int_t)f->losses,
        "moves_least", (json_int_t)f->least,
        "changes", (json_int_t)f->changes,
        "messages_per_node_s", (double)f->frames / node_s,
        "bytes_per_node_s", (double)f->bytes / node_s);

    phub__assert(object != NULL);
    rows_of(f, rows);
    for (uint32_t i = 0; i < ROWS; i++)
        (void)json_object_set_new(object, rows[i].key, json_pack(
            "{s:f s:f s:f s:f s:i}",
            "p50", (double)sim_samples_at(rows[i].samples, 500)
                / rows[i].scale,
            "p90", (double)sim_samples_at(rows[i].samples, 900)
                / rows[i].scale,
            "p99", (double)sim_samples_at(rows[i].samples, 990)
                / rows[i].scale,
            "max", (double)sim_samples_at(rows[i].samples, 1000)
                / rows[i].scale,
            "count", (int)rows[i].samples->count));
    sim_json_line(object);
}
