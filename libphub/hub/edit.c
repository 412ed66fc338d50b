/* SPDX-License-Identifier: MIT */
/* edit: changing the metadata of a child while it lives.
 *
 * The keeper orders the edits of a child as it orders starts and stops: it
 * reads the row, puts the new values over the old ones, and writes the spec
 * half again under a new epoch, the child's *version*.  An edit that names the
 * version it has read is refused if another one came first, which makes
 * compare-and-set of it.  A stop ends the incarnation against all edits, also
 * those that are made elsewhere at the same moment.
 *
 * An edit is acknowledged when min(2, members) nodes hold it, one of a durable
 * child when it is on the keeper's disk, too. */
#include "config.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/store.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define LIFE_BYTES_MAX (1u << 20)   /* a row's lists, decoded */

static_assert(sizeof(struct phub__op_pair) == sizeof(struct phub__meta_pair),
              "same layout");

/* One that is written and not answered yet. */
struct edit {
    struct phub__hub *hub;
    struct phub__reply reply;
    uint64_t home, version;
    int durable;
};

static void answer(struct edit *edit, int code, const char *text)
{
    struct phub__op_answer full = { .code = code, .node = edit->home,
                                    .value = edit->version };

    full.text = (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
    phub__reply_full(edit->hub, &edit->reply, &full);
    phub__free(edit);
}

static void stored(void *arg, int rc)
{
    answer(arg, rc, rc != 0 ? "its row could not be written" : "");
}

/* One that left is no holder, and one that is silent gets it by the sync
 * strategy's repair, as at a start. */
static void held(void *arg, struct phub__request *request)
{
    struct edit *edit = arg;

    (void)request;
    if (edit->durable)
        phub__store_sync(edit->hub, stored, edit);
    else
        answer(edit, 0, "");
}

static void hold(struct edit *edit, struct phub_bytes id,
                 struct phub_epoch incarnation)
{
    struct phub__hub *hub = edit->hub;
    struct phub_view *view = phub__hub_view(hub);
    struct phub__request *request;
    int rc;

    if (phub__view_count(view) < 2) {
        held(edit, NULL);
        return;
    }
    request = phub__request_one(hub, PHUB__OP_HOLD, id, 10000);
    rc = request == NULL
        ? PHUB_ENOMEM : phub__rows_delta(hub, &id, 1, &request->rows);
    if (rc != 0) {
        phub__request_drop(request);
        answer(edit, rc, "it is edited, but its row could not be held "
               "elsewhere, too");
        return;
    }
    request->items[0].op.incarnation = incarnation;
    request->items[0].op.target = phub__view_keeper_kth(view, id, 1);
    phub__request_send(request, held, edit);
}

int phub__keeper_may_not(struct phub__hub *hub, struct phub_bytes id,
                         const char **text)
{
    if (hub->forgotten) {
        *text = "this node was forgotten";
        return PHUB_EFORGOTTEN;
    }
    if (hub->verdict != PHUB_VERDICT_CONTINUE) {
        *text = "the partition strategy forbids it";
        phub__hub_cause(hub, id, "refused: the partition strategy '%s' "
                        "forbids it",
                        hub->strategies[PHUB_KIND_PARTITION]->name);
        return PHUB_EPARTITIONED;
    }
    *text = "the keeper does not know all rows yet";
    if (!phub__synced_complete(hub) || !phub__hub_settled_in(hub) ||
        !phub__hub_in_charge(hub) || phub__synced_other_keeper(hub, id))
        return PHUB_EAGAIN;
    return 0;
}

/* New values over old ones; an empty value takes its key away. */
static struct phub__list merge(struct phub__arena *arena,
                               const struct phub__list *old,
                               const struct phub__list *changes)
{
    const struct phub__op_pair *from = old->items, *by = changes->items;
    struct phub__op_pair *to =
        phub__arena_alloc(arena, (size_t)old->count + changes->count + 1,
                          sizeof *to);
    uint32_t i, k, n = 0;

    if (to == NULL)
        return (struct phub__list){ NULL, 0 };
    for (i = 0; i < old->count; i++)
        to[n++] = from[i];
    for (i = 0; i < changes->count; i++) {
        for (k = 0; k < n; k++)
            if (to[k].key.size == by[i].key.size &&
                memcmp(to[k].key.data, by[i].key.data, by[i].key.size) == 0)
                break;
        if (by[i].value.size != 0)
            to[k] = by[i];
        else if (k < n)
            memmove(&to[k], &to[k + 1], (n - k - 1) * sizeof to[0]);
        if (by[i].value.size != 0)
            n += k == n;
        else
            n -= k < n;
    }
    return (struct phub__list){ to, n };
}

static int write_row(struct phub__hub *hub, const struct phub__row_view *view,
                     const struct phub__op_item *item, uint64_t *version)
{
    struct phub__arena arena;
    struct phub__life life;
    int rc;

    phub__arena_init(&arena, NULL, 0, LIFE_BYTES_MAX);
    rc = phub__row_life_read(view, &arena, &life);
    if (rc == 0) {
        life.metadata = merge(&arena, &life.metadata, &item->metadata);
        if (item->flags & (PHUB__ITEM_STICKY | PHUB__ITEM_FREE))
            life.sticky = (item->flags & PHUB__ITEM_STICKY) != 0;
        life.edit = phub__hub_epoch(hub);
        *version = life.edit.number;
        rc = arena.error != 0 ? PHUB_ENOMEM
             : phub__registry_spec_edit(hub->registry, view->id, &life);
    }
    phub__arena_fini(&arena);
    return rc;
}

void phub__keeper_edit(struct phub__hub *hub,
                       const struct phub__op_request *op,
                       const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__row_view view;
    struct phub_epoch incarnation;
    struct edit *edit;
    const char *text = "";
    char refusal[PHUB__NO_SUCH_MAX];
    uint64_t version = 0;
    int rc = phub__keeper_may_not(hub, item->id, &text);

    if (rc == 0 && (phub__registry_get(hub->registry, item->id, &view) != 0 ||
                    !view.live)) {
        rc = phub__hub_no_such(hub, refusal);
        text = refusal;
    }
    if (rc == 0 && item->epoch.number != 0 &&
        item->epoch.number != view.edit.number) {
        rc = PHUB_EREFUSED;
        snprintf(refusal, sizeof refusal,
                 "its version is %llu, not %llu",
                 (unsigned long long)view.edit.number,
                 (unsigned long long)item->epoch.number);
        text = refusal;
    }
    edit = rc == 0 ? phub__calloc(1, sizeof *edit) : NULL;
    if (edit != NULL) {
        *edit = (struct edit){ .hub = hub, .reply = reply, .home = view.home,
                               .durable = view.durable };
        incarnation = view.incarnation;
        rc = write_row(hub, &view, item, &version);
        text = rc != 0 ? phub_strerror(rc) : "";
        edit->version = version;
    } else if (rc == 0) {
        rc = PHUB_ENOMEM;
        text = "out of memory";
    }
    if (rc != 0) {
        phub__free(edit);
        phub__reply(hub, &reply, rc, hub->node, 0, text);
        return;
    }
    phub__hub_cause(hub, item->id, "edit of %u values: version %llu",
                    item->metadata.count, (unsigned long long)version);
    phub__hub_hook(hub, PHUB_HOOK_metadata_changed, edit->home, item->id, 0,
                   1, "");
    hold(edit, item->id, incarnation);
}
