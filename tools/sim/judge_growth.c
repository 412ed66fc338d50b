/* SPDX-License-Identifier: MIT */
/* judge_growth: promise 9: nothing is unbounded.
 *
 * When all is quiet again, whatever happened, each hub holds what its members
 * and children account for, and no more: no request, no move, no call; a
 * record per child that it has to do with; a handful of timers and as many
 * more per instance; two links per member and some to strangers; a probe per
 * other member; and nothing waits for the loop.  Nothing excuses.
 *
 * sim_judge_steady() watches a long steady life: the same counts, and the
 * memory of the whole process, are after its second half what they were after
 * its first. */
#include "config.h"

#include <malloc.h>
#include <stdio.h>

#include "hub/local.h"
#include "hub/move.h"
#include "hub/request.h"
#include "sim/judge.h"
#include "sim/judge_scene.h"

#define TIMERS_PER_HUB 32u
#define TIMERS_PER_INSTANCE 4u
#define LINKS_PER_MEMBER 2u
#define LINKS_STRANGERS 64u

struct counts {
    uint64_t requests, moves, locals, timers, links, waiting, probes;
};

static void count(struct sim_case *c, uint32_t node, struct counts *counts)
{
    const struct phub__hub *hub = sim_daemon(c, node)->hub;
    struct phub__cluster_stats cluster = { .probes_open = 0 };
    struct phub__sim_counts env;

    if (hub->cluster != NULL)
        phub__cluster_stats(hub->cluster, &cluster);
    phub__sim_node_counts(sim_node(c, node), &env);
    *counts = (struct counts){
        .requests = phub__requests_count(hub->requests),
        .moves = phub__moves_count(hub->moves),
        .locals = phub__locals_count(hub->locals), .timers = env.timers,
        .links = env.links, .probes = cluster.probes_open,
        .waiting = (uint64_t)env.deferred + env.posts + env.works };
}

/* What accounts for a record: an instance here, or a child that ends by
 * itself or could not be started, which is remembered at its home. */
static void accounted(const struct sim_case *c, uint32_t node,
                      uint32_t *instances, uint32_t *remembered)
{
    *instances = 0;
    *remembered = 0;
    for (uint32_t i = 0; i < c->options.children; i++) {
        const struct sim_child *child = &c->children[i];

        *remembered += sim_child_is(child, "crash-")
            || sim_child_is(child, "fail-start")
            || sim_child_is(child, "exit-after")
            || child->wish == SIM_UNKNOWN;
        for (uint32_t k = 0; k < child->lives_count; k++)
            *instances += child->lives[k].serial != 0
                && child->lives[k].ended_ns == 0
                && child->lives[k].node == node;
    }
}

/* One of each of these may be asked at any time. */
static uint64_t others(struct sim_case *c, uint32_t node)
{
    struct phub__hub *hub = sim_daemon(c, node)->hub;

    return hub->cluster == NULL ? 0
        : phub__view_count(phub__hub_view(hub)) - UINT64_C(1);
}

static const char *too_much(struct sim_case *c, uint32_t node,
                            uint64_t *have, uint64_t *limit)
{
    struct counts counts;
    uint32_t instances, remembered, members = c->options.nodes;

    count(c, node, &counts);
    accounted(c, node, &instances, &remembered);
    *limit = 0;
    *have = counts.requests;
    if (*have > *limit)
        return "requests";
    *have = counts.moves;
    if (*have > *limit)
        return "moves";
    *have = counts.waiting;
    if (*have > *limit)
        return "calls that wait for the loop";
    *have = counts.locals;
    *limit = (uint64_t)instances + remembered;
    if (*have > *limit)
        return "records of children";
    *have = counts.timers;
    *limit = TIMERS_PER_HUB + (uint64_t)instances * TIMERS_PER_INSTANCE;
    if (*have > *limit)
        return "timers";
    *have = counts.links;
    *limit = (uint64_t)members * LINKS_PER_MEMBER + LINKS_STRANGERS;
    if (*have > *limit)
        return "links";
    *have = counts.probes;
    *limit = others(c, node);
    if (*have > *limit)
        return "open probes";
    return NULL;
}

static int quiet(struct sim_case *c, const struct sim_child **child,
                 char *text, size_t text_max)
{
    *child = NULL;
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        uint64_t have, limit;
        const char *what = sim_daemon(c, i) == NULL
            ? NULL : too_much(c, i, &have, &limit);

        if (what == NULL)
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "n%u has %llu %s, and %llu are "
                           "accounted for", i, (unsigned long long)have,
                           what, (unsigned long long)limit);
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_growth = {
    .name = "growth", .promise = 9, .claim = "nothing is unbounded",
    .late = 1,
    .quiet = quiet
};

/* --- a long steady life ------------------------------------------------------ */

#define STEADY_SLACK_BYTES UINT64_C(262144)

static void live(struct sim_case *c, uint64_t ms,
                 void (*churn)(struct sim_case *c))
{
    for (uint64_t i = 0; i < ms && !c->broken; i += 1000) {
        if (churn != NULL)
            churn(c);
        sim_run(c, 1000);
    }
    sim_judge_quiet(c);
}

static uint64_t in_use(void)
{
    struct mallinfo2 info = mallinfo2();

    return (uint64_t)info.uordblks + (uint64_t)info.hblkhd;
}

void sim_judge_steady(struct sim_case *c, uint64_t ms,
                      void (*churn)(struct sim_case *c))
{
    struct counts before, after;
    uint64_t memory, grown;

    live(c, ms, churn);
    memory = in_use();
    count(c, 0, &before);
    live(c, ms, churn);
    if (c->broken)
        return;
    grown = in_use();
    count(c, 0, &after);
    phub__world_note(c->world, NULL, "steady: %llu bytes, then %llu",
                     (unsigned long long)memory, (unsigned long long)grown);
    if (grown > memory + STEADY_SLACK_BYTES)
        sim_broken(c, 9, "%llu s of a steady life took %llu more bytes",
                   (unsigned long long)(ms / 1000),
                   (unsigned long long)(grown - memory));
    else if (after.timers > before.timers)
        sim_broken(c, 9, "%llu s of a steady life took %llu more timers",
                   (unsigned long long)(ms / 1000),
                   (unsigned long long)(after.timers - before.timers));
}
