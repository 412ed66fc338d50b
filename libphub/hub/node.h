/* SPDX-License-Identifier: MIT */
/* node: one hub in the real world, from its configuration.
 *
 *   new -> start -> run (or the loop's steps) -> stop, on_stopped -> free
 *
 * A node is a real environment with its guard, a hub on it, and the control
 * socket that phub(1) asks.  Thread: the one that calls new. */
#ifndef PHUB__HUB_NODE_H
#define PHUB__HUB_NODE_H

#include <stddef.h>
#include <stdint.h>

#include "env/env.h"
#include "hub/conf.h"
#include "hub/hub.h"

struct phub__node;

struct phub__node_options {
    const struct phub__config *config;  /* borrowed until free */
    /* A program that is no daemon: it has a state directory and a control
     * socket only if the configuration names them. */
    int embedded;
    const char *guard_program;          /* NULL: no "exec" children */
    void (*log)(void *arg, enum phub__log_level level, const char *text);
    void *log_arg;
    /* Where calls into strategies are noted; borrowed, may be NULL. */
    struct phub__call_note *calls;
    /* The node has begun to speak; may be NULL. */
    void (*ready)(void *arg);
    void *ready_arg;
};

/* Load the strategies that the configuration names, and forget them.
 * Errors: PHUB_EPLUGIN, PHUB_ECONFIG, PHUB_ENOMEM; error says which. */
int phub__node_check(const struct phub__config *config, char *error,
                     size_t error_max);

/* Errors: as phub__env_real_new and phub__hub_new; error says. */
int phub__node_new(const struct phub__node_options *options,
                   struct phub__node **node, char *error, size_t error_max);
/* Bind, listen on the control socket, join. */
int phub__node_start(struct phub__node *node, char *error, size_t error_max);
/* Run the loop until quit. */
void phub__node_run(struct phub__node *node);
/* Leave run; from a callback of the loop. */
void phub__node_quit(struct phub__node *node);
/* Move everything away within deadline_ms (0: nothing is moved), end the
 * rest, say goodbye, quit.  A second call changes nothing. */
void phub__node_stop(struct phub__node *node, uint64_t deadline_ms);
/* At once: what still runs is left to the guard, until its deadline. */
void phub__node_free(struct phub__node **node);

struct phub__hub *phub__node_hub(struct phub__node *node);
struct phub_env *phub__node_env(struct phub__node *node);

#endif
