/* SPDX-License-Identifier: MIT */
/* scenario_expr: numbers of a scenario, read and worked out.
 *
 *   compare = sum [(== | != | < | <= | > | >=) sum]
 *   sum     = product { (+ | -) product }
 *   product = primary { (* | / | %) primary }
 *   primary = number | $name | -primary | (compare) | where(CHILD)
 *           | pick(compare: compare, ...)
 *
 * All are whole numbers of 64 bits; what does not fit, and a division by 0,
 * is a mistake of the file. */
#include "config.h"

#include <string.h>

#include "sim/scenario_tree.h"

static struct sim_expr *node_of(struct sim_reader *r, enum sim_op op,
                                struct sim_expr *left, struct sim_expr *right)
{
    struct sim_expr *expr = sim_scenario_alloc(r->s, sizeof(*expr));

    expr->op = op;
    expr->left = left;
    expr->right = right;
    return expr;
}

struct sim_expr *sim_expr_const(struct sim_reader *r, int64_t value)
{
    struct sim_expr *expr = node_of(r, SIM_OP_CONST, NULL, NULL);

    expr->value = value;
    return expr;
}

struct sim_expr *sim_expr_scaled(struct sim_reader *r, struct sim_expr *expr,
                                 int64_t factor)
{
    return factor == 1 ? expr
        : node_of(r, SIM_OP_MUL, expr, sim_expr_const(r, factor));
}

/* --- reading -------------------------------------------------------------- */

static struct sim_expr *wanted(struct sim_reader *r, const char *what)
{
    (void)sim_want(r, what);
    return NULL;
}

static struct sim_expr *variable(struct sim_reader *r)
{
    const struct sim_token *token = &r->tokens[r->at];
    struct sim_expr *expr;

    for (uint32_t i = 0; i < r->s->names_count; i++) {
        if (token->size - 1 != strlen(r->s->names[i])
            || memcmp(token->text + 1, r->s->names[i], token->size - 1) != 0)
            continue;
        r->at++;
        expr = node_of(r, SIM_OP_VAR, NULL, NULL);
        expr->value = i;
        return expr;
    }
    return wanted(r, "$v, or a name that let has made above");
}

static struct sim_expr *enclosed(struct sim_reader *r)
{
    struct sim_expr *expr;

    if (r->depth == SIM_SCENARIO_DEPTH_MAX)
        return wanted(r, "fewer parentheses inside each other");
    r->depth++;
    expr = sim_expr_read(r);
    r->depth--;
    return expr;
}

static struct sim_expr *closed(struct sim_reader *r, struct sim_expr *expr)
{
    if (expr == NULL || sim_token_take(r, ")"))
        return expr;
    return wanted(r, "')'");
}

static struct sim_expr *pick(struct sim_reader *r)
{
    struct sim_expr *expr = node_of(r, SIM_OP_PICK, NULL, NULL);
    struct sim_expr **end = &expr->left;

    if (!sim_token_take(r, "("))
        return wanted(r, "'('");
    expr->right = enclosed(r);
    if (expr->right == NULL)
        return NULL;
    if (!sim_token_take(r, ":"))
        return wanted(r, "':'");
    do {
        *end = enclosed(r);
        if (*end == NULL)
            return NULL;
        end = &(*end)->next;
        expr->value++;
    } while (sim_token_take(r, ","));
    return closed(r, expr);
}

struct sim_expr *sim_expr_primary(struct sim_reader *r)
{
    const struct sim_token *token = &r->tokens[r->at];
    struct sim_expr *expr;

    if (token->kind == SIM_TOKEN_NUMBER) {
        r->at++;
        return sim_expr_const(r, token->value);
    }
    if (token->kind == SIM_TOKEN_VAR)
        return variable(r);
    if (sim_token_take(r, "-")) {
        if (r->depth == SIM_SCENARIO_DEPTH_MAX)
            return wanted(r, "fewer signs");
        r->depth++;
        expr = sim_expr_primary(r);
        r->depth--;
        return expr == NULL ? NULL : node_of(r, SIM_OP_MINUS, expr, NULL);
    }
    if (sim_token_take(r, "("))
        return closed(r, enclosed(r));
    if (sim_token_take(r, "pick"))
        return pick(r);
    if (sim_token_take(r, "where")) {
        if (!sim_token_take(r, "("))
            return wanted(r, "'('");
        expr = sim_expr_child(r);
        return expr == NULL ? NULL
            : closed(r, node_of(r, SIM_OP_WHERE, expr, NULL));
    }
    return wanted(r, "a number, $v, pick(N: A, B), where(c0) or '('");
}

static const struct {
    const char *text;
    enum sim_op op;
    int level;
} signs[] = {
    { "==", SIM_OP_EQ, 0 }, { "!=", SIM_OP_NE, 0 }, { "<=", SIM_OP_LE, 0 },
    { ">=", SIM_OP_GE, 0 }, { "<", SIM_OP_LT, 0 }, { ">", SIM_OP_GT, 0 },
    { "+", SIM_OP_ADD, 1 }, { "-", SIM_OP_SUB, 1 }, { "*", SIM_OP_MUL, 2 },
    { "/", SIM_OP_DIV, 2 }, { "%", SIM_OP_MOD, 2 }
};
#define SIGNS (sizeof(signs) / sizeof(signs[0]))

static struct sim_expr *level(struct sim_reader *r, int lowest)
{
    struct sim_expr *left = lowest == 2 ? sim_expr_primary(r)
                                        : level(r, lowest + 1);
    struct sim_expr *right;
    size_t i;

    while (left != NULL) {
        for (i = 0; i < SIGNS; i++)
            if (signs[i].level == lowest
                && r->tokens[r->at].kind == SIM_TOKEN_SIGN
                && sim_token_is(&r->tokens[r->at], signs[i].text))
                break;
        if (i == SIGNS)
            return left;
        r->at++;
        right = lowest == 2 ? sim_expr_primary(r) : level(r, lowest + 1);
        left = right == NULL ? NULL : node_of(r, signs[i].op, left, right);
    }
    return NULL;
}

struct sim_expr *sim_expr_read(struct sim_reader *r)
{
    return level(r, 0);
}

/* --- nodes and children --------------------------------------------------- */

/* n12, n(EXPR), and a letter alone if letters is set. */
static struct sim_expr *indexed(struct sim_reader *r, char letter,
                                int letters, const char *what)
{
    const struct sim_token *token = &r->tokens[r->at];
    int64_t value = 0;

    if (token->kind != SIM_TOKEN_WORD)
        return wanted(r, what);
    if (token->size == 1 && sim_token_is(token + 1, "(")) {
        if (token->text[0] != letter)
            return wanted(r, what);
        r->at += 2;
        return closed(r, enclosed(r));
    }
    if (token->size == 1) {
        if (!letters || token->text[0] < 'a' || token->text[0] > 'z')
            return wanted(r, what);
        r->at++;
        return sim_expr_const(r, token->text[0] - 'a');
    }
    if (token->text[0] != letter || token->size > 8)
        return wanted(r, what);
    for (uint32_t i = 1; i < token->size; i++) {
        if (token->text[i] < '0' || token->text[i] > '9')
            return wanted(r, what);
        value = value * 10 + (token->text[i] - '0');
    }
    r->at++;
    return sim_expr_const(r, value);
}

struct sim_expr *sim_expr_node(struct sim_reader *r)
{
    return indexed(r, 'n', 1, "a node: a, n3 or n($v)");
}

struct sim_expr *sim_expr_child(struct sim_reader *r)
{
    return indexed(r, 'c', 0, "a child: c3 or c($v)");
}

/* --- working out ---------------------------------------------------------- */

static int where(struct sim_play *p, int64_t child, int64_t *value)
{
    uint32_t index;

    if (p->c == NULL)
        return sim_play_fail(p, "where() is known only after the first "
                             "action");
    if (child < 0 || child >= p->options.children)
        return sim_play_fail(p, "found child c%lld, allowed are c0 to c%u",
                             (long long)child, p->options.children - 1);
    index = sim_where(p->c, (uint32_t)child);
    if (index == UINT32_MAX)
        return sim_play_fail(p, "where(c%lld): it acts nowhere",
                             (long long)child);
    *value = index;
    return 0;
}

static int chosen(struct sim_play *p, const struct sim_expr *expr,
                  int64_t *value)
{
    const struct sim_expr *item = expr->left;
    int64_t index;

    if (sim_expr_value(p, expr->right, &index) != 0)
        return -1;
    index %= expr->value;
    if (index < 0)
        index += expr->value;
    while (index-- > 0)
        item = item->next;
    return sim_expr_value(p, item, value);
}

static int calculate(struct sim_play *p, enum sim_op op, int64_t a, int64_t b,
                     int64_t *value)
{
    int over = 0;

    if ((op == SIM_OP_DIV || op == SIM_OP_MOD) && b == 0)
        return sim_play_fail(p, "division by 0");
    switch (op) {
    case SIM_OP_MINUS: over = __builtin_sub_overflow(0, a, value); break;
    case SIM_OP_ADD: over = __builtin_add_overflow(a, b, value); break;
    case SIM_OP_SUB: over = __builtin_sub_overflow(a, b, value); break;
    case SIM_OP_MUL: over = __builtin_mul_overflow(a, b, value); break;
    case SIM_OP_DIV:
        if (b == -1)
            over = __builtin_sub_overflow(0, a, value);
        else
            *value = a / b;
        break;
    case SIM_OP_MOD: *value = b == -1 ? 0 : a % b; break;
    case SIM_OP_EQ: *value = a == b; break;
    case SIM_OP_NE: *value = a != b; break;
    case SIM_OP_LT: *value = a < b; break;
    case SIM_OP_LE: *value = a <= b; break;
    case SIM_OP_GT: *value = a > b; break;
    case SIM_OP_GE: *value = a >= b; break;
    case SIM_OP_CONST:
    case SIM_OP_VAR:
    case SIM_OP_WHERE:
    case SIM_OP_PICK:
        return -1;
    }
    return over ? sim_play_fail(p, "a number is too large") : 0;
}

int sim_expr_value(struct sim_play *p, const struct sim_expr *expr,
                   int64_t *value)
{
    int64_t a = 0, b = 0;

    if (expr->op == SIM_OP_CONST) {
        *value = expr->value;
        return 0;
    }
    if (expr->op == SIM_OP_VAR) {
        *value = p->values[expr->value];
        return 0;
    }
    if (expr->op == SIM_OP_PICK)
        return chosen(p, expr, value);
    if (sim_expr_value(p, expr->left, &a) != 0
        || (expr->right != NULL && sim_expr_value(p, expr->right, &b) != 0))
        return -1;
    if (expr->op == SIM_OP_WHERE)
        return where(p, a, value);
    return calculate(p, expr->op, a, b, value);
}
