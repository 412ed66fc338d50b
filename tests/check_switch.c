/* SPDX-License-Identifier: MIT */
/* check_switch: strategies of a running hub are changed (strategies.c).
 *
 * A strategy that some nodes lack is linked into the others. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHUB_PLUGIN_STATIC
#include <phub/plugin.h>

#include "hub/host_private.h"
#include "hub/strategies.h"
#include "hub_fixture.h"
#include "strategy/loader.h"

#define CHILDREN "c1 c2 c3 c4 c5 c6 c7 c8 c9"

static struct hubs hubs;

/* --- a strategy that is not everywhere ---------------------------------------- */

static int rare_open(void *self, struct phub_ctx *ctx,
                     const struct phub_host *host)
{
    (void)self;
    (void)ctx;
    (void)host;
    return 0;
}

static void rare_close(void *self)
{
    (void)self;
}

static int rare_factor(void *self, const struct phub_view *view,
                       uint32_t *factor)
{
    (void)self;
    (void)view;
    *factor = 1;
    return 0;
}

static int rare_plan(void *self, const struct phub_view *view,
                     const struct phub_bytes *child, const uint64_t *nodes,
                     uint32_t count, uint32_t *roles)
{
    uint32_t i;

    (void)self;
    (void)view;
    (void)child;
    (void)nodes;
    for (i = 0; i < count; i++)
        roles[i] = i == 0 ? PHUB_ROLE_ACTIVE : PHUB_ROLE_PASSIVE;
    return 0;
}

static const struct phub_redundancy_ops rare_ops = {
    .size = sizeof rare_ops,
    .open = rare_open,
    .close = rare_close,
    .factor = rare_factor,
    .plan = rare_plan,
};

PHUB_PLUGIN_DEFINE(rare, PHUB_KIND_REDUNDANCY,
    .version = "1.0",
    .license = "MIT",
    .summary = "linked into some nodes",
    .ops.redundancy = &rare_ops);

/* --- a strategy with one elector, by which others cannot go for a while ------- */

struct captain {
    struct phub_ctx *ctx;
    const struct phub_host *host;
};

static uint32_t captain;         /* the node */
static int reluctant;            /* the others, as soon as it counts */

static int captain_open(void *self_, struct phub_ctx *ctx,
                        const struct phub_host *host)
{
    struct captain *self = self_;

    self->ctx = ctx;
    self->host = host;
    return 0;
}

static int captain_judge(void *self, const struct phub_judge *judge,
                         uint32_t *verdict)
{
    (void)self;
    (void)judge;
    *verdict = PHUB_VERDICT_CONTINUE;
    return 0;
}

static int counts_at(uint64_t node)
{
    for (uint32_t i = 0; i < hubs.nodes; i++) {
        const struct phub__hub *hub = hubs_hub(&hubs, i);

        if (hub != NULL && hub->node == node)
            return phub__strategies_joint(hub) != NULL ||
                   strcmp(hub->strategies[PHUB_KIND_PARTITION]->name,
                          "captain") == 0;
    }
    return 0;
}

static int captain_electors(void *self_, const struct phub_view *view,
                            struct phub_elector *electors, uint32_t max,
                            uint32_t *count, uint64_t *version)
{
    struct captain *self = self_;
    uint64_t here = self->host->self(self->ctx);

    (void)view;
    (void)max;
    if (reluctant && here != hubs.ids[captain] && counts_at(here))
        return PHUB_EAGAIN;
    electors[0] = (struct phub_elector){ .size = sizeof electors[0],
                                         .node = hubs.ids[captain],
                                         .weight = 1 };
    *count = 1;
    *version = 1;
    return 0;
}

static const struct phub_partition_ops captain_ops = {
    .size = sizeof captain_ops,
    .instance_size = sizeof(struct captain),
    .open = captain_open,
    .close = rare_close,
    .judge = captain_judge,
    .electors = captain_electors,
};

PHUB_PLUGIN_DEFINE(captain, PHUB_KIND_PARTITION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_MAJORITY,
    .version = "1.0",
    .license = "MIT",
    .summary = "one node decides",
    .ops.partition = &captain_ops);

static uint32_t rare_nodes, captain_nodes;      /* bits: who has them */

static void made(struct hubs *all, uint32_t node, struct phub__hub *hub)
{
    (void)all;
    if (rare_nodes >> node & 1)
        ck_assert_int_eq(phub__loader_add(hub->loader,
                                          &phub_plugin_abi1_rare), 0);
    if (captain_nodes >> node & 1)
        ck_assert_int_eq(phub__loader_add(hub->loader,
                                          &phub_plugin_abi1_captain), 0);
}

/* --- asking ------------------------------------------------------------------- */

struct wish {
    uint32_t kind;
    const char *name, *param;
};

static struct hubs_result said;

static void wish_for(uint32_t node, uint32_t kind, const char *name,
                     const char *param)
{
    hubs_switch_send(&hubs, node, kind, name, param, &said);
}

static int answered(struct hubs *all, const void *none)
{
    (void)all;
    (void)none;
    return said.done != 0;
}

static int change(uint32_t node, uint32_t kind, const char *name,
                  const char *param)
{
    wish_for(node, kind, name, param);
    ck_assert(hubs_until(&hubs, HUBS_TIMEOUT_MS + 1000, answered, NULL));
    ck_assert_uint_eq(said.done, 1);
    return said.codes[0];
}

static const char *used(uint32_t node, uint32_t kind)
{
    return hubs_hub(&hubs, node)->strategies[kind]->name;
}

static int all_use(uint32_t kind, const char *name)
{
    for (uint32_t i = 0; i < hubs.nodes; i++)
        if (hubs_hub(&hubs, i) != NULL && strcmp(used(i, kind), name) != 0)
            return 0;
    return 1;
}

static uint32_t open_at(uint32_t node)
{
    uint32_t slot, count = 0;

    for (slot = 0; slot < PHUB__SLOTS; slot++)
        count += hubs_hub(&hubs, node)->host->slots[slot] != NULL;
    return count;
}

static void all_act(void)
{
    char id[3] = "c1";

    for (; id[1] <= '9'; id[1]++)
        ck_assert_msg(hubs_until(&hubs, 20000, hubs_acts, id), "%s", id);
}

static uint64_t seed = 21; /* of the ids of the nodes, too */

static void begin_with(const struct hubs *with, uint32_t count)
{
    hubs = *with;
    hubs_new(&hubs, count, "hotswap", seed);
    ck_assert_int_eq(hubs_start(&hubs, 0, CHILDREN, "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
}

static void begin(uint32_t count)
{
    begin_with(&(struct hubs){ .made = made }, count);
}

static uint32_t keeper(void)
{
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    uint64_t node = phub__view_keeper(phub__hub_view(hubs_hub(&hubs, 0)),
                                      phub__strategies_id(bytes));

    for (uint32_t i = 0; i < hubs.nodes; i++)
        if (hubs.ids[i] == node)
            return i;
    return HUBS_MAX;
}

/* --- claims ------------------------------------------------------------------- */

START_TEST(each_kind_is_changed_on_all_nodes_and_children_go_on)
{
    static const struct wish wishes[] = {
        { PHUB_KIND_MIGRATION, "coldswap", NULL },
        { PHUB_KIND_SYNC, "gossip", "fanout=2" },
        { PHUB_KIND_REDUNDANCY, "singularity", NULL },
        { PHUB_KIND_PARTITION, "majority_quorum", "initial_size=3" },
        { PHUB_KIND_DISTRIBUTION, "guided", "fallback=hash" } };
    struct phub__sim_child *child;
    uint32_t i;

    begin(3);
    child = hubs_child(&hubs, "c1");
    hubs_update(&hubs, "c1", 1, 10);
    for (i = 0; i < sizeof wishes / sizeof wishes[0]; i++) {
        ck_assert_msg(change(i % 3, wishes[i].kind, wishes[i].name,
                             wishes[i].param) == 0, "%s", said.text);
        ck_assert_ptr_nonnull(strstr(said.text, "on 3 nodes"));
        ck_assert(all_use(wishes[i].kind, wishes[i].name));
        if (wishes[i].kind != PHUB_KIND_DISTRIBUTION)
            ck_assert_ptr_eq(hubs_child(&hubs, "c1"), child);
    }
    hubs_run(&hubs, 20000);
    all_act();
    ck_assert_uint_eq(hubs_counter(&hubs, "c1"), 10);
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(those_that_were_left_are_closed_when_they_are_idle)
{
    begin(2);
    ck_assert_uint_eq(open_at(0), PHUB__KINDS - 1);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", NULL), 0);
    ck_assert_uint_eq(open_at(1), PHUB__KINDS);
    hubs_run(&hubs, 15000);
    ck_assert_uint_eq(open_at(0), PHUB__KINDS - 1);
    ck_assert_uint_eq(open_at(1), PHUB__KINDS - 1);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_move_ends_as_it_began)
{
    struct hubs_result moved;
    uint32_t home;

    begin(2);
    ck_assert_int_eq(hubs_start(&hubs, 0, "slow",
                                "sim state freeze slow-ready=2000"), 0);
    (void)hubs_acting(&hubs, "slow", &home);
    hubs_update(&hubs, "slow", 1, 5);
    hubs_move_send(&hubs, 0, "slow", 1 - home, &moved);
    hubs_run(&hubs, 500); /* its standby is starting */
    ck_assert_uint_eq(moved.done, 0);
    ck_assert_int_eq(change(0, PHUB_KIND_MIGRATION, "coldswap", NULL), 0);
    hubs_wait(&hubs, &moved);
    ck_assert_int_eq(moved.codes[0], 0);
    ck_assert_uint_eq(hubs_counter(&hubs, "slow"), 5);
    hubs_free(&hubs);
}
END_TEST

/* Who asks for the same as a move that the old strategy carries out waits for
 * what that one tells. */
START_TEST(who_asks_for_a_move_that_goes_on_is_answered)
{
    struct hubs_result moved, again;
    uint32_t home;

    begin(2);
    ck_assert_int_eq(hubs_start(&hubs, 0, "slow",
                                "sim state freeze slow-exec=1500"), 0);
    (void)hubs_acting(&hubs, "slow", &home);
    hubs_move_send(&hubs, 0, "slow", 1 - home, &moved);
    hubs_run(&hubs, 100); /* its standby is starting */
    wish_for(0, PHUB_KIND_MIGRATION, "coldswap", NULL);
    hubs_run(&hubs, 300);
    ck_assert_str_eq(used(home, PHUB_KIND_MIGRATION), "coldswap");
    ck_assert_uint_eq(moved.done, 0);
    hubs_move_send(&hubs, 0, "slow", 1 - home, &again);
    hubs_wait(&hubs, &again);
    ck_assert_int_eq(moved.codes[0], 0);
    ck_assert_msg(again.codes[0] == 0, "%d: %s", again.codes[0], again.text);
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_cannot_load_it_is_named_and_nothing_changes)
{
    rare_nodes = 3;
    begin(3);
    ck_assert_int_eq(change(0, PHUB_KIND_REDUNDANCY, "rare", NULL),
                     PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(said.text, "nothing was changed"));
    ck_assert_msg(strstr(said.text, "node 'c'") != NULL, "%s", said.text);
    ck_assert(all_use(PHUB_KIND_REDUNDANCY, "singularity"));
    hubs_run(&hubs, 65000); /* what was loaded beside is closed again */
    ck_assert_uint_eq(open_at(0), PHUB__KINDS - 1);
    ck_assert_uint_eq(open_at(1), PHUB__KINDS - 1);
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_comes_and_cannot_load_it_drains_itself)
{
    rare_nodes = 3;
    begin(2);
    ck_assert_int_eq(change(0, PHUB_KIND_REDUNDANCY, "rare", NULL), 0);
    (void)hubs_add(&hubs);
    hubs_run(&hubs, 20000);
    ck_assert_int_ne(hubs_hub(&hubs, 2)->draining, 0);
    ck_assert_str_eq(used(2, PHUB_KIND_REDUNDANCY), "singularity");
    ck_assert_uint_eq(phub__registry_home_count(hubs_hub(&hubs, 0)->registry,
                                                hubs.ids[2]), 0);
    all_act();
    hubs_free(&hubs);
}
END_TEST

START_TEST(mistakes_are_named)
{
    begin(2);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "nonsense", NULL),
                     PHUB_EPLUGIN);
    ck_assert_ptr_nonnull(strstr(said.text, "nonsense"));
    ck_assert_int_eq(change(1, PHUB_KIND_SYNC, "gossip", "fanout=0"),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(said.text, "fanout"));
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", "fanoot=2"),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(said.text, "fanout"));
    ck_assert_int_eq(change(1, PHUB_KIND_SYNC, "gossip", NULL), 0);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", NULL), 0);
    ck_assert_ptr_nonnull(strstr(said.text, "already"));
    hubs_free(&hubs);
}
END_TEST

START_TEST(strategies_that_contradict_each_other_are_refused)
{
    begin(3);
    ck_assert_msg(change(0, PHUB_KIND_DISTRIBUTION, "load_balancer",
                         NULL) == 0, "%s", said.text);
    ck_assert_int_eq(change(0, PHUB_KIND_REDUNDANCY, "replication", NULL),
                     PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(said.text, "load_balancer"));
    ck_assert(all_use(PHUB_KIND_REDUNDANCY, "singularity"));
    hubs_free(&hubs);
}
END_TEST

START_TEST(one_change_is_made_at_a_time)
{
    struct hubs_result first;

    begin(3);
    wish_for(keeper(), PHUB_KIND_PARTITION, "majority_quorum",
             "initial_size=9");
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(said.done, 0); /* waits for nine */
    first = said;
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", NULL), PHUB_EBUSY);
    ck_assert_uint_eq(first.done, 0);
    hubs_free(&hubs);
}
END_TEST

/* Children would end if it counted. */
START_TEST(a_partition_strategy_that_would_stop_the_hub_is_refused)
{
    struct phub__sim_child *child;

    begin(3);
    child = hubs_child(&hubs, "c1");
    ck_assert_int_eq(change(0, PHUB_KIND_PARTITION, "static_quorum",
                            "quorum_size=7"), PHUB_EREFUSED);
    ck_assert_ptr_nonnull(strstr(said.text, "would not let this node go on"));
    hubs_run(&hubs, 5000);
    ck_assert(all_use(PHUB_KIND_PARTITION, "divergence"));
    ck_assert_ptr_eq(hubs_child(&hubs, "c1"), child);
    hubs_free(&hubs);
}
END_TEST

START_TEST(who_was_away_goes_by_it_when_it_is_back)
{
    begin(3);
    phub__sim_node_kill(hubs_node(&hubs, 2));
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", NULL), 0);
    ck_assert_int_eq(change(0, PHUB_KIND_MIGRATION, "coldswap", NULL), 0);
    phub__sim_node_start(hubs_node(&hubs, 2));
    hubs_settle(&hubs);
    hubs_run(&hubs, 1000);
    ck_assert(all_use(PHUB_KIND_SYNC, "gossip"));
    ck_assert(all_use(PHUB_KIND_MIGRATION, "coldswap"));
    hubs_free(&hubs);
}
END_TEST

START_TEST(what_was_chosen_is_on_the_disk)
{
    begin(1);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", "fanout=2"), 0);
    ck_assert_int_eq(change(0, PHUB_KIND_PARTITION, "majority_quorum",
                            "initial_size=1"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_kill(hubs_node(&hubs, 0));
    hubs_run(&hubs, 1000);
    phub__sim_node_start(hubs_node(&hubs, 0));
    hubs_run(&hubs, 100);
    ck_assert_str_eq(used(0, PHUB_KIND_SYNC), "gossip");
    ck_assert_str_eq(used(0, PHUB_KIND_PARTITION), "majority_quorum");
    hubs_run(&hubs, 20000);
    ck_assert(phub__hub_may_run(hubs_hub(&hubs, 0)));
    hubs_free(&hubs);
}
END_TEST

static int gossip_everywhere(struct hubs *all, const void *none)
{
    (void)all;
    (void)none;
    return all_use(PHUB_KIND_MIGRATION, "coldswap");
}

/* The configuration of each is another one when it starts again. */
START_TEST(a_rolling_restart_with_another_configuration_changes_it)
{
    uint32_t i;

    begin(3);
    hubs.migration = "coldswap";
    for (i = 0; i < 3; i++) {
        ck_assert(!gossip_everywhere(&hubs, NULL));
        phub__sim_node_kill(hubs_node(&hubs, i));
        hubs_run(&hubs, 200);
        phub__sim_node_start(hubs_node(&hubs, i));
        hubs_settle(&hubs);
        if (i < 2) {
            hubs_run(&hubs, 12000);
            ck_assert_str_eq(used(i, PHUB_KIND_MIGRATION), "hotswap");
        }
    }
    ck_assert(hubs_until(&hubs, 12000, gossip_everywhere, NULL));
    all_act();
    hubs_free(&hubs);
}
END_TEST

/* Its keeper dies after every number of effects; whatever came of it, the hub
 * is of one mind, and can be changed again. */
START_TEST(the_keeper_may_die_at_any_moment)
{
    static const struct wish wishes[] = {
        { PHUB_KIND_SYNC, "gossip", NULL },
        { PHUB_KIND_PARTITION, "majority_quorum", "initial_size=3" } };
    const struct wish *wish = &wishes[_i % 2];
    uint32_t who, other;

    begin(3);
    who = keeper();
    other = (who + 1) % 3;
    wish_for(other, wish->kind, wish->name, wish->param);
    hubs_run(&hubs, (uint64_t)(_i / 2) * (_i % 2 != 0 ? 137 : 1));
    phub__sim_node_kill(hubs_node(&hubs, who));
    hubs_run(&hubs, 25000);
    ck_assert_uint_eq(said.done, 1);
    phub__sim_node_start(hubs_node(&hubs, who));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    ck_assert_msg(all_use(wish->kind, used(0, wish->kind)), "%s %s %s",
                  used(0, wish->kind), used(1, wish->kind),
                  used(2, wish->kind));
    ck_assert_msg(change(other, wish->kind, wish->name, wish->param) == 0,
                  "%s", said.text);
    all_act();
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

/* From a strategy by which both sides may go on to one by which one may, and
 * the cut comes at any moment of that: whoever is cut off from a hub that goes
 * by both does not go on alone. */
START_TEST(a_cut_while_both_count_stops_the_smaller_side)
{
    const uint32_t groups[HUBS_MAX] = { 0, 0, 1 };
    uint32_t i;

    begin_with(&(struct hubs){ .made = made,
                               .partition = "majority_quorum" }, 3);
    wish_for(0, PHUB_KIND_PARTITION, "keep_oldest", "initial_size=3");
    hubs_run(&hubs, 900 + 20 * (uint64_t)_i);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 30000);
    ck_assert_uint_eq(hubs.doubled, 0);
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 40000);
    ck_assert(all_use(PHUB_KIND_PARTITION, used(0, PHUB_KIND_PARTITION)));
    all_act();
    ck_assert_uint_eq(hubs.doubled, 0);
    for (i = 0; i < 3; i++) { /* and nobody thinks that it goes on */
        ck_assert_ptr_null(phub__strategies_joint(hubs_hub(&hubs, i)));
        ck_assert_msg(change(i, PHUB_KIND_SYNC,
                             i % 2 != 0 ? "pubsub" : "gossip", NULL) == 0,
                      "%s", said.text);
    }
    hubs_free(&hubs);
}
END_TEST

/* Two sides that both go on, each with a change of its own. */
static int goes_by_both(struct hubs *all, const void *arg)
{
    return phub__strategies_joint(hubs_hub(all, *(const uint32_t *)arg)) !=
           NULL;
}

static int has_lease(uint32_t node)
{
    const struct phub__hub *hub = hubs_hub(&hubs, node);

    return hub->lease_boot_ns > hub->env->boot_ns(hub->env);
}

/* The old strategy asks nobody, and the new one more than half. */
START_TEST(a_lease_takes_what_both_ask_for)
{
    const uint32_t groups[HUBS_MAX] = { 0, 0, 1 }, alone = 2;

    begin(3);
    wish_for(0, PHUB_KIND_PARTITION, "majority_quorum", "initial_size=3");
    ck_assert(hubs_until(&hubs, 3000, goes_by_both, &alone));
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 10000);
    ck_assert(goes_by_both(&hubs, &alone));
    ck_assert(!has_lease(alone));
    hubs_free(&hubs);
}
END_TEST

/* On three nodes the captain counts as well; the two others cannot go by it. */
static void begin_captain(const char *partition)
{
    captain_nodes = 7;
    begin_with(&(struct hubs){ .made = made, .partition = partition }, 3);
    hubs_run(&hubs, 5000);
    captain = keeper();
    reluctant = 1;
    wish_for(0, PHUB_KIND_PARTITION, "captain", NULL);
    ck_assert(hubs_until(&hubs, 3000, goes_by_both, &captain));
}

/* The old strategy gives the two others a lease, the new one gives it to one
 * node.  The others have both, but cannot go by the new one yet: should that
 * node go by it alone, both sides of a cut would go on. */
START_TEST(nobody_goes_by_the_new_one_alone_before_all_go_by_both)
{
    uint32_t groups[HUBS_MAX] = { 1, 1, 1 };

    begin_captain("majority_quorum");
    hubs_run(&hubs, 12000 + 1000 * (uint64_t)_i); /* and asked again */
    groups[captain] = 0;
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 20000);
    ck_assert_uint_eq(hubs.doubled, 0);
    ck_assert(goes_by_both(&hubs, &captain));
    ck_assert(!has_lease(captain));
    phub__world_heal_all(hubs.world);
    reluctant = 0;
    hubs_run(&hubs, 40000);
    ck_assert(all_use(PHUB_KIND_PARTITION, "captain"));
    all_act();
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

START_TEST(a_change_goes_on_when_all_have_electors_at_last)
{
    begin_captain("majority_quorum");
    hubs_run(&hubs, 90000);
    ck_assert(goes_by_both(&hubs, &captain));
    reluctant = 0;
    hubs_run(&hubs, 15000);
    ck_assert(all_use(PHUB_KIND_PARTITION, "captain"));
    all_act();
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}
END_TEST

/* Who had no electors by it goes on, too. */
START_TEST(what_one_that_comes_cannot_load_is_taken_back)
{
    begin_captain("divergence");
    (void)hubs_add(&hubs);
    hubs_run(&hubs, 60000);
    ck_assert(!goes_by_both(&hubs, &captain));
    ck_assert_int_eq(change(0, PHUB_KIND_MIGRATION, "coldswap", NULL), 0);
    ck_assert_str_eq(said.text, "migration is 'coldswap' on 4 nodes");
    hubs_free(&hubs);
}
END_TEST

START_TEST(after_a_split_all_go_by_one_set)
{
    const uint32_t groups[HUBS_MAX] = { 0, 0, 1, 1 };
    uint32_t kind, i;

    seed += (uint64_t)_i;
    begin(4);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 15000);
    ck_assert_int_eq(change(0, PHUB_KIND_MIGRATION, "coldswap", NULL), 0);
    ck_assert_int_eq(change(2, PHUB_KIND_SYNC, "gossip", NULL), 0);
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 30000);
    for (kind = 1; kind < PHUB__KINDS; kind++)
        for (i = 1; i < 4; i++)
            ck_assert_str_eq(used(i, kind), used(0, kind));
    ck_assert(strcmp(used(0, PHUB_KIND_MIGRATION), "coldswap") == 0 ||
              strcmp(used(0, PHUB_KIND_SYNC), "gossip") == 0);
    all_act();
    hubs_free(&hubs);
}
END_TEST

/* The same kind, at one moment, with the same number of epochs before. */
START_TEST(two_sides_that_choose_at_once_do_not_stay_two)
{
    const uint32_t groups[HUBS_MAX] = { 0, 0, 1, 1 };
    struct hubs_result other;
    uint32_t i;

    seed += (uint64_t)_i;
    begin(4);
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 15000);
    hubs_switch_send(&hubs, 2, PHUB_KIND_SYNC, "gossip", "fanout=2", &other);
    wish_for(0, PHUB_KIND_SYNC, "gossip", "fanout=5");
    hubs_run(&hubs, 5000);
    ck_assert_int_eq(said.codes[0], 0);
    ck_assert_int_eq(other.codes[0], 0);
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 30000);
    for (i = 1; i < 4; i++)
        ck_assert_uint_eq(
            hubs_hub(&hubs, i)->strategies[PHUB_KIND_SYNC]->digest,
            hubs_hub(&hubs, 0)->strategies[PHUB_KIND_SYNC]->digest);
    hubs_free(&hubs);
}
END_TEST

static void send_nonsense(struct phub__hub *hub, void *arg)
{
    static const struct phub__choice choices[] = {
        { .kind = 0, .name = { (const uint8_t *)"x", 1 } },
        { .kind = 1, .name = { (const uint8_t *)"x", 0 } },
        { .kind = 3, .generation = UINT64_MAX,
          .name = { (const uint8_t *)"gossip", 6 } } };
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    uint32_t step, i;

    for (step = 0; step < 6; step++)
        for (i = 0; i < 3; i++) {
            struct phub__request *request = phub__request_new(
                hub, step == 5 ? PHUB__OP_SWITCH : PHUB__OP_LOAD, 1, 1000);
            struct phub__builder builder;

            phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
            (void)phub__encode(&phub__choice_schema, &choices[i], &builder);
            request->items[0].op.id =
                phub__request_copy(request, phub__strategies_id(bytes));
            request->items[0].op.spec = phub__request_copy(
                request, (struct phub_bytes){ builder.data, builder.size });
            request->items[0].op.flags = step;
            request->items[0].op.target = hubs.ids[1];
            phub__builder_fini(&builder);
            phub__request_send(request, hubs_done, arg);
        }
}

/* As a member would send it that is broken, or older, or newer. */
START_TEST(what_is_no_choice_changes_nothing)
{
    struct hubs_result result = { 0 };

    begin(2);
    hubs_do(&hubs, 0, send_nonsense, &result);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(result.done, 18);
    ck_assert(all_use(PHUB_KIND_SYNC, "pubsub"));
    ck_assert_uint_eq(open_at(1), PHUB__KINDS - 1);
    ck_assert_int_eq(change(0, PHUB_KIND_SYNC, "gossip", NULL), 0);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("switch");
    TCase *tc = tcase_create("switch");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 300);
    tcase_add_test(tc, each_kind_is_changed_on_all_nodes_and_children_go_on);
    tcase_add_test(tc, those_that_were_left_are_closed_when_they_are_idle);
    tcase_add_test(tc, a_move_ends_as_it_began);
    tcase_add_test(tc, who_asks_for_a_move_that_goes_on_is_answered);
    tcase_add_test(tc, who_cannot_load_it_is_named_and_nothing_changes);
    tcase_add_test(tc, who_comes_and_cannot_load_it_drains_itself);
    tcase_add_test(tc, mistakes_are_named);
    tcase_add_test(tc, strategies_that_contradict_each_other_are_refused);
    tcase_add_test(tc, one_change_is_made_at_a_time);
    tcase_add_test(tc,
                   a_partition_strategy_that_would_stop_the_hub_is_refused);
    tcase_add_test(tc, who_was_away_goes_by_it_when_it_is_back);
    tcase_add_test(tc, what_was_chosen_is_on_the_disk);
    tcase_add_test(tc, a_rolling_restart_with_another_configuration_changes_it);
    tcase_add_loop_test(tc, the_keeper_may_die_at_any_moment, 0, 20);
    tcase_add_loop_test(tc, a_cut_while_both_count_stops_the_smaller_side, 0,
                        20);
    tcase_add_test(tc, a_lease_takes_what_both_ask_for);
    tcase_add_loop_test(
        tc, nobody_goes_by_the_new_one_alone_before_all_go_by_both, 0, 3);
    tcase_add_test(tc, a_change_goes_on_when_all_have_electors_at_last);
    tcase_add_test(tc, what_one_that_comes_cannot_load_is_taken_back);
    tcase_add_loop_test(tc, after_a_split_all_go_by_one_set, 0, 8);
    tcase_add_loop_test(tc, two_sides_that_choose_at_once_do_not_stay_two, 0,
                        8);
    tcase_add_test(tc, what_is_no_choice_changes_nothing);
    suite_add_tcase(s, tc);
    runner = srunner_create(s);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
