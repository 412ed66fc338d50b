/* SPDX-License-Identifier: MIT */
/* tagged: a set of children by their tag, which outlives their rows.
 *
 * A row that is stopped has no tags any more, but who looks for a tag wants to
 * see the end of what had it.  So what has the tag at the beginning, and each
 * row that comes to have it, is remembered, by a hash of its id: a table of
 * open addresses.  What is beyond PHUB__TAGGED_MAX, or memory, is not. */
#include "config.h"

#include <string.h>

#include <xxhash.h>

#include "hub/rows.h"
#include "hub/tagged.h"
#include "wire/memory.h"

#define SIZE_FIRST 64u
#define BYTES_MAX (1u << 20)   /* a row's lists, decoded */
#define VIEWS 64u

static uint64_t hash_of(struct phub_bytes id)
{
    return XXH3_64bits(id.data, id.size) | 1;
}

int phub__row_has_tag(struct phub__hub *hub, struct phub_bytes id,
                      struct phub_bytes tag)
{
    struct phub__row_view view;
    struct phub__arena arena;
    struct phub__life life;
    const struct phub_bytes *tags;
    uint32_t i;
    int found = 0;

    if (phub__registry_get(hub->registry, id, &view) != 0 || !view.live ||
        view.tags_count == 0)
        return 0;
    phub__arena_init(&arena, NULL, 0, BYTES_MAX);
    if (phub__row_life_read(&view, &arena, &life) == 0) {
        tags = life.tags.items;
        for (i = 0; !found && i < life.tags.count; i++)
            found = tags[i].size == tag.size &&
                    memcmp(tags[i].data, tag.data, tag.size) == 0;
    }
    phub__arena_fini(&arena);
    return found;
}

/* Where it is, or would be. */
static uint64_t *slot(const struct phub__tagged *tagged, uint64_t hash)
{
    uint32_t at = (uint32_t)(hash >> 1) & (tagged->size - 1);

    while (tagged->slots[at] != 0 && tagged->slots[at] != hash)
        at = (at + 1) & (tagged->size - 1);
    return &tagged->slots[at];
}

static int grow(struct phub__tagged *tagged)
{
    struct phub__tagged wide = { .size = tagged->size != 0 ? tagged->size * 2
                                                           : SIZE_FIRST,
                                 .count = tagged->count };
    uint32_t i;

    if (tagged->count * 2 < tagged->size)
        return 1;
    wide.slots = phub__calloc(wide.size, sizeof *wide.slots);
    if (wide.slots == NULL)
        return 0;
    for (i = 0; i < tagged->size; i++)
        if (tagged->slots[i] != 0)
            *slot(&wide, tagged->slots[i]) = tagged->slots[i];
    phub__free(tagged->slots);
    *tagged = wide;
    return 1;
}

static void add(struct phub__tagged *tagged, struct phub_bytes id)
{
    uint64_t hash = hash_of(id), *at;

    if (tagged->count >= PHUB__TAGGED_MAX || !grow(tagged))
        return;
    at = slot(tagged, hash);
    tagged->count += *at == 0;
    *at = hash;
}

void phub__tagged_init(struct phub__hub *hub, struct phub_bytes tag,
                       struct phub__tagged *tagged)
{
    struct phub__query query = { .by = PHUB__BY_TAG, .key = tag };
    struct phub__row_view views[VIEWS];
    uint64_t cursor = 0;
    uint32_t i, n;

    *tagged = (struct phub__tagged){ .size = 0 };
    do {
        n = phub__registry_query(hub->registry, &query, &cursor, 4096, views,
                                 VIEWS);
        for (i = 0; i < n; i++)
            add(tagged, views[i].id);
    } while (cursor != 0 && tagged->count < PHUB__TAGGED_MAX);
}

void phub__tagged_fini(struct phub__tagged *tagged)
{
    phub__free(tagged->slots);
    *tagged = (struct phub__tagged){ .size = 0 };
}

void phub__tagged_row_changed(struct phub__hub *hub, struct phub_bytes tag,
                              struct phub__tagged *tagged,
                              struct phub_bytes id)
{
    if (phub__row_has_tag(hub, id, tag))
        add(tagged, id);
}

int phub__tagged_has(const struct phub__tagged *tagged, struct phub_bytes id)
{
    return tagged->size != 0 && *slot(tagged, hash_of(id)) != 0;
}
