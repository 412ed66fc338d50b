/* SPDX-License-Identifier: MIT */
/* op: pieces of operations on the wire, and who does them here.
 *
 * A REQUEST is decoded, its rows are merged, and each item is handed to the
 * mechanism that its op names.  A claim (START, STOP, COMPLETED, MOVE) that
 * reached a node which is not its keeper or home in that node's view is
 * passed on, at most PHUB__HOPS_MAX times, and the requester is told where it
 * went; after that both view hashes are named.  Answers of one turn that go
 * to the same operation travel in one RESPONSE. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/handover.h"
#include "hub/host.h"
#include "hub/hub.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/move.h"
#include "hub/redistribute.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define TEXT_MAX 1024u

static PHUB__SCHEMA(pair_schema, struct phub__op_pair,
    PHUB__TEXT(1, struct phub__op_pair, key, 63, PHUB__REQUIRED),
    PHUB__TEXT(2, struct phub__op_pair, value, 1024));

#define I struct phub__op_item
static PHUB__SCHEMA(item_schema, I,
    PHUB__U64(1, I, index),
    PHUB__TEXT(2, I, id, PHUB_CHILD_ID_MAX),
    PHUB__EPOCH(3, I, incarnation),
    PHUB__EPOCH(4, I, epoch),
    PHUB__BYTES(5, I, spec, PHUB__SPEC_SIZE_MAX),
    PHUB__LIST(6, I, metadata, PHUB_METADATA_MAX, &pair_schema),
    PHUB__TEXTS(7, I, tags, PHUB_TAGS_MAX, 63),
    PHUB__U64(8, I, flags),
    PHUB__U64(9, I, target),
    PHUB__TEXT(10, I, text, TEXT_MAX));

#define R struct phub__op_request
PHUB__SCHEMA(phub__op_request_schema, R,
    PHUB__U64(1, R, transaction, PHUB__REQUIRED),
    PHUB__U64(2, R, origin, PHUB__REQUIRED),
    PHUB__U64(3, R, origin_boot),
    PHUB__U64(4, R, op, PHUB__REQUIRED),
    PHUB__U64(5, R, view_hash),
    PHUB__U64(6, R, timeout_ms),
    PHUB__U64(7, R, flags),
    PHUB__U64S(8, R, visited, PHUB__HOPS_MAX + 1),
    PHUB__LIST(9, R, items, PHUB__ITEMS_MAX, &item_schema),
    PHUB__BYTES(10, R, rows, PHUB__FRAME_MAX),
    PHUB__LIST(11, R, options, PHUB__OPTIONS_MAX, &pair_schema));

#define A struct phub__op_answer
static PHUB__SCHEMA(answer_schema, A,
    PHUB__U64(1, A, index),
    PHUB__I64(2, A, code),
    PHUB__U64(3, A, node),
    PHUB__I64(4, A, pid),
    PHUB__TEXT(5, A, text, TEXT_MAX),
    PHUB__EPOCH(6, A, incarnation),
    PHUB__U64(7, A, value),
    PHUB__U64(8, A, forwarded),
    PHUB__BYTES(9, A, data, PHUB_REQUEST_MESSAGE_MAX));

#define P struct phub__op_response
PHUB__SCHEMA(phub__op_response_schema, P,
    PHUB__U64(1, P, transaction, PHUB__REQUIRED),
    PHUB__LIST(2, P, answers, PHUB__ITEMS_MAX, &answer_schema));

#define L struct phub__op_lease
static PHUB__SCHEMA(lease_schema, L,
    PHUB__U64(1, L, node, PHUB__REQUIRED),
    PHUB__U64(2, L, remaining_ms));

#define H struct phub__op_held
static PHUB__SCHEMA(held_schema, H,
    PHUB__TEXT(1, H, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__EPOCH(2, H, incarnation),
    PHUB__EPOCH(3, H, epoch),
    PHUB__U64(4, H, sequence));

#define V struct phub__op_view_sync
PHUB__SCHEMA(phub__op_view_sync_schema, V,
    PHUB__U64(1, V, view_hash, PHUB__REQUIRED),
    PHUB__BYTES(2, V, summary, PHUB__FRAME_MAX),
    PHUB__LIST(3, V, leases, 1024, &lease_schema),
    PHUB__LIST(4, V, held, PHUB__HELD_MAX, &held_schema),
    PHUB__U64(5, V, ask, PHUB__MAX(1)),
    PHUB__U64(6, V, digest),
    PHUB__U64(7, V, new_here, PHUB__MAX(1)),
    PHUB__U64(8, V, recovering, PHUB__MAX(1)),
    PHUB__U64(9, V, floor),
    PHUB__U64(10, V, partial, PHUB__MAX(2)),
    PHUB__U64(11, V, boot),
    PHUB__U64(12, V, number),
    PHUB__U64(13, V, gather, PHUB__MAX(1)));

#define T struct phub__op_told
static PHUB__SCHEMA(told_schema, T,
    PHUB__U64(1, T, node, PHUB__REQUIRED),
    PHUB__BYTES(2, T, body, PHUB__FRAME_MAX, PHUB__REQUIRED));

#define Q struct phub__op_gathered
PHUB__SCHEMA(phub__op_gathered_schema, Q,
    PHUB__LIST(1, Q, told, 1024, &told_schema),
    PHUB__LIST(2, Q, leases, 1024, &lease_schema));

#define B struct phub__op_cover
PHUB__SCHEMA(phub__op_cover_schema, B,
    PHUB__U64(1, B, round, PHUB__REQUIRED),
    PHUB__BYTES(2, B, summary, PHUB__FRAME_MAX),
    PHUB__U64(3, B, floor));

#define C struct phub__op_state
PHUB__SCHEMA(phub__op_state_schema, C,
    PHUB__TEXT(1, C, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__EPOCH(2, C, incarnation),
    PHUB__EPOCH(3, C, epoch),
    PHUB__U64(4, C, size),
    PHUB__U64(5, C, offset),
    PHUB__U64(6, C, checksum),
    PHUB__BYTES(7, C, data, 1048576),
    PHUB__U64(8, C, version, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(9, C, kind),
    PHUB__U64(10, C, sequence),
    PHUB__U64(11, C, ttl_ms, PHUB__MAX(604800000)),
    PHUB__I64(12, C, code));

#define K struct phub__op_state_ack
PHUB__SCHEMA(phub__op_state_ack_schema, K,
    PHUB__TEXT(1, K, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__EPOCH(2, K, epoch),
    PHUB__U64(3, K, received),
    PHUB__I64(4, K, code),
    PHUB__TEXT(5, K, text, 256),
    PHUB__U64(6, K, kind));

#define D struct phub__op_heard
static PHUB__SCHEMA(heard_schema, D,
    PHUB__U64(1, D, node, PHUB__REQUIRED),
    PHUB__U64(2, D, boot, PHUB__REQUIRED),
    PHUB__U64(3, D, number, PHUB__REQUIRED));

#define M struct phub__op_message
PHUB__SCHEMA(phub__op_message_schema, M,
    PHUB__U64(1, M, origin, PHUB__REQUIRED),
    PHUB__U64(2, M, reference),
    PHUB__U64(4, M, hops),
    PHUB__I64(5, M, code),
    PHUB__U64(6, M, timeout_ms),
    PHUB__TEXT(7, M, id, PHUB_CHILD_ID_MAX, PHUB__REQUIRED),
    PHUB__BYTES(8, M, data, PHUB_MESSAGE_SIZE_MAX),
    PHUB__U64(9, M, end),
    PHUB__U64(10, M, mark.boot),
    PHUB__U64(11, M, mark.number),
    PHUB__U64(12, M, mark.after),
    PHUB__U64(13, M, mark.via),
    PHUB__U64(14, M, mark.via_boot),
    PHUB__LIST(15, M, heard, PHUB__MEMBERS_MAX, &heard_schema));

#define G struct phub__op_plugin
PHUB__SCHEMA(phub__op_plugin_schema, G,
    PHUB__U64(1, G, kind, PHUB__REQUIRED),
    PHUB__TEXT(2, G, name, 63),
    PHUB__BYTES(3, G, data, PHUB_PLUGIN_MESSAGE_MAX));

#define O struct phub__op_load
PHUB__SCHEMA(phub__op_load_schema, O,
    PHUB__U64(1, O, serial, PHUB__REQUIRED),
    PHUB__U64(2, O, host),
    PHUB__U64(3, O, cpus, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(4, O, memory_bytes),
    PHUB__U64(5, O, memory_free_bytes),
    PHUB__U64(6, O, node_memory_bytes),
    PHUB__U64(7, O, cpu_permille, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(8, O, node_cpu_permille, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(9, O, queue_milli, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(10, O, children, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(11, O, moving, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(12, O, interval_ms, PHUB__MAX(UINT32_MAX)),
    PHUB__U64(13, O, flags, PHUB__MAX(UINT32_MAX)));

const char *phub__op_name(enum phub__op op)
{
    switch (op) {
    case PHUB__OP_START: return "start";
    case PHUB__OP_RUN: return "run";
    case PHUB__OP_HOLD: return "hold";
    case PHUB__OP_STOP: return "stop";
    case PHUB__OP_END: return "end";
    case PHUB__OP_MOVE: return "move";
    case PHUB__OP_PREPARE: return "prepare";
    case PHUB__OP_GO: return "go";
    case PHUB__OP_DISCARD: return "discard";
    case PHUB__OP_DRAIN: return "drain";
    case PHUB__OP_COMPLETED: return "completed";
    case PHUB__OP_ASK: return "ask";
    case PHUB__OP_CAUSES: return "causes";
    case PHUB__OP_EDIT: return "edit";
    case PHUB__OP_CELL: return "cell";
    case PHUB__OP_SWITCH: return "switch";
    case PHUB__OP_LOAD: return "load";
    }
    return "unknown";
}

/* --- answers ---------------------------------------------------------------- */

/* Answers of this turn, in order. */
struct phub__answers {
    struct entry {
        struct phub__reply reply;
        struct phub__op_answer answer;  /* text is owned */
    } *entries;
    uint32_t count, capacity;
    int scheduled;
};

static size_t entry_size(const struct entry *entry)
{
    return entry->answer.text.size + entry->answer.data.size + 64;
}

static void entry_free(struct entry *entry)
{
    phub__free((void *)(uintptr_t)entry->answer.text.data);
    phub__free((void *)(uintptr_t)entry->answer.data.data);
}

static void send_response(struct phub__hub *hub, const struct entry *entries,
                          uint32_t count)
{
    struct phub__op_response response = {
        .transaction = entries[0].reply.transaction };
    struct phub__op_answer *answers = phub__calloc(count, sizeof *answers);
    uint64_t origin = entries[0].reply.origin;
    uint32_t i;

    if (answers == NULL)
        return; /* the requester's clock answers */
    for (i = 0; i < count; i++)
        answers[i] = entries[i].answer;
    response.answers = (struct phub__list){ answers, count };
    if (origin == hub->node)
        phub__request_response(hub, &response, hub->node);
    else
        (void)phub__peer_send_struct(hub, origin, PHUB__MESSAGE_RESPONSE,
                                     &phub__op_response_schema, &response);
    phub__free(answers);
}

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__answers *a = hub->answers;
    struct entry *entries = a->entries;
    uint32_t count = a->count, i, n;
    size_t size;

    /* Handling an answer may answer others: those come next turn. */
    a->entries = NULL;
    a->count = a->capacity = 0;
    a->scheduled = 0;
    for (i = 0; i < count; i += n) {
        size = entry_size(&entries[i]);
        for (n = 1; i + n < count && n < PHUB__ITEMS_MAX &&
                    (size += entry_size(&entries[i + n])) <=
                        PHUB__PIECE_SIZE_MAX &&
                    entries[i + n].reply.origin == entries[i].reply.origin &&
                    entries[i + n].reply.transaction ==
                        entries[i].reply.transaction;
             n++)
            ;
        send_response(hub, entries + i, n);
    }
    for (i = 0; i < count; i++)
        entry_free(&entries[i]);
    phub__free(entries);
}

int phub__answers_new(struct phub__hub *hub)
{
    hub->answers = phub__calloc(1, sizeof *hub->answers);
    return hub->answers != NULL ? 0 : PHUB_ENOMEM;
}

void phub__answers_free(struct phub__hub *hub)
{
    uint32_t i;

    if (hub->answers == NULL)
        return;
    for (i = 0; i < hub->answers->count; i++)
        entry_free(&hub->answers->entries[i]);
    phub__free(hub->answers->entries);
    phub__free(hub->answers);
    hub->answers = NULL;
}

void phub__reply_full(struct phub__hub *hub, const struct phub__reply *reply,
                      const struct phub__op_answer *answer)
{
    struct phub__answers *a = hub->answers;
    struct entry *entry;
    uint8_t *text = NULL, *data = NULL;

    if (a->count == a->capacity) {
        uint32_t capacity = a->capacity != 0 ? a->capacity * 2 : 64;
        struct entry *wide =
            phub__realloc(a->entries, capacity * sizeof *wide);

        if (wide == NULL)
            return;
        a->entries = wide;
        a->capacity = capacity;
    }
    entry = &a->entries[a->count];
    entry->reply = *reply;
    entry->answer = *answer;
    entry->answer.index = reply->index;
    if (answer->text.size != 0)
        text = phub__malloc(answer->text.size);
    if (text != NULL)
        memcpy(text, answer->text.data, answer->text.size);
    entry->answer.text =
        (struct phub_bytes){ text, text != NULL ? answer->text.size : 0 };
    if (answer->data.size != 0)
        data = phub__malloc(answer->data.size);
    if (data != NULL)
        memcpy(data, answer->data.data, answer->data.size);
    else if (answer->data.size != 0)
        entry->answer.code = PHUB_ENOMEM;
    entry->answer.data =
        (struct phub_bytes){ data, data != NULL ? answer->data.size : 0 };
    a->count++;
    if (!a->scheduled && hub->env->defer(hub->env, flush, hub) == 0)
        a->scheduled = 1;
}

void phub__reply(struct phub__hub *hub, const struct phub__reply *reply,
                 int code, uint64_t node, int64_t pid, const char *text)
{
    struct phub__op_answer answer = { .code = code, .node = node, .pid = pid };
    size_t size = strlen(text);

    answer.text.data = (const uint8_t *)text;
    answer.text.size = size < TEXT_MAX ? size : TEXT_MAX - 1;
    phub__reply_full(hub, reply, &answer);
}

/* --- sending and passing on -------------------------------------------------- */

int phub__hub_send_op(struct phub__hub *hub, uint64_t node,
                      const struct phub__op_request *op)
{
    return phub__peer_send_struct(hub, node, PHUB__MESSAGE_REQUEST,
                                  &phub__op_request_schema, op);
}

static int visited(const struct phub__op_request *op, uint64_t node)
{
    const uint64_t *nodes = op->visited.items;
    uint32_t i;

    for (i = 0; i < op->visited.count; i++)
        if (nodes[i] == node)
            return 1;
    return 0;
}

/* Pass one item on to the node that this one believes in. */
void phub__op_forward(struct phub__hub *hub,
                      const struct phub__op_request *op,
                      const struct phub__op_item *item, uint64_t node)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__op_request on = *op;
    struct phub__op_answer answer = { .forwarded = node };
    uint64_t nodes[PHUB__HOPS_MAX + 1];
    char text[160];

    if (op->visited.count >= PHUB__HOPS_MAX || visited(op, node)) {
        snprintf(text, sizeof text,
                 "node '%s' has view %016llx, the requester %016llx",
                 hub->name,
                 (unsigned long long)phub__view_hash(phub__hub_view(hub)),
                 (unsigned long long)op->view_hash);
        phub__reply(hub, &reply, PHUB_EVIEW, hub->node, 0, text);
        return;
    }
    if (op->visited.count != 0)
        memcpy(nodes, op->visited.items,
               op->visited.count * sizeof nodes[0]);
    nodes[op->visited.count] = hub->node;
    on.visited = (struct phub__list){ nodes, op->visited.count + 1 };
    on.items = (struct phub__list){ (void *)(uintptr_t)item, 1 };
    phub__reply_full(hub, &reply, &answer);
    if (phub__hub_send_op(hub, node, &on) != 0)
        phub__reply(hub, &reply, PHUB_EAGAIN, hub->node, 0,
                    "could not be passed on");
    else if (item->id.size == 0 || item->id.data[0] != 1) /* no cell */
        phub__hub_hook(hub, PHUB_HOOK_children_forwarded, node, item->id, 0,
                       1, phub__op_name((enum phub__op)op->op));
}

/* Claims must be where they belong; 1 if this item is ours. */
static int ours(struct phub__hub *hub, const struct phub__op_request *op,
                const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    char text[PHUB__NO_SUCH_MAX];
    uint64_t node = hub->node;
    int rc;

    switch ((enum phub__op)op->op) {
    case PHUB__OP_START:
    case PHUB__OP_STOP:
    case PHUB__OP_COMPLETED:
    case PHUB__OP_EDIT:
    case PHUB__OP_CELL:
    case PHUB__OP_SWITCH:
        node = phub__view_keeper(phub__hub_view(hub), item->id);
        break;
    case PHUB__OP_MOVE:
        node = phub__hub_home(hub, item->id);
        if (node != 0)
            break;
        node = phub__view_keeper(phub__hub_view(hub), item->id);
        if (node == hub->node || visited(op, node)) {
            rc = phub__hub_no_such(hub, text);
            phub__reply(hub, &reply, rc, hub->node, 0, text);
            return 0;
        }
        break;
    case PHUB__OP_RUN:
    case PHUB__OP_HOLD:
    case PHUB__OP_END:
    case PHUB__OP_PREPARE:
    case PHUB__OP_GO:
    case PHUB__OP_DISCARD:
    case PHUB__OP_DRAIN:
    case PHUB__OP_CAUSES:
    case PHUB__OP_ASK:
    case PHUB__OP_LOAD:
        return 1;
    }
    if (node == hub->node)
        return 1;
    phub__op_forward(hub, op, item, node);
    return 0;
}

/* --- receiving ---------------------------------------------------------------- */

/* A replica of it was here, and is the one that counts now. */
static int runs(const struct phub__local *local,
                const struct phub__op_item *item)
{
    return local->instance != NULL &&
           phub__instance_phase(local->instance) != PHUB__PHASE_STOPPING &&
           phub_epoch_cmp(phub__instance_incarnation(local->instance),
                          item->incarnation) == 0;
}

/* Its state waits here, and it is to go on with that. */
static int waits(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__row_facts row;

    phub__row_facts(hub, id, &row);
    return hub->on_stopped == NULL && row.live && row.home == hub->node &&
           phub__handover_waits(hub, id, &row);
}

static void run(struct phub__hub *hub, const struct phub__op_request *op,
                const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__local *local;
    const char *why = NULL;
    int code = PHUB_EPARTITIONED, holds;

    if (hub->stopping)
        phub__reconcile(hub, item->id); /* a move may have come back */
    local = phub__local_find(hub, item->id);
    /* What reconcile.c begins on a drained node is not to be refused here: it
     * would begin elsewhere, too. */
    holds = waits(hub, item->id) ||
            (local != NULL && (local->kept != NULL || local->move != NULL ||
                               local->arrival != NULL ||
                               local->came_from != 0 || runs(local, item)));
    if (local != NULL && phub__presend_returns(local, item->incarnation)) {
        phub__local_wait(local, PHUB__WANT_RUNNING, item->incarnation, &reply);
        return; /* until its home has moved on, or we have left */
    }
    if (hub->stopping || (hub->draining && !holds)) {
        why = "the node is leaving";
        code = PHUB_ESHUTDOWN;
    } else if (!hub->draining && !phub__hub_may_run(hub)) {
        why = "the node may not start children now";
        code = PHUB_EAGAIN;
    }
    if (why != NULL) {
        phub__reply(hub, &reply, code, hub->node, 0, why);
        return;
    }
    local = phub__local_get(hub, item->id);
    if (local == NULL) {
        phub__reply(hub, &reply, PHUB_ENOMEM, hub->node, 0, "out of memory");
        return;
    }
    phub__local_wait(local, PHUB__WANT_RUNNING, item->incarnation, &reply);
    phub__reconcile(hub, item->id);
}

/* The rows came with the request, or come by the sync strategy. */
static void hold(struct phub__hub *hub, const struct phub__op_request *op,
                 const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__row_facts row;

    if (item->id.size != 0 && item->id.data[0] == 1) {
        phub__reply(hub, &reply, 0, hub->node, 0, "");
        return; /* a cell: it came along, or will be repaired */
    }
    phub__row_facts(hub, item->id, &row);
    phub__reply(hub, &reply,
                row.exists && phub_epoch_cmp(row.incarnation,
                                             item->incarnation) >= 0
                    ? 0 : PHUB_EAGAIN, hub->node, 0, "");
}

static void end(struct phub__hub *hub, const struct phub__op_request *op,
                const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__local *local = phub__local_find(hub, item->id);

    if (local == NULL) {
        phub__reply_ended(hub, &reply, item->id, item->incarnation);
        return;
    }
    phub__local_wait(local, PHUB__WANT_ENDED, item->incarnation, &reply);
    phub__reconcile(hub, item->id);
}

/* The newest sentences about a child that fit, a line each, behind their
 * time: "1732150000123 start here: ...". */
static void causes(struct phub__hub *hub, const struct phub__op_request *op,
                   const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__cause found[PHUB__CAUSES_ASKED];
    char text[TEXT_MAX];
    size_t used = 0, size;
    uint32_t count = phub__causes_of(hub->causes, item->id, found,
                                     PHUB__CAUSES_ASKED), first = count, i;

    for (size = 0; first > 0; first--) {
        size += strlen(found[first - 1].text) + 24;
        if (size >= sizeof text)
            break;
    }
    text[0] = '\0';
    for (i = first; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 "%llu %s\n",
                                 (unsigned long long)found[i].wall_ms,
                                 found[i].text);
    phub__reply(hub, &reply, 0, hub->node, 0, text);
}

static void handle(struct phub__hub *hub, const struct phub__op_request *op,
                   const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };

    switch ((enum phub__op)op->op) {
    case PHUB__OP_START: /* a batch, if there is memory for it */
        phub__reply(hub, &reply, PHUB_ENOMEM, hub->node, 0, "out of memory");
        return;
    case PHUB__OP_RUN:
        run(hub, op, item);
        return;
    case PHUB__OP_HOLD:
        hold(hub, op, item);
        return;
    case PHUB__OP_STOP:
    case PHUB__OP_COMPLETED:
        phub__keeper_stop(hub, op, item);
        return;
    case PHUB__OP_END:
        end(hub, op, item);
        return;
    case PHUB__OP_MOVE:
        phub__redistribution_move(hub, op, item);
        return;
    case PHUB__OP_PREPARE:
        phub__arrival_prepare(hub, op, item);
        return;
    case PHUB__OP_GO:
        phub__arrival_go(hub, op, item);
        return;
    case PHUB__OP_DISCARD:
        phub__arrival_discard(hub, op, item);
        return;
    case PHUB__OP_DRAIN:
        phub__drain_asked(hub, op, item);
        return;
    case PHUB__OP_CAUSES:
        causes(hub, op, item);
        return;
    case PHUB__OP_EDIT:
        phub__keeper_edit(hub, op, item);
        return;
    case PHUB__OP_CELL:
        phub__keeper_cell(hub, op, item);
        return;
    case PHUB__OP_ASK:
        phub__host_ask(hub, op, item);
        return;
    case PHUB__OP_SWITCH:
        phub__strategies_switch(hub, op, item);
        return;
    case PHUB__OP_LOAD:
        phub__strategies_load(hub, op, item);
        return;
    }
    phub__reply(hub, &reply, PHUB_EVERSION, hub->node, 0,
                "the node does not know this operation");
}

void phub__op_received(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body)
{
    struct phub__op_request op;
    const struct phub__op_item *items;
    const struct phub__op_item **claims = NULL;
    uint32_t i, count = 0;

    if (phub__hub_decode(hub, &phub__op_request_schema, body, &op) != 0)
        return;
    if (op.rows.size != 0)
        (void)phub__rows_apply(hub, from, op.rows);
    items = op.items.items;
    if (op.op == PHUB__OP_START)
        claims = phub__calloc(op.items.count, sizeof *claims);
    for (i = 0; i < op.items.count; i++) {
        if (!ours(hub, &op, &items[i]))
            continue;
        if (claims != NULL)
            claims[count++] = &items[i];
        else
            handle(hub, &op, &items[i]);
    }
    if (count != 0)
        phub__keeper_start(hub, &op, claims, count);
    phub__free(claims);
    phub__hub_decoded(hub);
}

int phub__op_lost(struct phub__hub *hub, struct phub_buf *body, int rc)
{
    struct phub__op_request op;
    const struct phub__op_item *items;
    struct phub__arena arena;
    uint32_t i;
    int again = 1;

    phub__arena_init(&arena, NULL, 0, PHUB__FRAME_MAX * 8u);
    if (phub__decode(&phub__op_request_schema, phub__buf_bytes(body), &op,
                     &arena, NULL) != 0)
        again = 0;
    else if (op.op == PHUB__OP_START || op.op == PHUB__OP_MOVE ||
             op.op == PHUB__OP_DRAIN || op.op == PHUB__OP_EDIT ||
             op.op == PHUB__OP_CELL || op.op == PHUB__OP_ASK ||
             op.op == PHUB__OP_SWITCH)
        again = 0;
    items = op.items.items;
    for (i = 0; !again && i < op.items.count; i++) {
        struct phub__reply reply = { op.origin, op.transaction,
                                     items[i].index };

        phub__reply(hub, &reply, rc, hub->node, 0,
                    "the link was reset before an answer came");
    }
    phub__arena_fini(&arena);
    return again;
}

void phub__response_received(struct phub__hub *hub, uint64_t from,
                             struct phub_buf *body)
{
    struct phub__op_response response;

    if (phub__hub_decode(hub, &phub__op_response_schema, body,
                         &response) != 0)
        return;
    phub__request_response(hub, &response, from);
    phub__hub_decoded(hub);
}
