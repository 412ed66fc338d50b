/* SPDX-License-Identifier: MIT */
/* summary: what a node has seen and holds, written, read and compared.
 *
 * Vectors first.  The hashes of live entries count only when both have seen
 * exactly the same, or when those of an author of which both have seen the
 * same differ in the same way twice: else they differ for good reasons.
 *
 * If they do differ, one of two things has happened:
 * - Somebody saw a range from a node that held what had overtaken a part of
 *   it, and that node died before it had passed that on: what was overtaken is
 *   all that there is again, and whoever still holds it must give it back.
 * - Somebody holds an entry that was overtaken by a record which is dropped
 *   already: a late message reached a node that had started again empty, or a
 *   store brought it back.
 * So a node sends a *repair*: what it holds live of the range, and which
 * numbers of it are stable (stable.c): there, and only there, what it does not
 * hold is dead for certain.  The receiver takes what it lacks, unless that is
 * stable with itself, and drops what the sender knows to be dead.  Absence
 * alone deletes nothing.
 *
 * In peace two summaries are mostly equal, byte for byte behind the writer's
 * name.  So the own one is kept until something changes, and one that is the
 * same is neither decoded nor compared.  Nor need it be sent: a *brief* has a
 * hash of those bytes instead, without what the writer alone lists, and says no
 * more than whether they are equal. */
#include "config.h"

#include <assert.h>
#include <string.h>

#include <xxhash.h>

#include "registry/internal.h"
#include "wire/assert.h"
#include "wire/memory.h"
#include "wire/reader.h"

#define BRIEF_SIZE_MAX 64u

static PHUB__SCHEMA(author_schema, struct phub__summary_author,
    PHUB__U64(1, struct phub__summary_author, node, PHUB__REQUIRED),
    PHUB__U64(2, struct phub__summary_author, boot, PHUB__REQUIRED),
    PHUB__U64S(3, struct phub__summary_author, ranges, PHUB__DOTS_MAX * 2),
    PHUB__U64(4, struct phub__summary_author, count),
    PHUB__U64(5, struct phub__summary_author, hash),
    PHUB__U64(6, struct phub__summary_author, live),
    PHUB__U64S(7, struct phub__summary_author, kept_ranges,
               PHUB__DOTS_MAX * 2),
    PHUB__BOOL(8, struct phub__summary_author, behind));

static PHUB__SCHEMA(summary_schema, struct phub__summary,
    PHUB__U64(1, struct phub__summary, node, PHUB__REQUIRED),
    PHUB__U64(2, struct phub__summary, boot, PHUB__REQUIRED),
    PHUB__LIST(3, struct phub__summary, authors, PHUB__AUTHORS_MAX,
               &author_schema),
    PHUB__U64S(4, struct phub__summary, known, PHUB__NODES_KNOWN_MAX),
    PHUB__U64(5, struct phub__summary, digest));

/* --- writing and reading -------------------------------------------------- */

static_assert(sizeof(struct phub__range) == 2 * sizeof(uint64_t),
              "ranges travel as pairs of numbers");

/* Their bounds; borrows. */
static struct phub__list list_of(const struct phub__ranges *set)
{
    return (struct phub__list){ (void *)(uintptr_t)phub__ranges_at(set),
                                set->count * 2 };
}

/* The own author, before it has written anything, says that earlier boots are
 * over: nobody else lists it. */
static bool says_over(const struct phub__registry *registry, uint32_t at)
{
    struct phub__author *const *all = registry->authors.at;

    return all[at] == registry->self && at > 0 &&
           all[at - 1]->node == registry->node;
}

static int contents_write(const struct phub__registry *registry, bool over,
                          struct phub__builder *out)
{
    const struct phub__authors *authors = &registry->authors;
    struct phub__summary summary = {
        .node = registry->node, .boot = registry->boot,
    };
    struct phub__summary_author *all;
    uint64_t *known = NULL;
    uint32_t i, n = 0;
    int rc;

    all = phub__calloc(authors->count, sizeof *all);
    if (all == NULL)
        return PHUB_ENOMEM;
    rc = phub__registry_nodes_known(registry, &known, &summary.known.count);
    if (rc != 0)
        goto out;
    summary.known.items = known;
    for (i = 0; i < authors->count; i++) {
        const struct phub__author *author = authors->at[i];

        if (author->seen.count == 0 && !(over && says_over(registry, i)))
            continue;
        all[n].node = author->node;
        all[n].boot = author->boot;
        if (author->seen.count > 0)
            all[n].ranges = list_of(&author->seen);
        all[n].behind = registry->unkept != 0 &&
            !phub__ranges_equal(&author->kept, &author->seen);
        if (all[n].behind && author->kept.count > 0)
            all[n].kept_ranges = list_of(&author->kept);
        all[n].count = author->count;
        all[n].hash = author->hash;
        all[n++].live = author->live.live;
    }
    summary.authors.items = n == 0 ? NULL : all;
    summary.authors.count = n;
    rc = phub__encode(&summary_schema, &summary, out);
out:
    phub__free(known);
    phub__free(all);
    return rc;
}

static int summary_write(struct phub__registry *registry,
                         struct phub__builder *out)
{
    return contents_write(registry, true, out);
}

/* *kept, written if need be; while something changes it is not kept. */
static int kept_buf(struct phub__registry *registry, struct phub_buf **kept,
                    size_t size_max, int (*write)(struct phub__registry *,
                                                  struct phub__builder *),
                    struct phub_buf **buf)
{
    struct phub__builder builder;
    int rc;

    if (*kept == NULL) {
        phub__builder_init(&builder, size_max);
        rc = write(registry, &builder);
        if (rc == 0)
            rc = phub__builder_take(&builder, buf);
        phub__builder_fini(&builder);
        if (rc != 0 || registry->depth > 0)
            return rc;
        *kept = *buf;
    }
    *buf = phub__buf_ref(*kept);
    return 0;
}

int phub__registry_summary_buf(struct phub__registry *registry,
                               struct phub_buf **summary)
{
    return kept_buf(registry, &registry->summary, PHUB__SUMMARY_SIZE_MAX,
                    summary_write, summary);
}

int phub__registry_summary(struct phub__registry *registry,
                           struct phub__builder *out)
{
    struct phub_buf *summary = NULL;
    int rc = phub__registry_summary_buf(registry, &summary);

    if (rc == 0)
        rc = phub__builder_append(out, summary->data, summary->size);
    phub__buf_unref(&summary);
    return rc;
}

/* Who wrote it, and what follows that; false: it is not as we write it. */
static bool writer_read(struct phub_bytes bytes, uint64_t *node,
                        uint64_t *boot, struct phub_bytes *rest)
{
    struct phub__reader r;
    uint64_t pairs, key[2] = { 0, 0 };

    phub__reader_init(&r, bytes);
    if (!phub__read_map(&r, &pairs) || !phub__read_uint(&r, &key[0]) ||
        !phub__read_uint(&r, node) || !phub__read_uint(&r, &key[1]) ||
        !phub__read_uint(&r, boot))
        return false;
    *rest = (struct phub_bytes){ bytes.data + r.at, bytes.size - r.at };
    return key[0] == 1 && key[1] == 2 && *node != 0 && *boot != 0;
}

static int brief_write(struct phub__registry *registry,
                       struct phub__builder *out)
{
    struct phub__summary brief = {
        .node = registry->node, .boot = registry->boot,
    };
    struct phub__builder summary;
    struct phub_bytes rest;
    uint64_t writer[2];
    int rc;

    phub__builder_init(&summary, PHUB__SUMMARY_SIZE_MAX);
    rc = contents_write(registry, false, &summary);
    if (rc == 0 && !writer_read(phub__builder_bytes(&summary), &writer[0],
                                &writer[1], &rest))
        rc = PHUB_EPROTO;
    if (rc == 0)
        brief.digest = XXH3_64bits(rest.data, rest.size);
    brief.digest += brief.digest == 0;
    phub__builder_fini(&summary);
    return rc != 0 ? rc : phub__encode(&summary_schema, &brief, out);
}

int phub__registry_brief(struct phub__registry *registry,
                         struct phub_buf **brief)
{
    return kept_buf(registry, &registry->brief, BRIEF_SIZE_MAX, brief_write,
                    brief);
}

/* Ranges that ascend and do not touch; *set borrows them. */
static bool ranges_ok(const struct phub__list *ranges,
                      struct phub__ranges *set)
{
    const uint64_t *numbers = ranges->items;
    uint64_t last = 0;
    uint32_t i;

    if (ranges->count % 2 != 0)
        return false;
    for (i = 0; i < ranges->count; i += 2) {
        if (numbers[i] <= last || (last != 0 && numbers[i] == last + 1) ||
            numbers[i + 1] < numbers[i] ||
            numbers[i + 1] > PHUB__SEQUENCE_MAX)
            return false;
        last = numbers[i + 1];
    }
    *set = phub__ranges_borrow(ranges->items, ranges->count / 2);
    return true;
}

static bool author_ok(struct phub__summary_author *author)
{
    return author->node != 0 && author->boot != 0 &&
           ranges_ok(&author->ranges, &author->seen) &&
           ranges_ok(&author->kept_ranges, &author->kept);
}

static int author_cmp(const struct phub__summary_author *a, uint64_t node,
                      uint64_t boot)
{
    if (a->node != node)
        return a->node < node ? -1 : 1;
    return a->boot < boot ? -1 : a->boot > boot;
}

int phub__summary_decode(struct phub_bytes bytes, struct phub__arena *arena,
                         struct phub__summary *summary)
{
    struct phub__summary_author *all;
    uint32_t i;
    int rc;

    if (bytes.size > PHUB__SUMMARY_SIZE_MAX)
        return PHUB_ELIMIT;
    rc = phub__decode(&summary_schema, bytes, summary, arena, NULL);
    if (rc != 0)
        return rc;
    if (summary->node == 0 || summary->boot == 0 || summary->digest != 0)
        return PHUB_EPROTO;
    all = summary->authors.items;
    for (i = 0; i < summary->authors.count; i++) {
        if (!author_ok(&all[i]) ||
            (i > 0 && author_cmp(&all[i - 1], all[i].node, all[i].boot) >= 0))
            return PHUB_EPROTO;
    }
    return 0;
}

/* --- comparing --------------------------------------------------------------- */

bool phub__pairs_next(struct phub__pairs *pairs)
{
    const struct phub__authors *own = &pairs->registry->authors;
    const struct phub__summary_author *all = pairs->summary->authors.items;
    uint32_t at = pairs->own_next;
    int cmp = at < own->count ? 1 : -1;

    if (cmp < 0 && pairs->their_next == pairs->summary->authors.count)
        return false;
    pairs->theirs = NULL;
    pairs->author = NULL;
    if (pairs->their_next < pairs->summary->authors.count) {
        pairs->theirs = &all[pairs->their_next];
        if (cmp > 0)
            cmp = author_cmp(pairs->theirs, own->at[at]->node,
                             own->at[at]->boot);
    }
    if (cmp > 0)
        pairs->theirs = NULL;
    else
        pairs->their_next++;
    if (cmp < 0)
        return true;
    pairs->own_next++;
    pairs->author = own->at[at];
    pairs->skips = (pairs->theirs == NULL || pairs->theirs->live == 0) &&
                   phub__author_idle_at(own, at);
    return true;
}

bool phub__summary_same(const struct phub__author *author,
                        const struct phub__summary_author *theirs)
{
    return theirs == NULL ? author->count == 0
         : author->count == theirs->count && author->hash == theirs->hash;
}

/* Sums, so that the order does not matter; what is left out of comparisons is
 * left out here. */
uint64_t phub__registry_digest(struct phub__registry *registry)
{
    uint64_t sum;

    if (registry->digest != 0)
        return registry->digest;
    sum = phub__authors_digest(&registry->authors) + registry->known_digest;
    registry->digest = sum != 0 ? sum : 1;
    registry->digests[registry->digests_next++ % PHUB__DIGESTS_MAX] =
        registry->digest;
    return registry->digest;
}

bool phub__registry_had_digest(struct phub__registry *registry,
                               uint64_t digest)
{
    uint32_t i;

    if (digest == 0 || phub__registry_digest(registry) == digest)
        return digest != 0;
    for (i = 0; i < PHUB__DIGESTS_MAX; i++)
        if (registry->digests[i] == digest)
            return true;
    return false;
}

/* Is the node of an author that is not known here forgotten, or a later boot of
 * it known, here or there?  Such an author is not sent if nothing of it lives
 * (idle). */
static bool is_over(const struct phub__pairs *pairs)
{
    const struct phub__summary_author *theirs = pairs->theirs;
    uint32_t next = pairs->their_next;

    return phub__registry_is_forgotten(pairs->registry, theirs->node) ||
           (next < pairs->summary->authors.count &&
            theirs[1].node == theirs->node) ||
           phub__author_later(&pairs->registry->authors, theirs->node,
                              theirs->boot) != NULL;
}

void phub__summary_compare(const struct phub__registry *registry,
                           const struct phub__summary *summary,
                           struct phub__comparison *comparison)
{
    struct phub__pairs p = { .registry = registry, .summary = summary };

    memset(comparison, 0, sizeof *comparison);
    while (phub__pairs_next(&p)) {
        if (p.author == NULL) {
            if (!comparison->we_miss && p.theirs->seen.count > 0)
                comparison->we_miss = p.theirs->live > 0 || !is_over(&p);
            continue;
        }
        if (p.skips)
            continue;
        if (p.theirs == NULL) {
            comparison->they_miss |= p.author->seen.count > 0;
            continue;
        }
        comparison->they_miss |= !phub__ranges_covers(&p.theirs->seen,
                                                      &p.author->seen);
        comparison->we_miss |= !phub__ranges_covers(&p.author->seen,
                                                    &p.theirs->seen);
        comparison->differs |= !phub__summary_same(p.author, p.theirs);
    }
    if (comparison->we_miss || comparison->they_miss)
        comparison->differs = false;
}

/* All but its writer is as in our own. */
static bool same_as(const struct phub_buf *own, struct phub_bytes bytes,
                    uint64_t *node, uint64_t *boot)
{
    struct phub_bytes theirs, ours;
    uint64_t self[2];

    return own->data[0] == bytes.data[0] &&
           writer_read(bytes, node, boot, &theirs) &&
           writer_read(phub__buf_bytes(own), &self[0], &self[1], &ours) &&
           phub__bytes_equal(theirs, ours);
}

static bool is_brief(struct phub_bytes bytes)
{
    struct phub_bytes rest;
    uint64_t node, boot, key = 0;
    struct phub__reader r;

    if (bytes.size > BRIEF_SIZE_MAX ||
        !writer_read(bytes, &node, &boot, &rest))
        return false;
    phub__reader_init(&r, rest);
    return phub__read_uint(&r, &key) && key == 5;
}

/* Read, note and compare.  Another brief than ours says only that. */
static int compare(struct phub__registry *registry, struct phub_bytes bytes,
                   struct phub__comparison *comparison)
{
    bool brief = is_brief(bytes), same;
    struct phub__summary summary;
    struct phub_buf *own = NULL;
    struct phub__arena arena;
    uint64_t node, boot;
    int rc = brief ? phub__registry_brief(registry, &own)
                   : phub__registry_summary_buf(registry, &own);

    same = rc == 0 && bytes.size > 0 && same_as(own, bytes, &node, &boot);
    phub__buf_unref(&own);
    if (same) {
        memset(comparison, 0, sizeof *comparison);
        phub__stable_note_same(registry, node, boot);
        return 0;
    }
    if (brief) {
        *comparison = (struct phub__comparison){ true, true, true };
        return 0;
    }
    phub__arena_init(&arena, NULL, 0, PHUB__SUMMARY_ARENA_MAX);
    rc = phub__summary_decode(bytes, &arena, &summary);
    if (rc == 0) {
        phub__stable_note(registry, &summary);
        phub__summary_compare(registry, &summary, comparison);
    }
    phub__arena_fini(&arena);
    return rc;
}

int phub__registry_equal(struct phub__registry *registry,
                         struct phub_bytes summary, bool *equal)
{
    struct phub__comparison comparison;
    int rc = compare(registry, summary, &comparison);

    if (rc == 0)
        *equal = !comparison.we_miss && !comparison.they_miss &&
                 !comparison.differs;
    return rc;
}

int phub__registry_covers(struct phub__registry *registry,
                          struct phub_bytes summary, bool *covers)
{
    struct phub__comparison comparison;
    int rc = compare(registry, summary, &comparison);

    if (rc == 0)
        *covers = !comparison.we_miss;
    return rc;
}
