/* SPDX-License-Identifier: MIT */
/* merge: joining one entry into its row, all or nothing.
 *
 * First what would win is found out; then everything that can fail is done
 * (memory for blocks, value, entry, places in indexes); then the row gets its
 * new value with one store, and what was overtaken is taken down. */
#include "config.h"

#include <string.h>

#include "env/env.h"
#include "registry/internal.h"
#include "wire/assert.h"
#include "wire/memory.h"

struct merge {
    struct phub__registry *registry;
    struct phub__author *author;
    const struct phub__contents *contents;
    struct phub__dot dot;
    struct phub__row *row;
    uint64_t hash;                  /* of its id */
    const struct phub__value *old;  /* may be NULL */
    const struct phub__value *next;
    const struct phub__life_block *life; /* new ones; NULL: the old one
                                          * stays */
    const struct phub__half_block *half;
    const struct phub__seats *seats;
    bool row_is_new;
    bool life_wins;
    bool home_wins;
    bool home_dies;                 /* the old one */
    bool half_wins;
    uint32_t half_at;
    bool half_found;
};

static void retire(struct phub__registry *registry, const void *ptr)
{
    if (ptr != NULL)
        registry->retire(registry->retire_arg, (void *)(uintptr_t)ptr,
                         registry->give);
}

/* What is made will not change any more; NULL stays NULL. */
static const void *share(const struct phub__registry *registry, void *made,
                         size_t size)
{
    if (made == NULL || registry->env == NULL)
        return made;
    return registry->env->share(registry->env, made, size);
}

struct phub__row *phub__registry_row(const struct phub__registry *registry,
                                     struct phub_bytes id)
{
    return phub__table_find(&registry->table, phub__table_hash(id), id);
}

void phub__registry_epoch_seen(struct phub__registry *registry,
                               struct phub_epoch epoch)
{
    if (epoch.number > registry->epoch_max)
        registry->epoch_max = epoch.number;
}

/* --- rows -------------------------------------------------------------------- */

static int row_new(struct phub__registry *registry, struct phub_bytes id,
                   struct phub__row **row)
{
    struct phub__row *made;

    if (registry->table.count >= registry->rows_max)
        return PHUB_ELIMIT;
    if (phub__table_reserve(&registry->table) != 0 ||
        phub__series_reserve(&registry->rows) != 0)
        return PHUB_ENOMEM;
    made = phub__calloc(1, sizeof *made + id.size);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->id_size = (uint8_t)id.size;
    memcpy(made->id, id.data, id.size);
    *row = made;
    return 0;
}

static void row_enter(struct merge *m)
{
    struct phub__registry *registry = m->registry;

    m->row->number = ++registry->row_last;
    phub__series_add(&registry->rows, m->row->number, m->row);
    phub__table_put(&registry->table, m->hash, m->row);
}

/* Nothing is left of it.  It is retired when its change has been told. */
static void row_leave(struct phub__registry *registry, struct phub__row *row)
{
    phub__table_remove(&registry->table, row);
    phub__series_remove(&registry->rows, row->number);
    phub__registry_mark(registry, row, PHUB__CHANGED_DROPPED, false);
}

/* --- what wins ------------------------------------------------------------------ */

static void judge_life(struct merge *m)
{
    const struct phub__life_block *old = m->old == NULL ? NULL : m->old->life;

    if (m->contents->life_bytes.size == 0)
        return;
    m->life_wins = old == NULL ||
        phub__life_cmp(&m->contents->life, m->dot, old) > 0;
}

static bool home_is_void(const struct merge *m, const struct phub__home *home)
{
    if (m->life_wins)
        return phub__home_void(home, m->contents->life.incarnation,
                               m->contents->life.stopped);
    if (m->old == NULL || m->old->life == NULL)
        return false;
    return phub__home_void(home, m->old->life->incarnation,
                           m->old->life->stopped);
}

static void judge_home(struct merge *m)
{
    const struct phub__home *home = &m->contents->home;
    const struct phub__home *old = m->old == NULL ||
        m->old->home_dot.sequence == 0 ? NULL : &m->old->home;

    if (home->incarnation.number != 0 && !home_is_void(m, home))
        m->home_wins = old == NULL ||
            phub__home_cmp(home, m->dot, old, m->old->home_dot) > 0;
    /* What was there is not void by what was there: life is not read again. */
    m->home_dies = old != NULL &&
        (m->home_wins || (m->life_wins && home_is_void(m, old)));
}

static int judge_half(struct merge *m)
{
    const struct phub__half_block *old;

    if (m->contents->half_bytes.size == 0)
        return 0;
    m->half_at = phub__value_find(m->old, m->dot.node, &m->half_found);
    if (!m->half_found) {
        if (m->old != NULL && m->old->count >= PHUB__ROW_INSTANCES_MAX)
            return PHUB_ELIMIT;
        m->half_wins = true;
        return 0;
    }
    old = m->old->halves[m->half_at];
    m->half_wins = m->dot.boot != old->dot.boot
                 ? m->dot.boot > old->dot.boot
                 : m->dot.sequence > old->dot.sequence;
    return 0;
}

/* --- the new value --------------------------------------------------------------- */

static size_t value_size(uint32_t count)
{
    return sizeof(struct phub__value) +
           count * sizeof(struct phub__half_block *);
}

static struct phub__value *value_new(uint32_t count)
{
    struct phub__value *value = phub__calloc(1, value_size(count));

    if (value != NULL)
        value->count = count;
    return value;
}

static struct phub__seats *seats_new(const struct phub__list *replicas)
{
    size_t size = replicas->count * sizeof(uint64_t);
    struct phub__seats *seats = phub__calloc(1, sizeof *seats + size);

    if (seats != NULL) {
        seats->count = replicas->count;
        memcpy(seats->nodes, replicas->items, size);
    }
    return seats;
}

static int make_blocks(struct merge *m)
{
    const struct phub__registry *registry = m->registry;
    const struct phub__contents *contents = m->contents;

    if (m->life_wins) {
        m->life = share(registry,
            phub__life_block_new(&contents->life, m->dot,
                                 contents->life_bytes),
            sizeof *m->life + contents->life_bytes.size);
        if (m->life == NULL)
            return PHUB_ENOMEM;
    }
    if (m->half_wins) {
        m->half = share(registry,
            phub__half_block_new(&contents->half, m->dot,
                                 contents->half_bytes),
            sizeof *m->half + contents->half_bytes.size);
        if (m->half == NULL)
            return PHUB_ENOMEM;
    }
    if (m->home_wins && contents->replicas.count != 0) {
        m->seats = share(registry, seats_new(&contents->replicas),
                         sizeof *m->seats +
                         contents->replicas.count * sizeof(uint64_t));
        if (m->seats == NULL)
            return PHUB_ENOMEM;
    }
    return 0;
}

static int make_value(struct merge *m)
{
    uint32_t old_count = m->old == NULL ? 0 : m->old->count, i, n = 0;
    bool grows = m->half_wins && !m->half_found;
    struct phub__value *next = value_new(old_count + grows);

    if (next == NULL)
        return PHUB_ENOMEM;
    if (m->old != NULL) {
        next->life = m->old->life;
        if (!m->home_dies) {
            next->home = m->old->home;
            next->home_dot = m->old->home_dot;
        }
    }
    if (m->life_wins)
        next->life = m->life;
    if (m->home_wins) {
        next->home = m->contents->home;
        next->home.seats = m->seats;
        next->home_dot = m->dot;
    }
    for (i = 0; i < old_count; i++) {
        if (m->half_wins && i == m->half_at) {
            next->halves[n++] = m->half;
            if (m->half_found)
                continue;
        }
        next->halves[n++] = m->old->halves[i];
    }
    if (grows && m->half_at == old_count)
        next->halves[n++] = m->half;
    phub__assert(n == next->count);
    m->next = share(m->registry, next, value_size(n));
    return 0;
}

static uint8_t merge_carries(const struct merge *m)
{
    return (uint8_t)((m->life_wins ? PHUB__CARRIES_LIFE : 0) |
                     (m->home_wins ? PHUB__CARRIES_HOME : 0) |
                     (m->half_wins ? PHUB__CARRIES_HALF : 0));
}

/* What of it is a stop, or GONE. */
static uint8_t merge_records(const struct merge *m)
{
    bool stop = m->life_wins && m->life->stopped;
    bool gone = m->half_wins && phub__half_gone(m->half);

    return (uint8_t)((stop ? PHUB__CARRIES_LIFE : 0) |
                     (gone ? PHUB__CARRIES_HALF : 0));
}

/* The entry may be live already: what came first of it had lost a register on
 * its way, for a reason that has gone since. */
static int make_entry(struct merge *m)
{
    struct phub__entry entry;

    if (phub__entry_find(m->author, m->dot.sequence, &entry) &&
        entry.row != m->row)
        return PHUB_EPROTO;
    return phub__entry_prepare(m->author, merge_records(m) != 0);
}

/* --- commit -------------------------------------------------------------------------- */

static void commit(struct merge *m, bool local)
{
    struct phub__registry *registry = m->registry;
    struct phub__authors *authors = &registry->authors;
    struct phub__entry entry = { .author = m->author, .row = m->row,
                                 .sequence = m->dot.sequence,
                                 .carries = merge_carries(m),
                                 .records = merge_records(m) };
    const struct phub__life_block *old_life =
        m->life_wins && m->old != NULL ? m->old->life : NULL;
    const struct phub__half_block *old_half =
        m->half_wins && m->half_found ? m->old->halves[m->half_at] : NULL;
    uint8_t changed = 0;

    if (m->row_is_new)
        row_enter(m);
    if (m->life_wins) {
        m->row->was_durable |= m->life->durable;
        changed |= PHUB__CHANGED_LIFE;
    }
    if (m->half_wins)
        changed |= PHUB__CHANGED_INSTANCE;
    if (m->home_wins || m->home_dies)
        changed |= PHUB__CHANGED_HOME;
    phub__index_update(&registry->index, m->row, m->old, m->next);
    atomic_store_explicit(&m->row->value, m->next, memory_order_release);
    /* Add before taking away: what was reserved stays reserved. */
    phub__entry_commit(authors, &entry);
    if (old_life != NULL)
        phub__entry_strip(authors, old_life->dot, PHUB__CARRIES_LIFE);
    if (m->home_dies)
        phub__entry_strip(authors, m->old->home_dot, PHUB__CARRIES_HOME);
    if (old_half != NULL)
        phub__entry_strip(authors, old_half->dot, PHUB__CARRIES_HALF);
    retire(registry, old_life);
    retire(registry, old_half);
    if (m->home_dies)
        retire(registry, m->old->home.seats);
    retire(registry, m->old);
    phub__registry_mark(registry, m->row, changed, local);
}

int phub__registry_merge(struct phub__registry *registry,
                         struct phub__author *author, uint64_t sequence,
                         struct phub_bytes id,
                         const struct phub__contents *contents, bool local)
{
    struct merge m = {
        .registry = registry, .author = author, .contents = contents,
        .dot = { author->node, author->boot, sequence },
        .hash = phub__table_hash(id),
    };
    int rc;

    m.row = phub__table_find(&registry->table, m.hash, id);
    if (m.row == NULL) {
        rc = row_new(registry, id, &m.row);
        if (rc != 0)
            return rc;
        m.row_is_new = true;
    }
    m.old = phub__row_value(m.row);
    judge_life(&m);
    judge_home(&m);
    rc = judge_half(&m);
    if (rc != 0 || merge_carries(&m) == 0)
        goto out;
    rc = make_blocks(&m);
    if (rc == 0)
        rc = make_value(&m);
    if (rc == 0)
        rc = make_entry(&m);
    if (rc == 0)
        rc = phub__index_reserve(&registry->index, m.row, m.old, m.next);
    if (rc != 0)
        goto out;
    phub__registry_epoch_seen(registry, contents->life.incarnation);
    phub__registry_epoch_seen(registry, contents->life.edit);
    phub__registry_epoch_seen(registry, contents->home.epoch);
    phub__registry_epoch_seen(registry, contents->half.epoch);
    commit(&m, local);
    return 0;
out:
    phub__registry_unshare(registry, m.life);
    phub__registry_unshare(registry, m.half);
    phub__registry_unshare(registry, m.seats);
    phub__registry_unshare(registry, m.next);
    if (m.row_is_new)
        phub__free(m.row);
    return rc;
}

/* --- taking down ------------------------------------------------------------------------ */

/* The value of the row without what the entry carries of `what`; *next stays
 * NULL if nothing is left. */
static int value_without(const struct phub__registry *registry,
                         const struct phub__row *row, struct phub__dot dot,
                         uint8_t what, const struct phub__value **next)
{
    const struct phub__value *old = phub__row_value(row);
    bool half = (what & PHUB__CARRIES_HALF) != 0;
    bool life = old->life != NULL && !(what & PHUB__CARRIES_LIFE);
    bool home = old->home_dot.sequence != 0 && !(what & PHUB__CARRIES_HOME);
    struct phub__value *made;
    uint32_t i, n = 0;

    if (!life && !home && old->count == half)
        return 0;
    made = value_new(old->count - half);
    if (made == NULL)
        return PHUB_ENOMEM;
    if (life)
        made->life = old->life;
    if (home) {
        made->home = old->home;
        made->home_dot = old->home_dot;
    }
    for (i = 0; i < old->count; i++) {
        if (!half || !phub__dot_same(old->halves[i]->dot, dot))
            made->halves[n++] = old->halves[i];
    }
    phub__assert(n == made->count);
    *next = share(registry, made, value_size(n));
    return 0;
}

int phub__registry_drop(struct phub__registry *registry,
                        const struct phub__entry *entry, uint8_t what)
{
    struct phub__row *row = entry->row;
    struct phub__dot dot = phub__entry_dot(entry);
    const struct phub__value *old = phub__row_value(row), *next = NULL;
    uint8_t changed = 0;
    uint32_t i;
    int rc;

    what &= entry->carries;
    phub__assert(what != 0);
    rc = value_without(registry, row, dot, what, &next);
    if (rc == 0 && next != NULL)
        rc = phub__index_reserve(&registry->index, row, old, next);
    if (rc != 0) {
        phub__registry_unshare(registry, next);
        return rc;
    }
    phub__index_update(&registry->index, row, old, next);
    atomic_store_explicit(&row->value, next, memory_order_release);
    if (what & PHUB__CARRIES_LIFE) {
        retire(registry, old->life);
        changed |= PHUB__CHANGED_LIFE;
    }
    if (what & PHUB__CARRIES_HOME) {
        retire(registry, old->home.seats);
        changed |= PHUB__CHANGED_HOME;
    }
    if (what & PHUB__CARRIES_HALF) {
        for (i = 0; i < old->count; i++) {
            if (phub__dot_same(old->halves[i]->dot, dot))
                retire(registry, old->halves[i]);
        }
        changed |= PHUB__CHANGED_INSTANCE;
    }
    retire(registry, old);
    phub__entry_strip(&registry->authors, dot, what);
    phub__registry_mark(registry, row, changed, false);
    if (next == NULL)
        row_leave(registry, row);
    return 0;
}
