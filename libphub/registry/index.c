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

static struct phub__life_block *live_life(const struct phub__value *value)
{
    return phub__value_live(value) ? value->life : NULL;
}

static bool is_alive(const struct phub__half_block *half)
{
    return half != NULL && !phub__half_gone(half);
}

int phub__index_reserve(struct phub__index *index, const struct phub__row *row,
                        const struct phub__value *old,
                        const struct phub__value *next)
{
    uint64_t home = phub__value_home(next);
    struct phub__index_node *node;
    struct phub_bytes tag;
    uint32_t at = 0, i;
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
    for (i = 0; i < next->count; i++) {
        if (next->halves[i]->number != 0 || !is_alive(next->halves[i]))
            continue;
        rc = phub__index_node_get(index, next->halves[i]->node, &node);
        if (rc == 0)
            rc = phub__series_reserve(&node->halves);
        if (rc != 0)
            return rc;
    }
    if (live_life(old) == live_life(next))
        return 0;
    while (phub__tags_next(live_life(next), &at, &tag)) {
        if (tag_reserve(index, tag) != 0)
            return PHUB_ENOMEM;
    }
    return 0;
}

/* One node's half, before and after; either may be NULL. */
static void half_update(struct phub__index *index, struct phub__row *row,
                        struct phub__half_block *old,
                        struct phub__half_block *next)
{
    struct phub__index_node *node;

    if (old == next)
        return;
    if (is_alive(old) && is_alive(next)) {
        node = phub__index_node(index, next->node);
        next->number = old->number;
        return;
    }
    if (is_alive(old)) {
        node = phub__index_node(index, old->node);
        phub__series_remove(&node->halves, old->number);
        index->halves--;
    }
    if (is_alive(next)) {
        node = phub__index_node(index, next->node);
        next->number = ++index->number;
        phub__series_add(&node->halves, next->number, row);
        index->halves++;
    }
}

static void halves_update(struct phub__index *index, struct phub__row *row,
                          const struct phub__value *old,
                          const struct phub__value *next)
{
    uint32_t i = 0, j = 0;
    uint32_t old_count = old == NULL ? 0 : old->count;
    uint32_t next_count = next == NULL ? 0 : next->count;

    while (i < old_count || j < next_count) {
        struct phub__half_block *a = i < old_count ? old->halves[i] : NULL;
        struct phub__half_block *b = j < next_count ? next->halves[j] : NULL;

        if (a != NULL && b != NULL && a->node != b->node) {
            if (a->node < b->node)
                b = NULL;
            else
                a = NULL;
        }
        half_update(index, row, a, b);
        i += a != NULL;
        j += b != NULL;
    }
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
    struct phub__life_block *before = live_life(old), *after = live_life(next);
    struct phub_bytes tag;
    uint32_t at;

    if (phub__row_is_cell(row))
        return;
    home_update(index, row, phub__value_home(old), phub__value_home(next));
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
    memset(index, 0, sizeof *index);
}
