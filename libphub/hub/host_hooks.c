/* SPDX-License-Identifier: MIT */
/* host_hooks: events of this node, as strategies hear of them.
 *
 * The hub tells its events while it does things, perhaps from inside a call of
 * a strategy; so an event is copied for each handler and told from the loop, in
 * the order in which handlers were called.  A strategy that makes more events
 * than it hears loses some, and is told how many. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "wire/memory.h"

struct phub__host_hook {
    struct phub__host_hook *next;
    struct phub_ctx *ctx;
    phub_event_fn *fn;            /* this, */
    phub_strategy_alter_fn *alter; /* or this; both NULL: cancelled */
    uint64_t token;
    uint64_t handle;
};

struct waiting {
    struct waiting *next;
    struct phub__host_hook *hook;
    uint32_t slot;
    enum phub_hook name;
    uint64_t node;
    int32_t code;
    uint32_t count, lost;
    size_t child_size, text_size;
    char bytes[];
};

struct phub__host_events {
    struct phub__host_hook *hooks;
    struct waiting *first, **last;
    int scheduled;
    int telling;                  /* what waits is not in first any more */
    uint32_t waiting[PHUB__SLOTS];
    uint32_t lost[PHUB__SLOTS];
};

int phub__host_events_new(struct phub__hub *hub)
{
    hub->host->events = phub__calloc(1, sizeof *hub->host->events);
    if (hub->host->events == NULL)
        return PHUB_ENOMEM;
    hub->host->events->last = &hub->host->events->first;
    return 0;
}

static int is_on(const struct phub__host_hook *hook)
{
    return hook->fn != NULL || hook->alter != NULL;
}

void phub__host_events_free(struct phub__hub *hub)
{
    struct phub__host_events *events = hub->host->events;
    struct phub__host_hook *hook;
    struct waiting *w;

    if (events == NULL)
        return;
    while ((w = events->first) != NULL) {
        events->first = w->next;
        phub__free(w);
    }
    while ((hook = events->hooks) != NULL) {
        events->hooks = hook->next;
        if (is_on(hook))
            (void)phub__hooks_cancel(hub->hooks, hook->handle);
        phub__free(hook);
    }
    phub__free(events);
    hub->host->events = NULL;
}

/* Those that were cancelled, and that nothing waits for any more. */
static void sweep(struct phub__host_events *events)
{
    struct phub__host_hook **p = &events->hooks, *dead;

    while (*p != NULL) {
        dead = *p;
        if (is_on(dead)) {
            p = &dead->next;
            continue;
        }
        *p = dead->next;
        phub__free(dead);
    }
}

static struct phub_bytes text_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static void tell(const struct waiting *w)
{
    struct phub_event event = {
        .size = sizeof event, .code = w->code, .node = w->node,
        .count = w->count, .lost = w->lost,
        .name = text_of(phub_hook_name(w->name)),
        .child = { (const uint8_t *)w->bytes, w->child_size },
        .text = { (const uint8_t *)w->bytes + w->child_size, w->text_size } };

    phub__call_event(w->hook->ctx->strategy, w->hook->fn, w->hook->token,
                     &event);
}

static void flush(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__host_events *events = hub->host->events;
    struct waiting *w = events->first, *next;

    events->first = NULL;
    events->last = &events->first;
    events->scheduled = 0;
    events->telling = 1;
    for (; w != NULL; w = next) {
        next = w->next;
        events->waiting[w->slot]--;
        if (w->hook->fn != NULL)
            tell(w);
        phub__free(w);
    }
    events->telling = 0;
    if (events->first == NULL)
        sweep(events);
}

static void happened(void *arg, const struct phub_hook_event *event)
{
    struct phub__host_hook *hook = arg;
    struct phub__hub *hub = hook->ctx->hub;
    struct phub__host_events *events = hub->host->events;
    uint32_t slot = hook->ctx->slot;
    size_t child = event->child != NULL ? strlen(event->child) : 0;
    size_t text = event->text != NULL ? strlen(event->text) : 0;
    struct waiting *w = NULL;

    if (events->waiting[slot] < PHUB_EVENTS_MAX)
        w = phub__malloc(sizeof *w + child + text);
    if (w == NULL) {
        events->lost[slot]++;
        return;
    }
    *w = (struct waiting){ .hook = hook, .slot = slot,
                           .name = event->hook,
                           .node = event->node, .code = event->code,
                           .count = event->count, .lost = events->lost[slot],
                           .child_size = child, .text_size = text };
    if (child != 0)
        memcpy(w->bytes, event->child, child);
    if (text != 0)
        memcpy(w->bytes + child, event->text, text);
    events->lost[slot] = 0;
    events->waiting[slot]++;
    *events->last = w;
    events->last = &w->next;
    if (!events->scheduled && hub->env->defer(hub->env, flush, hub) == 0)
        events->scheduled = 1;
}

/* --- the table's ------------------------------------------------------------- */

/* Takes what was added. */
static int added(struct phub_ctx *ctx, struct phub__host_hook *hook, int rc,
                 uint64_t *handle)
{
    if (rc != 0) {
        phub__free(hook);
        return rc;
    }
    hook->next = ctx->hub->host->events->hooks;
    ctx->hub->host->events->hooks = hook;
    *handle = hook->handle;
    return 0;
}

int phub__host_hook_add(struct phub_ctx *ctx, const char *name,
                        int32_t priority, phub_event_fn *fn, uint64_t token,
                        uint64_t *handle)
{
    struct phub__host_hook *hook;

    if (fn == NULL || name == NULL)
        return PHUB_EINVAL;
    hook = phub__calloc(1, sizeof *hook);
    if (hook == NULL)
        return PHUB_ENOMEM;
    hook->ctx = ctx;
    hook->fn = fn;
    hook->token = token;
    return added(ctx, hook,
                 phub__hooks_add(ctx->hub->hooks, name, priority, happened,
                                 hook, &hook->handle), handle);
}

static int altering(void *arg, struct phub_alter *alter)
{
    struct phub__host_hook *hook = arg;

    return phub__call_alter(hook->ctx->strategy, hook->alter, hook->token,
                            alter);
}

int phub__host_alter_add(struct phub_ctx *ctx, int32_t priority,
                         phub_strategy_alter_fn *fn, uint64_t token,
                         uint64_t *handle)
{
    struct phub__host_hook *hook;

    if (fn == NULL)
        return PHUB_EINVAL;
    hook = phub__calloc(1, sizeof *hook);
    if (hook == NULL)
        return PHUB_ENOMEM;
    hook->ctx = ctx;
    hook->alter = fn;
    hook->token = token;
    return added(ctx, hook,
                 phub__hooks_add_alter(ctx->hub->hooks, priority, altering,
                                       hook, &hook->handle), handle);
}

static void cancel(struct phub__hub *hub, struct phub__host_hook *hook)
{
    hook->fn = NULL;
    hook->alter = NULL;
    (void)phub__hooks_cancel(hub->hooks, hook->handle);
}

void phub__host_events_close(struct phub_ctx *ctx)
{
    struct phub__host_events *events = ctx->hub->host->events;
    struct phub__host_hook *hook;

    for (hook = events->hooks; hook != NULL; hook = hook->next)
        if (hook->ctx == ctx && is_on(hook))
            cancel(ctx->hub, hook);
    if (events->first == NULL && !events->telling)
        sweep(events);
    events->lost[ctx->slot] = 0;
}

int phub__host_hook_cancel(struct phub_ctx *ctx, uint64_t handle)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__host_events *events = hub->host->events;
    struct phub__host_hook *hook;

    for (hook = events->hooks; hook != NULL; hook = hook->next) {
        if (hook->handle != handle || !is_on(hook) || hook->ctx != ctx)
            continue;
        cancel(hub, hook);
        if (events->first == NULL && !events->telling)
            sweep(events);
        return 0;
    }
    return PHUB_ENOTFOUND;
}
