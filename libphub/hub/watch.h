/* SPDX-License-Identifier: MIT */
/* watch: events of all nodes of the hub, for somebody who looks on here.
 *
 * A watch asks every member (WATCH) for the events that it wants, and is sent
 * them (EVENTS).  What it has not been taken from yet is bounded at both ends:
 * a node sends no more than WATCH_CREDIT frames that have not been said to
 * have come, and what is too much at either end is lost, counted, and told
 * between the events.  Nobody waits for who looks on.
 * Thread: the hub's. */
#ifndef PHUB__HUB_WATCH_H
#define PHUB__HUB_WATCH_H

#include "hub/hub.h"

#define PHUB__WATCHES_MAX 64u           /* of this node; PHUB_EBUSY */
#define PHUB__WATCH_OUTLETS_MAX 256u    /* asked for by others; not answered */
#define PHUB__WATCH_HELD_MAX 1024u      /* events that wait in one */
#define PHUB__WATCH_HELD_BYTES_MAX 262144u
#define PHUB__WATCH_IDS_MAX 64u         /* children asked for, or listed */
#define PHUB__WATCH_CREDIT 16u          /* frames on their way */

/* What is wanted; empty: any. */
struct phub__watch_ask {
    uint64_t number;              /* of the asker */
    uint64_t ttl_ms;              /* 0: it is over */
    uint64_t got;                 /* frame that has come */
    struct phub__list events;     /* struct phub_bytes: names */
    struct phub__list ids;        /* struct phub_bytes */
    struct phub_bytes tag;
    struct phub_bytes node;       /* a name: where it happened */
};

struct phub__event {
    struct phub_bytes event;      /* its name */
    uint64_t time_ms;
    uint64_t node;                /* where it happened; not sent */
    uint64_t about;               /* node, or 0 */
    struct phub_bytes id;         /* child, or empty */
    int64_t code;
    uint64_t count;
    struct phub_bytes text;
    struct phub__list ids;        /* of many: struct phub_bytes */
};

struct phub__watch_news {
    uint64_t number;              /* of the watch */
    uint64_t frame;               /* from 1 */
    uint64_t lost;                /* before these */
    struct phub__list events;     /* struct phub__event */
};

extern const struct phub__schema phub__watch_ask_schema;
extern const struct phub__schema phub__watch_news_schema;

struct phub__watch;

/* Open one; ready(arg) is called from the loop when there is something to
 * take after there was nothing; over(arg), unless NULL, when the hub ends
 * before it is closed.
 * Errors: PHUB_EBUSY, PHUB_ELIMIT (handlers of hooks), PHUB_ENOMEM. */
int phub__watch_open(struct phub__hub *hub, const struct phub__watch_ask *ask,
                     void (*ready)(void *arg), void (*over)(void *arg),
                     void *arg, struct phub__watch **watch);
/* Give the next event, or (event->event.size 0) how many were lost in between;
 * both borrow until the next call.  PHUB_EEMPTY. */
int phub__watch_take(struct phub__watch *watch, struct phub__event *event,
                     uint64_t *lost);
void phub__watch_close(struct phub__watch **watch);

int phub__watches_new(struct phub__hub *hub);
void phub__watches_free(struct phub__hub *hub);
/* WATCH and EVENTS came. */
void phub__watch_asked(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body);
void phub__watch_told(struct phub__hub *hub, uint64_t from,
                      struct phub_buf *body);
/* A row is another than before. */
void phub__watch_row_changed(struct phub__hub *hub, struct phub_bytes id);
/* EVENTS may not have arrived. */
void phub__watch_unsent(struct phub__hub *hub, uint64_t node,
                        struct phub_buf *body);

#endif
