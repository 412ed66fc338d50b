/* SPDX-License-Identifier: MIT */
/* report: what is told to one question of the control socket, in pieces.
 *
 *   new -> record, record ..., send, record ... -> end
 *   new -> flow: fill, fill ... -> end            (long lists)
 *
 * Records borrow what they point to until their piece is sent; lists and texts
 * may live in the report's arena, which is emptied then.  A piece holds
 * PHUB__RECORDS_MAX records, and one more sends it.  What is too much for a
 * frame goes in two.
 *
 * A list of any length flows: a few steps a turn, none while the asker has not
 * read what was sent (asker->full), on with phub__asker_drained().
 *
 * Thread: the hub's. */
#ifndef PHUB__HUB_REPORT_H
#define PHUB__HUB_REPORT_H

#include <string.h>

#include "hub/command.h"
#include "hub/hub.h"
#include "wire/arena.h"
#include "wire/codec.h"

#define PHUB__RECORDS_MAX 512u      /* of a piece */
#define PHUB__REPORT_ARENA_MAX (64u << 20)
#define PHUB__FLOW_STEPS_MAX 16u    /* of one flow in a turn */

struct phub__record_pair {
    struct phub_bytes key, value;
};

struct phub__record {
    struct phub_bytes id, node, state, text, zone, keeper, home, role, spec;
    uint64_t replicas;
    int64_t code, pid;
    uint64_t restarts, epoch, incarnation, value, time_ms, node_id, boot;
    uint64_t weight, rtt_us, version;
    struct phub__list tags, metadata, published;
    struct phub__list replica_nodes; /* of struct phub_bytes */
    bool durable, sticky;
};

struct phub__report {
    struct phub__hub *hub;
    struct phub__asker *asker;
    uint64_t reference;
    struct phub__arena arena;     /* of this piece's lists and texts */
    uint64_t max;                 /* the verb's own: causes, lines */
    int failed;                   /* a record was lost: why */
    uint32_t count;
    struct phub__record *records; /* of this piece; NULL: none yet */
    struct phub__record spare;    /* where those go that there is no memory
                                   * for */
};

/* Of metadata, in questions too: struct phub__record_pair. */
extern const struct phub__schema phub__record_pair_schema;

/* NULL if out of memory.  The asker is there until the end. */
struct phub__report *phub__report_new(struct phub__hub *hub,
                                      struct phub__asker *asker,
                                      uint64_t reference);
/* A new record of this piece, zeroed. */
struct phub__record *phub__report_record(struct phub__report *report);
/* Send this piece; another one follows. */
void phub__report_send(struct phub__report *report);
/* Send the last piece, and free. */
void phub__report_end(struct phub__report *report, int code,
                      const char *text);

/* Call fill(state, report) until it gives 0: it has ended the report.  What it
 * makes in one call is sent before the next, and is 4 MiB at most.  Takes
 * state: drop(state) follows, also when the asker has gone before. */
void phub__report_flow(struct phub__report *report,
                       int (*fill)(void *state, struct phub__report *report),
                       void (*drop)(void *state), void *state);
/* End what flows; what is told from now on does not wait for who reads. */
void phub__reports_shut(struct phub__hub *hub);

static inline struct phub_bytes phub__text_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text,
                                text != NULL ? strlen(text) : 0 };
}

#endif
