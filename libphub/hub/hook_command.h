/* SPDX-License-Identifier: MIT */
/* hook_command: a program that is run at an event; see hook_command.c. */
#ifndef PHUB__HUB_HOOK_COMMAND_H
#define PHUB__HUB_HOOK_COMMAND_H

#include "hub/hub.h"

#define PHUB__HOOK_QUEUE_BYTES_MAX (4u << 20)  /* waiting for one command */
#define PHUB__HOOK_JSON_CHILDREN_MAX 256u      /* listed in one event */

/* Attach what hub->options names.  Errors: PHUB_ENOTFOUND (an event), ... */
int phub__hook_commands_new(struct phub__hub *hub);
/* After the runners have been detached: no answer comes any more. */
void phub__hook_commands_free(struct phub__hub *hub);
/* Something runs, or waits to. */
int phub__hook_commands_busy(const struct phub__hub *hub);
/* The counters of phub status. */
void phub__hook_commands_tell(struct phub__hub *hub,
                              void (*counter)(void *arg, const char *name,
                                              uint64_t value), void *arg);

/* One line of JSON without its end; dropped: events before it that the same
 * command did not get. */
int phub__hook_json(struct phub__hub *hub, const struct phub_hook_event *event,
                    uint64_t dropped, struct phub__builder *out);

#endif
