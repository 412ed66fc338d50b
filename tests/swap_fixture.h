/* SPDX-License-Identifier: MIT */
/* swap_fixture: one node whose swap moves children of the mock host. */
#ifndef PHUB_TESTS_SWAP_FIXTURE_H
#define PHUB_TESTS_SWAP_FIXTURE_H

#include <check.h>

#include <phub/swap.h>

#include "mock_host.h"

#define CAN_ALL (PHUB_CHILD_CAN_FREEZE | PHUB_CHILD_CAN_STATE)
#define A 1u   /* the origin */
#define B 2u
#define C 3u

static struct mock_world world;
static struct mock *origin;
static const char *const swaps[] = { "coldswap", "hotswap" };
static const uint64_t to_b[] = { B };
static const uint64_t to_c[] = { C };
static const uint64_t to_b_c[] = { B, C };

static void start_with(const char *swap, uint32_t children, uint32_t flags,
                       const char *const *params)
{
    const uint64_t ids[] = { A, B, C };

    mock_world_init(&world, 1);
    origin = mock_new(&world);
    mock_view(origin, ids, 3);
    mock_children(origin, children, flags);
    ck_assert_int_eq(mock_open(origin, PHUB_KIND_MIGRATION, swap, params), 0);
}

static void start(const char *swap, uint32_t children, uint32_t flags)
{
    start_with(swap, children, flags, NULL);
}

static void finish(void)
{
    mock_world_fini(&world);
}

static void settled(uint32_t count, const char *what)
{
    uint32_t i;

    for (i = 0; i < count; i++) {
        struct mock_child *child = &origin->children[i];

        ck_assert_msg(child->reports == 1, "%s: c%u has %u reports: %s", what,
                      i, child->reports, child->trace);
        ck_assert_msg((child->rc == 0) == (child->runs_on != A),
                      "%s: c%u reported %d but runs on %u: %s", what, i,
                      child->rc, (unsigned)child->runs_on, child->trace);
        ck_assert_msg(child->runs_on != 0, "%s: c%u is lost: %s", what, i,
                      child->trace);
        ck_assert_msg(child->runs_on != A ||
                          child->state == PHUB_INSTANCE_RUNNING,
                      "%s: c%u does not run on: %s", what, i, child->trace);
    }
    ck_assert_msg(origin->moves_open == 0, "%s: %u moves left open", what,
                  origin->moves_open);
}

#endif
