/* SPDX-License-Identifier: MIT */
/* judge_ready: promise 7: not reachable before ready.
 *
 * What any registry publishes as running is ready, is no standby any more and
 * has the state that it was told to expect; and nothing acts without it.
 * Nothing excuses. */
#include "config.h"

#include "sim/judge.h"

static const char *lacks(sim_facts *facts)
{
    if (!facts->ready)
        return "is not ready";
    if (facts->standby)
        return "is a standby";
    if (facts->state_expected && !facts->state_put)
        return "has no state";
    return NULL;
}

static void published(struct sim_case *c, struct sim_child *child,
                      const struct sim_published *p, sim_facts *facts)
{
    const char *what = lacks(facts);

    if (p->state == PHUB_INSTANCE_RUNNING && what != NULL)
        sim_broken_child(c, 7, child, "n%u says that child %s runs on "
                         "n%u/%lld, and it %s", p->reader, child->id,
                         p->node, (long long)p->pid, what);
}

static void acting(struct sim_case *c, struct sim_child *child,
                   struct sim_life *life, sim_facts *facts, int acts)
{
    if (acts && facts->state_expected && !facts->state_put)
        sim_broken_child(c, 7, child, "child %s acts on n%u/%lld without "
                         "the state it was to get", child->id, life->node,
                         (long long)life->pid);
}

const struct sim_judge sim_judge_ready = {
    .name = "ready", .promise = 7, .claim = "not reachable before ready",
    .acting = acting, .published = published
};
