/* SPDX-License-Identifier: MIT */
/* story: what is told of a broken promise, and what all checkers ask.
 *
 * The shortest story is one line (seed, virtual time, promise, what) and below
 * it what the hubs noted as causes about the child, oldest first. */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hub/cause.h"
#include "hub/replica.h"
#include "sim/judge.h"
#include "wire/assert.h"

#define CAUSES_MAX 10u          /* told */
#define CAUSES_PER_NODE 10u

/* --- telling ---------------------------------------------------------------- */

struct told {
    const char *node;
    struct phub__cause cause;
};

/* Put it where its time belongs; the oldest falls out. */
static uint32_t insert(struct told *list, uint32_t count,
                       const struct told *one)
{
    uint32_t at;

    if (count == CAUSES_MAX) {
        if (one->cause.wall_ms < list[0].cause.wall_ms)
            return count;
        memmove(list, list + 1, (CAUSES_MAX - 1) * sizeof(*list));
        count--;
    }
    for (at = count; at > 0
         && list[at - 1].cause.wall_ms > one->cause.wall_ms; at--)
        list[at] = list[at - 1];
    list[at] = *one;
    return count + 1;
}

static void chain(struct sim_case *c, const struct sim_child *child)
{
    struct told list[CAUSES_MAX];
    uint32_t count = 0;
    size_t used = strlen(c->story);

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        struct phub__cause causes[CAUSES_PER_NODE];
        uint32_t found = daemon == NULL || daemon->hub == NULL ? 0
            : phub__causes_of(daemon->hub->causes, sim_child_bytes(child),
                              causes, CAUSES_PER_NODE);

        for (uint32_t k = 0; k < found; k++) {
            struct told one = { phub__sim_node_name(daemon->node),
                                causes[k] };

            count = insert(list, count, &one);
        }
    }
    for (uint32_t i = 0; i < count && used < sizeof(c->story) - 1; i++)
        used += (size_t)snprintf(c->story + used, sizeof(c->story) - used,
            "\n    %.3f s, %s, %s: %s",
            (double)(list[i].cause.wall_ms % 1000000000) / 1e3,
            list[i].node, child->id, list[i].cause.text);
}

static void __attribute__((format(printf, 4, 0)))
broken(struct sim_case *c, unsigned promise, const struct sim_child *child,
       const char *format, va_list list)
{
    char text[600];

    if (c->broken)
        return;
    c->broken = 1;
    c->promise = promise;
    (void)vsnprintf(text, sizeof(text), format, list);
    (void)snprintf(c->story, sizeof(c->story),
                   "seed %llu, %.6f s: promise %u: %s",
                   (unsigned long long)c->options.seed,
                   c->world == NULL ? 0.0
                       : (double)phub__world_now(c->world) / 1e9,
                   promise, text);
    if (c->world != NULL)
        phub__world_note(c->world, NULL, "BROKEN: promise %u: %s", promise,
                         text);
    if (child != NULL && c->world != NULL)
        chain(c, child);
}

void sim_broken(struct sim_case *c, unsigned promise, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    broken(c, promise, NULL, format, list);
    va_end(list);
}

void sim_broken_child(struct sim_case *c, unsigned promise,
                      const struct sim_child *child, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    broken(c, promise, child, format, list);
    va_end(list);
}

void sim_story_kind(const char *story, char kind[SIM_KIND_MAX])
{
    static const char before[] = "promise ";
    const char *from = strstr(story, before);
    size_t used = 0;

    if (from != NULL) {
        from += sizeof(before) - 1;
        while (*from >= '0' && *from <= '9' && used < SIM_KIND_MAX - 1)
            kind[used++] = *from++;
    }
    for (; from != NULL && *from != '\0' && *from != '\n'
         && used < SIM_KIND_MAX - 1; from++) {
        int digit = *from >= '0' && *from <= '9';

        if (!digit || kind[used - 1] != '#')
            kind[used++] = digit ? '#' : *from;
    }
    kind[used] = '\0';
}

/* --- asking ------------------------------------------------------------------ */

struct phub_bytes sim_child_bytes(const struct sim_child *child)
{
    return (struct phub_bytes){ (const uint8_t *)child->id,
                                strlen(child->id) };
}

int sim_child_is(const struct sim_child *child, const char *word)
{
    return strstr(child->argv, word) != NULL;
}

int sim_was_cut(const struct sim_case *c)
{
    return c->split
        || (c->healed_ns != 0
            && phub__world_now(c->world) < c->healed_ns + SIM_MERGE_NS);
}

int sim_were_apart(const struct sim_case *c, uint32_t a, uint32_t b)
{
    return sim_was_cut(c) && a < c->options.nodes && b < c->options.nodes
        && c->judges->apart[(size_t)a * c->options.nodes + b];
}

int sim_child_keeps_state(const struct sim_child *child)
{
    return sim_child_is(child, "late-state=6000")
        || sim_child_is(child, "never-state");
}

int sim_was_well(const struct sim_case *c, uint32_t node, uint64_t ns)
{
    const struct phub__sim_node *n = phub__world_node(c->world, node);

    return phub__sim_node_runs(n) && !phub__sim_node_frozen(n)
        && !sim_was_cut(c)
        && c->judges->nodes[node].disturbed_ns + ns
            < phub__world_now(c->world);
}

/* Of as many as *count; a program that knows no roles acts. */
static void asked_in(const struct sim_daemon *daemon, struct phub_view *view,
                     const struct sim_child *child, const uint32_t *count,
                     uint32_t *acts)
{
    uint32_t roles[PHUB__INSTANCES_MAX];
    uint64_t nodes[PHUB__INSTANCES_MAX];
    struct phub_bytes id = sim_child_bytes(child);

    for (uint32_t i = 0; i < *count; i++)
        nodes[i] = phub__view_at(view, i)->id;
    if (phub__call_plan(daemon->hub->strategies[PHUB_KIND_REDUNDANCY], view,
                        &id, nodes, *count, roles, NULL, 0) != 0)
        return;
    *acts = 0;
    for (uint32_t i = 0; i < *count; i++)
        *acts += roles[i] == PHUB_ROLE_ACTIVE;
    if (sim_child_is(child, "no-channel"))
        *acts = *count;
}

/* The one with the largest view; NULL: none runs. */
static struct sim_daemon *most_seeing(struct sim_case *c)
{
    struct sim_daemon *largest = NULL;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);

        if (daemon == NULL || daemon->hub == NULL)
            continue;
        if (largest == NULL
            || phub__view_count(phub__hub_view(largest->hub))
                < phub__view_count(phub__hub_view(daemon->hub)))
            largest = daemon;
    }
    return largest;
}

static int single(const struct sim_case *c)
{
    return strcmp(c->options.strategies[PHUB_KIND_REDUNDANCY].name,
                  "singularity") == 0;
}

void sim_asked(struct sim_case *c, const struct sim_child *child,
               uint32_t *count, uint32_t *acts)
{
    const struct sim_daemon *daemon = single(c) ? NULL : most_seeing(c);

    *count = *acts = 1;
    if (daemon == NULL)
        return;
    *count = phub__replica_factor(daemon->hub, phub__hub_view(daemon->hub),
                                  phub__hub_home(daemon->hub,
                                                 sim_child_bytes(child)));
    asked_in(daemon, phub__hub_view(daemon->hub), child, count, acts);
}

/* Also of those that are drained: what began there may end later. */
uint32_t sim_may_act(struct sim_case *c, const struct sim_child *child)
{
    const struct sim_daemon *daemon = single(c) ? NULL : most_seeing(c);
    struct phub_view_node nodes[PHUB__MEMBERS_MAX];
    struct phub_view *all;
    uint32_t count = 1, acts = 1, n = 0;

    if (daemon == NULL)
        return 1;
    memset(nodes, 0, sizeof(nodes));
    for (uint32_t i = 0; i < c->options.nodes; i++)
        if (c->node_ids[i] != 0)
            nodes[n++].id = c->node_ids[i];
    all = phub__view_new(nodes, n);
    phub__assert(all != NULL);
    if (phub__call_factor(daemon->hub->strategies[PHUB_KIND_REDUNDANCY], all,
                          &count, NULL, 0) != 0)
        count = 1;
    asked_in(daemon, all, child, &count, &acts);
    phub__view_unref(&all);
    return acts;
}

uint32_t sim_rows_live(struct sim_case *c, const struct sim_child *child,
                       struct phub_epoch *incarnation)
{
    uint32_t count = 0;

    *incarnation = (struct phub_epoch){ 0, 0 };
    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        struct phub__row_view row;

        if (daemon == NULL || daemon->hub == NULL
            || phub__registry_get(daemon->hub->registry,
                                  sim_child_bytes(child), &row) != 0
            || !row.live)
            continue;
        count++;
        if (phub_epoch_cmp(row.incarnation, *incarnation) > 0)
            *incarnation = row.incarnation;
    }
    return count;
}

uint64_t sim_cause_newest(struct sim_case *c, uint32_t node,
                          const struct sim_child *child)
{
    struct sim_daemon *daemon = sim_daemon(c, node);
    struct phub__cause cause;

    if (daemon == NULL || daemon->hub == NULL)
        return 0;
    return phub__causes_of(daemon->hub->causes, sim_child_bytes(child),
                           &cause, 1) == 0 ? 0 : cause.sequence;
}

static uint32_t acts_on(const struct sim_child *child)
{
    for (uint32_t i = 0; i < child->lives_count; i++)
        if (child->lives[i].serial != 0 && child->lives[i].acts)
            return child->lives[i].node;
    return UINT32_MAX;
}

uint32_t sim_where(struct sim_case *c, uint32_t child)
{
    return acts_on(&c->children[child]);
}
