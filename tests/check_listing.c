/* SPDX-License-Identifier: MIT */
/* check_listing: queries of the registry from a program, and hearing of its
 * changes. */
#include "config.h"

#include "embed_fixture.h"

static void start_with(const char *id, const char *tag, const char *colour)
{
    struct phub_child one = child(id);
    struct phub_pair pair = { "colour", colour };
    struct phub_future *future = NULL;

    one.tags = &tag;
    one.tags_count = tag != NULL;
    one.metadata = &pair;
    one.metadata_count = colour != NULL;
    ck_assert_int_eq(phub_start(hubs[0], &one, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
}

/* --- lists ------------------------------------------------------------------ */

struct found {
    int count, stop_at;
    char last[64], home[16];
    const char *tag, *colour;
    int born;
};

static int note(void *arg, const struct phub_listed *listed)
{
    struct found *found = arg;
    uint32_t i;

    ck_assert_uint_eq(listed->size, sizeof *listed);
    ck_assert_uint_ne(listed->place.version, 0);
    found->count++;
    snprintf(found->last, sizeof found->last, "%s", listed->id);
    snprintf(found->home, sizeof found->home, "%s", listed->home);
    if (found->tag != NULL) {
        ck_assert_uint_eq(listed->tags_count, 1);
        ck_assert_str_eq(listed->tags[0], found->tag);
    }
    if (found->colour != NULL) {
        ck_assert_uint_eq(listed->metadata_count, 1);
        ck_assert_str_eq(listed->metadata[0].key, "colour");
        ck_assert_str_eq(listed->metadata[0].value, found->colour);
    }
    for (i = 0; i < listed->published_count; i++)
        found->born += strcmp(listed->published[i].key, "born") == 0;
    return found->count == found->stop_at ? 42 : 0;
}

static struct found list(int i, struct phub_query query)
{
    struct found found = { .tag = query.tag, .colour = query.value };

    query.size = sizeof query;
    ck_assert_int_eq(phub_list(hubs[i], &query, note, &found), 0);
    return found;
}

START_TEST(a_list_has_those_that_fit_all_that_is_asked)
{
    struct found found;
    int here, there;

    hubs_make(2, "hotswap");
    start_with("r1", "web", "red");
    start_with("r2", "web", "red");
    start_with("g1", "web", "green");
    start_with("n1", NULL, NULL);
    start_with("r3", "mail", "red");
    ck_assert_int_eq(list(0, (struct phub_query){ .id = NULL }).count, 5);
    ck_assert_int_eq(list(0, (struct phub_query){ .tag = "web" }).count, 3);
    ck_assert_int_eq(list(0, (struct phub_query){ .key = "colour" }).count,
                     4);
    ck_assert_int_eq(list(0, (struct phub_query){ .key = "colour",
                                                  .value = "red" }).count, 3);
    ck_assert_int_eq(list(0, (struct phub_query){ .key = "colour",
                                                  .value = "re" }).count, 0);
    found = list(0, (struct phub_query){ .tag = "web", .key = "colour",
                                         .value = "green" });
    ck_assert_int_eq(found.count, 1);
    ck_assert_str_eq(found.last, "g1");
    ck_assert_int_eq(found.born, 1);
    found = list(0, (struct phub_query){ .id = "r3", .tag = "mail" });
    ck_assert_int_eq(found.count, 1);
    ck_assert_int_eq(list(0, (struct phub_query){ .id = "r3",
                                                  .tag = "web" }).count, 0);
    ck_assert_int_eq(list(0, (struct phub_query){ .id = "no" }).count, 0);
    here = list(0, (struct phub_query){ .local = 1 }).count;
    there = list(0, (struct phub_query){ .node = "b" }).count;
    ck_assert_int_eq(here + there, 5);
    ck_assert_int_eq(list(0, (struct phub_query){ .node = "a" }).count,
                     here);
    ck_assert_int_eq(list(0, (struct phub_query){ .local = 1,
                                                  .node = "b" }).count, 0);
    hubs_free();
}
END_TEST

START_TEST(a_long_list_comes_in_pieces_each_child_once)
{
    struct phub_query query = { .size = sizeof query };
    struct phub_child many = child("m%d");
    struct phub_future *future = NULL;
    struct found found = { .stop_at = 0 };

    hubs_make(1, "hotswap");
    many.count = 1000;
    ck_assert_int_eq(phub_start(hubs[0], &many, 1, 0, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
    ck_assert_int_eq(phub_list(hubs[0], &query, note, &found), 0);
    ck_assert_int_eq(found.count, 1000);
    found.count = 0;
    found.stop_at = 70;
    ck_assert_int_eq(phub_list(hubs[0], &query, note, &found), 42);
    ck_assert_int_eq(found.count, 70);
    query.size = 0;
    ck_assert_int_eq(phub_list(hubs[0], &query, note, &found), PHUB_EINVAL);
    ck_assert_int_eq(phub_list(NULL, &query, note, &found), PHUB_EINVAL);
    ck_assert_int_eq(phub_list(hubs[0], NULL, note, &found), PHUB_EINVAL);
    hubs_free();
}
END_TEST

/* --- subscriptions ------------------------------------------------------------ */

struct heard {
    pthread_mutex_t lock;
    pthread_cond_t came;
    uint32_t what, calls, ran, stopped;
    char other[64];            /* an id that is not the one expected */
    const char *id;
    struct phub_hub *hub;
    uint64_t handle;
};

static void heard_init(struct heard *heard, const char *id)
{
    memset(heard, 0, sizeof *heard);
    pthread_mutex_init(&heard->lock, NULL);
    pthread_cond_init(&heard->came, NULL);
    heard->id = id;
}

static void on_change(void *arg, const struct phub_change *change)
{
    struct heard *heard = arg;

    ck_assert_uint_eq(change->size, sizeof *change);
    ck_assert_ptr_nonnull(change->id);
    pthread_mutex_lock(&heard->lock);
    heard->calls++;
    heard->what |= change->what;
    if (heard->id != NULL && strcmp(change->id, heard->id) != 0)
        snprintf(heard->other, sizeof heard->other, "%s", change->id);
    heard->ran += change->place != NULL && change->place->state == 2;
    heard->stopped += change->place == NULL;
    pthread_cond_broadcast(&heard->came);
    pthread_mutex_unlock(&heard->lock);
}

/* Until the child is told as stopped; the one that is after it, too, was in
 * order. */
static void wait_stopped(struct heard *heard, uint32_t count)
{
    pthread_mutex_lock(&heard->lock);
    while (heard->stopped < count)
        pthread_cond_wait(&heard->came, &heard->lock);
    pthread_mutex_unlock(&heard->lock);
}

static void stop_one(const char *id)
{
    struct phub_future *future = NULL;

    ck_assert_int_eq(phub_stop(hubs[0], &id, 1, 0, &future), 0);
    ck_assert_int_eq(finish(&future, NULL), 0);
}

START_TEST(a_subscriber_hears_of_its_child_its_tag_or_all)
{
    static struct heard one, tagged, all;
    const char *ids[] = { "x", "y", "z" };
    uint64_t handles[3];
    int i;

    heard_init(&one, "x");
    heard_init(&tagged, "y");
    heard_init(&all, NULL);
    hubs_make(2, "hotswap");
    ck_assert_int_eq(phub_subscribe(hubs[1], "x", NULL, on_change, &one,
                                    &handles[0]), 0);
    ck_assert_int_eq(phub_subscribe(hubs[1], NULL, "web", on_change, &tagged,
                                    &handles[1]), 0);
    ck_assert_int_eq(phub_subscribe(hubs[1], NULL, NULL, on_change, &all,
                                    &handles[2]), 0);
    start_with("x", NULL, NULL);
    start_with("y", "web", NULL);
    start_with("z", "mail", NULL);
    for (i = 0; i < 3; i++)
        stop_one(ids[i]);
    wait_stopped(&one, 1);
    wait_stopped(&tagged, 1);
    wait_stopped(&all, 3);
    for (i = 0; i < 3; i++)
        ck_assert_int_eq(phub_unsubscribe(hubs[1], handles[i]), 0);
    ck_assert_int_eq(phub_unsubscribe(hubs[1], handles[0]), PHUB_ENOTFOUND);
    ck_assert_str_eq(one.other, "");
    ck_assert_str_eq(tagged.other, "");
    ck_assert_uint_gt(one.ran, 0);
    ck_assert_uint_gt(tagged.ran, 0);
    ck_assert_uint_gt(all.calls, one.calls);
    ck_assert_uint_eq(one.what & PHUB_CHANGE_LIFE, PHUB_CHANGE_LIFE);
    ck_assert_uint_eq(one.what & PHUB_CHANGE_INSTANCE, PHUB_CHANGE_INSTANCE);
    hubs_free();
}
END_TEST

static void once(void *arg, const struct phub_change *change)
{
    struct heard *heard = arg;

    on_change(arg, change);
    ck_assert_int_eq(phub_unsubscribe(heard->hub, heard->handle), 0);
}

START_TEST(one_who_cancels_inside_hears_no_more)
{
    static struct heard first, all;

    heard_init(&first, NULL);
    heard_init(&all, NULL);
    hubs_make(1, "hotswap");
    first.hub = hubs[0];
    ck_assert_int_eq(phub_subscribe(hubs[0], NULL, NULL, once, &first,
                                    &first.handle), 0);
    ck_assert_int_eq(phub_subscribe(hubs[0], NULL, NULL, on_change, &all,
                                    NULL), 0);
    start_with("x", NULL, NULL);
    stop_one("x");
    wait_stopped(&all, 1);
    ck_assert_uint_eq(first.calls, 1);
    ck_assert_int_eq(phub_subscribe(hubs[0], "", NULL, on_change, &all, NULL),
                     PHUB_EINVAL);
    ck_assert_int_eq(phub_subscribe(hubs[0], "x", NULL, NULL, &all, NULL),
                     PHUB_EINVAL);
    hubs_free(); /* with one that is open */
}
END_TEST

START_TEST(subscriptions_are_limited)
{
    static struct heard all;
    uint64_t handle = 0;
    int i;

    heard_init(&all, NULL);
    hubs_make(1, "hotswap");
    for (i = 0; i < 1024; i++)
        ck_assert_int_eq(phub_subscribe(hubs[0], "x", NULL, on_change, &all,
                                        &handle), 0);
    ck_assert_int_eq(phub_subscribe(hubs[0], "x", NULL, on_change, &all,
                                    NULL), PHUB_ELIMIT);
    ck_assert_int_eq(phub_unsubscribe(hubs[0], handle), 0);
    ck_assert_int_eq(phub_subscribe(hubs[0], "x", NULL, on_change, &all,
                                    NULL), 0);
    hubs_free();
}
END_TEST

/* The chain, from a program. */
static int paint(void *arg, struct phub_alter *alter)
{
    return phub_alter_set_metadata(alter, "colour", arg);
}

START_TEST(what_a_program_adds_to_a_start_is_in_its_row)
{
    struct found found;
    uint64_t handle = 0;
    char blue[] = "blue";

    hubs_make(1, "hotswap");
    ck_assert_int_eq(phub_alter_add(hubs[0], 0, paint, blue, &handle), 0);
    start_one(hubs[0], "x");
    found = list(0, (struct phub_query){ .key = "colour", .value = "blue" });
    ck_assert_int_eq(found.count, 1);
    ck_assert_int_eq(phub_hook_cancel(hubs[0], handle), 0);
    start_one(hubs[0], "y");
    found = list(0, (struct phub_query){ .key = "colour", .value = "blue" });
    ck_assert_int_eq(found.count, 1);
    ck_assert_int_eq(phub_alter_add(hubs[0], 0, NULL, NULL, NULL),
                     PHUB_EINVAL);
    hubs_free();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("listing");
    TCase *tc = tcase_create("listing");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_test(tc, a_list_has_those_that_fit_all_that_is_asked);
    tcase_add_test(tc, a_long_list_comes_in_pieces_each_child_once);
    tcase_add_test(tc, a_subscriber_hears_of_its_child_its_tag_or_all);
    tcase_add_test(tc, one_who_cancels_inside_hears_no_more);
    tcase_add_test(tc, subscriptions_are_limited);
    tcase_add_test(tc, what_a_program_adds_to_a_start_is_in_its_row);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
