/* SPDX-License-Identifier: MIT */
/* scenario_move: schedules 1, 2, 9, 11 and 14 of the design: moves that are
 * late, lost, stopped, cut short or many. */
#include "config.h"

#include "scenario.h"

static uint32_t other_than(uint32_t nodes, uint32_t a)
{
    return (a + 1) % nodes;
}

/* 1. ColdSwap A to B; B is slow; A times out and restarts at home; B starts
 * too. */
static struct sim_case *target_is_slow(uint32_t variant)
{
    static const uint32_t ms[] = { 20, 100, 300, 700 };
    struct sim_case *c;
    uint32_t from, to;

    if (variant >= 4)
        return NULL;
    c = sim_scene(100 + variant, 3, 1, "coldswap", 0);
    if (c->broken)
        return c;
    from = sim_where(c, 0);
    to = other_than(3, from);
    phub__sim_node_slow(sim_node(c, to), ms[variant] * PHUB__SIM_MS);
    sim_move(c, from, 0, to);
    sim_run(c, 30000);
    phub__sim_node_slow(sim_node(c, to), 0);
    sim_judge_quiet(c);
    return c;
}

/* 2. HotSwap; B is running; the confirmation is lost; A thaws; both
 * acknowledge updates.  The way back is cut for less than detection takes, at
 * another moment in each variant; the judges know of no cut. */
static struct sim_case *confirmation_is_lost(uint32_t variant)
{
    struct sim_case *c;
    uint32_t from, to;

    if (variant >= 12)
        return NULL;
    c = sim_scene(200 + variant, 3, 1, "hotswap", 0);
    if (c->broken)
        return c;
    from = sim_where(c, 0);
    to = other_than(3, from);
    sim_move(c, from, 0, to);
    phub__world_run(c->world, phub__world_now(c->world)
                    + variant * 300 * PHUB__SIM_US);
    phub__world_cut(c->world, to, from, 0);
    sim_run(c, 400);
    phub__world_heal(c->world, to, from);
    sim_judge_quiet(c);
    return c;
}

/* 9. A stop arrives in the middle of a ColdSwap, when neither node runs the
 * child. */
static struct sim_case *stop_in_a_move(uint32_t variant)
{
    struct sim_case *c;
    uint32_t from, to;

    if (variant >= 16)
        return NULL;
    c = sim_scene(900 + variant, 3, 1,
                  variant % 2 == 0 ? "coldswap" : "hotswap", 0);
    if (c->broken)
        return c;
    from = sim_where(c, 0);
    to = other_than(3, from);
    sim_move(c, from, 0, to);
    phub__world_run(c->world, phub__world_now(c->world)
                    + variant / 2 * 400 * PHUB__SIM_US);
    sim_stop(c, variant % 3, 0, 1);
    sim_judge_quiet(c);
    if (!c->broken && c->children[0].wish != SIM_STOP)
        sim_broken(c, 5, "the stop was not answered well");
    return c;
}

/* 11. The origin aborts, thaws, acknowledges more, dies; the target promotes
 * its stale standby.  One of the two is killed after each number of effects
 * of a move in turn, right away or after the other was cut off for a while. */
static struct sim_case *killed_in_a_move(uint32_t variant)
{
    struct sim_case *c;
    uint32_t from, to, victim;

    if (variant >= 240)
        return NULL;
    c = sim_scene(1100 + variant, 3, 2,
                  variant & 1 ? "coldswap" : "hotswap", 0);
    if (c->broken)
        return c;
    from = sim_where(c, 0);
    to = other_than(3, from);
    victim = variant & 2 ? from : to;
    sim_move(c, from, 0, to);
    if (variant % 5 == 4) {
        phub__world_cut(c->world, from, to, 0);
        sim_run(c, 300);
        phub__world_heal(c->world, from, to);
    }
    sim_kill_after(c, victim, 1 + variant / 4);
    sim_run(c, 400);
    phub__sim_node_kill_after(sim_node(c, victim), 0);
    if (variant % 3 == 0)
        sim_run(c, 4000);
    sim_start_node(c, victim);
    sim_judge_quiet(c);
    return c;
}

/* 14. Two nodes join and one leaves within a settle window while a lot of
 * children move. */
static struct sim_case *joins_and_a_leave(uint32_t variant)
{
    struct sim_options options;
    struct sim_case *c;

    if (variant >= 4)
        return NULL;
    sim_options_init(&options, 1400 + variant);
    options.nodes = 6;
    options.children = 200;
    options.clients = 1;
    options.strategies[PHUB_KIND_MIGRATION].name =
        variant & 1 ? "coldswap" : "hotswap";
    c = sim_case_new(&options);
    sim_boot(c, 0, 4);
    sim_run(c, 3000);
    sim_start(c, 0, 0, 200);
    sim_clients_start(c);
    sim_run(c, 3000);
    sim_boot(c, 4, 5);
    sim_run(c, variant & 2 ? 600 : 100);
    sim_boot(c, 5, 6);
    sim_leave(c, 1, 20000);
    sim_judge_quiet(c);
    return c;
}

const struct sim_scenario sim_scenarios_move[] = {
    { "1_target_is_slow", target_is_slow },
    { "2_confirmation_is_lost", confirmation_is_lost },
    { "9_stop_in_a_move", stop_in_a_move },
    { "11_killed_in_a_move", killed_in_a_move },
    { "14_joins_and_a_leave", joins_and_a_leave },
    { NULL, NULL }
};
