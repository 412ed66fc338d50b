/* SPDX-License-Identifier: MIT */
/* check_rows: what a node takes from the rows before it decides. */
#include "config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rows.h"
#include "hub_fixture.h"

#define CHILDREN "a b c d e f g h i j k l m n o p q r s t"
#define SLICE 3u

static struct hubs hubs;

static void setup(void)
{
    hubs_new(&hubs, 2, "coldswap", 5);
    ck_assert_int_eq(hubs_start(&hubs, 0, CHILDREN, "sim durable"), 0);
    hubs_settle(&hubs);
}

static void teardown(void)
{
    hubs_free(&hubs);
}

static void write_home(struct phub__hub *hub, void *arg)
{
    struct phub_bytes id = hubs_bytes(arg);
    struct phub__row_facts before, facts;
    struct phub_epoch epoch = phub__hub_epoch(hub);

    phub__row_facts(hub, id, &facts);
    ck_assert(facts.exists && facts.live && facts.durable);
    before = facts;
    phub__row_facts_again(hub, id, &facts);
    ck_assert_int_eq(phub_epoch_cmp(facts.home_epoch, before.home_epoch), 0);
    ck_assert_int_eq(phub__row_home(hub, id, facts.incarnation, facts.home,
                                    epoch), 0);
    phub__row_facts_again(hub, id, &facts);
    ck_assert_int_eq(phub_epoch_cmp(facts.home_epoch, epoch), 0);
    ck_assert_uint_eq(facts.home, before.home);
}

START_TEST(facts_are_read_again_behind_a_write)
{
    hubs_do(&hubs, 0, write_home, "c");
}
END_TEST

static int same(const struct phub__row_facts *a,
                const struct phub__row_facts *b)
{
    return a->exists == b->exists && a->live == b->live &&
           phub_epoch_cmp(a->incarnation, b->incarnation) == 0 &&
           a->home == b->home &&
           phub_epoch_cmp(a->home_epoch, b->home_epoch) == 0 &&
           a->replica == b->replica && a->durable == b->durable &&
           a->sticky == b->sticky && a->tags_count == b->tags_count &&
           a->writes == b->writes && a->spec.data == b->spec.data &&
           a->spec.size == b->spec.size;
}

static void look_at_all(struct phub__hub *hub, void *seen)
{
    struct phub__row_view views[SLICE];
    struct phub__row_facts facts, by_id;
    uint64_t cursor = 0, last = 0;
    uint32_t count, i, all = 0;

    while ((count = phub__rows_seen_of(hub, hub->node, &cursor, views,
                                       SLICE)) != 0) {
        ck_assert_uint_le(count, SLICE);
        for (i = 0; i < count; i++) {
            phub__row_facts_seen(hub, &views[i], &facts);
            phub__row_facts(hub, views[i].id, &by_id);
            ck_assert(same(&facts, &by_id));
            ck_assert_uint_eq(facts.home, hub->node);
            ck_assert_uint_gt(views[i].number, last);
            last = views[i].number;
        }
        all += count;
    }
    ck_assert_uint_eq(all, phub__registry_home_count(hub->registry,
                                                     hub->node));
    *(uint32_t *)seen += all;
}

/* Each child is at home on one of the two. */
START_TEST(slices_have_each_row_once_with_the_facts_of_its_id)
{
    uint32_t seen = 0;

    hubs_do(&hubs, 0, look_at_all, &seen);
    hubs_do(&hubs, 1, look_at_all, &seen);
    ck_assert_uint_eq(seen, (strlen(CHILDREN) + 1) / 2);
}
END_TEST

static void ask_nobody(struct phub__hub *hub, void *none)
{
    struct phub__row_facts facts;

    (void)none;
    phub__row_facts(hub, hubs_bytes("nobody"), &facts);
    ck_assert(!facts.exists && !facts.live && facts.home == 0);
    phub__row_facts(hub, PHUB_BYTES_NONE, &facts); /* no name at all */
    ck_assert(!facts.exists);
}

START_TEST(a_name_that_nobody_has_has_no_facts)
{
    hubs_do(&hubs, 0, ask_nobody, NULL);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("rows");
    TCase *t = tcase_create("rows");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 60);
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_test(t, facts_are_read_again_behind_a_write);
    tcase_add_test(t, slices_have_each_row_once_with_the_facts_of_its_id);
    tcase_add_test(t, a_name_that_nobody_has_has_no_facts);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
