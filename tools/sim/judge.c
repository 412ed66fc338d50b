/* SPDX-License-Identifier: MIT */
/* judge: what must be true, from outside.
 *
 * The judges hear what instances do (begin, act, end) and what people and
 * clients were answered; they ask the hub nothing but, when all is quiet, its
 * registries.  Numbers are the promises of the design.
 *
 *   1  quiet: each child that people want runs, once
 *   2  at any time: no two instances of a child act, unless a cut explains it
 *   3  client.c: no acknowledged update is missing, unless a fault took the
 *      instance (or the daemon that had its state in hand)
 *   4  quiet: nothing runs that people stopped
 *   5  operator.c: each command ends in time with an answer for each child
 *   6  quiet: the registries of all members hold equal rows
 *   7  client.c: what is published as running is ready and has its state
 *
 * Epochs: an instance that begins to act has a greater epoch than any that
 * acted before it on its side (2). */
#include "config.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include "sim/case.h"

void sim_broken(struct sim_case *c, unsigned promise, const char *format, ...)
{
    char text[400];
    va_list list;

    if (c->broken)
        return;
    c->broken = 1;
    c->promise = promise;
    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    (void)snprintf(c->story, sizeof(c->story),
                   "seed %llu, %.6f s: promise %u: %s",
                   (unsigned long long)c->options.seed,
                   c->world == NULL ? 0.0
                       : (double)phub__world_now(c->world) / 1e9,
                   promise, text);
    if (c->world != NULL)
        phub__world_note(c->world, NULL, "BROKEN: promise %u: %s", promise,
                         text);
}

int sim_was_cut(const struct sim_case *c)
{
    return c->split
        || (c->healed_ns != 0
            && phub__world_now(c->world) < c->healed_ns + SIM_MERGE_NS);
}

/* What that daemon had in hand may be gone; and what was agreed on its side
 * of a cut, and told nobody yet on the other. */
void sim_excuse_node(struct sim_case *c, uint32_t index)
{
    for (uint32_t i = 0; i < c->options.children && c->split; i++)
        if (c->children[i].wished_ns >= c->split_ns)
            c->children[i].wish = SIM_UNKNOWN;
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].last_node == index)
            c->children[i].excused = 1;
}

/* --- as it happens -------------------------------------------------------- */

static void new_life(struct sim_child *child,
                     const struct phub__sim_child_facts *facts)
{
    child->incarnation = facts->incarnation;
    child->excused = 0;
    memset(child->journals, 0, sizeof(child->journals));
}

static void began(void *arg, const struct phub__sim_child *instance)
{
    struct sim_case *c = arg;
    struct phub__sim_child_facts facts;
    struct sim_child *child;

    phub__sim_child_facts(instance, &facts);
    child = sim_child_by_id(c, facts.id);
    if (child == NULL) {
        sim_broken(c, 4, "an instance of unknown child %.*s begins",
                   (int)facts.id.size, (const char *)facts.id.data);
        return;
    }
    if (!child->asked_to_start)
        sim_broken(c, 4, "child %s begins, and nobody asked for it",
                   child->id);
    if (phub_epoch_cmp(facts.incarnation, child->incarnation) > 0)
        new_life(child, &facts);
    /* A frozen process keeps its actors, and their state goes with the lease
     * although nothing has ended yet. */
    if (child->last_node != UINT32_MAX
        && phub__sim_node_frozen(sim_node(c, child->last_node)))
        child->excused = 1;
    child->last_node = phub__sim_node_index(facts.node);
}

static void told_two(struct sim_case *c, const struct sim_child *child)
{
    struct phub__sim_child *other = NULL;
    struct phub__sim_child_facts facts;
    char text[200] = "";
    size_t used = 0;

    while ((other = sim_instance_next(c, child, other)) != NULL) {
        phub__sim_child_facts(other, &facts);
        if (!facts.acts)
            continue;
        used += (size_t)snprintf(text + used, sizeof(text) - used,
                                 " %s/%lld epoch %llu since %.3f",
                                 phub__sim_node_name(facts.node),
                                 (long long)facts.pid,
                                 (unsigned long long)facts.epoch.number,
                                 (double)facts.began_ns / 1e9);
        if (used >= sizeof(text) - 1)
            break;
    }
    sim_broken(c, 2, "child %s acts more than once:%s", child->id, text);
}

static void acting(void *arg, const struct phub__sim_child *instance,
                   int acts)
{
    struct sim_case *c = arg;
    struct phub__sim_child_facts facts;
    struct sim_child *child;

    phub__sim_child_facts(instance, &facts);
    child = sim_child_by_id(c, facts.id);
    if (child == NULL)
        return;
    if (!acts) {
        child->acting--;
        return;
    }
    child->acting++;
    child->acting_serial = facts.serial;
    if (child->acting > 1) {
        child->excused = 1;     /* the loser's updates go with it */
        if (!sim_was_cut(c))
            told_two(c, child);
    }
}

static void ended(void *arg, const struct phub__sim_child *instance,
                  enum phub__sim_end why)
{
    struct sim_case *c = arg;
    struct phub__sim_child_facts facts;
    struct sim_child *child;

    phub__sim_child_facts(instance, &facts);
    child = sim_child_by_id(c, facts.id);
    if (child == NULL
        || phub_epoch_cmp(facts.incarnation, child->incarnation) != 0)
        return;
    /* What cannot freeze answers until it ends, after its state was taken;
     * what gives its state too late is ended without when its node goes. */
    if (why != PHUB__SIM_END_ASKED || !facts.can_state || sim_was_cut(c)
        || strstr(child->argv, " freeze") == NULL
        || strstr(child->argv, "late-state=6000") != NULL
        || strstr(child->argv, "never-state") != NULL)
        child->excused = 1;
}

/* --- when all is quiet ---------------------------------------------------- */

static uint32_t instances_of(struct sim_case *c, const struct sim_child *child,
                             uint32_t *acting_count)
{
    struct phub__sim_child *instance = NULL;
    struct phub__sim_child_facts facts;
    uint32_t count = 0;

    *acting_count = 0;
    while ((instance = sim_instance_next(c, child, instance)) != NULL) {
        phub__sim_child_facts(instance, &facts);
        count++;
        *acting_count += facts.acts != 0;
    }
    return count;
}

uint32_t sim_where(struct sim_case *c, uint32_t child)
{
    struct phub__sim_child *instance = NULL;
    struct phub__sim_child_facts facts;

    while ((instance = sim_instance_next(c, &c->children[child], instance))
           != NULL) {
        phub__sim_child_facts(instance, &facts);
        if (facts.acts)
            return phub__sim_node_index(facts.node);
    }
    return UINT32_MAX;
}

static int hopeless(const struct sim_child *child)
{
    return strstr(child->argv, "crash-") != NULL
        || strstr(child->argv, "exit-after") != NULL
        || strstr(child->argv, "fail-start") != NULL;
}

/* NULL if it is as it should be; else what is wrong with the child. */
static const char *child_wrong(struct sim_case *c,
                               const struct sim_child *child,
                               unsigned *promise)
{
    uint32_t acts, count = instances_of(c, child, &acts);

    *promise = 1;
    if (hopeless(child))
        return NULL;
    if (child->wish == SIM_RUN && acts == 0)
        return count == 0 ? "is wanted and runs nowhere"
                          : "is wanted, and no instance of it acts";
    *promise = 2;
    if (acts > 1)
        return "acts more than once";
    if (count > 1)
        return "has more than one instance";
    *promise = 4;
    if ((child->wish == SIM_STOP || child->wish == SIM_NOTHING) && count != 0)
        return "runs, and people stopped it";
    return NULL;
}

static uint64_t row_hash(const struct phub__row_view *row)
{
    uint64_t words[10] = { row->live, row->durable, row->sticky,
                           row->incarnation.number, row->incarnation.node,
                           row->edit.number, row->edit.node, row->home,
                           row->home_epoch.number, row->home_epoch.node };
    uint64_t hash = XXH3_64bits(row->id.data, row->id.size)
        ^ XXH3_64bits(words, sizeof(words));

    for (uint32_t i = 0; i < row->instances_count; i++) {
        struct phub__half_view half;
        uint64_t facts[6];

        phub__row_half_at(row, i, &half);
        if (half.state == PHUB_INSTANCE_GONE)
            continue;
        facts[0] = half.node;
        facts[1] = half.boot;
        facts[2] = half.epoch.number;
        facts[3] = half.epoch.node;
        facts[4] = half.state;
        facts[5] = (uint64_t)half.pid;
        hash ^= XXH3_64bits_withSeed(facts, sizeof(facts), 7);
    }
    return hash;
}

/* The order of rows is the registry's own: the sum does not depend on it. */
static uint64_t registry_hash(const struct phub__registry *registry,
                              uint64_t *rows)
{
    struct phub__query query = { .by = PHUB__BY_LIVE };
    struct phub__row_view views[16];
    uint64_t cursor = 0;
    uint64_t sum = 0;

    *rows = 0;
    do {
        uint32_t count = phub__registry_query(registry, &query, &cursor, 64,
                                              views, 16);

        for (uint32_t i = 0; i < count; i++)
            sum += row_hash(&views[i]);
        *rows += count;
    } while (cursor != 0);
    return sum;
}

static int registries_equal(struct sim_case *c, char *text, size_t text_max)
{
    uint64_t hash = 0, rows = 0;
    struct sim_daemon *first = NULL;

    for (uint32_t i = 0; i < c->options.nodes; i++) {
        struct sim_daemon *daemon = sim_daemon(c, i);
        uint64_t count, sum;

        if (daemon == NULL)
            continue;
        sum = registry_hash(daemon->hub->registry, &count);
        if (first != NULL && sum != hash) {
            (void)snprintf(text, text_max, "%s has %llu rows, %s has %llu%s",
                           phub__sim_node_name(first->node),
                           (unsigned long long)rows,
                           phub__sim_node_name(daemon->node),
                           (unsigned long long)count,
                           rows == count ? ", not equal" : "");
            return 0;
        }
        if (first == NULL) {
            first = daemon;
            hash = sum;
            rows = count;
        }
    }
    return 1;
}

int sim_all_well(struct sim_case *c)
{
    char text[200];
    unsigned promise;

    if (!sim_members_agree(c) || !registries_equal(c, text, sizeof(text)))
        return 0;
    for (uint32_t i = 0; i < c->options.children; i++)
        if (c->children[i].commands != 0
            || child_wrong(c, &c->children[i], &promise) != NULL)
            return 0;
    return 1;
}

void sim_judge_quiet(struct sim_case *c)
{
    char text[200];

    if (sim_run_until(c, SIM_QUIET_NS / PHUB__SIM_MS, sim_all_well)
        || c->broken)
        return;
    if (!sim_members_agree(c)) {
        sim_broken(c, 6, "the members do not agree about the view");
        return;
    }
    for (uint32_t i = 0; i < c->options.children; i++) {
        unsigned promise;
        const char *wrong = child_wrong(c, &c->children[i], &promise);

        if (wrong != NULL) {
            sim_broken(c, promise, "%u s after the last fault child %s %s "
                       "(last began on n%u)",
                       (unsigned)(SIM_QUIET_NS / PHUB__SIM_S),
                       c->children[i].id, wrong, c->children[i].last_node);
            return;
        }
    }
    if (!registries_equal(c, text, sizeof(text)))
        sim_broken(c, 6, "the registries differ: %s", text);
    else
        sim_broken(c, 5, "commands are still open");
}

void sim_judge_init(struct sim_case *c)
{
    c->watch = (struct phub__sim_watch){ .began = began, .acting = acting,
                                         .ended = ended, .arg = c };
}
