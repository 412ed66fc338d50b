/* SPDX-License-Identifier: MIT */
/* measure: what somebody outside sees of a case while it is played.
 *
 * Instances are watched as they begin, act and end, nodes as they come and
 * go, the wire as it is used; the hub is asked nothing.
 *
 *   move      a child acts on a node, and last did so on another one; planned
 *             if its daemon ended it there, else after a loss
 *   blackout  from the moment it acts there no more until it acts here
 *   change    a node comes, goes, freezes, thaws, is cut off or heard again
 *   settle    from the last change until the last child that had to has begun
 *             to act or ceased to; nothing of that kind follows for
 *             SIM_SETTLED_NS
 *   forced    a move after a loss, or from a node that is leaving or gone
 *   least     moves without which it cannot be done: the forced ones, and at
 *             the next quiet what is missing in the fair share (by weight) of
 *             each node that came and stayed, less what it had when it came
 *             and less those forced moves that were made since and could have
 *             gone there, wherever they went
 *
 * Figures of several cases can be added. */
#ifndef PHUB_TOOLS_SIM_MEASURE_H
#define PHUB_TOOLS_SIM_MEASURE_H

#include <stdint.h>
#include <stdio.h>

#include "sim/case.h"

/* Longer than detection, a lease and the move that follows. */
#define SIM_SETTLED_NS (10 * PHUB__SIM_S)
#define SIM_COLUMNS_MAX 600u     /* of a plot */
#define SIM_SAMPLES_MAX 1000000u

struct sim_samples {
    uint64_t *values;
    uint32_t count, max;
};

struct sim_figures {
    uint64_t cases, nodes, children;
    uint64_t virtual_ns, node_ns;      /* node_ns: of all that were up */
    uint64_t frames, bytes;
    uint64_t changes, unsettled;
    uint64_t moves, losses, least;
    struct sim_samples balance;        /* max/mean, permille */
    struct sim_samples settle_ns;
    struct sim_samples blackout_ns;    /* of planned moves */
    struct sim_samples outage_ns;      /* after losses */
};

enum sim_state {
    SIM_NODE_DOWN, SIM_NODE_UP, SIM_NODE_FROZEN, SIM_NODE_CUT, SIM_STATES
};

/* One piece of time of the plots. */
struct sim_column {
    uint64_t moves, losses, frames, bytes, node_ns;
    uint32_t children_min, children_max;
    uint64_t children_sum, nodes_sum;  /* of the samples in it */
};

struct sim_segment {
    uint64_t from_ns;
    enum sim_state state;
};

struct sim_track {
    struct sim_segment *segments;
    uint32_t count, max;
};

struct sim_measure;

/* Let it watch the case that these options will make. */
struct sim_measure *sim_measure_new(struct sim_options *options);
void sim_measure_free(struct sim_measure **measure);

const struct sim_figures *sim_measure_figures(
    const struct sim_measure *measure);
/* For plots; valid when the case is over. */
uint32_t sim_measure_columns(const struct sim_measure *measure,
                             const struct sim_column **columns,
                             uint64_t *column_ns);
uint64_t sim_measure_began_ns(const struct sim_measure *measure);
uint32_t sim_measure_tracks(const struct sim_measure *measure,
                            const struct sim_track **tracks);

/* --- report.c ------------------------------------------------------------- */
void sim_samples_add(struct sim_samples *samples, uint64_t value);
/* permille 500: the median; 1000: the greatest; 0 of none. */
uint64_t sim_samples_at(struct sim_samples *samples, uint32_t permille);
void sim_figures_fini(struct sim_figures *figures);
/* Through a pipe, and into a sum. */
void sim_figures_write(const struct sim_figures *figures, FILE *out);
/* -1: these bytes are no figures. */
int sim_figures_add(struct sim_figures *figures, const void *data,
                    size_t size);
void sim_figures_print(struct sim_figures *figures, const char *title);
void sim_figures_json(struct sim_figures *figures, const char *title);

/* --- svg.c ---------------------------------------------------------------- */
/* A page of plots.  -1 with errno. */
int sim_svg_write(const struct sim_measure *measure,
                  const struct sim_options *options, const char *title,
                  FILE *out);

#endif
