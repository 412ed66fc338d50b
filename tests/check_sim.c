/* SPDX-License-Identifier: MIT */
/* check_sim: whole clusters in the simulated world, with the real plugins.
 *
 * Random schedules from seeds 1 to PHUB_SIM_SEEDS.  What breaks is printed as
 * one line; PHUB_SIM_TRACE=1 prints the whole story. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "sim/case.h"

#define SEEDS_DEFAULT 150u

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

int main(void)
{
    Suite *suite = suite_create("sim");
    TCase *tcase = tcase_create("sim");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, random_schedules_keep_the_promises);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
