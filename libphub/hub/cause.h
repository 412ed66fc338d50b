/* SPDX-License-Identifier: MIT */
/* cause: why the hub did what it did (promise 11).
 *
 * Every start, stop, move and refusal notes a sentence with its inputs into a
 * bounded ring; the oldest go first.  phub show and phub why print the
 * sentences of one child, newest last.  Thread: the hub's. */
#ifndef PHUB__HUB_CAUSE_H
#define PHUB__HUB_CAUSE_H

#include <stdint.h>

#include <phub/types.h>

#define PHUB__CAUSES_MAX 8192u      /* entries kept */
#define PHUB__CAUSE_TEXT_MAX 255u   /* bytes of one sentence */

struct phub__cause {
    uint64_t sequence;              /* from 1 */
    uint64_t wall_ms;               /* for people */
    struct phub_bytes child;        /* empty: the node itself */
    const char *text;
};

struct phub__causes;

int phub__causes_new(struct phub__causes **causes);
void phub__causes_free(struct phub__causes **causes);

/* Note a sentence; out of memory loses it and counts that. */
void phub__causes_note(struct phub__causes *causes, uint64_t wall_ms,
                       struct phub_bytes child, const char *text);

/* Fill with the newest causes_max entries about child (all, if it is empty),
 * oldest first; they borrow until the next note. */
uint32_t phub__causes_of(const struct phub__causes *causes,
                         struct phub_bytes child, struct phub__cause *out,
                         uint32_t causes_max);

/* How many have been noted, and how many were lost for lack of memory. */
uint64_t phub__causes_noted(const struct phub__causes *causes);
uint64_t phub__causes_lost(const struct phub__causes *causes);

#endif
