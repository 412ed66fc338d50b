/* SPDX-License-Identifier: MIT */
/* registry: life, events and local writes. */
#include "config.h"

#include <string.h>

#include "env/env.h"
#include "registry/internal.h"
#include "wire/assert.h"
#include "wire/memory.h"

/* --- life --------------------------------------------------------------------- */

static void retire_at_once(void *arg, void *ptr, void (*free_fn)(void *))
{
    (void)arg;
    free_fn(ptr);
}

int phub__registry_new(const struct phub__registry_options *options,
                       struct phub__registry **registry)
{
    struct phub__registry *made;
    int rc;

    if (options->node == 0 || options->boot == 0 ||
        options->rows_max > PHUB__ROWS_MAX)
        return PHUB_EINVAL;
    made = phub__calloc(1, sizeof *made);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->magic = PHUB__REGISTRY_MAGIC;
    made->node = options->node;
    made->boot = options->boot;
    made->rows_max = options->rows_max == 0 ? PHUB__ROWS_MAX
                                            : options->rows_max;
    made->retire = options->retire == NULL ? retire_at_once : options->retire;
    made->retire_arg = options->retire_arg;
    made->give = phub__free;
    if (options->env != NULL && options->env->share != NULL) {
        made->env = options->env;
        made->give = options->env->unshare;
    }
    made->events = options->events;
    made->events_arg = options->events_arg;
    rc = phub__table_init(&made->table, made->retire, made->retire_arg);
    if (rc == 0)
        rc = phub__author_get(&made->authors, made->node, made->boot,
                              &made->self);
    if (rc == 0)
        rc = phub__registry_node_seen(made, made->node);
    if (rc != 0) {
        phub__registry_free(&made);
        return rc;
    }
    *registry = made;
    return 0;
}

void phub__registry_unshare(const struct phub__registry *registry,
                            const void *ptr)
{
    if (ptr != NULL)
        registry->give((void *)(uintptr_t)ptr);
}

static void row_free(const struct phub__registry *registry,
                     struct phub__row *row)
{
    const struct phub__value *value = phub__row_value(row);
    uint32_t i;

    if (value != NULL) {
        for (i = 0; i < value->count; i++)
            phub__registry_unshare(registry, value->halves[i]);
        phub__registry_unshare(registry, value->life);
        phub__registry_unshare(registry, value->home.seats);
        phub__registry_unshare(registry, value);
    }
    if (row->alive_count > 1)
        phub__free(row->alive.many);
    phub__free(row);
}

void phub__registry_free(struct phub__registry **registry)
{
    struct phub__registry *r = *registry;
    uint32_t i;

    if (r == NULL)
        return;
    phub__assert(r->magic == PHUB__REGISTRY_MAGIC);
    phub__assert(r->depth == 0);
    r->magic = 0;
    for (i = 0; i < r->rows.count; i++) {
        if (r->rows.slots[i].ptr != NULL)
            row_free(r, r->rows.slots[i].ptr);
    }
    phub__table_fini(&r->table);
    phub__index_fini(&r->index);
    phub__authors_fini(&r->authors);
    phub__series_fini(&r->rows);
    phub__buf_unref(&r->summary);
    phub__buf_unref(&r->brief);
    phub__free(r);
    *registry = NULL;
}

uint64_t phub__registry_live(const struct phub__registry *registry)
{
    return atomic_load_explicit(&registry->index.rows_live,
                                memory_order_relaxed);
}

void phub__registry_counts(const struct phub__registry *registry,
                           struct phub__registry_counts *counts)
{
    *counts = (struct phub__registry_counts){
        .rows = registry->index.rows,
        .rows_live = registry->index.rows_live,
        .instances = registry->index.halves,
        .authors = registry->authors.count,
        .nodes_known = registry->index.known_count,
        .entries_live = registry->authors.entries,
        .records_kept = registry->authors.records,
        .entries_applied = registry->entries_applied,
        .entries_ignored = registry->entries_ignored,
        .entries_sent = registry->entries_sent,
        .rounds = registry->rounds,
    };
}

uint64_t phub__registry_head(const struct phub__registry *registry)
{
    return phub__ranges_prefix(&registry->self->seen);
}

bool phub__registry_earlier(const struct phub__registry *registry)
{
    return phub__author_earlier_live(&registry->authors, registry->node,
                                     registry->boot);
}

uint64_t phub__registry_epoch_max(const struct phub__registry *registry)
{
    return registry->epoch_max;
}

/* --- events --------------------------------------------------------------------- */

void phub__registry_touched(struct phub__registry *registry)
{
    registry->digest = 0;
    registry->covers = false;
    phub__buf_unref(&registry->summary);
    phub__buf_unref(&registry->brief);
}

void phub__registry_begin(struct phub__registry *registry)
{
    phub__assert(registry->magic == PHUB__REGISTRY_MAGIC);
    registry->depth++;
    registry->writes++;
    phub__registry_touched(registry);
}

uint64_t phub__registry_writes(const struct phub__registry *registry)
{
    return registry->writes;
}

void phub__registry_mark(struct phub__registry *registry,
                         struct phub__row *row, uint8_t changed, bool local)
{
    phub__assert(registry->depth > 0);
    row->local = row->queued ? row->local && local : local;
    row->dirty |= changed;
    if (row->queued)
        return;
    row->queued = true;
    row->dirty_next = NULL;
    if (registry->dirty_last == NULL)
        registry->dirty_first = row;
    else
        registry->dirty_last->dirty_next = row;
    registry->dirty_last = row;
}

static void tell_row(struct phub__registry *registry, struct phub__row *row)
{
    uint8_t changed = row->dirty;

    row->dirty = 0;
    row->queued = false;
    if (registry->events != NULL && registry->events->row_changed != NULL)
        registry->events->row_changed(registry->events_arg, phub__row_id(row),
                                      changed, row->local);
    if (changed & PHUB__CHANGED_DROPPED)
        registry->retire(registry->retire_arg, row, phub__free);
}

void phub__registry_end(struct phub__registry *registry)
{
    uint64_t head;

    phub__assert(registry->depth > 0);
    if (registry->depth > 1) {
        registry->depth--;
        return;
    }
    while (registry->dirty_first != NULL) {
        struct phub__row *row = registry->dirty_first;

        registry->dirty_first = row->dirty_next;
        if (registry->dirty_first == NULL)
            registry->dirty_last = NULL;
        tell_row(registry, row);
    }
    head = phub__registry_head(registry);
    if (head != registry->head_told) {
        registry->head_told = head;
        if (registry->events != NULL && registry->events->changed != NULL)
            registry->events->changed(registry->events_arg, head);
    }
    registry->depth--;
}

/* --- local writes ------------------------------------------------------------------- */

/* Encoding, and decoding again: the same limits as for what others send, and
 * texts that borrow from the bytes. */
#define SCRATCH_SIZE 4096u

struct scratch {
    struct phub__builder builder;
    struct phub__arena arena;
    uint64_t first[SCRATCH_SIZE / sizeof(uint64_t)];
};

static void scratch_init(struct scratch *scratch, size_t size_max)
{
    phub__builder_init(&scratch->builder, size_max);
    phub__arena_init(&scratch->arena, scratch->first, sizeof scratch->first,
                     PHUB__LIFE_SIZE_MAX);
}

static void scratch_fini(struct scratch *scratch)
{
    phub__builder_fini(&scratch->builder);
    phub__arena_fini(&scratch->arena);
}

/* What was given by our own side and is refused is invalid, not malformed. */
static int as_invalid(int rc)
{
    return rc == PHUB_EPROTO ? PHUB_EINVAL : rc;
}

static int write_entry(struct phub__registry *registry, struct phub_bytes id,
                       const struct phub__contents *contents)
{
    uint64_t sequence = phub__registry_head(registry) + 1;
    struct phub__entry entry;
    int rc = phub__registry_merge(registry, registry->self, sequence, id,
                                  contents, true);

    if (rc != 0)
        return rc;
    if (!phub__entry_find(registry->self, sequence, &entry))
        return PHUB_EAGAIN;
    rc = phub__ranges_add(&registry->self->seen, sequence, sequence, 1);
    phub__assert(rc == 0);
    phub__author_changed(&registry->authors, registry->self);
    return 0;
}

static const struct phub__list no_replicas;

static int write_life(struct phub__registry *registry, struct phub_bytes id,
                      const struct phub__life *life,
                      const struct phub__home *home,
                      const struct phub__list *replicas)
{
    struct phub__contents contents = { .home = *home,
                                       .replicas = *replicas };
    struct scratch scratch;
    int rc;

    scratch_init(&scratch, PHUB__LIFE_SIZE_MAX);
    rc = phub__life_encode(life, &scratch.builder);
    if (rc == 0) {
        contents.life_bytes = phub__builder_bytes(&scratch.builder);
        rc = as_invalid(phub__life_decode(contents.life_bytes, &scratch.arena,
                                          &contents.life));
    }
    if (rc == 0) {
        phub__registry_begin(registry);
        rc = write_entry(registry, id, &contents);
        phub__registry_end(registry);
    }
    scratch_fini(&scratch);
    return rc;
}

/* The life register of id, NULL if there is none. */
static const struct phub__life_block *
life_of(const struct phub__registry *registry, struct phub_bytes id)
{
    const struct phub__row *row = phub__registry_row(registry, id);
    const struct phub__value *value = row == NULL ? NULL
                                                  : phub__row_value(row);

    return value == NULL ? NULL : value->life;
}

int phub__registry_spec_put(struct phub__registry *registry,
                            struct phub_bytes id,
                            const struct phub__life *life, uint64_t home,
                            struct phub_epoch home_epoch)
{
    struct phub__home register_ = { .incarnation = { 0, 0 } };
    const struct phub__life_block *old;
    struct phub__life copy = *life;

    if (!phub__child_id_ok(id) || life->incarnation.number == 0 ||
        life->stopped)
        return PHUB_EINVAL;
    if (life->replicas.count > PHUB__REPLICAS_MAX)
        return PHUB_ELIMIT;
    if (!phub__replicas_ok(home, &life->replicas))
        return PHUB_EINVAL;
    old = life_of(registry, id);
    if (old != NULL && phub_epoch_cmp(life->incarnation,
                                      old->incarnation) <= 0)
        return PHUB_EEXIST;
    if (copy.edit.number == 0)
        copy.edit = copy.incarnation;
    if (home != 0) {
        register_.incarnation = life->incarnation;
        register_.epoch = home_epoch.number == 0 ? life->incarnation
                                                 : home_epoch;
        register_.node = home;
    }
    return write_life(registry, id, &copy, &register_, &life->replicas);
}

int phub__registry_spec_edit(struct phub__registry *registry,
                             struct phub_bytes id,
                             const struct phub__life *life)
{
    const struct phub__home none = { .incarnation = { 0, 0 } };
    const struct phub__life_block *old;

    if (!phub__child_id_ok(id) || life->stopped)
        return PHUB_EINVAL;
    old = life_of(registry, id);
    if (old == NULL ||
        phub_epoch_cmp(life->incarnation, old->incarnation) != 0)
        return PHUB_ENOTFOUND;
    if (old->stopped)
        return PHUB_ESTOPPED;
    if (phub_epoch_cmp(life->edit, old->edit) <= 0)
        return PHUB_EAGAIN;
    return write_life(registry, id, life, &none, &no_replicas);
}

int phub__registry_home_set(struct phub__registry *registry,
                            struct phub_bytes id,
                            struct phub_epoch incarnation, uint64_t home,
                            const struct phub__list *replicas,
                            struct phub_epoch epoch)
{
    struct phub__contents contents;
    const struct phub__life_block *old;
    const struct phub__value *value;
    int rc;

    if (replicas == NULL)
        replicas = &no_replicas;
    if (replicas->count > PHUB__REPLICAS_MAX)
        return PHUB_ELIMIT;
    if (!phub__child_id_ok(id) || !phub__replicas_ok(home, replicas))
        return PHUB_EINVAL;
    old = life_of(registry, id);
    if (old == NULL || phub_epoch_cmp(incarnation, old->incarnation) != 0)
        return PHUB_ENOTFOUND;
    if (old->stopped)
        return PHUB_ESTOPPED;
    value = phub__row_value(phub__registry_row(registry, id));
    if (value->home_dot.sequence != 0 &&
        phub_epoch_cmp(value->home.incarnation, incarnation) == 0 &&
        phub_epoch_cmp(epoch, value->home.epoch) <= 0)
        return PHUB_EAGAIN;
    memset(&contents, 0, sizeof contents);
    contents.home.incarnation = incarnation;
    contents.home.epoch = epoch;
    contents.home.node = home;
    contents.replicas = *replicas;
    phub__registry_begin(registry);
    rc = write_entry(registry, id, &contents);
    phub__registry_end(registry);
    return rc;
}

int phub__registry_stop(struct phub__registry *registry, struct phub_bytes id,
                        struct phub_epoch incarnation, struct phub_epoch edit)
{
    const struct phub__home none = { .incarnation = { 0, 0 } };
    struct phub__life life;
    const struct phub__life_block *old;
    int cmp = 1;

    if (!phub__child_id_ok(id) || incarnation.number == 0)
        return PHUB_EINVAL;
    memset(&life, 0, sizeof life);
    life.incarnation = incarnation;
    life.edit = edit;
    life.stopped = true;
    old = life_of(registry, id);
    if (old != NULL) {
        cmp = phub_epoch_cmp(incarnation, old->incarnation);
        if (cmp < 0)
            return old->stopped ? 0 : PHUB_EMOVED;
        if (cmp == 0 && old->stopped)
            return 0;
        life.durable = old->durable;
    }
    return write_life(registry, id, &life, &none, &no_replicas);
}

int phub__registry_instance_put(struct phub__registry *registry,
                                struct phub_bytes id,
                                const struct phub__half *half)
{
    struct phub__contents contents;
    struct scratch scratch;
    int rc;

    if (!phub__child_id_ok(id) || half->state == 0)
        return PHUB_EINVAL;
    if (half->state == PHUB_INSTANCE_GONE) {
        struct phub__row_view view;
        struct phub__half_view old;

        if (phub__registry_get(registry, id, &view) != 0 ||
            !phub__row_half_of(&view, registry->node, &old))
            return 0;
    }
    memset(&contents, 0, sizeof contents);
    scratch_init(&scratch, PHUB__HALF_SIZE_MAX);
    rc = phub__half_encode(half, &scratch.builder);
    if (rc == 0) {
        contents.half_bytes = phub__builder_bytes(&scratch.builder);
        rc = as_invalid(phub__half_decode(contents.half_bytes, &scratch.arena,
                                          &contents.half));
    }
    if (rc == 0) {
        phub__registry_begin(registry);
        rc = write_entry(registry, id, &contents);
        phub__registry_end(registry);
    }
    scratch_fini(&scratch);
    return rc;
}

/* --- cells: rows under a byte 1 that have a life only ------------------------------- */

struct phub_bytes phub__cell_id(struct phub_bytes key, uint8_t *id)
{
    if (key.size == 0 || key.size > PHUB__CELL_KEY_MAX)
        return PHUB_BYTES_NONE;
    id[0] = 1;
    memcpy(id + 1, key.data, key.size);
    return (struct phub_bytes){ id, key.size + 1 };
}

int phub__registry_cell_put(struct phub__registry *registry,
                            struct phub_bytes key, struct phub_bytes value,
                            struct phub_epoch epoch)
{
    const struct phub__home none = { .incarnation = { 0, 0 } };
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__cell_id(key, bytes);
    const struct phub__life_block *old;
    struct phub__life life;

    if (id.size == 0 || epoch.number == 0)
        return PHUB_EINVAL;
    old = life_of(registry, id);
    if (old != NULL && phub_epoch_cmp(epoch, old->edit) <= 0)
        return PHUB_EAGAIN;
    memset(&life, 0, sizeof life);
    life.incarnation.number = 1;
    life.edit = epoch;
    life.durable = true;
    life.spec = value;
    return write_life(registry, id, &life, &none, &no_replicas);
}

int phub__registry_cell_get(const struct phub__registry *registry,
                            struct phub_bytes key, struct phub_bytes *value,
                            struct phub_epoch *epoch)
{
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__cell_id(key, bytes);
    const struct phub__life_block *life;

    life = id.size == 0 ? NULL : life_of(registry, id);
    if (life == NULL || life->spec_size == 0)
        return PHUB_ENOTFOUND;
    *value = (struct phub_bytes){ life->bytes + life->spec_at,
                                  life->spec_size };
    *epoch = life->edit;
    return 0;
}
