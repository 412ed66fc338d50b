/* SPDX-License-Identifier: MIT */
/* store: durable rows in the state directory.
 *
 * One append-only file of records {checksum, size, a delta with one row's
 * spec half}; the last record of a row counts, a torn tail is dropped.  It is
 * rewritten when it has grown to twice what it must hold.  A row that is not
 * durable costs nothing.  The nodes that the registry knows are one more
 * record, for those must be waited for with stops after a restart, too.
 *
 * What was appended is synced at once if somebody waits for it, and soon in
 * any case; the registry is told, for only then does it count as kept
 * (registry/stable.c). */
#ifndef PHUB__HUB_STORE_H
#define PHUB__HUB_STORE_H

#include <phub/types.h>

struct phub__hub;

int phub__store_new(struct phub__hub *hub);
/* The hub is about to go: whoever waits for a sync is told so. */
void phub__store_close(struct phub__hub *hub);
/* After close. */
void phub__store_free(struct phub__hub *hub);
/* Merge what an earlier start wrote; before anything else. */
int phub__store_load(struct phub__hub *hub, char *error, size_t error_max);
/* A row changed, or is no more. */
void phub__store_row(struct phub__hub *hub, struct phub_bytes id, int dropped);
/* The nodes that the registry knows are others. */
void phub__store_known(struct phub__hub *hub);
/* Once in a while: what a full disk did not take is written again. */
void phub__store_round(struct phub__hub *hub);
/* done(arg, rc) once everything written so far is on the disk. */
void phub__store_sync(struct phub__hub *hub, void (*done)(void *arg, int rc),
                      void *arg);

#endif
