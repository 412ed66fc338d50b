/* SPDX-License-Identifier: MIT */
/* judge_delay: promise 10: a sick peer hurts only itself.
 *
 * Calls by name go between nodes that are well, to children that run on such
 * nodes, first while nobody is sick, then while one node is frozen, slow or
 * floods the others.  Of the second the 99th percentile is at most twice that
 * of the first, none takes longer than CALL_MAX_NS, and none fails. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "hub/message.h"
#include "sim/judge.h"
#include "sim/judge_scene.h"
#include "wire/assert.h"

#define CALL_MAX_NS (20 * PHUB__SIM_MS)
#define CALL_TIMEOUT_MS 5000u
#define PACE_MS 5u
#define FLOOD_MESSAGES 2000u
#define SLOW_NS (50 * PHUB__SIM_MS)

struct calling {
    struct sim_case *c;
    uint64_t *took_ns;
    uint32_t done, failed, open;
    int refs;
};

struct call {
    struct calling *all;
    struct sim_daemon *from;
    struct sim_child *child;
    uint64_t began_ns;
};

static void replied(void *arg, int rc, const char *text,
                    struct phub_buf *data)
{
    struct call *call = arg;
    struct calling *all = call->all;

    (void)text;
    (void)data;
    all->open--;
    if (rc != 0)
        all->failed++;
    else
        all->took_ns[all->done++] = phub__world_now(all->c->world)
            - call->began_ns;
    sim_disown(call);
}

static void ask(void *arg)
{
    struct call *call = arg;
    static const uint8_t word[4] = "ping";

    call->began_ns = phub__world_now(call->all->c->world);
    if (phub__mail_send(call->from->hub, sim_child_bytes(call->child),
                        (struct phub_bytes){ word, sizeof(word) },
                        CALL_TIMEOUT_MS, replied, call) == 0)
        return;
    call->all->open--;
    call->all->failed++;
    sim_disown(call);
}

/* The nth node that is not sick. */
static struct sim_daemon *well(struct sim_case *c, uint32_t sick, uint32_t n)
{
    for (uint32_t i = 0; i < 2 * c->options.nodes; i++) {
        uint32_t node = (n + i) % c->options.nodes;

        if (node != sick && sim_daemon(c, node) != NULL
            && !phub__sim_node_frozen(sim_node(c, node)))
            return sim_daemon(c, node);
    }
    return NULL;
}

static struct sim_child *callee(struct sim_case *c, uint32_t sick, uint32_t n)
{
    for (uint32_t i = 0; i < c->options.children; i++) {
        uint32_t child = (n + i) % c->options.children;
        uint32_t where = sim_where(c, child);

        if (where != UINT32_MAX && where != sick)
            return &c->children[child];
    }
    return NULL;
}

static int by_time(const void *a, const void *b)
{
    uint64_t x, y;

    memcpy(&x, a, sizeof(x));
    memcpy(&y, b, sizeof(y));
    return (x > y) - (x < y);
}

void sim_measure_calls(struct sim_case *c, uint32_t sick, uint32_t count,
                       struct sim_calls *calls)
{
    struct calling *all = sim_own(c, sizeof(*all));

    all->c = c;
    all->took_ns = sim_own(c, count * sizeof(*all->took_ns));
    for (uint32_t i = 0; i < count && !c->broken; i++) {
        struct call *call = sim_own(c, sizeof(*call));

        *call = (struct call){ all, well(c, sick, i), callee(c, sick, i), 0 };
        phub__assert(call->from != NULL && call->child != NULL);
        all->open++;
        phub__sim_node_at(call->from->node, phub__world_now(c->world), ask,
                          sim_disown, call);
        sim_run(c, PACE_MS);
    }
    sim_run(c, CALL_TIMEOUT_MS + 1000);
    qsort(all->took_ns, all->done, sizeof(*all->took_ns), by_time);
    *calls = (struct sim_calls){ .calls = count,
                                 .failed = all->failed + all->open };
    if (all->done == 0)
        return;
    calls->p50_ns = all->took_ns[all->done / 2];
    calls->p99_ns = all->took_ns[(uint64_t)all->done * 99 / 100];
    calls->max_ns = all->took_ns[all->done - 1];
}

/* --- what makes a node sick ---------------------------------------------------- */

static void flood(void *arg)
{
    struct sim_daemon *daemon = arg;
    struct sim_case *c = daemon->c;
    static const uint8_t noise[1024];

    for (uint32_t i = 0; i < FLOOD_MESSAGES; i++) {
        struct sim_child *child = &c->children[i % c->options.children];

        (void)phub__mail_send(daemon->hub, sim_child_bytes(child),
                              (struct phub_bytes){ noise, sizeof(noise) }, 0,
                              NULL, NULL);
    }
}

static void fall_sick(struct sim_case *c, uint32_t sick, enum sim_sick how)
{
    switch (how) {
    case SIM_SICK_FROZEN:
        sim_freeze(c, sick);
        return;
    case SIM_SICK_SLOW:
        sim_disturbed(c);
        phub__sim_node_slow(sim_node(c, sick), SLOW_NS);
        return;
    case SIM_SICK_FLOODING:
        for (uint32_t i = 0; i < 10; i++)
            phub__sim_node_at(sim_node(c, sick), phub__world_now(c->world)
                              + i * 100 * PHUB__SIM_MS, flood, NULL,
                              sim_daemon(c, sick));
        return;
    }
}

static void recover(struct sim_case *c, uint32_t sick, enum sim_sick how)
{
    if (how == SIM_SICK_FROZEN)
        sim_thaw(c, sick);
    else if (how == SIM_SICK_SLOW)
        phub__sim_node_slow(sim_node(c, sick), 0);
}

void sim_judge_calls(struct sim_case *c, const struct sim_calls *before,
                     const struct sim_calls *during)
{
    if (during->failed > before->failed)
        sim_broken(c, 10, "%u of %u calls between nodes that are well failed "
                   "because of one that is not", during->failed,
                   during->calls);
    else if (during->max_ns > CALL_MAX_NS)
        sim_broken(c, 10, "a call between nodes that are well took %.1f ms "
                   "because of one that is not",
                   (double)during->max_ns / 1e6);
    else if (during->p99_ns > 2 * before->p99_ns)
        sim_broken(c, 10, "calls between nodes that are well take %.0f us "
                   "(p99) because of one that is not; %.0f us without it",
                   (double)during->p99_ns / 1e3,
                   (double)before->p99_ns / 1e3);
}

void sim_judge_delay(struct sim_case *c, uint32_t sick, enum sim_sick how,
                     struct sim_calls *before, struct sim_calls *during)
{
    sim_measure_calls(c, sick, 400, before);
    fall_sick(c, sick, how);
    sim_measure_calls(c, sick, 400, during);
    recover(c, sick, how);
    sim_judge_calls(c, before, during);
    sim_judge_quiet(c);     /* and no call leaves anything behind */
}
