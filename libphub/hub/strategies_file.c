/* SPDX-License-Identifier: MIT */
/* strategies_file: what a node remembers of the hub's strategies.
 *
 * The file "strategies" of the state directory has the set that the node goes
 * by, and what its configuration said when it was taken last, so that another
 * configuration is told from one that the hub has overruled. */
#include "config.h"

#include <string.h>
#include <stdio.h>

#include <phub/error.h>

#include "hub/strategies.h"
#include "wire/memory.h"

#define FILE_NAME "strategies"
#define NS_PER_MS 1000000ull

/* The file. */
struct kept {
    struct phub__set set;
    struct phub__list configured;   /* struct phub__choice */
};
static PHUB__SCHEMA(kept_schema, struct kept,
    PHUB__STRUCT(1, struct kept, set, &phub__set_schema),
    PHUB__LIST(2, struct kept, configured, PHUB__KINDS,
               &phub__choice_schema));

/* --- choices and options ----------------------------------------------------- */

static struct phub_bytes bytes_of(const char *text)
{
    return (struct phub_bytes){ (const uint8_t *)text, strlen(text) };
}

static int same(struct phub_bytes a, const char *b)
{
    return a.size == strlen(b) && memcmp(a.data, b, a.size) == 0;
}

static int same_option(const struct phub__choice *choice,
                       const struct phub__strategy_option *option)
{
    const struct phub_bytes *params = choice->params.items;
    uint32_t i;

    if (!same(choice->name, option->name) ||
        choice->params.count != option->params_count)
        return 0;
    for (i = 0; i < choice->params.count; i++)
        if (!same(params[i], option->params[i]))
            return 0;
    return 1;
}

int phub__strategies_configured(struct phub__hub *hub,
                                const struct phub__choice *choice)
{
    return same_option(choice, &hub->options.strategies[choice->kind]);
}

static const char *copy_text(struct phub__arena *arena,
                             struct phub_bytes bytes)
{
    char *text = phub__arena_alloc(arena, bytes.size + 1, 1);

    if (text == NULL)
        return "";
    if (bytes.size != 0)
        memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    return text;
}

/* As an option whose texts live in the arena. */
struct phub__strategy_option phub__choice_option(const struct phub__choice *c,
                                                 struct phub__arena *arena)
{
    const struct phub_bytes *in = c->params.items;
    const char **params =
        phub__arena_alloc(arena, c->params.count + 1, sizeof *params);
    uint32_t i;

    for (i = 0; params != NULL && i < c->params.count; i++)
        params[i] = copy_text(arena, in[i]);
    return (struct phub__strategy_option){
        copy_text(arena, c->name), params,
        params != NULL ? c->params.count : 0 };
}

const struct phub__choice *phub__choice_in(const struct phub__list *list,
                                           uint32_t kind)
{
    const struct phub__choice *choices = list->items;
    uint32_t i;

    for (i = 0; i < list->count; i++)
        if (choices[i].kind == kind)
            return &choices[i];
    return NULL;
}

struct phub__choice phub__option_choice(const struct phub__strategy_option *o,
                                        uint32_t kind,
                                        struct phub__arena *arena)
{
    struct phub_bytes *params =
        phub__arena_alloc(arena, o->params_count + 1u, sizeof *params);
    uint32_t i;

    for (i = 0; params != NULL && i < o->params_count; i++)
        params[i] = bytes_of(o->params[i]);
    return (struct phub__choice){
        .kind = kind, .name = bytes_of(o->name),
        .params = { params, params != NULL ? o->params_count : 0 } };
}

/* --- the file ---------------------------------------------------------------- */

/* What the configuration says of those that are not offered only. */
static uint32_t configured(struct phub__hub *hub, struct phub__choice *out,
                           struct phub__arena *arena)
{
    const struct phub__strategies *s = hub->set;
    uint32_t kind, count = 0;

    for (kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__strategy_option *o =
            s->offered[kind] ? &s->last[kind]
                             : &hub->options.strategies[kind];

        out[count++] = phub__option_choice(o, kind, arena);
    }
    return count;
}

static void saved(void *arg, int rc)
{
    struct phub__hub *hub = arg;

    if (rc != 0 && rc != PHUB_EUNSUPPORTED && rc != PHUB_ENOTFOUND)
        phub__hub_log(hub, PHUB__LOG_ERROR,
                      "cannot write '" FILE_NAME "' to the state directory: "
                      "%s; after a restart this node learns the hub's "
                      "strategies from the others only", phub_strerror(rc));
}

void phub__strategies_save(struct phub__hub *hub)
{
    struct phub__choice list[PHUB__KINDS];
    struct kept kept = { .set = hub->set->set };
    struct phub__builder builder;
    struct phub__arena arena;
    int rc;

    phub__arena_init(&arena, NULL, 0, PHUB__SET_SIZE_MAX);
    kept.configured =
        (struct phub__list){ list, configured(hub, list, &arena) };
    phub__builder_init(&builder, 2 * PHUB__SET_SIZE_MAX);
    rc = phub__encode(&kept_schema, &kept, &builder);
    if (rc == 0)
        rc = hub->env->file_do(hub->env, PHUB__FILE_REPLACE, FILE_NAME,
                               builder.data, builder.size, saved, hub);
    if (rc != 0)
        saved(hub, rc);
    phub__builder_fini(&builder);
    phub__arena_fini(&arena);
}

/* Keep a copy: what was decoded is borrowed. */
int phub__strategies_keep(struct phub__strategies *s,
                          const struct phub__set *set)
{
    struct phub__builder builder;
    struct phub__arena arena;
    struct phub__set copy = { 0 };
    uint8_t *bytes = NULL;
    int rc;

    phub__arena_init(&arena, NULL, 0, 4 * PHUB__SET_SIZE_MAX);
    phub__builder_init(&builder, PHUB__SET_SIZE_MAX);
    rc = phub__encode(&phub__set_schema, set, &builder);
    if (rc == 0)
        bytes = phub__arena_alloc(&arena, builder.size, 1);
    if (rc == 0 && bytes == NULL)
        rc = PHUB_ENOMEM;
    if (rc == 0) {
        memcpy(bytes, builder.data, builder.size);
        rc = phub__decode(&phub__set_schema,
                          (struct phub_bytes){ bytes, builder.size }, &copy,
                          &arena, NULL);
    }
    phub__builder_fini(&builder);
    if (rc != 0) {
        phub__arena_fini(&arena);
        return rc;
    }
    phub__arena_fini(&s->arena);
    s->arena = arena;
    s->set = copy;
    return 0;
}

/* The strategy of one kind to begin with. */
static void begin_with(struct phub__hub *hub, const struct kept *kept,
                       uint32_t kind)
{
    struct phub__strategies *s = hub->set;
    const struct phub__choice *chosen = phub__choice_in(&kept->set.choices, kind);
    const struct phub__choice *last = phub__choice_in(&kept->configured, kind);

    s->chosen[kind] = s->last[kind] = hub->options.strategies[kind];
    if (s->chosen[kind].name == NULL)
        return;
    s->offered[kind] =
        last != NULL && !same_option(last, &hub->options.strategies[kind]);
    if (s->offered[kind])
        s->last[kind] = phub__choice_option(last, &hub->arena);
    if (chosen == NULL && s->offered[kind])
        chosen = last;
    if (chosen == NULL)
        return;
    if (same_option(chosen, &hub->options.strategies[kind]))
        s->offered[kind] = 0;
    else
        s->chosen[kind] = phub__choice_option(chosen, &hub->arena);
    s->generations[kind] = chosen->generation;
}

int phub__strategies_new(struct phub__hub *hub, char *error,
                         size_t error_max)
{
    struct phub__strategies *s = phub__calloc(1, sizeof *s);
    struct phub_buf *file = NULL;
    struct kept kept = { .set = { 0 } };
    struct phub__arena arena;
    uint32_t kind;
    int rc;

    snprintf(error, error_max, "out of memory");
    if (s == NULL)
        return PHUB_ENOMEM;
    hub->set = s;
    s->hub = hub;
    phub__arena_init(&s->arena, NULL, 0, PHUB__SET_SIZE_MAX);
    s->timer = hub->env->timer_new(hub->env, phub__strategies_tick, hub);
    if (s->timer == NULL)
        return PHUB_ENOMEM;
    phub__arena_init(&arena, NULL, 0, 8 * PHUB__SET_SIZE_MAX);
    rc = hub->env->file_read(hub->env, FILE_NAME, &file);
    if (rc == 0)
        rc = phub__decode(&kept_schema, phub__buf_bytes(file), &kept, &arena,
                          NULL);
    else if (rc == PHUB_ENOTFOUND || rc == PHUB_EUNSUPPORTED)
        rc = 0;
    if (rc == 0 && !phub__set_ok(&kept.set))
        rc = PHUB_EINVAL;
    if (rc == 0)
        rc = phub__strategies_keep(s, &kept.set);
    for (kind = 1; rc == 0 && kind < PHUB__KINDS; kind++)
        begin_with(hub, &kept, kind);
    if (rc == 0)
        rc = hub->arena.error;
    if (rc != 0)
        snprintf(error, error_max,
                 "file '" FILE_NAME "' of the state directory cannot be used: "
                 "%s; without it this node begins with the strategies of its "
                 "configuration: remove the file if these are the hub's",
                 phub_strerror(rc));
    phub__buf_unref(&file);
    phub__arena_fini(&arena);
    return rc;
}

int phub__strategies_fall_back(struct phub__hub *hub, uint32_t kind,
                               const char *why)
{
    struct phub__strategies *s = hub->set;

    if (s->chosen[kind].name == hub->options.strategies[kind].name)
        return 0;
    phub__hub_log(hub, PHUB__LOG_ERROR, "what the hub has chosen cannot be "
                  "loaded here: %s; beginning with '%s' of the configuration",
                  why, hub->options.strategies[kind].name);
    s->chosen[kind] = hub->options.strategies[kind];
    s->generations[kind] = 0;
    s->failed |= 1u << kind;
    return 1;
}

void phub__strategies_started(struct phub__hub *hub)
{
    uint32_t kind;

    phub__strategies_save(hub);
    if (hub->set->failed != 0 || hub->set->failed_next)
        hub->env->timer_start(hub->env, hub->set->timer,
                              hub->env->now_ns(hub->env) +
                                  PHUB__LOOK_MS * NS_PER_MS);
    for (kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__strategy_option *o =
            &hub->options.strategies[kind];

        if (strcmp(o->name, hub->set->chosen[kind].name) == 0 &&
            !hub->set->offered[kind])
            continue;
        phub__hub_log(hub, PHUB__LOG_NOTICE,
                      "the hub's %s strategy is '%s', the configuration of "
                      "this node says '%s'%s", phub__kind_name(kind),
                      hub->set->chosen[kind].name, o->name,
                      hub->set->offered[kind]
                          ? ": it is taken when all members say so" : "");
    }
}
