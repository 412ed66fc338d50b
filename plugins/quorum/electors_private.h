/* SPDX-License-Identifier: MIT */
/* electors_private: what electors.c (agreement) and electors_life.c (views,
 * time, disk) share. */
#ifndef PHUB_QUORUM_ELECTORS_PRIVATE_H
#define PHUB_QUORUM_ELECTORS_PRIVATE_H

#include "electors.h"

struct electors_answer {
    struct electors_answer *next;
    uint64_t node;
    size_t size;
    uint8_t *bytes;
};

static inline uint64_t electors_me(const struct electors *self)
{
    return self->host->self(self->ctx);
}

static inline uint64_t electors_now(const struct electors *self)
{
    return self->host->now_ns(self->ctx);
}

static inline bool electors_founding(const struct electors *self)
{
    return self->config.history == 0;
}

/* --- electors.c ------------------------------------------------------------ */
bool electors_has(const uint64_t *nodes, uint32_t count, uint64_t node);
/* More than half of the weight of one list has its say. */
bool electors_half(const struct electors *self, const uint64_t *nodes,
                   uint32_t count, const uint64_t *with, uint32_t with_count);
/* A line of the log about a set. */
void electors_say(struct electors *self, uint32_t level, const char *what,
                  const struct electors_config *config);
void electors_tell(struct electors *self, uint64_t node);
/* Is there a later set? */
void electors_ask(struct electors *self, uint64_t node);
/* This node leaves. */
void electors_say_leaving(struct electors *self, uint64_t node);
void electors_tell_all(struct electors *self);
/* Give up an attempt. */
void electors_idle(struct electors *self);
/* config's nodes become ours. */
void electors_adopt(struct electors *self, struct electors_config *config);
/* Begin an attempt; config's nodes become the target's. */
void electors_propose(struct electors *self, struct electors_config *config);
void electors_answers_drop(struct electors *self);
/* The state that answers wait for is on the disk. */
void electors_answers_flush(struct electors *self);

/* --- electors_life.c ------------------------------------------------------- */
/* The state has changed: begin to write it. */
void electors_save(struct electors *self);
/* That node says that it leaves. */
void electors_leaves(struct electors *self, uint64_t node);
/* Look again soon. */
void electors_tick_arm(struct electors *self);

#endif
