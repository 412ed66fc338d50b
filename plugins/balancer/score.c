/* SPDX-License-Identifier: MIT */
/* score: one number for what a node and its machine use, over time.
 *
 * A measurement's score is the mean of four shares by their weights: the
 * machine's cpus that are busy, tasks that want one against what is full, the
 * node's children against what is full, the machine's memory in use.  A node's
 * score is the mean of the last measurements, each counting decay times as
 * much as the one after it. */
#include <string.h>

#include "balancer/balancer.h"

#define ONE (1ull << 20)  /* the weight of the newest */

static uint64_t share(uint64_t part, uint64_t whole)
{
    if (part >= whole)
        return whole != 0 ? BALANCER_SCORE_MAX : 0;
    if (part > UINT64_MAX / BALANCER_SCORE_MAX)
        return part / (whole / BALANCER_SCORE_MAX);
    return part * BALANCER_SCORE_MAX / whole;
}

uint32_t balancer_score(const struct balancer_weights *w,
                        const struct phub_load *load)
{
    uint64_t cpus = load->cpus != 0 ? load->cpus : 1;
    uint64_t all = w->cpu + w->queue + w->children + w->memory, used = 0, sum;

    if (load->memory_free_bytes < load->memory_bytes)
        used = load->memory_bytes - load->memory_free_bytes;
    sum = w->cpu * share(load->cpu_permille, BALANCER_SCORE_MAX) +
          w->queue * share(load->queue_milli, 1000 * w->queue_full * cpus) +
          w->children * share(load->children, w->children_full) +
          w->memory * share(used, load->memory_bytes);
    return (uint32_t)(sum / all);
}

static void work_out(struct balancer_history *history,
                     const struct balancer_weights *w)
{
    uint64_t weight = ONE, sum = 0, all = 0;
    uint32_t i, at = history->newest;

    for (i = 0; i < history->count && weight != 0; i++) {
        sum += weight * history->samples[at];
        all += weight;
        weight = weight * w->decay / 100;
        at = at != 0 ? at - 1 : (uint32_t)w->history - 1;
    }
    history->score = (uint32_t)(sum / all);
}

void balancer_history_add(struct balancer_history *history,
                          const struct balancer_weights *w, uint32_t score)
{
    history->newest = history->count != 0
                          ? (history->newest + 1) % (uint32_t)w->history : 0;
    history->samples[history->newest] = (uint16_t)score;
    if (history->count < w->history)
        history->count++;
    work_out(history, w);
}

void balancer_history_inherit(struct balancer_history *history,
                              const struct balancer_weights *w,
                              const struct balancer_entry *entry)
{
    uint32_t i, count = entry->samples;

    for (i = 0; i < count && i < w->history; i++)
        balancer_history_add(history, w, entry->score);
    history->capacity = entry->capacity;
    history->leaving = entry->capacity == 0;
}
