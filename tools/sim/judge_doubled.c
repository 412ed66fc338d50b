/* SPDX-License-Identifier: MIT */
/* judge_doubled: promise 2: no more instances of a child act than were asked
 * for, and an instance that begins to act has a greater epoch than any that
 * acted before it on its side.
 *
 * Asked for are as many as there are nodes, at most: with fewer members each of
 * those that are lost has its own, on its own machine, until its lease is over.
 *
 * Known on its side is what a registry of a node that ran then had: what died
 * with its last holder cannot be counted on.
 *
 * One thing excuses: under divergence each side of a partition goes on, so
 * two instances on nodes that could not hear each other may act until the
 * sides have met again (SIM_MERGE_NS after their views agree); static_quorum
 * and dynamic_quorum count nodes, not electors, and may be set so that two
 * sides have enough.  majority_quorum and keep_oldest are there to prevent
 * just that: with them nothing excuses. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/judge.h"

static int diverges(const struct sim_case *c)
{
    const char *name = c->options.strategies[PHUB_KIND_PARTITION].name;

    return strcmp(name, "majority_quorum") != 0
        && strcmp(name, "keep_oldest") != 0;
}

/* What began on one side may meet the other's much later, if the last who knew
 * of that was away; and it may have been moved on since, on its own side. */
static int excused(const struct sim_case *c, const struct sim_child *child,
                   const struct sim_life *a, const struct sim_life *b)
{
    if (!diverges(c))
        return 0;
    if (a->cut || b->cut)
        return 1;
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life->serial != 0 && life->acted_ns != 0
            && (life->ended_ns == 0 || life->ended_ns >= c->split_ns)
            && (sim_were_apart(c, a->node, life->node)
                || sim_were_apart(c, b->node, life->node)))
            return 1;
    }
    return 0;
}

static void told_two(struct sim_case *c, const struct sim_child *child,
                     const struct sim_life *a, const struct sim_life *b)
{
    sim_broken_child(c, 2, child, "child %s acts more than asked for: on n%u/%lld "
                     "(began %.3f s, epoch %llu) and n%u/%lld (began %.3f s, "
                     "epoch %llu)", child->id, a->node, (long long)a->pid,
                     (double)a->began_ns / 1e9,
                     (unsigned long long)a->epoch.number, b->node,
                     (long long)b->pid, (double)b->began_ns / 1e9,
                     (unsigned long long)b->epoch.number);
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    (void)facts;
    for (uint32_t i = 0; i < c->options.nodes && !sim_was_cut(c); i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        struct phub__row_view row;

        if (daemon != NULL && !phub__sim_node_frozen(daemon->node)
            && phub__registry_get(daemon->hub->registry,
                                  sim_child_bytes(child), &row) == 0
            && row.live
            && phub_epoch_cmp(row.incarnation, life->incarnation) == 0
            && phub_epoch_cmp(row.home_epoch, life->known) > 0)
            life->known = row.home_epoch;
    }
}

static int alone_there(const struct sim_child *child,
                       const struct sim_life *life)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (&child->lives[i] != life && child->lives[i].serial != 0
            && child->lives[i].acts && child->lives[i].node == life->node)
            return 0;
    return 1;
}

static void acting(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts)
{
    const struct sim_life *other = NULL;
    uint32_t asked, wanted;

    (void)facts;
    sim_asked(c, child, &asked, &wanted);
    life->shared |= acts && wanted > 1;
    if (!acts || child->acting <= wanted
        || (child->acting <= sim_may_act(c, child)
            && alone_there(child, life)))
        return;
    for (uint32_t i = 0; i < child->lives_count; i++) {
        other = &child->lives[i];
        if (other != life && other->serial != 0 && other->acts
            && !excused(c, child, other, life)) {
            told_two(c, child, other, life);
            return;
        }
    }
}

/* Replicas have the epoch of their home: one that was passive is published
 * with it still when it is promoted, one that knows no roles acts beside it,
 * and where all act one restarts under it while others go on. */
static int beside(const struct sim_life *earlier, const struct sim_life *life)
{
    return life->passive || earlier->shared || earlier->ended_ns == 0
        || earlier->ended_ns > life->acted_ns;
}

/* Epochs order instances: what began to act later was published with more. */
static void published(struct sim_case *c, struct sim_child *child,
                      const struct sim_published *p, sim_facts *facts)
{
    struct sim_life *life = sim_life_find(child, facts->serial);
    uint32_t asked, wanted;

    if (life == NULL || p->state != PHUB_INSTANCE_RUNNING)
        return;
    if (phub_epoch_cmp(p->epoch, life->epoch) > 0)
        life->epoch = p->epoch;
    sim_asked(c, child, &asked, &wanted);
    if (sim_was_cut(c) || !life->acts || wanted > 1)
        return;
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *earlier = &child->lives[i];

        if (earlier == life || earlier->serial == 0
            || earlier->acted_ns == 0
            || earlier->began_ns >= life->began_ns
            || phub_epoch_cmp(earlier->incarnation, life->incarnation) != 0
            || earlier->node == life->node
            || earlier->acts || earlier->acted_ns > life->acted_ns
            || phub_epoch_cmp(earlier->epoch, life->known) > 0)
            continue;
        if (phub_epoch_cmp(earlier->epoch, life->epoch) >=
            (beside(earlier, life) ? 1 : 0))
            sim_broken_child(c, 2, child, "child %s on n%u/%lld runs with "
                             "epoch %llu, and an earlier one on n%u/%lld had "
                             "%llu", child->id, life->node,
                             (long long)life->pid,
                             (unsigned long long)life->epoch.number,
                             earlier->node, (long long)earlier->pid,
                             (unsigned long long)earlier->epoch.number);
    }
}

static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        struct sim_child *child = &c->children[i];
        uint32_t alive = 0, asked, wanted;

        for (uint32_t k = 0; k < child->lives_count; k++)
            alive += child->lives[k].serial != 0
                && child->lives[k].ended_ns == 0;
        sim_asked(c, child, &asked, &wanted);
        if (alive <= asked && child->acting <= wanted)
            continue;
        if (text != NULL)
            (void)snprintf(text, text_max, "child %s has %u instances, of "
                           "which %u act", child->id, alive, child->acting);
        *child_ = child;
        return 0;
    }
    return 1;
}

const struct sim_judge sim_judge_doubled = {
    .name = "doubled", .promise = 2,
    .claim = "no more instances act than were asked for",
    .began = began, .acting = acting, .published = published, .quiet = quiet
};
