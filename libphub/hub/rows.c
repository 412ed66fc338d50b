/* SPDX-License-Identifier: MIT */
/* rows: the registry as the hub's mechanisms see it; see rows.h.
 *
 * Whatever changes a row only marks it; all marked children are reconciled
 * together from the loop, after the event that changed them.  So a mechanism
 * that writes a row is never re-entered by what the row causes. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include <phub/error.h>

#include "hub/forget.h"
#include "hub/handover.h"
#include "hub/host.h"
#include "hub/hub.h"
#include "hub/local.h"
#include "hub/peer.h"
#include "hub/replica.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "hub/store.h"
#include "hub/subscribe.h"
#include "hub/synced.h"
#include "hub/watch.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define HAND_ON_TO 2u   /* nodes */
#define NS_PER_MS 1000000ull
#define HEARD_MS 500u   /* for those that do not acknowledge, at a goodbye */

/* Ids of rows that changed in this turn, one behind the other. */
struct phub__dirty {
    uint8_t *bytes;      /* size byte, id; ... */
    size_t size, capacity;
    int scheduled;
};

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__dirty *dirty = hub->dirty;
    uint8_t *bytes = dirty->bytes;
    size_t size = dirty->size, at;

    dirty->bytes = NULL;
    dirty->size = dirty->capacity = 0;
    dirty->scheduled = 0;
    for (at = 0; at < size; at += 1u + bytes[at])
        phub__reconcile(hub, (struct phub_bytes){ bytes + at + 1, bytes[at] });
    phub__free(bytes);
}

static void schedule(struct phub__hub *hub)
{
    if (!hub->dirty->scheduled && hub->env->defer(hub->env, flush, hub) == 0)
        hub->dirty->scheduled = 1;
}

static void mark(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__dirty *dirty = hub->dirty;

    if (dirty->size + id.size + 1 > dirty->capacity) {
        size_t capacity = dirty->capacity != 0 ? dirty->capacity * 2 : 4096;
        uint8_t *wide = phub__realloc(dirty->bytes, capacity);

        if (wide == NULL) {
            hub->dirty_lost = 1; /* the next round looks at all */
            return;
        }
        dirty->bytes = wide;
        dirty->capacity = capacity;
    }
    dirty->bytes[dirty->size++] = (uint8_t)id.size;
    memcpy(dirty->bytes + dirty->size, id.data, id.size);
    dirty->size += id.size;
    schedule(hub);
}

/* Rows of which this node has to do something: it is home, or has it, or a
 * state of it. */
static void row_changed(void *arg, struct phub_bytes id, uint32_t changed,
                        bool local)
{
    struct phub__hub *hub = arg;
    struct phub__row_facts row;

    (void)local;
    if (changed & (PHUB__CHANGED_LIFE | PHUB__CHANGED_HOME |
                   PHUB__CHANGED_DROPPED))
        phub__store_row(hub, id, (changed & PHUB__CHANGED_DROPPED) != 0);
    if (id.data[0] == 1) {
        phub__forget_row_changed(hub, id);
        if (phub__strategies_is_row(id))
            phub__strategies_changed(hub);
        else
            phub__host_cell_changed(hub, id);
        return;
    }
    phub__subscribe_row_changed(hub, id, changed);
    if (hub->watches != NULL && (changed & PHUB__CHANGED_LIFE))
        phub__watch_row_changed(hub, id);
    if (phub__local_find(hub, id) == NULL && !phub__handover_knows(hub, id)) {
        phub__row_facts(hub, id, &row);
        if (!row.live || (row.home != hub->node && !row.replica))
            return;
    }
    mark(hub, id);
}

static void stream_flush(void *arg)
{
    struct phub__hub *hub = arg;

    hub->head_scheduled = 0;
    phub__call_changed(hub->strategies[PHUB_KIND_SYNC],
                       phub__registry_head(hub->registry));
}

/* Once per turn, however much was written. */
static void head_changed(void *arg, uint64_t head)
{
    struct phub__hub *hub = arg;

    (void)head;
    if (!hub->head_scheduled && hub->started &&
        hub->env->defer(hub->env, stream_flush, hub) == 0)
        hub->head_scheduled = 1;
}

static void known_changed(void *arg)
{
    phub__store_known(arg);
}

const struct phub__registry_events phub__rows_events = {
    .changed = head_changed,
    .row_changed = row_changed,
    .known_changed = known_changed,
};

/* --- handing on -------------------------------------------------------------- */

/* Own rows above *from, which goes on. */
static int delta_of(struct phub__hub *hub, uint64_t *from,
                    struct phub_buf **delta)
{
    struct phub__builder builder;
    int rc;

    phub__builder_init(&builder, PHUB__DELTA_SIZE_MAX * 2);
    rc = phub__registry_delta(hub->registry, *from, PHUB__DELTA_SIZE_MAX,
                              &builder, from);
    if (rc == 0)
        rc = phub__builder_take(&builder, delta);
    phub__builder_fini(&builder);
    return rc;
}

int phub__rows_new(struct phub__hub *hub)
{
    hub->dirty = phub__calloc(1, sizeof *hub->dirty);
    return hub->dirty != NULL ? 0 : PHUB_ENOMEM;
}

void phub__rows_free(struct phub__hub *hub)
{
    if (hub->dirty == NULL)
        return;
    phub__free(hub->dirty->bytes);
    phub__free(hub->dirty);
    hub->dirty = NULL;
}

/* Is what was handed on still to be passed on, or not acknowledged?  A strategy
 * that waits before it passes on does so for less than the spread in a large
 * hub, and for less than a look at this in a small one; one that is set to wait
 * longer is not waited for.  Nor is what is written meanwhile. */
static int on_its_way(struct phub__hub *hub)
{
    uint64_t now = hub->env->now_ns(hub->env);
    uint64_t passed_on = hub->handed_on_ns + phub__synced_spread_ns(hub);

    if (now < passed_on)
        return 1;
    if (!hub->heard_noted)
        phub__peers_note_sent(hub);
    hub->heard_noted = 1;
    return now < passed_on + HEARD_MS * NS_PER_MS && phub__peers_unheard(hub);
}

/* What it wrote since the round before the last, which a sync strategy that
 * takes its time may not have passed on.  Two others are enough to be safe:
 * nobody replaces what was here before it is complete in a view without this
 * node (synced.c), and both are asked for that.  That all have it before they
 * hear of the goodbye spares them the asking (stop.c). */
int phub__rows_hand_on(struct phub__hub *hub)
{
    struct phub_view *view = phub__hub_view(hub);
    uint32_t at = phub__view_index(view, hub->node), i;
    uint32_t count = phub__view_count(view);
    uint64_t head = phub__registry_head(hub->registry);
    uint64_t from = hub->handed_on != 0 ? hub->handed_on : hub->head_before;
    struct phub_buf *delta;

    if (count < 2)
        return 1;
    if (from >= head)
        return hub->handed_on == 0 || !on_its_way(hub);
    while (from < head && delta_of(hub, &from, &delta) == 0) {
        for (i = 1; i <= HAND_ON_TO && i < count; i++)
            (void)phub__peer_send(hub, phub__view_at(view, (at + i) % count)
                                           ->id, PHUB__MESSAGE_DELTA, delta);
        phub__buf_unref(&delta);
    }
    hub->handed_on = head;
    if (hub->handed_on_ns == 0)
        hub->handed_on_ns = hub->env->now_ns(hub->env);
    return 0;
}

/* --- reading ---------------------------------------------------------------- */

void phub__row_facts_seen(struct phub__hub *hub,
                          const struct phub__row_view *view,
                          struct phub__row_facts *facts)
{
    memset(facts, 0, sizeof *facts);
    facts->writes = phub__registry_writes(hub->registry);
    if (!view->exists)
        return;
    facts->exists = 1;
    facts->live = view->live;
    facts->incarnation = view->incarnation;
    facts->home = view->home;
    facts->home_epoch = view->home_epoch;
    facts->replicas = view->replicas;
    facts->replicas_count = view->replicas_count;
    facts->replica = phub__replica_has(view->replicas, view->replicas_count,
                                       hub->node);
    facts->spec = view->spec;
    facts->durable = view->durable;
    facts->sticky = view->sticky;
    facts->tags_count = view->tags_count;
}

void phub__row_facts(struct phub__hub *hub, struct phub_bytes id,
                     struct phub__row_facts *facts)
{
    struct phub__row_view view;

    view.exists = false;
    (void)phub__registry_get(hub->registry, id, &view);
    phub__row_facts_seen(hub, &view, facts);
}

void phub__row_facts_again(struct phub__hub *hub, struct phub_bytes id,
                           struct phub__row_facts *facts)
{
    if (facts->writes != phub__registry_writes(hub->registry))
        phub__row_facts(hub, id, facts);
}

uint64_t phub__hub_home(const struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__row_view view;

    if (phub__registry_get(hub->registry, id, &view) != 0 || !view.live)
        return 0;
    return view.home;
}

uint32_t phub__row_holders(struct phub__hub *hub, struct phub_bytes id,
                           uint64_t *nodes, uint32_t nodes_max)
{
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i, count = 0;

    if (phub__registry_get(hub->registry, id, &view) != 0)
        return 0;
    for (i = 0; i < view.instances_count && count < nodes_max; i++) {
        const struct phub_view_node *node;

        phub__row_half_at(&view, i, &half);
        node = phub__view_find(phub__hub_view(hub), half.node);
        if (half.state == PHUB_INSTANCE_GONE || node == NULL ||
            (half.state == PHUB_INSTANCE_FAILED))
            continue;
        nodes[count++] = half.node;
    }
    return count;
}

int phub__row_may_linger(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (phub__registry_get(hub->registry, id, &view) != 0)
        return 0;
    if (view.home != 0 && phub__synced_lease_left(hub, view.home))
        return 1;
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.state != PHUB_INSTANCE_GONE &&
            phub__synced_lease_left(hub, half.node))
            return 1;
    }
    for (i = 0; i < view.replicas_count; i++)
        if (phub__synced_lease_left(hub, view.replicas[i]))
            return 1;
    return 0;
}

static int runs(const struct phub__half_view *half)
{
    return half->state == PHUB_INSTANCE_STARTING ||
           half->state == PHUB_INSTANCE_RUNNING ||
           half->state == PHUB_INSTANCE_STOPPING;
}

int phub__row_runs_before(struct phub__hub *hub, struct phub_bytes id,
                          struct phub_epoch incarnation,
                          struct phub_epoch epoch)
{
    struct phub__row_view view;
    struct phub__half_view half;
    uint32_t i;

    if (phub__registry_get(hub->registry, id, &view) != 0)
        return 0;
    for (i = 0; i < view.instances_count; i++) {
        phub__row_half_at(&view, i, &half);
        if (half.node != hub->node && runs(&half) &&
            phub_epoch_cmp(half.incarnation, incarnation) == 0 &&
            phub_epoch_cmp(half.epoch, epoch) < 0 &&
            (phub__synced_lease_left(hub, half.node) ||
             phub__view_index(phub__hub_view(hub), half.node) !=
                 PHUB__VIEW_NONE))
            return 1;
    }
    return 0;
}

uint32_t phub__row_state_on(struct phub__hub *hub, struct phub_bytes id,
                            uint64_t node, struct phub_epoch *epoch,
                            int64_t *pid)
{
    struct phub__row_view view;
    struct phub__half_view half;

    if (phub__registry_get(hub->registry, id, &view) != 0 ||
        !phub__row_half_of(&view, node, &half) ||
        half.state == PHUB_INSTANCE_GONE)
        return 0;
    *epoch = half.epoch;
    *pid = half.pid;
    return half.state;
}

uint32_t phub__rows_seen_of(struct phub__hub *hub, uint64_t node,
                            uint64_t *cursor, struct phub__row_view *views,
                            uint32_t views_max)
{
    struct phub__query query = { .by = PHUB__BY_HOME, .node = node };
    uint32_t count = 0;

    while (count == 0 && *cursor != UINT64_MAX) {
        count = phub__registry_query(hub->registry, &query, cursor, 1024,
                                     views, views_max);
        if (*cursor == 0)
            *cursor = UINT64_MAX;
    }
    return count;
}

uint32_t phub__rows_of(struct phub__hub *hub, uint64_t node, uint64_t *cursor,
                       struct phub_bytes *ids, uint32_t ids_max)
{
    struct phub__row_view views[64];
    uint32_t count, i;

    count = phub__rows_seen_of(hub, node, cursor, views,
                               ids_max < 64 ? ids_max : 64);
    for (i = 0; i < count; i++)
        ids[i] = views[i].id;
    return count;
}

/* --- writing ---------------------------------------------------------------- */

int phub__row_start(struct phub__hub *hub, const struct phub__op_item *item,
                    struct phub_epoch incarnation, uint64_t home,
                    const uint64_t *replicas, uint32_t replicas_count)
{
    struct phub__life life = {
        .incarnation = incarnation, .edit = incarnation,
        .durable = (item->flags & PHUB__ITEM_DURABLE) != 0,
        .sticky = (item->flags & PHUB__ITEM_STICKY) != 0,
        .spec = item->spec, .metadata = item->metadata, .tags = item->tags,
        .replicas = { (void *)(uintptr_t)replicas, replicas_count },
    };

    return phub__registry_spec_put(hub->registry, item->id, &life, home,
                                   incarnation);
}

int phub__row_stop(struct phub__hub *hub, struct phub_bytes id,
                   struct phub_epoch incarnation)
{
    return phub__registry_stop(hub->registry, id, incarnation,
                               phub__hub_epoch(hub));
}

int phub__row_home(struct phub__hub *hub, struct phub_bytes id,
                   struct phub_epoch incarnation, uint64_t home,
                   struct phub_epoch epoch)
{
    uint64_t nodes[PHUB__REPLICAS_MAX];
    struct phub__row_facts row;
    uint32_t i, count = 0;

    phub__row_facts(hub, id, &row);
    for (i = 0; i < row.replicas_count; i++)
        if (row.replicas[i] != home)
            nodes[count++] = row.replicas[i];
    return phub__row_seats(hub, id, incarnation, home, nodes, count, epoch);
}

int phub__row_seats(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_epoch incarnation, uint64_t home,
                    const uint64_t *replicas, uint32_t replicas_count,
                    struct phub_epoch epoch)
{
    struct phub__list list = { (void *)(uintptr_t)replicas, replicas_count };

    return phub__registry_home_set(hub->registry, id, incarnation, home, &list,
                                   epoch);
}

static uint32_t state_of(const struct phub__instance *instance)
{
    switch (phub__instance_phase(instance)) {
    case PHUB__PHASE_PREPARING:
    case PHUB__PHASE_STARTING:
    case PHUB__PHASE_BACKOFF:
        return PHUB_INSTANCE_STARTING;
    case PHUB__PHASE_STANDBY:
        return PHUB_INSTANCE_STANDBY;
    case PHUB__PHASE_RUNNING:
        return PHUB_INSTANCE_RUNNING;
    case PHUB__PHASE_FROZEN:
        return PHUB_INSTANCE_FROZEN;
    case PHUB__PHASE_STOPPING:
        return PHUB_INSTANCE_STOPPING;
    case PHUB__PHASE_FAILED:
        return PHUB_INSTANCE_FAILED;
    case PHUB__PHASE_GONE:
        return PHUB_INSTANCE_GONE;
    }
    return PHUB_INSTANCE_GONE;
}

void phub__row_instance(struct phub__hub *hub, struct phub__instance *instance,
                        uint32_t state, const char *text)
{
    struct phub__half half = {
        .guard = hub->guard_id,
        .incarnation = phub__instance_incarnation(instance),
        .epoch = phub__instance_epoch(instance),
        .state = state != 0 ? state : state_of(instance),
        .role = phub__instance_role(instance),
        .pid = phub__instance_pid(instance),
        .restarts = phub__instance_restarts(instance),
        .text = { (const uint8_t *)text,
                  strnlen(text, PHUB__ROW_TEXT_MAX) },
    };
    uint32_t count;
    const struct phub__pair *pairs =
        phub__instance_metadata(instance, &count);

    static_assert(sizeof(struct phub__pair) ==
                      sizeof(struct phub__meta_pair), "same layout");
    half.metadata = (struct phub__list){ (void *)(uintptr_t)pairs, count };
    if (phub__registry_instance_put(hub->registry,
                                    phub__instance_id(instance), &half) != 0)
        hub->halves_owed = 1; /* no memory: phub__rows_retire_own() */
}

void phub__row_instance_gone(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__half half = { .guard = hub->guard_id,
                               .state = PHUB_INSTANCE_GONE };

    if (phub__registry_instance_put(hub->registry, id, &half) != 0)
        hub->halves_owed = 1;
}

static void publish_all(struct phub__hub *hub)
{
    const struct phub__local *local;

    for (local = phub__locals_first(hub->locals); local != NULL;
         local = local->next)
        if (local->instance != NULL &&
            !phub__instance_adopted(local->instance))
            phub__row_instance(hub, local->instance, 0, "");
}

/* What an earlier start of this node published and nobody adopted is gone:
 * its guard has ended it before this one could begin.  What this start could
 * not publish for want of memory is told now, or a row that says "stopping"
 * would keep that name for ever. */
void phub__rows_retire_own(struct phub__hub *hub)
{
    int owed = hub->halves_owed;
    struct phub__query query = { .by = PHUB__BY_INSTANCE, .node = hub->node };
    struct phub__row_view views[64];
    struct phub__half_view half;
    uint64_t cursor = 0;
    uint32_t count, i;

    if (!owed && !phub__registry_earlier(hub->registry))
        return;
    hub->halves_owed = 0;
    if (owed)
        publish_all(hub);
    do {
        char ids[64][PHUB_CHILD_ID_MAX];
        size_t sizes[64];
        uint32_t stale = 0;

        count = phub__registry_query(hub->registry, &query, &cursor, 1024,
                                     views, 64);
        for (i = 0; i < count; i++) {
            const struct phub__local *local =
                phub__local_find(hub, views[i].id);

            if ((local != NULL && local->instance != NULL) ||
                !phub__row_half_of(&views[i], hub->node, &half) ||
                (half.boot == hub->boot &&
                 (!owed || half.state == PHUB_INSTANCE_GONE ||
                  half.state == PHUB_INSTANCE_FAILED)))
                continue;
            sizes[stale] = views[i].id.size;
            memcpy(ids[stale++], views[i].id.data, views[i].id.size);
        }
        for (i = 0; i < stale; i++)
            phub__row_instance_gone(hub, (struct phub_bytes){
                (const uint8_t *)ids[i], sizes[i] });
    } while (cursor != 0);
}

/* --- travelling -------------------------------------------------------------- */

int phub__rows_delta(struct phub__hub *hub, const struct phub_bytes *ids,
                     uint32_t count, struct phub_buf **delta)
{
    struct phub__builder builder;
    int rc;

    phub__builder_init(&builder, PHUB__DELTA_SIZE_MAX);
    rc = phub__registry_rows(hub->registry, ids, count, &builder);
    if (rc == 0)
        rc = phub__builder_take(&builder, delta);
    phub__builder_fini(&builder);
    return rc;
}

int phub__rows_apply(struct phub__hub *hub, uint64_t from,
                     struct phub_bytes delta)
{
    int rc = phub__registry_apply(hub->registry, delta);

    (void)from;
    if (rc == PHUB_EPROTO || rc == PHUB_ELIMIT)
        hub->counters.bodies_malformed++;
    phub__hub_epoch_seen(hub, phub__registry_epoch_max(hub->registry));
    return rc;
}
