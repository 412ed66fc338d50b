/* SPDX-License-Identifier: MIT */
/* listing: find many children, and hear of changes, from a program.
 *
 * A list is made on the hub's thread in pieces of PIECE children, copied out,
 * and given to the caller on its own thread: neither waits long for the
 * other. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/embed.h"
#include "hub/rows.h"
#include "hub/subscribe.h"
#include "hub/tagged.h"
#include "wire/memory.h"

#define PIECE 64u
#define LOOKED 1024u              /* rows looked at for a piece */
#define PIECE_BYTES_MAX (32u << 20)

static int valid(const struct phub_hub *hub)
{
    return hub != NULL && hub->magic == PHUB__EMBED_MAGIC;
}

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text,
                                text != NULL ? strlen(text) : 0 };
}

/* --- listing -------------------------------------------------------------- */

struct piece {
    struct phub_query query;
    uint64_t cursor;
    int over;
    struct phub__arena arena;
    uint32_t count;
    struct phub_listed listed[PIECE];
};

static const char *copy_text(struct phub__arena *arena,
                             struct phub_bytes bytes)
{
    char *copy = phub__arena_alloc(arena, bytes.size + 1, 1);

    if (copy == NULL)
        return NULL;
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    copy[bytes.size] = '\0';
    return copy;
}

static const char *const *copy_tags(struct phub__arena *arena,
                                    const struct phub__list *list)
{
    const struct phub_bytes *from = list->items;
    const char **to = phub__arena_alloc(arena, list->count + 1u, sizeof *to);
    uint32_t i;

    for (i = 0; to != NULL && i < list->count; i++)
        to[i] = copy_text(arena, from[i]);
    return to;
}

static const struct phub_pair *copy_pairs(struct phub__arena *arena,
                                          const struct phub__list *list)
{
    const struct phub__meta_pair *from = list->items;
    struct phub_pair *to =
        phub__arena_alloc(arena, list->count + 1u, sizeof *to);
    uint32_t i;

    for (i = 0; to != NULL && i < list->count; i++)
        to[i] = (struct phub_pair){ copy_text(arena, from[i].key),
                                    copy_text(arena, from[i].value) };
    return to;
}

/* All that is given but what the index was asked for. */
static int fits(struct phub_hub *hub, const struct phub_query *query,
                const struct phub__row_view *view)
{
    const char *home = phub__hub_name_of(hub->hub, view->home);
    struct phub_bytes value, wanted = bytes_of(query->value);

    if (!view->live || (query->local && view->home != hub->hub->node) ||
        (query->node != NULL && strcmp(query->node, home) != 0))
        return 0;
    if (query->tag != NULL &&
        !phub__row_has_tag(hub->hub, view->id, bytes_of(query->tag)))
        return 0;
    if (query->key == NULL)
        return 1;
    return phub__row_meta(view, bytes_of(query->key), &value) == 0 &&
           (query->value == NULL ||
            (value.size == wanted.size &&
             memcmp(value.data, wanted.data, value.size) == 0));
}

static void take(struct phub_hub *hub, struct piece *piece,
                 const struct phub__row_view *view)
{
    struct phub_listed *listed = &piece->listed[piece->count];
    struct phub__half_view half;
    struct phub__half full = { .node = 0 };
    struct phub__life life;

    *listed = (struct phub_listed){ .size = sizeof *listed };
    if (phub__embed_place(hub, view->id, &listed->place) != 0 ||
        phub__row_life_read(view, &piece->arena, &life) != 0)
        return;
    if (phub__row_half_of(view, view->home, &half))
        (void)phub__row_half_read(&half, &piece->arena, &full);
    listed->id = copy_text(&piece->arena, view->id);
    listed->home = copy_text(&piece->arena,
                             bytes_of(phub__hub_name_of(hub->hub,
                                                        view->home)));
    listed->tags = copy_tags(&piece->arena, &life.tags);
    listed->tags_count = life.tags.count;
    listed->metadata = copy_pairs(&piece->arena, &life.metadata);
    listed->metadata_count = life.metadata.count;
    listed->published = copy_pairs(&piece->arena, &full.metadata);
    listed->published_count = full.metadata.count;
    piece->count++;
}

static int fill(struct phub_hub *hub, void *arg)
{
    struct piece *piece = arg;
    const struct phub_query *q = &piece->query;
    const struct phub__registry *registry = hub->hub->registry;
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view views[PIECE];
    uint32_t i, n = 0;

    piece->count = 0;
    if (q->id != NULL) {
        n = phub__registry_get(registry, bytes_of(q->id), &views[0]) == 0;
    } else {
        if (q->tag != NULL)
            query = (struct phub__query){ .by = PHUB__BY_TAG,
                                          .key = bytes_of(q->tag) };
        else if (q->local)
            query = (struct phub__query){ .by = PHUB__BY_HOME,
                                          .node = hub->hub->node };
        else if (q->key != NULL)
            query = (struct phub__query){ .by = PHUB__BY_META,
                                          .key = bytes_of(q->key),
                                          .value = bytes_of(q->value) };
        n = phub__registry_query(registry, &query, &piece->cursor, LOOKED,
                                 views, PIECE);
    }
    for (i = 0; i < n; i++)
        if (fits(hub, q, &views[i]))
            take(hub, piece, &views[i]);
    piece->over = piece->cursor == 0;
    return piece->arena.error != 0 ? PHUB_ENOMEM : 0;
}

int phub_list(struct phub_hub *hub, const struct phub_query *query,
              phub_list_fn *fn, void *arg)
{
    struct piece *piece;
    uint32_t i;
    int rc = 0;

    if (!valid(hub) || query == NULL || fn == NULL ||
        query->size < sizeof query->size ||
        query->size > sizeof *query)
        return PHUB_EINVAL;
    piece = phub__calloc(1, sizeof *piece);
    if (piece == NULL)
        return PHUB_ENOMEM;
    memcpy(&piece->query, query, query->size);
    phub__arena_init(&piece->arena, NULL, 0, PIECE_BYTES_MAX);
    while (rc == 0 && !piece->over) {
        rc = phub__embed_run(hub, fill, piece);
        for (i = 0; rc == 0 && i < piece->count; i++)
            rc = fn(arg, &piece->listed[i]);
        phub__arena_reset(&piece->arena);
    }
    phub__arena_fini(&piece->arena);
    phub__free(piece);
    return rc;
}

/* --- subscriptions ---------------------------------------------------------- */

struct subscriber {
    struct phub_hub *hub;
    phub_change_fn *fn;
    void *arg;
};

static void changed(void *arg, struct phub_bytes bytes, uint32_t what)
{
    const struct subscriber *s = arg;
    struct phub_change change = { .size = sizeof change, .what = what };
    struct phub_place place;
    char id[PHUB_CHILD_ID_MAX + 1];

    if (bytes.size != 0) {
        memcpy(id, bytes.data, bytes.size);
        id[bytes.size] = '\0';
        change.id = id;
        if (phub__embed_place(s->hub, bytes, &place) == 0)
            change.place = &place;
    }
    s->fn(s->arg, &change);
}

struct subscribe_ask {
    const char *id, *tag;
    struct subscriber *subscriber;
    uint64_t handle;
};

static int subscribe(struct phub_hub *hub, void *arg)
{
    struct subscribe_ask *ask = arg;

    return phub__subscribe(hub->hub, bytes_of(ask->id), bytes_of(ask->tag),
                           changed, phub__free, ask->subscriber,
                           &ask->handle);
}

int phub_subscribe(struct phub_hub *hub, const char *id, const char *tag,
                   phub_change_fn *fn, void *arg, uint64_t *handle)
{
    struct subscribe_ask ask = { .id = id, .tag = tag };
    int rc;

    if (!valid(hub) || fn == NULL || (id != NULL && id[0] == '\0') ||
        (tag != NULL && tag[0] == '\0'))
        return PHUB_EINVAL;
    ask.subscriber = phub__calloc(1, sizeof *ask.subscriber);
    if (ask.subscriber == NULL)
        return PHUB_ENOMEM;
    *ask.subscriber = (struct subscriber){ hub, fn, arg };
    rc = phub__embed_run(hub, subscribe, &ask);
    if (rc != 0)
        phub__free(ask.subscriber);
    else if (handle != NULL)
        *handle = ask.handle;
    return rc;
}

static int unsubscribe(struct phub_hub *hub, void *arg)
{
    return phub__unsubscribe(hub->hub, *(uint64_t *)arg);
}

int phub_unsubscribe(struct phub_hub *hub, uint64_t handle)
{
    if (!valid(hub))
        return PHUB_EINVAL;
    return phub__embed_run(hub, unsubscribe, &handle);
}
