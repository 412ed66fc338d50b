/* SPDX-License-Identifier: MIT */
/* check_peer: every member is reached, whoever was found beside it before. */
#include "config.h"

#include <check.h>
#include <stdlib.h>

#include <phub/error.h>

#include "hub_fixture.h"
#include "wire/messages.h"

#define NODES 14u

static struct hubs hubs;

/* Something that nobody knows, to all others. */
static void call_all(struct phub__hub *hub, void *sent)
{
    const struct phub_view *view = phub__hub_view(hub);
    struct phub_buf *body = phub__buf_copy((const uint8_t *)"x", 1);
    uint32_t i;

    ck_assert_ptr_nonnull(body);
    for (i = 0; i < phub__view_count(view); i++) {
        uint64_t node = phub__view_at(view, i)->id;

        if (node == hub->node)
            continue;
        ck_assert_int_eq(phub__peer_send(hub, node, PHUB__MESSAGE_ROWS_ASK,
                                         body), 0);
        ++*(uint32_t *)sent;
    }
    phub__buf_unref(&body);
}

static void all_are_reached(uint32_t running)
{
    uint64_t before[NODES];
    uint32_t i, sent = 0;

    hubs_settle(&hubs);
    for (i = 0; i < NODES; i++)
        before[i] = hubs_hub(&hubs, i) == NULL
            ? 0 : hubs_hub(&hubs, i)->counters.frames_unknown;
    for (i = 0; i < NODES; i++)
        if (hubs_hub(&hubs, i) != NULL)
            hubs_do(&hubs, i, call_all, &sent);
    ck_assert_uint_eq(sent, running * (running - 1));
    hubs_run(&hubs, 2000);
    for (i = 0; i < NODES; i++)
        if (hubs_hub(&hubs, i) != NULL)
            ck_assert_uint_eq(hubs_hub(&hubs, i)->counters.frames_unknown,
                              before[i] + running - 1);
}

START_TEST(members_are_reached_whoever_goes_and_comes)
{
    uint32_t i;

    hubs_new(&hubs, NODES, "coldswap", 1 + (uint64_t)_i);
    all_are_reached(NODES);
    for (i = 1; i < NODES; i += 2) {
        phub__sim_node_kill(hubs_node(&hubs, i));
        if (i % 4 == 1)
            all_are_reached(NODES - (i + 1) / 2);
    }
    for (i = 1; i < NODES; i += 2)
        phub__sim_node_start(hubs_node(&hubs, i));
    all_are_reached(NODES);
    hubs_free(&hubs);
}
END_TEST

int main(void)
{
    Suite *s = suite_create("peer");
    TCase *t = tcase_create("peer");
    SRunner *r;
    int failed;

    tcase_set_timeout(t, 120);
    tcase_add_loop_test(t, members_are_reached_whoever_goes_and_comes, 0, 4);
    suite_add_tcase(s, t);
    r = srunner_create(s);
    srunner_run_all(r, CK_ENV);
    failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
