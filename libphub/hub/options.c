/* SPDX-License-Identifier: MIT */
/* options: from a configuration to what phub__hub_new() takes; for the
 * daemon and for programs that host a hub. */
#include "config.h"

#include <string.h>
#include <unistd.h>

#include "hub/options.h"

static const char *name_of_kind(const struct phub__config *config,
                                unsigned kind)
{
    switch ((enum phub_kind)kind) {
    case PHUB_KIND_DISTRIBUTION: return config->strategies.distribution;
    case PHUB_KIND_REDUNDANCY: return config->strategies.redundancy;
    case PHUB_KIND_SYNC: return config->strategies.sync;
    case PHUB_KIND_MIGRATION: return config->strategies.migration;
    case PHUB_KIND_PARTITION: return config->strategies.partition;
    }
    return "";
}

static void strategy_fill(const struct phub__config *config, unsigned kind,
                          struct phub__strategy_option *option)
{
    const struct phub__config_plugin *plugin;

    option->name = name_of_kind(config, kind);
    plugin = phub__config_plugin_used(config, phub__kind_name(kind));
    if (plugin == NULL)
        return;
    option->params = (const char *const *)plugin->params;
    option->params_count = (uint32_t)plugin->params_count;
}

int phub__options_fill(const struct phub__config *config,
                       char name[PHUB_NODE_NAME_MAX + 1],
                       struct phub__hub_options *o)
{
    unsigned kind;

    memset(o, 0, sizeof *o);
    o->hub_id = config->hub.id;
    o->name = config->hub.name;
    if (o->name[0] == '\0') {
        if (gethostname(name, PHUB_NODE_NAME_MAX) != 0)
            name[0] = '\0';
        name[PHUB_NODE_NAME_MAX] = '\0';
        o->name = name;
    }
    o->listen = config->hub.listen;
    o->advertise = config->hub.advertise;
    o->zone = config->members.zone;
    o->labels = config->members.labels;
    o->weight = config->members.weight;
    o->seeds = (const char *const *)config->hub.seeds.items;
    o->seeds_count = (uint32_t)config->hub.seeds.count;
    if (config->strategies.plugin_path[0] != '\0')
        o->plugin_path = config->strategies.plugin_path;
    for (kind = 1; kind < PHUB__KINDS; kind++)
        strategy_fill(config, kind, &o->strategies[kind]);
    o->cluster = config->members.params;
    o->drain_timeout_ms = config->hub.drain_timeout_ms;
    o->children_max = (uint32_t)config->limits.children_max;
    o->hooks = config->commands;
    o->hooks_count = (uint32_t)config->commands_count;
    o->hook_timeout_ms = config->hooks.hook_timeout_ms;
    o->hook_queue_max = config->hooks.hook_queue_max;
    return o->name[0] != '\0' ? 0 : PHUB_ECONFIG;
}
