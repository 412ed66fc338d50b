/* SPDX-License-Identifier: MIT */
/* check_gather: what all have to hear, by way of one. */
#include "config.h"

#include <check.h>
#include <string.h>

#include <phub/error.h>

#include "hub/gather.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "hub/synced_private.h"
#include "hub_fixture.h"
#include "wire/memory.h"

#define NODES (PHUB__GATHER_FROM + 1)

static struct hubs hubs;

static void setup(void)
{
    hubs_new(&hubs, NODES, "coldswap", 7);
}

static void teardown(void)
{
    hubs_free(&hubs);
}

static struct phub_view *view_of(uint32_t count)
{
    struct phub_view_node nodes[PHUB__GATHER_FROM + 1];

    memset(nodes, 0, sizeof nodes);
    for (uint32_t i = 0; i < count; i++) {
        nodes[i].id = i + 1;
        nodes[i].boot = 1;
        nodes[i].weight = 1000;
    }
    return phub__view_new(nodes, count);
}

START_TEST(few_tell_each_other_and_many_tell_one_or_another)
{
    struct phub_view *few = view_of(PHUB__GATHER_FROM - 1);
    struct phub_view *many = view_of(PHUB__GATHER_FROM);
    uint64_t first = phub__gatherer(many, 0);

    ck_assert_uint_eq(phub__gatherer(few, 0), 0);
    ck_assert_uint_eq(phub__gatherer(few, 1), 0);
    ck_assert_uint_ne(phub__view_index(many, first), PHUB__VIEW_NONE);
    ck_assert_uint_ne(phub__view_index(many, phub__gatherer(many, 1)),
                      PHUB__VIEW_NONE);
    ck_assert_uint_ne(phub__gatherer(many, 1), first);
    phub__view_unref(&few);
    phub__view_unref(&many);
}
END_TEST

/* Down to few, which tell each other, and up again. */
START_TEST(all_are_complete_after_each_change)
{
    ck_assert_int_eq(hubs_start(&hubs, 0, "c", "sim durable"), 0);
    for (uint32_t i = 1; i < 4; i++) {
        phub__sim_node_power_off(hubs_node(&hubs, i));
        ck_assert(hubs_until(&hubs, 8000, hubs_agree, NULL));
    }
    for (uint32_t i = 1; i < 4; i++)
        phub__sim_node_start(hubs_node(&hubs, i));
    ck_assert(hubs_until(&hubs, 8000, hubs_agree, NULL));
    ck_assert_uint_eq(hubs_acting(&hubs, "c", &(uint32_t){ 0 }), 1);
}
END_TEST

/* --- statements ----------------------------------------------------------- */

struct said {
    uint64_t boot, number;
    int holds;                    /* a state of x */
    int passed_on;
    uint64_t holder;              /* then */
};

/* The caller's. */
static struct phub_buf *encoded(const struct phub__schema *schema,
                                const void *what)
{
    struct phub__builder builder;
    struct phub_buf *body = NULL;

    phub__builder_init(&builder, 1u << 20);
    ck_assert_int_eq(phub__encode(schema, what, &builder), 0);
    ck_assert_int_eq(phub__builder_take(&builder, &body), 0);
    phub__builder_fini(&builder);
    return body;
}

static void say(struct phub__hub *hub, void *arg)
{
    struct said *said = arg;
    struct phub_bytes x = { (const uint8_t *)"x", 1 };
    struct phub_view *view = phub__hub_view(hub);
    const struct phub_view_node *other =
        phub__view_at(view, phub__view_at(view, 0)->id == hub->node);
    struct phub__op_held held = { .id = x, .incarnation = { 1, 1 },
                                  .epoch = { 2, 1 } };
    struct phub__op_view_sync sync = {
        .view_hash = phub__view_hash(view), .number = said->number,
        .boot = other->boot + said->boot,
        .held = { &held, (uint32_t)said->holds } };
    struct phub_buf *body = encoded(&phub__op_view_sync_schema, &sync);

    if (said->passed_on)
        phub__synced_passed_on(hub, other->id, body);
    else
        phub__synced_received(hub, other->id, body);
    phub__buf_unref(&body);
    said->holder = phub__synced_holder(hub, x, held.incarnation, held.epoch)
                       == other->id;
}

static int holds_after(uint64_t boot, uint64_t number, int holds,
                       int passed_on)
{
    struct said said = { boot, number, holds, passed_on, 0 };

    hubs_do(&hubs, 0, say, &said);
    return said.holder != 0;
}

START_TEST(an_older_statement_never_comes_behind_a_newer_one)
{
    uint64_t number = 1u << 20;

    for (int way = 0; way < 2; way++, number += 100) {
        ck_assert(holds_after(0, number, 1, way));
        ck_assert(holds_after(0, number - 1, 0, 0));
        ck_assert(holds_after(0, number - 1, 0, 1));
        ck_assert(holds_after(0, number, 0, !way));
        ck_assert(!holds_after(0, number + 1, 0, !way));
    }
}
END_TEST

START_TEST(what_is_passed_on_counts_in_its_boot_only)
{
    ck_assert(!holds_after(1, 1u << 20, 1, 1));
    ck_assert(holds_after(0, 1u << 20, 1, 1));
}
END_TEST

enum { EARLY_LOST = 801 };   /* nobody knows it */

/* What the others say of their next view, in which the last node of the fixture
 * is back with its next boot number, and holds a state of x. */
static void say_early(struct phub__hub *hub, void *arg)
{
    struct phub_bytes x = { (const uint8_t *)"x", 1 };
    struct phub_view_node nodes[NODES];
    struct phub_view *view = phub__hub_view(hub), *next;
    struct phub__op_held held = { .id = x, .incarnation = { 1, 1 },
                                  .epoch = { 2, 1 } };
    struct phub__op_view_sync sync = { .number = 1u << 20,
                                       .held = { &held, 1 } };
    struct phub__op_told told = { .node = hubs.ids[NODES - 1] };
    struct phub__op_lease lease = { .node = EARLY_LOST,
                                    .remaining_ms = 5000 };
    struct phub__op_gathered gathered = { .told = { &told, 1 },
                                          .leases = { &lease, 1 } };
    struct phub_buf *body, *frame;

    (void)arg;
    ck_assert_uint_eq(phub__view_count(view), NODES);
    for (uint32_t i = 0; i < NODES; i++) {
        nodes[i] = *phub__view_at(view, i);
        if (nodes[i].id == told.node)
            sync.boot = ++nodes[i].boot;
    }
    next = phub__view_new(nodes, NODES);
    sync.view_hash = phub__view_hash(next);
    phub__view_unref(&next);
    body = encoded(&phub__op_view_sync_schema, &sync);
    told.body = phub__buf_bytes(body);
    frame = encoded(&phub__op_gathered_schema, &gathered);
    phub__gather_received(hub, frame);
    phub__buf_unref(&frame);
    phub__buf_unref(&body);
}

static void who_holds(struct phub__hub *hub, void *arg)
{
    *(uint64_t *)arg = phub__synced_holder(
        hub, (struct phub_bytes){ (const uint8_t *)"x", 1 },
        (struct phub_epoch){ 1, 1 }, (struct phub_epoch){ 2, 1 });
}

/* --- leases that are told of ------------------------------------------------- */

/* A member tells of so many nodes that nobody knows. */
static void tell_of(struct phub__hub *hub, uint64_t first, uint32_t count,
                    uint64_t remaining_ms)
{
    struct phub__op_lease leases[PHUB__LEASES_MAX];
    struct phub__list told = { leases, count };

    ck_assert_uint_le(count, PHUB__LEASES_MAX);
    for (uint32_t i = 0; i < count; i++)
        leases[i] = (struct phub__op_lease){ first + i, remaining_ms };
    phub__lost_heard(hub, &told);
}

static void tell_of_too_many(struct phub__hub *hub, void *arg)
{
    uint64_t first = 1u << 20;

    (void)arg;
    tell_of(hub, first, 1, 0);
    ck_assert(phub__synced_is_lost(hub, first));
    ck_assert(!phub__synced_lease_left(hub, first));
    for (uint32_t i = 1; i < PHUB__LOST_MAX; i += PHUB__LEASES_MAX - 1)
        tell_of(hub, first + i, PHUB__LEASES_MAX - 1, 3000);
    ck_assert_uint_le(hub->synced->lost_count, PHUB__LOST_MAX);
    tell_of(hub, first + 2 * PHUB__LOST_MAX, 1, 5000);
    ck_assert(phub__synced_lease_left(hub, first));
}

static void look_for_the_first(struct phub__hub *hub, void *arg)
{
    *(int *)arg = phub__synced_lease_left(hub, 1u << 20);
}

START_TEST(a_lease_without_room_holds_up_every_replacement_until_it_is_over)
{
    int left = 0;

    hubs_do(&hubs, 0, tell_of_too_many, NULL);
    hubs_run(&hubs, 4000);
    hubs_do(&hubs, 0, look_for_the_first, &left);
    ck_assert(left);
    hubs_run(&hubs, 2000);
    hubs_do(&hubs, 0, look_for_the_first, &left);
    ck_assert(!left);
}
END_TEST

static void tell_without_memory(struct phub__hub *hub, void *arg)
{
    uint64_t first = 1u << 20;
    uint32_t count;

    (void)arg;
    tell_of(hub, first, 1, 0);
    count = hub->synced->lost_room - hub->synced->lost_count;
    tell_of(hub, first + 1, count, 1000);
    ck_assert(!phub__synced_lease_left(hub, first));
    phub__memory_fail(1);
    tell_of(hub, first + 1 + count, 1, 1000);
    phub__memory_fail(0);
    ck_assert(phub__synced_lease_left(hub, first));
}

START_TEST(a_lease_without_memory_does_so_too)
{
    hubs_do(&hubs, 0, tell_without_memory, NULL);
}
END_TEST

START_TEST(what_comes_before_its_member_is_in_view_counts_when_it_is)
{
    uint64_t holder = 0;

    hubs_do(&hubs, 0, say_early, NULL);
    hubs_do(&hubs, 0, who_holds, &holder);
    ck_assert_uint_eq(holder, 0);
    ck_assert(phub__synced_lease_left(hubs_hub(&hubs, 0), EARLY_LOST));
    phub__sim_node_kill(hubs_node(&hubs, NODES - 1));
    phub__sim_node_start(hubs_node(&hubs, NODES - 1));
    hubs_run(&hubs, 3000);
    hubs_do(&hubs, 0, who_holds, &holder);
    ck_assert_uint_eq(holder, hubs.ids[NODES - 1]);
}
END_TEST

START_TEST(what_came_before_its_member_is_not_kept_for_ever)
{
    uint64_t holder = 0;

    hubs_do(&hubs, 0, say_early, NULL);
    hubs_run(&hubs, 20000);
    phub__sim_node_kill(hubs_node(&hubs, NODES - 1));
    phub__sim_node_start(hubs_node(&hubs, NODES - 1));
    hubs_run(&hubs, 3000);
    hubs_do(&hubs, 0, who_holds, &holder);
    ck_assert_uint_eq(holder, 0);
}
END_TEST

/* --- covered ----------------------------------------------------------------- */

/* Made up: nobody has such a registry. */
enum { EARLIER = 1001, ANSWERED = 1002, LATE = 1003, OTHER_BOOT = 1004 };

static struct phub__heard *takes(struct phub__hub *hub, uint32_t index,
                                 uint64_t boot, uint64_t number,
                                 uint64_t digest)
{
    struct phub__heard *heard = phub__heard_find(hub->synced,
                                                 hubs.ids[index]);
    struct phub__op_view_sync sync = {
        .view_hash = phub__view_hash(phub__hub_view(hub)),
        .boot = boot, .number = number, .digest = digest };
    struct phub_buf *summary = NULL;

    ck_assert_ptr_nonnull(heard);
    if (digest == ANSWERED) {
        ck_assert_int_eq(phub__registry_summary_buf(hub->registry, &summary),
                         0);
        sync.summary = phub__buf_bytes(summary);
    }
    (void)phub__heard_take(hub, heard, &sync);
    phub__buf_unref(&summary);
    return heard;
}

/* Of node 1, with a summary of what this one has too; others tell the same
 * digests as it did, and have no summary. */
static void covers(struct phub__hub *hub, void *none)
{
    uint64_t n = 1u << 20;

    (void)none;
    takes(hub, 1, 10, n, OTHER_BOOT);
    takes(hub, 1, 11, n, EARLIER);
    ck_assert(!phub__heard_covered(hub, takes(hub, 2, 10, n, EARLIER)));
    ck_assert(!phub__heard_covered(hub, takes(hub, 3, 10, n, ANSWERED + 10)));
    ck_assert(phub__heard_covered(hub, takes(hub, 1, 11, n + 2, ANSWERED)));
    takes(hub, 1, 11, n + 1, LATE);
    takes(hub, 1, 10, n + 1, OTHER_BOOT);
    ck_assert(phub__heard_covered(hub, phub__heard_find(hub->synced,
                                                        hubs.ids[2])));
    ck_assert(phub__heard_covered(hub, takes(hub, 4, 10, n, LATE)));
    ck_assert(!phub__heard_covered(hub, takes(hub, 5, 10, n, OTHER_BOOT)));
    ck_assert(!phub__heard_covered(hub, phub__heard_find(hub->synced,
                                                         hubs.ids[3])));
}

START_TEST(what_one_had_before_an_answer_that_is_covered_is_covered_of_all)
{
    hubs_do(&hubs, 0, covers, NULL);
}
END_TEST

/* Node 1 answers with what this one has, too; node 2 has told something else. */
static void answers(struct phub__hub *hub, uint64_t number)
{
    struct phub__op_view_sync sync = {
        .view_hash = phub__view_hash(phub__hub_view(hub)),
        .boot = 10, .number = number, .digest = ANSWERED };
    struct phub_buf *summary = NULL, *body;

    hub->synced->complete = 0;
    hub->synced->evaluated = 0;
    hub->synced->asked = hubs.ids[1];
    ck_assert_int_eq(phub__registry_summary_buf(hub->registry, &summary), 0);
    sync.summary = phub__buf_bytes(summary);
    body = encoded(&phub__op_view_sync_schema, &sync);
    phub__synced_received(hub, hubs.ids[1], body);
    phub__buf_unref(&body);
    phub__buf_unref(&summary);
}

static void asks(struct phub__hub *hub, void *none)
{
    uint64_t n = 1u << 20;

    (void)none;
    takes(hub, 2, 10, n, EARLIER);
    answers(hub, n);
    ck_assert_uint_eq(hub->synced->asked, 0);
    answers(hub, n + 1);
    ck_assert_uint_eq(hub->synced->asked, hubs.ids[2]);
}

START_TEST(behind_the_first_answer_in_a_view_it_waits_before_it_asks_on)
{
    hubs_do(&hubs, 0, asks, NULL);
}
END_TEST

/* --- lost ---------------------------------------------------------------------- */

static void told_lease(struct phub__hub *hub, uint64_t node, uint64_t ms)
{
    struct phub__op_lease lease = { .node = node, .remaining_ms = ms };
    struct phub__list told = { &lease, 1 };

    phub__lost_heard(hub, &told);
}

/* All of these are in view, and lost one after the other. */
static void leases(struct phub__hub *hub, void *none)
{
    uint64_t node = 0, last = 0, ready;
    uint32_t count = 0;
    int left;

    (void)none;
    told_lease(hub, hubs.ids[2], 100000);
    told_lease(hub, hubs.ids[3], 100000);
    ck_assert_uint_eq(phub__synced_lost(hub, 0, &ready, &left), 0);
    ck_assert(!phub__synced_lease_left(hub, hubs.ids[2]));
    phub__lost_add(hub, hubs.ids[2], 0);
    phub__lost_add(hub, hubs.ids[3], 1);
    phub__lost_add(hub, hubs.ids[4], 0);
    ck_assert(phub__synced_lease_left(hub, hubs.ids[2]));
    ck_assert(!phub__synced_lease_left(hub, hubs.ids[3]));
    for (uint64_t made_up = 1; made_up <= 20; made_up++)
        told_lease(hub, made_up, 0);
    while ((node = phub__synced_lost(hub, node, &ready, &left)) != 0) {
        ck_assert_uint_lt(last, node);
        ck_assert_int_eq(left, node == hubs.ids[3]);
        last = node;
        count++;
    }
    ck_assert_uint_eq(count, 23);
    phub__lost_remove(hub->synced, hubs.ids[2]);
    ck_assert(!phub__synced_is_lost(hub, hubs.ids[2]));
    phub__lost_add(hub, hubs.ids[2], 0);
    ck_assert(phub__synced_lease_left(hub, hubs.ids[2]));
}

START_TEST(what_was_told_of_a_lease_counts_when_its_node_is_lost)
{
    hubs_do(&hubs, 0, leases, NULL);
}
END_TEST

/* --- by way of one ----------------------------------------------------------- */

struct told {
    uint64_t number;              /* of the first statement */
    uint32_t count;               /* of statements, of which the last holds x */
    uint64_t view_hash;           /* 0: of the view of whom it is told */
};

/* What the last node says is told to this one as the gatherer. */
static void tell(struct phub__hub *hub, void *arg)
{
    const struct told *told = arg;
    struct phub_view *view = phub__hub_view(hub);
    uint64_t node = hubs.ids[NODES - 1];
    struct phub__op_held held = { .id = { (const uint8_t *)"x", 1 },
                                  .incarnation = { 1, 1 },
                                  .epoch = { 2, 1 } };

    for (uint32_t i = 0; i < told->count; i++) {
        struct phub__op_view_sync sync = {
            .view_hash = told->view_hash != 0 ? told->view_hash
                                              : phub__view_hash(view),
            .number = told->number + i,
            .boot = phub__view_find(view, node)->boot,
            .held = { &held, i + 1 == told->count } };
        struct phub_buf *body = encoded(&phub__op_view_sync_schema, &sync);

        phub__gather_told(hub, node, &sync, body);
        phub__buf_unref(&body);
    }
}

static uint64_t bytes_of(uint64_t number, uint32_t count)
{
    struct told told = { number, count, 0 };
    struct phub__sim_traffic before, after;

    phub__world_traffic(hubs.world, &before);
    hubs_do(&hubs, 0, tell, &told);
    hubs_run(&hubs, 100);
    phub__world_traffic(hubs.world, &after);
    return after.bytes - before.bytes;
}

START_TEST(what_one_was_told_last_is_passed_on_to_all)
{
    (void)bytes_of(1u << 20, 3);
    for (uint32_t i = 1; i < NODES - 1; i++) {
        uint64_t holder = 0;

        hubs_do(&hubs, i, who_holds, &holder);
        ck_assert_uint_eq(holder, hubs.ids[NODES - 1]);
    }
}
END_TEST

START_TEST(of_what_one_was_told_often_only_the_last_is_passed_on)
{
    uint64_t once = bytes_of(1u << 20, 1);
    uint64_t often = bytes_of((1u << 20) + 1, 500);

    ck_assert_uint_gt(once, 0);
    ck_assert_uint_lt(often, 2 * once + 1000);
}
END_TEST

/* Nodes nobody knows. */
enum { FIRST_LOST = 901, TWICE_LOST, LAST_LOST };

/* Member i tells hub, as the gatherer, of these leases. */
static void tells_leases(struct phub__hub *hub, uint32_t i, uint64_t number,
                         struct phub__op_lease *leases, uint32_t count)
{
    struct phub_view *view = phub__hub_view(hub);
    struct phub__op_held held = { .id = { (const uint8_t *)"x", 1 },
                                  .incarnation = { 1, 1 },
                                  .epoch = { 2, 1 } };
    struct phub__op_view_sync sync = {
        .view_hash = phub__view_hash(view), .number = number,
        .boot = phub__view_find(view, hubs.ids[i])->boot,
        .leases = { leases, count }, .held = { &held, i == 1 } };
    struct phub_buf *body = encoded(&phub__op_view_sync_schema, &sync);

    phub__gather_told(hub, hubs.ids[i], &sync, body);
    phub__buf_unref(&body);
}

/* Of the second node two members tell, and one tells nonsense of the last. */
static void tell_leases(struct phub__hub *hub, void *none)
{
    struct phub__op_lease first[] = {
        { FIRST_LOST, 2000 }, { TWICE_LOST, 1000 }, { LAST_LOST, UINT64_MAX } };
    struct phub__op_lease second[] = { { TWICE_LOST, 2000 },
                                       { LAST_LOST, 2000 } };

    (void)none;
    tells_leases(hub, 1, 1u << 20, first, 3);
    tells_leases(hub, 2, 1u << 20, second, 2);
}

/* How many of those that told nothing think that it may run something. */
static uint32_t leases_left(uint64_t node)
{
    uint32_t count = 0;

    for (uint32_t i = 3; i < NODES; i++)
        count += phub__synced_lease_left(hubs_hub(&hubs, i), node) != 0;
    return count;
}

START_TEST(of_each_lost_node_the_longest_lease_is_passed_on)
{
    uint64_t holder = 0;

    hubs_do(&hubs, 0, tell_leases, NULL);
    hubs_run(&hubs, 500);
    hubs_do(&hubs, 3, who_holds, &holder);
    ck_assert_uint_eq(holder, hubs.ids[1]);
    ck_assert_uint_eq(leases_left(FIRST_LOST), NODES - 3);
    ck_assert_uint_eq(leases_left(LAST_LOST), NODES - 3);
    hubs_run(&hubs, 1200);
    ck_assert_uint_eq(leases_left(TWICE_LOST), NODES - 3);
    hubs_run(&hubs, 600);
    ck_assert_uint_eq(leases_left(FIRST_LOST) + leases_left(TWICE_LOST) +
                          leases_left(LAST_LOST), 0);
}
END_TEST

/* More than one message has room for. */
static void tell_too_many_leases(struct phub__hub *hub, void *none)
{
    struct phub__op_lease leases[900];

    (void)none;
    for (uint32_t member = 1; member <= 2; member++) {
        for (uint32_t i = 0; i < 900; i++)
            leases[i] = (struct phub__op_lease){ member * 1000 + i, 60000 };
        tells_leases(hub, member, 1u << 20, leases, 900);
    }
}

START_TEST(leases_without_room_in_one_message_go_into_the_next)
{
    hubs_do(&hubs, 0, tell_too_many_leases, NULL);
    hubs_run(&hubs, 500);
    for (uint32_t i = 0; i < 900; i++) {
        ck_assert_uint_eq(leases_left(1000 + i), NODES - 3);
        ck_assert_uint_eq(leases_left(2000 + i), NODES - 3);
    }
}
END_TEST

static void view_again(struct phub__hub *hub, void *number)
{
    phub__gather_view_changed(hub);
    tells_leases(hub, 2, ++*(uint64_t *)number, NULL, 0);
}

START_TEST(a_lease_that_is_passed_on_again_ends_when_it_would_have)
{
    uint64_t number = 1u << 21;

    hubs_do(&hubs, 0, tell_leases, NULL);
    for (uint32_t i = 0; i < 4; i++) {
        hubs_run(&hubs, 500);
        ck_assert_uint_eq(leases_left(FIRST_LOST), NODES - 3);
        hubs_do(&hubs, 0, view_again, &number);
    }
    hubs_run(&hubs, 500);
    ck_assert_uint_eq(leases_left(FIRST_LOST), 0);
}
END_TEST

/* What so many of the members tell of a hundred lost nodes, or none. */
static uint64_t bytes_of_leases(uint32_t members, uint64_t number,
                                uint32_t count)
{
    struct phub__op_lease leases[100];
    struct phub__sim_traffic before, after;

    for (uint32_t i = 0; i < count; i++)
        leases[i] = (struct phub__op_lease){ FIRST_LOST + i, 1 };
    phub__world_traffic(hubs.world, &before);
    for (uint32_t i = 1; i <= members; i++)
        tells_leases(hubs_hub(&hubs, 0), i, number, leases, count);
    hubs_run(&hubs, 100);
    phub__world_traffic(hubs.world, &after);
    return after.bytes - before.bytes;
}

START_TEST(leases_are_passed_on_once_and_not_with_each_statement)
{
    uint64_t ready, none, many, one;
    int is_left;

    none = bytes_of_leases(NODES - 1, 1u << 20, 0);
    ck_assert_uint_eq(phub__synced_lost(hubs_hub(&hubs, 1), 0, &ready,
                                        &is_left), 0);
    many = bytes_of_leases(NODES - 1, 1u << 21, 100);
    ck_assert_uint_eq(phub__synced_lost(hubs_hub(&hubs, 1), 0, &ready,
                                        &is_left), FIRST_LOST);
    ck_assert_uint_lt(many, none + 2u * NODES * 100 * 10);
    one = bytes_of_leases(1, 1u << 22, 0);
    ck_assert_uint_lt(one, many / 4);
}
END_TEST

static void hash_without_one(struct phub__hub *hub, void *hash)
{
    struct phub_view *view = phub__hub_view(hub), *without;
    struct phub_view_node nodes[NODES];
    uint32_t count = 0;

    for (uint32_t i = 0; i < phub__view_count(view); i++)
        if (phub__view_at(view, i)->id != hubs.ids[1])
            nodes[count++] = *phub__view_at(view, i);
    without = phub__view_new(nodes, count);
    *(uint64_t *)hash = phub__view_hash(without);
    phub__view_unref(&without);
}

static uint32_t told_by_last(void)
{
    uint32_t count = 0;

    for (uint32_t i = 2; i < NODES - 1; i++) {
        uint64_t holder = 0;

        hubs_do(&hubs, i, who_holds, &holder);
        count += holder == hubs.ids[NODES - 1];
    }
    return count;
}

START_TEST(what_one_was_told_for_a_view_is_passed_on_when_it_has_that)
{
    struct told told = { 1u << 20, 1, 0 };

    hubs_do(&hubs, 0, hash_without_one, &told.view_hash);
    hubs_do(&hubs, 0, tell, &told);
    hubs_run(&hubs, 1000);
    ck_assert_uint_eq(told_by_last(), 0);
    phub__sim_node_power_off(hubs_node(&hubs, 1));
    ck_assert(hubs_until(&hubs, 8000, hubs_agree, NULL));
    hubs_run(&hubs, 100);
    ck_assert_uint_eq(told_by_last(), NODES - 3);
}
END_TEST

static void lapse(struct phub__hub *hub, void *none)
{
    (void)none;
    phub__synced_restart(hub);
}

START_TEST(whose_lease_lapsed_believes_only_themselves)
{
    hubs_do(&hubs, 0, lapse, NULL);
    ck_assert(!hubs_agree(&hubs, NULL));
    ck_assert(hubs_until(&hubs, 3000, hubs_agree, NULL));
    hubs_do(&hubs, 0, lapse, NULL);
    ck_assert(!holds_after(0, 1u << 20, 1, 1));
    ck_assert(holds_after(0, 1u << 20, 1, 0));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gather");
    TCase *views = tcase_create("views"), *tc = tcase_create("hubs");
    SRunner *runner;
    int failures;

    tcase_add_test(views, few_tell_each_other_and_many_tell_one_or_another);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, all_are_complete_after_each_change);
    tcase_add_test(tc, an_older_statement_never_comes_behind_a_newer_one);
    tcase_add_test(tc, what_is_passed_on_counts_in_its_boot_only);
    tcase_add_test(tc, what_came_before_its_member_is_not_kept_for_ever);
    tcase_add_test(tc,
        a_lease_without_room_holds_up_every_replacement_until_it_is_over);
    tcase_add_test(tc, a_lease_without_memory_does_so_too);
    tcase_add_test(tc,
                   what_comes_before_its_member_is_in_view_counts_when_it_is);
    tcase_add_test(
        tc, what_one_had_before_an_answer_that_is_covered_is_covered_of_all);
    tcase_add_test(tc,
                   behind_the_first_answer_in_a_view_it_waits_before_it_asks_on);
    tcase_add_test(tc, what_was_told_of_a_lease_counts_when_its_node_is_lost);
    tcase_add_test(tc, what_one_was_told_last_is_passed_on_to_all);
    tcase_add_test(tc, of_what_one_was_told_often_only_the_last_is_passed_on);
    tcase_add_test(tc, of_each_lost_node_the_longest_lease_is_passed_on);
    tcase_add_test(tc, leases_are_passed_on_once_and_not_with_each_statement);
    tcase_add_test(tc,
                   leases_without_room_in_one_message_go_into_the_next);
    tcase_add_test(tc, a_lease_that_is_passed_on_again_ends_when_it_would_have);
    tcase_add_test(tc,
                   what_one_was_told_for_a_view_is_passed_on_when_it_has_that);
    tcase_add_test(tc, whose_lease_lapsed_believes_only_themselves);
    suite_add_tcase(suite, views);
    suite_add_tcase(suite, tc);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failures = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failures > 0;
}
