/* SPDX-License-Identifier: MIT */
/* watch: events for who looks on; see watch.h.
 *
 * Both ends are a *pool*: a filter and the events that it let through.  A watch
 * has one for what its user takes, and at each other member there is an
 * *outlet*, with one for what is to be sent.  The filter is applied where the
 * event happens, so that nothing travels that nobody wants; the watch repeats
 * its question every RENEW_MS and at each join, and an outlet that has not
 * heard it for its ttl is over. */
#include "config.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/tagged.h"
#include "hub/watch.h"
#include "wire/memory.h"
#include "wire/messages.h"

#define TEXT_MAX 511u
#define RENEW_MS 5000u
#define TTL_MS 20000u
#define FRAME_EVENTS_MAX 64u
#define NS_PER_MS 1000000ull

static_assert(PHUB_HOOK_COUNT <= 64, "a filter has a bit for each");

#define E struct phub__event
static PHUB__SCHEMA(event_schema, E,
    PHUB__TEXT(1, E, event, 63, PHUB__REQUIRED),
    PHUB__U64(2, E, time_ms),
    PHUB__U64(3, E, about),
    PHUB__TEXT(4, E, id, PHUB_CHILD_ID_MAX),
    PHUB__I64(5, E, code),
    PHUB__U64(6, E, count),
    PHUB__BYTES(7, E, text, TEXT_MAX),
    PHUB__TEXTS(8, E, ids, PHUB__WATCH_IDS_MAX, PHUB_CHILD_ID_MAX));

#define N struct phub__watch_news
PHUB__SCHEMA(phub__watch_news_schema, N,
    PHUB__U64(1, N, number, PHUB__REQUIRED),
    PHUB__U64(2, N, frame),
    PHUB__U64(3, N, lost),
    PHUB__LIST(4, N, events, FRAME_EVENTS_MAX, &event_schema));

#define A struct phub__watch_ask
PHUB__SCHEMA(phub__watch_ask_schema, A,
    PHUB__U64(1, A, number, PHUB__REQUIRED),
    PHUB__U64(2, A, ttl_ms, PHUB__MAX(3600000)),
    PHUB__U64(3, A, got),
    PHUB__TEXTS(4, A, events, 255, 63),
    PHUB__TEXTS(5, A, ids, PHUB__WATCH_IDS_MAX, PHUB_CHILD_ID_MAX),
    PHUB__TEXT(6, A, tag, 255),
    PHUB__TEXT(7, A, node, PHUB_NODE_NAME_MAX));

struct held {
    struct held *next;
    size_t size;
    uint64_t lost;          /* before it; alone if it has no name */
    struct phub__event event;
};

struct pool {
    struct phub__arena arena;    /* of the filter */
    struct phub__watch_ask ask;  /* lists and texts in arena */
    uint64_t wanted;             /* bits of events */
    struct phub__tagged tagged;  /* children, if ask has a tag */
    struct held *first, **last;
    uint32_t count;
    size_t bytes;
    uint64_t lost;               /* after the last that is held */
};

struct phub__watch {
    struct phub__watch *next;
    struct phub__hub *hub;
    struct pool pool;
    struct held *given;          /* borrowed by the user */
    void (*ready)(void *arg);
    void (*over)(void *arg);
    void *arg;
    int closed, told;
};

struct outlet {
    struct outlet *next;
    uint64_t node;
    uint64_t expires_ns;
    uint64_t sent, got;          /* frames */
    struct pool pool;
};

struct phub__watches {
    struct phub__watch *watches;
    struct outlet *outlets;
    uint32_t watches_count, outlets_count;
    uint64_t numbers;
    uint64_t handle;             /* of the hook; 0: nobody looks on */
    struct phub__timer *timer;   /* renews */
    int scheduled;
};

/* --- pools ---------------------------------------------------------------------- */

static int same(struct phub_bytes a, struct phub_bytes b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

static struct phub_bytes text_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static struct phub_bytes keep(struct phub__arena *arena,
                              struct phub_bytes bytes)
{
    uint8_t *copy = phub__arena_alloc(arena, bytes.size + 1, 1);

    if (copy == NULL)
        return PHUB_BYTES_NONE;
    if (bytes.size != 0)
        memcpy(copy, bytes.data, bytes.size);
    return (struct phub_bytes){ copy, bytes.size };
}

static struct phub__list keep_list(struct phub__arena *arena,
                                   const struct phub__list *list)
{
    const struct phub_bytes *from = list->items;
    struct phub_bytes *to =
        phub__arena_alloc(arena, list->count + 1u, sizeof *to);
    uint32_t i;

    for (i = 0; to != NULL && i < list->count; i++)
        to[i] = keep(arena, from[i]);
    return (struct phub__list){ to, to != NULL ? list->count : 0 };
}

/* Names that this version does not know want nothing. */
static uint64_t bits_of(const struct phub__list *events)
{
    const struct phub_bytes *names = events->items;
    uint64_t bits = 0;
    uint32_t i;

    for (i = 0; i < events->count; i++) {
        enum phub_hook hook = phub__hook_by_name((const char *)names[i].data,
                                                 names[i].size);

        if (hook != PHUB_HOOK_COUNT)
            bits |= UINT64_C(1) << hook;
    }
    return events->count == 0 ? UINT64_MAX : bits;
}

static int pool_init(struct phub__hub *hub, struct pool *pool,
                     const struct phub__watch_ask *ask)
{
    phub__arena_init(&pool->arena, NULL, 0, 1u << 20);
    pool->last = &pool->first;
    pool->ask = *ask;
    pool->ask.events = keep_list(&pool->arena, &ask->events);
    pool->ask.ids = keep_list(&pool->arena, &ask->ids);
    pool->ask.tag = keep(&pool->arena, ask->tag);
    pool->ask.node = keep(&pool->arena, ask->node);
    pool->wanted = bits_of(&ask->events);
    if (pool->arena.error != 0) {
        phub__arena_fini(&pool->arena);
        return PHUB_ENOMEM;
    }
    if (ask->tag.size != 0)
        phub__tagged_init(hub, pool->ask.tag, &pool->tagged);
    return 0;
}

static struct held *pool_take(struct pool *pool)
{
    struct held *held = pool->first;

    if (held == NULL)
        return NULL;
    pool->first = held->next;
    if (pool->first == NULL)
        pool->last = &pool->first;
    pool->count--;
    pool->bytes -= held->size;
    return held;
}

static void pool_fini(struct pool *pool)
{
    struct held *held;

    while ((held = pool_take(pool)) != NULL)
        phub__free(held);
    phub__tagged_fini(&pool->tagged);
    phub__arena_fini(&pool->arena);
}

static struct phub_bytes move_in(char **at, struct phub_bytes bytes)
{
    struct phub_bytes to = { (const uint8_t *)*at, bytes.size };

    if (bytes.size != 0)
        memcpy(*at, bytes.data, bytes.size);
    *at += bytes.size;
    return to;
}

/* One block: the struct, the list, the bytes. */
static struct held *held_new(const struct phub__event *event)
{
    const struct phub_bytes *ids = event->ids.items;
    size_t size = sizeof(struct held) +
                  event->ids.count * sizeof(struct phub_bytes) +
                  event->event.size + event->id.size + event->text.size;
    struct phub_bytes *list;
    struct held *held;
    uint32_t i;
    char *at;

    for (i = 0; i < event->ids.count; i++)
        size += ids[i].size;
    held = phub__malloc(size);
    if (held == NULL)
        return NULL;
    *held = (struct held){ .size = size, .event = *event };
    list = (struct phub_bytes *)(void *)(held + 1);
    at = (char *)(list + event->ids.count);
    held->event.event = move_in(&at, event->event);
    held->event.id = move_in(&at, event->id);
    held->event.text = move_in(&at, event->text);
    for (i = 0; i < event->ids.count; i++)
        list[i] = move_in(&at, ids[i]);
    held->event.ids.items = list;
    return held;
}

static void pool_put(struct pool *pool, const struct phub__event *event)
{
    struct held *held = NULL;

    if (pool->count < PHUB__WATCH_HELD_MAX &&
        pool->bytes < PHUB__WATCH_HELD_BYTES_MAX)
        held = held_new(event);
    if (held == NULL) {
        pool->lost++;
        return;
    }
    held->lost = pool->lost;
    pool->lost = 0;
    *pool->last = held;
    pool->last = &held->next;
    pool->count++;
    pool->bytes += held->size;
}

/* --- filters ----------------------------------------------------------------------- */

static int wants_child(const struct pool *pool, struct phub_bytes id)
{
    const struct phub_bytes *ids = pool->ask.ids.items;
    uint32_t i = 0;

    while (i < pool->ask.ids.count && !same(ids[i], id))
        i++;
    if (pool->ask.ids.count != 0 && i == pool->ask.ids.count)
        return 0;
    return pool->ask.tag.size == 0 || phub__tagged_has(&pool->tagged, id);
}

/* ids has room for PHUB__WATCH_IDS_MAX: those that are wanted. */
static void list_children(const struct pool *pool,
                          const struct phub_hook_event *in,
                          struct phub_bytes *ids, uint32_t *count)
{
    uint32_t i;

    for (i = 0; i < in->children_count && *count < PHUB__WATCH_IDS_MAX; i++) {
        struct phub_bytes id = text_of(in->children[i]->id);

        if (wants_child(pool, id))
            ids[(*count)++] = id;
    }
}

static int pool_offer(struct phub__hub *hub, struct pool *pool,
                      const struct phub_hook_event *in,
                      const struct phub__event *event)
{
    struct phub__event copy = *event;
    struct phub_bytes ids[PHUB__WATCH_IDS_MAX];
    uint32_t count = 0;

    if ((pool->wanted >> in->hook & 1) == 0 ||
        (pool->ask.node.size != 0 &&
         !same(pool->ask.node, text_of(hub->name))))
        return 0;
    list_children(pool, in, ids, &count);
    if (event->id.size != 0 ? !wants_child(pool, event->id)
        : count == 0 && (pool->ask.ids.count != 0 || pool->ask.tag.size != 0))
        return 0;
    copy.ids = (struct phub__list){ ids, count };
    pool_put(pool, &copy);
    return 1;
}

/* --- sending ------------------------------------------------------------------------- */

static void outlet_free(struct phub__watches *all, struct outlet **p)
{
    struct outlet *outlet = *p;

    *p = outlet->next;
    all->outlets_count--;
    pool_fini(&outlet->pool);
    phub__free(outlet);
}

static int send_frame(struct phub__hub *hub, struct outlet *outlet)
{
    struct phub__event events[FRAME_EVENTS_MAX];
    struct held *helds[FRAME_EVENTS_MAX];
    struct phub__watch_news news = { .number = outlet->pool.ask.number,
                                     .frame = outlet->sent + 1 };
    uint32_t count = 0, i;
    int rc;

    while (count < FRAME_EVENTS_MAX && outlet->pool.first != NULL &&
           (count == 0 || outlet->pool.first->lost == 0)) {
        helds[count] = pool_take(&outlet->pool);
        events[count] = helds[count]->event;
        count++;
    }
    news.lost = count != 0 ? helds[0]->lost : outlet->pool.lost;
    if (count == 0)
        outlet->pool.lost = 0;
    news.events = (struct phub__list){ events, count };
    rc = phub__peer_send_struct(hub, outlet->node, PHUB__MESSAGE_EVENTS,
                                &phub__watch_news_schema, &news);
    if (rc == 0)
        outlet->sent++;
    else
        outlet->pool.lost += news.lost + count;
    for (i = 0; i < count; i++)
        phub__free(helds[i]);
    return rc;
}

static void outlet_flush(struct phub__hub *hub, struct outlet *outlet)
{
    while ((outlet->pool.first != NULL || outlet->pool.lost != 0) &&
           outlet->sent - outlet->got < PHUB__WATCH_CREDIT &&
           !phub__peer_congested(hub, outlet->node))
        if (send_frame(hub, outlet) != 0)
            return; /* at the next event, or question */
}

static void watch_tell(struct phub__watch *watch)
{
    if (watch->told ||
        (watch->pool.first == NULL && watch->pool.lost == 0))
        return;
    watch->told = 1;
    watch->ready(watch->arg);
}

/* After the turn: what has gathered in it. */
static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__watches *all = hub->watches;
    struct phub__watch *watch, **w;
    struct outlet *outlet;

    all->scheduled = 0;
    for (outlet = all->outlets; outlet != NULL; outlet = outlet->next)
        outlet_flush(hub, outlet);
    for (watch = all->watches; watch != NULL; watch = watch->next)
        if (!watch->closed)
            watch_tell(watch);
    for (w = &all->watches; *w != NULL;) { /* closed by what was told */
        watch = *w;
        if (!watch->closed) {
            w = &watch->next;
            continue;
        }
        *w = watch->next;
        phub__free(watch->given);
        pool_fini(&watch->pool);
        phub__free(watch);
    }
}

static void schedule(struct phub__hub *hub)
{
    struct phub__watches *all = hub->watches;

    if (!all->scheduled && hub->env->defer(hub->env, flush, hub) == 0)
        all->scheduled = 1;
}

/* --- asking --------------------------------------------------------------------------- */

static void ask_node(struct phub__watch *watch, uint64_t node, uint64_t ttl_ms,
                     uint64_t got)
{
    struct phub__watch_ask ask = watch->pool.ask;

    ask.ttl_ms = ttl_ms;
    ask.got = got;
    (void)phub__peer_send_struct(watch->hub, node, PHUB__MESSAGE_WATCH,
                                 &phub__watch_ask_schema, &ask);
}

static void ask_all(struct phub__watch *watch, uint64_t ttl_ms)
{
    struct phub__hub *hub = watch->hub;
    struct phub_view *view = phub__hub_view(hub);
    uint32_t i;

    for (i = 0; i < phub__view_count(view); i++)
        if (phub__view_at(view, i)->id != hub->node)
            ask_node(watch, phub__view_at(view, i)->id, ttl_ms, 0);
}

static void renew(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__watches *all = hub->watches;
    struct phub__watch *watch;

    for (watch = all->watches; watch != NULL; watch = watch->next)
        if (!watch->closed)
            ask_all(watch, TTL_MS);
    if (all->watches_count != 0)
        hub->env->timer_start(hub->env, all->timer,
                              hub->env->now_ns(hub->env) +
                                  RENEW_MS * NS_PER_MS);
}

/* --- events ---------------------------------------------------------------------------- */

static void sweep_outlets(struct phub__hub *hub,
                          const struct phub_hook_event *event)
{
    struct phub__watches *all = hub->watches;
    uint64_t now = hub->env->now_ns(hub->env);
    struct outlet **p = &all->outlets;

    while (*p != NULL)
        if ((*p)->expires_ns <= now ||
            (event->hook == PHUB_HOOK_pre_node_leave &&
             event->node == (*p)->node))
            outlet_free(all, p);
        else
            p = &(*p)->next;
}

static void on_event(void *arg, const struct phub_hook_event *in);

/* One handler for all; it is there while somebody looks on. */
static int listen(struct phub__hub *hub)
{
    struct phub__watches *all = hub->watches;
    int wanted = all->watches_count + all->outlets_count != 0;

    if (wanted && all->handle == 0)
        return phub__hooks_add(hub->hooks, "*", INT_MIN, on_event, hub,
                               &all->handle);
    if (!wanted && all->handle != 0) {
        (void)phub__hooks_cancel(hub->hooks, all->handle);
        all->handle = 0;
    }
    return 0;
}

static void on_event(void *arg, const struct phub_hook_event *in)
{
    struct phub__hub *hub = arg;
    struct phub__watches *all = hub->watches;
    struct phub__event event = {
        .event = text_of(phub_hook_name(in->hook)),
        .time_ms = hub->env->wall_ms(hub->env), .node = hub->node,
        .about = in->node, .code = in->code, .count = in->count,
        .text = text_of(in->text) };
    struct phub__watch *watch;
    struct outlet *outlet;
    int any = 0;

    if (in->child != NULL)
        event.id = text_of(in->child);
    if (event.text.size > TEXT_MAX)
        event.text.size = TEXT_MAX;
    sweep_outlets(hub, in);
    for (watch = all->watches; watch != NULL; watch = watch->next)
        if (!watch->closed)
            any |= pool_offer(hub, &watch->pool, in, &event);
    for (outlet = all->outlets; outlet != NULL; outlet = outlet->next)
        any |= pool_offer(hub, &outlet->pool, in, &event);
    if (any)
        schedule(hub);
    if (in->hook == PHUB_HOOK_post_node_join)
        renew(hub);
    (void)listen(hub);
}

void phub__watch_row_changed(struct phub__hub *hub, struct phub_bytes id)
{
    struct phub__watches *all = hub->watches;
    struct phub__watch *watch;
    struct outlet *outlet;

    for (watch = all->watches; watch != NULL; watch = watch->next)
        if (watch->pool.ask.tag.size != 0)
            phub__tagged_row_changed(hub, watch->pool.ask.tag,
                                     &watch->pool.tagged, id);
    for (outlet = all->outlets; outlet != NULL; outlet = outlet->next)
        if (outlet->pool.ask.tag.size != 0)
            phub__tagged_row_changed(hub, outlet->pool.ask.tag,
                                     &outlet->pool.tagged, id);
}

/* --- what other nodes say ------------------------------------------------------------ */

static struct outlet **find_outlet(struct phub__hub *hub, uint64_t node,
                                   uint64_t number)
{
    struct outlet **p = &hub->watches->outlets;

    while (*p != NULL &&
           ((*p)->node != node || (*p)->pool.ask.number != number))
        p = &(*p)->next;
    return p;
}

static void outlet_new(struct phub__hub *hub, uint64_t node,
                       const struct phub__watch_ask *ask)
{
    struct phub__watches *all = hub->watches;
    struct outlet *outlet;

    if (all->outlets_count >= PHUB__WATCH_OUTLETS_MAX)
        return;
    outlet = phub__calloc(1, sizeof *outlet);
    if (outlet == NULL || pool_init(hub, &outlet->pool, ask) != 0) {
        phub__free(outlet);
        return; /* it is asked again */
    }
    outlet->node = node;
    outlet->next = all->outlets;
    all->outlets = outlet;
    all->outlets_count++;
    (void)listen(hub);
}

void phub__watch_asked(struct phub__hub *hub, uint64_t from,
                       struct phub_buf *body)
{
    struct phub__watch_ask ask;
    struct outlet **p;

    if (phub__hub_decode(hub, &phub__watch_ask_schema, body, &ask) != 0)
        return;
    p = find_outlet(hub, from, ask.number);
    if (ask.ttl_ms != 0 && *p == NULL)
        outlet_new(hub, from, &ask);
    p = find_outlet(hub, from, ask.number);
    if (*p != NULL && ask.ttl_ms == 0) {
        outlet_free(hub->watches, p);
        (void)listen(hub);
    } else if (*p != NULL) {
        (*p)->expires_ns = hub->env->now_ns(hub->env) +
                           ask.ttl_ms * NS_PER_MS;
        if (ask.got > (*p)->got && ask.got <= (*p)->sent)
            (*p)->got = ask.got;
        outlet_flush(hub, *p);
        (void)listen(hub); /* there may have been no memory at first */
    }
    phub__hub_decoded(hub);
}

static struct phub__watch *find_watch(struct phub__hub *hub, uint64_t number)
{
    struct phub__watch *watch = hub->watches->watches;

    while (watch != NULL &&
           (watch->closed || watch->pool.ask.number != number))
        watch = watch->next;
    return watch;
}

void phub__watch_told(struct phub__hub *hub, uint64_t from,
                      struct phub_buf *body)
{
    struct phub__watch_ask none = { .ttl_ms = 0 };
    struct phub__watch_news news;
    struct phub__event *events;
    struct phub__watch *watch;
    uint32_t i;

    if (phub__hub_decode(hub, &phub__watch_news_schema, body, &news) != 0)
        return;
    watch = find_watch(hub, news.number);
    if (watch == NULL) {
        none.number = news.number;
        (void)phub__peer_send_struct(hub, from, PHUB__MESSAGE_WATCH,
                                     &phub__watch_ask_schema, &none);
    } else {
        watch->pool.lost += news.lost;
        events = news.events.items;
        for (i = 0; i < news.events.count; i++) {
            events[i].node = from;
            pool_put(&watch->pool, &events[i]);
        }
        ask_node(watch, from, TTL_MS, news.frame);
        schedule(hub);
    }
    phub__hub_decoded(hub);
}

void phub__watch_unsent(struct phub__hub *hub, uint64_t node,
                        struct phub_buf *body)
{
    struct phub__watch_news news;
    struct phub__arena arena;
    struct outlet *outlet;

    phub__arena_init(&arena, NULL, 0, PHUB__FRAME_MAX);
    if (phub__decode(&phub__watch_news_schema, phub__buf_bytes(body), &news,
                     &arena, NULL) == 0) {
        outlet = *find_outlet(hub, node, news.number);
        if (outlet != NULL) {
            outlet->pool.lost += news.lost + news.events.count;
            if (news.frame > outlet->got)
                outlet->got = news.frame;
        }
    }
    phub__arena_fini(&arena);
}

/* --- users -------------------------------------------------------------------------------- */

int phub__watch_open(struct phub__hub *hub, const struct phub__watch_ask *ask,
                     void (*ready)(void *arg), void (*over)(void *arg),
                     void *arg, struct phub__watch **result)
{
    struct phub__watches *all = hub->watches;
    struct phub__watch *watch;
    int rc;

    if (all->watches_count >= PHUB__WATCHES_MAX)
        return PHUB_EBUSY;
    watch = phub__calloc(1, sizeof *watch);
    if (watch == NULL)
        return PHUB_ENOMEM;
    rc = pool_init(hub, &watch->pool, ask);
    if (rc != 0) {
        phub__free(watch);
        return rc;
    }
    watch->pool.ask.number = ++all->numbers;
    watch->hub = hub;
    watch->ready = ready;
    watch->over = over;
    watch->arg = arg;
    all->watches_count++;
    rc = listen(hub);
    if (rc != 0) {
        all->watches_count--;
        pool_fini(&watch->pool);
        phub__free(watch);
        return rc;
    }
    watch->next = all->watches;
    all->watches = watch;
    ask_all(watch, TTL_MS);
    hub->env->timer_start(hub->env, all->timer,
                          hub->env->now_ns(hub->env) + RENEW_MS * NS_PER_MS);
    *result = watch;
    return 0;
}

int phub__watch_take(struct phub__watch *watch, struct phub__event *event,
                     uint64_t *lost)
{
    struct pool *pool = &watch->pool;

    *event = (struct phub__event){ .time_ms = 0 };
    *lost = pool->first != NULL ? pool->first->lost : pool->lost;
    if (*lost != 0) { /* first these */
        if (pool->first != NULL)
            pool->first->lost = 0;
        else
            pool->lost = 0;
        return 0;
    }
    phub__free(watch->given);
    watch->given = pool_take(pool);
    if (watch->given == NULL) {
        watch->told = 0;
        return PHUB_EEMPTY;
    }
    *event = watch->given->event;
    return 0;
}

void phub__watch_close(struct phub__watch **result)
{
    struct phub__watch *watch = *result;
    struct phub__hub *hub;

    if (watch == NULL)
        return;
    hub = watch->hub;
    *result = NULL;
    watch->closed = 1;
    hub->watches->watches_count--;
    if (!hub->stopping)
        ask_all(watch, 0);
    (void)listen(hub);
    schedule(hub); /* it may be in the middle of being told */
}

/* --- life ----------------------------------------------------------------------------------- */

int phub__watches_new(struct phub__hub *hub)
{
    hub->watches = phub__calloc(1, sizeof *hub->watches);
    if (hub->watches == NULL)
        return PHUB_ENOMEM;
    hub->watches->numbers = phub__hub_numbers(hub);
    hub->watches->timer = hub->env->timer_new(hub->env, renew, hub);
    return hub->watches->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__watches_free(struct phub__hub *hub)
{
    struct phub__watches *all = hub->watches;
    struct phub__watch *watch;

    if (all == NULL)
        return;
    while (all->outlets != NULL)
        outlet_free(all, &all->outlets);
    while ((watch = all->watches) != NULL) {
        all->watches = watch->next;
        if (!watch->closed && watch->over != NULL)
            watch->over(watch->arg);
        phub__free(watch->given);
        pool_fini(&watch->pool);
        phub__free(watch);
    }
    if (all->timer != NULL)
        hub->env->timer_free(hub->env, &all->timer);
    phub__free(all);
    hub->watches = NULL;
}
