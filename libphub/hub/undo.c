/* SPDX-License-Identifier: MIT */
/* undo: a start that failed is answered when all know that it is undone.
 *
 * The row of a start travels with the batch that it came in, and by the sync
 * strategy, before its home knows whether the child comes up.  If it does not,
 * the keeper writes the row as stopped; whoever has the old one would list a
 * child that there is not, or begin a replica of it, until the news get there.
 * So they get there first: all members are asked to hold the row as it is now
 * (HOLD), and for durable ones the disk here, too; then the failure is told.
 *
 * One question to all is under way at a time, for all that have failed until it
 * is asked: a batch of a thousand costs hardly more than one start.  A member
 * that is silent hears it by the sync strategy. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "hub/undo.h"
#include "wire/memory.h"

#define BATCH 256u             /* rows told of at a time */

struct undone {
    struct undone *next;
    struct phub__reply reply;
    struct phub__op_answer answer;  /* its text is behind the id */
    struct phub_bytes id;
    int durable;
    uint8_t bytes[];
};

struct phub__undos {
    struct undone *waiting, **last;
    struct undone *open;       /* all are being told of these */
    int scheduled;
};

static void begin(void *arg);

static void answer_all(struct phub__hub *hub, struct undone **list)
{
    struct undone *undone;

    while ((undone = *list) != NULL) {
        *list = undone->next;
        phub__reply_full(hub, &undone->reply, &undone->answer);
        phub__free(undone);
    }
}

static void schedule(struct phub__hub *hub)
{
    struct phub__undos *undos = hub->undos;

    if (undos->scheduled || undos->open != NULL || undos->waiting == NULL)
        return;
    if (hub->env->defer(hub->env, begin, hub) == 0) {
        undos->scheduled = 1;
        return;
    }
    answer_all(hub, &undos->waiting); /* no memory: the news travel as ever */
    undos->last = &undos->waiting;
}

static void stored(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    (void)rc; /* undone it is; that the disk is full was said */
    answer_all(hub, &hub->undos->open);
    schedule(hub);
}

static void told(void *arg, struct phub__request *request)
{
    struct phub__hub *hub = arg;
    const struct undone *undone;

    (void)request; /* who did not answer hears it later */
    for (undone = hub->undos->open; undone != NULL; undone = undone->next)
        if (undone->durable) {
            phub__store_sync(hub, stored, hub);
            return;
        }
    stored(hub, 0);
}

static void ask(struct phub__hub *hub, const struct phub_bytes *ids,
                uint32_t count)
{
    struct phub_view *view = phub__hub_view(hub);
    uint32_t members = phub__view_count(view), i, n = 0;
    struct phub__request *request =
        members < 2 ? NULL : phub__request_new(hub, PHUB__OP_HOLD, members - 1,
                                               PHUB__UNDO_TOLD_MS);

    if (request == NULL) {
        told(hub, NULL);
        return;
    }
    for (i = 0; i < members; i++) {
        struct phub__op_item *item;

        if (phub__view_at(view, i)->id == hub->node)
            continue;
        item = &request->items[n++].op;
        item->id = phub__request_copy(request, ids[0]);
        item->incarnation = hub->undos->open->answer.incarnation;
        item->target = phub__view_at(view, i)->id;
    }
    if (phub__rows_delta(hub, ids, count, &request->rows) != 0)
        request->rows = NULL;
    phub__request_send(request, told, hub);
}

static void begin(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__undos *undos = hub->undos;
    struct undone **end = &undos->waiting;
    struct phub_bytes ids[BATCH];
    uint32_t count = 0;

    undos->scheduled = 0;
    if (undos->open != NULL || undos->waiting == NULL)
        return;
    for (; *end != NULL && count < BATCH; end = &(*end)->next)
        ids[count++] = (*end)->id;
    undos->open = undos->waiting;
    undos->waiting = *end;
    *end = NULL;
    if (undos->waiting == NULL)
        undos->last = &undos->waiting;
    ask(hub, ids, count);
}

int phub__undo_late(struct phub__hub *hub, struct phub_bytes id,
                    uint64_t home, struct phub_epoch epoch, int code)
{
    struct phub__row_facts row;
    struct phub_epoch e;
    int64_t p;

    phub__row_facts(hub, id, &row);
    return phub_epoch_cmp(row.home_epoch, epoch) != 0 ||
           (code == PHUB_ETIMEDOUT &&
            phub__row_state_on(hub, id, home, &e, &p) ==
                PHUB_INSTANCE_RUNNING);
}

int phub__undo_tell(struct phub__hub *hub, const struct phub__reply *reply,
                    struct phub_bytes id,
                    const struct phub__op_answer *answer)
{
    struct undone *undone =
        phub__calloc(1, sizeof *undone + id.size + answer->text.size);
    struct phub__row_facts row;

    if (hub->undos == NULL) {
        hub->undos = phub__calloc(1, sizeof *hub->undos);
        if (hub->undos != NULL)
            hub->undos->last = &hub->undos->waiting;
    }
    if (undone == NULL || hub->undos == NULL) {
        phub__free(undone);
        return PHUB_ENOMEM;
    }
    phub__row_facts(hub, id, &row);
    undone->reply = *reply;
    undone->answer = *answer;
    undone->durable = row.durable;
    undone->id = (struct phub_bytes){ undone->bytes, id.size };
    memcpy(undone->bytes, id.data, id.size);
    undone->answer.text.data = undone->bytes + id.size;
    if (answer->text.size != 0)
        memcpy(undone->bytes + id.size, answer->text.data, answer->text.size);
    *hub->undos->last = undone;
    hub->undos->last = &undone->next;
    schedule(hub);
    return 0;
}

void phub__undos_free(struct phub__hub *hub)
{
    struct phub__undos *undos = hub->undos;

    if (undos == NULL)
        return;
    hub->undos = NULL;
    answer_all(hub, &undos->waiting);
    answer_all(hub, &undos->open);
    phub__free(undos);
}
