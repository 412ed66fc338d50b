/* SPDX-License-Identifier: MIT */
/* scenario_lease: schedules 3, 4, 6 and 13 of the design: who may still run
 * what.  (5, a guard that hangs in exec, is a test of the real guard.) */
#include "config.h"

#include "scenario.h"

/* 3. B has not heard A for a lease; C heard it just now.  A and B cannot talk
 * to each other, C talks to both: nobody replaces anything. */
static struct sim_case *one_still_hears_it(uint32_t variant)
{
    struct sim_case *c;

    if (variant >= 4)
        return NULL;
    c = sim_scene(300 + variant, 3, 6, "hotswap", 0);
    if (c->broken)
        return c;
    phub__world_cut(c->world, 0, 1, variant & 1);
    if (variant & 2)
        phub__world_cut(c->world, 1, 0, variant & 1);
    sim_run(c, 15000);
    phub__world_heal_all(c->world);
    sim_judge_quiet(c);
    return c;
}

/* 4. The daemon decides to renew, is stopped, is continued much later, and
 * writes the renewal.  It is stopped at many moments, for shorter and longer
 * than its lease. */
static struct sim_case *stopped_daemon(uint32_t variant)
{
    static const uint32_t ms[] = { 500, 1500, 2200, 9000 };
    struct sim_case *c;

    if (variant >= 48)
        return NULL;
    c = sim_scene(400 + variant, 3, 6, variant & 1 ? "coldswap" : "hotswap",
                  0);
    if (c->broken)
        return c;
    phub__world_run(c->world, phub__world_now(c->world)
                    + variant * 7 * PHUB__SIM_MS);
    sim_freeze(c, variant % 3);
    sim_run(c, ms[variant % 4]);
    sim_thaw(c, variant % 3);
    sim_judge_quiet(c);
    return c;
}

/* 6. The guard is killed; its children live on; the next daemon starts the
 * same ones.  (They do not: they die with it.) */
static struct sim_case *guard_is_killed(uint32_t variant)
{
    struct sim_case *c;

    if (variant >= 6)
        return NULL;
    c = sim_scene(600 + variant, 3, 6, "hotswap", 0);
    if (c->broken)
        return c;
    phub__sim_node_kill_guard(sim_node(c, variant % 3));
    sim_excuse_node(c, variant % 3);
    if (variant >= 3) {
        sim_kill(c, variant % 3);
        sim_run(c, 50);
        sim_start_node(c, variant % 3);
    }
    sim_judge_quiet(c);
    return c;
}

/* A daemon is killed and back within its lease, before or after the others
 * have missed it: its children are adopted, or nobody has two. */
static struct sim_case *quick_restart(uint32_t variant)
{
    struct sim_case *c;

    if (variant >= 24)
        return NULL;
    c = sim_scene(650 + variant, 3, 6, variant & 1 ? "coldswap" : "hotswap",
                  variant & 2);
    if (c->broken)
        return c;
    sim_kill(c, variant % 3);
    sim_run(c, variant * 130);
    sim_start_node(c, variant % 3);
    sim_judge_quiet(c);
    return c;
}

/* 13. A node is away for long; everything it ran was stopped or moved; it
 * comes back with its old store. */
static struct sim_case *long_away(uint32_t variant)
{
    struct sim_case *c;

    if (variant >= 4)
        return NULL;
    c = sim_scene(1300 + variant, 3, 8, "hotswap", 1);
    if (c->broken)
        return c;
    if (variant & 1)
        sim_power_off(c, 2);
    else
        sim_leave(c, 2, 10000);
    sim_run(c, 8000);
    sim_stop(c, 0, 0, 4);
    sim_run(c, 5000);
    sim_clients_stop(c);
    sim_run(c, variant & 2 ? 600000 : 60000);
    sim_start_node(c, 2);
    sim_judge_quiet(c);
    return c;
}

const struct sim_scenario sim_scenarios_lease[] = {
    { "3_one_still_hears_it", one_still_hears_it },
    { "4_stopped_daemon", stopped_daemon },
    { "6_guard_is_killed", guard_is_killed },
    { "quick_restart", quick_restart },
    { "13_long_away", long_away },
    { NULL, NULL }
};
