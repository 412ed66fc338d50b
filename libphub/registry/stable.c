/* SPDX-License-Identifier: MIT */
/* stable: when may a stop or a GONE be dropped?
 *
 * A record (a stop, a GONE) must be kept as long as something that it
 * overtakes may still turn up: it must be causally stable (Baquero, Almeida,
 * Shoker: Pure Operation-Based Replicated Data Types, 2017), and so must what
 * it overtakes.  Three rounds decide that:
 *
 *   Round k aims at a target, a vector.  It ends when every known node has
 *   given a summary that covers the target, or the hash of one that is ours.
 *   From then on no node writes anything that a record within the target would
 *   overtake, for each has seen the record.  What was written before is within
 *   the vectors that the nodes gave; their union, and our own, is the target of
 *   round k + 1.
 *   When that ends too, every node has seen everything that those records
 *   may have to overtake, and ignores it if it comes again; what then is not
 *   live here is dead for certain within the target of round k.  When round
 *   k + 2 ends, this proof also holds for all that the records of round k
 *   have overtaken, and they may go: should one bring back what they had
 *   overtaken, we can tell it so (summary.c).
 *
 * Who is every known node?  Everyone who may hold something that a record
 * overtakes; so one who has just started and does not know yet who is away
 * must not drop what the others keep for that one.  A summary names the nodes
 * that its writer knows, and whoever is named is waited for.  That is enough:
 * what somebody holds came to it from one who knew it, and the author of a
 * record has heard of what it overtakes from one who did, or at third hand;
 * each hand is asked in each round.  Known nodes are on the disk beside the
 * durable rows, so that a node that starts alone waits for the others too.
 *
 * What has a node seen?  What it would still know after its next start: of
 * durable rows only what has reached its disk.  As long as something is on its
 * way there, a summary says beside what was seen what was *kept*, and that is
 * what counts for the target.
 *
 * Nodes that are away delay the end of a round without limit; forgetting
 * one lets it end.  It is forgotten for good, by its id: nobody lets it in
 * again (hub/forget.c), so nothing that it has kept and a record overtakes
 * turns up.  What it wrote and is live stays under its name until it is
 * overtaken; its instances are void, here and in whatever comes late.
 * A record that is gone here and not yet there does no harm:
 * records are in nobody's hash.  Authors whose node has started again, or was
 * forgotten, and of which nothing is live are pruned by the same rule, once a
 * whole round has passed in which nobody had anything live of them either: who
 * does not know the author would take what others still keep for news, and give
 * it back to who has dropped it, in turn, for ever.
 *
 * A stop also stays while an instance of the row is anywhere: it is what says
 * that it must end. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "registry/internal.h"
#include "wire/assert.h"
#include "wire/memory.h"

/* --- nodes ------------------------------------------------------------------ */

static void tell_known(const struct phub__registry *registry)
{
    if (registry->events != NULL && registry->events->known_changed != NULL)
        registry->events->known_changed(registry->events_arg);
}

int phub__registry_admits(const struct phub__registry *registry,
                          uint64_t node)
{
    const struct phub__index_node *entry;

    if (registry->index.forgotten_count == 0 &&
        registry->index.known_count < PHUB__NODES_KNOWN_MAX)
        return 0;
    entry = phub__index_node(&registry->index, node);
    if (entry != NULL && entry->forgotten)
        return PHUB_EFORGOTTEN;
    if (entry != NULL && entry->known)
        return 0;
    return registry->index.known_count >= PHUB__NODES_KNOWN_MAX ? PHUB_ELIMIT
                                                                : 0;
}

static uint64_t known_part(uint64_t node)
{
    return XXH3_64bits_withSeed(&node, sizeof node, 1);
}

int phub__registry_node_seen(struct phub__registry *registry, uint64_t node)
{
    struct phub__index_node *entry = NULL;
    int rc = node == 0 ? PHUB_EINVAL : phub__registry_admits(registry, node);

    if (rc == 0)
        rc = phub__index_node_get(&registry->index, node, &entry);
    if (rc != 0 || entry->known)
        return rc;
    entry->known = true;
    registry->known_digest += known_part(node);
    phub__registry_touched(registry);
    entry->reported = false;
    registry->index.known_count++;
    tell_known(registry);
    return 0;
}

bool phub__registry_knows_other(const struct phub__registry *registry,
                                bool (*is_there)(void *arg, uint64_t node),
                                void *arg)
{
    uint32_t i;

    for (i = 0; i < registry->index.nodes_count; i++)
        if (registry->index.nodes[i]->known &&
            !is_there(arg, registry->index.nodes[i]->node))
            return true;
    return false;
}

/* Others know it.  They have not heard yet if it was forgotten. */
static int node_heard(struct phub__registry *registry, uint64_t node)
{
    int rc = phub__registry_node_seen(registry, node);

    return rc == PHUB_EFORGOTTEN ? 0 : rc;
}

int phub__registry_nodes_heard(struct phub__registry *registry,
                               const struct phub__list *nodes)
{
    const uint64_t *all = nodes->items;
    uint32_t i;
    int rc = 0;

    for (i = 0; i < nodes->count && rc == 0; i++)
        rc = node_heard(registry, all[i]);
    return rc;
}

int phub__registry_nodes_known(const struct phub__registry *registry,
                               uint64_t **nodes, uint32_t *count)
{
    uint64_t *all = phub__calloc(registry->index.known_count + 1,
                                 sizeof *all);
    uint32_t i, n = 0;

    if (all == NULL)
        return PHUB_ENOMEM;
    for (i = 0; i < registry->index.nodes_count; i++)
        if (registry->index.nodes[i]->known)
            all[n++] = registry->index.nodes[i]->node;
    phub__assert(n == registry->index.known_count);
    *nodes = all;
    *count = n;
    return 0;
}

static int forget_halves(struct phub__registry *registry,
                         struct phub__author *author)
{
    uint64_t sequence = 0;

    for (;;) {
        uint32_t at = phub__entry_from(author, sequence + 1);
        struct phub__entry entry;
        int rc = 0;

        if (at == author->live.count)
            return 0;
        sequence = phub__entry_sequence(author, at);
        if (phub__entry_find(author, sequence, &entry) &&
            (entry.carries & PHUB__CARRIES_HALF))
            rc = phub__registry_drop(registry, &entry, PHUB__CARRIES_HALF);
        if (rc != 0)
            return rc;
    }
}

int phub__registry_node_forget(struct phub__registry *registry, uint64_t node)
{
    struct phub__index_node *entry;
    uint32_t i;
    int rc;

    if (node == registry->node || node == 0)
        return PHUB_EINVAL;
    rc = phub__index_node_get(&registry->index, node, &entry);
    if (rc != 0)
        return rc;
    if (entry->known) {
        entry->known = false;
        registry->known_digest -= known_part(node);
        phub__registry_touched(registry);
        registry->index.known_count--;
        tell_known(registry);
    }
    registry->index.forgotten_count += !entry->forgotten;
    entry->forgotten = true;
    phub__registry_begin(registry);
    for (i = 0; i < registry->authors.count && rc == 0; i++) {
        if (registry->authors.at[i]->node != node)
            continue;
        registry->authors.at[i]->over = true;
        rc = forget_halves(registry, registry->authors.at[i]);
    }
    phub__registry_end(registry);
    return rc;
}

bool phub__registry_is_known(const struct phub__registry *registry,
                             uint64_t node)
{
    const struct phub__index_node *entry =
        phub__index_node(&registry->index, node);

    return entry != NULL && entry->known;
}

bool phub__registry_is_forgotten(const struct phub__registry *registry,
                                 uint64_t node)
{
    const struct phub__index_node *entry =
        phub__index_node(&registry->index, node);

    return entry != NULL && entry->forgotten;
}

static uint64_t node_next(const struct phub__registry *registry, uint64_t node,
                          bool forgotten)
{
    uint32_t i = node == UINT64_MAX
        ? registry->index.nodes_count
        : phub__index_from(&registry->index, node + 1);

    for (; i < registry->index.nodes_count; i++) {
        const struct phub__index_node *entry = registry->index.nodes[i];

        if (forgotten ? entry->forgotten : entry->known)
            return entry->node;
    }
    return 0;
}

uint64_t phub__registry_known_next(const struct phub__registry *registry,
                                   uint64_t node)
{
    return node_next(registry, node, false);
}

uint64_t phub__registry_forgotten_next(const struct phub__registry *registry,
                                       uint64_t node)
{
    return node_next(registry, node, true);
}

uint32_t phub__registry_forgotten_count(const struct phub__registry *registry)
{
    return registry->index.forgotten_count;
}

/* --- what is kept ------------------------------------------------------------ */

/* What counts as seen here. */
static const struct phub__ranges *own_kept(const struct phub__registry *r,
                                           const struct phub__author *author)
{
    return r->unkept == 0 ? &author->seen : &author->kept;
}

void phub__registry_keep_due(struct phub__registry *registry)
{
    registry->unkept |= PHUB__UNKEPT_DUE;
    phub__registry_touched(registry);
}

bool phub__registry_keep_is_due(const struct phub__registry *registry)
{
    return (registry->unkept & PHUB__UNKEPT_DUE) != 0;
}

void phub__registry_keep_begin(struct phub__registry *registry)
{
    static const struct phub__ranges none;
    uint32_t i;

    if (registry->unkept & PHUB__UNKEPT_BEGUN)
        return;
    for (i = 0; i < registry->authors.count; i++) {
        struct phub__author *author = registry->authors.at[i];

        phub__ranges_fini(&author->keeping);
        author->keeping = none;
        (void)phub__ranges_unite(&author->keeping, &author->seen);
    }
    registry->unkept = PHUB__UNKEPT_BEGUN;
    phub__registry_touched(registry);
}

void phub__registry_keep_end(struct phub__registry *registry, bool done)
{
    static const struct phub__ranges none;
    uint32_t i;

    if (!(registry->unkept & PHUB__UNKEPT_BEGUN))
        return;
    for (i = 0; done && i < registry->authors.count; i++) {
        struct phub__author *author = registry->authors.at[i];

        phub__ranges_fini(&author->kept);
        author->kept = author->keeping;
        author->keeping = none;
    }
    registry->unkept &= (uint8_t)~PHUB__UNKEPT_BEGUN;
    if (!done)
        registry->unkept |= PHUB__UNKEPT_DUE;
    phub__registry_touched(registry);
}

/* --- rounds ---------------------------------------------------------------------- */

/* What was seen only grows: asked for every summary, it is looked at again
 * when something was written or the targets are others. */
static bool own_covers(struct phub__registry *registry)
{
    uint32_t i;

    if (registry->covers)
        return true;
    for (i = 0; i < registry->authors.count; i++) {
        const struct phub__author *author = registry->authors.at[i];

        if (!phub__author_idle(&registry->authors, author) &&
            !phub__ranges_covers(own_kept(registry, author), &author->target))
            return false;
    }
    registry->covers = registry->depth == 0;
    return true;
}

static void round_end(struct phub__registry *registry)
{
    static const struct phub__ranges none;
    uint32_t i;

    for (i = 0; i < registry->authors.count; i++) {
        struct phub__author *author = registry->authors.at[i];

        if (phub__ranges_unite(&author->collected, &author->seen) != 0)
            return;  /* later */
    }
    for (i = 0; i < registry->authors.count; i++) {
        struct phub__author *author = registry->authors.at[i];

        phub__ranges_fini(&author->settled);
        author->settled = author->stable;
        author->stable = author->previous;
        author->previous = author->target;
        author->target = author->collected;
        author->collected = none;
    }
    for (i = 0; i < registry->index.nodes_count; i++)
        registry->index.nodes[i]->reported = false;
    registry->covers = false;
    registry->rounds++;
    registry->record_cursor = (struct phub__dot){ 0, 0, 0 };
    registry->records_due = true;
}

static void round_check(struct phub__registry *registry)
{
    uint32_t i;

    for (i = 0; i < registry->index.nodes_count; i++) {
        const struct phub__index_node *node = registry->index.nodes[i];

        if (node->known && !node->reported && node->node != registry->node)
            return;
    }
    if (own_covers(registry))
        round_end(registry);
}

static bool summary_covers(const struct phub__registry *registry,
                           const struct phub__summary *summary)
{
    struct phub__pairs p = { .registry = registry, .summary = summary };

    while (phub__pairs_next(&p)) {
        if (p.author == NULL || p.author->target.count == 0 || p.skips)
            continue;
        if (p.theirs == NULL ||
            !phub__ranges_covers(p.theirs->behind ? &p.theirs->kept
                                                  : &p.theirs->seen,
                                 &p.author->target))
            return false;
    }
    return true;
}

static int collect(struct phub__registry *registry,
                   const struct phub__summary *summary)
{
    struct phub__pairs p = { .registry = registry, .summary = summary };
    int rc = 0;

    while (rc == 0 && phub__pairs_next(&p)) {
        /* One that we pruned is not asked for any more. */
        if (p.theirs == NULL || (p.author == NULL && p.theirs->live == 0))
            continue;
        if (p.author == NULL)
            return PHUB_EAGAIN;  /* first hear of it */
        rc = phub__ranges_unite(&p.author->collected, &p.theirs->seen);
    }
    return rc;
}

/* Is a later boot of that node known?  Then this is an old message. */
static bool is_stale(const struct phub__registry *registry, uint64_t node,
                     uint64_t boot)
{
    return phub__author_later(&registry->authors, node, boot) != NULL;
}

void phub__stable_note_same(struct phub__registry *registry, uint64_t node,
                            uint64_t boot)
{
    struct phub__index_node *entry;

    if (node == registry->node || is_stale(registry, node, boot) ||
        phub__registry_node_seen(registry, node) != 0)
        return;
    entry = phub__index_node(&registry->index, node);
    if (entry->reported || !own_covers(registry))
        return;
    entry->reported = true;
    round_check(registry);
}

/* Of what we have nothing any more they may have. */
static void note_live(struct phub__registry *registry,
                      const struct phub__summary *summary)
{
    struct phub__pairs p = { .registry = registry, .summary = summary };

    while (registry->authors_idle && phub__pairs_next(&p))
        if (p.author != NULL && p.author->live.live == 0 &&
            p.theirs != NULL && p.theirs->live > 0)
            p.author->idle_from = registry->rounds + 1;
}

void phub__stable_note(struct phub__registry *registry,
                       const struct phub__summary *summary)
{
    struct phub__index_node *node;

    if (summary->node == registry->node ||
        is_stale(registry, summary->node, summary->boot) ||
        phub__registry_node_seen(registry, summary->node) != 0 ||
        phub__registry_nodes_heard(registry, &summary->known) != 0)
        return;
    note_live(registry, summary);
    node = phub__index_node(&registry->index, summary->node);
    if (node->reported || !summary_covers(registry, summary) ||
        collect(registry, summary) != 0)
        return;
    node->reported = true;
    round_check(registry);
}

/* --- dropping -------------------------------------------------------------------------- */

static bool may_go(const struct phub__entry *entry)
{
    const struct phub__value *value = phub__row_value(entry->row);
    uint32_t i;

    if (!phub__ranges_has(&entry->author->settled, entry->sequence))
        return false;
    if (!(entry->records & PHUB__CARRIES_LIFE))
        return true;
    for (i = 0; i < value->count; i++) {
        if (!phub__half_gone(value->halves[i]))
            return false;
    }
    return true;
}

/* Nothing of it is live here, and a round has gone by without anybody who has. */
static bool is_nobodys(const struct phub__registry *registry,
                       struct phub__author *author)
{
    if (author == registry->self ||
        !phub__author_idle(&registry->authors, author)) {
        author->idle_from = 0;
        return false;
    }
    if (author->idle_from == 0)
        author->idle_from = registry->rounds + 1;
    return author->idle_from + 1 < registry->rounds;
}

static void prune(struct phub__registry *registry)
{
    uint32_t i = 0;

    registry->authors_idle = false;
    while (i < registry->authors.count) {
        struct phub__author *author = registry->authors.at[i];

        if (is_nobodys(registry, author) &&
            phub__ranges_covers(&author->settled, &author->seen)) {
            phub__author_drop(&registry->authors, author);
            continue;
        }
        registry->authors_idle |= author->idle_from != 0;
        i++;
    }
}

uint32_t phub__registry_stable(struct phub__registry *registry,
                               uint32_t budget)
{
    struct phub__entry entry;
    uint32_t dropped = 0;

    round_check(registry);  /* a node may have been forgotten */
    if (!registry->records_due)
        return 0;
    phub__registry_begin(registry);
    for (; budget > 0; budget--) {
        if (!phub__record_next(&registry->authors, &registry->record_cursor,
                               &entry)) {
            registry->records_due = false;
            prune(registry);
            break;
        }
        if (may_go(&entry) &&
            phub__registry_drop(registry, &entry, entry.records) == 0)
            dropped++;
    }
    phub__registry_end(registry);
    return dropped;
}
