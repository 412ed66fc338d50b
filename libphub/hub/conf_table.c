/* SPDX-License-Identifier: MIT */
/* conf_table: every key of phub.conf, once.
 *
 * To add a key: a member in struct phub__config, a row here, and its words in
 * phub.conf(5) and phubd(8), which the tests ask for. */
#include "config.h"

#include <assert.h>

#include "env/env.h"
#include "hub/conf.h"

#define ROW(section, key, flag, type, unit, fallback, min, max, help)         \
    { #section, #key, "--" flag, PHUB__CONFIG_##type, unit, fallback, min,    \
      max, offsetof(struct phub__config, section.key), help }

static const struct phub__config_row rows[] = {
    ROW(hub, id, "id", NAME, "", NULL, 0, 0,
        "the hub to belong to; nodes of another hub are refused"),
    ROW(hub, name, "name", NAME, "", "", 0, 0,
        "this node's name; the host's name if empty"),
    ROW(hub, listen, "listen", ENDPOINT, "", "tcp://0.0.0.0:7440", 0, 0,
        "where to listen for other nodes; port 0 takes a free one"),
    ROW(hub, advertise, "advertise", ENDPOINT, "", "", 0, 0,
        "where other nodes reach this one; derived from listen if empty"),
    ROW(hub, seeds, "seeds", SEEDS, "", "", 0, 0,
        "where to find the hub; none means to begin one"),
    ROW(hub, state_dir, "state-dir", PATH, "", PHUB_STATE_DIR, 0, 0,
        "directory for what must outlive the daemon; one per node"),
    ROW(hub, control, "control", SOCKET, "", PHUB_RUN_DIR "/phub.sock", 0, 0,
        "socket for phub(1); its permissions are who may command"),
    ROW(hub, settle_ms, "settle-ms", UINT, "ms", "500", 0, 60000,
        "gather joins and losses this long before children are moved"),
    ROW(hub, lease_ms, "lease-ms", UINT, "ms", "2000", 100, 600000,
        "children of a daemon that is cut off or frozen end after this"),
    ROW(hub, kill_margin_ms, "kill-margin-ms", UINT, "ms", "500", 10, 60000,
        "more time for them to be dead before others replace them"),
    ROW(hub, drain_timeout_ms, "drain-timeout-ms", UINT, "ms", "30000", 0,
        3600000, "at SIGTERM, move children away for at most this long"),
    ROW(hub, log_level, "log-level", LEVEL, "", "notice", PHUB__LOG_ERROR,
        PHUB__LOG_DEBUG, "how much to write to standard error"),

    ROW(strategies, distribution, "distribution", PLUGIN, "", NULL, 0, 0,
        "which nodes a child belongs on"),
    ROW(strategies, redundancy, "redundancy", PLUGIN, "", NULL, 0, 0,
        "how many instances it has, and their roles"),
    ROW(strategies, sync, "sync", PLUGIN, "", NULL, 0, 0,
        "how the registry's news travel"),
    ROW(strategies, migration, "migration", PLUGIN, "", NULL, 0, 0,
        "how a child and its state move"),
    ROW(strategies, partition, "partition", PLUGIN, "", NULL, 0, 0,
        "what a part of the hub may do alone"),
    ROW(strategies, plugin_path, "plugin-path", DIRS, "", "", 0, 0,
        "directories to look for strategies in, before the built-in one"),

    ROW(members, weight, "weight", UINT, "", "100", 1, 10000,
        "this node's share of children, beside the others' weights"),
    ROW(members, zone, "zone", NAME, "", "", 0, 0,
        "what fails together with this node: a rack, a site"),
    ROW(members, labels, "labels", LABELS, "", "", 0, 0,
        "what strategies may ask of this node"),
    ROW(members, probe_interval_ms, "probe-interval-ms", UINT, "ms", "200",
        10, 60000, "ask a member this often whether it lives"),
    ROW(members, probe_timeout_ms, "probe-timeout-ms", UINT, "ms", "150", 5,
        60000, "ask others about a member that is silent this long"),
    ROW(members, suspect_ms, "suspect-ms", UINT, "ms", "1200", 10, 600000,
        "a suspected member is lost if it does not speak up in this time"),

    ROW(limits, children_max, "children-max", UINT, "", "1000000", 1, 10000000,
        "rows of the registry; starts beyond are refused"),
    ROW(limits, requests_max, "requests-max", UINT, "", "65536", 1, 1048576,
        "requests under way on this node"),
    ROW(limits, clients_max, "clients-max", UINT, "", "256", 1, 65536,
        "connections to the control socket"),
    ROW(limits, causes_max, "causes-max", UINT, "", "65536", 16, 16777216,
        "reasons kept for phub show, oldest dropped first"),
    ROW(limits, child_log_bytes, "child-log-bytes", UINT, "bytes", "1048576",
        4096, 1073741824, "output kept of each child for phub logs"),
};

static_assert(sizeof rows / sizeof rows[0] <= PHUB__CONFIG_ROWS_MAX,
              "given[] has a place for each row");

/* Those with rows, and one that is kept for later. */
static const char *const sections[] = {
    "hub", "strategies", "members", "limits", "security", NULL
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
