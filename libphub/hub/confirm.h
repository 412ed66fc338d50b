/* SPDX-License-Identifier: MIT */
/* confirm: does a majority know what this node is about to act on? */
#ifndef PHUB__HUB_CONFIRM_H
#define PHUB__HUB_CONFIRM_H

#include "hub/local.h"

int phub__confirm_new(struct phub__hub *hub);
void phub__confirm_free(struct phub__hub *hub);
/* 1 if this node may act on that home: always, but under a majority strategy
 * once voters of a majority hold the row that says so.  0: the child is
 * reconciled again when they do. */
int phub__confirm_home(struct phub__local *local,
                       struct phub_epoch home_epoch);
/* Its home is another, or it was stopped: it waits no more. */
void phub__confirm_drop(struct phub__local *local);
/* 1 if this node may give out an epoch: always, but under a majority strategy
 * up to the number that a majority remembers. */
int phub__confirm_epochs(const struct phub__hub *hub);
/* One was given out, or a greater one was seen. */
void phub__confirm_epoch_used(struct phub__hub *hub);
/* The greatest number that anybody reserved, as far as we know. */
uint64_t phub__confirm_floor(const struct phub__hub *hub);
void phub__confirm_floor_seen(struct phub__hub *hub, uint64_t floor);
/* This node is complete for its view. */
void phub__confirm_complete(struct phub__hub *hub);
/* Who was asked may be gone. */
void phub__confirm_view_changed(struct phub__hub *hub);
void phub__confirm_voters_changed(struct phub__hub *hub);
/* Rows were merged: maybe what somebody waits for. */
void phub__confirm_rows_applied(struct phub__hub *hub);
/* COVER, COVERED. */
void phub__confirm_received(struct phub__hub *hub, uint64_t from,
                            struct phub_buf *body);
void phub__confirm_answered(struct phub__hub *hub, uint64_t from,
                            struct phub_buf *body);

#endif
