/* SPDX-License-Identifier: MIT */
/* node: one hub in the real world; see node.h.
 *
 * Who asks by the control socket is a struct asker here.  A command may be
 * under way when its asker goes; the asker then stays until the last answer,
 * which nobody hears. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <phub/error.h>

#include "env/real/control.h"
#include "env/real/exec.h"
#include "env/real/real.h"
#include "hub/command.h"
#include "hub/node.h"
#include "hub/options.h"
#include "wire/memory.h"

#define READY_POLL_MS 5u
#define PENDING_MAX (1u << 20)  /* bytes to be read before a list goes on */
#define NS_PER_MS 1000000ull

struct asker {
    struct phub__asker base;   /* first: an asker is found by its base */
    struct phub__node *node;
    struct phub__control_peer *peer;
    struct asker *next, *prev;
};

struct phub__node {
    struct phub__node_options options;
    struct phub_env *env;
    struct phub__hub *hub;
    struct phub__control *control;
    struct phub__timer *ready_timer;
    struct asker *askers;
};

/* --- the control socket ------------------------------------------------- */

static struct asker *asker_of(struct phub__asker *base)
{
    return (struct asker *)(void *)base;
}

static void asker_free(struct asker *asker)
{
    if (asker->next != NULL)
        asker->next->prev = asker->prev;
    if (asker->prev != NULL)
        asker->prev->next = asker->next;
    else
        asker->node->askers = asker->next;
    phub__free(asker);
}

static void asker_release(struct phub__asker *base)
{
    asker_free(asker_of(base));
}

static void asker_send(struct phub__asker *base, struct phub_bytes frame)
{
    struct asker *asker = asker_of(base);

    /* One that is too slow is closed, and on_closed follows. */
    if (asker->peer != NULL)
        (void)phub__control_send(asker->peer, frame);
}

static int asker_full(struct phub__asker *base)
{
    const struct asker *asker = asker_of(base);

    return asker->peer != NULL &&
           phub__control_pending(asker->peer) >= PENDING_MAX;
}

static int asker_logs(struct phub__asker *base, struct phub_bytes id,
                      uint32_t bytes_max, phub__asker_text *done, void *arg)
{
    return phub__exec_log_tail(asker_of(base)->node->env, id, bytes_max,
                               done, arg);
}

static void asker_counters(struct phub__asker *base, phub__asker_count *count,
                           void *arg)
{
    struct phub__node *node = asker_of(base)->node;
    struct phub__net_counters net;
    struct phub__control_counters control;

    phub__env_real_net_counters(node->env, &net);
    phub__control_counters(node->control, &control);
#define NET(name) count(arg, "net_" #name, net.name)
    NET(received); NET(received_bytes); NET(refused_parts);
    NET(refused_size); NET(refused_memory); NET(sent); NET(sent_bytes);
    NET(sent_busy);
#undef NET
#define CONTROL(name) count(arg, "control_" #name, control.name)
    CONTROL(connected); CONTROL(refused_peers); CONTROL(refused_size);
    CONTROL(closed_slow); CONTROL(received); CONTROL(sent);
#undef CONTROL
}

static void on_connected(void *arg, struct phub__control_peer *peer)
{
    struct phub__node *node = arg;
    struct asker *asker = phub__calloc(1, sizeof *asker);

    if (asker == NULL) {
        phub__control_close_peer(&peer);
        return;
    }
    asker->base.send = asker_send;
    asker->base.full = asker_full;
    asker->base.logs = asker_logs;
    asker->base.counters = asker_counters;
    asker->base.release = asker_release;
    asker->node = node;
    asker->peer = peer;
    asker->next = node->askers;
    if (asker->next != NULL)
        asker->next->prev = asker;
    node->askers = asker;
    *phub__control_data(peer) = asker;
}

static void on_received(void *arg, struct phub__control_peer *peer,
                        struct phub_bytes body)
{
    struct phub__node *node = arg;
    struct asker *asker = *phub__control_data(peer);

    phub__command(node->hub, &asker->base, body);
}

static void on_drained(void *arg, struct phub__control_peer *peer)
{
    struct phub__node *node = arg;
    struct asker *asker = *phub__control_data(peer);

    phub__asker_drained(node->hub, &asker->base);
}

static void on_closed(void *arg, struct phub__control_peer *peer)
{
    struct phub__node *node = arg;
    struct asker *asker = *phub__control_data(peer);

    asker->peer = NULL;
    phub__asker_gone(node->hub, &asker->base);
}

static const struct phub__control_events control_events = {
    .connected = on_connected,
    .received = on_received,
    .drained = on_drained,
    .closed = on_closed,
};

/* The directory of the socket, /run/phub say, is gone after each boot. */
static void make_parent(const char *path)
{
    const char *slash = strrchr(path, '/');
    char parent[4096];

    if (slash == NULL || slash == path ||
        (size_t)(slash - path) >= sizeof parent)
        return;
    memcpy(parent, path, (size_t)(slash - path));
    parent[slash - path] = '\0';
    (void)mkdir(parent, 0755); /* listening says what is wrong */
}

int phub__node_check(const struct phub__config *config, char *error,
                     size_t error_max)
{
    struct phub__hub_options o;
    struct phub__strategy *strategy = NULL;
    struct phub__loader *loader = NULL;
    char name[PHUB_NODE_NAME_MAX + 1];
    unsigned kind;
    int rc;

    (void)phub__options_fill(config, name, &o);
    rc = phub__loader_new(o.plugin_path, &loader, error, error_max);
    for (kind = 1; kind < PHUB__KINDS && rc == 0; kind++) {
        rc = phub__strategy_load(loader, kind, o.strategies[kind].name,
                                 o.strategies[kind].params,
                                 o.strategies[kind].params_count, &strategy,
                                 error, error_max);
        if (rc == 0)
            phub__strategy_free(&strategy);
    }
    phub__loader_free(&loader);
    return rc;
}

/* --- life --------------------------------------------------------------- */

static void poll_ready(void *arg)
{
    struct phub__node *node = arg;
    struct phub_env *env = node->env;

    if (node->hub->started) {
        if (node->options.ready != NULL)
            node->options.ready(node->options.ready_arg);
        return;
    }
    env->timer_start(env, node->ready_timer,
                     env->now_ns(env) + READY_POLL_MS * NS_PER_MS);
}

/* Written by somebody, not a default: those are for a daemon. */
static int wants(const struct phub__node_options *options, const char *key)
{
    size_t count;
    const struct phub__config_row *rows = phub__config_rows(&count);
    size_t i;

    for (i = 0; options->embedded && i < count; i++)
        if (strcmp(rows[i].section, "hub") == 0 &&
            strcmp(rows[i].key, key) == 0)
            return options->config->given[i] != 0;
    return 1;
}

int phub__node_new(const struct phub__node_options *options,
                   struct phub__node **result, char *error, size_t error_max)
{
    const struct phub__config *config = options->config;
    struct phub__env_real_options real = {
        .state_dir = wants(options, "state_dir") ? config->hub.state_dir
                                                 : NULL,
        .guard_program = options->guard_program,
        .logs_kept = (uint32_t)config->limits.logs_kept,
        .log = options->log, .log_arg = options->log_arg };
    struct phub__hub_options hub;
    struct phub__node *node = phub__calloc(1, sizeof *node);
    char name[PHUB_NODE_NAME_MAX + 1];
    int rc;

    if (node == NULL) {
        snprintf(error, error_max, "out of memory");
        return PHUB_ENOMEM;
    }
    node->options = *options;
    rc = phub__env_real_new(&real, &node->env, error, error_max);
    if (rc == 0) {
        node->env->calls = options->calls;
        rc = phub__options_fill(config, name, &hub);
        if (rc != 0)
            snprintf(error, error_max,
                     "this host has no name; set [hub] name");
    }
    if (rc == 0)
        rc = phub__hub_new(node->env, &hub, &node->hub, error, error_max);
    if (rc == 0) {
        node->ready_timer = node->env->timer_new(node->env, poll_ready, node);
        if (node->ready_timer == NULL) {
            snprintf(error, error_max, "out of memory");
            rc = PHUB_ENOMEM;
        }
    }
    if (rc != 0)
        phub__node_free(&node);
    else
        *result = node;
    return rc;
}

int phub__node_start(struct phub__node *node, char *error, size_t error_max)
{
    const char *path = node->options.config->hub.control;
    int rc = 0;

    if (wants(&node->options, "control")) {
        make_parent(path);
        rc = phub__control_listen(node->env, path, &control_events, node,
                                  &node->control, error, error_max);
    }
    if (rc == 0)
        rc = phub__hub_start(node->hub, error, error_max);
    if (rc == 0)
        poll_ready(node);
    return rc;
}

void phub__node_run(struct phub__node *node)
{
    phub__env_real_run(node->env);
}

void phub__node_quit(struct phub__node *node)
{
    phub__env_real_stop(node->env);
}

static void on_hub_stopped(void *arg)
{
    phub__node_quit(arg);
}

void phub__node_stop(struct phub__node *node, uint64_t deadline_ms)
{
    phub__hub_stop(node->hub, deadline_ms, on_hub_stopped, node);
}

void phub__node_free(struct phub__node **result)
{
    struct phub__node *node = *result;
    struct asker *asker, *next;

    if (node == NULL)
        return;
    for (asker = node->askers; asker != NULL; asker = next) {
        next = asker->next;
        asker->peer = NULL;
        phub__asker_gone(node->hub, &asker->base);
    }
    if (node->control != NULL)
        phub__control_close(&node->control);
    phub__hub_free(&node->hub);
    if (node->ready_timer != NULL)
        node->env->timer_free(node->env, &node->ready_timer);
    phub__env_real_free(&node->env);
    while (node->askers != NULL)
        asker_free(node->askers);
    phub__free(node);
    *result = NULL;
}

struct phub__hub *phub__node_hub(struct phub__node *node)
{
    return node->hub;
}

struct phub_env *phub__node_env(struct phub__node *node)
{
    return node->env;
}
