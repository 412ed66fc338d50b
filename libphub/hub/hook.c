/* SPDX-License-Identifier: MIT */
/* hook: the handlers of each event, sorted; see hook.h. */
#include "config.h"

#include <string.h>

#include "hub/hook.h"
#include "wire/memory.h"

struct handler {
    struct handler *next;
    uint64_t handle;
    int priority;
    int all;              /* "*" */
    enum phub_hook hook;
    phub_hook_fn *fn;     /* this, */
    phub_alter_fn *alter; /* or this; both NULL: cancelled while running */
    void *arg;
};

struct phub__hooks {
    struct handler *handlers;
    uint64_t last;
    uint32_t count;
    uint32_t running;
    uint32_t alters;
    uint32_t wanted[PHUB_HOOK_COUNT];
};

static const char *const names[PHUB_HOOK_COUNT] = {
#define PHUB_HOOK_NAME_(name, help) #name,
    PHUB_HOOKS(PHUB_HOOK_NAME_)
#undef PHUB_HOOK_NAME_
};

const char *phub_hook_name(enum phub_hook hook)
{
    return (unsigned)hook < PHUB_HOOK_COUNT ? names[hook] : NULL;
}

enum phub_hook phub__hook_by_name(const char *name, size_t size)
{
    unsigned hook = 0;

    while (hook < PHUB_HOOK_COUNT &&
           (strlen(names[hook]) != size ||
            memcmp(names[hook], name, size) != 0))
        hook++;
    return (enum phub_hook)hook;
}

int phub__hooks_new(struct phub__hooks **hooks)
{
    *hooks = phub__calloc(1, sizeof **hooks);
    return *hooks != NULL ? 0 : PHUB_ENOMEM;
}

static int is_on(const struct handler *handler)
{
    return handler->fn != NULL || handler->alter != NULL;
}

static void sweep(struct phub__hooks *hooks)
{
    struct handler **p = &hooks->handlers, *dead;

    if (hooks->running != 0)
        return;
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

void phub__hooks_free(struct phub__hooks **hooks)
{
    struct handler *handler;

    if (*hooks == NULL)
        return;
    for (handler = (*hooks)->handlers; handler != NULL;
         handler = handler->next) {
        handler->fn = NULL;
        handler->alter = NULL;
    }
    (*hooks)->running = 0;
    sweep(*hooks);
    phub__free(*hooks);
    *hooks = NULL;
}

static void count_wanted(struct phub__hooks *hooks,
                         const struct handler *handler, int up)
{
    unsigned i;

    if (handler->alter != NULL) {
        hooks->alters += up ? 1u : (uint32_t)-1;
        return;
    }
    for (i = 0; i < PHUB_HOOK_COUNT; i++)
        if (handler->all || handler->hook == (enum phub_hook)i)
            hooks->wanted[i] += up ? 1u : (uint32_t)-1;
}

static int add(struct phub__hooks *hooks, const struct handler *in,
               uint64_t *handle)
{
    struct handler *handler, **p;

    if (hooks->count >= PHUB_HOOK_HANDLERS_MAX)
        return PHUB_ELIMIT;
    handler = phub__calloc(1, sizeof *handler);
    if (handler == NULL)
        return PHUB_ENOMEM;
    *handler = *in;
    handler->handle = ++hooks->last;
    for (p = &hooks->handlers; *p != NULL && (*p)->priority >= in->priority;
         p = &(*p)->next)
        ;
    handler->next = *p;
    *p = handler;
    hooks->count++;
    count_wanted(hooks, handler, 1);
    *handle = handler->handle;
    return 0;
}

int phub__hooks_add(struct phub__hooks *hooks, const char *name, int priority,
                    phub_hook_fn *fn, void *arg, uint64_t *handle)
{
    struct handler handler = { .priority = priority, .fn = fn, .arg = arg };

    handler.all = strcmp(name, "*") == 0;
    if (!handler.all) {
        handler.hook = phub__hook_by_name(name, strlen(name));
        if (handler.hook == PHUB_HOOK_COUNT)
            return PHUB_ENOTFOUND;
    }
    return add(hooks, &handler, handle);
}

int phub__hooks_add_alter(struct phub__hooks *hooks, int priority,
                          phub_alter_fn *fn, void *arg, uint64_t *handle)
{
    struct handler handler = { .priority = priority, .alter = fn,
                               .hook = PHUB_HOOK_COUNT, .arg = arg };

    return add(hooks, &handler, handle);
}

int phub__hooks_cancel(struct phub__hooks *hooks, uint64_t handle)
{
    struct handler *handler;

    for (handler = hooks->handlers; handler != NULL; handler = handler->next) {
        if (handler->handle != handle || !is_on(handler))
            continue;
        hooks->count--;
        count_wanted(hooks, handler, 0);
        handler->fn = NULL;
        handler->alter = NULL;
        sweep(hooks);
        return 0;
    }
    return PHUB_ENOTFOUND;
}

int phub__hooks_wanted(const struct phub__hooks *hooks, enum phub_hook hook)
{
    return hooks->wanted[hook] != 0;
}

void phub__hooks_run(struct phub__hooks *hooks,
                     const struct phub_hook_event *event)
{
    struct handler *handler;
    uint64_t newest = hooks->last;

    hooks->running++;
    for (handler = hooks->handlers; handler != NULL; handler = handler->next)
        if (handler->fn != NULL && handler->handle <= newest &&
            (handler->all || handler->hook == event->hook))
            handler->fn(handler->arg, event);
    hooks->running--;
    sweep(hooks);
}

int phub__hooks_alters(const struct phub__hooks *hooks)
{
    return hooks->alters != 0;
}

int phub__hooks_alter(struct phub__hooks *hooks, struct phub_alter *alter)
{
    struct handler *handler;
    uint64_t newest = hooks->last;
    int rc = 0;

    hooks->running++;
    for (handler = hooks->handlers; handler != NULL && rc == 0;
         handler = handler->next)
        if (handler->alter != NULL && handler->handle <= newest)
            rc = handler->alter(handler->arg, alter);
    hooks->running--;
    sweep(hooks);
    return rc;
}
