/* SPDX-License-Identifier: MIT */
/* consistent_hash: a ring of virtual nodes (Karger et al. 1997).
 *
 * Every member owns points on a circle of 44-bit numbers: virtual_nodes of
 * them at weight 1000, in proportion at other weights, none at weight 0.  The
 * point number k of a node depends on the node's id and k alone, so a change
 * of members or weights moves only the children between the points that came
 * or went.  A child hashes to a place on the circle; the nodes met from there
 * on, in order, are its owners.
 *
 * Replicas avoid zones: as many owners as there are zones stand in different
 * ones, the rest follow in ring order.  A node without a zone is a zone of its
 * own.  The first owner is the same with and without zones.
 *
 * A point is one number, place << 20 | index in the view, so sorting points
 * sorts places, and equal places by node id; the same on every node.  A table
 * of first points by the place's upper bits makes a look-up one step.  The
 * ring is made when it is first asked for in a view and kept with the view,
 * which never changes. */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <phub/plugin.h>

#define INDEX_BITS 20u
#define INDEX_MASK ((1u << INDEX_BITS) - 1)
#define PLACE_BITS (64u - INDEX_BITS)
#define POINTS_MAX (1u << 26)   /* 512 MiB of points: 1 << 20 nodes at 64 */
#define WEIGHT_NORMAL 1000u

struct ring_node {
    uint64_t id;
    uint64_t zone;      /* hash of its zone */
    uint32_t zone_index;
    uint32_t points;
};

struct ring {
    struct phub_view *view;  /* counted; what the ring was made of */
    struct ring_node *nodes;
    uint64_t *points;        /* sorted */
    uint32_t *starts;        /* by the upper bits: first point there */
    uint32_t *node_seen;     /* turn in which a node or zone was taken */
    uint32_t *zone_seen;
    uint32_t nodes_count;
    uint32_t owners_count;   /* nodes that have points */
    uint32_t zones_count;    /* of those nodes */
    uint32_t points_count;
    uint32_t starts_bits;
    uint32_t turn;
};

struct consistent_hash {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct ring ring;
    uint64_t virtual_nodes;
    uint64_t zones;
};

/* --- the ring ------------------------------------------------------------ */

/* The finisher of SplitMix64 (Steele, Lea, Flood 2014). */
static uint64_t mix(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t point_place(uint64_t node, uint32_t k)
{
    return mix(mix(node) + (k + 1) * 0x9e3779b97f4a7c15u) >> INDEX_BITS;
}

static int u64_cmp(const void *a, const void *b)
{
    const uint64_t *left = a, *right = b;

    return (*left > *right) - (*left < *right);
}

static void ring_free(struct consistent_hash *self)
{
    struct ring *ring = &self->ring;

    if (ring->view != NULL)
        self->host->view_unref(ring->view);
    free(ring->nodes);
    free(ring->points);
    free(ring->starts);
    free(ring->node_seen);
    free(ring->zone_seen);
    memset(ring, 0, sizeof *ring);
}

/* Read the members and count their points. */
static int ring_nodes(struct consistent_hash *self, struct ring *ring,
                      const struct phub_view *view)
{
    uint64_t points = 0;
    uint32_t i;

    ring->nodes_count = self->host->view_count(view);
    if (ring->nodes_count > INDEX_MASK)
        return PHUB_ELIMIT;
    ring->nodes = calloc(ring->nodes_count + 1, sizeof *ring->nodes);
    if (ring->nodes == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < ring->nodes_count; i++) {
        struct phub_view_node node = { .size = sizeof node };
        struct ring_node *mine = &ring->nodes[i];
        int rc = self->host->view_node(view, i, &node);

        if (rc != 0)
            return rc;
        mine->id = node.id;
        mine->zone = mix(node.id ^ 0x7a6f6e65u);
        if (node.zone.size > 0)
            mine->zone = XXH3_64bits(node.zone.data, node.zone.size);
        points += (uint64_t)node.weight * self->virtual_nodes / WEIGHT_NORMAL;
        mine->points = (uint32_t)((uint64_t)node.weight *
                                  self->virtual_nodes / WEIGHT_NORMAL);
        if (mine->points == 0 && node.weight > 0) {
            mine->points = 1;
            points++;
        }
        if (points > POINTS_MAX)
            return PHUB_ELIMIT;
        ring->owners_count += mine->points > 0;
    }
    ring->points_count = (uint32_t)points;
    return 0;
}

/* Number the zones of nodes that have points. */
static int ring_zones(struct ring *ring)
{
    uint64_t *zones = calloc(ring->nodes_count + 1, sizeof *zones);
    uint32_t i, count = 0;

    if (zones == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < ring->nodes_count; i++)
        if (ring->nodes[i].points > 0)
            zones[count++] = ring->nodes[i].zone;
    qsort(zones, count, sizeof *zones, u64_cmp);
    for (i = 0; i < count; i++)
        if (i == 0 || zones[i] != zones[i - 1])
            zones[ring->zones_count++] = zones[i];
    for (i = 0; i < ring->nodes_count; i++) {
        uint64_t *found = bsearch(&ring->nodes[i].zone, zones,
                                  ring->zones_count, sizeof *zones, u64_cmp);

        if (found != NULL)
            ring->nodes[i].zone_index = (uint32_t)(found - zones);
    }
    free(zones);
    return 0;
}

/* The slot of a point's upper bits. */
static uint32_t ring_slot(const struct ring *ring, uint64_t point)
{
    return ring->starts_bits == 0 ? 0
                                  : (uint32_t)(point >> (64 - ring->starts_bits));
}

/* Places are hashes, so about one falls into each slot: count them, put each
 * where its slot ends so far, and sort within slots by insertion. */
static void ring_sort(struct ring *ring, uint32_t slots)
{
    uint32_t i, k, sum = 0;

    for (i = 0; i < ring->nodes_count; i++)
        for (k = 0; k < ring->nodes[i].points; k++)
            ring->starts[ring_slot(ring, point_place(ring->nodes[i].id, k)
                                             << INDEX_BITS)]++;
    for (i = 0; i < slots; i++) {
        sum += ring->starts[i];
        ring->starts[i] = sum;
    }
    for (i = 0; i < ring->nodes_count; i++)
        for (k = 0; k < ring->nodes[i].points; k++) {
            uint64_t point =
                point_place(ring->nodes[i].id, k) << INDEX_BITS | i;

            ring->points[--ring->starts[ring_slot(ring, point)]] = point;
        }
    for (i = 1; i < ring->points_count; i++) {
        uint64_t point = ring->points[i];

        for (k = i; k > 0 && ring->points[k - 1] > point; k--)
            ring->points[k] = ring->points[k - 1];
        ring->points[k] = point;
    }
}

static int ring_points(struct ring *ring)
{
    uint32_t slots;

    while ((1u << ring->starts_bits) < ring->points_count)
        ring->starts_bits++;
    slots = 1u << ring->starts_bits;
    ring->points = calloc((size_t)ring->points_count + 1,
                          sizeof *ring->points);
    ring->starts = calloc((size_t)slots, sizeof *ring->starts);
    ring->node_seen = calloc(ring->nodes_count + 1, sizeof *ring->node_seen);
    ring->zone_seen = calloc(ring->zones_count + 1, sizeof *ring->zone_seen);
    if (ring->points == NULL || ring->starts == NULL ||
        ring->node_seen == NULL || ring->zone_seen == NULL)
        return PHUB_ENOMEM;
    ring_sort(ring, slots);
    return 0;
}

static int ring_make(struct consistent_hash *self,
                     const struct phub_view *view)
{
    struct ring *ring = &self->ring;
    int rc;

    if (ring->view == view)
        return 0;
    ring_free(self);
    rc = ring_nodes(self, ring, view);
    if (rc == 0)
        rc = ring_zones(ring);
    if (rc == 0)
        rc = ring_points(ring);
    if (rc != 0) {
        ring_free(self);
        return rc;
    }
    /* Counting a reference changes no member. */
    ring->view = (struct phub_view *)(uintptr_t)view;
    self->host->view_ref(ring->view);
    return 0;
}

/* The first point at or after place. */
static uint32_t ring_find(const struct ring *ring, uint64_t place)
{
    uint64_t wanted = place << INDEX_BITS;
    uint32_t at = ring->starts[0];

    if (ring->starts_bits > 0)
        at = ring->starts[wanted >> (64 - ring->starts_bits)];
    while (at < ring->points_count && ring->points[at] < wanted)
        at++;
    return at < ring->points_count ? at : 0;
}

/* --- owners -------------------------------------------------------------- */

/* Walk once around from start and take up to wanted nodes that were not taken
 * in this turn, of zones that were not if fresh_zones. */
static uint32_t owners_walk(struct ring *ring, uint32_t start, uint32_t wanted,
                            bool fresh_zones, uint64_t *nodes)
{
    uint32_t taken = 0, at = start, left;

    for (left = ring->points_count; left > 0 && taken < wanted; left--) {
        uint32_t index = (uint32_t)(ring->points[at] & INDEX_MASK);
        uint32_t zone = ring->nodes[index].zone_index;

        if (++at == ring->points_count)
            at = 0;
        if (ring->node_seen[index] == ring->turn ||
            (fresh_zones && ring->zone_seen[zone] == ring->turn))
            continue;
        ring->node_seen[index] = ring->turn;
        ring->zone_seen[zone] = ring->turn;
        nodes[taken++] = ring->nodes[index].id;
    }
    return taken;
}

static uint32_t owners_find(const struct consistent_hash *self,
                            struct ring *ring, const struct phub_bytes *id,
                            uint32_t factor, uint64_t *nodes)
{
    uint32_t start, wanted, count = 0;

    if (ring->points_count == 0 || factor == 0)
        return 0;
    start = ring_find(ring, XXH3_64bits(id->data, id->size) >> INDEX_BITS);
    if (factor == 1) {
        nodes[0] = ring->nodes[ring->points[start] & INDEX_MASK].id;
        return 1;
    }
    if (++ring->turn == 0) {
        memset(ring->node_seen, 0,
               ring->nodes_count * sizeof *ring->node_seen);
        memset(ring->zone_seen, 0,
               ring->zones_count * sizeof *ring->zone_seen);
        ring->turn = 1;
    }
    if (factor > ring->owners_count)
        factor = ring->owners_count;
    if (self->zones) {
        wanted = factor < ring->zones_count ? factor : ring->zones_count;
        count = owners_walk(ring, start, wanted, true, nodes);
    }
    return count + owners_walk(ring, start, factor - count, false,
                               nodes + count);
}

static int consistent_hash_assign(void *self_, const struct phub_view *view,
                                  const struct phub_assign_item *items,
                                  uint32_t count, uint32_t stride,
                                  uint32_t factor, uint64_t *nodes,
                                  uint32_t *counts)
{
    struct consistent_hash *self = self_;
    const uint8_t *at = (const uint8_t *)items;
    uint32_t i;
    int rc;

    rc = ring_make(self, view);
    if (rc != 0)
        return self->host->fail(self->ctx, rc, rc == PHUB_ELIMIT
            ? "too many points on the ring; lower virtual_nodes"
            : "no memory for the ring");
    for (i = 0; i < count; i++, at += stride, nodes += factor) {
        const struct phub_assign_item *item =
            (const struct phub_assign_item *)(const void *)at;

        counts[i] = owners_find(self, &self->ring, &item->id, factor, nodes);
    }
    return 0;
}

/* --- life ---------------------------------------------------------------- */

static int consistent_hash_open(void *self_, struct phub_ctx *ctx,
                                const struct phub_host *host)
{
    struct consistent_hash *self = self_;

    if (PHUB_NEED(host, ctx, param_uint) || PHUB_NEED(host, ctx, fail) ||
        PHUB_NEED(host, ctx, view_ref) || PHUB_NEED(host, ctx, view_unref) ||
        PHUB_NEED(host, ctx, view_count) || PHUB_NEED(host, ctx, view_node))
        return PHUB_EUNSUPPORTED;
    self->ctx = ctx;
    self->host = host;
    if (host->param_uint(ctx, "virtual_nodes", &self->virtual_nodes) != 0 ||
        host->param_uint(ctx, "zones", &self->zones) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    return 0;
}

static void consistent_hash_close(void *self_)
{
    ring_free(self_);
}

/* The ring of the last view is of no use any more; the next is made when it
 * is asked for. */
static void consistent_hash_view_changed(void *self_,
                                         const struct phub_view *view)
{
    struct consistent_hash *self = self_;

    if (self->ring.view != view)
        ring_free(self);
}

static const struct phub_distribution_ops ops = {
    .size = sizeof ops,
    .instance_size = sizeof(struct consistent_hash),
    .open = consistent_hash_open,
    .close = consistent_hash_close,
    .assign = consistent_hash_assign,
    .view_changed = consistent_hash_view_changed,
};

static const struct phub_param params[] = {
    { .name = "virtual_nodes", .type = PHUB_PARAM_UINT, .unit = "points",
      .default_value = "256", .min = 1, .max = 4096,
      .help = "points of a node of weight 1000 on the ring" },
    { .name = "zones", .type = PHUB_PARAM_BOOL, .unit = "",
      .default_value = "yes",
      .help = "put replicas into different zones as far as there are any" },
};

PHUB_PLUGIN_DEFINE(consistent_hash, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE,
    .version = "1.0",
    .license = "MIT",
    .summary = "a hash ring with weights and zones; a change moves little",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
