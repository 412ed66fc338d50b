/* SPDX-License-Identifier: MIT */
/* judge_resurrected: promise 4: no stopped child comes back.
 *
 * Nothing begins that nobody asked for.  Once a stop was acknowledged, no
 * instance of that life begins any more, unless a cut separates it from those
 * who know, or all of these are away, or its spawner was at work already.  A
 * standby may begin, because the word of a move that ended with the stop
 * travels still, but never acts.  In the end none runs, whoever was away,
 * unless all who knew stay away. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/judge.h"

#define STORED_NS PHUB__SIM_S        /* what is durable is on disks by then */
#define SPAWN_NS (5 * PHUB__SIM_MS)  /* a spawn takes that long at most */

static int runs(struct sim_case *c, uint32_t node)
{
    return sim_daemon(c, node) != NULL
        && !phub__sim_node_frozen(sim_node(c, node));
}

static int knows(struct sim_case *c, uint32_t node,
                 const struct sim_child *child)
{
    struct phub__row_view row;

    return phub__registry_get(sim_daemon(c, node)->hub->registry,
                              sim_child_bytes(child), &row) == 0
        && row.exists && !row.live
        && phub_epoch_cmp(row.incarnation, child->stopped) >= 0;
}

static void remember(struct sim_case *c, struct sim_child *child)
{
    uint32_t count = 0;

    memset(child->knowers, 0, sizeof(child->knowers));
    for (uint32_t i = 0; i < c->options.nodes && count < SIM_KNOWERS_MAX; i++)
        if (sim_daemon(c, i) != NULL && knows(c, i, child))
            child->knowers[count++] = (struct sim_knower){
                sim_daemon(c, i)->hub->node, sim_daemon(c, i)->hub->boot };
}

/* Who knew, and runs, has forgotten it: its disk has what is durable, unless
 * that could not be written. */
static int forgot(struct sim_case *c, const struct sim_knower *knower)
{
    uint32_t node = sim_node_by_id(c, knower->id);

    return knower->id != 0 && node != UINT32_MAX && runs(c, node)
        && ((c->options.durable && !c->judges->ended_bad[node])
            || sim_daemon(c, node)->hub->boot == knower->boot);
}

/* Then it comes back, until one of them does. */
static int who_knew_is_away(struct sim_case *c, const struct sim_child *child)
{
    if (child->knowers[0].id == 0)
        return 0;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (runs(c, i) && knows(c, i, child))
            return 0;
    for (uint32_t i = 0; i < SIM_KNOWERS_MAX; i++)
        if (forgot(c, &child->knowers[i]))
            return 0;
    return 1;
}

/* And stays: nobody starts those any more. */
static int who_knew_stays_away(struct sim_case *c,
                               const struct sim_child *child)
{
    for (uint32_t i = 0; i < SIM_KNOWERS_MAX; i++) {
        uint32_t node = sim_node_by_id(c, child->knowers[i].id);

        if (child->knowers[i].id != 0 && node != UINT32_MAX
            && c->present[node])
            return 0;
    }
    return who_knew_is_away(c, child);
}

static void given_up(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].wish == SIM_STOP
            && who_knew_stays_away(c, &c->children[i]))
            c->children[i].wish = SIM_UNKNOWN;
}

/* All but the keeper, which is among them, may have had it in memory only. */
static void gone(struct sim_case *c, uint32_t node)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        struct sim_child *child = &c->children[i];
        struct sim_knower *last = child->knowers + SIM_KNOWERS_MAX;

        if (phub__world_now(c->world) > child->wished_ns + STORED_NS)
            continue;
        while (last > child->knowers && last[-1].id == 0)
            last--;
        for (struct sim_knower *k = child->knowers;
             last > child->knowers + 1 && k < last; k++)
            if (k->id == c->node_ids[node]) {
                *k = last[-1];
                *--last = (struct sim_knower){ 0 };
            }
    }
}

static void judge(struct sim_case *c, const struct sim_child *child,
                  const struct sim_life *life, const char *does)
{
    if (phub_epoch_cmp(life->incarnation, child->stopped) <= 0
        && child->wish == SIM_STOP && !sim_was_cut(c)
        && phub__world_now(c->world) > child->wished_ns + SPAWN_NS
        && !who_knew_is_away(c, child))
        sim_broken_child(c, 4, child, "child %s %s on n%u, and its stop "
                         "was acknowledged", child->id, does, life->node);
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    if (!child->asked_to_start)
        sim_broken_child(c, 4, child, "child %s begins on n%u, and nobody "
                         "asked for it", child->id, life->node);
    if (!facts->standby)
        judge(c, child, life, "begins");
}

static void acting(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts)
{
    (void)facts;
    if (acts)
        judge(c, child, life, "acts");
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
    if (answer->op != PHUB__OP_STOP || answer->code != 0 || !answer->alone)
        return;
    child->stopped = child->incarnation;
    remember(c, child);
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        const struct sim_child *child = &c->children[i];
        uint32_t alive = 0;

        for (uint32_t k = 0; k < child->lives_count; k++)
            alive += child->lives[k].serial != 0
                && child->lives[k].ended_ns == 0;
        if (alive == 0
            || (child->wish != SIM_STOP && child->wish != SIM_NOTHING)
            || who_knew_stays_away(c, child))
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "child %s runs, and people "
                           "stopped it", child->id);
        *child_ = child;
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_resurrected = {
    .name = "resurrected", .promise = 4,
    .claim = "no stopped child comes back",
    .began = began, .acting = acting, .answered = answered, .gone = gone,
    .given_up = given_up, .quiet = quiet
};
