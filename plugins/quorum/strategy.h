/* SPDX-License-Identifier: MIT */
/* strategy: what partition strategies on electors have alike: all but how the
 * electors are weighed, and the words about that. */
#ifndef PHUB_QUORUM_STRATEGY_H
#define PHUB_QUORUM_STRATEGY_H

#include "quorum/electors.h"

struct quorum_strategy {
    struct electors electors;
    uint64_t minority;       /* index of the word: stop, freeze */
};

/* For open(): weigh the electors by plain, or, if the parameter choice is not
 * its first word, by chosen. */
int quorum_open(void *self, struct phub_ctx *ctx, const struct phub_host *host,
                electors_weigh *plain, const char *choice,
                electors_weigh *chosen);
void quorum_close(void *self);
int quorum_judge(void *self, const struct phub_judge *judge,
                 uint32_t *verdict);
int quorum_electors(void *self, const struct phub_view *view,
                    struct phub_elector *electors, uint32_t max,
                    uint32_t *count, uint64_t *version);
void quorum_completed(void *self, uint64_t token, int32_t rc,
                      const struct phub_result *result);
void quorum_received(void *self, uint64_t node,
                     const struct phub_bytes *message);
void quorum_view_changed(void *self, const struct phub_view *view);
int quorum_reset(void *self, const struct phub_view *view);
void quorum_forget(void *self, uint64_t node);
int quorum_leave(void *self, uint32_t deadline_ms);

#define QUORUM_OPS(open_) {                                                   \
    .size = sizeof(struct phub_partition_ops),                                \
    .instance_size = sizeof(struct quorum_strategy),                          \
    .open = (open_),                                                          \
    .close = quorum_close,                                                    \
    .judge = quorum_judge,                                                    \
    .completed = quorum_completed,                                            \
    .electors = quorum_electors,                                              \
    .received = quorum_received,                                              \
    .view_changed = quorum_view_changed,                                      \
    .reset = quorum_reset,                                                    \
    .forget = quorum_forget,                                                  \
    .leave = quorum_leave,                                                    \
}

#define QUORUM_PARAMS                                                         \
    { .name = "initial_size", .unit = "", .default_value = "1", .min = 1,     \
      .max = PHUB_ELECTORS_MAX, .type = PHUB_PARAM_UINT,                      \
      .help = "Found the set of electors when so many nodes see each other; " \
              "more than half of those that are started at first keeps two "  \
              "sides from founding one each." },                              \
    { .name = "found_wait_ms", .unit = "ms", .default_value = "1000",         \
      .min = 0, .max = 3600000, .type = PHUB_PARAM_UINT,                      \
      .help = "And not before so long after this node's start." },            \
    { .name = "change_wait_ms", .unit = "ms", .default_value = "3000",        \
      .min = 100, .max = 3600000, .type = PHUB_PARAM_UINT,                    \
      .help = "From one change of the electors to the next; longer than a "   \
              "lease." },                                                     \
    { .name = "minority", .unit = "", .default_value = "stop",                \
      .choices = "stop|freeze", .type = PHUB_PARAM_CHOICE,                    \
      .help = "What a side without a majority does at once with its "         \
              "children; those that are frozen end with their lease." }

#endif
