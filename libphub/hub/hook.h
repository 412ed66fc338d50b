/* SPDX-License-Identifier: MIT */
/* hook: named events that code can attach to.
 *
 * Handlers of an event run on the hub's thread in order of priority (higher
 * first) and, among equals, in the order in which they were added: adding one
 * never changes the order of others.  A handler may add and cancel handlers;
 * one that is cancelled while its event runs is not called any more.
 *
 * Those of child_data_alter are a list of their own, in the same order: they
 * change what is started (alter.c). */
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
/* The chain of phub_alter_fn; cancelled as the others are. */
int phub__hooks_add_alter(struct phub__hooks *hooks, int priority,
                          phub_alter_fn *fn, void *arg, uint64_t *handle);
int phub__hooks_alters(const struct phub__hooks *hooks);
/* The first that does not give 0 ends it. */
int phub__hooks_alter(struct phub__hooks *hooks, struct phub_alter *alter);
/* The event of that name; PHUB_HOOK_COUNT if there is none. */
enum phub_hook phub__hook_by_name(const char *name, size_t size);
/* True if somebody listens: events nobody hears cost nothing. */
int phub__hooks_wanted(const struct phub__hooks *hooks, enum phub_hook hook);

#endif
