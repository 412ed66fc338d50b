/* SPDX-License-Identifier: MIT */
/* serve: the control socket's questions, as <phub/control.h> has them.
 *
 * A frame that cannot be read is answered with PHUB_EPROTO and counted; what
 * takes time is answered when it is over, and the connection may be gone by
 * then (struct phub__asker counts what is under way). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/control.h>
#include <phub/error.h>

#include "hub/command.h"
#include "hub/forget.h"
#include "hub/peer.h"
#include "hub/redistribute.h"
#include "hub/request.h"
#include "hub/serve.h"
#include "wire/memory.h"

#define MOVE_TIMEOUT_MS 60000u /* unless told */

#define C struct phub__command_child
static PHUB__SCHEMA(child_schema, C,
    PHUB__TEXT(PHUB_CONTROL_CHILD_ID, C, id, 65536),
    PHUB__BYTES(PHUB_CONTROL_CHILD_SPEC, C, spec, PHUB__SPEC_SIZE_MAX),
    PHUB__LIST(PHUB_CONTROL_CHILD_METADATA, C, metadata, PHUB_METADATA_MAX,
               &phub__record_pair_schema),
    PHUB__TEXTS(PHUB_CONTROL_CHILD_TAGS, C, tags, PHUB_TAGS_MAX, 63),
    PHUB__BOOL(PHUB_CONTROL_CHILD_DURABLE, C, durable),
    PHUB__BOOL(PHUB_CONTROL_CHILD_STICKY, C, sticky));

#define Q struct phub__question
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
    PHUB__TEXT(PHUB_CONTROL_REPLICA, Q, replica, 255),
    PHUB__TEXTS(PHUB_CONTROL_META, Q, meta, PHUB__META_WANTED_MAX,
                PHUB__META_WANTED_SIZE),
    PHUB__BOOL(PHUB_CONTROL_LOCAL, Q, local));

/* Whom to answer, from a question that cannot be decoded. */
static PHUB__SCHEMA(head_schema, Q,
    PHUB__U64(PHUB_CONTROL_REFERENCE, Q, reference));

/* --- start, stop, move, set, drain ---------------------------------------- */

/* What a batch came to, told as fast as it is read. */
struct outcome {
    struct phub__request *request;
    uint32_t at, failed;
};

static int outcome_fill(void *state, struct phub__report *report)
{
    struct outcome *outcome = state;
    const struct phub__request *request = outcome->request;
    char text[128] = "";
    uint32_t i;

    for (i = 0; i < PHUB__RECORDS_MAX && outcome->at < request->count; i++) {
        const struct phub__request_item *item =
            &request->items[outcome->at++];
        struct phub__record *record = phub__report_record(report);

        record->id = item->op.id;
        record->code = item->code;
        record->text = phub__text_of(item->text);
        record->pid = item->pid;
        record->value = item->value;
        record->node_id = item->answered_by;
        record->node = phub__text_of(phub__hub_name_of(report->hub,
                                                       item->answered_by));
        record->incarnation = item->incarnation.number;
        outcome->failed += item->code != 0;
    }
    if (outcome->at < request->count)
        return 1;
    if (outcome->failed != 0)
        snprintf(text, sizeof text, "%u of %u failed", outcome->failed,
                 request->count);
    phub__report_end(report, outcome->failed != 0 ? PHUB_EFAILED : 0, text);
    return 0;
}

static void outcome_drop(void *state)
{
    struct outcome *outcome = state;

    phub__request_release(outcome->request);
    phub__free(outcome);
}

static void operated(void *arg, struct phub__request *request)
{
    struct phub__report *report = arg;
    struct outcome *outcome = phub__calloc(1, sizeof *outcome);

    if (outcome == NULL) {
        phub__report_end(report, PHUB_ENOMEM, "out of memory");
        return;
    }
    phub__request_keep(request);
    outcome->request = request;
    phub__report_flow(report, outcome_fill, outcome_drop, outcome);
}

static void forgotten(void *arg, struct phub__request *request)
{
    (void)arg;
    (void)request;
}

/* The member of that name; 0: there is none, and the asker has been told. */
static uint64_t node_named(struct phub__report *report,
                           struct phub_bytes text)
{
    char name[256];
    uint64_t node;

    snprintf(name, sizeof name, "%.*s", (int)text.size,
             text.size != 0 ? (const char *)text.data : "");
    node = phub__hub_node_by_name(report->hub, name);
    if (node == 0)
        phub__report_end(report, PHUB_ENOTFOUND, "no member has that name; "
                         "phub nodes shows who is there");
    return node;
}

static void serve_quorum(struct phub__report *report,
                         const struct phub__question *q)
{
    char text[256];
    int rc = phub__redistribution_reset(report->hub, q->count, text,
                                        sizeof text);

    phub__report_end(report, rc, text);
}

static void serve_operation(struct phub__report *report,
                            const struct phub__question *q)
{
    struct phub__hub *hub = report->hub;
    phub__command_done *done = q->no_wait ? forgotten : operated;
    void *arg = q->no_wait ? NULL : (void *)report;
    uint64_t target = hub->node, replica = 0;
    int rc;

    if (phub__text_is(q->verb, "start")) {
        rc = phub__command_start(hub, q->children.items, q->children.count,
                                 q->rollback, q->timeout_ms, done, arg);
    } else if (phub__text_is(q->verb, "stop")) {
        rc = phub__command_stop(hub, q->ids.items, q->ids.count,
                                q->timeout_ms, done, arg);
    } else if (phub__text_is(q->verb, "set")) {
        const struct phub__command_child *child = q->children.items;
        uint64_t flags = phub__text_is(q->state, "sticky") ? PHUB__ITEM_STICKY
                         : phub__text_is(q->state, "free") ? PHUB__ITEM_FREE
                                                           : 0;

        rc = q->children.count != 1 ? PHUB_EEMPTY
             : phub__command_edit(hub, child->id, &child->metadata, flags,
                                  q->version, q->timeout_ms, done, arg);
    } else {
        if (q->node.size != 0 || phub__text_is(q->verb, "move"))
            target = node_named(report, q->node);
        if (target == 0)
            return;
        if (q->replica.size != 0 &&
            (replica = node_named(report, q->replica)) == 0)
            return;
        rc = phub__text_is(q->verb, "drain")
             ? phub__command_drain(hub, target, q->timeout_ms, done, arg)
             : phub__command_move(hub, q->ids.items, q->ids.count, target,
                                  replica, q->timeout_ms != 0
                                               ? q->timeout_ms
                                               : MOVE_TIMEOUT_MS,
                                  done, arg);
    }
    if (rc != 0)
        phub__report_end(report, rc, rc == PHUB_EEMPTY ? "no child is named"
                                                       : phub_strerror(rc));
    else if (q->no_wait)
        phub__report_end(report, 0, "");
}

/* --- the frame ------------------------------------------------------------ */

static const struct {
    const char *name;
    void (*serve)(struct phub__report *report,
                  const struct phub__question *q);
} verbs[] = {
    { "start", serve_operation }, { "stop", serve_operation },
    { "move", serve_operation }, { "set", serve_operation },
    { "drain", serve_operation }, { "quorum", serve_quorum },
    { "forget", phub__serve_forget },
    { "strategy", phub__serve_strategy },
    { "ls", phub__serve_ls }, { "dump", phub__serve_dump },
    { "show", phub__serve_show }, { "causes", phub__serve_causes },
    { "nodes", phub__serve_nodes }, { "status", phub__serve_status },
    { "logs", phub__serve_logs },
};

static void serve(struct phub__report *report,
                  const struct phub__question *q)
{
    char text[160];
    size_t i;

    for (i = 0; i < sizeof verbs / sizeof verbs[0]; i++) {
        if (phub__text_is(q->verb, verbs[i].name)) {
            verbs[i].serve(report, q);
            return;
        }
    }
    snprintf(text, sizeof text, "verb '%.*s': %s are known",
             (int)q->verb.size, (const char *)q->verb.data,
             PHUB_CONTROL_VERBS);
    phub__report_end(report, PHUB_EUNSUPPORTED, text);
}

void phub__command(struct phub__hub *hub, struct phub__asker *asker,
                   struct phub_bytes frame)
{
    struct phub__arena arena;
    struct phub__question q;
    struct phub__report *report;
    uint32_t key = 0;
    char text[128];
    int rc;

    phub__arena_init(&arena, NULL, 0, PHUB__REPORT_ARENA_MAX);
    rc = phub__decode(&question_schema, frame, &q, &arena, &key);
    if (rc != 0)
        (void)phub__decode(&head_schema, frame, &q, &arena, NULL);
    if (rc == 0 && hub->started && phub__text_is(q.verb, "watch")) {
        phub__serve_watch(hub, asker, frame);
        phub__arena_fini(&arena);
        return;
    }
    report = phub__report_new(hub, asker, q.reference);
    if (report == NULL) {
        phub__asker_poor(asker, q.reference);
    } else if (rc == PHUB_ENOMEM) {
        phub__report_end(report, rc, "out of memory");
    } else if (rc != 0) {
        hub->counters.control_malformed++;
        snprintf(text, sizeof text, "the request is malformed at key %u: %s",
                 key, phub_strerror(rc));
        phub__report_end(report, rc, text);
    } else if (!hub->started) {
        phub__report_end(report, PHUB_EAGAIN, "the hub is just starting");
    } else {
        serve(report, &q);
    }
    phub__arena_fini(&arena);
}
