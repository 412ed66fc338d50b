/* SPDX-License-Identifier: MIT */
/* mock_load: loads, homes of children and plans, as a test sets them.
 *
 * Children of a world are numbers; their ids are "k0", "k1", ...  A plan moves
 * its children when it completes, which takes a second. */
#include "config.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mock_host.h"

static int host_load_publish(struct phub_ctx *ctx, uint32_t interval_ms,
                             const uint64_t *nodes, uint32_t count)
{
    struct mock *mock = mock_of(ctx);

    if (interval_ms != 0 && interval_ms < PHUB_LOAD_INTERVAL_MIN_MS)
        return PHUB_EINVAL;
    mock->load_interval_ms = interval_ms;
    mock->load_to = count != 0 ? nodes[0] : 0;
    return 0;
}

/* The load of another is there if that sends it here. */
static int host_load_of(struct phub_ctx *ctx, uint64_t node,
                        struct phub_load *load)
{
    struct mock *mock = mock_of(ctx);
    struct mock_world *world = mock->world;
    uint32_t size = load->size < sizeof *load ? load->size
                                              : (uint32_t)sizeof *load;

    if (node == 0 || node > world->nodes_count ||
        world->nodes[node - 1]->load_to != mock->id ||
        world->nodes[node - 1]->load.serial == 0)
        return PHUB_ENOTFOUND;
    memcpy(load, &world->nodes[node - 1]->load, size);
    load->size = size;
    return 0;
}

static int host_homes_count(struct phub_ctx *ctx,
                            const struct phub_view *view, uint32_t *counts,
                            uint32_t counts_max, uint64_t *all)
{
    struct mock *mock = mock_of(ctx);
    uint32_t i, k, count = mock->host.view_count(view);

    if (count > counts_max)
        return PHUB_EINVAL;
    memset(counts, 0, count * sizeof *counts);
    for (*all = 0, k = 0; k < mock->world->homes_count; k++)
        *all += mock->world->homes[k] != 0;
    for (i = 0; i < count; i++) {
        struct phub_view_node node = { .size = sizeof node };

        ck_assert_int_eq(mock->host.view_node(view, i, &node), 0);
        for (k = 0; k < mock->world->homes_count; k++)
            counts[i] += mock->world->homes[k] == node.id;
    }
    return 0;
}

static int host_rows_next(struct phub_ctx *ctx,
                          const struct phub_rows_query *query,
                          uint64_t *cursor, uint32_t budget,
                          struct phub_row *rows, uint32_t rows_max,
                          uint32_t stride, uint32_t *count)
{
    struct mock_world *world = mock_of(ctx)->world;
    static char names[64][16];

    *count = 0;
    ck_assert_uint_eq(stride, sizeof *rows);
    for (; *cursor < world->homes_count && budget > 0 && *count < rows_max &&
           *count < 64; ++*cursor, budget--) {
        if (query != NULL && query->by == PHUB_ROWS_HOME &&
            world->homes[*cursor] != query->node)
            continue;
        (void)snprintf(names[*count], sizeof names[0], "k%u",
                       (uint32_t)*cursor);
        rows[*count] = (struct phub_row){
            .size = sizeof *rows, .home = world->homes[*cursor],
            .flags = *cursor < world->sticky ? PHUB_ROW_STICKY : 0,
            .id = { (const uint8_t *)names[*count], strlen(names[*count]) } };
        ++*count;
    }
    if (*cursor >= world->homes_count)
        *cursor = 0;
    return 0;
}

static int host_plan_submit(struct phub_ctx *ctx,
                            const struct phub_plan_item *items,
                            uint32_t count, uint32_t stride,
                            const struct phub_pace *pace, uint64_t token)
{
    struct mock *mock = mock_of(ctx);
    struct mock_world *world = mock->world;
    uint32_t i;

    ck_assert_uint_eq(stride, sizeof *items);
    if (mock->planned)
        return PHUB_EBUSY;
    for (i = 0; i < count; i++) {
        char text[16] = "";
        unsigned long child;

        memcpy(text, items[i].id.data, items[i].id.size);
        child = strtoul(text + 1, NULL, 10);
        ck_assert_uint_lt(child, world->homes_count);
        ck_assert_uint_ge(child, world->sticky);
        world->homes[child] = items[i].targets[0];
    }
    mock->planned = 1;
    mock->plans++;
    mock->plan_moves += count;
    mock->plan_pace = pace->per_minute;
    mock_complete(mock, 1000, token, 0, count, 0, MOCK_STEPS);
    return 0;
}

static int host_plan_cancel(struct phub_ctx *ctx)
{
    struct mock *mock = mock_of(ctx);

    if (!mock->planned)
        return PHUB_ENOTFOUND;
    mock->plans_cancelled++;
    return 0;
}

void mock_load_host(struct phub_host *host)
{
    host->load_publish = host_load_publish;
    host->load_of = host_load_of;
    host->homes_count = host_homes_count;
    host->rows_next = host_rows_next;
    host->plan_submit = host_plan_submit;
    host->plan_cancel = host_plan_cancel;
}
