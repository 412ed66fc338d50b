/* SPDX-License-Identifier: MIT */
/* check_hub: a hub is made whole or not at all, and says what is wrong. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "env/sim/world.h"
#include "hub/hub.h"
#include "wire/memory.h"

struct made {
    struct phub__hub_options options;
    uint64_t nth;               /* allocation that fails; 0: none */
    int rc, start_rc, failed;
    char error[512];
    int keep;                   /* run on with it */
};

static struct phub__world *world;
static struct phub__sim_node *node;
static struct made made;

static void *daemon_start(void *arg, struct phub__sim_node *self,
                          struct phub_env *env)
{
    struct phub__hub *hub = NULL;

    (void)arg;
    (void)self;
    made.error[0] = '\0';
    phub__memory_fail(made.nth);
    made.rc = phub__hub_new(env, &made.options, &hub, made.error,
                            sizeof made.error);
    made.start_rc = made.rc != 0 ? made.rc
                                 : phub__hub_start(hub, made.error,
                                                   sizeof made.error);
    made.failed = phub__memory_failed();
    phub__memory_fail(0);
    if (made.rc != 0)
        ck_assert_ptr_null(hub);
    if (made.start_rc == 0 && made.keep)
        return hub;
    phub__hub_free(&hub);
    return NULL;
}

static void daemon_end(void *arg, struct phub__sim_node *self, void *hub)
{
    struct phub__hub *h = hub;

    (void)arg;
    (void)self;
    phub__hub_free(&h);
}

static void setup(void)
{
    static const struct phub__sim_program program = { daemon_start,
                                                      daemon_end, NULL };
    struct phub__world_options options;

    memset(&made, 0, sizeof made);
    made.options = (struct phub__hub_options){
        .hub_id = "check", .name = "a", .listen = "tcp://a:7000",
        .weight = 1000, .drain_timeout_ms = 1000,
        .plugin_path = getenv("PHUB_PLUGIN_PATH") };
    if (made.options.plugin_path == NULL)
        made.options.plugin_path = "plugins/.libs";
    phub__cluster_params_init(&made.options.cluster);
    made.options.strategies[PHUB_KIND_DISTRIBUTION].name = "consistent_hash";
    made.options.strategies[PHUB_KIND_REDUNDANCY].name = "singularity";
    made.options.strategies[PHUB_KIND_SYNC].name = "pubsub";
    made.options.strategies[PHUB_KIND_MIGRATION].name = "coldswap";
    made.options.strategies[PHUB_KIND_PARTITION].name = "divergence";
    phub__world_options_init(&options, 1);
    world = phub__world_new(&options);
    node = phub__sim_node_add(world, "a", &program);
}

static void teardown(void)
{
    phub__world_free(&world);
}

static int make(void)
{
    phub__sim_node_start(node);
    phub__world_run(world, phub__world_now(world) + 10 * PHUB__SIM_MS);
    return made.start_rc;
}

START_TEST(a_hub_is_made_and_freed)
{
    made.keep = 1;
    ck_assert_msg(make() == 0, "%s", made.error);
    phub__world_run(world, 5 * PHUB__SIM_S);
    ck_assert(phub__hub_may_run(phub__sim_node_self(node)));
}
END_TEST

START_TEST(each_allocation_of_a_hubs_making_may_fail)
{
    uint32_t refused = 0;

    for (made.nth = 1, made.failed = 1; made.failed; made.nth++) {
        ck_assert_uint_lt(made.nth, 5000);
        (void)make();
        if (made.start_rc == 0)
            continue;   /* it could do without */
        refused++;
        ck_assert_str_ne(made.error, "");
    }
    ck_assert_uint_gt(refused, 20);
    ck_assert_int_eq(made.start_rc, 0);
}
END_TEST

START_TEST(a_strategy_that_is_not_there_is_named)
{
    made.options.strategies[_i + 1].name = "nonesuch";
    ck_assert_int_ne(make(), 0);
    ck_assert_ptr_nonnull(strstr(made.error, "nonesuch"));
}
END_TEST

START_TEST(a_strategy_of_another_kind_is_named)
{
    made.options.strategies[PHUB_KIND_SYNC].name = "coldswap";
    ck_assert_int_ne(make(), 0);
    ck_assert_ptr_nonnull(strstr(made.error, "coldswap"));
}
END_TEST

START_TEST(a_parameter_that_no_strategy_knows_is_named)
{
    static const char *const params[] = { "colour=red" };

    made.options.strategies[PHUB_KIND_MIGRATION].params = params;
    made.options.strategies[PHUB_KIND_MIGRATION].params_count = 1;
    ck_assert_int_ne(make(), 0);
    ck_assert_ptr_nonnull(strstr(made.error, "colour"));
}
END_TEST

START_TEST(strategies_that_cannot_be_together_are_both_named)
{
    static const char *const params[] = { "factor=1" };
    const char *build = getenv("PHUB_BUILDDIR");
    char file[512];

    snprintf(file, sizeof file, "%s/tests/.libs/distribution-first.so",
             build != NULL ? build : ".");
    made.options.strategies[PHUB_KIND_DISTRIBUTION].name = file;
    made.options.strategies[PHUB_KIND_REDUNDANCY].name = "replication";
    ck_assert_int_eq(make(), PHUB_ECONFIG);
    ck_assert_str_eq(made.error, "distribution 'first' chooses one node for "
                     "each child, and redundancy 'replication' wants "
                     "several; configure redundancy singularity, or another "
                     "distribution, such as consistent_hash");
    made.options.strategies[PHUB_KIND_REDUNDANCY].params = params;
    made.options.strategies[PHUB_KIND_REDUNDANCY].params_count = 1;
    ck_assert_msg(make() == 0, "%s", made.error);
}
END_TEST

START_TEST(load_balancer_with_replication_is_refused_by_name)
{
    made.options.strategies[PHUB_KIND_DISTRIBUTION].name = "load_balancer";
    made.options.strategies[PHUB_KIND_REDUNDANCY].name = "replication";
    ck_assert_int_eq(make(), PHUB_ECONFIG);
    ck_assert_ptr_nonnull(strstr(made.error, "'load_balancer'"));
    ck_assert_ptr_nonnull(strstr(made.error, "'replication'"));
    made.options.strategies[PHUB_KIND_REDUNDANCY].name = "singularity";
    ck_assert_msg(make() == 0, "%s", made.error);
}
END_TEST

/* The simulator's machines have no routes. */
START_TEST(everywhere_is_no_address_for_others)
{
    static const char *const seeds[] = { "tcp://b.example:7000" };

    made.options.seeds = seeds;
    made.options.seeds_count = 1;
    made.options.listen = "tcp://0.0.0.0:7000";
    ck_assert_int_eq(make(), PHUB_ESYS);
    ck_assert_ptr_nonnull(strstr(made.error, "tcp://0.0.0.0:7000"));
    ck_assert_ptr_nonnull(strstr(made.error, "advertise"));
    made.options.seeds_count = 0;
    ck_assert_msg(make() == 0, "%s", made.error);
    made.options.advertise = "tcp://a.example:7000";
    ck_assert_msg(make() == 0, "%s", made.error);
}
END_TEST

START_TEST(a_full_disk_is_said_at_the_start)
{
    phub__sim_node_disk_full(node, 1);
    if (make() != 0)
        ck_assert_str_ne(made.error, "");
}
END_TEST

START_TEST(an_identity_lasts_from_start_to_start)
{
    uint64_t id, boot;
    const struct phub__hub *hub;

    made.keep = 1;
    ck_assert_int_eq(make(), 0);
    phub__world_run(world, phub__world_now(world) + PHUB__SIM_S);
    hub = phub__sim_node_self(node);
    id = hub->node;
    boot = hub->boot;
    ck_assert_uint_ne(id, 0);
    phub__sim_node_kill(node);
    phub__world_run(world, phub__world_now(world) + PHUB__SIM_S);
    ck_assert_int_eq(make(), 0);
    hub = phub__sim_node_self(node);
    ck_assert_uint_eq(hub->node, id);
    ck_assert_uint_ne(hub->boot, boot);
    phub__sim_node_power_off(node);
    phub__world_run(world, phub__world_now(world) + PHUB__SIM_S);
    phub__sim_node_wipe(node);
    ck_assert_int_eq(make(), 0);
    hub = phub__sim_node_self(node);
    ck_assert_uint_ne(hub->node, id);
}
END_TEST

static struct phub_epoch highest;

START_TEST(epochs_only_grow_even_over_a_power_cut)
{
    struct phub_epoch epoch;
    int i, n;

    made.keep = 1;
    for (i = 0; i < 4; i++) {
        ck_assert_int_eq(make(), 0);
        for (n = 0; n < 100; n++) {
            epoch = phub__hub_epoch(phub__sim_node_self(node));
            ck_assert_uint_gt(epoch.number, highest.number);
            highest = epoch;
        }
        phub__sim_node_power_off(node);
        phub__world_run(world, phub__world_now(world) + PHUB__SIM_S);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("hub");
    TCase *tc = tcase_create("hub");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, a_hub_is_made_and_freed);
    tcase_add_test(tc, each_allocation_of_a_hubs_making_may_fail);
    tcase_add_loop_test(tc, a_strategy_that_is_not_there_is_named, 0, 5);
    tcase_add_test(tc, a_strategy_of_another_kind_is_named);
    tcase_add_test(tc, a_parameter_that_no_strategy_knows_is_named);
    tcase_add_test(tc, strategies_that_cannot_be_together_are_both_named);
    tcase_add_test(tc, load_balancer_with_replication_is_refused_by_name);
    tcase_add_test(tc, everywhere_is_no_address_for_others);
    tcase_add_test(tc, a_full_disk_is_said_at_the_start);
    tcase_add_test(tc, an_identity_lasts_from_start_to_start);
    tcase_add_test(tc, epochs_only_grow_even_over_a_power_cut);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
