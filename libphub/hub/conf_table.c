/* SPDX-License-Identifier: MIT */
/* conf_table: every key of phub.conf, once.
 *
 * To add a key: a member in struct phub__config, a row here, and its words in
 * phub.conf(5) and phubd(8), which the tests ask for. */
#include "config.h"

#include <assert.h>

#include "env/env.h"
#include "hub/conf.h"

#define ROW(section, key, type, unit, fallback, min, max, help)               \
    { #section, #key, PHUB__CONFIG_##type, unit, fallback, min, max,          \
      offsetof(struct phub__config, section.key), help }

/* The cluster has a table of its own; here its parameters get the names that
 * people see, with their units. */
#define MEMBER(name, fallback, min, max, unit, help)                          \
    { "members", KEY_##name, PHUB__CONFIG_UINT32, unit, #fallback, min, max,  \
      offsetof(struct phub__config, members.params.name), help },
#define KEY_probe_interval "probe_interval_ms"
#define KEY_probe_timeout "probe_timeout_ms"
#define KEY_probe_indirect "probe_indirect"
#define KEY_suspicion_min "suspicion_min_ms"
#define KEY_suspicion "suspicion_ms"
#define KEY_gossip_interval "gossip_interval_ms"
#define KEY_gossip_fanout "gossip_fanout"
#define KEY_sync_interval "sync_interval_ms"
#define KEY_join_retry "join_retry_ms"
#define KEY_rejoin_interval "rejoin_interval_ms"
#define KEY_rejoin_interval_max "rejoin_interval_max_ms"
#define KEY_settle "settle_ms"
#define KEY_lease "lease_ms"
#define KEY_lease_long_max "lease_long_max_ms"
#define KEY_kill_margin "kill_margin_ms"
#define KEY_alone_grace "alone_grace_ms"

static const struct phub__config_row rows[] = {
    ROW(hub, id, NAME, "", NULL, 0, 0,
        "the hub to belong to; nodes of another hub are refused"),
    ROW(hub, name, NAME, "", "", 0, 0,
        "this node's name; the host's name if empty"),
    ROW(hub, listen, ENDPOINT, "", "tcp://0.0.0.0:7440", 0, 0,
        "where to listen for other nodes; port 0 takes a free one"),
    ROW(hub, advertise, ENDPOINT, "", "", 0, 0,
        "where other nodes reach this one; derived from listen if empty"),
    ROW(hub, seeds, SEEDS, "", "", 0, 0,
        "where to find the hub; none means to begin one"),
    ROW(hub, state_dir, PATH, "", PHUB_STATE_DIR, 0, 0,
        "directory for what must outlive the daemon; one per node"),
    ROW(hub, control, SOCKET, "", PHUB_RUN_DIR "/phub.sock", 0, 0,
        "socket for phub(1); its permissions are who may command"),
    ROW(hub, drain_timeout_ms, UINT, "ms", "30000", 0,
        3600000, "at SIGTERM, move children away for at most this long"),
    ROW(hub, log_level, LEVEL, "", "notice", PHUB__LOG_ERROR,
        PHUB__LOG_DEBUG, "how much to write to standard error"),

    ROW(strategies, distribution, PLUGIN, "", NULL, 0, 0,
        "which nodes a child belongs on"),
    ROW(strategies, redundancy, PLUGIN, "", NULL, 0, 0,
        "how many instances it has, and their roles"),
    ROW(strategies, sync, PLUGIN, "", NULL, 0, 0,
        "how the registry's news travel"),
    ROW(strategies, migration, PLUGIN, "", NULL, 0, 0,
        "how a child and its state move"),
    ROW(strategies, partition, PLUGIN, "", NULL, 0, 0,
        "what a part of the hub may do alone"),
    ROW(strategies, plugin_path, DIRS, "", "", 0, 0,
        "directories to look for strategies in, before the built-in one"),

    ROW(members, weight, UINT32, "permille", "1000", 1, 1000000,
        "this node's share of children; 1000 is a normal node"),
    ROW(members, zone, NAME, "", "", 0, 0,
        "what fails together with this node: a rack, a site"),
    ROW(members, labels, LABELS, "", "", 0, 0,
        "what strategies may ask of this node"),
    PHUB__CLUSTER_PARAMS(MEMBER)

    ROW(limits, children_max, UINT, "", "1000000", 1, 10000000,
        "rows of the registry, stopped ones too; starts beyond are refused"),
    ROW(limits, logs_kept, UINT, "", "1000", 1, 1000000,
        "logs of children that are not here any more; older ones go"),

    ROW(hooks, hook_timeout_ms, UINT, "ms", "10000", 1, 3600000,
        "a command of an event that takes longer is killed"),
    ROW(hooks, hook_queue_max, UINT, "", "256", 1, 65536,
        "events that may wait for one command; further ones are dropped"),
};

static_assert(sizeof rows / sizeof rows[0] <= PHUB__CONFIG_ROWS_MAX,
              "given[] has a place for each row");

/* Those with rows, and one that is kept for later. */
static const char *const sections[] = {
    "hub", "strategies", "members", "limits", "hooks", "security", NULL
};

static const char *const kinds[PHUB__CONFIG_KINDS + 1] = {
    "distribution", "redundancy", "sync", "migration", "partition", NULL
};

const struct phub__config_row *phub__config_rows(size_t *count)
{
    *count = sizeof rows / sizeof rows[0];
    return rows;
}

const char *phub__config_section(size_t index)
{
    return index < sizeof sections / sizeof sections[0] ? sections[index]
                                                        : NULL;
}

const char *phub__config_kind(size_t index)
{
    return index < PHUB__CONFIG_KINDS ? kinds[index] : NULL;
}
