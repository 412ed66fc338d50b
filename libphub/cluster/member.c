/* SPDX-License-Identifier: MIT */
/* member: the table of every node we have heard of, live or not.
 *
 * Order of news about one node.  The boot number comes first: a higher boot
 * is another life, and everything about a lower one is over.  Within a boot
 * the incarnation comes next: only the node itself raises it, to refute a
 * suspicion or a death (Das 2002).  Within an incarnation the worse news
 * wins: alive < suspect < dead < left.  Left is final for its boot.
 *
 * Dead entries stay, because their endpoints are tried again for ever, and
 * because our promises to them (grant.c) outlive them. */
#include "config.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "cluster/member.h"

#define CACHE_LINE 64u

static void entry_free(struct phub__entry *entry)
{
    if (entry != NULL)
        free(entry->texts);
    free(entry);
}

void phub__members_fini(struct phub__members *members)
{
    for (uint32_t i = 0; i < members->count; i++)
        entry_free(members->entries[i]);
    free(members->entries);
    free(members->table);
    memset(members, 0, sizeof *members);
}

/* Index of the first entry that is not below node. */
static uint32_t lower_bound(const struct phub__members *members, uint64_t node)
{
    uint32_t low = 0, high = members->count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (members->entries[middle]->pub.node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static uint32_t place_of(const struct phub__members *members, uint64_t node)
{
    return (uint32_t)(node * UINT64_C(0x9fb21c651e98df25) >> 32)
        & (members->table_size - 1);
}

static void table_put(struct phub__members *members, struct phub__entry *e)
{
    uint32_t at = place_of(members, e->pub.node);

    while (members->table[at] != NULL)
        at = (at + 1) & (members->table_size - 1);
    members->table[at] = e;
}

static void table_fill(struct phub__members *members)
{
    memset(members->table, 0, members->table_size * sizeof *members->table);
    for (uint32_t i = 0; i < members->count; i++)
        table_put(members, members->entries[i]);
}

struct phub__entry *phub__members_find(const struct phub__members *members,
                                       uint64_t node)
{
    struct phub__entry *e;
    uint32_t at;

    if (members->table_size == 0)
        return NULL;
    at = place_of(members, node);
    while ((e = members->table[at]) != NULL) {
        __builtin_prefetch(&e->granted_until_ns); /* a line behind node */
        if (e->pub.node == node)
            break;
        at = (at + 1) & (members->table_size - 1);
    }
    return e;
}

void phub__members_place_ahead(const struct phub__members *members,
                               uint64_t node)
{
    if (members->table_size != 0)
        __builtin_prefetch(&members->table[place_of(members, node)]);
}

void phub__members_ahead(const struct phub__members *members, uint64_t node)
{
    const struct phub__entry *e = members->table_size == 0
        ? NULL : members->table[place_of(members, node)];

    if (e == NULL)
        return;
    __builtin_prefetch(e);
    __builtin_prefetch(&e->granted_until_ns);
}

static void drop_at(struct phub__members *members, uint32_t at)
{
    struct phub__entry *entry = members->entries[at];

    members->in_state[entry->pub.state]--;
    memmove(members->entries + at, members->entries + at + 1,
            (members->count - at - 1) * sizeof *members->entries);
    members->count--;
    members->version++;
    table_fill(members);
    entry_free(entry);
}

void phub__members_drop(struct phub__members *members,
                        struct phub__entry *entry)
{
    drop_at(members, lower_bound(members, entry->pub.node));
}

/* Give up the one that is gone for longest, that we owe nothing and that is
 * no news any more. */
static int make_room(struct phub__members *members, uint64_t now_ns)
{
    uint32_t best = UINT32_MAX;

    for (uint32_t i = 0; i < members->count; i++) {
        const struct phub__entry *e = members->entries[i];

        if (phub__member_live(e) || e->granted_until_ns > now_ns
            || e->gossip_left > 0)
            continue;
        if (best == UINT32_MAX
            || e->pub.since_ns < members->entries[best]->pub.since_ns)
            best = i;
    }
    if (best == UINT32_MAX)
        return PHUB_ELIMIT;
    drop_at(members, best);
    return 0;
}

static int grow(struct phub__members *members)
{
    uint32_t capacity = members->capacity == 0 ? 8 : members->capacity * 2;
    struct phub__entry **entries, **table;

    if (capacity > PHUB__MEMBERS_MAX)
        capacity = PHUB__MEMBERS_MAX;
    entries = realloc(members->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return PHUB_ENOMEM;
    members->entries = entries;
    table = calloc((size_t)capacity * 2, sizeof *table);
    if (table == NULL)
        return PHUB_ENOMEM;
    free(members->table);
    members->table = table;
    members->table_size = capacity * 2;
    members->capacity = capacity;
    table_fill(members);
    return 0;
}

static struct phub__entry *entry_new(const struct phub__news *news)
{
    size_t size = (sizeof(struct phub__entry) + CACHE_LINE - 1)
                / CACHE_LINE * CACHE_LINE;
    struct phub__entry *e = aligned_alloc(CACHE_LINE, size);

    if (e == NULL)
        return NULL;
    memset(e, 0, sizeof *e);
    e->pub.node = news->node;
    if (phub__member_update(e, news) == 0)
        return e;
    entry_free(e);
    return NULL;
}

int phub__members_add(struct phub__members *members,
                      const struct phub__news *news, uint64_t now_ns,
                      struct phub__entry **entry)
{
    struct phub__entry *e;
    uint32_t at;
    int rc = 0;

    assert(news->full && news->node != 0);
    assert(phub__members_find(members, news->node) == NULL);
    if (members->count == PHUB__MEMBERS_MAX)
        rc = make_room(members, now_ns);
    else if (members->count == members->capacity)
        rc = grow(members);
    if (rc != 0)
        return rc;
    e = entry_new(news);
    if (e == NULL)
        return PHUB_ENOMEM;
    e->pub.state = PHUB__MEMBER_ALIVE;
    e->pub.since_ns = now_ns;
    members->in_state[PHUB__MEMBER_ALIVE]++;
    at = lower_bound(members, news->node);
    memmove(members->entries + at + 1, members->entries + at,
            (members->count - at) * sizeof *members->entries);
    members->entries[at] = e;
    members->count++;
    members->version++;
    table_put(members, e);
    *entry = e;
    return 0;
}

struct phub__entry *phub__members_named(const struct phub__members *members,
                                        struct phub_bytes name)
{
    for (uint32_t i = 0; i < members->count; i++) {
        struct phub__entry *e = members->entries[i];

        if (phub__member_live(e) && strlen(e->pub.name) == name.size
            && memcmp(e->pub.name, name.data, name.size) == 0)
            return e;
    }
    return NULL;
}

struct phub__entry *phub__members_at(const struct phub__members *members,
                                     const char *endpoint)
{
    for (uint32_t i = 0; i < members->count; i++) {
        struct phub__entry *e = members->entries[i];

        if (phub__member_live(e) && strcmp(e->pub.endpoint, endpoint) == 0)
            return e;
    }
    return NULL;
}

void phub__member_set_state(struct phub__members *members,
                            struct phub__entry *entry,
                            enum phub__member_state state, uint64_t now_ns)
{
    assert(members->in_state[entry->pub.state] > 0);
    if (entry->pub.state == state)
        return;
    members->in_state[entry->pub.state]--;
    members->in_state[state]++;
    members->version++;
    entry->pub.state = state;
    entry->pub.since_ns = now_ns;
}

static char *put_text(const char **out, size_t max, struct phub_bytes text,
                      char *at)
{
    assert(text.size <= max);
    if (text.size > 0)
        memcpy(at, text.data, text.size);
    at[text.size] = '\0';
    *out = at;
    return at + text.size + 1;
}

int phub__member_update(struct phub__entry *entry,
                        const struct phub__news *news)
{
    char *at, *old = entry->texts;

    if (news->full) {
        at = malloc(news->name.size + news->endpoint.size + news->zone.size
                    + news->labels.size + 4);
        if (at == NULL)
            return PHUB_ENOMEM;
        entry->texts = at;
        entry->pub.weight = news->weight & ~PHUB__WEIGHT_DRAINED;
        entry->pub.drained = (news->weight & PHUB__WEIGHT_DRAINED) != 0;
        at = put_text(&entry->pub.name, PHUB_NODE_NAME_MAX, news->name, at);
        at = put_text(&entry->pub.endpoint, PHUB_ENDPOINT_MAX, news->endpoint,
                      at);
        at = put_text(&entry->pub.zone, PHUB__ZONE_MAX, news->zone, at);
        put_text(&entry->pub.labels, PHUB__LABELS_MAX, news->labels, at);
        free(old);
    }
    entry->pub.boot = news->boot;
    entry->pub.incarnation = news->incarnation;
    return 0;
}

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

void phub__member_news(const struct phub__entry *entry, bool full,
                       struct phub__news *news)
{
    memset(news, 0, sizeof *news);
    news->node = entry->pub.node;
    news->boot = entry->pub.boot;
    news->incarnation = entry->pub.incarnation;
    news->state = entry->pub.state;
    news->weight = entry->pub.weight
                 | (entry->pub.drained ? PHUB__WEIGHT_DRAINED : 0);
    if (news->state == PHUB__MEMBER_SUSPECT && entry->confirmers_count > 0)
        news->from = entry->confirmers[0];
    news->full = full;
    if (!full)
        return;
    news->name = bytes_of(entry->pub.name);
    news->endpoint = bytes_of(entry->pub.endpoint);
    news->zone = bytes_of(entry->pub.zone);
    news->labels = bytes_of(entry->pub.labels);
}

static bool same_endpoint(const struct phub__entry *entry,
                          const struct phub__news *news)
{
    return strlen(entry->pub.endpoint) == news->endpoint.size
        && memcmp(entry->pub.endpoint, news->endpoint.data,
                  news->endpoint.size) == 0;
}

static bool of_the_living(const struct phub__news *news)
{
    return news->state == PHUB__MEMBER_ALIVE
        || news->state == PHUB__MEMBER_SUSPECT;
}

/* The same boot: incarnation, then the worse state. */
static enum phub__verdict judge_same_boot(const struct phub__entry *entry,
                                          const struct phub__news *news)
{
    enum phub__member_state held = entry->pub.state;
    bool newer = news->incarnation > entry->pub.incarnation;
    bool older = news->incarnation < entry->pub.incarnation;

    if (news->full && of_the_living(news) && !same_endpoint(entry, news))
        return PHUB__NEWS_CONFLICT;
    if (held == PHUB__MEMBER_LEFT || older)
        return PHUB__NEWS_OLD;
    switch (news->state) {
    case PHUB__MEMBER_ALIVE:
        return newer ? PHUB__NEWS_ALIVE : PHUB__NEWS_OLD;
    case PHUB__MEMBER_SUSPECT:
        return newer || held != PHUB__MEMBER_DEAD ? PHUB__NEWS_SUSPECT
                                                  : PHUB__NEWS_OLD;
    case PHUB__MEMBER_DEAD:
        return held != PHUB__MEMBER_DEAD ? PHUB__NEWS_DEAD : PHUB__NEWS_OLD;
    case PHUB__MEMBER_LEFT:
        return PHUB__NEWS_LEFT;
    }
    return PHUB__NEWS_OLD;
}

enum phub__verdict phub__member_judge(const struct phub__entry *entry,
                                      const struct phub__news *news)
{
    if (entry == NULL)
        return news->full && of_the_living(news) ? PHUB__NEWS_NEW
                                                 : PHUB__NEWS_OLD;
    if (news->boot < entry->pub.boot)
        return of_the_living(news) ? PHUB__NEWS_STALE : PHUB__NEWS_OLD;
    if (news->boot > entry->pub.boot) {
        if (of_the_living(news))
            return news->full ? PHUB__NEWS_RESTART : PHUB__NEWS_OLD;
        /* A boot that we never saw has said goodbye: so ours is over.  If it
         * died instead, our probes will tell. */
        return news->state == PHUB__MEMBER_LEFT
            && entry->pub.state != PHUB__MEMBER_LEFT ? PHUB__NEWS_LEFT
                                                     : PHUB__NEWS_OLD;
    }
    return judge_same_boot(entry, news);
}
