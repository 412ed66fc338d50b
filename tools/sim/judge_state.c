/* SPDX-License-Identifier: MIT */
/* judge_state: promise 3: no acknowledged update is missing.
 *
 * Each client numbers its updates of a child; an instance that acts later
 * must hold all that were acknowledged.  What is owed is the number up to
 * which no fault excuses a loss; an acknowledgement raises it to the full,
 * and a fault that takes the instance that acted last lowers it to nothing:
 *
 *   - an instance ended by itself, by its lease, with its guard or process,
 *     or without power: what it alone held is gone;
 *   - it was ended by its daemon and cannot give a state, or gives it too late
 *     (late-state=6000, above the spec's 3 s): there was nothing to save;
 *   - it cannot freeze: what it answered between TAKE_STATE and its end is not
 *     in the state (the design says "before the freeze"), so what it held at
 *     TAKE_STATE stays owed;
 *   - a daemon ended that had ended the instance before: ColdSwap keeps the
 *     state in the origin's memory; and one that is frozen still has it there,
 *     or has the actors, while others go on without: also if it is not any
 *     more when the other, which may take its time, begins.  If another instance
 *     has acted and lives on, the state is with that one, and nothing is excused;
 *     A goodbye for which there was time, and that nothing disturbed, takes
 *     nothing along: what does not move goes ahead to where it begins next;
 *   - the node lost its disk, and so its name: what the guard has belongs to
 *     a node that is no more;
 *   - the migration strategy is autonomous, which takes no state along;
 *   - under a cut each side may go on with its own, and at the merge the one
 *     with the lower epoch ends with its updates, however late that is: then
 *     what the other holds is owed. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/judge.h"

/* A child may take so long from "stop" to its end. */
#define ENDING_NS 4000000000ull
/* And so long from when it is ordered to its first step. */
#define BEGINNING_NS 4000000000ull
#define CALM_NS (20 * PHUB__SIM_S)
#define LEAVE_MS 6000u   /* of which a quarter is for what does not move */

static int same_life(const struct sim_child *child,
                     const struct sim_life *life)
{
    return phub_epoch_cmp(life->incarnation, child->incarnation) == 0;
}

/* Of two that acted: does the state live on with a rather than with b? */
static int newer(const struct sim_case *c, const struct sim_life *a,
                 const struct sim_life *b)
{
    uint64_t now = phub__world_now(c->world);
    uint64_t a_end = a->ended_ns == 0 ? now : a->ended_ns;
    uint64_t b_end = b->ended_ns == 0 ? now : b->ended_ns;

    return a_end != b_end ? a_end > b_end : a->acted_ns > b->acted_ns;
}

static const struct sim_life *last_other(const struct sim_case *c,
                                         const struct sim_child *child,
                                         const struct sim_life *but)
{
    const struct sim_life *last = NULL;

    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *life = &child->lives[i];

        if (life != but && life->serial != 0 && life->acted_ns != 0
            && same_life(child, life)
            && (last == NULL || newer(c, life, last)))
            last = life;
    }
    return last;
}

static const struct sim_life *last_acted(const struct sim_case *c,
                                         const struct sim_child *child)
{
    return last_other(c, child, NULL);
}

/* What was only in life is gone; keep_taken: but for what it gave before. */
static void excuse(struct sim_child *child, const struct sim_life *gone,
                   int keep_taken)
{
    for (uint32_t k = 0; k < PHUB__SIM_CLIENTS_MAX; k++) {
        struct sim_journal *journal = &child->journals[k];
        uint64_t rest = keep_taken && gone->state_taken ? gone->taken[k] : 0;

        if (rest < journal->owed)
            journal->owed = rest;
    }
}

/* Ended because the verdict was stop, or after it had been asked to end. */
static int told_to_stop(struct sim_case *c, uint32_t node)
{
    const struct sim_node_model *model = &c->judges->nodes[node];

    return model->verdict == PHUB_VERDICT_STOP
        || (model->stop_over_ns != 0
            && phub__world_now(c->world) < model->stop_over_ns + ENDING_NS);
}

/* One of two that a cut made ends: what was done is what the other holds. */
static void merged(struct sim_case *c, struct sim_child *child,
                   const struct sim_life *life, const struct sim_life *stays)
{
    struct phub__sim_child *instance =
        phub__sim_child_find(sim_node(c, stays->node), stays->pid);
    struct phub__sim_child_facts facts = { 0 };

    if (stays->ended_ns != 0 || life->acted_ns == 0
        || !(sim_was_cut(c) || sim_were_apart(c, life->node, stays->node)))
        return;
    if (instance != NULL)
        phub__sim_child_facts(instance, &facts);
    for (uint32_t k = 0; k < PHUB__SIM_CLIENTS_MAX; k++)
        if (facts.counters[k] < child->journals[k].owed)
            child->journals[k].owed = facts.counters[k];
}

static void ended(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts,
                  enum phub__sim_end why)
{
    int freezes = sim_child_is(child, " freeze");
    const struct sim_life *last = last_acted(c, child);

    if (life != last) {
        if (last != NULL && same_life(child, life))
            merged(c, child, life, last);
        return;
    }
    if (why != PHUB__SIM_END_ASKED || !facts->can_state || sim_was_cut(c)
        || (life->cut && !life->state_taken)
        || life->node_id != c->node_ids[life->node]
        || !phub__sim_node_runs(sim_node(c, life->node))
        || sim_child_keeps_state(child)
        || told_to_stop(c, life->node))
        excuse(child, life, 0);
    else if (!freezes)
        excuse(child, life, 1);
}

static int has_life_left(const struct sim_child *child)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (child->lives[i].serial != 0 && child->lives[i].ended_ns == 0
            && child->lives[i].acted_ns != 0
            && same_life(child, &child->lives[i]))
            return 1;
    return 0;
}

/* It said goodbye, with time for all that it had, and nothing was wrong. */
static int left_well(const struct sim_case *c, uint32_t node)
{
    const struct sim_node_model *model = &c->judges->nodes[node];

    return model->left_ns != 0
        && phub__world_now(c->world) < model->left_ns + PHUB__SIM_S
        && model->leave_ms >= LEAVE_MS
        && model->left_ns > model->disturbed_ns + CALM_NS
        && model->left_ns > c->judges->fault_ns + CALM_NS;
}

static void gone(struct sim_case *c, uint32_t node)
{
    int well = left_well(c, node);

    for (uint32_t i = 0; i < c->options.children; i++) {
        struct sim_child *child = &c->children[i];
        const struct sim_life *last = last_acted(c, child);

        if (last != NULL && !has_life_left(child)
            && (last->node == node || child->last_node == node)
            && (!well || sim_child_is(child, "silent")))
            excuse(child, last, 0);
    }
}

/* It is, or was when one that begins now may have been told to. */
static int was_frozen(struct sim_case *c, uint32_t node)
{
    uint64_t thawed_ns = c->judges->nodes[node].thawed_ns;

    return phub__sim_node_frozen(sim_node(c, node))
        || (thawed_ns != 0
            && phub__world_now(c->world) < thawed_ns + BEGINNING_NS);
}

static void follows(struct sim_case *c, struct sim_child *child,
                    const struct sim_life *life)
{
    const struct sim_life *last = last_other(c, child, life);

    if (last == NULL || last->node == life->node)
        return;
    if (was_frozen(c, last->node)
        || (sim_daemon(c, last->node) == NULL
            && c->judges->fault_ns >= c->judges->nodes[last->node].left_ns)
        || sim_were_apart(c, last->node, life->node))
        excuse(child, last, 0);
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    if (!facts->passive)
        follows(c, child, life);
}

/* One that was passive follows when it is promoted. */
static void acting(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts)
{
    (void)facts;
    if (acts)
        follows(c, child, life);
}

/* Does the migration strategy leave the state behind? */
static int leaves_state(const struct sim_case *c)
{
    const char *name = c->options.strategies[PHUB_KIND_MIGRATION].name;

    return strcmp(name, "autonomous") == 0;
}

static void acked(struct sim_case *c, struct sim_child *child,
                  uint32_t client, uint64_t number, uint64_t held)
{
    struct sim_journal *journal = &child->journals[client];
    int several = sim_may_act(c, child) > 1;

    /* Of several each has its own state, those on lost nodes, too. */
    journal->owed = several || leaves_state(c) ? 0 : number;
    if (held > journal->sent && !sim_was_cut(c))
        sim_broken_child(c, 3, child, "child %s holds update %llu of client "
                         "%u, who sent %llu at most in this life", child->id,
                         (unsigned long long)held, client,
                         (unsigned long long)journal->sent);
}

static void missing(struct sim_case *c, const struct sim_child *child,
                    uint32_t node, int64_t pid, uint32_t client,
                    uint64_t held)
{
    const struct sim_journal *journal = &child->journals[client];

    sim_broken_child(c, 3, child, "child %s/%lld on n%u holds update %llu of "
                     "client %u, which has %llu acknowledged and %llu owed",
                     child->id, (long long)pid, node,
                     (unsigned long long)held, client,
                     (unsigned long long)journal->acked,
                     (unsigned long long)journal->owed);
}

static void gap(struct sim_case *c, struct sim_child *child, uint32_t client,
                uint64_t held, sim_facts *facts)
{
    struct sim_journal *journal = &child->journals[client];

    if (held < journal->owed && !sim_was_cut(c))
        missing(c, child, phub__sim_node_index(facts->node), facts->pid,
                client, held);
    if (journal->owed > held)
        journal->owed = held;
}

/* The journals against the counters in the end. */
static int quiet(struct sim_case *c, const struct sim_child **child_,
                 char *text, size_t text_max)
{
    struct phub__sim_child *instance = NULL;
    struct phub__sim_child_facts facts;

    if (sim_was_cut(c))
        return 0;
    while ((instance = phub__sim_child_next(c->world, instance)) != NULL) {
        struct sim_child *child;

        phub__sim_child_facts(instance, &facts);
        child = sim_child_by_id(c, facts.id);
        if (child == NULL || !facts.acts
            || phub_epoch_cmp(facts.incarnation, child->incarnation) != 0)
            continue;
        for (uint32_t k = 0; k < c->options.clients; k++) {
            if (facts.counters[k] >= child->journals[k].owed)
                continue;
            if (text != NULL)
                (void)snprintf(text, text_max, "child %s holds update %llu "
                    "of client %u, and %llu are owed", child->id,
                    (unsigned long long)facts.counters[k], k,
                    (unsigned long long)child->journals[k].owed);
            *child_ = child;
            return 0;
        }
    }
    return 1;
}

const struct sim_judge sim_judge_state = {
    .name = "state", .promise = 3,
    .claim = "no acknowledged update is missing",
    .began = began, .acting = acting, .ended = ended, .acked = acked, .gap = gap,
    .gone = gone, .quiet = quiet
};
