/* SPDX-License-Identifier: MIT */
/* index: rows by home, by the nodes of their instances, and by tag. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "registry/index.h"
#include "wire/assert.h"
#include "wire/memory.h"

#define TAGS_SIZE_MIN 64u

struct phub__index_tag {
    struct phub__index_tag *next;
    uint64_t hash;
    struct phub__series rows;  /* by row->number */
    uint32_t size;
    char text[];
};

/* --- nodes ------------------------------------------------------------------ */

uint32_t phub__index_from(const struct phub__index *index, uint64_t node)
{
    uint32_t low = 0, high = index->nodes_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (index->ids[middle] < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct phub__index_node *phub__index_node(const struct phub__index *index,
                                          uint64_t node)
{
    uint32_t at = phub__index_from(index, node);

    if (at == index->nodes_count || index->ids[at] != node)
        return NULL;
    return index->nodes[at];
}

int phub__index_node_get(struct phub__index *index, uint64_t node,
                         struct phub__index_node **entry)
{
    uint32_t at = phub__index_from(index, node);
    struct phub__index_node *made;

    if (at < index->nodes_count && index->ids[at] == node) {
        *entry = index->nodes[at];
        return 0;
    }
    if (index->nodes_count == PHUB__INDEX_NODES_MAX)
        return PHUB_ELIMIT;
    if (index->nodes_count == index->nodes_capacity) {
        uint32_t capacity = index->nodes_capacity == 0
                          ? 4 : index->nodes_capacity * 2;
        struct phub__index_node **nodes =
            phub__realloc(index->nodes, capacity * sizeof(*nodes));
        uint64_t *ids;

        if (nodes == NULL)
            return PHUB_ENOMEM;
        index->nodes = nodes;
        ids = phub__realloc(index->ids, capacity * sizeof(*ids));
        if (ids == NULL)
            return PHUB_ENOMEM;
        index->ids = ids;
        index->nodes_capacity = capacity;
    }
    made = phub__calloc(1, sizeof *made);
    if (made == NULL)
        return PHUB_ENOMEM;
    made->node = node;
    memmove(&index->nodes[at + 1], &index->nodes[at],
            (index->nodes_count - at) * sizeof(index->nodes[0]));
    memmove(&index->ids[at + 1], &index->ids[at],
            (index->nodes_count - at) * sizeof(index->ids[0]));
    index->nodes[at] = made;
    index->ids[at] = node;
    index->nodes_count++;
    *entry = made;
    return 0;
}

/* --- tags --------------------------------------------------------------------- */

static struct phub__index_tag **tag_place(const struct phub__index *index,
                                          struct phub_bytes text,
                                          uint64_t hash)
{
    struct phub__index_tag **at = &index->tags[hash & (index->tags_size - 1)];

    while (*at != NULL &&
           ((*at)->hash != hash || (*at)->size != text.size ||
            memcmp((*at)->text, text.data, text.size) != 0))
        at = &(*at)->next;
    return at;
}

const struct phub__series *phub__index_tag(const struct phub__index *index,
                                           struct phub_bytes tag)
{
    struct phub__index_tag *found;

    if (index->tags_size == 0)
        return NULL;
    found = *tag_place(index, tag, XXH3_64bits(tag.data, tag.size));
    return found == NULL ? NULL : &found->rows;
}

static int tags_grow(struct phub__index *index)
{
    uint32_t size = index->tags_size == 0 ? TAGS_SIZE_MIN
                                          : index->tags_size * 2, i;
    struct phub__index_tag **tags;

    if (index->tags_count < index->tags_size)
        return 0;
    tags = phub__calloc(size, sizeof *tags);
    if (tags == NULL)
        return index->tags_size == 0 ? PHUB_ENOMEM : 0;
    for (i = 0; i < index->tags_size; i++) {
        struct phub__index_tag *tag = index->tags[i];

        while (tag != NULL) {
            struct phub__index_tag *next = tag->next;

            tag->next = tags[tag->hash & (size - 1)];
            tags[tag->hash & (size - 1)] = tag;
            tag = next;
        }
    }
    phub__free(index->tags);
    index->tags = tags;
    index->tags_size = size;
    return 0;
}

static int tag_reserve(struct phub__index *index, struct phub_bytes text)
{
    uint64_t hash = XXH3_64bits(text.data, text.size);
    struct phub__index_tag **at, *made;

    if (tags_grow(index) != 0)
        return PHUB_ENOMEM;
    at = tag_place(index, text, hash);
    if (*at == NULL) {
        made = phub__calloc(1, sizeof *made + text.size);
        if (made == NULL)
            return PHUB_ENOMEM;
        made->hash = hash;
        made->size = (uint32_t)text.size;
        memcpy(made->text, text.data, text.size);
        *at = made;
        index->tags_count++;
    }
    return phub__series_reserve(&(*at)->rows);
}

static void tag_add(struct phub__index *index, struct phub_bytes text,
                    struct phub__row *row)
{
    struct phub__index_tag *tag =
        *tag_place(index, text, XXH3_64bits(text.data, text.size));

    phub__assert(tag != NULL);
    if (phub__series_find(&tag->rows, row->number) == NULL)
        phub__series_add(&tag->rows, row->number, row);
}

static void tag_remove(struct phub__index *index, struct phub_bytes text,
                       struct phub__row *row)
{
    struct phub__index_tag **at =
        tag_place(index, text, XXH3_64bits(text.data, text.size));
    struct phub__index_tag *tag = *at;

    /* A tag that was given twice is gone already. */
    if (tag == NULL || phub__series_find(&tag->rows, row->number) == NULL)
        return;
    phub__series_remove(&tag->rows, row->number);
    if (tag->rows.live > 0)
        return;
    *at = tag->next;
    phub__series_fini(&tag->rows);
    phub__free(tag);
    index->tags_count--;
}

/* --- a row's value ---------------------------------------------------------------- */

static const struct phub__life_block *
live_life(const struct phub__value *value)
{
    return phub__value_live(value) ? value->life : NULL;
}

static uint32_t alive_count(const struct phub__value *value)
{
    uint32_t i, n = 0;

    for (i = 0; value != NULL && i < value->count; i++)
        n += !phub__half_gone(value->halves[i]);
    return n;
}

static bool halves_same(const struct phub__value *old,
                        const struct phub__value *next)
{
    uint32_t i;

    if (old == NULL || next == NULL || old->count != next->count)
        return false;
    for (i = 0; i < old->count; i++)
        if (old->halves[i] != next->halves[i])
            return false;
    return true;
}

/* Room for the numbers of many halves, and for those that are new. */
static int halves_reserve(struct phub__index *index,
                          const struct phub__value *old,
                          const struct phub__value *next)
{
    uint32_t alive, i;
    int rc = 0;

    if (halves_same(old, next))
        return 0;
    alive = alive_count(next);
    phub__free(index->spare);
    index->spare = alive > 1 ? phub__malloc(alive * sizeof(uint64_t)) : NULL;
    if (alive > 1 && index->spare == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < next->count && rc == 0; i++) {
        const struct phub__half_block *half = next->halves[i];
        struct phub__index_node *node;
        bool found;
        uint32_t at = phub__value_find(old, half->dot.node, &found);

        if (phub__half_gone(half) ||
            (found && !phub__half_gone(old->halves[at])))
            continue;
        rc = phub__index_node_get(index, half->dot.node, &node);
        if (rc == 0)
            rc = phub__series_reserve(&node->halves);
    }
    return rc;
}

int phub__index_reserve(struct phub__index *index, const struct phub__row *row,
                        const struct phub__value *old,
                        const struct phub__value *next)
{
    uint64_t home = phub__value_home(next);
    struct phub__index_node *node;
    struct phub_bytes tag;
    uint32_t at = 0;
    int rc;

    if (phub__row_is_cell(row))
        return 0;
    if (home != 0 && home != phub__value_home(old)) {
        rc = phub__index_node_get(index, home, &node);
        if (rc == 0)
            rc = phub__series_reserve(&node->home);
        if (rc != 0)
            return rc;
    }
    rc = halves_reserve(index, old, next);
    if (rc != 0)
        return rc;
    if (live_life(old) == live_life(next))
        return 0;
    while (phub__tags_next(live_life(next), &at, &tag)) {
        if (tag_reserve(index, tag) != 0)
            return PHUB_ENOMEM;
    }
    return 0;
}

/* The next half at or behind *at that is not GONE. */
static const struct phub__half_block *
alive_next(const struct phub__value *value, uint32_t *at)
{
    while (value != NULL && *at < value->count) {
        if (!phub__half_gone(value->halves[*at]))
            return value->halves[*at];
        ++*at;
    }
    return NULL;
}

static uint64_t half_enter(struct phub__index *index, uint64_t node,
                           struct phub__row *row)
{
    uint64_t number = ++index->number;

    phub__series_add(&phub__index_node(index, node)->halves, number, row);
    index->halves++;
    return number;
}

static void half_leave(struct phub__index *index, uint64_t node,
                       uint64_t number)
{
    phub__series_remove(&phub__index_node(index, node)->halves, number);
    index->halves--;
}

/* A half that stays alive keeps its number. */
static void halves_update(struct phub__index *index, struct phub__row *row,
                          const struct phub__value *old,
                          const struct phub__value *next)
{
    const uint64_t *had = row->alive_count > 1 ? row->alive.many
                                               : &row->alive.one;
    uint64_t one = 0;
    uint32_t i = 0, j = 0, n = 0, count = alive_count(next);
    uint64_t *has = count > 1 ? index->spare : &one;

    for (;;) {
        const struct phub__half_block *a = alive_next(old, &i);
        const struct phub__half_block *b = alive_next(next, &j);

        if (a == NULL && b == NULL)
            break;
        if (b == NULL || (a != NULL && a->dot.node < b->dot.node)) {
            half_leave(index, a->dot.node, *had++);
            i++;
        } else if (a == NULL || b->dot.node < a->dot.node) {
            has[n++] = half_enter(index, b->dot.node, row);
            j++;
        } else {
            has[n++] = *had++;
            i++;
            j++;
        }
    }
    phub__assert(n == count);
    if (row->alive_count > 1)
        phub__free(row->alive.many);
    if (count > 1) {
        row->alive.many = index->spare;
        index->spare = NULL;
    } else {
        row->alive.one = one;
    }
    row->alive_count = (uint16_t)count;
}

static void home_update(struct phub__index *index, struct phub__row *row,
                        uint64_t old, uint64_t next)
{
    struct phub__index_node *node;

    if (old == next)
        return;
    if (old != 0) {
        node = phub__index_node(index, old);
        phub__series_remove(&node->home, row->home_number);
        row->home_number = 0;
    }
    if (next != 0) {
        node = phub__index_node(index, next);
        row->home_number = ++index->number;
        phub__series_add(&node->home, row->home_number, row);
    }
}

void phub__index_update(struct phub__index *index, struct phub__row *row,
                        const struct phub__value *old,
                        const struct phub__value *next)
{
    const struct phub__life_block *before = live_life(old);
    const struct phub__life_block *after = live_life(next);
    struct phub_bytes tag;
    uint32_t at;

    if (phub__row_is_cell(row))
        return;
    home_update(index, row, phub__value_home(old), phub__value_home(next));
    if (!halves_same(old, next))
        halves_update(index, row, old, next);
    index->rows += next != NULL && next->life != NULL;
    index->rows -= old != NULL && old->life != NULL;
    if (before == after)
        return;
    index->rows_live += after != NULL;
    index->rows_live -= before != NULL;
    /* Add first: what stays must not be freed in between, it is reserved. */
    for (at = 0; phub__tags_next(after, &at, &tag);)
        tag_add(index, tag, row);
    for (at = 0; phub__tags_next(before, &at, &tag);) {
        struct phub_bytes kept;
        uint32_t other = 0;
        bool stays = false;

        while (!stays && phub__tags_next(after, &other, &kept))
            stays = phub__bytes_equal(tag, kept);
        if (!stays)
            tag_remove(index, tag, row);
    }
}

void phub__index_fini(struct phub__index *index)
{
    uint32_t i;

    for (i = 0; i < index->nodes_count; i++) {
        phub__series_fini(&index->nodes[i]->home);
        phub__series_fini(&index->nodes[i]->halves);
        phub__free(index->nodes[i]);
    }
    for (i = 0; i < index->tags_size; i++) {
        while (index->tags[i] != NULL) {
            struct phub__index_tag *tag = index->tags[i];

            index->tags[i] = tag->next;
            phub__series_fini(&tag->rows);
            phub__free(tag);
        }
    }
    phub__free(index->nodes);
    phub__free(index->ids);
    phub__free(index->tags);
    phub__free(index->spare);
    memset(index, 0, sizeof *index);
}
