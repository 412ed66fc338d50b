/* SPDX-License-Identifier: MIT */
/* scenario_settings: what a case is made of, and names of numbers. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "sim/scenario_tree.h"

/* --- settings ------------------------------------------------------------- */

static int count_setting(struct sim_play *p, const struct sim_arg *args,
                         const char *what, int64_t least, int64_t most,
                         uint32_t *value)
{
    int64_t number;

    if (sim_play_number(p, &args[0], what, least, most, &number) != 0)
        return -1;
    *value = (uint32_t)number;
    return 0;
}

static int play_nodes(struct sim_play *p, const struct sim_arg *args)
{
    return count_setting(p, args, "nodes", 1, SIM_NODES_MAX,
                         &p->options.nodes);
}

static int play_children(struct sim_play *p, const struct sim_arg *args)
{
    return count_setting(p, args, "children", 1, SIM_CHILDREN_MAX,
                         &p->options.children);
}

static int play_clients(struct sim_play *p, const struct sim_arg *args)
{
    return count_setting(p, args, "clients", 0, PHUB__SIM_CLIENTS_MAX,
                         &p->options.clients);
}

static int play_seed(struct sim_play *p, const struct sim_arg *args)
{
    int64_t seed;

    if (sim_play_number(p, &args[0], "seed", 0, INT64_MAX, &seed) != 0)
        return -1;
    p->options.seed = (uint64_t)seed;
    return 0;
}

/* The reader has it. */
static int play_variants(struct sim_play *p, const struct sim_arg *args)
{
    (void)p;
    (void)args;
    return 0;
}

static int play_durable(struct sim_play *p, const struct sim_arg *args)
{
    (void)args;
    p->options.durable = 1;
    return 0;
}

int sim_play_param(struct sim_play *p, const struct sim_param *param,
                   char *text, size_t max)
{
    int64_t number;
    int size;

    if (param->number != NULL) {
        if (sim_expr_value(p, param->number, &number) != 0)
            return -1;
        size = snprintf(text, max, "%s=%lld", param->name,
                        (long long)number);
    } else if (param->text != NULL) {
        size = snprintf(text, max, "%s=%s", param->name, param->text);
    } else {
        size = snprintf(text, max, "%s", param->name);
    }
    if (size < 0 || (size_t)size >= max)
        return sim_play_fail(p, "found %s=... of %d bytes, allowed are %zu",
                             param->name, size, max - 1);
    return 0;
}

static int strategy(struct sim_play *p, const struct sim_arg *args,
                    enum phub_kind kind)
{
    struct phub__strategy_option *option = &p->options.strategies[kind];
    const struct sim_param *param = args[1].params;
    const char *name;
    uint32_t count = 0;

    if (sim_play_word(p, &args[0], &name) != 0)
        return -1;
    for (; param != NULL; param = param->next, count++) {
        if (count == SIM_ARGS_MAX)
            return sim_play_fail(p, "found more parameters than allowed: %u",
                                 SIM_ARGS_MAX);
        if (sim_play_param(p, param, p->params[kind][count],
                           sizeof(p->params[kind][count])) != 0)
            return -1;
        p->param_list[kind][count] = p->params[kind][count];
    }
    (void)snprintf(p->names[kind], sizeof(p->names[kind]), "%s", name);
    *option = (struct phub__strategy_option){
        p->names[kind], p->param_list[kind], count };
    return 0;
}

static int play_distribution(struct sim_play *p, const struct sim_arg *args)
{
    return strategy(p, args, PHUB_KIND_DISTRIBUTION);
}

static int play_redundancy(struct sim_play *p, const struct sim_arg *args)
{
    return strategy(p, args, PHUB_KIND_REDUNDANCY);
}

static int play_sync(struct sim_play *p, const struct sim_arg *args)
{
    return strategy(p, args, PHUB_KIND_SYNC);
}

static int play_migration(struct sim_play *p, const struct sim_arg *args)
{
    return strategy(p, args, PHUB_KIND_MIGRATION);
}

static int play_partition(struct sim_play *p, const struct sim_arg *args)
{
    return strategy(p, args, PHUB_KIND_PARTITION);
}

static int play_expect_broken(struct sim_play *p, const struct sim_arg *args)
{
    return sim_play_number(p, &args[0], "promise", 0, 11, &p->expected);
}

/* --- both ----------------------------------------------------------------- */

static int play_let(struct sim_play *p, const struct sim_arg *args)
{
    return sim_expr_value(p, args[1].expr,
                          &p->values[args[0].expr->value]);
}

static int play_when(struct sim_play *p, const struct sim_arg *args)
{
    int64_t value;

    if (sim_expr_value(p, args[0].expr, &value) != 0)
        return -1;
    return value == 0 ? 0 : sim_play_statement(p, args[1].statement);
}

const struct sim_form sim_forms_settings[] = {
    { "nodes NUMBER", SIM_SETTING, play_nodes },
    { "children NUMBER", SIM_SETTING, play_children },
    { "clients NUMBER", SIM_SETTING, play_clients },
    { "seed NUMBER", SIM_SETTING, play_seed },
    { "variants VARIANTS", SIM_SETTING, play_variants },
    { "durable", SIM_SETTING, play_durable },
    { "distribution WORD [with WORDS]", SIM_SETTING, play_distribution },
    { "redundancy WORD [with WORDS]", SIM_SETTING, play_redundancy },
    { "sync WORD [with WORDS]", SIM_SETTING, play_sync },
    { "migration WORD [with WORDS]", SIM_SETTING, play_migration },
    { "partition WORD [with WORDS]", SIM_SETTING, play_partition },
    { "expect broken NUMBER", SIM_SETTING, play_expect_broken },
    { "let NAME = NUMBER", SIM_ANYWHERE, play_let },
    { "when NUMBER STATEMENT", SIM_ANYWHERE, play_when },
    { NULL, SIM_SETTING, NULL }
};
