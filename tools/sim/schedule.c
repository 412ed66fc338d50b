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

#include "sim/judge.h"
#include "sim/judge_scene.h"
#include "sim/record.h"

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
    [SIM_FAULT_EXEC] = { "exec", "a machine cannot start programs" },
    [SIM_FAULT_BUSY] = { "busy", "a guard takes no orders" },
    [SIM_FAULT_SYNC] = { "sync", "a disk loses what it is to sync, and says "
                         "so once" },
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

    int roles = strcmp(c->options.strategies[PHUB_KIND_REDUNDANCY].name,
                       "singularity") != 0;

    for (uint32_t i = 0; i < c->options.children; i++) {
        const char *word = c->options.manner != NULL ? c->options.manner
            : words[draw(c, sizeof(words) / sizeof(words[0]))];
        const char *text = c->children[i].argv;
        char tail[sizeof(c->children[i].argv) + 1];

        (void)snprintf(c->children[i].argv, sizeof(c->children[i].argv),
                       "%s%s", word,
                       roles && strstr(word, "no-channel") == NULL ? " role"
                                                                   : "");
        if (strcmp(text, words[0]) == 0)
            continue;           /* what a scenario's children are like */
        (void)snprintf(tail, sizeof(tail), "%s",
                       strncmp(text, "sim", 3) == 0 ? text + 3 : text);
        if (strncmp(text, "sim", 3) != 0)
            (void)snprintf(tail, sizeof(tail), " %s", text);
        sim_record_children(c, SIM_NOBODY, SIM_NOBODY, i, i + 1, "manner",
                            tail);
    }
}

/* One that people took for gone comes back as another. */
static void start_node(struct sim_case *c, uint32_t node, int empty)
{
    if (c->dropped[node] != 0 && c->dropped[node] == c->node_ids[node])
        empty = 1;
    sim_record_node(c, SIM_EFFECT_START, node, "start n%u%s", node,
                    empty ? " empty" : "");
    sim_start_node(c, node, empty);
}

static void heal(struct sim_case *c)
{
    if (c->cuts != 0)
        sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "heal");
    sim_heal(c);
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
    sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "network latency %lluus "
                    "tail %lluus bandwidth %llu loss %u.%u%% repeat %u.%u%% "
                    "reorder %u.%u%%",
                    (unsigned long long)(net.latency_ns / PHUB__SIM_US),
                    (unsigned long long)(net.tail_ns / PHUB__SIM_US),
                    (unsigned long long)net.bytes_per_s,
                    net.loss_permille / 10, net.loss_permille % 10,
                    net.repeat_permille / 10, net.repeat_permille % 10,
                    net.reorder_permille / 10, net.reorder_permille % 10);
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

    sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "network quiet");
    phub__world_net(c->world, &net);
    sim_disturbed(c);
}

static void cut_groups(struct sim_case *c)
{
    uint32_t groups[SIM_NODES_MAX] = { 0 };
    uint32_t count = 2 + (uint32_t)draw(c, 2);

    int held;

    for (uint32_t i = 0; i < c->options.nodes; i++)
        groups[i] = (uint32_t)draw(c, count);
    held = draw(c, 2) == 0;
    heal(c);
    sim_record_cut(c, groups, held);
    sim_cut(c, groups, held);
}

/* On all nodes where it is. */
static void crash_a_child(struct sim_case *c)
{
    struct phub__sim_child *next = phub__sim_child_next(c->world, NULL);
    uint64_t skip = draw(c, c->options.children + 1);
    struct phub__sim_child_facts facts;
    const struct sim_child *child;
    uint32_t index;

    while (next != NULL && skip-- > 0)
        next = phub__sim_child_next(c->world, next);
    if (next == NULL)
        return;
    phub__sim_child_facts(next, &facts);
    child = sim_child_by_id(c, facts.id);
    index = (uint32_t)(child - c->children);
    sim_record_children(c, SIM_NOBODY, SIM_NOBODY, index, index + 1,
                        "child crash", "");
    next = sim_instance_next(c, child, NULL);
    while (next != NULL) {
        struct phub__sim_child *instance = next;

        next = sim_instance_next(c, child, instance);
        phub__sim_child_crash(instance, 1);
    }
}

static void join_one(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (sim_daemon(c, i) == NULL) {
            int empty = draw(c, 4) == 0
                && !phub__sim_node_runs(sim_node(c, i))
                && !c->majority; /* its old id would be an elector for ever */

            start_node(c, i, empty);
            return;
        }
}

/* A machine that is dark is taken for gone for good, once in its life. */
static void forget_one(struct sim_case *c)
{
    struct sim_daemon *asked = sim_any(c, PHUB__SIM_OPERATOR);

    if (asked == NULL || c->majority)
        return;     /* there an operator has more to think of */
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        uint32_t node = phub__sim_node_index(asked->node);

        if (c->node_ids[i] == 0 || c->dropped[i] != 0
            || sim_daemon(c, i) != NULL
            || phub__sim_node_runs(sim_node(c, i)))
            continue;
        sim_record_node(c, SIM_EFFECT_NONE, i, "forget n%u at n%u", i, node);
        sim_forget(c, node, i);
        return;
    }
}

/* One node at a time is emptied, and runs on. */
static void drain_one(struct sim_case *c)
{
    struct sim_daemon *asked = sim_any(c, PHUB__SIM_OPERATOR);
    uint32_t node, target = victim(c);

    if (asked == NULL || target == UINT32_MAX)
        return;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->judges->nodes[i].draining && c->present[i])
            return;
    node = phub__sim_node_index(asked->node);
    sim_record_node(c, SIM_EFFECT_NONE, target, "drain n%u at n%u", target,
                    node);
    sim_drain(c, node, target);
}

/* Only durable rows live through that. */
static void blackout(struct sim_case *c)
{
    if (!c->options.durable)
        return;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (sim_daemon(c, i) != NULL) {
            sim_record_node(c, SIM_EFFECT_DARK, i, "power off n%u", i);
            sim_power_off(c, i);
        }
    sim_run(c, draw(c, 3000));
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->node_ids[i] != 0)
            start_node(c, i, 0);
}

static void crash_in_turn(struct sim_case *c, uint32_t node)
{
    uint32_t effects = 1 + (uint32_t)draw(c, 200);

    sim_record_node(c, SIM_EFFECT_STRIKE, node, "after %u effects crash n%u",
                    effects, node);
    sim_kill_after(c, node, effects);
}

static void cut_one_way(struct sim_case *c, uint32_t node)
{
    uint32_t to = (uint32_t)draw(c, c->options.nodes);
    int held = draw(c, 2) == 0;

    sim_record_pair(c, node, to, held);
    sim_cut_one_way(c, node, to, held);
}

static void slow(struct sim_case *c, uint32_t node)
{
    uint64_t ms = draw(c, 3);

    sim_record_node(c, SIM_EFFECT_NONE, node, "slow n%u by %llums", node,
                    (unsigned long long)ms);
    phub__sim_node_slow(sim_node(c, node), ms * PHUB__SIM_MS);
}

static void skew(struct sim_case *c, uint32_t node)
{
    int32_t ppm = (int32_t)draw(c, 400) - 200;

    sim_record_node(c, SIM_EFFECT_NONE, node, "skew n%u by %d ppm", node,
                    ppm);
    phub__sim_node_skew(sim_node(c, node), ppm);
}

static void half_open(struct sim_case *c, uint32_t node)
{
    uint32_t other = (uint32_t)draw(c, c->options.nodes - 1);
    uint64_t ms = draw(c, 15000);

    other += other >= node;
    sim_record_half_open(c, node, other, ms);
    sim_half_open(c, node, other, ms * PHUB__SIM_MS);
}

static void jump(struct sim_case *c, uint32_t node)
{
    uint64_t ms = draw(c, 10000);

    sim_record_node(c, SIM_EFFECT_NONE, node, "jump n%u by %llums", node,
                    (unsigned long long)ms);
    sim_jump(c, node, ms * PHUB__SIM_MS);
}

static void leave(struct sim_case *c, uint32_t node)
{
    sim_record_node(c, SIM_EFFECT_STRIKE, node, "leave n%u within 20s", node);
    sim_leave(c, node, 20000);
}

/* One leaves and all that are away come; then two more leave. */
static void burst(struct sim_case *c, uint32_t node)
{
    leave(c, node);
    for (uint32_t i = 0; i < c->options.nodes; i++)
        join_one(c);
    for (uint32_t i = 0; i < 2; i++) {
        sim_run(c, draw(c, 800));
        node = victim(c);
        if (node != UINT32_MAX)
            leave(c, node);
    }
}

static void syncs_work(struct sim_case *c, uint32_t node)
{
    sim_record_node(c, SIM_EFFECT_NONE, node, "disk syncs work n%u", node);
    phub__sim_node_sync_fails(sim_node(c, node), 0);
}

/* Some, or, of two times one, not more than the next. */
static void syncs_fail(struct sim_case *c, uint32_t node)
{
    sim_record_node(c, SIM_EFFECT_NONE, node, "disk syncs fail n%u", node);
    phub__sim_node_sync_fails(sim_node(c, node), 1);
    if (draw(c, 2) == 0)
        return;
    if (c->options.operators)
        sim_operate(c);
    sim_run(c, 1 + draw(c, 30));
    syncs_work(c, node);
}

/* One that needs a victim. */
static void strike_node(struct sim_case *c, enum sim_fault fault,
                        uint32_t node)
{
    switch (fault) {
    case SIM_FAULT_CRASH:
        sim_record_node(c, SIM_EFFECT_STRIKE, node, "crash n%u", node);
        sim_kill(c, node);
        return;
    case SIM_FAULT_CRASH_IN_TURN:
        crash_in_turn(c, node);
        return;
    case SIM_FAULT_POWER:
        sim_record_node(c, SIM_EFFECT_STRIKE, node, "power off n%u", node);
        sim_power_off(c, node);
        return;
    case SIM_FAULT_FREEZE:
        sim_record_node(c, SIM_EFFECT_FREEZE, node, "freeze n%u", node);
        sim_freeze(c, node);
        return;
    case SIM_FAULT_LEAVE:
        leave(c, node);
        return;
    case SIM_FAULT_ONE_WAY:
        cut_one_way(c, node);
        return;
    case SIM_FAULT_SLOW:
        slow(c, node);
        return;
    case SIM_FAULT_GUARD:
        sim_record_node(c, SIM_EFFECT_NONE, node, "guard kill n%u", node);
        sim_kill_guard(c, node);
        return;
    case SIM_FAULT_SKEW:
        skew(c, node);
        return;
    case SIM_FAULT_DISK:
        sim_record_node(c, SIM_EFFECT_NONE, node, "disk full n%u", node);
        phub__sim_node_disk_full(sim_node(c, node), 1);
        return;
    case SIM_FAULT_SYNC:
        syncs_fail(c, node);
        return;
    case SIM_FAULT_PARTITION:
        cut_groups(c);
        return;
    case SIM_FAULT_LOSS:
        rough_net(c);
        return;
    case SIM_FAULT_BLACKOUT:
        blackout(c);
        return;
    case SIM_FAULT_TORN:
        sim_record_node(c, SIM_EFFECT_STRIKE, node, "power off n%u torn",
                        node);
        sim_power_off_torn(c, node);
        return;
    case SIM_FAULT_HALF_OPEN:
        half_open(c, node);
        return;
    case SIM_FAULT_JUMP:
        jump(c, node);
        return;
    case SIM_FAULT_BURST:
        burst(c, node);
        return;
    case SIM_FAULT_EXEC:
        sim_record_node(c, SIM_EFFECT_NONE, node, "exec fails n%u", node);
        phub__sim_node_no_exec(sim_node(c, node), 1);
        return;
    case SIM_FAULT_BUSY:
        sim_record_node(c, SIM_EFFECT_NONE, node, "guard busy n%u", node);
        phub__sim_node_guard_busy(sim_node(c, node), 1);
        return;
    case SIM_FAULT_CHILD:
    case SIM_FAULT_JOIN:
    case SIM_FAULTS:
        return;
    }
}

static void strike(struct sim_case *c, enum sim_fault fault)
{
    uint32_t node = victim(c);

    if (fault == SIM_FAULT_JOIN)
        join_one(c);
    else if (fault == SIM_FAULT_CHILD)
        crash_a_child(c);
    else if (node != UINT32_MAX)
        strike_node(c, fault, node);
}

#define SEE_OFF_S 30u    /* longer than anybody may take to leave */

/* Where majorities count, all come back in the end: a minority runs nothing,
 * ever.  Who is leaving goes first, or it would be missed; it has a limit. */
static void see_off(struct sim_case *c)
{
    int some = c->majority;

    for (uint32_t k = 0; k < SEE_OFF_S && some && !c->broken; k++) {
        some = 0;
        for (uint32_t i = 0; i < c->options.nodes; i++) {
            if (sim_daemon(c, i) == NULL || c->present[i])
                continue;
            some = 1;
            if (phub__sim_node_frozen(sim_node(c, i))) {
                sim_record_node(c, SIM_EFFECT_THAW, i, "thaw n%u", i);
                sim_thaw(c, i);
            }
        }
        if (some)
            sim_run(c, 1000);
    }
}

/* Undo what can be undone; all: everything, now. */
static void mend(struct sim_case *c, int all)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (phub__sim_node_frozen(sim_node(c, i)) && (all || draw(c, 2))) {
            sim_record_node(c, SIM_EFFECT_THAW, i, "thaw n%u", i);
            sim_thaw(c, i);
        }
        if (sim_daemon(c, i) == NULL && sim_node(c, i) != NULL
            && c->node_ids[i] != 0
            && (draw(c, 3) == 0 || (all && c->majority)))
            start_node(c, i, 0); /* see_off() */
        if (all) {
            phub__sim_node_slow(sim_node(c, i), 0);
            phub__sim_node_disk_full(sim_node(c, i), 0);
        }
        if (phub__sim_node_cannot_sync(sim_node(c, i))
            && (all || draw(c, 2)))
            syncs_work(c, i);
        if (phub__sim_node_cannot_exec(sim_node(c, i))) {
            /* Longer, and a child's limit of restarts is reached. */
            sim_record_node(c, SIM_EFFECT_NONE, i, "exec works n%u", i);
            phub__sim_node_no_exec(sim_node(c, i), 0);
        }
        if (phub__sim_node_guard_is_busy(sim_node(c, i))
            && (all || draw(c, 2))) {
            sim_record_node(c, SIM_EFFECT_NONE, i, "guard idle n%u", i);
            phub__sim_node_guard_busy(sim_node(c, i), 0);
        }
        if (all)
            phub__sim_node_kill_after(sim_node(c, i), 0);
    }
    if (all || draw(c, 2) == 0)
        heal(c);
    if (all || draw(c, 3) == 0)
        quiet_net(c);
}

#define SEND_PACE (40 * PHUB__SIM_MS)
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
    for (uint32_t i = 0; i < first; i++)
        start_node(c, i, 0);
    sim_run(c, 1500 + draw(c, 2000));
    sim_start(c, UINT32_MAX, 0, options->children);
    sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "clients on");
    sim_clients_start(c);
    if (options->seed % 4 == 0) {
        sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "send c0 every 40ms");
        sim_senders_start(c, 0, 1, SEND_PACE, 0);
    }
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
            if (options->seed % 8 == 5 && k == 3 && options->operators)
                sim_switch_any(c);
            if (options->seed % 8 == 3 && k == 5 && options->operators)
                forget_one(c);
            if (options->seed % 8 == 1 && k == 1 && options->operators)
                drain_one(c);
            sim_run(c, options->gap_ms / 8 + draw(c, 200));
        }
        mend(c, 0);
    }
    see_off(c);
    if (options->record != NULL && !c->broken)
        options->record->end_ns = phub__world_now(c->world);
    mend(c, 1);
    sim_judge_quiet(c);
    if (options->record != NULL)
        options->record->calm = options->operators != 0;
    c->options.record = NULL;       /* what follows is the judges' */
    if (options->operators != 0)
        sim_judge_calm(c);
    sim_run(c, options->linger_ms);
    sim_senders_stop(c);
    sim_clients_stop(c);
}

int sim_schedule(const struct sim_options *options,
                 struct sim_result *result)
{
    struct sim_case *c = sim_case_new(options);
    struct phub__sim_traffic traffic;

    play(c);
    if (options->record != NULL && options->record->end_ns == 0)
        options->record->end_ns = phub__world_now(c->world) + PHUB__SIM_MS;
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
