/* SPDX-License-Identifier: MIT */
/* note: which call into a strategy is under way.
 *
 * Kept where somebody outside the process can still read it when a plugin has
 * crashed or does not come back (phub-sim(1)).  A call from inside another
 * one, of another kind, goes on top of it.
 *
 * Beside it: who watches what strategies are asked and what they say, as the
 * judges of the simulator do.
 *
 * Thread: written by the hub's only. */
#ifndef PHUB__STRATEGY_NOTE_H
#define PHUB__STRATEGY_NOTE_H

#include <stddef.h>
#include <stdint.h>

#include <phub/plugin.h>

#define PHUB__CALLS_DEEP 8u
#define PHUB__CALL_NAME_MAX 47u

struct phub__call {
    uint32_t kind;
    char op[16];
    char name[PHUB__CALL_NAME_MAX + 1];
};

struct phub__call_note {
    volatile uint64_t begun;            /* calls so far */
    volatile uint32_t depth;            /* 0: none is under way */
    struct phub__call calls[PHUB__CALLS_DEEP];  /* the innermost is last */
};

/* Told after the call, from inside the hub's turn: look, and touch nothing.
 * Any may be NULL. */
struct phub__call_watch {
    /* The view is another now, and has not settled. */
    void (*view_changed)(void *arg, const struct phub_view *view);
    void (*judged)(void *arg, const struct phub_judge *judge,
                   uint32_t verdict);
    /* A batch was placed; a batch was given to be moved. */
    void (*assigned)(void *arg, const struct phub_assign_item *items,
                     uint32_t count);
    void (*begun)(void *arg, const struct phub_plan_item *items,
                  uint32_t count);
    void *arg;
};

/* For every call: a printf would cost more than most calls do. */
static inline void phub__note_text(char *to, size_t max, const char *from)
{
    size_t at = 0;

    for (; at + 1 < max && from[at] != '\0'; at++)
        to[at] = from[at];
    to[at] = '\0';
}

/* note may be NULL in both. */
static inline void phub__note_begin(struct phub__call_note *note,
                                    uint32_t kind, const char *name,
                                    const char *op)
{
    struct phub__call *call;

    if (note == NULL)
        return;
    if (note->depth < PHUB__CALLS_DEEP) {
        call = &note->calls[note->depth];
        call->kind = kind;
        phub__note_text(call->op, sizeof call->op, op);
        phub__note_text(call->name, sizeof call->name, name);
    }
    note->depth = note->depth + 1;
    note->begun = note->begun + 1;
}

static inline void phub__note_end(struct phub__call_note *note)
{
    if (note != NULL)
        note->depth = note->depth - 1;
}

#endif
