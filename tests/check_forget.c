/* SPDX-License-Identifier: MIT */
/* check_forget: nodes that are gone for good, and what of them comes back. */
#include "config.h"

#include "hub/rows.h"
#include "hub/synced.h"
#include "serve_fixture.h"

enum { NODE_A, NODE_B, NODE_C };

static char text_of_id[24];

/* --- what is said, and what is known ---------------------------------------- */

static const char *id_of(uint32_t node)
{
    snprintf(text_of_id, sizeof text_of_id, "%016llx",
             (unsigned long long)hubs.ids[node]);
    return text_of_id;
}

static int forget(const char *name)
{
    return ask("forget", "", name);
}

static int says(const char *words)
{
    return strstr(client.text, words) != NULL;
}

static int has_forgotten(uint32_t node, uint64_t id)
{
    return phub__registry_is_forgotten(hubs_hub(&hubs, node)->registry, id);
}

static int knows(uint32_t node, uint64_t id)
{
    return phub__registry_is_known(hubs_hub(&hubs, node)->registry, id);
}

static uint32_t members(uint32_t node)
{
    return phub__view_count(phub__hub_view(hubs_hub(&hubs, node)));
}

static uint32_t table_size(uint32_t node)
{
    return phub__cluster_member_count(hubs_hub(&hubs, node)->cluster);
}

static int live(uint32_t node, const char *id)
{
    struct phub__row_facts row;

    phub__row_facts(hubs_hub(&hubs, node), hubs_bytes(id), &row);
    return row.live;
}

static uint64_t records_kept(uint32_t node)
{
    struct phub__registry_counts counts;

    phub__registry_counts(hubs_hub(&hubs, node)->registry, &counts);
    return counts.records_kept;
}

static int is_refused(struct hubs *all, const void *node)
{
    const struct phub__hub *hub = hubs_hub(all, *(const uint32_t *)node);

    return strstr(phub__cluster_refusal(hub->cluster), "was forgotten; empty "
                  "its state directory, it then joins as new") != NULL;
}

static int has_stopped(struct hubs *all, const void *node)
{
    return hubs_hub(all, *(const uint32_t *)node)->verdict ==
           PHUB_VERDICT_STOP;
}

/* Those that run have all forgotten it. */
static int all_have_forgotten(struct hubs *all, const void *id)
{
    uint32_t i;

    for (i = 0; i < all->nodes; i++)
        if (hubs_hub(all, i) != NULL &&
            !has_forgotten(i, *(const uint64_t *)id))
            return 0;
    return 1;
}

static int a_has_members(struct hubs *all, const void *count)
{
    (void)all;
    return members(NODE_A) == *(const uint32_t *)count;
}

/* --- what is done ------------------------------------------------------------- */

static void off(uint32_t node)
{
    phub__sim_node_power_off(hubs_node(&hubs, node));
}

static void on(uint32_t node)
{
    phub__sim_node_start(hubs_node(&hubs, node));
}

static void cut_off(uint32_t node)
{
    uint32_t groups[HUBS_MAX] = { 0 };

    groups[node] = 1;
    phub__world_partition(hubs.world, groups, 0);
}

/* c is off, and has been missed. */
static uint64_t lose_c(void)
{
    uint64_t id = hubs.ids[NODE_C];

    off(NODE_C);
    hubs_settle(&hubs);
    return id;
}

static void forget_c(void)
{
    uint64_t id = lose_c();

    ck_assert_int_eq(forget("c"), 0);
    ck_assert(says("node 'c' is forgotten"));
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
}

static void on_stopped(void *arg)
{
    phub__sim_node_exit(arg);
}

static void stop(struct phub__hub *hub, void *arg)
{
    phub__hub_stop(hub, 20000, on_stopped, arg);
}

static int is_off(struct hubs *all, const void *node)
{
    return hubs_hub(all, *(const uint32_t *)node) == NULL;
}

/* It says goodbye. */
static void leave(uint32_t node)
{
    hubs_do(&hubs, node, stop, hubs_node(&hubs, node));
    ck_assert(hubs_until(&hubs, 60000, is_off, &node));
}

/* --- the order ------------------------------------------------------------------ */

START_TEST(a_member_is_not_forgotten)
{
    ck_assert_int_eq(forget("b"), PHUB_EREFUSED);
    ck_assert(says("node 'b': it is a member; drain it or stop its daemon "
                   "first"));
    ck_assert_int_eq(forget("a"), PHUB_EREFUSED);
    ck_assert_int_eq(forget(id_of(NODE_B)), PHUB_EREFUSED);
    ck_assert(says("it is a member"));
    hubs_settle(&hubs);
    ck_assert(knows(NODE_A, hubs.ids[NODE_B]));
}
END_TEST

START_TEST(who_is_not_known_is_not_forgotten)
{
    char name[300];

    ck_assert_int_eq(forget("z"), PHUB_ENOTFOUND);
    ck_assert(says("phub nodes shows"));
    ck_assert_int_eq(forget("00000000000000ff"), PHUB_ENOTFOUND);
    ck_assert_int_eq(forget("0000000000000000"), PHUB_ENOTFOUND);
    ck_assert_int_eq(forget(""), PHUB_ENOTFOUND);
    memset(name, 'x', 255);
    name[255] = '\0';
    ck_assert_int_eq(forget(name), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(all_forget_one_that_is_gone_and_it_is_listed_no_more)
{
    uint64_t id = lose_c();

    ck_assert_int_eq(ask("nodes", "", ""), 0);
    ck_assert_uint_eq(client.records, 3);
    ck_assert_int_eq(forget("c"), 0);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
    ck_assert(!knows(NODE_A, id) && !knows(NODE_B, id));
    ck_assert_int_eq(ask("nodes", "", ""), 0);
    ck_assert_uint_eq(client.records, 2);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(table_size(NODE_A), 2);
    ck_assert_uint_eq(table_size(NODE_B), 2);
}
END_TEST

/* One that has not heard of it yet goes on saying that it lives. */
static void forget_now(struct phub__hub *hub, void *id)
{
    ck_assert_int_eq(phub__registry_node_forget(hub->registry,
                                                *(uint64_t *)id), 0);
    phub__cluster_forget(hub->cluster, *(uint64_t *)id,
                         hub->env->boot_ns(hub->env));
    phub__hub_arm_cluster(hub);
}

START_TEST(nobody_is_believed_that_a_forgotten_one_lives)
{
    uint64_t id = hubs.ids[NODE_C];
    uint32_t i;

    hubs_do(&hubs, NODE_A, forget_now, &id);
    ck_assert_uint_eq(members(NODE_A), 2);
    for (i = 0; i < 600; i++) {
        hubs_run(&hubs, 100);
        ck_assert_uint_eq(members(NODE_A), 2);
        ck_assert_uint_eq(members(NODE_B), 3);
    }
    ck_assert_uint_eq(table_size(NODE_A), 2);
}
END_TEST

/* Its guard may still have something, whose place must not be given away. */
START_TEST(one_is_forgotten_when_its_lease_is_over)
{
    uint64_t id = hubs.ids[NODE_B];
    uint32_t two = 2;

    off(NODE_B);
    ck_assert(hubs_until(&hubs, 10000, a_has_members, &two));
    ck_assert(phub__synced_lease_left(hubs_hub(&hubs, NODE_A), id));
    ck_assert_int_eq(forget("b"), 0);
    ck_assert(!phub__synced_lease_left(hubs_hub(&hubs, NODE_A), id));
    ck_assert(!phub__synced_lease_left(hubs_hub(&hubs, NODE_C), id));
}
END_TEST

START_TEST(who_does_not_wait_for_the_lease_is_told_of_it)
{
    struct question q = { .verb = hubs_bytes("forget"),
                          .node = hubs_bytes("c"), .timeout_ms = 50 };
    uint64_t id = hubs.ids[NODE_C];
    uint32_t two = 2;

    off(NODE_C);
    ck_assert(hubs_until(&hubs, 10000, a_has_members, &two));
    ck_assert_int_eq(asked(&q), PHUB_ETIMEDOUT);
    ck_assert(says("its lease has not run out yet"));
    ck_assert(!has_forgotten(NODE_A, id) && !has_forgotten(NODE_B, id));
    hubs_settle(&hubs);
    ck_assert_int_eq(forget("c"), 0);
}
END_TEST

START_TEST(what_was_lost_with_it_is_not_remembered)
{
    uint64_t id = hubs.ids[NODE_C];

    forget_c();
    hubs_run(&hubs, 30000);
    ck_assert(!phub__synced_is_lost(hubs_hub(&hubs, NODE_A), id));
    ck_assert(!phub__synced_is_lost(hubs_hub(&hubs, NODE_B), id));
}
END_TEST

START_TEST(forgetting_twice_is_done_already)
{
    uint64_t id = hubs.ids[NODE_C];

    forget_c();
    ck_assert_int_eq(forget("c"), 0);
    ck_assert(says("node 'c' was forgotten already"));
    hubs.ids[NODE_C] = id;
    ck_assert_int_eq(forget(id_of(NODE_C)), 0);
    ck_assert(says("already"));
}
END_TEST

START_TEST(one_that_left_with_a_goodbye_is_forgotten_like_one_that_was_lost)
{
    uint64_t id = hubs.ids[NODE_C];

    leave(NODE_C);
    ck_assert_int_eq(forget("c"), 0);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
}
END_TEST

START_TEST(one_whose_name_nobody_remembers_is_forgotten_by_its_id)
{
    uint64_t id;

    ck_assert_int_eq(hubs_start(&hubs, NODE_A, "d", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    id = lose_c();
    off(NODE_A);
    off(NODE_B);
    hubs_run(&hubs, 100);
    on(NODE_A);
    on(NODE_B);
    hubs_settle(&hubs);
    ck_assert_int_eq(forget("c"), PHUB_ENOTFOUND);
    ck_assert_int_eq(ask("nodes", "", ""), 0);
    ck_assert_uint_eq(client.records, 3);
    ck_assert_str_eq(client.first[2].state, "away");
    hubs.ids[NODE_C] = id;
    ck_assert_str_eq(client.first[2].node, id_of(NODE_C));
    ck_assert_int_eq(forget(id_of(NODE_C)), 0);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
}
END_TEST

START_TEST(of_two_that_had_the_name_one_is_named_by_its_id)
{
    uint64_t first = lose_c(), second;

    phub__sim_node_wipe(hubs_node(&hubs, NODE_C));
    on(NODE_C);
    hubs_settle(&hubs);
    ck_assert_int_eq(forget("c"), PHUB_EREFUSED);
    ck_assert(says("earlier ones of that name: "));
    second = lose_c();
    ck_assert_uint_ne(first, second);
    ck_assert_int_eq(forget("c"), PHUB_EINVAL);
    ck_assert(says("2 of that name are gone; name one by its id: "));
    hubs.ids[NODE_C] = first;
    ck_assert_int_eq(forget(id_of(NODE_C)), 0);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &first));
    ck_assert(!has_forgotten(NODE_A, second));
    ck_assert_int_eq(forget("c"), 0);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &second));
}
END_TEST

/* --- who did not hear of it ------------------------------------------------------- */

START_TEST(one_that_is_cut_off_forgets_when_it_is_back)
{
    uint64_t id = lose_c();

    cut_off(NODE_B);
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(forget("c"), 0);
    ck_assert(has_forgotten(NODE_A, id));
    hubs_run(&hubs, 10000);
    ck_assert(knows(NODE_B, id) && !has_forgotten(NODE_B, id));
    phub__world_heal_all(hubs.world);
    hubs_settle(&hubs);
    ck_assert(hubs_until(&hubs, 10000, all_have_forgotten, &id));
    ck_assert(!knows(NODE_A, id) && !knows(NODE_B, id));
}
END_TEST

/* It lives on, on the side of one that did not hear: out it goes. */
START_TEST(one_that_was_forgotten_by_mistake_ends_what_it_runs)
{
    uint64_t id = hubs.ids[NODE_C];
    uint32_t groups[HUBS_MAX] = { 0, 1, 1 }, node = NODE_C, home, i;
    char name[8];

    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_int_eq(hubs_start(&hubs, NODE_A, name, "sim"), 0);
    }
    phub__world_partition(hubs.world, groups, 0);
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(forget("c"), 0);
    hubs_run(&hubs, 5000);
    phub__world_heal_all(hubs.world);
    ck_assert(hubs_until(&hubs, 60000, has_stopped, &node));
    hubs_run(&hubs, 40000);
    ck_assert(has_forgotten(NODE_A, id) && has_forgotten(NODE_B, id));
    ck_assert_uint_eq(members(NODE_A), 2);
    ck_assert_uint_eq(members(NODE_B), 2);
    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_uint_eq(hubs_acting(&hubs, name, &home), 1);
        ck_assert_uint_ne(home, NODE_C);
    }
}
END_TEST

static void b_forgets_a(void)
{
    struct question q = { .verb = hubs_bytes("forget"),
                          .node = hubs_bytes("a"), .reference = 4711 };
    struct phub__builder builder;
    struct phub_bytes frame;

    new_client();
    encode(&q, &builder);
    frame = phub__builder_bytes(&builder);
    hubs_do(&hubs, NODE_B, give, &frame);
    phub__builder_fini(&builder);
    hubs_run(&hubs, 5000);
    ck_assert_uint_eq(client.last, 1);
    ck_assert_int_eq(client.code, 0);
}

START_TEST(two_sides_that_forgot_each_other_go_on_apart)
{
    uint64_t b = hubs.ids[NODE_B];

    off(NODE_C);
    hubs_settle(&hubs);
    cut_off(NODE_B);
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(forget("b"), 0);
    ck_assert(has_forgotten(NODE_A, b));
    b_forgets_a();
    phub__world_heal_all(hubs.world);
    hubs_run(&hubs, 60000);
    ck_assert(!hubs_hub(&hubs, NODE_A)->forgotten);
    ck_assert(!hubs_hub(&hubs, NODE_B)->forgotten);
    ck_assert_uint_eq(members(NODE_A), 1);
}
END_TEST

START_TEST(all_remember_it_after_all_lost_power)
{
    uint64_t id = hubs.ids[NODE_C];

    forget_c();
    off(NODE_A);
    off(NODE_B);
    hubs_run(&hubs, 100);
    on(NODE_A);
    on(NODE_B);
    hubs_settle(&hubs);
    ck_assert(has_forgotten(NODE_A, id) && has_forgotten(NODE_B, id));
    ck_assert(!knows(NODE_A, id) && !knows(NODE_B, id));
    ck_assert(!hubs_hub(&hubs, NODE_A)->lonely);
    ck_assert(!hubs_hub(&hubs, NODE_B)->lonely);
}
END_TEST

START_TEST(the_answer_is_worth_a_power_cut)
{
    uint64_t id = lose_c();

    ck_assert_int_eq(forget("c"), 0);
    off(NODE_A);
    off(NODE_B);
    hubs_run(&hubs, 100);
    on(NODE_A);
    on(NODE_B);
    hubs_settle(&hubs);
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
}
END_TEST

START_TEST(one_that_joins_later_hears_of_it)
{
    uint64_t id = hubs.ids[NODE_C];
    uint32_t d;

    forget_c();
    d = hubs_add(&hubs);
    hubs_settle(&hubs);
    ck_assert(has_forgotten(d, id));
    ck_assert(!knows(d, id));
}
END_TEST

/* --- who comes back ----------------------------------------------------------- */

/* A durable child whose stop c did not hear of is on its disk. */
static void a_stop_that_c_did_not_hear(void)
{
    ck_assert_int_eq(hubs_start(&hubs, NODE_A, "d", "sim durable"), 0);
    hubs_run(&hubs, 2000);
    ck_assert(live(NODE_C, "d"));
    (void)lose_c();
    ck_assert_int_eq(hubs_stop(&hubs, NODE_A, "d"), 0);
    hubs_run(&hubs, 30000);
    ck_assert_uint_gt(records_kept(NODE_A), 0);
}

START_TEST(a_stop_waits_for_nobody_that_was_forgotten)
{
    a_stop_that_c_did_not_hear();
    ck_assert_int_eq(forget("c"), 0);
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(records_kept(NODE_A), 0);
    ck_assert_uint_eq(records_kept(NODE_B), 0);
}
END_TEST

START_TEST(one_that_returns_with_its_old_rows_is_refused_and_runs_nothing)
{
    uint32_t node = NODE_C;

    a_stop_that_c_did_not_hear();
    ck_assert_int_eq(forget("c"), 0);
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(records_kept(NODE_A), 0); /* nobody knows of the stop */
    on(NODE_C);
    ck_assert(hubs_until(&hubs, 10000, is_refused, &node));
    hubs_run(&hubs, 120000);
    ck_assert_int_eq(hubs_hub(&hubs, NODE_C)->verdict, PHUB_VERDICT_STOP);
    ck_assert(live(NODE_C, "d")); /* so it would start there */
    ck_assert(hubs_is_gone(&hubs, "d"));
    ck_assert(!live(NODE_A, "d") && !live(NODE_B, "d"));
    ck_assert_uint_eq(members(NODE_A), 2);
    /* and it says so to whoever asks it */
    ck_assert_int_eq(hubs_start(&hubs, NODE_C, "e", "sim"),
                     PHUB_EFORGOTTEN);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "empty its state"));
}
END_TEST

static void without_seeds(struct hubs *all, uint32_t node,
                          struct phub__hub *hub)
{
    (void)all;
    (void)node;
    hub->options.seeds_count = 0;
}

/* a is the seed of the others and has none itself: nobody but those who look
 * for their seed there can tell it. */
START_TEST(one_without_seeds_is_told_by_whom_it_is_the_seed_of)
{
    static const uint32_t a = NODE_A;
    uint64_t id = hubs.ids[NODE_A];

    ck_assert_int_eq(hubs_start(&hubs, NODE_B, "c d e", "sim durable"), 0);
    off(NODE_A);
    hubs_settle(&hubs);
    b_forgets_a();
    ck_assert(hubs_until(&hubs, 5000, all_have_forgotten, &id));
    hubs.made = without_seeds;
    on(NODE_A);
    ck_assert(hubs_until(&hubs, 60000, has_stopped, &a));
    ck_assert(hubs_hub(&hubs, NODE_A)->forgotten);
    hubs_run(&hubs, 5000);
    ck_assert(hubs_acts(&hubs, "c"));
    ck_assert_uint_eq(hubs.doubled, 0);
}
END_TEST

START_TEST(one_that_returns_empty_joins_as_new)
{
    uint64_t id = hubs.ids[NODE_C];

    a_stop_that_c_did_not_hear();
    ck_assert_int_eq(forget("c"), 0);
    hubs_run(&hubs, 5000);
    phub__sim_node_wipe(hubs_node(&hubs, NODE_C));
    on(NODE_C);
    hubs_settle(&hubs);
    ck_assert_uint_ne(hubs.ids[NODE_C], id);
    ck_assert_uint_eq(members(NODE_A), 3);
    ck_assert(has_forgotten(NODE_C, id));
    ck_assert(!live(NODE_C, "d"));
    ck_assert_int_eq(hubs_start(&hubs, NODE_C, "e", "sim"), 0);
}
END_TEST

/* What it ordered, and nobody has changed since, is not its alone. */
START_TEST(what_it_wrote_lives_on)
{
    char name[8];
    uint32_t i;

    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_int_eq(hubs_start(&hubs, NODE_C, name, "sim durable"), 0);
    }
    forget_c();
    hubs_run(&hubs, 20000);
    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert(live(NODE_A, name) && live(NODE_B, name));
        ck_assert_uint_eq(hubs_acting(&hubs, name, NULL), 1);
    }
    ck_assert_int_eq(hubs_stop(&hubs, NODE_A, "d3"), 0);
    off(NODE_A);
    off(NODE_B);
    hubs_run(&hubs, 100);
    on(NODE_A);
    on(NODE_B);
    hubs_settle(&hubs);
    hubs_run(&hubs, 20000);
    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_uint_eq(hubs_acting(&hubs, name, NULL), i == 3 ? 0 : 1);
    }
    ck_assert_uint_eq(hubs.doubled, 0);
}
END_TEST

START_TEST(its_instances_are_void)
{
    struct phub__registry *registry;
    char name[8];
    uint64_t id = hubs.ids[NODE_C];
    uint32_t i;

    for (i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "d%u", i);
        ck_assert_int_eq(hubs_start(&hubs, NODE_A, name, "sim"), 0);
    }
    hubs_run(&hubs, 1000);
    registry = hubs_hub(&hubs, NODE_A)->registry;
    ck_assert_uint_gt(phub__registry_instance_count(registry, id), 0);
    forget_c();
    ck_assert_uint_eq(phub__registry_instance_count(registry, id), 0);
    ck_assert_uint_eq(phub__registry_instance_count(
                          hubs_hub(&hubs, NODE_B)->registry, id), 0);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(phub__registry_digest(registry),
                      phub__registry_digest(hubs_hub(&hubs, NODE_B)->registry));
}
END_TEST

/* --- majorities ----------------------------------------------------------------- */

static void majority_setup(void)
{
    static const char *const params[] = { "initial_size=5" };

    memset(&hubs, 0, sizeof hubs);
    hubs.partition = "majority_quorum";
    hubs.partition_params = params;
    hubs.partition_params_count = 1;
    hubs_new(&hubs, 5, "coldswap", 7);
}

static void majority_teardown(void)
{
    hubs_free(&hubs);
    hubs.partition = NULL;
    hubs.partition_params_count = 0;
}

/* Two of five that are lost leave a majority; a third does not, unless the two
 * were forgotten before. */
START_TEST(one_that_is_forgotten_is_counted_no_more)
{
    phub__sim_node_power_off(hubs_node(&hubs, 4));
    phub__sim_node_power_off(hubs_node(&hubs, 3));
    hubs_settle(&hubs);
    ck_assert_int_eq(forget("d"), 0);
    ck_assert_int_eq(forget("e"), 0);
    hubs_run(&hubs, 20000);
    (void)lose_c();
    hubs_run(&hubs, 20000);
    ck_assert_int_eq(hubs_hub(&hubs, NODE_A)->verdict, PHUB_VERDICT_CONTINUE);
    ck_assert_int_eq(hubs_start(&hubs, NODE_A, "x", "sim"), 0);
}
END_TEST

START_TEST(a_minority_forgets_nobody)
{
    uint64_t id = hubs.ids[NODE_C];

    cut_off(NODE_A);
    hubs_run(&hubs, 20000);
    ck_assert_int_ne(forget("c"), 0);
    hubs_run(&hubs, 1000);
    ck_assert(!has_forgotten(NODE_A, id));
    phub__world_heal_all(hubs.world);
    hubs_settle(&hubs);
    ck_assert(knows(NODE_A, id) && knows(NODE_B, id));
}
END_TEST

/* --- limits ----------------------------------------------------------------------- */

static void know_many(struct phub__hub *hub, void *arg)
{
    uint64_t node;

    (void)arg;
    for (node = 1;
         phub__registry_node_seen(hub->registry, node) != PHUB_ELIMIT; node++)
        ;
}

static int hub_is_full(struct hubs *all, const void *node)
{
    const struct phub__hub *hub = hubs_hub(all, *(const uint32_t *)node);

    return strstr(phub__cluster_refusal(hub->cluster),
                  "knows as many nodes as it can") != NULL &&
           strstr(phub__cluster_refusal(hub->cluster), "phub forget") != NULL;
}

START_TEST(a_hub_that_knows_too_many_lets_nobody_new_in)
{
    uint32_t d;

    hubs_do(&hubs, NODE_A, know_many, NULL);
    hubs_run(&hubs, 10000); /* the others hear of them */
    d = hubs_add(&hubs);
    ck_assert(hubs_until(&hubs, 10000, hub_is_full, &d));
    ck_assert_uint_eq(members(NODE_A), 3);
    ck_assert_int_eq(forget("0000000000000005"), 0);
    hubs_settle(&hubs);
    ck_assert_uint_eq(members(NODE_A), 4);
    ck_assert(has_forgotten(d, 5));
}
END_TEST

static void forget_many(struct phub__hub *hub, void *arg)
{
    uint64_t node;

    (void)arg;
    for (node = 1; node <= PHUB__NODES_FORGOTTEN_MAX; node++)
        ck_assert_int_eq(phub__registry_node_forget(hub->registry, node), 0);
}

START_TEST(so_many_can_be_forgotten)
{
    uint32_t i;

    for (i = NODE_A; i <= NODE_B; i++) /* whoever is the keeper */
        hubs_do(&hubs, i, forget_many, NULL);
    (void)lose_c();
    ck_assert_int_eq(forget("c"), PHUB_ELIMIT);
    ck_assert(says("as many nodes as can be"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("forget");
    TCase *tc = tcase_create("forget"), *majority = tcase_create("majority");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_member_is_not_forgotten);
    tcase_add_test(tc, who_is_not_known_is_not_forgotten);
    tcase_add_test(tc, all_forget_one_that_is_gone_and_it_is_listed_no_more);
    tcase_add_test(tc, nobody_is_believed_that_a_forgotten_one_lives);
    tcase_add_test(tc, one_is_forgotten_when_its_lease_is_over);
    tcase_add_test(tc, who_does_not_wait_for_the_lease_is_told_of_it);
    tcase_add_test(tc, what_was_lost_with_it_is_not_remembered);
    tcase_add_test(tc, forgetting_twice_is_done_already);
    tcase_add_test(tc,
        one_that_left_with_a_goodbye_is_forgotten_like_one_that_was_lost);
    tcase_add_test(tc, one_whose_name_nobody_remembers_is_forgotten_by_its_id);
    tcase_add_test(tc, of_two_that_had_the_name_one_is_named_by_its_id);
    tcase_add_test(tc, one_that_is_cut_off_forgets_when_it_is_back);
    tcase_add_test(tc, one_that_was_forgotten_by_mistake_ends_what_it_runs);
    tcase_add_test(tc, two_sides_that_forgot_each_other_go_on_apart);
    tcase_add_test(tc, all_remember_it_after_all_lost_power);
    tcase_add_test(tc, the_answer_is_worth_a_power_cut);
    tcase_add_test(tc, one_that_joins_later_hears_of_it);
    tcase_add_test(tc, a_stop_waits_for_nobody_that_was_forgotten);
    tcase_add_test(tc,
        one_that_returns_with_its_old_rows_is_refused_and_runs_nothing);
    tcase_add_test(tc, one_without_seeds_is_told_by_whom_it_is_the_seed_of);
    tcase_add_test(tc, one_that_returns_empty_joins_as_new);
    tcase_add_test(tc, what_it_wrote_lives_on);
    tcase_add_test(tc, its_instances_are_void);
    tcase_add_test(tc, a_hub_that_knows_too_many_lets_nobody_new_in);
    tcase_add_test(tc, so_many_can_be_forgotten);
    suite_add_tcase(suite, tc);
    tcase_set_timeout(majority, 60);
    tcase_add_checked_fixture(majority, majority_setup, majority_teardown);
    tcase_add_test(majority, one_that_is_forgotten_is_counted_no_more);
    tcase_add_test(majority, a_minority_forgets_nobody);
    suite_add_tcase(suite, majority);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
