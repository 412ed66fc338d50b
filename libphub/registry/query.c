/* SPDX-License-Identifier: MIT */
/* query: rows as the hub's thread and other threads read them. */
#include "config.h"

#include <string.h>

#include "registry/internal.h"
#include "wire/assert.h"

/* --- one row --------------------------------------------------------------- */

static void view_fill(const struct phub__row *row, struct phub__row_view *view)
{
    const struct phub__value *value = phub__row_value(row);
    const struct phub__life_block *life = value->life;

    memset(view, 0, sizeof *view);
    view->id = phub__row_id(row);
    view->number = row->number;
    view->instances_count = value->count;
    view->row = row;
    view->was_durable = row->was_durable;
    if (life == NULL)
        return;
    view->exists = true;
    view->live = !life->stopped;
    view->durable = life->durable;
    view->sticky = life->sticky;
    view->incarnation = life->incarnation;
    view->edit = life->edit;
    view->home = phub__value_home(value);
    if (view->home != 0 && value->home.seats != NULL) {
        view->replicas = value->home.seats->nodes;
        view->replicas_count = value->home.seats->count;
    }
    if (phub_epoch_cmp(value->home.incarnation, life->incarnation) == 0)
        view->home_epoch = value->home.epoch;
    view->spec = (struct phub_bytes){ life->bytes + life->spec_at,
                                      life->spec_size };
    view->tags_count = life->tags_count;
}

int phub__registry_get(const struct phub__registry *registry,
                       struct phub_bytes id, struct phub__row_view *view)
{
    if (!phub__child_id_ok(id))
        return PHUB_ENOTFOUND;
    return phub__registry_get_any(registry, id, view);
}

int phub__registry_get_any(const struct phub__registry *registry,
                           struct phub_bytes id, struct phub__row_view *view)
{
    const struct phub__row *row = phub__registry_row(registry, id);

    if (row == NULL || phub__row_value(row) == NULL)
        return PHUB_ENOTFOUND;
    view_fill(row, view);
    return 0;
}

static const struct phub__value *value_of(const struct phub__row_view *view)
{
    return phub__row_value(view->row);
}

static void half_fill(const struct phub__half_block *block,
                      struct phub__half_view *half)
{
    *half = (struct phub__half_view){
        .node = block->dot.node,
        .boot = block->dot.boot,
        .guard = block->guard,
        .incarnation = block->incarnation,
        .epoch = block->epoch,
        .state = block->state,
        .role = block->role,
        .pid = block->pid,
        .restarts = block->restarts,
        .text = { block->bytes + block->text_at, block->text_size },
        .half = block,
    };
}

void phub__row_half_at(const struct phub__row_view *view, uint32_t index,
                       struct phub__half_view *half)
{
    const struct phub__value *value = value_of(view);

    phub__assert(index < value->count);
    half_fill(value->halves[index], half);
}

bool phub__row_half_of(const struct phub__row_view *view, uint64_t node,
                       struct phub__half_view *half)
{
    const struct phub__value *value = value_of(view);
    bool found;
    uint32_t at = phub__value_find(value, node, &found);

    if (found)
        half_fill(value->halves[at], half);
    return found;
}

int phub__row_life_read(const struct phub__row_view *view,
                        struct phub__arena *arena, struct phub__life *life)
{
    const struct phub__life_block *block = value_of(view)->life;

    if (block == NULL)
        return PHUB_ENOTFOUND;
    return phub__life_decode((struct phub_bytes){ block->bytes, block->size },
                             arena, life);
}

int phub__row_half_read(const struct phub__half_view *view,
                        struct phub__arena *arena, struct phub__half *half)
{
    const struct phub__half_block *block = view->half;
    int rc = phub__half_decode(
        (struct phub_bytes){ block->bytes, block->size }, arena, half);

    if (rc == 0) {
        half->node = block->dot.node;
        half->boot = block->dot.boot;
    }
    return rc;
}

static struct phub_bytes life_meta(const struct phub__life_block *life)
{
    return (struct phub_bytes){ life->bytes + life->meta_at, life->meta_size };
}

int phub__row_meta(const struct phub__row_view *view, struct phub_bytes key,
                   struct phub_bytes *value)
{
    const struct phub__life_block *life = value_of(view)->life;

    if (life == NULL)
        return PHUB_ENOTFOUND;
    return phub__meta_find(life_meta(life), key, value);
}

int phub__row_half_meta(const struct phub__half_view *half,
                        struct phub_bytes key, struct phub_bytes *value)
{
    const struct phub__half_block *block = half->half;

    return phub__meta_find((struct phub_bytes){ block->bytes + block->meta_at,
                                                block->meta_size },
                           key, value);
}

/* --- many rows -------------------------------------------------------------- */

static const struct phub__series *
query_series(const struct phub__registry *registry,
             const struct phub__query *query)
{
    const struct phub__index_node *node;

    switch (query->by) {
    case PHUB__BY_ALL:
    case PHUB__BY_LIVE:
    case PHUB__BY_META:
    case PHUB__BY_STATE:
    case PHUB__BY_DURABLE:
        return &registry->rows;
    case PHUB__BY_HOME:
        node = phub__index_node(&registry->index, query->node);
        return node == NULL ? NULL : &node->home;
    case PHUB__BY_INSTANCE:
        node = phub__index_node(&registry->index, query->node);
        return node == NULL ? NULL : &node->halves;
    case PHUB__BY_TAG:
        return phub__index_tag(&registry->index, query->key);
    }
    return NULL;
}

static bool has_state(const struct phub__value *value, uint32_t state)
{
    uint32_t i;

    for (i = 0; i < value->count; i++) {
        if (value->halves[i]->state == state)
            return true;
    }
    return false;
}

static bool fits(const struct phub__row *row, const struct phub__query *query)
{
    const struct phub__value *value = phub__row_value(row);
    struct phub_bytes found;

    if (value == NULL ||
        (phub__row_is_cell(row) && query->by != PHUB__BY_DURABLE))
        return false;
    switch (query->by) {
    case PHUB__BY_ALL:
    case PHUB__BY_HOME:
    case PHUB__BY_INSTANCE:
    case PHUB__BY_TAG:
        return true;
    case PHUB__BY_LIVE:
        return phub__value_live(value);
    case PHUB__BY_META:
        return phub__value_live(value) &&
               phub__meta_find(life_meta(value->life), query->key,
                               &found) == 0 &&
               (query->value.data == NULL ||
                phub__bytes_equal(found, query->value));
    case PHUB__BY_STATE:
        return phub__value_live(value) && has_state(value, query->state);
    case PHUB__BY_DURABLE:
        return value->life != NULL && value->life->durable;
    }
    return false;
}

uint32_t phub__registry_query(const struct phub__registry *registry,
                              const struct phub__query *query,
                              uint64_t *cursor, uint32_t budget,
                              struct phub__row_view *views,
                              uint32_t views_max)
{
    const struct phub__series *series = query_series(registry, query);
    uint32_t at, n = 0;

    phub__assert(budget > 0);
    phub__assert(views_max > 0);
    if (series == NULL) {
        *cursor = 0;
        return 0;
    }
    at = phub__series_from(series, *cursor + 1);
    for (; at < series->count && budget > 0 && n < views_max; at++) {
        const struct phub__row *row = series->slots[at].ptr;

        *cursor = series->slots[at].number;
        if (row == NULL)
            continue;
        budget--;
        if (fits(row, query))
            view_fill(row, &views[n++]);
    }
    if (at >= series->count)
        *cursor = 0;
    return n;
}

uint64_t phub__registry_home_count(const struct phub__registry *registry,
                                   uint64_t node)
{
    const struct phub__index_node *entry =
        phub__index_node(&registry->index, node);

    return entry == NULL ? 0 : entry->home.live;
}

uint64_t phub__registry_instance_count(const struct phub__registry *registry,
                                       uint64_t node)
{
    const struct phub__index_node *entry =
        phub__index_node(&registry->index, node);

    return entry == NULL ? 0 : entry->halves.live;
}

/* --- any thread --------------------------------------------------------------- */

static void lookup_half(const struct phub__half_block *block,
                        struct phub__lookup *lookup)
{
    struct phub__lookup_instance *instance =
        &lookup->instances[lookup->instances_count++];

    instance->node = block->dot.node;
    instance->epoch = block->epoch;
    instance->state = block->state;
    instance->role = block->role;
    instance->pid = block->pid;
    instance->restarts = block->restarts;
    instance->meta_at = 0;
    instance->meta_size = 0;
    if (block->meta_size == 0 ||
        block->meta_size > sizeof lookup->meta - lookup->meta_size)
        return;
    instance->meta_at = (uint16_t)lookup->meta_size;
    instance->meta_size = (uint16_t)block->meta_size;
    memcpy(lookup->meta + lookup->meta_size, block->bytes + block->meta_at,
           block->meta_size);
    lookup->meta_size += block->meta_size;
}

int phub__registry_lookup(const struct phub__registry *registry,
                          struct phub_bytes id, struct phub__lookup *lookup)
{
    const struct phub__row *row;
    const struct phub__value *value;
    uint32_t i;

    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX || id.data[0] == 1)
        return PHUB_ENOTFOUND;
    row = phub__table_find(&registry->table, phub__table_hash(id), id);
    value = row == NULL ? NULL
          : atomic_load_explicit(&row->value, memory_order_acquire);
    if (value == NULL)
        return PHUB_ENOTFOUND;
    lookup->live = phub__value_live(value);
    lookup->durable = value->life != NULL && value->life->durable;
    lookup->incarnation = lookup->edit = (struct phub_epoch){ 0, 0 };
    lookup->home_epoch = (struct phub_epoch){ 0, 0 };
    lookup->home = phub__value_home(value);
    if (value->life != NULL) {
        lookup->incarnation = value->life->incarnation;
        lookup->edit = value->life->edit;
    }
    if (lookup->home != 0)
        lookup->home_epoch = value->home.epoch;
    lookup->instances_count = 0;
    lookup->instances_more = 0;
    lookup->meta_size = 0;
    for (i = 0; i < value->count; i++) {
        if (phub__half_gone(value->halves[i]))
            continue;
        if (lookup->instances_count < PHUB__LOOKUP_INSTANCES_MAX)
            lookup_half(value->halves[i], lookup);
        else
            lookup->instances_more++;
    }
    return 0;
}

int phub__lookup_meta(const struct phub__lookup *lookup, uint32_t index,
                      struct phub_bytes key, struct phub_bytes *value)
{
    const struct phub__lookup_instance *instance;

    if (index >= lookup->instances_count)
        return PHUB_ENOTFOUND;
    instance = &lookup->instances[index];
    return phub__meta_find((struct phub_bytes){
                               lookup->meta + instance->meta_at,
                               instance->meta_size },
                           key, value);
}

/* Of an instance that runs: at home, or else anywhere else. */
static int halves_meta(const struct phub__value *v, bool at_home,
                       struct phub_bytes key, struct phub_bytes *found)
{
    uint64_t home = phub__value_home(v);
    uint32_t i;
    int rc = PHUB_ENOTFOUND;

    for (i = 0; i < v->count && rc != 0; i++) {
        const struct phub__half_block *block = v->halves[i];

        if (block->state != PHUB_INSTANCE_RUNNING ||
            (block->dot.node == home) != at_home)
            continue;
        rc = phub__meta_find((struct phub_bytes){
                                 block->bytes + block->meta_at,
                                 block->meta_size },
                             key, found);
    }
    return rc;
}

/* The instance that acts, else the row: what it publishes is newer. */
int phub__registry_lookup_meta(const struct phub__registry *registry,
                               struct phub_bytes id, struct phub_bytes key,
                               void *value, size_t value_max, size_t *size)
{
    const struct phub__row *row;
    const struct phub__value *v;
    struct phub_bytes found = PHUB_BYTES_NONE;
    int rc;

    if (id.size == 0 || id.size > PHUB_CHILD_ID_MAX || id.data[0] == 1)
        return PHUB_ENOTFOUND;
    row = phub__table_find(&registry->table, phub__table_hash(id), id);
    v = row == NULL ? NULL
      : atomic_load_explicit(&row->value, memory_order_acquire);
    if (v == NULL || !phub__value_live(v))
        return PHUB_ENOTFOUND;
    rc = halves_meta(v, true, key, &found);
    if (rc != 0)
        rc = halves_meta(v, false, key, &found);
    if (rc != 0)
        rc = phub__meta_find(life_meta(v->life), key, &found);
    if (rc != 0)
        return rc;
    if (found.size > value_max)
        return PHUB_ELIMIT;
    if (found.size != 0)
        memcpy(value, found.data, found.size);
    *size = found.size;
    return 0;
}
