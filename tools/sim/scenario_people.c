/* SPDX-License-Identifier: MIT */
/* scenario_people: what people, clients and children do. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/scenario_tree.h"

#define WEIGHT_MAX 1000000    /* as in a configuration */
#define PACE_MIN (100 * PHUB__SIM_US)

/* --- people --------------------------------------------------------------- */

static int play_scene(struct sim_play *p, const struct sim_arg *args)
{
    struct sim_case *c = p->c;

    (void)args;
    sim_boot(c, 0, p->options.nodes);
    sim_play_await(p, "agreed", 5 * PHUB__SIM_S);
    sim_run(c, 1000);
    sim_start(c, 0, 0, p->options.children);
    sim_play_await(p, "running", 5 * PHUB__SIM_S);
    sim_clients_start(c);
    sim_run(c, 500);
    return 0;
}

static int start_node(struct sim_play *p, uint32_t index, uint64_t empty)
{
    if (empty && p->c->leaving[index] == SIM_STAYS
        && phub__sim_node_env(sim_node(p->c, index)) != NULL)
        return sim_play_fail(p, "n%u runs, and cannot lose its disk", index);
    sim_start_node(p->c, index, empty != 0);
    return 0;
}

static int play_start_nodes(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_each_node(p, &args[0], start_node,
                              (uint64_t)args[1].given);
}

static int weigh(struct sim_play *p, uint32_t index, uint64_t weight)
{
    p->c->weights[index] = (uint32_t)weight;
    return 0;
}

static int play_weight(struct sim_play *p, const struct sim_arg *args)
{
    int64_t weight;

    if (sim_play_number(p, &args[1], "weight", 1, WEIGHT_MAX, &weight) != 0)
        return -1;
    return sim_play_each_node(p, &args[0], weigh, (uint64_t)weight);
}

static int leave_node(struct sim_play *p, uint32_t index, uint64_t ns)
{
    sim_leave(p->c, index, ns / PHUB__SIM_MS);
    return 0;
}

static int play_leave(struct sim_play *p, const struct sim_arg *args)
{
    uint64_t ns = 20 * PHUB__SIM_S;

    if (args[1].given && sim_play_time(p, &args[1], &ns) != 0)
        return -1;
    return sim_play_each_node(p, &args[0], leave_node, ns);
}

/* The node to ask, any if none was said. */
static int asked(struct sim_play *p, const struct sim_arg *arg,
                 uint32_t *node)
{
    *node = UINT32_MAX;
    return arg->given ? sim_play_node(p, arg->expr, node) : 0;
}

static int ask_all(struct sim_play *p, const struct sim_arg *args,
                   void (*fn)(struct sim_case *c, uint32_t node,
                              uint32_t first, uint32_t last))
{
    uint32_t node, first, last;

    if (asked(p, &args[1], &node) != 0)
        return -1;
    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        fn(p->c, node, first, last);
    }
    return 0;
}

static int play_start(struct sim_play *p, const struct sim_arg *args)
{
    return ask_all(p, args, sim_start);
}

static int play_stop(struct sim_play *p, const struct sim_arg *args)
{
    return ask_all(p, args, sim_stop);
}

static int play_move(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t node, target, first, last;

    if (sim_play_node(p, args[1].expr, &target) != 0
        || asked(p, &args[2], &node) != 0)
        return -1;
    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            sim_move(p->c, node, i, target);
    }
    return 0;
}

static int play_drain(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t node, target;

    if (sim_play_node(p, args[0].expr, &target) != 0
        || asked(p, &args[1], &node) != 0)
        return -1;
    sim_drain(p->c, node, target);
    return 0;
}

static int play_forget(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t node, target;

    if (sim_play_node(p, args[0].expr, &target) != 0
        || asked(p, &args[1], &node) != 0)
        return -1;
    sim_forget(p->c, node, target);
    return 0;
}

static int play_edit(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t node, first, last;

    if (asked(p, &args[1], &node) != 0)
        return -1;
    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            sim_edit(p->c, node, i);
    }
    return 0;
}

static int play_send(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t first, last;
    uint64_t ns;

    if (sim_play_time(p, &args[1], &ns) != 0)
        return -1;
    if (ns < PACE_MIN)
        return sim_play_fail(p, "found messages every %llu ns, allowed is "
                             "100us or more", (unsigned long long)ns);
    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        sim_senders_start(p->c, first, last, ns, 1);
    }
    return 0;
}

static int play_send_off(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    sim_senders_stop(p->c);
    return 0;
}

static int play_operate(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    sim_operate(p->c);
    return 0;
}

static int play_clients_on(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    if (p->c->clients_on)
        return 0;
    if (p->clients_off_ns + PHUB__SIM_S > phub__world_now(p->c->world))
        return sim_play_fail(p, "clients are allowed on again 1 s after off");
    sim_clients_start(p->c);
    return 0;
}

static int play_clients_off(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    sim_clients_stop(p->c);
    p->clients_off_ns = phub__world_now(p->c->world);
    return 0;
}

static int manner_wrong(struct sim_play *p, const char *word)
{
    char text[400] = "actor (first)";
    size_t used = strlen(text);
    const char *known;

    for (size_t i = 0; (known = phub__sim_manner_word(i)) != NULL; i++) {
        if (used < sizeof(text))
            used += (size_t)snprintf(text + used, sizeof(text) - used,
                                     ", %s%s", known,
                                     strchr(known, '=') != NULL ? "N" : "");
    }
    return sim_play_fail(p, "found '%s', allowed are %s", word, text);
}

static int play_manner(struct sim_play *p, const struct sim_arg *args)
{
    char text[sizeof(p->c->children[0].argv)] = "";
    char word[SIM_PARAM_MAX + 1];
    size_t used = 0;
    uint32_t first, last;

    for (const struct sim_param *w = args[1].params; w != NULL; w = w->next) {
        if (sim_play_param(p, w, word, sizeof(word)) != 0)
            return -1;
        if (strcmp(word, "actor") == 0 ? used != 0
            : !phub__sim_manner_knows(word))
            return manner_wrong(p, word);
        if (used == 0 && strcmp(word, "actor") != 0)
            used = (size_t)snprintf(text, sizeof(text), "sim");
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%s",
                                 used == 0 ? "" : " ", word);
        if (used >= sizeof(text))
            return sim_play_fail(p, "found a manner of %zu bytes, allowed "
                                 "are %zu", used, sizeof(text) - 1);
    }
    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            memcpy(p->c->children[i].argv, text, sizeof(text));
    }
    return 0;
}
static void crash_instances(struct sim_case *c, const struct sim_child *child)
{
    struct phub__sim_child *next = sim_instance_next(c, child, NULL);
    struct phub__sim_child *instance;

    while ((instance = next) != NULL) {
        next = sim_instance_next(c, child, instance);
        phub__sim_child_crash(instance, 1);
    }
}

static int play_child_crash(struct sim_play *p, const struct sim_arg *args)
{
    uint32_t first, last;

    for (const struct sim_span *s = args[0].spans; s != NULL; s = s->next) {
        if (sim_play_children(p, s, &first, &last) != 0)
            return -1;
        for (uint32_t i = first; i < last; i++)
            crash_instances(p->c, &p->c->children[i]);
    }
    return 0;
}

static int play_switch(struct sim_play *p, const struct sim_arg *args)
{
    char texts[SIM_SWITCH_PARAMS_MAX][SIM_PARAM_MAX + 1];
    const char *params[SIM_SWITCH_PARAMS_MAX], *kind, *name;
    const struct sim_param *param = args[2].params;
    uint32_t node, count = 0;

    if (sim_play_word(p, &args[0], &kind) != 0
        || sim_play_word(p, &args[1], &name) != 0
        || asked(p, &args[3], &node) != 0)
        return -1;
    if (phub__kind_of(kind) == 0)
        return sim_play_fail(p, "found \"%s\", allowed are distribution, "
                             "redundancy, sync, migration and partition",
                             kind);
    for (; param != NULL; param = param->next, count++) {
        if (count == SIM_SWITCH_PARAMS_MAX)
            return sim_play_fail(p, "found more parameters than allowed: %u",
                                 SIM_SWITCH_PARAMS_MAX);
        if (sim_play_param(p, param, texts[count], sizeof(texts[count])) != 0)
            return -1;
        params[count] = texts[count];
    }
    sim_switch(p->c, node, phub__kind_of(kind), name, params, count);
    return 0;
}

const struct sim_form sim_forms_people[] = {
    { "scene", SIM_ACTION, play_scene },
    { "manner CHILDREN WORDS", SIM_ACTION, play_manner },
    { "start NODES [empty]", SIM_ACTION, play_start_nodes },
    { "start CHILDREN [at NODE]", SIM_ACTION, play_start },
    { "stop CHILDREN [at NODE]", SIM_ACTION, play_stop },
    { "move CHILDREN to NODE [at NODE]", SIM_ACTION, play_move },
    { "drain NODE [at NODE]", SIM_ACTION, play_drain },
    { "forget NODE [at NODE]", SIM_ACTION, play_forget },
    { "weight NODES NUMBER", SIM_ACTION, play_weight },
    { "leave NODES [within TIME]", SIM_ACTION, play_leave },
    { "edit CHILDREN [at NODE]", SIM_ACTION, play_edit },
    { "send off", SIM_ACTION, play_send_off },
    { "send CHILDREN every TIME", SIM_ACTION, play_send },
    { "switch WORD WORD [with WORDS] [at NODE]", SIM_ACTION, play_switch },
    { "operate", SIM_ACTION, play_operate },
    { "clients on", SIM_ACTION, play_clients_on },
    { "clients off", SIM_ACTION, play_clients_off },
    { "child crash CHILDREN", SIM_ACTION, play_child_crash },
    { NULL, SIM_ACTION, NULL }
};
