/* SPDX-License-Identifier: MIT */
/* serve_strategy: which strategies this node goes by, and changes of those of
 * the hub (strategies.c). */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/request.h"
#include "hub/serve.h"
#include "hub/strategies.h"

#define SWITCH_MS 30000u   /* unless told */

/* --- the list ---------------------------------------------------------------- */

static struct phub__list params_of(struct phub__report *report,
                                   const struct phub__strategy *strategy)
{
    const struct phub_plugin *plugin = phub__strategy_descriptor(strategy);
    struct phub__record_pair *pairs = phub__arena_alloc(
        &report->arena, strategy->values_count + 1, sizeof *pairs);
    uint32_t i;

    for (i = 0; pairs != NULL && i < strategy->values_count; i++)
        pairs[i] = (struct phub__record_pair){
            phub__text_of(plugin->params[i].name),
            phub__text_of(phub__strategy_value(strategy, i)) };
    return (struct phub__list){ pairs,
                                pairs != NULL ? strategy->values_count : 0 };
}

static void describe(struct phub__report *report, const struct phub_ctx *ctx,
                     const char *state)
{
    struct phub__record *record = phub__report_record(report);

    record->id = phub__text_of(phub__kind_name(ctx->kind));
    record->node = phub__text_of(report->hub->name);
    record->state = phub__text_of(state);
    record->text = phub__text_of(ctx->strategy->name);
    record->value = ctx->generation;
    record->metadata = params_of(report, ctx->strategy);
}

static void describe_offer(struct phub__report *report, uint32_t kind)
{
    const struct phub__strategy_option *o =
        &report->hub->options.strategies[kind];
    struct phub__record *record = phub__report_record(report);

    record->id = phub__text_of(phub__kind_name(kind));
    record->node = phub__text_of(report->hub->name);
    record->state = phub__text_of("offered");
    record->text = phub__text_of(o->name);
}

static void list(struct phub__report *report)
{
    struct phub__hub *hub = report->hub;
    uint32_t kind, slot;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        describe(report, hub->strategies[kind]->ctx, "used");
        for (slot = 0; slot < PHUB__SLOTS; slot++) {
            const struct phub_ctx *ctx = hub->host->slots[slot];

            if (ctx != NULL && ctx->kind == kind &&
                ctx != hub->strategies[kind]->ctx)
                describe(report, ctx, ctx == hub->set->beside[kind]
                                          ? "loaded" : "ending");
        }
        if (hub->set->offered[kind])
            describe_offer(report, kind);
    }
    phub__report_end(report, 0, "");
}

/* --- a change ---------------------------------------------------------------- */

static void switched(void *arg, struct phub__request *request)
{
    const struct phub__request_item *item = &request->items[0];

    phub__report_end(arg, item->code,
                     item->text != NULL ? item->text : "");
}

/* The kind, the name, and "key=value". */
static int choice_of(const struct phub__question *q,
                     struct phub__choice *choice, const char **text)
{
    const struct phub_bytes *words = q->ids.items;
    char kind[32];

    *text = "a kind and a name are needed";
    if (q->ids.count < 2)
        return PHUB_EINVAL;
    snprintf(kind, sizeof kind, "%.*s", (int)words[0].size,
             (const char *)words[0].data);
    choice->kind = phub__kind_of(kind);
    choice->name = words[1];
    choice->params = (struct phub__list){
        (void *)(uintptr_t)(words + 2), q->ids.count - 2 };
    *text = "no such kind: distribution, redundancy, sync, migration and "
            "partition are known";
    if (choice->kind == 0)
        return PHUB_EINVAL;
    *text = "too many parameters";
    return q->ids.count - 2 > PHUB__SET_PARAMS_MAX ? PHUB_ELIMIT : 0;
}

void phub__serve_strategy(struct phub__report *report,
                          const struct phub__question *q)
{
    struct phub__choice choice = { 0 };
    struct phub__request *request = NULL;
    struct phub__builder builder;
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    const char *text;
    int rc;

    if (q->ids.count == 0) {
        list(report);
        return;
    }
    rc = choice_of(q, &choice, &text);
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    if (rc == 0) {
        text = "the name, or its parameters, are too long";
        rc = phub__encode(&phub__choice_schema, &choice, &builder);
    }
    if (rc == 0) {
        text = "as many operations as are allowed are under way";
        request = phub__request_new(report->hub, PHUB__OP_SWITCH, 1,
                                    q->timeout_ms != 0 ? q->timeout_ms
                                                       : SWITCH_MS);
        rc = request != NULL ? 0 : PHUB_EBUSY;
    }
    if (rc == 0) {
        request->items[0].op.id =
            phub__request_copy(request, phub__strategies_id(bytes));
        request->items[0].op.spec = phub__request_copy(
            request, (struct phub_bytes){ builder.data, builder.size });
        phub__request_send(request, switched, report);
    }
    phub__builder_fini(&builder);
    if (rc != 0)
        phub__report_end(report, rc, text);
}
