/* SPDX-License-Identifier: MIT */
/* host_life: strategies begin and end on this hub.
 *
 * Each that is open has a struct phub_ctx, which the host table's functions
 * take, in one of a few slots: the one of each kind that is in charge
 * (hub->strategies), and while strategies are changed (strategies.c) others
 * beside it.  What such a one has asked for and does not live to hear is
 * dropped, as who is never used twice. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/strategies.h"
#include "wire/memory.h"

/* --- one strategy ------------------------------------------------------------ */

int phub__host_ctx_open(struct phub__hub *hub,
                        struct phub__strategy *strategy,
                        uint64_t generation, struct phub_ctx **result, char *error,
                        size_t error_max)
{
    struct phub__host *host = hub->host;
    struct phub_ctx *ctx = phub__calloc(1, sizeof *ctx);
    uint32_t slot = 0;
    int rc;

    while (slot < PHUB__SLOTS && host->slots[slot] != NULL)
        slot++;
    if (ctx == NULL || slot == PHUB__SLOTS) {
        snprintf(error, error_max, ctx == NULL ? "out of memory"
                 : "%u strategies are open here, some of them to end their "
                   "work; try again later", PHUB__SLOTS);
        phub__free(ctx);
        return ctx == NULL ? PHUB_ENOMEM : PHUB_EBUSY;
    }
    *ctx = (struct phub_ctx){ .hub = hub,
                              .kind = (enum phub_kind)strategy->kind,
                              .slot = slot, .who = ++host->who_last,
                              .generation = generation,
                              .strategy = strategy };
    host->slots[slot] = ctx;
    host->kinds[slot] = (uint8_t)ctx->kind;
    strategy->note = hub->env->calls;
    rc = phub__host_store_open(ctx, error, error_max);
    if (rc == 0)
        phub__host_cells_learn(ctx);
    if (rc == 0)
        rc = phub__strategy_open(strategy, ctx, &phub__host_table, error,
                                 error_max);
    if (rc != 0) {
        ctx->strategy = NULL; /* it stays the caller's */
        phub__host_ctx_close(&ctx);
        return rc;
    }
    *result = ctx;
    return 0;
}

int phub__host_ctx_idle(const struct phub_ctx *ctx)
{
    const struct phub__host *host = ctx->hub->host;

    return ctx->moving == 0 && ctx->strategy->entered == 0 &&
           host->plans[ctx->slot] == NULL && !phub__host_store_busy(ctx);
}

void phub__host_ctx_close(struct phub_ctx **result)
{
    struct phub_ctx *ctx = *result;

    if (ctx->strategy != NULL)
        phub__strategy_close(ctx->strategy);
    while (ctx->timers != NULL)
        phub__host_timer_free(ctx->timers);
    phub__host_events_close(ctx);
    phub__host_load_close(ctx);
    phub__host_plan_close(ctx);
    phub__host_asked_close(ctx);
    phub__host_cells_close(ctx);
    phub__host_store_free(ctx);
    ctx->hub->host->slots[ctx->slot] = NULL;
    phub__strategy_free(&ctx->strategy);
    phub__free(ctx);
    *result = NULL;
}

/* --- all of them ------------------------------------------------------------- */

/* What crashes there takes the daemon with it: the log names it. */
static void loading(void *arg, const char *path)
{
    phub__hub_log(arg, PHUB__LOG_DEBUG, "loading \"%s\"", path);
}

/* Load; open comes when the hub has a view to show. */
int phub__host_new(struct phub__hub *hub, char *error, size_t error_max)
{
    unsigned kind;
    int rc;

    hub->host = phub__calloc(1, sizeof *hub->host);
    if (hub->host == NULL)
        return PHUB_ENOMEM;
    hub->host->last = &hub->host->first;
    if (phub__host_spare(hub->host) != 0 ||
        phub__host_cells_new(hub) != 0 || phub__host_loads_new(hub) != 0 ||
        phub__host_events_new(hub) != 0)
        return PHUB_ENOMEM;
    rc = phub__strategies_new(hub, error, error_max);
    if (rc == 0)
        rc = phub__loader_new(hub->options.plugin_path, &hub->loader, error,
                              error_max);
    if (rc == 0)
        phub__loader_tell(hub->loader, loading, hub);
    for (kind = 1; rc == 0 && kind < PHUB__KINDS; kind++) {
        const struct phub__strategy_option *o = &hub->set->chosen[kind];

        if (o->name == NULL || o->name[0] == '\0') {
            snprintf(error, error_max,
                     "no %s strategy is configured; name one in [strategies], "
                     "phub-plugin list shows what is there",
                     phub__kind_name(kind));
            return PHUB_ECONFIG;
        }
        rc = phub__strategy_load(hub->loader, kind, o->name, o->params,
                                 o->params_count, &hub->strategies[kind],
                                 error, error_max);
        if (rc != 0 && phub__strategies_fall_back(hub, kind, error))
            rc = phub__strategy_load(hub->loader, kind, o->name, o->params,
                                     o->params_count, &hub->strategies[kind],
                                     error, error_max);
    }
    return rc;
}

int phub__host_contradiction(const struct phub__hub *hub,
                             struct phub__strategy *instead, char *error,
                             size_t error_max)
{
    struct phub__strategy *d = hub->strategies[PHUB_KIND_DISTRIBUTION];
    struct phub__strategy *r = hub->strategies[PHUB_KIND_REDUNDANCY];
    struct phub_view_node two[2] = { { .id = 1 }, { .id = 2 } };
    struct phub_view *view;
    uint32_t factor = 1;

    if (instead != NULL && instead->kind == PHUB_KIND_DISTRIBUTION)
        d = instead;
    if (instead != NULL && instead->kind == PHUB_KIND_REDUNDANCY)
        r = instead;
    if (!(d->flags & PHUB_FLAG_SINGLE))
        return 0;
    view = phub__view_new(two, 2);
    if (view == NULL)
        return PHUB_ENOMEM;
    if (phub__call_factor(r, view, &factor, error, error_max) != 0)
        factor = 1;
    phub__view_unref(&view);
    if (factor == 1)
        return 0;
    snprintf(error, error_max,
             "distribution '%s' chooses one node for each child, and "
             "redundancy '%s' wants several; configure redundancy "
             "singularity, or another distribution, such as consistent_hash",
             d->name, r->name);
    return PHUB_ECONFIG;
}

int phub__host_open(struct phub__hub *hub, char *error, size_t error_max)
{
    struct phub_ctx *ctx;
    unsigned kind;
    int rc = 0;

    for (kind = 1; rc == 0 && kind < PHUB__KINDS; kind++)
        rc = phub__host_ctx_open(hub, hub->strategies[kind],
                                 hub->set->generations[kind], &ctx, error,
                                 error_max);
    if (rc == 0)
        rc = phub__host_contradiction(hub, NULL, error, error_max);
    if (rc == 0)
        phub__strategies_open(hub);
    return rc;
}

void phub__host_free(struct phub__hub *hub)
{
    struct phub__host *host = hub->host;
    struct phub__told *told;
    uint32_t slot, kind;

    if (host == NULL)
        return;
    phub__host_plans_free(hub);
    for (kind = 1; kind < PHUB__KINDS; kind++)
        if (hub->strategies[kind] != NULL && hub->strategies[kind]->self == NULL)
            phub__strategy_free(&hub->strategies[kind]); /* not open yet */
    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (host->slots[slot] != NULL)
            phub__host_ctx_close(&host->slots[slot]);
    memset(hub->strategies, 0, sizeof hub->strategies);
    phub__host_work_forget(hub);
    phub__host_loads_free(hub);
    phub__host_events_free(hub);
    phub__host_cells_free(hub);
    phub__loader_free(&hub->loader);
    *host->last = host->spare;
    while ((told = host->first) != NULL) {
        host->first = told->next;
        phub__buf_unref(&told->buf);
        phub__free(told);
    }
    phub__free(host);
    hub->host = NULL;
    phub__strategies_free(hub);
}
