/* SPDX-License-Identifier: MIT */
/* check_table: one writer, readers on other threads, nothing torn. */
#include "config.h"

#include <pthread.h>
#include <stdio.h>
#include <urcu-bp.h>

#include "registry_fixture.h"
#include "wire/memory.h"

struct retired {
    struct rcu_head head;
    void *ptr;
    void (*free_fn)(void *);
};

/* ThreadSanitizer does not see how liburcu orders the end of a read section,
 * and what is handed to call_rcu, before the end of a grace period: for it
 * alone, an atomic says so. */
#if defined(__SANITIZE_THREAD__)
static atomic_uint reads_over;
#define READ_OVER()                                                           \
    ((void)atomic_fetch_add_explicit(&reads_over, 1, memory_order_release))
#define GRACE_OVER()                                                          \
    ((void)atomic_load_explicit(&reads_over, memory_order_acquire))
#else
#define READ_OVER() ((void)0)
#define GRACE_OVER() ((void)0)
#endif

static void retired_free(struct rcu_head *head)
{
    struct retired *retired = (struct retired *)head;

    GRACE_OVER();
    retired->free_fn(retired->ptr);
    free(retired);
}

static void retire_rcu(void *arg, void *ptr, void (*free_fn)(void *))
{
    struct retired *retired = malloc(sizeof *retired);

    (void)arg;
    retired->ptr = ptr;
    retired->free_fn = free_fn;
    READ_OVER();
    call_rcu_bp(&retired->head, retired_free);
}

#define STAY 500u      /* rows that are there all the time */
#define COME_AND_GO 3000u

struct shared {
    struct phub__registry *registry;
    atomic_bool stop;
    atomic_uint_least64_t looked_up;
};

/* A row that stays is always found, whole, and its epochs never go back. */
static void *reader(void *arg)
{
    struct shared *shared = arg;
    struct phub__lookup *lookup = malloc(sizeof *lookup);
    uint64_t seed = (uint64_t)(uintptr_t)lookup, last[STAY] = { 0 };
    char id[32];

    while (!atomic_load(&shared->stop)) {
        uint64_t i = random_below(&seed, STAY);
        struct phub_bytes value;

        (void)snprintf(id, sizeof id, "stay-%u", (unsigned)i);
        rcu_read_lock_bp();
        ck_assert_int_eq(phub__registry_lookup(shared->registry, text(id),
                                               lookup), 0);
        READ_OVER();
        rcu_read_unlock_bp();
        ck_assert(lookup->live);
        ck_assert_uint_ge(lookup->home_epoch.number, last[i]);
        last[i] = lookup->home_epoch.number;
        if (lookup->instances_count == 1) {
            /* Both are of one write. */
            ck_assert_int_eq(lookup->instances[0].pid,
                             (int64_t)lookup->instances[0].epoch.number);
            ck_assert_int_eq(phub__lookup_meta(lookup, 0, text("port"),
                                               &value), 0);
            ck_assert_uint_eq(value.size, 4);
        }
        (void)snprintf(id, sizeof id, "go-%u",
                       (unsigned)random_below(&seed, COME_AND_GO));
        rcu_read_lock_bp();
        (void)phub__registry_lookup(shared->registry, text(id), lookup);
        READ_OVER();
        rcu_read_unlock_bp();
        atomic_fetch_add(&shared->looked_up, 2);
    }
    free(lookup);
    return NULL;
}

static void write_stay(struct phub__registry *r, uint32_t i)
{
    struct phub__meta_pair pair = { text("port"), text("8080") };
    struct phub_epoch next = next_epoch(r);
    struct phub__half half = {
        .state = PHUB_INSTANCE_RUNNING, .epoch = next,
        .pid = (int64_t)next.number, .metadata = { &pair, 1 },
    };
    struct phub__row_view view;
    char id[32];

    (void)snprintf(id, sizeof id, "stay-%u", i);
    ck_assert_int_eq(phub__registry_instance_put(r, text(id), &half), 0);
    ck_assert_int_eq(phub__registry_get(r, text(id), &view), 0);
    ck_assert_int_eq(phub__registry_home_set(r, text(id), view.incarnation,
                                             1 + next.number % 5, NULL,
                                             next_epoch(r)), 0);
}

START_TEST(readers_see_whole_rows_while_the_table_grows_and_shrinks)
{
    struct phub__registry_options options = {
        .node = 1, .boot = 1, .retire = retire_rcu,
    };
    struct shared shared = { .registry = NULL };
    pthread_t threads[2];
    uint64_t seed = 3;
    uint32_t i, round;
    char id[32];

    ck_assert_int_eq(phub__registry_new(&options, &shared.registry), 0);
    for (i = 0; i < STAY; i++) {
        (void)snprintf(id, sizeof id, "stay-%u", i);
        ck_assert_int_eq(start(shared.registry, id,
                               next_epoch(shared.registry), 1), 0);
    }
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_create(&threads[i], NULL, reader, &shared),
                         0);
    for (round = 0; round < 6; round++) {
        for (i = 0; i < COME_AND_GO; i++) {
            struct phub_epoch next = next_epoch(shared.registry);

            (void)snprintf(id, sizeof id, "go-%u", i);
            ck_assert_int_eq(start(shared.registry, id, next, 1), 0);
            if (i % 3 == 0)
                ck_assert_int_eq(phub__registry_stop(
                    shared.registry, text(id), next, next), 0);
            if (i % 8 == 0)
                write_stay(shared.registry,
                           (uint32_t)random_below(&seed, STAY));
        }
        for (i = 0; i < COME_AND_GO; i++) {
            struct phub__row_view view;

            (void)snprintf(id, sizeof id, "go-%u", i);
            ck_assert_int_eq(phub__registry_get(shared.registry, text(id),
                                                &view), 0);
            ck_assert_int_eq(phub__registry_stop(shared.registry, text(id),
                                                 view.incarnation,
                                                 view.incarnation), 0);
        }
        for (i = 0; i < 4; i++)
            (void)phub__registry_stable(shared.registry, UINT32_MAX);
        ck_assert_uint_eq(shared.registry->table.count, STAY);
    }
    while (atomic_load(&shared.looked_up) < 1000)
        write_stay(shared.registry, (uint32_t)random_below(&seed, STAY));
    atomic_store(&shared.stop, true);
    for (i = 0; i < 2; i++)
        ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
    phub__registry_free(&shared.registry);
    rcu_barrier_bp();
}
END_TEST

START_TEST(a_table_finds_what_is_in_it_and_nothing_else)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    bool there[2000] = { false };
    uint64_t seed = 5;
    uint32_t i, step;
    char id[32];

    for (step = 0; step < 30000; step++) {
        struct phub_epoch next = next_epoch(r);
        struct phub__lookup lookup;

        i = (uint32_t)random_below(&seed, 2000);
        (void)snprintf(id, sizeof id, "c%u", i);
        if (!there[i]) {
            ck_assert_int_eq(start(r, id, next, 1), 0);
            there[i] = true;
        } else if (random_below(&seed, 2) == 0) {
            struct phub__row_view view;

            ck_assert_int_eq(phub__registry_get(r, text(id), &view), 0);
            ck_assert_int_eq(phub__registry_stop(r, text(id),
                                                 view.incarnation, next), 0);
            there[i] = false;
        }
        if (step % 500 == 0)
            (void)phub__registry_stable(r, UINT32_MAX);
        i = (uint32_t)random_below(&seed, 2000);
        (void)snprintf(id, sizeof id, "c%u", i);
        ck_assert_int_eq(phub__registry_lookup(r, text(id), &lookup) == 0 &&
                         lookup.live, there[i]);
    }
    phub__registry_free(&r);
}
END_TEST

START_TEST(a_look_up_copies_what_fits_and_counts_the_rest)
{
    struct phub__registry *r = registry_new(1, 1, NULL, NULL);
    struct phub__lookup lookup;
    uint64_t node;

    ck_assert_int_eq(start(r, "x", epoch(1, 1), 3), 0);
    for (node = 2; node < 22; node++) {
        struct phub__registry *other = registry_new(node, 1, NULL, NULL);

        ck_assert_int_eq(publish(other, "x",
                                 node == 5 ? PHUB_INSTANCE_GONE
                                           : PHUB_INSTANCE_RUNNING,
                                 epoch(node, node)), 0);
        if (node != 5)
            ck_assert_int_eq(push(other, r, 0), 0);
        phub__registry_free(&other);
    }
    ck_assert_int_eq(phub__registry_lookup(r, text("x"), &lookup), 0);
    ck_assert(lookup.live);
    ck_assert_uint_eq(lookup.home, 3);
    ck_assert_uint_eq(lookup.instances_count, PHUB__LOOKUP_INSTANCES_MAX);
    ck_assert_uint_eq(lookup.instances_more, 3);
    ck_assert_uint_eq(lookup.instances[0].node, 2);
    ck_assert_int_eq(phub__registry_lookup(r, text("y"), &lookup),
                     PHUB_ENOTFOUND);
    phub__registry_free(&r);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("table");
    TCase *tc = tcase_create("table");
    SRunner *runner;
    int failures;

    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, a_table_finds_what_is_in_it_and_nothing_else);
    tcase_add_test(tc, a_look_up_copies_what_fits_and_counts_the_rest);
    tcase_add_test(tc,
                   readers_see_whole_rows_while_the_table_grows_and_shrinks);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
