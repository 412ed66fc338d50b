/* SPDX-License-Identifier: MIT */
/* names: what a resolver says, and how long it takes for that. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "env/sim/private.h"

struct query {
    struct phub__world *world;
    void (*done)(void *arg, const struct phub__resolved *r);
    void *arg;
    char what[];
};

static void query_drop(void *arg)
{
    struct query *query = arg;

    query->world->resolving--;
    free(query);
}

static void resolved(void *arg)
{
    struct query *query = arg;
    struct phub__resolved answer = { .rc = PHUB_ENOTFOUND };
    const struct phub__sim_name *name = query->world->names;

    while (name != NULL && strcmp(name->what, query->what) != 0)
        name = name->next;
    if (name != NULL)
        answer = (struct phub__resolved){
            0, name->count, (const char *const *)name->endpoints };
    query->done(query->arg, &answer);
    query_drop(query);
}

static int resolve(struct phub_env *env, const char *what,
                   void (*done)(void *arg, const struct phub__resolved *r),
                   void *arg)
{
    struct phub__sim_process *process = phub__sim_of(env);
    size_t size = strlen(what) + 1;
    struct phub__world *world = process->world;
    struct query *query = phub__sim_alloc(1, sizeof(*query) + size);

    world->resolving++;
    query->world = world;
    query->done = done;
    query->arg = arg;
    memcpy(query->what, what, size);
    (void)phub__sim_event(world, world->now + world->resolve_ns, process,
                          PHUB__SIM_NAME, 0, resolved, query_drop, query);
    return 0;
}

void phub__world_name(struct phub__world *world, const char *what,
                      const char *const *endpoints, uint32_t count)
{
    struct phub__sim_name *name = world->names;

    while (name != NULL && strcmp(name->what, what) != 0)
        name = name->next;
    if (name == NULL) {
        name = phub__sim_alloc(1, sizeof(*name));
        name->what = phub__sim_text(what, strlen(what));
        name->next = world->names;
        world->names = name;
    }
    for (uint32_t i = 0; i < name->count; i++)
        free(name->endpoints[i]);
    free(name->endpoints);
    name->endpoints = phub__sim_alloc(count + 1, sizeof(char *));
    for (uint32_t i = 0; i < count; i++)
        name->endpoints[i] = phub__sim_text(endpoints[i],
                                            strlen(endpoints[i]));
    name->count = count;
}

void phub__world_resolver(struct phub__world *world, uint64_t ns)
{
    world->resolve_ns = ns;
}

uint32_t phub__world_resolving(const struct phub__world *world)
{
    return world->resolving;
}

void phub__sim_names_init(struct phub_env *env)
{
    env->resolve = resolve;
}

void phub__sim_names_fini(struct phub__world *world)
{
    while (world->names != NULL) {
        struct phub__sim_name *name = world->names;

        world->names = name->next;
        for (uint32_t i = 0; i < name->count; i++)
            free(name->endpoints[i]);
        free(name->endpoints);
        free(name->what);
        free(name);
    }
}
