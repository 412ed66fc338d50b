/* SPDX-License-Identifier: MIT */
/* stranger: links to endpoints that are not members' (see stranger.c). */
#ifndef PHUB__HUB_STRANGER_H
#define PHUB__HUB_STRANGER_H

#include "env/env.h"

struct phub__strangers;

/* Links that are not used for idle_ns are closed.  NULL: out of memory. */
struct phub__strangers *phub__strangers_new(struct phub_env *env,
                                            uint64_t idle_ns);
void phub__strangers_free(struct phub__strangers **strangers);
/* Borrows for this turn, and until some others have been asked for; NULL: there
 * is none. */
struct phub__link *phub__stranger_link(struct phub__strangers *strangers,
                                       const char *endpoint);

#endif
