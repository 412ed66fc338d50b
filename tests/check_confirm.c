/* SPDX-License-Identifier: MIT */
/* check_confirm: what a node gives out a majority has heard of, since this very
 * start of it. */
#include "config.h"

#include <check.h>
#include <string.h>

#include "hub/confirm.h"
#include "hub/ops.h"
#include "hub_fixture.h"
#include "wire/messages.h"

#define ROUNDS 16u

static struct hubs hubs;

static void setup(void)
{
    static const char *const params[] = { "initial_size=3" };

    memset(&hubs, 0, sizeof hubs);
    hubs.partition = "majority_quorum";
    hubs.partition_params = params;
    hubs.partition_params_count = 1;
    hubs_new(&hubs, 3, "coldswap", 11);
}

static void teardown(void)
{
    hubs_free(&hubs);
}

/* The others say that they have what was asked for in the first rounds. */
static void hear_of_early_rounds(struct phub__hub *hub, void *arg)
{
    uint64_t round;

    (void)arg;
    if (phub__confirm_epochs(hub))
        return;
    for (round = 1; round <= ROUNDS; round++) {
        struct phub__op_cover cover = { .round = round };
        struct phub__builder body;
        struct phub_buf *buf;

        phub__builder_init(&body, PHUB__FRAME_MAX / 2);
        ck_assert_int_eq(phub__encode(&phub__op_cover_schema, &cover, &body),
                         0);
        ck_assert_int_eq(phub__builder_take(&body, &buf), 0);
        phub__confirm_answered(hub, hubs.ids[1], buf);
        phub__confirm_answered(hub, hubs.ids[2], buf);
        phub__buf_unref(&buf);
        phub__builder_fini(&body);
    }
    ck_assert_msg(!phub__confirm_epochs(hub),
                  "an answer to an earlier start counted");
}

START_TEST(an_answer_to_an_earlier_start_counts_for_nothing)
{
    uint32_t i;

    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_start(hubs_node(&hubs, 0));
    while (hubs_hub(&hubs, 0) == NULL || !hubs_hub(&hubs, 0)->started)
        ck_assert(phub__world_step(hubs.world));
    ck_assert(!phub__confirm_epochs(hubs_hub(&hubs, 0)));
    for (i = 0; !phub__confirm_epochs(hubs_hub(&hubs, 0)); i++) {
        hubs_do(&hubs, 0, hear_of_early_rounds, NULL);
        ck_assert(phub__world_step(hubs.world));
        ck_assert_uint_lt(i, 1000000);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("confirm");
    TCase *tc = tcase_create("confirm");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, an_answer_to_an_earlier_start_counts_for_nothing);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
