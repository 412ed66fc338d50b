/* SPDX-License-Identifier: MIT */
/* scenario_token: the words of one line, and what is said about mistakes. */
#include "config.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <phub/error.h>

#include "sim/scenario_tree.h"
#include "wire/assert.h"

#define DIGITS_MAX 15
#define NANO 1000000000

void *sim_scenario_alloc(struct sim_scenario *s, size_t size)
{
    struct sim_block *block = calloc(1, sizeof(*block) + size);

    phub__assert(block != NULL);
    block->next = s->blocks;
    s->blocks = block;
    return block + 1;
}

/* --- mistakes ------------------------------------------------------------- */

int sim_reader_fail(struct sim_reader *r, const char *format, ...)
{
    char text[600];
    va_list list;

    va_start(list, format);
    (void)vsnprintf(text, sizeof(text), format, list);
    va_end(list);
    (void)snprintf(r->error, r->error_max, "%s:%u: %s", r->s->name, r->line,
                   text);
    return PHUB_EINVAL;
}

int sim_want(struct sim_reader *r, const char *what)
{
    if (r->want == NULL || r->at > r->worst) {
        r->worst = r->at;
        r->worst_start = r->start;
        r->want = what;
    }
    return -1;
}

/* --- reading -------------------------------------------------------------- */

static int is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int is_name(char c)
{
    return is_letter(c) || is_digit(c);
}

/* A word may have single dashes inside: slow-ready. */
static uint32_t word_size(const char *text, size_t size)
{
    uint32_t used = 1;

    while (used < size
           && (is_name(text[used])
               || (text[used] == '-' && used + 1 < size
                   && is_name(text[used + 1]))))
        used++;
    return used;
}

static uint32_t sign_size(const char *text, size_t size)
{
    static const char *const twos[] = { "..", "->", "==", "!=", "<=", ">=" };

    for (size_t i = 0; size >= 2 && i < sizeof(twos) / sizeof(twos[0]); i++)
        if (memcmp(text, twos[i], 2) == 0)
            return 2;
    return strchr("(),|:=+-*/%<>", text[0]) != NULL && text[0] != '\0';
}

static int read_number(struct sim_reader *r, struct sim_token *token,
                       const char *text, size_t size)
{
    uint32_t used = 0, digits;
    int64_t value = 0, part = NANO;

    while (used < size && is_digit(text[used]))
        value = used < DIGITS_MAX ? value * 10 + (text[used++] - '0')
                                  : (used++, value);
    digits = used;
    token->kind = SIM_TOKEN_NUMBER;
    if (used + 1 < size && text[used] == '.' && is_digit(text[used + 1])) {
        token->kind = SIM_TOKEN_DECIMAL;
        if (digits > 9)
            return sim_reader_fail(r, "found '%.*s', allowed are 9 digits "
                                   "before a point", sim_shown(used), text);
        value *= NANO;
        for (used++; used < size && is_digit(text[used]); used++) {
            part /= 10;
            value += part * (text[used] - '0');
        }
    } else if (digits > DIGITS_MAX) {
        return sim_reader_fail(r, "found '%.*s', allowed are %d digits",
                               sim_shown(used), text, DIGITS_MAX);
    }
    token->value = value;
    token->size = used;
    return 0;
}

static int read_token(struct sim_reader *r, struct sim_token *token,
                      const char *text, size_t size)
{
    const char *end;

    token->text = text;
    if (is_digit(text[0]))
        return read_number(r, token, text, size);
    if (is_letter(text[0])) {
        token->kind = SIM_TOKEN_WORD;
        token->size = word_size(text, size);
        return 0;
    }
    if (text[0] == '$' && size > 1 && is_letter(text[1])) {
        token->kind = SIM_TOKEN_VAR;
        token->size = 2;
        while (token->size < size && is_name(text[token->size]))
            token->size++;
        return 0;
    }
    if (text[0] == '"') {
        end = memchr(text + 1, '"', size - 1);
        if (end == NULL)
            return sim_reader_fail(r, "found a text without an end, allowed "
                                   "is \"...\" in one line");
        token->kind = SIM_TOKEN_STRING;
        token->size = (uint32_t)(end + 1 - text);
        return 0;
    }
    token->kind = SIM_TOKEN_SIGN;
    token->size = sign_size(text, size);
    if (token->size != 0)
        return 0;
    if (text[0] > ' ' && text[0] <= '~')
        return sim_reader_fail(r, "found '%c', allowed are words, numbers, "
                               "$names, \"texts\" and ( ) , .. | -> : = and "
                               "+ - * / %% == != < <= > >=", text[0]);
    return sim_reader_fail(r, "found a byte of value %u, allowed is "
                           "printable ASCII", (unsigned)(uint8_t)text[0]);
}

int sim_tokens_read(struct sim_reader *r, const char *line, size_t size)
{
    uint32_t count = 0;
    size_t used = 0;
    int rc;

    memset(r->tokens, 0, sizeof(r->tokens));
    while (used < size && line[used] != '#') {
        if (line[used] == ' ' || line[used] == '\t' || line[used] == '\r') {
            used++;
            continue;
        }
        if (count == SIM_SCENARIO_TOKENS_MAX)
            return sim_reader_fail(r, "found more words than allowed: %u",
                                   SIM_SCENARIO_TOKENS_MAX);
        rc = read_token(r, &r->tokens[count], line + used, size - used);
        if (rc != 0)
            return rc;
        used += r->tokens[count++].size;
    }
    r->tokens[count].kind = SIM_TOKEN_END;
    r->tokens[count].text = "";
    r->at = r->worst = r->depth = r->start = 0;
    r->want = NULL;
    return 0;
}

int sim_token_is(const struct sim_token *token, const char *text)
{
    return token->size == strlen(text)
        && memcmp(token->text, text, token->size) == 0;
}

int sim_token_take(struct sim_reader *r, const char *text)
{
    if (!sim_token_is(&r->tokens[r->at], text))
        return 0;
    r->at++;
    return 1;
}
