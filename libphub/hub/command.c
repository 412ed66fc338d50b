/* SPDX-License-Identifier: MIT */
/* command: start, stop and move, as people and programs ask for them.
 *
 * on_failure: rollback.  When one item of a batch fails, every item that did
 * not is stopped by its incarnation, at its keeper: the record of that stop
 * travels like any other, so a start that was forwarded or is late cannot
 * slip past it. */
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

struct undo {
    phub__command_done *done;
    void *arg;
};

static void undone(void *arg, struct phub__request *stop)
{
    struct undo *undo = arg;
    struct phub__request *start = stop->chained;
    const struct phub__request_item *item = stop->items;
    char text[256];
    uint32_t i;

    for (i = 0; i < start->count; i++) {
        if (start->items[i].code != 0)
            continue;
        snprintf(text, sizeof text, "undone, because another one failed");
        if (item->code != 0)
            snprintf(text, sizeof text,
                     "another one failed, and this one could not be undone: "
                     "%s", item->text != NULL ? item->text
                                              : phub_strerror(item->code));
        start->items[i].code = item->code != 0 ? item->code
                                               : PHUB_ECANCELLED;
        phub__request_set_text(start, i, text);
        item++;
    }
    undo->done(undo->arg, start);
    phub__request_release(start);
    phub__free(undo);
}

static void started(void *arg, struct phub__request *request)
{
    struct undo *undo = arg;
    struct phub__request *stop;
    uint32_t i, good = 0, bad = 0;

    for (i = 0; i < request->count; i++) {
        good += request->items[i].code == 0;
        bad += request->items[i].code != 0;
    }
    stop = good != 0 && bad != 0
               ? phub__request_new(request->hub, PHUB__OP_STOP, good, 10000)
               : NULL;
    if (stop == NULL) {
        undo->done(undo->arg, request);
        phub__free(undo);
        return;
    }
    for (i = 0, good = 0; i < request->count; i++) {
        if (request->items[i].code != 0)
            continue;
        stop->items[good].op.id =
            phub__request_copy(stop, request->items[i].op.id);
        stop->items[good].op.incarnation = request->items[i].incarnation;
        good++;
    }
    phub__request_keep(request);
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
