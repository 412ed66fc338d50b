/* SPDX-License-Identifier: MIT */
/* record: actions, and the scenario that is made of some of them. */
#include "config.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "sim/record.h"
#include "strategy/loader.h"
#include "wire/assert.h"

#define COMMENT_MAX 900  /* bytes of a line of it */
#define WELL_MIN 3u      /* with the one that is struck */

/* --- adding --------------------------------------------------------------- */

struct sim_record *sim_record_new(void)
{
    struct sim_record *record = mmap(NULL, sizeof(*record),
                                     PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    return record == MAP_FAILED ? NULL : record;
}

void sim_record_free(struct sim_record **record)
{
    if (*record != NULL)
        (void)munmap(*record, sizeof(**record));
    *record = NULL;
}

static struct sim_action *action_new(struct sim_case *c)
{
    struct sim_record *record = c->options.record;
    struct sim_action *action;

    if (record == NULL || record->full)
        return NULL;
    if (record->count == SIM_ACTIONS_MAX) {
        record->full = 1;
        return NULL;
    }
    action = &record->actions[record->count++];
    memset(action, 0, sizeof(*action));
    action->at_ns = phub__world_now(c->world);
    action->node = action->other = SIM_NOBODY;
    return action;
}

void sim_record_node(struct sim_case *c, enum sim_effect effect,
                     uint32_t node, const char *format, ...)
{
    struct sim_action *action = action_new(c);
    va_list list;

    if (action == NULL)
        return;
    action->effect = effect;
    action->node = node;
    va_start(list, format);
    (void)vsnprintf(action->head, sizeof(action->head), format, list);
    va_end(list);
}

void sim_record_pair(struct sim_case *c, uint32_t from, uint32_t to,
                     int held)
{
    struct sim_action *action = from == to ? NULL : action_new(c);

    if (action == NULL)
        return;
    action->node = from;
    action->other = to;
    (void)snprintf(action->head, sizeof(action->head), "cut n%u->n%u%s", from,
                   to, held ? " held" : "");
}

void sim_record_half_open(struct sim_case *c, uint32_t from, uint32_t to,
                          uint64_t ms)
{
    struct sim_action *action = action_new(c);

    if (action == NULL)
        return;
    action->node = from;
    action->other = to;
    (void)snprintf(action->head, sizeof(action->head), "half-open n%u->n%u "
                   "for %" PRIu64 "ms", from, to, ms);
}

void sim_record_cut(struct sim_case *c, const uint32_t *groups, int held)
{
    struct sim_record *record = c->options.record;
    struct sim_action *action = action_new(c);

    if (action == NULL)
        return;
    if (SIM_GROUPS_SIZE - record->groups_used < c->options.nodes) {
        record->full = 1;
        record->count--;
        return;
    }
    action->groups = record->groups_used + 1;
    for (uint32_t i = 0; i < c->options.nodes; i++)
        record->groups[record->groups_used++] = (uint8_t)groups[i];
    (void)snprintf(action->tail, sizeof(action->tail), "%s",
                   held ? " held" : "");
}

void sim_record_children(struct sim_case *c, uint32_t node, uint32_t other,
                         uint32_t first, uint32_t last, const char *head,
                         const char *tail)
{
    struct sim_action *action = action_new(c);

    if (action == NULL)
        return;
    action->node = node;
    action->other = other;
    action->first = first;
    action->last = last;
    (void)snprintf(action->head, sizeof(action->head), "%s", head);
    (void)snprintf(action->tail, sizeof(action->tail), "%s", tail);
}

/* --- subsets -------------------------------------------------------------- */

static uint8_t *ones(uint32_t count)
{
    uint8_t *made = malloc(count == 0 ? 1 : count);

    phub__assert(made != NULL);
    memset(made, 1, count);
    return made;
}

void sim_subset_all(const struct sim_record *record,
                    const struct sim_options *options,
                    struct sim_subset *subset)
{
    *subset = (struct sim_subset){
        .nodes = options->nodes, .children = options->children,
        .clients = options->clients, .round_ns = 1,
        .end_ns = record->end_ns, .node = ones(options->nodes),
        .child = ones(options->children), .action = ones(record->count) };
}

void sim_subset_fini(struct sim_subset *subset)
{
    free(subset->node);
    free(subset->child);
    free(subset->action);
    memset(subset, 0, sizeof(*subset));
}

/* --- what is left of an action -------------------------------------------- */

static int has(const struct sim_subset *s, uint32_t node)
{
    return node == SIM_NOBODY || (node < s->nodes && s->node[node]);
}

static int cuts(const struct sim_subset *s, const uint8_t *groups)
{
    uint32_t first = SIM_NOBODY;

    for (uint32_t i = 0; i < s->nodes; i++) {
        if (!s->node[i])
            continue;
        if (first == SIM_NOBODY)
            first = i;
        if (groups[i] != groups[first])
            return 1;
    }
    return 0;
}

static int remains(const struct sim_record *record,
                   const struct sim_subset *s,
                   const struct sim_action *action)
{
    if (!has(s, action->node) || !has(s, action->other))
        return 0;
    if (action->groups != 0)
        return cuts(s, record->groups + action->groups - 1);
    for (uint32_t i = action->first; i < action->last; i++)
        if (i < s->children && s->child[i])
            return 1;
    return action->first == action->last;
}

static int in(const struct sim_record *record, const struct sim_subset *s,
              uint32_t index)
{
    return s->action[index] && remains(record, s, &record->actions[index]);
}

uint32_t sim_record_lines(const struct sim_record *record,
                          const struct sim_subset *subset)
{
    uint32_t lines = 0;

    for (uint32_t i = 0; i < record->count; i++)
        lines += (uint32_t)in(record, subset, i);
    return lines;
}

uint64_t sim_record_last(const struct sim_record *record,
                         const struct sim_subset *subset)
{
    for (uint32_t i = record->count; i-- > 0;)
        if (in(record, subset, i))
            return record->actions[i].at_ns;
    return 0;
}

int sim_record_sound(const struct sim_record *record,
                     const struct sim_subset *subset)
{
    uint8_t *runs = calloc(subset->nodes + 1, 1);
    uint8_t *frozen = calloc(subset->nodes + 1, 1);
    int sound = 1;

    phub__assert(runs != NULL && frozen != NULL);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sim_action *action = &record->actions[i];
        uint32_t well = 0;

        if (!in(record, subset, i) || action->effect == SIM_EFFECT_NONE)
            continue;
        for (uint32_t k = 0; k < subset->nodes; k++)
            well += runs[k] && !frozen[k];
        if ((action->effect == SIM_EFFECT_STRIKE
             || action->effect == SIM_EFFECT_FREEZE)
            && (well < WELL_MIN || !runs[action->node]))
            sound = 0;
        if (action->effect == SIM_EFFECT_START)
            runs[action->node] = 1;
        if (action->effect == SIM_EFFECT_STRIKE
            || action->effect == SIM_EFFECT_DARK)
            runs[action->node] = 0;
        if (action->effect != SIM_EFFECT_START)
            frozen[action->node] = action->effect == SIM_EFFECT_FREEZE;
    }
    free(runs);
    free(frozen);
    return sound ? 0 : -1;
}

/* --- writing -------------------------------------------------------------- */

static void time_write(uint64_t ns, FILE *out)
{
    if (ns % PHUB__SIM_S == 0)
        fprintf(out, "at %" PRIu64 "s ", ns / PHUB__SIM_S);
    else if (ns % PHUB__SIM_MS == 0)
        fprintf(out, "at %" PRIu64 "ms ", ns / PHUB__SIM_MS);
    else
        fprintf(out, "at %" PRIu64 "ns ", ns);
}

/* "c0..c3,c7" */
static void children_write(const struct sim_subset *s,
                           const struct sim_action *action, FILE *out)
{
    const char *comma = " ";

    for (uint32_t i = action->first; i < action->last; i++) {
        uint32_t to = i;

        if (i >= s->children || !s->child[i])
            continue;
        while (to + 1 < action->last && to + 1 < s->children
               && s->child[to + 1])
            to++;
        fprintf(out, "%sc%u", comma, i);
        if (to != i)
            fprintf(out, "..c%u", to);
        comma = ",";
        i = to;
    }
}

static void groups_write(const struct sim_subset *s, const uint8_t *groups,
                         FILE *out)
{
    const char *bar = "cut ";

    for (unsigned group = 0; group < 256; group++) {
        const char *comma = bar;

        for (uint32_t i = 0; i < s->nodes; i++) {
            if (!s->node[i] || groups[i] != group)
                continue;
            fprintf(out, "%sn%u", comma, i);
            comma = ",";
            bar = "|";
        }
    }
}

/* What a file is called without directory, kind and end: --plugin names it
 * again. */
static void name_write(const char *name, FILE *out)
{
    const char *slash = strrchr(name, '/');
    const char *dash = slash == NULL ? NULL : strchr(slash, '-');

    if (slash == NULL) {
        fputs(name, out);
        return;
    }
    for (name = dash == NULL ? slash + 1 : dash + 1;
         *name != '\0' && strcmp(name, ".so") != 0; name++)
        (void)fputc(isalnum((unsigned char)*name) ? *name : '_', out);
}

static void settings_write(const struct sim_subset *s,
                           const struct sim_options *options, FILE *out)
{
    struct sim_options usual;
    int roles = 0;

    sim_options_init(&usual, options->seed);
    fprintf(out, "nodes %u\nchildren %u\n", s->nodes, s->children);
    if (s->clients != usual.clients)
        fprintf(out, "clients %u\n", s->clients);
    fprintf(out, "seed %" PRIu64 "\n%s", options->seed + s->seed_more,
            options->durable ? "durable\n" : "");
    for (uint32_t kind = 1; kind < PHUB__KINDS; kind++) {
        const struct phub__strategy_option *o = &options->strategies[kind];

        if (o->params_count == 0
            && strcmp(o->name, usual.strategies[kind].name) == 0)
            continue;
        fprintf(out, "%s ", phub__kind_name(kind));
        name_write(o->name, out);
        if (o->params_count != 0)
            fputs(" with", out);
        for (uint32_t i = 0; i < o->params_count; i++)
            fprintf(out, " %s", o->params[i]);
        fputs("\n", out);
        roles |= kind == PHUB_KIND_REDUNDANCY;
    }
    /* Whose manner is left out breaks promise 2 by itself without roles. */
    if (roles)
        fprintf(out, "manner c0..c%u state freeze role\n", s->children - 1);
}

void sim_record_write(const struct sim_record *record,
                      const struct sim_subset *subset,
                      const struct sim_options *options, const char *why,
                      FILE *out)
{
    while (*why != '\0') {
        int size = (int)strcspn(why, "\n");

        if (size > COMMENT_MAX)
            size = COMMENT_MAX;
        fprintf(out, "# %.*s\n", size, why);
        why += size + (why[size] == '\n');
    }
    settings_write(subset, options, out);
    for (uint32_t i = 0; i < record->count; i++) {
        const struct sim_action *action = &record->actions[i];

        if (!in(record, subset, i))
            continue;
        time_write(action->at_ns / subset->round_ns * subset->round_ns, out);
        if (action->groups != 0)
            groups_write(subset, record->groups + action->groups - 1, out);
        fputs(action->head, out);
        if (action->first != action->last)
            children_write(subset, action, out);
        fprintf(out, "%s\n", action->tail);
    }
    time_write((subset->end_ns + subset->round_ns - 1) / subset->round_ns
               * subset->round_ns, out);
    fputs("mend\n", out);
    if (record->calm)
        fputs("wait until calm\n", out);
}
