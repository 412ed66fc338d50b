/* SPDX-License-Identifier: MIT */
/* scenario_wait: time, events, and what is waited for or expected. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/judge_scene.h"
#include "sim/scenario_tree.h"

/* --- waiting -------------------------------------------------------------- */

static int then(struct sim_play *p, const struct sim_arg *arg)
{
    return p->c->broken ? 0 : sim_play_statement(p, arg->statement);
}

static int play_at(struct sim_play *p, const struct sim_arg *args)
{
    uint64_t now = phub__world_now(p->c->world), at;

    if (sim_play_time(p, &args[0], &at) != 0)
        return -1;
    if (at < now)
        return sim_play_fail(p, "it is %.6f s already, later than %.6f s",
                             (double)now / 1e9, (double)at / 1e9);
    sim_run_to(p->c, at);
    return then(p, &args[1]);
}

static int play_wait(struct sim_play *p, const struct sim_arg *args)
{
    uint64_t ns;

    if (sim_play_time(p, &args[0], &ns) != 0)
        return -1;
    sim_run_to(p->c, phub__world_now(p->c->world) + ns);
    return 0;
}

static int play_after(struct sim_play *p, const struct sim_arg *args)
{
    return play_wait(p, args) != 0 ? -1 : then(p, &args[1]);
}

static int play_wait_events(struct sim_play *p, const struct sim_arg *args)
{
    int64_t count;

    if (sim_play_number(p, &args[0], "events", 0, 1000000000, &count) != 0)
        return -1;
    while (count-- > 0 && !p->c->broken && phub__world_step(p->c->world))
        ;
    sim_look(p->c);
    return 0;
}

static int play_after_events(struct sim_play *p, const struct sim_arg *args)
{
    return play_wait_events(p, args) != 0 ? -1 : then(p, &args[1]);
}

/* --- looking at children -------------------------------------------------- */

enum { RUNNING, STOPPED, NOWHERE, FROZEN, REFUSED, STATES };
static const char *const states[STATES] = {
    "running", "stopped", "nowhere", "frozen", "refused"
};

struct look {
    uint32_t state;
    const struct sim_span *spans;
    uint32_t node;             /* UINT32_MAX: any */
    uint32_t child;            /* the first that is not so */
};

static int child_is(struct sim_case *c, uint32_t index, uint32_t state,
                    uint32_t node)
{
    struct sim_child *child = &c->children[index];
    struct phub__sim_child *instance = NULL;
    struct phub__sim_child_facts facts;
    uint32_t count = 0, acts = 0, frozen = 0;

    while ((instance = sim_instance_next(c, child, instance)) != NULL) {
        phub__sim_child_facts(instance, &facts);
        if (node != UINT32_MAX && phub__sim_node_index(facts.node) != node)
            continue;
        count++;
        acts += facts.acts != 0;
        frozen += facts.frozen != 0;
    }
    switch (state) {
    case RUNNING: return acts == 1 && child->wish != SIM_STOP;
    case STOPPED: return count == 0 && child->wish == SIM_STOP;
    case NOWHERE: return count == 0;
    case FROZEN: return frozen != 0;
    case REFUSED: return child->commands == 0 && child->told != 0;
    default: return 0;
    }
}

static int look_read(struct sim_play *p, const struct sim_arg *args,
                     struct look *look)
{
    const char *word;

    *look = (struct look){ .node = UINT32_MAX, .spans = args[0].spans };
    if (sim_play_word(p, &args[1], &word) != 0)
        return -1;
    while (look->state < STATES && strcmp(states[look->state], word) != 0)
        look->state++;
    if (look->state == STATES)
        return sim_play_fail(p, "found '%s', allowed are running, stopped, "
                             "nowhere, frozen, refused", word);
    return args[2].given ? sim_play_node(p, args[2].expr, &look->node) : 0;
}

static int all_are(struct sim_play *p, const void *arg)
{
    struct look *look = (struct look *)(uintptr_t)arg;

    for (const struct sim_span *span = look->spans; span != NULL;
         span = span->next) {
        uint32_t first, last;

        if (sim_play_children(p, span, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            if (!child_is(p->c, i, look->state, look->node)) {
                look->child = i;
                return 0;
            }
    }
    return 1;
}

static void not_so(struct sim_play *p, const struct look *look)
{
    char where[16] = "";

    if (p->c->broken)
        return;
    if (look->node != UINT32_MAX)
        (void)snprintf(where, sizeof(where), " on n%u", look->node);
    sim_broken(p->c, look->state == RUNNING ? 1 : look->state == FROZEN ? 3
               : look->state == REFUSED ? 5 : 4, "line %u: child c%u is not %s%s", p->now->line,
               look->child, states[look->state], where);
}

static int play_expect(struct sim_play *p, const struct sim_arg *args)
{
    struct look look;
    int rc;

    if (look_read(p, args, &look) != 0)
        return -1;
    rc = all_are(p, &look);
    if (rc == 0)
        not_so(p, &look);
    return rc < 0 ? -1 : 0;
}

#define WAIT_NS (40 * PHUB__SIM_S)

static int limit_of(struct sim_play *p, const struct sim_arg *arg,
                    uint64_t *at_ns)
{
    uint64_t ns = WAIT_NS;

    if (arg->given && sim_play_time(p, arg, &ns) != 0)
        return -1;
    *at_ns = phub__world_now(p->c->world) + ns;
    return 0;
}

static int play_wait_children(struct sim_play *p, const struct sim_arg *args)
{
    struct look look;
    uint64_t at_ns;
    int rc;

    if (look_read(p, args, &look) != 0
        || limit_of(p, &args[3], &at_ns) != 0 || all_are(p, &look) < 0)
        return -1;
    rc = sim_play_until(p, at_ns, 1, all_are, &look);
    if (rc == 0)
        not_so(p, &look);
    return 0;
}

/* --- looking at all ------------------------------------------------------- */

static int agreed(struct sim_play *p, const void *arg)
{
    (void)arg;
    return sim_members_agree(p->c);
}

static int answered(struct sim_play *p, const void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < p->options.children; i++)
        if (p->c->children[i].commands != 0)
            return 0;
    return 1;
}

static int all_run(struct sim_play *p, const void *arg)
{
    (void)arg;
    for (uint32_t i = 0; i < p->options.children; i++) {
        const struct sim_child *child = &p->c->children[i];
        uint32_t count, acts;

        sim_asked(p->c, child, &count, &acts);
        if (child->asked_to_start && child->wish != SIM_STOP
            && (child->wish != SIM_RUN || child->acting != acts))
            return 0;
    }
    return 1;
}

static int settled(struct sim_play *p, const void *arg)
{
    (void)arg;
    return sim_all_well(p->c);
}

static const struct condition {
    const char *name;
    int (*fn)(struct sim_play *p, const void *arg);
    int each_event;
    unsigned promise;
    const char *failed;
} conditions[] = {
    { "agreed", agreed, 0, 6, "the members do not agree" },
    { "answered", answered, 1, 5, "commands are still open" },
    { "running", all_run, 0, 1, "not all children that were started run" },
    { "settled", settled, 0, 6, "not all is well" }
};
#define CONDITIONS (sizeof(conditions) / sizeof(conditions[0]))

static int wait_for(struct sim_play *p, const struct condition *condition,
                    uint64_t at_ns)
{
    if (!sim_play_until(p, at_ns, condition->each_event, condition->fn, NULL)
        && !p->c->broken)
        sim_broken(p->c, condition->promise, "line %u: %s", p->now->line,
                   condition->failed);
    return 0;
}

void sim_play_await(struct sim_play *p, const char *name, uint64_t ns)
{
    for (size_t i = 0; i < CONDITIONS; i++)
        if (strcmp(name, conditions[i].name) == 0)
            (void)wait_for(p, &conditions[i],
                           phub__world_now(p->c->world) + ns);
}

static int play_wait_until(struct sim_play *p, const struct sim_arg *args)
{
    const char *word;
    uint64_t at_ns;
    int calm;

    if (sim_play_word(p, &args[0], &word) != 0
        || limit_of(p, &args[1], &at_ns) != 0)
        return -1;
    for (size_t i = 0; i < CONDITIONS; i++)
        if (strcmp(word, conditions[i].name) == 0)
            return wait_for(p, &conditions[i], at_ns);
    calm = strcmp(word, "calm") == 0;
    if (strcmp(word, "quiet") != 0 && !calm)
        return sim_play_fail(p, "found '%s', allowed are agreed, answered, "
                             "running, settled, quiet, calm", word);
    if (args[1].given)
        return sim_play_fail(p, "quiet has its own limit, and is not allowed "
                             "another");
    sim_judge_quiet(p->c);
    if (calm)
        sim_judge_calm(p->c);
    p->judged = 1;
    return 0;
}

const struct sim_form sim_forms_wait[] = {
    { "at TIME STATEMENT", SIM_ACTION, play_at },
    { "after NUMBER events STATEMENT", SIM_ACTION, play_after_events },
    { "after TIME STATEMENT", SIM_ACTION, play_after },
    { "wait NUMBER events", SIM_ACTION, play_wait_events },
    { "wait TIME", SIM_ACTION, play_wait },
    { "wait until CHILDREN WORD [on NODE] [within TIME]", SIM_ACTION,
      play_wait_children },
    { "wait until WORD [within TIME]", SIM_ACTION, play_wait_until },
    { "expect CHILDREN WORD [on NODE]", SIM_ACTION, play_expect },
    { NULL, SIM_ACTION, NULL }
};
