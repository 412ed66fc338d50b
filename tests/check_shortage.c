/* SPDX-License-Identifier: MIT */
/* check_shortage: what strategies, the member list and the loader are refused
 * when memory is short costs no child and blocks nothing for ever.
 *
 * These ask malloc(3) itself, so check_memory does not reach them.  Here they
 * are linked in with allocation functions of our own, and whole hubs run on
 * them.  Each case is gone through again and again: for each allocation of a
 * few moments once with that one refused, and once with all from that one on
 * until the moments are over. */
#undef malloc
#undef calloc
#undef realloc
#undef aligned_alloc
#undef strdup
#undef phub__loader_new

#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub_fixture.h"
#include "strategy/loader.h"

#define CASES_MAX 3000u     /* of one course */
#ifdef __SANITIZE_ADDRESS__
#define STEP 5u             /* what is refused is the same; it is slow there */
#else
#define STEP 1u
#endif

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *old, size_t size);
void *failing_aligned_alloc(size_t alignment, size_t size);
char *failing_strdup(const char *text);
int loader_of_files(const char *path, struct phub__loader **loader,
                    char *error, size_t error_max);

/* --- memory --------------------------------------------------------------- */

static int scarce;          /* these are the moments */
static int lasting;         /* until they are over */
static uint32_t nth;        /* is refused, counted from 1 */
static uint32_t asked;      /* for memory, so far */

static int refused(void)
{
    if (!scarce)
        return 0;
    asked++;
    return lasting ? asked >= nth : asked == nth;
}

void *failing_malloc(size_t size)
{
    return refused() ? NULL : malloc(size);
}

void *failing_calloc(size_t count, size_t size)
{
    return refused() ? NULL : calloc(count, size);
}

void *failing_realloc(void *old, size_t size)
{
    return refused() ? NULL : realloc(old, size);
}

void *failing_aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : aligned_alloc(alignment, size);
}

char *failing_strdup(const char *text)
{
    return refused() ? NULL : strdup(text);
}

/* --- the strategies that are linked in ------------------------------------ */

extern const struct phub_plugin phub_plugin_abi1_consistent_hash;
extern const struct phub_plugin phub_plugin_abi1_load_balancer;
extern const struct phub_plugin phub_plugin_abi1_autonomous;
extern const struct phub_plugin phub_plugin_abi1_coldswap;
extern const struct phub_plugin phub_plugin_abi1_hotswap;
extern const struct phub_plugin phub_plugin_abi1_dynamic_quorum;
extern const struct phub_plugin phub_plugin_abi1_keep_oldest;
extern const struct phub_plugin phub_plugin_abi1_majority_quorum;
extern const struct phub_plugin phub_plugin_abi1_static_quorum;
extern const struct phub_plugin phub_plugin_abi1_auto;
extern const struct phub_plugin phub_plugin_abi1_gossip;
extern const struct phub_plugin phub_plugin_abi1_pubsub;

int phub__loader_new(const char *path, struct phub__loader **loader,
                     char *error, size_t error_max)
{
    static const struct phub_plugin *const ours[] = {
        &phub_plugin_abi1_consistent_hash, &phub_plugin_abi1_load_balancer,
        &phub_plugin_abi1_autonomous, &phub_plugin_abi1_coldswap,
        &phub_plugin_abi1_hotswap, &phub_plugin_abi1_dynamic_quorum,
        &phub_plugin_abi1_keep_oldest, &phub_plugin_abi1_majority_quorum,
        &phub_plugin_abi1_static_quorum, &phub_plugin_abi1_auto,
        &phub_plugin_abi1_gossip, &phub_plugin_abi1_pubsub };
    int rc = loader_of_files(path, loader, error, error_max);
    size_t i;

    for (i = 0; rc == 0 && i < sizeof ours / sizeof ours[0]; i++)
        rc = phub__loader_add(*loader, ours[i]);
    return rc;
}

/* --- courses -------------------------------------------------------------- */

struct variant {
    const char *what;       /* a strategy */
    const char *param;      /* NULL: none */
};

static struct hubs hubs;
static struct hubs_result result;
static const struct variant *variant;
static const char ids[] = "a b c d e f g h";

/* The case, for people. */
static const char *which(void)
{
    static char text[128];

    (void)snprintf(text, sizeof text, "%s, allocation %u%s", variant->what,
                   nth, lasting ? " and all after it" : "");
    return text;
}

static void begin(uint32_t nodes, const char *migration)
{
    scarce = 0;
    hubs_new(&hubs, nodes, migration, 23);
    hubs_run(&hubs, 1000);
}

static void end(void)
{
    ck_assert_msg(hubs.doubled == 0, "%s: doubled", which());
    hubs_free(&hubs);
}

static void starve(uint64_t ms)
{
    scarce = 1;
    hubs_run(&hubs, ms);
    scarce = 0;
}

static void settles(void)
{
    ck_assert_msg(hubs_until(&hubs, 60000, hubs_agree, NULL),
                  "%s: they do not agree", which());
}

static void all_act(const char *names)
{
    char id[2] = "";

    for (; *names != '\0'; names += names[1] == ' ' ? 2 : 1) {
        id[0] = *names;
        ck_assert_msg(hubs_acting(&hubs, id, NULL) == 1,
                      "%s: %s acts %u times", which(), id,
                      hubs_acting(&hubs, id, NULL));
    }
}

static void runs_again(const char *id)
{
    ck_assert_msg(hubs_until(&hubs, 60000, hubs_acts, id),
                  "%s: %s acts %u times", which(), id,
                  hubs_acting(&hubs, id, NULL));
}

/* The course, with each allocation of its moments refused. */
static void again_and_again(void (*course)(void), const struct variant *with)
{
    uint32_t cases = 0;

    variant = with;
    for (lasting = 0; lasting < 2; lasting++)
        for (nth = 1, asked = 1; asked + STEP >= nth; nth += STEP) {
            asked = 0;
            memset(&hubs, 0, sizeof hubs);
            course();
            ck_assert_msg(++cases < CASES_MAX, "%s: it has no end",
                          with->what);
        }
}

/* --- moves ---------------------------------------------------------------- */

static const struct variant migrations[] = {
    { "hotswap", NULL }, { "coldswap", NULL }, { "autonomous", NULL } };
#define MIGRATIONS (int)(sizeof migrations / sizeof migrations[0])

static int takes_state_along(void)
{
    return strcmp(variant->what, "autonomous") != 0;
}

static void has_counted_to(uint64_t n)
{
    if (takes_state_along())
        ck_assert_msg(hubs_counter(&hubs, "a") == n,
                      "%s: its state is lost", which());
}

/* Whatever became of it, it can be moved again and again. */
static void move(void)
{
    uint32_t home;
    int k;

    begin(3, variant->what);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    scarce = 1;
    hubs_move_send(&hubs, home, "a", (home + 1) % 3, &result);
    starve(40);
    hubs_wait(&hubs, &result);
    ck_assert_uint_eq(result.done, 1);
    runs_again("a");
    has_counted_to(5);
    for (k = 0; k < 3; k++) {
        (void)hubs_acting(&hubs, "a", &home);
        ck_assert_msg(hubs_move(&hubs, home, "a", (home + 1) % 3) == 0,
                      "%s, move %d: %s", which(), k, hubs_last.text);
        hubs_run(&hubs, 1000);
    }
    has_counted_to(5);
    end();
}

START_TEST(a_child_moves)
{
    again_and_again(move, &migrations[_i]);
}
END_TEST

static int has_left;

static void left(void *arg)
{
    (void)arg;
    has_left = 1;
}

static void leave(struct phub__hub *hub, void *arg)
{
    (void)arg;
    phub__hub_stop(hub, 8000, left, NULL);
}

static int is_over(struct hubs *h, const void *none)
{
    (void)h;
    (void)none;
    return has_left;
}

static void node_leaves(void)
{
    uint32_t home;

    begin(3, variant->what);
    has_left = 0;
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    scarce = 1;
    hubs_do(&hubs, home, leave, NULL);
    starve(40);
    ck_assert_msg(hubs_until(&hubs, 60000, is_over, NULL),
                  "%s: it never leaves", which());
    phub__sim_node_power_off(hubs_node(&hubs, home));
    runs_again("a");
    has_counted_to(5);
    end();
}

START_TEST(a_node_leaves)
{
    again_and_again(node_leaves, &migrations[_i]);
}
END_TEST

static void drain(struct phub__hub *hub, void *arg)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_DRAIN, 1, 60000);

    (void)arg;
    request->items[0].op.target = hub->node;
    phub__request_send(request, hubs_done, &result);
}

static void node_is_drained(void)
{
    uint32_t home, at;

    begin(3, variant->what);
    memset(&result, 0, sizeof result);
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    scarce = 1;
    hubs_do(&hubs, home, drain, NULL);
    starve(40);
    hubs_wait(&hubs, &result);
    ck_assert_msg(result.codes[0] == 0, "%s: %s", which(), result.text);
    ck_assert_uint_eq(hubs_acting(&hubs, "a", &at), 1);
    ck_assert_uint_ne(at, home);
    has_counted_to(5);
    end();
}

START_TEST(a_node_is_drained)
{
    again_and_again(node_is_drained, &migrations[_i]);
}
END_TEST

static void take(struct phub__hub *hub, void *none)
{
    (void)none;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 0);
}

static void take_no_more(struct phub__hub *hub, void *none)
{
    (void)none;
    phub__drain_set(hub, PHUB__DRAIN_ASKED, 1);
}

/* Those that stay take nothing so far, so nothing moves: the states go
 * ahead. */
static void states_go_ahead(void)
{
    uint32_t home, i;

    begin(3, variant->what);
    has_left = 0;
    ck_assert_int_eq(hubs_start(&hubs, 0, "a", "sim state freeze"), 0);
    (void)hubs_acting(&hubs, "a", &home);
    hubs_update(&hubs, "a", 1, 5);
    for (i = 0; i < 3; i++)
        if (i != home)
            hubs_do(&hubs, i, take_no_more, NULL);
    hubs_run(&hubs, 1000);
    hubs_do(&hubs, home, leave, NULL);
    starve(600);
    ck_assert(hubs_until(&hubs, 60000, is_over, NULL));
    phub__sim_node_power_off(hubs_node(&hubs, home));
    for (i = 0; i < 3; i++)
        if (i != home)
            hubs_do(&hubs, i, take, NULL);
    runs_again("a");
    has_counted_to(5);
    end();
}

START_TEST(states_go_ahead_of_a_node_that_leaves)
{
    again_and_again(states_go_ahead, &migrations[_i]);
}
END_TEST

/* --- places --------------------------------------------------------------- */

static const struct variant distributions[] = {
    { "consistent_hash", "bound_percent=0" },
    { "consistent_hash", "bound_percent=25" },
    { "load_balancer", "rebalance_per_minute=60" } };
#define DISTRIBUTIONS (int)(sizeof distributions / sizeof distributions[0])

static void begin_distributed(uint32_t nodes)
{
    hubs.distribution = variant->what;
    hubs.distribution_params = &variant->param;
    hubs.distribution_params_count = 1;
    begin(nodes, "hotswap");
}

static void node_is_lost(void)
{
    begin_distributed(3);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    hubs_run(&hubs, 700);
    starve(5000);
    settles();
    hubs_run(&hubs, 30000);
    all_act(ids);
    end();
}

START_TEST(a_node_is_lost)
{
    again_and_again(node_is_lost, &distributions[_i]);
}
END_TEST

static void node_joins(void)
{
    begin_distributed(2);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim state freeze"), 0);
    hubs_run(&hubs, 1000);
    hubs_update(&hubs, "a", 1, 5);
    (void)hubs_add(&hubs);
    starve(4000);
    settles();
    hubs_run(&hubs, 30000);
    all_act(ids);
    has_counted_to(5);
    end();
}

START_TEST(a_node_joins)
{
    again_and_again(node_joins, &distributions[_i]);
}
END_TEST

/* Whatever became of that, the name can be used again. */
static void children_start(void)
{
    int rc;

    begin_distributed(3);
    scarce = 1;
    hubs_start_send(&hubs, 0, "a b c d", "sim", &result);
    starve(40);
    hubs_wait(&hubs, &result);
    ck_assert_uint_eq(result.done, 1);
    hubs_run(&hubs, 8000);
    rc = hubs_start(&hubs, 1, "a", "sim");
    ck_assert_msg(rc == 0 || rc == PHUB_EEXIST || rc == PHUB_EREPEATED,
                  "%s: %d, then %s", which(), result.codes[0],
                  hubs_last.text);
    runs_again("a");
    ck_assert_int_eq(hubs_stop(&hubs, 2, "a"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 1, "a", "sim"), 0);
    end();
}

START_TEST(children_are_started)
{
    again_and_again(children_start, &distributions[_i]);
}
END_TEST

static void drained_node_looks_on(void)
{
    static const char later[] = "k l m n o p q r";
    uint32_t at, i;

    begin_distributed(3);
    hubs_do(&hubs, 2, take_no_more, NULL);
    hubs_run(&hubs, 200);
    scarce = 1;
    hubs_start_send(&hubs, 0, ids, "sim", &result);
    starve(40);
    hubs_wait(&hubs, &result);
    ck_assert_int_eq(hubs_start(&hubs, 0, later, "sim"), 0);
    all_act(later);
    for (i = 0; i < sizeof later; i += 2) {
        const char id[2] = { later[i], '\0' };

        (void)hubs_acting(&hubs, id, &at);
        ck_assert_msg(at != 2, "%s: %s is on the drained node", which(), id);
    }
    end();
}

START_TEST(a_drained_node_is_given_no_child)
{
    again_and_again(drained_node_looks_on, &distributions[_i]);
}
END_TEST

/* --- partitions ----------------------------------------------------------- */

static const struct variant partitions[] = {
    { "majority_quorum", "initial_size=3" },
    { "keep_oldest", "initial_size=3" },
    { "dynamic_quorum", "quorum_percent=51" },
    { "static_quorum", "quorum_size=2" } };
#define PARTITIONS (int)(sizeof partitions / sizeof partitions[0])

static void begin_parted(uint32_t nodes)
{
    hubs.partition = variant->what;
    hubs.partition_params = &variant->param;
    hubs.partition_params_count = 1;
    begin(nodes, "coldswap");
}

static void all_may_start(uint32_t nodes)
{
    uint32_t i;

    for (i = 0; i < nodes; i++) {
        const char id[2] = { "xyzuvw"[i], '\0' };

        ck_assert_msg(hubs_start(&hubs, i, id, "sim") == 0,
                      "%s: start at %u: %s", which(), i, hubs_last.text);
    }
}

static void majority_begins(void)
{
    uint32_t i;

    begin_parted(3);
    for (i = 0; i < 3; i++)
        phub__sim_node_power_off(hubs_node(&hubs, i));
    hubs_run(&hubs, 5000);
    for (i = 0; i < 3; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    hubs_run(&hubs, 5);
    starve(5000);
    settles();
    hubs_run(&hubs, 10000);
    all_may_start(3);
    end();
}

START_TEST(a_majority_begins)
{
    again_and_again(majority_begins, &partitions[_i]);
}
END_TEST

/* The smaller side ends its children before the others start them; they are
 * one hub again. */
static void hub_is_cut(void)
{
    static const uint32_t groups[] = { 0, 0, 1 };

    begin_parted(3);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim"), 0);
    hubs_run(&hubs, 1000);
    phub__world_partition(hubs.world, groups, 3);
    hubs_run(&hubs, 700);
    starve(5000);
    hubs_run(&hubs, 30000);
    all_act(ids);
    phub__world_heal_all(hubs.world);
    settles();
    hubs_run(&hubs, 10000);
    all_act(ids);
    all_may_start(3);
    end();
}

START_TEST(a_hub_is_cut)
{
    again_and_again(hub_is_cut, &partitions[_i]);
}
END_TEST

/* With its store, or it says why not, and starts another time. */
static void node_starts(void)
{
    begin_parted(3);
    ck_assert_int_eq(hubs_start(&hubs, 0, ids, "sim"), 0);
    hubs_run(&hubs, 1000);
    phub__sim_node_kill(hubs_node(&hubs, 1));
    hubs.may_refuse = 1;
    scarce = 1;
    phub__sim_node_start(hubs_node(&hubs, 1));
    starve(1);
    if (hubs_hub(&hubs, 1) == NULL) {
        ck_assert_msg(strstr(hubs.refused, "memory") != NULL, "%s: \"%s\"",
                      which(), hubs.refused);
        phub__sim_node_start(hubs_node(&hubs, 1));
    }
    settles();
    hubs_run(&hubs, 10000);
    all_act(ids);
    end();
}

START_TEST(a_node_starts)
{
    again_and_again(node_starts, &partitions[_i]);
}
END_TEST

static void elector_joins_and_leaves(void)
{
    begin_parted(3);
    has_left = 0;
    (void)hubs_add(&hubs);
    starve(3000);
    settles();
    hubs_run(&hubs, 20000);
    scarce = 1;
    hubs_do(&hubs, 3, leave, NULL);
    starve(1000);
    ck_assert_msg(hubs_until(&hubs, 60000, is_over, NULL),
                  "%s: it never leaves", which());
    phub__sim_node_power_off(hubs_node(&hubs, 3));
    settles();
    all_may_start(3);
    end();
}

START_TEST(an_elector_joins_and_leaves)
{
    again_and_again(elector_joins_and_leaves, &partitions[_i]);
}
END_TEST

/* --- registries ----------------------------------------------------------- */

static const struct variant syncs[] = {
    { "pubsub", NULL }, { "gossip", NULL }, { "auto", NULL } };
#define SYNCS (int)(sizeof syncs / sizeof syncs[0])

static void are_equal(void)
{
    uint64_t first = 0;
    uint32_t i;

    for (i = 0; i < hubs.nodes; i++) {
        struct phub__hub *hub = hubs_hub(&hubs, i);
        uint64_t digest = phub__registry_digest(hub->registry);

        if (i == 0)
            first = digest;
        ck_assert_msg(digest == first,
                      "%s: the registry of %u is another", which(), i);
    }
}

static void registries_differ(void)
{
    uint32_t i;

    hubs.sync = variant->what;
    begin(4, "hotswap");
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b c d", "sim"), 0);
    scarce = 1;
    for (i = 0; i < 4; i++) {
        const char id[2] = { "efgh"[i], '\0' };

        hubs_start_send(&hubs, i, id, "sim", &result);
        starve(50);
    }
    hubs_run(&hubs, 30000);
    settles();
    are_equal();
    end();
}

START_TEST(registries_become_equal)
{
    again_and_again(registries_differ, &syncs[_i]);
}
END_TEST

static void node_was_away(void)
{
    hubs.sync = variant->what;
    begin(3, "hotswap");
    ck_assert_int_eq(hubs_start(&hubs, 0, "a b", "sim"), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 2));
    hubs_run(&hubs, 10000);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c d e", "sim"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "a"), 0);
    phub__sim_node_start(hubs_node(&hubs, 2));
    hubs_run(&hubs, 5);
    starve(2000);
    settles();
    hubs_run(&hubs, 30000);
    are_equal();
    all_act("b c d e");
    end();
}

START_TEST(a_node_was_away)
{
    again_and_again(node_was_away, &syncs[_i]);
}
END_TEST

/* --- another strategy ----------------------------------------------------- */

static const struct {
    uint32_t kind;
    struct variant to;
} changes[] = {
    { PHUB_KIND_DISTRIBUTION, { "load_balancer", NULL } },
    { PHUB_KIND_SYNC, { "gossip", "fanout=2" } },
    { PHUB_KIND_MIGRATION, { "coldswap", NULL } },
    { PHUB_KIND_PARTITION, { "majority_quorum", "initial_size=2" } } };
#define CHANGES (int)(sizeof changes / sizeof changes[0])

static uint32_t kind;

/* Whatever became of it, it can be asked for again. */
static void strategy_changes(void)
{
    int rc;

    begin(3, "hotswap");
    scarce = 1;
    hubs_switch_send(&hubs, 0, kind, variant->what, variant->param, &result);
    starve(500);
    hubs_wait(&hubs, &result);
    ck_assert_uint_eq(result.done, 1);
    settles();
    hubs_run(&hubs, 10000);
    hubs_switch_send(&hubs, 1, kind, variant->what, variant->param, &result);
    hubs_wait(&hubs, &result);
    rc = result.codes[0];
    ck_assert_msg(rc == 0 || rc == PHUB_EEXIST, "%s: %d %s",
                  which(), rc, result.text);
    all_may_start(3);
    end();
}

START_TEST(a_strategy_changes)
{
    kind = changes[_i].kind;
    again_and_again(strategy_changes, &changes[_i].to);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("shortage");
    TCase *tc = tcase_create("shortage");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_loop_test(tc, a_child_moves, 0, MIGRATIONS);
    tcase_add_loop_test(tc, a_node_leaves, 0, MIGRATIONS);
    tcase_add_loop_test(tc, a_node_is_drained, 0, MIGRATIONS);
    tcase_add_loop_test(tc, states_go_ahead_of_a_node_that_leaves, 0, 2);
    tcase_add_loop_test(tc, a_node_starts, 0, PARTITIONS);
    tcase_add_loop_test(tc, a_node_is_lost, 0, DISTRIBUTIONS);
    tcase_add_loop_test(tc, a_node_joins, 0, DISTRIBUTIONS);
    tcase_add_loop_test(tc, children_are_started, 0, DISTRIBUTIONS);
    tcase_add_loop_test(tc, a_drained_node_is_given_no_child, 0,
                        DISTRIBUTIONS);
    tcase_add_loop_test(tc, a_majority_begins, 0, PARTITIONS);
    tcase_add_loop_test(tc, a_hub_is_cut, 0, PARTITIONS);
    tcase_add_loop_test(tc, an_elector_joins_and_leaves, 1, PARTITIONS);
    tcase_add_loop_test(tc, registries_become_equal, 0, SYNCS);
    tcase_add_loop_test(tc, a_node_was_away, 0, SYNCS);
    tcase_add_loop_test(tc, a_strategy_changes, 0, CHANGES);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
