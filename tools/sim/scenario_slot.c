/* SPDX-License-Identifier: MIT */
/* scenario_slot: what stands for the capitals in a statement's form. */
#include "config.h"

#include <string.h>

#include "sim/scenario_tree.h"

static int number_slot(struct sim_reader *r, struct sim_arg *arg)
{
    arg->expr = sim_expr_read(r);
    return arg->expr == NULL ? -1 : 0;
}

/* A number and a unit; a decimal is in 10^-9 of a second then. */
static int time_slot(struct sim_reader *r, struct sim_arg *arg)
{
    static const struct {
        const char *name;
        int64_t ns;
    } units[] = {
        { "ns", 1 }, { "us", 1000 }, { "ms", 1000000 }, { "s", 1000000000 }
    };
    const struct sim_token *token = &r->tokens[r->at];
    int decimal = token->kind == SIM_TOKEN_DECIMAL;

    if (decimal) {
        r->at++;
        arg->expr = sim_expr_const(r, token->value);
    } else if (number_slot(r, arg) != 0) {
        return sim_want(r, "a time: 3s, 20ms, 1.5s, ($v*7)us");
    }
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (sim_token_take(r, units[i].name)) {
            if (decimal)
                arg->expr->value = token->value / (1000000000 / units[i].ns);
            else
                arg->expr = sim_expr_scaled(r, arg->expr, units[i].ns);
            return 0;
        }
    return sim_want(r, "s, ms, us or ns");
}

static int rate_slot(struct sim_reader *r, struct sim_arg *arg)
{
    const struct sim_token *token = &r->tokens[r->at];

    if (token->kind == SIM_TOKEN_DECIMAL) {
        r->at++;
        arg->expr = sim_expr_const(r, token->value / 100000000);
    } else {
        arg->expr = sim_expr_primary(r);
        if (arg->expr == NULL)
            return sim_want(r, "a rate: 3%, 0.5%, ($v)%");
        arg->expr = sim_expr_scaled(r, arg->expr, 10);
    }
    return sim_token_take(r, "%") ? 0 : sim_want(r, "'%'");
}

/* --- nodes and children --------------------------------------------------- */

static int spans_slot(struct sim_reader *r, struct sim_span **where,
                      struct sim_expr *(*one)(struct sim_reader *r),
                      const char *all)
{
    if (all != NULL && sim_token_take(r, all)) {
        *where = sim_scenario_alloc(r->s, sizeof(**where));
        return 0;
    }
    do {
        struct sim_span *span = sim_scenario_alloc(r->s, sizeof(*span));

        span->first = span->last = one(r);
        if (span->first == NULL)
            return -1;
        if (sim_token_take(r, "..")) {
            span->last = one(r);
            if (span->last == NULL)
                return -1;
        }
        *where = span;
        where = &span->next;
    } while (sim_token_take(r, ","));
    return 0;
}

static int one_slot(struct sim_reader *r, struct sim_arg *arg,
                    struct sim_expr *(*one)(struct sim_reader *r))
{
    arg->expr = one(r);
    return arg->expr == NULL ? -1 : 0;
}

/* a,b|c  a|rest  a->b */
static int groups_slot(struct sim_reader *r, struct sim_arg *arg)
{
    struct sim_group **end = &arg->groups;
    uint32_t count = 0;

    for (;;) {
        struct sim_group *group = sim_scenario_alloc(r->s, sizeof(*group));

        if (!(count != 0 && sim_token_take(r, "rest"))
            && spans_slot(r, &group->spans, sim_expr_node, NULL) != 0)
            return -1;
        *end = group;
        end = &group->next;
        count++;
        if (group->spans == NULL && count != 1)
            break;
        if (!arg->arrow && sim_token_take(r, "|"))
            continue;
        if (count == 1 && sim_token_take(r, "->")) {
            arg->arrow = 1;
            continue;
        }
        break;
    }
    return count >= 2 ? 0 : sim_want(r, "',', '|' or '->'");
}

/* --- words ---------------------------------------------------------------- */

static int name_of(struct sim_reader *r, char *text, const char *what)
{
    const struct sim_token *token = &r->tokens[r->at];

    if (token->kind != SIM_TOKEN_WORD || token->size > SIM_NAME_MAX)
        return sim_want(r, what);
    memcpy(text, token->text, token->size);
    text[token->size] = '\0';
    r->at++;
    return 0;
}

/* A word, or pick(N: word, word). */
static int word_slot(struct sim_reader *r, struct sim_arg *arg)
{
    struct sim_word **end = &arg->words;
    int choice = sim_token_is(&r->tokens[r->at], "pick")
        && sim_token_is(&r->tokens[r->at + 1], "(");

    if (choice) {
        r->at += 2;
        if (number_slot(r, arg) != 0)
            return -1;
        if (!sim_token_take(r, ":"))
            return sim_want(r, "':'");
    }
    do {
        *end = sim_scenario_alloc(r->s, sizeof(**end));
        if (name_of(r, (*end)->text, "a name of at most 31 bytes") != 0)
            return -1;
        end = &(*end)->next;
    } while (choice && sim_token_take(r, ","));
    if (choice && !sim_token_take(r, ")"))
        return sim_want(r, "',' or ')'");
    return 0;
}

/* name, name=number, name="text", name=word; what follows is "at NODE". */
static int params_slot(struct sim_reader *r, struct sim_arg *arg)
{
    struct sim_param **end = &arg->params;

    do {
        struct sim_param *param = sim_scenario_alloc(r->s, sizeof(*param));
        const struct sim_token *token;

        if (name_of(r, param->name, "a name, or name=value") != 0)
            return -1;
        *end = param;
        end = &param->next;
        if (!sim_token_take(r, "="))
            continue;
        token = &r->tokens[r->at];
        if (token->kind == SIM_TOKEN_STRING || (token->kind == SIM_TOKEN_WORD
                && !sim_token_is(token, "pick")
                && !sim_token_is(token, "where"))) {
            uint32_t quote = token->kind == SIM_TOKEN_STRING;

            param->text = sim_scenario_alloc(r->s, token->size + 1);
            memcpy(param->text, token->text + quote,
                   token->size - 2 * quote);
            r->at++;
            continue;
        }
        param->number = sim_expr_primary(r);
        if (param->number == NULL)
            return sim_want(r, "a number, a word or a \"text\"");
    } while (r->tokens[r->at].kind == SIM_TOKEN_WORD
             && (!sim_token_is(&r->tokens[r->at], "at")
                 || sim_token_is(&r->tokens[r->at + 1], "=")));
    return 0;
}

static int constant(struct sim_reader *r, uint64_t *value)
{
    const struct sim_token *token = &r->tokens[r->at];

    if (token->kind != SIM_TOKEN_NUMBER)
        return sim_want(r, "a number as it stands");
    *value = (uint64_t)token->value;
    r->at++;
    return 0;
}

/* 12: 0 to 11; 1..240 */
static int range_slot(struct sim_reader *r)
{
    struct sim_scenario *s = r->s;
    uint64_t first = 0, last = 0;

    if (constant(r, &first) != 0)
        return -1;
    if (!sim_token_take(r, "..")) {
        if (first == 0 || first > SIM_SCENARIO_VARIANTS_MAX) {
            r->at--;
            return sim_want(r, "1 to 100000 variants");
        }
        s->variant_first = 0;
        s->variant_last = first - 1;
        return 0;
    }
    if (constant(r, &last) != 0)
        return -1;
    if (last < first || last - first >= SIM_SCENARIO_VARIANTS_MAX) {
        r->at--;
        return sim_want(r, "a last variant not below the first, and at most "
                        "100000 of them");
    }
    s->variant_first = first;
    s->variant_last = last;
    return 0;
}

/* The name's number is in expr, as a constant. */
static int variable_slot(struct sim_reader *r, struct sim_arg *arg)
{
    struct sim_scenario *s = r->s;
    char name[SIM_NAME_MAX + 1];
    uint32_t index = 0;

    if (name_of(r, name, "a name for a variable") != 0)
        return -1;
    if (strchr(name, '-') != NULL || strcmp(name, "v") == 0) {
        r->at--;
        return sim_want(r, "a name without '-', and not v");
    }
    while (index < s->names_count && strcmp(s->names[index], name) != 0)
        index++;
    if (index == SIM_SCENARIO_NAMES_MAX) {
        r->at--;
        return sim_want(r, "at most 31 names");
    }
    arg->expr = sim_expr_const(r, index);
    arg->words = sim_scenario_alloc(s, sizeof(*arg->words));
    memcpy(arg->words->text, name, sizeof(name));
    return 0;
}

int sim_slot_read(struct sim_reader *r, const char *slot, size_t size,
                  struct sim_arg *arg)
{
    struct sim_token name = { SIM_TOKEN_WORD, slot, (uint32_t)size, 0 };

    arg->given = 1;
    if (sim_token_is(&name, "NUMBER"))
        return number_slot(r, arg);
    if (sim_token_is(&name, "TIME"))
        return time_slot(r, arg);
    if (sim_token_is(&name, "RATE"))
        return rate_slot(r, arg);
    if (sim_token_is(&name, "NODE"))
        return one_slot(r, arg, sim_expr_node);
    if (sim_token_is(&name, "NODES"))
        return spans_slot(r, &arg->spans, sim_expr_node, "nodes");
    if (sim_token_is(&name, "CHILDREN"))
        return spans_slot(r, &arg->spans, sim_expr_child, "children");
    if (sim_token_is(&name, "GROUPS"))
        return groups_slot(r, arg);
    if (sim_token_is(&name, "WORD"))
        return word_slot(r, arg);
    if (sim_token_is(&name, "WORDS"))
        return params_slot(r, arg);
    if (sim_token_is(&name, "VARIANTS"))
        return range_slot(r);
    if (sim_token_is(&name, "NAME"))
        return variable_slot(r, arg);
    arg->statement = sim_statement_read(r);
    return arg->statement == NULL ? -1 : 0;
}
