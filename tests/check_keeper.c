/* SPDX-License-Identifier: MIT */
/* check_keeper: one node orders the decisions about a child. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/redistribute.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "hub_fixture.h"

static struct hubs hubs;

static void setup(void)
{
    hubs_new(&hubs, 3, "hotswap", 11);
}

static void teardown(void)
{
    ck_assert_uint_eq(hubs.doubled, 0);
    hubs_free(&hubs);
}

static int live(uint32_t node, const char *id)
{
    struct phub__row_facts row;

    phub__row_facts(hubs_hub(&hubs, node), hubs_bytes(id), &row);
    return row.live;
}

static uint32_t keeper_of(const char *id)
{
    uint64_t keeper = phub__view_keeper(
        phub__hub_view(hubs_hub(&hubs, 0)), hubs_bytes(id));
    uint32_t i;

    for (i = 0; i < hubs.nodes && hubs.ids[i] != keeper; i++)
        ;
    return i;
}

/* --- start ---------------------------------------------------------------- */

START_TEST(a_start_is_answered_with_node_and_pid_when_it_runs)
{
    uint32_t at = 9;

    ck_assert_int_eq(hubs_start(&hubs, (uint32_t)_i, "c", "sim"), 0);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(hubs_last.node, hubs.ids[at]);
    ck_assert_int_gt(hubs_last.pid, 0);
    ck_assert_uint_eq(hubs_home(&hubs, (uint32_t)_i, "c"), at);
}
END_TEST

START_TEST(a_second_start_is_refused_and_names_its_home)
{
    char text[64];
    uint32_t at = 9, i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &at);
    snprintf(text, sizeof text, "already started; its home is node '%c'",
             'a' + (int)at);
    for (i = 0; i < 3; i++) {
        ck_assert_int_eq(hubs_start(&hubs, i, "c", "sim"), PHUB_EEXIST);
        ck_assert_str_eq(hubs_last.text, text);
    }
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

/* Settled in, and with a lease, but what the others know it has yet to hear. */
static void knows_nothing(struct phub__hub *hub, void *arg)
{
    ck_assert(!phub__keeper_undecided(hub));
    phub__synced_restart(hub);
    *(int *)arg = phub__keeper_undecided(hub);
}

START_TEST(who_has_not_heard_what_all_members_have_decides_nothing)
{
    uint32_t keeper = keeper_of("c");
    int undecided = 0;

    hubs_run(&hubs, 2000);
    hubs_do(&hubs, keeper, knows_nothing, &undecided);
    ck_assert(undecided);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert(!phub__keeper_undecided(hubs_hub(&hubs, keeper)));
}
END_TEST

START_TEST(the_same_name_twice_in_one_batch_starts_once)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c d c", "sim"), 0);
    ck_assert_int_eq(hubs_last.codes[1], 0);
    ck_assert_int_eq(hubs_last.codes[2], PHUB_EEXIST);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(two_nodes_that_start_the_same_name_at_once_start_it_once)
{
    struct hubs_result one, two;

    hubs_start_send(&hubs, 0, "c", "sim", &one);
    hubs_start_send(&hubs, 1, "c", "sim", &two);
    hubs_wait(&hubs, &one);
    hubs_wait(&hubs, &two);
    ck_assert_int_eq(one.codes[0] + two.codes[0], PHUB_EEXIST);
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(a_start_that_fails_says_why_and_leaves_nothing)
{
    static const struct {
        const char *words;
        int code;
        const char *text;
    } cases[] = {
        { "sim fail-start", PHUB_ESPAWN, NULL },
        { "sim slow-ready=9000", PHUB_ETIMEDOUT, "not ready after 3000 ms" },
        { "sim crash-loop", PHUB_EFAILED, NULL },
    };
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", cases[_i].words),
                     cases[_i].code);
    ck_assert_str_ne(hubs_last.text, "");
    if (cases[_i].text != NULL)
        ck_assert_str_eq(hubs_last.text, cases[_i].text);
    hubs_run(&hubs, 2000);
    for (i = 0; i < 3; i++)
        ck_assert(!live(i, "c"));
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert_int_eq(hubs_start(&hubs, 1, "c", "sim"), 0);
}
END_TEST

static int start_raw(struct phub_bytes id, struct phub_bytes spec)
{
    struct phub__command_child child = { .id = id, .spec = spec };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hubs_hub(&hubs, 0), &child, 1, 0, 0,
                                         hubs_done, &hubs_last), 0);
    hubs_wait(&hubs, &hubs_last);
    return hubs_last.codes[0];
}

START_TEST(names_have_limits)
{
    struct phub_buf *spec = hubs_spec("sim");
    char id[PHUB_CHILD_ID_MAX + 2];

    memset(id, 'x', sizeof id);
    ck_assert_int_eq(start_raw((struct phub_bytes){ (uint8_t *)id,
                                   PHUB_CHILD_ID_MAX },
                               phub__buf_bytes(spec)), 0);
    ck_assert_int_eq(start_raw((struct phub_bytes){ (uint8_t *)id,
                                   PHUB_CHILD_ID_MAX + 1 },
                               phub__buf_bytes(spec)), PHUB_EINVAL);
    ck_assert_str_eq(hubs_last.text,
                     "id of 256 bytes: 1 to 255 are allowed");
    ck_assert_int_eq(start_raw(PHUB_BYTES_NONE, phub__buf_bytes(spec)),
                     PHUB_EINVAL);
    ck_assert_str_eq(hubs_last.text, "id of 0 bytes: 1 to 255 are allowed");
    ck_assert_int_eq(start_raw(hubs_bytes("a\nb"), phub__buf_bytes(spec)),
                     PHUB_EINVAL);
    ck_assert_str_eq(hubs_last.text, "id of 3 bytes: 1 to 255 without "
                                     "control characters are allowed");
    phub__buf_unref(&spec);
}
END_TEST

START_TEST(a_bad_spec_is_refused_with_its_own_words)
{
    ck_assert_int_eq(start_raw(hubs_bytes("c"), hubs_bytes("junk")),
                     PHUB_EPROTO);
    ck_assert_int_eq(start_raw(hubs_bytes("c"), PHUB_BYTES_NONE),
                     PHUB_EPROTO);
    ck_assert_str_eq(hubs_last.text,
                     "malformed spec at key 0: malformed or unexpected bytes");
    ck_assert(!live(0, "c"));
}
END_TEST

START_TEST(nothing_to_do_and_too_much_are_refused_at_once)
{
    struct phub__command_child child = { .id = hubs_bytes("c") };
    struct phub__hub *hub = hubs_hub(&hubs, 0);

    ck_assert_int_eq(phub__command_start(hub, &child, 0, 0, 0, hubs_done,
                                         &hubs_last), PHUB_EEMPTY);
    ck_assert_int_eq(phub__command_start(hub, &child, PHUB_BATCH_MAX + 1, 0,
                                         0, hubs_done, &hubs_last),
                     PHUB_ELIMIT);
    ck_assert_int_eq(phub__command_stop(hub, &child.id, 0, 0, hubs_done,
                                        &hubs_last), PHUB_EEMPTY);
}
END_TEST

/* --- what an acknowledgement is worth --------------------------------------- */

static int well(struct hubs *h, const void *id)
{
    return hubs_agree(h, NULL) && hubs_acts(h, id);
}

START_TEST(an_acknowledged_start_survives_the_loss_of_any_node)
{
    uint32_t author = (uint32_t)_i / 3, dead = (uint32_t)_i % 3;
    struct hubs_result result;

    hubs_start_send(&hubs, author, "c", "sim", &result);
    while (result.done == 0)
        ck_assert(phub__world_step(hubs.world));
    ck_assert_int_eq(result.codes[0], 0);
    phub__sim_node_power_off(hubs_node(&hubs, dead));
    ck_assert(hubs_until(&hubs, 60000, well, "c"));
    ck_assert_uint_eq(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(a_start_whose_keeper_dies_ends_with_the_truth)
{
    struct hubs_result result;
    uint32_t keeper = keeper_of("c"), asks = (keeper + 1) % 3;

    phub__sim_node_kill_after(hubs_node(&hubs, keeper), (uint32_t)_i);
    hubs_start_send(&hubs, asks, "c", "sim", &result);
    if (_i == 0)
        phub__sim_node_kill(hubs_node(&hubs, keeper));
    hubs_wait(&hubs, &result);
    phub__sim_node_kill(hubs_node(&hubs, keeper));
    hubs_settle(&hubs);
    hubs_run(&hubs, 15000);
    if (result.codes[0] == 0)
        ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 1);
    ck_assert_uint_le(hubs_instances(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(a_single_node_acknowledges_alone)
{
    phub__sim_node_kill(hubs_node(&hubs, 1));
    phub__sim_node_kill(hubs_node(&hubs, 2));
    hubs_settle(&hubs);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    ck_assert(hubs_acts(&hubs, "c"));
}
END_TEST

/* --- stop ----------------------------------------------------------------- */

START_TEST(a_stop_is_answered_when_nothing_runs_any_more)
{
    uint32_t i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim slow-stop=600"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, (uint32_t)_i, "c"), 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
    for (i = 0; i < 3; i++)
        ck_assert(!live(i, "c"));
    ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(an_unknown_name_cannot_be_stopped)
{
    char id[PHUB_CHILD_ID_MAX + 2];

    ck_assert_int_eq(hubs_stop(&hubs, 0, "nobody"), PHUB_ENOTFOUND);
    ck_assert_str_eq(hubs_last.text, "no such child");
    memset(id, 'x', sizeof id);
    id[sizeof id - 1] = '\0';
    ck_assert_int_eq(hubs_stop(&hubs, 0, id), PHUB_ENOTFOUND);
}
END_TEST

/* Those that are here have lost their rows; it runs where nobody can ask. */
START_TEST(what_a_node_that_is_away_may_know_is_not_said_to_be_unknown)
{
    struct hubs_result move;
    uint32_t home = 9, i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    phub__sim_node_freeze(hubs_node(&hubs, home));
    for (i = 1; i < 3; i++)
        phub__sim_node_power_off(hubs_node(&hubs, (home + i) % 3));
    for (i = 1; i < 3; i++)
        phub__sim_node_start(hubs_node(&hubs, (home + i) % 3));
    i = (home + 1) % 3;
    hubs_move_send(&hubs, i, "c", (i + 1) % 3, &move);
    ck_assert_int_eq(hubs_stop(&hubs, i, "c"), PHUB_ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "which is away"));
    hubs_wait(&hubs, &move);
    ck_assert_int_eq(move.codes[0], PHUB_ETIMEDOUT);
    ck_assert_ptr_nonnull(strstr(move.text, "which is away"));
    hubs_run(&hubs, 20000);
    ck_assert_int_eq(hubs_stop(&hubs, i, "c"), PHUB_ENOTFOUND);
    ck_assert_ptr_nonnull(strstr(hubs_last.text, "which is away"));
    phub__sim_node_thaw(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    ck_assert_int_eq(hubs_move(&hubs, i, "d", home), PHUB_ENOTFOUND);
    ck_assert_str_eq(hubs_last.text, "no such child");
    ck_assert_int_eq(hubs_stop(&hubs, i, "c"), 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert_int_eq(hubs_stop(&hubs, i, "c"), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(one_that_stayed_knows_what_is_unknown)
{
    phub__sim_node_power_off(hubs_node(&hubs, 0));
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    phub__sim_node_start(hubs_node(&hubs, 1));
    hubs_run(&hubs, 30000);
    ck_assert_int_eq(hubs_stop(&hubs, 1, "c"), PHUB_ENOTFOUND);
    ck_assert_int_eq(hubs_stop(&hubs, 2, "c"), PHUB_ENOTFOUND);
}
END_TEST

START_TEST(a_machine_that_cannot_begin_a_child_does_not_keep_it)
{
    uint32_t home = 9, at = 9, i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), 0);
    phub__sim_node_no_exec(hubs_node(&hubs, home), 1);
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &at);
    ck_assert_uint_ne(at, home);
    for (i = 0; i < 3; i++)
        phub__sim_node_no_exec(hubs_node(&hubs, i), 1);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    hubs_run(&hubs, 120000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", NULL), 0);
    for (i = 0; i < 3; i++)
        phub__sim_node_no_exec(hubs_node(&hubs, i), 0);
    ck_assert(hubs_until(&hubs, 11000, hubs_acts, "c"));
}
END_TEST

/* As a keeper asks who has not heard of the move. */
static void ask_its_old_home(struct phub__hub *hub, void *home)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_END, 1, HUBS_TIMEOUT_MS);
    struct phub__row_facts row;

    phub__row_facts(hub, hubs_bytes("c"), &row);
    request->items[0].op.id = hubs_bytes("c");
    request->items[0].op.incarnation = row.incarnation;
    request->items[0].op.target = *(uint64_t *)home;
    memset(&hubs_last, 0, sizeof hubs_last);
    phub__request_send(request, hubs_done, &hubs_last);
}

START_TEST(who_moved_a_child_says_where_to_when_asked_to_end_it)
{
    uint32_t home = 9, target;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    hubs_do(&hubs, 0, ask_its_old_home, &hubs.ids[(home + 2) % 3]);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_uint_eq(hubs_last.value, 0);
    target = (home + 1) % 3;
    ck_assert_int_eq(hubs_move(&hubs, home, "c", target), 0);
    hubs_do(&hubs, 0, ask_its_old_home, &hubs.ids[home]);
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], 0);
    ck_assert_uint_eq(hubs_last.value, hubs.ids[target]);
    ck_assert(hubs_acts(&hubs, "c"));
}
END_TEST

START_TEST(a_child_that_ignores_stop_is_killed)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim ignore-stop"), 0);
    ck_assert_int_eq(hubs_stop(&hubs, 0, "c"), 0);
    ck_assert(hubs_is_gone(&hubs, "c"));
}
END_TEST

START_TEST(a_stop_while_it_starts_ends_both)
{
    struct hubs_result start;

    hubs_start_send(&hubs, 0, "c", "sim slow-ready=2000", &start);
    hubs_run(&hubs, (uint64_t)_i);
    ck_assert_int_eq(hubs_stop(&hubs, 1, "c"), 0);
    hubs_wait(&hubs, &start);
    ck_assert_int_eq(start.codes[0], PHUB_ESTOPPED);
    hubs_run(&hubs, 5000);
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert(!live(0, "c"));
}
END_TEST

START_TEST(a_stopped_name_starts_again_when_the_old_one_is_gone)
{
    struct hubs_result stop, start;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim slow-stop=900"), 0);
    hubs_stop_send(&hubs, 0, "c", &stop);
    hubs_run(&hubs, 50);
    hubs_start_send(&hubs, 1, "c", "sim", &start);
    while (start.done == 0) {
        ck_assert(phub__world_step(hubs.world));
        ck_assert_uint_le(hubs_instances(&hubs, "c", NULL), 1);
    }
    hubs_wait(&hubs, &stop);
    ck_assert_int_eq(stop.codes[0], 0);
    ck_assert_int_eq(start.codes[0], 0);
    ck_assert(hubs_acts(&hubs, "c"));
}
END_TEST

START_TEST(a_stop_outlives_its_keeper)
{
    struct hubs_result stop;
    uint32_t keeper = keeper_of("c"), asks = (keeper + 1) % 3;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    phub__sim_node_kill_after(hubs_node(&hubs, keeper), (uint32_t)_i + 1);
    hubs_stop_send(&hubs, asks, "c", &stop);
    hubs_wait(&hubs, &stop);
    phub__sim_node_kill(hubs_node(&hubs, keeper));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    if (stop.codes[0] == 0)
        ck_assert(hubs_is_gone(&hubs, "c"));
    else
        ck_assert_uint_le(hubs_acting(&hubs, "c", NULL), 1);
}
END_TEST

START_TEST(no_stopped_child_comes_back_with_a_node_that_was_away)
{
    uint32_t home = 9, other;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    other = (home + 1) % 3;
    phub__sim_node_freeze(hubs_node(&hubs, home));
    hubs_run(&hubs, 30000);
    ck_assert_int_eq(hubs_stop(&hubs, other, "c"), 0);
    phub__sim_node_thaw(hubs_node(&hubs, home));
    hubs_settle(&hubs);
    hubs_run(&hubs, 10000);
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert(!live(home, "c"));
}
END_TEST

/* --- rollback, completion --------------------------------------------------- */

START_TEST(rollback_undoes_what_had_started_and_nothing_else)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "y", "sim"), 0);
    ck_assert_int_eq(hubs_start(&hubs, 1, "x y z", "sim rollback"),
                     PHUB_ECANCELLED);
    ck_assert_int_eq(hubs_last.codes[1], PHUB_EEXIST);
    ck_assert_int_eq(hubs_last.codes[2], PHUB_ECANCELLED);
    ck_assert_str_eq(hubs_last.text, "undone, because another one failed");
    ck_assert(hubs_is_gone(&hubs, "x"));
    ck_assert(hubs_is_gone(&hubs, "z"));
    ck_assert(hubs_acts(&hubs, "y"));
    ck_assert_int_eq(hubs_start(&hubs, 1, "x", "sim"), 0);
}
END_TEST

static void start_in_haste(struct phub__hub *hub, void *arg)
{
    const char *const *ids = arg;
    struct phub_buf *spec = hubs_spec("sim");
    struct phub__command_child children[2] = {
        { .id = hubs_bytes(ids[0]), .spec = phub__buf_bytes(spec) },
        { .id = hubs_bytes(ids[1]), .spec = phub__buf_bytes(spec) } };

    memset(&hubs_last, 0, sizeof hubs_last);
    ck_assert_int_eq(phub__command_start(hub, children, 2, 1, 300, hubs_done,
                                         &hubs_last), 0);
    phub__buf_unref(&spec);
}

/* The keeper of one hangs for longer than the batch may take, and starts it
 * then; it is undone all the same, with its answer. */
START_TEST(rollback_undoes_what_is_answered_too_late)
{
    char good[2] = "a", late[2] = "a";
    const char *ids[2] = { good, late };
    uint32_t slow, home = 9;

    while (keeper_of(late) == 0)
        late[0]++;
    slow = keeper_of(late);
    for (;; good[0]++) {   /* the slow one has nothing to do with it */
        if (keeper_of(good) != 0)
            continue;
        ck_assert_int_eq(hubs_start(&hubs, 0, good, "sim"), 0);
        (void)hubs_acting(&hubs, good, &home);
        ck_assert_int_eq(hubs_stop(&hubs, 0, good), 0);
        if (home != slow && home != 0)
            break;
    }
    phub__sim_node_freeze(hubs_node(&hubs, slow));
    hubs_do(&hubs, 0, start_in_haste, ids);
    hubs_run(&hubs, 500);
    phub__sim_node_thaw(hubs_node(&hubs, slow));
    hubs_wait(&hubs, &hubs_last);
    ck_assert_int_eq(hubs_last.codes[0], PHUB_ECANCELLED);
    ck_assert_int_eq(hubs_last.codes[1], PHUB_ETIMEDOUT);
    hubs_settle(&hubs);
    hubs_run(&hubs, 5000);
    ck_assert(hubs_is_gone(&hubs, good));
    ck_assert(hubs_is_gone(&hubs, late));
    ck_assert(!live(0, late));
    ck_assert_int_eq(hubs_start(&hubs, 1, late, "sim"), 0);
}
END_TEST

START_TEST(one_that_ends_for_good_ends_its_row)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c",
                                "sim exit-after=500 temporary"), 0);
    hubs_run(&hubs, 3000);
    ck_assert(hubs_is_gone(&hubs, "c"));
    ck_assert(!live(0, "c"));
    ck_assert(!live(2, "c"));
}
END_TEST

START_TEST(one_that_crashes_is_restarted_where_it_is)
{
    uint32_t home = 9, at = 9;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    phub__sim_child_crash(hubs_child(&hubs, "c"), 1);
    hubs_run(&hubs, 2000);
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &at), 1);
    ck_assert_uint_eq(at, home);
}
END_TEST

static int elsewhere(struct hubs *h, const void *id)
{
    uint32_t at = 9;

    return hubs_acting(h, id, &at) == 1 && hubs_hub(h, at) != NULL;
}

/* Fails for a second on its new node: that is no reason to give it up. */
START_TEST(a_child_whose_node_died_is_tried_until_it_runs)
{
    uint32_t home = 9;
    int i;

    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim slow-ready=50"), 0);
    (void)hubs_acting(&hubs, "c", &home);
    phub__sim_node_power_off(hubs_node(&hubs, home));
    for (i = 0; i < 3; i++) {
        struct phub__sim_child *child = NULL;

        while ((child = phub__sim_child_next(hubs.world, NULL)) == NULL)
            ck_assert(phub__world_step(hubs.world));
        phub__sim_child_crash(child, 1);
        hubs_run(&hubs, 20);
    }
    ck_assert(hubs_until(&hubs, 30000, elsewhere, "c"));
}
END_TEST

/* --- moved on before anybody was told ----------------------------------------- */

static void freeze(struct phub__hub *hub, void *arg)
{
    (void)arg;
    hub->verdict = PHUB_VERDICT_FREEZE;
}

static void go_on(struct phub__hub *hub, void *arg)
{
    (void)arg;
    hub->verdict = PHUB_VERDICT_CONTINUE;
    phub__redistribution_ready(hub);
}

/* Its home may not begin it yet, and then does so by itself: the keeper, who
 * asks again after a while, finds it at the next home. */
START_TEST(a_start_whose_child_has_moved_on_is_answered_by_its_new_home)
{
    struct hubs_result start;
    uint32_t home = 9, at = 9, next;
    char id[2] = "a";

    for (;; id[0]++) {   /* one whose keeper is another node */
        ck_assert_int_eq(hubs_start(&hubs, 0, id, "sim"), 0);
        (void)hubs_acting(&hubs, id, &home);
        ck_assert_int_eq(hubs_stop(&hubs, 0, id), 0);
        if (home != keeper_of(id))
            break;
    }
    next = (home + 1) % 3;
    hubs_do(&hubs, home, freeze, NULL);
    hubs_start_send(&hubs, keeper_of(id), id, "sim", &start);
    hubs_run(&hubs, 1600);  /* asked, and asked again ever later */
    ck_assert_uint_eq(start.done, 0);
    ck_assert_uint_eq(hubs_home(&hubs, home, id), home);
    hubs_do(&hubs, home, go_on, NULL);
    ck_assert(hubs_until(&hubs, 100, hubs_acts, id));
    ck_assert_int_eq(hubs_move(&hubs, home, id, next), 0);
    ck_assert_uint_eq(start.done, 0);
    hubs_wait(&hubs, &start);
    ck_assert_msg(start.codes[0] == 0, "%d %s", start.codes[0], start.text);
    ck_assert_uint_eq(start.node, hubs.ids[next]);
    ck_assert_uint_eq(hubs_acting(&hubs, id, &at), 1);
    ck_assert_uint_eq(at, next);
}
END_TEST

/* --- what can not be asked ------------------------------------------------- */

static struct phub__request *filling[PHUB__REQUESTS_MAX];

/* All but room. */
static void requests_fill(struct phub__hub *hub, void *room)
{
    uint32_t count = PHUB__REQUESTS_MAX - *(const uint32_t *)room, i;

    for (i = 0; i < count; i++)
        filling[i] = phub__request_new(hub, PHUB__OP_ASK, 1, 60000);
    ck_assert_ptr_nonnull(filling[count - 1]);
}

static void requests_empty(struct phub__hub *hub, void *none)
{
    (void)hub;
    (void)none;
    for (uint32_t i = 0; i < PHUB__REQUESTS_MAX; i++) {
        phub__request_drop(filling[i]);
        filling[i] = NULL;
    }
}

/* The start and its home's part are asked for, one more holder is not. */
START_TEST(what_no_other_node_can_be_asked_to_hold_is_not_acknowledged)
{
    struct hubs_result start;
    uint32_t room = 2, i;
    char id[16] = "";

    for (i = 0; i < 1000 && id[0] == '\0'; i++) {
        snprintf(id, sizeof id, "k%u", i);
        if (keeper_of(id) != 0 || hubs_start(&hubs, 1, id, "sim") != 0 ||
            hubs_home(&hubs, 0, id) != 0)
            id[0] = '\0';
    }
    ck_assert_int_eq(hubs_stop(&hubs, 1, id), 0);
    hubs_run(&hubs, 2000);
    hubs_do(&hubs, 0, requests_fill, &room);
    hubs_start_send(&hubs, 0, id, "sim", &start);
    hubs_wait(&hubs, &start);
    ck_assert_msg(start.codes[0] == PHUB_ENOMEM &&
                      strstr(start.text, "could not be held") != NULL,
                  "%d %s", start.codes[0], start.text);
    hubs_do(&hubs, 0, requests_empty, NULL);
    ck_assert(hubs_acts(&hubs, id));
}
END_TEST

static void add_stops(TCase *tc)
{
    tcase_add_loop_test(tc, a_stop_is_answered_when_nothing_runs_any_more, 0,
                        3);
    tcase_add_test(tc, an_unknown_name_cannot_be_stopped);
    tcase_add_test(tc,
        what_a_node_that_is_away_may_know_is_not_said_to_be_unknown);
    tcase_add_test(tc, one_that_stayed_knows_what_is_unknown);
    tcase_add_test(tc, who_moved_a_child_says_where_to_when_asked_to_end_it);
    tcase_add_test(tc, a_machine_that_cannot_begin_a_child_does_not_keep_it);
    tcase_add_test(tc, a_child_that_ignores_stop_is_killed);
    tcase_add_loop_test(tc, a_stop_while_it_starts_ends_both, 1, 8);
    tcase_add_test(tc, a_stopped_name_starts_again_when_the_old_one_is_gone);
    tcase_add_loop_test(tc, a_stop_outlives_its_keeper, 0, 6);
    tcase_add_test(tc, no_stopped_child_comes_back_with_a_node_that_was_away);
    tcase_add_test(tc, rollback_undoes_what_had_started_and_nothing_else);
    tcase_add_test(tc, rollback_undoes_what_is_answered_too_late);
    tcase_add_test(tc, one_that_ends_for_good_ends_its_row);
    tcase_add_test(tc, one_that_crashes_is_restarted_where_it_is);
    tcase_add_test(tc, a_child_whose_node_died_is_tried_until_it_runs);
    tcase_add_test(tc,
        a_start_whose_child_has_moved_on_is_answered_by_its_new_home);
}

int main(void)
{
    Suite *suite = suite_create("keeper");
    TCase *tc = tcase_create("keeper");
    SRunner *runner;
    int failed;

    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc,
        a_start_is_answered_with_node_and_pid_when_it_runs, 0, 3);
    tcase_add_test(tc, a_second_start_is_refused_and_names_its_home);
    tcase_add_test(tc,
                   who_has_not_heard_what_all_members_have_decides_nothing);
    tcase_add_test(tc, the_same_name_twice_in_one_batch_starts_once);
    tcase_add_test(tc, two_nodes_that_start_the_same_name_at_once_start_it_once);
    tcase_add_loop_test(tc, a_start_that_fails_says_why_and_leaves_nothing, 0,
                        3);
    tcase_add_test(tc, names_have_limits);
    tcase_add_test(tc, a_bad_spec_is_refused_with_its_own_words);
    tcase_add_test(tc, nothing_to_do_and_too_much_are_refused_at_once);
    tcase_add_loop_test(tc,
        an_acknowledged_start_survives_the_loss_of_any_node, 0, 9);
    tcase_add_loop_test(tc, a_start_whose_keeper_dies_ends_with_the_truth, 0,
                        8);
    tcase_add_test(tc, a_single_node_acknowledges_alone);
    tcase_add_test(tc,
        what_no_other_node_can_be_asked_to_hold_is_not_acknowledged);
    add_stops(tc);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
