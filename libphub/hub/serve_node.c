/* SPDX-License-Identifier: MIT */
/* serve_node: members, counters and kept output, for nodes, status, logs. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/handover.h"
#include "hub/hook_command.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/request.h"
#include "hub/serve.h"
#include "hub/synced.h"

#define LINES 100u                /* of logs, unless told */
#define LOG_BYTES_MAX (1u << 20)

static const char *member_state(enum phub__member_state state)
{
    switch (state) {
    case PHUB__MEMBER_ALIVE: return "alive";
    case PHUB__MEMBER_SUSPECT: return "suspect";
    case PHUB__MEMBER_DEAD: return "dead";
    case PHUB__MEMBER_LEFT: return "left";
    }
    return "unknown";
}

static void describe_node(struct phub__report *report,
                          const struct phub__member *m)
{
    struct phub__record *record = phub__report_record(report);
    struct phub__hub *hub = report->hub;

    record->node = phub__text_of(m->name);
    record->node_id = m->node;
    record->boot = m->boot;
    record->state = phub__text_of(
        (m->node == hub->node && hub->draining) ||
                (m->drained && m->state == PHUB__MEMBER_ALIVE)
            ? "draining" : member_state(m->state));
    record->text = phub__text_of(m->endpoint);
    record->weight = m->drained ? 0 : m->weight;
    record->zone = phub__text_of(m->zone);
    record->rtt_us = m->rtt_ns / 1000;
    record->value = phub__registry_home_count(hub->registry, m->node);
}

/* Nodes that are waited for, and of which no name was heard since the start. */
static void describe_away(struct phub__report *report)
{
    struct phub__hub *hub = report->hub;
    uint64_t node = 0;

    while ((node = phub__registry_known_next(hub->registry, node)) != 0) {
        struct phub__record *record;
        char *hex;

        if (phub__cluster_member(hub->cluster, node) != NULL)
            continue;
        record = phub__report_record(report);
        hex = phub__arena_alloc(&report->arena, 17, 1);
        if (hex != NULL)
            snprintf(hex, 17, "%016" PRIx64, node);
        record->node = phub__text_of(hex);
        record->node_id = node;
        record->state = phub__text_of("away");
        record->value = phub__registry_home_count(hub->registry, node);
    }
}

void phub__serve_nodes(struct phub__report *report,
                       const struct phub__question *q)
{
    struct phub__cluster *cluster = report->hub->cluster;
    uint32_t i;

    (void)q;
    for (i = 0; i < phub__cluster_member_count(cluster); i++) {
        const struct phub__member *m = phub__cluster_member_at(cluster, i);

        if (m->state <= PHUB__MEMBER_SUSPECT ||
            !phub__registry_is_forgotten(report->hub->registry, m->node))
            describe_node(report, m);
    }
    describe_away(report);
    phub__report_end(report, 0, "");
}

static void counter(void *arg, const char *name, uint64_t value)
{
    struct phub__record *record = phub__report_record(arg);

    record->id = phub__text_of(name);
    record->value = value;
}

/* What the strategies count: "partition.asked". */
static void tallies(struct phub__report *report)
{
    const size_t size = PHUB__TALLY_NAME_MAX + 24;
    uint32_t kind, i;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__tally *tally = &report->hub->tallies[kind];

        for (i = 0; i < tally->count; i++) {
            struct phub__record *record = phub__report_record(report);
            char *name = phub__arena_alloc(&report->arena, size, 1);

            if (name != NULL)
                snprintf(name, size, "%s.%s", phub__kind_name(kind),
                         tally->entries[i].name);
            record->id = phub__text_of(name);
            record->value = tally->entries[i].value;
        }
    }
}

void phub__serve_status(struct phub__report *report,
                        const struct phub__question *q)
{
    struct phub__hub *hub = report->hub;
    const struct phub__counters *c = &hub->counters;
    struct phub__registry_counts rows;
    struct phub__cluster_stats cluster;
    const char *refusal = phub__cluster_refusal(hub->cluster);

    (void)q;
    describe_node(report, phub__cluster_member(hub->cluster, hub->node));
    phub__registry_counts(hub->registry, &rows);
    phub__cluster_stats(hub->cluster, &cluster);
#define ONE(name) counter(report, #name, c->name)
    counter(report, "members", phub__view_count(phub__hub_view(hub)));
    counter(report, "synced", (uint64_t)phub__synced_complete(hub));
    counter(report, "may_run", (uint64_t)phub__hub_may_run(hub));
    counter(report, "children", rows.rows_live);
    counter(report, "children_here", phub__locals_count(hub->locals));
    counter(report, "moves_open", phub__moves_count(hub->moves));
    counter(report, "requests_open", phub__requests_count(hub->requests));
    counter(report, "answers_late", phub__requests_late(hub->requests));
    counter(report, "child_answers_late",
            phub__supervisor_answers_late(hub->supervisor));
    counter(report, "records_kept", rows.records_kept);
    ONE(starts); ONE(stops); ONE(restarts); ONE(rehomed); ONE(moves_started);
    ONE(moves_completed); ONE(moves_failed); ONE(messages_sent);
    ONE(messages_dropped); ONE(frames_in); ONE(frames_out);
    ONE(frames_malformed); ONE(frames_foreign); ONE(frames_stale);
    ONE(frames_unknown); ONE(bodies_malformed); ONE(control_malformed);
    phub__handover_tell(hub, counter, report);
    phub__hook_commands_tell(hub, counter, report);
#undef ONE
    counter(report, "cluster_malformed", cluster.malformed);
    counter(report, "cluster_refused", cluster.refused);
    counter(report, "cluster_probes_failed", cluster.probes_failed);
    counter(report, "cluster_joins_refused", cluster.joins_refused);
    if (report->asker->counters != NULL)
        report->asker->counters(report->asker, counter, report);
    tallies(report);
    phub__report_end(report, 0, refusal);
}

/* The last lines of text; whole ones, but for the last. */
static struct phub_bytes last_lines(struct phub_bytes text, uint64_t lines)
{
    size_t at = text.size;

    while (at > 0 && (text.data[at - 1] != '\n' || at == text.size ||
                      --lines > 0))
        at--;
    return (struct phub_bytes){ text.data + at, text.size - at };
}

static void logs_read(void *arg, int rc, struct phub_bytes text)
{
    struct phub__report *report = arg;

    if (rc == 0) {
        struct phub__record *record = phub__report_record(report);

        record->text = last_lines(text, report->max);
    }
    phub__report_end(report, rc, rc == 0 ? "" : rc == PHUB_ENOTFOUND
              ? "this node keeps no output of that child; ask the node that "
                "runs it" : phub_strerror(rc));
}

void phub__serve_logs(struct phub__report *report,
                      const struct phub__question *q)
{
    const struct phub_bytes *ids = q->ids.items;
    int rc = PHUB_EUNSUPPORTED;

    if (q->ids.count != 1) {
        phub__report_end(report, PHUB_EINVAL, "one child is to be named");
        return;
    }
    report->max = q->count != 0 ? q->count : LINES;
    if (report->asker->logs != NULL)
        rc = report->asker->logs(report->asker, ids[0], LOG_BYTES_MAX,
                                logs_read, report);
    if (rc != 0)
        logs_read(report, rc, PHUB_BYTES_NONE);
}

