/* SPDX-License-Identifier: MIT */
/* judge_registry: promise 6: the registries converge, and repair traffic is
 * proportional to what differs.
 *
 * In the end each member has the same rows: spec halves, homes, and instance
 * halves that are not GONE.  The order of rows is a registry's own, so a sum
 * of hashes is compared.  So has each the same strategies: those that people
 * were told to be chosen, if they chose some; and each knows of the nodes that
 * people were told are forgotten.
 *
 * The traffic of a repair is measured by a scene of its own,
 * sim_judge_repair(): a node is cut off while rows change, and what the
 * network carries from the healing until all is equal stays below
 *
 *   idle rate x time + members^2 x REPAIR_PAIR_BYTES
 *                    + rows that differ x members x REPAIR_ROW_BYTES
 *
 * (a row that differs was re-homed, or will be moved back: that is weighed
 * with it) in which the size of the registry does not occur. */
#include "config.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "hub/strategies.h"
#include "sim/judge.h"
#include "sim/judge_scene.h"

static uint64_t row_hash(const struct phub__row_view *row)
{
    uint64_t words[10] = { row->live, row->durable, row->sticky,
                           row->incarnation.number, row->incarnation.node,
                           row->edit.number, row->edit.node, row->home,
                           row->home_epoch.number, row->home_epoch.node };
    uint64_t hash = XXH3_64bits(row->id.data, row->id.size)
        ^ XXH3_64bits(words, sizeof(words));

    if (row->replicas_count != 0)
        hash ^= XXH3_64bits_withSeed(row->replicas, row->replicas_count
                                     * sizeof(row->replicas[0]), 9);
    for (uint32_t i = 0; i < row->instances_count; i++) {
        struct phub__half_view half;
        uint64_t facts[7];

        phub__row_half_at(row, i, &half);
        if (half.state == PHUB_INSTANCE_GONE)
            continue;
        facts[0] = half.node;
        facts[1] = half.boot;
        facts[2] = half.epoch.number;
        facts[3] = half.epoch.node;
        facts[4] = half.state;
        facts[5] = (uint64_t)half.pid;
        facts[6] = half.role;
        hash ^= XXH3_64bits_withSeed(facts, sizeof(facts), 7);
    }
    return hash;
}

static uint64_t registry_hash(const struct phub__registry *registry,
                              uint64_t *rows)
{
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view views[16];
    uint64_t cursor = 0;
    uint64_t sum = 0;

    *rows = 0;
    do {
        uint32_t count = phub__registry_query(registry, &query, &cursor, 64,
                                              views, 16);

        for (uint32_t i = 0; i < count; i++)
            sum += row_hash(&views[i]);
        *rows += count;
    } while (cursor != 0);
    return sum;
}

int sim_registries_equal(struct sim_case *c, char *text, size_t text_max)
{
    uint64_t hash = 0, rows = 0;
    struct sim_daemon *first = NULL;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        uint64_t count, sum;

        if (daemon == NULL)
            continue;
        sum = registry_hash(daemon->hub->registry, &count);
        if (first != NULL && sum != hash) {
            if (text != NULL)
                (void)snprintf(text, text_max, "the registries differ: %s "
                    "has %llu rows, %s has %llu%s",
                    phub__sim_node_name(first->node),
                    (unsigned long long)rows,
                    phub__sim_node_name(daemon->node),
                    (unsigned long long)count,
                    rows == count ? ", not equal" : "");
            return 0;
        }
        if (first == NULL) {
            first = daemon;
            hash = sum;
            rows = count;
        }
    }
    return 1;
}

/* Do all go by the same strategies, and by what people were told? */
static int strategies_equal(struct sim_case *c, uint32_t kind, char *text,
                            size_t text_max)
{
    const struct sim_chosen *chosen = &c->chosen[kind];
    const struct phub__strategy *first = NULL;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        const struct phub__strategy *s;
        const char *instead = NULL;

        if (daemon == NULL)
            continue;
        s = daemon->hub->strategies[kind];
        first = first != NULL ? first : s;
        if (strcmp(s->name, first->name) != 0)
            instead = first->name;
        else if (s->digest != first->digest)
            instead = "one with other parameters";
        else if (chosen->known && strcmp(s->name, chosen->name) != 0)
            instead = chosen->name;
        else if (kind == PHUB_KIND_PARTITION
                 && phub__strategies_joint(daemon->hub) != NULL)
            instead = "one alone";
        if (instead == NULL)
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "%s goes by %s strategy %s, not "
                           "by %s", phub__sim_node_name(daemon->node),
                           phub__kind_name(kind), s->name, instead);
        return 0;
    }
    return 1;
}

/* Who said that a node was forgotten may have been alone, or with one other,
 * and be away since, be forgotten itself or have lost its disk.  Then, if
 * nobody who runs has heard, it is not known. */
static int nobody_left(struct sim_case *c, uint32_t forgotten)
{
    uint64_t told = c->told[forgotten];
    int lost = 1;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        const struct sim_daemon *daemon = sim_daemon(c, i);

        if (c->node_ids[i] == told && daemon != NULL)
            lost = 0;
        if (daemon != NULL && phub__registry_is_forgotten(
                daemon->hub->registry, c->forgotten[forgotten]))
            return 0;
    }
    for (uint32_t i = 0; i < c->options.nodes; i++)
        lost |= c->forgotten[i] == told;
    return lost;
}

static int forgotten_known(struct sim_case *c, uint32_t forgotten, char *text,
                           size_t text_max)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        const struct sim_daemon *daemon = sim_daemon(c, i);

        if (daemon == NULL || !c->present[i]
            || daemon->hub->node == c->forgotten[forgotten]
            || phub__registry_is_forgotten(daemon->hub->registry,
                                           c->forgotten[forgotten])
            || nobody_left(c, forgotten))
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "node n%u was forgotten, and n%u "
                           "does not know", forgotten, i);
        return 0;
    }
    return 1;
}

static int quiet(struct sim_case *c, const struct sim_child **child,
                 char *text, size_t text_max)
{
    *child = NULL;
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++)
        if (!strategies_equal(c, kind, text, text_max))
            return 0;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->forgotten[i] != 0 && !forgotten_known(c, i, text, text_max))
            return 0;
    return sim_registries_equal(c, text, text_max);
}

const struct sim_judge sim_judge_registry = {
    .name = "registry", .promise = 6, .claim = "the registries converge",
    .quiet = quiet
};

/* --- the traffic of a repair -------------------------------------------------- */

#define REPAIR_PAIR_BYTES 12000u
#define REPAIR_ROW_BYTES 2500u
#define IDLE_MS 10000u
#define REPAIR_MS 20000u

static uint64_t carried(const struct sim_case *c)
{
    struct phub__sim_traffic traffic;

    phub__world_traffic(c->world, &traffic);
    return traffic.bytes;
}

/* Rows of a that b has otherwise, or not. */
static uint64_t differing(const struct phub__registry *a,
                          const struct phub__registry *b)
{
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view views[16];
    uint64_t cursor = 0, count = 0;

    do {
        uint32_t filled = phub__registry_query(a, &query, &cursor, 64, views,
                                               16);

        for (uint32_t i = 0; i < filled; i++) {
            struct phub__row_view other;

            count += phub__registry_get(b, views[i].id, &other) != 0
                || row_hash(&views[i]) != row_hash(&other);
        }
    } while (cursor != 0);
    return count;
}

static int equal(struct sim_case *c)
{
    return sim_members_agree(c) && sim_registries_equal(c, NULL, 0);
}

void sim_judge_repair(struct sim_case *c, uint32_t node, uint64_t away_ms,
                      void (*change)(struct sim_case *c))
{
    uint32_t groups[SIM_NODES_MAX] = { 0 };
    uint64_t idle, before, used, limit, nodes = c->options.nodes, rows;
    struct sim_daemon *here = sim_daemon(c, node);
    struct sim_daemon *there = sim_daemon(c, (node + 1) % c->options.nodes);

    before = carried(c);
    sim_run(c, IDLE_MS);
    idle = carried(c) - before;
    groups[node] = 1;
    sim_cut(c, groups, 0);
    sim_run(c, away_ms);
    change(c);
    sim_run(c, away_ms);
    rows = differing(here->hub->registry, there->hub->registry)
        + differing(there->hub->registry, here->hub->registry);
    before = carried(c);
    sim_heal(c);
    if (!sim_run_until(c, REPAIR_MS, equal)) {
        sim_broken(c, 6, "%u s after the healing the registries differ",
                   REPAIR_MS / 1000);
        return;
    }
    sim_run(c, REPAIR_MS);
    used = carried(c) - before;
    limit = 2 * idle * REPAIR_MS / IDLE_MS + nodes * nodes * REPAIR_PAIR_BYTES
        + rows * nodes * REPAIR_ROW_BYTES;
    phub__world_note(c->world, NULL, "repair: %llu bytes of %llu, idle %llu, "
                     "%llu rows",
                     (unsigned long long)used, (unsigned long long)limit,
                     (unsigned long long)idle, (unsigned long long)rows);
    if (used > limit)
        sim_broken(c, 6, "the repair of %llu rows took %llu bytes, at "
                   "most %llu are proportional", (unsigned long long)rows,
                   (unsigned long long)used, (unsigned long long)limit);
}
