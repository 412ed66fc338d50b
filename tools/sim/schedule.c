/* SPDX-License-Identifier: MIT */
/* schedule: a random life of a cluster, from one seed, that ends in quiet.
 *
 * Sizes, manners of children, the network and the faults are drawn from the
 * seed.  Faults come one to three at a time, each is undone after a while,
 * and at least two nodes are never killed in the same three seconds, so that
 * a row that was acknowledged has a holder. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/case.h"

struct fault {
    const char *name;
    const char *help;
};

static const struct fault faults[SIM_FAULTS] = {
    [SIM_FAULT_CRASH] = { "crash", "a daemon is killed; its machine, guard "
                          "and disk live on" },
    [SIM_FAULT_CRASH_IN_TURN] = { "crash-in-turn", "the same, between any two "
                                  "effects of one turn" },
    [SIM_FAULT_POWER] = { "power", "a machine goes dark; what was not synced "
                          "is lost" },
    [SIM_FAULT_FREEZE] = { "freeze", "a daemon is stopped (SIGSTOP) and "
                           "continued" },
    [SIM_FAULT_LEAVE] = { "leave", "a node drains and says goodbye" },
    [SIM_FAULT_PARTITION] = { "partition", "the nodes fall into two or three "
                              "groups" },
    [SIM_FAULT_ONE_WAY] = { "one-way", "one node is not heard by another" },
    [SIM_FAULT_LOSS] = { "loss", "the network is slow, loses, repeats and "
                         "reorders" },
    [SIM_FAULT_SLOW] = { "slow", "a node handles everything late" },
    [SIM_FAULT_GUARD] = { "guard", "a guard dies, its children with it" },
    [SIM_FAULT_CHILD] = { "child", "a child crashes" },
    [SIM_FAULT_SKEW] = { "skew", "a clock runs too fast or too slow" },
    [SIM_FAULT_JOIN] = { "join", "a node joins, some with an empty disk" },
    [SIM_FAULT_DISK] = { "disk", "a disk is full" },
    [SIM_FAULT_BLACKOUT] = { "blackout", "all machines go dark (only with "
                             "durable rows)" },
    [SIM_FAULT_TORN] = { "torn", "a machine goes dark in the middle of an "
                         "append" },
    [SIM_FAULT_HALF_OPEN] = { "half-open", "a node has forgotten the "
                              "connections of another, which goes on "
                              "sending" },
    [SIM_FAULT_JUMP] = { "jump", "a machine's clock says that it slept" },
    [SIM_FAULT_BURST] = { "burst", "nodes leave and join at once" },
};

const char *sim_fault_name(enum sim_fault fault)
{
    return faults[fault].name;
}

const char *sim_fault_help(enum sim_fault fault)
{
    return faults[fault].help;
}

static uint64_t draw(struct sim_case *c, uint64_t count)
{
    return sim_below(c, PHUB__SIM_FAULT, count);
}

static void manners(struct sim_case *c)
{
    static const char *const words[] = {
        "sim state freeze", "sim state freeze", "sim state freeze consent",
        "sim state", "sim state freeze slow-ready=200",
        "sim state freeze state-size=1500000", "sim state freeze twice",
        "sim state freeze defer=2 consent", "sim state freeze slow-stop=300",
        "sim state freeze late-state=400", "sim no-channel",
        "sim state freeze ignore-stop", "sim freeze",
        "sim state freeze late-state=6000", "sim state freeze crash-after=4000",
        "actor state freeze", "actor state freeze", "actor state",
        "sim state freeze garbage=300", "sim state freeze flood=20",
        "sim state freeze never-state", "sim state freeze slow-exec=3000",
        "actor state freeze garbage=300"
    };

    for (uint32_t i = 0; i < c->options.children; i++)
        (void)snprintf(c->children[i].argv, sizeof(c->children[i].argv),
                       "%s", c->options.manner != NULL ? c->options.manner
                       : words[draw(c, sizeof(words) / sizeof(words[0]))]);
}

/* A node that runs and is well, and that the hub can do without. */
static uint32_t victim(struct sim_case *c)
{
    uint32_t well = 0;
    uint32_t start = (uint32_t)draw(c, c->options.nodes);

    for (uint32_t i = 0; i < c->options.nodes; i++)
        well += sim_daemon(c, i) != NULL && c->present[i]
            && !phub__sim_node_frozen(sim_node(c, i));
    if (well < 3)
        return UINT32_MAX;
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        uint32_t index = (start + i) % c->options.nodes;

        if (sim_daemon(c, index) != NULL && c->present[index]
            && !phub__sim_node_frozen(sim_node(c, index)))
            return index;
    }
    return UINT32_MAX;
}

static void rough_net(struct sim_case *c)
{
    struct phub__sim_net net = { 100 * PHUB__SIM_US, 100 * PHUB__SIM_US, 0,
                                 0, 0, 0 };

    net.latency_ns += draw(c, 5) * PHUB__SIM_MS;
    net.tail_ns += draw(c, 4) * PHUB__SIM_MS;
    net.loss_permille = (uint32_t)draw(c, 30);
    net.repeat_permille = (uint32_t)draw(c, 20);
    net.reorder_permille = (uint32_t)draw(c, 50);
    if (draw(c, 3) == 0)
        net.bytes_per_s = 5000000;
    sim_disturbed(c);
    phub__world_net(c->world, &net);
    phub__world_note(c->world, NULL, "network: %llu us, loss %u, repeat %u, "
                     "reorder %u", (unsigned long long)(net.latency_ns
                                                        / PHUB__SIM_US),
                     net.loss_permille, net.repeat_permille,
                     net.reorder_permille);
}

static void quiet_net(struct sim_case *c)
{
    struct phub__sim_net net = { 100 * PHUB__SIM_US, 50 * PHUB__SIM_US, 0, 0,
                                 0, 0 };

    phub__world_net(c->world, &net);
    sim_disturbed(c);
}

static void cut_groups(struct sim_case *c)
{
    uint32_t groups[SIM_NODES_MAX] = { 0 };
    uint32_t count = 2 + (uint32_t)draw(c, 2);

    for (uint32_t i = 0; i < c->options.nodes; i++)
        groups[i] = (uint32_t)draw(c, count);
    sim_cut(c, groups, draw(c, 2) == 0);
}

static void crash_a_child(struct sim_case *c)
{
    struct phub__sim_child *child = phub__sim_child_next(c->world, NULL);
    uint64_t skip = draw(c, c->options.children + 1);

    while (child != NULL && skip-- > 0)
        child = phub__sim_child_next(c->world, child);
    if (child != NULL)
        phub__sim_child_crash(child, 1);
}

static void join_one(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (sim_daemon(c, i) == NULL) {
            if (draw(c, 4) == 0 && !phub__sim_node_runs(sim_node(c, i)))
                phub__sim_node_wipe(sim_node(c, i));
            sim_start_node(c, i);
            return;
        }
}

/* One leaves and all that are away come; then two more leave. */
static void burst(struct sim_case *c, uint32_t node)
{
    sim_leave(c, node, 20000);
    for (uint32_t i = 0; i < c->options.nodes; i++)
        join_one(c);
    for (uint32_t i = 0; i < 2; i++) {
        sim_run(c, draw(c, 800));
        node = victim(c);
        if (node != UINT32_MAX)
            sim_leave(c, node, 20000);
    }
}

/* Only durable rows live through that. */
static void blackout(struct sim_case *c)
{
    if (!c->options.durable)
        return;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (sim_daemon(c, i) != NULL)
            sim_power_off(c, i);
    sim_run(c, draw(c, 3000));
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->node_ids[i] != 0)
            sim_start_node(c, i);
}

static void strike(struct sim_case *c, enum sim_fault fault)
{
    uint32_t node = victim(c), other;

    if (node == UINT32_MAX && fault != SIM_FAULT_JOIN
        && fault != SIM_FAULT_CHILD)
        return;
    switch (fault) {
    case SIM_FAULT_CRASH:
        sim_kill(c, node);
        return;
    case SIM_FAULT_CRASH_IN_TURN:
        sim_kill_after(c, node, 1 + (uint32_t)draw(c, 200));
        return;
    case SIM_FAULT_POWER:
        sim_power_off(c, node);
        return;
    case SIM_FAULT_FREEZE:
        sim_freeze(c, node);
        return;
    case SIM_FAULT_LEAVE:
        sim_leave(c, node, 20000);
        return;
    case SIM_FAULT_PARTITION:
        cut_groups(c);
        return;
    case SIM_FAULT_ONE_WAY:
        sim_cut_one_way(c, node, (uint32_t)draw(c, c->options.nodes),
                        draw(c, 2) == 0);
        return;
    case SIM_FAULT_LOSS:
        rough_net(c);
        return;
    case SIM_FAULT_SLOW:
        phub__sim_node_slow(sim_node(c, node), draw(c, 3) * PHUB__SIM_MS);
        return;
    case SIM_FAULT_GUARD:
        sim_kill_guard(c, node);
        return;
    case SIM_FAULT_CHILD:
        crash_a_child(c);
        return;
    case SIM_FAULT_SKEW:
        phub__sim_node_skew(sim_node(c, node), (int32_t)draw(c, 400) - 200);
        return;
    case SIM_FAULT_JOIN:
        join_one(c);
        return;
    case SIM_FAULT_DISK:
        sim_disk_full(c, node, 1);
        return;
    case SIM_FAULT_BLACKOUT:
        blackout(c);
        return;
    case SIM_FAULT_TORN:
        sim_power_off_torn(c, node);
        return;
    case SIM_FAULT_HALF_OPEN:
        other = (uint32_t)draw(c, c->options.nodes - 1);
        sim_half_open(c, node, other + (other >= node),
                      draw(c, 15000) * PHUB__SIM_MS);
        return;
    case SIM_FAULT_JUMP:
        sim_jump(c, node, draw(c, 10000) * PHUB__SIM_MS);
        return;
    case SIM_FAULT_BURST:
        burst(c, node);
        return;
    case SIM_FAULTS:
        return;
    }
}

/* Undo what can be undone; all: everything, now. */
static void mend(struct sim_case *c, int all)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (phub__sim_node_frozen(sim_node(c, i)) && (all || draw(c, 2)))
            sim_thaw(c, i);
        if (sim_daemon(c, i) == NULL && sim_node(c, i) != NULL
            && c->node_ids[i] != 0 && draw(c, 3) == 0)
            sim_start_node(c, i);
        if (all) {
            phub__sim_node_slow(sim_node(c, i), 0);
            sim_disk_full(c, i, 0);
        }
        if (all)
            phub__sim_node_kill_after(sim_node(c, i), 0);
    }
    if (all || draw(c, 2) == 0)
        sim_heal(c);
    if (all || draw(c, 3) == 0)
        quiet_net(c);
}

void sim_schedule_options(struct sim_options *options, uint64_t seed,
                          uint32_t nodes_min, uint32_t nodes_max)
{
    uint64_t mixed = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);

    mixed ^= mixed >> 29;
    sim_options_init(options, seed);
    options->nodes = nodes_min
        + (uint32_t)(mixed % (nodes_max - nodes_min + 1));
    options->children = 4 + (uint32_t)((mixed >> 16) % 20);
    options->durable = (mixed >> 44) % 2 == 0;
    options->strategies[PHUB_KIND_MIGRATION].name =
        (mixed >> 40) % 2 == 0 ? "hotswap" : "coldswap";
}

#define CUTS ((UINT32_C(1) << SIM_FAULT_PARTITION)                            \
              | (UINT32_C(1) << SIM_FAULT_ONE_WAY)                            \
              | (UINT32_C(1) << SIM_FAULT_HALF_OPEN))

/* The count-th fault of those that are allowed. */
static enum sim_fault pick(uint32_t allowed, uint64_t count)
{
    uint32_t fault = 0;

    while (!(allowed >> fault & 1) || count-- > 0)
        fault++;
    return (enum sim_fault)fault;
}

/* Cuts excuse much: where all faults are allowed, two of three seeds go
 * without. */
static void trouble(struct sim_case *c, int cuts)
{
    uint32_t allowed = c->options.faults;
    enum sim_fault fault;

    if (allowed == 0)
        return;
    fault = pick(allowed, draw(c, (uint64_t)__builtin_popcount(allowed)));
    if (!cuts && CUTS >> fault & 1)
        fault = SIM_FAULT_JOIN;
    strike(c, fault);
}

static void play(struct sim_case *c)
{
    const struct sim_options *options = &c->options;
    uint32_t first = 2 + (uint32_t)draw(c, options->nodes - 1);
    uint32_t rounds = 3 + (uint32_t)draw(c, 8);
    int cuts = draw(c, 3) == 0 || options->faults != SIM_FAULTS_ALL;
    uint64_t until;

    if (!(options->faults >> SIM_FAULT_JOIN & 1))
        first = options->nodes;     /* nobody else would ever come */
    manners(c);
    sim_boot(c, 0, first);
    sim_run(c, 1500 + draw(c, 2000));
    sim_start(c, UINT32_MAX, 0, options->children);
    sim_clients_start(c);
    sim_run(c, draw(c, 4000));
    until = phub__world_now(c->world) + options->duration_ms * PHUB__SIM_MS;
    for (uint32_t i = 0; !c->broken; i++) {
        if (options->duration_ms == 0 ? i == rounds
                                      : phub__world_now(c->world) >= until)
            break;
        trouble(c, cuts);
        for (uint32_t k = 0; k < 8 && !c->broken; k++) {
            if (draw(c, 3) == 0 && options->operators)
                sim_operate(c);
            sim_run(c, options->gap_ms / 8 + draw(c, 200));
        }
        mend(c, 0);
    }
    mend(c, 1);
    sim_judge_quiet(c);
    sim_run(c, options->linger_ms);
    sim_clients_stop(c);
}

int sim_schedule(const struct sim_options *options,
                 struct sim_result *result)
{
    struct sim_case *c = sim_case_new(options);
    struct phub__sim_traffic traffic;

    play(c);
    phub__world_traffic(c->world, &traffic);
    *result = (struct sim_result){
        .broken = c->broken, .hash = phub__world_hash(c->world),
        .events = phub__world_events(c->world),
        .virtual_ns = phub__world_now(c->world), .updates = c->updates,
        .starts = c->starts, .stops = c->stops, .moves = c->moves,
        .frames = traffic.frames, .bytes = traffic.bytes };
    memcpy(result->story, c->story, sizeof(result->story));
    sim_case_free(&c);
    return result->broken;
}
