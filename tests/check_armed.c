/* SPDX-License-Identifier: MIT */
/* check_armed: a hub's timer is never later than its cluster wants it.
 *
 * What brings the next turn of pings forward is seldom (other lease rules do,
 * from some tens of members on), and who forgets the timer then is late by half
 * a second, which nobody sees but a lease that gets short. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include "cluster/cluster.h"
#include "sim/case.h"

#define NODES 34u              /* pings have slack from 32 on */

static struct sim_case *c;

static void look(void)
{
    for (uint32_t i = 0; i < NODES; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        uint64_t wanted;

        if (daemon == NULL || !daemon->hub->started)
            continue;
        wanted = phub__cluster_deadline(daemon->hub->cluster);
        ck_assert_msg(daemon->hub->cluster_armed_ns <= wanted,
                      "n%u: armed for %llu ns, and %llu is wanted", i,
                      (unsigned long long)daemon->hub->cluster_armed_ns,
                      (unsigned long long)wanted);
    }
}

static void run(uint64_t ms)
{
    uint64_t until = phub__world_now(c->world) + ms * PHUB__SIM_MS;

    while (phub__world_now(c->world) < until && phub__world_step(c->world))
        look();
    ck_assert_msg(!c->broken, "%s", c->story);
}

static int chosen(struct sim_case *of)
{
    return of->chosen[PHUB_KIND_PARTITION].open == 0;
}

START_TEST(what_the_cluster_wants_is_armed_whatever_changes)
{
    static const char *const params[] = { "initial_size=34" };
    struct sim_options options;

    sim_options_init(&options, 1);
    options.nodes = NODES;
    options.children = 4;
    options.clients = 0;
    c = sim_case_new(&options);
    sim_boot(c, 0, NODES);
    run(3000);
    ck_assert(sim_members_agree(c));
    sim_switch(c, 0, PHUB_KIND_PARTITION, "majority_quorum", params, 1);
    ck_assert_uint_eq(c->chosen[PHUB_KIND_PARTITION].open, 1);
    run(6000);
    ck_assert(chosen(c));
    sim_kill(c, 3);
    run(4000);
    sim_start_node(c, 3, 0);
    run(4000);
    sim_case_free(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("armed");
    TCase *tcase = tcase_create("armed");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tcase, 300);
    tcase_add_test(tcase, what_the_cluster_wants_is_armed_whatever_changes);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
