/* SPDX-License-Identifier: MIT */
/* judge_cause: promise 11: every action has a reason that can be asked for.
 *
 * What instances did is held against the ring of causes of their node:
 *
 *   it begins        something new was noted about the child there since the
 *                    one before it began
 *   it is ended      something new was noted since it began
 *   a refusal        some node noted something about the child since people
 *                    asked
 *
 * A child that does not get ready, or refuses its state, is ended by its
 * supervisor before it ever acted, and the reason is noted with the end.
 *
 * Only what its daemon asked for is an action: ends by itself, by the lease or
 * with its holder are not.  A daemon that started anew has an empty ring. */
#include "config.h"

#include "hub/cause.h"
#include "sim/judge.h"

#define LOOK_BACK 16u
#define LATE_NS (5 * PHUB__SIM_S)

static int of_this_daemon(const struct sim_case *c,
                          const struct sim_life *life)
{
    return life->began_ns >= c->judges->nodes[life->node].began_ns;
}

/* A guard may begin late what a daemon asked for that is no more: its exec
 * hung for a while. */
static int may_be_late(struct sim_case *c, uint32_t node)
{
    return !phub__sim_node_runs(sim_node(c, node))
        || (c->judges->nodes[node].ended_ns != 0
            && c->judges->nodes[node].ended_ns + LATE_NS
                > phub__world_now(c->world));
}

/* The first cause about child on that node after the one numbered last. */
static uint64_t first_after(struct sim_case *c, uint32_t node,
                            const struct sim_child *child, uint64_t last)
{
    struct phub__cause causes[LOOK_BACK];
    struct sim_daemon *daemon = sim_daemon(c, node);
    uint32_t count = daemon == NULL || daemon->hub == NULL ? 0
        : phub__causes_of(daemon->hub->causes, sim_child_bytes(child),
                          causes, LOOK_BACK);

    for (uint32_t i = 0; i < count; i++)
        if (causes[i].sequence > last)
            return causes[i].sequence;
    return 0;
}

static void began(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts)
{
    uint64_t last = 0;

    (void)facts;
    for (uint32_t i = 0; i < child->lives_count; i++) {
        const struct sim_life *other = &child->lives[i];

        if (other != life && other->serial != 0
            && other->node == life->node && of_this_daemon(c, other)
            && other->cause_last > last)
            last = other->cause_last;
    }
    life->cause = first_after(c, life->node, child, last);
    life->cause_last = sim_cause_newest(c, life->node, child);
    if (life->cause == 0 && !may_be_late(c, life->node))
        sim_broken_child(c, 11, child, "child %s begins on n%u/%lld, and "
                         "nothing there says why", child->id, life->node,
                         (long long)life->pid);
}

static void ended(struct sim_case *c, struct sim_child *child,
                  struct sim_life *life, sim_facts *facts,
                  enum phub__sim_end why)
{
    if (!of_this_daemon(c, life)
        || !phub__sim_node_runs(sim_node(c, life->node)))
        return;
    life->cause_last = sim_cause_newest(c, life->node, child);
    if (life->acted_ns == 0 && (!facts->ready || (facts->state_expected
                                                  && !facts->state_put)))
        return;
    if (why == PHUB__SIM_END_ASKED && life->cause_last <= life->cause)
        sim_broken_child(c, 11, child, "child %s on n%u/%lld is ended, and "
                         "nothing there says why", child->id, life->node,
                         (long long)life->pid);
}

/* Not what nobody decided about. */
static int is_refusal(int code)
{
    switch (code) {
    case 0:
    case PHUB_ENOTFOUND:        /* of what there is no chain */
    case PHUB_EREPEATED:        /* it is so already */
    case PHUB_ETIMEDOUT:
    case PHUB_ENODEDOWN:
    case PHUB_ESHUTDOWN:
    case PHUB_EAGAIN:
    case PHUB_EVIEW:
        return 0;
    default:
        return 1;
    }
}

static int noted_since(struct sim_case *c, const struct sim_child *child,
                       uint64_t since_ns)
{
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        struct phub__cause cause;

        if (daemon == NULL || daemon->hub == NULL
            || phub__causes_of(daemon->hub->causes, sim_child_bytes(child),
                               &cause, 1) == 0)
            continue;
        if (cause.wall_ms % UINT64_C(1000000000) >= since_ns / PHUB__SIM_MS)
            return 1;
    }
    return 0;
}

/* Who noted it may be gone by now. */
static int all_were_well(const struct sim_case *c, uint64_t since_ns)
{
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->judges->nodes[i].disturbed_ns >= since_ns
            || c->judges->nodes[i].ended_ns >= since_ns)
            return 0;
    return 1;
}

static void answered(struct sim_case *c, struct sim_child *child,
                     const struct sim_answer *answer)
{
    if (is_refusal(answer->code) && all_were_well(c, answer->issued_ns)
        && !noted_since(c, child, answer->issued_ns))
        sim_broken_child(c, 11, child, "%s %s is refused with '%s', and no "
                         "node can say why", phub__op_name(answer->op),
                         child->id, phub_strerror(answer->code));
}

const struct sim_judge sim_judge_cause = {
    .name = "cause", .promise = 11,
    .claim = "every action has a reason that can be asked for",
    .began = began, .ended = ended, .answered = answered
};
