/* SPDX-License-Identifier: MIT */
/* host: the table through which strategies see this hub; see host.c. */
#ifndef PHUB__HUB_HOST_H
#define PHUB__HUB_HOST_H

#include "hub/hub.h"

/* Load and open the configured strategies. */
int phub__host_new(struct phub__hub *hub, char *error, size_t error_max);
/* Open them: the hub has a view to show. */
int phub__host_open(struct phub__hub *hub, char *error, size_t error_max);
void phub__host_free(struct phub__hub *hub);
/* Tell what could not be told for want of memory. */
void phub__host_round(struct phub__hub *hub);
/* Tell a strategy (who: its ctx->who) that what it asked for under token is
 * over; it hears of it from the loop, if it is still there.  text is copied. */
void phub__host_complete(struct phub__hub *hub, uint32_t who,
                         uint64_t token, int rc, uint64_t value,
                         const char *text);
/* The same with bytes; a reference is taken. */
void phub__host_complete_buf(struct phub__hub *hub, uint32_t who,
                             uint64_t token, int rc, uint64_t value,
                             struct phub_buf *buf, const char *text);
/* The same, but say so if there is no memory: then nothing is told. */
int phub__host_tell(struct phub__hub *hub, uint32_t who,
                    uint64_t token, int rc, uint64_t value,
                    struct phub_buf *buf, const char *text);
/* The cell of that row id is another one. */
void phub__host_cell_changed(struct phub__hub *hub, struct phub_bytes id);
/* A LOAD message. */
void phub__host_load_received(struct phub__hub *hub, uint64_t from,
                              struct phub_buf *body);
/* It left the view, or came back as another. */
void phub__host_node_gone(struct phub__hub *hub, uint64_t node);
/* An item of OP_ASK. */
void phub__host_ask(struct phub__hub *hub, const struct phub__op_request *op,
                    const struct phub__op_item *item);
/* A PEER message. */
void phub__host_received(struct phub__hub *hub, uint64_t from,
                         struct phub_buf *body);

#endif
