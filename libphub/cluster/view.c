/* SPDX-License-Identifier: MIT */
/* view: the sorted list of live members at one moment, counted.
 *
 * One block of memory: the head, the nodes, then their texts.  Rendezvous
 * hashing (Thaler and Ravishankar 1998) asks every node for its weight of a
 * child, so a look-up of the keeper is O(n) and needs no table; when a node
 * goes, only the children that it kept find another. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <xxhash.h>

#include "cluster/view.h"

#define VIEW_MAGIC 0x76696577u

struct phub_view {
    uint32_t magic;
    uint32_t refs;
    uint32_t count;
    uint64_t hash;
    struct phub_view_node nodes[];
};

static int node_cmp(const void *a, const void *b)
{
    const struct phub_view_node *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static void put_le64(uint8_t out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(value >> (8 * i) & 0xff);
}

static int hash_nodes(struct phub_view *view)
{
    uint8_t *bytes = malloc((size_t)view->count * 16 + 1);

    if (bytes == NULL)
        return PHUB_ENOMEM;
    for (uint32_t i = 0; i < view->count; i++) {
        put_le64(bytes + (size_t)i * 16, view->nodes[i].id);
        put_le64(bytes + (size_t)i * 16 + 8, view->nodes[i].boot);
    }
    view->hash = XXH3_64bits(bytes, (size_t)view->count * 16);
    free(bytes);
    return 0;
}

static char *copy_text(struct phub_bytes *text, char *at)
{
    if (text->size > 0)
        memcpy(at, text->data, text->size);
    text->data = (const uint8_t *)at;
    return at + text->size;
}

struct phub_view *phub__view_new(const struct phub_view_node *nodes,
                                 uint32_t count)
{
    size_t size = sizeof(struct phub_view) + count * sizeof *nodes;
    size_t texts = 0;
    struct phub_view *view;
    char *at;

    assert(count <= PHUB__MEMBERS_MAX);
    for (uint32_t i = 0; i < count; i++)
        texts += nodes[i].name.size + nodes[i].zone.size +
                 nodes[i].labels.size;
    view = calloc(1, size + texts);
    if (view == NULL)
        return NULL;
    view->magic = VIEW_MAGIC;
    view->refs = 1;
    view->count = count;
    if (count > 0) {
        memcpy(view->nodes, nodes, count * sizeof *nodes);
        qsort(view->nodes, count, sizeof *nodes, node_cmp);
    }
    at = (char *)view + size;
    for (uint32_t i = 0; i < count; i++) {
        assert(i == 0 || view->nodes[i - 1].id < view->nodes[i].id);
        view->nodes[i].size = sizeof *nodes;
        at = copy_text(&view->nodes[i].name, at);
        at = copy_text(&view->nodes[i].zone, at);
        at = copy_text(&view->nodes[i].labels, at);
    }
    if (hash_nodes(view) != 0) {
        free(view);
        return NULL;
    }
    return view;
}

struct phub_view *phub__view_ref(struct phub_view *view)
{
    assert(view->magic == VIEW_MAGIC && view->refs < UINT32_MAX);
    view->refs++;
    return view;
}

void phub__view_unref(struct phub_view **view)
{
    struct phub_view *v = *view;

    *view = NULL;
    if (v == NULL)
        return;
    assert(v->magic == VIEW_MAGIC && v->refs > 0);
    if (--v->refs > 0)
        return;
    v->magic = 0;
    free(v);
}

uint64_t phub__view_hash(const struct phub_view *view)
{
    return view->hash;
}

uint32_t phub__view_count(const struct phub_view *view)
{
    return view->count;
}

const struct phub_view_node *phub__view_at(const struct phub_view *view,
                                           uint32_t index)
{
    assert(view->magic == VIEW_MAGIC);
    assert(index < view->count);
    return &view->nodes[index];
}

uint32_t phub__view_index(const struct phub_view *view, uint64_t node)
{
    uint32_t low = 0, high = view->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (view->nodes[middle].id < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low < view->count && view->nodes[low].id == node
         ? low : PHUB__VIEW_NONE;
}

const struct phub_view_node *phub__view_find(const struct phub_view *view,
                                             uint64_t node)
{
    uint32_t index = phub__view_index(view, node);

    return index == PHUB__VIEW_NONE ? NULL : &view->nodes[index];
}

static uint64_t score(uint64_t node, struct phub_bytes child)
{
    return XXH3_64bits_withSeed(child.data, child.size, node);
}

uint64_t phub__view_keeper(const struct phub_view *view,
                           struct phub_bytes child)
{
    uint64_t best = 0, best_score = 0;

    for (uint32_t i = 0; i < view->count; i++) {
        uint64_t s = score(view->nodes[i].id, child);

        if (best == 0 || s >= best_score) {
            best = view->nodes[i].id;
            best_score = s;
        }
    }
    return best;
}

/* k is small: each round finds the best one below the last. */
bool phub__view_prefers(uint64_t node, uint64_t other, struct phub_bytes child)
{
    uint64_t a = score(node, child), b = score(other, child);

    return a > b || (a == b && node > other);
}

uint64_t phub__view_keeper_kth(const struct phub_view *view,
                               struct phub_bytes child, uint32_t k)
{
    uint64_t last = UINT64_MAX, last_score = UINT64_MAX;

    if (k >= view->count)
        return 0;
    for (uint32_t round = 0; round <= k; round++) {
        uint64_t best = 0, best_score = 0;

        for (uint32_t i = 0; i < view->count; i++) {
            uint64_t id = view->nodes[i].id, s = score(id, child);

            if (s > last_score || (s == last_score && id >= last))
                continue;
            if (best == 0 || s >= best_score) {
                best = id;
                best_score = s;
            }
        }
        last = best;
        last_score = best_score;
    }
    return last;
}
