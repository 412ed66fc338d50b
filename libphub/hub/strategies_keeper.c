/* SPDX-License-Identifier: MIT */
/* strategies_keeper: one change of strategies, from the wish to the last node.
 *
 * The node that keeps the row carries it out, one change at a time; strategies.c
 * has the steps and why they are safe.  A keeper that dies before the row is
 * written leaves strategies open beside others, which are closed after a while,
 * and the asker is told that it went; after that the row speaks for itself.
 *
 * Offers: a node whose configuration has changed asks all others whether theirs
 * says the same, now and then, and the last one that was restarted gets a yes
 * from all, and asks for the change as an operator would. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/keeper.h"
#include "hub/redistribute.h"
#include "hub/request.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "hub/synced.h"
#include "wire/memory.h"

#define LOAD_MS 10000u   /* for every member to load it, or to take it */
#define OFFER_MS 5000u
#define TEXT_MAX 512u

struct phub__change {
    struct phub__hub *hub;
    struct phub__reply reply;
    uint32_t kind;
    uint64_t generation;
    uint64_t digest;
    uint64_t view_hash;  /* when all were asked whether they go by both */
    int waiting;         /* to ask again */
};

/* Epochs of two sides may have one number, and generations must not; which of
 * these is greater says the node, as for the epochs of the rows: a row that
 * wins has to be one that is gone by. */
static uint64_t generation_new(struct phub__hub *hub)
{
    return phub__hub_epoch(hub).number << 16 | hub->node >> 48;
}

static void reply_text(struct phub__hub *hub, const struct phub__reply *reply,
                       int code, const char *text)
{
    phub__reply(hub, reply, code, hub->node, 0, text);
}

static void finish(struct phub__change *change, int code, const char *text)
{
    struct phub__hub *hub = change->hub;

    if (change->reply.transaction != 0)
        reply_text(hub, &change->reply, code, text);
    if (code != 0 && phub__strategies_joint(hub) == NULL)
        phub__strategies_drop(hub, change->kind);
    hub->set->change = NULL;
    phub__free(change);
}

/* A question to every member, this one too; NULL: no memory. */
static struct phub__request *ask_all(struct phub__hub *hub,
                                     enum phub__load_step step,
                                     struct phub_bytes spec)
{
    struct phub_view *view = phub__hub_view(hub);
    uint32_t count = phub__view_count(view), i;
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_LOAD, count, LOAD_MS);
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);

    for (i = 0; request != NULL && i < count; i++) {
        struct phub__op_item *op = &request->items[i].op;

        op->id = phub__request_copy(request, id);
        op->spec = phub__request_copy(request, spec);
        op->flags = step;
        op->target = phub__view_at(view, i)->id;
        op->epoch.number = hub->set->set.generation;
    }
    if (request != NULL && request->arena.error != 0) {
        phub__request_drop(request);
        request = NULL;
    }
    return request;
}

static const char *answer_of(const struct phub__request_item *item)
{
    return item->text != NULL && item->text[0] != '\0'
        ? item->text : phub_strerror(item->code);
}

/* --- the row ----------------------------------------------------------------- */

/* What was chosen, with choice (or NULL) as one of it, or as what all go by
 * as well. */
static int set_write(struct phub__hub *hub, const struct phub__choice *choice,
                     int both)
{
    const struct phub__set *now = &hub->set->set;
    const struct phub__choice *old = now->choices.items;
    struct phub__choice list[PHUB__KINDS];
    struct phub__set set = { .generation = generation_new(hub) };
    struct phub__builder builder;
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);
    uint32_t i, count = 0;
    int rc;

    for (i = 0; i < now->choices.count; i++)
        if (both || choice == NULL || old[i].kind != choice->kind)
            list[count++] = old[i];
    if (both)
        set.next = (struct phub__list){ (void *)(uintptr_t)choice, 1 };
    else if (choice != NULL)
        list[count++] = *choice;
    set.choices = (struct phub__list){ list, count };
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    rc = phub__encode(&phub__set_schema, &set, &builder);
    if (rc == 0)
        rc = phub__registry_cell_put(
            hub->registry, (struct phub_bytes){ id.data + 1, id.size - 1 },
            (struct phub_bytes){ builder.data, builder.size },
            phub__hub_epoch(hub));
    phub__builder_fini(&builder);
    return rc;
}

/* Everybody has the row; who has not said so gets it by the sync strategy, or
 * when it is back. */
static void took(void *arg, struct phub__request *request)
{
    struct phub__change *change = arg;
    struct phub__hub *hub = change->hub;
    char text[TEXT_MAX], name[PHUB_NODE_NAME_MAX + 24];
    uint32_t i, late = 0;
    int size = snprintf(text, sizeof text, "%s is '%s' on %u nodes",
                        phub__kind_name(change->kind),
                        hub->strategies[change->kind]->name,
                        phub__view_count(phub__hub_view(hub)));

    for (i = 0; request != NULL && i < request->count; i++) {
        if (request->items[i].code == 0 || late++ != 0)
            continue;
        phub__hub_node_name(hub, request->items[i].op.target, name,
                            sizeof name);
        (void)snprintf(text + size, sizeof text - (size_t)size,
                       "; %s has not said so: %s", name,
                       answer_of(&request->items[i]));
    }
    finish(change, 0, text);
}

/* Write it, go by it, and give it to all. */
static void give(struct phub__change *change, enum phub__load_step step,
                 const struct phub__choice *choice, phub__request_done *done)
{
    struct phub__hub *hub = change->hub;
    struct phub__request *request = NULL;
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);
    const char *why;
    int rc = phub__keeper_may_not(hub, id, &why);

    if (rc == 0) {
        rc = set_write(hub, choice, step == PHUB__LOAD_BOTH);
        why = phub_strerror(rc);
    }
    change->waiting = rc != 0 && step == PHUB__LOAD_TAKE &&
                      hub->set->set.next.count != 0;
    if (change->waiting)
        return; /* all go by both: there is no way back but this one */
    if (rc != 0) {
        finish(change, rc, why);
        return;
    }
    phub__strategies_look(hub);
    change->view_hash = phub__view_hash(phub__hub_view(hub));
    request = ask_all(hub, step, PHUB_BYTES_NONE);
    if (request == NULL) {
        done(change, NULL);
        return;
    }
    if (phub__rows_delta(hub, &id, 1, &request->rows) != 0)
        request->rows = NULL;
    phub__request_send(request, done, change);
}

/* Who has always been alone has a view that never had to settle. */
static int settled(const struct phub__hub *hub)
{
    return phub__redistribution_settled(hub) ||
           phub__view_count(phub__hub_view(hub)) == 1;
}

/* May a lost node still have a lease by the old strategy alone? */
static int lease_left(struct phub__hub *hub)
{
    uint64_t node = 0, ready, now = hub->env->now_ns(hub->env);
    int left;

    while ((node = phub__synced_lost(hub, node, &ready, &left)) != 0)
        if (!left && ready > now)
            return 1;
    return 0;
}

/* All members of this very view go by both: from now on the new one is enough.
 * Else it is tried again. */
static void both(void *arg, struct phub__request *request)
{
    struct phub__change *change = arg;
    struct phub__hub *hub = change->hub;
    struct phub__set *set = &hub->set->set;
    char text[TEXT_MAX], name[PHUB_NODE_NAME_MAX + 24];
    int good = request != NULL && set->next.count != 0 &&
               settled(hub) && !lease_left(hub) &&
               change->view_hash == phub__view_hash(phub__hub_view(hub));
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);
    const char *why;
    uint32_t i;

    for (i = 0; request != NULL && i < request->count; i++) {
        good = good && request->items[i].code == 0;
        if (request->items[i].code != PHUB_EPLUGIN)
            continue;
        phub__hub_node_name(hub, request->items[i].op.target, name,
                            sizeof name);
        snprintf(text, sizeof text, "taken back: %s: %s", name,
                 answer_of(&request->items[i]));
        change->waiting = phub__keeper_may_not(hub, id, &why) != 0;
        if (change->waiting)
            return;
        if (set_write(hub, NULL, 0) == 0)
            phub__strategies_look(hub);
        finish(change, PHUB_EPLUGIN, text);
        return;
    }
    change->waiting = !good;
    if (good)
        give(change, PHUB__LOAD_TAKE, set->next.items, took);
}

void phub__strategies_go_on(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    struct phub__change *change = s->change;
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);
    struct phub__request *request;
    const char *why;

    if (change != NULL && !change->waiting)
        return;
    if (s->set.next.count == 0) { /* it came to an end elsewhere */
        if (change != NULL)
            finish(change, s->generations[change->kind] == change->generation
                               ? 0 : PHUB_EBUSY, "another node ended it");
        return;
    }
    if (phub__view_keeper(phub__hub_view(hub), id) != hub->node) {
        if (change != NULL)
            finish(change, PHUB_EBUSY, "another node goes on with it");
        return;
    }
    if (phub__keeper_may_not(hub, id, &why) != 0)
        return;
    if (change == NULL) {
        const struct phub__choice *next = s->set.next.items;

        change = s->change = phub__calloc(1, sizeof *change);
        if (change == NULL)
            return;
        *change = (struct phub__change){ .hub = hub,
                                         .kind = (uint32_t)next->kind,
                                         .generation = next->generation };
    }
    request = ask_all(hub, PHUB__LOAD_BOTH, PHUB_BYTES_NONE);
    change->waiting = request == NULL;
    change->view_hash = phub__view_hash(phub__hub_view(hub));
    if (request == NULL)
        return;
    if (phub__rows_delta(hub, &id, 1, &request->rows) != 0)
        request->rows = NULL;
    phub__request_send(request, both, change);
}

/* Nobody had anything against it. */
static void choose(struct phub__change *change,
                   const struct phub__choice *choice)
{
    if (choice->kind == PHUB_KIND_PARTITION)
        give(change, PHUB__LOAD_BOTH, choice, both);
    else
        give(change, PHUB__LOAD_TAKE, choice, took);
}

/* --- before it is chosen ----------------------------------------------------- */

static void loaded(void *arg, struct phub__request *request)
{
    struct phub__change *change = arg;
    struct phub__hub *hub = change->hub;
    struct phub__choice choice = { 0 };
    struct phub__arena arena;
    char text[TEXT_MAX], name[PHUB_NODE_NAME_MAX + 24];
    uint32_t i;

    for (i = 0; i < request->count; i++) {
        const struct phub__request_item *item = &request->items[i];
        int digest = item->code == 0 && item->value != change->digest;

        if ((item->code == PHUB_ENODEDOWN &&
             change->kind != PHUB_KIND_PARTITION) ||
            (item->code == 0 && !digest))
            continue; /* one that went takes it when it is back */
        phub__hub_node_name(hub, item->op.target, name, sizeof name);
        snprintf(text, sizeof text, "nothing was changed: %s: %s", name,
                 !digest ? answer_of(item)
                         : "its parameters come to another digest; is it "
                           "another version of the plugin");
        finish(change, digest ? PHUB_EMISMATCH
                       /* again is for who asks to say */
                       : item->code == PHUB_EAGAIN ||
                                 item->code == PHUB_ETIMEDOUT
                             ? PHUB_EREFUSED : item->code, text);
        return;
    }
    phub__arena_init(&arena, NULL, 0, 4 * PHUB__SET_SIZE_MAX);
    if (phub__decode(&phub__choice_schema, request->items[0].op.spec, &choice,
                     &arena, NULL) == 0)
        choose(change, &choice);
    else
        finish(change, PHUB_ENOMEM, "out of memory");
    phub__arena_fini(&arena);
}

/* Load it here first: most mistakes are found without asking anybody. */
static void begin(struct phub__change *change, struct phub__choice *choice)
{
    struct phub__hub *hub = change->hub;
    struct phub__request *request = NULL;
    struct phub__builder builder;
    char text[PHUB__LOADER_ERROR_MAX], whole[1000];
    int rc;

    choice->generation = change->generation = generation_new(hub);
    rc = phub__strategies_beside(hub, choice, text, sizeof text);
    if (rc != 0) {
        snprintf(whole, sizeof whole, "nothing was changed: node '%s': %.*s",
                 hub->name, (int)sizeof whole - 128, text);
        finish(change, rc, whole);
        return;
    }
    change->digest = hub->set->beside[change->kind]->strategy->digest;
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    if (phub__encode(&phub__choice_schema, choice, &builder) == 0)
        request = ask_all(hub, PHUB__LOAD_BESIDE,
                          (struct phub_bytes){ builder.data, builder.size });
    phub__builder_fini(&builder);
    if (request == NULL)
        finish(change, PHUB_ENOMEM, "out of memory");
    else
        phub__request_send(request, loaded, change);
}

/* It is what the hub goes by already. */
static int is_chosen(const struct phub__hub *hub,
                     const struct phub__choice *choice)
{
    const struct phub__choice *choices = hub->set->set.choices.items;
    const struct phub_bytes *a = choice->params.items, *b;
    uint32_t i, k;

    for (i = 0; i < hub->set->set.choices.count; i++) {
        b = choices[i].params.items;
        if (choices[i].kind != choice->kind ||
            choices[i].name.size != choice->name.size ||
            memcmp(choices[i].name.data, choice->name.data,
                   choice->name.size) != 0 ||
            choices[i].params.count != choice->params.count)
            continue;
        for (k = 0; k < choice->params.count; k++)
            if (a[k].size != b[k].size ||
                memcmp(a[k].data, b[k].data, a[k].size) != 0)
                break;
        return k == choice->params.count;
    }
    return 0;
}

void phub__strategies_switch(struct phub__hub *hub,
                             const struct phub__op_request *op,
                             const struct phub__op_item *item)
{
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__choice choice = { 0 };
    struct phub__change *change;
    struct phub__arena arena;
    char text[TEXT_MAX], name[128];
    const char *why;
    int rc = phub__keeper_may_not(hub, item->id, &why);

    if (rc != 0) {
        reply_text(hub, &reply, rc, why);
        return;
    }
    phub__arena_init(&arena, NULL, 0, 4 * PHUB__SET_SIZE_MAX);
    rc = !phub__strategies_is_row(item->id)
        ? PHUB_EINVAL : phub__decode(&phub__choice_schema, item->spec,
                                     &choice, &arena, NULL);
    if (rc == 0 && !phub__choice_ok(&choice))
        rc = PHUB_EINVAL;
    if (rc == 0)
        phub__choice_text(&choice, name, sizeof name);
    if (rc != 0) {
        snprintf(text, sizeof text, "no choice of a strategy");
    } else if (hub->set->change != NULL || hub->set->set.next.count != 0) {
        snprintf(text, sizeof text, "another change of strategies is under "
                 "way; phub strategy shows it; try again when it is over");
        rc = PHUB_EBUSY;
    } else if (is_chosen(hub, &choice)) {
        snprintf(text, sizeof text, "the hub goes by %s already", name);
    } else if ((change = phub__calloc(1, sizeof *change)) != NULL) {
        *change = (struct phub__change){ .hub = hub, .reply = reply,
                                         .kind = (uint32_t)choice.kind };
        hub->set->change = change;
        begin(change, &choice);
        phub__arena_fini(&arena);
        return;
    } else {
        snprintf(text, sizeof text, "out of memory");
        rc = PHUB_ENOMEM;
    }
    reply_text(hub, &reply, rc, text);
    phub__arena_fini(&arena);
}

/* --- as one of the members --------------------------------------------------- */

static int beside(struct phub__hub *hub, const struct phub__choice *choice,
                  char *text, size_t text_max)
{
    const struct phub__strategies *s = hub->set;

    if (s->set.next.count != 0) {
        snprintf(text, text_max, "another change is under way here");
        return PHUB_EBUSY;
    }
    if (choice->generation <= s->set.generation) {
        snprintf(text, text_max, "it knows a later set of strategies");
        return PHUB_EREFUSED;
    }
    if (s->beside[choice->kind] != NULL &&
        s->beside_generation[choice->kind] == choice->generation)
        return 0; /* asked twice */
    return phub__strategies_beside(hub, choice, text, text_max);
}

/* Children end where a partition strategy says so, or gives no lease: it is
 * asked before it counts. */
static int ready(struct phub__hub *hub, char *text, size_t text_max)
{
    struct phub_ctx *ctx = hub->set->beside[PHUB_KIND_PARTITION];

    if (phub__redistribution_verdict(hub, ctx->strategy) ==
            PHUB_VERDICT_CONTINUE && phub__lease_could(hub, ctx))
        return 0;
    snprintf(text, text_max, "partition strategy '%s' would not let this node "
             "go on with the %u nodes that it sees; look at its parameters",
             ctx->strategy->name, phub__view_count(phub__hub_view(hub)));
    return PHUB_EAGAIN;
}

static int offers(struct phub__hub *hub, const struct phub__choice *choice,
                  char *text, size_t text_max)
{
    if (phub__strategies_configured(hub, choice))
        return 0;
    snprintf(text, text_max, "its configuration says '%s', or has other "
             "parameters", hub->options.strategies[choice->kind].name);
    return PHUB_EMISMATCH;
}

/* To TAKE and BOTH: it goes by what the row says. */
static int took_it(const struct phub__hub *hub,
                   const struct phub__op_item *item)
{
    const struct phub__strategies *s = hub->set;

    if (s->failed_next || (item->flags == PHUB__LOAD_TAKE && s->failed != 0))
        return PHUB_EPLUGIN;
    if (s->set.generation < item->epoch.number || hub->lease_failed ||
        (s->set.next.count != 0 && !s->both))
        return PHUB_EAGAIN;
    return 0;
}

void phub__strategies_load(struct phub__hub *hub,
                           const struct phub__op_request *op,
                           const struct phub__op_item *item)
{
    struct phub__op_answer answer = { .node = hub->node };
    struct phub__reply reply = { op->origin, op->transaction, item->index };
    struct phub__choice choice = { 0 };
    struct phub__arena arena;
    char text[PHUB__LOADER_ERROR_MAX] = "";
    int rc;

    if (item->flags == PHUB__LOAD_TAKE || item->flags == PHUB__LOAD_BOTH) {
        phub__strategies_look(hub);
        rc = took_it(hub, item);
        reply_text(hub, &reply, rc, rc == PHUB_EPLUGIN
                   ? "it cannot load what was chosen, and drains itself" : "");
        return;
    }
    phub__arena_init(&arena, NULL, 0, 4 * PHUB__SET_SIZE_MAX);
    rc = phub__decode(&phub__choice_schema, item->spec, &choice, &arena,
                      NULL);
    if (rc == 0 && !phub__choice_ok(&choice))
        rc = PHUB_EINVAL;
    if (rc == 0 && item->flags == PHUB__LOAD_BESIDE)
        rc = beside(hub, &choice, text, sizeof text);
    else if (rc == 0 && item->flags == PHUB__LOAD_OFFER)
        rc = offers(hub, &choice, text, sizeof text);
    else if (rc == 0)
        rc = PHUB_EVERSION;
    if (rc == 0 && item->flags == PHUB__LOAD_BESIDE &&
        choice.kind == PHUB_KIND_PARTITION)
        rc = ready(hub, text, sizeof text);
    if (rc == 0 && item->flags == PHUB__LOAD_BESIDE)
        answer.value = hub->set->beside[choice.kind]->strategy->digest;
    answer.code = rc;
    answer.text = (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
    phub__reply_full(hub, &reply, &answer);
    phub__arena_fini(&arena);
}

/* --- who came ---------------------------------------------------------------- */

static void given(void *arg, struct phub__request *request)
{
    (void)arg;
    (void)request; /* else it comes by repair, or at the next view */
}

/* The keeper gives it to those that came, and one that is new to all. */
void phub__strategies_view_settled(struct phub__hub *hub,
                                   const struct phub__view_change *change)
{
    struct phub_view *view = phub__hub_view(hub);
    uint8_t bytes[PHUB_CHILD_ID_MAX];
    struct phub_bytes id = phub__strategies_id(bytes);
    struct phub__request *request;
    uint32_t i;

    if (hub->set->set.generation == 0 || change->joined_count == 0 ||
        (phub__view_keeper(view, id) != hub->node &&
         change->joined_count + 1u < phub__view_count(view)))
        return;
    request = phub__request_new(hub, PHUB__OP_LOAD, change->joined_count,
                                LOAD_MS);
    if (request == NULL)
        return;
    for (i = 0; i < change->joined_count; i++) {
        request->items[i].op.id = phub__request_copy(request, id);
        request->items[i].op.flags = PHUB__LOAD_TAKE;
        request->items[i].op.target = change->joined[i].node;
        request->items[i].op.epoch.number = hub->set->set.generation;
    }
    if (phub__rows_delta(hub, &id, 1, &request->rows) != 0)
        request->rows = NULL;
    phub__request_send(request, given, NULL);
}

/* --- offers ------------------------------------------------------------------ */

static void switched(void *arg, struct phub__request *request)
{
    struct phub__hub *hub = arg;
    const struct phub__request_item *item = &request->items[0];

    hub->set->asking = 0;
    if (item->code != 0 && item->code != PHUB_EBUSY)
        phub__hub_log(hub, PHUB__LOG_WARNING, "all members' configurations "
                      "say so, and the strategy was not changed: %s",
                      answer_of(item));
}

static void ask_switch(struct phub__hub *hub, struct phub_bytes choice)
{
    struct phub__request *request =
        phub__request_new(hub, PHUB__OP_SWITCH, 1, 3 * LOAD_MS);
    uint8_t bytes[PHUB_CHILD_ID_MAX];

    hub->set->asking = request != NULL;
    if (request == NULL)
        return;
    request->items[0].op.id =
        phub__request_copy(request, phub__strategies_id(bytes));
    request->items[0].op.spec = phub__request_copy(request, choice);
    phub__request_send(request, switched, hub);
}

static void offered(void *arg, struct phub__request *request)
{
    struct phub__hub *hub = arg;
    uint32_t i;

    hub->set->asking = 0;
    for (i = 0; i < request->count; i++)
        if (request->items[i].code != 0)
            return; /* the last of them will find all to agree */
    ask_switch(hub, request->items[0].op.spec);
}

static void offer(struct phub__hub *hub, uint32_t kind)
{
    const struct phub__strategy_option *o = &hub->options.strategies[kind];
    struct phub__choice choice = { .kind = kind };
    struct phub_bytes params[PHUB__SET_PARAMS_MAX];
    struct phub__request *request;
    struct phub__builder builder;
    struct phub_bytes spec;
    uint32_t i;

    if (o->params_count > PHUB__SET_PARAMS_MAX)
        return;
    for (i = 0; i < o->params_count; i++)
        params[i] = (struct phub_bytes){ (const uint8_t *)o->params[i],
                                         strlen(o->params[i]) };
    choice.name = (struct phub_bytes){ (const uint8_t *)o->name,
                                       strlen(o->name) };
    choice.params = (struct phub__list){ params, o->params_count };
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    if (phub__encode(&phub__choice_schema, &choice, &builder) == 0) {
        spec = (struct phub_bytes){ builder.data, builder.size };
        request = ask_all(hub, PHUB__LOAD_OFFER, spec);
        hub->set->asking = request != NULL;
        if (request != NULL)
            phub__request_send(request, offered, hub);
    }
    phub__builder_fini(&builder);
}

void phub__strategies_round(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    uint32_t kind, i, offered = 0;

    for (kind = 1; kind < PHUB__KINDS; kind++)
        offered += s->offered[kind] != 0;
    if (offered == 0 || s->asking || hub->draining || hub->stopping ||
        !settled(hub) || !phub__hub_may_run(hub) ||
        phub__hub_away(hub) != 0)
        return;
    for (i = 0; i < PHUB__KINDS - 1 && !s->asking; i++) {
        kind = (s->offer_last + i) % (PHUB__KINDS - 1) + 1;
        if (!s->offered[kind])
            continue;
        s->offer_last = kind; /* the next one's turn comes next */
        offer(hub, kind);
    }
}
