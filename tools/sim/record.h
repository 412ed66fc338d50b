/* SPDX-License-Identifier: MIT */
/* record: what a random schedule did, as actions that can be taken out.
 *
 * A schedule that is given a record adds an action for everything that it
 * does; the record can be written as a scenario (phub-scenario(5)) that does
 * the same at the same times, with some nodes, children and actions left
 * out. */
#ifndef PHUB_TOOLS_SIM_RECORD_H
#define PHUB_TOOLS_SIM_RECORD_H

#include <stdint.h>
#include <stdio.h>

#include "sim/case.h"

#define SIM_ACTIONS_MAX 20000u
#define SIM_GROUPS_SIZE (4u << 20)   /* bytes of all cuts together */
#define SIM_HEAD_MAX 159u
#define SIM_TAIL_MAX 103u
#define SIM_NOBODY UINT32_MAX

/* What an action does to the count of nodes that are well. */
enum sim_effect {
    SIM_EFFECT_NONE,
    SIM_EFFECT_START,     /* the node runs */
    SIM_EFFECT_THAW,      /* it does if it did before it was frozen */
    SIM_EFFECT_FREEZE,    /* two others have to be well */
    SIM_EFFECT_STRIKE,    /* the same; the node is gone */
    SIM_EFFECT_DARK       /* gone with all the others: durable rows only */
};

struct sim_action {
    uint64_t at_ns;
    enum sim_effect effect;
    uint32_t node, other;      /* SIM_NOBODY: none */
    uint32_t first, last;      /* children; equal: none */
    uint32_t groups;           /* a cut: where they are, plus 1; else 0 */
    char head[SIM_HEAD_MAX + 1];   /* "start", then the children, */
    char tail[SIM_TAIL_MAX + 1];   /* then "at n2" */
};

/* Shared with child processes: it outlives the one that crashes. */
struct sim_record {
    uint32_t count;
    uint32_t groups_used;
    int full;                  /* there was more to come */
    int calm;                  /* judged to the end, with all that follows */
    uint64_t end_ns;           /* when it broke, or was judged; 0: neither */
    struct sim_action actions[SIM_ACTIONS_MAX];
    uint8_t groups[SIM_GROUPS_SIZE];   /* of each node, in every cut */
};

/* Which are in; each array has one byte per node, child, action. */
struct sim_subset {
    uint32_t nodes, children, clients;
    uint64_t round_ns;         /* of times; 1: as they were */
    uint64_t end_ns;           /* when all is mended */
    uint64_t seed_more;        /* to the seed: another world's chance */
    uint8_t *node, *child, *action;
};

/* NULL: out of memory. */
struct sim_record *sim_record_new(void);
void sim_record_free(struct sim_record **record);
/* All of these do nothing if the case has no record. */
void sim_record_node(struct sim_case *c, enum sim_effect effect,
                     uint32_t node, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void sim_record_pair(struct sim_case *c, uint32_t from, uint32_t to,
                     int held);
void sim_record_half_open(struct sim_case *c, uint32_t from, uint32_t to,
                          uint64_t ms);
void sim_record_cut(struct sim_case *c, const uint32_t *groups, int held);
/* A command of people, or what a child is like. */
void sim_record_children(struct sim_case *c, uint32_t node, uint32_t other,
                         uint32_t first, uint32_t last, const char *head,
                         const char *tail);

/* With all of it in.  Owns: the caller, until subset_fini. */
void sim_subset_all(const struct sim_record *record,
                    const struct sim_options *options,
                    struct sim_subset *subset);
void sim_subset_fini(struct sim_subset *subset);
/* 0 if no fault strikes where the generator would not have let it: somebody
 * always has to be left. */
int sim_record_sound(const struct sim_record *record,
                     const struct sim_subset *subset);
/* The scenario; options give seed and strategies.  why: a comment on top. */
void sim_record_write(const struct sim_record *record,
                      const struct sim_subset *subset,
                      const struct sim_options *options, const char *why,
                      FILE *out);
/* The time of the last action that would be written; 0: none. */
uint64_t sim_record_last(const struct sim_record *record,
                         const struct sim_subset *subset);
/* Lines of actions that would be written. */
uint32_t sim_record_lines(const struct sim_record *record,
                          const struct sim_subset *subset);

#endif
