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
 * Bounded load (Mirrokni, Thorup, Zadimoghaddam: Consistent Hashing with
 * Bounded Loads, 2016): a child goes to the first node from its place on that
 * is below 1 + bound times its share of all children.  There the answer is a
 * function of the set of children, and a change of members moves 1/bound^2
 * times what has to be moved.  Here a home, once written into the row, stays
 * (phub(7), promise 1), and the rows say how full nodes are:
 *
 *   - a start, and a child whose node is gone, take the first node with room;
 *     all children count, so shares only grow when a node goes, and nobody
 *     else has to move;
 *   - when a node joins, members with at most half their share are filled up
 *     to it by those above theirs, each in proportion to what it has too much:
 *     all givers compute the same table from the same rows and give their own
 *     part of it.  If nobody was above (1 + bound) M/n before, nobody is above
 *     (1 + bound) M/(n + 1) after, and what moves is the share of who joined.
 *     A giver gives the children whose places lie nearest before the points of
 *     who receives: those that the ring has there, as far as they suffice;
 *   - else a child that runs stays.
 *
 * Keepers that place at the same time do not see each other's: a burst may
 * pass the bound by what was under way.  The next join evens it.  Instances
 * of a child with replicas follow the ring alone.
 *
 * The circle is cut into slots of about four points by the upper bits of the
 * place; a table has the first point of each.  A point is the 32 bits below
 * those, of which the lowest are the node's index in the view instead: so
 * sorting points sorts places, and equal places by node id; the same on every
 * node.  That is some 38 bits of a place, and 5 bytes for each point.  The
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
#define SLOT_POINTS 4u          /* in one slot, in the mean */
#define POINTS_MAX (1u << 26)   /* 256 MiB of points: 1 << 20 nodes at 64 */
#define WEIGHT_NORMAL 1000u
#define NOBODY UINT32_MAX

struct ring_node {
    uint64_t id;
    uint64_t zone;      /* hash of its zone */
    uint32_t zone_index;
    uint32_t points;
    uint32_t load;      /* children whose home it is, given ones too */
    uint32_t room;      /* how many it may have */
};

/* A child of ours that goes to who joined. */
struct gift {
    uint64_t child;     /* hash of its id */
    uint64_t distance;  /* from its place to the next point of who receives */
    uint32_t receiver;  /* index in the view, or NOBODY */
    uint32_t reserved_;
};

struct ring {
    struct phub_view *view;  /* counted; what the ring was made of */
    struct ring_node *nodes;
    uint32_t *points;        /* by slot, sorted in each */
    uint32_t *starts;        /* of each slot, and of one more: first point */
    uint32_t *node_seen;     /* turn in which a node or zone was taken */
    uint32_t *zone_seen;
    uint32_t nodes_count;
    uint32_t owners_count;   /* nodes that have points */
    uint32_t zones_count;    /* of those nodes */
    uint32_t points_count;
    uint32_t slot_bits;
    uint32_t index_mask;     /* of a point: whose it is */
    uint32_t turn;
    struct gift *gifts;      /* by child; made when a join is planned */
    uint64_t gifts_home;     /* whose children they are; 0: none are made */
    uint32_t gifts_count;
};

struct consistent_hash {
    struct phub_ctx *ctx;
    const struct phub_host *host;
    struct ring ring;
    uint64_t virtual_nodes;
    uint64_t zones;
    uint64_t bound;          /* %; 0: none, or the host does not count */
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
    free(ring->gifts);
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

static uint32_t ring_slot(const struct ring *ring, uint64_t hash)
{
    return ring->slot_bits == 0 ? 0
                                : (uint32_t)(hash >> (64 - ring->slot_bits));
}

/* The point of no node at that place, within its slot. */
static uint32_t ring_point(const struct ring *ring, uint64_t hash)
{
    return (uint32_t)(hash << ring->slot_bits >> 32) & ~ring->index_mask;
}

static uint32_t ring_owner(const struct ring *ring, uint32_t at)
{
    return ring->points[at] & ring->index_mask;
}

/* Places are hashes, so about four fall into each slot: count them, put each
 * where its slot ends so far, and sort within slots by insertion. */
static void ring_sort(struct ring *ring, uint32_t slots)
{
    uint32_t i, k, sum = 0, slot;

    for (i = 0; i < ring->nodes_count; i++)
        for (k = 0; k < ring->nodes[i].points; k++)
            ring->starts[ring_slot(ring, point_place(ring->nodes[i].id, k)
                                             << INDEX_BITS)]++;
    for (i = 0; i <= slots; i++) {
        sum += ring->starts[i];
        ring->starts[i] = sum;
    }
    for (i = 0; i < ring->nodes_count; i++)
        for (k = 0; k < ring->nodes[i].points; k++) {
            uint64_t hash = point_place(ring->nodes[i].id, k) << INDEX_BITS;

            ring->points[--ring->starts[ring_slot(ring, hash)]] =
                ring_point(ring, hash) | i;
        }
    for (slot = 0; slot < slots; slot++)
        for (i = ring->starts[slot] + 1; i < ring->starts[slot + 1]; i++) {
            uint32_t point = ring->points[i];

            for (k = i; k > ring->starts[slot] &&
                 ring->points[k - 1] > point; k--)
                ring->points[k] = ring->points[k - 1];
            ring->points[k] = point;
        }
}

static int ring_points(struct ring *ring)
{
    uint32_t slots;

    while (((uint64_t)SLOT_POINTS << ring->slot_bits) < ring->points_count)
        ring->slot_bits++;
    while (ring->index_mask + 1 < ring->nodes_count)
        ring->index_mask = ring->index_mask * 2 + 1;
    slots = 1u << ring->slot_bits;
    ring->points = calloc((size_t)ring->points_count + 1,
                          sizeof *ring->points);
    ring->starts = calloc((size_t)slots + 1, sizeof *ring->starts);
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

/* The first point at or after the place of hash. */
static uint32_t ring_find(const struct ring *ring, uint64_t hash)
{
    uint32_t slot = ring_slot(ring, hash), wanted = ring_point(ring, hash);
    uint32_t at = ring->starts[slot];

    while (at < ring->starts[slot + 1] && ring->points[at] < wanted)
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
        uint32_t index = ring_owner(ring, at);
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
    start = ring_find(ring, XXH3_64bits(id->data, id->size));
    if (factor == 1) {
        nodes[0] = ring->nodes[ring_owner(ring, start)].id;
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

/* --- bounded load -------------------------------------------------------- */

/* Whole children that are the share of node, rounded down. */
static uint64_t share(const struct ring *ring, uint32_t index, uint64_t all)
{
    return all * ring->nodes[index].points / ring->points_count;
}

/* Read how full nodes are; starting: children that no row counts yet. */
static int loads_read(struct consistent_hash *self, struct ring *ring,
                      uint64_t starting, uint64_t *all)
{
    uint32_t *counts = ring->node_seen, i;   /* of as many places */
    int rc = self->host->homes_count(self->ctx, ring->view, counts,
                                     ring->nodes_count, all);

    *all += starting;
    for (i = 0; rc == 0 && i < ring->nodes_count; i++) {
        struct ring_node *node = &ring->nodes[i];
        uint64_t exact = *all * node->points;
        uint64_t more = exact / ring->points_count * (100 + self->bound) / 100;

        /* At least the share, or there is no room for all. */
        exact = (exact + ring->points_count - 1) / ring->points_count;
        node->load = counts[i];
        node->room = (uint32_t)(more > exact ? more : exact);
    }
    memset(ring->node_seen, 0, ring->nodes_count * sizeof *ring->node_seen);
    ring->turn = 0;
    memset(ring->zone_seen, 0, ring->zones_count * sizeof *ring->zone_seen);
    return rc;
}

/* The first node from the child's place on that has room. */
static uint32_t room_find(struct ring *ring, uint64_t hash)
{
    uint32_t start = ring_find(ring, hash), at = start, left;

    for (left = ring->points_count; left > 0; left--) {
        uint32_t index = ring_owner(ring, at);

        if (ring->nodes[index].load < ring->nodes[index].room)
            return index;
        if (++at == ring->points_count)
            at = 0;
    }
    return ring_owner(ring, start);
}

static int gift_cmp_child(const void *a, const void *b)
{
    const struct gift *left = a, *right = b;

    return (left->child > right->child) - (left->child < right->child);
}

static int gift_cmp_distance(const void *a, const void *b)
{
    const struct gift *left = a, *right = b;

    if (left->distance != right->distance)
        return left->distance > right->distance ? 1 : -1;
    return gift_cmp_child(a, b);
}

/* Of a node that is filled up, what it lacks; of all others 0. */
static uint64_t lack(const struct ring *ring, uint32_t index, uint64_t all)
{
    uint64_t part = share(ring, index, all);
    uint64_t load = ring->nodes[index].load;

    return load * 2 <= part ? part - load : 0;
}

static uint64_t surplus(const struct ring *ring, uint32_t index, uint64_t all)
{
    uint64_t part = share(ring, index, all);
    uint64_t load = ring->nodes[index].load;

    return load > part ? load - part : 0;
}

/* What home gives to each: quotas has a place for each node.  Givers and
 * receivers stand in line by index, and the line of what is lacked is cut in
 * proportion to what givers have too much. */
static uint64_t quotas_cut(const struct ring *ring, uint32_t home,
                           uint64_t all, uint32_t *quotas)
{
    uint64_t lacked = 0, over = 0, before = 0, mine, from, to, at = 0;
    uint32_t i;

    for (i = 0; i < ring->nodes_count; i++) {
        lacked += lack(ring, i, all);
        before += i < home ? surplus(ring, i, all) : 0;
        over += surplus(ring, i, all);
    }
    if (lacked > over)
        lacked = over;
    mine = surplus(ring, home, all);
    if (mine == 0 || lacked == 0)
        return 0;
    from = lacked * before / over;
    to = lacked * (before + mine) / over;
    for (i = 0; i < ring->nodes_count && at < to; i++) {
        uint64_t end = at + lack(ring, i, all);
        uint64_t low = at > from ? at : from, high = end < to ? end : to;

        if (high > low)
            quotas[i] = (uint32_t)(high - low);
        at = end;
    }
    return to - from;
}

/* Points of who receives, as on the ring; *count of them. */
static uint64_t *receivers_points(const struct ring *ring,
                                  const uint32_t *quotas, uint32_t *count)
{
    uint64_t *points;
    uint32_t i, k, n = 0;

    for (i = 0; i < ring->nodes_count; i++)
        n += quotas[i] != 0 ? ring->nodes[i].points : 0;
    points = calloc((size_t)n + 1, sizeof *points);
    if (points == NULL)
        return NULL;
    for (*count = 0, i = 0; i < ring->nodes_count; i++)
        for (k = 0; quotas[i] != 0 && k < ring->nodes[i].points; k++)
            points[(*count)++] =
                point_place(ring->nodes[i].id, k) << INDEX_BITS | i;
    qsort(points, n, sizeof *points, u64_cmp);
    return points;
}

/* All children of the node. */
static int gifts_read(struct consistent_hash *self, struct ring *ring,
                      uint64_t node, uint32_t load)
{
    struct phub_bytes ids[64];
    uint64_t cursor = 0;
    uint32_t count, i;

    ring->gifts = calloc((size_t)load + 1, sizeof *ring->gifts);
    if (ring->gifts == NULL)
        return PHUB_ENOMEM;
    while (ring->gifts_count < load &&
           self->host->children_of(self->ctx, node, &cursor, ids, 64,
                                   &count) == 0 && count != 0)
        for (i = 0; i < count && ring->gifts_count < load; i++)
            ring->gifts[ring->gifts_count++].child =
                XXH3_64bits(ids[i].data, ids[i].size);
    return 0;
}

/* Who receives whom: nearest first, then whatever is left over. */
static void gifts_deal(struct ring *ring, const uint64_t *points,
                       uint32_t count, uint32_t *quotas)
{
    uint32_t i, k, low, high, next = 0;

    for (i = 0; i < ring->gifts_count; i++) {
        struct gift *gift = &ring->gifts[i];
        uint64_t place = gift->child >> INDEX_BITS << INDEX_BITS;

        for (low = 0, high = count; low < high;) {
            k = low + (high - low) / 2;
            if (points[k] < place)
                low = k + 1;
            else
                high = k;
        }
        k = low < count ? low : 0;
        gift->receiver = (uint32_t)(points[k] & INDEX_MASK);
        gift->distance = points[k] - place;  /* around, if need be */
    }
    qsort(ring->gifts, ring->gifts_count, sizeof *ring->gifts,
          gift_cmp_distance);
    for (i = 0; i < ring->gifts_count; i++) {
        struct gift *gift = &ring->gifts[i];

        if (quotas[gift->receiver] != 0)
            quotas[gift->receiver]--;
        else
            gift->receiver = NOBODY;
    }
    for (i = 0; i < ring->gifts_count; i++) {
        while (next < ring->nodes_count && quotas[next] == 0)
            next++;
        if (next == ring->nodes_count)
            break;
        if (ring->gifts[i].receiver == NOBODY) {
            ring->gifts[i].receiver = next;
            quotas[next]--;
        }
    }
    qsort(ring->gifts, ring->gifts_count, sizeof *ring->gifts,
          gift_cmp_child);
}

static uint32_t node_index(const struct ring *ring, uint64_t id)
{
    uint32_t low = 0, high = ring->nodes_count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (ring->nodes[middle].id < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < ring->nodes_count && ring->nodes[low].id == id ? low
                                                                : NOBODY;
}

static int gifts_make(struct consistent_hash *self, struct ring *ring,
                      uint32_t home, uint64_t all)
{
    uint32_t *quotas = calloc(ring->nodes_count + 1, sizeof *quotas), count;
    uint64_t *points = NULL;
    int rc = PHUB_ENOMEM;

    free(ring->gifts);
    ring->gifts = NULL;
    ring->gifts_count = 0;
    ring->gifts_home = 0;
    if (quotas == NULL)
        return rc;
    if (quotas_cut(ring, home, all, quotas) == 0) {
        rc = 0;
        goto out;
    }
    points = receivers_points(ring, quotas, &count);
    if (points != NULL)
        rc = gifts_read(self, ring, ring->nodes[home].id,
                        ring->nodes[home].load);
    if (rc == 0)
        gifts_deal(ring, points, count, quotas);
out:
    if (rc == 0)
        ring->gifts_home = ring->nodes[home].id;
    free(points);
    free(quotas);
    return rc;
}

/* Where a child goes after a join: it stays, or is given. */
static uint32_t gift_find(const struct ring *ring, uint64_t hash,
                          uint32_t home)
{
    struct gift key = { .child = hash }, *found = NULL;

    if (ring->gifts_count != 0)
        found = bsearch(&key, ring->gifts, ring->gifts_count, sizeof key,
                        gift_cmp_child);
    return found == NULL || found->receiver == NOBODY ? home
                                                      : found->receiver;
}

/* Does the answer depend on how full nodes are? */
static bool bounded(const struct consistent_hash *self, uint32_t factor)
{
    return self->bound != 0 && factor == 1 && self->ring.points_count != 0;
}

static const struct phub_assign_item *
item_at(const struct phub_assign_item *items, uint32_t stride, uint32_t i)
{
    return (const struct phub_assign_item *)
        (const void *)((const uint8_t *)items + (size_t)stride * i);
}

static int bounded_assign(struct consistent_hash *self,
                          const struct phub_assign_item *items,
                          uint32_t count, uint32_t stride, uint64_t *nodes,
                          uint32_t *counts)
{
    struct ring *ring = &self->ring;
    uint64_t all = 0, starting = 0;
    uint32_t i;
    int rc;

    for (i = 0; i < count; i++)
        starting += item_at(items, stride, i)->cause == PHUB_CAUSE_START;
    rc = loads_read(self, ring, starting, &all);
    for (i = 0; rc == 0 && i < count; i++) {
        const struct phub_assign_item *item = item_at(items, stride, i);
        uint64_t hash = XXH3_64bits(item->id.data, item->id.size);
        uint32_t node = NOBODY;

        if (item->cause == PHUB_CAUSE_NODE_JOINED)
            node = node_index(ring, item->home);
        if (node != NOBODY) {
            if (ring->gifts_home != item->home)
                rc = gifts_make(self, ring, node, all);
            node = gift_find(ring, hash, node);
        } else {
            node = room_find(ring, hash);
            ring->nodes[node].load++;
        }
        nodes[i] = ring->nodes[node].id;
        counts[i] = 1;
    }
    return rc;
}

static int ring_assign(struct consistent_hash *self,
                       const struct phub_assign_item *items, uint32_t count,
                       uint32_t stride, uint32_t factor, uint64_t *nodes,
                       uint32_t *counts)
{
    uint32_t i;

    for (i = 0; i < count; i++, nodes += factor)
        counts[i] = owners_find(self, &self->ring,
                                &item_at(items, stride, i)->id, factor,
                                nodes);
    return 0;
}

static int consistent_hash_assign(void *self_, const struct phub_view *view,
                                  const struct phub_assign_item *items,
                                  uint32_t count, uint32_t stride,
                                  uint32_t factor, uint64_t *nodes,
                                  uint32_t *counts)
{
    struct consistent_hash *self = self_;
    int rc = ring_make(self, view);

    if (rc == 0)
        rc = bounded(self, factor)
                 ? bounded_assign(self, items, count, stride, nodes, counts)
                 : ring_assign(self, items, count, stride, factor, nodes,
                               counts);
    if (rc == 0)
        return 0;
    return self->host->fail(self->ctx, rc, rc == PHUB_ELIMIT
        ? "too many points on the ring; lower virtual_nodes"
        : "no memory for the ring");
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
        host->param_uint(ctx, "zones", &self->zones) != 0 ||
        host->param_uint(ctx, "bound_percent", &self->bound) != 0)
        return host->fail(ctx, PHUB_ECONFIG, "parameters are missing");
    if (!PHUB_HAS(host, homes_count) || !PHUB_HAS(host, children_of))
        self->bound = 0;
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
    { .name = "bound_percent", .type = PHUB_PARAM_UINT, .unit = "%",
      .default_value = "5", .min = 0, .max = 1000,
      .help = "how far above its share of children a node may be; 0: as the "
              "ring has it" },
};

PHUB_PLUGIN_DEFINE(consistent_hash, PHUB_KIND_DISTRIBUTION,
    .flags = PHUB_FLAG_MUST_MATCH | PHUB_FLAG_PURE,
    .version = "1.0",
    .license = "MIT",
    .summary = "a hash ring with weights and zones; a change moves little",
    .params = params,
    .params_count = sizeof params / sizeof params[0],
    .ops.distribution = &ops);
