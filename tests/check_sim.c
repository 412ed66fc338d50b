/* SPDX-License-Identifier: MIT */
/* check_sim: whole clusters in the simulated world, with the real plugins.
 *
 * The named schedules of the design, each in several variants, and random
 * ones from seeds 1 to PHUB_SIM_SEEDS.  What breaks is printed as one line;
 * PHUB_SIM_TRACE=1 prints the whole story. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "sim/scenario.h"

#define SEEDS_DEFAULT 150u

static const struct sim_scenario *const groups[] = {
    sim_scenarios_move, sim_scenarios_lease, sim_scenarios_row
};

static const struct sim_scenario *scenario(int number)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
        for (size_t k = 0; groups[i][k].name != NULL; k++)
            if (number-- == 0)
                return &groups[i][k];
    return NULL;
}

START_TEST(schedules_that_broke_earlier_drafts_hold)
{
    const struct sim_scenario *s = scenario(_i);
    const char *only = getenv("PHUB_SIM_VARIANT");
    uint32_t variant = only == NULL ? 0 : (uint32_t)strtoul(only, NULL, 10);
    uint32_t failures = 0;
    struct sim_case *c;

    while ((c = s->play(variant)) != NULL) {
        if (c->broken) {
            printf("scenario %s, variant %u: %s\n", s->name, variant,
                   c->story);
            (void)fflush(stdout);
            failures++;
        }
        sim_case_free(&c);
        if (only != NULL)
            break;
        variant++;
    }
    ck_assert_msg(failures == 0, "scenario %s: %u of %u variants broken",
                  s->name, failures, variant);
}
END_TEST

START_TEST(random_schedules_keep_the_promises)
{
    const char *budget = getenv("PHUB_SIM_SEEDS");
    uint64_t last = budget == NULL ? SEEDS_DEFAULT
                                   : strtoull(budget, NULL, 10);
    uint64_t failures = 0;

    for (uint64_t seed = 1; seed <= last; seed++) {
        struct sim_options options;
        struct sim_result result;

        sim_schedule_options(&options, seed, 3, seed % 10 == 0 ? 20 : 6);
        if (sim_schedule(&options, &result) == 0)
            continue;
        printf("%s\n    again: phub-sim run --seeds %llu --nodes %u "
               "--children %u --durable %s --migration %s --trace\n",
               result.story, (unsigned long long)seed, options.nodes,
               options.children, options.durable ? "yes" : "no",
               options.strategies[PHUB_KIND_MIGRATION].name);
        (void)fflush(stdout);
        failures++;
    }
    ck_assert_msg(failures == 0, "%llu of %llu seeds broken",
                  (unsigned long long)failures, (unsigned long long)last);
}
END_TEST

START_TEST(a_seed_replays_a_whole_cluster)
{
    uint64_t hashes[2];

    for (int i = 0; i < 2; i++) {
        struct sim_case *c = sim_scene(7, 5, 12, "hotswap", 0);

        sim_kill(c, 1);
        sim_run(c, 3000);
        sim_start_node(c, 1);
        sim_run(c, 3000);
        hashes[i] = phub__world_hash(c->world);
        sim_case_free(&c);
    }
    ck_assert_uint_eq(hashes[0], hashes[1]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tcase = tcase_create("sim");
    SRunner *runner;
    int failed, count = 0;

    while (scenario(count) != NULL)
        count++;
    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, a_seed_replays_a_whole_cluster);
    tcase_add_loop_test(tcase, schedules_that_broke_earlier_drafts_hold, 0,
                        count);
    tcase_add_test(tcase, random_schedules_keep_the_promises);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
