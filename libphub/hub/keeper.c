/* SPDX-License-Identifier: MIT */
/* keeper: orders start and re-homing of the children that rendezvous
 * hashing gives to this node in its view (their stop: keeper_stop.c).
 *
 * A start is a claim: because one node orders the claims of an id, two nodes
 * cannot start the same name.  It is refused while a row of that id lives,
 * and asked again while instances of an earlier incarnation are left.  The
 * distribution strategy proposes, the keeper records the home with a new
 * epoch and asks the home to run it.  The start is acknowledged when the child
 * runs and min(2, members) nodes hold its row: the home and we, or, if we are
 * the home, we and one more (HOLD).
 *
 * A keeper that is new in its place decides nothing before its registry covers
 * those of all members (synced.c): it answers PHUB_EAGAIN. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/alter.h"
#include "hub/keeper.h"
#include "hub/local.h"
#include "hub/place.h"
#include "hub/replica.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "hub/synced.h"
#include "hub/undo.h"
#include "wire/memory.h"

#define RUN_TIMEOUT_MS 120000u     /* longer than any ready timeout asked for */
#define REHOME_BATCH 256u
#define FOLLOW_MAX 8u
#define ALL UINT32_MAX
#define REPLACED_MAX 4u            /* homes tried for one claim */
#define ALTERED_MAX (64u << 20)    /* bytes that hooks may add to a batch */

/* One claim of a batch. */
struct claim {
    struct phub__reply reply;      /* transaction 0: nobody waits */
    struct phub_bytes id;          /* in the batch's memory */
    struct phub_epoch incarnation, epoch; /* the latter of the home */
    uint64_t home;
    uint32_t replaced;             /* homes that did not take it */
    uint32_t followed;             /* times it had another home by then */
    int64_t pid;
    int run_open, hold_open, store_open;  /* answers awaited */
    int undone, code;              /* undone: the others are to hear of it */
    char text[160];
};

struct batch {
    struct phub__hub *hub;
    struct phub__request *run;     /* NULL once done */
    struct phub_buf *rows;         /* of all claims; NULL if too many */
    uint32_t holds;                /* requests to hold under way */
    int held_back;                 /* being built */
    int storing;                   /* durable rows on their way to the disk */
    enum phub_cause cause;
    uint64_t timeout_ms;
    struct phub__arena arena;
    uint32_t count;
    struct claim claims[];
};

/* --- a batch of starts ----------------------------------------------------------- */

static void batch_free(struct batch *batch)
{
    if (batch->held_back || batch->run != NULL || batch->holds != 0 ||
        batch->storing)
        return;
    phub__buf_unref(&batch->rows);
    phub__arena_fini(&batch->arena);
    phub__free(batch);
}

/* A decision about this child is under way here. */
static void claim_open(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__local *local = phub__local_get(hub, id);

    if (local != NULL)
        local->claims++;
}

static void claim_settled(struct batch *batch, struct claim *claim)
{
    struct phub__hub *hub = batch->hub;
    struct phub__local *local;
    struct phub__op_answer answer = {
        .code = claim->code, .node = claim->home, .pid = claim->pid,
        .incarnation = claim->incarnation };

    if (claim->run_open || claim->hold_open || claim->store_open)
        return;
    local = phub__local_find(hub, claim->id);
    if (local != NULL && local->claims != 0) {
        local->claims--;
        phub__local_drop(&local);
    }
    if (claim->reply.transaction == 0)
        return;
    answer.text = (struct phub_bytes){ (const uint8_t *)claim->text,
                                       strlen(claim->text) };
    if (!claim->undone ||
        phub__undo_tell(hub, &claim->reply, claim->id, &answer) != 0)
        phub__reply_full(hub, &claim->reply, &answer);
    claim->reply.transaction = 0;
}

/* The home could not run it: nothing is left of a failed start. */
static void undo(struct batch *batch, struct claim *claim)
{
    struct phub__hub *hub = batch->hub;

    if (claim->reply.transaction == 0)
        return; /* a re-homing: it stays, visible as failed */
    if (!phub__hub_in_charge(hub) ||
        phub__undo_late(hub, claim->id, claim->home, claim->epoch,
                        claim->code))
        return; /* stopped for long, say: others may have given it a home */
    phub__hub_cause(hub, claim->id, "start failed, undone: %s", claim->text);
    claim->undone = phub__row_stop(hub, claim->id, claim->incarnation) == 0;
}

static int rehome(struct phub__hub *hub, const struct phub_view *view,
                  const struct phub_bytes *ids, uint32_t count, uint64_t lost,
                  enum phub_cause cause, const struct phub__reply *reply,
                  uint32_t replaced);
static int replace(struct batch *batch, const struct claim *claim);

static void run_answered(void *arg, struct phub__request *request,
                         uint32_t index);
static void hold_done(void *arg, struct phub__request *request);

/* It runs, and was moved on before its home heard that somebody waits for it:
 * nodes may have joined just now.  Its new home is asked. */
static int follow(struct batch *batch, struct claim *claim)
{
    struct phub__request *run = NULL;
    struct phub__row_facts row;

    phub__row_facts(batch->hub, claim->id, &row);
    if (claim->reply.transaction != 0 && row.live &&
        claim->followed++ < FOLLOW_MAX &&
        phub_epoch_cmp(row.incarnation, claim->incarnation) == 0)
        run = phub__request_new(batch->hub, PHUB__OP_RUN, 1,
                                batch->timeout_ms);
    if (run == NULL)
        return 0;
    run->items[0].op.id = phub__request_copy(run, claim->id);
    run->items[0].op.incarnation = claim->incarnation;
    run->items[0].op.target = claim->home = row.home;
    claim->epoch = row.home_epoch;
    run->items[0].op.flags = (uint64_t)(claim - batch->claims);
    run->answered = run_answered;
    claim->run_open = 1;
    batch->holds++;
    phub__request_send(run, hold_done, batch);
    return 1;
}

static void run_answered(void *arg, struct phub__request *request,
                         uint32_t index)
{
    const struct phub__request_item *item = &request->items[index];
    struct batch *batch = arg;
    struct claim *claim = &batch->claims[item->op.flags];

    claim->run_open = 0;
    claim->pid = item->pid;
    if (item->code == PHUB_EMOVED && follow(batch, claim))
        return;
    if (item->code != 0) {
        claim->code = item->code;
        snprintf(claim->text, sizeof claim->text, "%s",
                 item->text != NULL ? item->text : phub_strerror(item->code));
        if ((item->code == PHUB_ESHUTDOWN || item->code == PHUB_ESYS) &&
            replace(batch, claim))
            claim->reply.transaction = 0; /* another batch answers */
        else if (item->code != PHUB_ENODEDOWN &&
                 item->code != PHUB_ESTOPPED && item->code != PHUB_EMOVED)
            undo(batch, claim);
    }
    claim_settled(batch, claim);
}

static void tell_started(struct batch *batch)
{
    struct phub__hook_child *children = NULL;
    uint32_t i;

    if (batch->count != 0 &&
        phub__hub_hook_wanted(batch->hub, PHUB_HOOK_post_children_start))
        children = phub__calloc(batch->count, sizeof *children);
    for (i = 0; children != NULL && i < batch->count; i++) {
        const struct claim *claim = &batch->claims[i];

        children[i] = (struct phub__hook_child){
            .id = claim->id, .node = claim->home, .pid = claim->pid,
            .code = claim->code };
    }
    if (children != NULL)
        phub__hub_hook_children(batch->hub, PHUB_HOOK_post_children_start,
                                batch->hub->node, children, batch->count,
                                phub__cause_name(batch->cause));
    phub__free(children);
}

static void run_done(void *arg, struct phub__request *request)
{
    struct batch *batch = arg;

    (void)request;
    tell_started(batch);
    batch->run = NULL;
    batch_free(batch);
}

static void hold_elsewhere(struct batch *batch, uint32_t only);

/* A holder that left the view is no holder: the next one, while there is
 * one.  One that is silent leaves the row to the sync strategy's repair. */
static void hold_answered(void *arg, struct phub__request *request,
                          uint32_t index)
{
    struct batch *batch = arg;
    uint32_t i = (uint32_t)request->items[index].op.flags;

    batch->claims[i].hold_open = 0;
    if (request->items[index].code == PHUB_ENODEDOWN)
        hold_elsewhere(batch, i);
    claim_settled(batch, &batch->claims[i]);
}

static void hold_done(void *arg, struct phub__request *request)
{
    struct batch *batch = arg;

    (void)request;
    batch->holds--;
    batch_free(batch);
}

static int batch_rows(struct batch *batch, struct phub_buf **rows)
{
    struct phub_bytes *ids = phub__calloc(batch->count, sizeof *ids);
    uint32_t i;
    int rc;

    if (ids == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < batch->count; i++)
        ids[i] = batch->claims[i].id;
    rc = phub__rows_delta(batch->hub, ids, batch->count, rows);
    phub__free(ids);
    return rc;
}

/* Does one more node have to hold its row?  We are its home. */
static int wants_holder(const struct batch *batch, uint32_t i, uint32_t only)
{
    return batch->claims[i].home == batch->hub->node &&
           (only == ALL || only == i);
}

/* What is acknowledged two nodes have; these have one. */
static void holder_missing(struct batch *batch, uint32_t only)
{
    uint32_t i;

    for (i = 0; i < batch->count; i++) {
        struct claim *claim = &batch->claims[i];

        if (!wants_holder(batch, i, only) || claim->code != 0)
            continue;
        claim->code = PHUB_ENOMEM;
        snprintf(claim->text, sizeof claim->text, "it runs, but its row could "
                 "not be held elsewhere than on node '%s'", batch->hub->name);
    }
}

/* For all claims, or one only. */
static void hold_elsewhere(struct batch *batch, uint32_t only)
{
    struct phub__hub *hub = batch->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub__request *hold;
    uint32_t i, count = 0;

    if (phub__view_count(view) < 2 || hub->stopping)
        return;
    for (i = 0; i < batch->count; i++)
        count += (uint32_t)wants_holder(batch, i, only);
    if (count == 0)
        return;
    hold = phub__request_new(hub, PHUB__OP_HOLD, count, batch->timeout_ms);
    if (hold == NULL) {
        holder_missing(batch, only);
        return;
    }
    for (i = 0, count = 0; i < batch->count; i++) {
        struct phub__op_item *item;

        if (!wants_holder(batch, i, only))
            continue;
        item = &hold->items[count++].op;
        item->id = batch->claims[i].id; /* the batch outlives it */
        item->flags = i;
        item->incarnation = batch->claims[i].incarnation;
        item->target = phub__view_keeper_kth(view, batch->claims[i].id, 1);
        batch->claims[i].hold_open = 1;
    }
    hold->rows = batch->rows != NULL ? phub__buf_ref(batch->rows) : NULL;
    hold->answered = hold_answered;
    batch->holds++;
    phub__request_send(hold, hold_done, batch);
}

/* All rows of the batch are written: ask the homes. */
static void stored(void *arg, int rc)
{
    struct batch *batch = arg;
    uint32_t i;

    batch->storing = 0;
    for (i = 0; i < batch->count; i++) {
        struct claim *claim = &batch->claims[i];

        if (!claim->store_open)
            continue;
        claim->store_open = 0;
        if (rc != 0 && claim->code == 0) {
            claim->code = rc;
            snprintf(claim->text, sizeof claim->text,
                     "it runs, but its row could not be written on node "
                     "'%s': %s", batch->hub->name, phub_strerror(rc));
        }
        claim_settled(batch, claim);
    }
    batch_free(batch);
}

/* A durable start is acknowledged when its row is on the disk. */
static void store(struct batch *batch)
{
    struct phub__row_facts row;
    uint32_t i;

    for (i = 0; i < batch->count; i++) {
        phub__row_facts(batch->hub, batch->claims[i].id, &row);
        batch->claims[i].store_open = row.durable;
        batch->storing |= row.durable;
    }
    if (batch->storing)
        phub__store_sync(batch->hub, stored, batch);
}

static void launch(struct batch *batch)
{
    struct phub__request *run = batch->run;
    uint32_t i;

    batch->held_back = 1;
    for (i = 0; i < batch->count; i++) {
        struct phub__op_item *item = &run->items[i].op;

        item->id = batch->claims[i].id;
        item->incarnation = batch->claims[i].incarnation;
        item->target = batch->claims[i].home;
        item->flags = i;
        batch->claims[i].run_open = 1;
    }
    if (batch_rows(batch, &batch->rows) != 0)
        batch->rows = NULL; /* then they come by the sync strategy */
    run->rows = batch->rows != NULL ? phub__buf_ref(batch->rows) : NULL;
    run->answered = run_answered;
    store(batch);
    hold_elsewhere(batch, ALL);
    phub__request_send(run, run_done, batch);
    batch->held_back = 0;
    batch_free(batch);
}

static struct batch *batch_new(struct phub__hub *hub, uint32_t count,
                               uint64_t timeout_ms, enum phub_cause cause)
{
    struct batch *batch =
        phub__calloc(1, sizeof *batch + count * sizeof batch->claims[0]);

    if (batch == NULL)
        return NULL;
    batch->hub = hub;
    batch->timeout_ms = timeout_ms;
    batch->cause = cause;
    phub__arena_init(&batch->arena, NULL, 0, SIZE_MAX / 2);
    batch->run = phub__request_new(hub, PHUB__OP_RUN, count, timeout_ms);
    if (batch->run == NULL) {
        phub__free(batch);
        return NULL;
    }
    return batch;
}

/* The batch outlives each of its requests.  Fails to empty. */
static struct phub_bytes batch_copy(struct batch *batch, struct phub_bytes id)
{
    uint8_t *copy = phub__arena_alloc(&batch->arena, id.size, 1);

    if (copy == NULL)
        return PHUB_BYTES_NONE;
    memcpy(copy, id.data, id.size);
    return (struct phub_bytes){ copy, id.size };
}

/* Write the row of one claim that was found good. */
static int write_claim(struct batch *batch, struct claim *claim,
                       const struct phub__op_item *item,
                       const struct phub__places *p, uint32_t index)
{
    struct phub__hub *hub = batch->hub;
    uint64_t replicas[PHUB__INSTANCES_MAX], home;
    char name[PHUB_NODE_NAME_MAX + 24];
    int rc;

    home = phub__place_home(hub, phub__hub_view(hub), item->id, p, index);
    claim->incarnation = claim->epoch = phub__hub_epoch(hub);
    claim->home = home;
    claim->id = batch_copy(batch, item->id); /* or the claim never ends */
    if (claim->id.size == 0)
        return PHUB_ENOMEM;
    rc = phub__row_start(hub, item, claim->incarnation, home, replicas,
                         phub__place_replicas(p, index, home, replicas));
    if (rc != 0)
        return rc;
    claim_open(hub, item->id);
    phub__hub_node_name(hub, home, name, sizeof name);
    phub__hub_cause(hub, item->id, "start asked for: placed on %s by '%s', "
                    "incarnation %llu", name,
                    hub->strategies[PHUB_KIND_DISTRIBUTION]->name,
                    (unsigned long long)claim->incarnation.number);
    phub__hub_hook(hub, PHUB_HOOK_child_registered, home, item->id, 0, 1, "");
    return 0;
}

static void tell_starting(struct phub__hub *hub, uint64_t origin,
                          const struct phub__op_item *const *items,
                          uint32_t count)
{
    struct phub__hook_child *children = NULL;
    uint32_t i;

    if (count != 0 &&
        phub__hub_hook_wanted(hub, PHUB_HOOK_pre_children_start))
        children = phub__calloc(count, sizeof *children);
    for (i = 0; children != NULL && i < count; i++)
        children[i] = (struct phub__hook_child){ .id = items[i]->id };
    if (children != NULL)
        phub__hub_hook_children(hub, PHUB_HOOK_pre_children_start, origin,
                                children, count, "");
    phub__free(children);
}

/* Those of items that may be started, as hooks have made them: good and their
 * ids are filled; the others are answered. */
static uint32_t take_good(struct phub__hub *hub,
                          const struct phub__op_request *op,
                          const struct phub__op_item *const *items,
                          uint32_t count, const struct phub__op_item **good,
                          struct phub_bytes *ids, struct phub__arena *arena)
{
    char text[256];
    uint32_t i, n = 0;
    int rc;

    for (i = 0; i < count; i++) {
        struct phub__reply reply = { op->origin, op->transaction,
                                     items[i]->index };

        rc = ids == NULL || good == NULL ? PHUB_ENOMEM
            : phub__keeper_may_start(hub, items[i], text, sizeof text);
        if (rc == 0)
            good[n++] = items[i];
        else
            phub__reply(hub, &reply, rc, hub->node, 0,
                        rc == PHUB_ENOMEM ? "out of memory" : text);
    }
    tell_starting(hub, op->origin, good, n);
    n = phub__alter_items(hub, op, good, n, arena);
    for (i = 0; i < n; i++)
        ids[i] = good[i]->id;
    return n;
}

/* Those that may be started are placed, written and run; placed: some of the
 * same request were before.  A strategy that fails for one of many is asked
 * about each alone, so that the others do not suffer. */
static void start_good(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *const *good,
                       const struct phub_bytes *ids, uint32_t n, int placed)
{
    struct batch *batch = NULL;
    struct phub__places p;
    char text[256];
    uint32_t i;
    int rc = phub__place(hub, phub__hub_view(hub), ids, NULL, good, n,
                         PHUB_CAUSE_START, &p, text, sizeof text);

    if (rc != 0 && n > 1) {
        phub__places_fini(&p);
        for (i = 0; i < n; i++)
            start_good(hub, op, &good[i], &ids[i], 1, placed || i > 0);
        return;
    }
    if (rc == 0)
        batch = batch_new(hub, n, op->timeout_ms, PHUB_CAUSE_START);
    for (i = 0; i < n; i++) {
        struct phub__reply reply = { op->origin, op->transaction,
                                     good[i]->index };
        struct claim *claim;
        int code = rc;

        if (code == 0 && batch == NULL)
            code = PHUB_ENOMEM;
        if (code == 0 && p.counts[i] == 0)
            code = PHUB_ENOPLACE;
        if (code == 0) {
            claim = &batch->claims[batch->count];
            /* The same id twice in one batch: the second finds the first. */
            code = placed || i > 0
                ? phub__keeper_may_start(hub, good[i], text, sizeof text) : 0;
            if (code == 0)
                code = write_claim(batch, claim, good[i], &p, i);
            if (code == 0) {
                claim->reply = reply;
                batch->count++;
                continue;
            }
        }
        phub__reply(hub, &reply, code, hub->node, 0,
                    rc != 0 || code == PHUB_EEXIST ? text
                                                   : phub_strerror(code));
    }
    if (batch != NULL && batch->count != 0) {
        batch->run->count = batch->run->pending = batch->count;
        launch(batch);
    } else if (batch != NULL) {
        batch->run->count = batch->run->pending = 0;
        phub__request_send(batch->run, run_done, batch);
    }
    phub__places_fini(&p);
}

void phub__keeper_start(struct phub__hub *hub,
                        const struct phub__op_request *op,
                        const struct phub__op_item *const *items,
                        uint32_t count)
{
    struct phub_bytes *ids = phub__calloc(count, sizeof *ids);
    const struct phub__op_item **good = phub__calloc(count, sizeof *good);
    struct phub__arena arena;
    uint32_t n;

    phub__arena_init(&arena, NULL, 0, ALTERED_MAX);
    n = take_good(hub, op, items, count, good, ids, &arena);
    if (n != 0)
        start_good(hub, op, good, ids, n, 0);
    phub__arena_fini(&arena);
    phub__free(ids);
    phub__free(good);
}

/* --- re-homing ---------------------------------------------------------------------- */

static void note_rehomed(struct phub__hub *hub, struct phub_bytes id,
                         uint64_t home, enum phub_cause cause, int holds)
{
    char name[PHUB_NODE_NAME_MAX + 24];

    claim_open(hub, id);
    hub->counters.rehomed++;
    phub__hub_node_name(hub, home, name, sizeof name);
    phub__hub_cause(hub, id, "new home %s: %s%s", name,
                    phub__cause_name(cause),
                    holds ? ", it holds the state" : "");
}

/* Before anything of it is written. */
static void tell_rehoming(struct phub__hub *hub, const struct phub_view *view,
                          const struct phub_bytes *ids, uint32_t count,
                          uint64_t lost, const struct phub__places *p,
                          enum phub_cause cause)
{
    struct phub__hook_child *children = NULL;
    struct phub__row_facts row;
    uint32_t i;

    if (count != 0 && phub__hub_hook_wanted(
                          hub, PHUB_HOOK_pre_children_redistribution))
        children = phub__calloc(count, sizeof *children);
    for (i = 0; children != NULL && i < count; i++) {
        uint64_t node;

        phub__row_facts(hub, ids[i], &row);
        node = phub__synced_holder(hub, ids[i], row.incarnation,
                                   row.home_epoch);
        if (node == 0)
            node = phub__place_home(hub, view, ids[i], p, i);
        children[i] = (struct phub__hook_child){ .id = ids[i], .node = node,
                                                 .from = lost };
    }
    if (children != NULL)
        phub__hub_hook_children(hub, PHUB_HOOK_pre_children_redistribution,
                                lost, children, count,
                                phub__cause_name(cause));
    phub__free(children);
}

/* A batch of children whose home is gone: new homes, and run.  reply (of a
 * single one) may be NULL.  Gives how many found a home. */
static int rehome(struct phub__hub *hub, const struct phub_view *view,
                  const struct phub_bytes *ids, uint32_t count, uint64_t lost,
                  enum phub_cause cause, const struct phub__reply *reply,
                  uint32_t replaced)
{
    uint64_t homes[REHOME_BATCH], seats[PHUB__INSTANCES_MAX];
    struct batch *batch = batch_new(hub, count, RUN_TIMEOUT_MS, cause);
    struct phub__places p;
    char text[256];
    uint32_t i;
    int rc, placed;

    if (batch == NULL)
        return 0;
    for (i = 0; i < count; i++)
        homes[i] = lost;
    rc = phub__place(hub, view, ids, homes, NULL, count, cause, &p, text,
                     sizeof text);
    if (rc != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR, "cannot place %u children: %s",
                      count, text);
    else
        tell_rehoming(hub, view, ids, count, lost, &p, cause);
    for (i = 0; rc == 0 && i < count; i++) {
        struct claim *claim = &batch->claims[batch->count];
        struct phub__row_facts row;
        uint64_t holder, home;
        uint32_t seats_count;

        phub__row_facts(hub, ids[i], &row);
        if (!row.live || row.home != lost)
            continue;
        home = holder = phub__synced_holder(hub, ids[i], row.incarnation,
                                            row.home_epoch);
        seats_count = phub__place_seats(hub, view, ids[i], &row, &p, i, &home,
                                        seats);
        claim->epoch = phub__hub_epoch(hub);
        claim->id = batch_copy(batch, ids[i]);
        if (home == 0 || claim->id.size == 0 ||
            phub__row_seats(hub, ids[i], row.incarnation, home, seats,
                            seats_count, claim->epoch) != 0)
            continue;
        claim->incarnation = row.incarnation;
        claim->home = home;
        claim->replaced = replaced;
        if (reply != NULL)
            claim->reply = *reply;
        batch->count++;
        note_rehomed(hub, ids[i], home, cause, holder != 0);
    }
    phub__places_fini(&p);
    placed = (int)batch->count;
    batch->run->count = batch->run->pending = batch->count;
    launch(batch);
    return placed;
}

/* A home that is leaving does not take what it was given, or its machine can
 * begin no process: the next one.
 * Returns 1 if somebody else is asked, who will answer. */
static int replace(struct batch *batch, const struct claim *claim)
{
    struct phub__hub *hub = batch->hub;
    struct phub_view *view;
    int asked = 0;

    /* When all are leaving, each would send it to the next for ever. */
    if (hub->stopping || claim->replaced >= REPLACED_MAX)
        return 0;
    view = phub__view_without(hub, phub__hub_view(hub), claim->home);
    if (view != NULL && phub__view_count(view) != 0)
        asked = rehome(hub, view, &claim->id, 1, claim->home,
                       PHUB_CAUSE_RETRY, &claim->reply,
                       claim->replaced + 1);
    phub__view_unref(&view);
    return asked;
}

void phub__keeper_rehome(struct phub__hub *hub, uint64_t lost,
                         enum phub_cause cause)
{
    struct phub_bytes ids[REHOME_BATCH], mine[REHOME_BATCH];
    char (*copies)[PHUB_CHILD_ID_MAX] =
        phub__calloc(REHOME_BATCH, sizeof *copies);
    uint64_t cursor = 0;
    uint32_t count, n, i;

    if (copies == NULL)
        return;
    while ((count = phub__rows_of(hub, lost, &cursor, ids, REHOME_BATCH))) {
        n = 0;
        for (i = 0; i < count; i++) {
            if (phub__view_keeper(phub__hub_view(hub), ids[i]) != hub->node)
                continue;
            memcpy(copies[n], ids[i].data, ids[i].size);
            mine[n].data = (const uint8_t *)copies[n];
            mine[n++].size = ids[i].size;
        }
        if (n != 0)
            (void)rehome(hub, phub__hub_view(hub), mine, n, lost, cause,
                         NULL, 0);
    }
    phub__free(copies);
}
