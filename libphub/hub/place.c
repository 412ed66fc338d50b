/* SPDX-License-Identifier: MIT */
/* place: where the distribution strategy wants children, and which of these
 * nodes the redundancy strategy wants to be home.
 *
 * Nothing here decides: what is asked for becomes true when a keeper or a home
 * writes it into a row. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/place.h"
#include "hub/replica.h"
#include "hub/synced.h"
#include "wire/memory.h"

/* Pairs of a row, or of what is to become one, as the strategy sees them. */
static int pairs(const struct phub__list *from, size_t stride, size_t key,
                 size_t value, struct phub__arena *arena,
                 struct phub_assign_item *item)
{
    const char *at = from->items;
    struct phub_meta *to;
    uint32_t i;

    if (from->count == 0)
        return 0;
    to = phub__arena_alloc(arena, from->count * sizeof *to, sizeof(void *));
    if (to == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < from->count; i++, at += stride) {
        memcpy(&to[i].key, at + key, sizeof to[i].key);
        memcpy(&to[i].value, at + value, sizeof to[i].value);
    }
    item->metadata = to;
    item->metadata_count = from->count;
    return 0;
}

/* Tags and metadata; start is NULL for a row. */
static int describe(struct phub__hub *hub, const struct phub__op_item *start,
                    struct phub__arena *arena, struct phub_assign_item *item)
{
    struct phub__row_view view;
    struct phub__life life;
    int rc;

    if (start != NULL) {
        item->tags = start->tags.items;
        item->tags_count = start->tags.count;
        return pairs(&start->metadata, sizeof(struct phub__op_pair),
                     offsetof(struct phub__op_pair, key),
                     offsetof(struct phub__op_pair, value), arena, item);
    }
    if (phub__registry_get(hub->registry, item->id, &view) != 0 || !view.live)
        return 0;
    rc = phub__row_life_read(&view, arena, &life);
    if (rc != 0)
        return rc;
    item->tags = life.tags.items;
    item->tags_count = life.tags.count;
    return pairs(&life.metadata, sizeof(struct phub__meta_pair),
                 offsetof(struct phub__meta_pair, key),
                 offsetof(struct phub__meta_pair, value), arena, item);
}

static int ask(struct phub__hub *hub, const struct phub_view *view,
               const struct phub_assign_item *items, uint32_t count,
               uint32_t factor, uint64_t *nodes, uint32_t *counts,
               char *error, size_t error_max)
{
    return phub__call_assign(hub->strategies[PHUB_KIND_DISTRIBUTION], view,
                             items, count, factor, nodes, counts, error,
                             error_max);
}

/* The strategy failed for many: ask about each alone.  Who cannot be placed
 * has a count of 0; one that has no place waits for it without a word. */
static void ask_each(struct phub__hub *hub, const struct phub_view *view,
                     const struct phub_assign_item *items, uint32_t count,
                     uint32_t factor, uint64_t *nodes, uint32_t *counts)
{
    uint32_t i, failed = 0;
    char text[256], first[256] = "";

    for (i = 0; i < count; i++, nodes += factor) {
        int rc = ask(hub, view, &items[i], 1, factor, nodes, &counts[i], text,
                     sizeof text);

        if (rc == 0)
            continue;
        counts[i] = 0;
        if (rc != PHUB_ENOPLACE && failed++ == 0)
            memcpy(first, text, sizeof first);
    }
    if (failed != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR, "cannot place %u of %u children: "
                      "%s", failed, count, first);
}

/* Of view, those that take children, and home; NULL if that is all, or
 * nobody. */
static struct phub_view *fewer_of(struct phub__hub *hub,
                                  const struct phub_view *view, uint64_t home)
{
    uint32_t count = phub__view_count(view), i, n = 0;
    struct phub_view_node *nodes = phub__calloc(count + 1, sizeof *nodes);
    struct phub_view *fewer = NULL;

    if (nodes == NULL)
        return NULL;
    for (i = 0; i < count; i++)
        if (phub__view_at(view, i)->id == home ||
            phub__place_takes(hub, phub__view_at(view, i)->id))
            nodes[n++] = *phub__view_at(view, i);
    if (n != 0 && n != count)
        fewer = phub__view_new(nodes, n);
    phub__free(nodes);
    return fewer;
}

int phub__place_takes(const struct phub__hub *hub, uint64_t node)
{
    const struct phub__member *member =
        phub__cluster_member(hub->cluster, node);

    return member == NULL || !member->drained;
}

struct phub_view *phub__place_takers(struct phub__hub *hub,
                                     const struct phub_view *view,
                                     uint64_t home)
{
    struct phub__takers *known = &hub->takers;
    uint64_t version = phub__cluster_takers_version(hub->cluster);

    if (known->of != phub__hub_view(hub) || known->version != version) {
        phub__place_takers_fini(hub);
        known->of = phub__view_ref(phub__hub_view(hub));
        known->version = version;
        known->fewer = fewer_of(hub, known->of, 0);
    }
    if (known->fewer == NULL)
        return NULL;
    return view == known->of &&
                   (home == 0 || phub__place_takes(hub, home))
               ? phub__view_ref(known->fewer) : fewer_of(hub, view, home);
}

void phub__place_takers_fini(struct phub__hub *hub)
{
    phub__view_unref(&hub->takers.of);
    phub__view_unref(&hub->takers.fewer);
}

int phub__keeper_places(struct phub__hub *hub, const struct phub_view *view,
                        const struct phub_bytes *ids, const uint64_t *homes,
                        const struct phub__op_item *const *starts,
                        uint32_t count, uint32_t factor,
                        enum phub_cause cause, uint64_t *nodes,
                        uint32_t *counts, char *error, size_t error_max)
{
    struct phub__strategy *s = hub->strategies[PHUB_KIND_DISTRIBUTION];
    struct phub_assign_item *items = phub__calloc(count, sizeof *items);
    struct phub_view *takers = phub__place_takers(hub, view, 0);
    struct phub__arena arena;
    uint32_t i;
    int rc = items != NULL ? 0 : PHUB_ENOMEM;

    if (takers != NULL)
        view = takers;
    phub__arena_init(&arena, NULL, 0, SIZE_MAX);
    if (error != NULL)
        snprintf(error, error_max, "out of memory");
    for (i = 0; rc == 0 && i < count; i++) {
        items[i].size = sizeof items[i];
        items[i].cause = (uint32_t)cause;
        items[i].id = ids[i];
        items[i].home = homes != NULL ? homes[i] : 0;
        if (s->flags & PHUB_FLAG_METADATA)
            rc = describe(hub, starts != NULL ? starts[i] : NULL, &arena,
                          &items[i]);
    }
    if (rc == 0) {
        rc = ask(hub, view, items, count, factor, nodes, counts, error,
                 error_max);
        if (rc != 0 && starts == NULL && (count > 1 || rc == PHUB_ENOPLACE)) {
            ask_each(hub, view, items, count, factor, nodes, counts);
            rc = 0;
        }
    }
    phub__arena_fini(&arena);
    phub__free(items);
    phub__view_unref(&takers);
    return rc;
}

void phub__places_fini(struct phub__places *p)
{
    phub__free(p->nodes);
    phub__free(p->counts);
}

int phub__place(struct phub__hub *hub, const struct phub_view *view,
                const struct phub_bytes *ids, const uint64_t *homes,
                const struct phub__op_item *const *starts, uint32_t count,
                enum phub_cause cause, struct phub__places *p,
                char *error, size_t error_max)
{
    int rc = PHUB_ENOMEM;

    *p = (struct phub__places){ .factor = 1 };
    snprintf(error, error_max, "out of memory");
    p->factor = phub__replica_factor(hub, view, 0);
    p->nodes = phub__calloc((size_t)count * p->factor, sizeof *p->nodes);
    p->counts = phub__calloc(count, sizeof *p->counts);
    if (p->nodes != NULL && p->counts != NULL)
        rc = phub__keeper_places(hub, view, ids, homes, starts, count, p->factor,
                                 cause, p->nodes, p->counts, error,
                                 error_max);
    return rc;
}

uint64_t phub__place_home(struct phub__hub *hub, const struct phub_view *view,
                          struct phub_bytes id, const struct phub__places *p,
                          uint32_t i)
{
    return phub__replica_pick(hub, view, id,
                              p->nodes + (size_t)i * p->factor, p->counts[i]);
}

uint32_t phub__place_replicas(const struct phub__places *p, uint32_t i,
                              uint64_t home, uint64_t *replicas)
{
    uint32_t k, n = 0;

    for (k = 0; k < p->counts[i] && n + 1 < p->factor; k++)
        if (p->nodes[(size_t)i * p->factor + k] != home)
            replicas[n++] = p->nodes[(size_t)i * p->factor + k];
    return n;
}

uint32_t phub__place_seats(struct phub__hub *hub,
                           const struct phub_view *view, struct phub_bytes id,
                           const struct phub__row_facts *row,
                           const struct phub__places *p, uint32_t index,
                           uint64_t *home, uint64_t *seats)
{
    uint64_t running[PHUB__INSTANCES_MAX], lost[PHUB__INSTANCES_MAX];
    struct phub_epoch epoch;
    uint32_t i, n = 0, here = 0, runs = 0, count = 0;
    int64_t pid;

    for (i = 0; i < row->replicas_count; i++) {
        if (phub__view_index(view, row->replicas[i]) == PHUB__VIEW_NONE) {
            lost[n - here] = row->replicas[i];
            n += phub__synced_lease_left(hub, row->replicas[i]) != 0;
            continue;
        }
        seats[here++] = row->replicas[i];
        n++;
        if (phub__row_state_on(hub, id, row->replicas[i], &epoch, &pid) ==
            PHUB_INSTANCE_RUNNING)
            running[runs++] = row->replicas[i];
    }
    if (*home == 0 && runs != 0)
        *home = phub__replica_pick(hub, view, id, running, runs);
    if (*home == 0 && here != 0)
        *home = phub__replica_pick(hub, view, id, seats, here);
    if (*home == 0)
        *home = phub__place_home(hub, view, id, p, index);
    if (n == 0 && *home != 0)
        return phub__replica_lingering(hub, id, row, *home) != 0 ? 0
             : phub__place_replicas(p, index, *home, seats);
    memcpy(seats + here, lost, (n - here) * sizeof seats[0]);
    for (i = 0; i < n; i++)
        if (seats[i] != *home)
            seats[count++] = seats[i];
    return count;
}

struct phub_view *phub__view_without(struct phub__hub *hub,
                                     const struct phub_view *view,
                                     uint64_t node)
{
    uint32_t count = phub__view_count(view), i, n = 0;
    struct phub_view_node *nodes = phub__calloc(count + 1, sizeof *nodes);
    struct phub_view *without = NULL;

    (void)hub;
    if (nodes == NULL)
        return NULL;
    for (i = 0; i < count; i++)
        if (phub__view_at(view, i)->id != node)
            nodes[n++] = *phub__view_at(view, i);
    without = phub__view_new(nodes, n);
    phub__free(nodes);
    return without;
}

int phub__keeper_place(struct phub__hub *hub, const struct phub_view *view,
                       const struct phub_bytes *ids, const uint64_t *homes,
                       uint32_t count, enum phub_cause cause, uint64_t *nodes,
                       char *error, size_t error_max)
{
    struct phub__places p;
    uint32_t i;
    int rc = phub__place(hub, view, ids, homes, NULL, count, cause, &p, error,
                         error_max);

    for (i = 0; rc == 0 && i < count; i++)
        nodes[i] = phub__place_home(hub, view, ids[i], &p, i);
    phub__places_fini(&p);
    return rc;
}
