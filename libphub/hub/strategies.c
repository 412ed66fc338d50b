/* SPDX-License-Identifier: MIT */
/* strategies: which strategies the hub goes by, changed while it runs.
 *
 * What was chosen on the running hub is one row of the registry, a cell under
 * no strategy's name (host_cells.c): a set with a generation, written by its
 * keeper alone, that spreads and is repaired as all rows are.  A node goes by
 * the newest set that it knows; for a kind that nobody chose, by its
 * configuration.
 *
 * A change (strategies_keeper.c):
 *
 *   asked -> every member loads it beside the one it has, opens it, and says
 *            which digest its parameters have            (LOAD, step BESIDE)
 *         -> one that cannot, or has another digest: nothing happened
 *         -> the row is written: this is the moment      (generation + 1)
 *         -> every member is given the row and takes it  (LOAD, step TAKE)
 *
 * A member that is loading both has both open: each receives the messages of
 * its own name, so nobody's messages are lost because others took the new one
 * earlier.  The one that is left ends what it began (its moves, its files) and
 * is closed when it is idle, GOING_MS after it was left.  Plugins are never
 * unloaded.
 *
 * Why nobody has to stop meanwhile.  What nodes do is authorised by rows and
 * epochs (hub.h), not by strategies: two keepers that place by different
 * strategies for some milliseconds place different children, and one that
 * moves by another strategy than its target says by which (arrival.c).
 *
 * The partition strategy is the exception: by it, nodes decide who may go on
 * when they do not hear of each other, and two sides that go by different ones
 * could both.  So between the two there is a time in which all go by both
 * (joint consensus: Ongaro and Ousterhout 2014, section 6): the verdict is the
 * sterner of the two, and a lease takes what each asks for (grant.c).  Nobody
 * goes by both before every member can (its electors are there, and a majority
 * of them is seen), and nobody goes by the new one alone before every member
 * of a view has said that it goes by both, and nobody who was lost before may
 * have a lease.  A keeper that dies meanwhile leaves the row, which the next
 * one goes on with.
 *
 *   loaded -> the row has it as next; every member goes by both   (step BOTH)
 *          -> the row has it as a choice                          (step TAKE)
 *
 * Who comes later (a node that was down, cut off, or is new) may go by another
 * set.  Join does not compare strategies of different generations; the keeper
 * of the row gives it to who came, who takes what it says before it is synced,
 * and therefore before it may decide or start anything.  One that cannot load
 * it says so, and drains itself.
 *
 * The configuration stays what it is: it counts again when it changes.  What
 * it said at the last start is kept beside the set (file "strategies"); if it
 * says something else now, this node goes on with what the hub has, and offers
 * the other.  When all members offer the same, and nobody who is known is
 * away, it is chosen: so a rolling restart with another configuration is a
 * change like any other. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include <phub/error.h>

#include "hub/drain.h"
#include "hub/keeper.h"
#include "hub/redistribute.h"
#include "hub/rows.h"
#include "hub/strategies.h"
#include "wire/memory.h"

#define KEY "0strategies"        /* kinds of strategies begin with 1 */
#define GOING_MS 10000u          /* messages to the one that was left */
#define BESIDE_MS 60000u         /* a change is given up */
#define NS_PER_MS 1000000ull

#define C struct phub__choice
PHUB__SCHEMA(phub__choice_schema, C,
    PHUB__U64(1, C, kind, PHUB__REQUIRED, PHUB__MAX(PHUB__KINDS - 1)),
    PHUB__U64(2, C, generation),
    PHUB__TEXT(3, C, name, PHUB__LOADER_PATH_MAX, PHUB__REQUIRED),
    PHUB__TEXTS(4, C, params, PHUB__SET_PARAMS_MAX, PHUB__LOADER_TEXT_MAX));

#define S struct phub__set
PHUB__SCHEMA(phub__set_schema, S,
    PHUB__U64(1, S, generation, PHUB__REQUIRED),
    PHUB__LIST(2, S, choices, PHUB__KINDS, &phub__choice_schema),
    PHUB__LIST(3, S, next, 1, &phub__choice_schema));


struct phub_ctx *phub__strategies_joint(const struct phub__hub *hub)
{
    return hub->set != NULL && hub->set->both
        ? hub->set->beside[PHUB_KIND_PARTITION] : NULL;
}

struct phub_bytes phub__strategies_id(uint8_t bytes[PHUB_CHILD_ID_MAX])
{
    return phub__cell_id((struct phub_bytes){ (const uint8_t *)KEY,
                                              sizeof KEY - 1 }, bytes);
}

int phub__strategies_is_row(struct phub_bytes id)
{
    return id.size == sizeof KEY && id.data[0] == 1 &&
           memcmp(id.data + 1, KEY, sizeof KEY - 1) == 0;
}

int phub__choice_ok(const struct phub__choice *choice)
{
    return choice->kind >= 1 && choice->kind < PHUB__KINDS &&
           choice->name.size != 0 && choice->generation <= UINT64_MAX / 2;
}

int phub__set_ok(const struct phub__set *set)
{
    const struct phub__choice *choices = set->choices.items;
    const struct phub__choice *next = set->next.items;
    uint32_t i;

    for (i = 0; i < set->choices.count; i++)
        if (!phub__choice_ok(&choices[i]) || choices[i].generation == 0)
            return 0;
    return set->generation <= UINT64_MAX / 2 &&
           (set->next.count == 0 ||
            (phub__choice_ok(next) && next->kind == PHUB_KIND_PARTITION));
}

int phub__strategies_lost(const struct phub__hub *hub)
{
    return hub->set != NULL &&
           ((hub->set->failed >> PHUB_KIND_PARTITION & 1) != 0 ||
            hub->set->failed_next);
}

void phub__choice_text(const struct phub__choice *choice, char *text,
                       size_t text_max)
{
    snprintf(text, text_max, "%s '%.*s'",
             phub__kind_name((uint32_t)choice->kind),
             (int)choice->name.size, (const char *)choice->name.data);
}

/* --- loading ----------------------------------------------------------------- */

/* The last of it happens when nothing of its is on the way. */
static void leave_to_end(struct phub__hub *hub, struct phub_ctx *ctx,
                         uint64_t wait_ms)
{
    struct phub__strategies *s = hub->set;
    struct going *going = phub__calloc(1, sizeof *going);
    uint64_t now = hub->env->now_ns(hub->env);

    if (going == NULL)
        return; /* it stays open, and idle, to the hub's end */
    going->ctx = ctx;
    going->until_ns = now + wait_ms * NS_PER_MS;
    going->next = s->going;
    s->going = going;
    hub->env->timer_start(hub->env, s->timer,
                          now + PHUB__LOOK_MS * NS_PER_MS);
}

int phub__strategies_beside(struct phub__hub *hub,
                            const struct phub__choice *choice, char *error,
                            size_t error_max)
{
    struct phub__strategies *s = hub->set;
    uint32_t kind = (uint32_t)choice->kind;
    struct phub__strategy *strategy = NULL;
    struct phub__strategy_option option;
    struct phub__arena arena;
    struct phub_ctx *ctx = NULL;
    int rc;

    phub__strategies_drop(hub, kind);
    phub__arena_init(&arena, NULL, 0, 2 * PHUB__SET_SIZE_MAX);
    option = phub__choice_option(choice, &arena);
    snprintf(error, error_max, "out of memory");
    rc = arena.error;
    if (rc == 0)
        rc = phub__strategy_load(hub->loader, kind, option.name,
                                 option.params, option.params_count,
                                 &strategy, error, error_max);
    if (rc == 0)
        rc = phub__host_ctx_open(hub, strategy, choice->generation, &ctx,
                                 error, error_max);
    phub__arena_fini(&arena);
    if (rc != 0) {
        phub__strategy_free(&strategy);
        return rc;
    }
    rc = phub__host_contradiction(hub, strategy, error, error_max);
    if (rc != 0) {
        leave_to_end(hub, ctx, 0);
        return rc;
    }
    s->beside[kind] = ctx;
    s->beside_generation[kind] = choice->generation;
    s->beside_ns[kind] = hub->env->now_ns(hub->env);
    phub__call_view_changed(strategy, phub__hub_view(hub));
    hub->env->timer_start(hub->env, s->timer,
                          s->beside_ns[kind] + PHUB__LOOK_MS * NS_PER_MS);
    return 0;
}

void phub__strategies_drop(struct phub__hub *hub, uint32_t kind)
{
    struct phub_ctx *ctx = hub->set->beside[kind];

    hub->set->beside[kind] = NULL;
    hub->set->beside_generation[kind] = 0;
    if (ctx != NULL)
        leave_to_end(hub, ctx, 0);
    if (kind != PHUB_KIND_PARTITION || !hub->set->both)
        return;
    hub->set->both = 0;
    phub__redistribution_judge_again(hub);
}

void phub__strategies_tick(void *arg)
{
    struct phub__hub *hub = arg;
    struct phub__strategies *s = hub->set;
    uint64_t now = hub->env->now_ns(hub->env);
    struct going **p = &s->going, *gone;
    uint32_t kind;
    int more = 0;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        if (s->beside[kind] != NULL &&
            phub__strategies_joint(hub) != s->beside[kind] &&
            s->beside_ns[kind] + BESIDE_MS * NS_PER_MS <= now)
            phub__strategies_drop(hub, kind);
        more |= s->beside[kind] != NULL;
    }
    phub__strategies_go_on(hub);
    while ((gone = *p) != NULL) {
        if (gone->until_ns > now ||
            !phub__host_ctx_idle(gone->ctx)) {
            p = &gone->next;
            continue;
        }
        *p = gone->next;
        phub__host_store_remove(gone->ctx);
        phub__host_ctx_close(&gone->ctx);
        phub__free(gone);
    }
    if (more || s->going != NULL || s->failed != 0 || s->failed_next)
        hub->env->timer_start(hub->env, s->timer, now + PHUB__LOOK_MS * NS_PER_MS);
    if (s->failed != 0 || s->failed_next)
        phub__strategies_look(hub);
}

void phub__strategies_free(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    struct going *going;

    if (s == NULL)
        return;
    while ((going = s->going) != NULL) { /* the host has closed them */
        s->going = going->next;
        phub__free(going);
    }
    if (s->timer != NULL)
        hub->env->timer_free(hub->env, &s->timer);
    phub__free(s->change);
    phub__arena_fini(&s->arena);
    phub__free(s);
    hub->set = NULL;
}

/* --- for those who join ------------------------------------------------------ */

void phub__strategies_offers(const struct phub__hub *hub,
                             struct phub__cluster_strategy *offered)
{
    unsigned kind;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__strategy *s = hub->strategies[kind];

        offered[kind - 1] = (struct phub__cluster_strategy){
            .kind = phub__kind_name(kind), .name = s->name,
            .wire_min = s->wire_min, .wire_max = s->wire_max,
            .digest = s->digest,
            .generation = hub->set->generations[kind],
            .must_match = (s->flags & PHUB_FLAG_MUST_MATCH) != 0 };
    }
}

static void offer_anew(struct phub__hub *hub)
{
    struct phub__cluster_strategy offered[PHUB__KINDS - 1];

    phub__strategies_offers(hub, offered);
    if (phub__cluster_offer(hub->cluster, offered, PHUB__KINDS - 1) != 0)
        phub__hub_log(hub, PHUB__LOG_ERROR, "out of memory: nodes that join "
                      "are compared with strategies that are over");
}

/* --- taking it --------------------------------------------------------------- */

/* What has to be done anew because the answers may be others now. */
static void taken(struct phub__hub *hub, uint32_t kind)
{
    switch ((enum phub_kind)kind) {
    case PHUB_KIND_DISTRIBUTION:
    case PHUB_KIND_REDUNDANCY:
        phub__redistribution_plan_again(hub);
        return;
    case PHUB_KIND_SYNC:
        phub__call_changed(hub->strategies[kind],
                           phub__registry_head(hub->registry));
        return;
    case PHUB_KIND_PARTITION:
        phub__redistribution_judge_again(hub);
        return;
    case PHUB_KIND_MIGRATION:
        return; /* moves begin with it */
    }
}

static void take(struct phub__hub *hub, const struct phub__choice *choice)
{
    struct phub__strategies *s = hub->set;
    uint32_t kind = (uint32_t)choice->kind;
    struct phub_ctx *before = hub->strategies[kind]->ctx;
    struct phub_ctx *ctx = s->beside[kind];
    char text[160];

    if (strcmp(ctx->strategy->name, before->strategy->name) == 0)
        snprintf(text, sizeof text, "%s strategy '%s' with other parameters",
                 phub__kind_name(kind), ctx->strategy->name);
    else
        snprintf(text, sizeof text, "%s strategy '%s' instead of '%s'",
                 phub__kind_name(kind), ctx->strategy->name,
                 before->strategy->name);
    s->beside[kind] = NULL;
    s->beside_generation[kind] = 0;
    s->both = s->both && kind != PHUB_KIND_PARTITION;
    hub->strategies[kind] = ctx->strategy;
    ctx->strategy->watch = before->strategy->watch;
    before->strategy->watch = NULL;
    s->generations[kind] = choice->generation;
    if (phub__strategies_configured(hub, choice))
        s->offered[kind] = 0;
    leave_to_end(hub, before, GOING_MS);
    offer_anew(hub);
    phub__hub_log(hub, PHUB__LOG_NOTICE, "%s", text);
    phub__hub_cause(hub, PHUB_BYTES_NONE, "%s, as the hub chose", text);
    phub__hub_hook(hub, PHUB_HOOK_strategy_changed, hub->node,
                   PHUB_BYTES_NONE, 0, 0, text);
    taken(hub, kind);
}

/* It was chosen, and this node cannot: others do its work.  What will be
 * possible in a moment is tried again. */
static void cannot(struct phub__hub *hub, int rc, const char *text)
{
    struct phub__strategies *s = hub->set;

    hub->env->timer_start(hub->env, s->timer,
                          hub->env->now_ns(hub->env) + PHUB__LOOK_MS * NS_PER_MS);
    if (rc == PHUB_EBUSY || rc == PHUB_ENOMEM)
        return;
    if (!s->drained) {
        phub__hub_log(hub, PHUB__LOG_ERROR, "the hub has chosen a strategy "
                      "that cannot be had here, so this node drains itself "
                      "until it can: %s", text);
        phub__hub_cause(hub, PHUB_BYTES_NONE, "drains itself: %s", text);
    }
    s->drained = 1;
    phub__drain_set(hub, PHUB__DRAIN_STRATEGY, 1);
}

/* Its strategy of that generation is open beside the one in charge. */
static int have(struct phub__hub *hub, const struct phub__choice *choice)
{
    const struct phub__strategies *s = hub->set;
    char text[PHUB__LOADER_ERROR_MAX];
    int rc;

    if (s->beside[choice->kind] != NULL &&
        s->beside_generation[choice->kind] == choice->generation)
        return 1;
    rc = phub__strategies_beside(hub, choice, text, sizeof text);
    if (rc != 0)
        cannot(hub, rc, text);
    return rc == 0;
}

void phub__strategies_open(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    char text[PHUB__LOADER_ERROR_MAX];

    if (s->set.next.count == 0)
        return;
    s->both = phub__strategies_beside(hub, s->set.next.items, text,
                                      sizeof text) == 0;
    s->failed_next = !s->both; /* a look will say why */
}

/* Both sides of a cut may have chosen, and one set won: what only the other
 * one had is the configuration's again.  0 if it cannot be had. */
static int back(struct phub__hub *hub, uint32_t kind)
{
    const struct phub__strategies *s = hub->set;
    const struct phub__strategy_option *o = &s->last[kind];
    struct phub__choice choice;
    struct phub__arena arena;
    int good;

    if (s->generations[kind] == 0 ||
        phub__choice_in(&s->set.choices, kind) != NULL)
        return 1;
    phub__arena_init(&arena, NULL, 0, PHUB__SET_SIZE_MAX);
    choice = phub__option_choice(o, kind, &arena);
    good = arena.error == 0 && have(hub, &choice);
    if (good)
        take(hub, &choice);
    phub__arena_fini(&arena);
    return good;
}

/* Those that this node does not go by yet; bits: kinds that it cannot.  What
 * is refused because of one that is still to be taken comes the second time. */
static uint32_t take_all(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    const struct phub__choice *choices = s->set.choices.items;
    uint32_t failed = 0, pass, kind, i;

    for (pass = 0; pass == 0 || (pass == 1 && failed != 0); pass++) {
        failed = 0;
        for (kind = 1; kind < PHUB__KINDS; kind++)
            failed |= (uint32_t)!back(hub, kind) << kind;
        for (i = 0; i < s->set.choices.count; i++) {
            if (choices[i].generation == s->generations[choices[i].kind])
                continue;
            if (have(hub, &choices[i]))
                take(hub, &choices[i]);
            else
                failed |= 1u << choices[i].kind;
        }
    }
    return failed;
}

/* Go by the set.  A choice that this node goes by has its generation. */
static void act(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    const struct phub__choice *next =
        s->set.next.count != 0 ? s->set.next.items : NULL;
    int lost = phub__strategies_lost(hub);
    uint32_t kind;

    s->failed = take_all(hub);
    s->failed_next = next != NULL && !have(hub, next);
    if (next != NULL && !s->failed_next && !s->both) {
        s->both = 1;
        phub__hub_log(hub, PHUB__LOG_NOTICE, "partition strategy '%s' counts "
                      "as well as '%s', until all go by both",
                      s->beside[PHUB_KIND_PARTITION]->strategy->name,
                      hub->strategies[PHUB_KIND_PARTITION]->name);
        phub__redistribution_judge_again(hub);
    }
    for (kind = 1; kind < PHUB__KINDS; kind++)
        if (s->beside[kind] != NULL &&
            s->beside_generation[kind] <= s->set.generation &&
            (next == NULL || next->kind != kind))
            phub__strategies_drop(hub, kind);
    if (lost != phub__strategies_lost(hub))
        phub__redistribution_judge_again(hub);
    if (s->drained && s->failed == 0 && !s->failed_next) {
        s->drained = 0;
        if (hub->on_stopped == NULL)
            phub__drain_set(hub, PHUB__DRAIN_STRATEGY, 0);
        phub__redistribution_ready(hub);
    }
}

void phub__strategies_look(struct phub__hub *hub)
{
    struct phub__strategies *s = hub->set;
    struct phub__arena arena;
    struct phub__set set = { 0 };
    struct phub_bytes value;
    struct phub_epoch epoch;
    int rc;

    s->looking = 0;
    if (!hub->attached)
        return; /* the start ends with a look */
    phub__arena_init(&arena, NULL, 0, 4 * PHUB__SET_SIZE_MAX);
    rc = phub__registry_cell_get(
        hub->registry, (struct phub_bytes){ (const uint8_t *)KEY,
                                            sizeof KEY - 1 }, &value, &epoch);
    if (rc == 0)
        rc = phub__decode(&phub__set_schema, value, &set, &arena, NULL);
    if (rc == 0 && phub__set_ok(&set) && set.generation > s->set.generation &&
        phub__strategies_keep(s, &set) == 0) {
        act(hub);
        phub__strategies_save(hub);
    } else if (s->failed != 0 || s->failed_next) {
        act(hub);
    }
    phub__arena_fini(&arena);
}

static void look(void *arg)
{
    phub__strategies_look(arg);
}

void phub__strategies_changed(struct phub__hub *hub)
{
    if (hub->set != NULL && !hub->set->looking &&
        hub->env->defer(hub->env, look, hub) == 0)
        hub->set->looking = 1;
}
