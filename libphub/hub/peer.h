/* SPDX-License-Identifier: MIT */
/* peer: links and sessions to the other nodes; see peer.c. */
#ifndef PHUB__HUB_PEER_H
#define PHUB__HUB_PEER_H

#include "hub/hub.h"
#include "wire/messages.h"

int phub__peers_new(struct phub__hub *hub);
void phub__peers_free(struct phub__hub *hub);
extern const struct phub__net_events phub__peers_events;
/* Make good what there was no memory for. */
void phub__peers_round(struct phub__hub *hub);
/* Remember what members have been sent on the control lane; and, has one of
 * them not acknowledged all of that? */
void phub__peers_note_sent(struct phub__hub *hub);
int phub__peers_unheard(const struct phub__hub *hub);

#endif
