/* SPDX-License-Identifier: MIT */
/* check_seats: children that are placed by what their rows say, in whole
 * hubs: the guided distribution, its refusals, and a strategy that knows no
 * place at all. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/rows.h"
#include "hub_fixture.h"

#define MANY 300u

static struct hubs hubs;

static void begin(uint32_t nodes, const char *distribution)
{
    hubs = (struct hubs){ .distribution = distribution };
    hubs_new(&hubs, nodes, "hotswap", 31);
}

static void end(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

/* --- starting with a mapping ----------------------------------------------------- */

struct start {
    const char *prefix, *mapping;   /* NULL: none */
    uint32_t count;
    bool durable;
};

static void start_turn(struct phub__hub *hub, void *arg)
{
    static char ids[MANY][16];
    static struct phub__command_child children[MANY];
    const struct start *start = arg;
    struct phub_buf *spec = hubs_spec("sim state");
    struct phub__op_pair pair = { hubs_bytes("nodes"), PHUB_BYTES_NONE };
    uint32_t i;

    if (start->mapping != NULL)
        pair.value = hubs_bytes(start->mapping);
    for (i = 0; i < start->count; i++) {
        snprintf(ids[i], sizeof ids[i], "%s%u", start->prefix, i);
        children[i] = (struct phub__command_child){
            .id = hubs_bytes(ids[i]), .spec = phub__buf_bytes(spec),
            .metadata = { &pair, start->mapping != NULL },
            .durable = start->durable };
    }
    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hub, children, start->count, 0,
                                         HUBS_TIMEOUT_MS, hubs_done,
                                         &hubs_last), 0);
    phub__buf_unref(&spec);
}

static int starts(const char *prefix, const char *mapping, uint32_t count,
                  bool durable)
{
    struct start start = { prefix, mapping, count, durable };

    hubs_do(&hubs, 1, start_turn, &start);
    hubs_wait(&hubs, &hubs_last);
    return hubs_last.codes[0];
}

static uint32_t on(const char *prefix, uint32_t count, uint32_t node)
{
    uint32_t i, at, there = 0;
    char id[16];

    for (i = 0; i < count; i++) {
        snprintf(id, sizeof id, "%s%u", prefix, i);
        there += hubs_acting(&hubs, id, &at) == 1 && at == node;
    }
    return there;
}

static void stops(const char *prefix, uint32_t count)
{
    char *ids = calloc(count, 16);
    uint32_t i;

    for (i = 0; i < count; i++)
        snprintf(ids + strlen(ids), 16, "%s%s%u", i == 0 ? "" : " ", prefix,
                 i);
    ck_assert_int_eq(hubs_stop(&hubs, 0, ids), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    free(ids);
}

START_TEST(many_are_where_their_mapping_says_and_are_gone_when_stopped)
{
    begin(6, "guided");
    ck_assert_int_eq(starts("x", "e", MANY, false), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_int_eq(starts("y", "rack=2|a", MANY, false), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    ck_assert_uint_eq(on("x", MANY, 4), MANY);
    ck_assert_uint_eq(on("y", MANY, 1) + on("y", MANY, 3) +
                          on("y", MANY, 5), MANY);
    ck_assert_uint_gt(on("y", MANY, 1), 0);
    stops("x", MANY);
    stops("y", MANY);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    end();
}
END_TEST

START_TEST(a_start_without_a_seat_is_refused_in_words)
{
    begin(2, "guided");
    ck_assert_int_eq(starts("x", NULL, 1, false), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "no mapping"));
    ck_assert_int_eq(starts("x", "a,,b", 1, false), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "cannot be read"));
    ck_assert_int_eq(starts("x", "a,b", 1, false), PHUB_EINVAL);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "another number"));
    ck_assert_int_eq(starts("x", "f|g", 1, false), PHUB_ENOPLACE);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "none of which"));
    ck_assert(hubs_is_gone(&hubs, "x0"));
    ck_assert_int_eq(starts("x", "b", 1, false), 0);
    end();
}
END_TEST

/* All daemons end at once: what is known of a mapping is in the rows. */
START_TEST(a_mapping_survives_a_loss_of_power)
{
    uint32_t i;

    begin(3, "guided");
    ck_assert_int_eq(starts("x", "c", 5, true), 0);
    ck_assert_int_eq(starts("y", "b", 5, true), 0);
    for (i = 0; i < 3; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 500);
    ck_assert_ptr_null(phub__sim_child_next(hubs.world, NULL));
    for (i = 0; i < 3; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(on("x", 5, 2), 5);
    ck_assert_uint_eq(on("y", 5, 1), 5);
    end();
}
END_TEST

/* --- no place -------------------------------------------------------------------- */

START_TEST(one_whose_seat_is_lost_waits_for_it_and_is_not_forgotten)
{
    struct phub__row_facts row;
    uint32_t i;

    begin(3, "guided");
    ck_assert_int_eq(starts("x", "c", 4, false), 0);
    ck_assert_int_eq(starts("y", "a", 4, false), 0);
    ck_assert_int_eq(starts("z", "c|b", 4, false), 0);
    ck_assert_uint_eq(on("z", 4, 2), 4);
    phub__sim_node_power_off(hubs_node(&hubs, 2));
    hubs_run(&hubs, 60000);
    ck_assert_uint_eq(on("x", 4, 2), 0);
    ck_assert_uint_eq(on("y", 4, 0), 4);
    ck_assert_uint_eq(on("z", 4, 1), 4);
    for (i = 0; i < 2; i++) {
        phub__row_facts(hubs_hub(&hubs, i), hubs_bytes("x0"), &row);
        ck_assert(row.live);
    }
    phub__sim_node_start(hubs_node(&hubs, 2));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert_uint_eq(on("x", 4, 2), 4);
    ck_assert_uint_eq(on("y", 4, 0), 4);
    ck_assert_uint_eq(on("z", 4, 2), 4);
    end();
}
END_TEST

/* The strategy answers "no node" for each from its ninth question on. */
START_TEST(no_place_is_no_reason_to_end_what_runs)
{
    static const char *const params[] = { "how=none", "after=8" };
    const char *build = getenv("PHUB_BUILDDIR");
    char path[512];
    uint32_t i;

    snprintf(path, sizeof path, "%s/tests/sim/.libs/distribution-wicked.so",
             build != NULL ? build : ".");
    hubs = (struct hubs){ .distribution = path, .distribution_params = params,
                          .distribution_params_count = 2 };
    hubs_new(&hubs, 2, "hotswap", 31);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d", "sim state freeze"), 0);
    ck_assert_uint_eq(hubs_last.bad, 0);
    for (i = 0; hubs_start(&hubs, 0, "late", "sim") == 0; i++) {
        ck_assert_uint_lt(i, 8);
        ck_assert_int_eq(hubs_stop(&hubs, 0, "late"), 0);
    }
    ck_assert_int_eq(hubs_last.codes[0], PHUB_ENOPLACE);
    ck_assert_str_ne(hubs_last.text, "");
    ck_assert(hubs_is_gone(&hubs, "late"));
    (void)hubs_add(&hubs);
    hubs_settle(&hubs);
    hubs_run(&hubs, 30000);
    for (i = 0; i < 4; i++)
        ck_assert(hubs_acts(&hubs, (const char *[]){ "a", "b", "c", "d" }[i]));
    end();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("seats");
    TCase *tc = tcase_create("seats");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(
        tc, many_are_where_their_mapping_says_and_are_gone_when_stopped);
    tcase_add_test(tc, a_start_without_a_seat_is_refused_in_words);
    tcase_add_test(tc, a_mapping_survives_a_loss_of_power);
    tcase_add_test(tc,
                   one_whose_seat_is_lost_waits_for_it_and_is_not_forgotten);
    tcase_add_test(tc, no_place_is_no_reason_to_end_what_runs);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
