/* SPDX-License-Identifier: MIT */
/* scenario_tree: what the parts of the scenario reader and player share.
 *
 * A statement's form is a text of one of four tables: words as
 * they stand, slots in capitals, optional parts (which begin with a word) in
 * brackets.  Each slot is one argument, and so is an optional part without a
 * slot.  All of the tree lives in blocks of the scenario. */
#ifndef PHUB_TOOLS_SIM_SCENARIO_TREE_H
#define PHUB_TOOLS_SIM_SCENARIO_TREE_H

#include "sim/scenario.h"

#define SIM_ARGS_MAX 8u
#define SIM_NAME_MAX 31u
#define SIM_PARAM_MAX 127u

enum sim_op {
    SIM_OP_CONST, SIM_OP_VAR, SIM_OP_WHERE, SIM_OP_PICK, SIM_OP_MINUS,
    SIM_OP_ADD, SIM_OP_SUB, SIM_OP_MUL, SIM_OP_DIV, SIM_OP_MOD, SIM_OP_EQ,
    SIM_OP_NE, SIM_OP_LT, SIM_OP_LE, SIM_OP_GT, SIM_OP_GE
};

struct sim_expr {
    enum sim_op op;
    int64_t value;             /* of a constant; which variable */
    struct sim_expr *left, *right;
    struct sim_expr *next;     /* of a pick's list, which left begins */
};

/* Some of a kind, by index; first NULL: all. */
struct sim_span {
    struct sim_span *next;
    struct sim_expr *first, *last;
};

struct sim_group {
    struct sim_group *next;
    struct sim_span *spans;    /* NULL: the rest */
};

struct sim_word {
    struct sim_word *next;
    char text[SIM_NAME_MAX + 1];
};

struct sim_param {
    struct sim_param *next;
    char name[SIM_NAME_MAX + 1];
    struct sim_expr *number;   /* NULL: text, or nothing */
    char *text;                /* may be NULL */
};

struct sim_statement;

struct sim_arg {
    int given;
    int arrow;                 /* of groups: one way */
    struct sim_expr *expr;     /* number, time in ns, index, which word */
    struct sim_span *spans;
    struct sim_group *groups;
    struct sim_word *words;
    struct sim_param *params;
    struct sim_statement *statement;
};

struct sim_play;

enum sim_when {
    SIM_SETTING,               /* before the first action */
    SIM_ACTION,
    SIM_ANYWHERE
};

struct sim_form {
    const char *text;
    enum sim_when when;
    int (*play)(struct sim_play *p, const struct sim_arg *args);
};

struct sim_statement {
    struct sim_statement *next;
    const struct sim_form *form;
    unsigned line;
    struct sim_arg args[SIM_ARGS_MAX];
};

struct sim_block {
    struct sim_block *next;
};

struct sim_scenario {
    struct sim_block *blocks;
    char *name;
    struct sim_statement *first;
    struct sim_statement **end;
    char names[SIM_SCENARIO_NAMES_MAX][SIM_NAME_MAX + 1];
    uint32_t names_count;
    uint64_t variant_first, variant_last;
};

/* --- scenario_token.c ----------------------------------------------------- */
enum sim_token_kind {
    SIM_TOKEN_END, SIM_TOKEN_WORD, SIM_TOKEN_NUMBER, SIM_TOKEN_DECIMAL,
    SIM_TOKEN_VAR, SIM_TOKEN_STRING, SIM_TOKEN_SIGN
};

struct sim_token {
    enum sim_token_kind kind;
    const char *text;          /* in the source */
    uint32_t size;
    int64_t value;             /* of a number; of a decimal in 10^-9 */
};

struct sim_reader {
    struct sim_scenario *s;
    unsigned line;
    struct sim_token tokens[SIM_SCENARIO_TOKENS_MAX + 1];
    uint32_t at;
    uint32_t depth;
    uint32_t worst;            /* where the best attempt ended, */
    const char *want;          /* what it wanted there, */
    uint32_t worst_start;      /* and where its statement began */
    uint32_t start;            /* of the statement that is read */
    int acts;                  /* an action was read */
    char *error;
    size_t error_max;
};

/* How much of what was found is shown: what is allowed comes behind it. */
#define SIM_SHOWN_MAX 60u
static inline int sim_shown(size_t size)
{
    return size < SIM_SHOWN_MAX ? (int)size : (int)SIM_SHOWN_MAX;
}

void *sim_scenario_alloc(struct sim_scenario *s, size_t size);
/* Fill the tokens from one line.  Errors: PHUB_EINVAL, told. */
int sim_tokens_read(struct sim_reader *r, const char *line, size_t size);
int sim_token_is(const struct sim_token *token, const char *text);
/* The next token, if it is that text: 1, and it is taken. */
int sim_token_take(struct sim_reader *r, const char *text);
/* -1; remembers what was wanted at the token that is next. */
int sim_want(struct sim_reader *r, const char *what);
int sim_reader_fail(struct sim_reader *r, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* --- scenario_expr.c ------------------------------------------------------ */
/* NULL: not there, wanted. */
struct sim_expr *sim_expr_read(struct sim_reader *r);
struct sim_expr *sim_expr_primary(struct sim_reader *r);
struct sim_expr *sim_expr_const(struct sim_reader *r, int64_t value);
struct sim_expr *sim_expr_scaled(struct sim_reader *r, struct sim_expr *expr,
                                 int64_t factor);
/* Which node or child: n3 n(EXPR), c3 c(EXPR), a letter for a node. */
struct sim_expr *sim_expr_node(struct sim_reader *r);
struct sim_expr *sim_expr_child(struct sim_reader *r);
/* Errors: -1, told to the player. */
int sim_expr_value(struct sim_play *p, const struct sim_expr *expr,
                   int64_t *value);

/* --- scenario_slot.c ------------------------------------------------------ */
/* Read what the slot of that name takes; -1: wanted. */
int sim_slot_read(struct sim_reader *r, const char *slot, size_t size,
                  struct sim_arg *arg);

/* --- scenario.c ----------------------------------------------------------- */
struct sim_statement *sim_statement_read(struct sim_reader *r);

/* --- the forms: text NULL at the end of each table ------------------------ */
extern const struct sim_form sim_forms_settings[];  /* scenario_settings.c */
extern const struct sim_form sim_forms_wait[];      /* scenario_wait.c */
extern const struct sim_form sim_forms_people[];    /* scenario_people.c */
extern const struct sim_form sim_forms_faults[];    /* scenario_faults.c */

/* --- scenario_play.c ------------------------------------------------------ */
struct sim_play {
    const struct sim_scenario *s;
    const struct sim_statement *now;
    const struct sim_play_options *how;
    struct sim_options options;
    struct sim_case *c;        /* NULL while settings are played */
    int64_t values[SIM_SCENARIO_NAMES_MAX];
    struct phub__sim_net net;
    char params[PHUB__KINDS][SIM_ARGS_MAX][SIM_PARAM_MAX + 1];
    const char *param_list[PHUB__KINDS][SIM_ARGS_MAX];
    char names[PHUB__KINDS][SIM_NAME_MAX + 1];
    int64_t expected;          /* this promise breaks; -1: none does */
    uint64_t undone_ns;        /* the last undoing that is planned */
    uint32_t mended;           /* those planned before are void */
    uint64_t clients_off_ns;
    int judged;                /* and nothing was done since */
    char *text;
    size_t text_max;
};

/* -1; the file's mistake, with its line. */
int sim_play_fail(struct sim_play *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int sim_play_statement(struct sim_play *p, const struct sim_statement *s);
/* Call fn at the end of the time in arg, if it was given. */
int sim_play_later(struct sim_play *p, const struct sim_arg *arg,
                   void (*fn)(struct sim_play *p, uint32_t a, uint32_t b),
                   uint32_t a, uint32_t b);
/* Until fn says 1 or the case is broken: looked at after each event, or every
 * 50 ms.  Gives what fn said last. */
int sim_play_until(struct sim_play *p, uint64_t at_ns, int each_event,
                   int (*fn)(struct sim_play *p, const void *arg),
                   const void *arg);
/* A number, or a time in ns, from least to most; -1: told. */
int sim_play_number(struct sim_play *p, const struct sim_arg *arg,
                    const char *what, int64_t least, int64_t most,
                    int64_t *value);
int sim_play_time(struct sim_play *p, const struct sim_arg *arg,
                  uint64_t *ns);
/* The index of a node, of a child. */
int sim_play_node(struct sim_play *p, const struct sim_expr *expr,
                  uint32_t *index);
int sim_play_nodes(struct sim_play *p, const struct sim_span *span,
                   uint32_t *first, uint32_t *last);
int sim_play_each_node(struct sim_play *p, const struct sim_arg *arg,
                       int (*fn)(struct sim_play *p, uint32_t index,
                                 uint64_t value), uint64_t value);
int sim_play_children(struct sim_play *p, const struct sim_span *span,
                      uint32_t *first, uint32_t *last);
/* "name" or "name=value"; -1: too long, told. */
int sim_play_param(struct sim_play *p, const struct sim_param *param,
                   char *text, size_t max);
/* scenario_wait.c: a condition of that name, or a promise is broken. */
void sim_play_await(struct sim_play *p, const char *name, uint64_t ns);
/* Which of the words. */
int sim_play_word(struct sim_play *p, const struct sim_arg *arg,
                  const char **word);

#endif
