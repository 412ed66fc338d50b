/* SPDX-License-Identifier: MIT */
/* hook: named events that code can attach to.
 *
 * Handlers of an event run on the hub's thread in order of priority (higher
 * first) and, among equals, in the order in which they were added: adding one
 * never changes the order of others.  A handler may add and cancel handlers;
 * one that is cancelled while its event runs is not called any more. */
#ifndef PHUB__HUB_HOOK_H
#define PHUB__HUB_HOOK_H

#include <phub/phub.h>

struct phub__hooks;

int phub__hooks_new(struct phub__hooks **hooks);
void phub__hooks_free(struct phub__hooks **hooks);

/* name: an event of PHUB_HOOKS, or "*".
 * Errors: PHUB_ENOTFOUND (no such event), PHUB_ELIMIT at
 * PHUB_HOOK_HANDLERS_MAX, PHUB_ENOMEM. */
int phub__hooks_add(struct phub__hooks *hooks, const char *name, int priority,
                    phub_hook_fn *fn, void *arg, uint64_t *handle);
/* Errors: PHUB_ENOTFOUND. */
int phub__hooks_cancel(struct phub__hooks *hooks, uint64_t handle);
void phub__hooks_run(struct phub__hooks *hooks,
                     const struct phub_hook_event *event);
/* True if somebody listens: events nobody hears cost nothing. */
int phub__hooks_wanted(const struct phub__hooks *hooks, enum phub_hook hook);

#endif
