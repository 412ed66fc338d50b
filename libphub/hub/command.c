/* SPDX-License-Identifier: MIT */
/* command: start, stop and move, as people and programs ask for them.
 *
 * on_failure: rollback.  When one item of a batch fails, every item that did
 * not is stopped by its incarnation, at its keeper: the record of that stop
 * travels like any other, so a start that was forwarded or is late cannot
 * slip past it.  So is one that failed and may run all the same.  Of one that
 * was not answered in time nobody knows the incarnation, and its name may be
 * another's: it is stopped when the answer comes, within LATE_MS. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/cbor.h>
#include <phub/control.h>
#include <phub/error.h>

#include "hub/command.h"
#include "hub/request.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define UNDO_TIMEOUT_MS 10000u
#define LATE_MS 60000u         /* longer than what was asked can take */

struct undo {
    phub__command_done *done;
    void *arg;
};

/* It runs, or may run, by that incarnation. */
static int to_be_stopped(const struct phub__request_item *item)
{
    return item->code == 0 || item->incarnation.number != 0;
}

/* Nobody has said what became of it. */
static int in_doubt(const struct phub__request_item *item)
{
    return item->incarnation.number == 0 &&
           (item->code == PHUB_ETIMEDOUT || item->code == PHUB_ENODEDOWN);
}

static void stop_late(void *arg, struct phub__request *stop)
{
    struct phub__hub *hub = arg;
    const struct phub__request_item *item = &stop->items[0];

    phub__hub_cause(hub, item->op.id, "its start was answered when its batch "
                    "had been undone; stopped: %s",
                    phub_strerror(item->code));
}

/* While the others are being stopped, or after that. */
static void started_late(struct phub__request *start, uint32_t index,
                         const struct phub__op_answer *answer)
{
    struct phub_bytes id = start->items[index].op.id;
    struct phub__request *stop;

    if (answer->incarnation.number == 0)
        return;
    stop = phub__request_one(start->hub, PHUB__OP_STOP, id, UNDO_TIMEOUT_MS);
    if (stop == NULL) {
        phub__hub_cause(start->hub, id, "its start was answered when its "
                        "batch had been undone, and there was no memory to "
                        "stop it: it runs on");
        return;
    }
    stop->items[0].op.incarnation = answer->incarnation;
    phub__request_send(stop, stop_late, start->hub);
}

/* The batch has its end; one release of it is due. */
static void tell_undone(struct undo *undo, struct phub__request *start)
{
    uint32_t i, doubts = 0;
    char text[256];

    for (i = 0; i < start->count; i++) {
        const struct phub__request_item *item = &start->items[i];

        if (!in_doubt(item))
            continue;
        doubts++;
        snprintf(text, sizeof text, "%s; if it was started all the same, it "
                 "is stopped when that is heard",
                 item->text != NULL ? item->text : phub_strerror(item->code));
        phub__request_set_text(start, i, text);
    }
    undo->done(undo->arg, start);
    phub__free(undo);
    if (doubts == 0) {
        phub__request_release(start);
        return;
    }
    phub__request_retain(start, LATE_MS);
}

/* One that had failed keeps its code, and says so if it may still run. */
static void undone_one(struct phub__request *start, uint32_t index,
                       const struct phub__request_item *stop)
{
    struct phub__request_item *item = &start->items[index];
    const char *why = stop->text != NULL ? stop->text
                                         : phub_strerror(stop->code);
    char text[256];

    if (item->code != 0) {
        if (stop->code == 0 || stop->code == PHUB_ENOTFOUND ||
            stop->code == PHUB_ESTOPPED)
            return;
        snprintf(text, sizeof text, "%s; and it could not be undone: %s",
                 item->text != NULL ? item->text : phub_strerror(item->code),
                 why);
    } else {
        item->code = stop->code != 0 ? stop->code : PHUB_ECANCELLED;
        if (stop->code == 0)
            snprintf(text, sizeof text, "undone, because another one failed");
        else
            snprintf(text, sizeof text, "another one failed, and this one "
                     "could not be undone: %s", why);
    }
    phub__request_set_text(start, index, text);
}

static void undone(void *arg, struct phub__request *stop)
{
    struct phub__request *start = stop->chained;
    uint32_t i, at = 0;

    for (i = 0; i < start->count; i++)
        if (to_be_stopped(&start->items[i]))
            undone_one(start, i, &stop->items[at++]);
    tell_undone(arg, start);
}

static void started(void *arg, struct phub__request *request)
{
    struct undo *undo = arg;
    struct phub__request *stop = NULL;
    uint32_t i, count = 0, bad = 0;

    for (i = 0; i < request->count; i++) {
        count += to_be_stopped(&request->items[i]) != 0;
        bad += request->items[i].code != 0;
    }
    phub__request_keep(request);
    request->late = started_late;
    if (bad != 0 && count != 0)
        stop = phub__request_new(request->hub, PHUB__OP_STOP, count,
                                 UNDO_TIMEOUT_MS);
    if (stop == NULL) {
        tell_undone(undo, request);
        return;
    }
    for (i = 0, count = 0; i < request->count; i++) {
        struct phub__op_item *item = &stop->items[count].op;

        if (!to_be_stopped(&request->items[i]))
            continue;
        item->id = phub__request_copy(stop, request->items[i].op.id);
        item->incarnation = request->items[i].incarnation;
        count++;
    }
    stop->chained = request;
    phub__request_send(stop, undone, undo);
}

static struct phub__list copy_texts(struct phub__request *request,
                                    const struct phub__list *list)
{
    const struct phub_bytes *in = list->items;
    struct phub_bytes *out;
    uint32_t i;

    if (list->count == 0)
        return (struct phub__list){ NULL, 0 };
    out = phub__arena_alloc(&request->arena, list->count, sizeof *out);
    if (out == NULL)
        return (struct phub__list){ NULL, 0 };
    for (i = 0; i < list->count; i++)
        out[i] = phub__request_copy(request, in[i]);
    return (struct phub__list){ out, list->count };
}

static struct phub__list copy_pairs(struct phub__request *request,
                                    const struct phub__list *list)
{
    const struct phub__op_pair *in = list->items;
    struct phub__op_pair *out;
    uint32_t i;

    if (list->count == 0)
        return (struct phub__list){ NULL, 0 };
    out = phub__arena_alloc(&request->arena, list->count, sizeof *out);
    if (out == NULL)
        return (struct phub__list){ NULL, 0 };
    for (i = 0; i < list->count; i++) {
        out[i].key = phub__request_copy(request, in[i].key);
        out[i].value = phub__request_copy(request, in[i].value);
    }
    return (struct phub__list){ out, list->count };
}

int phub__command_start(struct phub__hub *hub,
                        const struct phub__command_child *children,
                        uint32_t count, int rollback, uint64_t timeout_ms,
                        phub__command_done *done, void *arg)
{
    struct phub__request *request;
    struct undo *undo = NULL;
    uint32_t i;

    if (count == 0)
        return PHUB_EEMPTY;
    if (count > PHUB_BATCH_MAX)
        return PHUB_ELIMIT;
    if (hub->stopping || hub->on_stopped != NULL)
        return PHUB_ESHUTDOWN;
    request = phub__request_new(hub, PHUB__OP_START, count,
                                timeout_ms != 0 ? timeout_ms : 10000);
    if (request == NULL)
        return PHUB_EBUSY;
    if (rollback) {
        undo = phub__calloc(1, sizeof *undo);
        if (undo == NULL) {
            phub__request_drop(request);
            return PHUB_ENOMEM;
        }
        *undo = (struct undo){ done, arg };
    }
    for (i = 0; i < count; i++) {
        struct phub__op_item *item = &request->items[i].op;

        item->id = phub__request_copy(request, children[i].id);
        item->spec = phub__request_copy(request, children[i].spec);
        item->metadata = copy_pairs(request, &children[i].metadata);
        item->tags = copy_texts(request, &children[i].tags);
        item->flags = (children[i].durable ? PHUB__ITEM_DURABLE : 0u) |
                      (children[i].sticky ? PHUB__ITEM_STICKY : 0u);
        if (children[i].id.size == 0 ||
            children[i].id.size > PHUB_CHILD_ID_MAX) {
            char text[96];

            snprintf(text, sizeof text,
                     "id of %zu bytes: 1 to %u are allowed",
                     children[i].id.size, PHUB_CHILD_ID_MAX);
            item->id.size = 0;
            phub__request_answer(request, i, PHUB_EINVAL, text);
        }
    }
    if (request->arena.error != 0) {
        phub__free(undo);
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    phub__request_send(request, undo != NULL ? started : done,
                       undo != NULL ? (void *)undo : arg);
    return 0;
}

static int by_ids(struct phub__hub *hub, enum phub__op op,
                  const struct phub_bytes *ids, uint32_t count,
                  uint64_t target, uint64_t replica, uint64_t timeout_ms,
                  phub__command_done *done, void *arg)
{
    struct phub__request *request;
    uint32_t i;

    if (count == 0)
        return PHUB_EEMPTY;
    if (count > PHUB_BATCH_MAX)
        return PHUB_ELIMIT;
    request = phub__request_new(hub, op, count,
                                timeout_ms != 0 ? timeout_ms : 10000);
    if (request == NULL)
        return PHUB_EBUSY;
    for (i = 0; i < count; i++) {
        request->items[i].op.id = phub__request_copy(request, ids[i]);
        request->items[i].op.target = target;
        request->items[i].op.epoch.node = replica;
        if (ids[i].size == 0 || ids[i].size > PHUB_CHILD_ID_MAX) {
            request->items[i].op.id.size = 0;
            phub__request_answer(request, i, PHUB_ENOTFOUND,
                                 "no child has such an id");
        }
    }
    phub__request_send(request, done, arg);
    return 0;
}

int phub__command_stop(struct phub__hub *hub, const struct phub_bytes *ids,
                       uint32_t count, uint64_t timeout_ms,
                       phub__command_done *done, void *arg)
{
    return by_ids(hub, PHUB__OP_STOP, ids, count, 0, 0, timeout_ms, done,
                  arg);
}

int phub__command_move(struct phub__hub *hub, const struct phub_bytes *ids,
                       uint32_t count, uint64_t target, uint64_t replica,
                       uint64_t timeout_ms, phub__command_done *done,
                       void *arg)
{
    return by_ids(hub, PHUB__OP_MOVE, ids, count, target, replica, timeout_ms,
                  done, arg);
}

int phub__command_drain(struct phub__hub *hub, uint64_t node,
                        uint64_t timeout_ms, phub__command_done *done,
                        void *arg)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_DRAIN, 1,
                          timeout_ms != 0 ? timeout_ms : 60000);

    if (request == NULL)
        return PHUB_EBUSY;
    request->items[0].op.target = node;
    phub__request_send(request, done, arg);
    return 0;
}

int phub__command_edit(struct phub__hub *hub, struct phub_bytes id,
                       const struct phub__list *pairs, uint64_t flags,
                       uint64_t version, uint64_t timeout_ms,
                       phub__command_done *done, void *arg)
{
    struct phub__request *request;

    if (pairs->count == 0 && flags == 0)
        return PHUB_EEMPTY;
    if (pairs->count > PHUB_METADATA_MAX)
        return PHUB_ELIMIT;
    request = phub__request_new(hub, PHUB__OP_EDIT, 1,
                                timeout_ms != 0 ? timeout_ms : 10000);
    if (request == NULL)
        return PHUB_EBUSY;
    request->items[0].op.id = phub__request_copy(request, id);
    request->items[0].op.metadata = copy_pairs(request, pairs);
    request->items[0].op.epoch.number = version;
    request->items[0].op.flags = flags;
    if (request->arena.error != 0) {
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX) {
        request->items[0].op.id.size = 0;
        phub__request_answer(request, 0, PHUB_ENOTFOUND,
                             "no child has such an id");
    }
    phub__request_send(request, done, arg);
    return 0;
}

void phub__asker_poor(struct phub__asker *asker, uint64_t reference)
{
    uint8_t bytes[32];
    struct phub_cbor_writer w;

    phub_cbor_writer_init(&w, bytes, sizeof bytes);
    phub_cbor_write_map(&w, 2);
    phub_cbor_write_uint(&w, PHUB_CONTROL_REFERENCE);
    phub_cbor_write_uint(&w, reference);
    phub_cbor_write_uint(&w, PHUB_CONTROL_CODE);
    phub_cbor_write_int(&w, PHUB_ENOMEM);
    phub__assert(phub_cbor_writer_ok(&w));
    if (!asker->gone)
        asker->send(asker, (struct phub_bytes){ bytes, w.size });
}
