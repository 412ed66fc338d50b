/* SPDX-License-Identifier: MIT */
/* serve_dump: all that the registry here says of what lives, for dump.
 *
 * A child is a record, and each of its instances that is not gone one more
 * after it.  Only what is in the rows: two nodes whose registries are equal
 * tell the same, whatever they think of their members; a node that is not
 * known by name goes by its id.
 *
 * The walk has its place in the rows and, within a row, in its instances, so
 * that a piece is small however many instances a child has. */
#include "config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/serve.h"
#include "wire/memory.h"

#define DUMP_STEP 30u     /* records of a piece: each 135 KiB at most */
#define LOOKED_STEP 512u  /* rows looked at for it */

struct dump {
    uint64_t cursor;      /* of the rows */
    uint64_t after;       /* instances up to this node have been told */
    int begun, open;      /* open: there may be more of the child id */
    uint8_t id[PHUB_CHILD_ID_MAX];
    size_t id_size;
};

static struct phub_bytes name_of(struct phub__report *report, uint64_t node)
{
    const char *name = phub__hub_name_of(report->hub, node);
    char *hex;

    if (name[0] != '\0' || node == 0)
        return phub__text_of(name);
    hex = phub__arena_alloc(&report->arena, 17, 1);
    if (hex == NULL) {
        report->failed = PHUB_ENOMEM;
        return PHUB_BYTES_NONE;
    }
    snprintf(hex, 17, "%016" PRIx64, node);
    return phub__text_of(hex);
}

static void tell_replicas(struct phub__report *report,
                          const struct phub__row_view *view,
                          struct phub__record *record)
{
    struct phub_bytes *names =
        phub__arena_alloc(&report->arena, view->replicas_count + 1u,
                          sizeof *names);
    uint32_t i;

    if (names == NULL) {
        report->failed = PHUB_ENOMEM;
        return;
    }
    for (i = 0; i < view->replicas_count; i++)
        names[i] = name_of(report, view->replicas[i]);
    record->replica_nodes = (struct phub__list){ names,
                                                 view->replicas_count };
}

static void tell_row(struct phub__report *report,
                     const struct phub__row_view *view)
{
    struct phub__record *record = phub__report_record(report);
    struct phub__life life;

    record->id = view->id;
    record->home = name_of(report, view->home);
    record->epoch = view->home_epoch.number;
    record->incarnation = view->incarnation.number;
    record->version = view->edit.number;
    record->durable = view->durable;
    record->sticky = view->sticky;
    record->spec = view->spec;
    tell_replicas(report, view, record);
    if (phub__row_life_read(view, &report->arena, &life) != 0) {
        report->failed = PHUB_ENOMEM;
        return;
    }
    record->tags = life.tags;
    record->metadata = life.metadata;
}

static void tell_half(struct phub__report *report, struct phub_bytes id,
                      const struct phub__half_view *half)
{
    struct phub__record *record = phub__report_record(report);
    struct phub__half full;

    record->id = id;
    record->node = name_of(report, half->node);
    record->node_id = half->node;
    record->boot = half->boot;
    record->state = phub__text_of(phub__state_name(half->state));
    record->role = phub__text_of(half->role == PHUB_ROLE_ACTIVE ? "active"
                                                                : "passive");
    record->pid = half->pid;
    record->restarts = half->restarts;
    record->epoch = half->epoch.number;
    record->incarnation = half->incarnation.number;
    record->text = half->text;
    if (phub__row_half_read(half, &report->arena, &full) == 0)
        record->published = full.metadata;
    else
        report->failed = PHUB_ENOMEM;
}

/* The next instance of the open child; 0: it has no more. */
static int next_half(struct phub__report *report, struct dump *dump)
{
    struct phub_bytes id = { dump->id, dump->id_size };
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (phub__registry_get(report->hub->registry, id, &view) != 0 ||
        !view.live)
        return 0;
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.node <= dump->after || half.state == PHUB_INSTANCE_GONE)
            continue;
        dump->after = half.node;
        tell_half(report, view.id, &half);
        return 1;
    }
    return 0;
}

/* The next child; 0: there is none among those looked at. */
static int next_row(struct phub__report *report, struct dump *dump)
{
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view view;

    dump->begun = 1;
    if (phub__registry_query(report->hub->registry, &query, &dump->cursor,
                             LOOKED_STEP, &view, 1) == 0)
        return 0;
    memcpy(dump->id, view.id.data, view.id.size);
    dump->id_size = view.id.size;
    dump->after = 0;
    dump->open = 1;
    tell_row(report, &view);
    return 1;
}

static int fill(void *state, struct phub__report *report)
{
    struct dump *dump = state;

    while (report->count < DUMP_STEP) {
        if (dump->open) {
            dump->open = next_half(report, dump);
        } else if (dump->begun && dump->cursor == 0) {
            phub__report_end(report, 0, "");
            return 0;
        } else if (!next_row(report, dump)) {
            break;
        }
    }
    return 1;
}

void phub__serve_dump(struct phub__report *report,
                      const struct phub__question *q)
{
    struct dump *dump;

    (void)q;
    if (report->asker->flows >= PHUB__ASKER_FLOWS_MAX) {
        phub__report_end(report, PHUB_EBUSY, "too many answers are under way;"
                         " read them first");
        return;
    }
    dump = phub__calloc(1, sizeof *dump);
    if (dump == NULL)
        phub__report_end(report, PHUB_ENOMEM, "out of memory");
    else
        phub__report_flow(report, fill, phub__free, dump);
}
