/* SPDX-License-Identifier: MIT */
/* scenario_play: one variant of a scenario, from its settings to the judges.
 *
 * Settings fill the options; the first action makes the case.  What was asked
 * for "for" a while is undone by an event of the world.  When no action is
 * left and nothing more will be undone, the judges wait for quiet. */
#include "config.h"

#include <stdarg.h>
#include <string.h>

#include "sim/scenario_tree.h"
#include "wire/assert.h"

int sim_play_fail(struct sim_play *p, const char *format, ...)
{
    char text[400];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    (void)snprintf(p->text, p->text_max, "%s:%u: %s (variant %lld)",
                   p->s->name, p->now->line, text, (long long)p->values[0]);
    return -1;
}

/* --- arguments ------------------------------------------------------------ */

int sim_play_number(struct sim_play *p, const struct sim_arg *arg,
                    const char *what, int64_t least, int64_t most,
                    int64_t *value)
{
    if (sim_expr_value(p, arg->expr, value) != 0)
        return -1;
    if (*value < least || *value > most)
        return sim_play_fail(p, "found %s %lld, allowed are %lld to %lld",
                             what, (long long)*value, (long long)least,
                             (long long)most);
    return 0;
}

int sim_play_time(struct sim_play *p, const struct sim_arg *arg, uint64_t *ns)
{
    int64_t value;

    if (sim_expr_value(p, arg->expr, &value) != 0)
        return -1;
    if (value < 0
        || (uint64_t)value > SIM_SCENARIO_TIME_MAX_S * PHUB__SIM_S)
        return sim_play_fail(p, "found a time of %lld ns, allowed are 0 to "
                             "%u s", (long long)value,
                             SIM_SCENARIO_TIME_MAX_S);
    *ns = (uint64_t)value;
    return 0;
}

static int index_of(struct sim_play *p, const struct sim_expr *expr,
                    char letter, uint32_t count, uint32_t *index)
{
    int64_t value;

    if (sim_expr_value(p, expr, &value) != 0)
        return -1;
    if (value < 0 || value >= count)
        return sim_play_fail(p, "found %c%lld, allowed are %c0 to %c%u",
                             letter, (long long)value, letter, letter,
                             count - 1);
    *index = (uint32_t)value;
    return 0;
}

/* The bounds of one span; last is the one after. */
static int span_of(struct sim_play *p, const struct sim_span *span,
                   char letter, uint32_t count, uint32_t *first,
                   uint32_t *last)
{
    if (span->first == NULL) {
        *first = 0;
        *last = count;
        return 0;
    }
    if (index_of(p, span->first, letter, count, first) != 0
        || index_of(p, span->last, letter, count, last) != 0)
        return -1;
    if (*last < *first)
        return sim_play_fail(p, "found %c%u..%c%u, allowed is a first one "
                             "not behind the last", letter, *first, letter,
                             *last);
    ++*last;
    return 0;
}

int sim_play_node(struct sim_play *p, const struct sim_expr *expr,
                  uint32_t *index)
{
    return index_of(p, expr, 'n', p->options.nodes, index);
}

int sim_play_nodes(struct sim_play *p, const struct sim_span *span,
                   uint32_t *first, uint32_t *last)
{
    return span_of(p, span, 'n', p->options.nodes, first, last);
}

int sim_play_each_node(struct sim_play *p, const struct sim_arg *arg,
                       int (*fn)(struct sim_play *p, uint32_t index,
                                 uint64_t value), uint64_t value)
{
    for (const struct sim_span *s = arg->spans; s != NULL; s = s->next) {
        uint32_t first, last;

        if (sim_play_nodes(p, s, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            if (fn(p, i, value) != 0)
                return -1;
    }
    return 0;
}

int sim_play_children(struct sim_play *p, const struct sim_span *span,
                      uint32_t *first, uint32_t *last)
{
    return span_of(p, span, 'c', p->options.children, first, last);
}

int sim_play_word(struct sim_play *p, const struct sim_arg *arg,
                  const char **word)
{
    const struct sim_word *w = arg->words;
    int64_t index = 0, count = 0;

    if (arg->expr != NULL && sim_expr_value(p, arg->expr, &index) != 0)
        return -1;
    for (; w != NULL; w = w->next)
        count++;
    index = (index % count + count) % count;
    for (w = arg->words; index > 0; w = w->next)
        index--;
    *word = w->text;
    return 0;
}

/* --- time ----------------------------------------------------------------- */

int sim_play_until(struct sim_play *p, uint64_t at_ns, int each_event,
                   int (*fn)(struct sim_play *p, const void *arg),
                   const void *arg)
{
    struct phub__world *world = p->c->world;
    uint64_t looked = phub__world_now(world);

    while (!p->c->broken && !fn(p, arg)) {
        uint64_t now = phub__world_now(world);

        if (now >= at_ns)
            return 0;
        if (!each_event) {
            now += 50 * PHUB__SIM_MS;
            sim_run_to(p->c, now < at_ns ? now : at_ns);
            continue;
        }
        if (!phub__world_step(world))
            return 0;
        if (phub__world_now(world) >= looked + 10 * PHUB__SIM_MS) {
            sim_look(p->c);
            looked = phub__world_now(world);
        }
    }
    return fn(p, arg);
}

struct undo {
    struct sim_play *p;
    uint32_t mended;
    void (*fn)(struct sim_play *p, uint32_t a, uint32_t b);
    uint32_t a, b;
};

static void undo(void *arg)
{
    struct undo *u = arg;

    if (u->mended == u->p->mended)
        u->fn(u->p, u->a, u->b);
    sim_disown(u);
}

int sim_play_later(struct sim_play *p, const struct sim_arg *arg,
                   void (*fn)(struct sim_play *p, uint32_t a, uint32_t b),
                   uint32_t a, uint32_t b)
{
    struct undo *u;
    uint64_t at = 0;

    if (!arg->given)
        return 0;
    if (sim_play_time(p, arg, &at) != 0)
        return -1;
    u = sim_own(p->c, sizeof(*u));
    *u = (struct undo){ p, p->mended, fn, a, b };
    at += phub__world_now(p->c->world);
    if (at > p->undone_ns)
        p->undone_ns = at;
    phub__world_at(p->c->world, at, undo, u);
    return 0;
}

/* --- playing -------------------------------------------------------------- */

static int first_action(struct sim_play *p)
{
    struct phub__world_options world;

    if (p->how->adjust != NULL)
        p->how->adjust(p->how->arg, &p->options);
    if (p->how->trace != NULL)
        p->options.trace = p->how->trace;
    phub__world_options_init(&world, p->options.seed);
    p->net = world.net;
    p->c = sim_case_new(&p->options);
    return 0;
}

int sim_play_statement(struct sim_play *p, const struct sim_statement *s)
{
    const struct sim_statement *outer = p->now;
    int rc;

    p->now = s;
    if (p->c == NULL && s->form->when == SIM_ACTION
        && first_action(p) != 0)
        return -1;
    if (s->form->when == SIM_ACTION)
        p->judged = 0;
    rc = s->form->play(p, s->args);
    p->now = outer;
    return rc;
}

static enum sim_outcome end(struct sim_play *p, struct sim_played *played)
{
    struct sim_case *c = p->c;

    if (!c->broken && !p->judged) {
        sim_run_to(c, p->undone_ns);
        sim_judge_quiet(c);
    }
    sim_clients_stop(c);
    played->virtual_ns = phub__world_now(c->world);
    played->hash = phub__world_hash(c->world);
    played->updates = c->updates;
    if (p->expected < 0 && !c->broken)
        return SIM_KEPT;
    if (p->expected >= 0 && c->broken && c->promise == p->expected)
        return SIM_KEPT;
    if (p->expected >= 0)
        (void)snprintf(played->text, sizeof(played->text), "%s, variant "
                       "%lld: promise %lld should have been broken: %s",
                       p->s->name, (long long)p->values[0],
                       (long long)p->expected,
                       c->broken ? c->story : "all were kept");
    else
        (void)snprintf(played->text, sizeof(played->text), "%s, variant "
                       "%lld: %s", p->s->name, (long long)p->values[0],
                       c->story);
    return SIM_BROKEN;
}

enum sim_outcome sim_scenario_play(const struct sim_scenario *scenario,
                                   uint64_t variant,
                                   const struct sim_play_options *how,
                                   struct sim_played *played)
{
    static const struct sim_play_options plain;
    struct sim_play p = { .s = scenario, .expected = -1,
                          .how = how == NULL ? &plain : how };
    enum sim_outcome outcome = SIM_MISTAKE;
    const struct sim_statement *s;
    int rc = 0;

    memset(played, 0, sizeof(*played));
    p.text = played->text;
    p.text_max = sizeof(played->text);
    p.values[0] = (int64_t)variant;
    sim_options_init(&p.options, variant + 1);
    for (s = scenario->first; s != NULL && rc == 0; s = s->next)
        if (p.c == NULL || !p.c->broken)
            rc = sim_play_statement(&p, s);
    if (p.c == NULL && rc == 0) {       /* every action had a false "when" */
        p.now = scenario->first;
        rc = sim_play_fail(&p, "found no action");
    }
    if (rc == 0)
        outcome = end(&p, played);
    sim_case_free(&p.c);
    return outcome;
}
