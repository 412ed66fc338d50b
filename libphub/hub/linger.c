/* SPDX-License-Identifier: MIT */
/* linger: who waits until a lost node cannot run a child; see linger.h. */
#include "config.h"

#include <string.h>

#include <phub/error.h>

#include "hub/hub.h"
#include "hub/linger.h"
#include "hub/rows.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define LOOK_MS 50u
#define NS_PER_MS 1000000ull

struct linger {
    struct linger *next;
    void (*done)(void *arg, int rc);
    void *arg;
    uint64_t home;
    uint32_t id_size;
    char id[];
};

struct phub__lingers {
    struct linger *first;
    struct phub__timer *timer;
    int closed;
};

static int lingers(struct phub__hub *hub, struct phub_bytes id, uint64_t home)
{
    return (home != 0 && phub__synced_lease_left(hub, home)) ||
           phub__row_may_linger(hub, id);
}

static void arm(struct phub__hub *hub)
{
    hub->env->timer_start(hub->env, hub->lingers->timer,
                          hub->env->now_ns(hub->env) + LOOK_MS * NS_PER_MS);
}

/* done() may wait again, and that is for the next look. */
static void look(void *arg)
{
    struct phub__hub *hub = arg;
    struct linger *linger = hub->lingers->first, *next;

    hub->lingers->first = NULL;
    for (; linger != NULL; linger = next) {
        struct phub_bytes id = { (const uint8_t *)linger->id,
                                 linger->id_size };

        next = linger->next;
        if (!hub->lingers->closed && lingers(hub, id, linger->home)) {
            linger->next = hub->lingers->first;
            hub->lingers->first = linger;
            continue;
        }
        linger->done(linger->arg, hub->lingers->closed ? PHUB_ESHUTDOWN : 0);
        phub__free(linger);
    }
    if (hub->lingers->first != NULL)
        arm(hub);
}

int phub__lingers_new(struct phub__hub *hub)
{
    hub->lingers = phub__calloc(1, sizeof *hub->lingers);
    if (hub->lingers == NULL)
        return PHUB_ENOMEM;
    hub->lingers->timer = hub->env->timer_new(hub->env, look, hub);
    return hub->lingers->timer != NULL ? 0 : PHUB_ENOMEM;
}

void phub__lingers_close(struct phub__hub *hub)
{
    if (hub->lingers == NULL)
        return;
    hub->lingers->closed = 1;
    look(hub);
}

void phub__lingers_free(struct phub__hub *hub)
{
    if (hub->lingers == NULL)
        return;
    if (hub->lingers->timer != NULL)
        hub->env->timer_free(hub->env, &hub->lingers->timer);
    phub__free(hub->lingers);
    hub->lingers = NULL;
}

void phub__linger_wait(struct phub__hub *hub, struct phub_bytes id,
                       uint64_t home, void (*done)(void *arg, int rc),
                       void *arg)
{
    struct linger *linger;

    if (hub->lingers->closed || !lingers(hub, id, home)) {
        done(arg, hub->lingers->closed ? PHUB_ESHUTDOWN : 0);
        return;
    }
    linger = phub__calloc(1, sizeof *linger + id.size);
    if (linger == NULL) {
        done(arg, PHUB_ENOMEM);
        return;
    }
    linger->done = done;
    linger->arg = arg;
    linger->home = home;
    linger->id_size = (uint32_t)id.size;
    memcpy(linger->id, id.data, id.size);
    linger->next = hub->lingers->first;
    hub->lingers->first = linger;
    if (linger->next == NULL)
        arm(hub);
}
