/* SPDX-License-Identifier: MIT */
/* request: one distributed operation that awaits answers.
 *
 * A request has items (one per child, or one per child and node) and ends in
 * exactly one done(), when each item has its answer: from the node it was
 * sent to, from a node it was forwarded to, from the failure detector
 * (PHUB_ENODEDOWN), or from the clock (PHUB_ETIMEDOUT).  An item is
 * ITEM_TODO -> SENT -> DONE, and SENT -> RETRY -> SENT while a node says "again"
 * (PHUB_EAGAIN: a keeper whose registry is not complete yet; PHUB_EVIEW: the
 * views differ); RETRY keeps the last reason for the case that time runs out.
 *
 * Where an item goes is computed anew at each sending: START, STOP and
 * COMPLETED to the child's keeper, MOVE to its home, all others to the node
 * in target.  Pieces hold at most PHUB__ITEMS_MAX items; answers of pieces are
 * merged by item, so a batch of any size has one truthful result (the system
 * before us let one piece overwrite another).
 *
 * Several may await one end, before it and after: done() may have the result
 * kept for a while (retain), and whoever asks for it by its transaction until
 * then gets it.
 *
 * Functions of the seed page, and what they are here: new; store, remove
 * (send, drop, release); get; update (answer, set_text); cleanup_expired,
 * handle_timeout (fire, time_out); compose_sub_requests, group_children_by_node
 * (dispatch: items sorted by node); split; record_response, process_response,
 * handle_response (response); finalize (finish); handle_await (await);
 * migration_request, contraction_request (RUN with its cause, keeper.c);
 * to_options (option, and what send_piece puts into each piece); send_response
 * (op.c); load_strategies (host.c); with_partition_check
 * (phub__keeper_may_not).
 *
 * Ownership: the manager owns a request from new to done; done borrows it, or
 * keeps it until release, or for as long as it says.
 * Thread: the hub's. */
#ifndef PHUB__HUB_REQUEST_H
#define PHUB__HUB_REQUEST_H

#include <stdint.h>

#include <phub/types.h>

#include "hub/ops.h"

#define PHUB__REQUESTS_MAX 65536u          /* outstanding here */
#define PHUB__RETRY_FIRST_MS 20u
#define PHUB__RETRY_MAX_MS 320u
#define PHUB__AWAITERS_MAX 64u             /* of one request */

struct phub__hub;
struct phub__requests;
struct phub_buf;

enum phub__item_state {
    PHUB__ITEM_TODO, PHUB__ITEM_SENT, PHUB__ITEM_RETRY, PHUB__ITEM_DONE
};

struct phub__request_item {
    struct phub__op_item op;      /* texts live in the request's arena */
    enum phub__item_state state;
    uint32_t tries;
    uint64_t node;                /* where it is being worked on */
    uint64_t due_ns;              /* RETRY: when to send again */
    int code;
    int64_t pid;
    uint64_t answered_by;
    uint64_t value;
    struct phub_epoch incarnation;
    char *text;                   /* or NULL */
    struct phub_buf *data;        /* of ASK, or NULL */
};

struct phub__request;
typedef void phub__request_done(void *arg, struct phub__request *request);
/* One item has its answer; for those who cannot wait for all. */
typedef void phub__item_answered(void *arg, struct phub__request *request,
                                 uint32_t index);
/* An item of a request that is finished, and kept, has its answer after all. */
typedef void phub__item_late(struct phub__request *request, uint32_t index,
                             const struct phub__op_answer *answer);

struct phub__request {
    struct phub__request *prev, *next;
    struct phub__request *bucket_next;
    struct phub__hub *hub;
    uint64_t transaction;
    enum phub__op op;
    uint32_t count;
    uint32_t pending;             /* items not DONE */
    uint64_t expires_ns;
    uint64_t wake_ns;             /* what the timer is set to */
    uint64_t timeout_ms;
    uint64_t flags;
    struct phub_buf *rows;
    struct phub__timer *timer;
    phub__request_done *done;
    phub__item_answered *answered;  /* may be NULL; same arg */
    phub__item_late *late;          /* may be NULL */
    void *arg;
    struct phub__arena arena;
    struct phub__request *chained;  /* what this one undoes */
    struct phub__list options;      /* struct phub__op_pair; travel along */
    void *owner;                    /* freed with it, or NULL */
    struct phub__awaiter *awaiters;
    uint64_t gone_ns;               /* when over: kept until then */
    int dispatching;
    int sent;
    int finished;
    int over;                       /* the result stays as it is */
    uint32_t kept;                  /* releases that are due */
    struct phub__request_item items[];
};

int phub__requests_new(struct phub__hub *hub,
                       struct phub__requests **requests);
/* Ends every request with PHUB_ESHUTDOWN first. */
void phub__requests_free(struct phub__requests **requests);
uint32_t phub__requests_count(const struct phub__requests *requests);
/* Results that are kept for who asks; not under way any more. */
uint32_t phub__requests_retained(const struct phub__requests *requests);
/* Answers that came for a request or item that needed none any more. */
uint64_t phub__requests_late(const struct phub__requests *requests);

/* Make one with count zeroed items.  NULL: out of memory or at
 * PHUB__REQUESTS_MAX. */
struct phub__request *phub__request_new(struct phub__hub *hub,
                                        enum phub__op op, uint32_t count,
                                        uint64_t timeout_ms);
/* The same with one item, whose id is a copy of id.  NULL also if there was no
 * memory for that. */
struct phub__request *phub__request_one(struct phub__hub *hub,
                                        enum phub__op op, struct phub_bytes id,
                                        uint64_t timeout_ms);
/* Copy bytes into the request's memory; fails to empty. */
struct phub_bytes phub__request_copy(struct phub__request *request,
                                     struct phub_bytes bytes);
/* Send to all; done(arg, request) comes later, never from inside. */
void phub__request_send(struct phub__request *request,
                        phub__request_done *done, void *arg);
/* Answer an item from here (a refusal found before sending). */
void phub__request_answer(struct phub__request *request, uint32_t index,
                          int code, const char *text);

void phub__request_set_text(struct phub__request *request, uint32_t index,
                            const char *text);
/* Inside done(): let the request live until release, once for each keep. */
void phub__request_keep(struct phub__request *request);
void phub__request_release(struct phub__request *request);
/* Forget one that has not been sent; NULL is fine. */
void phub__request_drop(struct phub__request *request);

/* That of this node with that number, as long as it is kept; or NULL. */
struct phub__request *phub__request_get(struct phub__requests *requests,
                                        uint64_t transaction);
/* Zeroed memory that goes with the request, as its owner; once. */
void *phub__request_owned(struct phub__request *request, size_t size);
/* Tell done(arg, request) too, from the loop, when it is over, or soon if it is
 * already.  PHUB_ELIMIT at PHUB__AWAITERS_MAX, PHUB_ENOMEM. */
int phub__request_await(struct phub__request *request,
                        phub__request_done *done, void *arg);
/* One that was kept is over: tell who awaits it, and whoever comes within
 * ms; then it goes. */
void phub__request_retain(struct phub__request *request, uint64_t ms);
/* Answer what is pending with PHUB_ECANCELLED; done() follows. */
void phub__request_cancel(struct phub__request *request);
/* Say something to everybody who is asked: a key of 1 to 63 bytes and a value
 * of at most 1024, UTF-8.  PHUB_EINVAL, PHUB_ELIMIT at PHUB__OPTIONS_MAX,
 * PHUB_ENOMEM. */
int phub__request_option(struct phub__request *request,
                         struct phub_bytes key, struct phub_bytes value);
/* 0, or why no other node can be told of that item, with a text. */
int phub__request_wrong(const struct phub__op_item *item, char *text,
                        size_t max);
int phub__request_options_copy(struct phub__request *to,
                               const struct phub__request *from);

/* A RESPONSE arrived. */
void phub__request_response(struct phub__hub *hub,
                            const struct phub__op_response *response,
                            uint64_t from);
/* A node left the view. */
void phub__requests_node_down(struct phub__requests *requests, uint64_t node,
                              const char *name);
/* The view changed: items that wait to be sent again may go now. */
void phub__requests_view_changed(struct phub__requests *requests);

#endif
