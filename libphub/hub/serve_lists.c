/* SPDX-License-Identifier: MIT */
/* serve_lists: children and their causes, for ls, show and causes.
 *
 * A list of children flows (report.h), by its place in the registry: who is
 * there all the time is in it once, who comes or goes meanwhile may be. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "hub/cause.h"
#include "hub/keeper.h"
#include "hub/peer.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/serve.h"
#include "wire/memory.h"

#define LIST_STEP 64u        /* children of a piece: each 70 KiB at most */
#define LOOKED_STEP 512u     /* rows looked at for it */
#define CAUSES 16u           /* unless told, of all members */
#define CAUSES_HERE 10u      /* and of this one */
#define CAUSES_TIMEOUT_MS 1000u

/* --- ls ------------------------------------------------------------------- */

/* What of a question a list needs until its end. */
struct list {
    struct phub_bytes node, tag, state;
    uint64_t cursor;
    uint64_t local;         /* this node, if only what it runs; else 0 */
    struct phub_bytes *ids; /* only these; bytes follow them and meta */
    struct phub_bytes *meta; /* "key" or "key=value": all of these */
    uint32_t ids_count, meta_count, at;
};

/* A node that is not in the view runs nothing any more as far as we know. */
static int present(struct phub__hub *hub, uint64_t node)
{
    return phub__view_index(phub__hub_view(hub), node) != PHUB__VIEW_NONE;
}

static void describe_half(struct phub__report *report,
                          struct phub__record *record,
                          const struct phub__half_view *half)
{
    struct phub__hub *hub = report->hub;
    struct phub__half full;

    record->node = phub__text_of(phub__hub_name_of(hub, half->node));
    record->node_id = half->node;
    record->state = phub__text_of(present(hub, half->node)
                                      ? phub__state_name(half->state)
                                      : "lost");
    record->pid = half->pid;
    record->restarts = half->restarts;
    record->role = phub__text_of(half->role == PHUB_ROLE_ACTIVE
                                     ? "active" : "passive");
    record->text = half->text;
    if (phub__row_half_read(half, &report->arena, &full) == 0)
        record->published = full.metadata;
}

/* With its instance on node. */
static void describe(struct phub__report *report,
                     const struct phub__row_view *view, uint64_t node,
                     int whole)
{
    struct phub__hub *hub = report->hub;
    struct phub__record *record = phub__report_record(report);
    struct phub__half_view half;
    struct phub__life life;

    record->id = view->id;
    record->home = phub__text_of(phub__hub_name_of(hub, view->home));
    record->epoch = view->home_epoch.number;
    record->incarnation = view->incarnation.number;
    record->durable = view->durable;
    record->version = view->edit.number;
    record->replicas = view->replicas_count;
    record->state = phub__text_of(view->live ? "waiting" : "stopped");
    if (phub__row_half_of(view, node, &half) &&
        half.state != PHUB_INSTANCE_GONE)
        describe_half(report, record, &half);
    if (phub__row_life_read(view, &report->arena, &life) == 0) {
        record->tags = life.tags;
        if (whole)
            record->metadata = life.metadata;
    }
    if (whole)
        record->keeper = phub__text_of(phub__hub_name_of(
            hub, phub__view_keeper(phub__hub_view(hub), view->id)));
}

/* "key": it has one; "key=value": that value. */
static int has_meta(const struct phub__row_view *view,
                    struct phub_bytes wanted)
{
    const uint8_t *sign = memchr(wanted.data, '=', wanted.size);
    struct phub_bytes key = wanted, value;

    if (sign != NULL)
        key.size = (size_t)(sign - wanted.data);
    if (phub__row_meta(view, key, &value) != 0)
        return 0;
    return sign == NULL ||
           (value.size == wanted.size - key.size - 1 &&
            (value.size == 0 ||
             memcmp(value.data, sign + 1, value.size) == 0));
}

/* Whose instance a list tells of. */
static uint64_t told(const struct list *list,
                     const struct phub__row_view *view)
{
    return list->local != 0 ? list->local : view->home;
}

static int wanted(struct phub__report *report, const struct list *list,
                  const struct phub__row_view *view)
{
    struct phub__half_view half;
    uint32_t i, state = 0;
    int runs = phub__row_half_of(view, told(list, view), &half) &&
               half.state != PHUB_INSTANCE_GONE;

    if (!view->live || (list->local != 0 && !runs))
        return 0;
    for (i = 0; i < list->meta_count; i++)
        if (!has_meta(view, list->meta[i]))
            return 0;
    if (list->node.size != 0 &&
        !phub__text_is(list->node,
                       phub__hub_name_of(report->hub, view->home)))
        return 0;
    if (list->state.size == 0)
        return 1;
    if (runs) {
        state = half.state;
        if (!present(report->hub, half.node))
            return phub__text_is(list->state, "lost");
    }
    return phub__text_is(list->state, phub__state_name(state));
}

/* Only these, in their order; one that is not there is left out. */
static int fill_named(void *state, struct phub__report *report)
{
    struct list *list = state;
    struct phub__row_view view;
    uint32_t i;

    for (i = 0; i < LIST_STEP && list->at < list->ids_count; i++)
        if (phub__registry_get(report->hub->registry, list->ids[list->at++],
                               &view) == 0 &&
            wanted(report, list, &view))
            describe(report, &view, told(list, &view), 0);
    if (list->at < list->ids_count)
        return 1;
    phub__report_end(report, 0, "");
    return 0;
}

static int fill_all(void *state, struct phub__report *report)
{
    struct list *list = state;
    struct phub__query query = {
        .by = list->tag.size != 0 ? PHUB__BY_TAG
              : list->local != 0 ? PHUB__BY_INSTANCE : PHUB__BY_LIVE,
        .node = list->local, .key = list->tag };
    struct phub__row_view views[LIST_STEP];
    uint32_t i, count =
        phub__registry_query(report->hub->registry, &query, &list->cursor,
                             LOOKED_STEP, views, LIST_STEP);

    for (i = 0; i < count; i++)
        if (wanted(report, list, &views[i]))
            describe(report, &views[i], told(list, &views[i]), 0);
    if (list->cursor != 0)
        return 1;
    phub__report_end(report, 0, "");
    return 0;
}

static struct phub_bytes keep(uint8_t **end, struct phub_bytes bytes)
{
    struct phub_bytes kept = { *end, bytes.size };

    if (bytes.size != 0)
        memcpy(*end, bytes.data, bytes.size);
    *end += bytes.size;
    return kept;
}

static size_t size_of(const struct phub__list *texts)
{
    const struct phub_bytes *items = texts->items;
    size_t size = texts->count * sizeof *items;
    uint32_t i;

    for (i = 0; i < texts->count; i++)
        size += items[i].size;
    return size;
}

static void keep_all(struct phub_bytes *kept, uint8_t **end,
                     const struct phub__list *texts)
{
    const struct phub_bytes *items = texts->items;
    uint32_t i;

    for (i = 0; i < texts->count; i++)
        kept[i] = keep(end, items[i]);
}

/* Copies what it needs.  NULL if out of memory. */
static struct list *list_new(const struct phub__hub *hub,
                             const struct phub__question *q)
{
    size_t size = sizeof(struct list) + size_of(&q->ids) + size_of(&q->meta) +
                  q->node.size + q->tag.size + q->state.size;
    struct list *list = phub__malloc(size);
    uint8_t *end;

    if (list == NULL)
        return NULL;
    memset(list, 0, sizeof *list);
    list->local = q->local ? hub->node : 0;
    list->ids = (struct phub_bytes *)(list + 1);
    list->ids_count = q->ids.count;
    list->meta = list->ids + list->ids_count;
    list->meta_count = q->meta.count;
    end = (uint8_t *)(list->meta + list->meta_count);
    keep_all(list->ids, &end, &q->ids);
    keep_all(list->meta, &end, &q->meta);
    list->node = keep(&end, q->node);
    list->tag = keep(&end, q->tag);
    list->state = keep(&end, q->state);
    return list;
}

void phub__serve_ls(struct phub__report *report,
                    const struct phub__question *q)
{
    struct list *list;

    if (report->asker->flows >= PHUB__ASKER_FLOWS_MAX) {
        phub__report_end(report, PHUB_EBUSY, "too many answers are under way;"
                         " read them first");
        return;
    }
    list = list_new(report->hub, q);
    if (list == NULL)
        phub__report_end(report, PHUB_ENOMEM, "out of memory");
    else
        phub__report_flow(report, list->ids_count != 0 ? fill_named : fill_all,
                          phub__free, list);
}

/* --- causes and show ------------------------------------------------------ */

static void causes_here(struct phub__report *report, uint64_t count)
{
    struct phub__cause found[PHUB__RECORDS_MAX / 2];
    uint32_t i, n;

    if (count == 0)
        count = CAUSES_HERE;
    if (count > PHUB__RECORDS_MAX / 2)
        count = PHUB__RECORDS_MAX / 2;
    n = phub__causes_of(report->hub->causes, PHUB_BYTES_NONE, found,
                        (uint32_t)count);
    for (i = 0; i < n; i++) {
        struct phub__record *record = phub__report_record(report);

        record->time_ms = found[i].wall_ms;
        record->id = found[i].child;
        record->text = phub__text_of(found[i].text);
    }
    phub__report_end(report, 0, "");
}

/* One line of a node's answer, "TIME text"; gives where the next begins. */
static const char *cause_line(struct phub__report *report, const char *line,
                              const char *node)
{
    const char *end = strchr(line, '\n');
    char *text;
    char *space;
    uint64_t time_ms = strtoull(line, &space, 10);
    struct phub__record *record;

    if (end == NULL || space >= end)
        return NULL;
    text = phub__arena_alloc(&report->arena, (size_t)(end - space), 1);
    if (text == NULL || report->count == PHUB__RECORDS_MAX)
        return NULL;
    memcpy(text, space + 1, (size_t)(end - space - 1));
    text[end - space - 1] = '\0';
    record = phub__report_record(report);
    record->time_ms = time_ms;
    record->node = phub__text_of(node);
    record->text = phub__text_of(text);
    return end + 1;
}

static int by_time(const void *a, const void *b)
{
    const struct phub__record *x = a, *y = b;

    return x->time_ms < y->time_ms ? -1 : x->time_ms > y->time_ms;
}

/* Sentences of all members, in order of their clocks: near enough to read. */
static void causes_came(void *arg, struct phub__request *request)
{
    struct phub__report *report = arg;
    uint32_t i;

    for (i = 0; i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        const char *line = item->text;

        while (item->code == 0 && line != NULL && line[0] != '\0')
            line = cause_line(report, line,
                              phub__hub_name_of(report->hub,
                                                item->answered_by));
    }
    if (report->count != 0)
        qsort(report->records, report->count, sizeof report->records[0],
              by_time);
    if (report->count > report->max) {
        uint32_t skip = report->count - (uint32_t)report->max;

        memmove(report->records, report->records + skip,
                report->max * sizeof report->records[0]);
        report->count -= skip;
    }
    phub__report_end(report, 0, "");
}

static void ask_causes(struct phub__report *report, struct phub_bytes id,
                       uint64_t count)
{
    struct phub__hub *hub = report->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_CAUSES, phub__view_count(view),
                          CAUSES_TIMEOUT_MS);
    uint32_t i;

    if (request == NULL) {
        phub__report_end(report, PHUB_EBUSY,
                         "too many requests are under way");
        return;
    }
    report->max = count != 0 && count < PHUB__RECORDS_MAX ? count : CAUSES;
    for (i = 0; i < request->count; i++) {
        request->items[i].op.id = phub__request_copy(request, id);
        request->items[i].op.target = phub__view_at(view, i)->id;
    }
    phub__request_send(request, causes_came, report);
}

void phub__serve_show(struct phub__report *report,
                      const struct phub__question *q)
{
    const struct phub_bytes *ids = q->ids.items;
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (q->ids.count != 1) {
        phub__report_end(report, PHUB_EINVAL, "one child is to be named");
        return;
    }
    if (phub__registry_get(report->hub->registry, ids[0], &view) != 0 ||
        !view.exists) {
        phub__report_end(report, PHUB_ENOTFOUND, "no such child");
        return;
    }
    describe(report, &view, view.home, 1);
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.node == view.home || half.state == PHUB_INSTANCE_GONE)
            continue;
        describe_half(report, phub__report_record(report), &half);
    }
    phub__report_send(report); /* it borrows from rows that may change */
    ask_causes(report, ids[0], q->count);
}

void phub__serve_causes(struct phub__report *report,
                        const struct phub__question *q)
{
    const struct phub_bytes *ids = q->ids.items;

    if (q->ids.count != 0) {
        ask_causes(report, ids[0], q->count);
        return;
    }
    causes_here(report, q->count);
}

