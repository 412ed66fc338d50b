/* SPDX-License-Identifier: MIT */
/* switch: people who change the strategies of a hub that runs.
 *
 * One is asked for at any node, as phub strategy set does.  It may be refused or
 * overtaken by faults; but what is told as done is so on all nodes in the end,
 * if nobody asked for another one since (judge_registry.c). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "hub/request.h"
#include "hub/strategies.h"
#include "sim/judge.h"
#include "sim/record.h"
#include "wire/assert.h"

struct wish {
    struct sim_case *c;
    struct phub__sim_node *node;
    enum phub_kind kind;
    char name[SIM_STRATEGY_MAX];
    uint32_t params_count;
    char params[SIM_SWITCH_PARAMS_MAX][128];
};

static void told(void *arg, struct phub__request *request)
{
    struct wish *wish = arg;
    const struct phub__request_item *item = &request->items[0];
    struct sim_chosen *chosen = &wish->c->chosen[wish->kind];

    phub__world_note(wish->c->world, wish->node, "people: %s %s: %d %s",
                     phub__kind_name(wish->kind), wish->name, item->code,
                     item->text != NULL ? item->text : "");
    wish->c->switched += item->code == 0;
    chosen->open--;
    chosen->known = item->code == 0 && chosen->open == 0 && !wish->c->split;
    memcpy(chosen->name, wish->name, sizeof(chosen->name));
    sim_disown(wish);
}

static void lost(void *arg)
{
    sim_disown(arg);
}

static void issue(void *arg)
{
    struct wish *wish = arg;
    struct sim_daemon *daemon = phub__sim_node_self(wish->node);
    struct phub_bytes params[SIM_SWITCH_PARAMS_MAX];
    struct phub__choice choice = {
        .kind = wish->kind,
        .name = { (const uint8_t *)wish->name, strlen(wish->name) },
        .params = { params, wish->params_count } };
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub__request *request;
    struct phub__builder builder;

    for (uint32_t i = 0; i < wish->params_count; i++)
        params[i] = (struct phub_bytes){ (const uint8_t *)wish->params[i],
                                         strlen(wish->params[i]) };
    request = phub__request_new(daemon->hub, PHUB__OP_SWITCH, 1,
                                SIM_OP_TIMEOUT_MS);
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    phub__assert(request != NULL &&
                 phub__encode(&phub__choice_schema, &choice, &builder) == 0);
    request->items[0].op.id =
        phub__request_copy(request, phub__strategies_id(bytes));
    request->items[0].op.spec = phub__request_copy(
        request, (struct phub_bytes){ builder.data, builder.size });
    phub__builder_fini(&builder);
    phub__request_send(request, told, wish);
}

void sim_switch(struct sim_case *c, uint32_t node, enum phub_kind kind,
                const char *name, const char *const *params, uint32_t count)
{
    struct sim_daemon *daemon = node == UINT32_MAX
        ? sim_any(c, PHUB__SIM_OPERATOR) : sim_daemon(c, node);
    struct wish *wish;
    char text[256];
    int size;

    if (daemon == NULL)
        return;
    wish = sim_own(c, sizeof(*wish));
    *wish = (struct wish){ .c = c, .node = daemon->node, .kind = kind,
                           .params_count = count };
    (void)snprintf(wish->name, sizeof(wish->name), "%s", name);
    size = snprintf(text, sizeof(text), "switch %s %s", phub__kind_name(kind),
                    name);
    for (uint32_t i = 0; i < count; i++) {
        (void)snprintf(wish->params[i], sizeof(wish->params[i]), "%s",
                       params[i]);
        size += snprintf(text + size, sizeof(text) - (size_t)size, "%s%s",
                         i == 0 ? " with " : " ", params[i]);
    }
    c->chosen[kind].open++; /* for ever, if it is lost */
    c->chosen[kind].known = 0;
    sim_record_node(c, SIM_EFFECT_NONE, SIM_NOBODY, "%s at n%u", text,
                    phub__sim_node_index(daemon->node));
    phub__world_note(c->world, daemon->node, "people: %s", text);
    phub__sim_node_at(daemon->node, phub__world_now(c->world), issue, lost,
                      wish);
}

/* --- by chance --------------------------------------------------------------- */

struct possible {
    enum phub_kind kind;
    const char *name, *param;
    int majority;      /* 1: only where majorities count */
};

static const struct possible possible[] = {
    { PHUB_KIND_MIGRATION, "coldswap", NULL, 0 },
    { PHUB_KIND_MIGRATION, "hotswap", NULL, 0 },
    { PHUB_KIND_SYNC, "pubsub", NULL, 0 },
    { PHUB_KIND_SYNC, "gossip", NULL, 0 },
    { PHUB_KIND_SYNC, "gossip", "fanout=2", 0 },
    { PHUB_KIND_DISTRIBUTION, "consistent_hash", "virtual_nodes=64", 0 },
    { PHUB_KIND_DISTRIBUTION, "consistent_hash", NULL, 0 },
    { PHUB_KIND_PARTITION, "majority_quorum", NULL, 1 },
    { PHUB_KIND_PARTITION, "keep_oldest", NULL, 1 },
    { PHUB_KIND_PARTITION, "majority_quorum", "minority=freeze", 1 }
};

void sim_switch_any(struct sim_case *c)
{
    const struct possible *p =
        &possible[sim_below(c, PHUB__SIM_OPERATOR,
                            sizeof(possible) / sizeof(possible[0]))];

    if (!p->majority || c->majority)
        sim_switch(c, UINT32_MAX, p->kind, p->name, &p->param,
                   p->param != NULL);
}
