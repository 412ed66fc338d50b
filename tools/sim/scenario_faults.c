/* SPDX-License-Identifier: MIT */
/* scenario_faults: what happens to machines and to the network. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/scenario_tree.h"

/* --- daemons and machines ------------------------------------------------- */

static int crash(struct sim_play *p, uint32_t index, uint64_t value)
{
    (void)value;
    sim_kill(p->c, index);
    return 0;
}

static int play_crash(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], crash, 0);
}

static void spare(struct sim_play *p, uint32_t index, uint32_t unused)
{
    (void)unused;
    phub__sim_node_kill_after(sim_node(p->c, index), 0);
}

static int play_crash_after(struct sim_play *p, const struct sim_arg *args)
{
    int64_t effects;
    uint32_t index;

    if (sim_play_number(p, &args[0], "effects", 1, 1000000, &effects) != 0
        || sim_play_node(p, args[1].expr, &index) != 0)
        return -1;
    sim_kill_after(p->c, index, (uint32_t)effects);
    return sim_play_later(p, &args[2], spare, index, 0);
}

static int power_off(struct sim_play *p, uint32_t index, uint64_t torn)
{
    if (torn)
        sim_power_off_torn(p->c, index);
    else
        sim_power_off(p->c, index);
    return 0;
}

static int play_power_off(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], power_off,
                              (uint64_t)args[1].given);
}

static void go_on(struct sim_play *p, uint32_t index, uint32_t unused)
{
    (void)unused;
    sim_thaw(p->c, index);
}

static int thaw(struct sim_play *p, uint32_t index, uint64_t value)
{
    (void)value;
    sim_thaw(p->c, index);
    return 0;
}

static int freeze(struct sim_play *p, uint32_t index, uint64_t arg)
{
    sim_freeze(p->c, index);
    return sim_play_later(p, (const struct sim_arg *)(uintptr_t)arg, go_on,
                          index, 0);
}

static int play_freeze(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], freeze, (uintptr_t)&args[1]);
}

static int play_thaw(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], thaw, 0);
}

static void fast(struct sim_play *p, uint32_t index, uint32_t unused)
{
    (void)unused;
    sim_disturbed(p->c);
    phub__sim_node_slow(sim_node(p->c, index), 0);
}

static int slow(struct sim_play *p, uint32_t index, uint64_t ns)
{
    sim_disturbed(p->c);
    phub__sim_node_slow(sim_node(p->c, index), ns);
    return 0;
}

static int quick_again(struct sim_play *p, uint32_t index, uint64_t arg)
{
    return sim_play_later(p, (const struct sim_arg *)(uintptr_t)arg, fast,
                          index, 0);
}

static int play_slow(struct sim_play *p, const struct sim_arg *args)
{
    uint64_t ns;

    return sim_play_time(p, &args[1], &ns) != 0
        || sim_play_each_node(p, &args[0], slow, ns) != 0
        || sim_play_each_node(p, &args[0], quick_again,
                              (uintptr_t)&args[2]) != 0 ? -1 : 0;
}

static int skew(struct sim_play *p, uint32_t index, uint64_t ppm)
{
    sim_disturbed(p->c);
    phub__sim_node_skew(sim_node(p->c, index), (int32_t)(int64_t)ppm);
    return 0;
}

static int play_skew(struct sim_play *p, const struct sim_arg *args)
{
    int64_t ppm;

    if (sim_play_number(p, &args[1], "ppm", -400000, 400000, &ppm) != 0)
        return -1;
    return sim_play_each_node(p, &args[0], skew, (uint64_t)ppm);
}

static int jump(struct sim_play *p, uint32_t index, uint64_t ns)
{
    sim_jump(p->c, index, ns);
    return 0;
}

static int play_jump(struct sim_play *p, const struct sim_arg *args)
{
    uint64_t ns;

    if (sim_play_time(p, &args[1], &ns) != 0)
        return -1;
    return sim_play_each_node(p, &args[0], jump, ns);
}

static int loaded(struct sim_play *p, uint32_t index, uint64_t load)
{
    phub__sim_node_load(sim_node(p->c, index),
                        (const struct phub__sim_load *)(uintptr_t)load);
    return 0;
}

/* What a machine has and uses besides the children; what is not said is as it
 * was at the start. */
static int play_load(struct sim_play *p, const struct sim_arg *args)
{
    struct phub__sim_load load;
    int64_t cpus, busy = 0, tasks = 0, memory = 0;

    phub__sim_load_init(&load);
    cpus = load.cpus;
    if ((args[1].given &&
         sim_play_number(p, &args[1], "cpus", 1, 4096, &cpus) != 0) ||
        (args[2].given &&
         sim_play_number(p, &args[2], "% busy", 0, 100, &busy) != 0) ||
        (args[3].given &&
         sim_play_number(p, &args[3], "tasks", 0, 1000000, &tasks) != 0) ||
        (args[4].given &&
         sim_play_number(p, &args[4], "% of memory", 0, 100, &memory) != 0))
        return -1;
    load.cpus = (uint32_t)cpus;
    load.cpu_permille = (uint32_t)busy * 10;
    load.queue_milli = (uint32_t)tasks * 1000;
    load.memory_used_bytes = load.memory_bytes / 100 * (uint64_t)memory;
    return sim_play_each_node(p, &args[0], loaded, (uintptr_t)&load);
}

static int kill_guard(struct sim_play *p, uint32_t index, uint64_t value)
{
    (void)value;
    sim_kill_guard(p->c, index);
    return 0;
}

static int play_guard_kill(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], kill_guard, 0);
}

/* --- what a machine has or has not ---------------------------------------- */

/* What is switched on and off, and is off after a while if asked. */
enum { FAULT_DISK, FAULT_SYNC, FAULT_EXEC, FAULT_GUARD, FAULTS };

static void (*const faults[FAULTS])(struct phub__sim_node *node, int on) = {
    [FAULT_DISK] = phub__sim_node_disk_full,
    [FAULT_SYNC] = phub__sim_node_sync_fails,
    [FAULT_EXEC] = phub__sim_node_no_exec,
    [FAULT_GUARD] = phub__sim_node_guard_busy
};

struct begins {
    uint32_t fault;
    const struct sim_arg *time;
};

static void fault_ends(struct sim_play *p, uint32_t index, uint32_t fault)
{
    faults[fault](sim_node(p->c, index), 0);
}

static int one_ends(struct sim_play *p, uint32_t index, uint64_t fault)
{
    fault_ends(p, index, (uint32_t)fault);
    return 0;
}

static int one_begins(struct sim_play *p, uint32_t index, uint64_t value)
{
    const struct begins *begins = (const void *)(uintptr_t)value;

    faults[begins->fault](sim_node(p->c, index), 1);
    return sim_play_later(p, begins->time, fault_ends, index, begins->fault);
}

static int begin(struct sim_play *p, const struct sim_arg *args,
                 uint32_t fault)
{
    struct begins begins = { fault, &args[1] };

    return sim_play_each_node(p, &args[0], one_begins, (uintptr_t)&begins);
}

static int end(struct sim_play *p, const struct sim_arg *args, uint32_t fault)
{
    return sim_play_each_node(p, &args[0], one_ends, fault);
}

static int play_disk_full(struct sim_play *p, const struct sim_arg *args)
{
    return begin(p, args, FAULT_DISK);
}

static int play_disk_usable(struct sim_play *p, const struct sim_arg *args)
{
    return end(p, args, FAULT_DISK);
}

static int play_syncs_fail(struct sim_play *p, const struct sim_arg *args)
{
    return begin(p, args, FAULT_SYNC);
}

static int play_syncs_work(struct sim_play *p, const struct sim_arg *args)
{
    return end(p, args, FAULT_SYNC);
}

static int play_exec_fails(struct sim_play *p, const struct sim_arg *args)
{
    return begin(p, args, FAULT_EXEC);
}

static int play_exec_works(struct sim_play *p, const struct sim_arg *args)
{
    return end(p, args, FAULT_EXEC);
}

static int play_guard_busy(struct sim_play *p, const struct sim_arg *args)
{
    return begin(p, args, FAULT_GUARD);
}

static int play_guard_idle(struct sim_play *p, const struct sim_arg *args)
{
    return end(p, args, FAULT_GUARD);
}

/* --- links ---------------------------------------------------------------- */

/* Each node's group, from 1; 0: in none. */
static int groups_of(struct sim_play *p, const struct sim_arg *arg,
                     uint32_t *groups)
{
    uint32_t number = 0;

    for (uint32_t i = 0; i < p->options.nodes; i++)
        groups[i] = 0;
    for (const struct sim_group *g = arg->groups; g != NULL; g = g->next) {
        number++;
        for (const struct sim_span *s = g->spans; s != NULL; s = s->next) {
            uint32_t first, last;

            if (sim_play_nodes(p, s, &first, &last) != 0)
                return -1;
            for (; first < last; first++) {
                if (groups[first] != 0 && groups[first] != number)
                    return sim_play_fail(p, "n%u is in two groups", first);
                groups[first] = number;
            }
        }
        for (uint32_t i = 0; g->spans == NULL && i < p->options.nodes; i++)
            if (groups[i] == 0)
                groups[i] = number;
    }
    return 0;
}

static int each_pair(struct sim_play *p, const struct sim_arg *arg,
                     int (*fn)(struct sim_play *p, uint32_t from, uint32_t to,
                               const struct sim_arg *args),
                     const struct sim_arg *args)
{
    uint32_t groups[SIM_NODES_MAX];

    if (groups_of(p, arg, groups) != 0)
        return -1;
    for (uint32_t i = 0; i < p->options.nodes; i++)
        for (uint32_t k = 0; k < p->options.nodes; k++)
            if (groups[i] != 0 && groups[k] != 0 && groups[i] != groups[k]
                && (!arg->arrow || groups[i] == 1)
                && fn(p, i, k, args) != 0)
                return -1;
    return 0;
}

static void join(struct sim_play *p, uint32_t from, uint32_t to)
{
    sim_heal_one_way(p->c, from, to);
}

static void join_untold(struct sim_play *p, uint32_t from, uint32_t to)
{
    phub__world_heal(p->c->world, from, to);
}

static int cut(struct sim_play *p, uint32_t from, uint32_t to,
               const struct sim_arg *args)
{
    if (args[2].given) {       /* the judges are not told */
        phub__world_cut(p->c->world, from, to, args[1].given);
        return sim_play_later(p, &args[3], join_untold, from, to);
    }
    sim_cut_one_way(p->c, from, to, args[1].given);
    return sim_play_later(p, &args[3], join, from, to);
}

static int play_cut(struct sim_play *p, const struct sim_arg *args)
{
    return each_pair(p, &args[0], cut, args);
}

static int half_open(struct sim_play *p, uint32_t from, uint32_t to,
                     const struct sim_arg *args)
{
    uint64_t ns = PHUB__SIM_HALF_OPEN_NS;

    if (args[2].given && sim_play_time(p, &args[2], &ns) != 0)
        return -1;
    if (args[1].given)
        phub__world_half_open(p->c->world, from, to, ns);
    else
        sim_half_open(p->c, from, to, ns);
    return 0;
}

static int play_half_open(struct sim_play *p, const struct sim_arg *args)
{
    return each_pair(p, &args[0], half_open, args);
}

static int heal(struct sim_play *p, uint32_t from, uint32_t to,
                const struct sim_arg *args)
{
    (void)args;
    sim_heal_one_way(p->c, from, to);
    return 0;
}

static int play_heal_some(struct sim_play *p, const struct sim_arg *args)
{
    return each_pair(p, &args[0], heal, args);
}

static int play_heal(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    phub__world_heal_all(p->c->world);
    sim_heal(p->c);
    return 0;
}

/* --- the whole network ---------------------------------------------------- */

static void set_net(struct sim_play *p)
{
    const struct phub__sim_net *net = &p->net;

    sim_disturbed(p->c);
    phub__world_net(p->c->world, net);
    phub__world_note(p->c->world, NULL, "network: latency %llu us, tail %llu "
                     "us, %llu bytes/s, loss %u, repeat %u, reorder %u "
                     "permille",
                     (unsigned long long)(net->latency_ns / PHUB__SIM_US),
                     (unsigned long long)(net->tail_ns / PHUB__SIM_US),
                     (unsigned long long)net->bytes_per_s,
                     net->loss_permille, net->repeat_permille,
                     net->reorder_permille);
}

static int rate(struct sim_play *p, const struct sim_arg *arg,
                uint32_t *permille)
{
    int64_t value;

    if (!arg->given)
        return 0;
    if (sim_play_number(p, arg, "permille", 0, 1000, &value) != 0)
        return -1;
    *permille = (uint32_t)value;
    return 0;
}

/* Fill what was said. */
static int net_of(struct sim_play *p, const struct sim_arg *args,
                  struct phub__sim_net *net)
{
    int64_t bytes;

    if ((args[0].given && sim_play_time(p, &args[0], &net->latency_ns) != 0)
        || (args[1].given && sim_play_time(p, &args[1], &net->tail_ns) != 0)
        || rate(p, &args[3], &net->loss_permille) != 0
        || rate(p, &args[4], &net->repeat_permille) != 0
        || rate(p, &args[5], &net->reorder_permille) != 0)
        return -1;
    if (args[2].given) {
        if (sim_play_number(p, &args[2], "bytes per second", 0, INT64_MAX,
                            &bytes) != 0)
            return -1;
        net->bytes_per_s = (uint64_t)bytes;
    }
    return 0;
}

static int set_path(struct sim_play *p, uint32_t from, uint32_t to,
                    const struct sim_arg *args)
{
    struct phub__sim_net net = p->net;

    if (net_of(p, &args[1], &net) != 0)
        return -1;
    phub__world_note(p->c->world, NULL, "network n%u -> n%u: latency %llu us, "
                     "tail %llu us, loss %u permille", from, to,
                     (unsigned long long)(net.latency_ns / PHUB__SIM_US),
                     (unsigned long long)(net.tail_ns / PHUB__SIM_US),
                     net.loss_permille);
    phub__world_path(p->c->world, from, to, &net);
    return 0;
}

static int play_path(struct sim_play *p, const struct sim_arg *args)
{
    return each_pair(p, &args[0], set_path, args);
}

static void lossless(struct sim_play *p, uint32_t permille, uint32_t unused)
{
    (void)unused;
    p->net.loss_permille = permille;
    set_net(p);
}

static int play_loss(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t before = p->net.loss_permille;

    if (rate(p, &args[0], &p->net.loss_permille) != 0)
        return -1;
    set_net(p);
    return sim_play_later(p, &args[1], lossless, before, 0);
}

static int play_network(struct sim_play *p, const struct sim_arg *args)
{
    if (net_of(p, args, &p->net) != 0)
        return -1;
    set_net(p);
    return 0;
}

static int play_network_quiet(struct sim_play *p, const struct sim_arg *args)
{
    struct phub__world_options world;

    (void)args;
    phub__world_options_init(&world, 0);
    p->net = world.net;
    set_net(p);
    for (uint32_t i = 0; i < p->options.nodes; i++)
        for (uint32_t k = 0; k < p->options.nodes; k++)
            phub__world_path(p->c->world, i, k, NULL);
    return 0;
}

/* --- all of it ------------------------------------------------------------ */

static int play_mend(struct sim_play *p, const struct sim_arg *args)
{
    p->mended++;
    p->undone_ns = 0;
    (void)play_heal(p, args);
    for (uint32_t i = 0; i < p->options.nodes; i++) {
        if (phub__sim_node_frozen(sim_node(p->c, i)))
            sim_thaw(p->c, i);
        fast(p, i, 0);
        spare(p, i, 0);
        for (uint32_t fault = 0; fault < FAULTS; fault++)
            fault_ends(p, i, fault);
    }
    return play_network_quiet(p, args);
}

const struct sim_form sim_forms_faults[] = {
    { "crash NODES", SIM_ACTION, play_crash },
    { "after NUMBER effects crash NODE [within TIME]", SIM_ACTION,
      play_crash_after },
    { "power off NODES [torn]", SIM_ACTION, play_power_off },
    { "freeze NODES [for TIME]", SIM_ACTION, play_freeze },
    { "thaw NODES", SIM_ACTION, play_thaw },
    { "slow NODES by TIME [for TIME]", SIM_ACTION, play_slow },
    { "skew NODES by NUMBER ppm", SIM_ACTION, play_skew },
    { "jump NODES by TIME", SIM_ACTION, play_jump },
    { "load NODES [cpus NUMBER] [busy NUMBER] [tasks NUMBER] "
      "[memory NUMBER]", SIM_ACTION, play_load },
    { "guard kill NODES", SIM_ACTION, play_guard_kill },
    { "guard busy NODES [for TIME]", SIM_ACTION, play_guard_busy },
    { "guard idle NODES", SIM_ACTION, play_guard_idle },
    { "disk full NODES [for TIME]", SIM_ACTION, play_disk_full },
    { "disk usable NODES", SIM_ACTION, play_disk_usable },
    { "disk syncs fail NODES [for TIME]", SIM_ACTION, play_syncs_fail },
    { "disk syncs work NODES", SIM_ACTION, play_syncs_work },
    { "exec fails NODES [for TIME]", SIM_ACTION, play_exec_fails },
    { "exec works NODES", SIM_ACTION, play_exec_works },
    { "cut GROUPS [held] [unexcused] [for TIME]", SIM_ACTION, play_cut },
    { "half-open GROUPS [unexcused] [for TIME]", SIM_ACTION, play_half_open },
    { "heal", SIM_ACTION, play_heal },
    { "heal GROUPS", SIM_ACTION, play_heal_some },
    { "loss RATE [for TIME]", SIM_ACTION, play_loss },
    { "network quiet", SIM_ACTION, play_network_quiet },
    { "network [latency TIME] [tail TIME] [bandwidth NUMBER] [loss RATE] "
      "[repeat RATE] [reorder RATE]", SIM_ACTION, play_network },
    { "link GROUPS [latency TIME] [tail TIME] [bandwidth NUMBER] [loss RATE] "
      "[repeat RATE] [reorder RATE]", SIM_ACTION, play_path },
    { "mend", SIM_ACTION, play_mend },
    { NULL, SIM_ACTION, NULL }
};
