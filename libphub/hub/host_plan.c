/* SPDX-License-Identifier: MIT */
/* host_plan: moves that a strategy asks for, at the pace that it sets.
 *
 * Each child of a plan is one request MOVE to its home, wherever that is; the
 * home's migration strategy carries it out, and may ask the child first.  So a
 * plan holds nothing but what it has not begun yet: its node may die at any
 * time, and what has begun ends by itself.  A child that moved meanwhile, or is
 * where it should go, counts as moved. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/host_private.h"
#include "hub/request.h"
#include "wire/memory.h"
#include "wire/reader.h"

#define NS_PER_MINUTE 60000000000ull

struct planned {
    struct phub__host_plan *plan;
    struct phub_bytes id;           /* owned by the plan's arena */
    uint64_t targets[PHUB_PLAN_TARGETS_MAX];
    uint32_t targets_count;
    uint32_t target;                /* that it is being tried with */
    uint32_t flags;
};

struct phub__host_plan {
    struct phub__hub *hub;
    uint32_t slot, who;
    const char *name;               /* the strategy's */
    uint64_t token;
    struct phub__timer *timer;
    struct phub__arena arena;
    uint64_t next_ns;               /* no move begins before */
    uint64_t interval_ns;
    uint32_t at_once, timeout_ms;
    uint32_t count, begun, under_way, moved, failed;
    int cancelled;
    char text[PHUB__HOST_TEXT_MAX];
    struct planned items[];
};

static void step(void *arg);

static void plan_free(struct phub__host_plan *plan)
{
    if (plan->timer != NULL)
        plan->hub->env->timer_free(plan->hub->env, &plan->timer);
    phub__arena_fini(&plan->arena);
    phub__free(plan);
}

/* Of a strategy that did not come up: nothing of it has begun. */
void phub__host_plan_close(struct phub_ctx *ctx)
{
    struct phub__host_plan **plan = &ctx->hub->host->plans[ctx->slot];

    if (*plan != NULL)
        plan_free(*plan);
    *plan = NULL;
}

void phub__host_plans_free(struct phub__hub *hub)
{
    uint32_t slot;

    for (slot = 0; slot < PHUB__SLOTS; slot++)
        if (hub->host->plans[slot] != NULL) {
            plan_free(hub->host->plans[slot]);
            hub->host->plans[slot] = NULL;
        }
}

static void over(struct phub__host_plan *plan)
{
    struct phub__hub *hub = plan->hub;
    struct phub__told_counts counts = { plan->moved, plan->failed };
    int rc = plan->cancelled ? PHUB_ECANCELLED
           : plan->failed != 0 ? PHUB_EFAILED : 0;

    hub->host->plans[plan->slot] = NULL;
    phub__host_complete_counts(hub, plan->who, plan->token, rc, &counts,
                               plan->text);
    plan_free(plan);
}

/* --- one move ---------------------------------------------------------------- */

static void ended(struct planned *item, int rc, const char *text)
{
    struct phub__host_plan *plan = item->plan;

    plan->under_way--;
    if (rc == 0 || rc == PHUB_EREPEATED) {
        plan->moved++;
    } else {
        if (plan->failed++ == 0)
            snprintf(plan->text, sizeof plan->text, "'%.*s': %s%s%s",
                     (int)item->id.size, (const char *)item->id.data,
                     phub_strerror(rc), text[0] != '\0' ? ": " : "", text);
    }
}

static int next_may(int rc)
{
    return rc == PHUB_ENODEDOWN || rc == PHUB_EREFUSED ||
           rc == PHUB_EUNSUPPORTED;
}

static int ask(struct planned *item);

static void asked_done(void *arg, struct phub__request *request)
{
    struct planned *item = arg;
    struct phub__host_plan *plan = item->plan;
    const struct phub__request_item *answer = &request->items[0];

    if (answer->code == PHUB_ESHUTDOWN)
        plan->cancelled = 1;
    if (next_may(answer->code) && item->target + 1 < item->targets_count &&
        !plan->cancelled) {
        item->target++;
        if (ask(item) == 0)
            return;
    }
    ended(item, answer->code, answer->text != NULL ? answer->text : "");
    step(plan);
}

static int ask(struct planned *item)
{
    struct phub__host_plan *plan = item->plan;
    const char *name = plan->name;
    struct phub__request *request =
        phub__request_new(plan->hub, PHUB__OP_MOVE, 1, plan->timeout_ms);
    struct phub__op_item *op;

    if (request == NULL)
        return PHUB_EBUSY;
    op = &request->items[0].op;
    op->id = phub__request_copy(request, item->id);
    op->text = phub__request_copy(request, (struct phub_bytes){
        (const uint8_t *)name, strlen(name) });
    op->target = item->targets[item->target];
    op->flags = PHUB__ITEM_PLANNED;
    if (item->flags & PHUB_PLAN_NO_CONSENT)
        op->flags |= PHUB__ITEM_NO_CONSENT;
    if (op->id.size == 0) {
        phub__request_drop(request);
        return PHUB_ENOMEM;
    }
    phub__request_send(request, asked_done, item);
    return 0;
}

/* Begin what may begin now. */
static void step(void *arg)
{
    struct phub__host_plan *plan = arg;
    struct phub_env *env = plan->hub->env;
    uint64_t now = env->now_ns(env);

    if (plan->hub->stopping)
        plan->cancelled = 1;
    while (!plan->cancelled && plan->begun < plan->count &&
           plan->under_way < plan->at_once && plan->next_ns <= now) {
        struct planned *item = &plan->items[plan->begun++];
        int rc;

        plan->under_way++;
        plan->next_ns = now + plan->interval_ns;
        rc = ask(item);
        if (rc != 0)
            ended(item, rc, "");
    }
    if (plan->under_way == 0 &&
        (plan->cancelled || plan->begun == plan->count))
        over(plan);
    else if (!plan->cancelled && plan->begun < plan->count &&
             plan->under_way < plan->at_once)
        env->timer_start(env, plan->timer, plan->next_ns);
}

/* --- the table's ------------------------------------------------------------- */

static int copy_item(struct phub__host_plan *plan, struct planned *to,
                     const struct phub_plan_item *from)
{
    uint8_t *id;

    if (from->targets_count == 0 || from->id.size == 0 ||
        from->id.size > PHUB_CHILD_ID_MAX)
        return PHUB_EINVAL;
    if (from->targets_count > PHUB_PLAN_TARGETS_MAX)
        return PHUB_ELIMIT;
    id = phub__arena_alloc(&plan->arena, from->id.size, 1);
    if (id == NULL)
        return PHUB_ENOMEM;
    memcpy(id, from->id.data, from->id.size);
    *to = (struct planned){ .plan = plan, .id = { id, from->id.size },
                            .targets_count = (uint32_t)from->targets_count,
                            .flags = from->flags };
    memcpy(to->targets, from->targets,
           to->targets_count * sizeof to->targets[0]);
    return 0;
}

static void set_pace(struct phub__host_plan *plan,
                     const struct phub_pace *pace)
{
    struct phub_pace full = { .size = sizeof full };

    if (pace != NULL)
        memcpy(&full, pace, pace->size < sizeof full ? pace->size
                                                     : sizeof full);
    plan->at_once = full.at_once != 0 ? full.at_once : PHUB_PLAN_AT_ONCE;
    plan->timeout_ms = full.timeout_ms != 0 ? full.timeout_ms
                                            : PHUB_PLAN_TIMEOUT_MS;
    plan->interval_ns = full.per_minute != 0
                            ? NS_PER_MINUTE / full.per_minute : 0;
}

int phub__host_plan_submit(struct phub_ctx *ctx,
                           const struct phub_plan_item *items,
                           uint32_t count, uint32_t stride,
                           const struct phub_pace *pace, uint64_t token)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__host_plan *plan;
    const uint8_t *at = (const uint8_t *)items;
    uint32_t i;
    int rc = 0;

    if (hub->host->plans[ctx->slot] != NULL)
        return PHUB_EBUSY;
    if (count > PHUB_PLAN_ITEMS_MAX)
        return PHUB_ELIMIT;
    plan = phub__calloc(1, sizeof *plan + count * sizeof plan->items[0]);
    if (plan == NULL)
        return PHUB_ENOMEM;
    plan->hub = hub;
    plan->slot = ctx->slot;
    plan->who = ctx->who;
    plan->name = ctx->strategy->name;
    plan->token = token;
    plan->count = count;
    phub__arena_init(&plan->arena, NULL, 0, SIZE_MAX);
    set_pace(plan, pace);
    plan->timer = hub->env->timer_new(hub->env, step, plan);
    for (i = 0; rc == 0 && i < count; i++, at += stride) {
        struct phub_plan_item full = { .size = sizeof full };

        memcpy(&full, at, stride < sizeof full ? stride : sizeof full);
        rc = copy_item(plan, &plan->items[i], &full);
    }
    if (rc != 0 || plan->timer == NULL) {
        plan_free(plan);
        return rc != 0 ? rc : PHUB_ENOMEM;
    }
    hub->host->plans[ctx->slot] = plan;
    plan->next_ns = hub->env->now_ns(hub->env);
    hub->env->timer_start(hub->env, plan->timer, plan->next_ns);
    return 0;
}

int phub__host_plan_cancel(struct phub_ctx *ctx)
{
    struct phub__hub *hub = ctx->hub;
    struct phub__host_plan *plan = hub->host->plans[ctx->slot];

    if (plan == NULL)
        return PHUB_ENOTFOUND;
    plan->cancelled = 1;
    hub->env->timer_start(hub->env, plan->timer,
                          hub->env->now_ns(hub->env));
    return 0;
}
