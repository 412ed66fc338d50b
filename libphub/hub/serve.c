/* SPDX-License-Identifier: MIT */
/* serve: the control socket's requests and answers, as <phub/control.h> has
 * them.
 *
 * A frame that cannot be read is answered with PHUB_EPROTO and counted; what
 * takes time is answered when it is over, and the connection may be gone by
 * then (struct phub__asker counts what is under way).  Long lists leave in
 * pieces of RECORDS_MAX. */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub/command.h"
#include "hub/handover.h"
#include "hub/hook_command.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/peer.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "wire/memory.h"
#include "wire/session.h"

#define RECORDS_MAX 512u
#define LINES 100u                /* of logs, unless told */
#define LOG_BYTES_MAX (1u << 20)
#define ARENA_MAX (64u << 20)
#define CAUSES_TIMEOUT_MS 1000u

struct pair {
    struct phub_bytes key, value;
};

static PHUB__SCHEMA(pair_schema, struct pair,
    PHUB__TEXT(1, struct pair, key, 63, PHUB__REQUIRED),
    PHUB__TEXT(2, struct pair, value, 1024));

#define C struct phub__command_child
static PHUB__SCHEMA(child_schema, C,
    PHUB__TEXT(PHUB_CONTROL_CHILD_ID, C, id, 65536),
    PHUB__BYTES(PHUB_CONTROL_CHILD_SPEC, C, spec, PHUB__SPEC_SIZE_MAX),
    PHUB__LIST(PHUB_CONTROL_CHILD_METADATA, C, metadata, PHUB_METADATA_MAX,
               &pair_schema),
    PHUB__TEXTS(PHUB_CONTROL_CHILD_TAGS, C, tags, PHUB_TAGS_MAX, 63),
    PHUB__BOOL(PHUB_CONTROL_CHILD_DURABLE, C, durable),
    PHUB__BOOL(PHUB_CONTROL_CHILD_STICKY, C, sticky));

struct question {
    uint64_t reference;
    struct phub_bytes verb;
    struct phub__list ids, children;
    struct phub_bytes node, tag, state, replica;
    uint64_t timeout_ms, count, version;
    bool rollback, no_wait;
};

#define Q struct question
static PHUB__SCHEMA(question_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference),
    PHUB__TEXT(PHUB_CONTROL_VERB, Q, verb, 63, PHUB__REQUIRED),
    PHUB__TEXTS(PHUB_CONTROL_IDS, Q, ids, PHUB_BATCH_MAX, 65536),
    PHUB__LIST(PHUB_CONTROL_CHILDREN, Q, children, PHUB_BATCH_MAX,
               &child_schema),
    PHUB__TEXT(PHUB_CONTROL_NODE, Q, node, 255),
    PHUB__TEXT(PHUB_CONTROL_TAG, Q, tag, 255),
    PHUB__TEXT(PHUB_CONTROL_STATE, Q, state, 63),
    PHUB__U64(PHUB_CONTROL_TIMEOUT_MS, Q, timeout_ms),
    PHUB__BOOL(PHUB_CONTROL_ROLLBACK, Q, rollback),
    PHUB__BOOL(PHUB_CONTROL_NO_WAIT, Q, no_wait),
    PHUB__U64(PHUB_CONTROL_COUNT, Q, count),
    PHUB__U64(PHUB_CONTROL_VERSION, Q, version),
    PHUB__TEXT(PHUB_CONTROL_REPLICA, Q, replica, 255));

/* Whom to answer, from a question that cannot be decoded. */
static PHUB__SCHEMA(head_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference));

struct record {
    struct phub_bytes id, node, state, text, zone, keeper, home, role;
    uint64_t replicas;
    int64_t code, pid;
    uint64_t restarts, epoch, incarnation, value, time_ms, node_id, boot;
    uint64_t weight, rtt_us, version;
    struct phub__list tags, metadata, published;
    bool durable;
};

#define R struct record
static PHUB__SCHEMA(record_schema, R,
    PHUB__TEXT(PHUB_CONTROL_R_ID, R, id, 65536),
    PHUB__I64(PHUB_CONTROL_R_CODE, R, code),
    PHUB__TEXT(PHUB_CONTROL_R_NODE, R, node, 255),
    PHUB__TEXT(PHUB_CONTROL_R_STATE, R, state, 63),
    PHUB__I64(PHUB_CONTROL_R_PID, R, pid),
    PHUB__U64(PHUB_CONTROL_R_RESTARTS, R, restarts),
    PHUB__BYTES(PHUB_CONTROL_R_TEXT, R, text, PHUB__FRAME_MAX),
    PHUB__TEXTS(PHUB_CONTROL_R_TAGS, R, tags, PHUB_TAGS_MAX, 63),
    PHUB__LIST(PHUB_CONTROL_R_METADATA, R, metadata, PHUB_METADATA_MAX,
               &pair_schema),
    PHUB__LIST(PHUB_CONTROL_R_PUBLISHED, R, published, PHUB_METADATA_MAX,
               &pair_schema),
    PHUB__U64(PHUB_CONTROL_R_EPOCH, R, epoch),
    PHUB__U64(PHUB_CONTROL_R_INCARNATION, R, incarnation),
    PHUB__U64(PHUB_CONTROL_R_VALUE, R, value),
    PHUB__U64(PHUB_CONTROL_R_TIME_MS, R, time_ms),
    PHUB__U64(PHUB_CONTROL_R_NODE_ID, R, node_id),
    PHUB__U64(PHUB_CONTROL_R_BOOT, R, boot),
    PHUB__U64(PHUB_CONTROL_R_WEIGHT, R, weight),
    PHUB__TEXT(PHUB_CONTROL_R_ZONE, R, zone, 63),
    PHUB__U64(PHUB_CONTROL_R_RTT_US, R, rtt_us),
    PHUB__BOOL(PHUB_CONTROL_R_DURABLE, R, durable),
    PHUB__TEXT(PHUB_CONTROL_R_KEEPER, R, keeper, 255),
    PHUB__TEXT(PHUB_CONTROL_R_HOME, R, home, 255),
    PHUB__U64(PHUB_CONTROL_R_VERSION, R, version),
    PHUB__TEXT(PHUB_CONTROL_R_ROLE, R, role, 7),
    PHUB__U64(PHUB_CONTROL_R_REPLICAS, R, replicas));

struct answer {
    uint64_t reference;
    int64_t code;
    struct phub_bytes text;
    bool more;
    struct phub__list records;
};

#define A struct answer
static PHUB__SCHEMA(answer_schema, A,
    PHUB__U64(PHUB_CONTROL_REFERENCE, A, reference),
    PHUB__I64(PHUB_CONTROL_CODE, A, code),
    PHUB__TEXT(PHUB_CONTROL_TEXT, A, text, 4096),
    PHUB__BOOL(PHUB_CONTROL_MORE, A, more),
    PHUB__LIST(PHUB_CONTROL_RECORDS, A, records, RECORDS_MAX,
               &record_schema));

/* Records on their way to one asker. */
struct reply {
    struct phub__hub *hub;
    struct phub__asker *asker;
    uint64_t reference;
    uint64_t lines;             /* of logs */
    struct phub__arena arena;   /* of this piece's lists and texts */
    uint32_t causes_max;
    int failed;                 /* a piece was lost: why */
    uint32_t count;
    struct record records[RECORDS_MAX];
};

static struct phub_bytes text_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text,
                                text != NULL ? strlen(text) : 0 };
}

static int is(struct phub_bytes text, const char *word)
{
    return text.size == strlen(word) &&
           memcmp(text.data, word, text.size) == 0;
}

/* A piece that cannot be encoded is left out; the last one says so. */
static void send_piece(struct reply *reply, int code, const char *text,
                       int more)
{
    struct answer answer = {
        .reference = reply->reference, .code = code, .text = text_of(text),
        .more = more != 0, .records = { reply->records, reply->count } };
    struct phub__builder builder;

    phub__builder_init(&builder, PHUB__FRAME_MAX);
    if (phub__encode(&answer_schema, &answer, &builder) != 0)
        reply->failed = builder.error;
    if (reply->failed != 0 && !more) {
        answer.records.count = 0;
        answer.code = reply->failed;
        answer.text = text_of(reply->failed == PHUB_ENOMEM
                                  ? "out of memory"
                                  : "the answer is too large");
        phub__builder_reset(&builder);
        (void)phub__encode(&answer_schema, &answer, &builder);
    }
    if (builder.error != 0 && !more)
        phub__asker_poor(reply->asker, reply->reference);
    else if (builder.error == 0 && !reply->asker->gone)
        reply->asker->send(reply->asker, phub__builder_bytes(&builder));
    phub__builder_fini(&builder);
    reply->count = 0;
    phub__arena_reset(&reply->arena);
}

static struct record *record_new(struct reply *reply)
{
    struct record *record;

    if (reply->count == RECORDS_MAX)
        send_piece(reply, 0, "", 1);
    record = &reply->records[reply->count++];
    memset(record, 0, sizeof *record);
    return record;
}

static struct reply *reply_new(struct phub__hub *hub,
                               struct phub__asker *asker, uint64_t reference)
{
    struct reply *reply = phub__calloc(1, sizeof *reply);

    if (reply == NULL)
        return NULL;
    reply->hub = hub;
    reply->asker = asker;
    reply->reference = reference;
    phub__arena_init(&reply->arena, NULL, 0, ARENA_MAX);
    asker->refs++;
    return reply;
}

static void reply_end(struct reply *reply, int code, const char *text)
{
    struct phub__asker *asker = reply->asker;

    send_piece(reply, code, text, 0);
    phub__arena_fini(&reply->arena);
    phub__free(reply);
    if (--asker->refs == 0 && asker->gone)
        asker->release(asker);
}

/* --- start, stop, move, drain ---------------------------------------------------- */

static void operated(void *arg, struct phub__request *request)
{
    struct reply *reply = arg;
    struct phub__hub *hub = reply->hub;
    uint32_t i, failed = 0;
    char text[128];

    for (i = 0; i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        struct record *record = record_new(reply);

        record->id = item->op.id;
        record->code = item->code;
        record->text = text_of(item->text);
        record->pid = item->pid;
        record->value = item->value;
        record->node_id = item->answered_by;
        record->node = text_of(phub__hub_name_of(hub, item->answered_by));
        record->incarnation = item->incarnation.number;
        failed += item->code != 0;
    }
    snprintf(text, sizeof text, "%u of %u failed", failed, request->count);
    reply_end(reply, failed != 0 ? PHUB_EFAILED : 0,
              failed != 0 ? text : "");
}

static void forgotten(void *arg, struct phub__request *request)
{
    (void)arg;
    (void)request;
}

/* The member of that name, or 0 and the answer. */
static uint64_t node_named(struct reply *reply, struct phub_bytes text)
{
    char name[256];
    uint64_t node;

    snprintf(name, sizeof name, "%.*s", (int)text.size,
             text.size != 0 ? (const char *)text.data : "");
    node = phub__hub_node_by_name(reply->hub, name);
    if (node == 0)
        reply_end(reply, PHUB_ENOTFOUND, "no member has that name; phub "
                  "nodes shows who is there");
    return node;
}

static void serve_quorum(struct reply *reply, const struct question *q)
{
    char text[256];
    int rc = phub__redistribution_reset(reply->hub, q->count, text,
                                        sizeof text);

    reply_end(reply, rc, text);
}

static void serve_operation(struct reply *reply, const struct question *q)
{
    struct phub__hub *hub = reply->hub;
    phub__command_done *done = q->no_wait ? forgotten : operated;
    void *arg = q->no_wait ? NULL : (void *)reply;
    uint64_t target = hub->node, replica = 0;
    int rc;

    if (is(q->verb, "start")) {
        rc = phub__command_start(hub, q->children.items, q->children.count,
                                 q->rollback, q->timeout_ms, done, arg);
    } else if (is(q->verb, "stop")) {
        rc = phub__command_stop(hub, q->ids.items, q->ids.count,
                                q->timeout_ms, done, arg);
    } else if (is(q->verb, "set")) {
        const struct phub__command_child *child = q->children.items;

        rc = q->children.count != 1 ? PHUB_EEMPTY
             : phub__command_edit(hub, child->id, &child->metadata,
                                  q->version, q->timeout_ms, done, arg);
    } else {
        if (q->node.size != 0 || is(q->verb, "move"))
            target = node_named(reply, q->node);
        if (target == 0)
            return;
        if (q->replica.size != 0 &&
            (replica = node_named(reply, q->replica)) == 0)
            return;
        rc = is(q->verb, "drain")
             ? phub__command_drain(hub, target, q->timeout_ms, done, arg)
             : phub__command_move(hub, q->ids.items, q->ids.count, target,
                                  replica, q->timeout_ms != 0 ? q->timeout_ms
                                                              : 60000,
                                  done, arg);
    }
    if (rc != 0)
        reply_end(reply, rc, rc == PHUB_EEMPTY ? "no child is named"
                                               : phub_strerror(rc));
    else if (q->no_wait)
        reply_end(reply, 0, "");
}

/* --- ls and show --------------------------------------------------------------------- */

/* A node that is not in the view runs nothing any more as far as we know. */
static int present(struct phub__hub *hub, uint64_t node)
{
    return phub__view_index(phub__hub_view(hub), node) != PHUB__VIEW_NONE;
}

static void describe_half(struct reply *reply, struct record *record,
                          const struct phub__half_view *half)
{
    struct phub__hub *hub = reply->hub;
    struct phub__half full;

    record->node = text_of(phub__hub_name_of(hub, half->node));
    record->node_id = half->node;
    record->state = text_of(present(hub, half->node)
                                ? phub__state_name(half->state) : "lost");
    record->pid = half->pid;
    record->restarts = half->restarts;
    record->role = text_of(half->role == PHUB_ROLE_ACTIVE ? "active"
                                                          : "passive");
    record->text = half->text;
    if (phub__row_half_read(half, &reply->arena, &full) == 0)
        record->published = full.metadata;
}

static void describe(struct reply *reply, const struct phub__row_view *view,
                     int whole)
{
    struct phub__hub *hub = reply->hub;
    struct record *record = record_new(reply);
    struct phub__half_view half;
    struct phub__life life;

    record->id = view->id;
    record->home = text_of(phub__hub_name_of(hub, view->home));
    record->epoch = view->home_epoch.number;
    record->incarnation = view->incarnation.number;
    record->durable = view->durable;
    record->version = view->edit.number;
    record->replicas = view->replicas_count;
    record->state = text_of(view->live ? "waiting" : "stopped");
    if (phub__row_half_of(view, view->home, &half) &&
        half.state != PHUB_INSTANCE_GONE)
        describe_half(reply, record, &half);
    if (phub__row_life_read(view, &reply->arena, &life) == 0) {
        record->tags = life.tags;
        if (whole)
            record->metadata = life.metadata;
    }
    if (whole)
        record->keeper = text_of(phub__hub_name_of(
            hub, phub__view_keeper(phub__hub_view(hub), view->id)));
}

static int wanted(struct reply *reply, const struct question *q,
                  const struct phub__row_view *view)
{
    struct phub__half_view half;
    uint32_t state = 0;

    if (q->node.size != 0 &&
        !is(q->node, phub__hub_name_of(reply->hub, view->home)))
        return 0;
    if (q->state.size == 0)
        return 1;
    if (phub__row_half_of(view, view->home, &half) &&
        half.state != PHUB_INSTANCE_GONE) {
        state = half.state;
        if (!present(reply->hub, half.node))
            return is(q->state, "lost");
    }
    return is(q->state, phub__state_name(state));
}

/* Only these, in their order; one that is not there is left out. */
static void list_named(struct reply *reply, const struct question *q)
{
    const struct phub_bytes *ids = q->ids.items;
    struct phub__row_view view;
    uint32_t i;

    for (i = 0; i < q->ids.count; i++)
        if (phub__registry_get(reply->hub->registry, ids[i], &view) == 0 &&
            view.live && wanted(reply, q, &view))
            describe(reply, &view, 0);
    reply_end(reply, 0, "");
}

static void serve_ls(struct reply *reply, const struct question *q)
{
    struct phub__query query = {
        .by = q->tag.size != 0 ? PHUB__BY_TAG : PHUB__BY_LIVE, .key = q->tag };
    struct phub__row_view views[64];
    uint64_t cursor = 0;
    uint32_t count, i;

    if (q->ids.count != 0) {
        list_named(reply, q);
        return;
    }
    do {
        count = phub__registry_query(reply->hub->registry, &query, &cursor,
                                     4096, views, 64);
        for (i = 0; i < count; i++)
            if (wanted(reply, q, &views[i]))
                describe(reply, &views[i], 0);
    } while (cursor != 0);
    reply_end(reply, 0, "");
}

static void causes(struct reply *reply, struct phub_bytes id, uint64_t count)
{
    struct phub__cause found[RECORDS_MAX / 2];
    uint32_t i, n;

    if (count == 0 || count > RECORDS_MAX / 2)
        count = count == 0 ? 10 : RECORDS_MAX / 2;
    n = phub__causes_of(reply->hub->causes, id, found, (uint32_t)count);
    for (i = 0; i < n; i++) {
        struct record *record = record_new(reply);

        record->time_ms = found[i].wall_ms;
        record->id = found[i].child;
        record->text = text_of(found[i].text);
    }
}

/* One line of a node's answer, "TIME text"; gives where the next begins. */
static const char *cause_line(struct reply *reply, const char *line,
                              const char *node)
{
    const char *end = strchr(line, '\n');
    char *text;
    char *space;
    uint64_t time_ms = strtoull(line, &space, 10);
    struct record *record;

    if (end == NULL || space >= end)
        return NULL;
    text = phub__arena_alloc(&reply->arena, (size_t)(end - space), 1);
    if (text == NULL || reply->count == RECORDS_MAX)
        return NULL;
    memcpy(text, space + 1, (size_t)(end - space - 1));
    text[end - space - 1] = '\0';
    record = record_new(reply);
    record->time_ms = time_ms;
    record->node = text_of(node);
    record->text = text_of(text);
    return end + 1;
}

static int by_time(const void *a, const void *b)
{
    const struct record *x = a, *y = b;

    return x->time_ms < y->time_ms ? -1 : x->time_ms > y->time_ms;
}

/* Sentences of all members, in order of their clocks: near enough to read. */
static void causes_came(void *arg, struct phub__request *request)
{
    struct reply *reply = arg;
    uint32_t i, skip;

    for (i = 0; i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        const char *line = item->text;

        while (item->code == 0 && line != NULL && line[0] != '\0')
            line = cause_line(reply, line,
                              phub__hub_name_of(reply->hub,
                                                item->answered_by));
    }
    qsort(reply->records, reply->count, sizeof reply->records[0], by_time);
    skip = reply->count > reply->causes_max ? reply->count - reply->causes_max
                                            : 0;
    memmove(reply->records, reply->records + skip,
            (reply->count - skip) * sizeof reply->records[0]);
    reply->count -= skip;
    reply_end(reply, 0, "");
}

static void ask_causes(struct reply *reply, struct phub_bytes id,
                       uint64_t count)
{
    struct phub__hub *hub = reply->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_CAUSES, phub__view_count(view),
                          CAUSES_TIMEOUT_MS);
    uint32_t i;

    if (request == NULL) {
        reply_end(reply, PHUB_EBUSY, "too many requests are under way");
        return;
    }
    reply->causes_max = count != 0 && count < RECORDS_MAX ? (uint32_t)count
                                                          : 16;
    for (i = 0; i < request->count; i++) {
        request->items[i].op.id = phub__request_copy(request, id);
        request->items[i].op.target = phub__view_at(view, i)->id;
    }
    phub__request_send(request, causes_came, reply);
}

static void serve_show(struct reply *reply, const struct question *q)
{
    const struct phub_bytes *ids = q->ids.items;
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (q->ids.count != 1) {
        reply_end(reply, PHUB_EINVAL, "one child is to be named");
        return;
    }
    if (phub__registry_get(reply->hub->registry, ids[0], &view) != 0 ||
        !view.exists) {
        reply_end(reply, PHUB_ENOTFOUND, "no such child");
        return;
    }
    describe(reply, &view, 1);
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.node == view.home || half.state == PHUB_INSTANCE_GONE)
            continue;
        describe_half(reply, record_new(reply), &half);
    }
    send_piece(reply, 0, "", 1); /* it borrows from rows that may change */
    ask_causes(reply, ids[0], q->count);
}

static void serve_causes(struct reply *reply, const struct question *q)
{
    const struct phub_bytes *ids = q->ids.items;

    if (q->ids.count != 0) {
        ask_causes(reply, ids[0], q->count);
        return;
    }
    causes(reply, PHUB_BYTES_NONE, q->count);
    reply_end(reply, 0, "");
}

/* --- nodes and status ------------------------------------------------------------------- */

static const char *member_state(enum phub__member_state state)
{
    switch (state) {
    case PHUB__MEMBER_ALIVE: return "alive";
    case PHUB__MEMBER_SUSPECT: return "suspect";
    case PHUB__MEMBER_DEAD: return "dead";
    case PHUB__MEMBER_LEFT: return "left";
    }
    return "unknown";
}

static void describe_node(struct reply *reply, const struct phub__member *m)
{
    struct record *record = record_new(reply);
    struct phub__hub *hub = reply->hub;

    record->node = text_of(m->name);
    record->node_id = m->node;
    record->boot = m->boot;
    record->state = text_of(m->node == hub->node && hub->draining
                                ? "draining" : member_state(m->state));
    record->text = text_of(m->endpoint);
    record->weight = m->weight;
    record->zone = text_of(m->zone);
    record->rtt_us = m->rtt_ns / 1000;
    record->value = phub__registry_home_count(hub->registry, m->node);
}

static void serve_nodes(struct reply *reply)
{
    struct phub__cluster *cluster = reply->hub->cluster;
    uint32_t i;

    for (i = 0; i < phub__cluster_member_count(cluster); i++)
        describe_node(reply, phub__cluster_member_at(cluster, i));
    reply_end(reply, 0, "");
}

static void counter(void *arg, const char *name, uint64_t value)
{
    struct record *record = record_new(arg);

    record->id = text_of(name);
    record->value = value;
}

/* What the strategies count: "partition.asked". */
static void tallies(struct reply *reply)
{
    const size_t size = PHUB__TALLY_NAME_MAX + 24;
    uint32_t kind, i;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__tally *tally = &reply->hub->tallies[kind];

        for (i = 0; i < tally->count; i++) {
            struct record *record = record_new(reply);
            char *name = phub__arena_alloc(&reply->arena, size, 1);

            if (name != NULL)
                snprintf(name, size, "%s.%s", phub__kind_name(kind),
                         tally->entries[i].name);
            record->id = text_of(name);
            record->value = tally->entries[i].value;
        }
    }
}

static void serve_status(struct reply *reply)
{
    struct phub__hub *hub = reply->hub;
    const struct phub__counters *c = &hub->counters;
    struct phub__registry_counts rows;
    struct phub__cluster_stats cluster;
    const char *refusal = phub__cluster_refusal(hub->cluster);

    describe_node(reply, phub__cluster_member(hub->cluster, hub->node));
    phub__registry_counts(hub->registry, &rows);
    phub__cluster_stats(hub->cluster, &cluster);
#define ONE(name) counter(reply, #name, c->name)
    counter(reply, "members", phub__view_count(phub__hub_view(hub)));
    counter(reply, "synced", (uint64_t)phub__synced_complete(hub));
    counter(reply, "may_run", (uint64_t)phub__hub_may_run(hub));
    counter(reply, "children", rows.rows_live);
    counter(reply, "children_here", phub__locals_count(hub->locals));
    counter(reply, "moves_open", phub__moves_count(hub->moves));
    counter(reply, "requests_open", phub__requests_count(hub->requests));
    counter(reply, "answers_late", phub__requests_late(hub->requests));
    counter(reply, "child_answers_late",
            phub__supervisor_answers_late(hub->supervisor));
    counter(reply, "records_kept", rows.records_kept);
    ONE(starts); ONE(stops); ONE(restarts); ONE(rehomed); ONE(moves_started);
    ONE(moves_completed); ONE(moves_failed); ONE(messages_sent);
    ONE(messages_dropped); ONE(frames_in); ONE(frames_out);
    ONE(frames_malformed); ONE(frames_foreign); ONE(frames_stale);
    ONE(frames_unknown); ONE(bodies_malformed); ONE(control_malformed);
    phub__handover_tell(hub, counter, reply);
    phub__hook_commands_tell(hub, counter, reply);
#undef ONE
    counter(reply, "cluster_malformed", cluster.malformed);
    counter(reply, "cluster_refused", cluster.refused);
    counter(reply, "cluster_probes_failed", cluster.probes_failed);
    counter(reply, "cluster_joins_refused", cluster.joins_refused);
    if (reply->asker->counters != NULL)
        reply->asker->counters(reply->asker, counter, reply);
    tallies(reply);
    reply_end(reply, 0, refusal);
}

/* The last lines of text; whole ones, but for the last. */
static struct phub_bytes last_lines(struct phub_bytes text, uint64_t lines)
{
    size_t at = text.size;

    while (at > 0 && (text.data[at - 1] != '\n' || at == text.size ||
                      --lines > 0))
        at--;
    return (struct phub_bytes){ text.data + at, text.size - at };
}

static void logs_read(void *arg, int rc, struct phub_bytes text)
{
    struct reply *reply = arg;

    if (rc == 0) {
        struct record *record = record_new(reply);

        record->text = last_lines(text, reply->lines);
    }
    reply_end(reply, rc, rc == 0 ? "" : rc == PHUB_ENOTFOUND
              ? "this node keeps no output of that child; ask the node that "
                "runs it" : phub_strerror(rc));
}

static void serve_logs(struct reply *reply, const struct question *q)
{
    const struct phub_bytes *ids = q->ids.items;
    int rc = PHUB_EUNSUPPORTED;

    if (q->ids.count != 1) {
        reply_end(reply, PHUB_EINVAL, "one child is to be named");
        return;
    }
    reply->lines = q->count != 0 ? q->count : LINES;
    if (reply->asker->logs != NULL)
        rc = reply->asker->logs(reply->asker, ids[0], LOG_BYTES_MAX,
                                logs_read, reply);
    if (rc != 0)
        logs_read(reply, rc, PHUB_BYTES_NONE);
}

/* --- the frame ----------------------------------------------------------------------------- */

static void serve(struct reply *reply, const struct question *q)
{
    char text[160];

    if (is(q->verb, "start") || is(q->verb, "stop") || is(q->verb, "move") ||
        is(q->verb, "set") || is(q->verb, "drain"))
        serve_operation(reply, q);
    else if (is(q->verb, "quorum"))
        serve_quorum(reply, q);
    else if (is(q->verb, "ls"))
        serve_ls(reply, q);
    else if (is(q->verb, "show"))
        serve_show(reply, q);
    else if (is(q->verb, "causes"))
        serve_causes(reply, q);
    else if (is(q->verb, "nodes"))
        serve_nodes(reply);
    else if (is(q->verb, "status"))
        serve_status(reply);
    else if (is(q->verb, "logs"))
        serve_logs(reply, q);
    else {
        snprintf(text, sizeof text, "verb '%.*s': %s are known",
                 (int)q->verb.size, (const char *)q->verb.data,
                 PHUB_CONTROL_VERBS);
        reply_end(reply, PHUB_EUNSUPPORTED, text);
    }
}

void phub__command(struct phub__hub *hub, struct phub__asker *asker,
                   struct phub_bytes frame)
{
    struct phub__arena arena;
    struct question q;
    struct reply *reply;
    uint32_t key = 0;
    char text[128];
    int rc;

    phub__arena_init(&arena, NULL, 0, ARENA_MAX);
    rc = phub__decode(&question_schema, frame, &q, &arena, &key);
    if (rc != 0)
        (void)phub__decode(&head_schema, frame, &q, &arena, NULL);
    reply = reply_new(hub, asker, q.reference);
    if (reply == NULL) {
        phub__asker_poor(asker, q.reference);
    } else if (rc == PHUB_ENOMEM) {
        reply_end(reply, rc, "out of memory");
    } else if (rc != 0) {
        hub->counters.control_malformed++;
        snprintf(text, sizeof text, "the request is malformed at key %u: %s",
                 key, phub_strerror(rc));
        reply_end(reply, rc, text);
    } else if (!hub->started) {
        reply_end(reply, PHUB_EAGAIN, "the hub is just starting");
    } else {
        serve(reply, &q);
    }
    phub__arena_fini(&arena);
}
