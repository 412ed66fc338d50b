/* SPDX-License-Identifier: MIT */
/* node: a simulated machine, its clocks and what may happen to it.
 *
 * Its monotonic clock is offset + t * (1 + ppm / 10^6) of world time t; the
 * boot clock is that and the time it slept.  Both only grow. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"

#define THOUSAND 1000u
#define MILLION 1000000

/* --- clocks --------------------------------------------------------------- */

static uint64_t drift(const struct phub__sim_node *node, uint64_t t)
{
    int64_t whole, rest;

    if (node->ppm == 0)
        return t;
    whole = (int64_t)(t / MILLION) * node->ppm;
    rest = (int64_t)(t % MILLION) * node->ppm / MILLION;
    return t + (uint64_t)(whole + rest);
}

uint64_t phub__sim_mono(const struct phub__sim_node *node)
{
    return node->mono_offset + drift(node, node->world->now);
}

uint64_t phub__sim_boot(const struct phub__sim_node *node)
{
    return node->boot_offset + drift(node, node->world->now);
}

/* The first t with offset + drift(t) >= at, or a little more. */
static uint64_t when(const struct phub__sim_node *node, uint64_t offset,
                     uint64_t at)
{
    uint64_t now = node->world->now;
    uint64_t local = offset + drift(node, now);
    uint64_t left;

    if (at <= local)
        return now;
    left = at - local;
    if (left > UINT64_MAX / 4)
        return UINT64_MAX / 2;
    if (node->ppm == 0)
        return now + left;
    /* Division by 1 + ppm / 10^6, rounded up. */
    return now + left / (uint64_t)(MILLION + node->ppm) * MILLION
        + left % (uint64_t)(MILLION + node->ppm) * MILLION
            / (uint64_t)(MILLION + node->ppm) + 2;
}

uint64_t phub__sim_when_mono(const struct phub__sim_node *node, uint64_t at)
{
    return when(node, node->mono_offset, at);
}

uint64_t phub__sim_when_boot(const struct phub__sim_node *node, uint64_t at)
{
    return when(node, node->boot_offset, at);
}

void phub__sim_node_skew(struct phub__sim_node *node, int32_t ppm)
{
    uint64_t mono = phub__sim_mono(node);
    uint64_t boot = phub__sim_boot(node);

    phub__assert(ppm > -MILLION / 2 && ppm < MILLION / 2);
    node->ppm = ppm;
    node->mono_offset = mono - drift(node, node->world->now);
    node->boot_offset = boot - drift(node, node->world->now);
}

void phub__sim_node_boot_jump(struct phub__sim_node *node, uint64_t ns)
{
    phub__world_note(node->world, node, "sleeps for %llu ms",
                     (unsigned long long)(ns / PHUB__SIM_MS));
    node->boot_offset += ns;
    phub__sim_guard_recheck(node);
}

/* --- asking --------------------------------------------------------------- */

uint32_t phub__world_nodes(const struct phub__world *world)
{
    return world->nodes_count;
}

struct phub__sim_node *phub__world_node(const struct phub__world *world,
                                        uint32_t index)
{
    return index < world->nodes_count ? world->nodes[index] : NULL;
}

const char *phub__sim_node_name(const struct phub__sim_node *node)
{
    return node->name;
}

uint32_t phub__sim_node_index(const struct phub__sim_node *node)
{
    return node->index;
}

struct phub__world *phub__sim_node_world(const struct phub__sim_node *node)
{
    return node->world;
}

int phub__sim_node_runs(const struct phub__sim_node *node)
{
    return node->process != NULL && !node->process->dying;
}

void *phub__sim_node_self(const struct phub__sim_node *node)
{
    return phub__sim_node_runs(node) ? node->process->self : NULL;
}

int phub__sim_node_frozen(const struct phub__sim_node *node)
{
    return node->process != NULL && node->process->frozen;
}

struct phub_env *phub__sim_node_env(const struct phub__sim_node *node)
{
    return node->process == NULL ? NULL : &node->process->env;
}

void phub__sim_node_counts(const struct phub__sim_node *node,
                           struct phub__sim_counts *counts)
{
    const struct phub__sim_process *process = node->process;

    memset(counts, 0, sizeof(*counts));
    if (process == NULL)
        return;
    for (const struct phub__timer *timer = process->timers; timer != NULL;
         timer = timer->next)
        counts->timers++;
    counts->links = phub__sim_net_links(process);
    counts->deferred = process->deferred_count;
    counts->posts = process->posts;
    counts->works = process->works;
}

/* --- what happens to it --------------------------------------------------- */

struct phub__sim_node *phub__sim_node_add(struct phub__world *world,
                                    const char *name,
                                    const struct phub__sim_program *program)
{
    struct phub__sim_node *node = phub__sim_alloc(1, sizeof(*node));

    phub__assert(world->nodes_count < PHUB__SIM_NODES_MAX);
    node->world = world;
    node->index = world->nodes_count;
    node->program = *program;
    phub__sim_load_init(&node->load);
    (void)snprintf(node->name, sizeof(node->name), "%s", name);
    node->mono_offset = PHUB__SIM_S
        + phub__world_below(world, PHUB__SIM_CLOCK, 3600 * PHUB__SIM_S);
    node->boot_offset = node->mono_offset
        + phub__world_below(world, PHUB__SIM_CLOCK, 3600 * PHUB__SIM_S);
    world->nodes = phub__sim_grow(world->nodes, world->nodes_count + 1,
                                  sizeof(struct phub__sim_node *));
    world->nodes[world->nodes_count++] = node;
    phub__sim_net_grow(world);
    return node;
}

void phub__sim_node_at(struct phub__sim_node *node, uint64_t at_ns,
                       void (*fn)(void *arg), void (*drop)(void *arg),
                       void *arg)
{
    if (phub__sim_node_runs(node))
        (void)phub__sim_event(node->world, at_ns, node->process,
                              PHUB__SIM_SCRIPT, 1, fn, drop, arg);
    else if (drop != NULL)
        drop(arg);
}

void phub__sim_node_start(struct phub__sim_node *node)
{
    if (node->process != NULL)
        return;
    node->starts++;
    node->dark = 0;
    phub__world_note(node->world, node, "starts, %u", node->starts);
    phub__sim_process_new(node);
}

static void end_process(struct phub__sim_node *node)
{
    if (node->process == NULL)
        return;
    if (node->world->turn == node->process) {
        node->process->dying = 1;
        return;
    }
    phub__sim_process_end(&node->process);
}

void phub__sim_node_kill(struct phub__sim_node *node)
{
    if (node->process == NULL || node->process->dying)
        return;
    phub__world_note(node->world, node, "is killed");
    end_process(node);
}

void phub__sim_node_kill_after(struct phub__sim_node *node, uint32_t effects)
{
    if (node->process != NULL)
        node->process->effects_left = effects;
}

void phub__sim_node_exit(struct phub__sim_node *node)
{
    if (node->process == NULL || node->process->dying)
        return;
    phub__world_note(node->world, node, "exits");
    end_process(node);
}

void phub__sim_node_power_off(struct phub__sim_node *node)
{
    phub__assert(node->world->turn == NULL);
    phub__world_note(node->world, node, "loses power");
    node->dark = 1;
    end_process(node);
    phub__sim_guard_power_off(node);
    phub__sim_disk_crash(node, 1);
}

void phub__sim_node_power_off_torn(struct phub__sim_node *node)
{
    node->tear = 1;
    phub__sim_node_power_off(node);
    node->tear = 0;
}

void phub__sim_node_freeze(struct phub__sim_node *node)
{
    if (node->process == NULL || node->process->frozen)
        return;
    phub__world_note(node->world, node, "is stopped");
    node->process->frozen = 1;
    phub__sim_actors_frozen(node->process);
}

void phub__sim_node_thaw(struct phub__sim_node *node)
{
    struct phub__sim_process *process = node->process;

    if (process == NULL || !process->frozen)
        return;
    phub__world_note(node->world, node, "goes on");
    process->frozen = 0;
    phub__sim_actors_thawed(process);
    phub__sim_release(process);
}

void phub__sim_node_slow(struct phub__sim_node *node, uint64_t ns)
{
    node->slow_ns = ns;
}

void phub__sim_node_wipe(struct phub__sim_node *node)
{
    phub__assert(node->process == NULL);
    phub__world_note(node->world, node, "loses its disk");
    phub__sim_disk_wipe(node);
}

void phub__sim_node_sync_fails(struct phub__sim_node *node, int fails)
{
    if (node->sync_fails == fails)
        return;
    phub__world_note(node->world, node, "syncs %s", fails ? "fail" : "work");
    node->sync_fails = fails;
}

int phub__sim_node_cannot_sync(const struct phub__sim_node *node)
{
    return node->sync_fails;
}

void phub__sim_node_disk_full(struct phub__sim_node *node, int full)
{
    phub__world_note(node->world, node, "disk %s", full ? "full" : "usable");
    node->disk_full = full;
}

/* --- its load ------------------------------------------------------------- */

void phub__sim_load_init(struct phub__sim_load *load)
{
    *load = (struct phub__sim_load){
        .memory_bytes = UINT64_C(8) << 30, .child_memory_bytes = 1u << 20,
        .cpus = 4, .child_permille = 10,
    };
}

void phub__sim_load_passes(struct phub__sim_node *node, uint32_t children)
{
    const struct phub__sim_load *load = &node->load;
    uint64_t ns = node->world->now - node->load_at;
    uint64_t all = ns * load->cpus;
    uint64_t own = ns / THOUSAND * load->child_permille * children;
    uint64_t busy = all / THOUSAND * load->cpu_permille + own;

    node->load_at = node->world->now;
    node->load_all += all;
    node->load_own += own < all ? own : all;
    node->load_busy += busy < all ? busy : all;
}

void phub__sim_node_load(struct phub__sim_node *node,
                         const struct phub__sim_load *load)
{
    phub__world_note(node->world, node, "is loaded: cpus %u permille",
                     load->cpu_permille);
    phub__sim_load_passes(node, 0);
    node->load = *load;
}

void phub__sim_node_no_exec(struct phub__sim_node *node, int fails)
{
    if (node->no_exec == fails)
        return;
    phub__world_note(node->world, node, fails ? "cannot start programs"
                                              : "can start programs again");
    node->no_exec = fails;
}

int phub__sim_node_cannot_exec(const struct phub__sim_node *node)
{
    return node->no_exec;
}

void phub__sim_node_guard_busy(struct phub__sim_node *node, int busy)
{
    if (node->guard_busy == busy)
        return;
    phub__world_note(node->world, node, busy ? "guard takes no orders"
                                             : "guard takes orders again");
    node->guard_busy = busy;
}

int phub__sim_node_guard_is_busy(const struct phub__sim_node *node)
{
    return node->guard_busy;
}
