/* SPDX-License-Identifier: MIT */
/* client: those who use the children, from outside the hub.
 *
 * One client has one numbered update under way per child.  It looks the child
 * up in the registry of some node, sends to the instance that is published as
 * running there, and repeats until an answer comes.  An answer is written
 * into its journal; from then on no instance may have forgotten it, unless a
 * fault took the state along (judge.c). */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "sim/judge.h"
#include "wire/assert.h"

#define PACE_NS (60 * PHUB__SIM_MS)
#define AGAIN_NS (25 * PHUB__SIM_MS)
#define TRAVEL_NS (200 * PHUB__SIM_US)

struct update {
    struct sim_case *c;
    uint32_t child, client;
    uint64_t number;
    struct phub__sim_node *node;
    int64_t pid;
    struct phub_epoch incarnation;
};

static void send_next(void *arg);

static void again(struct update *update, uint64_t ns)
{
    uint64_t jitter = sim_below(update->c, PHUB__SIM_CLIENT, ns / 2 + 1);

    phub__world_at(update->c->world, phub__world_now(update->c->world) + ns
                   + jitter, send_next, update);
}

static uint64_t pace_ns(const struct sim_case *c)
{
    return c->options.pace_ms == 0 ? PACE_NS
                                   : c->options.pace_ms * PHUB__SIM_MS;
}

static void acknowledged(void *arg)
{
    struct update *update = arg;
    struct sim_child *child = &update->c->children[update->child];
    struct sim_journal *journal = &child->journals[update->client];

    /* An answer of an earlier life, or from before a fault that lost it. */
    if (phub_epoch_cmp(update->incarnation, child->incarnation) == 0
        && journal->sending == update->number) {
        journal->acked = update->number;
        journal->sending = 0;
        update->c->updates++;
    }
    again(update, pace_ns(update->c));
}

static void gap(struct update *update, uint64_t held,
                const struct phub__sim_child_facts *facts)
{
    struct sim_case *c = update->c;
    struct sim_child *child = &c->children[update->child];
    struct sim_journal *journal = &child->journals[update->client];

    sim_judges_gap(c, child, update->client, held, facts);
    journal->acked = held;
    journal->sending = 0;
}

/* It arrived where the instance was said to be. */
static void arrived(void *arg)
{
    struct update *update = arg;
    struct sim_case *c = update->c;
    struct phub__sim_child *instance = phub__sim_child_find(update->node,
                                                            update->pid);
    struct phub__sim_child_facts facts;
    struct sim_child *child = &c->children[update->child];
    uint64_t held = 0;

    if (instance == NULL) {
        again(update, AGAIN_NS);
        return;
    }
    phub__sim_child_facts(instance, &facts);
    if (phub_epoch_cmp(facts.incarnation, child->incarnation) != 0) {
        again(update, AGAIN_NS);
        return;
    }
    update->incarnation = facts.incarnation;
    switch (phub__sim_child_update(instance, update->client, update->number,
                                   &held)) {
    case PHUB__SIM_ACKED:
        sim_judges_acked(c, child, update->client, update->number, held);
        phub__world_at(c->world, phub__world_now(c->world) + TRAVEL_NS
                       + sim_below(c, PHUB__SIM_CLIENT, TRAVEL_NS),
                       acknowledged, update);
        return;
    case PHUB__SIM_GAP:
        gap(update, held, &facts);
        break;
    case PHUB__SIM_SILENT:
        break;
    }
    again(update, AGAIN_NS);
}

static void published(struct sim_case *c, struct sim_child *child,
                      const struct sim_daemon *reader,
                      struct phub__sim_node *node,
                      const struct phub__half_view *half)
{
    struct phub__sim_child *instance = phub__sim_child_find(node, half->pid);
    struct phub__sim_child_facts facts;
    struct sim_published p = {
        .reader = phub__sim_node_index(reader->node),
        .node = phub__sim_node_index(node), .pid = half->pid,
        .state = half->state, .epoch = half->epoch };

    if (instance == NULL)
        return;
    phub__sim_child_facts(instance, &facts);
    sim_judges_published(c, child, &p, &facts);
}

/* Where that registry says it runs: 1 if it does. */
static int look_up(struct update *update, struct sim_daemon *daemon)
{
    struct sim_case *c = update->c;
    struct sim_child *child = &c->children[update->child];
    struct phub_bytes id = { (const uint8_t *)child->id, strlen(child->id) };
    struct phub__row_view row;
    struct phub__half_view half;
    uint32_t index;

    if (phub__registry_get(daemon->hub->registry, id, &row) != 0
        || !row.live)
        return 0;
    for (uint32_t i = 0; i < row.instances_count; i++) {
        phub__row_half_at(&row, i, &half);
        index = sim_node_by_id(c, half.node);
        if (half.state != PHUB_INSTANCE_RUNNING || index == UINT32_MAX)
            continue;
        published(c, child, daemon, sim_node(c, index), &half);
        if (half.node != row.home && row.instances_count > 1)
            continue;
        update->node = sim_node(c, index);
        update->pid = half.pid;
        return 1;
    }
    return 0;
}

static void send_next(void *arg)
{
    struct update *update = arg;
    struct sim_case *c = update->c;
    struct sim_child *child = &c->children[update->child];
    struct sim_journal *journal = &child->journals[update->client];
    struct sim_daemon *daemon;

    if (!c->clients_on) {
        sim_disown(update);
        return;
    }
    daemon = sim_any(c, PHUB__SIM_CLIENT);
    if (journal->sending == 0)
        journal->sending = journal->acked + 1;
    if (journal->sending > journal->sent)
        journal->sent = journal->sending;
    update->number = journal->sending;
    if (daemon == NULL || !look_up(update, daemon)) {
        c->blind++;
        again(update, PACE_NS);
        return;
    }
    phub__world_at(c->world, phub__world_now(c->world) + TRAVEL_NS
                   + sim_below(c, PHUB__SIM_CLIENT, TRAVEL_NS), arrived,
                   update);
}

void sim_clients_start(struct sim_case *c)
{
    c->clients_on = 1;
    for (uint32_t i = 0; i < c->options.children; i++)
        for (uint32_t k = 0; k < c->options.clients; k++) {
            struct update *update = sim_own(c, sizeof(*update));

            update->c = c;
            update->child = i;
            update->client = k;
            again(update, pace_ns(c));
        }
}

void sim_clients_stop(struct sim_case *c)
{
    c->clients_on = 0;
}
