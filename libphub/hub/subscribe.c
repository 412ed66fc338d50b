/* SPDX-License-Identifier: MIT */
/* subscribe: who hears of changed rows; see subscribe.h.
 *
 * Ids of changed rows are gathered, one behind the other, and told from the
 * loop: whoever writes a row is never re-entered by who hears of it.  Nothing
 * is gathered while nobody has subscribed. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/subscribe.h"
#include "hub/tagged.h"
#include "wire/memory.h"

static const uint32_t whats =
    PHUB_CHANGE_LIFE | PHUB_CHANGE_HOME | PHUB_CHANGE_INSTANCE;

struct subscription {
    struct subscription *next;
    uint64_t handle;
    phub__changed_fn *fn;          /* NULL: over */
    void (*drop)(void *arg);
    void *arg;
    struct phub__tagged tagged;
    struct phub_bytes id, tag;     /* in bytes */
    uint8_t bytes[];
};

struct phub__subscriptions {
    struct subscription *first, **last;
    uint32_t count;
    uint64_t handles;
    uint8_t *changed;              /* what, size, id; ... */
    size_t size, capacity, newest;
    int lost, scheduled, running;
};

static void sweep(struct phub__subscriptions *all)
{
    struct subscription **p = &all->first, *dead;

    while (*p != NULL) {
        dead = *p;
        if (dead->fn != NULL) {
            p = &dead->next;
            continue;
        }
        *p = dead->next;
        if (dead->drop != NULL)
            dead->drop(dead->arg);
        phub__tagged_fini(&dead->tagged);
        phub__free(dead);
    }
    all->last = p;
}

static int wants(const struct subscription *s, struct phub_bytes id)
{
    if (id.size == 0)
        return 1;
    if (s->id.size != 0 &&
        (s->id.size != id.size || memcmp(s->id.data, id.data, id.size) != 0))
        return 0;
    return s->tag.size == 0 || phub__tagged_has(&s->tagged, id);
}

static void tell(struct phub__subscriptions *all, struct phub_bytes id,
                 uint32_t what, uint64_t newest)
{
    struct subscription *s;

    for (s = all->first; s != NULL; s = s->next)
        if (s->fn != NULL && s->handle <= newest && wants(s, id))
            s->fn(s->arg, id, what);
}

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__subscriptions *all = hub->subscriptions;
    uint8_t *changed = all->changed;
    size_t size = all->size, at;
    uint64_t newest = all->handles;
    int lost = all->lost;

    all->changed = NULL;
    all->size = all->capacity = 0;
    all->scheduled = all->lost = 0;
    all->running = 1;
    for (at = 0; at < size; at += 2u + changed[at + 1])
        tell(all, (struct phub_bytes){ changed + at + 2, changed[at + 1] },
             changed[at], newest);
    if (lost)
        tell(all, PHUB_BYTES_NONE, whats, newest);
    all->running = 0;
    phub__free(changed);
    sweep(all);
}

static void schedule(struct phub__hub *hub)
{
    struct phub__subscriptions *all = hub->subscriptions;

    if (!all->scheduled && hub->env->defer(hub->env, flush, hub) == 0)
        all->scheduled = 1;
}

/* The last one again, as when one write changes two halves. */
static int is_newest(const struct phub__subscriptions *all,
                     struct phub_bytes id)
{
    const uint8_t *entry = all->changed + all->newest;

    return all->size != 0 && entry[1] == id.size &&
           memcmp(entry + 2, id.data, id.size) == 0;
}

static void note(struct phub__subscriptions *all, struct phub_bytes id,
                 uint32_t what)
{
    size_t need = all->size + 2 + id.size;
    uint8_t *wide;

    if (is_newest(all, id)) {
        all->changed[all->newest] |= (uint8_t)what;
        return;
    }
    if (need > all->capacity) {
        size_t capacity = all->capacity != 0 ? all->capacity * 2 : 1024;

        wide = capacity <= PHUB__SUBSCRIBED_BYTES_MAX
                   ? phub__realloc(all->changed, capacity) : NULL;
        if (wide == NULL) {
            all->lost = 1;
            return;
        }
        all->changed = wide;
        all->capacity = capacity;
    }
    all->newest = all->size;
    all->changed[all->size] = (uint8_t)what;
    all->changed[all->size + 1] = (uint8_t)id.size;
    memcpy(all->changed + all->size + 2, id.data, id.size);
    all->size = need;
}

void phub__subscribe_row_changed(struct phub__hub *hub, struct phub_bytes id,
                                 uint32_t changed)
{
    struct phub__subscriptions *all = hub->subscriptions;
    uint32_t what = changed & whats;
    struct subscription *s;
    int any = 0;

    if (all == NULL || what == 0)
        return;
    for (s = all->first; s != NULL; s = s->next) {
        if (s->tag.size != 0 && (changed & PHUB__CHANGED_LIFE))
            phub__tagged_row_changed(hub, s->tag, &s->tagged, id);
        any |= s->fn != NULL && wants(s, id);
    }
    if (!any)
        return;
    note(all, id, what);
    schedule(hub);
}

static struct phub__subscriptions *make(struct phub__hub *hub)
{
    if (hub->subscriptions == NULL) {
        hub->subscriptions = phub__calloc(1, sizeof *hub->subscriptions);
        if (hub->subscriptions != NULL)
            hub->subscriptions->last = &hub->subscriptions->first;
    }
    return hub->subscriptions;
}

int phub__subscribe(struct phub__hub *hub, struct phub_bytes id,
                    struct phub_bytes tag, phub__changed_fn *fn,
                    void (*drop)(void *arg), void *arg, uint64_t *handle)
{
    struct phub__subscriptions *all = make(hub);
    struct subscription *s;

    if (all == NULL)
        return PHUB_ENOMEM;
    if (all->count >= PHUB__SUBSCRIPTIONS_MAX)
        return PHUB_ELIMIT;
    s = phub__calloc(1, sizeof *s + id.size + tag.size);
    if (s == NULL)
        return PHUB_ENOMEM;
    if (id.size != 0)
        memcpy(s->bytes, id.data, id.size);
    if (tag.size != 0)
        memcpy(s->bytes + id.size, tag.data, tag.size);
    s->id = (struct phub_bytes){ s->bytes, id.size };
    s->tag = (struct phub_bytes){ s->bytes + id.size, tag.size };
    if (tag.size != 0)
        phub__tagged_init(hub, s->tag, &s->tagged);
    s->handle = ++all->handles;
    s->fn = fn;
    s->drop = drop;
    s->arg = arg;
    *all->last = s;
    all->last = &s->next;
    all->count++;
    *handle = s->handle;
    return 0;
}

int phub__unsubscribe(struct phub__hub *hub, uint64_t handle)
{
    struct phub__subscriptions *all = hub->subscriptions;
    struct subscription *s = all != NULL ? all->first : NULL;

    while (s != NULL && (s->handle != handle || s->fn == NULL))
        s = s->next;
    if (s == NULL)
        return PHUB_ENOTFOUND;
    s->fn = NULL;
    all->count--;
    if (!all->running)
        sweep(all);
    return 0;
}

void phub__subscriptions_free(struct phub__hub *hub)
{
    struct phub__subscriptions *all = hub->subscriptions;
    struct subscription *s;

    if (all == NULL)
        return;
    for (s = all->first; s != NULL; s = s->next)
        s->fn = NULL;
    sweep(all);
    phub__free(all->changed);
    phub__free(all);
    hub->subscriptions = NULL;
}
