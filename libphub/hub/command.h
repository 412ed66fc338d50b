/* SPDX-License-Identifier: MIT */
/* command: what people ask a hub by its control socket; see command.c. */
#ifndef PHUB__HUB_COMMAND_H
#define PHUB__HUB_COMMAND_H

#include "hub/hub.h"

typedef void phub__asker_text(void *arg, int rc, struct phub_bytes text);
typedef void phub__asker_count(void *arg, const char *name, uint64_t value);

#define PHUB__ASKER_FLOWS_MAX 16u /* lists to one asker; PHUB_EBUSY */

/* Whoever asked; answers go there.  gone: nobody listens any more. */
struct phub__asker {
    void (*send)(struct phub__asker *asker, struct phub_bytes frame);
    /* The tail of a child's output here; done follows if the answer is 0.
     * May be NULL. */
    int (*logs)(struct phub__asker *asker, struct phub_bytes id,
                uint32_t bytes_max, phub__asker_text *done, void *arg);
    /* Count what the node counts beside the hub.  May be NULL. */
    void (*counters)(struct phub__asker *asker, phub__asker_count *count,
                     void *arg);
    /* Not 0: it has to read before more is sent; phub__asker_drained() follows
     * then.  May be NULL: never. */
    int (*full)(struct phub__asker *asker);
    uint32_t flows;    /* long answers under way */
    uint32_t refs;     /* commands under way; released at 0 and gone */
    int gone;
    void (*release)(struct phub__asker *asker);
};

/* The verb "watch": frame is the question. */
void phub__serve_watch(struct phub__hub *hub, struct phub__asker *asker,
                       struct phub_bytes frame);

/* Carry out one request frame. */
void phub__command(struct phub__hub *hub, struct phub__asker *asker,
                   struct phub_bytes frame);

/* It has read what was sent. */
void phub__asker_drained(struct phub__hub *hub, struct phub__asker *asker);
/* It listens no more; it is released when nothing is under way. */
void phub__asker_gone(struct phub__hub *hub, struct phub__asker *asker);

/* Answer PHUB_ENOMEM to a request; takes no memory. */
void phub__asker_poor(struct phub__asker *asker, uint64_t reference);

/* --- the same for programs (embed.c) ---------------------------------------- */

/* Results by item of the request; done borrows it. */
struct phub__request;
typedef void phub__command_done(void *arg, struct phub__request *request);

struct phub__command_child {
    struct phub_bytes id, spec;
    struct phub__list metadata;   /* struct phub__op_pair */
    struct phub__list tags;       /* struct phub_bytes */
    bool durable, sticky;
};

int phub__command_start(struct phub__hub *hub,
                        const struct phub__command_child *children,
                        uint32_t count, int rollback, uint64_t timeout_ms,
                        phub__command_done *done, void *arg);
int phub__command_stop(struct phub__hub *hub, const struct phub_bytes *ids,
                       uint32_t count, uint64_t timeout_ms,
                       phub__command_done *done, void *arg);
/* replica: the node whose replica is to move; 0: the one at home. */
int phub__command_move(struct phub__hub *hub, const struct phub_bytes *ids,
                       uint32_t count, uint64_t target, uint64_t replica,
                       uint64_t timeout_ms, phub__command_done *done,
                       void *arg);
/* Move everything away from node; timeout_ms 0: 60000. */
int phub__command_drain(struct phub__hub *hub, uint64_t node,
                        uint64_t timeout_ms, phub__command_done *done,
                        void *arg);
/* Put pairs (struct phub__op_pair; empty values take their keys away) over
 * the metadata of a child, if its version is that one or version is 0; the
 * item's value is the new version.  flags: PHUB__ITEM_STICKY makes it stay
 * where it is, PHUB__ITEM_FREE takes that back. */
int phub__command_edit(struct phub__hub *hub, struct phub_bytes id,
                       const struct phub__list *pairs, uint64_t flags,
                       uint64_t version, uint64_t timeout_ms,
                       phub__command_done *done, void *arg);

#endif
