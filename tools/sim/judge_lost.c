/* SPDX-License-Identifier: MIT */
/* judge_lost: promise 1: a child whose start was acknowledged, and that nobody
 * stopped, runs again once faults are over, and its row says where; and what is
 * acknowledged is known to two nodes.
 *
 * What people want of a child is known from answers only (operator.c), so a
 * command whose answer never came excuses: it may have taken effect or not.
 * A child that ends by itself each time is not lost while its row says so:
 * permanent ones fail in the end, and that is visible.  And a row ends with
 * the last that had it.  If it is not durable that is a member: one without
 * company in its view, while nobody else who runs has it.  If it is, that is a
 * disk: nobody who runs has it, nor any whose disk is as it was.  One that is on
 * disks alone waits for whoever has these; so does the child.  A disk that lacks
 * what it could not write is not counted on. */
#include "config.h"

#include <stdio.h>

#include "sim/judge.h"

/* Rows of a start that was acknowledged are on two nodes, at once. */
#define HOLDERS_MIN 2u
/* The design lets a silent holder go unanswered, and a dead one be replaced:
 * only if nothing happened to any node for so long it must have been two. */
#define CALM_NS (15 * PHUB__SIM_S)

static int calm(const struct sim_case *c)
{
    uint32_t well = 0;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        if (phub__sim_node_runs(phub__world_node(c->world, i))
            && !sim_was_well(c, i, CALM_NS))
            return 0;
        well += sim_was_well(c, i, CALM_NS) != 0;
    }
    return well >= HOLDERS_MIN
        && phub__world_now(c->world) > c->disturbed_ns + CALM_NS;
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
    struct phub_epoch incarnation;
    uint32_t rows;

    if (answer->op != PHUB__OP_START || answer->code != 0 || !answer->alone
        || !calm(c))
        return;
    rows = sim_rows_live(c, child, &incarnation);
    if (rows < HOLDERS_MIN)
        sim_broken_child(c, 1, child, "the start of child %s is "
                         "acknowledged on %s, and %u node%s its row",
                         child->id,
                         phub__sim_node_name(sim_node(c, answer->asker)),
                         rows, rows == 1 ? " has" : "s have");
}

/* Ends by itself, by its manner: it need not run at any given moment. */
static int restless(const struct sim_child *child)
{
    return sim_child_is(child, "crash-") || sim_child_is(child, "exit-after")
        || sim_child_is(child, "fail-start");
}

/* As many as asked for, and as many of them act. */
static int all_there(struct sim_case *c, const struct sim_child *child)
{
    uint32_t asked, wanted, alive = 0;

    for (uint32_t k = 0; k < child->lives_count; k++)
        alive += child->lives[k].serial != 0 && child->lives[k].ended_ns == 0;
    sim_asked(c, child, &asked, &wanted);
    return child->acting >= wanted
        && (alive >= asked || asked > SIM_LIVES_MAX);
}

/* Does the node on which it acts publish it?  Nobody finds it if not. */
static int published(struct sim_case *c, const struct sim_child *child)
{
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *life = &child->lives[i];
        struct sim_daemon *daemon = sim_daemon(c, life->node);
        struct phub__row_view row;
        struct phub__half_view half;

        if (life->serial == 0 || !life->acts || daemon == NULL)
            continue;
        if (phub__registry_get(daemon->hub->registry, sim_child_bytes(child),
                               &row) != 0
            || !phub__row_half_of(&row, c->node_ids[life->node], &half)
            || half.state != PHUB_INSTANCE_RUNNING || half.pid != life->pid)
            return 0;
    }
    return 1;
}

static const char *missing(struct sim_case *c, const struct sim_child *child)
{
    struct phub_epoch incarnation;

    if (restless(child))
        return sim_child_is(child, "exit-after")
            || sim_rows_live(c, child, &incarnation) != 0
            ? NULL : "no registry has it";
    if (child->acting == 0)
        return "no instance of it acts";
    if (!all_there(c, child))
        return "not as many as that are there";
    return published(c, child) ? NULL : "no row says where it acts";
}

static int has_company(struct sim_case *c, uint32_t node)
{
    struct phub_view *view = phub__hub_view(c->daemons[node].hub);

    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (i != node && sim_daemon(c, i) != NULL
            && phub__view_index(view, c->node_ids[i]) != PHUB__VIEW_NONE)
            return 1;
    return 0;
}

/* Of the live row there; 0: it has none. */
static struct phub_epoch has(const struct sim_case *c, uint32_t node,
                             const struct sim_child *child)
{
    struct phub__row_view row;

    if (phub__registry_get(c->daemons[node].hub->registry,
                           sim_child_bytes(child), &row) != 0 || !row.live)
        row.incarnation = (struct phub_epoch){ 0, 0 };
    return row.incarnation;
}

/* Of its newest life: what is older came to be known while node was away. */
static int is_newest(const struct sim_child *child, struct phub_epoch life)
{
    return life.number != 0 && phub_epoch_cmp(life, child->incarnation) >= 0;
}

static int others_have(struct sim_case *c, uint32_t node,
                       const struct sim_child *child)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (i != node && sim_daemon(c, i) != NULL
            && is_newest(child, has(c, i, child)))
            return 1;
    return 0;
}

static struct phub_epoch *on_disk(struct sim_case *c, uint32_t child,
                                  uint32_t node)
{
    return &c->judges->on_disk[(size_t)child * c->options.nodes + node];
}

static int disk_has(struct sim_case *c, uint32_t child, uint32_t node)
{
    return is_newest(&c->children[child], *on_disk(c, child, node));
}

/* A disk that could not write all may have it, or not. */
static void gone(struct sim_case *c, uint32_t node)
{
    int bad = phub__sim_node_disk_is_bad(sim_node(c, node));

    c->judges->ended_bad[node] |= (uint8_t)bad;
    for (uint32_t i = 0; c->options.durable && i < c->options.children; i++) {
        const struct sim_child *child = &c->children[i];
        struct phub_epoch had = has(c, node, child);

        *on_disk(c, i, node) = bad ? (struct phub_epoch){ 0, 0 } : had;
        if (others_have(c, node, child))
            c->judges->on_disks_alone[i] = 0;
        else if (is_newest(child, had))
            c->judges->on_disks_alone[i] = 1;
    }
    if (c->options.durable || has_company(c, node))
        return;
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].wish == SIM_RUN
            && !others_have(c, node, &c->children[i]))
            c->children[i].wish = SIM_UNKNOWN;
}

static int disks_have(struct sim_case *c, uint32_t child)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (disk_has(c, child, i))
            return 1;
    return 0;
}

static void wiped(struct sim_case *c, uint32_t node)
{
    c->judges->ended_bad[node] = 0;
    for (uint32_t i = 0; c->options.durable && i < c->options.children; i++) {
        struct sim_child *child = &c->children[i];
        int had = disk_has(c, i, node);

        *on_disk(c, i, node) = (struct phub_epoch){ 0, 0 };
        if (had && child->wish == SIM_RUN && !disks_have(c, i)
            && !others_have(c, node, child))
            child->wish = SIM_UNKNOWN;
    }
}

/* The last who ran and had it has ended, and all who have it on disk are to stay
 * away. */
static int waits(struct sim_case *c, uint32_t child)
{
    if (!c->options.durable || !c->judges->on_disks_alone[child]
        || others_have(c, UINT32_MAX, &c->children[child]))
        return 0;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (disk_has(c, child, i)
            && (c->present[i] || sim_daemon(c, i) != NULL))
            return 0;
    return 1;
}

static void given_up(struct sim_case *c)
{
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].wish == SIM_RUN && waits(c, i))
            c->children[i].wish = SIM_UNKNOWN;
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        const struct sim_child *child = &c->children[i];
        const char *what = child->wish == SIM_RUN ? missing(c, child) : NULL;

        if (what == NULL || waits(c, i))
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "child %s is wanted, and %s (the "
                           "last began on n%u)", child->id, what,
                           child->last_node);
        *child_ = child;
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_lost = {
    .name = "lost", .promise = 1, .claim = "a child that people want runs",
    .answered = answered, .gone = gone, .wiped = wiped,
    .given_up = given_up, .quiet = quiet
};
